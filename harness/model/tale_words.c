/* tale_words.c - see tale.h: how people call the threads, places, values and events of a schedule. */
#include <inttypes.h>
#include <stdlib.h>

#include "../record.h"
#include "tale.h"
#include "weaken.h"

#define SMALL 10000u            /* numbers below are written as people count */

/* ---- threads and places of code -------------------------------------------------------------- */

/* Fences, pauses and calls of allocators are in these; who asks for them is of interest. */
static bool is_wrapper(const char *file) {
    static const char *const wrappers[] = {"impl/order.h", "impl/mk.h", "impl/alloc.h"};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
        if (strcmp(file, wrappers[i]) == 0) return true;
    }
    return false;
}

const struct mk_symbol *mk_tale_frame(uintptr_t pc) {
    const struct mk_symbol *frame;
    mk_symbols(&pc, 1, &frame);
    while (frame->caller && frame->file && is_wrapper(frame->file)) frame = frame->caller;
    return frame;
}

enum mk_tale_layer mk_tale_layer(uintptr_t pc) {
    static const char contracts[] = "impl/", allocators[] = "impl/alloc/", harness[] = "harness/";
    const char *file = mk_tale_frame(pc)->file;
    if (!file || strncmp(file, harness, sizeof harness - 1) == 0) return MK_TALE_HARNESS;
    if (is_wrapper(file) || strncmp(file, allocators, sizeof allocators - 1) == 0) return MK_TALE_HANDS_ON;
    if (strncmp(file, contracts, sizeof contracts - 1) == 0 && !strchr(file + sizeof contracts - 1, '/')) {
        return MK_TALE_CONTRACT;
    }
    return MK_TALE_CODE;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void mk_tale_place(uintptr_t pc, struct mk_text *out) {
    const struct mk_symbol *frame = mk_tale_frame(pc);
    if (frame->file) {
        mk_text_printf(out, "%s:%" PRIu32, base_name(frame->file), frame->line);
    } else if (frame->function) {
        mk_text_puts(out, frame->function);
    } else {
        mk_text_printf(out, "%#" PRIxPTR, pc);
    }
}

/* Appends "impl/map/x.c:12 (put)". */
static void put_function_at(uintptr_t pc, struct mk_text *out) {
    const struct mk_symbol *frame = mk_tale_frame(pc);
    if (frame->file) {
        mk_text_printf(out, "%s:%" PRIu32, frame->file, frame->line);
        if (frame->function) mk_text_printf(out, " (%s)", frame->function);
    } else {
        mk_tale_place(pc, out);
    }
}

void mk_tale_places_in(const char *text, struct mk_text *out) {
    static const char head[] = "{pc ";
    for (const char *at; (at = strstr(text, head)); ) {
        char *end;
        uintptr_t pc = (uintptr_t)strtoull(at + sizeof head - 1, &end, 16);
        mk_text_add(out, text, (size_t)(at - text));
        put_function_at(pc, out);
        text = *end == '}' ? end + 1 : end;
    }
    mk_text_puts(out, text);
}

/* ---- places of memory, and values ------------------------------------------------------------ */

/* The block that an address lay in when that event happened, or before. */
static struct mk_tale_block *block_at(struct mk_tale *tale, uintptr_t address, uint64_t number) {
    for (size_t i = tale->blocks_n; i-- > 0;) {
        struct mk_tale_block *block = &tale->blocks[i];
        if (block->number <= number && address - block->address < (block->bytes ? block->bytes : 1)) return block;
    }
    return NULL;
}

static struct mk_tale_block *first_at(struct mk_tale *tale, uintptr_t address) {
    size_t i = 0;
    while (tale->blocks[i].address != address) i++;
    return &tale->blocks[i];
}

/* Appends "A", "B" ... "Z", "A1" ...; of what is handed out at the same address again: "A#2". */
static void put_block(const struct mk_tale_block *block, struct mk_text *out) {
    uint32_t n = block->label - 1;
    mk_text_putc(out, (char)('A' + n % 26));
    if (n >= 26) mk_text_printf(out, "%" PRIu32, n / 26);
    if (block->reuse) mk_text_printf(out, "#%" PRIu32, block->reuse + 1);
}

/* It is spoken of: it has a name from now on. */
static void label(struct mk_tale *tale, struct mk_tale_block *block) {
    struct mk_tale_block *first = first_at(tale, block->address);
    if (!first->label) first->label = ++tale->labels;
    block->label = first->label;
}

/* Appends what is known of an address. Returns false, and appends nothing, where that is but the number. */
static bool put_name(struct mk_tale *tale, uintptr_t address, uint64_t number, struct mk_text *out) {
    struct mk_tale_block *block = block_at(tale, address, number);
    if (block) {
        label(tale, block);
        put_block(block, out);
        if (address != block->address) mk_text_printf(out, "+%zu", (size_t)(address - block->address));
        return true;
    }
    if (address - MK_HEAP_BASE < MK_HEAP_BYTES) {
        mk_text_printf(out, "heap:%#" PRIxPTR, address - MK_HEAP_BASE);
        return true;
    }
    if (mk_fiber_owns(address)) {
        mk_text_printf(out, "stack:%#" PRIxPTR, address & 0x3ffffff);
        return true;
    }
    const char *variable = mk_symbol_data(address);
    mk_text_puts(out, variable);
    return *variable;
}

/* Memory of the harness, say: its address would make the same schedule look different in each process. */
static void put_elsewhere(struct mk_tale *tale, uintptr_t address, struct mk_text *out) {
    size_t i = 0;
    while (i < tale->elsewhere_n && tale->elsewhere[i] != address) i++;
    if (i == tale->elsewhere_n) *(uintptr_t *)mk_grow(&tale->elsewhere, &tale->elsewhere_n, sizeof address) = address;
    mk_text_printf(out, "elsewhere:%zu", i + 1);
}

void mk_tale_name(struct mk_tale *tale, uintptr_t address, uint64_t number, struct mk_text *out) {
    if (!put_name(tale, address, number, out)) put_elsewhere(tale, address, out);
}

/* Appends "12", "&A+1". */
static void put_value(struct mk_tale *tale, uint64_t value, uint64_t number, struct mk_text *out) {
    size_t before = out->n;
    if (value < SMALL) {
        mk_text_printf(out, "%" PRIu64, value);
        return;
    }
    mk_text_putc(out, '&');
    if (put_name(tale, (uintptr_t)value, number, out)) return;
    out->n = before;
    mk_text_printf(out, "%#" PRIx64, value);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void put_order(const struct mk_event_info *info, struct mk_text *out) {
    mk_text_printf(out, " (%s)", mk_order_name(info->order));
}

static void put_stale(struct mk_tale *tale, size_t index, struct mk_text *out) {
    const struct mk_event_info *load = &tale->events[index].info;
    size_t newest = mk_tale_newest_store(tale, index);
    mk_text_puts(out, " STALE");
    if (newest < tale->n) {
        const struct mk_tale_event *store = &tale->events[newest];
        mk_text_puts(out, ": misses ");
        put_value(tale, store->info.after, store->number, out);
        mk_text_puts(out, ", which ");
        mk_text_puts(out, mk_rt_who(store->info.thread));
        mk_text_printf(out, " stored at step %" PRIu64 " (", store->steps);
        mk_tale_place(store->info.pc, out);
        mk_text_putc(out, ')');
    }
    if (load->age > 1) mk_text_printf(out, ", and %" PRIu32 " more before it", load->age - 1);
}

static void put_load(struct mk_tale *tale, size_t index, struct mk_text *out) {
    const struct mk_tale_event *event = &tale->events[index];
    mk_text_puts(out, "load ");
    mk_tale_name(tale, event->info.address, event->number, out);
    mk_text_puts(out, " = ");
    put_value(tale, event->info.before, event->number, out);
    put_order(&event->info, out);
    if (event->info.stale) put_stale(tale, index, out);
}

static void put_store(struct mk_tale *tale, const struct mk_tale_event *event, struct mk_text *out) {
    mk_text_puts(out, "store ");
    mk_tale_name(tale, event->info.address, event->number, out);
    mk_text_puts(out, " = ");
    put_value(tale, event->info.after, event->number, out);
    put_order(&event->info, out);
}

static void put_rmw(struct mk_tale *tale, const struct mk_tale_event *event, struct mk_text *out) {
    const struct mk_event_info *info = &event->info;
    mk_text_puts(out, info->failed ? "compare-exchange " : "change ");
    mk_tale_name(tale, info->address, event->number, out);
    mk_text_puts(out, info->failed ? " to " : " from ");
    put_value(tale, info->failed ? info->after : info->before, event->number, out);
    mk_text_puts(out, info->failed ? " FAILS: finds " : " to ");
    put_value(tale, info->failed ? info->before : info->after, event->number, out);
    put_order(info, out);
}

static void put_plain(struct mk_tale *tale, const struct mk_tale_event *event, struct mk_text *out) {
    mk_text_puts(out, event->info.act == MK_ACT_STORE ? "write " : "read ");
    mk_tale_name(tale, event->info.address, event->number, out);
    mk_text_printf(out, " (plain, %" PRIu32 " byte%s)", event->info.bytes, event->info.bytes == 1 ? "" : "s");
}

/* What is no memory access is called as the source calls it. */
static void put_call(struct mk_tale *tale, const struct mk_tale_event *event, struct mk_text *out) {
    static const char *const names[] = {
        [MK_ACT_LOCK] = "lock", [MK_ACT_UNLOCK] = "unlock", [MK_ACT_PAUSE] = "yield", [MK_ACT_ALLOC] = "malloc",
        [MK_ACT_FREE] = "free", [MK_ACT_SPAWN] = "start a thread", [MK_ACT_JOIN] = "join", [MK_ACT_BLOCK] = "wait",
        [MK_ACT_END] = "end",
    };
    const struct mk_event_info *info = &event->info;
    bool named = info->act < sizeof names / sizeof *names && names[info->act];
    mk_text_puts(out, info->text ? info->text : named ? names[info->act] : "go on");
    if (info->address) {
        mk_text_putc(out, ' ');
        mk_tale_name(tale, info->address, event->number, out);
    }
    if (info->act == MK_ACT_ALLOC) mk_text_printf(out, ", %" PRIu32 " bytes", info->bytes);
    if (info->failed) mk_text_puts(out, info->act == MK_ACT_ALLOC ? " REFUSED" : " FAILS");
}

void mk_tale_event(struct mk_tale *tale, size_t index, struct mk_text *out) {
    const struct mk_tale_event *event = &tale->events[index];
    const struct mk_event_info *info = &event->info;
    bool memory = info->act == MK_ACT_LOAD || info->act == MK_ACT_STORE || info->act == MK_ACT_RMW;
    if (!memory && info->act != MK_ACT_FENCE) {
        put_call(tale, event, out);
    } else if (memory && !info->atomic) {
        put_plain(tale, event, out);
    } else if (info->act == MK_ACT_LOAD) {
        put_load(tale, index, out);
    } else if (info->act == MK_ACT_STORE) {
        put_store(tale, event, out);
    } else if (info->act == MK_ACT_RMW) {
        put_rmw(tale, event, out);
    } else {
        mk_text_puts(out, "fence");
        put_order(info, out);
    }
}

void mk_tale_touch(const struct mk_touch *touch, struct mk_text *out) {
    if (touch->freed) {
        mk_text_puts(out, "freed by ");
    } else {
        mk_text_printf(out, "%s%s of %" PRIu32 " byte%s by ", touch->atomic ? "atomic " : "",
                       touch->write ? "write" : "read", touch->bytes, touch->bytes == 1 ? "" : "s");
    }
    mk_text_puts(out, mk_rt_who(touch->thread));
}

/* ---- decisions ------------------------------------------------------------------------------- */

void mk_tale_consequence(const struct mk_decision *decision, struct mk_text *out) {
    switch (decision->kind) {
    case MK_CHOICE_THREAD:
        mk_text_puts(out, mk_rt_who(decision->value));
        mk_text_puts(out, " goes on");
        break;
    case MK_CHOICE_AGE:
        mk_text_printf(out, "the load reads what was there %u store%s ago", decision->value,
                       decision->value == 1 ? "" : "s");
        break;
    case MK_CHOICE_SPURIOUS: mk_text_puts(out, "the weak compare-exchange fails for no reason"); break;
    case MK_CHOICE_BLOCK: mk_text_printf(out, "malloc hands out another block (choice %u)", decision->value); break;
    case MK_CHOICE_REFUSE: mk_text_puts(out, "there is no memory"); break;
    case MK_CHOICE_WAKE:
        mk_text_printf(out, "another waiter wakes up, or for nothing (choice %u)", decision->value);
        break;
    case MK_CHOICE_FREEZE: mk_text_puts(out, "it is stopped for ever"); break;
    default: mk_text_printf(out, "choice %u of kind %c", decision->value, decision->kind);
    }
}

void mk_tale_decision(const struct mk_tale *tale, const struct mk_decision *decision, struct mk_text *out) {
    size_t at = mk_tale_decided(tale, decision);
    const struct mk_logical *thread = decision->thread < tale->threads ? &tale->thread[decision->thread] : NULL;
    uintptr_t pc = at < tale->n ? tale->events[at].info.pc : thread ? thread->pc : 0;
    mk_text_puts(out, mk_rt_who(decision->thread));
    mk_text_printf(out, ", at its step %" PRIu32, decision->step);
    if (mk_tale_begins(decision)) {
        mk_text_puts(out, ", as the threads begin");
    } else if (pc) {
        mk_text_puts(out, " (");
        mk_tale_place(pc, out);
        mk_text_putc(out, ')');
    } else if (thread && thread->act == MK_ACT_END) {
        mk_text_puts(out, ", its end");
    }
    mk_text_puts(out, ": ");
    mk_tale_consequence(decision, out);
}

/* ---- objects --------------------------------------------------------------------------------- */

static void put_deed(const char *done, uint32_t thread, uintptr_t pc, bool whole, struct mk_text *out) {
    mk_text_printf(out, ", %s by ", done);
    mk_text_puts(out, mk_rt_who(thread));
    mk_text_puts(out, " at ");
    if (whole) {
        put_function_at(pc, out);
    } else {
        mk_tale_place(pc, out);
    }
}

/* Appends who allocated and freed it. `whole`: with folders and functions. */
static void put_life(const struct mk_tale_block *block, bool whole, struct mk_text *out) {
    put_deed("allocated", block->thread, block->pc, whole, out);
    if (block->freed) put_deed("freed", block->freed_by, block->freed_pc, whole, out);
}

void mk_tale_legend(const struct mk_tale *tale, struct mk_text *out) {
    for (size_t i = 0; i < tale->blocks_n; i++) {
        const struct mk_tale_block *block = &tale->blocks[i];
        if (!block->label) continue;
        put_block(block, out);
        mk_text_printf(out, ": %zu bytes at %#" PRIxPTR, block->bytes, block->address);
        put_life(block, false, out);
        mk_text_putc(out, '\n');
    }
}

void mk_tale_object(struct mk_tale *tale, uintptr_t address, struct mk_text *out) {
    char said[512] = "";
    if (!address) return;
    const struct mk_tale_block *block = block_at(tale, address, UINT64_MAX);
    mk_heap_describe(address, said, sizeof said);
    const char *variable = mk_symbol_data(address);
    if (block) {
        size_t offset = address - block->address;
        if (offset) mk_text_printf(out, "%zu byte%s into a ", offset, offset == 1 ? "" : "s");
        mk_text_printf(out, "block of %zu byte%s", block->bytes, block->bytes == 1 ? "" : "s");
        put_life(block, true, out);
    } else if (said[0]) {
        mk_tale_places_in(said, out);
    } else if (mk_fiber_owns(address)) {
        mk_text_puts(out, "a local variable of a thread");
    } else if (*variable) {
        mk_text_printf(out, "the variable %s", variable);
    } else if (tale->failure.kind == MK_FAIL_CRASH) {
        mk_text_printf(out, "address %#" PRIxPTR, address);
    }
}
