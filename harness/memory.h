/* memory.h - how many bytes a structure takes: measured in a worker of its own, where nothing else
 * ran before, after filling, after churn, and after everything has been taken down. */
#ifndef MK_MEMORY_H
#define MK_MEMORY_H

#include "run.h"

/* Measures one cell and sends its memory frame and what it found wrong as checks. One thread plays all registered
 * threads in turn, so that the figures are the same every time; of an allocator, each thread is one of its own, and
 * they take turns (alloc_course.h). */
void mk_memory_measure(const struct mk_plan *plan, const struct mk_cell *cell, const struct mk_topo *topo,
                       const struct mk_run_sink *sink);

#endif
