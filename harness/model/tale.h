/* tale.h - what happened under one schedule, as told by carrying it out again; and how people call the threads,
 * places and values in it. Only for report*.c.
 */
#ifndef MK_MODEL_TALE_H
#define MK_MODEL_TALE_H

#include "report.h"

#define MK_TALE_EVENTS 20000u /* kept: the first half of them, and the last */
#define MK_TALE_CALLERS 6     /* of what allocates and frees */

struct mk_tale_event {
    struct mk_event_info info;
    uint64_t steps;    /* of the schedule */
    uint32_t own_step; /* of the thread, which decisions are named by */
    uint64_t number;   /* among all events, those that were not kept included */
    uintptr_t callers[MK_TALE_CALLERS]; /* of allocations and frees: return addresses, innermost first, then 0 */
};

/* A heap block, in the order of their allocation. */
struct mk_tale_block {
    uintptr_t address;
    size_t bytes;
    uint64_t number, freed_number; /* of the events */
    uintptr_t pc, freed_pc; /* where code asked for that, rather than where an allocator passed it on */
    uint32_t thread, freed_by;
    bool freed;
    uint32_t reuse; /* how many blocks have begun at this address before */
    uint32_t label; /* 1: "A", or "A#2" where it is the second one there; 0: nobody has spoken of it */
};

struct mk_tale {
    struct mk_event_sink sink;
    const struct mk_setting *setting;
    const struct mk_decisions *decisions;
    struct mk_decision *order; /* the decisions, in the order they were made */
    bool failed;
    bool steady;               /* both times the same happened */
    struct mk_failure failure; /* its detail and picture are the tale's */
    uintptr_t low, high;       /* bytes that the failure is about */
    struct mk_tale_event *events;
    size_t n;
    uint64_t told;             /* events, those not kept included */
    bool full;
    struct mk_tale_block *blocks;
    size_t blocks_n;
    uint32_t labels;
    uintptr_t *elsewhere; /* addresses spoken of that are another in each process: they are numbered */
    size_t elsewhere_n;
    struct mk_logical *thread; /* as they were in the end */
    uint32_t threads;
    struct mk_logical there;   /* who made failure.there, as it was then */
    bool has_there;
    uint64_t there_number;     /* of that event */
};

/* Carries out the schedule twice: to know what fails, then to listen. Returns whether it failed. */
bool mk_tale_open(struct mk_tale *tale, const struct mk_program *program, const struct mk_setting *setting,
                  const struct mk_decisions *decisions);
void mk_tale_close(struct mk_tale *tale);

/* Returns whether the event touches what the failure is about. */
bool mk_tale_touches(const struct mk_tale *tale, const struct mk_tale_event *event);

/* Returns the index of the event that a decision was made at: the first of its thread from that step on; n where
 * there is none. */
size_t mk_tale_decided(const struct mk_tale *tale, const struct mk_decision *decision);

/* Returns the index of the event before which a decision about who goes on took effect. */
size_t mk_tale_turn(const struct mk_tale *tale, const struct mk_decision *decision);
bool mk_tale_is_turn(const struct mk_decision *decision);
/* Whether it says which thread goes on first once main has set up; nothing of main belongs to it. */
bool mk_tale_begins(const struct mk_decision *decision);

/* Returns the newest store to the place that a load at `index` read, before it; or n. */
size_t mk_tale_newest_store(const struct mk_tale *tale, size_t index);

/* ---- in words; each appends ------------------------------------------------------------------ */

void mk_tale_place(uintptr_t pc, struct mk_text *out);                   /* "x.c:12"; a function; or the address */
/* What lies there when that event happens: "A+8", "head", "stack:0x1f0". */
void mk_tale_name(struct mk_tale *tale, uintptr_t address, uint64_t number, struct mk_text *out);
void mk_tale_event(struct mk_tale *tale, size_t index, struct mk_text *out); /* "load head = &A (acquire)" */
void mk_tale_touch(const struct mk_touch *touch, struct mk_text *out);   /* "write of 8 bytes by thread 1" */
void mk_tale_decision(const struct mk_tale *tale, const struct mk_decision *decision, struct mk_text *out);
void mk_tale_consequence(const struct mk_decision *decision, struct mk_text *out); /* "thread 1 goes on" */
/* "A: 32 bytes that main allocated at x.c:12 (make); freed by ..." of each block with a name, a line each. */
void mk_tale_legend(const struct mk_tale *tale, struct mk_text *out);
/* The block that an address lies in, at the end: "byte 8 of a block of 32 bytes ..."; or the variable. */
void mk_tale_object(struct mk_tale *tale, uintptr_t address, struct mk_text *out);

/* Appends a text with each "{pc 0x12}" in it made a place. */
void mk_tale_places_in(const char *text, struct mk_text *out);

/* Returns the frame of code that people look for: not that of a wrapper of the ordering contract. */
const struct mk_symbol *mk_tale_frame(uintptr_t pc);

/* What code at a pc is to those who look for who asked for memory: it hands on what others ask for, a contract's
 * header does so too, or code has reasons of its own. */
enum mk_tale_layer { MK_TALE_HARNESS, MK_TALE_HANDS_ON, MK_TALE_CONTRACT, MK_TALE_CODE };
enum mk_tale_layer mk_tale_layer(uintptr_t pc);

/* report_columns.c: appends the columns. */
void mk_report_tale(struct mk_tale *tale, struct mk_text *out);

#endif
