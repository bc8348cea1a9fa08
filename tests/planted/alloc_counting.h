/* alloc_counting.h - a sound wrapper that counts and lists what is live, of which alloc_*.c beside it break one thing
 * each: every thread counts in a lane of its own and publishes bytes when BATCH of them have come together; every block
 * hangs on the list of the thread that allocated it, which has a lock.
 */
#ifndef ALLOC_COUNTING_H
#define ALLOC_COUNTING_H

#include <pthread.h>

#include "../../impl/alloc.h"

#define BATCH MK_TUNE(4096, 64)

struct note {
    struct note *next, *prev;
    uint64_t bytes, owner;
};

struct lane {
    MK_ATOMIC(uint64_t) allocations, frees, calls;
    MK_ATOMIC(int64_t) drift;
    pthread_mutex_t lock; /* of the list */
    struct note *first;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_alloc {
    struct mk_mem *parent;
    struct lane *lane; /* by id */
    uint32_t lanes;
    MK_ATOMIC(int64_t) published, peak;
};

/* What the files beside it break. */
#ifndef LANE
#define LANE base_lane
#endif
#ifndef IS_DUE
#define IS_DUE base_is_due
#endif
#ifndef RESIZED
#define RESIZED base_resized
#endif
#ifndef LOCK_OF
#define LOCK_OF base_lock_of
#endif
static uint32_t LANE(const struct mk_alloc *alloc, const struct mk_thread *me);
static bool IS_DUE(struct lane *lane, int64_t drift);
static int64_t RESIZED(size_t old_bytes, size_t bytes);
static pthread_mutex_t *LOCK_OF(struct mk_alloc *alloc, const struct mk_thread *me, const struct note *note);

__attribute__((unused)) static uint32_t base_lane(const struct mk_alloc *alloc, const struct mk_thread *me) {
    return me ? me->id : alloc->lanes - 1;
}

__attribute__((unused)) static bool base_is_due(struct lane *lane, int64_t drift) {
    (void)lane;
    return drift >= BATCH || drift <= -BATCH;
}

__attribute__((unused)) static int64_t base_resized(size_t old_bytes, size_t bytes) {
    return (int64_t)bytes - (int64_t)old_bytes;
}

__attribute__((unused)) static pthread_mutex_t *base_lock_of(struct mk_alloc *alloc, const struct mk_thread *me,
                                                             const struct note *note) {
    (void)me;
    return &alloc->lane[note->owner].lock;
}

/* ---- counting -------------------------------------------------------------------------------- */

static void add(MK_ATOMIC(uint64_t) * counter) {
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + 1, memory_order_relaxed);
}

static void publish(struct mk_alloc *alloc, int64_t bytes) {
    int64_t now = atomic_fetch_add_explicit(&alloc->published, bytes, memory_order_relaxed) + bytes;
    int64_t peak = atomic_load_explicit(&alloc->peak, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(&alloc->peak, &peak, now, memory_order_relaxed,
                                                                memory_order_relaxed)) {
    }
}

static void change(struct mk_alloc *alloc, struct lane *lane, int64_t bytes) {
    int64_t drift = atomic_load_explicit(&lane->drift, memory_order_relaxed) + bytes;
    add(&lane->calls);
    if (IS_DUE(lane, drift)) {
        publish(alloc, drift);
        drift = 0;
    }
    atomic_store_explicit(&lane->drift, drift, memory_order_relaxed);
}

/* ---- lists ----------------------------------------------------------------------------------- */

static size_t before(size_t align) {
    return (sizeof(struct note) + align - 1) & -align;
}

static size_t parent_align(size_t align) {
    return align > 8 ? align : 8;
}

static struct note *note_of(void *block) {
    return (struct note *)block - 1;
}

static void enlist(struct mk_alloc *alloc, const struct mk_thread *me, struct note *note) {
    struct lane *lane = &alloc->lane[note->owner];
    pthread_mutex_lock(LOCK_OF(alloc, me, note));
    note->prev = NULL;
    note->next = lane->first;
    if (note->next) note->next->prev = note;
    lane->first = note;
    pthread_mutex_unlock(LOCK_OF(alloc, me, note));
}

static void strike_off(struct mk_alloc *alloc, const struct mk_thread *me, struct note *note) {
    pthread_mutex_lock(LOCK_OF(alloc, me, note));
    if (note->next) note->next->prev = note->prev;
    if (note->prev) {
        note->prev->next = note->next;
    } else {
        alloc->lane[note->owner].first = note->next;
    }
    pthread_mutex_unlock(LOCK_OF(alloc, me, note));
}

/* ---- operations ------------------------------------------------------------------------------ */

static void *counting_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    unsigned char *memory = mk_mem_alloc(alloc->parent, me, before(align) + bytes, parent_align(align));
    if (!memory) return NULL;
    struct lane *lane = &alloc->lane[LANE(alloc, me)];
    struct note *note = note_of(memory + before(align));
    add(&lane->allocations);
    change(alloc, lane, (int64_t)bytes);
    note->bytes = bytes;
    note->owner = LANE(alloc, me);
    enlist(alloc, me, note);
    return note + 1;
}

static enum mk_status counting_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                    size_t align) {
    struct lane *lane = &alloc->lane[LANE(alloc, me)];
    add(&lane->frees);
    change(alloc, lane, -(int64_t)bytes);
    strike_off(alloc, me, note_of(block));
    mk_mem_free(alloc->parent, me, (unsigned char *)block - before(align), before(align) + bytes,
                parent_align(align));
    return MK_HIT;
}

/* Always moves; counted as a change of bytes alone. */
static void *counting_resize(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t old_bytes,
                             size_t old_align, size_t bytes, size_t align) {
    unsigned char *memory = mk_mem_alloc(alloc->parent, me, before(align) + bytes, parent_align(align));
    if (!memory) return NULL;
    struct note *note = note_of(memory + before(align));
    memcpy(note + 1, block, old_bytes < bytes ? old_bytes : bytes);
    note->bytes = bytes;
    note->owner = LANE(alloc, me);
    strike_off(alloc, me, note_of(block));
    enlist(alloc, me, note);
    mk_mem_free(alloc->parent, me, (unsigned char *)block - before(old_align), before(old_align) + old_bytes,
                parent_align(old_align));
    change(alloc, &alloc->lane[LANE(alloc, me)], RESIZED(old_bytes, bytes));
    return note + 1;
}

/* ---- figures --------------------------------------------------------------------------------- */

static uint64_t counting_count(struct mk_alloc *alloc) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < alloc->lanes; i++) {
        count += atomic_load_explicit(&alloc->lane[i].allocations, memory_order_relaxed);
        count -= atomic_load_explicit(&alloc->lane[i].frees, memory_order_relaxed);
    }
    return count;
}

static void counting_walk(struct mk_alloc *alloc, mk_visit_fn *visit, void *arg) {
    for (uint32_t i = 0; i < alloc->lanes; i++) {
        for (struct note *note = alloc->lane[i].first; note; note = note->next) {
            visit(arg, (uint64_t)(uintptr_t)(note + 1), note->bytes);
        }
    }
}

static size_t counting_stats(struct mk_alloc *alloc, struct mk_stat *out, size_t room) {
    int64_t bytes = atomic_load_explicit(&alloc->published, memory_order_relaxed);
    for (uint32_t i = 0; i < alloc->lanes; i++) {
        bytes += atomic_load_explicit(&alloc->lane[i].drift, memory_order_relaxed);
    }
    int64_t peak = atomic_load_explicit(&alloc->peak, memory_order_relaxed);
    if (room < 3) return 3;
    out[0] = (struct mk_stat){"live_bytes", (uint64_t)bytes};
    out[1] = (struct mk_stat){"peak_bytes", (uint64_t)(peak > bytes ? peak : bytes)};
    out[2] = (struct mk_stat){"peak_error_bytes", (uint64_t)alloc->lanes * BATCH};
    return 3;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void counting_destroy(struct mk_alloc *alloc) {
    struct mk_mem *parent = alloc->parent;
    for (uint32_t i = 0; i < alloc->lanes; i++) pthread_mutex_destroy(&alloc->lane[i].lock);
    mk_mem_free(parent, NULL, alloc->lane, alloc->lanes * sizeof *alloc->lane, _Alignof(struct lane));
    mk_mem_free(parent, NULL, alloc, sizeof *alloc, _Alignof(struct mk_alloc));
}

static int counting_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                           struct mk_err *err) {
    struct mk_alloc *alloc = mk_mem_zalloc(parent, NULL, sizeof *alloc, _Alignof(struct mk_alloc));
    if (!alloc) return mk_fail(err, "no memory for the wrapper");
    alloc->parent = parent;
    alloc->lanes = cfg->threads_max + 1;
    alloc->lane = mk_mem_zalloc(parent, NULL, alloc->lanes * sizeof *alloc->lane, _Alignof(struct lane));
    if (!alloc->lane) {
        mk_mem_free(parent, NULL, alloc, sizeof *alloc, _Alignof(struct mk_alloc));
        return mk_fail(err, "no memory for the lanes");
    }
    for (uint32_t i = 0; i < alloc->lanes; i++) pthread_mutex_init(&alloc->lane[i].lock, NULL);
    *out = alloc;
    return 0;
}

#define COUNTING                                                                                                \
    .summary = "planted", .caps = MK_WRAPPER | MK_CONCURRENT | MK_CROSS_FREE | MK_GROWS,                         \
    .create = counting_create, .destroy = counting_destroy, .alloc = counting_alloc, .free = counting_free,      \
    .resize = counting_resize, .count = counting_count, .walk = counting_walk, .stats = counting_stats

#endif
