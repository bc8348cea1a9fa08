/* optrace_read.c - reads traces of operations, and believes nothing. A block is taken apart and checked as a whole
 * before anybody sees a record of it. */
#include "optrace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "trace_bytes.h"

const struct mk_optrace_op mk_optrace_ops[MK_RECORD_OPS] = {
    [MK_RECORD_THREAD_START] = {"thread_start", false},
    [MK_RECORD_THREAD_EXIT] = {"thread_exit", false},
    [MK_RECORD_GET] = {"get", true},
    [MK_RECORD_PUT] = {"put", true},
    [MK_RECORD_REMOVE] = {"remove", true},
    [MK_RECORD_CONTAINS] = {"contains", true},
    [MK_RECORD_INSERT_IF_ABSENT] = {"insert_if_absent", true},
    [MK_RECORD_UPDATE] = {"update", true},
    [MK_RECORD_READ_MODIFY_WRITE] = {"read_modify_write", true},
    [MK_RECORD_SCAN] = {"scan", true},
    [MK_RECORD_INSERT] = {"insert", true},
    [MK_RECORD_ENQUEUE] = {"enqueue", true},
    [MK_RECORD_DEQUEUE] = {"dequeue", false},
    [MK_RECORD_PUSH] = {"push", true},
    [MK_RECORD_POP] = {"pop", false},
};

unsigned mk_optrace_code(const char *name) {
    unsigned code = MK_OPTRACE_FIRST_OP;
    while (code < MK_RECORD_OPS && strcmp(mk_optrace_ops[code].name, name) != 0) code++;
    return code;
}

/* What is known of a thread so far. */
struct thread {
    uint64_t last_ns;
    bool seen, runs;
};

struct reader {
    FILE *in;
    uint64_t at; /* byte */
    struct mk_optrace_info *info;
    struct thread *thread;            /* MK_RECORD_THREADS_MAX */
    struct mk_optrace_record *record; /* of the block */
    unsigned char *payload;
    struct mk_err *err;
};

#define DAMAGED "the file is damaged: fetch or record it again, or take what is whole with --partial"
#define CUT "it was cut off, or its program ended without mk_record_close: --partial takes what is whole"

static int wrong(struct reader *r, uint64_t at, const char *what, const char *remedy) {
    return mk_fail(r->err, "at byte %llu: %s; %s", (unsigned long long)at, what, remedy);
}

/* Reads exactly n bytes, or says that the file ends there. */
static int need(struct reader *r, unsigned char *to, size_t n, const char *inside) {
    char what[64];
    size_t got = fread(to, 1, n, r->in);
    r->at += got;
    r->info->bytes = r->at;
    if (got == n) return 0;
    if (ferror(r->in))
        return mk_fail(r->err, "at byte %llu: cannot be read: %s", (unsigned long long)r->at, strerror(errno));
    snprintf(what, sizeof what, "the file ends %s", inside);
    return wrong(r, r->at, what, CUT);
}

/* Mixes a checksum of a part into that of the whole. */
static void mix(struct reader *r, const unsigned char *bytes) {
    r->info->checksum = mk_record_checksum(r->info->checksum, bytes, 8);
}

/* ---- the head ------------------------------------------------------------------------------ */

static int read_head(struct reader *r) {
    struct mk_optrace_info *info = r->info;
    const struct mk_trace_line known[] = {
        {"program", &info->program}, {"date", &info->date}, {"clock", &info->clock}, {"machine", &info->machine}};
    unsigned char head[MK_RECORD_HEAD_BYTES + MK_RECORD_TEXT_MAX];
    uint64_t where;
    static const char none[] = "this is no trace of operations (memkit.optrace/1)";
    static const char make[] = "impl/record.h records one, `memkit-bench trace import` makes one of a CSV file";
    size_t got = fread(head, 1, MK_RECORD_MAGIC_BYTES, r->in);
    r->at = r->info->bytes = got;
    if (ferror(r->in)) return mk_fail(r->err, "cannot be read: %s", strerror(errno));
    if (got == MK_RECORD_MAGIC_BYTES && memcmp(head, MK_RECORD_MAGIC, MK_RECORD_MAGIC_BYTES - 1) == 0 &&
        head[MK_RECORD_MAGIC_BYTES - 1] != MK_RECORD_MAGIC[MK_RECORD_MAGIC_BYTES - 1]) {
        return wrong(r, MK_RECORD_MAGIC_BYTES - 1, "a trace of another version than 1",
                     "use the memkit-bench that belongs to its recorder");
    }
    if (memcmp(head, MK_RECORD_MAGIC, got < MK_RECORD_MAGIC_BYTES ? got : MK_RECORD_MAGIC_BYTES) != 0 || !got) {
        return wrong(r, 0, got ? none : "the file is empty", make);
    }
    if (got < MK_RECORD_MAGIC_BYTES) return wrong(r, got, "the file ends in its first line", CUT);
    if (need(r, head + MK_RECORD_MAGIC_BYTES, MK_RECORD_HEAD_BYTES - MK_RECORD_MAGIC_BYTES, "in its head"))
        return -1;
    int64_t n = mk_trace_text_bytes(head);
    if (n > 0 && need(r, head + MK_RECORD_HEAD_BYTES, (size_t)n, "in its head")) return -1;
    const char *why = mk_trace_take_head(head, known, sizeof known / sizeof *known, &where);
    if (why) return wrong(r, where, why, DAMAGED);
    mix(r, head + 24);
    return 0;
}

/* ---- blocks -------------------------------------------------------------------------------- */

/* Takes one record. Returns what comes behind it, or NULL with *why set. */
static const unsigned char *take_record(const unsigned char *at, const unsigned char *end,
                                        struct mk_optrace_record *record, uint64_t *delta, const char **why) {
    unsigned first = *at++;
    *why = "a number in a record that cannot be";
    record->code = first & ~(MK_RECORD_HAS_KEY | MK_RECORD_HAS_SIZE);
    record->key = record->size = 0;
    if (record->code >= MK_RECORD_OPS) {
        *why = "an operation that this memkit-bench does not know";
        return NULL;
    }
    if (first & MK_RECORD_HAS_KEY && !(at = mk_trace_take_number(at, end, &record->key))) return NULL;
    if (first & MK_RECORD_HAS_SIZE && !(at = mk_trace_take_number(at, end, &record->size))) return NULL;
    if ((first & MK_RECORD_HAS_KEY && !record->key) || (first & MK_RECORD_HAS_SIZE && !record->size)) return NULL;
    return mk_trace_take_number(at, end, delta);
}

/* Follows starts and ends. Returns what is wrong, or NULL. */
static const char *follow(struct thread *thread, unsigned code, bool *runs) {
    if (code == MK_RECORD_THREAD_START) {
        if (*runs) return "a thread starts that has not ended";
        *runs = true;
    } else if (!*runs) {
        return thread->seen ? "an operation of a thread that has ended"
                            : "an operation of a thread that has not started";
    } else if (code == MK_RECORD_THREAD_EXIT) {
        *runs = false;
    }
    return NULL;
}

/* Takes the payload apart into r->record. `at` is the byte it begins at. Returns 0, or -1 with err set. */
static int take_payload(struct reader *r, uint64_t at, uint32_t number, uint32_t records, uint32_t operations,
                        uint32_t bytes, uint64_t time_ns) {
    const unsigned char *from = r->payload, *end = r->payload + bytes;
    struct thread *thread = &r->thread[number];
    bool runs = thread->runs;
    uint32_t counted = 0;
    for (uint32_t i = 0; i < records; i++) {
        struct mk_optrace_record *record = &r->record[i];
        uint64_t delta = 0;
        const char *why = "fewer records than the block says";
        const unsigned char *next = from < end ? take_record(from, end, record, &delta, &why) : NULL;
        if (next && delta > UINT64_MAX - time_ns)
            why = "a time that cannot be";
        else if (next)
            why = follow(thread, record->code, &runs);
        if (!next || why) return wrong(r, at + (uint64_t)(from - r->payload), why, DAMAGED);
        time_ns += delta;
        record->time_ns = time_ns;
        record->thread = number;
        counted += record->code >= MK_OPTRACE_FIRST_OP;
        thread->seen = true;
        from = next;
    }
    if (from != end)
        return wrong(r, at + (uint64_t)(from - r->payload), "more bytes than the block's records take", DAMAGED);
    if (counted != operations) return wrong(r, at, "another number of operations than the block says", DAMAGED);
    thread->runs = runs;
    thread->last_ns = time_ns;
    return 0;
}

static void count(struct mk_optrace_info *info, const struct mk_optrace_record *record, uint32_t n,
                  mk_optrace_visit_fn *visit, void *arg) {
    if (n && (!info->blocks || record[0].time_ns < info->first_ns)) info->first_ns = record[0].time_ns;
    if (n && record[n - 1].time_ns > info->last_ns) info->last_ns = record[n - 1].time_ns;
    for (uint32_t i = 0; i < n; i++) {
        info->of_op[record[i].code]++;
        if (record[i].code < MK_OPTRACE_FIRST_OP) continue;
        info->operations++;
        if (visit) visit(arg, &record[i]);
    }
    info->blocks++;
}

/* Reads what stands behind a block's tag. */
static int read_block(struct reader *r, unsigned char *head, mk_optrace_visit_fn *visit, void *arg) {
    uint64_t begin = r->at - 4;
    if (need(r, head + 4, MK_RECORD_BLOCK_BYTES - 4, "in the head of a block")) return -1;
    uint32_t number = mk_record_get32(head + 4), records = mk_record_get32(head + 8),
             operations = mk_record_get32(head + 12);
    uint32_t bytes = mk_record_get32(head + 16);
    uint64_t first_ns = mk_record_get64(head + 24);
    if (number >= MK_RECORD_THREADS_MAX) return wrong(r, begin + 4, "a thread's number above 4095", DAMAGED);
    if (bytes > MK_RECORD_PAYLOAD_MAX || mk_record_get32(head + 20)) {
        return wrong(r, begin + 16, "a block longer than blocks can be", DAMAGED);
    }
    if (records > bytes / 2 || operations > records)
        return wrong(r, begin + 8, "more records than the block has room for", DAMAGED);
    if (need(r, r->payload, bytes, "in a block")) return -1;
    if (mk_record_checksum(mk_record_checksum(0, head, 32), r->payload, bytes) != mk_record_get64(head + 32)) {
        return wrong(r, begin, "the checksum of the block is wrong", DAMAGED);
    }
    if (first_ns < r->thread[number].last_ns)
        return wrong(r, begin + 24, "a thread whose time goes backwards", DAMAGED);
    if (take_payload(r, begin + MK_RECORD_BLOCK_BYTES, number, records, operations, bytes, first_ns)) return -1;
    mix(r, head + 32);
    if (number >= r->info->threads) r->info->threads = number + 1;
    count(r->info, r->record, records, visit, arg);
    return 0;
}

/* Reads what stands behind the closing record's tag, and nothing may follow. */
static int read_closing(struct reader *r, unsigned char *head) {
    const struct mk_optrace_info *info = r->info;
    uint64_t begin = r->at - 4;
    if (need(r, head + 4, MK_RECORD_CLOSING_BYTES - 4, "in its closing record")) return -1;
    if (mk_record_checksum(0, head, 32) != mk_record_get64(head + 32)) {
        return wrong(r, begin, "the checksum of the closing record is wrong", DAMAGED);
    }
    if (mk_record_get32(head + 4) != info->threads || mk_record_get64(head + 8) != info->operations ||
        mk_record_get64(head + 24) != info->blocks) {
        return wrong(r, begin, "the closing record counts other threads, operations or blocks than there are",
                     DAMAGED);
    }
    r->info->dropped = mk_record_get64(head + 16);
    if (fgetc(r->in) != EOF) return wrong(r, r->at, "something follows the closing record", DAMAGED);
    mix(r, head + 32);
    return 0;
}

static int read_blocks(struct reader *r, mk_optrace_visit_fn *visit, void *arg) {
    unsigned char head[MK_RECORD_BLOCK_BYTES];
    for (;;) {
        if (need(r, head, 4, "without a closing record")) return -1;
        uint32_t tag = mk_record_get32(head);
        if (tag == MK_RECORD_CLOSING_TAG) return read_closing(r, head);
        if (tag != MK_RECORD_BLOCK_TAG) return wrong(r, r->at - 4, "here a block was to begin", DAMAGED);
        if (read_block(r, head, visit, arg)) return -1;
    }
}

/* ---- all of it ----------------------------------------------------------------------------- */

int mk_optrace_read_stream(FILE *in, bool partial, mk_optrace_visit_fn *visit, void *arg,
                           struct mk_optrace_info *info, struct mk_err *err) {
    struct reader r = {in, 0, info, NULL, NULL, NULL, err};
    memset(info, 0, sizeof *info);
    if (read_head(&r)) return -1;
    r.thread = mk_need(MK_RECORD_THREADS_MAX, sizeof *r.thread);
    r.record = mk_need(MK_RECORD_PAYLOAD_MAX / 2, sizeof *r.record);
    r.payload = mk_need(MK_RECORD_PAYLOAD_MAX, 1);
    int failed = read_blocks(&r, visit, arg);
    info->whole = !failed;
    if (failed && partial) {
        snprintf(info->cut, sizeof info->cut, "%s", err->text);
        failed = 0;
    }
    free(r.thread);
    free(r.record);
    free(r.payload);
    return failed;
}

int mk_optrace_read(const char *path, bool partial, mk_optrace_visit_fn *visit, void *arg,
                    struct mk_optrace_info *info, struct mk_err *err) {
    FILE *in = fopen(path, "rb");
    memset(info, 0, sizeof *info);
    if (!in) return mk_fail(err, "cannot be read: %s", strerror(errno));
    int failed = mk_optrace_read_stream(in, partial, visit, arg, info, err);
    fclose(in);
    return failed;
}

void mk_optrace_info_free(struct mk_optrace_info *info) {
    free(info->program);
    free(info->date);
    free(info->clock);
    free(info->machine);
    memset(info, 0, sizeof *info);
}

bool mk_optrace_is(const char *path) {
    char magic[MK_RECORD_MAGIC_BYTES];
    FILE *in = fopen(path, "rb");
    if (!in) return false;
    bool is =
        fread(magic, 1, sizeof magic, in) == sizeof magic && memcmp(magic, MK_RECORD_MAGIC, sizeof magic) == 0;
    fclose(in);
    return is;
}
