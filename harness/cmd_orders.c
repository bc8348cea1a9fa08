/* cmd_orders.c - `orders`: which memory orders of an implementation are needed. The work is done in the model
 * flavour; in all others this starts that flavour's program.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "build_info.h"
#include "commands.h"
#include "launch.h"
#ifdef MK_MODEL
#include "compose.h"
#include "grid.h"
#include "model/orders.h"
#include "model/report.h"
#include "registry.h"
#endif

static const char help[] =
    "usage: memkit-bench orders IMPL... [options]\n"
    "       memkit-bench orders --all [options]\n"
    "\n"
    "Shows which memory orders are load-bearing. Every atomic access that is not relaxed is carried out one\n"
    "step weaker than the source says (seq_cst as acq_rel, acq_rel as release and as acquire, acquire and\n"
    "release as relaxed), one access at a time and without compiling anew, under thousands of schedules of the\n"
    "model flavour. One that fails shows that the order is needed; its token proves it:\n"
    "  memkit-bench stress --replay TOKEN\n"
    "An order that is not shown needed can be weakened in the source; or the block at the top of the file says\n"
    "why it stays:  * Kept:  (4) why\n"
    "\n"
    "IMPL is an implementation of the list, map/NAME. Judged are the orders of its own file; of its parts too\n"
    "where they are named: map/NAME+reclaim/NAME. A part is also tried in what it is compiled into.\n"
    "\n"
    "  --all             every implementation that has orders\n"
    "  --schedules N     for each step at most (default 20000); 2000 give a first look\n"
    "  --seconds S       of CPU for each step at most; then it does not come to the same every time\n"
    "  --seed N          other programs and schedules (default 1)\n"
    "  --check FILE      compares with the witnesses kept there, which are tried first: status 4 when one is\n"
    "                    lost. Without IMPL: all that the file has. What had none is not tried again, but\n"
    "                    with --witnesses\n"
    "  --witnesses FILE  keeps the witnesses there, for --check\n"
    "  --json            for programs\n"
    "  --markdown        as a page\n"
    "  -o FILE           where to; the default is standard output\n"
    "  --plugin SO       load implementations of the model flavour first; may be repeated\n"
    "  --quiet           no progress on the terminal\n"
    "  --color WHEN      auto, always or never\n"
    "  --help            this text\n"
    "\n"
    "Status: 0 fine, 2 usage, 4 a witness is lost or something fails as it is, 6 cannot be done.\n";

struct asked {
    char **impls;
    size_t impls_n;
    uint64_t schedules, seed;
    double seconds;
    bool all, json, markdown, quiet, help;
    const char *check, *witnesses, *out, *colour;
    const char **plugins;
    size_t plugins_n;
};

static int usage(const char *what, const char *word) {
    fprintf(stderr, "memkit-bench orders: %s%s%s%s (see --help)\n", what, word ? " \"" : "", word ? word : "",
            word ? "\"" : "");
    return MK_EXIT_USAGE;
}

/* ---- arguments ---------------------------------------------------------------------------------- */

static bool read_count(const char *text, uint64_t *out) {
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno;
}

static bool read_seconds(const char *text, double *out) {
    char *end;
    *out = strtod(text, &end);
    return end != text && !*end && *out > 0 && *out < 1e6;
}

static int read_option(int id, struct asked *asked) {
    switch (id) {
    case 'a': asked->all = true; return 0;
    case 'j': asked->json = true; return 0;
    case 'm': asked->markdown = true; return 0;
    case 'q': asked->quiet = true; return 0;
    case 'h': asked->help = true; return 0;
    case 'c': asked->check = optarg; return 0;
    case 'w': asked->witnesses = optarg; return 0;
    case 'o': asked->out = optarg; return 0;
    case 'C': asked->colour = optarg; return 0;
    case 'p':
        *(const char **)mk_grow(&asked->plugins, &asked->plugins_n, sizeof *asked->plugins) = optarg;
        return 0;
    case 'n':
        return read_count(optarg, &asked->schedules) && asked->schedules
                   ? 0
                   : usage("--schedules wants a number, not", optarg);
    case 'd': return read_count(optarg, &asked->seed) ? 0 : usage("--seed wants a number, not", optarg);
    case 's': return read_seconds(optarg, &asked->seconds) ? 0 : usage("--seconds wants a number, not", optarg);
    case ':': return usage("a value is missing after", NULL);
    default: return usage("no option", NULL);
    }
}

static int read_arguments(int argc, char **argv, struct asked *asked) {
    static const struct option options[] = {
        {"all", no_argument, NULL, 'a'},           {"schedules", required_argument, NULL, 'n'},
        {"seconds", required_argument, NULL, 's'}, {"seed", required_argument, NULL, 'd'},
        {"check", required_argument, NULL, 'c'},   {"witnesses", required_argument, NULL, 'w'},
        {"json", no_argument, NULL, 'j'},          {"markdown", no_argument, NULL, 'm'},
        {"plugin", required_argument, NULL, 'p'},  {"quiet", no_argument, NULL, 'q'},
        {"color", required_argument, NULL, 'C'},   {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    asked->seed = 1;
    asked->colour = "auto";
    optind = 1;
    opterr = 0;
    for (int id, status; (id = getopt_long(argc, argv, ":ho:", options, NULL)) != -1;) {
        if (id == '?') return usage("no option", argv[optind - 1]);
        if (id == ':') return usage("a value is missing after", argv[optind - 1]);
        if ((status = read_option(id, asked)) != 0) return status;
    }
    for (; optind < argc; optind++) {
        *(char **)mk_grow(&asked->impls, &asked->impls_n, sizeof *asked->impls) = argv[optind];
    }
    if (asked->help) return 0;
    if (asked->json && asked->markdown) return usage("--json and --markdown: one of them", NULL);
    if (asked->all && asked->impls_n) return usage("--all is every implementation; leave out", asked->impls[0]);
    if (asked->all || asked->impls_n || asked->check) return 0;
    return usage("name an implementation (memkit-bench list), or --all", NULL);
}

/* ---- in another flavour ---------------------------------------------------------------------------- */

/* Returns only where the program of the model flavour cannot be started. */
static int become(char *worker, int argc, char **argv) {
    char **args = mk_need((size_t)argc + 2, sizeof *args);
    args[0] = worker;
    args[1] = (char *)"orders";
    memcpy(args + 2, argv + 1, (size_t)argc * sizeof *args);
    execv(worker, args);
    fprintf(stderr, "memkit-bench orders: cannot start %s: %s\n", worker, strerror(errno));
    free(args);
    return MK_EXIT_BROKEN;
}

#ifdef MK_MODEL

/* ---- judging ---------------------------------------------------------------------------------------- */

static volatile sig_atomic_t stop;

static void on_signal(int number) {
    stop = number;
}

static int fail(const struct mk_err *err, int status) {
    fprintf(stderr, "memkit-bench orders: %s\n", err->text);
    return status;
}

static void show_progress(void *arg, size_t done, size_t of, const struct mk_order_step *step) {
    fprintf(stderr, "\r\033[K%s: %zu of %zu: (%u) %s -> %s", (const char *)arg, done + 1, of, step->number,
            step->from, step->to);
    fflush(stderr);
}

static const struct mk_orders *find(const struct mk_orders_file *file, const char *identity) {
    for (size_t i = 0; i < file->impls_n; i++) {
        if (strcmp(file->impls[i].identity, identity) == 0) return &file->impls[i];
    }
    return NULL;
}

static int judge(const struct asked *asked, const char *identity, const struct mk_orders_file *before,
                 struct mk_orders_file *file) {
    struct mk_orders_units units;
    struct mk_err err;
    struct mk_orders made;
    bool shows = !asked->quiet && isatty(STDERR_FILENO);
    if (mk_orders_units_make(identity, &units, &err)) return fail(&err, MK_EXIT_USAGE);
    struct mk_orders_config config = {.schedules = asked->schedules, .seconds = asked->seconds, .seed = asked->seed,
                                      .before = find(before, identity), .stop = &stop,
                                      .kept_only = asked->check && !asked->witnesses,
                                      .progress = shows ? show_progress : NULL, .arg = units.identity};
    int failed = mk_orders_judge(&units.source, &config, &made, &err);
    if (shows) fputs("\r\033[K", stderr);
    if (failed) mk_record_free(&mk_orders_record, &made);
    else *(struct mk_orders *)mk_grow(&file->impls, &file->impls_n, sizeof made) = made;
    mk_orders_units_free(&units);
    return failed ? fail(&err, MK_EXIT_BROKEN) : 0;
}

/* Something fails with no order weakened. */
static bool is_unclean(const struct mk_orders_file *file) {
    for (size_t i = 0; i < file->impls_n; i++) {
        if (file->impls[i].unclean_n) return true;
    }
    return false;
}

/* What is asked for: by name, all, or all that the file of witnesses has. */
static char **identities(const struct asked *asked, const struct mk_orders_file *before, size_t *n) {
    if (asked->all) return mk_orders_all(n);
    char **list = NULL;
    *n = 0;
    for (size_t i = 0; i < asked->impls_n; i++)
        *(char **)mk_grow(&list, n, sizeof *list) = mk_need_text(asked->impls[i]);
    for (size_t i = 0; !asked->impls_n && i < before->impls_n; i++) {
        *(char **)mk_grow(&list, n, sizeof *list) = mk_need_text(before->impls[i].identity);
    }
    return list;
}

/* ---- what comes of it --------------------------------------------------------------------------------- */

/* Returns 0, or the status of a check that failed. */
static int compare(const struct mk_orders_file *before, const struct mk_orders_file *now) {
    struct mk_text text = {0};
    size_t lost = 0, gone, all_gone = 0;
    for (size_t i = 0; i < now->impls_n; i++) {
        const struct mk_orders *had = find(before, now->impls[i].identity);
        if (!had) continue;
        lost += mk_orders_lost(had, &now->impls[i], &text, &gone);
        all_gone += gone;
    }
    if (text.n) fputs(text.at, stderr);
    if (all_gone) {
        fprintf(
            stderr,
            "%zu witness%s of accesses that the source no longer has so: write the file anew with --witnesses\n",
            all_gone, all_gone == 1 ? "" : "es");
    }
    if (lost) {
        fprintf(stderr,
                "memkit-bench orders: %zu access%s lost what showed that it is needed: give the oracles back what "
                "they saw, or, where the order is not needed any more, weaken it and write the file anew\n",
                lost, lost == 1 ? "" : "es");
    }
    mk_text_free(&text);
    return lost ? MK_EXIT_FAULT : 0;
}

static int save(const struct asked *asked, const struct mk_orders_file *file) {
    struct mk_text text = {0};
    struct mk_err err;
    const char *path = asked->out ? asked->out : "-";
    bool colour = strcmp(path, "-") == 0 && mk_grid_wants_colour(asked->colour, stdout);
    if (asked->json) mk_orders_write(file, true, &text);
    else if (asked->markdown) mk_orders_markdown(file, &text);
    for (size_t i = 0; !asked->json && !asked->markdown && i < file->impls_n; i++) {
        if (i) mk_text_putc(&text, '\n');
        mk_orders_print(&file->impls[i], colour, &text);
    }
    int failed = mk_text_save(&text, path, &err);
    mk_text_free(&text);
    if (!failed && asked->witnesses) {
        mk_orders_write(file, false, &text);
        failed = mk_text_save(&text, asked->witnesses, &err);
        mk_text_free(&text);
    }
    return failed ? fail(&err, MK_EXIT_BROKEN) : 0;
}

static int load_plugins(const struct asked *asked) {
    struct mk_err err;
    for (size_t i = 0; i < asked->plugins_n; i++) {
        if (mk_registry_load(asked->plugins[i], &err)) return fail(&err, MK_EXIT_BROKEN);
    }
    return 0;
}

static int judge_all(const struct asked *asked) {
    struct mk_orders_file before = {0}, file = {.schema = mk_need_text(MK_ORDERS_SCHEMA)};
    struct mk_err err;
    size_t n = 0;
    int status = load_plugins(asked);
    const char *blind = mk_symbols_missing();
    if (!status && blind) {
        mk_fail(&err, "accesses cannot be told apart: %s", blind);
        status = fail(&err, MK_EXIT_BROKEN);
    }
    if (!status && asked->check && mk_orders_read(asked->check, &before, &err)) status = fail(&err, MK_EXIT_USAGE);
    char **list = status ? NULL : identities(asked, &before, &n);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    for (size_t i = 0; i < n && !status && !stop; i++) status = judge(asked, list[i], &before, &file);
    /* What was interrupted is shown, and neither kept nor compared. */
    struct asked shown = *asked;
    if (stop) shown.witnesses = NULL;
    if (file.impls_n && save(&shown, &file)) status = MK_EXIT_BROKEN;
    if (stop) status = 128 + stop;
    if (!status && asked->check) status = compare(&before, &file);
    if (!status && is_unclean(&file)) status = MK_EXIT_FAULT;
    for (size_t i = 0; i < n; i++) free(list[i]);
    free(list);
    mk_record_free(&mk_orders_file_record, &before);
    mk_record_free(&mk_orders_file_record, &file);
    return status;
}

#else

static int judge_all(const struct asked *asked) {
    (void)asked;
    return MK_EXIT_BROKEN; /* not reached: another program does it */
}

#endif

int mk_cmd_orders(int argc, char **argv) {
    struct asked asked;
    struct mk_err err;
    char *worker = NULL;
    memset(&asked, 0, sizeof asked);
    int status = read_arguments(argc, argv, &asked);
    if (!status && asked.help) {
        status = fputs(help, stdout) < 0 ? MK_EXIT_BROKEN : MK_EXIT_FINE;
    } else if (!status && mk_launch_worker("model", &worker, &err)) {
        fprintf(stderr, "memkit-bench orders: %s\n", err.text);
        status = MK_EXIT_BROKEN;
    } else if (!status) {
        status = worker ? become(worker, argc, argv) : judge_all(&asked);
    }
    free(worker);
    free(asked.impls);
    free(asked.plugins);
    return status;
}
