/* check.h - one case of conformance at work on one composition: what it finds, the structures it makes,
 * and the threads that work on them.
 */
#ifndef MK_CHECK_H
#define MK_CHECK_H

#include <pthread.h>
#include <stdatomic.h>

#include "../compose_mem.h"
#include "../finding.h"
#include "../rng.h"
#include "door.h"
#include "model.h"
#include "pressure.h"

struct mk_blocks;

struct mk_finding {
    char *label; /* what was checked: an identity, "@64" behind it where values have a size */
    const char *kind, *case_name;
    uint64_t seed;  /* of the whole run */
    char *what;     /* a sentence */
    char *detail;   /* further lines; NULL none */
    char *picture;  /* SVG; NULL none */
    /* Where it is known: */
    char *rule;     /* what sort of thing it is; NULL = KIND/CASE */
    char *object;   /* what it happened to; NULL unknown */
    char *token;    /* names the schedule that shows it; NULL none */
    struct mk_stack *stacks;
    size_t stacks_n;
};

/* All zero is empty. */
struct mk_findings {
    struct mk_finding *at;
    size_t n;
};

void mk_findings_free(struct mk_findings *findings);

/* What a workload says of the operations that an oracle draws for itself. All zero: as the oracle likes. */
struct mk_shape {
    uint64_t keys;             /* parts that threads share */
    double share[MK_OPS_MAX];  /* of operations, by code; all zero: every one that is offered alike */
    uint64_t window_ops;       /* operations of a thread between two quiet moments */
};

/* How often a scenario ended so. */
struct mk_outcome_count {
    const char *name;
    unsigned grade; /* enum mk_grade */
    uint64_t count;
};
#define MK_OUTCOMES_MAX 16

/* What a trial came to, apart from findings. */
struct mk_tried {
    uint64_t ops;
    uint64_t windows, unknown; /* of histories; of these, those nothing can be said of */
    struct mk_outcome_count outcome[MK_OUTCOMES_MAX];
    size_t outcomes;
    char *note; /* what else there is to say, in a line; NULL nothing. The caller's */
};

/* One run of one case. Made by conform.c. */
struct mk_check {
    const struct mk_model *model;
    const struct mk_case *which;
    const struct mk_composition *composition;
    const struct mk_impl *impl;
    const char *label;
    uint64_t caps;           /* of the whole composition */
    bool colliding;          /* made of a part for tests: operations may take time linear in the keys */
    uint64_t seed;           /* of this run: all its random numbers come from it */
    uint64_t run_seed;       /* what it was derived from */
    uint32_t threads;        /* of concurrent cases */
    uint32_t effort_percent; /* scales the numbers of operations */
    const struct mk_pressure *pressure; /* never NULL */
    const struct mk_shape *shape;       /* never NULL */
    struct mk_tried tried;              /* filled in by one thread */
    struct mk_findings *findings;
    pthread_mutex_t lock; /* of findings */
    _Atomic(uint32_t) found;
};

/* Files a finding; beyond the third of one run it only counts. Any thread. */
void mk_found(struct mk_check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As mk_found, with further lines and a drawing; takes both over (NULL: none). */
void mk_found_with(struct mk_check *check, char *detail, char *picture, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Files what was found elsewhere: takes over what *finding owns, of which `what` is there, and fills in the rest. */
void mk_found_whole(struct mk_check *check, struct mk_finding *finding);

/* Returns whether something has been found: what goes on working would only find the same again. */
bool mk_check_failed(struct mk_check *check);

/* Returns what the kind calls an operation. */
const char *mk_check_op(const struct mk_check *check, unsigned code);

/* Returns n scaled by the effort, at least 1. */
uint64_t mk_check_ops(const struct mk_check *check, uint64_t n);

/* ---- structures ------------------------------------------------------------------------------ */

struct mk_subject_config {
    uint64_t capacity;
    uint32_t threads_max;              /* 0 = 1 */
    size_t object_bytes, object_align; /* fixed-size allocators */
    void (*construct)(void *block, size_t bytes);
    uint32_t slots;                    /* allocators: blocks that a thread can hold */
    bool watched;                      /* for cases of one OS thread */
    uint64_t refuse_from, refuse_to;   /* 0 = none */
};

/* Operations by one thread id, which one thread has at a time: counted plainly, in a line each, so that counting orders
 * nothing. */
struct mk_done {
    uint64_t ops;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_subject {
    struct mk_check *check;
    const struct mk_impl *impl;
    void *self;
    struct mk_memory *memory;
    struct mk_door door;
    uint32_t threads_max;
    struct mk_thread *me;     /* by id */
    struct mk_done *done;     /* by id */
    struct mk_blocks *blocks; /* by id; NULL unless slots were asked for */
};

/* Returns 0 and a structure without threads, or -1 and nothing kept. To be refused by memory that refused
 * nothing is a finding, and so is a create that fails and keeps something, or does not say why. */
int mk_subject_open(struct mk_subject *subject, struct mk_check *check, const struct mk_subject_config *config);

/* Destroys it. All threads have left. What it did not give back is a finding. */
void mk_subject_close(struct mk_subject *subject);

/* Registers thread `id`. Returns it, or NULL with a finding. Any OS thread may stand for it. */
struct mk_thread *mk_subject_enter(struct mk_subject *subject, uint32_t id);
void mk_subject_leave(struct mk_subject *subject, uint32_t id);

/* One operation through the checked door. */
struct mk_result mk_subject_do(struct mk_subject *subject, struct mk_thread *me, const struct mk_op *op);

/* As mk_subject_do, and compares with what the model says of *state, which moves on. An answer that memory
 * was refused is right where it was, and leaves the state alone. Returns MK_TORN and files a finding if the
 * answer is another. */
enum mk_status mk_subject_expect(struct mk_subject *subject, struct mk_thread *me, const struct mk_op *op,
                                 void *state);

/* At quiescence: has the structure and its memory give back what they can. */
void mk_subject_flush(struct mk_subject *subject, struct mk_thread *me);

/* Returns whether the structure reports a figure of that name, and puts it into *value. */
bool mk_subject_stat(struct mk_subject *subject, const char *name, uint64_t *value);

/* A finding unless the keys or blocks that .count reports (where it is offered) are so many. */
void mk_subject_expect_count(struct mk_subject *subject, uint64_t wanted);

/* At quiescence, flushed: a finding if something retired is still there, unless that is how it works. */
void mk_subject_expect_reclaimed(struct mk_subject *subject);

/* ---- threads --------------------------------------------------------------------------------- */

struct mk_worker {
    struct mk_subject *subject;
    struct mk_check *check;
    struct mk_thread *me;
    uint32_t index; /* 0 .. n-1 */
    uint32_t n;
    struct mk_rng rng; /* of its own */
    void *arg;
};

/* Returns whether an operation of a body may be answered MK_NO_MEMORY: whether the pressure refuses memory. */
bool mk_check_refuses(const struct mk_check *check);

/* Lets others in, now and then, so that threads with little to do overlap all the same. */
void mk_worker_pace(struct mk_worker *worker);

/* Runs `body` in n threads that register with ids first_id, first_id + 1, ..., start together, and have left
 * and been joined when it returns, under the pressure of the check. */
void mk_subject_run(struct mk_subject *subject, uint32_t first_id, uint32_t n, uint64_t seed,
                    void (*body)(struct mk_worker *worker), void *arg);

#endif
