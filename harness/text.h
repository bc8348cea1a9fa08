/* text.h - text that grows as it is written, and files that are read and written whole. */
#ifndef MK_TEXT_H
#define MK_TEXT_H

#include "impl_api.h"

/* All zero is an empty text. `at` ends in a NUL byte (not counted in n) once something was added. */
struct mk_text {
    char *at;
    size_t n, room;
};

/* Each appends. The program ends with a sentence when memory is out (mk_need). */
void mk_text_add(struct mk_text *text, const char *bytes, size_t n);
void mk_text_puts(struct mk_text *text, const char *string);
void mk_text_putc(struct mk_text *text, char c);
void mk_text_repeat(struct mk_text *text, char c, size_t n);
void mk_text_printf(struct mk_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Returns the text as a string that the caller frees (never NULL); *text is empty afterwards. */
char *mk_text_take(struct mk_text *text);
void mk_text_free(struct mk_text *text);

/* Writes the whole text to a file, "-" being standard output. A regular file is never seen half
 * written: a temporary file beside it is filled, synced and renamed. Returns 0, or -1 with err set;
 * what was there before is then still there. */
int mk_text_save(const struct mk_text *text, const char *path, struct mk_err *err);

/* Appends what is in a file, "-" being standard input. Returns 0, or -1 with err saying what is wrong
 * with it, to be put behind its name: it cannot be read, is a directory, has more than limit_bytes. */
int mk_text_load(struct mk_text *text, const char *path, size_t limit_bytes, struct mk_err *err);

#endif
