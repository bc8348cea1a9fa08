/* cmd_model_build.c - `model-build`: makes a plug-in of the model flavour of one source file. The work is done by
 * scripts/model_object, as for implementations of the tree; this finds it, and says how to go on. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "build_info.h"
#include "commands.h"
#include "launch.h"
#include "record.h"
#include "registry.h"
#include "check/scenarios.h"

static const char help[] =
    "usage: memkit-bench model-build FILE.c [-o FILE.so] [-- COMPILER OPTIONS...]\n"
    "\n"
    "Makes a plug-in of an implementation or a scenario outside the tree, for the model flavour, which carries\n"
    "it out under schedules and memory orders of its choice. The file is not changed for that: it is compiled\n"
    "with hooks, and what it calls is looked through; what the flavour does not control is named. The compiler\n"
    "is $CC (default: cc).\n"
    "\n"
    "  -o FILE.so     where to write it (default: FILE.so beside the source)\n"
    "  -- ...         for the compiler: -DMK_VALUE_BYTES=64, -I FOLDER\n"
    "  --help         this text\n"
    "\n"
    "example:\n"
    "  memkit-bench model-build mine.c\n"
    "  memkit-bench stress workloads/stress/map.json --impl map/mine --plugin ./mine.so --flavour model\n"
    "\n"
    "Exit status: 0 made, 2 bad usage, 6 it cannot be compiled for this flavour.\n";

struct build {
    const char *source;
    char *out;
    char *script, *include; /* what it takes: scripts/model_object, the folder above memkit/mk.h */
};

static int fail(const char *format, const char *what) {
    fprintf(stderr, "memkit-bench model-build: ");
    fprintf(stderr, format, what);
    fputc('\n', stderr);
    return MK_EXIT_BROKEN;
}

static int misused(const char *what, const char *word) {
    fprintf(stderr, "memkit-bench model-build: %s%s (see --help)\n", what, word);
    return MK_EXIT_USAGE;
}

/* ---- where things are ------------------------------------------------------------------------- */

/* Relative to the program's folder: in build/<flavour>/, whose include/memkit is the tree's impl/; in bin/ and in
 * lib/memkit-bench/<flavour>/ of an installation. */
static const struct {
    const char *script, *include;
} places[] = {
    {"include/memkit/../scripts/model_object", "include"},
    {"../lib/memkit-bench/model_object", "../include"},
    {"../model_object", "../../../include"},
};

static char *beside(const char *folder, const char *relative) {
    char *joined = mk_need_format("%s/%s", folder, relative), *whole = realpath(joined, NULL);
    free(joined);
    return whole;
}

/* Returns 0, or -1: this program was copied out of its build or installation. */
static int find(struct build *build) {
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) return -1;
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    if (slash) *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        build->script = beside(self, places[i].script);
        build->include = beside(self, places[i].include);
        if (build->script && build->include) return 0;
        free(build->script);
        free(build->include);
        build->script = build->include = NULL;
    }
    return -1;
}

/* ---- compiling ------------------------------------------------------------------------------- */

struct words {
    char **at;
    size_t n;
};

static void add(struct words *words, const char *format, const char *value) {
    char *word = mk_need(strlen(format) + strlen(value) + 1, 1);
    sprintf(word, format, value);
    *(char **)mk_grow(&words->at, &words->n, sizeof word) = word;
}

/* $CC may be more than one word: "ccache gcc". */
static void add_compiler(struct words *words) {
    const char *asked = getenv("CC");
    char *copy = mk_need_text(asked && *asked ? asked : "cc"), *state;
    for (char *word = strtok_r(copy, " \t", &state); word; word = strtok_r(NULL, " \t", &state)) {
        add(words, "%s", word);
    }
    free(copy);
}

static struct words command_of(const struct build *build, char *const *more, int more_n) {
    struct words words = {0};
    char hash[32];
    snprintf(hash, sizeof hash, "0x%" PRIx64 "u", mk_build_info()->header_hash);
    add(&words, "%s", build->script);
    add(&words, "--plugin%s", "");
    add(&words, "%s", build->out);
    add(&words, "--%s", "");
    add_compiler(&words);
    add(&words, "-std=c11%s", "");
    add(&words, "-D_GNU_SOURCE%s", "");
    add(&words, "-Wall%s", "");
    add(&words, "-I%s", build->include);
    add(&words, "-I%s/memkit/hash", build->include); /* so that "../map.h" is found, as in a copy from the tree */
    add(&words, "-DMK_HEADER_HASH=%s", hash);
    for (int i = 0; i < more_n; i++) add(&words, "%s", more[i]);
    add(&words, "-c%s", "");
    add(&words, "%s", build->source);
    mk_grow(&words.at, &words.n, sizeof *words.at); /* NULL ends it */
    return words;
}

static void free_words(struct words *words) {
    for (size_t i = 0; i < words->n; i++) free(words->at[i]);
    free(words->at);
}

/* Returns 0, or -1: whoever failed has said why. */
static int compile(const struct build *build, char *const *more, int more_n) {
    struct words words = command_of(build, more, more_n);
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        execv(words.at[0], words.at);
        fprintf(stderr, "memkit-bench model-build: cannot start %s: %s\n", words.at[0], strerror(errno));
        _exit(127);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    free_words(&words);
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* ---- what came of it ------------------------------------------------------------------------- */

/* How to go on. A plug-in that is given without a folder is one of this folder. */
static void tell_command(const struct build *build, const char *what, const char *workload) {
    printf("%s has %s; hunt what is wrong with it:\n  memkit-bench stress %s --plugin %s%s --flavour model\n",
           build->out, what, workload, strchr(build->out, '/') ? "" : "./", build->out);
}

/* Names what the plug-in registers: what has its file. Only a program of the model flavour can load it. */
static int tell(const struct build *build) {
    struct mk_err err;
    char workload[256], what[128];
    if (mk_registry_load(build->out, &err)) return fail("%s", err.text);
    for (size_t i = 0; i < mk_registry_count(); i++) {
        const struct mk_impl *impl = mk_registry_at(i);
        if (strcmp(impl->file, build->source) != 0) continue;
        snprintf(what, sizeof what, "%s/%s", impl->kind->name, impl->name);
        snprintf(workload, sizeof workload, "workloads/stress/%s.json --impl %.120s", impl->kind->name, what);
        tell_command(build, what, workload);
    }
    for (size_t i = 0; i < mk_scenarios_count(); i++) {
        const struct mk_scenario *scenario = mk_scenario_at(i);
        if (strcmp(scenario->file, build->source) != 0) continue;
        snprintf(what, sizeof what, "the scenario %.100s", scenario->name);
        snprintf(workload, sizeof workload, "workloads/stress/%.60s.json --oracle %.120s", scenario->kind, scenario->name);
        tell_command(build, what, strcmp(scenario->kind, "litmus") == 0 ? scenario->name : workload);
    }
    return MK_EXIT_FINE;
}

static int make(struct build *build, char *const *more, int more_n) {
    if (access(build->source, R_OK)) return misused("cannot read ", build->source);
    if (find(build)) {
        return fail("%s is neither here nor beside this program: run the one in build/ or the installed one",
                    "model_object");
    }
    if (compile(build, more, more_n)) return fail("%s was not made: see above", build->out);
    if (strcmp(mk_build_info()->flavour, "model") == 0) return tell(build);
    printf("%s is made, but there is no program of the model flavour to load it: make FLAVOUR=model\n", build->out);
    return MK_EXIT_FINE;
}

/* The program of the model flavour does it where there is one, since it can look at what was made. Returns only if
 * there is none. */
static void become(int argc, char **argv) {
    struct mk_err err;
    char *program;
    if (mk_launch_worker("model", &program, &err) || !program) return;
    char **words = mk_need((size_t)argc + 2, sizeof *words);
    words[0] = program;
    memcpy(words + 1, argv, (size_t)argc * sizeof *words);
    execv(program, words);
    free(words);
    free(program);
}

/* FILE.so beside FILE.c. */
static char *beside_source(const char *source) {
    return mk_need_format("%.*s.so", (int)strlen(source) - 2, source);
}

static bool is_c(const char *path) {
    size_t n = strlen(path);
    return n > 2 && strcmp(path + n - 2, ".c") == 0;
}

/* Returns how many words stand before "--": behind it they are the compiler's. */
static int own_words(int argc, char *const *argv) {
    int n = 1;
    while (n < argc && strcmp(argv[n], "--") != 0) n++;
    return n;
}

int mk_cmd_model_build(int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int own = own_words(argc, argv), more_n = own < argc ? argc - own - 1 : 0;
    struct build build = {0};
    const char *out = NULL;
    optind = 1;
    opterr = 0;
    for (int id; (id = getopt_long(own, argv, ":ho:", options, NULL)) != -1;) {
        switch (id) {
        case 'o': out = optarg; break;
        case 'h': fputs(help, stdout); return MK_EXIT_FINE;
        case ':': return misused("a value is missing after ", argv[optind - 1]);
        default: return misused("no option ", argv[optind - 1]);
        }
    }
    if (optind + 1 != own) return misused(optind == own ? "which FILE.c?" : "one FILE.c at a time", "");
    build.source = argv[optind];
    if (!is_c(build.source)) return misused("it takes a source file in C, FILE.c, not ", build.source);
    become(argc, argv);
    build.out = out ? mk_need_text(out) : beside_source(build.source);
    int status = make(&build, argv + argc - more_n, more_n);
    free(build.out);
    free(build.script);
    free(build.include);
    return status;
}
