/* compose_mem.h - memory as structures see it: one struct mk_mem made of allocators at run time.
 *
 *   what a structure asks for          a chain of wrappers around ...
 *     mem.alloc, mem.zalloc, mem.free     ... a general allocator, or the default one
 *     a cache                             ... a fixed-size allocator, an instance a cache; the same
 *                                             door as mem.alloc where the chain has none
 *
 * Everything an allocator needs itself comes from the default allocator, the leaf, which goes to the
 * system. Uncounted, each call is the allocator's own function, with no hop in between. Around a fixed-size
 * allocator, a wrapper is an instance of its own for mem.alloc and for each cache; around a general one
 * it is one instance for all.
 */
#ifndef MK_COMPOSE_MEM_H
#define MK_COMPOSE_MEM_H

#include "compose.h"

struct mk_memory_config {
    const struct mk_alloc_choice *chain; /* outermost first, wrappers before what they wrap; copied */
    size_t chain_n;                      /* 0 = the fallback alone */
    const struct mk_impl *fallback;      /* a general allocator that needs no parent */
    uint32_t threads_max;
    uint64_t seed;
    bool counted; /* count bytes: in memory rounds alone, since every call then hops twice */
    /* Not 0: blocks of this size and alignment come from the fixed-size allocator of the chain through
     * mem.alloc too. For a wrapper that is measured itself, around a fixed-size allocator: what it asks for
     * (mk_alloc_asks). */
    size_t object_bytes, object_align;
};

/* Live and peak bytes, at two doors. Exact at quiescence; all zero unless counted. */
struct mk_memory_figures {
    uint64_t requested_bytes, requested_peak_bytes; /* as the structure asked */
    uint64_t blocks;                                /* of the structure, live */
    uint64_t calls;                                 /* allocations it asked for ... */
    uint64_t refused;                               /* ... and did not get */
    uint64_t structure_bytes, structure_peak_bytes; /* taken from the leaf, its rounding and headers included */
    uint64_t structure_blocks;
};

struct mk_memory;

/* Puts what an allocator with these parameters asks of its parent, for a block of *bytes at *align, in their
 * place. Only wrappers ask for anything else. */
void mk_alloc_asks(const struct mk_impl *impl, const uint64_t *params, size_t *bytes, size_t *align);

/* Returns memory that is ready for use, or NULL with err set: the chain makes no sense, or an
 * allocator could not be created. */
struct mk_memory *mk_memory_open(const struct mk_memory_config *config, struct mk_err *err);

/* Closes caches that were left open, destroys the allocators, and returns what was still out before the
 * leaf went: requested_bytes above 0 means that the structure kept memory, structure_bytes above 0 that it
 * did so from the leaf, or that an allocator did. All threads have left. */
struct mk_memory_figures mk_memory_close(struct mk_memory *memory);

/* Frees the books alone: the allocators, and all memory they had, are gone already. */
void mk_memory_abandon(struct mk_memory *memory);

/* Returns the door that structures are given, valid until close. Caches may be opened and closed by any
 * thread, at any time; the door must not be copied. */
struct mk_mem *mk_memory_mem(struct mk_memory *memory);

/* Registers a thread with every allocator, those of later caches included. `me` stays the caller's and
 * must live until mk_memory_thread_exit. Returns 0, or -1 with err set and the thread not registered. */
int mk_memory_thread_enter(struct mk_memory *memory, struct mk_thread *me, struct mk_err *err);
void mk_memory_thread_exit(struct mk_memory *memory, struct mk_thread *me);

/* At quiescence: has every allocator give back what it keeps in reserve. */
void mk_memory_flush(struct mk_memory *memory, struct mk_thread *me);

/* Once all threads have left: returns how often an allocator, if it is one that guards (MK_GUARDS), has met a block that
 * was written beside or after its time, or a wrong free. */
uint64_t mk_guard_strays(const struct mk_impl *impl, void *self);

/* Once all threads have left: returns how often the guards of the chain have met a block that was
 * written beside or after its time, or a wrong free. 0 where there are none. */
uint64_t mk_memory_strays(struct mk_memory *memory);

/* Returns what is to be said of so many (owned). */
char *mk_strays_text(uint64_t strays);

/* Calls visit for each allocator that mem.alloc stands on, from the inside out. */
void mk_memory_each(struct mk_memory *memory, void (*visit)(void *arg, const struct mk_impl *impl, void *self),
                    void *arg);

/* Any thread; concurrent calls are in flight or not, each as a whole for each figure. */
struct mk_memory_figures mk_memory_figures(struct mk_memory *memory);

#endif
