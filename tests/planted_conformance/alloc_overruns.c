/* alloc_overruns - gives out one byte more than its chunk has.
 *
 * case: crumbs
 * says: outside of what the allocator took
 */
#include "alloc_base.h"

#define CHUNK_BYTES 40000

enum { CHUNK, NEXT };

static void *greedy_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    if (bytes > 1 || align > 1) return base_alloc(alloc, me, bytes, align);
    unsigned char *chunk = alloc->room[CHUNK], *next = alloc->room[NEXT];
    if (!chunk || next > chunk + CHUNK_BYTES) {
        chunk = alloc->room[CHUNK] = next = base_alloc(alloc, me, CHUNK_BYTES, 16);
        if (!chunk) return NULL;
    }
    alloc->room[NEXT] = next + 1;
    return next;
}

static enum mk_status lazy_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                size_t align) {
    return bytes > 1 || align > 1 ? base_free(alloc, me, block, bytes, align) : MK_HIT;
}

MK_ALLOC(alloc_overruns, .summary = "planted", .caps = MK_GROWS | MK_BULK_FREE, .create = base_create,
         .destroy = base_destroy, .alloc = greedy_alloc, .free = lazy_free);
