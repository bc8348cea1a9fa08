/* refcount_owned.h - what some refcount_*.c beside it share: the owner of an object counts by itself, others count
 * beside it, and hand it what they have dropped below zero. Everything but the counts is behind one lock.
 *
 * What they break they define before it is included: DROP_LAST, and LEAVE (what becomes of a queue whose owner
 * goes).
 */
#ifndef REFCOUNT_OWNED_H
#define REFCOUNT_OWNED_H

#include <pthread.h>

#define REFCOUNT_OWN_COUNT
#define MK_REFCOUNT_HEADER          \
    uint32_t owner;                 \
    struct mk_object *next;         \
    MK_ATOMIC(uint32_t) biased;     \
    MK_ATOMIC(int32_t) shared;
#define THREADS_MAX 256
#define STATE                                   \
    pthread_mutex_t lock;                       \
    bool inside[THREADS_MAX];                   \
    struct mk_object *queue[THREADS_MAX];
#include "refcount_core.h"

#define MERGED 1 /* flags of shared; references count by fours */
#define QUEUED 2
#define ONE 4

#ifndef DROP_LAST
#define DROP_LAST owned_drop_last
#endif
#ifndef LEAVE
#define LEAVE merge_all
#endif
static void DROP_LAST(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object);
static void LEAVE(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *queue);

static void merge(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    int32_t biased = (int32_t)atomic_load_explicit(&object->biased, memory_order_relaxed);
    int32_t change = biased * ONE - QUEUED + (biased ? MERGED : 0);
    atomic_store_explicit(&object->biased, 0, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&object->shared, change, memory_order_acq_rel) + change == MERGED) {
        mk_object_destroy(rc->objects, me, object);
    }
}

static void merge_all(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *queue) {
    for (struct mk_object *next; queue; queue = next) {
        next = queue->next;
        merge(rc, me, queue);
    }
}

static struct mk_object *take_queue(struct mk_refcount *rc, uint32_t id, bool inside) {
    pthread_mutex_lock(&rc->lock);
    struct mk_object *queue = rc->queue[id];
    rc->queue[id] = NULL;
    rc->inside[id] = inside;
    pthread_mutex_unlock(&rc->lock);
    return queue;
}

static bool owned_begin(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    if (me) merge_all(rc, me, take_queue(rc, me->id, true));
    object->owner = me ? me->id + 1 : 0;
    atomic_store_explicit(&object->biased, me != NULL, memory_order_relaxed);
    atomic_store_explicit(&object->shared, me ? 0 : ONE | MERGED, memory_order_relaxed);
    return true;
}

/* Returns what the caller counts by itself; 0: nothing, or no more. */
static uint32_t own_count(const struct mk_thread *me, struct mk_object *object) {
    if (!me || object->owner != me->id + 1) return 0;
    return atomic_load_explicit(&object->biased, memory_order_relaxed);
}

static bool owned_clone(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    uint32_t own = own_count(me, object);
    (void)rc;
    if (own) {
        atomic_store_explicit(&object->biased, own + 1, memory_order_relaxed);
    } else {
        atomic_fetch_add_explicit(&object->shared, ONE, memory_order_relaxed);
    }
    return true;
}

static void hand_to_owner(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    pthread_mutex_lock(&rc->lock);
    if (rc->inside[object->owner - 1]) {
        object->next = rc->queue[object->owner - 1];
        rc->queue[object->owner - 1] = object;
    } else {
        merge(rc, me, object);
    }
    pthread_mutex_unlock(&rc->lock);
}

static void drop_shared(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    int32_t found = atomic_load_explicit(&object->shared, memory_order_relaxed), left;
    do {
        left = found - ONE;
        if (left < 0) left |= QUEUED;
    } while (!atomic_compare_exchange_weak_explicit(&object->shared, &found, left, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (left & ~found & QUEUED) {
        hand_to_owner(rc, me, object);
    } else if (left == MERGED) {
        mk_object_destroy(rc->objects, me, object);
    }
}

__attribute__((unused)) static void owned_drop_last(struct mk_refcount *rc, struct mk_thread *me,
                                                    struct mk_object *object) {
    atomic_store_explicit(&object->biased, 0, memory_order_relaxed);
    if (atomic_fetch_or_explicit(&object->shared, MERGED, memory_order_acq_rel) == 0) {
        mk_object_destroy(rc->objects, me, object);
    }
}

static void owned_drop(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    uint32_t own = own_count(me, object);
    if (own > 1) {
        atomic_store_explicit(&object->biased, own - 1, memory_order_relaxed);
    } else if (own == 1) {
        DROP_LAST(rc, me, object);
    } else {
        drop_shared(rc, me, object);
    }
}

static int owned_thread_enter(struct mk_refcount *rc, struct mk_thread *me) {
    take_queue(rc, me->id, true); /* nothing is in it while nobody has the id */
    return 0;
}

static void owned_thread_exit(struct mk_refcount *rc, struct mk_thread *me) {
    LEAVE(rc, me, take_queue(rc, me->id, false));
}

static void owned_flush(struct mk_refcount *rc, struct mk_thread *me) {
    for (uint32_t id = 0; id < THREADS_MAX; id++) merge_all(rc, me, take_queue(rc, id, rc->inside[id]));
}

static int owned_create(struct mk_refcount **out, struct mk_objects *objects, struct mk_mem *mem,
                        const struct mk_config *cfg, struct mk_err *err) {
    if (cfg->threads_max > THREADS_MAX) return mk_fail(err, "serves %d threads at most", THREADS_MAX);
    if (core_create(out, objects, mem, cfg, err)) return -1;
    pthread_mutex_init(&(*out)->lock, NULL);
    return 0;
}

static void owned_destroy(struct mk_refcount *rc) {
    pthread_mutex_destroy(&rc->lock);
    core_destroy(rc);
}

#define OWNED                                                                                                     \
    .summary = "planted", .create = owned_create, .destroy = owned_destroy, .thread_enter = owned_thread_enter,   \
    .thread_exit = owned_thread_exit, .flush = owned_flush, .begin = owned_begin, .clone = owned_clone,           \
    .drop = owned_drop

#endif
