/* map_lockfree.h - a sound map, of which map_*.c beside it break one thing each: a fixed table of chains without
 * locks. A node is gone once its link is marked; the marked link names what comes in its place: the nodes behind
 * it, or the one that replaces it. Whoever's CAS takes a marked node out of the chain retires it. New keys go to
 * the end. After Harris (DISC 2001) and Michael (SPAA 2002), replacement in one CAS as map/chain has it.
 *
 * RECLAIMER: the header of the reclaimer; intervals, unless the plant says otherwise. Neither lets anybody walk on
 * from a node that is no longer linked, so readers look whether it is.
 */
#ifndef MAP_LOCKFREE_H
#define MAP_LOCKFREE_H

#define MK_PART_RECLAIM
#ifndef RECLAIMER
#define RECLAIMER "reclaim_intervals.h"
#endif
#include RECLAIMER

#include "../../impl/map.h"

#ifdef INTERVALS
MK_RECLAIM(intervals, INTERVALS);
#else
MK_RECLAIM(hazards, HAZARDS);
#endif

#define BUCKETS MK_TUNE(32, 2)
#define MARK ((mk_link)1)

struct node {
    MK_RECLAIM_HEADER
    MK_ATOMIC(mk_link) next;
    uint64_t key;
    mk_value value;
};

struct mk_map {
    struct mk_mem *mem;
    struct mk_reclaim *smr;
    struct mk_mem_cache nodes;
    struct mk_retire how;
    MK_ATOMIC(uint64_t) count;
    MK_ATOMIC(mk_link) head[BUCKETS];
};

/* Where a writer's walk ended. */
struct place {
    MK_ATOMIC(mk_link) *from; /* names node; not marked when read */
    struct node *node;        /* NULL at the end of the chain */
    mk_link next;             /* read from node->next */
};

/* What the files beside it break. */
#ifndef LOOKUP
#define LOOKUP base_lookup
#endif
#ifndef INSERT
#define INSERT base_insert
#endif
#ifndef REPLACE
#define REPLACE base_replace
#endif
#ifndef DROP
#define DROP base_drop
#endif
#ifndef UNLINK
#define UNLINK base_unlink
#endif
#ifndef READ_VALUE
#define READ_VALUE base_read_value
#endif
static const struct node *LOOKUP(struct mk_map *map, struct mk_thread *me, uint64_t key);
static bool INSERT(struct mk_map *map, struct node *fresh, const struct place *place);
static bool REPLACE(struct mk_map *map, struct mk_thread *me, struct node *fresh, const struct place *place,
                    mk_value *previous);
static void DROP(struct mk_map *map, struct mk_thread *me, const struct place *place, mk_link successor);
static bool UNLINK(struct mk_map *map, struct mk_thread *me, const struct place *place, mk_link successor);
static void READ_VALUE(const struct node *node, mk_value *value);

static struct node *node_of(mk_link link) {
    return (struct node *)(link & ~MK_LINK_FLAGS);
}

static MK_ATOMIC(mk_link) *head_of(struct mk_map *map, uint64_t key) {
    return &map->head[mk_mix64(key) % BUCKETS];
}

/* Returns a slot of mk_protect that is none of these. */
static unsigned spare_slot(unsigned a, unsigned b, unsigned c) {
    return (unsigned)__builtin_ctz(~(1u << a | 1u << b | 1u << c));
}

/* Returns the key's node, protected, or NULL. Goes past marked nodes only while the last link that was not marked
 * still names the first of them: then all of them are linked, and so is what the last one names. */
__attribute__((unused)) static const struct node *base_lookup(struct mk_map *map, struct mk_thread *me,
                                                              uint64_t key) {
restart:;
    MK_ATOMIC(mk_link) *from = head_of(map, key);
    unsigned slot = 0, slot_first = 0, slot_from = 0, spare;
    mk_link first = mk_protect(map->smr, me, slot, from), next;
    for (mk_link link = first; node_of(link); link = next, slot = spare) {
        struct node *node = node_of(link);
        spare = spare_slot(slot, slot_first, slot_from);
        next = mk_protect(map->smr, me, spare, &node->next);
        if (!(next & MARK)) {
            if (node->key == key) return node;
            from = &node->next;
            first = next;
            slot_from = slot;
            slot_first = spare;
        } else if (atomic_load_explicit(from, memory_order_seq_cst) != first) {
            goto restart;
        }
    }
    return NULL;
}

/* Takes a marked node out of the chain. False: the link before it has changed. */
__attribute__((unused)) static bool base_unlink(struct mk_map *map, struct mk_thread *me, const struct place *place,
                                                mk_link successor) {
    mk_link expected = (mk_link)place->node;
    if (!atomic_compare_exchange_strong_explicit(place->from, &expected, successor, memory_order_acq_rel,
                                                 memory_order_relaxed)) {
        return false;
    }
    mk_retire(map->smr, me, place->node, &map->how);
    return true;
}

/* Returns whether the key is there; unlinks every marked node on the way. */
static bool find(struct mk_map *map, struct mk_thread *me, uint64_t key, struct place *place) {
restart:;
    unsigned slot = 0, slot_from = 0;
    place->from = head_of(map, key);
    mk_link link = mk_protect(map->smr, me, slot, place->from);
    while ((place->node = node_of(link))) {
        unsigned spare = spare_slot(slot, slot_from, slot_from);
        place->next = mk_protect(map->smr, me, spare, &place->node->next);
        if (place->next & MARK) {
            if (!UNLINK(map, me, place, place->next & ~MARK)) goto restart;
            /* what the link names now, protected while it does */
            link = mk_protect(map->smr, me, spare, place->from);
            if (link & MARK) goto restart;
            slot = spare;
            continue;
        }
        if (place->node->key == key) return true;
        place->from = &place->node->next;
        slot_from = slot;
        slot = spare;
        link = place->next;
    }
    return false;
}

/* A node has been marked: it is unlinked when this returns, by us or by others. */
__attribute__((unused)) static void base_drop(struct mk_map *map, struct mk_thread *me, const struct place *place,
                                              mk_link successor) {
    struct place again;
    if (!UNLINK(map, me, place, successor)) find(map, me, place->node->key, &again);
}

/* Puts a node behind the last one. False: something else has come there. */
__attribute__((unused)) static bool base_insert(struct mk_map *map, struct node *fresh, const struct place *place) {
    mk_link expected = 0;
    (void)map;
    return atomic_compare_exchange_strong_explicit(place->from, &expected, (mk_link)fresh, memory_order_seq_cst,
                                                   memory_order_relaxed);
}

/* Puts a node in the place of another. False: that one has changed. */
__attribute__((unused)) static bool base_replace(struct mk_map *map, struct mk_thread *me, struct node *fresh,
                                                 const struct place *place, mk_value *previous) {
    mk_link expected = place->next;
    atomic_store_explicit(&fresh->next, place->next, memory_order_relaxed);
    if (!atomic_compare_exchange_strong_explicit(&place->node->next, &expected, (mk_link)fresh | MARK,
                                                 memory_order_seq_cst, memory_order_relaxed)) {
        return false;
    }
    READ_VALUE(place->node, previous);
    DROP(map, me, place, (mk_link)fresh);
    return true;
}

__attribute__((unused)) static void base_read_value(const struct node *node, mk_value *value) {
    *value = node->value;
}

static bool lockfree_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    mk_enter(map->smr, me);
    const struct node *node = LOOKUP(map, me, key);
    if (node) READ_VALUE(node, value);
    mk_leave(map->smr, me);
    return node != NULL;
}

static enum mk_status lockfree_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                   mk_value *previous) {
    struct node *fresh = mk_mem_cache_alloc(&map->nodes, me);
    struct place place;
    enum mk_status status;
    bool done = false;
    if (!fresh) return MK_NO_MEMORY;
    fresh->key = key;
    fresh->value = *value;
    while (!done) {
        mk_enter(map->smr, me);
        mk_birth(map->smr, me, fresh);
        status = find(map, me, key, &place) ? MK_HIT : MK_MISS;
        if (status == MK_HIT) {
            done = REPLACE(map, me, fresh, &place, previous);
        } else {
            atomic_store_explicit(&fresh->next, 0, memory_order_relaxed);
            done = INSERT(map, fresh, &place);
        }
        mk_leave(map->smr, me);
    }
    if (status == MK_MISS) atomic_fetch_add_explicit(&map->count, 1, memory_order_relaxed);
    return status;
}

static enum mk_status lockfree_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    enum mk_status status = MK_MISS;
    struct place place;
    bool done = false;
    while (!done) {
        mk_enter(map->smr, me);
        done = !find(map, me, key, &place);
        if (!done) {
            mk_link expected = place.next;
            done = atomic_compare_exchange_strong_explicit(&place.node->next, &expected, place.next | MARK,
                                                           memory_order_seq_cst, memory_order_relaxed);
            if (done) {
                status = MK_HIT;
                READ_VALUE(place.node, value);
                DROP(map, me, &place, place.next);
            }
        }
        mk_leave(map->smr, me);
    }
    if (status == MK_HIT) atomic_fetch_sub_explicit(&map->count, 1, memory_order_relaxed);
    return status;
}

static uint64_t lockfree_count(struct mk_map *map) {
    return atomic_load_explicit(&map->count, memory_order_relaxed);
}

static void lockfree_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (unsigned i = 0; i < BUCKETS; i++) {
        mk_link link = atomic_load_explicit(&map->head[i], memory_order_acquire);
        while (node_of(link)) {
            const struct node *node = node_of(link);
            link = atomic_load_explicit(&node_of(link)->next, memory_order_acquire);
            if (!(link & MARK)) visit(arg, node->key, node->value.word[0]);
        }
    }
}

static void lockfree_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    mk_reclaim_here.destroy(map->smr);
    for (unsigned i = 0; i < BUCKETS; i++) {
        mk_link link = atomic_load_explicit(&map->head[i], memory_order_relaxed);
        for (struct node *node; (node = node_of(link));) {
            link = atomic_load_explicit(&node->next, memory_order_relaxed);
            mk_mem_cache_free(&map->nodes, NULL, node);
        }
    }
    mk_mem_cache_close(mem, &map->nodes);
    mk_mem_free(mem, NULL, map, sizeof *map, MK_CACHE_LINE);
}

static int lockfree_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg,
                           struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, MK_CACHE_LINE);
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    if (mk_mem_cache_open(mem, &map->nodes, sizeof(struct node), _Alignof(struct node), err)) {
        mk_mem_free(mem, NULL, map, sizeof *map, MK_CACHE_LINE);
        return -1;
    }
    map->how = (struct mk_retire){.cache = &map->nodes, .bytes = sizeof(struct node)};
    if (mk_reclaim_here.create(&map->smr, mem, cfg, err)) {
        mk_mem_cache_close(mem, &map->nodes);
        mk_mem_free(mem, NULL, map, sizeof *map, MK_CACHE_LINE);
        return -1;
    }
    *out = map;
    return 0;
}

static int lockfree_thread_enter(struct mk_map *map, struct mk_thread *me) {
    return mk_reclaim_here.thread_enter(map->smr, me);
}

static void lockfree_thread_exit(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.thread_exit(map->smr, me);
}

static void lockfree_flush(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.flush(map->smr, me);
}

static void lockfree_hold(struct mk_map *map, struct mk_thread *me) {
    mk_enter(map->smr, me);
}

static void lockfree_unhold(struct mk_map *map, struct mk_thread *me) {
    mk_leave(map->smr, me);
}

static size_t lockfree_stats(struct mk_map *map, struct mk_stat *out, size_t room) {
    return mk_reclaim_here.stats(map->smr, out, room);
}

#define LOCKFREE                                                                                             \
    .summary = "planted", .caps = MK_CONCURRENT | MK_GROWS, .create = lockfree_create,                       \
    .destroy = lockfree_destroy, .thread_enter = lockfree_thread_enter, .thread_exit = lockfree_thread_exit, \
    .flush = lockfree_flush, .count = lockfree_count, .walk = lockfree_walk, .stats = lockfree_stats,        \
    .hold = lockfree_hold, .unhold = lockfree_unhold, .get = lockfree_get, .put = lockfree_put,              \
    .remove = lockfree_remove

#endif
