/* needs: ck | libck-dev */
/* map/ck_ht - the hash table of Concurrency Kit, ck_ht: a peer. One writer at a time, by a mutex; readers wait for nobody.
 *
 * Source:     Concurrency Kit (Samy Al Bahra), open addressing with delegated versions, in direct mode.
 * Picture:    map -> { key, value, key length, hash } ... , 32 B each
 * parts:      hash=fold
 * Progress:   get wait-free but for repeats beside a writer, put and remove blocking.
 * Ordering:   the library's, for one writer and many readers; the mutex makes writers one.
 * Memory:     32 B a slot, at most half of them in use, by malloc. Tables that were outgrown are kept until flush.
 * Limits:     keys 0 and 2^64 - 1 mean something to it, so keys are stored one higher and two are not legal. The library
 *             leaves open how an outgrown table is kept for readers still in it; here it stays until a flush. Its memory
 *             is malloc's: structure bytes are unknown, rss tells.
 */
#include "../../hash.h"
#include "../../map.h"

#include <ck_ht.h>
#include <pthread.h>
#include <stdlib.h>

struct mk_map {
    ck_ht_t table;
    pthread_mutex_t lock MK_ALIGNED(MK_CACHE_LINE);
    uint64_t seed, count;
    struct mk_mem *mem;
};

/* Outgrown tables of all maps: the library's allocator is told no more than a pointer. */
struct ht_block {
    struct ht_block *next;
    uint64_t pad;
};

static struct ht_block *ht_outgrown;
static pthread_mutex_t ht_outgrown_lock = PTHREAD_MUTEX_INITIALIZER;

static void *ht_malloc(size_t bytes) {
    struct ht_block *block = malloc(sizeof *block + bytes);
    return block ? block + 1 : NULL;
}

static void ht_free(void *memory, size_t bytes, bool defer) {
    struct ht_block *block = (struct ht_block *)memory - 1;
    (void)bytes;
    if (!defer) {
        free(block);
        return;
    }
    pthread_mutex_lock(&ht_outgrown_lock);
    block->next = ht_outgrown;
    ht_outgrown = block;
    pthread_mutex_unlock(&ht_outgrown_lock);
}

static struct ck_malloc ht_allocator = {.malloc = ht_malloc, .free = ht_free};

static void ht_drop_outgrown(void) {
    pthread_mutex_lock(&ht_outgrown_lock);
    for (struct ht_block *next; ht_outgrown; ht_outgrown = next) {
        next = ht_outgrown->next;
        free(ht_outgrown);
    }
    pthread_mutex_unlock(&ht_outgrown_lock);
}

/* Direct mode takes its hashes from us. */
static void ht_hash(ck_ht_hash_t *hash, const void *key, size_t bytes, uint64_t seed) {
    uint64_t word;
    (void)bytes;
    memcpy(&word, key, sizeof word);
    hash->value = mk_hash(word, seed);
}

static int ht_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, _Alignof(struct mk_map));
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    map->seed = cfg->seed;
    if (!ck_ht_init(&map->table, CK_HT_MODE_DIRECT, ht_hash, &ht_allocator, 64, cfg->seed)) {
        mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
        return mk_fail(err, "ck_ht_init gives no table");
    }
    pthread_mutex_init(&map->lock, NULL);
    *out = map;
    return 0;
}

static void ht_destroy(struct mk_map *map) {
    ck_ht_destroy(&map->table);
    ht_drop_outgrown();
    pthread_mutex_destroy(&map->lock);
    mk_mem_free(map->mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
}

static void ht_flush(struct mk_map *map, struct mk_thread *me) {
    (void)map, (void)me;
    ht_drop_outgrown();
}

MK_INLINE ck_ht_hash_t ht_hash_of(const struct mk_map *map, uint64_t key) {
    ck_ht_hash_t hash;
    hash.value = mk_hash(key + 1, map->seed);
    return hash;
}

/* LIN get: in the library. */
MK_TIMED bool ht_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    ck_ht_entry_t entry;
    (void)me;
    ck_ht_entry_key_set_direct(&entry, key + 1);
    if (!ck_ht_get_spmc(&map->table, ht_hash_of(map, key), &entry)) return false;
    value->word[0] = ck_ht_entry_value_direct(&entry);
    return true;
}

/* LIN put: in the library. */
static enum mk_status ht_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                             mk_value *previous) {
    ck_ht_hash_t hash = ht_hash_of(map, key);
    ck_ht_entry_t entry;
    (void)me;
    ck_ht_entry_set_direct(&entry, hash, key + 1, value->word[0]);
    pthread_mutex_lock(&map->lock);
    bool done = ck_ht_set_spmc(&map->table, hash, &entry), there = !ck_ht_entry_empty(&entry);
    map->count += done && !there;
    pthread_mutex_unlock(&map->lock);
    if (!done) return MK_NO_MEMORY;
    if (there) previous->word[0] = ck_ht_entry_value_direct(&entry);
    return there ? MK_HIT : MK_MISS;
}

/* LIN remove: in the library. */
static enum mk_status ht_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    ck_ht_entry_t entry;
    (void)me;
    ck_ht_entry_key_set_direct(&entry, key + 1);
    pthread_mutex_lock(&map->lock);
    bool done = ck_ht_remove_spmc(&map->table, ht_hash_of(map, key), &entry);
    map->count -= done;
    pthread_mutex_unlock(&map->lock);
    if (done) value->word[0] = ck_ht_entry_value_direct(&entry);
    return done ? MK_HIT : MK_MISS;
}

static uint64_t ht_count(struct mk_map *map) {
    return map->count;
}

static void ht_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    ck_ht_iterator_t iterator = CK_HT_ITERATOR_INITIALIZER;
    ck_ht_entry_t *entry;
    while (ck_ht_next(&map->table, &iterator, &entry)) {
        visit(arg, ck_ht_entry_key_direct(entry) - 1, ck_ht_entry_value_direct(entry));
    }
}

MK_MAP(ck_ht, .summary = "peer: ck_ht of Concurrency Kit, writers behind one mutex", .caps = MK_CONCURRENT | MK_GROWS,
       .progress = {.get = MK_WAIT_FREE, .put = MK_BLOCKING, .remove = MK_BLOCKING}, .key_limit = UINT64_MAX - 1,
       .create = ht_create, .destroy = ht_destroy, .flush = ht_flush, .count = ht_count, .walk = ht_walk,
       .get = ht_get, .put = ht_put, .remove = ht_remove);
