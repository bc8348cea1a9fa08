/* crew_report.c - what a round has to say: samples, latencies, and whether the books agree. */
#include <stdlib.h>

#include "check/model.h"
#include "crew.h"

void mk_crew_send_check(const struct mk_crew *crew, enum mk_verdict verdict, const char *check, char *detail) {
    struct mk_check_sample sample = {0};
    sample.cell = crew->cell->index;
    sample.process = crew->process;
    sample.round = crew->round;
    sample.verdict = verdict;
    sample.check = mk_need_text(check);
    sample.detail = detail;
    crew->sink->frame(crew->sink->arg, MK_FRAME_CHECK, &sample);
}

static void name_counters(const struct mk_crew *crew, uint32_t phase, struct mk_round_sample *round) {
    for (uint32_t c = 0; c < crew->counters->count; c++) {
        const struct mk_counter *counter = &crew->counters->counter[c];
        struct mk_counter_sample *sample = mk_grow(&round->counters, &round->counters_n, sizeof *sample);
        bool all = counter->backend != NULL;
        bool turn = true;
        sample->name = mk_need_text(counter->name);
        for (uint32_t t = 0; t < crew->threads && all; t++) {
            const struct mk_counter_value *value =
                &crew->counted[((size_t)phase * crew->threads + t) * crew->counters->count + c];
            all = value->state == MK_COUNTER_COUNTED;
            turn = turn && value->state != MK_COUNTER_OTHER_GROUP;
            sample->value += value->value;
        }
        if (counter->backend) {
            sample->event = mk_need_text(counter->event);
            sample->backend = mk_need_text(counter->backend->name);
        }
        if (!all) {
            sample->value = 0;
            sample->unavailable = mk_need_text(!counter->backend ? counter->reason
                                               : !turn           ? "not counted in this round: the counters take turns"
                                                                 : "something else held the counters");
        }
    }
}

/* What the result calls a step of that code: one operation of the workload may be two, an alloc and a free. */
static char *step_name(const struct mk_kind *kind, unsigned code) {
    const struct mk_model *model = mk_model_of(kind->name);
    const struct mk_op_desc *op = mk_streams_op(kind, code);
    const char *name = model && model->names[code] ? model->names[code] : op ? op->name : NULL;
    return name ? mk_need_text(name) : mk_need_format("code %u", code);
}

static void send_latency(const struct mk_crew *crew, uint32_t phase, uint32_t group, unsigned code, const char *time, const struct mk_hist *by_thread) {
    struct mk_hist *sum = mk_need(1, sizeof *sum);
    struct mk_latency_sample sample = {0};
    for (uint32_t t = 0; t < crew->threads; t++) {
        if (crew->streams->phase[phase].group_of[t] == group) mk_hist_merge(sum, &by_thread[(size_t)t * MK_OPS_MAX + code]);
    }
    if (sum->count) {
        sample.cell = crew->cell->index;
        sample.process = crew->process;
        sample.phase = phase;
        sample.group = group;
        sample.op = step_name(crew->streams->kind, code);
        sample.time = mk_need_text(time);
        sample.count = sum->count;
        sample.max_ns = sum->max_ns;
        for (unsigned i = mk_hist_next(sum, 0); i < MK_HIST_BINS; i = mk_hist_next(sum, i + 1)) {
            *(uint64_t *)mk_grow(&sample.bin, &sample.bin_n, 8) = i;
            *(uint64_t *)mk_grow(&sample.bin_count, &sample.bin_count_n, 8) = sum->bin[i];
        }
        crew->sink->frame(crew->sink->arg, MK_FRAME_LATENCY, &sample);
    }
    free(sum);
}

void mk_crew_send_latencies(const struct mk_crew *crew, uint32_t phase) {
    for (uint32_t g = 0; g < crew->point->phases[phase].groups_n; g++) {
        for (unsigned code = 0; code < MK_OPS_MAX; code++) {
            send_latency(crew, phase, g, code, "service", crew->service);
            send_latency(crew, phase, g, code, "response", crew->response);
        }
    }
}

/* What the books say of the number of elements: what was there, plus what puts found missing, less
 * what removes found. UINT64_MAX when operations failed, so that nothing can be said. */
static uint64_t booked_count(const struct mk_crew *crew) {
    uint64_t count = crew->count_before;
    if (crew->failed) return UINT64_MAX;
    for (unsigned code = 0; code < MK_OPS_MAX; code++) {
        const struct mk_op_desc *op = mk_streams_op(crew->streams->kind, code);
        if (!op) continue;
        if (op->effect == MK_EFFECT_ADD || op->effect == MK_EFFECT_ADD_IF_ABSENT) {
            count += crew->attempted[code] - crew->hits[code];
        } else if (op->effect == MK_EFFECT_REMOVE) {
            count -= crew->hits[code];
        }
    }
    return count;
}

static void check_books(const struct mk_crew *crew) {
    uint64_t booked = crew->streams->refills ? 0 : booked_count(crew);
    if (crew->cell->floor) {
        mk_crew_send_check(crew, MK_VERDICT_UNCHECKED, "bookkeeping",
                   mk_need_text("a floor stores nothing that could be counted"));
    } else if (crew->count_after == UINT64_MAX) {
        mk_crew_send_check(crew, MK_VERDICT_UNCHECKED, "bookkeeping",
                   mk_need_text("the implementation offers no count"));
    } else if (crew->fresh && !crew->streams->refills && crew->count_filled != crew->prefilled) {
        mk_crew_send_check(crew, MK_VERDICT_FAIL, "bookkeeping",
                   mk_need_format("%llu elements after prefilling %llu", (unsigned long long)crew->count_filled,
                                  (unsigned long long)crew->prefilled));
    } else if (booked == UINT64_MAX) {
        mk_crew_send_check(crew, MK_VERDICT_UNCHECKED, "bookkeeping",
                   mk_need_format("%llu operations failed", (unsigned long long)crew->failed));
    } else if (booked != crew->count_after) {
        mk_crew_send_check(crew, MK_VERDICT_FAIL, "bookkeeping",
                   mk_need_format("%llu elements at the end, the returns of the operations add up to %llu",
                                  (unsigned long long)crew->count_after, (unsigned long long)booked));
    } else {
        mk_crew_send_check(crew, MK_VERDICT_PASS, "bookkeeping", NULL);
    }
}

/* The round takes over what readers that stood still have seen. */
static void take_garbage(const struct mk_crew *crew, uint32_t phase, struct mk_round_sample *round) {
    round->peak_unreclaimed = crew->peak[phase].peak_nodes;
    round->peak_unreclaimed_bytes = crew->peak[phase].peak_bytes;
    for (uint32_t t = 0; t < crew->threads; t++) {
        struct mk_garbage_sample *seen = &crew->garbage[(size_t)phase * crew->threads + t];
        if (!seen->at_ns_n && !seen->stall_begin_ns_n) continue;
        *(struct mk_garbage_sample *)mk_grow(&round->garbage, &round->garbage_n, sizeof *seen) = *seen;
        memset(seen, 0, sizeof *seen);
    }
}

/* Sends one round sample a phase; what the script implies goes with the first round. */
void mk_crew_send_rounds(struct mk_crew *crew) {
    struct mk_expected *expected = mk_need(crew->phases, sizeof *expected);
    struct mk_err err;
    bool known = crew->round == 0 && crew->fresh && !crew->cell->floor && !crew->latency &&
                 mk_streams_expect(crew->streams, crew->begun, crew->consumed, expected, &err) == 0;
    for (uint32_t phase = 0; phase < crew->phases; phase++) {
        struct mk_round_sample sample = {0};
        sample.cell = crew->cell->index;
        sample.process = crew->process;
        sample.round = crew->round;
        sample.phase = phase;
        sample.sort = crew->latency ? MK_ROUND_LATENCY : MK_ROUND_TIMED;
        sample.instance_seed = crew->cell->seed;
        sample.stream_seed = crew->cell->seed;
        sample.count_before = phase == 0 ? crew->count_before : UINT64_MAX;
        sample.count_after = phase + 1 == crew->phases ? crew->count_after : UINT64_MAX;
        sample.expected_count = sample.expected_distinct = UINT64_MAX;
        sample.latency_probe_ns = crew->probe_ns;
        if (known) {
            double distinct = mk_streams_expect_distinct(crew->streams, phase, &expected[phase]);
            sample.distinct_keys = expected[phase].distinct_count;
            if (distinct >= 0) sample.expected_distinct = (uint64_t)distinct;
            sample.expected_count = phase + 1 == crew->phases ? expected[phase].size_count : UINT64_MAX;
            sample.expected_hits = mk_need(MK_OPS_MAX, 8);
            sample.expected_hits_n = MK_OPS_MAX;
            for (unsigned code = 0; code < MK_OPS_MAX; code++) {
                sample.expected_hits[code] = expected[phase].hits[code];
            }
        }
        sample.threads = mk_need(crew->threads, sizeof *sample.threads);
        sample.threads_n = crew->threads;
        memcpy(sample.threads, crew->sample + (size_t)phase * crew->threads, crew->threads * sizeof *sample.threads);
        memset(crew->sample + (size_t)phase * crew->threads, 0, crew->threads * sizeof *sample.threads);
        name_counters(crew, phase, &sample);
        take_garbage(crew, phase, &sample);
        crew->sink->frame(crew->sink->arg, MK_FRAME_ROUND, &sample);
    }
    free(expected);
}

/* Whether a replay has done all that the trace has: as many events of each sort, of as many bytes. What had no memory
 * is told elsewhere. */
static void check_replay(const struct mk_crew *crew) {
    uint64_t events = 0, done = 0, bytes = 0, bytes_done = 0;
    for (uint32_t t = 0; t < crew->threads; t++) {
        events += crew->streams->phase[0].words[t].n;
        bytes += crew->streams->replay->lane[t].bytes;
        bytes_done += mk_alloc_replay_bytes(crew->replay, t);
    }
    for (unsigned code = 0; code < MK_OPS_MAX; code++) done += crew->hits[code];
    if (crew->failed) {
        mk_crew_send_check(crew, MK_VERDICT_UNCHECKED, "replay",
                           mk_need_format("%llu allocations had no memory", (unsigned long long)crew->failed));
    } else if (done != events || bytes != bytes_done) {
        mk_crew_send_check(crew, MK_VERDICT_FAIL, "replay",
                           mk_need_format("%llu of %llu events were carried out, and %llu of %llu bytes asked for",
                                          (unsigned long long)done, (unsigned long long)events,
                                          (unsigned long long)bytes_done, (unsigned long long)bytes));
    } else {
        mk_crew_send_check(crew, MK_VERDICT_PASS, "replay", NULL);
    }
}

void mk_crew_send_checks(const struct mk_crew *crew) {
    check_books(crew);
    if (crew->replay) check_replay(crew);
    if (crew->misplaced[0]) {
        mk_crew_send_check(crew, MK_VERDICT_UNTRUSTWORTHY, "placement", mk_need_text(crew->misplaced));
    }
}
