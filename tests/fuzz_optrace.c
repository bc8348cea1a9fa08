/* fuzz_optrace.c - fuzz target: any bytes as a trace of operations, and as CSV. What is taken adds up, goes through
 * CSV unchanged, and what is partly taken is a beginning of it. A copy with the right checksums goes deeper. */
#include <stdlib.h>

#include "../harness/optrace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "fuzz_optrace: %s\n", what);
    abort();
}

struct seen {
    uint64_t n, digest, last_ns[MK_RECORD_THREADS_MAX];
};

static void see(void *arg, const struct mk_optrace_record *record) {
    struct seen *seen = arg;
    demand(record->code >= MK_OPTRACE_FIRST_OP && record->code < MK_RECORD_OPS, "an unknown code");
    demand(record->thread < MK_RECORD_THREADS_MAX, "a thread out of range");
    demand(record->time_ns >= seen->last_ns[record->thread], "time goes backwards");
    seen->last_ns[record->thread] = record->time_ns;
    seen->digest += mk_mix64(record->key ^ mk_mix64(record->time_ns ^ mk_mix64(record->size ^ record->code)));
    seen->n++;
}

static int read_all(const uint8_t *data, size_t size, bool partial, struct seen *seen,
                    struct mk_optrace_info *info) {
    struct mk_err err = {""};
    FILE *in = fmemopen((void *)(uintptr_t)data, size, "rb");
    memset(seen, 0, sizeof *seen);
    if (!in) return -2;
    int failed = mk_optrace_read_stream(in, partial, see, seen, info, &err);
    demand(!failed == !err.text[0] || partial, "fails without a word, or talks without failing");
    fclose(in);
    return failed;
}

/* Every block and the closing record as their lengths have them, with the checksums that belong there. */
static void put_checksums_right(uint8_t *data, size_t size) {
    if (size < MK_RECORD_HEAD_BYTES) return;
    memcpy(data, MK_RECORD_MAGIC, MK_RECORD_MAGIC_BYTES);
    size_t n = mk_record_get32(data + 16), at = MK_RECORD_HEAD_BYTES + n;
    if (n > MK_RECORD_TEXT_MAX || at > size) return;
    mk_record_put64(data + 24, mk_record_checksum(mk_record_checksum(0, data, 24), data + MK_RECORD_HEAD_BYTES, n));
    while (size - at >= MK_RECORD_BLOCK_BYTES) {
        uint8_t *block = data + at;
        n = mk_record_get32(block + 16);
        if (mk_record_get32(block) != MK_RECORD_BLOCK_TAG) {
            mk_record_put64(block + 32, mk_record_checksum(0, block, 32));
            return;
        }
        at += MK_RECORD_BLOCK_BYTES;
        if (n > size - at) return;
        mk_record_put64(block + 32,
                        mk_record_checksum(mk_record_checksum(0, block, 32), block + MK_RECORD_BLOCK_BYTES, n));
        at += n;
    }
}

static void try_trace(const uint8_t *data, size_t size) {
    static struct seen whole, part;
    struct mk_optrace_info info, partial;
    int failed = read_all(data, size, false, &whole, &info);
    if (failed == -2) return;
    int partly = read_all(data, size, true, &part, &partial);
    demand(failed || !partly, "taken whole and not in part");
    demand(partly || part.n == partial.operations, "operations do not add up");
    demand(partly || partial.whole == !failed, "whole, or not?");
    demand(whole.n == part.n && whole.digest == part.digest, "whole and part differ");
    mk_optrace_info_free(&info);
    mk_optrace_info_free(&partial);
}

static void try_csv(const uint8_t *data, size_t size) {
    static struct seen seen;
    struct mk_optrace_writer writer;
    struct mk_optrace_import said;
    struct mk_optrace_info info;
    struct mk_err err = {""};
    if (!mk_optrace_import("input", (const char *)data, size, "date", &writer, &said, &err)) {
        demand(!read_all((const uint8_t *)writer.out.at, writer.out.n, false, &seen, &info),
               "what was imported is refused");
        demand(seen.n == said.rows && info.threads == said.threads, "rows do not add up");
        mk_optrace_info_free(&info);
    } else {
        demand(err.text[0], "fails without a word");
    }
    mk_optrace_writer_free(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size + 1);
    try_trace(data, size);
    try_csv(data, size);
    if (!copy) return 0;
    if (size) memcpy(copy, data, size);
    put_checksums_right(copy, size);
    try_trace(copy, size);
    free(copy);
    return 0;
}
