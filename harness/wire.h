/* wire.h - frames between the conductor and its workers, over a pair of pipes.
 *
 * A frame is a type and one record, written field by field from the record's table, which reads it
 * back as well. What arrives is checked before it is believed: a worker may have died in the middle
 * of a frame, or written over its own memory.
 */
#ifndef MK_WIRE_H
#define MK_WIRE_H

#include "impl_api.h"
#include "record.h"

enum mk_frame_type {
    MK_FRAME_HELLO,    /* worker: who it is; again when its plug-ins are loaded */
    MK_FRAME_PLAN,     /* conductor: what there is to run */
    MK_FRAME_ORDER,    /* conductor: which of it this worker runs */
    MK_FRAME_HUNT,     /* conductor: instead, what it puts under stress */
    MK_FRAME_PROGRESS, /* worker: what it begins with now */
    MK_FRAME_ROUND,
    MK_FRAME_LATENCY,
    MK_FRAME_MEMORY,
    MK_FRAME_CHECK,
    MK_FRAME_ATTEMPT, /* worker: the trial it begins with now */
    MK_FRAME_TRIAL,   /* what that came to ... */
    MK_FRAME_FINDING, /* ... and what it found */
    MK_FRAME_DONE, /* worker: all of the order has been carried out */
    MK_FRAME_TYPES
};

struct mk_hello {
    uint64_t build_id, cells_digest, wire_digest;
    uint64_t pid;
};

enum mk_order_sort { MK_ORDER_MEASURE, MK_ORDER_MEMORY };

struct mk_order {
    uint32_t sort; /* enum mk_order_sort */
    uint32_t process;
    uint64_t *cells; /* indices */
    size_t cells_n;
};

struct mk_progress_note {
    uint32_t cell, round;
    char *stage;       /* what is being done: "fill", "run", ... */
    double expected_s; /* how long this may reasonably take */
};

/* An order to put cells under stress (trials.h). */
struct mk_hunt_order {
    uint64_t seed;
    uint32_t effort_percent; /* of every trial; 0: little at first, more in later passes */
    double seconds;          /* no trial begins later; 0: one pass */
    uint64_t begin;          /* number of the first attempt: those before it have been made */
    bool stop_at_first;      /* finding */
    char **oracles, **pressures; /* patterns, names; empty: all */
    size_t oracles_n, pressures_n;
    uint64_t *cells; /* indices */
    size_t cells_n;
    char **dead; /* "CELL ORACLE": not to be tried any more */
    size_t dead_n;
    /* Under the model flavour: see struct mk_model_asked. */
    uint64_t schedules;
    char *memory, *strategy; /* "" = the default */
    bool searches, freeze, no_races;
    uint32_t preemptions, stale;
};

/* One trial that is about to begin. */
struct mk_attempt {
    uint64_t number;
    uint32_t cell;
    char *oracle, *pressure;
    uint64_t seed;
    uint32_t effort_percent;
};

extern const struct mk_record mk_hello_record, mk_order_record, mk_progress_note_record, mk_hunt_order_record,
    mk_attempt_record;

/* Returns the record that frames of this type carry (NULL: none). */
const struct mk_record *mk_frame_record(uint32_t type);
const char *mk_frame_name(uint32_t type);

/* Returns a digest of everything that decides how frames are encoded: both ends must agree. */
uint64_t mk_wire_digest(void);

/* Appends the encoded record to *bytes (malloc'ed, *n long). */
void mk_wire_encode(const struct mk_record *record, const void *obj, unsigned char **bytes, size_t *n);

/* Returns 0 and fills *obj (zeroed first; freed by mk_record_free), or -1 with err set and nothing to
 * free, when the bytes are not exactly one such record. */
int mk_wire_decode(const struct mk_record *record, const unsigned char *bytes, size_t n, void *obj,
                   struct mk_err *err);

/* Writes one frame. Returns 0, or -1 with err set (the other side is gone). Safe from any thread. */
int mk_wire_send(int fd, uint32_t type, const void *obj, struct mk_err *err);

/* An incoming stream of frames. */
struct mk_wire_in {
    int fd;
    unsigned char *bytes;
    size_t n, room;
};

/* Reads what is there (blocks if nothing is). Returns 1 when bytes came, 0 at the end of the
 * stream, -1 with err set. */
int mk_wire_fill(struct mk_wire_in *in, struct mk_err *err);

/* Takes one whole frame out of what has been read: 1 with *type and *obj (malloc'ed record, freed
 * with mk_record_free and free), 0 when there is none yet, -1 with err set when the stream is broken. */
int mk_wire_next(struct mk_wire_in *in, uint32_t *type, void **obj, struct mk_err *err);

void mk_wire_in_free(struct mk_wire_in *in);

#endif
