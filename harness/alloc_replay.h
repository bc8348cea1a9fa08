/* alloc_replay.h - a trace of allocations (alloctrace.h) in place of operations that are drawn: kind alloc.
 *
 * Each recorded thread is a thread of its own, which enters and leaves the allocator. Those that were there at the
 * same time run side by side, each in a lane; those of one lane follow one another. Threads wait for each other
 * only where one takes an object that another one has allocated. impl/replay.h has the words, and the loop.
 *
 * A trace comes as an opened `struct mk_alloctrace`, from a file or from memory.
 */
#ifndef MK_ALLOC_REPLAY_H
#define MK_ALLOC_REPLAY_H

#include "alloctrace.h"
#include "plan.h"

struct mk_replay_wide;
struct mk_words;
struct mk_instance;

/* What a lane does. Its words are the streams' (mk_words). */
struct mk_alloc_replay_lane {
    size_t *life; /* words of each of its recorded threads, one after the other; none is 0 */
    size_t lives;
    uint32_t *thread; /* by life: its number in the trace */
    size_t threads;   /* = lives */
    struct mk_replay_wide *wide;
    size_t wide_n;
    uint64_t slots; /* that it uses */
    uint64_t bytes; /* that it asks for in all */
};

struct mk_alloc_replay {
    struct mk_alloc_replay_lane *lane;
    uint32_t lanes;
    uint64_t crossing; /* objects that another thread takes */
    uint64_t *digest;  /* by recorded thread: of the sizes it asks for, in their order, as the trace has them */
    uint32_t threads;
};

/* A digest of numbers in their order (FNV-1a, of whole words). */
#define MK_ALLOC_REPLAY_DIGEST 0xcbf29ce484222325u
static inline uint64_t mk_alloc_replay_fold(uint64_t digest, uint64_t number) {
    return (digest ^ number) * 0x100000001b3u;
}

/* Fills in what follows from a whole trace that has been opened: point->traces (with `path` as its name), the
 * mix and the length of the one phase. The trace is walked over, so that whatever can be wrong with it is.
 * `path` is what errors are to name. Returns 0, or -1 with err set: damaged, incomplete, without an allocation,
 * too many threads at once. */
int mk_alloc_replay_plan(struct mk_plan_point *point, struct mk_alloctrace *trace, const char *path,
                         struct mk_err *err);

/* Makes the words of a trace that mk_alloc_replay_plan has seen: words[lane] for as many lanes as
 * point->traces[0] says, and *out, freed by mk_alloc_replay_free. `most`: operations of a lane at most, 0: all;
 * what depends on those that are left out is left out, too. Returns 0, or -1 with err set; *out may be freed
 * either way. */
int mk_alloc_replay_make(struct mk_alloc_replay *out, struct mk_words *words, struct mk_alloctrace *trace,
                         uint64_t most, struct mk_err *err);
void mk_alloc_replay_free(struct mk_alloc_replay *replay);

#endif
