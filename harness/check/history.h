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
    uint8_t unused[12];
};
MK_STATIC_ASSERT(sizeof(struct mk_event) == MK_CACHE_LINE, "an event is a cache line");

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

/* Keeps one operation; there is room. By the thread whose list it is. */
MK_INLINE void mk_history_record(struct mk_event_list *list, uint64_t call, uint64_t ret, uint32_t thread,
                                 const struct mk_op *op, const struct mk_result *result) {
    list->at[list->n++] = (struct mk_event){.call = call, .ret = ret, .key = op->key, .value = op->value,
                                            .seen = result->value, .previous = result->previous,
                                            .thread = (uint16_t)thread, .code = (uint8_t)op->code,
                                            .status = (uint8_t)result->status};
}

/* Forgets all events. At quiescence. */
void mk_history_clear(struct mk_history *history);

#endif
