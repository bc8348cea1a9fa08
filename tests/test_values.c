/* test_values.c - histories of kinds without parts: what the monitors are told, and what is made of what they say. */
#include "test.h"

#include <stdlib.h>

#include "../harness/check/timeline.h"
#include "../harness/check/values.h"
#include "../impl/stack.h"

#define PUSH(THREAD, CALL, RET, VALUE) \
    { .thread = THREAD, .call = CALL, .ret = RET, .code = MK_STACK_PUSH, .value = VALUE, .status = MK_MISS }
#define POP(THREAD, CALL, RET, VALUE) \
    { .thread = THREAD, .call = CALL, .ret = RET, .code = MK_STACK_POP, .seen = VALUE, .status = MK_HIT }
#define NOTHING(THREAD, CALL, RET) \
    { .thread = THREAD, .call = CALL, .ret = RET, .code = MK_STACK_POP, .status = MK_MISS }

static struct mk_impl growing = {.caps = MK_GROWS}, bounded = {.caps = 0};

static enum mk_linear judge(const struct mk_event *event, size_t n, const struct mk_impl *impl, bool refusals,
                            struct mk_values_report *report) {
    struct mk_linear_config config = {.model = mk_model_of("stack"), .impl = impl, .refusals = refusals};
    CHECK(config.model != NULL);
    return mk_values_judge(event, n, 0, &config, report);
}

TEST(a_history_with_an_order_is_linearizable) {
    const struct mk_event event[] = {PUSH(0, 0, 10, 0xabcdef0123456789), PUSH(1, 5, 20, 7), POP(0, 21, 30, 7),
                                     POP(1, 22, 40, 0xabcdef0123456789), NOTHING(0, 50, 60)};
    struct mk_values_report report;
    CHECK_EQ(judge(event, 5, &growing, false, &report), MK_LINEARIZABLE);
    CHECK_EQ(report.violation.n, 0);
    mk_violation_free(&report.violation);
}

TEST(operations_at_fault_are_shown_with_values_numbered) {
    const uint64_t a = 0xabcdef0123456789, b = 0x1111111111111111;
    const struct mk_event event[] = {PUSH(3, 0, 10, 99), POP(3, 11, 12, 99), PUSH(0, 20, 30, a), PUSH(1, 31, 40, b),
                                     POP(2, 50, 60, a),  NOTHING(1, 70, 80), POP(0, 90, 95, b)};
    struct mk_linear_config config = {.model = mk_model_of("stack"), .impl = &growing};
    static const unsigned char empty[MK_MODEL_STATE_MAX];
    struct mk_values_report report;
    CHECK_EQ(judge(event, 7, &growing, false, &report), MK_NOT_LINEARIZABLE);
    struct mk_violation *violation = &report.violation;
    CHECK(report.what[0] != '\0');
    CHECK(violation->n >= 2 && violation->n < 7);
    CHECK(violation->values >= 1);
    for (size_t i = 0; i < violation->n; i++) {
        CHECK(violation->event[i].value <= violation->values && violation->event[i].seen <= violation->values);
        CHECK(!i || violation->event[i - 1].thread <= violation->event[i].thread);
    }
    CHECK_EQ(mk_linear_part(violation->event, violation->n, 0, &config, empty, NULL), MK_NOT_LINEARIZABLE);
    struct mk_text text = {0};
    mk_timeline_text(violation, &config, &text);
    CHECK(strstr(text.at, "v1 = 0x") != NULL && strstr(text.at, "v1 = 0x1\n") == NULL);
    mk_text_free(&text);
    mk_violation_free(violation);
}

TEST(answers_that_there_cannot_be_are_found_first) {
    struct mk_event event[] = {PUSH(0, 0, 10, 5), PUSH(1, 0, 10, 6), POP(0, 20, 30, 77)};
    struct mk_values_report report;
    event[1].status = MK_REFUSED;
    CHECK_EQ(judge(event, 3, &growing, true, &report), MK_NOT_LINEARIZABLE);
    CHECK_EQ(report.violation.n, 1);
    CHECK_EQ(report.violation.event[0].status, MK_REFUSED);
    mk_violation_free(&report.violation);
}

TEST(no_memory_is_an_answer_where_it_was_refused_or_full) {
    struct mk_event event[] = {PUSH(0, 0, 10, 5), POP(0, 20, 30, 0), NOTHING(0, 40, 50)};
    struct mk_values_report report;
    event[0].status = MK_NO_MEMORY;
    event[1].status = MK_NO_MEMORY;
    CHECK_EQ(judge(event, 3, &growing, true, &report), MK_LINEARIZABLE);
    CHECK_EQ(judge(event, 3, &growing, false, &report), MK_NOT_LINEARIZABLE);
    CHECK_EQ(report.violation.event[0].code, MK_STACK_PUSH);
    mk_violation_free(&report.violation);
    CHECK_EQ(judge(event, 3, &bounded, false, &report), MK_NOT_LINEARIZABLE); /* a pop is never too many */
    CHECK_EQ(report.violation.event[0].code, MK_STACK_POP);
    mk_violation_free(&report.violation);
    event[1] = event[2];
    CHECK_EQ(judge(event, 2, &bounded, false, &report), MK_LINEARIZABLE); /* what did not go in is not there */
    mk_violation_free(&report.violation);
}
