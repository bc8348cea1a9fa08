/* report_parts.h - what the reports of a stress file have in common. Only for report*.c. */
#ifndef MK_REPORT_PARTS_H
#define MK_REPORT_PARTS_H

#include "grid.h"
#include "report.h"

/* Entries of trials by verdict, and what they add up to. */
struct mk_report_tally {
    size_t by[MK_VERDICT_UNCHECKED + 1]; /* enum mk_verdict */
    size_t entries;
    uint64_t trials, ops, windows, unknown;
};

/* Of one cell, or of all: NULL. */
void mk_report_tally(const struct mk_stress_file *file, const struct mk_stress_cell *cell,
                     struct mk_report_tally *tally);

/* Returns whether an entry of trials showed the finding, so that it is told with that one. */
bool mk_report_is_shown(const struct mk_stress_file *file, const struct mk_finding_sample *finding);

/* Returns the finding's detail, or NULL: it has none, or only the text of a sanitizer that the
 * stacks were taken from. */
const char *mk_report_detail(const struct mk_finding_sample *finding);

/* Returns "" or "s". */
const char *mk_report_plural(uint64_t n);

/* Returns text, or "unknown" for NULL and "". */
const char *mk_report_known(const char *text);

/* All text is the caller's. */
char *mk_report_verdict(const struct mk_stress_file *file); /* "FAIL: 3 findings in 2 of 5 implementations; ..." */
char *mk_report_about(const struct mk_stress_file *file);   /* what was run: workload, build, seed, machine */
char *mk_report_cell(const struct mk_stress_cell *cell);    /* "map/a, 4 threads, keys.count=16"; NULL: of none */
char *mk_report_trial(const char *oracle, const char *pressure); /* "history under storms" */
char *mk_report_circumstances(const struct mk_finding_sample *finding); /* what was tried, build, seed, how often */
char *mk_report_frame(const struct mk_stack_frame *frame);  /* "put  impl/map/x.c:12" */
char *mk_report_unchecked(const struct mk_trial_sample *trial); /* why */
void mk_report_percent(char out[8], uint64_t part, uint64_t whole);

/* Appends what was tried: a row a cell. And how scenarios ended, where there were any. */
void mk_report_table(const struct mk_stress_file *file, enum mk_grid_form form, struct mk_text *out);
void mk_report_outcomes(const struct mk_stress_file *file, enum mk_grid_form form, struct mk_text *out);

/* A line about what was not tried, not judged or hidden, what many have in common said once. */
struct mk_report_note {
    enum mk_tone tone;
    char *text;
};
struct mk_report_notes {
    struct mk_report_note *at;
    size_t n;
};
void mk_report_notes(const struct mk_stress_file *file, struct mk_report_notes *notes);
void mk_report_notes_free(struct mk_report_notes *notes);

/* Appends text with & < > " and ' as XML (and HTML) want them. */
void mk_report_xml(struct mk_text *out, const char *text);

/* Appends text (NULL: nothing) without what is no text: bytes that are not UTF-8 become U+FFFD, control characters
 * but line ends and tabs go, and so does what XML does not allow. Escape sequences that set colours stay if asked
 * to. */
void mk_report_clean(struct mk_text *out, const char *text, bool colours);

#endif
