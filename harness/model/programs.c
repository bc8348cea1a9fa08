/* programs.c - see programs.h: which oracle makes which program, and the names of programs. */
#include "programs.h"

#include <inttypes.h>
#include <stdlib.h>

#include "../check/scenarios.h"
#include "../record.h"
#include "program.h"
#include "weaken.h"

#define ALONE "litmus" /* the kind of scenarios that have no instance, and the name of what they are about */

struct mk_model_asked mk_model_asked;

/* ---- making ---------------------------------------------------------------------------------- */

static int make_drawn(const struct mk_conform_unit *unit, const char *oracle, uint64_t seed, struct mk_program *out,
                      struct mk_err *err) {
    bool lock_free = strcmp(oracle, MK_ORACLE_LOCK_FREE) == 0;
    if (!lock_free && mk_program_has_blocks(unit->composition.impl)) {
        return mk_program_of_blocks(unit, seed, out, err);
    }
    return mk_program_of_ops(unit, seed, lock_free, out, err);
}

static int make(const struct mk_conform_unit *unit, const char *oracle, uint64_t seed, struct mk_program *out,
                struct mk_err *err) {
    const char *kind = unit ? unit->composition.impl->kind->name : ALONE;
    if (unit && (strcmp(oracle, MK_ORACLE_SCHEDULES) == 0 || strcmp(oracle, MK_ORACLE_LOCK_FREE) == 0)) {
        return make_drawn(unit, oracle, seed, out, err);
    }
    const struct mk_scenario *scenario = mk_scenario_of(oracle);
    if (!scenario || strcmp(scenario->kind, kind) != 0) {
        return mk_fail(err, "kind %s has no oracle \"%.100s\" in this flavour", kind, oracle);
    }
    return mk_program_of_scenario(unit, scenario, seed, out, err);
}

/* Why a program would say nothing; or NULL. */
static const char *skips(const struct mk_conform_unit *unit, const char *oracle) {
    const struct mk_case *at = mk_model_cases(unit->composition.impl->kind->name);
    while (at->name && strcmp(at->name, oracle) != 0) at++;
    return at->name ? mk_conform_skips(unit, at) : NULL;
}

int mk_program_make(const struct mk_conform_unit *unit, const char *oracle, uint64_t seed,
                    struct mk_made_program *out, struct mk_err *err) {
    memset(out, 0, sizeof *out);
    const char *why = unit ? skips(unit, oracle) : NULL;
    if (why) return mk_fail(err, "%.100s, %.60s: %s", unit->label, oracle, why);
    if (make(unit, oracle, seed, &out->program, err)) return -1;
    struct mk_made *made = out->made = out->program.arg;
    made->name = mk_need_format("%s/%s/%" PRIx64, unit ? unit->label : ALONE, oracle, seed);
    out->program.name = made->name;
    return 0;
}

void mk_program_free(struct mk_made_program *program) {
    struct mk_made *made = program->made;
    if (!made) return;
    if (made->owned) mk_conform_list_free(made->owned, 1);
    free(made->name);
    free(made);
    memset(program, 0, sizeof *program);
}

void mk_program_count(const struct mk_made_program *program, struct mk_tried *tried) {
    const struct mk_made *made = program->made;
    tried->ops += made->ops;
    for (size_t i = 0; made->scenario && made->scenario->outcomes[i].name; i++) {
        const struct mk_outcome *outcome = &made->scenario->outcomes[i];
        tried->outcome[i].name = outcome->name;
        tried->outcome[i].grade = outcome->grade;
        tried->outcome[i].count += made->count[i];
        tried->outcomes = i + 1;
    }
}

/* ---- from names ------------------------------------------------------------------------------ */

/* Makes the unit of a label: an identity, "@64" behind it where values have a size. */
static int unit_of(const char *label, struct mk_conform_unit **out, struct mk_err *err) {
    struct mk_composition *list = NULL;
    size_t n = 0;
    const char *at = strrchr(label, '@');
    char *identity = at ? mk_need_format("%.*s", (int)(at - label), label) : mk_need_text(label);
    int failed = mk_compose(identity, at ? (uint32_t)strtoul(at + 1, NULL, 10) : 0, &list, &n, err);
    if (!failed && (n != 1 || list[0].reason)) {
        failed = mk_fail(err, "\"%.100s\" is not one composition%s%.100s", label, n == 1 ? ": " : "",
                         n == 1 ? list[0].reason : "");
    }
    if (!failed) {
        *out = mk_need(1, sizeof **out);
        mk_conform_unit_make(*out, &list[0]);
    }
    mk_compositions_free(list, n);
    free(identity);
    return failed;
}

/* Takes LABEL/ORACLE/SEED apart, in place. Returns 0, or -1. */
static int read_name(char *label, char **oracle, uint64_t *seed) {
    char *end = NULL, *slash = strrchr(label, '/');
    if (!slash || !slash[1]) return -1;
    *seed = strtoull(slash + 1, &end, 16);
    if (*end) return -1;
    *slash = '\0';
    slash = strrchr(label, '/');
    if (!slash) return -1;
    *slash = '\0';
    *oracle = slash + 1;
    return 0;
}

int mk_program_make_named(const char *name, struct mk_made_program *out, struct mk_err *err) {
    struct mk_conform_unit *unit = NULL;
    char *label, *oracle;
    uint64_t seed;
    memset(out, 0, sizeof *out);
    if (mk_weaken_named(name, &label, err)) return -1; /* an order may be weaker than the source says */
    int failed = read_name(label, &oracle, &seed);
    if (failed) mk_fail(err, "\"%.160s\" is no name of a program: it is COMPOSITION/ORACLE/SEED", name);
    if (!failed && strcmp(label, ALONE) != 0) failed = unit_of(label, &unit, err);
    if (!failed) failed = mk_program_make(unit, oracle, seed, out, err);
    if (failed && unit) mk_conform_list_free(unit, 1);
    if (!failed) {
        struct mk_made *made = out->made;
        made->owned = unit;
        free(made->name);
        out->program.name = made->name = mk_need_text(name);
    }
    free(label);
    return failed;
}
