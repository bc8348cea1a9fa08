/* model.h - what a kind promises, stated once: its sequential model, and the cases that put
 * implementations to the test. conform.h runs them; whatever else judges operations uses the model too.
 *
 * A kind has one file, harness/check/model_<kind>.c, which ends in MK_KIND_MODEL(kind, ...). That puts a
 * pointer into the linker section `mk_models`. There is no list to edit.
 */
#ifndef MK_MODEL_H
#define MK_MODEL_H

#include "../impl_api.h"

struct mk_check;
struct mk_event;          /* history.h */
struct mk_monitor_report; /* monitor.h */

/* What is to be said of a history. */
enum mk_linear { MK_LINEARIZABLE, MK_NOT_LINEARIZABLE, MK_LINEAR_UNKNOWN };

/* mk_monitor_stack or mk_monitor_queue (monitor.h). */
typedef enum mk_linear mk_monitor_fn(const struct mk_event *events, size_t n, uint64_t slack,
                                     struct mk_monitor_report *report);

/* What a sequential implementation answers. Where `value` or `previous` are not stated, any will do. */
struct mk_answer {
    enum mk_status status;
    bool states_value, states_previous;
    uint64_t value, previous;
};

/* One way of putting an implementation to the test. */
struct mk_case {
    const char *name; /* NULL ends the list */
    const char *help; /* what it shows */
    uint64_t needs;   /* capabilities of the composition, all of them */
    uint64_t unless;  /* capabilities, any of which makes it pointless */
    /* Returns why it does not apply, or NULL. May be left out. */
    const char *(*skips)(const struct mk_check *check);
    /* Files findings. The same seed does the same, as far as schedules allow. */
    void (*run)(struct mk_check *check);
};

struct mk_model {
    const char *kind;
    const char *names[MK_OPS_MAX]; /* of operations, by code */
    /* State is of one part of a structure: operations on different parts are independent. All zero is
     * how a new one is. 0 bytes: the kind has no state that answers follow from. */
    size_t state_bytes;
    /* Returns which part an operation is about, a number. */
    uint64_t (*part)(const struct mk_impl *impl, const struct mk_op *op);
    /* Fills in what is answered in *state, and changes *state to what follows. Whether it changes anything that
     * answers follow from, follows from what is answered: two states that answer an operation alike both change or
     * neither does. */
    void (*answer)(const struct mk_impl *impl, void *state, const struct mk_op *op, struct mk_answer *answer);
    /* Says in words what the state is. */
    void (*describe)(const void *state, char *out, size_t room);
    uint32_t several; /* bit per code: not one operation but several, one after another */
    uint32_t reads;   /* bit per code: changes no state, whatever it is */
    /* Threads share parts, so that histories of them say something; then `observe` is the code of a read whose
     * answer tells the whole state of a part. */
    bool histories;
    unsigned observe;
    /* Of kinds without parts, through which values pass (stack, queue): says whether a history is linearizable. Keys
     * mean nothing then, `observe` is called until it misses, and every value is put in by one operation at most.
     * `puts_in`, `takes_out`: bit per code. A miss or a hit of the former says that the value went in; MK_NO_MEMORY,
     * which those that cannot grow (MK_GROWS) may always answer, that it did not. A hit of the latter says what came
     * out, a miss that there was nothing.
     *
     * Recorded windows go to the monitor. Programs of the model flavour have few operations, but an order that is no
     * order of stamps: the search for them needs `answer`, and so does what is said of the few operations that a
     * monitor finds at fault. So the state of such a kind is a struct mk_row, `part` is 0 for everything, and there
     * values are the numbers 1, 2, ..., below 256. */
    mk_monitor_fn *monitor;
    uint32_t puts_in, takes_out;
    const struct mk_case *cases;
};

#define MK_MODEL_STATE_MAX 64

/* Values by when they went in, the first one first; zero behind them. Up to MK_ROW_MAX: more are never there. */
struct mk_row {
    uint8_t n, value[MK_MODEL_STATE_MAX - 1];
};
#define MK_ROW_MAX (MK_MODEL_STATE_MAX - 1)

/* Returns whether such an operation may be answered MK_NO_MEMORY although memory was not refused: it is full. */
static inline bool mk_model_is_full(const struct mk_model *model, const struct mk_impl *impl, unsigned code) {
    return model->puts_in >> code & 1 && !(impl->caps & MK_GROWS);
}

/* Returns the model of a kind, or NULL. */
const struct mk_model *mk_model_of(const char *kind);

/* Returns whether *seen is what *answer says. */
bool mk_answer_matches(const struct mk_answer *answer, const struct mk_result *seen);

/* Registers this file's model. */
#define MK_KIND_MODEL(KIND, ...)                                                                          \
    static const struct mk_model mk_model_here = {.kind = #KIND, __VA_ARGS__};                            \
    static const struct mk_model *const mk_model_registered __attribute__((used, section("mk_models"))) = \
        &mk_model_here

#endif
