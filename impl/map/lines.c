/* map/lines - buckets of two cache lines, seven pairs in place; a get stores nothing, growth moves one group at a time.
 *
 * Source:     own composition. Buckets versioned and locked by one word, and readers that look again: MemC3 (Fan,
 *             Andersen, Kaminsky, NSDI 2013), CLHT (David, Guerraoui, Trigonakis, ASPLOS 2015). Growth by small steps
 *             in place: linear hashing with partial expansions (Larson, VLDB 1980); differs: a step spreads one group
 *             of buckets over one or two more, and keys of a full home lie in other buckets of the group, which the
 *             home names by bits, as hopscotch hashing does (Herlihy, Shavit, Tzafrir, DISC 2008).
 * Picture:    hash = [ index in the group: high bits | ... | tag: 7 bits | ... | group: low bits ]
 *             group g: bucket 0 1 2 ... size-1       size 8 .. 15, then two groups of 8: g and g + span
 *             bucket = | key value | key value | key value | key value |        <- cache line
 *                      | meta | tags | key value | key value | key value |      <- cache line
 *               meta = LOCK | AWAY: a bit for each bucket of the group that has keys of this home
 *                      | HINT: a bit for each class of tags that such a key has | EXTRA | version
 *               tags = a byte for each slot of a pair, 0 where it is free
 *             column i < 8, row r: bucket i of group r; index 8 + i of group g is column i, row g + span
 *             bucket[chunk of the row][column] -> rows span .. 2 * span - 1
 *             shape = [ split | layout ]: groups before the split have layout + 1 already
 *             layout -> mask of the group, its size, columns[chunk of the group][index] -> buckets
 *             head[chunk of the row] -> { next, live, key, value } -> ...    keys with no room in all of the group
 * parts:      hash=fold
 * values:     8
 * Progress:   blocking, all of them: a get stores nothing, waits only while its bucket is being changed, and looks
 *             again where it was, or where the table has grown meanwhile.
 * Ordering:   A. What a bucket is home to changes under its lock alone, wherever it lies; who puts a pair into
 *                another bucket, or takes it out, has the lock of that one as well. Whoever unlocks a bucket moves
 *                its version on.
 *             B. A reader answers if it found the home unlocked, read, and then found the very same meta: the loads
 *                between acquire, so that having seen a store of a later holder it sees that holder's lock. Of pairs
 *                in other buckets only those of this home matter (A); in their slots a key is written before its
 *                tag.
 *             C. Locking is in the one seq_cst order, and so is a reader's first look: a change counts from its lock
 *                on, since whoever looks later waits for it.
 *             D. A group is spread over more buckets with all of it locked, the new ones, too; the new shape is
 *                stored before the unlocking. A reader answers only if the shape is still the one by which it found
 *                the home: of a key that lives elsewhere by now, the old home's meta guards nothing.
 *             E. A writer has one lock that it waits for, of its home; others it only tries, and where one is taken
 *                it waits for that with none of its own, and begins anew. Growing is one thread's at a time, which
 *                waits for the locks of a group from the first on.
 * Memory:     128 B a bucket of 7 pairs; by size of the map 50% (up to 2^15 keys) to 85% (from 2^20 on) of them are
 *             in use, at every size and not only just before it grows: 36.6 to 21.5 B a key; [load=N] says how many.
 *             The chunk being grown into is asked for as a whole, a sixteenth to a quarter of the table, and touched
 *             as it is reached. 8 B a group; 10 KiB, 64 B * threads_max of counters, and 128 B * log2(span) each time
 *             that the groups become twice as many.
 * Limits:     it never gets smaller: what is removed makes room, and no memory comes back before destroy, which is
 *             why readers need nobody's protection. A change that does not fit its home touches other buckets; keys
 *             of equal hashes beyond what a group has room for are in a list. One thread at a time grows the table.
 *             A writer that is preempted holds up readers of its bucket, or, while it grows the table, of one group.
 *             Versions have 31 bits: a get that is preempted in its midst while its bucket is changed a multiple of
 *             2^31 times, no more and no less, would not notice.
 */
#include "../hash.h"
#include "../map.h"

#define LINES_PAIRS MK_TUNE(7, 1)
#define LINES_SLOTS 8 /* a bucket has room for so many pairs; in the place of one are its words */
#define LINES_WORDS 4 /* that one */
#define LINES_GROUP MK_TUNE(8u, 2u) /* buckets of a group that has just been made; below twice as many ever */
#define LINES_SPAN_BITS 36
#define LINES_SPAN_MAX ((uint64_t)1 << LINES_SPAN_BITS) /* groups */
#define LINES_CHUNKS (LINES_SPAN_BITS + 1)
#define LINES_LAYOUTS (LINES_GROUP * LINES_SPAN_BITS + 2) /* so many at most until there are that many groups */
#define LINES_CHANGES MK_TUNE(32, 1) /* keys added by a thread between its looks at the load */

#define LINES_LOCK ((uint64_t)1)
#define LINES_AWAY(index) ((uint64_t)2 << (index))
#define LINES_AWAY_ALL ((uint64_t)0x7fff << 1)
#define LINES_HINT_BIT(tag) (16 | (tag) % MK_TUNE(16, 2)) /* 16 .. 31 */
#define LINES_HINT(tag) ((uint64_t)1 << LINES_HINT_BIT(tag))
#define LINES_HINT_ALL ((uint64_t)0xffff << 16)
#define LINES_EXTRA ((uint64_t)1 << 32)
#define LINES_VERSION ((uint64_t)1 << 33)

/* Of tags: the lowest and the top bit of each slot of a pair, and the top bit of the last one. */
#define LINES_ONES MK_TUNE((uint64_t)0x0101010001010101, (uint64_t)1 << 56)
#define LINES_TOPS (LINES_ONES << 7)
#define LINES_LAST ((uint64_t)1 << 63)

struct lines_pair {
    MK_ATOMIC(uint64_t) key, value;
};

/* The words lie amidst the pairs, so that a match among the tags leads to its pair by a shift: lines_pair_of. The last
 * slot is in their line, for it is looked at where nothing matches; free slots of that line are filled first. */
struct lines_bucket {
    union {
        struct lines_pair pair[LINES_SLOTS];
        struct {
            struct lines_pair other_line[LINES_WORDS];
            MK_ATOMIC(uint64_t) meta, tags;
        };
    };
} MK_ALIGNED(2 * MK_CACHE_LINE);

/* A key that found no room in its group. It stays in the group's list, dead or alive, until the group is spread. */
struct lines_extra {
    MK_ATOMIC(uintptr_t) next;
    MK_ATOMIC(uint64_t) live;
    struct lines_pair pair;
};

struct lines_head {
    MK_ATOMIC(uintptr_t) first;
};

/* Of groups whose row is in one chunk: where the buckets of row 0 would be, by index. */
struct lines_columns {
    uintptr_t of[2 * LINES_GROUP];
};

/* Of one thread, which alone writes it. */
struct lines_line {
    MK_ATOMIC(uint64_t) count; /* keys it added less keys it removed, modulo 2^64 */
    uint32_t changes;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_map {
    MK_ATOMIC(uint64_t) shape MK_ALIGNED(2 * MK_CACHE_LINE);
    uint64_t seed;
    struct lines_line *line;
    struct mk_mem *mem;
    uint64_t load_percent; /* 0 = by size */
    uint32_t threads_max;
    /* Written by the thread that grows the table, and read by those that have seen a shape which needs them. Of
     * layouts, which never change once there is such a shape; their columns by the chunk of the group's row: */
    uint64_t mask[LINES_LAYOUTS], size[LINES_LAYOUTS];
    const struct lines_columns *columns[LINES_LAYOUTS];
    struct lines_columns *made[LINES_CHUNKS];    /* all that there are, by log2 of the span */
    uintptr_t bucket[LINES_CHUNKS][LINES_GROUP]; /* of chunks: where row 0 would be; 0 = none */
    struct lines_head *head[LINES_CHUNKS];
    MK_ATOMIC(uint32_t) growing MK_ALIGNED(2 * MK_CACHE_LINE); /* taken while somebody grows the table */
    MK_ATOMIC(uint32_t) extras_lock;                           /* of the lists, and of: */
    struct lines_extra *spare;
    MK_ATOMIC(uint64_t) spreads, extras;
};

/* ---- where keys are ------------------------------------------------------------------------- */

/* How many groups there are, and of how many buckets: `span` groups of `size`; those before `split` have `next`
 * already, or, where that is twice LINES_GROUP, are two groups. */
struct lines_shape {
    uint64_t span; /* a power of two */
    unsigned size, next;
    uint64_t split;
    unsigned layout; /* which this is from the split on; before it is the next one */
};

/* A shape in a word: split and layout. All else stands with the layouts, so that a look at a key takes few steps. */
#define LINES_LAYOUT_BITS 16

static uint64_t lines_shape_word(struct lines_shape shape) {
    return shape.split << LINES_LAYOUT_BITS | shape.layout;
}

MK_INLINE unsigned lines_layout(uint64_t word) {
    return word & ((1 << LINES_LAYOUT_BITS) - 1);
}

MK_INLINE uint64_t lines_split(uint64_t word) {
    return word >> LINES_LAYOUT_BITS;
}

static struct lines_shape lines_shape_of(const struct mk_map *map, uint64_t word) {
    unsigned layout = lines_layout(word);
    bool two = map->mask[layout] != map->mask[layout + 1];
    return (struct lines_shape){.span = map->mask[layout] + 1,
                                .size = (unsigned)map->size[layout],
                                .next = two ? 2 * LINES_GROUP : (unsigned)map->size[layout + 1],
                                .split = lines_split(word),
                                .layout = layout};
}

MK_INLINE uint64_t lines_look(const struct mk_map *map) {
    /* (1) seq_cst-load synchronizes-with the seq_cst-store (2): the layouts and chunks that this shape needs, and where
     * keys of the groups spread so far are. In the one order with (2): point D for those that read another group's
     * home (C) */
    return atomic_load_explicit(&map->shape, memory_order_seq_cst);
}

static void lines_reshape(struct mk_map *map, struct lines_shape shape) {
    /* (2) seq_cst-store synchronizes-with the seq_cst-load (1): see there */
    atomic_store_explicit(&map->shape, lines_shape_word(shape), memory_order_seq_cst);
}

/* The home of a key, and its group. */
struct lines_home {
    struct lines_bucket *bucket;
    uint64_t group;
    const struct lines_columns *columns;
    uint64_t index, size; /* in the group; of it */
    struct lines_bucket *busy; /* the one that somebody else had when we wanted it */
};

/* Returns the index of the home in a group of so many buckets: by the high bits of the hash. The low ones are the
 * group's and those in between the tag's. */
MK_INLINE uint64_t lines_index(uint64_t size, uint64_t hash) {
    return (uint64_t)((unsigned __int128)hash * size >> 64);
}

/* Returns the chunk a row lies in: row 0, and then as many rows as there are already. */
MK_INLINE unsigned lines_chunk(uint64_t row) {
    return 63 - (unsigned)__builtin_clzll(row << 1 | 1);
}

/* Returns the first row of a chunk. */
static uint64_t lines_first_row(unsigned chunk) {
    return (uint64_t)1 << chunk >> 1;
}

/* Returns how many rows a chunk has. */
static size_t lines_rows(unsigned chunk) {
    return lines_first_row(chunk + 1) - lines_first_row(chunk);
}

/* Returns the row of a bucket; its column is index % LINES_GROUP. Of a group that is to become two the buckets from
 * LINES_GROUP on lie where they will lie as those of the second one: nothing has one place first and another later. */
static uint64_t lines_row(uint64_t group, uint64_t span, unsigned index) {
    return index < LINES_GROUP ? group : group + span;
}

/* Returns a bucket to the thread that grows the table: there may be no shape yet that has it. */
static struct lines_bucket *lines_bucket(struct mk_map *map, uint64_t group, uint64_t span, unsigned index) {
    uint64_t row = lines_row(group, span, index);
    uintptr_t chunk = map->bucket[lines_chunk(row)][index % LINES_GROUP];
    return (struct lines_bucket *)(chunk + row * sizeof(struct lines_bucket));
}

static struct lines_head *lines_list(struct mk_map *map, uint64_t group) {
    unsigned chunk = lines_chunk(group);
    return map->head[chunk] + (group - lines_first_row(chunk));
}

/* Returns a bucket of the home's group. */
MK_INLINE struct lines_bucket *lines_neighbour(const struct lines_home *home, uint64_t index) {
    return (struct lines_bucket *)(home->columns->of[index] + home->group * sizeof(struct lines_bucket));
}

MK_INLINE struct lines_home lines_home(const struct mk_map *map, uint64_t word, uint64_t hash) {
    unsigned layout = lines_layout(word);
    /* Without a branch: before the split or behind it is anybody's guess while the table grows. */
    layout += (hash & map->mask[layout]) < lines_split(word);
    struct lines_home home = {.group = hash & map->mask[layout], .size = map->size[layout]};
    home.columns = &map->columns[layout][lines_chunk(home.group)];
    home.index = lines_index(map->size[layout], hash);
    home.bucket = lines_neighbour(&home, home.index);
    return home;
}

/* ---- words ---------------------------------------------------------------------------------- */

MK_INLINE uint64_t lines_meta(const struct lines_bucket *bucket) {
    /* (3) seq_cst-load synchronizes-with the release-store (7): all that the last holder of the lock did. In the one
     * order with the seq_cst-CAS (6): point C */
    return atomic_load_explicit(&bucket->meta, memory_order_seq_cst);
}

MK_INLINE uint64_t lines_meta_again(const struct lines_bucket *bucket) {
    /* (4) relaxed-load: what was read in between was acquired, by (8), so this comes after it; point B */
    return atomic_load_explicit(&bucket->meta, memory_order_relaxed);
}

MK_INLINE uint64_t lines_meta_own(const struct lines_bucket *bucket) {
    /* (5) relaxed-load: to expect something in (6), which confirms it; or of a bucket that nobody else has */
    return atomic_load_explicit(&bucket->meta, memory_order_relaxed);
}

/* Returns whether it has locked the bucket; then *meta is what it was. */
MK_INLINE bool lines_try_lock(struct lines_bucket *bucket, uint64_t *meta) {
    *meta = lines_meta_own(bucket);
    if (*meta & LINES_LOCK) return false;
    /* (6) seq_cst-CAS synchronizes-with the release-store (7): what the last holder did; the stores of this one come
     * after it for those who acquire them (8). Point C: enforces a total order with the seq_cst-load (3). On failure
     * relaxed */
    return atomic_compare_exchange_strong_explicit(&bucket->meta, meta, *meta | LINES_LOCK, memory_order_seq_cst,
                                                   memory_order_relaxed);
}

static inline uint64_t lines_lock(struct lines_bucket *bucket) {
    uint64_t meta;
    for (unsigned spins = 0; !lines_try_lock(bucket, &meta);) mk_backoff(&spins);
    return meta;
}

MK_INLINE void lines_unlock(struct lines_bucket *bucket, uint64_t meta) {
    /* (7) release-store synchronizes-with the seq_cst-load (3) and the seq_cst-CAS (6): all that was done under the
     * lock */
    atomic_store_explicit(&bucket->meta, (meta & ~LINES_LOCK) + LINES_VERSION, memory_order_release);
}

/* A word of a pair, or the tags. */
MK_INLINE uint64_t lines_read(const MK_ATOMIC(uint64_t) *word) {
    /* (8) acquire-load synchronizes-with the release-store (9): the lock under which it was stored, so that (4) finds
     * it; of a tag, the pair it stands for */
    return atomic_load_explicit(word, memory_order_acquire);
}

MK_INLINE void lines_write(MK_ATOMIC(uint64_t) *word, uint64_t to) {
    /* (9) release-store synchronizes-with the acquire-load (8): see there */
    atomic_store_explicit(word, to, memory_order_release);
}

/* 1 .. 0x7f: 0 is for what is free. */
MK_INLINE uint64_t lines_tag(uint64_t hash) {
    uint64_t tag = hash >> 48 & 0x7f;
    return tag + !tag;
}

/* Returns 1 where a key of this tag may be outside its home, whose meta it is, else 0. */
MK_INLINE uint64_t lines_hinted(uint64_t meta, uint64_t tag) {
    return (uint32_t)meta >> LINES_HINT_BIT(tag) & 1;
}

/* Returns the top bits of slots whose tag it is; 0: of those that are free. No byte is more than 0x7f, so that none
 * borrows from the next. */
MK_INLINE uint64_t lines_match(uint64_t tags, uint64_t tag) {
    return (LINES_TOPS - (tags ^ tag * LINES_ONES)) & LINES_TOPS;
}

MK_INLINE unsigned lines_slot(uint64_t match) {
    return (unsigned)__builtin_ctzll(match) / 8;
}

/* Returns how far the tag of the lowest slot of a match is shifted. */
MK_INLINE size_t lines_shift(uint64_t match) {
    return (size_t)__builtin_ctzll(match) - 7;
}

/* Returns the pair of the lowest slot of a match. */
MK_INLINE struct lines_pair *lines_pair_of(const struct lines_bucket *bucket, uint64_t match) {
    return (struct lines_pair *)((uintptr_t)bucket->pair + lines_shift(match) * (sizeof(struct lines_pair) / 8));
}

/* Returns the tags with that of one slot changed. */
MK_INLINE uint64_t lines_with(uint64_t tags, unsigned slot, uint64_t tag) {
    return (tags & ~((uint64_t)0xff << 8 * slot)) | tag << 8 * slot;
}

/* Returns the top bit of the highest of some slots; of none, anything. */
MK_INLINE uint64_t lines_highest(uint64_t match) {
    return (uint64_t)1 << (63 - __builtin_clzll(match | 1));
}

/* Returns the highest free slot, or LINES_SLOTS. */
MK_INLINE unsigned lines_free_slot(uint64_t tags) {
    uint64_t match = lines_match(tags, 0);
    return match ? lines_slot(lines_highest(match)) : LINES_SLOTS;
}

/* Puts a pair into a free slot of a bucket that is locked. */
MK_INLINE void lines_fill(struct lines_bucket *bucket, unsigned slot, uint64_t key, uint64_t value, uint64_t tag) {
    lines_write(&bucket->pair[slot].key, key);
    lines_write(&bucket->pair[slot].value, value);
    lines_write(&bucket->tags, lines_with(lines_read(&bucket->tags), slot, tag));
}

MK_INLINE void lines_clear(struct lines_bucket *bucket, unsigned slot) {
    lines_write(&bucket->tags, lines_with(lines_read(&bucket->tags), slot, 0));
}

MK_INLINE struct lines_extra *lines_next(const MK_ATOMIC(uintptr_t) *link) {
    /* (10) acquire-load synchronizes-with the release-store (11): the words of what it names */
    return (struct lines_extra *)atomic_load_explicit(link, memory_order_acquire);
}

MK_INLINE void lines_link(MK_ATOMIC(uintptr_t) *link, struct lines_extra *extra) {
    /* (11) release-store synchronizes-with the acquire-load (10): see there */
    atomic_store_explicit(link, (uintptr_t)extra, memory_order_release);
}

/* ---- counters ------------------------------------------------------------------------------- */

MK_INLINE void lines_add(MK_ATOMIC(uint64_t) *counter, uint64_t n) {
    /* (12) relaxed-load: of a counter that one thread at a time writes */
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    /* (13) relaxed-store: a count; who needs it exact knows that the operations are over */
    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

static uint64_t lines_sum(const MK_ATOMIC(uint64_t) *counter) {
    /* (14) relaxed-load: exact at quiescence, a hint before */
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint64_t lines_count(struct mk_map *map) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < map->threads_max; i++) count += lines_sum(&map->line[i].count);
    return (int64_t)count > 0 ? count : 0;
}

/* A lock for what is rare; whoever has it waits for nobody. */
static bool lines_take(MK_ATOMIC(uint32_t) *latch) {
    /* (15) acquire-exchange synchronizes-with the release-store (16): what it guards */
    return atomic_exchange_explicit(latch, 1, memory_order_acquire) == 0;
}

static void lines_give(MK_ATOMIC(uint32_t) *latch) {
    /* (16) release-store synchronizes-with the acquire-exchange (15): what it guards */
    atomic_store_explicit(latch, 0, memory_order_release);
}

static void lines_wait(MK_ATOMIC(uint32_t) *latch) {
    for (unsigned spins = 0; !lines_take(latch);) mk_backoff(&spins);
}

/* ---- looking a key up ----------------------------------------------------------------------- */

/* Where a key is: in a bucket of its group, or in the list. */
struct lines_spot {
    struct lines_pair *pair; /* NULL: nowhere */
    struct lines_bucket *bucket;
    struct lines_extra *extra;
    unsigned index, slot;
};

static inline bool lines_find_in(struct lines_bucket *bucket, uint64_t key, uint64_t hash, struct lines_spot *spot) {
    for (uint64_t match = lines_match(lines_read(&bucket->tags), lines_tag(hash)); match; match &= match - 1) {
        unsigned slot = lines_slot(match);
        if (lines_read(&bucket->pair[slot].key) != key) continue;
        *spot = (struct lines_spot){.pair = &bucket->pair[slot], .bucket = bucket, .slot = slot};
        return true;
    }
    return false;
}

static bool lines_find_extra(struct mk_map *map, const struct lines_home *home, uint64_t key,
                             struct lines_spot *spot) {
    struct lines_extra *extra = lines_next(&lines_list(map, home->group)->first);
    for (; extra; extra = lines_next(&extra->next)) {
        if (!lines_read(&extra->live) || lines_read(&extra->pair.key) != key) continue;
        *spot = (struct lines_spot){.pair = &extra->pair, .extra = extra};
        return true;
    }
    return false;
}

/* Returns a bit for each bucket of the group with keys of the home whose meta it is. */
MK_INLINE uint64_t lines_away(uint64_t meta) {
    return (meta & LINES_AWAY_ALL) >> 1;
}

/* Finds a key outside its home, whose meta it is. */
static MK_NOINLINE bool lines_find_away(struct mk_map *map, const struct lines_home *home, uint64_t meta,
                                        uint64_t key, uint64_t hash, struct lines_spot *spot) {
    for (uint64_t away = lines_away(meta); away; away &= away - 1) {
        const struct lines_bucket *bucket = lines_neighbour(home, (unsigned)__builtin_ctzll(away));
        __builtin_prefetch(&bucket->pair[0]); /* all misses at once */
        __builtin_prefetch(&bucket->pair[LINES_SLOTS - 1]);
    }
    for (uint64_t away = lines_away(meta); away; away &= away - 1) {
        unsigned index = (unsigned)__builtin_ctzll(away);
        if (!lines_find_in(lines_neighbour(home, index), key, hash, spot)) continue;
        spot->index = index;
        return true;
    }
    return meta & LINES_EXTRA && lines_find_extra(map, home, key, spot);
}

static inline bool lines_find(struct mk_map *map, const struct lines_home *home, uint64_t meta, uint64_t key,
                              uint64_t hash, struct lines_spot *spot) {
    *spot = (struct lines_spot){.pair = NULL};
    if (lines_find_in(home->bucket, key, hash, spot)) {
        spot->index = home->index;
        return true;
    }
    return lines_hinted(meta, lines_tag(hash)) && lines_find_away(map, home, meta, key, hash, spot);
}

/* The key is not in its home, or somebody was at it. */
static MK_NOINLINE bool lines_get_slowly(struct mk_map *map, uint64_t key, uint64_t hash, mk_value *value) {
    for (unsigned spins = 0;;) {
        uint64_t word = lines_look(map);
        struct lines_home home = lines_home(map, word, hash);
        struct lines_spot spot;
        uint64_t meta = lines_meta(home.bucket);
        if (meta & LINES_LOCK) {
            mk_backoff(&spins);
            continue;
        }
        bool hit = lines_find(map, &home, meta, key, hash, &spot);
        uint64_t found = hit ? lines_read(&spot.pair->value) : 0;
        if (lines_meta_again(home.bucket) == meta && lines_look(map) == word) {
            if (hit) value->word[0] = found;
            return hit;
        }
    }
}

/* What the tags of a home say of a key, found without a branch: nobody could foresee whether it is there. */
struct lines_glance {
    uint64_t match, hit; /* top bits of the slots in question; 1 where the key is in the first of them, else 0 */
    uint64_t value;      /* of that slot */
    uint64_t elsewhere;  /* not 0 where it may be in another slot or bucket, if there is no hit */
};

MK_INLINE struct lines_glance lines_glance(const struct lines_bucket *home, uint64_t meta, uint64_t tags, uint64_t tag,
                                           uint64_t key) {
    struct lines_glance seen = {.match = lines_match(tags, tag)};
    const struct lines_pair *pair = lines_pair_of(home, seen.match | LINES_LAST);
    uint64_t found = lines_read(&pair->key);
    seen.value = lines_read(&pair->value);
    seen.hit = (found == key) & (seen.match != 0);
    seen.elsewhere = (seen.match & (seen.match - 1)) | lines_hinted(meta, tag);
    return seen;
}

/* Returns a where there is a hit (1), b where there is none (0). */
MK_INLINE uint64_t lines_choose(uint64_t hit, uint64_t a, uint64_t b) {
    return b ^ ((a ^ b) & -hit);
}

/* LIN get hit, contains hit: the look at meta (3), where it is what it was when the value had been read.
 * LIN get miss, contains miss: the same. For both the shape is still the one that led there. */
MK_TIMED bool lines_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    uint64_t hash = mk_hash(key, map->seed), word = lines_look(map), was = value->word[0];
    (void)me;
    const struct lines_bucket *home = lines_home(map, word, hash).bucket;
    __builtin_prefetch(&home->pair[0]); /* the other line, which every other hit wants */
    uint64_t meta = lines_meta(home), tags = lines_read(&home->tags);
    struct lines_glance seen = lines_glance(home, meta, tags, lines_tag(hash), key);
    /* One branch, seldom taken, for all that is not plain: no two of the conditions are decided one by one. */
    uint64_t changed = (lines_meta_again(home) ^ (meta & ~LINES_LOCK)) | (lines_look(map) ^ word);
    if (MK_UNLIKELY(changed | (seen.elsewhere & (seen.hit - 1)))) {
        mk_value slow = {{was}}; /* so that the address of *value goes nowhere, and it stays in a register */
        bool hit = lines_get_slowly(map, key, hash, &slow);
        value->word[0] = slow.word[0];
        return hit;
    }
    value->word[0] = lines_choose(seen.hit, seen.value, was);
    return seen.hit;
}

/* ---- changing what is there ----------------------------------------------------------------- */

/* Locks the home of a key. Returns its meta. */
MK_INLINE uint64_t lines_open(struct mk_map *map, uint64_t hash, struct lines_home *home) {
    for (;;) {
        uint64_t word = lines_look(map);
        *home = lines_home(map, word, hash);
        __builtin_prefetch(&home->bucket->pair[0], 1); /* the other line; that of the words comes with the lock */
        uint64_t meta = lines_lock(home->bucket);
        /* While it is locked, the group stays as it is. */
        if (MK_LIKELY(lines_look(map) == word)) return meta;
        struct lines_home now = lines_home(map, lines_look(map), hash);
        if (now.bucket == home->bucket) {
            *home = now;
            return meta;
        }
        lines_unlock(home->bucket, meta);
    }
}

/* Returns whether a key that lies in the group has this home. */
static bool lines_is_of(const struct mk_map *map, const struct lines_home *home, uint64_t key) {
    return lines_index(home->size, mk_hash(key, map->seed)) == home->index;
}

/* Returns the slot of a key of this home in a bucket of the group, or LINES_SLOTS. */
static unsigned lines_guest(const struct mk_map *map, const struct lines_home *home,
                            const struct lines_bucket *bucket) {
    uint64_t tags = lines_read(&bucket->tags);
    for (unsigned slot = 0; slot < LINES_SLOTS; slot++) {
        if (tags >> 8 * slot & 0xff && lines_is_of(map, home, lines_read(&bucket->pair[slot].key))) return slot;
    }
    return LINES_SLOTS;
}

/* Returns a live key of this home in the list of the group, or NULL. */
static struct lines_extra *lines_extra_of(struct mk_map *map, const struct lines_home *home) {
    struct lines_extra *extra = lines_next(&lines_list(map, home->group)->first);
    while (extra && !(lines_read(&extra->live) && lines_is_of(map, home, lines_read(&extra->pair.key)))) {
        extra = lines_next(&extra->next);
    }
    return extra;
}

enum lines_done { LINES_DONE, LINES_BUSY, LINES_FULL };

/* Puts a pair into another bucket of the group than its home, which is locked and has no room. LINES_BUSY: home->busy
 * has, perhaps, but is taken. */
static enum lines_done lines_add_away(struct lines_home *home, uint64_t *meta, uint64_t key,
                                      uint64_t value, uint64_t hash) {
    enum lines_done done = LINES_FULL;
    for (unsigned i = 1; i < home->size; i++) { /* one after another: the fewer a home has keys in, the better */
        unsigned index = (home->index + i) % home->size;
        struct lines_bucket *bucket = lines_neighbour(home, index);
        uint64_t theirs;
        if (lines_free_slot(lines_read(&bucket->tags)) == LINES_SLOTS) continue;
        if (!lines_try_lock(bucket, &theirs)) {
            done = LINES_BUSY;
            home->busy = bucket;
            continue;
        }
        unsigned slot = lines_free_slot(lines_read(&bucket->tags));
        if (slot < LINES_SLOTS) lines_fill(bucket, slot, key, value, lines_tag(hash));
        lines_unlock(bucket, theirs);
        if (slot == LINES_SLOTS) continue;
        *meta |= LINES_AWAY(index) | LINES_HINT(lines_tag(hash));
        return LINES_DONE;
    }
    return done;
}

static void lines_revive(struct lines_extra *extra, uint64_t key, uint64_t value) {
    lines_write(&extra->pair.key, key);
    lines_write(&extra->pair.value, value);
    lines_write(&extra->live, 1);
}

/* With the lists locked. Returns a node that is in no list, or NULL. */
static struct lines_extra *lines_take_spare(struct mk_map *map) {
    struct lines_extra *extra = map->spare;
    if (extra) map->spare = lines_next(&extra->next);
    return extra;
}

static void lines_keep_spare(struct mk_map *map, struct lines_extra *extra) {
    lines_link(&extra->next, map->spare);
    map->spare = extra;
}

/* With the lists locked. Puts a pair into a dead node of the list or a spare one. False: there is none. */
static bool lines_reuse_extra(struct mk_map *map, struct lines_head *head, uint64_t key, uint64_t value) {
    struct lines_extra *extra = lines_next(&head->first);
    while (extra && lines_read(&extra->live)) extra = lines_next(&extra->next);
    if (extra) {
        lines_revive(extra, key, value);
        return true;
    }
    extra = lines_take_spare(map);
    if (!extra) return false;
    lines_revive(extra, key, value);
    lines_link(&extra->next, lines_next(&head->first));
    lines_link(&head->first, extra);
    return true;
}

/* Puts a pair into the list of the group; its home is locked. False: no memory. */
static bool lines_add_extra(struct mk_map *map, struct mk_thread *me, const struct lines_home *home, uint64_t *meta,
                            uint64_t key, uint64_t value, uint64_t hash) {
    struct lines_head *head = lines_list(map, home->group);
    lines_wait(&map->extras_lock);
    bool done = lines_reuse_extra(map, head, key, value);
    lines_give(&map->extras_lock);
    if (!done) {
        struct lines_extra *extra = mk_mem_zalloc(map->mem, me, sizeof *extra, sizeof(uint64_t));
        if (!extra) return false;
        lines_wait(&map->extras_lock);
        lines_add(&map->extras, 1);
        lines_keep_spare(map, extra);
        lines_reuse_extra(map, head, key, value);
        lines_give(&map->extras_lock);
    }
    *meta |= LINES_EXTRA | LINES_HINT(lines_tag(hash));
    return true;
}

/* Returns whether a key of this home and with this hint is in a bucket of the group, which need not be locked: of this
 * home nothing changes there, and to take a pair that is changing for one of it costs readers a look too many at most. */
static bool lines_hint_in(const struct mk_map *map, const struct lines_home *home, const struct lines_bucket *bucket,
                          uint64_t hint) {
    uint64_t tags = lines_read(&bucket->tags);
    for (unsigned slot = 0; slot < LINES_SLOTS; slot++) {
        uint64_t tag = tags >> 8 * slot & 0xff;
        if (!tag || LINES_HINT(tag) != hint) continue;
        if (lines_is_of(map, home, lines_read(&bucket->pair[slot].key))) return true;
    }
    return false;
}

/* Returns whether a key of this home and with this hint may be outside it. Lists are not asked. */
static bool lines_hint_away(struct mk_map *map, const struct lines_home *home, uint64_t meta, uint64_t hint) {
    for (uint64_t away = lines_away(meta); away; away &= away - 1) {
        if (lines_hint_in(map, home, lines_neighbour(home, (unsigned)__builtin_ctzll(away)), hint)) return true;
    }
    return meta & LINES_EXTRA;
}

/* After a key with this tag came home or went altogether: takes the hint back, unless others need it. */
static void lines_unhint(struct mk_map *map, const struct lines_home *home, uint64_t *meta, uint64_t tag) {
    if (!lines_hint_away(map, home, *meta, LINES_HINT(tag))) *meta &= ~LINES_HINT(tag);
}

/* Brings a key home from the list of the group into a free slot. */
static void lines_fetch_extra(struct mk_map *map, const struct lines_home *home, uint64_t *meta, unsigned slot) {
    struct lines_extra *extra = lines_extra_of(map, home);
    if (extra) {
        uint64_t key = lines_read(&extra->pair.key);
        uint64_t tag = lines_tag(mk_hash(key, map->seed));
        lines_fill(home->bucket, slot, key, lines_read(&extra->pair.value), tag);
        lines_write(&extra->live, 0);
        if (!lines_extra_of(map, home)) *meta &= ~LINES_EXTRA;
        lines_unhint(map, home, meta, tag);
        return;
    }
    *meta &= ~LINES_EXTRA;
}

/* Brings a key of this home, which is locked, back into a free slot, from wherever it had to go. Where others have what
 * it takes it stays there: an address that is a hop too far is no error. */
static MK_NOINLINE void lines_fetch_home(struct mk_map *map, const struct lines_home *home, uint64_t *meta,
                                         unsigned slot) {
    for (uint64_t away = lines_away(*meta); away; away &= away - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(away);
        struct lines_bucket *bucket = lines_neighbour(home, bit);
        uint64_t theirs;
        if (!lines_try_lock(bucket, &theirs)) continue;
        unsigned guest = lines_guest(map, home, bucket);
        uint64_t key = lines_read(&bucket->pair[guest % LINES_SLOTS].key), tag = lines_tag(mk_hash(key, map->seed));
        if (guest < LINES_SLOTS) {
            lines_fill(home->bucket, slot, key, lines_read(&bucket->pair[guest].value), tag);
            lines_clear(bucket, guest);
        }
        if (lines_guest(map, home, bucket) == LINES_SLOTS) *meta &= ~LINES_AWAY(bit);
        lines_unlock(bucket, theirs);
        if (guest == LINES_SLOTS) continue;
        lines_unhint(map, home, meta, tag);
        return;
    }
    if (*meta & LINES_EXTRA) lines_fetch_extra(map, home, meta, slot);
}

/* Takes a key away from outside its home, which is locked. False: the bucket it is in is locked by others. */
static MK_NOINLINE bool lines_drop_away(struct mk_map *map, struct lines_home *home, uint64_t *meta,
                                        const struct lines_spot *spot, uint64_t tag) {
    uint64_t theirs;
    if (spot->extra) {
        lines_write(&spot->extra->live, 0);
        if (!lines_extra_of(map, home)) *meta &= ~LINES_EXTRA;
        lines_unhint(map, home, meta, tag);
        return true;
    }
    if (!lines_try_lock(spot->bucket, &theirs)) {
        home->busy = spot->bucket;
        return false;
    }
    lines_clear(spot->bucket, spot->slot);
    if (lines_guest(map, home, spot->bucket) == LINES_SLOTS) *meta &= ~LINES_AWAY(spot->index);
    lines_unlock(spot->bucket, theirs);
    lines_unhint(map, home, meta, tag);
    return true;
}

/* Adds a key that is not there, whose home is locked. */
static inline enum lines_done lines_insert(struct mk_map *map, struct mk_thread *me, struct lines_home *home,
                                           uint64_t *meta, uint64_t key, uint64_t value, uint64_t hash) {
    unsigned slot = lines_free_slot(lines_read(&home->bucket->tags));
    if (MK_LIKELY(slot < LINES_SLOTS)) {
        lines_fill(home->bucket, slot, key, value, lines_tag(hash));
        return LINES_DONE;
    }
    enum lines_done done = lines_add_away(home, meta, key, value, hash);
    if (done == LINES_FULL && lines_add_extra(map, me, home, meta, key, value, hash)) return LINES_DONE;
    return done;
}

/* ---- growing -------------------------------------------------------------------------------- */

#define LINES_ROOM (2 * LINES_GROUP * LINES_PAIRS)

/* A group on its way over more buckets. All of it is locked. */
struct lines_spread {
    struct lines_shape shape; /* before */
    uint64_t group;
    unsigned size;                                /* after */
    struct lines_bucket *bucket[2 * LINES_GROUP]; /* new ones from shape.size on */
    uint64_t meta[2 * LINES_GROUP], tags[2 * LINES_GROUP];
    struct { uint64_t key, value, hash; } moving[LINES_ROOM];
    unsigned movers;
    struct lines_extra *spare; /* as many as are needed at most */
};

/* Makes the chunk that a bucket lies in, unless it is there. False: no memory. */
static bool lines_prepare(struct mk_map *map, struct mk_thread *me, uint64_t row, unsigned column) {
    unsigned chunk = lines_chunk(row);
    size_t rows = lines_rows(chunk), bytes = sizeof(struct lines_bucket);
    uintptr_t *bucket = &map->bucket[chunk][column];
    struct lines_head **head = &map->head[chunk];
    if (!*bucket) {
        void *made = mk_mem_zalloc(map->mem, me, rows * bytes, _Alignof(struct lines_bucket));
        if (made) {
            *bucket = (uintptr_t)made - lines_first_row(chunk) * bytes;
            for (unsigned i = 0; i < chunk; i++) map->made[chunk - 1][i].of[LINES_GROUP + column] = (uintptr_t)made;
        }
    }
    if (column == 0 && !*head) *head = mk_mem_zalloc(map->mem, me, rows * sizeof **head, sizeof(uint64_t));
    return *bucket && (column || *head);
}

/* Returns the index, in all of the buckets, of the first one of the key's group after the spread: there may be two. */
static unsigned lines_new_first(const struct lines_spread *spread, uint64_t hash) {
    return spread->size == 2 * LINES_GROUP && hash & spread->shape.span ? LINES_GROUP : 0;
}

static unsigned lines_new_size(const struct lines_spread *spread) {
    return spread->size == 2 * LINES_GROUP ? LINES_GROUP : spread->size;
}

/* Returns the index of the home after the spread. */
static unsigned lines_new_index(const struct lines_spread *spread, uint64_t hash) {
    return lines_new_first(spread, hash) + lines_index(lines_new_size(spread), hash);
}

/* Takes note of the pairs that are to move. */
static void lines_collect(struct mk_map *map, struct lines_spread *spread) {
    for (unsigned i = 0; i < spread->shape.size; i++) {
        const struct lines_bucket *bucket = spread->bucket[i];
        spread->tags[i] = lines_read(&bucket->tags);
        for (unsigned slot = 0; slot < LINES_SLOTS; slot++) {
            if (!(spread->tags[i] >> 8 * slot & 0xff)) continue;
            uint64_t key = lines_read(&bucket->pair[slot].key), hash = mk_hash(key, map->seed);
            if (lines_new_index(spread, hash) == i) continue;
            spread->moving[spread->movers].key = key;
            spread->moving[spread->movers].value = lines_read(&bucket->pair[slot].value);
            spread->moving[spread->movers++].hash = hash;
            spread->tags[i] = lines_with(spread->tags[i], slot, 0);
        }
    }
}

/* Puts a pair into that bucket, if it has room. */
static bool lines_settle(struct lines_spread *spread, unsigned index, uint64_t key, uint64_t value, uint64_t hash) {
    unsigned slot = lines_free_slot(spread->tags[index]), home = lines_new_index(spread, hash);
    struct lines_bucket *bucket = spread->bucket[index];
    if (slot == LINES_SLOTS) return false;
    lines_write(&bucket->pair[slot].key, key);
    lines_write(&bucket->pair[slot].value, value);
    spread->tags[index] = lines_with(spread->tags[index], slot, lines_tag(hash));
    if (home != index) {
        spread->meta[home] |= LINES_AWAY(index - lines_new_first(spread, hash)) | LINES_HINT(lines_tag(hash));
    }
    return true;
}

/* Puts a pair home, or, where it may be anywhere, into the first bucket of its group with room. */
static bool lines_place(struct lines_spread *spread, uint64_t key, uint64_t value, uint64_t hash, bool anywhere) {
    unsigned home = lines_new_index(spread, hash);
    unsigned first = lines_new_first(spread, hash), n = lines_new_size(spread);
    if (lines_settle(spread, home, key, value, hash)) return true;
    for (unsigned i = 0; anywhere && i < n; i++) {
        if (lines_settle(spread, first + (home + 1 + i - first) % n, key, value, hash)) return true;
    }
    return false;
}

/* Returns how many pairs have to go to lists, for want of room in their half of a group that becomes two. */
static unsigned lines_overflow(const struct lines_spread *spread) {
    unsigned in[2] = {0, 0}, over = 0, room = LINES_GROUP * LINES_PAIRS;
    if (spread->size < 2 * LINES_GROUP) return 0;
    for (unsigned i = 0; i < spread->shape.size; i++) {
        for (unsigned slot = 0; slot < LINES_SLOTS; slot++) {
            if (spread->tags[i] >> 8 * slot & 0xff) in[i / LINES_GROUP]++;
        }
    }
    for (unsigned i = 0; i < spread->movers; i++) in[lines_new_index(spread, spread->moving[i].hash) / LINES_GROUP]++;
    for (unsigned half = 0; half < 2; half++) over += in[half] > room ? in[half] - room : 0;
    return over;
}

/* Makes so many spare nodes. False: no memory. */
static bool lines_make_spare(struct mk_map *map, struct mk_thread *me, struct lines_spread *spread, unsigned n) {
    for (; n; n--) {
        struct lines_extra *extra = mk_mem_zalloc(map->mem, me, sizeof *extra, sizeof(uint64_t));
        if (!extra) return false;
        lines_link(&extra->next, spread->spare);
        spread->spare = extra;
        lines_add(&map->extras, 1);
    }
    return true;
}

/* Gives what is left of them to the others. */
static void lines_leave_spare(struct mk_map *map, struct lines_spread *spread) {
    if (!spread->spare) return;
    lines_wait(&map->extras_lock);
    while (spread->spare) {
        struct lines_extra *extra = spread->spare;
        spread->spare = lines_next(&extra->next);
        lines_keep_spare(map, extra);
    }
    lines_give(&map->extras_lock);
}

/* Returns the list, after the spread, of a key. */
static struct lines_head *lines_new_list(struct mk_map *map, const struct lines_spread *spread, uint64_t hash) {
    return lines_list(map, lines_row(spread->group, spread->shape.span, lines_new_first(spread, hash)));
}

/* With the lists locked. Puts a node into the list of its key. */
static void lines_file(struct mk_map *map, struct lines_spread *spread, struct lines_extra *extra, uint64_t hash) {
    struct lines_head *head = lines_new_list(map, spread, hash);
    lines_link(&extra->next, lines_next(&head->first));
    lines_link(&head->first, extra);
    spread->meta[lines_new_index(spread, hash)] |= LINES_EXTRA | LINES_HINT(lines_tag(hash));
}

/* With the lists locked. Goes through the list of the group: who finds room in a bucket leaves it. */
static void lines_sift(struct mk_map *map, struct lines_spread *spread) {
    struct lines_head *head = lines_list(map, spread->group);
    struct lines_extra *extra = lines_next(&head->first), *next;
    lines_link(&head->first, NULL);
    for (; extra; extra = next) {
        next = lines_next(&extra->next);
        uint64_t key = lines_read(&extra->pair.key), hash = mk_hash(key, map->seed);
        bool live = lines_read(&extra->live);
        if (live && !lines_place(spread, key, lines_read(&extra->pair.value), hash, true)) {
            lines_file(map, spread, extra, hash);
            continue;
        }
        lines_write(&extra->live, 0);
        lines_keep_spare(map, extra);
    }
}

/* Moves what is to move: home where there is room, then anywhere, then into lists, for which spare nodes were made. */
static void lines_move(struct mk_map *map, struct lines_spread *spread) {
    unsigned left = 0;
    for (unsigned i = 0; i < spread->movers; i++) {
        uint64_t key = spread->moving[i].key, value = spread->moving[i].value, hash = spread->moving[i].hash;
        if (!lines_place(spread, key, value, hash, false)) spread->moving[left++] = spread->moving[i];
    }
    lines_wait(&map->extras_lock);
    struct lines_extra *homeless = NULL, *next;
    for (unsigned i = 0; i < left; i++) {
        uint64_t key = spread->moving[i].key, value = spread->moving[i].value, hash = spread->moving[i].hash;
        if (lines_place(spread, key, value, hash, true)) continue;
        struct lines_extra *extra = spread->spare;
        spread->spare = lines_next(&extra->next);
        lines_revive(extra, key, value);
        lines_link(&extra->next, homeless);
        homeless = extra;
    }
    lines_sift(map, spread);
    for (; homeless; homeless = next) {
        next = lines_next(&homeless->next);
        lines_file(map, spread, homeless, mk_hash(lines_read(&homeless->pair.key), map->seed));
    }
    lines_give(&map->extras_lock);
}

/* Returns how much of the buckets is to be in use: little while all of it fits a cache, where what counts is how many
 * keys are at home; much where bytes and misses count. */
static uint64_t lines_percent(const struct mk_map *map, uint64_t count) {
    unsigned bits = 63 - (unsigned)__builtin_clzll(count | 1);
    if (map->load_percent) return map->load_percent;
    return bits <= 15 ? 50 : bits >= 20 ? 85 : 50 + 7 * (bits - 15);
}

/* Decides on the next layout, before there is a shape that needs it. The fewer buckets a step adds the closer are groups
 * not yet spread to the mean, and the more often a key moves: by turns where buckets are to be full, else by twos. */
static void lines_plan(struct mk_map *map, unsigned layout, uint64_t percent) {
    unsigned size = (unsigned)map->size[layout] + (percent < 75 ? 2 : 1);
    bool two = size >= 2 * LINES_GROUP;
    map->mask[layout + 1] = two ? 2 * map->mask[layout] + 1 : map->mask[layout];
    map->size[layout + 1] = two ? LINES_GROUP : size;
    map->columns[layout + 1] = two ? NULL : map->columns[layout]; /* NULL: until lines_prepare_two */
}

/* Returns the shape with one group more spread. */
static struct lines_shape lines_larger(struct mk_map *map, struct lines_shape shape, uint64_t percent) {
    if (++shape.split < shape.span) return shape;
    shape.split = 0;
    lines_plan(map, ++shape.layout, percent);
    return shape;
}

/* Makes the columns for so many groups, whose buckets are there; lines_prepare adds those that a group is spread over
 * later. False: no memory. */
static bool lines_make_columns(struct mk_map *map, struct mk_thread *me, uint64_t span) {
    unsigned bits = (unsigned)__builtin_ctzll(span);
    size_t bytes = (bits + 1) * sizeof(struct lines_columns); /* there are as many chunks */
    if (map->made[bits]) return true;
    map->made[bits] = mk_mem_zalloc(map->mem, me, bytes, MK_CACHE_LINE);
    for (unsigned chunk = 0; map->made[bits] && chunk <= bits; chunk++) {
        memcpy(map->made[bits][chunk].of, map->bucket[chunk], sizeof map->bucket[chunk]);
    }
    return map->made[bits];
}

/* Makes the columns of the next layout, by which a group is two. False: no memory. */
static bool lines_prepare_two(struct mk_map *map, struct mk_thread *me, const struct lines_shape *shape) {
    if (shape->split) return true; /* readers have them already */
    if (!lines_make_columns(map, me, 2 * shape->span)) return false;
    map->columns[shape->layout + 1] = map->made[__builtin_ctzll(2 * shape->span)];
    return true;
}

/* Makes the chunks that a group is to spread over. False: no memory. */
static bool lines_prepare_group(struct mk_map *map, struct mk_thread *me, const struct lines_spread *spread) {
    for (unsigned i = spread->shape.size; i < spread->size; i++) {
        uint64_t row = lines_row(spread->group, spread->shape.span, i);
        if (!lines_prepare(map, me, row, i % LINES_GROUP)) return false;
    }
    return spread->size < 2 * LINES_GROUP || lines_prepare_two(map, me, &spread->shape);
}

/* Locks all buckets; the new ones, too: they are there as soon as the shape is. */
static void lines_lock_group(struct mk_map *map, struct lines_spread *spread) {
    for (unsigned i = 0; i < spread->size; i++) {
        spread->bucket[i] = lines_bucket(map, spread->group, spread->shape.span, i);
        for (unsigned line = 0; line < sizeof(struct lines_bucket); line += MK_CACHE_LINE) {
            __builtin_prefetch((const char *)spread->bucket[i] + line, 1); /* all misses at once */
        }
    }
    for (unsigned i = 0; i < spread->size; i++) {
        spread->meta[i] = lines_lock(spread->bucket[i]);
        spread->tags[i] = 0;
    }
}

static void lines_unlock_group(struct lines_spread *spread) {
    for (unsigned i = 0; i < spread->size; i++) lines_unlock(spread->bucket[i], spread->meta[i]);
}

/* Spreads the next group over more buckets. By one thread at a time. False: no memory, or no larger is foreseen. */
static bool lines_spread(struct mk_map *map, struct mk_thread *me, uint64_t percent) {
    struct lines_spread spread;
    spread.shape = lines_shape_of(map, lines_look(map));
    spread.group = spread.shape.split;
    spread.size = spread.shape.next;
    spread.movers = 0;
    spread.spare = NULL;
    if (spread.shape.span >= LINES_SPAN_MAX || !lines_prepare_group(map, me, &spread)) return false;
    lines_lock_group(map, &spread);
    lines_collect(map, &spread);
    bool able = lines_make_spare(map, me, &spread, lines_overflow(&spread));
    if (able) {
        for (unsigned i = 0; i < spread.size; i++) spread.meta[i] &= ~(LINES_AWAY_ALL | LINES_HINT_ALL | LINES_EXTRA);
        lines_move(map, &spread);
        for (unsigned i = 0; i < spread.size; i++) lines_write(&spread.bucket[i]->tags, spread.tags[i]);
        lines_reshape(map, lines_larger(map, spread.shape, percent));
        lines_add(&map->spreads, 1);
    }
    lines_unlock_group(&spread);
    lines_leave_spare(map, &spread);
    return able;
}

static uint64_t lines_buckets(struct lines_shape shape) {
    return shape.size * shape.span + (shape.next - shape.size) * shape.split;
}

/* Grows the table to what it has to hold, unless somebody is at it. */
static MK_NOINLINE void lines_grow(struct mk_map *map, struct mk_thread *me) {
    uint64_t count = lines_count(map), percent = lines_percent(map, count);
    uint64_t wanted = count * 100 / (percent * LINES_PAIRS);
    if (lines_buckets(lines_shape_of(map, lines_look(map))) >= wanted || !lines_take(&map->growing)) return;
    while (lines_buckets(lines_shape_of(map, lines_look(map))) < wanted && lines_spread(map, me, percent)) continue;
    lines_give(&map->growing);
}

/* After n keys were added, 1 or 0. */
MK_INLINE void lines_added(struct mk_map *map, struct mk_thread *me, unsigned n) {
    struct lines_line *line = &map->line[me->id];
    lines_add(&line->count, n);
    line->changes += n;
    if (MK_LIKELY(line->changes < LINES_CHANGES)) return;
    line->changes = 0;
    lines_grow(map, me);
}

/* ---- operations ----------------------------------------------------------------------------- */

/* After a go that came to LINES_BUSY: without a lock, so that whoever has the other one comes on. */
static MK_NOINLINE void lines_wait_for(const struct lines_bucket *busy) {
    for (unsigned spins = 0; lines_meta_own(busy) & LINES_LOCK;) mk_backoff(&spins);
}

/* Puts into a home that is locked where that is not plain. */
static MK_NOINLINE enum lines_done lines_put_slowly(struct mk_map *map, struct mk_thread *me, struct lines_home *home,
                                                    uint64_t *meta, uint64_t key, uint64_t hash, uint64_t value,
                                                    mk_value *previous, bool replaces, enum mk_status *status) {
    struct lines_spot spot;
    if (lines_find(map, home, *meta, key, hash, &spot)) {
        *status = MK_HIT;
        previous->word[0] = lines_read(&spot.pair->value);
        if (replaces) lines_write(&spot.pair->value, value);
        return LINES_DONE;
    }
    enum lines_done done = lines_insert(map, me, home, meta, key, value, hash);
    *status = done == LINES_DONE ? MK_MISS : MK_NO_MEMORY;
    return done;
}

/* One go at a key that may be there, or not: what both sorts of put have in common. LINES_BUSY: nothing has
 * happened. */
static inline enum lines_done lines_try_put(struct mk_map *map, struct mk_thread *me, uint64_t key, uint64_t hash,
                                            const mk_value *value, mk_value *previous, bool replaces,
                                            enum mk_status *status) {
    struct lines_home home;
    uint64_t meta = lines_open(map, hash, &home), tag = lines_tag(hash);
    uint64_t tags = lines_read(&home.bucket->tags), room = lines_match(tags, 0);
    struct lines_glance seen = lines_glance(home.bucket, meta, tags, tag, key);
    if (MK_UNLIKELY((seen.hit - 1) & (seen.elsewhere | (room == 0)))) {
        enum lines_done done = lines_put_slowly(map, me, &home, &meta, key, hash, value->word[0], previous, replaces,
                                                status);
        lines_unlock(home.bucket, meta);
        if (MK_UNLIKELY(done == LINES_BUSY)) lines_wait_for(home.busy);
        return done;
    }
    /* The same stores for a key that is there and for one that is new. */
    uint64_t slot = lines_choose(seen.hit, seen.match, lines_highest(room));
    struct lines_pair *pair = lines_pair_of(home.bucket, slot);
    lines_write(&pair->key, key);
    lines_write(&pair->value, replaces ? value->word[0] : lines_choose(seen.hit, seen.value, value->word[0]));
    lines_write(&home.bucket->tags, tags | tag << lines_shift(slot));
    lines_unlock(home.bucket, meta);
    previous->word[0] = lines_choose(seen.hit, seen.value, previous->word[0]);
    *status = seen.hit ? MK_HIT : MK_MISS;
    return LINES_DONE;
}

static inline enum mk_status lines_put_if(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                          mk_value *previous, bool replaces) {
    uint64_t hash = mk_hash(key, map->seed);
    enum mk_status status;
    while (lines_try_put(map, me, key, hash, value, previous, replaces, &status) == LINES_BUSY) continue;
    lines_added(map, me, status == MK_MISS);
    return status;
}

/* LIN put hit, miss: the CAS that locks the home (6), of the go that comes to something: who looks after it waits. */
static inline enum mk_status lines_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                       mk_value *previous) {
    return lines_put_if(map, me, key, value, previous, true);
}

/* LIN insert_if_absent hit, miss: as put. */
static enum mk_status lines_insert_if_absent(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                             const mk_value *value, mk_value *present) {
    return lines_put_if(map, me, key, value, present, false);
}

/* LIN update hit, miss: as put. */
static enum mk_status lines_update(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_update_fn *change,
                                   void *arg) {
    uint64_t hash = mk_hash(key, map->seed);
    struct lines_home home;
    struct lines_spot spot;
    uint64_t meta = lines_open(map, hash, &home);
    bool hit = lines_find(map, &home, meta, key, hash, &spot);
    (void)me;
    if (hit) {
        mk_value value = {{lines_read(&spot.pair->value)}};
        change(&value, arg);
        lines_write(&spot.pair->value, value.word[0]);
    }
    lines_unlock(home.bucket, meta);
    return hit ? MK_HIT : MK_MISS;
}

/* Removes from a home that is locked where that is not plain. */
static MK_NOINLINE enum lines_done lines_remove_slowly(struct mk_map *map, struct lines_home *home, uint64_t *meta,
                                                       uint64_t key, uint64_t hash, mk_value *value,
                                                       enum mk_status *status) {
    struct lines_spot spot;
    *status = lines_find(map, home, *meta, key, hash, &spot) ? MK_HIT : MK_MISS;
    if (*status == MK_MISS) return LINES_DONE;
    uint64_t found = lines_read(&spot.pair->value);
    if (spot.bucket == home->bucket) {
        lines_clear(home->bucket, spot.slot);
        lines_fetch_home(map, home, meta, spot.slot);
    } else if (!lines_drop_away(map, home, meta, &spot, lines_tag(hash))) {
        return LINES_BUSY;
    }
    value->word[0] = found;
    return LINES_DONE;
}

/* One go. LINES_BUSY: nothing has happened. */
static inline enum lines_done lines_try_remove(struct mk_map *map, uint64_t key, uint64_t hash, mk_value *value,
                                               enum mk_status *status) {
    struct lines_home home;
    uint64_t meta = lines_open(map, hash, &home), tag = lines_tag(hash), tags = lines_read(&home.bucket->tags);
    struct lines_glance seen = lines_glance(home.bucket, meta, tags, tag, key);
    uint64_t others = lines_choose(seen.hit, meta & (LINES_AWAY_ALL | LINES_EXTRA), seen.elsewhere);
    if (MK_UNLIKELY(others)) {
        enum lines_done done = lines_remove_slowly(map, &home, &meta, key, hash, value, status);
        lines_unlock(home.bucket, meta);
        if (MK_UNLIKELY(done == LINES_BUSY)) lines_wait_for(home.busy);
        return done;
    }
    uint64_t slot = seen.match | LINES_LAST;
    lines_write(&home.bucket->tags, tags ^ (tag << lines_shift(slot) & -seen.hit));
    lines_unlock(home.bucket, meta);
    value->word[0] = lines_choose(seen.hit, seen.value, value->word[0]);
    *status = seen.hit ? MK_HIT : MK_MISS;
    return LINES_DONE;
}

/* LIN remove hit, miss: as put. */
static inline enum mk_status lines_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    uint64_t hash = mk_hash(key, map->seed);
    enum mk_status status;
    while (lines_try_remove(map, key, hash, value, &status) == LINES_BUSY) continue;
    lines_add(&map->line[me->id].count, -(uint64_t)(status == MK_HIT));
    return status;
}

/* ---- life ----------------------------------------------------------------------------------- */

/* At quiescence. Visits the pairs of a list. */
static void lines_walk_list(const struct lines_head *head, mk_visit_fn *visit, void *arg) {
    for (const struct lines_extra *extra = lines_next(&head->first); extra; extra = lines_next(&extra->next)) {
        if (lines_read(&extra->live)) visit(arg, lines_read(&extra->pair.key), lines_read(&extra->pair.value));
    }
}

static void lines_walk_bucket(const struct lines_bucket *bucket, mk_visit_fn *visit, void *arg) {
    for (unsigned slot = 0; slot < LINES_SLOTS; slot++) {
        if (!(lines_read(&bucket->tags) >> 8 * slot & 0xff)) continue;
        visit(arg, lines_read(&bucket->pair[slot].key), lines_read(&bucket->pair[slot].value));
    }
}

/* Returns the buckets of a chunk or NULL. */
static struct lines_bucket *lines_chunk_of(const struct mk_map *map, unsigned column, unsigned chunk) {
    uintptr_t row_0 = map->bucket[chunk][column];
    return row_0 ? (struct lines_bucket *)(row_0 + lines_first_row(chunk) * sizeof(struct lines_bucket)) : NULL;
}

static void lines_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    for (unsigned chunk = 0; chunk < LINES_CHUNKS; chunk++) {
        size_t rows = lines_rows(chunk);
        for (unsigned column = 0; column < LINES_GROUP; column++) {
            const struct lines_bucket *bucket = lines_chunk_of(map, column, chunk);
            for (size_t i = 0; bucket && i < rows; i++) lines_walk_bucket(&bucket[i], visit, arg);
        }
        const struct lines_head *head = map->head[chunk];
        for (size_t i = 0; head && i < rows; i++) lines_walk_list(&head[i], visit, arg);
    }
}

static void lines_free_list(struct mk_map *map, struct lines_extra *extra) {
    for (struct lines_extra *next; extra; extra = next) {
        next = lines_next(&extra->next);
        mk_mem_free(map->mem, NULL, extra, sizeof *extra, sizeof(uint64_t));
    }
}

/* Frees a chunk of all columns. */
static void lines_free_chunk(struct mk_map *map, unsigned chunk) {
    size_t rows = lines_rows(chunk);
    for (unsigned column = 0; column < LINES_GROUP; column++) {
        struct lines_bucket *bucket = lines_chunk_of(map, column, chunk);
        if (bucket) mk_mem_free(map->mem, NULL, bucket, rows * sizeof *bucket, _Alignof(struct lines_bucket));
    }
    struct lines_head *head = map->head[chunk];
    for (size_t i = 0; head && i < rows; i++) lines_free_list(map, lines_next(&head[i].first));
    if (head) mk_mem_free(map->mem, NULL, head, rows * sizeof *head, sizeof(uint64_t));
}

/* Frees what a create that fails has made so far, too. */
static void lines_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    for (unsigned chunk = 0; chunk < LINES_CHUNKS; chunk++) lines_free_chunk(map, chunk);
    lines_free_list(map, map->spare);
    for (unsigned i = 0; i < LINES_CHUNKS; i++) {
        if (map->made[i]) mk_mem_free(mem, NULL, map->made[i], (i + 1) * sizeof *map->made[i], MK_CACHE_LINE);
    }
    if (map->line) mk_mem_free(mem, NULL, map->line, map->threads_max * sizeof *map->line, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
}

/* Makes the first group. False: no memory. */
static bool lines_fill_map(struct mk_map *map) {
    map->line = mk_mem_zalloc(map->mem, NULL, map->threads_max * sizeof *map->line, MK_CACHE_LINE);
    if (!map->line) return false;
    for (unsigned i = 0; i < LINES_GROUP; i++) {
        if (!lines_prepare(map, NULL, 0, i)) return false;
    }
    if (!lines_make_columns(map, NULL, 1)) return false;
    map->size[0] = LINES_GROUP;
    map->columns[0] = map->made[0];
    lines_plan(map, 0, 100);
    lines_reshape(map, (struct lines_shape){.split = 0});
    return true;
}

static int lines_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, _Alignof(struct mk_map));
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    map->seed = cfg->seed;
    map->threads_max = cfg->threads_max;
    map->load_percent = MK_TUNE(cfg->params[0], 100);
    if (!lines_fill_map(map)) {
        mk_fail(err, "no memory for the first %u buckets and the counters of %u threads", LINES_GROUP,
                map->threads_max);
        lines_destroy(map);
        return -1;
    }
    *out = map;
    return 0;
}

static size_t lines_stats(struct mk_map *map, struct mk_stat *out, size_t room) {
    const struct mk_stat stats[] = {{"spreads", lines_sum(&map->spreads)}, {"list_nodes", lines_sum(&map->extras)}};
    size_t n = sizeof stats / sizeof *stats;
    memcpy(out, stats, (room < n ? room : n) * sizeof *stats);
    return n;
}

static const struct mk_param lines_params[] = {
    {"load", MK_PARAM_NUMBER, "0", 0, 95, "0|50|70|80|90", "percent of the pairs in use; 0: 50 to 85, by size"},
    {NULL, MK_PARAM_CHOICE, NULL, 0, 0, NULL, NULL}};

MK_MAP(lines, .summary = "versioned buckets of two cache lines, pairs in place; grows a bucket at a time",
       .caps = MK_CONCURRENT | MK_GROWS, .progress = {.get = MK_BLOCKING, .put = MK_BLOCKING, .remove = MK_BLOCKING},
       .params = lines_params,
       .create = lines_create, .destroy = lines_destroy, .count = lines_count, .walk = lines_walk,
       .stats = lines_stats, .get = lines_get, .put = lines_put, .remove = lines_remove,
       .insert_if_absent = lines_insert_if_absent, .update = lines_update);
