/* plan.h - workload x registry x machine x options: the list of cells, in the order they run.
 *
 * Pure and deterministic: the same inputs give the same plan, and nothing is run. A plan travels to
 * workers over the wire, so it holds no pointer into the registry: implementations are named by
 * identity and looked up again there.
 */
#ifndef MK_PLAN_H
#define MK_PLAN_H

#include "record.h"
#include "workload.h"

struct mk_topo;

/* A comparison group: cells that see the same streams. */
struct mk_plan_group {
    uint32_t point;     /* index of the swept point */
    uint32_t threads;
    bool oversubscribed; /* threads > PUs */
    char *label;        /* of the point */
    uint64_t *pus;      /* by thread: OS index; UINT32_MAX = not pinned */
    size_t pus_n;
};

struct mk_cell {
    uint32_t index;
    uint32_t group;
    char *identity; /* canonical, as compose.h has it */
    bool floor;
    bool unbounded;     /* readers stand still, and nothing bounds what they keep from being freed */
    bool skipped;
    bool elsewhere;     /* belongs to another shard */
    char *reason;       /* why skipped */
    bool kept;          /* instance kept through a process: filling costs more than five rounds */
    uint64_t seed;
    double expected_ns; /* of one round with filling */
    uint64_t expected_bytes;
};

/* A trace that is replayed: which one, and what is in it (replay.h). */
struct mk_plan_trace {
    char *path; /* as the workload file has it */
    char *program, *command, *date, *clock, *machine; /* who recorded it; NULL = it does not say */
    uint64_t checksum;
    uint64_t operations, dropped, duration_ns, keys, prefilled;
    uint32_t threads;
    uint32_t lanes; /* of allocations: threads of the replay, as many as there were at one time */
    uint64_t crossing, peak_bytes, peak_blocks, left_out; /* of allocations */
    uint64_t *ops_of; /* by recorded thread: bits of the trace's operation codes */
    size_t ops_of_n;
};

/* Points as the workers need them: the workload with the sweep applied. */
struct mk_plan_point {
    struct mk_workload workload;
    char *label;
    struct mk_workload_phase *phases; /* every default filled in */
    size_t phases_n;
    struct mk_plan_trace *traces; /* one, or none: operations are drawn */
    size_t traces_n;
};

struct mk_plan {
    char *kind;
    uint64_t seed;
    uint64_t processes, rounds;
    char *pin;
    char *counters_backend;
    bool require_counters;
    uint32_t shard, shards; /* 0: the whole plan */
    uint64_t whole_digest;  /* of the plan that this one is a shard of */
    char *topology; /* hwloc synthetic string of the machine it was made for */
    struct mk_plan_point *points;
    size_t points_n;
    struct mk_plan_group *groups;
    size_t groups_n;
    struct mk_cell *cells;
    size_t cells_n;
    char **plugins;
    size_t plugins_n;
    double expected_s;      /* whole run */
    uint64_t expected_bytes; /* peak of the largest cell, streams included */
};

extern const struct mk_record mk_plan_record, mk_cell_record, mk_plan_group_record, mk_plan_trace_record;

/* What the command line adds to the file. Zero = as the file says. */
struct mk_plan_options {
    char **impls;
    size_t impls_n;
    uint64_t *threads;
    size_t threads_n;
    const char *pin;
    uint64_t processes, rounds, round_ms;
    bool seed_given;
    uint64_t seed;
    double budget_s;
    const char *counters; /* backend */
    bool require_counters;
    uint32_t shard, shards; /* I/N: 1-based; shards 0 = all */
    char **plugins;
    size_t plugins_n;
    bool other_flavour; /* run by workers of another flavour, which have no peers */
    bool stress; /* cells are to be put under stress rather than measured: no floors, nothing told beforehand */
};

/* Returns 0 and a plan in *out (freed by mk_record_free(&mk_plan_record, out)), or -1 with err set:
 * something named exactly cannot do the workload, or the machine cannot hold it. */
int mk_plan_make(const struct mk_workload *workload, const struct mk_topo *topo,
                 const struct mk_plan_options *options, struct mk_plan *out, struct mk_err *err);

/* Returns whether any group of any phase does the operation of that name. */
bool mk_plan_does(const struct mk_plan_point *point, const char *op);

/* Returns the index of the workload group that `thread` of `threads` belongs to in a phase: groups
 * take consecutive threads, fixed counts and shares first come, the rest to those that leave it open. */
uint32_t mk_plan_group_of(const struct mk_workload_phase *phase, uint32_t threads, uint32_t thread);

/* Returns how many threads a group gets, of `threads`. */
uint32_t mk_plan_group_threads(const struct mk_workload_phase *phase, uint32_t threads, uint32_t group);

/* Returns how many words a thread's stream of one phase has at most. */
size_t mk_plan_stream_words(const struct mk_workload *workload, const struct mk_workload_phase *phase, uint32_t threads);

/* Prints the plan for people. */
struct mk_text;
void mk_plan_print(const struct mk_plan *plan, struct mk_text *out);

/* Returns a digest of everything that decides what is measured (not of expectations). */
uint64_t mk_plan_digest(const struct mk_plan *plan);

/* Returns 0 and a digest of what the identities of all cells that are to run stand for in this build, so that conductor
 * and worker can tell whether they mean the same; -1 with err set where one of them is not there. */
int mk_plan_cells_digest(const struct mk_plan *plan, uint64_t *digest, struct mk_err *err);

#endif
