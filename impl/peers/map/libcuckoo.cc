/* needs: <libcuckoo/cuckoohash_map.hh> | libcuckoo-dev */
/* map/libcuckoo - the concurrent cuckoo hash map of libcuckoo, cuckoohash_map: a peer.
 *
 * Source:     libcuckoo (Goyal, Fan, Li, Andersen, Kaminsky), after Li, Andersen, Kaminsky, Freedman: Algorithmic
 *             Improvements for Fast Concurrent Cuckoo Hashing, EuroSys 2014.
 * Picture:    bucket[] { partial hash, key, value } x 4, two buckets a key; locks[] of many buckets each
 * Parts:      none. Its hash is the finaliser of splitmix64, a bijection: more than 8 keys of one hash would have
 *             no place, so it cannot take part in tests with a constant hash.
 * Progress:   blocking, all operations.
 * Ordering:   the library's: an operation is what happens while it holds the locks of both its buckets.
 * Memory:     by malloc: 72 B a bucket of 4 slots, at most 95% of them used, and 64 B a lock.
 * Limits:     its memory is malloc's, not what is handed in: structure bytes are unknown, rss tells. It doubles
 *             while all operations stand still, and never shrinks. Where it cannot grow as its load is too low, it
 *             refuses the key. Walking takes all locks.
 */
#include "../../map.h"

#include <libcuckoo/cuckoohash_map.hh>

#include <functional>
#include <new>
#include <stdexcept>

namespace {

struct cuckoo_hash {
    uint64_t seed;

    size_t operator()(uint64_t key) const { return mk_mix64(key ^ seed); }
};

using cuckoo_table = libcuckoo::cuckoohash_map<uint64_t, uint64_t, cuckoo_hash>;

constexpr size_t cuckoo_room = 1024; /* keys at first: as little as others begin with, not 262144 */

} /* namespace */

struct mk_map {
    struct mk_mem *mem;
    cuckoo_table table;

    mk_map(struct mk_mem *memory, uint64_t seed) : mem(memory), table(cuckoo_room, cuckoo_hash{seed}) {}
};

static int cuckoo_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
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

static void cuckoo_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    map->~mk_map();
    mk_mem_free(mem, NULL, map, sizeof *map, alignof(struct mk_map));
}

/* LIN get: in the library. */
MK_TIMED bool cuckoo_get(struct mk_map *map, struct mk_thread *, uint64_t key, mk_value *value) {
    return map->table.find_fn(key, [value](const uint64_t &found) { value->word[0] = found; });
}

/* Inserts, or calls `there` with the value. Returns the status; what is thrown left the table as it was. */
template <typename There>
static inline enum mk_status cuckoo_upsert(struct mk_map *map, uint64_t key, uint64_t value, There there) {
    try {
        return map->table.upsert(key, there, value) ? MK_MISS : MK_HIT;
    } catch (const std::bad_alloc &) {
        return MK_NO_MEMORY;
    } catch (const libcuckoo::load_factor_too_low &) {
        return MK_REFUSED;
    }
}

/* LIN put: in the library. */
static enum mk_status cuckoo_put(struct mk_map *map, struct mk_thread *, uint64_t key, const mk_value *value,
                                 mk_value *previous) {
    return cuckoo_upsert(map, key, value->word[0], [value, previous](uint64_t &found) {
        previous->word[0] = found;
        found = value->word[0];
    });
}

/* LIN remove: in the library. */
static enum mk_status cuckoo_remove(struct mk_map *map, struct mk_thread *, uint64_t key, mk_value *value) {
    auto take = [value](const uint64_t &found) {
        value->word[0] = found;
        return true;
    };
    return map->table.erase_fn(key, take) ? MK_HIT : MK_MISS;
}

/* LIN insert_if_absent: in the library. */
static enum mk_status cuckoo_insert_if_absent(struct mk_map *map, struct mk_thread *, uint64_t key,
                                              const mk_value *value, mk_value *present) {
    return cuckoo_upsert(map, key, value->word[0], [present](uint64_t &found) { present->word[0] = found; });
}

/* LIN update: in the library. */
static enum mk_status cuckoo_update(struct mk_map *map, struct mk_thread *, uint64_t key, mk_update_fn *change,
                                    void *arg) {
    auto apply = [change, arg](uint64_t &found) {
        mk_value value = {{found}};
        change(&value, arg);
        found = value.word[0];
    };
    return map->table.update_fn(key, apply) ? MK_HIT : MK_MISS;
}

static uint64_t cuckoo_count(struct mk_map *map) {
    return map->table.size();
}

static void cuckoo_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    auto locked = map->table.lock_table();
    for (const auto &item : locked) visit(arg, item.first, item.second);
}

MK_MAP(libcuckoo, .summary = "peer: cuckoohash_map of libcuckoo", .caps = MK_CONCURRENT | MK_GROWS,
       .progress = {.get = MK_BLOCKING, .put = MK_BLOCKING, .remove = MK_BLOCKING}, .create = cuckoo_create,
       .destroy = cuckoo_destroy, .count = cuckoo_count, .walk = cuckoo_walk, .get = cuckoo_get, .put = cuckoo_put,
       .remove = cuckoo_remove, .insert_if_absent = cuckoo_insert_if_absent, .update = cuckoo_update);
