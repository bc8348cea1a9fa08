/* json_scan.c - the first of two goes through a text: strict, with the place of the first error, and
 * the positions of all values. */
#include <ctype.h>

#include "json_parts.h"

#define NUMBER_BYTES_MAX 63 /* cJSON cuts longer ones */

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
    char near[MK_JSON_SHOWN_MAX + 8];
    if (s->at >= s->length) {
        mk_json_error_at(s->doc, s->at, "unexpected end of file: %s", wanted);
        return false;
    }
    const char *at = s->text + s->at;
    size_t size = mk_json_character(at, s->text + s->length);
    if (!size) {
        mk_json_error_at(s->doc, s->at, "not UTF-8: byte 0x%02x", (unsigned char)*at);
    } else if ((unsigned char)*at < 0x20 || *at == 0x7f) {
        mk_json_error_at(s->doc, s->at, "not valid JSON: byte 0x%02x between values", (unsigned char)*at);
    } else if (*at == '/' || *at == '#') {
        mk_json_error_at(s->doc, s->at, "not valid JSON near '%c': there are no comments in JSON", *at);
    } else if (*at == '\'') {
        mk_json_error_at(s->doc, s->at, "not valid JSON near ''': text stands in double quotes");
    } else {
        size += rest_of_token(at, size);
        mk_json_error_at(s->doc, s->at, "not valid JSON near '%s': %s", mk_json_shown(near, at, size), wanted);
    }
    return false;
}

static bool wrong(struct scan *s, size_t at, const char *why) {
    mk_json_error_at(s->doc, at, "%s", why);
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
    if (unit >= 0xd800 && unit <= 0xdfff) return wrong(s, begin, "\\u names half of a character, a lone surrogate");
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
            mk_json_error_at(s->doc, s->at, "text contains the control character 0x%02x: write \\u%04x", c, c);
            return false;
        } else {
            size_t size = mk_json_character(s->text + s->at, s->text + s->length);
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
    doc->nodes[doc->nodes_n] = (struct mk_json_node){NULL,         (uint32_t)key_at, (uint32_t)at, (uint32_t)at,
                                                     MK_JSON_NONE, MK_JSON_NONE,     0};
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
        mk_json_error_at(s->doc, s->at, "lists and objects are nested more than %d deep", MK_JSON_DEPTH_MAX);
        return false;
    }
    s->depth++;
    s->at++;
    skip_space(s);
    if (s->at < s->length && s->text[s->at] == close) goto closed;
    for (;;) {
        size_t key_at = object ? s->at : MK_JSON_NOWHERE;
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
            mk_json_error_at(s->doc, comma, "not valid JSON near '%c': the comma before it is one too many", close);
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

bool mk_json_scan(struct mk_json *doc) {
    struct scan s = {doc, doc->text, doc->length, 0, 0};
    if (doc->length >= 3 && memcmp(doc->text, "\xef\xbb\xbf", 3) == 0) {
        return wrong(&s, 0, "the file begins with a byte order mark: save it as UTF-8 without one");
    }
    skip_space(&s);
    if (s.at == s.length) {
        mk_json_error(doc, MK_JSON_NONE, doc->length ? "is empty but for white space" : "is empty");
        return false;
    }
    if (!scan_value(&s, MK_JSON_NOWHERE, "a value is expected")) return false;
    skip_space(&s);
    return s.at == s.length || unexpected(&s, "nothing is expected behind the document");
}
