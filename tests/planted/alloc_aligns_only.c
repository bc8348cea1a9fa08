/* alloc_aligns_only - begins every block at a line, and leaves the rest of its last line to the parent, who may give
 * it to others.
 *
 * bug:       sizes are not rounded up: blocks share lines although they are aligned
 * finds:     blocks | orders | crumbs | reuse | no_memory
 * rule:      oracle
 * says:      with the rest of its last line
 * flavours:  release debug
 * pressure:  any
 * single:    fails
 */
#include "../../impl/alloc.h"

struct mk_alloc {
    struct mk_mem *parent;
};

#ifdef TWIN
#define ROOM(bytes) (((bytes) + MK_CACHE_LINE - 1) & -(size_t)MK_CACHE_LINE)
#else
#define ROOM(bytes) (bytes)
#endif

static size_t line_align(size_t align) {
    return align > MK_CACHE_LINE ? align : MK_CACHE_LINE;
}

static void *lines_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    return mk_mem_alloc(alloc->parent, me, ROOM(bytes), line_align(align));
}

static enum mk_status lines_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                 size_t align) {
    mk_mem_free(alloc->parent, me, block, ROOM(bytes), line_align(align));
    return MK_HIT;
}

static int lines_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                        struct mk_err *err) {
    (void)cfg;
    struct mk_alloc *alloc = mk_mem_alloc(parent, NULL, sizeof *alloc, 8);
    if (!alloc) return mk_fail(err, "no memory for the wrapper");
    alloc->parent = parent;
    *out = alloc;
    return 0;
}

static void lines_destroy(struct mk_alloc *alloc) {
    mk_mem_free(alloc->parent, NULL, alloc, sizeof *alloc, 8);
}

static size_t lines_stats(struct mk_alloc *alloc, struct mk_stat *out, size_t room) {
    (void)alloc;
    if (room) out[0] = (struct mk_stat){"line_bytes", MK_CACHE_LINE};
    return 1;
}

MK_ALLOC(alloc_aligns_only, .summary = "planted", .caps = MK_WRAPPER | MK_CONCURRENT | MK_CROSS_FREE | MK_GROWS,
         .create = lines_create, .destroy = lines_destroy, .alloc = lines_alloc, .free = lines_free,
         .stats = lines_stats);
