/* verdict.c - the rules of verdict.h. */
#include "verdict.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct mk_field reason_fields[] = {
    {.name = "verdict", .type = MK_FIELD_ENUM, .offset = MK_AT(mk_reason, verdict), .names = mk_verdict_names,
     .help = "What this reason alone would make of the cell."},
    {.name = "rule", .type = MK_FIELD_TEXT, .flags = MK_FIELD_REQUIRED, .offset = MK_AT(mk_reason, rule),
     .help = "Which rule: build, processes, script, failed_ops, contended, floor, not_run, checks, or a check's "
             "name."},
    {.name = "text", .type = MK_FIELD_TEXT, .flags = MK_FIELD_REQUIRED, .offset = MK_AT(mk_reason, text),
     .help = "One sentence for people."},
    {0},
};
const struct mk_record mk_reason_record = {
    "reason", sizeof(struct mk_reason), reason_fields, "Why a cell is not simply a pass.",
};

static int severity(uint32_t verdict) {
    switch ((enum mk_verdict)verdict) {
    case MK_VERDICT_PASS: return 0;
    case MK_VERDICT_UNCHECKED: return 1;
    case MK_VERDICT_UNTRUSTWORTHY: return 2;
    case MK_VERDICT_SKIPPED: return 3;
    case MK_VERDICT_FAIL: break;
    }
    return 4;
}

int mk_verdict_compare(uint32_t a, uint32_t b) {
    return severity(a) - severity(b);
}

uint32_t mk_verdict_of(const struct mk_reasons *reasons) {
    uint32_t worst = MK_VERDICT_PASS;
    for (size_t i = 0; i < reasons->reason_n; i++) {
        if (mk_verdict_compare(reasons->reason[i].verdict, worst) > 0) worst = reasons->reason[i].verdict;
    }
    return worst;
}

/* Takes over text. */
static void add(struct mk_reasons *reasons, uint32_t verdict, const char *rule, char *text) {
    struct mk_reason *reason = mk_grow(&reasons->reason, &reasons->reason_n, sizeof *reason);
    reason->verdict = verdict;
    reason->rule = mk_need_text(rule);
    reason->text = text;
}

void mk_verdict_add(struct mk_reasons *reasons, uint32_t verdict, const char *rule, const char *text) {
    add(reasons, verdict, rule, mk_need_text(text));
}

void mk_verdict_reasons_free(struct mk_reasons *reasons) {
    for (size_t i = 0; i < reasons->reason_n; i++) mk_record_free(&mk_reason_record, &reasons->reason[i]);
    free(reasons->reason);
    *reasons = (struct mk_reasons){0};
}

/* ---- checks ------------------------------------------------------------------------------------- */

static bool same_finding(const struct mk_check_sample *a, const struct mk_check_sample *b) {
    return a->verdict == b->verdict && strcmp(a->check ? a->check : "", b->check ? b->check : "") == 0;
}

void mk_verdict_checks(struct mk_reasons *reasons, const struct mk_check_sample *checks, size_t n,
                       bool floor) {
    if (!n && !floor) mk_verdict_add(reasons, MK_VERDICT_UNCHECKED, "checks", "no check was reported");
    for (size_t i = 0; i < n; i++) {
        const struct mk_check_sample *check = &checks[i];
        if (check->verdict == MK_VERDICT_PASS || (floor && check->verdict == MK_VERDICT_UNCHECKED)) continue;
        size_t before = 0, times = 0;
        for (size_t j = 0; j < n; j++) {
            if (!same_finding(check, &checks[j])) continue;
            times++;
            before += j < i;
        }
        if (before) continue;
        uint32_t verdict = check->verdict == MK_VERDICT_SKIPPED ? MK_VERDICT_UNCHECKED : check->verdict;
        const char *name = check->check ? check->check : "a check";
        char *often = times > 1 ? mk_need_format(" (%zu times)", times) : mk_need_text("");
        if (check->detail && check->detail[0])
            add(reasons, verdict, name, mk_need_format("%s: %s%s", name, check->detail, often));
        else
            add(reasons, verdict, name, mk_need_format("%s%s", name, often));
        free(often);
    }
}

/* ---- builds and processes ----------------------------------------------------------------------- */

void mk_verdict_build(struct mk_reasons *reasons, const char *why) {
    if (why) mk_verdict_add(reasons, MK_VERDICT_UNTRUSTWORTHY, "build", why);
}

/* Number of different processes that delivered a timed round of the phase. */
static uint64_t processes_of(const struct mk_round_sample *rounds, size_t n, uint32_t phase) {
    struct mk_figure figure;
    mk_figure_of_rounds(&figure, rounds, n, phase, mk_round_ops);
    uint64_t seen = figure.n;
    mk_figure_free(&figure);
    return seen;
}

void mk_verdict_processes(struct mk_reasons *reasons, const struct mk_round_sample *rounds, size_t n,
                          uint32_t phases, uint64_t asked) {
    uint64_t fewest = asked;
    for (uint32_t phase = 0; phase < phases; phase++) {
        uint64_t seen = processes_of(rounds, n, phase);
        if (seen < fewest) fewest = seen;
    }
    if (fewest == asked) return;
    add(reasons, MK_VERDICT_UNTRUSTWORTHY, "processes",
        mk_need_format("%" PRIu64 " of %" PRIu64 " processes delivered figures", fewest, asked));
}

/* ---- the script --------------------------------------------------------------------------------- */

static uint64_t at(const uint64_t *list, size_t n, size_t i) {
    return i < n ? list[i] : 0;
}

static uint64_t sum_attempted(const struct mk_round_sample *round, size_t code) {
    uint64_t sum = 0;
    for (size_t i = 0; i < round->threads_n; i++)
        sum += at(round->threads[i].attempted, round->threads[i].attempted_n, code);
    return sum;
}

static uint64_t sum_hits(const struct mk_round_sample *round, size_t code) {
    uint64_t sum = 0;
    for (size_t i = 0; i < round->threads_n; i++)
        sum += at(round->threads[i].hits, round->threads[i].hits_n, code);
    return sum;
}

/* The band around an expected count: 5 %, but never less than what chance does to small counts (four
 * standard deviations) nor than a thousandth of all there were. */
static bool off_script(double seen, double expected, double of) {
    double band = fmax(MK_SCRIPT_BAND_FRAC * expected, fmax(4 * sqrt(expected), 0.001 * of));
    return fabs(seen - expected) > band;
}

static void add_off_script(struct mk_reasons *reasons, const char *what, const char *unit, double seen,
                           double expected) {
    add(reasons, MK_VERDICT_UNTRUSTWORTHY, "script",
        mk_need_format("%s: %.0f %s where its script implies %.0f", what, seen, unit, expected));
}

static void script_hits(struct mk_reasons *reasons, const struct mk_round_sample *rounds, size_t n,
                        const char *const *names) {
    bool named = names != NULL;
    for (size_t code = 0; code < MK_OPS_MAX; code++) {
        double seen = 0, expected = 0, attempted = 0;
        named = named && names[code];
        for (size_t i = 0; i < n; i++) {
            if (!rounds[i].expected_hits_n) continue;
            seen += (double)sum_hits(&rounds[i], code);
            attempted += (double)sum_attempted(&rounds[i], code);
            expected += (double)at(rounds[i].expected_hits, rounds[i].expected_hits_n, code);
        }
        if (!off_script(seen, expected, attempted)) continue;
        char *what = named ? mk_need_format("hits of %s", names[code]) : mk_need_format("hits of code %zu", code);
        add_off_script(reasons, what, "hits", seen, expected);
        free(what);
    }
}

/* A number of a round, and what the script implies for it; NaN = not worked out. */
typedef double round_number_fn(const struct mk_round_sample *round);

static double known(uint64_t number) {
    return number == UINT64_MAX ? NAN : (double)number;
}

static double size_seen(const struct mk_round_sample *round) {
    return known(round->count_after);
}

static double size_expected(const struct mk_round_sample *round) {
    return known(round->expected_count);
}

static double distinct_seen(const struct mk_round_sample *round) {
    return (double)round->distinct_keys;
}

static double distinct_expected(const struct mk_round_sample *round) {
    return known(round->expected_distinct);
}

/* The worst round is what is told: these numbers do not add up over rounds. */
static void script_worst(struct mk_reasons *reasons, const struct mk_round_sample *rounds, size_t n, const char *what,
                         const char *unit, round_number_fn *seen_of, round_number_fn *expected_of) {
    double worst_seen = NAN, worst_expected = NAN, worst_by = 0;
    for (size_t i = 0; i < n; i++) {
        if (!rounds[i].expected_hits_n) continue;
        double seen = seen_of(&rounds[i]), expected = expected_of(&rounds[i]);
        if (isnan(seen) || isnan(expected)) continue;
        if (!off_script(seen, expected, expected) || fabs(seen - expected) <= worst_by) continue;
        worst_seen = seen;
        worst_expected = expected;
        worst_by = fabs(seen - expected);
    }
    if (worst_by > 0) add_off_script(reasons, what, unit, worst_seen, worst_expected);
}

void mk_verdict_script(struct mk_reasons *reasons, const struct mk_round_sample *rounds, size_t n,
                       const char *const *names) {
    script_hits(reasons, rounds, n, names);
    script_worst(reasons, rounds, n, "final size", "elements", size_seen, size_expected);
    script_worst(reasons, rounds, n, "distinct keys", "keys", distinct_seen, distinct_expected);
}

void mk_verdict_failed_ops(struct mk_reasons *reasons, const struct mk_round_sample *rounds, size_t n) {
    uint64_t failed = 0, ops = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t t = 0; t < rounds[i].threads_n; t++) {
            failed += rounds[i].threads[t].failed;
            ops += rounds[i].threads[t].ops;
        }
    }
    if (!failed) return;
    add(reasons, MK_VERDICT_UNTRUSTWORTHY, "failed_ops",
        mk_need_format("%" PRIu64 " of %" PRIu64 " operations had no memory or were refused", failed, ops));
}

/* ---- side by side ------------------------------------------------------------------------------- */

static double lost(uint64_t wall_ns, uint64_t cpu_ns) {
    return wall_ns > cpu_ns ? (double)(wall_ns - cpu_ns) : 0;
}

/* Off-CPU time that the thread did not choose. A slice without an involuntary switch is off the CPU
 * because the thread waited: on a lock, on a rate. */
static double thread_lost_ns(const struct mk_thread_sample *thread) {
    size_t n = thread->slice_wall_ns_n;
    if (!n || thread->slice_cpu_ns_n != n || thread->slice_involuntary_n != n) {
        bool chosen = thread->voluntary_switches && !thread->involuntary_switches;
        return chosen ? 0 : lost(thread->wall_ns, thread->cpu_ns);
    }
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (thread->slice_involuntary[i]) sum += lost(thread->slice_wall_ns[i], thread->slice_cpu_ns[i]);
    }
    return sum;
}

double mk_verdict_ran_frac(const struct mk_round_sample *round) {
    double wall = 0, away = 0;
    for (size_t i = 0; i < round->threads_n; i++) {
        wall += (double)round->threads[i].wall_ns;
        away += thread_lost_ns(&round->threads[i]);
    }
    return wall > 0 ? fmax(0, 1 - away / wall) : 1;
}

static double ran_frac(const struct mk_round_sample *round) {
    return round->threads_n > 1 ? mk_verdict_ran_frac(round) : NAN;
}

void mk_verdict_contended(struct mk_reasons *reasons, const struct mk_round_sample *rounds, size_t n) {
    double worst = 1;
    uint32_t phases = mk_figure_phases(rounds, n);
    for (uint32_t phase = 0; phase < phases; phase++) {
        struct mk_figure ran;
        mk_figure_of_rounds(&ran, rounds, n, phase, ran_frac);
        if (ran.n && ran.interval.estimate < worst) worst = ran.interval.estimate;
        mk_figure_free(&ran);
    }
    if (worst >= MK_RAN_MIN_FRAC) return;
    add(reasons, MK_VERDICT_UNTRUSTWORTHY, "contended",
        mk_need_format("contended: its threads had their PUs for %.0f %% of the time, something else ran there",
                       100 * worst));
}

void mk_verdict_floor(struct mk_reasons *reasons, const struct mk_figure *cpu_ns, const struct mk_figure *floor) {
    double clearly = (1 - MK_FLOOR_MARGIN_FRAC) * floor->interval.lower;
    if (!cpu_ns->n || !floor->n || !(cpu_ns->interval.upper < clearly)) return;
    add(reasons, MK_VERDICT_UNTRUSTWORTHY, "floor",
        mk_need_format("%.2f ns CPU an operation lies below the floor of this machine, %.2f ns",
                       cpu_ns->interval.estimate, floor->interval.estimate));
}
