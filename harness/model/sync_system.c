/* sync_system.c - yielding, virtual time, random numbers that are none, the few system calls that there are. */
#include "sync_parts.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>

#define STEP_NS 100u          /* of virtual time that a point takes */
#define LOOKS_IN_A_ROW 16u    /* at a clock, from one place: then time goes on twice as fast, and again */
#define REALTIME_S 1700000000u /* where the clocks stand when a schedule begins */
#define MONOTONIC_S 1000u
#define CPUS 4u
#define FIRST_TID 4096

static uint64_t ahead_ns; /* of what the steps say: somebody slept, or looked at a clock */
static uint64_t drawn;    /* what random numbers are made of */
static bool registered;   /* for membarrier, before or within the schedule at work */
static bool registered_outside;

void mk_sync_system_begin(void) {
    ahead_ns = 0;
    drawn = 0;
    registered = registered_outside;
}

/* ---- yielding -------------------------------------------------------------------------------- */

static void yield(uintptr_t pc) {
    mk_sync_expire();
    mk_rt_yield(pc);
}

void mk_model_pause(void) {
    if (mk_rt.on) {
        yield(MK_SYNC_PC);
        return;
    }
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

int mk_model_sched_yield(void) {
    if (!mk_rt.on) return sched_yield();
    yield(MK_SYNC_PC);
    return 0;
}

/* ---- time ------------------------------------------------------------------------------------ */

uint64_t mk_sync_now_ns(void) {
    return mk_rt.steps * STEP_NS + ahead_ns;
}

void mk_sync_time_reaches(uint64_t ns) {
    uint64_t now = mk_sync_now_ns();
    if (now < ns) ahead_ns += ns - now;
}

static uint64_t seconds_at_begin(clockid_t clock) {
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI: return REALTIME_S;
    case CLOCK_PROCESS_CPUTIME_ID:
    case CLOCK_THREAD_CPUTIME_ID: return 0;
    default: return MONOTONIC_S;
    }
}

/* Times that are far off are cut, so that they add up without overflow. */
static uint64_t span_ns(int64_t seconds, long nanoseconds) {
    if (seconds < 0) return 0;
    if (seconds > INT32_MAX) seconds = INT32_MAX;
    return (uint64_t)seconds * 1000000000u + (uint64_t)nanoseconds;
}

uint64_t mk_sync_time_at(clockid_t clock, const struct timespec *at) {
    return span_ns(at->tv_sec - (int64_t)seconds_at_begin(clock), at->tv_nsec);
}

/* Looking at a clock takes time, so that who waits for it gets somewhere; the longer he looks, the more. */
static uint64_t look_at_clock(uintptr_t pc) {
    struct mk_sync_thread *self = mk_sync_self();
    self->clock_looks = self->clock_pc == pc ? self->clock_looks + 1 : 0;
    self->clock_pc = pc;
    uint32_t doubled = self->clock_looks / LOOKS_IN_A_ROW;
    if (doubled) yield(pc);
    ahead_ns += (uint64_t)STEP_NS << (doubled < 30 ? doubled : 30);
    return mk_sync_now_ns();
}

static struct timespec shown(clockid_t clock, uint64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(seconds_at_begin(clock) + ns / 1000000000u),
                             .tv_nsec = (long)(ns % 1000000000u)};
}

int mk_model_clock_gettime(clockid_t clock, struct timespec *now) {
    if (!mk_rt.on) return clock_gettime(clock, now);
    uintptr_t pc = MK_SYNC_PC;
    mk_sync_writes(now, sizeof *now, pc);
    *now = shown(clock, look_at_clock(pc));
    return 0;
}

int mk_model_timespec_get(struct timespec *now, int base) {
    if (!mk_rt.on || base != TIME_UTC) return timespec_get(now, base);
    uintptr_t pc = MK_SYNC_PC;
    mk_sync_writes(now, sizeof *now, pc);
    *now = shown(CLOCK_REALTIME, look_at_clock(pc));
    return base;
}

int mk_model_gettimeofday(struct timeval *now, void *zone) {
    if (!mk_rt.on) return gettimeofday(now, zone);
    uintptr_t pc = MK_SYNC_PC;
    mk_sync_writes(now, sizeof *now, pc);
    struct timespec time = shown(CLOCK_REALTIME, look_at_clock(pc));
    *now = (struct timeval){.tv_sec = time.tv_sec, .tv_usec = time.tv_nsec / 1000};
    return 0;
}

time_t mk_model_time(time_t *now) {
    if (!mk_rt.on) return time(now);
    uintptr_t pc = MK_SYNC_PC;
    time_t seconds = shown(CLOCK_REALTIME, look_at_clock(pc)).tv_sec;
    if (!now) return seconds;
    mk_sync_writes(now, sizeof *now, pc);
    return *now = seconds;
}

clock_t mk_model_clock(void) {
    return mk_rt.on ? (clock_t)(look_at_clock(MK_SYNC_PC) / (1000000000u / CLOCKS_PER_SEC)) : clock();
}

/* Who sleeps lets others go first; when it goes on, at least that much time is over. */
static void sleep_till(uint64_t ns, uintptr_t pc) {
    yield(pc);
    mk_sync_time_reaches(ns);
}

static bool is_span(const struct timespec *span, uintptr_t pc) {
    mk_sync_reads(span, sizeof *span, pc);
    return span->tv_sec >= 0 && span->tv_nsec >= 0 && span->tv_nsec < 1000000000;
}

int mk_model_nanosleep(const struct timespec *span, struct timespec *left) {
    if (!mk_rt.on) return nanosleep(span, left);
    uintptr_t pc = MK_SYNC_PC;
    if (!is_span(span, pc)) {
        errno = EINVAL;
        return -1;
    }
    sleep_till(mk_sync_now_ns() + span_ns(span->tv_sec, span->tv_nsec), pc);
    return 0;
}

int mk_model_clock_nanosleep(clockid_t clock, int flags, const struct timespec *span, struct timespec *left) {
    if (!mk_rt.on) return clock_nanosleep(clock, flags, span, left);
    uintptr_t pc = MK_SYNC_PC;
    if (!is_span(span, pc)) return EINVAL;
    uint64_t ns = mk_sync_now_ns() + span_ns(span->tv_sec, span->tv_nsec);
    sleep_till(flags & TIMER_ABSTIME ? mk_sync_time_at(clock, span) : ns, pc);
    return 0;
}

int mk_model_usleep(useconds_t us) {
    if (!mk_rt.on) return usleep(us);
    sleep_till(mk_sync_now_ns() + (uint64_t)us * 1000, MK_SYNC_PC);
    return 0;
}

unsigned mk_model_sleep(unsigned seconds) {
    if (!mk_rt.on) return sleep(seconds);
    sleep_till(mk_sync_now_ns() + span_ns(seconds, 0), MK_SYNC_PC);
    return 0;
}

/* ---- random numbers -------------------------------------------------------------------------- */

/* Sebastiano Vigna's splitmix64: a counter, mixed. */
static uint64_t draw(void) {
    uint64_t x = drawn += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static void fill(void *out, size_t bytes, uintptr_t pc) {
    unsigned char *at = out;
    if (bytes) mk_sync_writes(out, bytes, pc);
    for (size_t i = 0; i < bytes; i++) at[i] = (unsigned char)draw();
}

ssize_t mk_model_getrandom(void *out, size_t bytes, unsigned flags) {
    if (!mk_rt.on) return getrandom(out, bytes, flags);
    fill(out, bytes, MK_SYNC_PC);
    return (ssize_t)bytes;
}

int mk_model_getentropy(void *out, size_t bytes) {
    if (!mk_rt.on) return getentropy(out, bytes);
    fill(out, bytes, MK_SYNC_PC);
    return 0;
}

int mk_model_rand(void) {
    return mk_rt.on ? (int)(draw() >> 33) : rand();
}

long mk_model_random(void) {
    return mk_rt.on ? (long)(draw() >> 33) : random();
}

void mk_model_srand(unsigned seed) {
    if (mk_rt.on) {
        drawn = seed;
    } else {
        srand(seed);
    }
}

void mk_model_srandom(unsigned seed) {
    if (mk_rt.on) {
        drawn = seed;
    } else {
        srandom(seed);
    }
}

/* ---- the machine ----------------------------------------------------------------------------- */

int mk_model_sched_getcpu(void) {
    return mk_rt.on ? (int)(mk_rt.now->number % CPUS) : sched_getcpu();
}

long mk_model_sysconf(int name) {
    if (mk_rt.on && (name == _SC_NPROCESSORS_ONLN || name == _SC_NPROCESSORS_CONF)) return CPUS;
    return sysconf(name);
}

pid_t mk_model_gettid(void) {
    return mk_rt.on ? FIRST_TID + (pid_t)mk_rt.now->number : gettid();
}

/* ---- system calls ---------------------------------------------------------------------------- */

static long membarrier(int command, uintptr_t pc) {
    switch (command) {
    case MEMBARRIER_CMD_QUERY:
        return MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED: registered = true; return 0;
    case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
        if (!registered) {
            errno = EPERM;
            return -1;
        }
        mk_memory_barrier_all(pc);
        return 0;
    case MEMBARRIER_CMD_GLOBAL: mk_memory_barrier_all(pc); return 0;
    default: errno = EINVAL; return -1;
    }
}

/* FUTEX_WAIT has a span, FUTEX_WAIT_BITSET a time. */
static bool futex_until(struct mk_sync_until *until, int operation, const struct timespec *at, uintptr_t pc) {
    clockid_t clock = operation & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    if (!is_span(at, pc)) return false;
    bool absolute = (operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
    uint64_t span = span_ns(at->tv_sec, at->tv_nsec);
    *until = (struct mk_sync_until){.ns = absolute ? mk_sync_time_at(clock, at) : mk_sync_now_ns() + span};
    return true;
}

struct futex_call {
    uint32_t *word;
    int operation;
    uint32_t value;
    const struct timespec *at;
    uint32_t bits;
};

static long futex(const struct futex_call *call, uintptr_t pc) {
    struct mk_sync_until until;
    int command = call->operation & FUTEX_CMD_MASK;
    bool by_bits = command == FUTEX_WAIT_BITSET || command == FUTEX_WAKE_BITSET;
    if (by_bits && call->bits != FUTEX_BITSET_MATCH_ANY) {
        mk_rt_fail(MK_FAIL_LIMIT, 0, "%s calls futex with a bit set, which the model does not know", mk_sync_me());
    }
    switch (command) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
        if (call->at && !futex_until(&until, call->operation, call->at, pc)) {
            errno = EINVAL;
            return -1;
        }
        return mk_sync_futex_wait(call->word, call->value, call->at ? &until : NULL, pc);
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET: return mk_sync_futex_wake(call->word, call->value, pc);
    default:
        mk_rt_fail(MK_FAIL_LIMIT, 0, "%s calls futex operation %d, which the model does not know", mk_sync_me(),
                   command);
    }
}

static long within(long number, const long *arg, uintptr_t pc) {
    switch (number) {
    case SYS_membarrier: return membarrier((int)arg[0], pc);
    case SYS_futex:
        return futex(&(struct futex_call){.word = (uint32_t *)arg[0], .operation = (int)arg[1],
                                          .value = (uint32_t)arg[2], .at = (const struct timespec *)arg[3],
                                          .bits = (uint32_t)arg[5]}, pc);
    case SYS_gettid: return FIRST_TID + (long)mk_rt.now->number;
    case SYS_sched_yield: yield(pc); return 0;
    default:
        mk_rt_fail(MK_FAIL_LIMIT, 0, "%s makes system call %ld, which the model does not know", mk_sync_me(),
                   number);
    }
}

long mk_model_syscall(long number, ...) {
    uintptr_t pc = MK_SYNC_PC;
    long arg[6];
    va_list args;
    va_start(args, number);
    for (int i = 0; i < 6; i++) arg[i] = va_arg(args, long);
    va_end(args);
    if (mk_rt.on) return within(number, arg, pc);
    long result = syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
    bool registers = number == SYS_membarrier && (int)arg[0] == MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
    if (registers && !result) registered_outside = true;
    return result;
}
