/* orders_report.c - which orders are needed, as people read it: a table, and a page in Markdown. */
#include "orders.h"

#include <inttypes.h>

#include "../grid.h"

static const enum mk_tone tones[] = {[MK_ORDER_NEEDED] = MK_TONE_GOOD, [MK_ORDER_NOT_SHOWN] = MK_TONE_WARN,
                                     [MK_ORDER_UNREACHED] = MK_TONE_BAD};

/* "acq_rel -> release", "acquire -> relaxed on failure" */
static void put_change(const struct mk_order_step *step, struct mk_text *out) {
    if (!*step->to) mk_text_puts(out, step->from);
    else
        mk_text_printf(out, "%s -> %s%s", step->from, step->to,
                       strcmp(step->act, "failure") == 0 ? " on failure" : "");
}

static void put_verdict(const struct mk_order_step *step, struct mk_text *out) {
    mk_text_puts(out, mk_order_verdict_names[step->verdict]);
    if (step->verdict == MK_ORDER_NOT_SHOWN && !step->schedules) mk_text_puts(out, ", not tried");
    else if (step->verdict == MK_ORDER_NOT_SHOWN) mk_text_printf(out, " in %" PRIu64 " schedules", step->schedules);
    if (step->weakest) mk_text_printf(out, ", nor as %s", step->weakest);
}

static unsigned percent(size_t n, size_t of) {
    return of ? (unsigned)(100 * n / of) : 100;
}

/* ---- for the terminal ----------------------------------------------------------------------------- */

static void put_cell(struct mk_grid *grid, enum mk_tone tone, struct mk_text *text) {
    mk_grid_put(grid, tone, "%s", text->at ? text->at : "");
    mk_text_free(text);
}

static void print_step(const struct mk_order_step *step, struct mk_grid *grid) {
    struct mk_text change = {0}, verdict = {0};
    if (step->number) mk_grid_put(grid, MK_TONE_STRONG, "(%u)", step->number);
    else mk_grid_put(grid, MK_TONE_FAINT, "-");
    mk_grid_put(grid, MK_TONE_FAINT, "%s:%u", step->file, step->line);
    mk_grid_put(grid, MK_TONE_PLAIN, "%s", *step->access ? step->access : step->act);
    put_change(step, &change);
    put_cell(grid, MK_TONE_PLAIN, &change);
    put_verdict(step, &verdict);
    put_cell(grid, tones[step->verdict], &verdict);
    mk_grid_put(grid, MK_TONE_FAINT, "%s", step->rule ? step->rule : "");
}

/* What a row has no room for: the comment, and what proves or excuses it. */
static void print_rest(const struct mk_order_step *step, struct mk_text *out) {
    if (step->number) mk_text_printf(out, "(%u) ", step->number);
    else mk_text_printf(out, "%s:%u ", step->file, step->line);
    put_change(step, out);
    mk_text_printf(out, ": %s\n", step->text);
    if (step->what) mk_text_printf(out, "    without it: %s\n", step->what);
    if (step->token) mk_text_printf(out, "    token: %s\n", step->token);
    if (step->verdict == MK_ORDER_NEEDED) return;
    if (step->kept) mk_text_printf(out, "    kept: %s\n", step->kept);
    else
        mk_text_puts(out,
                     "    no reason is given: weaken it in the source, or say why not with \"Kept:\" at its top\n");
}

static void print_unclean(const struct mk_orders *orders, bool colour, struct mk_text *out) {
    for (size_t i = 0; i < orders->unclean_n; i++) {
        const struct mk_orders_unclean *at = &orders->unclean[i];
        mk_grid_tone(out, colour, MK_TONE_BAD, "fails as it is");
        mk_text_printf(out, ", with no order weakened: %s: %s\n", at->program, at->what);
        if (at->token)
            mk_text_printf(out, "    again: memkit-bench stress --replay '%s'\n", at->token);
        mk_text_puts(out, "    its oracle was left out: what it found would prove nothing\n");
    }
}

void mk_orders_print(const struct mk_orders *orders, bool colour, struct mk_text *out) {
    static const char *const heads[] = {"", "where", "access", "order", "verdict", "fails with"};
    struct mk_orders_sum sum = mk_orders_sum(orders);
    struct mk_grid grid = {0};
    mk_grid_tone(out, colour, MK_TONE_STRONG, orders->identity);
    mk_text_putc(out, '\n');
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        mk_grid_column(&grid, heads[i], "", i ? MK_LEFT : MK_RIGHT);
    for (size_t i = 0; i < orders->steps_n; i++) print_step(&orders->steps[i], &grid);
    if (orders->steps_n) mk_grid_write(&grid, colour ? MK_GRID_COLOUR : MK_GRID_PLAIN, out);
    mk_grid_free(&grid);
    mk_text_putc(out, '\n');
    for (size_t i = 0; i < orders->steps_n; i++) print_rest(&orders->steps[i], out);
    if (sum.steps) {
        mk_text_printf(out, "\nneeded: %zu of %zu accesses (%u%%); %zu of %zu steps\n", sum.proven, sum.accesses,
                       percent(sum.proven, sum.accesses), sum.needed, sum.steps);
    } else {
        mk_text_puts(out, "none of its own accesses could be weaker: there are none, or all are relaxed\n");
    }
    mk_text_printf(out, "without weakening: %" PRIu64 " schedules, %s; %s\n", orders->schedules,
                   orders->unclean_n ? "not all clean" : "all clean", orders->coverage ? orders->coverage : "");
    print_unclean(orders, colour, out);
}

/* ---- a page ------------------------------------------------------------------------------------------ */

/* A sentence in a cell: nothing in it is markup. */
static void put_plain(struct mk_text *out, const char *text) {
    for (; *text; text++) {
        if (strchr("\\`*_[]<>|", *text)) mk_text_putc(out, '\\');
        mk_text_putc(out, *text == '\n' ? ' ' : *text);
    }
}

static void page_step(const struct mk_order_step *step, struct mk_text *out) {
    const char *slash = strrchr(step->file, '/');
    if (step->number) mk_text_printf(out, "| (%u) of `%s` | ", step->number, slash ? slash + 1 : step->file);
    else mk_text_printf(out, "| `%s:%u` | ", slash ? slash + 1 : step->file, step->line);
    put_plain(out, *step->access ? step->access : step->act);
    mk_text_puts(out, *step->text ? " " : "");
    put_plain(out, step->text);
    mk_text_puts(out, " | ");
    struct mk_text change = {0};
    put_change(step, &change);
    put_plain(out, change.at);
    mk_text_free(&change);
    mk_text_puts(out, " | ");
    put_verdict(step, out);
    mk_text_puts(out, " | ");
    if (step->what) {
        put_plain(out, step->what);
        mk_text_printf(out, " (`%s`, schedule %" PRIu64 ")", step->program, step->after);
    } else {
        put_plain(out, step->kept ? step->kept : "no reason is given");
    }
    mk_text_puts(out, " |\n");
}

static void page_impl(const struct mk_orders *orders, struct mk_text *out) {
    struct mk_orders_sum sum = mk_orders_sum(orders);
    mk_text_printf(out, "\n## %s\n\nNeeded: %zu of %zu accesses (%u%%), %zu of %zu steps. ", orders->identity,
                   sum.proven, sum.accesses, percent(sum.proven, sum.accesses), sum.needed, sum.steps);
    mk_text_printf(out, "Without weakening: %" PRIu64 " schedules", orders->schedules);
    if (orders->coverage) {
        mk_text_puts(out, "; ");
        put_plain(out, orders->coverage);
    }
    mk_text_puts(out, ".\n");
    for (size_t i = 0; i < orders->unclean_n; i++) {
        mk_text_printf(out,
                       "\nFails as it is, so that its oracle was left out: `%s`: ", orders->unclean[i].program);
        put_plain(out, orders->unclean[i].what);
        mk_text_puts(out, ".\n");
    }
    mk_text_puts(out, "\n| access | what its comment says | weakened | verdict | what fails, or why it is kept |\n"
                      "|---|---|---|---|---|\n");
    for (size_t i = 0; i < orders->steps_n; i++) page_step(&orders->steps[i], out);
}

static const char page_head[] =
    "# Which memory orders are needed\n\n"
    "Each atomic access that is not relaxed is carried out one step weaker than its source says, under\n"
    "schedules and stale loads that the C11 memory model allows, until one fails. A failure shows that the\n"
    "order is needed. That none was found shows no more than that: the order may be needed by what was not\n"
    "tried. The verdict then says how far the order could be weakened before something failed, and the last\n"
    "column why it stays.\n\n";

void mk_orders_markdown(const struct mk_orders_file *file, struct mk_text *out) {
    struct mk_orders_sum all = {0};
    for (size_t i = 0; i < file->impls_n; i++) {
        struct mk_orders_sum sum = mk_orders_sum(&file->impls[i]);
        all.accesses += sum.accesses;
        all.proven += sum.proven;
        all.steps += sum.steps;
        all.needed += sum.needed;
    }
    mk_text_puts(out, page_head);
    mk_text_printf(out,
                   "Written by `memkit-bench orders --all --schedules %" PRIu64 " --markdown -o docs/orders.md`; it\n"
                   "comes to the same every time for the same sources. `memkit-bench orders IMPL` prints a token for\n"
                   "each failure as well, which `memkit-bench stress --replay` carries out in that build.\n\n",
                   file->impls_n ? file->impls[0].budget : 0);
    mk_text_printf(out, "In all: %zu of %zu accesses (%u%%), %zu of %zu steps.\n", all.proven, all.accesses,
                   percent(all.proven, all.accesses), all.needed, all.steps);
    for (size_t i = 0; i < file->impls_n; i++) page_impl(&file->impls[i], out);
}
