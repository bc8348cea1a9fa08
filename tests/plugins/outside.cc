// outside.cc - a map in C++17, out of tree: proves that the contract headers compile as C++ and that
// such a plug-in runs. One std::mutex around a std::unordered_map; fields in the order of mk_map_def.
#include <memkit/map.h>

#include <mutex>
#include <new>
#include <unordered_map>

struct mk_map {
    std::mutex lock;
    std::unordered_map<uint64_t, mk_value> values;
};

static int outside_create(struct mk_map **out, struct mk_mem *, const struct mk_config *, struct mk_err *err) {
    *out = new (std::nothrow) mk_map;
    return *out ? 0 : mk_fail(err, "no memory for the map");
}

static void outside_destroy(struct mk_map *map) {
    delete map;
}

static uint64_t outside_count(struct mk_map *map) {
    return map->values.size();
}

static void outside_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (const auto &entry : map->values) visit(arg, entry.first, entry.second.word[0]);
}

static bool outside_get(struct mk_map *map, struct mk_thread *, uint64_t key, mk_value *value) {
    std::lock_guard<std::mutex> held(map->lock);
    auto at = map->values.find(key);
    if (at == map->values.end()) return false;
    *value = at->second;
    return true;
}

static enum mk_status outside_put(struct mk_map *map, struct mk_thread *, uint64_t key, const mk_value *value,
                                  mk_value *previous) {
    std::lock_guard<std::mutex> held(map->lock);
    auto [at, fresh] = map->values.try_emplace(key, *value);
    if (fresh) return MK_MISS;
    *previous = at->second;
    at->second = *value;
    return MK_HIT;
}

static enum mk_status outside_remove(struct mk_map *map, struct mk_thread *, uint64_t key, mk_value *value) {
    std::lock_guard<std::mutex> held(map->lock);
    auto at = map->values.find(key);
    if (at == map->values.end()) return MK_MISS;
    *value = at->second;
    map->values.erase(at);
    return MK_HIT;
}

MK_MAP(outside, .summary = "std::unordered_map behind one std::mutex", .caps = MK_CONCURRENT | MK_GROWS, .needs = 0,
       .progress = {MK_BLOCKING, MK_BLOCKING, MK_BLOCKING, MK_PROGRESS_UNSTATED}, .params = nullptr, .key_limit = 0,
       .create = outside_create, .destroy = outside_destroy, .thread_enter = nullptr, .thread_exit = nullptr,
       .flush = nullptr, .count = outside_count, .walk = outside_walk, .stats = nullptr, .hold = nullptr,
       .unhold = nullptr, .get = outside_get, .put = outside_put, .remove = outside_remove);
