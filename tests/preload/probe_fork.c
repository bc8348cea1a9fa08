/* probe_fork.c - children of a process whose threads allocate at that moment, by all ways to start one; none may
 * hang, because a lock of the malloc was held by a thread that the child has not. */
#include "probe.h"

#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

enum { CHURNERS = 4, CHILDREN = 200, HEIRLOOMS = 500 };

struct heirloom {
    void *at;
    size_t size;
};
static struct heirloom heirlooms[HEIRLOOMS];

static void make_heirlooms(void) {
    uint64_t random = 5;
    for (size_t i = 0; i < HEIRLOOMS; i++) {
        heirlooms[i].size = probe_size(&random, 30000);
        heirlooms[i].at = malloc(heirlooms[i].size);
        CHECK(heirlooms[i].at);
        probe_fill(heirlooms[i].at, heirlooms[i].size, i);
    }
}

/* Each block is as the parent left it, can be grown, and freed. */
static void use_heirlooms(void) {
    for (size_t i = 0; i < HEIRLOOMS; i++) {
        probe_filled(heirlooms[i].at, heirlooms[i].size, heirlooms[i].size, i);
        if (i % 3 == 0) {
            heirlooms[i].at = realloc(heirlooms[i].at, heirlooms[i].size * 2);
            CHECK(heirlooms[i].at);
            probe_filled(heirlooms[i].at, heirlooms[i].size, heirlooms[i].size, i);
        }
        free(heirlooms[i].at);
    }
}

static void *exercise(void *argument) {
    probe_exercise(*(uint64_t *)argument);
    return NULL;
}

static void be_a_child(unsigned number) {
    probe_watch_child();
    uint64_t seed = number;
    probe_exercise(seed);
    if (number % 2) use_heirlooms();
    if (number % 4 == 0) {
        pthread_t threads[2] = {probe_thread(exercise, &seed), probe_thread(exercise, &seed)};
        for (unsigned i = 0; i < 2; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    if (number % 8 == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0) {
            probe_watch_child();
            probe_exercise(seed);
            _exit(0);
        }
        probe_child(grandchild, "be a grandchild");
    }
    if (number % 16 == 0) exit(0);
    _exit(0);
}

/* A few at a time. */
static void fork_children(unsigned count) {
    enum { AT_ONCE = 4 };
    pid_t child[AT_ONCE];
    for (unsigned i = 0; i < count; i += AT_ONCE) {
        for (unsigned j = 0; j < AT_ONCE; j++) {
            child[j] = fork();
            if (child[j] == 0) be_a_child(i + j);
        }
        for (unsigned j = 0; j < AT_ONCE; j++) probe_child(child[j], "allocate and free after a fork");
    }
}

PROBE(fork_while_threads_allocate) {
    struct probe_churn churn;
    make_heirlooms();
    probe_churn_start(&churn, CHURNERS);
    fork_children(CHILDREN);
    probe_churn_stop(&churn);
    use_heirlooms();
}

static void *fork_some(void *argument) {
    probe_exercise(1);
    fork_children(*(unsigned *)argument);
    return NULL;
}

/* By a thread that is not the main one, while the main one allocates as well. */
PROBE(fork_in_another_thread) {
    struct probe_churn churn;
    unsigned count = 100;
    make_heirlooms();
    probe_churn_start(&churn, 2);
    pthread_t forks[2] = {probe_thread(fork_some, &count), probe_thread(fork_some, &count)};
    for (unsigned i = 0; i < 200; i++) probe_exercise(i);
    for (unsigned i = 0; i < 2; i++) CHECK_EQ(pthread_join(forks[i], NULL), 0);
    probe_churn_stop(&churn);
}

static void allocate_in_handler(void) {
    free(strdup("a handler of pthread_atfork may allocate"));
}

/* Programs register handlers that allocate, before and after the malloc registers its own. */
PROBE(fork_with_handlers_that_allocate) {
    struct probe_churn churn;
    make_heirlooms();
    CHECK_EQ(pthread_atfork(allocate_in_handler, allocate_in_handler, allocate_in_handler), 0);
    probe_churn_start(&churn, 2);
    fork_children(60);
    probe_churn_stop(&churn);
}

/* A chain of processes, each a child of the one before. */
PROBE(fork_of_a_fork) {
    enum { DEPTH = 40 };
    pid_t child = -1;
    unsigned depth = 0;
    make_heirlooms();
    for (; depth < DEPTH; depth++) {
        probe_exercise(depth);
        child = fork();
        if (child != 0) break;
        probe_watch_child();
    }
    use_heirlooms();
    if (child != 0) probe_child(child, "go on in a chain of processes");
    if (depth > 0) _exit(0);
}

PROBE(vfork_and_exec) {
    struct probe_churn churn;
    probe_churn_start(&churn, CHURNERS);
    for (unsigned i = 0; i < 100; i++) {
        char *const arguments[] = {"true", NULL};
        pid_t child = vfork();
        if (child == 0) {
            execvp("true", arguments);
            _exit(127);
        }
        probe_child(child, "exec true after a vfork");
        probe_exercise(i);
    }
    probe_churn_stop(&churn);
}

PROBE(spawn_and_system) {
    struct probe_churn churn;
    probe_churn_start(&churn, CHURNERS);
    for (unsigned i = 0; i < 50; i++) {
        char *const arguments[] = {"sh", "-c", "exit 0", NULL};
        char text[32] = "";
        pid_t child;
        CHECK_EQ(posix_spawnp(&child, "sh", NULL, NULL, arguments, environ), 0);
        probe_child(child, "be spawned");
        CHECK_EQ(system("exit 3"), 3 << 8);
        FILE *in = popen("echo from the shell", "r");
        CHECK(in && fgets(text, sizeof text, in) && strcmp(text, "from the shell\n") == 0);
        CHECK_EQ(pclose(in), 0);
    }
    probe_churn_stop(&churn);
}

static void free_at_exit(void) {
    use_heirlooms();
    probe_exercise(8);
}

static void *last_heirloom;

__attribute__((destructor)) static void free_last(void) {
    if (!last_heirloom) return;
    probe_filled(last_heirloom, 1000, 1000, 9);
    free(last_heirloom);
    probe_exercise(9);
    if (write(STDOUT_FILENO, "# a destructor ran\n", 19) != 19) _exit(1);
}

static pid_t child_that_exits(unsigned threads) {
    pid_t child = fork();
    if (child) return child;
    static struct probe_churn churn;
    probe_watch_child();
    if (threads) probe_churn_start(&churn, threads);
    make_heirlooms();
    CHECK(last_heirloom = malloc(1000));
    probe_fill(last_heirloom, 1000, 9);
    CHECK_EQ(atexit(free_at_exit), 0);
    exit(0);
}

/* Functions of atexit and destructors of the program allocate. */
PROBE(exit_functions_allocate) {
    probe_child(child_that_exits(0), "allocate while it exits");
}

PROBE(exit_while_threads_allocate) {
    for (unsigned i = 0; i < 30; i++) probe_child(child_that_exits(CHURNERS), "exit while its threads allocate");
}
