/* sanitizer.c - finds the reports of sanitizers in what a program wrote: where each begins and where it ends. What
 * a report says is sanitizer_report.c's.
 *
 * A report is a run of lines. It begins where the tool names itself, with the ruler above that line, and ends at
 * the tool's own end, at the next report, or at a marker of ours. Lines of others in between stay in the text and
 * are passed over. Each line is looked at once. */
#include "sanitizer_parts.h"

#include <ctype.h>
#include <stdlib.h>

#define MARKER "@memkit" /* begins lines that say which trial comes next */

/* The report that is being read. */
struct open {
    struct mk_sanitizer_start start;
    bool is;
    size_t from, to;
    bool summed; /* its summary was there */
    bool blank;  /* an empty line was there */
};

struct reader {
    const char *text, *root;
    struct mk_sanitizer_report **list;
    size_t *list_n;
    struct open open;
    size_t ruler; /* where rulers begin that no report has taken yet; SIZE_MAX: there are none */
};

/* ---- beginnings --------------------------------------------------------------------------- */

static bool is_ruler(struct mk_span line) {
    size_t n = 0;
    while (n < line.n && line.at[n] == '=') n++;
    return n >= 18 && n == line.n;
}

/* "file.c:3:4: runtime error: ..." of which the file must have a line: people write "runtime error: " too. */
static bool starts_runtime(struct mk_span line, struct mk_sanitizer_start *start) {
    static const char says[] = ": runtime error: ";
    size_t at = mk_span_find(line, says);
    if (at == line.n || !at || !(isdigit((unsigned char)line.at[at - 1]) || line.at[at - 1] == '>')) return false;
    *start =
        (struct mk_sanitizer_start){MK_HEAD_RUNTIME, MK_TOOL_UNDEFINED, mk_span_behind(line, says), {line.at, at}};
    return true;
}

static bool starts_leak(struct mk_span line, struct mk_sanitizer_start *start) {
    if (!mk_span_starts(line, "Direct leak of ") && !mk_span_starts(line, "Indirect leak of ")) return false;
    *start = (struct mk_sanitizer_start){MK_HEAD_LEAK, MK_TOOL_LEAK, line, {line.at, 0}};
    return true;
}

/* What a tool says of itself, by what stands before and behind its name. */
static bool starts_tool(struct mk_span before, enum mk_sanitizer_tool tool, struct mk_span behind,
                        struct mk_sanitizer_start *start) {
    bool colon = mk_span_skip(&behind, ": ");
    *start = (struct mk_sanitizer_start){MK_HEAD_ERROR, tool, behind, {behind.at, 0}};
    if (mk_span_starts(behind, ":DEADLYSIGNAL")) {
        start->head = MK_HEAD_SIGNAL;
    } else if (mk_span_ends(before, "ERROR: ")) {
        start->kind = mk_span_trim(behind);
        if (mk_span_starts(start->kind, "detected memory leaks")) start->head = MK_HEAD_LEAKS;
    } else if (mk_span_ends(before, "WARNING: ") && tool == MK_TOOL_THREAD && colon) {
        start->head = MK_HEAD_WARNING;
        start->kind = mk_span_before(behind, " (pid=");
    } else if (mk_span_ends(before, "FATAL: ") || mk_span_starts(mk_span_trim(behind), "CHECK failed: ") ||
               mk_span_starts(behind, "hard rss limit exhausted") ||
               mk_span_starts(behind, " has encountered a fatal error")) {
        start->head = MK_HEAD_FATAL;
        start->kind = mk_span_trim(behind);
    } else {
        return false;
    }
    return true;
}

static bool starts(struct mk_span line, struct mk_sanitizer_start *start) {
    if (starts_leak(line, start) || starts_runtime(line, start)) return true;
    if (mk_span_starts(line, "SUMMARY: ") || !mk_span_has(line, "Sanitizer")) return false;
    for (int tool = 0; tool < MK_TOOLS; tool++) {
        struct mk_span before = mk_span_before(line, mk_sanitizer_tools[tool]);
        if (before.n == line.n) continue;
        struct mk_span behind = mk_span_behind(line, mk_sanitizer_tools[tool]);
        if (starts_tool(before, (enum mk_sanitizer_tool)tool, behind, start)) return true;
    }
    return false;
}

/* ---- ends --------------------------------------------------------------------------------- */

/* A line such as "==7==ABORTING", which the tool prefixes with the process number. */
static bool is_numbered(struct mk_span line) {
    uint32_t pid;
    return mk_span_skip(&line, "==") && mk_span_number(&line, &pid) && mk_span_starts(line, "==");
}

static bool is_set_in(struct mk_span line) {
    return line.n && (*line.at == ' ' || *line.at == '\t');
}

/* What UBSan writes below the line that says what is wrong. */
static bool is_note(struct mk_span line) {
    return is_set_in(line) || mk_span_has(line, " note: ");
}

/* Returns whether a line is still of the report; `rest`: what follows it. */
static bool belongs(const struct open *open, struct mk_span line, struct mk_span rest) {
    struct mk_span next;
    switch (open->start.head) {
    case MK_HEAD_WARNING: return !open->summed || is_ruler(line);
    case MK_HEAD_LEAKS:
    case MK_HEAD_LEAK: return !open->summed && !mk_span_starts(line, "-----");
    case MK_HEAD_SIGNAL: return true;
    case MK_HEAD_ERROR:
        return !open->summed || is_set_in(line) || is_numbered(line) || mk_span_starts(line, "=>") ||
               mk_span_starts(line, "Shadow byte") || mk_span_starts(line, "HINT");
    case MK_HEAD_FATAL: return !open->blank && (!line.n || is_set_in(line) || is_numbered(line));
    case MK_HEAD_RUNTIME:
        if (open->blank) return mk_span_starts(line, "SUMMARY: UndefinedBehaviorSanitizer");
        if (!line.n || is_note(line) || mk_span_starts(line, "SUMMARY: ")) return true;
        return mk_span_line(&rest, &next) && is_note(next);
    }
    return false;
}

/* Returns whether a line that belongs to the report is its last. */
static bool ends(const struct open *open, struct mk_span line) {
    switch (open->start.head) {
    case MK_HEAD_WARNING: return is_ruler(line);
    case MK_HEAD_ERROR: return is_numbered(line) && mk_span_ends(line, "==ABORTING");
    case MK_HEAD_RUNTIME: return open->summed;
    default: return false;
    }
}

/* ---- the text ----------------------------------------------------------------------------- */

static void close_report(struct reader *reader, size_t to) {
    struct open *open = &reader->open;
    if (!open->is) return;
    if (to > open->to) to = open->to;
    struct mk_sanitizer_report *report = mk_grow(reader->list, reader->list_n, sizeof *report);
    report->from = open->from;
    report->to = to;
    mk_sanitizer_tell(&open->start, (struct mk_span){reader->text + open->from, to - open->from}, reader->root,
                      &report->finding);
    memset(open, 0, sizeof *open);
}

/* A line that only announces a report is the beginning of the one that follows. */
static bool announced(const struct open *open, const struct mk_sanitizer_start *start) {
    if (!open->is || open->start.tool != start->tool) return false;
    return (open->start.head == MK_HEAD_SIGNAL && start->head == MK_HEAD_ERROR) ||
           (open->start.head == MK_HEAD_LEAKS && start->head == MK_HEAD_LEAK);
}

/* A signal while an error is being reported, of another thread or of the report itself. */
static bool is_nested(const struct open *open, const struct mk_sanitizer_start *start) {
    return open->is && open->start.head == MK_HEAD_ERROR && !open->summed && start->head == MK_HEAD_SIGNAL;
}

static void open_report(struct reader *reader, const struct mk_sanitizer_start *start, size_t from, size_t to) {
    struct open *open = &reader->open;
    if (!announced(open, start)) {
        if (reader->ruler < from) from = reader->ruler;
        close_report(reader, from);
        open->from = from;
    }
    open->start = *start;
    open->is = true;
    open->to = to;
    reader->ruler = SIZE_MAX;
}

static void continue_report(struct reader *reader, struct mk_span line, struct mk_span rest, size_t at, size_t to) {
    struct open *open = &reader->open;
    if (!belongs(open, line, rest)) {
        close_report(reader, at);
        return;
    }
    open->to = to;
    if (!line.n) open->blank = true;
    if (mk_span_starts(line, "SUMMARY: ")) open->summed = true;
    if (!ends(open, line)) return;
    close_report(reader, to);
    reader->ruler = SIZE_MAX;
}

static void read_line(struct reader *reader, struct mk_span line, struct mk_span rest, size_t at, size_t to) {
    struct mk_sanitizer_start start;
    bool ruler = is_ruler(line);
    if (mk_span_starts(line, MARKER)) {
        close_report(reader, at);
        reader->ruler = SIZE_MAX;
        return;
    }
    if (!ruler && starts(line, &start) && !is_nested(&reader->open, &start)) {
        open_report(reader, &start, at, to);
        return;
    }
    if (!ruler) reader->ruler = SIZE_MAX;
    else if (reader->ruler == SIZE_MAX) reader->ruler = at;
    if (reader->open.is) continue_report(reader, line, rest, at, to);
}

void mk_sanitizer_read(const char *text, size_t n, const char *root, struct mk_sanitizer_report **list,
                       size_t *list_n) {
    struct reader reader = {.text = text, .root = root, .list = list, .list_n = list_n, .ruler = SIZE_MAX};
    struct mk_span rest = {text, n}, line;
    size_t at = 0;
    while (mk_span_line(&rest, &line)) {
        size_t to = (size_t)(rest.at - text);
        read_line(&reader, line, rest, at, to);
        at = to;
    }
    close_report(&reader, n);
}

void mk_sanitizer_free(struct mk_sanitizer_report *list, size_t n) {
    for (size_t i = 0; i < n; i++) mk_record_free(&mk_finding_record, &list[i].finding);
    free(list);
}
