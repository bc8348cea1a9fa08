/* memory.c - see memory.h. */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../impl/alloc.h"
#include "garbage.h"
#include "instance.h"
#include "registry.h"
#include "sample.h"
#include "streams.h"

struct bytes {
    uint64_t elements, requested, structure, rss, peak;
};

static uint64_t rss_bytes(void) {
    unsigned long long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return UINT64_MAX;
    if (fscanf(file, "%llu %llu", &size, &resident) != 2) resident = 0;
    fclose(file);
    return resident ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : UINT64_MAX;
}

static uint64_t minor_faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_minflt;
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
    uint64_t rss = rss_bytes();
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

static void give_back(struct mk_instance *instance) {
    struct mk_tally ignored = {{0}, 0, 0};
    for (uint32_t t = 0; instance->blocks && t < instance->threads; t++) {
        for (uint32_t s = 0; s < instance->blocks[t].slots; s++) {
            uint64_t word = MK_PACK_BLOCK(MK_ALLOC_FREE, s, 0);
            instance->impl->batch(mk_instance_self(instance, t), &instance->me[t], &word, 1, &ignored);
        }
    }
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
static void take_down(struct mk_instance *instance, const struct mk_cell *cell, const struct mk_run_sink *sink,
                      struct mk_memory_sample *sample) {
    uint64_t lost = 0, strays = 0;
    give_back(instance);
    for (uint32_t t = 0; t < instance->threads; t++) {
        if (instance->impl->flush) instance->impl->flush(mk_instance_self(instance, t), &instance->me[t]);
        mk_memory_flush(instance->memory[instance->selves == 1 ? 0 : t], &instance->me[t]);
    }
    read_reclaim(instance, sample, false);
    sample->requested_bytes_drain = sample->structure_bytes_drain = 0;
    for (uint32_t t = 0; t < instance->threads; t++) mk_instance_leave(instance, t);
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
    return mk_streams_make(streams, &config, err);
}

static void measure(struct mk_instance *instance, const struct mk_streams *streams, const struct mk_cell *cell,
                    uint64_t rss_before, bool peaks, const struct mk_run_sink *sink) {
    struct mk_memory_sample sample = {0};
    struct bytes filled, churned;
    uint64_t faults = minor_faults();
    consume(instance, streams->prefill);
    read_bytes(instance, rss_before, &filled);
    consume(instance, streams->age.words);
    if (streams->point->traces_n) consume(instance, streams->phase[0].words); /* what a trace does is its churn */
    read_bytes(instance, rss_before, &churned);
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
    take_down(instance, cell, sink, &sample);
    sink->frame(sink->arg, MK_FRAME_MEMORY, &sample);
}

void mk_memory_measure(const struct mk_plan *plan, const struct mk_cell *cell, const struct mk_topo *topo,
                       const struct mk_run_sink *sink) {
    const struct mk_plan_group *group = &plan->groups[cell->group];
    struct mk_streams streams;
    struct mk_instance instance;
    struct mk_instance_config config = {cell->identity, &plan->points[group->point], group->threads, cell->seed, true};
    struct mk_err err = {{0}};
    uint32_t entered = 0;
    (void)topo;
    if (make_streams(plan, cell, &streams, &err)) {
        mk_streams_free(&streams);
        send_check(cell, sink, MK_VERDICT_FAIL, "memory", mk_need_text(err.text));
        return;
    }
    uint64_t rss_before = rss_bytes();
    if (mk_instance_open(&instance, &config, &err)) {
        send_check(cell, sink, MK_VERDICT_FAIL, "memory", mk_need_text(err.text));
        mk_streams_free(&streams);
        return;
    }
    while (entered < group->threads && !mk_instance_enter(&instance, entered, &err)) entered++;
    if (entered == group->threads) {
        measure(&instance, &streams, cell, rss_before, !readers_stall(&plan->points[group->point]), sink);
    } else {
        send_check(cell, sink, MK_VERDICT_FAIL, "memory", mk_need_text(err.text));
        for (uint32_t t = 0; t < entered; t++) mk_instance_leave(&instance, t);
    }
    mk_instance_close(&instance);
    mk_streams_free(&streams);
}
