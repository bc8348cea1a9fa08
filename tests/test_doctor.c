/* test_doctor.c - the doctor says what there is, in words and as JSON, and fails on nothing else. */
#include "test.h"

#include "../harness/commands.h"
#include "../harness/json.h"
#include "child.h"

/* Runs the command with its output caught; its status stands behind it. */
static void run_doctor(FILE *out, void *arg) {
    char *argv[] = {"doctor", arg, NULL};
    dup2(fileno(out), STDOUT_FILENO);
    dup2(fileno(out), STDERR_FILENO);
    int status = mk_cmd_doctor(arg ? 2 : 1, argv);
    printf("status %d\n", status);
    fflush(stdout);
}

TEST(doctor_tells_people) {
    char *said = in_child(run_doctor, NULL);
    CHECK(strstr(said, "Nothing was changed.") != NULL);
    CHECK(strstr(said, "\nMachine\n  usable       packages ") != NULL);
    CHECK(strstr(said, "\n  page_faults  sw    getrusage ru_minflt+ru_majflt\n") != NULL);
    CHECK(strstr(said, "\n  clocksource ") != NULL);
    CHECK(strstr(said, "\nstatus 0\n") != NULL);
    free(said);
}

TEST(doctor_tells_programs) {
    char *said = in_child(run_doctor, "--json");
    struct mk_json *doc;
    char *end = strstr(said, "status 0\n");
    CHECK(end != NULL);
    CHECK_EQ(mk_json_parse("doctor", said, end ? (size_t)(end - said) : 0, &doc), 0);
    CHECK_STR(mk_json_text(doc, mk_json_get(doc, MK_JSON_ROOT, "schema")), "memkit.doctor/1");
    uint32_t facts = mk_json_get(doc, mk_json_get(doc, MK_JSON_ROOT, "environment"), "facts");
    CHECK(mk_json_count(doc, facts) > 30);
    CHECK_EQ(mk_json_count(doc, mk_json_get(doc, MK_JSON_ROOT, "counters")), 8);
    uint64_t pus = 0;
    CHECK(mk_json_u64(doc, mk_json_get(doc, mk_json_get(doc, MK_JSON_ROOT, "machine"), "pus"), &pus));
    CHECK(pus > 0);
    mk_json_free(doc);
    free(said);
}

TEST(doctor_takes_no_other_argument) {
    char *said = in_child(run_doctor, "--repair");
    CHECK(strstr(said, "memkit-bench doctor: unknown argument \"--repair\"\nusage: ") == said);
    CHECK(strstr(said, "status 2\n") != NULL);
    free(said);
    said = in_child(run_doctor, "--help");
    CHECK(strstr(said, "usage: memkit-bench doctor [--json]\n") == said);
    CHECK(strstr(said, "status 0\n") != NULL);
    free(said);
}
