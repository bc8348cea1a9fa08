/* limbo.h - retired nodes in the order they came, for reclaimers that keep them beside the nodes and not in them:
 * 16 bytes a retired node, none for a live one.
 *
 *     oldest -> [node, how ... 255] -> [ ... ] newest        spare -> [ ] -> [ ]
 *
 * A limbo belongs to one thread, or to who has the lock it lies behind: nothing here is safe for two at a time, but
 * for the counters, which anybody may read. Memory is taken in chunks of a page by mk_limbo_reserve alone, so that
 * what follows cannot fail.
 */
#ifndef MK_LIMBO_H
#define MK_LIMBO_H

#include "reclaim.h"

#define MK_LIMBO_CHUNK MK_TUNE(255, 3) /* nodes; a chunk fills a page */

struct mk_retired {
    void *node;
    const struct mk_retire *how;
};

struct mk_limbo_chunk {
    struct mk_limbo_chunk *next;
    uint32_t first, end; /* in use are those from first to before end */
    struct mk_retired retired[MK_LIMBO_CHUNK];
};

/* Zero bytes are an empty one. */
struct mk_limbo {
    struct mk_limbo_chunk *oldest, *newest, *spare;
    uint64_t room; /* nodes it can take without new memory */
    uint64_t count, bytes; /* of what waits */
    MK_ATOMIC(uint64_t) retired, freed, peak, peak_bytes;
};

/* Sums over limbos, for mk_reclaim_report. */
struct mk_limbo_sums {
    uint64_t retired, freed, peak, peak_bytes;
};

/* One thread at a time adds: no update is lost, though it is no read-modify-write. Relaxed: nobody orders on it. */
MK_INLINE void mk_limbo_count(MK_ATOMIC(uint64_t) *counter, uint64_t n) {
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

/* As above, for a peak. */
MK_INLINE void mk_limbo_raise(MK_ATOMIC(uint64_t) *peak, uint64_t now) {
    if (now > atomic_load_explicit(peak, memory_order_relaxed)) {
        atomic_store_explicit(peak, now, memory_order_relaxed);
    }
}

MK_INLINE void mk_limbo_add_sums(struct mk_limbo *limbo, struct mk_limbo_sums *sums) {
    sums->freed += atomic_load_explicit(&limbo->freed, memory_order_relaxed);
    sums->retired += atomic_load_explicit(&limbo->retired, memory_order_relaxed);
    sums->peak += atomic_load_explicit(&limbo->peak, memory_order_relaxed);
    sums->peak_bytes += atomic_load_explicit(&limbo->peak_bytes, memory_order_relaxed);
}

MK_INLINE void mk_limbo_chunk_free(struct mk_mem *mem, struct mk_thread *me, struct mk_limbo_chunk *chunk) {
    mk_mem_free(mem, me, chunk, sizeof *chunk, MK_CACHE_LINE);
}

/* Makes room for n nodes. False: no memory; what room it made stays. */
static MK_NOINLINE bool mk_limbo_make_room(struct mk_limbo *limbo, struct mk_mem *mem, struct mk_thread *me,
                                           uint64_t n) {
    while (limbo->room < n) {
        struct mk_limbo_chunk *chunk = (struct mk_limbo_chunk *)mk_mem_alloc(mem, me, sizeof *chunk, MK_CACHE_LINE);
        if (!chunk) return false;
        chunk->next = limbo->spare;
        limbo->spare = chunk;
        limbo->room += MK_LIMBO_CHUNK;
    }
    return true;
}

/* Appends a spare chunk. There is one: room was reserved. */
static MK_NOINLINE struct mk_limbo_chunk *mk_limbo_extend(struct mk_limbo *limbo) {
    struct mk_limbo_chunk *chunk = limbo->spare;
    limbo->spare = chunk->next;
    chunk->next = NULL;
    chunk->first = chunk->end = 0;
    if (limbo->newest) {
        limbo->newest->next = chunk;
    } else {
        limbo->oldest = chunk;
    }
    limbo->newest = chunk;
    return chunk;
}

/* Takes in one node, within the room there is. */
MK_INLINE void mk_limbo_file(struct mk_limbo *limbo, void *node, const struct mk_retire *how) {
    struct mk_limbo_chunk *chunk = limbo->newest;
    if (MK_UNLIKELY(!chunk || chunk->end == MK_LIMBO_CHUNK)) chunk = mk_limbo_extend(limbo);
    chunk->retired[chunk->end].node = node;
    chunk->retired[chunk->end++].how = how;
    limbo->room--;
    limbo->count++;
    limbo->bytes += how->bytes;
    mk_limbo_count(&limbo->retired, 1);
    mk_limbo_raise(&limbo->peak, limbo->count);
    mk_limbo_raise(&limbo->peak_bytes, limbo->bytes);
}

/* A chunk that is out of use becomes room, as long as there is less than `enough`; else it goes. */
MK_INLINE void mk_limbo_recycle(struct mk_limbo *limbo, struct mk_mem *mem, struct mk_thread *me,
                                struct mk_limbo_chunk *chunk, uint64_t enough) {
    if (limbo->room >= enough) {
        mk_limbo_chunk_free(mem, me, chunk);
        return;
    }
    chunk->next = limbo->spare;
    limbo->spare = chunk;
    limbo->room += MK_LIMBO_CHUNK;
}

/* Takes the oldest node out; there is one. */
static inline struct mk_retired mk_limbo_take(struct mk_limbo *limbo, struct mk_mem *mem, struct mk_thread *me) {
    struct mk_limbo_chunk *chunk = limbo->oldest;
    struct mk_retired oldest = chunk->retired[chunk->first++];
    limbo->count--;
    limbo->bytes -= oldest.how->bytes;
    if (chunk->first < chunk->end) return oldest;
    if (chunk == limbo->newest) {
        limbo->room += chunk->end;
        chunk->first = chunk->end = 0;
        return oldest;
    }
    limbo->oldest = chunk->next;
    mk_limbo_recycle(limbo, mem, me, chunk, MK_LIMBO_CHUNK);
    return oldest;
}

/* Frees the n oldest nodes; there are so many. Out of line: the calls that free nodes stay out of the operation. */
static MK_NOINLINE void mk_limbo_free_oldest(struct mk_limbo *limbo, struct mk_mem *mem, struct mk_thread *me,
                                             uint64_t n) {
    mk_limbo_count(&limbo->freed, n);
    for (; n; n--) {
        struct mk_retired retired = mk_limbo_take(limbo, mem, me);
        mk_retire_now(retired.how, me, retired.node);
    }
}

/* Frees every node that `held` does not ask to keep, and moves the others together. `held` is told `arg` and the
 * node; inlined where it is named. There is as much room afterwards as before, or more. */
MK_INLINE void mk_limbo_sift(struct mk_limbo *limbo, struct mk_mem *mem, struct mk_thread *me,
                             bool (*held)(const void *arg, const void *node), const void *arg) {
    struct mk_limbo_chunk *to = limbo->oldest, *next;
    uint64_t enough = limbo->room, freed = 0;
    uint32_t at = 0;
    if (!to) return;
    limbo->room -= MK_LIMBO_CHUNK - limbo->newest->end;
    for (struct mk_limbo_chunk *from = limbo->oldest; from; from = from->next) {
        uint32_t end = from->end; /* `to` may be this very chunk, but is never ahead */
        for (uint32_t i = from->first; i < end; i++) {
            struct mk_retired retired = from->retired[i];
            if (!held(arg, retired.node)) {
                freed++;
                limbo->bytes -= retired.how->bytes;
                mk_retire_now(retired.how, me, retired.node);
                continue;
            }
            if (at == MK_LIMBO_CHUNK) {
                to->first = 0;
                to->end = MK_LIMBO_CHUNK;
                to = to->next;
                at = 0;
            }
            to->retired[at++] = retired;
        }
    }
    limbo->count -= freed;
    mk_limbo_count(&limbo->freed, freed);
    limbo->room += MK_LIMBO_CHUNK - at;
    if (enough < MK_LIMBO_CHUNK) enough = MK_LIMBO_CHUNK;
    for (struct mk_limbo_chunk *rest = to->next; rest; rest = next) {
        next = rest->next;
        mk_limbo_recycle(limbo, mem, me, rest, enough);
    }
    to->first = 0;
    to->end = at;
    to->next = NULL;
    limbo->newest = to;
}

/* Frees all nodes, and the chunks. */
static MK_NOINLINE void mk_limbo_empty(struct mk_limbo *limbo, struct mk_mem *mem, struct mk_thread *me) {
    mk_limbo_free_oldest(limbo, mem, me, limbo->count);
    if (limbo->newest) mk_limbo_chunk_free(mem, me, limbo->newest);
    for (struct mk_limbo_chunk *chunk = limbo->spare, *next; chunk; chunk = next) {
        next = chunk->next;
        mk_limbo_chunk_free(mem, me, chunk);
    }
    limbo->oldest = limbo->newest = limbo->spare = NULL;
    limbo->room = 0;
}

/* `to` takes all nodes of `from`, which has some, behind its own. Spare chunks stay where they are. */
static MK_NOINLINE void mk_limbo_hand_over(struct mk_limbo *to, struct mk_limbo *from, struct mk_mem *mem,
                                           struct mk_thread *me) {
    uint64_t unused = MK_LIMBO_CHUNK - from->newest->end;
    if (to->newest) to->room -= MK_LIMBO_CHUNK - to->newest->end;
    if (to->count) {
        to->newest->next = from->oldest;
    } else {
        if (to->newest) mk_limbo_chunk_free(mem, me, to->newest);
        to->oldest = from->oldest;
    }
    to->newest = from->newest;
    to->room += unused;
    to->count += from->count;
    to->bytes += from->bytes;
    mk_limbo_raise(&to->peak, to->count);
    mk_limbo_raise(&to->peak_bytes, to->bytes);
    from->room -= unused;
    from->oldest = from->newest = NULL;
    from->count = from->bytes = 0;
}

/* ---- by age, for reclaimers that count epochs ----------------------------------------------- */

#define MK_LIMBO_AGES 4 /* ready, and the three youngest epochs */

struct mk_aged_limbo {
    struct mk_limbo nodes;
    uint64_t epoch;              /* of the youngest nodes */
    uint64_t age[MK_LIMBO_AGES]; /* nodes by age, from the oldest on; age[0] may be freed */
};

/* Lets nodes age to how they look from `epoch`. */
MK_INLINE void mk_aged_grow_old(struct mk_aged_limbo *limbo, uint64_t epoch) {
    if (MK_LIKELY(epoch <= limbo->epoch)) return;
    for (uint64_t i = epoch - limbo->epoch; i && limbo->nodes.count > limbo->age[0]; i--) {
        limbo->age[0] += limbo->age[1];
        for (unsigned age = 1; age + 1 < MK_LIMBO_AGES; age++) limbo->age[age] = limbo->age[age + 1];
        limbo->age[MK_LIMBO_AGES - 1] = 0;
    }
    limbo->epoch = epoch;
}

/* Takes in one node, retired in that epoch or an older one, within the room there is. */
MK_INLINE void mk_aged_file(struct mk_aged_limbo *limbo, uint64_t epoch, void *node, const struct mk_retire *how) {
    mk_aged_grow_old(limbo, epoch);
    mk_limbo_file(&limbo->nodes, node, how);
    limbo->age[MK_LIMBO_AGES - 1]++;
}

/* Frees up to n ready nodes; there are some. */
MK_INLINE void mk_aged_free_ready(struct mk_aged_limbo *limbo, struct mk_mem *mem, struct mk_thread *me, uint64_t n) {
    if (n > limbo->age[0]) n = limbo->age[0];
    limbo->age[0] -= n;
    mk_limbo_free_oldest(&limbo->nodes, mem, me, n);
}

/* Frees all nodes, whatever their age, and the chunks. */
MK_INLINE void mk_aged_empty(struct mk_aged_limbo *limbo, struct mk_mem *mem, struct mk_thread *me) {
    memset(limbo->age, 0, sizeof limbo->age);
    mk_limbo_empty(&limbo->nodes, mem, me);
}

/* `to` takes all nodes of `from`, which has some, as young as the youngest of either. */
MK_INLINE void mk_aged_hand_over(struct mk_aged_limbo *to, struct mk_aged_limbo *from, struct mk_mem *mem,
                                 struct mk_thread *me) {
    mk_aged_grow_old(to, from->epoch);
    to->age[MK_LIMBO_AGES - 1] += from->nodes.count;
    mk_limbo_hand_over(&to->nodes, &from->nodes, mem, me);
    memset(from->age, 0, sizeof from->age);
}

#endif
