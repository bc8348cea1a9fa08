/* env.c - reads the facts of env.h and says which of them spoil a measurement.
 *
 * Most facts are one file each and stand in one table; the rest (CPU, cgroups, hypervisor, kernel
 * command line) have a function. Judgement is separate from reading: each judge looks at one value.
 */
#include "env.h"

#include "text.h"

#include <dirent.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <unistd.h>

#define TEXT_ROOM 16384 /* no file read here needs more: of /proc/cpuinfo the first CPU is enough */

static const struct mk_field fact_fields[] = {
    {.name = "name", .type = MK_FIELD_TEXT, .flags = MK_FIELD_REQUIRED, .offset = MK_AT(mk_env_fact, name),
     .help = "which fact"},
    {.name = "value", .type = MK_FIELD_TEXT, .flags = MK_FIELD_NULLABLE, .offset = MK_AT(mk_env_fact, value),
     .help = "null where unknown"},
    {.name = "unit", .type = MK_FIELD_TEXT, .flags = MK_FIELD_NULLABLE, .offset = MK_AT(mk_env_fact, unit),
     .help = "of a value that is a number; null where it is words"},
    {.name = "warning", .type = MK_FIELD_TEXT, .flags = MK_FIELD_NULLABLE, .offset = MK_AT(mk_env_fact, warning),
     .help = "how it spoils a measurement; null where it does not"},
    {.name = "remedy", .type = MK_FIELD_TEXT, .flags = MK_FIELD_NULLABLE, .offset = MK_AT(mk_env_fact, remedy),
     .help = "what to do about it"},
    {0},
};
const struct mk_record mk_env_fact_record = {"env_fact", sizeof(struct mk_env_fact), fact_fields,
                                             "one fact about the machine and its surroundings"};

static const struct mk_field env_fields[] = {
    {.name = "facts", .type = MK_FIELD_RECORD_LIST, .offset = MK_LIST_AT(mk_env, facts),
     .record = &mk_env_fact_record, .help = "what is known"},
    {0},
};
const struct mk_record mk_env_record = {"env", sizeof(struct mk_env), env_fields, "facts about the machine"};

/* ---- facts -------------------------------------------------------------------------------- */

static struct mk_env_fact *add(struct mk_env *env, const char *name, const char *value, const char *unit) {
    struct mk_env_fact *fact = mk_grow(&env->facts, &env->facts_n, sizeof *env->facts);
    fact->name = mk_need_text(name);
    if (value) fact->value = mk_need_text(value);
    if (unit) fact->unit = mk_need_text(unit);
    return fact;
}

/* NaN is a fact without a value. */
static struct mk_env_fact *add_number(struct mk_env *env, const char *name, double value, int decimals,
                                      const char *unit) {
    char text[64];
    snprintf(text, sizeof text, "%.*f", decimals, value);
    return add(env, name, isnan(value) ? NULL : text, unit);
}

__attribute__((format(printf, 3, 4))) static void warn(struct mk_env_fact *fact, const char *remedy,
                                                       const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fact->warning = mk_need_text(text);
    fact->remedy = mk_need_text(remedy);
}

const struct mk_env_fact *mk_env_find(const struct mk_env *env, const char *name) {
    for (size_t i = 0; i < env->facts_n; i++)
        if (strcmp(env->facts[i].name, name) == 0) return &env->facts[i];
    return NULL;
}

/* ---- files -------------------------------------------------------------------------------- */

/* Reads at most TEXT_ROOM - 1 bytes of root/path without the final newline. */
static bool read_text(const char *root, const char *path, char *text) {
    char full[1024];
    snprintf(full, sizeof full, "%s/%s", root, path);
    FILE *file = fopen(full, "re");
    if (!file) return false;
    size_t n = fread(text, 1, TEXT_ROOM - 1, file);
    bool good = !ferror(file);
    fclose(file);
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\0')) n--;
    text[n] = '\0';
    return good;
}

static bool exists(const char *root, const char *path) {
    char full[1024];
    snprintf(full, sizeof full, "%s/%s", root, path);
    return access(full, F_OK) == 0;
}

/* Copies the value of the line "key : value" (or with another separator than ':'), unquoted. */
static bool line_value(const char *text, const char *key, char separator, char *value, size_t room) {
    size_t length = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        if (strncmp(line, key, length) != 0) continue;
        const char *from = line + length;
        if (separator != ' ') from += strspn(from, " \t");
        if (*from != separator) continue;
        from += 1 + strspn(from + 1, " \t\"");
        snprintf(value, room, "%.*s", (int)strcspn(from, "\"\n"), from);
        return true;
    }
    return false;
}

/* Appends one of a list of words. */
static void append(struct mk_text *list, const char *between, const char *mark, const char *word) {
    mk_text_printf(list, "%s%s%s", list->n ? between : "", mark, word);
}

/* Adds the list as a fact and frees it; an empty one is "none". */
static struct mk_env_fact *add_list(struct mk_env *env, const char *name, bool known, struct mk_text *list) {
    struct mk_env_fact *fact = add(env, name, !known ? NULL : list->n ? list->at : "none", NULL);
    mk_text_free(list);
    return fact;
}

/* Returns the number at `key` in a file of such lines, NaN without one. */
static double line_number(const char *root, const char *path, const char *key, char separator) {
    char text[TEXT_ROOM], value[64], *end;
    if (!read_text(root, path, text) || !line_value(text, key, separator, value, sizeof value)) return NAN;
    double number = strtod(value, &end);
    return end == value ? NAN : number;
}

long mk_env_number(const char *root, const char *path, long otherwise) {
    char text[TEXT_ROOM], *end;
    if (!read_text(root, path, text) || !text[0]) return otherwise;
    long value = strtol(text, &end, 10);
    return *end ? otherwise : value;
}

/* Walks a list such as "0-3,8": the next member at or after *at, or -1. Starts with *at = 0. */
static long list_next(const char *list, long *at) {
    long best = -1;
    for (const char *from = list; *from;) {
        char *end;
        long first = strtol(from, &end, 10), last = first;
        if (end == from) break;
        if (*end == '-') last = strtol(end + 1, &end, 10);
        long member = first > *at ? first : *at;
        if (member <= last && (best < 0 || member < best)) best = member;
        from = *end == ',' ? end + 1 : end + strlen(end);
    }
    if (best >= 0) *at = best + 1;
    return best;
}

static uint32_t list_count(const char *list) {
    uint32_t n = 0;
    for (long at = 0; list_next(list, &at) >= 0;) n++;
    return n;
}

static uint32_t cpus_online(const char *root) {
    char text[TEXT_ROOM];
    return read_text(root, "sys/devices/system/cpu/online", text) ? list_count(text) : 0;
}

static double load1(const char *root) {
    char text[TEXT_ROOM], *end;
    if (!read_text(root, "proc/loadavg", text)) return NAN;
    double load = strtod(text, &end);
    return end == text ? NAN : load;
}

/* ---- judges of single files ---------------------------------------------------------------- */

typedef void judge_fn(const struct mk_env_ask *ask, struct mk_env_fact *fact);

static void judge_smt(const struct mk_env_ask *ask, struct mk_env_fact *fact) {
    uint32_t cpus = cpus_online(ask->root);
    if (strcmp(fact->value, "1") == 0 && 2 * ask->threads > cpus)
        warn(fact, "use no more threads than cores and pin with policy cores",
             "SMT is on: of %u threads on %u PUs some share a core and slow each other down", ask->threads, cpus);
}

static void judge_numa_balancing(const struct mk_env_ask *ask, struct mk_env_fact *fact) {
    char nodes[TEXT_ROOM];
    if (strcmp(fact->value, "0") == 0 || !read_text(ask->root, "sys/devices/system/node/online", nodes)) return;
    if (list_count(nodes) > 1)
        warn(fact, "as root: sysctl kernel.numa_balancing=0",
             "the kernel moves pages between NUMA nodes while threads run");
}

static void judge_clocksource(const struct mk_env_ask *ask, struct mk_env_fact *fact) {
    static const char *const slow[] = {"hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit"};
    (void)ask;
    for (size_t i = 0; i < sizeof slow / sizeof *slow; i++)
        if (strcmp(fact->value, slow[i]) == 0)
            warn(fact, "boot with clocksource=tsc if the TSC is stable (see the kernel log for why it was dropped)",
                 "reading the clock is a slow system call (%s): short slices measure the clock", fact->value);
}

static void judge_paranoid(const struct mk_env_ask *ask, struct mk_env_fact *fact) {
    if (ask->counters && atoi(fact->value) > 2)
        warn(fact, "as root: sysctl kernel.perf_event_paranoid=2",
             "perf_event_paranoid is %s: hardware counters may be forbidden, and PAPI refuses 3", fact->value);
}

static void judge_nmi_watchdog(const struct mk_env_ask *ask, struct mk_env_fact *fact) {
    if (ask->counters && strcmp(fact->value, "1") == 0)
        warn(fact, "as root: sysctl kernel.nmi_watchdog=0", "the NMI watchdog holds one hardware counter");
}

enum form { PLAIN, BRACKETED }; /* BRACKETED: the chosen word of "a [b] c" */

/* Facts that are one file each. */
static const struct row {
    const char *name, *unit, *path;
    enum form form;
    judge_fn *judge;
} rows[] = {
    {"kernel", NULL, "proc/sys/kernel/osrelease", PLAIN, NULL},
    {"cpus_online", NULL, "sys/devices/system/cpu/online", PLAIN, NULL},
    {"cpus_isolated", NULL, "sys/devices/system/cpu/isolated", PLAIN, NULL},
    {"numa_nodes", NULL, "sys/devices/system/node/online", PLAIN, NULL},
    {"cpufreq_driver", NULL, "sys/devices/system/cpu/cpu0/cpufreq/scaling_driver", PLAIN, NULL},
    {"cpufreq_min_khz", "kHz", "sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq", PLAIN, NULL},
    {"cpufreq_max_khz", "kHz", "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", PLAIN, NULL},
    {"smt_active", NULL, "sys/devices/system/cpu/smt/active", PLAIN, judge_smt},
    {"smt_control", NULL, "sys/devices/system/cpu/smt/control", PLAIN, NULL},
    {"thp_enabled", NULL, "sys/kernel/mm/transparent_hugepage/enabled", BRACKETED, NULL},
    {"thp_defrag", NULL, "sys/kernel/mm/transparent_hugepage/defrag", BRACKETED, NULL},
    {"numa_balancing", NULL, "proc/sys/kernel/numa_balancing", PLAIN, judge_numa_balancing},
    {"clocksource", NULL, "sys/devices/system/clocksource/clocksource0/current_clocksource", PLAIN,
     judge_clocksource},
    {"perf_event_paranoid", NULL, "proc/sys/kernel/perf_event_paranoid", PLAIN, judge_paranoid},
    {"nmi_watchdog", NULL, "proc/sys/kernel/nmi_watchdog", PLAIN, judge_nmi_watchdog},
};

static void add_rows(const struct mk_env_ask *ask, struct mk_env *env) {
    char text[TEXT_ROOM];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        char *value = text;
        bool known = read_text(ask->root, row->path, text);
        if (known && row->form == BRACKETED && strchr(text, '[')) {
            value = strchr(text, '[') + 1;
            value[strcspn(value, "]")] = '\0';
        }
        struct mk_env_fact *fact = add(env, row->name, known ? *value ? value : "none" : NULL, row->unit);
        if (known && row->judge) row->judge(ask, fact);
    }
}

/* ---- CPU ----------------------------------------------------------------------------------- */

static const struct {
    const char *vendor_id, *vendor;
} vendors[] = {{"GenuineIntel", "intel"}, {"AuthenticAMD", "amd"}, {"0x41", "arm"}};

static bool cpu_line(const char *text, const char *x86, const char *arm, char *value, size_t room) {
    return line_value(text, x86, ':', value, room) || line_value(text, arm, ':', value, room);
}

void mk_env_cpu(const char *root, struct mk_env_cpu *cpu) {
    char text[TEXT_ROOM], value[128];
    *cpu = (struct mk_env_cpu){0};
    if (!read_text(root, "proc/cpuinfo", text)) return;
    if (cpu_line(text, "vendor_id", "CPU implementer", value, sizeof value))
        for (size_t i = 0; i < sizeof vendors / sizeof *vendors; i++)
            if (strcmp(value, vendors[i].vendor_id) == 0)
                snprintf(cpu->vendor, sizeof cpu->vendor, "%s", vendors[i].vendor);
    if (line_value(text, "cpu family", ':', value, sizeof value)) cpu->family = (uint32_t)strtoul(value, NULL, 0);
    if (cpu_line(text, "model", "CPU part", value, sizeof value)) cpu->model = (uint32_t)strtoul(value, NULL, 0);
    if (cpu_line(text, "stepping", "CPU revision", value, sizeof value))
        cpu->stepping = (uint32_t)strtoul(value, NULL, 0);
}

static void add_cpu(const struct mk_env_ask *ask, struct mk_env *env) {
    static const struct {
        const char *name, *x86, *arm;
    } lines[] = {
        {"cpu_model", "model name", "CPU architecture"}, {"cpu_vendor", "vendor_id", "CPU implementer"},
        {"cpu_family", "cpu family", "CPU variant"},     {"cpu_model_number", "model", "CPU part"},
        {"cpu_stepping", "stepping", "CPU revision"},    {"microcode", "microcode", "microcode"},
    };
    char text[TEXT_ROOM], value[256];
    bool known = read_text(ask->root, "proc/cpuinfo", text);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        bool found = known && cpu_line(text, lines[i].x86, lines[i].arm, value, sizeof value);
        add(env, lines[i].name, found ? value : NULL, NULL);
    }
}

/* CPUs may differ: all governors that occur, in order of appearance. */
static void add_governor(const struct mk_env_ask *ask, struct mk_env *env) {
    char cpus[TEXT_ROOM], text[TEXT_ROOM], path[128];
    struct mk_text all = {0};
    long at = 0;
    if (!read_text(ask->root, "sys/devices/system/cpu/online", cpus)) cpus[0] = '\0';
    for (long cpu; (cpu = list_next(cpus, &at)) >= 0;) {
        snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%ld/cpufreq/scaling_governor", cpu);
        if (read_text(ask->root, path, text) && !(all.n && strstr(all.at, text))) append(&all, ",", "", text);
    }
    struct mk_env_fact *fact = add_list(env, "governor", all.n > 0, &all);
    if (fact->value && strcmp(fact->value, "performance") != 0)
        warn(fact, "as root: cpupower frequency-set -g performance",
             "the frequency governor is %s: the clock rate follows the load", fact->value);
}

static void add_turbo(const struct mk_env_ask *ask, struct mk_env *env) {
    long off = mk_env_number(ask->root, "sys/devices/system/cpu/intel_pstate/no_turbo", -1);
    long boost = mk_env_number(ask->root, "sys/devices/system/cpu/cpufreq/boost", -1);
    bool on = off == 0 || (off < 0 && boost == 1);
    struct mk_env_fact *fact = add(env, "turbo", off < 0 && boost < 0 ? NULL : on ? "on" : "off", NULL);
    if (on)
        warn(fact, off == 0 ? "as root: echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo"
                            : "as root: echo 0 > /sys/devices/system/cpu/cpufreq/boost",
             "turbo is on: the clock rate depends on heat and on how many cores are busy");
}

static int not_hidden(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* Which weaknesses of the CPU the kernel works around, and which it leaves open ("!"): differs in speed. */
static void add_mitigations(const struct mk_env_ask *ask, struct mk_env *env) {
    char path[1024], text[TEXT_ROOM];
    struct mk_text all = {0};
    struct dirent **entries;
    snprintf(path, sizeof path, "%s/sys/devices/system/cpu/vulnerabilities", ask->root);
    int n = scandir(path, &entries, not_hidden, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "sys/devices/system/cpu/vulnerabilities/%.200s", entries[i]->d_name);
        bool known = read_text(ask->root, path, text);
        if (known && strncmp(text, "Mitigation", 10) == 0) append(&all, " ", "", entries[i]->d_name);
        if (known && strncmp(text, "Vulnerable", 10) == 0) append(&all, " ", "!", entries[i]->d_name);
        free(entries[i]);
    }
    if (n >= 0) free(entries);
    add_list(env, "mitigations", n >= 0, &all);
}

/* ---- who else is here ------------------------------------------------------------------------ */

/* Copies the hypervisor's name, or the machine's where that says it is virtual. */
static bool hypervisor_name(const char *root, char *name, size_t room) {
    static const char *const virtual[] = {"QEMU", "KVM", "VMware", "VirtualBox", "Xen", "HVM", "Google Compute",
                                          "Virtual Machine", "OpenStack", "Amazon EC2", "Parallels", "bhyve"};
    char text[TEXT_ROOM], product[TEXT_ROOM] = "";
    if (read_text(root, "sys/hypervisor/type", text) && *text) {
        snprintf(name, room, "%.60s", text);
        return true;
    }
    if (!read_text(root, "sys/class/dmi/id/sys_vendor", text)) return false;
    read_text(root, "sys/class/dmi/id/product_name", product);
    snprintf(name, room, "%.60s %.60s", text, product);
    if (strstr(product, ".metal")) return false;
    for (size_t i = 0; i < sizeof virtual / sizeof *virtual; i++)
        if (strstr(name, virtual[i])) return true;
    return false;
}

/* Returns whether it is a virtual machine, with a name for it; *known is false if nothing tells. */
static bool find_hypervisor(const char *root, char *name, size_t room, bool *known) {
    char text[TEXT_ROOM], flags[8192];
    bool named = hypervisor_name(root, name, room);
    bool x86 = read_text(root, "proc/cpuinfo", text) && line_value(text, "flags", ':', flags, sizeof flags);
    bool flagged = x86 && strstr(flags, " hypervisor");
    *known = x86 || named;
    if (flagged && !named) snprintf(name, room, "unnamed");
    return flagged || (named && !x86);
}

bool mk_env_is_virtual(const char *root) {
    char name[256];
    bool known;
    return find_hypervisor(root, name, sizeof name, &known);
}

static const char *container_name(const char *root) {
    static const char *const words[] = {"docker", "kubepods", "containerd", "lxc", "libpod"};
    char text[TEXT_ROOM];
    if (exists(root, ".dockerenv")) return "docker";
    if (exists(root, "run/.containerenv")) return "podman";
    if (!read_text(root, "proc/self/cgroup", text)) return "none";
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(text, words[i])) return words[i];
    return "none";
}

bool mk_env_is_container(const char *root) { return strcmp(container_name(root), "none") != 0; }

static void add_hosts(const struct mk_env_ask *ask, struct mk_env *env) {
    char name[256];
    bool known;
    bool is_virtual = find_hypervisor(ask->root, name, sizeof name, &known);
    struct mk_env_fact *fact = add(env, "hypervisor", !known ? NULL : is_virtual ? name : "none", NULL);
    if (is_virtual)
        warn(fact, "compare only runs made here, back to back; for figures to publish use a machine of its own",
             "virtual machine: the clock rate, the neighbours and the host's scheduler are out of sight");
    add(env, "container", container_name(ask->root), NULL);
}

/* Words of the kernel command line that change timing; the rest is nobody's business. */
static void add_kernel_args(const struct mk_env_ask *ask, struct mk_env *env) {
    static const char *const wanted[] = {
        "isolcpus", "nohz", "nohz_full", "rcu_nocbs", "preempt", "nosmt", "maxcpus", "nr_cpus", "mem",
        "mitigations", "spectre_v2", "spec_store_bypass_disable", "pti", "nopti",
        "idle", "processor.max_cstate", "intel_idle.max_cstate", "intel_pstate", "amd_pstate", "cpufreq",
        "transparent_hugepage", "hugepages", "default_hugepagesz", "numa_balancing",
        "nmi_watchdog", "tsc", "clocksource"};
    char text[TEXT_ROOM];
    struct mk_text all = {0};
    bool known = read_text(ask->root, "proc/cmdline", text);
    char *save = NULL;
    for (char *word = known ? strtok_r(text, " ", &save) : NULL; word; word = strtok_r(NULL, " ", &save)) {
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
            size_t length = strlen(wanted[i]);
            if (strncmp(word, wanted[i], length) == 0 && (word[length] == '=' || !word[length]))
                append(&all, " ", "", word);
        }
    }
    add_list(env, "kernel_args", known, &all);
}

/* ---- cgroups ---------------------------------------------------------------------------------- */

/* What the cgroups from the process's own up to the root allow together. */
struct cgroup {
    bool seen;
    double quota_cpus;      /* the tightest; INFINITY = none */
    double throttled_count; /* over all levels; NaN unknown */
};

static void cgroup_level(const char *root, const char *folder, struct cgroup *cgroup) {
    char path[1024], text[TEXT_ROOM];
    double quota = NAN, period = NAN;
    snprintf(path, sizeof path, "%s/cpu.max", folder); /* v2: "max 100000" or "150000 100000" */
    if (read_text(root, path, text)) {
        cgroup->seen = true;
        if (sscanf(text, "%lf %lf", &quota, &period) != 2) quota = -1;
    } else {
        snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
        long v1 = mk_env_number(root, path, LONG_MIN);
        if (v1 == LONG_MIN) return;
        cgroup->seen = true;
        quota = (double)v1;
        snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
        period = (double)mk_env_number(root, path, 100000);
    }
    if (quota > 0 && quota / period < cgroup->quota_cpus) cgroup->quota_cpus = quota / period;
    snprintf(path, sizeof path, "%s/cpu.stat", folder);
    double throttled = line_number(root, path, "nr_throttled", ' ');
    if (isnan(throttled)) return;
    cgroup->throttled_count = throttled + (isnan(cgroup->throttled_count) ? 0 : cgroup->throttled_count);
}

/* From mount + path upwards. In a container the path may not exist below the mount, its parents do. */
static void cgroup_climb(const char *root, const char *mount, const char *path, struct cgroup *cgroup) {
    char folder[768];
    snprintf(folder, sizeof folder, "%s%s", mount, strcmp(path, "/") ? path : "");
    for (;;) {
        cgroup_level(root, folder, cgroup);
        char *slash = strrchr(folder, '/');
        if (strlen(folder) <= strlen(mount) || !slash) return;
        *slash = '\0';
    }
}

/* Lines are "number:controllers:path"; v2 has no controllers. */
static void cgroup_read(const char *root, struct cgroup *cgroup) {
    char text[TEXT_ROOM], controllers[256], path[512], padded[260], mount[300], *save = NULL;
    *cgroup = (struct cgroup){false, INFINITY, NAN};
    if (!read_text(root, "proc/self/cgroup", text)) return;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        controllers[0] = '\0';
        if (sscanf(line, "0::%511s", path) == 1) {
            cgroup_climb(root, "sys/fs/cgroup", path, cgroup);
        } else if (sscanf(line, "%*d:%255[^:]:%511s", controllers, path) == 2) {
            snprintf(padded, sizeof padded, ",%s,", controllers);
            if (!strstr(padded, ",cpu,")) continue;
            snprintf(mount, sizeof mount, "sys/fs/cgroup/%s", controllers);
            cgroup_climb(root, mount, path, cgroup);
        }
    }
}

static void add_cgroup(const struct mk_env_ask *ask, struct mk_env *env) {
    struct cgroup cgroup;
    cgroup_read(ask->root, &cgroup);
    if (cgroup.seen && !isinf(cgroup.quota_cpus)) {
        struct mk_env_fact *fact = add_number(env, "cgroup_quota_cpus", cgroup.quota_cpus, 2, "CPUs");
        if (cgroup.quota_cpus < ask->threads)
            warn(fact, "raise the quota (docker run --cpus, Kubernetes limits.cpu), or run fewer threads",
                 "the cgroup grants %.2f CPUs to %u threads: they will be stopped in mid-measurement",
                 cgroup.quota_cpus, ask->threads);
    } else {
        add(env, "cgroup_quota_cpus", cgroup.seen ? "unlimited" : NULL, NULL);
    }
}

/* ---- the process and the moment ---------------------------------------------------------------- */

static void add_process(const struct mk_env_ask *ask, struct mk_env *env) {
    char text[TEXT_ROOM], value[1024];
    bool known = read_text(ask->root, "proc/self/status", text);
    bool cpus = known && line_value(text, "Cpus_allowed_list", ':', value, sizeof value);
    struct mk_env_fact *fact = add(env, "cpus_allowed", cpus ? value : NULL, NULL);
    if (cpus && list_count(value) < ask->threads)
        warn(fact, "run fewer threads, or widen taskset or the cgroup's cpuset",
             "%u threads have only %u PUs: they take turns", ask->threads, list_count(value));
    bool mems = known && line_value(text, "Mems_allowed_list", ':', value, sizeof value);
    add(env, "mems_allowed", mems ? value : NULL, NULL);

    long aslr = mk_env_number(ask->root, "proc/sys/kernel/randomize_va_space", -1);
    bool off = personality(0xffffffff) & ADDR_NO_RANDOMIZE;
    snprintf(value, sizeof value, "%ld", aslr);
    add(env, "aslr", aslr < 0 ? NULL : off ? "off for this process" : value, NULL);

    const char *preload = getenv("LD_PRELOAD");
    fact = add(env, "ld_preload", preload && *preload ? preload : "none", NULL);
    if (ask->allocators && preload && *preload)
        warn(fact, "unset LD_PRELOAD", "LD_PRELOAD may replace the allocators that are being compared");
    add(env, "libc", gnu_get_libc_version(), NULL);
    add_number(env, "page_bytes", (double)sysconf(_SC_PAGESIZE), 0, "bytes");
}

static void add_memory(const struct mk_env_ask *ask, struct mk_env *env) {
    double total_kb = line_number(ask->root, "proc/meminfo", "MemTotal", ':');
    double available_kb = line_number(ask->root, "proc/meminfo", "MemAvailable", ':');
    add_number(env, "memory_total_bytes", 1024 * total_kb, 0, "bytes");
    add_number(env, "memory_available_bytes", 1024 * available_kb, 0, "bytes");
}

static void add_load(const struct mk_env_ask *ask, struct mk_env *env) {
    char text[TEXT_ROOM], *at;
    double load = load1(ask->root);
    uint32_t cpus = cpus_online(ask->root);
    struct mk_env_fact *fact = add_number(env, "load1", load, 2, "runnable threads");
    if (cpus && load > 0.2 * cpus)
        warn(fact, "stop what else is running, or wait",
             "%.1f threads were running on %u CPUs over the last minute", load, cpus);
    double waiting = NAN;
    if (read_text(ask->root, "proc/pressure/cpu", text) && (at = strstr(text, "avg10=")))
        waiting = strtod(at + 6, NULL);
    fact = add_number(env, "psi_cpu_some_percent", waiting, 2, "%");
    if (waiting > 5)
        warn(fact, "stop what else is running, or wait",
             "some thread waited for a CPU %.0f%% of the last ten seconds", waiting);
}

void mk_env_read(const struct mk_env_ask *ask, struct mk_env *env) {
    char text[TEXT_ROOM], os[256];
    add_cpu(ask, env);
    add_governor(ask, env);
    add_turbo(ask, env);
    add_hosts(ask, env);
    bool os_known = read_text(ask->root, "etc/os-release", text);
    os_known = os_known && line_value(text, "PRETTY_NAME", '=', os, sizeof os);
    add(env, "os", os_known ? os : NULL, NULL);
    add_rows(ask, env);
    add_kernel_args(ask, env);
    add_mitigations(ask, env);
    add_cgroup(ask, env);
    add_process(ask, env);
    add_memory(ask, env);
    add_load(ask, env);
}

/* ---- differences ------------------------------------------------------------------------------- */

static double psi_us(const char *root) {
    char text[TEXT_ROOM], *at;
    return read_text(root, "proc/pressure/cpu", text) && (at = strstr(text, "total=")) ? strtod(at + 6, NULL) : NAN;
}

/* The first line of /proc/stat: user nice system idle iowait irq softirq steal ... (guest is in user). */
static void read_ticks(const char *root, double *steal, double *all) {
    char text[TEXT_ROOM], *at, *end;
    *steal = *all = NAN;
    if (!read_text(root, "proc/stat", text) || strncmp(text, "cpu ", 4) != 0) return;
    double sum = 0, ticks = 0;
    at = text + 4;
    for (int field = 0; field < 8; field++, at = end) {
        ticks = strtod(at, &end);
        if (end == at) return;
        sum += ticks;
    }
    *steal = ticks;
    *all = sum;
}

static double thermal_count(const char *root) {
    char cpus[TEXT_ROOM], path[128];
    double sum = NAN;
    long at = 0;
    if (!read_text(root, "sys/devices/system/cpu/online", cpus)) return NAN;
    for (long cpu; (cpu = list_next(cpus, &at)) >= 0;) {
        snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%ld/thermal_throttle/core_throttle_count", cpu);
        long count = mk_env_number(root, path, -1);
        if (count >= 0) sum = (isnan(sum) ? 0 : sum) + (double)count;
    }
    return sum;
}

void mk_env_begin(const struct mk_env_ask *ask, struct mk_env_span *span) {
    char text[TEXT_ROOM];
    struct cgroup cgroup;
    cgroup_read(ask->root, &cgroup);
    span->uptime_s = read_text(ask->root, "proc/uptime", text) ? strtod(text, NULL) : NAN;
    read_ticks(ask->root, &span->steal_ticks, &span->all_ticks);
    span->psi_us = psi_us(ask->root);
    span->throttled_count = cgroup.throttled_count;
    span->thermal_count = thermal_count(ask->root);
    span->load1 = load1(ask->root);
}

void mk_env_end(const struct mk_env_ask *ask, const struct mk_env_span *span, struct mk_env *env) {
    struct mk_env_span now;
    struct mk_env_fact *fact;
    mk_env_begin(ask, &now);
    double wall_s = now.uptime_s - span->uptime_s;
    add_number(env, "run_s", wall_s, 2, "s");

    double all = now.all_ticks - span->all_ticks;
    double steal = all > 0 ? (now.steal_ticks - span->steal_ticks) / all : NAN;
    fact = add_number(env, "run_steal_frac", steal, 4, "of CPU time");
    if (steal > 0.01)
        warn(fact, "run again when the host is quieter, or on a machine of its own",
             "the hypervisor gave %.1f%% of the CPU time to others during the run", 100 * steal);

    double waiting = wall_s > 0 ? (now.psi_us - span->psi_us) / (1e6 * wall_s) : NAN;
    fact = add_number(env, "run_psi_cpu_some_frac", waiting, 4, "of the run");
    if (waiting > 0.05)
        warn(fact, "stop what else is running; cells with more threads than PUs cause it themselves",
             "some thread waited for a CPU during %.0f%% of the run", 100 * waiting);

    double throttled = now.throttled_count - span->throttled_count;
    fact = add_number(env, "run_throttled_count", throttled, 0, "periods");
    if (throttled > 0)
        warn(fact, "raise the cgroup's CPU quota, or run fewer threads",
             "the cgroup's quota stopped the threads %.0f times during the run", throttled);

    double thermal = now.thermal_count - span->thermal_count;
    fact = add_number(env, "run_thermal_throttle_count", thermal, 0, "times");
    if (thermal > 0)
        warn(fact, "let the machine cool, lower the load or the clock rate",
             "the CPU slowed down %.0f times during the run because it was too hot", thermal);

    add_number(env, "run_load1_before", span->load1, 2, "runnable threads");
    add_number(env, "run_load1_after", now.load1, 2, "runnable threads");
}
