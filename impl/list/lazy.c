/* list/lazy - the lazy list: a lock in every node, taken to change it, and lookups that take none.
 *
 * Source:     Heller, Herlihy, Luchangco, Moir, Scherer, Shavit: A Lazy Concurrent List-Based Set Algorithm,
 *             OPODIS 2005. Differs: lock and mark are one word, so that no marked node is ever locked;
 *             an insert locks the node before the new one alone, and none when the key is there; no sentinels but
 *             the first, so that all keys are legal.
 * Picture:    first {next, state} -> node {next, key, state} -> node -> 0     one per key, ascending
 *             state = LOCKED, while next is being changed; then MARKED for ever, from when the key is removed
 * parts:      reclaim=ebr
 * Progress:   contains wait-free, but for the reclaimer; insert and remove blocking.
 * Ordering:   linearizable; LIN below names the points.
 *             A. A link changes only in a node whose lock is held, and so in none that is marked.
 *             B. A node is linked exactly while it is not marked, and then until the link before it goes past it:
 *                whoever marks it holds the lock before it, too, and goes past it before giving that up.
 *             C. A walk comes to no node that was not linked at some time since it began: so a key whose node is
 *                not met, or met marked, was absent at some time since then. Walks go on from unlinked nodes:
 *                the reclaimer has to allow it.
 *             D. What decides answers, and the loads that answer, are in the one seq_cst order, so that two readers
 *                never see two changes of different keys in opposite orders: the stores that link and mark, what
 *                mk_protect reads, and the look at the mark. Unlinking is not among them: the mark has said it.
 * Memory:     (24 B, and the reclaimer's header) a key, rounded by the allocator; each node once more until it is
 *             reclaimed. 64 B * threads_max of counters.
 * Limits:     an operation takes time linear in the keys below its own. A writer that is stopped holds up all
 *             others at the same node.
 */
#include "../list.h"
#include "../reclaim.h"

#define LAZY_LOCKED 1u
#define LAZY_MARKED 2u

struct lazy_node {
    MK_RECLAIM_HEADER
    MK_ATOMIC(mk_link) next;
    uint64_t key;
    MK_ATOMIC(uint32_t) state; /* 0, LAZY_LOCKED or LAZY_MARKED */
};

/* Of one thread, which alone writes it. */
struct lazy_line {
    MK_ATOMIC(uint64_t) lock_waits, restarts;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_list {
    struct lazy_node first MK_ALIGNED(MK_CACHE_LINE); /* before all keys */
    struct mk_reclaim *smr MK_ALIGNED(MK_CACHE_LINE);
    struct lazy_line *line;
    struct mk_mem_cache nodes;
    struct mk_retire how;
    struct mk_mem *mem;
    uint32_t threads_max;
};

/* Counts, of our own thread: no update is lost, though it is no read-modify-write. */
static void lazy_add(MK_ATOMIC(uint64_t) * counter) {
    /* (1) relaxed-load: of a counter of our own */
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    /* (2) relaxed-store: statistics */
    atomic_store_explicit(counter, now + 1, memory_order_relaxed);
}

/* ---- locks ---------------------------------------------------------------------------------- */

/* Locks a node that is not marked. False: it is. */
static inline bool lazy_lock(struct mk_list *list, struct mk_thread *me, struct lazy_node *node) {
    for (unsigned spins = 0;;) {
        uint32_t state = 0;
        /* (3) acquire-CAS synchronizes-with the release-store (4): what was changed under the lock. On failure
         * relaxed: who is marked, or locked, is not gone into */
        if (atomic_compare_exchange_strong_explicit(&node->state, &state, LAZY_LOCKED, memory_order_acquire,
                                                    memory_order_relaxed)) {
            return true;
        }
        if (state == LAZY_MARKED) return false;
        if (!spins) lazy_add(&list->line[me->id].lock_waits);
        mk_backoff(&spins);
    }
}

MK_INLINE void lazy_unlock(struct lazy_node *node) {
    /* (4) release-store synchronizes-with the acquire-CAS (3): what was changed under the lock */
    atomic_store_explicit(&node->state, 0, memory_order_release);
}

/* ---- walks ---------------------------------------------------------------------------------- */

/* Returns the first node whose key is not below `key`, NULL at the end, and in *before the one that named it. Waits
 * for nobody, and looks at neither locks nor marks. */
MK_INLINE struct lazy_node *lazy_find(struct mk_list *list, struct mk_thread *me, uint64_t key,
                                      struct lazy_node **before) {
    struct lazy_node *node = &list->first;
    do {
        *before = node;
        /* LIN contains miss, insert miss, remove miss: of a walk that ends behind the key's place, the last of
         * these loads, or, where that was of a node unlinked before, the moment it was: point C. */
        node = (struct lazy_node *)mk_protect(list->smr, me, 0, &node->next);
    } while (node && node->key < key);
    return node;
}

/* Returns whether the node that a walk has ended at has the key, and is not marked. */
MK_INLINE bool lazy_has(struct lazy_node *node, uint64_t key) {
    if (!node || node->key != key) return false;
    /* LIN contains hit, insert hit: this load, when it finds no mark. Where it finds one and the key is answered
     * absent, the moment after the mark was set, or, where that was before, one since the walk began: point C. */
    /* (5) seq_cst-load synchronizes-with the seq_cst-store (9): what that thread did before it removed the key; is
     * in one total order with it: point D */
    return !(atomic_load_explicit(&node->state, memory_order_seq_cst) & LAZY_MARKED);
}

MK_TIMED bool lazy_contains(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    struct lazy_node *before;
    mk_enter(list->smr, me);
    bool found = lazy_has(lazy_find(list, me, key, &before), key);
    mk_leave(list->smr, me);
    return found;
}

/* Locks `before`, if it is linked and still names `node`. False: walk again. */
static inline bool lazy_lock_link(struct mk_list *list, struct mk_thread *me, struct lazy_node *before,
                                  const struct lazy_node *node) {
    if (lazy_lock(list, me, before)) {
        /* (6) relaxed-load: changed only under the lock, which is ours */
        if (atomic_load_explicit(&before->next, memory_order_relaxed) == (mk_link)node) return true;
        lazy_unlock(before);
    }
    lazy_add(&list->line[me->id].restarts);
    return false;
}

/* ---- operations ----------------------------------------------------------------------------- */

/* One attempt, inside a section, with *fresh, which it makes. False: try again. */
MK_INLINE bool lazy_try_insert(struct mk_list *list, struct mk_thread *me, uint64_t key, struct lazy_node **fresh,
                               enum mk_status *status) {
    struct lazy_node *before, *node = lazy_find(list, me, key, &before);
    *status = MK_HIT;
    if (lazy_has(node, key)) return true;
    *status = MK_NO_MEMORY;
    if (!*fresh && !(*fresh = mk_mem_cache_alloc(&list->nodes, me))) return true;
    if (!lazy_lock_link(list, me, before, node)) return false;
    /* `node` does not have the key: it would be marked, and so gone past before that lock was given up. */
    mk_birth(list->smr, me, *fresh);
    (*fresh)->key = key;
    atomic_init(&(*fresh)->state, 0);
    atomic_init(&(*fresh)->next, (mk_link)node);
    /* LIN insert miss: this store. */
    /* (7) seq_cst-store synchronizes-with the seq_cst-load (16 in reclaim/ebr.c): the node's words; point D */
    atomic_store_explicit(&before->next, (mk_link)*fresh, memory_order_seq_cst);
    lazy_unlock(before);
    *fresh = NULL;
    *status = MK_MISS;
    return true;
}

static inline enum mk_status lazy_insert(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    struct lazy_node *fresh = NULL;
    enum mk_status status = MK_NO_MEMORY;
    bool settled = false;
    for (unsigned spins = 0; !settled;) {
        mk_enter(list->smr, me);
        settled = lazy_try_insert(list, me, key, &fresh, &status);
        mk_leave(list->smr, me);
        if (!settled) mk_backoff(&spins);
    }
    if (fresh) mk_mem_cache_free(&list->nodes, me, fresh);
    return status;
}

/* One attempt, inside a section. False: try again. */
MK_INLINE bool lazy_try_remove(struct mk_list *list, struct mk_thread *me, uint64_t key, enum mk_status *status) {
    struct lazy_node *before, *node = lazy_find(list, me, key, &before);
    /* LIN remove miss: where lazy_has finds a mark, as contains: the moment after it was set. */
    *status = MK_MISS;
    if (!lazy_has(node, key)) return true;
    *status = MK_NO_MEMORY;
    if (!mk_reserve(list->smr, me, 1)) return true;
    if (!lazy_lock_link(list, me, before, node)) return false;
    lazy_lock(list, me, node); /* linked, and so not marked: point B */
    /* (8) relaxed-load: changed only under the lock, which is ours, and then never again */
    mk_link next = atomic_load_explicit(&node->next, memory_order_relaxed);
    /* LIN remove hit: this store, which unlocks the node as well. */
    /* (9) seq_cst-store synchronizes-with the seq_cst-load (5): what this thread did before it removed the key;
     * point D
     */
    atomic_store_explicit(&node->state, LAZY_MARKED, memory_order_seq_cst);
    /* (10) release-store synchronizes-with the seq_cst-load (16 in reclaim/ebr.c): the successor's words */
    atomic_store_explicit(&before->next, next, memory_order_release);
    lazy_unlock(before);
    mk_retire(list->smr, me, node, &list->how);
    *status = MK_HIT;
    return true;
}

static inline enum mk_status lazy_remove(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    enum mk_status status = MK_NO_MEMORY;
    bool settled = false;
    for (unsigned spins = 0; !settled;) {
        mk_enter(list->smr, me);
        settled = lazy_try_remove(list, me, key, &status);
        mk_leave(list->smr, me);
        if (!settled) mk_backoff(&spins);
    }
    return status;
}

/* ---- life ----------------------------------------------------------------------------------- */

/* At quiescence, when all linked nodes are there to stay. */
static struct lazy_node *lazy_next(struct lazy_node *node) {
    /* (11) relaxed-load: at quiescence */
    return (struct lazy_node *)atomic_load_explicit(&node->next, memory_order_relaxed);
}

/* Frees what a create that fails has made so far, too. */
static void lazy_destroy(struct mk_list *list) {
    struct mk_mem *mem = list->mem;
    if (list->smr) mk_reclaim_here.destroy(list->smr);
    for (struct lazy_node *node = lazy_next(&list->first), *next; node; node = next) {
        next = lazy_next(node);
        mk_mem_cache_free(&list->nodes, NULL, node);
    }
    if (list->nodes.alloc) mk_mem_cache_close(mem, &list->nodes);
    if (list->line) mk_mem_free(mem, NULL, list->line, list->threads_max * sizeof *list->line, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, list, sizeof *list, _Alignof(struct mk_list));
}

static int lazy_fill(struct mk_list *list, const struct mk_config *cfg, struct mk_err *err) {
    list->line = mk_mem_zalloc(list->mem, NULL, cfg->threads_max * sizeof *list->line, MK_CACHE_LINE);
    if (!list->line) return mk_fail(err, "no memory for the counters of %u threads", cfg->threads_max);
    if (mk_mem_cache_open(list->mem, &list->nodes, sizeof(struct lazy_node), _Alignof(struct lazy_node), err)) {
        list->nodes.alloc = NULL;
        return -1;
    }
    if (mk_reclaim_here.create(&list->smr, list->mem, cfg, err)) {
        list->smr = NULL;
        return -1;
    }
    return 0;
}

static int lazy_create(struct mk_list **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_list *list = mk_mem_zalloc(mem, NULL, sizeof *list, _Alignof(struct mk_list));
    if (!list) return mk_fail(err, "no memory for the list");
    list->mem = mem;
    list->threads_max = cfg->threads_max;
    list->how = (struct mk_retire){.cache = &list->nodes, .bytes = sizeof(struct lazy_node)};
    if (lazy_fill(list, cfg, err)) {
        lazy_destroy(list);
        return -1;
    }
    *out = list;
    return 0;
}

static int lazy_thread_enter(struct mk_list *list, struct mk_thread *me) {
    return mk_reclaim_here.thread_enter(list->smr, me);
}

static void lazy_thread_exit(struct mk_list *list, struct mk_thread *me) {
    mk_reclaim_here.thread_exit(list->smr, me);
}

static void lazy_flush(struct mk_list *list, struct mk_thread *me) {
    mk_reclaim_here.flush(list->smr, me);
}

static void lazy_walk(struct mk_list *list, mk_visit_fn *visit, void *arg) {
    for (struct lazy_node *node = &list->first; (node = lazy_next(node));) visit(arg, node->key, 0);
}

static uint64_t lazy_count(struct mk_list *list) {
    uint64_t count = 0;
    for (struct lazy_node *node = &list->first; (node = lazy_next(node));) count++;
    return count;
}

static size_t lazy_stats(struct mk_list *list, struct mk_stat *out, size_t room) {
    uint64_t waits = 0, restarts = 0;
    for (uint32_t i = 0; i < list->threads_max; i++) {
        /* (12) relaxed-load: statistics */
        waits += atomic_load_explicit(&list->line[i].lock_waits, memory_order_relaxed);
        /* (13) relaxed-load: statistics */
        restarts += atomic_load_explicit(&list->line[i].restarts, memory_order_relaxed);
    }
    const struct mk_stat stats[] = {{"lock_waits", waits}, {"restarts", restarts}};
    size_t n = sizeof stats / sizeof *stats, fits = room < n ? room : n;
    memcpy(out, stats, fits * sizeof *stats);
    return n + mk_reclaim_here.stats(list->smr, out + fits, room - fits);
}

static void lazy_hold(struct mk_list *list, struct mk_thread *me) {
    mk_enter(list->smr, me);
}

static void lazy_unhold(struct mk_list *list, struct mk_thread *me) {
    mk_leave(list->smr, me);
}

MK_LIST(lazy, .summary = "a lock in every node for writers, lookups without any", .caps = MK_CONCURRENT | MK_GROWS,
        .needs = MK_UNLINKED_OK,
        .progress = {.contains = MK_WAIT_FREE, .insert = MK_BLOCKING, .remove = MK_BLOCKING}, .create = lazy_create,
        .destroy = lazy_destroy, .thread_enter = lazy_thread_enter, .thread_exit = lazy_thread_exit,
        .flush = lazy_flush, .count = lazy_count, .walk = lazy_walk, .stats = lazy_stats, .hold = lazy_hold,
        .unhold = lazy_unhold, .contains = lazy_contains, .insert = lazy_insert, .remove = lazy_remove);
