/* alloc_align_64 - asks its parent for an alignment of 32 at most.
 *
 * bug:       a block for which 64 was asked lies at a multiple of 32
 * finds:     blocks | orders | reuse | no_memory | refusals | threads | handover | births | footprint | alloc_*
 * rule:      oracle
 * says:      no multiple of
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define ALIGN(align) ((align) < 32 ? (align) : 32)
#endif
#include "alloc_pool.h"

MK_ALLOC(alloc_align_64, POOL);
