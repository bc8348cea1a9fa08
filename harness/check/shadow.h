/* shadow.h - which bytes belong to which live block, and what has to stand in them: the oracle of
 * everything that hands out memory. One thread at a time; blocks of several threads are compared
 * after these have been joined, so that the oracle orders nothing that it is to judge. */
#ifndef MK_SHADOW_H
#define MK_SHADOW_H

#include "../impl_api.h"

/* All zero is empty. */
struct mk_shadow {
    void *blocks; /* a search tree by address, in which blocks that overlap are equal */
    uint64_t count, bytes;
};

/* Enters a block. Returns 0, or -1 with err set and the block not entered: its address is no multiple
 * of `align`, or it overlaps a live one. */
int mk_shadow_add(struct mk_shadow *shadow, const void *at, size_t bytes, size_t align, struct mk_err *err);

/* Takes out the block that starts at `at`. Returns 0, or -1 with err set: none does, or it was entered
 * with another size or alignment, and is taken out all the same. */
int mk_shadow_remove(struct mk_shadow *shadow, const void *at, size_t bytes, size_t align, struct mk_err *err);

/* Returns whether a live block starts there. */
bool mk_shadow_has(const struct mk_shadow *shadow, const void *at);

/* Returns whether all these bytes lie in one live block. */
bool mk_shadow_covers(const struct mk_shadow *shadow, const void *at, size_t bytes);

/* Takes out all blocks. */
void mk_shadow_clear(struct mk_shadow *shadow);

/* Fills a block with what follows from the tag; two tags agree in no word of the same place. */
void mk_pattern_fill(void *at, size_t bytes, uint64_t tag);

/* Returns the offset of the first byte that is not as mk_pattern_fill left it, or SIZE_MAX. */
size_t mk_pattern_differs(const void *at, size_t bytes, uint64_t tag);

/* Returns the offset of the first byte that is not zero, or SIZE_MAX. */
size_t mk_pattern_not_zero(const void *at, size_t bytes);

#endif
