/* alloc_dirty_zalloc - zeroes whole words, and leaves the bytes behind the last one.
 *
 * case: blocks
 * says: zeroed block
 */
#include "alloc_base.h"

static void *hasty_zalloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    void *at = base_alloc(alloc, me, bytes, align);
    if (at) memset(at, 0, bytes / 8 * 8);
    return at;
}

MK_ALLOC(alloc_dirty_zalloc, BASE, .alloc = base_alloc, .zalloc = hasty_zalloc, .free = base_free,
         .count = base_count);
