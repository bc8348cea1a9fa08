/* map_batch_differs - its run of gets is one of another operation.
 *
 * case: batch
 * says: get alone
 */
#include "map_base.h"

static void wrong_batch(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                        struct mk_tally *tally) {
    mk_map_batch_get(self, me, stream, n - 1, tally);
    mk_map_batch_remove(self, me, stream + n - 1, 1, tally);
}

static void describe(struct mk_impl *impl) {
    mk_map_describe(impl);
    impl->batch_of[MK_MAP_GET] = wrong_batch;
}

MK_DEFINE(struct mk_map_def, mk_map_here, BASE, .create = base_create, .count = base_count, .get = base_get,
          .put = base_put, .remove = base_remove);
MK_REGISTER("map_batch_differs", describe);
