/* alloc_oom_leaks - keeps the record of a block that the parent then refuses.
 *
 * case: no_memory
 * says: never given back
 */
#include "alloc_base.h"

static void *leaky_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    void *record = mk_mem_alloc(alloc->parent, me, 40, 8);
    void *block = record ? base_alloc(alloc, me, bytes, align) : NULL;
    if (!block) return NULL;
    mk_mem_free(alloc->parent, me, record, 40, 8);
    return block;
}

MK_ALLOC(alloc_oom_leaks, BASE, .alloc = leaky_alloc, .free = base_free, .count = base_count);
