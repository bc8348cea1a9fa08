/* child.h - runs a piece of a test in a child process, for what can be done once in a process only
 * (environment variables, PAPI, the process's own CPU mask), and hands its output back; and makes
 * temporary folders and files. */
#ifndef MK_TEST_CHILD_H
#define MK_TEST_CHILD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Makes a folder of its own for temporary files; the caller removes it. Ends the test program if it
 * cannot be had. */
static inline void child_folder(char *path, size_t room) {
    const char *parent = getenv("TMPDIR");
    snprintf(path, room, "%s/mk_test_XXXXXX", parent ? parent : P_tmpdir);
    if (!mkdtemp(path)) abort();
}

/* Fills path with that of a new and empty file. Returns its descriptor, open for reading and writing. */
static inline int child_file(char *path, size_t room) {
    const char *parent = getenv("TMPDIR");
    snprintf(path, room, "%s/mk_test_XXXXXX", parent ? parent : P_tmpdir);
    int fd = mkstemp(path);
    if (fd < 0) abort();
    return fd;
}

/* Reads a stream to its end; returns text that the caller frees. */
static inline char *child_read(FILE *in) {
    char *text = NULL;
    size_t room = 0;
    ssize_t length = getdelim(&text, &room, '\0', in);
    if (length < 0) {
        free(text);
        return strdup("");
    }
    return text;
}

/* Calls body(out, arg) in a child. Returns what it wrote to out, with "exit N" or "signal N" behind it
 * if it ended otherwise than with 0. The caller frees it. */
static inline char *in_child(void (*body)(FILE *out, void *arg), void *arg) {
    int ends[2], status = 0;
    if (pipe(ends)) abort();
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) abort();
    if (child == 0) {
        close(ends[0]);
        FILE *out = fdopen(ends[1], "w");
        body(out, arg);
        fclose(out);
        _exit(0);
    }
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    char *text = child_read(in);
    fclose(in);
    while (waitpid(child, &status, 0) < 0) continue;
    if (status == 0) return text;
    size_t length = strlen(text);
    text = realloc(text, length + 32);
    snprintf(text + length, 32, "%s %d", WIFSIGNALED(status) ? "signal" : "exit",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return text;
}

#endif
