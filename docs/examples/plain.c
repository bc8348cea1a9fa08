/* map/plain - a chained table behind one mutex: a whole map, in as few lines as it takes.
 *
 * Source:     the textbook's.
 * Picture:    bucket[] -> node {next, key, value} -> node -> NULL
 * Parts:      none.
 * values:     8 64 256 1024
 * Progress:   blocking, all operations.
 * Ordering:   linearizable: an operation is what happens between a lock and its unlock.
 * Memory:     (16 B + value) * keys, each rounded by the allocator, + 512 KiB of buckets.
 * Limits:     one thread at a time; the table never grows, its chains do.
 */
#include "../map.h"

#include <pthread.h>

#define BUCKETS 65536

struct node {
    struct node *next;
    uint64_t key;
    mk_value value;
};

struct mk_map {
    pthread_mutex_t lock;
    struct mk_mem *mem;
    struct mk_mem_cache nodes;
    uint64_t seed, count;
    struct node *bucket[BUCKETS];
};

static int plain_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, MK_CACHE_LINE);
    if (!map) return mk_fail(err, "no memory for %zu bytes of table", sizeof *map);
    if (mk_mem_cache_open(mem, &map->nodes, sizeof(struct node), _Alignof(struct node), err)) {
        mk_mem_free(mem, NULL, map, sizeof *map, MK_CACHE_LINE);
        return -1;
    }
    pthread_mutex_init(&map->lock, NULL);
    map->mem = mem;
    map->seed = cfg->seed;
    *out = map;
    return 0;
}

static void plain_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct node *node = map->bucket[i], *next; node; node = next) {
            next = node->next;
            mk_mem_cache_free(&map->nodes, NULL, node);
        }
    }
    mk_mem_cache_close(mem, &map->nodes);
    pthread_mutex_destroy(&map->lock);
    mk_mem_free(mem, NULL, map, sizeof *map, MK_CACHE_LINE);
}

/* Locks the map. Returns the link to the key's node, or the NULL at the end of its chain. */
static inline struct node **plain_lock(struct mk_map *map, uint64_t key) {
    struct node **link = &map->bucket[mk_mix64(key ^ map->seed) % BUCKETS];
    pthread_mutex_lock(&map->lock);
    while (*link && (*link)->key != key) link = &(*link)->next;
    return link;
}

/* LIN get hit, miss: inside the lock. */
MK_TIMED bool plain_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    const struct node *node = *plain_lock(map, key);
    (void)me;
    if (node) *value = node->value;
    pthread_mutex_unlock(&map->lock);
    return node != NULL;
}

/* LIN put hit, miss: inside the lock. */
static enum mk_status plain_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                mk_value *previous) {
    struct node **link = plain_lock(map, key);
    enum mk_status status = *link ? MK_HIT : MK_MISS;
    if (*link) {
        *previous = (*link)->value;
        (*link)->value = *value;
    } else if ((*link = mk_mem_cache_alloc(&map->nodes, me))) {
        **link = (struct node){NULL, key, *value};
        map->count++;
    } else {
        status = MK_NO_MEMORY;
    }
    pthread_mutex_unlock(&map->lock);
    return status;
}

/* LIN remove hit, miss: inside the lock. */
static enum mk_status plain_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    struct node **link = plain_lock(map, key), *node = *link;
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

static uint64_t plain_count(struct mk_map *map) {
    return map->count;
}

static void plain_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct node *node = map->bucket[i]; node; node = node->next) {
            visit(arg, node->key, node->value.word[0]);
        }
    }
}

MK_MAP(plain, .summary = "a chained table behind one mutex", .caps = MK_CONCURRENT | MK_GROWS,
       .progress = {.get = MK_BLOCKING, .put = MK_BLOCKING, .remove = MK_BLOCKING}, .create = plain_create,
       .destroy = plain_destroy,
       .count = plain_count, .walk = plain_walk, .get = plain_get, .put = plain_put, .remove = plain_remove);
