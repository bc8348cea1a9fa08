/* history.h - what threads did to one structure, operation by operation, and when.
 *
 * One stamp is taken between two operations of a thread: it ends the one before and begins the next. Each thread
 * writes to a buffer of its own, made and touched beforehand; nothing is shared while it does.
 */
#ifndef MK_HISTORY_H
#define MK_HISTORY_H

#include "stamp.h"

/* One operation and its result. A cache line. */
struct mk_event {
    uint64_t call, ret;      /* it took place between these stamps */
    uint64_t key, value;     /* of the operation (struct mk_op) */
    uint64_t seen, previous; /* of its result: value, previous */
    uint16_t thread;
    uint8_t code;   /* of the operation */
    uint8_t status; /* enum mk_status */
} MK_ALIGNED(MK_CACHE_LINE);

/* Of one thread, in its order. */
struct mk_event_list {
    struct mk_event *at;
    size_t n, room;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_history {
    struct mk_event_list *thread;
    uint32_t threads;
    uint64_t slack; /* stamps of two threads may be wrong by so much: what judges adds it to every ret */
};

/* Makes buffers for `room` operations of each thread, their pages touched. Freed by mk_history_close. */
void mk_history_open(struct mk_history *history, uint32_t threads, size_t room, const struct mk_stamps *stamps);
void mk_history_close(struct mk_history *history);

/* Forgets all events. At quiescence. */
void mk_history_clear(struct mk_history *history);

#endif
