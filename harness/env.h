/* env.h - what the machine is and does around a measurement, and which of it spoils one.
 *
 * Facts come from /proc and /sys below a root folder (so that tests can have a machine of their own).
 * A file that is not there is a fact without a value, never an error and never 0.
 */
#ifndef MK_ENV_H
#define MK_ENV_H

#include "../impl/mk.h"
#include "record.h"

struct mk_env_fact {
    char *name;
    char *value;   /* NULL = unknown here */
    char *unit;    /* value is a decimal number in this unit; NULL = value is words */
    char *warning; /* how it spoils a measurement; NULL = it does not */
    char *remedy;  /* what to do about that; NULL without a warning */
};

struct mk_env {
    struct mk_env_fact *facts;
    size_t facts_n;
};
extern const struct mk_record mk_env_fact_record, mk_env_record;

/* What is going to be measured: decides what is worth a warning. */
struct mk_env_ask {
    const char *root; /* "" for this machine; else a folder that holds proc/ and sys/ */
    uint32_t threads; /* most threads that run at once without meaning to share PUs */
    bool counters;    /* hardware counters were asked for */
    bool allocators;  /* allocators are being compared */
};

/* Appends all facts to *env (zeroed or filled before). The caller frees it with
 * mk_record_free(&mk_env_record, env). Main thread. */
void mk_env_read(const struct mk_env_ask *ask, struct mk_env *env);

/* Returns the fact of that name, or NULL. */
const struct mk_env_fact *mk_env_find(const struct mk_env *env, const char *name);

/* Readings before a run that only mean something as differences. NaN = unknown. */
struct mk_env_span {
    double uptime_s, steal_ticks, all_ticks, psi_us, throttled_count, thermal_count, load1;
};

/* Take the readings; then append what happened since (steal, CPU pressure, throttling, load) to *env. */
void mk_env_begin(const struct mk_env_ask *ask, struct mk_env_span *span);
void mk_env_end(const struct mk_env_ask *ask, const struct mk_env_span *span, struct mk_env *env);

/* Which CPU, for tables by generation. */
struct mk_env_cpu {
    char vendor[16]; /* "intel", "amd", "arm", or "" */
    uint32_t family, model, stepping; /* arm: model is the part number */
};
void mk_env_cpu(const char *root, struct mk_env_cpu *cpu);

/* Whether this is a virtual machine, and a container; as far as can be seen. */
bool mk_env_is_virtual(const char *root);
bool mk_env_is_container(const char *root);

/* Returns a whole number that is all a file below root holds, or `otherwise`. */
long mk_env_number(const char *root, const char *path, long otherwise);

#endif
