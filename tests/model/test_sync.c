/* test_sync.c - locks, condition variables, threads and time of the model runtime, under thousands of schedules
 * drawn at random: what is correct is never accused, what is wrong is found and said in words. */
#include "../test.h"

#include "../../harness/model/runtime.h"
#include "../../harness/model/sync.h"
#include "../../harness/rng.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/syscall.h>

void *mk_model_malloc(size_t bytes);
void mk_model_free(void *block);

/* ---- schedules at random --------------------------------------------------------------------- */

struct dice {
    struct mk_chooser chooser; /* first */
    struct mk_rng rng;
};

static uint32_t roll_thread(struct mk_chooser *chooser, uint32_t ready, uint32_t at, uint32_t usual) {
    struct mk_rng *rng = &((struct dice *)chooser)->rng;
    (void)at;
    if (mk_rng_below(rng, 2)) return usual;
    for (uint64_t skip = mk_rng_below(rng, (uint64_t)__builtin_popcount(ready)); skip; skip--) ready &= ready - 1;
    return (uint32_t)__builtin_ctz(ready);
}

static uint32_t roll_value(struct mk_chooser *chooser, enum mk_choice_kind kind, uint32_t n) {
    struct mk_rng *rng = &((struct dice *)chooser)->rng;
    (void)kind;
    return mk_rng_below(rng, 3) ? 0 : (uint32_t)mk_rng_below(rng, n);
}

static uint32_t usual_thread(struct mk_chooser *chooser, uint32_t ready, uint32_t at, uint32_t usual) {
    (void)chooser, (void)ready, (void)at;
    return usual;
}

static uint32_t usual_value(struct mk_chooser *chooser, enum mk_choice_kind kind, uint32_t n) {
    (void)chooser, (void)kind, (void)n;
    return 0;
}

struct hunted {
    uint64_t failures;
    struct mk_failure first; /* its detail is in `detail` */
    char detail[1024];
};

static bool races = true; /* are failures, and would come first */

static bool run_once(const struct mk_program *program, uint64_t seed, struct mk_event_sink *sink) {
    struct dice dice = {.chooser = {.thread = roll_thread, .value = roll_value}};
    struct mk_schedule_config config = {.chooser = &dice.chooser, .races = races, .sink = sink};
    mk_rng_seed(&dice.rng, seed);
    return mk_rt_run(program, &config);
}

static struct hunted hunt(const struct mk_program *program, uint64_t schedules) {
    struct hunted hunted = {.failures = 0};
    for (uint64_t seed = 0; seed < schedules; seed++) {
        if (!run_once(program, seed, NULL)) continue;
        if (!hunted.failures++) {
            hunted.first = mk_rt.failure;
            snprintf(hunted.detail, sizeof hunted.detail, "%s", mk_rt.failure.detail ? mk_rt.failure.detail : "");
            hunted.first.detail = NULL;
        }
        free(mk_rt.failure.detail);
        free(mk_rt.failure.picture);
    }
    return hunted;
}

static void check_clean(const struct mk_program *program, uint64_t schedules) {
    struct hunted hunted = hunt(program, schedules);
    if (!hunted.failures) return;
    mk_test_fail(__FILE__, __LINE__, "%s: %" PRIu64 " failures, the first: %s\n%s", program->name, hunted.failures,
                 hunted.first.what, hunted.detail);
}

static void check_fails(const struct mk_program *program, uint64_t schedules, enum mk_failure_kind kind,
                        const char *what) {
    struct hunted hunted = hunt(program, schedules);
    if (hunted.failures && hunted.first.kind == kind && strstr(hunted.first.what, what)) return;
    mk_test_fail(__FILE__, __LINE__, "%s: %" PRIu64 " failures, the first of kind %d, not %d: %s, not: %s",
                 program->name, hunted.failures, (int)hunted.first.kind, (int)kind, hunted.first.what, what);
}

/* ---- what bodies do -------------------------------------------------------------------------- */

#define HERE ((uintptr_t)__builtin_return_address(0))
#define ENSURE(COND)                                                                                  \
    do {                                                                                              \
        if (!(COND)) mk_rt_fail(MK_FAIL_ORACLE, 0, "line %d: not so: %s", __LINE__, #COND);           \
    } while (0)

/* Variables that the race detector watches, and that bodies touch as instrumented code would. Each place that calls
 * one of these is one to the runtime, too. */
#define TOUCH __attribute__((noinline)) static
static uint64_t shared_a, shared_b;

TOUCH uint64_t get(const uint64_t *at) {
    mk_race_plain((uintptr_t)at, sizeof *at, false, HERE);
    return *at;
}

TOUCH void set(uint64_t *at, uint64_t value) {
    mk_race_plain((uintptr_t)at, sizeof *at, true, HERE);
    *at = value;
}

TOUCH void raise_flag(uint64_t *flag) {
    mk_memory_store((uintptr_t)flag, sizeof *flag, (struct mk_word){1, 0}, __ATOMIC_RELAXED, HERE);
}

TOUCH uint64_t look(const uint64_t *flag) {
    return mk_memory_load((uintptr_t)flag, sizeof *flag, __ATOMIC_RELAXED, HERE).low;
}

static void add(uint64_t *at, uint64_t n) {
    uint64_t old = get(at);
    mk_model_sched_yield();
    set(at, old + n);
}

static pthread_mutex_t mutex_a, mutex_b;
static pthread_cond_t cond;
static pthread_rwlock_t rwlock;
static pthread_spinlock_t spin;
static pthread_barrier_t barrier;
static sem_t sem;

static void begin_all(void *arg) {
    (void)arg;
    shared_a = shared_b = 0;
    mk_model_pthread_mutex_init(&mutex_a, NULL);
    mk_model_pthread_mutex_init(&mutex_b, NULL);
    mk_model_pthread_cond_init(&cond, NULL);
    mk_model_pthread_rwlock_init(&rwlock, NULL);
    mk_model_pthread_spin_init(&spin, 0);
    mk_model_pthread_barrier_init(&barrier, NULL, 3);
    mk_model_sem_init(&sem, 0, 0);
}

static void end_all(void *arg) {
    (void)arg;
    mk_model_pthread_mutex_destroy(&mutex_a);
    mk_model_pthread_mutex_destroy(&mutex_b);
    mk_model_pthread_cond_destroy(&cond);
    mk_model_pthread_rwlock_destroy(&rwlock);
    mk_model_pthread_spin_destroy(&spin);
    mk_model_pthread_barrier_destroy(&barrier);
    mk_model_sem_destroy(&sem);
}

#define PROGRAM(NAME, THREADS)                                                                     \
    {.name = #NAME, .threads = THREADS, .begin = begin_all, .body = NAME, .end = end_all}

/* A program of one body of its own for what only one thread has to do. */
static void check_alone(const char *name, void (*body)(void *arg, uint32_t number)) {
    struct mk_program program = {.name = name, .threads = 1, .begin = begin_all, .body = body, .end = end_all};
    check_clean(&program, 20);
}

/* ---- mutexes --------------------------------------------------------------------------------- */

static void count_with_mutex(void *arg, uint32_t number) {
    (void)arg, (void)number;
    for (int i = 0; i < 2; i++) {
        mk_model_pthread_mutex_lock(&mutex_a);
        add(&shared_a, 1);
        mk_model_pthread_mutex_unlock(&mutex_a);
    }
}

static void end_of_count(void *arg) {
    ENSURE(shared_a == 6);
    end_all(arg);
}

TEST(a_mutex_excludes_others_in_every_schedule) {
    struct mk_program program = PROGRAM(count_with_mutex, 3);
    program.end = end_of_count;
    check_clean(&program, 10000);
}

static void count_without(void *arg, uint32_t number) {
    (void)arg, (void)number;
    add(&shared_a, 1);
}

TEST(without_one_there_is_a_race) {
    struct mk_program program = PROGRAM(count_without, 2);
    check_fails(&program, 10, MK_FAIL_RACE, "data race");
}

static void lock_crosswise(void *arg, uint32_t number) {
    (void)arg;
    mk_model_pthread_mutex_lock(number ? &mutex_b : &mutex_a);
    mk_model_pthread_mutex_lock(number ? &mutex_a : &mutex_b);
    mk_model_pthread_mutex_unlock(&mutex_a);
    mk_model_pthread_mutex_unlock(&mutex_b);
}

TEST(locking_crosswise_is_a_deadlock_that_names_who_holds_what) {
    struct mk_program program = PROGRAM(lock_crosswise, 2);
    struct hunted hunted = hunt(&program, 200);
    CHECK(hunted.failures > 0 && hunted.failures < 200);
    CHECK_EQ(hunted.first.kind, MK_FAIL_DEADLOCK);
    CHECK(strstr(hunted.detail, "thread 0 waits for a mutex at {pc 0x") != NULL);
    CHECK(strstr(hunted.detail, ", which thread 1 holds since {pc 0x") != NULL);
    CHECK(strstr(hunted.detail, "thread 1 waits for a mutex at {pc 0x") != NULL);
    CHECK(strstr(hunted.detail, ", which thread 0 holds since {pc 0x") != NULL);
}

static void try_lock(void *arg, uint32_t number) {
    (void)arg, (void)number;
    int result = mk_model_pthread_mutex_trylock(&mutex_a);
    ENSURE(result == 0 || result == EBUSY);
    if (result) return;
    set(&shared_a, get(&shared_a) + 1); /* without a yield, which would always let one in */
    mk_model_pthread_mutex_unlock(&mutex_a);
}

static uint64_t got_in[4];
static void end_of_try(void *arg) {
    got_in[shared_a]++;
    end_all(arg);
}

TEST(trylock_gets_it_or_is_told_that_it_is_busy) {
    struct mk_program program = PROGRAM(try_lock, 3);
    program.end = end_of_try;
    memset(got_in, 0, sizeof got_in);
    check_clean(&program, 3000);
    CHECK_EQ(got_in[0], 0);
    CHECK(got_in[1] > 0 && got_in[2] > 0 && got_in[3] > 0);
}

static pthread_mutex_t recursive_mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_mutex_t checking_mutex = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;

static void use_types(void *arg, uint32_t number) {
    pthread_mutexattr_t attr;
    (void)arg, (void)number;
    ENSURE(!mk_model_pthread_mutex_lock(&recursive_mutex) && !mk_model_pthread_mutex_lock(&recursive_mutex));
    ENSURE(!mk_model_pthread_mutex_trylock(&recursive_mutex));
    for (int i = 0; i < 3; i++) ENSURE(!mk_model_pthread_mutex_unlock(&recursive_mutex));
    ENSURE(mk_model_pthread_mutex_unlock(&recursive_mutex) == EPERM);
    ENSURE(!mk_model_pthread_mutex_lock(&checking_mutex));
    ENSURE(mk_model_pthread_mutex_lock(&checking_mutex) == EDEADLK);
    ENSURE(mk_model_pthread_mutex_trylock(&checking_mutex) == EBUSY);
    ENSURE(!mk_model_pthread_mutex_unlock(&checking_mutex));
    ENSURE(mk_model_pthread_mutex_unlock(&checking_mutex) == EPERM);
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    mk_model_pthread_mutex_destroy(&mutex_a);
    mk_model_pthread_mutex_init(&mutex_a, &attr);
    ENSURE(!mk_model_pthread_mutex_lock(&mutex_a) && !mk_model_pthread_mutex_lock(&mutex_a));
    ENSURE(!mk_model_pthread_mutex_unlock(&mutex_a) && !mk_model_pthread_mutex_unlock(&mutex_a));
}

TEST(recursive_and_checking_mutexes_behave_as_such) {
    check_alone("use_types", use_types);
}

static pthread_mutex_t static_mutex = PTHREAD_MUTEX_INITIALIZER;

static void count_with_static(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_pthread_mutex_lock(&static_mutex);
    add(&shared_a, 1);
    mk_model_pthread_mutex_unlock(&static_mutex);
}

TEST(a_mutex_of_before_the_schedule_is_unlocked_in_each) {
    struct mk_program program = PROGRAM(count_with_static, 3);
    pthread_mutex_lock(&static_mutex); /* the state that it has outside says nothing inside */
    check_clean(&program, 500);
    CHECK_EQ(pthread_mutex_unlock(&static_mutex), 0);
}

TEST(outside_of_schedules_they_are_the_real_functions) {
    pthread_mutex_t mutex;
    pthread_t thread = mk_model_pthread_self();
    CHECK_EQ(mk_model_pthread_mutex_init(&mutex, NULL), 0);
    CHECK_EQ(mk_model_pthread_mutex_lock(&mutex), 0);
    CHECK_EQ(pthread_mutex_trylock(&mutex), EBUSY);
    CHECK_EQ(mk_model_pthread_mutex_unlock(&mutex), 0);
    CHECK_EQ(mk_model_pthread_mutex_destroy(&mutex), 0);
    CHECK(pthread_equal(thread, pthread_self()));
    CHECK(mk_model_time(NULL) - time(NULL) <= 1);
    mk_model_pause();
}

/* ---- misuse ---------------------------------------------------------------------------------- */

static void unlock_unlocked(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_pthread_mutex_unlock(&mutex_a);
}

static void unlock_of_another(void *arg, uint32_t number) {
    (void)arg;
    if (number) {
        mk_model_pthread_mutex_unlock(&mutex_a);
    } else {
        mk_model_pthread_mutex_lock(&mutex_a);
        for (int i = 0; i < 4; i++) mk_model_sched_yield();
        mk_model_pthread_mutex_unlock(&mutex_a);
    }
}

static void lock_twice(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_pthread_mutex_lock(&mutex_a);
    mk_model_pthread_mutex_lock(&mutex_a);
}

static void destroy_held(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_pthread_mutex_lock(&mutex_a);
    mk_model_pthread_mutex_destroy(&mutex_a);
}

static void destroy_awaited(void *arg, uint32_t number) {
    (void)arg;
    mk_model_pthread_mutex_lock(&mutex_a);
    if (number) {
        mk_model_pthread_cond_destroy(&cond);
    } else {
        mk_model_pthread_cond_wait(&cond, &mutex_a);
    }
    mk_model_pthread_mutex_unlock(&mutex_a);
}

static void use_destroyed(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_pthread_mutex_destroy(&mutex_a);
    mk_model_pthread_mutex_lock(&mutex_a);
}

static void wait_without_mutex(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_pthread_cond_wait(&cond, &mutex_a);
}

static void wait_with_two(void *arg, uint32_t number) {
    pthread_mutex_t *mutex = number ? &mutex_a : &mutex_b;
    (void)arg;
    mk_model_pthread_mutex_lock(mutex);
    mk_model_pthread_cond_wait(&cond, mutex);
    mk_model_pthread_mutex_unlock(mutex);
}

static void barrier_of_none(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_pthread_barrier_init(&barrier, NULL, 0);
}

static void write_unlock_of_reader(void *arg, uint32_t number) {
    (void)arg;
    if (number) {
        mk_model_pthread_rwlock_unlock(&rwlock);
    } else {
        mk_model_pthread_rwlock_rdlock(&rwlock);
        for (int i = 0; i < 4; i++) mk_model_sched_yield();
        mk_model_pthread_rwlock_unlock(&rwlock);
    }
}

static void write_what_one_reads(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_pthread_rwlock_rdlock(&rwlock);
    mk_model_pthread_rwlock_wrlock(&rwlock);
}

static void spin_twice(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_pthread_spin_lock(&spin);
    mk_model_pthread_spin_lock(&spin);
}

static void never_initialised(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_sem_post(mk_model_malloc(sizeof(sem_t)));
}

static void lock_in_freed_memory(void *arg, uint32_t number) {
    (void)arg, (void)number;
    pthread_mutex_t *mutex = mk_model_malloc(sizeof *mutex);
    mk_model_pthread_mutex_init(mutex, NULL);
    mk_model_pthread_mutex_lock(mutex);
    mk_model_free(mutex);
    mk_model_pthread_mutex_unlock(mutex);
}

static void init_while_used(void *arg, uint32_t number) {
    (void)arg;
    if (number) {
        mk_model_pthread_mutex_init(&static_mutex, NULL);
    } else {
        mk_model_pthread_mutex_lock(&static_mutex);
        mk_model_pthread_mutex_unlock(&static_mutex);
    }
}

static void destroy_for_waiters(void *arg, uint32_t number) {
    (void)arg;
    mk_model_pthread_mutex_lock(&mutex_a);
    mk_model_pthread_mutex_unlock(&mutex_a);
    if (number) mk_model_pthread_mutex_destroy(&mutex_a);
}

static void nothing(void *arg) {
    (void)arg;
}

TEST(misuse_is_found_and_named) {
    static const struct {
        const char *name;
        void (*body)(void *arg, uint32_t number);
        uint32_t threads;
        enum mk_failure_kind kind;
        const char *what;
    } cases[] = {
        {"unlock_unlocked", unlock_unlocked, 1, MK_FAIL_MISUSE, "thread 0 unlocks a mutex that nobody holds"},
        {"unlock_of_another", unlock_of_another, 2, MK_FAIL_MISUSE, "thread 1 unlocks a mutex that "},
        {"lock_twice", lock_twice, 1, MK_FAIL_DEADLOCK,
         "thread 0 waits for a mutex that it holds itself, since {pc"},
        {"destroy_held", destroy_held, 1, MK_FAIL_MISUSE, "thread 0 destroys a mutex that it holds since {pc"},
        {"destroy_awaited", destroy_awaited, 2, MK_FAIL_MISUSE,
         "thread 1 destroys a condition variable that thread 0 waits for"},
        {"use_destroyed", use_destroyed, 1, MK_FAIL_MISUSE, "thread 0 uses a mutex that was destroyed at {pc"},
        {"wait_without_mutex", wait_without_mutex, 1, MK_FAIL_MISUSE, "without holding the mutex"},
        {"barrier_of_none", barrier_of_none, 1, MK_FAIL_MISUSE, "a barrier for 0 threads"},
        {"write_what_one_reads", write_what_one_reads, 1, MK_FAIL_DEADLOCK, "a reader-writer lock that it holds"},
        {"spin_twice", spin_twice, 1, MK_FAIL_DEADLOCK, "a spin lock that it holds itself"},
        {"never_initialised", never_initialised, 1, MK_FAIL_MISUSE, "a semaphore that was never initialised"},
        {"lock_in_freed_memory", lock_in_freed_memory, 1, MK_FAIL_USE_AFTER_FREE, ""},
        {"init_while_used", init_while_used, 2, MK_FAIL_RACE, "data race"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mk_program program = {.name = cases[i].name, .threads = cases[i].threads, .begin = begin_all,
                                     .body = cases[i].body, .end = nothing};
        check_fails(&program, 200, cases[i].kind, cases[i].what);
    }
}

/* Returns whether such a failure is among those of many schedules. */
static bool among_failures(const struct mk_program *program, enum mk_failure_kind kind, const char *what) {
    bool found = false;
    for (uint64_t seed = 0; seed < 2000 && !found; seed++) {
        if (!run_once(program, seed, NULL)) continue;
        found = mk_rt.failure.kind == kind && strstr(mk_rt.failure.what, what);
        free(mk_rt.failure.detail);
    }
    return found;
}

TEST(misuse_that_not_every_schedule_shows_is_found_too) {
    struct mk_program other = PROGRAM(unlock_of_another, 2), reader = PROGRAM(write_unlock_of_reader, 2);
    struct mk_program two = PROGRAM(wait_with_two, 2), gone = PROGRAM(destroy_for_waiters, 2);
    gone.end = NULL;
    CHECK(among_failures(&other, MK_FAIL_MISUSE, "that thread 0 holds since {pc"));
    CHECK(among_failures(&other, MK_FAIL_MISUSE, "that nobody holds"));
    CHECK(among_failures(&reader, MK_FAIL_MISUSE, "that thread 0 holds for reading since {pc"));
    CHECK(among_failures(&two, MK_FAIL_MISUSE, "with another mutex than thread"));
    CHECK(among_failures(&gone, MK_FAIL_MISUSE, "a mutex that was destroyed"));
    CHECK(among_failures(&gone, MK_FAIL_MISUSE, "a mutex that thread 0 holds"));
    races = false;
    CHECK(among_failures(&gone, MK_FAIL_MISUSE, "a mutex was destroyed while thread 0 waited for it"));
    races = true;
}

static void reuse_memory(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_pthread_mutex_destroy(&mutex_a);
    mutex_a = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    ENSURE(!mk_model_pthread_mutex_lock(&mutex_a));
    ENSURE(!mk_model_pthread_mutex_unlock(&mutex_a));
    mk_model_pthread_cond_destroy(&cond);
    mk_model_pthread_cond_init(&cond, NULL);
    ENSURE(!mk_model_pthread_cond_signal(&cond));
}

TEST(memory_of_a_destroyed_lock_can_become_another) {
    check_alone("reuse_memory", reuse_memory);
}

/* ---- reader-writer locks --------------------------------------------------------------------- */

static uint32_t reading, writing, most_reading;

static void read_or_write(void *arg, uint32_t number) {
    (void)arg;
    if (number == 0) {
        mk_model_pthread_rwlock_wrlock(&rwlock);
        writing++;
        ENSURE(!reading && writing == 1);
        add(&shared_a, 1);
        writing--;
    } else {
        if (number == 1) {
            mk_model_pthread_rwlock_rdlock(&rwlock);
        } else if (mk_model_pthread_rwlock_tryrdlock(&rwlock)) {
            return;
        }
        if (++reading > most_reading) most_reading = reading;
        ENSURE(!writing);
        mk_model_sched_yield();
        ENSURE(!writing && mk_model_pthread_rwlock_trywrlock(&rwlock) == EBUSY);
        ENSURE(get(&shared_a) <= 1);
        reading--;
    }
    mk_model_pthread_rwlock_unlock(&rwlock);
}

static void begin_reading(void *arg) {
    reading = writing = 0;
    begin_all(arg);
}

TEST(readers_share_a_lock_and_a_writer_has_it_alone) {
    struct mk_program program = PROGRAM(read_or_write, 3);
    program.begin = begin_reading;
    most_reading = 0;
    check_clean(&program, 5000);
    CHECK_EQ(most_reading, 2);
}

/* ---- spin locks ------------------------------------------------------------------------------ */

static void count_with_spin(void *arg, uint32_t number) {
    (void)arg;
    if (number) {
        mk_model_pthread_spin_lock(&spin);
    } else {
        while (mk_model_pthread_spin_trylock(&spin)) mk_model_pause();
    }
    add(&shared_a, 2);
    mk_model_pthread_spin_unlock(&spin);
}

TEST(spin_locks_exclude_others) {
    struct mk_program program = PROGRAM(count_with_spin, 3);
    program.end = end_of_count;
    check_clean(&program, 3000);
}

/* ---- condition variables --------------------------------------------------------------------- */

static void hand_over_by_predicate(void *arg, uint32_t number) {
    (void)arg;
    mk_model_pthread_mutex_lock(&mutex_a);
    if (number) {
        set(&shared_a, 1);
        mk_model_pthread_cond_signal(&cond);
    } else {
        while (!get(&shared_a)) mk_model_pthread_cond_wait(&cond, &mutex_a);
    }
    mk_model_pthread_mutex_unlock(&mutex_a);
}

TEST(waiting_for_a_predicate_is_correct) {
    struct mk_program program = PROGRAM(hand_over_by_predicate, 2);
    check_clean(&program, 5000);
}

static void hand_over_without(void *arg, uint32_t number) {
    (void)arg;
    mk_model_pthread_mutex_lock(&mutex_a);
    if (number) {
        mk_model_pthread_cond_signal(&cond);
    } else {
        mk_model_pthread_cond_wait(&cond, &mutex_a);
    }
    mk_model_pthread_mutex_unlock(&mutex_a);
}

TEST(a_signal_before_the_wait_is_lost) {
    struct mk_program program = PROGRAM(hand_over_without, 2);
    struct hunted hunted = hunt(&program, 200);
    CHECK(hunted.failures > 0 && hunted.failures < 200);
    CHECK_EQ(hunted.first.kind, MK_FAIL_DEADLOCK);
    CHECK(strstr(hunted.detail, "thread 0 waits for a condition variable at {pc 0x") != NULL);
    CHECK(strstr(hunted.detail, ", and nobody wakes it") != NULL);
}

static void wait_once(void *arg, uint32_t number) {
    (void)arg;
    mk_model_pthread_mutex_lock(&mutex_a);
    if (number) {
        set(&shared_a, 1);
        mk_model_pthread_cond_signal(&cond);
    } else if (!get(&shared_a)) {
        mk_model_pthread_cond_wait(&cond, &mutex_a);
        ENSURE(get(&shared_a));
    }
    mk_model_pthread_mutex_unlock(&mutex_a);
}

TEST(a_wait_that_ends_for_nothing_is_found_out_by_who_does_not_look_again) {
    struct mk_program program = PROGRAM(wait_once, 2);
    check_fails(&program, 200, MK_FAIL_ORACLE, "get(&shared_a)");
}

static uint32_t woken_first[3], woken;

/* Two wait; one signal wakes either of them, and that one wakes the other. */
static void wait_in_pairs(void *arg, uint32_t number) {
    (void)arg;
    mk_model_pthread_mutex_lock(&mutex_a);
    if (number < 2) {
        while (!get(&shared_a)) mk_model_pthread_cond_wait(&cond, &mutex_a);
        if (!woken++) woken_first[number]++;
        mk_model_pthread_cond_signal(&cond);
    } else {
        set(&shared_a, 1);
        mk_model_pthread_cond_signal(&cond);
    }
    mk_model_pthread_mutex_unlock(&mutex_a);
}

static void begin_pairs(void *arg) {
    woken = 0;
    begin_all(arg);
}

TEST(a_signal_wakes_any_of_those_that_wait) {
    struct mk_program program = PROGRAM(wait_in_pairs, 3);
    program.begin = begin_pairs;
    memset(woken_first, 0, sizeof woken_first);
    check_clean(&program, 2000);
    CHECK(woken_first[0] > 100 && woken_first[1] > 100);
}

static uint32_t first_woken;

/* Three wait, in their order; one of them is woken, and wakes the others. */
static void wait_in_order(void *arg, uint32_t number) {
    (void)arg;
    mk_model_pthread_mutex_lock(&mutex_a);
    if (number < 3) {
        while (!get(&shared_a)) mk_model_pthread_cond_wait(&cond, &mutex_a);
        if (first_woken == UINT32_MAX) first_woken = number;
        mk_model_pthread_cond_broadcast(&cond);
    } else {
        set(&shared_a, 1);
        mk_model_pthread_cond_signal(&cond);
    }
    mk_model_pthread_mutex_unlock(&mutex_a);
}

static uint32_t last_of_three(struct mk_chooser *chooser, enum mk_choice_kind kind, uint32_t n) {
    (void)chooser;
    return kind == MK_CHOICE_WAKE && n == 3 ? 2 : 0;
}

TEST(who_is_woken_is_a_choice_and_the_first_one_by_default) {
    struct mk_program program = PROGRAM(wait_in_order, 4);
    struct mk_chooser usual = {.thread = usual_thread, .value = usual_value};
    struct mk_chooser last = {.thread = usual_thread, .value = last_of_three};
    struct mk_schedule_config config = {.chooser = &usual, .races = true};
    first_woken = UINT32_MAX;
    CHECK(!mk_rt_run(&program, &config));
    CHECK_EQ(first_woken, 0);
    config.chooser = &last;
    first_woken = UINT32_MAX;
    CHECK(!mk_rt_run(&program, &config));
    CHECK_EQ(first_woken, 2);
}

static void wait_for_all(void *arg, uint32_t number) {
    (void)arg;
    mk_model_pthread_mutex_lock(&mutex_a);
    if (number < 3) {
        while (!get(&shared_a)) mk_model_pthread_cond_wait(&cond, &mutex_a);
    } else {
        set(&shared_a, 1);
        mk_model_pthread_cond_broadcast(&cond);
    }
    mk_model_pthread_mutex_unlock(&mutex_a);
}

TEST(a_broadcast_wakes_all) {
    struct mk_program program = PROGRAM(wait_for_all, 4);
    check_clean(&program, 2000);
}

static struct timespec in_ms(clockid_t clock, int64_t ms) {
    struct timespec at;
    mk_model_clock_gettime(clock, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}

static uint32_t timed_out, in_time;

static void wait_with_limit(void *arg, uint32_t number) {
    int result = 0;
    (void)arg;
    if (number) {
        mk_model_pthread_mutex_lock(&mutex_a);
        set(&shared_a, 1);
        mk_model_pthread_cond_signal(&cond);
        mk_model_pthread_mutex_unlock(&mutex_a);
        return;
    }
    struct timespec until = in_ms(CLOCK_REALTIME, 1500);
    mk_model_pthread_mutex_lock(&mutex_a);
    while (!get(&shared_a) && !result) result = mk_model_pthread_cond_timedwait(&cond, &mutex_a, &until);
    ENSURE(result == 0 || result == ETIMEDOUT);
    if (result) {
        timed_out++;
    } else {
        in_time++;
    }
    mk_model_pthread_mutex_unlock(&mutex_a);
}

TEST(a_timed_wait_ends_either_way) {
    struct mk_program both = PROGRAM(wait_with_limit, 2), alone = PROGRAM(wait_with_limit, 1);
    timed_out = in_time = 0;
    check_clean(&both, 1000);
    CHECK(timed_out > 10 && in_time > 500);
    timed_out = in_time = 0;
    check_clean(&alone, 100); /* nobody signals: that is no deadlock */
    CHECK_EQ(timed_out, 100);
    CHECK_EQ(in_time, 0);
}

static void all_that_can_time_out(void *arg, uint32_t number) {
    struct timespec until = in_ms(CLOCK_REALTIME, 20), wrong = {.tv_nsec = -1};
    struct timespec start, end;
    (void)arg, (void)number;
    mk_model_clock_gettime(CLOCK_MONOTONIC, &start);
    ENSURE(mk_model_sem_timedwait(&sem, &until) == -1 && errno == ETIMEDOUT);
    ENSURE(mk_model_sem_timedwait(&sem, &wrong) == -1 && errno == EINVAL);
    ENSURE(mk_model_sem_trywait(&sem) == -1 && errno == EAGAIN);
    mk_model_pthread_mutex_lock(&mutex_a);
    ENSURE(mk_model_pthread_mutex_timedlock(&mutex_a, &until) == ETIMEDOUT);
    mk_model_pthread_rwlock_rdlock(&rwlock);
    ENSURE(mk_model_pthread_rwlock_timedwrlock(&rwlock, &until) == ETIMEDOUT);
    mk_model_pthread_rwlock_unlock(&rwlock);
    mk_model_pthread_rwlock_wrlock(&rwlock);
    ENSURE(mk_model_pthread_rwlock_timedrdlock(&rwlock, &until) == ETIMEDOUT);
    mk_model_pthread_rwlock_unlock(&rwlock);
    until = in_ms(CLOCK_MONOTONIC, 30);
    ENSURE(mk_model_pthread_cond_clockwait(&cond, &mutex_a, CLOCK_MONOTONIC, &until) == ETIMEDOUT ||
           mk_model_pthread_cond_clockwait(&cond, &mutex_a, CLOCK_MONOTONIC, &until) == ETIMEDOUT || number == 0);
    mk_model_pthread_mutex_unlock(&mutex_a);
    mk_model_clock_gettime(CLOCK_MONOTONIC, &end);
    ENSURE(end.tv_sec > start.tv_sec || end.tv_nsec - start.tv_nsec >= 19000000);
}

TEST(waits_with_a_limit_time_out_and_time_has_passed_then) {
    check_alone("all_that_can_time_out", all_that_can_time_out);
}

static void spin_while_another_waits(void *arg, uint32_t number) {
    (void)arg;
    if (number) {
        while (!look(&shared_b)) mk_model_pause();
        return;
    }
    struct timespec until = in_ms(CLOCK_REALTIME, 3600000);
    mk_model_sem_timedwait(&sem, &until);
    raise_flag(&shared_b);
}

TEST(a_limit_is_reached_although_another_thread_spins) {
    struct mk_program program = PROGRAM(spin_while_another_waits, 2);
    check_clean(&program, 100);
}

/* ---- barriers -------------------------------------------------------------------------------- */

static uint64_t slot[3];
static uint32_t serial;

static void in_phases(void *arg, uint32_t number) {
    (void)arg;
    for (uint64_t phase = 1; phase <= 3; phase++) {
        set(&slot[number], phase);
        if (mk_model_pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) serial++;
        for (uint32_t i = 0; i < 3; i++) ENSURE(get(&slot[i]) == phase);
        mk_model_pthread_barrier_wait(&barrier);
    }
}

static void begin_phases(void *arg) {
    serial = 0;
    memset(slot, 0, sizeof slot);
    begin_all(arg);
}

static void end_phases(void *arg) {
    ENSURE(serial == 3);
    end_all(arg);
}

TEST(nobody_passes_a_barrier_before_all_have_come) {
    struct mk_program program = PROGRAM(in_phases, 3);
    program.begin = begin_phases;
    program.end = end_phases;
    check_clean(&program, 3000);
}

static void one_phase_too_few(void *arg, uint32_t number) {
    (void)arg;
    for (uint64_t phase = 1; phase <= 2; phase++) {
        set(&slot[number], phase);
        mk_model_pthread_barrier_wait(&barrier);
        for (uint32_t i = 0; i < 3; i++) get(&slot[i]);
    }
}

static void too_few_come(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_pthread_barrier_wait(&barrier);
}

TEST(a_barrier_orders_its_own_phase_alone) {
    struct mk_program program = PROGRAM(one_phase_too_few, 3), few = PROGRAM(too_few_come, 2);
    check_fails(&program, 100, MK_FAIL_RACE, "data race");
    struct hunted hunted = hunt(&few, 10);
    CHECK_EQ(hunted.failures, 10);
    CHECK(strstr(hunted.detail, "thread 1 waits for a barrier at {pc 0x") != NULL);
    CHECK(strstr(hunted.detail, ", where 2 of 3 have arrived") != NULL);
}

static void last_one_destroys(void *arg, uint32_t number) {
    (void)arg, (void)number;
    if (mk_model_pthread_barrier_wait(&barrier) != PTHREAD_BARRIER_SERIAL_THREAD) return;
    mk_model_pthread_barrier_destroy(&barrier);
    mk_model_pthread_barrier_init(&barrier, NULL, 2);
}

TEST(a_barrier_can_be_destroyed_as_soon_as_one_has_passed_it) {
    struct mk_program program = PROGRAM(last_one_destroys, 3);
    check_clean(&program, 1000);
}

/* ---- semaphores, once ------------------------------------------------------------------------ */

static void produce_and_consume(void *arg, uint32_t number) {
    int value;
    (void)arg;
    if (number) {
        for (uint32_t i = 0; i < 2; i++) ENSURE(!mk_model_sem_wait(&sem));
        ENSURE(get(&shared_a) == 7);
    } else {
        mk_model_sem_post(&sem);
        set(&shared_a, 7);
        mk_model_sem_post(&sem);
        ENSURE(!mk_model_sem_getvalue(&sem, &value) && value >= 0 && value <= 2);
    }
}

TEST(a_semaphore_hands_over_what_was_done_before_each_post) {
    struct mk_program program = PROGRAM(produce_and_consume, 2);
    check_clean(&program, 3000);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t times;

static void carry_out(void) {
    mk_model_sched_yield();
    set(&shared_a, 5);
    times++;
    mk_model_sched_yield();
}

static void call_once(void *arg, uint32_t number) {
    (void)arg, (void)number;
    ENSURE(!mk_model_pthread_once(&once, carry_out));
    ENSURE(get(&shared_a) == 5 && times == 1);
}

static void begin_once(void *arg) {
    times = 0;
    begin_all(arg);
}

static pthread_once_t nested = PTHREAD_ONCE_INIT;
static void call_itself(void) {
    mk_model_pthread_once(&nested, call_itself);
}

static void call_nested(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_pthread_once(&nested, call_itself);
}

TEST(once_is_once_in_each_schedule_and_all_wait_for_it) {
    struct mk_program program = PROGRAM(call_once, 3), itself = PROGRAM(call_nested, 1);
    program.begin = begin_once;
    check_clean(&program, 2000);
    check_fails(&itself, 1, MK_FAIL_DEADLOCK, "pthread_once within");
}

/* ---- threads --------------------------------------------------------------------------------- */

static void *work(void *arg) {
    set(&shared_a, get(&shared_a) + 1);
    return arg;
}

static void spawn_and_join(void *arg, uint32_t number) {
    pthread_t thread;
    void *result = NULL;
    (void)arg, (void)number;
    for (int i = 0; i < 3; i++) {
        set(&shared_a, 10);
        ENSURE(!mk_model_pthread_create(&thread, NULL, work, &sem));
        ENSURE(!mk_model_pthread_equal(thread, mk_model_pthread_self()));
        ENSURE(!mk_model_pthread_join(thread, &result) && result == &sem);
        ENSURE(get(&shared_a) == 11);
    }
}

static void spawn_without_join(void *arg, uint32_t number) {
    pthread_t thread;
    (void)arg, (void)number;
    mk_model_pthread_create(&thread, NULL, work, NULL);
    mk_model_sched_yield();
    get(&shared_a);
    mk_model_pthread_join(thread, NULL);
}

static void join_twice(void *arg, uint32_t number) {
    pthread_t thread;
    (void)arg, (void)number;
    mk_model_pthread_create(&thread, NULL, work, NULL);
    mk_model_pthread_join(thread, NULL);
    mk_model_pthread_join(thread, NULL);
}

static void join_detached(void *arg, uint32_t number) {
    pthread_t thread;
    (void)arg, (void)number;
    mk_model_pthread_create(&thread, NULL, work, NULL);
    mk_model_pthread_detach(thread);
    mk_model_pthread_join(thread, NULL);
}

static void join_oneself(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_pthread_join(mk_model_pthread_self(), NULL);
}

static void *exit_deep(void *arg) {
    mk_rt.now->depth += 3; /* as hooks do where functions are called */
    mk_model_pthread_mutex_lock(&mutex_a);
    mk_model_pthread_mutex_unlock(&mutex_a);
    mk_model_pthread_exit(arg);
}

static void spawn_what_exits(void *arg, uint32_t number) {
    pthread_t thread;
    void *result = NULL;
    (void)arg, (void)number;
    ENSURE(!mk_model_pthread_create(&thread, NULL, exit_deep, &rwlock));
    ENSURE(!mk_model_pthread_join(thread, &result) && result == &rwlock);
    ENSURE(mk_rt.thread[2].depth == 0);
}

static void exit_body(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_pthread_exit(NULL);
}

static void spawn_too_many(void *arg, uint32_t number) {
    pthread_t thread[MK_RT_THREADS];
    uint32_t n = 0;
    (void)arg, (void)number;
    while (n < MK_RT_THREADS && !mk_model_pthread_create(&thread[n], NULL, (void *(*)(void *))exit_deep, NULL)) n++;
    ENSURE(n == MK_RT_THREADS - 2);
    while (n) mk_model_pthread_join(thread[--n], NULL);
}

TEST(what_a_thread_did_happens_before_its_join) {
    struct mk_program clean = PROGRAM(spawn_and_join, 1), racy = PROGRAM(spawn_without_join, 1);
    check_clean(&clean, 500);
    check_fails(&racy, 20, MK_FAIL_RACE, "data race");
    check_alone("spawn_what_exits", spawn_what_exits);
    check_alone("spawn_too_many", spawn_too_many);
}

TEST(joins_that_cannot_be_are_failures) {
    struct mk_program twice = PROGRAM(join_twice, 1), detached = PROGRAM(join_detached, 1);
    struct mk_program oneself = PROGRAM(join_oneself, 1), exits = PROGRAM(exit_body, 1);
    check_fails(&twice, 1, MK_FAIL_MISUSE, "thread 0 joins thread 1, which is joined already");
    check_fails(&detached, 1, MK_FAIL_MISUSE, "thread 0 joins thread 1, which is detached");
    check_fails(&oneself, 1, MK_FAIL_DEADLOCK, "thread 0 waits for its own end");
    check_fails(&exits, 1, MK_FAIL_LIMIT, "pthread_exit");
}

/* ---- what is kept for each thread -------------------------------------------------------------- */

static pthread_key_t key, other_key;
static uint32_t destroyed[4];

static void destroy_value(void *value) {
    uint32_t number = (uint32_t)(uintptr_t)value - 1;
    ENSURE(mk_model_pthread_getspecific(key) == NULL);
    if (!destroyed[number]++) mk_model_pthread_setspecific(key, value); /* once more */
}

static void keep_value(void *arg, uint32_t number) {
    void *value = (void *)(uintptr_t)(number + 1);
    (void)arg;
    ENSURE(!mk_model_pthread_getspecific(key));
    ENSURE(!mk_model_pthread_setspecific(key, value) && !mk_model_pthread_setspecific(other_key, value));
    mk_model_sched_yield();
    ENSURE(mk_model_pthread_getspecific(key) == value);
}

static void begin_keys(void *arg) {
    memset(destroyed, 0, sizeof destroyed);
    mk_model_pthread_key_create(&key, destroy_value);
    mk_model_pthread_key_create(&other_key, NULL);
    begin_all(arg);
}

static void end_keys(void *arg) {
    for (uint32_t i = 0; i < 3; i++) ENSURE(destroyed[i] == 2);
    mk_model_pthread_key_delete(key);
    end_all(arg);
}

static void use_deleted_key(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_pthread_key_delete(key);
    mk_model_pthread_getspecific(key);
}

static void use_key_of_before(void *arg, uint32_t number) {
    (void)arg;
    ENSURE(!mk_model_pthread_getspecific(key));
    mk_model_pthread_setspecific(key, &slot[number]);
    mk_model_sched_yield();
    ENSURE(mk_model_pthread_getspecific(key) == &slot[number]);
}

TEST(values_of_keys_are_each_threads_own_and_destroyed_at_its_end) {
    struct mk_program program = PROGRAM(keep_value, 3), deleted = PROGRAM(use_deleted_key, 1);
    struct mk_program before = PROGRAM(use_key_of_before, 2);
    program.begin = deleted.begin = begin_keys;
    program.end = end_keys;
    check_clean(&program, 500);
    check_fails(&deleted, 1, MK_FAIL_MISUSE, "that was deleted");
    CHECK_EQ(mk_model_pthread_key_create(&key, NULL), 0);
    check_clean(&before, 50);
    CHECK_EQ(mk_model_pthread_key_delete(key), 0);
}

/* ---- futexes and other system calls ------------------------------------------------------------ */

static uint32_t word; /* 0 free, 1 locked, 2 locked and waited for */

TOUCH uint32_t exchange(uint32_t value) {
    struct mk_word to = {value, 0};
    return (uint32_t)mk_memory_rmw((uintptr_t)&word, 4, MK_RMW_EXCHANGE, to, __ATOMIC_ACQ_REL, HERE).low;
}

/* Returns what was there. */
TOUCH uint32_t lock_if_free(void) {
    struct mk_word old = {0, 0}, to = {1, 0};
    mk_memory_cas((uintptr_t)&word, 4, &old, to, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED, HERE);
    return (uint32_t)old.low;
}

/* The second mutex of Drepper, "Futexes are tricky"; `wakes`: how many, which should be one. */
static void count_with_futex(uint32_t wakes) {
    uint32_t old = lock_if_free();
    while (old && (old = exchange(2))) mk_model_syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
    add(&shared_a, 2);
    if (exchange(0) == 2 && wakes) mk_model_syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, wakes, NULL, NULL, 0);
}

static void futex_mutex(void *arg, uint32_t number) {
    (void)arg, (void)number;
    count_with_futex(1);
}

static void futex_without_wake(void *arg, uint32_t number) {
    (void)arg, (void)number;
    count_with_futex(0);
}

static void begin_futex(void *arg) {
    word = 0;
    begin_all(arg);
}

TEST(futexes_wait_and_wake) {
    struct mk_program program = PROGRAM(futex_mutex, 3), broken = PROGRAM(futex_without_wake, 2);
    program.begin = broken.begin = begin_futex;
    program.end = end_of_count;
    check_clean(&program, 3000);
    check_fails(&broken, 500, MK_FAIL_DEADLOCK, "deadlock");
}

static void call_system(void *arg, uint32_t number) {
    struct timespec span = {.tv_nsec = 1000};
    (void)arg, (void)number;
    long query = mk_model_syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    ENSURE(query & MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    ENSURE(!mk_model_syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
    ENSURE(!mk_model_syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
    ENSURE(mk_model_syscall(SYS_gettid) == mk_model_gettid());
    ENSURE(!mk_model_syscall(SYS_sched_yield));
    word = 3;
    ENSURE(mk_model_syscall(SYS_futex, &word, FUTEX_WAIT, 4, NULL) == -1 && errno == EAGAIN);
    ENSURE(mk_model_syscall(SYS_futex, &word, FUTEX_WAIT, 3, &span) == 0 || errno == ETIMEDOUT);
    ENSURE(mk_model_syscall(SYS_futex, &word, FUTEX_WAKE, 1) == 0);
    ENSURE(mk_model_sysconf(_SC_NPROCESSORS_ONLN) == 4 && mk_model_sysconf(_SC_PAGESIZE) == sysconf(_SC_PAGESIZE));
    ENSURE(mk_model_sched_getcpu() < 4);
}

static void call_unknown(void *arg, uint32_t number) {
    (void)arg, (void)number;
    mk_model_syscall(SYS_getppid);
}

static void barrier_unregistered(void *arg, uint32_t number) {
    (void)arg, (void)number;
    ENSURE(mk_model_syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == -1 && errno == EPERM);
}

TEST(system_calls_are_those_of_the_model_or_failures) {
    struct mk_program unknown = PROGRAM(call_unknown, 1);
    char named[32]; /* numbers differ between machines */
    snprintf(named, sizeof named, "system call %d", (int)SYS_getppid);
    check_alone("call_system", call_system);
    check_alone("barrier_unregistered", barrier_unregistered);
    check_fails(&unknown, 1, MK_FAIL_LIMIT, named);
}

/* The light side of a Dekker pair has no fence at all. */
static uint64_t saw[2];

static void asymmetric(void *arg, uint32_t number) {
    raise_flag(number ? &shared_b : &shared_a);
    if (number && arg) {
        mk_model_syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
        mk_model_syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    }
    saw[number] = look(number ? &shared_a : &shared_b);
}

static void end_asymmetric(void *arg) {
    ENSURE(saw[0] || saw[1]);
    end_all(arg);
}

TEST(membarrier_orders_what_other_threads_did) {
    struct mk_program program = PROGRAM(asymmetric, 2);
    program.end = end_asymmetric;
    check_fails(&program, 1000, MK_FAIL_ORACLE, "saw[0] || saw[1]");
    program.arg = &word;
    check_clean(&program, 5000);
}

/* ---- time and random numbers ------------------------------------------------------------------- */

static struct timespec seen_time;
static unsigned char seen_random[16];
static int seen_rand;

static void look_at_time(void *arg, uint32_t number) {
    struct timespec before, after, span = {.tv_sec = 2};
    struct timeval day;
    (void)arg, (void)number;
    mk_model_clock_gettime(CLOCK_MONOTONIC, &before);
    ENSURE(!mk_model_nanosleep(&span, NULL));
    ENSURE(!mk_model_usleep(10) && !mk_model_sleep(1));
    mk_model_clock_gettime(CLOCK_MONOTONIC, &after);
    ENSURE(after.tv_sec - before.tv_sec == 3);
    ENSURE(!mk_model_clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &after, NULL));
    span = in_ms(CLOCK_MONOTONIC, 5000);
    do mk_model_clock_gettime(CLOCK_MONOTONIC, &after);
    while (after.tv_sec < span.tv_sec);
    mk_model_gettimeofday(&day, NULL);
    ENSURE(day.tv_sec - mk_model_time(NULL) <= 0);
    seen_time = after;
    seen_rand = mk_model_rand();
    ENSURE(mk_model_getrandom(seen_random, sizeof seen_random, 0) == sizeof seen_random);
}

TEST(time_and_random_numbers_are_the_same_in_every_run) {
    struct mk_program program = PROGRAM(look_at_time, 1);
    unsigned char first_random[sizeof seen_random];
    CHECK(!run_once(&program, 1, NULL));
    struct timespec first = seen_time;
    int first_rand = seen_rand;
    memcpy(first_random, seen_random, sizeof first_random);
    CHECK(!run_once(&program, 1, NULL));
    CHECK_EQ(seen_time.tv_sec, first.tv_sec);
    CHECK_EQ(seen_time.tv_nsec, first.tv_nsec);
    CHECK_EQ(seen_rand, first_rand);
    CHECK(!memcmp(seen_random, first_random, sizeof first_random));
}

/* ---- the whole ------------------------------------------------------------------------------- */

TEST(the_same_choices_make_the_same_schedule) {
    struct mk_program programs[] = {PROGRAM(wait_in_pairs, 3), PROGRAM(wait_with_limit, 2), PROGRAM(in_phases, 3),
                                    PROGRAM(spawn_and_join, 1)};
    programs[0].begin = begin_pairs;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            run_once(&programs[i], seed, NULL);
            uint64_t hash = mk_rt.hash, steps = mk_rt.steps;
            run_once(&programs[i], seed, NULL);
            CHECK(mk_rt.hash == hash && mk_rt.steps == steps);
        }
    }
}

static void lock_many(void *arg, uint32_t number) {
    pthread_mutex_t *mutexes = arg;
    for (uint32_t i = 0; i < 3000; i++) mk_model_pthread_mutex_lock(&mutexes[i]);
    for (uint32_t i = 0; i < 3000; i++) ENSURE(mk_model_pthread_mutex_trylock(&mutexes[i]) == EBUSY);
    for (uint32_t i = 0; i < 3000; i++) ENSURE(!mk_model_pthread_mutex_unlock(&mutexes[i]));
    (void)number;
}

TEST(there_may_be_thousands_of_locks) {
    struct mk_program program = PROGRAM(lock_many, 1);
    program.arg = calloc(3000, sizeof(pthread_mutex_t));
    check_clean(&program, 3);
    free(program.arg);
}

struct listener {
    struct mk_event_sink sink; /* first */
    char said[512];
};

static void listen(struct mk_event_sink *sink, const struct mk_event_info *info) {
    struct listener *listener = (struct listener *)sink;
    size_t n = strlen(listener->said);
    if (info->text && info->thread) {
        snprintf(listener->said + n, sizeof listener->said - n, "%u %s%s;", info->thread - 1, info->text,
                 info->failed ? "!" : "");
    }
}

TEST(whoever_listens_is_told_what_happens) {
    struct mk_program program = PROGRAM(hand_over_by_predicate, 2);
    struct mk_chooser usual = {.thread = usual_thread, .value = usual_value};
    struct listener listener = {.sink = {.event = listen}, .said = ""};
    struct mk_schedule_config config = {.chooser = &usual, .races = true, .sink = &listener.sink};
    CHECK(!mk_rt_run(&program, &config));
    CHECK_STR(listener.said, "0 lock;0 unlock and wait;0 waits;1 lock;1 signal;1 unlock;0 lock;0 unlock;");
}
