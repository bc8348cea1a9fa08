/* test_model_report.c - failures of the model flavour as people read them. Programs are written here, with calls of
 * the hooks where a compiler would have put them, so that it is known which lines a report has to name. */
#include <pthread.h>
#include <stdatomic.h>

#include "../../harness/model/report.h"
#include "../../harness/model/sync.h"
#include "../child.h"
#include "../test.h"

#define HERE "tests/model/test_model_report.c"
#define WIDTH_MAX 116
#define NOINLINE __attribute__((noinline))

void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);
void __tsan_read8(void *address);
void __tsan_write8(void *address);
uint64_t __tsan_atomic64_load(const volatile uint64_t *at, int order);
void __tsan_atomic64_store(volatile uint64_t *at, uint64_t value, int order);
int __tsan_atomic64_compare_exchange_strong(volatile uint64_t *at, uint64_t *expected, uint64_t desired, int order,
                                            int failure);
void *mk_model_malloc(size_t bytes);
void mk_model_free(void *block);

#define ENTER() __tsan_func_entry(__builtin_return_address(0))
#define LEAVE() __tsan_func_exit()
/* Keeps the line of a call that a report has to name. */
#define NOTE(LINE) ((LINE) = __LINE__)

static uint64_t parcel, flag, other;

static void clear(void *arg) {
    (void)arg;
    parcel = flag = other = 0;
}

/* ---- what is reported ------------------------------------------------------------------------ */

static struct mk_explored explored;
static struct mk_finding_sample finding;

static void forget(void) {
    mk_explored_free(&explored);
    mk_record_free(&mk_finding_record, &finding);
    memset(&explored, 0, sizeof explored);
    memset(&finding, 0, sizeof finding);
}

/* Explores until it fails, and reports that. Returns whether there is a report of what was found. */
static bool report(const struct mk_program *program, enum mk_memory_model memory, bool races) {
    struct mk_explore_config config = {.seed = 1, .schedules = 20000,
                                       .setting = {.memory = memory, .races = races}};
    mk_explore(program, &config, &explored);
    CHECK(explored.failed);
    return explored.failed && mk_report(program, &explored, "mk1:token", NULL, &finding);
}

/* Longest line, in characters. */
static size_t width_of(const char *text) {
    size_t widest = 0, width = 0;
    for (; *text; text++) {
        width = *text == '\n' ? 0 : width + (((unsigned char)*text & 0xc0) != 0x80);
        if (width > widest) widest = width;
    }
    return widest;
}

static size_t times(const char *text, const char *what) {
    size_t n = 0;
    for (; (text = strstr(text, what)) != NULL; text++) n++;
    return n;
}

/* Returns text with one blank for each stretch of white space, so that it does not matter where lines were broken;
 * valid until the next call. */
static const char *flat(const char *text) {
    static char *kept;
    size_t n = 0;
    free(kept);
    kept = malloc(strlen(text) + 1);
    for (; kept && *text; text++) {
        bool blank = *text == ' ' || *text == '\n';
        if (!blank || (n && kept[n - 1] != ' ')) kept[n++] = blank ? ' ' : *text;
    }
    if (kept) kept[n] = '\0';
    return kept ? kept : "";
}

#define CHECK_HAS(TEXT, WHAT)                                                               \
    do {                                                                                    \
        const char *text_ = (TEXT) ? (TEXT) : "(null)";                                     \
        if (!strstr(flat(text_), (WHAT)))                                                   \
            mk_test_fail(__FILE__, __LINE__, "\"%s\" is not in:\n%s", (WHAT), text_);        \
    } while (0)

/* Whether the innermost frame of a stack is that line of that function of this file. */
static void check_top(size_t stack, const char *title, const char *function, uint32_t line) {
    CHECK(stack < finding.stacks_n);
    if (stack >= finding.stacks_n) return;
    const struct mk_stack *of = &finding.stacks[stack];
    CHECK_STR(of->title, title);
    CHECK(of->frames_n > 0);
    if (!of->frames_n) return;
    CHECK_STR(of->frames[0].function, function);
    CHECK_STR(of->frames[0].file, HERE);
    CHECK_EQ(of->frames[0].line, line);
}

/* ---- message passing, of which the second half is missing ------------------------------------- */

static uint32_t writes_at, reads_at;

static NOINLINE void pack(uint64_t what) {
    ENTER();
    NOTE(writes_at), __tsan_write8(&parcel);
    parcel = what;
    __tsan_atomic64_store(&flag, 1, memory_order_relaxed);
    LEAVE();
}

static NOINLINE uint64_t unpack(void) {
    uint64_t seen = 0;
    ENTER();
    if (__tsan_atomic64_load(&flag, memory_order_relaxed)) {
        NOTE(reads_at), __tsan_read8(&parcel);
        seen = parcel;
    }
    LEAVE();
    return seen;
}

static NOINLINE void pass(void *arg, uint32_t number) {
    (void)arg;
    ENTER();
    if (number == 0) pack(7);
    else unpack();
    LEAVE();
}

static const struct mk_program passing = {.name = "passing", .threads = 2, .begin = clear, .body = pass};

TEST(race_names_both_sides) {
    CHECK(report(&passing, MK_MEMORY_C11, true));
    CHECK_STR(finding.rule, "model/data-race");
    CHECK_HAS(finding.what, "data race");
    CHECK_HAS(finding.object, "parcel");
    CHECK_EQ(finding.stacks_n, 2);
    check_top(0, "read of 8 bytes by thread 1", "unpack", reads_at);
    check_top(1, "write of 8 bytes by thread 0", "pack", writes_at);
    for (size_t i = 0; i < finding.stacks_n; i++) {
        CHECK(finding.stacks[i].frames_n >= 2);
        if (finding.stacks[i].frames_n >= 2) CHECK_STR(finding.stacks[i].frames[1].function, "pass");
    }
    forget();
}

TEST(race_is_told_in_columns) {
    char line[64];
    CHECK(report(&passing, MK_MEMORY_C11, true));
    snprintf(line, sizeof line, "test_model_report.c:%u write parcel (plain, 8 bytes) (*)", writes_at);
    CHECK_HAS(finding.detail, line);
    snprintf(line, sizeof line, "test_model_report.c:%u read parcel (plain, 8 bytes) (*)", reads_at);
    CHECK_HAS(finding.detail, line);
    CHECK_HAS(finding.detail, "store flag = 1 (relaxed)");
    CHECK_HAS(finding.detail, "| NOTE(reads_at), __tsan_read8(&parcel);");
    CHECK_HAS(finding.detail, "undefined behaviour");
    CHECK_HAS(finding.detail, "Token: mk1:token ");
    CHECK(width_of(finding.detail) <= WIDTH_MAX);
    forget();
}

TEST(reports_of_one_schedule_are_the_same) {
    struct mk_finding_sample again = {0};
    CHECK(report(&passing, MK_MEMORY_C11, true));
    CHECK(mk_report(&passing, &explored, "mk1:token", NULL, &again));
    CHECK(mk_record_equal(&mk_finding_record, &finding, &again));
    mk_record_free(&mk_finding_record, &again);
    forget();
}

TEST(command_is_not_said_twice) {
    struct mk_finding_sample again = {0};
    CHECK(report(&passing, MK_MEMORY_C11, true));
    mk_report(&passing, &explored, "mk1:token", "memkit-bench stress --replay mk1:token", &again);
    CHECK_STR(again.command, "memkit-bench stress --replay mk1:token");
    CHECK(!strstr(again.detail, "mk1:token"));
    mk_record_free(&mk_finding_record, &again);
    forget();
}

/* ---- the same with atomics: a load that reads what is no longer there ------------------------- */

static NOINLINE void send_late(void) {
    ENTER();
    __tsan_atomic64_store(&parcel, 7, memory_order_relaxed);
    __tsan_atomic64_store(&flag, 1, memory_order_relaxed);
    LEAVE();
}

static NOINLINE void receive_late(void) {
    ENTER();
    if (__tsan_atomic64_load(&flag, memory_order_relaxed) &&
        __tsan_atomic64_load(&parcel, memory_order_relaxed) != 7) {
        mk_rt_fail(MK_FAIL_ORACLE, 0, "the flag was there before the parcel");
    }
    LEAVE();
}

static void pass_late(void *arg, uint32_t number) {
    (void)arg;
    if (number == 0) send_late();
    else receive_late();
}

static const struct mk_program late = {.name = "late", .threads = 2, .begin = clear, .body = pass_late};

TEST(stale_read_says_what_it_missed) {
    CHECK(report(&late, MK_MEMORY_C11, true));
    CHECK_STR(finding.rule, "model/oracle");
    CHECK_STR(finding.what, "the flag was there before the parcel");
    CHECK_HAS(finding.detail, "load parcel = 0 (relaxed) STALE: misses 7, which thread 0 stored at step 1 (");
    CHECK_EQ(times(finding.detail, "STALE"), 1);
    CHECK_HAS(finding.detail, "the load reads what was there 1 store ago");
    CHECK_HAS(finding.detail, "weakly ordered machines");
    CHECK(width_of(finding.detail) <= WIDTH_MAX);
    forget();
}

TEST(machines_that_are_affected) {
    CHECK(report(&late, MK_MEMORY_C11, true));
    static const struct {
        bool sc, tso;
        const char *text;
    } cases[] = {{true, true, "Affected: every machine"}, {false, true, "Affected: x86 and all weaker machines"},
                 {false, false, "Affected: weakly ordered machines"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mk_finding_sample again = {0};
        explored.under[MK_MEMORY_SC] = cases[i].sc;
        explored.under[MK_MEMORY_TSO] = cases[i].tso;
        mk_report(&late, &explored, "mk1:token", NULL, &again);
        CHECK_HAS(again.detail, cases[i].text);
        CHECK_EQ(times(again.detail, "Affected"), 1);
        mk_record_free(&mk_finding_record, &again);
    }
    forget();
}

TEST(what_does_not_fail_again_is_said) {
    CHECK(report(&late, MK_MEMORY_C11, true));
    struct mk_finding_sample again = {0};
    struct mk_explored other_way = explored;
    other_way.decisions.n = 0;
    CHECK(!mk_report(&late, &other_way, "mk1:token", NULL, &again));
    CHECK_STR(again.what, "the flag was there before the parcel");
    CHECK_HAS(again.detail, "This did not happen again");
    mk_record_free(&mk_finding_record, &again);
    forget();
}

TEST(schedule_without_failure_has_columns) {
    struct mk_setting setting = {.memory = MK_MEMORY_SC};
    struct mk_decisions none = {NULL, 0};
    struct mk_text text = {0};
    mk_report_columns(&late, &setting, &none, &text);
    CHECK_HAS(text.at, "load flag = 1 (relaxed)");
    CHECK_HAS(text.at, "it ends without a failure");
    mk_text_free(&text);
}

/* ---- memory ---------------------------------------------------------------------------------- */

struct node {
    uint64_t unused, value;
};
static struct node *shared_node;
static uint32_t freed_at, used_at, made_at;

static NOINLINE void make_node(void *arg) {
    clear(arg);
    ENTER();
    NOTE(made_at), shared_node = mk_model_malloc(sizeof *shared_node);
    __tsan_atomic64_store(&flag, (uint64_t)(uintptr_t)shared_node, memory_order_release);
    LEAVE();
}

static NOINLINE void drop_node(void) {
    uint64_t expected = (uint64_t)(uintptr_t)shared_node;
    ENTER();
    __tsan_atomic64_compare_exchange_strong(&flag, &expected, 0, memory_order_acq_rel, memory_order_relaxed);
    NOTE(freed_at), mk_model_free(shared_node);
    LEAVE();
}

static NOINLINE void use_node(void) {
    ENTER();
    struct node *node = (struct node *)(uintptr_t)__tsan_atomic64_load(&flag, memory_order_acquire);
    NOTE(used_at), node ? __tsan_read8(&node->value) : (void)0;
    LEAVE();
}

static NOINLINE void free_and_use(void *arg, uint32_t number) {
    (void)arg;
    ENTER();
    if (number == 0) drop_node();
    else use_node();
    LEAVE();
}

static const struct mk_program freeing = {.name = "freeing", .threads = 2, .begin = make_node,
                                          .body = free_and_use};

TEST(freed_memory_has_three_stacks) {
    char text[200];
    CHECK(report(&freeing, MK_MEMORY_C11, false));
    CHECK_STR(finding.rule, "model/use-after-free");
    check_top(0, "read of 8 bytes by thread 1", "use_node", used_at);
    check_top(1, "freed by thread 0", "drop_node", freed_at);
    CHECK_EQ(finding.stacks_n, 3);
    if (finding.stacks_n == 3) CHECK_HAS(finding.stacks[2].title, "allocated by main");
    if (finding.stacks_n == 3) CHECK_STR(finding.stacks[2].frames[0].function, "make_node");
    snprintf(text, sizeof text, HERE ":%u (make_node)", made_at);
    CHECK_HAS(finding.object, text);
    CHECK(!strstr(finding.detail, "{pc"));
    CHECK_HAS(finding.detail, "change flag from &A to 0 (acq_rel)");
    CHECK_HAS(finding.detail, "read A+8 (plain, 8 bytes) (*)");
    CHECK_HAS(finding.detail, "free A");
    CHECK_HAS(finding.detail, "A: 16 bytes at 0x1");
    CHECK(width_of(finding.detail) <= WIDTH_MAX);
    forget();
}

static void free_and_make(void *arg, uint32_t number) {
    (void)arg;
    if (number == 0) {
        mk_model_free(shared_node);
        shared_node = mk_model_malloc(sizeof *shared_node);
        __tsan_atomic64_store(&flag, (uint64_t)(uintptr_t)shared_node, memory_order_relaxed);
        mk_rt_fail(MK_FAIL_ORACLE, 0, "the address is the same");
    }
}

TEST(block_at_the_same_address_has_another_name) {
    const struct mk_program again = {.name = "again", .threads = 1, .begin = make_node, .body = free_and_make};
    struct mk_setting setting = {.memory = MK_MEMORY_SC, .heap = MK_HEAP_LIFO};
    struct mk_decisions none = {NULL, 0};
    struct mk_text text = {0};
    mk_report_columns(&again, &setting, &none, &text);
    CHECK_HAS(text.at, "free A ");
    CHECK_HAS(text.at, "malloc A#2, 16 bytes");
    CHECK_HAS(text.at, "store flag = &A#2 (relaxed)");
    CHECK_HAS(text.at, "A: 16 bytes");
    CHECK_HAS(text.at, "A#2: 16 bytes");
    mk_text_free(&text);
}

/* ---- locks ----------------------------------------------------------------------------------- */

static pthread_mutex_t lock_a = PTHREAD_MUTEX_INITIALIZER, lock_b = PTHREAD_MUTEX_INITIALIZER;

static void cross(void *arg, uint32_t number) {
    (void)arg;
    mk_model_pthread_mutex_lock(number ? &lock_b : &lock_a);
    mk_model_pthread_mutex_lock(number ? &lock_a : &lock_b);
    mk_model_pthread_mutex_unlock(number ? &lock_a : &lock_b);
    mk_model_pthread_mutex_unlock(number ? &lock_b : &lock_a);
}

TEST(deadlock_has_a_stack_for_each_thread) {
    const struct mk_program crossing = {.name = "crossing", .threads = 2, .body = cross};
    CHECK(report(&crossing, MK_MEMORY_SC, true));
    CHECK_STR(finding.rule, "model/deadlock");
    CHECK_EQ(finding.stacks_n, 2);
    for (size_t i = 0; i < finding.stacks_n; i++) {
        CHECK_HAS(finding.stacks[i].title, "waits for a mutex");
        CHECK_HAS(finding.stacks[i].title, i ? "thread 0" : "thread 1");
        CHECK(!strstr(finding.detail, finding.stacks[i].title));
    }
    CHECK_HAS(finding.detail, "lock_a");
    CHECK_HAS(finding.detail, "lock_b");
    CHECK_EQ(times(finding.detail, "waits"), 2);
    CHECK(width_of(finding.detail) <= WIDTH_MAX);
    forget();
}

/* ---- threads that get nowhere ---------------------------------------------------------------- */

static void wait_for_ever(void *arg, uint32_t number) {
    (void)arg;
    if (number == 1) {
        while (!__tsan_atomic64_load(&flag, memory_order_acquire)) continue;
    } else {
        while (!__tsan_atomic64_load(&other, memory_order_acquire)) continue;
    }
}

TEST(no_progress_has_a_short_report) {
    const struct mk_program waiting = {.name = "waiting", .threads = 2, .begin = clear, .body = wait_for_ever};
    CHECK(report(&waiting, MK_MEMORY_SC, true));
    CHECK_STR(finding.rule, "model/no-progress");
    CHECK_EQ(finding.stacks_n, 2);
    CHECK(times(finding.detail, "\n") < 40);
    CHECK_HAS(finding.detail, " events left out)");
    CHECK(!finding.object);
    CHECK_HAS(finding.detail, "===== no progress =====");
    CHECK(width_of(finding.detail) <= WIDTH_MAX);
    forget();
}

/* The second thread waits for what the first has not done yet where it is stopped. */
static void one_needs_the_other(void *arg, uint32_t number) {
    (void)arg;
    if (number == 0) {
        __tsan_atomic64_store(&other, 1, memory_order_release);
        __tsan_atomic64_store(&flag, 1, memory_order_release);
    } else if (__tsan_atomic64_load(&other, memory_order_acquire)) {
        while (!__tsan_atomic64_load(&flag, memory_order_acquire)) continue;
    }
}

TEST(stopped_thread_is_told) {
    const struct mk_program needing = {.name = "needing", .threads = 2, .begin = clear, .body = one_needs_the_other,
                                       .steps_max = 200};
    struct mk_decision decisions[2] = {{.step = 3, .thread = 1, .value = 1, .kind = MK_CHOICE_FREEZE}};
    struct mk_setting setting = {.memory = MK_MEMORY_SC, .freezes = true};
    struct mk_text text = {0};
    mk_report_columns(&needing, &setting, &(struct mk_decisions){decisions, 1}, &text);
    CHECK_HAS(text.at, "----- [1] thread 0 is stopped for ever -----");
    CHECK_HAS(text.at, "===== the others do not finish =====");
    CHECK(times(text.at, "\n") < 200);
    mk_text_free(&text);
}

/* ---- size ------------------------------------------------------------------------------------ */

#define MANY 300u

static void work_long(void *arg, uint32_t number) {
    uint32_t threads = *(uint32_t *)arg;
    for (uint64_t i = 0; i < MANY; i++) __tsan_atomic64_store(&other, i * threads + number, memory_order_seq_cst);
    if (number + 1 == threads) mk_rt_fail(MK_FAIL_ORACLE, 0, "that is all");
}

TEST(long_schedules_are_cut) {
    struct mk_setting setting = {.memory = MK_MEMORY_SC};
    struct mk_decisions none = {NULL, 0};
    for (uint32_t threads = 1; threads < MK_RT_THREADS; threads += 2) {
        struct mk_program program = {.name = "long", .threads = threads, .arg = &threads, .begin = clear,
                                     .body = work_long};
        struct mk_text text = {0};
        mk_report_columns(&program, &setting, &none, &text);
        CHECK(width_of(text.at) <= WIDTH_MAX);
        CHECK(times(text.at, "\n") < 40 * threads);
        CHECK_EQ(times(text.at, "... 294 more"), threads);
        if (threads > 4) CHECK_HAS(text.at, "thread 4: ");
        mk_text_free(&text);
    }
}

TEST(many_turns_are_cut) {
    struct mk_setting setting = {.memory = MK_MEMORY_SC};
    struct mk_decision turn[2 * MANY];
    struct mk_text text = {0};
    uint32_t threads = 2;
    struct mk_program program = {.name = "turns", .threads = threads, .arg = &threads, .begin = clear,
                                 .body = work_long};
    for (uint32_t i = 0; i < 2 * MANY; i++) {
        uint32_t thread = i / MANY;
        turn[i] = (struct mk_decision){.step = 1 + 2 * (i % MANY), .thread = (uint8_t)(1 + thread),
                                       .value = (uint16_t)(2 - thread), .kind = MK_CHOICE_THREAD};
    }
    mk_report_columns(&program, &setting, &(struct mk_decisions){turn, 40}, &text);
    CHECK(width_of(text.at) <= WIDTH_MAX);
    CHECK(times(text.at, "\n") < 400);
    CHECK_HAS(text.at, "----- [1] thread 1 goes on -----");
    mk_text_free(&text);
}

/* ---- symbols --------------------------------------------------------------------------------- */

static uint64_t table_of_this_file[4];

static NOINLINE uintptr_t where(uint32_t *line) {
    *line = __LINE__ + 1;
    return (uintptr_t)__builtin_return_address(0);
}

static inline __attribute__((always_inline)) uintptr_t inlined(uint32_t *line) {
    uintptr_t pc = where(line);
    *line = __LINE__ - 1;
    return pc + 0 * *line;
}

TEST(symbols_have_their_inline_chain) {
    uint32_t line;
    uintptr_t pc[3] = {inlined(&line), 0, 0};
    const struct mk_symbol *symbol[3];
    pc[1] = pc[0];
    mk_symbols(pc, 3, symbol);
    CHECK_STR(symbol[0]->function, "inlined");
    CHECK_STR(symbol[0]->file, HERE);
    CHECK_EQ(symbol[0]->line, line);
    CHECK(symbol[0]->caller != NULL);
    if (symbol[0]->caller) CHECK_STR(symbol[0]->caller->function, "test_symbols_have_their_inline_chain");
    CHECK(symbol[1] == symbol[0]);
    CHECK(symbol[2] != NULL && !symbol[2]->function && !symbol[2]->file && !symbol[2]->caller);
}

TEST(symbols_of_variables) {
    CHECK_STR(mk_symbol_data((uintptr_t)&parcel), "parcel");
    CHECK_STR(mk_symbol_data((uintptr_t)&table_of_this_file[2] + 1), "table_of_this_file+17");
    CHECK_STR(mk_symbol_data(16), "");
    CHECK_STR(mk_symbol_data((uintptr_t)where), "");
}

TEST(symbols_of_shared_objects) {
    uintptr_t pc = (uintptr_t)&pthread_create + 1;
    const struct mk_symbol *symbol;
    mk_symbols(&pc, 1, &symbol);
    CHECK(symbol->function != NULL);
}

TEST(source_lines) {
    CHECK_STR(mk_source_line(HERE, writes_at), "NOTE(writes_at), __tsan_write8(&parcel);");
    CHECK_STR(mk_source_line(HERE, 1000000), "");
    CHECK_STR(mk_source_line(HERE, 0), "");
    CHECK_STR(mk_source_line("no/such/file.c", 1), "");
    CHECK_STR(mk_source_line(NULL, 1), "");
}

/* ---- without the tool that knows lines ------------------------------------------------------- */

/* Nobody has asked about these functions before. */
static NOINLINE void unknown_write(void) {
    ENTER();
    __tsan_write8(&other);
    LEAVE();
}

static NOINLINE void unknown_body(void *arg, uint32_t number) {
    (void)arg, (void)number;
    ENTER();
    unknown_write();
    LEAVE();
}

static void report_without_tool(FILE *out, void *arg) {
    struct mk_program program = {.name = "unknown", .threads = 2, .begin = clear, .body = unknown_body};
    (void)arg;
    setenv("PATH", "/nowhere", 1);
    bool reported = report(&program, MK_MEMORY_SC, true);
    fprintf(out, "%s\n%s\n", reported ? "reported" : "not so", finding.detail);
    for (size_t i = 0; i < finding.stacks_n; i++) fprintf(out, "%s\n", finding.stacks[i].frames[0].function);
}

TEST(report_without_addr2line) {
    char *text = in_child(report_without_tool, NULL);
    CHECK_HAS(text, "reported ");
    CHECK_HAS(text, "unknown_write write other (plain, 8 bytes)");
    CHECK_HAS(text, " unknown_write unknown_write ");
    CHECK_EQ(times(text, "binutils"), 1);
    CHECK(!strstr(text, "exit") && !strstr(text, "signal"));
    free(text);
}
