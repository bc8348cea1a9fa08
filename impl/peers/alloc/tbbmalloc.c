/* needs: libtbbmalloc.so.2 | libtbbmalloc2 */
/* alloc/tbbmalloc - the scalable allocator of oneTBB, loaded beside the C library's malloc: a peer.
 *
 * Source:     oneTBB (Alexey Kukanov, Michael Voss and others: the scalable allocator), as it is packaged.
 * Picture:    thread [ class -> 16 KiB blocks: free, freed by other threads ]  <->  backend: bins of free regions
 * Parts:      none.
 * Progress:   the library's: a thread's own blocks take no lock.
 * Ordering:   the library's: a free happens-before the alloc that hands out the same block.
 * Memory:     4 classes a doubling up to 1 KiB and five above, to 8 KiB; larger blocks have a header. It maps its
 *             memory itself: structure bytes are unknown, rss tells; footprint is what may be used.
 * Limits:     all instances are one heap of the process, and destroy cannot find live blocks and leaves them. That
 *             the library knows the size of its own block, and none of the C library's, proves that it is the one
 *             that allocates. Double and foreign frees are as undefined as the library's.
 */
#include "dl.h"

#define TBB_CLEAN_ALL_BUFFERS 0 /* TBBMALLOC_CLEAN_ALL_BUFFERS */

struct mk_alloc {
    void *(*malloc)(size_t bytes);
    void (*free)(void *block);
    void *(*aligned_malloc)(size_t bytes, size_t align);
    void *(*calloc)(size_t n, size_t bytes);
    void *(*realloc)(void *block, size_t bytes);
    void *(*aligned_realloc)(void *block, size_t bytes, size_t align);
    size_t (*msize)(void *block);
    size_t (*safer_msize)(void *block, size_t (*otherwise)(void *));
    int (*command)(int command, void *argument);
};

static const struct dl_call tbb_calls[] = {DL_CALL("scalable_malloc", malloc),
                                           DL_CALL("scalable_free", free),
                                           DL_CALL("scalable_aligned_malloc", aligned_malloc),
                                           DL_CALL("scalable_calloc", calloc),
                                           DL_CALL("scalable_realloc", realloc),
                                           DL_CALL("scalable_aligned_realloc", aligned_realloc),
                                           DL_CALL("scalable_msize", msize),
                                           DL_CALL("__TBB_malloc_safer_msize", safer_msize),
                                           DL_CALL("scalable_allocation_command", command),
                                           {NULL, 0}};

/* The instance itself is of another allocator. */
static bool tbb_is_live(struct mk_alloc *tbb) {
    void *block = tbb->malloc(64);
    bool live = block && tbb->safer_msize(block, NULL) >= 64 && !tbb->safer_msize(tbb, NULL);
    tbb->free(block);
    return live;
}

static void tbb_destroy(struct mk_alloc *tbb) {
    free(tbb);
}

static int tbb_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                      struct mk_err *err) {
    struct mk_alloc *tbb = dl_make(sizeof *tbb, "libtbbmalloc.so.2", tbb_calls, err);
    (void)parent, (void)cfg;
    if (!tbb) return -1;
    if (!tbb_is_live(tbb)) {
        tbb_destroy(tbb);
        return mk_fail(err, "libtbbmalloc.so.2 is loaded, but does not know its own blocks");
    }
    *out = tbb;
    return 0;
}

/* LIN alloc: inside the library. */
static inline void *tbb_alloc(struct mk_alloc *tbb, struct mk_thread *me, size_t bytes, size_t align) {
    (void)me;
    return MK_LIKELY(dl_is_natural(bytes, align)) ? tbb->malloc(bytes) : tbb->aligned_malloc(bytes, align);
}

static inline void *tbb_zalloc(struct mk_alloc *tbb, struct mk_thread *me, size_t bytes, size_t align) {
    (void)me;
    if (MK_LIKELY(dl_is_natural(bytes, align))) return tbb->calloc(1, bytes);
    void *block = tbb->aligned_malloc(bytes, align);
    if (block) memset(block, 0, bytes);
    return block;
}

/* LIN free: inside the library. */
static inline enum mk_status tbb_free(struct mk_alloc *tbb, struct mk_thread *me, void *block, size_t bytes,
                                      size_t align) {
    (void)me, (void)bytes, (void)align;
    tbb->free(block);
    return MK_HIT;
}

static inline void *tbb_resize(struct mk_alloc *tbb, struct mk_thread *me, void *block, size_t old_bytes,
                               size_t old_align, size_t bytes, size_t align) {
    (void)me, (void)old_bytes, (void)old_align;
    if (MK_LIKELY(dl_is_natural(bytes, align))) return tbb->realloc(block, bytes);
    return tbb->aligned_realloc(block, bytes, align);
}

static size_t tbb_usable(struct mk_alloc *tbb, void *block, size_t bytes) {
    (void)bytes;
    return tbb->msize(block);
}

static void tbb_flush(struct mk_alloc *tbb, struct mk_thread *me) {
    (void)me;
    tbb->command(TBB_CLEAN_ALL_BUFFERS, NULL);
}

MK_ALLOC(tbbmalloc, .summary = "peer: the scalable allocator of oneTBB, loaded beside the C library's",
         .caps = MK_CONCURRENT | MK_GROWS | MK_CROSS_FREE, .progress = {.alloc = MK_BLOCKING, .free = MK_BLOCKING},
         .create = tbb_create, .destroy = tbb_destroy, .flush = tbb_flush, .alloc = tbb_alloc, .zalloc = tbb_zalloc,
         .free = tbb_free, .resize = tbb_resize, .usable = tbb_usable, .footprint = tbb_usable);
