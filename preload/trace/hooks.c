/* hooks.c - what programs call in place of their allocator. Each hands the call on, and records it: what frees,
 * before the call, while the address is still the caller's; what allocates, after it. realloc is both. */
#include "trace.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT void *malloc(size_t size);
EXPORT void *calloc(size_t n, size_t size);
EXPORT void *realloc(void *block, size_t size);
EXPORT void *reallocarray(void *block, size_t n, size_t size);
EXPORT void free(void *block);
EXPORT int posix_memalign(void **out, size_t align, size_t size);
EXPORT void *aligned_alloc(size_t align, size_t size);
EXPORT void *memalign(size_t align, size_t size);
EXPORT void *valloc(size_t size);
EXPORT void *pvalloc(size_t size);
EXPORT size_t malloc_usable_size(void *block);

static bool ready(void) {
    return MK_LIKELY(mk_next.malloc != NULL) || mk_next_find();
}

/* Returns the smallest n with 2^n >= align. */
static unsigned log2_of(size_t align) {
    unsigned n = 0;
    while (n < 63 && ((size_t)1 << n) < align) n++;
    return n;
}

static void *allocated(unsigned code, size_t align, void *block, size_t size) {
    unsigned align_log2 = align ? log2_of(align) : 0;
    if (MK_LIKELY(block != NULL)) mk_trace_put(code, align_log2, block, size);
    else if (mk_trace_on) mk_trace_rare(MK_RAW_FAILED, align_log2, (const void *)(uintptr_t)code, size);
    return block;
}

void *malloc(size_t size) {
    if (!ready()) return mk_arena_take(size, 16);
    return allocated(MK_RAW_MALLOC, 0, mk_next.malloc(size), size);
}

void *calloc(size_t n, size_t size) {
    size_t bytes = 0;
    bool sane = !__builtin_mul_overflow(n, size, &bytes);
    if (!ready()) return sane ? mk_arena_take(bytes, 16) : NULL;
    return allocated(MK_RAW_CALLOC, 0, mk_next.calloc(n, size), sane ? bytes : SIZE_MAX);
}

void free(void *block) {
    if (!block || mk_arena_reach(block) || !ready()) return;
    mk_trace_put(MK_RAW_FREE, 0, block, 0);
    mk_next.free(block);
}

/* A block of the arena moves out of it; how long it is nobody knows, so that all up to its end may be copied. */
static void *leave_arena(const void *block, size_t size) {
    size_t reach = mk_arena_reach(block);
    void *made = malloc(size);
    if (made) memcpy(made, block, size < reach ? size : reach);
    return made;
}

void *realloc(void *block, size_t size) {
    if (!block) return malloc(size);
    if (mk_arena_reach(block)) return leave_arena(block, size);
    if (!ready()) return NULL;
    mk_trace_put(MK_RAW_TAKE, 0, block, 0);
    void *made = mk_next.realloc(block, size);
    if (MK_LIKELY(made != NULL)) mk_trace_put(MK_RAW_GIVE, 0, made, size);
    else if (mk_trace_on) mk_trace_rare(size ? MK_RAW_KEPT : MK_RAW_FREED, 0, NULL, size);
    return made;
}

void *reallocarray(void *block, size_t n, size_t size) {
    size_t bytes;
    if (!__builtin_mul_overflow(n, size, &bytes)) return realloc(block, bytes);
    if (mk_trace_on) mk_trace_rare(MK_RAW_FAILED, 0, (const void *)(uintptr_t)MK_RAW_TAKE, SIZE_MAX);
    errno = ENOMEM;
    return NULL;
}

int posix_memalign(void **out, size_t align, size_t size) {
    void *made = NULL;
    if (!ready()) return (*out = mk_arena_take(size, align)) ? 0 : ENOMEM;
    int failed = mk_next.posix_memalign(&made, align, size);
    if (!failed) *out = made;
    allocated(MK_RAW_ALIGNED, align, failed ? NULL : made, size);
    return failed;
}

void *aligned_alloc(size_t align, size_t size) {
    if (!ready()) return mk_arena_take(size, align);
    void *made = mk_next.aligned_alloc ? mk_next.aligned_alloc(align, size) : mk_next.memalign(align, size);
    return allocated(MK_RAW_ALIGNED, align, made, size);
}

void *memalign(size_t align, size_t size) {
    if (!ready()) return mk_arena_take(size, align);
    return allocated(MK_RAW_ALIGNED, align, mk_next.memalign(align, size), size);
}

/* By memalign: not every allocator brings the next two, and a block of another one could not be freed. */
void *valloc(size_t size) {
    return memalign((size_t)sysconf(_SC_PAGESIZE), size);
}

void *pvalloc(size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes;
    if (!__builtin_add_overflow(size, page - 1, &bytes)) return memalign(page, size ? bytes & ~(page - 1) : page);
    errno = ENOMEM;
    return NULL;
}

size_t malloc_usable_size(void *block) {
    if (!block || mk_arena_reach(block) || !ready() || !mk_next.usable_size) return 0;
    return mk_next.usable_size(block);
}
