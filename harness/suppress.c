/* suppress.c - which findings of sanitizers are known and not wanted: see sanitizer.h.
 *
 * What is matched, as the runtimes do (the sanitizers' wiki, "ThreadSanitizerSuppressions", and clang's
 * documentation of AddressSanitizer and LeakSanitizer):
 *
 *   race             any frame of the stacks of both accesses, and the name of the global
 *   race_top         the same, but of the stacks only the innermost frame
 *   mutex, signal    any frame of the stacks of what was done
 *   deadlock         any frame of the stacks of the cycle
 *   thread           any frame of where the thread was started
 *   called_from_lib  the module of whoever called a function of libc that the runtime watches
 *   leak             any frame of the allocation
 *   interceptor_name, interceptor_via_fun, interceptor_via_lib
 *                    the function of libc that an error of AddressSanitizer was found in; a function or a module
 *                    that called it
 *   odr_violation    the object
 *   alloc_dealloc_mismatch
 *                    any frame of any stack
 *   undefined        any frame; it stands for UBSan's many kinds, one for each check
 *
 * A frame is matched by its function, its file and its module. Modules are known by their last name only, and
 * AddressSanitizer names none where it knows the file. */
#include "sanitizer_parts.h"

#include <ctype.h>
#include <stdlib.h>

#define FILE_MAX (1u << 20) /* bytes */

/* What of a finding a kind looks at. */
enum look {
    LOOK_DONE,     /* all frames of what was done */
    LOOK_TOP,      /* the innermost of these */
    LOOK_ANY,      /* all frames of all stacks */
    LOOK_CALLER,   /* the module that called the runtime's function */
    LOOK_WATCHED,  /* the runtime's function itself */
    LOOK_FUNCTION, /* functions above it */
    LOOK_MODULE,   /* modules above it */
    LOOK_OBJECT
};

struct kind {
    const char *name;
    enum look look;
    const char *rules[3]; /* patterns of findings' rules */
};

static const struct kind kinds[] = {
    {"race", LOOK_DONE, {"^tsan/data-race", "^tsan/heap-use-after-free", "^tsan/race"}},
    {"race_top", LOOK_TOP, {"^tsan/data-race", "^tsan/heap-use-after-free", "^tsan/race"}},
    {"mutex", LOOK_DONE, {"^tsan/*mutex"}},
    {"thread", LOOK_ANY, {"^tsan/thread-leak"}},
    {"signal", LOOK_DONE, {"^tsan/signal"}},
    {"deadlock", LOOK_DONE, {"^tsan/lock-order-inversion"}},
    {"called_from_lib", LOOK_CALLER, {"^tsan/"}},
    {"leak", LOOK_ANY, {"^lsan/leak"}},
    {"interceptor_name", LOOK_WATCHED, {"^asan/"}},
    {"interceptor_via_fun", LOOK_FUNCTION, {"^asan/"}},
    {"interceptor_via_lib", LOOK_MODULE, {"^asan/"}},
    {"odr_violation", LOOK_OBJECT, {"^asan/odr-violation"}},
    {"alloc_dealloc_mismatch", LOOK_ANY, {"^asan/alloc-dealloc-mismatch"}},
    {"undefined", LOOK_ANY, {"^ubsan/"}},
};

/* ---- patterns ----------------------------------------------------------------------------- */

/* Pieces between stars are looked for from left to right, each as early as it occurs; ^ holds the first one to the
 * beginning, $ the last one to the end. */
static bool matches(const char *glob, const char *string) {
    if (!string || !*string) return false;
    bool held = *glob == '^';
    size_t length = strlen(glob);
    bool to_end = length > (held ? 1u : 0u) && glob[length - 1] == '$';
    const char *end = glob + length - (to_end ? 1 : 0);
    for (const char *piece = glob + (held ? 1 : 0), *star; piece <= end; piece = star + 1, held = false) {
        star = memchr(piece, '*', (size_t)(end - piece));
        if (!star) star = end;
        size_t n = (size_t)(star - piece), left = strlen(string);
        if (star == end && to_end) {
            return left >= n && (!held || left == n) && memcmp(string + left - n, piece, n) == 0;
        }
        const char *found = held ? (left >= n && memcmp(string, piece, n) == 0 ? string : NULL)
                                 : memmem(string, left, piece, n);
        if (!found) return false;
        string = found + n;
    }
    return true;
}

static bool matches_frame(const char *glob, const struct mk_stack_frame *frame) {
    return matches(glob, frame->function) || matches(glob, frame->file) || matches(glob, frame->module);
}

/* The frame above the functions of libc that a stack begins with; frames_n where there are none, or only such. */
static size_t caller_of_runtime(const struct mk_stack *stack) {
    size_t i = 0;
    while (i < stack->frames_n && mk_frame_of_runtime(&stack->frames[i])) i++;
    return i ? i : stack->frames_n;
}

static bool matches_stack(const char *glob, enum look look, const struct mk_stack *stack) {
    size_t caller = caller_of_runtime(stack);
    bool watched = stack->frames_n && mk_frame_of_runtime(stack->frames);
    switch (look) {
    case LOOK_TOP: return stack->frames_n && matches_frame(glob, stack->frames);
    case LOOK_CALLER: return caller < stack->frames_n && matches(glob, stack->frames[caller].module);
    case LOOK_WATCHED: return watched && matches(glob, stack->frames->function);
    default: break;
    }
    if (look == LOOK_FUNCTION || look == LOOK_MODULE) {
        for (size_t i = caller; i < stack->frames_n; i++) {
            const struct mk_stack_frame *frame = &stack->frames[i];
            if (matches(glob, look == LOOK_FUNCTION ? frame->function : frame->module)) return true;
        }
        return false;
    }
    for (size_t i = 0; i < stack->frames_n; i++) {
        if (matches_frame(glob, &stack->frames[i])) return true;
    }
    return false;
}

/* "global mk_x of 8 bytes" */
static bool matches_global(const char *glob, const char *object) {
    struct mk_span name = mk_span(object ? object : "");
    if (!mk_span_skip(&name, "global ")) return false;
    name = mk_span_before(name, " of ");
    char *string = mk_need_format("%.*s", (int)name.n, name.at);
    bool hit = matches(glob, string);
    free(string);
    return hit;
}

static bool hides(const struct kind *kind, const char *glob, const struct mk_finding_sample *finding) {
    bool concerned = false;
    for (size_t i = 0; i < sizeof kind->rules / sizeof *kind->rules; i++) {
        if (kind->rules[i] && matches(kind->rules[i], finding->rule)) concerned = true;
    }
    if (!concerned) return false;
    if (kind->look == LOOK_OBJECT) return matches(glob, finding->object);
    for (size_t i = 0; i < finding->stacks_n; i++) {
        const struct mk_stack *stack = &finding->stacks[i];
        if (kind->look != LOOK_ANY && mk_stack_role(stack) != MK_STACK_ACCESS) continue;
        if (matches_stack(glob, kind->look, stack)) return true;
    }
    return (kind->look == LOOK_DONE || kind->look == LOOK_TOP) && matches_global(glob, finding->object);
}

/* ---- files -------------------------------------------------------------------------------- */

static const struct kind *kind_of(const char *name) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
    }
    return NULL;
}

static int refuse(const char *path, size_t number, const char *name, struct mk_err *err) {
    struct mk_text known = {0};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) mk_text_printf(&known, " %s", kinds[i].name);
    mk_fail(err, "%s:%zu: there is no kind '%.24s'; there are:%s", path, number, name, known.at);
    mk_text_free(&known);
    return -1;
}

static int take_line(const char *path, size_t number, struct mk_span line, struct mk_suppressor **list, size_t *n,
                     struct mk_err *err) {
    line = mk_span_trim(line);
    if (!line.n || mk_span_starts(line, "#")) return 0;
    struct mk_span kind = mk_span_before(line, ":"), glob = mk_span_behind(line, ":");
    if (kind.n == line.n) {
        return mk_fail(err, "%s:%zu: '%.*s' is no suppression: write kind:pattern, as in race:f", path, number,
                       line.n < 60 ? (int)line.n : 60, line.at);
    }
    char *name = mk_need_format("%.*s", (int)kind.n, kind.at);
    int failed = kind_of(name) ? 0 : refuse(path, number, name, err);
    if (!failed && !glob.n) {
        failed = mk_fail(err, "%s:%zu: '%s:' has no pattern; * matches everything", path, number, name);
    }
    if (failed) {
        free(name);
        return failed;
    }
    struct mk_suppressor *suppressor = mk_grow(list, n, sizeof *suppressor);
    suppressor->kind = name;
    suppressor->pattern = mk_need_format("%.*s", (int)line.n, line.at);
    suppressor->glob = mk_need_format("%.*s", (int)glob.n, glob.at);
    return 0;
}

int mk_suppressors_read(const char *path, struct mk_suppressor **list, size_t *n, struct mk_err *err) {
    struct mk_text text = {0};
    struct mk_err why;
    size_t number = 0;
    int failed = mk_text_load(&text, path, FILE_MAX, &why);
    if (failed) mk_fail(err, "%s: %s", path, why.text);
    struct mk_span rest = {text.at, text.n}, line;
    while (!failed && mk_span_line(&rest, &line)) failed = take_line(path, ++number, line, list, n, err);
    mk_text_free(&text);
    return failed ? -1 : 0;
}

bool mk_suppressors_hide(struct mk_suppressor *list, size_t n, const struct mk_finding_sample *finding) {
    for (size_t i = 0; i < n; i++) {
        if (!hides(kind_of(list[i].kind), list[i].glob, finding)) continue;
        list[i].count++;
        return true;
    }
    return false;
}

void mk_suppressors_free(struct mk_suppressor *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        free(list[i].pattern);
        free(list[i].kind);
        free(list[i].glob);
    }
    free(list);
}
