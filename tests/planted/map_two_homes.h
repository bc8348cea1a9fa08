/* map_two_homes.h - a sound map, of which map_*.c beside it break one thing each: every key has two buckets and is
 * in one of them. Writers lock both; where a bucket is full, they move one of its keys to its other bucket first.
 * Readers lock nothing: they look into both, and once more when a key has been moved meanwhile. Nodes are
 * reclaimed by epochs: what has been retired since a section began stays, so readers may walk on from nodes that
 * are no longer linked.
 */
#ifndef MAP_TWO_HOMES_H
#define MAP_TWO_HOMES_H

#define MK_PART_RECLAIM
#define HOLDS holds_since
#include "reclaim_intervals.h"

#include "../../impl/map.h"

static bool holds_since(uint64_t word, const struct stay *stay) {
    return stay->retired >= word >> 32;
}

MK_RECLAIM(intervals, INTERVALS, .caps = MK_UNLINKED_OK);

#define BUCKETS MK_TUNE(32, 4)
#define FULL MK_TUNE(2, 1) /* keys of a bucket, before one of them is asked to move */

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
    MK_ATOMIC(uint64_t) moves;              /* of keys from bucket to bucket */
    MK_ATOMIC(uint64_t) used[(BUCKETS + 63) / 64]; /* a bit a bucket: there may be keys in it */
    MK_ATOMIC(mk_link) head[BUCKETS];
    pthread_mutex_t lock[BUCKETS];
};

/* What the files beside it break. */
#ifndef LOOKUP
#define LOOKUP base_lookup
#endif
#ifndef MOVE
#define MOVE base_move
#endif
#ifndef LOCK_BOTH
#define LOCK_BOTH base_lock_both
#endif
#ifndef UNLOCK_BOTH
#define UNLOCK_BOTH base_unlock_both
#endif
#ifndef LINK_TO
#define LINK_TO base_link_to
#endif
struct homes {
    unsigned a, b;
};
static const struct node *LOOKUP(struct mk_map *map, struct mk_thread *me, uint64_t key);
static void MOVE(struct mk_map *map, struct mk_thread *me, struct node *copy, unsigned to,
                 MK_ATOMIC(mk_link) *link);
static void LOCK_BOTH(struct mk_map *map, struct homes homes);
static void UNLOCK_BOTH(struct mk_map *map, struct homes homes);
static void LINK_TO(struct mk_map *map, struct node *node, unsigned home);

static struct node *node_of(mk_link link) {
    return (struct node *)link;
}

static struct homes homes_of(uint64_t key) {
    uint64_t hash = mk_mix64(key);
    struct homes homes = {(unsigned)(hash % BUCKETS), (unsigned)((hash >> 32) % BUCKETS)};
    if (homes.a == homes.b) homes.b ^= 1;
    return homes;
}

/* ---- readers --------------------------------------------------------------------------------- */

static const struct node *look_into(struct mk_map *map, struct mk_thread *me, unsigned home, uint64_t key) {
    if (!(atomic_load_explicit(&map->used[home / 64], memory_order_seq_cst) >> home % 64 & 1)) return NULL;
    struct node *node = node_of(mk_protect(map->smr, me, 0, &map->head[home]));
    while (node && node->key != key) node = node_of(mk_protect(map->smr, me, 0, &node->next));
    return node;
}

/* Returns the key's node, protected, or NULL. */
__attribute__((unused)) static const struct node *base_lookup(struct mk_map *map, struct mk_thread *me,
                                                              uint64_t key) {
    struct homes homes = homes_of(key);
    for (;;) {
        uint64_t moves = atomic_load_explicit(&map->moves, memory_order_seq_cst);
        const struct node *node = look_into(map, me, homes.a, key);
        if (!node) node = look_into(map, me, homes.b, key);
        if (node || atomic_load_explicit(&map->moves, memory_order_seq_cst) == moves) return node;
    }
}

/* ---- writers, with the locks of the buckets --------------------------------------------------- */

/* In the order of the buckets, whichever is the key's first. */
__attribute__((unused)) static void base_lock_both(struct mk_map *map, struct homes homes) {
    pthread_mutex_lock(&map->lock[homes.a < homes.b ? homes.a : homes.b]);
    pthread_mutex_lock(&map->lock[homes.a < homes.b ? homes.b : homes.a]);
}

static mk_link link_in(MK_ATOMIC(mk_link) *at) {
    return atomic_load_explicit(at, memory_order_relaxed);
}

/* Of a bucket in which there is nothing. */
static void clear_used(struct mk_map *map, unsigned home) {
    if (link_in(&map->head[home])) return;
    atomic_fetch_and_explicit(&map->used[home / 64], ~((uint64_t)1 << home % 64), memory_order_acq_rel);
}

__attribute__((unused)) static void base_unlock_both(struct mk_map *map, struct homes homes) {
    clear_used(map, homes.a);
    clear_used(map, homes.b);
    pthread_mutex_unlock(&map->lock[homes.a]);
    pthread_mutex_unlock(&map->lock[homes.b]);
}

/* Returns the link that names the key's node, or NULL. */
static MK_ATOMIC(mk_link) *link_of(struct mk_map *map, struct homes homes, uint64_t key) {
    for (int second = 0; second < 2; second++) {
        MK_ATOMIC(mk_link) *at = &map->head[second ? homes.b : homes.a];
        for (struct node *node; (node = node_of(link_in(at))); at = &node->next) {
            if (node->key == key) return at;
        }
    }
    return NULL;
}

/* Puts a node at the head of a bucket. */
__attribute__((unused)) static void base_link_to(struct mk_map *map, struct node *node, unsigned home) {
    atomic_fetch_or_explicit(&map->used[home / 64], (uint64_t)1 << home % 64, memory_order_acq_rel);
    atomic_store_explicit(&node->next, link_in(&map->head[home]), memory_order_relaxed);
    atomic_store_explicit(&map->head[home], (mk_link)node, memory_order_seq_cst);
}

/* Lets a link name what comes behind its node, and retires that. */
static void unlink_at(struct mk_map *map, struct mk_thread *me, MK_ATOMIC(mk_link) *at) {
    struct node *node = node_of(link_in(at));
    atomic_store_explicit(at, link_in(&node->next), memory_order_seq_cst);
    mk_retire(map->smr, me, node, &map->how);
}

/* Moves a key: `copy` is of the node that the link names. In both buckets first, then the move is told, then only
 * in the new one. */
__attribute__((unused)) static void base_move(struct mk_map *map, struct mk_thread *me, struct node *copy,
                                              unsigned to, MK_ATOMIC(mk_link) *link) {
    LINK_TO(map, copy, to);
    atomic_fetch_add_explicit(&map->moves, 1, memory_order_acq_rel);
    unlink_at(map, me, link);
}

/* Asks the last key of a full bucket, whose lock is held, to move to its other one. */
static void make_room(struct mk_map *map, struct mk_thread *me, struct homes held) {
    unsigned n = 0;
    MK_ATOMIC(mk_link) *last = NULL, *at = &map->head[held.a];
    for (struct node *node; (node = node_of(link_in(at))); at = &node->next, n++) last = at;
    if (n < FULL) return;
    struct node *node = node_of(link_in(last));
    struct homes homes = homes_of(node->key);
    unsigned to = homes.a == held.a ? homes.b : homes.a;
    /* out of the order of the buckets: so nobody waits for it */
    bool ours = to == held.b;
    if (!ours && pthread_mutex_trylock(&map->lock[to])) return;
    struct node *copy = mk_mem_cache_alloc(&map->nodes, me);
    if (copy) {
        mk_birth(map->smr, me, copy);
        copy->key = node->key;
        copy->value = node->value;
        MOVE(map, me, copy, to, last);
    }
    if (!ours) pthread_mutex_unlock(&map->lock[to]);
}

/* ---- operations ------------------------------------------------------------------------------ */

static bool homes_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    mk_enter(map->smr, me);
    const struct node *node = LOOKUP(map, me, key);
    if (node) *value = node->value;
    mk_leave(map->smr, me);
    return node != NULL;
}

static enum mk_status homes_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                mk_value *previous) {
    struct homes homes = homes_of(key);
    struct node *fresh = mk_mem_cache_alloc(&map->nodes, me);
    if (!fresh) return MK_NO_MEMORY;
    fresh->key = key;
    fresh->value = *value;
    mk_enter(map->smr, me);
    LOCK_BOTH(map, homes);
    mk_birth(map->smr, me, fresh);
    MK_ATOMIC(mk_link) *at = link_of(map, homes, key);
    if (at) {
        struct node *old = node_of(link_in(at));
        *previous = old->value;
        atomic_store_explicit(&fresh->next, link_in(&old->next), memory_order_relaxed);
        atomic_store_explicit(at, (mk_link)fresh, memory_order_seq_cst);
        mk_retire(map->smr, me, old, &map->how);
    } else {
        make_room(map, me, homes);
        LINK_TO(map, fresh, homes.a);
        atomic_fetch_add_explicit(&map->count, 1, memory_order_relaxed);
    }
    UNLOCK_BOTH(map, homes);
    mk_leave(map->smr, me);
    return at ? MK_HIT : MK_MISS;
}

static enum mk_status homes_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    struct homes homes = homes_of(key);
    mk_enter(map->smr, me);
    LOCK_BOTH(map, homes);
    MK_ATOMIC(mk_link) *at = link_of(map, homes, key);
    if (at) {
        *value = node_of(link_in(at))->value;
        unlink_at(map, me, at);
        atomic_fetch_sub_explicit(&map->count, 1, memory_order_relaxed);
    }
    UNLOCK_BOTH(map, homes);
    mk_leave(map->smr, me);
    return at ? MK_HIT : MK_MISS;
}

/* ---- life ------------------------------------------------------------------------------------ */

static uint64_t homes_count(struct mk_map *map) {
    return atomic_load_explicit(&map->count, memory_order_relaxed);
}

static void homes_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct node *node = node_of(link_in(&map->head[i])); node; node = node_of(link_in(&node->next))) {
            visit(arg, node->key, node->value.word[0]);
        }
    }
}

static void homes_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    mk_reclaim_here.destroy(map->smr);
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct node *node = node_of(link_in(&map->head[i])), *next; node; node = next) {
            next = node_of(link_in(&node->next));
            mk_mem_cache_free(&map->nodes, NULL, node);
        }
        pthread_mutex_destroy(&map->lock[i]);
    }
    mk_mem_cache_close(mem, &map->nodes);
    mk_mem_free(mem, NULL, map, sizeof *map, MK_CACHE_LINE);
}

static int homes_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
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
    for (unsigned i = 0; i < BUCKETS; i++) pthread_mutex_init(&map->lock[i], NULL);
    *out = map;
    return 0;
}

static int homes_thread_enter(struct mk_map *map, struct mk_thread *me) {
    return mk_reclaim_here.thread_enter(map->smr, me);
}

static void homes_thread_exit(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.thread_exit(map->smr, me);
}

static void homes_flush(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.flush(map->smr, me);
}

static void homes_hold(struct mk_map *map, struct mk_thread *me) {
    mk_enter(map->smr, me);
}

static void homes_unhold(struct mk_map *map, struct mk_thread *me) {
    mk_leave(map->smr, me);
}

static size_t homes_stats(struct mk_map *map, struct mk_stat *out, size_t room) {
    return mk_reclaim_here.stats(map->smr, out, room);
}

#define TWO_HOMES                                                                                               \
    .summary = "planted", .caps = MK_CONCURRENT | MK_GROWS, .create = homes_create, .destroy = homes_destroy,   \
    .thread_enter = homes_thread_enter, .thread_exit = homes_thread_exit, .flush = homes_flush,                 \
    .count = homes_count, .walk = homes_walk, .stats = homes_stats, .hold = homes_hold, .unhold = homes_unhold, \
    .get = homes_get, .put = homes_put, .remove = homes_remove

#endif
