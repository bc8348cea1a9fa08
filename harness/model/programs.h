/* programs.h - from an oracle on a composition to programs that can be explored, and back to findings. */
#ifndef MK_MODEL_PROGRAMS_H
#define MK_MODEL_PROGRAMS_H

#include "explore.h"
#include "../check/check.h"
#include "../check/conform.h"

/* What the command line says of a hunt in this flavour, for all oracles. */
struct mk_model_asked {
    uint64_t schedules;      /* of one trial; 0 = by the effort */
    enum mk_memory_model memory;
    bool freeze;             /* stop threads for ever in what calls itself lock-free */
    bool no_races;           /* go on after data races */
    const char *strategy;    /* NULL = portfolio */
    bool exhaustive;
    uint32_t preemptions, stale; /* of exhaustive search */
    const volatile sig_atomic_t *stop; /* not 0: trials end early; may be NULL */
};
extern struct mk_model_asked mk_model_asked;

/* Returns the oracles of a kind in this flavour, ended by one without a name: "schedules" (operations drawn from the
 * contract), "lock_free" (of those that call themselves so, with one thread stopped for ever), "coverage", and the
 * scenarios. oracles.c lists them instead of those for native builds. The list stays. Kind "litmus" has scenarios alone, which
 * have no instance. */
const struct mk_case *mk_model_cases(const char *kind);

/* A program made of a composition and an oracle; what is random about it follows from `seed`. Its name says all that
 * is needed to make it again: "map/NAME+reclaim/NAME@8/schedules/1f". */
struct mk_made_program {
    struct mk_program program;
    void *made; /* its own */
};

/* Returns 0, or -1 with err set: no such oracle, or it says nothing about the unit. The unit outlives the program; NULL:
 * the oracle is a scenario of kind "litmus". One program is carried out at a time. */
int mk_program_make(const struct mk_conform_unit *unit, const char *oracle, uint64_t seed,
                    struct mk_made_program *out, struct mk_err *err);
/* From such a name; the unit is the program's then. */
int mk_program_make_named(const char *name, struct mk_made_program *out, struct mk_err *err);
void mk_program_free(struct mk_made_program *program);

/* Adds the operations of all schedules explored so far, and how often each outcome came up. */
void mk_program_count(const struct mk_made_program *program, struct mk_tried *tried);

/* Explores programs of one oracle, made from seeds that follow from `seed`, under so many schedules in all, as
 * mk_model_asked says. Returns whether something failed: then *out says what, and owns it. Adds to *tried:
 * operations, schedules (windows), outcomes. Cases are run so; unit NULL: as above. */
bool mk_model_try(const struct mk_conform_unit *unit, const char *oracle, uint64_t seed, uint64_t schedules,
                  struct mk_tried *tried, struct mk_finding *out);

/* Carries out the one schedule that a token names, in this process, and prints what comes of it to stdout. Returns an
 * exit status: 4 it fails (as it did), 0 it does not, 2 with a sentence on stderr: no token of this build. */
int mk_model_replay(const char *token);

#endif
