/* heap_pages.c - mmap and its kin, on the checked heap: for allocators. */
#include "heap_parts.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libc.h"

#define CALLER ((uintptr_t)__builtin_return_address(0))

static size_t whole_pages(size_t bytes) {
    return (bytes + MK_HEAP_PAGE - 1) / MK_HEAP_PAGE * MK_HEAP_PAGE;
}

/* Pages that may be in use become zero: nobody may be at work on them. */
static void start_over(uintptr_t low, size_t bytes, uintptr_t pc) {
    mk_rt_point(MK_ACT_FREE, low, pc);
    mk_heap_check(low, bytes, true, pc);
    mk_race_freed(low, bytes, pc);
    mk_heap_zero(low, bytes);
    mk_race_fresh(low, bytes);
}

/* ---- mappings -------------------------------------------------------------------------------- */

void *mk_model_mmap(void *hint, size_t bytes, int protection, int flags, int file, off_t offset) {
    if (!mk_rt.on) return mmap(hint, bytes, protection, flags, file, offset);
    if (!bytes || bytes > SIZE_MAX - MK_HEAP_PAGE || !(flags & MAP_ANONYMOUS)) {
        errno = flags & MAP_ANONYMOUS ? EINVAL : ENODEV;
        return MAP_FAILED;
    }
    bytes = whole_pages(bytes);
    if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
        uintptr_t low = mk_heap_take(MK_HEAP_PAGES, bytes, MK_HEAP_PAGE, true, CALLER);
        return low ? (void *)low : MAP_FAILED;
    }
    /* In place of pages that the caller has; nowhere else. */
    if (flags & MAP_FIXED_NOREPLACE || !mk_heap_owns((uintptr_t)hint) || (uintptr_t)hint % MK_HEAP_PAGE) {
        errno = flags & MAP_FIXED_NOREPLACE ? EEXIST : EINVAL;
        return MAP_FAILED;
    }
    start_over((uintptr_t)hint, bytes, CALLER);
    return hint;
}

/* Returns the mapping that the address lies in; fails where none does. */
static struct mk_heap_chunk *mapping_at(uintptr_t address, uintptr_t pc) {
    struct mk_heap_region *region;
    struct mk_heap_chunk *chunk = mk_heap_find(address, &region);
    if (region != &mk_heap_regions[MK_HEAP_PAGES] || !chunk || !chunk->live ||
        address - chunk->low >= chunk->bytes) {
        mk_heap_bad_free(address, "unmaps", pc);
    }
    return chunk;
}

int mk_model_munmap(void *low, size_t bytes) {
    struct mk_heap_region *region = &mk_heap_regions[MK_HEAP_PAGES];
    uintptr_t at = (uintptr_t)low;
    if (!mk_heap_owns(at)) return munmap(low, bytes);
    if (!mk_rt.on) return 0;
    if (at % MK_HEAP_PAGE || !bytes || bytes > MK_HEAP_BYTES) {
        errno = EINVAL;
        return -1;
    }
    mk_rt_point(MK_ACT_FREE, at, CALLER);
    for (uintptr_t end = at + whole_pages(bytes); at < end;) {
        mapping_at(at, CALLER);
        mk_heap_split(region, at);
        struct mk_heap_chunk *chunk = mapping_at(at, CALLER);
        if (chunk->low + chunk->bytes > end) {
            mk_heap_split(region, end);
            chunk = mapping_at(at, CALLER);
        }
        at = chunk->low + chunk->bytes;
        mk_heap_give(region, chunk, CALLER);
    }
    return 0;
}

void *mk_model_mremap(void *old, size_t old_bytes, size_t bytes, int flags, ...) {
    if (!mk_heap_owns((uintptr_t)old)) {
        va_list args;
        va_start(args, flags);
        void *wanted = flags & MREMAP_FIXED ? va_arg(args, void *) : NULL;
        va_end(args);
        return mremap(old, old_bytes, bytes, flags, wanted);
    }
    old_bytes = whole_pages(old_bytes);
    bytes = whole_pages(bytes);
    if (!mk_rt.on || !bytes || bytes > old_bytes || flags & MREMAP_FIXED) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    if (bytes < old_bytes && mk_model_munmap((char *)old + bytes, old_bytes - bytes)) return MAP_FAILED;
    return old;
}

/* Who may do what to pages is not kept: they are there, or not. */
int mk_model_mprotect(void *low, size_t bytes, int protection) {
    if (!mk_heap_owns((uintptr_t)low)) return mprotect(low, bytes, protection);
    if (mk_rt.on) mk_heap_check((uintptr_t)low, bytes, true, CALLER);
    return 0;
}

int mk_model_madvise(void *low, size_t bytes, int advice) {
    if (!mk_heap_owns((uintptr_t)low)) return madvise(low, bytes, advice);
    if (!mk_rt.on) return 0;
    if ((uintptr_t)low % MK_HEAP_PAGE) {
        errno = EINVAL;
        return -1;
    }
    bytes = whole_pages(bytes);
    mk_heap_check((uintptr_t)low, bytes, true, CALLER);
    /* The kernel may take what is MADV_FREE at any time: it does at once. */
    if (bytes && (advice == MADV_DONTNEED || advice == MADV_FREE)) start_over((uintptr_t)low, bytes, CALLER);
    return 0;
}

/* ---- the break ------------------------------------------------------------------------------- */

/* Returns the chunk up to the break, which the first one who asks makes; or NULL. */
static struct mk_heap_chunk *break_area(struct mk_heap_region *region, uintptr_t pc) {
    if (region->n) return &region->chunks[0];
    struct mk_heap_chunk *chunk = mk_heap_carve(region, region->limit - region->base, 0, MK_HEAP_PAGE);
    if (chunk) mk_heap_hand_out(region, chunk, 0, pc);
    return chunk;
}

static void grow_break(struct mk_heap_region *region, struct mk_heap_chunk *area, size_t bytes) {
    uintptr_t old = area->low + area->bytes, end = old + bytes;
    mk_race_fresh(old, bytes);
    if (old < region->dirty) mk_heap_zero(old, (end < region->dirty ? end : region->dirty) - old);
    if (end > region->dirty) region->dirty = end;
    mk_heap_resize(region, area, area->bytes + bytes);
}

void *mk_model_sbrk(intptr_t bytes) {
    struct mk_heap_region *region = &mk_heap_regions[MK_HEAP_BREAK];
    if (!mk_rt.on) return sbrk(bytes);
    mk_rt_point(bytes < 0 ? MK_ACT_FREE : MK_ACT_ALLOC, 0, CALLER);
    struct mk_heap_chunk *area = break_area(region, CALLER);
    size_t had = area ? area->bytes : 0, less = bytes < 0 ? (size_t)-bytes : 0;
    if (!area || (bytes > 0 && ((size_t)bytes > area->capacity - had || mk_heap_refuses())) || less > had) {
        mk_rt.limits += area && bytes > 0 && (size_t)bytes > area->capacity - had;
        mk_heap_tell(MK_ACT_ALLOC, "sbrk", 0, bytes > 0 ? (size_t)bytes : 0, CALLER);
        errno = ENOMEM;
        return (void *)-1;
    }
    if (bytes > 0) grow_break(region, area, (size_t)bytes);
    if (less) {
        mk_race_freed(area->low + had - less, less, CALLER);
        mk_heap_resize(region, area, had - less);
    }
    mk_heap_tell(bytes < 0 ? MK_ACT_FREE : MK_ACT_ALLOC, "sbrk", area->low + had, bytes > 0 ? (size_t)bytes : less,
                 CALLER);
    return (void *)(area->low + had);
}

int mk_model_getpagesize(void) {
    return mk_rt.on ? (int)MK_HEAP_PAGE : getpagesize();
}
