/* alloc_course.c - see alloc_course.h. */
#include "alloc_course.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../impl/alloc.h"
#include "clock.h"
#include "resident.h"

#define TURNS_MAX 20000u  /* about; each costs two wake-ups */
#define TURN_WORDS_MAX 4096u
#define LOOKS_MAX 64u     /* at the resident set, over the course */
#define DRAIN_LOOKS_MAX 8u
#define CENSUS_BLOCKS_MAX (1u << 21)
#define PAGE 4096u

/* A cache line with a block on it, and whose. */
struct owner {
    uintptr_t line; /* 0: none */
    uint32_t thread;
};
#define OWNED_BY_SEVERAL UINT32_MAX

/* What is live at one moment. */
struct census {
    uint64_t blocks, bytes, usable_bytes, shared_blocks;
};

struct look {
    uint64_t ops, live_bytes, rss_bytes;
};

struct mk_course {
    const struct mk_streams *streams;
    struct mk_turns *turns;
    struct mk_instance *instance;
    uint32_t threads;
    uint64_t rss_before;
    uint64_t ops, ops_all;
    uint64_t live_bytes, peak_live_bytes; /* in slots, and on the way from thread to thread */
    bool peak_was_reset;
    uint64_t peak_rss_bytes;
    size_t *at;    /* by thread: words of the present stage that are done */
    uint64_t *age; /* by thread: words since it began, where threads are short-lived */
    uint64_t turn_number;
    struct look look[LOOKS_MAX + 8];
    size_t looks_n;
    uint64_t look_at; /* when so many words are done */
    struct census census;
    struct owner *owner; /* NULL: more blocks than are looked at */
    size_t owners;       /* a power of two */
    uint64_t drain_at_ns[DRAIN_LOOKS_MAX], drain_rss_bytes[DRAIN_LOOKS_MAX], drain_live_bytes;
    size_t drain_n;
};

/* ---- memory of its own --------------------------------------------------------------------- */

static const struct mk_workload *workload_of(const struct mk_course *course) {
    return &course->streams->point->workload;
}

static uint64_t words_of(const struct mk_words *words, uint32_t threads) {
    uint64_t sum = 0;
    for (uint32_t t = 0; t < threads; t++) sum += words[t].n;
    return sum;
}

/* Not of the C library, whose heap may be what is looked at. */
static void open_owners(struct mk_course *course) {
    const struct mk_workload_blocks *blocks = &workload_of(course)->blocks;
    uint64_t slots = (blocks->live + 2 * blocks->batch) * course->threads;
    if (course->threads < 2 || slots > CENSUS_BLOCKS_MAX) return;
    course->owners = 64;
    while (course->owners < 3 * slots) course->owners *= 2;
    size_t bytes = course->owners * sizeof *course->owner;
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return;
    course->owner = at;
    memset(at, 0, bytes);
}

struct mk_course *mk_course_open(const struct mk_streams *streams, struct mk_turns *turns) {
    struct mk_course *course = mk_need(1, sizeof *course);
    course->streams = streams;
    course->turns = turns;
    course->threads = streams->threads;
    course->at = mk_need(streams->threads, sizeof *course->at);
    course->age = mk_need(streams->threads, sizeof *course->age);
    course->ops_all = words_of(streams->prefill, streams->threads) + words_of(streams->age.words, streams->threads);
    memset(&course->census, 0, sizeof course->census);
    open_owners(course);
    memset(course->look, 0, sizeof course->look); /* touches the pages */
    return course;
}

void mk_course_close(struct mk_course *course) {
    if (!course) return;
    if (course->owner) munmap(course->owner, course->owners * sizeof *course->owner);
    free(course->at);
    free(course->age);
    free(course);
}

/* ---- who shares lines with whom ------------------------------------------------------------ */

static struct owner *owner_of(struct mk_course *course, uintptr_t line) {
    size_t at = (size_t)mk_mix64(line) & (course->owners - 1);
    while (course->owner[at].line && course->owner[at].line != line) at = (at + 1) & (course->owners - 1);
    return &course->owner[at];
}

static void own(struct mk_course *course, uintptr_t line, uint32_t thread) {
    struct owner *owner = owner_of(course, line);
    if (!owner->line) {
        owner->line = line;
        owner->thread = thread;
    } else if (owner->thread != thread) {
        owner->thread = OWNED_BY_SEVERAL;
    }
}

/* The lines between are the block's alone. */
static uintptr_t first_line(const struct mk_block *block) {
    return (uintptr_t)block->at / MK_CACHE_LINE;
}

static uintptr_t last_line(const struct mk_block *block) {
    return ((uintptr_t)block->at + block->bytes - 1) / MK_CACHE_LINE;
}

static bool is_shared(struct mk_course *course, const struct mk_block *block) {
    return owner_of(course, first_line(block))->thread == OWNED_BY_SEVERAL ||
           owner_of(course, last_line(block))->thread == OWNED_BY_SEVERAL;
}

/* ---- what is live -------------------------------------------------------------------------- */

typedef void visit_fn(struct mk_course *course, const struct mk_block *block, uint32_t thread, void *arg);

static void each_block(struct mk_course *course, visit_fn *visit, void *arg) {
    for (uint32_t t = 0; t < course->threads; t++) {
        const struct mk_blocks *blocks = &course->instance->blocks[t];
        for (uint32_t s = 0; s < blocks->slots; s++) {
            if (blocks->slot[s].at) visit(course, &blocks->slot[s], t, arg);
        }
    }
}

static void own_lines(struct mk_course *course, const struct mk_block *block, uint32_t thread, void *arg) {
    (void)arg;
    own(course, first_line(block), thread);
    own(course, last_line(block), thread);
}

static void count_block(struct mk_course *course, const struct mk_block *block, uint32_t thread, void *arg) {
    struct census *census = arg;
    const struct mk_impl *impl = course->instance->impl;
    void *self = mk_instance_self(course->instance, thread);
    struct mk_mem mem = {0};
    impl->as_mem(self, &mem);
    census->blocks++;
    census->bytes += block->bytes;
    if (mem.usable) census->usable_bytes += mem.usable(mem.self, block->at, block->bytes);
    else if (impl->footprint) census->usable_bytes += impl->footprint(self, block->at, block->bytes);
    if (course->owner) census->shared_blocks += is_shared(course, block);
}

static void count_blocks(struct mk_course *course) {
    struct census census = {0};
    if (course->owner) {
        memset(course->owner, 0, course->owners * sizeof *course->owner);
        each_block(course, own_lines, NULL);
    }
    each_block(course, count_block, &census);
    course->census = census;
}

/* ---- looks --------------------------------------------------------------------------------- */

static uint64_t grown(const struct mk_course *course, uint64_t rss_bytes) {
    if (rss_bytes == UINT64_MAX || course->rss_before == UINT64_MAX) return UINT64_MAX;
    return rss_bytes > course->rss_before ? rss_bytes - course->rss_before : 0;
}

static void raise_peak(struct mk_course *course, uint64_t rss_bytes) {
    if (rss_bytes == UINT64_MAX) return;
    bool is_higher = course->peak_rss_bytes == UINT64_MAX || rss_bytes > course->peak_rss_bytes;
    if (is_higher) course->peak_rss_bytes = rss_bytes;
}

/* Nobody has the turn. Blocks are counted as they become more, so that they are where most are live. */
static void look(struct mk_course *course) {
    uint64_t rss = grown(course, mk_resident_bytes());
    raise_peak(course, rss);
    if (course->live_bytes > course->census.bytes + course->census.bytes / 8) count_blocks(course);
    if (rss == UINT64_MAX || course->looks_n == sizeof course->look / sizeof *course->look) return;
    course->look[course->looks_n++] = (struct look){course->ops, course->live_bytes, rss};
    course->look_at = course->ops + course->ops_all / LOOKS_MAX + 1;
}

void mk_course_begin(struct mk_course *course, struct mk_instance *instance) {
    course->instance = instance;
    course->rss_before = instance->rss_before;
    course->peak_rss_bytes = UINT64_MAX;
    course->peak_was_reset = mk_resident_reset_peak();
    look(course);
}

/* ---- turns --------------------------------------------------------------------------------- */

/* Bytes of the blocks that a word may free or replace, or has put there. */
static uint64_t bytes_at(const struct mk_blocks *blocks, uint64_t word) {
    uint32_t first = MK_SLOT(word), end = first + 1;
    uint64_t bytes = 0;
    if (MK_CODE(word) == MK_ALLOC_RESET) {
        end = first;
        first = 0;
    } else if (MK_CODE(word) == MK_ALLOC_REWIND) {
        end = MK_BYTES(word) >> MK_SCOPE_BITS;
    }
    for (uint32_t s = first; s < end; s++) bytes += blocks->slot[s].at ? blocks->slot[s].bytes : 0;
    return bytes;
}

/* Each page is written to, as a user of the whole block would, and what is in it stays. */
static void touch_pages(const struct mk_block *block) {
    volatile unsigned char *at = block->at;
    if (!at) return;
    for (size_t i = 0; i < block->bytes; i += PAGE) at[i] = at[i];
    at[block->bytes - 1] = at[block->bytes - 1];
}

static void do_word(struct mk_course *course, uint32_t thread, uint64_t word) {
    struct mk_instance *instance = course->instance;
    struct mk_blocks *blocks = &instance->blocks[thread];
    struct mk_tally tally = {{0}, 0, 0};
    unsigned code = MK_CODE(word);
    bool slot_alone = code != MK_ALLOC_RESET && code != MK_ALLOC_REWIND && code != MK_ALLOC_MARK;
    uint64_t before = code == MK_ALLOC_MARK ? 0 : bytes_at(blocks, word);
    instance->impl->batch(mk_instance_self(instance, thread), &instance->me[thread], &word, 1, &tally);
    uint64_t after = code == MK_ALLOC_MARK ? 0 : bytes_at(blocks, word);
    /* what changes hands is live before and after */
    bool handed = tally.hits[MK_ALLOC_GIVE] || tally.hits[MK_ALLOC_TAKE];
    if (!handed) course->live_bytes += after - before;
    if (course->live_bytes > course->peak_live_bytes) course->peak_live_bytes = course->live_bytes;
    if (slot_alone && !(instance->impl->caps & MK_FLOOR)) touch_pages(&blocks->slot[MK_SLOT(word)]);
}

struct turn {
    struct mk_course *course;
    const uint64_t *words;
    size_t n;
};

static void take_turn(void *arg, uint32_t thread) {
    struct turn *turn = arg;
    for (size_t i = 0; i < turn->n; i++) do_word(turn->course, thread, turn->words[i]);
}

static void leave(void *arg, uint32_t thread) {
    mk_instance_leave(((struct turn *)arg)->course->instance, thread);
}

/* The one before it could: that there is no place any more fails the cell, and the worker ends with it. */
static void enter(void *arg, uint32_t thread) {
    struct mk_err err;
    if (!mk_instance_enter(((struct turn *)arg)->course->instance, thread, &err)) return;
    fprintf(stderr, "memkit-bench: %s\n", err.text);
    _exit(6);
}

/* The thread ends, and another one comes in its place. */
static void renew(struct mk_course *course, uint32_t thread) {
    struct turn turn = {course, NULL, 0};
    struct mk_err err;
    mk_turns_do(course->turns, thread, leave, &turn);
    if (!mk_turns_renew(course->turns, thread, &err)) mk_turns_do(course->turns, thread, enter, &turn);
    else enter(&turn, thread);
    course->age[thread] = 0;
}

static uint64_t life_of(const struct mk_course *course, uint32_t thread) {
    const struct mk_plan_point *point = course->streams->point;
    return point->phases[0].groups[course->streams->phase[0].group_of[thread]].thread_life_ops;
}

/* Returns the words of the next turn: few enough that threads mix as if they ran side by side, and now more, now
 * less, so that no pattern of theirs fits a cache line. */
static size_t turn_words(struct mk_course *course) {
    uint64_t mean = course->ops_all / TURNS_MAX;
    mean = mean < 2 ? 2 : mean > TURN_WORDS_MAX ? TURN_WORDS_MAX : mean;
    return 1 + (size_t)(mk_mix64(course->turn_number++) % (2 * mean - 1));
}

/* Returns how many words it was: 0 when none is left. */
static size_t have_turn(struct mk_course *course, uint32_t thread, const struct mk_words *words, bool lives) {
    size_t n = turn_words(course), left = words->n - course->at[thread];
    struct turn turn = {course, words->at + course->at[thread], n < left ? n : left};
    uint64_t life = lives ? life_of(course, thread) : 0;
    if (!left) return 0;
    if (life && course->age[thread] >= life) renew(course, thread);
    mk_turns_do(course->turns, thread, take_turn, &turn);
    course->at[thread] += turn.n;
    course->age[thread] += turn.n;
    course->ops += turn.n;
    return turn.n;
}

void mk_course_consume(struct mk_course *course, const struct mk_words *words, bool lives) {
    size_t done = 1;
    memset(course->at, 0, course->threads * sizeof *course->at);
    while (done) {
        done = 0;
        for (uint32_t t = 0; t < course->threads; t++) done += have_turn(course, t, &words[t], lives);
        if (course->ops >= course->look_at) look(course);
    }
    look(course);
    if (course->live_bytes >= course->census.bytes / 2) count_blocks(course);
}

/* ---- afterwards ---------------------------------------------------------------------------- */

/* The first slot is never kept: it is needed for those that are on their way. */
static bool is_kept(const struct mk_course *course, uint32_t thread, uint32_t slot) {
    double keep = workload_of(course)->drain.keep;
    uint64_t chance = mk_mix64(((uint64_t)thread << 32 | slot) ^ 0x6b656570) >> 11;
    return slot && (double)chance < keep * 0x1p53;
}

/* Returns a word that drops all blocks of a thread whose operations drop them together, or 0. */
static uint64_t drop_word(const struct mk_course *course, uint32_t thread) {
    const struct mk_stage *stage = &course->streams->phase[0];
    const struct mk_ops *ops = &stage->ops[stage->group_of[thread]];
    uint32_t slots = course->instance->blocks[thread].slots;
    for (unsigned i = 0; i < ops->types; i++) {
        if (ops->type[i].role == MK_ROLE_BUILD) return MK_PACK_BLOCK(MK_ALLOC_RESET, slots, 0);
        if (ops->type[i].role == MK_ROLE_FRAME) return MK_PACK_BLOCK(MK_ALLOC_REWIND, 0, MK_SCOPE_END(slots, 0));
    }
    return 0;
}

static void free_all(void *arg, uint32_t thread) {
    struct mk_course *course = ((struct turn *)arg)->course;
    const struct mk_blocks *blocks = &course->instance->blocks[thread];
    uint64_t drop = drop_word(course, thread);
    if (drop && course->age[thread]) do_word(course, thread, drop);
    for (uint32_t s = 0; s < blocks->slots; s++) {
        if (!is_kept(course, thread, s)) do_word(course, thread, MK_PACK_BLOCK(MK_ALLOC_FREE, s, 0));
    }
    mk_instance_drain_ring(course->instance, thread);
}

static void add_bytes(struct mk_course *course, const struct mk_block *block, uint32_t thread, void *arg) {
    (void)course;
    (void)thread;
    *(uint64_t *)arg += block->bytes;
}

static void look_drained(struct mk_course *course, uint64_t from_ns) {
    if (course->drain_n == DRAIN_LOOKS_MAX) return;
    course->drain_at_ns[course->drain_n] = mk_wall_ns() - from_ns;
    course->drain_rss_bytes[course->drain_n++] = grown(course, mk_resident_bytes());
}

/* At once, then after 100 ms, 1 s, 10 s as far as that is less than the end. */
static void watch(struct mk_course *course, uint64_t end_ns) {
    uint64_t from = mk_wall_ns();
    look_drained(course, from);
    for (uint64_t at = 100000000; at < end_ns; at *= 10) {
        mk_sleep_until(from + at);
        look_drained(course, from);
    }
    if (!end_ns) return;
    mk_sleep_until(from + end_ns);
    look_drained(course, from);
}

void mk_course_drain(struct mk_course *course) {
    struct turn turn = {course, NULL, 0};
    raise_peak(course, course->peak_was_reset ? grown(course, mk_resident_peak_bytes()) : UINT64_MAX);
    for (uint32_t t = 0; t < course->threads; t++) mk_turns_do(course->turns, t, free_all, &turn);
    each_block(course, add_bytes, &course->drain_live_bytes);
    watch(course, workload_of(course)->drain.watch_ms * 1000000);
}

/* ---- what came of it ----------------------------------------------------------------------- */

static void add(uint64_t **list, size_t *n, uint64_t value) {
    *(uint64_t *)mk_grow(list, n, sizeof value) = value;
}

void mk_course_sample(const struct mk_course *course, struct mk_memory_sample *sample) {
    const struct mk_impl *impl = course->instance->impl;
    struct mk_mem mem = {0};
    impl->as_mem(mk_instance_self(course->instance, 0), &mem);
    sample->peak_live_bytes = course->peak_live_bytes;
    sample->peak_rss_bytes = course->peak_rss_bytes;
    sample->census_blocks = course->census.blocks;
    sample->census_bytes = course->census.bytes;
    if (mem.usable || impl->footprint) sample->census_usable_bytes = course->census.usable_bytes;
    if (course->owner) sample->census_shared_blocks = course->census.shared_blocks;
    for (size_t i = 0; i < course->looks_n; i++) {
        add(&sample->course_ops, &sample->course_ops_n, course->look[i].ops);
        add(&sample->course_live_bytes, &sample->course_live_bytes_n, course->look[i].live_bytes);
        add(&sample->course_rss_bytes, &sample->course_rss_bytes_n, course->look[i].rss_bytes);
    }
    sample->drain_live_bytes = course->drain_live_bytes;
    for (size_t i = 0; i < course->drain_n; i++) {
        add(&sample->drain_at_ns, &sample->drain_at_ns_n, course->drain_at_ns[i]);
        add(&sample->drain_rss_bytes, &sample->drain_rss_bytes_n, course->drain_rss_bytes[i]);
    }
}
