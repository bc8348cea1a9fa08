/* alloc_scopes.h - one region with marks, of which alloc_rewinds_*.c beside it break the rewind. */
#ifndef ALLOC_SCOPES_H
#define ALLOC_SCOPES_H

#include "../../impl/region.h"

struct mk_alloc {
    struct mk_region region;
    struct mk_mem *parent;
};

static void *region_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    return mk_region_alloc(&alloc->region, alloc->parent, me, bytes, align);
}

static enum mk_status region_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                  size_t align) {
    (void)me, (void)align;
    mk_region_free(&alloc->region, block, bytes);
    return MK_HIT;
}

static void region_reset(struct mk_alloc *alloc) {
    mk_region_reset(&alloc->region, alloc->parent);
}

static struct mk_mark region_mark(struct mk_alloc *alloc, struct mk_thread *me) {
    (void)me;
    return mk_region_mark(&alloc->region);
}

static void region_rewind(struct mk_alloc *alloc, struct mk_thread *me, struct mk_mark mark);

static void region_destroy(struct mk_alloc *alloc) {
    mk_region_close(&alloc->region, alloc->parent);
    mk_mem_free(alloc->parent, NULL, alloc, sizeof *alloc, _Alignof(struct mk_alloc));
}

static int region_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                         struct mk_err *err) {
    (void)cfg;
    struct mk_alloc *alloc = mk_mem_zalloc(parent, NULL, sizeof *alloc, _Alignof(struct mk_alloc));
    if (!alloc) return mk_fail(err, "no memory for the region");
    alloc->parent = parent;
    *out = alloc;
    return 0;
}

#define SCOPES                                                                                              \
    .summary = "planted", .caps = MK_BULK_FREE | MK_GROWS, .create = region_create, .destroy = region_destroy, \
    .alloc = region_alloc, .free = region_free, .reset = region_reset, .mark = region_mark, .rewind = region_rewind

#endif
