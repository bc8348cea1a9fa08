/* judge_monitor.c - how long the monitors of stacks and queues take. Prints a table of seconds, the least of three runs
 * of one history; scripts/bench reads it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../harness/check/monitor.h"
#include "../harness/rng.h"

/* How a history goes. */
struct course {
    const char *name;
    unsigned out_percent;
    bool fills_first; /* nothing is taken out of the first half */
};
static const struct course courses[] = {
    {"often empty", 60, false}, {"about level", 50, false}, {"fill, drain", 100, true}};

#define MOMENT (UINT64_C(1) << 20) /* stamps between two operations' moments: threads hardly ever have the same */
#define THREADS_MAX 32

/* Gives operation i to a thread that is not held up. One operation in fifty holds its thread up. */
static unsigned pick_thread(uint64_t *held_until, unsigned threads, size_t i, struct mk_rng *rng) {
    unsigned t = (unsigned)mk_rng_below(rng, threads), tries = 0;
    while (held_until[t] > i && tries++ < threads) t = (t + 1) % threads;
    if (mk_rng_below(rng, 50) == 0) held_until[t] = i + 20 * threads;
    return t;
}

/* Fills in n events of a history that is linearizable, but for one value, nine tenths through, that is taken out
 * from far inside if `wrong`. Returns false if it never was filled so far that threads cannot account for that. */
static bool make(struct mk_event *event, size_t n, unsigned threads, bool stack, const struct course *course,
                 bool wrong) {
    struct mk_rng rng;
    struct mk_event *last[THREADS_MAX] = {0};
    uint64_t held_until[THREADS_MAX] = {0}, moment[THREADS_MAX] = {0};
    uint64_t *in = malloc(n * sizeof *in);
    size_t from = 0, to = 0;
    if (!in) exit(1);
    mk_rng_seed(&rng, n + threads);
    for (size_t i = 0; i < n; i++) {
        unsigned t = pick_thread(held_until, threads, i, &rng);
        uint64_t now = (i + 1) * MOMENT;
        event[i] = (struct mk_event){.thread = (uint16_t)t, .status = MK_HIT, .ret = now + MOMENT / 2};
        event[i].call = moment[t] + mk_rng_below(&rng, now - moment[t]);
        if (last[t]) last[t]->ret = event[i].call;
        last[t] = &event[i];
        moment[t] = now;
        if (course->fills_first ? i < n / 2 : mk_rng_below(&rng, 100) >= course->out_percent) {
            in[to++] = event[i].value = i + 1;
            continue;
        }
        event[i].code = MK_MONITOR_OUT;
        event[i].status = from < to ? MK_HIT : MK_MISS;
        if (from == to) continue;
        uint64_t *end = &in[stack ? to - 1 : from], *inside = &in[from + (to - from) / 2];
        if (wrong && i > n - n / 10 && (stack ? end - inside : inside - end) > 2 * threads) {
            uint64_t kept = *end;
            *end = *inside;
            *inside = kept;
            wrong = false;
        }
        event[i].seen = stack ? in[--to] : in[from++];
    }
    free(in);
    return !wrong;
}

static double seconds(bool stack, const struct mk_event *event, size_t n, enum mk_linear *verdict,
                      struct mk_monitor_report *report) {
    double least = 1e9;
    for (unsigned i = 0; i < 3; i++) {
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        *verdict = stack ? mk_monitor_stack(event, n, 0, report) : mk_monitor_queue(event, n, 0, report);
        clock_gettime(CLOCK_MONOTONIC, &to);
        double took = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
        if (took < least) least = took;
    }
    return least;
}

int main(void) {
    static const size_t sizes[] = {100000, 1000000};
    static const unsigned threads[] = {2, 8, 32};
    printf("kind   course       operations  threads  linearizable    violated  and how\n");
    for (unsigned at = 0; at < 2 * 3 * 2 * 3; at++) {
        bool stack = at >= 18;
        const struct course *course = &courses[at / 6 % 3];
        size_t n = sizes[at / 3 % 2];
        struct mk_event *event = aligned_alloc(MK_CACHE_LINE, n * sizeof *event);
        printf("%s  %s  %10zu  %7u", stack ? "stack" : "queue", course->name, n, threads[at % 3]);
        for (int wrong = 0; event && wrong < 2; wrong++) {
            enum mk_linear verdict;
            struct mk_monitor_report report;
            if (!make(event, n, threads[at % 3], stack, course, wrong)) break;
            printf("  %10.3f", seconds(stack, event, n, &verdict, &report));
            if ((verdict == MK_LINEARIZABLE) == wrong) printf(" (wrong verdict)");
            if (wrong) printf("  %s", report.what);
        }
        putchar('\n');
        fflush(stdout);
        free(event);
    }
    return 0;
}
