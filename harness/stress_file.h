/* stress_file.h - what one run of `stress` came to (memkit.stress/1): what was tried, on what, and every
 * finding. The reports (report.h) are made from it alone. */
#ifndef MK_STRESS_FILE_H
#define MK_STRESS_FILE_H

#include "finding.h"
#include "impl_api.h"
#include "result.h" /* struct mk_result_context, struct mk_warning */

#define MK_STRESS_SCHEMA "memkit.stress/1"

struct mk_stress_cell {
    uint32_t index; /* findings and trials name it so */
    char *identity, *label; /* label: of the point; "" without a sweep */
    uint32_t threads;
    uint64_t value_bytes;
    char *skipped; /* why nothing was tried on it; NULL = something was */
};

/* A pattern of a suppressions file, and what it hid. */
struct mk_suppression {
    char *pattern; /* "race:function" */
    uint64_t count;
};

struct mk_stress_file {
    char *schema;
    bool complete;  /* false: ended by a signal; what is there is valid */
    char *workload; /* the file, word for word */
    char *path;     /* of the workload, as it was given */
    struct mk_result_context context; /* of the conductor; .flavour is the workers' */
    double seconds; /* how long it was to go on */
    double spent_s; /* how long it went on */
    struct mk_warning *warnings;
    size_t warnings_n;
    struct mk_stress_cell *cells;
    size_t cells_n;
    struct mk_trial_sample *trials; /* one an oracle, cell and pressure */
    size_t trials_n;
    struct mk_finding_sample *findings; /* the first found first */
    size_t findings_n;
    struct mk_suppression *suppressions;
    size_t suppressions_n;
};

extern const struct mk_record mk_stress_record;

/* Returns the cell of that index, or NULL: there is none, as of UINT32_MAX. */
const struct mk_stress_cell *mk_stress_cell_of(const struct mk_stress_file *file, uint32_t index);

/* Adds a trial to those of its oracle, cell and pressure; takes over what *trial owns (zeroed then). One of a cell
 * that is not in the file is dropped. */
void mk_stress_add_trial(struct mk_stress_file *file, struct mk_trial_sample *trial);

/* Adds a finding, or counts it with the one that it repeats: of the same rule, cell and oracle, and with the same
 * stacks (in any order) where it has any, else with the same sentence but for its numbers. Takes over what *finding
 * owns (zeroed then). One of a cell that is not in the file becomes one of none. Returns whether it is a new one,
 * which is then the last of the list. */
bool mk_stress_add_finding(struct mk_stress_file *file, struct mk_finding_sample *finding);

/* Returns whether trials of that entry showed the finding: its cell, oracle, and one of its pressures. */
bool mk_stress_shown_by(const struct mk_finding_sample *finding, const struct mk_trial_sample *trial);

/* Returns the index of the first finding that is the same as findings[i] but for cell and oracle; without stacks it
 * must be of the same implementation, too. Often i itself. */
size_t mk_stress_first_like(const struct mk_stress_file *file, size_t i);

/* Returns what may be said of one trial entry: MK_VERDICT_FAIL with a finding of it or a forbidden outcome,
 * MK_VERDICT_SKIPPED where it says why it was not tried, MK_VERDICT_UNCHECKED where it never ran or more than 1% of
 * its windows are unknown, else MK_VERDICT_PASS. */
enum mk_verdict mk_stress_verdict(const struct mk_stress_file *file, const struct mk_trial_sample *trial);

/* Returns what may be said of it all: MK_VERDICT_FAIL with any finding or forbidden outcome, MK_VERDICT_SKIPPED
 * where nothing was to be tried, MK_VERDICT_UNCHECKED where an entry is, else MK_VERDICT_PASS. */
enum mk_verdict mk_stress_overall(const struct mk_stress_file *file);

/* Writes it whole; "-" is standard output. Returns 0, or -1 with err set. */
int mk_stress_write(const struct mk_stress_file *file, const char *path, struct mk_err *err);

/* Fills *file from a parsed document and checks what the tables cannot say. Returns 0, or -1 with the document's
 * complaints; to be freed by mk_stress_free either way. */
struct mk_json;
int mk_stress_from_json(struct mk_json *doc, struct mk_stress_file *file);

void mk_stress_free(struct mk_stress_file *file);

#endif
