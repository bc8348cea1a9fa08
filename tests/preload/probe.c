/* probe.c - probes of a malloc: `probe NAME` runs one and says which file its malloc is in, `probe --list` names
 * them. tests/test_preload_probes.py runs them under a library. */
#include "probe.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/wait.h>

enum { LONGEST_S = 60, CHILD_S = 20 };

static struct probe *first, **last = &first;
static const char *program;

void probe_add(struct probe *probe) {
    *last = probe;
    last = &probe->next;
}

static void say(int fd, const char *text, size_t length) {
    while (length > 0) {
        ssize_t wrote = write(fd, text, length);
        if (wrote <= 0) return;
        text += wrote;
        length -= (size_t)wrote;
    }
}

static size_t within(int length, size_t room) {
    return length < 0 ? 0 : (size_t)length < room ? (size_t)length : room - 1;
}

void probe_fail(const char *file, int line, const char *format, ...) {
    char text[1024];
    size_t length = within(snprintf(text, sizeof text / 2, "%s:%d: ", file, line), sizeof text / 2);
    va_list args;
    va_start(args, format);
    length += within(vsnprintf(text + length, sizeof text - 1 - length, format, args), sizeof text - 1 - length);
    va_end(args);
    text[length++] = '\n';
    say(STDERR_FILENO, text, length);
    _exit(1);
}

void probe_note(const char *format, ...) {
    char text[512] = "# ";
    va_list args;
    va_start(args, format);
    size_t length = 2 + within(vsnprintf(text + 2, sizeof text - 3, format, args), sizeof text - 3);
    va_end(args);
    text[length++] = '\n';
    say(STDOUT_FILENO, text, length);
}

size_t probe_size(uint64_t *state, size_t most) {
    unsigned powers = 64 - (unsigned)__builtin_clzll(most);
    size_t size = ((size_t)1 << probe_random(state) % powers);
    size += probe_random(state) % size;
    return size < most ? size : most;
}

/* The pattern: word i of a block is token + i * STEP; the bytes behind the last word are those of a word more. */
#define STEP 0x9e3779b97f4a7c15u
enum { WORD = 8, EDGE = 4096, PAGE = 4096 };

static uint64_t word_of(uint64_t token, size_t i) {
    return token + i * STEP;
}

static void fill_words(unsigned char *at, size_t from, size_t to, uint64_t token) {
    for (size_t i = from / WORD; i * WORD < to; i++) {
        uint64_t word = word_of(token, i);
        memcpy(at + i * WORD, &word, to - i * WORD < WORD ? to - i * WORD : WORD);
    }
}

static void words_filled(const unsigned char *at, size_t from, size_t to, uint64_t token) {
    for (size_t i = from / WORD; i * WORD < to; i++) {
        uint64_t word = word_of(token, i);
        if (memcmp(at + i * WORD, &word, to - i * WORD < WORD ? to - i * WORD : WORD) != 0)
            FAIL("the block at %p has lost its contents: byte %zu on, of %zu", (const void *)at, i * WORD, to);
    }
}

void probe_fill(void *at, size_t size, uint64_t token) {
    if (size <= 2 * EDGE) {
        fill_words(at, 0, size, token);
        return;
    }
    fill_words(at, 0, EDGE, token);
    for (size_t from = EDGE; from < size - EDGE; from += PAGE) fill_words(at, from, from + WORD, token);
    fill_words(at, (size - EDGE) / WORD * WORD, size, token);
}

void probe_filled(const void *at, size_t size, size_t kept, uint64_t token) {
    if (size <= 2 * EDGE) {
        words_filled(at, 0, kept, token);
        return;
    }
    words_filled(at, 0, kept < EDGE ? kept : EDGE, token);
    for (size_t from = EDGE; from < size - EDGE && from + WORD <= kept; from += PAGE)
        words_filled(at, from, from + WORD, token);
    if (kept > size - EDGE) words_filled(at, (size - EDGE) / WORD * WORD, kept, token);
}

void probe_watch_child(void) {
    const char *seconds = getenv("MK_PROBE_CHILD_SECONDS");
    alarm(seconds ? (unsigned)atoi(seconds) : CHILD_S);
}

pthread_t probe_thread(void *(*body)(void *), void *argument) {
    pthread_t thread;
    int error = pthread_create(&thread, NULL, body, argument);
    if (error) FAIL("no thread can be started: %s", strerror(error));
    return thread;
}

void probe_child(pid_t child, const char *what) {
    int status = 0;
    if (child < 0) FAIL("no child can be started, to %s", what);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) FAIL("the child that was to %s is lost", what);
    if (WIFSIGNALED(status)) FAIL("the child that was to %s died of signal %d", what, WTERMSIG(status));
    if (WEXITSTATUS(status)) FAIL("the child that was to %s ended with %d", what, WEXITSTATUS(status));
}

/* A column of /proc/self/statm, in bytes. */
static size_t statm(unsigned column) {
    char text[256];
    int in = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t length = in < 0 ? -1 : read(in, text, sizeof text - 1);
    if (length <= 0) FAIL("/proc/self/statm cannot be read");
    close(in);
    text[length] = '\0';
    char *at = text;
    for (unsigned i = 0; i < column; i++) strtoul(at, &at, 10);
    return strtoul(at, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

size_t probe_resident(void) {
    return statm(1);
}

size_t probe_reserved(void) {
    return statm(0);
}

static void *churn(void *argument) {
    struct probe_churn *all = argument;
    enum { SLOTS = 64 };
    struct {
        void *at;
        size_t size;
    } slot[SLOTS] = {{NULL, 0}};
    uint64_t random = (uintptr_t)&slot;
    while (!atomic_load(&all->stop)) {
        size_t i = probe_random(&random) % SLOTS;
        if (slot[i].at) probe_filled(slot[i].at, slot[i].size, slot[i].size, i);
        slot[i].size = probe_size(&random, 32768);
        if (probe_random(&random) % 4 == 0) {
            slot[i].at = realloc(slot[i].at, slot[i].size);
        } else {
            free(slot[i].at);
            slot[i].at = malloc(slot[i].size);
        }
        CHECK(slot[i].at);
        probe_fill(slot[i].at, slot[i].size, i);
        atomic_fetch_add(&all->rounds, 1);
    }
    for (size_t i = 0; i < SLOTS; i++) free(slot[i].at);
    return NULL;
}

void probe_churn_start(struct probe_churn *all, unsigned threads) {
    CHECK(threads <= PROBE_CHURNERS_MOST);
    all->threads = threads;
    atomic_init(&all->stop, false);
    atomic_init(&all->rounds, 0);
    for (unsigned i = 0; i < threads; i++) all->thread[i] = probe_thread(churn, all);
    while (atomic_load(&all->rounds) < 1000 * threads) usleep(100);
}

void probe_churn_stop(struct probe_churn *all) {
    atomic_store(&all->stop, true);
    for (unsigned i = 0; i < all->threads; i++) CHECK_EQ(pthread_join(all->thread[i], NULL), 0);
}

void probe_exercise(uint64_t seed) {
    enum { BLOCKS = 50 };
    void *at[BLOCKS];
    size_t size[BLOCKS];
    uint64_t random = seed;
    for (size_t i = 0; i < BLOCKS; i++) {
        size[i] = probe_size(&random, 100000);
        at[i] = i % 3 ? malloc(size[i]) : calloc(1, size[i]);
        CHECK(at[i]);
        probe_fill(at[i], size[i], seed + i);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        probe_filled(at[i], size[i], size[i], seed + i);
        free(at[i]);
    }
}

void probe_beside(char *path, size_t room, const char *name) {
    const char *slash = strrchr(program, '/');
    snprintf(path, room, "%.*s%s", slash ? (int)(slash - program) + 1 : 0, program, name);
}

const char *probe_file_of(const char *function) {
    Dl_info info;
    void *at = dlsym(RTLD_DEFAULT, function);
    return at && dladdr(at, &info) ? info.dli_fname : NULL;
}

int main(int argc, char **argv) {
    program = argv[0];
    bool list = argc == 2 && strcmp(argv[1], "--list") == 0;
    for (struct probe *probe = first; probe; probe = probe->next) {
        if (list) puts(probe->name);
        if (list || argc != 2 || strcmp(argv[1], probe->name) != 0) continue;
        alarm(LONGEST_S);
        probe_note("malloc is in %s", probe_file_of("malloc"));
        probe->run();
        printf("ok %s\n", probe->name);
        return 0;
    }
    if (list) return 0;
    fprintf(stderr, "usage: probe NAME | --list\n");
    return 2;
}
