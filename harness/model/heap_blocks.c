/* heap_blocks.c - malloc and its kin, on the checked heap. */
#include "heap_parts.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "libc.h"

#define ALIGN_USUAL _Alignof(max_align_t)
#define ZEROES_SEEN 4096u /* bytes at the beginning of a block that calloc is seen to write */
#define CALLER ((uintptr_t)__builtin_return_address(0))

/* ---- allocating ------------------------------------------------------------------------------ */

static void *take(size_t bytes, size_t align, bool zero, uintptr_t pc) {
    return (void *)mk_heap_take(MK_HEAP_BLOCKS, bytes, align, zero, pc);
}

/* Zeroes are written by whoever asks for them: another thread has to come after that. */
static void *take_zeroes(size_t bytes, uintptr_t pc) {
    void *block = take(bytes, ALIGN_USUAL, true, pc);
    size_t seen = bytes < ZEROES_SEEN ? bytes : ZEROES_SEEN;
    if (block && seen && mk_rt.n > 1) mk_race_plain((uintptr_t)block, seen, true, pc);
    return block;
}

void *mk_model_malloc(size_t bytes) {
    return mk_rt.on ? take(bytes, ALIGN_USUAL, false, CALLER) : malloc(bytes);
}

void *mk_model_calloc(size_t count, size_t bytes) {
    size_t total;
    if (!mk_rt.on) return calloc(count, bytes);
    if (__builtin_mul_overflow(count, bytes, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return take_zeroes(total, CALLER);
}

static bool is_power_of_two(size_t n) {
    return n && !(n & (n - 1));
}

static void *take_aligned(size_t align, size_t bytes, uintptr_t pc) {
    return take(bytes, align < ALIGN_USUAL ? ALIGN_USUAL : align, false, pc);
}

void *mk_model_aligned_alloc(size_t align, size_t bytes) {
    if (!mk_rt.on) return aligned_alloc(align, bytes);
    if (!is_power_of_two(align)) {
        errno = EINVAL;
        return NULL;
    }
    return take_aligned(align, bytes, CALLER);
}

void *mk_model_memalign(size_t align, size_t bytes) {
    if (!mk_rt.on) return memalign(align, bytes);
    if (!is_power_of_two(align)) {
        errno = EINVAL;
        return NULL;
    }
    return take_aligned(align, bytes, CALLER);
}

int mk_model_posix_memalign(void **out, size_t align, size_t bytes) {
    if (!mk_rt.on) return posix_memalign(out, align, bytes);
    if (!is_power_of_two(align) || align % sizeof(void *)) return EINVAL;
    int before = errno;
    void *block = take_aligned(align, bytes, CALLER);
    errno = before;
    if (!block) return ENOMEM;
    mk_libc_touch(out, sizeof *out, true, CALLER);
    *out = block;
    return 0;
}

/* ---- giving back ----------------------------------------------------------------------------- */

/* Returns the live block that begins at the address; fails where none does. */
static struct mk_heap_chunk *block_at(uintptr_t address, const char *does, uintptr_t pc) {
    struct mk_heap_region *region;
    struct mk_heap_chunk *chunk = mk_heap_find(address, &region);
    if (region != &mk_heap_regions[MK_HEAP_BLOCKS] || !chunk || !chunk->live || chunk->low != address) {
        mk_heap_bad_free(address, does, pc);
    }
    return chunk;
}

static void give(uintptr_t address, const char *does, uintptr_t pc) {
    mk_rt_point(MK_ACT_FREE, address, pc);
    mk_heap_give(&mk_heap_regions[MK_HEAP_BLOCKS], block_at(address, does, pc), pc);
}

void mk_model_free(void *block) {
    if (!mk_heap_owns((uintptr_t)block)) {
        free(block);
    } else if (mk_rt.on) {
        give((uintptr_t)block, "frees", CALLER);
    }
}

/* ---- reallocating ---------------------------------------------------------------------------- */

/* While no schedule is at work: the block goes over to the C library. */
static void *move_out(const void *old, size_t bytes) {
    size_t had = mk_heap_room((uintptr_t)old);
    void *block = malloc(bytes);
    if (block) memcpy(block, old, had < bytes ? had : bytes);
    return block;
}

/* The block always moves: who has kept the old address is found out. */
static void *move(uintptr_t old, size_t bytes, uintptr_t pc) {
    size_t had = block_at(old, "reallocates", pc)->bytes;
    void *block = take(bytes, ALIGN_USUAL, false, pc);
    size_t kept = had < bytes ? had : bytes;
    if (!block) return NULL;
    block_at(old, "reallocates", pc); /* others have been at work meanwhile */
    if (kept) {
        mk_libc_touch((const void *)old, kept, false, pc);
        mk_libc_touch(block, kept, true, pc);
        memcpy(block, (const void *)old, kept);
    }
    give(old, "reallocates", pc);
    return block;
}

static void *change(void *old, size_t bytes, uintptr_t pc) {
    if (!old) return mk_rt.on ? take(bytes, ALIGN_USUAL, false, pc) : malloc(bytes);
    if (!mk_heap_owns((uintptr_t)old)) return realloc(old, bytes);
    if (!mk_rt.on) return move_out(old, bytes);
    if (bytes) return move((uintptr_t)old, bytes, pc);
    give((uintptr_t)old, "reallocates", pc); /* as the GNU C library does */
    return NULL;
}

void *mk_model_realloc(void *old, size_t bytes) {
    return change(old, bytes, CALLER);
}

void *mk_model_reallocarray(void *old, size_t count, size_t bytes) {
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return change(old, total, CALLER);
}

/* ---- the rest -------------------------------------------------------------------------------- */

size_t mk_model_malloc_usable_size(void *block) {
    if (!mk_heap_owns((uintptr_t)block)) return malloc_usable_size(block);
    return mk_rt.on ? block_at((uintptr_t)block, "asks for the size of", CALLER)->bytes
                    : mk_heap_room((uintptr_t)block);
}
