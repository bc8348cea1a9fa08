/* trace_bytes.c - see trace_bytes.h. */
#include "trace_bytes.h"

#include <string.h>

#include "record.h"

int64_t mk_trace_text_bytes(const unsigned char *head) {
    uint32_t n = mk_record_get32(head + 16);
    return n > MK_RECORD_TEXT_MAX || mk_record_get32(head + 20) ? -1 : (int64_t)n;
}

/* Takes the lines apart. Returns whether each is one. */
static bool take_lines(const char *text, size_t n, const struct mk_trace_line *known, size_t known_n) {
    char copy[MK_RECORD_TEXT_MAX + 1], *rest = copy;
    if (n && text[n - 1] != '\n') return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    for (char *line; (line = strsep(&rest, "\n")) && rest;) {
        char *value = strstr(line, ": ");
        if (!value) return false;
        *value = '\0';
        for (size_t i = 0; i < known_n; i++) {
            if (strcmp(known[i].name, line) == 0 && !*known[i].to) *known[i].to = mk_need_text(value + 2);
        }
    }
    return true;
}

const char *mk_trace_take_head(const unsigned char *head, const struct mk_trace_line *known, size_t known_n,
                               uint64_t *where) {
    const unsigned char *text = head + MK_RECORD_HEAD_BYTES;
    int64_t n = mk_trace_text_bytes(head);
    *where = 16;
    if (n < 0) return "a length that cannot be";
    *where = 24;
    if (mk_record_checksum(mk_record_checksum(0, head, 24), text, (size_t)n) != mk_record_get64(head + 24))
        return "the checksum of the head is wrong";
    for (int64_t i = 0; i < n; i++) {
        *where = MK_RECORD_HEAD_BYTES + (uint64_t)i;
        if ((text[i] < 0x20 && text[i] != '\n') || text[i] > 0x7e)
            return "a character in the head that does not belong there";
    }
    *where = MK_RECORD_HEAD_BYTES;
    return take_lines((const char *)text, (size_t)n, known, known_n) ? NULL
                                                                     : "a line of the head is not \"name: text\"";
}
