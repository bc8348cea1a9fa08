/* alloc_replay_run.h - a replay while it runs: the tables its threads keep their blocks in, and a pass over it
 * that is not timed and looks at everything. */
#ifndef MK_ALLOC_REPLAY_RUN_H
#define MK_ALLOC_REPLAY_RUN_H

#include "alloc_replay.h"
#include "instance.h"
#include "streams.h"
#include "turns.h"

struct mk_alloc_replay_run;

/* Returns the tables, all written to, so that none of their pages is new once clocks run; with `verifies`, what
 * mk_alloc_replay_verify needs, too. *replay stays the caller's. */
struct mk_alloc_replay_run *mk_alloc_replay_open(const struct mk_alloc_replay *replay, enum mk_replay_touch touch,
                                                 bool verifies);
void mk_alloc_replay_close(struct mk_alloc_replay_run *run);

/* Has the instance's threads work with these tables: one thread a lane. */
void mk_alloc_replay_attach(struct mk_alloc_replay_run *run, struct mk_instance *instance);

/* Ends all waiting for blocks: somebody cannot go on. */
void mk_alloc_replay_abandon(struct mk_alloc_replay_run *run);

/* Frees what is left in the lane's slots, and its part of what nobody took. Called by the lane's thread, when no
 * lane is at work any more. */
void mk_alloc_replay_give_back(struct mk_alloc_replay_run *run, struct mk_instance *instance, uint32_t lane);

/* Returns how many bytes the lane has asked for since the tables were made. */
uint64_t mk_alloc_replay_bytes(const struct mk_alloc_replay_run *run, uint32_t lane);

/* ---- looking at everything ------------------------------------------------------------------ */

struct mk_alloc_replay_found {
    uint64_t planned, events;         /* that there are, and that were carried out */
    uint64_t refused;                 /* of them, that had no memory */
    uint64_t peak_bytes, peak_blocks; /* live, when most bytes were */
    char fault[256];                  /* "" = none */
};

/* Who is told on the way; in the calling thread, when no other one is at work. */
struct mk_alloc_replay_watch {
    void (*at_peak)(void *arg); /* once, where most bytes are live */
    void (*look)(void *arg);    /* now and then */
    void *arg;
};

/* Carries all of it out, one event after the other, a piece of each lane in its turn. Blocks are filled with
 * patterns and these looked at; so are addresses, zeroes, and what a resize has kept; sizes are compared with
 * the trace's, thread by thread. The instance's threads have entered; they leave and enter, as threads of their
 * own, where the trace has another one. `floor`: its blocks overlap, and are not looked at. What is live at the
 * end stays for mk_alloc_replay_give_back. */
void mk_alloc_replay_verify(struct mk_alloc_replay_run *run, const struct mk_words *words,
                            struct mk_instance *instance, bool floor, struct mk_turns *turns,
                            const struct mk_alloc_replay_watch *watch, struct mk_alloc_replay_found *found);

/* Visits every live block: the lane whose thread it is counted to, address and bytes. */
typedef void mk_alloc_replay_visit_fn(void *arg, uint32_t lane, void *at, size_t bytes);
void mk_alloc_replay_each(const struct mk_alloc_replay_run *run, mk_alloc_replay_visit_fn *visit, void *arg);

#endif
