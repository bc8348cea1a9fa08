/* notes.h - what a source file says of its own atomic accesses: the numbered comments, and the linearization
 * points.
 *
 *   (3) release-CAS synchronizes-with the acquire-load (5): publishes node->value
 *   LIN put hit, update hit: this CAS
 *
 * The grammar is the one that scripts/lint_orders.py enforces; what it would refuse is left out here. Two further
 * keys of the block at the top of a file, each of which may stand there several times, give reasons:
 *
 *    * Unreached:  (12) only once 2^32 nodes have been there
 *    * Unreached:  (3, 5) unless lock=spin or lock=seqlock          parameters: of others they are no part
 *    * Kept:       (4, 6) no test shows that they are needed; the proof in C does
 */
#ifndef MK_MODEL_NOTES_H
#define MK_MODEL_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../impl_api.h"

/* One atomic access of the code: from the line with its name to the one where its parenthesis closes. */
struct mk_note_span {
    uint32_t first, last;
    char *access; /* "load", "compare_exchange_weak", "fence" ... */
};

struct mk_note {
    uint32_t number;
    uint32_t line;  /* of the comment */
    char *order;    /* as stated, with underscores: "release", "seq_cst", "light_fence" */
    char *access;   /* as stated: "CAS", "load"; "" where it is not said */
    char *text;     /* what follows, on one line: "synchronizes-with the ..." */
    struct mk_note_span *spans;
    size_t spans_n; /* 0: about no access, which lint refuses */
};

struct mk_note_lin {
    char *what;  /* "put hit, update hit" */
    char *text;  /* what follows the colon, on one line */
    uint32_t line;
    uint32_t first, last; /* the statement, or the function, that the comment stands before */
    uint32_t note;   /* number of the access it is; 0: it names none */
    bool elsewhere;  /* in no line of this file, it says */
    bool locks;      /* something in first .. last is called ..lock */
};

/* "Unreached: (12) why", "Kept: LIN put hit: why". */
struct mk_note_reason {
    bool kept;       /* else unreached */
    uint32_t number; /* 0: it is about a LIN */
    char *what;      /* of the LIN; NULL */
    char *text;
};

struct mk_notes {
    char *file;
    struct mk_note *notes;
    size_t notes_n;
    struct mk_note_lin *lins;
    size_t lins_n;
    struct mk_note_reason *reasons;
    size_t reasons_n;
};

/* Reads a file; a relative path is sought in the working folder, then in MK_SOURCE_DIR and where the program's own
 * folder build/<flavour> lies. Returns 0, or -1 with err set. Freed by mk_notes_free. */
int mk_notes_read(const char *file, struct mk_notes *notes, struct mk_err *err);
/* The same of a text, as if `file` held it. */
void mk_notes_parse(const char *file, const char *text, size_t n, struct mk_notes *notes);
void mk_notes_free(struct mk_notes *notes);

/* Returns the note of that number, or NULL. */
const struct mk_note *mk_notes_find(const struct mk_notes *notes, uint32_t number);

/* Returns the note with an access on that line which can be what a site of that kind and order is, or NULL. `act`:
 * enum mk_act_kind; `order`: a memory_order, or -1: of any order. */
const struct mk_note *mk_notes_at(const struct mk_notes *notes, uint32_t line, unsigned act, int order);

/* Returns the reason given for a note, or for a LIN where number is 0; or NULL. */
const char *mk_notes_reason(const struct mk_notes *notes, bool kept, uint32_t number, const char *lin);

#endif
