/* std_sharded.cc - what our sharded map is held against: C++'s std::unordered_map in as many shards,
 * each under a std::shared_mutex, with the same hash (compiled in as a part) and the same split of it.
 * A plug-in in C++17: scripts/bench builds and loads it.
 */
#include <memkit/map.h>
#include <memkit/hash.h>

#include <memory>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <unordered_map>

namespace {

struct same_hash {
    uint64_t seed;
    size_t operator()(uint64_t key) const { return mk_hash(key, seed); }
};

struct alignas(MK_CACHE_LINE) shard {
    std::shared_mutex lock;
    std::unordered_map<uint64_t, mk_value, same_hash> values;
};

}  // namespace

struct mk_map {
    std::unique_ptr<shard[]> shards;
    uint64_t seed;
    unsigned shift; /* the high bits of the hash pick the shard */

    shard &of(uint64_t key) const { return shards[shift == 64 ? 0 : mk_hash(key, seed) >> shift]; }
};

static int std_sharded_create(struct mk_map **out, struct mk_mem *, const struct mk_config *cfg, struct mk_err *err) {
    auto *map = new (std::nothrow) mk_map;
    if (!map) return mk_fail(err, "no memory for the map");
    map->seed = cfg->seed;
    map->shift = 64;
    uint64_t shards = cfg->params[0];
    for (uint64_t n = shards; n > 1; n /= 2) map->shift--;
    map->shards.reset(new (std::nothrow) shard[shards]);
    if (!map->shards) {
        delete map;
        return mk_fail(err, "no memory for %llu shards", (unsigned long long)shards);
    }
    for (uint64_t i = 0; i < shards; i++) {
        map->shards[i].values = std::unordered_map<uint64_t, mk_value, same_hash>(0, same_hash{cfg->seed});
    }
    *out = map;
    return 0;
}

static void std_sharded_destroy(struct mk_map *map) {
    delete map;
}

static uint64_t shards_of(const struct mk_map *map) {
    return map->shift == 64 ? 1 : uint64_t(1) << (64 - map->shift);
}

static uint64_t std_sharded_count(struct mk_map *map) {
    uint64_t n = 0;
    for (uint64_t i = 0; i < shards_of(map); i++) n += map->shards[i].values.size();
    return n;
}

static void std_sharded_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (uint64_t i = 0; i < shards_of(map); i++) {
        for (const auto &entry : map->shards[i].values) visit(arg, entry.first, entry.second.word[0]);
    }
}

static inline bool std_sharded_get(struct mk_map *map, struct mk_thread *, uint64_t key, mk_value *value) {
    shard &in = map->of(key);
    std::shared_lock<std::shared_mutex> held(in.lock);
    auto at = in.values.find(key);
    if (at == in.values.end()) return false;
    *value = at->second;
    return true;
}

static inline enum mk_status std_sharded_put(struct mk_map *map, struct mk_thread *, uint64_t key, const mk_value *value,
                                             mk_value *previous) {
    shard &in = map->of(key);
    std::unique_lock<std::shared_mutex> held(in.lock);
    auto [at, fresh] = in.values.try_emplace(key, *value);
    if (fresh) return MK_MISS;
    *previous = at->second;
    at->second = *value;
    return MK_HIT;
}

static inline enum mk_status std_sharded_remove(struct mk_map *map, struct mk_thread *, uint64_t key, mk_value *value) {
    shard &in = map->of(key);
    std::unique_lock<std::shared_mutex> held(in.lock);
    auto at = in.values.find(key);
    if (at == in.values.end()) return MK_MISS;
    *value = at->second;
    in.values.erase(at);
    return MK_HIT;
}

static const struct mk_param std_sharded_params[] = {
    {"shards", MK_PARAM_NUMBER, "64", 1, 65536, "1|16|64|256", "a power of two"},
    {nullptr, MK_PARAM_NUMBER, nullptr, 0, 0, nullptr, nullptr}};

MK_MAP(std_sharded, .summary = "C++: std::unordered_map under std::shared_mutex, in shards",
       .caps = MK_CONCURRENT | MK_GROWS, .needs = 0,
       .progress = {.get = MK_BLOCKING, .put = MK_BLOCKING, .remove = MK_BLOCKING}, .params = std_sharded_params,
       .key_limit = 0, .create = std_sharded_create, .destroy = std_sharded_destroy, .thread_enter = nullptr,
       .thread_exit = nullptr, .flush = nullptr, .count = std_sharded_count, .walk = std_sharded_walk, .stats = nullptr,
       .hold = nullptr, .unhold = nullptr, .get = std_sharded_get, .put = std_sharded_put,
       .remove = std_sharded_remove);
