/* test_sanitizer.c - reports that gcc 12's and clang 14's runtimes wrote (tests/data/sanitizer), read back; what
 * hides them; and what the runtimes need.
 *
 * Each file of reports holds what several programs wrote, with a line "@memkit NAME" before each. expected.txt says
 * what is to be made of them. */
#include "child.h"
#include "test.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../harness/sanitizer_parts.h"

#define ROOT "/build/memkit"

static const char *const sources[] = {"asan-clang", "asan-gcc",    "tsan-clang",
                                      "tsan-gcc",   "ubsan-clang", "ubsan-gcc"};
#define SOURCES (sizeof sources / sizeof *sources)

struct reports {
    struct mk_sanitizer_report *list;
    size_t n;
};

static struct reports read_reports(const char *text, size_t n) {
    struct reports reports = {0};
    mk_sanitizer_read(text, n, ROOT, &reports.list, &reports.n);
    return reports;
}

static void free_reports(struct reports *reports) {
    mk_sanitizer_free(reports->list, reports->n);
}

static struct mk_text load(const char *name) {
    struct mk_text text = {0};
    struct mk_err err;
    char *path = mk_need_format("data/sanitizer/%s.txt", name);
    int failed = mk_text_load(&text, mk_test_path(path), 1u << 20, &err);
    if (failed) mk_test_fail(__FILE__, __LINE__, "%s: %s", path, err.text);
    free(path);
    if (!text.at) mk_text_puts(&text, "");
    return text;
}

/* As mk_text_save does, without waiting for the disk. */
static int write_file(const char *path, const struct mk_text *text) {
    FILE *file = fopen(path, "wb");
    bool whole = file && (!text->n || fwrite(text->at, text->n, 1, file) == 1);
    if (file && fclose(file)) whole = false;
    return whole ? 0 : -1;
}

/* Returns the part of a file that one program wrote. */
static struct mk_text load_part(const char *source, const char *name) {
    struct mk_text all = load(source), part = {0};
    char *marker = mk_need_format("@memkit %s\n", name);
    const char *at = strstr(all.at, marker);
    if (!at) {
        mk_test_fail(__FILE__, __LINE__, "%s has no part %s", source, name);
    } else {
        at += strlen(marker);
        const char *end = strstr(at, "\n@memkit ");
        mk_text_add(&part, at, end ? (size_t)(end + 1 - at) : strlen(at));
    }
    if (!part.at) mk_text_puts(&part, "");
    free(marker);
    mk_text_free(&all);
    return part;
}

/* Writes a finding as expected.txt has it. */
static void put_finding(struct mk_text *out, const struct mk_finding_sample *finding) {
    mk_text_printf(out, "  %s: %s\n", finding->rule, finding->what);
    if (finding->object) mk_text_printf(out, "    of %s\n", finding->object);
    for (size_t i = 0; i < finding->stacks_n; i++) {
        const struct mk_stack *stack = &finding->stacks[i];
        const struct mk_stack_frame *frame = stack->frames;
        mk_text_printf(out, "    %s: %zu", stack->title, stack->frames_n);
        if (stack->frames_n) {
            mk_text_printf(out, ", %s %s:%u %s", frame->function ? frame->function : "-",
                           frame->file ? frame->file : "-", frame->line, frame->module ? frame->module : "-");
        }
        mk_text_puts(out, "\n");
    }
}

/* ---- reading ------------------------------------------------------------------------------ */

static void put_source(struct mk_text *out, const char *source) {
    struct mk_text text = load(source);
    struct reports reports = read_reports(text.at, text.n);
    const char *marker = NULL;
    for (size_t i = 0; i < reports.n; i++) {
        const struct mk_sanitizer_report *report = &reports.list[i];
        const char *last = NULL, *from = text.at + report->from;
        for (const char *at = text.at; (at = strstr(at, "@memkit ")) && at < from; at++) last = at;
        int name_n = last ? (int)strcspn(last + 8, "\n") : 0;
        if (last && last != marker) mk_text_printf(out, "%s %.*s\n", source, name_n, last + 8);
        marker = last;
        put_finding(out, &report->finding);
    }
    free_reports(&reports);
    mk_text_free(&text);
}

TEST(reports_are_read_as_expected) {
    struct mk_text got = {0}, want = load("expected");
    for (size_t i = 0; i < SOURCES; i++) put_source(&got, sources[i]);
    const char *a = got.at, *b = want.at;
    for (size_t line = 1; *a || *b; line++) {
        size_t an = strcspn(a, "\n"), bn = strcspn(b, "\n");
        if (an != bn || memcmp(a, b, an) != 0) {
            mk_test_fail(__FILE__, __LINE__, "expected.txt:%zu says\n    %.*s\nnot\n    %.*s", line, (int)bn, b,
                         (int)an, a);
            break;
        }
        a += an + (a[an] == '\n');
        b += bn + (b[bn] == '\n');
    }
    const char *path = getenv("MK_TEST_WRITE");
    struct mk_err err;
    if (path && mk_text_save(&got, path, &err)) mk_test_fail(__FILE__, __LINE__, "%s", err.text);
    mk_text_free(&got);
    mk_text_free(&want);
}

/* The runtimes close most reports with a name of their own for what they found. */
TEST(rules_are_those_of_the_summaries) {
    size_t compared = 0;
    for (size_t i = 0; i < SOURCES; i++) {
        struct mk_text text = load(sources[i]);
        struct reports reports = read_reports(text.at, text.n);
        for (size_t k = 0; k < reports.n; k++) {
            const struct mk_finding_sample *finding = &reports.list[k].finding;
            const char *summary = strstr(finding->detail, "SUMMARY: "), *name = strchr(finding->rule, '/') + 1;
            if (!summary || strncmp(finding->rule, "lsan", 4) == 0) continue;
            summary = strstr(summary, "Sanitizer: ") + strlen("Sanitizer: ");
            if (strncmp(summary, "undefined-behavior", 18) == 0) continue;
            size_t n = 0;
            while (name[n] && ((summary[n] | 0x20) == name[n] || (summary[n] == ' ' && name[n] == '-'))) n++;
            if (name[n]) mk_test_fail(__FILE__, __LINE__, "%s, but %.60s", finding->rule, summary);
            compared++;
        }
        free_reports(&reports);
        mk_text_free(&text);
    }
    CHECK(compared > 40);
}

TEST(offsets_hold_the_report_and_no_marker) {
    for (size_t i = 0; i < SOURCES; i++) {
        struct mk_text text = load(sources[i]);
        struct reports reports = read_reports(text.at, text.n);
        size_t end = 0;
        for (size_t k = 0; k < reports.n; k++) {
            const struct mk_sanitizer_report *report = &reports.list[k];
            struct mk_span span = {text.at + report->from, report->to - report->from};
            CHECK(report->from >= end && report->from < report->to && report->to <= text.n);
            CHECK(!mk_span_has(span, "@memkit"));
            span = mk_span_trim(span);
            CHECK_EQ(span.n, strlen(report->finding.detail));
            CHECK(memcmp(span.at, report->finding.detail, span.n) == 0);
            end = report->to;
        }
        free_reports(&reports);
        mk_text_free(&text);
    }
    struct mk_text text = load_part("tsan-gcc", "three");
    struct reports reports = read_reports(text.at, text.n);
    CHECK_EQ(reports.n, 2);
    CHECK_EQ(reports.list[0].from, 0);
    CHECK_EQ(reports.list[0].to, reports.list[1].from);
    CHECK_STR(text.at + reports.list[1].to, "ThreadSanitizer: reported 2 warnings\n");
    free_reports(&reports);
    mk_text_free(&text);
}

/* A report that lost its end takes nothing of what comes after. */
TEST(reports_without_an_end_stop_where_others_begin) {
    static const char race[] = "WARNING: ThreadSanitizer: data race (pid=1)\n    #0 f x.c:1\n";
    static const char summary[] = "SUMMARY: ThreadSanitizer: data race x.c:1 in f\n";
    char *cut = mk_need_format("%s@memkit next\n    #1 g x.c:2\n", race);
    char *summed = mk_need_format("%s%sbye\n    #1 g x.c:2\n", race, summary);
    char *next = mk_need_format("%s==================\n%s", race, race);
    struct reports reports = read_reports(cut, strlen(cut));
    CHECK_EQ(reports.n, 1);
    CHECK_EQ(reports.list[0].to, sizeof race - 1);
    CHECK_EQ(reports.list[0].finding.stacks[0].frames_n, 1);
    free_reports(&reports);
    reports = read_reports(summed, strlen(summed));
    CHECK_EQ(reports.n, 1);
    CHECK_EQ(reports.list[0].to, sizeof race - 1 + sizeof summary - 1);
    free_reports(&reports);
    reports = read_reports(next, strlen(next));
    CHECK_EQ(reports.n, 2);
    free_reports(&reports);
    free(cut);
    free(summed);
    free(next);
}

/* Whatever is cut off: what is there is taken, what is whole is as before. */
TEST(truncated_reports_are_taken_as_far_as_they_go) {
    for (size_t i = 0; i < SOURCES; i++) {
        struct mk_text text = load(sources[i]);
        struct reports whole = read_reports(text.at, text.n);
        size_t last = whole.n - 1, from = whole.list[last].from;
        for (size_t n = from; n < text.n; n++) {
            char *copy = mk_need(n - from + 1, 1);
            memcpy(copy, text.at + from, n - from);
            struct reports cut = read_reports(copy, n - from);
            CHECK(cut.n <= 1);
            for (size_t k = 0; k < cut.n; k++) CHECK(cut.list[k].to <= n - from && cut.list[k].finding.what);
            if (n >= whole.list[last].to) CHECK_STR(cut.list[0].finding.what, whole.list[last].finding.what);
            free_reports(&cut);
            free(copy);
        }
        free_reports(&whole);
        mk_text_free(&text);
    }
    struct mk_text text = load_part("tsan-gcc", "heap");
    struct reports cut = read_reports(text.at, (size_t)(strstr(text.at, "  As if") - text.at));
    CHECK_EQ(cut.n, 1);
    CHECK_STR(cut.list[0].finding.rule, "tsan/data-race");
    CHECK_EQ(cut.list[0].finding.stacks_n, 2);
    free_reports(&cut);
    mk_text_free(&text);
}

/* Programs write to stderr as well. */
TEST(lines_of_others_are_passed_over) {
    for (size_t i = 0; i < SOURCES; i++) {
        struct mk_text text = load(sources[i]), mixed = {0};
        struct mk_span rest = {text.at, text.n}, line;
        while (mk_span_line(&rest, &line)) {
            mk_text_add(&mixed, line.at, line.n);
            mk_text_puts(&mixed, "\nsomething else\n");
        }
        struct reports plain = read_reports(text.at, text.n), garbled = read_reports(mixed.at, mixed.n);
        CHECK_EQ(plain.n, garbled.n);
        for (size_t k = 0; k < plain.n && k < garbled.n; k++) {
            struct mk_text a = {0}, b = {0};
            put_finding(&a, &plain.list[k].finding);
            put_finding(&b, &garbled.list[k].finding);
            CHECK_STR(b.at, a.at);
            mk_text_free(&a);
            mk_text_free(&b);
        }
        free_reports(&plain);
        free_reports(&garbled);
        mk_text_free(&text);
        mk_text_free(&mixed);
    }
}

/* Reads one report out of a string and checks what it came to. */
static void expect(const char *text, const char *rule, const char *what, const char *object) {
    struct reports reports = read_reports(text, strlen(text));
    CHECK_EQ(reports.n, rule ? 1 : 0);
    if (rule && reports.n == 1) {
        CHECK_STR(reports.list[0].finding.rule, rule);
        CHECK_STR(reports.list[0].finding.what, what);
        if (object) CHECK_STR(reports.list[0].finding.object, object);
    }
    free_reports(&reports);
}

TEST(further_forms_of_reports) {
    expect("WARNING: ThreadSanitizer: double lock of a mutex (pid=1)\n    #0 f ./impl/x.c:3:4 (p+0x1)\n",
           "tsan/double-lock-of-a-mutex", "double lock of a mutex in f (impl/x.c:3)", NULL);
    expect(
        "==================\nWARNING: ThreadSanitizer: data race (pid=1)\n"
        "  Atomic read of size 4 at 0x7f01 by thread T3 'w (x)' (mutexes: read M1):\n"
        "    #0 <null> <null> (liba.so+0x12)\n\n"
        "  Previous write of size 2 at 0x7f02 by main thread:\n    [failed to restore the stack]\n\n",
        "tsan/data-race",
        "data race: atomic read of 4 bytes in a function without a name (liba.so) by thread T3 'w (x)', write of 2 "
        "bytes in an unknown place by main thread before it",
        NULL);
    expect("==1==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x1 at pc 0x2 bp 0x3 sp 0x4\n"
           "READ of size 1 at 0x1 thread T0\n    #0 0x1 in f " ROOT "/impl/a b.c:3\n\n"
           "0x1 is located 0 bytes after 4-byte region [0x1,0x2)\nallocated by thread T7 here:\n"
           "    #0 0x1 in operator new(unsigned long) (/lib/libasan.so.8+0x1)\n",
           "asan/heap-buffer-overflow", "heap-buffer-overflow: read of 1 byte in f (impl/a b.c:3) by thread T0",
           "0 bytes after a heap block of 4 bytes allocated by thread T7");
    expect("AddressSanitizer:DEADLYSIGNAL\n", "asan/deadlysignal",
           "a fatal signal of which AddressSanitizer could say no more", NULL);
    expect("==7==ERROR: LeakSanitizer: detected memory leaks\n", "lsan/leak", "memory is lost", NULL);
    expect("==7==LeakSanitizer has encountered a fatal error.\n", "lsan/fatal-error",
           "LeakSanitizer cannot go on: has encountered a fatal error", NULL);
    expect(
        "ThreadSanitizer: CHECK failed: tsan_rtl.cpp:44 \"((x)) != (0)\" (0x0, 0x0) (tid=3)\n    #0 f x.c:1\n",
        "tsan/check-failed", "ThreadSanitizer cannot go on: CHECK failed: tsan_rtl.cpp:44 \"((x)) != (0)\"", NULL);
    expect("==3==AddressSanitizer: hard rss limit exhausted (200Mb vs 202Mb)\n", "asan/rss-limit-exceeded",
           "AddressSanitizer cannot go on: hard rss limit exhausted (200Mb vs 202Mb)", NULL);
}

TEST(what_is_no_report_is_none) {
    expect("ThreadSanitizer: reported 1 warnings\n", NULL, NULL, NULL);
    expect("SUMMARY: AddressSanitizer: 71 byte(s) leaked in 3 allocation(s).\n", NULL, NULL, NULL);
    expect("==3==WARNING: AddressSanitizer failed to allocate 0x1 bytes\n", NULL, NULL, NULL);
    expect("==3==AddressSanitizer: soft rss limit exhausted (1Mb vs 2Mb)\n", NULL, NULL, NULL);
    expect("memkit: runtime error: none\n", NULL, NULL, NULL);
    expect("@memkit WARNING: ThreadSanitizer: data race (pid=1)\n", NULL, NULL, NULL);
    expect("==================\n\n    #0 f x.c:1 (p+0x1)\n", NULL, NULL, NULL);
    expect("", NULL, NULL, NULL);
}

/* Long lines, deep stacks and brackets that never close: all of it is read, and none of it copied whole. */
TEST(hostile_reports_stay_small) {
    struct mk_text text = {0};
    mk_text_puts(&text, "WARNING: ThreadSanitizer: ");
    mk_text_repeat(&text, '(', 200000);
    mk_text_puts(&text, " (pid=1)\n    #0 ");
    mk_text_repeat(&text, '<', 200000);
    mk_text_puts(&text, "\n  Location is ");
    mk_text_repeat(&text, 'x', 200000);
    mk_text_puts(&text, ":\n");
    for (int i = 0; i < 5000; i++) mk_text_printf(&text, "    #%d f x.c:99999999999999999999 (p+0x1)\n", i);
    mk_text_add(&text, "a\0b\n", 4);
    struct reports reports = read_reports(text.at, text.n);
    CHECK_EQ(reports.n, 1);
    const struct mk_finding_sample *finding = &reports.list[0].finding;
    CHECK(strlen(finding->what) < 4 * MK_SPAN_TEXT_MAX);
    CHECK(strlen(finding->object) <= MK_SPAN_TEXT_MAX);
    CHECK(strlen(finding->detail) < 66000);
    CHECK_EQ(finding->stacks_n, 2);
    CHECK_EQ(finding->stacks[0].frames_n + finding->stacks[1].frames_n, 5001);
    CHECK_EQ(finding->stacks[1].frames[7].line, UINT32_MAX);
    free_reports(&reports);
    mk_text_free(&text);
}

/* ---- suppressions ------------------------------------------------------------------------- */

/* Reads a suppressions file with the given text. */
static int suppressors_of(const char *lines, struct mk_suppressor **list, size_t *n, struct mk_err *err) {
    char path[256];
    struct mk_text text = {0};
    close(child_file(path, sizeof path));
    mk_text_puts(&text, lines);
    if (write_file(path, &text)) mk_test_fail(__FILE__, __LINE__, "cannot write %s", path);
    mk_text_free(&text);
    int failed = mk_suppressors_read(path, list, n, err);
    unlink(path);
    const char *name = strstr(err->text, ":");
    if (failed && name) memmove(err->text, name, strlen(name) + 1); /* without the file */
    return failed;
}

static bool hidden(const char *lines, const char *source, const char *part) {
    struct mk_suppressor *list = NULL;
    size_t n = 0;
    struct mk_err err = {""};
    if (suppressors_of(lines, &list, &n, &err)) mk_test_fail(__FILE__, __LINE__, "%s: %s", lines, err.text);
    struct mk_text text = load_part(source, part);
    struct reports reports = read_reports(text.at, text.n);
    bool hides = reports.n && mk_suppressors_hide(list, n, &reports.list[0].finding);
    uint64_t counted = 0;
    for (size_t i = 0; i < n; i++) counted += list[i].count;
    CHECK_EQ(counted, hides ? 1 : 0);
    mk_suppressors_free(list, n);
    free_reports(&reports);
    mk_text_free(&text);
    return hides;
}

TEST(suppressions_hide_what_the_runtimes_would) {
    CHECK(hidden("race:put_value", "tsan-gcc", "heap")); /* the earlier access */
    CHECK(hidden("race:get_value", "tsan-gcc", "heap"));
    CHECK(hidden("race:^reader$", "tsan-gcc", "heap")); /* below the top */
    CHECK(hidden("race:impl/map/race.c", "tsan-clang", "heap"));
    CHECK(hidden("race:race.clang", "tsan-clang", "heap")); /* the module */
    CHECK(hidden("race:global_count", "tsan-gcc", "atomic"));
    CHECK(hidden("race:^use_freed", "tsan-gcc", "freed"));
    CHECK(!hidden("race:main", "tsan-gcc", "heap")); /* allocated, and started the threads */
    CHECK(!hidden("race:usleep", "tsan-gcc", "heap"));
    CHECK(!hidden("race:take_two", "tsan-gcc", "chain"));
    CHECK(!hidden("deadlock:get_value", "tsan-gcc", "heap"));
    CHECK(hidden("race_top:get_value", "tsan-gcc", "heap"));
    CHECK(!hidden("race_top:reader", "tsan-gcc", "heap"));
    CHECK(hidden("deadlock:take_two", "tsan-gcc", "chain"));
    CHECK(!hidden("deadlock:ring_of_locks", "tsan-gcc", "chain"));
    CHECK(hidden("mutex:main", "tsan-gcc", "destroy"));
    CHECK(hidden("mutex:main", "tsan-clang", "unlock"));
    CHECK(hidden("thread:main", "tsan-gcc", "thread"));
    CHECK(hidden("signal:handler", "tsan-gcc", "signal"));
    CHECK(hidden("called_from_lib:race.gcc", "tsan-gcc", "memcpy"));
    CHECK(!hidden("called_from_lib:race.gcc", "tsan-gcc", "heap")); /* plain accesses */
    CHECK(hidden("leak:^lose$", "asan-gcc", "leak"));
    CHECK(!hidden("leak:lost", "asan-gcc", "leak"));
    CHECK(hidden("interceptor_name:^strlen$", "asan-gcc", "strict"));
    CHECK(hidden("interceptor_via_fun:main", "asan-gcc", "strict"));
    CHECK(!hidden("interceptor_via_fun:strlen", "asan-gcc", "strict"));
    CHECK(!hidden("interceptor_via_fun:main", "asan-gcc", "poison")); /* by no function of libc */
    CHECK(hidden("undefined:impl/map/memory.c", "ubsan-gcc", "signed"));
    CHECK(!hidden("race:main", "asan-gcc", "uaf"));
}

TEST(patterns_have_stars_and_anchors) {
    CHECK(hidden("race:get*lue", "tsan-gcc", "heap"));
    CHECK(hidden("race:^get*e$", "tsan-gcc", "heap"));
    CHECK(hidden("race:*", "tsan-gcc", "heap"));
    CHECK(hidden("race:^impl/*/race.c$", "tsan-gcc", "heap"));
    CHECK(!hidden("race:^value", "tsan-gcc", "heap"));
    CHECK(!hidden("race:get$", "tsan-gcc", "heap"));
    CHECK(!hidden("race:^get$", "tsan-gcc", "heap"));
    CHECK(!hidden("race:^value$", "tsan-gcc", "heap"));
    CHECK(!hidden("race:lue*get", "tsan-gcc", "heap"));
    CHECK(!hidden("race:^get_value_and_more$", "tsan-gcc", "heap"));
    CHECK(hidden("# nothing\n\n  race:nobody  \n\trace:get_value \r\n", "tsan-gcc", "heap"));
}

TEST(suppressions_leave_other_findings_alone) {
    struct mk_suppressor *list = NULL;
    size_t n = 0;
    struct mk_err err = {""};
    struct mk_stack_frame frame = {"f", "x.c", 1, NULL};
    struct mk_stack stack = {"Write", &frame, 1};
    struct mk_finding_sample finding = {.rule = "map/history", .stacks = &stack, .stacks_n = 1};
    CHECK_EQ(suppressors_of("race:*\nleak:*\nundefined:*\nthread:*", &list, &n, &err), 0);
    CHECK_EQ(n, 4);
    CHECK(!mk_suppressors_hide(list, n, &finding));
    finding.rule = "tsan/data-race";
    CHECK(mk_suppressors_hide(list, n, &finding));
    CHECK(mk_suppressors_hide(list, n, &finding));
    CHECK_EQ(list[0].count, 2);
    CHECK_STR(list[0].pattern, "race:*");
    mk_suppressors_free(list, n);
}

static void refused(const char *lines, const char *begins) {
    struct mk_suppressor *list = NULL;
    size_t n = 0;
    struct mk_err err = {""};
    CHECK_EQ(suppressors_of(lines, &list, &n, &err), -1);
    if (strncmp(err.text, begins, strlen(begins)) != 0) {
        mk_test_fail(__FILE__, __LINE__, "says '%s', not '%s'", err.text, begins);
    }
    mk_suppressors_free(list, n);
}

TEST(suppressions_that_are_wrong_are_named) {
    refused("race:f\nraces:g\n", ":2: there is no kind 'races'; there are: race race_top mutex");
    refused("f\n", ":1: 'f' is no suppression: write kind:pattern");
    refused("\nrace:\n", ":2: 'race:' has no pattern");
    struct mk_suppressor *list = NULL;
    size_t n = 0;
    struct mk_err err = {""};
    CHECK_EQ(mk_suppressors_read("no/such/file", &list, &n, &err), -1);
    CHECK_STR(err.text, "no/such/file: cannot be read: No such file or directory");
}

/* ---- the environment ---------------------------------------------------------------------- */

static bool lists(const char *variable, const char *option) {
    char *list = mk_need_format(":%s:", getenv(variable) ? getenv(variable) : ""),
         *whole = mk_need_format(":%s:", option);
    bool has = strstr(list, whole) != NULL;
    free(list);
    free(whole);
    return has;
}

TEST(options_of_the_user_win) {
    setenv("TSAN_OPTIONS", "log_path='a:halt_on_error=7' exitcode=3,suppressions=\"x:y\"", 1);
    unsetenv("ASAN_OPTIONS");
    mk_sanitizer_environment("tsan");
    CHECK(lists("TSAN_OPTIONS", "history_size=7"));
    CHECK(lists("TSAN_OPTIONS", "halt_on_error=0")); /* the other one is part of a path */
    CHECK(!lists("TSAN_OPTIONS", "exitcode=66"));
    CHECK(strstr(getenv("TSAN_OPTIONS"), "exitcode=3") != NULL);
    CHECK(!getenv("ASAN_OPTIONS"));
    char *once = mk_need_text(getenv("TSAN_OPTIONS"));
    mk_sanitizer_environment("tsan");
    CHECK_STR(getenv("TSAN_OPTIONS"), once);
    free(once);
    unsetenv("UBSAN_OPTIONS");
    setenv("LSAN_OPTIONS", "report_objects=1", 1);
    mk_sanitizer_environment("asan");
    CHECK(lists("ASAN_OPTIONS", "detect_leaks=1"));
    CHECK(lists("UBSAN_OPTIONS", "print_stacktrace=1"));
    CHECK(lists("LSAN_OPTIONS", "report_objects=1"));
    unsetenv("ASAN_OPTIONS");
    mk_sanitizer_environment("release");
    CHECK(!getenv("ASAN_OPTIONS"));
}

static unsigned long persona;
static int changes;

static int allow(unsigned long to) {
    int was = (int)persona;
    if (to == 0xffffffff) return was;
    changes++;
    persona = to;
    return was;
}

static int forbid(unsigned long to) {
    if (to == 0xffffffff) return 0x200000;
    errno = EPERM;
    return -1;
}

TEST(randomised_addresses_are_switched_off_where_needed) {
    struct mk_err err = {""};
    persona = 0x200000;
    CHECK_EQ(mk_sanitizer_addresses_of("tsan", 28, allow, &err), 0);
    CHECK_EQ(mk_sanitizer_addresses_of("release", 32, allow, &err), 0);
    CHECK_EQ(changes, 0);
    CHECK_EQ(mk_sanitizer_addresses_of("tsan", 32, allow, &err), 0);
    CHECK_EQ(persona, 0x200000 | ADDR_NO_RANDOMIZE);
    CHECK_EQ(mk_sanitizer_addresses_of("asan", 32, allow, &err), 0);
    CHECK_EQ(changes, 1);
    CHECK_EQ(mk_sanitizer_addresses_of("tsan", 32, forbid, &err), -1);
    CHECK(strstr(err.text, "ThreadSanitizer does not start: the kernel randomises 32 bits"));
    CHECK(strstr(err.text, "sysctl vm.mmap_rnd_bits=28"));
    CHECK(strstr(err.text, "docker run --security-opt seccomp=unconfined")); /* the end: all of it has room */
}

/* A child's own child has it too, past an exec. */
TEST(children_inherit_addresses) {
    int now = personality(0xffffffff);
    if (now < 0) SKIP("personality: %s", strerror(errno));
    if (now & ADDR_NO_RANDOMIZE) SKIP("already switched off");
    pid_t pid = fork();
    if (pid == 0) {
        struct mk_err err;
        if (mk_sanitizer_addresses_of("tsan", 32, personality, &err)) _exit(77);
        execlp("grep", "grep", "-q", "^0*4", "/proc/self/personality", (char *)NULL);
        _exit(76);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) SKIP("personality is forbidden here");
    CHECK_EQ(status, 0);
    CHECK_EQ(personality(0xffffffff), now);
}

/* ---- fences ------------------------------------------------------------------------------- */

static const char with_fence[] =
    "#include <stdatomic.h>\nint f(void) { atomic_thread_fence(memory_order_acquire); return 1; }\n";
static const char without_fence[] = "int f(_Atomic int *x) { return *x; }\n";

/* Returns whether there was a compiler. */
static bool build(const char *folder, const char *name, const char *source, const char *flags) {
    char *command = mk_need_format("cd %s && cat >%s.c && exec cc -w -fPIC %s %s.c -o %s.so 2>/dev/null", folder,
                                   name, flags, name, name);
    FILE *pipe = popen(command, "w");
    bool built = pipe && fputs(source, pipe) >= 0;
    if (pipe && pclose(pipe)) built = false;
    free(command);
    return built;
}

static bool fences_in(const char *folder, const char *name) {
    char *path = mk_need_format("%s/%s", folder, name);
    bool has = mk_sanitizer_has_fences(path);
    free(path);
    return has;
}

static void remove_folder(const char *folder) {
    char *command = mk_need_format("rm -rf %s", folder);
    CHECK_EQ(system(command), 0);
    free(command);
}

/* Every cut, and many a changed byte, of a shared object: answers of any sort, but answers. */
static void break_object(const char *folder) {
    struct mk_text object = {0};
    struct mk_err err;
    char *path = mk_need_format("%s/with.so", folder), *broken = mk_need_format("%s/broken", folder);
    CHECK_EQ(mk_text_load(&object, path, 1u << 24, &err), 0);
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)object.at;
    for (size_t i = 0; i < 400; i++) {
        struct mk_text copy = {0};
        size_t n = i < 100 ? object.n * i / 100 : object.n;
        mk_text_add(&copy, object.at, n);
        uint64_t noise = (i + 1) * 0x9e3779b97f4a7c15u;
        size_t table = i % 2 && header->e_shoff < object.n ? header->e_shoff : 0; /* has the most to be broken */
        if (i >= 100) copy.at[table + noise % (table ? object.n - table : 64)] ^= (char)(noise >> 32 | 1);
        CHECK_EQ(write_file(broken, &copy), 0);
        bool has = mk_sanitizer_has_fences(broken);
        if (i < 100 && n < header->e_shoff) CHECK(!has);
        mk_text_free(&copy);
    }
    mk_text_free(&object);
    free(path);
    free(broken);
}

TEST(fences_are_seen_in_objects) {
    char folder[256];
    child_folder(folder, sizeof folder);
    if (!build(folder, "with", with_fence, "-shared -fsanitize=thread") ||
        !build(folder, "without", without_fence, "-shared -fsanitize=thread") ||
        !build(folder, "plain", with_fence, "-shared") ||
        !build(folder, "part", with_fence, "-c -fsanitize=thread")) {
        remove_folder(folder);
        SKIP("no compiler with -fsanitize=thread");
    }
    CHECK(fences_in(folder, "with.so"));
    CHECK(fences_in(folder, "part.so"));
    CHECK(!fences_in(folder, "without.so"));
    CHECK(!fences_in(folder, "plain.so"));
    CHECK(!fences_in(folder, "with.c"));
    CHECK(!fences_in(folder, "no-such-file"));
    CHECK(!fences_in(folder, "."));
    break_object(folder);
    remove_folder(folder);
}

/* The least file of 32 bits that has the symbol: a header, two sections, a symbol, its name. */
TEST(fences_are_seen_in_objects_of_32_bits) {
    static const char names[] = "\0__tsan_atomic_thread_fence";
    struct file {
        Elf32_Ehdr header;
        Elf32_Shdr sections[2];
        Elf32_Sym symbol;
        char names[sizeof names];
    } file = {0};
    char path[256];
    int fd = child_file(path, sizeof path);
    memcpy(file.header.e_ident, ELFMAG, SELFMAG);
    file.header.e_ident[EI_CLASS] = ELFCLASS32;
    file.header.e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
    file.header.e_shoff = offsetof(struct file, sections);
    file.header.e_shentsize = sizeof *file.sections;
    file.header.e_shnum = 2;
    file.sections[0] = (Elf32_Shdr){.sh_type = SHT_DYNSYM, .sh_offset = offsetof(struct file, symbol), .sh_link = 1,
                                    .sh_size = sizeof file.symbol, .sh_entsize = sizeof file.symbol};
    file.sections[1] = (Elf32_Shdr){.sh_type = SHT_STRTAB, .sh_offset = offsetof(struct file, names),
                                    .sh_size = sizeof names};
    file.symbol.st_name = 1;
    memcpy(file.names, names, sizeof names);
    CHECK_EQ(pwrite(fd, &file, sizeof file, 0), sizeof file);
    CHECK(mk_sanitizer_has_fences(path));
    file.sections[1].sh_size = 5; /* the name is longer than the table of names */
    CHECK_EQ(pwrite(fd, &file, sizeof file, 0), sizeof file);
    CHECK(!mk_sanitizer_has_fences(path));
    file.sections[1].sh_size = sizeof names;
    file.symbol.st_shndx = 1; /* defined here, as in a program with the runtime inside */
    CHECK_EQ(pwrite(fd, &file, sizeof file, 0), sizeof file);
    CHECK(!mk_sanitizer_has_fences(path));
    close(fd);
    unlink(path);
}
