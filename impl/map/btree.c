/* map/btree - B+ tree under optimistic version locks, ordered: readers write nothing, and look again where a node
 * changed.
 *
 * Source:     Leis, Haubenschild and Neumann, Optimistic Lock Coupling, IEEE Data Engineering Bulletin 2019; Boehm,
 *             Can Seqlocks Get Along With Programming Language Memory Models?, MSPC 2012; free-at-empty after
 *             Johnson and Shasha, PODS 1989. Differs: full inner nodes are split only when a leaf below them has to
 *             be; an inner node that is left with one child gives its place to it, so that leaves may lie at
 *             different depths.
 * Picture:    anchor -> [ version | 20 40 | * * * ]                  inner: keys, children; the anchor has but one
 *                              |        |      \
 *                      [ 3 7 9 ]  [ 20 31 ]  [ 40 58 77 ]              leaves: keys ascending, values
 *             child i holds what is below key i, and not below key i - 1
 *             version: odd while the node is locked, and for ever once it is out of the tree
 * parts:      reclaim=ebr
 * values:     8 64 256 1024
 * Progress:   blocking, all operations: where a writer is in a node, readers of that node wait. Nobody waits with a
 *             lock.
 * Ordering:   linearizable; LIN below names the points. A scan is not one snapshot, but each leaf of it is.
 *             A. What is in a node changes only under its lock, by release-stores; unlocking counts its version up.
 *                Readers take the version, then what they need, with acquire, then look at the version again: had
 *                they read anything of a later writer, they would have to find its lock. So what they read is what
 *                the node held at that version.
 *             B. A writer locks by a CAS that expects the version it has read: nothing it has read has changed. Of
 *                several locks it takes the upper one first, and lets go of everything where one is not to be had.
 *             C. Which keys a leaf is for gets less only under its lock: by a split, or when it is taken out. A
 *                walk takes the child's version, and then finds that the parent's has not changed: so the child was
 *                for that key when its version was taken. Had it been split before, that version would have told of
 *                it, and of the parent's lock.
 *             D. CASes that lock, and the loads of versions, are in the one seq_cst order. Answers are as of the
 *                version load of the leaf, and changes as of its lock: a load that finds the version from before
 *                comes before the lock, in that order, and one that finds a later one behind it. So two readers
 *                never see two changes of different keys in opposite orders, on POWER neither.
 *             E. A child is looked at only when, after it is protected, the parent's version is as it was: then the
 *                parent is in the tree, and the child is. So any reclaimer will do.
 * Memory:     leaves of 16 B + 31 * (8 B + value) (15 keys with values of 256, 7 with 1024), inner nodes of 1 KiB
 *             for 32 to 63 leaves, and the reclaimer's headers; 23 B a key for values of 8 when leaves are .72
 *             full, as random keys fill them, 33 B in ascending order. Leaves are freed when they are empty, never
 *             merged: removing all but one key of each leaves them all. 64 B * threads_max of counters.
 * Limits:     writers of neighbouring keys get into each other's way. Where the room to retire an empty leaf is
 *             refused, it stays, empty.
 */
#include "../map.h"
#include "../reclaim.h"

#define BTREE_LEAF MK_TUNE(MK_VALUE_BYTES <= 64 ? 31 : MK_VALUE_BYTES <= 256 ? 15 : 7, 2) /* keys of a leaf */
#define BTREE_INNER MK_TUNE(62, 3) /* keys of an inner node; it has a child more */
#define BTREE_LOCKED ((uint64_t)1)
#define BTREE_CHANGED ((uint64_t)2) /* added to the version with every change */
#define BTREE_SLOTS 4               /* of mk_protect: a child, its parent, that one's, and the next */
#define BTREE_AHEAD 5               /* cache lines of a child that are asked for at once */

struct btree_node {
    MK_RECLAIM_HEADER
    MK_ATOMIC(uint64_t) version;
    MK_ATOMIC(uint32_t) count; /* of keys */
    uint32_t inner;            /* whether it is a struct btree_inner; never changes */
};

struct btree_inner {
    struct btree_node node;
    MK_ATOMIC(uint64_t) key[BTREE_INNER];
    MK_ATOMIC(mk_link) child[BTREE_INNER + 1];
};

struct btree_leaf {
    struct btree_node node;
    MK_ATOMIC(uint64_t) key[BTREE_LEAF];
    MK_ATOMIC(uint64_t) word[BTREE_LEAF][MK_VALUE_WORDS];
};

/* Of one thread, which alone writes it. */
struct btree_line {
    MK_ATOMIC(uint64_t) count; /* keys it added less keys it removed, modulo 2^64 */
    MK_ATOMIC(uint64_t) restarts, splits;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_map {
    struct btree_inner anchor MK_ALIGNED(2 * MK_CACHE_LINE); /* no keys; its child is the root */
    struct mk_reclaim *smr MK_ALIGNED(2 * MK_CACHE_LINE);
    struct btree_line *line;
    struct mk_mem_cache leaves, inners;
    struct mk_retire retire_leaf, retire_inner;
    struct mk_mem *mem;
    uint32_t threads_max;
};

/* ---- words of nodes ------------------------------------------------------------------------- */

/* A key, a count, a word of a value: read without a lock, or with it. */
MK_INLINE uint64_t btree_word(MK_ATOMIC(uint64_t) *word) {
    /* (1) acquire-load synchronizes-with the release-store (2): the lock of who wrote it, point A */
    return atomic_load_explicit(word, memory_order_acquire);
}

MK_INLINE void btree_set_word(MK_ATOMIC(uint64_t) *word, uint64_t value) {
    /* (2) release-store synchronizes-with the acquire-load (1): that this node is locked */
    atomic_store_explicit(word, value, memory_order_release);
}

MK_INLINE uint32_t btree_count_of(struct btree_node *node) {
    /* (3) acquire-load synchronizes-with the release-store (4): as (1); and that there are so many words */
    return atomic_load_explicit(&node->count, memory_order_acquire);
}

MK_INLINE void btree_set_count(struct btree_node *node, uint32_t count) {
    /* (4) release-store synchronizes-with the acquire-load (3): as (2) */
    atomic_store_explicit(&node->count, count, memory_order_release);
}

/* With the lock. */
MK_INLINE mk_link btree_child(struct btree_inner *inner, unsigned i) {
    /* (5) relaxed-load: the lock has acquired it */
    return atomic_load_explicit(&inner->child[i], memory_order_relaxed);
}

MK_INLINE void btree_set_child(struct btree_inner *inner, unsigned i, mk_link child) {
    /* (6) release-store synchronizes-with the seq_cst-load of mk_protect (16 in reclaim/ebr.c): the child, and that
     * this node is locked */
    atomic_store_explicit(&inner->child[i], child, memory_order_release);
}

MK_INLINE void btree_read_value(struct btree_leaf *leaf, unsigned i, mk_value *value) {
    for (unsigned w = 0; w < MK_VALUE_WORDS; w++) value->word[w] = btree_word(&leaf->word[i][w]);
}

MK_INLINE void btree_write_value(struct btree_leaf *leaf, unsigned i, const mk_value *value) {
    for (unsigned w = 0; w < MK_VALUE_WORDS; w++) btree_set_word(&leaf->word[i][w], value->word[w]);
}

MK_INLINE void btree_copy_entry(struct btree_leaf *to, unsigned i, struct btree_leaf *from, unsigned k) {
    mk_value value;
    btree_read_value(from, k, &value);
    btree_write_value(to, i, &value);
    btree_set_word(&to->key[i], btree_word(&from->key[k]));
}

/* Returns how many of the keys, which ascend, are below `key`, or with `or_equal` not above it. */
MK_INLINE unsigned btree_below(MK_ATOMIC(uint64_t) *keys, unsigned count, uint64_t key, bool or_equal) {
    unsigned base = 0;
    for (; count > 1; count -= count / 2) {
        uint64_t at = btree_word(&keys[base + count / 2 - 1]);
        base += count / 2 & -(unsigned)(or_equal ? at <= key : at < key);
    }
    if (!count) return base;
    uint64_t last = btree_word(&keys[base]);
    return base + (or_equal ? last <= key : last < key);
}

/* ---- versions ------------------------------------------------------------------------------- */

MK_INLINE bool btree_same(struct btree_node *node, uint64_t version) {
    /* (7) relaxed-load: behind the acquire-loads of what was read; a lock that these have acquired is found */
    return atomic_load_explicit(&node->version, memory_order_relaxed) == version;
}

/* False: it is locked. */
MK_INLINE bool btree_begin(struct btree_node *node, uint64_t *version) {
    /* LIN get, contains: this load, of the leaf's version, which is looked at again when the answer is known. */
    /* (8) seq_cst-load synchronizes-with the release-store (10), and enforces a total order with the seq_cst-CAS
     * (9): what the node holds at this version; points C and D */
    *version = atomic_load_explicit(&node->version, memory_order_seq_cst);
    return MK_LIKELY(!(*version & BTREE_LOCKED));
}

/* False: it has changed, or is locked. */
MK_INLINE bool btree_lock(struct btree_node *node, uint64_t version) {
    /* LIN put, insert_if_absent miss, update hit, remove hit: this CAS, of the leaf's version. */
    /* (9) seq_cst-CAS synchronizes-with the release-store (10), and enforces a total order with the seq_cst-load
     * (8): what the node holds; point D. On failure relaxed: we walk again */
    return atomic_compare_exchange_strong_explicit(&node->version, &version, version | BTREE_LOCKED,
                                                   memory_order_seq_cst, memory_order_relaxed);
}

/* Unlocks a node that was locked at `version`: BTREE_CHANGED later, or 0 where nothing has changed. */
MK_INLINE void btree_unlock(struct btree_node *node, uint64_t version, uint64_t later) {
    /* (10) release-store synchronizes-with the seq_cst-load (8) and the seq_cst-CAS (9): all that was changed */
    atomic_store_explicit(&node->version, version + later, memory_order_release);
}

/* Of one thread: no update is lost, though it is no read-modify-write. */
MK_INLINE void btree_add(MK_ATOMIC(uint64_t) *counter, uint64_t n) {
    /* (11) relaxed-load: of a counter of our own */
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    /* (12) relaxed-store: a count; who needs it exact knows that the operations are over */
    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

/* ---- nodes ---------------------------------------------------------------------------------- */

/* Returns an empty node, of one sort or the other, or NULL. Nobody else has it. */
static void *btree_make(struct mk_map *map, struct mk_thread *me, bool inner) {
    struct btree_node *node = mk_mem_cache_alloc(inner ? &map->inners : &map->leaves, me);
    if (!node) return NULL;
    if (map->smr) mk_birth(map->smr, me, node);
    node->inner = inner;
    /* (13) relaxed-store: published with the node, (6) */
    atomic_store_explicit(&node->version, 0, memory_order_relaxed);
    /* (14) relaxed-store: as (13) */
    atomic_store_explicit(&node->count, 0, memory_order_relaxed);
    return node;
}

static void btree_free(struct mk_map *map, struct mk_thread *me, void *node) {
    struct btree_node *at = node;
    if (at) mk_mem_cache_free(at->inner ? &map->inners : &map->leaves, me, at);
}

MK_INLINE void btree_retire(struct mk_map *map, struct mk_thread *me, struct btree_node *node) {
    mk_retire(map->smr, me, node, node->inner ? &map->retire_inner : &map->retire_leaf);
}

/* ---- splits --------------------------------------------------------------------------------- */

/* A node on a way down, and which child the way goes on to. */
struct btree_step {
    struct btree_inner *inner;
    uint64_t version;
    unsigned at;
};

enum btree_outcome { BTREE_DONE, BTREE_BUSY, BTREE_NO_ROOM };

/* The upper half of a full leaf goes to an empty one. Returns the first key of that. */
static uint64_t btree_split_leaf(struct btree_leaf *leaf, struct btree_leaf *right) {
    unsigned half = (BTREE_LEAF + 1) / 2;
    for (unsigned i = half; i < BTREE_LEAF; i++) btree_copy_entry(right, i - half, leaf, i);
    btree_set_count(&right->node, BTREE_LEAF - half);
    btree_set_count(&leaf->node, half);
    return btree_word(&right->key[0]);
}

/* As btree_split_leaf. Returns the key between the two, which is in neither. */
static uint64_t btree_split_inner(struct btree_inner *inner, struct btree_inner *right) {
    unsigned half = BTREE_INNER / 2;
    for (unsigned i = half + 1; i < BTREE_INNER; i++) {
        btree_set_word(&right->key[i - half - 1], btree_word(&inner->key[i]));
    }
    for (unsigned i = half + 1; i <= BTREE_INNER; i++) btree_set_child(right, i - half - 1, btree_child(inner, i));
    btree_set_count(&right->node, BTREE_INNER - half - 1);
    btree_set_count(&inner->node, half);
    return btree_word(&inner->key[half]);
}

/* Puts a child behind child `at`, and a key between them. Locked, and not full. */
static void btree_add_child(struct btree_inner *inner, unsigned at, uint64_t key, void *child) {
    uint32_t count = btree_count_of(&inner->node);
    for (unsigned i = count; i > at; i--) {
        btree_set_word(&inner->key[i], btree_word(&inner->key[i - 1]));
        btree_set_child(inner, i + 1, btree_child(inner, i));
    }
    btree_set_word(&inner->key[at], key);
    btree_set_child(inner, at + 1, (mk_link)child);
    btree_set_count(&inner->node, count + 1);
}

/* Splits a full node whose parent is not full, or the anchor. Changes nothing unless BTREE_DONE. */
static MK_NOINLINE enum btree_outcome btree_split(struct mk_map *map, struct mk_thread *me,
                                                  const struct btree_step *up, struct btree_node *node,
                                                  uint64_t version) {
    bool grows = up->inner == &map->anchor;
    struct btree_node *right = btree_make(map, me, node->inner);
    struct btree_inner *root = grows && right ? btree_make(map, me, true) : NULL;
    bool room = right && (root || !grows), locked = room && btree_lock(&up->inner->node, up->version);
    if (!locked || !btree_lock(node, version)) {
        if (locked) btree_unlock(&up->inner->node, up->version, 0);
        btree_free(map, me, right);
        btree_free(map, me, root);
        return room ? BTREE_BUSY : BTREE_NO_ROOM;
    }
    uint64_t key = node->inner ? btree_split_inner((struct btree_inner *)node, (struct btree_inner *)right)
                               : btree_split_leaf((struct btree_leaf *)node, (struct btree_leaf *)right);
    if (grows) {
        btree_set_child(root, 0, (mk_link)node);
        btree_add_child(root, 0, key, right);
        btree_set_child(up->inner, 0, (mk_link)root);
    } else {
        btree_add_child(up->inner, up->at, key, right);
    }
    btree_unlock(node, version, BTREE_CHANGED);
    btree_unlock(&up->inner->node, up->version, BTREE_CHANGED);
    btree_add(&map->line[me->id].splits, 1);
    return BTREE_DONE;
}

/* ---- ways down ------------------------------------------------------------------------------ */

/* A way to the leaf that is for a key. */
struct btree_path {
    struct btree_step grand, parent; /* grand.inner: NULL where parent is the anchor */
    struct btree_leaf *leaf;
    uint64_t version;
    unsigned slot;   /* of the leaf */
    uint64_t fence;  /* what is under the parent is below this ... */
    bool fenced;     /* ... if there is such a key */
};

/* Asks for a node's keys before the first of them is looked at. */
MK_INLINE void btree_prefetch(const void *node) {
    for (unsigned i = 0; i < BTREE_AHEAD; i++) __builtin_prefetch((const char *)node + i * MK_CACHE_LINE);
}

/* Goes to child step->at, and takes its version. NULL: the node has changed. */
MK_INLINE struct btree_node *btree_go_down(struct mk_map *map, struct mk_thread *me, const struct btree_step *step,
                                           unsigned slot, uint64_t *version) {
    struct btree_node *child = (struct btree_node *)mk_protect(map->smr, me, slot, &step->inner->child[step->at]);
    btree_prefetch(child);
    if (MK_UNLIKELY(!btree_same(&step->inner->node, step->version))) return NULL; /* point E */
    for (unsigned spins = 0; !btree_begin(child, version); mk_backoff(&spins)) {
        if (!btree_same(&step->inner->node, step->version)) return NULL;
    }
    return MK_LIKELY(btree_same(&step->inner->node, step->version)) ? child : NULL; /* point C */
}

/* One attempt to find the leaf that is for a key. With `room`, full inner nodes on the way are split, one an
 * attempt. BTREE_NO_ROOM: no memory for that. */
MK_INLINE enum btree_outcome btree_try_descend(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                               struct btree_path *path, bool room) {
    struct btree_node *node = &map->anchor.node;
    uint64_t version, fence = 0;
    bool fenced = false;
    path->parent = (struct btree_step){.inner = NULL};
    if (!btree_begin(node, &version)) return BTREE_BUSY;
    for (path->slot = 0;; path->slot = (path->slot + 1) % BTREE_SLOTS) {
        uint32_t count = btree_count_of(node);
        if (room && count == BTREE_INNER) {
            enum btree_outcome outcome = btree_split(map, me, &path->parent, node, version);
            return outcome == BTREE_DONE ? BTREE_BUSY : outcome;
        }
        struct btree_inner *inner = (struct btree_inner *)node;
        path->grand = path->parent;
        path->parent = (struct btree_step){inner, version, btree_below(inner->key, count, key, true)};
        path->fence = fence;
        path->fenced = fenced;
        if (path->parent.at < count) {
            fence = btree_word(&inner->key[path->parent.at]);
            fenced = true;
        }
        node = btree_go_down(map, me, &path->parent, path->slot, &version);
        if (MK_UNLIKELY(!node)) return BTREE_BUSY;
        if (!node->inner) break;
    }
    path->leaf = (struct btree_leaf *)node;
    path->version = version;
    return BTREE_DONE;
}

/* Finds the leaf that is for a key. */
MK_INLINE void btree_descend(struct mk_map *map, struct mk_thread *me, uint64_t key, struct btree_path *path) {
    for (unsigned spins = 0; btree_try_descend(map, me, key, path, false) != BTREE_DONE; mk_backoff(&spins)) {
        btree_add(&map->line[me->id].restarts, 1);
    }
}

/* Sees to it that the leaf that is for a key has a parent that is not full, or had, a moment ago. False: no memory.
 * */
static MK_NOINLINE bool btree_make_way(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    struct btree_path path;
    enum btree_outcome outcome;
    for (unsigned spins = 0;; mk_backoff(&spins)) {
        outcome = btree_try_descend(map, me, key, &path, true);
        if (outcome != BTREE_BUSY) return outcome == BTREE_DONE;
    }
}

/* Splits the full leaf at the end of a way, or first what is full above it. False: no memory. */
static MK_NOINLINE bool btree_split_at(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                       const struct btree_path *path) {
    if (btree_count_of(&path->parent.inner->node) == BTREE_INNER) return btree_make_way(map, me, key);
    return btree_split(map, me, &path->parent, &path->leaf->node, path->version) != BTREE_NO_ROOM;
}

/* ---- readers -------------------------------------------------------------------------------- */

/* Where a key is in its leaf, or would be. True only if the leaf is still as it was says that it is there. */
struct btree_place {
    unsigned at;
    uint32_t count;
    bool present;
};

MK_INLINE struct btree_place btree_find(struct btree_leaf *leaf, uint64_t key) {
    struct btree_place place = {.count = btree_count_of(&leaf->node)};
    place.at = btree_below(leaf->key, place.count, key, false);
    place.present = place.at < place.count && btree_word(&leaf->key[place.at]) == key;
    return place;
}

/* Puts a present key's value into *value, unless that is NULL. */
MK_INLINE bool btree_lookup(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    struct btree_path path;
    struct btree_place place;
    mk_value copy;
    mk_value_clear(&copy);
    mk_enter(map->smr, me);
    do {
        btree_descend(map, me, key, &path);
        place = btree_find(path.leaf, key);
        if (value && place.present) btree_read_value(path.leaf, place.at, &copy);
    } while (MK_UNLIKELY(!btree_same(&path.leaf->node, path.version)));
    mk_leave(map->smr, me);
    if (value && place.present) *value = copy;
    return place.present;
}

MK_TIMED bool btree_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    return btree_lookup(map, me, key, value);
}

MK_TIMED bool btree_contains(struct mk_map *map, struct mk_thread *me, uint64_t key) {
    return btree_lookup(map, me, key, NULL);
}

/* A scan under way. */
struct btree_scan {
    uint64_t low, left; /* where to go on, and for how many */
    struct {
        uint64_t key;
        mk_value value;
    } copy[BTREE_LEAF];
};

/* Copies what is wanted of a leaf. Returns how many there are; true only if the leaf is still as it was. */
MK_INLINE unsigned btree_copy(struct btree_leaf *leaf, struct btree_scan *scan) {
    uint32_t count = btree_count_of(&leaf->node);
    unsigned first = btree_below(leaf->key, count, scan->low, false), n = count - first;
    if (n > scan->left) n = (unsigned)scan->left;
    for (unsigned i = 0; i < n; i++) {
        scan->copy[i].key = btree_word(&leaf->key[first + i]);
        btree_read_value(leaf, first + i, &scan->copy[i].value);
    }
    return n;
}

/* Goes on to the leaf beside the path's, under the same parent. False: scan->low is where to descend to, unless
 * scan->left is 0. */
MK_INLINE bool btree_next_leaf(struct mk_map *map, struct mk_thread *me, struct btree_path *path,
                               struct btree_scan *scan) {
    struct btree_step *up = &path->parent;
    if (up->at >= btree_count_of(&up->inner->node)) {
        if (!btree_same(&up->inner->node, up->version)) return false;
        if (path->fenced) scan->low = path->fence;
        if (!path->fenced) scan->left = 0;
        return false;
    }
    uint64_t low = btree_word(&up->inner->key[up->at++]);
    struct btree_node *node = btree_go_down(map, me, up, path->slot, &path->version);
    if (!node) return false;
    scan->low = low;
    path->leaf = (struct btree_leaf *)node;
    return !node->inner;
}

MK_TIMED uint64_t btree_scan(struct mk_map *map, struct mk_thread *me, uint64_t from, uint64_t n,
                             mk_map_visit_fn *visit, void *arg) {
    struct btree_scan scan;
    struct btree_path path;
    uint64_t visited = 0;
    scan.low = from;
    scan.left = n;
    mk_enter(map->smr, me);
    while (scan.left) {
        btree_descend(map, me, scan.low, &path);
        do {
            unsigned copied = btree_copy(path.leaf, &scan);
            /* LIN scan: for the keys of this leaf, the load of its version that this one confirms. */
            if (!btree_same(&path.leaf->node, path.version)) break;
            for (unsigned i = 0; i < copied; i++) visit(arg, scan.copy[i].key, &scan.copy[i].value);
            visited += copied;
            scan.left -= copied;
            if (copied) scan.low = scan.copy[copied - 1].key + 1;
            if (copied && !scan.low) scan.left = 0;
        } while (scan.left && btree_next_leaf(map, me, &path, &scan));
    }
    mk_leave(map->smr, me);
    return visited;
}

/* ---- writers -------------------------------------------------------------------------------- */

/* What a writer wants for a key: the value, in the place of what is there or only where nothing is; or, where
 * change is set, what is there changed by it, and nothing new. */
struct btree_wish {
    const mk_value *value;
    bool replace;
    mk_value *present; /* gets what is there, unless NULL */
    mk_update_fn *change;
    void *arg;
};

/* The leaf is locked. */
MK_INLINE void btree_replace(struct btree_leaf *leaf, unsigned at, const struct btree_wish *wish) {
    mk_value value;
    if (wish->present || wish->change) btree_read_value(leaf, at, &value);
    if (wish->present) *wish->present = value;
    if (wish->change) wish->change(&value, wish->arg);
    btree_write_value(leaf, at, wish->change ? &value : wish->value);
}

/* The leaf is locked, and not full. */
MK_INLINE void btree_insert(struct btree_leaf *leaf, const struct btree_place *place, uint64_t key,
                            const mk_value *value) {
    for (unsigned i = place->count; i > place->at; i--) btree_copy_entry(leaf, i, leaf, i - 1);
    btree_write_value(leaf, place->at, value);
    btree_set_word(&leaf->key[place->at], key);
    btree_set_count(&leaf->node, place->count + 1);
}

/* One attempt, inside a section. False: try again. */
MK_INLINE bool btree_try_write(struct mk_map *map, struct mk_thread *me, uint64_t key,
                               const struct btree_wish *wish, enum mk_status *status) {
    struct btree_path path;
    btree_descend(map, me, key, &path);
    struct btree_node *node = &path.leaf->node;
    struct btree_place place = btree_find(path.leaf, key);
    mk_value copy;
    *status = place.present ? MK_HIT : MK_MISS;
    if (place.present ? !wish->replace : wish->change != NULL) {
        /* LIN insert_if_absent hit, update miss: the load of the leaf's version that this one confirms. */
        if (place.present) btree_read_value(path.leaf, place.at, &copy);
        if (!btree_same(node, path.version)) return false;
        if (place.present) *wish->present = copy;
        return true;
    }
    if (!place.present && place.count == BTREE_LEAF) {
        bool room = !btree_same(node, path.version) || btree_split_at(map, me, key, &path);
        if (!room) *status = MK_NO_MEMORY;
        return !room;
    }
    if (!btree_lock(node, path.version)) return false;
    if (place.present) {
        btree_replace(path.leaf, place.at, wish);
    } else {
        btree_insert(path.leaf, &place, key, wish->value);
    }
    btree_unlock(node, path.version, BTREE_CHANGED);
    return true;
}

MK_INLINE enum mk_status btree_write(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                     const struct btree_wish *wish) {
    enum mk_status status;
    mk_enter(map->smr, me);
    for (unsigned spins = 0; !btree_try_write(map, me, key, wish, &status); mk_backoff(&spins)) {
        btree_add(&map->line[me->id].restarts, 1);
    }
    mk_leave(map->smr, me);
    if (status == MK_MISS && !wish->change) btree_add(&map->line[me->id].count, 1);
    return status;
}

static inline enum mk_status btree_put(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                       const mk_value *value, mk_value *previous) {
    struct btree_wish wish = {.value = value, .replace = true, .present = previous};
    return btree_write(map, me, key, &wish);
}

static inline enum mk_status btree_insert_if_absent(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                                    const mk_value *value, mk_value *present) {
    struct btree_wish wish = {.value = value, .present = present};
    return btree_write(map, me, key, &wish);
}

static inline enum mk_status btree_update(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                          mk_update_fn *change, void *arg) {
    struct btree_wish wish = {.replace = true, .change = change, .arg = arg};
    return btree_write(map, me, key, &wish);
}

/* ---- removing ------------------------------------------------------------------------------- */

/* Takes child `at` out of a locked node that has more than two; its keys are its neighbour's from now on. */
static void btree_remove_child(struct btree_inner *inner, unsigned at) {
    uint32_t count = btree_count_of(&inner->node);
    for (unsigned i = at ? at - 1 : 0; i + 1 < count; i++) {
        btree_set_word(&inner->key[i], btree_word(&inner->key[i + 1]));
    }
    for (unsigned i = at; i < count; i++) btree_set_child(inner, i, btree_child(inner, i + 1));
    btree_set_count(&inner->node, count - 1);
}

/* Removes the only key of a leaf, and with it the leaf; where that leaves its parent with one child, that takes the
 * parent's place. Room for two retirements is reserved. What leaves the tree stays locked. False: try again. */
static MK_NOINLINE bool btree_remove_leaf(struct mk_map *map, struct mk_thread *me, struct btree_path *path,
                                          mk_value *value) {
    struct btree_step *grand = &path->grand, *parent = &path->parent;
    struct btree_node *leaf = &path->leaf->node;
    bool lone = btree_count_of(&parent->inner->node) == 1; /* two children; the lock tells whether that is so */
    if (lone && !btree_lock(&grand->inner->node, grand->version)) return false;
    bool locked = btree_lock(&parent->inner->node, parent->version);
    if (!locked || !btree_lock(leaf, path->version)) {
        if (locked) btree_unlock(&parent->inner->node, parent->version, 0);
        if (lone) btree_unlock(&grand->inner->node, grand->version, 0);
        return false;
    }
    btree_read_value(path->leaf, 0, value);
    if (lone) {
        btree_set_child(grand->inner, grand->at, btree_child(parent->inner, 1 - parent->at));
        btree_unlock(&grand->inner->node, grand->version, BTREE_CHANGED);
        btree_retire(map, me, &parent->inner->node);
    } else {
        btree_remove_child(parent->inner, parent->at);
        btree_unlock(&parent->inner->node, parent->version, BTREE_CHANGED);
    }
    btree_retire(map, me, leaf);
    return true;
}

/* One attempt, inside a section. False: try again. */
MK_INLINE bool btree_try_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value,
                                enum mk_status *status) {
    struct btree_path path;
    btree_descend(map, me, key, &path);
    struct btree_node *node = &path.leaf->node;
    struct btree_place place = btree_find(path.leaf, key);
    *status = place.present ? MK_HIT : MK_MISS;
    /* LIN remove miss: the load of the leaf's version that this one confirms. */
    if (!place.present) return btree_same(node, path.version);
    if (place.count == 1 && path.grand.inner && mk_reserve(map->smr, me, 2)) {
        return btree_remove_leaf(map, me, &path, value);
    }
    if (!btree_lock(node, path.version)) return false;
    btree_read_value(path.leaf, place.at, value);
    for (unsigned i = place.at; i + 1 < place.count; i++) btree_copy_entry(path.leaf, i, path.leaf, i + 1);
    btree_set_count(node, place.count - 1);
    btree_unlock(node, path.version, BTREE_CHANGED);
    return true;
}

static inline enum mk_status btree_remove(struct mk_map *map, struct mk_thread *me, uint64_t key,
                                          mk_value *value) {
    enum mk_status status;
    mk_enter(map->smr, me);
    for (unsigned spins = 0; !btree_try_remove(map, me, key, value, &status); mk_backoff(&spins)) {
        btree_add(&map->line[me->id].restarts, 1);
    }
    mk_leave(map->smr, me);
    if (status == MK_HIT) btree_add(&map->line[me->id].count, (uint64_t)-1);
    return status;
}

/* ---- life ----------------------------------------------------------------------------------- */

static uint64_t btree_count(struct mk_map *map) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < map->threads_max; i++) {
        /* (15) relaxed-load: exact at quiescence, a hint before */
        count += atomic_load_explicit(&map->line[i].count, memory_order_relaxed);
    }
    return (int64_t)count > 0 ? count : 0;
}

/* At quiescence: visits what is under a node, or, where visit is NULL, frees it. As deep as the tree. */
static void btree_go_through(struct mk_map *map, struct btree_node *node, mk_visit_fn *visit, void *arg) {
    struct btree_inner *inner = (struct btree_inner *)node;
    struct btree_leaf *leaf = (struct btree_leaf *)node;
    uint32_t count = btree_count_of(node);
    for (unsigned i = 0; node->inner && i <= count; i++) {
        btree_go_through(map, (struct btree_node *)btree_child(inner, i), visit, arg);
    }
    for (unsigned i = 0; visit && !node->inner && i < count; i++) {
        visit(arg, btree_word(&leaf->key[i]), btree_word(&leaf->word[i][0]));
    }
    if (!visit) btree_free(map, NULL, node);
}

static void btree_walk(struct mk_map *map, mk_visit_fn *visit, void *arg) {
    btree_go_through(map, (struct btree_node *)btree_child(&map->anchor, 0), visit, arg);
}

/* Frees what a create that fails has made so far, too. */
static void btree_destroy(struct mk_map *map) {
    struct mk_mem *mem = map->mem;
    if (map->smr) mk_reclaim_here.destroy(map->smr);
    mk_link root = btree_child(&map->anchor, 0);
    if (root) btree_go_through(map, (struct btree_node *)root, NULL, NULL);
    if (map->leaves.alloc) mk_mem_cache_close(mem, &map->leaves);
    if (map->inners.alloc) mk_mem_cache_close(mem, &map->inners);
    if (map->line) mk_mem_free(mem, NULL, map->line, map->threads_max * sizeof *map->line, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, map, sizeof *map, _Alignof(struct mk_map));
}

static int btree_open_cache(struct mk_map *map, struct mk_mem_cache *cache, size_t bytes, struct mk_err *err) {
    if (!mk_mem_cache_open(map->mem, cache, bytes, MK_CACHE_LINE, err)) return 0;
    cache->alloc = NULL;
    return -1;
}

static int btree_fill(struct mk_map *map, const struct mk_config *cfg, struct mk_err *err) {
    map->line = mk_mem_zalloc(map->mem, NULL, cfg->threads_max * sizeof *map->line, MK_CACHE_LINE);
    if (!map->line) return mk_fail(err, "no memory for the counters of %u threads", cfg->threads_max);
    if (btree_open_cache(map, &map->leaves, sizeof(struct btree_leaf), err)) return -1;
    if (btree_open_cache(map, &map->inners, sizeof(struct btree_inner), err)) return -1;
    if (mk_reclaim_here.create(&map->smr, map->mem, cfg, err)) {
        map->smr = NULL;
        return -1;
    }
    return 0;
}

static int btree_create(struct mk_map **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_map *map = mk_mem_zalloc(mem, NULL, sizeof *map, _Alignof(struct mk_map));
    if (!map) return mk_fail(err, "no memory for the map");
    map->mem = mem;
    map->threads_max = cfg->threads_max;
    map->anchor.node.inner = true;
    map->retire_leaf = (struct mk_retire){.cache = &map->leaves, .bytes = sizeof(struct btree_leaf)};
    map->retire_inner = (struct mk_retire){.cache = &map->inners, .bytes = sizeof(struct btree_inner)};
    if (btree_fill(map, cfg, err)) {
        btree_destroy(map);
        return -1;
    }
    struct btree_leaf *root = mk_mem_cache_alloc(&map->leaves, NULL);
    if (!root) {
        btree_destroy(map);
        return mk_fail(err, "no memory for the first leaf");
    }
    memset(root, 0, sizeof root->node); /* born before all readers */
    btree_set_child(&map->anchor, 0, (mk_link)root);
    *out = map;
    return 0;
}

static int btree_thread_enter(struct mk_map *map, struct mk_thread *me) {
    return mk_reclaim_here.thread_enter(map->smr, me);
}

static void btree_thread_exit(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.thread_exit(map->smr, me);
}

static void btree_flush(struct mk_map *map, struct mk_thread *me) {
    mk_reclaim_here.flush(map->smr, me);
}

static size_t btree_stats(struct mk_map *map, struct mk_stat *out, size_t room) {
    uint64_t restarts = 0, splits = 0;
    for (uint32_t i = 0; i < map->threads_max; i++) {
        /* (16) relaxed-load: statistics */
        restarts += atomic_load_explicit(&map->line[i].restarts, memory_order_relaxed);
        /* (17) relaxed-load: statistics */
        splits += atomic_load_explicit(&map->line[i].splits, memory_order_relaxed);
    }
    const struct mk_stat stats[] = {{"restarts", restarts}, {"splits", splits}};
    size_t n = sizeof stats / sizeof *stats, fits = room < n ? room : n;
    memcpy(out, stats, fits * sizeof *stats);
    return n + mk_reclaim_here.stats(map->smr, out + fits, room - fits);
}

static void btree_hold(struct mk_map *map, struct mk_thread *me) {
    mk_enter(map->smr, me);
}

static void btree_unhold(struct mk_map *map, struct mk_thread *me) {
    mk_leave(map->smr, me);
}

MK_MAP(btree, .summary = "B+ tree, optimistic version locks: ordered, readers write nothing",
       .caps = MK_CONCURRENT | MK_GROWS | MK_ORDERED,
       .progress = {.get = MK_BLOCKING, .put = MK_BLOCKING, .remove = MK_BLOCKING, .scan = MK_BLOCKING},
       .create = btree_create, .destroy = btree_destroy, .thread_enter = btree_thread_enter,
       .thread_exit = btree_thread_exit, .flush = btree_flush, .count = btree_count, .walk = btree_walk,
       .stats = btree_stats, .hold = btree_hold, .unhold = btree_unhold, .get = btree_get, .put = btree_put,
       .remove = btree_remove, .contains = btree_contains, .insert_if_absent = btree_insert_if_absent,
       .update = btree_update, .scan = btree_scan);
