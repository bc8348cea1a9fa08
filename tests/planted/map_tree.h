/* map_tree.h - a sound ordered map, of which map_leaf_*.c and map_scan_*.c beside it break one thing each: a
 * directory of leaves, each with a version that is odd while it is locked, as the directory has one. Readers take
 * versions, read, and look at the versions again. Leaves are split when they are full and stay until the end.
 * Optimistic locks after Leis, Haubenschild and Neumann (IEEE Data Engineering Bulletin 2019), as map/btree has
 * them.
 */
#ifndef MAP_TREE_H
#define MAP_TREE_H

#include "../../impl/map.h"

#define LEAF MK_TUNE(8, 2)         /* keys of a leaf */
#define LEAVES MK_TUNE(8192, 64)   /* at most */

struct leaf {
    MK_ATOMIC(uint64_t) version, count;
    MK_ATOMIC(uint64_t) key[LEAF];
    MK_ATOMIC(uint64_t) word[LEAF][MK_VALUE_WORDS];
};

struct mk_map {
    struct mk_mem *mem;
    MK_ATOMIC(uint64_t) keys;
    MK_ATOMIC(uint64_t) version, leaves; /* of the directory */
    MK_ATOMIC(uint64_t) low[LEAVES];     /* the first key that the leaf is for, ascending; the first one is 0 */
    MK_ATOMIC(struct leaf *) leaf[LEAVES];
};

/* The way to the leaf that is for a key. */
struct way {
    struct leaf *leaf;
    uint64_t directory, version; /* versions */
    uint64_t at, leaves;
};

/* What the files beside it break. */
#ifndef STILL_THE_WAY
#define STILL_THE_WAY base_still_the_way
#endif
#ifndef UNLOCK
#define UNLOCK base_unlock
#endif
#ifndef SPLIT
#define SPLIT base_split
#endif
#ifndef SCAN
#define SCAN tree_scan
#endif
#ifndef CHANGED_UNDER_SCAN
#define CHANGED_UNDER_SCAN base_changed_under_scan
#endif
static bool STILL_THE_WAY(struct mk_map *map, const struct way *way);
static void UNLOCK(MK_ATOMIC(uint64_t) *version, uint64_t was);
static bool SPLIT(struct mk_map *map, const struct way *way, struct leaf *right);
static uint64_t CHANGED_UNDER_SCAN(struct mk_map *map, const struct way *way, uint64_t low);

static uint64_t load(MK_ATOMIC(uint64_t) *word) {
    return atomic_load_explicit(word, memory_order_acquire);
}

static void store(MK_ATOMIC(uint64_t) *word, uint64_t value) {
    atomic_store_explicit(word, value, memory_order_release);
}

static uint64_t begin(MK_ATOMIC(uint64_t) *version) {
    uint64_t now;
    for (unsigned spins = 0; (now = atomic_load_explicit(version, memory_order_seq_cst)) & 1; mk_backoff(&spins)) {
    }
    return now;
}

static bool same(MK_ATOMIC(uint64_t) *version, uint64_t was) {
    return atomic_load_explicit(version, memory_order_relaxed) == was;
}

static bool lock(MK_ATOMIC(uint64_t) *version, uint64_t was) {
    return atomic_compare_exchange_strong_explicit(version, &was, was | 1, memory_order_seq_cst,
                                                   memory_order_relaxed);
}

__attribute__((unused)) static void base_unlock(MK_ATOMIC(uint64_t) *version, uint64_t was) {
    store(version, was + 2);
}

__attribute__((unused)) static bool base_still_the_way(struct mk_map *map, const struct way *way) {
    return same(&map->version, way->directory);
}

/* Returns how many of the keys, which ascend, are not above `key`. */
static uint64_t not_above(MK_ATOMIC(uint64_t) *keys, uint64_t n, uint64_t key) {
    uint64_t first = 0;
    while (n) {
        uint64_t half = n / 2;
        bool right = load(&keys[first + half]) <= key;
        if (right) first += half + 1;
        n = right ? n - half - 1 : half;
    }
    return first;
}

static struct way find(struct mk_map *map, uint64_t key) {
    struct way way;
    do {
        way.directory = begin(&map->version);
        way.leaves = load(&map->leaves);
        way.at = not_above(map->low, way.leaves, key);
        way.at -= way.at > 0;
        way.leaf = atomic_load_explicit(&map->leaf[way.at], memory_order_acquire);
        way.version = begin(&way.leaf->version);
    } while (!STILL_THE_WAY(map, &way));
    return way;
}

static void read_value(struct leaf *leaf, uint64_t i, mk_value *value) {
    for (unsigned w = 0; w < MK_VALUE_WORDS; w++) value->word[w] = load(&leaf->word[i][w]);
}

static void write_value(struct leaf *leaf, uint64_t i, const mk_value *value) {
    for (unsigned w = 0; w < MK_VALUE_WORDS; w++) store(&leaf->word[i][w], value->word[w]);
}

static void copy_entry(struct leaf *to, uint64_t i, struct leaf *from, uint64_t k) {
    mk_value value;
    read_value(from, k, &value);
    write_value(to, i, &value);
    store(&to->key[i], load(&from->key[k]));
}

/* Returns where the key is in the leaf, or would be; *present only means something while the version is the same.
 * */
static uint64_t place_of(struct leaf *leaf, uint64_t key, uint64_t *count, bool *present) {
    *count = load(&leaf->count);
    uint64_t above = not_above(leaf->key, *count, key);
    *present = above && load(&leaf->key[above - 1]) == key;
    return above - *present;
}

/* The leaf is locked: its upper half goes to another, which nobody has yet. */
static void halve(struct leaf *leaf, struct leaf *right) {
    for (uint64_t i = LEAF / 2; i < LEAF; i++) copy_entry(right, i - LEAF / 2, leaf, i);
    store(&right->count, LEAF - LEAF / 2);
    store(&leaf->count, LEAF / 2);
}

/* The directory is locked. */
static void enter_leaf(struct mk_map *map, uint64_t at, uint64_t leaves, struct leaf *leaf) {
    for (uint64_t i = leaves; i > at; i--) {
        store(&map->low[i], load(&map->low[i - 1]));
        atomic_store_explicit(&map->leaf[i], atomic_load_explicit(&map->leaf[i - 1], memory_order_relaxed),
                              memory_order_release);
    }
    store(&map->low[at], load(&leaf->key[0]));
    atomic_store_explicit(&map->leaf[at], leaf, memory_order_release);
    store(&map->leaves, leaves + 1);
}

/* False: something has changed. */
__attribute__((unused)) static bool base_split(struct mk_map *map, const struct way *way, struct leaf *right) {
    if (!lock(&map->version, way->directory)) return false;
    bool locked = lock(&way->leaf->version, way->version);
    if (locked) {
        halve(way->leaf, right);
        enter_leaf(map, way->at + 1, way->leaves, right);
        UNLOCK(&way->leaf->version, way->version);
    }
    UNLOCK(&map->version, way->directory);
    return locked;
}

/* False: no memory. */
static bool make_room(struct mk_map *map, struct mk_thread *me, const struct way *way) {
    struct leaf *right = way->leaves < LEAVES ? mk_mem_zalloc(map->mem, me, sizeof *right, 8) : NULL;
    if (right && !SPLIT(map, way, right)) mk_mem_free(map->mem, me, right, sizeof *right, 8);
    return right != NULL;
}

static bool tree_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    struct way way;
    mk_value copy;
    uint64_t count, at;
    bool present;
    (void)me;
    do {
        way = find(map, key);
        at = place_of(way.leaf, key, &count, &present);
        read_value(way.leaf, at < LEAF ? at : 0, &copy);
    } while (!same(&way.leaf->version, way.version));
    if (present) *value = copy;
    return present;
}

static enum mk_status tree_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                               mk_value *previous) {
    for (unsigned spins = 0;; mk_backoff(&spins)) {
        struct way way = find(map, key);
        uint64_t count, at;
        bool present;
        at = place_of(way.leaf, key, &count, &present);
        if (!present && count == LEAF) {
            if (same(&way.leaf->version, way.version) && !make_room(map, me, &way)) return MK_NO_MEMORY;
            continue;
        }
        if (!lock(&way.leaf->version, way.version)) continue;
        if (present) read_value(way.leaf, at, previous);
        for (uint64_t i = count; !present && i > at; i--) copy_entry(way.leaf, i, way.leaf, i - 1);
        write_value(way.leaf, at, value);
        store(&way.leaf->key[at], key);
        store(&way.leaf->count, count + !present);
        UNLOCK(&way.leaf->version, way.version);
        if (!present) atomic_fetch_add_explicit(&map->keys, 1, memory_order_relaxed);
        return present ? MK_HIT : MK_MISS;
    }
}

static enum mk_status tree_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    (void)me;
    for (unsigned spins = 0;; mk_backoff(&spins)) {
        struct way way = find(map, key);
        uint64_t count, at;
        bool present;
        at = place_of(way.leaf, key, &count, &present);
        if (!present && same(&way.leaf->version, way.version)) return MK_MISS;
        if (!present || !lock(&way.leaf->version, way.version)) continue;
        read_value(way.leaf, at, value);
        for (uint64_t i = at; i + 1 < count; i++) copy_entry(way.leaf, i, way.leaf, i + 1);
        store(&way.leaf->count, count - 1);
        UNLOCK(&way.leaf->version, way.version);
        atomic_fetch_sub_explicit(&map->keys, 1, memory_order_relaxed);
        return MK_HIT;
    }
}

/* Returns the first key that the leaf behind the way's is for; 0: there is none. The way still has to be one. */
static uint64_t behind(struct mk_map *map, const struct way *way) {
    return way->at + 1 < way->leaves ? load(&map->low[way->at + 1]) : 0;
}

/* The leaf has changed. Returns where to go on. */
__attribute__((unused)) static uint64_t base_changed_under_scan(struct mk_map *map, const struct way *way,
                                                                uint64_t low) {
    (void)map, (void)way;
    return low;
}

/* A leaf at a time. */
__attribute__((unused)) static uint64_t tree_scan(struct mk_map *map, struct mk_thread *me, uint64_t from, uint64_t n,
                          mk_map_visit_fn *visit, void *arg) {
    uint64_t left = n, low = from;
    (void)me;
    for (bool more = n > 0; more && left;) {
        struct way way = find(map, low);
        mk_value value[LEAF];
        uint64_t key[LEAF], count = load(&way.leaf->count), copied = 0, next = behind(map, &way);
        if (!same(&map->version, way.directory)) continue;
        for (uint64_t i = 0; i < count; i++) {
            uint64_t at = load(&way.leaf->key[i]);
            if (at < low || copied == left) continue;
            key[copied] = at;
            read_value(way.leaf, i, &value[copied++]);
        }
        if (!same(&way.leaf->version, way.version)) {
            low = CHANGED_UNDER_SCAN(map, &way, low);
            continue;
        }
        for (uint64_t i = 0; i < copied; i++) visit(arg, key[i], &value[i]);
        left -= copied;
        low = next;
        more = next != 0;
    }
    return n - left;
}

static uint64_t tree_count(struct mk_map *map) {
    return atomic_load_explicit(&map->keys, memory_order_relaxed);
}

static void tree_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (uint64_t i = 0; i < load(&map->leaves); i++) {
        struct leaf *leaf = atomic_load_explicit(&map->leaf[i], memory_order_acquire);
        for (uint64_t k = 0; k < load(&leaf->count); k++) visit(arg, load(&leaf->key[k]), load(&leaf->word[k][0]));
    }
}

static void tree_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    for (uint64_t i = 0; i < load(&map->leaves); i++) {
        mk_mem_free(mem, NULL, atomic_load_explicit(&map->leaf[i], memory_order_acquire), sizeof(struct leaf), 8);
    }
    mk_mem_free(mem, NULL, map, sizeof *map, 8);
}

static int tree_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, 8);
    struct leaf *leaf = map ? mk_mem_zalloc(mem, NULL, sizeof *leaf, 8) : NULL;
    (void)cfg;
    if (!leaf) {
        if (map) mk_mem_free(mem, NULL, map, sizeof *map, 8);
        return mk_fail(err, "no memory for the map");
    }
    map->mem = mem;
    atomic_store_explicit(&map->leaf[0], leaf, memory_order_relaxed);
    atomic_store_explicit(&map->leaves, 1, memory_order_relaxed);
    *out = map;
    return 0;
}

#define TREE                                                                                                      \
    .summary = "planted", .caps = MK_CONCURRENT | MK_GROWS | MK_ORDERED, .create = tree_create,                   \
    .destroy = tree_destroy, .count = tree_count, .walk = tree_walk, .get = tree_get, .put = tree_put,            \
    .remove = tree_remove, .scan = SCAN

#endif
