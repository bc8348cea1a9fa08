/* report.h - a stress file as text: for a terminal, and for what reads findings in CI. */
#ifndef MK_REPORT_H
#define MK_REPORT_H

#include "stress_file.h"
#include "text.h"

/* Each appends to *out. */
void mk_report_terminal(const struct mk_stress_file *file, bool colour, struct mk_text *out);
void mk_report_markdown(const struct mk_stress_file *file, struct mk_text *out);
/* JUnit XML: a test suite a cell, a test case an oracle and pressure. */
void mk_report_junit(const struct mk_stress_file *file, struct mk_text *out);
/* SARIF 2.1.0: a result a finding, its stacks with it. */
void mk_report_sarif(const struct mk_stress_file *file, struct mk_text *out);

#endif
