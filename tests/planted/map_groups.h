/* map_groups.h - a sound map, of which map_*.c beside it break one thing each: groups of two to four buckets, a
 * bucket of two pairs. A word of each bucket, its meta, is its lock and its version, and says which other buckets
 * of the group have keys of this home (AWAY), and whether the list of the group has (EXTRA). What a bucket is home
 * to changes under its lock; where it lies in another bucket, it comes and goes under that one's, too. Readers lock
 * nothing: they look again at the home's meta, and at the shape, which says how many buckets each group has. Groups
 * get a bucket more, or one less, one after another.
 */
#ifndef MAP_GROUPS_H
#define MAP_GROUPS_H

#include <pthread.h>

#include "../../impl/map.h"

#define GROUPS MK_TUNE(256u, 1u)
#define PAIRS 2
#define LEAST 2u /* buckets of a group */
#define MOST 4u
#define LEVELS ((MOST - LEAST) * GROUPS)

#define LOCK ((uint64_t)1)
#define EXTRA ((uint64_t)2)
#define AWAY(index) ((uint64_t)4 << (index))
#define AWAY_ALL (AWAY(MOST) - AWAY(0))
#define VERSION AWAY(MOST)

#define ONES ((uint64_t)0x0101)
#define TOPS (ONES << 7)

struct pair {
    MK_ATOMIC(uint64_t) key, value;
};

struct bucket {
    MK_ATOMIC(uint64_t) meta, tags; /* a byte for each pair, 0 where it is free */
    struct pair pair[PAIRS];
};

/* A key that found no room in its group. It stays in the list, dead or alive. */
struct extra {
    MK_ATOMIC(struct extra *) next;
    MK_ATOMIC(uint64_t) live;
    struct pair pair;
};

struct group {
    struct bucket bucket[MOST];
    MK_ATOMIC(struct extra *) extras;
};

struct mk_map {
    struct mk_mem *mem;
    MK_ATOMIC(uint64_t) shape; /* buckets beyond the least ones, and above that a count of changes */
    MK_ATOMIC(uint64_t) count;
    pthread_mutex_t changing; /* of the shape */
    pthread_mutex_t reviving; /* of extras, and adding them */
    struct group group[GROUPS];
};
#define SHAPE_CHANGE ((uint64_t)1 << 32)

/* Where a key belongs, and how many buckets its group has. */
struct home {
    struct group *group;
    struct bucket *bucket;
    unsigned index, size;
    struct bucket *busy; /* one that was in the way */
};

/* Where a key is. */
struct spot {
    struct pair *pair;
    struct bucket *bucket; /* or NULL, and then: */
    struct extra *extra;
    unsigned index, slot;
};

/* What the files beside it break. */
#ifndef TAG
#define TAG base_tag
#endif
#ifndef HAS_GUEST
#define HAS_GUEST base_has_guest
#endif
#ifndef TO_LOCK
#define TO_LOCK base_to_lock
#endif
#ifndef HOME_STAYS
#define HOME_STAYS base_home_stays
#endif
#ifndef SHAPE_STAYS
#define SHAPE_STAYS base_shape_stays
#endif
static uint64_t TAG(uint64_t hash);
static bool HAS_GUEST(const struct home *home, const struct bucket *bucket);
static unsigned TO_LOCK(unsigned before, unsigned after);
static bool HOME_STAYS(const struct bucket *home, uint64_t meta);
static bool SHAPE_STAYS(struct mk_map *map, uint64_t shape, bool hit);

static uint64_t load(const MK_ATOMIC(uint64_t) *word) {
    return atomic_load_explicit(word, memory_order_seq_cst);
}

static void store(MK_ATOMIC(uint64_t) *word, uint64_t to) {
    atomic_store_explicit(word, to, memory_order_seq_cst);
}

static struct extra *next_of(const MK_ATOMIC(struct extra *) *link) {
    return atomic_load_explicit(link, memory_order_seq_cst);
}

/* ---- where keys are -------------------------------------------------------------------------- */

static unsigned level_of(uint64_t shape) {
    return (unsigned)(shape % SHAPE_CHANGE);
}

static unsigned size_of(uint64_t shape, unsigned group) {
    return LEAST + level_of(shape) / GROUPS + (group < level_of(shape) % GROUPS);
}

static unsigned index_of(uint64_t hash, unsigned size) {
    return (unsigned)((hash >> 32) * size >> 32);
}

static struct home home_of(struct mk_map *map, uint64_t shape, uint64_t hash) {
    unsigned number = (unsigned)(hash % GROUPS);
    struct home home = {.group = &map->group[number], .size = size_of(shape, number)};
    home.index = index_of(hash, home.size);
    home.bucket = &home.group->bucket[home.index];
    return home;
}

/* Few, so that they are often alike. Never 0, which is for what is free, nor 1: see match_of. */
__attribute__((unused)) static uint64_t base_tag(uint64_t hash) {
    return (hash >> 16 & 1) | 2;
}

/* Returns the top bits of bytes that are the tag. Above the lowest one, a byte that differs from it in the last bit
 * alone is taken for it, too. */
static uint64_t match_of(uint64_t tags, uint64_t tag) {
    uint64_t differ = tags ^ tag * ONES;
    return (differ - ONES) & ~differ & TOPS;
}

static uint64_t tag_in(uint64_t tags, unsigned slot) {
    return tags >> 8 * slot & 0xff;
}

static uint64_t with_tag(uint64_t tags, unsigned slot, uint64_t tag) {
    return (tags & ~((uint64_t)0xff << 8 * slot)) | tag << 8 * slot;
}

/* Returns the first free slot, or PAIRS. */
static unsigned free_slot(uint64_t tags) {
    unsigned slot = 0;
    while (slot < PAIRS && tag_in(tags, slot)) slot++;
    return slot;
}

static bool find_in(struct group *group, unsigned index, uint64_t key, struct spot *spot) {
    struct bucket *bucket = &group->bucket[index];
    for (uint64_t match = match_of(load(&bucket->tags), TAG(mk_mix64(key))); match; match &= match - 1) {
        unsigned slot = (unsigned)__builtin_ctzll(match) / 8;
        if (load(&bucket->pair[slot].key) != key) continue;
        *spot = (struct spot){.pair = &bucket->pair[slot], .bucket = bucket, .index = index, .slot = slot};
        return true;
    }
    return false;
}

static bool find_extra(struct group *group, uint64_t key, struct spot *spot) {
    for (struct extra *extra = next_of(&group->extras); extra; extra = next_of(&extra->next)) {
        if (!load(&extra->live) || load(&extra->pair.key) != key) continue;
        *spot = (struct spot){.pair = &extra->pair, .extra = extra};
        return true;
    }
    return false;
}

static bool find(const struct home *home, uint64_t meta, uint64_t key, struct spot *spot) {
    if (find_in(home->group, home->index, key, spot)) return true;
    for (unsigned i = 0; i < MOST; i++) {
        if (meta & AWAY(i) && find_in(home->group, i, key, spot)) return true;
    }
    return meta & EXTRA && find_extra(home->group, key, spot);
}

/* ---- readers --------------------------------------------------------------------------------- */

/* Returns whether nobody has been at a home since that was its meta. */
__attribute__((unused)) static bool base_home_stays(const struct bucket *home, uint64_t meta) {
    return load(&home->meta) == meta;
}

/* Returns whether what was found by that shape still holds. */
__attribute__((unused)) static bool base_shape_stays(struct mk_map *map, uint64_t shape, bool hit) {
    (void)hit;
    return load(&map->shape) == shape;
}

static bool groups_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    (void)me;
    for (unsigned spins = 0;;) {
        uint64_t shape = load(&map->shape);
        struct home home = home_of(map, shape, mk_mix64(key));
        struct spot spot;
        uint64_t meta = load(&home.bucket->meta);
        if (meta & LOCK) {
            mk_backoff(&spins);
            continue;
        }
        bool hit = find(&home, meta, key, &spot);
        uint64_t found = hit ? load(&spot.pair->value) : 0;
        if (!HOME_STAYS(home.bucket, meta) || !SHAPE_STAYS(map, shape, hit)) continue;
        if (hit) value->word[0] = found;
        return hit;
    }
}

/* ---- locks ----------------------------------------------------------------------------------- */

/* Returns whether the bucket has been locked; then *meta is what it was. */
static bool try_lock(struct bucket *bucket, uint64_t *meta) {
    *meta = load(&bucket->meta);
    return !(*meta & LOCK) && atomic_compare_exchange_strong_explicit(&bucket->meta, meta, *meta | LOCK,
                                                                      memory_order_seq_cst, memory_order_relaxed);
}

static uint64_t lock(struct bucket *bucket) {
    uint64_t meta;
    for (unsigned spins = 0; !try_lock(bucket, &meta);) mk_backoff(&spins);
    return meta;
}

/* Locks another bucket of the group, beside a home that is locked. It waits only for buckets behind the home: in
 * that order groups are locked. False: others have it, and the home is to be unlocked before it is waited for. */
static bool lock_beside(struct home *home, unsigned index, uint64_t *meta) {
    struct bucket *bucket = &home->group->bucket[index];
    if (index > home->index) {
        *meta = lock(bucket);
        return true;
    }
    home->busy = bucket;
    return try_lock(bucket, meta);
}

static void wait_for(const struct bucket *bucket) {
    for (unsigned spins = 0; load(&bucket->meta) & LOCK;) mk_backoff(&spins);
}

static void unlock(struct bucket *bucket, uint64_t meta) {
    store(&bucket->meta, meta + VERSION);
}

/* Locks the home of a key. While it is locked, its group has as many buckets as now. Returns its meta. */
static uint64_t open_home(struct mk_map *map, uint64_t key, struct home *home) {
    for (;;) {
        uint64_t shape = load(&map->shape);
        *home = home_of(map, shape, mk_mix64(key));
        uint64_t meta = lock(home->bucket);
        if (load(&map->shape) == shape) return meta;
        unlock(home->bucket, meta);
    }
}

/* ---- writers, with the lock of the home -------------------------------------------------------- */

static bool is_of(const struct home *home, uint64_t key) {
    return index_of(mk_mix64(key), home->size) == home->index;
}

static void fill(struct bucket *bucket, unsigned slot, uint64_t key, uint64_t value) {
    store(&bucket->pair[slot].key, key);
    store(&bucket->pair[slot].value, value);
    store(&bucket->tags, with_tag(load(&bucket->tags), slot, TAG(mk_mix64(key))));
}

static void clear(struct bucket *bucket, unsigned slot) {
    store(&bucket->tags, with_tag(load(&bucket->tags), slot, 0));
}

static void revive(struct extra *extra, uint64_t key, uint64_t value) {
    store(&extra->pair.key, key);
    store(&extra->pair.value, value);
    store(&extra->live, 1);
}

/* Returns the slot of a key of this home in another bucket, or PAIRS. */
static unsigned guest_in(const struct home *home, const struct bucket *bucket) {
    unsigned slot = 0;
    uint64_t tags = load(&bucket->tags);
    while (slot < PAIRS && !(tag_in(tags, slot) && is_of(home, load(&bucket->pair[slot].key)))) slot++;
    return slot;
}

__attribute__((unused)) static bool base_has_guest(const struct home *home, const struct bucket *bucket) {
    return guest_in(home, bucket) < PAIRS;
}

static struct extra *extra_of(const struct home *home) {
    struct extra *extra = next_of(&home->group->extras);
    while (extra && !(load(&extra->live) && is_of(home, load(&extra->pair.key)))) extra = next_of(&extra->next);
    return extra;
}

enum done { DONE, BUSY, FULL };

/* Puts a pair into a bucket of the group that has room. */
static enum done add_away(struct home *home, uint64_t *meta, uint64_t key, uint64_t value) {
    enum done done = FULL;
    for (unsigned i = 1; i < home->size; i++) {
        unsigned index = (home->index + i) % home->size;
        struct bucket *bucket = &home->group->bucket[index];
        uint64_t theirs;
        if (!lock_beside(home, index, &theirs)) {
            done = BUSY;
            continue;
        }
        unsigned slot = free_slot(load(&bucket->tags));
        if (slot < PAIRS) fill(bucket, slot, key, value);
        unlock(bucket, theirs);
        if (slot == PAIRS) continue;
        *meta |= AWAY(index);
        return DONE;
    }
    return done;
}

/* Puts a pair into the list of the group. False: no memory. */
static bool add_extra(struct mk_map *map, struct mk_thread *me, const struct home *home, uint64_t *meta,
                      uint64_t key, uint64_t value) {
    pthread_mutex_lock(&map->reviving);
    struct extra *extra = next_of(&home->group->extras);
    while (extra && load(&extra->live)) extra = next_of(&extra->next);
    if (extra) {
        revive(extra, key, value);
    } else if ((extra = mk_mem_zalloc(map->mem, me, sizeof *extra, _Alignof(struct extra)))) {
        revive(extra, key, value);
        atomic_store_explicit(&extra->next, next_of(&home->group->extras), memory_order_seq_cst);
        atomic_store_explicit(&home->group->extras, extra, memory_order_seq_cst);
    }
    pthread_mutex_unlock(&map->reviving);
    if (extra) *meta |= EXTRA;
    return extra != NULL;
}

static enum done add(struct mk_map *map, struct mk_thread *me, struct home *home, uint64_t *meta, uint64_t key,
                     uint64_t value) {
    unsigned slot = free_slot(load(&home->bucket->tags));
    if (slot < PAIRS) {
        fill(home->bucket, slot, key, value);
        return DONE;
    }
    enum done done = add_away(home, meta, key, value);
    return done == FULL && add_extra(map, me, home, meta, key, value) ? DONE : done;
}

/* Brings a key of this home back into a free slot of it, unless others are where it is. */
static void fetch_home(const struct home *home, uint64_t *meta, unsigned slot) {
    for (unsigned i = 0; i < home->size; i++) {
        struct bucket *bucket = &home->group->bucket[i];
        uint64_t theirs;
        if (!(*meta & AWAY(i)) || !try_lock(bucket, &theirs)) continue;
        unsigned guest = guest_in(home, bucket);
        if (guest < PAIRS) {
            fill(home->bucket, slot, load(&bucket->pair[guest].key), load(&bucket->pair[guest].value));
            clear(bucket, guest);
        }
        if (!HAS_GUEST(home, bucket)) *meta &= ~AWAY(i);
        unlock(bucket, theirs);
        if (guest < PAIRS) return;
    }
    struct extra *extra = *meta & EXTRA ? extra_of(home) : NULL;
    if (!extra) return;
    fill(home->bucket, slot, load(&extra->pair.key), load(&extra->pair.value));
    store(&extra->live, 0);
    if (!extra_of(home)) *meta &= ~EXTRA;
}

/* Takes a pair out of where it is. False: others are there. */
static bool drop(struct home *home, uint64_t *meta, const struct spot *spot) {
    uint64_t theirs;
    if (spot->extra) {
        store(&spot->extra->live, 0);
        if (!extra_of(home)) *meta &= ~EXTRA;
    } else if (spot->bucket == home->bucket) {
        clear(home->bucket, spot->slot);
        fetch_home(home, meta, spot->slot);
    } else {
        if (!lock_beside(home, spot->index, &theirs)) return false;
        clear(spot->bucket, spot->slot);
        if (!HAS_GUEST(home, spot->bucket)) *meta &= ~AWAY(spot->index);
        unlock(spot->bucket, theirs);
    }
    return true;
}

/* ---- another bucket, or one less --------------------------------------------------------------- */

/* A group on its way from one size to another one. */
struct spread {
    struct group *group;
    unsigned before, after;
    uint64_t meta[MOST], tags[MOST]; /* afterwards */
    uint64_t key[MOST * PAIRS], value[MOST * PAIRS];
    unsigned n; /* of them */
};

/* Returns how many buckets of the group are to be locked: the one that is new, too, as writers are there as soon as
 * the shape is. */
__attribute__((unused)) static unsigned base_to_lock(unsigned before, unsigned after) {
    return before < after ? after : before;
}

static void lock_group(struct spread *spread) {
    unsigned locked = TO_LOCK(spread->before, spread->after);
    for (unsigned i = 0; i < spread->before || i < spread->after; i++) {
        struct bucket *bucket = &spread->group->bucket[i];
        spread->meta[i] = i < locked ? lock(bucket) : load(&bucket->meta);
    }
}

static void unlock_group(struct spread *spread) {
    for (unsigned i = 0; i < spread->before || i < spread->after; i++) {
        unlock(&spread->group->bucket[i], spread->meta[i]);
    }
}

static void collect(struct spread *spread) {
    for (unsigned i = 0; i < spread->before; i++) {
        const struct bucket *bucket = &spread->group->bucket[i];
        for (unsigned slot = 0; slot < PAIRS; slot++) {
            if (!tag_in(load(&bucket->tags), slot)) continue;
            spread->key[spread->n] = load(&bucket->pair[slot].key);
            spread->value[spread->n++] = load(&bucket->pair[slot].value);
        }
    }
}

/* Puts a pair home, or beside. False: there is no room. */
static bool place(struct spread *spread, uint64_t key, uint64_t value) {
    unsigned home = index_of(mk_mix64(key), spread->after);
    for (unsigned i = 0; i < spread->after; i++) {
        unsigned index = (home + i) % spread->after, slot = free_slot(spread->tags[index]);
        struct bucket *bucket = &spread->group->bucket[index];
        if (slot == PAIRS) continue;
        store(&bucket->pair[slot].key, key);
        store(&bucket->pair[slot].value, value);
        spread->tags[index] = with_tag(spread->tags[index], slot, TAG(mk_mix64(key)));
        if (i) spread->meta[home] |= AWAY(index);
        return true;
    }
    return false;
}

static void move(struct mk_map *map, struct spread *spread) {
    unsigned most = spread->before > spread->after ? spread->before : spread->after;
    for (unsigned i = 0; i < most; i++) spread->meta[i] &= ~(AWAY_ALL | EXTRA);
    for (unsigned i = 0; i < spread->n; i++) place(spread, spread->key[i], spread->value[i]);
    pthread_mutex_lock(&map->reviving);
    for (struct extra *extra = next_of(&spread->group->extras); extra; extra = next_of(&extra->next)) {
        uint64_t key = load(&extra->pair.key);
        if (!load(&extra->live)) continue;
        if (place(spread, key, load(&extra->pair.value))) {
            store(&extra->live, 0);
        } else {
            spread->meta[index_of(mk_mix64(key), spread->after)] |= EXTRA;
        }
    }
    pthread_mutex_unlock(&map->reviving);
    for (unsigned i = 0; i < most; i++) store(&spread->group->bucket[i].tags, spread->tags[i]);
}

/* Spreads a group over that many buckets, and says so, unless it has too many keys. */
static void spread_group(struct mk_map *map, unsigned group, unsigned after, uint64_t shape) {
    unsigned before = size_of(load(&map->shape), group);
    struct spread spread = {.group = &map->group[group], .before = before, .after = after};
    lock_group(&spread);
    collect(&spread);
    if (spread.n <= after * PAIRS) {
        move(map, &spread);
        store(&map->shape, shape);
    }
    unlock_group(&spread);
}

/* One group has a bucket more, where there are more keys than buckets, or one less, where there are far fewer. */
static void reshape(struct mk_map *map) {
    if (pthread_mutex_trylock(&map->changing)) return;
    uint64_t shape = load(&map->shape), count = load(&map->count);
    unsigned level = level_of(shape), buckets = LEAST * GROUPS + level;
    if (count > buckets && level < LEVELS) {
        unsigned group = level % GROUPS;
        spread_group(map, group, size_of(shape, group) + 1, shape + SHAPE_CHANGE + 1);
    } else if (count + GROUPS < buckets && level > 0) {
        unsigned group = (level - 1) % GROUPS;
        spread_group(map, group, size_of(shape, group) - 1, shape + SHAPE_CHANGE - 1);
    }
    pthread_mutex_unlock(&map->changing);
}

/* ---- operations ------------------------------------------------------------------------------ */

/* One go. BUSY: nothing has happened, and there may be room now. FULL: no memory. */
static enum done try_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                         mk_value *previous, enum mk_status *status) {
    struct home home;
    struct spot spot;
    uint64_t meta = open_home(map, key, &home);
    enum done done = DONE;
    *status = find(&home, meta, key, &spot) ? MK_HIT : MK_MISS;
    if (*status == MK_HIT) {
        previous->word[0] = load(&spot.pair->value);
        store(&spot.pair->value, value->word[0]);
    } else {
        done = add(map, me, &home, &meta, key, value->word[0]);
    }
    unlock(home.bucket, meta);
    if (done == BUSY) wait_for(home.busy);
    return done;
}

static enum mk_status groups_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                 mk_value *previous) {
    enum mk_status status;
    enum done done;
    while ((done = try_put(map, me, key, value, previous, &status)) == BUSY) continue;
    if (done == FULL) return MK_NO_MEMORY;
    if (status == MK_HIT) return MK_HIT;
    atomic_fetch_add_explicit(&map->count, 1, memory_order_relaxed);
    reshape(map);
    return MK_MISS;
}

/* One go. BUSY: nothing has happened, and the way may be free now. */
static enum done try_remove(struct mk_map *map, uint64_t key, mk_value *value, enum mk_status *status) {
    struct home home;
    struct spot spot;
    uint64_t meta = open_home(map, key, &home);
    enum done done = DONE;
    *status = find(&home, meta, key, &spot) ? MK_HIT : MK_MISS;
    if (*status == MK_HIT) {
        uint64_t found = load(&spot.pair->value);
        done = drop(&home, &meta, &spot) ? DONE : BUSY;
        if (done == DONE) value->word[0] = found;
    }
    unlock(home.bucket, meta);
    if (done == BUSY) wait_for(home.busy);
    return done;
}

static enum mk_status groups_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    enum mk_status status;
    (void)me;
    while (try_remove(map, key, value, &status) == BUSY) continue;
    if (status == MK_MISS) return MK_MISS;
    atomic_fetch_sub_explicit(&map->count, 1, memory_order_relaxed);
    reshape(map);
    return MK_HIT;
}

/* ---- life ------------------------------------------------------------------------------------ */

static uint64_t groups_count(struct mk_map *map) {
    return load(&map->count);
}

static void walk_group(const struct group *group, mk_visit_fn *visit, void *arg) {
    for (unsigned i = 0; i < MOST; i++) {
        const struct bucket *bucket = &group->bucket[i];
        for (unsigned slot = 0; slot < PAIRS; slot++) {
            if (!tag_in(load(&bucket->tags), slot)) continue;
            visit(arg, load(&bucket->pair[slot].key), load(&bucket->pair[slot].value));
        }
    }
    for (const struct extra *extra = next_of(&group->extras); extra; extra = next_of(&extra->next)) {
        if (load(&extra->live)) visit(arg, load(&extra->pair.key), load(&extra->pair.value));
    }
}

static void groups_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (unsigned i = 0; i < GROUPS; i++) walk_group(&map->group[i], visit, arg);
}

static void groups_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    for (unsigned i = 0; i < GROUPS; i++) {
        for (struct extra *extra = next_of(&map->group[i].extras), *next; extra; extra = next) {
            next = next_of(&extra->next);
            mk_mem_free(mem, NULL, extra, sizeof *extra, _Alignof(struct extra));
        }
    }
    pthread_mutex_destroy(&map->changing);
    pthread_mutex_destroy(&map->reviving);
    mk_mem_free(mem, NULL, map, sizeof *map, MK_CACHE_LINE);
}

static int groups_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, MK_CACHE_LINE);
    (void)cfg;
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    pthread_mutex_init(&map->changing, NULL);
    pthread_mutex_init(&map->reviving, NULL);
    *out = map;
    return 0;
}

#define GROUPS_MAP                                                                                              \
    .summary = "planted", .caps = MK_CONCURRENT | MK_GROWS, .create = groups_create, .destroy = groups_destroy, \
    .count = groups_count, .walk = groups_walk, .get = groups_get, .put = groups_put, .remove = groups_remove

#endif
