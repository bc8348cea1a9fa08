/* reclaim_late_birth - a node is stamped with the epoch of its birth when it is retired.
 *
 * bug:       born too late: a reader whose section is older does not seem to hold the node
 * finds:     shared | births | history | reclaim_*
 * rule:      oracle | ?san/heap-use-after-free | tsan/data-race
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define BIRTH no_birth
#define RETIRE retire_and_stamp
#endif
#include "reclaim_intervals.h"

#ifndef TWIN
static void no_birth(struct mk_reclaim *smr, struct mk_thread *me, void *node) {
    (void)smr, (void)me, (void)node;
}

static void retire_and_stamp(struct mk_reclaim *smr, struct mk_thread *me, void *node,
                             const struct mk_retire *how) {
    base_birth(smr, me, node);
    base_retire(smr, me, node, how);
}
#endif

MK_RECLAIM(reclaim_late_birth, INTERVALS);
