/* workload.h - a workload file as a struct: what to run, on what, for how long.
 *
 * The fields are described by one table (mk_workload_record, in workload.c), from which reading,
 * checking, `validate`, the schema and the reference page are made.
 */
#ifndef MK_WORKLOAD_H
#define MK_WORKLOAD_H

#include "impl_api.h"
#include "ops.h"
#include "record.h"

/* Which bytes of a new block a replay writes to: one in each cache line of the first page and one in each page behind
 * it; one in each cache line; the first; none. */
enum mk_replay_touch { MK_TOUCH_PAGES, MK_TOUCH_LINES, MK_TOUCH_FIRST, MK_TOUCH_NONE };
#define MK_TOUCHES (MK_TOUCH_NONE + 1)

enum mk_prefill_by { MK_BY_ALL, MK_BY_ONE };
enum mk_instance_of { MK_INSTANCE_SHARED, MK_INSTANCE_PER_THREAD };

/* In groups and phases as they were read, the largest number, or NaN, is "as around it"; what
 * mk_workload_phases returns has no such values any more. */
struct mk_workload_keys {
    uint64_t count;
    uint64_t offset;       /* first key id of this group's range */
    uint32_t distribution; /* enum mk_distribution */
    double theta;          /* zipfian, latest */
    double hot_keys_frac, hot_ops_frac;
    uint32_t form; /* enum mk_key_form */
    uint64_t stride;
};

struct mk_workload_sizes {
    uint64_t bytes;
    double weight;
};

struct mk_workload_blocks {
    uint64_t live;    /* blocks a thread keeps */
    uint64_t batch;   /* blocks that give and take hand over at a time */
    uint32_t pattern; /* enum mk_block_pattern */
    uint64_t min_bytes, max_bytes;
    uint32_t log_uniform; /* size_distribution: 0 uniform, 1 log_uniform */
    struct mk_workload_sizes *sizes; /* instead of min/max */
    size_t sizes_n;
};

struct mk_workload_prefill {
    double frac;
    uint32_t order;   /* enum mk_prefill_order */
    uint32_t by;      /* enum mk_prefill_by */
    uint64_t age_ops; /* operations of the run's own mix before the clock; MK_AGE_TWICE = 2 * count */
};
#define MK_AGE_TWICE UINT64_MAX /* null in the file */

/* What the memory worker does with the blocks of an allocator once its course is over. */
struct mk_workload_drain {
    double keep; /* share of the blocks that stays */
    uint64_t watch_ms;
};

#define MK_WORKLOAD_POINTS_MAX 4096
#define MK_WORKLOAD_BYTES_MAX (16u << 20) /* of a file */

struct mk_workload_group {
    char *name;
    uint32_t threads; /* 0 with share 0: what the others leave, split evenly among such groups */
    double share;     /* of the cell's threads */
    struct mk_share *ops; /* empty: the workload's */
    size_t ops_n;
    struct mk_workload_keys keys;
    double rate_ops;         /* a second and thread, open loop; 0 = the workload's */
    uint64_t think_ns;       /* between operations */
    uint64_t stall_ms;       /* stand still inside a read-side section that long, again and again */
    uint64_t stall_pause_ms; /* stand outside a section before each time */
    uint64_t thread_life_ops; /* a thread ends and another begins after so many */
    char *pin; /* NULL: the workload's */
};

struct mk_workload_phase {
    char *name;
    uint64_t duration_ms; /* 0: round_ms; 0 beside ops_count once filled in */
    uint64_t ops_count;   /* operations a thread instead of a duration */
    struct mk_share *ops;
    size_t ops_n;
    struct mk_workload_keys keys;
    struct mk_workload_group *groups; /* empty: the workload's; else one of all threads */
    size_t groups_n;
};

struct mk_workload_latency {
    uint64_t sample_every_ops; /* 0 = off */
};

struct mk_workload_until {
    double interval_frac; /* stop a cell whose interval is narrower; 0 = off */
    uint64_t min_processes;
};

struct mk_workload_stress {
    char **oracles; /* globs; empty: all that apply */
    size_t oracles_n;
    char **pressures; /* empty: all that can be applied */
    size_t pressures_n;
    uint64_t window_ops; /* of a thread, between two quiet moments of a history */
    double seconds;
};

struct mk_workload {
    char *schema, *name, *about, *kind;
    char **impls;
    size_t impls_n;
    char **compose; /* "reclaim/NAME", "alloc/NAME": each is combined with every implementation */
    size_t compose_n;
    uint64_t *threads; /* empty: auto */
    size_t threads_n;
    char *pin;
    char *memory; /* local, interleave, node:N */
    uint32_t instance; /* enum mk_instance_of */
    struct mk_workload_keys keys;
    struct mk_workload_blocks blocks;
    struct mk_workload_drain drain;
    uint64_t value_bytes;
    struct mk_workload_prefill prefill;
    char *trace; /* replayed in place of ops and keys; relative to the workload file; NULL = none */
    char *profile; /* a trace is made of it (allocprofile.h) and replayed; likewise */
    uint64_t events; /* of that trace, about; 0 = as many as the profile says */
    uint32_t touch; /* enum mk_replay_touch */
    struct mk_share *ops;
    size_t ops_n;
    uint64_t run_len;
    double rate_ops; /* a second and thread, open loop; 0 = closed */
    struct mk_workload_group *groups;
    size_t groups_n;
    struct mk_workload_phase *phases;
    size_t phases_n;
    uint64_t processes, rounds, round_ms, warmup_ms, ops_count, stream_ops_max;
    struct mk_workload_latency latency;
    struct mk_workload_until until;
    struct mk_workload_stress stress;
    char **counters;
    size_t counters_n;
    char *sweep;  /* raw JSON object: dotted key -> list of values; NULL = none */
    char *expect; /* raw JSON, for `claims`; kept word for word */
    uint64_t seed;
    char *text; /* the file, word for word; after --set, the workload as it then is (INTERNAL) */
    char *path; /* INTERNAL */
};

extern const struct mk_record mk_workload_record;

/* Returns the path of the trace or profile that is replayed, as the file has it, or NULL: operations are drawn. */
static inline const char *mk_workload_replayed(const struct mk_workload *workload) {
    return workload->trace ? workload->trace : workload->profile;
}

/* Reads and checks a workload file (path "-" = standard input). Returns 0, or -1 after having
 * written every error to stderr as file:line:col: error: ... . The caller frees *out with
 * mk_record_free(&mk_workload_record, out). Needs the registry (kinds and their operations). */
int mk_workload_read(const char *path, struct mk_workload *out);

/* As mk_workload_read for text in memory; `path` is what errors name. */
int mk_workload_parse(const char *path, const char *text, size_t length, struct mk_workload *out);

/* The same for a document that has been parsed: 0, or -1 with complaints added to it. *out is whole
 * either way. */
struct mk_json;
int mk_workload_from_json(struct mk_json *doc, struct mk_workload *out);

/* Applies one --set KEY=VALUE (dotted key such as keys.count or groups.writers.threads; JSON value or
 * bare word) and checks the whole again. Returns 0, or -1 with err set and *workload as before. */
int mk_workload_set(struct mk_workload *workload, const char *key, const char *value, struct mk_err *err);

/* One point of the sweep: a copy of the workload with the swept keys set (without text, sweep and
 * expect), and a label such as "keys.count=10000 value_bytes=64" ("" without a sweep). */
struct mk_workload_point {
    struct mk_workload workload;
    char *label;
};

/* Returns all points in order (at least one) in *out, count in *n; the caller frees them with
 * mk_workload_points_free. -1 with err set when a swept value is refused. */
int mk_workload_points(const struct mk_workload *workload, struct mk_workload_point **out, size_t *n,
                       struct mk_err *err);
void mk_workload_points_free(struct mk_workload_point *points, size_t n);

/* Phases with every default filled in: at least one, each with at least one group whose ops and
 * keys are set. Returns 0, or -1 with err set (nobody says what a group is to do) and *out NULL. The
 * caller frees them with mk_workload_phases_free, or each by its record where it keeps them. */
extern const struct mk_record mk_workload_phase_record;
int mk_workload_phases(const struct mk_workload *workload, struct mk_workload_phase **out, size_t *n,
                       struct mk_err *err);
void mk_workload_phases_free(struct mk_workload_phase *phases, size_t n);

#endif
