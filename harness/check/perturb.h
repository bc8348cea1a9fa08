/* perturb.h - holds threads up: at the points that builds other than release have before every atomic operation and
 * every lock (order.h), and, by signals, wherever they are.
 *
 * Nothing here orders threads: what one does is decided by numbers of its own.
 */
#ifndef MK_PERTURB_H
#define MK_PERTURB_H

#include <stdbool.h>
#include <stdint.h>

/* Begins for threads that are started from now on, and ends it once they have been joined. The seed chooses how
 * threads are held up, and where. */
void mk_perturb_begin(bool at_points, bool by_signals, uint64_t seed);
void mk_perturb_end(void);

/* Called by each thread when it begins and when it ends. A thread that has not begun is left alone. Ends the program
 * if the system has no timer left. */
void mk_perturb_enter(uint32_t number);
void mk_perturb_leave(void);

#endif
