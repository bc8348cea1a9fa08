/* verdict.h - what the samples of a cell allow to be said: one pure function a rule. Each rule adds
 * its reasons to a list; the worst reason is the cell's verdict. */
#ifndef MK_VERDICT_H
#define MK_VERDICT_H

#include "figure.h"
#include "sample.h"

/* Why a cell is not simply a pass. */
struct mk_reason {
    uint32_t verdict; /* enum mk_verdict: what this reason alone would make of the cell */
    char *rule;       /* build, processes, script, failed_ops, contended, floor, not_run, checks, a check's name */
    char *text;       /* one sentence for people */
};
extern const struct mk_record mk_reason_record;

struct mk_reasons {
    struct mk_reason *reason;
    size_t reason_n;
};

/* Thresholds. A script is met when counts are within 5 % of what it implies (or within what chance
 * allows, for small counts); threads ran side by side when they had their PU for 95 % of the time; a
 * figure is below the floor by more than noise. */
#define MK_SCRIPT_BAND_FRAC 0.05
#define MK_RAN_MIN_FRAC 0.95
#define MK_FLOOR_MARGIN_FRAC 0.1

/* Returns the verdict of a list of reasons: fail beats skipped beats untrustworthy beats unchecked; an
 * empty list is a pass. */
uint32_t mk_verdict_of(const struct mk_reasons *reasons);

/* Returns a and b ordered by that rule: > 0 where a is worse. */
int mk_verdict_compare(uint32_t a, uint32_t b);

/* Appends one reason; text is copied. The list is freed by mk_verdict_reasons_free. */
void mk_verdict_add(struct mk_reasons *reasons, uint32_t verdict, const char *rule, const char *text);
void mk_verdict_reasons_free(struct mk_reasons *reasons);

/* Findings: every failed check once (by name, with how often and the first detail), every name of
 * what was not checked. No finding at all is unchecked too; a floor has nothing that could be checked. */
void mk_verdict_checks(struct mk_reasons *reasons, const struct mk_check_sample *checks, size_t n,
                       bool floor);

/* A build whose timings mean nothing: why, or NULL. */
void mk_verdict_build(struct mk_reasons *reasons, const char *why);

/* Fewer processes delivered rounds of every phase than were asked for. */
void mk_verdict_processes(struct mk_reasons *reasons, const struct mk_round_sample *rounds, size_t n,
                          uint32_t phases, uint64_t asked);

/* Hits by operation and final size against what the script implies, summed over the rounds that
 * worked it out. names: operations by code, NULL-terminated, may be shorter than the codes. */
void mk_verdict_script(struct mk_reasons *reasons, const struct mk_round_sample *rounds, size_t n,
                       const char *const *names);

/* Operations that were refused or had no memory: their time is not the operation's. */
void mk_verdict_failed_ops(struct mk_reasons *reasons, const struct mk_round_sample *rounds, size_t n);

/* Threads that lost their PU to others. Says nothing of single-threaded rounds, nor of time a thread
 * gave away by itself (a lock, a pause the workload asks for). */
void mk_verdict_contended(struct mk_reasons *reasons, const struct mk_round_sample *rounds, size_t n);

/* Returns the part of a round's wall time that its threads were not kept from running, 0..1: what is
 * lost is off-CPU time of slices with an involuntary switch. Without slices the totals of a thread
 * count in the same way. */
double mk_verdict_ran_frac(const struct mk_round_sample *round);

/* A CPU time per operation that lies wholly below the floor's: nothing was done. */
void mk_verdict_floor(struct mk_reasons *reasons, const struct mk_figure *cpu_ns, const struct mk_figure *floor);

#endif
