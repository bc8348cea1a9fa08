/* tale.c - see tale.h: carries out the schedule, and listens. */
#include "tale.h"

#include <stdlib.h>

#include "../record.h"

#define HALF (MK_TALE_EVENTS / 2)
#define BLOCKS_MAX 4096u

static bool overlap(uintptr_t low, uintptr_t high, uintptr_t address, size_t bytes) {
    return address < high && low < address + (bytes ? bytes : 1);
}

/* ---- listening: on the stack of a logical thread, so that nothing is allocated ---------------- */

static void note_allocation(struct mk_tale *tale, const struct mk_event_info *info) {
    if (info->failed || !info->address || tale->blocks_n == BLOCKS_MAX) return;
    struct mk_tale_block *block = &tale->blocks[tale->blocks_n];
    *block = (struct mk_tale_block){.address = info->address, .bytes = info->bytes, .number = tale->told,
                                    .pc = info->pc, .thread = info->thread};
    for (size_t i = 0; i < tale->blocks_n; i++) block->reuse += tale->blocks[i].address == info->address;
    tale->blocks_n++;
}

static void note_free(struct mk_tale *tale, const struct mk_event_info *info) {
    for (size_t i = tale->blocks_n; i-- > 0;) {
        struct mk_tale_block *block = &tale->blocks[i];
        if (block->address != info->address) continue;
        block->freed = true;
        block->freed_by = info->thread;
        block->freed_pc = info->pc;
        block->freed_number = tale->told;
        return;
    }
}

/* The stack of who was there first is that of the last event that can be it, up to the step it was at. */
static void note_there(struct mk_tale *tale, const struct mk_event_info *info) {
    const struct mk_touch *there = &tale->failure.there;
    if (!there->pc || info->thread != there->thread || info->pc != there->pc) return;
    if (mk_rt.steps > there->step && tale->has_there) return;
    tale->there = mk_rt.thread[info->thread];
    tale->has_there = true;
    tale->there_number = tale->told;
}

static void keep(struct mk_tale *tale, const struct mk_event_info *info) {
    size_t at = tale->n;
    if (tale->n == MK_TALE_EVENTS) {
        at = HALF + (size_t)(tale->told - MK_TALE_EVENTS) % HALF;
        tale->full = true;
    } else {
        tale->n++;
    }
    const struct mk_logical *thread = &mk_rt.thread[info->thread];
    struct mk_tale_event *event = &tale->events[at];
    *event = (struct mk_tale_event){*info, mk_rt.steps, thread->step, tale->told, {0}};
    if (info->act != MK_ACT_ALLOC && info->act != MK_ACT_FREE) return;
    size_t depth = thread->depth < MK_RT_DEPTH ? thread->depth : MK_RT_DEPTH;
    for (size_t i = 0; i < MK_TALE_CALLERS && depth > 0; i++) event->callers[i] = thread->stack[--depth];
}

static void listen(struct mk_event_sink *sink, const struct mk_event_info *info) {
    struct mk_tale *tale = (struct mk_tale *)(void *)sink;
    bool memory = info->act == MK_ACT_LOAD || info->act == MK_ACT_STORE;
    bool touches = overlap(tale->low, tale->high, info->address, info->bytes);
    if (touches || info->act == MK_ACT_FREE) note_there(tale, info);
    if (memory && !info->atomic && !touches) return; /* there are too many */
    if (info->act == MK_ACT_ALLOC) note_allocation(tale, info);
    if (info->act == MK_ACT_FREE) note_free(tale, info);
    keep(tale, info);
    tale->told++;
}

/* ---- who asked for memory -------------------------------------------------------------------- */

/* Returns the place that an allocation or a free is to be known by: its own, unless an allocator handed it on. */
static uintptr_t asked_at(const struct mk_tale_event *event) {
    uintptr_t contract = event->info.pc;
    if (mk_tale_layer(event->info.pc) != MK_TALE_HANDS_ON) return event->info.pc;
    for (size_t i = 0; i < MK_TALE_CALLERS && event->callers[i]; i++) {
        enum mk_tale_layer layer = mk_tale_layer(event->callers[i]);
        if (layer == MK_TALE_CODE) return event->callers[i];
        if (layer == MK_TALE_CONTRACT && contract == event->info.pc) contract = event->callers[i];
    }
    return contract;
}

/* One call of the tool that knows lines, for all that will be asked for. */
static void look_up(const struct mk_tale *tale) {
    size_t n = 0, room = tale->n * (1 + MK_TALE_CALLERS) + 1;
    uintptr_t *pc = mk_need(room, sizeof *pc);
    const struct mk_symbol **symbol = mk_need(room, sizeof *symbol);
    for (size_t i = 0; i < tale->n; i++) {
        pc[n++] = tale->events[i].info.pc;
        const uintptr_t *caller = tale->events[i].callers;
        for (size_t j = 0; j < MK_TALE_CALLERS && caller[j]; j++) pc[n++] = caller[j];
    }
    mk_symbols(pc, n, symbol);
    free(symbol);
    free(pc);
}

static void find_askers(struct mk_tale *tale) {
    for (size_t i = 0; i < tale->n; i++) {
        struct mk_tale_event *event = &tale->events[i];
        if (event->info.act != MK_ACT_ALLOC && event->info.act != MK_ACT_FREE) continue;
        event->info.pc = asked_at(event);
        for (size_t b = 0; b < tale->blocks_n; b++) {
            struct mk_tale_block *block = &tale->blocks[b];
            if (block->number == event->number) block->pc = event->info.pc;
            if (block->freed && block->freed_number == event->number) block->freed_pc = event->info.pc;
        }
    }
}

/* ---- carrying out ---------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b) {
    const struct mk_tale_event *one = a, *other = b;
    return (one->number > other->number) - (one->number < other->number);
}

static void aim(struct mk_tale *tale) {
    const struct mk_failure *failure = &tale->failure;
    /* What was freed is a whole block; what is of interest are the bytes that were used. */
    uint32_t here = failure->here.freed ? 0 : failure->here.bytes;
    uint32_t there = failure->there.freed ? 0 : failure->there.bytes, bytes = here > there ? here : there;
    tale->low = failure->address;
    tale->high = failure->address + (failure->address ? bytes ? bytes : 1 : 0);
}

static void free_texts(struct mk_failure *failure) {
    free(failure->detail);
    free(failure->picture);
    failure->detail = failure->picture = NULL;
}

/* They come by thread and step; people read them in the order of what happened. An insertion sort, as it is stable
 * and there are few. */
static void order_decisions(struct mk_tale *tale) {
    size_t n = tale->decisions->n, *when = mk_need(n + 1, sizeof *when);
    tale->order = mk_need(n + 1, sizeof *tale->order);
    for (size_t i = 0; i < n; i++) {
        struct mk_decision decision = tale->decisions->at[i];
        size_t at = mk_tale_is_turn(&decision) ? mk_tale_turn(tale, &decision) : mk_tale_decided(tale, &decision);
        size_t place = i;
        for (; place > 0 && when[place - 1] > at; place--) {
            when[place] = when[place - 1];
            tale->order[place] = tale->order[place - 1];
        }
        when[place] = at;
        tale->order[place] = decision;
    }
    free(when);
}

bool mk_tale_open(struct mk_tale *tale, const struct mk_program *program, const struct mk_setting *setting,
                  const struct mk_decisions *decisions) {
    *tale = (struct mk_tale){.sink = {listen, true}, .setting = setting, .decisions = decisions};
    tale->events = mk_need(MK_TALE_EVENTS, sizeof *tale->events);
    tale->blocks = mk_need(BLOCKS_MAX, sizeof *tale->blocks);
    tale->thread = mk_need(MK_RT_THREADS, sizeof *tale->thread);
    tale->failed = mk_replay(program, setting, decisions, NULL);
    uint64_t hash = mk_rt.hash, steps = mk_rt.steps;
    tale->failure = mk_rt.failure;
    if (!tale->failed) tale->failure = (struct mk_failure){.kind = MK_FAIL_NONE};
    aim(tale);
    bool again = mk_replay(program, setting, decisions, &tale->sink);
    tale->steady = again == tale->failed && mk_rt.hash == hash && mk_rt.steps == steps;
    if (again) free_texts(&mk_rt.failure);
    tale->threads = mk_rt.n;
    memcpy(tale->thread, mk_rt.thread, tale->threads * sizeof *tale->thread);
    qsort(tale->events, tale->n, sizeof *tale->events, by_number);
    order_decisions(tale);
    look_up(tale);
    find_askers(tale);
    return tale->failed;
}

void mk_tale_close(struct mk_tale *tale) {
    free_texts(&tale->failure);
    free(tale->events);
    free(tale->elsewhere);
    free(tale->blocks);
    free(tale->order);
    free(tale->thread);
    *tale = (struct mk_tale){0};
}

/* ---- looking --------------------------------------------------------------------------------- */

bool mk_tale_touches(const struct mk_tale *tale, const struct mk_tale_event *event) {
    const struct mk_event_info *info = &event->info;
    return info->address && overlap(tale->low, tale->high, info->address, info->bytes);
}

size_t mk_tale_decided(const struct mk_tale *tale, const struct mk_decision *decision) {
    size_t i = 0;
    while (i < tale->n && !(tale->events[i].info.thread == decision->thread &&
                            tale->events[i].own_step >= decision->step)) {
        i++;
    }
    return i;
}

static size_t last_before(const struct mk_tale *tale, size_t end, uint32_t thread) {
    while (end > 0 && tale->events[end - 1].info.thread != thread) end--;
    return end; /* one behind it */
}

bool mk_tale_is_turn(const struct mk_decision *decision) {
    return decision->kind == MK_CHOICE_THREAD || decision->kind == MK_CHOICE_FREEZE;
}

bool mk_tale_begins(const struct mk_decision *decision) {
    return decision->thread == 0 && decision->kind == MK_CHOICE_THREAD;
}

size_t mk_tale_turn(const struct mk_tale *tale, const struct mk_decision *decision) {
    size_t at = mk_tale_decided(tale, decision), before = last_before(tale, at, decision->thread);
    if (before || decision->kind != MK_CHOICE_THREAD) return before;
    /* Nothing was seen of the thread before: it stands where the other one begins. */
    size_t first = 0;
    while (first < at && tale->events[first].info.thread != decision->value) first++;
    return first;
}

size_t mk_tale_newest_store(const struct mk_tale *tale, size_t index) {
    const struct mk_event_info *load = &tale->events[index].info;
    for (size_t i = index; i-- > 0;) {
        const struct mk_event_info *info = &tale->events[i].info;
        bool writes = info->act == MK_ACT_STORE || (info->act == MK_ACT_RMW && !info->failed);
        if (writes && overlap(info->address, info->address + info->bytes, load->address, load->bytes)) return i;
    }
    return tale->n;
}
