/* door.h - the memory that a structure under test is given: a door in front of the composition's own.
 *
 * It refuses chosen allocations, fills blocks with rubbish before they are used and again when they are
 * freed, and counts. Watched, it knows every block, and so sees wrong sizes, double and foreign frees;
 * unwatched, it adds no order between threads that the structure has not made itself, so that it hides
 * no race, and now and then gives the PU away in the middle of an operation, which otherwise is rarely
 * interrupted.
 */
#ifndef MK_DOOR_H
#define MK_DOOR_H

#include <stdatomic.h>

#include "shadow.h"

struct mk_check;

struct mk_door {
    struct mk_mem mem; /* what the structure is given */
    struct mk_mem *below;
    struct mk_check *check;
    bool watched;            /* by one OS thread at a time */
    struct mk_shadow shadow; /* of live blocks, where watched */
    /* Allocations and openings of caches are numbered from 1. These and those between are refused. May be
     * changed while no more than one thread works. */
    uint64_t refuse_from, refuse_to;
    _Atomic(uint64_t) calls, refused;
    _Atomic(uint64_t) visits;               /* by which it is decided when to give the PU away */
    _Atomic(int64_t) blocks, bytes, caches; /* that are out */
    _Atomic(int64_t) peak_bytes;            /* the most that ever were */
};

/* Makes an unwatched door that refuses nothing. `below` and `check` outlive it. */
void mk_door_open(struct mk_door *door, struct mk_mem *below, struct mk_check *check);

/* Files a finding if blocks or caches are still out. */
void mk_door_close(struct mk_door *door);

/* From now on the calling thread is refused one allocation in so many, at random; 0 = none. At any door. */
void mk_door_refuse_some(uint32_t one_in, uint64_t seed);

uint64_t mk_door_calls(struct mk_door *door);
uint64_t mk_door_refused(struct mk_door *door);
int64_t mk_door_bytes(struct mk_door *door);
int64_t mk_door_peak_bytes(struct mk_door *door);

#endif
