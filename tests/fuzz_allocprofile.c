/* fuzz_allocprofile.c - fuzz target: any bytes as a profile of allocations. What is taken comes back the same when
 * it is written and read again; a trace that is made of it is whole, and a profile can be fitted to that, which is
 * taken as well. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../harness/allocprofile.h"
#include "../harness/json.h"

#define EVENTS 1000
#define THREADS 16 /* of more than that no trace is made: each takes a buffer */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds, const char *what, const char *why) {
    if (holds) return;
    fprintf(stderr, "fuzz_allocprofile: %s: %s\n", what, why);
    abort();
}

static void there_and_back(const struct mk_allocprofile *profile) {
    struct mk_text text = {0}, report = {0};
    struct mk_json *doc;
    struct mk_allocprofile again;
    mk_allocprofile_write(profile, &text);
    demand(!mk_json_parse("written", text.at, text.n, &doc), "what was written is no JSON", text.at);
    int failed = mk_allocprofile_from_json(doc, &again);
    mk_json_report(doc, &report);
    demand(!failed, "what was written is refused", report.at ? report.at : "");
    demand(mk_record_equal(&mk_allocprofile_record, profile, &again), "what was written says something else",
           text.at);
    mk_allocprofile_free(&again);
    mk_json_free(doc);
    mk_text_free(&text);
    mk_text_free(&report);
}

static void fit(const void *bytes, size_t n) {
    struct mk_alloctrace trace;
    struct mk_allocprofile profile;
    struct mk_err err = {""};
    demand(!mk_alloctrace_open_bytes(&trace, bytes, n, false, &err), "what was made does not open", err.text);
    demand(!mk_alloctrace_walk(&trace, NULL, NULL, &err), "what was made is no trace", err.text);
    if (!mk_allocprofile_fit(&trace, &profile, &err)) there_and_back(&profile);
    else demand(err.text[0], "nothing is fitted, without a word", "");
    mk_allocprofile_free(&profile);
    mk_alloctrace_close(&trace);
}

static void make(const struct mk_allocprofile *profile) {
    struct mk_allocprofile_made made;
    struct mk_err err = {""};
    uint64_t threads = 0;
    char *bytes;
    size_t n;
    for (size_t i = 0; i < profile->threads_n; i++) threads += profile->threads[i].threads;
    if (threads > THREADS) return;
    int failed = mk_allocprofile_bytes(profile, 1, EVENTS, &bytes, &n, &made, &err);
    demand(!failed == !err.text[0], "fails without a word, or talks without failing", err.text);
    if (!failed) fit(bytes, n);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct mk_json *doc;
    struct mk_allocprofile profile;
    struct mk_text report = {0};
    if (!mk_json_parse("input", (const char *)data, size, &doc)) {
        if (!mk_allocprofile_from_json(doc, &profile)) {
            there_and_back(&profile);
            make(&profile);
        }
        mk_allocprofile_free(&profile);
    }
    mk_json_report(doc, &report);
    mk_text_free(&report);
    mk_json_free(doc);
    return 0;
}
