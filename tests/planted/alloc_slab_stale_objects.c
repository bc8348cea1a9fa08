/* alloc_slab_stale_objects - blocks that a reset has freed pass for constructed ones.
 *
 * bug:       what was live is handed out as its user has left it
 * finds:     constructed
 * rule:      oracle
 * says:      not as it was constructed
 * flavours:  release debug asan tsan
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define CLEAR clear_bits
#endif
#include "alloc_slab.h"

#ifndef TWIN
static void clear_bits(struct slab *slab) {
    slab->free = UINT64_MAX >> (64 - SLAB_BLOCKS);
}
#endif

MK_ALLOC(alloc_slab_stale_objects, SLAB);
