/* alloc_batch_differs - its batch leaves out the last word.
 *
 * case: batch
 * says: rewind hits
 */
#include "alloc_base.h"

static void short_batch(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                        struct mk_tally *tally) {
    mk_alloc_batch_any(self, me, stream, n - 1, tally);
}

static void describe(struct mk_impl *impl) {
    mk_alloc_describe(impl);
    impl->batch = short_batch;
}

MK_DEFINE(struct mk_alloc_def, mk_alloc_here, BASE, .alloc = base_alloc, .free = base_free, .count = base_count);
MK_REGISTER("alloc_batch_differs", describe);
