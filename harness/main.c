/* main.c - memkit-bench: which subcommand, and what to say when it is none. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "build_info.h"
#include "commands.h"
#include "compose.h"
#include "registry.h"
#include "worker.h"

static const struct command {
    const char *name, *arguments, *help;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", "WORKLOAD.json", "measure; the word `run` may be left out", mk_cmd_run},
    {"plan", "WORKLOAD.json", "show what `run` would do, and how long it takes", mk_cmd_plan},
    {"stress", "WORKLOAD.json|SCENARIO", "try to break what the file measures, and say how", mk_cmd_stress},
    {"orders", "IMPL...|--all", "which memory orders of an implementation are needed, and what fails without",
     mk_cmd_orders},
    {"validate", "FILE...", "check workload and result files", mk_cmd_validate},
    {"list", "[WHAT]", "what there is: kinds, implementations, counters, topology, distributions", mk_cmd_list},
    {"merge", "RESULT.json... -o FILE", "join the shards of one plan", mk_cmd_merge},
    {"record", "-o FILE -- PROGRAM", "run a program and record its allocations", mk_cmd_record},
    {"trace", "info|verify|... FILE", "traffic of your own programs: look at it, check it, make it of CSV",
     mk_cmd_trace},
    {"doctor", "", "what on this machine will spoil a measurement, and what to do", mk_cmd_doctor},
    {"model-build", "FILE.c [-o FILE.so]", "make a plug-in of the model flavour of a source file", mk_cmd_model_build},
};
#define COMMANDS (sizeof commands / sizeof *commands)

static int help(void) {
    printf("memkit-bench: how fast, how lean, how cache-friendly and how correct concurrent structures and\n"
           "allocators are\n\nusage: memkit-bench WORKLOAD.json [options]\n       memkit-bench COMMAND ...\n\ncommands:\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        char head[48];
        snprintf(head, sizeof head, "%s %s", commands[i].name, commands[i].arguments);
        printf("  %-30s %s\n", head, commands[i].help);
    }
    printf("\nmemkit-bench COMMAND --help tells more of each; --version what this build is.\n"
           "Begin with: memkit-bench workloads/quickstart.json\n");
    return MK_EXIT_FINE;
}

static int version(void) {
    const struct mk_build_info *build = mk_build_info();
    printf("memkit-bench %s (%s%s)\n", build->version, build->commit, build->dirty ? ", changed since" : "");
    printf("flavour:  %s\ncompiler: %s\nflags:    %s\n", build->flavour, build->compiler, build->flags);
    printf("hwloc:    %s\ncJSON:    %s\nPAPI:     %s\n", build->hwloc_version, build->cjson_version,
           build->with_papi ? build->papi_version : "built without (WITH_PAPI=0)");
    if (mk_build_untrustworthy()) printf("timings of this build mean nothing: %s\n", mk_build_untrustworthy());
    return MK_EXIT_FINE;
}

static int unknown(const char *word) {
    const char *names[COMMANDS + 1];
    for (size_t i = 0; i < COMMANDS; i++) names[i] = commands[i].name;
    names[COMMANDS] = NULL;
    const char *near = mk_nearest(word, names);
    fprintf(stderr, "memkit-bench: \"%s\" is neither a command nor a file", word);
    if (near) fprintf(stderr, ", did you mean \"%s\"?", near);
    fprintf(stderr, " (memkit-bench --help)\n");
    return MK_EXIT_USAGE;
}

int main(int argc, char **argv) {
    struct mk_err err;
    struct stat file;
    if (argc < 2) {
        help();
        return MK_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) return help();
    if (strcmp(argv[1], "--version") == 0) return version();
    if (mk_registry_open(&err)) {
        fprintf(stderr, "memkit-bench: %s\n", err.text);
        return MK_EXIT_BROKEN;
    }
    if (strcmp(argv[1], "--worker") == 0) return mk_worker_main(3, 4);
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    }
    /* Options may stand before the file; what is no command and looks like neither is a mistake. */
    if (argv[1][0] != '-' && !strchr(argv[1], '.') && !strchr(argv[1], '/') && stat(argv[1], &file) != 0) {
        return unknown(argv[1]);
    }
    argv[0] = (char *)"run";
    return mk_cmd_run(argc, argv);
}
