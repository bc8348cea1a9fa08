/* schema.h - what a record's table says about its file format: for programs and for people. */
#ifndef MK_SCHEMA_H
#define MK_SCHEMA_H

#include "record.h"
#include "text.h"

/* Appends a JSON Schema (draft 2020-12) of the record; `id` is its name, as in "memkit.workload/1". */
void mk_schema_write(struct mk_text *out, const struct mk_record *record, const char *id);

/* Appends a page of reference in Markdown: a section for the record and one for each it contains. */
void mk_schema_write_reference(struct mk_text *out, const struct mk_record *record, const char *id);

#endif
