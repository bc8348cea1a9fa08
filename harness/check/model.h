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
    const struct mk_case *cases;
};

#define MK_MODEL_STATE_MAX 64

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
