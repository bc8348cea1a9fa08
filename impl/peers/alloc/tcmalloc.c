/* needs: libtcmalloc_minimal.so.4 | libtcmalloc-minimal4 */
/* alloc/tcmalloc - tcmalloc of gperftools, loaded beside the C library's malloc: a peer.
 *
 * Source:     gperftools (Sanjay Ghemawat and others), as it is packaged; its own settings, so TCMALLOC_...
 *             variables count.
 * Picture:    thread cache [ class -> blocks ]  <->  central list of a class -> spans  <->  page heap
 * Parts:      none.
 * Progress:   the library's: a thread's cache takes no lock; central lists and the page heap do.
 * Ordering:   the library's: a free happens-before the alloc that hands out the same block.
 * Memory:     classes an eighth apart or so, no header. It takes its memory from the system itself: structure
 *             bytes are unknown, rss tells.
 * Limits:     all instances are one heap of the process, and destroy cannot find live blocks and leaves them. The
 *             property generic.current_allocated_bytes, which has to grow, proves that it is the library that
 *             allocates. Its realloc leaves blocks of one class with sizes of another, which its sized free would
 *             take for blocks of the other: small blocks are resized in place only within a class. Double and
 *             foreign frees are as undefined as the library's.
 */
#include "dl.h"

#define TC_SMALL_MAX 262144u /* larger blocks have no class */

struct mk_alloc {
    void *(*malloc)(size_t bytes);
    void (*free_sized)(void *block, size_t bytes);
    void (*free)(void *block);
    void *(*memalign)(size_t align, size_t bytes);
    void *(*calloc)(size_t n, size_t bytes);
    void *(*realloc)(void *block, size_t bytes);
    size_t (*malloc_size)(void *block);
    size_t (*nallocx)(size_t bytes, int flags);
    int (*get_property)(const char *name, size_t *value);
    void (*release)(void);
};

static const struct dl_call tc_calls[] = {DL_CALL("tc_malloc", malloc),
                                          DL_CALL("tc_free_sized", free_sized),
                                          DL_CALL("tc_free", free),
                                          DL_CALL("tc_memalign", memalign),
                                          DL_CALL("tc_calloc", calloc),
                                          DL_CALL("tc_realloc", realloc),
                                          DL_CALL("tc_malloc_size", malloc_size),
                                          DL_CALL("tc_nallocx", nallocx),
                                          DL_CALL("MallocExtension_GetNumericProperty", get_property),
                                          DL_CALL("MallocExtension_ReleaseFreeMemory", release),
                                          {NULL, 0}};

static size_t tc_allocated(struct mk_alloc *tc) {
    size_t bytes = 0;
    return tc->get_property("generic.current_allocated_bytes", &bytes) ? bytes : 0;
}

static bool tc_is_live(struct mk_alloc *tc) {
    const size_t bytes = 4 * TC_SMALL_MAX; /* from no cache */
    size_t before = tc_allocated(tc);
    void *block = tc->malloc(bytes);
    size_t after = tc_allocated(tc);
    tc->free(block);
    return block && after >= before + bytes;
}

static void tc_destroy(struct mk_alloc *tc) {
    free(tc);
}

static int tc_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                     struct mk_err *err) {
    struct mk_alloc *tc = dl_make(sizeof *tc, "libtcmalloc_minimal.so.4", tc_calls, err);
    (void)parent, (void)cfg;
    if (!tc) return -1;
    if (!tc_is_live(tc)) {
        tc_destroy(tc);
        return mk_fail(err, "libtcmalloc_minimal.so.4 is loaded, but its statistics do not grow");
    }
    *out = tc;
    return 0;
}

/* LIN alloc: inside the library. */
static inline void *tc_alloc(struct mk_alloc *tc, struct mk_thread *me, size_t bytes, size_t align) {
    (void)me;
    return MK_LIKELY(dl_is_natural(bytes, align)) ? tc->malloc(bytes) : tc->memalign(align, bytes);
}

static inline void *tc_zalloc(struct mk_alloc *tc, struct mk_thread *me, size_t bytes, size_t align) {
    (void)me;
    if (MK_LIKELY(dl_is_natural(bytes, align))) return tc->calloc(1, bytes);
    void *block = tc->memalign(align, bytes);
    if (block) memset(block, 0, bytes);
    return block;
}

/* LIN free: inside the library. */
static inline enum mk_status tc_free(struct mk_alloc *tc, struct mk_thread *me, void *block, size_t bytes,
                                     size_t align) {
    (void)me;
    if (MK_LIKELY(dl_is_natural(bytes, align))) {
        tc->free_sized(block, bytes);
    } else {
        tc->free(block);
    }
    return MK_HIT;
}

/* Whether the block is what an alloc of this size and alignment would have given. */
static bool tc_fits(struct mk_alloc *tc, void *block, size_t bytes, size_t align) {
    return (uintptr_t)block % align == 0 && tc->nallocx(bytes, 0) == tc->malloc_size(block);
}

static void *tc_resize(struct mk_alloc *tc, struct mk_thread *me, void *block, size_t old_bytes, size_t old_align,
                       size_t bytes, size_t align) {
    if (bytes > TC_SMALL_MAX && dl_is_natural(bytes, align)) return tc->realloc(block, bytes);
    if (tc_fits(tc, block, bytes, align)) return block;
    void *moved = tc_alloc(tc, me, bytes, align);
    if (!moved) return NULL;
    memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
    tc_free(tc, me, block, old_bytes, old_align);
    return moved;
}

static size_t tc_usable(struct mk_alloc *tc, void *block, size_t bytes) {
    (void)bytes;
    return tc->malloc_size(block);
}

/* What threads' caches keep stays there. */
static void tc_flush(struct mk_alloc *tc, struct mk_thread *me) {
    (void)me;
    tc->release();
}

MK_ALLOC(tcmalloc, .summary = "peer: tcmalloc of gperftools, loaded beside the C library's",
         .caps = MK_CONCURRENT | MK_GROWS | MK_CROSS_FREE, .progress = {.alloc = MK_BLOCKING, .free = MK_BLOCKING},
         .create = tc_create, .destroy = tc_destroy, .flush = tc_flush, .alloc = tc_alloc, .zalloc = tc_zalloc,
         .free = tc_free, .resize = tc_resize, .usable = tc_usable, .footprint = tc_usable);
