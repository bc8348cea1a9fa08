/* map/mutex - one mutex around a chained hash table: the baseline.
 *
 * Source:     the textbook's; what std::unordered_map under a std::mutex amounts to.
 * Picture:    bucket[] -> node {next, key, value} -> node -> NULL     one per key, in no order
 * parts:      hash=fold
 * values:     8 64 256 1024
 * Progress:   blocking, all operations.
 * Ordering:   linearizable: an operation is all that happens between one lock and its unlock.
 * Memory:     (16 B + value) * keys, each rounded by the allocator, + 8 B * buckets; 1 to 2 buckets a key
 *             while it grows. Buckets are not given back before destroy.
 * Limits:     one thread at a time. Where a larger table is refused, chains get longer instead.
 */
#include "../hash.h"
#include "../map.h"

#include <pthread.h>

#define MUTEX_BUCKETS_MIN MK_TUNE(16, 1)
#define MUTEX_BUCKETS_MAX ((uint64_t)1 << 40)

struct mutex_node {
    struct mutex_node *next;
    uint64_t key;
    mk_value value;
};

struct mk_map {
    pthread_mutex_t lock;
    struct mutex_node **bucket;
    uint64_t buckets; /* a power of two */
    uint64_t count;
    uint64_t seed;
    struct mk_mem *mem;
    struct mk_mem_cache nodes;
};

static void mutex_free_buckets(struct mk_map *map, struct mk_thread *me) {
    mk_mem_free(map->mem, me, map->bucket, map->buckets * sizeof *map->bucket, sizeof *map->bucket);
}

static void mutex_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    for (uint64_t i = 0; i < map->buckets; i++) {
        for (struct mutex_node *node = map->bucket[i], *next; node; node = next) {
            next = node->next;
            mk_mem_cache_free(&map->nodes, NULL, node);
        }
    }
    mk_mem_cache_close(mem, &map->nodes);
    mutex_free_buckets(map, NULL);
    pthread_mutex_destroy(&map->lock);
    mk_mem_free(mem, NULL, map, sizeof *map, MK_CACHE_LINE);
}

static int mutex_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, MK_CACHE_LINE);
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    map->seed = cfg->seed;
    map->buckets = MUTEX_BUCKETS_MIN;
    while (map->buckets < cfg->capacity && map->buckets < MUTEX_BUCKETS_MAX) map->buckets *= 2;
    map->bucket = mk_mem_zalloc(mem, NULL, map->buckets * sizeof *map->bucket, sizeof *map->bucket);
    if (!map->bucket) {
        mk_fail(err, "no memory for %llu buckets; lower the capacity", (unsigned long long)map->buckets);
        goto no_buckets;
    }
    if (mk_mem_cache_open(mem, &map->nodes, sizeof(struct mutex_node), _Alignof(struct mutex_node), err)) {
        goto no_cache;
    }
    pthread_mutex_init(&map->lock, NULL);
    *out = map;
    return 0;
no_cache:
    mutex_free_buckets(map, NULL);
no_buckets:
    mk_mem_free(mem, NULL, map, sizeof *map, MK_CACHE_LINE);
    return -1;
}

/* Returns the link that names the key's node, or the NULL at the end of its chain. */
MK_INLINE struct mutex_node **mutex_find(struct mk_map *map, uint64_t key) {
    struct mutex_node **link = &map->bucket[mk_hash(key, map->seed) & (map->buckets - 1)];
    while (*link && (*link)->key != key) link = &(*link)->next;
    return link;
}

/* Doubles the buckets. Stays as it is where there is no memory for that. */
static void mutex_grow(struct mk_map *map, struct mk_thread *me) {
    struct mutex_node **old = map->bucket, **bucket;
    uint64_t buckets = map->buckets * 2;
    bucket = mk_mem_zalloc(map->mem, me, buckets * sizeof *bucket, sizeof *bucket);
    if (!bucket) return;
    for (uint64_t i = 0; i < map->buckets; i++) {
        for (struct mutex_node *node = old[i], *next; node; node = next) {
            struct mutex_node **link = &bucket[mk_hash(node->key, map->seed) & (buckets - 1)];
            next = node->next;
            node->next = *link;
            *link = node;
        }
    }
    mutex_free_buckets(map, me);
    map->bucket = bucket;
    map->buckets = buckets;
}

/* Links a new node at the end of its chain. Returns MK_MISS or MK_NO_MEMORY. */
static enum mk_status mutex_add(struct mk_map *map, struct mk_thread *me, struct mutex_node **link, uint64_t key,
                                const mk_value *value) {
    struct mutex_node *node = mk_mem_cache_alloc(&map->nodes, me);
    if (!node) return MK_NO_MEMORY;
    node->next = NULL;
    node->key = key;
    node->value = *value;
    *link = node;
    if (++map->count > map->buckets) mutex_grow(map, me);
    return MK_MISS;
}

/* LIN get hit, miss: inside the lock. */
MK_TIMED bool mutex_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    (void)me;
    pthread_mutex_lock(&map->lock);
    struct mutex_node *node = *mutex_find(map, key);
    if (node) *value = node->value;
    pthread_mutex_unlock(&map->lock);
    return node != NULL;
}

/* LIN put hit, miss: inside the lock. */
static enum mk_status mutex_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                mk_value *previous) {
    enum mk_status status = MK_HIT;
    pthread_mutex_lock(&map->lock);
    struct mutex_node **link = mutex_find(map, key);
    if (*link) {
        *previous = (*link)->value;
        (*link)->value = *value;
    } else {
        status = mutex_add(map, me, link, key, value);
    }
    pthread_mutex_unlock(&map->lock);
    return status;
}

/* LIN remove hit, miss: inside the lock. */
static enum mk_status mutex_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    pthread_mutex_lock(&map->lock);
    struct mutex_node **link = mutex_find(map, key), *node = *link;
    if (node) {
        *value = node->value;
        *link = node->next;
        map->count--;
    }
    pthread_mutex_unlock(&map->lock);
    if (!node) return MK_MISS;
    mk_mem_cache_free(&map->nodes, me, node);
    return MK_HIT;
}

static uint64_t mutex_count(struct mk_map *map) {
    pthread_mutex_lock(&map->lock);
    uint64_t count = map->count;
    pthread_mutex_unlock(&map->lock);
    return count;
}

static void mutex_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (uint64_t i = 0; i < map->buckets; i++) {
        for (struct mutex_node *node = map->bucket[i]; node; node = node->next) {
            visit(arg, node->key, node->value.word[0]);
        }
    }
}

MK_MAP(mutex, .summary = "one mutex around a chained table: the baseline", .caps = MK_CONCURRENT | MK_GROWS,
       .progress = {.get = MK_BLOCKING, .put = MK_BLOCKING, .remove = MK_BLOCKING}, .create = mutex_create,
       .destroy = mutex_destroy, .count = mutex_count, .walk = mutex_walk, .get = mutex_get, .put = mutex_put,
       .remove = mutex_remove);
