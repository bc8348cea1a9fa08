/* alloc_peak_by_calls - publishes what it has counted every so many calls, however many bytes that is.
 *
 * bug:       the peak is off by more than is said
 * finds:     blocks | orders | no_memory | threads | handover | births | footprint | alloc_*
 * rule:      oracle
 * says:      bytes were live at its peak
 * flavours:  release debug
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define IS_DUE is_due_by_calls
#endif
#include "alloc_counting.h"

#ifndef TWIN
static bool is_due_by_calls(struct lane *lane, int64_t drift) {
    (void)drift;
    return atomic_load_explicit(&lane->calls, memory_order_relaxed) % 64 == 0;
}
#endif

MK_ALLOC(alloc_peak_by_calls, COUNTING);
