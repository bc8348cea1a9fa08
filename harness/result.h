/* result.h - a result file (memkit.result/1): what was run, where, and every sample of it. Statistics
 * are made from it by whoever reads it; the only thing worked out here is the verdict of each cell.
 *
 * The conductor builds one so: mk_result_begin, then any number of mk_result_add_* as frames arrive,
 * mk_result_close, mk_result_write. One thread.
 */
#ifndef MK_RESULT_H
#define MK_RESULT_H

#include "env.h"
#include "plan.h"
#include "sample.h"
#include "topo.h"
#include "verdict.h"

#define MK_RESULT_SCHEMA "memkit.result/1"

struct mk_warning {
    char *about;  /* what it concerns: an environment fact, a cell's identity, "workload" */
    char *text;   /* one sentence */
    char *remedy; /* what to do about it; NULL where there is nothing */
};

/* Which plan, and which part of it. */
struct mk_result_plan {
    uint64_t digest; /* of the whole plan, before it was split: shards of one plan share it */
    char *kind, *pin;
    uint64_t processes, rounds;
    uint32_t shards;         /* into how many the plan was split; 1 = it was not */
    uint64_t *shards_here;   /* which of them, 1-based, are in this result */
    size_t shards_here_n;
    double expected_s;
};

struct mk_result_context {
    char *version, *commit;
    bool dirty;
    char *compiler, *flags, *flavour;
    char *untrustworthy; /* why timings of this build mean nothing; NULL = they may be trusted */
    char *hwloc_version, *papi_version, *cjson_version;
    uint64_t seed;
    char **argv;
    size_t argv_n;
    char *start_utc, *end_utc; /* 2026-11-21T08:30:00Z */
    char *machine_text;        /* one line for people: model, cores, PUs */
    struct mk_topo_machine machine;
    struct mk_env environment;
};

/* Who counted, and why not. */
struct mk_result_counters {
    char *asked;  /* backend as asked for: auto, papi, perf, sw, none */
    char *reason; /* why some logical counter has no value; NULL = all have */
    char *remedy;
};

struct mk_result_phase {
    char *name; /* "" where the workload has no phases */
    bool paced; /* operations begin on schedule (a rate, pauses): CPU time is mostly not theirs */
};

struct mk_result_point {
    char *label;
    uint64_t value_bytes;
    bool fresh; /* prefilled and never aged: flatters what chases pointers */
    struct mk_result_phase *phases; /* samples name them by index */
    size_t phases_n;
    struct mk_plan_trace *traces; /* one, or none */
    size_t traces_n;
};

struct mk_result_cell {
    uint32_t index; /* in the plan; samples name it so */
    uint32_t group; /* index into groups */
    char *identity, *label; /* label: of the point */
    uint64_t value_bytes;
    uint32_t threads;
    bool floor, oversubscribed, kept;
    bool unbounded; /* nothing bounds what its stalled readers keep from being freed */
    bool elsewhere; /* belongs to a shard that is not in this result */
    bool enough;    /* `until` was reached before all processes had run */
    char *skipped; /* why it was not run; NULL = it was */
    uint64_t seed;
    struct mk_round_sample *rounds;
    size_t rounds_n;
    struct mk_latency_sample *latencies;
    size_t latencies_n;
    struct mk_memory_sample *memory;
    size_t memory_n;
    struct mk_check_sample *checks;
    size_t checks_n;
    uint32_t verdict; /* enum mk_verdict */
    struct mk_reason *reasons; /* worst first */
    size_t reasons_n;
};

/* Named so because struct mk_result is the outcome of one operation (impl/mk.h). */
struct mk_result_file {
    char *schema;
    bool complete; /* false: ended by a signal; what is there is valid */
    char *workload; /* the file, word for word */
    struct mk_result_plan plan;
    struct mk_result_context context;
    struct mk_result_context *joined; /* contexts of further shards, where it was merged */
    size_t joined_n;
    struct mk_warning *warnings;
    size_t warnings_n;
    struct mk_result_counters counters;
    char **ops; /* by operation code: its name; "" where the kind has none */
    size_t ops_n;
    struct mk_result_point *points;
    size_t points_n;
    struct mk_plan_group *groups;
    size_t groups_n;
    struct mk_result_cell *cells;
    size_t cells_n;
};

extern const struct mk_record mk_warning_record, mk_result_context_record, mk_result_record;

/* Fills in what ran it: this build, the seed, the command line, the time. */
void mk_context_begin(struct mk_result_context *context, uint64_t seed, int argc, char *const *argv);

/* The workers were another build than this program: of `flavour`, and why its timings mean nothing. */
void mk_context_workers(struct mk_result_context *context, const char *flavour);

/* The machine in numbers (copied) and in one line. */
void mk_context_machine(struct mk_result_context *context, const struct mk_topo_machine *machine, const char *text);

/* It has ended now. */
void mk_context_end(struct mk_result_context *context);

/* Begins a result for a plan: workload, points, groups, cells, build, seed and start time are filled
 * in, all of it copied. workload_text is the file word for word. */
void mk_result_begin(struct mk_result_file *result, const struct mk_plan *plan, const char *workload_text, int argc,
                     char *const *argv);

/* Takes over what *env owns (zeroed then); its facts that spoil something become warnings. */
void mk_result_environment(struct mk_result_file *result, struct mk_env *env);

/* Why counters have no value, and what to do; once, for people. reason NULL = all there. */
void mk_result_counters_note(struct mk_result_file *result, const char *asked, const char *reason,
                             const char *remedy);

/* One warning; texts are copied, remedy may be NULL. The same text about the same thing is kept once. */
void mk_result_warn(struct mk_result_file *result, const char *about, const char *text, const char *remedy);

/* Sorts one sample into its cell and takes over what it owns (*sample is zeroed). Returns 0, or -1
 * with err set and nothing taken: no such cell or phase. */
int mk_result_add_round(struct mk_result_file *result, struct mk_round_sample *sample, struct mk_err *err);
int mk_result_add_latency(struct mk_result_file *result, struct mk_latency_sample *sample, struct mk_err *err);
int mk_result_add_memory(struct mk_result_file *result, struct mk_memory_sample *sample, struct mk_err *err);
int mk_result_add_check(struct mk_result_file *result, struct mk_check_sample *sample, struct mk_err *err);

/* A cell that `until` ended early: fewer processes are no fault of it. */
void mk_result_enough(struct mk_result_file *result, uint32_t cell);

/* Ends the run: end time, verdicts of all cells. complete = no signal ended it. May be repeated. */
void mk_result_close(struct mk_result_file *result, bool complete);

/* Works out every cell's verdict from the samples anew. */
void mk_result_judge(struct mk_result_file *result);

/* Writes it whole (temporary file, then rename); path "-" is standard output. Returns 0, or -1 with
 * err set. */
int mk_result_write(const struct mk_result_file *result, const char *path, struct mk_err *err);

/* Fills *result from a parsed document and checks what the tables cannot say. Returns 0, or -1 with the
 * document's complaints; to be freed by mk_result_free either way. */
struct mk_json;
int mk_result_from_json(struct mk_json *doc, struct mk_result_file *result);

/* Reads a result file ("-" = standard input). Returns 0, or -1 after having written every error to
 * stderr as file:line:col: error: ... . Freed by mk_result_free. */
int mk_result_read(const char *path, struct mk_result_file *result);

/* Joins two results with different shards of one plan: moves everything of *from into *into. Returns
 * 0, or -1 with err set and both untouched: other plans, other builds, or a shard that is in both. */
int mk_result_join(struct mk_result_file *into, struct mk_result_file *from, struct mk_err *err);

void mk_result_free(struct mk_result_file *result);

#endif
