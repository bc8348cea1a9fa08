/* cmd_trace.c - `trace`: looks into traces of operations and of allocations, and makes the former of CSV files. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "alloctrace.h"
#include "commands.h"
#include "json.h"
#include "optrace.h"
#include "registry.h"

#define HOTTEST 10
#define THREADS_SHOWN 16
#define CSV_BYTES_MAX ((size_t)2 << 30)

static const char help[] =
    "usage: memkit-bench trace info FILE [--json] [--partial]\n"
    "       memkit-bench trace verify FILE [--repair -o FILE]\n"
    "       memkit-bench trace import FILE.csv -o FILE.optrace\n"
    "       memkit-bench trace export FILE [-o FILE.csv] [--partial]\n"
    "       memkit-bench trace profile FILE.trace [-o FILE.json]\n"
    "       memkit-bench trace generate FILE.json -o FILE.trace [--seed N] [--events N]\n"
    "\n"
    "A trace is what a program of yours did to its maps, lists, queues or stacks: operation by operation, with\n"
    "key, size, thread and time. Replayed, it measures implementations under your own traffic:\n"
    "\n"
    "  1. record   #include <memkit/record.h> in the program, mk_record_open, one call beside each operation,\n"
    "              mk_record_close; or write a CSV file and import it\n"
    "  2. look     memkit-bench trace info FILE\n"
    "  3. replay   a workload file with \"trace\": \"FILE\" in place of \"ops\" and \"keys\"\n"
    "\n"
    "A trace of allocations is what `memkit-bench record` makes of a program; info, verify and export take both.\n"
    "A profile is what such a trace is like, in a few KB: sizes, lifetimes, what is freed by another thread.\n"
    "\n"
    "  info        what is in it: operations, keys, sizes, threads, how skewed, where it comes from; of\n"
    "              allocations sizes, lifetimes, what is live, what crosses threads\n"
    "  verify      checks every byte; of allocations, that each free matches one, and that nothing is missing\n"
    "  import      makes a trace of a CSV file. Its first line names the columns: op and key, and, where they are\n"
    "              there, size, thread and time_ns. Keys are whole numbers, decimal or 0x; other texts are hashed\n"
    "              to 64 bits. Without time_ns the order of the rows is that of time. FILE - is standard input\n"
    "  export      the reverse: op,key,size,thread,time_ns; of allocations order,time_ns,thread,event,taken,\n"
    "              given,size,align, with objects as L3 (slot 3 of the thread) or X7 (freed by another thread)\n"
    "  profile     fits a profile to a trace of allocations\n"
    "  generate    makes a trace of a profile (docs/traces.md)\n"
    "\n"
    "  -o FILE     where to; - is standard output\n"
    "  --partial   of a file that was cut off or damaged, what is whole\n"
    "  --repair    of allocations: write a copy that takes what is missing as it is, and leaves frees out that\n"
    "              match nothing\n"
    "  --seed N    of generate: the same seed, the same trace; 1 if left out\n"
    "  --events N  of generate: how many, about; as many as the profile says if left out\n"
    "  --json      for programs\n"
    "  --help      this text\n"
    "\n"
    "operations:\n"
    "  map         get put remove contains insert insert_if_absent update read_modify_write scan\n"
    "  list        contains insert remove\n"
    "  queue       enqueue dequeue\n"
    "  stack       push pop\n"
    "\n"
    "examples:\n"
    "  memkit-bench trace info workloads/traces/lru.optrace\n"
    "  memkit-bench trace import requests.csv -o requests.optrace\n"
    "  memkit-bench trace generate workloads/profiles/page-survivors.json -o survivors.trace\n"
    "\n"
    "Exit status: 0 fine, 2 bad usage, or a file that is no whole trace.\n";

struct trace {
    const char *command, *in, *out;
    uint64_t seed, events; /* 0: not said */
    bool json, partial, repair, seeded;
};

static int fail(const char *path, const struct mk_err *err, int status) {
    fprintf(stderr, "memkit-bench trace: %s%s%s\n", path ? path : "", path ? ": " : "", err->text);
    return status;
}

static int misused(const char *what, const char *word) {
    fprintf(stderr, "memkit-bench trace: %s%s (see --help)\n", what, word);
    return MK_EXIT_USAGE;
}

/* ---- info ---------------------------------------------------------------------------------- */

struct sizes {
    uint64_t count, max;
    double sum;
};

struct look {
    struct mk_optrace_info info;
    struct mk_optrace_keys keys;
    struct sizes size[MK_RECORD_OPS];
    uint64_t *of_thread; /* operations */
    uint64_t keyed, hottest;
};

static void see(void *arg, const struct mk_optrace_record *record) {
    struct look *look = arg;
    struct sizes *size = &look->size[record->code];
    look->of_thread[record->thread]++;
    if (mk_optrace_ops[record->code].keyed) {
        mk_optrace_keys_add(&look->keys, record);
        look->keyed++;
    }
    if (!record->size) return;
    size->count++;
    size->sum += (double)record->size;
    if (record->size > size->max) size->max = record->size;
}

/* Adds up the operations of the hottest keys. */
static uint64_t count_hottest(const struct mk_optrace_keys *keys) {
    uint64_t top[HOTTEST] = {0}, sum = 0;
    for (size_t i = 0; i < keys->n; i++) {
        uint64_t count = keys->at[i].count;
        for (size_t place = 0; place < HOTTEST; place++) {
            uint64_t held = top[place];
            if (count <= held) continue;
            top[place] = count;
            count = held;
        }
    }
    for (size_t place = 0; place < HOTTEST; place++) sum += top[place];
    return sum;
}

/* Returns the kinds that have all its operations, as "map, list"; the caller frees it. */
static char *kinds_of(const struct mk_optrace_info *info, bool json) {
    struct mk_text text = {0};
    for (size_t i = 0; i < mk_registry_kinds(); i++) {
        const struct mk_kind *kind = mk_registry_kind_at(i);
        bool all = info->operations > 0;
        for (unsigned op = MK_OPTRACE_FIRST_OP; op < MK_RECORD_OPS; op++) {
            if (info->of_op[op] && !mk_kind_op(kind, mk_optrace_ops[op].name)) all = false;
        }
        if (all) mk_text_printf(&text, json ? "%s\"%s\"" : "%s%s", text.n ? ", " : "", kind->name);
    }
    return mk_text_take(&text);
}

static uint64_t adds_of(const struct mk_optrace_info *info) {
    return info->of_op[MK_RECORD_PUT] + info->of_op[MK_RECORD_INSERT] + info->of_op[MK_RECORD_INSERT_IF_ABSENT] +
           info->of_op[MK_RECORD_READ_MODIFY_WRITE] + info->of_op[MK_RECORD_ENQUEUE] + info->of_op[MK_RECORD_PUSH];
}

static uint64_t takes_of(const struct mk_optrace_info *info) {
    return info->of_op[MK_RECORD_REMOVE] + info->of_op[MK_RECORD_DEQUEUE] + info->of_op[MK_RECORD_POP];
}

static const char *or_unknown(const char *text) {
    return text ? text : "unknown";
}

static double frac(uint64_t part, uint64_t of) {
    return of ? (double)part / (double)of : 0;
}

static void print_ops(const struct look *look, struct mk_text *out) {
    mk_text_puts(out, "\noperation                count   share   mean size   largest\n");
    for (unsigned op = MK_OPTRACE_FIRST_OP; op < MK_RECORD_OPS; op++) {
        const struct sizes *size = &look->size[op];
        if (!look->info.of_op[op]) continue;
        mk_text_printf(out, "%-18s %11" PRIu64 " %6.2f%%", mk_optrace_ops[op].name, look->info.of_op[op],
                       100 * frac(look->info.of_op[op], look->info.operations));
        if (size->count) mk_text_printf(out, " %11.1f %9" PRIu64, size->sum / (double)size->count, size->max);
        mk_text_putc(out, '\n');
    }
}

static void print_threads(const struct look *look, struct mk_text *out) {
    uint32_t shown = look->info.threads < THREADS_SHOWN ? look->info.threads : THREADS_SHOWN;
    mk_text_puts(out, "\nthread        operations   share\n");
    for (uint32_t t = 0; t < shown; t++) {
        mk_text_printf(out, "%6" PRIu32 " %17" PRIu64 " %6.2f%%\n", t, look->of_thread[t],
                       100 * frac(look->of_thread[t], look->info.operations));
    }
    if (shown < look->info.threads)
        mk_text_printf(out, "   ... and %" PRIu32 " more\n", look->info.threads - shown);
}

static void print_info(const char *path, const struct look *look, struct mk_text *out) {
    const struct mk_optrace_info *info = &look->info;
    double s = (double)(info->last_ns - info->first_ns) / 1e9;
    char *kinds = kinds_of(info, false);
    mk_text_printf(out, "%s: %s\n", path, info->whole ? "a whole trace" : "what is whole of a trace");
    if (!info->whole) mk_text_printf(out, "cut off       %s\n", info->cut);
    mk_text_printf(out, "recorded      by %s, %s, on %s\n", or_unknown(info->program), or_unknown(info->date),
                   or_unknown(info->machine));
    mk_text_printf(out, "clock         %s\n", or_unknown(info->clock));
    mk_text_printf(out, "checksum      0x%016" PRIx64 "\n", info->checksum);
    mk_text_printf(out,
                   "operations    %" PRIu64 " of %" PRIu32 " thread%s, in %" PRIu64 " blocks, %" PRIu64 " bytes\n",
                   info->operations, info->threads, info->threads == 1 ? "" : "s", info->blocks, info->bytes);
    mk_text_printf(out, "dropped       %" PRIu64 "%s\n", info->dropped,
                   info->dropped ? ": the recorder could not write them" : "");
    mk_text_printf(out, "duration      %.6f s", s);
    if (s > 0) mk_text_printf(out, ", %.0f operations a second", (double)info->operations / s);
    mk_text_printf(out, "\nkeys          %zu different", look->keys.n);
    if (look->keyed) {
        mk_text_printf(out, "; the %d hottest have %.1f%% of the operations that name one", HOTTEST,
                       100 * frac(look->hottest, look->keyed));
    }
    mk_text_printf(out, "\nbalance       %" PRIu64 " put something in, %" PRIu64 " take something out\n",
                   adds_of(info), takes_of(info));
    mk_text_printf(out, "replays on    %s\n", kinds[0] ? kinds : "no kind: it mixes operations of several");
    print_ops(look, out);
    print_threads(look, out);
    free(kinds);
}

static void add_text(struct mk_text *out, const char *name, const char *text) {
    mk_text_printf(out, "  \"%s\": ", name);
    mk_json_write_text(out, text);
    mk_text_puts(out, ",\n");
}

static void write_info(const char *path, const struct look *look, struct mk_text *out) {
    const struct mk_optrace_info *info = &look->info;
    char *kinds = kinds_of(info, true);
    const char *comma = "";
    mk_text_puts(out, "{\n");
    add_text(out, "file", path);
    mk_text_printf(out, "  \"whole\": %s,\n", info->whole ? "true" : "false");
    add_text(out, "cut", info->whole ? NULL : info->cut);
    add_text(out, "program", info->program);
    add_text(out, "date", info->date);
    add_text(out, "clock", info->clock);
    add_text(out, "machine", info->machine);
    mk_text_printf(out,
                   "  \"checksum\": \"0x%016" PRIx64 "\",\n  \"bytes\": %" PRIu64 ",\n  \"blocks\": %" PRIu64 ",\n",
                   info->checksum, info->bytes, info->blocks);
    mk_text_printf(out,
                   "  \"operations\": %" PRIu64 ",\n  \"dropped\": %" PRIu64 ",\n  \"duration_ns\": %" PRIu64 ",\n",
                   info->operations, info->dropped, info->last_ns - info->first_ns);
    mk_text_printf(out, "  \"keys\": %zu,\n  \"hottest_keys\": %d,\n  \"hottest_frac\": ", look->keys.n, HOTTEST);
    mk_json_write_f64(out, frac(look->hottest, look->keyed));
    mk_text_printf(out, ",\n  \"adds\": %" PRIu64 ",\n  \"takes\": %" PRIu64 ",\n  \"kinds\": [%s],\n  \"ops\": {",
                   adds_of(info), takes_of(info), kinds);
    for (unsigned op = MK_OPTRACE_FIRST_OP; op < MK_RECORD_OPS; op++) {
        if (!info->of_op[op]) continue;
        mk_text_printf(out,
                       "%s\n    \"%s\": { \"count\": %" PRIu64 ", \"sized\": %" PRIu64 ", \"mean_size\": ", comma,
                       mk_optrace_ops[op].name, info->of_op[op], look->size[op].count);
        mk_json_write_f64(out, look->size[op].count ? look->size[op].sum / (double)look->size[op].count : 0);
        mk_text_printf(out, ", \"max_size\": %" PRIu64 " }", look->size[op].max);
        comma = ",";
    }
    mk_text_puts(out, "\n  },\n  \"threads\": [");
    for (uint32_t t = 0; t < info->threads; t++)
        mk_text_printf(out, "%s%" PRIu64, t ? ", " : "", look->of_thread[t]);
    mk_text_puts(out, "]\n}\n");
    free(kinds);
}

static int show_info(const struct trace *trace) {
    if (mk_alloctrace_is(trace->in)) return mk_trace_info_of_allocations(trace->in, trace->json, trace->partial);
    struct look look = {.of_thread = mk_need(MK_RECORD_THREADS_MAX, sizeof(uint64_t))};
    struct mk_text text = {0};
    struct mk_err err;
    int status = MK_EXIT_FINE;
    if (mk_optrace_read(trace->in, trace->partial, see, &look, &look.info, &err)) {
        status = fail(trace->in, &err, MK_EXIT_USAGE);
    } else {
        look.hottest = count_hottest(&look.keys);
        (trace->json ? write_info : print_info)(trace->in, &look, &text);
        if (mk_text_save(&text, "-", &err)) status = fail(NULL, &err, MK_EXIT_BROKEN);
    }
    mk_text_free(&text);
    mk_optrace_keys_free(&look.keys);
    mk_optrace_info_free(&look.info);
    free(look.of_thread);
    return status;
}

static int verify(const struct trace *trace) {
    struct mk_optrace_info info;
    struct mk_err err;
    int status = MK_EXIT_FINE;
    if (!trace->repair && trace->out) return misused("-o is for verify --repair", "");
    if (trace->repair && !trace->out) return misused("where to? give -o FILE to verify --repair", "");
    if (mk_alloctrace_is(trace->in)) return mk_trace_verify_allocations(trace->in, trace->out);
    if (trace->repair) return misused("--repair is for traces of allocations, and not for ", trace->in);
    if (mk_optrace_read(trace->in, false, NULL, NULL, &info, &err)) status = fail(trace->in, &err, MK_EXIT_USAGE);
    else printf("%s: ok%s\n", trace->in, info.dropped ? ", but operations were dropped while it was recorded" : "");
    mk_optrace_info_free(&info);
    return status;
}

/* ---- import and export --------------------------------------------------------------------- */

static int import_csv(const struct trace *trace) {
    struct mk_optrace_writer writer = {0};
    struct mk_optrace_import said = {0};
    struct mk_text csv = {0};
    struct mk_err err;
    char date[32];
    time_t now = time(NULL);
    struct tm parts;
    int status = MK_EXIT_FINE;
    const char *name = strcmp(trace->in, "-") == 0 ? "standard input" : trace->in;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &parts));
    if (mk_text_load(&csv, trace->in, CSV_BYTES_MAX, &err)) {
        status = fail(name, &err, MK_EXIT_USAGE);
    } else if (mk_optrace_import(name, csv.at ? csv.at : "", csv.n, date, &writer, &said, &err)) {
        status = fail(NULL, &err, MK_EXIT_USAGE);
    } else if (mk_text_save(&writer.out, trace->out, &err)) {
        status = fail(NULL, &err, MK_EXIT_USAGE);
    } else {
        fprintf(stderr, "%s: %" PRIu64 " operations of %" PRIu32 " thread%s\n", trace->out, said.rows, said.threads,
                said.threads == 1 ? "" : "s");
        if (said.hashed) fprintf(stderr, "%" PRIu64 " keys are texts: hashed to 64 bits\n", said.hashed);
        if (!said.timed) fprintf(stderr, "there is no column time_ns: the order of the rows is that of time\n");
    }
    mk_optrace_writer_free(&writer);
    mk_text_free(&csv);
    return status;
}

static int export_csv(const struct trace *trace) {
    if (mk_alloctrace_is(trace->in)) return mk_trace_export_allocations(trace->in, trace->out, trace->partial);
    struct mk_optrace_info info;
    struct mk_text csv = {0};
    struct mk_err err;
    int status = MK_EXIT_FINE;
    if (mk_optrace_export(trace->in, trace->partial, &csv, &info, &err)) {
        status = fail(trace->in, &err, MK_EXIT_USAGE);
    } else if (mk_text_save(&csv, trace->out ? trace->out : "-", &err)) {
        status = fail(NULL, &err, MK_EXIT_USAGE);
    } else if (!info.whole) {
        fprintf(stderr, "memkit-bench trace: %s: %s\n", trace->in, info.cut);
    }
    mk_text_free(&csv);
    mk_optrace_info_free(&info);
    return status;
}

/* ---- profiles ------------------------------------------------------------------------------- */

static int make_profile(const struct trace *trace) {
    return mk_trace_profile(trace->in, trace->out);
}

static int generate(const struct trace *trace) {
    if (mk_alloctrace_is(trace->in)) return misused("generate takes a profile, and not a trace: ", trace->in);
    return mk_trace_generate(trace->in, trace->out, trace->seeded ? trace->seed : 1, trace->events);
}

/* ---- the command line ---------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*run)(const struct trace *trace);
    bool out, json, partial, repair, generate;
} commands[] = {
    {"info", show_info, false, true, true, false, false},
    {"verify", verify, true, false, false, true, false},
    {"import", import_csv, true, false, false, false, false},
    {"export", export_csv, true, false, true, false, false},
    {"profile", make_profile, true, false, false, false, false},
    {"generate", generate, true, false, false, false, true},
};
#define COMMANDS (sizeof commands / sizeof *commands)

static int run(const struct trace *trace) {
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, trace->command) != 0) continue;
        if (trace->out && !commands[i].out) return misused("-o is not for ", trace->command);
        if (trace->json && !commands[i].json) return misused("--json is not for ", trace->command);
        if (trace->partial && !commands[i].partial) return misused("--partial is not for ", trace->command);
        if (trace->repair && !commands[i].repair) return misused("--repair is not for ", trace->command);
        if (trace->seeded && !commands[i].generate) return misused("--seed is not for ", trace->command);
        if (trace->events && !commands[i].generate) return misused("--events is not for ", trace->command);
        if (!trace->in) return misused("which file? give one to ", trace->command);
        if ((commands[i].run == import_csv || commands[i].generate) && !trace->out)
            return misused("where to? give -o FILE to ", trace->command);
        return commands[i].run(trace);
    }
    return misused("give info, verify, import, export, profile or generate, not ", trace->command);
}

static bool read_number(const char *text, uint64_t *out) {
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno;
}

int mk_cmd_trace(int argc, char **argv) {
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"partial", no_argument, NULL, 'p'},
                                            {"repair", no_argument, NULL, 'r'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"events", required_argument, NULL, 'e'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct trace trace = {0};
    optind = 1;
    opterr = 0;
    for (int id; (id = getopt_long(argc, argv, ":ho:", options, NULL)) != -1;) {
        switch (id) {
        case 'o': trace.out = optarg; break;
        case 'j': trace.json = true; break;
        case 'p': trace.partial = true; break;
        case 'r': trace.repair = true; break;
        case 's':
            if (!read_number(optarg, &trace.seed)) return misused("--seed wants a whole number, not ", optarg);
            trace.seeded = true;
            break;
        case 'e':
            if (!read_number(optarg, &trace.events) || !trace.events)
                return misused("--events wants a whole number above 0, not ", optarg);
            break;
        case 'h': fputs(help, stdout); return MK_EXIT_FINE;
        case ':': return misused("a value is missing after ", argv[optind - 1]);
        default: return misused("no option ", argv[optind - 1]);
        }
    }
    if (optind == argc)
        return misused("what is to be done: info, verify, import, export, profile or generate?", "");
    trace.command = argv[optind];
    if (argc - optind > 2) return misused("one file at a time, not also ", argv[optind + 2]);
    if (argc - optind == 2) trace.in = argv[optind + 1];
    return run(&trace);
}
