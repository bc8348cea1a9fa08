/* treiber_uaf - a stack that frees what is taken off at once, while others look at it. */
#define FREE_AT_ONCE
#include "treiber.h"

TREIBER(treiber_uaf, "a stack that frees at once");
