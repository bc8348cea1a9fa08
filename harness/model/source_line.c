/* source_line.c - lines of source files, for reports. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../record.h"
#include "report.h"

#define FILE_BYTES_MAX ((size_t)8 << 20)
#define FOLDERS_MAX 6 /* above the program: it lies in build/<flavour>, tests below that */

/* A file that was asked for, whole; without text where it cannot be read. */
struct source {
    char *name;
    struct mk_text text;
};
static struct source *sources;
static size_t sources_n;

static bool load_below(struct source *source, const char *folder) {
    struct mk_err err;
    char *path = mk_need_format("%s/%s", folder, source->name);
    bool got = access(path, R_OK) == 0 && mk_text_load(&source->text, path, FILE_BYTES_MAX, &err) == 0;
    free(path);
    return got;
}

/* The tree that the program was built in lies some folders above it. */
static void load_above_program(struct source *source) {
    char folder[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    folder[n > 0 ? n : 0] = '\0';
    for (int i = 0; i < FOLDERS_MAX; i++) {
        char *slash = strrchr(folder, '/');
        if (!slash) return;
        *slash = '\0';
        if (load_below(source, folder)) return;
    }
}

static void load(struct source *source) {
    const char *tree = getenv("MK_SOURCE_DIR");
    struct mk_err err;
    if (*source->name == '/') {
        if (access(source->name, R_OK) == 0) mk_text_load(&source->text, source->name, FILE_BYTES_MAX, &err);
        return;
    }
    if (load_below(source, ".")) return;
    if (tree && *tree && load_below(source, tree)) return;
    load_above_program(source);
}

static const struct source *source_of(const char *name) {
    for (size_t i = 0; i < sources_n; i++) {
        if (strcmp(sources[i].name, name) == 0) return &sources[i];
    }
    struct source *source = mk_grow(&sources, &sources_n, sizeof *source);
    source->name = mk_need_text(name);
    load(source);
    return source;
}

const char *mk_source_line(const char *file, uint32_t line) {
    static char text[512];
    const char *at = file && line ? source_of(file)->text.at : NULL;
    for (uint32_t i = 1; at && i < line; i++) {
        at = strchr(at, '\n');
        if (at) at++;
    }
    if (!at) return "";
    at += strspn(at, " \t\r");
    size_t n = strcspn(at, "\n");
    while (n && isspace((unsigned char)at[n - 1])) n--;
    snprintf(text, sizeof text, "%.*s", (int)(n < sizeof text ? n : sizeof text - 1), at);
    for (char *c = text; *c; c++) {
        if (*c == '\t') *c = ' ';
    }
    return text;
}
