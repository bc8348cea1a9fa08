/* scene.h - a program that does what programs do with malloc and free, and little else; what its files share.
 *
 * One process runs one scenario, on whatever malloc it was started with (LD_PRELOAD). Its own records lie in
 * mappings that are touched before anything is measured. Calls of one thread go through a lane; the mode is a
 * constant where they are made, so that a timed loop holds the calls, one write to the block and one read of it,
 * and no more.
 *
 * The first 8 bytes of a block say who has it: what the scenario calls it (32 bits), its size (28), its thread (4).
 */
#ifndef MALLOC_SCENE_H
#define MALLOC_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))
#define LINE 64
#define PAGE 4096
#define LANES_MAX 8
#define OWN_LINES __attribute__((aligned(2 * LINE)))

enum mode { MODE_TIMED, MODE_MEMORY, MODE_LATENCY, MODES };

/* ---- latency.c: how long single calls take ---- */

#define HIST_BUCKETS (64 * 32)

struct hist {
    uint64_t n;
    uint32_t bucket[HIST_BUCKETS];
};

struct latency {
    struct hist take, drop; /* malloc and its kin; free */
};

/* Ticks of the clock that costs least to read. */
INLINE uint64_t ticks(void) {
#if defined(__x86_64__)
    return __rdtsc();
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
}

void hist_add(struct hist *hist, uint64_t value);
void hist_merge(struct hist *into, const struct hist *from);
/* Returns the end of the bucket that so many of a million values lie in or below, in ticks. */
uint64_t hist_at(const struct hist *hist, uint32_t of_a_million);

/* ---- lanes ---- */

struct calls {
    uint64_t malloc, calloc, realloc, free;
};

/* What one thread does. */
struct lane {
    unsigned id;
    uint32_t skip;         /* calls until the next one is timed */
    uint64_t random;       /* state */
    uint64_t wrong;        /* blocks that did not hold what was written into them */
    int64_t unposted;      /* live bytes that are not counted yet */
    struct latency *times; /* in MODE_LATENCY */
    struct calls made;     /* as scripted */
    struct calls seen, seen_before;
} OWN_LINES;

struct settings {
    enum mode mode;
    uint32_t percent; /* of the usual number of operations */
    uint64_t seed;
};

/* What a scenario reports, filled as it goes. */
struct outcome {
    unsigned threads;
    uint64_t operations;      /* blocks asked for while it was timed */
    uint64_t cpu_ns, wall_ns; /* of all threads, while it was timed */
    uint64_t faults;
    double ticks_per_ns;
    struct lane *lane; /* of LANES_MAX + 1; the last one is the first thread's, beside the others */
    /* memory, in bytes; what was there before the scenario is taken off */
    uint64_t startup, base, peak_rss, rss_at_peak, usable_at_peak, requested_at_peak, rss_end, live_end, huge;
    uint64_t rss_drained[2], lazy_free;
    uint32_t drained_ms[2];
    bool peak_was_reset;
    int64_t peak_live;   /* requested */
    uint64_t live_grain; /* it may be lower by so much */
    uint64_t objects, shared; /* live blocks that were looked at; those on a line with one of another thread */
};

extern struct outcome outcome;
extern struct settings settings;

/* ---- process.c: the process, seen from inside ---- */

/* Returns zeroed memory that has been touched and is no malloc's. Ends the program if there is none. */
void *map(size_t bytes);
void unmap(void *at, size_t bytes);
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* Returns the library that malloc and free come from; NULL: they come from several. */
const char *malloc_library(void);

/* Begins and ends what is timed. */
void timing_begins(void);
void timing_ends(void);

/* Before anything is asked for: what the program and its libraries have written to. */
void memory_at_start(void);
/* From here on memory is the scenario's. */
void memory_begins(void);
/* At the point where most bytes are live. */
void memory_at_peak(void);
/* All is live that will ever be, and all is freed. */
void memory_at_end(void);
void memory_drained(void);

/* Counts live bytes of several threads, and the most there ever were. */
void live_post(struct lane *lane);

/* Between these a lane makes the calls of the scenario and no others. What was seen of them is known where
 * something counts calls (malloc_count.c, preloaded). */
void lane_begins(struct lane *lane);
void lane_ends(struct lane *lane);

/* ---- sharing.c: who shares lines with whom ---- */

/* Counts a live block among those that are looked at. */
void census_add(const void *block);
/* Room for so many, before the first is added. */
void census_opens(size_t objects);
void census_closes(void);

/* ---- random numbers ---- */

INLINE uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Returns a number below `end`. */
INLINE uint32_t random_below(uint64_t *state, uint32_t end) {
    return (uint32_t)((next_random(state) >> 32) * end >> 32);
}

/* Returns a size between the two; every doubling is as likely as any other. */
uint32_t random_log_uniform(uint64_t *state, uint32_t least, uint32_t most);
void shuffle(uint32_t *at, size_t n, uint64_t *state);

/* ---- the calls ---- */

#define LIVE_GRAIN 16384 /* bytes a thread counts for itself before it tells */

INLINE uint64_t word_of(const struct lane *lane, uint32_t name, uint32_t bytes) {
    return (uint64_t)lane->id << 60 | (uint64_t)bytes << 32 | name;
}
INLINE uint32_t word_name(uint64_t word) {
    return (uint32_t)word;
}
INLINE uint32_t word_bytes(uint64_t word) {
    return (uint32_t)(word >> 32) & 0x0fffffff;
}
INLINE unsigned word_lane(uint64_t word) {
    return (unsigned)(word >> 60);
}

/* As its user would: the beginning of the block, and of a larger one each page that begins behind `from`. */
INLINE void write_block(void *at, size_t from, uint32_t bytes, uint64_t word) {
    *(volatile uint64_t *)at = word;
    if (bytes <= PAGE) return;
    for (size_t page = from < PAGE ? PAGE : (from + PAGE - 1) / PAGE * PAGE; page < bytes; page += PAGE) {
        ((volatile char *)at)[page] = 1;
    }
    ((volatile char *)at)[bytes - 1] = 1;
}

INLINE void count_live(struct lane *lane, enum mode mode, int64_t change) {
    if (mode != MODE_MEMORY) return;
    lane->unposted += change;
    if (lane->unposted > LIVE_GRAIN || lane->unposted < -LIVE_GRAIN) live_post(lane);
}

/* Whether this call is one of those that are timed: about one in eight. */
INLINE bool is_sampled(struct lane *lane, enum mode mode) {
    if (mode != MODE_LATENCY || lane->skip--) return false;
    lane->skip = random_below(&lane->random, 15);
    return true;
}

INLINE void *take_how(struct lane *lane, enum mode mode, uint32_t name, uint32_t bytes, bool zeroed) {
    bool sampled = is_sampled(lane, mode);
    uint64_t began = sampled ? ticks() : 0;
    void *at = zeroed ? calloc(1, bytes) : malloc(bytes);
    if (sampled) hist_add(&lane->times->take, ticks() - began);
    if (__builtin_expect(!at, 0)) die("malloc(%u) returned NULL", bytes);
    if (zeroed) lane->wrong += *(volatile uint64_t *)at || ((volatile char *)at)[bytes - 1];
    write_block(at, 0, bytes, word_of(lane, name, bytes));
    count_live(lane, mode, bytes);
    return at;
}

/* Returns a block of at least 8 bytes that bears this name. */
INLINE void *take(struct lane *lane, enum mode mode, uint32_t name, uint32_t bytes) {
    return take_how(lane, mode, name, bytes, false);
}

/* Frees the block, which has to bear this name. */
INLINE void drop(struct lane *lane, enum mode mode, uint32_t name, void *at) {
    uint64_t word = *(volatile uint64_t *)at;
    lane->wrong += word_name(word) != name;
    count_live(lane, mode, -(int64_t)word_bytes(word));
    bool sampled = is_sampled(lane, mode);
    uint64_t began = sampled ? ticks() : 0;
    free(at);
    if (sampled) hist_add(&lane->times->drop, ticks() - began);
}

/* Returns the block, now of `bytes`. */
INLINE void *resize(struct lane *lane, enum mode mode, uint32_t name, void *at, uint32_t bytes) {
    uint32_t had = word_bytes(*(volatile uint64_t *)at);
    bool sampled = is_sampled(lane, mode);
    uint64_t began = sampled ? ticks() : 0;
    at = realloc(at, bytes);
    if (sampled) hist_add(&lane->times->take, ticks() - began);
    if (__builtin_expect(!at, 0)) die("realloc(%u) returned NULL", bytes);
    lane->wrong += word_name(*(volatile uint64_t *)at) != name;
    write_block(at, had, bytes, word_of(lane, name, bytes));
    count_live(lane, mode, (int64_t)bytes - had);
    return at;
}

/* ---- scenarios ---- */

struct scenario {
    const char *name, *about;
    unsigned threads;
    void (*run)(const struct scenario *scenario);
};

/* Each ends with a NULL name. */
extern const struct scenario scripted_scenarios[], threaded_scenarios[], sharing_scenarios[];

/* Returns so much of `usual` as the settings ask for, at least 1. */
uint64_t scaled(uint64_t usual);

/* The loops of a scenario, one a mode: DEFINE_MODES(f, (args), (names)) makes f_timed and so on of f, whose first
 * argument is the mode. */
#define DEFINE_MODES(f, arguments, ...)                                                \
    static __attribute__((noinline)) void f##_timed arguments {                        \
        f(MODE_TIMED, __VA_ARGS__);                                                    \
    }                                                                                  \
    static __attribute__((noinline)) void f##_memory arguments {                       \
        f(MODE_MEMORY, __VA_ARGS__);                                                   \
    }                                                                                  \
    static __attribute__((noinline)) void f##_latency arguments {                      \
        f(MODE_LATENCY, __VA_ARGS__);                                                  \
    }                                                                                  \
    static void (*const f##_of[MODES]) arguments = {f##_timed, f##_memory, f##_latency}

#endif
