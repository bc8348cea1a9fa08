/* figure.c - rounds to processes to a median with its interval. */
#include "figure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hist.h"

/* ---- what a round yields ------------------------------------------------------------------------ */

double mk_round_ops(const struct mk_round_sample *round) {
    double ops = 0;
    for (size_t i = 0; i < round->threads_n; i++) ops += (double)round->threads[i].ops;
    return ops;
}

double mk_round_mops(const struct mk_round_sample *round) {
    uint64_t begin = UINT64_MAX, end = 0;
    for (size_t i = 0; i < round->threads_n; i++) {
        const struct mk_thread_sample *thread = &round->threads[i];
        if (!thread->ops) continue; /* stood still on purpose: a stalled reader */
        if (thread->start_skew_ns < begin) begin = thread->start_skew_ns;
        if (thread->start_skew_ns + thread->wall_ns > end) end = thread->start_skew_ns + thread->wall_ns;
    }
    return end > begin ? mk_round_ops(round) * 1e3 / (double)(end - begin) : NAN;
}

double mk_round_cpu_ns(const struct mk_round_sample *round) {
    double cpu = 0, ops = mk_round_ops(round);
    for (size_t i = 0; i < round->threads_n; i++) {
        if (round->threads[i].ops) cpu += (double)round->threads[i].cpu_ns;
    }
    return ops > 0 ? cpu / ops : NAN;
}

static double counter_per_op(const struct mk_round_sample *round, const char *counter) {
    double ops = mk_round_ops(round);
    for (size_t i = 0; i < round->counters_n && ops > 0; i++) {
        const struct mk_counter_sample *sample = &round->counters[i];
        if (!sample->unavailable && strcmp(sample->name, counter) == 0) return (double)sample->value / ops;
    }
    return NAN;
}

/* ---- from rounds to processes ------------------------------------------------------------------- */

static void add_process(struct mk_figure *figure, uint32_t process, double value) {
    size_t n = figure->n;
    *(uint32_t *)mk_grow(&figure->process, &n, sizeof *figure->process) = process;
    *(double *)mk_grow(&figure->value, &figure->n, sizeof *figure->value) = value;
}

static void set_interval(struct mk_figure *figure) {
    double *sorted = mk_need(figure->n + 1, sizeof *sorted);
    if (figure->n) memcpy(sorted, figure->value, figure->n * sizeof *sorted);
    mk_stats_sort(sorted, figure->n);
    figure->interval = mk_stats_median_interval(sorted, figure->n, MK_FIGURE_CONFIDENCE);
    free(sorted);
}

struct value_of_process {
    uint32_t process;
    double value;
};

static int by_process(const void *a, const void *b) {
    const struct value_of_process *left = a, *right = b;
    return (left->process > right->process) - (left->process < right->process);
}

/* Values in any order: a process's number is their median. */
static void from_values(struct mk_figure *figure, struct value_of_process *values, size_t n) {
    double *of_one = mk_need(n + 1, sizeof *of_one);
    *figure = (struct mk_figure){0};
    if (n) qsort(values, n, sizeof *values, by_process);
    for (size_t i = 0; i < n;) {
        size_t m = 0;
        uint32_t process = values[i].process;
        for (; i < n && values[i].process == process; i++) of_one[m++] = values[i].value;
        mk_stats_sort(of_one, m);
        add_process(figure, process, mk_stats_median(of_one, m));
    }
    free(of_one);
    set_interval(figure);
}

/* Both kinds of figure: of a function of the round, or of a counter. */
static void of_rounds(struct mk_figure *figure, const struct mk_round_sample *rounds, size_t n, uint32_t phase,
                      mk_round_value_fn *value, const char *counter) {
    struct value_of_process *values = NULL;
    size_t values_n = 0;
    for (size_t i = 0; i < n; i++) {
        const struct mk_round_sample *round = &rounds[i];
        if (round->phase != phase || round->sort != MK_ROUND_TIMED) continue;
        double of_round = counter ? counter_per_op(round, counter) : value(round);
        if (isnan(of_round)) continue;
        struct value_of_process *one = mk_grow(&values, &values_n, sizeof *values);
        one->process = round->process;
        one->value = of_round;
    }
    from_values(figure, values, values_n);
    free(values);
}

void mk_figure_of_rounds(struct mk_figure *figure, const struct mk_round_sample *rounds, size_t n, uint32_t phase,
                         mk_round_value_fn *value) {
    of_rounds(figure, rounds, n, phase, value, NULL);
}

void mk_figure_of_counter(struct mk_figure *figure, const struct mk_round_sample *rounds, size_t n, uint32_t phase,
                          const char *counter) {
    of_rounds(figure, rounds, n, phase, NULL, counter);
}

/* ---- latency ------------------------------------------------------------------------------------ */

static bool of_this(const struct mk_latency_sample *sample, const struct mk_figure_of *of) {
    bool is_asked_for = !of->ops;
    for (size_t i = 0; of->ops && of->ops[i] && !is_asked_for; i++) {
        is_asked_for = sample->op && strcmp(sample->op, of->ops[i]) == 0;
    }
    return is_asked_for && sample->phase == of->phase && sample->count && sample->time &&
           strcmp(sample->time, of->time) == 0;
}

static void add_to(struct mk_hist *hist, const struct mk_latency_sample *sample) {
    for (size_t i = 0; i < sample->bin_n && i < sample->bin_count_n; i++) {
        if (sample->bin[i] < MK_HIST_BINS) mk_hist_add(hist, (unsigned)sample->bin[i], sample->bin_count[i]);
    }
    if (sample->max_ns > hist->max_ns) hist->max_ns = sample->max_ns;
}

void mk_figure_of_latency(struct mk_figure *figure, const struct mk_latency_sample *samples, size_t n,
                          const struct mk_figure_of *of, double percent) {
    struct mk_hist *hist = mk_need(1, sizeof *hist);
    struct value_of_process *values = NULL;
    size_t values_n = 0;
    for (size_t i = 0; i < n; i++) {
        if (!of_this(&samples[i], of)) continue;
        bool seen = false;
        for (size_t v = 0; v < values_n; v++) seen = seen || values[v].process == samples[i].process;
        if (seen) continue;
        mk_hist_clear(hist);
        for (size_t j = i; j < n; j++) {
            if (of_this(&samples[j], of) && samples[j].process == samples[i].process)
                add_to(hist, &samples[j]);
        }
        struct value_of_process *one = mk_grow(&values, &values_n, sizeof *values);
        one->process = samples[i].process;
        one->value = (double)mk_hist_percentile_ns(hist, percent);
    }
    from_values(figure, values, values_n);
    free(values);
    free(hist);
}

/* ---- ratios ------------------------------------------------------------------------------------- */

void mk_figure_ratio(struct mk_figure *figure, const struct mk_figure *a, const struct mk_figure *b) {
    double *over = mk_need(a->n + 1, sizeof *over), *under = mk_need(a->n + 1, sizeof *under);
    double *scratch = mk_need(a->n + 1, sizeof *scratch);
    *figure = (struct mk_figure){0};
    for (size_t i = 0, j = 0; i < a->n && j < b->n;) {
        if (a->process[i] != b->process[j]) {
            if (a->process[i] < b->process[j]) i++;
            else j++;
            continue;
        }
        if (a->value[i] > 0 && b->value[j] > 0) {
            over[figure->n] = a->value[i];
            under[figure->n] = b->value[j];
            add_process(figure, a->process[i], a->value[i] / b->value[j]);
        }
        i++;
        j++;
    }
    figure->interval = mk_stats_ratio_interval(over, under, figure->n, scratch, MK_FIGURE_CONFIDENCE);
    free(over);
    free(under);
    free(scratch);
}

void mk_figure_free(struct mk_figure *figure) {
    free(figure->process);
    free(figure->value);
    *figure = (struct mk_figure){0};
}

uint32_t mk_figure_phases(const struct mk_round_sample *rounds, size_t n) {
    uint32_t phases = 0;
    for (size_t i = 0; i < n; i++) {
        if (rounds[i].phase >= phases) phases = rounds[i].phase + 1;
    }
    return phases;
}
