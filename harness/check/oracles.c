/* oracles.c - see oracles.h. */
#include "oracles.h"

#include <stdlib.h>

#ifdef MK_MODEL
#include "../model/programs.h"
#endif
#include "../record.h"
#include "conform.h"
#include "scenarios.h"
#include "windows.h"

static void add(const struct mk_case ***list, size_t *n, const struct mk_case *oracle) {
    *(const struct mk_case **)mk_grow(list, n, sizeof **list) = oracle;
}

#ifdef MK_MODEL
/* All of them are programs that are explored. */
size_t mk_oracles(const char *kind, const struct mk_case ***list) {
    size_t n = 0;
    *list = NULL;
    for (const struct mk_case *at = mk_model_cases(kind); at->name; at++) add(list, &n, at);
    return n;
}
#else
size_t mk_oracles(const char *kind, const struct mk_case ***list) {
    const struct mk_model *model = mk_model_of(kind);
    size_t n = 0, scenarios_n;
    const struct mk_case *scenarios = mk_scenario_cases(kind, &scenarios_n);
    *list = NULL;
    for (const struct mk_case *at = mk_conform_cases(kind); at && at->name; at++) add(list, &n, at);
    if (model && model->histories) add(list, &n, &mk_history_case);
    for (size_t i = 0; i < scenarios_n; i++) add(list, &n, &scenarios[i]);
    return n;
}
#endif

bool mk_oracle_is_shaped(const struct mk_case *oracle) {
    return oracle == &mk_history_case;
}
