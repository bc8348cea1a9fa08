/* sanitizer_env.c - what sanitizers need from the environment and from the kernel: see sanitizer.h. */
#include "sanitizer_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/personality.h>

#define BITS_FILE "/proc/sys/vm/mmap_rnd_bits"
#define BITS_MAX 28 /* the runtimes of gcc 12 and clang 14 leave room for so many */

/* ---- options ------------------------------------------------------------------------------ */

struct wish {
    const char *flavour, *variable;
    const char *const *options;
};

/* Reports stay on stderr, in plain text. A failed assertion is a finding with a stack, as any other crash is. */
#define EVERYWHERE "symbolize=1", "color=never", "handle_abort=1", "handle_sigill=1"

static const char *const tsan_options[] = {
    EVERYWHERE,
    "halt_on_error=0",          /* a trial goes on after a race, and may show another */
    "exitcode=66",
    "history_size=7",           /* the most: stacks of earlier accesses are rarely lost */
    "second_deadlock_stack=1",
    NULL};
static const char *const asan_options[] = {
    EVERYWHERE, "abort_on_error=0", "detect_leaks=1", "detect_stack_use_after_return=1", "strict_string_checks=1",
    NULL};
static const char *const ubsan_options[] = {"print_stacktrace=1", "halt_on_error=1", NULL};
static const char *const lsan_options[] = {"print_suppressions=0", NULL};

static const struct wish wishes[] = {
    {"tsan", "TSAN_OPTIONS", tsan_options},
    {"asan", "ASAN_OPTIONS", asan_options},
    {"asan", "UBSAN_OPTIONS", ubsan_options},
    {"asan", "LSAN_OPTIONS", lsan_options},
};

static bool separates(char c) {
    return c && strchr(" ,:\n\t\r", c);
}

/* Returns whether a list of options sets the one that `option` sets. The lists are as the runtimes read them:
 * values may stand in quotes. */
static bool sets(const char *list, const char *option) {
    size_t n = strcspn(option, "=") + 1;
    for (const char *at = list; *at;) {
        while (separates(*at)) at++;
        if (strncmp(at, option, n) == 0) return true;
        while (*at && !separates(*at) && *at != '=') at++;
        if (*at != '=') continue;
        at++;
        if (*at == '"' || *at == '\'') {
            const char *end = strchr(at + 1, *at);
            at = end ? end + 1 : at + strlen(at);
        }
        while (*at && !separates(*at)) at++;
    }
    return false;
}

static void grant(const struct wish *wish) {
    const char *known = getenv(wish->variable);
    struct mk_text list = {0};
    mk_text_puts(&list, known ? known : "");
    for (const char *const *option = wish->options; *option; option++) {
        if (known && sets(known, *option)) continue;
        if (list.n) mk_text_putc(&list, ':');
        mk_text_puts(&list, *option);
    }
    setenv(wish->variable, list.at, 1);
    mk_text_free(&list);
}

void mk_sanitizer_environment(const char *flavour) {
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        if (strcmp(wishes[i].flavour, flavour) == 0) grant(&wishes[i]);
    }
}

/* ---- addresses ---------------------------------------------------------------------------- */

int mk_sanitizer_addresses_of(const char *flavour, long bits, int (*set)(unsigned long), struct mk_err *err) {
    bool tsan = strcmp(flavour, "tsan") == 0;
    if (bits <= BITS_MAX || (!tsan && strcmp(flavour, "asan") != 0)) return 0;
    int now = set(0xffffffff);
    if (now >= 0 && ((unsigned long)now & ADDR_NO_RANDOMIZE)) return 0;
    if (now >= 0 && set((unsigned long)now | ADDR_NO_RANDOMIZE) >= 0) return 0;
    const char *why = errno == EPERM ? "forbidden, as by seccomp in a container" : strerror(errno);
    return mk_fail(
        err,
        "%s does not start: the kernel randomises %ld bits of addresses, it stands %d; personality() is no way "
        "out (%s); as root: sysctl vm.mmap_rnd_bits=%d, or docker run --security-opt seccomp=unconfined",
        mk_sanitizer_tools[tsan ? MK_TOOL_THREAD : MK_TOOL_ADDRESS], bits, BITS_MAX, why, BITS_MAX);
}

int mk_sanitizer_addresses(const char *flavour, struct mk_err *err) {
    struct mk_text text = {0};
    struct mk_err none;
    long bits = mk_text_load(&text, BITS_FILE, 64, &none) ? 0 : strtol(text.at, NULL, 10);
    mk_text_free(&text);
    return mk_sanitizer_addresses_of(flavour, bits, personality, err);
}
