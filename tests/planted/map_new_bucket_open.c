/* map_new_bucket_open - the bucket that a group gets is not locked while the new shape is made known, and is
 * unlocked all the same.
 *
 * bug:       a writer that is in it already is overwritten: it has a lock no more, or has done nothing
 * finds:     owned | stable | births | shared | history | map_*
 * rule:      oracle | hang
 * flavours:  model
 * pressure:  any
 * single:    passes
 * only:      model: natively a writer has to lock and change the bucket between two stores that follow each other
 */
#ifndef TWIN
#define TO_LOCK lock_those_before
#endif
#include "map_groups.h"

#ifndef TWIN
static unsigned lock_those_before(unsigned before, unsigned after) {
    (void)after;
    return before;
}
#endif

MK_MAP(map_new_bucket_open, GROUPS_MAP);
