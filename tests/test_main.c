/* test_main.c - runs the registered tests, one TAP-like line each, and says how to run one again. */
#include "test.h"

#include <stdarg.h>
#include <stdlib.h>

static struct mk_test *first, **last = &first;
static unsigned failures;
static char skipped[256];

void mk_test_add(struct mk_test *test) {
    *last = test;
    last = &test->next;
}

void mk_test_fail(const char *file, int line, const char *format, ...) {
    va_list args;
    failures++;
    printf("    %s:%d: ", file, line);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void mk_test_skip(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(skipped, sizeof skipped, format, args);
    va_end(args);
}

const char *mk_test_path(const char *below_tests) {
    static char path[4096];
    const char *root = getenv("MK_TESTS_DIR");
    snprintf(path, sizeof path, "%s/%s", root ? root : "tests", below_tests);
    return path;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int main(int argc, char **argv) {
    unsigned passed = 0, failed = 0, skips = 0;
    for (struct mk_test *test = first; test; test = test->next) {
        bool wanted = argc < 2;
        for (int i = 1; i < argc && !wanted; i++) wanted = strstr(test->name, argv[i]) != NULL;
        if (!wanted) continue;
        failures = 0;
        skipped[0] = '\0';
        fflush(stdout);
        test->run();
        if (failures) {
            failed++;
            printf("not ok %s %s   # again: %s %s\n", base_name(test->file), test->name, argv[0], test->name);
        } else if (skipped[0]) {
            skips++;
            printf("ok %s %s # SKIP %s\n", base_name(test->file), test->name, skipped);
        } else {
            passed++;
            printf("ok %s %s\n", base_name(test->file), test->name);
        }
    }
    printf("# %u passed, %u failed, %u skipped\n", passed, failed, skips);
    return failed ? 1 : 0;
}
