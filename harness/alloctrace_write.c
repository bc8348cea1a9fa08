/* alloctrace_write.c - writes traces of allocations: a block of each thread is in memory until it is full. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloctrace.h"
#include "alloctrace_form.h"
#include "record.h"

const char *const mk_alloctrace_names[MK_AT_CODES] = {
    "thread_start", "thread_exit",   "malloc",        "calloc",        "aligned",        "free",
    "realloc",      "realloc_moved", "malloc_failed", "calloc_failed", "aligned_failed", "realloc_failed"};

struct mk_alloctrace_out {
    unsigned char *at; /* NULL: nothing in memory */
    uint32_t used, events;
    uint64_t first_order, last_order, first_ns, last_ns;
    bool started, ended;
};

void mk_alloctrace_begin(struct mk_alloctrace_writer *writer, FILE *out,
                         const struct mk_alloctrace_origin *origin) {
    unsigned char head[MK_RECORD_HEAD_BYTES + 2 * MK_RECORD_TEXT_MAX];
    char *text = (char *)head + MK_RECORD_HEAD_BYTES, *end = text;
    const struct {
        const char *name, *value;
    } lines[] = {{"program", origin->program}, {"command", origin->command},     {"date", origin->date},
                 {"machine", origin->machine}, {"allocator", origin->allocator}, {"pid", origin->pid},
                 {"page_bytes", origin->page_bytes}, {"tool", origin->tool}};
    memset(writer, 0, sizeof *writer);
    writer->out = out;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char *begin = end;
        if (lines[i].value) end = mk_record_put_line(end, lines[i].name, lines[i].value);
        if (end - text > (ptrdiff_t)MK_RECORD_TEXT_MAX) end = begin;
    }
    memcpy(head, MK_AT_MAGIC, MK_AT_MAGIC_BYTES);
    mk_record_put32(head + 16, (uint32_t)(end - text));
    mk_record_put32(head + 20, 0);
    mk_record_put64(head + 24, mk_record_checksum(mk_record_checksum(0, head, 24), (unsigned char *)text,
                                                  (size_t)(end - text)));
    fwrite(head, 1, MK_RECORD_HEAD_BYTES + (size_t)(end - text), out);
}

static void flush(struct mk_alloctrace_writer *writer, uint32_t number) {
    struct mk_alloctrace_out *thread = &writer->thread[number];
    unsigned char *head = thread->at;
    if (!thread->events) return;
    uint32_t n = thread->used - MK_AT_BLOCK_BYTES;
    mk_record_put32(head, MK_AT_BLOCK_TAG);
    mk_record_put32(head + 4, number);
    mk_record_put32(head + 8, thread->events);
    mk_record_put32(head + 12, n);
    mk_record_put64(head + 16, thread->first_order);
    mk_record_put64(head + 24, thread->last_order);
    mk_record_put64(head + 32, thread->first_ns);
    mk_record_put64(head + 40,
                    mk_record_checksum(mk_record_checksum(0, head, 40), head + MK_AT_BLOCK_BYTES, n));
    fwrite(head, 1, thread->used, writer->out);
    thread->events = 0;
    thread->used = MK_AT_BLOCK_BYTES;
    writer->blocks++;
}

static void put(struct mk_alloctrace_writer *writer, const struct mk_alloctrace_event *event) {
    struct mk_alloctrace_out *thread = &writer->thread[event->thread];
    uint64_t order = writer->events++, gap = 0, ns = 0;
    bool takes = mk_alloctrace_takes(event->code), gives = mk_alloctrace_gives(event->code);
    if (!thread->at) {
        thread->at = mk_need(MK_AT_BLOCK_BYTES + MK_AT_PAYLOAD_MAX, 1);
        thread->used = MK_AT_BLOCK_BYTES;
    }
    if (thread->used + MK_AT_EVENT_MAX > MK_AT_BLOCK_BYTES + MK_AT_PAYLOAD_MAX) flush(writer, event->thread);
    if (event->time_ns > thread->last_ns) ns = event->time_ns - thread->last_ns;
    thread->last_ns += ns;
    if (!thread->events++) {
        thread->first_order = order;
        thread->first_ns = thread->last_ns;
        ns = 0;
    } else {
        gap = order - thread->last_order - 1;
    }
    thread->last_order = order;
    unsigned char *at = thread->at + thread->used;
    *at++ = (unsigned char)(event->code | (takes && event->taken_crosses ? MK_AT_TAKEN_CROSSES : 0) |
                            (gives && event->given_crosses ? MK_AT_GIVEN_CROSSES : 0) |
                            (gap ? MK_AT_HAS_GAP : 0) | (ns ? MK_AT_HAS_TIME : 0));
    if (gap) at = mk_record_put_number(at, gap);
    if (ns) at = mk_record_put_number(at, ns);
    if (takes) at = mk_record_put_number(at, event->taken);
    if (gives) at = mk_record_put_number(at, event->given);
    if (event->code == MK_AT_ALIGNED || event->code == MK_AT_ALIGNED_FAILED) *at++ = event->align_log2;
    if (event->code >= MK_AT_MALLOC && event->code != MK_AT_FREE) at = mk_record_put_number(at, event->size);
    thread->used = (uint32_t)(at - thread->at);
    if (gives && event->given_crosses) writer->crossing++;
}

static void end_thread(struct mk_alloctrace_writer *writer, uint32_t number, uint64_t time_ns) {
    struct mk_alloctrace_out *thread = &writer->thread[number];
    const struct mk_alloctrace_event exit = {.thread = number, .code = MK_AT_THREAD_EXIT, .time_ns = time_ns};
    if (!thread->started || thread->ended) return;
    put(writer, &exit);
    flush(writer, number);
    thread->ended = true;
    free(thread->at);
    thread->at = NULL;
}

void mk_alloctrace_add(struct mk_alloctrace_writer *writer, const struct mk_alloctrace_event *event) {
    while (writer->threads <= event->thread) mk_grow(&writer->thread, &writer->threads, sizeof *writer->thread);
    struct mk_alloctrace_out *thread = &writer->thread[event->thread];
    if (!thread->started) {
        const struct mk_alloctrace_event start = {
            .thread = event->thread, .code = MK_AT_THREAD_START, .time_ns = event->time_ns};
        thread->started = true;
        put(writer, &start);
    }
    if (event->code == MK_AT_THREAD_EXIT) end_thread(writer, event->thread, event->time_ns);
    else if (event->code != MK_AT_THREAD_START) put(writer, event);
}

int mk_alloctrace_end(struct mk_alloctrace_writer *writer, const struct mk_alloctrace_tally *tally,
                      struct mk_err *err) {
    unsigned char end[MK_AT_CLOSING_BYTES];
    for (size_t t = 0; t < writer->threads; t++) {
        const struct mk_alloctrace_event start = {.thread = (uint32_t)t, .code = MK_AT_THREAD_START};
        if (!writer->thread[t].started) mk_alloctrace_add(writer, &start);
        end_thread(writer, (uint32_t)t, writer->thread[t].last_ns);
    }
    mk_record_put32(end, MK_AT_CLOSING_TAG);
    mk_record_put32(end + 4, (uint32_t)writer->threads);
    mk_record_put64(end + 8, writer->events);
    mk_record_put64(end + 16, writer->blocks);
    mk_record_put64(end + 24, writer->crossing);
    mk_record_put64(end + 32, tally->dropped);
    mk_record_put64(end + 40, tally->unmatched);
    mk_record_put64(end + 48, tally->implied);
    mk_record_put64(end + 56, tally->inherited);
    mk_record_put32(end + 64, tally->flags);
    mk_record_put32(end + 68, 0);
    mk_record_put64(end + 72, mk_record_checksum(0, end, 72));
    fwrite(end, 1, sizeof end, writer->out);
    free(writer->thread);
    writer->thread = NULL;
    if (fflush(writer->out) || ferror(writer->out))
        return mk_fail(err, "cannot be written: %s", strerror(errno ? errno : ENOSPC));
    return 0;
}
