/* alloc_sound - the twin of all planted allocators: nothing is wrong with it.
 *
 * case: none
 */
#include "alloc_base.h"

MK_ALLOC(alloc_sound, BASE, .alloc = base_alloc, .free = base_free, .reset = base_reset, .count = base_count);
