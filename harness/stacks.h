/* stacks.h - the stacks of a worker's threads, when it crashed or hangs. */
#ifndef MK_STACKS_H
#define MK_STACKS_H

#include <sys/types.h>

#include "finding.h"

/* In a worker: a fatal signal prints the stack of the thread it hit to stderr; MK_STACKS_SIGNAL prints
 * that of the thread it is sent to and goes on. Under sanitizers, which report crashes themselves,
 * only the latter. */
void mk_stacks_install(void);

/* In the conductor: asks every thread of a process for its stack. Their text comes out of the worker's
 * stderr. */
void mk_stacks_ask(pid_t pid);

/* Returns text with addresses such as prog(+0x1234) turned into function, file and line where
 * addr2line is installed; the caller frees it. */
char *mk_stacks_name(const char *text);

/* Returns the stacks in text that mk_stacks_name made, the innermost named function first; the caller frees what they
 * own (mk_stack_record) and the list. */
struct mk_stack *mk_stacks_read(const char *text, size_t *n);

#endif
