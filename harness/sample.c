/* sample.c - the tables of what is measured: names, units and meaning of every sample field. */
#include "sample.h"

const char *const mk_round_sort_names[] = {"timed", "latency", NULL};
const char *const mk_verdict_names[] = {"pass", "fail", "skipped", "untrustworthy", "unchecked", NULL};

/* Where a sample belongs travels over the wire; in a result it stands inside its cell instead. */
#define CELL_FIELD(STRUCT)                                                                         \
    {.name = "cell", .type = MK_FIELD_U32, .flags = MK_FIELD_INTERNAL, .offset = MK_AT(STRUCT, cell), \
     .help = "Index of the cell in the plan."}
#define U32(STRUCT, MEMBER, HELP) \
    {.name = #MEMBER, .type = MK_FIELD_U32, .offset = MK_AT(STRUCT, MEMBER), .help = HELP}
#define U64(STRUCT, MEMBER, HELP) \
    {.name = #MEMBER, .type = MK_FIELD_U64, .offset = MK_AT(STRUCT, MEMBER), .help = HELP}
#define TEXT(STRUCT, MEMBER, HELP) \
    {.name = #MEMBER, .type = MK_FIELD_TEXT, .offset = MK_AT(STRUCT, MEMBER), .help = HELP}
#define LIST(STRUCT, MEMBER, HELP) \
    {.name = #MEMBER, .type = MK_FIELD_U64_LIST, .offset = MK_LIST_AT(STRUCT, MEMBER), .help = HELP}

static const struct mk_field thread_fields[] = {
    U32(mk_thread_sample, thread, "Number of the thread in its cell, from 0."),
    U32(mk_thread_sample, group, "Index of its group in the phase."),
    {.name = "pu", .type = MK_FIELD_U32, .flags = MK_FIELD_NULLABLE, .offset = MK_AT(mk_thread_sample, pu),
     .help = "OS index of the PU it was to run on; null = anywhere."},
    {.name = "pu_end", .type = MK_FIELD_U32, .flags = MK_FIELD_NULLABLE, .offset = MK_AT(mk_thread_sample, pu_end),
     .help = "OS index of the PU it was on at the end; null = unknown."},
    {.name = "pinned", .type = MK_FIELD_BOOL, .offset = MK_AT(mk_thread_sample, pinned),
     .help = "Bound to `pu`, and the binding was read back."},
    U64(mk_thread_sample, start_skew_ns, "How long after the common start it began."),
    U64(mk_thread_sample, ops, "Operations executed between the two clock reads."),
    U64(mk_thread_sample, wall_ns, "Wall time between its two clock reads."),
    U64(mk_thread_sample, cpu_ns, "CPU time of the thread in the same stretch."),
    U64(mk_thread_sample, voluntary_switches, "Context switches because it waited."),
    U64(mk_thread_sample, involuntary_switches, "Context switches because something else was to run."),
    U64(mk_thread_sample, minor_faults, "Page faults served without reading a disk."),
    U64(mk_thread_sample, failed, "Operations that had no memory or were refused."),
    LIST(mk_thread_sample, attempted, "By operation code: how many were executed."),
    LIST(mk_thread_sample, hits, "By operation code: how many found what they looked for."),
    LIST(mk_thread_sample, slice_ops, "By slice (0.2-2 ms of the round): operations."),
    LIST(mk_thread_sample, slice_wall_ns, "By slice: wall time."),
    LIST(mk_thread_sample, slice_cpu_ns, "By slice: CPU time of the thread."),
    LIST(mk_thread_sample, slice_involuntary, "By slice: involuntary context switches."),
    LIST(mk_thread_sample, counters, "By position in the round's list of counters: what this thread counted."),
    {0},
};
const struct mk_record mk_thread_sample_record = {
    "thread_sample", sizeof(struct mk_thread_sample), thread_fields,
    "One thread in one round and phase.",
};

static const struct mk_field counter_fields[] = {
    {.name = "name", .type = MK_FIELD_TEXT, .flags = MK_FIELD_REQUIRED, .offset = MK_AT(mk_counter_sample, name),
     .help = "Logical name, as in the workload: l1d_miss, llc_miss, instructions."},
    TEXT(mk_counter_sample, event, "The native event it was resolved to."),
    TEXT(mk_counter_sample, backend, "Who counted: papi, perf, sw. Numbers of different backends do not compare."),
    {.name = "value", .type = MK_FIELD_U64, .flags = MK_FIELD_NULLABLE, .offset = MK_AT(mk_counter_sample, value),
     .help = "Sum over the threads, within the measured part; null where `unavailable`."},
    TEXT(mk_counter_sample, unavailable, "Why there is no value; absent where there is one."),
    {0},
};
const struct mk_record mk_counter_sample_record = {
    "counter_sample", sizeof(struct mk_counter_sample), counter_fields,
    "One hardware or software counter in one round: a value with its source, or the reason why not.",
};

static const struct mk_field garbage_fields[] = {
    U32(mk_garbage_sample, thread, "Number of the thread that stood still, from 0; it is the one that looked."),
    U64(mk_garbage_sample, every_ns, "How long after one look the next one came, about; 0 = it could not look."),
    LIST(mk_garbage_sample, at_ns, "By look: when, after the common start."),
    LIST(mk_garbage_sample, nodes, "By look: retired and not yet freed nodes."),
    LIST(mk_garbage_sample, bytes, "By look: bytes of those; empty = the structure does not say."),
    LIST(mk_garbage_sample, stall_begin_ns, "By stretch that it stood in its section: from when, after the common "
         "start."),
    LIST(mk_garbage_sample, stall_end_ns, "By stretch: until when."),
    {0},
};
const struct mk_record mk_garbage_sample_record = {
    "garbage_sample", sizeof(struct mk_garbage_sample), garbage_fields,
    "What waited to be freed while a reader stood still (stall_ms of the workload), in one round.",
};

static const struct mk_field round_fields[] = {
    CELL_FIELD(mk_round_sample),
    U32(mk_round_sample, process, "Number of the worker process, from 0: the unit of inference."),
    U32(mk_round_sample, round, "Number of the round in its process, from 0."),
    U32(mk_round_sample, phase, "Index into the phases of the cell's point."),
    {.name = "sort", .type = MK_FIELD_ENUM, .offset = MK_AT(mk_round_sample, sort), .names = mk_round_sort_names,
     .help = "timed: whole slices against the clock; latency: single operations, no throughput."},
    U64(mk_round_sample, instance_seed, "Seed the instance was created with."),
    U64(mk_round_sample, stream_seed, "Seed of the operation streams, the same for all cells of the group."),
    {.name = "count_before", .type = MK_FIELD_U64, .flags = MK_FIELD_NULLABLE,
     .offset = MK_AT(mk_round_sample, count_before), .help = "Elements before the round; null = unknown."},
    {.name = "count_after", .type = MK_FIELD_U64, .flags = MK_FIELD_NULLABLE,
     .offset = MK_AT(mk_round_sample, count_after), .help = "Elements after the round; null = unknown."},
    U64(mk_round_sample, distinct_keys, "Different keys in the executed streams; 0 = not worked out."),
    {.name = "expected_distinct", .type = MK_FIELD_U64, .flags = MK_FIELD_NULLABLE,
     .offset = MK_AT(mk_round_sample, expected_distinct),
     .help = "Different keys that the distribution implies for so many draws; null = not worked out."},
    LIST(mk_round_sample, expected_hits, "By operation code: hits that the script implies; empty = unknown."),
    U64(mk_round_sample, expected_count, "Elements after the round that the script implies."),
    {.name = "latency_probe_ns", .type = MK_FIELD_F64, .offset = MK_AT(mk_round_sample, latency_probe_ns),
     .help = "Latency rounds: median cost of the two clock reads around an empty batch, contained in each sample."},
    {.name = "threads", .type = MK_FIELD_RECORD_LIST, .offset = MK_LIST_AT(mk_round_sample, threads),
     .record = &mk_thread_sample_record, .help = "What each thread did."},
    {.name = "counters", .type = MK_FIELD_RECORD_LIST, .offset = MK_LIST_AT(mk_round_sample, counters),
     .record = &mk_counter_sample_record, .help = "Counters that were read in this round."},
    {.name = "peak_unreclaimed", .type = MK_FIELD_U64, .flags = MK_FIELD_NULLABLE, .preset = "null",
     .offset = MK_AT(mk_round_sample, peak_unreclaimed),
     .help = "Highest number of retired and not yet freed nodes since the instance was made, or an upper "
             "bound. null = it retires none, or does not say."},
    {.name = "peak_unreclaimed_bytes", .type = MK_FIELD_U64, .flags = MK_FIELD_NULLABLE, .preset = "null",
     .offset = MK_AT(mk_round_sample, peak_unreclaimed_bytes), .help = "Bytes of those. null = unknown."},
    {.name = "garbage", .type = MK_FIELD_RECORD_LIST, .offset = MK_LIST_AT(mk_round_sample, garbage),
     .record = &mk_garbage_sample_record, .help = "One a reader that stood still; empty where none did."},
    {0},
};
const struct mk_record mk_round_sample_record = {
    "round_sample", sizeof(struct mk_round_sample), round_fields,
    "One round of one cell in one process, one phase: nothing in it is an average.",
};

static const struct mk_field latency_fields[] = {
    CELL_FIELD(mk_latency_sample),
    U32(mk_latency_sample, process, "Number of the worker process."),
    U32(mk_latency_sample, phase, "Index into the phases of the cell's point."),
    U32(mk_latency_sample, group, "Index of the thread group in the phase."),
    TEXT(mk_latency_sample, op, "What was timed: an operation of the workload, or one of those that it is made of "
         "(a pair of kind alloc is a free and an alloc)."),
    TEXT(mk_latency_sample, time, "service: from the call; response: from the intended start (open loop)."),
    U64(mk_latency_sample, count, "Sampled operations."),
    U64(mk_latency_sample, max_ns, "The longest, exactly."),
    LIST(mk_latency_sample, bin, "Log-linear bins that are not empty, ascending: v ns lie in bin shift * 128 + "
         "(v >> shift), shift = max(0, floor(log2(v)) - 7)."),
    LIST(mk_latency_sample, bin_count, "How many samples fell into each of `bin`."),
    {0},
};
const struct mk_record mk_latency_sample_record = {
    "latency_sample", sizeof(struct mk_latency_sample), latency_fields,
    "Histogram of one operation's latency in one process, probe cost included.",
};

#define BYTES(MEMBER, HELP)                                                                     \
    {.name = #MEMBER, .type = MK_FIELD_U64, .flags = MK_FIELD_NULLABLE,                         \
     .offset = MK_AT(mk_memory_sample, MEMBER), .help = HELP " null = unknown."}
/* The same; files of before had none. */
#define COURSE(MEMBER, HELP)                                                                      \
    {.name = #MEMBER, .type = MK_FIELD_U64, .flags = MK_FIELD_NULLABLE, .preset = "null",         \
     .offset = MK_AT(mk_memory_sample, MEMBER), .help = HELP " null = unknown."}
static const struct mk_field memory_fields[] = {
    CELL_FIELD(mk_memory_sample),
    BYTES(elements_fill, "Elements after filling."),
    BYTES(requested_bytes_fill, "What the structure asked of the allocator and has not given back, after filling."),
    BYTES(structure_bytes_fill, "The same after rounding and headers of the allocator."),
    BYTES(rss_bytes_fill, "Growth of the worker's resident set since before the instance."),
    BYTES(elements_churn, "Elements after the churn: the workload's own mix."),
    BYTES(requested_bytes_churn, "As after filling."),
    BYTES(structure_bytes_churn, "As after filling."),
    BYTES(rss_bytes_churn, "As after filling."),
    BYTES(requested_bytes_drain, "After every element was removed and the instance flushed."),
    BYTES(structure_bytes_drain, "After every element was removed and the instance flushed."),
    BYTES(peak_bytes, "Highest structure_bytes at any time."),
    BYTES(minor_faults, "Page faults of the worker from before the instance to after the churn."),
    BYTES(unreclaimed, "Retired and not yet freed nodes after the churn."),
    BYTES(peak_unreclaimed, "Highest number of retired and not yet freed nodes; where readers stand still, see the "
          "rounds: none does here."),
    BYTES(peak_unreclaimed_bytes, "Bytes of those."),
    COURSE(peak_live_bytes, "Kind alloc: most bytes that were asked for and not yet freed, at any time of fill and "
           "churn."),
    COURSE(peak_rss_bytes, "Kind alloc: most that the resident set had grown by, with every page of a block "
           "written to."),
    COURSE(census_blocks, "Kind alloc: live blocks of the census, at the end of the churn, or where most were live "
           "if less than half of it is at the end."),
    COURSE(census_bytes, "Bytes that were asked for with those."),
    COURSE(census_usable_bytes, "Bytes that may be used in those."),
    COURSE(census_shared_blocks, "How many of those are on a cache line with a block of another thread."),
    LIST(mk_memory_sample, course_ops, "Kind alloc: by look, over fill and churn: operations of all threads so "
         "far."),
    LIST(mk_memory_sample, course_live_bytes, "By look: bytes that were asked for and not yet freed."),
    LIST(mk_memory_sample, course_rss_bytes, "By look: growth of the resident set."),
    COURSE(drain_live_bytes, "Kind alloc: bytes of the blocks that were kept when the others were freed "
           "(drain.keep)."),
    LIST(mk_memory_sample, drain_at_ns, "Kind alloc: by look: time since the last block was freed."),
    LIST(mk_memory_sample, drain_rss_bytes, "By look: growth of the resident set. The threads are still there, and "
         "do nothing."),
    TEXT(mk_memory_sample, allocator, "Identity of the allocator that `structure_bytes` speaks of."),
    {0},
};
const struct mk_record mk_memory_sample_record = {
    "memory_sample", sizeof(struct mk_memory_sample), memory_fields,
    "Memory of one cell, from a worker of its own that ran nothing else.",
};

static const struct mk_field check_fields[] = {
    CELL_FIELD(mk_check_sample),
    U32(mk_check_sample, process, "Number of the worker process."),
    U32(mk_check_sample, round, "Number of the round in its process."),
    {.name = "verdict", .type = MK_FIELD_ENUM, .offset = MK_AT(mk_check_sample, verdict), .names = mk_verdict_names,
     .help = "What was found; unchecked: the implementation does not offer what the check needs."},
    TEXT(mk_check_sample, check, "What was looked at."),
    TEXT(mk_check_sample, detail, "What was seen."),
    {0},
};
const struct mk_record mk_check_sample_record = {
    "check_sample", sizeof(struct mk_check_sample), check_fields,
    "One finding about one cell.",
};
