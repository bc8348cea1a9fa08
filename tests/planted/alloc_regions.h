/* alloc_regions.h - a region for each thread, with marks, of which alloc_*.c beside it break one thing each. */
#ifndef ALLOC_REGIONS_H
#define ALLOC_REGIONS_H

#include "../../impl/region.h"

struct own {
    struct mk_region region;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_alloc {
    struct mk_mem *parent;
    uint32_t threads_max;
    struct own of[];
};

/* What the files beside it break. */
#ifndef REGION_OF
#define REGION_OF base_region_of
#endif
#ifndef REWIND
#define REWIND mk_region_rewind
#else
static void REWIND(struct mk_region *region, struct mk_mem *parent, struct mk_mark mark);
#endif
static struct mk_region *REGION_OF(struct mk_alloc *alloc, const struct mk_thread *me);

__attribute__((unused)) static struct mk_region *base_region_of(struct mk_alloc *alloc, const struct mk_thread *me) {
    return &alloc->of[me->id].region;
}

static size_t regions_bytes(uint32_t threads_max) {
    return sizeof(struct mk_alloc) + threads_max * sizeof(struct own);
}

static void *regions_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    return mk_region_alloc(REGION_OF(alloc, me), alloc->parent, me, bytes, align);
}

static enum mk_status regions_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                  size_t align) {
    (void)align;
    mk_region_free(REGION_OF(alloc, me), block, bytes);
    return MK_HIT;
}

static void regions_reset(struct mk_alloc *alloc) {
    for (uint32_t id = 0; id < alloc->threads_max; id++) mk_region_reset(&alloc->of[id].region, alloc->parent);
}

static struct mk_mark regions_mark(struct mk_alloc *alloc, struct mk_thread *me) {
    return mk_region_mark(REGION_OF(alloc, me));
}

static void regions_rewind(struct mk_alloc *alloc, struct mk_thread *me, struct mk_mark mark) {
    REWIND(REGION_OF(alloc, me), alloc->parent, mark);
}

static void regions_destroy(struct mk_alloc *alloc) {
    for (uint32_t id = 0; id < alloc->threads_max; id++) mk_region_close(&alloc->of[id].region, alloc->parent);
    mk_mem_free(alloc->parent, NULL, alloc, regions_bytes(alloc->threads_max), MK_CACHE_LINE);
}

static int regions_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                         struct mk_err *err) {
    struct mk_alloc *alloc = mk_mem_zalloc(parent, NULL, regions_bytes(cfg->threads_max), MK_CACHE_LINE);
    if (!alloc) return mk_fail(err, "no memory for the regions");
    alloc->parent = parent;
    alloc->threads_max = cfg->threads_max;
    *out = alloc;
    return 0;
}

#define REGIONS                                                                                              \
    .summary = "planted", .caps = MK_BULK_FREE | MK_GROWS | MK_CONCURRENT | MK_CROSS_FREE,                   \
    .create = regions_create, .destroy = regions_destroy, .alloc = regions_alloc, .free = regions_free,          \
    .reset = regions_reset, .mark = regions_mark, .rewind = regions_rewind

#endif
