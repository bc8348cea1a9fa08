/* scenarios.h - scenarios (impl/scenario.h) as cases: those of this program and of loaded plug-ins, checked, and
 * the driver that plays them on a composition.
 */
#ifndef MK_SCENARIOS_H
#define MK_SCENARIOS_H

#include "../../impl/scenario.h"
#include "model.h"

/* Adds the program's own. Returns 0, or -1 with err naming the first malformed one: a name that is not its file's
 * or is taken, no outcomes, no body. The registry calls it. */
int mk_scenarios_open(struct mk_err *err);

/* Adds those of a plug-in. Returns 0, or -1 with err set. Lists and cases handed out before are void. */
int mk_scenarios_add(const struct mk_scenario *const *begin, const struct mk_scenario *const *end,
                     struct mk_err *err);

/* Scenarios sorted by kind and name. */
size_t mk_scenarios_count(void);
const struct mk_scenario *mk_scenario_at(size_t i);

/* Returns the scenario of that name, or NULL. */
const struct mk_scenario *mk_scenario_of(const char *name);

/* Returns the scenarios of a kind as cases that are called as they are, *n of them; NULL where there are none.
 * Running one fills in check->tried: operations, and how often each outcome came up. The first forbidden outcome
 * is a finding, with what each thread saw, and ends the trial. */
const struct mk_case *mk_scenario_cases(const char *kind, size_t *n);

/* Returns why a scenario says nothing about the implementation of a check, or NULL. */
const char *mk_scenario_skips(const struct mk_scenario *scenario, const struct mk_check *check);

#endif
