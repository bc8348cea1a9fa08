/* threads.c - scenarios of several threads. Who waits sleeps, since CPU time is what counts. */
#include "scene.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>

/* ---- threads that start together ---- */

struct crew {
    unsigned n;
    void (*prepare)(struct lane *lane, void *shared); /* NULL: nothing */
    void (*work)(struct lane *lane, void *shared);
    void *shared;
    pthread_barrier_t ready, start;
};

struct member {
    struct crew *crew;
    struct lane *lane;
    pthread_t thread;
};

static void *member_runs(void *argument) {
    struct member *member = argument;
    struct crew *crew = member->crew;
    struct lane *lane = member->lane;
    lane_begins(lane);
    if (crew->prepare) crew->prepare(lane, crew->shared);
    live_post(lane);
    pthread_barrier_wait(&crew->ready);
    pthread_barrier_wait(&crew->start);
    crew->work(lane, crew->shared);
    live_post(lane);
    lane_ends(lane);
    return NULL;
}

static void start_thread(pthread_t *thread, void *(*run)(void *), void *argument) {
    if (pthread_create(thread, NULL, run, argument)) die("there is no thread to be had");
}

/* Runs the crew. The clock is on from when all are ready to when the last one has ended. */
static void crew_runs(struct crew *crew) {
    struct member member[LANES_MAX];
    pthread_barrier_init(&crew->ready, NULL, crew->n + 1);
    pthread_barrier_init(&crew->start, NULL, crew->n + 1);
    memory_begins();
    for (unsigned t = 0; t < crew->n; t++) {
        member[t] = (struct member){.crew = crew, .lane = &outcome.lane[t]};
        start_thread(&member[t].thread, member_runs, &member[t]);
    }
    pthread_barrier_wait(&crew->ready);
    timing_begins();
    pthread_barrier_wait(&crew->start);
    for (unsigned t = 0; t < crew->n; t++) pthread_join(member[t].thread, NULL);
    timing_ends();
    pthread_barrier_destroy(&crew->start);
    pthread_barrier_destroy(&crew->ready);
    outcome.live_grain = (uint64_t)crew->n * LIVE_GRAIN;
}

/* ---- sizes, drawn beforehand ---- */

#define SIZES 4096

static uint32_t *draw_sizes(uint32_t least, uint32_t most) {
    uint32_t *sizes = map(SIZES * sizeof *sizes);
    uint64_t random = settings.seed;
    for (unsigned i = 0; i < SIZES; i++) sizes[i] = random_log_uniform(&random, least, most);
    return sizes;
}

static uint32_t *draw_order(uint32_t n) {
    uint32_t *order = map(n * sizeof *order);
    uint64_t random = settings.seed + 1;
    for (uint32_t i = 0; i < n; i++) order[i] = i;
    shuffle(order, n, &random);
    return order;
}

/* ---- exchange: all allocate, then each frees what another has allocated ---- */

#define EXCHANGE_BLOCKS 10000u
#define EXCHANGE_BYTES 64u

struct exchange {
    unsigned threads;
    uint64_t rounds;
    uint32_t *order; /* in which they are freed */
    void **taken[LANES_MAX];
    pthread_barrier_t meet;
};

static void exchange_meet(struct exchange *exchange, struct lane *lane, enum mode mode) {
    if (mode == MODE_MEMORY) live_post(lane);
    pthread_barrier_wait(&exchange->meet);
}

/* All stand still, so what is live is known. */
static void exchange_look(struct exchange *exchange, const struct lane *lane) {
    if (lane->id == 0) memory_at_peak();
    pthread_barrier_wait(&exchange->meet);
}

INLINE void exchange_work(enum mode mode, struct lane *lane, struct exchange *exchange) {
    void **ours = exchange->taken[lane->id], **others = exchange->taken[(lane->id + 1) % exchange->threads];
    for (uint64_t round = 0; round < exchange->rounds; round++) {
        for (uint32_t i = 0; i < EXCHANGE_BLOCKS; i++) ours[i] = take(lane, mode, i, EXCHANGE_BYTES);
        exchange_meet(exchange, lane, mode);
        if (mode == MODE_MEMORY && round + 1 == exchange->rounds) exchange_look(exchange, lane);
        for (uint32_t i = 0; i < EXCHANGE_BLOCKS; i++) {
            uint32_t name = exchange->order[i];
            drop(lane, mode, name, others[name]);
        }
        exchange_meet(exchange, lane, mode);
    }
    lane->made.malloc += exchange->rounds * EXCHANGE_BLOCKS;
    lane->made.free += exchange->rounds * EXCHANGE_BLOCKS;
}
DEFINE_MODES(exchange_work, (struct lane * lane, struct exchange *exchange), lane, exchange);

static void exchange_lane(struct lane *lane, void *shared) {
    exchange_work_of[settings.mode](lane, shared);
}

static void run_exchange(const struct scenario *scenario) {
    struct exchange exchange = {.threads = scenario->threads,
                                .rounds = scaled(400 / scenario->threads),
                                .order = draw_order(EXCHANGE_BLOCKS)};
    struct crew crew = {.n = scenario->threads, .work = exchange_lane, .shared = &exchange};
    for (unsigned t = 0; t < crew.n; t++) exchange.taken[t] = map(EXCHANGE_BLOCKS * sizeof(void *));
    pthread_barrier_init(&exchange.meet, NULL, crew.n);
    crew_runs(&crew);
    outcome.operations = crew.n * exchange.rounds * EXCHANGE_BLOCKS;
    memory_at_end();
    memory_drained();
    pthread_barrier_destroy(&exchange.meet);
}

/* ---- batches: some only allocate, others only free ---- */

#define BATCH_BLOCKS 4096u
#define BATCHES_MAX 16u

struct batch {
    struct batch *next;
    void *block[BATCH_BLOCKS];
};

/* Full ones, first in, first out; or empty ones. */
struct batches {
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct batch *first, **end;
    unsigned writers; /* who may still add to it */
};

struct pipe {
    struct batches full, empty;
    unsigned producers;
    uint64_t batches; /* of each producer */
    const uint32_t *sizes;
};

static void batches_open(struct batches *batches, unsigned writers) {
    pthread_mutex_init(&batches->lock, NULL);
    pthread_cond_init(&batches->some, NULL);
    batches->end = &batches->first;
    batches->writers = writers;
}

static void batches_put(struct batches *batches, struct batch *batch) {
    batch->next = NULL;
    pthread_mutex_lock(&batches->lock);
    *batches->end = batch;
    batches->end = &batch->next;
    pthread_cond_signal(&batches->some);
    pthread_mutex_unlock(&batches->lock);
}

/* Returns NULL once all who write have closed and none is left. */
static struct batch *batches_get(struct batches *batches) {
    pthread_mutex_lock(&batches->lock);
    while (!batches->first && batches->writers) pthread_cond_wait(&batches->some, &batches->lock);
    struct batch *batch = batches->first;
    if (batch) batches->first = batch->next;
    if (!batches->first) batches->end = &batches->first;
    pthread_mutex_unlock(&batches->lock);
    return batch;
}

static void batches_close(struct batches *batches) {
    pthread_mutex_lock(&batches->lock);
    batches->writers--;
    pthread_cond_broadcast(&batches->some);
    pthread_mutex_unlock(&batches->lock);
}

INLINE void produce(enum mode mode, struct lane *lane, struct pipe *pipe) {
    for (uint64_t b = 0; b < pipe->batches; b++) {
        struct batch *batch = batches_get(&pipe->empty);
        for (uint32_t i = 0; i < BATCH_BLOCKS; i++) batch->block[i] = take(lane, mode, i, pipe->sizes[i % SIZES]);
        if (mode == MODE_MEMORY) live_post(lane);
        batches_put(&pipe->full, batch);
    }
    batches_close(&pipe->full);
    lane->made.malloc += pipe->batches * BATCH_BLOCKS;
}
DEFINE_MODES(produce, (struct lane * lane, struct pipe *pipe), lane, pipe);

INLINE void consume(enum mode mode, struct lane *lane, struct pipe *pipe) {
    for (struct batch *batch; (batch = batches_get(&pipe->full));) {
        for (uint32_t i = 0; i < BATCH_BLOCKS; i++) drop(lane, mode, i, batch->block[i]);
        if (mode == MODE_MEMORY) live_post(lane);
        lane->made.free += BATCH_BLOCKS;
        batches_put(&pipe->empty, batch);
    }
}
DEFINE_MODES(consume, (struct lane * lane, struct pipe *pipe), lane, pipe);

static void batches_lane(struct lane *lane, void *shared) {
    struct pipe *pipe = shared;
    (lane->id < pipe->producers ? produce_of : consume_of)[settings.mode](lane, pipe);
}

static void run_pipe(const struct scenario *scenario, uint32_t least, uint32_t most) {
    struct pipe pipe = {.producers = scenario->threads / 2, .sizes = draw_sizes(least, most)};
    struct crew crew = {.n = scenario->threads, .work = batches_lane, .shared = &pipe};
    pipe.batches = scaled(800) / pipe.producers + 1;
    batches_open(&pipe.full, pipe.producers);
    batches_open(&pipe.empty, 1); /* never closed */
    for (unsigned i = 0; i < BATCHES_MAX; i++) batches_put(&pipe.empty, map(sizeof(struct batch)));
    crew_runs(&crew);
    outcome.operations = pipe.producers * pipe.batches * BATCH_BLOCKS;
    memory_at_end();
    memory_drained();
}

static void run_batches(const struct scenario *scenario) {
    run_pipe(scenario, 64, 64);
}

static void run_batches_mixed(const struct scenario *scenario) {
    run_pipe(scenario, 16, 1024);
}

/* ---- bleed: any slot is replaced by any thread, which frees what it finds there ---- */

#define BLEED_SLOTS 20000u

struct bleed {
    _Atomic(void *) *slot;
    uint64_t *script[LANES_MAX]; /* slot, and bytes above 32 bits */
    uint64_t operations;         /* of each thread */
    unsigned threads;
};

static uint64_t bleed_draw(uint64_t *random) {
    uint32_t bytes = random_log_uniform(random, 16, 2048);
    return random_below(random, BLEED_SLOTS) | (uint64_t)bytes << 32;
}

static void bleed_fill(struct lane *lane, void *shared) {
    struct bleed *bleed = shared;
    uint64_t random = settings.seed + lane->id;
    for (uint32_t s = lane->id; s < BLEED_SLOTS; s += bleed->threads) {
        uint32_t bytes = (uint32_t)(bleed_draw(&random) >> 32);
        void *at = take(lane, settings.mode == MODE_MEMORY ? MODE_MEMORY : MODE_TIMED, s, bytes);
        atomic_store_explicit(&bleed->slot[s], at, memory_order_release);
        lane->made.malloc++;
    }
}

INLINE void bleed_work(enum mode mode, struct lane *lane, struct bleed *bleed) {
    const uint64_t *script = bleed->script[lane->id];
    for (uint64_t i = 0; i < bleed->operations; i++) {
        uint32_t name = (uint32_t)script[i];
        void *at = take(lane, mode, name, (uint32_t)(script[i] >> 32));
        drop(lane, mode, name, atomic_exchange_explicit(&bleed->slot[name], at, memory_order_acq_rel));
    }
    lane->made.malloc += bleed->operations;
    lane->made.free += bleed->operations;
}
DEFINE_MODES(bleed_work, (struct lane * lane, struct bleed *bleed), lane, bleed);

static void bleed_lane(struct lane *lane, void *shared) {
    bleed_work_of[settings.mode](lane, shared);
}

/* Looks at what is left, and frees it. */
static void bleed_end(struct bleed *bleed) {
    struct lane *lane = &outcome.lane[LANES_MAX];
    lane_begins(lane);
    census_opens(BLEED_SLOTS);
    for (uint32_t s = 0; s < BLEED_SLOTS; s++) {
        void *at = atomic_load(&bleed->slot[s]);
        outcome.usable_at_peak += malloc_usable_size(at);
        outcome.requested_at_peak += word_bytes(*(uint64_t *)at);
        census_add(at);
    }
    census_closes();
    outcome.live_end = outcome.requested_at_peak;
    for (uint32_t s = 0; s < BLEED_SLOTS; s++) drop(lane, MODE_TIMED, s, atomic_load(&bleed->slot[s]));
    lane->made.free += BLEED_SLOTS;
    lane_ends(lane);
}

static void run_bleed(const struct scenario *scenario) {
    struct bleed bleed = {.threads = scenario->threads, .operations = scaled(2400000) / scenario->threads + 1};
    struct crew crew = {.n = scenario->threads, .prepare = bleed_fill, .work = bleed_lane, .shared = &bleed};
    bleed.slot = map(BLEED_SLOTS * sizeof *bleed.slot);
    for (unsigned t = 0; t < crew.n; t++) {
        uint64_t random = settings.seed + LANES_MAX + t;
        bleed.script[t] = map(bleed.operations * sizeof(uint64_t));
        for (uint64_t i = 0; i < bleed.operations; i++) bleed.script[t][i] = bleed_draw(&random);
    }
    crew_runs(&crew);
    outcome.operations = crew.n * bleed.operations;
    memory_at_end();
    bleed_end(&bleed);
    memory_drained();
}

/* ---- churn: short lives, each of which frees what one before it has left ---- */

#define CHURN_BLOCKS 5000u
#define CHURN_KEEPS 1000u /* the last ones of the order, for the next life but one */

struct churn {
    const uint32_t *sizes, *order;
    void **block[2]; /* of every other life */
};

struct life {
    struct churn *churn;
    uint64_t number;
    pthread_t thread;
};

INLINE void churn_work(enum mode mode, struct lane *lane, const struct life *life) {
    const struct churn *churn = life->churn;
    void **block = churn->block[life->number % 2];
    uint32_t left = life->number < 2 ? CHURN_BLOCKS : CHURN_BLOCKS - CHURN_KEEPS;
    for (uint32_t i = left; i < CHURN_BLOCKS; i++) drop(lane, mode, churn->order[i], block[churn->order[i]]);
    for (uint32_t i = 0; i < CHURN_BLOCKS; i++) {
        block[i] = take(lane, mode, i, churn->sizes[(life->number * 7919 + i) % SIZES]);
    }
    for (uint32_t i = 0; i < CHURN_BLOCKS - CHURN_KEEPS; i++) {
        drop(lane, mode, churn->order[i], block[churn->order[i]]);
    }
    lane->made.malloc += CHURN_BLOCKS;
    lane->made.free += CHURN_BLOCKS - CHURN_KEEPS + (CHURN_BLOCKS - left);
}
DEFINE_MODES(churn_work, (struct lane * lane, const struct life *life), lane, life);

static void *life_runs(void *argument) {
    struct life *life = argument;
    struct lane *lane = &outcome.lane[life->number % 2];
    lane_begins(lane);
    churn_work_of[settings.mode](lane, life);
    live_post(lane);
    lane_ends(lane);
    return NULL;
}

/* Two lives at a time. */
static void churn_lives(struct churn *churn, uint64_t lives) {
    struct life life[2];
    for (uint64_t k = 0; k < lives + 2; k++) {
        if (k >= 2) pthread_join(life[k % 2].thread, NULL);
        if (k >= lives) continue;
        life[k % 2] = (struct life){.churn = churn, .number = k};
        start_thread(&life[k % 2].thread, life_runs, &life[k % 2]);
    }
}

static void churn_drain(const struct churn *churn) {
    struct lane *lane = &outcome.lane[LANES_MAX];
    lane_begins(lane);
    for (unsigned half = 0; half < 2; half++) {
        for (uint32_t i = CHURN_BLOCKS - CHURN_KEEPS; i < CHURN_BLOCKS; i++) {
            uint32_t name = churn->order[i];
            void *at = churn->block[half][name];
            outcome.live_end += word_bytes(*(uint64_t *)at);
            drop(lane, MODE_TIMED, name, at);
        }
    }
    lane->made.free += 2 * CHURN_KEEPS;
    lane_ends(lane);
}

static void run_churn(const struct scenario *scenario) {
    struct churn churn = {.sizes = draw_sizes(16, 512), .order = draw_order(CHURN_BLOCKS)};
    uint64_t lives = scaled(300) + 1;
    (void)scenario;
    churn.block[0] = map(CHURN_BLOCKS * sizeof(void *));
    churn.block[1] = map(CHURN_BLOCKS * sizeof(void *));
    memory_begins();
    timing_begins();
    churn_lives(&churn, lives);
    timing_ends();
    outcome.operations = lives * CHURN_BLOCKS;
    outcome.live_grain = 2 * LIVE_GRAIN;
    memory_at_end();
    churn_drain(&churn);
    memory_drained();
}

const struct scenario threaded_scenarios[] = {
    {"exchange_2", "64 bytes, each of 2 threads frees what the other has allocated", 2, run_exchange},
    {"exchange_4", "... of 4 threads what its neighbour has", 4, run_exchange},
    {"batches_2", "64 bytes, one thread allocates, another frees", 2, run_batches},
    {"batches_4", "... two allocate, two free", 4, run_batches},
    {"batches_mixed_2", "16 to 1024 bytes, one thread allocates, another frees", 2, run_batches_mixed},
    {"bleed_2", "16 to 2048 bytes, any of 20,000 is replaced by any of 2 threads", 2, run_bleed},
    {"bleed_4", "... of 4 threads", 4, run_bleed},
    {"churn", "16 to 512 bytes, short-lived threads that leave blocks to others", 2, run_churn},
    {NULL, NULL, 0, NULL}};
