/* map/chain - lock-free chained hash table: every update is one CAS on one link.
 *
 * Source:     the third protocol of kovan-map (vertexclique/kovan, from 0.1.21 on), after Harris, DISC 2001, and
 *             Michael, SPAA 2002. Differs: a resize goes bucket by bucket and every writer helps with it;
 *             nodes carry no hash; reclamation is a part, and any will do.
 * Picture:    map -> table { next, mask, head[] }            next: the table it moves to, while it does
 *                    head[i] -> node { next, key, value } -> node -> 0        in order of arrival
 *             link = node | MARK | FROZEN
 *               MARK    the node this link is in is gone: removed, or replaced by the very node the link names
 *               FROZEN  the chain is moving: no link in it changes any more
 *               MOVED   in head[i] alone: the bucket's keys are in the next table
 * parts:      reclaim=ebr hash=fold
 * values:     8 64 256 1024
 * Progress:   get and contains lock-free, also while a table grows: what is frozen can be read. put, remove and
 *             the like lock-free but while the bucket they need is being moved, when they wait for that bucket.
 * Ordering:   linearizable; LIN below names the points. A link is followed with acquire and changed with release,
 *             or more, so that whoever gets to a node sees its words, and those of all nodes behind it.
 *             A. A marked word never changes but to be frozen; a frozen word never, unless the move is given up
 *                for want of memory, and then back to what it was. So a CAS that expects the word from before
 *                fails for ever, or finds that nothing has happened.
 *             B. Unlinking is CAS(previous, node -> what the marked word names). Only the thread whose CAS it
 *                was retires the node; of a frozen chain, only the thread that set MOVED.
 *             C. A reader answers only from a node whose link it read unmarked, and goes on from marked nodes
 *                only if, after reading the last of them, the live link before still names the first: then all
 *                of them were linked at that moment, and so was what the last one names. Along frozen links a
 *                node is linked as long as the bucket has not MOVED. So no reclaimer is asked to keep a node
 *                for readers that walk on from unlinked ones. The answer does not hang on it: a key that stays
 *                is behind every node it was ever behind, gone ones too.
 *             D. What decides answers, and the loads that answer, are in the one seq_cst order: two readers never
 *                see two changes of different keys in opposite orders, on machines where stores do not reach all
 *                others at once either (POWER). These are the CASes that add, replace and remove; MOVED, for
 *                after it others decide; and what mk_protect reads. Unlinking and freezing are not among them:
 *                what a link says of keys is the same before and after. Loads and read-modify-writes cost no
 *                more by that on x86 and ARM.
 * Memory:     (16 B + value, and the reclaimer's header) a key, rounded by the allocator, + 8 B a bucket: at loads
 *             of .375 to .75, between which it grows, 43 to 53 B for values of 8 in chunks of 32. Halved below .25,
 *             but never below what was expected at create. During a resize both tables, and each node once but
 *             for those not yet reclaimed. 64 B * threads_max of counters.
 * Limits:     a put allocates, also when it replaces. While the table moves every put and remove moves up to
 *             64 buckets first. Where memory for a larger table, or for a bucket's move, is refused, chains get
 *             longer and it is tried again later. table=fixed has 524288 buckets for ever.
 * Kept:       (20) C11 asks for it: a seq_cst-load that comes after another, which has found MOVED, may pass by a
 *             release-store all the same, and find the bucket as it was before, while changes in the next table are
 *             over. In C++20, and so under the model flavour, it may not; and whoever changes something there has
 *             found MOVED, or the next table as the map's, by such a load.
 */
#include "../hash.h"
#include "../map.h"
#include "../reclaim.h"

#define CHAIN_MARK ((mk_link)1)
#define CHAIN_FROZEN ((mk_link)2)
#define CHAIN_MOVED (CHAIN_MARK | CHAIN_FROZEN)
#define CHAIN_BUCKETS_MIN MK_TUNE(64, 2)
#define CHAIN_BUCKETS_MAX ((uint64_t)1 << 40)
#define CHAIN_BUCKETS_FIXED MK_TUNE(524288, 4)
#define CHAIN_SIZES 41 /* of tables: powers of two up to the largest */
#define CHAIN_STRETCH MK_TUNE(64, 1) /* buckets that one operation moves when it helps */
#define CHAIN_CHANGES MK_TUNE(64, 1) /* of the count, by one thread, between its looks at the load */

/* What the slots of mk_protect hold; from the last on nodes, up to four at a time. */
enum { CHAIN_SLOT_TABLE, CHAIN_SLOT_NEXT, CHAIN_SLOT_NODE };

struct chain_node {
    MK_RECLAIM_HEADER
    MK_ATOMIC(mk_link) next;
    uint64_t key;
    mk_value value;
};

struct chain_table {
    MK_RECLAIM_HEADER
    uint64_t mask; /* buckets - 1; the number of buckets is a power of two */
    MK_ATOMIC(mk_link) next;
    /* of the move to next: the first part that nobody has begun with, and how many are yet to be moved */
    MK_ATOMIC(uint64_t) cursor MK_ALIGNED(MK_CACHE_LINE);
    MK_ATOMIC(uint64_t) left;
    MK_ATOMIC(mk_link) head[] MK_ALIGNED(MK_CACHE_LINE);
};

/* Of one thread, which alone writes it. */
struct chain_line {
    MK_ATOMIC(uint64_t) count; /* keys it added less keys it removed, modulo 2^64 */
    MK_ATOMIC(uint64_t) cas_failures, restarts;
    uint32_t changes;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_map {
    MK_ATOMIC(mk_link) table;
    struct mk_reclaim *smr;
    struct chain_line *line;
    uint64_t seed;
    struct mk_mem_cache nodes;
    struct mk_mem *mem;
    uint64_t buckets_min;
    uint32_t threads_max;
    bool fixed;
    struct mk_retire retire_node;
    struct mk_retire retire_table[CHAIN_SIZES]; /* by the logarithm of the buckets */
    /* taken while a resize is on, or is being thought about */
    MK_ATOMIC(uint32_t) latch MK_ALIGNED(MK_CACHE_LINE);
    MK_ATOMIC(uint64_t) resizes;
};

MK_INLINE struct chain_node *chain_node_of(mk_link link) {
    return (struct chain_node *)(link & ~MK_LINK_FLAGS);
}

MK_INLINE struct chain_table *chain_table_of(mk_link link) {
    return (struct chain_table *)link;
}

/* ---- counters ------------------------------------------------------------------------------- */

/* Of one thread: no update is lost, though it is no read-modify-write. */
MK_INLINE void chain_add(MK_ATOMIC(uint64_t) *counter, uint64_t n) {
    /* (1) relaxed-load: of a counter of our own */
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    /* (2) relaxed-store: a count; who needs it exact knows that the operations are over */
    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

static uint64_t chain_count(struct mk_map *map) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < map->threads_max; i++) {
        /* (3) relaxed-load: exact at quiescence, a hint before */
        count += atomic_load_explicit(&map->line[i].count, memory_order_relaxed);
    }
    return (int64_t)count > 0 ? count : 0;
}

/* ---- walks ---------------------------------------------------------------------------------- */

/* Returns the table that `table` is moving to, protected; NULL if the map has already gone on from it,
 * when that one may be gone too. */
MK_INLINE struct chain_table *chain_next(struct mk_map *map, struct mk_thread *me, struct chain_table *table) {
    mk_link next = mk_protect(map->smr, me, CHAIN_SLOT_NEXT, &table->next);
    /* (4) relaxed-load: of a word we have acquired already. While it says `table`, next is not retired, and was not
     * before. Relaxed will do with every reclaimer, though the link that mk_protect looked at never changes: what was
     * done before a node is let go is seen by all that comes after its protection (reclaim.h), and so by this */
    mk_link current = atomic_load_explicit(&map->table, memory_order_relaxed);
    return current == (mk_link)table ? chain_table_of(next) : NULL;
}

/* Returns the head of the chain where a key of this hash is or would be, and in *first the link read there,
 * its node protected. */
MK_INLINE MK_ATOMIC(mk_link) *chain_head(struct mk_map *map, struct mk_thread *me, uint64_t hash, mk_link *first) {
    for (;;) {
        struct chain_table *table = chain_table_of(mk_protect(map->smr, me, CHAIN_SLOT_TABLE, &map->table));
        MK_ATOMIC(mk_link) *head = &table->head[hash & table->mask];
        *first = mk_protect(map->smr, me, CHAIN_SLOT_NODE, head);
        if (MK_LIKELY(*first != CHAIN_MOVED)) return head;
        table = chain_next(map, me, table);
        if (!table) continue;
        head = &table->head[hash & table->mask];
        *first = mk_protect(map->smr, me, CHAIN_SLOT_NODE, head);
        if (*first != CHAIN_MOVED) return head;
    }
}

/* Returns a slot for nodes that is none of these. */
MK_INLINE unsigned chain_spare(unsigned a, unsigned b, unsigned c) {
    return (unsigned)__builtin_ctz(~(1u << a | 1u << b | 1u << c) & ~0u << CHAIN_SLOT_NODE);
}

/* Returns whether `from`, a live link, still names `first`, in a chain that has not moved: point C. */
MK_INLINE bool chain_linked(MK_ATOMIC(mk_link) *head, MK_ATOMIC(mk_link) *from, mk_link first) {
    /* (5) relaxed-load: finds what was read, and acquired, before, or sends us back. What it finds was so at every
     * moment since, and answers nobody: points C and D. It comes after mk_protect, and that is enough, as with (4):
     * whoever unlinks what is behind `first` has seen this link changed before */
    mk_link now = atomic_load_explicit(from, memory_order_relaxed);
    if ((now ^ first) & ~CHAIN_FROZEN) return false;
    if (!(now & CHAIN_FROZEN)) return true;
    /* (6) relaxed-load: as (5) */
    return atomic_load_explicit(head, memory_order_relaxed) != CHAIN_MOVED;
}

/* Returns the key's node or NULL. Changes nothing and waits for nobody. */
MK_INLINE const struct chain_node *chain_lookup(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    uint64_t hash = mk_hash(key, map->seed);
restart:;
    mk_link first, next;
    MK_ATOMIC(mk_link) *head = chain_head(map, me, hash, &first), *from = head;
    unsigned slot = CHAIN_SLOT_NODE, slot_first = slot, slot_from = slot, spare;
    for (mk_link link = first; link & ~MK_LINK_FLAGS; link = next, slot = spare) {
        struct chain_node *node = chain_node_of(link);
        spare = chain_spare(slot, slot_first, slot_from);
        /* LIN get hit, contains hit: this load, when it finds no mark. Has the bucket moved since we were
         * at its head: the moment before it did, for what is frozen without a mark was there until then. */
        next = mk_protect(map->smr, me, spare, &node->next);
        if (MK_LIKELY(!(next & CHAIN_MARK))) {
            if (node->key == key) return node;
            from = &node->next;
            first = next;
            slot_from = slot;
            slot_first = spare;
        }
        if (MK_UNLIKELY(next & (CHAIN_MARK | CHAIN_FROZEN)) && !chain_linked(head, from, first)) {
            chain_add(&map->line[me->id].restarts, 1);
            goto restart;
        }
    }
    /* LIN get miss, contains miss: the load of the live link that ends the chain, or, where marked nodes come
     * behind it, the last look whether it still names them. New keys go to the end, so none was passed by.
     * Has the bucket moved since we were at its head: the moment before it did. */
    return NULL;
}

/* Where a writer's walk ended. */
struct chain_place {
    MK_ATOMIC(mk_link) *from; /* names node; neither marked nor frozen when read */
    struct chain_node *node;  /* NULL at the end of the chain */
    mk_link next;             /* read from node->next */
};

/* Unlinks the place's node, which is marked; room for retiring it is reserved. False: from has changed. */
static inline bool chain_unlink(struct mk_map *map, struct mk_thread *me, const struct chain_place *place,
                                mk_link successor) {
    mk_link expected = (mk_link)place->node;
    /* (7) release-CAS synchronizes-with the seq_cst-load (16 in reclaim/ebr.c) and the acquire-fetch_or (8): the
     * successor's words. On failure relaxed: what is there is not used */
    if (!atomic_compare_exchange_strong_explicit(place->from, &expected, successor, memory_order_release,
                                                 memory_order_relaxed)) {
        chain_add(&map->line[me->id].cas_failures, 1);
        return false;
    }
    mk_retire(map->smr, me, place->node, &map->retire_node);
    return true;
}

enum chain_found { CHAIN_ABSENT, CHAIN_PRESENT, CHAIN_BUSY, CHAIN_NO_ROOM };

/* Finds the key, unlinking every marked node on the way. CHAIN_BUSY: the bucket is being moved. CHAIN_NO_ROOM:
 * no memory to retire what is to be unlinked. */
static inline enum chain_found chain_find(struct mk_map *map, struct mk_thread *me, uint64_t hash, uint64_t key,
                                          struct chain_place *place) {
    mk_link link;
    unsigned slot = CHAIN_SLOT_NODE, slot_from = slot;
    place->from = chain_head(map, me, hash, &link);
    for (;;) {
        if (MK_UNLIKELY(link & CHAIN_FROZEN)) return CHAIN_BUSY;
        place->node = chain_node_of(link);
        if (!place->node) return CHAIN_ABSENT;
        unsigned spare = chain_spare(slot, slot_from, slot_from);
        place->next = mk_protect(map->smr, me, spare, &place->node->next);
        if (MK_UNLIKELY(place->next & CHAIN_FROZEN)) return CHAIN_BUSY;
        if (MK_LIKELY(!(place->next & CHAIN_MARK))) {
            if (place->node->key == key) return CHAIN_PRESENT;
            place->from = &place->node->next;
            link = place->next;
            slot_from = slot;
            slot = spare;
            continue;
        }
        if (!mk_reserve(map->smr, me, 1)) return CHAIN_NO_ROOM;
        bool unlinked = chain_unlink(map, me, place, place->next & ~CHAIN_MARK);
        if (unlinked) link = mk_protect(map->smr, me, slot, place->from);
        if (!unlinked || (link & CHAIN_MARK)) { /* from has changed, is gone, or the bucket has moved */
            chain_add(&map->line[me->id].restarts, 1);
            place->from = chain_head(map, me, hash, &link);
            slot_from = slot = CHAIN_SLOT_NODE;
        }
    }
}

/* Unlinks the place's node, which we have marked, now or, where that is not possible, by another walk. */
static inline void chain_drop(struct mk_map *map, struct mk_thread *me, uint64_t hash, struct chain_place *place,
                              mk_link successor) {
    if (chain_unlink(map, me, place, successor)) return;
    struct chain_place again;
    chain_find(map, me, hash, place->node->key, &again);
}

/* ---- moving to another table ---------------------------------------------------------------- */

static size_t chain_table_bytes(uint64_t buckets) {
    return sizeof(struct chain_table) + buckets * sizeof(MK_ATOMIC(mk_link));
}

/* Returns an empty table or NULL. Zeroed, and so, until it is stamped, born before all readers. */
static struct chain_table *chain_table_make(struct mk_map *map, struct mk_thread *me, uint64_t buckets) {
    struct chain_table *table = mk_mem_zalloc(map->mem, me, chain_table_bytes(buckets), MK_CACHE_LINE);
    if (table) table->mask = buckets - 1;
    return table;
}

static void chain_table_free(void *arg, struct mk_thread *me, void *node) {
    struct mk_map *map = arg;
    struct chain_table *table = node;
    mk_mem_free(map->mem, me, table, chain_table_bytes(table->mask + 1), MK_CACHE_LINE);
}

/* Returns in how many parts a table moves to another: buckets that exchange keys move together. */
static uint64_t chain_parts(const struct chain_table *from, const struct chain_table *to) {
    return (from->mask < to->mask ? from->mask : to->mask) + 1;
}

/* Freezes a chain, and adds its nodes to *nodes. False: somebody else has, or had. From front to back: what a
 * frozen link names can no longer be unlinked, so that all of it is safe to follow. */
static bool chain_freeze(MK_ATOMIC(mk_link) *link, uint64_t *nodes) {
    for (uint64_t n = 0;; n++) {
        /* (8) acquire-fetch_or synchronizes-with the release-CAS (7), the seq_cst-CASes (36, 38) and the
         * release-fetch_and (10): the words of the node named. Continues their release sequences for readers of the
         * frozen link. It decides no answer, (20) does: point D */
        mk_link was = atomic_fetch_or_explicit(link, CHAIN_FROZEN, memory_order_acquire);
        if (n == 0 && was & CHAIN_FROZEN) return false;
        struct chain_node *node = chain_node_of(was);
        if (!node) return true;
        link = &node->next;
        ++*nodes;
    }
}

/* Takes the freeze back, the head's last: it is what keeps others from freezing. */
static void chain_thaw(struct mk_map *map, struct mk_thread *me, MK_ATOMIC(mk_link) *head) {
    unsigned slot = CHAIN_SLOT_NODE;
    struct chain_node *node = chain_node_of(mk_protect(map->smr, me, slot, head));
    while (node) {
        /* protected before node's link thaws, for after that it can be unlinked */
        slot = chain_spare(slot, slot, slot);
        struct chain_node *next = chain_node_of(mk_protect(map->smr, me, slot, &node->next));
        /* (9) relaxed-fetch_and: nothing has changed since (8), whose release sequence this continues */
        atomic_fetch_and_explicit(&node->next, ~CHAIN_FROZEN, memory_order_relaxed);
        node = next;
    }
    /* (10) release-fetch_and synchronizes-with the acquire-fetch_or (8): whoever moves this bucket after us finds
     * the next table's bucket as we left it, empty (18) */
    atomic_fetch_and_explicit(head, ~CHAIN_FROZEN, memory_order_release);
}

/* Puts copies of the live nodes of a frozen chain into a table where nobody looks for them yet. False: no
 * memory. */
static bool chain_copy(struct mk_map *map, struct mk_thread *me, MK_ATOMIC(mk_link) *link, struct chain_table *to) {
    for (;;) {
        /* (11) relaxed-load: frozen by us, with acquire, (8) */
        mk_link word = atomic_load_explicit(link, memory_order_relaxed);
        const struct chain_node *node = chain_node_of(word);
        if (!node) return true;
        link = &chain_node_of(word)->next;
        /* (12) relaxed-load: as (11) */
        if (atomic_load_explicit(link, memory_order_relaxed) & CHAIN_MARK) continue;
        struct chain_node *copy = mk_mem_cache_alloc(&map->nodes, me);
        if (!copy) return false;
        mk_birth(map->smr, me, copy);
        copy->key = node->key;
        copy->value = node->value;
        MK_ATOMIC(mk_link) *head = &to->head[mk_hash(node->key, map->seed) & to->mask];
        /* (13) relaxed-load: nobody else is at this head before (20) */
        mk_link rest = atomic_load_explicit(head, memory_order_relaxed);
        /* (14) relaxed-store: published by (20) */
        atomic_store_explicit(&copy->next, rest, memory_order_relaxed);
        /* (15) relaxed-store: published by (20) */
        atomic_store_explicit(head, (mk_link)copy, memory_order_relaxed);
    }
}

/* Frees the nodes of a chain that nobody else can reach. */
static void chain_free_nodes(struct mk_map *map, struct mk_thread *me, MK_ATOMIC(mk_link) *head) {
    /* (16) relaxed-load: not shared, or at quiescence */
    mk_link link = atomic_load_explicit(head, memory_order_relaxed);
    while (link & ~MK_LINK_FLAGS) {
        struct chain_node *node = chain_node_of(link);
        /* (17) relaxed-load: as (16) */
        link = atomic_load_explicit(&node->next, memory_order_relaxed);
        mk_mem_cache_free(&map->nodes, me, node);
    }
    /* (18) relaxed-store: as (16) */
    atomic_store_explicit(head, 0, memory_order_relaxed);
}

/* Sends everybody from a frozen chain to the next table, and retires it. Room is reserved. */
static void chain_hand_over(struct mk_map *map, struct mk_thread *me, MK_ATOMIC(mk_link) *head) {
    /* (19) relaxed-load: frozen by us */
    mk_link link = atomic_load_explicit(head, memory_order_relaxed);
    /* (20) seq_cst-store synchronizes-with the seq_cst-load (16 in reclaim/ebr.c): the next table's chains, (14,
     * 15), before anybody looks there; point D */
    atomic_store_explicit(head, CHAIN_MOVED, memory_order_seq_cst);
    while (link & ~MK_LINK_FLAGS) {
        struct chain_node *node = chain_node_of(link);
        /* (21) relaxed-load: frozen by us */
        link = atomic_load_explicit(&node->next, memory_order_relaxed);
        mk_retire(map->smr, me, node, &map->retire_node);
    }
}

enum chain_outcome { CHAIN_DONE, CHAIN_TAKEN, CHAIN_FAILED };

/* Moves one part: a bucket and, where the next table is smaller, the one it is merged with. CHAIN_TAKEN: somebody
 * else does, or has. CHAIN_FAILED: no memory, all is as it was. Leaves room to retire one thing more, the table. */
static enum chain_outcome chain_move(struct mk_map *map, struct mk_thread *me, struct chain_table *from,
                                     struct chain_table *to, uint64_t part) {
    uint64_t parts = chain_parts(from, to), nodes = 0;
    MK_ATOMIC(mk_link) *head = &from->head[part], *twin = parts <= from->mask ? head + parts : NULL;
    if (!chain_freeze(head, &nodes)) return CHAIN_TAKEN;
    if (twin) chain_freeze(twin, &nodes);
    if (!mk_reserve(map->smr, me, (unsigned)nodes + 1) || !chain_copy(map, me, head, to) ||
        (twin && !chain_copy(map, me, twin, to))) {
        for (uint64_t i = part; i <= to->mask; i += parts) chain_free_nodes(map, me, &to->head[i]);
        if (twin) chain_thaw(map, me, twin);
        chain_thaw(map, me, head);
        return CHAIN_FAILED;
    }
    chain_hand_over(map, me, head);
    if (twin) chain_hand_over(map, me, twin);
    return CHAIN_DONE;
}

/* The last part has moved: the next table becomes the map's, and the latch is free. */
static void chain_finish(struct mk_map *map, struct mk_thread *me, struct chain_table *from,
                         struct chain_table *to) {
    /* (22) release-store synchronizes-with the seq_cst-load (16 in reclaim/ebr.c): all parts, acquired by (27) */
    atomic_store_explicit(&map->table, (mk_link)to, memory_order_release);
    mk_retire(map->smr, me, from, &map->retire_table[__builtin_ctzll(from->mask + 1)]);
    /* (23) release-store synchronizes-with the acquire-exchange (32): the new table */
    atomic_store_explicit(&map->latch, 0, memory_order_release);
}

/* Moves a stretch of parts, if there is one that nobody has begun with. */
static MK_NOINLINE void chain_help_move(struct mk_map *map, struct mk_thread *me, struct chain_table *from) {
    struct chain_table *to = chain_next(map, me, from);
    if (!to) return;
    uint64_t parts = chain_parts(from, to), moved = 0;
    /* (24) relaxed-load: a hint; whose a part is, (8) decides */
    if (atomic_load_explicit(&from->cursor, memory_order_relaxed) >= parts) return;
    /* (25) relaxed-fetch_add: as (24) */
    uint64_t part = atomic_fetch_add_explicit(&from->cursor, CHAIN_STRETCH, memory_order_relaxed);
    uint64_t end = part + CHAIN_STRETCH < parts ? part + CHAIN_STRETCH : parts;
    for (; part < end; part++) {
        enum chain_outcome outcome = chain_move(map, me, from, to, part);
        moved += outcome == CHAIN_DONE;
        if (outcome != CHAIN_FAILED) continue;
        /* (26) relaxed-store: as (24); later helpers look at all parts again */
        atomic_store_explicit(&from->cursor, 0, memory_order_relaxed);
        break;
    }
    if (!moved) return;
    /* (27) acq_rel-fetch_sub synchronizes-with (27): whoever moves the last part has seen all others moved */
    if (atomic_fetch_sub_explicit(&from->left, moved, memory_order_acq_rel) == moved) {
        chain_finish(map, me, from, to);
    }
}

/* Every writer, inside its section: if the table is moving, lends a hand. */
MK_INLINE void chain_help(struct mk_map *map, struct mk_thread *me) {
    struct chain_table *table = chain_table_of(mk_protect(map->smr, me, CHAIN_SLOT_TABLE, &map->table));
    /* (28) relaxed-load: a hint; mk_protect reads it again */
    if (MK_UNLIKELY(atomic_load_explicit(&table->next, memory_order_relaxed))) chain_help_move(map, me, table);
}

/* Returns how many buckets a table of so many should have for the keys it holds. */
static uint64_t chain_wanted(struct mk_map *map, uint64_t buckets) {
    uint64_t count = chain_count(map);
    if (count > buckets / 4 * 3 && buckets < CHAIN_BUCKETS_MAX) return buckets * 2;
    return count < buckets / 4 && buckets > map->buckets_min ? buckets / 2 : buckets;
}

/* Begins to move the table to another. The latch is ours. False: no memory. */
static bool chain_begin(struct mk_map *map, struct mk_thread *me, struct chain_table *from, uint64_t buckets) {
    struct chain_table *to = chain_table_make(map, me, buckets);
    if (!to) return false;
    /* (29) relaxed-store: published by (31) */
    atomic_store_explicit(&from->left, chain_parts(from, to), memory_order_relaxed);
    /* (30) relaxed-fetch_add: statistics */
    atomic_fetch_add_explicit(&map->resizes, 1, memory_order_relaxed);
    mk_birth(map->smr, me, to);
    /* (31) release-store synchronizes-with the seq_cst-load of mk_protect (16 in reclaim/ebr.c): the empty table */
    atomic_store_explicit(&from->next, (mk_link)to, memory_order_release);
    return true;
}

/* Looks at the load, and begins to grow or shrink where it asks for that. Outside sections: while the latch is
 * ours no table goes away. */
static MK_NOINLINE void chain_consider(struct mk_map *map, struct mk_thread *me) {
    /* (32) acquire-exchange synchronizes-with the release-stores (23, 34): the table */
    if (map->fixed || atomic_exchange_explicit(&map->latch, 1, memory_order_acquire)) return;
    /* (33) relaxed-load: changed only by who has the latch, (22), and so acquired by (32) */
    struct chain_table *table = chain_table_of(atomic_load_explicit(&map->table, memory_order_relaxed));
    uint64_t wanted = chain_wanted(map, table->mask + 1);
    /* begun: whoever ends it gives the latch back */
    if (wanted != table->mask + 1 && chain_begin(map, me, table, wanted)) return;
    /* (34) release-store synchronizes-with the acquire-exchange (32): nothing, the next one may look */
    atomic_store_explicit(&map->latch, 0, memory_order_release);
}

/* A key more, or with -1 one less. Outside sections. */
MK_INLINE void chain_changed(struct mk_map *map, struct mk_thread *me, uint64_t keys) {
    struct chain_line *line = &map->line[me->id];
    chain_add(&line->count, keys);
    if (MK_UNLIKELY(++line->changes == CHAIN_CHANGES)) {
        line->changes = 0;
        chain_consider(map, me);
    }
}

/* ---- operations ----------------------------------------------------------------------------- */

MK_TIMED bool chain_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    mk_enter(map->smr, me);
    const struct chain_node *node = chain_lookup(map, me, key);
    if (node) *value = node->value;
    mk_leave(map->smr, me);
    return node != NULL;
}

MK_TIMED bool chain_contains(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    mk_enter(map->smr, me);
    bool found = chain_lookup(map, me, key) != NULL;
    mk_leave(map->smr, me);
    return found;
}

/* What a writer wants for a key: the value, in the place of what is there or only where nothing is; or, where
 * change is set, what is there changed by it, and nothing new. */
struct chain_wish {
    const mk_value *value;
    bool replace;
    mk_value *present; /* gets what is there, unless NULL */
    mk_update_fn *change;
    void *arg;
};

/* Links *fresh, which it makes, behind the last node. False: try again. */
MK_INLINE bool chain_insert(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                            const struct chain_place *place, struct chain_node **fresh, enum mk_status *status) {
    mk_link expected = 0;
    *status = MK_NO_MEMORY;
    if (!*fresh && !(*fresh = mk_mem_cache_alloc(&map->nodes, me))) return true;
    mk_birth(map->smr, me, *fresh);
    (*fresh)->key = key;
    (*fresh)->value = *value;
    /* (35) relaxed-store: published by (36) */
    atomic_store_explicit(&(*fresh)->next, 0, memory_order_relaxed);
    /* LIN put miss, insert_if_absent miss: this CAS. The chain ended here, so the key was in none of its nodes. */
    /* (36) seq_cst-CAS synchronizes-with the seq_cst-load (16 in reclaim/ebr.c) and the acquire-fetch_or (8): the
     * node's words; point D. On failure relaxed: we walk again */
    if (!atomic_compare_exchange_strong_explicit(place->from, &expected, (mk_link)*fresh, memory_order_seq_cst,
                                                 memory_order_relaxed)) {
        chain_add(&map->line[me->id].cas_failures, 1);
        return false;
    }
    *fresh = NULL;
    *status = MK_MISS;
    return true;
}

/* Puts *fresh, which it makes, in the place of the key's node. False: try again. */
MK_INLINE bool chain_replace(struct mk_map *map, struct mk_thread *me, uint64_t hash, const struct chain_wish *wish,
                             struct chain_place *place, struct chain_node **fresh, enum mk_status *status) {
    mk_link expected = place->next;
    *status = MK_NO_MEMORY;
    if (!*fresh && !(*fresh = mk_mem_cache_alloc(&map->nodes, me))) return true;
    if (!mk_reserve(map->smr, me, 1)) return true;
    mk_birth(map->smr, me, *fresh);
    (*fresh)->key = place->node->key;
    (*fresh)->value = wish->change ? place->node->value : *wish->value;
    if (wish->change) wish->change(&(*fresh)->value, wish->arg);
    /* (37) relaxed-store: published by (38) */
    atomic_store_explicit(&(*fresh)->next, place->next, memory_order_relaxed);
    /* LIN put hit, update hit: this CAS, which marks the old node and by the same word links the new one: no
     * moment between in which the key is absent. */
    /* (38) seq_cst-CAS synchronizes-with the seq_cst-load (16 in reclaim/ebr.c) and the acquire-fetch_or (8): the
     * new node's words; point D. On failure relaxed: we walk again */
    if (!atomic_compare_exchange_strong_explicit(&place->node->next, &expected, (mk_link)*fresh | CHAIN_MARK,
                                                 memory_order_seq_cst, memory_order_relaxed)) {
        chain_add(&map->line[me->id].cas_failures, 1);
        return false;
    }
    if (wish->present) *wish->present = place->node->value;
    chain_drop(map, me, hash, place, (mk_link)*fresh);
    *fresh = NULL;
    *status = MK_HIT;
    return true;
}

/* One attempt, inside a section. False: try again. */
MK_INLINE bool chain_try_write(struct mk_map *map, struct mk_thread *me, uint64_t hash, uint64_t key,
                               const struct chain_wish *wish, struct chain_node **fresh, enum mk_status *status) {
    struct chain_place place;
    switch (chain_find(map, me, hash, key, &place)) {
    case CHAIN_ABSENT:
        if (!wish->change) return chain_insert(map, me, key, wish->value, &place, fresh, status);
        /* LIN update miss: the load in chain_find of the live link that ends the chain. */
        *status = MK_MISS;
        return true;
    case CHAIN_PRESENT:
        if (wish->replace) return chain_replace(map, me, hash, wish, &place, fresh, status);
        /* LIN insert_if_absent hit: the load in chain_find of the node's link, unmarked. */
        *wish->present = place.node->value;
        *status = MK_HIT;
        return true;
    case CHAIN_NO_ROOM: *status = MK_NO_MEMORY; return true;
    default: return false;
    }
}

MK_INLINE enum mk_status chain_write(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                     const struct chain_wish *wish) {
    uint64_t hash = mk_hash(key, map->seed);
    struct chain_node *fresh = NULL;
    enum mk_status status = MK_NO_MEMORY;
    bool settled = false;
    for (unsigned spins = 0; !settled;) {
        mk_enter(map->smr, me);
        chain_help(map, me);
        settled = chain_try_write(map, me, hash, key, wish, &fresh, &status);
        mk_leave(map->smr, me);
        if (!settled) mk_backoff(&spins);
    }
    if (fresh) mk_mem_cache_free(&map->nodes, me, fresh);
    if (status == MK_MISS && !wish->change) chain_changed(map, me, 1);
    return status;
}

static inline enum mk_status chain_put(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                       const mk_value *value, mk_value *previous) {
    struct chain_wish wish = {.value = value, .replace = true, .present = previous};
    return chain_write(map, me, key, &wish);
}

static inline enum mk_status chain_insert_if_absent(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                                    const mk_value *value, mk_value *present) {
    struct chain_wish wish = {.value = value, .present = present};
    return chain_write(map, me, key, &wish);
}

static inline enum mk_status chain_update(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                          mk_update_fn *change, void *arg) {
    struct chain_wish wish = {.replace = true, .change = change, .arg = arg};
    return chain_write(map, me, key, &wish);
}

/* One attempt, inside a section. False: try again. */
MK_INLINE bool chain_try_remove(struct mk_map *map, struct mk_thread *me, uint64_t hash, uint64_t key,
                                mk_value *value, enum mk_status *status) {
    struct chain_place place;
    enum chain_found found = chain_find(map, me, hash, key, &place);
    /* LIN remove miss: the load in chain_find of the live link that ends the chain. */
    *status = found == CHAIN_ABSENT ? MK_MISS : MK_NO_MEMORY;
    if (found != CHAIN_PRESENT) return found != CHAIN_BUSY;
    if (!mk_reserve(map->smr, me, 1)) return true;
    mk_link expected = place.next;
    /* LIN remove hit: this CAS. Not the unlinking below: that may be another thread's, and later. */
    /* (39) seq_cst-CAS synchronizes-with the seq_cst-load (16 in reclaim/ebr.c): what this thread did before it
     * removed the key; point D. On failure relaxed: we walk again */
    if (!atomic_compare_exchange_strong_explicit(&place.node->next, &expected, place.next | CHAIN_MARK,
                                                 memory_order_seq_cst, memory_order_relaxed)) {
        chain_add(&map->line[me->id].cas_failures, 1);
        return false;
    }
    *value = place.node->value;
    chain_drop(map, me, hash, &place, place.next);
    *status = MK_HIT;
    return true;
}

static inline enum mk_status chain_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    uint64_t hash = mk_hash(key, map->seed);
    enum mk_status status = MK_NO_MEMORY;
    bool settled = false;
    for (unsigned spins = 0; !settled;) {
        mk_enter(map->smr, me);
        chain_help(map, me);
        settled = chain_try_remove(map, me, hash, key, value, &status);
        mk_leave(map->smr, me);
        if (!settled) mk_backoff(&spins);
    }
    if (status == MK_HIT) chain_changed(map, me, (uint64_t)-1);
    return status;
}

/* ---- life ----------------------------------------------------------------------------------- */

/* At quiescence. Returns the table after `table`: at most one, that it is moving to. */
static struct chain_table *chain_after(struct chain_table *table) {
    /* (40) relaxed-load: at quiescence */
    return chain_table_of(atomic_load_explicit(&table->next, memory_order_relaxed));
}

/* At quiescence. */
static struct chain_table *chain_first(struct mk_map *map) {
    /* (41) relaxed-load: at quiescence */
    return chain_table_of(atomic_load_explicit(&map->table, memory_order_relaxed));
}

/* Frees what a create that fails has made so far, too. */
static void chain_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    if (map->smr) mk_reclaim_here.destroy(map->smr);
    for (struct chain_table *table = chain_first(map), *next; table; table = next) {
        next = chain_after(table);
        for (uint64_t i = 0; i <= table->mask; i++) chain_free_nodes(map, NULL, &table->head[i]);
        chain_table_free(map, NULL, table);
    }
    if (map->nodes.alloc) mk_mem_cache_close(mem, &map->nodes);
    if (map->line) mk_mem_free(mem, NULL, map->line, map->threads_max * sizeof *map->line, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
}

/* Says how nodes and tables are freed. */
static void chain_prepare_retire(struct mk_map *map) {
    map->retire_node = (struct mk_retire){.cache = &map->nodes, .bytes = sizeof(struct chain_node)};
    for (unsigned i = 0; i < CHAIN_SIZES; i++) {
        struct mk_retire *how = &map->retire_table[i];
        *how = (struct mk_retire){.dispose = chain_table_free, .arg = map};
        how->bytes = chain_table_bytes((uint64_t)1 << i);
    }
}

/* Returns how many buckets to begin with: for what is expected, at the load at which it would grow. */
static uint64_t chain_buckets(const struct mk_map *map, uint64_t capacity) {
    uint64_t buckets = CHAIN_BUCKETS_MIN;
    if (map->fixed) return CHAIN_BUCKETS_FIXED;
    while (buckets / 4 * 3 < capacity && buckets < CHAIN_BUCKETS_MAX / 2) buckets *= 2;
    return buckets;
}

static int chain_fill(struct mk_map *map, const struct mk_config *cfg, struct mk_err *err) {
    map->line = mk_mem_zalloc(map->mem, NULL, cfg->threads_max * sizeof *map->line, MK_CACHE_LINE);
    if (!map->line) return mk_fail(err, "no memory for the counters of %u threads", cfg->threads_max);
    if (mk_mem_cache_open(map->mem, &map->nodes, sizeof(struct chain_node), _Alignof(struct chain_node), err)) {
        map->nodes.alloc = NULL;
        return -1;
    }
    struct chain_table *table = chain_table_make(map, NULL, map->buckets_min);
    if (!table) {
        return mk_fail(err, "no memory for %llu buckets; lower the capacity", (unsigned long long)map->buckets_min);
    }
    /* (42) relaxed-store: nobody else has the map yet */
    atomic_store_explicit(&map->table, (mk_link)table, memory_order_relaxed);
    if (mk_reclaim_here.create(&map->smr, map->mem, cfg, err)) {
        map->smr = NULL;
        return -1;
    }
    return 0;
}

static int chain_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, _Alignof(struct mk_map));
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    map->seed = cfg->seed;
    map->threads_max = cfg->threads_max;
    map->fixed = cfg->params[0] == 1;
    map->buckets_min = chain_buckets(map, cfg->capacity);
    chain_prepare_retire(map);
    if (chain_fill(map, cfg, err)) {
        chain_destroy(map);
        return -1;
    }
    *out = map;
    return 0;
}

static int chain_thread_enter(struct mk_map *map, struct mk_thread *me) {
    return mk_reclaim_here.thread_enter(map->smr, me);
}

static void chain_thread_exit(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.thread_exit(map->smr, me);
}

/* Ends a resize that is on, as far as memory goes, then frees what is retired. */
static void chain_flush(struct mk_map *map, struct mk_thread *me) {
    struct chain_table *from = chain_first(map), *to = chain_after(from);
    uint64_t stretches = to ? chain_parts(from, to) / CHAIN_STRETCH + 1 : 0;
    /* (43) relaxed-store: at quiescence; parts that found no memory are tried again */
    if (to) atomic_store_explicit(&from->cursor, 0, memory_order_relaxed);
    for (uint64_t i = 0; i < stretches; i++) {
        mk_enter(map->smr, me);
        chain_help(map, me);
        mk_leave(map->smr, me);
    }
    mk_reclaim_here.flush(map->smr, me);
}

static void chain_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (struct chain_table *table = chain_first(map); table; table = chain_after(table)) {
        for (uint64_t i = 0; i <= table->mask; i++) {
            /* (44) relaxed-load: at quiescence */
            mk_link link = atomic_load_explicit(&table->head[i], memory_order_relaxed);
            while (link & ~MK_LINK_FLAGS) {
                const struct chain_node *node = chain_node_of(link);
                /* (45) relaxed-load: at quiescence */
                link = atomic_load_explicit(&chain_node_of(link)->next, memory_order_relaxed);
                if (!(link & CHAIN_MARK)) visit(arg, node->key, node->value.word[0]);
            }
        }
    }
}

static size_t chain_stats(struct mk_map *map, struct mk_stat *out, size_t room) {
    uint64_t failures = 0, restarts = 0;
    for (uint32_t i = 0; i < map->threads_max; i++) {
        /* (46) relaxed-load: statistics */
        failures += atomic_load_explicit(&map->line[i].cas_failures, memory_order_relaxed);
        /* (47) relaxed-load: statistics */
        restarts += atomic_load_explicit(&map->line[i].restarts, memory_order_relaxed);
    }
    /* (48) relaxed-load: statistics */
    uint64_t resizes = atomic_load_explicit(&map->resizes, memory_order_relaxed);
    const struct mk_stat stats[] = {{"cas_failures", failures}, {"restarts", restarts}, {"resizes", resizes}};
    size_t n = sizeof stats / sizeof *stats, fits = room < n ? room : n;
    memcpy(out, stats, fits * sizeof *stats);
    return n + mk_reclaim_here.stats(map->smr, out + fits, room - fits);
}

static void chain_hold(struct mk_map *map, struct mk_thread *me) {
    mk_enter(map->smr, me);
}

static void chain_unhold(struct mk_map *map, struct mk_thread *me) {
    mk_leave(map->smr, me);
}

static const struct mk_param chain_params[] = {
    {"table", MK_PARAM_CHOICE, "growing", 0, 0, "growing|fixed", "grows at a load of .75, or has 524288 buckets"},
    {NULL, MK_PARAM_CHOICE, NULL, 0, 0, NULL, NULL}};

MK_MAP(chain, .summary = "lock-free chains, one CAS an update; resized bucket by bucket",
       .caps = MK_CONCURRENT | MK_GROWS,
       .progress = {.get = MK_LOCK_FREE, .put = MK_BLOCKING, .remove = MK_BLOCKING}, .params = chain_params,
       .create = chain_create, .destroy = chain_destroy, .thread_enter = chain_thread_enter,
       .thread_exit = chain_thread_exit, .flush = chain_flush, .count = chain_count, .walk = chain_walk,
       .stats = chain_stats, .hold = chain_hold, .unhold = chain_unhold, .get = chain_get, .put = chain_put,
       .remove = chain_remove, .contains = chain_contains, .insert_if_absent = chain_insert_if_absent,
       .update = chain_update);
