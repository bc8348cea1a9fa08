/* own_malloc.c - a program that brings its own malloc, as some do: under another one, it goes on with its own.
 * Blocks are cut off a static arena and never used again. Ends with "ok own_malloc". */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARENA = 64 << 20, HEADER = 16 };
static _Alignas(4096) unsigned char arena[ARENA];
static atomic_size_t used, calls;

static void *cut(size_t alignment, size_t size) {
    if (size > ARENA / 4 || alignment > 4096) {
        errno = ENOMEM;
        return NULL;
    }
    size_t room = (size + HEADER + alignment + 15) / 16 * 16, from = atomic_fetch_add(&used, room);
    if (from + room > ARENA) {
        errno = ENOMEM;
        return NULL;
    }
    atomic_fetch_add(&calls, 1);
    unsigned char *at = arena + (from + HEADER + alignment - 1) / alignment * alignment;
    memcpy(at - sizeof size, &size, sizeof size);
    return at;
}

static size_t size_of(const void *at) {
    size_t size;
    memcpy(&size, (const unsigned char *)at - sizeof size, sizeof size);
    return size;
}

static int is_ours(const void *at) {
    return (uintptr_t)at - (uintptr_t)arena < ARENA;
}

void *malloc(size_t size) {
    return cut(16, size);
}

void free(void *at) {
    if (at && !is_ours(at)) abort();
}

void *calloc(size_t count, size_t size) {
    if (size && count > ARENA / size) {
        errno = ENOMEM;
        return NULL;
    }
    return cut(16, count * size);
}

void *realloc(void *at, size_t size) {
    if (!at) return cut(16, size);
    if (!is_ours(at)) abort();
    void *moved = cut(16, size);
    if (moved) memcpy(moved, at, size_of(at) < size ? size_of(at) : size);
    return moved;
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    void *at = cut(alignment, size);
    if (at) *out = at;
    return at ? 0 : ENOMEM;
}

void *aligned_alloc(size_t alignment, size_t size) {
    return cut(alignment, size);
}

static int fail(const char *what) {
    fprintf(stderr, "own_malloc: %s\n", what);
    exit(1);
}

static void *in_thread(void *argument) {
    for (int i = 0; i < 1000; i++) {
        char *text = NULL;
        if (asprintf(&text, "thread %d", i) < 0 || !is_ours(text)) fail("a thread's text is elsewhere");
        free(text);
    }
    return argument;
}

static void in_child(void) {
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        char *text = strdup("child");
        _exit(!text || !is_ours(text));
    }
    if (waitpid(child, &status, 0) != child || status) fail("a child went wrong");
}

int main(void) {
    pthread_t thread[4];
    char *line = NULL;
    size_t room = 0;
    FILE *in = fopen("/proc/self/maps", "r");
    if (!in) return fail("a file cannot be opened");
    while (getline(&line, &room, in) > 0) {
        if (!is_ours(line)) fail("a line is elsewhere");
    }
    free(line);
    fclose(in);
    for (int i = 0; i < 4; i++) {
        if (pthread_create(&thread[i], NULL, in_thread, NULL)) fail("no thread");
    }
    for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
    in_child();
    void *page = aligned_alloc(4096, 8192);
    if (!page || !is_ours(page) || (uintptr_t)page % 4096) fail("aligned_alloc is another's");
    free(page);
    if (atomic_load(&calls) < 4000) fail("few calls came here");
    puts("ok own_malloc");
    return 0;
}
