/* hunt.c - see hunt.h. */
#include "hunt.h"

#include <stdlib.h>

#include "build_info.h"
#include "clock.h"
#include "process.h"
#include "stacks.h"
#include "trials.h"

#define SAID_MAX (16u << 20) /* of what a worker prints between two trials: reports are long */
#define DEATHS_MAX 50        /* a run in which so many workers died has said enough */

struct hunt {
    const struct mk_plan *plan;
    const struct mk_hunt_options *options;
    struct mk_stress_file *file;
    struct mk_hunt_order order;
    struct mk_attempt *attempts; /* of this worker: a sanitizer's report belongs to one by its number */
    size_t attempts_n;
    uint64_t begun_ns;
    size_t tried;   /* attempts of all workers */
    uint64_t section; /* attempt that what is printed now belongs to; UINT64_MAX = none */
    size_t reports;   /* of sanitizers, in the section that is open */
    bool line_open;
    bool found;
};

/* ---- progress ------------------------------------------------------------------------------ */

static double spent_s(const struct hunt *h) {
    return (double)(mk_wall_ns() - h->begun_ns) / 1e9;
}

static void show_progress(struct hunt *h, const struct mk_attempt *attempt) {
    if (!h->options->progress || attempt->cell >= h->plan->cells_n) return;
    double left_s = h->options->order.seconds - spent_s(h);
    fprintf(stderr, "\r\033[K%zu finding%s  %zu trials  about %.0f s left  %s: %s, %s", h->file->findings_n,
            h->file->findings_n == 1 ? "" : "s", h->tried, left_s > 0 ? left_s : 0,
            h->plan->cells[attempt->cell].identity, attempt->oracle, attempt->pressure);
    fflush(stderr);
    h->line_open = true;
}

static void end_progress(struct hunt *h) {
    if (h->line_open) fprintf(stderr, "\r\033[K");
    h->line_open = false;
}

/* ---- findings ------------------------------------------------------------------------------ */

static const struct mk_attempt *attempt_of(const struct hunt *h, uint64_t number) {
    for (size_t i = h->attempts_n; i > 0; i--) {
        if (h->attempts[i - 1].number == number) return &h->attempts[i - 1];
    }
    return NULL;
}

/* Fills in where a finding comes from. attempt NULL: from no trial. */
static void locate(const struct hunt *h, const struct mk_attempt *attempt, struct mk_finding_sample *finding) {
    finding->cell = attempt ? attempt->cell : UINT32_MAX;
    finding->oracle = mk_need_text(attempt ? attempt->oracle : "");
    finding->pressure = mk_need_text(attempt ? attempt->pressure : "");
    finding->seed = attempt ? attempt->seed : h->order.seed;
    finding->flavour = mk_need_text(h->options->flavour);
    finding->count = 1;
}

/* Takes over what the finding owns. */
static void file_finding(struct hunt *h, struct mk_finding_sample *finding, uint32_t effort_percent, double found_s) {
    h->found = true;
    finding->found_s = found_s;
    finding->command = h->options->command(h->options->arg, finding, effort_percent);
    mk_stress_add_finding(h->file, finding);
    mk_record_free(&mk_finding_record, finding);
}

/* Files what sanitizers report in a piece of text. */
static void read_section(struct hunt *h, const char *text, size_t n) {
    struct mk_sanitizer_report *reports = NULL;
    size_t reports_n = 0;
    mk_sanitizer_read(text, n, NULL, &reports, &reports_n);
    const struct mk_attempt *attempt = attempt_of(h, h->section);
    for (size_t i = 0; i < reports_n; i++) {
        struct mk_finding_sample *finding = &reports[i].finding;
        h->reports++;
        locate(h, attempt, finding);
        if (mk_suppressors_hide(h->options->suppressors, h->options->suppressors_n, finding)) continue;
        file_finding(h, finding, attempt ? attempt->effort_percent : 0, spent_s(h));
    }
    mk_sanitizer_free(reports, reports_n);
}

/* Returns how much of the text the reports of ThreadSanitizer take up that are whole: the trial that they belong to may
 * go on for long, or for ever. */
static size_t whole_reports(const char *text) {
    static const char summary[] = "\nSUMMARY: ThreadSanitizer", ruler[] = "\n==================\n";
    size_t whole = 0;
    for (const char *at = text; (at = strstr(at, summary));) {
        const char *end = strstr(++at, ruler);
        if (end) whole = (size_t)(end - text) + sizeof ruler - 1;
    }
    return whole;
}

/* Works through what the worker has printed, up to the last mark or whole report (or, `all`, to the end), and drops
 * it. */
static void read_said(struct hunt *h, struct mk_text *said, bool all) {
    size_t mark_n = strlen(MK_TRIAL_MARK), from = 0;
    for (;;) {
        char *at = from < said->n ? strstr(said->at + from, "\n" MK_TRIAL_MARK) : NULL;
        char *end = at ? strchr(at + 1, '\n') : NULL;
        /* what it belongs to may still be on its way */
        if (!end || (!all && h->section != UINT64_MAX && !attempt_of(h, h->section))) break;
        read_section(h, said->at + from, (size_t)(at - said->at) - from);
        h->section = at[1 + mark_n] == 'e' ? UINT64_MAX : strtoull(at + 1 + mark_n, NULL, 10);
        h->reports = 0;
        from = (size_t)(end - said->at);
    }
    size_t rest = 0;
    if (all && from < said->n) rest = said->n - from;
    if (!all && from < said->n && attempt_of(h, h->section)) rest = whole_reports(said->at + from);
    if (rest) read_section(h, said->at + from, rest);
    if (!all) from += rest; /* what it said last is of interest still */
    if (from) {
        memmove(said->at, said->at + from, said->n - from + 1);
        said->n -= from;
    }
}

/* The entry that an attempt was of is not tried again: its worker would die again. */
static void bury(struct hunt *h, const struct mk_attempt *attempt) {
    char **dead = mk_grow(&h->order.dead, &h->order.dead_n, sizeof *dead);
    *dead = mk_need_format("%u %s", attempt->cell, attempt->oracle);
}

/* A worker that died: a finding, unless a sanitizer has said why. */
static void file_death(struct hunt *h, const struct mk_process *process, int end) {
    const struct mk_attempt *attempt = h->attempts_n ? &h->attempts[h->attempts_n - 1] : NULL;
    struct mk_finding_sample finding = {0};
    if (attempt) bury(h, attempt);
    if (h->reports && end == MK_PROCESS_CRASHED) return;
    double found_s = spent_s(h); /* naming the stacks takes a while */
    char *death = mk_process_death(process, end);
    size_t line = strcspn(death, "\n");
    locate(h, attempt, &finding);
    finding.rule = mk_need_text(end == MK_PROCESS_HUNG ? "hang" : "crash");
    finding.what = mk_need_format("%.*s", (int)line, death);
    finding.stacks = mk_stacks_read(death, &finding.stacks_n);
    if (!finding.stacks_n && death[line]) finding.detail = mk_need_text(death + line + 1);
    free(death);
    file_finding(h, &finding, attempt ? attempt->effort_percent : 0, found_s);
}

/* ---- one worker ---------------------------------------------------------------------------- */

/* How much slower a trial is in a build than in a release one, roughly and at most. */
static double slowness(const char *flavour) {
    return strcmp(flavour, "tsan") == 0 ? 1.7 : strcmp(flavour, "release") == 0 ? 1 : 1.3;
}

static void begin_attempt(struct hunt *h, struct mk_process *process, struct mk_attempt *attempt) {
    double slow = slowness(h->options->flavour), effort = attempt->effort_percent / 100.0;
    struct mk_attempt *kept = mk_grow(&h->attempts, &h->attempts_n, sizeof *kept);
    *kept = *attempt;
    h->tried++;
    if (process && h->options->timeout_s > 0) {
        mk_process_begins(process, h->options->timeout_s, 0, 0);
    } else if (process && strcmp(h->options->flavour, "model") == 0) {
        /* it ends schedules that get nowhere itself: what is left is code that loops without a hook, and many
         * schedules */
        double cpu_s = 60 + (double)h->options->order.schedules / 200;
        mk_process_begins(process, 0, cpu_s, 0);
    } else if (process) {
        /* by its work rather than the clock: other programs may keep the PUs busy for long */
        mk_process_begins(process, (60 + 240 * effort) * slow, (3 + 15 * effort) * slow, 2);
    }
    show_progress(h, kept);
}

static bool take_frame(void *arg, struct mk_process *process, uint32_t type, void *obj) {
    struct hunt *h = arg;
    if (type == MK_FRAME_ATTEMPT) {
        begin_attempt(h, process, obj);
        memset(obj, 0, sizeof(struct mk_attempt)); /* taken over */
    } else if (type == MK_FRAME_TRIAL) {
        mk_stress_add_trial(h->file, obj);
    } else if (type == MK_FRAME_FINDING) {
        file_finding(h, obj, h->attempts_n ? h->attempts[h->attempts_n - 1].effort_percent : 0, spent_s(h));
    }
    return false;
}

static bool is_over(void *arg, struct mk_process *process) {
    struct hunt *h = arg;
    if (process->said.n) read_said(h, &process->said, false);
    return h->order.stop_at_first && h->found;
}

static void forget_attempts(struct hunt *h) {
    for (size_t i = 0; i < h->attempts_n; i++) mk_record_free(&mk_attempt_record, &h->attempts[i]);
    free(h->attempts);
    h->attempts = NULL;
    h->attempts_n = 0;
    h->section = UINT64_MAX;
    h->reports = 0;
}

/* What it printed that is no report, for whoever looks at the terminal. */
static void show_rest(struct hunt *h, const struct mk_process *process) {
    if (!process->said.n || h->reports || strspn(process->said.at, " \n") == process->said.n) return;
    end_progress(h);
    fputs(process->said.at, stderr);
}

/* Runs a worker until it ends. Returns 0 if there is more to do, 1 if there is not, -1 with err set. */
static int run_worker(struct hunt *h, struct mk_err *err) {
    struct mk_process_config config = {h->options->worker, h->options->worker != NULL, h->plan,    MK_FRAME_HUNT,
                                       &h->order,          SAID_MAX,                   h,          take_frame,
                                       is_over};
    struct mk_process process;
    int end = mk_process_run(&config, &process, err), over = 1;
    if (end < 0) return -1;
    read_said(h, &process.said, true);
    if (end == MK_PROCESS_CRASHED || end == MK_PROCESS_HUNG || (end == MK_PROCESS_BROKEN && process.busy)) {
        if (!process.busy && !h->reports) {
            over = mk_fail(err, "a worker cannot start: %.200s", process.said.at ? process.said.at : "it said nothing");
        } else {
            file_death(h, &process, end);
            over = 0;
        }
    } else if (end == MK_PROCESS_BROKEN) {
        over = -1;
    } else if (end == MK_PROCESS_DONE) {
        show_rest(h, &process);
    }
    if (h->attempts_n) h->order.begin = h->attempts[h->attempts_n - 1].number + 1;
    mk_text_free(&process.said);
    forget_attempts(h);
    return over;
}

/* ---- the whole hunt ------------------------------------------------------------------------ */

static void sink_frame(void *arg, uint32_t type, void *sample) {
    take_frame(arg, NULL, type, sample);
    mk_record_free(mk_frame_record(type), sample);
}

static int hunt(struct hunt *h, struct mk_err *err) {
    if (h->options->in_process) {
        struct mk_run_sink sink = {h, sink_frame, &mk_process_interrupted};
        return mk_trials_run(h->plan, &h->order, &sink, err);
    }
    for (int deaths = 0, over = 0; !over && deaths < DEATHS_MAX; deaths++) {
        over = run_worker(h, err);
        if (over < 0) return -1;
        h->order.seconds = h->options->order.seconds - spent_s(h);
        bool no_time = h->options->order.seconds > 0 && h->order.seconds <= 0;
        if (no_time || mk_process_interrupted || (h->order.stop_at_first && h->found)) break;
    }
    return 0;
}

int mk_hunt(const struct mk_plan *plan, const struct mk_hunt_options *options, struct mk_stress_file *file,
            struct mk_err *err) {
    struct hunt h = {.plan = plan, .options = options, .file = file, .begun_ns = mk_wall_ns(), .section = UINT64_MAX};
    h.order = options->order;
    h.order.cells = NULL;
    h.order.cells_n = 0;
    for (size_t i = 0; i < plan->cells_n; i++) {
        if (!plan->cells[i].skipped && !plan->cells[i].elsewhere) {
            *(uint64_t *)mk_grow(&h.order.cells, &h.order.cells_n, sizeof(uint64_t)) = i;
        }
    }
    mk_process_guard();
    int failed = h.order.cells_n ? hunt(&h, err) : 0, ended = mk_process_interrupted;
    mk_process_unguard();
    end_progress(&h);
    file->spent_s = spent_s(&h);
    forget_attempts(&h);
    for (size_t i = 0; i < h.order.dead_n; i++) free(h.order.dead[i]);
    free(h.order.dead);
    free(h.order.cells);
    return failed ? -1 : ended;
}
