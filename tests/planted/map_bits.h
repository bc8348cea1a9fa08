/* map_bits.h - a sound map, of which map_bit_*.c beside it break one thing each: 64 keys, a value of each, and a
 * word whose bits say which are there; a second word has a bit for each key that a writer is at work on.
 */
#ifndef MAP_BITS_H
#define MAP_BITS_H

#include "../../impl/map.h"
#include "../../impl/order.h"

#define KEYS 64

struct mk_map {
    struct mk_mem *mem;
    MK_ATOMIC(uint64_t) present;
    MK_ATOMIC(uint64_t) busy;
    MK_ATOMIC(uint64_t) value[KEYS];
};

/* What the files beside it break. */
#ifndef ADD
#define ADD base_add
#endif
#ifndef GET
#define GET base_get
#endif
#ifndef REMOVE
#define REMOVE base_remove
#endif
static void ADD(struct mk_map *map, uint64_t key, uint64_t value);

static bool is_there(struct mk_map *map, uint64_t key) {
    return atomic_load_explicit(&map->present, memory_order_seq_cst) >> key & 1;
}

static uint64_t value_of(struct mk_map *map, uint64_t key) {
    return atomic_load_explicit(&map->value[key], memory_order_seq_cst);
}

static void set_there(struct mk_map *map, uint64_t key) {
    atomic_fetch_or_explicit(&map->present, (uint64_t)1 << key, memory_order_seq_cst);
}

static void lock(struct mk_map *map, uint64_t key) {
    uint64_t bit = (uint64_t)1 << key;
    unsigned spins = 0;
    while (atomic_fetch_or_explicit(&map->busy, bit, memory_order_acquire) & bit) mk_backoff(&spins);
}

static void unlock(struct mk_map *map, uint64_t key) {
    atomic_fetch_and_explicit(&map->busy, ~((uint64_t)1 << key), memory_order_release);
}

/* Adds a key that is locked and not there. */
__attribute__((unused)) static void base_add(struct mk_map *map, uint64_t key, uint64_t value) {
    atomic_store_explicit(&map->value[key], value, memory_order_release);
    set_there(map, key);
}

/* The value is the key's where the key is there before and after it is read, or has gone or come meanwhile. */
__attribute__((unused)) static bool base_get(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                             mk_value *value) {
    (void)me;
    if (key >= KEYS || !is_there(map, key)) return false;
    uint64_t found = value_of(map, key);
    if (!is_there(map, key)) return false;
    value->word[0] = found;
    return true;
}

static enum mk_status bits_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                               mk_value *previous) {
    (void)me;
    if (key >= KEYS) return MK_REFUSED;
    lock(map, key);
    bool there = is_there(map, key);
    if (there) {
        previous->word[0] = atomic_exchange_explicit(&map->value[key], value->word[0], memory_order_seq_cst);
    } else {
        ADD(map, key, value->word[0]);
    }
    unlock(map, key);
    return there ? MK_HIT : MK_MISS;
}

static bool clear_there(struct mk_map *map, uint64_t key) {
    uint64_t bit = (uint64_t)1 << key;
    return atomic_fetch_and_explicit(&map->present, ~bit, memory_order_seq_cst) & bit;
}

__attribute__((unused)) static enum mk_status base_remove(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                                          mk_value *value) {
    (void)me;
    if (key >= KEYS) return MK_REFUSED;
    lock(map, key);
    bool there = is_there(map, key);
    if (there) {
        value->word[0] = value_of(map, key);
        clear_there(map, key);
    }
    unlock(map, key);
    return there ? MK_HIT : MK_MISS;
}

static uint64_t bits_count(struct mk_map *map) {
    uint64_t count = 0;
    for (uint64_t key = 0; key < KEYS; key++) count += is_there(map, key);
    return count;
}

static void bits_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (uint64_t key = 0; key < KEYS; key++) {
        if (is_there(map, key)) visit(arg, key, value_of(map, key));
    }
}

static void bits_destroy(struct mk_map *map) {
    mk_mem_free(map->mem, NULL, map, sizeof *map, MK_CACHE_LINE);
}

static int bits_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    (void)cfg;
    *out = mk_mem_zalloc(mem, NULL, sizeof **out, MK_CACHE_LINE);
    if (!*out) return mk_fail(err, "no memory for the map");
    (*out)->mem = mem;
    return 0;
}

#define BITS                                                                                               \
    .summary = "planted", .caps = MK_CONCURRENT, .key_limit = KEYS, .create = bits_create,                 \
    .destroy = bits_destroy, .count = bits_count, .walk = bits_walk, .get = GET, .put = bits_put,          \
    .remove = REMOVE

#endif
