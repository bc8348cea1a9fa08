/* stamp.h - when something happened, on one clock for all threads.
 *
 * A stamp is taken behind a full fence, so that everything before it in the thread has taken effect everywhere,
 * stores included, and before anything after it begins: then an operation between two stamps took place between
 * them, and intervals are never too short. The clock is the CPU's time stamp counter where that runs at one rate on
 * all PUs and their offsets have been measured; else a counter that all threads share.
 */
#ifndef MK_STAMP_H
#define MK_STAMP_H

#include <stdatomic.h>

#include "../impl_api.h"

struct mk_stamps {
    bool logical;       /* the shared counter */
    uint64_t slack;     /* the clocks of two PUs differ by at most so much */
    const char *why;    /* why the counter is not trusted; NULL = it is */
    _Atomic(uint64_t) counter MK_ALIGNED(MK_CACHE_LINE);
};

/* Looks at the machine, once a process (further calls copy what the first found), and says which clock it is to be.
 * `logical` asks for the shared counter in any case. */
void mk_stamps_open(struct mk_stamps *stamps, bool logical);

#endif
