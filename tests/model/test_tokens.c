/* test_tokens.c - what failed once fails no more: the tokens of tests/model/corpus/ are carried out, and then other
 * schedules of the same programs. Code has changed since they were found, and decisions that no longer fit are passed
 * over; the programs are the same.
 */
#include "../test.h"

#include <glob.h>
#include <stdlib.h>

#include "../../harness/model/explore.h"
#include "../../harness/model/programs.h"
#include "../../harness/record.h"
#include "../../harness/registry.h"

#define SCHEDULES 2000 /* of each program */

struct token {
    char *name;
    struct mk_setting setting;
    struct mk_decisions decisions;
};

/* Reads a line of the corpus, in which "build" stands for the build id. */
static bool read_token(const char *path, const char *line, struct token *out) {
    const char *rest = strncmp(line, "mk1:build:", 10) == 0 ? line + 10 : NULL;
    char why[512] = "it does not begin with mk1:build:";
    char *text = rest ? mk_need_format("mk1:%s:%.*s", mk_token_build(), (int)strcspn(rest, "\n"), rest) : NULL;
    bool good = text && mk_token_parse(text, &out->name, &out->setting, &out->decisions, why, sizeof why) == 0;
    if (!good) mk_test_fail(path, 0, "%s: %s", line, why);
    free(text);
    return good;
}

static void expect_clean(const char *path, const struct token *token) {
    struct mk_made_program made = {0};
    struct mk_err err;
    if (mk_program_make_named(token->name, &made, &err)) {
        mk_test_fail(path, 0, "%s: %s", token->name, err.text);
        return;
    }
    if (mk_replay(&made.program, &token->setting, &token->decisions, NULL)) {
        mk_test_fail(path, 0, "%s fails again: %s", token->name, mk_rt.failure.what);
    }
    struct mk_explore_config config = {.seed = 1, .schedules = SCHEDULES, .setting = token->setting, .heaps = true};
    struct mk_explored explored = {0};
    mk_explore(&made.program, &config, &explored);
    if (explored.failed) mk_test_fail(path, 0, "%s fails: %s", token->name, explored.failure.what);
    mk_explored_free(&explored);
    mk_program_free(&made);
}

static size_t try_file(const char *path) {
    FILE *in = fopen(path, "r");
    char *line = NULL;
    size_t room = 0, n = 0;
    if (!in) mk_test_fail(path, 0, "cannot be read");
    while (in && getline(&line, &room, in) > 0) {
        struct token token = {0};
        if (*line == '#' || *line == '\n' || !read_token(path, line, &token)) continue;
        expect_clean(path, &token);
        free(token.name);
        free(token.decisions.at);
        n++;
    }
    free(line);
    if (in) fclose(in);
    return n;
}

TEST(what_failed_once_fails_no_more) {
    struct mk_err err = {{0}};
    glob_t found = {0};
    size_t n = 0;
    CHECK_EQ(mk_registry_open(&err), 0);
    CHECK_EQ(glob(mk_test_path("model/corpus/*.txt"), 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) n += try_file(found.gl_pathv[i]);
    CHECK(n != 0);
    globfree(&found);
}
