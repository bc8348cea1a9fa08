/* shrink.c - see timeline.h. Every cut is sound: were the whole linearizable, so would be what is left.
 *
 * - Behind: where no order holds all that has returned by some moment, nothing called later can mend that.
 *   Operations that had been called and not returned at that moment stay, whole.
 * - Before: where all orders that there can be have the same operations before some moment, and lead to the same
 *   state, the others have to go on from it.
 * - In between: an operation that changes no state can be left out of any order. One that changes it cannot, since
 *   others may owe their answers to it. */
#include "explain.h"
#include "timeline.h"

#include <stdlib.h>

#include "../record.h"

#define FEW 16                     /* operations that one can take in */
#define COST_MAX ((size_t)1 << 18) /* of leaving reads out: configurations (explain.h) */

/* Keeps the events that are not `dropped`. */
static void keep(struct mk_violation *violation, const bool *dropped) {
    size_t kept = 0;
    for (size_t i = 0; i < violation->n; i++) {
        if (!dropped[i]) violation->event[kept++] = violation->event[i];
    }
    violation->n = kept;
}

/* Cuts off what comes before and behind: before, what had taken effect by a moment that lies before `until`.
 * Returns the call of the operation that has no place, or 0 where that cannot be told. */
static uint64_t cut_ends(struct mk_violation *violation, const struct mk_linear_config *config, uint64_t until) {
    struct mk_explained explained;
    uint64_t call = 0;
    mk_explain(violation, config, until, &explained);
    if (explained.verdict == MK_NOT_LINEARIZABLE) {
        call = violation->event[explained.misfit].call;
        for (size_t i = 0; i < violation->n; i++) explained.settled[i] |= !explained.begun[i];
        keep(violation, explained.settled);
        memcpy(violation->before, explained.state, sizeof violation->before);
    }
    mk_explained_free(&explained);
    return call;
}

/* Returns whether what is left without the dropped ones is still a violation. */
static bool remains(const struct mk_violation *violation, const struct mk_linear_config *config,
                    const bool *dropped, size_t *cost) {
    struct mk_violation left = *violation;
    struct mk_explained explained;
    left.event = mk_need(violation->n, sizeof *left.event);
    memcpy(left.event, violation->event, violation->n * sizeof *left.event);
    keep(&left, dropped);
    mk_explain(&left, config, 0, &explained);
    enum mk_linear verdict = explained.verdict;
    *cost += explained.configurations;
    mk_explained_free(&explained);
    free(left.event);
    return verdict == MK_NOT_LINEARIZABLE;
}

/* Leaves reads out, as many at once as can be: all, halves, quarters, ... single ones. */
static void drop_reads(struct mk_violation *violation, const struct mk_linear_config *config) {
    size_t reads = 0, cost = 0;
    size_t *read = mk_need(violation->n, sizeof *read); /* those that are left and may go */
    bool *dropped = mk_need(violation->n, sizeof *dropped);
    for (size_t i = 0; i < violation->n; i++) {
        if (config->model->reads >> violation->event[i].code & 1) read[reads++] = i;
    }
    for (size_t size = reads; size; size = size == 1 ? 0 : (size + 1) / 2) {
        for (size_t from = 0; from < reads && cost < COST_MAX;) {
            size_t to = from + size < reads ? from + size : reads;
            for (size_t i = from; i < to; i++) dropped[read[i]] = true;
            if (remains(violation, config, dropped, &cost)) {
                memmove(&read[from], &read[to], (reads - to) * sizeof *read);
                reads -= to - from;
            } else {
                while (from < to) dropped[read[from++]] = false;
            }
        }
    }
    keep(violation, dropped);
    free(dropped);
    free(read);
}

/* What overlaps the operation without a place shows why it has none, and stays where it is not too much. */
void mk_violation_shrink(struct mk_violation *violation, const struct mk_linear_config *config) {
    size_t n;
    do {
        n = violation->n;
        uint64_t call = cut_ends(violation, config, 0);
        cut_ends(violation, config, call);
        drop_reads(violation, config);
    } while (violation->n < n);
    if (violation->n <= FEW) return;
    cut_ends(violation, config, UINT64_MAX);
    drop_reads(violation, config);
}
