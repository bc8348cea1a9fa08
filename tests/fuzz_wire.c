/* fuzz_wire.c - bytes as a worker may send them when it has written over its own memory: the first
 * picks the frame's type, the others are its payload. Whatever decodes must survive being encoded. */
#include <stdlib.h>

#include "../harness/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct mk_record *record = size ? mk_frame_record(data[0] % MK_FRAME_TYPES) : NULL;
    struct mk_err err;
    if (!record) return 0;
    void *obj = mk_need(1, record->size), *again = mk_need(1, record->size);
    if (mk_wire_decode(record, data + 1, size - 1, obj, &err) == 0) {
        unsigned char *bytes = NULL;
        size_t n = 0;
        mk_wire_encode(record, obj, &bytes, &n);
        if (mk_wire_decode(record, bytes, n, again, &err)) abort();
        mk_record_free(record, again);
        mk_record_free(record, obj);
        free(bytes);
    }
    free(obj);
    free(again);
    return 0;
}
