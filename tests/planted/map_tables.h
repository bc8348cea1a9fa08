/* map_tables.h - a sound map, of which map_*.c beside it break one thing each: a table of links to entries, probed
 * slot by slot, that is replaced by a larger or a smaller one, while entries stay what they are. Writers lock the map.
 * Readers lock nothing: they protect the table, then an entry, and look whether the table is the map's still, since
 * a table that has been replaced goes on to name entries that have been removed since.
 */
#ifndef MAP_TABLES_H
#define MAP_TABLES_H

#define MK_PART_RECLAIM
#include "reclaim_hazards.h"

#include "../../impl/map.h"

MK_RECLAIM(hazards, HAZARDS);

#define SLOTS MK_TUNE(16, 2)
#define GONE ((mk_link)1) /* in a slot whose entry was removed: more may come behind it */

struct entry {
    MK_RECLAIM_HEADER
    uint64_t key;
    mk_value value;
};

struct table {
    MK_RECLAIM_HEADER
    uint64_t slots, used; /* used: those that are not empty */
    MK_ATOMIC(mk_link) slot[];
};

struct mk_map {
    struct mk_mem *mem;
    struct mk_reclaim *smr;
    struct mk_mem_cache entries;
    struct mk_retire how, how_table;
    pthread_mutex_t lock;
    uint64_t count;
    MK_ATOMIC(mk_link) table;
};

/* What the files beside it break. */
#ifndef STILL
#define STILL base_still
#endif
#ifndef LOCK
#define LOCK base_lock
#endif
static bool STILL(struct mk_map *map, const struct table *table);
static struct table *LOCK(struct mk_map *map);

static struct table *table_of(struct mk_map *map) {
    return (struct table *)atomic_load_explicit(&map->table, memory_order_acquire);
}

static struct entry *entry_of(mk_link word) {
    return (struct entry *)(word & ~GONE);
}

/* Returns whether the table is the map's, after all that has been protected. */
__attribute__((unused)) static bool base_still(struct mk_map *map, const struct table *table) {
    return atomic_load_explicit(&map->table, memory_order_seq_cst) == (mk_link)table;
}

/* Locks the map. Returns its table. */
__attribute__((unused)) static struct table *base_lock(struct mk_map *map) {
    pthread_mutex_lock(&map->lock);
    return table_of(map);
}

static uint64_t probe(const struct table *table, uint64_t key, uint64_t i) {
    return (mk_mix64(key) + i) & (table->slots - 1);
}

/* Returns the key's entry, protected, or NULL. */
static const struct entry *lookup(struct mk_map *map, struct mk_thread *me, uint64_t key) {
restart:;
    struct table *table = (struct table *)mk_protect(map->smr, me, 0, &map->table);
    for (uint64_t i = 0;; i++) {
        mk_link word = mk_protect(map->smr, me, 1, &table->slot[probe(table, key, i)]);
        if (!word) return NULL;
        if (word == GONE) continue;
        if (!STILL(map, table)) goto restart;
        if (entry_of(word)->key == key) return entry_of(word);
    }
}

/* ---- writers, with the lock ------------------------------------------------------------------- */

static mk_link word_in(MK_ATOMIC(mk_link) *slot) {
    return atomic_load_explicit(slot, memory_order_relaxed);
}

/* Returns the key's slot, or the empty one where it would be. */
static MK_ATOMIC(mk_link) *slot_of(struct table *table, uint64_t key) {
    for (uint64_t i = 0;; i++) {
        MK_ATOMIC(mk_link) *slot = &table->slot[probe(table, key, i)];
        mk_link word = word_in(slot);
        if (!word || (word != GONE && entry_of(word)->key == key)) return slot;
    }
}

static size_t table_bytes(uint64_t slots) {
    return sizeof(struct table) + slots * sizeof(MK_ATOMIC(mk_link));
}

static void table_free(void *arg, struct mk_thread *me, void *node) {
    struct mk_map *map = arg;
    mk_mem_free(map->mem, me, node, table_bytes(((struct table *)node)->slots), MK_CACHE_LINE);
}

static struct table *table_make(struct mk_map *map, struct mk_thread *me, uint64_t slots) {
    struct table *table = mk_mem_zalloc(map->mem, me, table_bytes(slots), MK_CACHE_LINE);
    if (table) table->slots = slots;
    return table;
}

/* Replaces the table by one of four slots a key. False: no memory. */
static bool rebuild(struct mk_map *map, struct mk_thread *me, struct table *old) {
    uint64_t slots = SLOTS;
    while (slots < 4 * map->count) slots *= 2;
    struct table *table = table_make(map, me, slots);
    if (!table) return false;
    for (uint64_t i = 0; i < old->slots; i++) {
        mk_link word = word_in(&old->slot[i]);
        if (!entry_of(word)) continue;
        atomic_store_explicit(slot_of(table, entry_of(word)->key), word, memory_order_relaxed);
        table->used++;
    }
    atomic_store_explicit(&map->table, (mk_link)table, memory_order_seq_cst);
    mk_retire(map->smr, me, old, &map->how_table);
    return true;
}

/* ---- operations ------------------------------------------------------------------------------ */

static bool tables_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    mk_enter(map->smr, me);
    const struct entry *entry = lookup(map, me, key);
    if (entry) *value = entry->value;
    mk_leave(map->smr, me);
    return entry != NULL;
}

/* Puts an entry into the table, which is locked. Returns the status of that. */
static enum mk_status put_in(struct mk_map *map, struct mk_thread *me, struct table *table, struct entry *fresh,
                             mk_value *previous) {
    MK_ATOMIC(mk_link) *slot = slot_of(table, fresh->key);
    struct entry *old = entry_of(word_in(slot));
    if (old) {
        *previous = old->value;
        atomic_store_explicit(slot, (mk_link)fresh, memory_order_seq_cst);
        mk_retire(map->smr, me, old, &map->how);
        return MK_HIT;
    }
    if (table->used + 1 >= table->slots) return MK_NO_MEMORY;
    atomic_store_explicit(slot, (mk_link)fresh, memory_order_seq_cst);
    table->used++;
    map->count++;
    if (table->used >= table->slots / 2) rebuild(map, me, table);
    return MK_MISS;
}

static enum mk_status tables_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                 mk_value *previous) {
    struct entry *fresh = mk_mem_cache_alloc(&map->entries, me);
    if (!fresh) return MK_NO_MEMORY;
    fresh->key = key;
    fresh->value = *value;
    mk_enter(map->smr, me);
    struct table *table = LOCK(map);
    enum mk_status status = put_in(map, me, table, fresh, previous);
    pthread_mutex_unlock(&map->lock);
    mk_leave(map->smr, me);
    if (status == MK_NO_MEMORY) mk_mem_cache_free(&map->entries, me, fresh);
    return status;
}

static enum mk_status tables_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    mk_enter(map->smr, me);
    struct table *table = LOCK(map);
    MK_ATOMIC(mk_link) *slot = slot_of(table, key);
    struct entry *old = entry_of(word_in(slot));
    if (old) {
        *value = old->value;
        atomic_store_explicit(slot, GONE, memory_order_seq_cst);
        mk_retire(map->smr, me, old, &map->how);
        map->count--;
        if (table->slots > SLOTS && map->count < table->slots / 16) rebuild(map, me, table);
    }
    pthread_mutex_unlock(&map->lock);
    mk_leave(map->smr, me);
    return old ? MK_HIT : MK_MISS;
}

/* ---- life ------------------------------------------------------------------------------------ */

static uint64_t tables_count(struct mk_map *map) {
    return map->count;
}

static void tables_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    struct table *table = table_of(map);
    for (uint64_t i = 0; i < table->slots; i++) {
        const struct entry *entry = entry_of(word_in(&table->slot[i]));
        if (entry) visit(arg, entry->key, entry->value.word[0]);
    }
}

static void tables_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    struct table *table = table_of(map);
    if (map->smr) mk_reclaim_here.destroy(map->smr);
    for (uint64_t i = 0; table && i < table->slots; i++) {
        struct entry *entry = entry_of(word_in(&table->slot[i]));
        if (entry) mk_mem_cache_free(&map->entries, NULL, entry);
    }
    if (table) table_free(map, NULL, table);
    if (map->entries.alloc) mk_mem_cache_close(mem, &map->entries);
    pthread_mutex_destroy(&map->lock);
    mk_mem_free(mem, NULL, map, sizeof *map, MK_CACHE_LINE);
}

static int tables_fill(struct mk_map *map, const struct mk_config *cfg, struct mk_err *err) {
    if (mk_mem_cache_open(map->mem, &map->entries, sizeof(struct entry), _Alignof(struct entry), err)) {
        map->entries.alloc = NULL;
        return -1;
    }
    struct table *table = table_make(map, NULL, SLOTS);
    if (!table) return mk_fail(err, "no memory for the table");
    atomic_init(&map->table, (mk_link)table);
    if (mk_reclaim_here.create(&map->smr, map->mem, cfg, err)) {
        map->smr = NULL;
        return -1;
    }
    return 0;
}

static int tables_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, MK_CACHE_LINE);
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    map->how = (struct mk_retire){.cache = &map->entries, .bytes = sizeof(struct entry)};
    map->how_table = (struct mk_retire){.dispose = table_free, .arg = map, .bytes = sizeof(struct table)};
    pthread_mutex_init(&map->lock, NULL);
    if (tables_fill(map, cfg, err)) {
        tables_destroy(map);
        return -1;
    }
    *out = map;
    return 0;
}

static int tables_thread_enter(struct mk_map *map, struct mk_thread *me) {
    return mk_reclaim_here.thread_enter(map->smr, me);
}

static void tables_thread_exit(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.thread_exit(map->smr, me);
}

static void tables_flush(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.flush(map->smr, me);
}

static void tables_hold(struct mk_map *map, struct mk_thread *me) {
    mk_enter(map->smr, me);
}

static void tables_unhold(struct mk_map *map, struct mk_thread *me) {
    mk_leave(map->smr, me);
}

static size_t tables_stats(struct mk_map *map, struct mk_stat *out, size_t room) {
    return mk_reclaim_here.stats(map->smr, out, room);
}

#define TABLES                                                                                                   \
    .summary = "planted", .caps = MK_CONCURRENT | MK_GROWS, .create = tables_create, .destroy = tables_destroy,  \
    .thread_enter = tables_thread_enter, .thread_exit = tables_thread_exit, .flush = tables_flush,               \
    .count = tables_count, .walk = tables_walk, .stats = tables_stats, .hold = tables_hold,                      \
    .unhold = tables_unhold, .get = tables_get, .put = tables_put, .remove = tables_remove

#endif
