/* listing.h - what there is to choose from, as records: kinds, implementations, counters, the machine,
 * key distributions, scenarios. `list` prints them for people and for programs. */
#ifndef MK_LISTING_H
#define MK_LISTING_H

#include "record.h"
#include "topo.h"

struct mk_listed_op {
    char *name, *operand, *help;
    uint32_t units; /* what an operation's time is divided by */
};

struct mk_listed_kind {
    char *name, *summary;
    struct mk_listed_op *operations;
    size_t operations_n;
};

struct mk_listed_param {
    char *name, *preset, *choices, *help;
    uint64_t min, max; /* both 0: one of choices */
};

struct mk_listed_progress {
    char *operation, *progress;
};

/* One implementation: all its units. */
struct mk_listed_impl {
    char *identity, *summary, *parts; /* parts: the default ones, "hash/NAME reclaim/NAME" */
    char **compositions;              /* identities with other compiled-in parts */
    size_t compositions_n;
    uint64_t *value_bytes;
    size_t value_bytes_n;
    struct mk_listed_param *parameters;
    size_t parameters_n;
    char **capabilities;
    size_t capabilities_n;
    struct mk_listed_progress *progress; /* those stated */
    size_t progress_n;
};

struct mk_listed_missing {
    char *identity, *package, *reason;
};

struct mk_listed_counter {
    char *name, *help, *backend, *event, *unavailable;
};

struct mk_listed_choice {
    char *name, *help;
};

struct mk_listed_outcome {
    char *name, *grade, *help;
};

struct mk_listed_scenario {
    char *name, *kind, *summary;
    uint32_t threads;
    struct mk_listed_outcome *outcomes;
    size_t outcomes_n;
};

struct mk_listed_oracle {
    char *kind, *name, *help;
};

struct mk_listing {
    char *schema;
    struct mk_listed_kind *kinds;
    size_t kinds_n;
    struct mk_listed_impl *impls;
    size_t impls_n;
    struct mk_listed_missing *not_built;
    size_t not_built_n;
    struct mk_listed_counter *counters;
    size_t counters_n;
    struct mk_topo_machine topology;
    struct mk_listed_choice *placements, *memory_policies;
    size_t placements_n, memory_policies_n;
    struct mk_listed_choice *distributions, *key_forms;
    size_t distributions_n, key_forms_n;
    struct mk_listed_scenario *scenarios;
    size_t scenarios_n;
    struct mk_listed_oracle *oracles;
    size_t oracles_n;
    struct mk_listed_choice *pressures;
    size_t pressures_n;
};
extern const struct mk_record mk_listing_record;

/* Each fills its part of a listing (zeroed before); freed by mk_record_free. Only counters and topology
 * can fail: -1 with err set. Counters and topology ask the machine, which takes milliseconds. */
int mk_listing_kinds(struct mk_listing *listing, struct mk_err *err);
int mk_listing_impls(struct mk_listing *listing, struct mk_err *err);
int mk_listing_counters(struct mk_listing *listing, struct mk_err *err);
int mk_listing_topology(struct mk_listing *listing, struct mk_err *err);
int mk_listing_distributions(struct mk_listing *listing, struct mk_err *err);
int mk_listing_scenarios(struct mk_listing *listing, struct mk_err *err);
int mk_listing_oracles(struct mk_listing *listing, struct mk_err *err);
int mk_listing_pressures(struct mk_listing *listing, struct mk_err *err);

#endif
