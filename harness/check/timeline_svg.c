/* timeline_svg.c - see timeline.h. Time is not drawn to scale: a long wait would squeeze what matters. A box is as
 * wide as its words need, and order is kept. */
#include <inttypes.h>
#include <stdlib.h>

#include "../record.h"
#include "timeline.h"
#include "view.h"

#define LEFT 92.0  /* where time begins */
#define TOP 112.0  /* of the first thread's lane */
#define LANE 70.0  /* height of a lane */
#define BOX 40.0   /* height of an operation */
#define LETTER 6.7 /* width, of the font of operations */
#define SMALL 6.0  /* width, of the font of numbers on the axis */
#define STEP 14.0  /* between two calls or returns, at least */
#define WIDTH_MIN 760.0
#define MARGIN 44.0 /* behind the last box */
#define POINT 13.0  /* between two points where operations take effect */

struct drawing {
    const struct mk_view *view;
    struct mk_text *out;
    double *from, *to; /* by event: where its box begins and ends */
    double *point;     /* by place in the order: where it takes effect */
    double width, height;
};

static const char *const style =
    "text{font:13px sans-serif;fill:#222}"
    ".head{font-weight:bold;font-size:15px}.why{fill:#b3201b}.axis{font-size:10px;fill:#777}"
    ".op{font:11px monospace}.box{fill:#dceaf7;stroke:#3a6ea5}.open{fill:#eee;stroke:#999;stroke-dasharray:4 3}"
    ".bad{fill:#fbdcda;stroke:#c62828;stroke-width:2}.lane{stroke:#ddd}.grid{stroke:#eee}"
    ".way{fill:none;stroke:#2e7d32;stroke-opacity:.45;stroke-dasharray:3 3}.dot{fill:#2e7d32}"
    ".number{font:bold 9px sans-serif;fill:#fff;text-anchor:middle}";

static void put_escaped(struct mk_text *out, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '<': mk_text_puts(out, "&lt;"); break;
        case '>': mk_text_puts(out, "&gt;"); break;
        case '&': mk_text_puts(out, "&amp;"); break;
        case '"': mk_text_puts(out, "&quot;"); break;
        default: mk_text_putc(out, (unsigned char)*text < ' ' ? ' ' : *text); break;
        }
    }
}

/* Puts a text there, and frees it. */
static void put_text(struct drawing *drawing, double x, double y, const char *class, char *text) {
    mk_text_printf(drawing->out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
    put_escaped(drawing->out, text);
    mk_text_puts(drawing->out, "</text>\n");
    free(text);
}

/* The words of an operation: what is called, what is answered. */
static char *call_words(const struct mk_view *view, size_t event) {
    struct mk_text text = {0};
    mk_view_call(view, event, &text);
    return mk_text_take(&text);
}

static char *result_words(const struct mk_view *view, size_t event) {
    struct mk_text text = {0};
    mk_view_result(view, event, &text);
    return mk_text_take(&text);
}

static char *words_of(const struct mk_view *view, void (*put)(const struct mk_view *view, struct mk_text *out)) {
    struct mk_text text = {0};
    put(view, &text);
    return mk_text_take(&text);
}

static double box_width(const struct mk_view *view, size_t event) {
    char *call = call_words(view, event), *result = result_words(view, event);
    size_t letters = strlen(call) > strlen(result) + 2 ? strlen(call) : strlen(result) + 2;
    free(call);
    free(result);
    return (double)letters * LETTER + 14;
}

/* ---- where things are ------------------------------------------------------------------------ */

static double lane_of(const struct drawing *drawing, size_t event) {
    return TOP + (double)mk_view_column(drawing->view, event) * LANE;
}

/* Longer waits are a little wider. */
static double gap(uint64_t before, uint64_t at) {
    double more = 0;
    for (uint64_t ticks = at - before; ticks > 16; ticks >>= 2) more += 2;
    return STEP + more;
}

/* Makes the drawing as wide as it has to be, and what is narrow wider. `end`: of the last box. */
static void stretch(struct drawing *drawing, double end) {
    double room = WIDTH_MIN - MARGIN - LEFT, factor = room / (end - LEFT);
    factor = factor < 1 ? 1 : factor > 1.6 ? 1.6 : factor;
    for (size_t i = 0; i < drawing->view->violation->n; i++) {
        drawing->from[i] = LEFT + (drawing->from[i] - LEFT) * factor;
        if (drawing->to[i] > 0) drawing->to[i] = LEFT + (drawing->to[i] - LEFT) * factor;
    }
    end = LEFT + (end - LEFT) * factor + MARGIN;
    drawing->width = end > WIDTH_MIN ? end : WIDTH_MIN;
}

static void place_boxes(struct drawing *drawing) {
    const struct mk_view *view = drawing->view;
    double x = LEFT;
    for (size_t i = 0; i < view->first; i++) drawing->from[view->row[i].event] = LEFT;
    for (size_t i = view->first; i < view->rows; i++) {
        const struct mk_view_row *row = &view->row[i];
        x += i > view->first && row->at == row[-1].at ? 0 : gap(i > view->first ? row[-1].at : row->at, row->at);
        if (!row->returns) {
            drawing->from[row->event] = x;
            continue;
        }
        double least = drawing->from[row->event] + box_width(view, row->event);
        x = x > least ? x : least;
        drawing->to[row->event] = x;
    }
    stretch(drawing, x);
}

/* The first in the order that is drawn. */
static size_t first_of(const struct drawing *drawing) {
    const struct mk_explained *explained = &drawing->view->explained;
    size_t first = 0;
    while (first < explained->order_n && drawing->to[explained->order[first]] == 0) first++;
    return first;
}

/* Between the earliest places that keep the order and the latest. */
static void place_points(struct drawing *drawing) {
    const struct mk_explained *explained = &drawing->view->explained;
    size_t first = first_of(drawing);
    double at = LEFT - POINT;
    for (size_t i = first; i < explained->order_n; i++) {
        double from = drawing->from[explained->order[i]] + 8;
        at = at + POINT > from ? at + POINT : from;
        drawing->point[i] = at;
    }
    at = drawing->width + POINT;
    for (size_t i = explained->order_n; i-- > first;) {
        double to = drawing->to[explained->order[i]] - 8;
        at = at - POINT < to ? at - POINT : to;
        if (at > drawing->point[i]) drawing->point[i] = (at + drawing->point[i]) / 2;
    }
}

/* ---- what is drawn --------------------------------------------------------------------------- */

static void draw_heads(struct drawing *drawing) {
    struct mk_text before = {0};
    char *title = words_of(drawing->view, mk_view_title);
    mk_text_puts(drawing->out, "<title>");
    put_escaped(drawing->out, title);
    mk_text_puts(drawing->out, "</title>\n");
    put_text(drawing, 14, 26, "head", title);
    mk_text_puts(&before, "before: ");
    mk_view_before(drawing->view, &before);
    put_text(drawing, 14, 48, "", mk_text_take(&before));
    put_text(drawing, 14, 68, "why", words_of(drawing->view, mk_view_why));
    put_text(drawing, 14, 86, "why", words_of(drawing->view, mk_view_instead));
}

static void draw_lanes(struct drawing *drawing) {
    const struct mk_view *view = drawing->view;
    double bottom = TOP + (double)view->threads * LANE, free_from = 0;
    for (size_t i = view->first; i < view->rows; i++) {
        const struct mk_view_row *row = &view->row[i];
        double x = row->returns ? drawing->to[row->event] : drawing->from[row->event];
        mk_text_printf(drawing->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"grid\"/>\n", x,
                       TOP - 4, x, bottom);
        if (x < free_from) continue;
        char *number = mk_need_format("%" PRIu64, row->at);
        free_from = x + (double)strlen(number) * SMALL + 6;
        put_text(drawing, x, bottom + 12, "axis", number);
    }
    put_text(drawing, 14, bottom + 12, "axis", mk_need_text("ticks"));
    for (size_t i = 0; i < view->threads; i++) {
        double y = TOP + (double)i * LANE + LANE / 2;
        mk_text_printf(drawing->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"lane\"/>\n",
                       LEFT, y, drawing->width - 12, y);
        put_text(drawing, 14, y + 4, "", mk_need_format("thread %u", view->thread[i]));
    }
}

static void draw_box(struct drawing *drawing, size_t event) {
    const struct mk_view *view = drawing->view;
    double x = drawing->from[event], y = lane_of(drawing, event) + (LANE - BOX) / 2;
    const char *class = mk_view_is_misfit(view, event) ? "bad" : view->place[event] ? "box" : "open";
    char *result = result_words(view, event);
    mk_text_printf(drawing->out,
                   "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"3\" class=\"%s\"/>\n", x, y,
                   drawing->to[event] - x, BOX, class);
    put_text(drawing, x + 7, y + 17, "op", call_words(view, event));
    put_text(drawing, x + 7, y + 32, "op", mk_need_format("\xe2\x86\x92 %s", result));
    free(result);
}

/* The way from point to point where operations take effect, and the points. The one lies behind the boxes. */
static void draw_way(struct drawing *drawing) {
    const struct mk_explained *explained = &drawing->view->explained;
    mk_text_puts(drawing->out, "<polyline class=\"way\" points=\"");
    for (size_t i = first_of(drawing); i < explained->order_n; i++) {
        mk_text_printf(drawing->out, "%.1f,%.1f ", drawing->point[i],
                       lane_of(drawing, explained->order[i]) + (LANE - BOX) / 2);
    }
    mk_text_puts(drawing->out, "\"/>\n");
}

static void draw_points(struct drawing *drawing) {
    const struct mk_explained *explained = &drawing->view->explained;
    for (size_t i = first_of(drawing); i < explained->order_n; i++) {
        double x = drawing->point[i], y = lane_of(drawing, explained->order[i]) + (LANE - BOX) / 2;
        mk_text_printf(drawing->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"7\" class=\"dot\"/>\n", x, y);
        put_text(drawing, x, y + 3, "number", mk_need_format("%zu", i + 1));
    }
}

static void draw_legend(struct drawing *drawing) {
    const struct mk_view *view = drawing->view;
    double y = TOP + (double)view->threads * LANE + 38;
    put_text(
        drawing, 14, y, "",
        mk_need_text("A box reaches from call to return (not to scale). Green: the longest order that the model "
                     "allows. Red: has no place behind it."));
    for (size_t i = 0; i < view->values; i++) {
        struct mk_text text = {0};
        mk_view_value(view, i, &text);
        put_text(drawing, 14, y += 17, "op", mk_text_take(&text));
    }
    if (view->first) {
        put_text(drawing, 14, y += 17, "",
                 mk_need_format("%zu calls and returns before are not drawn.", view->first));
    }
    if (view->violation->slack) {
        put_text(drawing, 14, y + 17, "",
                 mk_need_format("Ticks of two threads may be wrong by %" PRIu64 " to each other.",
                                view->violation->slack));
    }
}

static void draw(struct drawing *drawing) {
    const struct mk_view *view = drawing->view;
    double lines = (double)(view->values + (view->first > 0) + (view->violation->slack > 0));
    drawing->height = TOP + (double)view->threads * LANE + 38 + lines * 17 + 16;
    mk_text_printf(drawing->out,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                   "viewBox=\"0 0 %.0f %.0f\">\n<style>%s</style>\n"
                   "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
                   drawing->width, drawing->height, drawing->width, drawing->height, style);
    draw_heads(drawing);
    draw_lanes(drawing);
    draw_way(drawing);
    for (size_t i = 0; i < view->violation->n; i++) {
        if (drawing->to[i] != 0) draw_box(drawing, i);
    }
    draw_points(drawing);
    draw_legend(drawing);
    mk_text_puts(drawing->out, "</svg>\n");
}

void mk_timeline_svg(const struct mk_violation *violation, const struct mk_linear_config *config,
                     struct mk_text *out) {
    struct mk_view view;
    mk_view_open(&view, violation, config);
    struct drawing drawing = {.view = &view, .out = out};
    drawing.from = mk_need(violation->n + 1, sizeof *drawing.from);
    drawing.to = mk_need(violation->n + 1, sizeof *drawing.to);
    drawing.point = mk_need(violation->n + 1, sizeof *drawing.point);
    place_boxes(&drawing);
    place_points(&drawing);
    draw(&drawing);
    free(drawing.from);
    free(drawing.to);
    free(drawing.point);
    mk_view_close(&view);
}
