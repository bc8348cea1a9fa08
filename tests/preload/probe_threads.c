/* probe_threads.c - threads that come and go: what they leave behind is usable by others, and none of it is
 * lost. */
#include "probe.h"

#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <sys/time.h>
#include <dlfcn.h>

enum { MIB = 1 << 20 };

/* Keys whose destructors free and allocate, and set themselves again for as long as glibc calls them. */
enum { KEYS = 4 };
static pthread_key_t keys[KEYS];
static atomic_ulong destroyed;

static void destroy(void *value) {
    size_t *left = value, count = left[0];
    size_t key = left[1];
    probe_filled(left + 2, 500, 500, count);
    free(left);
    probe_exercise(count);
    atomic_fetch_add(&destroyed, 1);
    if (count == 0) return;
    left = malloc(2 * sizeof *left + 500);
    CHECK(left);
    left[0] = count - 1;
    left[1] = key;
    probe_fill(left + 2, 500, count - 1);
    CHECK_EQ(pthread_setspecific(keys[key], left), 0);
}

static void *leave_values(void *argument) {
    size_t iterations = *(size_t *)argument;
    for (size_t k = 0; k < KEYS; k++) {
        size_t *left = malloc(2 * sizeof *left + 500);
        CHECK(left);
        left[0] = iterations - 1;
        left[1] = k;
        probe_fill(left + 2, 500, iterations - 1);
        CHECK_EQ(pthread_setspecific(keys[k], left), 0);
    }
    return NULL;
}

static void run_destructors(unsigned threads) {
    size_t iterations = PTHREAD_DESTRUCTOR_ITERATIONS;
    for (unsigned i = 0; i < threads; i++) CHECK_EQ(pthread_join(probe_thread(leave_values, &iterations), NULL), 0);
    CHECK_EQ(destroyed, threads * KEYS * iterations);
}

PROBE(thread_key_destructors) {
    for (size_t k = 0; k < KEYS; k++) CHECK_EQ(pthread_key_create(&keys[k], destroy), 0);
    run_destructors(20);
    size_t before = probe_resident();
    destroyed = 0;
    run_destructors(300);
    ssize_t more = (ssize_t)(probe_resident() - before);
    probe_note("%zd KiB more of 300 threads", more / 1024);
    if (more > 8 * MIB) FAIL("300 threads whose destructors allocate leave %zd bytes", more);
}

/* Keys that are made after, and others that are made before, the malloc made one; and more than the 32 of its first
 * block, so that the C library allocates for them. */
PROBE(thread_many_keys) {
    pthread_key_t many[100];
    for (size_t k = 0; k < 100; k++) CHECK_EQ(pthread_key_create(&many[k], NULL), 0);
    for (size_t k = 0; k < KEYS; k++) CHECK_EQ(pthread_key_create(&keys[k], destroy), 0);
    run_destructors(200);
    for (size_t k = 0; k < 100; k++) CHECK_EQ(pthread_key_delete(many[k]), 0);
    destroyed = 0;
    run_destructors(10);
}

/* What the C library keeps for a thread, it frees after all destructors. */
static void *make_the_library_keep(void *argument) {
    char text[64];
    snprintf(text, sizeof text, "no such symbol %p", argument);
    CHECK(!dlsym(RTLD_DEFAULT, text));
    CHECK(dlerror());
    CHECK(!dlopen("no-such-library.so", RTLD_NOW));
    CHECK(strerror(12345));
    free(malloc(100));
    return NULL;
}

PROBE(thread_frees_after_destructors) {
    for (unsigned i = 0; i < 500; i++)
        CHECK_EQ(pthread_join(probe_thread(make_the_library_keep, NULL), NULL), 0);
    size_t before = probe_resident();
    for (unsigned i = 0; i < 1500; i++)
        CHECK_EQ(pthread_join(probe_thread(make_the_library_keep, NULL), NULL), 0);
    ssize_t more = (ssize_t)(probe_resident() - before);
    if (more > 8 * MIB) FAIL("1500 threads leave %zd bytes", more);
}

static void *come_and_go(void *argument) {
    probe_exercise((uintptr_t)argument);
    return NULL;
}

/* Eight at a time. */
static void short_threads(unsigned count) {
    pthread_t thread[8];
    for (unsigned i = 0; i < count; i += 8) {
        for (unsigned j = 0; j < 8; j++) thread[j] = probe_thread(come_and_go, &thread[j]);
        for (unsigned j = 0; j < 8; j++) CHECK_EQ(pthread_join(thread[j], NULL), 0);
    }
}

PROBE(thread_churn_is_bounded) {
    short_threads(400);
    size_t before = probe_resident();
    short_threads(4000);
    ssize_t more = (ssize_t)(probe_resident() - before);
    probe_note("%zd KiB more of 4000 threads", more / 1024);
    if (more > 16 * MIB) FAIL("4000 short threads leave %zd bytes", more);
}

/* Many alive at the same time, each with little in hand. */
static atomic_bool may_end;

static void *hold_some(void *argument) {
    char *held = malloc(100);
    CHECK(held);
    probe_fill(held, 100, 1);
    while (!atomic_load(&may_end)) usleep(5000);
    probe_filled(held, 100, 100, 1);
    free(held);
    return argument;
}

PROBE(thread_many_alive) {
    enum { THREADS = 400 };
    static pthread_t thread[THREADS];
    pthread_attr_t attributes;
    size_t before = probe_resident();
    CHECK_EQ(pthread_attr_init(&attributes), 0);
    CHECK_EQ(pthread_attr_setstacksize(&attributes, 128 * 1024), 0);
    for (unsigned i = 0; i < THREADS; i++) CHECK_EQ(pthread_create(&thread[i], &attributes, hold_some, NULL), 0);
    size_t each = (probe_resident() - before) / THREADS;
    atomic_store(&may_end, true);
    for (unsigned i = 0; i < THREADS; i++) CHECK_EQ(pthread_join(thread[i], NULL), 0);
    probe_note("%zu KiB resident a thread", each / 1024);
    if (each > 512 * 1024) FAIL("each of %d threads that hold 100 bytes has %zu resident", THREADS, each);
}

/* Blocks that outlive the thread that allocated them. */
enum { LEFT = 200 };
struct estate {
    void *at[LEFT];
    size_t size[LEFT];
};

static void *leave_blocks(void *argument) {
    struct estate *estate = argument;
    uint64_t random = (uintptr_t)argument;
    for (size_t i = 0; i < LEFT; i++) {
        estate->size[i] = probe_size(&random, 4000);
        estate->at[i] = malloc(estate->size[i]);
        CHECK(estate->at[i]);
        probe_fill(estate->at[i], estate->size[i], i);
    }
    for (size_t i = 0; i < LEFT; i += 2) {
        free(estate->at[i]);
        estate->at[i] = NULL;
    }
    return NULL;
}

static void inherit(struct estate *estate) {
    for (size_t i = 1; i < LEFT; i += 2) {
        probe_filled(estate->at[i], estate->size[i], estate->size[i], i);
        if (i % 3 == 0) {
            CHECK(estate->at[i] = realloc(estate->at[i], estate->size[i] + 3000));
            probe_filled(estate->at[i], estate->size[i], estate->size[i], i);
        }
        free(estate->at[i]);
    }
}

static void *inherit_in_thread(void *argument) {
    inherit(argument);
    return NULL;
}

/* About 100 KiB a thread: 2000 of them would be 200 MB if what they leave were lost. */
PROBE(thread_blocks_outlive_it) {
    static struct estate estates[4];
    size_t before = 0;
    for (unsigned i = 0; i < 2000; i++) {
        struct estate *estate = &estates[i % 4];
        if (i >= 4 && i % 2) inherit(estate);
        else if (i >= 4) CHECK_EQ(pthread_join(probe_thread(inherit_in_thread, estate), NULL), 0);
        CHECK_EQ(pthread_join(probe_thread(leave_blocks, estate), NULL), 0);
        if (i == 200) before = probe_resident();
    }
    ssize_t more = (ssize_t)(probe_resident() - before);
    probe_note("%zd KiB more of 1800 threads", more / 1024);
    if (more > 24 * MIB) FAIL("blocks of 1800 threads that ended leave %zd bytes", more);
}

/* One thread allocates, another only frees, thousands of blocks behind: what is freed comes back to the first. */
enum { WINDOW = 65536, LAG = WINDOW / 2, ALL = 10 * WINDOW, STEP = 256 };
static struct {
    uint64_t *at;
    size_t size;
} in_flight[WINDOW];
static atomic_size_t sent, received, live;

static void *only_free(void *argument) {
    for (size_t i = 0; i < ALL; i++) {
        while (atomic_load(&sent) < ALL && i + LAG >= atomic_load(&sent)) usleep(100);
        CHECK_EQ(in_flight[i % WINDOW].at[0], i);
        atomic_fetch_sub(&live, in_flight[i % WINDOW].size);
        free(in_flight[i % WINDOW].at);
        if (i % STEP == STEP - 1) atomic_store(&received, i + 1);
    }
    return argument;
}

PROBE(thread_that_only_frees) {
    size_t before = probe_resident(), peak = 0, live_most = 0;
    uint64_t random = 7;
    pthread_t frees = probe_thread(only_free, NULL);
    for (size_t i = 0; i < ALL; i++) {
        while (i >= atomic_load(&received) + WINDOW - STEP) usleep(100);
        size_t size = 16 + probe_random(&random) % 1000;
        uint64_t *block = malloc(size);
        CHECK(block);
        memset(block, 1, size);
        block[0] = i;
        in_flight[i % WINDOW].at = block;
        in_flight[i % WINDOW].size = size;
        size_t now = atomic_fetch_add(&live, size) + size;
        if (now > live_most) live_most = now;
        if (i % STEP == STEP - 1) atomic_store(&sent, i + 1);
        if (i % LAG == LAG - 1 && probe_resident() > peak) peak = probe_resident();
    }
    CHECK_EQ(pthread_join(frees, NULL), 0);
    double ratio = (double)(peak - before) / (double)live_most;
    probe_note("resident %.2f times what was live", ratio);
    if (ratio > 3) FAIL("resident is %.2f times the %zu bytes that were live", ratio, live_most);
}

/* The first call of a thread, of each sort. */
static void *first_call(void *argument) {
    static _Atomic(void *) from_other;
    void *at = NULL, *other = atomic_exchange(&from_other, NULL);
    switch ((uintptr_t)argument) {
    case 0: at = malloc(10); break;
    case 1: at = calloc(10, 10); break;
    case 2: at = realloc(NULL, 100); break;
    case 3: CHECK(posix_memalign(&at, 64, 100) == 0); break;
    case 4: at = aligned_alloc(4096, 4096); break;
    case 5: free(NULL); break;
    case 6: free(other); other = NULL; break;
    case 7: CHECK(!other || malloc_usable_size(other) >= 10); break;
    case 8: at = malloc(3 * MIB); break;
    case 9: at = realloc(other, 5000); other = NULL; break;
    case 10: CHECK_REFUSED(malloc(probe_hidden(PTRDIFF_MAX))); break;
    default: break;
    }
    free(other);
    free(atomic_exchange(&from_other, at));
    return NULL;
}

PROBE(thread_first_call_of_each_sort) {
    for (unsigned round = 0; round < 20; round++)
        for (uintptr_t way = 0; way <= 11; way++)
            CHECK_EQ(pthread_join(probe_thread(first_call, (void *)way), NULL), 0);
}

PROBE(thread_small_stack) {
    pthread_attr_t attributes;
    pthread_t thread;
    CHECK_EQ(pthread_attr_init(&attributes), 0);
    CHECK_EQ(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN + 16384), 0);
    for (unsigned i = 0; i < 100; i++) {
        CHECK_EQ(pthread_create(&thread, &attributes, come_and_go, NULL), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
    }
    CHECK_EQ(pthread_attr_destroy(&attributes), 0);
}

/* Cancelled, or ended by pthread_exit, with blocks in hand that a cleanup handler frees. */
static void clean_up(void *argument) {
    void **held = argument;
    for (size_t i = 0; i < 32; i++) free(held[i]);
    probe_exercise(4);
}

static void *until_cancelled(void *argument) {
    void *held[32] = {NULL};
    uint64_t random = (uintptr_t)argument;
    pthread_cleanup_push(clean_up, held);
    for (unsigned i = 0;; i++) {
        free(held[i % 32]);
        CHECK(held[i % 32] = malloc(probe_size(&random, 5000)));
        if (i % 16 == 0) pthread_testcancel();
        if ((uintptr_t)argument % 3 == 0 && i == 500) pthread_exit(NULL);
    }
    pthread_cleanup_pop(1);
    return NULL;
}

PROBE(thread_cancelled) {
    pthread_t thread[8];
    for (unsigned round = 0; round < 60; round++) {
        for (uintptr_t i = 0; i < 8; i++) thread[i] = probe_thread(until_cancelled, (void *)(round + i));
        usleep(500);
        for (unsigned i = 0; i < 8; i++) pthread_cancel(thread[i]);
        for (unsigned i = 0; i < 8; i++) CHECK_EQ(pthread_join(thread[i], NULL), 0);
    }
    probe_exercise(5);
}

/* Signals arrive in the middle of calls; the handler does not allocate. */
static atomic_ulong signals;

static void on_signal(int number) {
    (void)number;
    atomic_fetch_add(&signals, 1);
}

PROBE(thread_signals_while_allocating) {
    struct probe_churn churn;
    struct sigaction action = {.sa_handler = on_signal};
    struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    CHECK_EQ(sigaction(SIGPROF, &action, NULL), 0);
    CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
    probe_churn_start(&churn, 3);
    CHECK_EQ(setitimer(ITIMER_PROF, &often, NULL), 0);
    for (unsigned i = 0; i < 1500; i++) {
        probe_exercise(i);
        CHECK_EQ(pthread_kill(churn.thread[i % 3], SIGUSR2), 0);
    }
    CHECK_EQ(setitimer(ITIMER_PROF, &never, NULL), 0);
    probe_churn_stop(&churn);
    probe_note("%lu signals", signals);
    CHECK(signals > 100);
}

/* The main thread ends first; the others go on and end the process. */
static void *end_the_process(void *argument) {
    CHECK_EQ(pthread_join(*(pthread_t *)argument, NULL), 0);
    probe_exercise(6);
    exit(0);
}

PROBE(thread_main_ends_first) {
    pid_t child = fork();
    if (child == 0) {
        static pthread_t self;
        probe_watch_child();
        self = pthread_self();
        probe_thread(end_the_process, &self);
        pthread_exit(NULL);
    }
    probe_child(child, "go on without its main thread");
}
