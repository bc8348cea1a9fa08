/* record.c - see record.h: what can be done with any struct that has a table. */
#include "record.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_NO_MEMORY 6

/* ---- memory ------------------------------------------------------------------------------- */

static void *have(void *memory, size_t count, size_t bytes) {
    if (memory || !count || !bytes) return memory;
    fprintf(stderr, "memkit-bench: no memory for %zu x %zu bytes of its own books: close other programs, or ask "
                    "for fewer cells\n", count, bytes);
    exit(EXIT_NO_MEMORY);
}

void *mk_need(size_t count, size_t bytes) {
    return have(calloc(count, bytes), count, bytes);
}

void *mk_need_more(void *old, size_t count, size_t bytes) {
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total)) return have(NULL, count, bytes);
    return have(realloc(old, total ? total : 1), count, bytes);
}

char *mk_need_text(const char *text) {
    return have(strdup(text), 1, strlen(text) + 1);
}

char *mk_need_format(const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    size_t room = length > 0 ? (size_t)length + 1 : 1;
    char *text = mk_need(room, 1);
    vsnprintf(text, room, format, again);
    va_end(again);
    return text;
}

void *mk_grow(void *list_pointer, size_t *n, size_t bytes) {
    void **list = list_pointer;
    size_t room = 1;
    while (room < *n + 1) room *= 2;
    *list = mk_need_more(*list, room, bytes);
    unsigned char *element = (unsigned char *)*list + *n * bytes;
    memset(element, 0, bytes);
    ++*n;
    return element;
}

/* ---- fields ------------------------------------------------------------------------------- */

/* Bytes of the field itself; lists: of one element. */
static size_t unit_bytes(const struct mk_field *field) {
    switch (field->type) {
    case MK_FIELD_BOOL: return sizeof(bool);
    case MK_FIELD_U32:
    case MK_FIELD_ENUM: return sizeof(uint32_t);
    case MK_FIELD_TEXT:
    case MK_FIELD_RAW:
    case MK_FIELD_TEXT_LIST: return sizeof(char *);
    case MK_FIELD_RECORD:
    case MK_FIELD_RECORD_LIST: return field->record->size;
    case MK_FIELD_SHARES: return sizeof(struct mk_share);
    case MK_FIELD_U64:
    case MK_FIELD_F64:
    case MK_FIELD_U64_LIST:
    case MK_FIELD_F64_LIST:
    case MK_FIELD_COUNTS: break;
    }
    return sizeof(uint64_t);
}

/* Types of lists come last. */
static bool is_list(const struct mk_field *field) {
    return field->type >= MK_FIELD_U64_LIST;
}

/* A field of one object: where its units are, and how many. */
struct units {
    unsigned char *at;
    size_t n, bytes;
};

static struct units units_of(const struct mk_field *field, const void *obj) {
    unsigned char *at = (unsigned char *)(uintptr_t)obj + field->offset;
    struct units units = {at, 1, unit_bytes(field)};
    if (is_list(field)) {
        memcpy(&units.at, at, sizeof units.at);
        memcpy(&units.n, (const unsigned char *)obj + field->count_offset, sizeof units.n);
    }
    return units;
}

static char *text_at(const unsigned char *at) {
    char *text;
    memcpy(&text, at, sizeof text);
    return text;
}

static bool is_text(const struct mk_field *field) {
    return field->type == MK_FIELD_TEXT || field->type == MK_FIELD_RAW || field->type == MK_FIELD_TEXT_LIST;
}

const struct mk_field *mk_record_field(const struct mk_record *record, const char *name) {
    for (const struct mk_field *field = record->fields; field->name; field++) {
        if (strcmp(field->name, name) == 0) return field;
    }
    return NULL;
}

/* ---- presets ------------------------------------------------------------------------------ */

static const char *wrong_preset(const struct mk_field *field) {
    fprintf(stderr, "memkit-bench: the table gives \"%s\" the preset %s, which it cannot have\n", field->name,
            field->preset);
    abort();
}

/* Returns the text between the quotes, owned by the caller; presets have no escapes. */
static char *preset_text(const struct mk_field *field) {
    size_t length = strlen(field->preset);
    if (length < 2 || field->preset[0] != '"' || field->preset[length - 1] != '"') wrong_preset(field);
    char *text = mk_need(length, 1);
    memcpy(text, field->preset + 1, length - 2);
    return text;
}

static uint32_t preset_choice(const struct mk_field *field) {
    char *word = preset_text(field);
    uint32_t choice = 0;
    while (field->names[choice] && strcmp(field->names[choice], word) != 0) choice++;
    if (!field->names[choice]) wrong_preset(field);
    free(word);
    return choice;
}

static void set_preset(const struct mk_field *field, unsigned char *at) {
    bool null = strcmp(field->preset, "null") == 0;
    union {
        bool truth;
        uint32_t u32;
        uint64_t u64;
        double f64;
        char *text;
    } value;
    char *end = NULL;
    switch (field->type) {
    case MK_FIELD_BOOL: value.truth = strcmp(field->preset, "true") == 0; break;
    case MK_FIELD_U32: value.u32 = null ? UINT32_MAX : (uint32_t)strtoul(field->preset, &end, 10); break;
    case MK_FIELD_ENUM: value.u32 = null ? UINT32_MAX : preset_choice(field); break;
    case MK_FIELD_U64: value.u64 = null ? UINT64_MAX : strtoull(field->preset, &end, 10); break;
    case MK_FIELD_F64: value.f64 = null ? __builtin_nan("") : strtod(field->preset, &end); break;
    case MK_FIELD_TEXT: value.text = null ? NULL : preset_text(field); break;
    default: wrong_preset(field); return;
    }
    if (end && *end) wrong_preset(field);
    memcpy(at, &value, unit_bytes(field));
}

void mk_field_preset(const struct mk_field *field, void *obj) {
    unsigned char *at = (unsigned char *)obj + field->offset;
    if (field->type == MK_FIELD_RECORD) mk_record_preset(field->record, at);
    else if (field->preset) set_preset(field, at);
}

void mk_record_preset(const struct mk_record *record, void *obj) {
    memset(obj, 0, record->size);
    for (const struct mk_field *field = record->fields; field->name; field++) mk_field_preset(field, obj);
}

/* ---- all fields --------------------------------------------------------------------------- */

void mk_field_free(const struct mk_field *field, void *obj) {
    struct units units = units_of(field, obj);
    for (size_t i = 0; i < units.n; i++) {
        unsigned char *unit = units.at + i * units.bytes;
        if (is_text(field)) free(text_at(unit));
        if (field->record) mk_record_free(field->record, unit);
        if (field->type == MK_FIELD_SHARES) free(text_at(unit + offsetof(struct mk_share, name)));
    }
    if (is_list(field)) {
        free(units.at);
        memset((unsigned char *)obj + field->count_offset, 0, sizeof(size_t));
        memset((unsigned char *)obj + field->offset, 0, sizeof(void *));
    } else {
        memset(units.at, 0, units.bytes);
    }
}

void mk_record_free(const struct mk_record *record, void *obj) {
    for (const struct mk_field *field = record->fields; field->name; field++) mk_field_free(field, obj);
    memset(obj, 0, record->size);
}

static void copy_unit(const struct mk_field *field, unsigned char *to, const unsigned char *from) {
    memcpy(to, from, unit_bytes(field));
    if (is_text(field) || field->type == MK_FIELD_SHARES) {
        /* A share begins with its name, the only thing it owns. */
        _Static_assert(offsetof(struct mk_share, name) == 0, "the name of a share must come first");
        char *text = text_at(from);
        text = text ? mk_need_text(text) : NULL;
        memcpy(to, &text, sizeof text);
    } else if (field->record) {
        mk_record_copy(field->record, to, from);
    }
}

void mk_record_copy(const struct mk_record *record, void *to, const void *from) {
    memset(to, 0, record->size);
    for (const struct mk_field *field = record->fields; field->name; field++) {
        struct units units = units_of(field, from);
        unsigned char *at = (unsigned char *)to + field->offset;
        if (is_list(field)) {
            unsigned char *list = units.n ? mk_need(units.n, units.bytes) : NULL;
            memcpy(at, &list, sizeof list);
            memcpy((unsigned char *)to + field->count_offset, &units.n, sizeof units.n);
            at = list;
        }
        for (size_t i = 0; i < units.n; i++) copy_unit(field, at + i * units.bytes, units.at + i * units.bytes);
    }
}

static bool same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* NaN equals NaN: both say that nothing is known. */
static bool same_number(double a, double b) {
    return a == b || (a != a && b != b);
}

static bool same_unit(const struct mk_field *field, const unsigned char *a, const unsigned char *b) {
    const struct mk_share *share_a = (const void *)a, *share_b = (const void *)b;
    double number_a, number_b;
    if (is_text(field)) return same_text(text_at(a), text_at(b));
    if (field->record) return mk_record_equal(field->record, a, b);
    if (field->type == MK_FIELD_SHARES) {
        return same_text(share_a->name, share_b->name) && same_number(share_a->value, share_b->value);
    }
    if (field->type == MK_FIELD_F64 || field->type == MK_FIELD_F64_LIST) {
        memcpy(&number_a, a, sizeof number_a);
        memcpy(&number_b, b, sizeof number_b);
        return same_number(number_a, number_b);
    }
    return memcmp(a, b, unit_bytes(field)) == 0;
}

bool mk_record_equal(const struct mk_record *record, const void *a, const void *b) {
    for (const struct mk_field *field = record->fields; field->name; field++) {
        struct units in_a = units_of(field, a), in_b = units_of(field, b);
        if (in_a.n != in_b.n) return false;
        for (size_t i = 0; i < in_a.n; i++) {
            if (!same_unit(field, in_a.at + i * in_a.bytes, in_b.at + i * in_b.bytes)) return false;
        }
    }
    return true;
}
