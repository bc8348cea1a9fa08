/* perturb.c - see perturb.h.
 *
 * At points there are three manners, of which the seed takes one: no single one shows every race.
 *   anywhere    a short wait now and then, and rarely a long one
 *   some sites  a half to an eighth of the lines of code is slow, for all threads the same or for each others, the rest
 *               is not: what takes a wait in one place comes to pass much more often than where everything is slow
 *   priorities  a thread is slow for a random number of points, then fast for another (after PCT: Burckhardt et al.,
 *               "A randomized scheduler with probabilistic guarantees of finding bugs", ASPLOS 2010; differs: nothing
 *               is scheduled, a slow thread gives way at every point)
 */
#include "perturb.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../registry.h"
#include "../rng.h"

#define NAP_MIN_NS 10000
#define NAP_BITS 8            /* the longest nap is 2^8 times as long as the shortest */
#define NAPS_MAX_NS 100000000 /* of a thread at points, in all: so that a trial ends in time */
#define SLACK_NS 1000         /* of naps; usually it is 50 us */
#define SPINS_MAX 2000
#define SITE_BITS 3           /* one line in 2 to 2^3 is slow */
#define PHASE_BITS 12         /* of points that a thread is slow, or fast, for */
#define SIGNAL_MIN_NS 20000   /* between two that a thread gets */
#define SIGNAL_MAX_NS 500000
#define SIGNALS_MAX 4000    /* of a thread: so that threads that wait for each other come to rest, and are seen to */

static struct {
    bool at_points, by_signals;
    uint64_t seed;
    struct sigaction before;
} all;

static _Thread_local struct {
    bool at_points;
    void (*manner)(unsigned line);
    uint64_t site_seed, site_mask; /* a line is slow if no bit of the mask is set in it, once mixed */
    uint64_t phase;                /* points until the next one */
    bool slow;
    uint64_t napped_ns;
    struct mk_rng rng;
} self;

/* Apart, since a signal comes in the middle of anything. */
static _Thread_local struct {
    bool on;
    uint32_t left; /* signals */
    timer_t timer;
    struct mk_rng rng;
} signalled;

/* ---- ways to wait ---------------------------------------------------------------------------- */

static uint64_t between(struct mk_rng *rng, uint64_t from, uint64_t to) {
    return from + mk_rng_below(rng, to - from + 1);
}

/* Short naps are as likely as long ones: some windows are passed in no time by whoever is to meet in them, some take
 * hundreds of operations. Returns how long it was. */
static uint64_t nap(struct mk_rng *rng) {
    uint64_t shortest = (uint64_t)NAP_MIN_NS << mk_rng_below(rng, NAP_BITS);
    struct timespec time = {.tv_nsec = (long)between(rng, shortest, 2 * shortest)};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
    return (uint64_t)time.tv_nsec;
}

static void give_way(uint64_t times) {
    while (times--) sched_yield();
}

static void spin(uint64_t times) {
    for (volatile uint64_t left = times; left; left--) continue;
}

/* A nap while there are some left, else a little patience. */
static void nap_at_point(void) {
    if (self.napped_ns > NAPS_MAX_NS) {
        give_way(4);
    } else {
        self.napped_ns += nap(&self.rng);
    }
}

/* ---- at points ------------------------------------------------------------------------------- */

static void anywhere(unsigned line) {
    uint64_t dice = mk_rng_next(&self.rng);
    (void)line;
    if (dice % 4096 == 0) {
        nap_at_point();
    } else if (dice % 64 == 0) {
        spin(between(&self.rng, 1, SPINS_MAX));
    } else if (dice % 16 == 0) {
        give_way(1);
    }
}

static void some_sites(unsigned line) {
    if (mk_mix64(self.site_seed ^ line) & self.site_mask) return;
    uint64_t dice = mk_rng_next(&self.rng);
    if (dice % 32 == 0) {
        nap_at_point();
    } else if (dice & 1) {
        give_way(between(&self.rng, 1, 4));
        spin(between(&self.rng, 1, SPINS_MAX / 4));
    }
}

static void priorities(unsigned line) {
    (void)line;
    if (self.phase-- == 0) {
        self.phase = mk_rng_below(&self.rng, (uint64_t)2 << mk_rng_below(&self.rng, PHASE_BITS));
        self.slow = mk_rng_next(&self.rng) & 1;
    }
    if (!self.slow) return;
    if (mk_rng_below(&self.rng, 16) == 0) {
        nap_at_point();
    } else {
        give_way(1);
        spin(between(&self.rng, 1, SPINS_MAX / 10));
    }
}

static void hold_up(unsigned line) {
    if (self.at_points) self.manner(line);
}

static void enter_points(uint32_t number) {
    static void (*const manners[])(unsigned) = {anywhere, some_sites, some_sites, priorities};
    uint64_t manner = mk_mix64(all.seed) % 4;
    memset(&self, 0, sizeof self);
    mk_rng_seed(&self.rng, mk_mix64(all.seed ^ number));
    self.manner = manners[manner];
    self.site_seed = manner == 1 ? all.seed : mk_rng_next(&self.rng);
    self.site_mask = ((uint64_t)2 << mk_mix64(all.seed + 1) % SITE_BITS) - 1;
    self.at_points = true;
}

/* ---- by signals ------------------------------------------------------------------------------ */

static void arm(uint64_t ns) {
    struct itimerspec when = {.it_value.tv_nsec = (long)ns};
    timer_settime(signalled.timer, 0, &when, NULL);
}

/* Calls nothing that may not be called in a handler. */
static void interrupt(int number) {
    int error = errno;
    (void)number;
    if (signalled.on) {
        if (mk_rng_next(&signalled.rng) & 1) {
            give_way(between(&signalled.rng, 1, 8));
        } else {
            nap(&signalled.rng);
        }
        if (--signalled.left) arm(between(&signalled.rng, SIGNAL_MIN_NS, SIGNAL_MAX_NS));
    }
    errno = error;
}

static void enter_signals(uint32_t number) {
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid); /* sigev_notify_thread_id, which glibc has no name for */
    if (timer_create(CLOCK_MONOTONIC, &event, &signalled.timer)) {
        fprintf(stderr, "memkit-bench: no timer that interrupts thread %u: %s\n", number, strerror(errno));
        exit(6);
    }
    mk_rng_seed(&signalled.rng, mk_mix64(all.seed + 1) ^ number);
    signalled.left = SIGNALS_MAX;
    signalled.on = true;
    arm(between(&signalled.rng, 1, SIGNAL_MAX_NS));
}

static void leave_signals(void) {
    if (!signalled.on) return;
    signalled.on = false;
    timer_delete(signalled.timer);
}

/* ---- trials ---------------------------------------------------------------------------------- */

void mk_perturb_begin(bool at_points, bool by_signals, uint64_t seed) {
    all.at_points = at_points;
    all.by_signals = by_signals;
    all.seed = seed;
    if (at_points) mk_registry_hook_points(hold_up);
    if (by_signals) {
        struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};
        sigaction(SIGRTMIN, &action, &all.before);
    }
}

void mk_perturb_end(void) {
    if (all.at_points) mk_registry_hook_points(NULL);
    if (all.by_signals) sigaction(SIGRTMIN, &all.before, NULL);
    all.at_points = all.by_signals = false;
}

void mk_perturb_enter(uint32_t number) {
    if (!all.at_points && !all.by_signals) return;
    prctl(PR_SET_TIMERSLACK, (unsigned long)SLACK_NS, 0, 0, 0);
    if (all.at_points) enter_points(number);
    if (all.by_signals) enter_signals(number);
}

void mk_perturb_leave(void) {
    if (!all.at_points && !all.by_signals) return;
    self.at_points = false;
    leave_signals();
    prctl(PR_SET_TIMERSLACK, 0UL, 0, 0, 0); /* as it was */
}
