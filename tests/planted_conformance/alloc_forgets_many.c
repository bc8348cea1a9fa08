/* alloc_forgets_many - knows no more than 400 blocks at a time, and refuses to free others.
 *
 * case: orders
 * says: answers refused, not hit
 */
#include "alloc_base.h"

static enum mk_status forgetful_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                     size_t align) {
    return alloc->count > 400 ? MK_REFUSED : base_free(alloc, me, block, bytes, align);
}

MK_ALLOC(alloc_forgets_many, BASE, .alloc = base_alloc, .free = forgetful_free, .count = base_count);
