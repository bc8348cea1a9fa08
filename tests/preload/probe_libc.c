/* probe_libc.c - probes of what the C library allocates and a program frees, and the other way round. */
#include "probe.h"

#include <dirent.h>
#include <dlfcn.h>
#include <iconv.h>
#include <locale.h>
#include <regex.h>
#include <search.h>
#include <wchar.h>

static void lines(void) {
    char text[4000], *line = malloc(1), *all = NULL;
    size_t room = 1, all_size = 0;
    FILE *out = open_memstream(&all, &all_size);
    CHECK(out && line);
    for (int i = 0; i < 2000; i++) fprintf(out, "%*d\n", i % 300 + 5, i);
    fclose(out);
    FILE *in = fmemopen(all, all_size, "r");
    CHECK(in);
    for (int i = 0; i < 2000; i++) {
        ssize_t length = getline(&line, &room, in);
        snprintf(text, sizeof text, "%*d\n", i % 300 + 5, i);
        CHECK_EQ(length, strlen(text));
        CHECK(strcmp(line, text) == 0);
    }
    CHECK(getline(&line, &room, in) < 0);
    fclose(in);
    free(line);
    free(all);
}

PROBE(libc_streams) {
    lines();
    FILE *file = tmpfile();
    CHECK(file);
    for (int i = 0; i < 10000; i++) fprintf(file, "%d ", i);
    rewind(file);
    for (int i = 0, got; i < 10000; i++) CHECK(fscanf(file, "%d", &got) == 1 && got == i);
    rewind(file);
    char *word = NULL;
    CHECK(fscanf(file, "%ms", &word) == 1 && strcmp(word, "0") == 0);
    free(word);
    fclose(file);
    wchar_t *wide = NULL;
    size_t size = 0;
    FILE *out = open_wmemstream(&wide, &size);
    CHECK(out);
    fwprintf(out, L"%d %s", 7, "wide");
    fclose(out);
    CHECK(wcscmp(wide, L"7 wide") == 0);
    free(wide);
}

PROBE(libc_strings) {
    for (int i = 0; i < 1000; i++) {
        char *text = NULL;
        CHECK(asprintf(&text, "%d and %*d", i, i + 1, i) > 0);
        char *twin = strdup(text), *half = strndup(text, strlen(text) / 2);
        CHECK(twin && half);
        CHECK(strcmp(text, twin) == 0 && strncmp(text, half, strlen(half)) == 0);
        text = realloc(text, strlen(twin) + 2);
        CHECK(text && strcmp(text, twin) == 0);
        free(text);
        free(twin);
        free(half);
    }
    wchar_t *wide = wcsdup(L"wide");
    CHECK(wide && wcscmp(wide, L"wide") == 0);
    free(wide);
}

PROBE(libc_paths_and_environment) {
    char name[32], *here = getcwd(NULL, 0), *real = realpath(".", NULL);
    CHECK(here && real);
    CHECK(strcmp(here, real) == 0);
    free(here);
    free(real);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "PROBE_%d", i);
        CHECK(setenv(name, name, 1) == 0);
    }
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "PROBE_%d", i);
        CHECK(getenv(name) && strcmp(getenv(name), name) == 0);
        CHECK(unsetenv(name) == 0);
    }
    struct dirent **entries = NULL;
    int count = scandir("/proc/self", &entries, NULL, alphasort);
    CHECK(count > 10);
    for (int i = 0; i < count; i++) free(entries[i]);
    free(entries);
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* A sort that merges in a block of its own, a tree, a regular expression, a conversion, a locale. */
PROBE(libc_tools) {
    enum { COUNT = 100000 };
    uint64_t *values = malloc(COUNT * sizeof *values), random = 1;
    void *tree = NULL;
    CHECK(values);
    for (size_t i = 0; i < COUNT; i++) values[i] = probe_random(&random);
    qsort(values, COUNT, sizeof *values, by_value);
    for (size_t i = 1; i < COUNT; i++) CHECK(values[i - 1] <= values[i]);
    for (size_t i = 0; i < 5000; i++) CHECK(tsearch(&values[i * 7 % 5000], &tree, by_value));
    for (size_t i = 0; i < 5000; i++) CHECK(tdelete(&values[i], &tree, by_value));
    free(values);
    regex_t pattern;
    CHECK(regcomp(&pattern, "^(a|b)*c{2,5}[0-9]+$", REG_EXTENDED) == 0);
    CHECK(regexec(&pattern, "ababccc123", 0, NULL, 0) == 0);
    CHECK(regexec(&pattern, "ababc123", 0, NULL, 0) != 0);
    regfree(&pattern);
    iconv_t conversion = iconv_open("UTF-16LE", "UTF-8");
    if (conversion != (iconv_t)-1) CHECK(iconv_close(conversion) == 0);
    locale_t locale = newlocale(LC_ALL_MASK, "C", NULL);
    CHECK(locale);
    freelocale(locale);
}

/* Names of glibc's for the same functions, which some programs call: blocks may be freed by either. */
PROBE(libc_prefixed_names) {
    void *(*get)(size_t) = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "__libc_malloc");
    void *(*get_zero)(size_t, size_t) = (void *(*)(size_t, size_t))dlsym(RTLD_DEFAULT, "__libc_calloc");
    void *(*resize)(void *, size_t) = (void *(*)(void *, size_t))dlsym(RTLD_DEFAULT, "__libc_realloc");
    void *(*get_aligned)(size_t, size_t) = (void *(*)(size_t, size_t))dlsym(RTLD_DEFAULT, "__libc_memalign");
    void (*drop)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "__libc_free");
    if (!get || !get_zero || !resize || !get_aligned || !drop) {
        probe_note("the C library has no such names");
        return;
    }
    for (size_t size = 1; size < 1000000; size = size * 2 + 1) {
        free(get(size));
        free(get_zero(1, size));
        free(get_aligned(64, size));
        free(resize(malloc(size), size * 2));
        void *at = get(size);
        probe_fill(at, size, 1);
        at = realloc(at, size * 2);
        CHECK(at);
        probe_filled(at, size, size, 1);
        drop(at);
        drop(malloc(size));
    }
}
