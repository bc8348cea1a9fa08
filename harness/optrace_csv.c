/* optrace_csv.c - traces of operations from CSV (RFC 4180: quotes, doubled quotes, line ends inside them, CRLF) and
 * back. */
#include "optrace.h"

#include <inttypes.h>
#include <stdlib.h>

#include "compose.h"
#include "record.h"

/* ---- fields -------------------------------------------------------------------------------- */

enum { COLUMN_OP, COLUMN_KEY, COLUMN_SIZE, COLUMN_THREAD, COLUMN_TIME, COLUMNS };
static const char *const column_names[] = {"op", "key", "size", "thread", "time_ns", NULL};

#define FIELDS_MAX 16
#define FIELD_BYTES_MAX 65536u

struct field {
    struct mk_text text;
    uint64_t line, column; /* where it begins */
    bool quoted;
};

struct csv {
    const char *path;
    const char *at, *end, *line_begin;
    uint64_t line;
    struct field field[FIELDS_MAX];
    size_t fields;
    struct mk_err *err;
};

/* Says what is wrong at a field, or, where it is NULL, at the place that has been come to. */
__attribute__((format(printf, 3, 4))) static int wrong(struct csv *csv, const struct field *field,
                                                       const char *format, ...) {
    char what[176];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    uint64_t line = field ? field->line : csv->line;
    uint64_t column = field ? field->column : (uint64_t)(csv->at - csv->line_begin) + 1;
    return mk_fail(csv->err, "%.60s:%" PRIu64 ":%" PRIu64 ": %s", csv->path, line, column, what);
}

static void next_char(struct csv *csv) {
    if (*csv->at++ != '\n') return;
    csv->line++;
    csv->line_begin = csv->at;
}

/* Reads what stands in quotes, behind the first one. */
static int read_quoted(struct csv *csv, struct field *field) {
    field->quoted = true;
    for (next_char(csv); csv->at < csv->end; next_char(csv)) {
        if (*csv->at == '"' && (csv->at + 1 == csv->end || csv->at[1] != '"')) {
            next_char(csv);
            return 0;
        }
        if (*csv->at == '"') next_char(csv);
        if (field->text.n == FIELD_BYTES_MAX)
            return wrong(csv, field, "a field of more than 64 KiB: is a quote missing?");
        mk_text_putc(&field->text, *csv->at);
    }
    return wrong(csv, field, "a quote that does not end: put one behind the field, and double those inside it");
}

static bool at_line_end(const struct csv *csv) {
    return csv->at == csv->end || *csv->at == '\n' ||
           (*csv->at == '\r' && (csv->at + 1 == csv->end || csv->at[1] == '\n'));
}

/* Reads one line of fields. Returns 1, 0 at the end of the file, or -1 with err set. */
static int read_row(struct csv *csv) {
    csv->fields = 0;
    if (csv->at == csv->end) return 0;
    for (;;) {
        if (csv->fields == FIELDS_MAX)
            return wrong(csv, NULL, "more than %d fields: leave those out that are not needed", FIELDS_MAX);
        struct field *field = &csv->field[csv->fields++];
        field->text.n = 0;
        if (field->text.at) field->text.at[0] = '\0';
        field->line = csv->line;
        field->column = (uint64_t)(csv->at - csv->line_begin) + 1;
        field->quoted = false;
        if (csv->at < csv->end && *csv->at == '"' && read_quoted(csv, field)) return -1;
        if (field->quoted && !at_line_end(csv) && *csv->at != ',') {
            return wrong(csv, NULL,
                         "something follows a quoted field: double quotes inside it, and put a comma behind it");
        }
        for (; !at_line_end(csv) && *csv->at != ','; next_char(csv)) {
            if (field->text.n == FIELD_BYTES_MAX) return wrong(csv, field, "a field of more than 64 KiB");
            mk_text_putc(&field->text, *csv->at);
        }
        if (at_line_end(csv)) break;
        next_char(csv);
    }
    if (csv->at < csv->end && *csv->at == '\r') next_char(csv);
    if (csv->at < csv->end) next_char(csv);
    return 1;
}

static bool is_blank(const struct csv *csv) {
    return csv->fields == 1 && csv->field[0].text.n == 0 && !csv->field[0].quoted;
}

static const char *text_of(const struct field *field) {
    return field->text.at ? field->text.at : "";
}

/* ---- columns ------------------------------------------------------------------------------- */

struct columns {
    const struct field *at[COLUMNS]; /* of the row at hand; NULL where there is no such column */
    size_t n;
};

static int read_columns(struct csv *csv, struct columns *columns) {
    int came;
    memset(columns, 0, sizeof *columns);
    do {
        came = read_row(csv);
    } while (came > 0 && is_blank(csv));
    if (came < 0) return -1;
    if (!came)
        return wrong(csv, NULL,
                     "there is nothing: the first line names the columns, op,key or op,key,size,thread,time_ns");
    columns->n = csv->fields;
    for (size_t i = 0; i < csv->fields; i++) {
        size_t c = 0;
        const char *name = text_of(&csv->field[i]);
        while (c < COLUMNS && strcmp(column_names[c], name) != 0) c++;
        if (c == COLUMNS) {
            const char *near = mk_nearest(name, column_names);
            return wrong(csv, &csv->field[i],
                         "no column is called \"%.30s\"%s%s%s: the first line names op, key, size, thread, "
                         "time_ns; leave others out",
                         name, near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        }
        if (columns->at[c]) return wrong(csv, &csv->field[i], "two columns are called \"%s\"", name);
        columns->at[c] = &csv->field[i];
    }
    if (!columns->at[COLUMN_OP])
        return wrong(csv, &csv->field[0],
                     "no column is called \"op\": the first line names the columns, as in op,key");
    return 0;
}

/* Reads decimal digits, or hexadecimal ones behind 0x. Returns whether that is all there is. */
static bool take_number(const struct field *field, uint64_t *out) {
    const char *at = text_of(field);
    size_t n = field->text.n;
    unsigned base = 10;
    *out = 0;
    if (n > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) {
        base = 16;
        at += 2;
        n -= 2;
    }
    for (size_t i = 0; i < n; i++) {
        char c = at[i] | 0x20;
        unsigned digit = at[i] >= '0' && at[i] <= '9' ? (unsigned)(at[i] - '0')
                         : c >= 'a' && c <= 'f'       ? (unsigned)(c - 'a') + 10
                                                      : 16;
        if (digit >= base || *out > (UINT64_MAX - digit) / base) return false;
        *out = *out * base + digit;
    }
    return n > 0;
}

static int need_number(struct csv *csv, const struct columns *columns, int column, uint64_t otherwise,
                       uint64_t *out) {
    const struct field *field = columns->at[column];
    *out = otherwise;
    if (!field || (!field->text.n && column == COLUMN_SIZE) || take_number(field, out)) return 0;
    return wrong(csv, field, "\"%.30s\" is no whole number below 2^64, which \"%s\" must be", text_of(field),
                 column_names[column]);
}

/* ---- import -------------------------------------------------------------------------------- */

struct import {
    struct csv csv;
    struct columns columns;
    struct mk_optrace_writer *writer;
    struct mk_optrace_import *said;
    char **label;      /* by thread: what the file calls it */
    uint64_t *last_ns; /* by thread */
    size_t labels, lasts;
    uint32_t recent; /* the thread of the row before */
};

static int take_op(struct import *in, struct mk_optrace_record *record) {
    const char *names[MK_RECORD_OPS + 1] = {0};
    const struct field *field = in->columns.at[COLUMN_OP];
    record->code = mk_optrace_code(text_of(field));
    if (record->code < MK_RECORD_OPS) return 0;
    for (unsigned i = MK_OPTRACE_FIRST_OP; i < MK_RECORD_OPS; i++)
        names[i - MK_OPTRACE_FIRST_OP] = mk_optrace_ops[i].name;
    const char *near = mk_nearest(text_of(field), names);
    return wrong(&in->csv, field,
                 "there is no operation \"%.30s\"%s%s%s: `memkit-bench trace import --help` lists them",
                 text_of(field), near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int take_key(struct import *in, struct mk_optrace_record *record) {
    const struct field *field = in->columns.at[COLUMN_KEY];
    if (!mk_optrace_ops[record->code].keyed) return 0;
    if (!field)
        return wrong(&in->csv, in->columns.at[COLUMN_OP], "%s needs a key: add a column \"key\"",
                     mk_optrace_ops[record->code].name);
    if (!field->text.n)
        return wrong(&in->csv, field, "%s needs a key, and there is none", mk_optrace_ops[record->code].name);
    if (take_number(field, &record->key)) return 0;
    record->key = mk_record_key(text_of(field), field->text.n);
    in->said->hashed++;
    return 0;
}

/* Threads are called anything, and numbered as they come. */
static int take_thread(struct import *in, struct mk_optrace_record *record) {
    const struct field *field = in->columns.at[COLUMN_THREAD];
    const char *label = field ? text_of(field) : "";
    if (!in->labels || strcmp(in->label[in->recent], label) != 0) {
        in->recent = 0;
        while (in->recent < in->labels && strcmp(in->label[in->recent], label) != 0) in->recent++;
        if (in->recent == MK_RECORD_THREADS_MAX) {
            return wrong(&in->csv, field, "more than %u threads: is this column what tells threads apart?",
                         MK_RECORD_THREADS_MAX);
        }
        if (in->recent == in->labels) {
            *(char **)mk_grow(&in->label, &in->labels, sizeof *in->label) = mk_need_text(label);
            mk_grow(&in->last_ns, &in->lasts, sizeof *in->last_ns);
        }
    }
    record->thread = in->recent;
    return 0;
}

static int take_row(struct import *in) {
    struct mk_optrace_record record = {0};
    struct csv *csv = &in->csv;
    if (csv->fields != in->columns.n) {
        return wrong(csv, &csv->field[0], "%zu fields, where the first line names %zu columns", csv->fields,
                     in->columns.n);
    }
    if (take_op(in, &record) || take_key(in, &record) || take_thread(in, &record) ||
        need_number(csv, &in->columns, COLUMN_SIZE, 0, &record.size) ||
        need_number(csv, &in->columns, COLUMN_TIME, in->said->rows, &record.time_ns)) {
        return -1;
    }
    if (record.time_ns < in->last_ns[record.thread]) {
        return wrong(csv, in->columns.at[COLUMN_TIME],
                     "time goes backwards within thread \"%.30s\": sort the rows by time_ns",
                     in->label[record.thread]);
    }
    in->last_ns[record.thread] = record.time_ns;
    in->said->rows++;
    mk_optrace_add(in->writer, &record);
    return 0;
}

static int take_rows(struct import *in) {
    if (read_columns(&in->csv, &in->columns)) return -1;
    in->said->timed = in->columns.at[COLUMN_TIME] != NULL;
    for (int came; (came = read_row(&in->csv)) != 0;) {
        if (came < 0) return -1;
        if (!is_blank(&in->csv) && take_row(in)) return -1;
    }
    return in->said->rows ? 0 : wrong(&in->csv, NULL, "there are no operations below the first line");
}

int mk_optrace_import(const char *path, const char *text, size_t n, const char *date,
                      struct mk_optrace_writer *writer, struct mk_optrace_import *said, struct mk_err *err) {
    struct import in = {
        .csv = {.path = path, .at = text, .end = text + n, .line_begin = text, .line = 1, .err = err},
        .writer = writer,
        .said = said};
    memset(said, 0, sizeof *said);
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) in.csv.at = in.csv.line_begin = text + 3;
    mk_optrace_begin(writer, "memkit-bench trace import", date, "time_ns of the CSV file, or the number of the row",
                     "not recorded");
    int failed = take_rows(&in);
    if (!failed) mk_optrace_end(writer, 0);
    said->threads = (uint32_t)in.labels;
    for (size_t i = 0; i < in.labels; i++) free(in.label[i]);
    for (size_t i = 0; i < FIELDS_MAX; i++) mk_text_free(&in.csv.field[i].text);
    free(in.label);
    free(in.last_ns);
    return failed;
}

/* ---- export -------------------------------------------------------------------------------- */

static void export_row(void *arg, const struct mk_optrace_record *record) {
    const struct mk_optrace_op *op = &mk_optrace_ops[record->code];
    mk_text_printf(arg, "%s,", op->name);
    if (op->keyed) mk_text_printf(arg, "%" PRIu64, record->key);
    mk_text_printf(arg, ",%" PRIu64 ",%" PRIu32 ",%" PRIu64 "\n", record->size, record->thread, record->time_ns);
}

int mk_optrace_export(const char *path, bool partial, struct mk_text *out, struct mk_optrace_info *info,
                      struct mk_err *err) {
    mk_text_puts(out, "op,key,size,thread,time_ns\n");
    return mk_optrace_read(path, partial, export_row, out, info, err);
}
