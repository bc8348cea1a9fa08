/* schedule.c - logical threads, points, choices, failures: one schedule of one program. */
#include "runtime.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#define STEPS_MAX 20000u
#define FAIR_TURN 8u       /* points of a thread in a row, where turns are taken */
#define MADE_MAX (1u << 20) /* choices that are kept */
#define NOBODY UINT32_MAX  /* who calls mk_rt_run */

struct mk_rt mk_rt;

static uint32_t bodies;   /* a bit for each logical thread that carries out a body */
static uint64_t limit;    /* steps after which turns are taken */
static uint32_t yielded;  /* a bit each: see mk_rt_yield */
static bool waits_for_bodies;

const char *mk_rt_who(uint32_t number) {
    static const char *const names[MK_RT_THREADS] = {
        "main",     "thread 0", "thread 1", "thread 2",  "thread 3",  "thread 4",  "thread 5",  "thread 6",
        "thread 7", "thread 8", "thread 9", "thread 10", "thread 11", "thread 12", "thread 13", "thread 14"};
    return names[number];
}

MK_RT_INLINE uint32_t bit(const struct mk_logical *thread) {
    return 1u << thread->number;
}

/* ---- the end of a schedule ------------------------------------------------------------------- */

__attribute__((noreturn)) static void leave(void) {
    mk_fiber_switch(mk_rt.now->number, NOBODY);
    abort(); /* nobody comes back */
}

void mk_rt_fail_with(const struct mk_failure *failure) {
    mk_rt.failure = *failure;
    mk_rt.failure.steps = mk_rt.steps;
    leave();
}

void mk_rt_fail(enum mk_failure_kind kind, uintptr_t address, const char *format, ...) {
    struct mk_failure failure = {.kind = kind, .thread = mk_rt.now->number, .address = address};
    va_list args;
    va_start(args, format);
    vsnprintf(failure.what, sizeof failure.what, format, args);
    va_end(args);
    mk_rt_fail_with(&failure);
}

/* Appends "thread 1 waits for a mutex ..." of each that is stuck. */
static void say_who_waits(struct mk_failure *failure) {
    size_t room = 256 * MK_RT_THREADS, at = 0;
    failure->detail = malloc(room);
    if (!failure->detail) return;
    failure->detail[0] = '\0';
    for (uint32_t i = 1; i < mk_rt.n; i++) {
        const struct mk_logical *thread = &mk_rt.thread[i];
        char what[200] = "";
        if (thread->state == MK_THREAD_FROZEN) {
            snprintf(what, sizeof what, "was stopped for ever");
        } else if (thread->state == MK_THREAD_BLOCKED) {
            mk_sync_describe(i, what, sizeof what);
            if (!what[0]) snprintf(what, sizeof what, "waits for %s", thread->waits_for);
        } else if (thread->state == MK_THREAD_READY) {
            snprintf(what, sizeof what, "goes on without getting anywhere");
        }
        if (what[0]) at += (size_t)snprintf(failure->detail + at, room - at, "%s %s\n", mk_rt_who(i), what);
    }
}

__attribute__((noreturn)) static void fail_stuck(enum mk_failure_kind kind, const char *what) {
    struct mk_failure failure = {.kind = mk_rt.frozen ? MK_FAIL_NOT_LOCK_FREE : kind, .thread = mk_rt.now->number,
                                 .address = mk_rt.now->address};
    snprintf(failure.what, sizeof failure.what, "%s%s", what,
             mk_rt.frozen ? ", once a thread has been stopped for ever: that is not lock-free" : "");
    say_who_waits(&failure);
    mk_rt_fail_with(&failure);
}

/* ---- who goes on ----------------------------------------------------------------------------- */

static void keep(uint32_t kind, uint32_t value) {
    if (mk_rt.replays) return;
    if (mk_rt.made_n == mk_rt.made_room) {
        size_t room = mk_rt.made_room ? 2 * mk_rt.made_room : 1024;
        struct mk_decision *made = room <= MADE_MAX ? realloc(mk_rt.made, room * sizeof *made) : NULL;
        if (!made) mk_rt_fail(MK_FAIL_LIMIT, 0, "a schedule of more than %u choices is not kept", MADE_MAX);
        mk_rt.made = made;
        mk_rt.made_room = room;
    }
    mk_rt.made[mk_rt.made_n++] = (struct mk_decision){.step = mk_rt.now->step, .value = (uint16_t)value,
                                                      .thread = (uint8_t)mk_rt.now->number, .kind = (uint8_t)kind};
}

MK_RT_INLINE void hash_in(uint64_t what) {
    mk_rt.hash = (mk_rt.hash ^ what) * 0x9e3779b97f4a7c15u;
    mk_rt.hash ^= mk_rt.hash >> 29;
}

static void go_to(uint32_t next) {
    uint32_t from = mk_rt.now->number;
    if (next == from) return;
    hash_in(next);
    mk_rt.now = &mk_rt.thread[next];
    mk_fiber_switch(from, next);
}

/* Returns who may go on: those that yielded only when there is nobody else. */
MK_RT_INLINE uint32_t candidates(void) {
    uint32_t ready = mk_rt.ready & ~yielded;
    if (MK_RT_LIKELY(ready)) return ready;
    yielded = 0;
    return mk_rt.ready;
}

/* Asks who of several goes on. */
static uint32_t ask(uint32_t ready) {
    struct mk_logical *now = mk_rt.now;
    uint32_t usual = ready & bit(now) ? now->number : mk_rt_next(now->number, ready);
    now->step++;
    uint32_t next = mk_rt.chooser->thread(mk_rt.chooser, ready, now->number, usual);
    if (next != usual) keep(MK_CHOICE_THREAD, next);
    return next;
}

/* Beyond the limit everybody takes turns; as many steps later there is no hope. */
static uint32_t take_turns(uint32_t ready) {
    struct mk_logical *now = mk_rt.now;
    mk_rt.fair = true;
    if (mk_rt.steps > 2 * limit) fail_stuck(MK_FAIL_NO_PROGRESS, "threads work for ever, even by turns");
    if (ready & bit(now) && mk_rt.steps % FAIR_TURN) return now->number;
    return mk_rt_next(now->number, ready);
}

/* The thread at work cannot go on, or ought not to: somebody else does. There is somebody. */
static void let_others(uint32_t ready) {
    if (MK_RT_UNLIKELY(mk_rt.steps > limit)) {
        go_to(take_turns(ready));
    } else if (ready & (ready - 1)) {
        go_to(ask(ready));
    } else {
        go_to((uint32_t)__builtin_ctz(ready));
    }
}

/* ---- points ---------------------------------------------------------------------------------- */

/* Threads may be stopped for ever where they could have been interrupted. */
static void maybe_freeze(void) {
    struct mk_logical *now = mk_rt.now;
    if (mk_rt.frozen || !(bodies & bit(now)) || !mk_rt_choose(MK_CHOICE_FREEZE, 2)) return;
    now->state = MK_THREAD_FROZEN;
    now->waits_for = "ever: it was stopped";
    mk_rt.frozen++;
    mk_rt.ready &= ~bit(now);
    uint32_t left = 0;
    for (uint32_t i = 1; i < mk_rt.n; i++) {
        left += mk_rt.thread[i].state == MK_THREAD_READY || mk_rt.thread[i].state == MK_THREAD_BLOCKED;
    }
    if (!left) leave();
    while (!mk_rt.ready) {
        if (!mk_sync_idle()) fail_stuck(MK_FAIL_DEADLOCK, "nobody can go on");
    }
    let_others(candidates());
    abort(); /* it is never chosen again */
}

void mk_rt_point(enum mk_act_kind act, uintptr_t address, uintptr_t pc) {
    struct mk_logical *now = mk_rt.now;
    mk_rt.steps++;
    mk_rt.hooks_at_point = mk_rt.hooks;
    now->act = act;
    now->address = address;
    now->pc = pc;
    hash_in((uint64_t)act << 56 ^ (uint64_t)pc << 4 ^ now->number);
    if (mk_rt.ready == bit(now) && mk_rt.steps <= limit && !mk_rt.freezes) return;
    if (MK_RT_UNLIKELY(mk_rt.freezes)) maybe_freeze();
    uint32_t ready = candidates();
    if (MK_RT_UNLIKELY(mk_rt.steps > limit)) {
        go_to(take_turns(ready));
    } else if (ready != bit(now)) {
        let_others(ready);
    }
    /* Whoever spins does so until somebody changes something. */
    if (act != MK_ACT_LOAD && act != MK_ACT_PAUSE && act != MK_ACT_NONE) yielded = 0;
}

void mk_rt_yield(uintptr_t pc) {
    struct mk_logical *now = mk_rt.now;
    mk_rt.steps++;
    mk_rt.hooks_at_point = mk_rt.hooks;
    now->act = MK_ACT_PAUSE;
    now->address = 0;
    now->pc = pc;
    hash_in((uint64_t)pc ^ 0x5555);
    if (MK_RT_UNLIKELY(mk_rt.freezes)) maybe_freeze();
    yielded |= bit(now);
    uint32_t ready = candidates();
    if (ready == bit(now) && mk_rt.steps <= limit) return;
    let_others(ready);
}

void mk_rt_block(const char *waits_for, uintptr_t address) {
    struct mk_logical *now = mk_rt.now;
    now->state = MK_THREAD_BLOCKED;
    now->waits_for = waits_for;
    now->act = MK_ACT_BLOCK;
    now->address = address;
    mk_rt.ready &= ~bit(now);
    while (!mk_rt.ready) {
        if (!mk_sync_idle()) fail_stuck(MK_FAIL_DEADLOCK, "deadlock: no thread can go on");
    }
    let_others(candidates());
}

void mk_rt_wake(struct mk_logical *thread) {
    if (thread->state != MK_THREAD_BLOCKED) return;
    thread->state = MK_THREAD_READY;
    mk_rt.ready |= bit(thread);
}

uint32_t mk_rt_choose(enum mk_choice_kind kind, uint32_t n) {
    if (n <= 1 || mk_rt.fair) return 0;
    mk_rt.now->step++;
    uint32_t value = mk_rt.chooser->value(mk_rt.chooser, kind, n);
    if (value >= n) value = 0;
    if (value) keep(kind, value);
    return value;
}

/* ---- order ----------------------------------------------------------------------------------- */

void mk_rt_release(struct mk_view *view) {
    struct mk_logical *now = mk_rt.now;
    mk_clock_join(&view->hb, &now->hb);
    mk_clock_join(&view->seen, &now->seen);
    now->hb.at[now->number]++;
    now->seen.at[now->number] = now->hb.at[now->number];
    now->flushed = now->stores;
}

void mk_rt_acquire(const struct mk_view *view) {
    struct mk_logical *now = mk_rt.now;
    mk_clock_join(&now->hb, &view->hb);
    mk_clock_join(&now->seen, &view->hb);
    mk_clock_join(&now->seen, &view->seen);
    now->flushed = now->stores;
}

/* ---- logical threads ------------------------------------------------------------------------- */

static struct mk_logical *add_thread(void (*start)(void *arg), void *arg) {
    if (mk_rt.n == MK_RT_THREADS) {
        mk_rt.limits++;
        return NULL;
    }
    struct mk_logical *thread = &mk_rt.thread[mk_rt.n];
    memset(thread, 0, offsetof(struct mk_logical, stack));
    thread->number = mk_rt.n++;
    thread->state = MK_THREAD_READY;
    thread->start = start;
    thread->start_arg = arg;
    thread->hb.at[thread->number] = thread->seen.at[thread->number] = 1;
    mk_rt.ready |= bit(thread);
    return thread;
}

static void thread_ends(void) {
    struct mk_logical *now = mk_rt.now;
    mk_rt_point(MK_ACT_END, 0, 0);
    mk_sync_thread_ends();
    now->state = MK_THREAD_ENDED;
    now->flushed = now->stores;
    mk_rt.ready &= ~bit(now);
    bodies &= ~bit(now);
    if (!bodies && waits_for_bodies) mk_rt_wake(&mk_rt.thread[0]);
    /* A body that was stopped for ever counts as ended where all others have. */
    if (mk_rt.frozen && !mk_rt.ready) {
        uint32_t left = 0;
        for (uint32_t i = 1; i < mk_rt.n; i++) left += mk_rt.thread[i].state == MK_THREAD_BLOCKED;
        if (!left) leave();
    }
    while (!mk_rt.ready) {
        if (!mk_sync_idle()) fail_stuck(MK_FAIL_DEADLOCK, "deadlock: no thread can go on");
    }
    let_others(candidates());
    abort(); /* an ended thread is never chosen */
}

static void run_thread(void *arg) {
    struct mk_logical *thread = arg;
    thread->start(thread->start_arg);
    thread_ends();
}

struct mk_logical *mk_rt_spawn(void (*start)(void *arg), void *arg) {
    struct mk_logical *parent = mk_rt.now, *thread = add_thread(start, arg);
    if (!thread) return NULL;
    mk_rt.alone = false;
    mk_clock_join(&thread->hb, &parent->hb);
    mk_clock_join(&thread->seen, &parent->seen);
    parent->hb.at[parent->number]++;
    parent->seen.at[parent->number] = parent->hb.at[parent->number];
    parent->flushed = parent->stores;
    mk_fiber_prepare(thread->number, run_thread, thread);
    return thread;
}

/* ---- a schedule ------------------------------------------------------------------------------ */

static void run_body(void *arg) {
    mk_rt.program->body(mk_rt.program->arg, (uint32_t)(uintptr_t)arg);
}

static void run_bodies(void) {
    struct mk_logical *main_thread = mk_rt.now;
    uint32_t first = mk_rt.n;
    for (uint32_t i = 0; i < mk_rt.program->threads; i++) {
        struct mk_logical *thread = mk_rt_spawn(run_body, (void *)(uintptr_t)i);
        if (!thread) mk_rt_fail(MK_FAIL_LIMIT, 0, "there is no room for %u threads", mk_rt.program->threads);
        bodies |= bit(thread);
    }
    limit = mk_rt.steps + mk_rt.steps_max;
    if (bodies) {
        waits_for_bodies = true;
        mk_rt_block("the others to end", 0);
        waits_for_bodies = false;
    }
    limit = mk_rt.steps + mk_rt.steps_max;
    mk_rt.fair = false;
    for (uint32_t i = first; i < first + mk_rt.program->threads; i++) {
        mk_clock_join(&main_thread->hb, &mk_rt.thread[i].hb);
        mk_clock_join(&main_thread->seen, &mk_rt.thread[i].seen);
    }
    mk_rt.alone = mk_rt.n == 1 + mk_rt.program->threads; /* others may be left, whom nobody has joined */
}

static void run_main(void *arg) {
    const struct mk_program *program = mk_rt.program;
    (void)arg;
    if (program->begin) program->begin(program->arg);
    run_bodies();
    if (mk_rt.frozen) leave();
    if (program->end) program->end(program->arg);
    leave();
}

/* A wild address is a failure of the program at work. */
static void on_fault(int number, siginfo_t *info, void *context) {
    if (!mk_rt.on) {
        signal(number, SIG_DFL);
        return; /* it happens again */
    }
    uintptr_t at = (uintptr_t)info->si_addr;
#if defined(__x86_64__)
    mk_rt.now->pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] + 1; /* as of a call */
#elif defined(__aarch64__)
    mk_rt.now->pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.pc + 1;
#else
    (void)context;
#endif
    if (mk_fiber_owns(at)) mk_rt_fail(MK_FAIL_CRASH, at, "the stack overflows");
    mk_rt_fail(MK_FAIL_CRASH, at, "%s at address 0x%zx",
               number == SIGFPE ? "arithmetic fault" : number == SIGILL ? "illegal instruction" : "access to no memory",
               (size_t)at);
}

static void catch_faults(void) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    stack_t stack = {.ss_size = 65536};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL)) return;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigaction(faults[i], &action, NULL);
}

static void open_once(void) {
    static bool open;
    const char *why = "";
    if (open) return;
    if (mk_fiber_open(&why) || mk_heap_open(&why)) {
        fprintf(stderr, "memkit-bench: the model flavour cannot work here: %s\n", why);
        exit(6);
    }
    mk_reset_open();
    catch_faults();
    open = true;
}

static void begin(const struct mk_program *program, const struct mk_schedule_config *config) {
    mk_rt.program = program;
    mk_rt.chooser = config->chooser;
    mk_rt.memory = config->memory;
    mk_rt.heap = config->heap;
    mk_rt.races = config->races;
    mk_rt.freezes = config->freezes;
    mk_rt.refuse_one_in = config->refuse_one_in;
    mk_rt.sink = config->sink;
    if (!++mk_rt.generation) { /* after 2^32 schedules; 0 is that of cells that were never touched */
        mk_race_forget_all();
        mk_rt.generation = 1;
    }
    mk_rt.steps = mk_rt.hash = 0;
    mk_rt.hooks_at_point = mk_rt.hooks;
    mk_rt.steps_max = program->steps_max ? program->steps_max : STEPS_MAX;
    mk_rt.fair = mk_rt.fences = false;
    mk_rt.alone = true;
    mk_rt.frozen = mk_rt.n = mk_rt.ready = 0;
    mk_rt.made_n = 0;
    mk_rt.failure.kind = MK_FAIL_NONE;
    mk_rt.failure.detail = mk_rt.failure.picture = NULL;
    limit = mk_rt.steps_max * 10; /* setting up takes its time */
    bodies = yielded = 0;
    waits_for_bodies = false;
    mk_memory_begin();
    mk_heap_begin();
    mk_sync_begin();
    mk_reset_begin();
}

bool mk_rt_run(const struct mk_program *program, const struct mk_schedule_config *config) {
    open_once();
    begin(program, config);
    mk_rt.now = add_thread(NULL, NULL);
    mk_fiber_prepare(0, run_main, NULL);
    mk_rt.on = true;
    mk_fiber_switch(NOBODY, 0);
    mk_rt.on = false;
    mk_rt.now = NULL;
    return mk_rt.failure.kind != MK_FAIL_NONE;
}
