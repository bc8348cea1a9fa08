/* allocprofile.h - profiles of allocations (memkit.profile/1): what a trace is like, in a few KB, and traces that
 * are like it.
 *
 * docs/reference-profile.md has the keys, docs/traces.md what a profile does not keep. Fitted to a trace (alloctrace.h) or
 * written by hand, a profile says which sizes are asked for, how often and when, how long blocks live, who frees
 * them, and what becomes of those that are reallocated. From a profile and a seed comes a trace, the same bytes
 * each time: whatever takes a trace takes a profile that way.
 */
#ifndef MK_ALLOCPROFILE_H
#define MK_ALLOCPROFILE_H

#include <stdio.h>

#include "alloctrace.h"
#include "record.h"

#define MK_PROFILE_SCHEMA "memkit.profile/1"
#define MK_PROFILE_FILE_BYTES_MAX ((size_t)4 << 20)
#define MK_PROFILE_BYTES_MAX (UINT64_C(1) << 36)  /* of a block, and of all that are live at a time */
#define MK_PROFILE_EVENTS_MAX (UINT64_C(1) << 26) /* of the trace that is made */
#define MK_PROFILE_THREADS_MAX 65536u
#define MK_PROFILE_SIZES_MAX 256u
#define MK_PROFILE_STRETCHES 16u /* of equal length, in allocations, that `when` tells apart */
#define MK_PROFILE_LIVES_MAX 128u

enum mk_profile_pattern {
    MK_PROFILE_DRAWN, /* from `sizes`; the others work on `shape` */
    MK_PROFILE_GROWING_SIZES,
    MK_PROFILE_PAGE_SURVIVORS,
    MK_PROFILE_REALLOC_GROWTH
};

/* Blocks of one size, or of neighbouring ones. Counts are weights: only their ratios matter. */
struct mk_profile_size {
    uint64_t bytes, spread_bytes; /* every size from bytes - spread to bytes + spread alike */
    uint64_t count;               /* allocated, but for those that a realloc makes */
    uint64_t zeroed, aligned;     /* of them */
    uint64_t align_bytes;
    uint64_t *when; /* MK_PROFILE_STRETCHES, or none: evenly */
    size_t when_n;
    double *lives; /* classes of lifetimes: their means, in allocations by all threads */
    size_t lives_n;
    uint64_t *freed, *crossed, *resized; /* by class: by its own thread, by another one, by realloc */
    size_t freed_n, crossed_n, resized_n;
    uint64_t at_end; /* when its thread has made its last allocation */
    uint64_t kept;   /* never */
    uint64_t *resized_to, *resized_to_count; /* the `bytes` of other sizes */
    size_t resized_to_n, resized_to_count_n;
    double pareto_alpha; /* above 0: lives are drawn from a Pareto distribution, and there is one class of them */
    double pareto_min;
};

/* Threads that do the same. */
struct mk_profile_threads {
    uint32_t threads;
    uint64_t allocations, frees_of_others; /* of all of them together; weights */
    double begins_frac, ends_frac;         /* of the run, in allocations: the first begins, the last ends */
    double life_frac;                      /* of each; 0: from begin to end */
};

struct mk_profile_shape {
    uint64_t live_bytes, min_bytes, max_bytes, page_bytes;
    double growth;
    uint64_t survivor_every;
};

/* What it was fitted to. */
struct mk_profile_fitted {
    char *command, *date;
    uint64_t checksum, events, allocations, reallocs, frees, crossing_frees, peak_live_bytes, peak_live_blocks;
};

struct mk_allocprofile {
    char *schema, *name, *about;
    uint64_t events;
    double allocations_per_s; /* 0: the trace has no times */
    uint32_t pattern;
    struct mk_profile_shape shape;
    struct mk_profile_threads *threads; /* none: one thread */
    size_t threads_n;
    struct mk_profile_size *sizes;
    size_t sizes_n;
    struct mk_profile_fitted fitted;
};

extern const struct mk_record mk_allocprofile_record;

/* Fills *out from a parsed document, and checks what the table cannot say. Returns 0, or -1 with the document's
 * complaints; to be freed by mk_allocprofile_free either way. */
struct mk_json;
int mk_allocprofile_from_json(struct mk_json *doc, struct mk_allocprofile *out);
/* Reads a file ("-": standard input). Returns 0, or -1 with all complaints in *said (file:line:col: error: ...),
 * and nothing to be freed. */
int mk_allocprofile_read(const char *path, struct mk_allocprofile *out, struct mk_text *said);
/* Appends it as such a file, without what needs not be said. */
void mk_allocprofile_write(const struct mk_allocprofile *profile, struct mk_text *out);
void mk_allocprofile_free(struct mk_allocprofile *profile);

/* Fits a profile to a trace, which is walked over three times. Returns 0, or -1 with err set: the trace is damaged,
 * has no allocation, or more threads than a profile holds; to be freed by mk_allocprofile_free either way. */
int mk_allocprofile_fit(struct mk_alloctrace *trace, struct mk_allocprofile *out, struct mk_err *err);

/* What was made. */
struct mk_allocprofile_made {
    uint64_t events, peak_live_bytes, peak_live_blocks;
    uint32_t threads;
};

/* Writes a trace of about `events` events (0: as many as the profile says). Returns 0, or -1 with err set: more
 * events or live bytes than the limits above, blocks that are reallocated for ever, or a stream that cannot be
 * written. */
int mk_allocprofile_generate(const struct mk_allocprofile *profile, uint64_t seed, uint64_t events, FILE *out,
                             struct mk_allocprofile_made *made, struct mk_err *err);
/* The same into memory: *bytes, *n of them, which the caller frees either way. */
int mk_allocprofile_bytes(const struct mk_allocprofile *profile, uint64_t seed, uint64_t events, char **bytes,
                          size_t *n, struct mk_allocprofile_made *made, struct mk_err *err);
/* Reads a profile and opens a trace that is made of it. Returns 0, or -1 with err naming the file, and nothing to
 * be closed. *bytes is to be freed behind the close. */
int mk_allocprofile_open(struct mk_alloctrace *trace, const char *path, uint64_t seed, uint64_t events,
                         char **bytes, struct mk_err *err);

#endif
