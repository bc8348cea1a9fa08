/* report_sarif.c - a stress file as SARIF 2.1.0 (OASIS, 2020), which code scanning reads: a result a finding. Files
 * of the source tree are relative to SRCROOT, whose place the reader knows. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

#include "commands.h"
#include "json.h"
#include "report_parts.h"
#include "rng.h"

#define SCHEMA "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

/* ---- JSON as it is written ---------------------------------------------------------------------- */

struct json {
    struct mk_text *out;
    size_t depth;
    bool inside; /* something stands before, in the same object or list */
};

/* key NULL: in a list. */
static void begin_value(struct json *json, const char *key) {
    mk_text_puts(json->out, json->inside ? ",\n" : json->depth ? "\n" : "");
    mk_text_repeat(json->out, ' ', 2 * json->depth);
    if (key) {
        mk_json_write_text(json->out, key);
        mk_text_puts(json->out, ": ");
    }
    json->inside = true;
}

static void begin(struct json *json, const char *key, char bracket) {
    begin_value(json, key);
    mk_text_putc(json->out, bracket);
    json->depth++;
    json->inside = false;
}

static void end(struct json *json, char bracket) {
    json->depth--;
    if (json->inside) {
        mk_text_putc(json->out, '\n');
        mk_text_repeat(json->out, ' ', 2 * json->depth);
    }
    mk_text_putc(json->out, bracket);
    json->inside = true;
}

/* Nothing where there is no text. */
static void text(struct json *json, const char *key, const char *value) {
    if (!value) return;
    begin_value(json, key);
    mk_json_write_text(json->out, value);
}

static void whole(struct json *json, const char *key, uint64_t value) {
    begin_value(json, key);
    mk_json_write_u64(json->out, value);
}

static void truth(struct json *json, const char *key, bool value) {
    begin_value(json, key);
    mk_text_puts(json->out, value ? "true" : "false");
}

/* What SARIF calls a message. */
static void message(struct json *json, const char *key, const char *value) {
    begin(json, key, '{');
    text(json, "text", value);
    end(json, '}');
}

/* ---- places ------------------------------------------------------------------------------------- */

/* Path as a URI: reserved characters and those beyond ASCII as %xx. */
static char *uri_of(const char *path) {
    struct mk_text uri = {0};
    if (*path == '/') mk_text_puts(&uri, "file://");
    for (; *path; path++) {
        if (isalnum((unsigned char)*path) || strchr("-._~/", *path)) mk_text_putc(&uri, *path);
        else mk_text_printf(&uri, "%%%02X", (unsigned char)*path);
    }
    return mk_text_take(&uri);
}

static bool is_below(const char *path, const char *folder) {
    return strncmp(path, folder, strlen(folder)) == 0;
}

/* Neither of the system nor of a library that was built elsewhere ("../csu/libc-start.c"). */
static bool is_in_tree(const char *path) {
    return path && *path && *path != '/' && *path != '.';
}

static void physical_location(struct json *json, const char *path, uint32_t line) {
    char *uri = uri_of(path);
    begin(json, "physicalLocation", '{');
    begin(json, "artifactLocation", '{');
    text(json, "uri", uri);
    if (is_in_tree(path)) text(json, "uriBaseId", "SRCROOT");
    end(json, '}');
    if (line) {
        begin(json, "region", '{');
        whole(json, "startLine", line);
        end(json, '}');
    }
    end(json, '}');
    free(uri);
}

static void logical_location(struct json *json, const char *function) {
    if (!function) return;
    begin(json, "logicalLocations", '[');
    begin(json, NULL, '{');
    text(json, "name", function);
    text(json, "kind", "function");
    end(json, '}');
    end(json, ']');
}

/* Returns the first frame that somebody who mends it would open: of an implementation, else of whatever is in the
 * tree and not the harness. NULL: none. */
static const struct mk_stack_frame *place_of(const struct mk_finding_sample *finding) {
    for (int only_impl = 1; only_impl >= 0; only_impl--) {
        for (size_t s = 0; s < finding->stacks_n; s++) {
            for (size_t i = 0; i < finding->stacks[s].frames_n; i++) {
                const struct mk_stack_frame *frame = &finding->stacks[s].frames[i];
                if (!is_in_tree(frame->file) || !frame->line) continue;
                if (only_impl ? is_below(frame->file, "impl/") : !is_below(frame->file, "harness/")) return frame;
            }
        }
    }
    return NULL;
}

/* "impl/map/a.c" of "map/a[lock=x]+reclaim/b". */
static char *source_of(const struct mk_stress_cell *cell) {
    return mk_need_format("impl/%.*s.c", (int)strcspn(cell->identity, "[+@"), cell->identity);
}

static void locations(struct json *json, const struct mk_finding_sample *finding,
                      const struct mk_stress_cell *cell) {
    const struct mk_stack_frame *frame = place_of(finding);
    if (!frame && !cell) return;
    char *path = frame ? mk_need_text(frame->file) : source_of(cell);
    begin(json, "locations", '[');
    begin(json, NULL, '{');
    physical_location(json, path, frame ? frame->line : 1);
    logical_location(json, frame ? frame->function : NULL);
    end(json, '}');
    end(json, ']');
    free(path);
}

static void stack_frame(struct json *json, const struct mk_stack_frame *frame) {
    begin(json, NULL, '{');
    begin(json, "location", '{');
    if (frame->file && *frame->file) physical_location(json, frame->file, frame->line);
    logical_location(json, mk_report_known(frame->function));
    end(json, '}');
    text(json, "module", frame->module);
    end(json, '}');
}

static void stacks(struct json *json, const struct mk_finding_sample *finding) {
    if (!finding->stacks_n) return;
    begin(json, "stacks", '[');
    for (size_t s = 0; s < finding->stacks_n; s++) {
        begin(json, NULL, '{');
        message(json, "message", mk_report_known(finding->stacks[s].title));
        begin(json, "frames", '[');
        for (size_t i = 0; i < finding->stacks[s].frames_n; i++) stack_frame(json, &finding->stacks[s].frames[i]);
        end(json, ']');
        end(json, '}');
    }
    end(json, ']');
}

/* ---- rules -------------------------------------------------------------------------------------- */

struct rules {
    const char **id;
    size_t n;
};

/* Returns the index of a rule, added if it is new. */
static size_t rule_of(struct rules *rules, const char *id) {
    for (size_t i = 0; i < rules->n; i++) {
        if (strcmp(rules->id[i], id) == 0) return i;
    }
    *(const char **)mk_grow(&rules->id, &rules->n, sizeof id) = id;
    return rules->n - 1;
}

/* What a rule means, by its name. */
static char *describe(const char *rule) {
    static const struct {
        const char *prefix, *who;
    } tools[] = {{"tsan/", "ThreadSanitizer"}, {"asan/", "AddressSanitizer"}, {"lsan/", "LeakSanitizer"},
                 {"ubsan/", "UndefinedBehaviorSanitizer"}};
    if (strcmp(rule, "crash") == 0) return mk_need_text("A worker process died.");
    if (strcmp(rule, "hang") == 0) return mk_need_text("A trial did not end in time.");
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        if (!is_below(rule, tools[i].prefix)) continue;
        char *words = mk_need_format("%s: %s.", tools[i].who, rule + strlen(tools[i].prefix));
        for (char *at = words; *at; at++) {
            if (*at == '-') *at = ' ';
        }
        return words;
    }
    const char *slash = strchr(rule, '/');
    if (!slash) return mk_need_format("Oracle \"%s\".", rule);
    return mk_need_format("What oracle \"%s\" demands of kind \"%.*s\" does not hold.", slash + 1,
                          (int)(slash - rule), rule);
}

/* What is never given back spoils no answer. */
static const char *level_of(const struct mk_finding_sample *finding) {
    return strstr(finding->rule, "leak") ? "warning" : "error";
}

/* ---- results ------------------------------------------------------------------------------------ */

static uint64_t digest_text(uint64_t digest, const char *string) {
    for (; string && *string; string++) digest = mk_mix64(digest ^ (unsigned char)*string);
    return mk_mix64(digest + 1);
}

/* The same from run to run and from line to line, whichever of two threads is seen first. */
static uint64_t fingerprint(const struct mk_finding_sample *finding, const struct mk_stress_cell *cell) {
    uint64_t sum = 0;
    for (size_t s = 0; s < finding->stacks_n; s++) {
        uint64_t digest = 0;
        for (size_t i = 0; i < finding->stacks[s].frames_n; i++)
            digest = digest_text(digest, finding->stacks[s].frames[i].function);
        sum += digest;
    }
    return digest_text(digest_text(digest_text(sum, finding->rule), cell ? cell->identity : ""), finding->oracle);
}

static void properties(struct json *json, const struct mk_finding_sample *finding) {
    begin(json, "properties", '{');
    text(json, "oracle", finding->oracle);
    text(json, "pressure", finding->pressure);
    if (finding->also_n) {
        begin(json, "also", '[');
        for (size_t i = 0; i < finding->also_n; i++) text(json, NULL, finding->also[i]);
        end(json, ']');
    }
    text(json, "flavour", finding->flavour);
    /* As text: readers take numbers for doubles. */
    char *seed = mk_need_format("%" PRIu64, finding->seed);
    text(json, "seed", seed);
    free(seed);
    whole(json, "count", finding->count);
    text(json, "object", finding->object);
    text(json, "detail", finding->detail);
    text(json, "picture", finding->picture);
    text(json, "command", finding->command);
    end(json, '}');
}

static void result(struct json *json, const struct mk_stress_file *file, const struct mk_finding_sample *finding,
                   size_t rule) {
    const struct mk_stress_cell *cell = mk_stress_cell_of(file, finding->cell);
    char *where = mk_report_cell(cell), *how = mk_report_trial(finding->oracle, finding->pressure);
    char *sentence = mk_need_format("%s (%s: %s)", finding->what, where, how);
    char *print = mk_need_format("%016" PRIx64, fingerprint(finding, cell));
    begin(json, NULL, '{');
    text(json, "ruleId", finding->rule);
    whole(json, "ruleIndex", rule);
    text(json, "level", level_of(finding));
    message(json, "message", sentence);
    locations(json, finding, cell);
    stacks(json, finding);
    begin(json, "partialFingerprints", '{');
    text(json, "memkitFinding/v1", print);
    end(json, '}');
    properties(json, finding);
    end(json, '}');
    free(print);
    free(sentence);
    free(how);
    free(where);
}

/* ---- the run ------------------------------------------------------------------------------------ */

static void tool(struct json *json, const struct mk_stress_file *file, const struct rules *rules) {
    begin(json, "tool", '{');
    begin(json, "driver", '{');
    text(json, "name", "memkit-bench");
    text(json, "version", file->context.version);
    begin(json, "rules", '[');
    for (size_t i = 0; i < rules->n; i++) {
        char *description = describe(rules->id[i]);
        begin(json, NULL, '{');
        text(json, "id", rules->id[i]);
        message(json, "shortDescription", description);
        end(json, '}');
        free(description);
    }
    end(json, ']');
    end(json, '}');
    end(json, '}');
}

static void notifications(struct json *json, const struct mk_stress_file *file) {
    struct mk_report_notes notes = {0};
    mk_report_notes(file, &notes);
    begin(json, "toolExecutionNotifications", '[');
    for (size_t i = 0; i < notes.n; i++) {
        begin(json, NULL, '{');
        text(json, "level", notes.at[i].tone == MK_TONE_WARN ? "warning" : "note");
        message(json, "message", notes.at[i].text);
        end(json, '}');
    }
    end(json, ']');
    mk_report_notes_free(&notes);
}

static void invocations(struct json *json, const struct mk_stress_file *file) {
    const struct mk_result_context *context = &file->context;
    begin(json, "invocations", '[');
    begin(json, NULL, '{');
    begin(json, "arguments", '[');
    for (size_t i = 1; i < context->argv_n; i++) text(json, NULL, context->argv[i]);
    end(json, ']');
    text(json, "startTimeUtc", context->start_utc);
    text(json, "endTimeUtc", context->end_utc);
    truth(json, "executionSuccessful", file->complete);
    if (file->complete)
        whole(json, "exitCode", mk_stress_overall(file) == MK_VERDICT_FAIL ? MK_EXIT_FAULT : MK_EXIT_FINE);
    notifications(json, file);
    end(json, '}');
    end(json, ']');
}

/* Runs of one workload by one flavour are one category: each replaces the one before. */
static void automation(struct json *json, const struct mk_stress_file *file) {
    char *id = mk_need_format("memkit-bench stress/%s/%s/", mk_report_known(file->path),
                              mk_report_known(file->context.flavour));
    begin(json, "automationDetails", '{');
    text(json, "id", id);
    end(json, '}');
    free(id);
}

static void run(struct json *json, const struct mk_stress_file *file) {
    struct rules rules = {0};
    for (size_t i = 0; i < file->findings_n; i++) rule_of(&rules, file->findings[i].rule);
    begin(json, NULL, '{');
    tool(json, file, &rules);
    automation(json, file);
    invocations(json, file);
    begin(json, "originalUriBaseIds", '{');
    begin(json, "SRCROOT", '{');
    message(json, "description", "The top folder of the source tree.");
    end(json, '}');
    end(json, '}');
    begin(json, "results", '[');
    for (size_t i = 0; i < file->findings_n; i++)
        result(json, file, &file->findings[i], rule_of(&rules, file->findings[i].rule));
    end(json, ']');
    end(json, '}');
    free(rules.id);
}

void mk_report_sarif(const struct mk_stress_file *file, struct mk_text *out) {
    struct json json = {.out = out};
    begin(&json, NULL, '{');
    text(&json, "$schema", SCHEMA);
    text(&json, "version", "2.1.0");
    begin(&json, "runs", '[');
    run(&json, file);
    end(&json, ']');
    end(&json, '}');
    mk_text_putc(out, '\n');
}
