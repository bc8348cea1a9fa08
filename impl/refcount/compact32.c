/* refcount/compact32 - one 4-byte atomic count that saturates: it pins the object, and never wraps.
 *
 * Source:     the saturation is that of Linux' refcount_t (Reshetova, Zijlstra, Cook, 2017). Differs: a pinned
 *             object is noted, so that destroy can free it; where there is no memory for the note, the clone is
 *             refused.
 * Picture:    object -> | count 4 | payload |     pinned -> note {object, next} -> note -> NULL
 *             count: 1 .. pin_at | a few above: clones on their way to pin | from PINNED_LOW on: pinned
 * Parts:      none.
 * values:     8 64
 * Progress:   wait-free, as far as the allocator is, but for the clone that pins, which is lock-free; cells are
 *             locked.
 * Ordering:   as refcount/compact: drops release, the last one acquires.
 * Memory:     4 B + payload an object, and 16 B each that is pinned. The payload has 4 B of alignment: what it
 *             holds must not need more, or the bytes that are saved become a gap.
 * Limits:     an object that was once held pin_at + 1 times stays until destroy. No weak references. As many
 *             threads as there are between pin_at and PINNED_LOW (2^29 at least) would have to clone at once to
 *             break it.
 */
#define MK_REFCOUNT_HEADER MK_ATOMIC(uint32_t) count;
#include "../refcount.h"

#define COMPACT32_PINNED 0xc0000000u     /* in the middle of where counts of pinned objects are */
#define COMPACT32_PINNED_LOW 0xa0000000u /* where that begins */

struct compact32_note {
    struct mk_object *object;
    struct compact32_note *next;
};

struct mk_refcount {
    uint32_t pin_at;
    struct mk_objects *objects;
    struct mk_mem *mem;
    MK_ATOMIC(struct compact32_note *) pinned;
    MK_ATOMIC(uint64_t) pins;
};

static const struct mk_param compact32_params[] = {
    {"pin_at", MK_PARAM_NUMBER, MK_TUNE("2147483648", "2"), 2, 2147483648, "4|2147483648",
     "references to an object at which one more pins it"},
    {.name = NULL}};

static int compact32_create(struct mk_refcount **out, struct mk_objects *objects, struct mk_mem *mem,
                            const struct mk_config *cfg, struct mk_err *err) {
    struct mk_refcount *rc = mk_mem_zalloc(mem, NULL, sizeof *rc, _Alignof(struct mk_refcount));
    if (!rc) return mk_fail(err, "no memory for %zu bytes", sizeof *rc);
    rc->pin_at = (uint32_t)cfg->params[0];
    rc->objects = objects;
    rc->mem = mem;
    *out = rc;
    return 0;
}

static void compact32_destroy(struct mk_refcount *rc) {
    /* (1) relaxed-load: all threads have left */
    struct compact32_note *note = atomic_load_explicit(&rc->pinned, memory_order_relaxed);
    for (struct compact32_note *next; note; note = next) {
        next = note->next;
        mk_object_destroy(rc->objects, NULL, note->object);
        mk_mem_free(rc->mem, NULL, note, sizeof *note, _Alignof(struct compact32_note));
    }
    mk_mem_free(rc->mem, NULL, rc, sizeof *rc, _Alignof(struct mk_refcount));
}

static inline bool compact32_begin(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    (void)rc, (void)me;
    /* (2) relaxed-store: nobody else has the object yet */
    atomic_store_explicit(&object->count, 1, memory_order_relaxed);
    return true;
}

/* Puts the count back to the middle: it has moved by as much as there are threads at it. */
static void compact32_stay(struct mk_object *object) {
    /* (3) relaxed-store: what is pinned is not counted any more */
    atomic_store_explicit(&object->count, COMPACT32_PINNED, memory_order_relaxed);
}

static void compact32_push(struct mk_refcount *rc, struct compact32_note *note) {
    /* (4) relaxed-load: a guess, which (5) confirms */
    note->next = atomic_load_explicit(&rc->pinned, memory_order_relaxed);
    /* (5) relaxed-CAS: read again when all threads have left. On failure relaxed: tried again */
    while (!atomic_compare_exchange_weak_explicit(&rc->pinned, &note->next, note, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
    /* (6) relaxed: statistics */
    atomic_fetch_add_explicit(&rc->pins, 1, memory_order_relaxed);
}

/* Of a clone that found the count at the limit, or pinned, and has added its own. */
static MK_NOINLINE bool compact32_pin(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object,
                                      uint32_t found) {
    if (found >= COMPACT32_PINNED_LOW) {
        compact32_stay(object);
        return true;
    }
    struct compact32_note *note = mk_mem_alloc(rc->mem, me, sizeof *note, _Alignof(struct compact32_note));
    if (!note) {
        /* (7) relaxed: takes back what was added; it cannot be the last, as the caller holds one more */
        atomic_fetch_sub_explicit(&object->count, 1, memory_order_relaxed);
        return false;
    }
    note->object = object;
    /* (8) relaxed-exchange: from here on nobody ends the object. Whoever finds it counted is the one to note it */
    found = atomic_exchange_explicit(&object->count, COMPACT32_PINNED, memory_order_relaxed);
    if (found < COMPACT32_PINNED_LOW) {
        compact32_push(rc, note);
    } else {
        mk_mem_free(rc->mem, me, note, sizeof *note, _Alignof(struct compact32_note));
    }
    return true;
}

/* LIN clone hit: the addition (9). LIN clone miss: the subtraction (7). */
static inline bool compact32_clone(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    /* (9) relaxed: the caller holds a reference, so the object stays, whatever else is counted */
    uint32_t found = atomic_fetch_add_explicit(&object->count, 1, memory_order_relaxed);
    return MK_LIKELY(found < rc->pin_at) || compact32_pin(rc, me, object, found);
}

/* LIN drop: the subtraction (10). */
static inline void compact32_drop(struct mk_refcount *rc, struct mk_thread *me, struct mk_object *object) {
    /* (10) release-subtraction synchronizes-with the acquire-load (11): all that the caller did with the object */
    uint32_t found = atomic_fetch_sub_explicit(&object->count, 1, memory_order_release);
    if (MK_LIKELY(found - 2 < COMPACT32_PINNED_LOW - 2)) return;
    if (found != 1) {
        compact32_stay(object);
        return;
    }
    /* (11) acquire-load synchronizes-with the release-subtraction (10): of all earlier drops. It reads our own,
     * which goes on with their release sequences */
    (void)atomic_load_explicit(&object->count, memory_order_acquire);
    mk_object_destroy(rc->objects, me, object);
}

static size_t compact32_stats(struct mk_refcount *rc, struct mk_stat *out, size_t room) {
    /* (12) relaxed-load: statistics */
    if (room) out[0] = (struct mk_stat){"pinned", atomic_load_explicit(&rc->pins, memory_order_relaxed)};
    return 1;
}

MK_REFCOUNT(compact32, .summary = "one 4-byte atomic count that saturates", .caps = 0, .params = compact32_params,
            .progress = {.clone = MK_LOCK_FREE, .drop = MK_WAIT_FREE}, .create = compact32_create,
            .destroy = compact32_destroy, .begin = compact32_begin, .clone = compact32_clone,
            .drop = compact32_drop, .stats = compact32_stats);
