/* json_error.c - what is said about a document: complaints with their places, words that may have been
 * meant, and what is shown of the text. */
#include <ctype.h>
#include <stdlib.h>

#include "compose.h"
#include "json_parts.h"

/* ---- text --------------------------------------------------------------------------------- */

size_t mk_json_character(const char *at, const char *end) {
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

const char *mk_json_shown(char out[MK_JSON_SHOWN_MAX + 8], const char *text, size_t length) {
    size_t n = 0;
    for (const char *at = text, *end = text + length; at < end;) {
        size_t size = mk_json_character(at, end);
        if (n + (size ? size : 1) > MK_JSON_SHOWN_MAX) {
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

bool mk_json_keeps(const struct mk_json *doc) {
    return doc->complaints_n < MK_JSON_ERRORS_MAX;
}

static void complain(struct mk_json *doc, uint32_t at, const char *format, va_list args) {
    if (!mk_json_keeps(doc)) {
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
    struct mk_json_complaint *complaint = mk_grow(&doc->complaints, &doc->complaints_n, sizeof *complaint);
    complaint->at = at;
    complaint->order = (uint32_t)doc->complaints_n;
    complaint->text = mk_text_take(&text);
}

void mk_json_error_at(struct mk_json *doc, size_t at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    complain(doc, (uint32_t)at, format, args);
    va_end(args);
}

void mk_json_error(struct mk_json *doc, uint32_t node, const char *format, ...) {
    va_list args;
    va_start(args, format);
    complain(doc, node < doc->nodes_n ? doc->nodes[node].at : MK_JSON_NOWHERE, format, args);
    va_end(args);
}

void mk_json_error_at_key(struct mk_json *doc, uint32_t node, const char *format, ...) {
    va_list args;
    va_start(args, format);
    complain(doc, node < doc->nodes_n ? doc->nodes[node].key_at : MK_JSON_NOWHERE, format, args);
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
    const struct mk_json_complaint *a = left, *b = right;
    uint32_t at_a = a->at + 1, at_b = b->at + 1;
    if (at_a != at_b) return at_a < at_b ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void sort_complaints(struct mk_json *doc) {
    if (doc->complaints_n < 2) return;
    qsort(doc->complaints, doc->complaints_n, sizeof *doc->complaints, compare_complaints);
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
        const struct mk_json_complaint *complaint = &doc->complaints[i], *before = complaint - 1;
        if (i && before->at == complaint->at && strcmp(before->text, complaint->text) == 0) continue;
        if (complaint->at == MK_JSON_NOWHERE) {
            mk_text_printf(out, "%s: error: %s\n", doc->path, complaint->text);
            continue;
        }
        for (const char *stop = doc->text + complaint->at; at < stop;) {
            size_t size = mk_json_character(at, doc->text + doc->length);
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
    if (mk_json_keeps(doc) && strlen(word) <= MK_JSON_WORD_MAX) near = mk_nearest(word, words);
    if (!near) return "";
    snprintf(doc->suggestion, sizeof doc->suggestion, ", did you mean \"%s\"?", near);
    return doc->suggestion;
}
