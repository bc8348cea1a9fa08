/* schema.c - see schema.h. */
#include "schema.h"

#include <stdlib.h>

#include "json.h"

/* ---- which records there are -------------------------------------------------------------- */

/* A record and all that are inside it, each once, in the order in which they are met. */
struct records {
    const struct mk_record **list;
    size_t n;
};

static bool is_known(const struct records *records, const struct mk_record *record) {
    for (size_t i = 0; i < records->n; i++) {
        if (records->list[i] == record) return true;
    }
    return false;
}

static bool is_shown(const struct mk_field *field) {
    return !(field->flags & MK_FIELD_INTERNAL);
}

static void collect(struct records *records, const struct mk_record *record) {
    if (is_known(records, record)) return;
    *(const struct mk_record **)mk_grow(&records->list, &records->n, sizeof record) = record;
    for (const struct mk_field *field = record->fields; field->name; field++) {
        if (field->record && is_shown(field)) collect(records, field->record);
    }
}

static bool has_range(const struct mk_field *field) {
    return field->min != 0 || field->max != 0;
}

static bool is_whole(const struct mk_field *field) {
    return field->type == MK_FIELD_U32 || field->type == MK_FIELD_U64 || field->type == MK_FIELD_U64_LIST ||
           field->type == MK_FIELD_COUNTS;
}

/* Largest value of a field, all digits. */
static void write_max(struct mk_text *out, const struct mk_field *field) {
    if (!has_range(field)) mk_json_write_u64(out, field->type == MK_FIELD_U32 ? UINT32_MAX : UINT64_MAX);
    else if (is_whole(field)) mk_json_write_u64(out, (uint64_t)field->max);
    else mk_json_write_f64(out, field->max);
}

/* ---- JSON Schema -------------------------------------------------------------------------- */

static void write_number(struct mk_text *out, const struct mk_field *field) {
    mk_text_printf(out, "\"type\": \"%s\"", is_whole(field) ? "integer" : "number");
    if (!is_whole(field) && !has_range(field)) return;
    mk_text_puts(out, ", \"minimum\": ");
    mk_json_write_f64(out, field->min);
    mk_text_puts(out, ", \"maximum\": ");
    write_max(out, field);
}

static void write_enum(struct mk_text *out, const struct mk_field *field) {
    mk_text_puts(out, "\"enum\": [");
    for (size_t i = 0; field->names[i]; i++) {
        if (i) mk_text_puts(out, ", ");
        mk_json_write_text(out, field->names[i]);
    }
    if (field->flags & MK_FIELD_NULLABLE) mk_text_puts(out, ", null");
    mk_text_putc(out, ']');
}

/* {"type": "array", "items": {...}} with what write_item writes inside. */
static void write_array(struct mk_text *out, const struct mk_field *field,
                        void (*write_item)(struct mk_text *out, const struct mk_field *field)) {
    mk_text_puts(out, "\"type\": \"array\", \"items\": {");
    write_item(out, field);
    mk_text_putc(out, '}');
}

static void write_string(struct mk_text *out, const struct mk_field *field) {
    (void)field;
    mk_text_puts(out, "\"type\": \"string\"");
}

static void write_hex(struct mk_text *out) {
    mk_text_puts(out, "\"type\": \"string\", \"pattern\": \"^0x[0-9a-fA-F]{1,16}$\"");
}

static void write_reference_to(struct mk_text *out, const struct mk_field *field) {
    mk_text_printf(out, "\"$ref\": \"#/$defs/%s\"", field->record->name);
}

static void write_text_list(struct mk_text *out, const struct mk_field *field) {
    bool one = (field->flags & MK_FIELD_ONE_OR_MANY) != 0;
    if (one) mk_text_puts(out, "\"anyOf\": [{\"type\": \"string\"}, {");
    write_array(out, field, write_string);
    if (one) mk_text_puts(out, "}]");
}

static void write_counts(struct mk_text *out, const struct mk_field *field) {
    mk_text_puts(out, "\"anyOf\": [{\"const\": \"auto\"}, {");
    write_number(out, field);
    mk_text_puts(out, "}, {");
    write_array(out, field, write_number);
    mk_text_puts(out, ", \"minItems\": 1}]");
}

static void write_type(struct mk_text *out, const struct mk_field *field) {
    switch (field->type) {
    case MK_FIELD_BOOL: mk_text_puts(out, "\"type\": \"boolean\""); break;
    case MK_FIELD_U32:
    case MK_FIELD_F64: write_number(out, field); break;
    case MK_FIELD_U64:
        if (field->flags & MK_FIELD_HEX) write_hex(out);
        else write_number(out, field);
        break;
    case MK_FIELD_TEXT: write_string(out, field); break;
    case MK_FIELD_ENUM: write_enum(out, field); break;
    case MK_FIELD_RAW: mk_text_puts(out, "\"type\": [\"object\", \"array\"]"); break;
    case MK_FIELD_RECORD: write_reference_to(out, field); break;
    case MK_FIELD_U64_LIST:
    case MK_FIELD_F64_LIST: write_array(out, field, write_number); break;
    case MK_FIELD_TEXT_LIST: write_text_list(out, field); break;
    case MK_FIELD_RECORD_LIST: write_array(out, field, write_reference_to); break;
    case MK_FIELD_SHARES:
        mk_text_puts(out, "\"type\": \"object\", \"additionalProperties\": {");
        write_number(out, field);
        mk_text_putc(out, '}');
        break;
    case MK_FIELD_COUNTS: write_counts(out, field); break;
    }
}

/* Whether null stands for a value: said so, or NaN. */
static bool takes_null(const struct mk_field *field) {
    if (field->type == MK_FIELD_F64 && !has_range(field)) return true;
    return (field->flags & MK_FIELD_NULLABLE) && field->type != MK_FIELD_ENUM;
}

static void write_property(struct mk_text *out, const struct mk_field *field) {
    mk_text_puts(out, "\n        ");
    mk_json_write_text(out, field->name);
    mk_text_puts(out, ": {\n          \"description\": ");
    mk_json_write_text(out, field->help);
    mk_text_puts(out, ",\n          ");
    if (takes_null(field)) mk_text_puts(out, "\"anyOf\": [{\"type\": \"null\"}, {");
    write_type(out, field);
    if (takes_null(field)) mk_text_puts(out, "}]");
    if (field->preset) mk_text_printf(out, ",\n          \"default\": %s", field->preset);
    mk_text_puts(out, "\n        }");
}

static void write_definition(struct mk_text *out, const struct mk_record *record) {
    const char *comma = "";
    bool required = false;
    mk_text_printf(out, "    \"%s\": {\n      \"description\": ", record->name);
    mk_json_write_text(out, record->help);
    mk_text_puts(out, ",\n      \"type\": \"object\",\n      \"additionalProperties\": false,\n");
    mk_text_puts(out, "      \"properties\": {");
    for (const struct mk_field *field = record->fields; field->name; field++) {
        if (!is_shown(field)) continue;
        mk_text_puts(out, comma);
        write_property(out, field);
        comma = ",";
    }
    mk_text_puts(out, "\n      }");
    for (const struct mk_field *field = record->fields; field->name; field++) {
        if (!(field->flags & MK_FIELD_REQUIRED)) continue;
        mk_text_puts(out, required ? ", " : ",\n      \"required\": [");
        mk_json_write_text(out, field->name);
        required = true;
    }
    mk_text_puts(out, required ? "]\n    }" : "\n    }");
}

void mk_schema_write(struct mk_text *out, const struct mk_record *record, const char *id) {
    struct records records = {0};
    collect(&records, record);
    mk_text_puts(out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": ");
    mk_json_write_text(out, id);
    mk_text_printf(out, ",\n  \"$ref\": \"#/$defs/%s\",\n  \"$defs\": {\n", record->name);
    for (size_t i = 0; i < records.n; i++) {
        write_definition(out, records.list[i]);
        mk_text_puts(out, i + 1 < records.n ? ",\n" : "\n");
    }
    mk_text_puts(out, "  }\n}\n");
    free(records.list);
}

/* ---- page of reference -------------------------------------------------------------------- */

static const char *type_word(const struct mk_field *field) {
    switch (field->type) {
    case MK_FIELD_BOOL: return "true or false";
    case MK_FIELD_U32: return "whole number";
    case MK_FIELD_U64: return field->flags & MK_FIELD_HEX ? "hexadecimal text" : "whole number";
    case MK_FIELD_F64: return "number";
    case MK_FIELD_TEXT: return "text";
    case MK_FIELD_ENUM: return "one of";
    case MK_FIELD_RAW: return "object or list";
    case MK_FIELD_RECORD: return "object";
    case MK_FIELD_U64_LIST: return "list of whole numbers";
    case MK_FIELD_F64_LIST: return "list of numbers";
    case MK_FIELD_TEXT_LIST:
        return field->flags & MK_FIELD_ONE_OR_MANY ? "text, or list of texts" : "list of texts";
    case MK_FIELD_RECORD_LIST: return "list of";
    case MK_FIELD_SHARES: return "object of names and numbers";
    case MK_FIELD_COUNTS: return "`\"auto\"`, whole number, or list of them";
    }
    return "";
}

/* A number as one reads it: powers of two that are too long to read as such. */
static void write_bound(struct mk_text *out, const struct mk_field *field) {
    uint64_t max = field->max < 0x1p63 ? (uint64_t)field->max : 0;
    bool long_one = is_whole(field) && max >= 65536;
    if (long_one && (max & (max - 1)) == 0) mk_text_printf(out, "2^%d", __builtin_ctzll(max));
    else if (long_one && (max & (max + 1)) == 0) mk_text_printf(out, "2^%d - 1", __builtin_ctzll(max + 1));
    else write_max(out, field);
}

static void write_type_cell(struct mk_text *out, const struct mk_field *field) {
    mk_text_puts(out, type_word(field));
    for (size_t i = 0; field->type == MK_FIELD_ENUM && field->names[i]; i++) {
        mk_text_printf(out, "%s `\"%s\"`", i ? "," : "", field->names[i]);
    }
    if (field->record) mk_text_printf(out, " [%s](#%s)", field->record->name, field->record->name);
    if (takes_null(field) || (field->flags & MK_FIELD_NULLABLE)) mk_text_puts(out, ", or `null`");
    if (!has_range(field)) return;
    mk_text_puts(out, ", ");
    mk_json_write_f64(out, field->min);
    mk_text_puts(out, " to ");
    write_bound(out, field);
}

static void write_default_cell(struct mk_text *out, const struct mk_field *field) {
    bool number = field->type == MK_FIELD_U32 || field->type == MK_FIELD_U64 || field->type == MK_FIELD_F64;
    if (field->flags & MK_FIELD_REQUIRED) mk_text_puts(out, "*required*");
    else if (field->preset) mk_text_printf(out, "`%s`", field->preset);
    else if (field->type == MK_FIELD_COUNTS) mk_text_puts(out, "`\"auto\"`");
    else if (number) mk_text_puts(out, "`0`");
}

/* A bar would end the cell, stars would slant what is between them. */
static void write_cell_text(struct mk_text *out, const char *text) {
    for (; *text; text++) {
        if (*text == '|' || *text == '*') mk_text_putc(out, '\\');
        mk_text_putc(out, *text);
    }
}

static void write_section(struct mk_text *out, const struct mk_record *record) {
    mk_text_printf(out, "\n## %s\n\n%s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", record->name,
                   record->help);
    for (const struct mk_field *field = record->fields; field->name; field++) {
        if (!is_shown(field)) continue;
        mk_text_printf(out, "| `%s` | ", field->name);
        write_type_cell(out, field);
        mk_text_puts(out, " | ");
        write_default_cell(out, field);
        mk_text_puts(out, " | ");
        write_cell_text(out, field->help);
        mk_text_puts(out, " |\n");
    }
}

void mk_schema_write_reference(struct mk_text *out, const struct mk_record *record, const char *id) {
    struct records records = {0};
    collect(&records, record);
    mk_text_printf(out, "# Reference: `%s`\n\nMade from the table that reads these files (`memkit-bench validate "
                        "--reference %s`).\nUnits are the endings of keys: `_ns`, `_ms`, `_bytes`, `_ops`, "
                        "`_count`, `_frac` (a share of 1).\n", id, record->name);
    for (size_t i = 0; i < records.n; i++) write_section(out, records.list[i]);
    free(records.list);
}
