/* needs: <cds/init.h> -lcds | libcds-dev */
/* map/libcds_skiplist - the lock-free skip list of libcds, SkipListMap, over its dynamic hazard pointers: a peer.
 *
 * Source:     libcds (Maxim Khizhinsky), after Herlihy and Shavit, The Art of Multiprocessor Programming, 14.4.
 * Picture:    head -> node { key, state, value, tower of next } -> node
 * Parts:      none; it is ordered by key.
 * Progress:   lookups lock-free but for the allocator; what replaces or removes is blocking: it waits while
 *             another changes the same item (a lock of ours in it, held for two accesses).
 * Ordering:   the library's, and of an item the lock. The library alone cannot replace a value and say what it
 *             was, as its remove may be on the way; so what is removed says so in its own state, under the lock.
 * Memory:     by malloc: 48 B a key and 8 B a level above the first, one more of them on average; what was removed
 *             waits for hazard pointers to let go.
 * Limits:     its memory is malloc's, not what is handed in: structure bytes are unknown, rss tells. Each thread
 *             has to be attached to the library. It is ordered, but gives no way to scan that is safe beside
 *             removals. Looking up does not look whether the item found is about to go: it may see one whose
 *             removal is still under way, after another operation has missed it.
 */
#include "../../map.h"

#include <cds/gc/dhp.h>
#include <cds/container/skip_list_map_dhp.h>
#include <cds/init.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <new>

namespace {

/* A value, with what tells whether the item was removed. */
struct skip_cell {
    enum : uint32_t { FREE, LOCKED, GONE };
    std::atomic<uint32_t> state{FREE};
    std::atomic<uint64_t> value;

    explicit skip_cell(uint64_t first = 0) : value(first) {}
    skip_cell(const skip_cell &from) : value(from.value.load(memory_order_relaxed)) {} /* before it is published */

    /* Returns whether the item is still there; then it is locked. */
    bool lock() {
        uint32_t seen = FREE;
        unsigned spins = 0;
        while (!state.compare_exchange_weak(seen, LOCKED, memory_order_acquire, memory_order_relaxed)) {
            if (seen == GONE) return false;
            seen = FREE;
            mk_backoff(&spins);
        }
        return true;
    }
    void unlock(uint32_t next) { state.store(next, memory_order_release); }

    /* Returns whether the item is there; then *out is its value. The value first: nobody removed it before. */
    bool read(uint64_t *out) const {
        *out = value.load(memory_order_acquire);
        return state.load(memory_order_acquire) != GONE;
    }
};

struct skip_traits : cds::container::skip_list::traits {
    typedef std::less<uint64_t> less;
};

using skip_list = cds::container::SkipListMap<cds::gc::DHP, uint64_t, skip_cell, skip_traits>;

/* The library's own state, one for the process. It stays, as threads may be attached until the end. */
void skip_open_library() {
    static std::once_flag once;
    std::call_once(once, [] {
        cds::Initialize();
        new cds::gc::DHP;
    });
}

/* The library counts how often a thread is attached. */
struct skip_attached {
    skip_attached() { cds::threading::Manager::attachThread(); }
    ~skip_attached() { cds::threading::Manager::detachThread(); }
};

} /* namespace */

struct mk_map {
    struct mk_mem *mem;
    skip_list list;

    explicit mk_map(struct mk_mem *memory) : mem(memory) {}
};

static int skip_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *, struct mk_err *err) {
    void *block = mk_mem_alloc(mem, NULL, sizeof(struct mk_map), alignof(struct mk_map));
    if (!block) return mk_fail(err, "no memory for the map");
    try {
        skip_open_library();
        skip_attached attached;
        *out = new (block) mk_map(mem);
        return 0;
    } catch (const std::bad_alloc &) {
        mk_mem_free(mem, NULL, block, sizeof(struct mk_map), alignof(struct mk_map));
        return mk_fail(err, "no memory for the list");
    }
}

static void skip_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    skip_attached attached;
    map->~mk_map();
    cds::gc::DHP::scan();
    mk_mem_free(mem, NULL, map, sizeof *map, alignof(struct mk_map));
}

static int skip_thread_enter(struct mk_map *, struct mk_thread *) {
    try {
        cds::threading::Manager::attachThread();
        return 0;
    } catch (const std::bad_alloc &) {
        return -1;
    }
}

static void skip_thread_exit(struct mk_map *, struct mk_thread *) {
    cds::threading::Manager::detachThread();
}

static void skip_flush(struct mk_map *, struct mk_thread *) {
    skip_attached attached;
    cds::gc::DHP::scan();
}

/* Calls `with` on the key's item, as it is once removed ones have been unlinked. find alone may come to one of them
 * for as long as it hangs on some level; this one takes a node to search with. Returns whether there is one. */
template <typename With>
static MK_NOINLINE bool skip_find_surely(struct mk_map *map, uint64_t key, With with) {
    try {
        return map->list.update(key, [&with](bool, skip_list::value_type &item) { with(item); }, false).first;
    } catch (const std::bad_alloc &) {
        return map->list.find(key, with);
    }
}

/* Calls `use(cell)` until it is one that is there (use returns true). Returns whether there is one. */
template <typename Use>
static inline bool skip_with(struct mk_map *map, uint64_t key, Use use) {
    bool there = false;
    auto with = [&](skip_list::value_type &item) { there = use(item.second); };
    if (!map->list.find(key, with)) return false;
    for (unsigned spins = 0; !there; mk_backoff(&spins)) {
        if (!skip_find_surely(map, key, with)) return false;
    }
    return true;
}

/* LIN get: the look at the value; a miss in the library. */
MK_TIMED bool skip_get(struct mk_map *map, struct mk_thread *, uint64_t key, mk_value *value) {
    uint64_t seen;
    if (!skip_with(map, key, [&seen](skip_cell &cell) { return cell.read(&seen); })) return false;
    value->word[0] = seen;
    return true;
}

/* Replaces the value of an item that is there. Returns whether there was one. */
static inline bool skip_replace(struct mk_map *map, uint64_t key, const mk_value *value, mk_value *previous) {
    return skip_with(map, key, [=](skip_cell &cell) {
        if (!cell.lock()) return false;
        previous->word[0] = cell.value.load(memory_order_relaxed);
        cell.value.store(value->word[0], memory_order_release);
        cell.unlock(skip_cell::FREE);
        return true;
    });
}

/* LIN put hit: while it has the item's lock. LIN put miss: in the library. */
static enum mk_status skip_put(struct mk_map *map, struct mk_thread *, uint64_t key, const mk_value *value,
                               mk_value *previous) {
    try {
        for (;;) {
            if (skip_replace(map, key, value, previous)) return MK_HIT;
            if (map->list.emplace(key, value->word[0])) return MK_MISS;
        }
    } catch (const std::bad_alloc &) {
        return MK_NO_MEMORY;
    }
}

/* LIN remove: while it has the item's lock, behind the library's mark. */
static enum mk_status skip_remove(struct mk_map *map, struct mk_thread *, uint64_t key, mk_value *value) {
    auto take = [value](skip_list::value_type &item) {
        item.second.lock(); /* the library lets one alone remove it */
        value->word[0] = item.second.value.load(memory_order_relaxed);
        item.second.unlock(skip_cell::GONE);
    };
    return map->list.erase(key, take) ? MK_HIT : MK_MISS;
}

/* LIN insert_if_absent hit: the look at the value. LIN insert_if_absent miss: in the library. */
static enum mk_status skip_insert_if_absent(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                            const mk_value *value, mk_value *present) {
    try {
        for (;;) {
            if (skip_get(map, me, key, present)) return MK_HIT;
            if (map->list.emplace(key, value->word[0])) return MK_MISS;
        }
    } catch (const std::bad_alloc &) {
        return MK_NO_MEMORY;
    }
}

static void skip_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    skip_attached attached;
    for (const auto &item : map->list) visit(arg, item.first, item.second.value.load(memory_order_relaxed));
}

static uint64_t skip_count(struct mk_map *map) {
    uint64_t n = 0;
    skip_walk(map, [](void *arg, uint64_t, uint64_t) { ++*static_cast<uint64_t *>(arg); }, &n);
    return n;
}

MK_MAP(libcds_skiplist, .summary = "peer: SkipListMap of libcds over hazard pointers; replaces under our lock",
       .caps = MK_CONCURRENT | MK_GROWS,
       .progress = {.get = MK_LOCK_FREE, .put = MK_BLOCKING, .remove = MK_BLOCKING}, .create = skip_create,
       .destroy = skip_destroy, .thread_enter = skip_thread_enter, .thread_exit = skip_thread_exit,
       .flush = skip_flush, .count = skip_count, .walk = skip_walk, .get = skip_get, .put = skip_put,
       .remove = skip_remove, .insert_if_absent = skip_insert_if_absent);
