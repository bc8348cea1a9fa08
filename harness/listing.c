/* listing.c - see listing.h. */
#include "listing.h"

#include <stdlib.h>

#include "build_info.h"
#include "check/oracles.h"
#include "check/pressure.h"
#include "check/scenarios.h"
#include "counter.h"
#include "finding.h"
#include "keys.h"
#include "registry.h"
#include "text.h"

/* ---- the tables --------------------------------------------------------------------------------- */

#define TEXT(STRUCT, MEMBER, HELP) \
    {.name = #MEMBER, .type = MK_FIELD_TEXT, .flags = MK_FIELD_NULLABLE, .offset = MK_AT(STRUCT, MEMBER), \
     .help = HELP}
#define LIST(STRUCT, MEMBER, TYPE, HELP) \
    {.name = #MEMBER, .type = TYPE, .offset = MK_LIST_AT(STRUCT, MEMBER), .help = HELP}
#define PARTS(STRUCT, MEMBER, RECORD, HELP)                                               \
    {.name = #MEMBER, .type = MK_FIELD_RECORD_LIST, .offset = MK_LIST_AT(STRUCT, MEMBER), \
     .record = &(RECORD), .help = HELP}

static const struct mk_field op_fields[] = {
    TEXT(mk_listed_op, name, "as workloads call it"),
    TEXT(mk_listed_op, operand, "none, key, fresh, block"),
    {.name = "units", .type = MK_FIELD_U32, .offset = MK_AT(mk_listed_op, units), .help = "its time is divided by"},
    TEXT(mk_listed_op, help, "what it does"),
    {0},
};
static const struct mk_record op_record = {"operation", sizeof(struct mk_listed_op), op_fields, "one operation"};

static const struct mk_field kind_fields[] = {
    TEXT(mk_listed_kind, name, "as workloads call it"),
    TEXT(mk_listed_kind, summary, "what it is"),
    PARTS(mk_listed_kind, operations, op_record, "its operations"),
    {0},
};
static const struct mk_record kind_record = {"kind", sizeof(struct mk_listed_kind), kind_fields, "one kind"};

static const struct mk_field param_fields[] = {
    TEXT(mk_listed_param, name, "as in kind/name[name=value]"),
    TEXT(mk_listed_param, preset, "what it is by itself"),
    {.name = "min", .type = MK_FIELD_U64, .offset = MK_AT(mk_listed_param, min), .help = "numbers: smallest"},
    {.name = "max", .type = MK_FIELD_U64, .offset = MK_AT(mk_listed_param, max), .help = "numbers: largest"},
    TEXT(mk_listed_param, choices, "all of them; of a number those that [*] stands for"),
    TEXT(mk_listed_param, help, "what it changes"),
    {0},
};
static const struct mk_record param_record = {"parameter", sizeof(struct mk_listed_param), param_fields,
                                             "a variant"};

static const struct mk_field progress_fields[] = {
    TEXT(mk_listed_progress, operation, "operation"),
    TEXT(mk_listed_progress, progress, "blocking, obstruction-free, lock-free, wait-free"),
    {0},
};
static const struct mk_record progress_record = {"progress", sizeof(struct mk_listed_progress), progress_fields,
                                                 "progress of one operation"};

static const struct mk_field impl_fields[] = {
    TEXT(mk_listed_impl, identity, "kind/name"),
    TEXT(mk_listed_impl, summary, "what it is"),
    TEXT(mk_listed_impl, parts, "compiled-in parts it takes by itself"),
    LIST(mk_listed_impl, compositions, MK_FIELD_TEXT_LIST, "with other parts"),
    LIST(mk_listed_impl, value_bytes, MK_FIELD_U64_LIST, "sizes of values; empty where it has none"),
    PARTS(mk_listed_impl, parameters, param_record, "declared variants"),
    LIST(mk_listed_impl, capabilities, MK_FIELD_TEXT_LIST, "what it can, and what it is"),
    PARTS(mk_listed_impl, progress, progress_record, "by operation, where stated"),
    {0},
};
static const struct mk_record impl_record = {"implementation", sizeof(struct mk_listed_impl), impl_fields,
                                             "one implementation"};

static const struct mk_field missing_fields[] = {
    TEXT(mk_listed_missing, identity, "kind/name"),
    TEXT(mk_listed_missing, package, "that has to be installed; null = another flavour has it"),
    TEXT(mk_listed_missing, reason, "what to do"),
    {0},
};
static const struct mk_record missing_record = {"not built", sizeof(struct mk_listed_missing), missing_fields,
                                                "one implementation on a packaged library that this build has not"};

static const struct mk_field counter_fields[] = {
    TEXT(mk_listed_counter, name, "as workloads call it"),
    TEXT(mk_listed_counter, help, "what is counted"),
    TEXT(mk_listed_counter, backend, "who counts it here; null = nobody"),
    TEXT(mk_listed_counter, event, "native event"),
    TEXT(mk_listed_counter, unavailable, "why nobody does"),
    {0},
};
static const struct mk_record counter_record = {"counter", sizeof(struct mk_listed_counter), counter_fields,
                                                "one logical counter"};

static const struct mk_field choice_fields[] = {
    TEXT(mk_listed_choice, name, "as workloads call it"),
    TEXT(mk_listed_choice, help, "what it means"),
    {0},
};
static const struct mk_record choice_record = {"choice", sizeof(struct mk_listed_choice), choice_fields,
                                              "one word"};

static const struct mk_field outcome_fields[] = {
    TEXT(mk_listed_outcome, name, "of one round"),
    TEXT(mk_listed_outcome, grade, "acceptable, interesting, forbidden"),
    TEXT(mk_listed_outcome, help, "why it may happen, or must not"),
    {0},
};
static const struct mk_record outcome_record = {"outcome", sizeof(struct mk_listed_outcome), outcome_fields,
                                               "one way that a round may end"};

static const struct mk_field scenario_fields[] = {
    TEXT(mk_listed_scenario, name, "as stress is told"),
    TEXT(mk_listed_scenario, kind, "of the structures it is for"),
    {.name = "threads", .type = MK_FIELD_U32, .offset = MK_AT(mk_listed_scenario, threads), .help = "of its own"},
    TEXT(mk_listed_scenario, summary, "what it is"),
    PARTS(mk_listed_scenario, outcomes, outcome_record, "graded"),
    {0},
};
static const struct mk_record scenario_record = {"scenario", sizeof(struct mk_listed_scenario), scenario_fields,
                                                "one scenario"};

static const struct mk_field oracle_fields[] = {
    TEXT(mk_listed_oracle, kind, "of the structures it is for"),
    TEXT(mk_listed_oracle, name, "as --oracle takes it"),
    TEXT(mk_listed_oracle, help, "what it shows"),
    {0},
};
static const struct mk_record oracle_record = {"oracle", sizeof(struct mk_listed_oracle), oracle_fields, "one oracle"};

static const struct mk_field listing_fields[] = {
    TEXT(mk_listing, schema, "memkit.list/1"),
    PARTS(mk_listing, kinds, kind_record, "kinds"),
    PARTS(mk_listing, impls, impl_record, "implementations"),
    PARTS(mk_listing, not_built, missing_record, "implementations on packaged libraries that this build has not"),
    PARTS(mk_listing, counters, counter_record, "counters"),
    {.name = "topology", .type = MK_FIELD_RECORD, .offset = MK_AT(mk_listing, topology),
     .record = &mk_topo_machine_record, .help = "the machine"},
    PARTS(mk_listing, placements, choice_record, "pin: how threads are put onto PUs"),
    PARTS(mk_listing, memory_policies, choice_record, "memory: where pages come from"),
    PARTS(mk_listing, distributions, choice_record, "keys.distribution"),
    PARTS(mk_listing, key_forms, choice_record, "keys.form"),
    PARTS(mk_listing, scenarios, scenario_record, "scenarios"),
    PARTS(mk_listing, oracles, oracle_record, "what stress tries, scenarios apart"),
    PARTS(mk_listing, pressures, choice_record, "what it tries them under"),
    {0},
};
const struct mk_record mk_listing_record = {"listing", sizeof(struct mk_listing), listing_fields, "what there is"};

/* ---- kinds and implementations ------------------------------------------------------------------ */

static char *copy(const char *text) {
    return text ? mk_need_text(text) : NULL;
}

int mk_listing_kinds(struct mk_listing *listing, struct mk_err *err) {
    static const char *const operands[] = {"none", "key", "fresh", "block"};
    (void)err;
    for (size_t i = 0; i < mk_registry_kinds(); i++) {
        const struct mk_kind *from = mk_registry_kind_at(i);
        struct mk_listed_kind *kind = mk_grow(&listing->kinds, &listing->kinds_n, sizeof *kind);
        kind->name = copy(from->name);
        kind->summary = copy(from->summary);
        for (const struct mk_op_desc *op = from->ops; op && op->name; op++) {
            struct mk_listed_op *listed = mk_grow(&kind->operations, &kind->operations_n, sizeof *listed);
            listed->name = copy(op->name);
            listed->operand = copy(operands[op->operand]);
            listed->units = op->units;
            listed->help = copy(op->help);
        }
    }
    return 0;
}

static void list_capabilities(struct mk_listed_impl *impl, uint64_t caps) {
    static const struct {
        uint64_t cap;
        const char *name;
    } known[] = {
        {MK_DEFAULT, "default of its kind"}, {MK_FLOOR, "floor"}, {MK_TEST_ONLY, "only when named"},
        {MK_CONCURRENT, "concurrent"}, {MK_GROWS, "grows"}, {MK_ORDERED, "ordered"}, {MK_WRAPPER, "wraps another"},
        {MK_ONE_EACH, "one thread in, one out"}, {MK_FIXED_SIZE, "one block size"},
        {MK_BULK_FREE, "frees all at once"}, {MK_CROSS_FREE, "cross-thread free"},
        {MK_CHECKS_FREE, "refuses wrong frees"}, {MK_GUARDS, "notices stray writes"},
        {MK_REWINDS, "rewinds to marks"}, {MK_CONSTRUCTS, "constructs blocks once"},
        {MK_NEVER_FREES, "never frees"},
        {MK_UNLINKED_OK, "readers may stand on unlinked nodes"}, {MK_BOUNDED, "bounded garbage"},
        {MK_WEAK, "weak hash"},
        {MK_FREES_LATER, "freed by a thread of its own"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!(caps & known[i].cap)) continue;
        *(char **)mk_grow(&impl->capabilities, &impl->capabilities_n, sizeof(char *)) = copy(known[i].name);
    }
}

static void list_progress(struct mk_listed_impl *impl, const struct mk_impl *from) {
    static const char *const names[] = {"", "blocking", "obstruction-free", "lock-free", "wait-free"};
    uint32_t seen = 0;
    for (const struct mk_op_desc *op = from->kind->ops; op && op->name; op++) {
        if (!from->progress[op->code] || seen & 1u << op->code) continue; /* several words, one operation */
        seen |= 1u << op->code;
        struct mk_listed_progress *progress = mk_grow(&impl->progress, &impl->progress_n, sizeof *progress);
        progress->operation = copy(op->name);
        progress->progress = copy(names[from->progress[op->code]]);
    }
}

static void list_parameters(struct mk_listed_impl *impl, const struct mk_param *from) {
    for (; from && from->name; from++) {
        struct mk_listed_param *param = mk_grow(&impl->parameters, &impl->parameters_n, sizeof *param);
        param->name = copy(from->name);
        param->preset = copy(from->preset);
        param->choices = copy(from->choices);
        param->help = copy(from->help);
        param->min = from->type == MK_PARAM_NUMBER ? from->min : 0;
        param->max = from->type == MK_PARAM_NUMBER ? from->max : 0;
    }
}

static struct mk_listed_impl *begin_impl(struct mk_listing *listing, const struct mk_impl *from, char *identity) {
    struct mk_listed_impl *impl = mk_grow(&listing->impls, &listing->impls_n, sizeof *impl);
    impl->identity = identity;
    impl->summary = copy(from->summary);
    impl->parts = copy(from->parts ? from->parts : "");
    list_parameters(impl, from->params);
    list_capabilities(impl, from->caps);
    list_progress(impl, from);
    return impl;
}

static void add_value_size(struct mk_listed_impl *impl, uint64_t bytes) {
    for (size_t i = 0; i < impl->value_bytes_n; i++) {
        if (impl->value_bytes[i] == bytes) return;
    }
    if (bytes) *(uint64_t *)mk_grow(&impl->value_bytes, &impl->value_bytes_n, sizeof bytes) = bytes;
}

/* Takes over the identity. Several value sizes of one composition stand together. */
static void add_composition(struct mk_listed_impl *impl, char *identity) {
    if (impl->compositions_n && strcmp(impl->compositions[impl->compositions_n - 1], identity) == 0) free(identity);
    else *(char **)mk_grow(&impl->compositions, &impl->compositions_n, sizeof(char *)) = identity;
}

static void list_not_built(struct mk_listing *listing) {
    struct mk_missing_peer from;
    for (const char *at = mk_build_info()->missing_peers; mk_build_next_missing(&at, &from);) {
        struct mk_listed_missing *missing = mk_grow(&listing->not_built, &listing->not_built_n, sizeof *missing);
        missing->identity = copy(from.identity);
        missing->package = from.package[0] ? copy(from.package) : NULL;
        missing->reason = copy(from.reason);
    }
}

/* Units of one implementation stand together in the registry, the one with default parts first. */
int mk_listing_impls(struct mk_listing *listing, struct mk_err *err) {
    struct mk_listed_impl *impl = NULL;
    (void)err;
    for (size_t i = 0; i < mk_registry_count(); i++) {
        const struct mk_impl *from = mk_registry_at(i);
        char *identity = mk_need_format("%s/%s", from->kind->name, from->name);
        if (impl && strcmp(impl->identity, identity) == 0) free(identity);
        else impl = begin_impl(listing, from, identity);
        add_value_size(impl, from->value_bytes);
        if (from->chosen[0]) add_composition(impl, mk_need_format("%s%s", impl->identity, from->chosen));
    }
    list_not_built(listing);
    return 0;
}

/* ---- counters, topology, distributions ---------------------------------------------------------- */

int mk_listing_counters(struct mk_listing *listing, struct mk_err *err) {
    const char *names[MK_COUNT_IDS];
    struct mk_counter_plan plan;
    for (int id = 0; id < MK_COUNT_IDS; id++) names[id] = mk_counter_names[id].name;
    if (mk_counter_open(&plan, names, MK_COUNT_IDS, "auto", err)) return -1;
    for (uint32_t i = 0; i < plan.count; i++) {
        const struct mk_counter *from = &plan.counter[i];
        struct mk_listed_counter *counter = mk_grow(&listing->counters, &listing->counters_n, sizeof *counter);
        counter->name = copy(from->name);
        counter->help = copy(mk_counter_names[from->id].help);
        counter->backend = from->backend ? copy(from->backend->name) : NULL;
        counter->event = from->backend ? copy(from->event) : NULL;
        counter->unavailable = from->backend ? NULL : copy(from->reason);
    }
    return 0;
}

static void add_choice(struct mk_listed_choice **list, size_t *n, const char *name, const char *help) {
    struct mk_listed_choice *choice = mk_grow(list, n, sizeof *choice);
    choice->name = copy(name);
    choice->help = copy(help);
}

int mk_listing_topology(struct mk_listing *listing, struct mk_err *err) {
    struct mk_topo *topo;
    if (mk_topo_load(&topo, err)) return -1;
    mk_record_copy(&mk_topo_machine_record, &listing->topology, mk_topo_machine(topo));
    mk_topo_free(topo);
    for (const struct mk_topo_policy *policy = mk_topo_policies; policy->name; policy++)
        add_choice(&listing->placements, &listing->placements_n, policy->name, policy->help);
    for (const struct mk_topo_policy *policy = mk_topo_memory_policies; policy->name; policy++)
        add_choice(&listing->memory_policies, &listing->memory_policies_n, policy->name, policy->help);
    return 0;
}

int mk_listing_distributions(struct mk_listing *listing, struct mk_err *err) {
    (void)err;
    for (size_t i = 0; i < MK_DISTRIBUTIONS; i++)
        add_choice(&listing->distributions, &listing->distributions_n, mk_distribution_names[i].name,
                   mk_distribution_names[i].help);
    for (size_t i = 0; i < MK_KEY_FORMS; i++)
        add_choice(&listing->key_forms, &listing->key_forms_n, mk_key_form_names[i].name,
                   mk_key_form_names[i].help);
    return 0;
}

int mk_listing_scenarios(struct mk_listing *listing, struct mk_err *err) {
    (void)err;
    for (size_t i = 0; i < mk_scenarios_count(); i++) {
        const struct mk_scenario *from = mk_scenario_at(i);
        struct mk_listed_scenario *scenario = mk_grow(&listing->scenarios, &listing->scenarios_n, sizeof *scenario);
        scenario->name = copy(from->name);
        scenario->kind = copy(from->kind);
        scenario->summary = copy(from->summary);
        scenario->threads = from->threads;
        for (const struct mk_outcome *at = from->outcomes; at->name; at++) {
            struct mk_listed_outcome *outcome =
                mk_grow(&scenario->outcomes, &scenario->outcomes_n, sizeof *outcome);
            outcome->name = copy(at->name);
            outcome->grade = copy(mk_grade_names[at->grade]);
            outcome->help = copy(at->help);
        }
    }
    return 0;
}

/* Scenarios are listed by themselves. */
int mk_listing_oracles(struct mk_listing *listing, struct mk_err *err) {
    (void)err;
    for (size_t k = 0; k < mk_registry_kinds(); k++) {
        const struct mk_kind *kind = mk_registry_kind_at(k);
        const struct mk_case **list;
        size_t n = mk_oracles(kind->name, &list);
        for (size_t i = 0; i < n; i++) {
            if (mk_scenario_of(list[i]->name)) continue;
            struct mk_listed_oracle *oracle = mk_grow(&listing->oracles, &listing->oracles_n, sizeof *oracle);
            oracle->kind = copy(kind->name);
            oracle->name = copy(list[i]->name);
            oracle->help = copy(list[i]->help);
        }
        free(list);
    }
    return 0;
}

int mk_listing_pressures(struct mk_listing *listing, struct mk_err *err) {
    (void)err;
    for (const struct mk_pressure *at = mk_pressures; at->name; at++) {
        add_choice(&listing->pressures, &listing->pressures_n, at->name, at->help);
    }
    return 0;
}
