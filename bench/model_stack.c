/* model_stack.c - the correct stack of the corpus with 100 operations of each kind by each of three threads: a
 * longer program for bench/model.c. */
#define ITERATIONS 100
#include "../tests/model/programs/treiber.h"

TREIBER(model_stack, "a stack with hazard pointers, for long");
