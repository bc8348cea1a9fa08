/* json.c - see json.h. The only file that knows cJSON.
 *
 * A text is gone through twice. A scan of our own, stricter than cJSON, finds the first syntax error
 * with its place and makes a flat list of nodes with their positions; cJSON then makes its tree, which
 * decodes texts and keys, and both are joined in lockstep (cJSON keeps the order of the text).
 * Whole numbers are read from the digits themselves, because cJSON keeps doubles.
 */
#include "json.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "compose.h"

#define NOWHERE UINT32_MAX
#define NUMBER_BYTES_MAX 63 /* cJSON cuts longer ones */
#define GOT_BYTES_MAX 40    /* of a value, in a complaint */
#define FEW_KEYS 8          /* compared one by one */
#define FEW_FIELDS 12       /* all named in a complaint */
#define WORD_BYTES_MAX 64   /* longer ones are no misspelling of ours */

struct node {
    const cJSON *item;
    uint32_t key_at, at, end;    /* offsets in the text; key_at NOWHERE outside objects */
    uint32_t first, next, count; /* node numbers; MK_JSON_NONE ends them */
};

struct complaint {
    uint32_t at; /* offset; NOWHERE: about the file */
    uint32_t order;
    char *text;
};

struct mk_json {
    char *path, *text;
    size_t length;
    cJSON *tree;
    struct node *nodes;
    size_t nodes_n, nodes_room;
    struct complaint *complaints;
    size_t complaints_n, complaints_dropped;
    char suggestion[WORD_BYTES_MAX + 32];
};

/* ---- UTF-8 -------------------------------------------------------------------------------- */

/* Returns the length of the UTF-8 character at `at` (before `end`), 0 if there is none. */
static size_t character(const char *at, const char *end) {
    const unsigned char *c = (const unsigned char *)at;
    size_t room = (size_t)(end - at), length;
    if (!room) return 0;
    if (c[0] < 0x80) return 1;
    length = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
    if (c[0] < 0xc2 || c[0] > 0xf4 || room < length) return 0;
    for (size_t i = 1; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80) return 0;
    }
    /* Longer than needed, a surrogate, or beyond the last character. */
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f)) return 0;
    if ((c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f)) return 0;
    return length;
}

/* Writes at most GOT_BYTES_MAX bytes of a stretch of text on one line, for a complaint. */
static const char *shown(char out[GOT_BYTES_MAX + 8], const char *text, size_t length) {
    size_t n = 0;
    for (const char *at = text, *end = text + length; at < end;) {
        size_t size = character(at, end);
        if (n + (size ? size : 1) > GOT_BYTES_MAX) {
            memcpy(out + n, "...", 4);
            return out;
        }
        if (!size || (unsigned char)*at < 0x20 || *at == 0x7f) {
            out[n++] = size && isspace((unsigned char)*at) ? ' ' : '?';
            at++;
        } else {
            memcpy(out + n, at, size);
            n += size;
            at += size;
        }
    }
    out[n] = '\0';
    return out;
}

/* ---- complaints --------------------------------------------------------------------------- */

static bool keeps_complaints(const struct mk_json *doc) {
    return doc->complaints_n < MK_JSON_ERRORS_MAX;
}

static void complain(struct mk_json *doc, uint32_t at, const char *format, va_list args) {
    if (!keeps_complaints(doc)) {
        doc->complaints_dropped++;
        return;
    }
    struct mk_text text = {0};
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    mk_text_repeat(&text, ' ', length > 0 ? (size_t)length : 0);
    vsnprintf(text.at, text.n + 1, format, again);
    va_end(again);
    struct complaint *complaint = mk_grow(&doc->complaints, &doc->complaints_n, sizeof *complaint);
    complaint->at = at;
    complaint->order = (uint32_t)doc->complaints_n;
    complaint->text = mk_text_take(&text);
}

__attribute__((format(printf, 3, 4))) static void complain_at(struct mk_json *doc, size_t at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    complain(doc, (uint32_t)at, format, args);
    va_end(args);
}

void mk_json_error(struct mk_json *doc, uint32_t node, const char *format, ...) {
    va_list args;
    va_start(args, format);
    complain(doc, node < doc->nodes_n ? doc->nodes[node].at : NOWHERE, format, args);
    va_end(args);
}

void mk_json_error_at_key(struct mk_json *doc, uint32_t node, const char *format, ...) {
    va_list args;
    va_start(args, format);
    complain(doc, node < doc->nodes_n ? doc->nodes[node].key_at : NOWHERE, format, args);
    va_end(args);
}

size_t mk_json_errors(const struct mk_json *doc) {
    return doc->complaints_n + doc->complaints_dropped;
}

bool mk_json_spoiled(const struct mk_json *doc, uint32_t node) {
    if (node >= doc->nodes_n) return false;
    for (size_t i = 0; i < doc->complaints_n; i++) {
        uint32_t at = doc->complaints[i].at;
        if (at >= doc->nodes[node].at && at < doc->nodes[node].end) return true;
    }
    return doc->complaints_dropped > 0;
}

/* By place (about the file: first), then in the order they were made. */
static int compare_complaints(const void *left, const void *right) {
    const struct complaint *a = left, *b = right;
    uint32_t at_a = a->at + 1, at_b = b->at + 1;
    if (at_a != at_b) return at_a < at_b ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void sort_complaints(struct mk_json *doc) {
    if (doc->complaints_n > 1) qsort(doc->complaints, doc->complaints_n, sizeof *doc->complaints, compare_complaints);
}

const char *mk_json_first_error(struct mk_json *doc) {
    sort_complaints(doc);
    return doc->complaints_n ? doc->complaints[0].text : NULL;
}

void mk_json_report(struct mk_json *doc, struct mk_text *out) {
    const char *at = doc->text;
    size_t line_number = 1, column = 1;
    sort_complaints(doc);
    for (size_t i = 0; i < doc->complaints_n; i++) {
        const struct complaint *complaint = &doc->complaints[i], *before = complaint - 1;
        if (i && before->at == complaint->at && strcmp(before->text, complaint->text) == 0) continue;
        if (complaint->at == NOWHERE) {
            mk_text_printf(out, "%s: error: %s\n", doc->path, complaint->text);
            continue;
        }
        for (const char *stop = doc->text + complaint->at; at < stop;) {
            size_t size = character(at, doc->text + doc->length);
            column++;
            if (*at == '\n') {
                line_number++;
                column = 1;
            }
            at += size ? size : 1;
        }
        mk_text_printf(out, "%s:%zu:%zu: error: %s\n", doc->path, line_number, column, complaint->text);
    }
    if (doc->complaints_dropped) {
        mk_text_printf(out, "%s: error: and %zu more errors\n", doc->path, doc->complaints_dropped);
    }
}

const char *mk_json_suggest(struct mk_json *doc, const char *word, const char *const *words) {
    const char *near = NULL;
    if (keeps_complaints(doc) && strlen(word) <= WORD_BYTES_MAX) near = mk_nearest(word, words);
    if (!near) return "";
    snprintf(doc->suggestion, sizeof doc->suggestion, ", did you mean \"%s\"?", near);
    return doc->suggestion;
}

/* ---- scan --------------------------------------------------------------------------------- */

struct scan {
    struct mk_json *doc;
    const char *text;
    size_t length, at;
    unsigned depth;
};

/* Returns how many bytes behind the first `size` belong to the same word or text on the line. */
static size_t rest_of_token(const char *at, size_t size) {
    size_t n = 0;
    if (*at == '"') n = strcspn(at + size, "\"\n");
    else while (isalnum((unsigned char)*at) && isalnum((unsigned char)at[size + n])) n++;
    return *at == '"' && at[size + n] == '"' ? n + 1 : n;
}

/* Complains about what stands at the scan's place. */
static bool unexpected(struct scan *s, const char *wanted) {
    char near[GOT_BYTES_MAX + 8];
    if (s->at >= s->length) {
        complain_at(s->doc, s->at, "unexpected end of file: %s", wanted);
        return false;
    }
    const char *at = s->text + s->at;
    size_t size = character(at, s->text + s->length);
    if (!size) {
        complain_at(s->doc, s->at, "not UTF-8: byte 0x%02x", (unsigned char)*at);
    } else if ((unsigned char)*at < 0x20 || *at == 0x7f) {
        complain_at(s->doc, s->at, "not valid JSON: byte 0x%02x between values", (unsigned char)*at);
    } else if (*at == '/' || *at == '#') {
        complain_at(s->doc, s->at, "not valid JSON near '%c': there are no comments in JSON", *at);
    } else if (*at == '\'') {
        complain_at(s->doc, s->at, "not valid JSON near ''': text stands in double quotes");
    } else {
        size += rest_of_token(at, size);
        complain_at(s->doc, s->at, "not valid JSON near '%s': %s", shown(near, at, size), wanted);
    }
    return false;
}

static bool wrong(struct scan *s, size_t at, const char *why) {
    complain_at(s->doc, at, "%s", why);
    return false;
}

static void skip_space(struct scan *s) {
    while (s->at < s->length && strchr(" \t\n\r", s->text[s->at]) && s->text[s->at]) s->at++;
}

static bool digit_at(const struct scan *s) {
    return s->at < s->length && s->text[s->at] >= '0' && s->text[s->at] <= '9';
}

/* Returns how many digits were passed over. */
static size_t digits(struct scan *s) {
    size_t begin = s->at;
    while (digit_at(s)) s->at++;
    return s->at - begin;
}

static bool scan_number(struct scan *s) {
    size_t begin = s->at;
    if (s->text[s->at] == '-') s->at++;
    bool zero = digit_at(s) && s->text[s->at] == '0';
    size_t whole = digits(s);
    if (!whole) return wrong(s, begin, "a number has no digits");
    if (zero && whole > 1) return wrong(s, begin, "number has a leading zero");
    if (s->at < s->length && s->text[s->at] == '.') {
        s->at++;
        if (!digits(s)) return wrong(s, begin, "number has no digits behind its dot");
    }
    if (s->at < s->length && (s->text[s->at] == 'e' || s->text[s->at] == 'E')) {
        s->at++;
        if (s->at < s->length && (s->text[s->at] == '+' || s->text[s->at] == '-')) s->at++;
        if (!digits(s)) return wrong(s, begin, "number has no digits in its exponent");
    }
    if (s->at - begin > NUMBER_BYTES_MAX) return wrong(s, begin, "number has more than 63 characters");
    return true;
}

/* Returns the value of four hexadecimal digits, or -1. */
static int hex4(const struct scan *s, size_t at) {
    int value = 0;
    if (s->length - s->at < 4 || at + 4 > s->length) return -1;
    for (size_t i = at; i < at + 4; i++) {
        int c = (unsigned char)s->text[i];
        if (!isxdigit(c)) return -1;
        value = value * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* At a backslash. */
static bool scan_escape(struct scan *s) {
    size_t begin = s->at;
    char sort = s->at + 1 < s->length ? s->text[s->at + 1] : '\0';
    if (!sort || !strchr("\"\\/bfnrtu", sort)) {
        return wrong(s, begin, "a backslash in text must be followed by one of \" \\ / b f n r t u");
    }
    s->at += 2;
    if (sort != 'u') return true;
    int unit = hex4(s, s->at);
    if (unit < 0) return wrong(s, begin, "\\u must be followed by four hexadecimal digits");
    if (unit == 0) return wrong(s, begin, "text contains \\u0000");
    s->at += 4;
    if (unit >= 0xd800 && unit <= 0xdbff && s->at + 6 <= s->length && memcmp(s->text + s->at, "\\u", 2) == 0) {
        int second = hex4(s, s->at + 2);
        if (second >= 0xdc00 && second <= 0xdfff) {
            s->at += 6;
            return true;
        }
    }
    if (unit >= 0xd800 && unit <= 0xdfff) return wrong(s, begin, "\\u names half of a character (a lone surrogate)");
    return true;
}

/* At the opening quote. */
static bool scan_text(struct scan *s) {
    size_t begin = s->at++;
    while (s->at < s->length) {
        unsigned char c = (unsigned char)s->text[s->at];
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c == '\\') {
            if (!scan_escape(s)) return false;
        } else if (c == '\n' || c == '\r') {
            return wrong(s, s->at, "text is not closed at the end of the line");
        } else if (!c) {
            return wrong(s, s->at, "text contains a NUL byte");
        } else if (c < 0x20) {
            complain_at(s->doc, s->at, "text contains the control character 0x%02x: write \\u%04x", c, c);
            return false;
        } else {
            size_t size = character(s->text + s->at, s->text + s->length);
            if (!size) return unexpected(s, "text");
            s->at += size;
        }
    }
    return wrong(s, begin, "unexpected end of file: text is never closed");
}

static bool scan_word(struct scan *s, const char *wanted) {
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        if (s->length - s->at >= n && memcmp(s->text + s->at, words[i], n) == 0) {
            s->at += n;
            return true;
        }
    }
    return unexpected(s, wanted);
}

static uint32_t add_node(struct mk_json *doc, size_t key_at, size_t at) {
    if (doc->nodes_n == doc->nodes_room) {
        doc->nodes_room = doc->nodes_room ? doc->nodes_room * 2 : 64;
        doc->nodes = mk_need_more(doc->nodes, doc->nodes_room, sizeof *doc->nodes);
    }
    doc->nodes[doc->nodes_n] = (struct node){NULL, (uint32_t)key_at, (uint32_t)at, (uint32_t)at, MK_JSON_NONE,
                                             MK_JSON_NONE, 0};
    return (uint32_t)doc->nodes_n++;
}

static bool scan_value(struct scan *s, size_t key_at, const char *wanted);

/* A key and the colon behind it. */
static bool scan_key(struct scan *s) {
    if (s->at >= s->length || s->text[s->at] != '"') return unexpected(s, "a key in double quotes is expected");
    if (!scan_text(s)) return false;
    skip_space(s);
    if (s->at >= s->length || s->text[s->at] != ':') return unexpected(s, "':' is expected behind a key");
    s->at++;
    skip_space(s);
    return true;
}

/* At the opening bracket of node `parent`. */
static bool scan_inside(struct scan *s, uint32_t parent) {
    bool object = s->text[s->at] == '{';
    char close = object ? '}' : ']';
    uint32_t last = MK_JSON_NONE;
    size_t comma;
    if (s->depth == MK_JSON_DEPTH_MAX) {
        complain_at(s->doc, s->at, "lists and objects are nested more than %d deep", MK_JSON_DEPTH_MAX);
        return false;
    }
    s->depth++;
    s->at++;
    skip_space(s);
    if (s->at < s->length && s->text[s->at] == close) goto closed;
    for (;;) {
        size_t key_at = object ? s->at : NOWHERE;
        uint32_t node = (uint32_t)s->doc->nodes_n;
        if (object && !scan_key(s)) return false;
        if (!scan_value(s, key_at, "a value is expected")) return false;
        *(last == MK_JSON_NONE ? &s->doc->nodes[parent].first : &s->doc->nodes[last].next) = node;
        s->doc->nodes[parent].count++;
        last = node;
        skip_space(s);
        if (s->at < s->length && s->text[s->at] == close) goto closed;
        if (s->at >= s->length || s->text[s->at] != ',') {
            return unexpected(s, object ? "',' or '}' is expected" : "',' or ']' is expected");
        }
        comma = s->at++;
        skip_space(s);
        if (s->at < s->length && s->text[s->at] == close) {
            complain_at(s->doc, comma, "not valid JSON near '%c': the comma before it is one too many", close);
            return false;
        }
    }
closed:
    s->at++;
    s->depth--;
    return true;
}

/* Adds a node for the value at the scan's place, and those inside it. */
static bool scan_value(struct scan *s, size_t key_at, const char *wanted) {
    uint32_t node = add_node(s->doc, key_at, s->at);
    char c = s->at < s->length ? s->text[s->at] : '\0';
    bool fine;
    switch (c) {
    case '{':
    case '[': fine = scan_inside(s, node); break;
    case '"': fine = scan_text(s); break;
    case '-':
    case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9': fine = scan_number(s); break;
    default: fine = scan_word(s, wanted); break;
    }
    s->doc->nodes[node].end = (uint32_t)s->at;
    return fine;
}

static bool scan_document(struct mk_json *doc) {
    struct scan s = {doc, doc->text, doc->length, 0, 0};
    if (doc->length >= 3 && memcmp(doc->text, "\xef\xbb\xbf", 3) == 0) {
        return wrong(&s, 0, "the file begins with a byte order mark: save it as UTF-8 without one");
    }
    skip_space(&s);
    if (s.at == s.length) {
        mk_json_error(doc, MK_JSON_NONE, doc->length ? "is empty but for white space" : "is empty");
        return false;
    }
    if (!scan_value(&s, NOWHERE, "a value is expected")) return false;
    skip_space(&s);
    return s.at == s.length || unexpected(&s, "nothing is expected behind the document");
}

/* ---- joining with cJSON's tree ------------------------------------------------------------ */

static uint64_t hash_text(const char *text) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return mk_mix64(hash);
}

static void complain_twice(struct mk_json *doc, uint32_t node) {
    char name[GOT_BYTES_MAX + 8];
    const char *key = doc->nodes[node].item->string;
    mk_json_error_at_key(doc, node, "duplicate key \"%s\"", shown(name, key, strlen(key)));
}

/* Complains about keys of an object that stand there before. */
static void find_duplicates(struct mk_json *doc, uint32_t object) {
    const struct node *nodes = doc->nodes;
    size_t room = 2;
    if (nodes[object].count <= FEW_KEYS) {
        for (uint32_t node = nodes[object].first; node != MK_JSON_NONE; node = nodes[node].next) {
            uint32_t other = nodes[object].first;
            while (other != node && strcmp(nodes[other].item->string, nodes[node].item->string) != 0) {
                other = nodes[other].next;
            }
            if (other != node) complain_twice(doc, node);
        }
        return;
    }
    while (room < 2 * (size_t)nodes[object].count) room *= 2;
    uint32_t *table = mk_need(room, sizeof *table); /* node + 1 */
    for (uint32_t node = nodes[object].first; node != MK_JSON_NONE; node = nodes[node].next) {
        size_t at = hash_text(nodes[node].item->string) & (room - 1);
        while (table[at] && strcmp(nodes[table[at] - 1].item->string, nodes[node].item->string) != 0) {
            at = (at + 1) & (room - 1);
        }
        if (table[at]) complain_twice(doc, node);
        else table[at] = node + 1;
    }
    free(table);
}

/* Returns whether both saw the same document. */
static bool join(struct mk_json *doc, uint32_t node, const cJSON *item) {
    struct node *here = &doc->nodes[node];
    const cJSON *child = item->child;
    here->item = item;
    if ((doc->text[here->at] == '{') != cJSON_IsObject(item)) return false;
    for (uint32_t inner = here->first; inner != MK_JSON_NONE; inner = doc->nodes[inner].next) {
        if (!child || !join(doc, inner, child)) return false;
        child = child->next;
    }
    if (child) return false;
    if (cJSON_IsObject(item)) find_duplicates(doc, node);
    return true;
}

/* ---- documents ---------------------------------------------------------------------------- */

static struct mk_json *new_document(const char *path) {
    struct mk_json *doc = mk_need(1, sizeof *doc);
    doc->path = mk_need_text(path);
    return doc;
}

/* Takes the text over. */
static int parse(struct mk_json *doc, struct mk_text *text) {
    const char *stop = NULL;
    doc->length = text->n;
    doc->text = mk_text_take(text);
    if (doc->length >= NOWHERE) {
        doc->length = 0;
        mk_json_error(doc, MK_JSON_NONE, "has more than 4 GiB");
        return -1;
    }
    if (!scan_document(doc)) return -1;
    doc->tree = cJSON_ParseWithLengthOpts(doc->text, doc->length + 1, &stop, 1);
    if (doc->tree && join(doc, MK_JSON_ROOT, doc->tree)) return 0;
    complain_at(doc, stop ? (size_t)(stop - doc->text) : 0, "cannot be read as JSON, or memory is out");
    doc->nodes_n = 0;
    return -1;
}

int mk_json_parse(const char *path, const char *text, size_t length, struct mk_json **doc) {
    struct mk_text copy = {0};
    *doc = new_document(path);
    mk_text_add(&copy, text, length);
    return parse(*doc, &copy);
}

int mk_json_read_file(const char *path, size_t limit_bytes, struct mk_json **doc) {
    struct mk_text text = {0};
    struct mk_err err;
    *doc = new_document(strcmp(path, "-") == 0 ? "standard input" : path);
    if (mk_text_load(&text, path, limit_bytes, &err)) {
        mk_json_error(*doc, MK_JSON_NONE, "%s", err.text);
        mk_text_free(&text);
        (*doc)->text = mk_need_text("");
        return -1;
    }
    return parse(*doc, &text);
}

void mk_json_free(struct mk_json *doc) {
    if (!doc) return;
    for (size_t i = 0; i < doc->complaints_n; i++) free(doc->complaints[i].text);
    free(doc->complaints);
    free(doc->nodes);
    cJSON_Delete(doc->tree);
    free(doc->text);
    free(doc->path);
    free(doc);
}

const char *mk_json_path(const struct mk_json *doc) {
    return doc->path;
}

const char *mk_json_source(const struct mk_json *doc) {
    return doc->text;
}

/* ---- walking ------------------------------------------------------------------------------ */

static const struct node *node_at(const struct mk_json *doc, uint32_t node) {
    return node < doc->nodes_n ? &doc->nodes[node] : NULL;
}

enum mk_json_type mk_json_type(const struct mk_json *doc, uint32_t node) {
    const struct node *here = node_at(doc, node);
    if (!here || cJSON_IsNull(here->item)) return MK_JSON_NULL;
    if (cJSON_IsBool(here->item)) return MK_JSON_BOOL;
    if (cJSON_IsNumber(here->item)) return MK_JSON_NUMBER;
    if (cJSON_IsString(here->item)) return MK_JSON_TEXT;
    return cJSON_IsArray(here->item) ? MK_JSON_LIST : MK_JSON_OBJECT;
}

uint32_t mk_json_first(const struct mk_json *doc, uint32_t node) {
    const struct node *here = node_at(doc, node);
    return here ? here->first : MK_JSON_NONE;
}

uint32_t mk_json_next(const struct mk_json *doc, uint32_t node) {
    const struct node *here = node_at(doc, node);
    return here ? here->next : MK_JSON_NONE;
}

size_t mk_json_count(const struct mk_json *doc, uint32_t node) {
    const struct node *here = node_at(doc, node);
    return here ? here->count : 0;
}

const char *mk_json_key(const struct mk_json *doc, uint32_t node) {
    const struct node *here = node_at(doc, node);
    return here && here->key_at != NOWHERE ? here->item->string : NULL;
}

uint32_t mk_json_get(const struct mk_json *doc, uint32_t node, const char *key) {
    if (mk_json_type(doc, node) != MK_JSON_OBJECT) return MK_JSON_NONE;
    for (uint32_t inner = mk_json_first(doc, node); inner != MK_JSON_NONE; inner = mk_json_next(doc, inner)) {
        if (strcmp(doc->nodes[inner].item->string, key) == 0) return inner;
    }
    return MK_JSON_NONE;
}

const char *mk_json_text(const struct mk_json *doc, uint32_t node) {
    return mk_json_type(doc, node) == MK_JSON_TEXT ? doc->nodes[node].item->valuestring : NULL;
}

bool mk_json_bool(const struct mk_json *doc, uint32_t node, bool *value) {
    if (mk_json_type(doc, node) != MK_JSON_BOOL) return false;
    *value = cJSON_IsTrue(doc->nodes[node].item);
    return true;
}

bool mk_json_f64(const struct mk_json *doc, uint32_t node, double *value) {
    if (mk_json_type(doc, node) != MK_JSON_NUMBER) return false;
    *value = strtod(doc->text + doc->nodes[node].at, NULL);
    return isfinite(*value);
}

/* What became of reading a number as a whole one. */
enum whole { WHOLE, NOT_WHOLE, NEGATIVE, TOO_LARGE, NOT_EXACT };

/* Digits are read as such; 1e6 and 4.0 are whole too, as long as a double holds them exactly. */
static enum whole whole_number(const struct mk_json *doc, uint32_t node, uint64_t *value) {
    const struct node *here = &doc->nodes[node];
    const char *begin = doc->text + here->at, *end = doc->text + here->end;
    if (*begin != '-' && !memchr(begin, '.', (size_t)(end - begin)) && !memchr(begin, 'e', (size_t)(end - begin)) &&
        !memchr(begin, 'E', (size_t)(end - begin))) {
        errno = 0;
        *value = strtoull(begin, NULL, 10);
        return errno ? TOO_LARGE : WHOLE;
    }
    double number = strtod(begin, NULL);
    if (number < 0 || *begin == '-') return NEGATIVE;
    if (number >= 0x1p64) return TOO_LARGE;
    if (number != floor(number)) return NOT_WHOLE;
    if (number > 0x1p53) return NOT_EXACT;
    *value = (uint64_t)number;
    return WHOLE;
}

bool mk_json_u64(const struct mk_json *doc, uint32_t node, uint64_t *value) {
    return mk_json_type(doc, node) == MK_JSON_NUMBER && whole_number(doc, node, value) == WHOLE;
}

char *mk_json_raw(const struct mk_json *doc, uint32_t node) {
    const struct node *here = node_at(doc, node);
    struct mk_text text = {0};
    if (here) mk_text_add(&text, doc->text + here->at, here->end - here->at);
    return mk_text_take(&text);
}

/* ---- reading records ---------------------------------------------------------------------- */

/* What stands there, for a complaint. */
static const char *got(const struct mk_json *doc, uint32_t node, char out[GOT_BYTES_MAX + 8]) {
    const struct node *here = &doc->nodes[node];
    switch (mk_json_type(doc, node)) {
    case MK_JSON_LIST: return "a list";
    case MK_JSON_OBJECT: return "an object";
    default: return shown(out, doc->text + here->at, here->end - here->at);
    }
}

static int want(struct mk_json *doc, uint32_t node, const struct mk_field *field, const char *what) {
    char out[GOT_BYTES_MAX + 8];
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
    switch (whole_number(doc, node, &number)) {
    case NOT_WHOLE: return want(doc, node, field, "a whole number");
    case NOT_EXACT: return want(doc, node, field, "written with all its digits");
    case NEGATIVE:
    case TOO_LARGE: return want_range(doc, node, field);
    case WHOLE: break;
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
    char out[GOT_BYTES_MAX + 8];
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
    char name[GOT_BYTES_MAX + 8];
    struct mk_text list = {0};
    size_t n = 0;
    if (!keeps_complaints(doc)) {
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
    mk_json_error_at_key(doc, node, "unknown key \"%s\"%s", shown(name, key, strlen(key)), more);
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
        char out[GOT_BYTES_MAX + 8];
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

/* ---- writing ------------------------------------------------------------------------------ */

void mk_json_write_text(struct mk_text *out, const char *text) {
    if (!text) {
        mk_text_puts(out, "null");
        return;
    }
    const char *end = text + strlen(text);
    mk_text_putc(out, '"');
    while (text < end) {
        size_t size = character(text, end);
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
