/* map/hopscotch - open addressing in which a key lies within 32 slots of its home, whose bits say in which.
 *
 * Source:     Herlihy, Shavit, Tzafrir: Hopscotch Hashing, DISC 2008, and the second protocol of kovan-map's
 *             HopscotchMap (vertexclique/kovan, from 0.1.21 on). Differs: tags have 3 bits, since links have no
 *             more to spare; a resize moves entries and copies none; keys that no table could tell apart go to an
 *             excess, one bit more of a control word.
 * Picture:    map -> table { mask, excess, bucket[slots + 31] }      the last 31 are nobody's home
 *             bucket = control | slot                                16 bytes
 *               control: hop bits 0..31 | GUARD | EXCESS | stamp 34..63
 *                 hop bit i: a key of this home may be in the slot i buckets on
 *                 EXCESS: one may be in the excess;  stamp: counts moves of this home's keys
 *               slot: entry { key, value } | tag, 3 bits of the hash
 *             excess { room, slot[] }                                what found no slot, in no order
 * parts:      reclaim=ebr hash=fold
 * values:     8 64 256 1024
 * Progress:   get and contains lock-free, also while a table is replaced. put, remove and the like blocking: they
 *             take the guard of the key's home, and while a table is replaced wait for the new one.
 * Ordering:   linearizable; LIN below names the points.
 *             A. A home's guard orders all changes of its control word and of the slots its entries are in. Who has
 *                it finds bits and slots in agreement, and the entries cannot be retired: writers protect tables
 *                alone. Only an empty slot may be taken by anybody, by CAS.
 *             B. A bit is set before its slot is filled. Filled first, an entry would be found by readers who have
 *                kept an old word with that bit, and then missed by others. A bit too many does no harm: what is
 *                in the slot has another key.
 *             C. An entry moves to another slot so: filled there; new bit and stamp in one word; old slot emptied;
 *                old bit cleared with the guard. A reader that missed it acquired the emptying, finds another stamp
 *                and looks again. Same stamp: what it did not find was absent when it read the word, or removed
 *                since.
 *             D. A table is replaced by who has all its guards, and they are never given back: it never changes
 *                again, while entries it names may go on to be removed elsewhere, and be freed. So a reader who has
 *                protected an entry looks whether the table is still the map's, and if not begins anew. What it
 *                missed in a table that was the map's when it began was absent at the latest when that was
 *                replaced. The same holds for an excess that has been replaced by a larger one.
 *             E. Whoever holds one guard only tries others, and the latch of the excess comes after guards.
 *             F. What decides answers, and the loads that answer, are in the one seq_cst order: bits and stamps as
 *                they are set, slots as they change, the map's table. Unlocking is not among them: it takes bits
 *                back.
 * Memory:     an entry of 16 B + value, and the reclaimer's header, rounded by the allocator, + 16 B a slot: at
 *             loads of .375 to .75, between which it grows, 53 to 75 B for values of 8 in chunks of 32. Halved
 *             below .25, but never below what was expected at create. 8 to 16 B for each key in the excess. During
 *             a resize both tables, but each entry once. 64 B * threads_max of counters.
 * Limits:     a resize is done by one thread, and all writers wait for it. A put allocates, also when it replaces.
 *             What finds no slot makes the table grow if half of the slots are used, else it goes to the excess,
 *             which a lookup of such a home reads from end to end: 10^4 equal hashes finish, at a cost of n for
 *             each. Where memory for a larger table is refused the table fills up and then the excess; only where
 *             neither has room is there no memory. A reader may be fooled by 2^30 moves of one home's keys during
 *             one look.
 * Kept:       (8, 10, 12, 13, 14, 15, 24, 26) C11 asks for them, points C, D and F: else a reader may find an old
 *             word, slot or table although it has seen what came later. In programs as short as those of the model
 *             flavour each is upheld by others of them, and few entries move; (12, 13) matter to reclaimers that
 *             protect nodes one by one.
 */
#include "../hash.h"
#include "../map.h"
#include "../reclaim.h"

#define HOP_RANGE MK_TUNE(32, 2) /* slots that a home has bits for */
#define HOP_BITS (((uint64_t)1 << HOP_RANGE) - 1)
#define HOP_GUARD ((uint64_t)1 << 32)
#define HOP_EXCESS ((uint64_t)1 << 33)
#define HOP_STAMP ((uint64_t)1 << 34) /* the lowest bit of the stamp */
#define HOP_SLOTS_MIN MK_TUNE(64, 2)
#define HOP_SIZES 41 /* of tables and of excesses: powers of two up to the largest */
#define HOP_SLOTS_MAX ((uint64_t)1 << (HOP_SIZES - 1))
#define HOP_PROBE MK_TUNE(512, 4) /* slots from home on in which an empty one is looked for */
#define HOP_SPARSE MK_TUNE(2, 1) /* slots a key from which on a larger table would not help a key that finds none */
#define HOP_EXCESS_MIN MK_TUNE(8, 1)
#define HOP_PATIENCE MK_TUNE(16, 1) /* attempts at slots behind guards that others have */
#define HOP_CHANGES MK_TUNE(32, 1) /* of the count, by one thread, between its looks at the load */
#define HOP_AHEAD 16 /* slots between what a resize moves and what it fetches */

/* What the slots of mk_protect hold. */
enum { HOP_OF_TABLE, HOP_OF_EXCESS, HOP_OF_ENTRY };

struct hop_entry {
    MK_RECLAIM_HEADER
    uint64_t key;
    mk_value value;
};

struct hop_bucket {
    MK_ATOMIC(uint64_t) control;
    MK_ATOMIC(mk_link) slot;
};

struct hop_excess {
    MK_RECLAIM_HEADER
    uint64_t room; /* a power of two */
    MK_ATOMIC(mk_link) slot[];
};

struct hop_table {
    MK_RECLAIM_HEADER
    uint64_t mask; /* slots - 1; the number of slots is a power of two */
    MK_ATOMIC(mk_link) excess;
    MK_ATOMIC(uint32_t) excess_latch;
    uint64_t in_excess; /* keys; behind the latch */
    struct hop_bucket bucket[] MK_ALIGNED(MK_CACHE_LINE);
};

/* Of one thread, which alone writes it. */
struct hop_line {
    MK_ATOMIC(uint64_t) count; /* keys it added less keys it removed, modulo 2^64 */
    MK_ATOMIC(uint64_t) excess; /* keys it added to an excess less those it removed there, modulo 2^64 */
    MK_ATOMIC(uint64_t) displacements, restarts, resizes;
    uint32_t changes;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_map {
    MK_ATOMIC(mk_link) table;
    struct mk_reclaim *smr;
    struct hop_line *line;
    uint64_t seed;
    struct mk_mem_cache entries;
    struct mk_mem *mem;
    uint64_t slots_min;
    uint32_t threads_max;
    struct mk_retire retire_entry;
    struct mk_retire retire_table[HOP_SIZES], retire_excess[HOP_SIZES]; /* by the logarithm of slots and of room */
    MK_ATOMIC(uint32_t) latch MK_ALIGNED(MK_CACHE_LINE); /* taken while a resize is on, or is being thought about */
};

MK_INLINE struct hop_entry *hop_entry_of(mk_link word) {
    return (struct hop_entry *)(word & ~MK_LINK_FLAGS);
}

/* Returns what fills a slot. */
MK_INLINE mk_link hop_word(const struct hop_entry *entry, uint64_t hash) {
    return (mk_link)entry | hash >> 61;
}

/* Returns whether a slot's word names an entry whose hash may be this one. */
MK_INLINE bool hop_tagged(mk_link word, uint64_t hash) {
    return (word & MK_LINK_FLAGS) == hash >> 61 && word > MK_LINK_FLAGS;
}

/* ---- counters ------------------------------------------------------------------------------- */

/* Of one thread: no update is lost, though it is no read-modify-write. */
MK_INLINE void hop_add(MK_ATOMIC(uint64_t) *counter, uint64_t n) {
    /* (1) relaxed-load: of a counter of our own */
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    /* (2) relaxed-store: a count; who needs it exact knows that the operations are over */
    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

/* Returns the sum of all threads' counters that lie so far into a line. */
static uint64_t hop_total(struct mk_map *map, size_t offset) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < map->threads_max; i++) {
        MK_ATOMIC(uint64_t) *counter = (MK_ATOMIC(uint64_t) *)((char *)&map->line[i] + offset);
        /* (3) relaxed-load: exact at quiescence, a hint before */
        total += atomic_load_explicit(counter, memory_order_relaxed);
    }
    return (int64_t)total > 0 ? total : 0;
}

static uint64_t hop_count(struct mk_map *map) {
    return hop_total(map, offsetof(struct hop_line, count));
}

/* ---- guards and slots ----------------------------------------------------------------------- */

static inline bool hop_try_lock(struct hop_bucket *home) {
    /* (4) relaxed-load: a hint, which saves a write to a line that others use */
    if (atomic_load_explicit(&home->control, memory_order_relaxed) & HOP_GUARD) return false;
    /* (5) acquire-fetch_or synchronizes-with the release-store (7): the word, and the slots its bits are of */
    return !(atomic_fetch_or_explicit(&home->control, HOP_GUARD, memory_order_acquire) & HOP_GUARD);
}

/* Returns the control word of a home whose guard is ours, or of a table that nobody else has. */
MK_INLINE uint64_t hop_control(const struct hop_bucket *home) {
    /* (6) relaxed-load: changed only by who has the guard, (5) */
    return atomic_load_explicit(&home->control, memory_order_relaxed);
}

/* Gives the guard back, and the home this word. */
MK_INLINE void hop_unlock(struct hop_bucket *home, uint64_t control) {
    /* (7) release-store synchronizes-with the acquire-fetch_or (5): what was done under the guard. Readers need no
     * order: bits that go do so after their slots, and what the word still says was so before */
    atomic_store_explicit(&home->control, control & ~HOP_GUARD, memory_order_release);
}

/* Changes the word of a home whose guard is ours, and remains so. */
MK_INLINE void hop_tell(struct hop_bucket *home, uint64_t control) {
    /* (8) seq_cst-store enforces a total order with the seq_cst-load (15): points B, C and F; and synchronizes-with
     * it: where a moved entry is now */
    atomic_store_explicit(&home->control, control, memory_order_seq_cst);
}

/* Returns what is in a slot that is ours by the guard of its entry's home, or by the latch of the excess. */
MK_INLINE mk_link hop_inside(MK_ATOMIC(mk_link) *slot) {
    /* (9) relaxed-load: changed only behind that guard or latch, (5, 21) */
    return atomic_load_explicit(slot, memory_order_relaxed);
}

/* Fills a slot if it is empty. False: somebody else has. */
MK_INLINE bool hop_fill(MK_ATOMIC(mk_link) *slot, mk_link word) {
    mk_link expected = 0;
    /* LIN put miss, insert_if_absent miss: this CAS, when it puts a new entry there. The key was absent: it has one
     * home, whose guard is ours. */
    /* (10) seq_cst-CAS synchronizes-with the seq_cst-load (14) and the seq_cst-load of mk_protect (16 in
     * reclaim/ebr.c): the entry; points B and F. On failure relaxed: we look for another */
    return atomic_compare_exchange_strong_explicit(slot, &expected, word, memory_order_seq_cst,
                                                   memory_order_relaxed);
}

/* Puts something else, or nothing, into a slot that is ours as it is to hop_inside. */
MK_INLINE void hop_set(MK_ATOMIC(mk_link) *slot, mk_link word) {
    /* LIN put hit, update hit, remove hit: this store, of another entry or of none. */
    /* LIN put miss, insert_if_absent miss: where the slot is of the excess, this store. */
    /* (11) seq_cst-store synchronizes-with the seq_cst-load (14) and the seq_cst-load of mk_protect (16 in
     * reclaim/ebr.c): the entry, or that a moved one is elsewhere, (8); point F */
    atomic_store_explicit(slot, word, memory_order_seq_cst);
}

/* ---- readers -------------------------------------------------------------------------------- */

MK_INLINE struct hop_table *hop_table_protected(struct mk_map *map, struct mk_thread *me) {
    return (struct hop_table *)mk_protect(map->smr, me, HOP_OF_TABLE, &map->table);
}

/* Returns whether the table was the map's after all that this thread has protected: point D. */
MK_INLINE bool hop_current(struct mk_map *map, const struct hop_table *table) {
    /* (12) seq_cst-load enforces a total order with the seq_cst-store (26): found unchanged, what we have announced
     * since is seen by who retires what this table names */
    return atomic_load_explicit(&map->table, memory_order_seq_cst) == (mk_link)table;
}

/* As hop_current, of what is the table's excess. */
MK_INLINE bool hop_excess_current(struct hop_table *table, const struct hop_excess *excess) {
    /* (13) seq_cst-load enforces a total order with the seq_cst-store (24): as (12) */
    return atomic_load_explicit(&table->excess, memory_order_seq_cst) == (mk_link)excess;
}

/* Looks for the key in a slot: if it is there, *entry is its entry, protected. False: table or excess have been
 * replaced, and nothing is known. excess: whose slot it is; NULL, the table's own. */
MK_INLINE bool hop_look(struct mk_map *map, struct mk_thread *me, struct hop_table *table,
                        struct hop_excess *excess, MK_ATOMIC(mk_link) *slot, uint64_t hash, uint64_t key,
                        const struct hop_entry **entry) {
    /* (14) seq_cst-load synchronizes-with the seq_cst-CAS (10) and the seq_cst-store (11): found empty, or
     * another's, what came before is seen by (16); point F */
    mk_link word = atomic_load_explicit(slot, memory_order_seq_cst);
    if (!hop_tagged(word, hash)) return true;
    /* LIN get hit, contains hit, insert_if_absent hit: this load, when it finds the key's entry. */
    word = mk_protect(map->smr, me, HOP_OF_ENTRY, slot);
    if (MK_UNLIKELY(!hop_tagged(word, hash))) return true;
    if (MK_UNLIKELY(!hop_current(map, table))) return false;
    if (excess && !hop_excess_current(table, excess)) return false;
    if (MK_LIKELY(hop_entry_of(word)->key == key)) *entry = hop_entry_of(word);
    return true;
}

/* As hop_look, of the whole excess. What is in it never changes its slot. */
static MK_NOINLINE bool hop_look_excess(struct mk_map *map, struct mk_thread *me, struct hop_table *table,
                                        uint64_t hash, uint64_t key, const struct hop_entry **entry) {
    struct hop_excess *excess = (struct hop_excess *)mk_protect(map->smr, me, HOP_OF_EXCESS, &table->excess);
    if (!hop_current(map, table)) return false;
    for (uint64_t i = 0; excess && i < excess->room && !*entry; i++) {
        if (!hop_look(map, me, table, excess, &excess->slot[i], hash, key, entry)) return false;
    }
    return true;
}

/* One look at a table. False: it has been replaced. */
MK_INLINE bool hop_look_at_home(struct mk_map *map, struct mk_thread *me, struct hop_table *table, uint64_t hash,
                                uint64_t key, const struct hop_entry **entry) {
    struct hop_bucket *home = &table->bucket[hash & table->mask];
    *entry = NULL;
    for (;;) {
        /* LIN get miss, contains miss, update miss: this load; or, for a key that was there then, whatever removed
         * it before its slot was looked at; or, where the table has been replaced since, the moment before it was.
         * */
        /* (15) seq_cst-load enforces a total order with the seq_cst-store (8), and synchronizes-with it: slots that
         * moved entries are in now; points B, C and F */
        uint64_t control = atomic_load_explicit(&home->control, memory_order_seq_cst);
        for (uint64_t bits = control & HOP_BITS; bits; bits &= bits - 1) {
            if (!hop_look(map, me, table, NULL, &home[__builtin_ctzll(bits)].slot, hash, key, entry)) return false;
            if (*entry) return true;
        }
        /* (16) relaxed-load: of slots that a move has emptied we have acquired that, (14), and with it the stamp */
        uint64_t now = atomic_load_explicit(&home->control, memory_order_relaxed);
        if (MK_LIKELY(now / HOP_STAMP == control / HOP_STAMP)) {
            return MK_LIKELY(!(control & HOP_EXCESS)) || hop_look_excess(map, me, table, hash, key, entry);
        }
        hop_add(&map->line[me->id].restarts, 1);
    }
}

/* Returns the key's entry, protected, or NULL. Changes nothing and waits for nobody. */
MK_INLINE const struct hop_entry *hop_lookup(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    uint64_t hash = mk_hash(key, map->seed);
    const struct hop_entry *entry;
    while (MK_UNLIKELY(!hop_look_at_home(map, me, hop_table_protected(map, me), hash, key, &entry))) {
        hop_add(&map->line[me->id].restarts, 1);
    }
    return entry;
}

/* ---- finding a slot, with the guard of the key's home --------------------------------------- */

#define HOP_NOWHERE UINT64_MAX

/* Returns the first empty slot from `home` on, as far as there are slots within reach of anybody. */
static inline uint64_t hop_empty(struct hop_table *table, uint64_t home) {
    uint64_t end = home + HOP_PROBE, last = table->mask + HOP_RANGE;
    if (end > last) end = last;
    for (uint64_t i = home; i < end; i++) {
        /* (17) relaxed-load: a hint; (10) decides */
        if (!atomic_load_explicit(&table->bucket[i].slot, memory_order_relaxed)) return i;
    }
    return HOP_NOWHERE;
}

/* Moves an entry of a home whose guard is ours to an empty slot further on: point C. Gives the guard back. False:
 * the slot is taken, nothing has changed. */
static bool hop_move(struct hop_bucket *home, unsigned from, unsigned to) {
    uint64_t control = hop_control(home);
    mk_link word = hop_inside(&home[from].slot);
    if (!hop_fill(&home[to].slot, word)) {
        hop_unlock(home, control);
        return false;
    }
    control = (control | (uint64_t)1 << to) + HOP_STAMP;
    hop_tell(home, control);
    hop_set(&home[from].slot, 0);
    hop_unlock(home, control & ~((uint64_t)1 << from));
    return true;
}

/* Returns the first of a home's bits that is before that of a slot `distance` away; HOP_RANGE if there is none. */
static inline unsigned hop_first(uint64_t control, uint64_t distance) {
    uint64_t bits = control & HOP_BITS & (((uint64_t)1 << distance) - 1);
    return bits ? (unsigned)__builtin_ctzll(bits) : HOP_RANGE;
}

/* Empties a slot that is nearer than `empty`, by moving there what is in it. Returns that slot, or HOP_NOWHERE;
 * *busy says that a guard was in the way, or that somebody took the slot. */
static uint64_t hop_nearer(struct mk_map *map, struct mk_thread *me, struct hop_table *table, uint64_t empty,
                           bool *busy) {
    for (uint64_t distance = HOP_RANGE - 1; distance; distance--) {
        struct hop_bucket *home = &table->bucket[empty - distance];
        /* (18) relaxed-load: a hint, looked at again behind the guard */
        uint64_t hint = atomic_load_explicit(&home->control, memory_order_relaxed);
        if (hop_first(hint, distance) == HOP_RANGE) continue;
        if (!hop_try_lock(home)) {
            *busy = true;
            continue;
        }
        unsigned first = hop_first(hop_control(home), distance);
        if (first == HOP_RANGE) {
            hop_unlock(home, hop_control(home));
            continue;
        }
        if (hop_move(home, first, (unsigned)distance)) {
            hop_add(&map->line[me->id].displacements, 1);
            return empty - distance + first;
        }
        *busy = true;
        return HOP_NOWHERE;
    }
    return HOP_NOWHERE;
}

enum hop_seat { HOP_SEATED, HOP_CROWDED, HOP_BUSY };

/* Puts an entry's word into a slot near its home, whose guard is ours, and sets the bit. HOP_CROWDED: there is
 * none. HOP_BUSY: there may be one later. */
static enum hop_seat hop_seat(struct mk_map *map, struct mk_thread *me, struct hop_table *table, uint64_t index,
                              mk_link word) {
    struct hop_bucket *home = &table->bucket[index];
    uint64_t control = hop_control(home), empty = hop_empty(table, index);
    bool busy = false;
    while (empty != HOP_NOWHERE) {
        if (empty - index >= HOP_RANGE) {
            empty = hop_nearer(map, me, table, empty, &busy);
            continue;
        }
        hop_tell(home, control | (uint64_t)1 << (empty - index));
        if (MK_LIKELY(hop_fill(&home[empty - index].slot, word))) return HOP_SEATED;
        /* (19) relaxed-store: takes a bit back that said nothing */
        atomic_store_explicit(&home->control, control, memory_order_relaxed);
        empty = hop_empty(table, index);
    }
    return busy ? HOP_BUSY : HOP_CROWDED;
}

/* ---- the excess: what finds no slot, with the guard of the key's home ------------------------ */

static size_t hop_excess_bytes(uint64_t room) {
    return sizeof(struct hop_excess) + room * sizeof(MK_ATOMIC(mk_link));
}

static void hop_excess_free(void *arg, struct mk_thread *me, void *node) {
    struct mk_map *map = arg;
    struct hop_excess *excess = node;
    mk_mem_free(map->mem, me, excess, hop_excess_bytes(excess->room), MK_CACHE_LINE);
}

/* Of a table that does not change, or behind the latch. */
MK_INLINE struct hop_excess *hop_excess_inside(struct hop_table *table) {
    /* (20) relaxed-load: changed only behind the latch, (21) */
    return (struct hop_excess *)atomic_load_explicit(&table->excess, memory_order_relaxed);
}

static void hop_excess_lock(struct hop_table *table) {
    unsigned spins = 0;
    /* (21) acquire-exchange synchronizes-with the release-store (22): the excess and what is in it */
    while (atomic_exchange_explicit(&table->excess_latch, 1, memory_order_acquire)) mk_backoff(&spins);
}

static void hop_excess_unlock(struct hop_table *table) {
    /* (22) release-store synchronizes-with the acquire-exchange (21): the excess and what is in it */
    atomic_store_explicit(&table->excess_latch, 0, memory_order_release);
}

/* Returns the key's slot or NULL. */
static MK_ATOMIC(mk_link) *hop_excess_find(struct hop_table *table, uint64_t hash, uint64_t key) {
    struct hop_excess *excess = hop_excess_inside(table);
    for (uint64_t i = 0; excess && i < excess->room; i++) {
        mk_link word = hop_inside(&excess->slot[i]);
        if (hop_tagged(word, hash) && hop_entry_of(word)->key == key) return &excess->slot[i];
    }
    return NULL;
}

/* Puts an excess of twice the room in the place of the table's. `shared`: readers may have that. False: no memory.
 * */
static bool hop_excess_grow(struct mk_map *map, struct mk_thread *me, struct hop_table *table, bool shared) {
    struct hop_excess *old = hop_excess_inside(table), *excess;
    uint64_t room = old ? old->room * 2 : HOP_EXCESS_MIN;
    if (shared && !mk_reserve(map->smr, me, 1)) return false;
    excess = mk_mem_zalloc(map->mem, me, hop_excess_bytes(room), MK_CACHE_LINE);
    if (!excess) return false;
    excess->room = room;
    for (uint64_t i = 0; old && i < old->room; i++) {
        mk_link word = hop_inside(&old->slot[i]);
        /* (23) relaxed-store: published by (24) */
        atomic_store_explicit(&excess->slot[i], word, memory_order_relaxed);
    }
    mk_birth(map->smr, me, excess);
    /* (24) seq_cst-store enforces a total order with the seq_cst-load (13): before what the old one names is
     * retired; and synchronizes-with the seq_cst-load of mk_protect (16 in reclaim/ebr.c): the words of the new one
     * */
    atomic_store_explicit(&table->excess, (mk_link)excess, memory_order_seq_cst);
    if (old && shared) mk_retire(map->smr, me, old, &map->retire_excess[__builtin_ctzll(old->room)]);
    if (old && !shared) hop_excess_free(map, me, old);
    return true;
}

/* Puts an entry's word into the excess, and says so in the home's control word. The latch is ours. False: no
 * memory. */
static bool hop_excess_add(struct mk_map *map, struct mk_thread *me, struct hop_table *table,
                           struct hop_bucket *home, mk_link word, bool shared) {
    struct hop_excess *excess = hop_excess_inside(table);
    uint64_t room = excess ? excess->room : 0, i = 0;
    if (table->in_excess == room) {
        if (!hop_excess_grow(map, me, table, shared)) return false;
        excess = hop_excess_inside(table);
        i = room;
    }
    while (hop_inside(&excess->slot[i])) i++;
    hop_tell(home, hop_control(home) | HOP_EXCESS);
    hop_set(&excess->slot[i], word);
    table->in_excess++;
    hop_add(&map->line[me->id].excess, 1);
    return true;
}

/* ---- resizing ------------------------------------------------------------------------------- */

static size_t hop_table_bytes(uint64_t slots) {
    return sizeof(struct hop_table) + (slots + HOP_RANGE - 1) * sizeof(struct hop_bucket);
}

/* Returns an empty table or NULL. Zeroed, and so, until it is stamped, born before all readers. */
static struct hop_table *hop_table_make(struct mk_map *map, struct mk_thread *me, uint64_t slots) {
    struct hop_table *table = mk_mem_zalloc(map->mem, me, hop_table_bytes(slots), MK_CACHE_LINE);
    if (table) table->mask = slots - 1;
    return table;
}

static void hop_table_free(void *arg, struct mk_thread *me, void *node) {
    struct mk_map *map = arg;
    struct hop_table *table = node;
    mk_mem_free(map->mem, me, table, hop_table_bytes(table->mask + 1), MK_CACHE_LINE);
}

/* Takes the guard of a home. False: the table has been replaced, and the guard is nobody's any more. */
MK_INLINE bool hop_lock(struct mk_map *map, const struct hop_table *table, struct hop_bucket *home) {
    unsigned spins = 0;
    while (MK_UNLIKELY(!hop_try_lock(home))) {
        /* (25) relaxed-load: a table's address, of which nothing is followed here */
        if (atomic_load_explicit(&map->table, memory_order_relaxed) != (mk_link)table) return false;
        mk_backoff(&spins);
    }
    return true;
}

/* Takes every guard of a table, waiting for those who have some: point E. */
static void hop_lock_all(struct mk_map *map, struct hop_table *table) {
    for (uint64_t i = 0; i <= table->mask; i++) hop_lock(map, table, &table->bucket[i]);
}

static void hop_unlock_all(struct hop_table *table) {
    for (uint64_t i = 0; i <= table->mask; i++) hop_unlock(&table->bucket[i], hop_control(&table->bucket[i]));
}

/* Puts an entry of another table into one that nobody else has. False: no memory. */
static bool hop_carry(struct mk_map *map, struct mk_thread *me, struct hop_table *to, mk_link word) {
    uint64_t index = mk_hash(hop_entry_of(word)->key, map->seed) & to->mask;
    if (MK_LIKELY(hop_seat(map, me, to, index, word) == HOP_SEATED)) return true;
    return hop_excess_add(map, me, to, &to->bucket[index], word, false);
}

/* Puts all entries of a table, whose guards are ours, into another. False: no memory. */
static bool hop_carry_all(struct mk_map *map, struct mk_thread *me, struct hop_table *from, struct hop_table *to) {
    struct hop_excess *excess = hop_excess_inside(from);
    uint64_t slots = from->mask + HOP_RANGE;
    for (uint64_t i = 0; i < slots; i++) {
        if (i + HOP_AHEAD < slots) __builtin_prefetch(hop_entry_of(hop_inside(&from->bucket[i + HOP_AHEAD].slot)));
        mk_link word = hop_inside(&from->bucket[i].slot);
        if (word && !hop_carry(map, me, to, word)) return false;
    }
    for (uint64_t i = 0; excess && i < excess->room; i++) {
        mk_link word = hop_inside(&excess->slot[i]);
        if (word && !hop_carry(map, me, to, word)) return false;
    }
    return true;
}

/* Takes a table out of the count of what is in an excess, and frees or retires it. */
static void hop_table_drop(struct mk_map *map, struct mk_thread *me, struct hop_table *table, bool shared) {
    struct hop_excess *excess = hop_excess_inside(table);
    hop_add(&map->line[me->id].excess, 0 - table->in_excess);
    if (shared) {
        if (excess) mk_retire(map->smr, me, excess, &map->retire_excess[__builtin_ctzll(excess->room)]);
        mk_retire(map->smr, me, table, &map->retire_table[__builtin_ctzll(table->mask + 1)]);
    } else {
        if (excess) hop_excess_free(map, me, excess);
        hop_table_free(map, me, table);
    }
}

/* Replaces the map's table by one of so many slots. The latch is ours. False: no memory, all is as it was. */
static bool hop_resize(struct mk_map *map, struct mk_thread *me, struct hop_table *from, uint64_t slots) {
    struct hop_table *to = hop_table_make(map, me, slots);
    if (!to) return false;
    mk_enter(map->smr, me);
    bool moved = mk_reserve(map->smr, me, 2);
    if (moved) {
        mk_birth(map->smr, me, to);
        hop_lock_all(map, from);
        moved = hop_carry_all(map, me, from, to);
        if (moved) {
            /* (26) seq_cst-store enforces a total order with the seq_cst-load (12): before anything of the old
             * table is retired; and synchronizes-with the seq_cst-load of mk_protect (16 in reclaim/ebr.c): the new
             * table */
            atomic_store_explicit(&map->table, (mk_link)to, memory_order_seq_cst);
            hop_add(&map->line[me->id].resizes, 1);
        } else {
            hop_unlock_all(from);
        }
    }
    hop_table_drop(map, me, moved ? from : to, moved);
    mk_leave(map->smr, me);
    return moved;
}

/* Returns how many slots a table of so many should have for the keys it holds. crowded: a key found none. */
static uint64_t hop_wanted(struct mk_map *map, uint64_t slots, bool crowded) {
    uint64_t count = hop_count(map);
    bool full = count > slots / 4 * 3 || (crowded && count >= slots / HOP_SPARSE);
    if (full && slots < HOP_SLOTS_MAX) return slots * 2;
    return count < slots / 4 && slots > map->slots_min ? slots / 2 : slots;
}

/* Looks at the load, and grows or shrinks where it asks for that. Outside sections: while the latch is ours no
 * table goes away. Returns whether the table is another, or may be. */
static MK_NOINLINE bool hop_consider(struct mk_map *map, struct mk_thread *me, bool crowded) {
    /* (27) acquire-exchange synchronizes-with the release-store (29): the table */
    if (atomic_exchange_explicit(&map->latch, 1, memory_order_acquire)) return true;
    /* (28) relaxed-load: changed only by who has the latch, (26), and so acquired by (27) */
    struct hop_table *table = (struct hop_table *)atomic_load_explicit(&map->table, memory_order_relaxed);
    uint64_t slots = table->mask + 1, wanted = hop_wanted(map, slots, crowded);
    bool resized = wanted != slots && hop_resize(map, me, table, wanted);
    /* (29) release-store synchronizes-with the acquire-exchange (27): the table */
    atomic_store_explicit(&map->latch, 0, memory_order_release);
    return resized;
}

/* A key more, or with -1 one less. Outside sections. */
MK_INLINE void hop_changed(struct mk_map *map, struct mk_thread *me, uint64_t keys) {
    struct hop_line *line = &map->line[me->id];
    hop_add(&line->count, keys);
    if (MK_UNLIKELY(++line->changes == HOP_CHANGES)) {
        line->changes = 0;
        hop_consider(map, me, false);
    }
}

/* ---- operations ----------------------------------------------------------------------------- */

MK_TIMED bool hop_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    mk_enter(map->smr, me);
    const struct hop_entry *entry = hop_lookup(map, me, key);
    if (entry) *value = entry->value;
    mk_leave(map->smr, me);
    return entry != NULL;
}

MK_TIMED bool hop_contains(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    mk_enter(map->smr, me);
    bool found = hop_lookup(map, me, key) != NULL;
    mk_leave(map->smr, me);
    return found;
}

/* Returns the bucket with the slot of a key, among those of its home, whose guard is ours; or NULL. */
MK_INLINE struct hop_bucket *hop_own(struct hop_bucket *home, uint64_t hash, uint64_t key) {
    for (uint64_t bits = hop_control(home) & HOP_BITS; bits; bits &= bits - 1) {
        struct hop_bucket *bucket = &home[__builtin_ctzll(bits)];
        mk_link word = hop_inside(&bucket->slot);
        if (hop_tagged(word, hash) && hop_entry_of(word)->key == key) return bucket;
    }
    return NULL;
}

/* A write of one key: what is wanted, how far it has come, what it has done. */
struct hop_write {
    uint64_t hash, key;
    const mk_value *value;
    bool replace;         /* what is there, too */
    mk_value *present;    /* gets what is there, unless NULL */
    mk_update_fn *change; /* of what is there, and nothing new; then there is no value */
    void *arg;
    struct hop_entry *fresh, *old; /* to be put there, unless NULL; to be retired, unless NULL */
    enum mk_status status;
    unsigned patience; /* how often guards of others may yet be in the way */
    bool cornered;     /* the table will not be another: on to the excess */
};

enum hop_end { HOP_SETTLED, HOP_AGAIN, HOP_NO_SLOT };

/* The key is there, in a slot that is ours. */
MK_INLINE void hop_rewrite(struct hop_write *write, MK_ATOMIC(mk_link) *slot) {
    struct hop_entry *old = hop_entry_of(hop_inside(slot));
    write->status = MK_HIT;
    if (write->present) *write->present = old->value;
    /* LIN insert_if_absent hit: inside the guard. */
    if (!write->replace) return;
    if (write->change) {
        write->fresh->value = old->value;
        write->change(&write->fresh->value, write->arg);
    }
    hop_set(slot, hop_word(write->fresh, write->hash));
    write->fresh = NULL;
    write->old = old;
}

/* The key is not there. The guard is ours, and the latch of the excess if `latched`. */
MK_INLINE enum hop_end hop_insert(struct mk_map *map, struct mk_thread *me, struct hop_table *table,
                                  struct hop_write *write, bool latched) {
    uint64_t index = write->hash & table->mask;
    mk_link word = hop_word(write->fresh, write->hash);
    enum hop_seat seat = hop_seat(map, me, table, index, word);
    write->status = MK_MISS;
    if (MK_UNLIKELY(seat != HOP_SEATED)) {
        if (seat == HOP_BUSY && write->patience) {
            write->patience--;
            return HOP_AGAIN;
        }
        if (!write->cornered) return HOP_NO_SLOT;
        if (!latched) hop_excess_lock(table);
        if (!hop_excess_add(map, me, table, &table->bucket[index], word, true)) write->status = MK_NO_MEMORY;
        if (!latched) hop_excess_unlock(table);
    }
    if (write->status == MK_MISS) write->fresh = NULL;
    return HOP_SETTLED;
}

/* With the guard of the key's home. */
MK_INLINE enum hop_end hop_write_at_home(struct mk_map *map, struct mk_thread *me, struct hop_table *table,
                                         struct hop_bucket *home, struct hop_write *write) {
    enum hop_end end = HOP_SETTLED;
    struct hop_bucket *bucket = hop_own(home, write->hash, write->key);
    MK_ATOMIC(mk_link) *slot = bucket ? &bucket->slot : NULL;
    bool latched = !slot && MK_UNLIKELY(hop_control(home) & HOP_EXCESS);
    if (latched) {
        hop_excess_lock(table);
        slot = hop_excess_find(table, write->hash, write->key);
    }
    if (slot) {
        hop_rewrite(write, slot);
    } else if (write->change) {
        /* LIN update miss: inside the guard. */
        write->status = MK_MISS;
    } else {
        end = hop_insert(map, me, table, write, latched);
    }
    if (latched) hop_excess_unlock(table);
    return end;
}

/* One attempt, inside a section. */
MK_INLINE enum hop_end hop_try_write(struct mk_map *map, struct mk_thread *me, struct hop_write *write) {
    write->status = MK_NO_MEMORY;
    if (!mk_reserve(map->smr, me, 1)) return HOP_SETTLED;
    struct hop_table *table = hop_table_protected(map, me);
    struct hop_bucket *home = &table->bucket[write->hash & table->mask];
    if (!hop_lock(map, table, home)) return HOP_AGAIN;
    enum hop_end end = hop_write_at_home(map, me, table, home, write);
    hop_unlock(home, hop_control(home));
    if (write->old) mk_retire(map->smr, me, write->old, &map->retire_entry);
    return end;
}

/* Writes with write->fresh, an entry of this thread's own. */
MK_INLINE void hop_write_fresh(struct mk_map *map, struct mk_thread *me, struct hop_write *write) {
    enum hop_end end = HOP_AGAIN;
    write->patience = HOP_PATIENCE;
    for (unsigned spins = 0; end != HOP_SETTLED;) {
        mk_enter(map->smr, me);
        end = hop_try_write(map, me, write);
        mk_leave(map->smr, me);
        if (MK_UNLIKELY(end == HOP_NO_SLOT)) write->cornered = !hop_consider(map, me, true);
        if (MK_UNLIKELY(end != HOP_SETTLED)) mk_backoff(&spins);
    }
}

MK_INLINE enum mk_status hop_write(struct mk_map *map, struct mk_thread *me, struct hop_write *write) {
    write->hash = mk_hash(write->key, map->seed);
    write->fresh = mk_mem_cache_alloc(&map->entries, me);
    if (!write->fresh) return MK_NO_MEMORY;
    mk_birth(map->smr, me, write->fresh);
    write->fresh->key = write->key;
    if (write->value) write->fresh->value = *write->value;
    hop_write_fresh(map, me, write);
    if (write->fresh) mk_mem_cache_free(&map->entries, me, write->fresh);
    if (write->status == MK_MISS && !write->change) hop_changed(map, me, 1);
    return write->status;
}

static inline enum mk_status hop_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                     mk_value *previous) {
    struct hop_write write = {.key = key, .value = value, .replace = true, .present = previous};
    return hop_write(map, me, &write);
}

static inline enum mk_status hop_insert_if_absent(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                                  const mk_value *value, mk_value *present) {
    struct hop_write write = {.key = key, .value = value, .present = present};
    if (hop_get(map, me, key, present)) return MK_HIT;
    return hop_write(map, me, &write);
}

static inline enum mk_status hop_update(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                        mk_update_fn *change, void *arg) {
    struct hop_write write = {.key = key, .replace = true, .change = change, .arg = arg};
    if (!hop_contains(map, me, key)) return MK_MISS;
    return hop_write(map, me, &write);
}

/* As hop_take, from the excess. */
static struct hop_entry *hop_take_excess(struct mk_map *map, struct mk_thread *me, struct hop_table *table,
                                         uint64_t hash, uint64_t key, uint64_t *control) {
    struct hop_entry *entry = NULL;
    hop_excess_lock(table);
    MK_ATOMIC(mk_link) *slot = hop_excess_find(table, hash, key);
    if (slot) {
        entry = hop_entry_of(hop_inside(slot));
        hop_set(slot, 0);
        table->in_excess--;
        hop_add(&map->line[me->id].excess, (uint64_t)-1);
    }
    if (!table->in_excess) *control &= ~HOP_EXCESS;
    hop_excess_unlock(table);
    return entry;
}

/* With the guard of the key's home. Returns the key's entry, which is in no slot any more, or NULL; *control is
 * what the home's word is to be. */
MK_INLINE struct hop_entry *hop_take(struct mk_map *map, struct mk_thread *me, struct hop_table *table,
                                     struct hop_bucket *home, uint64_t hash, uint64_t key, uint64_t *control) {
    struct hop_bucket *bucket = hop_own(home, hash, key);
    *control = hop_control(home);
    if (MK_LIKELY(bucket != NULL)) {
        struct hop_entry *entry = hop_entry_of(hop_inside(&bucket->slot));
        hop_set(&bucket->slot, 0);
        *control &= ~((uint64_t)1 << (bucket - home));
        return entry;
    }
    return *control & HOP_EXCESS ? hop_take_excess(map, me, table, hash, key, control) : NULL;
}

/* One attempt, inside a section. False: try again. */
MK_INLINE bool hop_try_remove(struct mk_map *map, struct mk_thread *me, uint64_t hash, uint64_t key,
                              mk_value *value, enum mk_status *status) {
    uint64_t control;
    *status = MK_NO_MEMORY;
    if (!mk_reserve(map->smr, me, 1)) return true;
    struct hop_table *table = hop_table_protected(map, me);
    struct hop_bucket *home = &table->bucket[hash & table->mask];
    if (!hop_lock(map, table, home)) return false;
    struct hop_entry *entry = hop_take(map, me, table, home, hash, key, &control);
    hop_unlock(home, control);
    /* LIN remove miss: inside the guard. */
    *status = entry ? MK_HIT : MK_MISS;
    if (!entry) return true;
    *value = entry->value;
    mk_retire(map->smr, me, entry, &map->retire_entry);
    return true;
}

static inline enum mk_status hop_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    uint64_t hash = mk_hash(key, map->seed);
    enum mk_status status = MK_NO_MEMORY;
    bool settled = false;
    while (!settled) {
        mk_enter(map->smr, me);
        settled = hop_try_remove(map, me, hash, key, value, &status);
        mk_leave(map->smr, me);
    }
    if (status == MK_HIT) hop_changed(map, me, (uint64_t)-1);
    return status;
}

/* ---- life ----------------------------------------------------------------------------------- */

/* At quiescence. */
static struct hop_table *hop_table_now(struct mk_map *map) {
    /* (30) relaxed-load: at quiescence */
    return (struct hop_table *)atomic_load_explicit(&map->table, memory_order_relaxed);
}

/* Calls visit for every entry, at quiescence. */
static void hop_each(struct mk_map *map, void (*visit)(void *arg, struct hop_entry *entry), void *arg) {
    struct hop_table *table = hop_table_now(map);
    struct hop_excess *excess = hop_excess_inside(table);
    for (uint64_t i = 0; i < table->mask + HOP_RANGE; i++) {
        mk_link word = hop_inside(&table->bucket[i].slot);
        if (word) visit(arg, hop_entry_of(word));
    }
    for (uint64_t i = 0; excess && i < excess->room; i++) {
        mk_link word = hop_inside(&excess->slot[i]);
        if (word) visit(arg, hop_entry_of(word));
    }
}

static void hop_free_entry(void *arg, struct hop_entry *entry) {
    struct mk_map *map = arg;
    mk_mem_cache_free(&map->entries, NULL, entry);
}

/* Frees what a create that fails has made so far, too. */
static void hop_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    struct hop_table *table = hop_table_now(map);
    if (map->smr) mk_reclaim_here.destroy(map->smr);
    if (table) {
        struct hop_excess *excess = hop_excess_inside(table);
        hop_each(map, hop_free_entry, map);
        if (excess) hop_excess_free(map, NULL, excess);
        hop_table_free(map, NULL, table);
    }
    if (map->entries.alloc) mk_mem_cache_close(mem, &map->entries);
    if (map->line) mk_mem_free(mem, NULL, map->line, map->threads_max * sizeof *map->line, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
}

/* Says how entries, tables and excesses are freed. */
static void hop_prepare_retire(struct mk_map *map) {
    map->retire_entry = (struct mk_retire){.cache = &map->entries, .bytes = sizeof(struct hop_entry)};
    for (unsigned i = 0; i < HOP_SIZES; i++) {
        uint64_t size = (uint64_t)1 << i;
        map->retire_table[i] = (struct mk_retire){.dispose = hop_table_free, .arg = map};
        map->retire_table[i].bytes = hop_table_bytes(size);
        map->retire_excess[i] = (struct mk_retire){.dispose = hop_excess_free, .arg = map};
        map->retire_excess[i].bytes = hop_excess_bytes(size);
    }
}

static int hop_fill_in(struct mk_map *map, const struct mk_config *cfg, struct mk_err *err) {
    map->line = mk_mem_zalloc(map->mem, NULL, cfg->threads_max * sizeof *map->line, MK_CACHE_LINE);
    if (!map->line) return mk_fail(err, "no memory for the counters of %u threads", cfg->threads_max);
    if (mk_mem_cache_open(map->mem, &map->entries, sizeof(struct hop_entry), _Alignof(struct hop_entry), err)) {
        map->entries.alloc = NULL;
        return -1;
    }
    struct hop_table *table = hop_table_make(map, NULL, map->slots_min);
    if (!table) {
        return mk_fail(err, "no memory for %llu slots; lower the capacity", (unsigned long long)map->slots_min);
    }
    /* (31) relaxed-store: nobody else has the map yet */
    atomic_store_explicit(&map->table, (mk_link)table, memory_order_relaxed);
    if (mk_reclaim_here.create(&map->smr, map->mem, cfg, err)) {
        map->smr = NULL;
        return -1;
    }
    return 0;
}

static int hop_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, _Alignof(struct mk_map));
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    map->seed = cfg->seed;
    map->threads_max = cfg->threads_max;
    map->slots_min = HOP_SLOTS_MIN;
    while (map->slots_min / 4 * 3 < cfg->capacity && map->slots_min < HOP_SLOTS_MAX / 2) map->slots_min *= 2;
    hop_prepare_retire(map);
    if (hop_fill_in(map, cfg, err)) {
        hop_destroy(map);
        return -1;
    }
    *out = map;
    return 0;
}

static int hop_thread_enter(struct mk_map *map, struct mk_thread *me) {
    return mk_reclaim_here.thread_enter(map->smr, me);
}

static void hop_thread_exit(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.thread_exit(map->smr, me);
}

static void hop_flush(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.flush(map->smr, me);
}

struct hop_visit {
    mk_visit_fn *visit;
    void *arg;
};

static void hop_visit_entry(void *arg, struct hop_entry *entry) {
    const struct hop_visit *on = arg;
    on->visit(on->arg, entry->key, entry->value.word[0]);
}

static void hop_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    struct hop_visit on = {visit, arg};
    hop_each(map, hop_visit_entry, &on);
}

static size_t hop_stats(struct mk_map *map, struct mk_stat *out, size_t room) {
    const struct mk_stat stats[] = {{"displacements", hop_total(map, offsetof(struct hop_line, displacements))},
                                    {"restarts", hop_total(map, offsetof(struct hop_line, restarts))},
                                    {"resizes", hop_total(map, offsetof(struct hop_line, resizes))},
                                    {"overflow_entries", hop_total(map, offsetof(struct hop_line, excess))}};
    size_t n = sizeof stats / sizeof *stats, fits = room < n ? room : n;
    memcpy(out, stats, fits * sizeof *stats);
    return n + mk_reclaim_here.stats(map->smr, out + fits, room - fits);
}

static void hop_hold(struct mk_map *map, struct mk_thread *me) {
    mk_enter(map->smr, me);
}

static void hop_unhold(struct mk_map *map, struct mk_thread *me) {
    mk_leave(map->smr, me);
}

MK_MAP(hopscotch, .summary = "hopscotch: a key within 32 slots of its home; writers lock homes, readers nothing",
       .caps = MK_CONCURRENT | MK_GROWS,
       .progress = {.get = MK_LOCK_FREE, .put = MK_BLOCKING, .remove = MK_BLOCKING}, .create = hop_create,
       .destroy = hop_destroy, .thread_enter = hop_thread_enter, .thread_exit = hop_thread_exit, .flush = hop_flush,
       .count = hop_count, .walk = hop_walk, .stats = hop_stats, .hold = hop_hold, .unhold = hop_unhold,
       .get = hop_get, .put = hop_put, .remove = hop_remove, .contains = hop_contains,
       .insert_if_absent = hop_insert_if_absent, .update = hop_update);
