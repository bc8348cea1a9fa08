/* trace.h - the parts of libmemkit-trace.so: hooks.c is what programs call, next.c the allocator behind it,
 * buffer.c where records go, file.c how they get to the disk. */
#ifndef MK_TRACE_PRELOAD_H
#define MK_TRACE_PRELOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/single_threaded.h>

#include "raw.h"

#define MK_LIKELY(x) __builtin_expect(!!(x), 1)
#define MK_FAST static inline __attribute__((always_inline))

/* ---- next.c: the allocator behind this one ------------------------------------------------- */

struct mk_next {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t n, size_t size);
    void *(*realloc)(void *block, size_t size);
    void (*free)(void *block);
    int (*posix_memalign)(void **out, size_t align, size_t size);
    void *(*aligned_alloc)(size_t align, size_t size);
    void *(*memalign)(size_t align, size_t size);
    size_t (*usable_size)(void *block);
    void (*exit_now)(int status);
    const char *file; /* where malloc comes from; NULL: not known */
};
extern struct mk_next mk_next;

/* Finds it. Returns false while that is under way in this thread: what is asked for then comes from the arena. */
bool mk_next_find(void);

/* Zeroed memory for the loader while it looks the allocator up; it is never given back. NULL when it is used up. */
void *mk_arena_take(size_t size, size_t align);
#define MK_ARENA_BYTES (64u << 10)
extern unsigned char mk_arena[MK_ARENA_BYTES];
/* Returns the bytes from a block of the arena to the arena's end, 0 where it is none. */
static inline size_t mk_arena_reach(const void *block) {
    uintptr_t offset = (uintptr_t)block - (uintptr_t)mk_arena;
    return offset < MK_ARENA_BYTES ? MK_ARENA_BYTES - offset : 0;
}

/* ---- buffer.c: records of a thread --------------------------------------------------------- */

/* One thread's. Only its thread writes records. The kernel wipes it in the child of a fork, so that `at` and
 * `pause` are NULL there: that is how a child is noticed, whichever way it was made. */
struct mk_buffer {
    uint64_t *at;    /* where the next record goes */
    uint64_t *pause; /* where the thread looks up, or has done so: at the clock, or for room */
    uint64_t *end;
    struct mk_buffer *next, *before; /* in the list of those in use, or (next) of those that are free */
    uint64_t clock_ns, drained_ns;
    uint32_t every;  /* records between two looks at the clock */
    uint32_t rounds; /* of destructors, when the thread ends */
    uint32_t last[MK_RAW_SHARDS]; /* tickets */
    struct mk_raw_block block;
    uint64_t word[MK_RAW_WORDS_MAX];
};
#define MK_BUFFER_SLACK 8u /* words behind `end` that a record, and a pause, may need */

/* A counter of tickets. As long as one thread alone draws from it, that is its owner, and draws without a locked
 * instruction, which would be most of what recording costs. Who comes second takes it away: it sets the owner to
 * MK_CLOSED, makes all threads see that (membarrier), waits until the owner is not in the middle of drawing, and
 * sets MK_SHARED. From then on everybody draws with a locked instruction. */
struct mk_shard {
    uint32_t ticket;
    uint32_t drawing; /* 1: its owner is about to look whether it still is, and to draw */
    struct mk_buffer *owner;
} __attribute__((aligned(64)));
#define MK_SHARED ((struct mk_buffer *)(uintptr_t)1)
#define MK_CLOSED ((struct mk_buffer *)(uintptr_t)2) /* on the way there */

extern bool mk_trace_on;
extern struct mk_shard mk_shards[MK_RAW_SHARDS];
extern __thread struct mk_buffer *mk_mine __attribute__((tls_model("initial-exec")));

/* What is rare: a thread's first record, its pauses, sizes of more than 32 bits, failures. */
void mk_trace_rare(unsigned code, unsigned align_log2, const void *address, uint64_t size);
/* Once, early: a key for the ends of threads, handlers around fork. */
void mk_trace_prepare(void);

/* Draws from a counter that this thread does not own. buffer may be NULL. */
uint32_t mk_trace_ticket_of_others(struct mk_shard *shard, struct mk_buffer *buffer);

MK_FAST uint32_t mk_trace_ticket(unsigned number, struct mk_buffer *buffer) {
    struct mk_shard *shard = &mk_shards[number];
    if (__libc_single_threaded) return shard->ticket++;
    if (MK_LIKELY(buffer && __atomic_load_n(&shard->owner, __ATOMIC_RELAXED) == buffer)) {
        __atomic_store_n(&shard->drawing, 1, __ATOMIC_RELAXED);
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* membarrier makes a true one of it */
        if (MK_LIKELY(__atomic_load_n(&shard->owner, __ATOMIC_RELAXED) == buffer)) {
            uint32_t ticket = __atomic_load_n(&shard->ticket, __ATOMIC_RELAXED);
            __atomic_store_n(&shard->ticket, ticket + 1, __ATOMIC_RELAXED);
            __atomic_store_n(&shard->drawing, 0, __ATOMIC_RELEASE);
            return ticket;
        }
        __atomic_store_n(&shard->drawing, 0, __ATOMIC_RELEASE);
    }
    if (__atomic_load_n(&shard->owner, __ATOMIC_ACQUIRE) == MK_SHARED)
        return __atomic_fetch_add(&shard->ticket, 1, __ATOMIC_RELAXED);
    return mk_trace_ticket_of_others(shard, buffer);
}

MK_FAST uint64_t mk_trace_what(unsigned code, unsigned align_log2, uint64_t address) {
    return (uint64_t)code << 56 | (uint64_t)align_log2 << 48 | (address & MK_RAW_ADDRESS);
}

/* Another thread may look how far this one has come: at the end of the program. */
MK_FAST void mk_buffer_add(struct mk_buffer *buffer, uint64_t what, uint64_t value) {
    uint64_t *at = buffer->at;
    at[0] = what;
    at[1] = value;
    __atomic_store_n(&buffer->at, at + 2, __ATOMIC_RELEASE);
}

/* A record that has a ticket, and a size of 32 bits. */
MK_FAST void mk_buffer_add_ticketed(struct mk_buffer *buffer, unsigned code, unsigned align_log2, uint64_t address,
                                    uint64_t size) {
    unsigned shard = mk_raw_shard(address);
    uint32_t ticket = mk_trace_ticket(shard, buffer), last = buffer->last[shard];
    buffer->last[shard] = ticket;
    if (MK_LIKELY(ticket == last + 1 && !(size >> MK_RAW_SHORT_BITS) && !(address & 15) && !align_log2)) {
        uint64_t *at = buffer->at;
        *at = (uint64_t)(code | MK_RAW_SHORT) << 56 | (address & MK_RAW_ADDRESS) >> 4 << MK_RAW_SHORT_BITS | size;
        __atomic_store_n(&buffer->at, at + 1, __ATOMIC_RELEASE);
    } else {
        mk_buffer_add(buffer, mk_trace_what(code, align_log2, address), (uint64_t)ticket << 32 | size);
    }
}

/* Records what has an address: an allocation that has succeeded, or what is about to be freed. */
MK_FAST void mk_trace_put(unsigned code, unsigned align_log2, const void *address, uint64_t size) {
    struct mk_buffer *buffer = mk_mine;
    if (!mk_trace_on) return;
    if (MK_LIKELY(buffer && buffer->at < buffer->pause && !(size >> 32)))
        mk_buffer_add_ticketed(buffer, code, align_log2, (uint64_t)(uintptr_t)address, size);
    else
        mk_trace_rare(code, align_log2, address, size);
}

/* ---- file.c: the capture. All of it under the lock but mk_file_init. ----------------------- */

/* Takes the path and the options out of the environment. Returns whether there is anything to record. */
bool mk_file_init(char **environment);
/* Opens the capture where that has not been done. Returns whether it is open. */
bool mk_file_open(void);
bool mk_file_is_open(void);
/* Appends a block, with its words behind it. What cannot be written is counted. */
void mk_file_write(struct mk_raw_block *block);
/* Fills in the counts, and closes it. */
void mk_file_close(void);
/* In the child of a fork: it has a file of its own, later, or none. Returns whether it is to be recorded. */
bool mk_file_child(void);
/* Returns whether what is recorded is this process: false in the child of a vfork. */
bool mk_file_is_ours(void);
uint64_t mk_file_clock_ns(void); /* since the start */
void mk_file_drop(uint64_t events);

#endif
