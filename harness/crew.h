/* crew.h - one round of one cell: the threads that enter an instance, fill and age it and go through
 * the phases, and the main thread that leads them. It takes part in every barrier and sleeps in
 * between, so that nobody but the crew runs while clocks run. */
#ifndef MK_CREW_H
#define MK_CREW_H

#include <pthread.h>

#include "alloc_replay_run.h"
#include "counter.h"
#include "instance.h"
#include "lane.h"
#include "run.h"
#include "streams.h"

/* The caller fills the first part; the rest is the crew's own. */
struct mk_crew {
    const struct mk_plan *plan;
    const struct mk_cell *cell;
    const struct mk_plan_group *group;
    const struct mk_plan_point *point;
    const struct mk_topo *topo;
    const struct mk_counter_plan *counters;
    uint32_t counter_group;
    struct mk_instance *instance;
    const struct mk_streams *streams;
    const struct mk_run_sink *sink;
    uint32_t process, round;
    bool fresh; /* the instance is to be filled */
    bool latency;

    struct mk_alloc_replay_run *replay; /* of a trace of allocations; or NULL */
    uint32_t threads, phases;
    pthread_barrier_t barrier; /* threads + 1 */
    struct mk_lane_course course;
    struct mk_lane *lane;                    /* by thread; of the current phase */
    struct mk_thread_sample *sample;         /* by phase and thread */
    struct mk_counter_value *counted;        /* by phase, thread and counter */
    struct mk_garbage_sample *garbage;       /* by phase and thread: of those that stand still */
    struct mk_garbage *peak;                 /* by phase */
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

/* Runs one round on an instance that is open, with streams that are made, and sends what it measured.
 * Returns the most words that a thread consumed. */
size_t mk_crew_round(struct mk_crew *crew);

/* ---- crew_report.c: what a round has to say ------------------------------------------------ */

/* Each sends frames of its kind; latencies right after their phase, the others after the last. */
void mk_crew_send_latencies(const struct mk_crew *crew, uint32_t phase);
void mk_crew_send_rounds(struct mk_crew *crew);
void mk_crew_send_checks(const struct mk_crew *crew);
void mk_crew_send_check(const struct mk_crew *crew, enum mk_verdict verdict, const char *check, char *detail);

#endif
