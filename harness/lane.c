/* lane.c - see lane.h. */
#include "lane.h"

#include <sys/resource.h>

#include "../impl/order.h"
#include "clock.h"
#include "ops.h"
#include "stats.h"

/* ---- consuming words ---------------------------------------------------------------------- */

/* Runs of one code go to that code's own loop, so that dispatch is out of the measurement. Runs are
 * aligned to multiples of run_len in the stream. */
static void batch_runs(struct mk_lane *lane, size_t at, size_t n, struct mk_tally *tally) {
    while (n) {
        size_t run = lane->run_len - at % lane->run_len;
        if (run > n) run = n;
        mk_batch_fn *loop = lane->impl->batch_of[MK_CODE(lane->words[at])];
        (loop ? loop : lane->impl->batch)(lane->self, lane->me, lane->words + at, run, tally);
        at += run;
        n -= run;
    }
}

static void batch(struct mk_lane *lane, size_t at, size_t n, struct mk_tally *tally) {
    if (lane->only >= 0 && lane->impl->batch_of[lane->only]) {
        lane->impl->batch_of[lane->only](lane->self, lane->me, lane->words + at, n, tally);
    } else if (lane->run_len >= 8) {
        batch_runs(lane, at, n, tally);
    } else {
        lane->impl->batch(lane->self, lane->me, lane->words + at, n, tally);
    }
}

void mk_lane_consume(struct mk_lane *lane, const uint64_t *words, size_t n) {
    /* In pieces, so that a hung implementation is found inside a batch with a bound. */
    for (size_t at = 0; at < n; at += 65536) {
        size_t piece = n - at < 65536 ? n - at : 65536;
        lane->impl->batch(lane->self, lane->me, words + at, piece, &lane->warm_tally);
    }
}

void mk_lane_warm(struct mk_lane *lane, uint64_t until_ns) {
    uint64_t slice = lane->slice_ops ? lane->slice_ops : 256;
    /* A quarter of the stream at most: the rest is to be measured. */
    size_t most = lane->words_n / 4;
    bool found = false;
    while (lane->done < most && (!found || mk_wall_ns() < until_ns)) {
        uint64_t before = mk_cpu_ns();
        size_t take = most - lane->done < slice ? most - lane->done : (size_t)slice;
        batch(lane, lane->done, take, &lane->warm_tally);
        lane->done += take;
        found = mk_cpu_ns() - before >= MK_SLICE_NS / 2 || slice >= (1u << 20);
        if (!found) slice *= 2;
    }
    lane->slice_ops = slice;
    lane->begin = lane->done;
}

/* ---- slices ------------------------------------------------------------------------------- */

struct marks {
    uint64_t wall_ns, cpu_ns;
    long voluntary, involuntary, faults;
};

static void read_marks(struct marks *marks) {
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    marks->voluntary = usage.ru_nvcsw;
    marks->involuntary = usage.ru_nivcsw;
    marks->faults = usage.ru_minflt;
    marks->cpu_ns = mk_cpu_ns();
    marks->wall_ns = mk_wall_ns();
}

static void add_slice(struct mk_thread_sample *sample, uint64_t ops, const struct marks *from, const struct marks *to) {
    *(uint64_t *)mk_grow(&sample->slice_ops, &sample->slice_ops_n, 8) = ops;
    *(uint64_t *)mk_grow(&sample->slice_wall_ns, &sample->slice_wall_ns_n, 8) = to->wall_ns - from->wall_ns;
    *(uint64_t *)mk_grow(&sample->slice_cpu_ns, &sample->slice_cpu_ns_n, 8) = to->cpu_ns - from->cpu_ns;
    *(uint64_t *)mk_grow(&sample->slice_involuntary, &sample->slice_involuntary_n, 8) =
        (uint64_t)(to->involuntary - from->involuntary);
    sample->ops += ops;
    sample->wall_ns += to->wall_ns - from->wall_ns;
    sample->cpu_ns += to->cpu_ns - from->cpu_ns;
    sample->voluntary_switches += (uint64_t)(to->voluntary - from->voluntary);
    sample->involuntary_switches += (uint64_t)(to->involuntary - from->involuntary);
    sample->minor_faults += (uint64_t)(to->faults - from->faults);
}

static bool ended(const struct mk_lane *lane, uint64_t now_ns) {
    return now_ns >= lane->course->deadline_ns ||
           atomic_load_explicit(&lane->course->stop, memory_order_relaxed) != 0;
}

/* Closed loop over at most `most` words; returns whether the phase goes on. */
static bool closed_loop(struct mk_lane *lane, size_t most) {
    size_t end = lane->words_n - lane->done < most ? lane->words_n : lane->done + most;
    struct marks from, to;
    bool over = false;
    read_marks(&from);
    while (lane->done < end && !over) {
        size_t take = end - lane->done < lane->slice_ops ? end - lane->done : (size_t)lane->slice_ops;
        batch(lane, lane->done, take, &lane->tally);
        lane->done += take;
        read_marks(&to);
        add_slice(lane->sample, take, &from, &to);
        over = ended(lane, to.wall_ns);
        from = to;
    }
    return !over && lane->done < lane->words_n;
}

/* ---- single operations -------------------------------------------------------------------- */

static void one_timed(struct mk_lane *lane, uint64_t intended_ns) {
    unsigned code = MK_CODE(lane->words[lane->done]);
    uint64_t before = mk_wall_ns();
    batch(lane, lane->done, 1, &lane->tally);
    uint64_t after = mk_wall_ns();
    lane->done++;
    if (lane->service) mk_hist_record(&lane->service[code], after - before);
    if (lane->response && intended_ns) mk_hist_record(&lane->response[code], after - intended_ns);
}

/* Returns how many words go by before the next one that is timed. Operations may be of two words: with an even
 * distance the second ones alone would be timed, or the first, so it is one more and one less in turns. */
static size_t words_between(struct mk_lane *lane) {
    uint64_t every = lane->sample_every;
    if (every % 2 == 0) every = lane->samples++ % 2 ? every - 1 : every + 1;
    return (size_t)every - 1;
}

/* Every sample_every-th operation alone between two clock readings, the others in batches: at most `most` words.
 * Returns whether the phase goes on. */
static bool latency_loop(struct mk_lane *lane, size_t most) {
    size_t end = lane->words_n - lane->done < most ? lane->words_n : lane->done + most;
    bool over = false;
    struct marks from, to;
    uint64_t in_slice = 0;
    read_marks(&from);
    while (lane->done < end && !over) {
        size_t between = words_between(lane);
        if (between > end - lane->done - 1) between = end - lane->done - 1;
        if (between) batch(lane, lane->done, between, &lane->tally);
        lane->done += between;
        one_timed(lane, 0);
        in_slice += between + 1;
        if (in_slice < lane->slice_ops) continue;
        read_marks(&to);
        add_slice(lane->sample, in_slice, &from, &to);
        in_slice = 0;
        from = to;
        over = ended(lane, to.wall_ns);
    }
    if (in_slice) {
        read_marks(&to);
        add_slice(lane->sample, in_slice, &from, &to);
    }
    return !over && lane->done < lane->words_n;
}

/* Sleeps through long waits, spins through the last part: sleeping overshoots. */
static void wait_until(uint64_t at_ns) {
    uint64_t now = mk_wall_ns();
    if (at_ns > now + 400000) mk_sleep_until(at_ns - 200000);
    while (mk_wall_ns() < at_ns) mk_pause();
}

/* Operations one by one: at their intended starts (open loop), or with time to think between them. */
static void paced_loop(struct mk_lane *lane) {
    struct marks from, to;
    uint64_t in_slice = 0, intended = lane->course->start_ns + lane->offset_ns;
    read_marks(&from);
    while (lane->done < lane->words_n) {
        if (lane->interval_ns) {
            if (intended >= lane->course->deadline_ns) break;
            wait_until(intended);
            one_timed(lane, intended);
            intended += lane->interval_ns;
        } else {
            one_timed(lane, 0);
            wait_until(mk_wall_ns() + lane->think_ns);
        }
        in_slice++;
        uint64_t now = mk_wall_ns();
        if (now - from.wall_ns >= MK_SLICE_NS) {
            read_marks(&to);
            add_slice(lane->sample, in_slice, &from, &to);
            in_slice = 0;
            from = to;
        }
        if (ended(lane, now)) break;
    }
    if (in_slice) {
        read_marks(&to);
        add_slice(lane->sample, in_slice, &from, &to);
    }
}

/* Sleeps until then or until the phase ends, and looks how much garbage there is whenever it wakes up: nobody has
 * to be woken for that, and those who are timed do nothing for it. Returns the time. */
static uint64_t stand_until(struct mk_lane *lane, uint64_t now, uint64_t until) {
    while (now < until && !ended(lane, now)) {
        mk_sleep_until(now + 1000000 < until ? now + 1000000 : until);
        now = mk_wall_ns();
        if (lane->garbage) mk_garbage_look(lane->garbage, lane->impl, lane->self, now - lane->course->start_ns);
    }
    return now;
}

/* Stands in a read-side section, again and again, until the others are done; before each time, outside one. */
static void stalled_loop(struct mk_lane *lane) {
    uint64_t now = mk_wall_ns();
    if (lane->garbage) mk_garbage_look(lane->garbage, lane->impl, lane->self, now - lane->course->start_ns);
    while (!ended(lane, now)) {
        now = stand_until(lane, now, now + lane->stall_pause_ns);
        if (ended(lane, now)) break;
        uint64_t begin = now;
        if (lane->impl->hold) lane->impl->hold(lane->self, lane->me);
        now = stand_until(lane, now, now + lane->stall_ns);
        if (lane->impl->unhold) lane->impl->unhold(lane->self, lane->me);
        if (lane->garbage) {
            mk_garbage_stall(lane->garbage, begin - lane->course->start_ns, now - lane->course->start_ns);
        }
    }
}

/* ---- a phase ------------------------------------------------------------------------------ */

void mk_lane_start(struct mk_lane *lane, bool spin) {
    uint64_t start = lane->course->start_ns, now;
    if (!spin) mk_sleep_until(start);
    while ((now = mk_wall_ns()) < start) mk_pause();
    lane->sample->start_skew_ns = now - start;
}

static void finish_sample(struct mk_lane *lane) {
    struct mk_thread_sample *sample = lane->sample;
    /* The first to end ends the phase: figures of a phase in which some have left are no figures. Of a replay, all of
     * it is the figure. */
    if (!lane->course->whole) atomic_store_explicit(&lane->course->stop, 1, memory_order_relaxed);
    sample->failed = lane->tally.failed;
    sample->attempted = mk_need(MK_OPS_MAX, sizeof *sample->attempted);
    sample->attempted_n = MK_OPS_MAX;
    sample->hits = mk_need(MK_OPS_MAX, sizeof *sample->hits);
    sample->hits_n = MK_OPS_MAX;
    mk_ops_count(lane->words + lane->begin, lane->done - lane->begin, sample->attempted);
    memcpy(sample->hits, lane->tally.hits, sizeof lane->tally.hits);
}

void mk_lane_run(struct mk_lane *lane) {
    if (lane->stall_ns) {
        stalled_loop(lane);
    } else if (lane->interval_ns || lane->think_ns) {
        paced_loop(lane);
    } else if (lane->sample_every) {
        latency_loop(lane, lane->words_n);
    } else {
        closed_loop(lane, lane->words_n);
    }
    finish_sample(lane);
}

bool mk_lane_live(struct mk_lane *lane, uint64_t ops) {
    bool goes_on = lane->sample_every ? latency_loop(lane, (size_t)ops) : closed_loop(lane, (size_t)ops);
    if (goes_on) return true;
    finish_sample(lane);
    return false;
}

double mk_lane_probe_ns(const struct mk_lane *lane) {
    double cost[201];
    struct mk_tally nothing = {{0}, 0, 0};
    for (int i = 0; i < 201; i++) {
        uint64_t before = mk_wall_ns();
        lane->impl->batch(lane->self, lane->me, lane->words, 0, &nothing);
        cost[i] = (double)(mk_wall_ns() - before);
    }
    mk_stats_sort(cost, 201);
    return mk_stats_median(cost, 201);
}
