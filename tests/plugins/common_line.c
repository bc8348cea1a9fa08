/* alloc/common_line - an allocator as simple as can be, to hold figures of memory against: slots of one size out of
 * chunks of 64 KiB, one list of free ones for all threads, and nothing goes back before the end.
 *
 * Source:     none.
 * Picture:    chunk [ next | slot | slot | slot ... bump -> ]   free -> slot -> slot
 * Parts:      none.
 * Progress:   blocking, all operations.
 * Ordering:   a mutex around everything.
 * Memory:     roundup(bytes, space) a block, and 64 bytes a chunk.
 * Limits:     blocks of one size; alignments up to 16.
 */
#include <memkit/alloc.h>

#include <pthread.h>

#define CHUNK_BYTES 65536u

struct common_free {
    struct common_free *next;
};

struct mk_alloc {
    struct mk_mem *parent;
    pthread_mutex_t lock;
    size_t slot_bytes;
    struct common_free *free, *chunks;
    unsigned char *bump, *end;
};

enum { COMMON_SPACE };
static const struct mk_param common_params[] = {
    {"space", MK_PARAM_NUMBER, "16", 16, 128, NULL, "sizes are rounded up to a multiple of it"}, {.name = NULL}};

static void common_destroy(struct mk_alloc *alloc) {
    struct mk_mem *parent = alloc->parent;
    for (struct common_free *chunk = alloc->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        mk_mem_free(parent, NULL, chunk, CHUNK_BYTES, 64);
    }
    pthread_mutex_destroy(&alloc->lock);
    mk_mem_free(parent, NULL, alloc, sizeof *alloc, _Alignof(struct mk_alloc));
}

static int common_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                         struct mk_err *err) {
    struct mk_alloc *alloc = mk_mem_zalloc(parent, NULL, sizeof *alloc, _Alignof(struct mk_alloc));
    if (!alloc) return mk_fail(err, "no memory for the allocator");
    size_t space = (size_t)cfg->params[COMMON_SPACE];
    alloc->parent = parent;
    alloc->slot_bytes = (cfg->object_bytes + space - 1) / space * space;
    pthread_mutex_init(&alloc->lock, NULL);
    *out = alloc;
    return 0;
}

static bool common_grow(struct mk_alloc *alloc, struct mk_thread *me) {
    struct common_free *chunk = mk_mem_alloc(alloc->parent, me, CHUNK_BYTES, 64);
    if (!chunk) return false;
    chunk->next = alloc->chunks;
    alloc->chunks = chunk;
    alloc->bump = (unsigned char *)chunk + 64;
    alloc->end = (unsigned char *)chunk + CHUNK_BYTES;
    return true;
}

static void *common_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    void *at = NULL;
    (void)bytes, (void)align;
    pthread_mutex_lock(&alloc->lock);
    if (alloc->free) {
        at = alloc->free;
        alloc->free = alloc->free->next;
    } else if ((size_t)(alloc->end - alloc->bump) >= alloc->slot_bytes || common_grow(alloc, me)) {
        at = alloc->bump;
        alloc->bump += alloc->slot_bytes;
    }
    pthread_mutex_unlock(&alloc->lock);
    return at;
}

static enum mk_status common_release(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                     size_t align) {
    struct common_free *slot = block;
    (void)me, (void)bytes, (void)align;
    pthread_mutex_lock(&alloc->lock);
    slot->next = alloc->free;
    alloc->free = slot;
    pthread_mutex_unlock(&alloc->lock);
    return MK_HIT;
}

static size_t common_usable(struct mk_alloc *alloc, void *block, size_t bytes) {
    (void)block, (void)bytes;
    return alloc->slot_bytes;
}

MK_ALLOC(common_line, .summary = "slots side by side, whoever asks",
         .caps = MK_CONCURRENT | MK_GROWS | MK_CROSS_FREE | MK_FIXED_SIZE,
         .progress = {.alloc = MK_BLOCKING, .free = MK_BLOCKING}, .params = common_params, .create = common_create,
         .destroy = common_destroy, .alloc = common_alloc, .free = common_release, .usable = common_usable);
