/* test_orders.c - numbered comments, what was reached of them, and which orders are needed: of a program that is
 * known by heart, programs/orders_message.c.
 */
#include "../test.h"

#include <stdlib.h>

#include "../../harness/commands.h"
#include "../../harness/model/coverage.h"
#include "../../harness/model/orders.h"
#include "../../harness/record.h"
#include "../../harness/registry.h"
#include "../child.h"

#define FILE_OF_PROGRAM "tests/model/programs/orders_message.c"

/* ---- comments ------------------------------------------------------------------------------------ */

static const char synthetic[] =
    "/* kind/name - a file.\n"                                                           /* 1 */
    " * Unreached:  (4) it takes 2^32 nodes,\n"
    " *             and years\n"
    " * Limits:     (9) is no reason of anything\n"
    " * Kept:       (1, 3) by the proof above\n"                                         /* 5 */
    " * Unreached:  LIN take miss: by nobody\n"
    " */\n"
    "static const char *no = \"/* (7) acquire-load: no comment */ atomic_load_explicit(\";\n"
    "/* (1) release-CAS synchronizes-with the\n"
    " * acquire-load (2): the words. On failure relaxed */\n"                            /* 10 */
    "while (!atomic_compare_exchange_weak_explicit(a, &(struct w){0}, f(b),\n"
    "                                              memory_order_release,\n"
    "                                              memory_order_relaxed)) {\n"
    "}\n"
    "x = atomic_load_explicit(a, memory_order_acquire); /* (2) acquire-load synchronizes-with (1): them */\n"
    "/* LIN put hit, put miss: this one.\n"
    " * (3) acq-rel-exchange synchronizes-with (3): all */\n"
    "atomic_exchange_explicit(a, 1, memory_order_acq_rel);\n"
    "/* (4) relaxed: a count\n"
    " * (5) relaxed: another */\n"                                                       /* 20 */
    "atomic_fetch_add_explicit(c, 1, memory_order_relaxed);\n"
    "atomic_fetch_add_explicit(d, 1, memory_order_relaxed);\n"
    "/* LIN take hit: (2).\n"
    " * LIN take miss: none, nothing is taken. */\n"
    "static int take(void) {\n"                                                          /* 25 */
    "    pthread_mutex_lock(&m);\n"
    "}\n"
    "/* (6) light fence, with the heavy fence (8): what is before */\n"
    "mk_fence_light(a);\n"
    "/* (x) relaxed: no number */\n"                                                     /* 30 */
    "/* (10) without an order */\n"
    "/* LIN walk: inside the lock. */\n"
    "int walk(void)\n"
    "{\n"
    "    if (1) { pthread_rwlock_rdlock(&l); }\n"                                        /* 35 */
    "    return 1;\n"
    "}\n";

static void check_note(const struct mk_notes *notes, uint32_t number, const char *order, const char *access,
                       uint32_t first, uint32_t last) {
    const struct mk_note *note = mk_notes_find(notes, number);
    CHECK(note != NULL);
    if (!note) return;
    CHECK_STR(note->order, order);
    CHECK_STR(note->access, access);
    CHECK_EQ(note->spans_n, 1);
    if (note->spans_n != 1) return;
    CHECK_EQ(note->spans[0].first, first);
    CHECK_EQ(note->spans[0].last, last);
}

TEST(notes_are_read_as_lint_reads_them) {
    struct mk_notes notes;
    mk_notes_parse("impl/kind/name.c", synthetic, sizeof synthetic - 1, &notes);
    CHECK_EQ(notes.notes_n, 6);
    check_note(&notes, 1, "release", "CAS", 11, 13);
    check_note(&notes, 2, "acquire", "load", 15, 15);
    check_note(&notes, 3, "acq_rel", "exchange", 18, 18);
    check_note(&notes, 4, "relaxed", "", 21, 21);
    check_note(&notes, 5, "relaxed", "", 22, 22);
    check_note(&notes, 6, "light_fence", "", 29, 29);
    CHECK_STR(mk_notes_find(&notes, 1)->text,
              "synchronizes-with the acquire-load (2): the words. On failure relaxed");
    CHECK(mk_notes_find(&notes, 7) == NULL);
    CHECK(mk_notes_find(&notes, 10) == NULL);
    mk_notes_free(&notes);
}

TEST(notes_find_accesses_by_line_and_order) {
    struct mk_notes notes;
    mk_notes_parse("impl/kind/name.c", synthetic, sizeof synthetic - 1, &notes);
    CHECK(mk_notes_at(&notes, 12, MK_ACT_RMW, 3) == mk_notes_find(&notes, 1));
    CHECK(mk_notes_at(&notes, 12, MK_ACT_RMW, 2) == NULL);
    CHECK(mk_notes_at(&notes, 12, MK_ACT_LOAD, 3) == NULL);
    CHECK(mk_notes_at(&notes, 12, MK_ACT_RMW, -1) == mk_notes_find(&notes, 1));
    CHECK(mk_notes_at(&notes, 14, MK_ACT_RMW, 3) == NULL);
    CHECK(mk_notes_at(&notes, 29, MK_ACT_FENCE, 5) == mk_notes_find(&notes, 6));
    mk_notes_free(&notes);
}

TEST(notes_linearization_points) {
    struct mk_notes notes;
    mk_notes_parse("impl/kind/name.c", synthetic, sizeof synthetic - 1, &notes);
    CHECK_EQ(notes.lins_n, 4);
    CHECK_STR(notes.lins[0].what, "put hit, put miss");
    CHECK_STR(notes.lins[0].text, "this one.");
    CHECK_EQ(notes.lins[0].note, 3);
    CHECK_STR(notes.lins[1].what, "take hit");
    CHECK_EQ(notes.lins[1].note, 2);
    CHECK(!notes.lins[1].elsewhere);
    CHECK(notes.lins[2].elsewhere);
    CHECK_STR(notes.lins[3].what, "walk");
    CHECK_EQ(notes.lins[3].first, 33);
    CHECK_EQ(notes.lins[3].last, 37);
    CHECK(notes.lins[3].locks);
    CHECK_EQ(notes.lins[3].note, 0);
    mk_notes_free(&notes);
}

TEST(notes_reasons) {
    struct mk_notes notes;
    mk_notes_parse("impl/kind/name.c", synthetic, sizeof synthetic - 1, &notes);
    CHECK_EQ(notes.reasons_n, 4);
    CHECK_STR(mk_notes_reason(&notes, false, 4, NULL), "it takes 2^32 nodes, and years");
    CHECK_STR(mk_notes_reason(&notes, true, 3, NULL), "by the proof above");
    CHECK_STR(mk_notes_reason(&notes, true, 1, NULL), "by the proof above");
    CHECK_STR(mk_notes_reason(&notes, false, 0, "take miss"), "by nobody");
    CHECK(mk_notes_reason(&notes, false, 9, NULL) == NULL);
    CHECK(mk_notes_reason(&notes, false, 3, NULL) == NULL);
    mk_notes_free(&notes);
}

TEST(notes_of_texts_that_end_early) {
    static const char *const texts[] = {"", "/*", "/* (1)", "/* x */ /* (1) relaxed", "\"", "atomic_load_explicit(",
                                        "/* x */\n/* LIN put: */", "/* (3", "//", "/* x */ // (1) relaxed"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct mk_notes notes;
        mk_notes_parse("x.c", texts[i], strlen(texts[i]), &notes);
        CHECK(notes.notes_n <= 1);
        mk_notes_free(&notes);
    }
}

TEST(notes_of_a_file_that_is_not_there) {
    struct mk_notes notes;
    struct mk_err err;
    CHECK_EQ(mk_notes_read("impl/no/such_file.c", &notes, &err), -1);
    CHECK(strstr(err.text, "MK_SOURCE_DIR") != NULL);
}

/* ---- weakening ------------------------------------------------------------------------------------- */

TEST(weaker_orders) {
    CHECK_EQ(mk_weaker(MK_ACT_LOAD, false, 5, 0), 2);
    CHECK_EQ(mk_weaker(MK_ACT_STORE, false, 5, 0), 3);
    CHECK_EQ(mk_weaker(MK_ACT_RMW, false, 5, 0), 4);
    CHECK_EQ(mk_weaker(MK_ACT_RMW, false, 5, 1), -1);
    CHECK_EQ(mk_weaker(MK_ACT_RMW, false, 4, 0), 3);
    CHECK_EQ(mk_weaker(MK_ACT_RMW, false, 4, 1), 2);
    CHECK_EQ(mk_weaker(MK_ACT_RMW, false, 4, 2), -1);
    CHECK_EQ(mk_weaker(MK_ACT_RMW, true, 5, 0), 2);
    CHECK_EQ(mk_weaker(MK_ACT_RMW, true, 2, 0), 0);
    CHECK_EQ(mk_weaker(MK_ACT_FENCE, false, 5, 0), 4);
    CHECK_EQ(mk_weaker(MK_ACT_STORE, false, 3, 0), 0);
    CHECK_EQ(mk_weaker(MK_ACT_LOAD, false, 0, 0), -1);
}

TEST(weakenings_as_text) {
    struct mk_weakening rule = {.file = (char *)"impl/kind/name.c", .first = 12, .last = 14, .act = MK_ACT_RMW,
                                .from = 4, .to = 3};
    struct mk_err err;
    char *name = mk_weaken_name("kind/name@8/schedules/1f", &rule), *plain = NULL;
    CHECK_STR(name, "kind/name@8/schedules/1f/weaken=impl/kind/name.c@12,rmw,acq_rel-release");
    CHECK_EQ(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+@/()[]=,-"),
             strlen(name));
    CHECK_EQ(mk_weaken_named(name, &plain, &err), 0);
    CHECK_STR(plain, "kind/name@8/schedules/1f");
    free(plain);
    CHECK_EQ(mk_weaken_named("kind/name@8/schedules/1f", &plain, &err), 0);
    CHECK_STR(plain, "kind/name@8/schedules/1f");
    free(plain);
    CHECK_EQ(mk_weaken_named("x/weaken=impl/kind/name.c@12,rmw,strong-release", &plain, &err), -1);
    CHECK_EQ(mk_weaken_named("x/weaken=impl/kind/name.c@12,jump,acquire-relaxed", &plain, &err), -1);
    CHECK_EQ(mk_weaken_named("x/weaken=", &plain, &err), -1);
    free(name);
}

/* ---- a program --------------------------------------------------------------------------------------- */

void orders_message_begin(void *arg);
void orders_message_body(void *arg, uint32_t number);

static void fill(struct mk_made_program *out, const char *name) {
    memset(out, 0, sizeof *out);
    out->program.name = name;
    out->program.threads = 2;
    out->program.arg = (void *)name;
    out->program.begin = orders_message_begin;
    out->program.body = orders_message_body;
}

/* arg: the name of the only program there is. */
static int make(void *arg, uint64_t i, struct mk_made_program *out, struct mk_err *err) {
    (void)i, (void)err;
    fill(out, arg);
    return 0;
}

static int make_named(void *arg, const char *name, struct mk_made_program *out, struct mk_err *err) {
    if (strcmp(name, arg) != 0) return mk_fail(err, "there is no program %s any more", name);
    fill(out, arg);
    return 0;
}

static void free_nothing(struct mk_made_program *program) {
    (void)program;
}

static char *const files[] = {(char *)FILE_OF_PROGRAM};

static int judge(const char *program, const struct mk_orders *before, struct mk_orders *out) {
    struct mk_orders_source source = {.identity = "message", .files = files, .files_n = 1, .arg = (void *)program,
                                      .make = make, .make_named = make_named, .free = free_nothing};
    struct mk_orders_config config = {.schedules = 1000, .seed = 1, .before = before};
    struct mk_err err = {{0}};
    int failed = mk_orders_judge(&source, &config, out, &err);
    if (failed) mk_test_fail(__FILE__, __LINE__, "%s", err.text);
    return failed;
}

static const struct mk_order_step *step_of(const struct mk_orders *orders, uint32_t number) {
    static const struct mk_order_step none = {.verdict = UINT32_MAX};
    for (size_t i = 0; i < orders->steps_n; i++) {
        if (orders->steps[i].number == number) return &orders->steps[i];
    }
    mk_test_fail(__FILE__, __LINE__, "no step of (%u)", number);
    return &none;
}

TEST(orders_tells_what_is_needed) {
    struct mk_orders orders;
    if (!judge("message", NULL, &orders)) {
        CHECK_EQ(orders.steps_n, 3);
        CHECK_EQ(step_of(&orders, 1)->verdict, MK_ORDER_NEEDED);
        CHECK_EQ(step_of(&orders, 2)->verdict, MK_ORDER_NEEDED);
        CHECK_EQ(step_of(&orders, 4)->verdict, MK_ORDER_NOT_SHOWN);
        CHECK_EQ(step_of(&orders, 4)->schedules, 1000);
        CHECK_STR(step_of(&orders, 1)->access, "release-store");
        CHECK_STR(step_of(&orders, 1)->rule, "model/data-race");
        CHECK_STR(step_of(&orders, 4)->to, "acq_rel");
        CHECK_STR(step_of(&orders, 4)->weakest, "relaxed");
        CHECK(step_of(&orders, 1)->weakest == NULL);
        struct mk_orders_sum sum = mk_orders_sum(&orders);
        CHECK_EQ(sum.accesses, 3);
        CHECK_EQ(sum.proven, 2);
        CHECK(strstr(orders.coverage, "reached 5 of 7") != NULL);
    }
    mk_record_free(&mk_orders_record, &orders);
}

/* The token says program, weakening and schedule; with the weakening taken away the same schedule is clean. */
TEST(orders_tokens_prove_it) {
    struct mk_orders orders;
    struct mk_setting setting;
    struct mk_decisions decisions = {0};
    struct mk_made_program made;
    char *program = NULL, *plain = NULL, why[256] = "";
    struct mk_err err = {{0}};
    if (judge("message", NULL, &orders) || !step_of(&orders, 2)->token) {
        mk_record_free(&mk_orders_record, &orders);
        return;
    }
    CHECK_EQ(mk_token_parse(step_of(&orders, 2)->token, &program, &setting, &decisions, why, sizeof why), 0);
    CHECK_STR(why, "");
    CHECK_EQ(mk_weaken_named(program, &plain, &err), 0);
    CHECK_STR(plain, "message");
    fill(&made, "message");
    CHECK(mk_replay(&made.program, &setting, &decisions, NULL));
    CHECK_EQ(mk_rt.failure.kind, MK_FAIL_RACE);
    free(mk_rt.failure.detail);
    free(mk_rt.failure.picture);
    mk_weaken(NULL);
    CHECK(!mk_replay(&made.program, &setting, &decisions, NULL));
    free(decisions.at);
    free(program);
    free(plain);
    mk_record_free(&mk_orders_record, &orders);
}

TEST(orders_lost_with_the_oracle) {
    struct mk_orders before, now;
    struct mk_text text = {0};
    size_t gone;
    int failed = judge("message", NULL, &before);
    failed = judge("blind", &before, &now) || failed;
    if (!failed) {
        CHECK_EQ(mk_orders_lost(&before, &before, &text, &gone), 0);
        CHECK_EQ(mk_orders_lost(&before, &now, &text, &gone), 2);
        CHECK_EQ(gone, 0);
        CHECK(text.at && strstr(text.at, "(2) acquire-load as relaxed: no longer shown needed in 1000 schedules"));
        /* what the source does not have in this form is no loss */
        before.steps[0].number = 77;
        text.n = 0;
        CHECK_EQ(mk_orders_lost(&before, &now, &text, &gone), 1);
        CHECK_EQ(gone, 1);
    }
    mk_text_free(&text);
    mk_record_free(&mk_orders_record, &before);
    mk_record_free(&mk_orders_record, &now);
}

/* What is kept is tried first: no more schedules than the witness took. */
TEST(orders_begin_with_kept_witnesses) {
    struct mk_orders before, now;
    int failed = judge("message", NULL, &before);
    failed = judge("message", &before, &now) || failed;
    for (size_t i = 0; !failed && i < now.steps_n; i++) {
        if (before.steps[i].verdict != MK_ORDER_NEEDED) continue;
        CHECK_EQ(now.steps[i].verdict, MK_ORDER_NEEDED);
        CHECK_EQ(now.steps[i].schedules, before.steps[i].after);
        CHECK_STR(now.steps[i].token, before.steps[i].token);
    }
    mk_record_free(&mk_orders_record, &before);
    mk_record_free(&mk_orders_record, &now);
}

TEST(orders_kept_in_a_file) {
    struct mk_orders_file file = {.schema = mk_need_text(MK_ORDERS_SCHEMA)}, read;
    struct mk_orders *made = mk_grow(&file.impls, &file.impls_n, sizeof *made);
    struct mk_text text = {0};
    struct mk_err err = {{0}};
    char folder[256];
    child_folder(folder, sizeof folder);
    char *path = mk_need_format("%s/orders.json", folder);
    if (!judge("message", NULL, made)) {
        mk_orders_write(&file, false, &text);
        CHECK(strstr(text.at, "\"token\"") == NULL);
        CHECK_EQ(mk_text_save(&text, path, &err), 0);
        CHECK_EQ(mk_orders_read(path, &read, &err), 0);
        CHECK_STR(err.text, "");
        CHECK_EQ(read.impls_n, 1);
        CHECK_STR(read.impls[0].identity, "message");
        CHECK_EQ(read.impls[0].steps_n, made->steps_n);
        CHECK_STR(read.impls[0].steps[0].program, "message");
        CHECK_EQ(read.impls[0].steps[0].after, made->steps[0].after);
        mk_record_free(&mk_orders_file_record, &read);
    }
    text.n = 0;
    mk_text_puts(&text, "{\"schema\": \"memkit.orders/9\"}");
    CHECK_EQ(mk_text_save(&text, path, &err), 0);
    CHECK_EQ(mk_orders_read(path, &read, &err), -1);
    CHECK(strstr(err.text, "memkit.orders/9") != NULL);
    remove(path);
    rmdir(folder);
    free(path);
    mk_text_free(&text);
    mk_record_free(&mk_orders_file_record, &file);
}

TEST(orders_as_people_read_them) {
    struct mk_orders_file file = {.schema = mk_need_text(MK_ORDERS_SCHEMA)};
    struct mk_orders *made = mk_grow(&file.impls, &file.impls_n, sizeof *made);
    struct mk_text text = {0};
    if (!judge("message", NULL, made)) {
        mk_orders_print(made, false, &text);
        CHECK(strstr(text.at, "needed: 2 of 3 accesses (66%)") != NULL);
        CHECK(strstr(text.at, "release -> relaxed") != NULL);
        CHECK(strstr(text.at, "not shown needed in 1000 schedules") != NULL);
        CHECK(strstr(text.at, "    token: mk1:") != NULL);
        CHECK(strstr(text.at, "nothing; it is stronger than it need be") != NULL);
        text.n = 0;
        mk_orders_markdown(&file, &text);
        CHECK(strstr(text.at, "In all: 2 of 3 accesses (66%)") != NULL);
        CHECK(strstr(text.at, "| (1) of `orders_message.c` | release-store ") != NULL);
        CHECK(strstr(text.at, "mk1:") == NULL);
    }
    mk_text_free(&text);
    mk_record_free(&mk_orders_file_record, &file);
}

/* ---- what was reached --------------------------------------------------------------------------------- */

static const struct mk_covered *covered(const struct mk_coverage *coverage, uint32_t number) {
    for (size_t i = 0; i < coverage->n; i++) {
        if (coverage->at[i].number == number) return &coverage->at[i];
    }
    return NULL;
}

static void explore(const char *name) {
    struct mk_made_program made;
    struct mk_explored explored;
    struct mk_explore_config config = {.seed = 1, .schedules = 50, .setting = {.races = true}};
    memset(&explored, 0, sizeof explored);
    fill(&made, name);
    mk_explore(&made.program, &config, &explored);
    CHECK(!explored.failed);
    mk_explored_free(&explored);
}

TEST(coverage_lists_what_was_not_reached) {
    struct mk_notes notes;
    struct mk_err err = {{0}};
    CHECK_EQ(mk_notes_read(FILE_OF_PROGRAM, &notes, &err), 0);
    CHECK_STR(err.text, "");
    mk_coverage_reset();
    struct mk_coverage none = mk_coverage_of_files(&notes, 1);
    CHECK_EQ(none.reached, 0);
    explore("message");
    struct mk_coverage coverage = mk_coverage_of_files(&notes, 1);
    CHECK_EQ(coverage.n, 7);
    CHECK_EQ(coverage.reached, 5);
    CHECK_EQ(coverage.missed, 1);
    CHECK_EQ(coverage.excused, 1);
    CHECK_EQ(covered(&coverage, 1)->cover, MK_COVER_REACHED);
    CHECK_EQ(covered(&coverage, 5)->cover, MK_COVER_EXCUSED);
    CHECK_STR(covered(&coverage, 5)->text, "nobody asks for it");
    CHECK_EQ(covered(&coverage, 6)->cover, MK_COVER_MISSED);
    CHECK_EQ(covered(&coverage, 0)->cover, MK_COVER_REACHED); /* the LIN */
    CHECK(!mk_coverage_suffices(&coverage));
    char *note = mk_coverage_note(&coverage);
    CHECK_STR(note,
              "reached 5 of 7 accesses and linearization points; not (5) of orders_message.c [nobody asks for it], "
              "(6) of orders_message.c");
    free(note);
    struct mk_text text = {0};
    mk_coverage_print(&coverage, false, &text);
    CHECK(text.at && strstr(text.at, "(6) relaxed-load") != NULL && strstr(text.at, "(1)") == NULL);
    mk_text_free(&text);
    mk_coverage_free(&none);
    mk_coverage_free(&coverage);
    mk_notes_free(&notes);
}

TEST(coverage_counts_anew) {
    struct mk_notes notes;
    struct mk_err err = {{0}};
    CHECK_EQ(mk_notes_read(FILE_OF_PROGRAM, &notes, &err), 0);
    mk_coverage_reset();
    explore("?message"); /* asks for what is not reached */
    struct mk_coverage coverage = mk_coverage_of_files(&notes, 1);
    CHECK_EQ(coverage.reached, 7);
    CHECK(mk_coverage_suffices(&coverage));
    mk_coverage_free(&coverage);
    mk_coverage_reset();
    coverage = mk_coverage_of_files(&notes, 1);
    CHECK_EQ(coverage.reached, 0);
    mk_coverage_free(&coverage);
    mk_notes_free(&notes);
}

/* ---- the command ---------------------------------------------------------------------------------------- */

struct call {
    int argc;
    char *argv[8];
    int status;
};

static void run_command(FILE *out, void *arg) {
    const struct call *call = arg;
    struct mk_err err;
    dup2(fileno(out), STDERR_FILENO);
    dup2(fileno(out), STDOUT_FILENO);
    if (mk_registry_open(&err)) fprintf(stderr, "%s\n", err.text);
    int status = mk_cmd_orders(call->argc, (char **)call->argv);
    fflush(NULL);
    _exit(status);
}

static void check_command(int argc, char *const argv[], const char *says, const char *ends) {
    struct call call = {.argc = argc};
    memcpy(call.argv, argv, (size_t)argc * sizeof *argv);
    char *text = in_child(run_command, &call);
    if (!strstr(text, says)) mk_test_fail(__FILE__, __LINE__, "\"%s\" is not in: %s", says, text);
    if (!strstr(text, ends)) mk_test_fail(__FILE__, __LINE__, "\"%s\" is not in: %s", ends, text);
    free(text);
}
#define COMMAND(SAYS, ENDS, ...)                                                                  \
    check_command((int)(sizeof(char *[]){(char *)"orders", __VA_ARGS__} / sizeof(char *)),       \
                  (char *[]){(char *)"orders", __VA_ARGS__}, SAYS, ENDS)

TEST(orders_command_teaches) {
    COMMAND("load-bearing", "", (char *)"--help");
    COMMAND("--all", "exit 2", (char *)"--quiet");
    COMMAND("did you mean", "exit 2", (char *)"mapp/x");
    COMMAND("--schedules wants a number, not \"many\"", "exit 2", (char *)"--all", (char *)"--schedules",
            (char *)"many");
    COMMAND("no option \"--chekc\"", "exit 2", (char *)"--chekc", (char *)"x");
    COMMAND("no/such/file", "exit 2", (char *)"--check", (char *)"no/such/file");
}
