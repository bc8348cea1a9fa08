/* symbols.c - which function and line a return address belongs to. DWARF is read by addr2line (of binutils), asked
 * once for all that is new: it takes as long to start as to answer thousands. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../record.h"
#include "modules.h"
#include "report.h"

#define ADDR2LINE "addr2line"
#define ASK_MAX 4096 /* addresses in one call: far from what a command line may have */
#define TABLE_SIZE 256

extern char **environ;

/* What was found out. A table by pc. */
struct known {
    uintptr_t pc;
    const struct mk_symbol *symbol;
};
static struct known *known;
static size_t known_n, known_room;

static struct known *place_of(uintptr_t pc) {
    for (size_t i = pc * 0x9e3779b97f4a7c15u >> 20;; i++) {
        struct known *at = &known[i & (known_room - 1)];
        if (!at->symbol || at->pc == pc) return at;
    }
}

static void widen(void) {
    struct known *old = known;
    size_t n = known_room;
    known_room = n ? 2 * n : TABLE_SIZE;
    known = mk_need(known_room, sizeof *known);
    for (size_t i = 0; i < n; i++) {
        if (old[i].symbol) *place_of(old[i].pc) = old[i];
    }
    free(old);
}

static const struct mk_symbol *find(uintptr_t pc) {
    return known_room ? place_of(pc)->symbol : NULL;
}

static void keep(uintptr_t pc, const struct mk_symbol *symbol) {
    if (2 * (known_n + 1) > known_room) widen();
    struct known *place = place_of(pc);
    if (!place->symbol) known_n++;
    *place = (struct known){pc, symbol};
}

/* ---- names of files -------------------------------------------------------------------------- */

/* Takes "folder/../" out of a path, in place. */
static void fold(char *path) {
    for (char *up = strstr(path, "/../"); up; up = strstr(path, "/../")) {
        char *from = up;
        while (from > path && from[-1] != '/') from--;
        if (from == up || strncmp(from, "../", 3) == 0) return;
        memmove(from, up + 4, strlen(up + 4) + 1);
    }
}

/* Returns the path as people look for it: relative to the tree, which the build calls ".", or to where they are. */
static char *tidy(const char *path) {
    char here[PATH_MAX];
    while (strncmp(path, "./", 2) == 0) path += 2;
    size_t n = *path == '/' && getcwd(here, sizeof here) ? strlen(here) : 0;
    if (n > 1 && strncmp(path, here, n) == 0 && path[n] == '/') path += n + 1;
    char *tidied = mk_need_text(path);
    fold(tidied);
    return tidied;
}

/* ---- what addr2line says --------------------------------------------------------------------- */

/* Appends a frame to a chain. "??" is nothing known. */
static struct mk_symbol *add_frame(struct mk_symbol *inner, const char *function, char *place) {
    struct mk_symbol *frame = mk_need(1, sizeof *frame);
    char *colon = strrchr(place, ':');
    if (strcmp(function, "??") != 0) frame->function = mk_need_text(function);
    if (colon) *colon = '\0';
    if (strcmp(place, "??") != 0) frame->file = tidy(place);
    if (colon && frame->file) frame->line = (uint32_t)strtoul(colon + 1, NULL, 10); /* "12 (discriminator 3)" */
    if (inner) inner->caller = frame;
    return frame;
}

/* Returns a line of text without its end, and moves *text behind it; NULL behind the last. */
static char *next_line(char **text) {
    char *line = *text, *end = line ? strchr(line, '\n') : NULL;
    if (!end) return NULL;
    *end = '\0';
    *text = end + 1;
    return line;
}

/* Keeps what is said of each pc, in their order: a line with the address, then two lines a frame. */
static void read_answer(char *text, const uintptr_t *pc, size_t n) {
    char *line = next_line(&text);
    for (size_t i = 0; i < n && line; i++) {
        struct mk_symbol *first = NULL, *last = NULL;
        while ((line = next_line(&text)) && strncmp(line, "0x", 2) != 0) {
            char *place = next_line(&text);
            if (!place) break;
            last = add_frame(last, line, place);
            if (!first) first = last;
        }
        if (first) keep(pc[i], first);
    }
}

static void read_all(int fd, struct mk_text *out) {
    char part[4096];
    ssize_t got;
    while ((got = read(fd, part, sizeof part)) > 0 || (got < 0 && errno == EINTR)) {
        if (got > 0) mk_text_add(out, part, (size_t)got);
    }
}

/* Runs a program. Returns 0 and what it writes, or the errno that says why it could not be started. */
static int run(char **arguments, struct mk_text *out) {
    posix_spawn_file_actions_t files;
    int ends[2], status, failed;
    pid_t child;
    if (pipe2(ends, O_CLOEXEC)) return errno;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    failed = posix_spawnp(&child, arguments[0], &files, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);
    if (!failed) {
        read_all(ends[0], out);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    }
    close(ends[0]);
    return failed;
}

const char *mk_symbols_missing(void) {
    char *arguments[] = {(char *)ADDR2LINE, (char *)"--version", NULL};
    struct mk_text version = {0};
    int failed = run(arguments, &version);
    mk_text_free(&version);
    return failed ? ADDR2LINE " is missing, which is in the Debian package binutils" : NULL;
}

/* Asks about addresses of one module. */
static void ask(const struct mk_module *module, const uintptr_t *pc, size_t n) {
    static const char *const head[] = {ADDR2LINE, "-a", "-f", "-i", "-e"};
    enum { HEAD = sizeof head / sizeof *head };
    char **arguments = mk_need(HEAD + 1 + n + 1, sizeof *arguments);
    struct mk_text answer = {0};
    for (size_t i = 0; i < HEAD; i++) arguments[i] = mk_need_text(head[i]);
    /* In the child, "self" would be addr2line. */
    arguments[HEAD] = strcmp(module->path, "/proc/self/exe") == 0 ? mk_need_format("/proc/%ld/exe", (long)getpid())
                                                                  : mk_need_text(module->path);
    for (size_t i = 0; i < n; i++) {
        arguments[HEAD + 1 + i] = mk_need_format("0x%lx", (unsigned long)(pc[i] - 1 - module->base));
    }
    run(arguments, &answer);
    if (answer.at) read_answer(answer.at, pc, n);
    for (size_t i = 0; i < HEAD + 1 + n; i++) free(arguments[i]);
    free(arguments);
    mk_text_free(&answer);
}

/* ---- lookups --------------------------------------------------------------------------------- */

/* What addr2line knew nothing of still has a function, if there is a symbol. */
static void keep_from_symtab(uintptr_t pc) {
    const struct mk_symbol *known_so_far = find(pc);
    if (known_so_far && known_so_far->function) return;
    struct mk_module *module = mk_module_at(pc - 1);
    const struct mk_module_symbol *found = module ? mk_module_symbol(module, pc - 1, true) : NULL;
    struct mk_symbol *symbol = mk_need(1, sizeof *symbol);
    if (known_so_far) *symbol = *known_so_far;
    if (found) symbol->function = found->name;
    keep(pc, symbol);
}

/* A pc that is new, and where it lies. */
struct asked {
    struct mk_module *module;
    uintptr_t pc;
};

static int by_module(const void *a, const void *b) {
    const struct asked *one = a, *other = b;
    if (one->module != other->module) {
        uintptr_t left = one->module ? one->module->base : 0, right = other->module ? other->module->base : 0;
        return left != right ? (left > right) - (left < right) : (one->module > other->module ? 1 : -1);
    }
    return (one->pc > other->pc) - (one->pc < other->pc);
}

/* Asks about the first of those that are of one module. Returns how many that were; some may be the same. */
static size_t ask_some(const struct asked *asked, size_t n) {
    uintptr_t *pc = mk_need(n < ASK_MAX ? n : ASK_MAX, sizeof *pc);
    size_t same = 0;
    size_t different = 0;
    while (same < n && different < ASK_MAX && asked[same].module == asked[0].module) {
        if (!different || pc[different - 1] != asked[same].pc) pc[different++] = asked[same].pc;
        same++;
    }
    if (asked[0].module) ask(asked[0].module, pc, different);
    for (size_t i = 0; i < different; i++) keep_from_symtab(pc[i]);
    free(pc);
    return same;
}

void mk_symbols(const uintptr_t *pc, size_t n, const struct mk_symbol **out) {
    struct asked *asked = mk_need(n ? n : 1, sizeof *asked);
    size_t asked_n = 0;
    for (size_t i = 0; i < n; i++) {
        if (!find(pc[i])) asked[asked_n++] = (struct asked){mk_module_at(pc[i] - 1), pc[i]};
    }
    qsort(asked, asked_n, sizeof *asked, by_module);
    for (size_t i = 0; i < asked_n;) i += ask_some(asked + i, asked_n - i);
    for (size_t i = 0; i < n; i++) out[i] = find(pc[i]);
    free(asked);
}

const char *mk_symbol_data(uintptr_t address) {
    static char text[256];
    struct mk_module *module = mk_module_at(address);
    const struct mk_module_symbol *symbol = module ? mk_module_symbol(module, address, false) : NULL;
    size_t offset = symbol ? address - module->base - symbol->address : 0;
    if (!symbol) {
        text[0] = '\0';
    } else if (offset) {
        snprintf(text, sizeof text, "%s+%zu", symbol->name, offset);
    } else {
        snprintf(text, sizeof text, "%s", symbol->name);
    }
    return text;
}
