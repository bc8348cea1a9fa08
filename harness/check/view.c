/* view.c - see view.h. */
#include "view.h"

#include <inttypes.h>
#include <stdlib.h>

#include "../record.h"

#define ROWS_MAX 80   /* shown */
#define WORDS_MAX 160 /* bytes that a model describes a state in */

static const char *const status_words[] = {"miss", "hit", "no memory", "refused", "torn"};

static const struct mk_event *event_of(const struct mk_view *view, size_t event) {
    return &view->violation->event[event];
}

static const char *op_name(const struct mk_view *view, size_t event) {
    unsigned code = event_of(view, event)->code;
    const char *name = code < MK_OPS_MAX ? view->config->model->names[code] : NULL;
    return name ? name : "an operation without a name";
}

/* ---- names for values ------------------------------------------------------------------------ */

static size_t index_of(const struct mk_view *view, uint64_t value) {
    size_t i = 0;
    while (i < view->values && view->value[i] != value) i++;
    return i;
}

static void name_value(struct mk_view *view, uint64_t value, bool written) {
    size_t i = index_of(view, value), values = view->values;
    if (i == values) {
        *(uint64_t *)mk_grow(&view->value, &view->values, sizeof *view->value) = value;
        *(bool *)mk_grow(&view->written, &values, sizeof *view->written) = false;
    }
    view->written[i] |= written;
}

static void put_name(const struct mk_view *view, uint64_t value, struct mk_text *out) {
    size_t i = index_of(view, value);
    if (i < view->values) {
        mk_text_printf(out, "v%zu", i + 1);
    } else {
        mk_text_printf(out, "0x%" PRIx64, value);
    }
}

static void describe_before(const struct mk_view *view, char *words) {
    words[0] = '\0';
    if (view->config->model->describe) view->config->model->describe(view->violation->before, words, WORDS_MAX);
}

/* Names the numbers, written 0x..., in what the model says of the state before. */
static void name_before(struct mk_view *view) {
    char words[WORDS_MAX], *at = words;
    describe_before(view, words);
    while ((at = strstr(at, "0x")) != NULL) name_value(view, strtoull(at, &at, 16), true);
}

/* What an operation makes of a state. */
static void answer_to(const struct mk_view *view, const void *before, struct mk_op op, unsigned char *state,
                      struct mk_answer *answer) {
    memset(answer, 0, sizeof *answer);
    memcpy(state, before, MK_MODEL_STATE_MAX);
    view->config->model->answer(view->config->impl, state, &op, answer);
}

/* Returns whether the operation's value makes a difference: to a new part, or to this one. */
static bool takes_value(const struct mk_view *view, size_t event) {
    static const unsigned char fresh[MK_MODEL_STATE_MAX] MK_ALIGNED(16);
    const unsigned char *before[] = {fresh, view->violation->before};
    struct mk_op op = mk_event_op(event_of(view, event)), other = op;
    other.value = ~op.value;
    for (size_t i = 0; i < 2; i++) {
        unsigned char a[MK_MODEL_STATE_MAX] MK_ALIGNED(16), b[MK_MODEL_STATE_MAX] MK_ALIGNED(16);
        struct mk_answer answer;
        answer_to(view, before[i], op, a, &answer);
        answer_to(view, before[i], other, b, &answer);
        if (memcmp(a, b, view->config->model->state_bytes) != 0) return true;
    }
    return false;
}

/* Of what is shown. */
static void name_values(struct mk_view *view) {
    name_before(view);
    for (size_t i = view->first; i < view->rows; i++) {
        const struct mk_event *event = event_of(view, view->row[i].event);
        if (takes_value(view, view->row[i].event)) name_value(view, event->value, true);
        if (!view->row[i].returns) continue;
        if (event->seen) name_value(view, event->seen, false);
        if (event->previous) name_value(view, event->previous, false);
    }
    for (size_t i = 0; i < view->insteads; i++) {
        const struct mk_answer *answer = &view->instead[i];
        if (answer->states_value && answer->value) name_value(view, answer->value, true);
        if (answer->states_previous && answer->previous) name_value(view, answer->previous, true);
    }
}

/* ---- rows and columns ------------------------------------------------------------------------ */

/* At one time: first returns, which let their thread's next call be; then calls; then returns of these. */
static int phase_of(const struct mk_view_row *row, const struct mk_event *event) {
    return !row->returns ? 1 : event->call < event->ret ? 0 : 2;
}

static int compare_rows(const void *left, const void *right, void *arg) {
    const struct mk_view_row *a = left, *b = right;
    const struct mk_view *view = arg;
    if (a->at != b->at) return a->at < b->at ? -1 : 1;
    int phases = phase_of(a, event_of(view, a->event)) - phase_of(b, event_of(view, b->event));
    return phases ? phases : (a->event > b->event) - (a->event < b->event);
}

static void make_rows(struct mk_view *view) {
    size_t n = view->violation->n;
    uint64_t begin = UINT64_MAX;
    for (size_t i = 0; i < n; i++) begin = event_of(view, i)->call < begin ? event_of(view, i)->call : begin;
    view->row = mk_need(2 * n + 1, sizeof *view->row);
    for (size_t i = 0; i < n; i++) {
        const struct mk_event *event = event_of(view, i);
        view->row[view->rows++] = (struct mk_view_row){event->call - begin, i, false};
        view->row[view->rows++] = (struct mk_view_row){event->ret - begin, i, true};
    }
    qsort_r(view->row, view->rows, sizeof *view->row, compare_rows, view);
    if (view->rows > ROWS_MAX) view->first = view->rows - ROWS_MAX;
}

static int compare_threads(const void *left, const void *right) {
    return *(const uint16_t *)left - *(const uint16_t *)right;
}

static void make_columns(struct mk_view *view) {
    for (size_t i = 0; i < view->violation->n; i++) {
        uint16_t thread = event_of(view, i)->thread;
        size_t at = 0;
        while (at < view->threads && view->thread[at] != thread) at++;
        if (at == view->threads) {
            *(uint16_t *)mk_grow(&view->thread, &view->threads, sizeof *view->thread) = thread;
        }
    }
    if (view->threads) qsort(view->thread, view->threads, sizeof *view->thread, compare_threads);
}

size_t mk_view_column(const struct mk_view *view, size_t event) {
    size_t at = 0;
    while (view->thread[at] != event_of(view, event)->thread) at++;
    return at;
}

/* ---- life ------------------------------------------------------------------------------------ */

void mk_view_open(struct mk_view *view, const struct mk_violation *violation,
                  const struct mk_linear_config *config) {
    memset(view, 0, sizeof *view);
    view->violation = violation;
    view->config = config;
    mk_explain(violation, config, UINT64_MAX, &view->explained);
    if (mk_view_knows(view)) {
        view->insteads =
            mk_explain_instead(violation, config, view->explained.misfit, view->instead, MK_VIEW_INSTEAD_MAX);
    }
    view->place = mk_need(violation->n + 1, sizeof *view->place);
    for (size_t i = 0; i < view->explained.order_n; i++) view->place[view->explained.order[i]] = i + 1;
    make_rows(view);
    make_columns(view);
    name_values(view);
}

void mk_view_close(struct mk_view *view) {
    mk_explained_free(&view->explained);
    free(view->row);
    free(view->thread);
    free(view->place);
    free(view->value);
    free(view->written);
    memset(view, 0, sizeof *view);
}

bool mk_view_knows(const struct mk_view *view) {
    return view->explained.verdict == MK_NOT_LINEARIZABLE;
}

bool mk_view_is_misfit(const struct mk_view *view, size_t event) {
    return mk_view_knows(view) && view->explained.misfit == event;
}

/* ---- words ----------------------------------------------------------------------------------- */

/* Keys are what the operations name; where parts are something else, they are called so. */
static const char *part_word(const struct mk_view *view) {
    for (size_t i = 0; i < view->violation->n; i++) {
        if (event_of(view, i)->key != view->violation->part) return "part";
    }
    return "key";
}

void mk_view_title(const struct mk_view *view, struct mk_text *out) {
    size_t n = view->violation->n, threads = view->threads;
    if (!view->config->model->monitor) mk_text_printf(out, "%s 0x%" PRIx64 ": ", part_word(view), view->violation->part);
    if (n == 1) {
        mk_text_puts(out, "one operation does not do what the sequential model does");
        return;
    }
    mk_text_printf(out, "%zu operations of %zu thread%s have no order that the sequential model allows", n, threads,
                   threads == 1 ? "" : "s");
}

void mk_view_before(const struct mk_view *view, struct mk_text *out) {
    char words[WORDS_MAX], *at = words;
    describe_before(view, words);
    for (char *number; (number = strstr(at, "0x")) != NULL;) {
        mk_text_add(out, at, (size_t)(number - at));
        put_name(view, strtoull(number, &at, 16), out);
    }
    mk_text_puts(out, words[0] ? at : "a state that the model has no words for");
}

void mk_view_call(const struct mk_view *view, size_t event, struct mk_text *out) {
    mk_text_puts(out, op_name(view, event));
    if (!takes_value(view, event)) return;
    mk_text_putc(out, ' ');
    put_name(view, event_of(view, event)->value, out);
}

/* A value or previous of 0 is none: no part of what was answered. */
static void put_answer(const struct mk_view *view, unsigned status, uint64_t value, uint64_t previous,
                       struct mk_text *out) {
    mk_text_puts(out, status < 5 ? status_words[status] : "a status that there is not");
    if (value) {
        mk_text_putc(out, ' ');
        put_name(view, value, out);
    }
    if (!previous || previous == value) return;
    mk_text_puts(out, ", was ");
    put_name(view, previous, out);
}

void mk_view_result(const struct mk_view *view, size_t event, struct mk_text *out) {
    const struct mk_event *at = event_of(view, event);
    put_answer(view, at->status, at->seen, at->previous, out);
}

void mk_view_why(const struct mk_view *view, struct mk_text *out) {
    const struct mk_explained *explained = &view->explained;
    if (!mk_view_knows(view)) {
        mk_text_puts(out, "there are too many orders to say which operation has no place");
        return;
    }
    const struct mk_event *misfit = event_of(view, explained->misfit);
    mk_text_printf(out, "the %s of thread %u has no place: it answers ", op_name(view, explained->misfit),
                   misfit->thread);
    mk_view_result(view, explained->misfit, out);
    if (misfit->status == MK_TORN) mk_text_puts(out, ", half of one value and half of another");
}

void mk_view_instead(const struct mk_view *view, struct mk_text *out) {
    for (size_t i = 0; i < view->insteads; i++) {
        const struct mk_answer *answer = &view->instead[i];
        mk_text_puts(out, i ? " or " : "it would have a place if it answered ");
        put_answer(view, answer->status, answer->states_value ? answer->value : 0,
                   answer->states_previous ? answer->previous : 0, out);
    }
}

void mk_view_value(const struct mk_view *view, size_t value, struct mk_text *out) {
    const struct mk_violation *violation = view->violation;
    uint64_t number = view->value[value];
    bool stands_for = number && number <= violation->values;
    mk_text_printf(out, "v%zu = 0x%" PRIx64, value + 1, stands_for ? violation->value[number - 1] : number);
    if (!view->written[value]) mk_text_puts(out, " (none of these wrote it)");
}
