/* trace_bytes.h - what readers of traces share, whichever format: numbers of as many bytes as they need, and the
 * text that says where a trace comes from. impl/record.h has the other direction. */
#ifndef MK_TRACE_BYTES_H
#define MK_TRACE_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "../impl/record.h"

/* Reads a number (seven bits a byte, lowest first). Returns what comes behind it, or NULL: the bytes end in it,
 * or it has more than 64 bits, or more bytes than it needs. */
static inline const unsigned char *mk_trace_take_number(const unsigned char *at, const unsigned char *end,
                                                        uint64_t *out) {
    *out = 0;
    for (unsigned shift = 0; at < end && shift < 70; shift += 7) {
        unsigned char byte = *at++;
        if (shift == 63 && byte > 1) return NULL;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return byte || !shift ? at : NULL;
    }
    return NULL;
}

/* A line "name: text" that a head may have. */
struct mk_trace_line {
    const char *name;
    char **to; /* an owned copy of the text; the first line of that name counts */
};

/* Checks the head of a trace, but for the magic bytes: at least MK_RECORD_HEAD_BYTES, with as many bytes of text
 * behind them as they say. Takes the lines apart. Returns NULL, or what is wrong, with the byte in *where. */
const char *mk_trace_take_head(const unsigned char *head, const struct mk_trace_line *known, size_t known_n,
                               uint64_t *where);
/* Returns the length of the text, as the head has it, or -1: that cannot be. */
int64_t mk_trace_text_bytes(const unsigned char *head);

#endif
