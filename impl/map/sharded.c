/* map/sharded - shards, each a reader-writer lock around an open-addressing table.
 *
 * Source:     the sharded map that everybody writes once, an array of locked tables; differs: one hash an
 *             operation, padded shards, and inside a shard groups of 8 slots with a byte of hash each, as in
 *             Swiss tables (Kulukundis, CppCon 2017), but probed group after group, so that removal can fill
 *             the hole instead of leaving a tombstone.
 * Picture:    shard[hash's high bits]: | lock, count | table | ...        128 B = 2 lines
 *             table: slots | key value | key value | ... 8 a group, 128 B for values of 8 |
 *                    tags  | t t t t t t t t | one 8-byte word a group; t = 0 free, else 128 + low 7 bits of hash
 *             a key lies in its home group, or, all groups from there on being full, in the next one that is not
 * parts:      hash=fold
 * values:     8 64 256 1024
 * Progress:   blocking, all operations; readers of a shard run side by side.
 * Ordering:   linearizable: an operation is all that happens between one lock and its unlock.
 * Memory:     128 B * shards + (9 B + value) / load an entry. A shard grows by half when its load exceeds .85
 *             and shrinks by a third when it falls below .4, to .6 or so; never below what was expected at
 *             create. For values of 8 that is 20 to 30 B, 43 B at worst after removals; and, while a shard is
 *             resized, its old table.
 * Limits:     a stalled reader stops the writers of its shard; the system's lock may favour readers.
 *             Where a larger table is refused a shard fills up to its last slot but one, then refuses keys.
 */
#include "../hash.h"
#include "../map.h"

#include <pthread.h>

#define SHARDED_GROUP 8 /* slots; tags of a group are one word */
#define SHARDED_LOW_BITS 0x0101010101010101u
#define SHARDED_HIGH_BITS 0x8080808080808080u
#define SHARDED_NONE UINT64_MAX
#define SHARDED_FULL_PERCENT MK_TUNE(85, 40) /* at which a table grows */

struct sharded_slot {
    uint64_t key;
    mk_value value;
};

/* One allocation: the slots, then a word of tags for each group. */
struct sharded_table {
    uint64_t *tags;
    struct sharded_slot *slots;
    uint64_t groups;
    uint64_t full; /* entries at which it is to grow */
};

struct sharded_shard {
    pthread_rwlock_t lock;
    uint64_t count;
    struct sharded_table table MK_ALIGNED(MK_CACHE_LINE);
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_map {
    struct sharded_shard *shard;
    uint64_t shards; /* a power of two */
    unsigned shard_bits;
    uint64_t seed;
    uint64_t groups_min;
    struct mk_mem *mem;
};

/* ---- tables: not shared, or under the shard's lock ------------------------------------------ */

static size_t sharded_table_bytes(uint64_t groups) {
    return groups * (SHARDED_GROUP * sizeof(struct sharded_slot) + sizeof(uint64_t));
}

/* Fills *table with an empty one. Returns 0, or -1 when there is no memory. */
static int sharded_table_open(struct sharded_table *table, struct mk_mem *mem, struct mk_thread *me,
                              uint64_t groups) {
    unsigned char *block = mk_mem_alloc(mem, me, sharded_table_bytes(groups), MK_CACHE_LINE);
    if (!block) return -1;
    table->slots = (struct sharded_slot *)block;
    table->tags = (uint64_t *)(table->slots + groups * SHARDED_GROUP);
    table->groups = groups;
    table->full = groups * SHARDED_GROUP * SHARDED_FULL_PERCENT / 100;
    memset(table->tags, 0, groups * sizeof *table->tags);
    return 0;
}

static void sharded_table_close(struct sharded_table *table, struct mk_mem *mem, struct mk_thread *me) {
    mk_mem_free(mem, me, table->slots, sharded_table_bytes(table->groups), MK_CACHE_LINE);
}

/* Returns the group a hash belongs to. The bits that chose the shard are shifted out; the others, read
 * as a fraction, are scaled to the groups, so that these may be any number. */
MK_INLINE uint64_t sharded_home(const struct sharded_table *table, uint64_t hash, unsigned shard_bits) {
    return (uint64_t)((unsigned __int128)(hash << shard_bits) * table->groups >> 64);
}

MK_INLINE uint64_t sharded_next(const struct sharded_table *table, uint64_t group) {
    return group + 1 == table->groups ? 0 : group + 1;
}

/* Returns how many groups a probe that starts at `from` passes before it comes to `to`. */
MK_INLINE uint64_t sharded_distance(const struct sharded_table *table, uint64_t from, uint64_t to) {
    return to >= from ? to - from : to + table->groups - from;
}

MK_INLINE uint64_t sharded_tag(uint64_t hash) {
    return (hash & 0x7f) | 0x80;
}

/* Returns the high bits of those bytes of a word of tags that are free. */
MK_INLINE uint64_t sharded_free(uint64_t tags) {
    return ~tags & SHARDED_HIGH_BITS;
}

/* Returns the high bits of the bytes that equal tag, and now and then of one too many, next to such. */
MK_INLINE uint64_t sharded_match(uint64_t tags, uint64_t tag) {
    uint64_t differ = tags ^ tag * SHARDED_LOW_BITS;
    return (differ - SHARDED_LOW_BITS) & ~differ & SHARDED_HIGH_BITS;
}

/* Returns which of a group's slots the lowest of these high bits belongs to. */
MK_INLINE unsigned sharded_lowest(uint64_t bits) {
    return (unsigned)__builtin_ctzll(bits) / 8;
}

/* A group of short slots is fetched while its tags are: most keys that are there are there. */
MK_INLINE void sharded_fetch(const struct sharded_slot *group) {
    if (SHARDED_GROUP * sizeof *group > 2 * MK_CACHE_LINE) return;
    __builtin_prefetch(group);
    __builtin_prefetch((const unsigned char *)group + MK_CACHE_LINE);
}

/* Returns the key's slot or SHARDED_NONE. Ends, because no table is ever all full. */
MK_INLINE uint64_t sharded_find(const struct sharded_table *table, uint64_t hash, unsigned shard_bits,
                                uint64_t key) {
    uint64_t group = sharded_home(table, hash, shard_bits);
    sharded_fetch(&table->slots[group * SHARDED_GROUP]);
    for (;;) {
        uint64_t tags = table->tags[group];
        for (uint64_t match = sharded_match(tags, sharded_tag(hash)); match; match &= match - 1) {
            uint64_t slot = group * SHARDED_GROUP + sharded_lowest(match);
            if (MK_LIKELY(table->slots[slot].key == key)) return slot;
        }
        if (MK_LIKELY(sharded_free(tags))) return SHARDED_NONE;
        group = sharded_next(table, group);
    }
}

/* Takes a free slot for a key that is not there, and returns it; its key and value are the caller's. */
MK_INLINE uint64_t sharded_take(struct sharded_table *table, uint64_t hash, unsigned shard_bits) {
    uint64_t group = sharded_home(table, hash, shard_bits);
    while (!sharded_free(table->tags[group])) group = sharded_next(table, group);
    unsigned at = sharded_lowest(sharded_free(table->tags[group]));
    table->tags[group] |= sharded_tag(hash) << 8 * at;
    return group * SHARDED_GROUP + at;
}

/* Returns a slot of `group` whose key came past the group `hole` on its way from home, or SHARDED_NONE. */
static uint64_t sharded_stray(const struct mk_map *map, const struct sharded_table *table, uint64_t group,
                              uint64_t hole) {
    uint64_t from_hole = sharded_distance(table, hole, group);
    for (uint64_t used = table->tags[group] & SHARDED_HIGH_BITS; used; used &= used - 1) {
        uint64_t slot = group * SHARDED_GROUP + sharded_lowest(used);
        uint64_t home = sharded_home(table, mk_hash(table->slots[slot].key, map->seed), map->shard_bits);
        if (sharded_distance(table, home, group) >= from_hole) return slot;
    }
    return SHARDED_NONE;
}

/* Frees a slot. A full group sent keys on to the groups behind it: then one of those comes back into the
 * hole, and leaves a hole itself, until one is in a group that was not full. */
static void sharded_release(const struct mk_map *map, struct sharded_table *table, uint64_t hole) {
    uint64_t group = hole / SHARDED_GROUP;
    for (;;) {
        uint64_t *tags = &table->tags[hole / SHARDED_GROUP];
        bool was_full = !sharded_free(*tags);
        unsigned at = hole % SHARDED_GROUP;
        *tags &= ~((uint64_t)0xff << 8 * at);
        if (!was_full) return;
        uint64_t stray = SHARDED_NONE;
        while (stray == SHARDED_NONE) {
            group = sharded_next(table, group);
            stray = sharded_stray(map, table, group, hole / SHARDED_GROUP);
            if (stray == SHARDED_NONE && sharded_free(table->tags[group])) return;
        }
        table->slots[hole] = table->slots[stray];
        *tags |= (table->tags[group] >> 8 * (stray % SHARDED_GROUP) & 0xff) << 8 * at;
        hole = stray;
    }
}

/* Moves a shard's entries to a table of another size. Stays as it is where there is no memory for that. */
static MK_NOINLINE void sharded_resize(struct mk_map *map, struct sharded_shard *shard, struct mk_thread *me,
                                       uint64_t groups) {
    struct sharded_table old = shard->table, *table = &shard->table;
    if (sharded_table_open(table, map->mem, me, groups)) return;
    for (uint64_t group = 0; group < old.groups; group++) {
        for (uint64_t used = old.tags[group] & SHARDED_HIGH_BITS; used; used &= used - 1) {
            const struct sharded_slot *from = &old.slots[group * SHARDED_GROUP + sharded_lowest(used)];
            table->slots[sharded_take(table, mk_hash(from->key, map->seed), map->shard_bits)] = *from;
        }
    }
    sharded_table_close(&old, map->mem, me);
}

/* ---- the map -------------------------------------------------------------------------------- */

static void sharded_close(struct mk_map *map, uint64_t shards) {
    struct mk_mem *mem = map->mem;
    for (uint64_t i = 0; i < shards; i++) {
        sharded_table_close(&map->shard[i].table, mem, NULL);
        pthread_rwlock_destroy(&map->shard[i].lock);
    }
    if (map->shard) {
        mk_mem_free(mem, NULL, map->shard, map->shards * sizeof *map->shard, _Alignof(struct sharded_shard));
    }
    mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
}

static void sharded_destroy(struct mk_map *map) {
    sharded_close(map, map->shards);
}

static int sharded_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg,
                          struct mk_err *err) {
    uint64_t shards = cfg->params[0];
    if (shards & (shards - 1)) {
        return mk_fail(err, "shards=%llu: the number of shards must be a power of two", (unsigned long long)shards);
    }
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, _Alignof(struct mk_map));
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    map->seed = cfg->seed;
    map->shards = shards;
    map->shard_bits = (unsigned)__builtin_ctzll(shards);
    /* a load of .7 when all that is expected has come: shards differ, and none is to grow for that */
    map->groups_min = cfg->capacity / shards * 10 / (7 * SHARDED_GROUP) + 1;
    map->shard = mk_mem_alloc(mem, NULL, shards * sizeof *map->shard, _Alignof(struct sharded_shard));
    if (!map->shard) {
        sharded_close(map, 0);
        return mk_fail(err, "no memory for %llu shards", (unsigned long long)shards);
    }
    for (uint64_t i = 0; i < shards; i++) {
        struct sharded_shard *shard = &map->shard[i];
        if (sharded_table_open(&shard->table, mem, NULL, map->groups_min)) {
            size_t bytes = sharded_table_bytes(map->groups_min);
            sharded_close(map, i);
            return mk_fail(err, "no memory for %llu shards of %zu bytes each; fewer keys or shards",
                           (unsigned long long)shards, bytes);
        }
        pthread_rwlock_init(&shard->lock, NULL);
        shard->count = 0;
    }
    *out = map;
    return 0;
}

MK_INLINE struct sharded_shard *sharded_of(struct mk_map *map, uint64_t hash) {
    return &map->shard[hash >> 1 >> (63 - map->shard_bits)];
}

/* LIN get hit, miss: inside the lock. */
MK_TIMED bool sharded_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    (void)me;
    uint64_t hash = mk_hash(key, map->seed);
    struct sharded_shard *shard = sharded_of(map, hash);
    pthread_rwlock_rdlock(&shard->lock);
    uint64_t slot = sharded_find(&shard->table, hash, map->shard_bits, key);
    if (slot != SHARDED_NONE) *value = shard->table.slots[slot].value;
    pthread_rwlock_unlock(&shard->lock);
    return slot != SHARDED_NONE;
}

/* LIN contains hit, miss: inside the lock. */
MK_TIMED bool sharded_contains(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    (void)me;
    uint64_t hash = mk_hash(key, map->seed);
    struct sharded_shard *shard = sharded_of(map, hash);
    pthread_rwlock_rdlock(&shard->lock);
    uint64_t slot = sharded_find(&shard->table, hash, map->shard_bits, key);
    pthread_rwlock_unlock(&shard->lock);
    return slot != SHARDED_NONE;
}

/* Adds a key that is not there; the lock is held. Returns MK_MISS or MK_NO_MEMORY. */
MK_INLINE enum mk_status sharded_add(struct mk_map *map, struct sharded_shard *shard, struct mk_thread *me,
                                     uint64_t hash, uint64_t key, const mk_value *value) {
    struct sharded_table *table = &shard->table;
    if (MK_UNLIKELY(shard->count >= table->full)) {
        sharded_resize(map, shard, me, table->groups + table->groups / 2 + 1);
        if (shard->count + 1 == table->groups * SHARDED_GROUP) return MK_NO_MEMORY;
    }
    struct sharded_slot *slot = &table->slots[sharded_take(table, hash, map->shard_bits)];
    slot->key = key;
    slot->value = *value;
    shard->count++;
    return MK_MISS;
}

/* The value of a key that is there goes to *present, and gives way to the new one if it is to be replaced. */
MK_INLINE enum mk_status sharded_write(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                       const mk_value *value, mk_value *present, bool replace) {
    uint64_t hash = mk_hash(key, map->seed);
    struct sharded_shard *shard = sharded_of(map, hash);
    enum mk_status status = MK_HIT;
    pthread_rwlock_wrlock(&shard->lock);
    uint64_t slot = sharded_find(&shard->table, hash, map->shard_bits, key);
    if (slot == SHARDED_NONE) {
        status = sharded_add(map, shard, me, hash, key, value);
    } else {
        *present = shard->table.slots[slot].value;
        if (replace) shard->table.slots[slot].value = *value;
    }
    pthread_rwlock_unlock(&shard->lock);
    return status;
}

/* LIN put hit, miss: inside the lock. */
static inline enum mk_status sharded_put(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                         const mk_value *value, mk_value *previous) {
    return sharded_write(map, me, key, value, previous, true);
}

/* LIN insert_if_absent hit, miss: inside the lock. */
static inline enum mk_status sharded_insert_if_absent(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                                      const mk_value *value, mk_value *present) {
    return sharded_write(map, me, key, value, present, false);
}

/* LIN update hit, miss: inside the lock. */
static inline enum mk_status sharded_update(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                            mk_update_fn *change, void *arg) {
    (void)me;
    uint64_t hash = mk_hash(key, map->seed);
    struct sharded_shard *shard = sharded_of(map, hash);
    pthread_rwlock_wrlock(&shard->lock);
    uint64_t slot = sharded_find(&shard->table, hash, map->shard_bits, key);
    if (slot != SHARDED_NONE) change(&shard->table.slots[slot].value, arg);
    pthread_rwlock_unlock(&shard->lock);
    return slot != SHARDED_NONE ? MK_HIT : MK_MISS;
}

/* LIN remove hit, miss: inside the lock. */
static inline enum mk_status sharded_remove(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                            mk_value *value) {
    uint64_t hash = mk_hash(key, map->seed);
    struct sharded_shard *shard = sharded_of(map, hash);
    struct sharded_table *table = &shard->table;
    pthread_rwlock_wrlock(&shard->lock);
    uint64_t slot = sharded_find(table, hash, map->shard_bits, key);
    if (slot != SHARDED_NONE) {
        *value = table->slots[slot].value;
        sharded_release(map, table, slot);
        shard->count--;
        uint64_t fewer = table->groups * 2 / 3;
        if (shard->count < table->groups * SHARDED_GROUP * 2 / 5 && fewer >= map->groups_min) {
            sharded_resize(map, shard, me, fewer);
        }
    }
    pthread_rwlock_unlock(&shard->lock);
    return slot != SHARDED_NONE ? MK_HIT : MK_MISS;
}

static uint64_t sharded_count(struct mk_map *map) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < map->shards; i++) count += map->shard[i].count;
    return count;
}

static void sharded_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (uint64_t i = 0; i < map->shards; i++) {
        const struct sharded_table *table = &map->shard[i].table;
        for (uint64_t group = 0; group < table->groups; group++) {
            for (uint64_t used = table->tags[group] & SHARDED_HIGH_BITS; used; used &= used - 1) {
                const struct sharded_slot *slot = &table->slots[group * SHARDED_GROUP + sharded_lowest(used)];
                visit(arg, slot->key, slot->value.word[0]);
            }
        }
    }
}

static const struct mk_param sharded_params[] = {
    {"shards", MK_PARAM_NUMBER, MK_TUNE("64", "2"), 1, 65536, "1|16|64|256",
     "independently locked parts; a power of two"},
    {NULL, MK_PARAM_NUMBER, NULL, 0, 0, NULL, NULL}};

MK_MAP(sharded, .summary = "reader-writer locked shards of open addressing",
       .caps = MK_CONCURRENT | MK_GROWS | MK_DEFAULT,
       .progress = {.get = MK_BLOCKING, .put = MK_BLOCKING, .remove = MK_BLOCKING}, .params = sharded_params,
       .create = sharded_create, .destroy = sharded_destroy, .count = sharded_count, .walk = sharded_walk,
       .get = sharded_get, .put = sharded_put, .remove = sharded_remove, .contains = sharded_contains,
       .insert_if_absent = sharded_insert_if_absent, .update = sharded_update);
