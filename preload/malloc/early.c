/* early.c - memory for what is asked while the allocator is being made: by the first thread, for the books of the
 * registry and of the composition. One aligned piece, in which the first page stays zero, so that the address of a
 * block says of itself that no heap owns it. What is freed is not used again.
 */
#include "memkit.h"

#include <sys/mman.h>

#define EARLY_BYTES ((size_t)131072) /* and its alignment: a chunk of alloc/thread_local */
#define EARLY_FIRST ((size_t)4096)
#define EARLY_HEADER ((size_t)16) /* the block's size, right before it */

static unsigned char *early_base;
static size_t early_next;

static bool early_open(void) {
    unsigned char *at = mmap(NULL, 2 * EARLY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return false;
    size_t before = -(uintptr_t)at & (EARLY_BYTES - 1);
    if (before) munmap(at, before);
    munmap(at + before + EARLY_BYTES, EARLY_BYTES - before);
    early_base = at + before;
    early_next = EARLY_FIRST;
    return true;
}

/* Zeroed. */
void *mk_early_alloc(size_t bytes, size_t align) {
    if (align < EARLY_HEADER) align = EARLY_HEADER;
    if (!early_base && !early_open()) return NULL;
    if (bytes > EARLY_BYTES || align > EARLY_FIRST) return NULL;
    size_t at = (early_next + EARLY_HEADER + align - 1) & -align;
    if (at + bytes > EARLY_BYTES) return NULL;
    early_next = at + bytes;
    *(size_t *)(void *)(early_base + at - EARLY_HEADER) = bytes;
    return early_base + at;
}

bool mk_early_has(const void *block) {
    return early_base && (uintptr_t)block - (uintptr_t)early_base < EARLY_BYTES;
}

size_t mk_early_bytes(const void *block) {
    return *(const size_t *)(const void *)((const unsigned char *)block - EARLY_HEADER);
}
