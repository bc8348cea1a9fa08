/* alloc_forgets_resize - a resize changes no count of bytes: as where an allocator's default one, which allocates and
 * frees behind the counting one's back, is taken.
 *
 * bug:       live bytes are those of before the resizes
 * finds:     blocks | orders | no_memory | threads | handover | births | footprint | alloc_*
 * rule:      oracle
 * says:      bytes are live, not
 * flavours:  release debug
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define RESIZED resized_uncounted
#endif
#include "alloc_counting.h"

#ifndef TWIN
static int64_t resized_uncounted(size_t old_bytes, size_t bytes) {
    (void)old_bytes, (void)bytes;
    return 0;
}
#endif

MK_ALLOC(alloc_forgets_resize, COUNTING);
