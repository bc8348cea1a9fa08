/* allocprofile_parts.h - what the makers of traces from profiles share: events with the names of their objects, and
 * what is live. Only for allocprofile*.c. */
#ifndef MK_ALLOCPROFILE_PARTS_H
#define MK_ALLOCPROFILE_PARTS_H

#include "allocprofile.h"
#include "rng.h"

/* The free slots of a thread, and how many it has used. */
struct mk_profile_slots {
    uint64_t *free;
    size_t free_n, next;
    uint32_t number; /* of the thread in the trace: in the order in which they begin */
};

struct mk_profile_out {
    struct mk_alloctrace_writer writer;
    struct mk_profile_slots *slots; /* by thread of the profile */
    struct mk_rng rng;
    uint64_t clock;   /* allocations so far, those of realloc among them */
    double ns_of_one; /* allocation */
    uint64_t live_bytes, live_blocks;
    uint32_t begun, at_once; /* threads */
    bool too_much; /* was live, or had to be written */
    bool crowded;  /* too many threads were there at a time */
    struct mk_allocprofile_made made;
};

struct mk_profile_block {
    uint64_t name, bytes;
    uint32_t owner; /* thread of the profile */
    bool crosses;   /* another thread will free it: name is a number, else a slot */
};

void mk_profile_thread_starts(struct mk_profile_out *out, uint32_t thread);
void mk_profile_thread_exits(struct mk_profile_out *out, uint32_t thread);
/* block says who allocates how much, and whether it crosses; it gets a name. code: malloc, calloc, aligned. */
void mk_profile_allocate(struct mk_profile_out *out, struct mk_profile_block *block, unsigned code,
                         uint8_t align_log2);
void mk_profile_free(struct mk_profile_out *out, uint32_t thread, const struct mk_profile_block *block);
/* Its owner reallocates it; what it then is stands in `to`, whose name is filled in. */
void mk_profile_resize(struct mk_profile_out *out, const struct mk_profile_block *block,
                       struct mk_profile_block *to);

/* Each writes the events of a profile, about as many as are asked for. Returns 0, or -1 with err set; where there
 * is too much, they end, and say so in out->too_much. */
int mk_profile_make_drawn(struct mk_profile_out *out, const struct mk_allocprofile *profile, uint64_t events,
                          uint32_t threads, struct mk_err *err);
int mk_profile_make_pattern(struct mk_profile_out *out, const struct mk_allocprofile *profile, uint64_t events,
                            uint32_t threads, struct mk_err *err);

#endif
