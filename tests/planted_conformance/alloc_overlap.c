/* alloc_overlap - packs blocks of 3 bytes two bytes apart.
 *
 * case: blocks
 * says: overlaps the live block
 */
#include "alloc_base.h"

/* A pair of them in one block of the parent's: the second one starts before the first one ends. */
static void *packing_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    if (bytes != 3 || align > 2) return base_alloc(alloc, me, bytes, align);
    if (!alloc->room[0]) return alloc->room[0] = base_alloc(alloc, me, 6, align);
    void *second = (unsigned char *)alloc->room[0] + 2;
    alloc->room[0] = NULL;
    return second;
}

MK_ALLOC(alloc_overlap, BASE, .alloc = packing_alloc, .free = base_free, .count = base_count);
