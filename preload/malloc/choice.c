/* choice.c - which allocator is malloc: MEMKIT_ALLOC, read as any composition is (harness/compose.c), but that the
 * kind may be left out: all are allocators. */
#include "memkit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#include "../../harness/build_info.h"
#include "../../harness/check/scenarios.h"
#include "../../harness/record.h"
#include "../../harness/registry.h"

#define DEFAULT "alloc/thread_local"
#define EXIT_BAD_NAME 2

extern char **environ;

/* ---- what of the harness this library has none of ---- */

const struct mk_build_info *mk_build_info(void) {
    static const struct mk_build_info none = {.flavour = MK_FLAVOUR, .missing_peers = ""};
    return &none;
}

bool mk_build_next_missing(const char **at, struct mk_missing_peer *peer) {
    (void)at, (void)peer;
    return false;
}

int mk_scenarios_open(struct mk_err *err) {
    (void)err;
    return 0;
}

int mk_scenarios_add(const struct mk_scenario *const *begin, const struct mk_scenario *const *end,
                     struct mk_err *err) {
    (void)begin, (void)end, (void)err;
    return 0;
}

/* ---- the environment ---- */

static char early_environment[16384];

/* As the kernel has it: what begins in the buffer is enough for ours to be found in all but odd cases. */
static const char *variable_of_kernel(const char *name) {
    size_t n = 0, length = strlen(name);
    int file = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
    if (file < 0) return NULL;
    for (ssize_t got; n < sizeof early_environment - 1; n += (size_t)got) {
        got = read(file, early_environment + n, sizeof early_environment - 1 - n);
        if (got <= 0) break;
    }
    close(file);
    for (const char *at = early_environment; at < early_environment + n; at += strlen(at) + 1) {
        if (strncmp(at, name, length) == 0 && at[length] == '=') return at + length + 1;
    }
    return NULL;
}

const char *mk_variable(const char *name) {
    if (getauxval(AT_SECURE)) return NULL; /* whoever set it may not tell this program what to do */
    return environ ? getenv(name) : variable_of_kernel(name);
}

/* ---- names ---- */

static const uint64_t wanted_caps = MK_CONCURRENT | MK_CROSS_FREE;
static const uint64_t unwanted_caps = MK_FIXED_SIZE | MK_BULK_FREE | MK_FLOOR;

static bool is_general(const struct mk_impl *impl) {
    return (impl->caps & wanted_caps) == wanted_caps && !(impl->caps & unwanted_caps);
}

static const char *why_not(const struct mk_impl *impl) {
    if (impl->caps & MK_FLOOR) return "keeps nothing";
    if (impl->caps & MK_FIXED_SIZE) return "has blocks of one size alone";
    if (impl->caps & MK_BULK_FREE) return "frees nothing but all at once";
    if (!(impl->caps & MK_CONCURRENT)) return "is for one thread";
    return "cannot have a block freed by another thread";
}

/* Ends the process: with another allocator than was asked for, whatever it went on to show would be wrong. */
static void refuse(const char *asked, const char *why) {
    char *line = mk_need_format("memkit: MEMKIT_ALLOC=\"%s\": %s; there are:", asked, why);
    for (size_t i = 0; i < mk_registry_count(); i++) {
        const struct mk_impl *impl = mk_registry_at(i);
        if (!is_general(impl)) continue;
        line = mk_need_format("%s %s%s", line, impl->name, impl->caps & MK_WRAPPER ? "(...)" : "");
    }
    line = mk_need_format("%s\n", line);
    ssize_t ignored = write(STDERR_FILENO, line, strlen(line));
    (void)ignored;
    _exit(EXIT_BAD_NAME);
}

/* Puts the kind before each name that has none. */
static char *with_kinds(const char *text) {
    char *full = mk_need(strlen(text) * 8 + 8, 1), *to = full;
    bool begins = true;
    for (const char *at = text; *at; at++) {
        size_t word = strcspn(at, "/[]()+");
        if (begins && word && at[word] != '/') to = stpcpy(to, "alloc/");
        begins = *at == '(' || *at == '+';
        if (*at == '[') { /* as it is */
            for (; *at && *at != ']'; at++) *to++ = *at;
            if (!*at) break;
        }
        *to++ = *at;
    }
    return full;
}

/* A wrapper with nothing in it is put around the default. */
static char *with_inner(const char *identity) {
    size_t n = strlen(identity), end = n;
    while (end && identity[end - 1] == ')') end--;
    return mk_need_format("%.*s(" DEFAULT ")%s", (int)end, identity, identity + end);
}

static struct mk_composition compose(const char *asked, const char *text) {
    struct mk_composition *list = NULL;
    size_t n = 0;
    struct mk_err err = {{0}};
    if (mk_compose(text, 0, &list, &n, &err)) refuse(asked, err.text);
    if (n != 1) refuse(asked, mk_need_format("is %zu allocators, not one", n));
    if (strcmp(list[0].impl->kind->name, "alloc") != 0) refuse(asked, "is no allocator");
    return list[0];
}

/* ---- the allocator ---- */

static void find_direct(void *arg, const struct mk_impl *impl, void *self) {
    struct mk_choice *choice = arg;
    if (strcmp(impl->name, strchr(DEFAULT, '/') + 1) == 0) choice->direct = self;
}

static uint64_t random_seed(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return mk_mix64((uint64_t)now.tv_nsec ^ (uint64_t)(uintptr_t)&now);
}

/* Returns how many allocators the composition is made of, put into chain from the outside in. */
static size_t chain_of(const struct mk_composition *made, const char *asked, struct mk_alloc_choice *chain) {
    chain[0].impl = made->impl;
    memcpy(chain[0].params, made->params, sizeof made->params);
    memcpy(chain + 1, made->memory, made->memory_n * sizeof *chain);
    for (size_t i = 0; i <= made->memory_n; i++) {
        const struct mk_impl *impl = chain[i].impl;
        if (!is_general(impl)) refuse(asked, mk_need_format("%s %s", impl->name, why_not(impl)));
    }
    return made->memory_n + 1;
}

void mk_choice_make(struct mk_choice *choice) {
    struct mk_err err = {{0}};
    struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX + 1];
    const char *asked = mk_variable("MEMKIT_ALLOC");
    if (!asked || !*asked) asked = DEFAULT;
    if (mk_registry_open(&err)) refuse(asked, err.text);
    struct mk_composition made = compose(asked, with_kinds(asked));
    size_t n = chain_of(&made, asked, chain);
    if (chain[n - 1].impl->caps & MK_WRAPPER) {
        made = compose(asked, with_inner(made.identity));
        n = chain_of(&made, asked, chain);
    }
    struct mk_memory_config config = {.chain = chain, .chain_n = n, .threads_max = MK_SEATS_MAX};
    config.fallback = mk_registry_find("alloc", mk_pages_name, "", 0);
    config.seed = random_seed();
    choice->identity = made.identity;
    choice->memory = mk_memory_open(&config, &err);
    if (!choice->memory) refuse(asked, err.text);
    choice->door = mk_memory_mem(choice->memory);
    if (n == 1) mk_memory_each(choice->memory, find_direct, choice);
}
