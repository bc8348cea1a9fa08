/* map_scan_exclusive - begins a scan above the key it is to begin with.
 *
 * case: scan
 * says: passes by key
 */
#define SCAN exclusive_scan
#include "../planted/map_tree.h"

static uint64_t exclusive_scan(struct mk_map *map, struct mk_thread *me, uint64_t from, uint64_t n,
                               mk_map_visit_fn *visit, void *arg) {
    return tree_scan(map, me, from && from < UINT64_MAX ? from + 1 : from, n, visit, arg);
}

MK_MAP(map_scan_exclusive, TREE);
