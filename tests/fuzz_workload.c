/* fuzz_workload.c - fuzz target: any bytes as a workload file. What is taken must survive everything
 * that is done with a workload before it runs, and come back the same from its own JSON. */
#include <stdint.h>
#include <stdlib.h>

#include "../harness/json.h"
#include "../harness/registry.h"
#include "../harness/workload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds, const char *what, const struct mk_err *err) {
    if (holds) return;
    fprintf(stderr, "fuzz_workload: %s: %s\n", what, err ? err->text : "");
    abort();
}

/* Its own JSON must be a workload that says the same. */
static void there_and_back(const struct mk_workload *workload) {
    struct mk_text text = {0}, report = {0};
    struct mk_json *doc;
    struct mk_workload again;
    mk_json_write_record(&text, &mk_workload_record, workload, 0);
    demand(mk_json_parse(workload->path, text.at, text.n, &doc) == 0, "what was written is no JSON", NULL);
    int failed = mk_workload_from_json(doc, &again);
    mk_json_report(doc, &report);
    if (failed) fputs(report.at, stderr);
    demand(!failed, "what was written is refused", NULL);
    free(again.text);
    again.text = mk_need_text(workload->text);
    demand(mk_record_equal(&mk_workload_record, workload, &again), "what was written says something else", NULL);
    mk_record_free(&mk_workload_record, &again);
    mk_json_free(doc);
    mk_text_free(&text);
    mk_text_free(&report);
}

/* All points and all their phases. */
static void unroll(const struct mk_workload *workload) {
    struct mk_workload_point *points;
    struct mk_workload_phase *phases;
    struct mk_err err = {""};
    size_t n, phases_n;
    demand(mk_workload_points(workload, &points, &n, &err) == 0, "points are refused", &err);
    for (size_t i = 0; i < n && i < 16; i++) {
        demand(mk_workload_phases(&points[i].workload, &phases, &phases_n, &err) == 0, "phases are refused", &err);
        mk_workload_phases_free(phases, phases_n);
    }
    mk_workload_points_free(points, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct mk_json *doc;
    struct mk_workload workload;
    struct mk_text report = {0};
    struct mk_err err = {""};
    demand(mk_registry_open(&err) == 0, "the registry does not open", &err);
    if (!mk_json_parse("input", (const char *)data, size, &doc)) {
        if (!mk_workload_from_json(doc, &workload)) {
            there_and_back(&workload);
            unroll(&workload);
            if (!mk_workload_set(&workload, "keys.count", "77", &err)) there_and_back(&workload);
        }
        mk_record_free(&mk_workload_record, &workload);
    }
    mk_json_report(doc, &report);
    mk_text_free(&report);
    mk_json_free(doc);
    return 0;
}
