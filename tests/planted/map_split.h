/* map_split.h - a sound map, of which map_*.c beside it break one thing each: a list of all keys in split order
 * (Shalev, Shavit, JACM 2006), into which buckets are put as they are first needed, and which nothing ever leaves: a
 * key that is removed is only said to be absent. What is said of keys is behind locks, the list and the buckets are
 * not.
 */
#ifndef MAP_SPLIT_H
#define MAP_SPLIT_H

#include "../../impl/map.h"

#include <pthread.h>

#define FIRST_BITS MK_TUNE(4, 1)
#define FIRST ((uint64_t)1 << FIRST_BITS) /* buckets of the first segment; each other one doubles them */
#define SEGMENTS 32
#define LOCKS 16

/* A key, or a bucket, whose order is even. */
struct item {
    MK_ATOMIC(struct item *) next;
    uint64_t order, key;
    bool present;   /* behind the key's lock */
    mk_value value; /* ... as well */
};

enum { UNTOUCHED, CLAIMED, READY };

struct bucket {
    struct item item;
    MK_ATOMIC(int) state;
};

struct mk_map {
    struct mk_mem *mem;
    MK_ATOMIC(uint64_t) size, items, count;
    MK_ATOMIC(struct bucket *) segment[SEGMENTS];
    pthread_mutex_t lock[LOCKS];
};

/* What the files beside it break. */
#ifndef PREPARE
#define PREPARE base_prepare
#endif
#ifndef PUBLISH
#define PUBLISH base_publish
#endif
static struct item *PREPARE(struct mk_map *map, uint64_t index);
static bool PUBLISH(struct mk_map *map, MK_ATOMIC(struct bucket *) *segment, struct bucket *fresh, uint64_t size);

static uint64_t reverse(uint64_t x) {
    uint64_t y = 0;
    for (int i = 0; i < 64; i++) y = y << 1 | (x >> i & 1);
    return y;
}

static uint64_t order_of(uint64_t key) {
    return reverse(mk_mix64(key)) | 1;
}

/* ---- buckets --------------------------------------------------------------------------------- */

static unsigned segment_of(uint64_t index) {
    return index < FIRST ? 0 : 64 - FIRST_BITS - (unsigned)__builtin_clzll(index);
}

static uint64_t segment_size(unsigned segment) {
    return segment ? FIRST << (segment - 1) : FIRST;
}

static struct bucket *bucket_at(struct mk_map *map, uint64_t index) {
    unsigned segment = segment_of(index);
    struct bucket *first = atomic_load_explicit(&map->segment[segment], memory_order_acquire);
    return first + (segment ? index - segment_size(segment) : index);
}

/* The bucket that this one splits off from: it stands before it in the list. */
static uint64_t parent_of(uint64_t index) {
    return index ^ (uint64_t)1 << (63 - __builtin_clzll(index));
}

static bool is_ready(struct bucket *bucket) {
    return atomic_load_explicit(&bucket->state, memory_order_acquire) == READY;
}

/* Walks to where order and key belong. Returns the item that is there, or NULL; *link is where it would be put, and
 * names *behind. */
static struct item *find(struct item *from, uint64_t order, uint64_t key, MK_ATOMIC(struct item *) **link,
                         struct item **behind) {
    for (;; from = *behind) {
        *link = &from->next;
        *behind = atomic_load_explicit(*link, memory_order_seq_cst);
        struct item *item = *behind;
        if (!item || item->order > order || (item->order == order && item->key > key)) return NULL;
        if (item->order == order && item->key == key) return item;
    }
}

/* Puts an item behind another, where its order says. Returns what is there then: this one or another of its key. */
static struct item *put_in(struct item *from, struct item *item) {
    MK_ATOMIC(struct item *) *link;
    struct item *behind, *there;
    do {
        there = find(from, item->order, item->key, &link, &behind);
        if (there) return there;
        atomic_store_explicit(&item->next, behind, memory_order_relaxed);
    } while (!atomic_compare_exchange_strong_explicit(link, &behind, item, memory_order_seq_cst,
                                                      memory_order_relaxed));
    return item;
}

/* Returns the bucket, ready, or while somebody else prepares it one before. */
__attribute__((unused)) static struct item *base_prepare(struct mk_map *map, uint64_t index) {
    struct bucket *bucket = bucket_at(map, index);
    int expected = UNTOUCHED;
    if (is_ready(bucket)) return &bucket->item;
    struct item *parent = PREPARE(map, parent_of(index));
    if (!atomic_compare_exchange_strong_explicit(&bucket->state, &expected, CLAIMED, memory_order_relaxed,
                                                 memory_order_relaxed)) {
        return parent;
    }
    bucket->item.order = reverse(index);
    put_in(parent, &bucket->item);
    atomic_store_explicit(&bucket->state, READY, memory_order_release);
    return &bucket->item;
}

/* Makes a segment known, then that there are twice as many buckets. False: it was there, and `fresh` is not used. */
__attribute__((unused)) static bool base_publish(struct mk_map *map, MK_ATOMIC(struct bucket *) *segment,
                                                 struct bucket *fresh, uint64_t size) {
    struct bucket *none = NULL;
    bool ours = atomic_compare_exchange_strong_explicit(segment, &none, fresh, memory_order_release,
                                                        memory_order_acquire);
    atomic_compare_exchange_strong_explicit(&map->size, &size, size * 2, memory_order_release, memory_order_relaxed);
    return ours;
}

static void grow(struct mk_map *map, struct mk_thread *me, uint64_t size) {
    unsigned segment = segment_of(size);
    size_t bytes = size * sizeof(struct bucket);
    struct bucket *fresh = segment < SEGMENTS ? mk_mem_zalloc(map->mem, me, bytes, MK_CACHE_LINE) : NULL;
    if (fresh && !PUBLISH(map, &map->segment[segment], fresh, size)) {
        mk_mem_free(map->mem, me, fresh, bytes, MK_CACHE_LINE);
    }
}

/* ---- operations ------------------------------------------------------------------------------ */

static struct item *start(struct mk_map *map, uint64_t order) {
    return PREPARE(map, reverse(order) & (atomic_load_explicit(&map->size, memory_order_acquire) - 1));
}

/* Returns the key's item, made if need be; NULL: no memory. */
static struct item *item_of(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    struct item *fresh = mk_mem_zalloc(map->mem, me, sizeof *fresh, sizeof(uint64_t));
    if (!fresh) return NULL;
    fresh->order = order_of(key);
    fresh->key = key;
    struct item *item = put_in(start(map, fresh->order), fresh);
    if (item != fresh) {
        mk_mem_free(map->mem, me, fresh, sizeof *fresh, sizeof(uint64_t));
        return item;
    }
    uint64_t items = atomic_fetch_add_explicit(&map->items, 1, memory_order_relaxed) + 1;
    uint64_t size = atomic_load_explicit(&map->size, memory_order_relaxed);
    if (items > size) grow(map, me, size);
    return item;
}

static pthread_mutex_t *lock_of(struct mk_map *map, uint64_t key) {
    return &map->lock[mk_mix64(key) % LOCKS];
}

static struct item *there(struct mk_map *map, uint64_t key) {
    MK_ATOMIC(struct item *) *link;
    struct item *behind;
    uint64_t order = order_of(key);
    return find(start(map, order), order, key, &link, &behind);
}

static bool split_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    struct item *item = there(map, key);
    (void)me;
    if (!item) return false;
    pthread_mutex_lock(lock_of(map, key));
    bool present = item->present;
    if (present) *value = item->value;
    pthread_mutex_unlock(lock_of(map, key));
    return present;
}

static enum mk_status split_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                mk_value *previous) {
    struct item *item = item_of(map, me, key);
    if (!item) return MK_NO_MEMORY;
    pthread_mutex_lock(lock_of(map, key));
    bool was = item->present;
    if (was) *previous = item->value;
    item->value = *value;
    item->present = true;
    pthread_mutex_unlock(lock_of(map, key));
    if (!was) atomic_fetch_add_explicit(&map->count, 1, memory_order_relaxed);
    return was ? MK_HIT : MK_MISS;
}

static enum mk_status split_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    struct item *item = there(map, key);
    (void)me;
    if (!item) return MK_MISS;
    pthread_mutex_lock(lock_of(map, key));
    bool was = item->present;
    if (was) *value = item->value;
    item->present = false;
    pthread_mutex_unlock(lock_of(map, key));
    if (was) atomic_fetch_sub_explicit(&map->count, 1, memory_order_relaxed);
    return was ? MK_HIT : MK_MISS;
}

/* ---- life ------------------------------------------------------------------------------------ */

static uint64_t split_count(struct mk_map *map) {
    return atomic_load_explicit(&map->count, memory_order_relaxed);
}

static struct item *next_of(struct item *item) {
    return atomic_load_explicit(&item->next, memory_order_relaxed);
}

static void split_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (struct item *item = next_of(&bucket_at(map, 0)->item); item; item = next_of(item)) {
        if (item->present) visit(arg, item->key, item->value.word[0]);
    }
}

static void split_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    for (struct item *item = next_of(&bucket_at(map, 0)->item), *next; item; item = next) {
        next = next_of(item);
        if (item->order & 1) mk_mem_free(mem, NULL, item, sizeof *item, sizeof(uint64_t));
    }
    for (unsigned i = 0; i < SEGMENTS; i++) {
        struct bucket *first = atomic_load_explicit(&map->segment[i], memory_order_relaxed);
        if (first) mk_mem_free(mem, NULL, first, segment_size(i) * sizeof *first, MK_CACHE_LINE);
    }
    for (unsigned i = 0; i < LOCKS; i++) pthread_mutex_destroy(&map->lock[i]);
    mk_mem_free(mem, NULL, map, sizeof *map, MK_CACHE_LINE);
}

static int split_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, MK_CACHE_LINE);
    (void)cfg;
    if (!map) return mk_fail(err, "no memory for the map");
    struct bucket *first = mk_mem_zalloc(mem, NULL, FIRST * sizeof *first, MK_CACHE_LINE);
    if (!first) {
        mk_mem_free(mem, NULL, map, sizeof *map, MK_CACHE_LINE);
        return mk_fail(err, "no memory for the buckets");
    }
    map->mem = mem;
    atomic_init(&first->state, READY);
    atomic_init(&map->segment[0], first);
    atomic_init(&map->size, FIRST);
    for (unsigned i = 0; i < LOCKS; i++) pthread_mutex_init(&map->lock[i], NULL);
    *out = map;
    return 0;
}

#define SPLIT                                                                                                   \
    .summary = "planted", .caps = MK_CONCURRENT | MK_GROWS, .create = split_create, .destroy = split_destroy,   \
    .count = split_count, .walk = split_walk, .get = split_get, .put = split_put, .remove = split_remove

#endif
