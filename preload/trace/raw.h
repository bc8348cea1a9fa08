/* raw.h - what the recorder of allocations writes while a program runs: a raw capture. `memkit-bench record`
 * makes a trace (memkit.trace/1) of it when the program has ended, and deletes it.
 *
 * It is written to cost little: records of one or two words with addresses in them, in blocks of one thread
 * each, in the byte order of the machine, which is where it is read as well. The order across threads is kept by
 * tickets. A ticket is drawn from a counter before an address is freed, and after it was allocated. There is a
 * counter for each MiB of addresses (256 counters in all), because what has to be kept in order is what happens
 * to one address; so threads that work in different regions do not draw from the same counter. The order of each
 * thread, and of each counter, together never contradict what happened.
 */
#ifndef MK_RAW_H
#define MK_RAW_H

#include <stdint.h>

#define MK_RAW_MAGIC "memkit.raw.trace"
#define MK_RAW_MAGIC_BYTES 16
#define MK_RAW_VERSION 1u        /* as this machine has it: another byte order is another version */
#define MK_RAW_BLOCK_TAG 0x5752424bu
#define MK_RAW_WORDS_MAX 8192u   /* of a block */
#define MK_RAW_SHARDS 256u
#define MK_RAW_ADDRESS ((UINT64_C(1) << 48) - 1)

/* At the beginning of the file. The counts are put in when the program ends. */
struct mk_raw_head {
    char magic[MK_RAW_MAGIC_BYTES];
    uint32_t version;
    uint32_t pid, parent;
    uint32_t page_bytes;
    uint32_t forked; /* 1: begun by fork, in the middle of a program whose blocks it has */
    uint32_t closed; /* 1: the program ended in order */
    int32_t failed;  /* errno of the first write that failed */
    uint32_t zero;
    uint64_t start_s;  /* since 1970 */
    uint64_t start_ns; /* of the monotonic clock: times count from here */
    uint64_t dropped;  /* records that could not be written */
    char program[600], command[600], machine[200], allocator[600];
};
#define MK_RAW_HEAD_BYTES 4096u /* zeroes behind the struct */

/* What stands before the records of a block. */
struct mk_raw_block {
    uint32_t tag, thread; /* threads are numbered as they come, and no number comes twice */
    uint32_t words;
    uint32_t number; /* of the thread's blocks */
    uint64_t check;  /* mk_raw_check */
    uint64_t zero;
};

/* A record has a first word, with the code above bit 56, the logarithm of an alignment above bit 48, and an
 * address below; and a second one, with the ticket in the upper half and the size in the lower one. Of
 * MK_RAW_CLOCK the second one is ns since the start, of MK_RAW_WIDE a size.
 *
 * Most records have the first one alone, with MK_RAW_SHORT in the code: the address (a multiple of 16, without
 * these four bits) above bit 12, a size below 4096 there; and the ticket is the one that follows the last that
 * this thread has drawn from the counter.
 */
#define MK_RAW_SHORT 0x80u
#define MK_RAW_SHORT_BITS 12
#define MK_RAW_NO_TICKET UINT32_MAX /* the last one, of a thread that has drawn none */

enum mk_raw_code {
    MK_RAW_NONE,
    MK_RAW_CLOCK,        /* the time of those that follow */
    MK_RAW_START,        /* of the thread */
    MK_RAW_EXIT,         /* of the thread; a free may still come */
    MK_RAW_MALLOC,       /* those up to MK_RAW_GIVE have an address and a ticket */
    MK_RAW_CALLOC,
    MK_RAW_ALIGNED,
    MK_RAW_FREE,
    MK_RAW_TAKE,         /* realloc: the old block, before the call */
    MK_RAW_GIVE,         /* and the new one, after it */
    MK_RAW_FREED,        /* in place of the new one: it was asked for 0 bytes, and has freed the block */
    MK_RAW_KEPT,         /* in place of the new one: it failed, and the old block is still there */
    MK_RAW_FAILED,       /* NULL came back; in place of the address: the code of the call */
    MK_RAW_WIDE,         /* the size of the record behind it, where it takes more than 32 bits */
    MK_RAW_CODES
};

static inline unsigned mk_raw_shard(uint64_t address) {
    return (unsigned)(((address & MK_RAW_ADDRESS) >> 20) * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

static inline uint64_t mk_raw_check(const struct mk_raw_block *block) {
    uint64_t state = (uint64_t)block->thread << 32 | block->words;
    state = (state ^ block->number ^ MK_RAW_BLOCK_TAG) * UINT64_C(0x9fb21c651e98df25);
    return state ^ state >> 32;
}

#endif
