/* door.c - see door.h. All counters are relaxed: whoever needs them exact has joined the threads, and
 * anything stronger would order what the structure has not ordered. */
#include "door.h"

#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>

#include "../record.h"
#include "check.h"

#define RUBBISH_NEW 0xa5
#define RUBBISH_OLD 0xd7
#define PAUSE_EVERY 16

/* A cache of the structure, on one of the memory below. */
struct cache {
    struct mk_door *door;
    struct mk_mem_cache below;
};

static uint64_t count(_Atomic(uint64_t) *counter) {
    return atomic_fetch_add_explicit(counter, 1, memory_order_relaxed) + 1;
}

static void change(_Atomic(int64_t) *counter, int64_t by) {
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* Unwatched, and so in a case of several threads: lets others in, where an operation is half done. */
static void give_way(struct mk_door *door) {
    if (!door->watched && mk_mix64(count(&door->visits)) % PAUSE_EVERY == 0) sched_yield();
}

/* What the thread is refused. Of its own, so that it orders nothing. */
static _Thread_local struct {
    uint32_t one_in;
    struct mk_rng rng;
} chance;

void mk_door_refuse_some(uint32_t one_in, uint64_t seed) {
    chance.one_in = one_in;
    mk_rng_seed(&chance.rng, seed);
}

static bool refuses(struct mk_door *door) {
    give_way(door);
    uint64_t number = count(&door->calls);
    bool chosen = number >= door->refuse_from && number <= door->refuse_to;
    if (!chosen && !(chance.one_in && mk_rng_below(&chance.rng, chance.one_in) == 0)) return false;
    count(&door->refused);
    return true;
}

static void change_bytes(struct mk_door *door, int64_t by) {
    int64_t now = atomic_fetch_add_explicit(&door->bytes, by, memory_order_relaxed) + by;
    int64_t peak = atomic_load_explicit(&door->peak_bytes, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(&door->peak_bytes, &peak, now, memory_order_relaxed,
                                                                memory_order_relaxed)) {
    }
}

/* Enters a block that the memory below has given. Returns it. */
static void *let_out(struct mk_door *door, void *block, size_t bytes, size_t align) {
    struct mk_err err;
    if (!block) return NULL;
    change(&door->blocks, 1);
    change_bytes(door, (int64_t)bytes);
    if (door->watched && mk_shadow_add(&door->shadow, block, bytes, align, &err)) {
        mk_found(door->check, "the memory below it: %s", err.text);
    }
    return block;
}

/* Takes a block back. Returns whether it may be passed on. */
static bool take_back(struct mk_door *door, void *block, size_t bytes, size_t align) {
    struct mk_err err;
    give_way(door);
    if (door->watched) {
        bool known = mk_shadow_has(&door->shadow, block);
        if (mk_shadow_remove(&door->shadow, block, bytes, align, &err)) {
            mk_found(door->check, "gives back memory: %s", err.text);
        }
        if (!known) return false;
    }
    change(&door->blocks, -1);
    change_bytes(door, -(int64_t)bytes);
    memset(block, RUBBISH_OLD, bytes);
    return true;
}

static void *rubbish(void *block, size_t bytes) {
    if (block) memset(block, RUBBISH_NEW, bytes);
    return block;
}

/* ---- what structures call -------------------------------------------------------------------- */

static void *door_alloc(void *self, struct mk_thread *me, size_t bytes, size_t align) {
    struct mk_door *door = self;
    if (refuses(door)) return NULL;
    return rubbish(let_out(door, mk_mem_alloc(door->below, me, bytes, align), bytes, align), bytes);
}

static void *door_zalloc(void *self, struct mk_thread *me, size_t bytes, size_t align) {
    struct mk_door *door = self;
    if (refuses(door)) return NULL;
    return let_out(door, mk_mem_zalloc(door->below, me, bytes, align), bytes, align);
}

static void door_free(void *self, struct mk_thread *me, void *block, size_t bytes, size_t align) {
    struct mk_door *door = self;
    if (take_back(door, block, bytes, align)) mk_mem_free(door->below, me, block, bytes, align);
}

/* Rubbish, where something is added. */
static void *door_resize(void *self, struct mk_thread *me, void *block, size_t old_bytes, size_t old_align,
                         size_t bytes, size_t align) {
    struct mk_door *door = self;
    struct mk_err err;
    if (refuses(door)) return NULL;
    if (door->watched && mk_shadow_remove(&door->shadow, block, old_bytes, old_align, &err)) {
        mk_found(door->check, "resizes memory: %s", err.text);
        return NULL;
    }
    unsigned char *resized = mk_mem_resize(door->below, me, block, old_bytes, old_align, bytes, align);
    bool added = !door->watched ||
                 (resized ? mk_shadow_add(&door->shadow, resized, bytes, align, &err) == 0
                          : mk_shadow_add(&door->shadow, block, old_bytes, old_align, &err) == 0);
    if (!added) mk_found(door->check, "the memory below it: %s", err.text);
    if (!resized) return NULL;
    change_bytes(door, (int64_t)bytes - (int64_t)old_bytes);
    if (bytes > old_bytes) memset(resized + old_bytes, RUBBISH_NEW, bytes - old_bytes);
    return resized;
}

static size_t door_usable(void *self, void *block, size_t bytes) {
    return mk_mem_usable(((struct mk_door *)self)->below, block, bytes);
}

static size_t door_footprint(void *self, void *block, size_t bytes) {
    return mk_mem_footprint(((struct mk_door *)self)->below, block, bytes);
}

static void *cache_alloc(void *self, struct mk_thread *me, size_t bytes, size_t align) {
    struct cache *cache = self;
    if (refuses(cache->door)) return NULL;
    return rubbish(let_out(cache->door, mk_mem_cache_alloc(&cache->below, me), bytes, align), bytes);
}

static void cache_free(void *self, struct mk_thread *me, void *block, size_t bytes, size_t align) {
    struct cache *cache = self;
    if (take_back(cache->door, block, bytes, align)) mk_mem_cache_free(&cache->below, me, block);
}

static int door_cache_open(struct mk_mem *mem, struct mk_mem_cache *out, size_t bytes, size_t align,
                           struct mk_err *err) {
    struct mk_door *door = mem->self;
    if (refuses(door)) return mk_fail(err, "the test refuses a cache of blocks of %zu bytes", bytes);
    struct cache *cache = mk_need(1, sizeof *cache);
    cache->door = door;
    if (mk_mem_cache_open(door->below, &cache->below, bytes, align, err)) {
        free(cache);
        return -1;
    }
    change(&door->caches, 1);
    *out = (struct mk_mem_cache){cache, cache_alloc, cache_free, bytes, align, cache};
    return 0;
}

static void door_cache_close(struct mk_mem *mem, struct mk_mem_cache *out) {
    struct mk_door *door = mem->self;
    struct cache *cache = out->owner;
    mk_mem_cache_close(door->below, &cache->below);
    change(&door->caches, -1);
    free(cache);
    out->owner = NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

void mk_door_open(struct mk_door *door, struct mk_mem *below, struct mk_check *check) {
    memset(door, 0, sizeof *door);
    door->below = below;
    door->check = check;
    door->mem.self = door;
    door->mem.alloc = door_alloc;
    door->mem.zalloc = door_zalloc;
    door->mem.free = door_free;
    if (below->resize) door->mem.resize = door_resize;
    if (below->usable) door->mem.usable = door_usable;
    if (below->footprint) door->mem.footprint = door_footprint;
    door->mem.cache_open = door_cache_open;
    door->mem.cache_close = door_cache_close;
    door->mem.threads_max = below->threads_max;
}

void mk_door_close(struct mk_door *door) {
    int64_t blocks = atomic_load_explicit(&door->blocks, memory_order_relaxed);
    int64_t caches = atomic_load_explicit(&door->caches, memory_order_relaxed);
    if (blocks) {
        mk_found(door->check, "kept memory: %" PRId64 " blocks, %" PRId64 " bytes in all, were never given back",
                 blocks, mk_door_bytes(door));
    }
    if (caches) mk_found(door->check, "left %" PRId64 " caches open", caches);
    mk_shadow_clear(&door->shadow);
}

uint64_t mk_door_calls(struct mk_door *door) {
    return atomic_load_explicit(&door->calls, memory_order_relaxed);
}

uint64_t mk_door_refused(struct mk_door *door) {
    return atomic_load_explicit(&door->refused, memory_order_relaxed);
}

int64_t mk_door_bytes(struct mk_door *door) {
    return atomic_load_explicit(&door->bytes, memory_order_relaxed);
}

int64_t mk_door_peak_bytes(struct mk_door *door) {
    return atomic_load_explicit(&door->peak_bytes, memory_order_relaxed);
}
