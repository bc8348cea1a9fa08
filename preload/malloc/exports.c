/* exports.c - malloc and its like, as a program sees them.
 *
 *     by default    alloc/thread_local, compiled into this file: the magazines of a thread are reached from its
 *                   thread-local variables, without a call. All else goes through mk_enter.
 *     composed      any allocator behind its door, blocks with a header: [ .. | size | offset, align | block ]
 *     early         while the allocator is being made (early.c)
 *
 * What a call does without mk_enter is private to its thread and done by one store: a fork between any two
 * instructions of it leaves the child a magazine as it was before, or as it is after. Magazines are reached only by
 * threads that have a seat: those of the others seem empty, and to own no block.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "../../impl/alloc/thread_local.c"
#include "memkit.h"

#define EXPORT __attribute__((visibility("default")))
#define NATURAL_ALIGN ((size_t)16)
#define DOOR_ALIGN_MAX ((size_t)4096) /* what the contract of alloc.h demands of allocators */
#define UNIT_BITS ((uint32_t)(TL_CHUNK_BYTES - TL_UNIT_BYTES))

/* ---- this thread ---- */

static struct tl_heap nobody = {.owner = UINT32_MAX};

/* unit_bits: of an address, those that are 0 in large blocks; none before there is a seat, so that all blocks seem
 * large, and are looked at more closely. */
static __thread struct {
    struct tl_heap *heap;
    uint32_t unit_bits;
    bool making;
} mine = {.heap = &nobody};

static struct mk_choice choice;
static struct mk_alloc *direct; /* choice.direct */
static MK_ATOMIC(uint32_t) state;
enum { START, MAKING, READY };

void mk_seated(const struct mk_seat *seat) {
    if (!direct) return;
    mine.heap = tl_heap_of(direct, &seat->me);
    mine.unit_bits = UNIT_BITS;
}

void mk_unseated(void) {
    mine.heap = &nobody;
    mine.unit_bits = 0;
}

const struct mk_choice *mk_chosen(void) {
    return &choice;
}

static bool make(void) {
    uint32_t start = START;
    unsigned spins = 0;
    if (mine.making) return false;
    /* (1) relaxed where it fails: (3) follows; acquire where it does not, since nobody has been here before */
    if (!atomic_compare_exchange_strong_explicit(&state, &start, MAKING, memory_order_acquire,
                                                 memory_order_relaxed)) {
        /* (3) acquire-load synchronizes-with the release-store (2): the allocator is there */
        while (atomic_load_explicit(&state, memory_order_acquire) != READY) mk_backoff(&spins);
        return true;
    }
    int saved = errno;
    mine.making = true;
    mk_choice_make(&choice);
    direct = choice.direct;
    mk_threads_begin(&choice);
    /* (2) release-store synchronizes-with the acquire-loads (3, 4): the allocator */
    atomic_store_explicit(&state, READY, memory_order_release);
    mine.making = false;
    mk_summary_begin();
    errno = saved;
    return true;
}

/* Returns whether the allocator is there; false: this thread is making it, and has to do with early memory. */
MK_INLINE bool is_ready(void) {
    /* (4) acquire-load synchronizes-with the release-store (2) */
    return MK_LIKELY(atomic_load_explicit(&state, memory_order_acquire) == READY) || make();
}

/* ---- blocks with a header ---- */

struct header {
    size_t bytes;
    uint64_t offset_align; /* of the block from its base; and in the low 6 bits the logarithm of the alignment */
};
MK_STATIC_ASSERT(sizeof(struct header) == NATURAL_ALIGN, "blocks stay aligned");

static struct header *header_of(const void *block) {
    return (struct header *)(uintptr_t)block - 1;
}

static size_t header_align(const struct header *header) {
    return (size_t)1 << (header->offset_align & 63);
}

static size_t door_align(size_t align) {
    return align < DOOR_ALIGN_MAX ? align : DOOR_ALIGN_MAX;
}

/* The allocator gives `bytes + align` at the alignment that it can do; the block is aligned within. */
static void *composed_alloc(struct mk_thread *me, size_t bytes, size_t align, bool zeroed) {
    size_t all = bytes + align;
    unsigned char *base = zeroed ? mk_mem_zalloc(choice.door, me, all, door_align(align))
                                 : mk_mem_alloc(choice.door, me, all, door_align(align));
    if (!base) return NULL;
    unsigned char *block = base + (align - ((uintptr_t)base & (align - 1)));
    *header_of(block) = (struct header){bytes, (uint64_t)(block - base) << 6 | (uint64_t)__builtin_ctzll(align)};
    return block;
}

static void composed_free(struct mk_thread *me, void *block) {
    const struct header *header = header_of(block);
    size_t align = header_align(header), all = header->bytes + align;
    mk_mem_free(choice.door, me, (unsigned char *)block - (header->offset_align >> 6), all, door_align(align));
}

static void *composed_resize(struct mk_thread *me, void *block, size_t bytes) {
    struct header *header = header_of(block);
    size_t old_bytes = header->bytes;
    if (header_align(header) == NATURAL_ALIGN) {
        unsigned char *base = mk_mem_resize(choice.door, me, header, old_bytes + NATURAL_ALIGN, NATURAL_ALIGN,
                                            bytes + NATURAL_ALIGN, NATURAL_ALIGN);
        if (base) ((struct header *)(void *)base)->bytes = bytes;
        return base ? base + NATURAL_ALIGN : NULL;
    }
    void *moved = composed_alloc(me, bytes, NATURAL_ALIGN, false);
    if (!moved) return NULL;
    memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
    composed_free(me, block);
    return moved;
}

/* ---- any block, slower ---- */

/* Returns a block, or NULL with errno set. */
static MK_NOINLINE void *serve_alloc(size_t bytes, size_t align, bool zeroed) {
    void *block = NULL;
    if (!is_ready()) return mk_early_alloc(bytes, align);
    if (MK_LIKELY(bytes <= PTRDIFF_MAX - align && align <= PTRDIFF_MAX)) {
        struct mk_seat *seat = mk_enter();
        struct mk_thread *me = seat ? &seat->me : NULL;
        if (!bytes) bytes = 1;
        block = !direct ? composed_alloc(me, bytes, align, zeroed)
                : zeroed ? tl_zalloc(direct, me, bytes, align)
                         : tl_alloc(direct, me, bytes, align);
        mk_leave(seat);
    }
    if (MK_UNLIKELY(!block)) errno = ENOMEM;
    return block;
}

/* Any block, and NULL. */
static MK_NOINLINE void serve_free(void *block) {
    size_t bytes, align;
    if (!block || mk_early_has(block) || !is_ready()) return;
    int saved = errno;
    struct mk_seat *seat = mk_enter();
    struct mk_thread *me = seat ? &seat->me : NULL;
    if (direct) {
        tl_find(direct, block, &bytes, &align);
        tl_free(direct, me, block, bytes, align);
    } else {
        composed_free(me, block);
    }
    mk_leave(seat);
    errno = saved;
}

static size_t serve_usable(const void *block) {
    size_t bytes, align;
    if (mk_early_has(block)) return mk_early_bytes(block);
    if (!direct) return header_of(block)->bytes;
    tl_find(direct, block, &bytes, &align);
    return bytes;
}

/* Returns the block with its first bytes in it, or NULL: the old one stands. */
static MK_NOINLINE void *serve_resize(void *block, size_t bytes) {
    size_t old_bytes, old_align;
    if (mk_early_has(block) || !is_ready()) {
        void *moved = malloc(bytes);
        old_bytes = mk_early_bytes(block);
        return moved ? memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes) : NULL;
    }
    void *resized = NULL;
    if (bytes <= PTRDIFF_MAX - NATURAL_ALIGN) {
        struct mk_seat *seat = mk_enter();
        struct mk_thread *me = seat ? &seat->me : NULL;
        if (direct) {
            tl_find(direct, block, &old_bytes, &old_align);
            resized = tl_resize(direct, me, block, old_bytes, old_align, bytes, NATURAL_ALIGN);
        } else {
            resized = composed_resize(me, block, bytes);
        }
        mk_leave(seat);
    }
    if (!resized) errno = ENOMEM;
    return resized;
}

/* ---- small blocks of this thread ---- */

/* Returns the newest block of the magazine, or NULL. */
MK_INLINE void *pop(struct tl_heap *heap, size_t bytes) {
    struct tl_magazine *magazine = &heap->magazine[tl_class_of_bytes(bytes)];
    uint32_t top = magazine->top;
    if (MK_UNLIKELY(top == magazine->from)) return NULL;
    magazine->top = --top;
    return heap->slot[top];
}

static MK_NOINLINE void spill(struct tl_heap *heap, uint32_t class, void *block) {
    int saved = errno;
    struct mk_seat *seat = mk_enter_id(heap->owner - 1);
    tl_spill(direct, heap, &seat->me, class, block);
    mk_leave(seat);
    errno = saved;
}

/* A small one of another thread's, nobody's, or early memory. Gathered for its owner as tl_send does it, but that no
 * more than one store makes it count; what that hands over goes through mk_enter. */
static MK_NOINLINE void send(struct tl_heap *heap, void *block, uint32_t info) {
    uint32_t owner = tl_owner(info);
    struct tl_out *out = &heap->out[owner % TL_OUTS];
    uint32_t n = out->n, bytes = out->bytes + direct->class[tl_class(info)].bytes;
    if (MK_LIKELY(out->owner == owner && owner && n + 1 < TL_BATCH && bytes < TL_BATCH_BYTES)) {
        out->bytes = bytes;
        out->block[n] = block;
        __atomic_store_n(&out->n, n + 1, __ATOMIC_RELEASE); /* as in free */
        return;
    }
    if (MK_UNLIKELY(!owner) && mk_early_has(block)) return;
    int saved = errno;
    struct mk_seat *seat = mk_enter_id(heap->owner - 1);
    tl_send(direct, heap, &seat->me, block, info);
    mk_leave(seat);
    errno = saved;
}

/* Whether a small block stays where it is when it is to have so many bytes: it has room for them, and less than a
 * quarter would be gained by copying them elsewhere. */
MK_INLINE bool stays(size_t had, size_t bytes) {
    return bytes <= had && bytes > had - had / 4;
}

/* ---- what the C library exports ---- */

EXPORT void *malloc(size_t bytes) {
    struct tl_heap *heap = mine.heap;
    if (MK_LIKELY(bytes - 1 < TL_SMALL_MAX)) {
        void *block = pop(heap, bytes);
        if (MK_LIKELY(block != NULL)) return block;
    }
    return serve_alloc(bytes, NATURAL_ALIGN, false);
}

EXPORT void free(void *block) {
    if (MK_UNLIKELY(!((uint32_t)(uintptr_t)block & mine.unit_bits))) {
        serve_free(block);
        return;
    }
    struct tl_heap *heap = mine.heap;
    uint32_t info = tl_info_of(block);
    if (MK_UNLIKELY(!tl_keeps(heap, info))) {
        send(heap, block, info);
        return;
    }
    struct tl_magazine *magazine = &heap->magazine[tl_class(info)];
    uint32_t top = magazine->top;
    if (MK_UNLIKELY(top == magazine->end)) {
        spill(heap, tl_class(info), block);
        return;
    }
    heap->slot[top] = block;
    /* release: a child of fork never finds a slot counted that is not filled */
    __atomic_store_n(&magazine->top, top + 1, __ATOMIC_RELEASE);
}

EXPORT void *calloc(size_t n, size_t each) {
    size_t bytes;
    if (MK_UNLIKELY(__builtin_mul_overflow(n, each, &bytes))) {
        errno = ENOMEM;
        return NULL;
    }
    if (MK_LIKELY(bytes - 1 < TL_MAGAZINE_BLOCK)) {
        void *block = pop(mine.heap, bytes);
        if (MK_LIKELY(block != NULL)) return memset(block, 0, bytes);
    }
    return serve_alloc(bytes, NATURAL_ALIGN, true);
}

EXPORT void *realloc(void *block, size_t bytes) {
    if (!block) return malloc(bytes);
    if (!bytes) {
        free(block);
        return NULL;
    }
    if (MK_UNLIKELY(!((uint32_t)(uintptr_t)block & mine.unit_bits) || bytes > TL_SMALL_MAX ||
                    mk_early_has(block))) {
        return serve_resize(block, bytes);
    }
    size_t had = direct->class[tl_class(tl_info_of(block))].bytes;
    if (stays(had, bytes)) return block;
    void *moved = malloc(bytes);
    if (!moved) return NULL;
    memcpy(moved, block, had < bytes ? had : bytes);
    free(block);
    return moved;
}

EXPORT void *reallocarray(void *block, size_t n, size_t each) {
    size_t bytes;
    if (__builtin_mul_overflow(n, each, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, bytes);
}

static bool is_power_of_two(size_t n) {
    return n && !(n & (n - 1));
}

/* `align` is a power of two. */
static void *aligned(size_t align, size_t bytes) {
    return align <= NATURAL_ALIGN ? malloc(bytes) : serve_alloc(bytes, align, false);
}

EXPORT int posix_memalign(void **block, size_t align, size_t bytes) {
    int saved = errno;
    if (!is_power_of_two(align) || align % sizeof(void *)) return EINVAL;
    void *got = aligned(align, bytes);
    errno = saved;
    if (!got) return ENOMEM;
    *block = got;
    return 0;
}

EXPORT void *aligned_alloc(size_t align, size_t bytes) {
    if (is_power_of_two(align)) return aligned(align, bytes);
    errno = EINVAL;
    return NULL;
}

/* As the C library does: what is no power of two stands for the next one. */
EXPORT void *memalign(size_t align, size_t bytes) {
    if (align > SIZE_MAX / 2 + 1) {
        errno = EINVAL;
        return NULL;
    }
    if (!is_power_of_two(align)) align = align ? (size_t)2 << (63 - __builtin_clzll(align)) : 1;
    return aligned(align, bytes);
}

EXPORT void *valloc(size_t bytes) {
    return aligned(TL_UNIT_BYTES, bytes);
}

EXPORT void *pvalloc(size_t bytes) {
    if (bytes > PTRDIFF_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    if (!bytes) bytes = 1;
    return aligned(TL_UNIT_BYTES, (bytes + TL_UNIT_BYTES - 1) & -TL_UNIT_BYTES);
}

EXPORT size_t malloc_usable_size(void *block) {
    return block ? serve_usable(block) : 0;
}

/* What `keep` would keep is no part of this allocator. Threads but the caller's keep their magazines. */
EXPORT int malloc_trim(size_t keep) {
    (void)keep;
    if (!is_ready()) return 0;
    int saved = errno;
    mk_flush_caller();
    struct mk_seat *seat = mk_enter(); /* so that no fork comes in between */
    bool any = mk_pages_trim();
    mk_leave(seat);
    errno = saved;
    return any;
}

/* The names that the C library has for the same. Of their attributes nobody here is told. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmissing-attributes"
#endif
#define ALIAS(name, of) extern __typeof__(of) name __attribute__((visibility("default"), alias(#of)))
ALIAS(__libc_malloc, malloc);
ALIAS(__libc_free, free);
ALIAS(__libc_calloc, calloc);
ALIAS(__libc_realloc, realloc);
ALIAS(__libc_memalign, memalign);
ALIAS(__libc_valloc, valloc);
ALIAS(__libc_pvalloc, pvalloc);
