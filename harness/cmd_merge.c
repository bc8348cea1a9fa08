/* cmd_merge.c - `merge`: joins the shards of one plan into one result, and shows its table. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

#include "commands.h"
#include "table.h"

static const char help[] =
    "usage: memkit-bench merge RESULT.json... -o FILE [options]\n"
    "\n"
    "Joins results of `run --shard I/N` of one plan: the same workload, options and build. Says which shards\n"
    "are still missing. One result alone is copied, which shows its table again.\n"
    "\n"
    "  -o FILE        where to write it; - is standard output\n"
    "  --csv FILE, --markdown FILE\n"
    "                 the table in another form\n"
    "  --color WHEN   auto, always or never\n"
    "  --quiet        no table\n"
    "  --help         this text\n"
    "\n"
    "Exit status: 0 joined, 2 they do not belong together or are no results.\n";

struct merge {
    const char *out, *csv, *markdown, *colour;
    bool quiet;
};

static int fail(const struct mk_err *err, int status) {
    fprintf(stderr, "memkit-bench merge: %s\n", err->text);
    return status;
}

static bool has_shard(const struct mk_result_plan *plan, uint64_t shard) {
    for (size_t i = 0; i < plan->shards_here_n; i++) {
        if (plan->shards_here[i] == shard) return true;
    }
    return false;
}

static void tell_missing(const struct mk_result_file *result) {
    size_t cells = 0;
    for (size_t i = 0; i < result->cells_n; i++) cells += result->cells[i].elsewhere;
    if (!cells) return;
    fprintf(stderr, "memkit-bench merge: shard");
    for (uint32_t shard = 1; shard <= result->plan.shards; shard++) {
        if (!has_shard(&result->plan, shard)) fprintf(stderr, " %" PRIu32, shard);
    }
    fprintf(stderr, " of %" PRIu32 " missing, %zu cells\n", result->plan.shards, cells);
}

/* Reads all files into one result. Returns 0, or -1 after having said what is wrong. */
static int join_all(char *const *paths, int n, struct mk_result_file *result) {
    struct mk_result_file next;
    struct mk_err err;
    if (mk_result_read(paths[0], result)) return -1;
    for (int i = 1; i < n; i++) {
        if (mk_result_read(paths[i], &next)) return -1;
        if (mk_result_join(result, &next, &err)) {
            fprintf(stderr, "memkit-bench merge: %s and %s: %s\n", paths[0], paths[i], err.text);
            mk_result_free(&next);
            return -1;
        }
    }
    return 0;
}

static int save_table(const struct mk_summary *summary, enum mk_grid_form form, const char *result_path,
                      const char *path, struct mk_err *err) {
    struct mk_table_options options = {form, result_path, "scripts/plot.py"};
    struct mk_text text = {0};
    if (!path) return 0;
    mk_table_write(summary, &options, &text);
    int failed = mk_text_save(&text, path, err);
    mk_text_free(&text);
    return failed;
}

static int show(const struct merge *merge, const struct mk_result_file *result, struct mk_err *err) {
    struct mk_summary summary;
    bool table = !merge->quiet && strcmp(merge->out, "-") != 0;
    enum mk_grid_form form = mk_grid_wants_colour(merge->colour, stdout) ? MK_GRID_COLOUR : MK_GRID_PLAIN;
    mk_summary_make(&summary, result);
    int failed = save_table(&summary, form, merge->out, table ? "-" : NULL, err) ||
                 save_table(&summary, MK_GRID_CSV, merge->out, merge->csv, err) ||
                 save_table(&summary, MK_GRID_MARKDOWN, merge->out, merge->markdown, err);
    mk_summary_free(&summary);
    return failed;
}

static int run(const struct merge *merge, char *const *paths, int n) {
    struct mk_result_file result = {0};
    struct mk_err err;
    int status = MK_EXIT_FINE;
    if (join_all(paths, n, &result)) {
        status = MK_EXIT_USAGE;
    } else if (mk_result_write(&result, merge->out, &err) || show(merge, &result, &err)) {
        status = fail(&err, MK_EXIT_BROKEN);
    } else {
        tell_missing(&result);
    }
    mk_result_free(&result);
    return status;
}

static int misused(const char *what, const char *word) {
    fprintf(stderr, "memkit-bench merge: %s%s (see --help)\n", what, word);
    return MK_EXIT_USAGE;
}

int mk_cmd_merge(int argc, char **argv) {
    static const struct option options[] = {
        {"csv", required_argument, NULL, 's'}, {"markdown", required_argument, NULL, 'm'},
        {"color", required_argument, NULL, 'c'}, {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    struct merge merge = {.colour = "auto"};
    optind = 1;
    opterr = 0;
    for (int id; (id = getopt_long(argc, argv, ":ho:", options, NULL)) != -1;) {
        switch (id) {
        case 'o': merge.out = optarg; break;
        case 's': merge.csv = optarg; break;
        case 'm': merge.markdown = optarg; break;
        case 'c': merge.colour = optarg; break;
        case 'q': merge.quiet = true; break;
        case 'h': fputs(help, stdout); return MK_EXIT_FINE;
        case ':': return misused("a value is missing after ", argv[optind - 1]);
        default: return misused("no option ", argv[optind - 1]);
        }
    }
    if (optind == argc) return misused("which results?", "");
    if (!merge.out) return misused("where to? give -o FILE", "");
    return run(&merge, argv + optind, argc - optind);
}
