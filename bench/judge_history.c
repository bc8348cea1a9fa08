/* judge_history.c - what recording a history costs, and judging it. Prints a line for each figure; scripts/bench reads
 * them.
 */
#include <stdlib.h>

#include "../harness/check/linear.h"
#include "../harness/clock.h"
#include "../harness/rng.h"
#include "../impl/map.h"

#define THREADS 8
#define OPS 1000000u
#define MOMENT 1000u /* ticks between the moments at which two operations take effect */

/* ---- recording ------------------------------------------------------------------------------- */

/* Returns the CPU time of one operation of a loop that takes a stamp and writes an event: the least of some
 * runs. */
static double recording_ns(bool logical) {
    struct mk_stamps stamps;
    struct mk_history history;
    double least = 1e9;
    mk_stamps_open(&stamps, logical);
    mk_history_open(&history, 1, OPS, &stamps);
    for (unsigned run = 0; run < 10; run++) {
        mk_history_clear(&history);
        struct mk_result result = {MK_HIT, 0, 0};
        uint64_t from = mk_cpu_ns(), call = mk_stamp(&stamps);
        for (uint64_t i = 0; i < OPS; i++) {
            struct mk_op op = {.code = MK_MAP_PUT, .key = i, .value = i};
            result.previous = i;
            uint64_t ret = mk_stamp(&stamps);
            mk_history_record(&history.thread[0], call, ret, 0, &op, &result);
            call = ret;
        }
        double ns = (double)(mk_cpu_ns() - from) / OPS;
        if (ns < least) least = ns;
    }
    mk_history_close(&history);
    return least;
}

/* ---- judging --------------------------------------------------------------------------------- */

static unsigned draw_code(struct mk_rng *rng) {
    static const unsigned codes[] = {MK_MAP_GET, MK_MAP_GET,    MK_MAP_GET,           MK_MAP_PUT,
                                     MK_MAP_PUT, MK_MAP_REMOVE, MK_MAP_INSERT_IF_ABSENT, MK_MAP_CONTAINS};
    return codes[mk_rng_below(rng, sizeof codes / sizeof *codes)];
}

/* Draws an operation, and asks the model what is answered. */
static void draw(const struct mk_linear_config *config, struct mk_parts *truth, uint64_t keys, struct mk_rng *rng,
                 struct mk_op *op, struct mk_result *result) {
    struct mk_answer answer = {.status = MK_MISS};
    *op = (struct mk_op){.code = draw_code(rng), .key = mk_rng_below(rng, keys), .value = mk_rng_next(rng)};
    config->model->answer(config->impl, mk_parts_state(truth, op->key), op, &answer);
    *result = (struct mk_result){answer.status, answer.states_value ? answer.value : 0,
                                 answer.states_previous ? answer.previous : 0};
}

/* Fills in operations that take effect one after another, while one in fifty threads is held up: a linearizable
 * history, but for one get, nine tenths through, that answers what nobody has written, if `wrong`. */
static void make(struct mk_history *history, const struct mk_linear_config *config, uint64_t keys, bool wrong) {
    struct mk_parts *truth = mk_parts_open(config->model);
    uint64_t held_until[THREADS] = {0}, moment[THREADS] = {0};
    struct mk_event *last[THREADS] = {0};
    struct mk_rng rng;
    mk_rng_seed(&rng, keys);
    mk_history_clear(history);
    for (uint64_t i = 1; i <= OPS; i++) {
        uint32_t t = (uint32_t)mk_rng_below(&rng, THREADS);
        while (held_until[t] > i) t = (t + 1) % THREADS;
        if (mk_rng_below(&rng, 50) == 0 && t) held_until[t] = i + 20 * THREADS;
        struct mk_op op;
        struct mk_result result;
        draw(config, truth, keys, &rng, &op, &result);
        if (wrong && i > OPS - OPS / 10 && op.code == MK_MAP_GET && result.status == MK_HIT) {
            result.value++;
            wrong = false;
        }
        uint64_t now = i * MOMENT, call = moment[t] + mk_rng_below(&rng, now - moment[t]);
        if (last[t]) last[t]->ret = call;
        last[t] = &history->thread[t].at[history->thread[t].n];
        mk_history_record(&history->thread[t], call, now + MOMENT / 2, t, &op, &result);
        moment[t] = now;
    }
    mk_parts_close(truth);
}

static const char *const verdicts[] = {"linearizable", "not linearizable", "unknown"};

static void judge(const struct mk_history *history, const struct mk_linear_config *config, uint64_t keys) {
    double least = 1e9;
    enum mk_linear verdict = MK_LINEAR_UNKNOWN;
    for (unsigned run = 0; run < 5; run++) {
        struct mk_parts *parts = mk_parts_open(config->model);
        struct mk_linear_report report;
        uint64_t from = mk_cpu_ns();
        verdict = mk_linear_judge(history, config, parts, &report);
        double seconds = (double)(mk_cpu_ns() - from) * 1e-9;
        if (seconds < least) least = seconds;
        if (report.violated) mk_violation_free(&report.violation);
        mk_parts_close(parts);
    }
    printf("judging %u operations of %d threads on %5llu keys, slack %3llu%%: %.3f s, %s\n", OPS, THREADS,
           (unsigned long long)keys, (unsigned long long)(history->slack * 100 / MOMENT), least, verdicts[verdict]);
    fflush(stdout);
}

int main(void) {
    static const uint64_t keys[] = {1, 8, 64, 10000};
    static const struct mk_impl impl = {.value_bytes = 8};
    struct mk_linear_config config = {.model = mk_model_of("map"), .impl = &impl};
    struct mk_stamps stamps;
    struct mk_history history;
    mk_stamps_open(&stamps, false);
    printf("recording: %.1f ns an operation%s%s\n", recording_ns(false), stamps.why ? ": " : "",
           stamps.why ? stamps.why : "");
    printf("recording: %.1f ns an operation with the shared counter, one thread\n", recording_ns(true));
    mk_history_open(&history, THREADS, OPS, &stamps);
    for (unsigned i = 0; i < 4 * sizeof keys / sizeof *keys; i++) {
        history.slack = i / 2 % 2 ? 4 * MOMENT : 0;
        make(&history, &config, keys[i / 4], i % 2);
        judge(&history, &config, keys[i / 4]);
    }
    mk_history_close(&history);
    return 0;
}
