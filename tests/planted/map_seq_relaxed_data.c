/* map_seq_relaxed_data - stores the data under a sequence lock relaxed.
 *
 * bug:       release is missing: a reader finds new data, and then the version from before
 * finds:     history | map_*
 * rule:      oracle
 * flavours:  model
 * pressure:  any
 * single:    passes
 * only:      model: x86 keeps stores in order, and ThreadSanitizer sees accesses one after another
 */
#ifndef TWIN
#define STORED memory_order_relaxed
#endif
#include "map_seqlock.h"

MK_MAP(map_seq_relaxed_data, SEQLOCK);
