/* alloctrace_stats.c - what a trace of allocations looks like: sizes, lifetimes, what is live, what crosses
 * threads. */
#include <stdlib.h>
#include <string.h>

#include "alloctrace.h"
#include "record.h"

unsigned mk_alloctrace_bucket(uint64_t number) {
    return number ? 64 - (unsigned)__builtin_clzll(number) : 0;
}

/* Of two in a row. */
static struct mk_alloctrace_point higher(struct mk_alloctrace_point a, struct mk_alloctrace_point b) {
    return b.live_bytes > a.live_bytes ? b : a;
}

/* The highest point of each stretch of so many events, so that no peak is missing; when there are too many, two
 * stretches become one. */
static void add_point(struct mk_alloctrace_stats *stats, const struct mk_alloctrace_event *event) {
    struct mk_alloctrace_point now = {event->order, event->time_ns, stats->live_bytes, stats->live_blocks};
    struct mk_alloctrace_point *last = stats->points ? &stats->point[stats->points - 1] : NULL;
    stats->end = now;
    if (last && last->order / stats->every == now.order / stats->every) {
        *last = higher(*last, now);
        return;
    }
    if (stats->points == MK_AT_POINTS) {
        for (uint32_t i = 0; i < MK_AT_POINTS / 2; i++) {
            stats->point[i] = higher(stats->point[2 * i], stats->point[2 * i + 1]);
        }
        stats->points = MK_AT_POINTS / 2;
        stats->every *= 2;
    }
    stats->point[stats->points++] = now;
}

/* What is live at the end, be it ever so little, ends the line. */
static void end_points(struct mk_alloctrace_stats *stats) {
    if (stats->points && stats->point[stats->points - 1].order != stats->end.order) {
        stats->point[stats->points++] = stats->end;
    }
}

static void count_free(struct mk_alloctrace_stats *stats, const struct mk_alloctrace_event *event,
                       const struct mk_alloctrace_object *taken) {
    stats->frees++;
    stats->crossed += taken->thread != event->thread;
    stats->live_bytes -= taken->size;
    stats->live_blocks--;
    stats->life_allocs[mk_alloctrace_bucket(stats->allocations - taken->tag)]++;
    uint64_t ns = event->time_ns > taken->time_ns ? event->time_ns - taken->time_ns : 0;
    stats->life_ns[mk_alloctrace_bucket(ns)]++;
    if (!mk_alloctrace_gives(event->code)) return;
    if (event->size > taken->size) stats->grown++;
    else if (event->size < taken->size) stats->shrunk++;
    else stats->same++;
}

static void count_allocation(struct mk_alloctrace_stats *stats, const struct mk_alloctrace_event *event) {
    stats->allocations++;
    stats->allocated_bytes += event->size;
    stats->zero_sized += !event->size;
    stats->size[mk_alloctrace_bucket(event->size)]++;
    if (event->size > stats->largest) stats->largest = event->size;
    if (event->code == MK_AT_ALIGNED) stats->align[event->align_log2]++;
    stats->live_bytes += event->size;
    stats->live_blocks++;
    if (stats->live_blocks > stats->peak_blocks) stats->peak_blocks = stats->live_blocks;
    if (stats->live_bytes <= stats->peak_bytes) return;
    stats->peak_bytes = stats->live_bytes;
    stats->peak_bytes_blocks = stats->live_blocks;
    stats->peak_bytes_ns = event->time_ns;
}

static void see(void *arg, const struct mk_alloctrace_event *event, const struct mk_alloctrace_object *taken,
                struct mk_alloctrace_object *given) {
    struct mk_alloctrace_stats *stats = arg;
    stats->of_code[event->code]++;
    stats->of_thread[event->thread]++;
    if (event->time_ns > stats->last_ns) stats->last_ns = event->time_ns;
    if (taken) count_free(stats, event, taken);
    if (given) {
        given->tag = stats->allocations;
        count_allocation(stats, event);
    }
    add_point(stats, event);
}

int mk_alloctrace_count(struct mk_alloctrace *trace, struct mk_alloctrace_stats *stats, struct mk_err *err) {
    memset(stats, 0, sizeof *stats);
    stats->every = 1;
    stats->of_thread_n = trace->threads;
    stats->of_thread = mk_need(trace->threads + 1, sizeof *stats->of_thread);
    int failed = mk_alloctrace_walk(trace, see, stats, err);
    end_points(stats);
    return failed;
}

void mk_alloctrace_stats_free(struct mk_alloctrace_stats *stats) {
    free(stats->of_thread);
    stats->of_thread = NULL;
}
