/* alloctrace_raw.c - makes a trace of what the recorder has left. The threads' records are put into one order by
 * the tickets that each address's region has given out, and by their times where tickets leave it open; then
 * addresses become objects. Twice: the first time only to see which objects are freed by another thread. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../preload/trace/raw.h"
#include "alloctrace.h"
#include "build_info.h"
#include "record.h"

#define NONE UINT32_MAX

/* A record, however it was written. */
struct record {
    unsigned code, shard;
    uint32_t ticket;
    uint64_t address, value; /* value: size, or time */
    uint8_t align_log2;
};

/* What is known of a thread while its records are gone through. */
struct track {
    uint64_t *block; /* bytes at which its blocks begin */
    size_t blocks, next;
    const uint64_t *from, *end; /* words of the block */
    struct record record;       /* the next one, where there is one */
    bool peeked;
    uint32_t last[MK_RAW_SHARDS]; /* tickets */
    uint64_t time_ns, wide;
    bool is_wide, exited;
    bool taking; /* a realloc is under way, of this: */
    bool took;
    struct mk_alloctrace_object taken;
    uint64_t taken_address;
    uint32_t waiting; /* the next one that waits for a ticket of the same counter */
    uint32_t *slot;   /* free ones */
    size_t slots, slots_room;
    uint64_t slots_made;
};

struct raw {
    const unsigned char *at;
    uint64_t size;
    struct mk_raw_head head;
    struct track *track; /* by thread */
    size_t tracks;
    uint32_t *heap; /* threads that can go on, by time */
    size_t heap_n;
    uint32_t next[MK_RAW_SHARDS];    /* ticket */
    uint32_t waiting[MK_RAW_SHARDS]; /* threads that wait for one */
    uint64_t latest_ns[MK_RAW_SHARDS]; /* time of the last one */
    struct mk_alloctrace_table live; /* by address; tag: see allocate() */
    unsigned char *crosses;          /* a bit for each allocation */
    uint64_t crosses_room;
    uint64_t allocations, crossing;
    struct mk_alloctrace_tally tally;
    struct mk_alloctrace_writer *writer; /* NULL: the first time */
    uint64_t missing; /* tickets that are in no record */
    bool cut; /* the file ends in the middle of a block */
};

/* ---- blocks -------------------------------------------------------------------------------- */

static int take_blocks(struct raw *raw, struct mk_err *err) {
    uint64_t at = MK_RAW_HEAD_BYTES;
    while (raw->size - at >= sizeof(struct mk_raw_block)) {
        struct mk_raw_block block;
        memcpy(&block, raw->at + at, sizeof block);
        uint64_t n = (uint64_t)block.words * sizeof(uint64_t);
        if (block.tag != MK_RAW_BLOCK_TAG || block.check != mk_raw_check(&block) || !block.words ||
            block.words > MK_RAW_WORDS_MAX || n > raw->size - at - sizeof block) {
            break;
        }
        if (block.thread >= raw->size / sizeof block) return mk_fail(err, "a thread's number that cannot be");
        while (raw->tracks <= block.thread) mk_grow(&raw->track, &raw->tracks, sizeof *raw->track);
        struct track *track = &raw->track[block.thread];
        *(uint64_t *)mk_grow(&track->block, &track->blocks, sizeof at) = at;
        at += sizeof block + n;
    }
    raw->cut = at != raw->size;
    return 0;
}

static bool is_ticketed(unsigned code) {
    return code >= MK_RAW_MALLOC && code <= MK_RAW_GIVE;
}

/* Reads a record. Returns how many words it has, 0: there are not so many. */
static size_t take_record(const uint64_t *word, size_t words, const uint32_t *last, struct record *out) {
    unsigned code = (unsigned)(word[0] >> 56);
    memset(out, 0, sizeof *out);
    out->code = code & ~MK_RAW_SHORT;
    if (code & MK_RAW_SHORT) {
        out->address = word[0] >> MK_RAW_SHORT_BITS << 4 & MK_RAW_ADDRESS;
        out->value = word[0] & ((1u << MK_RAW_SHORT_BITS) - 1);
        out->shard = mk_raw_shard(out->address);
        out->ticket = last[out->shard] + 1;
        return 1;
    }
    if (words < 2) return 0;
    bool whole = code == MK_RAW_CLOCK || code == MK_RAW_WIDE;
    out->address = word[0] & MK_RAW_ADDRESS;
    out->align_log2 = (uint8_t)(word[0] >> 48 & 63);
    out->value = whole ? word[1] : (uint32_t)word[1];
    out->shard = mk_raw_shard(out->address);
    out->ticket = (uint32_t)(word[1] >> 32);
    return 2;
}

/* Moves to the thread's next block that holds something. Returns whether there is one. */
static bool next_block(const struct raw *raw, struct track *track) {
    while (track->from == track->end) {
        if (track->next == track->blocks) return false;
        struct mk_raw_block block;
        uint64_t at = track->block[track->next++];
        memcpy(&block, raw->at + at, sizeof block);
        track->from = (const uint64_t *)(const void *)(raw->at + at + sizeof block);
        track->end = track->from + block.words;
    }
    return true;
}

/* Returns the thread's next record, or NULL at its end. It stays the next one until track->peeked is taken away. */
static const struct record *peek(struct raw *raw, struct track *track) {
    if (track->peeked) return &track->record;
    if (!next_block(raw, track)) return NULL;
    size_t n = take_record(track->from, (size_t)(track->end - track->from), track->last, &track->record);
    if (!n) {
        track->from = track->end;
        raw->cut = true;
        return peek(raw, track);
    }
    track->from += n;
    track->peeked = true;
    if (is_ticketed(track->record.code)) track->last[track->record.shard] = track->record.ticket;
    return &track->record;
}

/* ---- objects ------------------------------------------------------------------------------- */

static void emit(struct raw *raw, const struct mk_alloctrace_event *event) {
    if (raw->writer) mk_alloctrace_add(raw->writer, event);
}

/* Notes that an object was freed by this thread: its slot is free, or it is known to cross. `tag` of an object
 * is the number of its allocation the first time; then a slot, or, above bit 63, the number it has because it
 * crosses. */
#define CROSSES (UINT64_C(1) << 63)
static void note_free(struct raw *raw, uint32_t thread, const struct mk_alloctrace_object *object) {
    if (!raw->writer) {
        if (object->thread != thread) raw->crosses[object->tag >> 3] |= (unsigned char)(1u << (object->tag & 7));
    } else if (!(object->tag & CROSSES)) {
        struct track *track = &raw->track[object->thread];
        if (track->slots == track->slots_room) {
            track->slots_room = track->slots_room ? 2 * track->slots_room : 64;
            track->slot = mk_need_more(track->slot, track->slots_room, sizeof *track->slot);
        }
        track->slot[track->slots++] = (uint32_t)object->tag;
    }
}

static void set_taken(struct mk_alloctrace_event *event, const struct mk_alloctrace_object *object) {
    event->taken = object->tag & ~CROSSES;
    event->taken_crosses = (object->tag & CROSSES) != 0;
}

static void free_event(struct raw *raw, uint32_t thread, const struct mk_alloctrace_object *object) {
    struct mk_alloctrace_event event = {.thread = thread, .code = MK_AT_FREE};
    event.time_ns = raw->track[thread].time_ns;
    set_taken(&event, object);
    emit(raw, &event);
    note_free(raw, thread, object);
}

/* Gives a new object its name. Returns the tag. */
static uint64_t name_object(struct raw *raw, struct track *track) {
    uint64_t number = raw->allocations++;
    if (!raw->writer) {
        if (number / 8 >= raw->crosses_room) {
            uint64_t room = raw->crosses_room ? 2 * raw->crosses_room : 4096;
            raw->crosses = mk_need_more(raw->crosses, room, 1);
            memset(raw->crosses + raw->crosses_room, 0, room - raw->crosses_room);
            raw->crosses_room = room;
        }
        return number;
    }
    if (number / 8 < raw->crosses_room && raw->crosses[number >> 3] & 1u << (number & 7))
        return CROSSES | raw->crossing++;
    return track->slots ? track->slot[--track->slots] : track->slots_made++;
}

/* An allocation: the event has code, size and alignment, and what a realloc takes. */
static void allocate(struct raw *raw, struct mk_alloctrace_event *event, uint64_t address) {
    struct track *track = &raw->track[event->thread];
    struct mk_alloctrace_object *there = mk_alloctrace_find(&raw->live, address);
    if (there) {
        struct mk_alloctrace_object lost = *there;
        mk_alloctrace_remove(&raw->live, there);
        free_event(raw, event->thread, &lost);
        raw->tally.implied++;
    }
    uint64_t tag = name_object(raw, track);
    struct mk_alloctrace_object *object = mk_alloctrace_insert(&raw->live, address);
    object->thread = event->thread;
    object->tag = tag;
    event->given = tag & ~CROSSES;
    event->given_crosses = (tag & CROSSES) != 0;
    emit(raw, event);
}

/* Takes the object at an address out of the books. Returns false where there is none. */
static bool take(struct raw *raw, uint64_t address, struct mk_alloctrace_object *out) {
    struct mk_alloctrace_object *object = mk_alloctrace_find(&raw->live, address);
    if (!object) {
        if (raw->head.forked) raw->tally.inherited++;
        else raw->tally.unmatched++;
        return false;
    }
    *out = *object;
    mk_alloctrace_remove(&raw->live, object);
    return true;
}

/* The second half of a realloc. */
static void end_realloc(struct raw *raw, uint32_t thread, unsigned code, uint64_t address, uint64_t size) {
    struct track *track = &raw->track[thread];
    struct mk_alloctrace_event event = {.thread = thread, .time_ns = track->time_ns, .size = size};
    bool took = track->taking && track->took;
    track->taking = false;
    if (code == MK_RAW_FREED) {
        if (took) free_event(raw, thread, &track->taken);
        return;
    }
    if (code == MK_RAW_KEPT) {
        if (took && !mk_alloctrace_find(&raw->live, track->taken_address))
            *mk_alloctrace_insert(&raw->live, track->taken_address) = track->taken;
        event.code = MK_AT_REALLOC_FAILED;
        emit(raw, &event);
        return;
    }
    event.code = !took ? MK_AT_MALLOC : address == track->taken_address ? MK_AT_REALLOC : MK_AT_REALLOC_MOVED;
    if (took) {
        set_taken(&event, &track->taken);
        note_free(raw, thread, &track->taken);
    }
    allocate(raw, &event, address);
}

static void fail_event(struct raw *raw, uint32_t thread, const struct record *record, uint64_t size) {
    uint64_t call = record->address;
    struct mk_alloctrace_event event = {.thread = thread, .time_ns = raw->track[thread].time_ns, .size = size};
    event.align_log2 = record->align_log2;
    event.code = call == MK_RAW_CALLOC    ? MK_AT_CALLOC_FAILED
                 : call == MK_RAW_ALIGNED ? MK_AT_ALIGNED_FAILED
                 : call == MK_RAW_TAKE    ? MK_AT_REALLOC_FAILED
                                          : MK_AT_MALLOC_FAILED;
    emit(raw, &event);
}

/* ---- records in order ---------------------------------------------------------------------- */

static void carry_out(struct raw *raw, uint32_t thread, const struct record *record) {
    struct track *track = &raw->track[thread];
    unsigned code = record->code;
    uint64_t address = record->address, size = track->is_wide ? track->wide : record->value;
    struct mk_alloctrace_event event = {.thread = thread, .time_ns = track->time_ns, .size = size};
    struct mk_alloctrace_object object;
    track->is_wide = code == MK_RAW_WIDE;
    switch (code) {
    case MK_RAW_CLOCK:
        if (record->value > track->time_ns) track->time_ns = record->value;
        break;
    case MK_RAW_START:
        event.code = MK_AT_THREAD_START;
        emit(raw, &event);
        break;
    case MK_RAW_EXIT:
        track->exited = true;
        break;
    case MK_RAW_MALLOC:
    case MK_RAW_CALLOC:
    case MK_RAW_ALIGNED:
        event.code = MK_AT_MALLOC + (code - MK_RAW_MALLOC);
        event.align_log2 = record->align_log2;
        allocate(raw, &event, address);
        break;
    case MK_RAW_FREE:
        if (take(raw, address, &object)) free_event(raw, thread, &object);
        break;
    case MK_RAW_TAKE:
        if (track->taking && track->took) free_event(raw, thread, &track->taken);
        track->taking = true;
        track->taken_address = address;
        track->took = take(raw, address, &track->taken);
        break;
    case MK_RAW_GIVE:
    case MK_RAW_FREED:
    case MK_RAW_KEPT: end_realloc(raw, thread, code, address, size); break;
    case MK_RAW_FAILED: fail_event(raw, thread, record, size); break;
    case MK_RAW_WIDE: track->wide = record->value; break;
    default: break;
    }
}

/* At the end of what a thread has recorded. */
static void end_track(struct raw *raw, uint32_t thread) {
    struct track *track = &raw->track[thread];
    struct mk_alloctrace_event event = {.thread = thread, .code = MK_AT_THREAD_EXIT, .time_ns = track->time_ns};
    if (track->taking && track->took) free_event(raw, thread, &track->taken);
    track->taking = false;
    if (track->exited) emit(raw, &event);
}

static bool before(const struct raw *raw, uint32_t a, uint32_t b) {
    uint64_t of_a = raw->track[a].time_ns, of_b = raw->track[b].time_ns;
    return of_a < of_b || (of_a == of_b && a < b);
}

static void push(struct raw *raw, uint32_t thread) {
    size_t at = raw->heap_n++;
    for (size_t parent; at && before(raw, thread, raw->heap[parent = (at - 1) / 2]); at = parent)
        raw->heap[at] = raw->heap[parent];
    raw->heap[at] = thread;
}

static uint32_t pop(struct raw *raw) {
    uint32_t top = raw->heap[0], last = raw->heap[--raw->heap_n];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < raw->heap_n; at = child) {
        if (child + 1 < raw->heap_n && before(raw, raw->heap[child + 1], raw->heap[child])) child++;
        if (!before(raw, raw->heap[child], last)) break;
        raw->heap[at] = raw->heap[child];
    }
    raw->heap[at] = last;
    return top;
}

/* The counter has come to another ticket: who waited for it goes on. */
static void wake(struct raw *raw, unsigned shard) {
    for (uint32_t *link = &raw->waiting[shard]; *link != NONE; link = &raw->track[*link].waiting) {
        uint32_t thread = *link;
        if (raw->track[thread].record.ticket != raw->next[shard]) continue;
        *link = raw->track[thread].waiting;
        push(raw, thread);
        return;
    }
}

/* Returns whether the record is next, by its ticket. A time is that of the thread's last look at the clock, so
 * that the true one is later; it is not before that of the ticket before, which another thread may have drawn. */
static bool is_due(struct raw *raw, uint32_t thread, const struct record *record) {
    struct track *track = &raw->track[thread];
    if (!is_ticketed(record->code)) return true;
    if (record->ticket != raw->next[record->shard]) return false;
    if (track->time_ns < raw->latest_ns[record->shard]) track->time_ns = raw->latest_ns[record->shard];
    return true;
}

/* Carries out a thread's records until it has to wait, or another one is due. */
static void run(struct raw *raw, uint32_t thread) {
    struct track *track = &raw->track[thread];
    for (const struct record *record; (record = peek(raw, track));) {
        unsigned shard = record->shard;
        if (!is_due(raw, thread, record)) {
            track->waiting = raw->waiting[shard];
            raw->waiting[shard] = thread;
            return;
        }
        /* A realloc that fails is whole before another thread goes on: its block is out of the books meanwhile,
         * and no ticket keeps a free of that block behind its end. */
        bool inside = track->taking && !is_ticketed(record->code);
        if (raw->heap_n && !inside && before(raw, raw->heap[0], thread)) {
            push(raw, thread);
            return;
        }
        track->peeked = false;
        carry_out(raw, thread, record);
        if (!is_ticketed(record->code)) continue;
        raw->next[shard]++;
        raw->latest_ns[shard] = track->time_ns;
        if (raw->waiting[shard] != NONE) wake(raw, shard);
    }
    end_track(raw, thread);
}

/* Returns how many tickets lie before the one that a thread waits with. */
static uint32_t missing_before(const struct raw *raw, uint32_t thread) {
    const struct record *record = &raw->track[thread].record;
    return record->ticket - raw->next[record->shard];
}

/* Everybody waits for tickets that are in no record: passes over as few as will do, so that of those who wait for
 * the same counter the one goes on whose ticket is next. Returns false when nobody waits. */
static bool pass_gap(struct raw *raw) {
    uint32_t first = NONE;
    uint64_t least = UINT64_MAX;
    for (unsigned shard = 0; shard < MK_RAW_SHARDS; shard++) {
        for (uint32_t t = raw->waiting[shard]; t != NONE; t = raw->track[t].waiting) {
            uint32_t n = missing_before(raw, t);
            if (n > least || (n == least && !before(raw, t, first))) continue;
            first = t;
            least = n;
        }
    }
    if (first == NONE) return false;
    unsigned shard = raw->track[first].record.shard;
    raw->next[shard] = raw->track[first].record.ticket;
    raw->missing += least;
    wake(raw, shard);
    return true;
}

static void go_through(struct raw *raw) {
    memset(raw->next, 0, sizeof raw->next);
    memset(raw->waiting, 0xff, sizeof raw->waiting);
    memset(raw->latest_ns, 0, sizeof raw->latest_ns);
    raw->allocations = raw->crossing = raw->missing = 0;
    raw->tally = (struct mk_alloctrace_tally){.dropped = raw->head.dropped, .failed = raw->head.failed};
    for (size_t t = 0; t < raw->tracks; t++) {
        struct track *track = &raw->track[t];
        track->next = 0;
        track->from = track->end = NULL;
        track->time_ns = 0;
        track->is_wide = track->exited = track->taking = track->peeked = false;
        memset(track->last, 0xff, sizeof track->last);
        track->slots = track->slots_made = 0;
        const struct record *record = peek(raw, track);
        if (record && record->code == MK_RAW_CLOCK) track->time_ns = record->value;
        if (record) push(raw, (uint32_t)t);
    }
    do {
        while (raw->heap_n) run(raw, pop(raw));
    } while (pass_gap(raw));
    mk_alloctrace_table_free(&raw->live);
}

/* ---- all of it ----------------------------------------------------------------------------- */

static void begin(struct raw *raw, struct mk_alloctrace_writer *writer, FILE *out) {
    const struct mk_build_info *build = mk_build_info();
    const struct mk_raw_head *head = &raw->head;
    time_t start = (time_t)head->start_s;
    struct tm parts;
    char date[32] = "unknown";
    if (gmtime_r(&start, &parts)) strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &parts);
    struct mk_alloctrace_origin origin = {.date = date};
    origin.program = mk_need_format("%.*s", (int)sizeof head->program, head->program);
    origin.command = mk_need_format("%.*s", (int)sizeof head->command, head->command);
    origin.machine = mk_need_format("%.*s", (int)sizeof head->machine, head->machine);
    origin.allocator = mk_need_format("%.*s", (int)sizeof head->allocator, head->allocator);
    origin.pid = mk_need_format("%u, of %u%s", head->pid, head->parent, head->forked ? ", by fork" : "");
    origin.page_bytes = mk_need_format("%u", head->page_bytes);
    origin.tool = mk_need_format("memkit-bench %s (%.12s)", build->version, build->commit);
    mk_alloctrace_begin(writer, out, &origin);
    char *texts[] = {origin.program, origin.command, origin.machine, origin.allocator,
                     origin.pid,     origin.page_bytes, origin.tool};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(texts[i]);
}

/* Returns whether something is missing that the recorder does not know of. In a program that ends in order each
 * thread that still runs may have drawn a ticket and not written its record: that call is under way. */
static bool is_cut(const struct raw *raw) {
    uint64_t running = 0;
    if (!raw->head.closed || raw->cut) return true;
    for (size_t t = 0; t < raw->tracks; t++) running += raw->track[t].blocks && !raw->track[t].exited;
    return raw->missing > running && !raw->tally.dropped;
}

static int convert(struct raw *raw, FILE *out, uint64_t *threads, uint64_t *events, struct mk_err *err) {
    struct mk_alloctrace_writer writer;
    if (memcmp(raw->head.magic, MK_RAW_MAGIC, MK_RAW_MAGIC_BYTES) != 0)
        return mk_fail(err, "it is no capture of allocations (F.raw, which `memkit-bench record` leaves)");
    if (raw->head.version != MK_RAW_VERSION)
        return mk_fail(err, "it is a capture of another version: use the memkit-bench that recorded it");
    if (take_blocks(raw, err)) return -1;
    raw->heap = mk_need(raw->tracks + 1, sizeof *raw->heap);
    go_through(raw);
    begin(raw, &writer, out);
    raw->writer = &writer;
    go_through(raw);
    *threads = writer.threads;
    if (raw->head.forked) raw->tally.flags |= MK_AT_FORKED;
    if (is_cut(raw)) raw->tally.flags |= MK_AT_CUT;
    int failed = mk_alloctrace_end(&writer, &raw->tally, err);
    *events = writer.events;
    return failed;
}

/* By a read that may fail: of a page that is mapped, and cannot be had, one hears by a signal. */
static bool read_head(struct raw *raw, int fd) {
    return pread(fd, &raw->head, sizeof raw->head, 0) == (ssize_t)sizeof raw->head;
}

int mk_alloctrace_from_raw(const char *path, FILE *out, struct mk_alloctrace_tally *tally, uint64_t *threads,
                           uint64_t *events, struct mk_err *err) {
    struct raw raw = {0};
    struct stat status;
    int failed = -1, fd = open(path, O_RDONLY | O_CLOEXEC);
    void *at = MAP_FAILED;
    if (fd < 0 || fstat(fd, &status)) mk_fail(err, "cannot be read: %s", strerror(errno));
    else if (status.st_size < (off_t)MK_RAW_HEAD_BYTES || !read_head(&raw, fd))
        mk_fail(err, "it is no capture: it ends in its head (there was no room for it?)");
    else if ((at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
        mk_fail(err, "cannot be mapped: %s", strerror(errno));
    if (at != MAP_FAILED) {
        raw.at = at;
        raw.size = (uint64_t)status.st_size;
        failed = convert(&raw, out, threads, events, err);
        munmap(at, (size_t)status.st_size);
    }
    if (fd >= 0) close(fd);
    *tally = raw.tally;
    for (size_t t = 0; t < raw.tracks; t++) {
        free(raw.track[t].block);
        free(raw.track[t].slot);
    }
    free(raw.track);
    free(raw.heap);
    free(raw.crosses);
    return failed;
}
