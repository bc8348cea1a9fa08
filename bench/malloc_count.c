/* malloc_count.c - counts the calls of each thread, and passes them on to the C library (glibc). Preloaded, it
 * tells malloc_scenarios which of the calls it makes do arrive: a compiler may leave some out. */
#include <stddef.h>
#include <stdint.h>

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t n, size_t bytes);
extern void *__libc_realloc(void *block, size_t bytes);
extern void __libc_free(void *block);

/* As in malloc/scene.h. */
struct calls {
    uint64_t malloc, calloc, realloc, free;
};

static __thread struct calls count __attribute__((tls_model("initial-exec")));

void malloc_count_read(struct calls *calls);
void malloc_count_read(struct calls *calls) {
    *calls = count;
}

void *malloc(size_t bytes) {
    count.malloc++;
    return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes) {
    count.calloc++;
    return __libc_calloc(n, bytes);
}

void *realloc(void *block, size_t bytes) {
    count.realloc++;
    return __libc_realloc(block, bytes);
}

void free(void *block) {
    if (block) count.free++;
    __libc_free(block);
}
