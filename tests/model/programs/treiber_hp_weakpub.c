/* treiber_hp_weakpub - a reader publishes its node with release alone: it may find the node on top before anybody
 * can see that it is published, and uses it after it was freed. x86 shows it. */
#define PUBLISH memory_order_release
#include "treiber.h"

TREIBER(treiber_hp_weakpub, "a stack with hazard pointers that are published with release");
