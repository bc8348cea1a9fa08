/* script.c - scenarios of one thread: a script of calls is made first, and then carried out. What it asks for, how
 * many bytes are live at most, and after which call, is known before the first call. */
#include "scene.h"

#include <malloc.h>
#include <math.h>
#include <string.h>

enum code { TAKE, TAKE_ZEROED, REPLACE, REPLACE_ZEROED, RESIZE, DROP };

/* One call, or a free and a malloc: code (3 bits), slot (29), bytes (32). */
#define SLOTS_MAX (UINT32_C(1) << 29)

struct script {
    uint64_t *call;
    size_t n, room;
    size_t timed_from; /* calls before this one prepare */
    uint64_t laps;     /* how often what is timed is carried out, in a row */
    uint32_t slots;
    uint32_t *bytes;   /* by slot, while the script is made */
    uint64_t live, random;
    uint64_t peak_live;
    size_t peak_after; /* so many calls */
    uint64_t operations; /* of one lap */
};

static struct script script_begins(size_t room, uint32_t slots) {
    struct script script = {.room = room, .slots = slots, .laps = 1, .random = settings.seed};
    script.call = map(room * sizeof *script.call);
    script.bytes = map(slots * sizeof *script.bytes);
    if (slots > SLOTS_MAX) die("%u slots are too many", slots);
    return script;
}

static void script_ends(struct script *script) {
    unmap(script->bytes, script->slots * sizeof *script->bytes);
    unmap(script->call, script->room * sizeof *script->call);
}

static bool asks(enum code code) {
    return code != DROP;
}

static void add(struct script *script, enum code code, uint32_t slot, uint32_t bytes) {
    if (script->n == script->room) die("a script is longer than was thought");
    script->call[script->n++] = (uint64_t)code | (uint64_t)slot << 3 | (uint64_t)bytes << 32;
    script->live += (uint64_t)bytes - script->bytes[slot];
    script->bytes[slot] = bytes;
    if (script->live > script->peak_live) {
        script->peak_live = script->live;
        script->peak_after = script->n;
    }
    script->operations += asks(code);
}

/* What was added so far prepares; the rest is timed. */
static void timed_from_here(struct script *script) {
    script->timed_from = script->n;
    script->operations = 0;
}

/* ---- carrying out ---- */

INLINE void replay(enum mode mode, struct lane *lane, void **slot, const uint64_t *call, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t name = (uint32_t)(call[i] >> 3) & (SLOTS_MAX - 1), bytes = (uint32_t)(call[i] >> 32);
        switch ((enum code)(call[i] & 7)) {
        case REPLACE:
            drop(lane, mode, name, slot[name]);
            slot[name] = take(lane, mode, name, bytes);
            break;
        case TAKE: slot[name] = take(lane, mode, name, bytes); break;
        case DROP: drop(lane, mode, name, slot[name]); break;
        case RESIZE: slot[name] = resize(lane, mode, name, slot[name], bytes); break;
        case REPLACE_ZEROED:
            drop(lane, mode, name, slot[name]);
            slot[name] = take_how(lane, mode, name, bytes, true);
            break;
        case TAKE_ZEROED: slot[name] = take_how(lane, mode, name, bytes, true); break;
        }
    }
}
DEFINE_MODES(replay, (struct lane * lane, void **slot, const uint64_t *call, size_t n), lane, slot, call, n);

/* Carries out calls [from, to), and looks at memory where most is live. */
static void carry_out(const struct script *script, struct lane *lane, void **slot, size_t from, size_t to) {
    void (*go)(struct lane *, void **, const uint64_t *, size_t) = replay_of[settings.mode];
    if (settings.mode == MODE_MEMORY && script->peak_after > from && script->peak_after <= to) {
        go(lane, slot, script->call + from, script->peak_after - from);
        memory_at_peak();
        from = script->peak_after;
    }
    go(lane, slot, script->call + from, to - from);
}

static void count_calls(struct calls *calls, const struct script *script, size_t from, size_t to, uint64_t times) {
    for (size_t i = from; i < to; i++) {
        enum code code = (enum code)(script->call[i] & 7);
        if (code == TAKE || code == REPLACE) calls->malloc += times;
        if (code == TAKE_ZEROED || code == REPLACE_ZEROED) calls->calloc += times;
        if (code == REPLACE || code == REPLACE_ZEROED || code == DROP) calls->free += times;
        if (code == RESIZE) calls->realloc += times;
    }
}

/* Of what is live at the end of a script: rounding, and neighbours. */
static void look_at_live(const struct script *script, void **slot) {
    for (uint32_t s = 0; s < script->slots; s++) {
        if (!script->bytes[s]) continue;
        outcome.usable_at_peak += malloc_usable_size(slot[s]);
        outcome.requested_at_peak += script->bytes[s];
    }
}

static void drain(const struct script *script, struct lane *lane, void **slot) {
    for (uint32_t s = 0; s < script->slots; s++) {
        if (!script->bytes[s]) continue;
        drop(lane, MODE_TIMED, s, slot[s]);
        lane->made.free++;
    }
}

/* Carries out the script, with all that is measured. In the memory mode one lap is enough: each leaves what it
 * found. */
static void carry_out_all(const struct script *script) {
    struct lane *lane = &outcome.lane[0];
    void **slot = map(script->slots * sizeof *slot);
    uint64_t laps = settings.mode == MODE_MEMORY ? 1 : script->laps;
    count_calls(&lane->made, script, 0, script->timed_from, 1);
    count_calls(&lane->made, script, script->timed_from, script->n, laps);
    outcome.operations = laps * script->operations;
    memory_begins();
    lane_begins(lane);
    carry_out(script, lane, slot, 0, script->timed_from);
    timing_begins();
    for (uint64_t lap = 0; lap < laps; lap++) carry_out(script, lane, slot, script->timed_from, script->n);
    timing_ends();
    memory_at_end();
    outcome.peak_live = (int64_t)script->peak_live;
    outcome.live_end = script->live;
    look_at_live(script, slot);
    drain(script, lane, slot);
    memory_drained();
    lane_ends(lane);
    unmap(slot, script->slots * sizeof *slot);
}

/* ---- what is scripted ---- */

/* A stack of 16 blocks of 64 bytes, filled and emptied. */
static void run_fixed_lifo(const struct scenario *scenario) {
    enum { DEPTH = 16, TIMES = 1024 };
    struct script script = script_begins(2 * DEPTH * TIMES, DEPTH);
    (void)scenario;
    for (unsigned t = 0; t < TIMES; t++) {
        for (uint32_t s = 0; s < DEPTH; s++) add(&script, TAKE, s, 64);
        for (uint32_t s = DEPTH; s-- > 0;) add(&script, DROP, s, 0);
    }
    script.laps = scaled(1500);
    carry_out_all(&script);
    script_ends(&script);
}

/* 50,000 blocks of 64 bytes, then all of them freed, the oldest first: more than any cache of a thread holds. */
static void run_fixed_fifo(const struct scenario *scenario) {
    enum { DEPTH = 50000 };
    struct script script = script_begins(2 * DEPTH, DEPTH);
    (void)scenario;
    for (uint32_t s = 0; s < DEPTH; s++) add(&script, TAKE, s, 64);
    for (uint32_t s = 0; s < DEPTH; s++) add(&script, DROP, s, 0);
    script.laps = scaled(200);
    carry_out_all(&script);
    script_ends(&script);
}

/* How sizes are drawn. */
struct sizes {
    uint32_t least, most;
    bool log_uniform;
};

static uint32_t draw(uint64_t *random, const struct sizes *sizes) {
    if (sizes->log_uniform) return random_log_uniform(random, sizes->least, sizes->most);
    return sizes->least + random_below(random, sizes->most - sizes->least + 1);
}

/* All slots filled; then one by chance is replaced, again and again. Before the clock starts each has been replaced
 * twice or so, so that free lists are in no order. */
static void replace_at_random(uint32_t slots, size_t operations, struct sizes sizes, bool zeroed) {
    size_t shuffling = 2 * (size_t)slots;
    struct script script = script_begins(slots + shuffling + operations, slots);
    for (uint32_t s = 0; s < slots; s++) add(&script, zeroed ? TAKE_ZEROED : TAKE, s, draw(&script.random, &sizes));
    for (size_t i = 0; i < shuffling + operations; i++) {
        if (i == shuffling) timed_from_here(&script);
        uint32_t slot = random_below(&script.random, slots);
        add(&script, zeroed ? REPLACE_ZEROED : REPLACE, slot, draw(&script.random, &sizes));
    }
    carry_out_all(&script);
    script_ends(&script);
}

static void run_mixed(const struct scenario *scenario) {
    (void)scenario;
    replace_at_random(50000, scaled(3000000), (struct sizes){16, 1024, false}, false);
}

static void run_log_uniform(const struct scenario *scenario) {
    (void)scenario;
    replace_at_random(30000, scaled(2000000), (struct sizes){16, 8192, true}, false);
}

static void run_large(const struct scenario *scenario) {
    (void)scenario;
    replace_at_random(32, scaled(2000), (struct sizes){65536, 4194304, true}, false);
}

static void run_calloc(const struct scenario *scenario) {
    (void)scenario;
    replace_at_random(20000, scaled(1000000), (struct sizes){16, 4096, true}, true);
}

/* ---- lifetimes ---- */

/* Blocks by the operation that they die at: lists in an array. */
struct deaths {
    uint32_t *first; /* by operation: slot + 1 */
    uint32_t *next;  /* by slot */
};

/* Returns how many operations a block lives: Pareto's law with shape 1.2, from 5,000. */
static uint64_t lifetime(uint64_t *random) {
    double u = ((double)(next_random(random) >> 11) + 1) / 9007199254740993.0;
    double operations = 5000 * pow(u, -1 / 1.2);
    return operations < 1e9 ? (uint64_t)operations : 1000000000u;
}

/* Every operation is one block more, after those that die at that time; most die young, some stay for good. */
static void run_pareto(const struct scenario *scenario) {
    const struct sizes sizes = {16, 512, true};
    uint32_t operations = (uint32_t)scaled(3000000), slots = 0, idle = 0;
    struct script script = script_begins(2 * (size_t)operations, operations);
    struct deaths deaths = {map(operations * sizeof(uint32_t)), map(operations * sizeof(uint32_t))};
    (void)scenario;
    for (uint32_t now = 0; now < operations; now++) {
        for (uint32_t dead = deaths.first[now], next; dead; dead = next) {
            next = deaths.next[dead - 1];
            add(&script, DROP, dead - 1, 0);
            deaths.next[dead - 1] = idle;
            idle = dead;
        }
        if (now == operations / 4) timed_from_here(&script);
        uint32_t slot = idle ? idle - 1 : slots++;
        if (idle) idle = deaths.next[slot];
        add(&script, TAKE, slot, draw(&script.random, &sizes));
        uint64_t death = now + lifetime(&script.random);
        if (death >= operations) continue;
        deaths.next[slot] = deaths.first[death];
        deaths.first[death] = slot + 1;
    }
    unmap(deaths.first, operations * sizeof(uint32_t));
    unmap(deaths.next, operations * sizeof(uint32_t));
    carry_out_all(&script);
    script_ends(&script);
}

/* ---- sizes that grow ---- */

/* 256 vectors of 16 bytes; one by chance grows by half, and is dropped for a new one when it would pass 256 KiB. */
static void run_realloc(const struct scenario *scenario) {
    enum { VECTORS = 256, MOST = 262144 };
    size_t shuffling = 20 * VECTORS, operations = scaled(100000);
    struct script script = script_begins(VECTORS + shuffling + operations, VECTORS);
    (void)scenario;
    for (uint32_t s = 0; s < VECTORS; s++) add(&script, TAKE, s, 16);
    for (size_t i = 0; i < shuffling + operations; i++) {
        if (i == shuffling) timed_from_here(&script);
        uint32_t slot = random_below(&script.random, VECTORS), bytes = script.bytes[slot];
        uint32_t more = (bytes + bytes / 2 + 7) / 8 * 8;
        if (more > MOST) {
            add(&script, REPLACE, slot, 16);
        } else {
            add(&script, RESIZE, slot, more);
        }
    }
    carry_out_all(&script);
    script_ends(&script);
}

/* Frees so many percent of what is live, by chance. Returns how many blocks are left; they are the first ones. */
static uint32_t free_some(struct script *script, uint32_t *alive, uint32_t n, unsigned percent) {
    uint32_t left = (uint32_t)((uint64_t)n * (100 - percent) / 100);
    shuffle(alive, n, &script->random);
    for (uint32_t i = left; i < n; i++) add(script, DROP, alive[i], 0);
    return left;
}

/* 32 MiB of 64-byte blocks; most are freed, by chance, and as many bytes taken in blocks of twice the size; and so
 * on up to 16 KiB. What is free never fits what is asked for next, unless neighbours are free as well. */
static void grow(unsigned percent_freed) {
    const uint64_t most = scaled(32u << 20);
    uint32_t slots = (uint32_t)(most / 64) + 1, used = 0, live = 0;
    struct script script = script_begins(4 * (size_t)slots, 2 * slots);
    uint32_t *alive = map(2 * slots * sizeof *alive);
    for (uint32_t bytes = 64; bytes <= 16384; bytes *= 2) {
        if (bytes > 64) live = free_some(&script, alive, live, percent_freed);
        while (script.live + bytes <= most) {
            alive[live++] = used;
            add(&script, TAKE, used++, bytes);
        }
    }
    unmap(alive, 2 * slots * sizeof *alive);
    carry_out_all(&script);
    script_ends(&script);
}

static void run_growing(const struct scenario *scenario) {
    (void)scenario;
    grow(90);
}

static void run_growing_half(const struct scenario *scenario) {
    (void)scenario;
    grow(50);
}

/* ---- survivors: what is scripted here depends on addresses ---- */

INLINE void survive(enum mode mode, struct lane *lane, void **slot, uint32_t n, uint64_t *pages) {
    for (uint32_t s = 0; s < n; s++) slot[s] = take(lane, mode, s, 64);
    uint64_t kept = 0;
    for (uint32_t s = 0; s < n; s++) {
        uint64_t page = (uint64_t)(uintptr_t)slot[s] / PAGE;
        uint64_t *seen = &pages[page * 0x9e3779b97f4a7c15u >> 44];
        if (*seen != page) { /* two pages that share a place keep a few more */
            *seen = page;
            kept++;
            continue;
        }
        drop(lane, mode, s, slot[s]);
        slot[s] = NULL;
    }
    lane->made.malloc += n;
    lane->made.free += n - kept;
}
DEFINE_MODES(survive, (struct lane * lane, void **slot, uint32_t n, uint64_t *pages), lane, slot, n, pages);

INLINE void refill(enum mode mode, struct lane *lane, void **slot, uint32_t from, uint32_t to) {
    for (uint32_t s = from; s < to; s++) slot[s] = take(lane, mode, s, 192);
    lane->made.malloc += to - from;
}
DEFINE_MODES(refill, (struct lane * lane, void **slot, uint32_t from, uint32_t to), lane, slot, from, to);

static void drop_all(struct lane *lane, void **slot, uint32_t n) {
    for (uint32_t s = 0; s < n; s++) {
        if (!slot[s]) continue;
        drop(lane, MODE_TIMED, s, slot[s]);
        lane->made.free++;
    }
}

/* 25 MB of 64-byte blocks, of which one a page survives; then as many bytes again in blocks of 192. */
static void run_survivors(const struct scenario *scenario) {
    const uint32_t n = (uint32_t)scaled(400000), more = n / 3;
    const size_t places = (size_t)1 << 20;
    struct lane *lane = &outcome.lane[0];
    void **slot = map((n + more) * sizeof *slot);
    uint64_t *pages = map(places * sizeof *pages);
    (void)scenario;
    memory_begins();
    lane_begins(lane);
    timing_begins();
    survive_of[settings.mode](lane, slot, n, pages);
    uint64_t survivors = lane->made.malloc - lane->made.free;
    uint32_t to = n + more - (uint32_t)(survivors / 3); /* never more live than there were */
    refill_of[settings.mode](lane, slot, n, to < n ? n : to);
    timing_ends();
    outcome.operations = lane->made.malloc;
    memory_at_peak();
    memory_at_end();
    outcome.peak_live = (int64_t)n * 64;
    outcome.live_end = survivors * 64 + (lane->made.malloc - n) * 192;
    drop_all(lane, slot, n + more);
    memory_drained();
    lane_ends(lane);
    unmap(pages, places * sizeof *pages);
    unmap(slot, (n + more) * sizeof *slot);
}

const struct scenario scripted_scenarios[] = {
    {"fixed_lifo", "64 bytes, a stack of 16: the youngest goes first", 1, run_fixed_lifo},
    {"fixed_fifo", "64 bytes, 50,000 taken and then freed, the oldest first", 1, run_fixed_fifo},
    {"mixed", "16 to 1024 bytes, any of 50,000 is replaced", 1, run_mixed},
    {"log_uniform", "16 to 8192 bytes, every doubling alike, any of 30,000 is replaced", 1, run_log_uniform},
    {"pareto", "16 to 512 bytes, most die young, some stay", 1, run_pareto},
    {"realloc", "256 vectors that grow by half, up to 256 KiB", 1, run_realloc},
    {"growing", "nine of ten are freed, then twice the size is asked for, from 64 bytes to 16 KiB", 1, run_growing},
    {"growing_half", "... half of them", 1, run_growing_half},
    {"survivors", "one block a page survives, then others are asked for", 1, run_survivors},
    {"large", "64 KiB to 4 MiB, any of 32 is replaced", 1, run_large},
    {"calloc", "16 to 4096 bytes, zeroed, any of 20,000 is replaced", 1, run_calloc},
    {NULL, NULL, 0, NULL}};
