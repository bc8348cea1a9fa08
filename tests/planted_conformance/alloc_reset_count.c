/* alloc_reset_count - a reset drops all blocks and goes on counting them.
 *
 * case: reset
 * says: counts
 */
#include "alloc_base.h"

static void careless_reset(struct mk_alloc *alloc) {
    uint64_t count = alloc->count;
    base_reset(alloc);
    alloc->count = count;
}

MK_ALLOC(alloc_reset_count, BASE, .alloc = base_alloc, .free = base_free, .reset = careless_reset,
         .count = base_count);
