/* json.h - JSON: strict reading with positions, records from and to it.
 *
 * A document keeps what is wrong with it: whoever reads from it adds complaints, which are reported
 * at the end, in the order of the text, as file:line:col: error: ... . Objects and lists are walked
 * by node numbers, which stay valid as long as the document. A document belongs to one thread.
 */
#ifndef MK_JSON_H
#define MK_JSON_H

#include "impl_api.h"
#include "record.h"
#include "text.h"

#define MK_JSON_DEPTH_MAX 64     /* lists and objects inside each other */
#define MK_JSON_ERRORS_MAX 1000  /* complaints that are kept; of the others, the number */
#define MK_JSON_ROOT 0u
#define MK_JSON_NONE UINT32_MAX  /* no such node; complaints about it are about the whole file */

struct mk_json;

/* Those with nodes inside come last. */
enum mk_json_type { MK_JSON_NULL, MK_JSON_BOOL, MK_JSON_NUMBER, MK_JSON_TEXT, MK_JSON_LIST, MK_JSON_OBJECT };

/* ---- documents ---------------------------------------------------------------------------- */

/* Parses `length` bytes; `path` is what complaints name. Returns 0, or -1 after the first syntax
 * error, which is then the document's complaint. *doc is set either way; free it with mk_json_free.
 * Stricter than the RFC asks for: no key twice in an object, no \u0000, no byte order mark. A key
 * that stands twice is a complaint, but no failure: reading goes on and finds the other ones. */
int mk_json_parse(const char *path, const char *text, size_t length, struct mk_json **doc);

/* As mk_json_parse for a file ("-" = standard input) of at most limit_bytes. A file that cannot be
 * read or is empty is a complaint of the document too. */
int mk_json_read_file(const char *path, size_t limit_bytes, struct mk_json **doc);

void mk_json_free(struct mk_json *doc);

/* Returns the path, and the whole text as it was read. */
const char *mk_json_path(const struct mk_json *doc);
const char *mk_json_source(const struct mk_json *doc);

/* ---- complaints --------------------------------------------------------------------------- */

/* Adds a complaint about a node's value, or about its key. The text is one sentence. */
void mk_json_error(struct mk_json *doc, uint32_t node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void mk_json_error_at_key(struct mk_json *doc, uint32_t node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Returns how many complaints there are. */
size_t mk_json_errors(const struct mk_json *doc);

/* Returns whether one of them lies inside the node, so that nothing more need be said about it. */
bool mk_json_spoiled(const struct mk_json *doc, uint32_t node);

/* Returns the first complaint's sentence without its position, or NULL. Valid until the next one. */
const char *mk_json_first_error(struct mk_json *doc);

/* Appends all complaints, a line each, sorted by position, each sentence once a position. */
void mk_json_report(struct mk_json *doc, struct mk_text *out);

/* Returns ", did you mean \"...\"?" for the nearest of `words` (NULL-terminated), or "". Valid until
 * the next call. Costs nothing once complaints are no longer kept. */
const char *mk_json_suggest(struct mk_json *doc, const char *word, const char *const *words);

/* ---- walking ------------------------------------------------------------------------------ */

/* All take MK_JSON_NONE for a node and answer it with MK_JSON_NONE, 0, NULL or false. */
enum mk_json_type mk_json_type(const struct mk_json *doc, uint32_t node); /* NULL type for no node */
uint32_t mk_json_first(const struct mk_json *doc, uint32_t node);          /* of a list or an object */
uint32_t mk_json_next(const struct mk_json *doc, uint32_t node);           /* its neighbour */
size_t mk_json_count(const struct mk_json *doc, uint32_t node);            /* of elements or keys */
uint32_t mk_json_get(const struct mk_json *doc, uint32_t node, const char *key);
const char *mk_json_key(const struct mk_json *doc, uint32_t node);  /* NULL outside objects */
const char *mk_json_text(const struct mk_json *doc, uint32_t node); /* NULL if it is no text */
bool mk_json_bool(const struct mk_json *doc, uint32_t node, bool *value);
bool mk_json_f64(const struct mk_json *doc, uint32_t node, double *value);
bool mk_json_u64(const struct mk_json *doc, uint32_t node, uint64_t *value); /* exact, or false */
char *mk_json_raw(const struct mk_json *doc, uint32_t node);        /* word for word; the caller frees it */

/* ---- records ------------------------------------------------------------------------------ */

/* Reads an object into *obj (uninitialised before): presets, then what stands there. Returns 0, or
 * -1 after complaints. *obj is whole either way; free it with mk_record_free. */
int mk_json_read_record(struct mk_json *doc, uint32_t node, const struct mk_record *record, void *obj);

/* Reads one value into one field of *obj, whose old value must have been freed. Returns as above. */
int mk_json_read_field(struct mk_json *doc, uint32_t node, const struct mk_field *field, void *obj);

/* Appends a record as an object, without its INTERNAL fields, in lines indented by `indent` steps of
 * two spaces, or on one line if indent is negative. The first line is not indented, and no line end
 * follows the closing brace. Returns nothing: it cannot fail. */
void mk_json_write_record(struct mk_text *out, const struct mk_record *record, const void *obj, int indent);

/* Each appends one value: text with its quotes and escapes (bytes that are not UTF-8 become U+FFFD;
 * NULL is null), all digits of a number, the shortest digits that read back the same (NaN and
 * infinities are null). */
void mk_json_write_text(struct mk_text *out, const char *text);
void mk_json_write_u64(struct mk_text *out, uint64_t value);
void mk_json_write_f64(struct mk_text *out, double value);

/* Returns the length of the UTF-8 character at `at` (before `end`), 0 if there is none. */
size_t mk_json_character(const char *at, const char *end);

#endif
