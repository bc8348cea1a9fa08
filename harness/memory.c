/* memory.c - see memory.h. */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "../impl/alloc.h"
#include "alloc_course.h"
#include "alloc_replay_run.h"
#include "garbage.h"
#include "instance.h"
#include "registry.h"
#include "resident.h"
#include "sample.h"
#include "streams.h"
#include "turns.h"

struct bytes {
    uint64_t elements, requested, structure, rss, peak;
};

/* One cell. Where threads take turns, each does what is its own; else one plays all of them. */
struct stand {
    struct mk_instance instance;
    struct mk_streams streams;
    struct mk_turns *turns;   /* NULL: one plays all */
    struct mk_course *course; /* NULL: no allocator, a floor, or a trace */
    struct mk_alloc_replay_run *replay; /* of a trace of allocations; or NULL */
    struct mk_err err;
    bool failed;
};

/* Has a thread do it, as its turn or in its place. */
static void as(struct stand *stand, uint32_t thread, mk_turn_fn *turn) {
    if (stand->turns) mk_turns_do(stand->turns, thread, turn, stand);
    else turn(stand, thread);
}

static uint64_t minor_faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_minflt;
}

/* Live blocks of a replay. */
struct replayed_blocks {
    const struct mk_instance *instance;
    struct bytes *bytes;
    bool leaf;
};

static void add_replayed_block(void *arg, uint32_t thread, void *at, size_t bytes) {
    struct replayed_blocks *blocks = arg;
    const struct mk_instance *instance = blocks->instance;
    blocks->bytes->elements++;
    blocks->bytes->requested += bytes;
    if (!blocks->leaf || !instance->impl->footprint) return;
    blocks->bytes->structure += instance->impl->footprint(mk_instance_self(instance, thread), at, bytes);
}

/* Live blocks of an allocator under test, as the threads' slots have them. */
static void add_blocks(const struct mk_instance *instance, struct bytes *bytes) {
    bool leaf = bytes->structure == 0;
    for (uint32_t t = 0; instance->blocks && t < instance->threads; t++) {
        for (uint32_t s = 0; s < instance->blocks[t].slots; s++) {
            const struct mk_block *block = &instance->blocks[t].slot[s];
            if (!block->at) continue;
            bytes->elements++;
            bytes->requested += block->bytes;
            /* one that goes to the system itself says what a block takes; others are counted there */
            if (leaf && instance->impl->footprint) {
                bytes->structure += instance->impl->footprint(mk_instance_self(instance, t), block->at, block->bytes);
            }
        }
    }
}

static void read_bytes(const struct mk_instance *instance, uint64_t rss_before, struct bytes *bytes) {
    uint64_t rss = mk_resident_bytes();
    memset(bytes, 0, sizeof *bytes);
    for (uint32_t i = 0; i < instance->selves; i++) {
        struct mk_memory_figures figures = mk_memory_figures(instance->memory[i]);
        if (!instance->blocks) bytes->requested += figures.requested_bytes;
        bytes->structure += figures.structure_bytes;
        bytes->peak += figures.structure_peak_bytes;
    }
    if (instance->blocks) {
        add_blocks(instance, bytes);
    } else {
        bytes->elements = mk_instance_count(instance);
    }
    bytes->rss = rss == UINT64_MAX || rss_before == UINT64_MAX ? UINT64_MAX : rss > rss_before ? rss - rss_before : 0;
}

/* Each thread's words in turn, a piece at a time, as if all ran side by side. */
static void consume(struct mk_instance *instance, const struct mk_words *words) {
    const size_t piece = 4096;
    struct mk_tally ignored = {{0}, 0, 0};
    bool more = true;
    for (size_t at = 0; more; at += piece) {
        more = false;
        for (uint32_t t = 0; t < instance->threads; t++) {
            if (words[t].n <= at) continue;
            size_t n = words[t].n - at < piece ? words[t].n - at : piece;
            instance->impl->batch(mk_instance_self(instance, t), &instance->me[t], words[t].at + at, n, &ignored);
            more = more || words[t].n > at + n;
        }
    }
}

static void read_reclaim(const struct mk_instance *instance, struct mk_memory_sample *sample, bool peaks) {
    struct mk_garbage garbage;
    mk_garbage_read(instance->impl, instance->self[0], &garbage);
    if (peaks) {
        sample->peak_unreclaimed = garbage.peak_nodes;
        sample->peak_unreclaimed_bytes = garbage.peak_bytes;
    } else {
        sample->unreclaimed = garbage.nodes;
    }
}

/* Where readers stand still in the rounds, a peak without them would pass for one beside them. */
static bool readers_stall(const struct mk_plan_point *point) {
    for (size_t p = 0; p < point->phases_n; p++) {
        for (size_t g = 0; g < point->phases[p].groups_n; g++) {
            if (point->phases[p].groups[g].stall_ms) return true;
        }
    }
    return false;
}

static void give_back(void *arg, uint32_t thread) {
    struct mk_instance *instance = &((struct stand *)arg)->instance;
    struct mk_tally ignored = {{0}, 0, 0};
    if (((struct stand *)arg)->replay) mk_alloc_replay_give_back(((struct stand *)arg)->replay, instance, thread);
    for (uint32_t s = 0; instance->blocks && s < instance->blocks[thread].slots; s++) {
        uint64_t word = MK_PACK_BLOCK(MK_ALLOC_FREE, s, 0);
        instance->impl->batch(mk_instance_self(instance, thread), &instance->me[thread], &word, 1, &ignored);
    }
}

static void flush(void *arg, uint32_t thread) {
    struct mk_instance *instance = &((struct stand *)arg)->instance;
    struct mk_thread *me = &instance->me[thread];
    if (instance->impl->flush) instance->impl->flush(mk_instance_self(instance, thread), me);
    mk_memory_flush(instance->memory[instance->selves == 1 ? 0 : thread], me);
}

static void enter(void *arg, uint32_t thread) {
    struct stand *stand = arg;
    stand->failed = mk_instance_enter(&stand->instance, thread, &stand->err) != 0;
}

static void leave(void *arg, uint32_t thread) {
    mk_instance_leave(&((struct stand *)arg)->instance, thread);
}

static void send_check(const struct mk_cell *cell, const struct mk_run_sink *sink, enum mk_verdict verdict,
                       const char *check, char *detail) {
    struct mk_check_sample sample = {0};
    sample.cell = cell->index;
    sample.verdict = verdict;
    sample.check = mk_need_text(check);
    sample.detail = detail;
    sink->frame(sink->arg, MK_FRAME_CHECK, &sample);
}

/* Takes everything down; what the memory still has out afterwards is lost. */
static void take_down(struct stand *stand, const struct mk_cell *cell, const struct mk_run_sink *sink,
                      struct mk_memory_sample *sample) {
    struct mk_instance *instance = &stand->instance;
    uint64_t lost = 0, strays = 0;
    for (uint32_t t = 0; t < instance->threads; t++) as(stand, t, give_back);
    for (uint32_t t = 0; t < instance->threads; t++) as(stand, t, flush);
    read_reclaim(instance, sample, false);
    sample->requested_bytes_drain = sample->structure_bytes_drain = 0;
    for (uint32_t t = 0; t < instance->threads; t++) as(stand, t, leave);
    for (uint32_t i = 0; i < instance->selves; i++) {
        strays += mk_instance_destroy(instance, i);
        struct mk_memory_figures left = mk_memory_figures(instance->memory[i]);
        sample->requested_bytes_drain += left.requested_bytes;
        left = mk_memory_close(instance->memory[i]);
        instance->memory[i] = NULL;
        sample->structure_bytes_drain += left.structure_bytes;
        lost += left.structure_bytes;
    }
    if (sample->requested_bytes_drain || lost) {
        send_check(cell, sink, MK_VERDICT_FAIL, "leak",
                   mk_need_format("after destroy %llu bytes asked for and %llu bytes of memory are still out",
                                  (unsigned long long)sample->requested_bytes_drain, (unsigned long long)lost));
    } else {
        send_check(cell, sink, MK_VERDICT_PASS, "leak", NULL);
    }
    if (strays) send_check(cell, sink, MK_VERDICT_FAIL, "strays", mk_strays_text(strays));
}

static const char *allocator_name(const struct mk_instance *instance) {
    static char name[128];
    const struct mk_impl *impl =
        instance->composition.memory_n ? instance->composition.memory[0].impl : mk_registry_default("alloc");
    if (instance->blocks) impl = instance->impl;
    snprintf(name, sizeof name, "%s/%s", impl->kind->name, impl->name);
    return name;
}

static int make_streams(const struct mk_plan *plan, const struct mk_cell *cell, struct mk_streams *streams,
                        struct mk_err *err) {
    const struct mk_plan_group *group = &plan->groups[cell->group];
    struct mk_streams_config config = {0};
    config.kind = mk_registry_kind(plan->kind);
    config.point = &plan->points[group->point];
    config.threads = group->threads;
    config.seed = cell->seed;
    config.words_max = 1;
    config.turns = true;
    return mk_streams_make(streams, &config, err);
}

/* Blocks may change hands, and nobody waits for another: a ring that is empty, or full, is passed by. */
static void pair_rings(struct stand *stand) {
    const struct mk_stage *stage = &stand->streams.phase[0];
    uint32_t threads = stand->instance.threads;
    bool *gives = mk_need(threads, sizeof *gives), *takes = mk_need(threads, sizeof *takes);
    struct mk_err err; /* numbers that do not agree have been told before */
    for (uint32_t t = 0; t < threads; t++) {
        const struct mk_ops *ops = &stage->ops[stage->group_of[t]];
        for (unsigned i = 0; i < ops->types; i++) {
            gives[t] = gives[t] || mk_ops_gives(ops->type[i].role);
            takes[t] = takes[t] || mk_ops_takes(ops->type[i].role);
        }
    }
    uint64_t before = mk_resident_bytes();
    if (!mk_instance_pair(&stand->instance, gives, takes, &err)) mk_instance_close_rings(&stand->instance);
    uint64_t after = mk_resident_bytes(); /* rings are no part of the allocator */
    if (stand->instance.rss_before != UINT64_MAX && after > before) stand->instance.rss_before += after - before;
    free(gives);
    free(takes);
}

static void fill_or_age(struct stand *stand, const struct mk_words *words, bool ages) {
    if (stand->course) mk_course_consume(stand->course, words, ages);
    else consume(&stand->instance, words);
}

/* What a course alone finds out. */
static void set_unknown(struct mk_memory_sample *sample) {
    sample->peak_live_bytes = sample->peak_rss_bytes = sample->drain_live_bytes = UINT64_MAX;
    sample->census_blocks = sample->census_bytes = UINT64_MAX;
    sample->census_usable_bytes = sample->census_shared_blocks = UINT64_MAX;
}

/* ---- a trace of allocations ---------------------------------------------------------------- */

struct replayed {
    const struct stand *stand;
    uint64_t rss_before, peak_rss;
    struct bytes at_peak;
};

static void look_at_rss(void *arg) {
    struct replayed *replayed = arg;
    uint64_t rss = mk_resident_bytes();
    if (rss != UINT64_MAX && rss > replayed->peak_rss) replayed->peak_rss = rss;
}

static void look_at_peak(void *arg) {
    struct replayed *replayed = arg;
    const struct mk_instance *instance = &replayed->stand->instance;
    look_at_rss(replayed);
    read_bytes(instance, replayed->rss_before, &replayed->at_peak);
    struct replayed_blocks blocks = {instance, &replayed->at_peak, replayed->at_peak.structure == 0};
    mk_alloc_replay_each(replayed->stand->replay, add_replayed_block, &blocks);
}

/* Replays it, looking at everything; what has happened by the time when most bytes are live is its churn. */
static void replay(struct stand *stand, const struct mk_cell *cell, uint64_t rss_before, struct bytes *churned,
                   struct mk_memory_sample *sample, const struct mk_run_sink *sink) {
    struct replayed replayed = {.stand = stand, .rss_before = rss_before};
    struct mk_alloc_replay_watch watch = {look_at_peak, look_at_rss, &replayed};
    struct mk_alloc_replay_found found;
    mk_alloc_replay_attach(stand->replay, &stand->instance);
    mk_alloc_replay_verify(stand->replay, stand->streams.phase[0].words, &stand->instance, cell->floor, stand->turns,
                           &watch, &found);
    *churned = replayed.at_peak;
    if (!cell->floor) sample->peak_live_bytes = found.peak_bytes; /* a floor's blocks overlap */
    if (!cell->floor && rss_before != UINT64_MAX && replayed.peak_rss)
        sample->peak_rss_bytes = replayed.peak_rss > rss_before ? replayed.peak_rss - rss_before : 0;
    if (found.fault[0]) send_check(cell, sink, MK_VERDICT_FAIL, "replay", mk_need_text(found.fault));
    else if (found.refused) {
        send_check(cell, sink, MK_VERDICT_UNCHECKED, "replay",
                   mk_need_format("%llu allocations had no memory", (unsigned long long)found.refused));
    } else {
        send_check(cell, sink, MK_VERDICT_PASS, "replay",
                   mk_need_format("%llu events, each thread's sizes as the trace has them",
                                  (unsigned long long)found.events));
    }
}

static void measure(struct stand *stand, const struct mk_cell *cell, bool peaks, const struct mk_run_sink *sink) {
    struct mk_instance *instance = &stand->instance;
    const struct mk_streams *streams = &stand->streams;
    struct mk_memory_sample sample = {0};
    struct bytes filled, churned;
    set_unknown(&sample);
    if (stand->course) {
        pair_rings(stand);
        mk_course_begin(stand->course, instance);
    }
    uint64_t rss_before = instance->rss_before;
    uint64_t faults = minor_faults();
    fill_or_age(stand, streams->prefill, false);
    read_bytes(instance, rss_before, &filled);
    fill_or_age(stand, streams->age.words, true);
    if (stand->replay) replay(stand, cell, rss_before, &churned, &sample, sink);
    else if (streams->point->traces_n) consume(instance, streams->phase[0].words); /* what a trace does is its churn */
    if (!stand->replay) read_bytes(instance, rss_before, &churned);
    sample.minor_faults = minor_faults() - faults;
    sample.cell = cell->index;
    sample.elements_fill = filled.elements;
    sample.requested_bytes_fill = filled.requested;
    sample.structure_bytes_fill = filled.structure;
    sample.rss_bytes_fill = filled.rss;
    sample.elements_churn = churned.elements;
    sample.requested_bytes_churn = churned.requested;
    sample.structure_bytes_churn = churned.structure;
    sample.rss_bytes_churn = churned.rss;
    sample.peak_bytes = churned.peak;
    read_reclaim(instance, &sample, true);
    if (!peaks) sample.peak_unreclaimed = sample.peak_unreclaimed_bytes = UINT64_MAX;
    sample.allocator = mk_need_text(allocator_name(instance));
    if (stand->course) {
        mk_course_drain(stand->course);
        mk_course_sample(stand->course, &sample);
    }
    take_down(stand, cell, sink, &sample);
    sink->frame(sink->arg, MK_FRAME_MEMORY, &sample);
}

/* Everything that is no part of what is measured, and has to be there before. Returns -1 with an error in it. */
static int prepare(struct stand *stand, const struct mk_plan *plan, const struct mk_cell *cell) {
    const struct mk_plan_group *group = &plan->groups[cell->group];
    if (make_streams(plan, cell, &stand->streams, &stand->err)) return -1;
    if (!mk_kind_has_blocks(stand->streams.kind)) return 0;
    if (stand->streams.replay) stand->replay = mk_alloc_replay_open(stand->streams.replay, MK_TOUCH_PAGES, true);
    stand->turns = mk_turns_open(group->threads, &stand->err);
    if (!stand->turns) return -1;
    bool has_course = !stand->streams.point->traces_n && !cell->floor;
    if (has_course) stand->course = mk_course_open(&stand->streams, stand->turns);
    return 0;
}

static int enter_all(struct stand *stand) {
    for (uint32_t t = 0; t < stand->instance.threads; t++) {
        as(stand, t, enter);
        if (!stand->failed) continue;
        for (uint32_t in = 0; in < t; in++) as(stand, in, leave);
        return -1;
    }
    return 0;
}

void mk_memory_measure(const struct mk_plan *plan, const struct mk_cell *cell, const struct mk_topo *topo,
                       const struct mk_run_sink *sink) {
    const struct mk_plan_group *group = &plan->groups[cell->group];
    const struct mk_plan_point *point = &plan->points[group->point];
    struct stand *stand = mk_need(1, sizeof *stand);
    struct mk_instance_config config = {cell->identity, point, group->threads, cell->seed, true};
    (void)topo;
    int failed = prepare(stand, plan, cell);
    bool opened = !failed && !mk_instance_open(&stand->instance, &config, &stand->err);
    if (opened && !enter_all(stand)) measure(stand, cell, !readers_stall(point), sink);
    else send_check(cell, sink, MK_VERDICT_FAIL, "memory", mk_need_text(stand->err.text));
    if (opened) mk_instance_close(&stand->instance);
    mk_course_close(stand->course);
    mk_turns_close(stand->turns);
    mk_alloc_replay_close(stand->replay);
    mk_streams_free(&stand->streams);
    free(stand);
}
