/* process.c - the process, seen from inside, and what it has of memory. Nothing here calls malloc. */
#include "scene.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

struct outcome outcome;
struct settings settings;

void die(const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (write(2, "malloc_scenarios: ", 18) < 0 || write(2, text, (size_t)n) < 0 || write(2, "\n", 1) < 0) _exit(3);
    _exit(1);
}

static size_t in_pages(size_t bytes) {
    return (bytes + PAGE - 1) / PAGE * PAGE + PAGE;
}

void *map(size_t bytes) {
    void *at = mmap(NULL, in_pages(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) die("there are no %zu bytes for records", bytes);
    madvise(at, in_pages(bytes), MADV_NOHUGEPAGE);
    memset(at, 0, in_pages(bytes));
    return at;
}

void unmap(void *at, size_t bytes) {
    munmap(at, in_pages(bytes));
}

const char *malloc_library(void) {
    static const char *const names[] = {"malloc", "free", "calloc", "realloc"};
    Dl_info first = {0}, info;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        void *function = dlsym(RTLD_DEFAULT, names[i]);
        if (!function || !dladdr(function, i ? &info : &first)) return NULL;
        if (i && info.dli_fbase != first.dli_fbase) return NULL;
    }
    return first.dli_fname;
}

/* ---- time ---- */

static uint64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t faults_now(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_minflt;
}

static uint64_t ticks_began;

void timing_begins(void) {
    outcome.faults = faults_now();
    outcome.wall_ns = now_ns(CLOCK_MONOTONIC);
    ticks_began = ticks();
    outcome.cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void timing_ends(void) {
    outcome.cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) - outcome.cpu_ns;
    uint64_t passed = ticks() - ticks_began;
    outcome.wall_ns = now_ns(CLOCK_MONOTONIC) - outcome.wall_ns;
    outcome.ticks_per_ns = (double)passed / (double)(outcome.wall_ns ? outcome.wall_ns : 1);
    outcome.faults = faults_now() - outcome.faults;
}

/* ---- live bytes ---- */

static _Atomic(int64_t) live, live_most;

void live_post(struct lane *lane) {
    int64_t now = atomic_fetch_add(&live, lane->unposted) + lane->unposted, most = atomic_load(&live_most);
    lane->unposted = 0;
    while (now > most && !atomic_compare_exchange_weak(&live_most, &most, now)) continue;
}

/* ---- memory ---- */

/* Returns the bytes of a line "KEY:   N kB" of a file in /proc/self, 0 where there is none. */
static uint64_t proc_bytes(const char *file, const char *key) {
    static char text[16384];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    size_t n = 0;
    for (ssize_t got; n < sizeof text - 1 && (got = read(fd, text + n, sizeof text - 1 - n)) > 0;) n += (size_t)got;
    close(fd);
    text[n] = '\0';
    const char *line = strstr(text, key);
    return line ? strtoull(line + strlen(key), NULL, 10) * 1024 : 0;
}

static uint64_t rss(void) {
    return proc_bytes("/proc/self/smaps_rollup", "\nRss:");
}

static uint64_t above_base(uint64_t bytes) {
    return bytes > outcome.base ? bytes - outcome.base : 0;
}

static bool reset_peak(void) {
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    bool reset = fd >= 0 && write(fd, "5\n", 2) == 2;
    if (fd >= 0) close(fd);
    return reset;
}

void memory_at_start(void) {
    outcome.startup = proc_bytes("/proc/self/smaps_rollup", "\nAnonymous:");
}

void memory_begins(void) {
    if (settings.mode != MODE_MEMORY) return;
    outcome.peak_was_reset = reset_peak();
    outcome.base = rss();
}

void memory_at_peak(void) {
    if (settings.mode == MODE_MEMORY) outcome.rss_at_peak = above_base(rss());
}

void memory_at_end(void) {
    if (settings.mode != MODE_MEMORY) return;
    outcome.peak_live = atomic_load(&live_most);
    outcome.rss_end = above_base(rss());
    outcome.peak_rss = above_base(proc_bytes("/proc/self/status", "\nVmHWM:"));
    outcome.huge = proc_bytes("/proc/self/smaps_rollup", "\nAnonHugePages:");
}

void memory_drained(void) {
    if (settings.mode != MODE_MEMORY) return;
    for (unsigned i = 0; i < 2; i++) {
        struct timespec wait = {.tv_nsec = outcome.drained_ms[i] * 1000000L};
        nanosleep(&wait, NULL);
        outcome.rss_drained[i] = above_base(rss());
    }
    outcome.lazy_free = proc_bytes("/proc/self/smaps_rollup", "\nLazyFree:");
}

/* ---- lanes ---- */

/* Of malloc_count.so, where that is preloaded: calls of this thread so far. */
static void seen_by_counter(struct calls *calls) {
    static void (*_Atomic read_counter)(struct calls *);
    void (*counter)(struct calls *) = atomic_load(&read_counter);
    if (!counter) {
        void *found = dlsym(RTLD_DEFAULT, "malloc_count_read");
        if (!found) return;
        memcpy(&counter, &found, sizeof counter);
        atomic_store(&read_counter, counter);
    }
    counter(calls);
}

void lane_begins(struct lane *lane) {
    seen_by_counter(&lane->seen_before);
}

void lane_ends(struct lane *lane) {
    struct calls now = {0};
    seen_by_counter(&now);
    lane->seen.malloc += now.malloc - lane->seen_before.malloc;
    lane->seen.calloc += now.calloc - lane->seen_before.calloc;
    lane->seen.realloc += now.realloc - lane->seen_before.realloc;
    lane->seen.free += now.free - lane->seen_before.free;
}

/* ---- numbers ---- */

uint32_t random_log_uniform(uint64_t *state, uint32_t least, uint32_t most) {
    /* a doubling by chance, then a place in it; the first and the last may be cut */
    for (;;) {
        unsigned low = 31 - (unsigned)__builtin_clz(least), high = 31 - (unsigned)__builtin_clz(most);
        uint32_t octave = UINT32_C(1) << (low + random_below(state, high - low + 1));
        uint32_t size = octave + random_below(state, octave);
        if (size >= least && size <= most) return size;
    }
}

void shuffle(uint32_t *at, size_t n, uint64_t *state) {
    for (size_t i = n; i > 1; i--) {
        uint32_t other = random_below(state, (uint32_t)i), kept = at[i - 1];
        at[i - 1] = at[other];
        at[other] = kept;
    }
}

uint64_t scaled(uint64_t usual) {
    uint64_t n = usual * settings.percent / 100;
    return n ? n : 1;
}
