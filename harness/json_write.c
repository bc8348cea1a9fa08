/* json_write.c - from values and records to JSON. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "json_parts.h"

void mk_json_write_text(struct mk_text *out, const char *text) {
    if (!text) {
        mk_text_puts(out, "null");
        return;
    }
    const char *end = text + strlen(text);
    mk_text_putc(out, '"');
    while (text < end) {
        size_t size = mk_json_character(text, end);
        unsigned char c = (unsigned char)*text;
        if (!size) mk_text_puts(out, "\\ufffd");
        else if (c == '"' || c == '\\') mk_text_printf(out, "\\%c", c);
        else if (c == '\n') mk_text_puts(out, "\\n");
        else if (c == '\t') mk_text_puts(out, "\\t");
        else if (c < 0x20 || c == 0x7f) mk_text_printf(out, "\\u%04x", c);
        else mk_text_add(out, text, size);
        text += size ? size : 1;
    }
    mk_text_putc(out, '"');
}

void mk_json_write_u64(struct mk_text *out, uint64_t value) {
    char digit[20];
    size_t n = sizeof digit;
    do {
        digit[--n] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    mk_text_add(out, digit + n, sizeof digit - n);
}

void mk_json_write_f64(struct mk_text *out, double value) {
    char digits_of[40];
    if (!isfinite(value)) {
        mk_text_puts(out, "null");
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits_of, sizeof digits_of, "%.*g", precision, value);
        if (strtod(digits_of, NULL) == value) break;
    }
    mk_text_puts(out, digits_of);
}

/* Where a record is being written: indent < 0 is all on one line. */
static void new_line(struct mk_text *out, int indent) {
    if (indent < 0) return;
    mk_text_putc(out, '\n');
    mk_text_repeat(out, ' ', 2 * (size_t)indent);
}

static int deeper(int indent) {
    return indent < 0 ? indent : indent + 1;
}

/* Returns whether objects of the record are small enough for a line of their own. */
static bool is_flat(const struct mk_record *record) {
    for (const struct mk_field *field = record->fields; field->name; field++) {
        if (field->type == MK_FIELD_RAW || (field->record && !(field->flags & MK_FIELD_INTERNAL))) return false;
    }
    return true;
}

static void write_inner(struct mk_text *out, const struct mk_record *record, const void *obj, int indent) {
    mk_json_write_record(out, record, obj, is_flat(record) ? -1 : indent);
}

static void write_list(struct mk_text *out, const struct mk_field *field, const void *obj, int indent) {
    const char *list;
    size_t n;
    bool records = field->type == MK_FIELD_RECORD_LIST;
    memcpy(&list, (const char *)obj + field->offset, sizeof list);
    memcpy(&n, (const char *)obj + field->count_offset, sizeof n);
    if (field->type == MK_FIELD_COUNTS && !n) {
        mk_text_puts(out, "\"auto\"");
        return;
    }
    mk_text_putc(out, field->type == MK_FIELD_SHARES ? '{' : '[');
    for (size_t i = 0; i < n; i++) {
        const struct mk_share *share;
        if (i) mk_text_puts(out, records && indent >= 0 ? "," : ", ");
        switch (field->type) {
        case MK_FIELD_RECORD_LIST:
            new_line(out, deeper(indent));
            write_inner(out, field->record, list + i * field->record->size, deeper(indent));
            break;
        case MK_FIELD_SHARES:
            share = (const struct mk_share *)(const void *)list + i;
            mk_json_write_text(out, share->name);
            mk_text_puts(out, ": ");
            mk_json_write_f64(out, share->value);
            break;
        case MK_FIELD_TEXT_LIST: mk_json_write_text(out, ((char *const *)(const void *)list)[i]); break;
        case MK_FIELD_F64_LIST: mk_json_write_f64(out, ((const double *)(const void *)list)[i]); break;
        default: mk_json_write_u64(out, ((const uint64_t *)(const void *)list)[i]); break;
        }
    }
    if (records && n) new_line(out, indent);
    mk_text_putc(out, field->type == MK_FIELD_SHARES ? '}' : ']');
}

static void write_u64(struct mk_text *out, const struct mk_field *field, uint64_t value) {
    if ((field->flags & MK_FIELD_NULLABLE) && value == UINT64_MAX) mk_text_puts(out, "null");
    else if (field->flags & MK_FIELD_HEX) mk_text_printf(out, "\"0x%016" PRIx64 "\"", value);
    else mk_json_write_u64(out, value);
}

static void write_u32(struct mk_text *out, const struct mk_field *field, uint32_t value) {
    if ((field->flags & MK_FIELD_NULLABLE) && value == UINT32_MAX) mk_text_puts(out, "null");
    else if (field->type == MK_FIELD_ENUM) mk_json_write_text(out, field->names[value]);
    else mk_json_write_u64(out, value);
}

static void write_field(struct mk_text *out, const struct mk_field *field, const void *obj, int indent) {
    const void *at = (const char *)obj + field->offset;
    switch (field->type) {
    case MK_FIELD_BOOL: mk_text_puts(out, *(const bool *)at ? "true" : "false"); break;
    case MK_FIELD_U32:
    case MK_FIELD_ENUM: write_u32(out, field, *(const uint32_t *)at); break;
    case MK_FIELD_U64: write_u64(out, field, *(const uint64_t *)at); break;
    case MK_FIELD_F64: mk_json_write_f64(out, *(const double *)at); break;
    case MK_FIELD_TEXT: mk_json_write_text(out, *(char *const *)at); break;
    case MK_FIELD_RAW: mk_text_puts(out, *(char *const *)at ? *(char *const *)at : "null"); break;
    case MK_FIELD_RECORD: write_inner(out, field->record, at, indent); break;
    default: write_list(out, field, obj, indent); break;
    }
}

/* Absent text is left out, unless null is said to be a value of it. */
static bool is_written(const struct mk_field *field, const void *obj) {
    bool text = field->type == MK_FIELD_TEXT || field->type == MK_FIELD_RAW;
    if (field->flags & MK_FIELD_INTERNAL) return false;
    return !text || (field->flags & MK_FIELD_NULLABLE) || *(char *const *)((const char *)obj + field->offset);
}

void mk_json_write_record(struct mk_text *out, const struct mk_record *record, const void *obj, int indent) {
    bool first = true;
    mk_text_putc(out, '{');
    for (const struct mk_field *field = record->fields; field->name; field++) {
        if (!is_written(field, obj)) continue;
        if (!first) mk_text_puts(out, indent < 0 ? ", " : ",");
        first = false;
        new_line(out, deeper(indent));
        mk_json_write_text(out, field->name);
        mk_text_puts(out, ": ");
        write_field(out, field, obj, deeper(indent));
    }
    if (!first) new_line(out, indent);
    mk_text_putc(out, '}');
}
