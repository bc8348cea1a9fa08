/* plan.c - see plan.h. */
#include "plan.h"

#include <math.h>
#include <stdlib.h>

#include "build_info.h"
#include "compose.h"
#include "keys.h"
#include "registry.h"
#include "replay.h"
#include "text.h"
#include "topo.h"

/* ---- the records -------------------------------------------------------------------------- */

static const struct mk_field group_fields[] = {
    {"point", MK_FIELD_U32, 0, MK_AT(mk_plan_group, point), NULL, NULL, 0, 0, NULL, "index of the sweep's point"},
    {"threads", MK_FIELD_U32, 0, MK_AT(mk_plan_group, threads), NULL, NULL, 0, 0, NULL, "threads that run together"},
    {"oversubscribed", MK_FIELD_BOOL, 0, MK_AT(mk_plan_group, oversubscribed), NULL, NULL, 0, 0, NULL,
     "more threads than PUs"},
    {"label", MK_FIELD_TEXT, 0, MK_AT(mk_plan_group, label), NULL, NULL, 0, 0, NULL, "the swept values"},
    {"pus", MK_FIELD_U64_LIST, 0, MK_LIST_AT(mk_plan_group, pus), NULL, NULL, 0, 0, NULL,
     "PU (OS index) of each thread; empty: not pinned"},
    {0}};
const struct mk_record mk_plan_group_record = {"group", sizeof(struct mk_plan_group), group_fields,
                                               "cells that see the same streams"};

static const struct mk_field cell_fields[] = {
    {"index", MK_FIELD_U32, 0, MK_AT(mk_cell, index), NULL, NULL, 0, 0, NULL, "number of the cell in the plan"},
    {"group", MK_FIELD_U32, 0, MK_AT(mk_cell, group), NULL, NULL, 0, 0, NULL, "comparison group it belongs to"},
    {"identity", MK_FIELD_TEXT, 0, MK_AT(mk_cell, identity), NULL, NULL, 0, 0, NULL, "composition that runs"},
    {"floor", MK_FIELD_BOOL, 0, MK_AT(mk_cell, floor), NULL, NULL, 0, 0, NULL,
     "shows what the harness costs; never ranked"},
    {"unbounded", MK_FIELD_BOOL, 0, MK_AT(mk_cell, unbounded), NULL, NULL, 0, 0, NULL,
     "nothing bounds what its stalled readers keep from being freed"},
    {"skipped", MK_FIELD_BOOL, 0, MK_AT(mk_cell, skipped), NULL, NULL, 0, 0, NULL, "not run, see reason"},
    {"elsewhere", MK_FIELD_BOOL, 0, MK_AT(mk_cell, elsewhere), NULL, NULL, 0, 0, NULL, "runs in another shard"},
    {"reason", MK_FIELD_TEXT, 0, MK_AT(mk_cell, reason), NULL, NULL, 0, 0, NULL, "why it is skipped"},
    {"kept", MK_FIELD_BOOL, 0, MK_AT(mk_cell, kept), NULL, NULL, 0, 0, NULL,
     "one instance a process: filling costs more than five rounds"},
    {"seed", MK_FIELD_U64, 0, MK_AT(mk_cell, seed), NULL, NULL, 0, 0, NULL, "of the instance"},
    {"expected_ns", MK_FIELD_F64, 0, MK_AT(mk_cell, expected_ns), NULL, NULL, 0, 0, NULL, "of a round, with filling"},
    {"expected_bytes", MK_FIELD_U64, 0, MK_AT(mk_cell, expected_bytes), NULL, NULL, 0, 0, NULL, "at its largest"},
    {0}};
const struct mk_record mk_cell_record = {"cell", sizeof(struct mk_cell), cell_fields, "one composition at one point"};

#define TRACE(MEMBER, TYPE, FLAGS, HELP) \
    {#MEMBER, TYPE, FLAGS, MK_AT(mk_plan_trace, MEMBER), NULL, NULL, 0, 0, NULL, HELP}
static const struct mk_field trace_fields[] = {
    TRACE(path, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "Where it lies, as the workload file has it."),
    TRACE(checksum, MK_FIELD_U64, MK_FIELD_HEX, "Of the whole file, as `memkit-bench trace info` shows it."),
    TRACE(program, MK_FIELD_TEXT, MK_FIELD_NULLABLE, "What was recorded; null, here and below = the trace does not say."),
    TRACE(command, MK_FIELD_TEXT, MK_FIELD_NULLABLE, "Which command, of a trace of allocations."),
    TRACE(date, MK_FIELD_TEXT, MK_FIELD_NULLABLE, "When, UTC."),
    TRACE(clock, MK_FIELD_TEXT, MK_FIELD_NULLABLE, "Which clock its times are of."),
    TRACE(machine, MK_FIELD_TEXT, MK_FIELD_NULLABLE, "On what."),
    TRACE(operations, MK_FIELD_U64, 0, "How many there are."),
    TRACE(dropped, MK_FIELD_U64, 0, "How many the recorder could not write."),
    TRACE(duration_ns, MK_FIELD_U64, 0, "From the first to the last, when it was recorded."),
    TRACE(threads, MK_FIELD_U32, 0,
          "Threads that were recorded. Operations of thread i go to thread i mod threads of the run; of a trace of "
          "allocations, each is a thread of its own."),
    TRACE(lanes, MK_FIELD_U32, 0,
          "Of a trace of allocations, here and below, else 0: threads of the replay, as many as there were at one "
          "time."),
    TRACE(crossing, MK_FIELD_U64, 0,
          "Blocks that another thread frees or resizes than the one that allocated them."),
    TRACE(peak_bytes, MK_FIELD_U64, 0,
          "Most bytes that were live at one time, in the order in which they were recorded."),
    TRACE(peak_blocks, MK_FIELD_U64, 0, "Most blocks likewise."),
    TRACE(left_out, MK_FIELD_U64, 0, "Allocations that failed when they were recorded, and are not replayed."),
    TRACE(keys, MK_FIELD_U64, 0, "Different keys."),
    TRACE(prefilled, MK_FIELD_U64, 0, "Elements that are there before the clock starts."),
    {"ops_of", MK_FIELD_U64_LIST, MK_FIELD_INTERNAL, MK_LIST_AT(mk_plan_trace, ops_of), NULL, NULL, 0, 0, NULL, "Codes by thread."},
    {0}};
const struct mk_record mk_plan_trace_record = {"trace", sizeof(struct mk_plan_trace), trace_fields,
                                               "A trace of operations that was replayed."};

static const struct mk_field point_fields[] = {
    {"workload", MK_FIELD_RECORD, 0, MK_AT(mk_plan_point, workload), &mk_workload_record, NULL, 0, 0, NULL,
     "the workload with the swept values set"},
    {"label", MK_FIELD_TEXT, 0, MK_AT(mk_plan_point, label), NULL, NULL, 0, 0, NULL, "the swept values"},
    {"phases", MK_FIELD_RECORD_LIST, 0, MK_LIST_AT(mk_plan_point, phases), &mk_workload_phase_record, NULL, 0, 0,
     NULL, "phases with all defaults filled in"},
    {"traces", MK_FIELD_RECORD_LIST, 0, MK_LIST_AT(mk_plan_point, traces), &mk_plan_trace_record, NULL, 0, 0, NULL,
     "the trace that is replayed, if one is"},
    {0}};
static const struct mk_record point_record = {"point", sizeof(struct mk_plan_point), point_fields, "one point of the sweep"};

static const struct mk_field plan_fields[] = {
    {"kind", MK_FIELD_TEXT, 0, MK_AT(mk_plan, kind), NULL, NULL, 0, 0, NULL, "kind of implementations"},
    {"seed", MK_FIELD_U64, 0, MK_AT(mk_plan, seed), NULL, NULL, 0, 0, NULL, "what every other seed is made from"},
    {"processes", MK_FIELD_U64, 0, MK_AT(mk_plan, processes), NULL, NULL, 0, 0, NULL, "worker processes"},
    {"rounds", MK_FIELD_U64, 0, MK_AT(mk_plan, rounds), NULL, NULL, 0, 0, NULL, "timed rounds of a cell, a process"},
    {"pin", MK_FIELD_TEXT, 0, MK_AT(mk_plan, pin), NULL, NULL, 0, 0, NULL, "placement of threads"},
    {"counters_backend", MK_FIELD_TEXT, 0, MK_AT(mk_plan, counters_backend), NULL, NULL, 0, 0, NULL, "as asked for"},
    {"require_counters", MK_FIELD_BOOL, 0, MK_AT(mk_plan, require_counters), NULL, NULL, 0, 0, NULL,
     "a missing counter fails the run"},
    {"shard", MK_FIELD_U32, 0, MK_AT(mk_plan, shard), NULL, NULL, 0, 0, NULL, "which part of the plan this run is"},
    {"shards", MK_FIELD_U32, 0, MK_AT(mk_plan, shards), NULL, NULL, 0, 0, NULL, "of how many; 0: all of it"},
    {"whole_digest", MK_FIELD_U64, MK_FIELD_HEX, MK_AT(mk_plan, whole_digest), NULL, NULL, 0, 0, NULL,
     "digest of the whole plan"},
    {"topology", MK_FIELD_TEXT, 0, MK_AT(mk_plan, topology), NULL, NULL, 0, 0, NULL, "hwloc synthetic description"},
    {"points", MK_FIELD_RECORD_LIST, MK_FIELD_INTERNAL, MK_LIST_AT(mk_plan, points), &point_record, NULL, 0, 0, NULL,
     "the sweep"},
    {"groups", MK_FIELD_RECORD_LIST, 0, MK_LIST_AT(mk_plan, groups), &mk_plan_group_record, NULL, 0, 0, NULL,
     "comparison groups"},
    {"cells", MK_FIELD_RECORD_LIST, 0, MK_LIST_AT(mk_plan, cells), &mk_cell_record, NULL, 0, 0, NULL,
     "in the order of the table; run in seeded random order"},
    {"plugins", MK_FIELD_TEXT_LIST, 0, MK_LIST_AT(mk_plan, plugins), NULL, NULL, 0, 0, NULL, "shared objects loaded"},
    {"expected_s", MK_FIELD_F64, 0, MK_AT(mk_plan, expected_s), NULL, NULL, 0, 0, NULL, "whole run"},
    {"expected_bytes", MK_FIELD_U64, 0, MK_AT(mk_plan, expected_bytes), NULL, NULL, 0, 0, NULL,
     "of the largest cell, streams included"},
    {0}};
const struct mk_record mk_plan_record = {"plan", sizeof(struct mk_plan), plan_fields, "everything that a run will do"};

/* ---- groups of threads -------------------------------------------------------------------- */

uint32_t mk_plan_group_threads(const struct mk_workload_phase *phase, uint32_t threads, uint32_t group) {
    uint32_t taken = 0, open = 0, before = 0;
    for (size_t g = 0; g < phase->groups_n; g++) {
        const struct mk_workload_group *each = &phase->groups[g];
        uint32_t own = each->threads ? each->threads : (uint32_t)lround(each->share * threads);
        if (!each->threads && each->share <= 0) {
            open++;
            before += g < group;
        } else if (g == group) {
            return own;
        } else {
            taken += own;
        }
    }
    uint32_t rest = threads > taken ? threads - taken : 0;
    return open ? rest / open + (before < rest % open) : 0;
}

uint32_t mk_plan_group_of(const struct mk_workload_phase *phase, uint32_t threads, uint32_t thread) {
    uint32_t end = 0;
    for (uint32_t g = 0; g < phase->groups_n; g++) {
        end += mk_plan_group_threads(phase, threads, g);
        if (thread < end) return g;
    }
    return phase->groups_n ? (uint32_t)phase->groups_n - 1 : 0;
}

/* Threads that groups of fixed size need; 0 when some group takes what is left. */
static uint32_t fixed_threads(const struct mk_workload_phase *phase) {
    uint32_t sum = 0;
    for (size_t g = 0; g < phase->groups_n; g++) {
        if (!phase->groups[g].threads) return 0;
        sum += phase->groups[g].threads;
    }
    return sum;
}

/* ---- what a cell can do ------------------------------------------------------------------- */

/* Codes of all operations that a phase's groups perform, and whether some change the structure. */
static uint32_t codes_of(const struct mk_kind *kind, const struct mk_plan_point *point, bool *writes, bool *stalls) {
    uint32_t codes = 0;
    for (size_t p = 0; p < point->phases_n; p++) {
        for (size_t g = 0; g < point->phases[p].groups_n; g++) {
            const struct mk_workload_group *group = &point->phases[p].groups[g];
            if (group->stall_ms) *stalls = true;
            for (size_t i = 0; i < group->ops_n && !group->stall_ms; i++) {
                const struct mk_op_desc *op = mk_kind_op(kind, group->ops[i].name);
                if (!op || group->ops[i].value <= 0) continue;
                codes |= 1u << op->code | (op->second < MK_OPS_MAX ? 1u << op->second : 0);
                if (op->effect != MK_EFFECT_NONE && op->effect != MK_EFFECT_READ) *writes = true;
            }
        }
    }
    return codes;
}

static const char *op_of_code(const struct mk_kind *kind, unsigned code) {
    for (const struct mk_op_desc *op = kind->ops; op->name; op++) {
        if (op->code == code || op->second == code) return op->name;
    }
    return "?";
}

static bool one_size(const struct mk_workload_blocks *blocks) {
    return blocks->sizes_n ? blocks->sizes_n == 1 : blocks->min_bytes == blocks->max_bytes;
}

static bool does(const struct mk_plan_point *point, const char *op) {
    for (size_t p = 0; p < point->phases_n; p++) {
        for (size_t g = 0; g < point->phases[p].groups_n; g++) {
            const struct mk_workload_group *group = &point->phases[p].groups[g];
            for (size_t i = 0; i < group->ops_n; i++) {
                if (strcmp(group->ops[i].name, op) == 0 && group->ops[i].value > 0) return true;
            }
        }
    }
    return false;
}

bool mk_plan_does(const struct mk_plan_point *point, const char *op) {
    return does(point, op);
}

/* Returns whether the point does anything else, too. */
static bool does_more_than(const struct mk_plan_point *point, const char *op) {
    for (size_t p = 0; p < point->phases_n; p++) {
        for (size_t g = 0; g < point->phases[p].groups_n; g++) {
            const struct mk_workload_group *group = &point->phases[p].groups[g];
            for (size_t i = 0; i < group->ops_n; i++) {
                if (strcmp(group->ops[i].name, op) != 0 && group->ops[i].value > 0) return true;
            }
        }
    }
    return false;
}

#define KEYS_ANYWHERE ((uint64_t)1 << MK_KEY_BITS)

/* Returns a number that all keys of these are below. */
static uint64_t end_of(const struct mk_workload_keys *keys) {
    if (keys->form == MK_KEYS_SCRAMBLED) return KEYS_ANYWHERE;
    return (keys->offset + keys->count) * (keys->form == MK_KEYS_STRIDED ? keys->stride : 1);
}

/* Returns a number that all keys of the point are below; of fresh ones there are any number. */
static uint64_t keys_end(const struct mk_kind *kind, const struct mk_plan_point *point) {
    uint64_t end = end_of(&point->workload.keys);
    for (const struct mk_op_desc *op = kind->ops; op->name; op++) {
        if (op->operand == MK_OPERAND_FRESH && !point->traces_n && does(point, op->name)) return KEYS_ANYWHERE;
    }
    for (size_t p = 0; p < point->phases_n; p++) {
        for (size_t g = 0; g < point->phases[p].groups_n; g++) {
            uint64_t other = end_of(&point->phases[p].groups[g].keys);
            if (other > end) end = other;
        }
    }
    return end;
}

/* Why the memory composed cannot serve `threads` threads of one instance; NULL if it can. */
static char *memory_reason(const struct mk_composition *c, uint32_t threads) {
    for (size_t i = 0; i < c->memory_n && threads > 1; i++) {
        const struct mk_impl *impl = c->memory[i].impl;
        if (!(impl->caps & MK_CONCURRENT)) {
            return mk_need_format("%s/%s is not for several threads", impl->kind->name, impl->name);
        }
        if (!(impl->caps & MK_CROSS_FREE)) {
            return mk_need_format("%s/%s takes no blocks back from other threads", impl->kind->name, impl->name);
        }
    }
    return NULL;
}

/* Why an allocator cannot do what the point asks; NULL if it can. */
static char *alloc_reason(const struct mk_impl *impl, const struct mk_plan_point *point, bool shared) {
    if ((impl->caps & MK_FIXED_SIZE) && point->traces_n) {
        return mk_need_format("serves blocks of one size, the trace has many");
    }
    if (point->traces_n && shared && point->traces->crossing && !(impl->caps & MK_CROSS_FREE)) {
        return mk_need_format("takes no blocks back from other threads, and in the trace some go there");
    }
    if ((impl->caps & MK_FIXED_SIZE) && !one_size(&point->workload.blocks)) {
        return mk_need_format("serves blocks of one size, the workload asks for several");
    }
    if ((impl->caps & MK_BULK_FREE) && !does(point, "build") && !(impl->caps & MK_REWINDS && does(point, "frame"))) {
        return mk_need_format("gives nothing back block by block, only all at once");
    }
    if ((impl->caps & MK_CONSTRUCTS) && does(point, "object") && does_more_than(point, "object")) {
        return mk_need_format("constructs blocks once, and operations beside \"object\" do not keep them so");
    }
    if (impl->reset && shared && does(point, "build")) {
        return mk_need_format("drops the blocks of all threads at once (\"instance\": \"per_thread\" gives each its own)");
    }
    return NULL;
}

/* Why so many threads cannot be dealt out to the groups; NULL if they can. A ring joins one thread that
 * gives blocks and one that takes them. */
static char *groups_reason(const struct mk_plan_point *point, uint32_t threads) {
    for (size_t p = 0; p < point->phases_n; p++) {
        const struct mk_workload_phase *phase = &point->phases[p];
        uint32_t givers = 0, takers = 0, both = 0;
        for (uint32_t g = 0; g < phase->groups_n; g++) {
            const struct mk_workload_group *group = &phase->groups[g];
            uint32_t n = 0;
            for (uint32_t t = 0; t < threads; t++) n += mk_plan_group_of(phase, threads, t) == g;
            bool gives = false, takes = false;
            if (!n) return mk_need_format("with %u thread%s none is left for the group \"%s\"", threads, threads == 1 ? "" : "s", group->name);
            for (size_t i = 0; i < group->ops_n; i++) {
                bool trades = strcmp(group->ops[i].name, "trade") == 0, has = group->ops[i].value > 0;
                gives = gives || (has && (trades || strcmp(group->ops[i].name, "give") == 0));
                takes = takes || (has && (trades || strcmp(group->ops[i].name, "take") == 0));
            }
            givers += gives ? n : 0;
            takers += takes ? n : 0;
            both += gives && takes ? n : 0;
        }
        if (givers != takers) {
            return mk_need_format("%u threads give blocks and %u take them, and each ring joins one of each", givers, takers);
        }
        if (both == 1 && givers == 1) return mk_need_format("one thread alone has nobody to hand blocks to");
    }
    return NULL;
}

/* What an operation of a workload does to the number of values, what comes with it included. */
static void learn_roles(const struct mk_kind *kind, const char *name, bool *puts, bool *takes) {
    const struct mk_op_desc *said = mk_kind_op(kind, name);
    for (const struct mk_op_desc *op = kind->ops; said && op->name; op++) {
        if (op->code != said->code && op->code != said->second) continue;
        *puts = *puts || op->effect == MK_EFFECT_ADD || op->effect == MK_EFFECT_ADD_IF_ABSENT;
        *takes = *takes || op->effect == MK_EFFECT_REMOVE;
    }
}

/* What a lane of a replay does to the number of values: operations of every `lanes`-th recorded thread. */
static void learn_lane(const struct mk_kind *kind, const struct mk_plan_trace *trace, uint32_t lane, uint32_t lanes, bool *puts,
                       bool *takes) {
    for (size_t t = lane; t < trace->ops_of_n; t += lanes) {
        for (unsigned code = MK_OPTRACE_FIRST_OP; code < MK_RECORD_OPS; code++) {
            if (trace->ops_of[t] >> code & 1) learn_roles(kind, mk_optrace_ops[code].name, puts, takes);
        }
    }
}

/* Why more threads at once would put in, or take out, than one each; NULL if they would not. */
static char *one_each_reason(const struct mk_kind *kind, const struct mk_plan_point *point, uint32_t threads) {
    const struct mk_workload_prefill *prefill = &point->workload.prefill;
    if (threads > 1 && prefill->frac > 0 && prefill->by != MK_BY_ONE) {
        return mk_need_format("is for one thread that puts in (\"prefill\": { \"by\": \"one\" } has one do it)");
    }
    for (size_t p = 0; p < point->phases_n; p++) {
        const struct mk_workload_phase *phase = &point->phases[p];
        uint32_t putters = 0, takers = 0;
        for (uint32_t t = 0; t < threads; t++) {
            const struct mk_workload_group *group = &phase->groups[mk_plan_group_of(phase, threads, t)];
            bool puts = false, takes = false;
            if (point->traces_n) learn_lane(kind, point->traces, t, threads, &puts, &takes);
            for (size_t i = 0; i < group->ops_n && !point->traces_n; i++) {
                if (group->ops[i].value > 0) learn_roles(kind, group->ops[i].name, &puts, &takes);
            }
            putters += puts;
            takers += takes;
        }
        if (putters > 1 || takers > 1) {
            return mk_need_format("is for one thread that puts in and one that takes out, and here %u put in and %u take "
                                  "out (\"groups\" give threads operations of their own)",
                                  putters, takers);
        }
    }
    return NULL;
}

/* Whether readers stand still in it, and neither it nor its reclaimer claims a bound on what that keeps from being
 * freed (MK_BOUNDED). */
static bool leaves_unbounded(const struct mk_impl *impl, const struct mk_plan_point *point) {
    bool writes = false, stalls = false;
    codes_of(impl->kind, point, &writes, &stalls);
    return stalls && impl->hold && !(impl->caps & MK_FLOOR) && !((impl->caps | impl->provides) & MK_BOUNDED);
}

/* Returns why the composition cannot run this point with so many threads, or NULL. Under stress it need not: oracles
 * say for themselves what they need of it. */
static char *cell_reason(const struct mk_composition *c, const struct mk_plan_point *point, uint32_t threads,
                         const struct mk_plan_options *options) {
    const struct mk_impl *impl = c->impl;
    bool per_thread = point->workload.instance == MK_INSTANCE_PER_THREAD;
    bool writes = false, stalls = false;
    uint32_t codes = codes_of(impl->kind, point, &writes, &stalls);
    char *dealt = groups_reason(point, threads);
    bool elsewhere = options->other_flavour && mk_registry_is_peer(impl);
    if (dealt && !elsewhere && !options->stress) return dealt;
    free(dealt);
    if (elsewhere) return mk_need_text("is a packaged library's, which is in the release build alone");
    if (c->reason) return mk_need_text(c->reason);
    if (options->stress) return NULL;
    if (threads > 1 && !per_thread && (impl->caps & (MK_CONCURRENT | MK_ONE_EACH)) == MK_ONE_EACH) {
        char *reason = one_each_reason(impl->kind, point, threads);
        if (reason) return reason;
    } else if (threads > 1 && !per_thread && !(impl->caps & MK_CONCURRENT)) {
        return mk_need_format("is not for several threads (\"instance\": \"per_thread\" gives each its own)");
    }
    for (unsigned code = 0; code < MK_OPS_MAX; code++) {
        if ((codes >> code & 1) && !(impl->offers >> code & 1) && !(impl->caps & MK_FLOOR)) {
            return mk_need_format("does not offer %s", op_of_code(impl->kind, code));
        }
    }
    if (stalls && !impl->hold && !(impl->caps & MK_FLOOR)) {
        return mk_need_format("has no read-side section that a reader could stall in");
    }
    uint64_t limit = mk_key_limit(impl, c->params), end = keys_end(impl->kind, point);
    if (limit && limit < end && end == KEYS_ANYWHERE) {
        return mk_need_format("takes keys below %llu only, and those of the workload are spread over %d bits "
                              "(\"form\": \"sequential\" makes them dense)", (unsigned long long)limit, MK_KEY_BITS);
    }
    if (limit && limit < end) {
        return mk_need_format("takes keys below %llu only, and those of the workload go up to %llu",
                              (unsigned long long)limit, (unsigned long long)(end - 1));
    }
    if (mk_kind_has_blocks(impl->kind) && !(impl->caps & MK_FLOOR)) {
        char *reason = alloc_reason(impl, point, threads > 1 && !per_thread);
        if (reason) return reason;
    }
    return memory_reason(c, per_thread ? 1 : threads);
}

/* ---- expectations ------------------------------------------------------------------------- */

/* All threads' words of one phase together: 2 GiB, so that hundreds of threads do not ask for more
 * than a machine has. */
#define STREAM_WORDS_ALL ((size_t)1 << 28)

size_t mk_plan_stream_words(const struct mk_workload *workload, const struct mk_workload_phase *phase, uint32_t threads) {
    size_t share = STREAM_WORDS_ALL / threads;
    if (phase->ops_count) return (size_t)phase->ops_count;
    return workload->stream_ops_max < share ? (size_t)workload->stream_ops_max : share;
}

/* A rough cost of one operation, before anything is known: what a miss costs once the structure
 * no longer fits the caches. Only decides what is printed, and when an instance is kept. */
static double guess_op_ns(uint64_t elements) {
    return elements > 2000000 ? 150 : elements > 200000 ? 60 : 25;
}

static uint64_t elements_of(const struct mk_plan_point *point, uint32_t threads) {
    const struct mk_workload *w = &point->workload;
    if (point->traces_n && point->traces->lanes) return 0; /* the trace allocates them */
    return mk_kind_has_blocks(mk_registry_kind(w->kind)) ? w->blocks.live * threads
                                         : (uint64_t)((double)w->keys.count * w->prefill.frac);
}

static uint64_t age_ops_of(const struct mk_workload *w, bool writes) {
    if (!writes) return 0;
    return w->prefill.age_ops == MK_AGE_TWICE ? 2 * w->keys.count : w->prefill.age_ops;
}

static void expect_cell(struct mk_cell *cell, const struct mk_impl *impl, const struct mk_plan_point *point,
                        uint32_t threads, double pus) {
    const struct mk_workload *w = &point->workload;
    bool writes = false, stalls = false;
    codes_of(impl->kind, point, &writes, &stalls);
    uint64_t elements = elements_of(point, threads);
    double parallel = threads < pus ? threads : pus;
    double op_ns = guess_op_ns(elements);
    double fill_ns = op_ns * (double)(elements + age_ops_of(w, writes)) / parallel;
    double run_ns = 0, words = 0;
    for (size_t p = 0; p < point->phases_n; p++) {
        uint64_t ops = point->phases[p].ops_count;
        if (point->traces_n) ops = (point->traces->operations + threads - 1) / threads;
        if (ops > point->phases[p].ops_count) ops = point->phases[p].ops_count;
        words += (double)threads * (double)mk_plan_stream_words(w, &point->phases[p], threads);
        run_ns += ops ? op_ns * (double)ops * threads / parallel : 1e6 * (double)point->phases[p].duration_ms;
    }
    uint64_t allocated = point->traces_n ? point->traces->peak_bytes + 32 * point->traces->peak_blocks : 0;
    if (point->traces_n && point->traces->lanes) words = (double)point->traces->operations;
    double stream_ns = 2.5 * words / parallel; /* a quarter of the longest, mostly */
    cell->kept = !cell->floor && !point->traces_n && fill_ns > 5 * run_ns; /* a replay begins where it was recorded */
    cell->expected_ns = run_ns + 1e6 * (double)w->warmup_ms + stream_ns +
                        (cell->kept ? fill_ns / (double)(w->rounds ? w->rounds : 1) : fill_ns);
    uint64_t of_block = mk_kind_has_blocks(mk_registry_kind(w->kind)) ? w->blocks.max_bytes : 0;
    cell->expected_bytes = elements * (w->value_bytes + 56 + of_block) + allocated + (uint64_t)(8 * words);
}

static void expect_plan(struct mk_plan *plan) {
    double ns = 0;
    uint64_t most = 0;
    for (size_t i = 0; i < plan->cells_n; i++) {
        const struct mk_cell *cell = &plan->cells[i];
        if (cell->skipped || cell->elsewhere) continue;
        const struct mk_workload *w = &plan->points[plan->groups[cell->group].point].workload;
        double rounds = (double)plan->rounds + (w->latency.sample_every_ops != 0);
        ns += cell->expected_ns * rounds * (double)plan->processes + cell->expected_ns;
        if (cell->expected_bytes > most) most = cell->expected_bytes;
    }
    plan->expected_s = ns / 1e9;
    plan->expected_bytes = most;
}

/* ---- making ------------------------------------------------------------------------------- */

static void apply_options(struct mk_workload *w, const struct mk_plan_options *options) {
    if (options->threads_n) {
        free(w->threads);
        w->threads = mk_need(options->threads_n, sizeof *w->threads);
        memcpy(w->threads, options->threads, options->threads_n * sizeof *w->threads);
        w->threads_n = options->threads_n;
    }
    if (options->pin) {
        free(w->pin);
        w->pin = mk_need_text(options->pin);
    }
    if (options->processes) w->processes = options->processes;
    if (options->rounds) w->rounds = options->rounds;
    if (options->round_ms) w->round_ms = options->round_ms;
    if (options->seed_given) w->seed = options->seed;
}

static int compose_point(const struct mk_workload *w, const struct mk_plan_options *options,
                         struct mk_composition **list, size_t *n, struct mk_err *err) {
    char *const *patterns = options->impls_n ? options->impls : w->impls;
    size_t patterns_n = options->impls_n ? options->impls_n : w->impls_n;
    for (size_t i = 0; i < patterns_n; i++) {
        size_t before = *n;
        if (mk_compose(patterns[i], (uint32_t)w->value_bytes, list, n, err)) return -1;
        for (size_t c = before; c < *n; c++) {
            if (strcmp((*list)[c].impl->kind->name, w->kind) != 0) {
                return mk_fail(err, "%s is of kind %s, the workload of kind %s", (*list)[c].identity,
                               (*list)[c].impl->kind->name, w->kind);
            }
        }
        for (size_t p = 0; p < w->compose_n; p++) {
            char *with = mk_need_format("%s+%s", patterns[i], w->compose[p]);
            int failed = mk_compose(with, (uint32_t)w->value_bytes, list, n, err);
            free(with);
            if (failed) return -1;
        }
    }
    const struct mk_impl *floor = mk_registry_floor(w->kind);
    if (floor && !options->stress) {
        char *identity = mk_need_format("%s/%s", w->kind, floor->name);
        int failed = mk_compose(identity, (uint32_t)w->value_bytes, list, n, err);
        free(identity);
        if (failed) return -1;
    }
    return *n ? 0 : mk_fail(err, "nothing matches the implementations asked for");
}

/* Threads of a trial where nothing is said: enough to meet on a small machine, few enough to be followed. */
static uint32_t stress_threads(const struct mk_topo *topo) {
    uint32_t pus = mk_topo_machine(topo)->pus;
    return pus < 4 ? 4 : pus > 16 ? 16 : pus;
}

/* Threads that wait for each other's blocks have to be there all at once: as many as were, no more and no fewer. */
static int fit_to_lanes(const struct mk_plan_trace *trace, bool asked, uint64_t *counts, size_t *n,
                        struct mk_err *err) {
    for (size_t i = 0; i < *n && asked; i++) {
        if (counts[i] == trace->lanes) continue;
        return mk_fail(err, "%llu threads are asked for, and in the trace %.80s there are %u at one time, which its "
                            "replay has, too; leave out \"threads\"",
                       (unsigned long long)counts[i], trace->path, trace->lanes);
    }
    counts[0] = trace->lanes;
    *n = 1;
    return 0;
}

/* A replay has work for as many threads as were recorded: more are an error where they were asked for, and left out
 * of what would be tried by itself, of which the recorded number is then the last. */
static int fit_to_trace(const struct mk_plan_point *point, bool asked, uint64_t *counts, size_t *n, struct mk_err *err) {
    uint64_t recorded = point->traces->threads;
    size_t fit = 0;
    if (point->traces->lanes) return fit_to_lanes(point->traces, asked, counts, n, err);
    for (size_t i = 0; i < *n; i++) {
        if (counts[i] <= recorded) counts[fit++] = counts[i];
        else if (asked) {
            return mk_fail(err, "%llu threads are asked for, and the trace %.80s has %llu: some would have nothing to do; ask for "
                                "fewer, or record more", (unsigned long long)counts[i], point->traces->path, (unsigned long long)recorded);
        }
    }
    if (fit < *n && (!fit || counts[fit - 1] < recorded)) counts[fit++] = recorded;
    *n = fit;
    return 0;
}

static int thread_counts(const struct mk_plan_point *point, const struct mk_topo *topo, bool stress, uint64_t **out,
                         size_t *n, struct mk_err *err) {
    uint32_t fixed = 0;
    for (size_t p = 0; p < point->phases_n; p++) {
        uint32_t of_phase = fixed_threads(&point->phases[p]);
        if (fixed && of_phase && of_phase != fixed) {
            return mk_fail(err, "phases \"%s\" and \"%s\" need %u and %u threads: give one of them a group without "
                                "\"threads\"", point->phases[0].name, point->phases[p].name, fixed, of_phase);
        }
        if (of_phase) fixed = of_phase;
    }
    *n = 0;
    *out = NULL;
    if (fixed) {
        *(uint64_t *)mk_grow(out, n, sizeof **out) = fixed;
    } else if (!point->workload.threads_n && stress) {
        *(uint64_t *)mk_grow(out, n, sizeof **out) = stress_threads(topo);
    } else if (!point->workload.threads_n) {
        *out = mk_need(MK_TOPO_AUTO_MAX, sizeof **out);
        *n = mk_topo_auto_threads(topo, *out);
    } else {
        for (size_t i = 0; i < point->workload.threads_n; i++) {
            *(uint64_t *)mk_grow(out, n, sizeof **out) = point->workload.threads[i];
        }
    }
    if (point->traces_n && !stress) return fit_to_trace(point, point->workload.threads_n != 0, *out, n, err);
    return 0;
}

static int add_group(struct mk_plan *plan, uint32_t point, uint32_t threads, const struct mk_topo *topo,
                     struct mk_err *err) {
    struct mk_plan_group *group = mk_grow(&plan->groups, &plan->groups_n, sizeof *plan->groups);
    uint32_t *pus = mk_need(threads, sizeof *pus);
    group->point = point;
    group->threads = threads;
    group->label = mk_need_text(plan->points[point].label);
    int failed = mk_topo_place(topo, plan->pin, threads, pus, &group->oversubscribed, err);
    for (uint32_t t = 0; t < threads && !failed; t++) {
        *(uint64_t *)mk_grow(&group->pus, &group->pus_n, sizeof *group->pus) = pus[t];
    }
    free(pus);
    return failed;
}

/* Cells of one point: every thread count is a comparison group. */
static int add_cells(struct mk_plan *plan, uint32_t point, const struct mk_topo *topo,
                     const struct mk_plan_options *options, struct mk_err *err) {
    const struct mk_plan_point *at = &plan->points[point];
    struct mk_composition *list = NULL;
    size_t n = 0, counts_n = 0;
    uint64_t *counts = NULL;
    int failed = compose_point(&at->workload, options, &list, &n, err) || thread_counts(at, topo, options->stress, &counts, &counts_n, err);
    for (size_t t = 0; t < counts_n && !failed; t++) {
        failed = add_group(plan, point, (uint32_t)counts[t], topo, err);
        for (size_t c = 0; c < n && !failed; c++) {
            if (options->stress && (list[c].impl->caps & MK_FLOOR)) continue;
            struct mk_cell *cell = mk_grow(&plan->cells, &plan->cells_n, sizeof *plan->cells);
            cell->index = (uint32_t)plan->cells_n - 1;
            cell->group = (uint32_t)plan->groups_n - 1;
            cell->identity = mk_need_text(list[c].identity);
            cell->floor = (list[c].impl->caps & MK_FLOOR) != 0;
            cell->unbounded = leaves_unbounded(list[c].impl, at);
            cell->reason = cell_reason(&list[c], at, (uint32_t)counts[t], options);
            cell->skipped = cell->reason != NULL;
            cell->seed = mk_mix64(plan->seed ^ mk_mix64(cell->group + 1));
            expect_cell(cell, list[c].impl, at, (uint32_t)counts[t], mk_topo_machine(topo)->pus);
        }
    }
    /* Named exactly and unable at every thread count: said before anything runs. */
    for (size_t c = 0; c < n && !failed; c++) {
        char *why = NULL;
        bool able = !list[c].exact || !counts_n || (list[c].impl->caps & MK_FLOOR);
        for (size_t t = 0; t < counts_n && !able; t++) {
            free(why);
            why = cell_reason(&list[c], at, (uint32_t)counts[t], options);
            able = why == NULL;
        }
        if (!able) failed = mk_fail(err, "%s cannot run this workload: it %s", list[c].identity, why);
        free(why);
    }
    free(counts);
    mk_compositions_free(list, n);
    return failed;
}

/* Marks what other shards run: whole comparison groups, dealt out by their expected time. */
static void apply_shard(struct mk_plan *plan, uint32_t shard, uint32_t shards) {
    double *load = mk_need(shards, sizeof *load);
    plan->shard = shard;
    plan->shards = shards;
    for (size_t g = 0; g < plan->groups_n; g++) {
        uint32_t lightest = 0;
        for (uint32_t s = 1; s < shards; s++) {
            if (load[s] < load[lightest]) lightest = s;
        }
        for (size_t c = 0; c < plan->cells_n; c++) {
            if (plan->cells[c].group != g) continue;
            load[lightest] += plan->cells[c].skipped ? 0 : plan->cells[c].expected_ns;
            plan->cells[c].elsewhere = lightest + 1 != shard;
        }
    }
    free(load);
}

/* Fewer rounds, then shorter ones, then fewer processes (not below 3), until the plan fits. */
static int apply_budget(struct mk_plan *plan, double budget_s, struct mk_err *err) {
    expect_plan(plan);
    while (plan->expected_s > budget_s) {
        if (plan->rounds > 2) {
            plan->rounds--;
        } else if (plan->processes > 3) {
            plan->processes--;
        } else if (plan->rounds > 1) {
            plan->rounds--;
        } else {
            return mk_fail(err, "a budget of %.0f s is too small: one round in three processes takes about %.0f s; "
                                "ask for fewer implementations, threads or swept values", budget_s, plan->expected_s);
        }
        expect_plan(plan);
    }
    return 0;
}

static int make(const struct mk_workload *workload, const struct mk_topo *topo,
                const struct mk_plan_options *options, struct mk_plan *plan, struct mk_err *err) {
    struct mk_workload changed;
    struct mk_workload_point *points = NULL;
    size_t points_n = 0;
    if (mk_workload_replayed(workload) && options->round_ms) {
        return mk_fail(err, "--round-ms is not for traces: a round is one pass over the trace (--set ops_count=N ends it earlier)");
    }
    mk_record_copy(&mk_workload_record, &changed, workload);
    apply_options(&changed, options);
    plan->kind = mk_need_text(changed.kind);
    plan->seed = changed.seed;
    plan->processes = changed.processes;
    plan->rounds = changed.rounds;
    plan->pin = mk_need_text(changed.pin);
    plan->counters_backend = mk_need_text(options->counters ? options->counters : "auto");
    plan->require_counters = options->require_counters;
    plan->topology = mk_need_text(mk_topo_synthetic_text(topo) ? mk_topo_synthetic_text(topo) : "unknown");
    for (size_t i = 0; i < options->plugins_n; i++) {
        *(char **)mk_grow(&plan->plugins, &plan->plugins_n, sizeof(char *)) = mk_need_text(options->plugins[i]);
    }
    int failed = mk_workload_points(&changed, &points, &points_n, err);
    for (size_t i = 0; i < points_n && !failed; i++) {
        struct mk_plan_point *point = mk_grow(&plan->points, &plan->points_n, sizeof *plan->points);
        mk_record_copy(&mk_workload_record, &point->workload, &points[i].workload);
        point->label = mk_need_text(points[i].label);
        failed = mk_workload_phases(&point->workload, &point->phases, &point->phases_n, err);
        if (!failed && mk_workload_replayed(&point->workload)) failed = mk_replay_plan(point, mk_registry_kind(plan->kind), err);
    }
    for (uint32_t i = 0; i < points_n && !failed; i++) failed = add_cells(plan, i, topo, options, err);
    mk_workload_points_free(points, points_n);
    mk_record_free(&mk_workload_record, &changed);
    return failed;
}

/* Bytes this machine can give without swapping; 0 = unknown. */
static uint64_t available_bytes(void) {
    char line[128];
    unsigned long long kib = 0;
    FILE *file = fopen("/proc/meminfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1) break;
    }
    if (file) fclose(file);
    return kib * 1024;
}

int mk_plan_make(const struct mk_workload *workload, const struct mk_topo *topo,
                 const struct mk_plan_options *options, struct mk_plan *out, struct mk_err *err) {
    memset(out, 0, sizeof *out);
    int failed = make(workload, topo, options, out, err);
    if (!failed) out->whole_digest = mk_plan_digest(out);
    if (!failed && options->shards) apply_shard(out, options->shard, options->shards);
    if (!failed && options->budget_s > 0) failed = apply_budget(out, options->budget_s, err);
    if (!failed) {
        uint64_t available = available_bytes();
        expect_plan(out);
        if (!options->stress && available && out->expected_bytes > available && mk_topo_machine(topo)->thissystem) {
            failed = mk_fail(err, "the largest cell needs about %.1f GB, %.1f GB are available: fewer keys, smaller "
                                  "values or fewer threads", (double)out->expected_bytes / 1e9, (double)available / 1e9);
        }
    }
    if (failed) mk_record_free(&mk_plan_record, out);
    return failed;
}

/* ---- printing ----------------------------------------------------------------------------- */

static void print_group(const struct mk_plan *plan, uint32_t g, struct mk_text *out) {
    const struct mk_plan_group *group = &plan->groups[g];
    mk_text_printf(out, "\n%u thread%s%s%s%s on PU", group->threads, group->threads == 1 ? "" : "s",
                   group->label[0] ? ", " : "", group->label, group->oversubscribed ? " (oversubscribed)" : "");
    for (size_t t = 0; t < group->pus_n; t++) {
        if (group->pus[t] == UINT32_MAX) {
            mk_text_printf(out, " any");
            break;
        }
        mk_text_printf(out, " %llu", (unsigned long long)group->pus[t]);
    }
    mk_text_printf(out, "\n");
    for (size_t c = 0; c < plan->cells_n; c++) {
        const struct mk_cell *cell = &plan->cells[c];
        if (cell->group != g) continue;
        if (cell->skipped) {
            mk_text_printf(out, "  %5u  %-44s skipped: %s\n", cell->index, cell->identity, cell->reason);
        } else if (cell->elsewhere) {
            mk_text_printf(out, "  %5u  %-44s in another shard\n", cell->index, cell->identity);
        } else {
            mk_text_printf(out, "  %5u  %-44s %8.1f ms a round %8.1f MB%s%s\n", cell->index, cell->identity,
                           cell->expected_ns / 1e6, (double)cell->expected_bytes / 1e6, cell->floor ? "  floor" : "",
                           cell->kept ? "  kept" : "");
        }
    }
}

static void print_alloc_trace(const struct mk_plan_trace *trace, uint64_t most, bool cut, struct mk_text *out) {
    mk_text_printf(out, "trace: %s: %llu events of %u thread%s, %u at one time; %llu blocks cross threads; ", trace->path,
                   (unsigned long long)trace->operations, trace->threads, trace->threads == 1 ? "" : "s",
                   trace->lanes, (unsigned long long)trace->crossing);
    mk_text_printf(out, "%.1f MB live at most; %s%s, recorded %s\n", (double)trace->peak_bytes / 1e6,
                   trace->command ? "of " : "", trace->command ? trace->command : "of an unknown program",
                   trace->date ? trace->date : "at an unknown time");
    if (cut) {
        mk_text_printf(out, "       it ends where a thread would do more than %llu of them (ops_count)\n",
                       (unsigned long long)most);
    }
    if (trace->left_out) {
        mk_text_printf(out, "       %llu allocations that failed are not replayed\n",
                       (unsigned long long)trace->left_out);
    }
    if (trace->dropped)
        mk_text_printf(out, "       its recorder dropped %llu events\n", (unsigned long long)trace->dropped);
}

static void print_trace(const struct mk_plan_trace *trace, uint64_t most, struct mk_text *out) {
    mk_text_printf(out, "trace: %s: %llu operations of %u thread%s, %llu keys, %llu elements before; recorded by %s, %s\n", trace->path,
                   (unsigned long long)trace->operations, trace->threads, trace->threads == 1 ? "" : "s",
                   (unsigned long long)trace->keys, (unsigned long long)trace->prefilled,
                   trace->program ? trace->program : "unknown", trace->date ? trace->date : "unknown");
    if (most < trace->operations) {
        mk_text_printf(out, "       a thread replays %llu of them at most (ops_count, stream_ops_max)\n", (unsigned long long)most);
    }
    if (trace->dropped) mk_text_printf(out, "       its recorder dropped %llu operations\n", (unsigned long long)trace->dropped);
}

void mk_plan_print(const struct mk_plan *plan, struct mk_text *out) {
    size_t run = 0, skipped = 0;
    for (size_t c = 0; c < plan->cells_n; c++) {
        run += !plan->cells[c].skipped && !plan->cells[c].elsewhere;
        skipped += plan->cells[c].skipped;
    }
    mk_text_printf(out, "%zu cells in %zu comparison groups, %zu skipped; %llu processes x %llu rounds; pin %s; seed %llu\n",
                   run, plan->groups_n, skipped, (unsigned long long)plan->processes,
                   (unsigned long long)plan->rounds, plan->pin, (unsigned long long)plan->seed);
    mk_text_printf(out, "expected: about %.0f s, peak about %.1f MB\ntopology: %s\n", plan->expected_s,
                   (double)plan->expected_bytes / 1e6, plan->topology ? plan->topology : "unknown");
    for (size_t p = 0; p < plan->points_n; p++) {
        const struct mk_plan_point *point = &plan->points[p];
        for (size_t t = 0; t < point->traces_n; t++) {
            uint64_t most = point->phases[0].ops_count;
            if (point->traces[t].lanes) print_alloc_trace(&point->traces[t], most, most == point->workload.ops_count, out);
            else print_trace(&point->traces[t], most, out);
        }
    }
    for (uint32_t g = 0; g < plan->groups_n; g++) print_group(plan, g, out);
}

static uint64_t digest_bytes(uint64_t hash, const void *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    return hash;
}

uint64_t mk_plan_digest(const struct mk_plan *plan) {
    uint64_t hash = 0xcbf29ce484222325u;
    uint64_t numbers[] = {plan->seed, plan->processes, plan->rounds, plan->points_n, plan->groups_n, plan->cells_n};
    hash = digest_bytes(hash, numbers, sizeof numbers);
    hash = digest_bytes(hash, plan->pin, strlen(plan->pin));
    for (size_t p = 0; p < plan->points_n; p++) {
        const struct mk_workload *w = &plan->points[p].workload;
        hash = digest_bytes(hash, plan->points[p].label, strlen(plan->points[p].label));
        hash = digest_bytes(hash, w->text ? w->text : "", w->text ? strlen(w->text) : 0);
        hash = digest_bytes(hash, &w->round_ms, sizeof w->round_ms);
        for (size_t t = 0; t < plan->points[p].traces_n; t++) {
            hash = digest_bytes(hash, &plan->points[p].traces[t].checksum, sizeof(uint64_t));
        }
    }
    for (size_t c = 0; c < plan->cells_n; c++) {
        const struct mk_cell *cell = &plan->cells[c];
        uint64_t of_cell[] = {cell->group, plan->groups[cell->group].threads, cell->skipped};
        hash = digest_bytes(hash, cell->identity, strlen(cell->identity));
        hash = digest_bytes(hash, of_cell, sizeof of_cell);
    }
    return hash;
}

static int digest_cell(const struct mk_plan *plan, const struct mk_cell *cell, uint64_t *digest, struct mk_err *err) {
    const struct mk_plan_point *point = &plan->points[plan->groups[cell->group].point];
    struct mk_composition *list = NULL;
    size_t n = 0;
    uint32_t value_bytes = (uint32_t)point->workload.value_bytes;
    int failed = mk_compose(cell->identity, value_bytes, &list, &n, err) || !n || list->reason;
    if (failed) {
        mk_fail(err, "%s, for values of %u bytes, is not in this build: make FLAVOUR=%s", cell->identity, value_bytes,
                mk_build_info()->flavour);
    }
    for (size_t i = 0; i < n; i++) {
        *digest = mk_registry_digest(*digest, list[i].impl);
        for (size_t m = 0; m < list[i].memory_n; m++) *digest = mk_registry_digest(*digest, list[i].memory[m].impl);
    }
    mk_compositions_free(list, n);
    return failed ? -1 : 0;
}

int mk_plan_cells_digest(const struct mk_plan *plan, uint64_t *digest, struct mk_err *err) {
    *digest = 0xcbf29ce484222325u;
    for (size_t c = 0; c < plan->cells_n; c++) {
        if (!plan->cells[c].skipped && digest_cell(plan, &plan->cells[c], digest, err)) return -1;
    }
    return 0;
}
