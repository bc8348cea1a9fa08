/* orders.h - which memory orders are needed: each access is carried out one step weaker than the source says,
 * without compiling anew, and schedules are tried until one fails.
 *
 * A failure shows that the order is needed, and its token proves it. That none was found shows nothing but itself:
 * the order may be needed all the same, by schedules or by machines that were not tried.
 */
#ifndef MK_MODEL_ORDERS_H
#define MK_MODEL_ORDERS_H

#include <signal.h>

#include "../text.h"
#include "programs.h"
#include "weaken.h"

#define MK_ORDERS_SCHEMA "memkit.orders/1"

enum mk_order_verdict {
    MK_ORDER_NEEDED,    /* a schedule fails without it */
    MK_ORDER_NOT_SHOWN, /* none did */
    MK_ORDER_UNREACHED  /* never carried out */
};
extern const char *const mk_order_verdict_names[];

/* One access with one order in the place of the one it has. */
struct mk_order_step {
    char *file;
    uint32_t number;   /* of its comment; 0: none */
    uint32_t line;     /* where the access begins */
    char *access;      /* "release-CAS", as the comment calls it */
    char *text;        /* what else the comment says */
    char *act;         /* "load", "store", "rmw", "fence", "failure" (the order of a compare-exchange that fails) */
    char *from, *to;   /* "acq_rel", "release" */
    uint32_t verdict;  /* enum mk_order_verdict */
    uint64_t schedules; /* tried in all */
    char *weakest;     /* not shown needed: the weakest order that did not fail either, tried with a quarter of the
                        * schedules; NULL: every further step fails, or there is none */
    char *kept;        /* not needed as far as was shown: why the source keeps it; NULL: it does not say */
    /* The witness; `program` is NULL where there is none. */
    char *program;     /* its name, as mk_program_make_named takes it */
    uint64_t seed;     /* of exploration: from it the schedule follows ... */
    uint64_t after;    /* ... as the so many-th */
    char *rule, *what; /* of the failure: "model/data-race"; a sentence */
    char *token;       /* of this build; NULL in files that are kept */
};

/* All steps of an implementation. */
struct mk_orders {
    char *identity;
    uint64_t schedules;    /* without weakening, clean but for: */
    struct mk_orders_unclean {
        char *program, *what, *token; /* what fails as it is, and how; NULL token as in steps */
    } *unclean; /* its oracle is left out: what it found would prove nothing */
    size_t unclean_n;
    uint64_t budget;       /* schedules for a step, at most */
    char *coverage;        /* mk_coverage_note of these; NULL: the file is of older date */
    struct mk_order_step *steps; /* by file, line, and what is weaker */
    size_t steps_n;
};

/* What is kept in a file. */
struct mk_orders_file {
    char *schema;
    struct mk_orders *impls;
    size_t impls_n;
};
extern const struct mk_record mk_order_step_record, mk_orders_record, mk_orders_file_record;

/* Where the programs come from that are tried. */
struct mk_orders_source {
    const char *identity;
    char *const *files; /* whose accesses are weakened */
    size_t files_n;
    void *arg;
    /* Makes the i-th program, any i; or that of a name. Return 0, or -1 with err set. */
    int (*make)(void *arg, uint64_t i, struct mk_made_program *out, struct mk_err *err);
    int (*make_named)(void *arg, const char *name, struct mk_made_program *out, struct mk_err *err);
    void (*free)(struct mk_made_program *program);
    /* Changes the settings of schedules for a program; NULL: they stay. */
    void (*settle)(void *arg, const char *name, struct mk_setting *setting);
};

struct mk_orders_config {
    uint64_t schedules; /* for each step, at most; and without weakening; 0 = 20000 */
    double seconds;     /* of CPU for each step, at most; 0 = no limit, and the same every time */
    uint64_t seed;
    const struct mk_orders *before; /* witnesses to try first; NULL none */
    bool kept_only; /* of steps that `before` has, only those with a witness are tried */
    const volatile sig_atomic_t *stop; /* not 0: end early; may be NULL */
    void (*progress)(void *arg, size_t done, size_t of, const struct mk_order_step *step); /* may be NULL */
    void *arg;
};

/* Judges all orders. Returns 0; or -1 with err set: a file cannot be read, a program cannot be made. *out is
 * freed by mk_record_free either way. */
int mk_orders_judge(const struct mk_orders_source *source, const struct mk_orders_config *config,
                    struct mk_orders *out, struct mk_err *err);

/* How many accesses there are, of these how many have a witness for one of their steps at least; and the same of
 * steps. */
struct mk_orders_sum {
    size_t accesses, proven, steps, needed, unreached, kept;
};
struct mk_orders_sum mk_orders_sum(const struct mk_orders *orders);

/* Compares with what was kept: appends a line for each witness that is lost. Returns how many are. *gone counts the
 * witnesses of accesses that the source no longer has in this form. */
size_t mk_orders_lost(const struct mk_orders *before, const struct mk_orders *now, struct mk_text *out,
                      size_t *gone);

/* Reads and writes what is kept; tokens are of one build, and written only if asked for. Return 0, or -1 with
 * err set. */
int mk_orders_read(const char *path, struct mk_orders_file *file, struct mk_err *err);
void mk_orders_write(const struct mk_orders_file *file, bool tokens, struct mk_text *out);

/* Appends the table of an implementation; a page of several, in Markdown. */
void mk_orders_print(const struct mk_orders *orders, bool colour, struct mk_text *out);
void mk_orders_markdown(const struct mk_orders_file *file, struct mk_text *out);

/* ---- of implementations ------------------------------------------------------------------------- */

/* A source made of the oracles of some compositions. */
struct mk_orders_units {
    struct mk_conform_unit *units;
    size_t units_n;
    const struct mk_case **oracles; /* of each unit, one after another */
    size_t *unit;                   /* which one, by oracle */
    size_t oracles_n;
    char **files;
    size_t files_n;
    char *identity;
    struct mk_orders_source source;
};

/* The source of an identity: its own oracles, with each choice of parts where the identity names none; and where it
 * is compiled into others, those of the first that it is compiled into. Judged are its own file and those of the
 * parts that the identity names. Returns 0, or -1 with err set. */
int mk_orders_units_make(const char *identity, struct mk_orders_units *units, struct mk_err *err);
void mk_orders_units_free(struct mk_orders_units *units);

/* Returns the identities of all implementations that have orders to be judged, the caller's with every entry. */
char **mk_orders_all(size_t *n);

#endif
