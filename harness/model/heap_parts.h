/* heap_parts.h - the books of the checked heap, which heap.c keeps and the calls of blocks and pages write in. */
#ifndef MK_MODEL_HEAP_PARTS_H
#define MK_MODEL_HEAP_PARTS_H

#include "runtime.h"

#define MK_HEAP_FRAMES 8    /* of a stack that are kept with an allocation or a free */
#define MK_HEAP_PAGE 4096u
#define MK_HEAP_CLASSES 160 /* of sizes: see class_of */
#define MK_HEAP_NONE UINT32_MAX

/* The arena has three regions. What lies in one was handed out in ascending order. */
enum mk_heap_region_kind {
    MK_HEAP_BLOCKS, /* malloc and its kin */
    MK_HEAP_PAGES,  /* mmap */
    MK_HEAP_BREAK,  /* sbrk: one chunk, which grows and shrinks */
    MK_HEAP_REGIONS
};

/* Somebody allocated or freed something. */
struct mk_heap_deed {
    uint32_t thread;
    uint32_t step; /* of the schedule */
    uintptr_t pc;
    uint32_t frames;
    uintptr_t frame[MK_HEAP_FRAMES]; /* return addresses, innermost first */
};

/* A stretch of the arena that has been handed out, perhaps several times; it may have been given back since. */
struct mk_heap_chunk {
    uintptr_t low;
    size_t bytes;    /* asked for */
    size_t capacity; /* there are, before what nobody may touch */
    uint32_t class;
    uint32_t next_free; /* another one of its class that was freed before; MK_HEAP_NONE none */
    bool live;
    struct mk_heap_deed allocated, freed; /* freed: once it is not live */
    struct mk_view given_back;            /* what whoever gets it next happens after; not in quarantine */
};

/* What may be touched of a chunk: apart from the chunks, so that many are found by few cache lines. */
struct mk_heap_extent {
    uintptr_t low;
    size_t bytes; /* 0: it is not live */
};

struct mk_heap_region {
    uintptr_t base, limit; /* of what can be handed out */
    uintptr_t next;        /* so far */
    uintptr_t dirty;       /* beyond it no schedule has handed out anything: it is zero */
    uint32_t n, room;
    struct mk_heap_extent *extents; /* n each, by address */
    struct mk_heap_chunk *chunks;
    uint32_t freed[MK_HEAP_CLASSES]; /* the last of each class that was freed */
};

extern struct mk_heap_region mk_heap_regions[MK_HEAP_REGIONS];

MK_RT_INLINE bool mk_heap_owns(uintptr_t address) {
    return address - MK_HEAP_BASE < MK_HEAP_BYTES;
}

/* Returns the region of an address of the arena, and how many of its chunks lie no higher. */
struct mk_heap_region *mk_heap_region_of(uintptr_t address);
uint32_t mk_heap_chunks_up_to(const struct mk_heap_region *region, uintptr_t address);

/* Returns the chunk at the highest address that is no higher than this one, and the region in *region; or NULL. */
struct mk_heap_chunk *mk_heap_find(uintptr_t address, struct mk_heap_region **region);

/* Hands out bytes at a multiple of align (a power of two), as the policy has it: the point before it, refusals, and
 * what orders it after those that had the memory earlier are included. They are zero where that is asked for, and
 * look wrong otherwise. Returns the address; or 0, and errno is ENOMEM. */
uintptr_t mk_heap_take(enum mk_heap_region_kind kind, size_t bytes, size_t align, bool zero, uintptr_t pc);

/* A live chunk is given back. The point before is the caller's. */
void mk_heap_give(struct mk_heap_region *region, struct mk_heap_chunk *chunk, uintptr_t pc);

/* Returns a new chunk behind all others of the region, which nobody has yet; or NULL, where a limit is reached. */
struct mk_heap_chunk *mk_heap_carve(struct mk_heap_region *region, size_t capacity, size_t gap, size_t align);

/* The thread at work has the chunk from now on. */
void mk_heap_hand_out(struct mk_heap_region *region, struct mk_heap_chunk *chunk, size_t bytes, uintptr_t pc);

/* A live chunk has another number of bytes from now on. */
void mk_heap_resize(struct mk_heap_region *region, struct mk_heap_chunk *chunk, size_t bytes);

/* Makes two chunks of the one that the address lies in, the second one from there on. */
void mk_heap_split(struct mk_heap_region *region, uintptr_t at);

/* Returns whether a request is refused, which the chooser may like where that is asked for. */
bool mk_heap_refuses(void);

/* Zeroes bytes; those of large ranges by giving them back to the kernel. */
void mk_heap_zero(uintptr_t address, size_t bytes);

/* The thread at work touches bytes that are not all of one live chunk: fails. */
void mk_heap_bad_touch(uintptr_t address, size_t bytes, bool write, uintptr_t pc) __attribute__((noreturn, cold));

/* What cannot be given back is: fails. `does`: "frees", "unmaps" ... */
void mk_heap_bad_free(uintptr_t address, const char *does, uintptr_t pc) __attribute__((noreturn, cold));

/* Tells the sink of an allocation (address 0: refused) or a free. */
void mk_heap_tell(enum mk_act_kind act, const char *text, uintptr_t address, size_t bytes, uintptr_t pc);

#endif
