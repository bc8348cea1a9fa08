/* memory.c - atomic locations: which store a load may read, and what it then knows.
 *
 * Each location keeps its last stores, in modification order, which is the order they are carried out in. A load may
 * read any that is not hidden: by happens-before, by what the thread (or one that happens before it) has read there
 * already, by seq_cst stores and fences. Read-modify-writes read the last one. So the outcomes that need a load to see
 * the future (load buffering) or stores to take effect in another order than they are carried out in (2+2W) are not
 * shown; nothing that C11 forbids is, as far as the litmus scenarios can tell.
 *
 * Source: the C11 model of Batty, Owens, Sarkar, Sewell, Weber (POPL 2011), section 7.17.3 of the standard, with the
 * stronger seq_cst fences of Lahav, Vafeiadis, Kang, Hur, Dreyer (RC11, PLDI 2017), kept by clocks as in Relacy
 * (Vyukov) and C11Tester (Luo and Demsky, ASPLOS 2021). TSO: a store is seen by others once it has left its thread's
 * buffer, first in, first out (Sewell, Sarkar, Owens, Zappa Nardelli, Myreen, CACM 2010); when it did is decided where
 * a load of another thread looks.
 */
#include "cells.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#define STORES 8u /* kept of a location */
#define HEADS 2u  /* of release sequences that go on at its last store */
#define BUFFER 64u /* stores of a thread that others need not see yet, under TSO */
#define LOCATIONS_MAX 8192u
#define SPINS_MAX 7u /* loads of one place in a row that find the same: then others go on first */
#define UNREAD UINT32_MAX
#define NOT_SC UINT64_MAX

struct store {
    struct mk_word value;
    uint32_t thread, epoch; /* who stored it, and in which epoch; epoch 0: it was there before */
    uint32_t index;         /* among the stores of that thread */
    bool hands_over;        /* view says something */
    uint64_t sc_steps; /* mk_rt.steps when it was stored, or first read, by what is seq_cst; NOT_SC: never */
    struct mk_view view;    /* what reading it with acquire takes in */
    uint32_t first_read[MK_RT_THREADS]; /* epoch in which each thread first read it */
};

/* A release sequence that goes on: with read-modify-writes of anybody, and stores of the thread that released. */
struct head {
    uint32_t threads; /* a bit for who released; of several where there were more than HEADS; 0 none */
    struct mk_view view; /* what it handed over */
};

struct location {
    uintptr_t address;
    uint32_t bytes;
    uint32_t next;  /* of the same cell, 1 + index; 0 = none */
    uint32_t n;     /* stores so far, the one that was there before included */
    uint32_t first; /* the oldest that is kept */
    struct head head[HEADS];
    struct store store[STORES];
};

static struct location *locations;
static uint32_t locations_n;

/* TSO: of each thread's latest stores, the store to the same place before it; and up to which of a thread's that is
 * out of its buffer those before are known to be out, too. */
static struct { uint32_t thread, index; } place_before[MK_RT_THREADS][BUFFER];
static uint32_t settled[MK_RT_THREADS];

void mk_memory_begin(void) {
    locations_n = 0;
    memset(settled, 0, sizeof settled);
    memset(&mk_rt.fence_sc, 0, sizeof mk_rt.fence_sc);
}

/* ---- words in memory ------------------------------------------------------------------------- */

MK_RT_INLINE struct mk_word word_at(uintptr_t address, size_t bytes) {
    struct mk_word word = {0, 0};
    switch (bytes) {
    case 1: word.low = *(volatile uint8_t *)address; break;
    case 2: word.low = *(volatile uint16_t *)address; break;
    case 4: word.low = *(volatile uint32_t *)address; break;
    case 8: word.low = *(volatile uint64_t *)address; break;
    default: memcpy(&word, (void *)address, 16);
    }
    return word;
}

MK_RT_INLINE void put_word(uintptr_t address, size_t bytes, struct mk_word word) {
    switch (bytes) {
    case 1: *(volatile uint8_t *)address = (uint8_t)word.low; break;
    case 2: *(volatile uint16_t *)address = (uint16_t)word.low; break;
    case 4: *(volatile uint32_t *)address = (uint32_t)word.low; break;
    case 8: *(volatile uint64_t *)address = word.low; break;
    default: memcpy((void *)address, &word, 16);
    }
}

MK_RT_INLINE bool same(struct mk_word one, struct mk_word other) {
    return one.low == other.low && one.high == other.high;
}

MK_RT_INLINE struct mk_word cut(struct mk_word word, size_t bytes) {
    if (bytes < 8) word.low &= ((uint64_t)1 << 8 * bytes) - 1;
    if (bytes < 16) word.high = 0;
    return word;
}

/* ---- locations ------------------------------------------------------------------------------- */

MK_RT_INLINE struct store *last_of(struct location *location) {
    return &location->store[(location->n - 1) % STORES];
}

static void begin_location(struct location *location, uintptr_t address, size_t bytes) {
    struct store *store = &location->store[0];
    location->address = address;
    location->bytes = (uint32_t)bytes;
    location->n = 1;
    location->first = 0;
    for (unsigned i = 0; i < HEADS; i++) location->head[i].threads = 0;
    store->value = word_at(address, bytes);
    store->thread = store->epoch = store->index = 0;
    store->hands_over = false;
    store->sc_steps = NOT_SC;
    memset(store->first_read, 0xff, sizeof store->first_read);
}

/* ---- where locations are --------------------------------------------------------------------- */

/* A cell knows the first of its locations; SEE_BEFORE: one of 16 bytes that begins in the cell before reaches into
 * it. No two locations overlap. */
#define SEE_BEFORE UINT32_MAX

MK_RT_INLINE bool overlaps(const struct location *location, uintptr_t address, size_t bytes) {
    return location->address < address + bytes && address < location->address + location->bytes;
}

/* Takes out the locations of a cell that overlap these bytes, and joins what their last stores hand over into *view
 * (which may be NULL). Returns the size of one that was larger, or 0. */
static size_t take_out(struct mk_cell *cell, uintptr_t address, size_t bytes, struct mk_view *view, bool *any) {
    uint32_t *link = &cell->location;
    size_t larger = 0;
    while (*link) {
        struct location *location = &locations[*link - 1];
        if (!overlaps(location, address, bytes)) {
            link = &location->next;
            continue;
        }
        if (view && last_of(location)->hands_over) {
            mk_clock_join(&view->hb, &last_of(location)->view.hb);
            mk_clock_join(&view->seen, &last_of(location)->view.seen);
            *any = true;
        }
        if (location->bytes > bytes) larger = location->bytes;
        if (location->bytes == 16 && cell[1].generation == mk_rt.generation) cell[1].location = 0;
        *link = location->next;
    }
    return larger;
}

/* The cell that knows of the locations in this one. A location of 16 bytes is aligned, so both are of one page. */
MK_RT_INLINE struct mk_cell *owner_of(struct mk_cell *cell) {
    return MK_RT_UNLIKELY(cell->location == SEE_BEFORE) ? cell - 1 : cell;
}

void mk_memory_forget(struct mk_cell *cell, uintptr_t address, size_t bytes) {
    take_out(owner_of(cell), address, bytes, NULL, NULL);
}

/* Where there is no room for more, loads read what is in memory: less is seen, nothing is made up. */
static struct location *no_room(uintptr_t address, size_t bytes) {
    static struct location spare;
    mk_rt.limits++;
    begin_location(&spare, address, bytes);
    return &spare;
}

static struct location *add_location(struct mk_cell *cell, uintptr_t address, size_t bytes,
                                     const struct mk_view *view) {
    if (!locations) {
        size_t room = LOCATIONS_MAX * sizeof *locations;
        void *got = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (got == MAP_FAILED) return no_room(address, bytes);
        locations = got;
    }
    if (locations_n == LOCATIONS_MAX) return no_room(address, bytes);
    struct location *location = &locations[locations_n++];
    begin_location(location, address, bytes);
    location->next = cell->location;
    cell->location = locations_n;
    if (bytes == 16) mk_cell_at(address + MK_CELL_BYTES)->location = SEE_BEFORE;
    if (view) {
        location->store[0].view = *view;
        location->store[0].hands_over = true;
    }
    return location;
}

/* Makes the location of these bytes. Where others overlap it, what they hand over is not lost; their history is. */
static struct location *new_location(struct mk_cell *cell, uintptr_t address, size_t bytes) {
    struct mk_view view;
    bool any = false;
    memset(&view, 0, sizeof view);
    struct mk_cell *owner = owner_of(cell);
    size_t larger = take_out(owner, address, bytes, &view, &any);
    if (bytes == 16) take_out(mk_cell_at(address + MK_CELL_BYTES), address, bytes, &view, &any);
    if (larger == 2 * bytes) { /* the other half was handed over as well */
        uintptr_t half = address ^ bytes;
        struct mk_cell *of_half = mk_cell_at(half);
        if (of_half) add_location(of_half, half, bytes, any ? &view : NULL);
    } else if (larger) {
        mk_rt.limits++;
    }
    return add_location(cell, address, bytes, any ? &view : NULL);
}

/* Returns the location of these bytes as memory has them now. */
static struct location *location_at(struct mk_cell *cell, uintptr_t address, size_t bytes) {
    if (MK_RT_UNLIKELY(!cell)) return no_room(address, bytes);
    for (uint32_t at = cell->location == SEE_BEFORE ? 0 : cell->location; at; at = locations[at - 1].next) {
        struct location *location = &locations[at - 1];
        if (MK_RT_UNLIKELY(location->address != address || location->bytes != bytes)) continue;
        if (MK_RT_UNLIKELY(!same(last_of(location)->value, word_at(address, bytes)))) {
            begin_location(location, address, bytes); /* somebody wrote it without a hook: a new beginning */
        }
        return location;
    }
    return new_location(cell, address, bytes);
}

/* What every atomic access does first. Returns the location. */
MK_RT_INLINE struct location *touch(uintptr_t address, size_t bytes, bool write, uintptr_t pc) {
    mk_heap_check(address, bytes, write, pc);
    struct mk_cell *cell = mk_cell_at(address);
    if (MK_RT_LIKELY(cell != NULL) && !mk_rt.alone) {
        unsigned how = MK_HOW_ATOMIC | (write ? MK_HOW_WRITE : 0);
        if (MK_RT_LIKELY(address % MK_CELL_BYTES + bytes <= MK_CELL_BYTES)) {
            mk_race_in_cell(cell, address, bytes, how, pc);
        } else {
            mk_race_atomic(address, bytes, write, pc);
        }
    }
    return location_at(cell, address, bytes);
}

/* ---- which store a load may read ------------------------------------------------------------- */

MK_RT_INLINE const struct mk_clock *known(const struct mk_logical *now) {
    return mk_rt.fences ? &now->seen : &now->hb;
}

/* Returns whether the store hides all older ones from the thread at work. */
static bool hides(const struct store *store, const struct mk_logical *now, bool sc) {
    const struct mk_clock *clock = known(now);
    if (!store->epoch || clock->at[store->thread] >= store->epoch) return true;
    if (store->sc_steps != NOT_SC && (sc || store->sc_steps <= now->fence_steps)) return true;
    bool fenced = sc && mk_rt.fences, read = false; /* fenced: seq_cst fences of all threads count */
    if (fenced && mk_rt.fence_sc.at[store->thread] >= store->epoch) return true;
    for (uint32_t i = 0; i < mk_rt.n; i++) {
        read |= clock->at[i] >= store->first_read[i] || (fenced && mk_rt.fence_sc.at[i] >= store->first_read[i]);
    }
    return read;
}

static bool hides_tso(const struct store *store, const struct mk_logical *now) {
    return !store->epoch || store->thread == now->number || store->index <= mk_rt.thread[store->thread].flushed;
}

/* TSO: a place's stores leave their buffers in modification order, and each buffer first in, first out. */
static void settle(void) {
    for (uint32_t i = 0; i < mk_rt.n; i++) {
        while (settled[i] < mk_rt.thread[i].flushed) {
            uint32_t at = ++settled[i] % BUFFER, by = place_before[i][at].thread, index = place_before[i][at].index;
            if (mk_rt.thread[by].flushed >= index) continue;
            mk_rt.thread[by].flushed = index;
            i = 0; /* from the first thread on once more */
        }
    }
}

/* Returns how many stores back a load may read at most. */
static uint32_t oldest_age(struct location *location, const struct mk_logical *now, bool sc) {
    uint32_t newest = location->n - 1;
    if (mk_rt.memory == MK_MEMORY_SC || mk_rt.fair) return 0;
    if (mk_rt.memory == MK_MEMORY_TSO) settle();
    for (uint32_t i = newest; i > location->first; i--) {
        const struct store *store = &location->store[i % STORES];
        if (mk_rt.memory == MK_MEMORY_TSO ? hides_tso(store, now) : hides(store, now, sc)) return newest - i;
    }
    return newest - location->first;
}

/* The thread has read the store. */
static void take_in(struct store *store, struct mk_logical *now, int order) {
    uint32_t epoch = now->hb.at[now->number];
    if (store->first_read[now->number] == UNREAD) store->first_read[now->number] = epoch;
    if (order == memory_order_seq_cst && store->sc_steps == NOT_SC) store->sc_steps = mk_rt.steps;
    if (mk_rt.memory == MK_MEMORY_TSO && store->epoch && store->thread != now->number) {
        struct mk_logical *by = &mk_rt.thread[store->thread];
        if (by->flushed < store->index) by->flushed = store->index;
    }
    if (!store->hands_over) return;
    bool acquires = order != memory_order_relaxed && order != memory_order_release;
    struct mk_clock *hb = acquires ? &now->hb : &now->fence_acquire.hb;
    mk_clock_join(hb, &store->view.hb);
    if (!mk_rt.fences) return;
    struct mk_clock *seen = acquires ? &now->seen : &now->fence_acquire.seen;
    mk_clock_join(seen, &store->view.hb);
    mk_clock_join(seen, &store->view.seen);
}

/* Counts what finds the same again and again. */
static void note_spin(struct mk_logical *now, uintptr_t address, struct mk_word value, bool progress) {
    if (progress || now->spin_address != address || now->spin_value != value.low) {
        now->spin_address = progress ? 0 : address;
        now->spin_value = value.low;
        now->spins = 0;
    } else {
        now->spins++;
    }
}

/* Lets others go first where a thread has been looking at the same for long; then it reads the newest. Returns
 * whether that is so. */
MK_RT_INLINE bool spins_here(const struct mk_logical *now, uintptr_t address) {
    return MK_RT_UNLIKELY(now->spins >= SPINS_MAX) && now->spin_address == address;
}

static void point(enum mk_act_kind act, uintptr_t address, uintptr_t pc) {
    struct mk_logical *now = mk_rt.now;
    if (spins_here(now, address)) {
        mk_rt_yield(pc);
        if (now->spins > SPINS_MAX) now->spins = SPINS_MAX - 1;
    }
    mk_rt_point(act, address, pc);
}

/* ---- stores ---------------------------------------------------------------------------------- */

MK_RT_INLINE bool releases(int order) {
    return order == memory_order_release || order == memory_order_acq_rel || order == memory_order_seq_cst;
}

static void tick(struct mk_logical *now) {
    now->hb.at[now->number]++;
    now->seen.at[now->number] = now->hb.at[now->number];
}

static void hand_over(struct store *store, const struct mk_view *view) {
    if (!store->hands_over) {
        store->view = *view;
        store->hands_over = true;
        return;
    }
    mk_clock_join(&store->view.hb, &view->hb);
    mk_clock_join(&store->view.seen, &view->seen);
}

/* The thread begins a release sequence. Where there is no room for one more, two are taken to be one: whoever goes on
 * with one of them hands over too much, so that something is missed, and nothing is made up. */
static void add_head(struct location *location, uint32_t thread, const struct mk_view *view) {
    struct head *head = &location->head[0];
    for (unsigned i = 0; i + 1 < HEADS && head->threads && !(head->threads & 1u << thread); i++) head++;
    bool others = head->threads & ~(1u << thread);
    head->threads |= 1u << thread;
    if (others) {
        mk_clock_join(&head->view.hb, &view->hb);
        mk_clock_join(&head->view.seen, &view->seen);
    } else {
        head->view = *view; /* the thread's own, and no less than what it handed over before */
    }
}

/* A store that is no read-modify-write: sequences of other threads end, those of its own go on with it (C11; no more
 * in C++20). */
static void end_heads(struct location *location, struct store *store, uint32_t thread) {
    for (unsigned i = 0; i < HEADS; i++) {
        struct head *head = &location->head[i];
        if (head->threads & 1u << thread) hand_over(store, &head->view);
        head->threads &= 1u << thread;
    }
}

/* Appends a store. `rmw`: it carries on the release sequences of the one before. */
static void append(struct location *location, struct mk_word value, int order, bool rmw) {
    struct mk_logical *now = mk_rt.now;
    const struct store *before = last_of(location);
    struct store *store = &location->store[location->n % STORES];
    if (mk_rt.memory == MK_MEMORY_TSO) {
        if (now->stores - settled[now->number] == BUFFER) { /* it is full */
            if (now->flushed == settled[now->number]) now->flushed++;
            settle();
        }
        place_before[now->number][(now->stores + 1) % BUFFER].thread = before->thread;
        place_before[now->number][(now->stores + 1) % BUFFER].index = before->index;
    }
    if (location->n - location->first == STORES) location->first++;
    if (rmw && before->hands_over) store->view = before->view;
    store->hands_over = rmw && before->hands_over;
    location->n++;
    store->value = value;
    store->thread = now->number;
    store->epoch = now->hb.at[now->number];
    store->index = ++now->stores;
    store->sc_steps = order == memory_order_seq_cst ? mk_rt.steps : NOT_SC;
    memset(store->first_read, 0xff, sizeof store->first_read);
    if (now->has_fence_release) hand_over(store, &now->fence_release);
    if (!rmw) end_heads(location, store, now->number);
    if (releases(order)) {
        struct mk_view own;
        own.hb = now->hb;
        own.seen = mk_rt.fences ? now->seen : now->hb;
        hand_over(store, &own);
        add_head(location, now->number, &own);
        tick(now);
    }
    if (rmw || order == memory_order_seq_cst) now->flushed = now->stores;
    put_word(location->address, location->bytes, value);
}

/* ---- events ---------------------------------------------------------------------------------- */

__attribute__((noinline, cold)) static void tell(enum mk_act_kind act, uintptr_t address, size_t bytes, int order,
                                                 uintptr_t pc, struct mk_word before, struct mk_word after,
                                                 uint32_t age, bool failed) {
    mk_rt_tell(&(struct mk_event_info){.thread = mk_rt.now->number, .step = (uint32_t)mk_rt.steps, .act = act,
                                       .atomic = true, .stale = age != 0, .order = (uint8_t)order,
                                       .bytes = (uint32_t)bytes, .age = age, .failed = failed, .address = address,
                                       .pc = pc, .before = before.low, .after = after.low});
}

MK_RT_INLINE void hash_value(struct mk_word value) {
    mk_rt.hash = (mk_rt.hash ^ value.low) * 0x9e3779b97f4a7c15u;
}

/* ---- operations ------------------------------------------------------------------------------ */

struct mk_word mk_memory_load(uintptr_t address, size_t bytes, int order, uintptr_t pc) {
    struct mk_site *site = mk_site_at(pc, MK_ACT_LOAD, order, 0);
    struct mk_logical *now = mk_rt.now;
    bool newest = spins_here(now, address);
    point(MK_ACT_LOAD, address, pc);
    site->hits++;
    order = site->weakened;
    struct location *location = touch(address, bytes, false, pc);
    uint32_t age = 0;
    if (location->n > 1 && !newest) {
        age = mk_rt_choose(MK_CHOICE_AGE, oldest_age(location, now, order == memory_order_seq_cst) + 1);
    }
    struct store *store = &location->store[(location->n - 1 - age) % STORES];
    struct mk_word value = store->value;
    take_in(store, now, order);
    note_spin(now, address, value, false);
    hash_value(value);
    if (MK_RT_UNLIKELY(mk_rt.sink != NULL)) tell(MK_ACT_LOAD, address, bytes, order, pc, value, value, age, false);
    return value;
}

void mk_memory_store(uintptr_t address, size_t bytes, struct mk_word value, int order, uintptr_t pc) {
    struct mk_site *site = mk_site_at(pc, MK_ACT_STORE, order, 0);
    mk_rt_point(MK_ACT_STORE, address, pc);
    site->hits++;
    order = site->weakened;
    mk_rt.now->spins = 0;
    struct location *location = touch(address, bytes, true, pc);
    value = cut(value, bytes);
    append(location, value, order, false);
    hash_value(value);
    if (MK_RT_UNLIKELY(mk_rt.sink != NULL)) tell(MK_ACT_STORE, address, bytes, order, pc, value, value, 0, false);
}

static struct mk_word result_of(enum mk_rmw what, struct mk_word old, struct mk_word operand) {
    unsigned __int128 a = (unsigned __int128)old.high << 64 | old.low;
    unsigned __int128 b = (unsigned __int128)operand.high << 64 | operand.low;
    switch (what) {
    case MK_RMW_EXCHANGE: a = b; break;
    case MK_RMW_ADD: a += b; break;
    case MK_RMW_SUB: a -= b; break;
    case MK_RMW_AND: a &= b; break;
    case MK_RMW_OR: a |= b; break;
    case MK_RMW_XOR: a ^= b; break;
    case MK_RMW_NAND: a = ~(a & b); break;
    }
    return (struct mk_word){(uint64_t)a, (uint64_t)(a >> 64)};
}

struct mk_word mk_memory_rmw(uintptr_t address, size_t bytes, enum mk_rmw what, struct mk_word operand, int order,
                             uintptr_t pc) {
    struct mk_site *site = mk_site_at(pc, MK_ACT_RMW, order, 0);
    struct mk_logical *now = mk_rt.now;
    point(MK_ACT_RMW, address, pc);
    site->hits++;
    order = site->weakened;
    struct location *location = touch(address, bytes, true, pc);
    struct store *store = last_of(location);
    struct mk_word old = store->value, value = cut(result_of(what, old, operand), bytes);
    take_in(store, now, order);
    append(location, value, order, true);
    note_spin(now, address, value, !same(old, value));
    hash_value(value);
    if (MK_RT_UNLIKELY(mk_rt.sink != NULL)) tell(MK_ACT_RMW, address, bytes, order, pc, old, value, 0, false);
    return old;
}

bool mk_memory_cas(uintptr_t address, size_t bytes, struct mk_word *expected, struct mk_word desired, bool weak,
                   int order, int failure_order, uintptr_t pc) {
    struct mk_site *site = mk_site_at(pc, MK_ACT_RMW, order, failure_order);
    struct mk_logical *now = mk_rt.now;
    point(MK_ACT_RMW, address, pc);
    site->hits++;
    struct location *location = touch(address, bytes, false, pc); /* one that fails writes nothing */
    struct store *store = last_of(location);
    struct mk_word old = store->value, wanted = cut(*expected, bytes);
    bool succeeds = same(old, wanted);
    if (succeeds && weak && mk_rt_choose(MK_CHOICE_SPURIOUS, 2)) succeeds = false;
    order = succeeds ? site->weakened : site->weakened_failure;
    take_in(store, now, order);
    if (succeeds) {
        mk_race_atomic(address, bytes, true, pc);
        desired = cut(desired, bytes);
        append(location, desired, order, true);
    } else {
        *expected = old;
        now->flushed = now->stores; /* TSO: a locked instruction, whatever comes of it */
    }
    note_spin(now, address, old, succeeds);
    hash_value(old);
    if (MK_RT_UNLIKELY(mk_rt.sink != NULL)) tell(MK_ACT_RMW, address, bytes, order, pc, old, desired, 0, !succeeds);
    return succeeds;
}

/* ---- fences ---------------------------------------------------------------------------------- */

/* From the first seq_cst fence on it is kept what such fences make known. */
static void begin_fences(void) {
    mk_rt.fences = true;
    for (uint32_t i = 0; i < mk_rt.n; i++) mk_clock_join(&mk_rt.thread[i].seen, &mk_rt.thread[i].hb);
}

static void fence_sc(struct mk_logical *thread) {
    if (!mk_rt.fences) begin_fences();
    mk_clock_join(&mk_rt.fence_sc, &thread->seen);
    thread->seen = mk_rt.fence_sc;
    thread->fence_steps = mk_rt.steps;
    thread->flushed = thread->stores;
}

static void fence_by(struct mk_logical *thread, int order) {
    if (order != memory_order_release) {
        mk_clock_join(&thread->hb, &thread->fence_acquire.hb);
        mk_clock_join(&thread->seen, &thread->fence_acquire.hb);
        mk_clock_join(&thread->seen, &thread->fence_acquire.seen);
    }
    if (order == memory_order_seq_cst) fence_sc(thread);
    if (releases(order)) {
        thread->fence_release.hb = thread->hb;
        thread->fence_release.seen = mk_rt.fences ? thread->seen : thread->hb;
        thread->has_fence_release = true;
    }
    tick(thread);
}

void mk_memory_fence(int order, uintptr_t pc) {
    struct mk_site *site = mk_site_at(pc, MK_ACT_FENCE, order, 0);
    struct mk_word none = {0, 0};
    mk_rt_point(MK_ACT_FENCE, 0, pc);
    site->hits++;
    order = site->weakened;
    if (order != memory_order_relaxed) fence_by(mk_rt.now, order);
    if (MK_RT_UNLIKELY(mk_rt.sink != NULL)) tell(MK_ACT_FENCE, 0, 0, order, pc, none, none, 0, false);
}

void mk_memory_barrier_all(uintptr_t pc) {
    mk_memory_fence(memory_order_seq_cst, pc);
    if (mk_site_at(pc, MK_ACT_FENCE, memory_order_seq_cst, 0)->weakened != memory_order_seq_cst) return; /* orders */
    for (uint32_t i = 0; i < mk_rt.n; i++) {
        if (&mk_rt.thread[i] != mk_rt.now) fence_by(&mk_rt.thread[i], memory_order_seq_cst);
    }
    fence_by(mk_rt.now, memory_order_seq_cst); /* and knows what the others have done so far */
}
