/* needs: libmimalloc.so.2 | libmimalloc2.0 */
/* alloc/mimalloc - mimalloc, loaded beside the C library's malloc: a peer.
 *
 * Source:     mimalloc (Daan Leijen), as it is packaged; its own settings, so MIMALLOC_... variables count.
 * Picture:    heap of a thread [ class -> pages ]   page [ free, local free, freed by other threads ]
 * Parts:      none.
 * Progress:   the library's: lists of a page; no lock but for segments.
 * Ordering:   the library's: a free happens-before the alloc that hands out the same block.
 * Memory:     4 classes a doubling, no header. It maps its memory itself: structure bytes are unknown, rss tells.
 * Limits:     all instances are one heap of the process, and destroy cannot find live blocks and leaves them. That
 *             a block lies in the library's own region, and one of the C library's does not, proves that it is the
 *             library that allocates. Its free ignores the size. Of 2.0.9, mi_malloc_aligned now and then misses
 *             alignments of 256 to 1024, and mi_realloc_aligned any that the block did not have before: neither is
 *             called. Double and foreign frees are as undefined as the library's.
 */
#include "dl.h"

struct mk_alloc {
    void *(*malloc)(size_t bytes);
    void (*free)(void *block);
    void *(*malloc_aligned_at)(size_t bytes, size_t align, size_t offset);
    void *(*zalloc)(size_t bytes);
    void *(*zalloc_aligned)(size_t bytes, size_t align);
    void *(*realloc)(void *block, size_t bytes);
    size_t (*usable_size)(const void *block);
    bool (*is_in_heap_region)(const void *block);
    void (*collect)(bool force);
};

static const struct dl_call mi_calls[] = {DL_CALL("mi_malloc", malloc),
                                          DL_CALL("mi_free", free),
                                          DL_CALL("mi_malloc_aligned_at", malloc_aligned_at),
                                          DL_CALL("mi_zalloc", zalloc),
                                          DL_CALL("mi_zalloc_aligned", zalloc_aligned),
                                          DL_CALL("mi_realloc", realloc),
                                          DL_CALL("mi_usable_size", usable_size),
                                          DL_CALL("mi_is_in_heap_region", is_in_heap_region),
                                          DL_CALL("mi_collect", collect),
                                          {NULL, 0}};

/* The instance itself is of another allocator. */
static bool mi_is_live(struct mk_alloc *mi) {
    void *block = mi->malloc(64);
    bool live = block && mi->is_in_heap_region(block) && !mi->is_in_heap_region(mi);
    mi->free(block);
    return live;
}

static void mi_destroy(struct mk_alloc *mi) {
    free(mi);
}

static int mi_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                     struct mk_err *err) {
    struct mk_alloc *mi = dl_make(sizeof *mi, "libmimalloc.so.2", mi_calls, err);
    (void)parent, (void)cfg;
    if (!mi) return -1;
    if (!mi_is_live(mi)) {
        mi_destroy(mi);
        return mk_fail(err, "libmimalloc.so.2 is loaded, but does not know its own blocks");
    }
    *out = mi;
    return 0;
}

/* LIN alloc: inside the library. */
static inline void *mi_alloc(struct mk_alloc *mi, struct mk_thread *me, size_t bytes, size_t align) {
    (void)me;
    return MK_LIKELY(dl_is_natural(bytes, align)) ? mi->malloc(bytes) : mi->malloc_aligned_at(bytes, align, 0);
}

static inline void *mi_zalloc(struct mk_alloc *mi, struct mk_thread *me, size_t bytes, size_t align) {
    (void)me;
    return MK_LIKELY(dl_is_natural(bytes, align)) ? mi->zalloc(bytes) : mi->zalloc_aligned(bytes, align);
}

/* LIN free: inside the library. */
static inline enum mk_status mi_free(struct mk_alloc *mi, struct mk_thread *me, void *block, size_t bytes,
                                     size_t align) {
    (void)me, (void)bytes, (void)align;
    mi->free(block);
    return MK_HIT;
}

static inline void *mi_resize(struct mk_alloc *mi, struct mk_thread *me, void *block, size_t old_bytes,
                              size_t old_align, size_t bytes, size_t align) {
    if (MK_LIKELY(dl_is_natural(bytes, align))) return mi->realloc(block, bytes);
    if (dl_fits(block, mi->usable_size(block), bytes, align)) return block;
    void *moved = mi_alloc(mi, me, bytes, align);
    if (!moved) return NULL;
    memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
    mi_free(mi, me, block, old_bytes, old_align);
    return moved;
}

static size_t mi_usable(struct mk_alloc *mi, void *block, size_t bytes) {
    (void)bytes;
    return mi->usable_size(block);
}

static void mi_flush(struct mk_alloc *mi, struct mk_thread *me) {
    (void)me;
    mi->collect(true);
}

MK_ALLOC(mimalloc, .summary = "peer: mimalloc, loaded beside the C library's",
         .caps = MK_CONCURRENT | MK_GROWS | MK_CROSS_FREE, .progress = {.alloc = MK_BLOCKING, .free = MK_BLOCKING},
         .create = mi_create, .destroy = mi_destroy, .flush = mi_flush, .alloc = mi_alloc, .zalloc = mi_zalloc,
         .free = mi_free, .resize = mi_resize, .usable = mi_usable, .footprint = mi_usable);
