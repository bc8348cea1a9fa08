/* alloctrace_read.c - reads traces of allocations, and believes nothing: each block is checked as a whole when the
 * file is opened, and each event when its stream comes to it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloctrace.h"
#include "alloctrace_form.h"
#include "record.h"

#define DAMAGED "the file is damaged: fetch or record it again, or see what can be read with --partial"
#define CUT "it was cut off: --partial reads what is there, `trace verify --repair -o FILE` makes a whole one of it"

#define THREADS_BEFORE 16384u /* that a file may name whose blocks are missing */

static int wrong(struct mk_err *err, uint64_t at, const char *what, const char *remedy) {
    return mk_fail(err, "at byte %llu: %s; %s", (unsigned long long)at, what, remedy);
}

/* ---- bytes --------------------------------------------------------------------------------- */

/* Reads exactly n bytes. Returns false where the file has fewer, or cannot be read. */
static bool read_at(const struct mk_alloctrace *trace, uint64_t at, void *to, size_t n) {
    if (at > trace->size || n > trace->size - at) return false;
    if (trace->fd < 0) {
        if (n) memcpy(to, trace->bytes + at, n);
        return true;
    }
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(trace->fd, (char *)to + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        done += (size_t)got;
    }
    return true;
}

static int ends(const struct mk_alloctrace *trace, const char *inside, struct mk_err *err) {
    char what[64];
    snprintf(what, sizeof what, "the file ends %s", inside);
    return wrong(err, trace->size, what, CUT);
}

static void mix(struct mk_alloctrace *trace, const unsigned char *bytes) {
    trace->info.checksum = mk_record_checksum(trace->info.checksum, bytes, 8);
}

/* ---- the file as a whole -------------------------------------------------------------------- */

static int read_head(struct mk_alloctrace *trace, uint64_t *at, struct mk_err *err) {
    struct mk_alloctrace_origin *o = &trace->info.origin;
    const struct mk_trace_line known[] = {
        {"program", &o->program},     {"command", &o->command}, {"date", &o->date},
        {"machine", &o->machine},     {"tool", &o->tool},       {"pid", &o->pid},
        {"allocator", &o->allocator}, {"page_bytes", &o->page_bytes}};
    unsigned char head[MK_RECORD_HEAD_BYTES + MK_RECORD_TEXT_MAX];
    size_t got = trace->size < MK_AT_MAGIC_BYTES ? (size_t)trace->size : MK_AT_MAGIC_BYTES;
    uint64_t where;
    if (!got || !read_at(trace, 0, head, got) || memcmp(head, MK_AT_MAGIC, got < 13 ? got : 13) != 0) {
        return wrong(err, 0, got ? "this is no trace of allocations (memkit.trace/1)" : "the file is empty",
                     "`memkit-bench record` makes one");
    }
    if (got < MK_AT_MAGIC_BYTES) return ends(trace, "in its first line", err);
    if (memcmp(head, MK_AT_MAGIC, got) != 0) {
        return wrong(err, 13, "a trace of another version than 1",
                     "use the memkit-bench that belongs to its recorder");
    }
    if (!read_at(trace, 0, head, MK_RECORD_HEAD_BYTES)) return ends(trace, "in its head", err);
    int64_t n = mk_trace_text_bytes(head);
    if (n > 0 && !read_at(trace, MK_RECORD_HEAD_BYTES, head + MK_RECORD_HEAD_BYTES, (size_t)n))
        return ends(trace, "in its head", err);
    const char *why = mk_trace_take_head(head, known, sizeof known / sizeof *known, &where);
    if (why) return wrong(err, where, why, DAMAGED);
    mix(trace, head + 24);
    *at = MK_RECORD_HEAD_BYTES + (uint64_t)n;
    return 0;
}

/* Enters a block in the books of its thread. */
static void add_block(struct mk_alloctrace *trace, uint64_t at, const unsigned char *head) {
    uint32_t number = mk_record_get32(head + 4);
    while (trace->threads <= number) mk_grow(&trace->thread, &trace->threads, sizeof *trace->thread);
    struct mk_alloctrace_thread *thread = &trace->thread[number];
    struct mk_alloctrace_block *block = mk_grow(&trace->block, &trace->blocks, sizeof *block);
    block->at = at;
    block->first_order = mk_record_get64(head + 16);
    if (thread->first) trace->block[thread->last - 1].next = trace->blocks;
    else thread->first = trace->blocks;
    thread->last = trace->blocks;
    thread->last_order = mk_record_get64(head + 24);
    thread->last_ns = mk_record_get64(head + 32);
    trace->info.events += mk_record_get32(head + 8);
    trace->info.blocks++;
    trace->info.threads = (uint32_t)trace->threads;
}

/* Returns what is wrong with the numbers of a block's head, or NULL, with the byte in *where. `most` is the number
 * that threads' numbers are below. */
static const char *check_block(const struct mk_alloctrace *trace, const unsigned char *head, uint64_t most,
                               uint64_t *where) {
    uint32_t number = mk_record_get32(head + 4), events = mk_record_get32(head + 8), n = mk_record_get32(head + 12);
    uint64_t first = mk_record_get64(head + 16), last = mk_record_get64(head + 24);
    *where += 4;
    if (number >= MK_AT_THREADS_MAX || number >= most)
        return "a thread's number that cannot be";
    *where += 4;
    if (n > MK_AT_PAYLOAD_MAX) return "a block longer than blocks can be";
    if (!events || events > n) return "more events than the block has room for, or none";
    *where += 8;
    if (last < first || last - first < events - 1) return "an order that cannot be";
    if (number < trace->threads && trace->thread[number].first &&
        (first <= trace->thread[number].last_order ||
         mk_record_get64(head + 32) < trace->thread[number].last_ns)) {
        return "a thread whose order, or time, goes backwards";
    }
    return NULL;
}

/* Returns how many threads there may be. Every thread has a block at least: the heads that follow one another are
 * counted. The size of the file says nothing, since that may be a hole. Of a file that is cut off, threads may be
 * known whose first blocks were still to come. */
static uint64_t most_threads(const struct mk_alloctrace *trace, uint64_t at) {
    unsigned char head[16];
    uint64_t n = 0;
    while (read_at(trace, at, head, sizeof head) && mk_record_get32(head) == MK_AT_BLOCK_TAG &&
           mk_record_get32(head + 12) <= MK_AT_PAYLOAD_MAX) {
        at += MK_AT_BLOCK_BYTES + mk_record_get32(head + 12);
        n++;
    }
    return n + THREADS_BEFORE;
}

static int read_block(struct mk_alloctrace *trace, uint64_t *at, uint64_t most, unsigned char *payload,
                      struct mk_err *err) {
    unsigned char head[MK_AT_BLOCK_BYTES];
    uint64_t where = *at;
    if (!read_at(trace, *at, head, sizeof head)) return ends(trace, "in the head of a block", err);
    const char *why = check_block(trace, head, most, &where);
    if (why) return wrong(err, where, why, DAMAGED);
    uint32_t n = mk_record_get32(head + 12);
    if (!read_at(trace, *at + sizeof head, payload, n)) return ends(trace, "in a block", err);
    if (mk_record_checksum(mk_record_checksum(0, head, 40), payload, n) != mk_record_get64(head + 40))
        return wrong(err, *at, "the checksum of the block is wrong", DAMAGED);
    mix(trace, head + 40);
    add_block(trace, *at, head);
    *at += sizeof head + n;
    return 0;
}

static int read_closing(struct mk_alloctrace *trace, uint64_t at, struct mk_err *err) {
    unsigned char end[MK_AT_CLOSING_BYTES];
    struct mk_alloctrace_info *info = &trace->info;
    if (!read_at(trace, at, end, sizeof end)) return ends(trace, "in its closing record", err);
    if (mk_record_checksum(0, end, 72) != mk_record_get64(end + 72) || mk_record_get32(end + 68))
        return wrong(err, at, "the checksum of the closing record is wrong", DAMAGED);
    if (mk_record_get32(end + 4) != info->threads || mk_record_get64(end + 8) != info->events ||
        mk_record_get64(end + 16) != info->blocks) {
        return wrong(err, at, "the closing record counts other threads, events or blocks than there are", DAMAGED);
    }
    for (size_t t = 0; t < trace->threads; t++) {
        if (!trace->thread[t].first) return wrong(err, at, "a thread without a block", DAMAGED);
    }
    if (at + sizeof end != trace->size)
        return wrong(err, at + sizeof end, "something follows the closing record", DAMAGED);
    info->crossing = mk_record_get64(end + 24);
    info->tally = (struct mk_alloctrace_tally){mk_record_get64(end + 32), mk_record_get64(end + 40),
                                               mk_record_get64(end + 48), mk_record_get64(end + 56),
                                               mk_record_get32(end + 64), 0};
    mix(trace, end + 72);
    return 0;
}

static int read_blocks(struct mk_alloctrace *trace, uint64_t at, struct mk_err *err) {
    unsigned char tag[4], *payload = mk_need(MK_AT_PAYLOAD_MAX, 1);
    uint64_t most = most_threads(trace, at);
    int failed = 0;
    for (;;) {
        if (!read_at(trace, at, tag, 4)) {
            failed = ends(trace, "without a closing record", err);
            break;
        }
        if (mk_record_get32(tag) == MK_AT_CLOSING_TAG) {
            failed = read_closing(trace, at, err);
            break;
        }
        failed = mk_record_get32(tag) == MK_AT_BLOCK_TAG ? read_block(trace, &at, most, payload, err)
                                                         : wrong(err, at, "here a block was to begin", DAMAGED);
        if (failed) break;
    }
    free(payload);
    return failed;
}

static int read_all(struct mk_alloctrace *trace, bool partial, struct mk_err *err) {
    uint64_t at;
    trace->info.bytes = trace->size;
    if (read_head(trace, &at, err)) return -1;
    int failed = read_blocks(trace, at, err);
    trace->info.whole = !failed;
    if (!failed || !partial) return failed;
    snprintf(trace->info.cut, sizeof trace->info.cut, "%s", err->text);
    return 0;
}

int mk_alloctrace_open(struct mk_alloctrace *trace, const char *path, bool partial, struct mk_err *err) {
    struct stat status;
    memset(trace, 0, sizeof *trace);
    trace->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (trace->fd < 0 || fstat(trace->fd, &status)) return mk_fail(err, "cannot be read: %s", strerror(errno));
    if (!S_ISREG(status.st_mode))
        return mk_fail(err, "cannot be read: %s", S_ISDIR(status.st_mode) ? "Is a directory" : "it is no file");
    trace->size = (uint64_t)status.st_size;
    return read_all(trace, partial, err);
}

int mk_alloctrace_open_bytes(struct mk_alloctrace *trace, const void *bytes, size_t n, bool partial,
                             struct mk_err *err) {
    memset(trace, 0, sizeof *trace);
    trace->fd = -1;
    trace->bytes = bytes;
    trace->size = n;
    return read_all(trace, partial, err);
}

void mk_alloctrace_close(struct mk_alloctrace *trace) {
    struct mk_alloctrace_origin *o = &trace->info.origin;
    char *texts[] = {o->program, o->command, o->date, o->machine, o->allocator, o->pid, o->page_bytes, o->tool};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(texts[i]);
    if (trace->fd >= 0) close(trace->fd);
    free(trace->block);
    free(trace->thread);
    memset(trace, 0, sizeof *trace);
    trace->fd = -1;
}

bool mk_alloctrace_is(const char *path) {
    char magic[13];
    FILE *in = fopen(path, "rb");
    bool is = in && fread(magic, 1, sizeof magic, in) == sizeof magic;
    if (is) is = memcmp(magic, MK_AT_MAGIC, sizeof magic) == 0;
    if (in) fclose(in);
    return is;
}

/* ---- events of a thread -------------------------------------------------------------------- */

void mk_alloctrace_stream(struct mk_alloctrace_stream *stream, const struct mk_alloctrace *trace, uint32_t thread) {
    memset(stream, 0, sizeof *stream);
    stream->trace = trace;
    stream->thread = thread;
    stream->block = trace->thread[thread].first;
}

void mk_alloctrace_stream_end(struct mk_alloctrace_stream *stream) {
    free(stream->payload);
    stream->payload = NULL;
}

static int wrong_event(const struct mk_alloctrace_stream *stream, const char *what, struct mk_err *err) {
    return mk_fail(err, "at byte %llu, thread %u, its event %llu: %s; " DAMAGED,
                   (unsigned long long)(stream->at + (uint64_t)(stream->from - stream->payload)), stream->thread,
                   (unsigned long long)stream->n, what);
}

static int next_block(struct mk_alloctrace_stream *stream, struct mk_err *err) {
    const struct mk_alloctrace_block *block = &stream->trace->block[stream->block - 1];
    unsigned char head[MK_AT_BLOCK_BYTES];
    bool there = read_at(stream->trace, block->at, head, sizeof head);
    uint32_t n = there ? mk_record_get32(head + 12) : 0;
    /* As long as this block is: a thread may have few events, and there may be many threads. */
    free(stream->payload);
    stream->payload = mk_need((n < MK_AT_PAYLOAD_MAX ? n : MK_AT_PAYLOAD_MAX) + 1, 1);
    stream->at = block->at + MK_AT_BLOCK_BYTES;
    if (!there || n > MK_AT_PAYLOAD_MAX || !read_at(stream->trace, stream->at, stream->payload, n) ||
        mk_record_checksum(mk_record_checksum(0, head, 40), stream->payload, n) != mk_record_get64(head + 40)) {
        return mk_fail(err, "at byte %llu: the file has changed while it was read", (unsigned long long)block->at);
    }
    stream->from = stream->payload;
    stream->end = stream->payload + n;
    stream->left = mk_record_get32(head + 8);
    if (mk_record_get64(head + 32) < stream->time_ns)
        return wrong_event(stream, "a thread whose time goes backwards", err);
    stream->order = mk_record_get64(head + 16);
    stream->last_order = mk_record_get64(head + 24);
    stream->time_ns = mk_record_get64(head + 32);
    stream->begun = false;
    stream->block = block->next;
    return 0;
}

/* Takes one event apart. Returns what comes behind it, or NULL. */
static const unsigned char *take_event(const unsigned char *at, const unsigned char *end,
                                       struct mk_alloctrace_event *event, uint64_t *gap, uint64_t *ns) {
    unsigned first = *at++;
    uint64_t *const number[] = {gap, ns, &event->taken, &event->given};
    event->code = first & MK_AT_CODE;
    if (event->code >= MK_AT_CODES) return NULL;
    bool takes = mk_alloctrace_takes(event->code), gives = mk_alloctrace_gives(event->code);
    const bool has[] = {(first & MK_AT_HAS_GAP) != 0, (first & MK_AT_HAS_TIME) != 0, takes, gives};
    event->taken_crosses = (first & MK_AT_TAKEN_CROSSES) != 0;
    event->given_crosses = (first & MK_AT_GIVEN_CROSSES) != 0;
    event->align_log2 = 0;
    event->size = 0;
    if ((event->taken_crosses && !takes) || (event->given_crosses && !gives)) return NULL;
    for (unsigned i = 0; i < 4; i++) {
        *number[i] = 0;
        if (has[i] && !(at = mk_trace_take_number(at, end, number[i]))) return NULL;
        if (has[i] && i < 2 && !*number[i]) return NULL;
    }
    if (event->code == MK_AT_ALIGNED || event->code == MK_AT_ALIGNED_FAILED) {
        if (at == end || *at > 63) return NULL;
        event->align_log2 = *at++;
    }
    return event->code >= MK_AT_MALLOC && event->code != MK_AT_FREE ? mk_trace_take_number(at, end, &event->size)
                                                                     : at;
}

int mk_alloctrace_next(struct mk_alloctrace_stream *stream, struct mk_alloctrace_event *event, struct mk_err *err) {
    uint64_t gap, ns;
    if (!stream->left) {
        if (!stream->block) {
            if (stream->ended || !stream->trace->info.whole) return 0;
            return mk_fail(err, "thread %u does not end; " DAMAGED, stream->thread);
        }
        if (next_block(stream, err)) return -1;
    }
    const unsigned char *next = NULL;
    if (stream->from < stream->end) next = take_event(stream->from, stream->end, event, &gap, &ns);
    if (!next) return wrong_event(stream, "what stands here is no event", err);
    if (!stream->begun && (gap || ns)) return wrong_event(stream, "a block that begins with a gap", err);
    if (gap >= UINT64_MAX - stream->order || ns > UINT64_MAX - stream->time_ns)
        return wrong_event(stream, "an order or a time that cannot be", err);
    stream->order += stream->begun ? gap + 1 : 0;
    stream->time_ns += ns;
    stream->begun = true;
    if (stream->ended) return wrong_event(stream, "an event of a thread that has ended", err);
    if ((event->code == MK_AT_THREAD_START) == stream->started)
        return wrong_event(stream, stream->started ? "a thread starts twice" : "a thread does not start", err);
    stream->started = true;
    stream->ended = event->code == MK_AT_THREAD_EXIT;
    if (--stream->left == 0 && (next != stream->end || stream->order != stream->last_order))
        return wrong_event(stream, "more bytes than the block's events take, or another order", err);
    stream->from = next;
    event->thread = stream->thread;
    event->order = stream->order;
    event->time_ns = stream->time_ns;
    stream->n++;
    return 1;
}
