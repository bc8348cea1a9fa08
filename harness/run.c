/* run.c - see run.h.
 *
 * A round of a cell: a crew of threads enters the instance, fills and ages it, and goes through the
 * phases; the main thread takes part in every barrier and sleeps in between, so that nobody but the
 * crew runs while clocks run.
 */
#include "run.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "../impl/alloc.h"
#include "build_info.h"
#include "clock.h"
#include "counter.h"
#include "instance.h"
#include "lane.h"
#include "memory.h"
#include "registry.h"
#include "stacks.h"
#include "streams.h"

/* ---- what a crew shares ------------------------------------------------------------------- */

struct crew {
    const struct mk_plan *plan;
    const struct mk_cell *cell;
    const struct mk_plan_group *group;
    const struct mk_plan_point *point;
    const struct mk_topo *topo;
    const struct mk_counter_plan *counters;
    uint32_t counter_group;
    struct mk_instance *instance;
    const struct mk_streams *streams;
    bool fresh; /* the instance is to be filled */
    bool latency;
    uint32_t threads, phases;
    pthread_barrier_t barrier; /* threads + 1 */
    struct mk_lane_course course;
    struct mk_lane *lane;                    /* by thread; of the current phase */
    struct mk_thread_sample *sample;         /* by phase and thread */
    struct mk_counter_value *counted;        /* by phase, thread and counter */
    struct mk_hist *service, *response;      /* latency: by thread and code, of the current phase */
    size_t *begun, *consumed;                /* by phase and thread */
    uint64_t attempted[MK_OPS_MAX], hits[MK_OPS_MAX], failed; /* of everything after ageing */
    uint64_t prefilled;
    uint64_t count_filled, count_before, count_after;
    double probe_ns;
    _Atomic(uint32_t) refused; /* a thread could not enter */
    char refusal[256];
    char misplaced[320];  /* why a thread, or its memory, is not where it was to be; "" = all are */
    pthread_mutex_t words; /* guards both texts */
};

struct member {
    struct crew *crew;
    uint32_t thread;
    uint32_t phase; /* the one it is in */
};

static void refuse(struct crew *crew, const char *text) {
    pthread_mutex_lock(&crew->words);
    snprintf(crew->refusal, sizeof crew->refusal, "%s", text);
    pthread_mutex_unlock(&crew->words);
    atomic_store_explicit(&crew->refused, 1, memory_order_relaxed);
}

static void misplace(struct crew *crew, const char *what, const char *why) {
    pthread_mutex_lock(&crew->words);
    snprintf(crew->misplaced, sizeof crew->misplaced, "%s: %s", what, why);
    pthread_mutex_unlock(&crew->words);
}

static void meet(struct crew *crew) {
    pthread_barrier_wait(&crew->barrier);
}

/* ---- one member of the crew ---------------------------------------------------------------- */

/* Returns whether the thread is bound to its PU, which it verified. */
static bool take_place(struct crew *crew, uint32_t thread) {
    struct mk_err err = {{0}};
    uint32_t pu = (uint32_t)crew->group->pus[thread];
    if (pu == MK_PU_NONE) return false;
    if (mk_topo_pin(crew->topo, pu, &err) == 0) return true;
    misplace(crew, "pinning", err.text);
    return false;
}

static const struct mk_workload_group *group_of(const struct crew *crew, uint32_t phase, uint32_t thread) {
    return &crew->point->phases[phase].groups[crew->streams->phase[phase].group_of[thread]];
}

static void set_lane(struct crew *crew, uint32_t phase, uint32_t thread) {
    struct mk_lane *lane = &crew->lane[thread];
    const struct mk_stage *stage = &crew->streams->phase[phase];
    const struct mk_workload_group *group = group_of(crew, phase, thread);
    uint64_t slice = lane->slice_ops;
    memset(lane, 0, sizeof *lane);
    lane->impl = crew->instance->impl;
    lane->self = mk_instance_self(crew->instance, thread);
    lane->me = &crew->instance->me[thread];
    lane->course = &crew->course;
    lane->words = stage->words[thread].at;
    lane->words_n = stage->words[thread].n;
    lane->only = stage->only[thread];
    lane->run_len = (uint32_t)crew->point->workload.run_len;
    lane->slice_ops = slice;
    lane->interval_ns = group->rate_ops > 0 ? (uint64_t)(1e9 / group->rate_ops) : 0;
    lane->offset_ns = lane->interval_ns * thread / crew->threads;
    lane->think_ns = group->think_ns;
    lane->stall_ns = group->stall_ms * 1000000;
    lane->sample_every = crew->latency ? crew->point->workload.latency.sample_every_ops : 0;
    if (crew->latency) {
        lane->service = crew->service + (size_t)thread * MK_OPS_MAX;
        lane->response = lane->interval_ns ? crew->response + (size_t)thread * MK_OPS_MAX : NULL;
    }
    lane->sample = &crew->sample[(size_t)phase * crew->threads + thread];
    lane->sample->thread = thread;
    lane->sample->group = stage->group_of[thread];
    lane->sample->pu = (uint32_t)crew->group->pus[thread];
}

/* A short-lived thread: enters, works, leaves. */
static void *live_once(void *arg) {
    struct member *member = arg;
    struct crew *crew = member->crew;
    struct mk_lane *lane = &crew->lane[member->thread];
    struct mk_err err;
    take_place(crew, member->thread);
    if (mk_instance_enter(crew->instance, member->thread, &err)) {
        refuse(crew, err.text);
        return NULL;
    }
    bool goes_on = mk_lane_live(lane, group_of(crew, member->phase, member->thread)->thread_life_ops);
    mk_instance_leave(crew->instance, member->thread);
    return goes_on ? member : NULL;
}

/* The whole phase as a row of short-lived threads under one id. */
static void live_and_die(struct member *member) {
    struct crew *crew = member->crew;
    void *goes_on = member;
    struct mk_err err;
    mk_instance_leave(crew->instance, member->thread);
    while (goes_on) {
        pthread_t id;
        if (pthread_create(&id, NULL, live_once, member)) {
            refuse(crew, "cannot start a thread");
            break;
        }
        pthread_join(id, &goes_on);
    }
    if (mk_instance_enter(crew->instance, member->thread, &err)) refuse(crew, err.text);
}

static void run_phase(struct member *member, uint32_t phase, bool pinned) {
    struct crew *crew = member->crew;
    struct mk_lane *lane = &crew->lane[member->thread];
    const struct mk_workload_group *group = group_of(crew, phase, member->thread);
    bool counts_ops = crew->point->phases[phase].ops_count != 0;
    struct mk_counter_thread counters;
    struct mk_err err;
    member->phase = phase;
    set_lane(crew, phase, member->thread);
    lane->sample->pinned = pinned;
    meet(crew); /* rings are paired */
    bool plain = !group->stall_ms && !lane->interval_ns && !lane->think_ns && !group->thread_life_ops;
    /* No warm-up where blocks change hands: a giver would wait for a taker that is done warming. */
    if (plain && !counts_ops && !crew->instance->rings_n) {
        mk_lane_warm(lane, mk_wall_ns() + crew->point->workload.warmup_ms * 1000000);
    }
    if (!lane->slice_ops) lane->slice_ops = 8192;
    mk_counter_thread_open(crew->counters, crew->counter_group, &counters, &err);
    meet(crew); /* everybody is warm */
    meet(crew); /* the main thread has set the start */
    mk_lane_start(lane, !crew->group->oversubscribed);
    mk_counter_thread_start(&counters);
    if (group->thread_life_ops) {
        live_and_die(member);
    } else {
        mk_lane_run(lane);
    }
    mk_instance_close_rings(crew->instance);
    mk_counter_thread_stop(&counters, crew->counted + ((size_t)phase * crew->threads + member->thread) *
                                                          crew->counters->count);
    mk_counter_thread_close(&counters);
    lane->sample->pu_end = mk_topo_here();
    crew->begun[(size_t)phase * crew->threads + member->thread] = lane->begin;
    crew->consumed[(size_t)phase * crew->threads + member->thread] = lane->done;
    meet(crew); /* the phase is over */
    meet(crew); /* the main thread has read the lanes */
}

/* Gives back the blocks a thread holds, and those that wait for it in its ring. */
static void give_back(struct member *member) {
    struct crew *crew = member->crew;
    struct mk_blocks *blocks = crew->instance->blocks ? &crew->instance->blocks[member->thread] : NULL;
    if (!blocks) return;
    uint64_t *words = mk_need(blocks->slots, sizeof *words);
    for (uint32_t s = 0; s < blocks->slots; s++) words[s] = MK_PACK_BLOCK(MK_ALLOC_FREE, s, 0);
    mk_lane_consume(&crew->lane[member->thread], words, blocks->slots);
    mk_instance_drain_ring(crew->instance, member->thread);
    free(words);
}

static void fill(struct member *member) {
    struct crew *crew = member->crew;
    struct mk_lane *lane = &crew->lane[member->thread];
    const struct mk_words *prefill = &crew->streams->prefill[member->thread];
    const struct mk_words *age = &crew->streams->age.words[member->thread];
    set_lane(crew, 0, member->thread);
    if (crew->fresh) mk_lane_consume(lane, prefill->at, prefill->n);
    meet(crew); /* filled: the main thread counts */
    meet(crew);
    if (crew->fresh) mk_lane_consume(lane, age->at, age->n);
}

static void *member_main(void *arg) {
    struct member *member = arg;
    struct crew *crew = member->crew;
    struct mk_err err = {{0}};
    bool pinned = take_place(crew, member->thread);
    if (mk_topo_bind_memory(crew->topo, crew->point->workload.memory ? crew->point->workload.memory : "local", &err)) {
        misplace(crew, "memory", err.text);
    }
    int entered = mk_instance_enter(crew->instance, member->thread, &err);
    if (entered != 0) refuse(crew, err.text);
    meet(crew); /* everybody is in */
    if (!atomic_load_explicit(&crew->refused, memory_order_relaxed)) {
        fill(member);
        meet(crew); /* aged: the main thread counts */
        meet(crew);
        for (uint32_t phase = 0; phase < crew->phases; phase++) {
            run_phase(member, phase, pinned);
            if (crew->streams->refills) {
                give_back(member);
                meet(crew); /* all rings are empty */
                if (phase + 1 < crew->phases) {
                    const struct mk_words *prefill = &crew->streams->prefill[member->thread];
                    mk_lane_consume(&crew->lane[member->thread], prefill->at, prefill->n);
                }
            }
        }
        meet(crew); /* the main thread counts */
        meet(crew);
    }
    if (entered == 0) mk_instance_leave(crew->instance, member->thread);
    return NULL;
}

/* ---- the main thread's side ---------------------------------------------------------------- */

static void send_check(const struct crew *crew, const struct mk_run_sink *sink, uint32_t process, uint32_t round,
                       enum mk_verdict verdict, const char *check, char *detail) {
    struct mk_check_sample sample = {0};
    sample.cell = crew->cell->index;
    sample.process = process;
    sample.round = round;
    sample.verdict = verdict;
    sample.check = mk_need_text(check);
    sample.detail = detail;
    sink->frame(sink->arg, MK_FRAME_CHECK, &sample);
}

static void pair_rings(struct crew *crew, uint32_t phase) {
    bool *gives = mk_need(crew->threads, sizeof *gives), *takes = mk_need(crew->threads, sizeof *takes);
    const struct mk_stage *stage = &crew->streams->phase[phase];
    struct mk_err err;
    for (uint32_t t = 0; t < crew->threads; t++) {
        const struct mk_ops *ops = &stage->ops[stage->group_of[t]];
        for (unsigned i = 0; i < ops->types; i++) {
            gives[t] = gives[t] || ops->type[i].role == MK_ROLE_GIVE;
            takes[t] = takes[t] || ops->type[i].role == MK_ROLE_TAKE;
        }
    }
    if (mk_instance_pair(crew->instance, gives, takes, &err)) refuse(crew, err.text);
    free(gives);
    free(takes);
}

/* Leads the crew through one phase. */
static void lead_phase(struct crew *crew, uint32_t phase) {
    const struct mk_workload_phase *of = &crew->point->phases[phase];
    pair_rings(crew, phase);
    if (crew->latency) {
        memset(crew->service, 0, (size_t)crew->threads * MK_OPS_MAX * sizeof *crew->service);
        memset(crew->response, 0, (size_t)crew->threads * MK_OPS_MAX * sizeof *crew->response);
    }
    meet(crew); /* rings are paired */
    meet(crew); /* everybody is warm */
    atomic_store_explicit(&crew->course.stop, 0, memory_order_relaxed);
    crew->course.start_ns = mk_wall_ns() + (crew->group->oversubscribed ? 2000000 : 500000);
    crew->course.deadline_ns =
        of->ops_count ? UINT64_MAX : crew->course.start_ns + (of->duration_ms ? of->duration_ms : crew->point->workload.round_ms) * 1000000;
    meet(crew); /* the start is set */
    meet(crew); /* the phase is over */
    for (uint32_t t = 0; t < crew->threads; t++) {
        const struct mk_lane *lane = &crew->lane[t];
        const struct mk_words *words = &crew->streams->phase[phase].words[t];
        mk_ops_count(words->at, lane->done, crew->attempted);
        for (unsigned code = 0; code < MK_OPS_MAX; code++) {
            crew->hits[code] += lane->tally.hits[code] + lane->warm_tally.hits[code];
        }
        crew->failed += lane->tally.failed + lane->warm_tally.failed;
    }
    if (crew->latency && phase == 0) crew->probe_ns = mk_lane_probe_ns(&crew->lane[0]);
    meet(crew); /* the lanes have been read */
}

static void name_counters(const struct crew *crew, uint32_t phase, struct mk_round_sample *round) {
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

static void send_latency(const struct crew *crew, const struct mk_run_sink *sink, uint32_t process, uint32_t phase,
                         uint32_t group, unsigned code, const char *time, const struct mk_hist *by_thread) {
    struct mk_hist *sum = mk_need(1, sizeof *sum);
    struct mk_latency_sample sample = {0};
    for (uint32_t t = 0; t < crew->threads; t++) {
        if (crew->streams->phase[phase].group_of[t] == group) mk_hist_merge(sum, &by_thread[(size_t)t * MK_OPS_MAX + code]);
    }
    if (sum->count) {
        const struct mk_op_desc *op = mk_streams_op(crew->streams->kind, code);
        sample.cell = crew->cell->index;
        sample.process = process;
        sample.phase = phase;
        sample.group = group;
        sample.op = op ? mk_need_text(op->name) : mk_need_format("code %u", code);
        sample.time = mk_need_text(time);
        sample.count = sum->count;
        sample.max_ns = sum->max_ns;
        for (unsigned i = mk_hist_next(sum, 0); i < MK_HIST_BINS; i = mk_hist_next(sum, i + 1)) {
            *(uint64_t *)mk_grow(&sample.bin, &sample.bin_n, 8) = i;
            *(uint64_t *)mk_grow(&sample.bin_count, &sample.bin_count_n, 8) = sum->bin[i];
        }
        sink->frame(sink->arg, MK_FRAME_LATENCY, &sample);
    }
    free(sum);
}

static void send_latencies(const struct crew *crew, const struct mk_run_sink *sink, uint32_t process, uint32_t phase) {
    for (uint32_t g = 0; g < crew->point->phases[phase].groups_n; g++) {
        for (unsigned code = 0; code < MK_OPS_MAX; code++) {
            send_latency(crew, sink, process, phase, g, code, "service", crew->service);
            send_latency(crew, sink, process, phase, g, code, "response", crew->response);
        }
    }
}

/* What the books say of the number of elements: what was there, plus what puts found missing, less
 * what removes found. UINT64_MAX when operations failed, so that nothing can be said. */
static uint64_t booked_count(const struct crew *crew) {
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

static void check_books(const struct crew *crew, const struct mk_run_sink *sink, uint32_t process, uint32_t round) {
    uint64_t booked = crew->streams->refills ? 0 : booked_count(crew);
    if (crew->cell->floor) {
        send_check(crew, sink, process, round, MK_VERDICT_UNCHECKED, "bookkeeping",
                   mk_need_text("a floor stores nothing that could be counted"));
    } else if (crew->count_after == UINT64_MAX) {
        send_check(crew, sink, process, round, MK_VERDICT_UNCHECKED, "bookkeeping",
                   mk_need_text("the implementation offers no count"));
    } else if (crew->fresh && !crew->streams->refills && crew->count_filled != crew->prefilled) {
        send_check(crew, sink, process, round, MK_VERDICT_FAIL, "bookkeeping",
                   mk_need_format("%llu elements after prefilling %llu", (unsigned long long)crew->count_filled,
                                  (unsigned long long)crew->prefilled));
    } else if (booked == UINT64_MAX) {
        send_check(crew, sink, process, round, MK_VERDICT_UNCHECKED, "bookkeeping",
                   mk_need_format("%llu operations failed", (unsigned long long)crew->failed));
    } else if (booked != crew->count_after) {
        send_check(crew, sink, process, round, MK_VERDICT_FAIL, "bookkeeping",
                   mk_need_format("%llu elements at the end, the returns of the operations add up to %llu",
                                  (unsigned long long)crew->count_after, (unsigned long long)booked));
    } else {
        send_check(crew, sink, process, round, MK_VERDICT_PASS, "bookkeeping", NULL);
    }
}

/* Sends one round sample a phase; what the script implies goes with the first round. */
static void send_rounds(struct crew *crew, const struct mk_run_sink *sink, uint32_t process, uint32_t round) {
    struct mk_expected *expected = mk_need(crew->phases, sizeof *expected);
    struct mk_err err;
    bool known = round == 0 && crew->fresh && !crew->cell->floor && !crew->latency &&
                 mk_streams_expect(crew->streams, crew->begun, crew->consumed, expected, &err) == 0;
    for (uint32_t phase = 0; phase < crew->phases; phase++) {
        struct mk_round_sample sample = {0};
        sample.cell = crew->cell->index;
        sample.process = process;
        sample.round = round;
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
        sink->frame(sink->arg, MK_FRAME_ROUND, &sample);
    }
    free(expected);
}

/* ---- a round of a cell --------------------------------------------------------------------- */

static void open_crew(struct crew *crew) {
    size_t all = (size_t)crew->threads * crew->phases;
    pthread_barrier_init(&crew->barrier, NULL, crew->threads + 1);
    pthread_mutex_init(&crew->words, NULL);
    crew->lane = mk_need(crew->threads, sizeof *crew->lane);
    crew->sample = mk_need(all, sizeof *crew->sample);
    crew->counted = mk_need(all * crew->counters->count + 1, sizeof *crew->counted);
    crew->begun = mk_need(all, sizeof *crew->begun);
    crew->consumed = mk_need(all, sizeof *crew->consumed);
    if (crew->latency) {
        crew->service = mk_need((size_t)crew->threads * MK_OPS_MAX, sizeof *crew->service);
        crew->response = mk_need((size_t)crew->threads * MK_OPS_MAX, sizeof *crew->response);
    }
}

static void close_crew(struct crew *crew) {
    for (size_t i = 0; i < (size_t)crew->threads * crew->phases; i++) {
        mk_record_free(&mk_thread_sample_record, &crew->sample[i]);
    }
    pthread_barrier_destroy(&crew->barrier);
    pthread_mutex_destroy(&crew->words);
    free(crew->lane);
    free(crew->sample);
    free(crew->counted);
    free(crew->begun);
    free(crew->consumed);
    free(crew->service);
    free(crew->response);
}

static void lead(struct crew *crew, const struct mk_run_sink *sink, uint32_t process) {
    crew->prefilled = 0;
    for (uint32_t t = 0; t < crew->threads; t++) crew->prefilled += crew->streams->prefill[t].n;
    meet(crew); /* filled */
    crew->count_filled = mk_instance_count(crew->instance);
    meet(crew);
    meet(crew); /* aged */
    crew->count_before = mk_instance_count(crew->instance);
    meet(crew);
    for (uint32_t phase = 0; phase < crew->phases; phase++) {
        lead_phase(crew, phase);
        if (crew->latency) send_latencies(crew, sink, process, phase);
        if (crew->streams->refills) meet(crew); /* all rings are empty */
    }
    meet(crew); /* all done */
    crew->count_after = mk_instance_count(crew->instance);
    meet(crew);
}

/* Runs one round; instance and streams are ready. Returns the most words a thread consumed. */
static size_t run_round(struct crew *crew, const struct mk_run_sink *sink, uint32_t process, uint32_t round) {
    pthread_t *id = mk_need(crew->threads, sizeof *id);
    struct member *member = mk_need(crew->threads, sizeof *member);
    size_t most = 0;
    open_crew(crew);
    for (uint32_t t = 0; t < crew->threads; t++) {
        member[t] = (struct member){crew, t, 0};
        if (pthread_create(&id[t], NULL, member_main, &member[t])) {
            /* the others already wait for it: there is no way on */
            fprintf(stderr, "memkit-bench: cannot start thread %u of %u: %s\n", t, crew->threads, strerror(errno));
            _exit(6);
        }
    }
    meet(crew); /* everybody is in */
    bool refused = atomic_load_explicit(&crew->refused, memory_order_relaxed) != 0;
    if (!refused) lead(crew, sink, process);
    for (uint32_t t = 0; t < crew->threads; t++) pthread_join(id[t], NULL);
    if (atomic_load_explicit(&crew->refused, memory_order_relaxed)) {
        send_check(crew, sink, process, round, MK_VERDICT_FAIL, "threads", mk_need_text(crew->refusal));
    } else {
        for (size_t i = 0; i < (size_t)crew->threads * crew->phases; i++) {
            if (crew->consumed[i] > most) most = crew->consumed[i];
        }
        send_rounds(crew, sink, process, round);
        check_books(crew, sink, process, round);
        if (crew->misplaced[0]) {
            send_check(crew, sink, process, round, MK_VERDICT_UNTRUSTWORTHY, "placement", mk_need_text(crew->misplaced));
        }
    }
    close_crew(crew);
    free(id);
    free(member);
    return most;
}

/* ---- an order ------------------------------------------------------------------------------ */

struct run {
    const struct mk_plan *plan;
    const struct mk_order *order;
    const struct mk_topo *topo;
    const struct mk_run_sink *sink;
    struct mk_counter_plan counters;
    size_t *words_max; /* by comparison group: what its fastest contender needed, and some */
    struct mk_rng rng;
};

static void shuffle(struct mk_rng *rng, uint32_t *list, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)mk_rng_below(rng, i);
        uint32_t kept = list[i - 1];
        list[i - 1] = list[j];
        list[j] = kept;
    }
}

static void note_progress(const struct run *run, uint32_t cell, uint32_t round, const char *stage, double expected_s) {
    struct mk_progress_note note = {cell, round, mk_need_text(stage), expected_s};
    run->sink->frame(run->sink->arg, MK_FRAME_PROGRESS, &note);
}

static void fail_cell(const struct run *run, uint32_t cell, uint32_t round, const char *check, const char *why) {
    struct mk_check_sample sample = {0};
    sample.cell = cell;
    sample.process = run->order->process;
    sample.round = round;
    sample.verdict = MK_VERDICT_FAIL;
    sample.check = mk_need_text(check);
    sample.detail = mk_need_text(why);
    run->sink->frame(run->sink->arg, MK_FRAME_CHECK, &sample);
}

static int make_streams(struct run *run, uint32_t g, uint32_t round, bool latency, bool only_phases,
                        struct mk_streams *streams, struct mk_err *err) {
    const struct mk_plan_group *group = &run->plan->groups[g];
    struct mk_streams_config config = {0};
    config.kind = mk_registry_kind(run->plan->kind);
    config.point = &run->plan->points[group->point];
    config.threads = group->threads;
    config.seed = mk_mix64(run->plan->seed ^ mk_mix64(g + 1));
    config.process = run->order->process;
    config.round = round;
    config.latency = latency;
    config.only_phases = only_phases;
    config.words_max = run->words_max[g];
    int failed = mk_streams_make(streams, &config, err);
    if (failed) mk_streams_free(streams);
    return failed;
}

static int open_instance(const struct run *run, const struct mk_cell *cell, uint32_t round,
                         struct mk_instance *instance, struct mk_err *err) {
    const struct mk_plan_group *group = &run->plan->groups[cell->group];
    struct mk_instance_config config = {0};
    config.identity = cell->identity;
    config.point = &run->plan->points[group->point];
    config.threads = group->threads;
    config.seed = mk_seed(cell->seed, run->order->process, round, MK_SEED_ALL);
    return mk_instance_open(instance, &config, err);
}

/* One round of one cell on a given instance. */
static void one_round(struct run *run, const struct mk_cell *cell, uint32_t round, bool latency, bool fresh,
                      struct mk_instance *instance, const struct mk_streams *streams) {
    struct crew crew;
    memset(&crew, 0, sizeof crew);
    crew.plan = run->plan;
    crew.cell = cell;
    crew.group = &run->plan->groups[cell->group];
    crew.point = &run->plan->points[crew.group->point];
    crew.topo = run->topo;
    crew.counters = &run->counters;
    crew.counter_group = run->counters.groups ? round % run->counters.groups : 0;
    crew.instance = instance;
    crew.streams = streams;
    crew.fresh = fresh;
    crew.latency = latency;
    crew.threads = crew.group->threads;
    crew.phases = (uint32_t)crew.point->phases_n;
    note_progress(run, cell->index, round, latency ? "latency" : "run", cell->expected_ns / 1e9);
    size_t most = run_round(&crew, run->sink, run->order->process, round);
    /* The next streams need not be longer than what the fastest contender can take in. */
    if (!cell->floor && !latency) {
        size_t need = most + most / 2 > (1u << 20) ? most + most / 2 : 1u << 20;
        if (need > run->words_max[cell->group]) run->words_max[cell->group] = need;
    }
}

static bool stopped(const struct run *run) {
    return run->sink->stop && *run->sink->stop;
}

static void fresh_round(struct run *run, const struct mk_cell *cell, uint32_t round, bool latency,
                        const struct mk_streams *streams) {
    struct mk_instance instance;
    struct mk_err err = {{0}};
    if (stopped(run)) return;
    if (open_instance(run, cell, round, &instance, &err)) {
        fail_cell(run, cell->index, round, "create", err.text);
        return;
    }
    one_round(run, cell, round, latency, true, &instance, streams);
    mk_instance_close(&instance);
}

/* All cells of a comparison group that are in the order and of one sort (kept or fresh), shuffled. */
static size_t cells_of(struct run *run, uint32_t g, bool kept, uint32_t *list) {
    size_t n = 0;
    for (size_t i = 0; i < run->order->cells_n; i++) {
        const struct mk_cell *cell = &run->plan->cells[run->order->cells[i]];
        if (cell->group == g && cell->kept == kept && !cell->skipped && !cell->elsewhere) list[n++] = cell->index;
    }
    shuffle(&run->rng, list, n);
    return n;
}

static void group_round(struct run *run, uint32_t g, uint32_t round, bool latency, uint32_t *list) {
    struct mk_streams streams;
    struct mk_err err;
    size_t n = cells_of(run, g, false, list);
    if (!n || stopped(run)) return;
    if (make_streams(run, g, round, latency, false, &streams, &err)) {
        for (size_t i = 0; i < n; i++) fail_cell(run, list[i], round, "streams", err.text);
        return;
    }
    /* After the first round the streams are no longer than needed; until then every contender's need
     * is seen afresh. */
    if (round == 0 && !latency) run->words_max[g] = 0;
    for (size_t i = 0; i < n; i++) fresh_round(run, &run->plan->cells[list[i]], round, latency, &streams);
    mk_streams_free(&streams);
}

/* A kept cell: one instance through all its rounds, alone in the process's memory. */
static void kept_cell(struct run *run, const struct mk_cell *cell, uint32_t rounds, bool latency_too) {
    struct mk_instance instance;
    struct mk_err err = {{0}};
    run->words_max[cell->group] = 0;
    if (open_instance(run, cell, 0, &instance, &err)) {
        fail_cell(run, cell->index, 0, "create", err.text);
        return;
    }
    for (uint32_t round = 0; round < rounds + latency_too && !stopped(run); round++) {
        struct mk_streams streams;
        bool latency = round == rounds;
        note_progress(run, cell->index, round, "streams", cell->expected_ns / 1e9);
        if (make_streams(run, cell->group, round, latency, round > 0, &streams, &err)) {
            fail_cell(run, cell->index, round, "streams", err.text);
            break;
        }
        one_round(run, cell, round, latency, round == 0, &instance, &streams);
        mk_streams_free(&streams);
    }
    mk_instance_close(&instance);
}

static void measure(struct run *run) {
    uint32_t groups = (uint32_t)run->plan->groups_n, rounds = (uint32_t)run->plan->rounds;
    uint32_t *order = mk_need(groups, sizeof *order);
    uint32_t *list = mk_need(run->plan->cells_n, sizeof *list);
    bool latency = false;
    for (uint32_t round = 0; round <= rounds; round++) {
        for (uint32_t g = 0; g < groups; g++) order[g] = g;
        shuffle(&run->rng, order, groups);
        for (uint32_t i = 0; i < groups; i++) {
            const struct mk_workload *w = &run->plan->points[run->plan->groups[order[i]].point].workload;
            latency = w->latency.sample_every_ops != 0;
            if (round < rounds || latency) group_round(run, order[i], round, round == rounds, list);
        }
    }
    for (uint32_t i = 0; i < groups; i++) {
        const struct mk_workload *w = &run->plan->points[run->plan->groups[order[i]].point].workload;
        size_t n = cells_of(run, order[i], true, list);
        for (size_t c = 0; c < n; c++) {
            kept_cell(run, &run->plan->cells[list[c]], rounds, w->latency.sample_every_ops != 0);
        }
    }
    free(order);
    free(list);
}

static int open_counters(struct run *run, struct mk_err *err) {
    const struct mk_workload *w = &run->plan->points[0].workload;
    return mk_counter_open(&run->counters, (const char *const *)w->counters, (uint32_t)w->counters_n,
                           run->plan->counters_backend, err);
}

int mk_run_order(const struct mk_plan *plan, const struct mk_order *order, const struct mk_topo *topo,
                 const struct mk_run_sink *sink, struct mk_err *err) {
    struct run run;
    memset(&run, 0, sizeof run);
    run.plan = plan;
    run.order = order;
    run.topo = topo;
    run.sink = sink;
    run.words_max = mk_need(plan->groups_n, sizeof *run.words_max);
    mk_rng_seed(&run.rng, mk_seed(plan->seed, order->process, MK_SEED_ALL, 7));
    for (size_t i = 0; i < order->cells_n; i++) {
        if (order->cells[i] >= plan->cells_n) {
            free(run.words_max);
            return mk_fail(err, "the order names cell %llu of %zu", (unsigned long long)order->cells[i], plan->cells_n);
        }
    }
    int failed = open_counters(&run, err);
    if (!failed && order->sort == MK_ORDER_MEMORY) {
        for (size_t i = 0; i < order->cells_n; i++) {
            const struct mk_cell *cell = &plan->cells[order->cells[i]];
            if (cell->skipped || cell->elsewhere || stopped(&run)) continue;
            note_progress(&run, cell->index, 0, "memory", cell->expected_ns / 1e9 * (double)plan->rounds);
            mk_memory_measure(plan, cell, topo, sink);
        }
    } else if (!failed) {
        measure(&run);
    }
    free(run.words_max);
    return failed;
}

/* ---- the worker process -------------------------------------------------------------------- */

struct pipe_sink {
    int fd;
};

static void send_frame(void *arg, uint32_t type, void *sample) {
    struct pipe_sink *sink = arg;
    struct mk_err err;
    /* Nobody listens any more: whoever started this worker is gone. */
    if (mk_wire_send(sink->fd, type, sample, &err)) _exit(6);
    mk_record_free(mk_frame_record(type), sample);
}

uint64_t mk_run_build_id(void) {
    const struct mk_build_info *build = mk_build_info();
    uint64_t hash = 0xcbf29ce484222325u;
    const char *texts[] = {build->version, build->commit, build->flags, build->flavour, build->compiler};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (const char *c = texts[i] ? texts[i] : ""; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    }
    return hash ^ build->header_hash;
}

/* Waits for a frame of one type. */
static void *expect_frame(struct mk_wire_in *in, uint32_t wanted, struct mk_err *err) {
    uint32_t type;
    void *obj;
    for (;;) {
        int got = mk_wire_next(in, &type, &obj, err);
        if (got < 0) return NULL;
        if (got && type == wanted) return obj;
        if (got) {
            mk_fail(err, "a %s frame came, a %s was due", mk_frame_name(type), mk_frame_name(wanted));
            return NULL;
        }
        if (mk_wire_fill(in, err) <= 0) {
            mk_fail(err, "the conductor is gone");
            return NULL;
        }
    }
}

static int complain(const struct mk_err *err) {
    fprintf(stderr, "memkit-bench worker: %s\n", err->text);
    return 6;
}

int mk_run_worker(int in_fd, int out_fd) {
    struct mk_wire_in in = {in_fd, NULL, 0, 0};
    struct pipe_sink pipe = {out_fd};
    struct mk_run_sink sink = {&pipe, send_frame, NULL};
    struct mk_topo *topo;
    struct mk_err err = {{0}};
    mk_stacks_install();
    if (mk_topo_load(&topo, &err)) return complain(&err);
    /* Twice: before the plan, which another version could not read, and once its plug-ins are loaded. */
    struct mk_hello hello = {mk_run_build_id(), 0, mk_wire_digest(), (uint64_t)getpid()};
    if (mk_wire_send(out_fd, MK_FRAME_HELLO, &hello, &err)) return complain(&err);
    struct mk_plan *plan = expect_frame(&in, MK_FRAME_PLAN, &err);
    if (!plan) return complain(&err);
    for (size_t i = 0; i < plan->plugins_n; i++) {
        if (mk_registry_load(plan->plugins[i], &err)) return complain(&err);
    }
    hello.registry_digest = mk_registry_digest();
    if (mk_wire_send(out_fd, MK_FRAME_HELLO, &hello, &err)) return complain(&err);
    struct mk_order *order = expect_frame(&in, MK_FRAME_ORDER, &err);
    if (!order) return complain(&err);
    if (mk_run_order(plan, order, topo, &sink, &err)) return complain(&err);
    if (mk_wire_send(out_fd, MK_FRAME_DONE, NULL, &err)) return complain(&err);
    mk_record_free(&mk_plan_record, plan);
    mk_record_free(&mk_order_record, order);
    free(plan);
    free(order);
    mk_wire_in_free(&in);
    mk_topo_free(topo);
    return 0;
}
