/* runtime.h - what the rooms of the model runtime share: logical threads, clocks, points, choices, failures.
 *
 * The runtime carries out one program under one schedule at a time, on one OS thread. Its rooms:
 *
 *   hooks.c           what the compiler inserts (the ThreadSanitizer ABI), and nothing else
 *   sync*.c           pthread_*, sem_*, futex, time ... as implementations call them (symbols.txt renames the calls)
 *   heap*.c, libc.c   malloc and its kin, and what may be touched; functions on memory and strings
 *   memory.c          atomic locations: which store a load may read (C11, TSO, SC)
 *   race.c            who touched a byte last, and whether anything orders that
 *   reset.c           variables of implementations, put back before each schedule
 *   schedule.c        logical threads; points, where another may go on; choices; failures
 *   fiber.c           stacks and switches; a fiber borrows the thread control block of a parked thread
 *   site.c            places of the code that atomic operations are done from
 *
 * and, beyond a single schedule, with headers of their own:
 *
 *   explore.h, strategy.h   many schedules of one program; what fails is run again, shrunk, compared; tokens
 *   program.h, programs.h   programs made of contracts and scenarios; litmus.c, model_cases.c, replay.c run them
 *   tale.h, report.h        what a failure looks like to people; modules.h, symbols.c: names of addresses
 *   weaken.h, orders.h      which memory orders are needed; coverage.h, notes.h, census.h: what was reached
 *
 * Code of rooms is compiled without hooks. All that follows is called by the one OS thread that explores.
 */
#ifndef MK_MODEL_RUNTIME_H
#define MK_MODEL_RUNTIME_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MK_RT_THREADS 16 /* logical threads of a schedule: number 0 sets up and looks at the end */
#define MK_RT_DEPTH 64   /* frames of a logical thread's stack that are kept */
#define MK_RT_INLINE static inline __attribute__((always_inline, unused))
#define MK_RT_LIKELY(x) __builtin_expect(!!(x), 1)
#define MK_RT_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* ---- clocks ---------------------------------------------------------------------------------- */

/* A vector clock: of each logical thread, up to which of its epochs things are ordered before. */
struct mk_clock {
    uint32_t at[MK_RT_THREADS];
} __attribute__((aligned(16)));

MK_RT_INLINE void mk_clock_join(struct mk_clock *to, const struct mk_clock *from) {
    /* four at a time: compilers do not do that by themselves at -O2 */
    typedef uint32_t mk_four __attribute__((vector_size(16), may_alias));
    mk_four *a = (mk_four *)to->at;
    const mk_four *b = (const mk_four *)from->at;
    for (unsigned i = 0; i < MK_RT_THREADS / 4; i++) {
        mk_four more = (mk_four)(b[i] > a[i]);
        a[i] = (b[i] & more) | (a[i] & ~more);
    }
}

/* What a release hands over and an acquire takes in. `seen` is no less than `hb`: what may not be read any more
 * because of seq_cst fences, though nothing else orders it. Kept only once a schedule has had such a fence. */
struct mk_view {
    struct mk_clock hb, seen;
};

/* ---- a program ------------------------------------------------------------------------------- */

/* What is carried out under every schedule. Each function may call mk_rt_fail. Code of implementations runs with
 * hooks inside all three. */
struct mk_program {
    const char *name;
    uint32_t threads;              /* at work at once, 1 .. MK_RT_THREADS - 1; they are logical threads 1 .. threads */
    void *arg;
    void (*begin)(void *arg);                  /* by thread 0, alone; may be NULL */
    void (*body)(void *arg, uint32_t number);  /* number: 0 .. threads - 1, by logical thread number + 1 */
    void (*end)(void *arg);                    /* by thread 0, alone, when all bodies have ended; may be NULL. Not
                                                * called when the schedule failed or froze a thread */
    uint64_t steps_max; /* points after which it is made fair, and after as many again it is said to make no
                         * progress; 0 = 20000 */
};

/* ---- points and choices ---------------------------------------------------------------------- */

/* What a logical thread is about to do. tale_words.c and weaken.c have names for it. */
enum mk_act_kind {
    MK_ACT_NONE,
    MK_ACT_LOAD,
    MK_ACT_STORE,
    MK_ACT_RMW,
    MK_ACT_FENCE,
    MK_ACT_LOCK,
    MK_ACT_UNLOCK,
    MK_ACT_PAUSE, /* spins, sleeps or yields: others are to go on first */
    MK_ACT_ALLOC,
    MK_ACT_FREE,
    MK_ACT_SPAWN,
    MK_ACT_JOIN,
    MK_ACT_BLOCK, /* cannot go on */
    MK_ACT_END
};

/* What is chosen. Choice 0 is always the default: nothing remarkable happens. The letter stands for it in tokens. */
enum mk_choice_kind {
    MK_CHOICE_THREAD = 't',   /* who goes on; here the choice is the number of the thread, the default is whoever is at
                               * it, or the next one that can */
    MK_CHOICE_AGE = 'r',      /* how many stores back a load reads */
    MK_CHOICE_SPURIOUS = 'w', /* a weak compare-exchange fails although it need not */
    MK_CHOICE_BLOCK = 'h',    /* which block malloc hands out */
    MK_CHOICE_REFUSE = 'n',   /* malloc refuses */
    MK_CHOICE_WAKE = 's',     /* a condition variable wakes up for nothing; or which waiter is woken */
    MK_CHOICE_FREEZE = 'f'    /* the thread goes on no more */
};

/* A choice that was not the default. `step`: of the thread. */
struct mk_decision {
    uint32_t step;
    uint16_t value;
    uint8_t thread;
    uint8_t kind; /* enum mk_choice_kind */
};

enum mk_memory_model { MK_MEMORY_C11, MK_MEMORY_TSO, MK_MEMORY_SC };
enum mk_heap_policy { MK_HEAP_QUARANTINE, MK_HEAP_LIFO, MK_HEAP_RANDOM };

/* Who makes choices. `state` is its own. */
struct mk_chooser {
    /* Returns which of the threads in `ready` (a bit each, not 0) goes on. `at`: whose point it is; `usual`: the
     * default, which is in `ready`. */
    uint32_t (*thread)(struct mk_chooser *chooser, uint32_t ready, uint32_t at, uint32_t usual);
    /* Returns 0 .. n - 1. n is 2 at least. */
    uint32_t (*value)(struct mk_chooser *chooser, enum mk_choice_kind kind, uint32_t n);
};

/* ---- logical threads ------------------------------------------------------------------------- */

enum mk_thread_state { MK_THREAD_UNUSED, MK_THREAD_READY, MK_THREAD_BLOCKED, MK_THREAD_FROZEN, MK_THREAD_ENDED };

struct mk_logical {
    uint32_t number;
    enum mk_thread_state state;
    struct mk_clock hb, seen;
    struct mk_view fence_release; /* what stores after a release fence hand over */
    struct mk_view fence_acquire; /* what an acquire fence will take in */
    bool has_fence_release;
    uint64_t fence_steps; /* mk_rt.steps at its last seq_cst fence */
    uint32_t stores;  /* of its own, counted: FIFO of the TSO model */
    uint32_t flushed; /* of these, how many others can see */
    uint32_t step;    /* choices of a thread made at its points: what decisions are named by */
    /* What it is about to do. */
    enum mk_act_kind act;
    uintptr_t address;
    uintptr_t pc;
    const char *waits_for; /* in words, while blocked: "a mutex" */
    /* Loads that find the same again and again. */
    uintptr_t spin_address;
    uint64_t spin_value;
    uint32_t spins;
    uint32_t depth;
    uintptr_t stack[MK_RT_DEPTH]; /* return addresses, outermost first; depth may exceed what is kept */
    void (*start)(void *arg);
    void *start_arg;
};

/* ---- failures -------------------------------------------------------------------------------- */

enum mk_failure_kind {
    MK_FAIL_NONE,
    MK_FAIL_RACE,
    MK_FAIL_USE_AFTER_FREE,
    MK_FAIL_BOUNDS,
    MK_FAIL_BAD_FREE,    /* double, or of what is no block */
    MK_FAIL_LEAK,
    MK_FAIL_DEADLOCK,
    MK_FAIL_NO_PROGRESS, /* all that can go on, go on for ever */
    MK_FAIL_NOT_LOCK_FREE, /* a thread was stopped, and others do not finish */
    MK_FAIL_MISUSE,      /* of a lock: unlocked by who does not hold it, destroyed while held ... */
    MK_FAIL_CRASH,       /* a wild address */
    MK_FAIL_ORACLE,      /* what the program itself says */
    MK_FAIL_NONDETERMINISM,
    MK_FAIL_LIMIT        /* of the runtime; says nothing about the program */
};

struct mk_touch { /* one access, for reports */
    uint32_t thread;
    uint32_t step;   /* of the schedule (mk_rt.steps) */
    uintptr_t pc;
    bool write, atomic, freed;
    uint32_t bytes;
};

struct mk_failure {
    enum mk_failure_kind kind;
    char what[384]; /* one sentence */
    char *detail;   /* further lines; malloc'ed; NULL none */
    char *picture;  /* SVG; malloc'ed; NULL none */
    uint32_t thread;
    uintptr_t address; /* what it is about; 0: nothing */
    struct mk_touch here, there; /* RACE, USE_AFTER_FREE: both sides; else zero */
    uint64_t steps; /* of the schedule, when it failed */
};

/* ---- the state of the schedule at work --------------------------------------------------------- */

struct mk_event_sink;

struct mk_rt {
    bool on;       /* a schedule is being carried out: hooks are ours. Else they do what they stand for */
    bool fair;     /* beyond steps_max: turns are taken, loads read the newest */
    bool fences;   /* there has been a seq_cst fence */
    bool races;    /* data races are failures */
    bool alone;    /* no other thread has begun yet, or all have ended and been joined: nothing can race */
    bool replays;  /* choices come from a list: no need to keep those made */
    bool aside;    /* the schedule is not one of those explored, but tells about them: programs do not count it */
    enum mk_memory_model memory;
    enum mk_heap_policy heap;
    uint32_t refuse_one_in; /* malloc may be refused: only then is it asked for */
    bool freezes;           /* a thread may be stopped for ever: only then is it asked for */
    uint32_t frozen;        /* how many have been */
    uint32_t generation; /* of this schedule, not 0: cells that carry another number are of an earlier one */
    uint64_t steps;      /* points so far */
    uint64_t steps_max;
    uint64_t hooks;      /* over all schedules */
    uint64_t hooks_at_point; /* how many there had been at the last point */
    uint64_t hash;       /* of all that happened */
    uint32_t n;          /* logical threads ever begun in this schedule */
    uint32_t ready;      /* a bit each */
    struct mk_logical *now; /* who is at it; never NULL while on */
    struct mk_clock fence_sc; /* what seq_cst fences have made known */
    const struct mk_program *program;
    struct mk_chooser *chooser;
    struct mk_failure failure;
    struct mk_event_sink *sink; /* told of every event; NULL: nobody listens */
    struct mk_logical thread[MK_RT_THREADS];
    struct mk_decision *made; /* choices that were not the default */
    size_t made_n, made_room;
    uint64_t limits; /* times that a limit of the runtime was hit, over all schedules; sound, but sees less */
};

extern struct mk_rt mk_rt;

/* What happens, as it happens: for reports, and for whoever simulates caches. */
struct mk_event_info {
    uint32_t thread, step;
    enum mk_act_kind act;
    bool atomic, stale;
    uint8_t order;      /* memory_order of the source; after weakening */
    uint32_t bytes;
    uint32_t age;       /* loads: how many stores back */
    bool failed;        /* a compare-exchange that found another value; a trylock, an allocation refused */
    uintptr_t address, pc;
    uint64_t before, after; /* RMW: both; load: `before`; store: `after` */
    const char *text;   /* of what is no memory access: "lock", "unlock", "join" ...; else NULL */
};
struct mk_event_sink {
    void (*event)(struct mk_event_sink *sink, const struct mk_event_info *info);
    bool plain; /* wants plain accesses too */
};

/* ---- schedule.c: what other rooms call -------------------------------------------------------- */

/* A point of the thread at work: others may go on first. Returns when it is its turn. Counts a step. */
void mk_rt_point(enum mk_act_kind act, uintptr_t address, uintptr_t pc);

/* As a point where others are to go on first if any can. */
void mk_rt_yield(uintptr_t pc);

/* The thread at work cannot go on until somebody calls mk_rt_wake on it. Returns then (and when it has its turn). If
 * nobody can go on, that is a deadlock and a failure. `waits_for`: a constant, in words. */
void mk_rt_block(const char *waits_for, uintptr_t address);
void mk_rt_wake(struct mk_logical *thread);

/* Begins another logical thread, which happens after what the one at work did so far. Returns NULL where there are
 * MK_RT_THREADS already (then mk_rt.limits is counted). */
struct mk_logical *mk_rt_spawn(void (*start)(void *arg), void *arg);

/* Returns 0 .. n - 1, as the chooser likes; 0 is the default. n <= 1: 0, and nobody is asked. */
uint32_t mk_rt_choose(enum mk_choice_kind kind, uint32_t n);

/* The schedule has failed; does not return. The text is a sentence without a full stop. Called as often as one likes
 * by whoever: the first one counts. mk_rt_fail_with: all of it; takes over what *failure owns. */
void mk_rt_fail(enum mk_failure_kind kind, uintptr_t address, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
void mk_rt_fail_with(const struct mk_failure *failure) __attribute__((noreturn));

/* Tells the sink, if there is one. */
MK_RT_INLINE void mk_rt_tell(const struct mk_event_info *info) {
    if (MK_RT_UNLIKELY(mk_rt.sink != NULL)) mk_rt.sink->event(mk_rt.sink, info);
}

/* What the thread at work has done so far is handed over: joined into *view, and its next epoch begins. */
void mk_rt_release(struct mk_view *view);
/* What was handed over happens before what the thread at work does from now on. */
void mk_rt_acquire(const struct mk_view *view);

/* "main", "thread 0": logical thread 1 carries out the first body. */
const char *mk_rt_who(uint32_t number);

/* The thread after `number`, in a circle, of those in `ready` (a bit each, not 0). */
MK_RT_INLINE uint32_t mk_rt_next(uint32_t number, uint32_t ready) {
    uint32_t later = ready & ~((2u << number) - 1);
    return (uint32_t)__builtin_ctz(later ? later : ready);
}

/* Carries out a program under one schedule. Returns whether it failed; how is in mk_rt.failure then (its detail and
 * picture are the caller's), and what was chosen in mk_rt.made either way. */
struct mk_schedule_config {
    struct mk_chooser *chooser;
    enum mk_memory_model memory;
    enum mk_heap_policy heap;
    bool races;             /* data races are failures */
    bool freezes;
    uint32_t refuse_one_in; /* 0: memory is not refused */
    struct mk_event_sink *sink;
};
bool mk_rt_run(const struct mk_program *program, const struct mk_schedule_config *config);

/* ---- fiber.c --------------------------------------------------------------------------------- */

/* Makes stacks and parks the threads that lend their control blocks. Once. Returns 0, or -1 with a sentence in
 * *why. */
int mk_fiber_open(const char **why);
/* The fiber of that number is to begin with entry(arg) when it is switched to first. */
void mk_fiber_prepare(uint32_t number, void (*entry)(void *arg), void *arg);
/* From the caller, who is fiber `from`, to another; UINT32_MAX stands for whoever calls mk_rt_run. */
void mk_fiber_switch(uint32_t from, uint32_t to);
/* Returns whether an address lies on a fiber's stack. */
bool mk_fiber_owns(uintptr_t address);
/* Calls visit once for every thread control block that fibers have (the first of them, where they share one) with
 * it in place, on the caller's stack. */
void mk_fiber_each(void (*visit)(void *arg, uint32_t number), void *arg);

/* ---- race.c ---------------------------------------------------------------------------------- */

/* The thread at work touches these bytes: a race is a failure (where mk_rt.races), what comes later is compared with
 * it. */
void mk_race_plain(uintptr_t address, size_t bytes, bool write, uintptr_t pc);
void mk_race_atomic(uintptr_t address, size_t bytes, bool write, uintptr_t pc);
/* They are given back: as a write of them all. */
void mk_race_freed(uintptr_t address, size_t bytes, uintptr_t pc);
/* They are nobody's any more: forgets who touched them, and the atomic locations in them. */
void mk_race_fresh(uintptr_t address, size_t bytes);
/* Forgets all of it, whatever schedule it is of: numbers of schedules begin anew. */
void mk_race_forget_all(void);

/* ---- memory.c -------------------------------------------------------------------------------- */

/* Atomic operations of the thread at work, the point before them included. `order`: as in the source (0 .. 5); `pc`
 * names the site. Values of less than 16 bytes are in .low. */
struct mk_word {
    uint64_t low, high;
};
struct mk_word mk_memory_load(uintptr_t address, size_t bytes, int order, uintptr_t pc);
void mk_memory_store(uintptr_t address, size_t bytes, struct mk_word value, int order, uintptr_t pc);
enum mk_rmw { MK_RMW_EXCHANGE, MK_RMW_ADD, MK_RMW_SUB, MK_RMW_AND, MK_RMW_OR, MK_RMW_XOR, MK_RMW_NAND };
/* Returns what was there. */
struct mk_word mk_memory_rmw(uintptr_t address, size_t bytes, enum mk_rmw what, struct mk_word operand, int order,
                             uintptr_t pc);
/* Returns whether it was exchanged; else *expected is what was there. */
bool mk_memory_cas(uintptr_t address, size_t bytes, struct mk_word *expected, struct mk_word desired, bool weak,
                   int order, int failure_order, uintptr_t pc);
void mk_memory_fence(int order, uintptr_t pc);
/* membarrier: a seq_cst fence of every thread. */
void mk_memory_barrier_all(uintptr_t pc);
/* A schedule begins. */
void mk_memory_begin(void);

/* ---- heap.c ---------------------------------------------------------------------------------- */

#define MK_HEAP_BASE 0x100000000000u /* what malloc hands out lies from here on ... */
#define MK_HEAP_BYTES 0x1000000000u  /* ... so far; the same in every process */

/* Reserves the arena. Once. Returns 0, or -1 with a sentence in *why. */
int mk_heap_open(const char **why);
/* A schedule begins, or is over: nothing is allocated. */
void mk_heap_begin(void);
/* The thread at work touches these bytes, of which some lie in the arena: a failure unless all are of one live
 * block. */
void mk_heap_check_slow(uintptr_t address, size_t bytes, bool write, uintptr_t pc);
MK_RT_INLINE void mk_heap_check(uintptr_t address, size_t bytes, bool write, uintptr_t pc) {
    if (address - MK_HEAP_BASE < MK_HEAP_BYTES) mk_heap_check_slow(address, bytes, write, pc);
}
/* Blocks handed out and not given back. */
size_t mk_heap_live(void);
/* Says which block an address belongs to or lies near, and who allocated and freed it; empty where none. */
void mk_heap_describe(uintptr_t address, char *out, size_t room);

/* ---- sync.c ---------------------------------------------------------------------------------- */

/* A schedule begins: no lock is known. */
void mk_sync_begin(void);
/* The thread at work ends: destructors of its keys. */
void mk_sync_thread_ends(void);
/* Nobody can go on: wakes somebody whose wait may time out. Returns whether there was such a one. */
bool mk_sync_idle(void);
/* Says what a blocked thread waits for, and who holds that: "waits for a mutex at {pc 0x...}, which thread 2 holds". */
void mk_sync_describe(uint32_t thread, char *out, size_t room);

/* ---- reset.c --------------------------------------------------------------------------------- */

/* Registers the variables of implementations in the program, and of a plug-in that has just been loaded. */
void mk_reset_open(void);
/* A schedule begins: they are as they were when they were registered; thread-locals of all fibers too. */
void mk_reset_begin(void);
/* A hook saw a write outside arena and stacks: that page is no longer as it was. */
void mk_reset_touched(uintptr_t address, size_t bytes);

/* ---- site.c ---------------------------------------------------------------------------------- */

/* Every place of the code that a hook was called from for an atomic operation, fence, or lock. */
struct mk_site {
    uintptr_t pc;
    uint8_t act;     /* enum mk_act_kind */
    uint8_t order;   /* of the source */
    uint8_t failure; /* of a compare-exchange */
    uint8_t weakened, weakened_failure; /* what it is carried out with */
    uint64_t hits;
};
/* Returns the site of a pc, made when it is new. */
struct mk_site *mk_site_at(uintptr_t pc, enum mk_act_kind act, int order, int failure_order);
size_t mk_site_count(void);
struct mk_site *mk_site_nth(size_t i);
/* Called with every new site, so that it can be weakened before it is first carried out; NULL: nobody. */
extern void (*mk_site_made)(struct mk_site *site);

#endif
