/* alloc/guard - finds writes before, behind and after a block, and refuses wrong frees, around another allocator.
 *
 * Source:     the debugging mallocs: Perens's Electric Fence (1988) for the idea, dmalloc and glibc's mcheck for
 *             canaries, AddressSanitizer for the quarantine. Differs: what is live is looked up, never read off
 *             the block, so that a foreign address may be anything.
 * Picture:    to the parent, one block: [ padding | next bytes align canary(24) | block ... | canary(16) ]
 *             live:      shard[hash] -> bucket[hash] -> note -> note        (64 shards, a lock each)
 *             freed:     a thread's quarantine: oldest -> ... -> youngest, filled with 0xdd
 *             damaged:   kept to the end, for whoever looks at it with a debugger
 * Parts:      none.
 * Progress:   blocking: the lock of one of 64 shards, for a walk of about two blocks.
 * Ordering:   blocks are entered and taken out under their shard's lock: of two threads that free one block, one
 *             is refused. Figures order nothing; they are exact at quiescence.
 * Memory:     12 KiB + 128 B * (threads_max + 1); a block: 64 B (48 before it or its alignment, where that is
 *             more, and 16 behind), and from 2048 blocks on 4 to 8 B of buckets; and `quarantine` bytes a thread at
 *             most, of freed blocks with all that is theirs.
 * Limits:     damage shows when the block is freed, resized or leaves quarantine, not when it is done, and reads
 *             do not show at all. Frees with another size or alignment are refused like foreign ones. Once a
 *             block has left quarantine, its address may be live again, and a second free of it right. A block
 *             that a resize has moved is not put into quarantine. destroy leaves live blocks with the parent.
 *             reset, mark and rewind of the parent are not passed on: what wrappers themselves take lies in it, too,
 *             and blocks that are dropped at once could not be looked at. Scopes free block by block.
 */
#include "../alloc.h"

#include <pthread.h>

#define GUARD_SHARDS MK_TUNE(64, 2)
#define GUARD_BUCKETS MK_TUNE(16, 1) /* of a shard, at first */
#define GUARD_FRONT 3                /* words */
#define GUARD_BACK 16                /* bytes */
#define GUARD_FILL 0xdd

enum { GUARD_QUARANTINE };
static const struct mk_param guard_params[] = {
    {"quarantine", MK_PARAM_NUMBER, MK_TUNE("65536", "200"), 0, 1u << 30, "0|65536|1048576",
     "bytes of freed blocks that each thread keeps a while"},
    {.name = NULL}};

/* Right before a block. */
struct guard_note {
    struct guard_note *next; /* in its bucket, quarantine, or among the damaged */
    uint64_t bytes;
    uint64_t align;
    uint64_t canary[GUARD_FRONT];
};
MK_STATIC_ASSERT(sizeof(struct guard_note) % 16 == 0, "the block behind it is aligned");

/* Live blocks, by hash of their address. */
struct guard_shard {
    pthread_mutex_t lock;
    struct guard_note **bucket;
    uint64_t mask, blocks; /* buckets - 1; live blocks */
} MK_ALIGNED(MK_CACHE_LINE);

/* Of one thread. */
struct guard_lane {
    struct guard_note *oldest, *youngest; /* in quarantine */
    struct guard_note *damaged;
    size_t held; /* bytes in quarantine */
    MK_ATOMIC(uint64_t) refused, met, written;
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_alloc {
    struct mk_mem *parent;
    struct guard_lane *lane; /* by id, and one for calls without a thread */
    uint32_t lanes;
    size_t quarantine;
    uint64_t secret;
    struct guard_shard shard[GUARD_SHARDS];
} MK_ALIGNED(MK_CACHE_LINE);

/* ---- what surrounds a block ---- */

/* Bytes before a block: a note, and what puts the block at a multiple of align. */
MK_INLINE size_t guard_before(size_t align) {
    return (sizeof(struct guard_note) + align - 1) & -align;
}

MK_INLINE size_t guard_whole(size_t bytes, size_t align) {
    return guard_before(align) + bytes + GUARD_BACK;
}

MK_INLINE size_t guard_align(size_t align) {
    return align > _Alignof(struct guard_note) ? align : _Alignof(struct guard_note);
}

static void guard_asks(const struct mk_config *cfg, size_t *bytes, size_t *align) {
    (void)cfg;
    *bytes = guard_whole(*bytes, *align);
    *align = guard_align(*align);
}

MK_INLINE unsigned char *guard_block(struct guard_note *note) {
    return (unsigned char *)(note + 1);
}

MK_INLINE unsigned char *guard_memory(struct guard_note *note) {
    return guard_block(note) - guard_before(note->align);
}

/* Another one for each block and instance, so that a copy of a block's surroundings is no good for another. */
MK_INLINE uint64_t guard_canary(const struct mk_alloc *guard, const struct guard_note *note) {
    return mk_mix64((uint64_t)(uintptr_t)note ^ guard->secret);
}

static void guard_surround(const struct mk_alloc *guard, struct guard_note *note) {
    uint64_t canary = guard_canary(guard, note), back[2] = {canary, ~canary};
    for (unsigned i = 0; i < GUARD_FRONT; i++) note->canary[i] = canary;
    memcpy(guard_block(note) + note->bytes, back, GUARD_BACK);
}

/* Returns whether nothing has been written before or behind the block. */
static bool guard_is_whole(const struct mk_alloc *guard, struct guard_note *note) {
    uint64_t canary = guard_canary(guard, note), back[2] = {canary, ~canary};
    bool whole = memcmp(guard_block(note) + note->bytes, back, GUARD_BACK) == 0;
    for (unsigned i = 0; i < GUARD_FRONT; i++) whole = whole && note->canary[i] == canary;
    return whole;
}

/* ---- live blocks ---- */

MK_INLINE uint64_t guard_hash(const void *block) {
    return mk_mix64((uint64_t)(uintptr_t)block);
}

MK_INLINE struct guard_shard *guard_shard_of(struct mk_alloc *guard, uint64_t hash) {
    return &guard->shard[(hash >> 32) % GUARD_SHARDS];
}

MK_INLINE struct guard_note **guard_bucket(struct guard_shard *shard, uint64_t hash) {
    return &shard->bucket[hash & shard->mask];
}

/* Twice as many buckets; where there is no memory for them, chains stay as long as they are. The lock is held. */
static void guard_spread(struct mk_alloc *guard, struct mk_thread *me, struct guard_shard *shard) {
    uint64_t had = shard->mask + 1;
    struct guard_note **old = shard->bucket;
    struct guard_note **bucket =
        mk_mem_zalloc(guard->parent, me, 2 * had * sizeof *bucket, _Alignof(struct guard_note *));
    if (!bucket) return;
    shard->bucket = bucket;
    shard->mask = 2 * had - 1;
    for (uint64_t i = 0; i < had; i++) {
        for (struct guard_note *note = old[i], *next; note; note = next) {
            struct guard_note **at = guard_bucket(shard, guard_hash(guard_block(note)));
            next = note->next;
            note->next = *at;
            *at = note;
        }
    }
    mk_mem_free(guard->parent, me, old, had * sizeof *old, _Alignof(struct guard_note *));
}

static void guard_enter(struct mk_alloc *guard, struct mk_thread *me, struct guard_note *note) {
    uint64_t hash = guard_hash(guard_block(note));
    struct guard_shard *shard = guard_shard_of(guard, hash);
    pthread_mutex_lock(&shard->lock);
    if (MK_UNLIKELY(shard->blocks > 2 * shard->mask + 1)) guard_spread(guard, me, shard);
    struct guard_note **at = guard_bucket(shard, hash);
    note->next = *at;
    *at = note;
    shard->blocks++;
    pthread_mutex_unlock(&shard->lock);
}

/* Takes a live block out. Returns its note, or NULL: there is none of that address, size and alignment. */
static struct guard_note *guard_leave(struct mk_alloc *guard, void *block, size_t bytes, size_t align) {
    uint64_t hash = guard_hash(block);
    struct guard_shard *shard = guard_shard_of(guard, hash);
    pthread_mutex_lock(&shard->lock);
    struct guard_note **at = guard_bucket(shard, hash);
    while (*at && guard_block(*at) != block) at = &(*at)->next;
    struct guard_note *note = *at;
    if (note && note->bytes == bytes && note->align == align) {
        *at = note->next;
        shard->blocks--;
    } else {
        note = NULL;
    }
    pthread_mutex_unlock(&shard->lock);
    return note;
}

/* ---- quarantine ---- */

MK_INLINE struct guard_lane *guard_lane_of(struct mk_alloc *guard, const struct mk_thread *me) {
    return &guard->lane[me ? me->id : guard->lanes - 1];
}

MK_INLINE void guard_count(MK_ATOMIC(uint64_t) * counter) {
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed); /* (1) relaxed: ours alone */
    atomic_store_explicit(counter, now + 1, memory_order_relaxed);      /* (2) relaxed: a figure */
}

static bool guard_is_filled(const unsigned char *at, size_t bytes) {
    return at[0] == GUARD_FILL && memcmp(at, at + 1, bytes - 1) == 0;
}

static void guard_let_go(struct mk_alloc *guard, struct mk_thread *me, struct guard_note *note) {
    mk_mem_free(guard->parent, me, guard_memory(note), guard_whole(note->bytes, note->align),
                guard_align(note->align));
}

/* The oldest ones, until no more than so many bytes are left. */
static void guard_release(struct mk_alloc *guard, struct mk_thread *me, struct guard_lane *lane, size_t left) {
    while (lane->held > left) {
        struct guard_note *note = lane->oldest;
        lane->oldest = note->next;
        lane->held -= guard_whole(note->bytes, note->align);
        MK_ASAN_UNPOISON(guard_block(note), note->bytes);
        if (!guard_is_filled(guard_block(note), note->bytes) || !guard_is_whole(guard, note)) {
            guard_count(&lane->written);
        }
        guard_let_go(guard, me, note);
    }
}

static void guard_keep(struct mk_alloc *guard, struct mk_thread *me, struct guard_lane *lane,
                       struct guard_note *note) {
    memset(guard_block(note), GUARD_FILL, note->bytes);
    MK_ASAN_POISON(guard_block(note), note->bytes);
    note->next = NULL;
    if (lane->held) {
        lane->youngest->next = note;
    } else {
        lane->oldest = note;
    }
    lane->youngest = note;
    lane->held += guard_whole(note->bytes, note->align);
    guard_release(guard, me, lane, guard->quarantine);
}

static void guard_thread_exit(struct mk_alloc *guard, struct mk_thread *me) {
    guard_release(guard, me, guard_lane_of(guard, me), 0);
}

static void guard_flush(struct mk_alloc *guard, struct mk_thread *me) {
    for (uint32_t i = 0; i < guard->lanes; i++) guard_release(guard, me, &guard->lane[i], 0);
}

/* ---- operations ---- */

/* What the parent gave becomes a block. */
MK_INLINE void *guard_given(struct mk_alloc *guard, struct mk_thread *me, unsigned char *memory, size_t bytes,
                            size_t align) {
    if (MK_UNLIKELY(!memory)) return NULL;
    struct guard_note *note = (struct guard_note *)(memory + guard_before(align)) - 1;
    note->bytes = bytes;
    note->align = align;
    guard_surround(guard, note);
    guard_enter(guard, me, note);
    return guard_block(note);
}

/* LIN alloc ok: in the parent.
 * LIN alloc no-memory: in the parent. */
static inline void *guard_alloc(struct mk_alloc *guard, struct mk_thread *me, size_t bytes, size_t align) {
    void *memory = mk_mem_alloc(guard->parent, me, guard_whole(bytes, align), guard_align(align));
    return guard_given(guard, me, memory, bytes, align);
}

static inline void *guard_zalloc(struct mk_alloc *guard, struct mk_thread *me, size_t bytes, size_t align) {
    void *memory = mk_mem_zalloc(guard->parent, me, guard_whole(bytes, align), guard_align(align));
    return guard_given(guard, me, memory, bytes, align);
}

/* LIN free ok: in guard_leave, inside the lock.
 * LIN free refused: likewise. */
static inline enum mk_status guard_free(struct mk_alloc *guard, struct mk_thread *me, void *block, size_t bytes,
                                        size_t align) {
    struct guard_lane *lane = guard_lane_of(guard, me);
    struct guard_note *note = guard_leave(guard, block, bytes, align);
    if (MK_UNLIKELY(!note)) {
        guard_count(&lane->refused);
        return MK_REFUSED;
    }
    if (MK_UNLIKELY(!guard_is_whole(guard, note))) {
        guard_count(&lane->met);
        note->next = lane->damaged;
        lane->damaged = note;
        return MK_REFUSED;
    }
    if (guard->quarantine) {
        guard_keep(guard, me, lane, note);
    } else {
        guard_let_go(guard, me, note);
    }
    return MK_HIT;
}

/* Among the live ones at another distance from its note: it has to move. */
static void *guard_resize_far(struct mk_alloc *guard, struct mk_thread *me, struct guard_note *note, size_t bytes,
                              size_t align) {
    unsigned char *moved = guard_alloc(guard, me, bytes, align);
    if (!moved) {
        guard_enter(guard, me, note);
        return NULL;
    }
    memcpy(moved, guard_block(note), note->bytes < bytes ? note->bytes : bytes);
    guard_let_go(guard, me, note);
    return moved;
}

/* It is not among the live ones meanwhile, since its note may move with it. */
static inline void *guard_resize(struct mk_alloc *guard, struct mk_thread *me, void *block, size_t old_bytes,
                                 size_t old_align, size_t bytes, size_t align) {
    struct guard_lane *lane = guard_lane_of(guard, me);
    struct guard_note *note = guard_leave(guard, block, old_bytes, old_align);
    if (MK_UNLIKELY(!note)) {
        guard_count(&lane->refused);
        return NULL;
    }
    if (MK_UNLIKELY(!guard_is_whole(guard, note))) {
        guard_count(&lane->met);
        guard_enter(guard, me, note);
        return NULL;
    }
    size_t before = guard_before(align);
    if (guard_before(old_align) != before || guard_align(old_align) != guard_align(align)) {
        return guard_resize_far(guard, me, note, bytes, align);
    }
    unsigned char *memory =
        mk_mem_resize(guard->parent, me, guard_memory(note), guard_whole(old_bytes, old_align),
                      guard_align(old_align), guard_whole(bytes, align), guard_align(align));
    if (MK_UNLIKELY(!memory)) {
        guard_enter(guard, me, note);
        return NULL;
    }
    return guard_given(guard, me, memory, bytes, align);
}

/* ---- life ---- */

/* What create had before memory was refused, or all. Live blocks stay with the parent. */
static void guard_destroy(struct mk_alloc *guard) {
    struct mk_mem *parent = guard->parent;
    for (uint32_t i = 0; guard->lane && i < guard->lanes; i++) {
        struct guard_lane *lane = &guard->lane[i];
        guard_release(guard, NULL, lane, 0);
        for (struct guard_note *note = lane->damaged, *next; note; note = next) {
            next = note->next;
            guard_let_go(guard, NULL, note);
        }
    }
    for (unsigned i = 0; i < GUARD_SHARDS; i++) {
        struct guard_shard *shard = &guard->shard[i];
        if (!shard->bucket) break;
        pthread_mutex_destroy(&shard->lock);
        mk_mem_free(parent, NULL, shard->bucket, (shard->mask + 1) * sizeof *shard->bucket,
                    _Alignof(struct guard_note *));
    }
    if (guard->lane) {
        mk_mem_free(parent, NULL, guard->lane, guard->lanes * sizeof *guard->lane, _Alignof(struct guard_lane));
    }
    mk_mem_free(parent, NULL, guard, sizeof *guard, _Alignof(struct mk_alloc));
}

static bool guard_make_shards(struct mk_alloc *guard) {
    for (unsigned i = 0; i < GUARD_SHARDS; i++) {
        struct guard_shard *shard = &guard->shard[i];
        shard->bucket = mk_mem_zalloc(guard->parent, NULL, GUARD_BUCKETS * sizeof *shard->bucket,
                                      _Alignof(struct guard_note *));
        if (!shard->bucket) return false;
        shard->mask = GUARD_BUCKETS - 1;
        pthread_mutex_init(&shard->lock, NULL);
    }
    return true;
}

static int guard_create(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg,
                        struct mk_err *err) {
    struct mk_alloc *guard = mk_mem_zalloc(parent, NULL, sizeof *guard, _Alignof(struct mk_alloc));
    if (!guard) return mk_fail(err, "no memory for the wrapper");
    guard->parent = parent;
    guard->lanes = cfg->threads_max + 1;
    guard->quarantine = cfg->params[GUARD_QUARANTINE];
    guard->secret = mk_mix64(cfg->seed);
    guard->lane = mk_mem_zalloc(parent, NULL, guard->lanes * sizeof *guard->lane, _Alignof(struct guard_lane));
    if (!guard->lane || !guard_make_shards(guard)) {
        guard_destroy(guard);
        return mk_fail(err, "no memory for the books of %u threads", cfg->threads_max);
    }
    *out = guard;
    return 0;
}

/* ---- figures, at quiescence ---- */

static size_t guard_usable(struct mk_alloc *guard, void *block, size_t bytes) {
    (void)guard, (void)block;
    return bytes; /* a canary is right behind it */
}

static size_t guard_footprint(struct mk_alloc *guard, void *block, size_t bytes) {
    struct guard_note *note = (struct guard_note *)block - 1;
    return mk_mem_footprint(guard->parent, guard_memory(note), guard_whole(bytes, note->align));
}

static uint64_t guard_live(struct mk_alloc *guard) {
    uint64_t blocks = 0;
    for (unsigned i = 0; i < GUARD_SHARDS; i++) blocks += guard->shard[i].blocks;
    return blocks;
}

static void guard_walk(struct mk_alloc *guard, mk_visit_fn *visit, void *arg) {
    for (unsigned i = 0; i < GUARD_SHARDS; i++) {
        for (uint64_t b = 0; b <= guard->shard[i].mask; b++) {
            for (struct guard_note *note = guard->shard[i].bucket[b]; note; note = note->next) {
                visit(arg, (uint64_t)(uintptr_t)guard_block(note), note->bytes);
            }
        }
    }
}

static size_t guard_stats(struct mk_alloc *guard, struct mk_stat *out, size_t room) {
    uint64_t refused = 0, met = 0, written = 0, held = 0;
    for (uint32_t i = 0; i < guard->lanes; i++) {
        struct guard_lane *lane = &guard->lane[i];
        refused += atomic_load_explicit(&lane->refused, memory_order_relaxed); /* (3) relaxed: a figure */
        met += atomic_load_explicit(&lane->met, memory_order_relaxed);         /* (4) relaxed: a figure */
        written += atomic_load_explicit(&lane->written, memory_order_relaxed); /* (5) relaxed: a figure */
        held += lane->held;
    }
    const struct mk_stat stats[] = {
        {"live_blocks", guard_live(guard)}, {"refused", refused},        {"damaged", met},
        {"written_after_free", written},    {"quarantine_bytes", held},
    };
    size_t n = sizeof stats / sizeof *stats;
    memcpy(out, stats, (n < room ? n : room) * sizeof *stats);
    return n;
}

MK_ALLOC(guard, .summary = "canaries, a quarantine, and wrong frees refused",
         .caps = MK_WRAPPER | MK_CONCURRENT | MK_CROSS_FREE | MK_GROWS | MK_CHECKS_FREE | MK_GUARDS,
         .progress = {.alloc = MK_BLOCKING, .free = MK_BLOCKING}, .params = guard_params, .create = guard_create,
         .destroy = guard_destroy, .thread_exit = guard_thread_exit, .flush = guard_flush, .alloc = guard_alloc,
         .zalloc = guard_zalloc, .free = guard_free, .resize = guard_resize, .usable = guard_usable,
         .footprint = guard_footprint, .count = guard_live, .walk = guard_walk, .stats = guard_stats,
         .asks = guard_asks);
