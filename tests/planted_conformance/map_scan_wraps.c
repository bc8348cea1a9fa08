/* map_scan_wraps - goes on with the smallest key when a scan has come to the largest there is.
 *
 * case: scan
 * says: not ascending, or below
 */
#define SCAN wrapping_scan
#include "../planted/map_tree.h"

static uint64_t wrapping_scan(struct mk_map *map, struct mk_thread *me, uint64_t from, uint64_t n,
                              mk_map_visit_fn *visit, void *arg) {
    uint64_t visited = tree_scan(map, me, from, n, visit, arg);
    if (from == 0 || visited == n) return visited;
    return visited + tree_scan(map, me, 0, n - visited, visit, arg);
}

MK_MAP(map_scan_wraps, TREE);
