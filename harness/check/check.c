/* check.c - see check.h. */
#include "check.h"

#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>

#include "../../impl/alloc.h"
#include "../record.h"
#include "../registry.h"

#define FINDINGS_MAX 3 /* of one run; what comes after them mostly follows from them */
#define STATS_MAX 64

/* ---- findings -------------------------------------------------------------------------------- */

/* Frees what it owns. */
static void free_finding(struct mk_finding *finding) {
    struct mk_finding_sample rest = {.object = finding->object, .rule = finding->rule, .token = finding->token,
                                     .stacks = finding->stacks, .stacks_n = finding->stacks_n};
    mk_record_free(&mk_finding_record, &rest);
    free(finding->label);
    free(finding->what);
    free(finding->detail);
    free(finding->picture);
}

void mk_findings_free(struct mk_findings *findings) {
    for (size_t i = 0; i < findings->n; i++) free_finding(&findings->at[i]);
    free(findings->at);
    memset(findings, 0, sizeof *findings);
}

void mk_found_whole(struct mk_check *check, struct mk_finding *finding) {
    if (atomic_fetch_add_explicit(&check->found, 1, memory_order_relaxed) >= FINDINGS_MAX) {
        free_finding(finding);
        return;
    }
    finding->label = mk_need_text(check->label);
    finding->kind = check->impl->kind->name;
    finding->case_name = check->which->name;
    finding->seed = check->run_seed;
    pthread_mutex_lock(&check->lock);
    *(struct mk_finding *)mk_grow(&check->findings->at, &check->findings->n, sizeof *finding) = *finding;
    pthread_mutex_unlock(&check->lock);
}

static void file_finding(struct mk_check *check, char *detail, char *picture, const char *format, va_list args) {
    char text[1024];
    struct mk_finding finding = {.detail = detail, .picture = picture};
    vsnprintf(text, sizeof text, format, args);
    finding.what = mk_need_text(text);
    mk_found_whole(check, &finding);
}

void mk_found(struct mk_check *check, const char *format, ...) {
    va_list args;
    va_start(args, format);
    file_finding(check, NULL, NULL, format, args);
    va_end(args);
}

void mk_found_with(struct mk_check *check, char *detail, char *picture, const char *format, ...) {
    va_list args;
    va_start(args, format);
    file_finding(check, detail, picture, format, args);
    va_end(args);
}

bool mk_check_failed(struct mk_check *check) {
    return atomic_load_explicit(&check->found, memory_order_relaxed) != 0;
}

const char *mk_check_op(const struct mk_check *check, unsigned code) {
    const char *name = code < MK_OPS_MAX ? check->model->names[code] : NULL;
    return name ? name : "an operation without a name";
}

uint64_t mk_check_ops(const struct mk_check *check, uint64_t n) {
    uint64_t scaled = n * check->effort_percent / 100;
    return scaled ? scaled : 1;
}

/* ---- structures ------------------------------------------------------------------------------ */

static void open_threads(struct mk_subject *subject, uint32_t slots) {
    subject->me = mk_need(subject->threads_max, sizeof *subject->me);
    subject->done = aligned_alloc(MK_CACHE_LINE, subject->threads_max * sizeof *subject->done);
    if (!subject->done) abort();
    memset(subject->done, 0, subject->threads_max * sizeof *subject->done);
    if (slots) subject->blocks = mk_need(subject->threads_max, sizeof *subject->blocks);
    for (uint32_t id = 0; id < subject->threads_max; id++) {
        subject->me[id].id = id;
        if (!slots) continue;
        subject->blocks[id].slots = slots;
        subject->blocks[id].slot = mk_need(slots, sizeof *subject->blocks[id].slot);
        subject->me[id].blocks = &subject->blocks[id];
    }
}

static void close_all(struct mk_subject *subject) {
    for (uint32_t id = 0; id < subject->threads_max; id++) {
        subject->check->tried.ops += subject->done[id].ops;
    }
    free(subject->done);
    if (subject->memory) {
        mk_door_close(&subject->door);
        uint64_t strays = mk_memory_strays(subject->memory);
        if (strays) {
            char *text = mk_strays_text(strays);
            mk_found(subject->check, "%s", text);
            free(text);
        }
        mk_memory_close(subject->memory);
    }
    for (uint32_t id = 0; subject->blocks && id < subject->threads_max; id++) free(subject->blocks[id].slot);
    free(subject->blocks);
    free(subject->me);
}

static int open_memory(struct mk_subject *subject, const struct mk_subject_config *config, struct mk_err *err) {
    const struct mk_composition *composition = subject->check->composition;
    struct mk_memory_config memory = {0};
    memory.chain = composition->memory;
    memory.chain_n = composition->memory_n;
    memory.fallback = mk_registry_default("alloc");
    memory.threads_max = subject->threads_max;
    memory.seed = subject->check->seed;
    if (subject->impl->caps & MK_WRAPPER) {
        memory.object_bytes = config->object_bytes;
        memory.object_align = config->object_align;
        if (memory.object_bytes) {
            mk_alloc_asks(subject->impl, composition->params, &memory.object_bytes, &memory.object_align);
        }
    }
    subject->memory = mk_memory_open(&memory, err);
    if (!subject->memory) return -1;
    mk_door_open(&subject->door, mk_memory_mem(subject->memory), subject->check);
    subject->door.watched = config->watched;
    subject->door.refuse_from = config->refuse_from;
    subject->door.refuse_to = config->refuse_to;
    return 0;
}

static int create(struct mk_subject *subject, const struct mk_subject_config *config, struct mk_err *err) {
    struct mk_config cfg = {0};
    cfg.capacity = config->capacity;
    cfg.seed = subject->check->seed;
    cfg.params = subject->check->composition->params;
    cfg.threads_max = subject->threads_max;
    cfg.value_bytes = subject->impl->value_bytes;
    cfg.object_bytes = config->object_bytes;
    cfg.object_align = config->object_align;
    cfg.construct = config->construct;
    return subject->impl->create(&subject->self, &subject->door.mem, &cfg, err);
}

int mk_subject_open(struct mk_subject *subject, struct mk_check *check, const struct mk_subject_config *config) {
    struct mk_err err = {{0}};
    memset(subject, 0, sizeof *subject);
    subject->check = check;
    subject->impl = check->impl;
    subject->threads_max = config->threads_max ? config->threads_max : 1;
    open_threads(subject, config->slots);
    if (open_memory(subject, config, &err)) {
        mk_found(check, "its memory cannot be had: %s", err.text);
    } else if (create(subject, config, &err) == 0) {
        return 0;
    } else if (!mk_door_refused(&subject->door)) {
        mk_found(check, "create fails although no memory was refused: %s", err.text);
    } else if (!err.text[0]) {
        mk_found(check, "create fails and does not say why");
    }
    close_all(subject);
    return -1;
}

void mk_subject_close(struct mk_subject *subject) {
    subject->impl->destroy(subject->self);
    close_all(subject);
}

struct mk_thread *mk_subject_enter(struct mk_subject *subject, uint32_t id) {
    struct mk_thread *me = &subject->me[id];
    struct mk_err err = {{0}};
    if (mk_memory_thread_enter(subject->memory, me, &err)) {
        mk_found(subject->check, "its memory takes no thread: %s", err.text);
        return NULL;
    }
    uint64_t refused = mk_door_refused(&subject->door);
    if (subject->impl->thread_enter(subject->self, me) == 0) return me;
    mk_memory_thread_exit(subject->memory, me);
    if (mk_door_refused(&subject->door) == refused) {
        mk_found(subject->check, "has no place for thread %u of %u", id, subject->threads_max);
    }
    return NULL;
}

void mk_subject_leave(struct mk_subject *subject, uint32_t id) {
    subject->impl->thread_exit(subject->self, &subject->me[id]);
    mk_memory_thread_exit(subject->memory, &subject->me[id]);
}

struct mk_result mk_subject_do(struct mk_subject *subject, struct mk_thread *me, const struct mk_op *op) {
    struct mk_result result = {MK_REFUSED, 0, 0};
    subject->impl->step(subject->self, me, op, &result);
    subject->done[me ? me->id : 0].ops++;
    return result;
}

/* ---- answers --------------------------------------------------------------------------------- */

static const char *const status_names[] = {"miss", "hit", "no memory", "refused", "torn"};

static void describe_number(char *out, size_t room, const char *name, bool stated, uint64_t value) {
    out[0] = '\0';
    if (stated) snprintf(out, room, ", %s 0x%" PRIx64, name, value);
}

/* Files what was answered and what was to be. `before` is the state it was answered in. */
static void found_answer(struct mk_check *check, const struct mk_op *op, const void *before,
                         const struct mk_answer *wanted, const struct mk_result *seen) {
    char state[160] = "", seen_value[40], seen_previous[40], value[40], previous[40];
    if (check->model->describe) check->model->describe(before, state, sizeof state);
    describe_number(seen_value, sizeof seen_value, "value", wanted->states_value, seen->value);
    describe_number(seen_previous, sizeof seen_previous, "previous", wanted->states_previous, seen->previous);
    describe_number(value, sizeof value, "value", wanted->states_value, wanted->value);
    describe_number(previous, sizeof previous, "previous", wanted->states_previous, wanted->previous);
    mk_found(check, "%s of 0x%" PRIx64 " (0x%" PRIx64 ") answers %s%s%s, not %s%s%s%s%s",
             mk_check_op(check, op->code), op->key, op->value, status_names[seen->status % 5], seen_value,
             seen_previous, status_names[wanted->status], value, previous, state[0] ? ": " : "", state);
}

bool mk_answer_matches(const struct mk_answer *answer, const struct mk_result *seen) {
    return seen->status == answer->status && (!answer->states_value || seen->value == answer->value) &&
           (!answer->states_previous || seen->previous == answer->previous);
}

enum mk_status mk_subject_expect(struct mk_subject *subject, struct mk_thread *me, const struct mk_op *op,
                                 void *state) {
    struct mk_check *check = subject->check;
    unsigned char before[MK_MODEL_STATE_MAX];
    struct mk_answer answer;
    uint64_t refused = mk_door_refused(&subject->door);
    struct mk_result seen = mk_subject_do(subject, me, op);
    memcpy(before, state, check->model->state_bytes);
    memset(&answer, 0, sizeof answer);
    check->model->answer(subject->impl, state, op, &answer);
    if (mk_answer_matches(&answer, &seen)) return seen.status;
    if (seen.status == MK_NO_MEMORY && mk_door_refused(&subject->door) != refused) {
        memcpy(state, before, check->model->state_bytes);
        return MK_NO_MEMORY;
    }
    found_answer(check, op, before, &answer, &seen);
    return MK_TORN;
}

/* ---- figures --------------------------------------------------------------------------------- */

void mk_subject_flush(struct mk_subject *subject, struct mk_thread *me) {
    subject->impl->flush(subject->self, me);
    mk_memory_flush(subject->memory, me);
}

bool mk_subject_stat(struct mk_subject *subject, const char *name, uint64_t *value) {
    struct mk_stat stats[STATS_MAX];
    if (!subject->impl->stats) return false;
    size_t n = subject->impl->stats(subject->self, stats, STATS_MAX);
    for (size_t i = 0; i < n && i < STATS_MAX; i++) {
        if (strcmp(stats[i].name, name) != 0) continue;
        *value = stats[i].value;
        return true;
    }
    return false;
}

void mk_subject_expect_count(struct mk_subject *subject, uint64_t wanted) {
    if (!subject->impl->count) return;
    uint64_t count = subject->impl->count(subject->self);
    if (count != wanted) mk_found(subject->check, "counts %" PRIu64 ", not %" PRIu64, count, wanted);
}

void mk_subject_expect_reclaimed(struct mk_subject *subject) {
    uint64_t unreclaimed;
    if (subject->check->caps & MK_NEVER_FREES || !mk_subject_stat(subject, "unreclaimed", &unreclaimed)) return;
    if (unreclaimed) {
        mk_found(subject->check, "%" PRIu64 " retired nodes are still there after a flush at quiescence",
                 unreclaimed);
    }
}

/* ---- threads --------------------------------------------------------------------------------- */

struct start {
    struct mk_worker worker;
    pthread_barrier_t *barrier;
    void (*body)(struct mk_worker *worker);
    uint32_t id;
    uint64_t seed;
    pthread_t thread;
};

static void *run_worker(void *arg) {
    struct start *start = arg;
    struct mk_worker *worker = &start->worker;
    uint32_t one_in = worker->check->pressure->refuse_one_in;
    mk_pressure_enter(worker->index);
    mk_door_refuse_some(one_in, start->seed);
    worker->me = mk_subject_enter(worker->subject, start->id);
    if (!worker->me && one_in) { /* every body has its part to do, so comes in the end */
        mk_door_refuse_some(0, 0);
        worker->me = mk_subject_enter(worker->subject, start->id);
        mk_door_refuse_some(one_in, ~start->seed);
    }
    pthread_barrier_wait(start->barrier);
    if (worker->me) start->body(worker);
    mk_door_refuse_some(0, 0);
    if (worker->me) mk_subject_leave(worker->subject, start->id);
    mk_pressure_leave();
    return NULL;
}

bool mk_check_refuses(const struct mk_check *check) {
    return check->pressure->refuse_one_in;
}

void mk_worker_pace(struct mk_worker *worker) {
    if (mk_rng_below(&worker->rng, 256) == 0) sched_yield();
}

void mk_subject_run(struct mk_subject *subject, uint32_t first_id, uint32_t n, uint64_t seed,
                    void (*body)(struct mk_worker *worker), void *arg) {
    struct start *starts = mk_need(n, sizeof *starts);
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, n);
    mk_pressure_begin(subject->check->pressure, seed);
    for (uint32_t i = 0; i < n; i++) {
        struct start *start = &starts[i];
        start->worker =
            (struct mk_worker){.subject = subject, .check = subject->check, .index = i, .n = n, .arg = arg};
        start->seed = mk_mix64(seed ^ i);
        mk_rng_seed(&start->worker.rng, start->seed);
        start->barrier = &barrier;
        start->body = body;
        start->id = first_id + i;
        if (pthread_create(&start->thread, NULL, run_worker, start)) {
            fprintf(stderr, "memkit-bench: no thread %u of %u could be started\n", i + 1, n);
            exit(6);
        }
    }
    for (uint32_t i = 0; i < n; i++) pthread_join(starts[i].thread, NULL);
    mk_pressure_end();
    pthread_barrier_destroy(&barrier);
    free(starts);
}
