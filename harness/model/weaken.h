/* weaken.h - carrying out an access with a weaker order than the source says, without compiling anew.
 *
 * A weakening is a rule: file, line, kind of access, from which order to which. It is applied to the sites there
 * are, and to each further one before it is first carried out. At most one is in force.
 *
 * In tokens it follows the name of the program: NAME/weaken=impl/map/NAME.c@208,rmw,release-relaxed. The line is
 * one of the access; where a numbered comment says which lines the access has, all of them are meant.
 */
#ifndef MK_MODEL_WEAKEN_H
#define MK_MODEL_WEAKEN_H

#include "census.h"

struct mk_weakening {
    char *file;
    uint32_t first, last; /* lines */
    uint8_t act;          /* enum mk_act_kind */
    bool failure;         /* of a compare-exchange that fails */
    uint8_t from, to;     /* memory_order */
};

/* Puts a weakening in force in place of the one before; NULL: none. The rule is copied. */
void mk_weaken(const struct mk_weakening *rule);

/* Takes "NAME/weaken=..." apart: the weakening is put in force, or, where there is none, taken back. Returns 0
 * and in *plain the NAME, the caller's; or -1 with err set: it is no rule. */
int mk_weaken_named(const char *name, char **plain, struct mk_err *err);

/* Returns "NAME/weaken=...", the caller's. */
char *mk_weaken_name(const char *plain, const struct mk_weakening *rule);

/* Returns the n-th order that is one step weaker, or -1 where there are no more: seq_cst -> acq_rel, or what of
 * that the access can have; acq_rel -> release, acquire; acquire, release -> relaxed. */
int mk_weaker(unsigned act, bool failure, int order, unsigned n);

/* Returns "acquire", "acq_rel" ... of a memory_order. */
const char *mk_order_name(int order);
/* Returns the memory_order of a name, or -1. */
int mk_order_of(const char *name);
/* Returns "load", "store", "rmw", "fence", or "failure" for the order of a compare-exchange that fails. */
const char *mk_act_name(unsigned act, bool failure);

#endif
