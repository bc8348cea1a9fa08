/* summary.c - MEMKIT_STATS=1: what the allocator has done, on stderr: at exit, and on SIGUSR1 unless the program
 * has a handler of its own. Written without the C library's streams, so that a signal handler may; while the gate
 * is closed, so that nothing changes meanwhile but the magazines of other threads. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memkit.h"

#define TEXT_BYTES 3072
#define STATS_MAX 32

MK_ATOMIC(uint32_t) mk_summary_due;
static int output = -1;           /* -1: nothing is wanted */
static struct stat output_was; /* some programs close all that they did not open, and then open files of their own */

#define OUTPUT_FD_MIN 200 /* beyond those that programs count on */

struct text {
    char at[TEXT_BYTES];
    size_t n;
};

static void put(struct text *text, const char *string) {
    while (*string && text->n < TEXT_BYTES) text->at[text->n++] = *string++;
}

static void put_number(struct text *text, uint64_t number) {
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    put(text, digits + at);
}

/* "name number", behind what goes before. */
static void put_figure(struct text *text, const char *before, const char *name, uint64_t number) {
    put(text, before);
    put(text, name);
    put(text, " ");
    put_number(text, number);
}

/* One line for each allocator. */
static void put_allocator(void *arg, const struct mk_impl *impl, void *self) {
    struct text *text = arg;
    struct mk_stat stats[STATS_MAX];
    const char *before = ": ";
    if (strcmp(impl->name, mk_pages_name) == 0) return;
    put(text, "memkit:   ");
    put(text, impl->name);
    if (impl->count) {
        put_figure(text, before, "blocks", impl->count(self));
        before = ", ";
    }
    size_t n = impl->stats ? impl->stats(self, stats, STATS_MAX) : 0;
    for (size_t i = 0; i < n && i < STATS_MAX; i++) {
        put_figure(text, before, stats[i].name, stats[i].value);
        before = ", ";
    }
    put(text, "\n");
}

static void put_summary(struct text *text) {
    struct mk_pages_figures pages = mk_pages_figures();
    struct mk_thread_counts threads = mk_thread_counts();
    struct rusage usage;
    put_figure(text, "memkit: ", program_invocation_short_name, (uint64_t)getpid());
    put(text, ": ");
    put(text, mk_chosen()->identity);
    put(text, "\n");
    mk_memory_each(mk_chosen()->memory, put_allocator, text);
    put_figure(text, "memkit:   system: ", "mapped_bytes", pages.mapped);
    put_figure(text, ", ", "mapped_peak_bytes", pages.mapped_peak);
    put_figure(text, ", ", "kept_free_bytes", pages.kept);
    put_figure(text, ", ", "given_back_bytes", pages.purged);
    if (!getrusage(RUSAGE_SELF, &usage)) {
        put_figure(text, ", ", "peak_rss_bytes", (uint64_t)usage.ru_maxrss * 1024);
    }
    put_figure(text, "\nmemkit:   threads: ", "now", threads.now);
    put_figure(text, ", ", "most", threads.most);
    put_figure(text, ", ", "forks", threads.forks);
    put(text, "\n");
}

static bool is_still_output(void) {
    struct stat now;
    return !fstat(output, &now) && now.st_dev == output_was.st_dev && now.st_ino == output_was.st_ino;
}

/* Returns false if the gate cannot be closed here and now. */
static bool write_summary(bool try) {
    struct text text = {.n = 0};
    if (!is_still_output()) return true;
    if (!mk_close_gate(try)) return false;
    put_summary(&text);
    mk_open_gate();
    ssize_t ignored = write(output, text.at, text.n);
    (void)ignored;
    return true;
}

static void on_signal(int signal) {
    int saved = errno;
    (void)signal;
    /* (1) relaxed: a flag; who leaves the allocator looks at it */
    if (!write_summary(true)) atomic_store_explicit(&mk_summary_due, 1, memory_order_relaxed);
    errno = saved;
}

void mk_summary_late(void) {
    int saved = errno;
    /* (2) relaxed: a flag that one of all takes */
    if (atomic_exchange_explicit(&mk_summary_due, 0, memory_order_relaxed) && !write_summary(true)) {
        atomic_store_explicit(&mk_summary_due, 1, memory_order_relaxed); /* (3) relaxed: as (1) */
    }
    errno = saved;
}

void mk_summary_begin(void) {
    struct sigaction now, ours = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    const char *variable = mk_variable("MEMKIT_STATS");
    if (!variable || strcmp(variable, "1") != 0) return;
    /* of our own: many programs close theirs before they are at their end */
    output = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, OUTPUT_FD_MIN);
    if (output < 0) output = STDERR_FILENO;
    if (fstat(output, &output_was)) output = -1;
    if (sigaction(SIGUSR1, NULL, &now) || now.sa_handler != SIG_DFL) return;
    sigaction(SIGUSR1, &ours, NULL);
}

__attribute__((destructor)) static void at_exit(void) {
    if (output >= 0) write_summary(false);
}
