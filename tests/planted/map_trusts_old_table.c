/* map_trusts_old_table - a reader protects an entry that its table names, and does not look whether that table has
 * been replaced meanwhile.
 *
 * bug:       what an old table names was removed from the new one, and may be freed
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      ?san/heap-use-after-free | tsan/data-race | ?san/segv | ?san/bus | crash | hang | oracle
 * flavours:  tsan asan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define STILL never_mind
#endif
#include "map_tables.h"

#ifndef TWIN
static bool never_mind(struct mk_map *map, const struct table *table) {
    (void)map, (void)table;
    return true;
}
#endif

MK_MAP(map_trusts_old_table, TABLES);
