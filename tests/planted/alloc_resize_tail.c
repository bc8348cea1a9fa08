/* alloc_resize_tail - a resize keeps whole words only.
 *
 * bug:       the last bytes are lost when a block is resized
 * finds:     blocks | reuse | no_memory | batch | threads | handover | births | footprint | alloc_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    fails
 */
#include "../planted_conformance/alloc_base.h"

static void *resize(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t old_bytes, size_t old_align,
                    size_t bytes, size_t align) {
    size_t kept = old_bytes < bytes ? old_bytes : bytes;
    void *moved = base_alloc(alloc, me, bytes, align);
    if (!moved) return NULL;
#ifdef TWIN
    memcpy(moved, block, kept);
#else
    memcpy(moved, block, kept / 8 * 8);
#endif
    base_free(alloc, me, block, old_bytes, old_align);
    return moved;
}

MK_ALLOC(alloc_resize_tail, BASE, .alloc = base_alloc, .free = base_free, .resize = resize, .count = base_count);
