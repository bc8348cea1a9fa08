/* map_skips.h - a sound skip list, of which map_tower_*.c beside it break one thing each. A tower is linked from
 * the bottom up and marked from the top down; it counts the levels it is linked at, and whoever takes it out of the
 * last one retires it. A key's node is replaced by the CAS that marks it, as map/skiplist has it. All walks unlink
 * what is marked.
 */
#ifndef MAP_SKIPS_H
#define MAP_SKIPS_H

#define MK_PART_RECLAIM
#include "reclaim_intervals.h"

#include "../../impl/map.h"

MK_RECLAIM(intervals, INTERVALS);

#define LEVELS MK_TUNE(8, 3)
#define LEVEL_BITS MK_TUNE(2, 1) /* of a key's hash, for a level more */
#define MARK ((mk_link)1)

struct node {
    MK_RECLAIM_HEADER
    MK_ATOMIC(uint64_t) references; /* levels it is linked at, and one for who links it */
    uint64_t key;
    mk_value value;
    MK_ATOMIC(mk_link) next[LEVELS];
};

struct mk_map {
    struct mk_mem *mem;
    struct mk_reclaim *smr;
    struct mk_mem_cache nodes;
    struct mk_retire how;
    MK_ATOMIC(uint64_t) count;
    MK_ATOMIC(mk_link) head[LEVELS];
};

/* Where a walk ended, at one level. */
struct place {
    MK_ATOMIC(mk_link) *from; /* names node; not marked when read */
    struct node *node;        /* the first one not below the key */
    mk_link next;             /* its own link, where it is the key's */
};

/* What the files beside it break. */
#ifndef INSERT
#define INSERT base_insert
#endif
#ifndef UNLINKED
#define UNLINKED base_unlinked
#endif
#ifndef IS_GONE
#define IS_GONE base_is_gone
#endif
static bool INSERT(struct node *fresh, const struct place *place);
static void UNLINKED(struct mk_map *map, struct mk_thread *me, struct node *node, unsigned level);
static bool IS_GONE(mk_link link);

static struct node *node_of(mk_link link) {
    return (struct node *)(link & ~MK_LINK_FLAGS);
}

static unsigned height_of(uint64_t key) {
    return 1 + (unsigned)__builtin_ctzll(mk_mix64(key) | (uint64_t)1 << LEVEL_BITS * (LEVELS - 1)) / LEVEL_BITS;
}

/* Returns a slot of mk_protect that is neither. */
static unsigned spare_slot(unsigned a, unsigned b) {
    return (unsigned)__builtin_ctz(~(1u << a | 1u << b));
}

static bool cas(MK_ATOMIC(mk_link) *link, mk_link expected, mk_link wanted) {
    return atomic_compare_exchange_strong_explicit(link, &expected, wanted, memory_order_seq_cst,
                                                   memory_order_relaxed);
}

/* Takes n references away; who takes the last one retires. */
static void drop(struct mk_map *map, struct mk_thread *me, struct node *node, uint64_t n) {
    if (atomic_fetch_sub_explicit(&node->references, n, memory_order_acq_rel) == n) {
        mk_retire(map->smr, me, node, &map->how);
    }
}

__attribute__((unused)) static void base_unlinked(struct mk_map *map, struct mk_thread *me, struct node *node,
                                                  unsigned level) {
    (void)level;
    drop(map, me, node, 1);
}

/* Says of a link of the node that a walk stands on whether the walk is to begin anew. */
__attribute__((unused)) static bool base_is_gone(mk_link link) {
    return link & MARK;
}

/* Returns whether the key is there at that level; unlinks every marked node on the way. */
static bool find(struct mk_map *map, struct mk_thread *me, uint64_t key, unsigned lowest, struct place *place) {
restart:;
    MK_ATOMIC(mk_link) *tower = map->head;
    unsigned slot_from = 0;
    for (unsigned level = LEVELS - 1;; level--) {
        bool found = false;
        unsigned slot = spare_slot(slot_from, slot_from);
        place->from = &tower[level];
        mk_link link = mk_protect(map->smr, me, slot, place->from);
        while (!found) {
            if (IS_GONE(link)) goto restart;
            place->node = node_of(link);
            if (!place->node || place->node->key > key) break;
            unsigned spare = spare_slot(slot, slot_from);
            place->next = mk_protect(map->smr, me, spare, &place->node->next[level]);
            if (place->next & MARK) {
                if (!cas(place->from, (mk_link)place->node, place->next & ~MARK)) goto restart;
                UNLINKED(map, me, place->node, level);
                link = mk_protect(map->smr, me, slot, place->from);
            } else if (place->node->key == key) {
                found = true;
            } else {
                tower = place->node->next;
                place->from = &tower[level];
                link = place->next;
                slot_from = slot;
                slot = spare;
            }
        }
        if (level == lowest) return found;
    }
}

/* Puts a node behind a smaller one. False: something else has come there. */
__attribute__((unused)) static bool base_insert(struct node *fresh, const struct place *place) {
    return cas(place->from, (mk_link)place->node, (mk_link)fresh);
}

/* Links a tower at one level. False: it is gone. */
static bool raise_to(struct mk_map *map, struct mk_thread *me, struct node *node, unsigned level) {
    struct place place;
    do {
        find(map, me, node->key, level, &place);
        mk_link was = atomic_load_explicit(&node->next[level], memory_order_relaxed);
        if (was & MARK || !cas(&node->next[level], was, (mk_link)place.node)) return false;
    } while (!cas(place.from, (mk_link)place.node, (mk_link)node));
    return true;
}

/* Links a new node at its upper levels. */
static void raise(struct mk_map *map, struct mk_thread *me, struct node *node) {
    unsigned level = 1, height = height_of(node->key);
    struct place place;
    bool gone = false;
    while (level < height && !gone && raise_to(map, me, node, level)) {
        gone = atomic_load_explicit(&node->next[level], memory_order_seq_cst) & MARK;
        level++;
    }
    if (gone) find(map, me, node->key, 0, &place);
    drop(map, me, node, 1 + height - level);
}

/* Marks a node, at level 0 so that it names `successor`, or what it named before. False: others have. */
static bool mark(struct node *node, mk_link successor) {
    mk_link next = 0;
    for (unsigned level = height_of(node->key); --level;) {
        atomic_fetch_or_explicit(&node->next[level], MARK, memory_order_seq_cst);
    }
    do {
        next = atomic_load_explicit(&node->next[0], memory_order_seq_cst);
        if (successor) atomic_store_explicit(&node_of(successor)->next[0], next & ~MARK, memory_order_relaxed);
    } while (!(next & MARK) && !cas(&node->next[0], next, (successor ? successor : next) | MARK));
    return !(next & MARK);
}

static bool skips_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    struct place place;
    mk_enter(map->smr, me);
    bool found = find(map, me, key, 0, &place);
    if (found) *value = place.node->value;
    mk_leave(map->smr, me);
    return found;
}

static enum mk_status skips_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                mk_value *previous) {
    struct node *fresh = mk_mem_cache_alloc(&map->nodes, me);
    struct place place;
    bool found, done = false;
    if (!fresh) return MK_NO_MEMORY;
    while (!done) {
        mk_enter(map->smr, me);
        mk_birth(map->smr, me, fresh);
        fresh->key = key;
        fresh->value = *value;
        atomic_store_explicit(&fresh->references, height_of(key) + 1, memory_order_relaxed);
        for (unsigned i = 0; i < LEVELS; i++) atomic_store_explicit(&fresh->next[i], 0, memory_order_relaxed);
        found = find(map, me, key, 0, &place);
        if (found) {
            mk_value was = place.node->value;
            done = mark(place.node, (mk_link)fresh);
            if (done) *previous = was;
        } else {
            atomic_store_explicit(&fresh->next[0], (mk_link)place.node, memory_order_relaxed);
            done = INSERT(fresh, &place);
        }
        if (done) raise(map, me, fresh);
        if (done && found) find(map, me, key, 0, &place);
        mk_leave(map->smr, me);
    }
    if (!found) atomic_fetch_add_explicit(&map->count, 1, memory_order_relaxed);
    return found ? MK_HIT : MK_MISS;
}

static enum mk_status skips_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    struct place place;
    bool found, done = false;
    while (!done) {
        mk_enter(map->smr, me);
        found = find(map, me, key, 0, &place);
        if (found) {
            mk_value was = place.node->value;
            done = mark(place.node, 0);
            if (done) *value = was;
            if (done) find(map, me, key, 0, &place);
        }
        mk_leave(map->smr, me);
        done = done || !found;
    }
    if (found) atomic_fetch_sub_explicit(&map->count, 1, memory_order_relaxed);
    return found ? MK_HIT : MK_MISS;
}

static uint64_t skips_count(struct mk_map *map) {
    return atomic_load_explicit(&map->count, memory_order_relaxed);
}

static void skips_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    mk_link link = atomic_load_explicit(&map->head[0], memory_order_acquire);
    for (struct node *node; (node = node_of(link));) {
        link = atomic_load_explicit(&node->next[0], memory_order_acquire);
        if (!(link & MARK)) visit(arg, node->key, node->value.word[0]);
    }
}

static void skips_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    mk_reclaim_here.destroy(map->smr);
    mk_link link = atomic_load_explicit(&map->head[0], memory_order_relaxed);
    for (struct node *node; (node = node_of(link));) {
        link = atomic_load_explicit(&node->next[0], memory_order_relaxed);
        mk_mem_cache_free(&map->nodes, NULL, node);
    }
    mk_mem_cache_close(mem, &map->nodes);
    mk_mem_free(mem, NULL, map, sizeof *map, 8);
}

static int skips_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, 8);
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    if (mk_mem_cache_open(mem, &map->nodes, sizeof(struct node), _Alignof(struct node), err)) {
        mk_mem_free(mem, NULL, map, sizeof *map, 8);
        return -1;
    }
    map->how = (struct mk_retire){.cache = &map->nodes, .bytes = sizeof(struct node)};
    if (mk_reclaim_here.create(&map->smr, mem, cfg, err)) {
        mk_mem_cache_close(mem, &map->nodes);
        mk_mem_free(mem, NULL, map, sizeof *map, 8);
        return -1;
    }
    *out = map;
    return 0;
}

static int skips_thread_enter(struct mk_map *map, struct mk_thread *me) {
    return mk_reclaim_here.thread_enter(map->smr, me);
}

static void skips_thread_exit(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.thread_exit(map->smr, me);
}

static void skips_flush(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.flush(map->smr, me);
}

static void skips_hold(struct mk_map *map, struct mk_thread *me) {
    mk_enter(map->smr, me);
}

static void skips_unhold(struct mk_map *map, struct mk_thread *me) {
    mk_leave(map->smr, me);
}

static size_t skips_stats(struct mk_map *map, struct mk_stat *out, size_t room) {
    return mk_reclaim_here.stats(map->smr, out, room);
}

#define SKIPS                                                                                                     \
    .summary = "planted", .caps = MK_CONCURRENT | MK_GROWS | MK_ORDERED, .create = skips_create,                  \
    .destroy = skips_destroy, .thread_enter = skips_thread_enter, .thread_exit = skips_thread_exit,               \
    .flush = skips_flush, .count = skips_count, .walk = skips_walk, .stats = skips_stats, .hold = skips_hold,     \
    .unhold = skips_unhold, .get = skips_get, .put = skips_put, .remove = skips_remove

#endif
