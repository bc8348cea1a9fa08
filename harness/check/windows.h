/* windows.h - the oracle of histories: threads work on shared parts for a while, a window, and stop; then what they
 * did has to be linearizable, and what is there has to be what they say they left. */
#ifndef MK_WINDOWS_H
#define MK_WINDOWS_H

#include "model.h"

/* For every kind whose model says that histories of it say something. */
extern const struct mk_case mk_history_case;

struct mk_finding;
struct mk_linear_config;
struct mk_violation;

/* Returns whether histories of an implementation may have that operation: it is offered, is one alone, and no read
 * behind it looks torn although all is well. */
bool mk_history_draws(const struct mk_model *model, const struct mk_impl *impl, unsigned code);

/* Makes a violation small, and fills in what, detail and picture of *told, which are the caller's. */
void mk_history_tell(struct mk_violation *violation, const struct mk_linear_config *config,
                     struct mk_finding *told);

#endif
