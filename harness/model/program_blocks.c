/* program_blocks.c - programs of operations on blocks, for what hands out memory: threads allocate, free, resize,
 * and hand blocks to each other.
 *
 * A block belongs to whoever was given it, whole and alone. The oracle writes and reads its bytes as a user would,
 * and tells the race detector: bytes that two threads were given at once, or that were handed out again although the
 * free does not happen before, are then a race. Only one thread is at work at any time, so that the map of live
 * blocks (shadow.h) can be kept exactly, and without ordering anything.
 */
#include "program.h"

#include <inttypes.h>
#include <stdlib.h>

#include "../check/shadow.h"
#include "../record.h"
#include "../registry.h"
#include "../rng.h"

#define THREADS_MAX 4
#define OPS_MAX 6
#define SLOTS 4
#define PREFIX_MAX 6

enum what { TAKE_BLOCK, TAKE_ZEROED, DROP, RESIZE, HAND_OUT, HAND_IN, WRONG_FREE };

struct step {
    enum what what;
    uint32_t slot;
    size_t bytes, align; /* align 0: natural */
};

struct blocks {
    struct mk_made made; /* first */
    struct step prefix[PREFIX_MAX];
    uint32_t prefixes;
    struct step step[THREADS_MAX][OPS_MAX];
    uint32_t n[THREADS_MAX];
    uint32_t enters_late, leaves_early;
    bool alone_leaves;
};

/* What a slot holds. */
struct held {
    bool live;
    size_t bytes, align; /* align as step was given it */
    uint64_t tag;
};

/* From one thread to the next. */
struct box {
    bool full;
    struct mk_block block;
    struct held held;
    struct mk_view view; /* what the giver had done */
};

static struct run {
    struct blocks *blocks;
    struct held held[MK_STAGE_THREADS + 1][SLOTS];
    struct box box[THREADS_MAX];
    struct mk_shadow shadow;
    uint64_t tag, live, ops;
} run;

bool mk_program_has_blocks(const struct mk_impl *impl) {
    return mk_kind_has_blocks(impl->kind);
}

/* ---- drawing --------------------------------------------------------------------------------- */

static struct step draw_step(const struct blocks *blocks, const struct mk_impl *impl, uint64_t caps,
                             struct mk_rng *rng) {
    static const size_t sizes[] = {1, 8, 16, 24, 48, 64, 100, 300};
    static const enum what whats[] = {TAKE_BLOCK, TAKE_BLOCK, TAKE_BLOCK, TAKE_ZEROED, DROP, DROP, DROP, RESIZE,
                                      HAND_OUT, HAND_IN, WRONG_FREE};
    struct step step = {.slot = (uint32_t)mk_rng_below(rng, SLOTS)};
    step.what = whats[mk_rng_below(rng, sizeof whats / sizeof *whats)];
    step.bytes = sizes[mk_rng_below(rng, sizeof sizes / sizeof *sizes)];
    step.align = mk_rng_below(rng, 4) ? 0 : (size_t)1 << mk_rng_below(rng, 8);
    if (blocks->made.plan.object_bytes) {
        step.bytes = blocks->made.plan.object_bytes;
        step.align = blocks->made.plan.object_align;
        if (step.what == RESIZE) step.what = DROP;
    }
    bool hands = impl->offers >> MK_ALLOC_GIVE & 1 && caps & MK_CROSS_FREE;
    if ((step.what == HAND_OUT || step.what == HAND_IN) && !hands) step.what = TAKE_BLOCK;
    if (step.what == WRONG_FREE && !(caps & MK_CHECKS_FREE)) step.what = DROP;
    return step;
}

static void draw(struct blocks *blocks, const struct mk_impl *impl, uint64_t caps, uint64_t seed) {
    static const size_t objects[] = {1, 8, 16, 24, 40, 64, 100};
    struct mk_stage_plan *plan = &blocks->made.plan;
    struct mk_rng rng;
    mk_rng_seed(&rng, seed);
    plan->threads = 2 + (uint32_t)mk_rng_below(&rng, THREADS_MAX - 1);
    plan->slots = SLOTS;
    plan->seed = mk_rng_next(&rng);
    plan->refused_early = mk_rng_below(&rng, 4) == 0;
    if (caps & MK_FIXED_SIZE) {
        plan->object_bytes = objects[mk_rng_below(&rng, sizeof objects / sizeof *objects)];
        plan->object_align = mk_rng_below(&rng, 4) ? mk_block_align(plan->object_bytes) : 64;
    }
    blocks->prefixes = (uint32_t)mk_rng_below(&rng, PREFIX_MAX + 1);
    for (uint32_t i = 0; i < blocks->prefixes; i++) blocks->prefix[i] = draw_step(blocks, impl, caps, &rng);
    for (uint32_t t = 0; t < plan->threads; t++) {
        blocks->n[t] = 2 + (uint32_t)mk_rng_below(&rng, OPS_MAX - 1);
        for (uint32_t i = 0; i < blocks->n[t]; i++) blocks->step[t][i] = draw_step(blocks, impl, caps, &rng);
    }
    uint64_t bits = mk_rng_next(&rng);
    blocks->enters_late = bits & bits >> 8 & 0xff;
    blocks->leaves_early = bits >> 16 & bits >> 24 & 0xff;
    blocks->alone_leaves = bits >> 32 & 1;
    if (caps & MK_CONSTRUCTS && bits >> 33 & 1) plan->construct = mk_object_construct;
}

/* ---- contents -------------------------------------------------------------------------------- */

static struct mk_block *block_of(uint32_t id, uint32_t slot) {
    return &mk_stage.slot[id][slot];
}

/* The user's own access: the heap and the race detector hear of it. */
static void touch(const struct mk_block *block, size_t bytes, bool write) {
    uintptr_t at = (uintptr_t)block->at, pc = (uintptr_t)__builtin_return_address(0);
    mk_heap_check(at, bytes, write, pc);
    mk_race_plain(at, bytes, write, pc);
}

static void fill(uint32_t id, uint32_t slot) {
    struct held *held = &run.held[id][slot];
    held->tag = ++run.tag;
    touch(block_of(id, slot), held->bytes, true);
    mk_pattern_fill(block_of(id, slot)->at, held->bytes, held->tag);
}

static void expect_contents(uint32_t id, uint32_t slot, size_t bytes, const char *when) {
    const struct held *held = &run.held[id][slot];
    touch(block_of(id, slot), bytes, false);
    size_t at = mk_pattern_differs(block_of(id, slot)->at, bytes, held->tag);
    if (at == SIZE_MAX) return;
    mk_stage_fail(NULL, NULL, "byte %zu of a block of %zu bytes is not what was put there, %s", at, held->bytes,
                  when);
}

/* Where there are constructed objects, all are: as the constructor leaves them, whoever gives them back. */
static void expect_constructed(uint32_t id, uint32_t slot) {
    const struct held *held = &run.held[id][slot];
    touch(block_of(id, slot), held->bytes, false);
    size_t at = mk_object_differs(block_of(id, slot)->at, held->bytes);
    if (at == SIZE_MAX) return;
    mk_stage_fail(NULL, NULL, "byte %zu of a block of %zu bytes is not as it was constructed", at, held->bytes);
}

static void construct_again(uint32_t id, uint32_t slot) {
    touch(block_of(id, slot), run.held[id][slot].bytes, true);
    mk_object_construct(block_of(id, slot)->at, run.held[id][slot].bytes);
}

/* A block that has just been given out. */
static void enter_place(uint32_t id, uint32_t slot) {
    const struct held *held = &run.held[id][slot];
    const struct mk_block *block = block_of(id, slot);
    size_t align = held->align ? held->align : mk_block_align(held->bytes);
    struct mk_err err;
    if ((uintptr_t)block->at % align) {
        mk_stage_fail(NULL, NULL, "a block of %zu bytes lies at no multiple of %zu", held->bytes, align);
    }
    if (mk_shadow_add(&run.shadow, block->at, held->bytes, 1, &err)) mk_stage_fail(NULL, NULL, "%s", err.text);
}

static void forget_place(uint32_t id, uint32_t slot) {
    struct mk_err err;
    if (mk_shadow_remove(&run.shadow, block_of(id, slot)->at, run.held[id][slot].bytes, 1, &err)) {
        mk_stage_fail(NULL, NULL, "%s", err.text);
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

static enum mk_status step(uint32_t id, unsigned code, uint32_t slot, size_t bytes, size_t align) {
    struct mk_op op = {.code = code, .key = slot, .value = bytes, .align = align};
    struct mk_result result = {MK_REFUSED, 0, 0};
    run.ops++;
    mk_stage.impl->step(mk_stage.self, &mk_stage.me[id], &op, &result);
    return result.status;
}

/* Returns whether there was memory; there has to be, unless it is refused. */
static bool was_given(enum mk_status status, size_t bytes) {
    if (status == MK_HIT) return true;
    if (status != MK_NO_MEMORY || !mk_stage.refusals) {
        mk_stage_fail(NULL, NULL, "a block of %zu bytes is refused although memory was not", bytes);
    }
    return false;
}

static void take(uint32_t id, const struct step *how) {
    bool constructed = run.blocks->made.plan.construct != NULL, zeroed = how->what == TAKE_ZEROED && !constructed;
    struct held *held = &run.held[id][how->slot];
    enum mk_status status =
        step(id, zeroed ? MK_ALLOC_ZALLOC : MK_ALLOC_ALLOC, how->slot, how->bytes, how->align);
    if (!was_given(status, how->bytes)) return;
    *held = (struct held){.live = true, .bytes = how->bytes, .align = how->align};
    run.live++;
    enter_place(id, how->slot);
    if (constructed) expect_constructed(id, how->slot);
    if (zeroed) {
        touch(block_of(id, how->slot), how->bytes, false);
        size_t dirty = mk_pattern_not_zero(block_of(id, how->slot)->at, how->bytes);
        if (dirty != SIZE_MAX) {
            mk_stage_fail(NULL, NULL, "byte %zu of a zeroed block of %zu bytes is not zero", dirty, how->bytes);
        }
    }
    fill(id, how->slot);
}

/* It is out of the map before it is freed, for then anybody may be given it. */
static void drop(uint32_t id, uint32_t slot) {
    struct held *held = &run.held[id][slot];
    expect_contents(id, slot, held->bytes, "when it is freed");
    if (run.blocks->made.plan.construct) construct_again(id, slot);
    forget_place(id, slot);
    held->live = false;
    run.live--;
    if (step(id, MK_ALLOC_FREE, slot, held->bytes, held->align) != MK_HIT) {
        mk_stage_fail(NULL, NULL, "a live block of %zu bytes cannot be freed", held->bytes);
    }
}

static void resize(uint32_t id, const struct step *how) {
    struct held *held = &run.held[id][how->slot];
    expect_contents(id, how->slot, held->bytes, "before it is resized");
    forget_place(id, how->slot);
    bool resized = was_given(step(id, MK_ALLOC_RESIZE, how->slot, how->bytes, held->align), how->bytes);
    size_t kept = !resized || held->bytes < how->bytes ? held->bytes : how->bytes;
    if (resized) held->bytes = how->bytes;
    enter_place(id, how->slot);
    expect_contents(id, how->slot, kept, resized ? "after it was resized" : "after a resize was refused");
    if (resized) fill(id, how->slot);
}

static void hand_out(uint32_t id, uint32_t slot) {
    struct box *box = &run.box[(id + 1) % run.blocks->made.plan.threads];
    if (box->full) return;
    box->block = *block_of(id, slot);
    box->held = run.held[id][slot];
    box->full = true;
    mk_rt_release(&box->view);
    block_of(id, slot)->at = NULL;
    run.held[id][slot].live = false;
}

static void hand_in(uint32_t id, uint32_t slot) {
    struct box *box = &run.box[id % run.blocks->made.plan.threads];
    if (!box->full) return;
    mk_rt_acquire(&box->view);
    *block_of(id, slot) = box->block;
    run.held[id][slot] = box->held;
    box->full = false;
}

/* Inside of a live block, or of no block at all: refused, and nothing comes of it. */
static void free_wrongly(uint32_t id, uint32_t slot) {
    static unsigned char elsewhere[64];
    struct mk_block kept = *block_of(id, slot);
    bool inside = run.held[id][slot].live && kept.bytes > 1;
    block_of(id, slot)->at = inside ? (unsigned char *)kept.at + kept.bytes / 2 : elsewhere + 16;
    block_of(id, slot)->bytes = inside ? kept.bytes : 16;
    enum mk_status status = step(id, MK_ALLOC_FREE, slot, 0, run.held[id][slot].align);
    *block_of(id, slot) = kept;
    if (status == MK_REFUSED) return;
    mk_stage_fail(NULL, NULL, "accepts to free an address %s",
                  inside ? "inside of a live block" : "of static memory");
}

static void carry_out(uint32_t id, const struct step *how) {
    bool live = run.held[id][how->slot].live;
    switch (how->what) {
    case TAKE_BLOCK:
    case TAKE_ZEROED:
        if (!live) take(id, how);
        break;
    case DROP:
        if (live) drop(id, how->slot);
        break;
    case RESIZE:
        if (live) resize(id, how);
        break;
    case HAND_OUT:
        if (live) hand_out(id, how->slot);
        break;
    case HAND_IN:
        if (!live) hand_in(id, how->slot);
        break;
    case WRONG_FREE: free_wrongly(id, how->slot); break;
    }
}

/* ---- a schedule ------------------------------------------------------------------------------ */

static void begin(void *arg) {
    struct blocks *blocks = arg;
    uint32_t alone = blocks->made.plan.threads;
    run.blocks = blocks;
    memset(run.held, 0, sizeof run.held);
    memset(run.box, 0, sizeof run.box);
    mk_shadow_clear(&run.shadow);
    run.tag = run.live = run.ops = 0;
    if (!mk_stage_open(&blocks->made.plan)) return;
    bool in = mk_stage_enter(alone) != NULL;
    for (uint32_t i = 0; in && i < blocks->prefixes; i++) carry_out(alone, &blocks->prefix[i]);
    if (in && blocks->alone_leaves) mk_stage_leave(alone);
    for (uint32_t id = 0; id < alone; id++) {
        if (!(blocks->enters_late >> id & 1)) mk_stage_enter(id);
    }
}

static void body(void *arg, uint32_t number) {
    struct blocks *blocks = arg;
    if (!mk_stage.self) return;
    if (blocks->enters_late >> number & 1) mk_stage_enter(number);
    if (!mk_stage.in[number]) return;
    for (uint32_t i = 0; i < blocks->n[number]; i++) carry_out(number, &blocks->step[number][i]);
    if (!(blocks->leaves_early >> number & 1)) return;
    if (!(mk_stage.plan->unit->caps & MK_CROSS_FREE)) return; /* what it holds, nobody else could free */
    mk_stage_leave(number);
}

/* Where blocks cannot be freed by others, each of its own. */
static void drop_all(uint32_t alone) {
    bool cross = mk_stage.plan->unit->caps & MK_CROSS_FREE;
    for (uint32_t id = 0; id <= alone; id++) {
        for (uint32_t slot = 0; slot < SLOTS; slot++) {
            if (!run.held[id][slot].live) continue;
            uint32_t by = cross ? alone : id;
            if (by != id) {
                struct held held = run.held[by][0];
                struct mk_block block = *block_of(by, 0);
                run.held[by][0] = run.held[id][slot];
                *block_of(by, 0) = *block_of(id, slot);
                run.held[id][slot].live = false;
                drop(by, 0);
                run.held[by][0] = held;
                *block_of(by, 0) = block;
            } else {
                drop(id, slot);
            }
        }
    }
}

static void expect_count(void) {
    uint64_t count = mk_stage.impl->count ? mk_stage.impl->count(mk_stage.self) : run.live;
    if (count == run.live) return;
    mk_stage_fail(NULL, NULL, "counts %" PRIu64 " blocks, not %" PRIu64, count, run.live);
}

static void end(void *arg) {
    struct blocks *blocks = arg;
    uint32_t alone = blocks->made.plan.threads;
    if (!mk_stage.self) return;
    mk_stage_calm();
    if (!mk_stage.in[alone] && !mk_stage_enter(alone)) {
        mk_stage_fail(NULL, NULL, "has no place for a thread, although memory is not refused any more");
    }
    for (uint32_t i = 0; i < alone; i++) {
        if (!run.box[i].full) continue;
        struct step make_room = {.what = DROP};
        carry_out(alone, &make_room);
        *block_of(alone, 0) = run.box[i].block;
        run.held[alone][0] = run.box[i].held;
        run.box[i].full = false;
        drop(alone, 0);
    }
    expect_count();
    drop_all(alone);
    expect_count();
    mk_stage_flush(&mk_stage.me[alone]);
    mk_shadow_clear(&run.shadow);
    mk_stage_close();
    if (!mk_rt.aside) blocks->made.ops += run.ops;
}

int mk_program_of_blocks(const struct mk_conform_unit *unit, uint64_t seed, struct mk_program *out,
                         struct mk_err *err) {
    (void)err;
    struct blocks *blocks = mk_need(1, sizeof *blocks);
    blocks->made.plan.unit = unit;
    draw(blocks, unit->composition.impl, unit->caps, seed);
    *out = (struct mk_program){.threads = blocks->made.plan.threads, .arg = blocks, .begin = begin, .body = body,
                               .end = end};
    return 0;
}
