/* launch.h - what a command that starts workers settles before it does: where its result goes, which program its
 * workers are, what the machine is called. */
#ifndef MK_LAUNCH_H
#define MK_LAUNCH_H

#include "env.h"
#include "topo.h"

/* Returns the path of the result, the caller's: `asked`, or results/NAME[-SORT]-TIME.json where that is NULL. */
char *mk_launch_path(const char *asked, const char *name, const char *sort);

/* Sees to it that a file can be written there, before anything is run: its folder is made if its parent is there.
 * "-" is standard output. Returns 0, or -1 with err set. */
int mk_launch_folder(const char *path, struct mk_err *err);

/* Finds the program of another flavour, which stands beside this one's folder: build/<flavour>/memkit-bench, or,
 * installed, below lib/memkit-bench/. Returns 0
 * and its path in *worker, the caller's (NULL: it is this program), or -1 with err set, saying how to make it. */
int mk_launch_worker(const char *flavour, char **worker, struct mk_err *err);

/* Returns the machine in one line; the caller frees it. */
char *mk_launch_machine(const struct mk_topo *topo, const struct mk_env *env);

#endif
