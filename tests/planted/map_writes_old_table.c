/* map_writes_old_table - a writer reads which table is the map's, and then locks the map.
 *
 * bug:       writes to a table that was replaced while it waited: the key is lost, and the table may be freed
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      ?san/heap-use-after-free | oracle | tsan/data-race | ?san/?* | crash | hang
 * flavours:  release debug tsan asan model
 * pressure:  any
 * single:    passes
 */
#ifndef TWIN
#define LOCK read_then_lock
#endif
#include "map_tables.h"

#ifndef TWIN
static struct table *read_then_lock(struct mk_map *map) {
    struct table *table = table_of(map);
    pthread_mutex_lock(&map->lock);
    return table;
}
#endif

MK_MAP(map_writes_old_table, TABLES);
