/* needs: glib-2.0 | libglib2.0-dev */
/* map/glib - the hash table of GLib, GHashTable, for one thread: a peer, and a bound.
 *
 * Source:     GLib (Sven Neumann, Matthias Clasen and others): open addressing, quadratic probing, tombstones.
 * Picture:    keys[], hashes[], values[]: a place each, powers of two, found by hash modulo a prime
 * parts:      hash=fold
 * Progress:   one thread alone.
 * Ordering:   none; no shared state.
 * Memory:     20 B a place by malloc, between a quarter and all but a sixteenth of them used.
 * Limits:     for one thread. Keys and values are its pointers. It takes the low 32 bits of the hash, without the
 *             seed of the instance, through a pointer to a function. A put looks the key up twice, as the library
 *             tells nobody what it replaces. Without memory the library ends the program. Its memory is malloc's,
 *             not what is handed in: structure bytes are unknown, rss tells.
 */
#include "../../hash.h"
#include "../../map.h"

#include <glib.h>

MK_STATIC_ASSERT(sizeof(gpointer) == sizeof(uint64_t), "keys and values are pointers");

struct mk_map {
    struct mk_mem *mem;
    GHashTable *table;
};

MK_INLINE gpointer glib_pack(uint64_t word) {
    return (gpointer)(uintptr_t)word;
}

MK_INLINE uint64_t glib_unpack(gconstpointer packed) {
    return (uint64_t)(uintptr_t)packed;
}

static guint glib_hash(gconstpointer key) {
    return (guint)mk_hash(glib_unpack(key), 0);
}

static int glib_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_alloc(mem, NULL, sizeof *map, _Alignof(struct mk_map));
    (void)cfg;
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    map->table = g_hash_table_new(glib_hash, NULL); /* NULL: pointers are compared, without a call */
    *out = map;
    return 0;
}

static void glib_destroy(struct mk_map *map) {
    g_hash_table_destroy(map->table);
    mk_mem_free(map->mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
}

/* LIN get: one thread. */
MK_TIMED bool glib_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    gpointer found;
    (void)me;
    if (!g_hash_table_lookup_extended(map->table, glib_pack(key), NULL, &found)) return false;
    value->word[0] = glib_unpack(found);
    return true;
}

/* LIN put: one thread. */
static enum mk_status glib_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                               mk_value *previous) {
    bool there = glib_get(map, me, key, previous);
    g_hash_table_insert(map->table, glib_pack(key), glib_pack(value->word[0]));
    return there ? MK_HIT : MK_MISS;
}

/* LIN remove: one thread. */
static enum mk_status glib_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    gpointer found;
    (void)me;
    if (!g_hash_table_steal_extended(map->table, glib_pack(key), NULL, &found)) return MK_MISS;
    value->word[0] = glib_unpack(found);
    return MK_HIT;
}

static uint64_t glib_count(struct mk_map *map) {
    return g_hash_table_size(map->table);
}

static void glib_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, map->table);
    while (g_hash_table_iter_next(&iter, &key, &value)) visit(arg, glib_unpack(key), glib_unpack(value));
}

MK_MAP(glib, .summary = "peer: GHashTable of GLib, one thread", .caps = MK_GROWS, .create = glib_create,
       .destroy = glib_destroy, .count = glib_count, .walk = glib_walk, .get = glib_get, .put = glib_put,
       .remove = glib_remove);
