/* workload.c - the table of the workload format, reading it, and filling in what phases and groups
 * leave out. What the table cannot say is checked in workload_check.c; --set and sweeps are in
 * workload_vary.c. */
#include "workload.h"

#include <math.h>
#include <stdlib.h>

#include "json.h"
#include "workload_check.h"

/* ---- the table ---------------------------------------------------------------------------- */

#define WITH_TYPE(TYPE, STRUCT, MEMBER) \
    .name = #MEMBER, .type = MK_FIELD_##TYPE, .offset = MK_AT(STRUCT, MEMBER)
#define WITH_LIST(TYPE, STRUCT, MEMBER) \
    .name = #MEMBER, .type = MK_FIELD_##TYPE, .offset = MK_LIST_AT(STRUCT, MEMBER)

static const char *const distribution_names[] = {"uniform", "zipfian", "latest", "hotspot", "sequential", NULL};
static const char *const form_names[] = {"scrambled", "sequential", "strided", NULL};
static const char *const pattern_names[] = {"lifo", "fifo", "shuffled", "random", NULL};
static const char *const size_distribution_names[] = {"uniform", "log_uniform", NULL};
static const char *const order_names[] = {"shuffled", "sorted", NULL};
static const char *const by_names[] = {"all", "one", NULL};
static const char *const touch_names[] = {"pages", "lines", "first", "none", NULL};
static const char *const instance_names[] = {"shared", "per_thread", NULL};

#define THETA_MAX 10.0

/* The workload's keys have defaults; those of its phases and groups are null, and stand for what is
 * around them. */
#define KEYS_FIELDS(FLAGS, COUNT, OFFSET, DISTRIBUTION, THETA, HOT_KEYS, HOT_OPS, FORM, STRIDE)                  \
    {WITH_TYPE(U64, mk_workload_keys, count), .flags = FLAGS, .min = 1, .max = (double)MK_KEYS_COUNT_MAX,        \
     .preset = COUNT, .help = "How many keys the distribution draws from; prefill inserts a share of them."},    \
    {WITH_TYPE(U64, mk_workload_keys, offset), .flags = FLAGS, .min = 0, .max = (double)MK_KEYS_COUNT_MAX,       \
     .preset = OFFSET, .help = "Number of the first key, so that groups can work on ranges of their own."},      \
    {WITH_TYPE(ENUM, mk_workload_keys, distribution), .flags = FLAGS, .names = distribution_names,               \
     .preset = DISTRIBUTION, .help = "How often each key is chosen: all alike; zipfian, scattered over all keys; " \
                                     "latest, zipfian by age; hotspot; sequential, each thread from its start."}, \
    {WITH_TYPE(F64, mk_workload_keys, theta), .flags = FLAGS, .min = 0, .max = THETA_MAX, .preset = THETA,       \
     .help = "Skew of zipfian and latest: the r-th most wanted key is drawn in proportion to 1/r^theta."},       \
    {WITH_TYPE(F64, mk_workload_keys, hot_keys_frac), .flags = FLAGS, .min = 0, .max = 1, .preset = HOT_KEYS,    \
     .help = "Hotspot: share of the keys that are hot."},                                                        \
    {WITH_TYPE(F64, mk_workload_keys, hot_ops_frac), .flags = FLAGS, .min = 0, .max = 1, .preset = HOT_OPS,      \
     .help = "Hotspot: share of the operations that go to hot keys."},                                           \
    {WITH_TYPE(ENUM, mk_workload_keys, form), .flags = FLAGS, .names = form_names, .preset = FORM,               \
     .help = "What the n-th key is: spread over 60 bits by a seeded bijection; n; n times stride."},             \
    {WITH_TYPE(U64, mk_workload_keys, stride), .flags = FLAGS, .min = 1, .max = (double)MK_KEYS_STRIDE_MAX,      \
     .preset = STRIDE, .help = "Distance of neighbouring keys in form strided."},                                \
    {0}

static const struct mk_field keys_fields[] = {
    KEYS_FIELDS(0, "1000000", "0", "\"uniform\"", "0.99", "0.2", "0.8", "\"scrambled\"", "8")};
static const struct mk_record keys_record = {"keys", sizeof(struct mk_workload_keys), keys_fields,
                                             "Which keys operations work on."};

static const struct mk_field part_keys_fields[] = {
    KEYS_FIELDS(MK_FIELD_NULLABLE, "null", "null", "null", "null", "null", "null", "null", "null")};
static const struct mk_record part_keys_record = {
    "part_keys", sizeof(struct mk_workload_keys), part_keys_fields,
    "Which keys a phase or a group works on. What is left out is as around it: a group's as in its phase, a "
    "phase's as in the workload."};

static const struct mk_field sizes_fields[] = {
    {WITH_TYPE(U64, mk_workload_sizes, bytes), .flags = MK_FIELD_REQUIRED, .min = 1, .max = MK_SLOT_MASK,
     .help = "Size of a block."},
    {WITH_TYPE(F64, mk_workload_sizes, weight), .min = 0, .max = 1e9, .preset = "1",
     .help = "How often it is asked for, beside the other weights."},
    {0}};
static const struct mk_record sizes_record = {"size", sizeof(struct mk_workload_sizes), sizes_fields,
                                              "One size of block with its weight."};

static const struct mk_field blocks_fields[] = {
    {WITH_TYPE(U64, mk_workload_blocks, live), .min = 1, .max = MK_SLOT_MASK - 2, .preset = "1000",
     .help = "Blocks that each thread keeps alive."},
    {WITH_TYPE(U64, mk_workload_blocks, batch), .min = 1, .max = MK_BATCH_MAX, .preset = "1",
     .help = "Blocks that `give` allocates before it hands them over, and that `take` takes before it frees them."},
    {WITH_TYPE(ENUM, mk_workload_blocks, pattern), .names = pattern_names, .preset = "\"shuffled\"",
     .help = "Which live block goes when another comes: the youngest; the oldest; each once a lap in changing "
             "order; any."},
    {WITH_TYPE(U64, mk_workload_blocks, min_bytes), .min = 1, .max = MK_SLOT_MASK, .preset = "64",
     .help = "Smallest block."},
    {WITH_TYPE(U64, mk_workload_blocks, max_bytes), .min = 1, .max = MK_SLOT_MASK, .preset = "64",
     .help = "Largest block; equal to min_bytes, all blocks have one size, which is what fixed-size allocators "
             "need."},
    {.name = "size_distribution", .type = MK_FIELD_ENUM, .offset = MK_AT(mk_workload_blocks, log_uniform),
     .names = size_distribution_names, .preset = "\"uniform\"",
     .help = "Between smallest and largest: every size alike, or every octave alike."},
    {WITH_LIST(RECORD_LIST, mk_workload_blocks, sizes), .record = &sizes_record,
     .help = "Sizes with weights, in place of min_bytes and max_bytes; at most 256."},
    {0}};
static const struct mk_record blocks_record = {"blocks", sizeof(struct mk_workload_blocks), blocks_fields,
                                               "Which blocks allocations work on (kind alloc)."};

static const struct mk_field drain_fields[] = {
    {WITH_TYPE(F64, mk_workload_drain, keep), .min = 0, .max = 1, .preset = "0",
     .help = "Share of the live blocks that are not freed, any of them alike: a survivor here and there keeps "
             "pages."},
    {WITH_TYPE(U64, mk_workload_drain, watch_ms), .min = 0, .max = 30000, .preset = "100",
     .help = "How long the resident set is looked at afterwards: at once, after 100 ms, 1 s, 10 s as far as that "
             "goes, and at the end."},
    {0}};
static const struct mk_record drain_record = {
    "drain", sizeof(struct mk_workload_drain), drain_fields,
    "What the memory worker frees when an allocator's course is over, and how long it looks what goes back to the "
    "system (kind alloc)."};

static const struct mk_field prefill_fields[] = {
    {WITH_TYPE(F64, mk_workload_prefill, frac), .min = 0, .max = 1, .preset = "1",
     .help = "Share of the keys that are there before the clock starts."},
    {WITH_TYPE(ENUM, mk_workload_prefill, order), .names = order_names, .preset = "\"shuffled\"",
     .help = "Sorted keys make an ordered memory layout, which flatters structures that chase pointers."},
    {WITH_TYPE(ENUM, mk_workload_prefill, by), .names = by_names, .preset = "\"all\"",
     .help = "Filled by all threads, or by one, whose memory it then is."},
    {WITH_TYPE(U64, mk_workload_prefill, age_ops), .flags = MK_FIELD_NULLABLE, .min = 0, .max = 0x1p40,
     .preset = "null",
     .help = "Operations of the run's own mix before the clock, so that no fresh structure is measured; null is "
             "twice keys.count, and 0 is marked fresh in the table."},
    {0}};
static const struct mk_record prefill_record = {"prefill", sizeof(struct mk_workload_prefill), prefill_fields,
                                                "What is there before the clock starts, and how it got there."};

#define OPS_FIELD(STRUCT, HELP) \
    {WITH_LIST(SHARES, STRUCT, ops), .min = 0, .max = 1, .help = HELP}

static const struct mk_field group_fields[] = {
    {WITH_TYPE(TEXT, mk_workload_group, name), .flags = MK_FIELD_REQUIRED,
     .help = "What tables and plots call it; each group has a name of its own."},
    {WITH_TYPE(U32, mk_workload_group, threads), .min = 0, .max = 4096,
     .help = "How many threads, whatever the cell's number of threads; groups with neither threads nor share "
             "divide evenly what the others leave."},
    {WITH_TYPE(F64, mk_workload_group, share), .min = 0, .max = 1, .help = "Share of the cell's threads."},
    OPS_FIELD(mk_workload_group, "Mix of operations of this group; left out, the phase's or the workload's."),
    {WITH_TYPE(RECORD, mk_workload_group, keys), .record = &part_keys_record, .help = "Keys of this group."},
    {WITH_TYPE(F64, mk_workload_group, rate_ops), .min = 0, .max = 1e9, .preset = "0",
     .help = "Open loop: operations a second that each of its threads is to begin; 0 is the workload's rate_ops."},
    {WITH_TYPE(U64, mk_workload_group, think_ns), .min = 0, .max = 1e12, .preset = "0",
     .help = "Pause between operations."},
    {WITH_TYPE(U64, mk_workload_group, stall_ms), .min = 0, .max = 1e7, .preset = "0",
     .help = "In place of operations: stand still inside a read-side section that long, again and again, which "
             "holds memory reclamation up."},
    {WITH_TYPE(U64, mk_workload_group, stall_pause_ms), .min = 0, .max = 1e7, .preset = "0",
     .help = "With stall_ms: stand outside a section that long before each time, so that one sees what comes of the "
             "garbage afterwards; 0 is not at all."},
    {WITH_TYPE(U64, mk_workload_group, thread_life_ops), .min = 0, .max = 0x1p40, .preset = "0",
     .help = "Operations after which a thread ends and a new one takes its place; 0 is never."},
    {WITH_TYPE(TEXT, mk_workload_group, pin),
     .help = "Placement of this group's threads; left out, the workload's."},
    {0}};
static const struct mk_record group_record = {
    "group", sizeof(struct mk_workload_group), group_fields,
    "Threads that do the same: readers beside writers, producers beside consumers, a reader that stalls."};

static const struct mk_field phase_fields[] = {
    {WITH_TYPE(TEXT, mk_workload_phase, name), .flags = MK_FIELD_REQUIRED,
     .help = "What tables and plots call it; each phase has a name of its own."},
    {WITH_TYPE(U64, mk_workload_phase, duration_ms), .min = 0, .max = 3.6e6, .preset = "0",
     .help = "How long it lasts in each round; 0 is round_ms."},
    {WITH_TYPE(U64, mk_workload_phase, ops_count), .min = 0, .max = 0x1p40, .preset = "0",
     .help = "Ends after so many operations of each thread, in place of a duration; 0 is none."},
    OPS_FIELD(mk_workload_phase, "Mix of operations in this phase; left out, the workload's."),
    {WITH_TYPE(RECORD, mk_workload_phase, keys), .record = &part_keys_record, .help = "Keys of this phase."},
    {WITH_LIST(RECORD_LIST, mk_workload_phase, groups), .record = &group_record,
     .help = "Groups of threads in this phase; left out, the workload's."},
    {0}};
const struct mk_record mk_workload_phase_record = {
    "phase", sizeof(struct mk_workload_phase), phase_fields,
    "A stretch of the round with a mix of its own: load, run, drain. Phases follow one another on the same "
    "instance."};

static const struct mk_field latency_fields[] = {
    {WITH_TYPE(U64, mk_workload_latency, sample_every_ops), .min = 0, .max = 0x1p32, .preset = "64",
     .help = "In rounds of their own, one operation in so many is timed; 0 is none."},
    {0}};
static const struct mk_record latency_record = {"latency", sizeof(struct mk_workload_latency), latency_fields,
                                                "How latencies are taken."};

static const struct mk_field until_fields[] = {
    {WITH_TYPE(F64, mk_workload_until, interval_frac), .min = 0, .max = 1, .preset = "0",
     .help = "A cell gets no more processes once its interval is narrower than this share of its median; 0 is "
             "off."},
    {WITH_TYPE(U64, mk_workload_until, min_processes), .min = 1, .max = 1000, .preset = "3",
     .help = "But not before so many processes."},
    {0}};
static const struct mk_record until_record = {"until", sizeof(struct mk_workload_until), until_fields,
                                              "When a cell has been measured well enough."};

static const struct mk_field stress_fields[] = {
    {WITH_LIST(TEXT_LIST, mk_workload_stress, oracles), .flags = MK_FIELD_ONE_OR_MANY,
     .help = "What to try, names or patterns: the cases of the kind, \"history\", scenarios; `memkit-bench list "
             "oracles` shows all. Left out: everything that applies."},
    {WITH_LIST(TEXT_LIST, mk_workload_stress, pressures), .flags = MK_FIELD_ONE_OR_MANY,
     .help = "Under what to try it: `memkit-bench list pressures` shows all. Left out: everything that can be "
             "applied, in turn."},
    {WITH_TYPE(U64, mk_workload_stress, window_ops), .min = 1, .max = 1e6, .preset = "2000",
     .help = "Operations of each thread between two quiet moments of a history."},
    {WITH_TYPE(F64, mk_workload_stress, seconds), .min = 0, .max = 1e6, .preset = "20",
     .help = "How long to go on; --seconds says otherwise."},
    {0}};
static const struct mk_record stress_record = {"stress", sizeof(struct mk_workload_stress), stress_fields,
                                               "What `memkit-bench stress` does with this file; measuring ignores it."};

static const struct mk_field workload_fields[] = {
    {WITH_TYPE(TEXT, mk_workload, schema), .flags = MK_FIELD_REQUIRED,
     .help = "Format of the file: \"memkit.workload/1\"."},
    {WITH_TYPE(TEXT, mk_workload, name), .flags = MK_FIELD_REQUIRED, .help = "What results call it."},
    {WITH_TYPE(TEXT, mk_workload, about), .help = "What it is and why: a sentence for whoever reads the table."},
    {WITH_TYPE(TEXT, mk_workload, kind), .flags = MK_FIELD_REQUIRED,
     .help = "Kind of the implementations; `memkit-bench list kinds` shows all."},
    {WITH_LIST(TEXT_LIST, mk_workload, impls), .flags = MK_FIELD_ONE_OR_MANY,
     .help = "Implementations and patterns: \"map/NAME\", \"map/NAME[parameter=value]\", \"map/*\", "
             "\"map/NAME+reclaim/*\"; left out, all of the kind with their default parts. The kind's floor is "
             "added."},
    {WITH_LIST(TEXT_LIST, mk_workload, compose), .flags = MK_FIELD_ONE_OR_MANY,
     .help = "Parts, such as \"reclaim/*\" or \"alloc/NAME\", that each implementation is run with besides its "
             "own."},
    {WITH_LIST(COUNTS, mk_workload, threads), .min = 1, .max = 4096,
     .help = "Numbers of threads, each a comparison of its own; auto is 1, 2, 4 ... cores, PUs, twice the PUs."},
    {WITH_TYPE(TEXT, mk_workload, pin), .preset = "\"compact\"",
     .help = "Which PUs threads are bound to: compact, scatter, cores, numa, none, or a list such as \"0,2,4-7\"."},
    {WITH_TYPE(TEXT, mk_workload, memory), .preset = "\"local\"",
     .help = "NUMA nodes memory comes from: local, interleave or node:N."},
    {WITH_TYPE(ENUM, mk_workload, instance), .names = instance_names, .preset = "\"shared\"",
     .help = "One instance for all threads, or one for each: what is not concurrent can be compared that way."},
    {WITH_TYPE(RECORD, mk_workload, keys), .record = &keys_record, .help = "Which keys operations work on."},
    {WITH_TYPE(RECORD, mk_workload, blocks), .record = &blocks_record,
     .help = "Which blocks allocations work on (kind alloc)."},
    {WITH_TYPE(RECORD, mk_workload, drain), .record = &drain_record,
     .help = "What is freed at the end of the memory worker's course (kind alloc)."},
    {WITH_TYPE(U64, mk_workload, value_bytes), .min = 8, .max = 1024, .preset = "8",
     .help = "Size of a map's values: 8, 64, 256 or 1024."},
    {WITH_TYPE(RECORD, mk_workload, prefill), .record = &prefill_record,
     .help = "What is there before the clock starts."},
    {WITH_TYPE(TEXT, mk_workload, trace),
     .help = "A trace to replay, in place of `ops`, `groups`, `phases` and most of `keys` and `prefill`: its path, relative "
             "to this file. Of operations (kinds map, list, queue, stack), which `memkit-bench trace --help` says how to "
             "record, or of allocations (kind alloc), as `memkit-bench record` makes them, in place of `blocks` and "
             "`threads`, too. A round is one pass over it; `ops_count` ends it earlier."},
    {WITH_TYPE(TEXT, mk_workload, profile),
     .help = "A profile of allocations (kind alloc), in place of a trace: its path, relative to this file. A trace is made of "
             "it with this file's `seed`, and replayed. `memkit-bench trace profile` fits one to a trace."},
    {WITH_TYPE(U64, mk_workload, events), .min = 0, .max = 0x1p26, .preset = "0",
     .help = "How many events a trace that is made of a profile has, about; 0 is as many as the profile says."},
    {WITH_TYPE(ENUM, mk_workload, touch), .names = touch_names, .preset = "\"pages\"",
     .help = "Which bytes of a new block a replay of allocations writes to: pages, one in every 64 bytes of the first "
             "4096 and then one a page; lines, one in every 64 bytes; first, the first one; none."},
    OPS_FIELD(mk_workload,
              "Mix of operations: names and shares that add up to 1. May be left out where every phase or group "
              "has its own, and for kinds with a default: alloc {\"pair\": 1}, hash {\"hash\": 1}, reclaim "
              "{\"read\": 0.9, \"replace\": 0.1}."),
    {WITH_TYPE(U64, mk_workload, run_len), .min = 1, .max = 0x1p31, .preset = "1",
     .help = "Operations of one type in a row; long runs take out what telling types apart costs."},
    {WITH_TYPE(F64, mk_workload, rate_ops), .min = 0, .max = 1e9, .preset = "0",
     .help = "Open loop: operations a second that each thread is to begin, whether the ones before are done or "
             "not; latency then counts from the intended start. 0 is closed loop: as fast as it goes."},
    {WITH_LIST(RECORD_LIST, mk_workload, groups), .record = &group_record,
     .help = "Groups of threads that do different things; left out, all threads do the same."},
    {WITH_LIST(RECORD_LIST, mk_workload, phases), .record = &mk_workload_phase_record,
     .help = "Stretches of the round that follow one another; left out, the round is one."},
    {WITH_TYPE(U64, mk_workload, processes), .min = 1, .max = 1000, .preset = "6",
     .help = "Worker processes, the unit of inference: the range of 6 is a 97% interval of the median."},
    {WITH_TYPE(U64, mk_workload, rounds), .min = 1, .max = 10000, .preset = "5",
     .help = "Timed rounds of each cell in each process."},
    {WITH_TYPE(U64, mk_workload, round_ms), .min = 1, .max = 3.6e6, .preset = "50", .help = "Length of a round."},
    {WITH_TYPE(U64, mk_workload, warmup_ms), .min = 0, .max = 3.6e6, .preset = "20",
     .help = "The same before each round, unmeasured."},
    {WITH_TYPE(U64, mk_workload, ops_count), .min = 0, .max = 0x1p40, .preset = "0",
     .help = "A round ends after so many operations of each thread, in place of round_ms; 0 is none."},
    {WITH_TYPE(U64, mk_workload, stream_ops_max), .min = 1024, .max = 0x1p31, .preset = "4194304",
     .help = "Longest stream of operations, 8 bytes each, made anew for each round and thread; a round that comes "
             "to its end is over."},
    {WITH_TYPE(RECORD, mk_workload, latency), .record = &latency_record, .help = "How latencies are taken."},
    {WITH_TYPE(RECORD, mk_workload, until), .record = &until_record,
     .help = "When a cell has been measured well enough."},
    {WITH_TYPE(RECORD, mk_workload, stress), .record = &stress_record,
     .help = "How hard `memkit-bench stress` is to try."},
    {WITH_LIST(TEXT_LIST, mk_workload, counters), .flags = MK_FIELD_ONE_OR_MANY,
     .help = "What to count: l1d_miss, l2_miss, llc_miss, dtlb_miss, instructions, cycles, page_faults, "
             "ctx_switches."},
    {WITH_TYPE(RAW, mk_workload, sweep),
     .help = "Keys to vary: an object of dotted keys (\"keys.count\", \"groups.writers.share\") and lists of "
             "values; every combination is run."},
    {WITH_TYPE(RAW, mk_workload, expect), .help = "Claims about the figures; kept in the result word for word, judged by nothing in this version."},
    {WITH_TYPE(U64, mk_workload, seed), .preset = "1",
     .help = "Everything random is made from it: the same seed, the same operations."},
    {WITH_TYPE(TEXT, mk_workload, text), .flags = MK_FIELD_INTERNAL, .help = "The file."},
    {WITH_TYPE(TEXT, mk_workload, path), .flags = MK_FIELD_INTERNAL, .help = "Where it was read from."},
    {0}};
const struct mk_record mk_workload_record = {
    "workload", sizeof(struct mk_workload), workload_fields,
    "A workload file says what to run, on what, for how long; the same file runs every implementation of its "
    "kind."};

/* ---- reading ------------------------------------------------------------------------------ */

/* What a kind does when nothing is said: only where one mix is the plain reading of the kind. */
static const struct {
    const char *kind;
    struct {
        const char *op;
        double share;
    } mix[2];
} default_ops[] = {
    {"alloc", {{"pair", 1}}},
    {"hash", {{"hash", 1}}},
    {"reclaim", {{"read", 0.9}, {"replace", 0.1}}},
    {"slots", {{"replace", 1}}},
};

static void add_default_ops(struct mk_workload *w) {
    for (size_t k = 0; k < sizeof default_ops / sizeof *default_ops && w->kind && !w->ops_n; k++) {
        if (mk_workload_replayed(w) || strcmp(default_ops[k].kind, w->kind) != 0) continue;
        for (size_t i = 0; i < 2 && default_ops[k].mix[i].op; i++) {
            struct mk_share *share = mk_grow(&w->ops, &w->ops_n, sizeof *share);
            share->name = mk_need_text(default_ops[k].mix[i].op);
            share->value = default_ops[k].mix[i].share;
        }
    }
}

static void add_default_impls(struct mk_workload *w) {
    if (w->impls_n || !w->kind) return;
    *(char **)mk_grow(&w->impls, &w->impls_n, sizeof *w->impls) = mk_need_format("%s/*", w->kind);
}

int mk_workload_from_json(struct mk_json *doc, struct mk_workload *out) {
    mk_json_read_record(doc, MK_JSON_ROOT, &mk_workload_record, out);
    out->text = mk_need_text(mk_json_source(doc));
    out->path = mk_need_text(mk_json_path(doc));
    add_default_ops(out);
    add_default_impls(out);
    if (mk_json_type(doc, MK_JSON_ROOT) == MK_JSON_OBJECT) {
        mk_workload_check(doc, MK_JSON_ROOT, out, NULL, 0);
        mk_workload_check_sweep(doc, mk_json_get(doc, MK_JSON_ROOT, "sweep"), out);
    }
    return mk_json_errors(doc) ? -1 : 0;
}

/* Ends the reading: takes the document, reports, and leaves nothing behind where it failed. */
static int finish(struct mk_json *doc, bool parsed, struct mk_workload *out) {
    int failed = -1;
    if (parsed) {
        failed = mk_workload_from_json(doc, out);
        if (failed) mk_record_free(&mk_workload_record, out);
    } else {
        memset(out, 0, sizeof *out);
    }
    if (failed) {
        struct mk_text report = {0};
        mk_json_report(doc, &report);
        fputs(report.at, stderr);
        mk_text_free(&report);
    }
    mk_json_free(doc);
    return failed;
}

int mk_workload_read(const char *path, struct mk_workload *out) {
    struct mk_json *doc;
    bool parsed = mk_json_read_file(path, MK_WORKLOAD_BYTES_MAX, &doc) == 0;
    return finish(doc, parsed, out);
}

int mk_workload_parse(const char *path, const char *text, size_t length, struct mk_workload *out) {
    struct mk_json *doc;
    bool parsed = mk_json_parse(path, text, length, &doc) == 0;
    return finish(doc, parsed, out);
}

/* ---- phases and groups, with everything filled in ----------------------------------------- */

static void inherit_u64(uint64_t *value, uint64_t from) {
    if (*value == UINT64_MAX) *value = from;
}

static void inherit_u32(uint32_t *value, uint32_t from) {
    if (*value == UINT32_MAX) *value = from;
}

static void inherit_f64(double *value, double from) {
    if (isnan(*value)) *value = from;
}

static void inherit_keys(struct mk_workload_keys *keys, const struct mk_workload_keys *from) {
    inherit_u64(&keys->count, from->count);
    inherit_u64(&keys->offset, from->offset);
    inherit_u32(&keys->distribution, from->distribution);
    inherit_f64(&keys->theta, from->theta);
    inherit_f64(&keys->hot_keys_frac, from->hot_keys_frac);
    inherit_f64(&keys->hot_ops_frac, from->hot_ops_frac);
    inherit_u32(&keys->form, from->form);
    inherit_u64(&keys->stride, from->stride);
}

static void inherit_ops(struct mk_share **ops, size_t *n, const struct mk_share *from, size_t from_n) {
    if (*n) return;
    for (size_t i = 0; i < from_n; i++) {
        struct mk_share *share = mk_grow(ops, n, sizeof *share);
        share->name = mk_need_text(from[i].name);
        share->value = from[i].value;
    }
}

static void fill_group(struct mk_workload_group *group, const struct mk_workload_phase *phase,
                       const struct mk_workload *workload) {
    inherit_keys(&group->keys, &phase->keys);
    inherit_ops(&group->ops, &group->ops_n, phase->ops, phase->ops_n);
    if (group->rate_ops == 0) group->rate_ops = workload->rate_ops;
}

static void fill_phase(struct mk_workload_phase *phase, const struct mk_workload *workload) {
    inherit_keys(&phase->keys, &workload->keys);
    inherit_ops(&phase->ops, &phase->ops_n, workload->ops, workload->ops_n);
    if (!phase->duration_ms && !phase->ops_count) {
        phase->ops_count = workload->ops_count;
        phase->duration_ms = workload->ops_count ? 0 : workload->round_ms;
    }
    bool own = phase->groups_n != 0;
    for (size_t i = 0; i < workload->groups_n && !own; i++) {
        struct mk_workload_group *group = mk_grow(&phase->groups, &phase->groups_n, sizeof *group);
        mk_record_copy(&group_record, group, &workload->groups[i]);
    }
    if (!phase->groups_n) {
        struct mk_workload_group *group = mk_grow(&phase->groups, &phase->groups_n, sizeof *group);
        mk_record_preset(&group_record, group);
        group->name = mk_need_text("all");
    }
    for (size_t i = 0; i < phase->groups_n; i++) fill_group(&phase->groups[i], phase, workload);
}

void mk_workload_phases_free(struct mk_workload_phase *phases, size_t n) {
    for (size_t i = 0; i < n; i++) mk_record_free(&mk_workload_phase_record, &phases[i]);
    free(phases);
}

int mk_workload_phases(const struct mk_workload *workload, struct mk_workload_phase **out, size_t *n,
                       struct mk_err *err) {
    int failed = 0;
    *n = workload->phases_n ? workload->phases_n : 1;
    *out = mk_need(*n, sizeof **out);
    for (size_t i = 0; i < *n; i++) {
        struct mk_workload_phase *phase = &(*out)[i];
        if (workload->phases_n) {
            mk_record_copy(&mk_workload_phase_record, phase, &workload->phases[i]);
        } else {
            mk_record_preset(&mk_workload_phase_record, phase);
            phase->name = mk_need_text("run");
        }
        fill_phase(phase, workload);
        for (size_t g = 0; g < phase->groups_n && !failed; g++) {
            const struct mk_workload_group *group = &phase->groups[g];
            if (group->ops_n || group->stall_ms || mk_workload_replayed(workload)) continue;
            failed = mk_fail(err, "missing key \"ops\": nothing says what phase \"%s\", group \"%s\", is to do",
                             phase->name, group->name);
        }
    }
    if (!failed) return 0;
    mk_workload_phases_free(*out, *n);
    *out = NULL;
    *n = 0;
    return -1;
}
