/* map/split_ordered - one lock-free list of all keys in an order that lets buckets split without moving any.
 *
 * Source:     Shalev, Shavit: Split-Ordered Lists: Lock-Free Extensible Hash Tables, JACM 53 (3), 2006, on the list
 *             of Michael, SPAA 2002. Differs: a bucket is its dummy, not a pointer to one; the list is sorted by
 *             hash, and a bucket's index is what is reversed; a replaced node names its replacement, as in
 *             map/chain.
 * Picture:    map -> size, segment[]: buckets [0, b) | [b, 2b) | [2b, 4b) | ...    b: buckets to begin with
 *             bucket 0 -> node -> node -> bucket 2 -> node -> bucket 1 -> node -> bucket 3 -> END
 *                bucket { next, order | READY }     order: its index with the bits reversed
 *                node   { next, key, value }        order: its hash, the last bit set
 *             link = node or bucket | MARK | BUCKET | END
 *               MARK    the node this link is in is gone: removed, or replaced by the very node the link names
 *               BUCKET  it names a bucket;  END  it names nothing
 * parts:      reclaim=ebr hash=fold
 * values:     8 64 256 1024
 * Progress:   lock-free, all operations, but for the allocator; nobody waits for a bucket that another thread
 *             prepares: until that is done walks begin one or more buckets before.
 * Ordering:   linearizable; LIN below names the points. A link is followed with acquire and changed with release,
 *             or more, so that whoever gets to a node sees its words.
 *             A. A marked word never changes any more. What is linked is sorted by order, then key, marked nodes
 *                included; of those with one key only the last is not marked. For something is put only between two
 *                neighbours, the first of which is not marked when that is done.
 *             B. Unlinking is CAS(previous, node -> what the marked word names). Only the thread whose CAS it was
 *                retires the node. Buckets are never unlinked.
 *             C. A reader answers only from a node whose link it read unmarked, and goes on from marked nodes only
 *                if, after reading the last of them, the live link before still names the first: then all of them
 *                were linked at that moment, and so was what the last one names. So no reclaimer is asked to keep a
 *                node for readers that walk on from unlinked ones.
 *             D. Walks begin at a bucket that is READY, which is said after it was linked. Begun at one that is not
 *                in the list, a put would be lost on all who begin elsewhere.
 *             E. A segment is there before the size says so.
 *             F. What decides answers, and the loads that answer, are in the one seq_cst order: the CASes that add,
 *                replace, remove, and put a bucket into the list; and what mk_protect reads.
 * Memory:     (16 B + value, and the reclaimer's header) a key, rounded by the allocator, + 16 B a bucket: at loads
 *             of .5 to 1, between which it grows, 48 to 64 B for values of 8 in chunks of 32. Growing costs a
 *             segment as large as all before, and nothing is there twice. 64 B * threads_max of counters.
 * Limits:     never shrinks: buckets stay until destroy, and so does their place in the list. A put allocates, also
 *             when it replaces. The first walk to a new bucket, be it a reader's, puts it into the list. Where
 *             memory for a segment is refused chains get longer, and it is tried again later. Nodes keep no hash:
 *             it is made anew at each step.
 * Kept:       (5, 9, 10, 13, 15, 16, 21) C11 asks for them. (5, 9, 21): points C and F, which in programs as short
 *             as those of the model flavour other seq_cst accesses of the same walks uphold as well. (10, 13): else
 *             the order that was said by who let go of a bucket may come after READY, and nobody begins there. (15,
 *             16): else who doubles the size because another's segment is there does not pass on what is in it.
 */
#include "../hash.h"
#include "../map.h"
#include "../reclaim.h"

#define SO_MARK ((mk_link)1)
#define SO_BUCKET ((mk_link)2)
#define SO_END ((mk_link)4)
#define SO_READY ((uint64_t)1)
#define SO_BUCKETS_MIN MK_TUNE(64, 2)
#define SO_BUCKETS_MAX ((uint64_t)1 << 40)
#define SO_SEGMENTS 40 /* the first, and one for each doubling */
#define SO_CHANGES MK_TUNE(32, 1) /* of the count, by one thread, between its looks at the load */

struct so_node {
    MK_RECLAIM_HEADER
    MK_ATOMIC(mk_link) next;
    uint64_t key;
    mk_value value;
};

struct so_bucket {
    MK_ATOMIC(mk_link) next;   /* 0: nobody has begun to prepare it */
    MK_ATOMIC(uint64_t) order; /* even, or with SO_READY */
};

/* Of one thread, which alone writes it. */
struct so_line {
    MK_ATOMIC(uint64_t) count; /* keys it added less keys it removed, modulo 2^64 */
    MK_ATOMIC(uint64_t) cas_failures, restarts, resizes;
    uint32_t changes;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_map {
    MK_ATOMIC(uint64_t) size; /* of buckets in use, a power of two */
    MK_ATOMIC(struct so_bucket *) segment[SO_SEGMENTS];
    struct mk_reclaim *smr;
    struct so_line *line;
    uint64_t seed;
    uint64_t first_mask; /* buckets of the first segment - 1 */
    uint32_t first_bits; /* their logarithm */
    struct mk_mem_cache nodes;
    struct mk_mem *mem;
    uint32_t threads_max;
    struct mk_retire retire_node;
};

/* ---- counters ------------------------------------------------------------------------------- */

/* Of one thread: no update is lost, though it is no read-modify-write. */
MK_INLINE void so_add(MK_ATOMIC(uint64_t) *counter, uint64_t n) {
    /* (1) relaxed-load: of a counter of our own */
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    /* (2) relaxed-store: a count; who needs it exact knows that the operations are over */
    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

/* Returns the sum of all threads' counters that lie so far into a line. */
static uint64_t so_total(struct mk_map *map, size_t offset) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < map->threads_max; i++) {
        MK_ATOMIC(uint64_t) *counter = (MK_ATOMIC(uint64_t) *)((char *)&map->line[i] + offset);
        /* (3) relaxed-load: exact at quiescence, a hint before */
        total += atomic_load_explicit(counter, memory_order_relaxed);
    }
    return (int64_t)total > 0 ? total : 0;
}

static uint64_t so_count(struct mk_map *map) {
    return so_total(map, offsetof(struct so_line, count));
}

/* ---- links and the order -------------------------------------------------------------------- */

MK_INLINE struct so_node *so_node_of(mk_link link) {
    return (struct so_node *)(link & ~MK_LINK_FLAGS);
}

MK_INLINE struct so_bucket *so_bucket_of(mk_link link) {
    return (struct so_bucket *)(link & ~MK_LINK_FLAGS);
}

/* Returns the link in what a link names. */
MK_INLINE MK_ATOMIC(mk_link) *so_next(mk_link link) {
    return MK_UNLIKELY(link & SO_BUCKET) ? &so_bucket_of(link)->next : &so_node_of(link)->next;
}

/* Returns the bits in the opposite order. */
MK_INLINE uint64_t so_reverse(uint64_t x) {
    x = (x >> 1 & 0x5555555555555555u) | (x & 0x5555555555555555u) << 1;
    x = (x >> 2 & 0x3333333333333333u) | (x & 0x3333333333333333u) << 2;
    x = (x >> 4 & 0x0f0f0f0f0f0f0f0fu) | (x & 0x0f0f0f0f0f0f0f0fu) << 4;
    return __builtin_bswap64(x);
}

/* Returns where a key stands; odd, so that no bucket stands there. */
MK_INLINE uint64_t so_order(const struct mk_map *map, uint64_t key) {
    return mk_hash(key, map->seed) | 1;
}

/* Returns how what a link names compares with order and key: -1 before, 0 the same, 1 behind. */
MK_INLINE int so_compare(const struct mk_map *map, mk_link link, uint64_t order, uint64_t key) {
    if (MK_UNLIKELY(link & SO_BUCKET)) {
        /* (4) relaxed-load: said before it was linked, (9), and whether it is ready does not matter here */
        uint64_t at = atomic_load_explicit(&so_bucket_of(link)->order, memory_order_relaxed);
        return (at & ~SO_READY) < order ? -1 : 1;
    }
    uint64_t other = so_node_of(link)->key;
    if (other == key && (order & 1)) return 0;
    uint64_t at = so_order(map, other);
    return at < order || (at == order && other < key) ? -1 : 1;
}

/* Returns a slot of mk_protect that is none of these. */
MK_INLINE unsigned so_spare(unsigned a, unsigned b, unsigned c) {
    return (unsigned)__builtin_ctz(~(1u << a | 1u << b | 1u << c));
}

/* ---- readers' walks ------------------------------------------------------------------------- */

/* Where a reader's walk ended: at the first that is not marked and not before what it looks for. */
struct so_spot {
    MK_ATOMIC(mk_link) *from; /* the last link before that is not in a marked node */
    mk_link first;            /* what it named: that, or a marked node before that */
    bool beside;              /* that */
};

/* Walks from a bucket that is ready to where order and key belong. Returns the key's node, protected, or NULL.
 * order may be a bucket's, with any key. Changes nothing and waits for nobody. */
MK_INLINE const struct so_node *so_walk(struct mk_map *map, struct mk_thread *me, struct so_bucket *start,
                                        uint64_t order, uint64_t key, struct so_spot *spot) {
restart:;
    unsigned slot = 0, slot_first = 0, slot_from = 0, spare;
    mk_link next;
    int where = 1;
    spot->from = &start->next;
    spot->first = mk_protect(map->smr, me, slot, spot->from);
    mk_link link = spot->first;
    for (; !(link & SO_END); link = next, slot = spare) {
        MK_ATOMIC(mk_link) *source = so_next(link);
        spare = so_spare(slot, slot_first, slot_from);
        /* LIN get hit, contains hit: this load, when it finds no mark. */
        next = mk_protect(map->smr, me, spare, source);
        if (MK_LIKELY(!(next & SO_MARK))) {
            where = so_compare(map, link, order, key);
            if (where >= 0) break;
            where = 1;
            spot->from = source;
            spot->first = next;
            slot_from = slot;
            slot_first = spare;
            continue;
        }
        /* LIN get miss, contains miss: where marked nodes come before what stands behind the key, the last of these
         * looks; else the load of the link that names that, or says that there is none. */
        /* (5) seq_cst-load synchronizes-with the seq_cst-CASes (9, 23): finds what was read before, or sends us
         * back: after what we announced last, and so nothing behind was retired before that; points C and F */
        if (atomic_load_explicit(spot->from, memory_order_seq_cst) != spot->first) {
            so_add(&map->line[me->id].restarts, 1);
            goto restart;
        }
    }
    spot->beside = link == spot->first;
    return where == 0 ? so_node_of(link) : NULL;
}

/* ---- buckets -------------------------------------------------------------------------------- */

/* Returns where a bucket is, in *segment, and which of its segment's buckets it is. */
MK_INLINE uint64_t so_locate(const struct mk_map *map, uint64_t index, unsigned *segment) {
    unsigned top = 63 - (unsigned)__builtin_clzll(index | map->first_mask);
    *segment = top + 1 - map->first_bits;
    return *segment ? index - ((uint64_t)1 << top) : index;
}

MK_INLINE struct so_bucket *so_bucket_at(struct mk_map *map, uint64_t index) {
    unsigned segment;
    uint64_t offset = so_locate(map, index, &segment);
    /* (6) relaxed-load: acquired with the size, (14): point E */
    return atomic_load_explicit(&map->segment[segment], memory_order_relaxed) + offset;
}

MK_INLINE bool so_is_ready(struct so_bucket *bucket) {
    /* (7) acquire-load synchronizes-with the release-store (12): it is in the list, point D */
    return atomic_load_explicit(&bucket->order, memory_order_acquire) & SO_READY;
}

/* Puts a bucket that is ours to prepare into the list. False: not now, a removed node is in the way, which whoever
 * removed it takes out. */
static bool so_link_bucket(struct mk_map *map, struct mk_thread *me, struct so_bucket *parent,
                           struct so_bucket *bucket, uint64_t order) {
    struct so_spot spot;
    mk_link expected;
    do {
        so_walk(map, me, parent, order, 0, &spot);
        if (!spot.beside) return false;
        /* (8) relaxed-store: published by (9) */
        atomic_store_explicit(&bucket->next, spot.first, memory_order_relaxed);
        expected = spot.first;
        /* (9) seq_cst-CAS synchronizes-with the seq_cst-load (5) and the seq_cst-load of mk_protect (16 in
         * reclaim/ebr.c): the bucket's words; point F. On failure relaxed: we walk again */
    } while (!atomic_compare_exchange_strong_explicit(spot.from, &expected, (mk_link)bucket | SO_BUCKET,
                                                      memory_order_seq_cst, memory_order_relaxed));
    return true;
}

/* Makes a bucket ready, and those that it splits off from before it, unless somebody is at it. Returns it, or the
 * next one before that is ready. Asks for no memory, so that readers can do it. */
static MK_NOINLINE struct so_bucket *so_prepare(struct mk_map *map, struct mk_thread *me, uint64_t index) {
    struct so_bucket *bucket = so_bucket_at(map, index);
    if (so_is_ready(bucket)) return bucket;
    struct so_bucket *parent = so_prepare(map, me, index ^ (uint64_t)1 << (63 - __builtin_clzll(index)));
    uint64_t order = so_reverse(index);
    mk_link expected = 0;
    /* (10) acquire-CAS synchronizes-with the release-store (13): whoever began before us has let go of it. On
     * failure relaxed: somebody is at it, or was meanwhile */
    if (!atomic_compare_exchange_strong_explicit(&bucket->next, &expected, SO_END, memory_order_acquire,
                                                 memory_order_relaxed)) {
        return parent;
    }
    /* (11) relaxed-store: published by (9) */
    atomic_store_explicit(&bucket->order, order, memory_order_relaxed);
    if (so_link_bucket(map, me, parent, bucket, order)) {
        /* (12) release-store synchronizes-with the acquire-load (7): it is in the list */
        atomic_store_explicit(&bucket->order, order | SO_READY, memory_order_release);
        return bucket;
    }
    /* (13) release-store synchronizes-with the acquire-CAS (10): we have let go of it */
    atomic_store_explicit(&bucket->next, 0, memory_order_release);
    return parent;
}

/* Returns the bucket from which to walk to a key that stands there. */
MK_INLINE struct so_bucket *so_start(struct mk_map *map, struct mk_thread *me, uint64_t order) {
    /* (14) acquire-load synchronizes-with the release-CAS (18): the segment, point E */
    uint64_t size = atomic_load_explicit(&map->size, memory_order_acquire);
    uint64_t index = so_reverse(order) & (size - 1);
    struct so_bucket *bucket = so_bucket_at(map, index);
    return MK_LIKELY(so_is_ready(bucket)) ? bucket : so_prepare(map, me, index);
}

static size_t so_segment_bytes(uint64_t buckets) {
    return buckets * sizeof(struct so_bucket);
}

/* Sees to a segment for the buckets from `size` to 2 * size. False: no memory. */
static bool so_make_segment(struct mk_map *map, struct mk_thread *me, uint64_t size) {
    unsigned segment;
    so_locate(map, size, &segment);
    /* (15) acquire-load synchronizes-with the release-CAS (16): what (18) then says exists */
    if (atomic_load_explicit(&map->segment[segment], memory_order_acquire)) return true;
    struct so_bucket *fresh = mk_mem_zalloc(map->mem, me, so_segment_bytes(size), MK_CACHE_LINE), *expected = NULL;
    if (!fresh) return false;
    /* (16) release-CAS synchronizes-with the acquire-load (15), and on failure as acquire with itself (16): the
     * empty buckets */
    if (!atomic_compare_exchange_strong_explicit(&map->segment[segment], &expected, fresh, memory_order_release,
                                                 memory_order_acquire)) {
        mk_mem_free(map->mem, me, fresh, so_segment_bytes(size), MK_CACHE_LINE);
    }
    return true;
}

/* Looks at the load, and doubles the buckets where it asks for that. */
static MK_NOINLINE void so_consider(struct mk_map *map, struct mk_thread *me) {
    /* (17) relaxed-load: a number, which (18) confirms */
    uint64_t size = atomic_load_explicit(&map->size, memory_order_relaxed);
    if (so_count(map) <= size || size >= SO_BUCKETS_MAX || !so_make_segment(map, me, size)) return;
    /* (18) release-CAS synchronizes-with the acquire-load (14): the segment. On failure relaxed: somebody else has
     * */
    if (atomic_compare_exchange_strong_explicit(&map->size, &size, size * 2, memory_order_release,
                                                memory_order_relaxed)) {
        so_add(&map->line[me->id].resizes, 1);
    }
}

/* A key more, or with -1 one less. Outside sections. */
MK_INLINE void so_changed(struct mk_map *map, struct mk_thread *me, uint64_t keys) {
    struct so_line *line = &map->line[me->id];
    so_add(&line->count, keys);
    if (MK_UNLIKELY(++line->changes == SO_CHANGES)) {
        line->changes = 0;
        so_consider(map, me);
    }
}

/* ---- writers' walks ------------------------------------------------------------------------- */

/* Where a writer's walk ended. */
struct so_place {
    MK_ATOMIC(mk_link) *from; /* not in a marked node when read */
    mk_link link;             /* what it named then: the key's node, or what stands behind the key */
    struct so_node *node;     /* the key's, or NULL */
    mk_link next;             /* read from node->next */
};

/* Unlinks a marked node, which `from` names; room for retiring it is reserved. False: from has changed. */
static inline bool so_unlink(struct mk_map *map, struct mk_thread *me, MK_ATOMIC(mk_link) *from, mk_link link,
                             mk_link successor) {
    mk_link expected = link;
    /* (19) release-CAS synchronizes-with the seq_cst-load of mk_protect (16 in reclaim/ebr.c): the successor's
     * words. On failure relaxed: what is there is not used */
    if (!atomic_compare_exchange_strong_explicit(from, &expected, successor, memory_order_release,
                                                 memory_order_relaxed)) {
        so_add(&map->line[me->id].cas_failures, 1);
        return false;
    }
    mk_retire(map->smr, me, so_node_of(link), &map->retire_node);
    return true;
}

/* Finds where the key is or belongs, unlinking every marked node on the way. False: no memory to retire one. */
static inline bool so_find(struct mk_map *map, struct mk_thread *me, uint64_t order, uint64_t key,
                           struct so_place *place) {
    struct so_bucket *start = so_start(map, me, order);
restart:;
    unsigned slot = 0, slot_from = 0;
    place->from = &start->next;
    place->link = mk_protect(map->smr, me, slot, place->from);
    place->node = NULL;
    while (!(place->link & SO_END)) {
        unsigned spare = so_spare(slot, slot_from, slot_from);
        MK_ATOMIC(mk_link) *source = so_next(place->link);
        place->next = mk_protect(map->smr, me, spare, source);
        if (MK_LIKELY(!(place->next & SO_MARK))) {
            int where = so_compare(map, place->link, order, key);
            if (where == 0) place->node = so_node_of(place->link);
            if (where >= 0) return true;
            place->from = source;
            place->link = place->next;
            slot_from = slot;
            slot = spare;
            continue;
        }
        if (!mk_reserve(map->smr, me, 1)) return false;
        bool unlinked = so_unlink(map, me, place->from, place->link, place->next & ~SO_MARK);
        if (unlinked) place->link = mk_protect(map->smr, me, slot, place->from);
        if (!unlinked || (place->link & SO_MARK)) { /* from has changed, or is gone */
            so_add(&map->line[me->id].restarts, 1);
            goto restart;
        }
    }
    return true;
}

/* Unlinks the place's node, which we have marked, now or, where that is not possible, by another walk. */
static inline void so_drop(struct mk_map *map, struct mk_thread *me, uint64_t order, const struct so_place *place,
                           mk_link successor) {
    struct so_place again;
    uint64_t key = place->node->key;
    if (!so_unlink(map, me, place->from, place->link, successor)) so_find(map, me, order, key, &again);
}

/* ---- operations ----------------------------------------------------------------------------- */

/* Returns the key's node, protected, or NULL. Inside a section. */
MK_INLINE const struct so_node *so_lookup(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    uint64_t order = so_order(map, key);
    struct so_spot spot;
    return so_walk(map, me, so_start(map, me, order), order, key, &spot);
}

MK_TIMED bool so_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    mk_enter(map->smr, me);
    const struct so_node *node = so_lookup(map, me, key);
    if (node) *value = node->value;
    mk_leave(map->smr, me);
    return node != NULL;
}

MK_TIMED bool so_contains(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    mk_enter(map->smr, me);
    bool found = so_lookup(map, me, key) != NULL;
    mk_leave(map->smr, me);
    return found;
}

/* A write of one key: what is wanted, and what comes of it. */
struct so_write {
    uint64_t order, key;
    const mk_value *value;
    bool replace;         /* what is there, too */
    mk_value *present;    /* gets what is there, unless NULL */
    mk_update_fn *change; /* of what is there, and nothing new; then there is no value */
    void *arg;
    struct so_node *fresh; /* to be linked, unless NULL */
    enum mk_status status;
};

/* Makes write->fresh. False: no memory. */
MK_INLINE bool so_make(struct mk_map *map, struct mk_thread *me, struct so_write *write, mk_link next) {
    if (!write->fresh && !(write->fresh = mk_mem_cache_alloc(&map->nodes, me))) return false;
    mk_birth(map->smr, me, write->fresh);
    write->fresh->key = write->key;
    /* (20) relaxed-store: published by (21, 22) */
    atomic_store_explicit(&write->fresh->next, next, memory_order_relaxed);
    return true;
}

/* Links a node of the key between the place's link and what that names. False: try again. */
MK_INLINE bool so_insert(struct mk_map *map, struct mk_thread *me, struct so_write *write,
                         const struct so_place *place) {
    mk_link expected = place->link;
    write->status = MK_NO_MEMORY;
    if (!so_make(map, me, write, place->link)) return true;
    write->fresh->value = *write->value;
    /* LIN put miss, insert_if_absent miss: this CAS, between neighbours that the key would stand between. */
    /* (21) seq_cst-CAS synchronizes-with the seq_cst-load of mk_protect (16 in reclaim/ebr.c): the node's words;
     * point F. On failure relaxed: we walk again */
    if (!atomic_compare_exchange_strong_explicit(place->from, &expected, (mk_link)write->fresh,
                                                 memory_order_seq_cst, memory_order_relaxed)) {
        so_add(&map->line[me->id].cas_failures, 1);
        return false;
    }
    write->fresh = NULL;
    write->status = MK_MISS;
    return true;
}

/* Puts another node in the place of the key's. False: try again. */
MK_INLINE bool so_replace(struct mk_map *map, struct mk_thread *me, struct so_write *write,
                          const struct so_place *place) {
    mk_link expected = place->next;
    write->status = MK_NO_MEMORY;
    if (!so_make(map, me, write, place->next) || !mk_reserve(map->smr, me, 1)) return true;
    write->fresh->value = write->change ? place->node->value : *write->value;
    if (write->change) write->change(&write->fresh->value, write->arg);
    /* LIN put hit, update hit: this CAS, which marks the old node and by the same word links the new one: no moment
     * between in which the key is absent. */
    /* (22) seq_cst-CAS synchronizes-with the seq_cst-load of mk_protect (16 in reclaim/ebr.c): the new node's
     * words; point F. On failure relaxed: we walk again */
    if (!atomic_compare_exchange_strong_explicit(&place->node->next, &expected, (mk_link)write->fresh | SO_MARK,
                                                 memory_order_seq_cst, memory_order_relaxed)) {
        so_add(&map->line[me->id].cas_failures, 1);
        return false;
    }
    if (write->present) *write->present = place->node->value;
    so_drop(map, me, write->order, place, (mk_link)write->fresh);
    write->fresh = NULL;
    write->status = MK_HIT;
    return true;
}

/* One attempt, inside a section. False: try again. */
MK_INLINE bool so_try_write(struct mk_map *map, struct mk_thread *me, struct so_write *write) {
    struct so_place place;
    write->status = MK_NO_MEMORY;
    if (!so_find(map, me, write->order, write->key, &place)) return true;
    if (place.node && write->replace) return so_replace(map, me, write, &place);
    if (!place.node && !write->change) return so_insert(map, me, write, &place);
    /* LIN insert_if_absent hit: the load in so_find of the node's link, unmarked. */
    /* LIN update miss: the load in so_find of the link that names what stands behind the key. */
    write->status = place.node ? MK_HIT : MK_MISS;
    if (place.node && write->present) *write->present = place.node->value;
    return true;
}

MK_INLINE enum mk_status so_write(struct mk_map *map, struct mk_thread *me, struct so_write *write) {
    bool settled = false;
    write->order = so_order(map, write->key);
    for (unsigned spins = 0; !settled;) {
        mk_enter(map->smr, me);
        settled = so_try_write(map, me, write);
        mk_leave(map->smr, me);
        if (!settled) mk_backoff(&spins);
    }
    if (write->fresh) mk_mem_cache_free(&map->nodes, me, write->fresh);
    if (write->status == MK_MISS && !write->change) so_changed(map, me, 1);
    return write->status;
}

static inline enum mk_status so_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                    mk_value *previous) {
    struct so_write write = {.key = key, .value = value, .replace = true, .present = previous};
    return so_write(map, me, &write);
}

static inline enum mk_status so_insert_if_absent(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                                 const mk_value *value, mk_value *present) {
    struct so_write write = {.key = key, .value = value, .present = present};
    return so_write(map, me, &write);
}

static inline enum mk_status so_update(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_update_fn *change,
                                       void *arg) {
    struct so_write write = {.key = key, .replace = true, .change = change, .arg = arg};
    return so_write(map, me, &write);
}

/* One attempt, inside a section. False: try again. */
MK_INLINE bool so_try_remove(struct mk_map *map, struct mk_thread *me, uint64_t order, uint64_t key,
                             mk_value *value, enum mk_status *status) {
    struct so_place place;
    *status = MK_NO_MEMORY;
    if (!so_find(map, me, order, key, &place)) return true;
    /* LIN remove miss: the load in so_find of the link that names what stands behind the key. */
    *status = MK_MISS;
    if (!place.node) return true;
    *status = MK_NO_MEMORY;
    if (!mk_reserve(map->smr, me, 1)) return true;
    mk_link expected = place.next;
    /* LIN remove hit: this CAS. Not the unlinking below: that may be another thread's, and later. */
    /* (23) seq_cst-CAS synchronizes-with the seq_cst-load (5) and the seq_cst-load of mk_protect (16 in
     * reclaim/ebr.c): what this thread did before it removed the key; point F. On failure relaxed: we walk again */
    if (!atomic_compare_exchange_strong_explicit(&place.node->next, &expected, place.next | SO_MARK,
                                                 memory_order_seq_cst, memory_order_relaxed)) {
        so_add(&map->line[me->id].cas_failures, 1);
        return false;
    }
    *value = place.node->value;
    so_drop(map, me, order, &place, place.next);
    *status = MK_HIT;
    return true;
}

static inline enum mk_status so_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    uint64_t order = so_order(map, key);
    enum mk_status status = MK_NO_MEMORY;
    bool settled = false;
    for (unsigned spins = 0; !settled;) {
        mk_enter(map->smr, me);
        settled = so_try_remove(map, me, order, key, value, &status);
        mk_leave(map->smr, me);
        if (!settled) mk_backoff(&spins);
    }
    if (status == MK_HIT) so_changed(map, me, (uint64_t)-1);
    return status;
}

/* ---- life ----------------------------------------------------------------------------------- */

/* At quiescence. Returns what the link names. */
static mk_link so_read(MK_ATOMIC(mk_link) *from) {
    /* (24) relaxed-load: at quiescence */
    return atomic_load_explicit(from, memory_order_relaxed);
}

/* At quiescence. NULL: there is none. */
static struct so_bucket *so_segment(struct mk_map *map, unsigned segment) {
    /* (25) relaxed-load: at quiescence */
    return atomic_load_explicit(&map->segment[segment], memory_order_relaxed);
}

static void so_free_nodes(struct mk_map *map) {
    for (mk_link link = so_read(&so_segment(map, 0)->next), next; !(link & SO_END); link = next) {
        next = so_read(so_next(link));
        if (!(link & SO_BUCKET)) mk_mem_cache_free(&map->nodes, NULL, so_node_of(link));
    }
}

/* Frees what a create that fails has made so far, too. */
static void so_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    if (map->smr) mk_reclaim_here.destroy(map->smr);
    if (so_segment(map, 0)) so_free_nodes(map);
    uint64_t buckets = map->first_mask + 1;
    for (unsigned i = 0; i < SO_SEGMENTS && so_segment(map, i); i++) {
        mk_mem_free(mem, NULL, so_segment(map, i), so_segment_bytes(buckets), MK_CACHE_LINE);
        if (i) buckets *= 2;
    }
    if (map->nodes.alloc) mk_mem_cache_close(mem, &map->nodes);
    if (map->line) mk_mem_free(mem, NULL, map->line, map->threads_max * sizeof *map->line, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
}

/* Makes the first segment, whose first bucket is the beginning of the list. Returns 0, or -1 with err set. */
static int so_begin(struct mk_map *map, struct mk_err *err) {
    uint64_t buckets = map->first_mask + 1;
    struct so_bucket *first = mk_mem_zalloc(map->mem, NULL, so_segment_bytes(buckets), MK_CACHE_LINE);
    if (!first) return mk_fail(err, "no memory for %llu buckets; lower the capacity", (unsigned long long)buckets);
    /* (26) relaxed-store: nobody else has the map yet */
    atomic_store_explicit(&first->next, SO_END, memory_order_relaxed);
    /* (27) relaxed-store: as (26) */
    atomic_store_explicit(&first->order, SO_READY, memory_order_relaxed);
    /* (28) relaxed-store: as (26) */
    atomic_store_explicit(&map->segment[0], first, memory_order_relaxed);
    /* (29) relaxed-store: as (26) */
    atomic_store_explicit(&map->size, buckets, memory_order_relaxed);
    return 0;
}

static int so_fill(struct mk_map *map, const struct mk_config *cfg, struct mk_err *err) {
    map->line = mk_mem_zalloc(map->mem, NULL, cfg->threads_max * sizeof *map->line, MK_CACHE_LINE);
    if (!map->line) return mk_fail(err, "no memory for the counters of %u threads", cfg->threads_max);
    if (mk_mem_cache_open(map->mem, &map->nodes, sizeof(struct so_node), _Alignof(struct so_node), err)) {
        map->nodes.alloc = NULL;
        return -1;
    }
    if (so_begin(map, err)) return -1;
    if (mk_reclaim_here.create(&map->smr, map->mem, cfg, err)) {
        map->smr = NULL;
        return -1;
    }
    return 0;
}

static int so_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, _Alignof(struct mk_map));
    if (!map) return mk_fail(err, "no memory for the map");
    uint64_t buckets = SO_BUCKETS_MIN;
    while (buckets < cfg->capacity && buckets < SO_BUCKETS_MAX) buckets *= 2;
    map->mem = mem;
    map->seed = cfg->seed;
    map->threads_max = cfg->threads_max;
    map->first_mask = buckets - 1;
    map->first_bits = (uint32_t)__builtin_ctzll(buckets);
    map->retire_node = (struct mk_retire){.cache = &map->nodes, .bytes = sizeof(struct so_node)};
    if (so_fill(map, cfg, err)) {
        so_destroy(map);
        return -1;
    }
    *out = map;
    return 0;
}

static int so_thread_enter(struct mk_map *map, struct mk_thread *me) {
    return mk_reclaim_here.thread_enter(map->smr, me);
}

static void so_thread_exit(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.thread_exit(map->smr, me);
}

static void so_flush(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.flush(map->smr, me);
}

static void so_visit(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (mk_link link = so_read(&so_segment(map, 0)->next), next; !(link & SO_END); link = next) {
        next = so_read(so_next(link));
        if (link & SO_BUCKET || next & SO_MARK) continue;
        visit(arg, so_node_of(link)->key, so_node_of(link)->value.word[0]);
    }
}

static size_t so_stats(struct mk_map *map, struct mk_stat *out, size_t room) {
    const struct mk_stat stats[] = {{"cas_failures", so_total(map, offsetof(struct so_line, cas_failures))},
                                    {"restarts", so_total(map, offsetof(struct so_line, restarts))},
                                    {"resizes", so_total(map, offsetof(struct so_line, resizes))}};
    size_t n = sizeof stats / sizeof *stats, fits = room < n ? room : n;
    memcpy(out, stats, fits * sizeof *stats);
    return n + mk_reclaim_here.stats(map->smr, out + fits, room - fits);
}

static void so_hold(struct mk_map *map, struct mk_thread *me) {
    mk_enter(map->smr, me);
}

static void so_unhold(struct mk_map *map, struct mk_thread *me) {
    mk_leave(map->smr, me);
}

MK_MAP(split_ordered, .summary = "split-ordered lists: lock-free, grows without moving anything",
       .caps = MK_CONCURRENT | MK_GROWS,
       .progress = {.get = MK_LOCK_FREE, .put = MK_LOCK_FREE, .remove = MK_LOCK_FREE}, .create = so_create,
       .destroy = so_destroy, .thread_enter = so_thread_enter, .thread_exit = so_thread_exit, .flush = so_flush,
       .count = so_count, .walk = so_visit, .stats = so_stats, .hold = so_hold, .unhold = so_unhold, .get = so_get,
       .put = so_put, .remove = so_remove, .contains = so_contains, .insert_if_absent = so_insert_if_absent,
       .update = so_update);
