/* windows.h - the oracle of histories: threads work on shared parts for a while, a window, and stop; then what they
 * did has to be linearizable, and what is there has to be what they say they left. */
#ifndef MK_WINDOWS_H
#define MK_WINDOWS_H

#include "model.h"

/* For every kind whose model says that histories of it say something. */
extern const struct mk_case mk_history_case;

#endif
