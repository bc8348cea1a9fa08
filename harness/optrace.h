/* optrace.h - traces of operations (memkit.optrace/1): read, checked, written, and made of CSV files.
 *
 * impl/record.h writes them inside the program that is recorded; docs/reference-optrace.md has the bytes. Whatever
 * a file says of itself is checked before it is believed: nothing is allocated by a number that it holds.
 */
#ifndef MK_OPTRACE_H
#define MK_OPTRACE_H

#include <stdio.h>

#include "../impl/record.h"
#include "impl_api.h"
#include "text.h"

/* By code (impl/record.h): what workload files and CSV files call the operation. */
struct mk_optrace_op {
    const char *name;
    bool keyed; /* about one key, or value */
};
extern const struct mk_optrace_op mk_optrace_ops[MK_RECORD_OPS];
#define MK_OPTRACE_FIRST_OP MK_RECORD_GET /* those below are starts and ends of threads */

/* Returns the code of an operation's name, or MK_RECORD_OPS. */
unsigned mk_optrace_code(const char *name);

struct mk_optrace_record {
    uint32_t thread, code;
    uint64_t key, size, time_ns; /* time: since the recording began */
};

/* What a file says of itself, and what was counted in it. */
struct mk_optrace_info {
    char *program, *date, *clock, *machine; /* owned; NULL where the file does not say */
    uint64_t bytes, blocks, operations, dropped;
    uint64_t first_ns, last_ns; /* times of the first and the last record */
    uint64_t checksum;          /* of the whole file: another one is another trace */
    uint32_t threads;           /* numbers are below this */
    uint64_t of_op[MK_RECORD_OPS];
    bool whole;    /* false: asked for what is whole of a damaged file */
    char cut[256]; /* and why it ends there */
};

/* Called for each operation, blocks in the order of the file, records in the order of their block. */
typedef void mk_optrace_visit_fn(void *arg, const struct mk_optrace_record *record);

/* Reads a trace and checks all of it; visit may be NULL. Returns 0, or -1 with err saying at which byte what is
 * wrong, and what to do, to be put behind the file's name; visit may have been called by then. `partial` takes what
 * is whole before the first fault, and tells the fault in info->cut. *info is to be freed either way. */
int mk_optrace_read(const char *path, bool partial, mk_optrace_visit_fn *visit, void *arg,
                    struct mk_optrace_info *info, struct mk_err *err);
/* As above, of a stream that is open. */
int mk_optrace_read_stream(FILE *in, bool partial, mk_optrace_visit_fn *visit, void *arg,
                           struct mk_optrace_info *info, struct mk_err *err);
void mk_optrace_info_free(struct mk_optrace_info *info);

/* Returns whether the file begins as traces do. */
bool mk_optrace_is(const char *path);

/* ---- keys ---------------------------------------------------------------------------------- */

/* Every key of a trace, in the order in which the file has them. */
struct mk_optrace_key {
    uint64_t key, count, first_ns; /* when it was first met, by the clock */
    uint32_t first_code;           /* and by what */
};

struct mk_optrace_keys {
    struct mk_optrace_key *at;
    size_t n;
    uint32_t *slot; /* hash table: index + 1, 0 = empty */
    size_t slots;
};

/* Adds one record to its key. Returns the key's index. */
uint32_t mk_optrace_keys_add(struct mk_optrace_keys *keys, const struct mk_optrace_record *record);
void mk_optrace_keys_free(struct mk_optrace_keys *keys);

/* ---- writing ------------------------------------------------------------------------------- */

/* A trace as it is put together: records in any order of threads, but each thread's in the order of time. */
struct mk_optrace_writer {
    struct mk_text out;
    struct mk_optrace_block *block; /* by thread */
    uint32_t threads;
    uint64_t operations, blocks;
};

void mk_optrace_begin(struct mk_optrace_writer *writer, const char *program, const char *date, const char *clock,
                      const char *machine);
/* Thread numbers are below MK_RECORD_THREADS_MAX. Starts of threads are added, and ends by mk_optrace_end. */
void mk_optrace_add(struct mk_optrace_writer *writer, const struct mk_optrace_record *record);
/* Ends it: writer->out is the file. */
void mk_optrace_end(struct mk_optrace_writer *writer, uint64_t dropped);
void mk_optrace_writer_free(struct mk_optrace_writer *writer);

/* ---- CSV ----------------------------------------------------------------------------------- */

struct mk_optrace_import {
    uint64_t rows, hashed; /* keys that are no numbers */
    uint32_t threads;
    bool timed;
};

/* Makes a trace of a CSV file: columns op and key by name, and size, thread and time_ns where there are such.
 * Returns 0 with *writer ended, or -1 after err says line, column, and what to do; *writer is to be freed either
 * way. `path` is what errors name, `text` its n bytes, `date` goes into the provenance. */
int mk_optrace_import(const char *path, const char *text, size_t n, const char *date,
                      struct mk_optrace_writer *writer, struct mk_optrace_import *said, struct mk_err *err);

/* Appends a trace as CSV: op,key,size,thread,time_ns. */
int mk_optrace_export(const char *path, bool partial, struct mk_text *out, struct mk_optrace_info *info,
                      struct mk_err *err);

#endif
