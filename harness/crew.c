/* crew.c - see crew.h. */
#include "crew.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../impl/alloc.h"
#include "clock.h"

/* ---- one member of the crew ---------------------------------------------------------------- */

struct member {
    struct mk_crew *crew;
    uint32_t thread;
    uint32_t phase; /* the one it is in */
    uint64_t life_ops; /* of a short-lived thread */
};

static void refuse(struct mk_crew *crew, const char *text) {
    pthread_mutex_lock(&crew->words);
    snprintf(crew->refusal, sizeof crew->refusal, "%s", text);
    pthread_mutex_unlock(&crew->words);
    atomic_store_explicit(&crew->refused, 1, memory_order_relaxed);
    if (crew->replay) mk_alloc_replay_abandon(crew->replay);
}

static void misplace(struct mk_crew *crew, const char *what, const char *why) {
    pthread_mutex_lock(&crew->words);
    snprintf(crew->misplaced, sizeof crew->misplaced, "%s: %s", what, why);
    pthread_mutex_unlock(&crew->words);
}

static void meet(struct mk_crew *crew) {
    pthread_barrier_wait(&crew->barrier);
}

/* Returns whether the thread is bound to its PU, which it verified. */
static bool take_place(struct mk_crew *crew, uint32_t thread) {
    struct mk_err err = {{0}};
    uint32_t pu = (uint32_t)crew->group->pus[thread];
    if (pu == MK_PU_NONE) return false;
    if (mk_topo_pin(crew->topo, pu, &err) == 0) return true;
    misplace(crew, "pinning", err.text);
    return false;
}

static const struct mk_workload_group *group_of(const struct mk_crew *crew, uint32_t phase, uint32_t thread) {
    return &crew->point->phases[phase].groups[crew->streams->phase[phase].group_of[thread]];
}

static void set_lane(struct mk_crew *crew, uint32_t phase, uint32_t thread) {
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
    lane->stall_pause_ns = group->stall_pause_ms * 1000000;
    if (group->stall_ms && !crew->latency && !crew->cell->floor) {
        lane->garbage = &crew->garbage[(size_t)phase * crew->threads + thread];
        lane->garbage->thread = thread;
    }
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
    struct mk_crew *crew = member->crew;
    struct mk_lane *lane = &crew->lane[member->thread];
    struct mk_err err;
    take_place(crew, member->thread);
    if (mk_instance_enter(crew->instance, member->thread, &err)) {
        refuse(crew, err.text);
        return NULL;
    }
    bool goes_on = mk_lane_live(lane, member->life_ops);
    mk_instance_leave(crew->instance, member->thread);
    return goes_on ? member : NULL;
}

/* The lane's recorded threads, where it is more than one; else NULL. */
static const struct mk_alloc_replay_lane *lives_of(const struct member *member) {
    const struct mk_alloc_replay *replay = member->crew->streams->replay;
    return replay && replay->lane[member->thread].lives > 1 ? &replay->lane[member->thread] : NULL;
}

/* The whole phase as a row of short-lived threads under one id. */
static void live_and_die(struct member *member) {
    struct mk_crew *crew = member->crew;
    const struct mk_alloc_replay_lane *lives = lives_of(member);
    void *goes_on = member;
    struct mk_err err;
    mk_instance_leave(crew->instance, member->thread);
    for (size_t i = 0; goes_on; i++) {
        pthread_t id;
        member->life_ops = lives ? lives->life[i] : group_of(crew, member->phase, member->thread)->thread_life_ops;
        if (pthread_create(&id, NULL, live_once, member)) {
            refuse(crew, "cannot start a thread");
            break;
        }
        pthread_join(id, &goes_on);
    }
    if (mk_instance_enter(crew->instance, member->thread, &err)) refuse(crew, err.text);
}

static void run_phase(struct member *member, uint32_t phase, bool pinned) {
    struct mk_crew *crew = member->crew;
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
    if (group->thread_life_ops || lives_of(member)) {
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
    struct mk_crew *crew = member->crew;
    struct mk_blocks *blocks = crew->instance->blocks ? &crew->instance->blocks[member->thread] : NULL;
    if (crew->replay) mk_alloc_replay_give_back(crew->replay, crew->instance, member->thread);
    if (!blocks || crew->replay) return;
    uint64_t *words = mk_need(blocks->slots, sizeof *words);
    for (uint32_t s = 0; s < blocks->slots; s++) words[s] = MK_PACK_BLOCK(MK_ALLOC_FREE, s, 0);
    mk_lane_consume(&crew->lane[member->thread], words, blocks->slots);
    mk_instance_drain_ring(crew->instance, member->thread);
    free(words);
}

static void fill(struct member *member) {
    struct mk_crew *crew = member->crew;
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
    struct mk_crew *crew = member->crew;
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

static void pair_rings(struct mk_crew *crew, uint32_t phase) {
    bool *gives = mk_need(crew->threads, sizeof *gives), *takes = mk_need(crew->threads, sizeof *takes);
    const struct mk_stage *stage = &crew->streams->phase[phase];
    struct mk_err err;
    for (uint32_t t = 0; t < crew->threads; t++) {
        const struct mk_ops *ops = &stage->ops[stage->group_of[t]];
        for (unsigned i = 0; i < ops->types; i++) {
            gives[t] = gives[t] || mk_ops_gives(ops->type[i].role);
            takes[t] = takes[t] || mk_ops_takes(ops->type[i].role);
        }
    }
    if (mk_instance_pair(crew->instance, gives, takes, &err)) refuse(crew, err.text);
    free(gives);
    free(takes);
}

static void add_known(uint64_t *sum, uint64_t value) {
    *sum = *sum == UINT64_MAX || value == UINT64_MAX ? UINT64_MAX : *sum + value;
}

/* Nobody runs: how much has waited to be freed at most, in all instances together. */
static void read_peak(struct mk_crew *crew, uint32_t phase) {
    struct mk_garbage *peak = &crew->peak[phase];
    memset(peak, 0, sizeof *peak);
    for (uint32_t i = 0; i < crew->instance->selves; i++) {
        struct mk_garbage one;
        mk_garbage_read(crew->instance->impl, crew->instance->self[i], &one);
        add_known(&peak->peak_nodes, one.peak_nodes);
        add_known(&peak->peak_bytes, one.peak_bytes);
    }
}

/* Leads the crew through one phase. */
static void lead_phase(struct mk_crew *crew, uint32_t phase) {
    const struct mk_workload_phase *of = &crew->point->phases[phase];
    pair_rings(crew, phase);
    if (crew->latency) {
        memset(crew->service, 0, (size_t)crew->threads * MK_OPS_MAX * sizeof *crew->service);
        memset(crew->response, 0, (size_t)crew->threads * MK_OPS_MAX * sizeof *crew->response);
    }
    meet(crew); /* rings are paired */
    meet(crew); /* everybody is warm */
    atomic_store_explicit(&crew->course.stop, 0, memory_order_relaxed);
    crew->course.whole = crew->point->traces_n != 0;
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
    read_peak(crew, phase);
    if (crew->latency && phase == 0) crew->probe_ns = mk_lane_probe_ns(&crew->lane[0]);
    meet(crew); /* the lanes have been read */
}

/* ---- the round ------------------------------------------------------------------------------ */

static void open_crew(struct mk_crew *crew) {
    size_t all = (size_t)crew->threads * crew->phases;
    pthread_barrier_init(&crew->barrier, NULL, crew->threads + 1);
    pthread_mutex_init(&crew->words, NULL);
    crew->lane = mk_need(crew->threads, sizeof *crew->lane);
    if (crew->streams->replay) {
        crew->replay = mk_alloc_replay_open(crew->streams->replay, (enum mk_replay_touch)crew->point->workload.touch,
                                            false);
        mk_alloc_replay_attach(crew->replay, crew->instance);
    }
    crew->sample = mk_need(all, sizeof *crew->sample);
    crew->counted = mk_need(all * crew->counters->count + 1, sizeof *crew->counted);
    crew->garbage = mk_need(all, sizeof *crew->garbage);
    crew->peak = mk_need(crew->phases, sizeof *crew->peak);
    crew->begun = mk_need(all, sizeof *crew->begun);
    crew->consumed = mk_need(all, sizeof *crew->consumed);
    if (crew->latency) {
        crew->service = mk_need((size_t)crew->threads * MK_OPS_MAX, sizeof *crew->service);
        crew->response = mk_need((size_t)crew->threads * MK_OPS_MAX, sizeof *crew->response);
    }
}

static void close_crew(struct mk_crew *crew) {
    for (size_t i = 0; i < (size_t)crew->threads * crew->phases; i++) {
        mk_record_free(&mk_thread_sample_record, &crew->sample[i]);
        mk_record_free(&mk_garbage_sample_record, &crew->garbage[i]);
    }
    pthread_barrier_destroy(&crew->barrier);
    pthread_mutex_destroy(&crew->words);
    free(crew->lane);
    mk_alloc_replay_close(crew->replay);
    free(crew->sample);
    free(crew->counted);
    free(crew->garbage);
    free(crew->peak);
    free(crew->begun);
    free(crew->consumed);
    free(crew->service);
    free(crew->response);
}

static void lead(struct mk_crew *crew) {
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
        if (crew->latency) mk_crew_send_latencies(crew, phase);
        if (crew->streams->refills) meet(crew); /* all rings are empty */
    }
    meet(crew); /* all done */
    crew->count_after = mk_instance_count(crew->instance);
    meet(crew);
}

size_t mk_crew_round(struct mk_crew *crew) {
    crew->threads = crew->group->threads;
    crew->phases = (uint32_t)crew->point->phases_n;
    pthread_t *id = mk_need(crew->threads, sizeof *id);
    struct member *member = mk_need(crew->threads, sizeof *member);
    size_t most = 0;
    open_crew(crew);
    for (uint32_t t = 0; t < crew->threads; t++) {
        member[t] = (struct member){crew, t, 0, 0};
        if (pthread_create(&id[t], NULL, member_main, &member[t])) {
            /* the others already wait for it: there is no way on */
            fprintf(stderr, "memkit-bench: cannot start thread %u of %u: %s\n", t, crew->threads, strerror(errno));
            _exit(6);
        }
    }
    meet(crew); /* everybody is in */
    bool refused = atomic_load_explicit(&crew->refused, memory_order_relaxed) != 0;
    if (!refused) lead(crew);
    for (uint32_t t = 0; t < crew->threads; t++) pthread_join(id[t], NULL);
    if (atomic_load_explicit(&crew->refused, memory_order_relaxed)) {
        mk_crew_send_check(crew, MK_VERDICT_FAIL, "threads", mk_need_text(crew->refusal));
    } else {
        for (size_t i = 0; i < (size_t)crew->threads * crew->phases; i++) {
            if (crew->consumed[i] > most) most = crew->consumed[i];
        }
        mk_crew_send_rounds(crew);
        mk_crew_send_checks(crew);
    }
    close_crew(crew);
    free(id);
    free(member);
    return most;
}
