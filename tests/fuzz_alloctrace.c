/* fuzz_alloctrace.c - fuzz target: any bytes as a trace of allocations. What is taken as whole is taken in part
 * as well, and alike; what is taken in part is made whole by a repair, which the strict reader then takes. A
 * copy with the right checksums and counts goes deeper; and the same bytes are words of a capture, of which a
 * trace comes out whatever they are. */
#include <stdlib.h>
#include <unistd.h>

#include "../harness/alloctrace.h"
#include "../harness/alloctrace_form.h"
#include "../preload/trace/raw.h"
#include "child.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "fuzz_alloctrace: %s\n", what);
    abort();
}

struct seen {
    uint64_t n, digest, order;
};

static void see(void *arg, const struct mk_alloctrace_event *event, const struct mk_alloctrace_object *taken,
                struct mk_alloctrace_object *given) {
    struct seen *seen = arg;
    demand(event->code < MK_AT_CODES, "an unknown code");
    demand(!seen->n || event->order > seen->order, "the order goes backwards");
    demand(!taken || mk_alloctrace_takes(event->code), "something is taken that is not");
    demand(!given == !mk_alloctrace_gives(event->code), "something is given that is not");
    seen->order = event->order;
    uint64_t parts = mk_mix64(event->size ^ event->time_ns ^ event->given << 32);
    seen->digest = mk_mix64(seen->digest ^ parts ^ event->thread);
    seen->n++;
}

static int read_all(const uint8_t *data, size_t size, bool partial, struct seen *seen,
                    struct mk_alloctrace_info *info) {
    struct mk_alloctrace trace;
    struct mk_err err = {""};
    memset(seen, 0, sizeof *seen);
    int failed = mk_alloctrace_open_bytes(&trace, data, size, partial, &err);
    if (!failed) failed = mk_alloctrace_walk(&trace, see, seen, &err);
    demand(!failed == !err.text[0] || partial, "fails without a word, or talks without failing");
    *info = trace.info;
    mk_alloctrace_close(&trace);
    return failed;
}

static void repair(const uint8_t *data, size_t size, const struct seen *part) {
    struct mk_alloctrace trace;
    struct mk_alloctrace_info info;
    struct mk_alloctrace_tally tally;
    struct seen seen;
    struct mk_err err;
    char *bytes = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&bytes, &n);
    demand(!mk_alloctrace_open_bytes(&trace, data, size, true, &err), "opened once, and not again");
    uint64_t left_out = trace.info.tally.unmatched;
    demand(!mk_alloctrace_repair(&trace, out, &tally, &err), "what can be walked cannot be repaired");
    fclose(out);
    mk_alloctrace_close(&trace);
    demand(!read_all((const uint8_t *)bytes, n, false, &seen, &info), "what was repaired is refused");
    demand(seen.n + (tally.unmatched - left_out) >= part->n, "a repair has lost events");
    free(bytes);
}

static void try_trace(const uint8_t *data, size_t size) {
    struct seen whole, part;
    struct mk_alloctrace_info info, partial;
    int failed = read_all(data, size, false, &whole, &info), partly = read_all(data, size, true, &part, &partial);
    demand(failed || !partly, "taken whole and not in part");
    demand(failed || (whole.n == part.n && whole.digest == part.digest), "whole and part differ");
    demand(failed || whole.n == info.events, "events do not add up");
    if (!partly) repair(data, size, &part);
}

/* Every block and the closing record as their lengths have them, with the checksums and counts that belong
 * there. */
static void put_checksums_right(uint8_t *data, size_t size) {
    uint64_t events = 0, blocks = 0;
    uint32_t threads = 0;
    if (size < MK_RECORD_HEAD_BYTES) return;
    memcpy(data, MK_AT_MAGIC, MK_AT_MAGIC_BYTES);
    size_t n = mk_record_get32(data + 16), at = MK_RECORD_HEAD_BYTES + n;
    if (n > MK_RECORD_TEXT_MAX || at > size) return;
    mk_record_put64(data + 24, mk_record_checksum(mk_record_checksum(0, data, 24), data + MK_RECORD_HEAD_BYTES, n));
    while (size - at >= MK_AT_BLOCK_BYTES && mk_record_get32(data + at) == MK_AT_BLOCK_TAG) {
        uint8_t *block = data + at;
        n = mk_record_get32(block + 12);
        at += MK_AT_BLOCK_BYTES;
        if (n > size - at) return;
        mk_record_put64(block + 40,
                        mk_record_checksum(mk_record_checksum(0, block, 40), block + MK_AT_BLOCK_BYTES, n));
        at += n;
        events += mk_record_get32(block + 8);
        blocks++;
        if (mk_record_get32(block + 4) >= threads) threads = mk_record_get32(block + 4) + 1;
    }
    if (size - at < MK_AT_CLOSING_BYTES) return;
    mk_record_put32(data + at + 4, threads);
    mk_record_put64(data + at + 8, events);
    mk_record_put64(data + at + 16, blocks);
    mk_record_put64(data + at + 72, mk_record_checksum(0, data + at, 72));
}

/* ---- captures ------------------------------------------------------------------------------- */

/* Blocks of two threads in turn. */
static void write_capture(int fd, const uint8_t *data, size_t size) {
    struct mk_raw_head head = {.version = MK_RAW_VERSION, .closed = 1};
    uint8_t page[MK_RAW_HEAD_BYTES] = {0};
    memcpy(head.magic, MK_RAW_MAGIC, MK_RAW_MAGIC_BYTES);
    memcpy(page, &head, sizeof head);
    demand(write(fd, page, sizeof page) > 0, "no disk");
    for (uint32_t i = 0; size >= 8; i++) {
        uint32_t words = size / 8 < 40 ? (uint32_t)(size / 8) : 40;
        struct mk_raw_block block = {MK_RAW_BLOCK_TAG, i % 2, words, i / 2, 0, 0};
        block.check = mk_raw_check(&block);
        demand(write(fd, &block, sizeof block) > 0 && write(fd, data, words * 8) > 0, "no disk");
        data += words * 8;
        size -= words * 8;
    }
}

static void try_capture(const uint8_t *data, size_t size) {
    static char path[256];
    static int fd = -1;
    struct mk_alloctrace_tally tally;
    struct mk_alloctrace_info info;
    struct seen seen;
    struct mk_err err = {""};
    uint64_t threads, events;
    char *bytes = NULL;
    size_t n = 0;
    if (fd < 0) {
        fd = child_file(path, sizeof path);
        demand(dup2(fd, 100) == 100, "no descriptor");
        unlink(path);
        snprintf(path, sizeof path, "/proc/self/fd/%d", 100);
    }
    demand(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0, "no file");
    write_capture(fd, data, size);
    FILE *out = open_memstream(&bytes, &n);
    demand(!mk_alloctrace_from_raw(path, out, &tally, &threads, &events, &err), "a capture is refused");
    fclose(out);
    demand(!read_all((const uint8_t *)bytes, n, false, &seen, &info), "what was made of a capture is refused");
    demand(seen.n == events && info.threads == threads, "events of a capture do not add up");
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size + 1);
    try_trace(data, size);
    try_capture(data, size);
    if (!copy) return 0;
    if (size) memcpy(copy, data, size);
    put_checksums_right(copy, size);
    try_trace(copy, size);
    free(copy);
    return 0;
}
