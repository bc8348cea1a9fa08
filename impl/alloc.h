/* alloc.h - the contract of kind `alloc`: memory allocators, general or of one size.
 *
 * An implementation completes `struct mk_alloc` and ends in MK_ALLOC(name, ...). It takes its own
 * memory from `parent` (another allocator; NULL only for one that goes to the system itself), so
 * that what it wastes can be counted and its parent made to fail. A wrapper (MK_WRAPPER) passes
 * every call on to `parent`.
 *
 * Fixed-size allocators (MK_FIXED_SIZE) serve blocks of cfg->object_bytes alone; general ones any
 * size. All forms of free are sized: `bytes` and `align` are those of the alloc.
 */
#ifndef MK_ALLOC_H
#define MK_ALLOC_H

#include "mk.h"
#include "order.h"

/* ---- AddressSanitizer --------------------------------------------------------------------- */

/* An allocator that keeps free memory tells AddressSanitizer so, and use after free, double free
 * and running over the end are then seen through it as through malloc. Memory goes back to the
 * parent unpoisoned, because the parent may write into it. */
#if defined(__SANITIZE_ADDRESS__)
#define MK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MK_ASAN 1
#endif
#endif
#ifdef MK_ASAN
#include <sanitizer/asan_interface.h>
#define MK_ASAN_POISON(at, bytes) __asan_poison_memory_region((at), (bytes))
#define MK_ASAN_UNPOISON(at, bytes) __asan_unpoison_memory_region((at), (bytes))
#else
#define MK_ASAN_POISON(at, bytes) ((void)(at), (void)(bytes))
#define MK_ASAN_UNPOISON(at, bytes) ((void)(at), (void)(bytes))
#endif

/* The block goes to its user: `bytes` of the slot may be touched, its slack may not. */
MK_INLINE void mk_block_lent(void *at, size_t bytes, size_t slot_bytes) {
    MK_ASAN_UNPOISON(at, bytes);
    MK_ASAN_POISON((unsigned char *)at + bytes, slot_bytes - bytes);
}

/* AddressSanitizer reports here a block that is not lent. */
MK_INLINE void mk_block_expect_lent(const void *at) {
#ifdef MK_ASAN
    (void)*(const volatile unsigned char *)at;
#else
    (void)at;
#endif
}

/* The block has come back. */
MK_INLINE void mk_block_returned(void *at, size_t slot_bytes) {
    mk_block_expect_lent(at);
    MK_ASAN_POISON(at, slot_bytes);
}

enum mk_alloc_op {
    MK_ALLOC_ALLOC,  /* a block of `bytes` into the slot */
    MK_ALLOC_FREE,   /* the slot's block */
    MK_ALLOC_ZALLOC, /* as ALLOC, zeroed */
    MK_ALLOC_RESIZE, /* the slot's block to `bytes` */
    MK_ALLOC_GIVE,   /* the slot's block to the thread that takes from us */
    MK_ALLOC_TAKE,   /* a block that another thread gave, into the slot */
    MK_ALLOC_RESET,  /* all blocks of slots below `slot`: bulk free where offered, else one by one */
    MK_ALLOC_MARK,   /* opens scope number `bytes` of the thread, whose blocks come into slots from `slot` on */
    MK_ALLOC_REWIND, /* closes a scope (MK_SCOPE_END): its blocks at once where offered, else one by one */
    MK_ALLOC_WRITE,  /* into the slot's block, as its user would; the allocator has no part in it */
    MK_ALLOC_OBJECT  /* as ALLOC, and constructed, unless the allocator has done so; constructed it is freed */
};

/* No operation: where the loop is that carries a replay out (replay.h). */
#define MK_ALLOC_REPLAY (MK_OPS_MAX - 1)

/* A place in the course of allocations that an allocator can be taken back to. */
struct mk_mark {
    uintptr_t word[3];
};

/* Scopes lie inside of each other. A REWIND has the scope's number and the slot behind its last block in the place of
 * bytes. */
#define MK_SCOPE_BITS 3
#define MK_SCOPES (1u << MK_SCOPE_BITS)
#define MK_SCOPE_SLOTS_MAX (1u << (MK_SLOT_BITS - MK_SCOPE_BITS))
#define MK_SCOPE_END(end, scope) ((end) << MK_SCOPE_BITS | (scope))

/* A live block of one thread. */
struct mk_block {
    void *at;
    size_t bytes;
};

/* One producer, one consumer; head and tail on lines of their own. */
#define MK_RING_SLOTS 1024
struct mk_ring {
    MK_ATOMIC(uint64_t) tail MK_ALIGNED(MK_CACHE_LINE); /* written by the producer */
    uint64_t head_seen;                                 /* the producer's copy */
    MK_ATOMIC(uint64_t) head MK_ALIGNED(MK_CACHE_LINE); /* written by the consumer */
    uint64_t tail_seen;                                 /* the consumer's copy */
    MK_ATOMIC(uint32_t) closed MK_ALIGNED(MK_CACHE_LINE);
    struct mk_block block[MK_RING_SLOTS] MK_ALIGNED(MK_CACHE_LINE);
};

/* What one thread has allocated, by slot. Made by the harness; rings are NULL where no thread is
 * paired with this one. */
struct mk_blocks {
    struct mk_block *slot;
    uint32_t slots;
    struct mk_ring *give, *take;
    struct mk_mark mark[MK_SCOPES];
    struct mk_replay *replay; /* NULL unless a trace is replayed */
};

/* Returns whether the block went in; false once the ring is closed. Waits while it is full. */
static inline bool mk_ring_put(struct mk_ring *ring, struct mk_block block) {
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed); /* (1) relaxed: ours alone */
    unsigned spins = 0;
    while (tail - ring->head_seen == MK_RING_SLOTS) {
        /* (2) acquire-load synchronizes-with the release-store (6): the slot has been emptied */
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (tail - ring->head_seen < MK_RING_SLOTS) break;
        /* (3) relaxed: a flag; what it guards is joined before it is looked at */
        if (atomic_load_explicit(&ring->closed, memory_order_relaxed)) return false;
        mk_backoff(&spins);
    }
    ring->block[tail % MK_RING_SLOTS] = block;
    /* (4) release-store synchronizes-with the acquire-load (5): publishes the slot */
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    return true;
}

/* Returns whether *block was filled. On an empty ring it waits for the producer if `wait`, until the
 * ring is closed. */
static inline bool mk_ring_get(struct mk_ring *ring, struct mk_block *block, bool wait) {
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed); /* (7) relaxed: ours alone */
    unsigned spins = 0;
    while (head == ring->tail_seen) {
        /* (8) relaxed: a flag; read before the tail, so that what was put in before closing is found */
        bool over = !wait || atomic_load_explicit(&ring->closed, memory_order_relaxed);
        /* (5) acquire-load synchronizes-with the release-store (4): the slot has been filled */
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (head != ring->tail_seen) break;
        if (over) return false;
        mk_backoff(&spins);
    }
    *block = ring->block[head % MK_RING_SLOTS];
    /* (6) release-store synchronizes-with the acquire-load (2): hands the slot back */
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return true;
}

struct mk_alloc; /* completed by the implementation */

struct mk_alloc_progress {
    enum mk_progress alloc, free;
};

struct mk_alloc_def {
    const char *summary;
    uint64_t caps;
    struct mk_alloc_progress progress;
    const struct mk_param *params;

    int (*create)(struct mk_alloc **out, struct mk_mem *parent, const struct mk_config *cfg, struct mk_err *err);
    /* Gives everything back to the parent, live blocks included. */
    void (*destroy)(struct mk_alloc *alloc);
    int (*thread_enter)(struct mk_alloc *alloc, struct mk_thread *me);
    void (*thread_exit)(struct mk_alloc *alloc, struct mk_thread *me);
    void (*flush)(struct mk_alloc *alloc, struct mk_thread *me);
    size_t (*stats)(struct mk_alloc *alloc, struct mk_stat *out, size_t room);

    /* Returns `bytes` (> 0) bytes at a multiple of `align` (a power of two up to 4096), or NULL. */
    void *(*alloc)(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align);
    /* Returns MK_HIT, or MK_REFUSED where MK_CHECKS_FREE and the block is not one of ours or not live. */
    enum mk_status (*free)(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t bytes, size_t align);

    /* Optional from here on. */
    void *(*zalloc)(struct mk_alloc *alloc, struct mk_thread *me, size_t bytes, size_t align);
    /* Returns the block, moved or not, now of `bytes` at a multiple of `align`, its first min(old, new)
     * bytes kept; NULL: the old one stands. A block of 4 bytes asks for less than one of 64 does, so
     * the alignment changes with the size. */
    void *(*resize)(struct mk_alloc *alloc, struct mk_thread *me, void *block, size_t old_bytes, size_t old_align,
                    size_t bytes, size_t align);
    /* Frees every block at once. No other thread may be inside. */
    void (*reset)(struct mk_alloc *alloc);
    /* Returns where the calling thread's allocations stand. It lasts until reset, or a rewind to an earlier mark. */
    struct mk_mark (*mark)(struct mk_alloc *alloc, struct mk_thread *me);
    /* Frees at once what the calling thread has allocated since; blocks of before that were resized since are gone,
     * too. The mark may be used again. */
    void (*rewind)(struct mk_alloc *alloc, struct mk_thread *me, struct mk_mark mark);
    /* Returns how many bytes of the block may be used (>= bytes). */
    size_t (*usable)(struct mk_alloc *alloc, void *block, size_t bytes);
    /* Returns how many bytes of memory the block takes up, rounding and headers included. */
    size_t (*footprint)(struct mk_alloc *alloc, void *block, size_t bytes);
    /* Returns the number of live blocks; exact at quiescence. */
    uint64_t (*count)(struct mk_alloc *alloc);
    /* Visits every live block, at quiescence: its address as the key, its bytes as the value. */
    void (*walk)(struct mk_alloc *alloc, mk_visit_fn *visit, void *arg);
    /* Of a wrapper that asks its parent for more than it was asked for: puts what it asks for in place of *bytes and
     * *align, so that a parent of one size can be made for that one. */
    void (*asks)(const struct mk_config *cfg, size_t *bytes, size_t *align);
};

static const struct mk_op_desc mk_alloc_ops[] = {
    {"pair", MK_ALLOC_FREE, MK_ALLOC_ALLOC, MK_OPERAND_BLOCK, MK_EFFECT_NONE, 1,
     "free the block the pattern names, then allocate another in its place"},
    {"zeroed_pair", MK_ALLOC_FREE, MK_ALLOC_ZALLOC, MK_OPERAND_BLOCK, MK_EFFECT_NONE, 1,
     "as pair, with zeroed memory (calloc)"},
    {"resize", MK_ALLOC_RESIZE, MK_NO_CODE, MK_OPERAND_BLOCK, MK_EFFECT_NONE, 1,
     "give a live block another size (realloc)"},
    {"give", MK_ALLOC_ALLOC, MK_ALLOC_GIVE, MK_OPERAND_BLOCK, MK_EFFECT_NONE, 1,
     "allocate a block and hand it to the paired thread"},
    {"take", MK_ALLOC_TAKE, MK_ALLOC_FREE, MK_OPERAND_BLOCK, MK_EFFECT_NONE, 1,
     "free a block that the paired thread has handed over"},
    {"build", MK_ALLOC_ALLOC, MK_NO_CODE, MK_OPERAND_BLOCK, MK_EFFECT_NONE, 1,
     "allocate into the next slot; when all are full, drop them all at once (bulk free)"},
    {"frame", MK_ALLOC_ALLOC, MK_ALLOC_REWIND, MK_OPERAND_BLOCK, MK_EFFECT_NONE, 1,
     "allocate into the next slot, in scopes that open and close inside of each other and drop what they hold"},
    {"trade", MK_ALLOC_GIVE, MK_ALLOC_TAKE, MK_OPERAND_BLOCK, MK_EFFECT_NONE, 1,
     "hand the block the pattern names to the next thread, and put in its place one that was handed over, if any"},
    {"write", MK_ALLOC_WRITE, MK_NO_CODE, MK_OPERAND_BLOCK, MK_EFFECT_NONE, 1, "write to a live block"},
    {"object", MK_ALLOC_FREE, MK_ALLOC_OBJECT, MK_OPERAND_BLOCK, MK_EFFECT_NONE, 1,
     "as pair, with a constructed object; constructed each time, or once where the allocator does that"},
    {NULL, 0, MK_NO_CODE, MK_OPERAND_NONE, MK_EFFECT_NONE, 0, NULL}};

static const struct mk_kind mk_kind_alloc __attribute__((unused)) = {"alloc", "memory allocators", mk_alloc_ops,
                                                                     false};

/* ---- the timed loops ---------------------------------------------------------------------- */

/* Every block is written once and read once, as its user would; it also keeps compilers from
 * eliding the pair. */
MK_INLINE void mk_block_touch(void *at, uint64_t tag) {
    *(volatile unsigned char *)at = (unsigned char)tag;
}

MK_INLINE uint64_t mk_block_read(const void *at) {
    return *(const volatile unsigned char *)at;
}

/* A constructed object: each word holds its own address, as the heads of empty lists do, and bytes that are left
 * over hold one value. */
#define MK_OBJECT_REST 0xc5

MK_INLINE void mk_object_construct(void *at, size_t bytes) {
    unsigned char *to = (unsigned char *)at;
    size_t i = 0;
    for (; i + sizeof(uintptr_t) <= bytes; i += sizeof(uintptr_t)) {
        uintptr_t word = (uintptr_t)at + i;
        memcpy(to + i, &word, sizeof word);
    }
    for (; i < bytes; i++) to[i] = MK_OBJECT_REST;
}

/* Returns the first byte that is not as it was constructed, or SIZE_MAX. */
MK_INLINE size_t mk_object_differs(const void *at, size_t bytes) {
    const unsigned char *from = (const unsigned char *)at;
    size_t words = bytes / sizeof(uintptr_t) * sizeof(uintptr_t);
    for (size_t i = 0; i < bytes; i++) {
        uintptr_t word = (uintptr_t)at + i / sizeof word * sizeof word;
        unsigned char byte[sizeof word];
        memcpy(byte, &word, sizeof word);
        if (from[i] != (i < words ? byte[i % sizeof word] : MK_OBJECT_REST)) return i;
    }
    return SIZE_MAX;
}

/* Returns whether the object was constructed, by its first word. Writes to it and puts it back, as its user does. */
MK_INLINE bool mk_object_use(void *at, size_t bytes, uint64_t tag) {
    uintptr_t word = (uintptr_t)at;
    if (bytes < sizeof word) {
        bool whole = mk_block_read(at) == MK_OBJECT_REST;
        mk_block_touch(at, tag);
        mk_block_touch(at, MK_OBJECT_REST);
        return whole;
    }
    memcpy(&word, at, sizeof word);
    mk_block_touch(at, tag);
    memcpy(at, &word, sizeof word);
    return word == (uintptr_t)at;
}

/* Natural alignment of a block: what malloc guarantees, or less for smaller blocks. */
MK_INLINE size_t mk_block_align(size_t bytes) {
    return bytes >= 16 ? 16 : bytes >= 8 ? 8 : bytes >= 4 ? 4 : bytes >= 2 ? 2 : 1;
}

MK_INLINE void *mk_alloc_zeroed(const struct mk_alloc_def *def, struct mk_alloc *alloc, struct mk_thread *me,
                                size_t bytes, size_t align) {
    if (def->zalloc) return def->zalloc(alloc, me, bytes, align);
    void *at = def->alloc(alloc, me, bytes, align);
    if (at) memset(at, 0, bytes);
    return at;
}

MK_INLINE void *mk_alloc_resized(const struct mk_alloc_def *def, struct mk_alloc *alloc, struct mk_thread *me,
                                 void *block, size_t old_bytes, size_t old_align, size_t bytes, size_t align) {
    if (def->resize) return def->resize(alloc, me, block, old_bytes, old_align, bytes, align);
    void *at = def->alloc(alloc, me, bytes, align);
    if (!at) return NULL;
    memcpy(at, block, old_bytes < bytes ? old_bytes : bytes);
    def->free(alloc, me, block, old_bytes, old_align);
    return at;
}

MK_INLINE void mk_alloc_batch(const struct mk_alloc_def *def, struct mk_alloc *alloc, struct mk_thread *me,
                              const uint64_t *stream, size_t n, struct mk_tally *tally) {
    struct mk_blocks *blocks = me->blocks;
    struct mk_block *slots = blocks->slot;
    uint64_t sum = 0, failed = 0, allocated = 0, freed = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t word = stream[i];
        struct mk_block *slot = &slots[MK_SLOT(word)];
        size_t bytes = MK_BYTES(word);
        switch (MK_CODE(word)) {
        case MK_ALLOC_ALLOC: {
            void *at = def->alloc(alloc, me, bytes, mk_block_align(bytes));
            slot->at = at;
            slot->bytes = bytes;
            if (MK_UNLIKELY(!at)) {
                failed++;
                break;
            }
            mk_block_touch(at, word);
            allocated++;
            break;
        }
        case MK_ALLOC_FREE: {
            void *at = slot->at;
            if (MK_UNLIKELY(!at)) break;
            sum += mk_block_read(at);
            slot->at = NULL;
            enum mk_status status = def->free(alloc, me, at, slot->bytes, mk_block_align(slot->bytes));
            freed += status == MK_HIT;
            failed += status > MK_HIT;
            break;
        }
        case MK_ALLOC_ZALLOC: {
            void *at = mk_alloc_zeroed(def, alloc, me, bytes, mk_block_align(bytes));
            slot->at = at;
            slot->bytes = bytes;
            failed += !at;
            if (MK_UNLIKELY(!at)) break;
            sum += mk_block_read(at);
            mk_block_touch(at, word);
            tally->hits[MK_ALLOC_ZALLOC]++;
            break;
        }
        case MK_ALLOC_RESIZE: {
            if (MK_UNLIKELY(!slot->at)) break;
            void *at = mk_alloc_resized(def, alloc, me, slot->at, slot->bytes, mk_block_align(slot->bytes), bytes,
                                        mk_block_align(bytes));
            failed += !at;
            if (MK_UNLIKELY(!at)) break;
            sum += mk_block_read(at);
            slot->at = at;
            slot->bytes = bytes;
            tally->hits[MK_ALLOC_RESIZE]++;
            break;
        }
        case MK_ALLOC_GIVE:
            if (MK_UNLIKELY(!slot->at)) break;
            if (blocks->give && mk_ring_put(blocks->give, *slot)) {
                tally->hits[MK_ALLOC_GIVE]++;
            } else {
                def->free(alloc, me, slot->at, slot->bytes, mk_block_align(slot->bytes));
            }
            slot->at = NULL;
            break;
        case MK_ALLOC_TAKE:
            if (MK_UNLIKELY(slot->at != NULL)) break;
            /* who gives as well must not wait: all might wait for each other */
            if (blocks->take && mk_ring_get(blocks->take, slot, !blocks->give)) {
                tally->hits[MK_ALLOC_TAKE]++;
                /* the blocks of a floor overlap, and this one may be kept: who made it may be writing there */
                if (def->caps & MK_FLOOR) slot->at = def->alloc(alloc, me, slot->bytes, mk_block_align(slot->bytes));
            } else {
                slot->at = NULL;
            }
            break;
        case MK_ALLOC_RESET: {
            uint32_t end = MK_SLOT(word);
            if (def->reset) {
                for (uint32_t s = 0; s < end; s++) slots[s].at = NULL;
                def->reset(alloc);
            } else {
                for (uint32_t s = 0; s < end; s++) {
                    if (slots[s].at) {
                        def->free(alloc, me, slots[s].at, slots[s].bytes, mk_block_align(slots[s].bytes));
                        slots[s].at = NULL;
                    }
                }
            }
            tally->hits[MK_ALLOC_RESET]++;
            break;
        }
        case MK_ALLOC_MARK:
            if (def->mark) blocks->mark[bytes] = def->mark(alloc, me);
            tally->hits[MK_ALLOC_MARK]++;
            break;
        case MK_ALLOC_REWIND:
            for (uint32_t s = bytes >> MK_SCOPE_BITS; s-- > MK_SLOT(word);) {
                if (!def->rewind && slots[s].at) {
                    def->free(alloc, me, slots[s].at, slots[s].bytes, mk_block_align(slots[s].bytes));
                }
                slots[s].at = NULL;
            }
            if (def->rewind) def->rewind(alloc, me, blocks->mark[bytes % MK_SCOPES]);
            tally->hits[MK_ALLOC_REWIND]++;
            break;
        case MK_ALLOC_WRITE:
            if (MK_UNLIKELY(!slot->at)) break;
            mk_block_touch(slot->at, mk_block_read(slot->at) + 1);
            tally->hits[MK_ALLOC_WRITE]++;
            break;
        case MK_ALLOC_OBJECT: {
            void *at = def->alloc(alloc, me, bytes, mk_block_align(bytes));
            slot->at = at;
            slot->bytes = bytes;
            failed += !at;
            if (MK_UNLIKELY(!at)) break;
            /* the floor is that of allocators that construct once */
            if (!(def->caps & (MK_CONSTRUCTS | MK_FLOOR))) mk_object_construct(at, bytes);
            failed += !mk_object_use(at, bytes, word) && !(def->caps & MK_FLOOR);
            tally->hits[MK_ALLOC_OBJECT]++;
            break;
        }
        default: break;
        }
    }
    tally->hits[MK_ALLOC_ALLOC] += allocated;
    tally->hits[MK_ALLOC_FREE] += freed;
    tally->failed += failed;
    tally->sum += sum;
}

#include "replay.h"

/* ---- the doors ---------------------------------------------------------------------------- */

MK_DEFINE_LATER(struct mk_alloc_def, mk_alloc_here);

MK_DOOR int mk_alloc_create(void **self, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_alloc *alloc = NULL;
    if (mk_alloc_here.create(&alloc, mem, cfg, err)) return -1;
    *self = alloc;
    return 0;
}

MK_DOOR void mk_alloc_destroy(void *self) {
    mk_alloc_here.destroy((struct mk_alloc *)self);
}

MK_DOOR int mk_alloc_thread_enter(void *self, struct mk_thread *me) {
    return mk_alloc_here.thread_enter ? mk_alloc_here.thread_enter((struct mk_alloc *)self, me) : 0;
}

MK_DOOR void mk_alloc_thread_exit(void *self, struct mk_thread *me) {
    if (mk_alloc_here.thread_exit) mk_alloc_here.thread_exit((struct mk_alloc *)self, me);
}

MK_DOOR void mk_alloc_flush(void *self, struct mk_thread *me) {
    if (mk_alloc_here.flush) mk_alloc_here.flush((struct mk_alloc *)self, me);
}

MK_DOOR void mk_alloc_walk(void *self, mk_visit_fn *visit, void *arg) {
    mk_alloc_here.walk((struct mk_alloc *)self, visit, arg);
}

MK_DOOR uint64_t mk_alloc_count(void *self) {
    return mk_alloc_here.count((struct mk_alloc *)self);
}

MK_DOOR size_t mk_alloc_stats(void *self, struct mk_stat *out, size_t room) {
    return mk_alloc_here.stats((struct mk_alloc *)self, out, room);
}

MK_DOOR void mk_alloc_reset(void *self) {
    mk_alloc_here.reset((struct mk_alloc *)self);
}

MK_DOOR size_t mk_alloc_footprint(void *self, void *block, size_t bytes) {
    return mk_alloc_here.footprint((struct mk_alloc *)self, block, bytes);
}

MK_DOOR void mk_alloc_batch_any(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                struct mk_tally *tally) {
    mk_alloc_batch(&mk_alloc_here, (struct mk_alloc *)self, me, stream, n, tally);
}

MK_DOOR void mk_alloc_batch_replay(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                                   struct mk_tally *tally) {
    mk_alloc_replay_batch(&mk_alloc_here, (struct mk_alloc *)self, me, stream, n, tally);
}

/* The checked door: the slot's block, and status of free as the allocator gave it. An alignment
 * that an alloc was given has to be given to the free and the resizes of its block, too. */
MK_DOOR void mk_alloc_step(void *self, struct mk_thread *me, const struct mk_op *op, struct mk_result *result) {
    struct mk_alloc *alloc = (struct mk_alloc *)self;
    struct mk_blocks *blocks = me->blocks;
    struct mk_block *slot = &blocks->slot[op->key];
    size_t old_align = op->align ? op->align : mk_block_align(slot->bytes);
    size_t align = op->align ? op->align : mk_block_align(op->value);
    void *at;
    result->previous = 0;
    result->value = 0;
    result->status = MK_REFUSED;
    switch (op->code) {
    case MK_ALLOC_ALLOC:
    case MK_ALLOC_ZALLOC:
    case MK_ALLOC_OBJECT:
        at = op->code == MK_ALLOC_ZALLOC ? mk_alloc_zeroed(&mk_alloc_here, alloc, me, op->value, align)
                                         : mk_alloc_here.alloc(alloc, me, op->value, align);
        if (at && op->code == MK_ALLOC_OBJECT && !(mk_alloc_here.caps & MK_CONSTRUCTS)) {
            mk_object_construct(at, op->value);
        }
        slot->at = at;
        slot->bytes = op->value;
        result->value = (uint64_t)(uintptr_t)at;
        result->status = at ? MK_HIT : MK_NO_MEMORY;
        break;
    case MK_ALLOC_FREE:
        result->status = mk_alloc_here.free(alloc, me, slot->at, slot->bytes, old_align);
        if (result->status == MK_HIT) slot->at = NULL;
        break;
    case MK_ALLOC_RESIZE:
        at = mk_alloc_resized(&mk_alloc_here, alloc, me, slot->at, slot->bytes, old_align, op->value, align);
        result->status = at ? MK_HIT : MK_NO_MEMORY;
        if (at) {
            slot->at = at;
            slot->bytes = op->value;
        }
        result->value = (uint64_t)(uintptr_t)slot->at;
        break;
    case MK_ALLOC_RESET:
        if (mk_alloc_here.reset) {
            mk_alloc_here.reset(alloc);
            result->status = MK_HIT;
        }
        break;
    case MK_ALLOC_MARK:
        if (mk_alloc_here.mark) {
            blocks->mark[op->value] = mk_alloc_here.mark(alloc, me);
            result->status = MK_HIT;
        }
        break;
    case MK_ALLOC_REWIND:
        if (mk_alloc_here.rewind) {
            mk_alloc_here.rewind(alloc, me, blocks->mark[op->value % MK_SCOPES]);
            result->status = MK_HIT;
        }
        break;
    default: break;
    }
}

MK_DOOR void *mk_alloc_mem_alloc(void *self, struct mk_thread *me, size_t bytes, size_t align) {
    return mk_alloc_here.alloc((struct mk_alloc *)self, me, bytes, align);
}

MK_DOOR void *mk_alloc_mem_zalloc(void *self, struct mk_thread *me, size_t bytes, size_t align) {
    return mk_alloc_zeroed(&mk_alloc_here, (struct mk_alloc *)self, me, bytes, align);
}

MK_DOOR void mk_alloc_mem_free(void *self, struct mk_thread *me, void *block, size_t bytes, size_t align) {
    enum mk_status status = mk_alloc_here.free((struct mk_alloc *)self, me, block, bytes, align);
    if (status == MK_REFUSED) mk_block_expect_lent(block);
}

MK_DOOR void *mk_alloc_mem_resize(void *self, struct mk_thread *me, void *block, size_t old_bytes, size_t old_align,
                                  size_t bytes, size_t align) {
    return mk_alloc_here.resize((struct mk_alloc *)self, me, block, old_bytes, old_align, bytes, align);
}

MK_DOOR size_t mk_alloc_mem_usable(void *self, void *block, size_t bytes) {
    return mk_alloc_here.usable((struct mk_alloc *)self, block, bytes);
}

/* Fills the calls of a door; whoever composes memory adds the caches. */
MK_DOOR void mk_alloc_as_mem(void *self, struct mk_mem *mem) {
    mem->self = self;
    mem->alloc = mk_alloc_mem_alloc;
    mem->zalloc = mk_alloc_mem_zalloc;
    mem->free = mk_alloc_mem_free;
    mem->resize = mk_alloc_here.resize ? mk_alloc_mem_resize : NULL;
    mem->usable = mk_alloc_here.usable ? mk_alloc_mem_usable : NULL;
    mem->footprint = mk_alloc_here.footprint ? mk_alloc_footprint : NULL;
}

MK_DOOR void mk_alloc_describe(struct mk_impl *impl) {
    impl->kind = &mk_kind_alloc;
    impl->summary = mk_alloc_here.summary;
    impl->caps = mk_alloc_here.caps | (mk_alloc_here.rewind ? MK_REWINDS : 0);
    impl->params = mk_alloc_here.params;
    impl->offers = (mk_alloc_here.alloc ? 1u << MK_ALLOC_ALLOC | 1u << MK_ALLOC_ZALLOC | 1u << MK_ALLOC_WRITE : 0) |
                   (mk_alloc_here.free ? 1u << MK_ALLOC_FREE | 1u << MK_ALLOC_RESET : 0) | 1u << MK_ALLOC_TAKE |
                   (mk_alloc_here.free ? 1u << MK_ALLOC_MARK | 1u << MK_ALLOC_REWIND : 0) |
                   (mk_alloc_here.alloc ? 1u << MK_ALLOC_OBJECT : 0) |
                   (mk_alloc_here.caps & MK_FIXED_SIZE ? 0 : 1u << MK_ALLOC_RESIZE) |
                   (mk_alloc_here.caps & MK_CROSS_FREE ? 1u << MK_ALLOC_GIVE : 0);
    impl->must_offer = 1u << MK_ALLOC_ALLOC | 1u << MK_ALLOC_FREE;
    impl->progress[MK_ALLOC_ALLOC] = (uint8_t)mk_alloc_here.progress.alloc;
    impl->progress[MK_ALLOC_FREE] = (uint8_t)mk_alloc_here.progress.free;
    impl->create = mk_alloc_here.create ? mk_alloc_create : NULL;
    impl->destroy = mk_alloc_here.destroy ? mk_alloc_destroy : NULL;
    impl->thread_enter = mk_alloc_thread_enter;
    impl->thread_exit = mk_alloc_thread_exit;
    impl->flush = mk_alloc_flush;
    impl->count = mk_alloc_here.count ? mk_alloc_count : NULL;
    impl->stats = mk_alloc_here.stats ? mk_alloc_stats : NULL;
    impl->batch = mk_alloc_batch_any;
    impl->batch_of[MK_ALLOC_REPLAY] = mk_alloc_batch_replay;
    impl->step = mk_alloc_step;
    impl->as_mem = mk_alloc_as_mem;
    impl->footprint = mk_alloc_here.footprint ? mk_alloc_footprint : NULL;
    impl->reset = mk_alloc_here.reset ? mk_alloc_reset : NULL;
    impl->walk = mk_alloc_here.walk ? mk_alloc_walk : NULL;
    impl->asks = mk_alloc_here.asks;
}

/* Registers this file's allocator under NAME, which must be the file's name. */
#define MK_ALLOC(NAME, ...)                                      \
    MK_DEFINE(struct mk_alloc_def, mk_alloc_here, __VA_ARGS__); \
    MK_REGISTER(#NAME, mk_alloc_describe)

#endif
