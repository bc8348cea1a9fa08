/* treiber_hp_acqrelcas - nodes are taken off by an acq_rel CAS: a reader who has published a node too late for
 * whoever takes it off may still find it on top, and uses it after it was freed. */
#define UNLINK memory_order_acq_rel
#include "treiber.h"

TREIBER(treiber_hp_acqrelcas, "a stack with hazard pointers that unlinks by acq_rel");
