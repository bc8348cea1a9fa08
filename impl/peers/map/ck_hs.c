/* needs: ck | libck-dev */
/* map/ck_hs - the hash set of Concurrency Kit, ck_hs, of items over its epochs: a peer. One writer at a time, by a mutex.
 *
 * Source:     Concurrency Kit (Samy Al Bahra), open addressing, a line of slots at a time, in mode object, for many
 *             deletions (a bound of probes by slot); items and outgrown tables are freed by ck_epoch.
 * Picture:    map -> bound[], slot[] -> item { key, value, epoch entry }
 *             record[id]: in which epoch a thread reads    writer: what waits to be freed
 * parts:      hash=fold
 * values:     8 64 256 1024
 * Progress:   get wait-free but for repeats beside a writer; put and remove blocking.
 * Ordering:   the library's, for one writer and many readers; the mutex makes writers one.
 * Memory:     (24 B + value) * keys, and 9 B a slot by malloc: at most half of them in use.
 * Limits:     a removal leaves a tombstone, which insertions use again and a rebuild alone clears away: whoever has made
 *             as many since the last as there are keys does one. The package leaves the bits of a pointer that no address
 *             needs unused, so a lookup reads each item it comes past. Garbage is unbounded while a reader stalls.
 *             Items are of the memory handed in, tables are not: of structure bytes they are missing, rss tells.
 */
#include "../../hash.h"
#include "../../map.h"

#include <ck_epoch.h>
#include <ck_hs.h>
#include <pthread.h>
#include <stdlib.h>

#define HS_SLOTS 64     /* at first */
#define HS_PERIOD 64    /* retirements between attempts to free some */
#define HS_REBUILD 1024 /* removals that a rebuild takes at least */

struct hs_item {
    uint64_t key; /* first: a lookup is handed the address of a key */
    mk_value value;
    ck_epoch_entry_t entry;
};

/* In front of a table. */
struct hs_block {
    ck_epoch_entry_t entry;
};

struct hs_record {
    ck_epoch_record_t reader;
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_map {
    ck_hs_t set;
    struct hs_record *record;
    ck_epoch_t epoch MK_ALIGNED(2 * MK_CACHE_LINE);
    pthread_mutex_t lock MK_ALIGNED(2 * MK_CACHE_LINE);
    ck_epoch_record_t writer; /* from here on behind the lock */
    struct mk_mem_cache items;
    struct mk_thread *me; /* who frees */
    uint64_t removed;     /* since the last rebuild */
    uint32_t retired;     /* since the last attempt to free */
    struct mk_mem *mem;
    uint32_t threads_max;
};

/* ---- memory ------------------------------------------------------------------------------- */

/* Whose lock this thread took last: the library tells the functions below no more than a pointer. */
static __thread struct mk_map *hs_writing;

static void hs_free_block(ck_epoch_entry_t *entry) {
    free(entry);
}

static void hs_free_item(ck_epoch_entry_t *entry) {
    struct hs_item *item = (struct hs_item *)((char *)entry - offsetof(struct hs_item, entry));
    mk_mem_cache_free(&hs_writing->items, hs_writing->me, item);
}

static void *hs_malloc(size_t bytes) {
    struct hs_block *block = malloc(sizeof *block + bytes);
    return block ? block + 1 : NULL;
}

static void hs_free(void *memory, size_t bytes, bool defer) {
    struct hs_block *block = (struct hs_block *)memory - 1;
    (void)bytes;
    if (defer) {
        ck_epoch_call(&hs_writing->writer, &block->entry, hs_free_block);
    } else {
        free(block);
    }
}

static struct ck_malloc hs_allocator = {.malloc = hs_malloc, .free = hs_free};

static void hs_lock(struct mk_map *map, struct mk_thread *me) {
    pthread_mutex_lock(&map->lock);
    map->me = me;
    hs_writing = map;
}

/* Frees what it can, now and then. */
static void hs_unlock(struct mk_map *map) {
    if (MK_UNLIKELY(map->retired >= HS_PERIOD)) {
        map->retired = 0;
        ck_epoch_poll(&map->writer);
    }
    pthread_mutex_unlock(&map->lock);
}

static void hs_retire(struct mk_map *map, struct hs_item *item) {
    map->retired++;
    ck_epoch_call(&map->writer, &item->entry, hs_free_item);
}

/* Returns a new item, or NULL. Outside the lock. */
static struct hs_item *hs_make(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    struct hs_item *item = mk_mem_cache_alloc(&map->items, me);
    if (item) item->key = key;
    return item;
}

static void hs_flush(struct mk_map *map, struct mk_thread *me) {
    hs_lock(map, me);
    ck_epoch_reclaim(&map->writer);
    hs_unlock(map);
}

/* ---- birth and death ---------------------------------------------------------------------- */

static unsigned long hs_hash(const void *item, unsigned long seed) {
    return mk_hash(*(const uint64_t *)item, seed);
}

static bool hs_equal(const void *left, const void *right) {
    return *(const uint64_t *)left == *(const uint64_t *)right;
}

static void hs_close(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    mk_mem_cache_close(mem, &map->items);
    mk_mem_free(mem, NULL, map->record, map->threads_max * sizeof *map->record, _Alignof(struct hs_record));
    pthread_mutex_destroy(&map->lock);
    mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
}

static int hs_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, _Alignof(struct mk_map));
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    map->threads_max = cfg->threads_max;
    map->record = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *map->record, _Alignof(struct hs_record));
    if (!map->record) {
        mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
        return mk_fail(err, "no memory for %u threads", cfg->threads_max);
    }
    if (mk_mem_cache_open(mem, &map->items, sizeof(struct hs_item), _Alignof(struct hs_item), err)) {
        mk_mem_free(mem, NULL, map->record, cfg->threads_max * sizeof *map->record, _Alignof(struct hs_record));
        mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
        return -1;
    }
    pthread_mutex_init(&map->lock, NULL);
    ck_epoch_init(&map->epoch);
    ck_epoch_register(&map->epoch, &map->writer, NULL);
    for (uint32_t i = 0; i < cfg->threads_max; i++) ck_epoch_register(&map->epoch, &map->record[i].reader, NULL);
    if (!ck_hs_init(&map->set, CK_HS_MODE_SPMC | CK_HS_MODE_OBJECT | CK_HS_MODE_DELETE, hs_hash, hs_equal,
                    &hs_allocator, HS_SLOTS, cfg->seed)) {
        hs_close(map);
        return mk_fail(err, "ck_hs_init gives no table");
    }
    *out = map;
    return 0;
}

static void hs_destroy(struct mk_map *map) {
    ck_hs_iterator_t iterator = CK_HS_ITERATOR_INITIALIZER;
    void *item;
    hs_flush(map, NULL);
    while (ck_hs_next(&map->set, &iterator, &item)) mk_mem_cache_free(&map->items, NULL, item);
    ck_hs_destroy(&map->set);
    hs_close(map);
}

/* ---- operations --------------------------------------------------------------------------- */

static void hs_hold(struct mk_map *map, struct mk_thread *me) {
    ck_epoch_begin(&map->record[me->id].reader, NULL);
}

static void hs_unhold(struct mk_map *map, struct mk_thread *me) {
    ck_epoch_end(&map->record[me->id].reader, NULL);
}

/* LIN get: in the library. */
MK_TIMED bool hs_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    ck_epoch_record_t *record = &map->record[me->id].reader;
    ck_epoch_begin(record, NULL);
    const struct hs_item *item = ck_hs_get(&map->set, mk_hash(key, map->set.seed), &key);
    if (item) *value = item->value;
    ck_epoch_end(record, NULL);
    return item != NULL;
}

/* LIN put: in the library. */
static enum mk_status hs_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                             mk_value *previous) {
    struct hs_item *item = hs_make(map, me, key), *old;
    void *before = NULL;
    if (!item) return MK_NO_MEMORY;
    item->value = *value;
    hs_lock(map, me);
    bool done = ck_hs_set(&map->set, mk_hash(key, map->set.seed), item, &before);
    if ((old = before)) {
        *previous = old->value;
        hs_retire(map, old);
    }
    hs_unlock(map);
    if (done) return old ? MK_HIT : MK_MISS;
    mk_mem_cache_free(&map->items, me, item);
    return MK_NO_MEMORY;
}

/* Clears tombstones away, once there may be as many as keys. Behind the lock. */
static void hs_removed(struct mk_map *map) {
    if (++map->removed < HS_REBUILD || map->removed < ck_hs_count(&map->set)) return;
    map->removed = 0;
    ck_hs_rebuild(&map->set);
}

/* LIN remove: in the library. */
static enum mk_status hs_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    hs_lock(map, me);
    struct hs_item *item = ck_hs_remove(&map->set, mk_hash(key, map->set.seed), &key);
    if (item) {
        *value = item->value;
        hs_retire(map, item);
        hs_removed(map);
    }
    hs_unlock(map);
    return item ? MK_HIT : MK_MISS;
}

/* LIN insert_if_absent: in the library, or the look at what is there. */
static enum mk_status hs_insert_if_absent(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                          const mk_value *value, mk_value *present) {
    struct hs_item *item = hs_make(map, me, key);
    unsigned long hash = mk_hash(key, map->set.seed);
    if (!item) return MK_NO_MEMORY;
    item->value = *value;
    hs_lock(map, me);
    const struct hs_item *there = ck_hs_get(&map->set, hash, &key);
    if (there) *present = there->value;
    bool done = !there && ck_hs_put(&map->set, hash, item);
    hs_unlock(map);
    if (done) return MK_MISS;
    mk_mem_cache_free(&map->items, me, item);
    return there ? MK_HIT : MK_NO_MEMORY;
}

/* LIN update: in the library. */
static enum mk_status hs_update(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_update_fn *change,
                                void *arg) {
    struct hs_item *item = hs_make(map, me, key);
    unsigned long hash = mk_hash(key, map->set.seed);
    void *before;
    if (!item) return MK_NO_MEMORY;
    hs_lock(map, me);
    struct hs_item *there = ck_hs_get(&map->set, hash, &key);
    if (there) {
        item->value = there->value;
        change(&item->value, arg);
        ck_hs_fas(&map->set, hash, item, &before);
        hs_retire(map, there);
    }
    hs_unlock(map);
    if (there) return MK_HIT;
    mk_mem_cache_free(&map->items, me, item);
    return MK_MISS;
}

static uint64_t hs_count(struct mk_map *map) {
    return ck_hs_count(&map->set);
}

static void hs_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    ck_hs_iterator_t iterator = CK_HS_ITERATOR_INITIALIZER;
    void *at;
    while (ck_hs_next(&map->set, &iterator, &at)) {
        const struct hs_item *item = at;
        visit(arg, item->key, item->value.word[0]);
    }
}

MK_MAP(ck_hs, .summary = "peer: ck_hs of Concurrency Kit over ck_epoch, writers behind one mutex",
       .caps = MK_CONCURRENT | MK_GROWS,
       .progress = {.get = MK_WAIT_FREE, .put = MK_BLOCKING, .remove = MK_BLOCKING}, .create = hs_create,
       .destroy = hs_destroy, .flush = hs_flush, .count = hs_count, .walk = hs_walk, .hold = hs_hold,
       .unhold = hs_unhold, .get = hs_get, .put = hs_put, .remove = hs_remove,
       .insert_if_absent = hs_insert_if_absent, .update = hs_update);
