/* needs: libjemalloc.so.2 | libjemalloc2 */
/* alloc/jemalloc - jemalloc, loaded beside the C library's malloc: a peer.
 *
 * Source:     jemalloc (Jason Evans and others), as it is packaged; its own settings, so MALLOC_CONF counts.
 * Picture:    thread cache [ class -> blocks ]  <->  arena [ bin of a class -> slabs, extents ]
 * Parts:      none.
 * Progress:   the library's: a thread's cache takes no lock; arenas do.
 * Ordering:   the library's: a free happens-before the alloc that hands out the same block.
 * Memory:     4 classes a doubling, no header. It maps its memory itself: structure bytes are unknown, rss tells.
 * Limits:     all instances are one heap of the process, and destroy cannot find live blocks and leaves them. The
 *             statistic thread.allocated, which has to grow, proves that it is the library that allocates. Double
 *             and foreign frees are as undefined as the library's.
 */
#include "dl.h"

#define JE_ZERO 0x40 /* MALLOCX_ZERO */

struct mk_alloc {
    void *(*malloc)(size_t bytes);
    void *(*mallocx)(size_t bytes, int flags);
    void (*sdallocx)(void *block, size_t bytes, int flags);
    void *(*calloc)(size_t n, size_t bytes);
    void *(*rallocx)(void *block, size_t bytes, int flags);
    size_t (*sallocx)(const void *block, int flags);
    int (*mallctl)(const char *name, void *old, size_t *old_bytes, void *new, size_t new_bytes);
};

static const struct dl_call je_calls[] = {
    DL_CALL("malloc", malloc),   DL_CALL("mallocx", mallocx), DL_CALL("sdallocx", sdallocx),
    DL_CALL("calloc", calloc),   DL_CALL("rallocx", rallocx), DL_CALL("sallocx", sallocx),
    DL_CALL("mallctl", mallctl), {NULL, 0}};

/* Returns what mallocx and its kin take for an alignment: its logarithm, in the lowest bits. */
MK_INLINE int je_flags(size_t bytes, size_t align) {
    return dl_is_natural(bytes, align) ? 0 : __builtin_ctzl(align);
}

/* Returns how many bytes this thread has allocated ever; 0: the library keeps no statistics. */
static uint64_t je_allocated(struct mk_alloc *je) {
    uint64_t allocated = 0;
    size_t bytes = sizeof allocated;
    return je->mallctl("thread.allocated", &allocated, &bytes, NULL, 0) ? 0 : allocated;
}

static bool je_is_live(struct mk_alloc *je) {
    uint64_t before = je_allocated(je);
    void *block = je->malloc(64);
    uint64_t after = je_allocated(je);
    if (block) je->sdallocx(block, 64, 0);
    return after >= before + 64;
}

static void je_destroy(struct mk_alloc *je) {
    free(je);
}

static int je_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                     struct mk_err *err) {
    struct mk_alloc *je = dl_make(sizeof *je, "libjemalloc.so.2", je_calls, err);
    (void)parent, (void)cfg;
    if (!je) return -1;
    if (!je_is_live(je)) {
        je_destroy(je);
        return mk_fail(err, "libjemalloc.so.2 is loaded, but its statistics do not grow");
    }
    *out = je;
    return 0;
}

/* LIN alloc: inside the library. */
static inline void *je_alloc(struct mk_alloc *je, struct mk_thread *me, size_t bytes, size_t align) {
    (void)me;
    /* the same as mallocx without flags, and what it is quickest at */
    return MK_LIKELY(dl_is_natural(bytes, align)) ? je->malloc(bytes) : je->mallocx(bytes, je_flags(bytes, align));
}

static inline void *je_zalloc(struct mk_alloc *je, struct mk_thread *me, size_t bytes, size_t align) {
    (void)me;
    if (MK_LIKELY(dl_is_natural(bytes, align))) return je->calloc(1, bytes);
    return je->mallocx(bytes, je_flags(bytes, align) | JE_ZERO);
}

/* LIN free: inside the library. */
static inline enum mk_status je_free(struct mk_alloc *je, struct mk_thread *me, void *block, size_t bytes,
                                     size_t align) {
    (void)me;
    je->sdallocx(block, bytes, je_flags(bytes, align));
    return MK_HIT;
}

static inline void *je_resize(struct mk_alloc *je, struct mk_thread *me, void *block, size_t old_bytes,
                              size_t old_align, size_t bytes, size_t align) {
    (void)me, (void)old_bytes, (void)old_align;
    return je->rallocx(block, bytes, je_flags(bytes, align));
}

static size_t je_usable(struct mk_alloc *je, void *block, size_t bytes) {
    (void)bytes;
    return je->sallocx(block, 0);
}

/* The cache of this thread, and what all arenas keep. */
static void je_flush(struct mk_alloc *je, struct mk_thread *me) {
    (void)me;
    je->mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
    je->mallctl("arena.4096.purge", NULL, NULL, NULL, 0); /* 4096: all of them */
}

MK_ALLOC(jemalloc, .summary = "peer: jemalloc, loaded beside the C library's",
         .caps = MK_CONCURRENT | MK_GROWS | MK_CROSS_FREE, .progress = {.alloc = MK_BLOCKING, .free = MK_BLOCKING},
         .create = je_create, .destroy = je_destroy, .flush = je_flush, .alloc = je_alloc, .zalloc = je_zalloc,
         .free = je_free, .resize = je_resize, .usable = je_usable, .footprint = je_usable);
