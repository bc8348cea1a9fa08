/* counter_sw.c - what the kernel counts per thread anyway: getrusage. Needs no permission and no PMU.
 * (perf's own software events are no substitute: switches happen in the kernel, which an unprivileged
 * counter does not see, so perf's context switches stay 0.) */
#include "counter.h"

#include <sys/resource.h>

static int ready(struct mk_counter_lack *lack) {
    (void)lack;
    return 0;
}

static int resolve(const char *opens, char *event, size_t room, struct mk_counter_lack *lack) {
    (void)lack;
    snprintf(event, room, "getrusage %s", opens);
    return 0;
}

static bool is_faults(const char *opens) { return strncmp(opens, "ru_minflt", 9) == 0; }

static int open_set(struct mk_counter_set *set, const char *const *opens, uint32_t n,
                    struct mk_counter_lack *lack) {
    (void)lack;
    set->n = n;
    for (uint32_t i = 0; i < n; i++) set->handle[i] = is_faults(opens[i]);
    return 0;
}

static uint64_t reading(bool faults, const struct rusage *usage) {
    return faults ? (uint64_t)usage->ru_minflt + (uint64_t)usage->ru_majflt
                  : (uint64_t)usage->ru_nvcsw + (uint64_t)usage->ru_nivcsw;
}

static int start(struct mk_counter_set *set) {
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage)) return -1;
    for (uint32_t i = 0; i < set->n; i++) set->base[i] = reading(set->handle[i], &usage);
    return 0;
}

static int stop(struct mk_counter_set *set, uint64_t *values) {
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage)) return -1;
    for (uint32_t i = 0; i < set->n; i++) values[i] = reading(set->handle[i], &usage) - set->base[i];
    return 0;
}

static void close_set(struct mk_counter_set *set) { set->n = 0; }

const struct mk_counter_backend mk_counter_sw = {"sw", ready, resolve, open_set, start, stop, close_set};
