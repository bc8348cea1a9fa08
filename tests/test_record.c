/* test_record.c - records: presets, copies, equality, and the way to JSON and back. */
#include "test.h"

#include <math.h>
#include <stdlib.h>

#include "../harness/json.h"
#include "../harness/schema.h"

/* ---- a struct with every type of field ---------------------------------------------------- */

struct leaf {
    char *name;
    uint64_t weight;
};

struct sample {
    bool truth;
    uint32_t small, maybe_small;
    uint64_t whole, maybe_whole, digest;
    double real, maybe_real;
    char *text, *maybe_text, *absent_text;
    uint32_t choice, maybe_choice;
    char *raw;
    struct leaf leaf;
    uint64_t *wholes;
    size_t wholes_n;
    double *reals;
    size_t reals_n;
    char **texts;
    size_t texts_n;
    struct leaf *leaves;
    size_t leaves_n;
    struct mk_share *shares;
    size_t shares_n;
    uint64_t *counts;
    size_t counts_n;
    uint64_t hidden;
};

static const char *const choice_names[] = {"red", "green", "blue", NULL};

static const struct mk_field leaf_fields[] = {
    {.name = "name", .type = MK_FIELD_TEXT, .flags = MK_FIELD_REQUIRED, .offset = MK_AT(leaf, name), .help = "n"},
    {.name = "weight", .type = MK_FIELD_U64, .offset = MK_AT(leaf, weight), .preset = "7", .help = "w"},
    {0}};
static const struct mk_record leaf_record = {"leaf", sizeof(struct leaf), leaf_fields, "A leaf."};

#define PLAIN(TYPE, MEMBER, ...) \
    {.name = #MEMBER, .type = MK_FIELD_##TYPE, .offset = MK_AT(sample, MEMBER), .help = "h", __VA_ARGS__}
#define LIST(TYPE, MEMBER, ...) \
    {.name = #MEMBER, .type = MK_FIELD_##TYPE, .offset = MK_LIST_AT(sample, MEMBER), .help = "h", __VA_ARGS__}

static const struct mk_field sample_fields[] = {
    PLAIN(BOOL, truth, .preset = "true"),
    PLAIN(U32, small, .min = 1, .max = 10, .preset = "3"),
    PLAIN(U32, maybe_small, .flags = MK_FIELD_NULLABLE, .preset = "null"),
    PLAIN(U64, whole, .preset = "18446744073709551615"),
    PLAIN(U64, maybe_whole, .flags = MK_FIELD_NULLABLE, .preset = "null"),
    PLAIN(U64, digest, .flags = MK_FIELD_HEX),
    PLAIN(F64, real, .min = 0, .max = 1, .preset = "0.25"),
    PLAIN(F64, maybe_real, .flags = MK_FIELD_NULLABLE, .preset = "null"),
    PLAIN(TEXT, text, .preset = "\"a word\""),
    PLAIN(TEXT, maybe_text, .flags = MK_FIELD_NULLABLE),
    PLAIN(TEXT, absent_text),
    PLAIN(ENUM, choice, .names = choice_names, .preset = "\"green\""),
    PLAIN(ENUM, maybe_choice, .names = choice_names, .flags = MK_FIELD_NULLABLE, .preset = "null"),
    PLAIN(RAW, raw),
    PLAIN(RECORD, leaf, .record = &leaf_record),
    LIST(U64_LIST, wholes),
    LIST(F64_LIST, reals),
    LIST(TEXT_LIST, texts, .flags = MK_FIELD_ONE_OR_MANY),
    LIST(RECORD_LIST, leaves, .record = &leaf_record),
    LIST(SHARES, shares, .min = 0, .max = 1),
    LIST(COUNTS, counts, .min = 1, .max = 8),
    PLAIN(U64, hidden, .flags = MK_FIELD_INTERNAL),
    {0}};
static const struct mk_record sample_record = {"sample", sizeof(struct sample), sample_fields, "All types."};

static const char full_text[] =
    "{\"truth\": false, \"small\": 9, \"maybe_small\": 4, \"whole\": 9007199254740993, \"maybe_whole\": 0, "
    "\"digest\": \"0xfedcba9876543210\", \"real\": 0.125, \"maybe_real\": -3, \"text\": \"\", "
    "\"maybe_text\": \"y\", "
    "\"absent_text\": \"z\", \"choice\": \"blue\", \"maybe_choice\": \"red\", \"raw\": {\"a\": [1,  2]}, "
    "\"leaf\": {\"name\": \"l\", \"weight\": 1}, \"wholes\": [1, 18446744073709551615], \"reals\": [0.5, null], "
    "\"texts\": [\"one\", \"two\"], \"leaves\": [{\"name\": \"x\", \"weight\": 7}, {\"name\": \"y\", \"weight\": "
    "0}], \"shares\": {\"get\": 0.75, \"put\": 0.25}, \"counts\": [1, 8]}";

/* Reads a text into *out. Returns the complaints, which the caller frees. */
static char *read_sample(const char *text, struct sample *out) {
    struct mk_json *doc;
    struct mk_text report = {0};
    memset(out, 0, sizeof *out);
    if (!mk_json_parse("f", text, strlen(text), &doc)) {
        int failed = mk_json_read_record(doc, MK_JSON_ROOT, &sample_record, out);
        CHECK_EQ(failed != 0, mk_json_errors(doc) != 0);
    }
    mk_json_report(doc, &report);
    mk_json_free(doc);
    return mk_text_take(&report);
}

static void read_full(struct sample *out) {
    char *got = read_sample(full_text, out);
    CHECK_STR(got, "");
    free(got);
}

static void check_refused(const char *text, const char *want) {
    struct sample sample;
    char *got = read_sample(text, &sample);
    CHECK_STR(got, want);
    free(got);
    mk_record_free(&sample_record, &sample);
}

/* ---- tests -------------------------------------------------------------------------------- */

TEST(record_presets) {
    struct sample sample;
    mk_record_preset(&sample_record, &sample);
    CHECK(sample.truth);
    CHECK_EQ(sample.small, 3);
    CHECK_EQ(sample.maybe_small, UINT32_MAX);
    CHECK(sample.whole == UINT64_MAX && sample.maybe_whole == UINT64_MAX);
    CHECK(sample.real == 0.25 && isnan(sample.maybe_real));
    CHECK_STR(sample.text, "a word");
    CHECK(sample.maybe_text == NULL && sample.raw == NULL && sample.wholes == NULL);
    CHECK_EQ(sample.choice, 1);
    CHECK_EQ(sample.maybe_choice, UINT32_MAX);
    CHECK_EQ(sample.leaf.weight, 7);
    mk_record_free(&sample_record, &sample);
    CHECK(sample.text == NULL && !sample.truth);
}

TEST(record_comes_back_from_json) {
    struct sample first, second;
    struct mk_text text = {0};
    read_full(&first);
    CHECK_EQ(first.leaves_n, 2);
    CHECK_EQ(first.whole, 9007199254740993);
    CHECK(first.digest == 0xfedcba9876543210u);
    CHECK(first.reals_n == 2 && isnan(first.reals[1]));
    CHECK_STR(first.raw, "{\"a\": [1,  2]}");
    mk_json_write_record(&text, &sample_record, &first, -1);
    CHECK_STR(text.at, full_text);
    mk_text_free(&text);
    mk_json_write_record(&text, &sample_record, &first, 3); /* in lines, for people */
    char *got = read_sample(text.at, &second);
    CHECK_STR(got, "");
    free(got);
    CHECK(mk_record_equal(&sample_record, &first, &second));
    mk_record_free(&sample_record, &first);
    mk_record_free(&sample_record, &second);
    mk_text_free(&text);
}

TEST(record_writes_what_is_absent_so_that_it_reads_back) {
    struct sample first, second;
    struct mk_text text = {0};
    char *got = read_sample("{\"leaf\": {\"name\": \"l\"}}", &first);
    CHECK_STR(got, "");
    free(got);
    mk_json_write_record(&text, &sample_record, &first, 0);
    CHECK(strstr(text.at, "\"maybe_small\": null,\n") != NULL);
    CHECK(strstr(text.at, "\"maybe_text\": null,\n") != NULL);
    CHECK(strstr(text.at, "\"absent_text\"") == NULL);
    CHECK(strstr(text.at, "\"counts\": \"auto\"") != NULL);
    CHECK(strstr(text.at, "\"hidden\"") == NULL);
    got = read_sample(text.at, &second);
    CHECK_STR(got, "");
    free(got);
    CHECK(mk_record_equal(&sample_record, &first, &second));
    mk_record_free(&sample_record, &first);
    mk_record_free(&sample_record, &second);
    mk_text_free(&text);
}

TEST(record_lays_out_lines) {
    struct sample sample;
    struct mk_text text = {0};
    read_full(&sample);
    mk_json_write_record(&text, &sample_record, &sample, 0);
    CHECK(strstr(text.at, "{\n  \"truth\": false,\n  \"small\": 9,\n") == text.at);
    CHECK(strstr(text.at, "\n  \"wholes\": [1, 18446744073709551615],\n") != NULL);
    CHECK(strstr(text.at, "\n  \"leaves\": [\n    {\"name\": \"x\", \"weight\": 7},\n    {\"name\"") != NULL);
    CHECK(strstr(text.at, "\n  \"leaf\": {\"name\": \"l\", \"weight\": 1},\n") != NULL);
    CHECK_STR(text.at + text.n - 2, "\n}");
    mk_record_free(&sample_record, &sample);
    mk_text_free(&text);
}

TEST(record_copies_deeply) {
    struct sample first, second;
    read_full(&first);
    mk_record_copy(&sample_record, &second, &first);
    CHECK(mk_record_equal(&sample_record, &first, &second));
    CHECK(first.text != second.text && first.leaves != second.leaves && first.texts[0] != second.texts[0]);
    CHECK(first.leaves[1].name != second.leaves[1].name && first.shares[0].name != second.shares[0].name);
    mk_record_free(&sample_record, &first);
    CHECK_STR(second.leaves[1].name, "y");
    mk_record_free(&sample_record, &second);
}

/* Changes one thing at a time: equality must see each. */
TEST(record_equality_sees_every_field) {
    struct sample a, b;
    char other[] = "x", *own;
    read_full(&a);
    read_full(&b);
    CHECK(mk_record_equal(&sample_record, &a, &b));
    own = b.text;
#define SEES(CHANGE, BACK)                               \
    CHANGE;                                              \
    CHECK(!mk_record_equal(&sample_record, &a, &b));     \
    BACK;                                                \
    CHECK(mk_record_equal(&sample_record, &a, &b))
    SEES(b.truth = true, b.truth = false);
    SEES(b.small = 1, b.small = 9);
    SEES(b.digest++, b.digest--);
    SEES(b.real = NAN, b.real = 0.125);
    SEES(b.text = other, b.text = own);
    SEES(b.choice = 0, b.choice = 2);
    SEES(b.leaf.weight = 2, b.leaf.weight = 1);
    SEES(b.wholes[1]--, b.wholes[1]++);
    SEES(b.reals[0] = 0, b.reals[0] = 0.5);
    SEES(b.texts_n = 1, b.texts_n = 2);
    SEES(b.leaves[1].name[0] = 'q', b.leaves[1].name[0] = 'y');
    SEES(b.shares[1].value = 0.5, b.shares[1].value = 0.25);
    SEES(b.shares[0].name[0] = 's', b.shares[0].name[0] = 'g');
    SEES(b.counts[0] = 2, b.counts[0] = 1);
    SEES(b.hidden = 1, b.hidden = 0);
#undef SEES
    mk_record_free(&sample_record, &a);
    mk_record_free(&sample_record, &b);
}

TEST(record_takes_short_forms) {
    struct sample sample;
    char *got = read_sample("{\"leaf\": {\"name\": \"l\"}, \"texts\": \"one\", \"counts\": 5}", &sample);
    CHECK_STR(got, "");
    free(got);
    CHECK_EQ(sample.texts_n, 1);
    CHECK_STR(sample.texts[0], "one");
    CHECK_EQ(sample.counts_n, 1);
    CHECK_EQ(sample.counts[0], 5);
    mk_record_free(&sample_record, &sample);
    got = read_sample("{\"counts\": \"auto\", \"maybe_text\": null, \"maybe_choice\": null}", &sample);
    CHECK_STR(got, "");
    free(got);
    CHECK_EQ(sample.counts_n, 0);
    CHECK_EQ(sample.maybe_choice, UINT32_MAX);
    mk_record_free(&sample_record, &sample);
}

TEST(record_says_what_each_field_takes) {
    check_refused("{\"truth\": 1}", "f:1:11: error: \"truth\" must be true or false, got 1\n");
    check_refused("{\"small\": 11}", "f:1:11: error: \"small\" must be between 1 and 10, got 11\n");
    check_refused("{\"maybe_small\": 4294967296}",
                  "f:1:17: error: \"maybe_small\" must be between 0 and 4294967295, got 4294967296\n");
    check_refused("{\"whole\": 4.5}", "f:1:11: error: \"whole\" must be a whole number, got 4.5\n");
    check_refused("{\"digest\": 5}", "f:1:12: error: \"digest\" must be text such as \"0x1f\", got 5\n");
    check_refused("{\"digest\": \"0x11112222333344445\"}",
                  "f:1:12: error: \"digest\" must be text with at most 16 hexadecimal digits behind 0x, got "
                  "\"0x11112222333344445\"\n");
    check_refused("{\"real\": null}", "f:1:10: error: \"real\" must be a number, got null\n");
    check_refused("{\"text\": null}", "f:1:10: error: \"text\" must be text in double quotes, got null\n");
    check_refused("{\"choice\": \"gren\"}",
                  "f:1:12: error: \"choice\" must be one of \"red\", \"green\", \"blue\", got \"gren\", did you "
                  "mean \"green\"?\n");
    check_refused("{\"raw\": 5}", "f:1:9: error: \"raw\" must be an object or a list, got 5\n");
    check_refused("{\"leaf\": []}", "f:1:10: error: \"leaf\" must be an object, got a list\n");
    check_refused("{\"leaf\": {}}", "f:1:10: error: missing key \"name\"\n");
    check_refused("{\"wholes\": [1, -2]}",
                  "f:1:16: error: \"wholes\" must be between 0 and 18446744073709551615, got -2\n");
    check_refused("{\"texts\": [1]}", "f:1:12: error: \"texts\" must be text in double quotes, got 1\n");
    check_refused("{\"leaves\": [1]}", "f:1:13: error: a leaf must be an object, got 1\n");
    check_refused("{\"shares\": {\"get\": 2}}", "f:1:20: error: \"get\" must be between 0 and 1, got 2\n");
    check_refused("{\"counts\": [9]}", "f:1:13: error: \"counts\" must be between 1 and 8, got 9\n");
    check_refused("{\"leaf\": {\"name\": \"n\", \"nmae\": 1}}",
                  "f:1:24: error: unknown key \"nmae\", did you mean \"name\"?\n");
    check_refused("{\"leaf\": {\"name\": \"n\", \"colour\": 1}}",
                  "f:1:24: error: unknown key \"colour\" (known here: name, weight)\n");
    check_refused("{\"hidden\": 1}", "f:1:2: error: unknown key \"hidden\"\n");
    check_refused("[]", "f:1:1: error: a sample must be an object, got a list\n");
}

TEST(record_keeps_presets_of_what_is_refused) {
    struct sample sample;
    free(read_sample("{\"small\": 11, \"text\": 5, \"choice\": \"gray\", \"truth\": 0, \"leaf\": {\"weight\": -1}}",
                     &sample));
    CHECK(sample.truth);
    CHECK_EQ(sample.small, 3);
    CHECK_STR(sample.text, "a word");
    CHECK_EQ(sample.choice, 1);
    CHECK_EQ(sample.leaf.weight, 7);
    mk_record_free(&sample_record, &sample);
}

TEST(record_lists_grow_however_they_were_made) {
    uint64_t *list = mk_need(3, sizeof *list); /* exactly as long as it must be */
    size_t n = 3;
    list[2] = 42;
    for (uint64_t i = 3; i < 1000; i++) *(uint64_t *)mk_grow(&list, &n, sizeof *list) = i;
    CHECK_EQ(n, 1000);
    CHECK(list[2] == 42 && list[3] == 3 && list[999] == 999);
    CHECK_EQ(*(uint64_t *)mk_grow(&list, &n, sizeof *list), 0);
    free(list);
    CHECK(mk_record_field(&sample_record, "leaf") == &sample_fields[14]);
    CHECK(mk_record_field(&sample_record, "leafs") == NULL);
}

TEST(record_describes_itself) {
    struct mk_text schema = {0}, page = {0};
    struct mk_json *doc;
    mk_schema_write(&schema, &sample_record, "test/1");
    CHECK_EQ(mk_json_parse("schema", schema.at, schema.n, &doc), 0);
    CHECK_EQ(mk_json_errors(doc), 0);
    uint32_t defs = mk_json_get(doc, MK_JSON_ROOT, "$defs"), sample = mk_json_get(doc, defs, "sample"),
             properties = mk_json_get(doc, sample, "properties");
    for (const struct mk_field *field = sample_fields; field->name; field++) {
        bool shown = !(field->flags & MK_FIELD_INTERNAL);
        CHECK_EQ(mk_json_get(doc, properties, field->name) != MK_JSON_NONE, shown);
    }
    char *required = mk_json_raw(doc, mk_json_get(doc, mk_json_get(doc, defs, "leaf"), "required"));
    CHECK_STR(required, "[\"name\"]");
    free(required);
    mk_json_free(doc);
    mk_schema_write_reference(&page, &sample_record, "test/1");
    CHECK(strstr(page.at, "| `choice` | one of `\"red\"`, `\"green\"`, `\"blue\"` | `\"green\"` | h |\n") != NULL);
    CHECK(strstr(page.at, "| `leaves` | list of [leaf](#leaf) |  | h |\n") != NULL);
    CHECK(strstr(page.at, "\n## leaf\n\nA leaf.\n") != NULL);
    CHECK(strstr(page.at, "hidden") == NULL);
    mk_text_free(&schema);
    mk_text_free(&page);
}
