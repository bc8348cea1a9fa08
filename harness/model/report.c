/* report.c - see report.h: a finding made of a failure. What other fields of a finding say (its sentence, stacks,
 * object, command) is not said again in its detail. */
#include <inttypes.h>
#include <stdlib.h>

#include "../record.h"
#include "tale.h"

#define WIDTH 114
#define DECISIONS_MAX 40 /* that are listed */

struct rule {
    const char *name;
    const char *what; /* where the failure itself says nothing */
};

static const struct rule rules[] = {
    [MK_FAIL_NONE] = {"model/none", "nothing failed"},
    [MK_FAIL_RACE] = {"model/data-race", "data race"},
    [MK_FAIL_USE_AFTER_FREE] = {"model/use-after-free", "memory is used after it was freed"},
    [MK_FAIL_BOUNDS] = {"model/out-of-bounds", "an access lies outside of a block"},
    [MK_FAIL_BAD_FREE] = {"model/bad-free", "something is freed that is no live block"},
    [MK_FAIL_LEAK] = {"model/leak", "memory is not given back"},
    [MK_FAIL_DEADLOCK] = {"model/deadlock", "no thread can go on"},
    [MK_FAIL_NO_PROGRESS] = {"model/no-progress", "threads work for ever"},
    [MK_FAIL_NOT_LOCK_FREE] = {"model/not-lock-free", "a thread was stopped, and the others do not finish"},
    [MK_FAIL_MISUSE] = {"model/misuse", "a lock is misused"},
    [MK_FAIL_CRASH] = {"model/crash", "crash"},
    [MK_FAIL_ORACLE] = {"model/oracle", "the outcome is wrong"},
    [MK_FAIL_NONDETERMINISM] = {"model/nondeterminism", "the same schedule had different outcomes"},
    [MK_FAIL_LIMIT] = {"model/limit", "a limit of the runtime was reached"},
};

static const struct rule *rule_of(enum mk_failure_kind kind) {
    return &rules[kind < sizeof rules / sizeof *rules ? kind : MK_FAIL_NONE];
}

/* ---- stacks ---------------------------------------------------------------------------------- */

static void add_frame(struct mk_stack *stack, const struct mk_symbol *symbol, const char *module) {
    struct mk_stack_frame *frame = mk_grow(&stack->frames, &stack->frames_n, sizeof *frame);
    if (symbol->function) frame->function = mk_need_text(symbol->function);
    if (symbol->file) frame->file = mk_need_text(symbol->file);
    if (module && !symbol->file) frame->module = mk_need_text(module);
    frame->line = symbol->line;
}

static bool is_ours(const struct mk_stack_frame *frame) {
    return (!frame->file && !frame->function) || (frame->file && strncmp(frame->file, "harness/", 8) == 0);
}

/* Below what is being tried lies the harness, which is of no interest, unless there is nothing else. */
static void drop_outer(struct mk_stack *stack) {
    size_t n = stack->frames_n;
    while (n && is_ours(&stack->frames[n - 1])) n--;
    for (size_t i = n; n && i < stack->frames_n; i++) {
        free(stack->frames[i].function);
        free(stack->frames[i].file);
        free(stack->frames[i].module);
    }
    if (n) stack->frames_n = n;
}

/* Appends a stack of return addresses, innermost first. Takes over the title. */
static void add_stack(struct mk_finding_sample *finding, char *title, const uintptr_t *pc, size_t n) {
    struct mk_stack *stack = mk_grow(&finding->stacks, &finding->stacks_n, sizeof *stack);
    const struct mk_symbol **symbol = mk_need(n + 1, sizeof *symbol);
    stack->title = title;
    mk_symbols(pc, n, symbol);
    for (size_t i = 0; i < n; i++) {
        for (const struct mk_symbol *frame = symbol[i]; frame; frame = frame->caller) add_frame(stack, frame, NULL);
    }
    drop_outer(stack);
    free(symbol);
}

/* As above, of a logical thread that is at `at` (0: where its last point was). */
static void add_thread(struct mk_finding_sample *finding, char *title, const struct mk_logical *thread,
                       uintptr_t at) {
    uintptr_t pc[MK_RT_DEPTH + 1];
    size_t depth = thread->depth < MK_RT_DEPTH ? thread->depth : MK_RT_DEPTH, n = 0;
    if (!at) at = thread->pc;
    if (at) pc[n++] = at;
    while (depth) pc[n++] = thread->stack[--depth];
    add_stack(finding, title, pc, n);
}

static char *title_of(const struct mk_touch *touch) {
    struct mk_text text = {0};
    mk_tale_touch(touch, &text);
    return mk_text_take(&text);
}

/* Those of a failure with two sides, or one. */
static void add_sides(struct mk_finding_sample *finding, const struct mk_tale *tale) {
    const struct mk_failure *failure = &tale->failure;
    const struct mk_touch *here = &failure->here, *there = &failure->there;
    struct mk_logical none = {.number = there->thread};
    if (here->pc) add_thread(finding, title_of(here), &tale->thread[here->thread], here->pc);
    if (there->pc) add_thread(finding, title_of(there), tale->has_there ? &tale->there : &none, there->pc);
}

static void add_failing(struct mk_finding_sample *finding, const struct mk_tale *tale) {
    const struct mk_logical *thread = &tale->thread[tale->failure.thread];
    struct mk_text title = {0};
    /* Whoever only looks at the outcome has no stack of interest. */
    bool at_end = tale->failure.thread == 0 && tale->failure.kind != MK_FAIL_CRASH;
    if (at_end || (!thread->depth && !thread->pc)) return;
    mk_text_puts(&title, mk_rt_who(tale->failure.thread));
    mk_text_puts(&title, ", when it failed");
    add_thread(finding, mk_text_take(&title), thread, 0);
}

/* Returns what a line of the failure's detail says of a thread: all of it, if it begins with its name; or NULL. */
static char *said_of(const char *detail, uint32_t thread) {
    struct mk_text name = {0}, line = {0};
    mk_text_puts(&name, mk_rt_who(thread));
    mk_text_putc(&name, ' ');
    for (const char *at = detail; at && *at;) {
        size_t n = strcspn(at, "\n");
        if (strncmp(at, name.at, name.n) == 0) {
            char *raw = mk_need_format("%.*s", (int)n, at);
            mk_tale_places_in(raw, &line);
            free(raw);
            break;
        }
        at += n + (at[n] == '\n');
    }
    mk_text_free(&name);
    return line.at;
}

/* Of every thread that has not ended. */
static void add_stuck(struct mk_finding_sample *finding, const struct mk_tale *tale) {
    for (uint32_t i = 1; i < tale->threads; i++) {
        const struct mk_logical *thread = &tale->thread[i];
        struct mk_text title = {0};
        if (thread->state == MK_THREAD_UNUSED || thread->state == MK_THREAD_ENDED) continue;
        char *said = said_of(tale->failure.detail, i);
        if (said) {
            mk_text_puts(&title, said);
        } else {
            mk_text_puts(&title, mk_rt_who(i));
            if (thread->state == MK_THREAD_BLOCKED) {
                mk_text_printf(&title, " waits for %s", thread->waits_for ? thread->waits_for : "others");
            } else {
                mk_text_puts(&title, thread->state == MK_THREAD_FROZEN ? " was stopped for ever" : " is at work");
            }
        }
        free(said);
        add_thread(finding, mk_text_take(&title), thread, 0);
    }
}

static bool is_stuck(enum mk_failure_kind kind) {
    return kind == MK_FAIL_DEADLOCK || kind == MK_FAIL_NO_PROGRESS || kind == MK_FAIL_NOT_LOCK_FREE;
}

static void add_stacks(struct mk_finding_sample *finding, const struct mk_tale *tale) {
    if (is_stuck(tale->failure.kind)) {
        add_stuck(finding, tale);
    } else if (tale->failure.here.pc || tale->failure.there.pc) {
        add_sides(finding, tale);
    } else {
        add_failing(finding, tale);
    }
}

/* ---- what the failure itself says in more lines ---------------------------------------------- */

/* Returns the return address of a line "    {pc 0x12}", or 0. */
static uintptr_t pc_line(const char *line) {
    static const char head[] = "    {pc ";
    return strncmp(line, head, sizeof head - 1) == 0 ? (uintptr_t)strtoull(line + sizeof head - 1, NULL, 16) : 0;
}

static const char *after_line(const char *at) {
    at += strcspn(at, "\n");
    return at + (*at == '\n');
}

/* Whether a line's thread has a stack that says so. */
static bool is_title(const struct mk_tale *tale, const char *line) {
    bool told = false;
    for (uint32_t i = 1; is_stuck(tale->failure.kind) && i < tale->threads && !told; i++) {
        struct mk_text name = {0};
        mk_text_puts(&name, mk_rt_who(i));
        mk_text_putc(&name, ' ');
        told = strncmp(line, name.at, name.n) == 0;
        mk_text_free(&name);
    }
    return told;
}

/* Makes a stack of a line with return addresses below it. Returns what follows. */
static const char *take_stack(struct mk_finding_sample *finding, const struct mk_tale *tale, const char *at) {
    uintptr_t pc[MK_RT_DEPTH];
    size_t n = 0;
    char *title = mk_need_format("%.*s", (int)strcspn(at, ":\n"), at);
    for (at = after_line(at); pc_line(at); at = after_line(at)) {
        if (n < MK_RT_DEPTH) pc[n++] = pc_line(at);
    }
    if (tale->failure.there.freed && strstr(title, " was freed by ")) { /* one side of it: it is there already */
        free(title);
    } else {
        add_stack(finding, title, pc, n);
    }
    return at;
}

/* Stacks in the failure's detail become some of the finding's; appends the other lines. */
static void put_said(struct mk_finding_sample *finding, const struct mk_tale *tale, struct mk_text *out) {
    const char *at = tale->failure.detail;
    while (at && *at) {
        const char *next = after_line(at);
        if (!pc_line(at) && pc_line(next)) {
            at = take_stack(finding, tale, at);
            continue;
        }
        if (!is_title(tale, at)) {
            char *line = mk_need_format("%.*s", (int)(next - at), at);
            mk_tale_places_in(line, out);
            free(line);
        }
        at = next;
    }
    if (out->n && out->at[out->n - 1] != '\n') mk_text_putc(out, '\n');
}

/* ---- what else people want to know ----------------------------------------------------------- */

/* Appends sentences in lines. */
static void put_paragraph(const char *text, struct mk_text *out) {
    size_t column = 0;
    while (*text) {
        size_t n = strcspn(text, " ");
        if (column && column + 1 + n > WIDTH) {
            mk_text_putc(out, '\n');
            column = 0;
        }
        if (column) mk_text_putc(out, ' ');
        mk_text_add(out, text, n);
        column += n + (column != 0);
        text += n + strspn(text + n, " ");
    }
    mk_text_putc(out, '\n');
}

static void put_decisions(const struct mk_tale *tale, struct mk_text *out) {
    const struct mk_decisions *decisions = tale->decisions;
    if (!decisions->n) {
        put_paragraph("No decision was needed: it fails where one thread goes on until it ends, then the next one, "
                      "and loads read the newest.", out);
        return;
    }
    mk_text_puts(out, "Decisions; all else is the default: who is at work goes on, loads read the newest.\n");
    for (size_t d = 0; d < decisions->n && d < DECISIONS_MAX; d++) {
        mk_text_printf(out, "  [%zu] ", d + 1);
        mk_tale_decision(tale, &tale->order[d], out);
        mk_text_putc(out, '\n');
    }
    if (decisions->n > DECISIONS_MAX) mk_text_printf(out, "  ... %zu more\n", decisions->n - DECISIONS_MAX);
}

/* Which machines are affected, as far as trying says. */
static const char *affected(const struct mk_explored *explored) {
    enum mk_memory_model model = explored->setting.memory;
    if (model == MK_MEMORY_SC || explored->under[MK_MEMORY_SC]) {
        return "Affected: every machine. It fails under sequential consistency too.";
    }
    if (model == MK_MEMORY_TSO || explored->under[MK_MEMORY_TSO]) {
        return "Affected: x86 and all weaker machines (store buffers). Under sequential consistency no schedule "
               "near this one was seen to fail, which proves nothing.";
    }
    return "Affected: weakly ordered machines such as ARM and POWER, and any machine where the compiler reorders. "
           "Under the memory model of x86 (TSO) no schedule near this one was seen to fail, which proves nothing.";
}

/* How it was found. */
static void put_strategy(const struct mk_explored *explored, struct mk_text *out) {
    for (size_t i = 0; i < explored->strategies_n; i++) {
        const struct mk_strategy_count *count = &explored->strategy[i];
        if (!count->failures) continue;
        mk_text_printf(out, "Found in schedule %" PRIu64 " of this program, by strategy %s.\n", explored->failed_after,
                       count->name);
        return;
    }
}

static void put_affected(const struct mk_explored *explored, struct mk_text *out) {
    static const char undefined[] = "Affected: every machine, as a data race is undefined behaviour in C. What "
                                    "comes of it is up to machine and compiler.";
    bool race = explored->failure.kind == MK_FAIL_RACE, sc = explored->setting.memory == MK_MEMORY_SC;
    if (race) {
        put_paragraph(undefined, out);
    } else if (explored->schedules || sc) { /* one schedule alone says nothing of others */
        put_paragraph(affected(explored), out);
    }
}

/* The replay was not what was to be reported. */
static void put_differs(const struct mk_explored *explored, const struct mk_tale *tale, struct mk_text *out) {
    char *text;
    if (!tale->failed) {
        text = mk_need_format("This did not happen again: carried out once more, the same schedule does not fail. "
                              "Something is at work that the runtime does not control: the time, random numbers, "
                              "values of addresses, or a variable that keeps what it had.");
    } else if (tale->failure.kind != explored->failure.kind) {
        text = mk_need_format("This did not happen again: carried out once more, the same schedule fails in "
                              "another way (%s: %s). Something is at work that the runtime does not control.",
                              rule_of(tale->failure.kind)->name, tale->failure.what);
    } else {
        text = mk_need_format("Carried out twice, the same schedule does not go the same way: something is at work "
                              "that the runtime does not control.");
    }
    put_paragraph(text, out);
    free(text);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static char *sentence(const struct mk_explored *explored, const struct mk_tale *tale, bool same) {
    enum mk_failure_kind kind = explored->failure.kind;
    const char *what = same && kind != MK_FAIL_ORACLE ? tale->failure.what : explored->failure.what;
    struct mk_text text = {0};
    mk_tale_places_in(*what ? what : rule_of(kind)->what, &text);
    return mk_text_take(&text);
}

static void put_missing(struct mk_text *out) {
    const char *why = mk_symbols_missing();
    if (!why) return;
    char *text = mk_need_format("Places are those of functions, and have no lines: %s.", why);
    put_paragraph(text, out);
    free(text);
}

static void put_token(const char *token, const char *command, struct mk_text *out) {
    if (token && !(command && strstr(command, token))) mk_text_printf(out, "Token: %s\n", token);
}

bool mk_report(const struct mk_program *program, const struct mk_explored *explored, const char *token,
               const char *command, struct mk_finding_sample *finding) {
    struct mk_tale tale;
    struct mk_text detail = {0}, object = {0};
    bool failed = mk_tale_open(&tale, program, &explored->setting, &explored->decisions);
    bool same = failed && tale.steady && tale.failure.kind == explored->failure.kind;
    finding->rule = mk_need_text(rule_of(explored->failure.kind)->name);
    finding->what = sentence(explored, &tale, same);
    if (command) finding->command = mk_need_text(command);
    if (failed) add_stacks(finding, &tale);
    put_said(finding, &tale, &detail);
    if (detail.n) mk_text_putc(&detail, '\n');
    if (!same) put_differs(explored, &tale, &detail);
    mk_report_tale(&tale, &detail);
    mk_text_putc(&detail, '\n');
    put_decisions(&tale, &detail);
    put_strategy(explored, &detail);
    put_affected(explored, &detail);
    put_missing(&detail);
    put_token(token, command, &detail);
    if (!is_stuck(tale.failure.kind)) mk_tale_object(&tale, tale.failure.address, &object);
    if (object.n) finding->object = mk_text_take(&object);
    const char *picture = tale.failure.picture ? tale.failure.picture : explored->failure.picture;
    if (picture) finding->picture = mk_need_text(picture);
    finding->detail = mk_text_take(&detail);
    mk_tale_close(&tale);
    return same;
}
