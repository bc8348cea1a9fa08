/* text.c - see text.h. */
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record.h"

#define READ_STEP 65536

/* Makes room for n more bytes and the NUL byte behind them. */
static void make_room(struct mk_text *text, size_t n) {
    if (text->room - text->n > n) return;
    text->room = (text->n + n) * 2 + 64;
    text->at = mk_need_more(text->at, text->room, 1);
}

void mk_text_add(struct mk_text *text, const char *bytes, size_t n) {
    make_room(text, n);
    if (n) memcpy(text->at + text->n, bytes, n);
    text->n += n;
    text->at[text->n] = '\0';
}

void mk_text_puts(struct mk_text *text, const char *string) {
    mk_text_add(text, string, strlen(string));
}

void mk_text_putc(struct mk_text *text, char c) {
    mk_text_add(text, &c, 1);
}

void mk_text_repeat(struct mk_text *text, char c, size_t n) {
    make_room(text, n);
    memset(text->at + text->n, c, n);
    text->n += n;
    text->at[text->n] = '\0';
}

void mk_text_printf(struct mk_text *text, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length > 0) {
        make_room(text, (size_t)length);
        vsnprintf(text->at + text->n, (size_t)length + 1, format, again);
        text->n += (size_t)length;
    }
    va_end(again);
}

char *mk_text_take(struct mk_text *text) {
    make_room(text, 0);
    text->at[text->n] = '\0';
    char *string = text->at;
    memset(text, 0, sizeof *text);
    return string;
}

void mk_text_free(struct mk_text *text) {
    free(text->at);
    memset(text, 0, sizeof *text);
}

/* ---- files -------------------------------------------------------------------------------- */

static int write_all(int fd, const char *bytes, size_t n) {
    while (n) {
        ssize_t written = write(fd, bytes, n);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -1;
        bytes += written;
        n -= (size_t)written;
    }
    return 0;
}

/* Writes into what is there already: a pipe, a terminal, /dev/null. */
static int save_in_place(const struct mk_text *text, const char *path, struct mk_err *err) {
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDOUT_FILENO : open(path, O_WRONLY | O_CLOEXEC);
    if (standard) fflush(stdout);
    int failed = fd < 0 || write_all(fd, text->at, text->n);
    int why = errno;
    if (!standard && fd >= 0 && close(fd) && !failed) {
        failed = 1;
        why = errno;
    }
    if (!failed) return 0;
    return mk_fail(err, "cannot write to %s: %s", standard ? "standard output" : path, strerror(why));
}

/* Fills the temporary file, so that a full disk shows here and not after the rename. */
static int fill_beside(int fd, const struct mk_text *text) {
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(fd, 0666 & ~mask) || write_all(fd, text->at, text->n) || fsync(fd)) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return close(fd);
}

static int save_beside(const struct mk_text *text, const char *path, struct mk_err *err) {
    char *beside = mk_need_format("%s.XXXXXX", path);
    int fd = mkostemp(beside, O_CLOEXEC);
    bool made = fd >= 0;
    int failed = !made || fill_beside(fd, text) || rename(beside, path);
    if (failed) {
        mk_fail(err, "cannot write %s: %s; no file was changed", path, strerror(errno));
        if (made) unlink(beside);
    }
    free(beside);
    return failed ? -1 : 0;
}

int mk_text_save(const struct mk_text *text, const char *path, struct mk_err *err) {
    struct stat known;
    if (strcmp(path, "-") == 0) return save_in_place(text, path, err);
    if (stat(path, &known)) return save_beside(text, path, err);
    if (S_ISDIR(known.st_mode)) return mk_fail(err, "cannot write %s: it is a directory, name a file in it", path);
    if (!S_ISREG(known.st_mode)) return save_in_place(text, path, err);
    char *behind_links = realpath(path, NULL);
    int failed = save_beside(text, behind_links ? behind_links : path, err);
    free(behind_links);
    return failed;
}

static int load(struct mk_text *text, int fd, size_t limit_bytes, struct mk_err *err) {
    size_t before = text->n;
    for (;;) {
        make_room(text, READ_STEP);
        ssize_t got = read(fd, text->at + text->n, READ_STEP);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EISDIR) return mk_fail(err, "is a directory, not a file");
        if (got < 0) return mk_fail(err, "cannot be read: %s", strerror(errno));
        text->n += (size_t)got;
        text->at[text->n] = '\0';
        if (text->n - before > limit_bytes) {
            return mk_fail(err, "has more than %zu MiB, which is the limit", limit_bytes >> 20);
        }
        if (!got) return 0;
    }
}

int mk_text_load(struct mk_text *text, const char *path, size_t limit_bytes, struct mk_err *err) {
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return mk_fail(err, "cannot be read: %s", strerror(errno));
    int failed = load(text, fd, limit_bytes, err);
    if (!standard) close(fd);
    return failed;
}
