/* sanitizer_line.c - pieces of text, and what one line of a sanitizer's report says: see sanitizer_parts.h. */
#include "sanitizer_parts.h"

#include <ctype.h>
#include <stdlib.h>

struct mk_span mk_span(const char *string) {
    return (struct mk_span){string, strlen(string)};
}

bool mk_span_starts(struct mk_span span, const char *with) {
    size_t n = strlen(with);
    return span.n >= n && memcmp(span.at, with, n) == 0;
}

bool mk_span_ends(struct mk_span span, const char *with) {
    size_t n = strlen(with);
    return span.n >= n && memcmp(span.at + span.n - n, with, n) == 0;
}

static struct mk_span from(struct mk_span span, size_t skip) {
    return (struct mk_span){span.at + skip, span.n - skip};
}

bool mk_span_skip(struct mk_span *span, const char *with) {
    if (!mk_span_starts(*span, with)) return false;
    *span = from(*span, strlen(with));
    return true;
}

bool mk_span_skip_end(struct mk_span *span, const char *with) {
    if (!mk_span_ends(*span, with)) return false;
    span->n -= strlen(with);
    return true;
}

size_t mk_span_find(struct mk_span span, const char *what) {
    const char *at = span.n ? memmem(span.at, span.n, what, strlen(what)) : NULL;
    return at ? (size_t)(at - span.at) : span.n;
}

bool mk_span_has(struct mk_span span, const char *what) {
    return mk_span_find(span, what) < span.n;
}

struct mk_span mk_span_before(struct mk_span span, const char *what) {
    span.n = mk_span_find(span, what);
    return span;
}

struct mk_span mk_span_behind(struct mk_span span, const char *what) {
    size_t at = mk_span_find(span, what);
    return from(span, at < span.n ? at + strlen(what) : span.n);
}

struct mk_span mk_span_trim(struct mk_span span) {
    while (span.n && isspace((unsigned char)*span.at)) span = from(span, 1);
    while (span.n && isspace((unsigned char)span.at[span.n - 1])) span.n--;
    return span;
}

size_t mk_span_number(struct mk_span *span, uint32_t *number) {
    uint64_t value = 0;
    size_t digits = 0;
    for (; digits < span->n && isdigit((unsigned char)span->at[digits]); digits++) {
        if (value <= UINT32_MAX) value = value * 10 + (uint64_t)(span->at[digits] - '0');
    }
    *number = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    *span = from(*span, digits);
    return digits;
}

bool mk_span_line(struct mk_span *rest, struct mk_span *line) {
    if (!rest->n) return false;
    const char *end = memchr(rest->at, '\n', rest->n);
    *line = (struct mk_span){rest->at, end ? (size_t)(end - rest->at) : rest->n};
    *rest = from(*rest, line->n + (end ? 1 : 0));
    if (line->n && line->at[line->n - 1] == '\r') line->n--;
    return true;
}

/* A NUL byte would cut the string short. */
static char *string_of(struct mk_span span) {
    if (span.n > MK_SPAN_TEXT_MAX) span.n = MK_SPAN_TEXT_MAX;
    char *string = mk_need(span.n + 1, 1);
    for (size_t i = 0; i < span.n; i++) string[i] = span.at[i] ? span.at[i] : '?';
    return string;
}

/* The compilers put ./ before what -ffile-prefix-map made relative, some twice. */
static struct mk_span relative(struct mk_span span, const char *root) {
    struct mk_span rest = span;
    if (root && *root && mk_span_skip(&rest, root) &&
        (mk_span_starts(rest, "/") || mk_span_ends(mk_span(root), "/"))) {
        span = rest;
        while (mk_span_skip(&span, "/")) continue;
    }
    while (mk_span_starts(span, "./") && span.n > 2) span = from(span, 2);
    return span;
}

char *mk_span_file(struct mk_span span, const char *root) {
    return string_of(relative(span, root));
}

/* ---- words -------------------------------------------------------------------------------- */

/* Returns how many bytes a "(...)" takes up that differs from run to run, 0 where there is none. */
static size_t fleeting_group(struct mk_span at) {
    struct mk_span group = {at.at, at.n < MK_SPAN_TEXT_MAX ? at.n : MK_SPAN_TEXT_MAX};
    if (!mk_span_starts(group, "(")) return 0;
    group.n = mk_span_find(group, ")");
    bool fleeting = mk_span_has(group, "0x") || mk_span_starts(group, "(pid=") || mk_span_starts(group, "(tid=");
    return fleeting && group.n < at.n && at.at[group.n] == ')' ? group.n + 1 : 0;
}

/* Takes back the last words where they only led to an address; "misaligned address" does not. */
static void drop_leading_word(struct mk_text *text) {
    static const char *const words[] = {" at", " on", " on address", " on unknown address", " at pc", " bp", " sp"};
    struct mk_span before = {text->at, text->n};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (mk_span_skip_end(&before, words[i])) break;
    }
    text->n = before.n;
}

char *mk_span_plain(struct mk_span span, const char *root) {
    struct mk_text text = {0};
    span = mk_span_trim(span);
    while (span.n && text.n < MK_SPAN_TEXT_MAX) {
        struct mk_span word = span;
        size_t group = fleeting_group(span);
        if (group) {
            span = mk_span_trim(from(span, group));
            continue;
        }
        while (span.n && !isspace((unsigned char)*span.at)) span = from(span, 1);
        word.n -= span.n;
        span = mk_span_trim(span);
        if (mk_span_has(word, "0x")) {
            if (text.n && mk_span_starts(word, "0x")) drop_leading_word(&text);
            continue;
        }
        if (text.n) mk_text_putc(&text, ' ');
        if (mk_span_skip(&word, "'")) mk_text_putc(&text, '\'');
        char *shown = mk_span_file(word, root);
        mk_text_puts(&text, shown);
        free(shown);
    }
    if (text.n > MK_SPAN_TEXT_MAX) text.n = MK_SPAN_TEXT_MAX;
    while (text.n && strchr(" :.,", text.at[text.n - 1])) text.n--;
    if (!text.n) mk_text_puts(&text, "");
    text.at[text.n] = '\0';
    return mk_text_take(&text);
}

/* ---- frames ------------------------------------------------------------------------------- */

/* Takes a last "(module+0x1f)" off and returns the module, or nothing. */
static struct mk_span take_module(struct mk_span *rest) {
    struct mk_span module = {rest->at, 0};
    size_t open = rest->n;
    if (!mk_span_ends(*rest, ")")) return module;
    while (open && rest->at[open - 1] != '(') open--;
    if (!open) return module;
    module = (struct mk_span){rest->at + open, rest->n - open - 1};
    size_t offset = module.n;
    while (offset && isxdigit((unsigned char)module.at[offset - 1])) offset--;
    if (offset < 3 || memcmp(module.at + offset - 3, "+0x", 3) != 0) return (struct mk_span){rest->at, 0};
    module.n = offset - 3;
    rest->n = open - 1;
    *rest = mk_span_trim(*rest);
    return module;
}

static char *module_of(struct mk_span path) {
    for (size_t i = path.n; i > 0; i--) {
        if (path.at[i - 1] == '/') {
            path = from(path, i);
            break;
        }
    }
    return path.n ? string_of(path) : NULL;
}

/* A function ends at the first space outside of parentheses and angle brackets: both occur in C++, and in file
 * names spaces do. */
static struct mk_span take_function(struct mk_span *rest) {
    struct mk_span function = *rest;
    size_t depth = 0, n = 0;
    for (; n < rest->n; n++) {
        char c = rest->at[n];
        if (c == '(' || c == '<') depth++;
        else if ((c == ')' || c == '>') && depth) depth--;
        else if (c == ' ' && !depth && !mk_span_ends((struct mk_span){rest->at, n}, "operator")) break;
    }
    function.n = n;
    *rest = mk_span_trim(from(*rest, n));
    if (mk_span_skip(rest, "const ")) *rest = mk_span_trim(*rest);
    mk_span_skip(&function, "___interceptor_");
    mk_span_skip(&function, "__interceptor_");
    return function;
}

/* Takes ":12" off the end. */
static bool take_number(struct mk_span *place, uint32_t *number) {
    size_t digits = place->n;
    while (digits && isdigit((unsigned char)place->at[digits - 1])) digits--;
    if (digits == place->n || digits < 2 || place->at[digits - 1] != ':') return false;
    struct mk_span value = from(*place, digits);
    mk_span_number(&value, number);
    place->n = digits - 1;
    return true;
}

static void read_place(struct mk_span place, const char *root, struct mk_stack_frame *frame) {
    uint32_t last = 0, before = 0;
    bool one = take_number(&place, &last);
    frame->line = one && take_number(&place, &before) ? before : last;
    if (!place.n || mk_span_starts(place, "<") || mk_span_starts(place, "??")) frame->line = 0;
    else frame->file = mk_span_file(place, root);
}

bool mk_span_frame(struct mk_span line, const char *root, uint32_t *number, struct mk_stack_frame *frame) {
    struct mk_span rest = mk_span_trim(line), address;
    memset(frame, 0, sizeof *frame);
    if (!mk_span_skip(&rest, "#") || !mk_span_number(&rest, number) || !mk_span_skip(&rest, " ")) return false;
    rest = mk_span_trim(rest);
    address = rest;
    if (mk_span_skip(&rest, "0x")) {
        while (rest.n && isxdigit((unsigned char)*rest.at)) rest = from(rest, 1);
        if (rest.n && !isspace((unsigned char)*rest.at)) rest = address;
        rest = mk_span_trim(rest);
        mk_span_skip(&rest, "in ");
    }
    size_t id = rest.n;
    if (mk_span_ends(rest, ")")) {
        while (id && rest.at[id - 1] != '(') id--;
        if (id && mk_span_starts(from(rest, id), "BuildId:")) rest.n = id - 1;
        rest = mk_span_trim(rest);
    }
    frame->module = module_of(take_module(&rest));
    struct mk_span function = take_function(&rest);
    if (function.n && !mk_span_starts(function, "<null>")) frame->function = string_of(function);
    read_place(rest, root, frame);
    return true;
}
