/* shadow.c - see shadow.h. The C library's search tree does the searching. */
#include "shadow.h"

#include <search.h>
#include <stdlib.h>

#include "../record.h"

struct block {
    uintptr_t at;
    size_t bytes, align;
};

/* Blocks that share a byte are equal. */
static int compare_blocks(const void *left, const void *right) {
    const struct block *a = left, *b = right;
    if (a->at + a->bytes <= b->at) return -1;
    return a->at >= b->at + b->bytes;
}

/* Returns a live block that shares a byte with these, or NULL. */
static struct block *find(const struct mk_shadow *shadow, const void *at, size_t bytes) {
    struct block wanted = {(uintptr_t)at, bytes, 1};
    struct block **found = tfind(&wanted, &shadow->blocks, compare_blocks);
    return found ? *found : NULL;
}

int mk_shadow_add(struct mk_shadow *shadow, const void *at, size_t bytes, size_t align, struct mk_err *err) {
    if ((uintptr_t)at % align) return mk_fail(err, "block %p is no multiple of %zu, as was asked for", at, align);
    struct block *other = find(shadow, at, bytes);
    if (other) {
        return mk_fail(err, "block %p of %zu bytes overlaps the live block %p of %zu bytes", at, bytes,
                       (void *)other->at, other->bytes);
    }
    struct block *block = mk_need(1, sizeof *block);
    *block = (struct block){(uintptr_t)at, bytes, align};
    if (!tsearch(block, &shadow->blocks, compare_blocks)) abort();
    shadow->count++;
    shadow->bytes += bytes;
    return 0;
}

int mk_shadow_remove(struct mk_shadow *shadow, const void *at, size_t bytes, size_t align, struct mk_err *err) {
    struct block *block = find(shadow, at, 1);
    if (!block) return mk_fail(err, "%p is no live block", at);
    if (block->at != (uintptr_t)at) {
        return mk_fail(err, "%p is no live block: it lies %zu bytes inside one of %zu bytes", at,
                       (size_t)((uintptr_t)at - block->at), block->bytes);
    }
    int failed = 0;
    if (block->bytes != bytes || block->align != align) {
        failed = mk_fail(err,
                         "a block of %zu bytes at a multiple of %zu is freed as one of %zu bytes at a multiple "
                         "of %zu",
                         block->bytes, block->align, bytes, align);
    }
    shadow->count--;
    shadow->bytes -= block->bytes;
    tdelete(block, &shadow->blocks, compare_blocks);
    free(block);
    return failed;
}

bool mk_shadow_has(const struct mk_shadow *shadow, const void *at) {
    const struct block *block = find(shadow, at, 1);
    return block && block->at == (uintptr_t)at;
}

bool mk_shadow_covers(const struct mk_shadow *shadow, const void *at, size_t bytes) {
    const struct block *block = find(shadow, at, 1);
    return block && bytes <= block->at + block->bytes - (uintptr_t)at;
}

void mk_shadow_clear(struct mk_shadow *shadow) {
    tdestroy(shadow->blocks, free);
    memset(shadow, 0, sizeof *shadow);
}

/* ---- what stands in a block ------------------------------------------------------------------ */

#define STEP 0x9e3779b97f4a7c15u

void mk_pattern_fill(void *at, size_t bytes, uint64_t tag) {
    unsigned char *to = at;
    for (uint64_t word = mk_mix64(tag); bytes; word += STEP) {
        size_t n = bytes < sizeof word ? bytes : sizeof word;
        memcpy(to, &word, n);
        to += n;
        bytes -= n;
    }
}

size_t mk_pattern_differs(const void *at, size_t bytes, uint64_t tag) {
    const unsigned char *from = at;
    uint64_t word = mk_mix64(tag);
    for (size_t i = 0; i < bytes; i += sizeof word, word += STEP) {
        size_t n = bytes - i < sizeof word ? bytes - i : sizeof word;
        if (memcmp(from + i, &word, n) == 0) continue;
        const unsigned char *wanted = (const unsigned char *)&word;
        while (from[i] == *wanted) {
            i++;
            wanted++;
        }
        return i;
    }
    return SIZE_MAX;
}

size_t mk_pattern_not_zero(const void *at, size_t bytes) {
    const unsigned char *from = at;
    for (size_t i = 0; i < bytes; i++) {
        if (from[i]) return i;
    }
    return SIZE_MAX;
}
