/* needs: <uthash.h> | uthash-dev */
/* map/uthash - the hash table of uthash, macros around an intrusive handle, for one thread: a peer, and a bound.
 *
 * Source:     uthash (Troy D. Hanson): chained buckets, and a list of all items in the order they came.
 * Picture:    table { bucket[] } -> item { key, value, handle { next, prev, chain } } -> item
 * parts:      hash=fold
 * Progress:   one thread alone.
 * Ordering:   none; no shared state.
 * Memory:     72 B a key by malloc, and 16 B a bucket, of which there is one for at most 10 keys.
 * Limits:     for one thread. It takes the low 32 bits of the hash. It never shrinks but to nothing: with its last
 *             key it gives its buckets back. Its memory is malloc's, not what is handed in: structure bytes are
 *             unknown, rss tells.
 */
#include "../../hash.h"
#include "../../map.h"

#include <stdlib.h>

/* Without memory an item is left out, and its handle says so; without it the library would end the program. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct uthash_item {
    uint64_t key, value;
    UT_hash_handle hh;
};

struct mk_map {
    struct mk_mem *mem;
    uint64_t seed;
    struct uthash_item *first;
};

static int uthash_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_alloc(mem, NULL, sizeof *map, _Alignof(struct mk_map));
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    map->seed = cfg->seed;
    map->first = NULL;
    *out = map;
    return 0;
}

static void uthash_destroy(struct mk_map *map) {
    struct uthash_item *item = map->first, *next;
    HASH_CLEAR(hh, map->first);
    for (; item; item = next) {
        next = item->hh.next;
        free(item);
    }
    mk_mem_free(map->mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
}

MK_INLINE unsigned uthash_hash(const struct mk_map *map, uint64_t key) {
    return (unsigned)mk_hash(key, map->seed);
}

MK_INLINE struct uthash_item *uthash_find(struct mk_map *map, uint64_t key, unsigned hash) {
    struct uthash_item *found;
    HASH_FIND_BYHASHVALUE(hh, map->first, &key, sizeof key, hash, found);
    return found;
}

/* LIN get: one thread. */
MK_TIMED bool uthash_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    const struct uthash_item *item = uthash_find(map, key, uthash_hash(map, key));
    (void)me;
    if (item) value->word[0] = item->value;
    return item != NULL;
}

static enum mk_status uthash_add(struct mk_map *map, uint64_t key, unsigned hash, uint64_t value) {
    struct uthash_item *item = malloc(sizeof *item);
    if (!item) return MK_NO_MEMORY;
    item->key = key;
    item->value = value;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, map->first, &item->key, sizeof item->key, hash, item);
    if (item->hh.tbl) return MK_MISS;
    free(item);
    return MK_NO_MEMORY;
}

/* LIN put: one thread. */
static enum mk_status uthash_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                 mk_value *previous) {
    unsigned hash = uthash_hash(map, key);
    struct uthash_item *item = uthash_find(map, key, hash);
    (void)me;
    if (!item) return uthash_add(map, key, hash, value->word[0]);
    previous->word[0] = item->value;
    item->value = value->word[0];
    return MK_HIT;
}

/* LIN remove: one thread. */
static enum mk_status uthash_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    struct uthash_item *item = uthash_find(map, key, uthash_hash(map, key));
    (void)me;
    if (!item) return MK_MISS;
    value->word[0] = item->value;
    HASH_DEL(map->first, item);
    free(item);
    return MK_HIT;
}

static uint64_t uthash_count(struct mk_map *map) {
    return HASH_COUNT(map->first);
}

static void uthash_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    const struct uthash_item *item;
    for (item = map->first; item; item = item->hh.next) visit(arg, item->key, item->value);
}

MK_MAP(uthash, .summary = "peer: uthash, one thread", .caps = MK_GROWS, .create = uthash_create,
       .destroy = uthash_destroy, .count = uthash_count, .walk = uthash_walk, .get = uthash_get, .put = uthash_put,
       .remove = uthash_remove);
