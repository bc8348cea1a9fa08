/* values.c - see values.h.
 *
 * Monitors see events whose key is their place among those they were made of, and return a few of them. These are
 * told of as any other violation is: values, which the sequential model wants to be small numbers, are numbered,
 * and the violation keeps what each number stands for.
 */
#include "values.h"

#include <stdlib.h>

#include "../record.h"

/* Returns whether an operation of such a kind can be answered so. */
static bool is_legal(const struct mk_linear_config *config, const struct mk_event *event) {
    if (event->status == MK_MISS || event->status == MK_HIT) return true;
    return event->status == MK_NO_MEMORY &&
           (config->refusals || mk_model_is_full(config->model, config->impl, event->code));
}

/* ---- for the monitor ------------------------------------------------------------------------- */

/* Returns how many events say something of values. */
static size_t translate(const struct mk_event *events, size_t n, const struct mk_model *model,
                        struct mk_event *out) {
    size_t said = 0;
    for (size_t i = 0; i < n; i++) {
        bool puts = model->puts_in >> events[i].code & 1, takes = model->takes_out >> events[i].code & 1;
        if ((!puts && !takes) || events[i].status > MK_HIT) continue;
        out[said] = events[i];
        out[said].key = i;
        out[said].code = puts ? MK_MONITOR_IN : MK_MONITOR_OUT;
        if (puts) out[said].status = MK_HIT;
        said++;
    }
    return said;
}

/* ---- from the monitor ------------------------------------------------------------------------ */

/* Returns the number of a value, from 1; a new one where it has none yet. */
static uint64_t number_of(struct mk_violation *violation, uint64_t value) {
    size_t i = 0;
    while (i < violation->values && violation->value[i] != value) i++;
    if (i == violation->values) *(uint64_t *)mk_grow(&violation->value, &violation->values, sizeof value) = value;
    return i + 1;
}

static int by_thread(const void *left, const void *right) {
    const struct mk_event *a = left, *b = right;
    if (a->thread != b->thread) return a->thread < b->thread ? -1 : 1;
    if (a->call != b->call) return a->call < b->call ? -1 : 1;
    return (a->ret > b->ret) - (a->ret < b->ret);
}

static void keep(struct mk_violation *violation, const struct mk_event *event, const struct mk_model *model) {
    struct mk_event *kept = mk_grow(&violation->event, &violation->n, sizeof *kept);
    *kept = *event;
    kept->key = 0;
    if (model->puts_in >> event->code & 1) kept->value = number_of(violation, event->value);
    if (model->takes_out >> event->code & 1 && event->status == MK_HIT) {
        kept->seen = number_of(violation, event->seen);
    }
}

static void keep_all(const struct mk_event *events, const struct mk_monitor_report *said,
                     const struct mk_model *model, struct mk_values_report *report) {
    for (size_t i = 0; i < said->n; i++) keep(&report->violation, &events[said->event[i].key], model);
    qsort(report->violation.event, report->violation.n, sizeof *report->violation.event, by_thread);
    snprintf(report->what, sizeof report->what, "%s", said->what);
}

enum mk_linear mk_values_judge(const struct mk_event *events, size_t n, uint64_t slack,
                               const struct mk_linear_config *config, struct mk_values_report *report) {
    struct mk_monitor_report said;
    memset(report, 0, sizeof *report);
    report->violation.slack = slack;
    for (size_t i = 0; i < n; i++) {
        if (is_legal(config, &events[i])) continue;
        keep(&report->violation, &events[i], config->model);
        return MK_NOT_LINEARIZABLE;
    }
    struct mk_event *translated = mk_need(n + 1, sizeof *translated);
    size_t told = translate(events, n, config->model, translated);
    enum mk_linear verdict = config->model->monitor(translated, told, slack, &said);
    if (verdict == MK_NOT_LINEARIZABLE) keep_all(events, &said, config->model, report);
    free(translated);
    return verdict;
}
