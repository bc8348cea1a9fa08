/* heap_words.c - the checked heap in words: what lies at an address, and what is wrong with touching it. */
#include "heap_parts.h"

#include <stdio.h>

#include "../text.h"

#define NEAR 65536u /* bytes from a chunk that are said to be near it */

static const char *name_of(const struct mk_heap_region *region) {
    static const char *const names[MK_HEAP_REGIONS] = {"a block", "a mapping", "the break area"};
    return names[region - mk_heap_regions];
}

static const char *bytes_in_words(char *out, size_t room, size_t bytes) {
    snprintf(out, room, "%zu byte%s", bytes, bytes == 1 ? "" : "s");
    return out;
}

/* "a block of 64 bytes" */
static const char *chunk_in_words(char *out, size_t room, const struct mk_heap_region *region,
                                  const struct mk_heap_chunk *chunk) {
    char bytes[40];
    snprintf(out, room, "%s of %s", name_of(region), bytes_in_words(bytes, sizeof bytes, chunk->bytes));
    return out;
}

/* Returns the chunk that an address lies in, or which it is near; or NULL. */
static const struct mk_heap_chunk *nearest(uintptr_t address, struct mk_heap_region **region) {
    *region = mk_heap_region_of(address);
    uint32_t n = (*region)->n, up_to = mk_heap_chunks_up_to(*region, address);
    const struct mk_heap_chunk *lower = up_to ? &(*region)->chunks[up_to - 1] : NULL;
    const struct mk_heap_chunk *higher = up_to < n ? &(*region)->chunks[up_to] : NULL;
    uintptr_t behind = lower ? address - lower->low : UINTPTR_MAX;
    if (lower) behind = behind < lower->bytes ? 0 : behind - lower->bytes;
    if (higher && higher->low - address < behind) return higher->low - address <= NEAR ? higher : NULL;
    return behind <= NEAR ? lower : NULL;
}

/* Where an address lies: "", "8 bytes into ", "directly behind ", "4 bytes behind ", "16 bytes before ". */
static const char *place_in_words(char *out, size_t room, const struct mk_heap_chunk *chunk, uintptr_t address) {
    char bytes[40];
    uintptr_t end = chunk->low + chunk->bytes;
    if (address == chunk->low) {
        out[0] = '\0';
    } else if (address == end) {
        snprintf(out, room, "directly behind ");
    } else if (address < chunk->low) {
        snprintf(out, room, "%s before ", bytes_in_words(bytes, sizeof bytes, chunk->low - address));
    } else if (address < end) {
        snprintf(out, room, "%s into ", bytes_in_words(bytes, sizeof bytes, address - chunk->low));
    } else {
        snprintf(out, room, "%s behind ", bytes_in_words(bytes, sizeof bytes, address - end));
    }
    return out;
}

void mk_heap_describe(uintptr_t address, char *out, size_t room) {
    struct mk_heap_region *region;
    char place[60], what[80], last[100] = "";
    if (room) out[0] = '\0';
    if (!mk_heap_owns(address)) return;
    const struct mk_heap_chunk *chunk = nearest(address, &region);
    if (!chunk) return;
    if (!chunk->live) {
        snprintf(last, sizeof last, ", freed by %s at {pc %#zx}", mk_rt_who(chunk->freed.thread),
                 (size_t)chunk->freed.pc);
    }
    chunk_in_words(what, sizeof what, region, chunk);
    place_in_words(place, sizeof place, chunk, address);
    /* One that begins there is just that: "block of 64 bytes". */
    snprintf(out, room, "%s%s, allocated by %s at {pc %#zx}%s", place, place[0] ? what : strchr(what, ' ') + 1,
             mk_rt_who(chunk->allocated.thread), (size_t)chunk->allocated.pc, last);
}

static void add_deed(struct mk_text *text, const struct mk_heap_region *region, const char *done,
                     const struct mk_heap_deed *deed) {
    mk_text_printf(text, "%s was %s by %s at step %u:\n    {pc %#zx}\n", name_of(region), done,
                   mk_rt_who(deed->thread), deed->step, (size_t)deed->pc);
    for (uint32_t i = 0; i < deed->frames; i++) mk_text_printf(text, "    {pc %#zx}\n", (size_t)deed->frame[i]);
}

/* Returns the life of a chunk with its stacks; the caller's. */
static char *life_in_words(const struct mk_heap_region *region, const struct mk_heap_chunk *chunk) {
    struct mk_text text = {0};
    add_deed(&text, region, "allocated", &chunk->allocated);
    if (!chunk->live) add_deed(&text, region, "freed", &chunk->freed);
    return mk_text_take(&text);
}

/* ---- failures -------------------------------------------------------------------------------- */

static struct mk_touch touch_now(size_t bytes, bool write, uintptr_t pc) {
    return (struct mk_touch){.thread = mk_rt.now->number, .step = (uint32_t)mk_rt.steps, .pc = pc, .write = write,
                             .bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes};
}

static struct mk_touch touch_of_free(const struct mk_heap_chunk *chunk) {
    return (struct mk_touch){.thread = chunk->freed.thread, .step = chunk->freed.step, .pc = chunk->freed.pc,
                             .write = true, .freed = true,
                             .bytes = chunk->bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)chunk->bytes};
}

/* The access begins in the chunk, and goes on behind it. */
static void say_runs_over(struct mk_failure *failure, const char *begin, const struct mk_heap_chunk *chunk,
                          size_t bytes, const char *what) {
    size_t outside = bytes - (chunk->bytes - (failure->address - chunk->low));
    char last[40] = "one lies";
    if (outside > 1) snprintf(last, sizeof last, "%zu lie", outside);
    snprintf(failure->what, sizeof failure->what, "%s, of which the last %s behind %s", begin, last, what);
}

void mk_heap_bad_touch(uintptr_t address, size_t bytes, bool write, uintptr_t pc) {
    struct mk_failure failure = {.kind = MK_FAIL_BOUNDS, .thread = mk_rt.now->number, .address = address};
    struct mk_heap_region *region;
    char many[40], begin[100], place[60], what[80];
    const struct mk_heap_chunk *chunk = nearest(address, &region);
    failure.here = touch_now(bytes, write, pc);
    snprintf(begin, sizeof begin, "%s %s %s", mk_rt_who(mk_rt.now->number), write ? "writes" : "reads",
             bytes_in_words(many, sizeof many, bytes));
    if (!chunk) {
        snprintf(failure.what, sizeof failure.what, "%s of heap memory that was never handed out", begin);
        mk_rt_fail_with(&failure);
    }
    failure.detail = life_in_words(region, chunk);
    place_in_words(place, sizeof place, chunk, address);
    chunk_in_words(what, sizeof what, region, chunk);
    if (!chunk->live && address - chunk->low < chunk->bytes) {
        failure.kind = MK_FAIL_USE_AFTER_FREE;
        failure.there = touch_of_free(chunk);
        snprintf(failure.what, sizeof failure.what, "%s%s%s%s, after %s has freed it", begin,
                 place[0] ? ", " : " of ", place, what, mk_rt_who(chunk->freed.thread));
    } else if (address - chunk->low < chunk->bytes) {
        say_runs_over(&failure, begin, chunk, bytes, what);
    } else {
        /* A block of 0 bytes begins where it ends. */
        snprintf(failure.what, sizeof failure.what, "%s%s%s%s", begin, place[0] ? ", " : " of ", place, what);
    }
    mk_rt_fail_with(&failure);
}

void mk_heap_bad_free(uintptr_t address, const char *does, uintptr_t pc) {
    struct mk_failure failure = {.kind = MK_FAIL_BAD_FREE, .thread = mk_rt.now->number, .address = address};
    struct mk_heap_region *region;
    char place[60], what[80];
    const char *who = mk_rt_who(mk_rt.now->number);
    const struct mk_heap_chunk *chunk = nearest(address, &region);
    failure.here = touch_now(0, true, pc);
    failure.here.freed = true;
    if (!chunk) {
        snprintf(failure.what, sizeof failure.what, "%s %s an address of the heap that was never handed out", who,
                 does);
        mk_rt_fail_with(&failure);
    }
    failure.detail = life_in_words(region, chunk);
    place_in_words(place, sizeof place, chunk, address);
    chunk_in_words(what, sizeof what, region, chunk);
    if (place[0] && address != chunk->low) {
        snprintf(failure.what, sizeof failure.what, "%s %s an address that lies %s%s", who, does, place, what);
    } else if (!chunk->live) {
        failure.there = touch_of_free(chunk);
        snprintf(failure.what, sizeof failure.what, "%s %s %s that %s has freed already", who, does, what,
                 mk_rt_who(chunk->freed.thread));
    } else {
        snprintf(failure.what, sizeof failure.what, "%s %s %s, which is not what it was handed out as", who, does,
                 what);
    }
    mk_rt_fail_with(&failure);
}
