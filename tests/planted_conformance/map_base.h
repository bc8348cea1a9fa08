/* map_base.h - a sound map, of which each map_*.c beside it breaks one thing: a table of chains that doubles,
 * behind one mutex. */
#ifndef MAP_BASE_H
#define MAP_BASE_H

#include "../../impl/map.h"
#include "../../impl/order.h"

#include <pthread.h>

struct node {
    struct node *next;
    uint64_t key;
    mk_value value;
};

struct mk_map {
    pthread_mutex_t lock;
    struct mk_mem *mem;
    struct node **bucket;
    uint64_t buckets, count;
    uint64_t room[8]; /* for what the breakage needs */
    struct node *kept;
};

__attribute__((unused)) static void base_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    for (uint64_t i = 0; i <= map->buckets; i++) {
        for (struct node *node = i < map->buckets ? map->bucket[i] : map->kept, *next; node; node = next) {
            next = node->next;
            mk_mem_free(mem, NULL, node, sizeof *node, 8);
        }
    }
    mk_mem_free(mem, NULL, map->bucket, map->buckets * sizeof *map->bucket, 8);
    pthread_mutex_destroy(&map->lock);
    mk_mem_free(mem, NULL, map, sizeof *map, 8);
}

__attribute__((unused)) static int base_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg,
                                               struct mk_err *err) {
    (void)cfg;
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, 8);
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    map->buckets = 64;
    map->bucket = mk_mem_zalloc(mem, NULL, map->buckets * sizeof *map->bucket, 8);
    if (!map->bucket) {
        mk_mem_free(mem, NULL, map, sizeof *map, 8);
        return mk_fail(err, "no memory for the buckets");
    }
    pthread_mutex_init(&map->lock, NULL);
    *out = map;
    return 0;
}

/* The link that names the key's node, or the NULL at the end of its chain. */
__attribute__((unused)) static struct node **base_find(struct mk_map *map, uint64_t key) {
    struct node **link = &map->bucket[mk_mix64(key) & (map->buckets - 1)];
    while (*link && (*link)->key != key) link = &(*link)->next;
    return link;
}

/* Doubles the table, but for the last `lost` nodes it comes to. */
__attribute__((unused)) static void base_grow(struct mk_map *map, struct mk_thread *me, uint64_t lost) {
    struct node **old = map->bucket;
    uint64_t buckets = map->buckets, left = map->count;
    struct node **bucket = mk_mem_zalloc(map->mem, me, 2 * buckets * sizeof *bucket, 8);
    if (!bucket) return;
    map->bucket = bucket;
    map->buckets = 2 * buckets;
    for (uint64_t i = 0; i < buckets; i++) {
        for (struct node *node = old[i], *next; node; node = next) {
            struct node **link = left-- > lost ? base_find(map, node->key) : &map->kept;
            next = node->next;
            node->next = *link;
            *link = node;
        }
    }
    mk_mem_free(map->mem, me, old, buckets * sizeof *old, 8);
}

__attribute__((unused)) static bool base_get(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                             mk_value *value) {
    (void)me;
    pthread_mutex_lock(&map->lock);
    struct node *node = *base_find(map, key);
    if (node) *value = node->value;
    pthread_mutex_unlock(&map->lock);
    return node != NULL;
}

/* The lock is held. */
__attribute__((unused)) static enum mk_status base_add(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                                       const mk_value *value) {
    struct node *node = mk_mem_alloc(map->mem, me, sizeof *node, 8);
    if (!node) return MK_NO_MEMORY;
    struct node **link = base_find(map, key);
    *node = (struct node){*link, key, *value};
    *link = node;
    if (++map->count > map->buckets) base_grow(map, me, 0);
    return MK_MISS;
}

__attribute__((unused)) static enum mk_status base_put(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                                       const mk_value *value, mk_value *previous) {
    enum mk_status status = MK_HIT;
    pthread_mutex_lock(&map->lock);
    struct node *node = *base_find(map, key);
    if (node) {
        *previous = node->value;
        node->value = *value;
    } else {
        status = base_add(map, me, key, value);
    }
    pthread_mutex_unlock(&map->lock);
    return status;
}

__attribute__((unused)) static enum mk_status base_remove(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                                          mk_value *value) {
    pthread_mutex_lock(&map->lock);
    struct node **link = base_find(map, key), *node = *link;
    if (node) {
        *value = node->value;
        *link = node->next;
        map->count--;
    }
    pthread_mutex_unlock(&map->lock);
    if (!node) return MK_MISS;
    mk_mem_free(map->mem, me, node, sizeof *node, 8);
    return MK_HIT;
}

__attribute__((unused)) static uint64_t base_count(struct mk_map *map) {
    return map->count;
}

__attribute__((unused)) static void base_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (uint64_t i = 0; i < map->buckets; i++) {
        for (struct node *node = map->bucket[i]; node; node = node->next) {
            visit(arg, node->key, node->value.word[0]);
        }
    }
}

/* Everything but what the files beside it break. */
#define BASE .summary = "planted", .caps = MK_CONCURRENT | MK_GROWS, .destroy = base_destroy, .walk = base_walk

#endif
