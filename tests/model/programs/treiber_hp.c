/* treiber_hp - a stack with hazard pointers, correct. */
#include "treiber.h"

TREIBER(treiber_hp, "a stack with hazard pointers");
