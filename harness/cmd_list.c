/* cmd_list.c - `list`: what there is to choose from. */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

#include "commands.h"
#include "compose.h"
#include "grid.h"
#include "json.h"
#include "listing.h"
#include "registry.h"

static const char help[] =
    "usage: memkit-bench list [kinds|impls|counters|topology|distributions|oracles|\n"
    "                         pressures|scenarios]... [options]\n"
    "\n"
    "Shows what workload files and stress can name. Without a word: kinds and impls.\n"
    "\n"
    "  --json         for programs\n"
    "  --plugin SO    load implementations from a shared object first; may be repeated\n"
    "  --color WHEN   auto, always or never\n"
    "  --help         this text\n";

/* ---- for people --------------------------------------------------------------------------------- */

static void print_grid(struct mk_grid *grid, bool colour, struct mk_text *out) {
    mk_grid_write(grid, colour ? MK_GRID_COLOUR : MK_GRID_PLAIN, out);
    mk_grid_free(grid);
}

static void print_kinds(const struct mk_listing *listing, bool colour, struct mk_text *out) {
    struct mk_grid grid = {0};
    mk_grid_column(&grid, "kind", "", MK_LEFT);
    mk_grid_column(&grid, "operation", "", MK_LEFT);
    mk_grid_column(&grid, "", "", MK_LEFT);
    for (size_t i = 0; i < listing->kinds_n; i++) {
        const struct mk_listed_kind *kind = &listing->kinds[i];
        mk_grid_put(&grid, MK_TONE_STRONG, "%s", kind->name);
        mk_grid_put(&grid, MK_TONE_PLAIN, "%s", "");
        mk_grid_put(&grid, MK_TONE_PLAIN, "%s", kind->summary ? kind->summary : "");
        for (size_t o = 0; o < kind->operations_n; o++) {
            mk_grid_put(&grid, MK_TONE_PLAIN, "%s", "");
            mk_grid_put(&grid, MK_TONE_PLAIN, "%s", kind->operations[o].name);
            mk_grid_put(&grid, MK_TONE_FAINT, "%s", kind->operations[o].help ? kind->operations[o].help : "");
        }
    }
    print_grid(&grid, colour, out);
}

static void detail(struct mk_text *line, const char *text) {
    mk_text_printf(line, "%s%s", line->n ? "; " : "", text);
}

static void add_capabilities(struct mk_text *line, const struct mk_listed_impl *impl) {
    for (size_t i = 0; i < impl->capabilities_n; i++)
        mk_text_printf(line, "%s%s", i ? ", " : line->n ? "; " : "", impl->capabilities[i]);
}

/* "lock-free", or "get wait-free, put lock-free" where operations differ. */
static void add_progress(struct mk_text *line, const struct mk_listed_impl *impl) {
    bool same = true;
    for (size_t i = 1; i < impl->progress_n; i++)
        same = same && strcmp(impl->progress[i].progress, impl->progress[0].progress) == 0;
    if (!impl->progress_n) return;
    detail(line, same ? impl->progress[0].progress : "");
    for (size_t i = 0; i < impl->progress_n && !same; i++)
        mk_text_printf(line, "%s%s %s", i ? ", " : "", impl->progress[i].operation, impl->progress[i].progress);
}

static void add_values(struct mk_text *line, const struct mk_listed_impl *impl) {
    if (!impl->value_bytes_n) return;
    detail(line, "values of ");
    for (size_t i = 0; i < impl->value_bytes_n; i++)
        mk_text_printf(line, "%s%" PRIu64, i ? ", " : "", impl->value_bytes[i]);
    mk_text_puts(line, " bytes");
}

/* "[shards=64] 1 to 65536, [*] is 1|16|64: locks", "[lock=rwlock] rwlock|seqlock: ..." */
static void print_parameter(const struct mk_listed_param *param, struct mk_text *out) {
    const char *choices = param->choices ? param->choices : "";
    mk_text_printf(out, "    [%s=%s] ", param->name, param->preset ? param->preset : "?");
    if (param->max) mk_text_printf(out, "%" PRIu64 " to %" PRIu64, param->min, param->max);
    if (param->max && *choices) mk_text_puts(out, ", [*] is ");
    mk_text_printf(out, "%s%s%s\n", choices, param->help ? ": " : "", param->help ? param->help : "");
}

static void print_impl(const struct mk_listed_impl *impl, bool colour, struct mk_text *out) {
    struct mk_text line = {0};
    mk_grid_tone(out, colour, MK_TONE_STRONG, impl->identity);
    mk_text_printf(out, "  %s\n", impl->summary ? impl->summary : "");
    add_capabilities(&line, impl);
    add_progress(&line, impl);
    add_values(&line, impl);
    if (impl->parts[0]) mk_text_printf(&line, "%smade of %s", line.n ? "; " : "", impl->parts);
    if (line.n) {
        mk_text_puts(out, "    ");
        mk_grid_tone(out, colour, MK_TONE_FAINT, line.at);
        mk_text_putc(out, '\n');
    }
    for (size_t i = 0; i < impl->parameters_n; i++) print_parameter(&impl->parameters[i], out);
    for (size_t i = 0; i < impl->compositions_n; i++)
        mk_text_printf(out, "%s%s%s", i ? ", " : "    also ", impl->compositions[i],
                       i + 1 == impl->compositions_n ? "\n" : "");
    mk_text_free(&line);
}

static void print_impls(const struct mk_listing *listing, bool colour, struct mk_text *out) {
    for (size_t i = 0; i < listing->impls_n; i++) print_impl(&listing->impls[i], colour, out);
    for (size_t i = 0; i < listing->not_built_n; i++)
        mk_text_printf(out, "not built: %s (%s)\n", listing->not_built[i].identity, listing->not_built[i].reason);
}

static void print_counters(const struct mk_listing *listing, bool colour, struct mk_text *out) {
    struct mk_grid grid = {0};
    mk_grid_column(&grid, "counter", "", MK_LEFT);
    mk_grid_column(&grid, "backend", "", MK_LEFT);
    mk_grid_column(&grid, "event", "", MK_LEFT);
    mk_grid_column(&grid, "", "", MK_LEFT);
    for (size_t i = 0; i < listing->counters_n; i++) {
        const struct mk_listed_counter *counter = &listing->counters[i];
        mk_grid_put(&grid, MK_TONE_PLAIN, "%s", counter->name);
        if (counter->backend) mk_grid_put(&grid, MK_TONE_PLAIN, "%s", counter->backend);
        else mk_grid_put(&grid, MK_TONE_WARN, "n/a");
        mk_grid_put(&grid, MK_TONE_PLAIN, "%s", counter->event ? counter->event : "");
        mk_grid_put(&grid, MK_TONE_FAINT, "%s", counter->help ? counter->help : "");
    }
    print_grid(&grid, colour, out);
    for (size_t i = 0; i < listing->counters_n; i++) {
        if (!listing->counters[i].unavailable) continue;
        mk_text_printf(out, "n/a: %s (doctor tells more)\n", listing->counters[i].unavailable);
        break; /* one reason is enough for people, and mostly the same */
    }
}

static void print_choices(const char *head, const struct mk_listed_choice *choices, size_t n, bool colour,
                          struct mk_text *out) {
    struct mk_grid grid = {0};
    mk_grid_column(&grid, head, "", MK_LEFT);
    mk_grid_column(&grid, "", "", MK_LEFT);
    for (size_t i = 0; i < n; i++) {
        mk_grid_put(&grid, MK_TONE_PLAIN, "%s", choices[i].name);
        mk_grid_put(&grid, MK_TONE_FAINT, "%s", choices[i].help ? choices[i].help : "");
    }
    print_grid(&grid, colour, out);
}

static void print_cache(const char *name, const struct mk_topo_cache *cache, struct mk_text *out) {
    if (!cache->bytes) return;
    mk_text_printf(out, "%s: %" PRIu32 " x %" PRIu64 " KiB, lines of %" PRIu32 " bytes", name, cache->count,
                   cache->bytes / 1024, cache->line_bytes);
    mk_text_printf(out, ", each for %" PRIu32 " PU%s\n", cache->pus, cache->pus == 1 ? "" : "s");
}

static void print_topology(const struct mk_listing *listing, bool colour, struct mk_text *out) {
    const struct mk_topo_machine *machine = &listing->topology;
    mk_text_printf(out, "packages: %" PRIu32 ", NUMA nodes: %" PRIu32 ", cores: %" PRIu32 ", PUs: %" PRIu32
                   " of %" PRIu32 " may be used\n", machine->packages, machine->numa_nodes, machine->cores,
                   machine->pus, machine->machine_pus);
    print_cache("L1d", &machine->l1d, out);
    print_cache("L2", &machine->l2, out);
    print_cache("L3", &machine->l3, out);
    if (machine->synthetic) mk_text_printf(out, "for plan --topology: \"%s\"\n", machine->synthetic);
    mk_text_putc(out, '\n');
    print_choices("pin", listing->placements, listing->placements_n, colour, out);
    mk_text_putc(out, '\n');
    print_choices("memory", listing->memory_policies, listing->memory_policies_n, colour, out);
}

static void print_distributions(const struct mk_listing *listing, bool colour, struct mk_text *out) {
    print_choices("keys.distribution", listing->distributions, listing->distributions_n, colour, out);
    mk_text_putc(out, '\n');
    print_choices("keys.form", listing->key_forms, listing->key_forms_n, colour, out);
}

static void print_scenarios(const struct mk_listing *listing, bool colour, struct mk_text *out) {
    struct mk_grid grid = {0};
    mk_grid_column(&grid, "scenario", "", MK_LEFT);
    mk_grid_column(&grid, "kind", "", MK_LEFT);
    mk_grid_column(&grid, "threads", "", MK_RIGHT);
    mk_grid_column(&grid, "", "", MK_LEFT);
    for (size_t i = 0; i < listing->scenarios_n; i++) {
        const struct mk_listed_scenario *scenario = &listing->scenarios[i];
        mk_grid_put(&grid, MK_TONE_PLAIN, "%s", scenario->name);
        mk_grid_put(&grid, MK_TONE_PLAIN, "%s", scenario->kind);
        mk_grid_put(&grid, MK_TONE_PLAIN, "%" PRIu32, scenario->threads);
        mk_grid_put(&grid, MK_TONE_FAINT, "%s", scenario->summary);
    }
    print_grid(&grid, colour, out);
}

static void print_oracles(const struct mk_listing *listing, bool colour, struct mk_text *out) {
    struct mk_grid grid = {0};
    mk_grid_column(&grid, "kind", "", MK_LEFT);
    mk_grid_column(&grid, "oracle", "", MK_LEFT);
    mk_grid_column(&grid, "", "", MK_LEFT);
    for (size_t i = 0; i < listing->oracles_n; i++) {
        mk_grid_put(&grid, MK_TONE_PLAIN, "%s", listing->oracles[i].kind);
        mk_grid_put(&grid, MK_TONE_PLAIN, "%s", listing->oracles[i].name);
        mk_grid_put(&grid, MK_TONE_FAINT, "%s", listing->oracles[i].help);
    }
    print_grid(&grid, colour, out);
}

static void print_pressures(const struct mk_listing *listing, bool colour, struct mk_text *out) {
    print_choices("pressure", listing->pressures, listing->pressures_n, colour, out);
}

/* ---- sections ----------------------------------------------------------------------------------- */

static const struct section {
    const char *name;
    int (*fill)(struct mk_listing *listing, struct mk_err *err);
    void (*print)(const struct mk_listing *listing, bool colour, struct mk_text *out);
    const char *keys[4]; /* of the listing record */
} sections[] = {
    {"kinds", mk_listing_kinds, print_kinds, {"kinds"}},
    {"impls", mk_listing_impls, print_impls, {"impls", "not_built"}},
    {"counters", mk_listing_counters, print_counters, {"counters"}},
    {"topology", mk_listing_topology, print_topology, {"topology", "placements", "memory_policies"}},
    {"distributions", mk_listing_distributions, print_distributions, {"distributions", "key_forms"}},
    {"oracles", mk_listing_oracles, print_oracles, {"oracles"}},
    {"pressures", mk_listing_pressures, print_pressures, {"pressures"}},
    {"scenarios", mk_listing_scenarios, print_scenarios, {"scenarios"}},
};
#define SECTIONS (sizeof sections / sizeof *sections)
#define WITHOUT_A_WORD (1u << 0 | 1u << 1)

/* The listing with nothing but the keys asked for. */
static void print_json(struct mk_listing *listing, unsigned wanted, struct mk_text *out) {
    struct mk_field fields[16];
    struct mk_record record = mk_listing_record;
    size_t n = 0;
    fields[n++] = *mk_record_field(&mk_listing_record, "schema");
    for (size_t i = 0; i < SECTIONS; i++) {
        for (size_t k = 0; wanted >> i & 1 && k < 4 && sections[i].keys[k]; k++)
            fields[n++] = *mk_record_field(&mk_listing_record, sections[i].keys[k]);
    }
    fields[n] = (struct mk_field){0};
    record.fields = fields;
    listing->schema = mk_need_text("memkit.list/1");
    mk_json_write_record(out, &record, listing, 0);
    mk_text_putc(out, '\n');
}

static void print_sections(const struct mk_listing *listing, unsigned wanted, bool colour, struct mk_text *out) {
    for (size_t i = 0; i < SECTIONS; i++) {
        if (!(wanted >> i & 1)) continue;
        if (out->n) mk_text_putc(out, '\n');
        sections[i].print(listing, colour, out);
    }
}

/* ---- arguments ---------------------------------------------------------------------------------- */

static int wrong(const char *what, const char *word) {
    const char *names[SECTIONS + 1] = {0};
    for (size_t i = 0; i < SECTIONS; i++) names[i] = sections[i].name;
    const char *near = mk_nearest(word, names);
    fprintf(stderr, "memkit-bench list: %s \"%s\"", what, word);
    if (near) fprintf(stderr, ", did you mean \"%s\"?", near);
    fprintf(stderr, " (see --help)\n");
    return MK_EXIT_USAGE;
}

static int fail(const struct mk_err *err, int status) {
    fprintf(stderr, "memkit-bench list: %s\n", err->text);
    return status;
}

static int list(unsigned wanted, bool json, const char *colour) {
    struct mk_listing listing = {0};
    struct mk_text text = {0};
    struct mk_err err;
    int status = 0;
    for (size_t i = 0; i < SECTIONS && !status; i++) {
        if (wanted >> i & 1 && sections[i].fill(&listing, &err)) status = fail(&err, MK_EXIT_UNMEASURED);
    }
    if (!status) {
        if (json) print_json(&listing, wanted, &text);
        else print_sections(&listing, wanted, mk_grid_wants_colour(colour, stdout), &text);
        if (mk_text_save(&text, "-", &err)) status = fail(&err, MK_EXIT_BROKEN);
    }
    mk_text_free(&text);
    mk_record_free(&mk_listing_record, &listing);
    return status;
}

int mk_cmd_list(int argc, char **argv) {
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"plugin", required_argument, NULL, 'p'},
        {"color", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    struct mk_err err;
    const char *colour = "auto";
    bool json = false;
    unsigned wanted = 0;
    optind = 1;
    opterr = 0;
    for (int id; (id = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (id == 'j') json = true;
        else if (id == 'c') colour = optarg;
        else if (id == 'p' && mk_registry_load(optarg, &err)) return fail(&err, MK_EXIT_BROKEN);
        else if (id == ':') return wrong("a value is missing after", argv[optind - 1]);
        else if (id == '?') return wrong("no option", argv[optind - 1]);
        else if (id == 'h') return fputs(help, stdout) < 0 ? MK_EXIT_BROKEN : MK_EXIT_FINE;
    }
    for (; optind < argc; optind++) {
        size_t i = 0;
        while (i < SECTIONS && strcmp(sections[i].name, argv[optind]) != 0) i++;
        if (i == SECTIONS) return wrong("cannot list", argv[optind]);
        wanted |= 1u << i;
    }
    return list(wanted ? wanted : WITHOUT_A_WORD, json, colour);
}
