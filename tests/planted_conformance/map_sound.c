/* map_sound - the twin of all planted maps: nothing is wrong with it.
 *
 * case: none
 */
#include "map_base.h"

MK_MAP(map_sound, BASE, .create = base_create, .count = base_count, .get = base_get, .put = base_put,
       .remove = base_remove);
