/* pressure.c - see pressure.h. */
#include "pressure.h"

#include <sched.h>

#include "perturb.h"

#define THREADS_MAX 256

const struct mk_pressure mk_pressures[] = {
    {.name = "calm", .help = "as it comes"},
    {.name = "points", .help = "threads wait before atomic operations and locks", .perturbed = true},
    {.name = "interrupts", .help = "signals stop threads wherever they are", .interrupted = true},
    {.name = "one_pu", .help = "all threads on one PU, and signals", .one_pu = true, .interrupted = true},
    {.name = "crowd", .help = "four threads a PU", .crowd = 4},
    {.name = "tiny", .help = "a capacity of one, and two parts that all threads work on", .tiny = true},
    {.name = "storms", .help = "one thread adds and removes in bulk, so that what grows does", .storms = true},
    {.name = "births", .help = "threads leave and come back", .births = true},
    {.name = "stalls", .help = "one thread stays in a read-side section", .stalls = true},
    {.name = "refusals", .help = "one request for memory in 16 is refused", .refuse_one_in = 16},
    {.name = NULL},
};

/* Of the trial at work. */
static struct {
    const struct mk_pressure *pressure;
    uint64_t seed;
} trial;

/* Where the thread was before it was put onto one PU. */
static _Thread_local cpu_set_t at_home;

const struct mk_pressure *mk_pressure_of(const char *name) {
    for (const struct mk_pressure *at = mk_pressures; at->name; at++) {
        if (strcmp(at->name, name) == 0) return at;
    }
    return NULL;
}

const char *mk_pressure_skips(const struct mk_pressure *pressure, const struct mk_impl *impl) {
#ifndef MK_POINTS
    if (pressure->perturbed) return "this build has no points to wait at: take --flavour debug, tsan or asan";
#endif
    if (pressure->stalls && !(impl->hold && impl->unhold)) return "readers cannot be made to stay inside";
    return NULL;
}

uint32_t mk_pressure_threads(const struct mk_pressure *pressure, uint32_t asked) {
    cpu_set_t allowed;
    if (!pressure->crowd || sched_getaffinity(0, sizeof allowed, &allowed)) return asked;
    uint32_t crowd = pressure->crowd * (uint32_t)CPU_COUNT(&allowed);
    if (crowd > THREADS_MAX) crowd = THREADS_MAX;
    return crowd > asked ? crowd : asked;
}

void mk_pressure_begin(const struct mk_pressure *pressure, uint64_t seed) {
    trial.pressure = pressure;
    trial.seed = seed;
    mk_perturb_begin(pressure->perturbed, pressure->interrupted, seed);
}

void mk_pressure_end(void) {
    mk_perturb_end();
    trial.pressure = NULL;
}

/* All threads take the same one of those that they may run on. */
static void go_to_one_pu(void) {
    cpu_set_t one;
    CPU_ZERO(&at_home);
    if (sched_getaffinity(0, sizeof at_home, &at_home)) return;
    uint64_t skip = mk_mix64(trial.seed) % (uint64_t)CPU_COUNT(&at_home);
    CPU_ZERO(&one);
    for (int pu = 0; pu < CPU_SETSIZE; pu++) {
        if (!CPU_ISSET(pu, &at_home) || skip--) continue;
        CPU_SET(pu, &one);
        break;
    }
    sched_setaffinity(0, sizeof one, &one);
}

void mk_pressure_enter(uint32_t number) {
    if (trial.pressure->one_pu) go_to_one_pu();
    mk_perturb_enter(number);
}

void mk_pressure_leave(void) {
    mk_perturb_leave();
    if (trial.pressure->one_pu) sched_setaffinity(0, sizeof at_home, &at_home);
}
