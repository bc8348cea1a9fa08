/* timeline_text.c - see timeline.h.
 *
 *      ticks  thread 0              thread 3
 *          0  [ put v2
 *        310  |                     [ get
 *        512  ] hit, was v1  (1)    |
 *        700                        ] hit v1  (!)
 *
 * Many threads have narrow columns, and what is called and answered stands behind them.
 */
#include <inttypes.h>

#include "timeline.h"
#include "view.h"

#define WIDTH 100
#define TIME_WIDTH 12   /* of the first column */
#define COLUMN_MAX 30   /* bytes of a thread's column ... */
#define COLUMN_WORDS 21 /* ... and so many at least where it has words in it; else 2 or 3 */
#define ORDER_MAX 16    /* operations of the order that are listed */

/* Appends spaces up to a column, counted from the beginning of the line. */
static void pad(struct mk_text *out, size_t line, size_t column) {
    size_t at = out->n - line;
    if (at < column) mk_text_repeat(out, ' ', column - at);
}

/* Appends (3) to an operation that is third in the order, (!) to the one that has no place. */
static void put_mark(const struct mk_view *view, size_t event, struct mk_text *out) {
    if (mk_view_is_misfit(view, event)) {
        mk_text_puts(out, "  (!)");
    } else if (view->place[event]) {
        mk_text_printf(out, "  (%zu)", view->place[event]);
    }
}

static void put_words(const struct mk_view *view, const struct mk_view_row *row, struct mk_text *out) {
    if (!row->returns) {
        mk_view_call(view, row->event, out);
        return;
    }
    mk_view_result(view, row->event, out);
    put_mark(view, row->event, out);
}

/* Numbers of threads above narrow columns: one digit of each a line. */
static void put_digits(const struct mk_view *view, size_t width, unsigned unit, struct mk_text *out) {
    size_t line = out->n;
    mk_text_printf(out, "%*s", TIME_WIDTH - 2, unit == 1 ? "ticks" : "");
    for (size_t i = 0; i < view->threads; i++) {
        if (unit > 1 && view->thread[i] < unit) continue;
        pad(out, line, TIME_WIDTH + i * width);
        mk_text_printf(out, "%u", view->thread[i] / unit % 10);
    }
    mk_text_putc(out, '\n');
}

static void put_heads(const struct mk_view *view, size_t width, struct mk_text *out) {
    size_t line = out->n;
    if (width < COLUMN_WORDS) {
        unsigned last = view->threads ? view->thread[view->threads - 1] : 0, unit = 1;
        while (unit <= last / 10) unit *= 10;
        for (; unit; unit /= 10) put_digits(view, width, unit, out);
        return;
    }
    mk_text_printf(out, "%*s", TIME_WIDTH - 2, "ticks");
    for (size_t i = 0; i < view->threads; i++) {
        pad(out, line, TIME_WIDTH + i * width);
        mk_text_printf(out, "thread %u", view->thread[i]);
    }
    mk_text_putc(out, '\n');
}

/* `at_work`: by column, how many operations fly. A row changes one of them. */
static void put_row(const struct mk_view *view, const struct mk_view_row *row, size_t width, unsigned *at_work,
                    struct mk_text *out) {
    size_t line = out->n, column = mk_view_column(view, row->event);
    mk_text_printf(out, "%*" PRIu64, TIME_WIDTH - 2, row->at);
    for (size_t i = 0; i < view->threads; i++) {
        if (i != column && !at_work[i]) continue;
        pad(out, line, TIME_WIDTH + i * width);
        mk_text_putc(out, i != column ? '|' : row->returns ? ']' : '[');
        if (i != column || width < COLUMN_WORDS) continue;
        mk_text_putc(out, ' ');
        put_words(view, row, out);
        if (out->n - line >= TIME_WIDTH + (i + 1) * width) mk_text_putc(out, ' ');
    }
    if (width < COLUMN_WORDS) {
        pad(out, line, TIME_WIDTH + view->threads * width + 1);
        if (row->returns) {
            mk_view_call(view, row->event, out);
            mk_text_puts(out, " -> ");
        }
        put_words(view, row, out);
    }
    mk_text_putc(out, '\n');
    at_work[column] += row->returns ? -1u : 1u;
}

static size_t width_of(size_t threads) {
    size_t width = (WIDTH - TIME_WIDTH) / (threads ? threads : 1);
    if (width >= COLUMN_WORDS) return width < COLUMN_MAX ? width : COLUMN_MAX;
    return threads <= 16 ? 3 : 2;
}

static void put_rows(const struct mk_view *view, struct mk_text *out) {
    size_t width = width_of(view->threads);
    unsigned at_work[UINT8_MAX + 1] = {0};
    if (view->threads > UINT8_MAX) {
        mk_text_printf(out, "%zu threads do not fit into columns.\n", view->threads);
        return;
    }
    for (size_t i = 0; i < view->first; i++) {
        at_work[mk_view_column(view, view->row[i].event)] += view->row[i].returns ? -1u : 1u;
    }
    put_heads(view, width, out);
    if (view->first) {
        mk_text_printf(out, "%*s  (%zu calls and returns before)\n", TIME_WIDTH - 2, "...", view->first);
    }
    for (size_t i = view->first; i < view->rows; i++) put_row(view, &view->row[i], width, at_work, out);
}

static void put_order(const struct mk_view *view, struct mk_text *out) {
    const struct mk_explained *explained = &view->explained;
    size_t first = explained->order_n > ORDER_MAX ? explained->order_n - ORDER_MAX : 0;
    if (explained->order_n) mk_text_puts(out, "The longest order that the model allows:\n");
    if (first) mk_text_printf(out, "  ... (%zu before these)\n", first);
    for (size_t i = first; i < explained->order_n; i++) {
        size_t event = explained->order[i];
        mk_text_printf(out, "  (%zu) thread %u: ", i + 1, view->violation->event[event].thread);
        mk_view_call(view, event, out);
        mk_text_puts(out, " -> ");
        mk_view_result(view, event, out);
        mk_text_putc(out, '\n');
    }
    mk_text_puts(out, mk_view_knows(view) ? "  (!) " : "  ");
    mk_view_why(view, out);
    mk_text_puts(out, view->insteads ? "\n      " : "");
    mk_view_instead(view, out);
    mk_text_putc(out, '\n');
}

void mk_timeline_text(const struct mk_violation *violation, const struct mk_linear_config *config,
                      struct mk_text *out) {
    struct mk_view view;
    mk_view_open(&view, violation, config);
    mk_view_title(&view, out);
    mk_text_puts(out, "\nbefore: ");
    mk_view_before(&view, out);
    mk_text_puts(out, "\n\n");
    put_rows(&view, out);
    mk_text_putc(out, '\n');
    put_order(&view, out);
    for (size_t i = 0; i < view.values; i++) {
        mk_text_puts(out, i ? "  " : "\n  ");
        mk_view_value(&view, i, out);
        mk_text_putc(out, '\n');
    }
    if (violation->slack) {
        mk_text_printf(out, "  ticks of two threads may be wrong by %" PRIu64 " to each other\n", violation->slack);
    }
    mk_view_close(&view);
}
