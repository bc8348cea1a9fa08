/* model_alloc.c - kind alloc: a block belongs to whoever was given it, whole and alone, until it is freed.
 *
 * Every block is entered into a map of live blocks (shadow.h) and filled with a pattern of its own, which
 * is compared before it is freed, resized, or handed over. Where several threads work, blocks that are
 * live in the end are compared once all have been joined: the oracle orders nothing between them.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "../../impl/alloc.h"
#include "../record.h"
#include "check.h"

/* ---- the sequential model -------------------------------------------------------------------- */

/* Of one slot. Addresses are not predicted: the map of live blocks judges them. */
struct state {
    bool live;
};

static uint64_t part_of(const struct mk_impl *impl, const struct mk_op *op) {
    (void)impl;
    return op->key;
}

static void answer_alloc(const struct mk_impl *impl, void *of_slot, const struct mk_op *op,
                         struct mk_answer *answer) {
    struct state *state = of_slot;
    (void)impl;
    answer->status = MK_HIT;
    if (op->code == MK_ALLOC_FREE && !state->live) answer->status = MK_REFUSED;
    if (op->code == MK_ALLOC_ALLOC || op->code == MK_ALLOC_ZALLOC) state->live = true;
    if (op->code == MK_ALLOC_OBJECT) state->live = true;
    if (op->code == MK_ALLOC_FREE || op->code == MK_ALLOC_RESET) state->live = false;
}

static void describe_state(const void *of_slot, char *out, size_t room) {
    snprintf(out, room, ((const struct state *)of_slot)->live ? "the block was live" : "the block was not live");
}

/* ---- blocks of one thread -------------------------------------------------------------------- */

/* What a slot holds. */
struct held {
    struct state state;
    size_t bytes, align; /* align as step was given it: 0 = natural */
    uint64_t tag;        /* of its pattern */
};

/* How many bytes are live, all threads together. Bytes are entered before a block is asked for and taken out once it
 * is free, so that they are never fewer than there are. */
struct meter {
    bool only_grows; /* nothing counts as given back */
    _Atomic(uint64_t) live, peak;
};

/* The blocks that one thread holds. */
struct holder {
    struct mk_check *check;
    struct mk_subject *subject;
    struct mk_thread *me;
    struct mk_shadow *shadow; /* NULL while several threads work */
    struct meter *meter;      /* NULL: not measured */
    struct held *held;
    uint32_t slots;
    uint64_t live, tag;
    uint64_t live_bytes, peak_bytes;   /* of its blocks, as it asked for them */
    bool alone;                        /* no other ever holds blocks of this allocator */
    size_t line;                       /* no two blocks share one of so many bytes; 0: not said */
    size_t object_bytes, object_align; /* of fixed-size allocators; 0 for general ones */
};

static void open_holder(struct holder *holder, struct mk_subject *subject, struct mk_thread *me, uint32_t slots) {
    memset(holder, 0, sizeof *holder);
    holder->check = subject->check;
    holder->subject = subject;
    holder->me = me;
    holder->slots = slots;
    holder->held = mk_need(slots, sizeof *holder->held);
    holder->tag = (uint64_t)me->id << 40;
}

/* At quiescence, as all figures are asked for. */
static void ask_line(struct holder *holder) {
    uint64_t line;
    if (mk_subject_stat(holder->subject, "line_bytes", &line)) holder->line = (size_t)line;
}

static void change_live(struct holder *holder, int64_t blocks, int64_t bytes) {
    holder->live += (uint64_t)blocks;
    holder->live_bytes += (uint64_t)bytes;
    if (holder->live_bytes > holder->peak_bytes) holder->peak_bytes = holder->live_bytes;
}

/* What nobody else may be given a byte of: whole lines, where no two blocks share one. */
static size_t place_bytes(const struct holder *holder, size_t bytes) {
    return holder->line ? (bytes + holder->line - 1) / holder->line * holder->line : bytes;
}

static void *block_of(const struct holder *holder, uint32_t slot) {
    return holder->me->blocks->slot[slot].at;
}

static size_t align_of(const struct held *held) {
    return held->align ? held->align : mk_block_align(held->bytes);
}

/* Rounded as an allocator may. */
static uint64_t rounded_bytes(size_t bytes, size_t align) {
    if (!align) align = mk_block_align(bytes);
    return (bytes + align - 1) & -(uint64_t)align;
}

/* Relaxed: it is to order nothing. */
static void meter_add(struct holder *holder, size_t bytes, size_t align) {
    struct meter *meter = holder->meter;
    if (!meter) return;
    uint64_t more = rounded_bytes(bytes, align);
    uint64_t now = atomic_fetch_add_explicit(&meter->live, more, memory_order_relaxed) + more;
    uint64_t peak = atomic_load_explicit(&meter->peak, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(&meter->peak, &peak, now, memory_order_relaxed,
                                                                memory_order_relaxed)) {
    }
}

static void meter_take_out(struct holder *holder, size_t bytes, size_t align) {
    if (!holder->meter || holder->meter->only_grows) return;
    atomic_fetch_sub_explicit(&holder->meter->live, rounded_bytes(bytes, align), memory_order_relaxed);
}

/* What is in the block must be what was put there, for its first `bytes` bytes. */
static void judge_contents(struct holder *holder, uint32_t slot, size_t bytes, const char *when) {
    const struct held *held = &holder->held[slot];
    size_t at = mk_pattern_differs(block_of(holder, slot), bytes, held->tag);
    if (at == SIZE_MAX) return;
    mk_found(holder->check, "byte %zu of a block of %zu bytes is not what was put there, %s", at, held->bytes,
             when);
}

/* A block that has just been given out: aligned, alone, inside of what the allocator itself has. */
static void judge_place(struct holder *holder, uint32_t slot) {
    const struct held *held = &holder->held[slot];
    struct mk_subject *subject = holder->subject;
    void *at = block_of(holder, slot);
    struct mk_err err;
    if ((uintptr_t)at % align_of(held)) {
        mk_found(holder->check, "a block of %zu bytes lies at %p, no multiple of %zu", held->bytes, at,
                 align_of(held));
    }
    if (holder->line && (uintptr_t)at % holder->line) {
        mk_found(holder->check, "a block of %zu bytes lies at %p, inside of a line of %zu bytes", held->bytes, at,
                 holder->line);
    }
    if (holder->shadow && mk_shadow_add(holder->shadow, at, place_bytes(holder, held->bytes), 1, &err)) {
        mk_found(holder->check, "%s", err.text);
    }
    /* one that asks for nothing goes to the system itself */
    if (subject->door.watched && mk_door_calls(&subject->door) &&
        !mk_shadow_covers(&subject->door.shadow, at, place_bytes(holder, held->bytes))) {
        mk_found(holder->check, "a block of %zu bytes%s lies outside of what the allocator took from its parent",
                 held->bytes, holder->line ? ", with the rest of its last line," : "");
    }
    if (subject->impl->footprint && subject->impl->footprint(subject->self, at, held->bytes) < held->bytes) {
        mk_found(holder->check, "a block of %zu bytes is said to take up %zu", held->bytes,
                 subject->impl->footprint(subject->self, at, held->bytes));
    }
}

static void forget_place(struct holder *holder, uint32_t slot) {
    struct mk_err err;
    if (holder->shadow &&
        mk_shadow_remove(holder->shadow, block_of(holder, slot), place_bytes(holder, holder->held[slot].bytes), 1,
                         &err)) {
        mk_found(holder->check, "%s", err.text);
    }
}

static void fill(struct holder *holder, uint32_t slot) {
    holder->held[slot].tag = ++holder->tag;
    mk_pattern_fill(block_of(holder, slot), holder->held[slot].bytes, holder->held[slot].tag);
}

static enum mk_status step(struct holder *holder, unsigned code, uint32_t slot, size_t bytes, size_t align) {
    struct mk_op op = {.code = code, .key = slot, .value = bytes, .align = align};
    return mk_subject_expect(holder->subject, holder->me, &op, &holder->held[slot].state);
}

/* A block into an empty slot. Returns whether there was memory. */
static bool take(struct holder *holder, uint32_t slot, bool zeroed, size_t bytes, size_t align) {
    struct held *held = &holder->held[slot];
    meter_add(holder, bytes, align);
    if (step(holder, zeroed ? MK_ALLOC_ZALLOC : MK_ALLOC_ALLOC, slot, bytes, align) != MK_HIT) {
        meter_take_out(holder, bytes, align);
        return false;
    }
    held->bytes = bytes;
    held->align = align;
    change_live(holder, 1, (int64_t)bytes);
    judge_place(holder, slot);
    if (mk_check_failed(holder->check)) return false; /* better not touched */
    size_t dirty = zeroed ? mk_pattern_not_zero(block_of(holder, slot), bytes) : SIZE_MAX;
    if (dirty != SIZE_MAX) {
        mk_found(holder->check, "byte %zu of a zeroed block of %zu bytes is not zero", dirty, bytes);
    }
    fill(holder, slot);
    return true;
}

static void drop(struct holder *holder, uint32_t slot) {
    struct held *held = &holder->held[slot];
    judge_contents(holder, slot, held->bytes, "when it is freed");
    forget_place(holder, slot);
    if (step(holder, MK_ALLOC_FREE, slot, held->bytes, held->align) != MK_HIT) return;
    change_live(holder, -1, -(int64_t)held->bytes);
    meter_take_out(holder, held->bytes, held->align);
}

static void resize(struct holder *holder, uint32_t slot, size_t bytes) {
    struct held *held = &holder->held[slot];
    size_t kept = bytes < held->bytes ? bytes : held->bytes;
    judge_contents(holder, slot, held->bytes, "before it is resized");
    forget_place(holder, slot);
    size_t old_bytes = held->bytes;
    meter_add(holder, bytes, held->align);
    bool resized = step(holder, MK_ALLOC_RESIZE, slot, bytes, held->align) == MK_HIT;
    if (resized) held->bytes = bytes;
    if (resized) change_live(holder, 0, (int64_t)bytes - (int64_t)old_bytes);
    meter_take_out(holder, resized ? old_bytes : bytes, held->align);
    judge_place(holder, slot);
    if (mk_check_failed(holder->check)) return;
    judge_contents(holder, slot, resized ? kept : old_bytes,
                   resized ? "after it was resized" : "after a resize was refused");
    if (resized) fill(holder, slot);
}

static void drop_all(struct holder *holder) {
    for (uint32_t slot = 0; slot < holder->slots && !mk_check_failed(holder->check); slot++) {
        if (holder->held[slot].state.live) drop(holder, slot);
    }
}

/* Ends a case: blocks that are still live are left to destroy where that can find them, else freed. */
static void close_holder(struct holder *holder) {
    bool finds = mk_door_calls(&holder->subject->door) && !(holder->subject->impl->caps & MK_WRAPPER);
    if (!finds) drop_all(holder);
    if (holder->shadow) mk_shadow_clear(holder->shadow);
    free(holder->held);
}

/* ---- what the allocator says of itself, at quiescence ---------------------------------------- */

/* What a walk comes to. */
struct tour {
    struct holder *holder;
    uint64_t blocks, bytes, strange;
};

static void visit_block(void *arg, uint64_t at, uint64_t bytes) {
    struct tour *tour = arg;
    tour->blocks++;
    tour->bytes += bytes;
    tour->strange += tour->holder->shadow && !mk_shadow_has(tour->holder->shadow, (void *)(uintptr_t)at);
}

static void expect_walk(struct holder *holder) {
    struct mk_subject *subject = holder->subject;
    struct tour tour = {.holder = holder};
    uint64_t lists;
    if (!subject->impl->walk) return;
    if (mk_subject_stat(subject, "lists_blocks", &lists) && !lists) return;
    subject->impl->walk(subject->self, visit_block, &tour);
    if (tour.blocks == holder->live && tour.bytes == holder->live_bytes && !tour.strange) return;
    mk_found(holder->check,
             "walk comes to %" PRIu64 " blocks of %" PRIu64 " bytes, %" PRIu64
             " of which are none; there are %" PRIu64 " of %" PRIu64 " bytes",
             tour.blocks, tour.bytes, tour.strange, holder->live, holder->live_bytes);
}

/* Off by no more than it says. What several threads held at once is known for the end alone. */
static void expect_peak(struct holder *holder) {
    uint64_t peak, error = 0, least = holder->alone ? holder->peak_bytes : holder->live_bytes;
    if (!mk_subject_stat(holder->subject, "peak_bytes", &peak)) return;
    mk_subject_stat(holder->subject, "peak_error_bytes", &error);
    if (peak + error >= least && (!holder->alone || peak <= holder->peak_bytes + error)) return;
    mk_found(holder->check,
             "says that %" PRIu64 " bytes were live at its peak, give or take %" PRIu64 ": there were %" PRIu64,
             peak, error, least);
}

/* Count, bytes, peak and list, as far as it has them. */
static void expect_books(struct holder *holder) {
    uint64_t bytes;
    if (mk_check_failed(holder->check)) return;
    mk_subject_expect_count(holder->subject, holder->live);
    if (mk_subject_stat(holder->subject, "live_bytes", &bytes) && bytes != holder->live_bytes) {
        mk_found(holder->check, "says that %" PRIu64 " bytes are live, not %" PRIu64, bytes, holder->live_bytes);
    }
    expect_peak(holder);
    expect_walk(holder);
}

/* ---- blocks at random ------------------------------------------------------------------------ */

/* Many small blocks, some large ones. */
static size_t random_bytes(struct mk_rng *rng, const struct holder *holder) {
    if (holder->object_bytes) return holder->object_bytes;
    uint64_t dice = mk_rng_below(rng, 1000);
    if (dice < 400) return 1 + mk_rng_below(rng, 16);
    unsigned bits = dice < 900 ? 11 : dice < 998 ? 16 : 20;
    return 1 + mk_rng_below(rng, (uint64_t)2 << mk_rng_below(rng, bits));
}

/* Natural for most, else any power of two up to 4096. */
static size_t random_align(struct mk_rng *rng, const struct holder *holder) {
    if (holder->object_bytes) return holder->object_align;
    return mk_rng_below(rng, 3) ? 0 : (size_t)1 << mk_rng_below(rng, 13);
}

static void random_op(struct holder *holder, struct mk_rng *rng) {
    uint32_t slot = (uint32_t)mk_rng_below(rng, holder->slots);
    uint64_t dice = mk_rng_below(rng, 8);
    if (!holder->held[slot].state.live) {
        take(holder, slot, dice == 0, random_bytes(rng, holder), random_align(rng, holder));
    } else if (dice < 2 && !holder->object_bytes) {
        resize(holder, slot, random_bytes(rng, holder));
    } else {
        drop(holder, slot);
    }
}

/* Sizes and alignments to try with fixed-size allocators; general ones take all of them at once (0). */
static const struct {
    size_t bytes, align;
} objects[] = {{1, 0},  {2, 0},   {3, 0},   {8, 0},    {16, 0},      {24, 8},     {40, 16},   {64, 64},
               {7, 64}, {100, 0}, {1, 128}, {1024, 0}, {4096, 4096}, {300, 4096}, {20000, 0}, {0, 0}};

static bool tries(const struct mk_check *check, size_t i) {
    return (objects[i].bytes != 0) == ((check->caps & MK_FIXED_SIZE) != 0);
}

static size_t object_align(size_t i) {
    return objects[i].align ? objects[i].align : objects[i].bytes ? mk_block_align(objects[i].bytes) : 0;
}

/* Opens the allocator for objects[i], thread 0, and what it holds. Returns 0, or -1. */
static int open_one(struct mk_subject *subject, struct holder *holder, struct mk_shadow *shadow,
                    struct mk_check *check, size_t i, struct mk_subject_config config) {
    memset(shadow, 0, sizeof *shadow);
    config.object_bytes = objects[i].bytes;
    config.object_align = object_align(i);
    config.watched = true;
    if (mk_subject_open(subject, check, &config)) return -1;
    struct mk_thread *me = mk_subject_enter(subject, 0);
    if (!me) {
        mk_subject_close(subject);
        return -1;
    }
    open_holder(holder, subject, me, config.slots);
    holder->shadow = shadow;
    holder->alone = true;
    ask_line(holder);
    holder->object_bytes = objects[i].bytes;
    holder->object_align = object_align(i);
    return 0;
}

static void close_one(struct mk_subject *subject, struct holder *holder) {
    mk_subject_flush(subject, holder->me);
    close_holder(holder);
    mk_subject_leave(subject, 0);
    mk_subject_close(subject);
}

/* Has `body` work on an allocator of each sort. */
static void each_configured(struct mk_check *check, struct mk_subject_config config,
                            void (*body)(struct holder *holder, struct mk_rng *rng)) {
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    for (size_t i = 0; i < sizeof objects / sizeof *objects && !mk_check_failed(check); i++) {
        struct mk_subject subject;
        struct mk_shadow shadow;
        struct holder holder;
        if (!tries(check, i) || open_one(&subject, &holder, &shadow, check, i, config)) continue;
        body(&holder, &rng);
        close_one(&subject, &holder);
    }
}

static void each_object(struct mk_check *check, uint32_t slots,
                        void (*body)(struct holder *holder, struct mk_rng *rng)) {
    each_configured(check, (struct mk_subject_config){.slots = slots}, body);
}

static void random_blocks(struct holder *holder, struct mk_rng *rng) {
    uint64_t ops = mk_check_ops(holder->check, holder->object_bytes ? 4000 : 20000);
    for (uint64_t op = 0; op < ops && !mk_check_failed(holder->check); op++) {
        random_op(holder, rng);
        if (op % 256 == 0) expect_books(holder);
        if (op % 2048 == 2047) drop_all(holder);
    }
    expect_books(holder);
}

static void run_blocks(struct mk_check *check) {
    each_object(check, 150, random_blocks);
}

/* Fills every slot. */
static void fill_all(struct holder *holder, struct mk_rng *rng) {
    for (uint32_t slot = 0; slot < holder->slots && !mk_check_failed(holder->check); slot++) {
        if (holder->held[slot].state.live) continue;
        take(holder, slot, slot % 7 == 0, random_bytes(rng, holder), random_align(rng, holder));
    }
}

/* Freed from the last to the first, the other way round, and in no order. */
static void in_orders(struct holder *holder, struct mk_rng *rng) {
    for (unsigned order = 0; order < 3 && !mk_check_failed(holder->check); order++) {
        fill_all(holder, rng);
        expect_books(holder);
        for (uint32_t k = 0; k < holder->slots && !mk_check_failed(holder->check); k++) {
            uint32_t slot = order == 0 ? holder->slots - 1 - k : k;
            if (order == 2) slot = (uint32_t)mk_rng_below(rng, holder->slots);
            if (holder->held[slot].state.live) drop(holder, slot);
        }
        expect_books(holder);
        drop_all(holder);
        mk_subject_flush(holder->subject, holder->me);
        mk_subject_expect_count(holder->subject, 0);
    }
}

/* Far more blocks than fit a chunk. */
static void run_orders(struct mk_check *check) {
    each_object(check, (uint32_t)mk_check_ops(check, 2000), in_orders);
}

static const char *unless_general(const struct mk_check *check) {
    return check->caps & MK_FIXED_SIZE ? "serves blocks of one size" : NULL;
}

static void take_crumbs(struct holder *holder, struct mk_rng *rng) {
    (void)rng;
    for (uint32_t slot = 0; slot < holder->slots && !mk_check_failed(holder->check); slot++) {
        take(holder, slot, false, 1, 0);
    }
}

/* Blocks of one byte fill what an allocator takes from its parent to the last one: none may lie behind it. */
static void run_crumbs(struct mk_check *check) {
    each_object(check, 70000, take_crumbs);
}

/* ---- memory given back ----------------------------------------------------------------------- */

static void reset(struct holder *holder) {
    step(holder, MK_ALLOC_RESET, 0, 0, 0);
    for (uint32_t slot = 0; slot < holder->slots; slot++) {
        holder->held[slot].state.live = false;
        holder->me->blocks->slot[slot].at = NULL;
    }
    holder->live = holder->live_bytes = 0;
    mk_shadow_clear(holder->shadow);
    mk_subject_expect_count(holder->subject, 0);
}

static const char *unless_resets(const struct mk_check *check) {
    return check->impl->reset ? NULL : "has no reset";
}

static void build_and_reset(struct holder *holder, struct mk_rng *rng) {
    struct mk_check *check = holder->check;
    int64_t held = 0;
    for (unsigned time = 0; time < 8 && !mk_check_failed(check); time++) {
        mk_rng_seed(rng, check->seed); /* the same blocks again */
        fill_all(holder, rng);
        mk_subject_expect_count(holder->subject, holder->live);
        int64_t now = mk_door_bytes(&holder->subject->door);
        if (time == 2) held = now;
        if (time > 2 && now > 2 * held) {
            mk_found(check, "took %" PRId64 " bytes to build what it built from %" PRId64 " some resets before",
                     now, held);
        }
        if (!mk_check_failed(check)) reset(holder);
    }
}

static void run_reset(struct mk_check *check) {
    each_object(check, 300, build_and_reset);
}

static void open_scope(struct holder *holder, uint32_t scope, uint32_t first) {
    step(holder, MK_ALLOC_MARK, first, scope, 0);
}

/* Closes a scope whose blocks are in slots from `first` to before `end`. */
static void close_scope(struct holder *holder, uint32_t scope, uint32_t first, uint32_t end) {
    for (uint32_t slot = first; slot < end; slot++) {
        struct held *held = &holder->held[slot];
        if (!held->state.live) continue;
        judge_contents(holder, slot, held->bytes, "when its scope is closed");
        forget_place(holder, slot);
        change_live(holder, -1, -(int64_t)held->bytes);
        held->state.live = false;
        holder->me->blocks->slot[slot].at = NULL;
    }
    step(holder, MK_ALLOC_REWIND, first, MK_SCOPE_END(end, scope), 0);
}

/* Opens and closes scopes at random, all of them inside of one. Within the innermost, blocks are freed and resized. */
static void nest(struct holder *holder, struct mk_rng *rng, uint64_t ops) {
    uint32_t first[MK_SCOPES] = {0}, scopes = 1, next = 0;
    open_scope(holder, 0, 0);
    for (; ops && !mk_check_failed(holder->check); ops--) {
        uint64_t chance = mk_rng_below(rng, 24);
        uint32_t inner = next - first[scopes - 1], any = first[scopes - 1] + (uint32_t)mk_rng_below(rng, inner + 1);
        if ((chance == 0 || next == holder->slots) && scopes > 1) {
            scopes--;
            close_scope(holder, scopes, first[scopes], next);
            next = first[scopes];
        } else if (chance <= 2 && scopes < MK_SCOPES && next < holder->slots) {
            first[scopes] = next;
            open_scope(holder, scopes++, next);
        } else if (chance <= 5 && any < next && holder->held[any].state.live) {
            if (chance == 3) drop(holder, any);
            if (chance != 3) resize(holder, any, random_bytes(rng, holder));
        } else if (next < holder->slots) {
            take(holder, next++, chance == 6, random_bytes(rng, holder), random_align(rng, holder));
        }
    }
    if (!mk_check_failed(holder->check)) close_scope(holder, 0, 0, next);
}

static const char *unless_rewinds(const struct mk_check *check) {
    return check->caps & MK_REWINDS ? NULL : "has no marks";
}

/* Beside blocks that stay. */
static void nest_again(struct holder *holder, struct mk_rng *rng) {
    struct mk_check *check = holder->check;
    int64_t held = 0;
    for (unsigned time = 0; time < 8 && !mk_check_failed(check); time++) {
        mk_rng_seed(rng, check->seed); /* the same course again */
        nest(holder, rng, mk_check_ops(check, 3000));
        mk_subject_expect_count(holder->subject, holder->live);
        int64_t now = mk_door_bytes(&holder->subject->door);
        if (time == 2) held = now;
        if (time > 2 && now > 2 * held) {
            mk_found(check, "holds %" PRId64 " bytes after scopes that left %" PRId64 " some times before", now, held);
        }
    }
}

static void run_scopes(struct mk_check *check) {
    each_object(check, 300, nest_again);
}

/* The same number of blocks live all the time: freed ones must be used again. */
static void keep_live(struct holder *holder, struct mk_rng *rng) {
    struct mk_check *check = holder->check;
    uint64_t peak_bytes = 0;
    fill_all(holder, rng);
    for (uint64_t ops = mk_check_ops(check, 10000); ops && !mk_check_failed(check); ops--) {
        uint32_t slot = (uint32_t)mk_rng_below(rng, holder->slots);
        if (holder->held[slot].state.live) drop(holder, slot);
        take(holder, slot, false, random_bytes(rng, holder), random_align(rng, holder));
        if (holder->shadow->bytes > peak_bytes) peak_bytes = holder->shadow->bytes;
    }
    int64_t limit = (int64_t)(4 * (peak_bytes + holder->slots * holder->object_align) + 131072);
    int64_t now = mk_door_bytes(&holder->subject->door);
    if (now > limit && !mk_check_failed(check)) {
        mk_found(check, "holds %" PRId64 " bytes although blocks of no more than %" PRIu64 " bytes were ever live",
                 now, peak_bytes);
    }
}

static void run_reuse(struct mk_check *check) {
    each_object(check, 256, keep_live);
}

/* ---- frees that must be refused -------------------------------------------------------------- */

static void expect_refused(struct holder *holder, void *at, const char *what) {
    struct mk_op op = {.code = MK_ALLOC_FREE, .key = 0, .align = holder->object_align};
    holder->me->blocks->slot[0] = (struct mk_block){at, holder->object_bytes ? holder->object_bytes : 16};
    if (mk_subject_do(holder->subject, holder->me, &op).status != MK_REFUSED) {
        mk_found(holder->check, "accepts to free %s", what);
    }
    holder->me->blocks->slot[0].at = NULL;
    mk_subject_expect_count(holder->subject, holder->live);
}

/* Slot 0 is kept empty for what is to be refused; `other` holds blocks of another instance. */
static void refusals(struct holder *holder, struct holder *other, struct mk_rng *rng) {
    static unsigned char elsewhere[64];
    unsigned char here[64];
    fill_all(holder, rng);
    drop(holder, 0);
    fill_all(other, rng);
    void *first = block_of(holder, 1), *second = block_of(holder, 2);
    drop(holder, 1);
    expect_refused(holder, first, "the block that was freed last");
    drop(holder, 2);
    expect_refused(holder, first, "a block that was freed before another one");
    expect_refused(holder, second, "the block that was freed last, again");
    expect_refused(holder, here, "an address on the stack");
    expect_refused(holder, elsewhere, "an address of static memory");
    if (holder->object_bytes > 1) {
        expect_refused(holder, (unsigned char *)block_of(holder, 3) + 1, "an address inside a live block");
        expect_refused(holder, (unsigned char *)block_of(holder, 3) + holder->object_bytes - 1,
                       "the end of a live block");
    }
    expect_refused(holder, block_of(other, 3), "a block of another instance");
    void *last = block_of(holder, holder->slots - 1);
    drop_all(holder);
    expect_refused(holder, last, "a block that was freed with all others");
    if (holder->subject->impl->reset && !mk_check_failed(holder->check)) {
        fill_all(holder, rng);
        drop(holder, 0);
        last = block_of(holder, 1);
        reset(holder);
        expect_refused(holder, last, "a block that a reset has freed");
    }
    /* and nothing has come of it */
    fill_all(holder, rng);
}

static void run_refusals(struct mk_check *check) {
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    for (size_t i = 0; i < sizeof objects / sizeof *objects && !mk_check_failed(check); i++) {
        struct mk_subject_config config = {.slots = 60};
        struct mk_subject subject, other_subject;
        struct mk_shadow shadow, other_shadow;
        struct holder holder, other;
        if (!tries(check, i) || open_one(&subject, &holder, &shadow, check, i, config)) continue;
        if (open_one(&other_subject, &other, &other_shadow, check, i, config) == 0) {
            refusals(&holder, &other, &rng);
            close_one(&other_subject, &other);
        }
        close_one(&subject, &holder);
    }
}

/* ---- stray writes ---------------------------------------------------------------------------- */

static uint64_t figure_of(struct holder *holder, const char *name) {
    uint64_t value = 0;
    if (!mk_subject_stat(holder->subject, name, &value)) mk_found(holder->check, "does not report %s", name);
    return value;
}

/* One byte, `offset` from the start of a block: which cannot be freed any more, and nobody is given its memory. */
static void write_astray(struct holder *holder, uint32_t slot, int64_t offset, const char *where) {
    struct held *held = &holder->held[slot];
    struct mk_op op = {.code = MK_ALLOC_FREE, .key = slot, .align = held->align};
    uint64_t before = figure_of(holder, "damaged");
    if (!held->state.live) return;
    ((volatile unsigned char *)block_of(holder, slot))[offset] ^= 0x10;
    enum mk_status status = mk_subject_do(holder->subject, holder->me, &op).status;
    if (status != MK_REFUSED || figure_of(holder, "damaged") != before + 1) {
        mk_found(holder->check, "a byte written %s a block of %zu bytes is not noticed when it is freed", where,
                 held->bytes);
    }
    forget_place(holder, slot);
    holder->me->blocks->slot[slot].at = NULL;
    held->state.live = false;
    change_live(holder, -1, -(int64_t)held->bytes);
}

/* While it is kept back; AddressSanitizer does not let us. */
static void write_late(struct holder *holder, uint32_t slot) {
#ifdef MK_ASAN
    (void)holder, (void)slot;
#else
    uint64_t before = figure_of(holder, "written_after_free"), kept;
    volatile unsigned char *at = block_of(holder, slot);
    size_t last = holder->held[slot].bytes - 1;
    if (!holder->held[slot].state.live) return;
    drop(holder, slot);
    if (mk_subject_stat(holder->subject, "quarantine_bytes", &kept) && !kept) return;
    at[last] ^= 0x10;
    mk_subject_flush(holder->subject, holder->me);
    if (figure_of(holder, "written_after_free") == before + 1) return;
    mk_found(holder->check, "a byte written into a block after it was freed is not noticed");
#endif
}

static void write_around(struct holder *holder, struct mk_rng *rng) {
    for (uint32_t slot = 0; slot + 4 < holder->slots && !mk_check_failed(holder->check); slot += 5) {
        for (uint32_t i = slot; i < slot + 5; i++) {
            size_t bytes = holder->object_bytes ? holder->object_bytes : 1 + mk_rng_below(rng, 300);
            take(holder, i, false, bytes, holder->object_bytes ? holder->object_align : 0);
        }
        write_astray(holder, slot, -1, "before");
        write_astray(holder, slot + 1, (int64_t)holder->held[slot + 1].bytes, "behind");
        write_astray(holder, slot + 2, (int64_t)holder->held[slot + 2].bytes + 7, "7 bytes behind");
        write_late(holder, slot + 3);
        expect_books(holder);
    }
    drop_all(holder);
    expect_books(holder);
}

static void run_strays(struct mk_check *check) {
    each_object(check, 50, write_around);
}

/* ---- constructed state ----------------------------------------------------------------------- */

/* How often a constructor was called. Cases of one thread. */
static uint64_t constructions;

static void construct_counted(void *at, size_t bytes) {
    constructions++;
    mk_object_construct(at, bytes);
}

/* Whole, as the constructor leaves it; then it is used. */
static void take_object(struct holder *holder, uint32_t slot) {
    struct held *held = &holder->held[slot];
    if (step(holder, MK_ALLOC_OBJECT, slot, holder->object_bytes, holder->object_align) != MK_HIT) return;
    held->bytes = holder->object_bytes;
    held->align = holder->object_align;
    change_live(holder, 1, (int64_t)held->bytes);
    judge_place(holder, slot);
    if (mk_check_failed(holder->check)) return;
    size_t at = mk_object_differs(block_of(holder, slot), held->bytes);
    if (at != SIZE_MAX) {
        mk_found(holder->check, "byte %zu of a block of %zu bytes is not as it was constructed", at, held->bytes);
    }
    fill(holder, slot);
}

/* Used until now, and given back as it was constructed. */
static void drop_object(struct holder *holder, uint32_t slot) {
    judge_contents(holder, slot, holder->held[slot].bytes, "when it is constructed again");
    mk_object_construct(block_of(holder, slot), holder->held[slot].bytes);
    forget_place(holder, slot);
    if (step(holder, MK_ALLOC_FREE, slot, 0, holder->held[slot].align) != MK_HIT) return;
    change_live(holder, -1, -(int64_t)holder->held[slot].bytes);
}

static void turn_objects(struct holder *holder, struct mk_rng *rng, uint64_t ops) {
    for (; ops && !mk_check_failed(holder->check); ops--) {
        uint32_t slot = (uint32_t)mk_rng_below(rng, holder->slots);
        if (holder->held[slot].state.live) {
            drop_object(holder, slot);
        } else {
            take_object(holder, slot);
        }
    }
}

static void drop_objects(struct holder *holder) {
    for (uint32_t slot = 0; slot < holder->slots && !mk_check_failed(holder->check); slot++) {
        if (holder->held[slot].state.live) drop_object(holder, slot);
    }
}

/* One block, again and again; the first time, others beside it may be constructed as well. */
static void turn_one(struct holder *holder) {
    uint64_t before = 0, times = 1000;
    for (uint64_t i = 0; i < times && !mk_check_failed(holder->check); i++) {
        take_object(holder, 0);
        if (!mk_check_failed(holder->check)) drop_object(holder, 0);
        if (i == 0) before = constructions;
    }
    if (constructions - before < times / 2 || mk_check_failed(holder->check)) return;
    mk_found(holder->check, "constructs %" PRIu64 " times while one block is allocated and freed %" PRIu64 " times",
             constructions - before, times);
}

/* A batch uses each object, and says of one that is not constructed that it has failed. */
static void batch_objects(struct holder *holder, struct mk_rng *rng) {
    struct mk_tally tally = {{0}, 0, 0};
    uint64_t words[512], n = sizeof words / sizeof *words, made = 0;
    for (uint64_t i = 0; i < n; i += 2) {
        uint32_t slot = (uint32_t)mk_rng_below(rng, holder->slots);
        words[i] = MK_PACK_BLOCK(MK_ALLOC_FREE, slot, 0);
        words[i + 1] = MK_PACK_BLOCK(MK_ALLOC_OBJECT, slot, holder->object_bytes);
        made++;
    }
    holder->subject->impl->batch(holder->subject->self, holder->me, words, n, &tally);
    if (tally.failed || tally.hits[MK_ALLOC_OBJECT] != made) {
        mk_found(holder->check, "of %" PRIu64 " objects in a batch %" PRIu64 " failed", made, tally.failed);
    }
    for (uint32_t slot = 0; slot < holder->slots; slot++) {
        uint64_t word = MK_PACK_BLOCK(MK_ALLOC_FREE, slot, 0);
        holder->subject->impl->batch(holder->subject->self, holder->me, &word, 1, &tally);
    }
    mk_subject_expect_count(holder->subject, 0);
}

/* What was live when all were dropped at once is in any state. */
static void use_objects(struct holder *holder, struct mk_rng *rng) {
    for (unsigned round = 0; round < 4 && !mk_check_failed(holder->check); round++) {
        turn_objects(holder, rng, mk_check_ops(holder->check, 1500));
        drop_objects(holder);
        if (round & 1) mk_subject_flush(holder->subject, holder->me);
        turn_one(holder);
        turn_objects(holder, rng, mk_check_ops(holder->check, 500));
        if (round >= 2 && holder->subject->impl->reset && !mk_check_failed(holder->check)) reset(holder);
    }
    drop_objects(holder);
    expect_books(holder);
    /* a batch asks for natural alignments */
    bool natural = holder->object_align == mk_block_align(holder->object_bytes);
    if (natural && !mk_check_failed(holder->check)) batch_objects(holder, rng);
}

static void run_constructed(struct mk_check *check) {
    each_configured(check, (struct mk_subject_config){.slots = 150, .construct = construct_counted}, use_objects);
}

/* ---- memory that is refused ------------------------------------------------------------------ */

/* A little of everything. Blocks that could not be had are left out. */
static void refused_script(struct holder *holder, struct mk_rng *rng) {
    fill_all(holder, rng);
    for (uint32_t slot = 0; slot < holder->slots && !mk_check_failed(holder->check); slot += 2) {
        if (!holder->held[slot].state.live) continue;
        if (slot % 4 || holder->object_bytes) {
            drop(holder, slot);
        } else {
            resize(holder, slot, random_bytes(rng, holder));
        }
    }
    fill_all(holder, rng);
    expect_books(holder);
    if (holder->subject->impl->reset && !mk_check_failed(holder->check)) {
        reset(holder);
        if (holder->subject->impl->caps & MK_REWINDS) nest(holder, rng, 100);
        fill_all(holder, rng);
    }
    drop_all(holder);
}

static bool refuse(struct mk_check *check, size_t i, uint64_t from, uint64_t to) {
    struct mk_subject_config config = {.slots = 50, .refuse_from = from, .refuse_to = to};
    struct mk_subject subject;
    struct mk_shadow shadow;
    struct holder holder;
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    if (open_one(&subject, &holder, &shadow, check, i, config)) return !mk_check_failed(check);
    refused_script(&holder, &rng);
    bool reached = mk_door_calls(&subject.door) >= from;
    subject.door.refuse_to = 0;
    if (!mk_check_failed(check)) refused_script(&holder, &rng);
    close_one(&subject, &holder);
    return reached;
}

static void run_no_memory(struct mk_check *check) {
    uint64_t stride = 1 + 20 / check->effort_percent; /* every single one, unless in a great hurry */
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        if (!tries(check, i)) continue;
        for (uint64_t n = 1; !mk_check_failed(check) && refuse(check, i, n, n); n += stride) continue;
        for (uint64_t n = 1; !mk_check_failed(check) && refuse(check, i, n, n + n % 20); n += 7 * stride) continue;
    }
}

/* ---- batch and step -------------------------------------------------------------------------- */

#define TWIN_SLOTS 64
#define TWIN_WORDS 900 /* fewer than fit a ring, since a full one is waited for */

/* One allocator worked by batch, another by step, and what the blocks of the second hold. */
struct twins {
    struct mk_subject batch, step;
    struct mk_ring *ring; /* of the first: what it gives, it takes */
    struct mk_block given[TWIN_WORDS];
    unsigned given_from, given_to;
    uint64_t word[4 * TWIN_WORDS];
    unsigned words;
    size_t object_bytes;
};

static bool twin_do(struct twins *twins, unsigned code, uint32_t slot, size_t bytes) {
    struct mk_op op = {.code = code, .key = slot, .value = bytes};
    return mk_subject_do(&twins->step, &twins->step.me[0], &op).status == MK_HIT;
}

/* Works one word by step, as a batch would. */
static void step_word(struct twins *twins, uint64_t word, struct mk_tally *tally) {
    unsigned code = MK_CODE(word);
    uint32_t slot = MK_SLOT(word);
    struct mk_block *block = &twins->step.blocks[0].slot[slot];
    bool was = block->at != NULL, done = false;
    uint64_t first = was ? mk_block_read(block->at) : 0;
    switch (code) {
    case MK_ALLOC_ALLOC:
    case MK_ALLOC_ZALLOC:
        done = twin_do(twins, code, slot, MK_BYTES(word));
        if (done && code == MK_ALLOC_ZALLOC) tally->sum += mk_block_read(block->at);
        if (done) mk_block_touch(block->at, word);
        tally->failed += !done;
        break;
    case MK_ALLOC_FREE:
    case MK_ALLOC_RESIZE:
        if (!was) break;
        done = twin_do(twins, code, slot, MK_BYTES(word));
        tally->sum += first;
        tally->failed += !done;
        break;
    case MK_ALLOC_GIVE:
        if (!was) break;
        twins->given[twins->given_to++] = *block;
        block->at = NULL;
        done = true;
        break;
    case MK_ALLOC_TAKE:
        done = !was && twins->given_from < twins->given_to;
        if (done) *block = twins->given[twins->given_from++];
        break;
    case MK_ALLOC_MARK:
        twin_do(twins, code, slot, MK_BYTES(word));
        done = true; /* where it is not offered, too */
        break;
    case MK_ALLOC_WRITE:
        if (was) mk_block_touch(block->at, first + 1);
        done = was;
        break;
    default: break;
    }
    tally->hits[code] += done;
}

/* All slots at once where that is offered, else one by one. */
static void step_reset(struct twins *twins, struct mk_tally *tally) {
    struct mk_block *slot = twins->step.blocks[0].slot;
    for (uint32_t s = 0; s < TWIN_SLOTS; s++) {
        if (!twins->step.impl->reset && slot[s].at) twin_do(twins, MK_ALLOC_FREE, s, 0);
        slot[s].at = NULL;
    }
    if (twins->step.impl->reset) twin_do(twins, MK_ALLOC_RESET, 0, 0);
    tally->hits[MK_ALLOC_RESET]++;
}

/* What a scope holds, at once where that is offered, else from the last to the first. */
static void step_rewind(struct twins *twins, uint64_t word, struct mk_tally *tally) {
    struct mk_block *slot = twins->step.blocks[0].slot;
    bool rewinds = twins->step.impl->caps & MK_REWINDS;
    for (uint32_t s = MK_BYTES(word) >> MK_SCOPE_BITS; s-- > MK_SLOT(word);) {
        if (!rewinds && slot[s].at) twin_do(twins, MK_ALLOC_FREE, s, 0);
        slot[s].at = NULL;
    }
    if (rewinds) twin_do(twins, MK_ALLOC_REWIND, MK_SLOT(word), MK_BYTES(word));
    tally->hits[MK_ALLOC_REWIND]++;
}

static void add_word(struct twins *twins, unsigned code, uint32_t slot, size_t bytes, struct mk_tally *tally) {
    uint64_t word = MK_PACK_BLOCK(code, slot, bytes);
    twins->word[twins->words++] = word;
    step_word(twins, word, tally);
}

/* A scope with blocks and another one in it, each in a third of the slots. */
static void script_scopes(struct twins *twins, const struct holder *sizes, struct mk_rng *rng, struct mk_tally *tally) {
    const uint32_t third = TWIN_SLOTS / 3;
    for (uint32_t scope = 0; scope < 2; scope++) {
        add_word(twins, MK_ALLOC_MARK, scope * third, scope, tally);
        for (uint32_t i = 0; i < third; i++) {
            add_word(twins, MK_ALLOC_ALLOC, scope * third + i, random_bytes(rng, sizes), tally);
        }
    }
    for (uint32_t scope = 2; scope-- > 0;) {
        uint32_t end = (scope + 1) * third;
        uint64_t word = MK_PACK_BLOCK(MK_ALLOC_REWIND, scope * third, MK_SCOPE_END(end, scope));
        twins->word[twins->words++] = word;
        step_rewind(twins, word, tally);
    }
}

/* Random words; then what empties all slots and the ring; then blocks that are dropped all at once, and in scopes. */
static void script_twins(struct twins *twins, struct mk_rng *rng, struct mk_tally *tally) {
    struct holder sizes = {.object_bytes = twins->object_bytes};
    while (twins->words < TWIN_WORDS) {
        uint32_t slot = (uint32_t)mk_rng_below(rng, TWIN_SLOTS);
        unsigned code = (unsigned)mk_rng_below(rng, MK_ALLOC_RESET + 1);
        if (code == MK_ALLOC_RESET) code = MK_ALLOC_WRITE; /* dropping all comes at the end */
        bool was = twins->step.blocks[0].slot[slot].at != NULL;
        if (code == MK_ALLOC_RESIZE && twins->object_bytes) continue;
        if (was && (code == MK_ALLOC_ALLOC || code == MK_ALLOC_ZALLOC)) continue;
        add_word(twins, code, slot, random_bytes(rng, &sizes), tally);
    }
    for (uint32_t slot = 0; slot < TWIN_SLOTS; slot++) add_word(twins, MK_ALLOC_FREE, slot, 0, tally);
    while (twins->given_from < twins->given_to) {
        add_word(twins, MK_ALLOC_TAKE, 0, 0, tally);
        add_word(twins, MK_ALLOC_FREE, 0, 0, tally);
    }
    for (uint32_t slot = 0; slot < TWIN_SLOTS; slot++) {
        add_word(twins, MK_ALLOC_ALLOC, slot, random_bytes(rng, &sizes), tally);
    }
    twins->word[twins->words++] = MK_PACK_BLOCK(MK_ALLOC_RESET, TWIN_SLOTS, 0);
    step_reset(twins, tally);
    script_scopes(twins, &sizes, rng, tally);
}

static void compare_twins(struct twins *twins, struct mk_rng *rng) {
    struct mk_check *check = twins->batch.check;
    struct mk_tally by_step = {{0}, 0, 0}, by_batch = {{0}, 0, 0};
    script_twins(twins, rng, &by_step);
    check->impl->batch(twins->batch.self, &twins->batch.me[0], twins->word, twins->words, &by_batch);
    for (unsigned code = 0; code <= MK_ALLOC_WRITE; code++) {
        if (by_batch.hits[code] == by_step.hits[code]) continue;
        mk_found(check, "%s hits %" PRIu64 " times by batch, %" PRIu64 " times by step", mk_check_op(check, code),
                 by_batch.hits[code], by_step.hits[code]);
    }
    if (by_batch.failed != by_step.failed || by_batch.sum != by_step.sum) {
        mk_found(check,
                 "batch fails %" PRIu64 " times and reads bytes that add up to %" PRIu64 ", step %" PRIu64
                 " and %" PRIu64,
                 by_batch.failed, by_batch.sum, by_step.failed, by_step.sum);
    }
    mk_subject_expect_count(&twins->batch, 0);
    mk_subject_expect_count(&twins->step, 0);
}

static void twins_of(struct mk_check *check, size_t i, struct mk_rng *rng) {
    struct mk_subject_config config = {.slots = TWIN_SLOTS, .watched = true};
    struct twins *twins = mk_need(1, sizeof *twins);
    twins->object_bytes = config.object_bytes = objects[i].bytes;
    config.object_align = object_align(i);
    if (mk_subject_open(&twins->batch, check, &config) == 0) {
        if (mk_subject_open(&twins->step, check, &config) == 0) {
            twins->ring = aligned_alloc(MK_CACHE_LINE, sizeof *twins->ring);
            if (!twins->ring) abort();
            memset(twins->ring, 0, sizeof *twins->ring);
            twins->batch.blocks[0].give = twins->batch.blocks[0].take = twins->ring;
            bool batch_in = mk_subject_enter(&twins->batch, 0), step_in = mk_subject_enter(&twins->step, 0);
            if (batch_in && step_in) compare_twins(twins, rng);
            if (batch_in) mk_subject_leave(&twins->batch, 0);
            if (step_in) mk_subject_leave(&twins->step, 0);
            free(twins->ring);
            mk_subject_close(&twins->step);
        }
        mk_subject_close(&twins->batch);
    }
    free(twins);
}

static void run_batch(struct mk_check *check) {
    struct mk_rng rng;
    mk_rng_seed(&rng, check->seed);
    for (size_t i = 0; i < sizeof objects / sizeof *objects && !mk_check_failed(check); i++) {
        /* a batch asks for natural alignments */
        if (tries(check, i) && !objects[i].align) twins_of(check, i, &rng);
    }
}

/* ---- several threads ------------------------------------------------------------------------- */

/* A block on its way from one holder to another. */
struct parcel {
    void *at;
    struct held held;
};

static struct parcel hand_out(struct holder *holder, uint32_t slot) {
    struct parcel parcel = {block_of(holder, slot), holder->held[slot]};
    holder->held[slot].state.live = false;
    holder->me->blocks->slot[slot].at = NULL;
    change_live(holder, -1, -(int64_t)parcel.held.bytes);
    return parcel;
}

/* Takes it into an empty slot. */
static void hand_in(struct holder *holder, uint32_t slot, const struct parcel *parcel) {
    holder->held[slot] = parcel->held;
    holder->me->blocks->slot[slot] = (struct mk_block){parcel->at, parcel->held.bytes};
    change_live(holder, 1, (int64_t)parcel->held.bytes);
}

/* From one thread to the next one: full is set by the giver, cleared by the taker. */
struct letterbox {
    _Atomic(uint32_t) full;
    struct parcel parcel;
};

#define CROWD_SLOTS 100
#define CROWD_SLOTS_MEASURED 16 /* few are live at once, so that what is kept beyond them shows soon */
#define CROWD_BOXES 16

struct crowd {
    uint64_t ops;
    bool hands_over; /* blocks from thread to thread */
    bool leaves;     /* what it holds in the end to who comes later, rather than freeing it */
    struct meter *meter; /* NULL: not measured */
    uint32_t threads;
    size_t object_bytes, object_align;
    struct letterbox *box; /* CROWD_BOXES of each thread's, which the thread before it fills */
    struct parcel *left;   /* CROWD_SLOTS of each thread's: what it still held when it left */
    uint64_t *left_n;
};

static void give(struct holder *holder, struct mk_rng *rng, struct letterbox *box) {
    uint32_t slot = (uint32_t)mk_rng_below(rng, holder->slots);
    /* (1) acquire-load synchronizes-with the release-store (4): the parcel has been read */
    if (!holder->held[slot].state.live || atomic_load_explicit(&box->full, memory_order_acquire)) return;
    box->parcel = hand_out(holder, slot);
    /* (2) release-store synchronizes-with the acquire-load (3): the parcel and what is in the block */
    atomic_store_explicit(&box->full, 1, memory_order_release);
}

static void fetch(struct holder *holder, struct mk_rng *rng, struct letterbox *box) {
    uint32_t slot = (uint32_t)mk_rng_below(rng, holder->slots);
    /* (3) acquire-load synchronizes-with the release-store (2): the parcel and what is in the block */
    if (holder->held[slot].state.live || !atomic_load_explicit(&box->full, memory_order_acquire)) return;
    hand_in(holder, slot, &box->parcel);
    /* (4) release-store synchronizes-with the acquire-load (1): hands the box back */
    atomic_store_explicit(&box->full, 0, memory_order_release);
    if (mk_rng_below(rng, 4)) drop(holder, slot);
}

static void crowd_body(struct mk_worker *worker) {
    struct crowd *crowd = worker->arg;
    struct letterbox *mine = crowd->box + worker->index * CROWD_BOXES;
    struct letterbox *next = crowd->box + (worker->index + 1) % worker->n * CROWD_BOXES;
    struct holder holder;
    open_holder(&holder, worker->subject, worker->me, crowd->meter ? CROWD_SLOTS_MEASURED : CROWD_SLOTS);
    holder.tag = mk_rng_next(&worker->rng); /* no block of an earlier thread looks like one of ours */
    holder.meter = crowd->meter;
    holder.object_bytes = crowd->object_bytes;
    holder.object_align = crowd->object_align;
    for (uint64_t op = 0; op < crowd->ops && !mk_check_failed(worker->check); op++) {
        random_op(&holder, &worker->rng);
        mk_worker_pace(worker);
        if (!crowd->hands_over) continue;
        give(&holder, &worker->rng, &next[mk_rng_below(&worker->rng, CROWD_BOXES)]);
        fetch(&holder, &worker->rng, &mine[mk_rng_below(&worker->rng, CROWD_BOXES)]);
    }
    if (!crowd->leaves) drop_all(&holder);
    for (uint32_t slot = 0; slot < holder.slots && !mk_check_failed(worker->check); slot++) {
        if (!holder.held[slot].state.live) continue;
        crowd->left[worker->index * CROWD_SLOTS + crowd->left_n[worker->index]++] = hand_out(&holder, slot);
    }
    free(holder.held);
}

/* One parcel at quiescence: entered into the map, or, once all are, freed. */
static void collect(struct holder *holder, const struct parcel *parcel, bool enter) {
    struct mk_err err;
    if (mk_check_failed(holder->check)) return;
    if (enter) {
        change_live(holder, 1, (int64_t)parcel->held.bytes);
        if (mk_shadow_add(holder->shadow, parcel->at, place_bytes(holder, parcel->held.bytes), 1, &err)) {
            mk_found(holder->check, "%s", err.text);
        }
        return;
    }
    change_live(holder, -1, -(int64_t)parcel->held.bytes);
    hand_in(holder, 0, parcel);
    drop(holder, 0);
}

/* Everything that the threads have left: alone in its place, as many as the allocator counts, and all of it can
 * be freed by another thread. */
static void collect_all(struct mk_subject *subject, struct crowd *crowd, uint32_t id) {
    struct mk_thread *me = mk_subject_enter(subject, id);
    struct mk_shadow shadow = {0};
    struct holder holder;
    if (!me) return;
    open_holder(&holder, subject, me, CROWD_SLOTS);
    holder.shadow = &shadow;
    ask_line(&holder);
    for (int enter = 1; enter >= 0; enter--) {
        for (uint32_t t = 0; t < crowd->threads; t++) {
            for (uint64_t i = 0; i < crowd->left_n[t]; i++) {
                collect(&holder, &crowd->left[t * CROWD_SLOTS + i], enter);
            }
            for (uint64_t i = 0; i < CROWD_BOXES; i++) {
                struct letterbox *box = &crowd->box[t * CROWD_BOXES + i];
                if (atomic_load_explicit(&box->full, memory_order_relaxed)) collect(&holder, &box->parcel, enter);
                if (!enter) atomic_store_explicit(&box->full, 0, memory_order_relaxed);
            }
            if (!enter) crowd->left_n[t] = 0;
        }
        expect_books(&holder);
    }
    mk_subject_flush(subject, me);
    mk_shadow_clear(&shadow);
    free(holder.held);
    mk_subject_leave(subject, id);
}

/* What was taken from the parent, the most there ever was, in relation to what was live. Fourfold: rounding to size
 * classes doubles at most, and growing by doubling leaves half of it empty. Each thread may keep stocks, of each of
 * many classes where blocks are of any size; and the smallest thing to take from a parent is a slab or chunk.
 * Allocators that only free all at once have to be compared with all that was asked for. */
static void judge_footprint(struct mk_subject *subject, const struct meter *meter, uint32_t threads) {
    uint64_t live = atomic_load_explicit(&meter->peak, memory_order_relaxed);
    uint64_t stock = subject->check->caps & MK_FIXED_SIZE ? 256 << 10 : 768 << 10;
    uint64_t limit = 4 * live + (threads + 1) * stock;
    uint64_t taken = (uint64_t)mk_door_peak_bytes(&subject->door);
    if (taken <= limit || mk_check_failed(subject->check)) return;
    mk_found(subject->check, "took %" PRIu64 " bytes from its parent for %s of %" PRIu64 " bytes, by %u threads",
             taken, meter->only_grows ? "blocks" : "live blocks", live, threads);
}

/* A peak that is told is no higher than what was ever live: the meter has each block from before to after. */
static void judge_peak(struct mk_subject *subject, const struct meter *meter) {
    uint64_t live = atomic_load_explicit(&meter->peak, memory_order_relaxed), peak, error = 0;
    if (mk_check_failed(subject->check) || !mk_subject_stat(subject, "peak_bytes", &peak)) return;
    mk_subject_stat(subject, "peak_error_bytes", &error);
    if (peak <= live + error) return;
    mk_found(subject->check,
             "says that %" PRIu64 " bytes were live at its peak, give or take %" PRIu64 ": at most than %" PRIu64,
             peak, error, live);
}

/* Threads work at once, `times` times, each time new ones that free what those before have left; where one thread
 * alone may, that one. */
static void crowd_of(struct mk_check *check, uint64_t ops, uint64_t times, bool hands_over, bool measured) {
    uint32_t threads = check->caps & MK_CONCURRENT ? check->threads : 1;
    for (size_t i = 0; i < sizeof objects / sizeof *objects && !mk_check_failed(check); i++) {
        struct mk_subject_config config = {.slots = CROWD_SLOTS, .threads_max = threads};
        struct mk_subject subject;
        if (!tries(check, i)) continue;
        config.object_bytes = objects[i].bytes;
        config.object_align = object_align(i);
        if (mk_subject_open(&subject, check, &config)) return;
        struct meter meter = {.only_grows = check->caps & MK_BULK_FREE};
        struct crowd crowd = {.ops = ops, .hands_over = hands_over, .threads = threads};
        if (measured) crowd.meter = &meter;
        crowd.leaves = check->caps & MK_CROSS_FREE;
        crowd.object_bytes = config.object_bytes;
        crowd.object_align = config.object_align;
        crowd.box = mk_need(threads * CROWD_BOXES, sizeof *crowd.box);
        crowd.left = mk_need(threads * CROWD_SLOTS, sizeof *crowd.left);
        crowd.left_n = mk_need(threads, sizeof *crowd.left_n);
        for (uint64_t time = 0; time < times && !mk_check_failed(check); time++) {
            mk_subject_run(&subject, 0, threads, check->seed + time, crowd_body, &crowd);
            collect_all(&subject, &crowd, (uint32_t)(time % threads));
        }
        if (measured) judge_footprint(&subject, &meter, threads);
        if (measured) judge_peak(&subject, &meter);
        free(crowd.box);
        free(crowd.left);
        free(crowd.left_n);
        mk_subject_close(&subject);
    }
}

static void run_threads(struct mk_check *check) {
    crowd_of(check, mk_check_ops(check, 10000), 1, false, false);
}

static void run_handover(struct mk_check *check) {
    crowd_of(check, mk_check_ops(check, 10000), 1, true, false);
}

static void run_births(struct mk_check *check) {
    crowd_of(check, 60, mk_check_ops(check, 60), true, false);
}

static void run_footprint(struct mk_check *check) {
    /* so many that what is kept comes to more than the stocks that are allowed */
    uint64_t ops = check->caps & MK_FIXED_SIZE ? 5000 : 120000;
    crowd_of(check, mk_check_ops(check, ops), 1, check->caps & MK_CROSS_FREE, true);
}

static const struct mk_case alloc_cases[] = {
    {"blocks", "random blocks of one thread: alone, aligned, whole, zeroed, counted", 0, MK_FLOOR, NULL,
     run_blocks},
    {"orders", "many blocks, freed in several orders", 0, MK_FLOOR, NULL, run_orders},
    {"crumbs", "blocks of one byte, up to the end of what the parent gave", 0, MK_FLOOR, unless_general,
     run_crumbs},
    {"reset", "all blocks dropped at once, and built up again in the same memory", 0, MK_FLOOR, unless_resets,
     run_reset},
    {"scopes", "blocks dropped by rewinding to marks, scopes inside of scopes", 0, MK_FLOOR, unless_rewinds,
     run_scopes},
    {"reuse", "freed blocks are used again", 0, MK_FLOOR | MK_BULK_FREE, NULL, run_reuse},
    {"refusals", "double and foreign frees are refused", MK_CHECKS_FREE, MK_FLOOR, NULL, run_refusals},
    {"strays", "bytes written before, behind and after blocks are noticed", MK_CHECKS_FREE | MK_GUARDS, MK_FLOOR,
     NULL, run_strays},
    {"constructed", "objects are handed out as they were constructed, once", MK_CONSTRUCTS | MK_FIXED_SIZE,
     MK_FLOOR, NULL, run_constructed},
    {"no_memory", "every single request to the parent refused: nothing changes, nothing leaks", 0, MK_FLOOR, NULL,
     run_no_memory},
    {"batch", "batch and step agree", 0, MK_FLOOR, NULL, run_batch},
    {"threads", "threads at once, each with blocks of its own", MK_CONCURRENT, MK_FLOOR, NULL, run_threads},
    {"handover", "blocks freed by other threads", MK_CONCURRENT | MK_CROSS_FREE, MK_FLOOR, NULL, run_handover},
    {"births", "short-lived threads, whose blocks are freed by later ones", MK_CONCURRENT | MK_CROSS_FREE, MK_FLOOR,
     NULL, run_births},
    {"footprint", "memory taken from the parent keeps to what is live", 0, MK_FLOOR, NULL, run_footprint},
    {.name = NULL}};

MK_KIND_MODEL(alloc, .names = {"alloc", "free", "zalloc", "resize", "give", "take", "reset", "mark", "rewind", "write",
                       "object"},
              .state_bytes = sizeof(struct state), .part = part_of, .answer = answer_alloc, .describe = describe_state,
              .several = 1u << MK_ALLOC_RESET | 1u << MK_ALLOC_MARK | 1u << MK_ALLOC_REWIND | 1u << MK_ALLOC_WRITE,
              .cases = alloc_cases);
