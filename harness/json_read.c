/* json_read.c - from JSON to records, by their tables. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "json_parts.h"

#define FEW_FIELDS 12 /* all named in a complaint */

/* What stands there, for a complaint. */
static const char *got(const struct mk_json *doc, uint32_t node, char out[MK_JSON_SHOWN_MAX + 8]) {
    const struct mk_json_node *here = &doc->nodes[node];
    switch (mk_json_type(doc, node)) {
    case MK_JSON_LIST: return "a list";
    case MK_JSON_OBJECT: return "an object";
    default: return mk_json_shown(out, doc->text + here->at, here->end - here->at);
    }
}

static int want(struct mk_json *doc, uint32_t node, const struct mk_field *field, const char *what) {
    char out[MK_JSON_SHOWN_MAX + 8];
    mk_json_error(doc, node, "\"%s\" must be %s, got %s", field->name, what, got(doc, node, out));
    return -1;
}

/* A number is outside of [min, max]. */
static int want_range(struct mk_json *doc, uint32_t node, const struct mk_field *field) {
    struct mk_text range = {0};
    bool wide = field->min == 0 && field->max == 0;
    bool small = field->type == MK_FIELD_U32;
    mk_text_puts(&range, "between ");
    mk_json_write_f64(&range, field->min);
    mk_text_puts(&range, " and ");
    if (wide) mk_json_write_u64(&range, small ? UINT32_MAX : UINT64_MAX);
    else if (field->max < 0x1p53) mk_json_write_f64(&range, field->max);
    else mk_json_write_u64(&range, field->max < 0x1p64 ? (uint64_t)field->max : UINT64_MAX);
    want(doc, node, field, range.at);
    mk_text_free(&range);
    return -1;
}

static bool in_range(const struct mk_field *field, double value) {
    return (field->min == 0 && field->max == 0) || (value >= field->min && value <= field->max);
}

static int read_whole(struct mk_json *doc, uint32_t node, const struct mk_field *field, uint64_t *value) {
    uint64_t number = 0;
    if (mk_json_type(doc, node) != MK_JSON_NUMBER) return want(doc, node, field, "a whole number");
    switch (mk_json_whole(doc, node, &number)) {
    case MK_NOT_WHOLE: return want(doc, node, field, "a whole number");
    case MK_NOT_EXACT: return want(doc, node, field, "written with all its digits");
    case MK_NEGATIVE:
    case MK_TOO_LARGE: return want_range(doc, node, field);
    case MK_WHOLE: break;
    }
    if (field->type == MK_FIELD_U32 && number > UINT32_MAX) return want_range(doc, node, field);
    if (!in_range(field, (double)number)) return want_range(doc, node, field);
    *value = number;
    return 0;
}

/* "0x1f", one to sixteen digits. */
static int read_hex(struct mk_json *doc, uint32_t node, const struct mk_field *field, uint64_t *value) {
    const char *text = mk_json_text(doc, node);
    char *end;
    if (!text || strncmp(text, "0x", 2) != 0 || !isxdigit((unsigned char)text[2])) {
        return want(doc, node, field, "text such as \"0x1f\"");
    }
    errno = 0;
    *value = strtoull(text + 2, &end, 16);
    return *end || errno ? want(doc, node, field, "text with at most 16 hexadecimal digits behind 0x") : 0;
}

static int read_real(struct mk_json *doc, uint32_t node, const struct mk_field *field, double *value) {
    double number;
    if (mk_json_type(doc, node) == MK_JSON_NULL && field->min == 0 && field->max == 0) {
        *value = NAN;
        return 0;
    }
    if (mk_json_type(doc, node) != MK_JSON_NUMBER) return want(doc, node, field, "a number");
    if (!mk_json_f64(doc, node, &number)) return want(doc, node, field, "a number that a double can hold");
    if (!in_range(field, number)) return want_range(doc, node, field);
    *value = number;
    return 0;
}

static int read_text(struct mk_json *doc, uint32_t node, const struct mk_field *field, char **value) {
    const char *text = mk_json_text(doc, node);
    if (!text) return want(doc, node, field, "text in double quotes");
    *value = mk_need_text(text);
    return 0;
}

static int read_raw(struct mk_json *doc, uint32_t node, const struct mk_field *field, char **value) {
    if (mk_json_type(doc, node) < MK_JSON_LIST) return want(doc, node, field, "an object or a list");
    *value = mk_json_raw(doc, node);
    return 0;
}

static int read_choice(struct mk_json *doc, uint32_t node, const struct mk_field *field, uint32_t *value) {
    char out[MK_JSON_SHOWN_MAX + 8];
    struct mk_text choices = {0};
    const char *word = mk_json_text(doc, node);
    for (uint32_t i = 0; field->names[i] && word; i++) {
        if (strcmp(word, field->names[i]) != 0) continue;
        *value = i;
        return 0;
    }
    for (size_t i = 0; field->names[i]; i++) mk_text_printf(&choices, "%s\"%s\"", i ? ", " : "", field->names[i]);
    mk_json_error(doc, node, "\"%s\" must be one of %s, got %s%s", field->name, choices.n ? choices.at : "",
                  got(doc, node, out), word ? mk_json_suggest(doc, word, field->names) : "");
    mk_text_free(&choices);
    return -1;
}

/* Lists: `list` gets room for all elements at once. */
static void *new_list(struct mk_json *doc, uint32_t node, const struct mk_field *field, void *obj, size_t bytes) {
    size_t n = mk_json_count(doc, node);
    void *list = n ? mk_need(n, bytes) : NULL;
    memcpy((char *)obj + field->offset, &list, sizeof list);
    memcpy((char *)obj + field->count_offset, &n, sizeof n);
    return list;
}

static int read_records(struct mk_json *doc, uint32_t node, const struct mk_field *field, void *obj) {
    int failed = 0;
    char *list = new_list(doc, node, field, obj, field->record->size);
    for (uint32_t inner = mk_json_first(doc, node); inner != MK_JSON_NONE; inner = mk_json_next(doc, inner)) {
        failed |= mk_json_read_record(doc, inner, field->record, list);
        list += field->record->size;
    }
    return failed;
}

static int read_shares(struct mk_json *doc, uint32_t node, const struct mk_field *field, void *obj) {
    int failed = 0;
    if (mk_json_type(doc, node) != MK_JSON_OBJECT) return want(doc, node, field, "an object of names and numbers");
    struct mk_share *share = new_list(doc, node, field, obj, sizeof *share);
    for (uint32_t inner = mk_json_first(doc, node); inner != MK_JSON_NONE; inner = mk_json_next(doc, inner)) {
        struct mk_field named = *field;
        share->name = mk_need_text(mk_json_key(doc, inner));
        named.name = share->name;
        failed |= read_real(doc, inner, &named, &share->value);
        share++;
    }
    return failed;
}

/* Numbers of a list, or the one number that stands in its place. */
static int read_counts(struct mk_json *doc, uint32_t node, const struct mk_field *field, void *obj) {
    const char *word = mk_json_text(doc, node);
    struct mk_field list = *field;
    if (word && strcmp(word, "auto") == 0) return 0;
    if (mk_json_type(doc, node) == MK_JSON_NUMBER) {
        uint64_t *one = mk_need(1, sizeof *one);
        size_t n = 1;
        memcpy((char *)obj + field->offset, &one, sizeof one);
        memcpy((char *)obj + field->count_offset, &n, sizeof n);
        return read_whole(doc, node, field, one);
    }
    if (mk_json_type(doc, node) != MK_JSON_LIST || !mk_json_count(doc, node)) {
        return want(doc, node, field, "a whole number, a list of them, or \"auto\"");
    }
    list.type = MK_FIELD_U64_LIST;
    return mk_json_read_field(doc, node, &list, obj);
}

static int read_list(struct mk_json *doc, uint32_t node, const struct mk_field *field, void *obj) {
    int failed = 0;
    size_t i = 0;
    if (field->type == MK_FIELD_TEXT_LIST && (field->flags & MK_FIELD_ONE_OR_MANY) && mk_json_text(doc, node)) {
        char **one = mk_need(1, sizeof *one);
        size_t n = 1;
        memcpy((char *)obj + field->offset, &one, sizeof one);
        memcpy((char *)obj + field->count_offset, &n, sizeof n);
        return read_text(doc, node, field, one);
    }
    if (mk_json_type(doc, node) != MK_JSON_LIST) return want(doc, node, field, "a list");
    if (field->type == MK_FIELD_RECORD_LIST) return read_records(doc, node, field, obj);
    void *list = new_list(doc, node, field, obj, sizeof(uint64_t));
    for (uint32_t inner = mk_json_first(doc, node); inner != MK_JSON_NONE; inner = mk_json_next(doc, inner), i++) {
        switch (field->type) {
        case MK_FIELD_TEXT_LIST: failed |= read_text(doc, inner, field, (char **)list + i); break;
        case MK_FIELD_F64_LIST: failed |= read_real(doc, inner, field, (double *)list + i); break;
        default: failed |= read_whole(doc, inner, field, (uint64_t *)list + i); break;
        }
    }
    return failed;
}

/* The value that null stands for. Returns whether there is one. */
static bool read_null(const struct mk_field *field, void *at) {
    uint32_t u32 = UINT32_MAX;
    uint64_t u64 = UINT64_MAX;
    double f64 = NAN;
    if (!(field->flags & MK_FIELD_NULLABLE)) return false;
    switch (field->type) {
    case MK_FIELD_U32:
    case MK_FIELD_ENUM: memcpy(at, &u32, sizeof u32); return true;
    case MK_FIELD_U64: memcpy(at, &u64, sizeof u64); return true;
    case MK_FIELD_F64: memcpy(at, &f64, sizeof f64); return true;
    case MK_FIELD_TEXT:
    case MK_FIELD_RAW: return true; /* absent, as it is */
    default: return false;
    }
}

int mk_json_read_field(struct mk_json *doc, uint32_t node, const struct mk_field *field, void *obj) {
    void *at = (char *)obj + field->offset;
    uint64_t whole = 0;
    int failed;
    if (mk_json_type(doc, node) == MK_JSON_NULL && read_null(field, at)) return 0;
    switch (field->type) {
    case MK_FIELD_BOOL: return mk_json_bool(doc, node, at) ? 0 : want(doc, node, field, "true or false");
    case MK_FIELD_U32:
        failed = read_whole(doc, node, field, &whole);
        if (!failed) *(uint32_t *)at = (uint32_t)whole;
        return failed;
    case MK_FIELD_U64: return (field->flags & MK_FIELD_HEX ? read_hex : read_whole)(doc, node, field, at);
    case MK_FIELD_F64: return read_real(doc, node, field, at);
    case MK_FIELD_TEXT: return read_text(doc, node, field, at);
    case MK_FIELD_ENUM: return read_choice(doc, node, field, at);
    case MK_FIELD_RAW: return read_raw(doc, node, field, at);
    case MK_FIELD_RECORD:
        if (mk_json_type(doc, node) != MK_JSON_OBJECT) return want(doc, node, field, "an object");
        return mk_json_read_record(doc, node, field->record, at);
    case MK_FIELD_SHARES: return read_shares(doc, node, field, obj);
    case MK_FIELD_COUNTS: return read_counts(doc, node, field, obj);
    default: return read_list(doc, node, field, obj);
    }
}

/* Names the nearest key, or all where they are few. */
static void unknown_key(struct mk_json *doc, uint32_t node, const struct mk_record *record) {
    const char *key = mk_json_key(doc, node), *known[MK_FIELDS_MAX + 1];
    char name[MK_JSON_SHOWN_MAX + 8];
    struct mk_text list = {0};
    size_t n = 0;
    if (!mk_json_keeps(doc)) {
        doc->complaints_dropped++;
        return;
    }
    for (const struct mk_field *field = record->fields; field->name; field++) {
        if (field->flags & MK_FIELD_INTERNAL) continue;
        mk_text_printf(&list, "%s%s", n ? ", " : " (known here: ", field->name);
        known[n++] = field->name;
    }
    known[n] = NULL;
    mk_text_putc(&list, ')');
    const char *more = mk_json_suggest(doc, key, known);
    if (!*more && n <= FEW_FIELDS) more = list.at;
    mk_json_error_at_key(doc, node, "unknown key \"%s\"%s", mk_json_shown(name, key, strlen(key)), more);
    mk_text_free(&list);
}

/* Returns whether a value that was refused leaves the rest of the field in place, to be looked at too. */
static bool has_inside(const struct mk_field *field) {
    return field->record || field->type == MK_FIELD_SHARES;
}

int mk_json_read_record(struct mk_json *doc, uint32_t node, const struct mk_record *record, void *obj) {
    uint64_t seen = 0, set = 0;
    int failed = 0;
    memset(obj, 0, record->size);
    if (mk_json_type(doc, node) != MK_JSON_OBJECT) {
        char out[MK_JSON_SHOWN_MAX + 8];
        mk_json_error(doc, node, "a %s must be an object, got %s", record->name, got(doc, node, out));
        mk_record_preset(record, obj);
        return -1;
    }
    for (uint32_t inner = mk_json_first(doc, node); inner != MK_JSON_NONE; inner = mk_json_next(doc, inner)) {
        const struct mk_field *field = mk_record_field(record, mk_json_key(doc, inner));
        if (!field || (field->flags & MK_FIELD_INTERNAL)) {
            unknown_key(doc, inner, record);
            failed = -1;
            continue;
        }
        uint64_t bit = (uint64_t)1 << (field - record->fields);
        if (seen & bit) continue; /* a duplicate: complained about */
        seen |= bit;
        int refused = mk_json_read_field(doc, inner, field, obj);
        if (!refused || has_inside(field)) set |= bit;
        else mk_field_free(field, obj);
        failed |= refused;
    }
    for (const struct mk_field *field = record->fields; field->name; field++) {
        size_t i = (size_t)(field - record->fields);
        if (!(set >> i & 1)) mk_field_preset(field, obj);
        if ((field->flags & MK_FIELD_REQUIRED) && !(seen >> i & 1)) {
            mk_json_error(doc, node, "missing key \"%s\"", field->name);
            failed = -1;
        }
    }
    return failed;
}
