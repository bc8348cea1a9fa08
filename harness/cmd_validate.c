/* cmd_validate.c - `memkit-bench validate`: checks workload, result and stress files without running anything;
 * prints their schema and their page of reference. */
#include "allocprofile.h"
#include "alloctrace.h"
#include "commands.h"
#include "json.h"
#include "optrace.h"
#include "registry.h"
#include "replay.h"
#include "result.h"
#include "schema.h"
#include "stress_file.h"
#include "workload.h"

#include <stdlib.h>

#define RESULT_BYTES_MAX ((size_t)1 << 30)

static const char help[] =
    "usage: memkit-bench validate FILE...\n"
    "       memkit-bench validate --schema workload|result|stress|profile\n"
    "       memkit-bench validate --reference workload|result|stress|profile\n"
    "\n"
    "Checks workload, result and stress files, profiles of allocations, and traces; which of them a file is, its\n"
    "\"schema\" says, or how it begins.\n"
    "Prints FILE: ok, or the first syntax error, or all other errors, as file:line:col: error: ... (of a\n"
    "trace the first one, with the byte it is at). FILE - is standard input.\n"
    "\n"
    "  --schema NAME      print the JSON Schema of a format\n"
    "  --reference NAME   print the page of reference of a format (Markdown)\n"
    "  --help             this text\n"
    "\n"
    "Exit status: 0 all files are fine, 2 some are not.\n";

/* The trace, or profile, that a workload names must be one. */
static void check_trace(struct mk_json *doc, const struct mk_workload *workload) {
    struct mk_err err;
    char *path = mk_replay_path(workload);
    if (mk_replay_check(workload, path, mk_registry_kind(workload->kind), &err)) {
        if (workload->profile) mk_json_error(doc, mk_json_get(doc, MK_JSON_ROOT, "profile"), "%s", err.text);
        else mk_json_error(doc, mk_json_get(doc, MK_JSON_ROOT, "trace"), "%s: %s", path, err.text);
    }
    free(path);
}

/* Checks a parsed document; complaints stay in it. */
static void check_workload(struct mk_json *doc) {
    struct mk_workload workload;
    if (strlen(mk_json_source(doc)) > MK_WORKLOAD_BYTES_MAX) {
        mk_json_error(doc, MK_JSON_NONE, "has more than %u MiB, the limit of workloads", MK_WORKLOAD_BYTES_MAX >> 20);
        return;
    }
    if (!mk_workload_from_json(doc, &workload) && mk_workload_replayed(&workload)) check_trace(doc, &workload);
    mk_record_free(&mk_workload_record, &workload);
}

static void check_result(struct mk_json *doc) {
    struct mk_result_file result;
    mk_result_from_json(doc, &result);
    mk_result_free(&result);
}

static void check_stress(struct mk_json *doc) {
    struct mk_stress_file stress;
    mk_stress_from_json(doc, &stress);
    mk_stress_free(&stress);
}

static void check_profile(struct mk_json *doc) {
    struct mk_allocprofile profile;
    mk_allocprofile_from_json(doc, &profile);
    mk_allocprofile_free(&profile);
}

static const struct format {
    const char *name; /* on the command line */
    const char *id;   /* in the file */
    const struct mk_record *record;
    void (*check)(struct mk_json *doc);
} formats[] = {
    {"workload", "memkit.workload/1", &mk_workload_record, check_workload},
    {"result", MK_RESULT_SCHEMA, &mk_result_record, check_result},
    {"stress", MK_STRESS_SCHEMA, &mk_stress_record, check_stress},
    {"profile", MK_PROFILE_SCHEMA, &mk_allocprofile_record, check_profile},
};
#define FORMATS (sizeof formats / sizeof *formats)

/* Returns the formats' ids, as "one", "two" or "three"; the caller frees it. */
static char *ids_in_words(void) {
    struct mk_text words = {0};
    for (size_t i = 0; i < FORMATS; i++)
        mk_text_printf(&words, "%s\"%s\"", !i ? "" : i + 1 < FORMATS ? ", " : " or ", formats[i].id);
    return mk_text_take(&words);
}

static void check_document(struct mk_json *doc) {
    const char *ids[FORMATS + 1] = {0};
    uint32_t schema = mk_json_get(doc, MK_JSON_ROOT, "schema");
    const char *id = mk_json_text(doc, schema);
    if (mk_json_type(doc, MK_JSON_ROOT) != MK_JSON_OBJECT) {
        mk_json_error(doc, MK_JSON_ROOT, "the document must be an object");
        return;
    }
    for (size_t i = 0; i < FORMATS; i++) {
        ids[i] = formats[i].id;
        if (id && strcmp(id, formats[i].id) == 0) {
            formats[i].check(doc);
            return;
        }
    }
    char *words = ids_in_words();
    if (schema == MK_JSON_NONE)
        mk_json_error(doc, MK_JSON_ROOT, "missing key \"schema\", which says what the file is: %s", words);
    else mk_json_error(doc, schema, "\"schema\" must be %s%s", words, id ? mk_json_suggest(doc, id, ids) : "");
    free(words);
}

static int validate_trace(const char *path) {
    struct mk_optrace_info info;
    struct mk_err err;
    int failed = mk_optrace_read(path, false, NULL, NULL, &info, &err);
    if (failed) fprintf(stderr, "%s: error: %s\n", path, err.text);
    else printf("%s: ok\n", path);
    mk_optrace_info_free(&info);
    return failed;
}

/* Returns 0 after "FILE: ok", or -1 after its errors. */
static int validate(const char *path) {
    struct mk_json *doc;
    struct mk_text report = {0};
    if (mk_alloctrace_is(path)) return mk_trace_verify_allocations(path, NULL);
    if (mk_optrace_is(path)) return validate_trace(path);
    if (!mk_json_read_file(path, RESULT_BYTES_MAX, &doc)) check_document(doc);
    int failed = mk_json_errors(doc) ? -1 : 0;
    mk_json_report(doc, &report);
    if (failed) fputs(report.at, stderr);
    else printf("%s: ok\n", mk_json_path(doc));
    mk_text_free(&report);
    mk_json_free(doc);
    return failed;
}

/* Prints what the option asks for about the format called `name`. */
static int print_format(const char *option, const char *name) {
    struct mk_text text = {0};
    struct mk_err err;
    const struct format *format = NULL;
    for (size_t i = 0; i < FORMATS && name; i++) {
        if (strcmp(formats[i].name, name) == 0) format = &formats[i];
    }
    if (!format) {
        fprintf(stderr, "memkit-bench validate: %s wants one of workload, result, stress, profile\n", option);
        return MK_EXIT_USAGE;
    }
    if (strcmp(option, "--schema") == 0) mk_schema_write(&text, format->record, format->id);
    else mk_schema_write_reference(&text, format->record, format->id);
    int failed = mk_text_save(&text, "-", &err);
    if (failed) fprintf(stderr, "memkit-bench validate: %s\n", err.text);
    mk_text_free(&text);
    return failed ? MK_EXIT_USAGE : 0;
}

int mk_cmd_validate(int argc, char **argv) {
    int failed = 0;
    const char *option = argc > 1 ? argv[1] : "";
    if (strcmp(option, "--help") == 0) {
        fputs(help, stdout);
        return 0;
    }
    if (strcmp(option, "--schema") == 0 || strcmp(option, "--reference") == 0) {
        return print_format(option, argc == 3 ? argv[2] : NULL);
    }
    if (argc < 2 || (option[0] == '-' && option[1])) {
        if (argc > 1) fprintf(stderr, "memkit-bench validate: unknown option %s\n", option);
        fputs("usage: memkit-bench validate FILE... (see --help)\n", stderr);
        return MK_EXIT_USAGE;
    }
    for (int i = 1; i < argc; i++) failed |= validate(argv[i]);
    return failed ? MK_EXIT_USAGE : 0;
}
