/* broken.c - mallocs with one defect each, that of the environment variable MK_BROKEN, over that of the C library:
 * the probes have to find them (tests/test_preload_probes.py says which finds which). */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define OF_THREAD _Thread_local __attribute__((tls_model("initial-exec")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *at, size_t size);
void __libc_free(void *at);
extern char **environ;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key;
static bool exhausted;
static OF_THREAD bool allocates, ended;

/* Without getenv, which need not be ready when the first block is asked for. */
static bool broken(const char *defect) {
    for (char **entry = environ; entry && *entry; entry++) {
        if (strncmp(*entry, "MK_BROKEN=", 10) == 0) return strcmp(*entry + 10, defect) == 0;
    }
    return false;
}

static void end_thread(void *value) {
    (void)value;
    ended = true;
}

__attribute__((constructor)) static void make_key(void) {
    if (pthread_key_create(&key, end_thread)) abort();
}

/* Now and then the block of before is given once more, which is in use. */
static void *twice(size_t size) {
    static OF_THREAD unsigned calls;
    static OF_THREAD void *last;
    static OF_THREAD size_t last_size;
    if (size > 600) return __libc_malloc(size);
    if (last && size <= last_size && calls++ % 100 == 99) return last;
    last_size = size;
    return last = __libc_malloc(size);
}

/* Long under a lock that no handler of fork takes. */
static void *locked(size_t size) {
    void *at = NULL;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 50; i++) {
        __libc_free(at);
        at = __libc_malloc(size);
    }
    pthread_mutex_unlock(&lock);
    return at;
}

static void *in_new_thread(size_t size) {
    if (broken("a thread leaves memory behind")) memset(__libc_malloc(65536), 1, 65536);
    if (broken("none after destructors")) pthread_setspecific(key, &key);
    return __libc_malloc(size);
}

void *malloc(size_t size) {
    bool first = !allocates;
    allocates = true;
    if (ended && broken("none after destructors")) abort();
    if (broken("misaligned")) return (char *)__libc_malloc(size + 16) + 8;
    if (first) return in_new_thread(size);
    if (size > PTRDIFF_MAX && broken("no errno")) return NULL;
    if (size == 0 && broken("no block of no bytes")) return NULL;
    if (broken("given twice")) return twice(size);
    if (broken("locked in fork")) return locked(size);
    void *at = __libc_malloc(size);
    if (!at) exhausted = true;
    return at;
}

void *calloc(size_t count, size_t size) {
    if (broken("calloc overflows")) return __libc_calloc(1, count * size);
    if (broken("calloc is dirty")) return __libc_malloc(count * size);
    return __libc_calloc(count, size);
}

static void *lose_the_end(void *at, size_t size) {
    size_t had = malloc_usable_size(at);
    void *moved = __libc_malloc(size);
    if (!moved) return NULL;
    memcpy(moved, at, (had < size ? had : size) * 15 / 16);
    __libc_free(at);
    return moved;
}

void *realloc(void *at, size_t size) {
    if (at && size && broken("realloc loses the end")) return lose_the_end(at, size);
    if (at && !size && broken("realloc to nothing is a block")) size = 1;
    void *moved = __libc_realloc(at, size);
    if (at && size && !moved && broken("realloc frees what it refuses")) __libc_free(at);
    return moved;
}

void free(void *at) {
    if (broken("free sets errno")) errno = EAGAIN;
    if (broken("misaligned") || broken("given twice")) return;
    if (!allocates && broken("lost by a thread that only frees")) return;
    if (exhausted && broken("lost once there was no more")) return;
    __libc_free(at);
}

int malloc_trim(size_t pad) {
    (void)pad;
    return 0;
}
