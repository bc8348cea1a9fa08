/* alloc_resize_tail - a resize keeps all but the last byte.
 *
 * case: blocks
 * says: after it was resized
 */
#include "alloc_base.h"

static void *cutting_resize(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t old_bytes,
                            size_t old_align, size_t bytes, size_t align) {
    void *moved = base_alloc(alloc, me, bytes, align);
    if (!moved) return NULL;
    memcpy(moved, block, (old_bytes < bytes ? old_bytes : bytes) - 1);
    base_free(alloc, me, block, old_bytes, old_align);
    return moved;
}

MK_ALLOC(alloc_resize_tail, BASE, .alloc = base_alloc, .free = base_free, .resize = cutting_resize,
         .count = base_count);
