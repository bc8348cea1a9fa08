/* conduct.c - see conduct.h. */
#include "conduct.h"

#include <math.h>
#include <stdlib.h>

#include "clock.h"
#include "figure.h"
#include "process.h"
#include "run.h"

#define STDERR_KEPT 16384

/* ---- frames kept until a worker is done ----------------------------------------------------- */

struct frame {
    uint32_t type;
    void *obj;
};

struct conduct {
    const struct mk_plan *plan;
    const struct mk_conduct_options *options;
    struct mk_result_file *result;
    bool *dead;   /* by cell: cost its verdict, or has had enough */
    struct frame *frames;
    size_t frames_n;
    uint64_t begun_ns;
    double steps_done, steps_all; /* rounds of cells, for the estimate of what is left */
    bool line_open;
};

static void drop_frames(struct conduct *c) {
    for (size_t i = 0; i < c->frames_n; i++) {
        if (!c->frames[i].obj) continue;
        mk_record_free(mk_frame_record(c->frames[i].type), c->frames[i].obj);
        free(c->frames[i].obj);
    }
    c->frames_n = 0;
}

/* Moves one sample into the result. */
static int add_sample(struct mk_result_file *result, uint32_t type, void *obj, struct mk_err *err) {
    switch (type) {
    case MK_FRAME_ROUND: return mk_result_add_round(result, obj, err);
    case MK_FRAME_LATENCY: return mk_result_add_latency(result, obj, err);
    case MK_FRAME_MEMORY: return mk_result_add_memory(result, obj, err);
    case MK_FRAME_CHECK: return mk_result_add_check(result, obj, err);
    default: return 0;
    }
}

static int keep_frames(struct conduct *c, struct mk_err *err) {
    int failed = 0;
    for (size_t i = 0; i < c->frames_n && !failed; i++) {
        if (c->frames[i].obj) failed = add_sample(c->result, c->frames[i].type, c->frames[i].obj, err);
    }
    drop_frames(c);
    return failed;
}

static void fail_cell(struct conduct *c, uint32_t cell, uint32_t process, const char *check, char *detail) {
    struct mk_check_sample sample = {0};
    struct mk_err ignored;
    sample.cell = cell;
    sample.process = process;
    sample.verdict = MK_VERDICT_FAIL;
    sample.check = mk_need_text(check);
    sample.detail = detail;
    if (mk_result_add_check(c->result, &sample, &ignored)) mk_record_free(&mk_check_sample_record, &sample);
    c->dead[cell] = true;
}

/* ---- progress ------------------------------------------------------------------------------ */

static void show_progress(struct conduct *c, uint32_t process, const struct mk_progress_note *note) {
    if (!c->options->progress || note->cell >= c->plan->cells_n) return;
    const struct mk_cell *cell = &c->plan->cells[note->cell];
    double spent_s = (double)(mk_wall_ns() - c->begun_ns) / 1e9;
    double frac = c->steps_all > 0 ? c->steps_done / c->steps_all : 0;
    double left_s = frac > 0.02 ? spent_s / frac - spent_s : c->plan->expected_s - spent_s;
    if (left_s < 0) left_s = 0;
    fprintf(stderr, "\r\033[K%3.0f%%  about %d:%02d left  process %u/%llu  %s  %u thread%s  %s %u", 100 * frac,
            (int)left_s / 60, (int)left_s % 60, process + 1, (unsigned long long)c->plan->processes, cell->identity,
            c->plan->groups[cell->group].threads, c->plan->groups[cell->group].threads == 1 ? "" : "s",
            note->stage ? note->stage : "", note->round + 1);
    fflush(stderr);
    c->line_open = true;
}

static void end_progress(struct conduct *c) {
    if (c->line_open) fprintf(stderr, "\r\033[K");
    c->line_open = false;
}

/* ---- one worker ---------------------------------------------------------------------------- */

/* A worker at an order. */
struct shift {
    struct conduct *c;
    uint32_t process, cell; /* what it is at */
};

static bool take_frame(void *arg, struct mk_process *process, uint32_t type, void *obj) {
    struct shift *shift = arg;
    struct conduct *c = shift->c;
    if (type == MK_FRAME_PROGRESS) {
        const struct mk_progress_note *note = obj;
        if (process->busy) c->steps_done++;
        shift->cell = note->cell;
        mk_process_begins(process, c->options->timeout_s > 0 ? c->options->timeout_s : 20 * note->expected_s + 60, 0, 0);
        show_progress(c, shift->process, note);
        return false;
    }
    struct frame *frame = mk_grow(&c->frames, &c->frames_n, sizeof *frame);
    frame->type = type;
    frame->obj = obj;
    return true;
}

/* Ends an order whose worker died: costs the cell at fault its verdict, unless the worker is to blame. Returns 0
 * if the others can go on, or -1 with err set. */
static int end_death(struct conduct *c, const struct shift *shift, struct mk_process *process, int end,
                     struct mk_err *err) {
    end_progress(c);
    drop_frames(c);
    if (end == MK_PROCESS_BROKEN && !process->busy) return -1;
    if (end == MK_PROCESS_BROKEN) fprintf(stderr, "memkit-bench: %s\n", err->text);
    if (!process->busy) {
        return mk_fail(err, "a worker cannot start: %.200s", process->said.at ? process->said.at : "it said nothing");
    }
    char *death = mk_process_death(process, end);
    fprintf(stderr, "memkit-bench: %s: %s\n", c->plan->cells[shift->cell].identity, death);
    fail_cell(c, shift->cell, shift->process, end == MK_PROCESS_HUNG ? "hang" : "crash", death);
    return 0;
}

/* Runs one order in a worker, and again without the cell at fault, as often as it takes. Returns 0, a
 * signal's number, or -1 with err set. */
static int run_order(struct conduct *c, uint32_t sort, uint32_t process_number, const uint64_t *cells, size_t cells_n,
                     struct mk_err *err) {
    for (;;) {
        struct mk_order order = {sort, process_number, NULL, 0};
        struct shift shift = {c, process_number, 0};
        struct mk_process_config config = {c->options->worker, c->options->other_build, c->plan,    MK_FRAME_ORDER,
                                           &order,             STDERR_KEPT,             &shift, take_frame, NULL};
        struct mk_process process;
        for (size_t i = 0; i < cells_n; i++) {
            if (!c->dead[cells[i]]) *(uint64_t *)mk_grow(&order.cells, &order.cells_n, 8) = cells[i];
        }
        if (!order.cells_n) return 0;
        double steps = c->steps_done;
        int end = mk_process_run(&config, &process, err), failed = 0;
        free(order.cells);
        if (end < 0) return -1;
        if (end == MK_PROCESS_DONE && process.busy) c->steps_done++;
        bool whole = end == MK_PROCESS_DONE || end == MK_PROCESS_INTERRUPTED;
        if (end == MK_PROCESS_DONE && process.said.n) {
            end_progress(c);
            fputs(process.said.at, stderr);
        }
        if (!whole) {
            c->steps_done = steps;
            failed = end_death(c, &shift, &process, end, err);
        }
        mk_text_free(&process.said);
        if (whole) return keep_frames(c, err) ? -1 : end == MK_PROCESS_INTERRUPTED ? mk_process_interrupted : 0;
        if (failed) return -1;
    }
}

/* ---- the whole plan ------------------------------------------------------------------------ */

static void sink_frame(void *arg, uint32_t type, void *sample) {
    struct conduct *c = arg;
    struct mk_err err;
    if (type == MK_FRAME_PROGRESS) {
        c->steps_done++;
        show_progress(c, 0, sample);
    } else if (add_sample(c->result, type, sample, &err)) {
        fprintf(stderr, "memkit-bench: %s\n", err.text);
    }
    mk_record_free(mk_frame_record(type), sample);
}

static int run_in_process(struct conduct *c, const struct mk_topo *topo, uint32_t sort, uint32_t process,
                          uint64_t *cells, size_t cells_n, struct mk_err *err) {
    struct mk_order order = {sort, process, cells, cells_n};
    struct mk_run_sink sink = {c, sink_frame, &mk_process_interrupted};
    int failed = mk_run_order(c->plan, &order, topo, &sink, err);
    return failed ? -1 : mk_process_interrupted;
}

/* Cells whose interval is narrow enough already need no more processes. */
static void apply_until(struct conduct *c, uint32_t processes_done) {
    for (size_t i = 0; i < c->result->cells_n; i++) {
        const struct mk_result_cell *cell = &c->result->cells[i];
        const struct mk_plan_point *point = &c->plan->points[c->plan->groups[cell->group].point];
        const struct mk_workload_until *until = &point->workload.until;
        struct mk_figure figure;
        if (until->interval_frac <= 0 || processes_done < until->min_processes || c->dead[cell->index]) continue;
        mk_figure_of_rounds(&figure, cell->rounds, cell->rounds_n, 0, mk_round_cpu_ns);
        double width = (figure.interval.upper - figure.interval.lower) / figure.interval.estimate;
        if (figure.n >= 3 && isfinite(width) && width < until->interval_frac) {
            c->dead[cell->index] = true;
            mk_result_enough(c->result, cell->index);
        }
        mk_figure_free(&figure);
    }
}

static int conduct(struct conduct *c, const struct mk_topo *topo, uint64_t *cells, size_t cells_n, struct mk_err *err) {
    int ended = 0;
    for (uint32_t p = 0; p < c->plan->processes && !ended; p++) {
        ended = c->options->in_process ? run_in_process(c, topo, MK_ORDER_MEASURE, p, cells, cells_n, err)
                                       : run_order(c, MK_ORDER_MEASURE, p, cells, cells_n, err);
        if (!ended) apply_until(c, p + 1);
    }
    for (size_t i = 0; i < cells_n; i++) {
        /* whoever had enough still has its memory measured; whoever failed has none */
        c->dead[cells[i]] = c->dead[cells[i]] && !c->result->cells[cells[i]].enough;
    }
    for (size_t i = 0; i < cells_n && !ended; i++) {
        ended = c->options->in_process ? run_in_process(c, topo, MK_ORDER_MEMORY, 0, &cells[i], 1, err)
                                       : run_order(c, MK_ORDER_MEMORY, 0, &cells[i], 1, err);
    }
    return ended;
}

int mk_conduct(const struct mk_plan *plan, const struct mk_topo *topo, const struct mk_conduct_options *options,
               struct mk_result_file *result, struct mk_err *err) {
    struct conduct c;
    uint64_t *cells = NULL;
    size_t cells_n = 0;
    memset(&c, 0, sizeof c);
    c.plan = plan;
    c.options = options;
    c.result = result;
    c.dead = mk_need(plan->cells_n, sizeof *c.dead);
    c.begun_ns = mk_wall_ns();
    for (size_t i = 0; i < plan->cells_n; i++) {
        const struct mk_cell *cell = &plan->cells[i];
        if (cell->skipped || cell->elsewhere) continue;
        const struct mk_workload *w = &plan->points[plan->groups[cell->group].point].workload;
        *(uint64_t *)mk_grow(&cells, &cells_n, sizeof *cells) = i;
        c.steps_all += (double)(plan->rounds + (w->latency.sample_every_ops != 0)) * (double)plan->processes + 1;
    }
    mk_process_guard();
    int ended = conduct(&c, topo, cells, cells_n, err);
    end_progress(&c);
    mk_process_unguard();
    free(c.frames);
    free(c.dead);
    free(cells);
    return ended;
}
