/* alloc_course.h - what an allocator makes of memory over the course of a workload: resident bytes beside live
 * ones, what rounding takes, who shares cache lines with whom, and what goes back once the blocks are free.
 *
 * The threads of the workload take turns (turns.h), a few words each, and every page of a block is written to. So
 * all is the same each time but where the system puts pages, and nothing of it happens while a clock runs.
 */
#ifndef MK_ALLOC_COURSE_H
#define MK_ALLOC_COURSE_H

#include "instance.h"
#include "sample.h"
#include "streams.h"
#include "turns.h"

struct mk_course;

/* Returns a course with all it needs of memory, touched already, for an instance that is yet to be opened. Its
 * threads wait in *turns, which the caller closes. The caller frees it with mk_course_close. */
struct mk_course *mk_course_open(const struct mk_streams *streams, struct mk_turns *turns);
void mk_course_close(struct mk_course *course);

/* Takes over an instance that all threads have entered, and whose rings are there. */
void mk_course_begin(struct mk_course *course, struct mk_instance *instance);

/* Has the threads consume their words, in turns: to fill, then to age. With `lives`, threads that are short-lived
 * in the workload (thread_life_ops) end and others begin. */
void mk_course_consume(struct mk_course *course, const struct mk_words *words, bool lives);

/* Frees what the workload's `drain` says, and looks what becomes of the memory. Call once, at the end; blocks that
 * were kept are still in their slots. */
void mk_course_drain(struct mk_course *course);

/* Fills in the fields of the course (sample.h), and all others that are unknown stay as they are. */
void mk_course_sample(const struct mk_course *course, struct mk_memory_sample *sample);

#endif
