/* portfolio.c - which strategy makes which schedule: by index, so that any schedule can be made again alone. */
#include "explore_parts.h"
#include "../record.h"
#include "../../impl/mk.h"

#include <stdlib.h>

size_t mk_strategy_named(const char *name) {
    for (size_t i = 0; mk_strategies[i].name; i++) {
        if (!strcmp(mk_strategies[i].name, name)) return i;
    }
    return SIZE_MAX;
}

/* Spreads strategies evenly by their shares: each time the one that is furthest behind. */
static void spread(uint8_t *order) {
    int32_t behind[MK_STRATEGIES_MAX] = {0};
    for (uint32_t slot = 0; slot < MK_PORTFOLIO_ROUND; slot++) {
        size_t most = 0;
        for (size_t i = 0; mk_strategies[i].name; i++) {
            behind[i] += (int32_t)mk_strategies[i].share;
            if (behind[i] > behind[most]) most = i;
        }
        behind[most] -= (int32_t)MK_PORTFOLIO_ROUND;
        order[slot] = (uint8_t)most;
    }
}

static size_t most_bytes(void) {
    size_t most = sizeof(struct mk_chooser);
    for (size_t i = 0; mk_strategies[i].name; i++) {
        if (mk_strategies[i].bytes > most) most = mk_strategies[i].bytes;
    }
    return most;
}

bool mk_portfolio_open(struct mk_portfolio *portfolio, const struct mk_program *program,
                       const struct mk_setting *setting, const char *only) {
    size_t number = only ? mk_strategy_named(only) : SIZE_MAX;
    portfolio->program = program;
    portfolio->chooser = mk_need(1, most_bytes());
    if (number == SIZE_MAX) {
        spread(portfolio->strategy);
    } else {
        memset(portfolio->strategy, (int)number, sizeof portfolio->strategy);
    }
    return mk_estimate_make(program, setting, &portfolio->estimate);
}

void mk_portfolio_close(struct mk_portfolio *portfolio) {
    free(portfolio->chooser);
    portfolio->chooser = NULL;
}

/* Seeds next to each other share no schedule: the seed is mixed before the index comes in. */
bool mk_portfolio_run(struct mk_portfolio *portfolio, const struct mk_setting *setting, uint64_t seed,
                      uint64_t index) {
    const struct mk_strategy *strategy = &mk_strategies[portfolio->strategy[index % MK_PORTFOLIO_ROUND]];
    strategy->begin(portfolio->chooser, mk_mix64(mk_mix64(seed) + index), &portfolio->estimate);
    return mk_run_under(portfolio->program, setting, portfolio->chooser, NULL);
}
