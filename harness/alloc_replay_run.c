/* alloc_replay_run.c - see alloc_replay_run.h. */
#include "alloc_replay_run.h"

#include <inttypes.h>
#include <stdlib.h>

#include "../impl/alloc.h"

/* One lane's, on lines of its own. */
struct lane_run {
    _Alignas(MK_CACHE_LINE) struct mk_replay replay;
    uint32_t *seed; /* by slot: of the pattern in its block; while looking at everything */
};

struct mk_alloc_replay_run {
    const struct mk_alloc_replay *made;
    struct lane_run *lane;
    struct mk_replay_crossing *crossing;
    uint32_t *crossing_seed;
    _Alignas(MK_CACHE_LINE) _Atomic(uint32_t) abandoned;
};

/* Zeroed, in lines and pages that are there. */
static void *need_lines(size_t n, size_t bytes) {
    size_t all = (n * bytes + MK_CACHE_LINE) / MK_CACHE_LINE * MK_CACHE_LINE;
    void *list = aligned_alloc(MK_CACHE_LINE, all);
    if (!list) list = mk_need(all, 1); /* says that there is no memory, and ends */
    memset(list, 0, all);
    return list;
}

static void set_touch(struct mk_replay *replay, enum mk_replay_touch touch) {
    static const size_t line_bytes[MK_TOUCHES] = {MK_REPLAY_PAGE, SIZE_MAX, 1, 0};
    replay->line_bytes = line_bytes[touch];
    replay->pages = touch == MK_TOUCH_PAGES;
}

struct mk_alloc_replay_run *mk_alloc_replay_open(const struct mk_alloc_replay *replay, enum mk_replay_touch touch,
                                                 bool verifies) {
    struct mk_alloc_replay_run *run = need_lines(1, sizeof *run);
    run->made = replay;
    run->lane = need_lines(replay->lanes, sizeof *run->lane);
    run->crossing = need_lines(replay->crossing, sizeof *run->crossing);
    for (uint32_t l = 0; l < replay->lanes; l++) {
        struct mk_replay *of = &run->lane[l].replay;
        of->slot = need_lines((size_t)replay->lane[l].slots, sizeof *of->slot);
        of->crossing = run->crossing;
        of->wide = replay->lane[l].wide;
        of->abandoned = &run->abandoned;
        set_touch(of, touch);
        if (verifies) run->lane[l].seed = need_lines((size_t)replay->lane[l].slots, sizeof *run->lane[l].seed);
    }
    if (verifies) run->crossing_seed = need_lines(replay->crossing, sizeof *run->crossing_seed);
    return run;
}

void mk_alloc_replay_close(struct mk_alloc_replay_run *run) {
    if (!run) return;
    for (uint32_t l = 0; l < run->made->lanes; l++) {
        free(run->lane[l].replay.slot);
        free(run->lane[l].seed);
    }
    free(run->lane);
    free(run->crossing);
    free(run->crossing_seed);
    free(run);
}

void mk_alloc_replay_attach(struct mk_alloc_replay_run *run, struct mk_instance *instance) {
    for (uint32_t l = 0; l < run->made->lanes; l++) instance->blocks[l].replay = &run->lane[l].replay;
}

void mk_alloc_replay_abandon(struct mk_alloc_replay_run *run) {
    atomic_store_explicit(&run->abandoned, 1, memory_order_relaxed);
}

uint64_t mk_alloc_replay_bytes(const struct mk_alloc_replay_run *run, uint32_t lane) {
    return run->lane[lane].replay.bytes;
}

/* Returns the block of an object that nobody took, or NULL. No lane is at work. */
static void *left_over(const struct mk_alloc_replay_run *run, uint64_t number) {
    void *at = atomic_load_explicit(&run->crossing[number].at, memory_order_acquire);
    return at == MK_REPLAY_NOTHING ? NULL : at;
}

void mk_alloc_replay_give_back(struct mk_alloc_replay_run *run, struct mk_instance *instance, uint32_t lane) {
    const struct mk_replay *replay = &run->lane[lane].replay;
    mk_batch_fn *batch = instance->impl->batch_of[MK_ALLOC_REPLAY];
    void *self = mk_instance_self(instance, lane);
    struct mk_thread *me = &instance->me[lane];
    struct mk_tally ignored = {{0}, 0, 0};
    for (uint64_t s = 0; s < run->made->lane[lane].slots; s++) {
        uint64_t word = MK_REPLAY_PACK(MK_ALLOC_FREE, s, 0);
        if (replay->slot[s].at) batch(self, me, &word, 1, &ignored);
    }
    for (uint64_t n = lane; n < run->made->crossing; n += run->made->lanes) {
        uint64_t word = MK_REPLAY_PACK(MK_ALLOC_FREE, n, 0) | MK_REPLAY_CROSSES;
        if (left_over(run, n)) batch(self, me, &word, 1, &ignored);
    }
}

/* ---- all lanes in one thread ---------------------------------------------------------------- */

#define PIECE 256   /* words of a lane in a row */
#define LOOKS 256u /* in all */

/* Where the pass is. Two passes go the same way: one that only counts, and finds out where most is live; and one
 * that does it. */
struct pass {
    struct mk_alloc_replay_run *run;
    const struct mk_words *words;
    struct mk_instance *instance; /* NULL: it only counts */
    bool floor;
    size_t *at, *life, *life_end; /* by lane */
    uint64_t *digest;             /* by lane: of its present thread */
    uint64_t live_bytes, live_blocks, step, peak_step;
    bool moved; /* in this turn of all lanes */
    uint64_t next_look;
    struct mk_turns *turns;
    const struct mk_alloc_replay_watch *watch;
    struct mk_alloc_replay_found *found;
};

#define COUNTED ((void *)2) /* in the place of an address, where it only counts */

static void find(struct pass *pass, const char *what, uint32_t lane, const struct mk_replay_event *event) {
    if (pass->found->fault[0]) return;
    snprintf(pass->found->fault, sizeof pass->found->fault, "event %" PRIu64 " of thread %u, of %zu bytes: %s",
             (uint64_t)pass->at[lane], pass->run->made->lane[lane].thread[pass->life[lane]],
             MK_REPLAY_FORM_BYTES(event->form), what);
}

/* ---- patterns ------------------------------------------------------------------------------- */

#define PATTERN_END 2048u /* bytes at both ends that are all looked at; of those between, one a page */

static size_t next_byte(size_t i, size_t bytes) {
    if (i + 1 < PATTERN_END || bytes <= 2 * PATTERN_END || i + 1 >= bytes - PATTERN_END) return i + 1;
    size_t next = (i / MK_REPLAY_PAGE + 1) * MK_REPLAY_PAGE;
    return next < bytes - PATTERN_END ? next : bytes - PATTERN_END;
}

static unsigned char pattern(uint32_t seed, size_t i) {
    return (unsigned char)((seed + i) * 0x9e3779b1u >> 11 | 1);
}

static void fill(void *block, size_t bytes, uint32_t seed) {
    unsigned char *at = block;
    for (size_t i = 0; i < bytes; i = next_byte(i, bytes)) at[i] = pattern(seed, i);
}

/* Returns whether the first `kept` bytes of a block of `bytes` are as they were filled. */
static bool is_filled(const void *block, size_t bytes, size_t kept, uint32_t seed) {
    const unsigned char *at = block;
    for (size_t i = 0; i < kept; i = next_byte(i, bytes)) {
        if (at[i] != pattern(seed, i)) return false;
    }
    return true;
}

static bool is_zero(const void *block, size_t bytes) {
    const unsigned char *at = block;
    for (size_t i = 0; i < bytes; i = next_byte(i, bytes)) {
        if (at[i]) return false;
    }
    return true;
}

static uint32_t *seed_at(struct pass *pass, uint32_t lane, uint32_t place) {
    return place & MK_REPLAY_WIDE_CROSSES ? &pass->run->crossing_seed[place & ~MK_REPLAY_WIDE_CROSSES]
                                          : &pass->run->lane[lane].seed[place];
}

/* ---- one event ------------------------------------------------------------------------------ */

static struct mk_replay_block peek(const struct pass *pass, uint32_t lane, uint32_t place) {
    const struct mk_replay_crossing *crossing = &pass->run->crossing[place & ~MK_REPLAY_WIDE_CROSSES];
    if (!(place & MK_REPLAY_WIDE_CROSSES)) return pass->run->lane[lane].replay.slot[place];
    struct mk_replay_block block = {atomic_load_explicit(&crossing->at, memory_order_acquire), crossing->form};
    if (block.at == MK_REPLAY_NOTHING) block.at = NULL;
    return block;
}

/* Before the event: what it takes is as it was left. */
static void look_at_old(struct pass *pass, uint32_t lane, const struct mk_replay_event *event,
                        const struct mk_replay_block *old) {
    size_t bytes = MK_REPLAY_FORM_BYTES(old->form);
    if (!old->at && !pass->found->refused) find(pass, "the block that it takes is not there", lane, event);
    if (!old->at || pass->floor || is_filled(old->at, bytes, bytes, *seed_at(pass, lane, event->taken))) return;
    find(pass, "its block has been written to by somebody else", lane, event);
}

/* Behind it: a new block, or one of another size, which has kept what was in it. */
static void look_at_new(struct pass *pass, uint32_t lane, const struct mk_replay_event *event, unsigned code,
                        const struct mk_replay_block *old, const struct mk_replay_block *new) {
    size_t bytes = MK_REPLAY_FORM_BYTES(new->form), had = MK_REPLAY_FORM_BYTES(old->form);
    uint32_t was = code == MK_ALLOC_RESIZE ? *seed_at(pass, lane, event->taken) : 0;
    if (pass->floor) return;
    if ((uintptr_t)new->at % MK_REPLAY_FORM_ALIGN(new->form)) find(pass, "its block is not aligned", lane, event);
    if (code == MK_ALLOC_ZALLOC && !is_zero(new->at, bytes)) find(pass, "its block is not zeroed", lane, event);
    if (code == MK_ALLOC_RESIZE && !is_filled(new->at, had, had < bytes ? had : bytes, was))
        find(pass, "what was in the block is not there after a resize", lane, event);
    *seed_at(pass, lane, event->given) = (uint32_t)mk_mix64(pass->step);
    fill(new->at, bytes, *seed_at(pass, lane, event->given));
}

/* Does it, in the very loop that is timed, and looks at what comes of it. */
static void carry_out(struct pass *pass, uint32_t lane, uint64_t word, const struct mk_replay_event *event) {
    unsigned code = MK_CODE(word);
    bool takes = code == MK_ALLOC_FREE || code == MK_ALLOC_RESIZE;
    struct mk_replay_block old = {NULL, 0}, new = {NULL, 0};
    struct mk_tally tally = {{0}, 0, 0};
    if (takes) old = peek(pass, lane, event->taken);
    if (takes) look_at_old(pass, lane, event, &old);
    pass->instance->impl->batch_of[MK_ALLOC_REPLAY](mk_instance_self(pass->instance, lane),
                                                    &pass->instance->me[lane], &word, 1, &tally);
    if (code == MK_ALLOC_FREE) {
        if (tally.failed) find(pass, "its free was refused", lane, event);
        return;
    }
    new = peek(pass, lane, event->given);
    pass->digest[lane] = mk_alloc_replay_fold(pass->digest[lane], MK_REPLAY_FORM_BYTES(new.form));
    pass->found->refused += !tally.hits[code];
    if (tally.hits[code]) look_at_new(pass, lane, event, code, &old, &new);
    else if (new.at) *seed_at(pass, lane, event->given) = *seed_at(pass, lane, event->taken);
}

/* As the loop does, without an allocator. */
static void count_event(struct pass *pass, uint32_t lane, unsigned code, const struct mk_replay_event *event) {
    struct mk_replay *replay = &pass->run->lane[lane].replay;
    struct mk_replay_block old = {NULL, 0};
    bool takes = code == MK_ALLOC_FREE || code == MK_ALLOC_RESIZE;
    if (takes) old = mk_replay_take(replay, event->taken);
    pass->live_bytes -= old.at ? MK_REPLAY_FORM_BYTES(old.form) : 0;
    pass->live_blocks -= old.at != NULL;
    if (code == MK_ALLOC_FREE) return;
    mk_replay_give(replay, event->given, COUNTED, event->form);
    pass->live_bytes += MK_REPLAY_FORM_BYTES(event->form);
    pass->live_blocks++;
}

/* Returns false where what it takes is not there yet. */
static bool do_event(struct pass *pass, uint32_t lane, uint64_t word) {
    struct mk_replay_event event = mk_replay_decode(&pass->run->lane[lane].replay, word);
    unsigned code = MK_CODE(word);
    bool takes = code == MK_ALLOC_FREE || code == MK_ALLOC_RESIZE;
    const struct mk_replay_crossing *crossing = &pass->run->crossing[event.taken & ~MK_REPLAY_WIDE_CROSSES];
    if (takes && event.taken & MK_REPLAY_WIDE_CROSSES &&
        !atomic_load_explicit(&crossing->at, memory_order_acquire)) {
        return false;
    }
    if (pass->instance) carry_out(pass, lane, word, &event);
    else count_event(pass, lane, code, &event);
    pass->found->events++;
    return true;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static void find_elsewhere(struct pass *pass, const char *what, uint32_t thread) {
    if (pass->found->fault[0]) return;
    snprintf(pass->found->fault, sizeof pass->found->fault, "thread %u %.200s", thread, what);
}

static void leave(void *arg, uint32_t lane) {
    mk_instance_leave(((struct pass *)arg)->instance, lane);
}

static void enter(void *arg, uint32_t lane) {
    struct pass *pass = arg;
    struct mk_err err = {{0}};
    if (mk_instance_enter(pass->instance, lane, &err)) find_elsewhere(pass, err.text, lane);
}

/* Has the lane's thread do it, or does it in its place. */
static void as(struct pass *pass, uint32_t lane, mk_turn_fn *turn) {
    if (pass->instance && pass->turns) mk_turns_do(pass->turns, lane, turn, pass);
    else turn(pass, lane);
}

/* The lane's thread has ended: another one begins in its place, if there is one. */
static void next_life(struct pass *pass, uint32_t lane) {
    const struct mk_alloc_replay_lane *of = &pass->run->made->lane[lane];
    uint32_t thread = of->thread[pass->life[lane]];
    struct mk_err err = {{0}};
    if (pass->instance && !pass->found->refused && pass->digest[lane] != pass->run->made->digest[thread])
        find_elsewhere(pass, "asks for other sizes than the trace has, or in another order", thread);
    pass->digest[lane] = MK_ALLOC_REPLAY_DIGEST;
    if (++pass->life[lane] == of->lives) return;
    pass->life_end[lane] += of->life[pass->life[lane]];
    if (!pass->instance) return;
    as(pass, lane, leave);
    if (pass->turns && mk_turns_renew(pass->turns, lane, &err)) find_elsewhere(pass, err.text, thread);
    as(pass, lane, enter);
}

/* Goes on with a lane: as far as a piece, the end of its thread, what it waits for, or the peak. */
static void run_piece(void *arg, uint32_t lane) {
    struct pass *pass = arg;
    const struct mk_words *words = &pass->words[lane];
    for (unsigned i = 0; i < PIECE; i++) {
        if (!do_event(pass, lane, words->at[pass->at[lane]])) return;
        pass->moved = true;
        pass->step++;
        if (!pass->instance && pass->live_bytes > pass->found->peak_bytes) {
            pass->found->peak_bytes = pass->live_bytes;
            pass->found->peak_blocks = pass->live_blocks;
            pass->peak_step = pass->step;
        }
        if (++pass->at[lane] == pass->life_end[lane] || (pass->instance && pass->step == pass->peak_step)) return;
    }
}

/* After a piece. */
static void tell(struct pass *pass, uint64_t before) {
    uint64_t every = (pass->found->planned / LOOKS) + 1;
    if (!pass->instance || pass->step == before) return;
    if (pass->step == pass->peak_step && pass->watch->at_peak) pass->watch->at_peak(pass->watch->arg);
    if (pass->step < pass->next_look || !pass->watch->look) return;
    pass->watch->look(pass->watch->arg);
    pass->next_look = pass->step + every;
}

static void run_lane(struct pass *pass, uint32_t lane) {
    uint64_t before = pass->step;
    as(pass, lane, run_piece);
    tell(pass, before);
    if (pass->at[lane] == pass->life_end[lane]) next_life(pass, lane);
}

static void run_pass(struct pass *pass) {
    const struct mk_alloc_replay *made = pass->run->made;
    bool ended = true;
    pass->step = pass->live_bytes = pass->live_blocks = 0;
    pass->found->events = 0;
    for (uint32_t l = 0; l < made->lanes; l++) {
        pass->at[l] = pass->life[l] = 0;
        pass->life_end[l] = made->lane[l].lives ? made->lane[l].life[0] : 0;
        pass->digest[l] = MK_ALLOC_REPLAY_DIGEST;
    }
    do {
        pass->moved = false;
        for (uint32_t l = 0; l < made->lanes; l++) {
            if (pass->at[l] < pass->words[l].n) run_lane(pass, l);
        }
    } while (pass->moved);
    for (uint32_t l = 0; l < made->lanes; l++) ended = ended && pass->at[l] == pass->words[l].n;
    if (!ended && !pass->found->fault[0])
        snprintf(pass->found->fault, sizeof pass->found->fault, "threads wait for blocks that nobody allocates");
}

/* Nothing has been allocated. */
static void clear_tables(struct mk_alloc_replay_run *run) {
    for (uint32_t l = 0; l < run->made->lanes; l++) {
        for (uint64_t s = 0; s < run->made->lane[l].slots; s++) run->lane[l].replay.slot[s].at = NULL;
    }
    for (uint64_t n = 0; n < run->made->crossing; n++)
        atomic_store_explicit(&run->crossing[n].at, NULL, memory_order_relaxed);
}

void mk_alloc_replay_verify(struct mk_alloc_replay_run *run, const struct mk_words *words,
                            struct mk_instance *instance, bool floor, struct mk_turns *turns,
                            const struct mk_alloc_replay_watch *watch, struct mk_alloc_replay_found *found) {
    const struct mk_alloc_replay *made = run->made;
    struct pass pass = {.run = run, .words = words, .floor = floor, .turns = turns, .watch = watch, .found = found};
    pass.at = mk_need(made->lanes, sizeof *pass.at);
    pass.life = mk_need(made->lanes, sizeof *pass.life);
    pass.life_end = mk_need(made->lanes, sizeof *pass.life_end);
    pass.digest = mk_need(made->lanes, sizeof *pass.digest);
    memset(found, 0, sizeof *found);
    for (uint32_t l = 0; l < made->lanes; l++) found->planned += words[l].n;
    run_pass(&pass);
    clear_tables(run);
    pass.instance = instance;
    for (uint32_t l = 0; l < made->lanes; l++) set_touch(&run->lane[l].replay, MK_TOUCH_NONE); /* patterns do */
    if (!found->fault[0]) run_pass(&pass);
    free(pass.at);
    free(pass.life);
    free(pass.life_end);
    free(pass.digest);
}

void mk_alloc_replay_each(const struct mk_alloc_replay_run *run, mk_alloc_replay_visit_fn *visit, void *arg) {
    for (uint32_t l = 0; l < run->made->lanes; l++) {
        const struct mk_replay_block *slot = run->lane[l].replay.slot;
        for (uint64_t s = 0; s < run->made->lane[l].slots; s++) {
            if (slot[s].at) visit(arg, l, slot[s].at, MK_REPLAY_FORM_BYTES(slot[s].form));
        }
    }
    for (uint64_t n = 0; n < run->made->crossing; n++) {
        void *at = left_over(run, n);
        if (at) visit(arg, (uint32_t)(n % run->made->lanes), at, MK_REPLAY_FORM_BYTES(run->crossing[n].form));
    }
}
