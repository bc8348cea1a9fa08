/* garbage.h - what a structure has retired and not yet freed, read from its own counters, and how that changed
 * while a reader stood still. */
#ifndef MK_GARBAGE_H
#define MK_GARBAGE_H

#include "impl_api.h"
#include "sample.h"

/* Nodes and bytes; UINT64_MAX = the structure does not say. */
struct mk_garbage {
    uint64_t nodes, bytes;           /* now */
    uint64_t peak_nodes, peak_bytes; /* since it was made */
};

/* Reads the counters of one instance: at any time, by any thread, where it is no floor. While others retire and
 * free, it is no snapshot: what is retired between two loads counts, what is freed meanwhile may not be subtracted. */
void mk_garbage_read(const struct mk_impl *impl, void *self, struct mk_garbage *garbage);

/* Appends what there is now, `at_ns` after the common start. A series has at most MK_GARBAGE_LOOKS entries: once
 * it is full, every second one goes and looks become half as frequent, so that a long phase costs no more than a
 * short one. Called by one thread. */
#define MK_GARBAGE_LOOKS 512
#define MK_GARBAGE_EVERY_NS 1000000u /* at most, and at first */
void mk_garbage_look(struct mk_garbage_sample *sample, const struct mk_impl *impl, void *self, uint64_t at_ns);

/* Appends a stretch in which the reader stood in its section. */
void mk_garbage_stall(struct mk_garbage_sample *sample, uint64_t begin_ns, uint64_t end_ns);

#endif
