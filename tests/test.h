/* test.h - the smallest test frame that still names what failed.
 *
 * TEST(name) { ... } registers itself; CHECK and its kin say file, line and values, and let the
 * test go on. A test binary links one or more test_*.c files and test_main.c. Arguments pick tests
 * by substring.
 */
#ifndef MK_TEST_H
#define MK_TEST_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct mk_test {
    const char *file;
    const char *name;
    void (*run)(void);
    struct mk_test *next;
};

void mk_test_add(struct mk_test *test);
void mk_test_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
void mk_test_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Returns the path of a file below the source tree's tests/ folder; valid until the next call. */
const char *mk_test_path(const char *below_tests);

#define TEST(NAME)                                                                  \
    static void test_##NAME(void);                                                  \
    __attribute__((constructor)) static void test_add_##NAME(void) {                \
        static struct mk_test test = {__FILE__, #NAME, test_##NAME, NULL};          \
        mk_test_add(&test);                                                         \
    }                                                                               \
    static void test_##NAME(void)

#define CHECK(COND)                                                                 \
    do {                                                                            \
        if (!(COND)) mk_test_fail(__FILE__, __LINE__, "not so: %s", #COND);         \
    } while (0)

#define CHECK_EQ(GOT, WANT)                                                                             \
    do {                                                                                                \
        int64_t got_ = (int64_t)(GOT), want_ = (int64_t)(WANT);                                         \
        if (got_ != want_)                                                                              \
            mk_test_fail(__FILE__, __LINE__, "%s is %" PRId64 ", not %" PRId64, #GOT, got_, want_);     \
    } while (0)

#define CHECK_STR(GOT, WANT)                                                                        \
    do {                                                                                            \
        const char *got_ = (GOT), *want_ = (WANT);                                                  \
        if (!got_ || !want_ || strcmp(got_, want_) != 0)                                            \
            mk_test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #GOT, got_ ? got_ : "(null)", \
                         want_ ? want_ : "(null)");                                                 \
    } while (0)

#define SKIP(...)                   \
    do {                            \
        mk_test_skip(__VA_ARGS__);  \
        return;                     \
    } while (0)

#endif
