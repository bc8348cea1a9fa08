/* turns.h - threads that take turns: at any time one of them works, at the word of the main thread. So what
 * they do is the same each time, and yet each is a thread of its own to whoever tells threads apart, as the
 * C library's malloc does.
 */
#ifndef MK_TURNS_H
#define MK_TURNS_H

#include "impl_api.h"

struct mk_turns;

/* What a thread does in its turn; `arg` is the caller's. */
typedef void mk_turn_fn(void *arg, uint32_t thread);

/* Returns `threads` threads that wait for their turns, or NULL with err set. The caller ends them with
 * mk_turns_close. All calls are made by one thread. */
struct mk_turns *mk_turns_open(uint32_t threads, struct mk_err *err);

/* Has thread `thread` do it, and waits until it is done. */
void mk_turns_do(struct mk_turns *turns, uint32_t thread, mk_turn_fn *turn, void *arg);

/* Ends thread `thread` and starts another in its place. Returns 0, or -1 with err set: it is then gone, and
 * what it would have done is done by the caller. */
int mk_turns_renew(struct mk_turns *turns, uint32_t thread, struct mk_err *err);

/* Ends all. NULL is none. */
void mk_turns_close(struct mk_turns *turns);

#endif
