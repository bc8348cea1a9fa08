/* pressure.h - what makes threads meet where they rarely do: the pressures a stress run puts trials under.
 *
 * A pressure is a few switches. What concerns threads (perturbed, interrupted, one_pu, crowd) is applied where threads
 * are started (mk_subject_run); what concerns memory, at the door; what concerns the shape of the work, by oracles
 * that draw their own operations.
 */
#ifndef MK_PRESSURE_H
#define MK_PRESSURE_H

#include "../impl_api.h"

struct mk_pressure {
    const char *name, *help;
    bool perturbed;      /* threads wait at the points that builds other than release have before every atomic
                          * operation and every lock (order.h) */
    bool interrupted;    /* signals stop threads wherever they are */
    bool one_pu;         /* all threads on one PU */
    bool tiny;           /* capacity 1, and two parts */
    bool storms;         /* one thread adds and removes parts in bulk, so that what grows does, and shrinks */
    bool births;         /* threads leave and come back */
    bool stalls;         /* one thread stands in a read-side section for whole windows, where the kind has such */
    uint32_t crowd;      /* so many times as many threads as PUs; 0 = as many as asked for */
    uint32_t refuse_one_in; /* allocations refused, at random; 0 = none */
};

/* All of them, ended by one without a name. The first is `calm`: none of the above. */
extern const struct mk_pressure mk_pressures[];

/* Returns the pressure of that name, or NULL. */
const struct mk_pressure *mk_pressure_of(const char *name);

/* Returns why it cannot be applied in this build or to this implementation, or NULL. */
const char *mk_pressure_skips(const struct mk_pressure *pressure, const struct mk_impl *impl);

/* Returns how many threads a trial for so many has: no fewer, and 256 at most where that is not fewer. */
uint32_t mk_pressure_threads(const struct mk_pressure *pressure, uint32_t asked);

/* Begins with the pressure for threads that are started from now on, and ends it. The same seed chooses the same
 * places and waits. One trial at a time. */
void mk_pressure_begin(const struct mk_pressure *pressure, uint64_t seed);
void mk_pressure_end(void);

/* Called by each thread of a trial when it begins and when it ends. `number`: its own, from 0. */
void mk_pressure_enter(uint32_t number);
void mk_pressure_leave(void);

#endif
