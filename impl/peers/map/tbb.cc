/* needs: tbb | libtbb-dev */
/* map/tbb - the concurrent hash map of oneTBB, tbb::concurrent_hash_map: a peer.
 *
 * Source:     oneTBB (Intel); a lock by item, taken through accessors, and one by bucket.
 * Picture:    segment[] -> bucket { rwlock, list } -> node { next, rwlock, key, value } -> node
 * parts:      hash=fold
 * Progress:   blocking, all operations.
 * Ordering:   the library's: an operation is what happens while it holds the item's lock; an absent key is seen so
 *             under the bucket's.
 * Memory:     32 B a key by tbbmalloc where that is installed, else by malloc, and 16 B a bucket.
 * Limits:     its memory is not what is handed in: structure bytes are unknown, rss tells. Buckets are never given
 *             back. Walking is for quiescence alone.
 */
#include "../../hash.h"
#include "../../map.h"

#include <tbb/concurrent_hash_map.h>

#include <new>

namespace {

struct tbb_hash {
    uint64_t seed;

    size_t hash(uint64_t key) const { return mk_hash(key, seed); }
    bool equal(uint64_t left, uint64_t right) const { return left == right; }
};

using tbb_table = tbb::concurrent_hash_map<uint64_t, uint64_t, tbb_hash>;

} /* namespace */

struct mk_map {
    struct mk_mem *mem;
    tbb_table table;

    mk_map(struct mk_mem *memory, uint64_t seed) : mem(memory), table(tbb_hash{seed}) {}
};

static int tbb_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    void *block = mk_mem_alloc(mem, NULL, sizeof(struct mk_map), alignof(struct mk_map));
    if (!block) return mk_fail(err, "no memory for the map");
    try {
        *out = new (block) mk_map(mem, cfg->seed);
        return 0;
    } catch (const std::bad_alloc &) {
        mk_mem_free(mem, NULL, block, sizeof(struct mk_map), alignof(struct mk_map));
        return mk_fail(err, "no memory for the table");
    }
}

static void tbb_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    map->~mk_map();
    mk_mem_free(mem, NULL, map, sizeof *map, alignof(struct mk_map));
}

/* LIN get: in the library. */
MK_TIMED bool tbb_get(struct mk_map *map, struct mk_thread *, uint64_t key, mk_value *value) {
    tbb_table::const_accessor at;
    if (!map->table.find(at, key)) return false;
    value->word[0] = at->second;
    return true;
}

/* Returns whether the key is there. Without an accessor, the item is not locked. */
MK_TIMED bool tbb_contains(struct mk_map *map, struct mk_thread *, uint64_t key) {
    return map->table.count(key) != 0;
}

/* LIN put: in the library; a hit while the item is locked, which keeps it in the table. */
static enum mk_status tbb_put(struct mk_map *map, struct mk_thread *, uint64_t key, const mk_value *value,
                              mk_value *previous) {
    try {
        tbb_table::accessor at;
        if (map->table.insert(at, tbb_table::value_type(key, value->word[0]))) return MK_MISS;
        previous->word[0] = at->second;
        at->second = value->word[0];
        return MK_HIT;
    } catch (const std::bad_alloc &) {
        return MK_NO_MEMORY;
    }
}

/* LIN remove: in the library. Nobody else can take an item out that is locked for writing, so erase succeeds. */
static enum mk_status tbb_remove(struct mk_map *map, struct mk_thread *, uint64_t key, mk_value *value) {
    tbb_table::accessor at;
    uint64_t last;
    do {
        if (!map->table.find(at, key)) return MK_MISS;
        last = at->second;
    } while (!map->table.erase(at));
    value->word[0] = last;
    return MK_HIT;
}

/* LIN insert_if_absent: in the library. */
static enum mk_status tbb_insert_if_absent(struct mk_map *map, struct mk_thread *, uint64_t key,
                                           const mk_value *value, mk_value *present) {
    try {
        tbb_table::const_accessor at;
        if (map->table.insert(at, tbb_table::value_type(key, value->word[0]))) return MK_MISS;
        present->word[0] = at->second;
        return MK_HIT;
    } catch (const std::bad_alloc &) {
        return MK_NO_MEMORY;
    }
}

/* LIN update: in the library, while the item is locked. */
static enum mk_status tbb_update(struct mk_map *map, struct mk_thread *, uint64_t key, mk_update_fn *change,
                                 void *arg) {
    tbb_table::accessor at;
    if (!map->table.find(at, key)) return MK_MISS;
    mk_value value = {{at->second}};
    change(&value, arg);
    at->second = value.word[0];
    return MK_HIT;
}

static uint64_t tbb_count(struct mk_map *map) {
    return map->table.size();
}

static void tbb_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (const auto &item : map->table) visit(arg, item.first, item.second);
}

MK_MAP(tbb, .summary = "peer: tbb::concurrent_hash_map of oneTBB", .caps = MK_CONCURRENT | MK_GROWS,
       .progress = {.get = MK_BLOCKING, .put = MK_BLOCKING, .remove = MK_BLOCKING}, .create = tbb_create,
       .destroy = tbb_destroy, .count = tbb_count, .walk = tbb_walk, .get = tbb_get, .put = tbb_put,
       .remove = tbb_remove, .contains = tbb_contains, .insert_if_absent = tbb_insert_if_absent,
       .update = tbb_update);
