/* sharing.c - who shares lines with whom: of the live blocks, those that lie on a line of 64 bytes with a block of
 * another thread. Threads take turns, call by call, so that the order is the same each time. */
#include "scene.h"

#include <pthread.h>
#include <string.h>

/* ---- the census ---- */

/* A line, and a bit for each thread that has a block on it. */
struct owners {
    uint64_t line;
    uint32_t threads;
};

static struct owners *owners;
static size_t owners_mask, owners_bytes, census_n, census_room;
static const void **census_blocks;

void census_opens(size_t objects) {
    size_t places = 64;
    while (places < 4 * objects) places *= 2;
    owners_mask = places - 1;
    owners_bytes = places * sizeof *owners;
    owners = map(owners_bytes);
    census_n = 0;
    census_room = objects;
    census_blocks = map(objects * sizeof *census_blocks);
}

static struct owners *owners_of(uint64_t line) {
    size_t at = (size_t)(line * 0x9e3779b97f4a7c15u >> 32) & owners_mask;
    while (owners[at].line && owners[at].line != line) at = (at + 1) & owners_mask;
    owners[at].line = line;
    return &owners[at];
}

static uint64_t first_line(const void *block) {
    return (uint64_t)(uintptr_t)block / LINE;
}

/* Blocks begin with their word, whatever they hold besides. */
static uint64_t last_line(const void *block) {
    return ((uint64_t)(uintptr_t)block + word_bytes(*(const uint64_t *)block) - 1) / LINE;
}

static uint32_t thread_bit(const void *block) {
    return UINT32_C(1) << word_lane(*(const uint64_t *)block);
}

void census_add(const void *block) {
    if (census_n == census_room) die("more blocks than the census has room for");
    census_blocks[census_n++] = block;
    /* the lines between are the block's alone */
    owners_of(first_line(block))->threads |= thread_bit(block);
    owners_of(last_line(block))->threads |= thread_bit(block);
}

void census_closes(void) {
    for (size_t i = 0; i < census_n; i++) {
        const void *block = census_blocks[i];
        uint32_t threads = owners_of(first_line(block))->threads | owners_of(last_line(block))->threads;
        outcome.objects++;
        outcome.shared += threads != thread_bit(block);
    }
    unmap(census_blocks, census_room * sizeof *census_blocks);
    unmap(owners, owners_bytes);
}

/* ---- turns ---- */

#define SHARING_THREADS 2u
#define SHARING_BLOCKS 10000u /* of each thread */

struct sharing {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint64_t turn; /* whose it is: turn % SHARING_THREADS */
    void **block;  /* thread t's are t, t + SHARING_THREADS, ... */
    const uint32_t *bytes;
    bool passive; /* the first thread allocates for all; each frees its own and takes others */
};

static void await_turn(struct sharing *sharing, const struct lane *lane) {
    pthread_mutex_lock(&sharing->lock);
    while (sharing->turn % SHARING_THREADS != lane->id) pthread_cond_wait(&sharing->moved, &sharing->lock);
}

static void end_turn(struct sharing *sharing) {
    sharing->turn++;
    pthread_cond_broadcast(&sharing->moved);
    pthread_mutex_unlock(&sharing->lock);
}

static void take_own(struct sharing *sharing, struct lane *lane, uint32_t i) {
    sharing->block[i] = take(lane, MODE_MEMORY, i, sharing->bytes[i]);
    lane->made.malloc++;
}

static void sharing_work(struct lane *lane, struct sharing *sharing) {
    const uint32_t all = SHARING_THREADS * SHARING_BLOCKS;
    if (sharing->passive) {
        await_turn(sharing, lane);
        for (uint32_t i = 0; i < all && lane->id == 0; i++) take_own(sharing, lane, i);
        end_turn(sharing);
        await_turn(sharing, lane);
        for (uint32_t i = lane->id; i < all; i += SHARING_THREADS) drop(lane, MODE_MEMORY, i, sharing->block[i]);
        lane->made.free += SHARING_BLOCKS;
        end_turn(sharing);
    }
    for (uint32_t i = lane->id; i < all; i += SHARING_THREADS) {
        await_turn(sharing, lane);
        take_own(sharing, lane, i);
        end_turn(sharing);
    }
}

struct sharer {
    struct sharing *sharing;
    struct lane *lane;
    pthread_t thread;
};

static void *sharer_runs(void *argument) {
    struct sharer *sharer = argument;
    lane_begins(sharer->lane);
    sharing_work(sharer->lane, sharer->sharing);
    live_post(sharer->lane);
    /* all are there until all have taken theirs: what a thread leaves behind may go to another */
    await_turn(sharer->sharing, sharer->lane);
    end_turn(sharer->sharing);
    lane_ends(sharer->lane);
    return NULL;
}

static void sharing_end(const struct sharing *sharing) {
    struct lane *lane = &outcome.lane[LANES_MAX];
    const uint32_t all = SHARING_THREADS * SHARING_BLOCKS;
    census_opens(all);
    for (uint32_t i = 0; i < all; i++) census_add(sharing->block[i]);
    census_closes();
    lane_begins(lane);
    for (uint32_t i = 0; i < all; i++) drop(lane, MODE_TIMED, i, sharing->block[i]);
    lane->made.free += all;
    lane_ends(lane);
}

static void share(bool passive) {
    const uint32_t all = SHARING_THREADS * SHARING_BLOCKS;
    struct sharing sharing = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER, .passive = passive};
    struct sharer sharer[SHARING_THREADS];
    uint32_t *bytes = map(all * sizeof *bytes);
    uint64_t random = settings.seed;
    for (uint32_t i = 0; i < all; i++) bytes[i] = 16 + 8 * random_below(&random, 7);
    sharing.bytes = bytes;
    sharing.block = map(all * sizeof *sharing.block);
    memory_begins();
    timing_begins();
    for (unsigned t = 0; t < SHARING_THREADS; t++) {
        sharer[t] = (struct sharer){.sharing = &sharing, .lane = &outcome.lane[t]};
        if (pthread_create(&sharer[t].thread, NULL, sharer_runs, &sharer[t])) die("there is no thread to be had");
    }
    for (unsigned t = 0; t < SHARING_THREADS; t++) pthread_join(sharer[t].thread, NULL);
    timing_ends();
    outcome.operations = all;
    memory_at_end();
    sharing_end(&sharing);
    memory_drained();
}

static void run_active(const struct scenario *scenario) {
    (void)scenario;
    share(false);
}

static void run_passive(const struct scenario *scenario) {
    (void)scenario;
    share(true);
}

const struct scenario sharing_scenarios[] = {
    {"sharing_active", "16 to 64 bytes, two threads allocate in turns", SHARING_THREADS, run_active},
    {"sharing_passive", "... after each has freed blocks that one thread had allocated for both", SHARING_THREADS,
     run_passive},
    {NULL, NULL, 0, NULL}};
