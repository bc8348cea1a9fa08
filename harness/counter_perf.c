/* counter_perf.c - perf_event_open itself, without a library: knows CPUs that PAPI's libpfm does not.
 *
 * A set is one perf group: the kernel counts all of it or none of it. Only user mode is counted, so
 * that perf_event_paranoid = 2, the usual setting, allows it.
 */
#include "counter.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CACHE(LEVEL, OP, RESULT) \
    (PERF_COUNT_HW_CACHE_##LEVEL | PERF_COUNT_HW_CACHE_OP_##OP << 8 | PERF_COUNT_HW_CACHE_RESULT_##RESULT << 16)

static const struct event {
    const char *name;
    uint32_t type;
    uint64_t config;
} events[] = {
    {"HW_INSTRUCTIONS", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"HW_CPU_CYCLES", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"HW_CACHE_MISSES", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    {"HW_CACHE_L1D:READ:MISS", PERF_TYPE_HW_CACHE, CACHE(L1D, READ, MISS)},
    {"HW_CACHE_LL:READ:MISS", PERF_TYPE_HW_CACHE, CACHE(LL, READ, MISS)},
    {"HW_CACHE_DTLB:READ:MISS", PERF_TYPE_HW_CACHE, CACHE(DTLB, READ, MISS)},
    /* Kept by the kernel itself: they work where there is no PMU, and prove this file there. */
    {"SW_PAGE_FAULTS", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {"SW_TASK_CLOCK", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
    {"SW_DUMMY", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY},
};

static bool find(const char *opens, struct event *event) {
    if (strncmp(opens, "RAW:", 4) == 0) {
        *event = (struct event){opens, PERF_TYPE_RAW, strtoull(opens + 4, NULL, 16)};
        return true;
    }
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        *event = events[i];
        if (strcmp(opens, event->name) == 0) return true;
    }
    return false;
}

/* Returns a descriptor, or -1 with errno set. leader -1 makes a group, stopped at first. */
static int open_event(const struct event *event, int leader) {
    struct perf_event_attr attr = {
        .type = event->type,
        .size = sizeof attr,
        .config = event->config,
        .disabled = leader < 0,
        .exclude_kernel = 1,
        .exclude_hv = 1,
        .read_format = PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
    };
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, leader, PERF_FLAG_FD_CLOEXEC);
}

int mk_counter_perf_probe(void) {
    int fd = open_event(&events[0], -1);
    if (fd < 0) return errno;
    close(fd);
    return 0;
}

/* What the kernel answers to the first event tells; nothing to prepare. */
static int ready(struct mk_counter_lack *lack) {
    (void)lack;
    return 0;
}

static int resolve(const char *opens, char *event, size_t room, struct mk_counter_lack *lack) {
    struct event found;
    if (!find(opens, &found))
        return mk_counter_lacks(lack, "leave it out", "there is no perf event called %.60s", opens);
    snprintf(event, room, "%s:u", opens); /* user mode, as perf's own tools write it */
    return 0;
}

static void close_set(struct mk_counter_set *set) {
    while (set->n) close(set->handle[--set->n]);
}

static int open_set(struct mk_counter_set *set, const char *const *opens, uint32_t n,
                    struct mk_counter_lack *lack) {
    set->n = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct event event;
        if (!find(opens[i], &event)) errno = EINVAL, set->handle[i] = -1;
        else set->handle[i] = open_event(&event, i ? set->handle[0] : -1);
        if (set->handle[i] < 0) {
            struct mk_counter_host host;
            int error = errno;
            close_set(set);
            mk_counter_host(&host);
            mk_counter_explain(error, &host, lack);
            return -1;
        }
        set->n++;
    }
    return 0;
}

/* Layout of a group read: how many, time enabled, time running, values. Times never restart, so
 * everything is the difference of two readings. */
#define HEADER 3
static int read_set(struct mk_counter_set *set, uint64_t reading[HEADER + MK_COUNTERS_MAX]) {
    size_t bytes = (HEADER + set->n) * sizeof *reading;
    return read(set->handle[0], reading, bytes) == (ssize_t)bytes ? 0 : -1;
}

/* Only the leader is switched: its group goes with it. Switching with PERF_IOC_FLAG_GROUP leaves the
 * other members at 0 from the second start on (Linux 6.18). */
static int start(struct mk_counter_set *set) {
    uint64_t reading[HEADER + MK_COUNTERS_MAX];
    if (read_set(set, reading)) return -1;
    memcpy(set->base, reading + 1, (HEADER - 1 + set->n) * sizeof *reading);
    return ioctl(set->handle[0], PERF_EVENT_IOC_ENABLE, 0);
}

/* Enabling costs a moment that the kernel books as enabled and not yet running. More than that means
 * that something else held the PMU for a while. */
static bool ran_throughout(uint64_t enabled_ns, uint64_t running_ns) {
    return running_ns > 0 && enabled_ns - running_ns <= enabled_ns / 128 + 20000;
}

static int stop(struct mk_counter_set *set, uint64_t *values) {
    uint64_t reading[HEADER + MK_COUNTERS_MAX];
    if (ioctl(set->handle[0], PERF_EVENT_IOC_DISABLE, 0) || read_set(set, reading)) return -1;
    for (uint32_t i = 0; i < set->n; i++) values[i] = reading[HEADER + i] - set->base[HEADER - 1 + i];
    return ran_throughout(reading[1] - set->base[0], reading[2] - set->base[1]) ? 0 : -1;
}

const struct mk_counter_backend mk_counter_perf = {"perf", ready, resolve, open_set, start, stop, close_set};
