/* resident.h - the memory of this process as the system sees it. Nothing here allocates. */
#ifndef MK_RESIDENT_H
#define MK_RESIDENT_H

#include <stdbool.h>
#include <stdint.h>

/* Returns the bytes of memory that are resident, to the page where the system offers that (smaps_rollup), else
 * as its counters have them, which lag by some dozens of pages a thread. UINT64_MAX = unknown. */
uint64_t mk_resident_bytes(void);

/* From here on the peak counts. Returns whether the system lets it begin anew. */
bool mk_resident_reset_peak(void);

/* Returns the most bytes that were resident since the peak was reset, by the system's counters, UINT64_MAX =
 * unknown. */
uint64_t mk_resident_peak_bytes(void);

#endif
