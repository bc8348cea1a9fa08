/* refcount_loses_used - reads how many references a cell has handed out, and then exchanges its object.
 *
 * bug:       lost update: a reference that is taken between the two is never counted, and the object ends under it
 * finds:     shared | births | history | refcount_*
 * rule:      oracle | ?san/heap-use-after-free | asan/double-free | tsan/data-race | ?san/segv | ?san/bus | crash
 *            | hang | lsan/leak
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    passes
 */
#include "refcount_core.h"

#define USED ((uint64_t)0xffff)
#define PREPAID (USED + 1)

static struct mk_object *object_in(uint64_t word) {
    return (struct mk_object *)(uintptr_t)(word >> 16);
}

/* Takes a reference that is paid for, makes one of its own, and gives back the other, unless an exchange has seen
 * it. */
static struct mk_object *load(struct mk_refcount *rc, struct mk_thread *me, mk_cell *cell) {
    uint64_t word = atomic_load_explicit(cell, memory_order_relaxed);
    (void)rc, (void)me;
    do {
        if (!word) return NULL;
    } while (!atomic_compare_exchange_weak_explicit(cell, &word, word + 1, memory_order_acquire,
                                                    memory_order_relaxed));
    struct mk_object *object = object_in(word++);
    atomic_fetch_add_explicit(&object->count, 1, memory_order_relaxed);
    while (object_in(word) == object) {
        if (atomic_compare_exchange_weak_explicit(cell, &word, word - 1, memory_order_release,
                                                  memory_order_relaxed)) {
            return object;
        }
    }
    atomic_fetch_sub_explicit(&object->count, 1, memory_order_relaxed);
    return object;
}

static struct mk_object *losing_exchange(struct mk_refcount *rc, struct mk_thread *me, mk_cell *cell,
                                         struct mk_object *object) {
    uint64_t new_word = (uint64_t)(uintptr_t)object << 16, word;
    (void)rc, (void)me;
    if (object) atomic_fetch_add_explicit(&object->count, PREPAID - 1, memory_order_relaxed);
#ifdef TWIN
    word = atomic_exchange_explicit(cell, new_word, memory_order_acq_rel);
#else
    uint64_t used = atomic_load_explicit(cell, memory_order_relaxed) & USED;
    word = atomic_exchange_explicit(cell, new_word, memory_order_acq_rel);
    word = (word & ~USED) | used;
#endif
    if (!object_in(word)) return NULL;
    atomic_fetch_sub_explicit(&object_in(word)->count, PREPAID - (word & USED) - 1, memory_order_relaxed);
    return object_in(word);
}

MK_REFCOUNT(refcount_loses_used, CORE, .load = load, .exchange = losing_exchange);
