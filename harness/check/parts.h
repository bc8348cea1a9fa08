/* parts.h - what linear.c needs of a table of parts beyond linear.h: parts by index, in the order they came. */
#ifndef MK_PARTS_H
#define MK_PARTS_H

#include "linear.h"

/* Returns the index of a part, which is added if it is new. */
size_t mk_parts_index(struct mk_parts *parts, uint64_t part);
size_t mk_parts_count(const struct mk_parts *parts);
uint64_t mk_parts_part(const struct mk_parts *parts, size_t index);
/* Valid until a part is added: its state, and whether that is not known. */
void *mk_parts_at(struct mk_parts *parts, size_t index);
bool *mk_parts_lost(struct mk_parts *parts, size_t index);

#endif
