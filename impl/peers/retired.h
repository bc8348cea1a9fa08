/* retired.h - what peers of kind reclaim hand to their libraries: a node, how it is freed, and what is counted. */
#ifndef MK_PEERS_RETIRED_H
#define MK_PEERS_RETIRED_H

#include <stdlib.h>

#include "../reclaim.h"

struct retired_counts {
    MK_ATOMIC(uint64_t) retired, freed, bytes, peak, peak_bytes;
};

static inline void retired_raise(MK_ATOMIC(uint64_t) *peak, uint64_t now) {
    uint64_t highest = atomic_load_explicit(peak, memory_order_relaxed);
    while (now > highest && !atomic_compare_exchange_weak_explicit(peak, &highest, now, memory_order_relaxed,
                                                                   memory_order_relaxed)) {
        continue;
    }
}

static inline void retired_add(struct retired_counts *counts, const struct mk_retire *how) {
    uint64_t retired = atomic_fetch_add_explicit(&counts->retired, 1, memory_order_relaxed) + 1;
    uint64_t bytes = atomic_fetch_add_explicit(&counts->bytes, how->bytes, memory_order_relaxed) + how->bytes;
    uint64_t freed = atomic_load_explicit(&counts->freed, memory_order_relaxed);
    retired_raise(&counts->peak, retired > freed ? retired - freed : 0);
    retired_raise(&counts->peak_bytes, bytes);
}

/* Frees the node. */
static inline void retired_free(struct retired_counts *counts, struct mk_thread *me, const struct mk_retire *how,
                                void *node) {
    atomic_fetch_add_explicit(&counts->freed, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&counts->bytes, how->bytes, memory_order_relaxed);
    mk_retire_now(how, me, node);
}

static inline size_t retired_report(struct retired_counts *counts, struct mk_stat *out, size_t room) {
    return mk_reclaim_report(atomic_load_explicit(&counts->retired, memory_order_relaxed),
                             atomic_load_explicit(&counts->freed, memory_order_relaxed),
                             atomic_load_explicit(&counts->peak, memory_order_relaxed),
                             atomic_load_explicit(&counts->peak_bytes, memory_order_relaxed), out, room);
}

#endif
