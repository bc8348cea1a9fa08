/* map_oom_leaks - a create that is refused its second allocation keeps the first.
 *
 * case: no_memory
 * says: never given back
 */
#include "map_base.h"

static int leaky_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    void *first = mk_mem_alloc(mem, NULL, 24, 8);
    if (!first) return mk_fail(err, "no memory");
    if (base_create(out, mem, cfg, err)) return -1;
    mk_mem_free(mem, NULL, first, 24, 8);
    return 0;
}

MK_MAP(map_oom_leaks, BASE, .create = leaky_create, .count = base_count, .get = base_get, .put = base_put,
       .remove = base_remove);
