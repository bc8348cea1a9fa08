/* test_counter.c - counters where there is no PMU: the planning with backends made up here, the perf
 * backend through the kernel's own events, PAPI through its error paths and through a stub of it. */
#include "test.h"

#include "../harness/counter.h"
#include "../harness/counter_events.h"
#include "../harness/record.h"
#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN true
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN false
#endif

static const char *const hardware_names[] = {"l1d_miss", "l2_miss",      "llc_miss",
                                             "dtlb_miss", "instructions", "cycles"};
static const char *const mixed_names[] = {"l1d_miss",  "page_faults",  "l2_miss", "llc_miss",
                                          "dtlb_miss", "instructions", "cycles",  "ctx_switches"};

/* Touches that many fresh pages, one fault each. */
static void fault(size_t pages) {
    size_t bytes = pages * (size_t)sysconf(_SC_PAGESIZE);
    char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) abort();
    madvise(at, bytes, MADV_NOHUGEPAGE);
    for (size_t page = 0; page < pages; page++) ((volatile char *)at)[page * bytes / pages] = 1;
    munmap(at, bytes);
}

/* ---- names and choices ----------------------------------------------------------------------- */

TEST(names_and_choices_are_checked) {
    struct mk_counter_plan plan;
    struct mk_err err = {""};
    const char *many[MK_COUNTERS_MAX + 1];
    for (size_t i = 0; i <= MK_COUNTERS_MAX; i++) many[i] = "cycles";
    CHECK_EQ(mk_counter_open(&plan, (const char *[]){"cache_misses"}, 1, "sw", &err), -1);
    CHECK_STR(err.text, "there is no counter \"cache_misses\": known are l1d_miss, l2_miss, llc_miss, dtlb_miss, "
                        "instructions, cycles, page_faults, ctx_switches");
    CHECK_EQ(mk_counter_open(&plan, (const char *[]){"cycles", "cycles"}, 2, "sw", &err), -1);
    CHECK_STR(err.text, "counter \"cycles\" is asked for twice");
    CHECK_EQ(mk_counter_open(&plan, many, MK_COUNTERS_MAX + 1, "sw", &err), -1);
    CHECK_STR(err.text, "17 counters are too many: at most 16");
    CHECK_EQ(mk_counter_check_choice("auto", &err), 0);
    CHECK_EQ(mk_counter_check_choice("PAPI", &err), -1);
    CHECK_STR(err.text,
              "there is no counter backend \"PAPI\": this build counts with auto, papi, perf, sw or none");
    CHECK_EQ(mk_counter_check_choice("callgrind", &err), -1);
    CHECK_STR(err.text,
              "there is no simulating backend \"callgrind\": this build counts with auto, papi, perf, sw or none");
    CHECK_EQ(mk_counter_open(&plan, hardware_names, 6, "model", &err), -1);
}

TEST(what_was_not_asked_for_says_so) {
    struct mk_counter_plan plan;
    CHECK_EQ(mk_counter_open(&plan, mixed_names, 8, "sw", NULL), 0);
    CHECK_EQ(plan.groups, 1);
    for (uint32_t i = 0; i < plan.count; i++) {
        bool software = mk_counter_names[plan.counter[i].id].software;
        CHECK_STR(plan.counter[i].name, mixed_names[i]);
        CHECK((plan.counter[i].backend == &mk_counter_sw) == software);
        if (!software) CHECK_STR(plan.counter[i].reason, "hardware counters were not asked for (--counters sw)");
    }
    CHECK_EQ(mk_counter_open(&plan, mixed_names, 8, "none", NULL), 0);
    for (uint32_t i = 0; i < plan.count; i++) {
        CHECK(!plan.counter[i].backend);
        CHECK_STR(plan.counter[i].reason, "counting was switched off (--counters none)");
    }
    CHECK_EQ(mk_counter_open(&plan, NULL, 0, "none", NULL), 0);
    CHECK_EQ(plan.count, 0);
    CHECK_STR(plan.lack.why, "");
}

/* ---- explanations ------------------------------------------------------------------------------ */

static const char *explained(int error, bool virtual_machine, bool container, int paranoid) {
    static char text[1024];
    struct mk_counter_lack lack;
    struct mk_counter_host host = {virtual_machine, container, paranoid};
    mk_counter_explain(error, &host, &lack);
    snprintf(text, sizeof text, "%s | %s", lack.why, lack.remedy);
    return text;
}

TEST(errors_of_the_kernel_are_put_into_words) {
    static const char no_pmu[] =
        "no PMU: the hypervisor shows this virtual machine no hardware counters | run on the host or a bare-metal "
        "instance, or have the PMU passed on (QEMU/KVM: -cpu host,pmu=on)";
    CHECK_STR(explained(ENOENT, true, true, 2), no_pmu);
    CHECK_STR(explained(EOPNOTSUPP, true, false, 2), no_pmu);
    CHECK(strstr(explained(ENOENT, false, false, 2), "boot a newer kernel") != NULL);
    CHECK_STR(explained(EACCES, false, true, 4),
              "not permitted: kernel.perf_event_paranoid = 4, or a filter, forbids counters | as root: sysctl "
              "kernel.perf_event_paranoid=2, or setcap cap_perfmon+ep on this program");
    CHECK(strstr(explained(EACCES, false, false, INT_MIN), "paranoid, or a filter") != NULL);
    CHECK_STR(explained(EPERM, true, true, 2), "not permitted: the container's system-call filter stops "
                                               "perf_event_open | docker run --cap-add PERFMON --security-opt "
                                               "seccomp=unconfined");
    CHECK(strstr(explained(EPERM, false, false, 3), "= 3") != NULL);
    CHECK(strstr(explained(ENOSYS, false, false, 2), "CONFIG_PERF_EVENTS") != NULL);
    CHECK(strstr(explained(EMFILE, false, false, 2), "Too many open files") != NULL);
}

/* ---- the table ---------------------------------------------------------------------------------- */

static const char *first_event(const char *backend, const char *vendor, uint32_t family, uint32_t model,
                               enum mk_counter_id id) {
    struct mk_env_cpu cpu = {.family = family, .model = model};
    uint32_t at = 0;
    strcpy(cpu.vendor, vendor);
    const char *event = mk_counter_event(backend, &cpu, id, &at);
    return event ? event : "nothing";
}

TEST(the_table_knows_generations) {
    CHECK_STR(first_event("papi", "amd", 0x19, 0x61, MK_COUNT_L1D_MISS),
              "REQUESTS_TO_L2_GROUP1:RD_BLK_L:RD_BLK_X:LS_RD_BLK_C_S:CHANGE_TO_X");
    CHECK_STR(first_event("papi", "amd", 0x1a, 2, MK_COUNT_L1D_MISS),
              "REQUESTS_TO_L2_GROUP1:RD_BLK_L:RD_BLK_X:LS_RD_BLK_C_S");
    CHECK_STR(first_event("papi", "amd", 0x17, 0x31, MK_COUNT_LLC_MISS),
              "DATA_CACHE_REFILLS_FROM_SYSTEM:LS_MABRESP_LCL_DRAM:LS_MABRESP_RMT_DRAM");
    CHECK_STR(first_event("papi", "amd", 0x17, 0x01, MK_COUNT_LLC_MISS), "PAPI_L3_TCM"); /* Zen 1 has none */
    CHECK_STR(first_event("papi", "intel", 6, 85, MK_COUNT_LLC_MISS), "MEM_LOAD_RETIRED:L3_MISS");
    CHECK_STR(first_event("papi", "arm", 0, 0xd0c, MK_COUNT_L2_MISS), "L2D_CACHE_REFILL");
    CHECK_STR(first_event("papi", "", 0, 0, MK_COUNT_CYCLES), "PAPI_TOT_CYC");
    CHECK_STR(first_event("perf", "amd", 0x1a, 2, MK_COUNT_LLC_MISS), "RAW:0x4843");
    CHECK_STR(first_event("perf", "intel", 6, 143, MK_COUNT_LLC_MISS), "HW_CACHE_LL:READ:MISS");
    CHECK_STR(first_event("perf", "intel", 6, 143, MK_COUNT_L2_MISS), "nothing");
    CHECK_STR(first_event("sw", "", 0, 0, MK_COUNT_PAGE_FAULTS), "ru_minflt+ru_majflt");
    CHECK_STR(first_event("sw", "", 0, 0, MK_COUNT_CYCLES), "nothing");
}

TEST(the_perf_backend_knows_every_perf_event_of_the_table) {
    static const struct mk_env_cpu cpus[] = {
        {.vendor = "intel", .family = 6, .model = 143}, {.vendor = "amd", .family = 0x17, .model = 0x31},
        {.vendor = "amd", .family = 0x1a, .model = 2},  {.vendor = "arm", .model = 0xd0c}};
    for (size_t c = 0; c < sizeof cpus / sizeof *cpus; c++) {
        for (enum mk_counter_id id = 0; id < MK_COUNT_IDS; id++) {
            uint32_t at = 0;
            for (const char *opens; (opens = mk_counter_event("perf", &cpus[c], id, &at));) {
                struct mk_counter_lack lack = {"", ""};
                char event[256];
                CHECK_EQ(mk_counter_perf.resolve(opens, event, sizeof event, &lack), 0);
                CHECK_STR(lack.why, "");
            }
        }
    }
}

/* ---- planning, with backends made up ------------------------------------------------------------- */

/* A PMU by the book: counts weight(event) * k at the k-th stop of a set. */
struct fake {
    const char *name;
    uint32_t capacity;
    bool unready, zero, flat; /* flat: the same count whatever the work */
    enum mk_counter_id refuses, flat_for; /* MK_COUNT_IDS = none */
    bool stop_fails, open_fails;
};
static struct fake fakes[2];

static uint64_t weight(const char *opens) { return 1000 * strlen(opens) + (unsigned char)opens[strlen(opens) - 1]; }

static bool is_for(const char *backend, enum mk_counter_id id, const char *opens) {
    struct mk_env_cpu cpu;
    uint32_t at = 0;
    mk_env_cpu("", &cpu);
    for (const char *event; id < MK_COUNT_IDS && (event = mk_counter_event(backend, &cpu, id, &at));)
        if (strcmp(event, opens) == 0) return true;
    return false;
}

static int fake_ready(const struct fake *fake, struct mk_counter_lack *lack) {
    if (fake->unready) strcpy(lack->why, "out of order"), strcpy(lack->remedy, "mend it");
    return fake->unready ? -1 : 0;
}

static int fake_resolve(const char *opens, char *event, size_t room, struct mk_counter_lack *lack) {
    (void)lack;
    snprintf(event, room, "real %s", opens);
    return 0;
}

static int fake_open(const struct fake *fake, struct mk_counter_set *set, const char *const *opens, uint32_t n,
                     struct mk_counter_lack *lack) {
    strcpy(lack->remedy, "none");
    strcpy(lack->why, "more than fit");
    if (n > fake->capacity) return -1;
    strcpy(lack->why, "refused");
    if (fake->open_fails) return -1;
    for (uint32_t i = 0; i < n; i++) {
        if (is_for(fake->name, fake->refuses, opens[i])) return -1;
        bool flat = fake->flat || is_for(fake->name, fake->flat_for, opens[i]);
        set->base[i] = fake->zero ? 0 : weight(opens[i]);
        set->handle[i] = flat;
    }
    set->n = n;
    set->base[MK_COUNTERS_MAX] = 0;
    return 0;
}

static int fake_start(struct mk_counter_set *set) {
    set->base[MK_COUNTERS_MAX]++;
    return 0;
}

static int fake_stop(const struct fake *fake, struct mk_counter_set *set, uint64_t *values) {
    for (uint32_t i = 0; i < set->n; i++)
        values[i] = set->base[i] * (set->handle[i] ? 1 : set->base[MK_COUNTERS_MAX]);
    return fake->stop_fails ? -1 : 0;
}

static void fake_close(struct mk_counter_set *set) { set->n = 0; }

#define FAKE(N)                                                                                            \
    static int ready_##N(struct mk_counter_lack *lack) { return fake_ready(&fakes[N], lack); }            \
    static int open_##N(struct mk_counter_set *set, const char *const *opens, uint32_t n,                 \
                        struct mk_counter_lack *lack) {                                                   \
        return fake_open(&fakes[N], set, opens, n, lack);                                                 \
    }                                                                                                      \
    static int stop_##N(struct mk_counter_set *set, uint64_t *values) {                                   \
        return fake_stop(&fakes[N], set, values);                                                         \
    }
FAKE(0)
FAKE(1)
static const struct mk_counter_backend fake_papi = {"papi", ready_0, fake_resolve, open_0,
                                                    fake_start, stop_0, fake_close};
static const struct mk_counter_backend fake_perf = {"perf", ready_1, fake_resolve, open_1,
                                                    fake_start, stop_1, fake_close};
static const struct mk_counter_backend *const fake_both[] = {&fake_papi, &fake_perf};

static void mend(void) {
    fakes[0] = (struct fake){.name = "papi", .capacity = 4, .refuses = MK_COUNT_IDS, .flat_for = MK_COUNT_IDS};
    fakes[1] = (struct fake){.name = "perf", .capacity = 4, .refuses = MK_COUNT_IDS, .flat_for = MK_COUNT_IDS};
}

/* Each counter as "papi0" (backend and group), "sw*" (every group) or "-". */
static const char *planned(const char *const *names, uint32_t n, uint32_t backends, struct mk_counter_plan *plan) {
    static char text[512];
    size_t used = 0;
    if (mk_counter_open_with(plan, names, n, fake_both, backends, NULL)) return "failed";
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct mk_counter *counter = &plan->counter[i];
        const char *space = i ? " " : "";
        if (!counter->backend) used += (size_t)sprintf(text + used, "%s-", space);
        else if (counter->group == MK_COUNTER_EVERY_GROUP) used += (size_t)sprintf(text + used, "%ssw*", space);
        else used += (size_t)sprintf(text + used, "%s%s%u", space, counter->backend->name, counter->group);
        CHECK_EQ(counter->backend == NULL, counter->reason[0] != '\0');
        CHECK_EQ(counter->backend == NULL, counter->event[0] == '\0');
    }
    return text;
}

TEST(what_does_not_fit_together_takes_turns) {
    struct mk_counter_plan plan;
    mend();
    CHECK_STR(planned(mixed_names, 8, 1, &plan), "papi0 sw* papi0 papi0 papi0 papi1 papi1 sw*");
    CHECK_EQ(plan.groups, 2);
    CHECK_STR(plan.lack.why, "");
    CHECK(strncmp(plan.counter[0].event, "real ", 5) == 0);
    fakes[0].capacity = 1;
    CHECK_STR(planned(hardware_names, 6, 1, &plan), "papi0 papi1 papi2 papi3 papi4 papi5");
    CHECK_EQ(plan.groups, 6);
    fakes[0].capacity = 6;
    CHECK_STR(planned(hardware_names, 6, 1, &plan), "papi0 papi0 papi0 papi0 papi0 papi0");
    CHECK_EQ(plan.groups, 1);
}

TEST(each_group_counts_its_own_and_nothing_else) {
    struct mk_counter_plan plan;
    mend();
    CHECK_EQ(mk_counter_open_with(&plan, mixed_names, 8, fake_both, 1, NULL), 0);
    for (uint32_t group = 0; group < plan.groups; group++) {
        struct mk_counter_thread thread;
        struct mk_counter_value values[8];
        CHECK_EQ(mk_counter_thread_open(&plan, group, &thread, NULL), 0);
        for (uint64_t round = 1; round <= 2; round++) {
            mk_counter_thread_start(&thread);
            fault(3);
            mk_counter_thread_stop(&thread, values);
            for (uint32_t i = 0; i < plan.count; i++) {
                const struct mk_counter *counter = &plan.counter[i];
                if (counter->group != group && counter->backend == &fake_papi) {
                    CHECK_EQ(values[i].state, MK_COUNTER_OTHER_GROUP);
                    CHECK_EQ(values[i].value, 0);
                    continue;
                }
                CHECK_EQ(values[i].state, MK_COUNTER_COUNTED);
                if (counter->backend == &fake_papi) CHECK_EQ(values[i].value, round * weight(counter->opens));
                if (counter->id == MK_COUNT_PAGE_FAULTS) CHECK(values[i].value >= 3);
            }
        }
        mk_counter_thread_close(&thread);
    }
}

TEST(the_second_backend_fills_in_for_the_first) {
    struct mk_counter_plan plan;
    mend();
    fakes[0].refuses = MK_COUNT_LLC_MISS;
    CHECK_STR(planned(hardware_names, 6, 2, &plan), "papi0 papi0 perf2 papi0 papi0 papi1");
    CHECK_EQ(plan.groups, 3);
    fakes[0].unready = true;
    CHECK_STR(planned(hardware_names, 3, 1, &plan), "- - -");
    CHECK_STR(plan.counter[2].reason, "papi: out of order");
    CHECK_STR(plan.lack.why, "out of order");
    CHECK_STR(plan.lack.remedy, "mend it");
}

TEST(one_missing_event_leaves_the_others) {
    struct mk_counter_plan plan;
    mend();
    fakes[0].refuses = MK_COUNT_DTLB_MISS;
    CHECK_STR(planned(hardware_names, 6, 1, &plan), "papi0 papi0 papi0 - papi0 papi1");
    CHECK_STR(plan.counter[3].reason, "papi: refused");
    fakes[1].refuses = MK_COUNT_DTLB_MISS;
    CHECK_STR(planned(hardware_names, 6, 2, &plan), "papi0 papi0 papi0 - papi0 papi1");
    CHECK_STR(plan.counter[3].reason, "papi: refused; perf: refused");
}

TEST(a_pmu_that_does_not_count_is_found_out) {
    struct mk_counter_plan plan;
    mend();
    fakes[0].zero = true; /* even llc_miss, which may rightly be 0, is not believed then */
    CHECK_STR(planned(hardware_names, 6, 2, &plan), "perf0 perf0 perf0 perf0 perf1 perf1");
    CHECK_STR(planned(hardware_names, 6, 1, &plan), "- - - - - -");
    CHECK_STR(plan.counter[2].reason, "papi: it opens, but does not follow the work: 0 for once, 0 for thrice");
    mend();
    fakes[0].flat = true;
    CHECK_STR(planned(hardware_names, 6, 2, &plan), "perf0 perf0 perf0 perf0 perf1 perf1");
    mend();
    fakes[0].flat_for = MK_COUNT_L2_MISS;
    CHECK_STR(planned(hardware_names, 6, 1, &plan), "papi0 - papi0 papi0 papi0 papi1");
    mend();
    fakes[0].stop_fails = true;
    CHECK_STR(planned(hardware_names, 6, 1, &plan), "- - - - - -");
    CHECK_STR(plan.counter[0].reason, "papi: it opens, but the PMU does not count it all the time");
}

TEST(what_is_lost_in_a_round_is_no_number) {
    struct mk_counter_plan plan;
    struct mk_counter_thread thread;
    struct mk_counter_value values[8];
    struct mk_err err = {""};
    mend();
    CHECK_EQ(mk_counter_open_with(&plan, mixed_names, 8, fake_both, 1, NULL), 0);
    CHECK_EQ(mk_counter_thread_open(&plan, 0, &thread, &err), 0);
    fakes[0].stop_fails = true;
    mk_counter_thread_start(&thread);
    mk_counter_thread_stop(&thread, values);
    CHECK_EQ(values[0].state, MK_COUNTER_LOST);
    CHECK_EQ(values[0].value, 0);
    CHECK_EQ(values[1].state, MK_COUNTER_COUNTED);
    CHECK_EQ(values[6].state, MK_COUNTER_OTHER_GROUP);
    mk_counter_thread_close(&thread);
    fakes[0].open_fails = true;
    CHECK_EQ(mk_counter_thread_open(&plan, 1, &thread, &err), -1);
    CHECK_STR(err.text, "a thread could not open its hardware counters: refused");
    mk_counter_thread_start(&thread);
    fault(5);
    mk_counter_thread_stop(&thread, values);
    CHECK_EQ(values[0].state, MK_COUNTER_OTHER_GROUP);
    CHECK_EQ(values[6].state, MK_COUNTER_LOST);
    CHECK_EQ(values[1].state, MK_COUNTER_COUNTED);
    CHECK(values[1].value >= 5);
    mk_counter_thread_close(&thread);
}

/* ---- software ---------------------------------------------------------------------------------- */

static void *count_software(void *arg) {
    const struct mk_counter_plan *plan = arg;
    struct mk_counter_thread thread;
    struct mk_counter_value values[2];
    mk_counter_thread_open(plan, 0, &thread, NULL);
    fault(1000); /* before the start: not to be counted */
    mk_counter_thread_start(&thread);
    fault(20);
    for (int i = 0; i < 3; i++) usleep(100);
    mk_counter_thread_stop(&thread, values);
    bool good = values[0].state == MK_COUNTER_COUNTED && values[0].value >= 20 && values[0].value < 500 &&
                values[1].state == MK_COUNTER_COUNTED && values[1].value >= 3;
    mk_counter_thread_start(&thread);
    mk_counter_thread_stop(&thread, values);
    good = good && values[0].value < 20;
    mk_counter_thread_close(&thread);
    return good ? arg : NULL;
}

TEST(threads_count_their_own_faults_and_switches) {
    static struct mk_counter_plan plan;
    pthread_t threads[3];
    CHECK_EQ(mk_counter_open(&plan, (const char *[]){"page_faults", "ctx_switches"}, 2, "sw", NULL), 0);
    CHECK_STR(plan.counter[0].event, "getrusage ru_minflt+ru_majflt");
    CHECK_EQ(plan.groups, 1);
    for (int i = 0; i < 3; i++) CHECK_EQ(pthread_create(&threads[i], NULL, count_software, &plan), 0);
    for (int i = 0; i < 3; i++) {
        void *good;
        pthread_join(threads[i], &good);
        CHECK(good != NULL);
    }
}

/* ---- perf, by the kernel's own events ---------------------------------------------------------- */

static int open_files(void) {
    int n = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder)) n++;
    if (folder) closedir(folder);
    return n;
}

/* Returns whether perf's software events may be opened here; the reason is in *lack if not. */
static bool perf_works(struct mk_counter_lack *lack) {
    struct mk_counter_set set = {0};
    if (mk_counter_perf.open(&set, (const char *const[]){"SW_PAGE_FAULTS"}, 1, lack)) return false;
    mk_counter_perf.close(&set);
    return true;
}

static void *count_perf(void *arg) {
    static const char *const opens[] = {"SW_PAGE_FAULTS", "SW_TASK_CLOCK"};
    struct mk_counter_set set = {0};
    struct mk_counter_lack lack;
    uint64_t values[2] = {0, 0};
    bool good = !mk_counter_perf.open(&set, opens, 2, &lack);
    uint64_t most = 2000;
    for (size_t pages = 200; pages; pages /= 10) { /* 200, 20, 2 */
        fault(2000); /* outside start and stop: not to be counted */
        good = good && !mk_counter_perf.start(&set);
        fault(pages);
        good = good && !mk_counter_perf.stop(&set, values);
        good = good && values[0] >= pages && values[0] < most && values[1] > 100 && values[1] < 5000000000;
        most = values[0]; /* readings do not add up */
    }
    mk_counter_perf.close(&set);
    return good ? arg : NULL;
}

TEST(perf_groups_open_count_and_close_in_every_thread) {
    struct mk_counter_lack lack;
    pthread_t threads[2];
    if (!perf_works(&lack)) SKIP("%s", lack.why);
    int files = open_files();
    CHECK(count_perf(&lack) != NULL);
    for (int i = 0; i < 2; i++) CHECK_EQ(pthread_create(&threads[i], NULL, count_perf, &lack), 0);
    for (int i = 0; i < 2; i++) {
        void *good;
        pthread_join(threads[i], &good);
        CHECK(good != NULL);
    }
    CHECK_EQ(open_files(), files);
}

TEST(perf_opens_all_of_a_group_or_nothing) {
    static const char *const opens[] = {"SW_PAGE_FAULTS", "SW_TASK_CLOCK", "NO_SUCH_EVENT"};
    struct mk_counter_set set = {0};
    struct mk_counter_lack lack;
    char event[64];
    if (!perf_works(&lack)) SKIP("%s", lack.why);
    int files = open_files();
    lack.why[0] = '\0';
    CHECK_EQ(mk_counter_perf.open(&set, opens, 3, &lack), -1);
    CHECK(lack.why[0] != '\0');
    CHECK_EQ(open_files(), files);
    CHECK_EQ(mk_counter_perf.resolve("NO_SUCH_EVENT", event, sizeof event, &lack), -1);
    CHECK_EQ(mk_counter_perf.resolve("HW_INSTRUCTIONS", event, sizeof event, &lack), 0);
    CHECK_STR(event, "HW_INSTRUCTIONS:u");
}

/* The real backend under another event: SW_DUMMY opens everywhere and stays 0. */
static int open_dummy(struct mk_counter_set *set, const char *const *opens, uint32_t n,
                      struct mk_counter_lack *lack) {
    static const char *const dummies[] = {"SW_DUMMY", "SW_DUMMY", "SW_DUMMY", "SW_DUMMY"};
    (void)opens;
    return mk_counter_perf.open(set, dummies, n, lack);
}

TEST(an_event_that_stays_zero_is_unavailable) {
    struct mk_counter_backend dummy = mk_counter_perf;
    const struct mk_counter_backend *const backends[] = {&dummy};
    struct mk_counter_lack lack;
    struct mk_counter_plan plan;
    if (!perf_works(&lack)) SKIP("%s", lack.why);
    dummy.open = open_dummy;
    CHECK_EQ(mk_counter_open_with(&plan, hardware_names, 6, backends, 1, NULL), 0);
    for (uint32_t i = 0; i < plan.count; i++)
        CHECK_STR(plan.counter[i].reason, "perf: it opens, but does not follow the work: 0 for once, 0 for thrice");
}

/* ---- PAPI: what it says where there is no PMU --------------------------------------------------- */

static void open_papi(FILE *out, void *arg) {
    struct mk_counter_plan plan;
    if (arg) setenv("LIBPFM_FORCE_PMU", arg, 1);
    mk_counter_open(&plan, (const char *[]){"instructions", "page_faults", "cycles"}, 3, "papi", NULL);
    fprintf(out, "%s | %s | %s | %s", plan.counter[0].reason, plan.counter[1].backend ? "sw" : "none",
            plan.counter[2].reason, plan.lack.remedy);
}

static bool papi_built_in(void) { return mk_counter_papi.open != NULL; }

TEST(papi_without_a_pmu_says_why) {
    struct mk_env_cpu cpu;
    struct mk_counter_host host;
    struct mk_counter_lack lack;
    char wanted[1024];
    if (!papi_built_in()) SKIP("built without PAPI");
    if (UNDER_TSAN) SKIP("libpapi itself is not clean under TSan");
    int error = mk_counter_perf_probe();
    if (!error) SKIP("this machine has a PMU");
    mk_env_cpu("", &cpu);
    mk_counter_host(&host);
    mk_counter_explain(error, &host, &lack);
    /* A CPU that libpfm knows: PAPI answers "no such event", the kernel tells what that means. */
    snprintf(wanted, sizeof wanted, "papi: %s | sw | papi: %s | %s", lack.why, lack.why, lack.remedy);
    char *said = in_child(open_papi, strcmp(cpu.vendor, "amd") == 0 ? "amd64_fam19h_zen3" : "skl");
    CHECK_STR(said, wanted);
    free(said);
    /* One that it does not know: the component is off, software events included. */
    said = in_child(open_papi, "adl_glc");
    CHECK(strstr(said, "papi: PAPI's perf_event component is off (Error libpfm4 no PMUs found) | sw | ") == said);
    free(said);
}

/* A generation of CPUs under libpfm's name for it, with the counters the table has nothing for. */
struct generation {
    const char *pmu, *vendor;
    uint32_t family, model;
    enum mk_counter_id without;
};

static void resolve_generation(FILE *out, void *arg) {
    const struct generation *generation = arg;
    struct mk_env_cpu cpu = {.family = generation->family, .model = generation->model};
    struct mk_counter_lack lack = {"", ""};
    setenv("LIBPFM_FORCE_PMU", generation->pmu, 1);
    strcpy(cpu.vendor, generation->vendor);
    if (mk_counter_papi.ready(&lack)) fprintf(out, "%s: %s; ", generation->pmu, lack.why);
    for (enum mk_counter_id id = 0; id < MK_COUNT_IDS; id++) {
        char event[256] = "";
        uint32_t at = 0;
        if (mk_counter_names[id].software || id == generation->without) continue;
        for (const char *opens; !*event && (opens = mk_counter_event("papi", &cpu, id, &at));)
            if (mk_counter_papi.resolve(opens, event, sizeof event, &lack)) event[0] = '\0';
        if (!*event) fprintf(out, "%s has no %s; ", generation->pmu, mk_counter_names[id].name);
        if (strncmp(event, "PAPI_", 5) == 0) fprintf(out, "%s: %s only as %s; ", generation->pmu,
                                                     mk_counter_names[id].name, event);
    }
}

TEST(the_table_spells_events_as_libpfm_does) {
    static const struct generation generations[] = {
        {"hsw", "intel", 6, 60, MK_COUNT_IDS},           {"bdw", "intel", 6, 61, MK_COUNT_IDS},
        {"skl", "intel", 6, 94, MK_COUNT_IDS},           {"skx", "intel", 6, 85, MK_COUNT_IDS},
        {"icl", "intel", 6, 126, MK_COUNT_IDS},          {"icx", "intel", 6, 106, MK_COUNT_IDS},
        {"spr", "intel", 6, 143, MK_COUNT_IDS},          {"amd64_fam17h_zen1", "amd", 0x17, 1, MK_COUNT_LLC_MISS},
        {"amd64_fam17h_zen2", "amd", 0x17, 0x31, MK_COUNT_IDS},
        {"amd64_fam19h_zen3", "amd", 0x19, 1, MK_COUNT_IDS},
        {"amd64_fam19h_zen4", "amd", 0x19, 0x11, MK_COUNT_IDS},
    };
    if (!papi_built_in()) SKIP("built without PAPI");
    if (UNDER_TSAN) SKIP("libpapi itself is not clean under TSan");
#if !defined(__x86_64__)
    SKIP("libpfm knows x86 events on x86 alone");
#endif
    for (size_t i = 0; i < sizeof generations / sizeof *generations; i++) {
        char *said = in_child(resolve_generation, (void *)&generations[i]);
        CHECK_STR(said, "");
        free(said);
    }
}

static void open_auto(FILE *out, void *arg) {
    struct mk_counter_plan plan;
    (void)arg;
    mk_counter_open(&plan, mixed_names, 8, "auto", NULL);
    for (uint32_t i = 0; i < plan.count; i++) {
        const struct mk_counter *counter = &plan.counter[i];
        bool papi = strstr(counter->reason, "papi: ") != NULL, perf = strstr(counter->reason, "perf: ") != NULL;
        if (counter->backend) fprintf(out, "%s ", counter->event[0] ? "counted" : "unnamed");
        else fprintf(out, "%s ", perf && (papi || UNDER_TSAN) && plan.lack.remedy[0] ? "explained" : "bare");
    }
}

TEST(auto_counts_or_explains) {
    char *said = in_child(open_auto, NULL);
    CHECK(!strstr(said, "bare") && !strstr(said, "unnamed"));
    CHECK(strstr(said, "counted") != NULL);
    free(said);
}

/* ---- PAPI: the stub in its place ------------------------------------------------------------------ */

/* What the child does with the stub: opens a plan, counts two rounds of each group in a thread of its
 * own, and prints all of it. */
static void *stub_rounds(void *arg) {
    const struct mk_counter_plan *plan = arg;
    for (uint32_t group = 0; group < plan->groups; group++) {
        struct mk_counter_thread thread;
        struct mk_counter_value values[MK_COUNTERS_MAX];
        mk_counter_thread_open(plan, group, &thread, NULL);
        for (int round = 0; round < 2; round++) {
            mk_counter_thread_start(&thread);
            mk_counter_thread_stop(&thread, values);
            printf("group %u:", group);
            for (uint32_t i = 0; i < plan->count; i++) {
                if (values[i].state == MK_COUNTER_COUNTED) printf(" %" PRIu64, values[i].value);
                else printf(" %s", values[i].state == MK_COUNTER_OTHER_GROUP ? "." :
                                   values[i].state == MK_COUNTER_LOST        ? "lost" : "-");
            }
            putchar('\n');
        }
        mk_counter_thread_close(&thread);
    }
    return NULL;
}

static int stub_number(const char *function) {
    int (*call)(void);
    *(void **)&call = dlsym(RTLD_DEFAULT, function);
    return call ? call() : -1;
}

/* Runs instead of the tests when the test program is started anew for it. */
__attribute__((constructor)) static void be_stub_child(void) {
    const char *list = getenv("MK_TEST_STUB_COUNTERS");
    struct mk_counter_plan plan;
    struct mk_err err;
    char text[512], *names[MK_COUNTERS_MAX], *save = NULL;
    uint32_t n = 0;
    pthread_t thread;
    if (!list) return;
    strcpy(text, list);
    for (char *name = strtok_r(text, " ", &save); name; name = strtok_r(NULL, " ", &save)) names[n++] = name;
    if (mk_counter_open(&plan, (const char *const *)names, n, getenv("MK_TEST_STUB_CHOICE"), &err)) {
        puts(err.text);
    } else {
        for (uint32_t i = 0; i < plan.count; i++) {
            const struct mk_counter *counter = &plan.counter[i];
            printf("%s %s %s\n", counter->name, counter->backend ? counter->backend->name : "-",
                   counter->backend ? counter->event : counter->reason);
        }
        if (pthread_create(&thread, NULL, stub_rounds, &plan) || pthread_join(thread, NULL)) puts("no thread");
    }
    printf("complaints %d, open sets %d\n", stub_number("stub_papi_complaints"),
           stub_number("stub_papi_open_sets"));
    fflush(stdout);
    _exit(0);
}

static int find_libpapi(struct dl_phdr_info *info, size_t size, void *name) {
    const char *slash = strrchr(info->dlpi_name, '/');
    (void)size;
    if (!slash || strncmp(slash + 1, "libpapi.so", 10) != 0) return 0;
    snprintf(name, 64, "%s", slash + 1);
    return 1;
}

/* Starts this program anew with the stub in libpapi's place. Script: "VARIABLE=value" each, NULL ends. */
struct stub_run {
    const char *counters, *choice;
    const char *const *script;
    char folder[256];
};

static void start_stub(FILE *out, void *arg) {
    const struct stub_run *run = arg;
    for (size_t i = 0; run->script[i]; i++) putenv((char *)run->script[i]);
    setenv("LD_LIBRARY_PATH", run->folder, 1);
    setenv("MK_TEST_STUB_COUNTERS", run->counters, 1);
    setenv("MK_TEST_STUB_CHOICE", run->choice, 1);
    dup2(fileno(out), STDOUT_FILENO);
    execl("/proc/self/exe", "stub child", (char *)NULL);
    _exit(127);
}

/* Finds the stub: MK_STUB_PAPI, or stub_papi.so beside this program. */
static bool find_stub(char *path, size_t room) {
    const char *given = getenv("MK_STUB_PAPI");
    ssize_t length = given ? snprintf(path, room, "%s", given) : readlink("/proc/self/exe", path, room - 1);
    if (length <= 0 || (size_t)length >= room) return false;
    path[length] = '\0';
    if (!given) snprintf(strrchr(path, '/'), 16, "/stub_papi.so");
    return access(path, R_OK) == 0;
}

static char *with_stub(const char *counters, const char *choice, const char *const *script) {
    struct stub_run run = {.counters = counters, .choice = choice, .script = script};
    char name[64] = "", stub[PATH_MAX], in_its_place[sizeof run.folder + sizeof name];
    dl_iterate_phdr(find_libpapi, name);
    if (!find_stub(stub, sizeof stub)) {
        mk_test_fail(__FILE__, __LINE__, "no stub_papi.so beside the test program (make tests builds it)");
        return strdup("");
    }
    child_folder(run.folder, sizeof run.folder);
    snprintf(in_its_place, sizeof in_its_place, "%s/%s", run.folder, name);
    if (symlink(stub, in_its_place)) mk_test_fail(__FILE__, __LINE__, "cannot link %s", in_its_place);
    char *said = in_child(start_stub, &run);
    unlink(in_its_place);
    rmdir(run.folder);
    return said;
}

/* The same events for every CPU: presets stand last in the table and are known by no other name. */
#define PRESETS "PAPI_L1_DCM=100,PAPI_L2_DCM=10,PAPI_L3_TCM=1,PAPI_TLB_DM=7,PAPI_TOT_INS=5000,PAPI_TOT_CYC=9000"

TEST(papi_counts_in_turns) {
    if (!papi_built_in()) SKIP("built without PAPI");
    char *said = with_stub("l1d_miss l2_miss llc_miss instructions cycles", "papi",
                           (const char *[]){"STUB_PAPI_EVENTS=" PRESETS, "STUB_PAPI_COUNTERS=3", NULL});
    CHECK_STR(said, "l1d_miss papi PAPI_L1_DCM = STUB:ONE, STUB:TWO (DERIVED_ADD)\n"
                    "l2_miss papi PAPI_L2_DCM = STUB:ONE, STUB:TWO (DERIVED_ADD)\n"
                    "llc_miss papi PAPI_L3_TCM = STUB:ONE, STUB:TWO (DERIVED_ADD)\n"
                    "instructions papi PAPI_TOT_INS = STUB:ONE, STUB:TWO (DERIVED_ADD)\n"
                    "cycles papi PAPI_TOT_CYC = STUB:ONE, STUB:TWO (DERIVED_ADD)\n"
                    "group 0: 100 10 1 . .\n"
                    "group 0: 200 20 2 . .\n"
                    "group 1: . . . 5000 9000\n"
                    "group 1: . . . 10000 18000\n"
                    "complaints 0, open sets 0\n");
    free(said);
}

TEST(papi_leaves_out_what_fails_and_counts_the_rest) {
    if (!papi_built_in()) SKIP("built without PAPI");
    int error = mk_counter_perf_probe();
    static const char events[] = "STUB_PAPI_EVENTS=PAPI_L1_DCM=100,PAPI_L2_DCM=-7,PAPI_TOT_INS=5000";
    char *said = with_stub("l1d_miss l2_miss instructions", "papi", (const char *[]){events, NULL});
    CHECK(strstr(said, "l1d_miss papi ") == said);
    CHECK(strstr(said, error == ENOENT ? "\nl2_miss - papi: no PMU" : "\nl2_miss - papi: ") != NULL);
    CHECK(strstr(said, "group 0: 100 - 5000\ngroup 0: 200 - 10000\ncomplaints 0, open sets 0\n") != NULL);
    free(said);
    said = with_stub("l1d_miss l2_miss", "papi",
                     (const char *[]){"STUB_PAPI_EVENTS=PAPI_L1_DCM=-15,PAPI_L2_DCM=10", NULL});
    CHECK(strstr(said, "l1d_miss - papi: not permitted: kernel.perf_event_paranoid") == said);
    CHECK(strstr(said, "group 0: - 10\n") != NULL);
    free(said);
}

TEST(papi_counting_nothing_is_not_believed) {
    if (!papi_built_in()) SKIP("built without PAPI");
    char *said = with_stub("instructions llc_miss", "papi",
                           (const char *[]){"STUB_PAPI_EVENTS=PAPI_TOT_INS=0,PAPI_L3_TCM=0", NULL});
    CHECK_STR(said, "instructions - papi: it opens, but does not follow the work: 0 for once, 0 for thrice\n"
                    "llc_miss - papi: it opens, but does not follow the work: 0 for once, 0 for thrice\n"
                    "group 0: - -\n"
                    "group 0: - -\n"
                    "complaints 0, open sets 0\n");
    free(said);
}

TEST(papi_that_will_not_start_says_why) {
    static const struct {
        const char *script[3], *reason;
    } cases[] = {
        {{"STUB_PAPI_DISABLED=Error libpfm4 no default PMU found"}, "its libpfm does not know this CPU"},
        {{"STUB_PAPI_DISABLED=Perf event support restricted, paranoid=3"},
         "not permitted: kernel.perf_event_paranoid"},
        {{"STUB_PAPI_DISABLED=perf_event support not detected"},
         "PAPI's perf_event component is off (perf_event support not detected)"},
        {{"STUB_PAPI_INIT=-1"}, "the PAPI library is another version than the one this program was built with"},
        {{"STUB_PAPI_EVENTS=X=1"}, "PAPI knows no PAPI_TOT_INS on this CPU"},
        {{"STUB_PAPI_EVENTS=PAPI_TOT_INS=500", "STUB_PAPI_STOP=-1"},
         "it opens, but the PMU does not count it all the time"},
    };
    if (!papi_built_in()) SKIP("built without PAPI");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *said = with_stub("instructions", "papi", cases[i].script);
        char wanted[256];
        snprintf(wanted, sizeof wanted, "instructions - papi: %s", cases[i].reason);
        if (strncmp(said, wanted, strlen(wanted)) != 0) CHECK_STR(said, wanted);
        CHECK(strstr(said, "complaints 0, open sets 0\n") != NULL);
        free(said);
    }
}

TEST(auto_asks_papi_first_unless_under_tsan) {
    if (!papi_built_in()) SKIP("built without PAPI");
    char *said = with_stub("instructions", "auto", (const char *[]){"STUB_PAPI_EVENTS=PAPI_TOT_INS=500", NULL});
    bool papi = strstr(said, "instructions papi PAPI_TOT_INS") == said;
    CHECK_EQ(papi, !UNDER_TSAN);
    free(said);
}

TEST(built_without_papi_says_so) {
    struct mk_counter_plan plan;
    if (papi_built_in()) SKIP("built with PAPI");
    CHECK_EQ(mk_counter_open(&plan, hardware_names, 6, "papi", NULL), 0);
    CHECK_STR(plan.counter[0].reason, "papi: this program was built without PAPI");
    CHECK_STR(plan.lack.remedy, "install libpapi-dev and build again, or use perf");
}
