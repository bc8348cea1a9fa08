/* alloctrace_walk.c - all threads' events in the one order of all: a heap of threads by the order of their next
 * event. Of each thread that is in the middle of a block one block is in memory. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alloctrace.h"
#include "record.h"

#define DAMAGED "the file is damaged, or its maker was wrong: record it again"
#define SLOT_BITS 32 /* of a key, below the thread's number */

struct cursor {
    struct mk_alloctrace_stream stream;
    struct mk_alloctrace_event event;
    bool loaded; /* event is the next one; else a block has to be read first */
    uint64_t slots; /* used so far */
};

struct head {
    uint64_t order;
    uint32_t thread;
};

struct walk {
    struct mk_alloctrace *trace;
    struct cursor *cursor; /* by thread */
    struct head *heap;
    size_t heap_n;
    struct mk_alloctrace_table live, crossing;
    uint64_t crossed; /* objects with a number of their own, so far */
    mk_alloctrace_visit_fn *visit;
    void *arg;
    struct mk_err *err;
};

static void sink(struct walk *walk, size_t at) {
    struct head moved = walk->heap[at];
    for (size_t child; (child = 2 * at + 1) < walk->heap_n; at = child) {
        if (child + 1 < walk->heap_n && walk->heap[child + 1].order < walk->heap[child].order) child++;
        if (walk->heap[child].order >= moved.order) break;
        walk->heap[at] = walk->heap[child];
    }
    walk->heap[at] = moved;
}

static int wrong(struct walk *walk, const struct mk_alloctrace_event *event, const char *what) {
    const struct mk_alloctrace_stream *stream = &walk->cursor[event->thread].stream;
    return mk_fail(walk->err, "in the block at byte %" PRIu64 ", thread %u, event %" PRIu64 " of all: %s; " DAMAGED,
                   stream->at, event->thread, event->order, what);
}

static uint64_t slot_key(uint32_t thread, uint64_t slot) {
    return (uint64_t)thread << SLOT_BITS | slot;
}

/* Takes the object out of the books that the event frees. Returns 1 with *out filled in, 0 where it is not known
 * in a damaged file, -1 with err set. */
static int take(struct walk *walk, const struct mk_alloctrace_event *event, struct mk_alloctrace_object *out) {
    struct mk_alloctrace_table *table = event->taken_crosses ? &walk->crossing : &walk->live;
    uint64_t key = event->taken_crosses ? event->taken : slot_key(event->thread, event->taken);
    struct mk_alloctrace_object *object =
        event->taken_crosses || event->taken >> SLOT_BITS == 0 ? mk_alloctrace_find(table, key) : NULL;
    if (!object && !walk->trace->info.whole) return 0;
    if (!object && event->taken_crosses)
        return wrong(walk, event, event->taken < walk->crossed ? "what it frees has been freed before"
                                                               : "what it frees has not been allocated");
    if (!object) return wrong(walk, event, "it frees a slot of its thread that is empty");
    *out = *object;
    mk_alloctrace_remove(table, object);
    return 1;
}

/* Enters the object that the event allocates. Returns it, or NULL with err set. */
static struct mk_alloctrace_object *give(struct walk *walk, const struct mk_alloctrace_event *event,
                                         uint64_t order) {
    struct cursor *cursor = &walk->cursor[event->thread];
    struct mk_alloctrace_object *object;
    if (event->given_crosses) {
        if (event->given != walk->crossed && (walk->trace->info.whole || event->given < walk->crossed)) {
            wrong(walk, event, "objects that cross threads are not numbered one after the other");
            return NULL;
        }
        walk->crossed = event->given + 1;
        object = mk_alloctrace_insert(&walk->crossing, event->given);
    } else {
        uint64_t key = slot_key(event->thread, event->given);
        if (event->given > cursor->slots || event->given >> SLOT_BITS || mk_alloctrace_find(&walk->live, key)) {
            wrong(walk, event, event->given > cursor->slots ? "a slot above the next one of its thread"
                                                            : "a slot of its thread that is not empty");
            return NULL;
        }
        if (event->given == cursor->slots) cursor->slots++;
        object = mk_alloctrace_insert(&walk->live, key);
    }
    object->size = event->size;
    object->order = order;
    object->time_ns = event->time_ns;
    object->thread = event->thread;
    return object;
}

static int step(struct walk *walk, const struct mk_alloctrace_event *event) {
    struct mk_alloctrace_object taken, *given = NULL;
    int known = mk_alloctrace_takes(event->code) ? take(walk, event, &taken) : 0;
    if (known < 0) return -1;
    if (mk_alloctrace_gives(event->code) && !(given = give(walk, event, event->order))) return -1;
    if (walk->visit) walk->visit(walk->arg, event, known ? &taken : NULL, given);
    return 0;
}

/* Puts the thread at the heap's top where its next event belongs, or takes it out. */
static int move_on(struct walk *walk) {
    struct cursor *cursor = &walk->cursor[walk->heap[0].thread];
    struct mk_alloctrace_stream *stream = &cursor->stream;
    cursor->loaded = stream->left || !stream->block;
    if (cursor->loaded) {
        int came = mk_alloctrace_next(stream, &cursor->event, walk->err);
        if (came < 0) return -1;
        if (!came) {
            mk_alloctrace_stream_end(stream);
            walk->heap[0] = walk->heap[--walk->heap_n];
        } else {
            walk->heap[0].order = cursor->event.order;
        }
    } else {
        mk_alloctrace_stream_end(stream);
        walk->heap[0].order = walk->trace->block[stream->block - 1].first_order;
    }
    if (walk->heap_n) sink(walk, 0);
    return 0;
}

static int go(struct walk *walk) {
    uint64_t expected = 0;
    while (walk->heap_n) {
        struct cursor *cursor = &walk->cursor[walk->heap[0].thread];
        if (!cursor->loaded && mk_alloctrace_next(&cursor->stream, &cursor->event, walk->err) <= 0) return -1;
        const struct mk_alloctrace_event *event = &cursor->event;
        if (event->order < expected) return wrong(walk, event, "two events have the same place in the order");
        if (event->order > expected && walk->trace->info.whole)
            return wrong(walk, event, "events before it are missing");
        if (event->order == UINT64_MAX) return wrong(walk, event, "an order that cannot be");
        expected = event->order + 1;
        if (step(walk, event) || move_on(walk)) return -1;
    }
    if (walk->trace->info.whole && walk->crossed != walk->trace->info.crossing) {
        return mk_fail(walk->err, "%" PRIu64 " objects cross threads, and the closing record has %" PRIu64 "; %s",
                       walk->crossed, walk->trace->info.crossing, DAMAGED);
    }
    return 0;
}

int mk_alloctrace_walk(struct mk_alloctrace *trace, mk_alloctrace_visit_fn *visit, void *arg, struct mk_err *err) {
    struct walk walk = {.trace = trace, .visit = visit, .arg = arg, .err = err};
    walk.cursor = mk_need(trace->threads + 1, sizeof *walk.cursor);
    walk.heap = mk_need(trace->threads + 1, sizeof *walk.heap);
    for (size_t t = 0; t < trace->threads; t++) {
        mk_alloctrace_stream(&walk.cursor[t].stream, trace, (uint32_t)t);
        if (!trace->thread[t].first) continue;
        walk.heap[walk.heap_n++] = (struct head){trace->block[trace->thread[t].first - 1].first_order, (uint32_t)t};
    }
    for (size_t i = walk.heap_n; i-- > 0;) sink(&walk, i);
    int failed = go(&walk);
    for (size_t t = 0; t < trace->threads; t++) mk_alloctrace_stream_end(&walk.cursor[t].stream);
    free(walk.cursor);
    free(walk.heap);
    mk_alloctrace_table_free(&walk.live);
    mk_alloctrace_table_free(&walk.crossing);
    return failed;
}

/* ---- repair -------------------------------------------------------------------------------- */

struct repair {
    struct mk_alloctrace_writer writer;
    struct mk_alloctrace_tally tally;
};

static void copy_event(void *arg, const struct mk_alloctrace_event *event, const struct mk_alloctrace_object *taken,
                       struct mk_alloctrace_object *given) {
    struct repair *repair = arg;
    struct mk_alloctrace_event copy = *event;
    if (mk_alloctrace_takes(event->code) && !taken) {
        repair->tally.unmatched++;
        if (!given) return;
        copy.code = MK_AT_MALLOC;
    }
    if (taken && copy.taken_crosses) copy.taken = taken->tag;
    if (given && copy.given_crosses) copy.given = given->tag = repair->writer.crossing;
    mk_alloctrace_add(&repair->writer, &copy);
}

int mk_alloctrace_repair(struct mk_alloctrace *trace, FILE *out, struct mk_alloctrace_tally *tally,
                         struct mk_err *err) {
    struct repair repair = {.tally = trace->info.tally};
    struct mk_err later;
    repair.tally.flags |= MK_AT_REPAIRED | (trace->info.whole ? 0 : MK_AT_CUT);
    mk_alloctrace_begin(&repair.writer, out, &trace->info.origin);
    int failed = mk_alloctrace_walk(trace, copy_event, &repair, err);
    if (mk_alloctrace_end(&repair.writer, &repair.tally, failed ? &later : err)) failed = -1;
    *tally = repair.tally;
    return failed;
}

/* ---- what is missing ----------------------------------------------------------------------- */

bool mk_alloctrace_lacks(const struct mk_alloctrace_tally *tally) {
    return !(tally->flags & MK_AT_REPAIRED) &&
           (tally->dropped || tally->unmatched || tally->implied || tally->flags & MK_AT_CUT);
}

void mk_alloctrace_tell(const struct mk_alloctrace_tally *tally, struct mk_text *out) {
    if (tally->flags & MK_AT_CUT)
        mk_text_puts(out, "the program ended before the recording did: each thread's last events are missing\n");
    if (tally->dropped) {
        mk_text_printf(out, "%" PRIu64 " events could not be written while it ran%s%s\n", tally->dropped,
                       tally->failed ? ": " : "", tally->failed ? strerror(tally->failed) : "");
    }
    if (tally->unmatched)
        mk_text_printf(out, "%" PRIu64 " frees match no allocation, and are left out\n", tally->unmatched);
    if (tally->implied)
        mk_text_printf(out, "%" PRIu64 " frees are not in the recording, and are added: their address came again\n",
                       tally->implied);
    if (tally->inherited) {
        mk_text_printf(out, "%" PRIu64 " frees of what was there before the fork are left out\n", tally->inherited);
    }
}
