/* alloc_align_64 - aligns to 32 where 64 is asked for.
 *
 * case: blocks
 * says: no multiple of 64
 */
#include "alloc_base.h"

static void *askew_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    return base_alloc_at(alloc, me, bytes, align, align == 64 ? 32 : 0);
}

MK_ALLOC(alloc_align_64, BASE, .alloc = askew_alloc, .free = base_free, .count = base_count);
