/* conduct.c - see conduct.h. */
#include "conduct.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "figure.h"
#include "registry.h"
#include "run.h"
#include "stacks.h"
#include "text.h"
#include "wire.h"
#include "worker.h"

extern char **environ;

#define WORKER_IN 3
#define WORKER_OUT 4
#define STDERR_KEPT 16384
#define HELLO_NS 30000000000u /* a worker that says nothing for so long is of some other program */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number) {
    interrupted = signal_number;
}

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

struct worker {
    pid_t pid;
    int to, from, err; /* descriptors */
    struct mk_wire_in in;
    struct mk_text said; /* its stderr, the last of it */
    bool hello, done;
    uint32_t cell, process; /* what it is at */
    bool busy;
    bool hung;
    uint64_t since_ns;
    double allowed_s;
};

enum outcome { OUTCOME_DONE, OUTCOME_CRASHED, OUTCOME_HUNG, OUTCOME_INTERRUPTED, OUTCOME_BROKEN };

static int start_worker(struct conduct *c, struct worker *w, struct mk_err *err) {
    int in[2], out[2], said[2];
    posix_spawn_file_actions_t files;
    char self[4096];
    ssize_t self_n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[self_n > 0 ? self_n : 0] = '\0';
    /* /proc/self/exe still starts the same program after a rebuild has replaced the file. */
    const char *program = c->options->worker ? c->options->worker : "/proc/self/exe";
    char *argv[] = {c->options->worker ? (char *)c->options->worker : self, (char *)"--worker", NULL};
    memset(w, 0, sizeof *w);
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(said, O_CLOEXEC)) {
        return mk_fail(err, "cannot make pipes for a worker: %s", strerror(errno));
    }
    posix_spawn_file_actions_init(&files);
    /* High numbers first: dup2 onto 3 and 4 must not close one of the pipes' own ends. */
    int high_in = fcntl(in[0], F_DUPFD_CLOEXEC, 64), high_out = fcntl(out[1], F_DUPFD_CLOEXEC, 64);
    int high_said = fcntl(said[1], F_DUPFD_CLOEXEC, 64);
    posix_spawn_file_actions_adddup2(&files, high_in, WORKER_IN);
    posix_spawn_file_actions_adddup2(&files, high_out, WORKER_OUT);
    posix_spawn_file_actions_adddup2(&files, high_said, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, high_said, STDERR_FILENO);
    int failed = posix_spawn(&w->pid, program, &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    close(in[0]);
    close(out[1]);
    close(said[1]);
    close(high_in);
    close(high_out);
    close(high_said);
    w->to = in[1];
    w->from = out[0];
    w->err = said[0];
    w->in.fd = w->from;
    if (!failed) return 0;
    close(w->to);
    close(w->from);
    close(w->err);
    return mk_fail(err, "cannot start worker %s: %s", program, strerror(failed));
}

static void read_stderr(struct worker *w) {
    char bytes[4096];
    ssize_t n = read(w->err, bytes, sizeof bytes);
    if (n <= 0) {
        close(w->err);
        w->err = -1;
        return;
    }
    mk_text_add(&w->said, bytes, (size_t)n);
    if (w->said.n > 2 * STDERR_KEPT) {
        memmove(w->said.at, w->said.at + w->said.n - STDERR_KEPT, STDERR_KEPT + 1);
        w->said.n = STDERR_KEPT;
    }
}

/* The first hello says which version a worker is, and is answered by the plan; the second, after the
 * plug-ins, what it can run, and is answered by the order. */
static int answer_hello(struct conduct *c, struct worker *w, const struct mk_hello *hello, const struct mk_order *order,
                        struct mk_err *err) {
    if (!w->hello) {
        w->hello = true;
        if (hello->wire_digest != mk_wire_digest()) {
            return mk_fail(err, "the worker is of another version than this program: make that flavour again");
        }
        if (!c->options->other_build && hello->build_id != mk_worker_build_id()) {
            return mk_fail(err, "the worker is another build than this program: it was replaced while running");
        }
        return mk_wire_send(w->to, MK_FRAME_PLAN, c->plan, err);
    }
    if (hello->registry_digest != mk_registry_digest()) {
        return mk_fail(err, "the worker has other implementations than this program: make that flavour again");
    }
    return mk_wire_send(w->to, MK_FRAME_ORDER, order, err);
}

static void note_progress(struct conduct *c, struct worker *w, const struct mk_progress_note *note) {
    double factor = 20 * note->expected_s + 60;
    if (w->busy) c->steps_done++;
    w->busy = true;
    w->cell = note->cell;
    w->since_ns = mk_wall_ns();
    w->allowed_s = c->options->timeout_s > 0 ? c->options->timeout_s : factor;
    show_progress(c, w->process, note);
}

/* Takes all whole frames that have come. Returns 0, or -1 with err set. */
static int take_frames(struct conduct *c, struct worker *w, const struct mk_order *order, struct mk_err *err) {
    uint32_t type;
    void *obj;
    int got;
    while ((got = mk_wire_next(&w->in, &type, &obj, err)) > 0) {
        int failed = 0;
        if (type == MK_FRAME_HELLO) {
            failed = answer_hello(c, w, obj, order, err);
        } else if (type == MK_FRAME_PROGRESS) {
            note_progress(c, w, obj);
        } else if (type == MK_FRAME_DONE) {
            w->done = true;
        } else if (obj) {
            struct frame *frame = mk_grow(&c->frames, &c->frames_n, sizeof *frame);
            frame->type = type;
            frame->obj = obj;
            obj = NULL;
        }
        if (obj) {
            mk_record_free(mk_frame_record(type), obj);
            free(obj);
        }
        if (failed) return -1;
    }
    return got;
}

/* Asks for all stacks, waits a little for them to be written, and ends the worker. */
static void end_hung(struct worker *w) {
    w->hung = true;
    mk_stacks_ask(w->pid);
    uint64_t until = mk_wall_ns() + 500000000;
    while (w->err >= 0 && mk_wall_ns() < until) {
        struct pollfd ready = {w->err, POLLIN, 0};
        if (poll(&ready, 1, 100) > 0) read_stderr(w);
    }
    kill(w->pid, SIGKILL);
}

static enum outcome serve(struct conduct *c, struct worker *w, const struct mk_order *order, struct mk_err *err) {
    bool open = true;
    while (open || w->err >= 0) {
        struct pollfd ready[2] = {{open ? w->from : -1, POLLIN, 0}, {w->err, POLLIN, 0}};
        int n = poll(ready, 2, 200);
        if (interrupted) {
            kill(w->pid, SIGKILL);
            return OUTCOME_INTERRUPTED;
        }
        if (n > 0 && ready[1].revents) read_stderr(w);
        if (n > 0 && ready[0].revents) {
            int got = mk_wire_fill(&w->in, err);
            if (got < 0 || take_frames(c, w, order, err) < 0) {
                kill(w->pid, SIGKILL);
                return OUTCOME_BROKEN;
            }
            open = got > 0;
        }
        if (open && !w->hello && mk_wall_ns() - w->since_ns > HELLO_NS) {
            kill(w->pid, SIGKILL);
            mk_fail(err, "the worker does not say what it is: make that flavour again");
            return OUTCOME_BROKEN;
        }
        if (open && !w->done && w->busy && (double)(mk_wall_ns() - w->since_ns) / 1e9 > w->allowed_s) {
            end_hung(w);
            return OUTCOME_HUNG;
        }
    }
    return w->done ? OUTCOME_DONE : OUTCOME_CRASHED;
}

static void end_worker(struct worker *w, int *status) {
    close(w->to);
    close(w->from);
    if (w->err >= 0) close(w->err);
    while (waitpid(w->pid, status, 0) < 0 && errno == EINTR) {
    }
    mk_wire_in_free(&w->in);
}

static char *death_of(const struct worker *w, enum outcome outcome, int status) {
    char *stacks = mk_stacks_name(w->said.at ? w->said.at : "");
    char *text;
    if (outcome == OUTCOME_HUNG) {
        text = mk_need_format("no end after %.0f s, stacks follow\n%s", w->allowed_s, stacks);
    } else if (WIFSIGNALED(status)) {
        text = mk_need_format("the worker died of signal %d (%s)\n%s", WTERMSIG(status), strsignal(WTERMSIG(status)), stacks);
    } else {
        text = mk_need_format("the worker ended with status %d\n%s", WEXITSTATUS(status), stacks);
    }
    free(stacks);
    return text;
}

/* Runs one order in a worker, and again without the cell at fault, as often as it takes. Returns 0, a
 * signal's number, or -1 with err set. */
static int run_order(struct conduct *c, uint32_t sort, uint32_t process, const uint64_t *cells, size_t cells_n,
                     struct mk_err *err) {
    for (;;) {
        struct mk_order order = {sort, process, NULL, 0};
        struct worker w;
        int status = 0;
        for (size_t i = 0; i < cells_n; i++) {
            if (!c->dead[cells[i]]) *(uint64_t *)mk_grow(&order.cells, &order.cells_n, 8) = cells[i];
        }
        if (!order.cells_n) return 0;
        if (start_worker(c, &w, err)) {
            free(order.cells);
            return -1;
        }
        w.process = process;
        w.since_ns = mk_wall_ns();
        double steps = c->steps_done;
        enum outcome outcome = serve(c, &w, &order, err);
        free(order.cells);
        end_worker(&w, &status);
        if (outcome == OUTCOME_DONE && w.busy) c->steps_done++;
        if (outcome == OUTCOME_DONE || outcome == OUTCOME_INTERRUPTED) {
            if (w.said.n && outcome == OUTCOME_DONE) {
                end_progress(c);
                fputs(w.said.at, stderr);
            }
            mk_text_free(&w.said);
            return keep_frames(c, err) ? -1 : outcome == OUTCOME_INTERRUPTED ? interrupted : 0;
        }
        end_progress(c);
        drop_frames(c);
        c->steps_done = steps;
        if (outcome == OUTCOME_BROKEN && !w.busy) {
            mk_text_free(&w.said);
            return -1;
        }
        if (outcome == OUTCOME_BROKEN) fprintf(stderr, "memkit-bench: %s\n", err->text);
        if (!w.busy) {
            mk_fail(err, "a worker cannot start: %.200s", w.said.at ? w.said.at : "it said nothing");
            mk_text_free(&w.said);
            return -1;
        }
        char *death = death_of(&w, outcome, status);
        fprintf(stderr, "memkit-bench: %s: %s\n", c->plan->cells[w.cell].identity, death);
        fail_cell(c, w.cell, process, outcome == OUTCOME_HUNG ? "hang" : "crash", death);
        mk_text_free(&w.said);
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
    struct mk_run_sink sink = {c, sink_frame, &interrupted};
    int failed = mk_run_order(c->plan, &order, topo, &sink, err);
    return failed ? -1 : interrupted;
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
    struct sigaction action, old_int, old_term, old_pipe;
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
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    interrupted = 0;
    sigaction(SIGINT, &action, &old_int);
    sigaction(SIGTERM, &action, &old_term);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, &old_pipe);
    int ended = conduct(&c, topo, cells, cells_n, err);
    end_progress(&c);
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    sigaction(SIGPIPE, &old_pipe, NULL);
    free(c.frames);
    free(c.dead);
    free(cells);
    return ended;
}
