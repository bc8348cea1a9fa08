/* refcount/biased - the thread that made an object counts its references without an atomic read-modify-write, the
 * others count theirs beside it.
 *
 * Source:     Choi, Shull, Torrellas: Biased Reference Counting, PACT 2018. Differs: objects that wait for their
 *             owner are linked through their headers, so that a drop needs no memory and cannot fail, which takes 6
 *             B; the owner's id stays in the object, a count of 0 says that it counts there no more; an owner that
 *             has left is stood in for, under the lock of its queue.
 * Picture:    object -> | owner 2 | link 6 | biased 4 | shared 4: count 30, QUEUED, MERGED | payload |
 *             record[owner]: lock, inside, queue -> object -> object -> NULL
 *             references = biased + shared's count, which is negative where others dropped what the owner had
 *             cloned
 * Parts:      none.
 * values:     8 64
 * Progress:   the owner's clone and drop wait-free, clones of others, too; a drop of others is lock-free, but for
 *             the first one that makes the shared count negative, which takes the lock of a queue; cells are
 *             locked.
 * Ordering:   what is done to the shared count releases, and whoever ends the object acquires. The owner's count is
 *             its own alone, until it has left: the lock of its queue hands it on.
 * Memory:     16 B + payload an object (the paper's 8 B have no link), 64 B * threads_max.
 * Limits:     an object that others drop below zero waits until its owner makes an object, drops one of somebody
 *             else, or leaves: an idle owner holds up all that it has made, without bound. No weak references. More
 *             than 2^28 references counted by others are refused. Addresses must lie below 2^48. At most 65534
 *             threads.
 * Unreached:  (10) takes 2^28 references.
 * Kept:       (3) its release is needed where the owner has dropped all its references, an object waits for it, and
 *             others have made more than they dropped: then one of them ends it, after what the owner did. None of
 *             the operations that are tried leaves an object so.
 */
#include <stddef.h>
#include <stdint.h>

#define MK_REFCOUNT_HEADER                                                                      \
    uint16_t owner;                /* id + 1, 0 = nobody; constant */                            \
    uint16_t link_low;             /* to the next one in the queue: both under its lock, by */   \
    uint32_t link_high;            /* whoever has set QUEUED and until that is taken back */     \
    MK_ATOMIC(uint32_t) biased;    /* the owner's own; 0 = merged: it counts there no more */    \
    MK_ATOMIC(uint32_t) shared;
#include "../refcount.h"

#include <pthread.h>

#define BIASED_MERGED 1u /* shared counts all references */
#define BIASED_QUEUED 2u /* it waits for its owner, and only what takes it out of the queue may end it */
#define BIASED_ONE 4u
#define BIASED_SHARED_MAX ((int32_t)1 << 28)
#define BIASED_MAX MK_TUNE((uint32_t)1 << 28, 2) /* beyond, the owner counts as others do */

/* Of an owner's id. */
struct biased_record {
    pthread_mutex_t lock;
    bool inside;
    struct mk_object *queue;
    MK_ATOMIC(uint32_t) waiting; /* objects in the queue, or just taken out of it */
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_refcount {
    struct mk_objects *objects;
    struct mk_mem *mem;
    struct biased_record *record; /* by id */
    uint32_t threads_max;
};

static inline int32_t biased_count(uint32_t shared) {
    return (int32_t)shared >> 2;
}

static void biased_link(struct mk_object *object, struct mk_object *next) {
    object->link_low = (uint16_t)(uintptr_t)next;
    object->link_high = (uint32_t)((uint64_t)(uintptr_t)next >> 16);
}

static struct mk_object *biased_next(const struct mk_object *object) {
    return (struct mk_object *)(uintptr_t)((uint64_t)object->link_high << 16 | object->link_low);
}

/* ---- merging -------------------------------------------------------------------------------- */

/* Takes an object out of waiting: from here on all its references are counted in one place. By its owner, or under
 * the lock of one that has left, or at quiescence. */
static void biased_merge(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    /* (1) relaxed-load: our own count, or one that the lock has handed on */
    uint32_t biased = atomic_load_explicit(&object->biased, memory_order_relaxed);
    /* where it is 0 the owner has merged by itself (14) */
    uint32_t change = biased * BIASED_ONE - BIASED_QUEUED + (biased ? BIASED_MERGED : 0);
    /* (2) relaxed-store: as (1); before (3), behind which others may end the object */
    atomic_store_explicit(&object->biased, 0, memory_order_relaxed);
    /* (3) acq_rel-addition synchronizes-with the release-CAS (12), the acquire-load (13) and the acq_rel-or (14):
     * releases what the owner did with the object, acquires what others did, whoever ends it */
    uint32_t left = atomic_fetch_add_explicit(&object->shared, change, memory_order_acq_rel) + change;
    if (biased_count(left) == 0) mk_object_destroy(rc->objects, me, object);
}

/* Takes all that waits out of a queue. Its lock is held. */
static struct mk_object *biased_take(struct biased_record *record) {
    struct mk_object *queue = record->queue;
    record->queue = NULL;
    /* (4) relaxed-store: a hint for the owner, and statistics */
    atomic_store_explicit(&record->waiting, 0, memory_order_relaxed);
    return queue;
}

static void biased_merge_all(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *queue) {
    for (struct mk_object *next; queue; queue = next) {
        next = biased_next(queue);
        biased_merge(rc, me, queue);
    }
}

/* Out of line: what it takes stays out of the operation. */
static MK_NOINLINE void biased_work_off(struct mk_refcount *rc, struct mk_thread *me,
                                        struct biased_record *record) {
    pthread_mutex_lock(&record->lock);
    struct mk_object *queue = biased_take(record);
    pthread_mutex_unlock(&record->lock);
    biased_merge_all(rc, me, queue);
}

static inline void biased_look_after(struct mk_refcount *rc, struct mk_thread *me) {
    struct biased_record *my = &rc->record[me->id];
    /* (5) relaxed-load: a hint; what is behind the lock is ordered by it */
    if (MK_UNLIKELY(atomic_load_explicit(&my->waiting, memory_order_relaxed))) biased_work_off(rc, me, my);
}

/* Of whoever has set QUEUED: until that is taken back nobody ends the object. */
static void biased_queue(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    struct biased_record *record = &rc->record[object->owner - 1];
    pthread_mutex_lock(&record->lock);
    if (record->inside) {
        biased_link(object, record->queue);
        record->queue = object;
        /* (6) relaxed: as (4) */
        atomic_fetch_add_explicit(&record->waiting, 1, memory_order_relaxed);
    } else {
        /* still under the lock: whoever comes in with this id next is the object's owner, if it has one then */
        biased_merge(rc, me, object);
    }
    pthread_mutex_unlock(&record->lock);
}

/* ---- references ------------------------------------------------------------------------------- */

static inline bool biased_begin(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    if (MK_UNLIKELY((uint64_t)(uintptr_t)object >> 48)) return false;
    if (MK_LIKELY(me != NULL)) biased_look_after(rc, me);
    object->owner = me ? (uint16_t)(me->id + 1) : 0;
    /* (7) relaxed-store: nobody else has the object yet */
    atomic_store_explicit(&object->biased, me != NULL, memory_order_relaxed);
    /* (8) relaxed-store: as (7) */
    atomic_store_explicit(&object->shared, me ? 0 : BIASED_ONE | BIASED_MERGED, memory_order_relaxed);
    return true;
}

static inline bool biased_owns(const struct mk_thread *me, const struct mk_object *object) {
    return me && object->owner == me->id + 1;
}

static MK_NOINLINE bool biased_clone_shared(struct mk_object *object) {
    /* (9) relaxed: the caller holds a reference, so the object stays, whatever else is counted */
    uint32_t found = atomic_fetch_add_explicit(&object->shared, BIASED_ONE, memory_order_relaxed);
    if (MK_LIKELY(biased_count(found) < BIASED_SHARED_MAX)) return true;
    /* (10) relaxed: takes back what was added; it cannot be the last, as the caller holds one more */
    atomic_fetch_sub_explicit(&object->shared, BIASED_ONE, memory_order_relaxed);
    return false;
}

/* LIN clone hit: the store (16) of the owner, the addition (9) of others. LIN clone miss: the subtraction (10). */
static inline bool biased_clone(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    (void)rc;
    if (MK_LIKELY(biased_owns(me, object))) {
        /* (15) relaxed-load: our own count */
        uint32_t count = atomic_load_explicit(&object->biased, memory_order_relaxed);
        if (MK_LIKELY(count - 1 < BIASED_MAX - 1)) {
            /* (16) relaxed-store: our own count; whoever merges in our stead finds it behind a lock */
            atomic_store_explicit(&object->biased, count + 1, memory_order_relaxed);
            return true;
        }
    }
    return biased_clone_shared(object);
}

static MK_NOINLINE void biased_drop_shared(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    /* (11) relaxed-load: a guess, which (12) confirms */
    uint32_t found = atomic_load_explicit(&object->shared, memory_order_relaxed), left;
    do {
        left = found - BIASED_ONE;
        if (biased_count(left) < 0) left |= BIASED_QUEUED;
        /* (12) release-CAS synchronizes-with the acq_rel-addition (3), the acquire-load (13) and the acq_rel-or
         * (14): all that the caller did with the object. On failure relaxed: tried again */
    } while (!atomic_compare_exchange_weak_explicit(&object->shared, &found, left, memory_order_release,
                                                    memory_order_relaxed));
    if (left & ~found & BIASED_QUEUED) {
        biased_queue(rc, me, object);
    } else if (left == BIASED_MERGED) {
        /* (13) acquire-load synchronizes-with the acq_rel-addition (3), the release-CAS (12) and the acq_rel-or
         * (14): all that others did. It reads our own, which goes on with their release sequences */
        (void)atomic_load_explicit(&object->shared, memory_order_acquire);
        mk_object_destroy(rc->objects, me, object);
    }
    if (me) biased_look_after(rc, me);
}

/* The owner counts no references any more: others do, if there are any. */
static MK_NOINLINE void biased_drop_last(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    /* (17) relaxed-store: our own count; before (14), behind which others may end the object */
    atomic_store_explicit(&object->biased, 0, memory_order_relaxed);
    /* (14) acq_rel-or synchronizes-with the acq_rel-addition (3), the release-CAS (12) and the acquire-load (13):
     * releases what we did with the object, acquires what others did, whoever ends it */
    uint32_t found = atomic_fetch_or_explicit(&object->shared, BIASED_MERGED, memory_order_acq_rel);
    if (found == 0) mk_object_destroy(rc->objects, me, object);
}

/* LIN drop: the store (18) of the owner, for its last the or (14); the CAS (12) of others. */
static inline void biased_drop(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    /* (19) relaxed-load: our own count */
    uint32_t count = biased_owns(me, object) ? atomic_load_explicit(&object->biased, memory_order_relaxed) : 0;
    if (MK_LIKELY(count > 1)) {
        /* (18) relaxed-store: as (16) */
        atomic_store_explicit(&object->biased, count - 1, memory_order_relaxed);
    } else if (count == 1) {
        biased_drop_last(rc, me, object);
    } else {
        biased_drop_shared(rc, me, object);
    }
}

/* ---- life ------------------------------------------------------------------------------------- */

static int biased_thread_enter(struct mk_refcount *rc, struct mk_thread *me) {
    struct biased_record *my = &rc->record[me->id];
    pthread_mutex_lock(&my->lock);
    my->inside = true;
    pthread_mutex_unlock(&my->lock);
    return 0;
}

/* What it has made and others hold stays its id's: of whoever has it next, or merged by others. */
static void biased_thread_exit(struct mk_refcount *rc, struct mk_thread *me) {
    struct biased_record *my = &rc->record[me->id];
    pthread_mutex_lock(&my->lock);
    my->inside = false;
    struct mk_object *queue = biased_take(my);
    pthread_mutex_unlock(&my->lock);
    biased_merge_all(rc, me, queue);
}

static void biased_flush(struct mk_refcount *rc, struct mk_thread *me) {
    for (uint32_t i = 0; i < rc->threads_max; i++) biased_work_off(rc, me, &rc->record[i]);
}

static void biased_destroy(struct mk_refcount *rc) {
    struct mk_mem *mem = rc->mem;
    for (uint32_t i = 0; i < rc->threads_max; i++) pthread_mutex_destroy(&rc->record[i].lock);
    mk_mem_free(mem, NULL, rc->record, rc->threads_max * sizeof *rc->record, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, rc, sizeof *rc, _Alignof(struct mk_refcount));
}

static int biased_create(struct mk_refcount **out, struct mk_objects *objects, struct mk_mem *mem,
                         const struct mk_config *cfg, struct mk_err *err) {
    if (cfg->threads_max >= UINT16_MAX) return mk_fail(err, "%u threads: it takes 65534 at most", cfg->threads_max);
    struct mk_refcount *rc = mk_mem_alloc(mem, NULL, sizeof *rc, _Alignof(struct mk_refcount));
    if (!rc) return mk_fail(err, "no memory for %zu bytes", sizeof *rc);
    *rc = (struct mk_refcount){.objects = objects, .mem = mem, .threads_max = cfg->threads_max};
    rc->record = mk_mem_zalloc(mem, NULL, rc->threads_max * sizeof *rc->record, MK_CACHE_LINE);
    if (!rc->record) {
        mk_mem_free(mem, NULL, rc, sizeof *rc, _Alignof(struct mk_refcount));
        return mk_fail(err, "no memory for the records of %u threads", cfg->threads_max);
    }
    for (uint32_t i = 0; i < rc->threads_max; i++) pthread_mutex_init(&rc->record[i].lock, NULL);
    *out = rc;
    return 0;
}

static size_t biased_stats(struct mk_refcount *rc, struct mk_stat *out, size_t room) {
    uint64_t waiting = 0;
    for (uint32_t i = 0; i < rc->threads_max; i++) {
        /* (20) relaxed-load: statistics */
        waiting += atomic_load_explicit(&rc->record[i].waiting, memory_order_relaxed);
    }
    if (room) out[0] = (struct mk_stat){"unreclaimed", waiting};
    return 1;
}

MK_REFCOUNT(biased, .summary = "the maker of an object counts without a read-modify-write, others beside it",
            .caps = 0, .progress = {.clone = MK_WAIT_FREE, .drop = MK_BLOCKING}, .create = biased_create,
            .destroy = biased_destroy, .thread_enter = biased_thread_enter, .thread_exit = biased_thread_exit,
            .flush = biased_flush, .begin = biased_begin, .clone = biased_clone, .drop = biased_drop,
            .stats = biased_stats);
