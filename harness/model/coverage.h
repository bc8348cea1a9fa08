/* coverage.h - which of the numbered accesses and linearization points of a unit's files were carried out.
 *
 * Seen are atomic operations, fences and locks. A linearization point that is none of these (LIN before a plain
 * statement) can be told only where such an operation was inlined into it; else it is listed as what cannot be
 * told.
 */
#ifndef MK_MODEL_COVERAGE_H
#define MK_MODEL_COVERAGE_H

#include "../check/conform.h"
#include "../text.h"
#include "notes.h"

enum mk_cover {
    MK_COVER_REACHED,
    MK_COVER_MISSED,   /* never carried out, and no reason given */
    MK_COVER_EXCUSED,  /* never carried out; the source says why (notes.h) */
    MK_COVER_UNKNOWN,  /* cannot be told */
    MK_COVER_ELSEWHERE /* the source says that it is in no line of this file */
};

struct mk_covered {
    enum mk_cover cover;
    char *file;
    uint32_t line, number; /* number 0: a LIN */
    char *what;            /* "release-CAS", "LIN put hit" */
    char *text;            /* of the comment; where it is excused, the reason */
    uint64_t hits;
};

struct mk_coverage {
    struct mk_covered *at; /* by file and line */
    size_t n;
    size_t reached, missed, excused, unknown, elsewhere;
};

/* Begins to count anew: all that was carried out so far is forgotten. */
void mk_coverage_reset(void);

/* Returns what was carried out since then of the files of a unit: its own, and those of the parts compiled into it.
 * Files that cannot be read are left out. Freed by mk_coverage_free. */
struct mk_coverage mk_coverage_of(const struct mk_conform_unit *unit);
/* The same of files. */
struct mk_coverage mk_coverage_of_files(const struct mk_notes *notes, size_t n);
void mk_coverage_free(struct mk_coverage *coverage);

/* Returns whether at most 5% of what can be told was not reached. */
bool mk_coverage_suffices(const struct mk_coverage *coverage);

/* Returns one line: "reached 57 of 59 accesses and linearization points; not (12), LIN put hit ...". The
 * caller's. */
char *mk_coverage_note(const struct mk_coverage *coverage);

/* Appends a table of all that was not reached, with reasons, and of what cannot be told; nothing where there is
 * none. */
void mk_coverage_print(const struct mk_coverage *coverage, bool colour, struct mk_text *out);

/* Returns the files of a unit, the caller's with every entry: its own, then its parts'. *n of them. */
char **mk_coverage_files(const struct mk_impl *impl, size_t *n);

#endif
