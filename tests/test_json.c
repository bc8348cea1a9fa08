/* test_json.c - JSON: what is refused and where, exact numbers both ways, writing whole files. */
#include "child.h"
#include "test.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../harness/json.h"
#include "../harness/rng.h"

/* Returns all complaints about a text; the caller frees them. */
static char *complaints(const char *text, size_t length) {
    struct mk_json *doc;
    struct mk_text report = {0};
    mk_json_parse("f", text, length, &doc);
    mk_json_report(doc, &report);
    mk_json_free(doc);
    return mk_text_take(&report);
}

static void check_complaints(const char *text, const char *want) {
    char *got = complaints(text, strlen(text));
    CHECK_STR(got, want);
    free(got);
}

TEST(json_walks_a_document) {
    const char *text = " {\"a\": [1, true, null, \"x\\u00e9\\n\"], \"b\": {}, \"c\": -2.5e1}";
    struct mk_json *doc;
    uint64_t whole = 0;
    double real = 0;
    bool truth = false;
    CHECK_EQ(mk_json_parse("f", text, strlen(text), &doc), 0);
    uint32_t a = mk_json_get(doc, MK_JSON_ROOT, "a"), one = mk_json_first(doc, a), two = mk_json_next(doc, one),
             three = mk_json_next(doc, two), four = mk_json_next(doc, three);
    CHECK_EQ(mk_json_type(doc, MK_JSON_ROOT), MK_JSON_OBJECT);
    CHECK_EQ(mk_json_count(doc, MK_JSON_ROOT), 3);
    CHECK_EQ(mk_json_type(doc, a), MK_JSON_LIST);
    CHECK_EQ(mk_json_count(doc, a), 4);
    CHECK_STR(mk_json_key(doc, a), "a");
    CHECK(mk_json_key(doc, one) == NULL);
    CHECK(mk_json_u64(doc, one, &whole) && whole == 1);
    CHECK(mk_json_bool(doc, two, &truth) && truth);
    CHECK_EQ(mk_json_type(doc, three), MK_JSON_NULL);
    CHECK_STR(mk_json_text(doc, four), "xé\n");
    CHECK_EQ(mk_json_next(doc, four), MK_JSON_NONE);
    CHECK_EQ(mk_json_type(doc, mk_json_get(doc, MK_JSON_ROOT, "b")), MK_JSON_OBJECT);
    CHECK(mk_json_f64(doc, mk_json_get(doc, MK_JSON_ROOT, "c"), &real) && real == -25);
    CHECK(!mk_json_u64(doc, mk_json_get(doc, MK_JSON_ROOT, "c"), &whole));
    CHECK_EQ(mk_json_get(doc, MK_JSON_ROOT, "A"), MK_JSON_NONE); /* keys are case-sensitive */
    CHECK_EQ(mk_json_get(doc, a, "x"), MK_JSON_NONE);
    char *raw = mk_json_raw(doc, a);
    CHECK_STR(raw, "[1, true, null, \"x\\u00e9\\n\"]");
    free(raw);
    CHECK_STR(mk_json_source(doc), text);
    mk_json_free(doc);
}

TEST(json_answers_no_node_with_nothing) {
    struct mk_json *doc;
    double real;
    mk_json_parse("f", "[]", 2, &doc);
    CHECK_EQ(mk_json_first(doc, MK_JSON_ROOT), MK_JSON_NONE);
    CHECK_EQ(mk_json_next(doc, MK_JSON_NONE), MK_JSON_NONE);
    CHECK_EQ(mk_json_get(doc, MK_JSON_NONE, "a"), MK_JSON_NONE);
    CHECK_EQ(mk_json_count(doc, MK_JSON_NONE), 0);
    CHECK(mk_json_text(doc, MK_JSON_NONE) == NULL);
    CHECK(!mk_json_f64(doc, MK_JSON_NONE, &real));
    CHECK(!mk_json_spoiled(doc, MK_JSON_NONE));
    mk_json_free(doc);
}

TEST(json_complains_in_the_order_of_the_text) {
    const char *text = "{\n  \"é\": 1, \"b\": [2],\n\"c\": 3}";
    struct mk_json *doc;
    struct mk_text report = {0};
    mk_json_parse("f", text, strlen(text), &doc);
    uint32_t b = mk_json_get(doc, MK_JSON_ROOT, "b"), c = mk_json_get(doc, MK_JSON_ROOT, "c");
    mk_json_error(doc, c, "third");
    mk_json_error_at_key(doc, b, "first");
    mk_json_error(doc, b, "second %d", 2);
    mk_json_error(doc, b, "second %d", 2); /* once is enough */
    mk_json_error(doc, MK_JSON_NONE, "of the file");
    CHECK_EQ(mk_json_errors(doc), 5);
    CHECK(mk_json_spoiled(doc, b) && mk_json_spoiled(doc, MK_JSON_ROOT));
    CHECK(!mk_json_spoiled(doc, mk_json_first(doc, b)));
    CHECK_STR(mk_json_first_error(doc), "of the file");
    mk_json_report(doc, &report);
    CHECK_STR(report.at, "f: error: of the file\nf:2:11: error: first\nf:2:16: error: second 2\n"
                         "f:3:6: error: third\n");
    mk_text_free(&report);
    mk_json_free(doc);
}

TEST(json_keeps_a_thousand_complaints) {
    struct mk_json *doc;
    struct mk_text report = {0};
    size_t lines = 0;
    mk_json_parse("f", "[1]", 3, &doc);
    for (int i = 0; i < 2500; i++) mk_json_error(doc, MK_JSON_ROOT, "number %d", i);
    CHECK_EQ(mk_json_errors(doc), 2500);
    mk_json_report(doc, &report);
    for (const char *at = report.at; (at = strchr(at, '\n')); at++) lines++;
    CHECK_EQ(lines, MK_JSON_ERRORS_MAX + 1);
    CHECK(strstr(report.at, "f: error: and 1500 more errors\n") != NULL);
    CHECK(mk_json_spoiled(doc, mk_json_first(doc, MK_JSON_ROOT))); /* it may be one of those not kept */
    mk_text_free(&report);
    mk_json_free(doc);
}

TEST(json_finds_every_duplicate) {
    check_complaints("{\"a\": 1, \"a\": 2, \"b\": {\"c\": 1, \"\\u0063\": 2}, \"a\": 3}",
                     "f:1:10: error: duplicate key \"a\"\nf:1:32: error: duplicate key \"c\"\n"
                     "f:1:46: error: duplicate key \"a\"\n");
    struct mk_text many = {0}; /* enough for the table that finds them in large objects */
    for (int i = 0; i < 5000; i++) mk_text_printf(&many, "%s\"k%d\": 0", i ? ", " : "{", i);
    mk_text_puts(&many, "}");
    char *got = complaints(many.at, many.n);
    CHECK_STR(got, "");
    free(got);
    many.n--;
    mk_text_puts(&many, ",\n\"k4321\": 0,\n\"K1\": 0,\n\"k0\": 0}");
    got = complaints(many.at, many.n);
    CHECK_STR(got, "f:2:1: error: duplicate key \"k4321\"\nf:4:1: error: duplicate key \"k0\"\n");
    free(got);
    mk_text_free(&many);
}

TEST(json_refuses_a_hundred_megabytes_of_brackets) {
    size_t length = 100 << 20;
    char *text = malloc(length);
    if (!text) SKIP("no memory for 100 MB of text");
    memset(text, '[', length);
    char *got = complaints(text, length);
    CHECK_STR(got, "f:1:65: error: lists and objects are nested more than 64 deep\n");
    free(got);
    free(text);
}

TEST(json_takes_the_deepest_document) {
    struct mk_text text = {0};
    mk_text_repeat(&text, '[', MK_JSON_DEPTH_MAX);
    mk_text_repeat(&text, ']', MK_JSON_DEPTH_MAX);
    char *got = complaints(text.at, text.n);
    CHECK_STR(got, "");
    free(got);
    mk_text_free(&text);
}

TEST(json_names_what_is_wrong_with_a_file) {
    struct mk_json *doc;
    struct mk_text report = {0};
    char path[256];
    int fd = child_file(path, sizeof path);
    CHECK(write(fd, "[1, 2]", 6) == 6);
    CHECK_EQ(mk_json_read_file(path, 5, &doc), -1); /* one byte too many */
    CHECK_STR(mk_json_first_error(doc), "has more than 0 MiB, which is the limit");
    mk_json_free(doc);
    CHECK_EQ(mk_json_read_file(path, 6, &doc), 0);
    CHECK_EQ(mk_json_count(doc, MK_JSON_ROOT), 2);
    CHECK_STR(mk_json_path(doc), path);
    mk_json_free(doc);
    CHECK_EQ(ftruncate(fd, 0), 0);
    CHECK_EQ(mk_json_read_file(path, 100, &doc), -1);
    CHECK_STR(mk_json_first_error(doc), "is empty");
    mk_json_free(doc);
    close(fd);
    unlink(path);
    CHECK_EQ(mk_json_read_file("/nonexistent/w.json", 100, &doc), -1);
    mk_json_report(doc, &report);
    CHECK_STR(report.at, "/nonexistent/w.json: error: cannot be read: No such file or directory\n");
    mk_json_free(doc);
    CHECK_EQ(mk_json_read_file("/tmp", 100, &doc), -1);
    CHECK_STR(mk_json_first_error(doc), "is a directory, not a file");
    mk_json_free(doc);
    mk_text_free(&report);
}

/* ---- numbers ------------------------------------------------------------------------------ */

static bool reads_u64(const char *text, uint64_t *value) {
    struct mk_json *doc;
    bool read = mk_json_parse("f", text, strlen(text), &doc) == 0 && mk_json_u64(doc, MK_JSON_ROOT, value);
    mk_json_free(doc);
    return read;
}

TEST(json_keeps_64_bits) {
    static const uint64_t values[] = {0, 1, 9, 10, UINT32_MAX, 9007199254740993u, 1000000000000000001u,
                                      UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct mk_text text = {0};
        char printed[32];
        uint64_t back = 0;
        mk_json_write_u64(&text, values[i]);
        snprintf(printed, sizeof printed, "%" PRIu64, values[i]);
        CHECK_STR(text.at, printed);
        CHECK(reads_u64(text.at, &back) && back == values[i]);
        mk_text_free(&text);
    }
}

TEST(json_takes_no_lossy_integer) {
    static const char *const refused[] = {"18446744073709551616", "1e30", "4.5", "-1", "-0", "1e17",
                                          "1.8446744073709552e19", "1e-3", "\"1\"", "null",
                                          "99999999999999999999999999"};
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (!reads_u64(refused[i], &value)) continue;
        mk_test_fail(__FILE__, __LINE__, "%s was taken as %" PRIu64, refused[i], value);
    }
    CHECK(reads_u64("1e6", &value) && value == 1000000);
    CHECK(reads_u64("4.0", &value) && value == 4);
    CHECK(reads_u64("9007199254740992.0", &value) && value == 9007199254740992u);
}

static void check_f64(double value) {
    struct mk_text text = {0};
    mk_json_write_f64(&text, value);
    double back = strtod(text.at, NULL);
    if (memcmp(&back, &value, sizeof back) != 0) {
        mk_test_fail(__FILE__, __LINE__, "%a came back as %s", value, text.at);
    }
    mk_text_free(&text);
}

TEST(json_writes_the_shortest_double) {
    static const struct {
        double value;
        const char *text;
    } known[] = {{0, "0"},       {-0.0, "-0"},  {1, "1"},         {0.1, "0.1"},      {0.3, "0.3"},
                 {1e21, "1e+21"}, {-2.5, "-2.5"}, {1e-7, "1e-07"}, {1.0 / 3, "0.3333333333333333"},
                 {NAN, "null"},  {INFINITY, "null"}, {-INFINITY, "null"}, {0.1 + 0.2, "0.30000000000000004"}};
    struct mk_rng rng;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct mk_text text = {0};
        mk_json_write_f64(&text, known[i].value);
        CHECK_STR(text.at, known[i].text);
        mk_text_free(&text);
    }
    mk_rng_seed(&rng, 1);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = mk_rng_next(&rng);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) check_f64(value);
        check_f64((double)(bits >> 40) / 1000);
    }
    check_f64(5e-324);
    check_f64(1.7976931348623157e308);
}

TEST(json_escapes_text) {
    struct mk_text text = {0};
    mk_json_write_text(&text, "a\"b\\c\n\t\r\x01\x7f é😀 \xff\xc0\xaf");
    CHECK_STR(text.at, "\"a\\\"b\\\\c\\n\\t\\u000d\\u0001\\u007f é😀 \\ufffd\\ufffd\\ufffd\"");
    char *got = complaints(text.at, text.n);
    CHECK_STR(got, "");
    free(got);
    text.n = 0;
    mk_json_write_text(&text, NULL);
    CHECK_STR(text.at, "null");
    mk_text_free(&text);
}

/* ---- files -------------------------------------------------------------------------------- */

static void check_file(const char *path, const char *want) {
    struct mk_text text = {0};
    struct mk_err err = {""};
    if (mk_text_load(&text, path, 1 << 20, &err)) mk_test_fail(__FILE__, __LINE__, "%s: %s", path, err.text);
    else CHECK_STR(text.at, want);
    mk_text_free(&text);
}

TEST(text_is_saved_whole_or_not_at_all) {
    char folder[200], path[256], link[256];
    struct mk_text text = {0};
    struct mk_err err = {""};
    struct stat status;
    child_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/a.json", folder);
    snprintf(link, sizeof link, "%s/b.json", folder);
    mk_text_puts(&text, "first");
    CHECK_EQ(mk_text_save(&text, path, &err), 0);
    check_file(path, "first");
    CHECK_EQ(symlink("a.json", link), 0);
    mk_text_puts(&text, " and second");
    CHECK_EQ(mk_text_save(&text, link, &err), 0); /* what the link names, not the link */
    check_file(path, "first and second");
    CHECK(lstat(link, &status) == 0 && S_ISLNK(status.st_mode));
    /* A disk that is full in the middle: what was there stays, and nothing else. */
    struct rlimit old, small = {4096, 0};
    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    mk_text_repeat(&text, 'x', 100000);
    CHECK_EQ(mk_text_save(&text, path, &err), -1);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
    CHECK(strstr(err.text, "a.json: File too large; no file was changed") != NULL);
    check_file(path, "first and second");
    unlink(link);
    unlink(path);
    CHECK_EQ(rmdir(folder), 0); /* empty: no temporary file was left */
    mk_text_free(&text);
}

TEST(text_goes_into_devices_as_they_are) {
    struct mk_text text = {0};
    struct mk_err err = {""};
    struct stat status;
    mk_text_puts(&text, "x");
    CHECK_EQ(mk_text_save(&text, "/dev/null", &err), 0);
    CHECK(stat("/dev/null", &status) == 0 && S_ISCHR(status.st_mode));
    if (access("/dev/full", W_OK) == 0) {
        CHECK_EQ(mk_text_save(&text, "/dev/full", &err), -1);
        CHECK_STR(err.text, "cannot write to /dev/full: No space left on device");
    }
    CHECK_EQ(mk_text_save(&text, "/tmp", &err), -1);
    CHECK_STR(err.text, "cannot write /tmp: it is a directory, name a file in it");
    CHECK_EQ(mk_text_save(&text, "/nonexistent/a", &err), -1);
    CHECK_STR(err.text, "cannot write /nonexistent/a: No such file or directory; no file was changed");
    mk_text_free(&text);
}

TEST(text_grows) {
    struct mk_text text = {0};
    char *nothing = mk_text_take(&text);
    CHECK_STR(nothing, "");
    free(nothing);
    for (int i = 0; i < 1000; i++) mk_text_printf(&text, "%d,", i);
    CHECK_EQ(text.n, 3890);
    CHECK_EQ(strlen(text.at), 3890);
    mk_text_printf(&text, "%300s", "");
    CHECK_EQ(text.n, 4190);
    char *all = mk_text_take(&text);
    CHECK_EQ(strncmp(all, "0,1,2,", 6), 0);
    CHECK(text.at == NULL && text.n == 0);
    free(all);
}
