/* probe.h - what the probes of a malloc share. A probe is one thing that a malloc has to do for a program, in a
 * process of its own: `probe NAME` ends with 0 and "ok NAME", or says what was wrong, where, and ends with 1 at
 * once. What says so allocates nothing, because a malloc that is broken must not hide how.
 */
#ifndef MK_PROBE_H
#define MK_PROBE_H

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

struct probe {
    const char *name;
    void (*run)(void);
    struct probe *next;
};

void probe_add(struct probe *probe);

/* Says file, line and what was wrong, on standard error, and ends the process with 1. Any thread. */
_Noreturn void probe_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Says something that a reader wants to know of a probe that went well: a line that starts with "# ". */
void probe_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define PROBE(NAME)                                                     \
    static void probe_##NAME(void);                                     \
    __attribute__((constructor)) static void probe_add_##NAME(void) {   \
        static struct probe probe = {#NAME, probe_##NAME, NULL};        \
        probe_add(&probe);                                              \
    }                                                                   \
    static void probe_##NAME(void)

#define FAIL(...) probe_fail(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(COND)                             \
    do {                                        \
        if (!(COND)) FAIL("not so: %s", #COND); \
    } while (0)

#define CHECK_EQ(GOT, WANT)                                                                     \
    do {                                                                                        \
        int64_t got_ = (int64_t)(GOT), want_ = (int64_t)(WANT);                                 \
        if (got_ != want_) FAIL("%s is %" PRId64 ", not %" PRId64, #GOT, got_, want_);          \
    } while (0)

/* NULL and ENOMEM, as of what cannot be had. */
#define CHECK_REFUSED(CALL)                                                                         \
    do {                                                                                            \
        errno = 0;                                                                                  \
        void *got_ = (CALL);                                                                        \
        int errno_ = errno;                                                                         \
        if (got_) FAIL("%s gives %p, not NULL", #CALL, got_);                                       \
        if (errno_ != ENOMEM) FAIL("%s sets errno to %d, not to ENOMEM (%d)", #CALL, errno_, ENOMEM); \
    } while (0)

/* Hides a value from the compiler, which knows what malloc does and warns or leaves calls out. */
static inline size_t probe_hidden(size_t value) {
    volatile size_t hidden = value;
    return hidden;
}

/* A stream of random numbers: the next one of *state, which starts at any value. */
static inline uint64_t probe_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* A size of 1 to most bytes; each power of two is as likely as the next, so that small ones are many. */
size_t probe_size(uint64_t *state, size_t most);

/* Fills size bytes with the pattern of a token. Of blocks beyond 8 KiB: both ends and a word of each page
 * between. */
void probe_fill(void *at, size_t size, uint64_t token);

/* Fails unless the pattern is still there; kept says how many bytes of it were meant to stay, size how many there
 * were. */
void probe_filled(const void *at, size_t size, size_t kept, uint64_t token);

/* Called by a child, which the alarm of its parent does not reach: ends it by a signal if it still runs in 20 s, or
 * in MK_PROBE_CHILD_SECONDS. */
void probe_watch_child(void);

/* Starts a thread that is to be joined; fails if there can be none. */
pthread_t probe_thread(void *(*body)(void *), void *argument);

/* Waits for a child that is to end with exit status 0; fails otherwise, saying what it was meant to do. */
void probe_child(pid_t child, const char *what);

/* Memory of this process in bytes: resident, and reserved addresses. */
size_t probe_resident(void);
size_t probe_reserved(void);

/* Threads that allocate, replace and free until they are told to stop. */
enum { PROBE_CHURNERS_MOST = 16 };
struct probe_churn {
    pthread_t thread[PROBE_CHURNERS_MOST];
    unsigned threads;
    atomic_bool stop;
    atomic_ulong rounds;
};
void probe_churn_start(struct probe_churn *churn, unsigned threads);
void probe_churn_stop(struct probe_churn *churn);

/* Allocates, fills, checks and frees a few blocks of many sizes; the seed says which. */
void probe_exercise(uint64_t seed);

/* Path of the file that a function of this process is in, as the dynamic linker names it; NULL if it is in none. */
const char *probe_file_of(const char *function);

/* Fills path, of room bytes, with that of a file beside the program. */
void probe_beside(char *path, size_t room, const char *name);

#endif
