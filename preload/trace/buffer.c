/* buffer.c - records of a thread on their way to the disk: a buffer each, mapped, drained with one write when it
 * is full, every tenth of a second, at the thread's end and at the program's. No thread waits for another but to
 * write. */
#include "trace.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EVERY_MOST 64u           /* words between two looks at the clock, in a busy thread */
#define QUICK_NS UINT64_C(50000) /* between two looks, if the thread is busy enough to look less often */
#define SLOW_NS UINT64_C(100000)
#define DRAIN_NS UINT64_C(100000000)
#define WAIT_MOST 1000000u /* yields */

bool mk_trace_on = true; /* until the environment has been looked at, everything is kept */
struct mk_shard mk_shards[MK_RAW_SHARDS];
__thread struct mk_buffer *mk_mine;

/* Of a thread whose destructors have run: it may free a little more. */
static __thread struct {
    bool gone, entering;
    uint32_t thread, blocks;
} past __attribute__((tls_model("initial-exec")));

/* ---- the lock: of the lists below, and of the file ----------------------------------------- */

static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;
static sigset_t mask_before; /* of who holds it */
static struct mk_buffer *used, *unused;
static uint32_t threads;
static pthread_key_t key;
static bool keyed;

/* No signal handler may come in between: it might allocate. */
static void lock(void) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&door);
    mask_before = before;
}

static void unlock(void) {
    sigset_t before = mask_before;
    pthread_mutex_unlock(&door);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- tickets ------------------------------------------------------------------------------ */

static bool can_own; /* the kernel has membarrier */

static void learn_membarrier(void) {
    can_own = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

/* Takes a counter away from its owner. Under the lock, so that one thread does it at a time. Nobody draws from
 * it until it is shared. An owner that a signal handler has carried off in between does not come back: hence the
 * end of the wait. */
static void share(struct mk_shard *shard) {
    __atomic_store_n(&shard->owner, MK_CLOSED, __ATOMIC_RELAXED);
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    for (unsigned i = 0; i < WAIT_MOST && __atomic_load_n(&shard->drawing, __ATOMIC_ACQUIRE); i++) sched_yield();
    __atomic_store_n(&shard->owner, MK_SHARED, __ATOMIC_RELEASE);
}

uint32_t mk_trace_ticket_of_others(struct mk_shard *shard, struct mk_buffer *buffer) {
    struct mk_buffer *owner = NULL;
    uint32_t ticket;
    lock();
    owner = __atomic_load_n(&shard->owner, __ATOMIC_RELAXED);
    if (!owner && can_own && buffer) __atomic_store_n(&shard->owner, buffer, __ATOMIC_RELEASE);
    else if (!owner) __atomic_store_n(&shard->owner, MK_SHARED, __ATOMIC_RELEASE);
    else if (owner != MK_SHARED && owner != buffer) share(shard);
    ticket = __atomic_fetch_add(&shard->ticket, 1, __ATOMIC_RELAXED);
    unlock();
    return ticket;
}

/* ---- a thread's pauses --------------------------------------------------------------------- */

/* Under the lock: hands what is there to the file. */
static void drain(struct mk_buffer *buffer, const uint64_t *to) {
    buffer->block.words = (uint32_t)(to - buffer->word);
    if (!buffer->block.words) return;
    mk_file_write(&buffer->block);
    buffer->block.number++;
}

/* The buffer is empty before the lock is free: the end of the program, in another thread or in a signal handler
 * that comes in as soon as the signals are let through, would write the same records a second time. */
static void empty(struct mk_buffer *buffer) {
    lock();
    if (mk_trace_on) drain(buffer, buffer->at);
    __atomic_store_n(&buffer->at, buffer->word, __ATOMIC_RELEASE);
    unlock();
}

/* Notes the time, makes room where it is due, and says when to look again: less often in a busy thread. */
static void look_up(struct mk_buffer *buffer) {
    uint64_t now = mk_file_clock_ns(), took = now - buffer->clock_ns;
    if (took > SLOW_NS) buffer->every = buffer->every > 4 ? buffer->every / 4 : 1;
    else if (took < QUICK_NS && buffer->every < EVERY_MOST) buffer->every *= 2;
    if (buffer->at >= buffer->end || now - buffer->drained_ns > DRAIN_NS) {
        empty(buffer);
        buffer->drained_ns = now;
    }
    buffer->clock_ns = now;
    mk_buffer_add(buffer, mk_trace_what(MK_RAW_CLOCK, 0, 0), now);
    buffer->pause = buffer->end - buffer->at < (ptrdiff_t)buffer->every ? buffer->end : buffer->at + buffer->every;
}

/* ---- beginning and ending ------------------------------------------------------------------ */

static struct mk_buffer *map_buffer(void) {
    struct mk_buffer *made = mmap(NULL, sizeof *made, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED) return NULL;
    if (madvise(made, sizeof *made, MADV_WIPEONFORK) == 0) return made;
    munmap(made, sizeof *made);
    return NULL;
}

static void link_buffer(struct mk_buffer *buffer) {
    buffer->next = used;
    buffer->before = NULL;
    if (used) used->before = buffer;
    used = buffer;
}

static void unlink_buffer(struct mk_buffer *buffer) {
    if (buffer->next) buffer->next->before = buffer->before;
    if (buffer->before) buffer->before->next = buffer->next;
    else used = buffer->next;
}

/* Returns a buffer for this thread, with its start in it, or NULL: there is no memory. */
static struct mk_buffer *enter(void) {
    struct mk_buffer *buffer;
    if (past.entering) return NULL;
    past.entering = true;
    lock();
    buffer = unused;
    if (buffer) unused = buffer->next;
    else buffer = map_buffer();
    if (buffer) {
        buffer->at = buffer->word;
        buffer->pause = buffer->end = buffer->word + MK_RAW_WORDS_MAX - MK_BUFFER_SLACK;
        buffer->every = 1;
        buffer->rounds = 0;
        for (unsigned i = 0; i < MK_RAW_SHARDS; i++) buffer->last[i] = MK_RAW_NO_TICKET;
        buffer->clock_ns = buffer->drained_ns = mk_file_clock_ns();
        buffer->block = (struct mk_raw_block){MK_RAW_BLOCK_TAG, threads++, 0, 0, 0, 0};
        link_buffer(buffer);
    } else {
        mk_file_drop(1);
    }
    unlock();
    if (buffer) {
        if (keyed) pthread_setspecific(key, buffer);
        look_up(buffer);
        mk_buffer_add(buffer, mk_trace_what(MK_RAW_START, 0, 0), 0);
        mk_mine = buffer;
    }
    past.entering = false;
    return buffer;
}

/* At a thread's end. Other destructors may come after this one, so that it asks to be called again, until the last
 * round; what is freed even later goes into blocks of its own. */
static void leave(void *arg) {
    struct mk_buffer *buffer = arg;
    if (buffer != mk_mine || !buffer->at) return;
    if (++buffer->rounds < PTHREAD_DESTRUCTOR_ITERATIONS && pthread_setspecific(key, buffer) == 0) return;
    look_up(buffer);
    mk_buffer_add(buffer, mk_trace_what(MK_RAW_EXIT, 0, 0), 0);
    empty(buffer);
    mk_mine = NULL;
    past.gone = true;
    past.thread = buffer->block.thread;
    past.blocks = buffer->block.number;
    lock();
    unlink_buffer(buffer);
    buffer->next = unused;
    unused = buffer;
    unlock();
}

/* A block of a thread that has no buffer any more: one record, and a size before it where that is wide. */
static void put_late(uint64_t what, uint64_t value, uint64_t wide) {
    struct {
        struct mk_raw_block block;
        uint64_t word[6];
    } late = {{MK_RAW_BLOCK_TAG, past.thread, 4, past.blocks++, 0, 0},
              {mk_trace_what(MK_RAW_CLOCK, 0, 0), mk_file_clock_ns(), what, value, 0, 0}};
    if (wide) {
        late.block.words = 6;
        late.word[2] = mk_trace_what(MK_RAW_WIDE, 0, 0);
        late.word[3] = wide;
        late.word[4] = what;
        late.word[5] = value;
    }
    lock();
    if (mk_trace_on) mk_file_write(&late.block);
    unlock();
}

/* In the child of a fork, which has one thread and no buffer. */
static void begin_anew(void) {
    door = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    used = unused = mk_mine = NULL;
    threads = 0;
    past.gone = past.entering = false;
    for (unsigned i = 0; i < MK_RAW_SHARDS; i++) mk_shards[i] = (struct mk_shard){0, 0, NULL};
    learn_membarrier();
    mk_trace_on = mk_trace_on && mk_file_child();
}

void mk_trace_rare(unsigned code, unsigned align_log2, const void *address, uint64_t size) {
    uint64_t at = (uint64_t)(uintptr_t)address, wide = size >> 32 ? size : 0;
    bool ticketed = code >= MK_RAW_MALLOC && code <= MK_RAW_GIVE;
    int kept = errno;
    if (mk_mine && !mk_mine->at) begin_anew();
    if (!mk_trace_on) return;
    struct mk_buffer *buffer = mk_mine;
    if (!buffer && !past.gone && !(buffer = enter())) return;
    if (!buffer) {
        uint64_t ticket = ticketed ? mk_trace_ticket(mk_raw_shard(at), NULL) : 0;
        put_late(mk_trace_what(code, align_log2, at), ticket << 32 | (uint32_t)size, wide);
        errno = kept;
        return;
    }
    if (buffer->at >= buffer->pause) look_up(buffer);
    if (wide) mk_buffer_add(buffer, mk_trace_what(MK_RAW_WIDE, 0, 0), wide);
    if (ticketed) mk_buffer_add_ticketed(buffer, code, align_log2, at, (uint32_t)size);
    else mk_buffer_add(buffer, mk_trace_what(code, align_log2, at), (uint32_t)size);
    errno = kept;
}

/* ---- the program's end, and its forks ------------------------------------------------------ */

/* Everything that is in buffers goes out, also of threads that still run. They stop recording first: otherwise
 * records of one thread would go out whose predecessors, in a buffer that was drained earlier, do not. After the
 * barrier at most the record that a thread is in the middle of is missing. */
static void finish(void) {
    if (mk_mine && !mk_mine->at) begin_anew();
    if (!mk_file_is_ours()) return;
    lock();
    bool was_on = mk_trace_on;
    __atomic_store_n(&mk_trace_on, false, __ATOMIC_RELAXED);
    if (was_on && can_own) syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    if (was_on && (used ? mk_file_open() : mk_file_is_open())) {
        for (struct mk_buffer *buffer = used; buffer; buffer = buffer->next)
            drain(buffer, __atomic_load_n(&buffer->at, __ATOMIC_ACQUIRE));
        mk_file_close();
    }
    unlock();
}

static void before_fork(void) {
    lock();
}

static void in_child(void) {
    sigset_t before = mask_before;
    begin_anew();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void mk_trace_prepare(void) {
    keyed = pthread_key_create(&key, leave) == 0;
    pthread_atfork(before_fork, unlock, in_child);
    learn_membarrier();
}

__attribute__((constructor)) static void begin(int argc, char **argv, char **environment) {
    (void)argc;
    (void)argv;
    mk_next_find();
    lock();
    if (!mk_file_init(environment) || !mk_file_open()) mk_trace_on = false;
    unlock();
}

__attribute__((destructor)) static void end(void) {
    finish();
}

/* A program that leaves without its destructors is in order too. In the child of a vfork nothing ends. */
static void leave_now(int status) {
    if (mk_next_find()) finish();
    mk_next.exit_now(status);
    __builtin_unreachable();
}

__attribute__((visibility("default"), noreturn)) void _exit(int status) {
    leave_now(status);
    __builtin_unreachable();
}

__attribute__((visibility("default"), noreturn)) void _Exit(int status) {
    leave_now(status);
    __builtin_unreachable();
}
