/* result_file.c - results on their way to a file and back, and shards of one plan joined. */
#include <inttypes.h>
#include <stdlib.h>

#include "json.h"
#include "result.h"
#include "text.h"

#define RESULT_BYTES_MAX ((size_t)2 << 30)

int mk_result_write(const struct mk_result_file *result, const char *path, struct mk_err *err) {
    struct mk_text text = {0};
    mk_json_write_record(&text, &mk_result_record, result, 0);
    mk_text_putc(&text, '\n');
    int failed = mk_text_save(&text, path, err);
    mk_text_free(&text);
    return failed;
}

/* Node of element `index` of the list under `key`. */
static uint32_t element(struct mk_json *doc, const char *key, size_t index) {
    uint32_t node = mk_json_first(doc, mk_json_get(doc, MK_JSON_ROOT, key));
    while (index--) node = mk_json_next(doc, node);
    return node;
}

/* Samples learn which cell they stand in, and must name a phase that there is. */
static bool place_samples(struct mk_result_cell *cell, size_t phases) {
    bool right = true;
    for (size_t i = 0; i < cell->rounds_n; i++) {
        cell->rounds[i].cell = cell->index;
        right = right && cell->rounds[i].phase < phases;
    }
    for (size_t i = 0; i < cell->latencies_n; i++) {
        cell->latencies[i].cell = cell->index;
        right = right && cell->latencies[i].phase < phases;
    }
    for (size_t i = 0; i < cell->memory_n; i++) cell->memory[i].cell = cell->index;
    for (size_t i = 0; i < cell->checks_n; i++) cell->checks[i].cell = cell->index;
    return right;
}

/* What the tables cannot say: which schema it is, and that indexes point at something. */
static void check_references(struct mk_json *doc, struct mk_result_file *result) {
    if (strcmp(result->schema, MK_RESULT_SCHEMA) != 0)
        mk_json_error(doc, mk_json_get(doc, MK_JSON_ROOT, "schema"), "not a result: schema must be \"%s\"",
                      MK_RESULT_SCHEMA);
    for (size_t i = 0; i < result->groups_n; i++) {
        if (result->groups[i].point < result->points_n) continue;
        mk_json_error(doc, element(doc, "groups", i), "its point is not among the points");
        return;
    }
    uint32_t node = element(doc, "cells", 0);
    for (size_t i = 0; i < result->cells_n; i++, node = mk_json_next(doc, node)) {
        struct mk_result_cell *cell = &result->cells[i];
        if (cell->group >= result->groups_n)
            mk_json_error(doc, node, "its group is not among the groups");
        else if (!place_samples(cell, result->points[result->groups[cell->group].point].phases_n))
            mk_json_error(doc, node, "a sample of it is of a phase that its point does not have");
    }
}

int mk_result_from_json(struct mk_json *doc, struct mk_result_file *result) {
    if (!mk_json_read_record(doc, MK_JSON_ROOT, &mk_result_record, result)) check_references(doc, result);
    return mk_json_errors(doc) ? -1 : 0;
}

int mk_result_read(const char *path, struct mk_result_file *result) {
    struct mk_json *doc;
    *result = (struct mk_result_file){0};
    int failed = mk_json_read_file(path, RESULT_BYTES_MAX, &doc) || mk_result_from_json(doc, result) ? -1 : 0;
    if (failed) {
        struct mk_text report = {0};
        mk_json_report(doc, &report);
        fwrite(report.at, 1, report.n, stderr);
        mk_text_free(&report);
        mk_result_free(result);
    }
    mk_json_free(doc);
    return failed;
}

void mk_result_free(struct mk_result_file *result) {
    mk_record_free(&mk_result_record, result);
}

/* ---- shards ------------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b) {
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static int joinable(const struct mk_result_file *into, const struct mk_result_file *from, struct mk_err *err) {
    if (into->plan.digest != from->plan.digest || into->cells_n != from->cells_n)
        return mk_fail(err, "they come from different plans: shards need the same workload, options and shape of "
                            "machine");
    if (!same_text(into->context.commit, from->context.commit) ||
        !same_text(into->context.flags, from->context.flags))
        return mk_fail(err, "they come from different builds: run all shards with one");
    for (size_t i = 0; i < into->cells_n; i++) {
        const struct mk_result_cell *a = &into->cells[i], *b = &from->cells[i];
        if (!same_text(a->identity, b->identity) || a->group != b->group || a->index != b->index)
            return mk_fail(err, "cell %zu is %s in one and %s in the other", i, a->identity, b->identity);
        if (!a->elsewhere && !b->elsewhere && !a->skipped)
            return mk_fail(err, "%s at %" PRIu32 " threads is in both", a->identity, a->threads);
    }
    return 0;
}

static void move_contexts(struct mk_result_file *into, struct mk_result_file *from) {
    for (size_t i = 0; i <= from->joined_n; i++) {
        struct mk_result_context *context = i ? &from->joined[i - 1] : &from->context;
        *(struct mk_result_context *)mk_grow(&into->joined, &into->joined_n, sizeof *context) = *context;
        *context = (struct mk_result_context){0};
    }
}

int mk_result_join(struct mk_result_file *into, struct mk_result_file *from, struct mk_err *err) {
    if (joinable(into, from, err)) return -1;
    for (size_t i = 0; i < into->cells_n; i++) {
        if (!into->cells[i].elsewhere || from->cells[i].elsewhere) continue;
        struct mk_result_cell cell = into->cells[i];
        into->cells[i] = from->cells[i];
        from->cells[i] = cell;
    }
    for (size_t i = 0; i < from->plan.shards_here_n; i++)
        *(uint64_t *)mk_grow(&into->plan.shards_here, &into->plan.shards_here_n, sizeof(uint64_t)) =
            from->plan.shards_here[i];
    for (size_t i = 0; i < from->warnings_n; i++)
        mk_result_warn(into, from->warnings[i].about, from->warnings[i].text, from->warnings[i].remedy);
    if (!same_text(into->context.machine_text, from->context.machine_text))
        mk_result_warn(into, "merge", "its shards ran on different machines",
                       "compare within a comparison group only, which one machine ran whole");
    into->complete = into->complete && from->complete;
    move_contexts(into, from);
    mk_result_free(from);
    return 0;
}
