/* alloc_constructs_always - constructs a block each time it is handed out, as if that were all there is to it.
 *
 * case: constructed
 * says: times while one block is allocated and freed
 */
#define ALLOC always_constructed
#include "../planted/alloc_slab.h"

static void *ALLOC(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    void *block = slab_alloc(alloc, me, bytes, align);
    if (block && alloc->construct) alloc->construct(block, alloc->block_bytes);
    return block;
}

MK_ALLOC(alloc_constructs_always, SLAB);
