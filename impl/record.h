/* record.h - records what a program does to its maps, lists, queues and stacks, for memkit-bench to replay.
 *
 * One header, nothing to link: C11 and C++17, gcc and clang, Linux (POSIX threads). It needs nothing of memkit.
 *
 *     #include <memkit/record.h>
 *
 *     mk_record_trace *trace = mk_record_open("orders.optrace");
 *     mk_record_map_get(trace, key);               any thread, beside the call that it stands for
 *     mk_record_map_put(trace, key, value_bytes);
 *     mk_record_close(trace);                      when the threads have ended, or record no more
 *
 * Then `memkit-bench trace info orders.optrace` shows what is in it, and a workload file with "trace":
 * "orders.optrace" replays it. docs/traces.md tells the whole story, docs/reference-optrace.md the bytes.
 *
 * How: each thread encodes into a buffer of its own and hands it to the kernel with one write when it is full, when
 * the thread ends, and at the close. No thread waits for the buffer of another. Where the file cannot be written,
 * the program goes on, what is missing is counted, and the close says so. After a fork the child records nothing.
 * Not for signal handlers. A trace may be NULL: then nothing is recorded, so that calls can stay in the program.
 *
 * Under -std=c11 include it before other headers, or define _POSIX_C_SOURCE 200809L.
 */
#ifndef MEMKIT_RECORD_H
#define MEMKIT_RECORD_H

#if defined(__STRICT_ANSI__) && !defined(_FEATURES_H) && !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#ifndef CLOCK_MONOTONIC
#error "memkit/record.h needs POSIX: include it before other headers, or say -D_POSIX_C_SOURCE=200809L"
#endif

#if defined(__GNUC__)
#define MK_RECORD_UNUSED __attribute__((unused))
#define MK_RECORD_COLD __attribute__((unused, noinline, cold))
#else
#define MK_RECORD_UNUSED
#define MK_RECORD_COLD
#endif

/* Every how many operations of a thread the clock is read; the others have the time of the one before. Define it
 * before the #include: reading the clock is most of what recording costs. */
#ifndef MK_RECORD_CLOCK_EVERY
#define MK_RECORD_CLOCK_EVERY 1
#endif

/* ---- the format, memkit.optrace/1 ---------------------------------------------------------- */

enum mk_record_op_code {
    MK_RECORD_THREAD_START, /* written by the recorder, as is the next one */
    MK_RECORD_THREAD_EXIT,
    MK_RECORD_GET,
    MK_RECORD_PUT,
    MK_RECORD_REMOVE,
    MK_RECORD_CONTAINS,
    MK_RECORD_INSERT_IF_ABSENT,
    MK_RECORD_UPDATE,
    MK_RECORD_READ_MODIFY_WRITE,
    MK_RECORD_SCAN, /* size: how many keys */
    MK_RECORD_INSERT,
    MK_RECORD_ENQUEUE,
    MK_RECORD_DEQUEUE,
    MK_RECORD_PUSH,
    MK_RECORD_POP
};
#define MK_RECORD_OPS 15
#define MK_RECORD_HAS_SIZE 0x40u /* in a record's first byte, beside the code */
#define MK_RECORD_HAS_KEY 0x80u

#define MK_RECORD_MAGIC "memkit.optrace/1"
#define MK_RECORD_MAGIC_BYTES 16u
#define MK_RECORD_HEAD_BYTES 32u     /* magic, length of the text, 0, checksum of the text */
#define MK_RECORD_TEXT_MAX 4096u     /* of the provenance */
#define MK_RECORD_BLOCK_BYTES 40u    /* what stands before the records of a block */
#define MK_RECORD_PAYLOAD_MAX 65536u /* bytes of records in a block */
#define MK_RECORD_CLOSING_BYTES 40u
#define MK_RECORD_BLOCK_TAG 0x4b4c424bu   /* "KBLK" */
#define MK_RECORD_CLOSING_TAG 0x444e454bu /* "KEND" */
#define MK_RECORD_RECORD_MAX 31u          /* bytes: an operation and three numbers of ten bytes */
#define MK_RECORD_THREADS_MAX 4096u

/* Little-endian, whatever the machine. */
static inline MK_RECORD_UNUSED void mk_record_put32(unsigned char *at, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) at[i] = (unsigned char)(value >> (8 * i));
}

static inline MK_RECORD_UNUSED void mk_record_put64(unsigned char *at, uint64_t value) {
    for (unsigned i = 0; i < 8; i++) at[i] = (unsigned char)(value >> (8 * i));
}

static inline MK_RECORD_UNUSED uint32_t mk_record_get32(const unsigned char *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline MK_RECORD_UNUSED uint64_t mk_record_get64(const unsigned char *at) {
    return mk_record_get32(at) | (uint64_t)mk_record_get32(at + 4) << 32;
}

/* Seven bits a byte, the lowest first; the top bit says that more follow. Returns what comes behind it. */
static inline MK_RECORD_UNUSED unsigned char *mk_record_put_number(unsigned char *at, uint64_t value) {
    for (; value >= 0x80; value >>= 7) *at++ = (unsigned char)(value | 0x80);
    *at++ = (unsigned char)value;
    return at;
}

/* Returns the checksum of n bytes that follow those whose checksum is `seed` (0: the first ones). Every step is a
 * bijection of the state, so that a change within one word of eight bytes never goes unseen. */
static inline MK_RECORD_UNUSED uint64_t mk_record_checksum(uint64_t seed, const unsigned char *at, size_t n) {
    uint64_t state = seed ^ ((uint64_t)n + 1) * 0x9e3779b97f4a7c15u, word;
    unsigned char last[8] = {0};
    for (; n >= 8; at += 8, n -= 8) {
        word = mk_record_get64(at);
        state = (state ^ word) * 0x9fb21c651e98df25u;
        state ^= state >> 32;
    }
    if (n) memcpy(last, at, n);
    state = (state ^ mk_record_get64(last)) * 0x9fb21c651e98df25u;
    return state ^ state >> 32;
}

/* Fills in the 40 bytes before a block's payload. Of `records`, `operations` are no starts and ends of threads. */
static inline MK_RECORD_UNUSED void mk_record_seal(unsigned char *block, uint32_t thread, uint32_t records,
                                                   uint32_t operations, uint32_t payload, uint64_t first_ns) {
    mk_record_put32(block, MK_RECORD_BLOCK_TAG);
    mk_record_put32(block + 4, thread);
    mk_record_put32(block + 8, records);
    mk_record_put32(block + 12, operations);
    mk_record_put32(block + 16, payload);
    mk_record_put32(block + 20, 0);
    mk_record_put64(block + 24, first_ns);
    mk_record_put64(block + 32,
                    mk_record_checksum(mk_record_checksum(0, block, 32), block + MK_RECORD_BLOCK_BYTES, payload));
}

/* Fills in the closing record. */
static inline MK_RECORD_UNUSED void mk_record_seal_closing(unsigned char *at, uint32_t threads, uint64_t operations,
                                                           uint64_t dropped, uint64_t blocks) {
    mk_record_put32(at, MK_RECORD_CLOSING_TAG);
    mk_record_put32(at + 4, threads);
    mk_record_put64(at + 8, operations);
    mk_record_put64(at + 16, dropped);
    mk_record_put64(at + 24, blocks);
    mk_record_put64(at + 32, mk_record_checksum(0, at, 32));
}

/* Appends "name: text\n", cut to 600 bytes; what is not printable ASCII becomes "?". Returns where it ends. */
static inline MK_RECORD_UNUSED char *mk_record_put_line(char *to, const char *name, const char *text) {
    for (; *name; name++) *to++ = *name;
    *to++ = ':';
    *to++ = ' ';
    for (size_t i = 0; text[i] && i < 600; i++) *to++ = text[i] < 0x20 || text[i] > 0x7e ? '?' : text[i];
    *to++ = '\n';
    return to;
}

/* Fills in the head, with the provenance behind it: at most MK_RECORD_HEAD_BYTES + MK_RECORD_TEXT_MAX bytes.
 * Returns how many. */
static inline MK_RECORD_UNUSED size_t mk_record_seal_head(unsigned char *at, const char *program, const char *date,
                                                          const char *clock, const char *machine) {
    char *text = (char *)at + MK_RECORD_HEAD_BYTES, *end = mk_record_put_line(text, "program", program);
    end = mk_record_put_line(end, "date", date);
    end = mk_record_put_line(end, "clock", clock);
    end = mk_record_put_line(end, "machine", machine);
    size_t n = (size_t)(end - text);
    memcpy(at, MK_RECORD_MAGIC, MK_RECORD_MAGIC_BYTES);
    mk_record_put32(at + 16, (uint32_t)n);
    mk_record_put32(at + 20, 0);
    mk_record_put64(at + 24, mk_record_checksum(mk_record_checksum(0, at, 24), at + MK_RECORD_HEAD_BYTES, n));
    return MK_RECORD_HEAD_BYTES + n;
}

/* Returns a key for whatever identifies an element: FNV-1a, 64 bits. `trace import` makes keys of texts so. */
static inline MK_RECORD_UNUSED uint64_t mk_record_key(const void *bytes, size_t n) {
    const unsigned char *at = (const unsigned char *)bytes;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

/* ---- what a trace is made of ---------------------------------------------------------------- */

struct mk_record_trace;

/* One thread's. Only its thread writes to it, and the close. */
struct mk_record_buffer {
    struct mk_record_trace *trace;
    uint32_t number;                 /* of the thread; free for another one once it has ended */
    int active;                      /* guarded by trace->lock */
    unsigned char *at;               /* where the next record goes */
    uint32_t records, operations;    /* in the block so far */
    uint64_t first_ns, last_ns;      /* of the block's first and of the last record */
    uint32_t until_clock;            /* operations before the clock is read again */
    uint64_t attempted, lost;        /* operations, ever; those in blocks that could not be written */
    unsigned char block[MK_RECORD_BLOCK_BYTES + MK_RECORD_PAYLOAD_MAX];
};

struct mk_record_trace {
    int fd;
    pid_t pid;         /* who records; a child does not */
    uint64_t start_ns; /* times count from here */
    pthread_key_t key; /* to the thread's buffer */
    pthread_mutex_t lock; /* of the table: taken when a thread begins and ends, never in between */
    struct mk_record_buffer *buffers[MK_RECORD_THREADS_MAX];
    uint32_t buffers_n;
    int failed;        /* errno of the first write that failed */
    uint64_t homeless; /* operations of threads that could have no buffer, or that are none */
    uint64_t blocks;
    char path[256];
};
typedef struct mk_record_trace mk_record_trace;

static inline MK_RECORD_UNUSED uint64_t mk_record_clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Writes n bytes at the end of the file, with one call, so that blocks of several threads stay whole. Returns 0, or
 * what is wrong. A limit on the size of files must not kill the program: its signal is taken away. */
static MK_RECORD_COLD int mk_record_write(int fd, const unsigned char *bytes, size_t n) {
    sigset_t signal_set, before;
    struct timespec now = {0, 0};
    sigemptyset(&signal_set);
    sigaddset(&signal_set, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &signal_set, &before);
    ssize_t written;
    do {
        written = write(fd, bytes, n);
    } while (written < 0 && errno == EINTR);
    int why = written < 0 ? errno : (size_t)written < n ? ENOSPC : 0;
    if (why == EFBIG) sigtimedwait(&signal_set, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return why;
}

/* Hands the block to the kernel and begins another. */
static MK_RECORD_COLD void mk_record_flush(struct mk_record_buffer *buffer) {
    struct mk_record_trace *trace = buffer->trace;
    uint32_t payload = (uint32_t)(buffer->at - buffer->block) - MK_RECORD_BLOCK_BYTES;
    if (buffer->records && trace->pid == getpid()) {
        int before = errno, why = __atomic_load_n(&trace->failed, __ATOMIC_RELAXED);
        if (!why) {
            mk_record_seal(buffer->block, buffer->number, buffer->records, buffer->operations, payload,
                           buffer->first_ns);
            why = mk_record_write(trace->fd, buffer->block, MK_RECORD_BLOCK_BYTES + payload);
            if (why) __atomic_store_n(&trace->failed, why, __ATOMIC_RELAXED);
            else __atomic_fetch_add(&trace->blocks, 1, __ATOMIC_RELAXED);
        }
        if (why) buffer->lost += buffer->operations;
        errno = before;
    }
    buffer->at = buffer->block + MK_RECORD_BLOCK_BYTES;
    buffer->records = buffer->operations = 0;
}

/* Appends one record. */
static inline MK_RECORD_UNUSED void mk_record_put(struct mk_record_buffer *buffer, unsigned code, uint64_t key,
                                                  uint64_t size) {
    uint64_t delta = 0;
    if (buffer->at > buffer->block + sizeof buffer->block - MK_RECORD_RECORD_MAX) mk_record_flush(buffer);
    if (buffer->until_clock-- == 0) {
        uint64_t now = mk_record_clock_ns() - buffer->trace->start_ns;
        buffer->until_clock = MK_RECORD_CLOCK_EVERY - 1;
        if (now > buffer->last_ns) delta = now - buffer->last_ns;
    }
    buffer->last_ns += delta;
    if (!buffer->records++) {
        buffer->first_ns = buffer->last_ns;
        delta = 0;
    }
    unsigned char *at = buffer->at;
    *at++ = (unsigned char)(code | (size ? MK_RECORD_HAS_SIZE : 0) | (key ? MK_RECORD_HAS_KEY : 0));
    if (key) at = mk_record_put_number(at, key);
    if (size) at = mk_record_put_number(at, size);
    buffer->at = mk_record_put_number(at, delta);
}

/* A thread's start or end, whose time is always its own. */
static MK_RECORD_COLD void mk_record_put_event(struct mk_record_buffer *buffer, unsigned code) {
    buffer->until_clock = 0;
    mk_record_put(buffer, code, 0, 0);
    buffer->until_clock = 0;
}

/* At a thread's end, and of the threads that are left at the close. Its number is free afterwards. */
static MK_RECORD_COLD void mk_record_leave(void *arg) {
    struct mk_record_buffer *buffer = (struct mk_record_buffer *)arg;
    struct mk_record_trace *trace = buffer->trace;
    if (trace->pid != getpid()) return;
    mk_record_put_event(buffer, MK_RECORD_THREAD_EXIT);
    mk_record_flush(buffer);
    pthread_mutex_lock(&trace->lock);
    buffer->active = 0;
    pthread_mutex_unlock(&trace->lock);
}

/* Returns a buffer for the calling thread, or NULL: too many threads at once, no memory, or a child process. */
static MK_RECORD_COLD struct mk_record_buffer *mk_record_enter(struct mk_record_trace *trace) {
    struct mk_record_buffer *buffer = NULL;
    uint32_t number = 0;
    if (trace->pid != getpid()) return NULL;
    pthread_mutex_lock(&trace->lock);
    while (number < trace->buffers_n && trace->buffers[number]->active) number++;
    if (number < trace->buffers_n) {
        buffer = trace->buffers[number];
    } else if (number < MK_RECORD_THREADS_MAX) {
        buffer = (struct mk_record_buffer *)malloc(sizeof *buffer);
        if (buffer) {
            memset(buffer, 0, offsetof(struct mk_record_buffer, block));
            buffer->trace = trace;
            buffer->number = number;
            buffer->at = buffer->block + MK_RECORD_BLOCK_BYTES;
            trace->buffers[trace->buffers_n++] = buffer;
        }
    }
    if (buffer && pthread_setspecific(trace->key, buffer) == 0) buffer->active = 1;
    else buffer = NULL;
    pthread_mutex_unlock(&trace->lock);
    if (buffer) mk_record_put_event(buffer, MK_RECORD_THREAD_START);
    else __atomic_fetch_add(&trace->homeless, 1, __ATOMIC_RELAXED);
    return buffer;
}

/* ---- opening and closing -------------------------------------------------------------------- */

/* Writes the head: where this comes from. Returns 0, or what is wrong. */
static MK_RECORD_COLD int mk_record_write_head(int fd) {
    unsigned char head[MK_RECORD_HEAD_BYTES + MK_RECORD_TEXT_MAX];
    char program[64] = "unknown", date[32] = "unknown", machine[256] = "unknown";
    struct utsname system;
    struct tm parts;
    time_t now = time(NULL);
    FILE *comm = fopen("/proc/self/comm", "r");
    if (comm) {
        if (fgets(program, sizeof program, comm)) program[strcspn(program, "\n")] = '\0';
        fclose(comm);
    }
    if (gmtime_r(&now, &parts)) strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (uname(&system) == 0) {
        snprintf(machine, sizeof machine, "%.60s %.60s %.60s, %ld CPUs", system.sysname, system.release,
                 system.machine, sysconf(_SC_NPROCESSORS_ONLN));
    }
    return mk_record_write(fd, head, mk_record_seal_head(head, program, date, "CLOCK_MONOTONIC, ns", machine));
}

/* Begins a trace in a new file; one that is there is overwritten. Returns it, to be ended by mk_record_close, or
 * NULL with errno set: the file cannot be made or written. */
static MK_RECORD_COLD mk_record_trace *mk_record_open(const char *path) {
    mk_record_trace *trace = (mk_record_trace *)calloc(1, sizeof *trace);
    if (!trace) return NULL;
    trace->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    int why = trace->fd < 0 ? errno : mk_record_write_head(trace->fd);
    if (!why) why = pthread_key_create(&trace->key, mk_record_leave);
    if (!why) {
        pthread_mutex_init(&trace->lock, NULL);
        trace->pid = getpid();
        trace->start_ns = mk_record_clock_ns();
        snprintf(trace->path, sizeof trace->path, "%s", path);
        return trace;
    }
    if (trace->fd >= 0) close(trace->fd);
    free(trace);
    errno = why;
    return NULL;
}

/* What of a file is whole. */
struct mk_record_whole {
    off_t end, last_begin; /* of the last whole block */
    uint32_t last_operations, threads;
    uint64_t operations, blocks;
};

/* Walks over the blocks of a file that a write has failed on, up to the first one that is not whole. */
static MK_RECORD_COLD void mk_record_walk(int fd, struct mk_record_whole *out) {
    static const struct mk_record_whole nothing = {0, 0, 0, 0, 0, 0};
    unsigned char head[MK_RECORD_BLOCK_BYTES], *payload = (unsigned char *)malloc(MK_RECORD_PAYLOAD_MAX);
    *out = nothing;
    if (payload && pread(fd, head, MK_RECORD_HEAD_BYTES, 0) == (ssize_t)MK_RECORD_HEAD_BYTES) {
        out->end = (off_t)(MK_RECORD_HEAD_BYTES + mk_record_get32(head + 16));
    }
    while (payload && pread(fd, head, sizeof head, out->end) == (ssize_t)sizeof head) {
        uint32_t n = mk_record_get32(head + 16);
        if (mk_record_get32(head) != MK_RECORD_BLOCK_TAG || n > MK_RECORD_PAYLOAD_MAX) break;
        if (pread(fd, payload, n, out->end + (off_t)sizeof head) != (ssize_t)n) break;
        if (mk_record_checksum(mk_record_checksum(0, head, 32), payload, n) != mk_record_get64(head + 32)) break;
        out->last_begin = out->end;
        out->last_operations = mk_record_get32(head + 12);
        if (mk_record_get32(head + 4) >= out->threads) out->threads = mk_record_get32(head + 4) + 1;
        out->end += (off_t)(sizeof head + n);
        out->operations += out->last_operations;
        out->blocks++;
    }
    free(payload);
}

/* Ends a file. Where writes have failed, what is not whole is cut off, and blocks more until the closing record has
 * room. Returns how many operations are in the file. */
static MK_RECORD_COLD uint64_t mk_record_end(mk_record_trace *trace, uint64_t attempted, uint64_t operations) {
    unsigned char closing[MK_RECORD_CLOSING_BYTES];
    struct mk_record_whole whole;
    int why = trace->failed;
    if (!why) {
        mk_record_seal_closing(closing, trace->buffers_n, operations, attempted - operations, trace->blocks);
        why = mk_record_write(trace->fd, closing, sizeof closing);
        if (!why) return operations;
        trace->failed = why;
    }
    for (;;) {
        mk_record_walk(trace->fd, &whole);
        if (!whole.end || ftruncate(trace->fd, whole.end)) return 0;
        mk_record_seal_closing(closing, whole.threads, whole.operations, attempted - whole.operations,
                               whole.blocks);
        if (!mk_record_write(trace->fd, closing, sizeof closing)) return whole.operations;
        if (!whole.blocks || ftruncate(trace->fd, whole.last_begin)) return 0;
    }
}

/* Ends a trace: nobody records to it any more, and threads that did have ended, or go on after this has returned.
 * Returns how many operations are missing from the file, 0 in the normal case; if some are, says so on stderr. A
 * child process keeps its hands off the file. NULL is allowed. */
static MK_RECORD_COLD uint64_t mk_record_close(mk_record_trace *trace) {
    uint64_t attempted, operations = 0, kept;
    if (!trace) return 0;
    int ours = trace->pid == getpid();
    pthread_key_delete(trace->key);
    attempted = trace->homeless;
    for (uint32_t i = 0; i < trace->buffers_n; i++) {
        struct mk_record_buffer *buffer = trace->buffers[i];
        if (ours && buffer->active) mk_record_leave(buffer);
        attempted += buffer->attempted;
        operations += buffer->attempted - buffer->lost;
    }
    kept = ours ? mk_record_end(trace, attempted, operations) : attempted;
    if (kept < attempted) {
        fprintf(stderr, "memkit: %s: %llu of %llu operations are missing: %s\n", trace->path,
                (unsigned long long)(attempted - kept), (unsigned long long)attempted,
                trace->failed ? strerror(trace->failed) : "too many threads, no memory, or no such operation");
    }
    for (uint32_t i = 0; i < trace->buffers_n; i++) free(trace->buffers[i]);
    close(trace->fd);
    if (ours) pthread_mutex_destroy(&trace->lock);
    free(trace);
    return attempted - kept;
}

/* ---- recording ------------------------------------------------------------------------------ */

/* Records one operation of the calling thread: enum mk_record_op_code, the key or value it is about (0 where there
 * is none), and a size in bytes, or of a scan in keys (0: not told). Call it beside the operation that it stands
 * for. */
static inline MK_RECORD_UNUSED void mk_record_op(mk_record_trace *trace, unsigned code, uint64_t key,
                                                 uint64_t size) {
    if (!trace) return;
    if (code < MK_RECORD_GET || code >= MK_RECORD_OPS) {
        __atomic_fetch_add(&trace->homeless, 1, __ATOMIC_RELAXED);
        return;
    }
    struct mk_record_buffer *buffer = (struct mk_record_buffer *)pthread_getspecific(trace->key);
    if (!buffer && !(buffer = mk_record_enter(trace))) return;
    mk_record_put(buffer, code, key, size);
    buffer->operations++;
    buffer->attempted++;
}

#define MK_RECORD_CALL(NAME, CODE)                                                             \
    static inline MK_RECORD_UNUSED void mk_record_##NAME(mk_record_trace *trace, uint64_t key) { \
        mk_record_op(trace, CODE, key, 0);                                                     \
    }
#define MK_RECORD_CALL_SIZED(NAME, CODE)                                                                      \
    static inline MK_RECORD_UNUSED void mk_record_##NAME(mk_record_trace *trace, uint64_t key, uint64_t size) { \
        mk_record_op(trace, CODE, key, size);                                                                 \
    }
#define MK_RECORD_CALL_BARE(NAME, CODE)                                        \
    static inline MK_RECORD_UNUSED void mk_record_##NAME(mk_record_trace *trace) { \
        mk_record_op(trace, CODE, 0, 0);                                       \
    }

/* mk_record_map_get(trace, key), mk_record_map_put(trace, key, value_bytes), ... */
MK_RECORD_CALL(map_get, MK_RECORD_GET)
MK_RECORD_CALL_SIZED(map_put, MK_RECORD_PUT)
MK_RECORD_CALL(map_remove, MK_RECORD_REMOVE)
MK_RECORD_CALL(map_contains, MK_RECORD_CONTAINS)
MK_RECORD_CALL_SIZED(map_insert_if_absent, MK_RECORD_INSERT_IF_ABSENT)
MK_RECORD_CALL_SIZED(map_update, MK_RECORD_UPDATE)
MK_RECORD_CALL_SIZED(map_read_modify_write, MK_RECORD_READ_MODIFY_WRITE)
MK_RECORD_CALL_SIZED(map_scan, MK_RECORD_SCAN) /* size: keys */
MK_RECORD_CALL(list_contains, MK_RECORD_CONTAINS)
MK_RECORD_CALL(list_insert, MK_RECORD_INSERT)
MK_RECORD_CALL(list_remove, MK_RECORD_REMOVE)
/* Those that take something out: record them when they did. */
MK_RECORD_CALL(queue_enqueue, MK_RECORD_ENQUEUE)
MK_RECORD_CALL_BARE(queue_dequeue, MK_RECORD_DEQUEUE)
MK_RECORD_CALL(stack_push, MK_RECORD_PUSH)
MK_RECORD_CALL_BARE(stack_pop, MK_RECORD_POP)

#endif
