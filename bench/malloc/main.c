/* main.c - runs one scenario on the malloc that the process was started with, and prints what came of it as JSON.
 *
 *   malloc_scenarios --list                 a name, threads and a sentence for each
 *   malloc_scenarios --library              where malloc comes from
 *   malloc_scenarios SCENARIO [--mode timed|memory|latency] [--percent N] [--seed N] [--expect WORD]
 *                             [--settle MS]
 *
 *   --mode      timed (preset): CPU time a block; memory: bytes, live and resident; latency: of single calls
 *   --percent   of the usual number of operations (100)
 *   --expect    fails unless the library that malloc comes from has this in its name
 *   --settle    milliseconds between the two looks at memory after all is freed (0)
 *
 * Exit status: 0; 1 where blocks did not hold what was written, calls were not those of the script, or malloc is
 * another one than was expected; 2 for what it does not understand.
 */
#include "scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static const struct scenario *const lists[] = {scripted_scenarios, threaded_scenarios, sharing_scenarios};
static const char *const modes[MODES] = {"timed", "memory", "latency"};

static const struct scenario *find(const char *name) {
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        for (const struct scenario *s = lists[l]; s->name; s++) {
            if (!strcmp(s->name, name)) return s;
        }
    }
    return NULL;
}

static void list(void) {
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        for (const struct scenario *s = lists[l]; s->name; s++) {
            printf("%s\t%u\t%s\n", s->name, s->threads, s->about);
        }
    }
}

static int misused(const char *what, const char *word) {
    fprintf(stderr, "malloc_scenarios: %s \"%s\" (--list names scenarios)\n", what, word);
    return 2;
}

/* ---- what came of it ---- */

static uint64_t process_cpu_ns(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000u +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000u;
}

static void calls_add(struct calls *into, const struct calls *calls) {
    into->malloc += calls->malloc;
    into->calloc += calls->calloc;
    into->realloc += calls->realloc;
    into->free += calls->free;
}

static void print_number(const char *name, uint64_t value) {
    printf(", \"%s\": %" PRIu64, name, value);
}

static void print_calls(const char *name, const struct calls *calls) {
    printf(", \"%s\": {\"malloc\": %" PRIu64, name, calls->malloc);
    print_number("calloc", calls->calloc);
    print_number("realloc", calls->realloc);
    print_number("free", calls->free);
    printf("}");
}

static void print_memory(void) {
    printf(", \"memory\": {\"startup_bytes\": %" PRIu64, outcome.startup);
    print_number("base_bytes", outcome.base);
    print_number("peak_rss_bytes", outcome.peak_rss);
    printf(", \"peak_was_reset\": %s", outcome.peak_was_reset ? "true" : "false");
    print_number("peak_live_bytes", (uint64_t)outcome.peak_live);
    print_number("live_grain_bytes", outcome.live_grain);
    print_number("rss_at_peak_live_bytes", outcome.rss_at_peak);
    print_number("rss_end_bytes", outcome.rss_end);
    print_number("live_end_bytes", outcome.live_end);
    print_number("requested_bytes", outcome.requested_at_peak);
    print_number("usable_bytes", outcome.usable_at_peak);
    print_number("anon_huge_bytes", outcome.huge);
    print_number("lazy_free_bytes", outcome.lazy_free);
    printf(", \"drained\": [");
    for (unsigned i = 0; i < 2; i++) {
        printf("%s{\"after_ms\": %" PRIu32 ", \"rss_bytes\": %" PRIu64 "}", i ? ", " : "", outcome.drained_ms[i],
               outcome.rss_drained[i]);
    }
    printf("]}");
}

static void print_hist(const char *name, const struct hist *hist) {
    static const struct {
        const char *name;
        uint32_t of_a_million;
    } at[] = {{"p50_ns", 500000}, {"p99_ns", 990000}, {"p999_ns", 999000}};
    printf(", \"%s\": {\"samples\": %" PRIu64, name, hist->n);
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        printf(", \"%s\": %.1f", at[i].name, (double)hist_at(hist, at[i].of_a_million) / outcome.ticks_per_ns);
    }
    printf("}");
}

/* What two looks at the clock cost, with nothing between. */
static void print_clock(void) {
    static struct hist hist;
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t began = ticks();
        hist_add(&hist, ticks() - began);
    }
    printf(", \"latency\": {\"clock_ns\": %.1f", (double)hist_at(&hist, 500000) / outcome.ticks_per_ns);
}

static void print_latency(void) {
    static struct latency all;
    for (unsigned t = 0; t <= LANES_MAX; t++) {
        hist_merge(&all.take, &outcome.lane[t].times->take);
        hist_merge(&all.drop, &outcome.lane[t].times->drop);
    }
    print_clock();
    print_hist("malloc", &all.take);
    print_hist("free", &all.drop);
    printf("}");
}

static void print_census(void) {
    printf(", \"census\": {\"objects\": %" PRIu64 ", \"shared\": %" PRIu64 "}", outcome.objects, outcome.shared);
}

/* Returns whether all is as it was scripted. */
static bool print_outcome(const struct scenario *scenario, const char *library) {
    struct calls made = {0}, seen = {0};
    uint64_t wrong = 0;
    for (unsigned t = 0; t <= LANES_MAX; t++) {
        wrong += outcome.lane[t].wrong;
        calls_add(&made, &outcome.lane[t].made);
        calls_add(&seen, &outcome.lane[t].seen);
    }
    bool counted = seen.malloc || seen.calloc || seen.free, same = !counted || !memcmp(&made, &seen, sizeof made);
    printf("{\"scenario\": \"%s\", \"mode\": \"%s\"", scenario->name, modes[settings.mode]);
    printf(", \"library\": \"%s\"", library);
    print_number("threads", scenario->threads);
    print_number("seed", settings.seed);
    print_number("operations", outcome.operations);
    printf(", \"cpu_ns_per_op\": %.3f", (double)outcome.cpu_ns / (double)outcome.operations);
    printf(", \"wall_ns_per_op\": %.3f", (double)outcome.wall_ns / (double)outcome.operations);
    print_number("cpu_ns", outcome.cpu_ns);
    print_number("process_cpu_ns", process_cpu_ns());
    print_number("minor_faults", outcome.faults);
    print_number("wrong", wrong);
    print_calls("calls", &made);
    if (counted) print_calls("seen", &seen);
    if (settings.mode == MODE_MEMORY) print_memory();
    if (outcome.objects) print_census();
    if (settings.mode == MODE_LATENCY) print_latency();
    printf("}\n");
    if (wrong) fprintf(stderr, "malloc_scenarios: %" PRIu64 " blocks did not hold what was written\n", wrong);
    if (!same) fprintf(stderr, "malloc_scenarios: the calls that were seen are not those of the script\n");
    return !wrong && same;
}

/* ---- the command line ---- */

static bool number(const char *text, uint64_t most, uint64_t *value) {
    char *end;
    *value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && *value <= most;
}

/* Returns 0, or an exit status. */
static int read_options(char **word, const char **expect) {
    for (; *word; word += 2) {
        uint64_t value = 0;
        if (!word[1]) return misused("there is no value after", *word);
        if (!strcmp(*word, "--mode")) {
            settings.mode = MODE_TIMED;
            while (settings.mode < MODES && strcmp(modes[settings.mode], word[1]) != 0) settings.mode++;
            if (settings.mode == MODES) return misused("there is no mode", word[1]);
        } else if (!strcmp(*word, "--percent") && number(word[1], 10000, &value) && value) {
            settings.percent = (uint32_t)value;
        } else if (!strcmp(*word, "--seed") && number(word[1], UINT64_MAX, &value)) {
            settings.seed = value;
        } else if (!strcmp(*word, "--settle") && number(word[1], 900, &value)) {
            outcome.drained_ms[1] = (uint32_t)value;
        } else if (!strcmp(*word, "--expect")) {
            *expect = word[1];
        } else {
            return misused("it does not understand", *word);
        }
    }
    return 0;
}

static void make_lanes(void) {
    outcome.lane = map((LANES_MAX + 1) * sizeof *outcome.lane);
    for (unsigned t = 0; t <= LANES_MAX; t++) {
        outcome.lane[t].id = t;
        outcome.lane[t].random = settings.seed + t;
        if (settings.mode == MODE_LATENCY) outcome.lane[t].times = map(sizeof *outcome.lane[t].times);
    }
}

int main(int argc, char **argv) {
    static char buffer[65536]; /* so that printing asks no malloc */
    const char *library = malloc_library(), *expect = NULL;
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    if (argc < 2) return misused("it needs a scenario", "");
    if (!strcmp(argv[1], "--list")) return list(), 0;
    if (!library) die("malloc, calloc, realloc and free are not of one library");
    if (!strcmp(argv[1], "--library")) return puts(library) < 0;
    const struct scenario *scenario = find(argv[1]);
    if (!scenario) return misused("there is no scenario", argv[1]);
    settings = (struct settings){.mode = MODE_TIMED, .percent = 100, .seed = 1};
    int status = read_options(argv + 2, &expect);
    if (status) return status;
    if (expect && !strstr(library, expect)) die("malloc comes from %s, not from %s", library, expect);
    if (settings.mode == MODE_MEMORY) memory_at_start();
    make_lanes();
    scenario->run(scenario);
    return !print_outcome(scenario, library);
}
