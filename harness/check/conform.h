/* conform.h - conformance, made from the registry: every composition of a kind against every case of the
 * kind's model. Returns findings and asserts nothing, so that tests and stress runs share it.
 */
#ifndef MK_CONFORM_H
#define MK_CONFORM_H

#include "check.h"

/* Something to be put to the test. */
struct mk_conform_unit {
    struct mk_composition composition;
    char *label;    /* its identity, "@64" behind it where values have a size */
    uint64_t caps;  /* of the whole: what it and all its parts can do */
    bool colliding; /* made of a part for tests only */
};

struct mk_conform_config {
    uint64_t seed;
    uint32_t threads;        /* of concurrent cases, 2 at least; 0 = 4 */
    uint32_t effort_percent; /* scales the numbers of operations; 0 = 100 */
    const struct mk_pressure *pressure; /* NULL = calm */
    const struct mk_shape *shape;       /* NULL = as cases like */
    struct mk_tried *tried;             /* filled in; NULL = not asked for */
};

/* Fills *list with all compositions of a kind: every registered unit, and with default parts every declared
 * variant; structures on every allocator; wrappers around every allocator. Ordered as the registry is.
 * Returns 0, or -1 with err set. The list is the caller's. */
int mk_conform_list(const char *kind, struct mk_conform_unit **list, size_t *n, struct mk_err *err);
void mk_conform_list_free(struct mk_conform_unit *list, size_t n);

/* Makes a unit of one composition, which it takes over (zeroed then). */
void mk_conform_unit_make(struct mk_conform_unit *unit, struct mk_composition *composition);

/* Returns the cases of a kind, ended by one without a name, or NULL where it has no model. */
const struct mk_case *mk_conform_cases(const char *kind);

/* Returns why the case says nothing about the unit, or NULL. */
const char *mk_conform_skips(const struct mk_conform_unit *unit, const struct mk_case *which);

/* The same under a pressure. */
const char *mk_conform_skips_under(const struct mk_conform_unit *unit, const struct mk_case *which,
                                   const struct mk_pressure *pressure);

/* Runs one case and appends what it finds. Returns how many findings there were, those not appended
 * included. What the case does follows from the seed, the label and its name. */
size_t mk_conform_run(const struct mk_conform_unit *unit, const struct mk_case *which,
                      const struct mk_conform_config *config, struct mk_findings *findings);

#endif
