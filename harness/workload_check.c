/* workload_check.c - what a table cannot say about a workload: words that the registry knows, shares
 * that add up, numbers that must fit together. Each check looks at one section of the file. */
#include "workload_check.h"

#include <math.h>
#include <stdlib.h>

#include "counter.h"
#include "optrace.h"
#include "registry.h"
#include "topo.h"

#define SHARES_SLACK 1e-6
#define PARTS_MAX 64       /* phases, and groups of a phase */
#define GROUPS_MAX 256     /* of all phases together */
#define LIST_MAX 1024      /* implementations, parts, thread counts */
#define SCHEMA "memkit.workload/1"

struct check {
    struct mk_json *doc;
    uint32_t root, section; /* nodes; section: where complaints without a better place go */
    const struct mk_workload *w;
    const struct mk_kind *kind; /* NULL where it is unknown */
};

/* A complaint about a node, or about the section where there is no such node. */
#define WRONG(C, NODE, ...) mk_json_error((C)->doc, (NODE) == MK_JSON_NONE ? (C)->section : (NODE), __VA_ARGS__)

static bool too_many(struct check *c, uint32_t node, const char *what, size_t n, size_t limit) {
    if (n > limit) WRONG(c, node, "%zu %s are too many: give at most %zu", n, what, limit);
    return n > limit;
}

/* ---- words -------------------------------------------------------------------------------- */

static void check_schema(struct check *c) {
    if (!c->w->schema || strcmp(c->w->schema, SCHEMA) == 0) return;
    WRONG(c, c->section, "\"schema\" is \"%.60s\", which this memkit-bench does not read; it reads \"" SCHEMA "\"",
          c->w->schema);
}

/* Returns the names of all kinds, NULL-terminated; the caller frees the list. */
static const char **kind_names(void) {
    size_t n = mk_registry_kinds();
    const char **names = mk_need(n + 1, sizeof *names);
    for (size_t i = 0; i < n; i++) names[i] = mk_registry_kind_at(i)->name;
    return names;
}

static void unknown_kind(struct check *c, uint32_t node, const char *name) {
    const char **names = kind_names();
    struct mk_text known = {0};
    const char *suggestion = mk_json_suggest(c->doc, name, names);
    for (size_t i = 0; names[i]; i++) mk_text_printf(&known, "%s%s", i ? ", " : "", names[i]);
    WRONG(c, node, "there is no kind \"%.60s\"%s (there are %s)", name, suggestion, known.n ? known.at : "none");
    mk_text_free(&known);
    free(names);
}

static void check_kind(struct check *c) {
    if (c->w->kind && !c->kind) unknown_kind(c, c->section, c->w->kind);
}

/* Returns the first element of a list, or the value that stands in its place (ONE_OR_MANY, COUNTS). */
static uint32_t first_of(const struct check *c, uint32_t node) {
    return mk_json_type(c->doc, node) == MK_JSON_LIST ? mk_json_first(c->doc, node) : node;
}

static uint32_t of_section(const struct check *c, const char *key) {
    return mk_json_get(c->doc, c->root, key);
}

static void check_impls(struct check *c) {
    uint32_t node = first_of(c, of_section(c, "impls"));
    if (!c->kind) return;
    size_t length = strlen(c->kind->name);
    for (size_t i = 0; i < c->w->impls_n; i++, node = mk_json_next(c->doc, node)) {
        const char *pattern = c->w->impls[i];
        if (!pattern) continue;
        if (strncmp(pattern, c->kind->name, length) == 0 && pattern[length] == '/' && pattern[length + 1]) continue;
        WRONG(c, node, "\"%.60s\" does not begin with the workload's kind, as in \"%s/*\"", pattern, c->kind->name);
    }
}

/* Parts are "kind/name", of another kind than the workload's. */
static void check_compose(struct check *c) {
    uint32_t node = first_of(c, of_section(c, "compose"));
    for (size_t i = 0; i < c->w->compose_n; i++, node = mk_json_next(c->doc, node)) {
        const char *part = c->w->compose[i], *slash = part ? strchr(part, '/') : NULL;
        if (!part) continue;
        if (!slash || slash == part || !slash[1]) {
            WRONG(c, node, "\"%.60s\" is no part: write its kind and name, as in \"alloc/NAME\" or \"reclaim/*\"",
                  part);
            continue;
        }
        char *kind = mk_need_format("%.*s", (int)(slash - part), part);
        if (!mk_registry_kind(kind)) unknown_kind(c, node, kind);
        free(kind);
    }
}

static void check_policy(struct check *c, uint32_t node, const char *policy,
                         int (*check)(const char *policy, struct mk_err *err)) {
    struct mk_err err;
    if (policy && check(policy, &err)) WRONG(c, node, "%s", err.text);
}

static void check_pin(struct check *c) {
    check_policy(c, c->section, c->w->pin, mk_topo_check_policy);
}

static void check_memory(struct check *c) {
    check_policy(c, c->section, c->w->memory, mk_topo_check_memory);
}

static void check_counters(struct check *c) {
    const char *names[MK_COUNT_IDS + 1] = {0};
    bool seen[MK_COUNT_IDS] = {false};
    uint32_t node = first_of(c, of_section(c, "counters"));
    for (size_t id = 0; id < MK_COUNT_IDS; id++) names[id] = mk_counter_names[id].name;
    for (size_t i = 0; i < c->w->counters_n; i++, node = mk_json_next(c->doc, node)) {
        const char *name = c->w->counters[i];
        size_t id = 0;
        if (!name) continue;
        while (id < MK_COUNT_IDS && strcmp(names[id], name) != 0) id++;
        if (id == MK_COUNT_IDS) {
            WRONG(c, node, "there is no counter \"%.60s\"%s", name, mk_json_suggest(c->doc, name, names));
        } else if (seen[id]) {
            WRONG(c, node, "\"counters\" lists \"%s\" twice", name);
        } else {
            seen[id] = true;
        }
    }
}

/* ---- numbers ------------------------------------------------------------------------------ */

static void check_value_bytes(struct check *c) {
    uint64_t bytes = c->w->value_bytes;
    if (bytes == 8 || bytes == 64 || bytes == 256 || bytes == 1024) return;
    WRONG(c, c->section, "\"value_bytes\" must be 8, 64, 256 or 1024, got %llu", (unsigned long long)bytes);
}

static void check_threads(struct check *c) {
    uint32_t node = first_of(c, of_section(c, "threads"));
    for (size_t i = 0; i < c->w->threads_n; i++, node = mk_json_next(c->doc, node)) {
        for (size_t j = 0; j < i; j++) {
            if (c->w->threads[j] != c->w->threads[i]) continue;
            WRONG(c, node, "\"threads\" lists %llu twice", (unsigned long long)c->w->threads[i]);
            break;
        }
    }
}

/* Returns whether some operation of the kind takes this sort of operand. */
static bool takes(const struct mk_kind *kind, enum mk_operand operand) {
    for (const struct mk_op_desc *op = kind->ops; op->name; op++) {
        if (op->operand == operand) return true;
    }
    return false;
}

/* keys at `node`, everything filled in. */
static void check_key_numbers(struct check *c, uint32_t node, const struct mk_workload_keys *keys) {
    uint32_t theta = mk_json_get(c->doc, node, "theta"), hot = mk_json_get(c->doc, node, "hot_keys_frac");
    bool ranked = keys->distribution == MK_ZIPFIAN || keys->distribution == MK_LATEST;
    if (ranked && !(keys->theta > 0)) {
        WRONG(c, theta == MK_JSON_NONE ? node : theta, "\"theta\" must be above 0 for %s keys: 0 would be uniform",
              keys->distribution == MK_ZIPFIAN ? "zipfian" : "latest");
    }
    if (keys->distribution == MK_HOTSPOT && !(keys->hot_keys_frac > 0)) {
        WRONG(c, hot == MK_JSON_NONE ? node : hot, "\"hot_keys_frac\" must be above 0: some key must be hot");
    }
    if (keys->count > MK_KEYS_COUNT_MAX - keys->offset) {
        WRONG(c, node, "%llu keys from number %llu go beyond key number %llu", (unsigned long long)keys->count,
              (unsigned long long)keys->offset, (unsigned long long)MK_KEYS_COUNT_MAX);
    }
}

/* Complains about a section that says something and means nothing for the kind. */
static void check_meaning(struct check *c, const char *key, enum mk_operand operand) {
    const struct mk_field *field = mk_record_field(&mk_workload_record, key);
    if (!c->kind || takes(c->kind, operand)) return;
    if (operand == MK_OPERAND_KEY && takes(c->kind, MK_OPERAND_FRESH)) return; /* a prefill draws from them */
    void *preset = mk_need(1, field->record->size);
    mk_record_preset(field->record, preset);
    if (!mk_record_equal(field->record, preset, (const char *)c->w + field->offset)) {
        WRONG(c, of_section(c, key), "\"%s\" means nothing for kind %s", key, c->kind->name);
    }
    mk_record_free(field->record, preset);
    free(preset);
}

static void check_keys(struct check *c) {
    uint32_t node = of_section(c, "keys");
    check_meaning(c, "keys", MK_OPERAND_KEY);
    check_key_numbers(c, node, &c->w->keys);
}

static void check_drain(struct check *c) {
    check_meaning(c, "drain", MK_OPERAND_BLOCK);
}

static void check_blocks(struct check *c) {
    const struct mk_workload_blocks *blocks = &c->w->blocks;
    uint32_t node = of_section(c, "blocks"), min = mk_json_get(c->doc, node, "min_bytes"),
             max = mk_json_get(c->doc, node, "max_bytes");
    double weights = 0;
    struct mk_workload_blocks preset;
    mk_record_preset(mk_record_field(&mk_workload_record, "blocks")->record, &preset);
    check_meaning(c, "blocks", MK_OPERAND_BLOCK);
    for (size_t i = 0; i < blocks->sizes_n; i++) weights += blocks->sizes[i].weight;
    if (blocks->sizes_n && (blocks->min_bytes != preset.min_bytes || blocks->max_bytes != preset.max_bytes)) {
        WRONG(c, node, "give either \"sizes\" or \"min_bytes\" and \"max_bytes\"");
    } else if (blocks->sizes_n > MK_SIZE_CLASSES) {
        WRONG(c, node, "%zu \"sizes\" are too many: give at most %d", blocks->sizes_n, MK_SIZE_CLASSES);
    } else if (blocks->sizes_n && !(weights > 0)) {
        WRONG(c, node, "the weights of \"sizes\" add up to 0");
    } else if (!blocks->sizes_n && blocks->min_bytes > blocks->max_bytes) {
        WRONG(c, max == MK_JSON_NONE ? min : max, "\"max_bytes\" is %llu, less than \"min_bytes\", which is %llu",
              (unsigned long long)blocks->max_bytes, (unsigned long long)blocks->min_bytes);
    }
}

/* ---- operations --------------------------------------------------------------------------- */

/* Of the kind's names, so many as can have a share. */
static void check_op_name(struct check *c, uint32_t node, const char *name) {
    const char *names[MK_SCRIPT_OPS + 1] = {0};
    struct mk_text known = {0};
    if (mk_kind_op(c->kind, name)) return;
    for (size_t i = 0; i < MK_SCRIPT_OPS && c->kind->ops[i].name; i++) {
        names[i] = c->kind->ops[i].name;
        mk_text_printf(&known, "%s%s", i ? ", " : "", names[i]);
    }
    struct mk_text line = {0};
    mk_text_printf(&line, "kind %s has no operation \"%.60s\"%s (it has %s)", c->kind->name, name,
                   mk_json_suggest(c->doc, name, names), known.at);
    if (node == MK_JSON_NONE) WRONG(c, node, "%s", line.at);
    else mk_json_error_at_key(c->doc, node, "%s", line.at);
    mk_text_free(&line);
    mk_text_free(&known);
}

/* Fills its slots itself and drops many of them at once. */
static bool drops_many(const struct mk_op_desc *op) {
    return op->operand == MK_OPERAND_BLOCK && (strcmp(op->name, "build") == 0 || strcmp(op->name, "frame") == 0);
}

/* A mix; an empty one is as around it. */
static void check_mix(struct check *c, uint32_t node, const struct mk_share *ops, size_t n) {
    uint32_t inner = mk_json_first(c->doc, node);
    double sum = 0;
    const char *drops = NULL;
    bool others = false, spoiled = mk_json_spoiled(c->doc, node);
    if (!n || !c->kind || too_many(c, node, "operations", n, MK_SCRIPT_OPS)) return;
    for (size_t i = 0; i < n; i++, inner = mk_json_next(c->doc, inner)) {
        const struct mk_op_desc *op = mk_kind_op(c->kind, ops[i].name);
        check_op_name(c, inner, ops[i].name);
        sum += ops[i].value;
        if (!op || ops[i].value <= 0) continue;
        if (drops_many(op) && !drops) drops = op->name;
        else others = true;
    }
    if (spoiled) return;
    if (fabs(sum - 1) > SHARES_SLACK) WRONG(c, node, "\"ops\" add up to %.9g, not 1", sum);
    if (drops && others) {
        WRONG(c, node, "\"%s\" drops many blocks at once: give it a group or phase of its own", drops);
    }
    if (drops && strcmp(drops, "frame") == 0 && (c->w->blocks.live < 2 || c->w->blocks.live >= MK_SCOPE_SLOTS_MAX)) {
        WRONG(c, node, "\"frame\" has no scopes with \"live\" of %llu blocks: give 2 to %u",
              (unsigned long long)c->w->blocks.live, MK_SCOPE_SLOTS_MAX - 1);
    }
}

static void check_ops(struct check *c) {
    check_mix(c, of_section(c, "ops"), c->w->ops, c->w->ops_n);
}

/* ---- groups and phases -------------------------------------------------------------------- */

/* Whether the groups' threads can be had from one number of threads. */
static void check_count(struct check *c, uint32_t node, uint64_t threads, uint64_t fixed, bool flexible) {
    if (!flexible && fixed != threads) {
        WRONG(c, node, "the groups have %llu threads, \"threads\" says %llu", (unsigned long long)fixed,
              (unsigned long long)threads);
    } else if (flexible && fixed >= threads) {
        WRONG(c, node, "\"threads\" says %llu, of which groups take %llu and leave none for the others",
              (unsigned long long)threads, (unsigned long long)fixed);
    }
}

static void check_division(struct check *c, uint32_t node, const struct mk_workload_group *groups, size_t n) {
    uint64_t fixed = 0;
    double shares = 0;
    bool takes_rest = false;
    for (size_t i = 0; i < n; i++) {
        fixed += groups[i].threads;
        shares += groups[i].share;
        if (!groups[i].threads && !(groups[i].share > 0)) takes_rest = true;
    }
    bool flexible = takes_rest || shares > 0;
    if (shares > 1 + SHARES_SLACK) {
        WRONG(c, node, "shares of the groups add up to %.9g, more than 1", shares);
    } else if (!takes_rest && shares > 0 && fixed) {
        WRONG(c, node, "one group must have neither \"threads\" nor \"share\", to take what the others leave");
    } else if (!takes_rest && shares > 0 && shares < 1 - SHARES_SLACK) {
        WRONG(c, node, "shares of the groups add up to %.9g, not 1, and no group takes the rest", shares);
    } else if (fixed) {
        uint32_t at = first_of(c, of_section(c, "threads"));
        for (size_t i = 0; i < c->w->threads_n; i++, at = mk_json_next(c->doc, at)) {
            check_count(c, at, c->w->threads[i], fixed, flexible);
        }
    }
}

static void check_group(struct check *c, uint32_t node, const struct mk_workload_group *group) {
    if (group->threads && group->share > 0) WRONG(c, node, "give either \"threads\" or \"share\"");
    check_mix(c, mk_json_get(c->doc, node, "ops"), group->ops, group->ops_n);
    check_policy(c, mk_json_get(c->doc, node, "pin"), group->pin, mk_topo_check_policy);
}

/* Complains if names[i] is there before; names are few. */
static void check_name(struct check *c, uint32_t node, const char *what, const char *const *before, size_t n,
                       const char *name) {
    uint32_t at = mk_json_get(c->doc, node, "name");
    if (!name) return;
    if (!name[0]) WRONG(c, at, "a %s must have a name", what);
    for (size_t i = 0; i < n; i++) {
        if (!before[i] || strcmp(before[i], name) != 0) continue;
        WRONG(c, at, "two %ss are called \"%.60s\"", what, name);
        return;
    }
}

static void check_group_list(struct check *c, uint32_t node, const struct mk_workload_group *groups, size_t n) {
    const char *names[PARTS_MAX];
    uint32_t inner = mk_json_first(c->doc, node);
    bool spoiled = mk_json_spoiled(c->doc, node);
    if (too_many(c, node, "groups", n, PARTS_MAX)) return;
    for (size_t i = 0; i < n; i++, inner = mk_json_next(c->doc, inner)) {
        check_name(c, inner, "group", names, i, groups[i].name);
        names[i] = groups[i].name;
        check_group(c, inner, &groups[i]);
    }
    if (n && !spoiled) check_division(c, node, groups, n);
}

static void check_groups(struct check *c) {
    check_group_list(c, of_section(c, "groups"), c->w->groups, c->w->groups_n);
}

static void check_phase(struct check *c, uint32_t node, const struct mk_workload_phase *phase) {
    if (phase->duration_ms && phase->ops_count) WRONG(c, node, "give either \"duration_ms\" or \"ops_count\"");
    check_mix(c, mk_json_get(c->doc, node, "ops"), phase->ops, phase->ops_n);
    check_group_list(c, mk_json_get(c->doc, node, "groups"), phase->groups, phase->groups_n);
}

static void check_phases(struct check *c) {
    const char *names[PARTS_MAX];
    uint32_t node = of_section(c, "phases"), inner = mk_json_first(c->doc, node);
    size_t groups_n = 0;
    for (size_t i = 0; i < c->w->phases_n; i++) groups_n += c->w->phases[i].groups_n;
    if (too_many(c, node, "phases", c->w->phases_n, PARTS_MAX)) return;
    if (too_many(c, node, "groups in phases", groups_n, GROUPS_MAX)) return;
    for (size_t i = 0; i < c->w->phases_n; i++, inner = mk_json_next(c->doc, inner)) {
        check_name(c, inner, "phase", names, i, c->w->phases[i].name);
        names[i] = c->w->phases[i].name;
        check_phase(c, inner, &c->w->phases[i]);
    }
}

/* The keys of all groups of all phases once everything is filled in. */
static void check_filled_in(struct check *c) {
    struct mk_workload_phase *phases;
    size_t n;
    struct mk_err err;
    if (mk_workload_phases(c->w, &phases, &n, &err)) {
        WRONG(c, c->root, "%s", err.text);
        return;
    }
    uint32_t own_phase = mk_json_first(c->doc, of_section(c, "phases"));
    for (size_t p = 0; p < n; p++, own_phase = mk_json_next(c->doc, own_phase)) {
        uint32_t groups = mk_json_get(c->doc, own_phase, "groups");
        if (groups == MK_JSON_NONE) groups = of_section(c, "groups");
        uint32_t group = mk_json_first(c->doc, groups);
        for (size_t g = 0; g < phases[p].groups_n; g++, group = mk_json_next(c->doc, group)) {
            uint32_t node = mk_json_get(c->doc, group, "keys");
            if (node == MK_JSON_NONE) node = mk_json_get(c->doc, own_phase, "keys");
            if (node == MK_JSON_NONE) node = of_section(c, "keys");
            check_key_numbers(c, node, &phases[p].groups[g].keys);
        }
    }
    mk_workload_phases_free(phases, n);
}

/* ---- traces ------------------------------------------------------------------------------- */

/* Returns whether the kind has an operation that traces can hold. */
static bool is_recorded(const struct mk_kind *kind) {
    for (unsigned code = MK_OPTRACE_FIRST_OP; code < MK_RECORD_OPS; code++) {
        if (mk_kind_op(kind, mk_optrace_ops[code].name)) return true;
    }
    return mk_kind_has_blocks(kind);
}

/* Complains about a key, or one of a section, that says what the trace says already. */
static void excluded(struct check *c, const char *section, const char *key, bool said, const char *remedy) {
    uint32_t node = of_section(c, section), inner = key ? mk_json_get(c->doc, node, key) : node;
    if (!said) return;
    WRONG(c, inner == MK_JSON_NONE ? node : inner, "\"%s%s%s\" and \"%s\" exclude each other: %s", section,
          key ? "." : "", key ? key : "", c->w->trace ? "trace" : "profile", remedy);
}

/* What says the same as a trace, or one that is made of a profile, or contradicts it. */
static void check_traced(struct check *c, const struct mk_workload *preset) {
    static const char of_trace[] = "the trace says which operations, on which keys; leave it out";
    static const char before[] = "what a trace finds at its beginning is there beforehand, and nothing else; leave it out";
    const struct mk_workload *w = c->w;
    if (w->trace && !w->trace[0])
        WRONG(c, c->section, "\"trace\" is empty: give the path of a trace, relative to this file");
    if (w->trace && c->kind && !is_recorded(c->kind)) {
        WRONG(c, c->section, "\"trace\" means nothing for kind %s: traces are of allocations, maps, lists, queues and stacks",
              c->kind->name);
        return;
    }
    excluded(c, "ops", NULL, w->ops_n != 0, of_trace);
    excluded(c, "groups", NULL, w->groups_n != 0, of_trace);
    excluded(c, "phases", NULL, w->phases_n != 0, of_trace);
    excluded(c, "run_len", NULL, w->run_len != preset->run_len, of_trace);
    excluded(c, "keys", "count", w->keys.count != preset->keys.count, of_trace);
    excluded(c, "keys", "offset", w->keys.offset != preset->keys.offset, of_trace);
    excluded(c, "keys", "distribution", w->keys.distribution != preset->keys.distribution, of_trace);
    excluded(c, "prefill", "frac", w->prefill.frac < 1, before);
    excluded(c, "prefill", "age_ops", w->prefill.age_ops != MK_AGE_TWICE, before);
    excluded(c, "instance", NULL, w->instance != MK_INSTANCE_SHARED, "what was recorded was shared");
    excluded(c, "round_ms", NULL, w->round_ms != preset->round_ms,
             "a round is one pass over the trace; \"ops_count\" ends it earlier");
    if (!c->kind || !mk_kind_has_blocks(c->kind)) return;
    const struct mk_record *blocks = mk_record_field(&mk_workload_record, "blocks")->record;
    const struct mk_record *drain = mk_record_field(&mk_workload_record, "drain")->record;
    excluded(c, "drain", NULL, !mk_record_equal(drain, &preset->drain, &w->drain),
             "what a replay leaves is freed behind the clock, and nobody looks what goes back; leave it out");
    excluded(c, "blocks", NULL, !mk_record_equal(blocks, &preset->blocks, &w->blocks),
             "the trace says how many blocks of which sizes; leave it out");
    excluded(c, "rate_ops", NULL, w->rate_ops > 0, "a replay of allocations goes as fast as it can; leave it out");
}

static void check_trace(struct check *c) {
    const struct mk_workload *w = c->w;
    struct mk_workload preset;
    mk_record_preset(&mk_workload_record, &preset);
    if (w->touch != preset.touch && (!mk_workload_replayed(w) || !c->kind || !mk_kind_has_blocks(c->kind))) {
        WRONG(c, of_section(c, "touch"), "\"touch\" is for a \"trace\" or \"profile\" of allocations (kind alloc)");
    }
    if (mk_workload_replayed(w)) check_traced(c, &preset);
    mk_record_free(&mk_workload_record, &preset);
}

static void check_profile(struct check *c) {
    const struct mk_workload *w = c->w;
    if (w->events && !w->profile) WRONG(c, of_section(c, "events"), "\"events\" is for a \"profile\"");
    if (!w->profile) return;
    if (!w->profile[0])
        WRONG(c, c->section, "\"profile\" is empty: give the path of a profile, relative to this file");
    if (w->trace) WRONG(c, c->section, "\"profile\" and \"trace\" exclude each other: give one of them");
    if (c->kind && !mk_kind_has_blocks(c->kind)) {
        WRONG(c, c->section, "\"profile\" means nothing for kind %s: profiles are of allocations", c->kind->name);
    }
}

/* ---- all of it ---------------------------------------------------------------------------- */

/* By section. Those that look at single elements go on where the table has refused others. */
static const struct {
    const char *key;
    void (*check)(struct check *c);
    bool elements;
} checks[] = {
    {"schema", check_schema, false},   {"kind", check_kind, false},       {"impls", check_impls, true},
    {"compose", check_compose, true},  {"threads", check_threads, false}, {"pin", check_pin, false},
    {"memory", check_memory, false},   {"keys", check_keys, true},        {"blocks", check_blocks, false},
    {"drain", check_drain, false},
    {"ops", check_ops, true},          {"groups", check_groups, true},    {"phases", check_phases, true},
    {"trace", check_trace, false},     {"profile", check_profile, false},
    {"counters", check_counters, true}, {"value_bytes", check_value_bytes, false},
};

/* Where complaints about a section go that was changed: to what changed it, else to the last change. */
static uint32_t place_of(const struct mk_workload_place *places, size_t n, const char *section) {
    size_t length = strlen(section);
    for (size_t i = 0; i < n; i++) {
        if (strncmp(places[i].key, section, length) != 0) continue;
        if (places[i].key[length] == '\0' || places[i].key[length] == '.') return places[i].node;
    }
    return n ? places[n - 1].node : MK_JSON_NONE;
}

void mk_workload_check(struct mk_json *doc, uint32_t root, const struct mk_workload *workload,
                       const struct mk_workload_place *places, size_t n) {
    struct check c = {doc, root, MK_JSON_NONE, workload, NULL};
    if (workload->kind) c.kind = mk_registry_kind(workload->kind);
    if (too_many(&c, of_section(&c, "impls"), "implementations", workload->impls_n, LIST_MAX)) return;
    if (too_many(&c, of_section(&c, "compose"), "parts", workload->compose_n, LIST_MAX)) return;
    if (too_many(&c, of_section(&c, "threads"), "thread counts", workload->threads_n, LIST_MAX)) return;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        uint32_t node = of_section(&c, checks[i].key);
        c.section = root == MK_JSON_NONE ? place_of(places, n, checks[i].key) : node == MK_JSON_NONE ? root : node;
        if (checks[i].elements || !mk_json_spoiled(doc, node)) checks[i].check(&c);
    }
    c.section = root == MK_JSON_NONE ? place_of(places, n, "keys") : root;
    if (!mk_json_errors(doc)) check_filled_in(&c);
}
