/* map_striped.h - a sound map, of which map_*.c beside it break one thing each: a table of chains that doubles,
 * every sixteenth bucket behind the same lock. Whoever doubles it holds all of them.
 */
#ifndef MAP_STRIPED_H
#define MAP_STRIPED_H

#include <pthread.h>

#include "../../impl/map.h"
#include "../../impl/order.h"

#define STRIPES MK_TUNE(16, 2) /* a power of two, and no more than there are buckets at first */
#define BUCKETS_MIN MK_TUNE(64, 2)
#define BUCKETS_MAX 16384

struct node {
    struct node *next;
    uint64_t key;
    mk_value value;
};

struct table {
    uint64_t mask; /* buckets - 1 */
    struct node *bucket[];
};

/* A lock, of the sort that the plant is about. */
struct stripe {
    pthread_mutex_t mutex;
    pthread_cond_t freed;
    MK_ATOMIC(uint32_t) busy;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_map {
    struct mk_mem *mem;
    struct mk_mem_cache nodes;
    MK_ATOMIC(uint64_t) count;
    MK_ATOMIC(struct table *) table; /* changed by who holds all stripes */
    struct stripe stripe[STRIPES];
};

/* What the files beside it break. */
#ifndef LOCK
#define LOCK base_lock
#endif
#ifndef UNLOCK
#define UNLOCK base_unlock
#endif
#ifndef COUNT
#define COUNT base_count
#endif
#ifndef GET
#define GET base_get
#endif
#ifndef PUT
#define PUT base_put
#endif
#ifndef REMOVE
#define REMOVE base_remove
#endif
#ifndef UPDATE
#define UPDATE base_update
#endif
#ifndef GROW
#define GROW base_grow
#endif
static void LOCK(struct stripe *stripe);
static void UNLOCK(struct stripe *stripe);
static void COUNT(struct mk_map *map, int by);
static void GROW(struct mk_map *map, struct mk_thread *me);

__attribute__((unused)) static void base_lock(struct stripe *stripe) {
    pthread_mutex_lock(&stripe->mutex);
}

__attribute__((unused)) static void base_unlock(struct stripe *stripe) {
    pthread_mutex_unlock(&stripe->mutex);
}

/* Adds to the count. */
__attribute__((unused)) static void base_count(struct mk_map *map, int by) {
    atomic_fetch_add_explicit(&map->count, (uint64_t)by, memory_order_relaxed);
}

/* Returns whether so many buckets are too few. A count that has gone wrong asks for the largest table at most. */
static bool is_small(struct mk_map *map, uint64_t buckets) {
    return buckets < BUCKETS_MAX && atomic_load_explicit(&map->count, memory_order_relaxed) > buckets;
}

static struct table *table_of(struct mk_map *map) {
    return atomic_load_explicit(&map->table, memory_order_acquire);
}

static struct stripe *stripe_of(struct mk_map *map, uint64_t key) {
    return &map->stripe[mk_mix64(key) % STRIPES];
}

/* The link that names the key's node, or the NULL at the end of its chain. Its stripe is locked. */
static struct node **link_of(struct table *table, uint64_t key) {
    struct node **link = &table->bucket[mk_mix64(key) & table->mask];
    while (*link && (*link)->key != key) link = &(*link)->next;
    return link;
}

static struct table *make_table(struct mk_map *map, struct mk_thread *me, uint64_t buckets) {
    struct table *table = mk_mem_zalloc(map->mem, me, sizeof *table + buckets * sizeof *table->bucket, 8);
    if (table) table->mask = buckets - 1;
    return table;
}

static void free_table(struct mk_map *map, struct mk_thread *me, struct table *table) {
    mk_mem_free(map->mem, me, table, sizeof *table + (table->mask + 1) * sizeof *table->bucket, 8);
}

static void move_bucket(struct table *from, struct table *to, uint64_t bucket) {
    for (struct node *node = from->bucket[bucket], *next; node; node = next) {
        struct node **link = &to->bucket[mk_mix64(node->key) & to->mask];
        next = node->next;
        node->next = *link;
        *link = node;
    }
}

/* Doubles the table, if it is small still when all stripes are ours. */
__attribute__((unused)) static void base_grow(struct mk_map *map, struct mk_thread *me) {
    struct table *old = NULL, *table = NULL;
    for (unsigned i = 0; i < STRIPES; i++) LOCK(&map->stripe[i]);
    old = table_of(map);
    if (is_small(map, old->mask + 1)) table = make_table(map, me, 2 * (old->mask + 1));
    for (uint64_t i = 0; table && i <= old->mask; i++) move_bucket(old, table, i);
    if (table) atomic_store_explicit(&map->table, table, memory_order_release);
    for (unsigned i = 0; i < STRIPES; i++) UNLOCK(&map->stripe[i]);
    if (table) free_table(map, me, old);
}

__attribute__((unused)) static bool base_get(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                             mk_value *value) {
    struct stripe *stripe = stripe_of(map, key);
    (void)me;
    LOCK(stripe);
    const struct node *node = *link_of(table_of(map), key);
    bool found = node != NULL;
    if (found) *value = node->value;
    UNLOCK(stripe);
    return found;
}

__attribute__((unused)) static enum mk_status base_put(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                                       const mk_value *value, mk_value *previous) {
    struct stripe *stripe = stripe_of(map, key);
    LOCK(stripe);
    struct table *table = table_of(map);
    struct node **link = link_of(table, key), *node = *link;
    uint64_t buckets = table->mask + 1;
    if (node) {
        *previous = node->value;
        node->value = *value;
        UNLOCK(stripe);
        return MK_HIT;
    }
    node = mk_mem_cache_alloc(&map->nodes, me);
    if (node) {
        *node = (struct node){NULL, key, *value};
        *link = node;
    }
    UNLOCK(stripe);
    if (!node) return MK_NO_MEMORY;
    COUNT(map, 1);
    if (is_small(map, buckets)) GROW(map, me);
    return MK_MISS;
}

__attribute__((unused)) static enum mk_status base_remove(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                                          mk_value *value) {
    struct stripe *stripe = stripe_of(map, key);
    LOCK(stripe);
    struct node **link = link_of(table_of(map), key), *node = *link;
    if (node) {
        *value = node->value;
        *link = node->next;
    }
    UNLOCK(stripe);
    if (!node) return MK_MISS;
    mk_mem_cache_free(&map->nodes, me, node);
    COUNT(map, -1);
    return MK_HIT;
}

__attribute__((unused)) static enum mk_status base_update(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                                          mk_update_fn *change, void *arg) {
    struct stripe *stripe = stripe_of(map, key);
    (void)me;
    LOCK(stripe);
    struct node *node = *link_of(table_of(map), key);
    if (node) change(&node->value, arg);
    UNLOCK(stripe);
    return node ? MK_HIT : MK_MISS;
}

static uint64_t striped_count(struct mk_map *map) {
    return atomic_load_explicit(&map->count, memory_order_relaxed);
}

static void striped_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    struct table *table = table_of(map);
    for (uint64_t i = 0; i <= table->mask; i++) {
        for (const struct node *node = table->bucket[i]; node; node = node->next) {
            visit(arg, node->key, node->value.word[0]);
        }
    }
}

static void striped_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    struct table *table = table_of(map);
    for (uint64_t i = 0; i <= table->mask; i++) {
        for (struct node *node = table->bucket[i], *next; node; node = next) {
            next = node->next;
            mk_mem_cache_free(&map->nodes, NULL, node);
        }
    }
    for (unsigned i = 0; i < STRIPES; i++) {
        pthread_mutex_destroy(&map->stripe[i].mutex);
        pthread_cond_destroy(&map->stripe[i].freed);
    }
    free_table(map, NULL, table);
    mk_mem_cache_close(mem, &map->nodes);
    mk_mem_free(mem, NULL, map, sizeof *map, MK_CACHE_LINE);
}

static int striped_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg,
                          struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, MK_CACHE_LINE);
    (void)cfg;
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    if (mk_mem_cache_open(mem, &map->nodes, sizeof(struct node), _Alignof(struct node), err)) {
        mk_mem_free(mem, NULL, map, sizeof *map, MK_CACHE_LINE);
        return -1;
    }
    struct table *table = make_table(map, NULL, BUCKETS_MIN);
    if (!table) {
        mk_mem_cache_close(mem, &map->nodes);
        mk_mem_free(mem, NULL, map, sizeof *map, MK_CACHE_LINE);
        return mk_fail(err, "no memory for the buckets");
    }
    atomic_init(&map->table, table);
    for (unsigned i = 0; i < STRIPES; i++) {
        pthread_mutex_init(&map->stripe[i].mutex, NULL);
        pthread_cond_init(&map->stripe[i].freed, NULL);
    }
    *out = map;
    return 0;
}

#define STRIPED                                                                                       \
    .summary = "planted", .caps = MK_CONCURRENT | MK_GROWS, .create = striped_create,                 \
    .destroy = striped_destroy, .count = striped_count, .walk = striped_walk, .get = GET, .put = PUT, \
    .remove = REMOVE, .update = UPDATE

#endif
