/* map_seqlock.h - a sound map, of which map_seq_*.c beside it break one thing each: 64 keys in 8 groups, behind a
 * sequence lock each. Writers make the version of a group odd, and then even; readers look at it before and after.
 */
#ifndef MAP_SEQLOCK_H
#define MAP_SEQLOCK_H

#include "../../impl/map.h"
#include "../../impl/order.h"

#define KEYS 64
#define GROUP 8

struct group {
    MK_ATOMIC(uint64_t) version;
    MK_ATOMIC(uint64_t) present[GROUP];
    MK_ATOMIC(uint64_t) word[GROUP][MK_VALUE_WORDS];
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_map {
    struct mk_mem *mem;
    struct group group[KEYS / GROUP];
};

/* What the files beside it break. */
#ifndef UNDISTURBED
#define UNDISTURBED base_undisturbed
#endif
#ifndef STORED /* the order of what is stored under the lock */
#define STORED memory_order_release
#endif
static bool UNDISTURBED(struct group *group, uint64_t version);

/* What was loaded with acquire has brought the version of whoever stored it. */
__attribute__((unused)) static bool base_undisturbed(struct group *group, uint64_t version) {
    return atomic_load_explicit(&group->version, memory_order_relaxed) == version;
}

static struct group *group_of(struct mk_map *map, uint64_t key) {
    return &map->group[key / GROUP];
}

static void lock(struct group *group) {
    for (unsigned spins = 0;; mk_backoff(&spins)) {
        uint64_t version = atomic_load_explicit(&group->version, memory_order_relaxed);
        if (!(version & 1) && atomic_compare_exchange_strong_explicit(&group->version, &version, version + 1,
                                                                      memory_order_acquire, memory_order_relaxed)) {
            return;
        }
    }
}

static void unlock(struct group *group) {
    uint64_t version = atomic_load_explicit(&group->version, memory_order_relaxed);
    atomic_store_explicit(&group->version, version + 1, memory_order_seq_cst);
}

/* Copies what is there, and returns whether there is anything. */
static bool copy_out(struct group *group, uint64_t key, mk_value *value) {
    if (!atomic_load_explicit(&group->present[key % GROUP], memory_order_acquire)) return false;
    for (unsigned i = 0; i < MK_VALUE_WORDS; i++) {
        value->word[i] = atomic_load_explicit(&group->word[key % GROUP][i], memory_order_acquire);
    }
    return true;
}

static void set_present(struct group *group, uint64_t key, bool present) {
    atomic_store_explicit(&group->present[key % GROUP], present, STORED);
}

static bool seqlock_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    (void)me;
    if (key >= KEYS) return false;
    struct group *group = group_of(map, key);
    for (unsigned spins = 0;; mk_backoff(&spins)) {
        mk_value found;
        uint64_t version = atomic_load_explicit(&group->version, memory_order_seq_cst);
        if (version & 1) continue;
        bool there = copy_out(group, key, &found);
        if (!UNDISTURBED(group, version)) continue;
        if (there) *value = found;
        return there;
    }
}

static enum mk_status seqlock_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                  mk_value *previous) {
    (void)me;
    if (key >= KEYS) return MK_REFUSED;
    struct group *group = group_of(map, key);
    lock(group);
    bool there = copy_out(group, key, previous);
    set_present(group, key, true);
    for (unsigned i = 0; i < MK_VALUE_WORDS; i++) {
        atomic_store_explicit(&group->word[key % GROUP][i], value->word[i], STORED);
    }
    unlock(group);
    return there ? MK_HIT : MK_MISS;
}

static enum mk_status seqlock_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    (void)me;
    if (key >= KEYS) return MK_REFUSED;
    struct group *group = group_of(map, key);
    lock(group);
    bool there = copy_out(group, key, value);
    set_present(group, key, false);
    unlock(group);
    return there ? MK_HIT : MK_MISS;
}

static uint64_t seqlock_count(struct mk_map *map) {
    uint64_t count = 0;
    mk_value ignored;
    for (uint64_t key = 0; key < KEYS; key++) count += copy_out(group_of(map, key), key, &ignored);
    return count;
}

static void seqlock_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    mk_value value;
    for (uint64_t key = 0; key < KEYS; key++) {
        if (copy_out(group_of(map, key), key, &value)) visit(arg, key, value.word[0]);
    }
}

static void seqlock_destroy(struct mk_map *map) {
    mk_mem_free(map->mem, NULL, map, sizeof *map, MK_CACHE_LINE);
}

static int seqlock_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg,
                          struct mk_err *err) {
    (void)cfg;
    *out = mk_mem_zalloc(mem, NULL, sizeof **out, MK_CACHE_LINE);
    if (!*out) return mk_fail(err, "no memory for the map");
    (*out)->mem = mem;
    return 0;
}

#define SEQLOCK                                                                                            \
    .summary = "planted", .caps = MK_CONCURRENT, .key_limit = KEYS, .create = seqlock_create,              \
    .destroy = seqlock_destroy, .count = seqlock_count, .walk = seqlock_walk, .get = seqlock_get,          \
    .put = seqlock_put, .remove = seqlock_remove

#endif
