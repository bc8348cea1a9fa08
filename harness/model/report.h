/* report.h - a failure as people read it. */
#ifndef MK_MODEL_REPORT_H
#define MK_MODEL_REPORT_H

#include "explore.h"
#include "../finding.h"
#include "../text.h"

/* One frame of code, innermost inlined function first. Owned by symbols.c, valid until the program ends. */
struct mk_symbol {
    const char *function; /* NULL unknown */
    const char *file;     /* relative to the tree where it lies there; NULL unknown */
    uint32_t line;        /* 0 unknown */
    const struct mk_symbol *caller; /* that it was inlined into; NULL: none */
};

/* Looks up many return addresses at once, which is much faster than one by one (DWARF is read by a tool: addr2line).
 * Results come back in `out`, one each, never NULL. */
void mk_symbols(const uintptr_t *pc, size_t n, const struct mk_symbol **out);

/* Returns why places of the code have no lines here, as half a sentence, or NULL where they have. */
const char *mk_symbols_missing(void);

/* Returns the name of a global variable that the address lies in, with its offset behind a +; "" where none. Valid
 * until the next call. */
const char *mk_symbol_data(uintptr_t address);

/* Returns the text of a line of a source file without the space around it, "" where it cannot be read. Valid until the
 * next call. */
const char *mk_source_line(const char *file, uint32_t line);

/* Replays the failure of *explored (its decisions are the fewest) and fills the parts of *finding that follow from it:
 * rule ("model/data-race", "model/use-after-free" ...), what, detail, object, stacks (both sides). `detail` shows the
 * columns, one a logical thread, of what happened: source lines, values read and written, which reads were stale and
 * what they missed, where the schedule was made to change hands; the decisions; which memory models are affected; the
 * token and, where `command` is not NULL, the command that repeats it. Returns whether the replay failed the same way;
 * if not, the finding says so. */
bool mk_report(const struct mk_program *program, const struct mk_explored *explored, const char *token,
               const char *command, struct mk_finding_sample *finding);

/* Appends the columns of one schedule, which need not fail, at most 114 wide. */
void mk_report_columns(const struct mk_program *program, const struct mk_setting *setting,
                       const struct mk_decisions *decisions, struct mk_text *out);

#endif
