/* memkit.h - what the parts of libmemkit.so know of each other.
 *
 *     program  ->  exports.c    malloc and its like; alloc/thread_local inlined, or any composition behind headers
 *                  threads.c    who is who: a seat for each thread, and the gate that fork closes
 *                  choice.c     which allocator: MEMKIT_ALLOC
 *                  early.c      memory for what is asked while that is found out
 *                  pages.c      alloc/pages: the parent of all, from the system
 *                  summary.c    MEMKIT_STATS
 *                  loading.c    dlopen, so that all libraries have this malloc
 *
 * The allocator is made by the first call, whoever makes it. No part of this library calls malloc after that.
 */
#ifndef MK_PRELOAD_MALLOC_H
#define MK_PRELOAD_MALLOC_H

#include "../../harness/compose_mem.h"
#include "../../impl/order.h"

#define MK_SEATS_MAX 4096u /* threads at a time that have an id; others share a slower path */

/* ---- choice.c ---- */

/* What MEMKIT_ALLOC names, ready for use. */
struct mk_choice {
    struct mk_memory *memory;
    struct mk_mem *door;
    void *direct;         /* not NULL: alloc/thread_local and nothing else, which is this */
    const char *identity; /* canonical */
};

/* Makes it. Ends the process with status 2, and a line on stderr that says why, if the name is none or names what
 * cannot be a malloc. Once, by one thread. */
void mk_choice_make(struct mk_choice *choice);

/* Returns the value of an environment variable, or NULL. Also before the C library has its environment. */
const char *mk_variable(const char *name);

/* ---- threads.c ---- */

/* A thread that is registered with the allocator. */
struct mk_seat {
    struct mk_thread me;
    MK_ATOMIC(uint32_t) inside; /* 1: in the allocator, where others must not see it */
    bool taken;                 /* under the lock */
    unsigned rounds;            /* of destructors that it has seen */
} MK_ALIGNED(2 * MK_CACHE_LINE);

/* Called once, by the first thread, when the allocator is there. */
void mk_threads_begin(const struct mk_choice *choice);

/* Enters the allocator. Returns the seat of the calling thread, or NULL: it has none, and holds the lock instead.
 * mk_leave follows, with what it returned. */
struct mk_seat *mk_enter(void);
void mk_leave(struct mk_seat *seat);

/* The same for a thread that is known to have a seat. */
struct mk_seat *mk_enter_id(uint32_t id);

/* Waits until no other thread is in the allocator, and keeps them out until mk_open_gate. Returns false, and does
 * nothing, if that would wait for the calling thread itself or, with `try`, for a lock. */
bool mk_close_gate(bool try);
void mk_open_gate(void);

struct mk_thread_counts {
    uint32_t now, most; /* that have a seat */
    uint64_t forks;
};
struct mk_thread_counts mk_thread_counts(void);

/* Gives back what the calling thread and the allocator keep in reserve. */
void mk_flush_caller(void);

/* ---- exports.c ---- */

/* The calling thread has got a seat, or has left it. */
void mk_seated(const struct mk_seat *seat);
void mk_unseated(void);

/* Returns the allocator, which is there. */
const struct mk_choice *mk_chosen(void);

/* ---- early.c ---- */

void *mk_early_alloc(size_t bytes, size_t align);
bool mk_early_has(const void *block);
size_t mk_early_bytes(const void *block);

/* ---- pages.c ---- */

extern const char mk_pages_name[]; /* of kind alloc */

struct mk_pages_figures {
    uint64_t mapped, mapped_peak; /* bytes of address space */
    uint64_t kept;                /* of these, free and perhaps resident */
    uint64_t purged;              /* given back so far */
};
struct mk_pages_figures mk_pages_figures(void);

/* Gives back all that is kept free. Returns whether there was anything. */
bool mk_pages_trim(void);

/* ---- summary.c ---- */

/* Reads MEMKIT_STATS, and takes SIGUSR1 if nobody has. */
void mk_summary_begin(void);

/* Set when a summary could not be written at once. Whoever leaves the allocator calls mk_summary_late then. */
extern MK_ATOMIC(uint32_t) mk_summary_due;
void mk_summary_late(void);

#endif
