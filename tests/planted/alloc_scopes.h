/* alloc_scopes.h - a region for each thread, with marks, of which alloc_rewinds_*.c beside it break the rewind. */
#ifndef ALLOC_SCOPES_H
#define ALLOC_SCOPES_H

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
static void REWIND(struct mk_region *region, struct mk_mem *parent, struct mk_mark mark);

static size_t scopes_bytes(uint32_t threads_max) {
    return sizeof(struct mk_alloc) + threads_max * sizeof(struct own);
}

static void *scopes_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    return mk_region_alloc(&alloc->of[me->id].region, alloc->parent, me, bytes, align);
}

static enum mk_status scopes_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                  size_t align) {
    (void)align;
    mk_region_free(&alloc->of[me->id].region, block, bytes);
    return MK_HIT;
}

static void scopes_reset(struct mk_alloc *alloc) {
    for (uint32_t id = 0; id < alloc->threads_max; id++) mk_region_reset(&alloc->of[id].region, alloc->parent);
}

static struct mk_mark scopes_mark(struct mk_alloc *alloc, struct mk_thread *me) {
    return mk_region_mark(&alloc->of[me->id].region);
}

static void scopes_rewind(struct mk_alloc *alloc, struct mk_thread *me, struct mk_mark mark) {
    REWIND(&alloc->of[me->id].region, alloc->parent, mark);
}

static void scopes_destroy(struct mk_alloc *alloc) {
    for (uint32_t id = 0; id < alloc->threads_max; id++) mk_region_close(&alloc->of[id].region, alloc->parent);
    mk_mem_free(alloc->parent, NULL, alloc, scopes_bytes(alloc->threads_max), MK_CACHE_LINE);
}

static int scopes_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                         struct mk_err *err) {
    struct mk_alloc *alloc = mk_mem_zalloc(parent, NULL, scopes_bytes(cfg->threads_max), MK_CACHE_LINE);
    if (!alloc) return mk_fail(err, "no memory for the regions");
    alloc->parent = parent;
    alloc->threads_max = cfg->threads_max;
    *out = alloc;
    return 0;
}

#define SCOPES                                                                                              \
    .summary = "planted", .caps = MK_BULK_FREE | MK_GROWS | MK_CONCURRENT | MK_CROSS_FREE,                   \
    .create = scopes_create, .destroy = scopes_destroy, .alloc = scopes_alloc, .free = scopes_free,          \
    .reset = scopes_reset, .mark = scopes_mark, .rewind = scopes_rewind

#endif
