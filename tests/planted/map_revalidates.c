/* map_revalidates - a table that doubles is copied stripe by stripe; writers look afterwards whether it is still
 * the one.
 *
 * bug:       looks again instead of freezing: a write into what has been copied is lost
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define GROW grow_by_copy
#define PUT put_and_look
#define REMOVE remove_and_look
#endif
#include "map_striped.h"

#ifndef TWIN
static void free_stripe(struct mk_map *map, struct mk_thread *me, struct table *table, uint64_t stripe) {
    for (uint64_t i = stripe; i <= table->mask; i += STRIPES) {
        for (struct node *node = table->bucket[i], *next; node; node = next) {
            next = node->next;
            mk_mem_cache_free(&map->nodes, me, node);
        }
        table->bucket[i] = NULL;
    }
}

/* False: no memory. */
static bool copy_stripe(struct mk_map *map, struct mk_thread *me, struct table *from, struct table *to,
                        uint64_t stripe) {
    for (uint64_t i = stripe; i <= from->mask; i += STRIPES) {
        for (const struct node *node = from->bucket[i]; node; node = node->next) {
            struct node *copy = mk_mem_cache_alloc(&map->nodes, me);
            struct node **link = link_of(to, node->key);
            if (!copy) return false;
            *copy = (struct node){NULL, node->key, node->value};
            *link = copy;
        }
    }
    return true;
}

/* Locks one stripe at a time: what is written into those that have been copied stays in the old table. The flag of
 * the first stripe says that somebody is at it. */
static void grow_by_copy(struct mk_map *map, struct mk_thread *me) {
    MK_ATOMIC(uint32_t) *busy = &map->stripe[0].busy;
    if (atomic_exchange_explicit(busy, 1, memory_order_acquire)) return;
    struct table *old = table_of(map), *table = NULL;
    if (is_small(map, old->mask + 1)) table = make_table(map, me, 2 * (old->mask + 1));
    bool whole = table != NULL;
    for (uint64_t s = 0; whole && s < STRIPES; s++) {
        LOCK(&map->stripe[s]);
        whole = copy_stripe(map, me, old, table, s);
        UNLOCK(&map->stripe[s]);
    }
    if (whole) atomic_store_explicit(&map->table, table, memory_order_release);
    /* nobody works on a stripe of the old one any more once its lock has been taken */
    for (uint64_t s = 0; table && s < STRIPES; s++) {
        LOCK(&map->stripe[s]);
        free_stripe(map, me, whole ? old : table, s);
        UNLOCK(&map->stripe[s]);
    }
    if (table) free_table(map, me, whole ? old : table);
    atomic_store_explicit(busy, 0, memory_order_release);
}

/* What it answers is what it found the first time. */
static enum mk_status put_and_look(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                   mk_value *previous) {
    enum mk_status status = MK_REFUSED;
    struct table *table;
    uint64_t buckets;
    do {
        LOCK(stripe_of(map, key));
        table = table_of(map);
        buckets = table->mask + 1;
        struct node **link = link_of(table, key), *node = *link;
        if (status == MK_REFUSED) {
            status = node ? MK_HIT : MK_MISS;
            if (node) *previous = node->value;
        }
        if (!node) {
            *link = node = mk_mem_cache_alloc(&map->nodes, me);
            if (node) *node = (struct node){NULL, key, *value};
        }
        if (node) node->value = *value;
        UNLOCK(stripe_of(map, key));
        if (!node) return MK_NO_MEMORY;
    } while (table_of(map) != table);
    if (status == MK_MISS) COUNT(map, 1);
    if (status == MK_MISS && is_small(map, buckets)) GROW(map, me);
    return status;
}

static enum mk_status remove_and_look(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    enum mk_status status = MK_MISS;
    struct table *table;
    do {
        LOCK(stripe_of(map, key));
        table = table_of(map);
        struct node **link = link_of(table, key), *node = *link;
        if (node) {
            *value = node->value;
            *link = node->next;
            status = MK_HIT;
            mk_mem_cache_free(&map->nodes, me, node);
        }
        UNLOCK(stripe_of(map, key));
    } while (table_of(map) != table);
    if (status == MK_HIT) COUNT(map, -1);
    return status;
}
#endif

MK_MAP(map_revalidates, STRIPED);
