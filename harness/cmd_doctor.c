/* cmd_doctor.c - `doctor`: what on this machine will spoil a measurement, and what to do about it.
 * Looks and tells; changes nothing, and a finding is no failure. */
#include "commands.h"
#include "counter.h"
#include "env.h"
#include "json.h"
#include "topo.h"

#include <stdlib.h>

struct counter_row {
    char *name, *backend, *event, *unavailable;
};

/* All there is to tell, as a record so that --json needs nothing of its own. */
struct doctor {
    char *schema;
    struct mk_topo_machine machine;
    struct mk_env environment;
    struct counter_row *counters;
    size_t counters_n;
    char *counters_reason, *counters_remedy;
};

#define TEXT(STRUCT, MEMBER, HELP) \
    {.name = #MEMBER, .type = MK_FIELD_TEXT, .flags = MK_FIELD_NULLABLE, .offset = MK_AT(STRUCT, MEMBER), \
     .help = HELP}
static const struct mk_field counter_fields[] = {
    TEXT(counter_row, name, "logical name"),
    TEXT(counter_row, backend, "who counts it"),
    TEXT(counter_row, event, "native event"),
    TEXT(counter_row, unavailable, "why nobody does"),
    {0},
};
static const struct mk_record counter_record = {"counter", sizeof(struct counter_row), counter_fields,
                                                "one logical counter"};
static const struct mk_field doctor_fields[] = {
    TEXT(doctor, schema, "memkit.doctor/1"),
    {.name = "machine", .type = MK_FIELD_RECORD, .offset = MK_AT(doctor, machine),
     .record = &mk_topo_machine_record, .help = "its shape"},
    {.name = "environment", .type = MK_FIELD_RECORD, .offset = MK_AT(doctor, environment), .record = &mk_env_record,
     .help = "facts, with warnings"},
    {.name = "counters", .type = MK_FIELD_RECORD_LIST, .offset = MK_LIST_AT(doctor, counters),
     .record = &counter_record, .help = "what can be counted"},
    TEXT(doctor, counters_reason, "why something cannot"),
    TEXT(doctor, counters_remedy, "what to do about that"),
    {0},
};
static const struct mk_record doctor_record = {"doctor", sizeof(struct doctor), doctor_fields,
                                               "what spoils a measurement here"};

static void examine_counters(struct doctor *doctor) {
    const char *names[MK_COUNT_IDS];
    struct mk_counter_plan plan;
    for (int id = 0; id < MK_COUNT_IDS; id++) names[id] = mk_counter_names[id].name;
    if (mk_counter_open(&plan, names, MK_COUNT_IDS, "auto", NULL)) return; /* known names, known choice */
    for (uint32_t i = 0; i < plan.count; i++) {
        const struct mk_counter *counter = &plan.counter[i];
        struct counter_row *row = mk_grow(&doctor->counters, &doctor->counters_n, sizeof *row);
        row->name = mk_need_text(counter->name);
        if (!counter->backend) {
            row->unavailable = mk_need_text(counter->reason);
            continue;
        }
        row->backend = mk_need_text(counter->backend->name);
        row->event = mk_need_text(counter->event);
    }
    if (!plan.lack.why[0]) return;
    doctor->counters_reason = mk_need_text(plan.lack.why);
    doctor->counters_remedy = mk_need_text(plan.lack.remedy);
}

static int examine(struct doctor *doctor, struct mk_err *err) {
    struct mk_topo *topo;
    if (mk_topo_load(&topo, err)) return -1;
    mk_record_copy(&mk_topo_machine_record, &doctor->machine, mk_topo_machine(topo));
    mk_topo_free(topo);
    struct mk_env_ask ask = {.root = "", .threads = doctor->machine.pus, .counters = true, .allocators = true};
    doctor->schema = mk_need_text("memkit.doctor/1");
    mk_env_read(&ask, &doctor->environment);
    examine_counters(doctor);
    return 0;
}

/* ---- for people ------------------------------------------------------------------------------ */

static void print_findings(const struct doctor *doctor, struct mk_text *out) {
    struct mk_text list = {0};
    unsigned n = 0;
    for (size_t i = 0; i < doctor->environment.facts_n; i++) {
        const struct mk_env_fact *fact = &doctor->environment.facts[i];
        if (fact->warning)
            mk_text_printf(&list, "%3u. %s (%s)\n     do: %s\n", ++n, fact->warning, fact->name, fact->remedy);
    }
    if (doctor->counters_reason)
        mk_text_printf(&list, "%3u. %s (counters)\n     do: %s\n", ++n, doctor->counters_reason,
                       doctor->counters_remedy);
    if (n) mk_text_printf(out, "What will spoil a measurement here: %u thing%s. Nothing was changed.\n\n%s", n,
                          n == 1 ? "" : "s", list.at);
    else mk_text_puts(out, "Nothing was found that would spoil a measurement here. Nothing was changed.\n");
    mk_text_free(&list);
}

static void print_cache(const char *name, const struct mk_topo_cache *cache, struct mk_text *out) {
    if (!cache->bytes) return;
    bool mib = cache->bytes >= 1 << 20;
    double size = (double)cache->bytes / (mib ? 1 << 20 : 1 << 10);
    mk_text_printf(out, "  %-12s %g %s", name, size, mib ? "MiB" : "KiB");
    if (cache->ways && cache->ways != UINT32_MAX) mk_text_printf(out, ", %u ways", cache->ways);
    mk_text_printf(out, ", lines of %u bytes, one for %u PU%s\n", cache->line_bytes, cache->pus,
                   cache->pus == 1 ? "" : "s");
}

static void print_machine(const struct mk_topo_machine *machine, struct mk_text *out) {
    mk_text_puts(out, "\nMachine\n");
    mk_text_printf(out, "  %-12s packages %u, NUMA nodes %u, cores %u, PUs %u", "usable", machine->packages,
                   machine->numa_nodes, machine->cores, machine->pus);
    if (machine->pus < machine->machine_pus) mk_text_printf(out, " of %u", machine->machine_pus);
    mk_text_putc(out, '\n');
    print_cache("L1d", &machine->l1d, out);
    print_cache("L2", &machine->l2, out);
    print_cache("L3", &machine->l3, out);
    if (machine->synthetic) mk_text_printf(out, "  %-12s %s\n", "hwloc", machine->synthetic);
}

static void print_counters(const struct doctor *doctor, struct mk_text *out) {
    const char *said = "";
    mk_text_puts(out, "\nCounters\n");
    for (size_t i = 0; i < doctor->counters_n; i++) {
        const struct counter_row *row = &doctor->counters[i];
        bool again = row->unavailable && strcmp(row->unavailable, said) == 0;
        mk_text_printf(out, "  %-12s %-5s %s\n", row->name, row->unavailable ? "n/a" : row->backend,
                       again ? "as above" : row->unavailable ? row->unavailable : row->event);
        if (row->unavailable) said = row->unavailable;
    }
}

static void print_facts(const struct mk_env *env, struct mk_text *out) {
    mk_text_puts(out, "\nFacts (- is unknown)\n");
    for (size_t i = 0; i < env->facts_n; i++) {
        const struct mk_env_fact *fact = &env->facts[i];
        const char *unit = fact->value && fact->unit ? fact->unit : "";
        const char *value = fact->value ? fact->value : "-";
        mk_text_printf(out, "  %-22s %s%s%s\n", fact->name, value, *unit ? " " : "", unit);
    }
}

static int report(const struct doctor *doctor, bool json, struct mk_err *err) {
    struct mk_text out = {0};
    if (json) {
        mk_json_write_record(&out, &doctor_record, doctor, 0);
        mk_text_putc(&out, '\n');
    } else {
        print_findings(doctor, &out);
        print_machine(&doctor->machine, &out);
        print_counters(doctor, &out);
        print_facts(&doctor->environment, &out);
    }
    int result = mk_text_save(&out, "-", err);
    mk_text_free(&out);
    return result;
}

static const char usage[] = "usage: memkit-bench doctor [--json]\n"
                            "\n"
                            "Tells what on this machine will spoil a measurement, and what to do about it:\n"
                            "clock rate, neighbours, limits, counters. Looks only; changes nothing.\n"
                            "\n"
                            "  --json   all of it as JSON (memkit.doctor/1)\n"
                            "  --help   this text\n"
                            "\n"
                            "Exit status: 0, whatever was found.\n";

int mk_cmd_doctor(int argc, char **argv) {
    struct doctor doctor = {0};
    struct mk_err err;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return MK_EXIT_FINE;
        }
        if (strcmp(argv[i], "--json") != 0) {
            fprintf(stderr, "memkit-bench doctor: unknown argument \"%s\"\n%s", argv[i], usage);
            return MK_EXIT_USAGE;
        }
        json = true;
    }
    int failed = examine(&doctor, &err) || report(&doctor, json, &err);
    if (failed) fprintf(stderr, "memkit-bench doctor: %s\n", err.text);
    mk_record_free(&doctor_record, &doctor);
    return failed ? MK_EXIT_UNMEASURED : MK_EXIT_FINE;
}
