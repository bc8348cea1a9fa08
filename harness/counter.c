/* counter.c - finds out what can be counted here, and counts it per thread through the backends. */
#include "counter.h"

#include "counter_events.h"
#include "env.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

const struct mk_counter_name mk_counter_names[MK_COUNT_IDS] = {
    [MK_COUNT_L1D_MISS] = {"l1d_miss", false, true, "loads (AMD: requests) that missed the first-level data cache"},
    [MK_COUNT_L2_MISS] = {"l2_miss", false, true, "those that missed the second level as well"},
    [MK_COUNT_LLC_MISS] = {"llc_miss", false, false, "those that went to memory"},
    [MK_COUNT_DTLB_MISS] = {"dtlb_miss", false, false, "address translations that needed a page walk"},
    [MK_COUNT_INSTRUCTIONS] = {"instructions", false, true, "instructions retired in user mode"},
    [MK_COUNT_CYCLES] = {"cycles", false, true, "core clock cycles in user mode"},
    [MK_COUNT_PAGE_FAULTS] = {"page_faults", true, false, "page faults, minor and major"},
    [MK_COUNT_CTX_SWITCHES] = {"ctx_switches", true, false, "context switches, voluntary and not"},
};

/* ---- explanations -------------------------------------------------------------------------- */

void mk_counter_host(struct mk_counter_host *host) {
    host->virtual_machine = mk_env_is_virtual("");
    host->container = mk_env_is_container("");
    host->paranoid = (int)mk_env_number("", "proc/sys/kernel/perf_event_paranoid", INT_MIN);
}

int mk_counter_lacks(struct mk_counter_lack *lack, const char *remedy, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(lack->why, sizeof lack->why, format, args);
    va_end(args);
    snprintf(lack->remedy, sizeof lack->remedy, "%s", remedy);
    return -1;
}

static void explain_no_pmu(const struct mk_counter_host *host, struct mk_counter_lack *lack) {
    if (host->virtual_machine)
        mk_counter_lacks(lack, "run on the host or a bare-metal instance, or have the PMU passed on (QEMU/KVM: "
                         "-cpu host,pmu=on)",
                         "no PMU: the hypervisor shows this virtual machine no hardware counters");
    else
        mk_counter_lacks(lack, "boot a newer kernel, or enable the counters in the firmware",
                         "no PMU: the kernel has no hardware counters, or not this one, for this CPU");
}

static void explain_forbidden(int error, const struct mk_counter_host *host, struct mk_counter_lack *lack) {
    char level[32] = "";
    if (error == EPERM && host->container) {
        mk_counter_lacks(lack, "docker run --cap-add PERFMON --security-opt seccomp=unconfined",
                         "not permitted: the container's system-call filter stops perf_event_open");
        return;
    }
    if (host->paranoid != INT_MIN) snprintf(level, sizeof level, " = %d", host->paranoid);
    mk_counter_lacks(lack, "as root: sysctl kernel.perf_event_paranoid=2, or setcap cap_perfmon+ep on this program",
                     "not permitted: kernel.perf_event_paranoid%s, or a filter, forbids counters", level);
}

void mk_counter_explain(int error, const struct mk_counter_host *host, struct mk_counter_lack *lack) {
    switch (error) {
    case ENOENT: case ENODEV: case ENXIO: case EOPNOTSUPP:
        explain_no_pmu(host, lack);
        break;
    case EACCES: case EPERM:
        explain_forbidden(error, host, lack);
        break;
    case ENOSYS:
        mk_counter_lacks(lack, "use a kernel with CONFIG_PERF_EVENTS, outside the sandbox",
                         "this kernel, or the sandbox around it, has no perf_event_open");
        break;
    default: /* EINVAL is what a group that can never fit gets */
        mk_counter_lacks(lack, "ask for fewer counters, and stop other profilers", "perf_event_open: %s",
                         strerror(error));
    }
}

/* ---- self-test ----------------------------------------------------------------------------- */

#define TEST_LINES (1u << 16) /* 4 MiB: more than any second-level cache in use holds */
#define TEST_STEPS 16384u     /* about a tenth of a millisecond */

struct line {
    volatile uint64_t word;
    char rest[MK_CACHE_LINE - sizeof(uint64_t)];
};

/* Touches that many lines of the buffer in an order no prefetcher follows. */
static void work(struct line *lines, uint32_t steps) {
    static uint32_t at;
    for (uint32_t i = 0; i < steps; i++) {
        at = at * 1664525u + 1013904223u; /* Numerical Recipes' generator: its high bits jump about */
        lines[at >> 16].word++;
    }
}

/* A selected event: which counter it is for, and how it is opened. */
struct candidate {
    enum mk_counter_id id;
    const char *opens;
};

static bool count_work(const struct mk_counter_backend *backend, struct mk_counter_set *set, struct line *lines,
                       uint32_t steps, uint64_t *values) {
    if (backend->start(set)) return false;
    work(lines, steps);
    return !backend->stop(set, values);
}

/* Counts a little work and three times as much. Returns 0 when everything was counted all the time
 * and what must grow grew: virtual PMUs are known that open and stay 0. */
static int self_test(const struct mk_counter_backend *backend, const struct candidate *of, uint32_t n,
                     struct line *lines, struct mk_counter_lack *lack) {
    const char *opens[MK_COUNTERS_MAX];
    uint64_t once[MK_COUNTERS_MAX], thrice[MK_COUNTERS_MAX];
    struct mk_counter_set set = {0};
    for (uint32_t i = 0; i < n; i++) opens[i] = of[i].opens;
    if (backend->open(&set, opens, n, lack)) return -1;
    work(lines, TEST_STEPS);
    bool counted = count_work(backend, &set, lines, TEST_STEPS, once) &&
                   count_work(backend, &set, lines, 3 * TEST_STEPS, thrice);
    backend->close(&set);
    if (!counted)
        return mk_counter_lacks(lack, "stop other profilers, or ask for fewer",
                                "it opens, but the PMU does not count it all the time");
    for (uint32_t i = 0; i < n; i++) {
        if (!mk_counter_names[of[i].id].certain || thrice[i] > once[i] + once[i] / 4) continue;
        return mk_counter_lacks(lack, "virtual PMUs do that: count on the host or on bare metal",
                                "it opens, but does not follow the work: %" PRIu64 " for once, %" PRIu64
                                " for thrice", once[i], thrice[i]);
    }
    return 0;
}

/* ---- finding events -------------------------------------------------------------------------- */

#define BACKENDS_MAX 4

/* What opening a plan works with. */
struct search {
    struct mk_counter_plan *plan;
    struct mk_env_cpu cpu;
    struct line *lines;
    bool ready[BACKENDS_MAX], asked[BACKENDS_MAX]; /* by place in the list of backends */
    struct mk_counter_lack unready[BACKENDS_MAX];
};

/* Adds "backend: why" to a counter's reason, once. */
static void add_reason(struct mk_counter *counter, const char *backend, const char *why) {
    size_t used = strlen(counter->reason);
    snprintf(counter->reason + used, sizeof counter->reason - used, "%s%s: %s", used ? "; " : "", backend, why);
}

/* Takes the first event of a backend that opens and counts. Returns 0, or -1 with the last lack. */
static int find_event(struct search *search, const struct mk_counter_backend *backend, struct mk_counter *counter,
                      struct mk_counter_lack *lack) {
    uint32_t at = 0;
    mk_counter_lacks(lack, "leave it out", "no event of this CPU stands for it");
    for (const char *opens; (opens = mk_counter_event(backend->name, &search->cpu, counter->id, &at));) {
        struct candidate candidate = {counter->id, opens};
        bool software = mk_counter_names[counter->id].software;
        if (backend->resolve(opens, counter->event, sizeof counter->event, lack)) continue;
        if (!software && self_test(backend, &candidate, 1, search->lines, lack)) continue;
        counter->backend = backend;
        counter->opens = opens;
        return 0;
    }
    counter->event[0] = '\0';
    return -1;
}

/* A backend whose instructions open and stay 0 would serve other counters with credible zeros. */
static bool counts_nothing(struct search *search, const struct mk_counter_backend *backend,
                           struct mk_counter_lack *lack) {
    uint32_t at = 0;
    char event[256];
    for (const char *opens; (opens = mk_counter_event(backend->name, &search->cpu, MK_COUNT_INSTRUCTIONS, &at));) {
        struct candidate candidate = {MK_COUNT_INSTRUCTIONS, opens};
        struct mk_counter_set set = {0};
        if (backend->resolve(opens, event, sizeof event, lack) || backend->open(&set, &opens, 1, lack)) continue;
        backend->close(&set);
        return self_test(backend, &candidate, 1, search->lines, lack) != 0;
    }
    return false;
}

static bool is_ready(struct search *search, const struct mk_counter_backend *backend, uint32_t place) {
    struct mk_counter_lack *lack = &search->unready[place];
    if (!search->asked[place]) {
        search->asked[place] = true;
        search->ready[place] = !backend->ready(lack) && !counts_nothing(search, backend, lack);
    }
    return search->ready[place];
}

static void find_hardware(struct search *search, const struct mk_counter_backend *const *backends, uint32_t n,
                          struct mk_counter *counter) {
    struct mk_counter_lack lack = {"", ""};
    for (uint32_t i = 0; i < n; i++) {
        if (!is_ready(search, backends[i], i)) lack = search->unready[i];
        else if (!find_event(search, backends[i], counter, &lack)) break;
        add_reason(counter, backends[i]->name, lack.why);
    }
    if (counter->backend) counter->reason[0] = '\0';
    else if (!search->plan->lack.why[0]) search->plan->lack = lack;
}

/* Puts hardware counters into groups that fit the PMU, in the order asked for, a backend at a time. */
static void form_groups(struct search *search, const struct mk_counter_backend *const *backends, uint32_t n) {
    struct mk_counter_plan *plan = search->plan;
    uint32_t groups = 0;
    for (uint32_t b = 0; b < n; b++) {
        struct candidate members[MK_COUNTERS_MAX];
        uint32_t members_n = 0;
        for (uint32_t i = 0; i < plan->count; i++) {
            struct mk_counter *counter = &plan->counter[i];
            struct mk_counter_lack lack;
            if (counter->backend != backends[b]) continue;
            members[members_n++] = (struct candidate){counter->id, counter->opens};
            if (members_n > 1 && self_test(counter->backend, members, members_n, search->lines, &lack)) {
                members[0] = members[members_n - 1];
                members_n = 1;
            }
            if (members_n == 1) groups++;
            counter->group = groups - 1;
        }
    }
    plan->groups = groups ? groups : 1;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int fail_unknown(const char *name, struct mk_err *err) {
    char known[160] = "";
    for (int id = 0; id < MK_COUNT_IDS; id++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", id ? ", " : "", mk_counter_names[id].name);
    }
    return mk_fail(err, "there is no counter \"%.60s\": known are %s", name, known);
}

static int name_counters(struct mk_counter_plan *plan, const char *const *names, uint32_t n, struct mk_err *err) {
    *plan = (struct mk_counter_plan){.groups = 1};
    if (n > MK_COUNTERS_MAX) return mk_fail(err, "%u counters are too many: at most %u", n, MK_COUNTERS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        struct mk_counter *counter = &plan->counter[plan->count];
        enum mk_counter_id id = 0;
        while (id < MK_COUNT_IDS && strcmp(names[i], mk_counter_names[id].name) != 0) id++;
        if (id == MK_COUNT_IDS) return fail_unknown(names[i], err);
        for (uint32_t k = 0; k < plan->count; k++)
            if (plan->counter[k].id == id) return mk_fail(err, "counter \"%s\" is asked for twice", names[i]);
        *counter = (struct mk_counter){
            .id = id, .name = mk_counter_names[id].name, .group = MK_COUNTER_EVERY_GROUP};
        plan->count++;
    }
    return 0;
}

int mk_counter_open_with(struct mk_counter_plan *plan, const char *const *names, uint32_t n,
                         const struct mk_counter_backend *const *backends, uint32_t backends_n,
                         struct mk_err *err) {
    struct search search = {.plan = plan};
    struct mk_counter_lack lack;
    if (name_counters(plan, names, n, err)) return -1;
    mk_env_cpu("", &search.cpu);
    search.lines = mk_need(TEST_LINES, sizeof *search.lines);
    for (uint32_t i = 0; i < plan->count; i++) {
        struct mk_counter *counter = &plan->counter[i];
        if (mk_counter_names[counter->id].software) find_event(&search, &mk_counter_sw, counter, &lack);
        else find_hardware(&search, backends, backends_n, counter);
    }
    form_groups(&search, backends, backends_n);
    free(search.lines);
    return 0;
}

enum { AUTO, PAPI, PERF, SW, NONE, CHOICES };
static const char *const choices[CHOICES] = {"auto", "papi", "perf", "sw", "none"};

static int choice_of(const char *text, struct mk_err *err) {
    for (int i = 0; i < CHOICES; i++)
        if (strcmp(text, choices[i]) == 0) return i;
    bool simulator = strcmp(text, "callgrind") == 0 || strcmp(text, "model") == 0;
    return mk_fail(err, "%s \"%.60s\": this build counts with auto, papi, perf, sw or none",
                   simulator ? "there is no simulating backend" : "there is no counter backend", text);
}

int mk_counter_check_choice(const char *choice, struct mk_err *err) { return choice_of(choice, err) < 0 ? -1 : 0; }

/* Gives every counter that has no backend, or all of them, the same reason. */
static void refuse(struct mk_counter_plan *plan, bool all, const char *why, const char *remedy) {
    for (uint32_t i = 0; i < plan->count; i++) {
        struct mk_counter *counter = &plan->counter[i];
        if (!all && counter->backend) continue;
        counter->backend = NULL;
        counter->event[0] = '\0';
        snprintf(counter->reason, sizeof counter->reason, "%s", why);
        mk_counter_lacks(&plan->lack, remedy, "%s", why);
    }
}

int mk_counter_open(struct mk_counter_plan *plan, const char *const *names, uint32_t n, const char *choice,
                    struct mk_err *err) {
    static const struct mk_counter_backend *const both[] = {&mk_counter_papi, &mk_counter_perf};
    const struct mk_counter_backend *const *backends = both;
    uint32_t backends_n = 2;
    int chosen = choice_of(choice, err);
    if (chosen < 0) return -1;
    bool no_papi = chosen == PERF || (chosen == AUTO && UNDER_TSAN); /* TSan reports races inside libpapi */
    if (no_papi) backends = both + 1;
    if (no_papi || chosen == PAPI) backends_n = 1;
    if (chosen == SW || chosen == NONE) backends_n = 0;
    if (mk_counter_open_with(plan, names, n, backends, backends_n, err)) return -1;
    if (chosen == SW)
        refuse(plan, false, "hardware counters were not asked for (--counters sw)", "use --counters auto");
    if (chosen == NONE) refuse(plan, true, "counting was switched off (--counters none)", "use --counters auto");
    return 0;
}

/* ---- counting -------------------------------------------------------------------------------- */

/* Collects how one backend's counters of a group are opened, in the plan's order. */
static uint32_t collect(const struct mk_counter_plan *plan, uint32_t group, const char **opens,
                        const struct mk_counter_backend **backend) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->count; i++) {
        if (!plan->counter[i].backend || plan->counter[i].group != group) continue;
        *backend = plan->counter[i].backend;
        opens[n++] = plan->counter[i].opens;
    }
    return n;
}

int mk_counter_thread_open(const struct mk_counter_plan *plan, uint32_t group, struct mk_counter_thread *thread,
                           struct mk_err *err) {
    const struct mk_counter_backend *software, *hardware;
    const char *opens[MK_COUNTERS_MAX];
    struct mk_counter_lack lack;
    *thread = (struct mk_counter_thread){.plan = plan, .group = group};
    uint32_t n = collect(plan, MK_COUNTER_EVERY_GROUP, opens, &software);
    mk_counter_sw.open(&thread->software, opens, n, &lack);
    n = collect(plan, group, opens, &hardware);
    if (!n) return 0;
    if (hardware->open(&thread->set, opens, n, &lack))
        return mk_fail(err, "a thread could not open its hardware counters: %.180s", lack.why);
    thread->hardware = hardware;
    return 0;
}

void mk_counter_thread_start(struct mk_counter_thread *thread) {
    mk_counter_sw.start(&thread->software);
    thread->running = thread->hardware && !thread->hardware->start(&thread->set);
}

void mk_counter_thread_stop(struct mk_counter_thread *thread, struct mk_counter_value *values) {
    const struct mk_counter_plan *plan = thread->plan;
    uint64_t hardware[MK_COUNTERS_MAX], software[MK_COUNTERS_MAX];
    bool counted = thread->running && !thread->hardware->stop(&thread->set, hardware);
    mk_counter_sw.stop(&thread->software, software);
    thread->running = false;
    uint32_t next_hardware = 0, next_software = 0;
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct mk_counter *counter = &plan->counter[i];
        values[i] = (struct mk_counter_value){0, MK_COUNTER_OTHER_GROUP};
        if (!counter->backend) values[i].state = MK_COUNTER_UNAVAILABLE;
        else if (counter->group == MK_COUNTER_EVERY_GROUP)
            values[i] = (struct mk_counter_value){software[next_software++], MK_COUNTER_COUNTED};
        else if (counter->group == thread->group && !counted)
            values[i].state = MK_COUNTER_LOST;
        else if (counter->group == thread->group)
            values[i] = (struct mk_counter_value){hardware[next_hardware++], MK_COUNTER_COUNTED};
    }
}

void mk_counter_thread_close(struct mk_counter_thread *thread) {
    if (thread->hardware) thread->hardware->close(&thread->set);
    mk_counter_sw.close(&thread->software);
    thread->hardware = NULL;
}
