/* alloc_double_free - does not look whether a block that is freed is live.
 *
 * bug:       a double free is accepted
 * finds:     refusals | alloc_two_free_one | alloc_wrong_frees
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define TAKE_BACK take_back_anything
#endif
#include "alloc_pool.h"

#ifndef TWIN
static bool take_back_anything(struct mk_alloc *alloc, uint32_t index) {
    (void)alloc, (void)index;
    return true;
}
#endif

MK_ALLOC(alloc_double_free, POOL);
