/* sanitizer_report.c - one report of a sanitizer as a finding: its rule, its stacks, the object, and a sentence. */
#include "sanitizer_parts.h"

#include <ctype.h>
#include <stdlib.h>

#define DETAIL_MAX 65536 /* bytes; a report has some 2,000, one of a deep stack 20,000 */

const char *const mk_sanitizer_tools[] = {"ThreadSanitizer", "AddressSanitizer", "LeakSanitizer",
                                          "UndefinedBehaviorSanitizer"};
static const char *const prefixes[] = {"tsan", "asan", "lsan", "ubsan"};

struct told {
    const struct mk_sanitizer_start *start;
    const char *root;
    struct mk_finding_sample *finding;
    struct mk_span title; /* of the next stack; empty where none stood there */
    bool inside;          /* of a stack: frames belong to the last one */
    uint32_t object_away; /* bytes between what was touched and the object named so far */
    char *variable;       /* the one in a stack that was touched; NULL none */
    const char *access;   /* "a write to", of a fatal signal; NULL unknown */
    bool zero_page;
};

/* ---- rules -------------------------------------------------------------------------------- */

struct rule {
    const char *says, *slug;
};

/* What an error begins with that is not its name. The names are those of the tools' own summaries. */
static const struct rule errors[] = {
    {"attempting double-free", "double-free"},
    {"attempting free on address", "bad-free"},
    {"attempting to call malloc_usable_size", "bad-malloc-usable-size"},
    {"calloc parameters overflow", "calloc-overflow"},
    {"reallocarray parameters overflow", "reallocarray-overflow"},
    {"pvalloc parameters overflow", "pvalloc-overflow"},
    {"invalid allocation alignment", "invalid-allocation-alignment"},
    {"invalid alignment requested in aligned_alloc", "invalid-aligned-alloc-alignment"},
    {"invalid alignment requested in posix_memalign", "invalid-posix-memalign-alignment"},
    {"requested allocation size", "allocation-size-too-big"},
    {"specified RSS limit exceeded", "rss-limit-exceeded"},
    {"hard rss limit exhausted", "rss-limit-exceeded"},
    {"allocator is out of memory", "out-of-memory"},
    {"out of memory", "out-of-memory"},
    {"failed to allocate", "out-of-memory"},
    {"has encountered a fatal error", "fatal-error"},
};

/* What a runtime error of UBSan has in it. */
static const struct rule undefined[] = {
    {"misaligned address", "misaligned-address"},
    {"assumption of", "misaligned-address"},
    {"null pointer passed as argument", "nonnull-argument"},
    {"null pointer returned from", "nonnull-return"},
    {"offset to null pointer", "null-pointer-offset"},
    {"to null pointer", "null-pointer"},
    {"null pointer", "null-pointer"},
    {"with insufficient space", "object-size"},
    {"shift exponent", "shift"},
    {"left shift of", "shift"},
    {"unsigned integer overflow", "unsigned-integer-overflow"},
    {"signed integer overflow", "signed-integer-overflow"},
    {"negation of", "signed-integer-overflow"},
    {"division by zero", "division-by-zero"},
    {"division of", "signed-integer-overflow"},
    {"out of bounds", "out-of-bounds"},
    {"not a valid value for type", "invalid-value"},
    {"variable length array bound", "vla-bound"},
    {"an unreachable program point", "unreachable"},
    {"the end of a value-returning function", "missing-return"},
    {"pointer index expression", "pointer-overflow"},
    {"unsigned offset", "pointer-overflow"},
    {"passing zero to", "invalid-builtin-use"},
    {"outside the range of representable values", "float-cast-overflow"},
    {"incorrect function type", "function-type"},
    {"implicit conversion from", "implicit-conversion"},
};

/* Words joined by hyphens, in lower case; what stands in parentheses or begins with a digit ends it. */
static char *slug_of(struct mk_span kind) {
    struct mk_text slug = {0};
    kind = mk_span_trim(mk_span_before(kind, "("));
    for (size_t i = 0; i < kind.n && slug.n < 60; i++) {
        unsigned char c = (unsigned char)kind.at[i];
        bool between = !slug.n || slug.at[slug.n - 1] == '-';
        if (between && (isdigit(c) || c == '\'')) break;
        if (isalnum(c)) mk_text_putc(&slug, (char)tolower(c));
        else if (!between) mk_text_putc(&slug, '-');
    }
    while (slug.n && slug.at[slug.n - 1] == '-') slug.n--;
    if (!slug.n) mk_text_puts(&slug, "unnamed");
    slug.at[slug.n] = '\0';
    return mk_text_take(&slug);
}

/* The first word names an error; what is fatal to the tool itself is told in several. */
static char *error_slug(struct mk_span kind, bool one_word) {
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (mk_span_starts(kind, errors[i].says)) return mk_need_text(errors[i].slug);
    }
    kind = mk_span_before(kind, ":");
    return slug_of(one_word ? mk_span_before(kind, " ") : kind);
}

static char *undefined_slug(struct mk_span kind) {
    for (size_t i = 0; i < sizeof undefined / sizeof *undefined; i++) {
        if (mk_span_has(kind, undefined[i].says)) return mk_need_text(undefined[i].slug);
    }
    return slug_of(kind);
}

static char *slug_for(const struct mk_sanitizer_start *start) {
    switch (start->head) {
    case MK_HEAD_ERROR: return error_slug(start->kind, true);
    case MK_HEAD_FATAL: return error_slug(start->kind, false);
    case MK_HEAD_RUNTIME: return undefined_slug(start->kind);
    case MK_HEAD_SIGNAL: return mk_need_text("deadlysignal");
    case MK_HEAD_LEAKS:
    case MK_HEAD_LEAK: return mk_need_text("leak");
    case MK_HEAD_WARNING: break;
    }
    return slug_of(start->kind);
}

/* ---- stacks ------------------------------------------------------------------------------- */

bool mk_frame_of_runtime(const struct mk_stack_frame *frame) {
    static const char *const files[] = {"libsanitizer/", "sanitizer_common/", "compiler-rt/"};
    static const char *const modules[] = {"libtsan.", "libasan.", "libubsan.", "liblsan.", "libclang_rt."};
    static const char *const functions[] = {"malloc",   "calloc", "realloc", "aligned_alloc", "posix_memalign",
                                            "memalign", "free",   "memcpy",  "memmove",       "memset",
                                            "memcmp",   "strlen", "usleep",  "nanosleep"};
    for (size_t i = 0; frame->file && i < sizeof files / sizeof *files; i++) {
        if (strstr(frame->file, files[i])) return true;
    }
    for (size_t i = 0; frame->module && i < sizeof modules / sizeof *modules; i++) {
        if (strncmp(frame->module, modules[i], strlen(modules[i])) == 0) return true;
    }
    if (frame->file || !frame->function) return false;
    if (strncmp(frame->function, "pthread_", 8) == 0 || strncmp(frame->function, "__tsan_", 7) == 0) return true;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(frame->function, functions[i]) == 0) return true;
    }
    return false;
}

/* What libc does between an abort() and the signal says nothing. */
static bool frame_of_libc(const struct mk_stack_frame *frame) {
    static const char *const files[] = {"sysdeps/", "nptl/pthread_", "stdlib/abort.c", "assert/assert.c"};
    if (frame->module && strncmp(frame->module, "libc.so", 7) == 0) return true;
    if (!frame->file) return false;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strstr(frame->file, files[i])) return true;
    }
    return false;
}

enum mk_stack_role mk_stack_role(const struct mk_stack *stack) {
    struct mk_span title = mk_span(stack->title ? stack->title : "");
    if (mk_span_starts(title, "Thread ") && mk_span_has(title, " created by")) return MK_STACK_THREAD;
    if (mk_span_starts(title, "Freed by")) return MK_STACK_FREED;
    if (mk_span_has(title, "llocated ")) return MK_STACK_ALLOCATED;
    if (mk_span_has(title, "created") || mk_span_has(title, " is located in ") ||
        mk_span_starts(title, "As if synchronized")) {
        return MK_STACK_OTHER;
    }
    return MK_STACK_ACCESS;
}

/* "READ of size 1 at 0x... thread T0" is put as ThreadSanitizer puts it. */
static char *title_of(struct mk_span line, const char *root) {
    struct mk_span rest = line;
    bool wrote = mk_span_skip(&rest, "WRITE of size ");
    if (wrote || mk_span_skip(&rest, "READ of size ")) {
        char *size = mk_span_plain(mk_span_before(rest, " "), NULL);
        char *thread = mk_span_plain(mk_span_behind(rest, "thread "), NULL);
        char *title = mk_need_format("%s of size %s by thread %s", wrote ? "Write" : "Read", size, thread);
        free(size);
        free(thread);
        return title;
    }
    mk_span_skip(&rest, "Location is ");
    if (mk_span_starts(rest, "and:")) rest = mk_span("where it was locked");
    mk_span_skip_end(&rest, ":");
    if (!mk_span_skip_end(&rest, " here")) mk_span_skip_end(&rest, " at");
    char *title = mk_span_plain(rest, root);
    *title = (char)toupper((unsigned char)*title);
    return title;
}

static void begin_stack(struct told *told) {
    struct mk_stack *stack = mk_grow(&told->finding->stacks, &told->finding->stacks_n, sizeof *stack);
    stack->title = title_of(told->title, told->root);
    told->title.n = 0;
    told->inside = true;
}

static void add_frame(struct told *told, const struct mk_stack_frame *frame) {
    struct mk_stack *stack = &told->finding->stacks[told->finding->stacks_n - 1];
    struct mk_stack_frame *place = mk_grow(&stack->frames, &stack->frames_n, sizeof *place);
    *place = *frame;
}

/* Accesses, frees, allocations, threads; each in the order of the report. */
static void sort_stacks(struct mk_finding_sample *finding) {
    struct mk_stack *sorted = mk_need(finding->stacks_n + 1, sizeof *sorted);
    size_t n = 0;
    for (int role = MK_STACK_ACCESS; role <= MK_STACK_THREAD; role++) {
        for (size_t i = 0; i < finding->stacks_n; i++) {
            if ((int)mk_stack_role(&finding->stacks[i]) == role) sorted[n++] = finding->stacks[i];
        }
    }
    if (n) memcpy(finding->stacks, sorted, n * sizeof *sorted);
    free(sorted);
}

/* ---- the object --------------------------------------------------------------------------- */

static void set_object(struct told *told, char *object) {
    free(told->finding->object);
    told->finding->object = object;
}

/* "heap block of size 40 at 0x... allocated by T1 at:" in the words of people: 40 bytes. */
static void locate(struct told *told, struct mk_span location) {
    if (told->finding->object || mk_span_has(location, "'<null>'")) return;
    if (mk_span_ends(location, " at:")) location.n -= strlen(" at:");
    char *plain = mk_span_plain(location, told->root);
    struct mk_span words = mk_span(plain), size = mk_span_behind(words, " of size ");
    struct mk_span name = mk_span_before(words, " of size ");
    uint32_t bytes;
    if (mk_span_skip(&name, "global '")) name = mk_span_before(name, "'");
    bool global = name.at != plain;
    if (mk_span_number(&size, &bytes)) {
        set_object(told, mk_need_format("%s%.*s of %u bytes%.*s", global ? "global " : "", (int)name.n, name.at,
                                        bytes, (int)size.n, size.at));
        free(plain);
    } else {
        set_object(told, plain);
    }
}

/* "0x... is located 8 bytes inside of 32-byte region [...)": the nearest object is the one. */
static void locate_near(struct told *told, struct mk_span where) {
    uint32_t away = 0, bytes = 0;
    struct mk_span number = where;
    if (!mk_span_number(&number, &away) || (told->finding->object && away >= told->object_away)) return;
    told->object_away = away;
    struct mk_span region = mk_span_before(where, "-byte region");
    size_t digits = region.n;
    while (digits && isdigit((unsigned char)region.at[digits - 1])) digits--;
    struct mk_span size = {region.at + digits, region.n - digits};
    if (region.n == where.n || digits > MK_SPAN_TEXT_MAX || !mk_span_number(&size, &bytes)) {
        set_object(told, mk_span_plain(where, told->root));
    } else {
        bool article = mk_span_ends((struct mk_span){region.at, digits}, " a ");
        set_object(told, mk_need_format("%.*s%sheap block of %u bytes", (int)digits, region.at, article ? "" : "a ",
                                        bytes));
    }
}

/* In a stack: "[320, 336) 'local' (line 24) <== Memory access at offset 336 overflows this variable". */
static void locate_variable(struct told *told, struct mk_span line) {
    if (told->variable) return;
    told->variable = mk_span_plain(mk_span_behind(mk_span_before(line, " <== "), ") "), NULL);
}

static void cycle_of_locks(struct told *told, struct mk_span cycle) {
    char *plain = mk_span_plain(cycle, NULL);
    set_object(told, mk_need_format("locks %s", plain));
    free(plain);
}

/* "Direct leak of 24 byte(s) in 1 object(s) allocated from:" */
static void count_lost(struct told *told, struct mk_span leak) {
    struct mk_span bytes = mk_span_behind(leak, " of "), objects = mk_span_behind(leak, " in ");
    uint32_t bytes_n, objects_n;
    if (!mk_span_number(&bytes, &bytes_n) || !mk_span_number(&objects, &objects_n)) return;
    set_object(told, mk_need_format("%u bytes in %u heap block%s", bytes_n, objects_n, objects_n == 1 ? "" : "s"));
}

/* What the lines about the object leave out. */
static void finish_object(struct told *told) {
    struct mk_finding_sample *finding = told->finding;
    if (told->variable) {
        set_object(told,
                   mk_need_format("%s, variable %s", finding->object ? finding->object : "stack", told->variable));
    }
    if (told->start->head == MK_HEAD_LEAK) count_lost(told, told->start->kind);
    if (!finding->object || !strstr(finding->object, "heap block of")) return;
    if (strstr(finding->object, " allocated ")) return;
    for (size_t i = 0; i < finding->stacks_n; i++) {
        struct mk_span title = mk_span(finding->stacks[i].title);
        if (mk_stack_role(&finding->stacks[i]) != MK_STACK_ALLOCATED) continue;
        title = mk_span_behind(title, "llocated ");
        set_object(told, mk_need_format("%s allocated %.*s", finding->object, (int)title.n, title.at));
        return;
    }
}

/* ---- lines -------------------------------------------------------------------------------- */

/* What a line says of the object or the signal; it may be a title besides. */
static void note(struct told *told, struct mk_span line) {
    struct mk_span rest = line;
    if (mk_span_skip(&rest, "Location is ")) {
        locate(told, rest);
    } else if (mk_span_skip(&rest, "Cycle in lock order graph: ")) {
        cycle_of_locks(told, rest);
    } else if (mk_span_starts(rest, "0x") && mk_span_has(rest, " is located ")) {
        locate_near(told, mk_span_behind(rest, " is located "));
    } else if (mk_span_starts(rest, "Address 0x") && mk_span_has(rest, " is located in ")) {
        locate(told, mk_span_before(mk_span_behind(rest, " is located in "), " at offset "));
    } else if (mk_span_has(rest, " <== Memory access at ")) {
        locate_variable(told, rest);
    } else if (mk_span_has(rest, "The signal is caused by a ")) {
        if (mk_span_has(rest, "a WRITE")) told->access = "a write to";
        if (mk_span_has(rest, "a READ")) told->access = "a read of";
    } else if (mk_span_has(rest, "address points to the zero page")) {
        told->zero_page = true;
    }
}

static bool is_title(struct mk_span line) {
    return mk_span_ends(line, ":") || mk_span_starts(line, "READ of size") ||
           mk_span_starts(line, "WRITE of size") ||
           (mk_span_has(line, " is located in ") && mk_span_ends(line, " in frame"));
}

static void take_line(struct told *told, struct mk_span line) {
    struct mk_stack_frame frame;
    uint32_t number;
    line = mk_span_trim(line);
    if (mk_span_frame(line, told->root, &number, &frame)) {
        bool again = !number && told->inside && told->finding->stacks[told->finding->stacks_n - 1].frames_n;
        if (!told->inside || again) begin_stack(told);
        add_frame(told, &frame);
        return;
    }
    if (!line.n) {
        told->inside = false;
        return;
    }
    note(told, line);
    if (mk_span_starts(line, "[failed to restore the stack]")) begin_stack(told);
    if (!is_title(line)) return;
    told->title = line;
    told->inside = false;
}

/* ---- the sentence ------------------------------------------------------------------------- */

/* The innermost frame that is not of the sanitizer, nor of libc, and has a file; or what comes nearest. */
static const struct mk_stack_frame *telling_frame(const struct mk_stack *stack) {
    const struct mk_stack_frame *unnamed = NULL;
    for (size_t i = 0; i < stack->frames_n; i++) {
        const struct mk_stack_frame *frame = &stack->frames[i];
        if (mk_frame_of_runtime(frame) || frame_of_libc(frame)) continue;
        if (frame->file) return frame;
        if (!unnamed && (frame->function || frame->module)) unnamed = frame;
    }
    return unnamed ? unnamed : stack->frames_n ? stack->frames : NULL;
}

/* " in f (impl/map/x.c:12)", or " at impl/map/x.c:12" */
static void say_place(struct mk_text *what, const struct mk_stack *stack) {
    const struct mk_stack_frame *frame = telling_frame(stack);
    if (!frame) {
        mk_text_puts(what, " in an unknown place");
        return;
    }
    if (!frame->function && frame->file) {
        mk_text_printf(what, " at %s:%u", frame->file, frame->line);
        return;
    }
    mk_text_printf(what, " in %s", frame->function ? frame->function : "a function without a name");
    if (mk_frame_of_runtime(frame)) return;
    if (frame->file && frame->line) mk_text_printf(what, " (%s:%u)", frame->file, frame->line);
    else if (frame->file || frame->module) mk_text_printf(what, " (%s)", frame->file ? frame->file : frame->module);
}

/* "Previous atomic write of size 8 by thread T1 (mutexes: write M0)" */
struct access {
    struct mk_span verb, bytes, thread;
    bool previous;
};

static bool access_of(const struct mk_stack *stack, struct access *access) {
    struct mk_span title = mk_span(stack->title), size = mk_span_behind(title, " of size ");
    access->previous = mk_span_skip(&title, "Previous ");
    access->verb = mk_span_before(title, " of size ");
    access->bytes = mk_span_before(size, " ");
    access->thread = mk_span_before(mk_span_behind(size, " by "), " (mutexes");
    return size.n > 0;
}

static void say_access(struct mk_text *what, const struct mk_stack *stack, const struct access *access,
                       bool with_size) {
    const struct mk_stack_frame *telling = telling_frame(stack);
    struct mk_span verb = access->verb;
    bool one = access->bytes.n == 1 && *access->bytes.at == '1';
    mk_text_putc(what, verb.n ? (char)tolower((unsigned char)*verb.at) : '?');
    if (verb.n) mk_text_add(what, verb.at + 1, verb.n - 1);
    if (with_size) mk_text_printf(what, " of %.*s byte%s", (int)access->bytes.n, access->bytes.at, one ? "" : "s");
    say_place(what, stack);
    if (telling != stack->frames && telling && stack->frames->function && mk_frame_of_runtime(stack->frames)) {
        mk_text_printf(what, " through %s", stack->frames->function);
    }
    if (access->thread.n) mk_text_printf(what, " by %.*s", (int)access->thread.n, access->thread.at);
}

static void say_freed(struct mk_text *what, const struct mk_stack *stack, struct mk_span thread) {
    const struct mk_stack_frame *telling = telling_frame(stack);
    mk_text_puts(what, ", freed");
    if (telling && !mk_frame_of_runtime(telling)) say_place(what, stack);
    if (thread.n) mk_text_printf(what, " by %.*s", (int)thread.n, thread.at);
    mk_text_puts(what, " before it");
}

/* A race: "write of 8 bytes in f (x.c:12) by thread T2, read in g (x.c:30) by thread T1 before it". Returns false
 * where the report is of no access. */
static bool say_accesses(struct mk_text *what, const struct mk_finding_sample *finding) {
    struct access first, next;
    if (!finding->stacks_n || !access_of(&finding->stacks[0], &first)) return false;
    mk_text_puts(what, ": ");
    say_access(what, &finding->stacks[0], &first, true);
    for (size_t i = 1; i < finding->stacks_n; i++) {
        const struct mk_stack *stack = &finding->stacks[i];
        if (mk_stack_role(stack) != MK_STACK_ACCESS || !access_of(stack, &next)) continue;
        if (stack->frames_n && stack->frames->function && strcmp(stack->frames->function, "free") == 0) {
            say_freed(what, stack, next.thread);
            continue;
        }
        bool same = next.bytes.n == first.bytes.n && memcmp(next.bytes.at, first.bytes.at, next.bytes.n) == 0;
        mk_text_puts(what, ", ");
        say_access(what, stack, &next, !same);
        if (next.previous) mk_text_puts(what, " before it");
    }
    return true;
}

/* A cycle: "M1 taken in f (x.c:3) while M0 is held, M0 taken in g (x.c:9) while M1 is held". */
static bool say_locks(struct mk_text *what, const struct mk_finding_sample *finding) {
    size_t said = 0;
    for (size_t i = 0; i < finding->stacks_n; i++) {
        struct mk_span title = mk_span(finding->stacks[i].title);
        if (!mk_span_skip(&title, "Mutex ") || !mk_span_has(title, " acquired here while holding mutex ")) continue;
        struct mk_span taken = mk_span_before(title, " "), held = mk_span_behind(title, " while holding mutex ");
        held = mk_span_before(held, " ");
        mk_text_printf(what, "%s%.*s taken", said++ ? ", " : ": ", (int)taken.n, taken.at);
        say_place(what, &finding->stacks[i]);
        mk_text_printf(what, " while %.*s is held", (int)held.n, held.at);
    }
    return said > 0;
}

/* What leads over to the place. */
static void say_kind(struct mk_text *what, const struct told *told, const char *slug) {
    const struct mk_sanitizer_start *start = told->start;
    const char *tool = mk_sanitizer_tools[start->tool];
    char *plain = mk_span_plain(start->kind, told->root);
    size_t word = strcspn(plain, " :");
    switch (start->head) {
    case MK_HEAD_WARNING:
    case MK_HEAD_RUNTIME: mk_text_puts(what, plain); break;
    case MK_HEAD_SIGNAL: mk_text_printf(what, "a fatal signal of which %s could say no more", tool); break;
    case MK_HEAD_FATAL: mk_text_printf(what, "%s cannot go on: %s", tool, plain); break;
    case MK_HEAD_LEAKS: mk_text_puts(what, "memory is lost"); break;
    case MK_HEAD_LEAK:
        mk_text_printf(what, "leak: memory%s, allocated",
                       mk_span_starts(start->kind, "Indirect") ? " that only lost memory points to" : " is lost");
        break;
    case MK_HEAD_ERROR:
        if (word && isupper((unsigned char)plain[0]) && isupper((unsigned char)plain[1])) plain[word] = '\0';
        mk_text_puts(what, isupper((unsigned char)*plain) ? plain : slug);
        break;
    }
    free(plain);
}

/* Where it happened, of reports that are neither of accesses nor of locks. */
static void say_where(struct mk_text *what, const struct told *told) {
    const struct mk_finding_sample *finding = told->finding;
    const char *where = told->zero_page ? "the zero page" : "a bad address";
    if (finding->stacks_n && told->start->head != MK_HEAD_FATAL) {
        if (mk_stack_role(&finding->stacks[0]) == MK_STACK_THREAD) mk_text_puts(what, ": a thread created");
        say_place(what, &finding->stacks[0]);
    }
    if (told->access) mk_text_printf(what, ", %s %s", told->access, where);
}

static char *sentence_of(const struct told *told, const char *slug) {
    const struct mk_finding_sample *finding = told->finding;
    struct mk_text what = {0};
    say_kind(&what, told, slug);
    if (!say_accesses(&what, finding) && !say_locks(&what, finding)) say_where(&what, told);
    for (size_t i = 0; i < finding->stacks_n; i++) {
        struct mk_span title = mk_span(finding->stacks[i].title);
        if (mk_span_skip(&title, "Freed by ")) say_freed(&what, &finding->stacks[i], title);
    }
    return mk_text_take(&what);
}

/* ---- the report --------------------------------------------------------------------------- */

/* The text as it stands, without what would end a string. */
static char *detail_of(struct mk_span text) {
    struct mk_text detail = {0};
    text = mk_span_trim(text);
    mk_text_add(&detail, text.at, text.n < DETAIL_MAX ? text.n : DETAIL_MAX);
    for (size_t i = 0; i < detail.n; i++) {
        if (!detail.at[i]) detail.at[i] = '?';
    }
    if (text.n > DETAIL_MAX) mk_text_printf(&detail, "\n... and %zu bytes more", text.n - DETAIL_MAX);
    return mk_text_take(&detail);
}

/* The title of a stack that stands right below the first line: what the tool says up to addresses and numbers. */
static struct mk_span title_of_start(const struct mk_sanitizer_start *start) {
    static const char *const ends[] = {":", " on address 0x", " on unknown address", " on 0x", " 0x", " [0x"};
    struct mk_span title = start->kind;
    if (start->head != MK_HEAD_ERROR) return title;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) title = mk_span_before(title, ends[i]);
    return title;
}

/* UBSan says where even where it prints no stack. */
static void place_as_stack(struct told *told) {
    struct mk_stack_frame frame;
    uint32_t number;
    char *line = mk_need_format("#0 <null> %.*s",
                                (int)(told->start->place.n < MK_SPAN_TEXT_MAX ? told->start->place.n : 0),
                                told->start->place.at);
    told->title = told->start->kind;
    begin_stack(told);
    if (mk_span_frame(mk_span(line), told->root, &number, &frame)) add_frame(told, &frame);
    free(line);
}

void mk_sanitizer_tell(const struct mk_sanitizer_start *start, struct mk_span text, const char *root,
                       struct mk_finding_sample *finding) {
    struct told told = {.start = start, .root = root, .finding = finding};
    struct mk_span rest = text, line;
    while (mk_span_line(&rest, &line)) {
        bool first = line.at <= start->kind.at && start->kind.at <= line.at + line.n;
        if (first) told.title = title_of_start(start);
        else take_line(&told, line);
    }
    if (!finding->stacks_n && start->place.n) place_as_stack(&told);
    sort_stacks(finding);
    finish_object(&told);
    char *slug = slug_for(start);
    finding->rule = mk_need_format("%s/%s", prefixes[start->tool], slug);
    finding->what = sentence_of(&told, slug);
    finding->detail = detail_of(text);
    finding->count = 1;
    free(slug);
    free(told.variable);
}
