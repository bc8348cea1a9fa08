/* report_columns.c - a schedule in columns, one a thread:
 *
 *    step  thread 0                  thread 1
 *          (main: 12 events before these)
 *      13  x.c:120 store head = &A (release)
 *          ----- [1] thread 1 goes on -----
 *      15                              x.c:98 load head = 0 (acquire) STALE: misses &A, which ...
 *                                        | node = load(&head);
 *          ===== data race: nothing orders the two marked (*) =====
 *
 * What main does has lines of its own: nobody else is at work then. Many threads have one column, and their names
 * before each event.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "../record.h"
#include "tale.h"

#define WIDTH 114
#define LEFT 8         /* of the columns: steps are to the left of them */
#define COLUMNS_MAX 4
#define LAST_WIDTH 66  /* of the last column. Text runs on over columns to the right: a line is of one thread */
#define ENDS 3u        /* events shown at both ends of what a thread does in one go ... */
#define TOUCHES 4u     /* ... and of those that the failure is about */
#define ROWS_END 60u   /* events shown at both ends of all, where there are more */
#define PERIOD_MAX 6u  /* events that a spinning thread goes through again and again */
#define NO_STEP UINT64_MAX
#define ALONE 2u       /* so many are not worth leaving out */

enum { KEEP = 1, NEAR = 2 };

struct page {
    struct mk_tale *tale;
    struct mk_text *out;
    unsigned char *mark;  /* by event */
    size_t *turns;        /* by decision: the event that its line stands before; SIZE_MAX: it has none */
    size_t columns, stride; /* from one to the next */
    uint64_t next;        /* number of the event after the last one shown */
    size_t shown;         /* index after it */
    const char *file;     /* the last source line that was shown */
    uint32_t line;
};

/* ---- what is shown --------------------------------------------------------------------------- */

static const struct mk_event_info *info_of(const struct page *page, size_t i) {
    return &page->tale->events[i].info;
}

static void mark(struct page *page, size_t i, unsigned char how) {
    if (i < page->tale->n) page->mark[i] |= how;
}

/* Events of one thread from one index to another, nobody else's between them. */
static void mark_stretch(struct page *page, size_t from, size_t to) {
    size_t touches = 0, seen = 0;
    for (size_t i = from; i < to; i++) {
        if (i - from < ENDS || to - i <= ENDS || to - from <= 2 * ENDS + ALONE) mark(page, i, KEEP);
        touches += mk_tale_touches(page->tale, &page->tale->events[i]);
    }
    for (size_t i = from; i < to; i++) {
        if (!mk_tale_touches(page->tale, &page->tale->events[i])) continue;
        if (seen < TOUCHES || touches - seen <= TOUCHES) mark(page, i, KEEP);
        seen++;
    }
}

static void mark_stretches(struct page *page) {
    const struct mk_tale *tale = page->tale;
    for (size_t from = 0, to; from < tale->n; from = to) {
        for (to = from + 1; to < tale->n && info_of(page, to)->thread == info_of(page, from)->thread;) to++;
        bool sets_up = from == 0 && info_of(page, 0)->thread == 0 && to < tale->n;
        if (!sets_up) mark_stretch(page, from, to);
    }
}

static void mark_decisions(struct page *page) {
    const struct mk_tale *tale = page->tale;
    for (size_t d = 0; d < tale->decisions->n; d++) {
        const struct mk_decision *decision = &tale->order[d];
        bool turns = mk_tale_is_turn(decision);
        if (!mk_tale_begins(decision)) mark(page, mk_tale_decided(tale, decision), KEEP | NEAR);
        page->turns[d] = turns ? mk_tale_turn(tale, decision) : SIZE_MAX;
        if (!turns) continue;
        mark(page, page->turns[d], KEEP | NEAR);
        size_t before = page->turns[d] - 1;
        bool own = page->turns[d] && info_of(page, before)->thread == decision->thread;
        if (own && !mk_tale_begins(decision)) mark(page, before, KEEP | NEAR);
    }
}

static void mark_end(struct page *page) {
    const struct mk_tale *tale = page->tale;
    for (size_t i = 0; i < tale->n; i++) {
        if (tale->has_there && tale->events[i].number == tale->there_number) mark(page, i, KEEP | NEAR);
    }
    for (size_t i = tale->n > 2 ? tale->n - 2 : 0; tale->failed && i < tale->n; i++) mark(page, i, KEEP | NEAR);
}

static bool same_event(const struct mk_event_info *a, const struct mk_event_info *b) {
    return a->act == b->act && a->pc == b->pc && a->address == b->address && a->before == b->before &&
           a->after == b->after && a->failed == b->failed && a->stale == b->stale;
}

/* A thread that spins does the same few things again and again: twice is enough. */
static void mark_repeats(struct page *page) {
    size_t last[MK_RT_THREADS][PERIOD_MAX], run[MK_RT_THREADS][PERIOD_MAX] = {{0}};
    memset(last, 0xff, sizeof last);
    for (size_t i = 0; i < page->tale->n; i++) {
        uint32_t thread = info_of(page, i)->thread;
        bool repeats = false;
        for (size_t p = 0; p < PERIOD_MAX; p++) {
            bool same = last[thread][p] != SIZE_MAX && same_event(info_of(page, i), info_of(page, last[thread][p]));
            run[thread][p] = same ? run[thread][p] + 1 : 0;
            repeats = repeats || run[thread][p] >= 2 * (p + 1);
        }
        if (repeats && !(page->mark[i] & NEAR)) page->mark[i] = 0;
        memmove(last[thread] + 1, last[thread], (PERIOD_MAX - 1) * sizeof last[thread][0]);
        last[thread][0] = i;
    }
}

/* Leaves out the middle of what are too many. */
static void mark_fewer(struct page *page) {
    size_t kept = 0, seen = 0;
    for (size_t i = 0; i < page->tale->n; i++) kept += page->mark[i] != 0;
    for (size_t i = 0; i < page->tale->n; i++) {
        if (!page->mark[i]) continue;
        if (seen >= ROWS_END && kept - seen > ROWS_END && !(page->mark[i] & NEAR)) page->mark[i] = 0;
        seen++;
    }
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Returns how many bytes of text fit: up to a blank where there is one. */
static size_t fitting(const char *text, size_t width) {
    size_t n = strlen(text), end = width;
    if (n <= width) return n;
    while (end > width / 4 && text[end] != ' ') end--;
    if (text[end] == ' ') return end;
    end = width;
    while (end > 1 && ((unsigned char)text[end] & 0xc0) == 0x80) end--; /* no half characters */
    return end;
}

/* Appends text in lines, from a column on; behind the first they are indented. `step` stands to the left of it. */
static void put_wrapped(struct page *page, uint64_t step, size_t column, size_t width, const char *text) {
    for (size_t indent = 0; *text; indent = 2) {
        size_t n = fitting(text, width - indent), left = column + indent;
        if (step != NO_STEP) {
            mk_text_printf(page->out, "%*" PRIu64, LEFT - 2, step);
            left -= LEFT - 2;
        }
        step = NO_STEP;
        mk_text_repeat(page->out, ' ', left);
        mk_text_add(page->out, text, n);
        mk_text_putc(page->out, '\n');
        text += n;
        while (*text == ' ') text++;
    }
}

/* Returns where what a thread does begins. */
static size_t column_of(const struct page *page, uint32_t thread) {
    return thread && page->columns > 1 ? LEFT + (thread - 1) * page->stride : LEFT;
}

/* As above, in the column of a thread. */
static void put_cell(struct page *page, uint64_t step, uint32_t thread, const char *text) {
    struct mk_text line = {0};
    size_t column = column_of(page, thread);
    if (!thread || page->columns < 2) {
        mk_text_puts(&line, mk_rt_who(thread));
        mk_text_puts(&line, ": ");
    }
    mk_text_puts(&line, text);
    put_wrapped(page, step, column, WIDTH - column, line.at);
    mk_text_free(&line);
}

/* Over all columns. */
static void put_line(struct page *page, const char *text) {
    put_wrapped(page, NO_STEP, LEFT, WIDTH - LEFT, text);
}

/* The source below an event, cut to the column; not the same line twice. */
static void put_source(struct page *page, uint32_t thread, uintptr_t pc) {
    const struct mk_symbol *frame = mk_tale_frame(pc);
    if (!frame->file || (frame->line == page->line && page->file && strcmp(page->file, frame->file) == 0)) return;
    const char *source = mk_source_line(frame->file, frame->line);
    if (!*source) return;
    size_t left = column_of(page, thread), n = strlen(source), room = WIDTH - left - 4;
    while (n > room) {
        n = room;
        while (n && ((unsigned char)source[n] & 0xc0) == 0x80) n--;
    }
    mk_text_repeat(page->out, ' ', left);
    mk_text_puts(page->out, "  | ");
    mk_text_add(page->out, source, n);
    mk_text_putc(page->out, '\n');
    page->file = frame->file;
    page->line = frame->line;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Says what is left out before the event at `index`, or before the end. */
static void put_gap(struct page *page, size_t index) {
    const struct mk_tale *tale = page->tale;
    uint64_t to = index < tale->n ? tale->events[index].number : tale->told, n = to - page->next;
    if (!n) return;
    bool one = page->shown < index;
    uint32_t thread = one ? info_of(page, page->shown)->thread : 0;
    for (size_t i = page->shown; i < index; i++) one = one && info_of(page, i)->thread == thread;
    one = one && n == index - page->shown;
    const char *s = n == 1 ? "" : "s";
    char *text = one && thread         ? mk_need_format("... %" PRIu64 " more", n)
                 : one && !page->shown ? mk_need_format("(main: %" PRIu64 " event%s before these)", n, s)
                                       : mk_need_format("(... %" PRIu64 " event%s left out)", n, s);
    if (one && thread) {
        put_cell(page, NO_STEP, thread, text);
    } else {
        put_line(page, text);
    }
    free(text);
    page->next = to;
    page->shown = index;
}

/* Numbers of the decisions that were made at an event, other than about who goes on. */
static void put_choices(const struct page *page, size_t index, struct mk_text *out) {
    const struct mk_tale *tale = page->tale;
    for (size_t d = 0; d < tale->decisions->n; d++) {
        if (page->turns[d] == SIZE_MAX && mk_tale_decided(tale, &tale->order[d]) == index) {
            mk_text_printf(out, " [%zu]", d + 1);
        }
    }
}

static void put_event(struct page *page, size_t index) {
    const struct mk_tale *tale = page->tale;
    const struct mk_tale_event *event = &tale->events[index];
    struct mk_text text = {0};
    put_gap(page, index);
    if (event->info.pc) {
        mk_tale_place(event->info.pc, &text);
        mk_text_putc(&text, ' ');
    }
    mk_tale_event(page->tale, index, &text);
    put_choices(page, index, &text);
    if (tale->has_there && event->number == tale->there_number) mk_text_puts(&text, " (*)");
    put_cell(page, event->steps, event->info.thread, text.at);
    if (page->mark[index] & NEAR && event->info.pc) put_source(page, event->info.thread, event->info.pc);
    page->next = event->number + 1;
    page->shown = index + 1;
    mk_text_free(&text);
}

static void put_turns(struct page *page, size_t index) {
    const struct mk_tale *tale = page->tale;
    for (size_t d = 0; d < tale->decisions->n; d++) {
        const struct mk_decision *decision = &tale->order[d];
        struct mk_text text = {0};
        if (page->turns[d] != index) continue;
        put_gap(page, index);
        mk_text_printf(&text, "----- [%zu] ", d + 1);
        if (decision->kind == MK_CHOICE_FREEZE) {
            mk_text_puts(&text, mk_rt_who(decision->thread));
            mk_text_puts(&text, " is stopped for ever");
        } else {
            mk_tale_consequence(decision, &text);
        }
        mk_text_puts(&text, " -----");
        put_line(page, text.at);
        mk_text_free(&text);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

static const char *in_words(enum mk_failure_kind kind) {
    switch (kind) {
    case MK_FAIL_RACE: return "data race: nothing orders the two marked (*)";
    case MK_FAIL_USE_AFTER_FREE: return "use after free: the two marked (*)";
    case MK_FAIL_BOUNDS: return "out of bounds";
    case MK_FAIL_BAD_FREE: return "bad free";
    case MK_FAIL_LEAK: return "memory is left over";
    case MK_FAIL_DEADLOCK: return "deadlock";
    case MK_FAIL_NO_PROGRESS: return "no progress";
    case MK_FAIL_NOT_LOCK_FREE: return "the others do not finish";
    case MK_FAIL_MISUSE: return "misuse";
    case MK_FAIL_CRASH: return "crash";
    case MK_FAIL_ORACLE: return "the outcome is wrong";
    case MK_FAIL_NONDETERMINISM: return "not the same as before";
    case MK_FAIL_LIMIT: return "a limit of the runtime";
    case MK_FAIL_NONE: break;
    }
    return "it ends without a failure";
}

/* The access that failed is no event: it did not come to pass. */
static void put_failing(struct page *page) {
    const struct mk_failure *failure = &page->tale->failure;
    const struct mk_touch *here = &failure->here;
    struct mk_text text = {0};
    if (!here->pc) return;
    mk_tale_place(here->pc, &text);
    mk_text_puts(&text, here->freed ? " free " : here->write ? " write " : " read ");
    mk_tale_name(page->tale, failure->address, page->tale->told, &text);
    if (!here->freed) {
        mk_text_printf(&text, " (%s, %" PRIu32 " byte%s)", here->atomic ? "atomic" : "plain", here->bytes,
                       here->bytes == 1 ? "" : "s");
    }
    if (page->tale->has_there) mk_text_puts(&text, " (*)");
    put_cell(page, failure->steps, here->thread, text.at);
    put_source(page, here->thread, here->pc);
    mk_text_free(&text);
}

static void put_waiting(struct page *page) {
    const struct mk_tale *tale = page->tale;
    for (uint32_t i = 1; i < tale->threads; i++) {
        const struct mk_logical *thread = &tale->thread[i];
        struct mk_text text = {0};
        size_t last = tale->n;
        while (last > 0 && info_of(page, last - 1)->thread != i) last--;
        bool told = last > 0 && info_of(page, last - 1)->act == MK_ACT_BLOCK;
        if (thread->state != MK_THREAD_BLOCKED || told) continue;
        if (thread->pc) {
            mk_tale_place(thread->pc, &text);
            mk_text_putc(&text, ' ');
        }
        mk_text_printf(&text, "waits for %s", thread->waits_for ? thread->waits_for : "others");
        put_cell(page, NO_STEP, i, text.at);
        if (thread->pc) put_source(page, i, thread->pc);
        mk_text_free(&text);
    }
}

static void put_end(struct page *page) {
    enum mk_failure_kind kind = page->tale->failure.kind;
    bool pair = (kind == MK_FAIL_RACE || kind == MK_FAIL_USE_AFTER_FREE) && !page->tale->has_there;
    put_gap(page, page->tale->n);
    put_failing(page);
    if (kind == MK_FAIL_DEADLOCK || kind == MK_FAIL_NOT_LOCK_FREE) put_waiting(page);
    char *text = mk_need_format("===== %s =====", pair ? kind == MK_FAIL_RACE ? "data race" : "use after free"
                                                       : in_words(kind));
    put_line(page, text);
    free(text);
}

/* Blocks that were spoken of. */
static void put_legend(struct page *page) {
    struct mk_text text = {0};
    mk_tale_legend(page->tale, &text);
    for (char *at = text.at; at && *at;) {
        char *end = strchr(at, '\n');
        *end = '\0';
        put_line(page, at);
        at = end + 1;
    }
    mk_text_free(&text);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void lay_out(struct page *page) {
    size_t threads = page->tale->threads ? page->tale->threads - 1 : 0;
    page->columns = threads <= COLUMNS_MAX ? threads : 1;
    page->stride = page->columns > 1 ? (WIDTH - LEFT - LAST_WIDTH) / (page->columns - 1) : 0;
}

static void put_heads(struct page *page) {
    size_t line = page->out->n;
    mk_text_printf(page->out, "%*s", LEFT - 2, "step");
    for (size_t i = 0; i < page->columns && page->columns > 1; i++) {
        mk_text_repeat(page->out, ' ', LEFT + i * page->stride - (page->out->n - line));
        mk_text_puts(page->out, mk_rt_who((uint32_t)i + 1));
    }
    mk_text_putc(page->out, '\n');
}

void mk_report_tale(struct mk_tale *tale, struct mk_text *out) {
    struct page page = {.tale = tale, .out = out};
    page.mark = mk_need(tale->n + 1, sizeof *page.mark);
    page.turns = mk_need(tale->decisions->n + 1, sizeof *page.turns);
    lay_out(&page);
    mark_stretches(&page);
    mark_decisions(&page);
    mark_end(&page);
    mark_repeats(&page);
    mark_fewer(&page);
    put_heads(&page);
    for (size_t i = 0; i < tale->n; i++) {
        put_turns(&page, i);
        if (page.mark[i]) put_event(&page, i);
    }
    put_turns(&page, tale->n);
    put_end(&page);
    put_legend(&page);
    free(page.mark);
    free(page.turns);
}

void mk_report_columns(const struct mk_program *program, const struct mk_setting *setting,
                       const struct mk_decisions *decisions, struct mk_text *out) {
    struct mk_tale tale;
    mk_tale_open(&tale, program, setting, decisions);
    mk_report_tale(&tale, out);
    mk_tale_close(&tale);
}
