/* next.c - the allocator that the program would have without the recorder, looked up once. Looking it up may ask
 * for memory itself: that comes from a small arena. */
#include "trace.h"

#include <dlfcn.h>
#include <unistd.h>

struct mk_next mk_next;

unsigned char mk_arena[MK_ARENA_BYTES] __attribute__((aligned(64)));
static size_t arena_used;
static __thread bool looking __attribute__((tls_model("initial-exec")));

void *mk_arena_take(size_t size, size_t align) {
    size_t before = __atomic_load_n(&arena_used, __ATOMIC_RELAXED), from;
    if (align < 16) align = 16;
    if (align > 4096 || size > MK_ARENA_BYTES) return NULL;
    do {
        uintptr_t base = (uintptr_t)mk_arena;
        from = (size_t)((((base + before) + align - 1) & ~(uintptr_t)(align - 1)) - base);
        if (from > MK_ARENA_BYTES || size > MK_ARENA_BYTES - from) return NULL;
    } while (!__atomic_compare_exchange_n(&arena_used, &before, from + (size ? size : 1), false, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return mk_arena + from;
}

/* Data pointers and function pointers are the same size here, which dlsym needs. */
static void find(void *function, const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    __builtin_memcpy(function, &found, sizeof found);
}

/* Returns the file that a function is in, or NULL. Here, like what is looked up above, and not when the capture is
 * opened: it takes the loader's lock, and a thread that holds that one, inside dlopen, may wait for the capture. */
static const char *file_of(void *(*function)(size_t)) {
    Dl_info info;
    return dladdr(__extension__(void *) function, &info) ? info.dli_fname : NULL;
}

bool mk_next_find(void) {
    static const char trouble[] = "libmemkit-trace.so: there is no allocator behind it\n";
    struct mk_next next;
    if (mk_next.malloc) return true;
    if (looking) return false;
    looking = true;
    find(&next.malloc, "malloc");
    find(&next.calloc, "calloc");
    find(&next.realloc, "realloc");
    find(&next.free, "free");
    find(&next.posix_memalign, "posix_memalign");
    find(&next.aligned_alloc, "aligned_alloc");
    find(&next.memalign, "memalign");
    find(&next.usable_size, "malloc_usable_size");
    find(&next.exit_now, "_exit");
    next.file = file_of(next.malloc);
    if (!next.malloc || !next.calloc || !next.realloc || !next.free || !next.posix_memalign || !next.memalign) {
        if (write(2, trouble, sizeof trouble - 1) < 0) looking = true;
        __builtin_trap();
    }
    mk_trace_prepare();
    looking = false;
    void *(*last)(size_t) = next.malloc;
    next.malloc = NULL;
    mk_next = next;
    __atomic_store_n(&mk_next.malloc, last, __ATOMIC_RELEASE); /* last: whoever sees it sees the others */
    return true;
}
