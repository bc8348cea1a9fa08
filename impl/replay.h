/* replay.h - kind `alloc`: the loop of a replay, in which threads do again what was recorded
 * (harness/alloc_replay.h).
 *
 * A replay has words of its own, one for each event of the trace: which of alloc, zalloc, free and resize it is, in
 * the place of the code as always; two marks; where its block is; how many bytes. A block is in a slot of its
 * thread, or, when another thread is to take it, in a table that all share, by the number of the object. Whoever
 * takes from there waits until it is there, and for nothing else. What does not fit into a word is in a table
 * beside the stream.
 *
 * Included by alloc.h.
 */
#ifndef MK_REPLAY_WORDS_H
#define MK_REPLAY_WORDS_H

#define MK_REPLAY_WIDE 0x10u    /* the place is an index into the table of what does not fit */
#define MK_REPLAY_CROSSES 0x20u /* the place is the number of an object that another thread takes, or has given */
#define MK_REPLAY_MARKS (MK_REPLAY_WIDE | MK_REPLAY_CROSSES)
#define MK_REPLAY_PLACE_BITS 28
#define MK_REPLAY_PLACE_MAX ((1u << MK_REPLAY_PLACE_BITS) - 1)
#define MK_REPLAY_BYTES_MAX ((1u << 30) - 1)
#define MK_REPLAY_PACK(code, place, bytes) ((uint64_t)(bytes) << 34 | (uint64_t)(place) << 6 | (uint64_t)(code))
#define MK_REPLAY_PLACE(word) ((uint32_t)((word) >> 6) & MK_REPLAY_PLACE_MAX)
#define MK_REPLAY_BYTES(word) ((size_t)((word) >> 34))

/* What malloc guarantees, whatever the size. */
#define MK_REPLAY_ALIGN_LOG2 4u
#define MK_REPLAY_ALIGN_LOG2_MAX 12u /* as alloc.h has it */

/* Size and alignment of a block. */
#define MK_REPLAY_FORM(bytes, align_log2) ((uint64_t)(bytes) << 4 | (uint64_t)(align_log2))
#define MK_REPLAY_FORM_BYTES(form) ((size_t)((form) >> 4))
#define MK_REPLAY_FORM_ALIGN(form) ((size_t)1 << ((form) & 15u))

struct mk_replay_block {
    void *at; /* NULL: none */
    uint64_t form;
};

/* One that crosses threads. `form` is written before `at`. */
struct mk_replay_crossing {
    MK_ATOMIC(void *) at; /* NULL: not there yet, or taken; MK_REPLAY_NOTHING: it will not be */
    uint64_t form;
};
#define MK_REPLAY_NOTHING ((void *)1)

/* An event that does not fit into a word. */
#define MK_REPLAY_WIDE_CROSSES 0x80000000u
struct mk_replay_wide {
    uint32_t taken, given; /* places, with MK_REPLAY_WIDE_CROSSES those of objects that cross */
    uint64_t form;         /* of what is given */
};

/* A thread's part. Made by the harness; tables that are shared are the same for all. */
struct mk_replay {
    struct mk_replay_block *slot;
    struct mk_replay_crossing *crossing; /* shared */
    const struct mk_replay_wide *wide;
    MK_ATOMIC(uint32_t) *abandoned; /* shared: somebody could not go on, and nobody is to wait for him */
    /* Which bytes of a new block are written: one in each cache line of its first `line_bytes`, then one in each
     * page of the others if `pages` is set. */
    size_t line_bytes;
    bool pages;
    uint64_t bytes; /* asked for so far */
};

/* What one event is about. */
struct mk_replay_event {
    uint32_t taken, given; /* places, as in mk_replay_wide */
    uint64_t form;
};

#define MK_REPLAY_LINE 64u
#define MK_REPLAY_PAGE 4096u

/* Writes into what is new of a block: all behind its first `from` bytes. */
MK_INLINE void mk_replay_touch(const struct mk_replay *replay, void *block, size_t from, size_t bytes,
                               uint64_t tag) {
    unsigned char *at = (unsigned char *)block;
    size_t lines = replay->line_bytes < bytes ? replay->line_bytes : bytes, i = from;
    for (i = (i + MK_REPLAY_LINE - 1) / MK_REPLAY_LINE * MK_REPLAY_LINE; i < lines; i += MK_REPLAY_LINE) {
        *(volatile unsigned char *)(at + i) = (unsigned char)tag;
    }
    if (!replay->pages) return;
    for (i = (i + MK_REPLAY_PAGE - 1) / MK_REPLAY_PAGE * MK_REPLAY_PAGE; i < bytes; i += MK_REPLAY_PAGE) {
        *(volatile unsigned char *)(at + i) = (unsigned char)tag;
    }
}

/* Reads the first byte of a block that was written. */
MK_INLINE uint64_t mk_replay_look(const struct mk_replay *replay, const void *block) {
    return replay->line_bytes ? *(const volatile unsigned char *)block : 0;
}

/* Takes the object with this number, waiting for it. Returns a block, with `at` NULL where there will be none. */
static MK_NOINLINE struct mk_replay_block mk_replay_await(struct mk_replay *replay, uint32_t number) {
    struct mk_replay_crossing *crossing = &replay->crossing[number];
    struct mk_replay_block block = {NULL, 0};
    unsigned spins = 0;
    void *at;
    /* (1) acquire-load synchronizes-with the release-store (3): what the block's maker wrote into it */
    while (!(at = atomic_load_explicit(&crossing->at, memory_order_acquire))) {
        /* (2) relaxed: a flag, and nothing behind it */
        if (atomic_load_explicit(replay->abandoned, memory_order_relaxed)) return block;
        mk_backoff(&spins);
    }
    block.form = crossing->form;
    /* (4) relaxed: nobody else takes it */
    atomic_store_explicit(&crossing->at, NULL, memory_order_relaxed);
    if (at != MK_REPLAY_NOTHING) block.at = at;
    return block;
}

MK_INLINE struct mk_replay_block mk_replay_take(struct mk_replay *replay, uint32_t place) {
    if (place & MK_REPLAY_WIDE_CROSSES) return mk_replay_await(replay, place & ~MK_REPLAY_WIDE_CROSSES);
    struct mk_replay_block block = replay->slot[place];
    replay->slot[place].at = NULL;
    return block;
}

/* Puts a block where it belongs; one without an address, too: who waits for it is told. */
MK_INLINE void mk_replay_give(struct mk_replay *replay, uint32_t place, void *at, uint64_t form) {
    if (place & MK_REPLAY_WIDE_CROSSES) {
        struct mk_replay_crossing *crossing = &replay->crossing[place & ~MK_REPLAY_WIDE_CROSSES];
        crossing->form = form;
        /* (3) release-store synchronizes-with the acquire-load (1): form, and what is in the block */
        atomic_store_explicit(&crossing->at, at ? at : MK_REPLAY_NOTHING, memory_order_release);
        return;
    }
    replay->slot[place].at = at;
    replay->slot[place].form = form;
}

MK_INLINE struct mk_replay_event mk_replay_decode(const struct mk_replay *replay, uint64_t word) {
    struct mk_replay_event event;
    if (word & MK_REPLAY_WIDE) {
        const struct mk_replay_wide *wide = &replay->wide[MK_REPLAY_PLACE(word)];
        event.taken = wide->taken;
        event.given = wide->given;
        event.form = wide->form;
        return event;
    }
    event.taken = MK_REPLAY_PLACE(word) | (word & MK_REPLAY_CROSSES ? MK_REPLAY_WIDE_CROSSES : 0);
    event.given = event.taken;
    event.form = MK_REPLAY_FORM(MK_REPLAY_BYTES(word), MK_REPLAY_ALIGN_LOG2);
    return event;
}

MK_INLINE void mk_replay_do_alloc(const struct mk_alloc_def *def, struct mk_alloc *alloc, struct mk_thread *me,
                                     const struct mk_replay_event *event, unsigned code, struct mk_tally *tally) {
    struct mk_replay *replay = me->blocks->replay;
    size_t bytes = MK_REPLAY_FORM_BYTES(event->form), align = MK_REPLAY_FORM_ALIGN(event->form);
    void *at = code == MK_ALLOC_ALLOC ? def->alloc(alloc, me, bytes, align)
                                      : mk_alloc_zeroed(def, alloc, me, bytes, align);
    replay->bytes += bytes;
    if (MK_LIKELY(at != NULL)) {
        mk_replay_touch(replay, at, 0, bytes, event->form);
        tally->hits[code]++;
    } else {
        tally->failed++;
    }
    mk_replay_give(replay, event->given, at, event->form);
}

MK_INLINE void mk_replay_do_free(const struct mk_alloc_def *def, struct mk_alloc *alloc, struct mk_thread *me,
                                    const struct mk_replay_event *event, struct mk_tally *tally) {
    struct mk_replay *replay = me->blocks->replay;
    struct mk_replay_block block = mk_replay_take(replay, event->taken);
    if (MK_UNLIKELY(!block.at)) return;
    /* the blocks of a floor overlap: the one who made this may be writing there */
    if (!(def->caps & MK_FLOOR && event->taken & MK_REPLAY_WIDE_CROSSES)) {
        tally->sum += mk_replay_look(replay, block.at);
    }
    enum mk_status status =
        def->free(alloc, me, block.at, MK_REPLAY_FORM_BYTES(block.form), MK_REPLAY_FORM_ALIGN(block.form));
    tally->hits[MK_ALLOC_FREE] += status == MK_HIT;
    tally->failed += status > MK_HIT;
}

MK_INLINE void mk_replay_do_resize(const struct mk_alloc_def *def, struct mk_alloc *alloc, struct mk_thread *me,
                                      const struct mk_replay_event *event, struct mk_tally *tally) {
    struct mk_replay *replay = me->blocks->replay;
    struct mk_replay_block block = mk_replay_take(replay, event->taken);
    size_t bytes = MK_REPLAY_FORM_BYTES(event->form), old_bytes = MK_REPLAY_FORM_BYTES(block.form);
    replay->bytes += bytes;
    if (MK_UNLIKELY(!block.at)) {
        mk_replay_give(replay, event->given, NULL, 0);
        return;
    }
    void *at = mk_alloc_resized(def, alloc, me, block.at, old_bytes, MK_REPLAY_FORM_ALIGN(block.form), bytes,
                                MK_REPLAY_FORM_ALIGN(event->form));
    if (MK_LIKELY(at != NULL)) {
        tally->sum += mk_replay_look(replay, at);
        mk_replay_touch(replay, at, old_bytes, bytes, event->form);
        tally->hits[MK_ALLOC_RESIZE]++;
        mk_replay_give(replay, event->given, at, event->form);
    } else {
        tally->failed++; /* the old one stands */
        mk_replay_give(replay, event->given, block.at, block.form);
    }
}

MK_INLINE void mk_alloc_replay_batch(const struct mk_alloc_def *def, struct mk_alloc *alloc, struct mk_thread *me,
                                     const uint64_t *stream, size_t n, struct mk_tally *tally) {
    for (size_t i = 0; i < n; i++) {
        struct mk_replay_event event = mk_replay_decode(me->blocks->replay, stream[i]);
        switch (MK_CODE(stream[i])) {
        case MK_ALLOC_ALLOC: mk_replay_do_alloc(def, alloc, me, &event, MK_ALLOC_ALLOC, tally); break;
        case MK_ALLOC_ZALLOC: mk_replay_do_alloc(def, alloc, me, &event, MK_ALLOC_ZALLOC, tally); break;
        case MK_ALLOC_FREE: mk_replay_do_free(def, alloc, me, &event, tally); break;
        case MK_ALLOC_RESIZE: mk_replay_do_resize(def, alloc, me, &event, tally); break;
        default: break;
        }
    }
}

#endif
