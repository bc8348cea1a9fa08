/* map/sharded - shards, each a lock around an open-addressing table.
 *
 * Source:     the sharded map that everybody writes once, an array of locked tables; differs: one hash an
 *             operation, padded shards, and inside a shard groups of 8 slots with a byte of hash each, as in
 *             Swiss tables (Kulukundis, CppCon 2017), but probed group after group, so that removal can fill
 *             the hole instead of leaving a tombstone. lock=seqlock: sequence locks as Boehm has them (Can seqlocks
 *             get along with programming language memory models?, MSPC 2012), orders on the data and no fence.
 * Picture:    shard[hash's high bits]: | lock, count | table | ...        128 B = 2 lines
 *             table: slots | key value | key value | ... 8 a group, 128 B for values of 8 |
 *                    tags  | t t t t t t t t | one 8-byte word a group; t = 0 free, else 128 + low 7 bits of hash
 *             a key lies in its home group, or, all groups from there on being full, in the next one that is not
 * parts:      hash=fold
 * values:     8 64 256 1024
 * Progress:   blocking, all operations. lock=rwlock: readers of a shard run side by side. lock=seqlock: so they do
 *             without writing to the shard, and repeat a look that a writer came across; after some such they take
 *             the lock.
 * Ordering:   linearizable: an operation is all that happens between one lock and its unlock; a get without lock,
 *             all that happens between two looks at a version that is even and the same.
 *             A. Data that readers without lock look at is stored with release and loaded with acquire: who has
 *                loaded something of a writer finds, at the second look, the version that this writer made odd, or
 *                a later one.
 *             B. Versions that become even, and first looks at them, are in the one seq_cst order: what decides of
 *                different shards has one order for all readers. A lock that all take orders by itself.
 *             C. Such a reader says which shard it is in. A table that was replaced is freed when nobody is in its
 *                shard: whoever comes later finds an odd version, (7), or the new table.
 * Memory:     128 B * shards + (9 B + value) / load an entry. A shard grows by half when its load exceeds .85
 *             and shrinks by a third when it falls below .4, to .6 or so; never below what was expected at
 *             create. For values of 8 that is 20 to 30 B, 43 B at worst after removals; and, while a shard is
 *             resized, its old table. lock=seqlock: 64 B * threads_max besides.
 * Limits:     a stalled reader stops the writers of its shard, with lock=seqlock those that resize it; the system's
 *             rwlock may favour readers. Where a larger table is refused a shard fills up to its last slot but one,
 *             then refuses keys.
 * Kept:       (4, 7) point B. With a fence that is not light, as (25) is without membarrier, that orders the same.
 * Kept:       (6, 8, 9, 10, 11, 12, 14, 15, 17, 18) for lock=seqlock, point A; the other locks order all they lock.
 *             It takes keys that move between full groups, values of several words, or both, to see it.
 * Kept:       (13, 16) for lock=seqlock, as those.
 * Kept:       (24) point C. A table that is freed too early is seen where a reader is between (21) and (7).
 * Unreached:  (1, 2, 5) unless lock=spin or lock=seqlock
 * Unreached:  (3) unless lock=spin
 * Unreached:  (4, 7, 11, 12, 19, 20, 21, 22, 23, 24, 25) unless lock=seqlock
 * Unreached:  LIN get hit, miss, contains hit, miss: unless lock=seqlock
 */
#include "../hash.h"
#include "../map.h"

#include <pthread.h>

#define SHARDED_GROUP 8 /* slots; tags of a group are one word */
#define SHARDED_LOW_BITS 0x0101010101010101u
#define SHARDED_HIGH_BITS 0x8080808080808080u
#define SHARDED_NONE UINT64_MAX
#define SHARDED_FULL_PERCENT MK_TUNE(85, 40) /* at which a table grows */
#define SHARDED_LOOKS MK_TUNE(64, 2)         /* without lock, before a reader takes it */

/* Values of parameter lock, in their order. */
enum sharded_lock { SHARDED_MUTEX, SHARDED_RWLOCK, SHARDED_SPIN, SHARDED_SEQLOCK };

/* Word by word for readers without lock, whole for those with. */
union sharded_value {
    mk_value whole;
    MK_ATOMIC(uint64_t) word[MK_VALUE_WORDS];
};

struct sharded_slot {
    MK_ATOMIC(uint64_t) key;
    union sharded_value value;
};

/* One allocation: the slots, then a word of tags for each group. */
struct sharded_table {
    MK_ATOMIC(uint64_t) *tags;
    struct sharded_slot *slots;
    uint64_t groups;
};

struct sharded_shard {
    union {
        pthread_mutex_t mutex;
        pthread_rwlock_t rwlock;
        MK_ATOMIC(uint64_t) version; /* spin, seqlock: odd while a thread has the lock */
    };
    uint64_t count;
    /* the table; changed by who has the lock */
    MK_ATOMIC(MK_ATOMIC(uint64_t) *) tags MK_ALIGNED(MK_CACHE_LINE);
    MK_ATOMIC(struct sharded_slot *) slots;
    MK_ATOMIC(uint64_t) groups;
    uint64_t full; /* entries at which it is to grow */
} MK_ALIGNED(2 * MK_CACHE_LINE);

/* Of one thread: the shard that it looks into without a lock. */
struct sharded_line {
    MK_ATOMIC(struct sharded_shard *) inside;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_map {
    struct sharded_shard *shard;
    uint64_t shards; /* a power of two */
    unsigned shard_bits;
    enum sharded_lock lock;
    uint64_t seed;
    uint64_t groups_min;
    struct mk_mem *mem;
    struct sharded_line *line; /* lock=seqlock alone */
    uint32_t threads_max;
    bool asymmetric; /* of mk_fence_light */
};

/* ---- locks ---------------------------------------------------------------------------------- */

/* Waits until the version is even, and makes it odd. */
static inline void sharded_spin_lock(struct sharded_shard *shard) {
    for (unsigned spins = 0;; mk_backoff(&spins)) {
        /* (1) relaxed-load: a hint; (2) decides */
        uint64_t version = atomic_load_explicit(&shard->version, memory_order_relaxed);
        if (version & 1) continue;
        /* (2) acquire-CAS synchronizes-with the release-store (3) and the seq_cst-store (4): all that was done
         * under the lock before. On failure relaxed: we look again */
        if (atomic_compare_exchange_weak_explicit(&shard->version, &version, version + 1, memory_order_acquire,
                                                  memory_order_relaxed)) {
            return;
        }
    }
}

static inline void sharded_spin_unlock(struct sharded_shard *shard, bool readers) {
    /* (5) relaxed-load: ours while it is odd */
    uint64_t version = atomic_load_explicit(&shard->version, memory_order_relaxed) + 1;
    if (!readers) {
        /* (3) release-store synchronizes-with the acquire-CAS (2): what was done under the lock */
        atomic_store_explicit(&shard->version, version, memory_order_release);
    } else {
        /* (4) seq_cst-store synchronizes-with the acquire-CAS (2) and the seq_cst-load (7): as (3); point B */
        atomic_store_explicit(&shard->version, version, memory_order_seq_cst);
    }
}

/* For writers, and for readers that take the lock. */
MK_INLINE void sharded_lock(const struct mk_map *map, struct sharded_shard *shard, bool writes) {
    if (MK_LIKELY(map->lock == SHARDED_RWLOCK)) {
        if (writes) {
            pthread_rwlock_wrlock(&shard->rwlock);
        } else {
            pthread_rwlock_rdlock(&shard->rwlock);
        }
    } else if (map->lock == SHARDED_MUTEX) {
        pthread_mutex_lock(&shard->mutex);
    } else {
        sharded_spin_lock(shard);
    }
}

MK_INLINE void sharded_unlock(const struct mk_map *map, struct sharded_shard *shard) {
    if (MK_LIKELY(map->lock == SHARDED_RWLOCK)) {
        pthread_rwlock_unlock(&shard->rwlock);
    } else if (map->lock == SHARDED_MUTEX) {
        pthread_mutex_unlock(&shard->mutex);
    } else {
        sharded_spin_unlock(shard, map->lock == SHARDED_SEQLOCK);
    }
}

/* ---- slots and tags ------------------------------------------------------------------------- */

static size_t sharded_table_bytes(uint64_t groups) {
    return groups * (SHARDED_GROUP * sizeof(struct sharded_slot) + sizeof(uint64_t));
}

/* Fills *table with an empty one. Returns 0, or -1 when there is no memory. */
static int sharded_table_open(struct sharded_table *table, struct mk_mem *mem, struct mk_thread *me,
                              uint64_t groups) {
    unsigned char *block = mk_mem_alloc(mem, me, sharded_table_bytes(groups), MK_CACHE_LINE);
    if (!block) return -1;
    table->slots = (struct sharded_slot *)block;
    table->tags = (MK_ATOMIC(uint64_t) *)(table->slots + groups * SHARDED_GROUP);
    table->groups = groups;
    memset((void *)table->tags, 0, groups * sizeof *table->tags);
    return 0;
}

static void sharded_table_close(const struct sharded_table *table, struct mk_mem *mem, struct mk_thread *me) {
    mk_mem_free(mem, me, table->slots, sharded_table_bytes(table->groups), MK_CACHE_LINE);
}

MK_INLINE uint64_t sharded_tags(const struct sharded_table *table, uint64_t group) {
    /* (6) acquire-load synchronizes-with the release-store (8): the writer's version, point A. Under the lock: of
     * what the lock has ordered */
    return atomic_load_explicit(&table->tags[group], memory_order_acquire);
}

MK_INLINE void sharded_set_tags(const struct sharded_table *table, uint64_t group, uint64_t tags) {
    /* (8) release-store synchronizes-with the acquire-load (6): that the version is odd, point A */
    atomic_store_explicit(&table->tags[group], tags, memory_order_release);
}

MK_INLINE uint64_t sharded_key(const struct sharded_slot *slot) {
    /* (9) acquire-load synchronizes-with the release-store (10): as (6) */
    return atomic_load_explicit(&slot->key, memory_order_acquire);
}

MK_INLINE void sharded_set_key(struct sharded_slot *slot, uint64_t key) {
    /* (10) release-store synchronizes-with the acquire-load (9): as (8) */
    atomic_store_explicit(&slot->key, key, memory_order_release);
}

/* Copies a value that a writer may be at work on. */
MK_INLINE void sharded_glance(const struct sharded_slot *slot, mk_value *value) {
    for (unsigned i = 0; i < MK_VALUE_WORDS; i++) {
        /* (11) acquire-load synchronizes-with the release-store (12): as (6) */
        value->word[i] = atomic_load_explicit(&slot->value.word[i], memory_order_acquire);
    }
}

/* Under the lock. Where all readers take it, a value is copied whole. */
MK_INLINE void sharded_set_value(const struct mk_map *map, struct sharded_slot *slot, const mk_value *value) {
    if (map->lock != SHARDED_SEQLOCK) {
        slot->value.whole = *value;
        return;
    }
    for (unsigned i = 0; i < MK_VALUE_WORDS; i++) {
        /* (12) release-store synchronizes-with the acquire-load (11): as (8) */
        atomic_store_explicit(&slot->value.word[i], value->word[i], memory_order_release);
    }
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

/* Returns the key's slot or SHARDED_NONE. Under the lock a group with a free slot ends it; without, where keys move
 * meanwhile, all groups do. */
MK_INLINE uint64_t sharded_find(const struct sharded_table *table, uint64_t hash, unsigned shard_bits,
                                uint64_t key) {
    uint64_t home = sharded_home(table, hash, shard_bits), group = home;
    sharded_fetch(&table->slots[group * SHARDED_GROUP]);
    do {
        uint64_t tags = sharded_tags(table, group);
        for (uint64_t match = sharded_match(tags, sharded_tag(hash)); match; match &= match - 1) {
            uint64_t slot = group * SHARDED_GROUP + sharded_lowest(match);
            if (MK_LIKELY(sharded_key(&table->slots[slot]) == key)) return slot;
        }
        if (MK_LIKELY(sharded_free(tags))) return SHARDED_NONE;
        group = sharded_next(table, group);
    } while (group != home);
    return SHARDED_NONE;
}

/* ---- tables: under the shard's lock --------------------------------------------------------- */

MK_INLINE struct sharded_table sharded_table_of(struct sharded_shard *shard) {
    struct sharded_table table;
    /* (13) acquire-load synchronizes-with the release-store (16): as (6) */
    table.tags = atomic_load_explicit(&shard->tags, memory_order_acquire);
    /* (14) acquire-load synchronizes-with the release-store (17): as (6) */
    table.slots = atomic_load_explicit(&shard->slots, memory_order_acquire);
    /* (15) acquire-load synchronizes-with the release-store (18): as (6) */
    table.groups = atomic_load_explicit(&shard->groups, memory_order_acquire);
    return table;
}

static void sharded_set_table(struct sharded_shard *shard, const struct sharded_table *table) {
    /* (16) release-store synchronizes-with the acquire-load (13): as (8) */
    atomic_store_explicit(&shard->tags, table->tags, memory_order_release);
    /* (17) release-store synchronizes-with the acquire-load (14): as (8) */
    atomic_store_explicit(&shard->slots, table->slots, memory_order_release);
    /* (18) release-store synchronizes-with the acquire-load (15): as (8) */
    atomic_store_explicit(&shard->groups, table->groups, memory_order_release);
    shard->full = table->groups * SHARDED_GROUP * SHARDED_FULL_PERCENT / 100;
}

/* Puts a key that is not there into a free slot. */
MK_INLINE void sharded_place(const struct mk_map *map, const struct sharded_table *table, uint64_t hash,
                             uint64_t key, const mk_value *value) {
    uint64_t group = sharded_home(table, hash, map->shard_bits), tags;
    while (!sharded_free(tags = sharded_tags(table, group))) group = sharded_next(table, group);
    unsigned at = sharded_lowest(sharded_free(tags));
    struct sharded_slot *slot = &table->slots[group * SHARDED_GROUP + at];
    sharded_set_key(slot, key);
    sharded_set_value(map, slot, value);
    sharded_set_tags(table, group, tags | sharded_tag(hash) << 8 * at);
}

/* Returns a slot of `group` whose key came past the group `hole` on its way from home, or SHARDED_NONE. */
static uint64_t sharded_stray(const struct mk_map *map, const struct sharded_table *table, uint64_t group,
                              uint64_t hole) {
    uint64_t from_hole = sharded_distance(table, hole, group);
    for (uint64_t used = sharded_tags(table, group) & SHARDED_HIGH_BITS; used; used &= used - 1) {
        uint64_t slot = group * SHARDED_GROUP + sharded_lowest(used);
        uint64_t home = sharded_home(table, mk_hash(sharded_key(&table->slots[slot]), map->seed), map->shard_bits);
        if (sharded_distance(table, home, group) >= from_hole) return slot;
    }
    return SHARDED_NONE;
}

/* Fills a hole with what is in another slot of another group. */
static void sharded_move(const struct mk_map *map, const struct sharded_table *table, uint64_t hole,
                         uint64_t from) {
    uint64_t tag = sharded_tags(table, from / SHARDED_GROUP) >> 8 * (from % SHARDED_GROUP) & 0xff;
    uint64_t tags = sharded_tags(table, hole / SHARDED_GROUP);
    sharded_set_key(&table->slots[hole], sharded_key(&table->slots[from]));
    sharded_set_value(map, &table->slots[hole], &table->slots[from].value.whole);
    sharded_set_tags(table, hole / SHARDED_GROUP, tags | tag << 8 * (hole % SHARDED_GROUP));
}

/* Frees a slot. A full group sent keys on to the groups behind it: then one of those comes back into the
 * hole, and leaves a hole itself, until one is in a group that was not full. */
static void sharded_release(const struct mk_map *map, const struct sharded_table *table, uint64_t hole) {
    uint64_t group = hole / SHARDED_GROUP;
    for (;;) {
        uint64_t tags = sharded_tags(table, hole / SHARDED_GROUP);
        sharded_set_tags(table, hole / SHARDED_GROUP, tags & ~((uint64_t)0xff << 8 * (hole % SHARDED_GROUP)));
        if (sharded_free(tags)) return;
        uint64_t stray = SHARDED_NONE;
        while (stray == SHARDED_NONE) {
            group = sharded_next(table, group);
            stray = sharded_stray(map, table, group, hole / SHARDED_GROUP);
            if (stray == SHARDED_NONE && sharded_free(sharded_tags(table, group))) return;
        }
        sharded_move(map, table, hole, stray);
        hole = stray;
    }
}

/* Waits until no reader that takes no lock is in the shard. */
static void sharded_await(const struct mk_map *map, struct sharded_shard *shard) {
    /* (24) heavy fence pairs with the light fence (25): who is not seen inside sees the odd version, (7) */
    mk_fence_heavy(map->asymmetric);
    for (uint32_t i = 0; i < map->threads_max; i++) {
        /* (19) acquire-load synchronizes-with the release-store (22): its last look into the old table */
        for (unsigned spins = 0; atomic_load_explicit(&map->line[i].inside, memory_order_acquire) == shard;) {
            mk_backoff(&spins);
        }
    }
}

/* Moves a shard's entries to a table of another size. Stays as it is where there is no memory for that. */
static MK_NOINLINE void sharded_resize(struct mk_map *map, struct sharded_shard *shard, struct mk_thread *me,
                                       uint64_t groups) {
    struct sharded_table old = sharded_table_of(shard), table;
    if (sharded_table_open(&table, map->mem, me, groups)) return;
    for (uint64_t group = 0; group < old.groups; group++) {
        for (uint64_t used = sharded_tags(&old, group) & SHARDED_HIGH_BITS; used; used &= used - 1) {
            const struct sharded_slot *from = &old.slots[group * SHARDED_GROUP + sharded_lowest(used)];
            uint64_t key = sharded_key(from);
            sharded_place(map, &table, mk_hash(key, map->seed), key, &from->value.whole);
        }
    }
    sharded_set_table(shard, &table);
    if (map->line) sharded_await(map, shard);
    sharded_table_close(&old, map->mem, me);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void sharded_lock_open(const struct mk_map *map, struct sharded_shard *shard) {
    if (map->lock == SHARDED_MUTEX) {
        pthread_mutex_init(&shard->mutex, NULL);
    } else if (map->lock == SHARDED_RWLOCK) {
        pthread_rwlock_init(&shard->rwlock, NULL);
    } else {
        atomic_init(&shard->version, 0);
    }
}

static void sharded_lock_close(const struct mk_map *map, struct sharded_shard *shard) {
    if (map->lock == SHARDED_MUTEX) pthread_mutex_destroy(&shard->mutex);
    if (map->lock == SHARDED_RWLOCK) pthread_rwlock_destroy(&shard->rwlock);
}

/* Frees what a create that fails has made so far, too. */
static void sharded_close(struct mk_map *map, uint64_t shards) {
    struct mk_mem *mem = map->mem;
    for (uint64_t i = 0; i < shards; i++) {
        struct sharded_table table = sharded_table_of(&map->shard[i]);
        sharded_table_close(&table, mem, NULL);
        sharded_lock_close(map, &map->shard[i]);
    }
    if (map->shard) {
        mk_mem_free(mem, NULL, map->shard, map->shards * sizeof *map->shard, _Alignof(struct sharded_shard));
    }
    if (map->line) mk_mem_free(mem, NULL, map->line, map->threads_max * sizeof *map->line, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
}

static void sharded_destroy(struct mk_map *map) {
    sharded_close(map, map->shards);
}

/* Makes the shards, and lines where readers need them. Returns 0, or -1 with err set and *map closed. */
static int sharded_fill(struct mk_map *map, struct mk_err *err) {
    if (map->lock == SHARDED_SEQLOCK) {
        map->line = mk_mem_zalloc(map->mem, NULL, map->threads_max * sizeof *map->line, MK_CACHE_LINE);
        map->asymmetric = mk_fence_setup();
    }
    map->shard = mk_mem_alloc(map->mem, NULL, map->shards * sizeof *map->shard, _Alignof(struct sharded_shard));
    if (!map->shard || (map->lock == SHARDED_SEQLOCK && !map->line)) {
        mk_fail(err, "no memory for %llu shards", (unsigned long long)map->shards);
        sharded_close(map, 0);
        return -1;
    }
    for (uint64_t i = 0; i < map->shards; i++) {
        struct sharded_table table;
        if (sharded_table_open(&table, map->mem, NULL, map->groups_min)) {
            mk_fail(err, "no memory for %llu shards of %zu bytes each; fewer keys or shards",
                    (unsigned long long)map->shards, sharded_table_bytes(map->groups_min));
            sharded_close(map, i);
            return -1;
        }
        sharded_set_table(&map->shard[i], &table);
        sharded_lock_open(map, &map->shard[i]);
        map->shard[i].count = 0;
    }
    return 0;
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
    map->threads_max = cfg->threads_max;
    map->lock = (enum sharded_lock)cfg->params[1];
    map->shards = shards;
    map->shard_bits = (unsigned)__builtin_ctzll(shards);
    /* a load of .7 when all that is expected has come: shards differ, and none is to grow for that */
    map->groups_min = cfg->capacity / shards * 10 / (7 * SHARDED_GROUP) + 1;
    if (sharded_fill(map, err)) return -1;
    *out = map;
    return 0;
}

/* ---- operations ----------------------------------------------------------------------------- */

MK_INLINE struct sharded_shard *sharded_of(struct mk_map *map, uint64_t hash) {
    return &map->shard[hash >> 1 >> (63 - map->shard_bits)];
}

enum sharded_seen { SHARDED_MISS, SHARDED_HIT, SHARDED_DISTURBED };

/* One look without lock; the value, where one is asked for, is whole if the look was not disturbed. */
MK_INLINE enum sharded_seen sharded_look(const struct mk_map *map, struct sharded_shard *shard, uint64_t hash,
                                         uint64_t key, mk_value *value) {
    /* LIN get hit, miss, contains hit, miss: this load, where the look is not disturbed. */
    /* (7) seq_cst-load synchronizes-with the seq_cst-store (4): all that was done under the lock; point B */
    uint64_t version = atomic_load_explicit(&shard->version, memory_order_seq_cst);
    if (version & 1) return SHARDED_DISTURBED;
    struct sharded_table table = sharded_table_of(shard);
    /* (20) relaxed-load: not older than the table, (13, 14, 15): these are parts of one. It stays as long as we are
     * inside: point C */
    if (atomic_load_explicit(&shard->version, memory_order_relaxed) != version) return SHARDED_DISTURBED;
    uint64_t slot = sharded_find(&table, hash, map->shard_bits, key);
    if (slot != SHARDED_NONE && value) sharded_glance(&table.slots[slot], value);
    /* (23) relaxed-load: not older than what was found, (6, 9, 11): point A */
    if (atomic_load_explicit(&shard->version, memory_order_relaxed) != version) return SHARDED_DISTURBED;
    return slot != SHARDED_NONE ? SHARDED_HIT : SHARDED_MISS;
}

/* As sharded_look, and says where we are meanwhile. */
MK_INLINE enum sharded_seen sharded_look_inside(struct mk_map *map, struct mk_thread *me,
                                                struct sharded_shard *shard, uint64_t hash, uint64_t key,
                                                mk_value *value) {
    struct sharded_line *line = &map->line[me->id];
    /* (21) relaxed-store: before all that follows, by (25) */
    atomic_store_explicit(&line->inside, shard, memory_order_relaxed);
    /* (25) light fence pairs with the heavy fence (24): seen by (19), or (7) finds an odd version */
    mk_fence_light(map->asymmetric);
    enum sharded_seen seen = sharded_look(map, shard, hash, key, value);
    /* (22) release-store synchronizes-with the acquire-load (19): all that we looked at */
    atomic_store_explicit(&line->inside, NULL, memory_order_release);
    return seen;
}

/* Under the lock. */
MK_INLINE bool sharded_look_locked(struct mk_map *map, struct sharded_shard *shard, uint64_t hash, uint64_t key,
                                   mk_value *value) {
    sharded_lock(map, shard, false);
    struct sharded_table table = sharded_table_of(shard);
    uint64_t slot = sharded_find(&table, hash, map->shard_bits, key);
    if (slot != SHARDED_NONE && value) *value = table.slots[slot].value.whole;
    sharded_unlock(map, shard);
    return slot != SHARDED_NONE;
}

/* Looks until a look is not disturbed, or that was too often. A value that was not found is left alone. */
static inline bool sharded_look_often(struct mk_map *map, struct mk_thread *me, struct sharded_shard *shard,
                                      uint64_t hash, uint64_t key, mk_value *value) {
    mk_value found;
    unsigned spins = 0;
    for (unsigned i = 0; i < SHARDED_LOOKS; i++) {
        enum sharded_seen seen = sharded_look_inside(map, me, shard, hash, key, value ? &found : NULL);
        if (MK_LIKELY(seen != SHARDED_DISTURBED)) {
            if (seen == SHARDED_HIT && value) *value = found;
            return seen == SHARDED_HIT;
        }
        mk_backoff(&spins);
    }
    return sharded_look_locked(map, shard, hash, key, value);
}

/* LIN get hit, miss: inside the lock. */
MK_TIMED bool sharded_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    uint64_t hash = mk_hash(key, map->seed);
    struct sharded_shard *shard = sharded_of(map, hash);
    if (map->lock == SHARDED_SEQLOCK) return sharded_look_often(map, me, shard, hash, key, value);
    return sharded_look_locked(map, shard, hash, key, value);
}

/* LIN contains hit, miss: inside the lock. */
MK_TIMED bool sharded_contains(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    uint64_t hash = mk_hash(key, map->seed);
    struct sharded_shard *shard = sharded_of(map, hash);
    if (map->lock == SHARDED_SEQLOCK) return sharded_look_often(map, me, shard, hash, key, NULL);
    return sharded_look_locked(map, shard, hash, key, NULL);
}

/* Adds a key that is not there; the lock is held. Returns MK_MISS or MK_NO_MEMORY. */
MK_INLINE enum mk_status sharded_add(struct mk_map *map, struct sharded_shard *shard, struct mk_thread *me,
                                     uint64_t hash, uint64_t key, const mk_value *value) {
    struct sharded_table table = sharded_table_of(shard);
    if (MK_UNLIKELY(shard->count >= shard->full)) {
        sharded_resize(map, shard, me, table.groups + table.groups / 2 + 1);
        table = sharded_table_of(shard);
        if (shard->count + 1 == table.groups * SHARDED_GROUP) return MK_NO_MEMORY;
    }
    sharded_place(map, &table, hash, key, value);
    shard->count++;
    return MK_MISS;
}

/* The value of a key that is there goes to *present, and gives way to the new one if it is to be replaced. */
MK_INLINE enum mk_status sharded_write(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                       const mk_value *value, mk_value *present, bool replace) {
    uint64_t hash = mk_hash(key, map->seed);
    struct sharded_shard *shard = sharded_of(map, hash);
    enum mk_status status = MK_HIT;
    sharded_lock(map, shard, true);
    struct sharded_table table = sharded_table_of(shard);
    uint64_t slot = sharded_find(&table, hash, map->shard_bits, key);
    if (slot == SHARDED_NONE) {
        status = sharded_add(map, shard, me, hash, key, value);
    } else {
        *present = table.slots[slot].value.whole;
        if (replace) sharded_set_value(map, &table.slots[slot], value);
    }
    sharded_unlock(map, shard);
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
    sharded_lock(map, shard, true);
    struct sharded_table table = sharded_table_of(shard);
    uint64_t slot = sharded_find(&table, hash, map->shard_bits, key);
    if (slot != SHARDED_NONE) {
        mk_value value = table.slots[slot].value.whole;
        change(&value, arg);
        sharded_set_value(map, &table.slots[slot], &value);
    }
    sharded_unlock(map, shard);
    return slot != SHARDED_NONE ? MK_HIT : MK_MISS;
}

/* LIN remove hit, miss: inside the lock. */
static inline enum mk_status sharded_remove(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                            mk_value *value) {
    uint64_t hash = mk_hash(key, map->seed);
    struct sharded_shard *shard = sharded_of(map, hash);
    sharded_lock(map, shard, true);
    struct sharded_table table = sharded_table_of(shard);
    uint64_t slot = sharded_find(&table, hash, map->shard_bits, key);
    if (slot != SHARDED_NONE) {
        *value = table.slots[slot].value.whole;
        sharded_release(map, &table, slot);
        shard->count--;
        uint64_t fewer = table.groups * 2 / 3;
        if (shard->count < table.groups * SHARDED_GROUP * 2 / 5 && fewer >= map->groups_min) {
            sharded_resize(map, shard, me, fewer);
        }
    }
    sharded_unlock(map, shard);
    return slot != SHARDED_NONE ? MK_HIT : MK_MISS;
}

static uint64_t sharded_count(struct mk_map *map) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < map->shards; i++) count += map->shard[i].count;
    return count;
}

static void sharded_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (uint64_t i = 0; i < map->shards; i++) {
        struct sharded_table table = sharded_table_of(&map->shard[i]);
        for (uint64_t group = 0; group < table.groups; group++) {
            for (uint64_t used = sharded_tags(&table, group) & SHARDED_HIGH_BITS; used; used &= used - 1) {
                const struct sharded_slot *slot = &table.slots[group * SHARDED_GROUP + sharded_lowest(used)];
                visit(arg, sharded_key(slot), slot->value.whole.word[0]);
            }
        }
    }
}

static const struct mk_param sharded_params[] = {
    {"shards", MK_PARAM_NUMBER, MK_TUNE("64", "2"), 1, 65536, "1|16|64|256",
     "independently locked parts; a power of two"},
    {"lock", MK_PARAM_CHOICE, "rwlock", 0, 0, "mutex|rwlock|spin|seqlock", "what locks a part"},
    {NULL, MK_PARAM_NUMBER, NULL, 0, 0, NULL, NULL}};

MK_MAP(sharded, .summary = "locked shards of open addressing",
       .caps = MK_CONCURRENT | MK_GROWS | MK_DEFAULT,
       .progress = {.get = MK_BLOCKING, .put = MK_BLOCKING, .remove = MK_BLOCKING}, .params = sharded_params,
       .create = sharded_create, .destroy = sharded_destroy, .count = sharded_count, .walk = sharded_walk,
       .get = sharded_get, .put = sharded_put, .remove = sharded_remove, .contains = sharded_contains,
       .insert_if_absent = sharded_insert_if_absent, .update = sharded_update);
