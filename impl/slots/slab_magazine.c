/* slots/slab_magazine - a fixed slab with two magazines of free slots for each thread, and a depot of full
 * and empty ones behind them.
 *
 * Source:     J. Bonwick, J. Adams, Magazines and Vmem, USENIX 2001; differs: the depot is two lock-free lists,
 *             slots never taken are counted off by the magazine, and what threads that leave had over is poured
 *             together.
 * Picture:    thread[id] | loaded, previous |           the thread's own; previous is full or empty
 *             full       | tag: 32 | magazine |  -> magazine -> magazine        lists by number
 *             empty      | tag: 32 | magazine |  -> magazine
 *             over       | magazine |                   one that is neither, or none
 *             magazine   [ next, n, index .. 62 ]       four lines
 *             generation [ 1 | 0 | 2 .. ]  record [ r | r | r .. ]   by index: odd = live
 * Parts:      none.
 * Progress:   take and give lock-free, and without any other thread but once in 62 times; at wait-free.
 * Ordering:   A. A magazine belongs to the thread that has popped it, until that one pushes it. What the pusher
 *                knew of its slots, all that was done to their records among it, the popper acquires with it.
 *             B. Every change of a list's head gives it a tag that it has not had for 2^32 changes: a pop whose CAS
 *                finds the head it has read took next from the list as it still is. All changes are
 *                read-modify-writes, so that every head carries on what the pushes before it released.
 *             C. A generation becomes odd by the slot's one owner, and even by a CAS that succeeds once for each
 *                handle: of two givers one goes on to file the slot.
 *             D. A take misses once nothing is left to carve and then, in this order, nothing over and nothing full
 *                is found. All free slots are then in the hands of other threads: two magazines each, or three
 *                while one leaves, and one that has come to lie over since. There are so many slots more than were
 *                asked for.
 *             E. Magazines are as many as full ones can be, and one over, and three for each thread: there is
 *                always an empty one for who has none.
 * Memory:     (value + 8.2 B) * slots + 896 B * threads_max + 640 B, of slots capacity + 186 * (threads_max - 1),
 *             and 62 more with more than one thread.
 *             What was never taken is never touched.
 * Limits:     up to 124 free slots lie idle with each thread that has gone quiet. As all heads with a tag, lists
 *             are fooled by exactly 2^32 changes in the middle of a pop.
 * values:     8 64 256 1024
 */
#include "../slots.h"

#define MAG_SLOTS MK_TUNE(62u, 2u) /* with it a magazine fills four lines */
#define MAG_HANDS 3u               /* magazines that one thread has at most */
#define MAG_NONE UINT32_MAX

struct mag {
    MK_ATOMIC(uint32_t) next; /* on a list: number, or MAG_NONE */
    uint32_t n;
    uint32_t index[MAG_SLOTS]; /* the last one is taken first */
} MK_ALIGNED(MK_CACHE_LINE);

struct mag_thread {
    struct mag *loaded, *previous;
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_slots {
    MK_ATOMIC(uint32_t) *generation;
    mk_slot *record;
    struct mag_thread *thread; /* by id */
    struct mag *mag;           /* by number */
    struct mk_mem *mem;
    uint32_t slots, mags, threads_max, salt;
    MK_ATOMIC(uint64_t) full MK_ALIGNED(2 * MK_CACHE_LINE);
    MK_ATOMIC(uint64_t) empty MK_ALIGNED(2 * MK_CACHE_LINE);
    MK_ATOMIC(uint32_t) over MK_ALIGNED(2 * MK_CACHE_LINE);
    MK_ATOMIC(uint32_t) fresh; /* slots from here on were never taken */
};

/* ---- lists of magazines ---------------------------------------------------------------------- */

static inline uint32_t mag_number(const struct mk_slots *slots, const struct mag *mag) {
    return (uint32_t)(mag - slots->mag);
}

/* Returns a magazine of the list, which is then the caller's, or NULL. */
static struct mag *mag_pop(struct mk_slots *slots, MK_ATOMIC(uint64_t) *list) {
    for (;;) {
        /* (1) acquire-load synchronizes-with the release-CAS (6): next and what is in the magazine, point A */
        uint64_t head = atomic_load_explicit(list, memory_order_acquire);
        if ((uint32_t)head == MAG_NONE) return NULL;
        struct mag *mag = &slots->mag[(uint32_t)head];
        /* (2) relaxed-load: ordered by (1); where others have popped it meanwhile, not used */
        uint32_t next = atomic_load_explicit(&mag->next, memory_order_relaxed);
        /* (3) relaxed-CAS: what it finds (1) has acquired, point B. On failure we begin anew */
        if (atomic_compare_exchange_weak_explicit(list, &head, ((head >> 32) + 1) << 32 | next,
                                                  memory_order_relaxed, memory_order_relaxed)) {
            return mag;
        }
    }
}

static void mag_push(struct mk_slots *slots, MK_ATOMIC(uint64_t) *list, struct mag *mag) {
    uint64_t number = mag_number(slots, mag);
    /* (4) relaxed-load: a guess, which (6) confirms */
    uint64_t head = atomic_load_explicit(list, memory_order_relaxed);
    do {
        /* (5) relaxed-store: published by (6) */
        atomic_store_explicit(&mag->next, (uint32_t)head, memory_order_relaxed);
        /* (6) release-CAS synchronizes-with the acquire-load (1): next, what is in the magazine, and what we know
         * of the records of these slots. On failure relaxed: we link anew */
    } while (!atomic_compare_exchange_weak_explicit(list, &head, ((head >> 32) + 1) << 32 | number,
                                                    memory_order_release, memory_order_relaxed));
}

/* Returns an empty magazine: there is one, point E. */
static struct mag *mag_pop_empty(struct mk_slots *slots) {
    struct mag *mag;
    while (!(mag = mag_pop(slots, &slots->empty))) mk_pause();
    return mag;
}

/* ---- what is neither full nor empty ---------------------------------------------------------- */

/* Returns the magazine that lies over, which is then the caller's, or NULL. */
static struct mag *mag_take_over(struct mk_slots *slots) {
    /* (7) acquire-exchange synchronizes-with the release-CAS (8): as (1) */
    uint32_t number = atomic_exchange_explicit(&slots->over, MAG_NONE, memory_order_acquire);
    return number == MAG_NONE ? NULL : &slots->mag[number];
}

/* Returns whether the magazine is the one that lies over now; false: there is another one. */
static bool mag_leave_over(struct mk_slots *slots, const struct mag *mag) {
    uint32_t none = MAG_NONE;
    /* (8) release-CAS synchronizes-with the acquire-exchange (7): as (6). On failure relaxed: nothing is done */
    return atomic_compare_exchange_strong_explicit(&slots->over, &none, mag_number(slots, mag),
                                                   memory_order_release, memory_order_relaxed);
}

/* Moves as many as there is room for. */
static void mag_pour(struct mag *from, struct mag *to) {
    while (from->n && to->n < MAG_SLOTS) to->index[to->n++] = from->index[--from->n];
}

/* Gives a magazine away, whatever is in it. */
static void mag_dispose(struct mk_slots *slots, struct mag *mag) {
    while (mag->n && mag->n < MAG_SLOTS) {
        if (mag_leave_over(slots, mag)) return;
        struct mag *over = mag_take_over(slots);
        if (!over) continue;
        mag_pour(over, mag);
        if (over->n) { /* then ours is full */
            mag_push(slots, &slots->full, mag);
            mag = over;
        } else {
            mag_push(slots, &slots->empty, over);
        }
    }
    mag_push(slots, mag->n ? &slots->full : &slots->empty, mag);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void mag_free_arrays(struct mk_slots *slots) {
    struct mk_mem *mem = slots->mem;
    size_t n = slots->slots;
    if (slots->record) mk_mem_free(mem, NULL, slots->record, n * sizeof(mk_slot), MK_CACHE_LINE);
    if (slots->generation) mk_mem_free(mem, NULL, slots->generation, n * 4, MK_CACHE_LINE);
    if (slots->mag) mk_mem_free(mem, NULL, slots->mag, slots->mags * sizeof *slots->mag, MK_CACHE_LINE);
    if (slots->thread) {
        mk_mem_free(mem, NULL, slots->thread, slots->threads_max * sizeof *slots->thread, 2 * MK_CACHE_LINE);
    }
}

static void mag_destroy(struct mk_slots *slots) {
    struct mk_mem *mem = slots->mem;
    mag_free_arrays(slots);
    mk_mem_free(mem, NULL, slots, sizeof *slots, _Alignof(struct mk_slots));
}

/* Point D: so many free slots may be out of reach. */
static uint64_t mag_out_of_reach(uint32_t threads) {
    return threads > 1 ? (MAG_HANDS * (uint64_t)(threads - 1) + 1) * MAG_SLOTS : 0;
}

static int mag_create(struct mk_slots **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    uint64_t n = cfg->capacity + mag_out_of_reach(cfg->threads_max);
    if (mk_slots_fit(cfg, n, err)) return -1;
    struct mk_slots *slots = mk_mem_zalloc(mem, NULL, sizeof *slots, _Alignof(struct mk_slots));
    if (!slots) return mk_fail(err, "no memory for the slots");
    slots->mem = mem;
    slots->slots = (uint32_t)n;
    slots->threads_max = cfg->threads_max;
    slots->mags = slots->slots / MAG_SLOTS + 1 + MAG_HANDS * cfg->threads_max;
    slots->salt = mk_slots_salt(slots, cfg->seed);
    slots->record = mk_mem_alloc(mem, NULL, n * sizeof(mk_slot), MK_CACHE_LINE);
    slots->generation = mk_mem_zalloc(mem, NULL, n * 4, MK_CACHE_LINE);
    slots->mag = mk_mem_zalloc(mem, NULL, slots->mags * sizeof *slots->mag, MK_CACHE_LINE);
    slots->thread = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *slots->thread, 2 * MK_CACHE_LINE);
    if (!slots->record || !slots->generation || !slots->mag || !slots->thread) {
        mag_free_arrays(slots);
        mk_mem_free(mem, NULL, slots, sizeof *slots, _Alignof(struct mk_slots));
        return mk_fail(err, "no memory for %llu slots of %zu bytes", (unsigned long long)n, sizeof(mk_slot));
    }
    atomic_init(&slots->full, MAG_NONE);
    atomic_init(&slots->empty, MAG_NONE);
    atomic_init(&slots->over, MAG_NONE);
    for (uint32_t i = slots->mags; i; i--) mag_push(slots, &slots->empty, &slots->mag[i - 1]);
    *out = slots;
    return 0;
}

static int mag_thread_enter(struct mk_slots *slots, struct mk_thread *me) {
    struct mag_thread *my = &slots->thread[me->id];
    my->loaded = mag_pop_empty(slots);
    my->previous = mag_pop_empty(slots);
    return 0;
}

static void mag_thread_exit(struct mk_slots *slots, struct mk_thread *me) {
    struct mag_thread *my = &slots->thread[me->id];
    mag_dispose(slots, my->loaded);
    mag_dispose(slots, my->previous);
    my->loaded = my->previous = NULL;
}

/* ---- operations ------------------------------------------------------------------------------ */

static inline void mag_swap(struct mag_thread *my) {
    struct mag *loaded = my->loaded;
    my->loaded = my->previous;
    my->previous = loaded;
}

/* Fills a magazine with slots that were never taken. Returns whether there were any. */
static bool mag_carve(struct mk_slots *slots, struct mag *mag) {
    /* (9) relaxed-load: a counter; of slots beyond it nobody has anything */
    uint32_t fresh = atomic_load_explicit(&slots->fresh, memory_order_relaxed), n;
    do {
        n = slots->slots - fresh < MAG_SLOTS ? slots->slots - fresh : MAG_SLOTS;
        /* (10) relaxed-CAS: each number once; on failure another try */
    } while (n && !atomic_compare_exchange_weak_explicit(&slots->fresh, &fresh, fresh + n, memory_order_relaxed,
                                                         memory_order_relaxed));
    for (uint32_t i = 0; i < n; i++) mag->index[i] = fresh + n - 1 - i;
    mag->n = n;
    return n != 0;
}

/* The thread's magazines are empty: gets it another one. Returns whether there was any, point D. */
static bool mag_exchange_empty(struct mk_slots *slots, struct mag_thread *my) {
    struct mag *mag = mag_pop(slots, &slots->full);
    if (!mag) {
        if (mag_carve(slots, my->loaded)) return true;
        mag = mag_take_over(slots);
        if (!mag) mag = mag_pop(slots, &slots->full);
        if (!mag) return false;
    }
    mag_push(slots, &slots->empty, my->previous);
    my->previous = my->loaded;
    my->loaded = mag;
    return true;
}

static MK_NOINLINE bool mag_reload(struct mk_slots *slots, struct mag_thread *my) {
    if (!my->previous->n) return mag_exchange_empty(slots, my);
    mag_swap(my);
    return true;
}

/* The loaded magazine is full: makes room. */
static MK_NOINLINE void mag_unload(struct mk_slots *slots, struct mag_thread *my) {
    if (my->previous->n) { /* full, too */
        struct mag *mag = mag_pop_empty(slots);
        mag_push(slots, &slots->full, my->previous);
        my->previous = mag;
    }
    mag_swap(my);
}

/* LIN take hit: (12): the slot was the thread's own before. LIN take miss: (1), which found no full magazine once
 * nothing was left to carve. */
static inline enum mk_status mag_take(struct mk_slots *slots, struct mk_thread *me, uint64_t *handle) {
    struct mag_thread *my = &slots->thread[me->id];
    if (MK_UNLIKELY(!my->loaded->n) && !mag_reload(slots, my)) return MK_MISS;
    uint32_t index = my->loaded->index[--my->loaded->n];
    /* (11) relaxed-load: of a slot that is ours */
    uint32_t generation = atomic_load_explicit(&slots->generation[index], memory_order_relaxed) + 1;
    /* (12) relaxed-store: says that it is live, to those who have the handle and were told so. A CAS (14) of
     * somebody with an old handle finds no generation of that handle, before or after */
    atomic_store_explicit(&slots->generation[index], generation, memory_order_relaxed);
    *handle = mk_handle(index, generation + slots->salt);
    return MK_HIT;
}

/* LIN at hit, miss: (13), the load of the generation. */
MK_TIMED mk_slot *mag_at(struct mk_slots *slots, struct mk_thread *me, uint64_t handle) {
    uint32_t index = mk_handle_index(handle), wanted = mk_handle_generation(handle) - slots->salt;
    (void)me;
    if (MK_UNLIKELY(index >= slots->slots || !(wanted & 1))) return NULL;
    /* (13) relaxed-load: one word; what its holder did to the record is ordered by who handed the handle over */
    bool live = atomic_load_explicit(&slots->generation[index], memory_order_relaxed) == wanted;
    return MK_LIKELY(live) ? &slots->record[index] : NULL;
}

/* LIN give hit, miss: (14), the CAS of the generation. A miss is a refusal. */
static inline enum mk_status mag_give(struct mk_slots *slots, struct mk_thread *me, uint64_t handle) {
    struct mag_thread *my = &slots->thread[me->id];
    uint32_t index = mk_handle_index(handle), wanted = mk_handle_generation(handle) - slots->salt;
    if (MK_UNLIKELY(index >= slots->slots || !(wanted & 1))) return MK_REFUSED;
    /* (14) relaxed-CAS: decides who gives, point C; what was done to the record is released with the magazine */
    if (MK_UNLIKELY(!atomic_compare_exchange_strong_explicit(&slots->generation[index], &wanted, wanted + 1,
                                                             memory_order_relaxed, memory_order_relaxed))) {
        return MK_REFUSED;
    }
    if (MK_UNLIKELY(my->loaded->n == MAG_SLOTS)) mag_unload(slots, my);
    my->loaded->index[my->loaded->n++] = index;
    return MK_HIT;
}

static uint64_t mag_count(struct mk_slots *slots) {
    uint64_t live = 0;
    /* (15) relaxed-load: at quiescence */
    uint32_t fresh = atomic_load_explicit(&slots->fresh, memory_order_relaxed);
    for (uint32_t i = 0; i < fresh; i++) {
        /* (16) relaxed-load: at quiescence */
        live += atomic_load_explicit(&slots->generation[i], memory_order_relaxed) & 1;
    }
    return live;
}

MK_SLOTS(slab_magazine, .summary = "a slab, magazines of free slots for each thread, a depot behind them",
         .caps = MK_CONCURRENT,
         .progress = {.take = MK_LOCK_FREE, .give = MK_LOCK_FREE, .at = MK_WAIT_FREE}, .create = mag_create,
         .destroy = mag_destroy, .thread_enter = mag_thread_enter, .thread_exit = mag_thread_exit,
         .count = mag_count, .take = mag_take, .at = mag_at, .give = mag_give);
