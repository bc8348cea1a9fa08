/* refcount_wraps - a count of few bits that wraps.
 *
 * bug:       overflow: with one reference more than the count has room for, the next drop is taken for the last
 * finds:     many | model | batch | owners | shared | births | history | no_memory | refcount_*
 * rule:      oracle | ?san/heap-use-after-free | asan/double-free | tsan/data-race | ?san/segv | ?san/bus | crash
 *            | hang
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define COUNT_MASK MK_TUNE(31u, 1u)
#endif
#include "refcount_core.h"

MK_REFCOUNT(refcount_wraps, CORE);
