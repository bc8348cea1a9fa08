/* misbehave.c - a map that does what a worker must survive: parameter `how` says what. Behaves until
 * its hundredth get. Single table of fixed size under one lock. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <memkit/map.h>

enum how { GOOD, CRASH, HANG, EXIT, MISCOUNT, LEAK, STRAY };

struct slot {
    uint64_t key;
    mk_value value;
    enum { EMPTY, FULL, GONE } state;
};

struct mk_map {
    pthread_mutex_t lock;
    struct mk_mem *mem;
    uint64_t how, count, gets, mask;
    struct slot *slot;
};

static int misbehave_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, 16);
    uint64_t slots = 64;
    while (slots < 8 * cfg->capacity) slots *= 2;
    if (!map) return mk_fail(err, "no memory");
    map->slot = mk_mem_zalloc(mem, NULL, slots * sizeof *map->slot, 16);
    if (!map->slot) return mk_fail(err, "no memory");
    pthread_mutex_init(&map->lock, NULL);
    map->mem = mem;
    map->mask = slots - 1;
    map->how = cfg->params[0];
    *out = map;
    return 0;
}

static void misbehave_destroy(struct mk_map *map) {
    pthread_mutex_destroy(&map->lock);
    if (map->how != LEAK) mk_mem_free(map->mem, NULL, map->slot, (map->mask + 1) * sizeof *map->slot, 16);
    mk_mem_free(map->mem, NULL, map, sizeof *map, 16);
}

static struct slot *find(struct mk_map *map, uint64_t key) {
    uint64_t i = mk_mix64(key);
    struct slot *free_slot = NULL;
    for (;; i++) {
        struct slot *slot = &map->slot[i & map->mask];
        if (slot->state == FULL && slot->key == key) return slot;
        if (slot->state != FULL && !free_slot) free_slot = slot;
        if (slot->state == EMPTY) return free_slot;
    }
}

static void misbehave(struct mk_map *map) {
    if (map->how == CRASH) *(volatile int *)8 = 1;
    if (map->how == EXIT) _exit(9);
    if (map->how == STRAY) ((unsigned char *)(map->slot + map->mask + 1))[0] ^= 1;
    while (map->how == HANG) usleep(1000);
}

static bool misbehave_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    (void)me;
    pthread_mutex_lock(&map->lock);
    struct slot *slot = find(map, key);
    bool hit = slot->state == FULL;
    if (hit) *value = slot->value;
    if (++map->gets == 100) misbehave(map);
    pthread_mutex_unlock(&map->lock);
    return hit;
}

static enum mk_status misbehave_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                    mk_value *previous) {
    (void)me;
    pthread_mutex_lock(&map->lock);
    struct slot *slot = find(map, key);
    bool hit = slot->state == FULL;
    if (hit) *previous = slot->value;
    slot->state = FULL;
    slot->key = key;
    slot->value = *value;
    map->count += !hit;
    pthread_mutex_unlock(&map->lock);
    return hit ? MK_HIT : MK_MISS;
}

static enum mk_status misbehave_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    (void)me;
    pthread_mutex_lock(&map->lock);
    struct slot *slot = find(map, key);
    bool hit = slot->state == FULL;
    if (hit) {
        *value = slot->value;
        slot->state = GONE;
        map->count--;
    }
    pthread_mutex_unlock(&map->lock);
    return hit ? MK_HIT : MK_MISS;
}

static uint64_t misbehave_count(struct mk_map *map) {
    return map->count + (map->how == MISCOUNT ? map->gets / 100 : 0);
}

static void misbehave_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (uint64_t i = 0; i <= map->mask; i++) {
        if (map->slot[i].state == FULL) visit(arg, map->slot[i].key, map->slot[i].value.word[0]);
    }
}

static const struct mk_param misbehave_params[] = {
    {"how", MK_PARAM_CHOICE, "good", 0, 0, "good|crash|hang|exit|miscount|leak|stray", "what goes wrong"},
    {NULL, MK_PARAM_NUMBER, NULL, 0, 0, NULL, NULL}};

MK_MAP(misbehave, .summary = "goes wrong on purpose", .caps = MK_CONCURRENT | MK_TEST_ONLY,
       .progress = {.get = MK_BLOCKING, .put = MK_BLOCKING, .remove = MK_BLOCKING}, .params = misbehave_params,
       .create = misbehave_create, .destroy = misbehave_destroy, .count = misbehave_count, .walk = misbehave_walk,
       .get = misbehave_get, .put = misbehave_put, .remove = misbehave_remove);
