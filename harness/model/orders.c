/* orders.c - see orders.h. Programs are first tried as they are, which also tells which of them come by which
 * access; then each step with those that do, the ones that gave earlier witnesses first.
 */
#include "orders.h"

#include <stdlib.h>
#include <time.h>

#include "../record.h"
#include "coverage.h"

#define SCHEDULES_DEFAULT 20000
#define PROGRAMS_MAX 256
#define CHUNK_FIRST 50  /* schedules of a program before the next one has a turn */
#define CHUNK_MAX 1600
#define BASELINE_CHUNK 100
#define ALONE 8         /* part of them, of a program in which no two threads come by the access */
#define FURTHER 4       /* part of the budget for each order that is weaker still */
#define CONFIRM 2000    /* schedules that a program stands without weakening before what it finds counts */

/* A program, and what it comes by. */
struct candidate {
    struct mk_made_program made;
    char *name;
    uint8_t *reached; /* by access; those there were when it was tried */
    uint8_t *meets;   /* by access: two threads come by it at once, where they take turns */
    size_t reached_n;
};

struct judge {
    const struct mk_orders_source *source;
    const struct mk_orders_config *config;
    struct mk_orders *out;
    uint64_t schedules; /* of a step */
    struct mk_notes *notes;
    size_t notes_n;
    struct mk_census census;
    struct candidate *programs;
    size_t programs_n;
    size_t adopted; /* of these, the first: named by what was kept */
    size_t order[PROGRAMS_MAX]; /* killers first */
    char **confirmed;           /* programs that stood CONFIRM schedules as they are */
    size_t confirmed_n;
};

static double cpu_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool stopped(const struct judge *j) {
    return j->config->stop && *j->config->stop;
}

/* ---- one program --------------------------------------------------------------------------------- */

static struct mk_setting setting_of(const struct judge *j, const char *name) {
    struct mk_setting setting = {.memory = MK_MEMORY_C11, .heap = MK_HEAP_QUARANTINE, .races = true};
    if (j->source->settle) j->source->settle(j->source->arg, name, &setting);
    return setting;
}

static void explore(const struct judge *j, const struct mk_program *program, const char *name, uint64_t seed,
                    uint64_t schedules, double seconds, struct mk_explored *out) {
    struct mk_explore_config config = {.seed = seed, .schedules = schedules, .seconds = seconds, .heaps = true,
                                       .stop = j->config->stop};
    config.setting = setting_of(j, name);
    mk_explore(program, &config, out);
}

/* Whether it says something about the program. */
static bool is_failure(const struct mk_explored *explored) {
    return explored->failed && explored->failure.kind != MK_FAIL_LIMIT &&
           explored->failure.kind != MK_FAIL_NONDETERMINISM;
}

static void forget_failure(void) {
    free(mk_rt.failure.detail);
    free(mk_rt.failure.picture);
    mk_rt.failure.detail = mk_rt.failure.picture = NULL;
}

/* Carries out what exploring found once more, with what is in force now. */
static bool fails_again(const struct mk_program *program, const struct mk_explored *explored) {
    bool failed = mk_replay(program, &explored->setting, &explored->decisions, NULL);
    if (failed) forget_failure();
    return failed;
}

/* ---- without weakening ----------------------------------------------------------------------------- */

/* Whether two programs are of the same oracle, with the same settings: names but for what stands behind the last
 * slash. */
static bool same_oracle(const struct judge *j, const char *a, const char *b) {
    const char *x = strrchr(a, '/'), *y = strrchr(b, '/');
    size_t n = x ? (size_t)(x - a) : strlen(a), m = y ? (size_t)(y - b) : strlen(b);
    struct mk_setting one = setting_of(j, a), other = setting_of(j, b);
    return n == m && memcmp(a, b, n) == 0 && one.refuse_one_in == other.refuse_one_in;
}

static bool is_unclean(const struct judge *j, const char *name) {
    for (size_t i = 0; i < j->out->unclean_n; i++) {
        if (same_oracle(j, j->out->unclean[i].program, name)) return true;
    }
    return false;
}

static void leave_out(struct judge *j, const char *name, const struct mk_explored *explored) {
    struct mk_orders_unclean *made = mk_grow(&j->out->unclean, &j->out->unclean_n, sizeof *made);
    made->program = mk_need_text(name);
    made->what = mk_need_text(explored->failure.what);
    made->token = mk_token_format(name, &explored->setting, &explored->decisions);
}

static int add_program(struct judge *j, struct mk_err *err) {
    struct candidate *made = mk_grow(&j->programs, &j->programs_n, sizeof *made);
    if (j->source->make(j->source->arg, j->programs_n - 1 - j->adopted, &made->made, err)) {
        j->programs_n--;
        return -1;
    }
    made->name = mk_need_text(made->made.program.name);
    return 0;
}

/* Listens to one schedule: which threads come by which access, while all are at work. */
struct meeting {
    struct mk_event_sink sink;
    const struct judge *j;
    uint32_t *threads; /* by access, a bit each */
};

static void note_event(struct mk_event_sink *sink, const struct mk_event_info *info) {
    struct meeting *meeting = (struct meeting *)sink;
    const struct mk_census *census = &meeting->j->census;
    if (!info->atomic || !info->thread) return; /* thread 0 is alone */
    for (size_t i = 0; i < census->sites_n; i++) {
        if (mk_site_nth(i)->pc != info->pc || census->sites[i].access == SIZE_MAX) continue;
        meeting->threads[census->sites[i].access] |= 1u << info->thread;
    }
}

/* Fills in at->meets: a program in which only one thread comes by an access, or nobody while others are at work,
 * has little to tell of its order. */
static void look_who_meets(struct judge *j, struct candidate *at) {
    struct meeting meeting = {.sink = {.event = note_event}, .j = j};
    struct mk_setting setting = setting_of(j, at->name);
    struct mk_decisions none = {0};
    meeting.threads = mk_need(at->reached_n + 1, sizeof *meeting.threads);
    if (mk_replay(&at->made.program, &setting, &none, &meeting.sink)) forget_failure();
    free(at->meets);
    at->meets = mk_need(at->reached_n + 1, 1);
    for (size_t i = 0; i < at->reached_n; i++) at->meets[i] = (meeting.threads[i] & (meeting.threads[i] - 1)) != 0;
    free(meeting.threads);
}

/* Tries one program as it is, and notes what it comes by. */
static void try_as_is(struct judge *j, struct candidate *at, uint64_t seed, uint64_t schedules) {
    struct mk_explored explored;
    uint8_t *reached;
    memset(&explored, 0, sizeof explored);
    explore(j, &at->made.program, at->name, seed, schedules, 0, &explored);
    mk_census_count(&j->census, &reached);
    at->reached = mk_need_more(at->reached, j->census.n + 1, 1);
    for (size_t i = 0; i < j->census.n; i++) at->reached[i] = reached[i] || (i < at->reached_n && at->reached[i]);
    at->reached_n = j->census.n;
    j->out->schedules += explored.schedules;
    if (is_failure(&explored)) leave_out(j, at->name, &explored);
    else look_who_meets(j, at);
    free(reached);
    mk_explored_free(&explored);
}

static void note_coverage(struct judge *j) {
    struct mk_coverage coverage = mk_coverage_of_files(j->notes, j->notes_n);
    size_t strays = 0;
    for (size_t i = 0; i < j->census.n; i++) {
        const struct mk_access *at = &j->census.at[i]; /* what initialises is relaxed, and needs no number */
        strays += !at->note && at->notes->notes_n && at->order;
    }
    j->out->coverage = mk_coverage_note(&coverage);
    if (strays) { /* lines do not match */
        char *note = j->out->coverage;
        j->out->coverage = mk_need_format("%s; %zu access%s without a number: is the build older than the sources?",
                                          note, strays, strays == 1 ? " is" : "es are");
        free(note);
    }
    mk_coverage_free(&coverage);
}

static bool has_program(const struct judge *j, const char *name) {
    for (size_t i = 0; i < j->programs_n; i++) {
        if (strcmp(j->programs[i].name, name) == 0) return true;
    }
    return false;
}

/* The programs of witnesses that were kept come first: they get where it matters. */
static void adopt_programs(struct judge *j) {
    const struct mk_orders *before = j->config->before;
    for (size_t i = 0; before && i < before->steps_n && j->programs_n < PROGRAMS_MAX / 2; i++) {
        const char *name = before->steps[i].program;
        struct mk_made_program made;
        struct mk_err ignored;
        if (!name || has_program(j, name) || j->source->make_named(j->source->arg, name, &made, &ignored)) continue;
        struct candidate *at = mk_grow(&j->programs, &j->programs_n, sizeof *at);
        at->made = made;
        at->name = mk_need_text(name);
        j->order[j->programs_n - 1] = j->programs_n - 1;
        if (!is_unclean(j, name)) try_as_is(j, at, j->config->seed + j->programs_n, BASELINE_CHUNK);
    }
}

static int baseline(struct judge *j, struct mk_err *err) {
    uint64_t chunk = j->schedules / PROGRAMS_MAX < BASELINE_CHUNK ? BASELINE_CHUNK : j->schedules / PROGRAMS_MAX;
    double begin_s = cpu_s();
    mk_weaken(NULL);
    mk_coverage_reset();
    mk_census_count(&j->census, NULL);
    adopt_programs(j);
    j->adopted = j->programs_n;
    while (j->programs_n < PROGRAMS_MAX && j->out->schedules < j->schedules && !stopped(j)) {
        /* as long as for several steps: all of them profit by it */
        if (j->config->seconds > 0 && j->programs_n && cpu_s() - begin_s > 4 * j->config->seconds) break;
        if (add_program(j, err)) return -1;
        struct candidate *at = &j->programs[j->programs_n - 1];
        j->order[j->programs_n - 1] = j->programs_n - 1;
        if (!is_unclean(j, at->name)) try_as_is(j, at, j->config->seed + j->programs_n, chunk);
    }
    note_coverage(j);
    return 0;
}

/* ---- steps ------------------------------------------------------------------------------------------- */

static struct mk_order_step *add_step(struct judge *j, const struct mk_notes *notes, const struct mk_note *note,
                                      uint32_t line) {
    struct mk_order_step *made = mk_grow(&j->out->steps, &j->out->steps_n, sizeof *made);
    const char *kept = note ? mk_notes_reason(notes, true, note->number, NULL) : NULL;
    made->file = mk_need_text(notes->file);
    made->number = note ? note->number : 0;
    made->line = line;
    made->access =
        note ? mk_need_format("%s%s%s", note->order, *note->access ? "-" : "", note->access) : mk_need_text("");
    made->text = mk_need_text(note ? note->text : "");
    made->kept = kept ? mk_need_text(kept) : NULL;
    made->verdict = MK_ORDER_UNREACHED;
    return made;
}

static void add_steps_of(struct judge *j, const struct mk_access *access, bool failure) {
    int order = failure ? access->failure : access->order, weaker;
    for (unsigned n = 0; (weaker = mk_weaker(access->act, failure, order, n)) >= 0; n++) {
        struct mk_order_step *step = add_step(j, access->notes, access->note, access->line);
        step->act = mk_need_text(mk_act_name(access->act, failure));
        step->from = mk_need_text(mk_order_name(order));
        step->to = mk_need_text(mk_order_name(weaker));
        step->verdict = MK_ORDER_NOT_SHOWN;
    }
}

/* Numbered accesses that nobody came by have orders all the same. */
static void add_unreached(struct judge *j, const struct mk_notes *notes, const struct mk_note *note) {
    for (size_t i = 0; i < j->census.n; i++) {
        if (j->census.at[i].note == note) return;
    }
    if (strcmp(note->order, "relaxed") == 0 || !note->spans_n) return;
    struct mk_order_step *step = add_step(j, notes, note, note->spans[0].first);
    step->act = mk_need_text("");
    step->from = mk_need_text(note->order);
    step->to = mk_need_text("");
}

static int by_place(const void *a, const void *b) {
    const struct mk_order_step *x = a, *y = b;
    int order = strcmp(x->file, y->file);
    if (order) return order;
    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    order = strcmp(y->act, x->act); /* what is done before what is done on failure */
    return order ? order : strcmp(x->to, y->to);
}

static void list_steps(struct judge *j) {
    for (size_t i = 0; i < j->census.n; i++) {
        add_steps_of(j, &j->census.at[i], false);
        if (j->census.at[i].act == MK_ACT_RMW) add_steps_of(j, &j->census.at[i], true);
    }
    for (size_t i = 0; i < j->notes_n; i++) {
        for (size_t k = 0; k < j->notes[i].notes_n; k++) add_unreached(j, &j->notes[i], &j->notes[i].notes[k]);
    }
    if (j->out->steps_n) qsort(j->out->steps, j->out->steps_n, sizeof *j->out->steps, by_place);
}

static bool rule_of(const struct judge *j, const struct mk_order_step *step, struct mk_weakening *rule) {
    int from = mk_order_of(step->from), to = mk_order_of(step->to);
    static const unsigned acts[] = {MK_ACT_LOAD, MK_ACT_STORE, MK_ACT_RMW, MK_ACT_FENCE};
    if (from < 0 || to < 0) return false;
    *rule = (struct mk_weakening){.file = step->file,
                                  .first = step->line,
                                  .last = step->line,
                                  .from = (uint8_t)from,
                                  .to = (uint8_t)to,
                                  .failure = strcmp(step->act, "failure") == 0};
    rule->act = MK_ACT_RMW;
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(step->act, mk_act_name(acts[i], false)) == 0) rule->act = (uint8_t)acts[i];
    }
    for (size_t i = 0; i < j->notes_n; i++) {
        const struct mk_note *note = mk_notes_find(&j->notes[i], step->number);
        if (!note || strcmp(j->notes[i].file, step->file) != 0) continue;
        for (size_t k = 0; k < note->spans_n; k++) {
            if (note->spans[k].first < rule->first) rule->first = note->spans[k].first;
            if (note->spans[k].last > rule->last) rule->last = note->spans[k].last;
        }
    }
    return true;
}

/* ---- witnesses --------------------------------------------------------------------------------------- */

/* Whether a program whose failure is to prove something is clean as it is: the baseline alone gives each but few
 * schedules. No weakening is in force. */
static bool stands(struct judge *j, const struct mk_program *program, const char *name) {
    struct mk_explored explored;
    for (size_t i = 0; i < j->confirmed_n; i++) {
        if (strcmp(j->confirmed[i], name) == 0) return true;
    }
    memset(&explored, 0, sizeof explored);
    explore(j, program, name, j->config->seed, CONFIRM, 0, &explored);
    j->out->schedules += explored.schedules;
    bool failed = is_failure(&explored);
    if (failed) leave_out(j, name, &explored);
    else *(char **)mk_grow(&j->confirmed, &j->confirmed_n, sizeof *j->confirmed) = mk_need_text(name);
    mk_explored_free(&explored);
    return !failed;
}

/* Keeps what was found. The weakening is in force, and is so again when it returns. Returns whether it is a
 * witness: it fails again, and does not without the weakening. */
static bool keep_witness(struct judge *j, struct mk_order_step *step, struct mk_program program, const char *name,
                         uint64_t seed, const struct mk_explored *explored, const struct mk_weakening *rule) {
    struct mk_finding_sample finding = {0};
    mk_weaken(NULL);
    bool as_is = fails_again(&program, explored) || !stands(j, &program, name);
    mk_weaken(rule);
    if (as_is || !fails_again(&program, explored)) return false;
    char *weakened = mk_weaken_name(name, rule);
    step->token = mk_token_format(weakened, &explored->setting, &explored->decisions);
    program.name = weakened;
    mk_report(&program, explored, step->token, NULL, &finding);
    step->verdict = MK_ORDER_NEEDED;
    step->program = mk_need_text(name);
    step->seed = seed;
    step->after = explored->failed_after;
    step->rule = mk_need_text(finding.rule ? finding.rule : "model");
    step->what = mk_need_text(finding.what ? finding.what : explored->failure.what);
    mk_record_free(&mk_finding_record, &finding);
    free(weakened);
    return true;
}

/* Tries one program, weakened. Returns whether that gave a witness. */
static bool try_weakened(struct judge *j, struct mk_order_step *step, const struct mk_program *program,
                         const char *name, uint64_t seed, uint64_t schedules, double seconds,
                         const struct mk_weakening *rule) {
    struct mk_explored explored;
    memset(&explored, 0, sizeof explored);
    explore(j, program, name, seed, schedules, seconds, &explored);
    step->schedules += explored.failed ? explored.failed_after : explored.schedules;
    bool found = is_failure(&explored) && keep_witness(j, step, *program, name, seed, &explored, rule);
    mk_explored_free(&explored);
    return found;
}

/* Whether two steps are of the same access, weakened alike. */
static bool same_step(const struct mk_order_step *a, const struct mk_order_step *b) {
    return a->number == b->number && (a->number || a->line == b->line) && strcmp(a->file, b->file) == 0 &&
           strcmp(a->act, b->act) == 0 && strcmp(a->from, b->from) == 0 && strcmp(a->to, b->to) == 0;
}

static const struct mk_order_step *find_step(const struct mk_orders *orders, const struct mk_order_step *like) {
    for (size_t i = 0; orders && i < orders->steps_n; i++) {
        if (same_step(&orders->steps[i], like)) return &orders->steps[i];
    }
    return NULL;
}

/* The witness that was kept, if there is one: the same program, explored in the same way. */
static bool try_before(struct judge *j, struct mk_order_step *step, const struct mk_weakening *rule) {
    const struct mk_order_step *before = find_step(j->config->before, step);
    struct mk_made_program made;
    struct mk_err ignored;
    if (!before || !before->program || is_unclean(j, before->program)) return false;
    if (j->source->make_named(j->source->arg, before->program, &made, &ignored)) return false;
    mk_weaken(rule); /* names say what is weakened: nothing here */
    bool found = try_weakened(j, step, &made.program, before->program, before->seed, before->after, 0, rule);
    j->source->free(&made);
    return found;
}

/* Which access a step is of; SIZE_MAX none. */
static size_t access_of(const struct judge *j, const struct mk_order_step *step) {
    for (size_t i = 0; i < j->census.n; i++) {
        const struct mk_access *at = &j->census.at[i];
        bool failure = strcmp(step->act, "failure") == 0;
        if (strcmp(at->notes->file, step->file) == 0 && (at->note ? at->note->number : 0) == step->number &&
            at->line == step->line && strcmp(mk_act_name(at->act, failure), step->act) == 0 &&
            strcmp(mk_order_name(failure ? at->failure : at->order), step->from) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static void move_to_front(struct judge *j, size_t position) {
    size_t program = j->order[position];
    memmove(j->order + 1, j->order, position * sizeof *j->order);
    j->order[0] = program;
}

/* One turn of all programs that come by the access. Returns whether one of them gave a witness. */
static bool try_turn(struct judge *j, struct mk_order_step *step, size_t access, uint64_t schedules, uint64_t chunk,
                     uint64_t seed, double end_s, const struct mk_weakening *rule) {
    for (size_t i = 0; i < j->programs_n && step->schedules < schedules && !stopped(j); i++) {
        const struct candidate *at = &j->programs[j->order[i]];
        double left_s = end_s > 0 ? end_s - cpu_s() : 0;
        uint64_t left = schedules - step->schedules, share = chunk;
        if (access >= at->reached_n || !at->reached[access] || is_unclean(j, at->name)) continue;
        if (end_s > 0 && left_s <= 0) return false;
        if (!at->meets[access] && share > ALONE) share = share / ALONE;
        if (!try_weakened(j, step, &at->made.program, at->name, seed, share < left ? share : left, left_s, rule))
            continue;
        move_to_front(j, i);
        return true;
    }
    return false;
}

/* Tries a step until something fails or its budget is used up. */
static void search(struct judge *j, struct mk_order_step *step, size_t access, uint64_t schedules) {
    struct mk_weakening rule;
    double end_s = j->config->seconds > 0 ? cpu_s() + j->config->seconds : 0;
    if (!rule_of(j, step, &rule)) return;
    bool found = try_before(j, step, &rule);
    if (!found) mk_weaken(&rule);
    uint64_t chunk = CHUNK_FIRST;
    for (uint64_t turn = 0; !found && step->schedules < schedules && !stopped(j); turn++) {
        uint64_t before = step->schedules, seed = j->config->seed + 1000 * (turn + 1);
        found = try_turn(j, step, access, schedules, chunk, seed, end_s, &rule);
        if (step->schedules == before || (end_s > 0 && cpu_s() >= end_s)) break;
        if (chunk < CHUNK_MAX) chunk *= 2;
    }
    mk_weaken(NULL);
}

/* Whether the access stands an order that is weaker still, as far as a part of the budget shows. */
static bool stands_as(struct judge *j, const struct mk_order_step *step, size_t access, int order) {
    struct mk_order_step probe;
    mk_record_copy(&mk_order_step_record, &probe, step);
    free(probe.to);
    probe.to = mk_need_text(mk_order_name(order));
    probe.schedules = 0;
    search(j, &probe, access, j->schedules / FURTHER);
    bool stands = probe.verdict != MK_ORDER_NEEDED;
    mk_record_free(&mk_order_step_record, &probe);
    return stands;
}

/* How far an order that was not shown needed could be weakened. */
static void look_further(struct judge *j, struct mk_order_step *step, size_t access) {
    unsigned act = j->census.at[access].act;
    bool failure = strcmp(step->act, "failure") == 0;
    int at = mk_order_of(step->to), next;
    do {
        next = -1;
        for (unsigned n = 0; next < 0 && !stopped(j); n++) {
            int weaker = mk_weaker(act, failure, at, n);
            if (weaker < 0) break;
            if (stands_as(j, step, access, weaker)) next = weaker;
        }
        if (next >= 0) at = next;
    } while (next >= 0);
    if (at != mk_order_of(step->to) && !stopped(j)) step->weakest = mk_need_text(mk_order_name(at));
}

/* What was not shown is tried with the rest of its budget, at length, by the programs that gave a witness for other
 * steps, some of them after its turn; then by others. */
static void try_killers(struct judge *j, struct mk_order_step *step) {
    struct mk_weakening rule;
    size_t access = access_of(j, step);
    if (step->verdict != MK_ORDER_NOT_SHOWN || !step->schedules || access == SIZE_MAX) return;
    if (!rule_of(j, step, &rule)) return;
    mk_weaken(&rule);
    uint64_t before = 0;
    while (before != step->schedules && step->verdict == MK_ORDER_NOT_SHOWN && !stopped(j)) {
        before = step->schedules;
        if (try_turn(j, step, access, j->schedules, CHUNK_MAX, j->config->seed + before, 0, &rule)) break;
    }
    mk_weaken(NULL);
    if (step->verdict == MK_ORDER_NOT_SHOWN) look_further(j, step, access);
}

static void judge_step(struct judge *j, struct mk_order_step *step) {
    size_t access = access_of(j, step);
    const struct mk_order_step *before = find_step(j->config->before, step);
    if (access == SIZE_MAX || (j->config->kept_only && before && !before->program)) return;
    search(j, step, access, j->config->seconds > 0 ? j->schedules : j->schedules - j->schedules / FURTHER);
    if (step->verdict == MK_ORDER_NOT_SHOWN && j->config->seconds > 0) look_further(j, step, access);
}

/* ---- all of it --------------------------------------------------------------------------------------- */

static int read_files(struct judge *j, struct mk_err *err) {
    j->notes = mk_need(j->source->files_n + 1, sizeof *j->notes);
    for (; j->notes_n < j->source->files_n; j->notes_n++) {
        if (mk_notes_read(j->source->files[j->notes_n], &j->notes[j->notes_n], err)) return -1;
    }
    mk_census_open(&j->census, j->notes, j->notes_n);
    return 0;
}

static void free_judge(struct judge *j) {
    for (size_t i = 0; i < j->programs_n; i++) {
        j->source->free(&j->programs[i].made);
        free(j->programs[i].name);
        free(j->programs[i].reached);
        free(j->programs[i].meets);
    }
    for (size_t i = 0; i < j->confirmed_n; i++) free(j->confirmed[i]);
    free(j->confirmed);
    free(j->programs);
    mk_census_free(&j->census);
    for (size_t i = 0; i < j->notes_n; i++) mk_notes_free(&j->notes[i]);
    free(j->notes);
}

int mk_orders_judge(const struct mk_orders_source *source, const struct mk_orders_config *config,
                    struct mk_orders *out, struct mk_err *err) {
    struct judge j = {.source = source, .config = config, .out = out};
    mk_record_preset(&mk_orders_record, out);
    out->identity = mk_need_text(source->identity);
    out->budget = j.schedules = config->schedules ? config->schedules : SCHEDULES_DEFAULT;
    int failed = read_files(&j, err) || baseline(&j, err) ? -1 : 0;
    if (!failed) list_steps(&j);
    for (size_t i = 0; i < out->steps_n && !stopped(&j); i++) {
        if (config->progress) config->progress(config->arg, i, out->steps_n, &out->steps[i]);
        judge_step(&j, &out->steps[i]);
    }
    for (size_t i = 0; config->seconds <= 0 && i < out->steps_n && !stopped(&j); i++) {
        try_killers(&j, &out->steps[i]);
    }
    mk_weaken(NULL);
    free_judge(&j);
    return failed;
}

struct mk_orders_sum mk_orders_sum(const struct mk_orders *orders) {
    struct mk_orders_sum sum = {0};
    const struct mk_order_step *last = NULL;
    bool proven = false;
    for (size_t i = 0; i < orders->steps_n; i++) {
        const struct mk_order_step *step = &orders->steps[i];
        bool new = !last || last->line != step->line || strcmp(last->file, step->file) != 0 ||
                   last->number != step->number;
        if (new) {
            sum.accesses++;
            proven = false;
        }
        sum.steps++;
        sum.needed += step->verdict == MK_ORDER_NEEDED;
        sum.unreached += step->verdict == MK_ORDER_UNREACHED;
        sum.kept += step->verdict != MK_ORDER_NEEDED && step->kept != NULL;
        sum.proven += step->verdict == MK_ORDER_NEEDED && !proven;
        proven = proven || step->verdict == MK_ORDER_NEEDED;
        last = step;
    }
    return sum;
}

/* Whether the source still has an access of that number and order. */
static bool still_there(const struct mk_orders *now, const struct mk_order_step *step) {
    for (size_t i = 0; i < now->steps_n; i++) {
        const struct mk_order_step *at = &now->steps[i];
        if (strcmp(at->file, step->file) == 0 && at->number == step->number &&
            (at->number || at->line == step->line) && strcmp(at->from, step->from) == 0) {
            return true;
        }
    }
    return false;
}

size_t mk_orders_lost(const struct mk_orders *before, const struct mk_orders *now, struct mk_text *out,
                      size_t *gone) {
    size_t lost = 0;
    *gone = 0;
    for (size_t i = 0; i < before->steps_n; i++) {
        const struct mk_order_step *had = &before->steps[i];
        const struct mk_order_step *has = find_step(now, had);
        if (!had->program || (has && has->verdict == MK_ORDER_NEEDED)) continue;
        if (!has && !still_there(now, had)) {
            ++*gone;
            continue;
        }
        lost++;
        mk_text_printf(out, "%s:%u: ", had->file, has ? has->line : had->line);
        if (had->number) mk_text_printf(out, "(%u) %s", had->number, had->access);
        else mk_text_printf(out, "%s %s", had->from, had->act);
        mk_text_printf(out, " as %s: no longer shown needed in %llu schedules; it was by %s (%s)\n", had->to,
                       (unsigned long long)(has ? has->schedules : 0), had->program,
                       had->rule ? had->rule : "model");
    }
    return lost;
}
