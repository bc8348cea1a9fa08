/* view.h - what a violation looks like in words and in time, for its text and its drawing alike: its rows, its
 * threads, and names v1, v2, ... for values, which are long numbers that nobody can tell apart.
 */
#ifndef MK_VIEW_H
#define MK_VIEW_H

#include "../text.h"
#include "explain.h"

#define MK_VIEW_INSTEAD_MAX 4

/* A call or a return. */
struct mk_view_row {
    uint64_t at; /* since the first call, in stamps */
    size_t event;
    bool returns;
};

struct mk_view {
    const struct mk_violation *violation;
    const struct mk_linear_config *config;
    struct mk_explained explained;
    struct mk_answer instead[MK_VIEW_INSTEAD_MAX]; /* with which the misfit would have had a place */
    size_t insteads;
    struct mk_view_row *row; /* in time order */
    size_t rows;
    size_t first;     /* row to be shown: a violation that could not be made small is long */
    uint16_t *thread; /* that have operations, ascending */
    size_t threads;
    size_t *place;   /* by event: in the longest order, from 1; 0 = it has none there */
    uint64_t *value; /* v1, v2, ... in order of appearance */
    bool *written;   /* by one of the operations, or there before them */
    size_t values;
};

/* Makes a view; the violation outlives it. */
void mk_view_open(struct mk_view *view, const struct mk_violation *violation,
                  const struct mk_linear_config *config);
void mk_view_close(struct mk_view *view);

/* Returns whether it is known which operation has no place. */
bool mk_view_knows(const struct mk_view *view);
bool mk_view_is_misfit(const struct mk_view *view, size_t event);

/* Returns the column of an event's thread. */
size_t mk_view_column(const struct mk_view *view, size_t event);

/* Each appends: the title ("key 0x2a: 3 operations of 2 threads have no order that ..."), the state before them,
 * an operation ("put v2"), its result ("hit, was v1"), what has no place, with what answer it
 * would have had one, a name and what it stands for. */
void mk_view_title(const struct mk_view *view, struct mk_text *out);
void mk_view_before(const struct mk_view *view, struct mk_text *out);
void mk_view_call(const struct mk_view *view, size_t event, struct mk_text *out);
void mk_view_result(const struct mk_view *view, size_t event, struct mk_text *out);
void mk_view_why(const struct mk_view *view, struct mk_text *out);
void mk_view_instead(const struct mk_view *view, struct mk_text *out);
void mk_view_value(const struct mk_view *view, size_t value, struct mk_text *out);

#endif
