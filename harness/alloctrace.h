/* alloctrace.h - traces of allocations (memkit.trace/1): written, read, checked, looked into.
 *
 * docs/reference-trace.md has the bytes. Objects have no addresses in them: an allocation takes a free slot of
 * its thread, or, when another thread is to free the object, a number of its own. So the streams of different
 * threads depend on each other where an object crosses, and nowhere else; and each event has a place in one
 * order of all. Whatever a file says of itself is checked before it is believed: how much memory is taken depends
 * on the blocks that are there, and on no number that the file holds.
 */
#ifndef MK_ALLOCTRACE_H
#define MK_ALLOCTRACE_H

#include <stdio.h>

#include "impl_api.h"
#include "text.h"

enum mk_alloctrace_code {
    MK_AT_THREAD_START, /* first and last of a thread */
    MK_AT_THREAD_EXIT,
    MK_AT_MALLOC,
    MK_AT_CALLOC, /* zeroed */
    MK_AT_ALIGNED,
    MK_AT_FREE,
    MK_AT_REALLOC,       /* takes an object and gives one, which had the address of the old one */
    MK_AT_REALLOC_MOVED, /* ... or another address */
    MK_AT_MALLOC_FAILED, /* NULL came back */
    MK_AT_CALLOC_FAILED,
    MK_AT_ALIGNED_FAILED,
    MK_AT_REALLOC_FAILED, /* and the old object is still there */
    MK_AT_CODES
};
extern const char *const mk_alloctrace_names[MK_AT_CODES];

struct mk_alloctrace_event {
    uint32_t thread, code;
    uint64_t order;   /* among all events of all threads: 0, 1, 2, ... */
    uint64_t time_ns; /* since the recording began; exact to what the reference page says */
    uint64_t taken, given; /* the object that is freed, and the one that is allocated, where the code has such */
    bool taken_crosses;    /* `taken` is a number of its own: another thread has allocated it; else a slot */
    bool given_crosses;    /* `given` likewise: another thread will free it */
    uint8_t align_log2;    /* of MK_AT_ALIGNED */
    uint64_t size;         /* bytes asked for */
};

static inline bool mk_alloctrace_takes(unsigned code) {
    return code >= MK_AT_FREE && code <= MK_AT_REALLOC_MOVED;
}

static inline bool mk_alloctrace_gives(unsigned code) {
    return (code >= MK_AT_MALLOC && code <= MK_AT_ALIGNED) || code == MK_AT_REALLOC || code == MK_AT_REALLOC_MOVED;
}

/* What was recorded, as texts of the head. NULL: not told. */
struct mk_alloctrace_origin {
    char *program, *command, *date, *machine, *allocator, *pid, *page_bytes, *tool;
};

/* What is known to be missing. */
struct mk_alloctrace_tally {
    uint64_t dropped;   /* events that the recorder could not write */
    uint64_t unmatched; /* frees and reallocs of what no event allocated: left out, or made allocations */
    uint64_t implied;   /* frees that are not in the recording: an address was allocated twice */
    uint64_t inherited; /* frees of what was there when a child process began: left out, and no fault */
    uint32_t flags;
    int failed; /* errno of the first event that could not be written, 0: not known; not in the trace */
};
#define MK_AT_CUT 1u      /* the program ended without closing the recording */
#define MK_AT_REPAIRED 2u /* somebody has seen what is missing, and takes it as it is */
#define MK_AT_FORKED 4u   /* begins in the middle of a program, at a fork */

struct mk_alloctrace_info {
    struct mk_alloctrace_origin origin; /* owned */
    struct mk_alloctrace_tally tally;
    uint64_t bytes, blocks, events, crossing; /* crossing: objects that another thread frees */
    uint64_t checksum;                        /* of the whole file */
    uint32_t threads;
    bool whole;    /* false: asked for what can be read of a damaged file */
    char cut[256]; /* and why no more can be */
};

/* ---- writing ------------------------------------------------------------------------------- */

struct mk_alloctrace_writer {
    FILE *out;
    struct mk_alloctrace_out *thread; /* by number */
    size_t threads;
    uint64_t events, blocks, crossing;
};

void mk_alloctrace_begin(struct mk_alloctrace_writer *writer, FILE *out, const struct mk_alloctrace_origin *origin);
/* Adds the next event of all. Its order is what it is; a thread's start is added where it is not told. */
void mk_alloctrace_add(struct mk_alloctrace_writer *writer, const struct mk_alloctrace_event *event);
/* Threads that have not ended do so; the closing record is written, and what was taken is freed. Returns 0, or
 * -1 with err set: the stream cannot be written. */
int mk_alloctrace_end(struct mk_alloctrace_writer *writer, const struct mk_alloctrace_tally *tally,
                      struct mk_err *err);

/* ---- reading ------------------------------------------------------------------------------- */

struct mk_alloctrace_block {
    uint64_t at; /* byte */
    uint64_t first_order;
    uint64_t next; /* of the thread's blocks: index + 1 */
};

struct mk_alloctrace_thread {
    uint64_t first, last; /* blocks: index + 1; first 0: there is none */
    uint64_t last_order, last_ns;
};

struct mk_alloctrace {
    struct mk_alloctrace_info info;
    int fd;                     /* -1: in memory */
    const unsigned char *bytes; /* in memory */
    uint64_t size;
    struct mk_alloctrace_block *block;
    size_t blocks;
    struct mk_alloctrace_thread *thread;
    size_t threads;
};

/* Opens a trace, and checks the head, each block as a whole, and the closing record. `partial` takes what is
 * whole before the first fault, and tells the fault in info.cut. Returns 0, or -1 with err saying at which byte
 * what is wrong, to be put behind the file's name. To be closed either way. */
int mk_alloctrace_open(struct mk_alloctrace *trace, const char *path, bool partial, struct mk_err *err);
/* As above, of n bytes, which stay where they are until the close. */
int mk_alloctrace_open_bytes(struct mk_alloctrace *trace, const void *bytes, size_t n, bool partial,
                             struct mk_err *err);
void mk_alloctrace_close(struct mk_alloctrace *trace);
/* Returns whether the file begins as these traces do. */
bool mk_alloctrace_is(const char *path);

/* One thread's events, in their order. A block of at most 64 KiB is in memory at a time. */
struct mk_alloctrace_stream {
    const struct mk_alloctrace *trace;
    uint32_t thread;
    uint64_t block;         /* the next one: index + 1, 0: none */
    uint64_t at;            /* byte that `payload` begins at */
    unsigned char *payload; /* NULL: between blocks */
    const unsigned char *from, *end;
    uint32_t left; /* events of the block */
    uint64_t order, time_ns, last_order; /* last: as the block's head has it */
    bool begun, started, ended;
    uint64_t n; /* events so far */
};

void mk_alloctrace_stream(struct mk_alloctrace_stream *stream, const struct mk_alloctrace *trace, uint32_t thread);
/* Reads the thread's next event. Returns 1, 0 at the end, or -1 with err set. */
int mk_alloctrace_next(struct mk_alloctrace_stream *stream, struct mk_alloctrace_event *event, struct mk_err *err);
void mk_alloctrace_stream_end(struct mk_alloctrace_stream *stream);

/* An object while it lives. */
struct mk_alloctrace_object {
    uint64_t key, size, order, time_ns;
    uint64_t tag;    /* for whoever walks */
    uint32_t thread; /* that allocated it */
    uint8_t state;   /* of the table */
};

/* Live objects by key. */
struct mk_alloctrace_table {
    struct mk_alloctrace_object *at;
    size_t slots, n;
};

struct mk_alloctrace_object *mk_alloctrace_find(const struct mk_alloctrace_table *table, uint64_t key);
/* Adds an object, zeroed but for its key, which is not in it. Pointers to others may move. */
struct mk_alloctrace_object *mk_alloctrace_insert(struct mk_alloctrace_table *table, uint64_t key);
/* Takes one out, which mk_alloctrace_find has returned. Pointers to others may move. */
void mk_alloctrace_remove(struct mk_alloctrace_table *table, struct mk_alloctrace_object *object);
void mk_alloctrace_table_free(struct mk_alloctrace_table *table);

/* Called for each event in the order of all. taken: what the object was that it frees, NULL where it frees none,
 * or, of a damaged file, where it is not known. given: the new object, whose tag may be set. */
typedef void mk_alloctrace_visit_fn(void *arg, const struct mk_alloctrace_event *event,
                                    const struct mk_alloctrace_object *taken, struct mk_alloctrace_object *given);

/* Goes through all events in order and checks that each is there once, that each thread begins and ends, that
 * what is freed is live, and by whom. Of a file that was opened with `partial`, gaps are passed over. visit may
 * be NULL. Returns 0, or -1 with err saying byte, thread and event. */
int mk_alloctrace_walk(struct mk_alloctrace *trace, mk_alloctrace_visit_fn *visit, void *arg, struct mk_err *err);

/* Writes a copy whose gaps are accepted: numbered anew, without frees that match nothing, and marked as repaired.
 * *tally gets what it says is missing. Returns 0, or -1 with err set. */
int mk_alloctrace_repair(struct mk_alloctrace *trace, FILE *out, struct mk_alloctrace_tally *tally,
                         struct mk_err *err);

/* ---- what the recorder has left (preload/trace/raw.h) --------------------------------------- */

/* Makes a trace of a raw capture. *tally gets what is missing, *threads and *events what there is. Returns 0, or
 * -1 with err set. */
int mk_alloctrace_from_raw(const char *path, FILE *out, struct mk_alloctrace_tally *tally, uint64_t *threads,
                           uint64_t *events, struct mk_err *err);

/* Returns whether something is missing that nobody has accepted. */
bool mk_alloctrace_lacks(const struct mk_alloctrace_tally *tally);
/* Appends what, in sentences. */
void mk_alloctrace_tell(const struct mk_alloctrace_tally *tally, struct mk_text *out);

/* ---- statistics ---------------------------------------------------------------------------- */

#define MK_AT_BUCKETS 65  /* by powers of two: 0, 1, 2-3, 4-7, ... */
#define MK_AT_POINTS 512u /* of the line over time, at most */

struct mk_alloctrace_point {
    uint64_t order, time_ns, live_bytes, live_blocks;
};

struct mk_alloctrace_stats {
    uint64_t of_code[MK_AT_CODES];
    uint64_t size[MK_AT_BUCKETS];       /* allocations, reallocs among them */
    uint64_t align[64];                 /* by log2, of aligned ones */
    uint64_t life_allocs[MK_AT_BUCKETS]; /* of objects that were freed: allocations meanwhile, by all threads */
    uint64_t life_ns[MK_AT_BUCKETS];
    uint64_t allocations, allocated_bytes, zero_sized, largest;
    uint64_t frees, crossed; /* objects freed, and by another thread; reallocs among them */
    uint64_t grown, shrunk, same;
    uint64_t live_bytes, live_blocks; /* at the end */
    uint64_t peak_bytes, peak_bytes_blocks, peak_bytes_ns, peak_blocks;
    uint64_t last_ns;
    uint64_t *of_thread; /* events, by thread; owned */
    size_t of_thread_n;
    struct mk_alloctrace_point point[MK_AT_POINTS + 1]; /* the highest of each stretch, and the end */
    uint32_t points;
    struct mk_alloctrace_point end;
    uint64_t every; /* events of a stretch */
};

/* Walks over a trace. Returns 0, or -1 with err set; *stats is to be freed either way. */
int mk_alloctrace_count(struct mk_alloctrace *trace, struct mk_alloctrace_stats *stats, struct mk_err *err);
void mk_alloctrace_stats_free(struct mk_alloctrace_stats *stats);
/* Returns which bucket a number is in. */
unsigned mk_alloctrace_bucket(uint64_t number);

#endif
