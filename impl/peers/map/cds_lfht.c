/* needs: liburcu-cds liburcu-memb | liburcu-dev */
/* map/cds_lfht - the resizable hash table of userspace RCU, cds_lfht, which counts its nodes: a peer.
 *
 * Source:     liburcu (Mathieu Desnoyers, Lai Jiangshan), after Shalev and Shavit's split-ordered lists and Michael's.
 *             CDS_LFHT_AUTO_RESIZE and CDS_LFHT_ACCOUNTING, flavour memb, buckets in one mapping.
 * Picture:    bucket[] { next, reversed hash } -> node { next, reversed hash, key, value, retired } -> node -> bucket
 *             line[id] -> retired -> node -> ...    and those before them, which wait for a grace period
 * parts:      hash=fold
 * values:     8 64 256 1024
 * Progress:   get wait-free, remove lock-free, but for the allocator; put blocking, as it may be the one to resize.
 * Ordering:   the library's.
 * Memory:     (32 B + value) * keys, and 16 B a bucket by mmap: 1 to 2 of them a key while the table grows.
 * Limits:     the library grows by itself when there are eight nodes a bucket, and may not: its worker clears the flag
 *             that a resize is under way before the one that asked for it has set it, and with the flag left standing
 *             nothing is resized any more. (0.13.2, 60000 keys into 64 buckets: 512 of them to 32768 at the end, 512 in
 *             7 runs of 40.) So whoever takes the count past a power of two asks for as many buckets, twice, as its
 *             users have to; that clears the flag, too. Shrinking is left to the library, and so may wait for that.
 *             Growing waits for a shrinking under way, that one for readers, so no reader can be held. Nodes and lines
 *             are of the memory handed in, buckets are not: of structure bytes they are missing, rss tells. Without
 *             memory for buckets the library ends the program.
 */
#include "../../hash.h"
#include "../../map.h"

#define _LGPL_SOURCE
#include "../urcu.h"

#include <pthread.h>
#include <urcu/rculfhash.h>

#define LFHT_BUCKETS 1024         /* at first */
#define LFHT_BUCKETS_MAX (1 << 30) /* address space is reserved for as many */
#define LFHT_COUNTED 256          /* keys that a thread adds or removes before it tells the others */
#define LFHT_RETIRED 512          /* nodes that wait for a grace period together */

struct lfht_node {
    struct cds_lfht_node node;
    uint64_t key;
    mk_value value;
    struct lfht_node *next; /* of those retired */
};

struct lfht_line {
    struct lfht_node *retired, *waiting; /* waiting: for the grace period that was asked for */
    struct rcu_head head;
    MK_ATOMIC(bool) passed;
    bool asked;
    int32_t keys; /* added, less those removed, and not told yet */
    uint32_t n;   /* retired */
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_map {
    struct cds_lfht *table;
    struct lfht_line *line;
    struct mk_mem_cache nodes;
    uint64_t seed;
    struct mk_mem *mem;
    uint32_t threads_max;
    MK_ATOMIC(int64_t) count MK_ALIGNED(2 * MK_CACHE_LINE); /* as far as told */
    pthread_mutex_t growing;
};

MK_INLINE struct lfht_node *lfht_of(struct cds_lfht_node *node) {
    return caa_container_of(node, struct lfht_node, node);
}

static int lfht_match(struct cds_lfht_node *node, const void *key) {
    return lfht_of(node)->key == *(const uint64_t *)key;
}

/* ---- retired nodes ------------------------------------------------------------------------ */

static void lfht_free(struct mk_map *map, struct mk_thread *me, struct lfht_node **list) {
    for (struct lfht_node *node = *list, *next; node; node = next) {
        next = node->next;
        mk_mem_cache_free(&map->nodes, me, node);
    }
    *list = NULL;
}

static void lfht_passed(struct rcu_head *head) {
    /* (1) release-store synchronizes-with the acquire-load (2): what readers read before the grace period ended */
    atomic_store_explicit(&caa_container_of(head, struct lfht_line, head)->passed, true, memory_order_release);
}

/* Frees the nodes whose grace period has passed, and asks for that of those retired since. */
static MK_NOINLINE void lfht_turn(struct mk_map *map, struct mk_thread *me, struct lfht_line *line) {
    /* (2) acquire-load synchronizes-with the release-store (1): nobody reads the nodes any more */
    if (line->asked && !atomic_load_explicit(&line->passed, memory_order_acquire)) return;
    lfht_free(map, me, &line->waiting);
    line->waiting = line->retired;
    line->retired = NULL;
    line->n = 0;
    line->asked = true;
    /* (3) relaxed: the callback comes after call_rcu */
    atomic_store_explicit(&line->passed, false, memory_order_relaxed);
    urcu_memb_call_rcu(&line->head, lfht_passed);
}

MK_INLINE void lfht_retire(struct mk_map *map, struct mk_thread *me, struct lfht_node *node) {
    struct lfht_line *line = &map->line[me->id];
    node->next = line->retired;
    line->retired = node;
    if (MK_UNLIKELY(++line->n >= LFHT_RETIRED)) lfht_turn(map, me, line);
}

/* Whether callbacks may be under way. */
static bool lfht_asked(const struct mk_map *map) {
    for (uint32_t i = 0; i < map->threads_max; i++) {
        if (map->line[i].asked) return true;
    }
    return false;
}

/* At quiescence, by a thread that is registered and in no section. */
static void lfht_flush(struct mk_map *map, struct mk_thread *me) {
    if (lfht_asked(map)) urcu_memb_barrier(); /* takes 10 ms and more */
    urcu_memb_synchronize_rcu();
    for (uint32_t i = 0; i < map->threads_max; i++) {
        lfht_free(map, me, &map->line[i].waiting);
        lfht_free(map, me, &map->line[i].retired);
        map->line[i].n = 0;
        map->line[i].asked = false;
    }
}

/* ---- size --------------------------------------------------------------------------------- */

/* Returns the largest power of two that is not above the count, or 0 where there are buckets enough from the start. */
static uint64_t lfht_power(int64_t count) {
    return count < LFHT_BUCKETS ? 0 : (uint64_t)1 << (63 - __builtin_clzll((uint64_t)count));
}

/* By the count as it is now: one that came later, and asked for more, may have been here first. */
static void lfht_resize(struct mk_map *map) {
    pthread_mutex_lock(&map->growing);
    /* (4) relaxed: a count, nobody orders on it */
    uint64_t power = lfht_power(atomic_load_explicit(&map->count, memory_order_relaxed));
    if (power) cds_lfht_resize(map->table, 2 * power);
    pthread_mutex_unlock(&map->growing);
}

/* Outside a section: a resize waits for readers. */
static MK_NOINLINE void lfht_tell(struct mk_map *map, struct lfht_line *line) {
    int32_t keys = line->keys;
    line->keys = 0;
    /* (5) relaxed: a count, nobody orders on it */
    int64_t before = atomic_fetch_add_explicit(&map->count, keys, memory_order_relaxed);
    if (lfht_power(before + keys) > lfht_power(before)) lfht_resize(map);
}

MK_INLINE void lfht_count_one(struct mk_map *map, struct mk_thread *me, int32_t keys) {
    struct lfht_line *line = &map->line[me->id];
    line->keys += keys;
    if (MK_UNLIKELY(line->keys == keys * LFHT_COUNTED)) lfht_tell(map, line);
}

static uint64_t lfht_count(struct mk_map *map) {
    /* (6) relaxed: at quiescence */
    int64_t count = atomic_load_explicit(&map->count, memory_order_relaxed);
    for (uint32_t i = 0; i < map->threads_max; i++) count += map->line[i].keys;
    return (uint64_t)count;
}

/* ---- birth and death ---------------------------------------------------------------------- */

static void lfht_close(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    mk_mem_free(mem, NULL, map->line, map->threads_max * sizeof *map->line, _Alignof(struct lfht_line));
    mk_mem_cache_close(mem, &map->nodes);
    pthread_mutex_destroy(&map->growing);
    mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
}

static int lfht_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, _Alignof(struct mk_map));
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    map->seed = cfg->seed;
    map->threads_max = cfg->threads_max;
    map->line = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *map->line, _Alignof(struct lfht_line));
    if (!map->line) {
        mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
        return mk_fail(err, "no memory for %u threads", cfg->threads_max);
    }
    if (mk_mem_cache_open(mem, &map->nodes, sizeof(struct lfht_node), _Alignof(struct lfht_node), err)) {
        mk_mem_free(mem, NULL, map->line, cfg->threads_max * sizeof *map->line, _Alignof(struct lfht_line));
        mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
        return -1;
    }
    pthread_mutex_init(&map->growing, NULL);
    map->table = cds_lfht_new_flavor(LFHT_BUCKETS, LFHT_BUCKETS, LFHT_BUCKETS_MAX,
                                     CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, &urcu_memb_flavor, NULL);
    if (!map->table) {
        lfht_close(map);
        return mk_fail(err, "cds_lfht_new gives no table");
    }
    *out = map;
    return 0;
}

/* The table has to be empty when it goes, which it then does in a thread of the library. */
static void lfht_destroy(struct mk_map *map) {
    struct lfht_node *left = NULL;
    struct cds_lfht_iter at;
    mk_urcu_enter();
    lfht_flush(map, NULL);
    urcu_memb_read_lock();
    for (cds_lfht_first(map->table, &at); at.node; cds_lfht_next(map->table, &at)) {
        cds_lfht_del(map->table, at.node);
        lfht_of(at.node)->next = left;
        left = lfht_of(at.node);
    }
    urcu_memb_read_unlock();
    urcu_memb_synchronize_rcu(); /* the library's thread may be among them, to shrink the table */
    lfht_free(map, NULL, &left);
    cds_lfht_destroy(map->table, NULL);
    mk_urcu_exit();
    lfht_close(map);
}

static int lfht_thread_enter(struct mk_map *map, struct mk_thread *me) {
    (void)map, (void)me;
    mk_urcu_enter();
    return 0;
}

/* What it has retired is left to the next thread of its id. */
static void lfht_thread_exit(struct mk_map *map, struct mk_thread *me) {
    (void)map, (void)me;
    mk_urcu_exit();
}

/* ---- operations --------------------------------------------------------------------------- */

/* Finds the key, in a section. */
MK_INLINE struct lfht_node *lfht_find(struct mk_map *map, uint64_t key, struct cds_lfht_iter *at) {
    cds_lfht_lookup(map->table, mk_hash(key, map->seed), lfht_match, &key, at);
    return at->node ? lfht_of(at->node) : NULL;
}

/* LIN get: in the library. */
MK_TIMED bool lfht_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    struct cds_lfht_iter at;
    (void)me;
    urcu_memb_read_lock();
    const struct lfht_node *node = lfht_find(map, key, &at);
    if (node) *value = node->value;
    urcu_memb_read_unlock();
    return node != NULL;
}

/* LIN put: in the library. */
static enum mk_status lfht_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                               mk_value *previous) {
    struct lfht_node *node = mk_mem_cache_alloc(&map->nodes, me);
    if (!node) return MK_NO_MEMORY;
    cds_lfht_node_init(&node->node);
    node->key = key;
    node->value = *value;
    urcu_memb_read_lock();
    struct cds_lfht_node *old =
        cds_lfht_add_replace(map->table, mk_hash(key, map->seed), lfht_match, &key, &node->node);
    urcu_memb_read_unlock();
    if (!old) {
        lfht_count_one(map, me, 1);
        return MK_MISS;
    }
    *previous = lfht_of(old)->value;
    lfht_retire(map, me, lfht_of(old));
    return MK_HIT;
}

/* LIN remove: in the library. A node that cannot be deleted was removed or replaced, so the key is looked for again. */
static enum mk_status lfht_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    struct cds_lfht_iter at;
    struct lfht_node *node;
    urcu_memb_read_lock();
    do {
        node = lfht_find(map, key, &at);
    } while (node && cds_lfht_del(map->table, &node->node));
    urcu_memb_read_unlock();
    if (!node) return MK_MISS;
    *value = node->value;
    lfht_retire(map, me, node);
    lfht_count_one(map, me, -1);
    return MK_HIT;
}

/* LIN insert_if_absent: in the library. */
static enum mk_status lfht_insert_if_absent(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                            const mk_value *value, mk_value *present) {
    struct lfht_node *node = mk_mem_cache_alloc(&map->nodes, me);
    if (!node) return MK_NO_MEMORY;
    cds_lfht_node_init(&node->node);
    node->key = key;
    node->value = *value;
    urcu_memb_read_lock();
    struct lfht_node *there =
        lfht_of(cds_lfht_add_unique(map->table, mk_hash(key, map->seed), lfht_match, &key, &node->node));
    if (there != node) *present = there->value;
    urcu_memb_read_unlock();
    if (there == node) {
        lfht_count_one(map, me, 1);
        return MK_MISS;
    }
    mk_mem_cache_free(&map->nodes, me, node);
    return MK_HIT;
}

/* LIN update: in the library. */
static enum mk_status lfht_update(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_update_fn *change,
                                  void *arg) {
    struct lfht_node *node = mk_mem_cache_alloc(&map->nodes, me), *old;
    struct cds_lfht_iter at;
    if (!node) return MK_NO_MEMORY;
    cds_lfht_node_init(&node->node);
    node->key = key;
    urcu_memb_read_lock();
    do {
        old = lfht_find(map, key, &at);
        if (!old) break;
        node->value = old->value;
        change(&node->value, arg);
    } while (cds_lfht_replace(map->table, &at, mk_hash(key, map->seed), lfht_match, &key, &node->node));
    urcu_memb_read_unlock();
    if (!old) {
        mk_mem_cache_free(&map->nodes, me, node);
        return MK_MISS;
    }
    lfht_retire(map, me, old);
    return MK_HIT;
}

static void lfht_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    struct cds_lfht_iter at;
    mk_urcu_enter();
    urcu_memb_read_lock();
    for (cds_lfht_first(map->table, &at); at.node; cds_lfht_next(map->table, &at)) {
        visit(arg, lfht_of(at.node)->key, lfht_of(at.node)->value.word[0]);
    }
    urcu_memb_read_unlock();
    mk_urcu_exit();
}

MK_MAP(cds_lfht, .summary = "peer: cds_lfht of liburcu, counting, flavour memb; resized when it is due",
       .caps = MK_CONCURRENT | MK_GROWS,
       .progress = {.get = MK_WAIT_FREE, .put = MK_BLOCKING, .remove = MK_LOCK_FREE}, .create = lfht_create,
       .destroy = lfht_destroy, .thread_enter = lfht_thread_enter, .thread_exit = lfht_thread_exit,
       .flush = lfht_flush, .count = lfht_count, .walk = lfht_walk, .get = lfht_get, .put = lfht_put,
       .remove = lfht_remove, .insert_if_absent = lfht_insert_if_absent, .update = lfht_update);
