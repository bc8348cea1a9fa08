/* workload_check.h - what a table cannot say about a workload. Only for workload*.c. */
#ifndef MK_WORKLOAD_CHECK_H
#define MK_WORKLOAD_CHECK_H

#include "json.h"
#include "workload.h"

/* Where complaints about a swept key go, whose value stands in the sweep and not at its place. */
struct mk_workload_place {
    const char *key; /* dotted */
    uint32_t node;
};

/* Complains about whatever does not fit together. `root` is the workload's object in doc; where the
 * workload was changed since it was read it is MK_JSON_NONE, and `places` (n of them, may be 0) say
 * what was changed from where. Sections that were complained about before are passed over. */
void mk_workload_check(struct mk_json *doc, uint32_t root, const struct mk_workload *workload,
                       const struct mk_workload_place *places, size_t n);

/* Complains about the sweep at `node` (MK_JSON_NONE: none) of a workload: keys that do not exist, values
 * that are refused at their place, and, where the workload is fine so far, points that do not fit. */
void mk_workload_check_sweep(struct mk_json *doc, uint32_t node, const struct mk_workload *workload);

#endif
