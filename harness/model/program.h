/* program.h - what the files that make programs share: one instance at work inside a schedule, and what every made
 * program knows of itself.
 *
 * All that instrumented code is handed (threads, slots, actors, shared words) lies in static memory, at the same
 * address in every schedule and process. What is random about a program is drawn when it is made; a schedule draws
 * nothing.
 */
#ifndef MK_MODEL_PROGRAM_H
#define MK_MODEL_PROGRAM_H

#include "programs.h"
#include "../../impl/alloc.h"
#include "../../impl/scenario.h"

#define MK_STAGE_THREADS (MK_RT_THREADS - 1) /* bodies of a program */
#define MK_STAGE_SLOTS 32                    /* blocks of one thread */

/* What an instance is made like. Ids of threads: 0 .. threads - 1 are those of bodies; `threads` is for whoever
 * works alone, before and after. */
struct mk_stage_plan {
    const struct mk_conform_unit *unit;
    uint32_t threads;
    uint32_t slots; /* kind alloc: blocks of each thread */
    uint64_t capacity, seed;
    size_t object_bytes, object_align; /* of fixed-size allocators */
    void (*construct)(void *block, size_t bytes);
    bool refused_early; /* memory is refused, where it is at all, while the instance is made, too */
};

struct mk_stage {
    const struct mk_stage_plan *plan;
    const struct mk_impl *impl;
    struct mk_memory *memory;
    void *self;    /* the instance; NULL: memory for it was refused, or the schedule has none */
    bool refusals; /* MK_NO_MEMORY may be answered */
    size_t live;   /* blocks before there was anything */
    bool in[MK_STAGE_THREADS + 1]; /* registered with the instance */
    struct mk_thread me[MK_STAGE_THREADS + 1];
    struct mk_blocks blocks[MK_STAGE_THREADS + 1];
    struct mk_block slot[MK_STAGE_THREADS + 1][MK_STAGE_SLOTS];
};

/* The instance of the schedule at work. */
extern struct mk_stage mk_stage;

/* By thread 0, in begin: makes the memory and the instance; all threads are registered with the memory, none with
 * the instance. What an earlier schedule left, because it failed, is forgotten. Returns whether there is an
 * instance. */
bool mk_stage_open(const struct mk_stage_plan *plan);

/* Registers a thread with the instance. Returns it, or NULL where memory for that was refused. Any thread. */
struct mk_thread *mk_stage_enter(uint32_t id);
void mk_stage_leave(uint32_t id);

/* By thread 0, in end: no more memory is refused, so that what is there can be looked at. */
void mk_stage_calm(void);

/* By thread 0: has the instance and its memory give back what they can; nothing retired may be left. */
void mk_stage_flush(struct mk_thread *me);

/* By thread 0: all leave, the instance and its memory are destroyed; a block that is left is a failure. */
void mk_stage_close(void);

/* Fails the schedule with what an oracle says; takes detail and picture over (NULL: none). */
void mk_stage_fail(char *detail, char *picture, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));

/* What every made program begins with. */
struct mk_made {
    struct mk_stage_plan plan;
    char *name;
    struct mk_conform_unit *owned; /* made from a name alone; else NULL */
    const struct mk_scenario *scenario; /* NULL: of none */
    /* Of all schedules that were explored: others (mk_rt.aside) are not counted. */
    uint64_t ops;
    uint64_t count[MK_SCENARIO_OUTCOMES_MAX];
};

/* Each returns a program in *out, whose name is not filled in yet, or -1 with err set. `unit` outlives it. */
int mk_program_of_ops(const struct mk_conform_unit *unit, uint64_t seed, bool lock_free, struct mk_program *out,
                      struct mk_err *err);
int mk_program_of_blocks(const struct mk_conform_unit *unit, uint64_t seed, struct mk_program *out,
                         struct mk_err *err);
/* unit NULL: a scenario without an instance. */
int mk_program_of_scenario(const struct mk_conform_unit *unit, const struct mk_scenario *scenario, uint64_t seed,
                           struct mk_program *out, struct mk_err *err);

/* Returns why no program can be made in which all that threads do calls itself lock-free; or NULL. */
const char *mk_program_not_lock_free(const struct mk_conform_unit *unit);

/* Returns whether threads of the kind share blocks, and nothing a history could tell of. */
bool mk_program_has_blocks(const struct mk_impl *impl);

/* Names of the oracles that draw their operations. */
#define MK_ORACLE_SCHEDULES "schedules"
#define MK_ORACLE_LOCK_FREE "lock_free"
#define MK_ORACLE_COVERAGE "coverage"

#endif
