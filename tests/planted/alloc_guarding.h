/* alloc_guarding.h - a sound wrapper with canaries and a quarantine, of which alloc_*.c beside it break one thing each:
 * live blocks are listed in a table behind one lock, and each thread keeps its last freed ones, filled, a while.
 */
#ifndef ALLOC_GUARDING_H
#define ALLOC_GUARDING_H

#include <pthread.h>

#include "../../impl/alloc.h"

#define BUCKETS MK_TUNE(256, 4)
#define KEPT MK_TUNE(32, 1)
#define FILL 0xdd
#define CANARY 0x5ca1ab1e0ddba11uL

struct note {
    struct note *next;
    uint64_t bytes, align, front;
};

/* Of one thread: freed blocks, the oldest at n % KEPT once there are so many. */
struct lane {
    struct note *kept[KEPT];
    uint64_t n, damaged_n, written_n;
    struct note *damaged;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_alloc {
    struct mk_mem *parent;
    struct lane *lane; /* by id */
    uint32_t lanes;
    pthread_mutex_t lock; /* of what follows */
    uint64_t count;
    struct note *bucket[BUCKETS];
};

/* What the files beside it break. */
#ifndef IS_WHOLE
#define IS_WHOLE base_is_whole
#endif
#ifndef IS_FILLED
#define IS_FILLED base_is_filled
#endif
#ifndef LANE
#define LANE base_lane
#endif
static bool IS_WHOLE(const struct note *note);
static bool IS_FILLED(const struct note *note);
static struct lane *LANE(struct mk_alloc *alloc, const struct mk_thread *me);

static unsigned char *block_of(const struct note *note) {
    return (unsigned char *)(uintptr_t)(note + 1);
}

__attribute__((unused)) static bool base_is_whole(const struct note *note) {
    uint64_t back;
    memcpy(&back, block_of(note) + note->bytes, 8);
    return note->front == CANARY && back == CANARY;
}

__attribute__((unused)) static bool base_is_filled(const struct note *note) {
    for (uint64_t i = 0; i < note->bytes; i++) {
        if (block_of(note)[i] != FILL) return false;
    }
    return true;
}

__attribute__((unused)) static struct lane *base_lane(struct mk_alloc *alloc, const struct mk_thread *me) {
    return &alloc->lane[me ? me->id : alloc->lanes - 1];
}

/* 8 bytes of canary stand behind a block. */
static size_t before(size_t align) {
    return (sizeof(struct note) + align - 1) & -align;
}

static size_t whole(size_t bytes, size_t align) {
    return before(align) + bytes + 8;
}

static size_t parent_align(size_t align) {
    return align > 8 ? align : 8;
}

static void let_go(struct mk_alloc *alloc, struct mk_thread *me, struct note *note) {
    size_t align = note->align;
    mk_mem_free(alloc->parent, me, block_of(note) - before(align), whole(note->bytes, align), parent_align(align));
}

/* ---- quarantine ------------------------------------------------------------------------------ */

static void release(struct mk_alloc *alloc, struct mk_thread *me, struct lane *lane, uint64_t at) {
    struct note *note = lane->kept[at];
    lane->kept[at] = NULL;
    if (!note) return;
    if (!IS_FILLED(note) || !base_is_whole(note)) lane->written_n++;
    let_go(alloc, me, note);
}

static void release_all(struct mk_alloc *alloc, struct mk_thread *me, struct lane *lane) {
    for (uint64_t i = 0; i < KEPT; i++) release(alloc, me, lane, (lane->n + i) % KEPT);
}

static void guarding_exit(struct mk_alloc *alloc, struct mk_thread *me) {
    release_all(alloc, me, LANE(alloc, me));
}

static void guarding_flush(struct mk_alloc *alloc, struct mk_thread *me) {
    for (uint32_t i = 0; i < alloc->lanes; i++) release_all(alloc, me, &alloc->lane[i]);
}

/* ---- operations ------------------------------------------------------------------------------ */

static struct note **bucket_of(struct mk_alloc *alloc, const void *block) {
    return &alloc->bucket[mk_mix64((uintptr_t)block) % BUCKETS];
}

static void *guarding_alloc(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align) {
    unsigned char *memory = mk_mem_alloc(alloc->parent, me, whole(bytes, align), parent_align(align));
    uint64_t back = CANARY;
    if (!memory) return NULL;
    struct note *note = (struct note *)(memory + before(align)) - 1;
    *note = (struct note){NULL, bytes, align, CANARY};
    memcpy(block_of(note) + bytes, &back, 8);
    pthread_mutex_lock(&alloc->lock);
    note->next = *bucket_of(alloc, note + 1);
    *bucket_of(alloc, note + 1) = note;
    alloc->count++;
    pthread_mutex_unlock(&alloc->lock);
    return note + 1;
}

static enum mk_status guarding_free(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes,
                                    size_t align) {
    struct lane *lane = LANE(alloc, me);
    pthread_mutex_lock(&alloc->lock);
    struct note **at = bucket_of(alloc, block);
    while (*at && block_of(*at) != block) at = &(*at)->next;
    struct note *note = *at;
    if (note && note->bytes == bytes && note->align == align) {
        *at = note->next;
        alloc->count--;
    } else {
        note = NULL;
    }
    pthread_mutex_unlock(&alloc->lock);
    if (!note) return MK_REFUSED;
    if (!IS_WHOLE(note)) {
        note->front = CANARY;
        note->next = lane->damaged;
        lane->damaged = note;
        lane->damaged_n++;
        return MK_REFUSED;
    }
    memset(block, FILL, bytes);
    release(alloc, me, lane, lane->n % KEPT);
    lane->kept[lane->n++ % KEPT] = note;
    return MK_HIT;
}

static uint64_t guarding_count(struct mk_alloc *alloc) {
    return alloc->count;
}

static size_t guarding_stats(struct mk_alloc *alloc, struct mk_stat *out, size_t room) {
    uint64_t damaged = 0, written = 0;
    for (uint32_t i = 0; i < alloc->lanes; i++) {
        damaged += alloc->lane[i].damaged_n;
        written += alloc->lane[i].written_n;
    }
    if (room < 2) return 2;
    out[0] = (struct mk_stat){"damaged", damaged};
    out[1] = (struct mk_stat){"written_after_free", written};
    return 2;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void guarding_destroy(struct mk_alloc *alloc) {
    struct mk_mem *parent = alloc->parent;
    guarding_flush(alloc, NULL);
    for (uint32_t i = 0; i < alloc->lanes; i++) {
        for (struct note *note = alloc->lane[i].damaged, *next; note; note = next) {
            next = note->next;
            let_go(alloc, NULL, note);
        }
    }
    pthread_mutex_destroy(&alloc->lock);
    mk_mem_free(parent, NULL, alloc->lane, alloc->lanes * sizeof *alloc->lane, _Alignof(struct lane));
    mk_mem_free(parent, NULL, alloc, sizeof *alloc, _Alignof(struct mk_alloc));
}

static int guarding_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                           struct mk_err *err) {
    struct mk_alloc *alloc = mk_mem_zalloc(parent, NULL, sizeof *alloc, _Alignof(struct mk_alloc));
    if (!alloc) return mk_fail(err, "no memory for the wrapper");
    alloc->parent = parent;
    alloc->lanes = cfg->threads_max + 1;
    alloc->lane = mk_mem_zalloc(parent, NULL, alloc->lanes * sizeof *alloc->lane, _Alignof(struct lane));
    if (!alloc->lane) {
        mk_mem_free(parent, NULL, alloc, sizeof *alloc, _Alignof(struct mk_alloc));
        return mk_fail(err, "no memory for the lanes");
    }
    pthread_mutex_init(&alloc->lock, NULL);
    *out = alloc;
    return 0;
}

#define GUARDING                                                                                                   \
    .summary = "planted",                                                                                          \
    .caps = MK_WRAPPER | MK_CONCURRENT | MK_CROSS_FREE | MK_GROWS | MK_CHECKS_FREE | MK_GUARDS,                     \
    .create = guarding_create, .destroy = guarding_destroy, .thread_exit = guarding_exit, .flush = guarding_flush, \
    .alloc = guarding_alloc, .free = guarding_free, .count = guarding_count, .stats = guarding_stats

#endif
