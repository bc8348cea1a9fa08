/* counter_events.h - which native events stand for a logical counter, by CPU and backend. */
#ifndef MK_COUNTER_EVENTS_H
#define MK_COUNTER_EVENTS_H

#include "counter.h"
#include "env.h"

/* Returns the next event to try for a counter, or NULL when there is none left. *at is where to go on;
 * 0 to begin. `backend` is a backend's name. */
const char *mk_counter_event(const char *backend, const struct mk_env_cpu *cpu, enum mk_counter_id id,
                             uint32_t *at);

#endif
