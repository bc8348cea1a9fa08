/* race.c - who touched a byte last, and whether anything orders that: data races by happens-before, with vector clocks
 * (Flanagan and Freund, FastTrack, PLDI 2009), in cells of 8 bytes that keep the last four accesses (as
 * ThreadSanitizer does; which one has to go is not left to chance here). */
#include "cells.h"

#include <stdio.h>
#include <sys/mman.h>

#define PAGES_MAX 8192u
#define TABLE_PAGES 16384u /* a power of two above PAGES_MAX */

struct mk_cell_page mk_cell_recent[64];
static struct mk_cell_page table[TABLE_PAGES];
static struct mk_cell *pool;
static size_t pages;

/* ---- cells ----------------------------------------------------------------------------------- */

static bool open_pool(void) {
    size_t bytes = PAGES_MAX * MK_CELLS_A_PAGE * sizeof(struct mk_cell);
    void *got = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED) return false;
    pool = got;
    for (size_t i = 0; i < TABLE_PAGES; i++) table[i].number = UINTPTR_MAX;
    return true;
}

/* Returns the place of a page in the table, or where it would be. */
static struct mk_cell_page *place_of(uintptr_t number) {
    uintptr_t at = number * 0x9e3779b97f4a7c15u >> 40;
    while (table[at % TABLE_PAGES].number != number && table[at % TABLE_PAGES].number != UINTPTR_MAX) at++;
    return &table[at % TABLE_PAGES];
}

struct mk_cell *mk_cell_page_known(uintptr_t number) {
    struct mk_cell_page *page = pool ? place_of(number) : NULL;
    return page && page->number == number ? page->cells : NULL;
}

struct mk_cell *mk_cell_page_slow(uintptr_t number) {
    if (!pool && !open_pool()) return NULL;
    struct mk_cell_page *page = place_of(number);
    if (page->number != number) {
        if (pages == PAGES_MAX) {
            mk_rt.limits++;
            return NULL;
        }
        *page = (struct mk_cell_page){number, pool + pages++ * MK_CELLS_A_PAGE};
    }
    mk_cell_recent[number % 64] = *page;
    return page->cells;
}

void mk_race_forget_all(void) {
    size_t bytes = pages * MK_CELLS_A_PAGE * sizeof(struct mk_cell);
    if (bytes && madvise(pool, bytes, MADV_DONTNEED)) memset(pool, 0, bytes);
}

/* ---- accesses -------------------------------------------------------------------------------- */

MK_RT_INLINE unsigned mask_of(const struct mk_access *access) {
    return (unsigned)(access->who & 0xff);
}

MK_RT_INLINE uint32_t thread_of(const struct mk_access *access) {
    return (uint32_t)(access->who >> 8 & 0xf);
}

MK_RT_INLINE unsigned how_of(const struct mk_access *access) {
    return (unsigned)(access->who >> 12 & 0xf);
}

static struct mk_touch touch_of(const struct mk_access *access, uint32_t bytes) {
    unsigned how = how_of(access);
    return (struct mk_touch){.thread = thread_of(access), .step = access->step, .pc = (uintptr_t)(access->who >> 16),
                             .write = how & MK_HOW_WRITE, .atomic = how & MK_HOW_ATOMIC, .freed = how & MK_HOW_FREE,
                             .bytes = bytes};
}

static const char *in_words(const struct mk_touch *touch) {
    if (touch->freed) return "free";
    if (touch->atomic) return touch->write ? "atomic write" : "atomic read";
    return touch->write ? "write" : "read";
}

__attribute__((noreturn, cold)) static void fail_race(uintptr_t address, size_t bytes, const struct mk_access *here,
                                                      const struct mk_access *there) {
    struct mk_failure failure = {.kind = MK_FAIL_RACE, .thread = mk_rt.now->number, .address = address};
    failure.here = touch_of(here, (uint32_t)bytes);
    failure.there = touch_of(there, (uint32_t)__builtin_popcount(mask_of(there)));
    const char *one = mk_rt_who(failure.here.thread), *other = mk_rt_who(failure.there.thread);
    if (failure.here.freed || failure.there.freed) {
        const struct mk_touch *use = failure.here.freed ? &failure.there : &failure.here;
        failure.kind = MK_FAIL_USE_AFTER_FREE;
        snprintf(failure.what, sizeof failure.what,
                 "memory is freed by %s, and nothing orders that with the %s of %u bytes by %s",
                 failure.here.freed ? one : other, in_words(use), use->bytes, failure.here.freed ? other : one);
    } else {
        snprintf(failure.what, sizeof failure.what,
                 "data race: nothing orders the %s of %u bytes by %s and the earlier %s of %u bytes by %s",
                 in_words(&failure.here), failure.here.bytes, one, in_words(&failure.there), failure.there.bytes,
                 other);
    }
    mk_rt_fail_with(&failure);
}

/* Returns whether two accesses of different threads to the same bytes must be ordered. */
MK_RT_INLINE bool conflict(unsigned one, unsigned other) {
    if (!((one | other) & (MK_HOW_WRITE | MK_HOW_FREE))) return false;
    return !(one & other & MK_HOW_ATOMIC) || (one | other) & MK_HOW_FREE;
}

MK_RT_INLINE void in_cell(struct mk_cell *cell, unsigned mask, unsigned how, uintptr_t address, size_t bytes,
                          uintptr_t pc) {
    const struct mk_logical *now = mk_rt.now;
    uint32_t epoch = now->hb.at[now->number];
    struct mk_access access = {epoch, (uint32_t)mk_rt.steps,
                               (uint64_t)pc << 16 | (uint64_t)how << 12 | (uint64_t)now->number << 8 | mask};
    int place = -1;
    for (int i = 0; i < MK_CELL_SLOTS; i++) {
        struct mk_access *slot = &cell->slot[i];
        unsigned before = how_of(slot);
        if (!slot->epoch) {
            if (place < 0) place = i;
            break;
        }
        if (!(mask_of(slot) & mask)) continue;
        if (thread_of(slot) == now->number) {
            bool covers = (mask_of(slot) & mask) == mask;
            if (covers && slot->epoch == epoch && (before & how) == how && !((before ^ how) & MK_HOW_ATOMIC)) return;
            /* It stands for the earlier one as well: no weaker, and later. */
            if ((mask_of(slot) & ~mask) == 0 && (before & how & ~MK_HOW_ATOMIC) == (before & ~MK_HOW_ATOMIC) &&
                !((before ^ how) & MK_HOW_ATOMIC)) {
                if (place < 0) place = i;
            }
            continue;
        }
        if (now->hb.at[thread_of(slot)] >= slot->epoch) {
            /* Whoever races with that one, and comes after this one, races with this one too. */
            if ((mask_of(slot) & ~mask) == 0 && how & MK_HOW_WRITE && !(how & MK_HOW_ATOMIC) && place < 0) place = i;
            continue;
        }
        if (conflict(before, how)) {
            if (mk_rt.races) fail_race(address, bytes, &access, slot);
        }
    }
    if (place < 0) place = (int)(mk_rt.steps % MK_CELL_SLOTS);
    cell->slot[place] = access;
}

void mk_race_in_cell(struct mk_cell *cell, uintptr_t address, size_t bytes, unsigned how, uintptr_t pc) {
    unsigned offset = address % MK_CELL_BYTES;
    in_cell(cell, ((1u << bytes) - 1) << offset & 0xff, how, address, bytes, pc);
}

/* These bytes are written where nothing can race: all there is to do is to forget the locations in them. */
static void forget_range(uintptr_t address, size_t bytes) {
    uintptr_t end = address + bytes, page = MK_CELL_BYTES * MK_CELLS_A_PAGE;
    for (uintptr_t at = address; at < end;) {
        uintptr_t next = (at | (MK_CELL_BYTES - 1)) + 1;
        struct mk_cell *cell = mk_cell_touched(at);
        if (cell && cell->location) mk_memory_forget(cell, at, (next < end ? next : end) - at);
        if (!cell && bytes > page && !mk_cell_page_known(at / page)) next = (at / page + 1) * page;
        at = next;
    }
}

static void over_range(uintptr_t address, size_t bytes, unsigned how, uintptr_t pc) {
    uintptr_t end = address + bytes;
    if (mk_rt.alone) {
        if (how & MK_HOW_WRITE && !(how & MK_HOW_ATOMIC)) forget_range(address, bytes);
        return;
    }
    for (uintptr_t at = address; at < end;) {
        uintptr_t next = (at | (MK_CELL_BYTES - 1)) + 1;
        size_t part = (next < end ? next : end) - at;
        struct mk_cell *cell = mk_cell_at(at);
        if (MK_RT_LIKELY(cell != NULL)) {
            if (MK_RT_UNLIKELY(cell->location && how & (MK_HOW_WRITE | MK_HOW_FREE) && !(how & MK_HOW_ATOMIC))) {
                mk_memory_forget(cell, at, part);
            }
            mk_race_in_cell(cell, at, part, how, pc);
        }
        at = next;
    }
}

void mk_race_plain(uintptr_t address, size_t bytes, bool write, uintptr_t pc) {
    over_range(address, bytes, write ? MK_HOW_WRITE : 0, pc);
    if (MK_RT_UNLIKELY(mk_rt.sink != NULL && mk_rt.sink->plain)) {
        mk_rt_tell(&(struct mk_event_info){.thread = mk_rt.now->number, .step = (uint32_t)mk_rt.steps,
                                           .act = write ? MK_ACT_STORE : MK_ACT_LOAD, .bytes = (uint32_t)bytes,
                                           .address = address, .pc = pc});
    }
}

void mk_race_atomic(uintptr_t address, size_t bytes, bool write, uintptr_t pc) {
    over_range(address, bytes, MK_HOW_ATOMIC | (write ? MK_HOW_WRITE : 0), pc);
}

/* Only cells that were touched in this schedule can have raced, and the free is kept in them alone. */
void mk_race_freed(uintptr_t address, size_t bytes, uintptr_t pc) {
    uintptr_t end = address + bytes;
    if (mk_rt.alone) {
        forget_range(address, bytes);
        return;
    }
    for (uintptr_t at = address; at < end;) {
        uintptr_t next = (at | (MK_CELL_BYTES - 1)) + 1;
        size_t part = (next < end ? next : end) - at;
        struct mk_cell *cell = mk_cell_touched(at);
        if (cell) {
            if (cell->location) mk_memory_forget(cell, at, part);
            mk_race_in_cell(cell, at, part, MK_HOW_WRITE | MK_HOW_FREE, pc);
        }
        at = next;
    }
}

void mk_race_fresh(uintptr_t address, size_t bytes) {
    for (uintptr_t at = address / MK_CELL_BYTES * MK_CELL_BYTES; at < address + bytes; at += MK_CELL_BYTES) {
        struct mk_cell *cell = mk_cell_touched(at);
        if (cell) {
            if (cell->location) mk_memory_forget(cell, at, MK_CELL_BYTES);
            mk_cell_clear(cell);
        }
    }
}
