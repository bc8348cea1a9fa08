/* cmd_trace_alloc.c - `trace info`, `trace verify` and `trace export` of traces of allocations. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloctrace.h"
#include "commands.h"
#include "json.h"

#define THREADS_SHOWN 16

static int fail(const char *path, const struct mk_err *err, int status) {
    fprintf(stderr, "memkit-bench trace: %s: %s\n", path, err->text);
    return status;
}

static double frac(uint64_t part, uint64_t of) {
    return of ? (double)part / (double)of : 0;
}

static const char *or_unknown(const char *text) {
    return text ? text : "unknown";
}

/* ---- for people ---------------------------------------------------------------------------- */

/* Appends a number of bytes, as 12.3 MB. */
static void put_bytes(struct mk_text *out, uint64_t bytes) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    unsigned unit = 0;
    while (value >= 10000 && unit < 4) {
        value /= 1000;
        unit++;
    }
    mk_text_printf(out, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

/* Appends the bounds of a bucket. */
static void put_range(struct mk_text *out, unsigned bucket) {
    uint64_t low = bucket ? UINT64_C(1) << (bucket - 1) : 0;
    char text[48];
    if (bucket < 2) snprintf(text, sizeof text, "%u", bucket);
    else snprintf(text, sizeof text, "%" PRIu64 "-%" PRIu64, low, low + (low - 1));
    mk_text_printf(out, "%23s", text);
}

static void print_histogram(struct mk_text *out, const char *title, const uint64_t *count) {
    uint64_t all = 0, most = 0;
    for (unsigned i = 0; i < MK_AT_BUCKETS; i++) {
        all += count[i];
        if (count[i] > most) most = count[i];
    }
    if (!all) return;
    mk_text_printf(out, "\n%23s       count   share\n", title);
    for (unsigned i = 0; i < MK_AT_BUCKETS; i++) {
        if (!count[i]) continue;
        put_range(out, i);
        mk_text_printf(out, " %11" PRIu64 " %6.2f%%  ", count[i], 100 * frac(count[i], all));
        mk_text_repeat(out, '#', (size_t)(40 * count[i] / most));
        mk_text_putc(out, '\n');
    }
}

static void print_events(struct mk_text *out, const struct mk_alloctrace_stats *stats, uint64_t events) {
    mk_text_puts(out, "\nevent                  count   share\n");
    for (unsigned code = 0; code < MK_AT_CODES; code++) {
        if (!stats->of_code[code]) continue;
        mk_text_printf(out, "%-16s %11" PRIu64 " %6.2f%%\n", mk_alloctrace_names[code], stats->of_code[code],
                       100 * frac(stats->of_code[code], events));
    }
}

static void print_threads(struct mk_text *out, const struct mk_alloctrace_stats *stats, uint64_t events) {
    size_t shown = stats->of_thread_n < THREADS_SHOWN ? stats->of_thread_n : THREADS_SHOWN;
    mk_text_puts(out, "\nthread            events   share\n");
    for (size_t t = 0; t < shown; t++) {
        mk_text_printf(out, "%6zu %17" PRIu64 " %6.2f%%\n", t, stats->of_thread[t],
                       100 * frac(stats->of_thread[t], events));
    }
    if (shown < stats->of_thread_n) mk_text_printf(out, "   ... and %zu more\n", stats->of_thread_n - shown);
}

static void print_origin(struct mk_text *out, const struct mk_alloctrace_info *info) {
    const struct mk_alloctrace_origin *o = &info->origin;
    mk_text_printf(out, "command       %s\n", or_unknown(o->command));
    mk_text_printf(out, "program       %s, process %s\n", or_unknown(o->program), or_unknown(o->pid));
    mk_text_printf(out, "recorded      %s by %s\n", or_unknown(o->date), or_unknown(o->tool));
    mk_text_printf(out, "on            %s, pages of %s bytes\n", or_unknown(o->machine), or_unknown(o->page_bytes));
    mk_text_printf(out, "allocator     %s\n", or_unknown(o->allocator));
    mk_text_printf(out, "checksum      0x%016" PRIx64 "\n", info->checksum);
}

static void print_missing(struct mk_text *out, const struct mk_alloctrace_tally *tally) {
    struct mk_text said = {0};
    mk_alloctrace_tell(tally, &said);
    const char *line = said.at ? said.at : "";
    if (!*line) mk_text_puts(out, "missing       nothing\n");
    for (; *line; line += strcspn(line, "\n") + 1)
        mk_text_printf(out, "missing       %.*s\n", (int)strcspn(line, "\n"), line);
    if (tally->flags & MK_AT_REPAIRED) mk_text_puts(out, "repaired      what is missing has been accepted\n");
    mk_text_free(&said);
}

static void print_live(struct mk_text *out, const struct mk_alloctrace_stats *stats) {
    mk_text_printf(out, "allocations   %" PRIu64 ", ", stats->allocations);
    put_bytes(out, stats->allocated_bytes);
    mk_text_printf(out, "; the largest of %" PRIu64 " bytes, %" PRIu64 " of 0 bytes\n", stats->largest,
                   stats->zero_sized);
    mk_text_puts(out, "peak live     ");
    put_bytes(out, stats->peak_bytes);
    mk_text_printf(out, " in %" PRIu64 " blocks, at %.6f s; at most %" PRIu64 " blocks\n", stats->peak_bytes_blocks,
                   (double)stats->peak_bytes_ns / 1e9, stats->peak_blocks);
    mk_text_puts(out, "live at end   ");
    put_bytes(out, stats->live_bytes);
    mk_text_printf(out, " in %" PRIu64 " blocks\n", stats->live_blocks);
    mk_text_printf(out, "crossing      %" PRIu64 " of %" PRIu64 " frees are of another thread's blocks: %.2f%%\n",
                   stats->crossed, stats->frees, 100 * frac(stats->crossed, stats->frees));
    uint64_t reallocs = stats->of_code[MK_AT_REALLOC] + stats->of_code[MK_AT_REALLOC_MOVED];
    if (reallocs) {
        mk_text_printf(out, "realloc       %" PRIu64 ": %" PRIu64 " grow, %" PRIu64 " shrink, %" PRIu64
                            " keep the size; %.2f%% stay where they are\n",
                       reallocs, stats->grown, stats->shrunk, stats->same,
                       100 * frac(stats->of_code[MK_AT_REALLOC], reallocs));
    }
    for (unsigned i = 0; i < 64; i++) {
        if (!stats->align[i]) continue;
        mk_text_printf(out, "aligned       %" PRIu64 " to %" PRIu64 " bytes\n", stats->align[i], UINT64_C(1) << i);
    }
}

static void print_info(const char *path, const struct mk_alloctrace *trace, const struct mk_alloctrace_stats *stats,
                       struct mk_text *out) {
    const struct mk_alloctrace_info *info = &trace->info;
    double s = (double)stats->last_ns / 1e9;
    mk_text_printf(out, "%s: %s of allocations\n", path,
                   info->whole ? "a trace" : "what can be read of a trace");
    if (!info->whole) mk_text_printf(out, "cut off       %s\n", info->cut);
    print_origin(out, info);
    mk_text_printf(out, "events        %" PRIu64 " of %" PRIu32 " thread%s, in %" PRIu64 " blocks, %" PRIu64
                        " bytes: %.1f an event\n",
                   info->events, info->threads, info->threads == 1 ? "" : "s", info->blocks, info->bytes,
                   frac(info->bytes, info->events));
    print_missing(out, &info->tally);
    mk_text_printf(out, "duration      %.6f s", s);
    if (s > 0) mk_text_printf(out, ", %.0f events a second", (double)info->events / s);
    mk_text_putc(out, '\n');
    print_live(out, stats);
    print_events(out, stats, info->events);
    print_histogram(out, "size, bytes", stats->size);
    print_histogram(out, "life, allocations", stats->life_allocs);
    print_histogram(out, "life, ns", stats->life_ns);
    print_threads(out, stats, info->events);
}

/* ---- for programs -------------------------------------------------------------------------- */

static void add_text(struct mk_text *out, const char *name, const char *text) {
    mk_text_printf(out, "  \"%s\": ", name);
    mk_json_write_text(out, text);
    mk_text_puts(out, ",\n");
}

static void add_number(struct mk_text *out, const char *name, uint64_t number) {
    mk_text_printf(out, "  \"%s\": %" PRIu64 ",\n", name, number);
}

/* Buckets that hold something, as [smallest, count]. */
static void add_histogram(struct mk_text *out, const char *name, const uint64_t *count) {
    const char *comma = "";
    mk_text_printf(out, "  \"%s\": [", name);
    for (unsigned i = 0; i < MK_AT_BUCKETS; i++) {
        if (!count[i]) continue;
        mk_text_printf(out, "%s[%" PRIu64 ", %" PRIu64 "]", comma, i ? UINT64_C(1) << (i - 1) : 0, count[i]);
        comma = ", ";
    }
    mk_text_puts(out, "],\n");
}

static void add_file(struct mk_text *out, const char *path, const struct mk_alloctrace_info *info) {
    const struct mk_alloctrace_origin *o = &info->origin;
    add_text(out, "format", "memkit.trace/1");
    add_text(out, "file", path);
    mk_text_printf(out, "  \"whole\": %s,\n", info->whole && !mk_alloctrace_lacks(&info->tally) ? "true" : "false");
    add_text(out, "cut", info->whole ? NULL : info->cut);
    add_text(out, "command", o->command);
    add_text(out, "program", o->program);
    add_text(out, "pid", o->pid);
    add_text(out, "date", o->date);
    add_text(out, "machine", o->machine);
    add_text(out, "page_bytes", o->page_bytes);
    add_text(out, "allocator", o->allocator);
    add_text(out, "tool", o->tool);
    mk_text_printf(out, "  \"checksum\": \"0x%016" PRIx64 "\",\n", info->checksum);
    add_number(out, "bytes", info->bytes);
    add_number(out, "blocks", info->blocks);
    add_number(out, "events", info->events);
    add_number(out, "dropped", info->tally.dropped);
    add_number(out, "unmatched", info->tally.unmatched);
    add_number(out, "implied", info->tally.implied);
    add_number(out, "inherited", info->tally.inherited);
    mk_text_printf(out, "  \"ended\": %s,\n  \"repaired\": %s,\n  \"forked\": %s,\n",
                   info->tally.flags & MK_AT_CUT ? "false" : "true",
                   info->tally.flags & MK_AT_REPAIRED ? "true" : "false",
                   info->tally.flags & MK_AT_FORKED ? "true" : "false");
}

static void write_info(const char *path, const struct mk_alloctrace *trace, const struct mk_alloctrace_stats *stats,
                       struct mk_text *out) {
    mk_text_puts(out, "{\n");
    add_file(out, path, &trace->info);
    add_number(out, "duration_ns", stats->last_ns);
    mk_text_puts(out, "  \"of_event\": {");
    for (unsigned code = 0, n = 0; code < MK_AT_CODES; code++) {
        if (!stats->of_code[code]) continue;
        mk_text_printf(out, "%s\"%s\": %" PRIu64, n++ ? ", " : " ", mk_alloctrace_names[code],
                       stats->of_code[code]);
    }
    mk_text_puts(out, " },\n");
    add_number(out, "allocations", stats->allocations);
    add_number(out, "allocated_bytes", stats->allocated_bytes);
    add_number(out, "largest_bytes", stats->largest);
    add_number(out, "zero_sized", stats->zero_sized);
    add_number(out, "frees", stats->frees);
    add_number(out, "crossing_frees", stats->crossed);
    add_number(out, "grown", stats->grown);
    add_number(out, "shrunk", stats->shrunk);
    add_number(out, "same_size", stats->same);
    add_number(out, "peak_live_bytes", stats->peak_bytes);
    add_number(out, "peak_live_bytes_blocks", stats->peak_bytes_blocks);
    add_number(out, "peak_live_bytes_ns", stats->peak_bytes_ns);
    add_number(out, "peak_live_blocks", stats->peak_blocks);
    add_number(out, "end_live_bytes", stats->live_bytes);
    add_number(out, "end_live_blocks", stats->live_blocks);
    add_histogram(out, "sizes", stats->size);
    add_histogram(out, "lifetimes_allocations", stats->life_allocs);
    add_histogram(out, "lifetimes_ns", stats->life_ns);
    mk_text_puts(out, "  \"alignments\": {");
    for (unsigned i = 0, n = 0; i < 64; i++) {
        if (stats->align[i])
            mk_text_printf(out, "%s\"%" PRIu64 "\": %" PRIu64, n++ ? ", " : " ", UINT64_C(1) << i, stats->align[i]);
    }
    mk_text_puts(out, " },\n  \"live\": [");
    for (uint32_t i = 0; i < stats->points; i++) {
        const struct mk_alloctrace_point *point = &stats->point[i];
        mk_text_printf(out, "%s\n    [%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 "]", i ? "," : "",
                       point->order, point->time_ns, point->live_bytes, point->live_blocks);
    }
    mk_text_puts(out, "\n  ],\n  \"threads\": [");
    for (size_t t = 0; t < stats->of_thread_n; t++)
        mk_text_printf(out, "%s%" PRIu64, t ? ", " : "", stats->of_thread[t]);
    mk_text_puts(out, "]\n}\n");
}

/* ---- the commands -------------------------------------------------------------------------- */

int mk_trace_info_of_allocations(const char *path, bool json, bool partial) {
    struct mk_alloctrace trace;
    struct mk_alloctrace_stats *stats = mk_need(1, sizeof *stats);
    struct mk_text text = {0};
    struct mk_err err;
    int status = MK_EXIT_FINE;
    if (mk_alloctrace_open(&trace, path, partial, &err) || mk_alloctrace_count(&trace, stats, &err)) {
        status = fail(path, &err, MK_EXIT_USAGE);
    } else {
        (json ? write_info : print_info)(path, &trace, stats, &text);
        if (mk_text_save(&text, "-", &err)) status = fail(path, &err, MK_EXIT_BROKEN);
    }
    mk_text_free(&text);
    mk_alloctrace_stats_free(stats);
    free(stats);
    mk_alloctrace_close(&trace);
    return status;
}

/* An object, as L3 (a slot of the thread) or X7 (what crosses threads). */
static void put_object(struct mk_text *out, bool there, bool crosses, uint64_t object) {
    if (there) mk_text_printf(out, "%c%" PRIu64, crosses ? 'X' : 'L', object);
    mk_text_putc(out, ',');
}

static void put_row(void *arg, const struct mk_alloctrace_event *event, const struct mk_alloctrace_object *taken,
                    struct mk_alloctrace_object *given) {
    struct mk_text *out = arg;
    (void)taken;
    mk_text_printf(out, "%" PRIu64 ",%" PRIu64 ",%" PRIu32 ",%s,", event->order, event->time_ns, event->thread,
                   mk_alloctrace_names[event->code]);
    put_object(out, mk_alloctrace_takes(event->code), event->taken_crosses, event->taken);
    put_object(out, given, event->given_crosses, event->given);
    if (event->code >= MK_AT_MALLOC && event->code != MK_AT_FREE) mk_text_printf(out, "%" PRIu64, event->size);
    mk_text_putc(out, ',');
    if (event->code == MK_AT_ALIGNED || event->code == MK_AT_ALIGNED_FAILED)
        mk_text_printf(out, "%" PRIu64, UINT64_C(1) << event->align_log2);
    mk_text_putc(out, '\n');
}

int mk_trace_export_allocations(const char *path, const char *to, bool partial) {
    struct mk_alloctrace trace;
    struct mk_text csv = {0};
    struct mk_err err;
    int status = MK_EXIT_FINE;
    mk_text_puts(&csv, "order,time_ns,thread,event,taken,given,size,align\n");
    if (mk_alloctrace_open(&trace, path, partial, &err) || mk_alloctrace_walk(&trace, put_row, &csv, &err)) {
        status = fail(path, &err, MK_EXIT_USAGE);
    } else if (mk_text_save(&csv, to ? to : "-", &err)) {
        status = fail(to ? to : "standard output", &err, MK_EXIT_USAGE);
    } else if (!trace.info.whole) {
        fprintf(stderr, "memkit-bench trace: %s: %s\n", path, trace.info.cut);
    }
    mk_text_free(&csv);
    mk_alloctrace_close(&trace);
    return status;
}

static int repair(struct mk_alloctrace *trace, const char *path, const char *to) {
    struct mk_alloctrace_tally tally;
    struct mk_text said = {0};
    struct mk_err err;
    char *part = mk_need_format("%s.part", to);
    FILE *out = fopen(part, "wb");
    int status = MK_EXIT_FINE;
    if (!out) {
        mk_fail(&err, "cannot be written: %s", strerror(errno));
        status = fail(to, &err, MK_EXIT_USAGE);
    } else {
        int failed = mk_alloctrace_repair(trace, out, &tally, &err);
        if ((fclose(out) || rename(part, to)) && !failed)
            failed = mk_fail(&err, "cannot be written: %s", strerror(errno));
        if (failed) {
            status = fail(path, &err, MK_EXIT_USAGE);
            unlink(part);
        } else {
            if (!trace->info.whole) fprintf(stderr, "%s: %s\n", path, trace->info.cut);
            mk_alloctrace_tell(&tally, &said);
            fprintf(stderr, "%s%s: ok, repaired\n", said.at ? said.at : "", to);
        }
    }
    mk_text_free(&said);
    free(part);
    return status;
}

int mk_trace_verify_allocations(const char *path, const char *to) {
    struct mk_alloctrace trace;
    struct mk_text said = {0};
    struct mk_err err;
    int status = MK_EXIT_FINE;
    if (mk_alloctrace_open(&trace, path, to != NULL, &err)) {
        status = fail(path, &err, MK_EXIT_USAGE);
    } else if (to) {
        status = repair(&trace, path, to);
    } else if (mk_alloctrace_walk(&trace, NULL, NULL, &err)) {
        status = fail(path, &err, MK_EXIT_USAGE);
    } else if (mk_alloctrace_lacks(&trace.info.tally)) {
        mk_alloctrace_tell(&trace.info.tally, &said);
        fprintf(stderr, "memkit-bench trace: %s: it reads well, but something is missing from it:\n%s"
                        "`trace verify --repair -o FILE` takes it as it is\n", path, said.at);
        status = MK_EXIT_USAGE;
    } else {
        printf("%s: ok\n", path);
    }
    mk_text_free(&said);
    mk_alloctrace_close(&trace);
    return status;
}
