/* alloc_shares_region - every second thread bumps the same pointer.
 *
 * bug:       what is to be a thread's own is not: two take from one chunk without a lock, and get one block
 * finds:     threads | handover | births | footprint | alloc_*
 * rule:      tsan/data-race | oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#include "../../impl/region.h"

struct own {
    struct mk_region region;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_alloc {
    struct mk_mem *parent;
    uint32_t threads_max;
    struct own of[];
};

static size_t regions_bytes(uint32_t threads_max) {
    return sizeof(struct mk_alloc) + threads_max * sizeof(struct own);
}

static struct mk_region *region_of(struct mk_alloc *alloc, const struct mk_thread *me) {
#ifdef TWIN
    return &alloc->of[me->id].region;
#else
    return &alloc->of[me->id / 2].region;
#endif
}

static void *regions_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    return mk_region_alloc(region_of(alloc, me), alloc->parent, me, bytes, align);
}

static enum mk_status regions_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                   size_t align) {
    (void)align;
    mk_region_free(region_of(alloc, me), block, bytes);
    return MK_HIT;
}

static void regions_reset(struct mk_alloc *alloc) {
    for (uint32_t id = 0; id < alloc->threads_max; id++) mk_region_reset(&alloc->of[id].region, alloc->parent);
}

static void regions_destroy(struct mk_alloc *alloc) {
    for (uint32_t id = 0; id < alloc->threads_max; id++) mk_region_close(&alloc->of[id].region, alloc->parent);
    mk_mem_free(alloc->parent, NULL, alloc, regions_bytes(alloc->threads_max), _Alignof(struct mk_alloc));
}

static int regions_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                          struct mk_err *err) {
    struct mk_alloc *alloc = mk_mem_zalloc(parent, NULL, regions_bytes(cfg->threads_max), _Alignof(struct mk_alloc));
    if (!alloc) return mk_fail(err, "no memory for the regions of %u threads", cfg->threads_max);
    alloc->parent = parent;
    alloc->threads_max = cfg->threads_max;
    *out = alloc;
    return 0;
}

MK_ALLOC(alloc_shares_region, .summary = "planted", .caps = MK_BULK_FREE | MK_GROWS | MK_CONCURRENT | MK_CROSS_FREE,
         .create = regions_create, .destroy = regions_destroy, .alloc = regions_alloc, .free = regions_free,
         .reset = regions_reset);
