/* test_env.c - facts and warnings of machines that are made of files in a temporary folder. */
#include "test.h"

#include "../harness/env.h"
#include "child.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[256];

static void begin_machine(void) { child_folder(root, sizeof root); }

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk) {
    (void)status, (void)flag, (void)walk;
    return remove(path);
}

static void end_machine(void) { nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

/* Writes root/path, with the folders it needs. */
static void put(const char *path, const char *text) {
    char full[512];
    snprintf(full, sizeof full, "%s/%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    if (!file || fputs(text, file) == EOF || fclose(file)) abort();
}

/* What a fact is, in one line: "value unit" or "null", then "! warning" where there is one. */
static const char *fact(const struct mk_env *env, const char *name) {
    static char text[1024];
    const struct mk_env_fact *found = mk_env_find(env, name);
    if (!found) return "no such fact";
    bool measured = found->value && found->unit;
    snprintf(text, sizeof text, "%s%s%s%s%s", found->value ? found->value : "null", measured ? " " : "",
             measured ? found->unit : "", found->warning ? " ! " : "", found->warning ? found->warning : "");
    CHECK_EQ(found->warning == NULL, found->remedy == NULL);
    return text;
}

static size_t warnings(const struct mk_env *env) {
    size_t n = 0;
    for (size_t i = 0; i < env->facts_n; i++) n += env->facts[i].warning != NULL;
    return n;
}

static struct mk_env read_machine(uint32_t threads) {
    struct mk_env env = {0};
    mk_env_read(&(struct mk_env_ask){root, threads, true, true}, &env);
    return env;
}

TEST(what_is_not_there_is_null_and_no_warning) {
    begin_machine();
    unsetenv("LD_PRELOAD");
    struct mk_env env = read_machine(4);
    CHECK_EQ(warnings(&env), 0);
    CHECK(env.facts_n > 30);
    size_t known = 0;
    for (size_t i = 0; i < env.facts_n; i++) known += env.facts[i].value != NULL;
    CHECK_EQ(known, 4); /* these: */
    CHECK_STR(fact(&env, "container"), "none");
    CHECK_STR(fact(&env, "ld_preload"), "none");
    CHECK(mk_env_find(&env, "libc")->value != NULL);
    CHECK(mk_env_find(&env, "page_bytes")->value != NULL);
    CHECK_STR(fact(&env, "governor"), "null");
    CHECK_STR(fact(&env, "load1"), "null");
    CHECK_STR(fact(&env, "memory_total_bytes"), "null");
    mk_record_free(&mk_env_record, &env);
    end_machine();
}

/* A server of one's own, set up for measuring. */
static void put_good_server(void) {
    put("proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n"
                        "model name\t: Intel(R) Xeon(R) Gold 6240\nstepping\t: 7\nmicrocode\t: 0x5003604\n"
                        "flags\t\t: fpu vme sse2 avx2\n\nprocessor\t: 1\nmodel\t\t: 99\n");
    put("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
    put("proc/sys/kernel/perf_event_paranoid", "1\n");
    put("proc/sys/kernel/nmi_watchdog", "0\n");
    put("proc/sys/kernel/randomize_va_space", "2\n");
    put("proc/sys/kernel/numa_balancing", "0\n");
    put("proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/sda1 isolcpus=2-3 token=secret nohz_full=2-3 quiet\n");
    put("proc/loadavg", "0.10 0.20 0.30 1/200 4711\n");
    put("proc/pressure/cpu", "some avg10=0.25 avg60=0.00 avg300=0.00 total=1000\nfull avg10=9.00 total=0\n");
    put("proc/meminfo", "MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    8192 kB\n");
    put("proc/self/status", "Name:\tx\nCpus_allowed:\tf\nCpus_allowed_list:\t0-3\nMems_allowed_list:\t0-1\n");
    put("proc/self/cgroup", "0::/user.slice\n");
    put("sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
    put("sys/devices/system/cpu/online", "0-3\n");
    put("sys/devices/system/cpu/isolated", "\n");
    put("sys/devices/system/cpu/smt/active", "0\n");
    put("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
    put("sys/devices/system/cpu/vulnerabilities/spectre_v1", "Mitigation: usercopy\n");
    put("sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected\n");
    put("sys/devices/system/cpu/vulnerabilities/mds", "Vulnerable: no microcode\n");
    put("sys/devices/system/node/online", "0-1\n");
    put("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
    put("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
    put("etc/os-release", "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
    for (int cpu = 0; cpu < 4; cpu++) {
        char path[128];
        snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", cpu);
        put(path, "performance\n");
    }
}

TEST(a_server_set_up_for_measuring_gets_no_warning) {
    begin_machine();
    unsetenv("LD_PRELOAD");
    put_good_server();
    struct mk_env env = read_machine(4);
    CHECK_EQ(warnings(&env), 0);
    CHECK_STR(fact(&env, "cpu_model"), "Intel(R) Xeon(R) Gold 6240");
    CHECK_STR(fact(&env, "cpu_model_number"), "85");
    CHECK_STR(fact(&env, "microcode"), "0x5003604");
    CHECK_STR(fact(&env, "governor"), "performance");
    CHECK_STR(fact(&env, "turbo"), "off");
    CHECK_STR(fact(&env, "thp_enabled"), "madvise");
    CHECK_STR(fact(&env, "cpus_isolated"), "none");
    CHECK_STR(fact(&env, "kernel_args"), "isolcpus=2-3 nohz_full=2-3");
    CHECK_STR(fact(&env, "mitigations"), "!mds spectre_v1");
    CHECK_STR(fact(&env, "hypervisor"), "none");
    CHECK_STR(fact(&env, "cgroup_quota_cpus"), "unlimited");
    CHECK_STR(fact(&env, "os"), "Debian GNU/Linux 12 (bookworm)");
    CHECK_STR(fact(&env, "memory_total_bytes"), "16777216 bytes");
    CHECK_STR(fact(&env, "memory_available_bytes"), "8388608 bytes");
    CHECK_STR(fact(&env, "load1"), "0.10 runnable threads");
    CHECK_STR(fact(&env, "psi_cpu_some_percent"), "0.25 %");
    mk_record_free(&mk_env_record, &env);
    end_machine();
}

TEST(everything_that_spoils_is_said) {
    begin_machine();
    put_good_server();
    put("sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "powersave\n");
    put("sys/devices/system/cpu/intel_pstate/no_turbo", "0\n");
    put("sys/devices/system/cpu/smt/active", "1\n");
    put("proc/sys/kernel/numa_balancing", "1\n");
    put("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
    put("proc/sys/kernel/perf_event_paranoid", "4\n");
    put("proc/sys/kernel/nmi_watchdog", "1\n");
    put("proc/loadavg", "2.50 0 0 1/2 3\n");
    put("proc/pressure/cpu", "some avg10=57.00 avg60=0 avg300=0 total=1\n");
    setenv("LD_PRELOAD", "/lib/libfaster.so", 1);
    struct mk_env env = read_machine(5);
    unsetenv("LD_PRELOAD");
    CHECK_STR(fact(&env, "governor"), "performance,powersave ! the frequency governor is performance,powersave: "
                                      "the clock rate follows the load");
    CHECK(strstr(fact(&env, "turbo"), "on ! turbo is on") != NULL);
    CHECK(strstr(fact(&env, "smt_active"), "of 5 threads on 4 PUs some share a core") != NULL);
    CHECK(strstr(fact(&env, "numa_balancing"), " ! ") != NULL);
    CHECK(strstr(fact(&env, "clocksource"), "hpet ! ") != NULL);
    CHECK(strstr(fact(&env, "perf_event_paranoid"), "4 ! ") != NULL);
    CHECK(strstr(fact(&env, "nmi_watchdog"), "1 ! ") != NULL);
    CHECK(strstr(fact(&env, "load1"), "2.50 runnable threads ! 2.5 threads were running on 4 CPUs") != NULL);
    CHECK(strstr(fact(&env, "psi_cpu_some_percent"), "57%") != NULL);
    CHECK(strstr(fact(&env, "ld_preload"), "/lib/libfaster.so ! ") != NULL);
    CHECK(strstr(fact(&env, "cpus_allowed"), "0-3 ! 5 threads have only 4 PUs") != NULL);
    CHECK_EQ(warnings(&env), 11);
    mk_record_free(&mk_env_record, &env);
    end_machine();
}

TEST(warnings_depend_on_what_is_measured) {
    begin_machine();
    put_good_server();
    put("proc/sys/kernel/perf_event_paranoid", "4\n");
    put("proc/sys/kernel/nmi_watchdog", "1\n");
    put("proc/sys/kernel/numa_balancing", "1\n");
    put("sys/devices/system/node/online", "0\n"); /* one node: nowhere to move pages to */
    put("sys/devices/system/cpu/smt/active", "1\n");
    setenv("LD_PRELOAD", "x.so", 1);
    struct mk_env env = {0};
    mk_env_read(&(struct mk_env_ask){root, 2, false, false}, &env);
    unsetenv("LD_PRELOAD");
    CHECK_EQ(warnings(&env), 0);
    mk_record_free(&mk_env_record, &env);
    end_machine();
}

TEST(turbo_is_found_under_both_names) {
    begin_machine();
    put("sys/devices/system/cpu/cpufreq/boost", "1\n");
    struct mk_env env = read_machine(1);
    CHECK(strstr(fact(&env, "turbo"), "on ! ") != NULL);
    CHECK(strstr(mk_env_find(&env, "turbo")->remedy, "cpufreq/boost") != NULL);
    mk_record_free(&mk_env_record, &env);
    put("sys/devices/system/cpu/cpufreq/boost", "0\n");
    env = read_machine(1);
    CHECK_STR(fact(&env, "turbo"), "off");
    mk_record_free(&mk_env_record, &env);
    end_machine();
}

TEST(virtual_machines_and_containers_are_told_apart) {
    begin_machine();
    CHECK(!mk_env_is_virtual(root));
    CHECK(!mk_env_is_container(root));
    put("proc/cpuinfo", "vendor_id\t: AuthenticAMD\nflags\t\t: fpu hypervisor lahf_lm\n");
    struct mk_env env = read_machine(1);
    CHECK(strstr(fact(&env, "hypervisor"), "unnamed ! virtual machine") != NULL);
    CHECK_STR(fact(&env, "container"), "none");
    mk_record_free(&mk_env_record, &env);

    put("sys/class/dmi/id/sys_vendor", "QEMU\n");
    put("sys/class/dmi/id/product_name", "Standard PC\n");
    put(".dockerenv", "");
    env = read_machine(1);
    CHECK(strstr(fact(&env, "hypervisor"), "QEMU Standard PC ! ") != NULL);
    CHECK_STR(fact(&env, "container"), "docker");
    CHECK(mk_env_is_virtual(root));
    CHECK(mk_env_is_container(root));
    mk_record_free(&mk_env_record, &env);

    put("proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu lahf_lm\n"); /* the CPU knows better */
    CHECK(!mk_env_is_virtual(root));
    put("proc/cpuinfo", "CPU implementer\t: 0x41\nFeatures\t: fp asimd\n"); /* ARM shows no such flag */
    put("sys/class/dmi/id/sys_vendor", "Amazon EC2\n");
    put("sys/class/dmi/id/product_name", "m7g.large\n");
    CHECK(mk_env_is_virtual(root));
    put("sys/class/dmi/id/product_name", "m7g.metal\n");
    CHECK(!mk_env_is_virtual(root));
    end_machine();
}

static const char *quota(uint32_t threads) {
    static char text[1024];
    struct mk_env env = read_machine(threads);
    strcpy(text, fact(&env, "cgroup_quota_cpus"));
    mk_record_free(&mk_env_record, &env);
    return text;
}

TEST(the_tightest_quota_of_all_levels_counts) {
    begin_machine();
    put("proc/self/cgroup", "0::/a/b/c\n");
    CHECK_STR(quota(1), "null");
    put("sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
    CHECK_STR(quota(8), "unlimited");
    put("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
    put("sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
    CHECK_STR(quota(1), "1.50 CPUs");
    CHECK_STR(quota(2), "1.50 CPUs ! the cgroup grants 1.50 CPUs to 2 threads: they will be stopped in "
                        "mid-measurement");
    put("sys/fs/cgroup/a/cpu.max", "500000 100000\n");
    CHECK_STR(quota(1), "4.00 CPUs");
    end_machine();
}

TEST(quotas_of_the_old_layout_count_too) {
    begin_machine();
    put("proc/self/cgroup", "5:cpu,cpuacct:/docker/4711\n4:cpuset:/docker/4711\n0::/\n");
    put("sys/fs/cgroup/cpuset/cpu.cfs_quota_us", "1\n"); /* another controller's folder: not to be read */
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "50000\n");
    CHECK_STR(quota(8), "unlimited"); /* the path is the host's; inside, the mount itself is ours */
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "125000\n");
    CHECK_STR(quota(2), "2.50 CPUs");
    end_machine();
}

static void put_moment(const char *uptime, const char *stat, const char *pressure, const char *throttled) {
    char text[256];
    put("proc/uptime", uptime);
    put("proc/stat", stat);
    snprintf(text, sizeof text, "some avg10=0.00 avg60=0.00 avg300=0.00 total=%s\n", pressure);
    put("proc/pressure/cpu", text);
    snprintf(text, sizeof text, "nr_periods 100\nnr_throttled %s\nthrottled_usec 5\n", throttled);
    put("sys/fs/cgroup/a/cpu.stat", text);
}

TEST(a_run_is_judged_by_differences) {
    struct mk_env_ask ask = {root, 2, false, false};
    struct mk_env_span span;
    struct mk_env env = {0};
    begin_machine();
    put("proc/self/cgroup", "0::/a\n");
    put("sys/fs/cgroup/a/cpu.max", "200000 100000\n");
    put("sys/devices/system/cpu/online", "0,2\n");
    put("sys/devices/system/cpu/cpu2/thermal_throttle/core_throttle_count", "7\n");
    put("proc/loadavg", "0.00 0 0 1/2 3\n");
    put_moment("100.00 5.00\n", "cpu  1000 0 500 8000 100 0 0 400 77 0\ncpu0 1 1 1\n", "1000000", "3");
    mk_env_begin(&ask, &span);
    put_moment("110.00 5.00\n", "cpu  1600 0 700 8100 100 0 0 500 99 0\ncpu0 1 1 1\n", "3500000", "5");
    put("sys/devices/system/cpu/cpu2/thermal_throttle/core_throttle_count", "9\n");
    put("proc/loadavg", "1.25 0 0 1/2 3\n");
    mk_env_end(&ask, &span, &env);
    CHECK_STR(fact(&env, "run_s"), "10.00 s");
    CHECK_STR(fact(&env, "run_steal_frac"),
              "0.1000 of CPU time ! the hypervisor gave 10.0% of the CPU time to others during the run");
    CHECK_STR(fact(&env, "run_psi_cpu_some_frac"),
              "0.2500 of the run ! some thread waited for a CPU during 25% of the run");
    CHECK_STR(fact(&env, "run_throttled_count"),
              "2 periods ! the cgroup's quota stopped the threads 2 times during the run");
    CHECK(strstr(fact(&env, "run_thermal_throttle_count"), "2 times ! ") != NULL);
    CHECK_STR(fact(&env, "run_load1_before"), "0.00 runnable threads");
    CHECK_STR(fact(&env, "run_load1_after"), "1.25 runnable threads");
    mk_record_free(&mk_env_record, &env);
    end_machine();
}

TEST(a_quiet_run_and_an_unknown_one_give_no_warning) {
    struct mk_env_ask ask = {root, 2, false, false};
    struct mk_env_span span;
    struct mk_env env = {0};
    begin_machine();
    mk_env_begin(&ask, &span);
    mk_env_end(&ask, &span, &env);
    CHECK_STR(fact(&env, "run_steal_frac"), "null");
    CHECK_STR(fact(&env, "run_throttled_count"), "null");
    put("proc/self/cgroup", "0::/a\n");
    put("sys/fs/cgroup/a/cpu.max", "max 100000\n");
    put_moment("100.00 5\n", "cpu  1000 0 500 8000 100 0 0 400 0 0\n", "1000000", "3");
    mk_env_begin(&ask, &span);
    put_moment("110.00 5\n", "cpu  2000 0 500 8900 100 0 0 401 0 0\n", "1000100", "3");
    mk_env_end(&ask, &span, &env);
    CHECK_EQ(warnings(&env), 0);
    mk_record_free(&mk_env_record, &env);
    end_machine();
}

TEST(cpus_are_known_by_vendor_family_and_model) {
    struct mk_env_cpu cpu;
    begin_machine();
    mk_env_cpu(root, &cpu);
    CHECK_STR(cpu.vendor, "");
    put_good_server();
    mk_env_cpu(root, &cpu);
    CHECK_STR(cpu.vendor, "intel");
    CHECK_EQ(cpu.family, 6);
    CHECK_EQ(cpu.model, 85);
    CHECK_EQ(cpu.stepping, 7);
    put("proc/cpuinfo", "vendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\n");
    mk_env_cpu(root, &cpu);
    CHECK_STR(cpu.vendor, "amd");
    CHECK_EQ(cpu.family, 0x1a);
    CHECK_EQ(cpu.model, 2);
    put("proc/cpuinfo", "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\n");
    mk_env_cpu(root, &cpu);
    CHECK_STR(cpu.vendor, "arm");
    CHECK_EQ(cpu.model, 0xd0c);
    end_machine();
}

TEST(this_machine_can_be_read) {
    struct mk_env env = {0};
    struct mk_env_span span;
    struct mk_env_ask ask = {"", 1, true, true};
    mk_env_begin(&ask, &span);
    mk_env_read(&ask, &env);
    mk_env_end(&ask, &span, &env);
    CHECK(mk_env_find(&env, "kernel")->value != NULL);
    CHECK(mk_env_find(&env, "cpus_allowed")->value != NULL);
    CHECK(atof(mk_env_find(&env, "memory_total_bytes")->value) > 1e6);
    for (size_t i = 0; i < env.facts_n; i++) /* a fact with a unit is a number */
        if (env.facts[i].unit && env.facts[i].value) {
            char *end;
            strtod(env.facts[i].value, &end);
            if (*end || end == env.facts[i].value)
                mk_test_fail(__FILE__, __LINE__, "%s is \"%s\"", env.facts[i].name, env.facts[i].value);
        }
    CHECK_EQ(mk_env_number("", "proc/self/status", -7), -7); /* no number */
    mk_record_free(&mk_env_record, &env);
}
