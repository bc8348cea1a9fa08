/* timeline.h - a violation made small, and shown: a few operations in columns by thread, as text and as a drawing. */
#ifndef MK_TIMELINE_H
#define MK_TIMELINE_H

#include "../text.h"
#include "linear.h"

/* Cuts a violation down to what cannot be done without: nothing behind the first operation that has no place,
 * nothing that had taken effect before a moment at which only one state was possible, no operation that changes
 * nothing (model->reads) and is not needed. What is left is a violation still, of operations that all took place. */
void mk_violation_shrink(struct mk_violation *violation, const struct mk_linear_config *config);

/* Appends text of 100 columns: the state before, the operations in columns by thread with their calls and returns,
 * the longest order that could be found and what does not fit behind it. */
void mk_timeline_text(const struct mk_violation *violation, const struct mk_linear_config *config,
                      struct mk_text *out);

/* Appends an SVG drawing of the same: time from left to right, a row a thread. */
void mk_timeline_svg(const struct mk_violation *violation, const struct mk_linear_config *config,
                     struct mk_text *out);

#endif
