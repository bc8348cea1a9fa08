/* orders_file.c - what is kept of the search for needed orders: the tables of its records, reading and writing. */
#include "orders.h"

#include <stdlib.h>

#include "../json.h"
#include "../record.h"

#define FILE_LIMIT_BYTES (64u << 20)

const char *const mk_order_verdict_names[] = {"needed", "not shown needed", "not reached", NULL};

#define FIELD(STRUCT, MEMBER, TYPE, FLAGS, HELP) \
    {.name = #MEMBER, .type = TYPE, .flags = FLAGS, .offset = MK_AT(STRUCT, MEMBER), .help = HELP}
#define LIST(STRUCT, MEMBER, RECORD, HELP)                                                                     \
    {                                                                                                          \
        .name = #MEMBER, .type = MK_FIELD_RECORD_LIST, .offset = MK_LIST_AT(STRUCT, MEMBER), .record = RECORD, \
        .help = HELP                                                                                           \
    }

static const struct mk_field step_fields[] = {
    FIELD(mk_order_step, file, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "Source file of the access."),
    FIELD(mk_order_step, number, MK_FIELD_U32, 0, "Number of its comment; 0 = it has none."),
    FIELD(mk_order_step, line, MK_FIELD_U32, 0, "Line where the access began, when this was written."),
    FIELD(mk_order_step, access, MK_FIELD_TEXT, 0, "As the comment calls it: \"release-CAS\"."),
    FIELD(mk_order_step, text, MK_FIELD_TEXT, 0, "What else the comment says."),
    FIELD(mk_order_step, act, MK_FIELD_TEXT, MK_FIELD_REQUIRED,
          "load, store, rmw, fence; or failure: the order of a compare-exchange that fails."),
    FIELD(mk_order_step, from, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "Order of the source."),
    FIELD(mk_order_step, to, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "Order it was carried out with."),
    {.name = "verdict",
     .type = MK_FIELD_ENUM,
     .offset = MK_AT(mk_order_step, verdict),
     .names = mk_order_verdict_names,
     .help = "Whether a schedule failed so."},
    FIELD(mk_order_step, schedules, MK_FIELD_U64, 0, "Schedules that were tried."),
    FIELD(mk_order_step, weakest, MK_FIELD_TEXT, 0,
          "Where it was not shown needed: the weakest order that did not fail either, with a quarter of the "
          "schedules."),
    FIELD(mk_order_step, kept, MK_FIELD_TEXT, 0, "Why the source keeps an order that was not shown needed."),
    FIELD(mk_order_step, program, MK_FIELD_TEXT, 0, "Program of the schedule that fails; absent = none was found."),
    FIELD(mk_order_step, seed, MK_FIELD_U64, 0, "Seed of its exploration."),
    FIELD(mk_order_step, after, MK_FIELD_U64, 0, "The so many-th schedule of that exploration fails."),
    FIELD(mk_order_step, rule, MK_FIELD_TEXT, 0, "What sort of failure: \"model/data-race\"."),
    FIELD(mk_order_step, what, MK_FIELD_TEXT, 0, "The failure in one sentence."),
    FIELD(mk_order_step, token, MK_FIELD_TEXT, 0, "Carries out that schedule, in the build that wrote it."),
    {0},
};
const struct mk_record mk_order_step_record = {
    "order_step", sizeof(struct mk_order_step), step_fields, "One access with a weaker order than the source says.",
};

static const struct mk_field unclean_fields[] = {
    FIELD(mk_orders_unclean, program, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "The program that fails."),
    FIELD(mk_orders_unclean, what, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "The failure in one sentence."),
    FIELD(mk_orders_unclean, token, MK_FIELD_TEXT, 0, "Carries out that schedule, in the build that wrote it."),
    {0},
};
static const struct mk_record unclean_record = {
    "orders_unclean", sizeof(struct mk_orders_unclean), unclean_fields,
    "What fails with no order weakened. Its oracle is left out: what it found would prove nothing.",
};

static const struct mk_field orders_fields[] = {
    FIELD(mk_orders, identity, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "What was judged."),
    FIELD(mk_orders, schedules, MK_FIELD_U64, 0, "Schedules without weakening."),
    LIST(mk_orders, unclean, &unclean_record, "What of these failed."),
    FIELD(mk_orders, budget, MK_FIELD_U64, 0, "Schedules for each step, at most."),
    FIELD(mk_orders, coverage, MK_FIELD_TEXT, 0, "Which numbered accesses were carried out, without weakening."),
    LIST(mk_orders, steps, &mk_order_step_record, "By file and line."),
    {0},
};
const struct mk_record mk_orders_record = {
    "orders_of_impl", sizeof(struct mk_orders), orders_fields, "The memory orders of one implementation.",
};

static const struct mk_field file_fields[] = {
    FIELD(mk_orders_file, schema, MK_FIELD_TEXT, MK_FIELD_REQUIRED, "\"" MK_ORDERS_SCHEMA "\"."),
    LIST(mk_orders_file, impls, &mk_orders_record, "By identity, as they were asked for."),
    {0},
};
const struct mk_record mk_orders_file_record = {
    "orders", sizeof(struct mk_orders_file), file_fields, "Which memory orders were shown to be needed.",
};

static int complain(struct mk_json *doc, const char *path, struct mk_err *err) {
    const char *first = mk_json_first_error(doc);
    return mk_fail(err, "%.100s: %.140s", path, first ? first : "is no file of orders");
}

int mk_orders_read(const char *path, struct mk_orders_file *file, struct mk_err *err) {
    struct mk_json *doc;
    int failed = 0;
    memset(file, 0, sizeof *file);
    if (mk_json_read_file(path, FILE_LIMIT_BYTES, &doc) ||
        mk_json_read_record(doc, MK_JSON_ROOT, &mk_orders_file_record, file)) {
        failed = complain(doc, path, err);
    } else if (strcmp(file->schema, MK_ORDERS_SCHEMA) != 0) {
        failed = mk_fail(err, "%.100s: its schema is \"%.40s\", not \"" MK_ORDERS_SCHEMA "\"", path, file->schema);
    }
    mk_json_free(doc);
    if (failed) mk_record_free(&mk_orders_file_record, file);
    return failed;
}

void mk_orders_write(const struct mk_orders_file *file, bool tokens, struct mk_text *out) {
    struct mk_orders_file copy;
    mk_record_copy(&mk_orders_file_record, &copy, file);
    for (size_t i = 0; i < copy.impls_n && !tokens; i++) {
        for (size_t k = 0; k < copy.impls[i].unclean_n; k++) {
            free(copy.impls[i].unclean[k].token);
            copy.impls[i].unclean[k].token = NULL;
        }
        for (size_t k = 0; k < copy.impls[i].steps_n; k++) {
            free(copy.impls[i].steps[k].token);
            copy.impls[i].steps[k].token = NULL;
        }
    }
    mk_json_write_record(out, &mk_orders_file_record, &copy, 0);
    mk_text_putc(out, '\n');
    mk_record_free(&mk_orders_file_record, &copy);
}
