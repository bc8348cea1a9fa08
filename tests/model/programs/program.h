/* program.h - what the programs of the corpus share.
 *
 * A program is a scenario (impl/scenario.h) of kind `program`, without a structure: each file has one known defect,
 * or none, and is compiled with hooks. test_corpus.c says which, and what is to be found.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "../../../impl/order.h"
#include "../../../impl/scenario.h"

#include <pthread.h>
#include <stdlib.h>

#define PROGRAM_OUTCOMES(WHAT, WHY) \
    {{"as it should be", MK_ACCEPTABLE, "nothing is wrong"}, {WHAT, MK_FORBIDDEN, WHY}, {NULL, MK_ACCEPTABLE, NULL}}

#endif
