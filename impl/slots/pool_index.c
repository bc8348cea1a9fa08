/* slots/pool_index - blocks of 1024 slots that are made as they are needed and never move; free slots are one
 * lock-free list by index.
 *
 * Source:     the textbook's index pool; after the B5 listing's idea, with a give, with handles in place of
 *             references, and with free slots that cost 4 bytes and no store until they are given back.
 * Picture:    head      | tag: 32 | first index: 32 |
 *             fresh     | slots from here on were never taken
 *             directory -> [ blocks: 4 | block 0 | block 1 | block 2 | - ] -> the one before, half as large
 *             block     [ generation, next | .. 1024 | record .. 1024 ]     generation odd = live
 * Parts:      none.
 * Progress:   take lock-free but for the one thread in 1024 takes that makes a block, for which others that find
 *             nothing wait; give lock-free; at wait-free.
 * Ordering:   A. Every change of head gives it a tag that it has not had for 2^32 changes: a pop whose CAS finds
 *                the head it has read took next from the list as it still is.
 *             B. All changes of head are read-modify-writes, so that every head carries on what the pushes before
 *                it released: whoever reads it has acquired all that was done to the slots on it, their block among
 *                it.
 *             C. A generation becomes odd by the slot's one owner, and even by a CAS that succeeds once for each
 *                handle: of two givers one goes on to push.
 *             D. A directory names a block before limit says that there are its slots; whoever carves one has
 *                acquired that, and hands it on with the handle. Directories that have become too small stay, and
 *                stay right: so an index beyond the one we read is no slot that anybody told us of.
 * Memory:     (value + 8 B) * 1024 a block, + 16 B a block for directories at most, + 320 B. Blocks go back at
 *             destroy only.
 * Limits:     2^32 - 1024 slots. at follows one pointer more than a slab. As all heads with a tag, it is fooled by
 *             exactly 2^32 changes in the middle of a pop.
 * values:     8 64 256 1024
 */
#include "../slots.h"

#include <pthread.h>

#define POOL_SLOTS MK_TUNE(1024u, 2u) /* of a block */
#define POOL_BLOCKS_MAX (UINT32_MAX / POOL_SLOTS)
#define POOL_BLOCKS_MIN MK_TUNE(8u, 1u) /* of the first directory */
#define POOL_NONE UINT32_MAX

struct pool_state {
    MK_ATOMIC(uint32_t) generation;
    MK_ATOMIC(uint32_t) next; /* on the list: index, or POOL_NONE */
};

struct pool_block {
    mk_slot record[POOL_SLOTS];
    struct pool_state state[POOL_SLOTS];
};

struct pool_directory {
    struct pool_directory *smaller; /* the one before */
    uint32_t blocks;                /* places */
    MK_ATOMIC(struct pool_block *) block[];
};

struct mk_slots {
    MK_ATOMIC(struct pool_directory *) directory;
    uint32_t salt;
    struct mk_mem *mem;
    pthread_mutex_t lock; /* of growing */
    MK_ATOMIC(uint32_t) limit; /* slots that there are */
    MK_ATOMIC(uint64_t) head MK_ALIGNED(2 * MK_CACHE_LINE);
    MK_ATOMIC(uint32_t) fresh;
};

static size_t pool_directory_bytes(uint32_t blocks) {
    return sizeof(struct pool_directory) + blocks * sizeof(void *);
}

static int pool_create(struct mk_slots **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_slots *slots = mk_mem_zalloc(mem, NULL, sizeof *slots, _Alignof(struct mk_slots));
    if (!slots) return mk_fail(err, "no memory for the pool");
    size_t bytes = pool_directory_bytes(POOL_BLOCKS_MIN);
    struct pool_directory *directory = mk_mem_zalloc(mem, NULL, bytes, MK_CACHE_LINE);
    if (!directory) {
        mk_mem_free(mem, NULL, slots, sizeof *slots, _Alignof(struct mk_slots));
        return mk_fail(err, "no memory for a directory of %u blocks", POOL_BLOCKS_MIN);
    }
    directory->blocks = POOL_BLOCKS_MIN;
    atomic_init(&slots->directory, directory);
    atomic_init(&slots->head, POOL_NONE);
    slots->mem = mem;
    slots->salt = mk_slots_salt(slots, cfg->seed);
    pthread_mutex_init(&slots->lock, NULL);
    *out = slots;
    return 0;
}

static void pool_destroy(struct mk_slots *slots) {
    struct mk_mem *mem = slots->mem;
    /* (1) relaxed-load: nobody else is left */
    struct pool_directory *directory = atomic_load_explicit(&slots->directory, memory_order_relaxed);
    for (uint32_t i = 0; i < directory->blocks; i++) {
        /* (2) relaxed-load: nobody else is left */
        struct pool_block *block = atomic_load_explicit(&directory->block[i], memory_order_relaxed);
        if (block) mk_mem_free(mem, NULL, block, sizeof *block, MK_CACHE_LINE);
    }
    for (struct pool_directory *smaller; directory; directory = smaller) {
        smaller = directory->smaller;
        mk_mem_free(mem, NULL, directory, pool_directory_bytes(directory->blocks), MK_CACHE_LINE);
    }
    pthread_mutex_destroy(&slots->lock);
    mk_mem_free(mem, NULL, slots, sizeof *slots, _Alignof(struct mk_slots));
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* Returns the block of a slot, or NULL where there is none. */
static inline struct pool_block *pool_block_of(struct mk_slots *slots, uint32_t index) {
    /* (3) acquire-load synchronizes-with the release-store (6): the directory's places */
    struct pool_directory *directory = atomic_load_explicit(&slots->directory, memory_order_acquire);
    uint32_t i = index / POOL_SLOTS;
    if (MK_UNLIKELY(i >= directory->blocks)) return NULL;
    /* (4) acquire-load synchronizes-with the release-store (7): the block's generations */
    return atomic_load_explicit(&directory->block[i], memory_order_acquire);
}

/* Of a slot that is ours, or was on the list: its block is there, points B and D. */
static inline struct pool_state *pool_state_of(struct mk_slots *slots, uint32_t index) {
    return &pool_block_of(slots, index)->state[index % POOL_SLOTS];
}

/* Puts a directory in place that is twice as large. Returns it, or NULL: no memory. Under the lock. */
static struct pool_directory *pool_double(struct mk_slots *slots, struct mk_thread *me,
                                          struct pool_directory *smaller) {
    uint32_t blocks = smaller->blocks < POOL_BLOCKS_MAX / 2 ? 2 * smaller->blocks : POOL_BLOCKS_MAX;
    struct pool_directory *directory = mk_mem_zalloc(slots->mem, me, pool_directory_bytes(blocks), MK_CACHE_LINE);
    if (!directory) return NULL;
    directory->smaller = smaller;
    directory->blocks = blocks;
    for (uint32_t i = 0; i < smaller->blocks; i++) {
        /* (5) relaxed-load: written under the lock alone */
        atomic_init(&directory->block[i], atomic_load_explicit(&smaller->block[i], memory_order_relaxed));
    }
    /* (6) release-store synchronizes-with the acquire-load (3): the directory's places */
    atomic_store_explicit(&slots->directory, directory, memory_order_release);
    return directory;
}

/* Makes one block more, unless there are slots to carve. Returns MK_HIT; MK_NO_MEMORY; MK_MISS: as many as handles
 * can name. */
static MK_NOINLINE enum mk_status pool_grow(struct mk_slots *slots, struct mk_thread *me) {
    enum mk_status status = MK_HIT;
    pthread_mutex_lock(&slots->lock);
    /* (8) relaxed-load: written under the lock alone */
    uint32_t limit = atomic_load_explicit(&slots->limit, memory_order_relaxed), i = limit / POOL_SLOTS;
    /* (9) relaxed-load: a counter */
    bool made = atomic_load_explicit(&slots->fresh, memory_order_relaxed) < limit;
    /* (10) relaxed-load: written under the lock alone */
    struct pool_directory *directory = atomic_load_explicit(&slots->directory, memory_order_relaxed);
    if (!made && i == POOL_BLOCKS_MAX) status = MK_MISS;
    if (!made && status == MK_HIT) {
        struct pool_block *block = mk_mem_alloc(slots->mem, me, sizeof *block, MK_CACHE_LINE);
        if (block && i == directory->blocks) directory = pool_double(slots, me, directory);
        if (block && directory) {
            memset((void *)block->state, 0, sizeof block->state);
            /* (7) release-store synchronizes-with the acquire-load (4): the block's generations */
            atomic_store_explicit(&directory->block[i], block, memory_order_release);
            /* (11) release-store synchronizes-with the acquire-load (12): the directory that has the block, D */
            atomic_store_explicit(&slots->limit, limit + POOL_SLOTS, memory_order_release);
        } else {
            status = MK_NO_MEMORY;
            if (block) mk_mem_free(slots->mem, me, block, sizeof *block, MK_CACHE_LINE);
        }
    }
    pthread_mutex_unlock(&slots->lock);
    return status;
}

/* Returns a slot that was never taken, or POOL_NONE. */
static MK_NOINLINE uint32_t pool_carve(struct mk_slots *slots) {
    /* (12) acquire-load synchronizes-with the release-store (11): the block of all slots below */
    uint32_t limit = atomic_load_explicit(&slots->limit, memory_order_acquire);
    /* (13) relaxed-load: a counter; of slots beyond it nobody has anything */
    uint32_t fresh = atomic_load_explicit(&slots->fresh, memory_order_relaxed);
    while (fresh < limit) {
        /* (14) relaxed-CAS: each number once; on failure another try */
        if (atomic_compare_exchange_weak_explicit(&slots->fresh, &fresh, fresh + 1, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            return fresh;
        }
    }
    return POOL_NONE;
}

/* ---- the list -------------------------------------------------------------------------------- */

/* The head that names another first slot. */
static inline uint64_t pool_head(uint64_t before, uint32_t first) {
    return ((before >> 32) + 1) << 32 | first;
}

/* Returns a slot of the list, or POOL_NONE. */
static inline uint32_t pool_pop(struct mk_slots *slots) {
    for (;;) {
        /* (15) acquire-load synchronizes-with the release-CAS (20): next, the generation, the block, the record */
        uint64_t head = atomic_load_explicit(&slots->head, memory_order_acquire);
        uint32_t index = (uint32_t)head;
        if (MK_UNLIKELY(index == POOL_NONE)) return POOL_NONE;
        /* (16) relaxed-load: ordered by (15); where others have taken the slot meanwhile, not used */
        uint32_t next = atomic_load_explicit(&pool_state_of(slots, index)->next, memory_order_relaxed);
        /* (17) relaxed-CAS: what it finds (15) has acquired, points A and B. On failure we begin anew */
        if (MK_LIKELY(atomic_compare_exchange_weak_explicit(&slots->head, &head, pool_head(head, next),
                                                            memory_order_relaxed, memory_order_relaxed))) {
            return index;
        }
    }
}

static inline void pool_push(struct mk_slots *slots, struct pool_state *state, uint32_t index) {
    /* (18) relaxed-load: a guess, which (20) confirms */
    uint64_t head = atomic_load_explicit(&slots->head, memory_order_relaxed);
    do {
        /* (19) relaxed-store: published by (20) */
        atomic_store_explicit(&state->next, (uint32_t)head, memory_order_relaxed);
        /* (20) release-CAS synchronizes-with the acquire-load (15): next, the generation, the block, and all that
         * was done to the record. On failure relaxed: we link anew */
    } while (MK_UNLIKELY(!atomic_compare_exchange_weak_explicit(
        &slots->head, &head, pool_head(head, index), memory_order_release, memory_order_relaxed)));
}

/* Returns a slot in *index, growing the pool where need be. */
static MK_NOINLINE enum mk_status pool_find(struct mk_slots *slots, struct mk_thread *me, uint32_t *index) {
    enum mk_status status = MK_HIT;
    while (status == MK_HIT) {
        *index = pool_carve(slots);
        if (*index == POOL_NONE) *index = pool_pop(slots);
        if (*index != POOL_NONE) return MK_HIT;
        status = pool_grow(slots, me);
    }
    return status;
}

/* ---- operations ------------------------------------------------------------------------------ */

/* LIN take hit: (17) or (14), whichever got the slot. LIN take miss: (15), which found the list empty once there
 * were as many slots as handles can name. */
static inline enum mk_status pool_take(struct mk_slots *slots, struct mk_thread *me, uint64_t *handle) {
    uint32_t index = pool_pop(slots);
    if (MK_UNLIKELY(index == POOL_NONE)) {
        enum mk_status status = pool_find(slots, me, &index);
        if (MK_UNLIKELY(status != MK_HIT)) return status;
    }
    struct pool_state *state = pool_state_of(slots, index);
    /* (21) relaxed-load: of a slot that is ours */
    uint32_t generation = atomic_load_explicit(&state->generation, memory_order_relaxed) + 1;
    /* (22) relaxed-store: says that it is live, to those who have the handle and were told so. A CAS (24) of
     * somebody with an old handle finds no generation of that handle, before or after */
    atomic_store_explicit(&state->generation, generation, memory_order_relaxed);
    *handle = mk_handle(index, generation + slots->salt);
    return MK_HIT;
}

/* LIN at hit, miss: (23), the load of the generation; or (3) or (4), where there is no such slot. */
MK_TIMED mk_slot *pool_at(struct mk_slots *slots, struct mk_thread *me, uint64_t handle) {
    uint32_t index = mk_handle_index(handle), wanted = mk_handle_generation(handle) - slots->salt;
    struct pool_block *block = pool_block_of(slots, index);
    (void)me;
    if (MK_UNLIKELY(!block || !(wanted & 1))) return NULL;
    /* (23) relaxed-load: one word; what its holder did to the record is ordered by who handed the handle over */
    bool live = atomic_load_explicit(&block->state[index % POOL_SLOTS].generation, memory_order_relaxed) == wanted;
    return MK_LIKELY(live) ? &block->record[index % POOL_SLOTS] : NULL;
}

/* LIN give hit, miss: (24), the CAS of the generation; or (3) or (4), where there is no such slot. A miss is a
 * refusal. */
static inline enum mk_status pool_give(struct mk_slots *slots, struct mk_thread *me, uint64_t handle) {
    uint32_t index = mk_handle_index(handle), wanted = mk_handle_generation(handle) - slots->salt;
    struct pool_block *block = pool_block_of(slots, index);
    (void)me;
    if (MK_UNLIKELY(!block || !(wanted & 1))) return MK_REFUSED;
    struct pool_state *state = &block->state[index % POOL_SLOTS];
    /* (24) relaxed-CAS: decides who gives, point C; what was done to the record is released by (20) */
    if (MK_UNLIKELY(!atomic_compare_exchange_strong_explicit(&state->generation, &wanted, wanted + 1,
                                                             memory_order_relaxed, memory_order_relaxed))) {
        return MK_REFUSED;
    }
    pool_push(slots, state, index);
    return MK_HIT;
}

static uint64_t pool_count(struct mk_slots *slots) {
    uint64_t live = 0;
    /* (25) relaxed-load: at quiescence */
    uint32_t fresh = atomic_load_explicit(&slots->fresh, memory_order_relaxed);
    for (uint32_t i = 0; i < fresh; i++) {
        /* (26) relaxed-load: at quiescence */
        live += atomic_load_explicit(&pool_state_of(slots, i)->generation, memory_order_relaxed) & 1;
    }
    return live;
}

MK_SLOTS(pool_index, .summary = "blocks of 1024 slots as they are needed, a lock-free list of free ones",
         .caps = MK_CONCURRENT | MK_GROWS,
         .progress = {.take = MK_BLOCKING, .give = MK_LOCK_FREE, .at = MK_WAIT_FREE}, .create = pool_create,
         .destroy = pool_destroy, .count = pool_count, .take = pool_take, .at = pool_at, .give = pool_give);
