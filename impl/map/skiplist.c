/* map/skiplist - lock-free skip list, ordered: an update is one CAS at the bottom, whatever is above only shortens
 * ways.
 *
 * Source:     Keir Fraser, Practical Lock-Freedom, PhD thesis, Cambridge 2004, and Herlihy and Shavit, The Art of
 *             Multiprocessor Programming, 14.4; lists after Harris, DISC 2001, and Michael, SPAA 2002. Differs: the
 *             height of a tower follows from its key, so that nodes say nothing of it; a present key's value is
 *             replaced by one CAS, as in map/chain; towers count the levels they are linked at, and whoever unlinks
 *             the last one retires; every step is validated, so that any reclaimer will do.
 * Picture:    head[2] -------------------------> C ---------------> 0
 *             head[1] ----------> B -----------> C ---------------> 0
 *             head[0] ---> A ---> B ---> B' ---> C ---> D --------> 0     ascending; B is marked, B' replaces it
 *             node { value, key, next[height], and of towers higher than 1 references }
 *             link = node | MARK     MARK: the node this link is in is gone, at this level
 * parts:      reclaim=ebr
 * values:     8 64 256 1024
 * Progress:   lock-free, all operations, but for the allocator. get, contains and scan change nothing and help
 *             nobody: they pass by marked nodes.
 * Ordering:   linearizable; LIN below names the points. A scan is not one snapshot, but each key of it is.
 *             A. A key is present while a node of it is linked at level 0 and not marked there. A node is linked
 *                from the bottom up and marked from the top down, so one that is unmarked at some level is not
 *                gone, and one that is gone is marked at all levels, linked or not yet.
 *             B. A marked word never changes again. Unlinking is CAS(link before, node -> what the marked word
 *                names). References count the levels at which a tower is, or may yet be, linked, and one for who
 *                links it: the one who takes the last away retires it, and nobody can link it then.
 *             C. A walk takes no link from a node that is marked: there it starts anew. So the node it stands on is
 *                linked at this level when the link is read, as it was found at this level or at a higher one, and
 *                so is the node that is named. A reader goes on from a marked node only if, after reading its link,
 *                the live link before still names the first of those it passes by: then all of them were linked at
 *                that moment, and so was what the last one names.
 *             D. What decides answers, and the loads that answer, are in the one seq_cst order, so that two readers
 *                never see two changes of different keys in opposite orders, on POWER neither. These are the CASes
 *                that add, replace and remove, and what mk_protect reads. Loads and read-modify-writes cost no more
 *                by that on x86 and ARM.
 * Memory:     16 B + value, 8 B for each of 1/(1 - p) = 4/3 levels and, for one node in four, 8 B of references:
 *             28.7 B a key for values of 8, and the reclaimer's header. No tables, so never more. 64 B *
 *             threads_max of counters.
 * Limits:     some log4(n) * 2 cache misses, one after the other, to find one of n keys. A put allocates, also when
 *             it replaces. Heights follow from keys and the seed: who knows the seed can choose keys that make it
 *             slow.
 * Unreached:  (24) memory has to be refused to who has removed a tower and is to unlink it, and not just before.
 * Kept:       (7) who retires a node has acquired the last access of everybody who had a reference, whatever its
 *             reclaimer makes of that. Reclaimers of this tree acquire it by themselves.
 * Kept:       (8, 15) by these and (14) either who links a tower at a level finds that it has been marked there, or
 *             who has marked it finds it linked. If neither did nothing would fail, but memory would be kept until
 *             a walk comes by.
 * Kept:       (14) a get that finds a tower without a mark at an upper level says that its key is there: point A.
 *             If the mark at level 0 came before that load in the seq_cst order, and this one did not, it would be
 *             wrong, where two threads look at each other's removals.
 * Kept:       (12) decides answers, as (11) and (21) do; and where it fails, what it has found is published by us.
 */
#include "../map.h"
#include "../reclaim.h"

#define SKIPLIST_MARK ((mk_link)1)
#define SKIPLIST_LEVELS MK_TUNE(20, 3)
#define SKIPLIST_BITS MK_TUNE(2, 1) /* a level more for every 2^bits-th node: p = 1/4 */
#define SKIPLIST_ROOM 2 /* retirements made room for before an unlink: one, and one for who links a tower */

struct skiplist_node {
    MK_RECLAIM_HEADER
    mk_value value;
    uint64_t key;
    MK_ATOMIC(mk_link) next[]; /* by level; behind the last one, unless it is the first, the references */
};

/* Of one thread, which alone writes it. */
struct skiplist_line {
    MK_ATOMIC(uint64_t) count; /* keys it added less keys it removed, modulo 2^64 */
    MK_ATOMIC(uint64_t) cas_failures, restarts;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_map {
    MK_ATOMIC(mk_link) head[SKIPLIST_LEVELS] MK_ALIGNED(MK_CACHE_LINE);
    MK_ATOMIC(uint32_t) top;     /* no tower is linked above, or only just */
    struct mk_reclaim *smr;
    struct skiplist_line *line;
    uint64_t seed;
    struct mk_mem_cache nodes[SKIPLIST_LEVELS]; /* by height - 1 */
    struct mk_retire retire[SKIPLIST_LEVELS];
    struct mk_mem *mem;
    uint32_t threads_max;
};

MK_INLINE struct skiplist_node *skiplist_node_of(mk_link link) {
    return (struct skiplist_node *)(link & ~MK_LINK_FLAGS);
}

/* Returns how many levels a key's node has, 1 or more. */
MK_INLINE unsigned skiplist_height(const struct mk_map *map, uint64_t key) {
    uint64_t limit = (uint64_t)1 << SKIPLIST_BITS * (SKIPLIST_LEVELS - 1);
    return 1 + (unsigned)__builtin_ctzll(mk_mix64(key ^ map->seed) | limit) / SKIPLIST_BITS;
}

MK_INLINE size_t skiplist_bytes(unsigned height) {
    return sizeof(struct skiplist_node) + (height + (height > 1)) * sizeof(MK_ATOMIC(mk_link));
}

/* Of one thread: no update is lost, though it is no read-modify-write. */
MK_INLINE void skiplist_add(MK_ATOMIC(uint64_t) *counter, uint64_t n) {
    /* (1) relaxed-load: of a counter of our own */
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    /* (2) relaxed-store: a count; who needs it exact knows that the operations are over */
    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

/* Returns a slot of mk_protect that is none of these. */
MK_INLINE unsigned skiplist_spare(unsigned a, unsigned b, unsigned c) {
    return (unsigned)__builtin_ctz(~(1u << a | 1u << b | 1u << c));
}

/* Returns the level to begin at. */
MK_INLINE unsigned skiplist_top(struct mk_map *map) {
    /* (3) relaxed-load: whatever it finds, the way is only longer or shorter */
    return atomic_load_explicit(&map->top, memory_order_relaxed);
}

/* ---- readers -------------------------------------------------------------------------------- */

/* Where a reader is, at one level. */
struct skiplist_cursor {
    MK_ATOMIC(mk_link) *tower; /* links of the node it stands on, or the head's */
    MK_ATOMIC(mk_link) *from;  /* of these, the one at this level; unmarked when read */
    mk_link first;             /* what was read there */
    mk_link link;              /* names the node it looks at: that one, or one behind marked ones */
    mk_link next;              /* that node's own link, where it is unmarked */
    unsigned slot_from, slot_first, slot, slot_next;
};

enum skiplist_step { SKIPLIST_LIVE, SKIPLIST_GONE, SKIPLIST_LOST };

/* Looks at what the tower names at a level. False: the tower is gone, start anew. */
MK_INLINE bool skiplist_look(struct mk_map *map, struct mk_thread *me, struct skiplist_cursor *at, unsigned level) {
    at->from = &at->tower[level];
    at->slot = at->slot_first = skiplist_spare(at->slot_from, at->slot_from, at->slot_from);
    /* LIN get miss, contains miss: this load, at level 0, when what it names is above the key: nothing was between
     * at that moment. Or that of skiplist_step, which it takes the place of. Where marked nodes are passed by: that
     * load or, if it was later, the marking of the key's own node. */
    at->first = at->link = mk_protect(map->smr, me, at->slot, at->from);
    return MK_LIKELY(!(at->first & SKIPLIST_MARK));
}

/* Reads the link of the node it looks at; there is one. SKIPLIST_GONE: it was marked, and now we look at the one
 * behind it. SKIPLIST_LOST: marked, and perhaps no longer linked: start anew. */
MK_INLINE enum skiplist_step skiplist_step(struct mk_map *map, struct mk_thread *me, struct skiplist_cursor *at,
                                           unsigned level) {
    at->slot_next = skiplist_spare(at->slot, at->slot_first, at->slot_from);
    /* LIN get hit, contains hit: this load, when it finds no mark, at whatever level: point A. */
    at->next = mk_protect(map->smr, me, at->slot_next, &skiplist_node_of(at->link)->next[level]);
    if (MK_LIKELY(!(at->next & SKIPLIST_MARK))) return SKIPLIST_LIVE;
    at->link = at->next & ~SKIPLIST_MARK;
    at->slot = at->slot_next;
    /* (4) relaxed-load: finds what was read, and acquired, before, or sends us back. What it finds was so at every
     * moment since, and answers nobody: points C and D */
    return atomic_load_explicit(at->from, memory_order_relaxed) == at->first ? SKIPLIST_GONE : SKIPLIST_LOST;
}

/* Steps onto the node it looks at, which is live. */
MK_INLINE void skiplist_advance(struct skiplist_cursor *at, unsigned level) {
    at->tower = skiplist_node_of(at->link)->next;
    at->from = &at->tower[level];
    at->first = at->link = at->next;
    at->slot_from = at->slot;
    at->slot = at->slot_first = at->slot_next;
}

/* Goes down to level 0, to the last node below the key; looks at the one behind it. With `hit` it stops at the
 * key's node, at the first level where it is found live, and puts it there. */
MK_INLINE void skiplist_seek(struct mk_map *map, struct mk_thread *me, uint64_t key, struct skiplist_cursor *at,
                             const struct skiplist_node **hit) {
restart:
    at->tower = map->head;
    at->slot_from = 0;
    for (unsigned level = skiplist_top(map);; level--) {
        if (!skiplist_look(map, me, at, level)) goto lost;
        for (struct skiplist_node *node; (node = skiplist_node_of(at->link)) && node->key <= key;) {
            if (!hit && node->key == key) break;
            enum skiplist_step step = skiplist_step(map, me, at, level);
            if (MK_UNLIKELY(step == SKIPLIST_LOST)) goto lost;
            if (MK_UNLIKELY(step == SKIPLIST_GONE)) continue;
            if (node->key == key) {
                *hit = node;
                return;
            }
            skiplist_advance(at, level);
        }
        if (!level) return;
    }
lost:
    skiplist_add(&map->line[me->id].restarts, 1);
    goto restart;
}

/* Returns the key's node or NULL. */
MK_INLINE const struct skiplist_node *skiplist_lookup(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    struct skiplist_cursor at;
    const struct skiplist_node *hit = NULL;
    skiplist_seek(map, me, key, &at, &hit);
    return hit;
}

MK_TIMED bool skiplist_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    mk_enter(map->smr, me);
    const struct skiplist_node *node = skiplist_lookup(map, me, key);
    if (node) *value = node->value;
    mk_leave(map->smr, me);
    return node != NULL;
}

MK_TIMED bool skiplist_contains(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    mk_enter(map->smr, me);
    bool found = skiplist_lookup(map, me, key) != NULL;
    mk_leave(map->smr, me);
    return found;
}

/* Visits from where it stands on. Returns whether that was all there is, or all that is wanted; else the way is
 * lost, and *from is where to go on. */
MK_INLINE bool skiplist_visit(struct mk_map *map, struct mk_thread *me, struct skiplist_cursor *at, uint64_t *from,
                              uint64_t *left, mk_map_visit_fn *visit, void *arg) {
    while (*left && skiplist_node_of(at->link)) {
        const struct skiplist_node *node = skiplist_node_of(at->link);
        /* LIN scan: for this key, the load of its link in skiplist_step; for those between it and the one before,
         * the load that named it. */
        enum skiplist_step step = skiplist_step(map, me, at, 0);
        if (step == SKIPLIST_LOST) return false;
        if (step == SKIPLIST_GONE) continue;
        visit(arg, node->key, &node->value);
        --*left;
        *from = node->key + 1;
        if (!*from) return true;
        skiplist_advance(at, 0);
    }
    return true;
}

MK_TIMED uint64_t skiplist_scan(struct mk_map *map, struct mk_thread *me, uint64_t from, uint64_t n,
                                mk_map_visit_fn *visit, void *arg) {
    struct skiplist_cursor at;
    uint64_t left = n;
    mk_enter(map->smr, me);
    do {
        skiplist_seek(map, me, from, &at, NULL);
    } while (!skiplist_visit(map, me, &at, &from, &left, visit, arg));
    mk_leave(map->smr, me);
    return n - left;
}

/* ---- writers' walks ------------------------------------------------------------------------- */

/* Where a writer's walk ended, at one level. */
struct skiplist_place {
    MK_ATOMIC(mk_link) *from;   /* names node; not marked when read */
    struct skiplist_node *node; /* the first one not below the key; NULL at the end */
    mk_link next;               /* its link at this level, where it is the key's */
};

enum skiplist_found { SKIPLIST_ABSENT, SKIPLIST_PRESENT, SKIPLIST_NO_ROOM };

/* Takes n references away. Inside a section, with room for one retirement. */
MK_INLINE void skiplist_drop(struct mk_map *map, struct mk_thread *me, struct skiplist_node *node, mk_link n) {
    unsigned height = skiplist_height(map, node->key);
    /* (7) acq_rel-fetch_sub synchronizes-with (7): who takes the last one away has seen all levels unlinked, and
     * whoever acquires the retirement with it */
    if (height > 1 && atomic_fetch_sub_explicit(&node->next[height], n, memory_order_acq_rel) != n) return;
    mk_retire(map->smr, me, node, &map->retire[height - 1]);
}

/* Unlinks a node that is marked at this level, where `from` names it; room is reserved. False: from has changed. */
MK_INLINE bool skiplist_unlink(struct mk_map *map, struct mk_thread *me, MK_ATOMIC(mk_link) *from,
                               struct skiplist_node *node, mk_link successor) {
    mk_link expected = (mk_link)node;
    /* (6) release-CAS synchronizes-with the seq_cst-load (16 in reclaim/ebr.c): the successor's words. On failure
     * relaxed: what is there is not used */
    if (!atomic_compare_exchange_strong_explicit(from, &expected, successor, memory_order_release,
                                                 memory_order_relaxed)) {
        skiplist_add(&map->line[me->id].cas_failures, 1);
        return false;
    }
    skiplist_drop(map, me, node, 1);
    return true;
}

/* Walks to where the key is or would be, at the level `lowest`, and on the way unlinks every marked node that is
 * not above the key. SKIPLIST_NO_ROOM: no memory to retire what is to be unlinked. */
static inline enum skiplist_found skiplist_find(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                                unsigned lowest, struct skiplist_place *place) {
restart:;
    MK_ATOMIC(mk_link) *tower = map->head;
    unsigned level = skiplist_top(map), slot_from = 0;
    if (level < lowest) level = lowest;
    for (;; level--) {
        unsigned slot = skiplist_spare(slot_from, slot_from, slot_from);
        enum skiplist_found found = SKIPLIST_ABSENT;
        place->from = &tower[level];
        mk_link link = mk_protect(map->smr, me, slot, place->from);
        while (found == SKIPLIST_ABSENT) {
            if (MK_UNLIKELY(link & SKIPLIST_MARK)) goto lost; /* what we stand on is gone: point C */
            struct skiplist_node *node = place->node = skiplist_node_of(link);
            if (!node || node->key > key) break;
            unsigned spare = skiplist_spare(slot, slot_from, slot_from);
            place->next = mk_protect(map->smr, me, spare, &node->next[level]);
            if (MK_UNLIKELY(place->next & SKIPLIST_MARK)) {
                if (!mk_reserve(map->smr, me, SKIPLIST_ROOM)) return SKIPLIST_NO_ROOM;
                if (!skiplist_unlink(map, me, place->from, node, place->next & ~SKIPLIST_MARK)) goto lost;
                link = mk_protect(map->smr, me, slot, place->from);
            } else if (node->key == key) {
                found = SKIPLIST_PRESENT;
            } else {
                tower = node->next;
                place->from = &tower[level];
                link = place->next;
                slot_from = slot;
                slot = spare;
            }
        }
        if (level == lowest) return found;
    }
lost:
    skiplist_add(&map->line[me->id].restarts, 1);
    goto restart;
}

/* Unlinks what is marked of a key that has been removed or replaced, at every level; for want of memory it is left
 * to others, and at last to flush. */
static MK_NOINLINE void skiplist_clean(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    struct skiplist_place place;
    skiplist_find(map, me, key, 0, &place);
}

/* ---- towers --------------------------------------------------------------------------------- */

/* Links a tower at one level. False: it is gone, or there is no memory. */
static bool skiplist_raise_to(struct mk_map *map, struct mk_thread *me, struct skiplist_node *node,
                              unsigned level) {
    struct skiplist_place place;
    for (;;) {
        if (skiplist_find(map, me, node->key, level, &place) == SKIPLIST_NO_ROOM) return false;
        /* (10) relaxed-load: of a link that we alone set, and others only mark */
        mk_link was = atomic_load_explicit(&node->next[level], memory_order_relaxed);
        mk_link expected = (mk_link)place.node;
        if (was & SKIPLIST_MARK) return false;
        /* (13) relaxed-CAS: published by (8), or else not looked at; fails where it has been marked, (14) */
        if (!atomic_compare_exchange_strong_explicit(&node->next[level], &was, expected, memory_order_relaxed,
                                                     memory_order_relaxed)) {
            return false;
        }
        /* (8) seq_cst-CAS synchronizes-with the seq_cst-load (16 in reclaim/ebr.c), and enforces a total order with
         * the seq_cst-load (15) and the seq_cst-fetch_or (14): the node's words; and either we find it marked, or
         * who marks it finds it linked here. On failure relaxed: we walk again */
        if (atomic_compare_exchange_strong_explicit(place.from, &expected, (mk_link)node, memory_order_seq_cst,
                                                    memory_order_relaxed)) {
            return true;
        }
        skiplist_add(&map->line[me->id].cas_failures, 1);
    }
}

/* Links a new tower, which is linked at level 0, at all the others, and gives up the references of those where that
 * is not possible, and its own. Room for a retirement is reserved. */
static MK_NOINLINE void skiplist_raise(struct mk_map *map, struct mk_thread *me, struct skiplist_node *node) {
    unsigned height = skiplist_height(map, node->key), level = 1;
    bool gone = false;
    while (level < height && !gone && skiplist_raise_to(map, me, node, level)) {
        /* (15) seq_cst-load enforces a total order with the seq_cst-CAS (8) and the seq_cst-fetch_or (14): as (8)
         * says */
        gone = atomic_load_explicit(&node->next[level], memory_order_seq_cst) & SKIPLIST_MARK;
        level++;
    }
    uint32_t top = skiplist_top(map);
    /* (16) relaxed-CAS: as (3) */
    if (level - 1 > top && !gone) {
        atomic_compare_exchange_strong_explicit(&map->top, &top, level - 1, memory_order_relaxed,
                                                memory_order_relaxed);
    }
    if (gone) skiplist_clean(map, me, node->key);
    skiplist_drop(map, me, node, 1 + height - level);
}

/* Marks a tower at every level but 0, from the top down: point A. */
MK_INLINE void skiplist_mark_tower(struct mk_map *map, struct skiplist_node *node) {
    for (unsigned level = skiplist_height(map, node->key); --level;) {
        /* (14) seq_cst-fetch_or enforces a total order with the seq_cst-CAS (8) and the seq_cst-load (15): see (8).
         * And who finds no mark by a seq_cst-load comes before it, and so before the mark at level 0: point A */
        atomic_fetch_or_explicit(&node->next[level], SKIPLIST_MARK, memory_order_seq_cst);
    }
}

/* ---- operations ----------------------------------------------------------------------------- */

/* What a writer wants for a key: the value, in the place of what is there or only where nothing is; or, where
 * change is set, what is there changed by it, and nothing new. */
struct skiplist_wish {
    const mk_value *value;
    bool replace;
    mk_value *present; /* gets what is there, unless NULL */
    mk_update_fn *change;
    void *arg;
};

/* Makes *fresh, unless it is there, and room for what it will take to link it. False: no memory. */
MK_INLINE bool skiplist_prepare(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                struct skiplist_node **fresh) {
    unsigned height = skiplist_height(map, key);
    if (!*fresh && !(*fresh = mk_mem_cache_alloc(&map->nodes[height - 1], me))) return false;
    if (!mk_reserve(map->smr, me, SKIPLIST_ROOM)) return false;
    mk_birth(map->smr, me, *fresh);
    (*fresh)->key = key;
    (*fresh)->value = *value;
    for (unsigned level = 1; level < height; level++) {
        /* (17) relaxed-store: published by (11, 12) */
        atomic_store_explicit(&(*fresh)->next[level], 0, memory_order_relaxed);
    }
    /* (18) relaxed-store: published by (11, 12) */
    if (height > 1) atomic_store_explicit(&(*fresh)->next[height], height + 1, memory_order_relaxed);
    return true;
}

/* Links *fresh, which it makes, before the place's node. False: try again. */
MK_INLINE bool skiplist_insert(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                               const struct skiplist_place *place, struct skiplist_node **fresh,
                               enum mk_status *status) {
    mk_link expected = (mk_link)place->node;
    *status = MK_NO_MEMORY;
    if (!skiplist_prepare(map, me, key, value, fresh)) return true;
    /* (19) relaxed-store: published by (11) */
    atomic_store_explicit(&(*fresh)->next[0], expected, memory_order_relaxed);
    /* LIN put miss, insert_if_absent miss: this CAS. What it links before is above the key, and stands behind a
     * live node that is below. */
    /* (11) seq_cst-CAS synchronizes-with the seq_cst-load (16 in reclaim/ebr.c): the node's words; point D. On
     * failure relaxed: we walk again */
    if (!atomic_compare_exchange_strong_explicit(place->from, &expected, (mk_link)*fresh, memory_order_seq_cst,
                                                 memory_order_relaxed)) {
        skiplist_add(&map->line[me->id].cas_failures, 1);
        return false;
    }
    if (skiplist_height(map, key) > 1) skiplist_raise(map, me, *fresh);
    *fresh = NULL;
    *status = MK_MISS;
    return true;
}

/* Puts *fresh, which it makes, in the place of the key's node. False: try again. */
MK_INLINE bool skiplist_replace(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                const struct skiplist_wish *wish, const struct skiplist_place *place,
                                struct skiplist_node **fresh, enum mk_status *status) {
    struct skiplist_node *node = place->node;
    mk_link expected = place->next;
    *status = MK_NO_MEMORY;
    if (!skiplist_prepare(map, me, key, wish->change ? &node->value : wish->value, fresh)) return true;
    if (wish->change) wish->change(&(*fresh)->value, wish->arg);
    skiplist_mark_tower(map, node);
    bool replaced;
    do {
        /* (20) relaxed-store: published by (12) */
        atomic_store_explicit(&(*fresh)->next[0], expected, memory_order_relaxed);
        /* LIN put hit, update hit: this CAS, which marks the old node and by the same word links the new one: no
         * moment between in which the key is absent. */
        /* (12) seq_cst-CAS synchronizes-with the seq_cst-load (16 in reclaim/ebr.c): the new node's words; point D.
         * On failure acquire: (11) has linked a node behind this one, which we now publish */
        replaced =
            atomic_compare_exchange_strong_explicit(&node->next[0], &expected, (mk_link)*fresh | SKIPLIST_MARK,
                                                    memory_order_seq_cst, memory_order_acquire);
    } while (!replaced && !(expected & SKIPLIST_MARK));
    if (!replaced) {
        skiplist_add(&map->line[me->id].cas_failures, 1);
        return false;
    }
    if (wish->present) *wish->present = node->value;
    bool unlinked = skiplist_unlink(map, me, place->from, node, (mk_link)*fresh);
    /* the new node may be gone by now, too, unless it is a tower: that waits for who links it */
    if (skiplist_height(map, key) > 1) skiplist_raise(map, me, *fresh);
    if (!unlinked) skiplist_clean(map, me, key);
    *fresh = NULL;
    *status = MK_HIT;
    return true;
}

/* One attempt, inside a section. False: try again. */
MK_INLINE bool skiplist_try_write(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                  const struct skiplist_wish *wish, struct skiplist_node **fresh,
                                  enum mk_status *status) {
    struct skiplist_place place;
    switch (skiplist_find(map, me, key, 0, &place)) {
    case SKIPLIST_ABSENT:
        if (!wish->change) return skiplist_insert(map, me, key, wish->value, &place, fresh, status);
        /* LIN update miss: the load in skiplist_find of the live link that names what is above the key. */
        *status = MK_MISS;
        return true;
    case SKIPLIST_PRESENT:
        if (wish->replace) return skiplist_replace(map, me, key, wish, &place, fresh, status);
        /* LIN insert_if_absent hit: the load in skiplist_find of the node's link, unmarked. */
        *wish->present = place.node->value;
        *status = MK_HIT;
        return true;
    default: *status = MK_NO_MEMORY; return true;
    }
}

MK_INLINE enum mk_status skiplist_write(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                        const struct skiplist_wish *wish) {
    struct skiplist_node *fresh = NULL;
    enum mk_status status = MK_NO_MEMORY;
    bool settled = false;
    for (unsigned spins = 0; !settled;) {
        mk_enter(map->smr, me);
        settled = skiplist_try_write(map, me, key, wish, &fresh, &status);
        mk_leave(map->smr, me);
        if (!settled) mk_backoff(&spins);
    }
    if (fresh) mk_mem_cache_free(&map->nodes[skiplist_height(map, key) - 1], me, fresh);
    if (status == MK_MISS && !wish->change) skiplist_add(&map->line[me->id].count, 1);
    return status;
}

static inline enum mk_status skiplist_put(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                          const mk_value *value, mk_value *previous) {
    struct skiplist_wish wish = {.value = value, .replace = true, .present = previous};
    return skiplist_write(map, me, key, &wish);
}

static inline enum mk_status skiplist_insert_if_absent(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                                       const mk_value *value, mk_value *present) {
    struct skiplist_wish wish = {.value = value, .present = present};
    return skiplist_write(map, me, key, &wish);
}

static inline enum mk_status skiplist_update(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                             mk_update_fn *change, void *arg) {
    struct skiplist_wish wish = {.replace = true, .change = change, .arg = arg};
    return skiplist_write(map, me, key, &wish);
}

/* One attempt, inside a section. False: try again. */
MK_INLINE bool skiplist_try_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value,
                                   enum mk_status *status) {
    struct skiplist_place place;
    enum skiplist_found found = skiplist_find(map, me, key, 0, &place);
    /* LIN remove miss: the load in skiplist_find of the live link that names what is above the key. */
    *status = found == SKIPLIST_ABSENT ? MK_MISS : MK_NO_MEMORY;
    if (found != SKIPLIST_PRESENT || !mk_reserve(map->smr, me, SKIPLIST_ROOM)) return true;
    mk_link next = place.next;
    bool removed;
    skiplist_mark_tower(map, place.node);
    do {
        /* LIN remove hit: this CAS. Not the unlinking below: that may be another thread's, and later. */
        /* (21) seq_cst-CAS synchronizes-with the seq_cst-load (16 in reclaim/ebr.c): what this thread did before it
         * removed the key; point D. On failure relaxed: who follows what is there reads it again */
        removed = atomic_compare_exchange_strong_explicit(&place.node->next[0], &next, next | SKIPLIST_MARK,
                                                          memory_order_seq_cst, memory_order_relaxed);
    } while (!removed && !(next & SKIPLIST_MARK));
    if (!removed) {
        skiplist_add(&map->line[me->id].cas_failures, 1);
        return false;
    }
    *value = place.node->value;
    *status = MK_HIT;
    if (!skiplist_unlink(map, me, place.from, place.node, next) || skiplist_height(map, key) > 1) {
        skiplist_clean(map, me, key);
    }
    return true;
}

static inline enum mk_status skiplist_remove(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                             mk_value *value) {
    enum mk_status status = MK_NO_MEMORY;
    bool settled = false;
    for (unsigned spins = 0; !settled;) {
        mk_enter(map->smr, me);
        settled = skiplist_try_remove(map, me, key, value, &status);
        mk_leave(map->smr, me);
        if (!settled) mk_backoff(&spins);
    }
    if (status == MK_HIT) skiplist_add(&map->line[me->id].count, (uint64_t)-1);
    return status;
}

/* ---- life ----------------------------------------------------------------------------------- */

/* At quiescence. */
static mk_link skiplist_read(MK_ATOMIC(mk_link) *link) {
    /* (22) relaxed-load: at quiescence */
    return atomic_load_explicit(link, memory_order_relaxed);
}

static void skiplist_free(struct mk_map *map, struct mk_thread *me, struct skiplist_node *node) {
    mk_mem_cache_free(&map->nodes[skiplist_height(map, node->key) - 1], me, node);
}

/* At quiescence: unlinks every marked node at one level, and frees those that are linked at no other. */
static void skiplist_sweep(struct mk_map *map, struct mk_thread *me, unsigned level) {
    MK_ATOMIC(mk_link) *from = &map->head[level];
    for (struct skiplist_node *node; (node = skiplist_node_of(skiplist_read(from)));) {
        mk_link next = skiplist_read(&node->next[level]);
        unsigned height = skiplist_height(map, node->key);
        if (!(next & SKIPLIST_MARK)) {
            from = &node->next[level];
            continue;
        }
        /* (23) relaxed-store: at quiescence */
        atomic_store_explicit(from, next & ~SKIPLIST_MARK, memory_order_relaxed);
        mk_link left = height > 1 ? skiplist_read(&node->next[height]) - 1 : 0;
        /* (24) relaxed-store: at quiescence */
        if (left) atomic_store_explicit(&node->next[height], left, memory_order_relaxed);
        if (!left) skiplist_free(map, me, node);
    }
}

static uint64_t skiplist_count(struct mk_map *map) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < map->threads_max; i++) {
        /* (25) relaxed-load: exact at quiescence, a hint before */
        count += atomic_load_explicit(&map->line[i].count, memory_order_relaxed);
    }
    return (int64_t)count > 0 ? count : 0;
}

/* Frees what a create that fails has made so far, too. */
static void skiplist_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    if (map->smr) mk_reclaim_here.destroy(map->smr);
    for (unsigned level = SKIPLIST_LEVELS; level--;) skiplist_sweep(map, NULL, level);
    for (struct skiplist_node *node = skiplist_node_of(skiplist_read(&map->head[0])), *next; node; node = next) {
        next = skiplist_node_of(skiplist_read(&node->next[0]));
        skiplist_free(map, NULL, node);
    }
    for (unsigned i = 0; i < SKIPLIST_LEVELS; i++) {
        if (map->nodes[i].alloc) mk_mem_cache_close(mem, &map->nodes[i]);
    }
    if (map->line) mk_mem_free(mem, NULL, map->line, map->threads_max * sizeof *map->line, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
}

static int skiplist_fill(struct mk_map *map, const struct mk_config *cfg, struct mk_err *err) {
    map->line = mk_mem_zalloc(map->mem, NULL, cfg->threads_max * sizeof *map->line, MK_CACHE_LINE);
    if (!map->line) return mk_fail(err, "no memory for the counters of %u threads", cfg->threads_max);
    for (unsigned i = 0; i < SKIPLIST_LEVELS; i++) {
        size_t bytes = skiplist_bytes(i + 1);
        map->retire[i] = (struct mk_retire){.cache = &map->nodes[i], .bytes = bytes};
        if (mk_mem_cache_open(map->mem, &map->nodes[i], bytes, _Alignof(struct skiplist_node), err)) {
            map->nodes[i].alloc = NULL;
            return -1;
        }
    }
    if (mk_reclaim_here.create(&map->smr, map->mem, cfg, err)) {
        map->smr = NULL;
        return -1;
    }
    return 0;
}

static int skiplist_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg,
                           struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, _Alignof(struct mk_map));
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    map->seed = cfg->seed;
    map->threads_max = cfg->threads_max;
    if (skiplist_fill(map, cfg, err)) {
        skiplist_destroy(map);
        return -1;
    }
    *out = map;
    return 0;
}

static int skiplist_thread_enter(struct mk_map *map, struct mk_thread *me) {
    return mk_reclaim_here.thread_enter(map->smr, me);
}

static void skiplist_thread_exit(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.thread_exit(map->smr, me);
}

/* Looks at every node, for what was left linked for want of memory. */
static void skiplist_flush(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.flush(map->smr, me);
    for (unsigned level = SKIPLIST_LEVELS; level--;) skiplist_sweep(map, me, level);
}

static void skiplist_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    mk_link link = skiplist_read(&map->head[0]);
    while (skiplist_node_of(link)) {
        struct skiplist_node *node = skiplist_node_of(link);
        link = skiplist_read(&node->next[0]);
        if (!(link & SKIPLIST_MARK)) visit(arg, node->key, node->value.word[0]);
    }
}

static size_t skiplist_stats(struct mk_map *map, struct mk_stat *out, size_t room) {
    uint64_t failures = 0, restarts = 0;
    for (uint32_t i = 0; i < map->threads_max; i++) {
        /* (28) relaxed-load: statistics */
        failures += atomic_load_explicit(&map->line[i].cas_failures, memory_order_relaxed);
        /* (29) relaxed-load: statistics */
        restarts += atomic_load_explicit(&map->line[i].restarts, memory_order_relaxed);
    }
    const struct mk_stat stats[] = {{"cas_failures", failures}, {"restarts", restarts}};
    size_t n = sizeof stats / sizeof *stats, fits = room < n ? room : n;
    memcpy(out, stats, fits * sizeof *stats);
    return n + mk_reclaim_here.stats(map->smr, out + fits, room - fits);
}

static void skiplist_hold(struct mk_map *map, struct mk_thread *me) {
    mk_enter(map->smr, me);
}

static void skiplist_unhold(struct mk_map *map, struct mk_thread *me) {
    mk_leave(map->smr, me);
}

MK_MAP(skiplist, .summary = "lock-free skip list: ordered, towers of p = 1/4",
       .caps = MK_CONCURRENT | MK_GROWS | MK_ORDERED,
       .progress = {.get = MK_LOCK_FREE, .put = MK_LOCK_FREE, .remove = MK_LOCK_FREE, .scan = MK_LOCK_FREE},
       .create = skiplist_create, .destroy = skiplist_destroy, .thread_enter = skiplist_thread_enter,
       .thread_exit = skiplist_thread_exit, .flush = skiplist_flush, .count = skiplist_count, .walk = skiplist_walk,
       .stats = skiplist_stats, .hold = skiplist_hold, .unhold = skiplist_unhold, .get = skiplist_get,
       .put = skiplist_put, .remove = skiplist_remove, .contains = skiplist_contains,
       .insert_if_absent = skiplist_insert_if_absent, .update = skiplist_update, .scan = skiplist_scan);
