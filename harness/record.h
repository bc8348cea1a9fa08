/* record.h - structs that describe themselves.
 *
 * Everything that travels (workload, plan, samples, result) is a plain C struct with one table that
 * names its fields. From that table alone come: reading and checking it as JSON (json.h), writing it
 * as JSON, sending it over a pipe (wire.h), its JSON Schema and its page of reference (schema.h).
 */
#ifndef MK_RECORD_H
#define MK_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mk_field_type {
    MK_FIELD_BOOL,        /* bool */
    MK_FIELD_U32,         /* uint32_t */
    MK_FIELD_U64,         /* uint64_t, exact in JSON both ways */
    MK_FIELD_F64,         /* double; NaN is null where NULLABLE or without a range */
    MK_FIELD_TEXT,        /* char *, owned; NULL is absent (null in JSON where NULLABLE) */
    MK_FIELD_ENUM,        /* uint32_t, index into names */
    MK_FIELD_RAW,         /* char *, owned: JSON text kept word for word */
    MK_FIELD_RECORD,      /* the struct itself, embedded */
    MK_FIELD_U64_LIST,    /* uint64_t * and a size_t at count_offset; likewise below */
    MK_FIELD_F64_LIST,    /* double * */
    MK_FIELD_TEXT_LIST,   /* char ** */
    MK_FIELD_RECORD_LIST, /* struct * */
    MK_FIELD_SHARES,      /* struct mk_share *: a JSON object of name -> number */
    MK_FIELD_COUNTS       /* uint64_t * + count: a number, a list of them, or "auto" (no entries) */
};

struct mk_share {
    char *name;
    double value;
};

enum mk_field_flag {
    MK_FIELD_REQUIRED = 1 << 0,
    MK_FIELD_NULLABLE = 1 << 1, /* null is a value: absent TEXT or RAW (else left out); the largest U32, U64 or
                                 * ENUM; NaN */
    MK_FIELD_INTERNAL = 1 << 2, /* travels over the wire, is no part of the file format */
    MK_FIELD_ONE_OR_MANY = 1 << 3, /* TEXT_LIST: a single string is a list of one */
    MK_FIELD_HEX = 1 << 4       /* U64 written as "0x..." text (digests) */
};

struct mk_record;

struct mk_field {
    const char *name; /* key in JSON; NULL ends the table */
    enum mk_field_type type;
    uint32_t flags;
    size_t offset;
    size_t count_offset;            /* lists: where the size_t count is */
    const struct mk_record *record; /* RECORD, RECORD_LIST */
    const char *const *names;       /* ENUM: NULL-terminated */
    double min, max;                /* numbers: inclusive; both 0 = any */
    const char *preset;             /* default as JSON text, scalars only; NULL = zero, empty, absent */
    const char *help;
};

struct mk_record {
    const char *name; /* of the struct, e.g. "workload" */
    size_t size;
    const struct mk_field *fields;
    const char *help;
};

#define MK_FIELDS_MAX 64 /* of a record */

#define MK_AT(STRUCT, MEMBER) offsetof(struct STRUCT, MEMBER), 0
#define MK_LIST_AT(STRUCT, MEMBER) offsetof(struct STRUCT, MEMBER), offsetof(struct STRUCT, MEMBER##_n)

/* Sets all fields of an uninitialised object to their defaults; or one field of a zeroed one. */
void mk_record_preset(const struct mk_record *record, void *obj);
void mk_field_preset(const struct mk_field *field, void *obj);

/* Frees what the fields own (not obj itself) and zeroes it; or what one field owns. */
void mk_record_free(const struct mk_record *record, void *obj);
void mk_field_free(const struct mk_field *field, void *obj);

/* Deep copy into *to (uninitialised before). Exits on lack of memory, as mk_need does. */
void mk_record_copy(const struct mk_record *record, void *to, const void *from);

/* Returns the field of that name, or NULL. */
const struct mk_field *mk_record_field(const struct mk_record *record, const char *name);

/* Returns whether two objects agree in all fields (lists elementwise). */
bool mk_record_equal(const struct mk_record *record, const void *a, const void *b);

/* Returns memory for the harness's own books, zeroed; ends the program with a sentence when there is
 * none (nothing measured is lost by that: a worker's death costs its cells a verdict). */
void *mk_need(size_t count, size_t bytes);
void *mk_need_more(void *old, size_t count, size_t bytes);
char *mk_need_text(const char *text);
/* printf into memory of its own; the caller frees it. */
char *mk_need_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Appends to a list of *n elements of `bytes`, however it was made; returns the new (zeroed) element.
 * The room doubles, so that appending stays linear. */
void *mk_grow(void *list_pointer, size_t *n, size_t bytes);

#endif
