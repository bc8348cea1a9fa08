/* instance.h - one constructed structure with everything it stands on: its memory, its registered
 * threads, and for allocators the blocks that each thread holds. */
#ifndef MK_INSTANCE_H
#define MK_INSTANCE_H

#include "compose.h"
#include "compose_mem.h"
#include "plan.h"

struct mk_ring;

struct mk_instance {
    struct mk_composition composition;
    const struct mk_impl *impl;
    uint32_t threads;
    uint32_t selves;           /* 1, or one a thread */
    void **self;               /* selves */
    struct mk_memory **memory; /* selves */
    struct mk_thread *me;      /* threads */
    struct mk_blocks *blocks;  /* threads; NULL unless kind alloc */
    struct mk_ring **rings;
    size_t rings_n;
    uint64_t rss_before; /* where memory is counted: resident bytes with all that the harness has here, and nothing
                          * of the structure's own; UINT64_MAX = unknown */
};

struct mk_instance_config {
    const char *identity;
    const struct mk_plan_point *point;
    uint32_t threads;
    uint64_t seed;
    bool counted; /* count memory: for memory rounds, never for timed ones */
};

/* Returns 0 and a constructed instance, no thread registered yet, or -1 with err set and nothing kept. */
int mk_instance_open(struct mk_instance *instance, const struct mk_instance_config *config, struct mk_err *err);

/* Destroys structure i and leaves its memory open. Returns how often guards among the allocators, itself or those that it
 * stands on, have met a stray write or a wrong free. All threads have left. */
uint64_t mk_instance_destroy(struct mk_instance *instance, uint32_t i);

/* Destroys all. Returns as mk_instance_destroy. */
uint64_t mk_instance_close(struct mk_instance *instance);

/* Registers thread `thread` (called by that thread). Returns 0, or -1 with err set. */
int mk_instance_enter(struct mk_instance *instance, uint32_t thread, struct mk_err *err);
void mk_instance_leave(struct mk_instance *instance, uint32_t thread);

/* The structure that a thread works on. */
static inline void *mk_instance_self(const struct mk_instance *instance, uint32_t thread) {
    return instance->self[instance->selves == 1 ? 0 : thread];
}

/* Returns the number of elements at quiescence, or UINT64_MAX where the implementation cannot say. */
uint64_t mk_instance_count(const struct mk_instance *instance);

/* Pairs the threads that give with those that take: the j-th giver's ring goes to the j-th taker (the
 * next one, where everybody does both). Returns 0, or -1 with err set when their numbers differ.
 * Rings of an earlier call are dropped: they must be empty. */
int mk_instance_pair(struct mk_instance *instance, const bool *gives, const bool *takes, struct mk_err *err);

/* Ends all waiting in rings. */
void mk_instance_close_rings(struct mk_instance *instance);

/* Frees what is left in the ring that `thread` takes from. Called by that thread, after every giver
 * has stopped. Returns how many blocks there were. */
uint64_t mk_instance_drain_ring(struct mk_instance *instance, uint32_t thread);

#endif
