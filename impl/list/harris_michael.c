/* list/harris_michael - lock-free sorted list: a node is gone when its link is marked, and then unlinked by a CAS.
 *
 * Source:     Michael, High Performance Dynamic Lock-Free Hash Tables and List-Based Sets, SPAA 2002, after Harris,
 *             DISC 2001. Differs: contains changes nothing; it goes past marked nodes while it can tell that
 *             they are linked. No tags in links: reclamation, a part, rules out that a node comes back.
 * Picture:    head -> node { next, key } -> node -> 0        one per key, ascending
 *             link = node | MARK
 *               MARK    the node this link is in is gone
 * parts:      reclaim=ebr
 * Progress:   lock-free, all operations.
 * Ordering:   linearizable; LIN below names the points. A link is followed with acquire and changed with release,
 *             or more, so that whoever gets to a node sees its words, and those of all nodes behind it.
 *             A. A marked word never changes. So a CAS that expects an unmarked one fails for ever once the node is
 *                gone.
 *             B. Unlinking is CAS(previous, node -> what the marked word names). Only the thread whose CAS it was
 *                retires the node. Two linked nodes never have one key: a new one goes before the first node that
 *                is not below it, and if that has the key, it is marked and unlinked first.
 *             C. Readers and writers answer only from a node whose link they read unmarked, and so was linked, or,
 *                where marked nodes come behind that one, after it still named the first of them: then all of
 *                them were linked at that moment, and so was what the last one names. So no reclaimer is asked to
 *                keep a node for readers that walk on from unlinked ones.
 *             D. What decides answers, and the loads that answer, are in the one seq_cst order, so that two readers
 *                never see two changes of different keys in opposite orders: the CASes that insert and mark, and
 *                what mk_protect reads. Unlinking is not among them: it changes nothing that a link says of keys.
 * Memory:     (16 B, and the reclaimer's header) a key, rounded by the allocator; each node once more until it is
 *             reclaimed. 64 B * threads_max of counters.
 * Limits:     an operation takes time linear in the keys below its own, and begins again where it meets what
 *             others change.
 */
#include "../list.h"
#include "../reclaim.h"

#define HM_MARK ((mk_link)1)

struct hm_node {
    MK_RECLAIM_HEADER
    MK_ATOMIC(mk_link) next;
    uint64_t key;
};

/* Of one thread, which alone writes it. */
struct hm_line {
    MK_ATOMIC(uint64_t) cas_failures, restarts;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_list {
    MK_ATOMIC(mk_link) head MK_ALIGNED(MK_CACHE_LINE);
    struct mk_reclaim *smr MK_ALIGNED(MK_CACHE_LINE);
    struct hm_line *line;
    struct mk_mem_cache nodes;
    struct mk_retire how;
    struct mk_mem *mem;
    uint32_t threads_max;
};

MK_INLINE struct hm_node *hm_node_of(mk_link link) {
    return (struct hm_node *)(link & ~MK_LINK_FLAGS);
}

/* Counts, of our own thread: no update is lost, though it is no read-modify-write. */
static void hm_add(MK_ATOMIC(uint64_t) * counter) {
    /* (1) relaxed-load: of a counter of our own */
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    /* (2) relaxed-store: statistics */
    atomic_store_explicit(counter, now + 1, memory_order_relaxed);
}

/* Returns a slot of mk_protect that is none of these: up to four nodes are held at a time. */
MK_INLINE unsigned hm_spare(unsigned a, unsigned b, unsigned c) {
    return (unsigned)__builtin_ctz(~(1u << a | 1u << b | 1u << c));
}

/* Returns whether the key is there. Changes nothing and waits for nobody. */
MK_INLINE bool hm_lookup(struct mk_list *list, struct mk_thread *me, uint64_t key) {
restart:;
    MK_ATOMIC(mk_link) *from = &list->head;
    unsigned slot = 0, slot_first = 0, slot_from = 0, spare;
    /* LIN contains miss: the load of the last link that was found unmarked, here or below, where it names a node
     * beyond the key, or none; where marked nodes come behind it, the last look whether it still names them (3). */
    mk_link first = mk_protect(list->smr, me, slot, from), next;
    for (mk_link link = first; hm_node_of(link); link = next, slot = spare) {
        struct hm_node *node = hm_node_of(link);
        if (node->key > key) break;
        spare = hm_spare(slot, slot_first, slot_from);
        /* LIN contains hit: this load, of the link of the key's node, when it finds no mark. */
        next = mk_protect(list->smr, me, spare, &node->next);
        if (MK_LIKELY(!(next & HM_MARK))) {
            if (node->key == key) return true;
            from = &node->next;
            first = next;
            slot_from = slot;
            slot_first = spare;
            continue;
        }
        /* (3) relaxed-load: finds what was read, and acquired, before, or sends us back; what it finds was so at
         * every moment since: points C and D */
        if (atomic_load_explicit(from, memory_order_relaxed) == first) continue;
        hm_add(&list->line[me->id].restarts);
        goto restart;
    }
    return false;
}

/* Where a writer's walk ended. */
struct hm_place {
    MK_ATOMIC(mk_link) * from; /* names node; not marked when read */
    struct hm_node *node;      /* the first one whose key is not below; NULL at the end of the list */
    mk_link next;              /* read from node->next, if its key is the one */
};

/* Unlinks the place's node, whose link is marked; room for retiring it is reserved. False: from has changed. */
static inline bool hm_unlink(struct mk_list *list, struct mk_thread *me, const struct hm_place *place,
                             mk_link successor) {
    mk_link expected = (mk_link)place->node;
    /* (4) release-CAS synchronizes-with the seq_cst-load (16 in reclaim/ebr.c): the successor's words. On failure
     * relaxed: what is there is not used */
    if (!atomic_compare_exchange_strong_explicit(place->from, &expected, successor, memory_order_release,
                                                 memory_order_relaxed)) {
        hm_add(&list->line[me->id].cas_failures);
        return false;
    }
    mk_retire(list->smr, me, place->node, &list->how);
    return true;
}

enum hm_found { HM_ABSENT, HM_PRESENT, HM_NO_ROOM };

/* Finds the key, unlinking every marked node on the way. HM_NO_ROOM: no memory to retire what is to be unlinked. */
static inline enum hm_found hm_find(struct mk_list *list, struct mk_thread *me, uint64_t key,
                                    struct hm_place *place) {
restart:;
    unsigned slot = 0, slot_from = 0;
    place->from = &list->head;
    mk_link link = mk_protect(list->smr, me, slot, place->from);
    while ((place->node = hm_node_of(link)) && place->node->key <= key) {
        unsigned spare = hm_spare(slot, slot_from, slot_from);
        place->next = mk_protect(list->smr, me, spare, &place->node->next);
        if (MK_LIKELY(!(place->next & HM_MARK))) {
            if (place->node->key == key) return HM_PRESENT;
            place->from = &place->node->next;
            link = place->next;
            slot_from = slot;
            slot = spare;
            continue;
        }
        if (!mk_reserve(list->smr, me, 1)) return HM_NO_ROOM;
        bool unlinked = hm_unlink(list, me, place, place->next & ~HM_MARK);
        if (unlinked) link = mk_protect(list->smr, me, slot, place->from);
        if (!unlinked || (link & HM_MARK)) { /* from has changed, or is gone */
            hm_add(&list->line[me->id].restarts);
            goto restart;
        }
    }
    return HM_ABSENT;
}

MK_TIMED bool hm_contains(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    mk_enter(list->smr, me);
    bool found = hm_lookup(list, me, key);
    mk_leave(list->smr, me);
    return found;
}

/* Links *fresh, which it makes, before the place's node. False: try again. */
MK_INLINE bool hm_link(struct mk_list *list, struct mk_thread *me, uint64_t key, const struct hm_place *place,
                       struct hm_node **fresh, enum mk_status *status) {
    mk_link expected = (mk_link)place->node;
    *status = MK_NO_MEMORY;
    if (!*fresh && !(*fresh = mk_mem_cache_alloc(&list->nodes, me))) return true;
    mk_birth(list->smr, me, *fresh);
    (*fresh)->key = key;
    /* (5) relaxed-store: published by (6) */
    atomic_store_explicit(&(*fresh)->next, expected, memory_order_relaxed);
    /* LIN insert miss: this CAS. */
    /* (6) seq_cst-CAS synchronizes-with the seq_cst-load (16 in reclaim/ebr.c): the node's words; point D. On
     * failure relaxed: we walk again */
    if (!atomic_compare_exchange_strong_explicit(place->from, &expected, (mk_link)*fresh, memory_order_seq_cst,
                                                 memory_order_relaxed)) {
        hm_add(&list->line[me->id].cas_failures);
        return false;
    }
    *fresh = NULL;
    *status = MK_MISS;
    return true;
}

static inline enum mk_status hm_insert(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    struct hm_node *fresh = NULL;
    enum mk_status status = MK_NO_MEMORY;
    struct hm_place place;
    bool settled = false;
    for (unsigned spins = 0; !settled;) {
        mk_enter(list->smr, me);
        enum hm_found found = hm_find(list, me, key, &place);
        /* LIN insert hit: the load in hm_find of the link of the key's node, unmarked. */
        settled = found != HM_ABSENT || hm_link(list, me, key, &place, &fresh, &status);
        mk_leave(list->smr, me);
        if (found == HM_PRESENT) status = MK_HIT;
        if (found == HM_NO_ROOM) status = MK_NO_MEMORY;
        if (!settled) mk_backoff(&spins);
    }
    if (fresh) mk_mem_cache_free(&list->nodes, me, fresh);
    return status;
}

/* One attempt, inside a section. False: try again. */
MK_INLINE bool hm_try_remove(struct mk_list *list, struct mk_thread *me, uint64_t key, enum mk_status *status) {
    struct hm_place place;
    enum hm_found found = hm_find(list, me, key, &place);
    /* LIN remove miss: the load in hm_find of the link that names a node beyond the key, or none. */
    *status = found == HM_ABSENT ? MK_MISS : MK_NO_MEMORY;
    if (found != HM_PRESENT || !mk_reserve(list->smr, me, 1)) return true;
    mk_link expected = place.next;
    /* LIN remove hit: this CAS. Not the unlinking below: that may be another thread's, and later. */
    /* (7) seq_cst-CAS synchronizes-with the seq_cst-load (16 in reclaim/ebr.c): what this thread did before it
     * removed the key; point D. On failure relaxed: we walk again */
    if (!atomic_compare_exchange_strong_explicit(&place.node->next, &expected, place.next | HM_MARK,
                                                 memory_order_seq_cst, memory_order_relaxed)) {
        hm_add(&list->line[me->id].cas_failures);
        return false;
    }
    /* Out of the list now, or by another walk; or, where memory is refused, by somebody's later one. */
    if (!hm_unlink(list, me, &place, place.next)) hm_find(list, me, key, &place);
    *status = MK_HIT;
    return true;
}

static inline enum mk_status hm_remove(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    enum mk_status status = MK_NO_MEMORY;
    bool settled = false;
    for (unsigned spins = 0; !settled;) {
        mk_enter(list->smr, me);
        settled = hm_try_remove(list, me, key, &status);
        mk_leave(list->smr, me);
        if (!settled) mk_backoff(&spins);
    }
    return status;
}

/* ---- life ----------------------------------------------------------------------------------- */

/* At quiescence. Returns the node that the link names, and in *gone whether it is marked; NULL at the end. */
static struct hm_node *hm_next(MK_ATOMIC(mk_link) * *at, bool *gone) {
    /* (8) relaxed-load: at quiescence */
    struct hm_node *node = hm_node_of(atomic_load_explicit(*at, memory_order_relaxed));
    if (!node) return NULL;
    *at = &node->next;
    /* (9) relaxed-load: at quiescence */
    *gone = atomic_load_explicit(*at, memory_order_relaxed) & HM_MARK;
    return node;
}

/* Frees what a create that fails has made so far, too. */
static void hm_destroy(struct mk_list *list) {
    struct mk_mem *mem = list->mem;
    MK_ATOMIC(mk_link) *at = &list->head;
    bool gone;
    if (list->smr) mk_reclaim_here.destroy(list->smr);
    for (struct hm_node *node = hm_next(&at, &gone), *next; node; node = next) {
        next = hm_next(&at, &gone);
        mk_mem_cache_free(&list->nodes, NULL, node);
    }
    if (list->nodes.alloc) mk_mem_cache_close(mem, &list->nodes);
    if (list->line) mk_mem_free(mem, NULL, list->line, list->threads_max * sizeof *list->line, MK_CACHE_LINE);
    mk_mem_free(mem, NULL, list, sizeof *list, _Alignof(struct mk_list));
}

static int hm_fill(struct mk_list *list, const struct mk_config *cfg, struct mk_err *err) {
    list->line = mk_mem_zalloc(list->mem, NULL, cfg->threads_max * sizeof *list->line, MK_CACHE_LINE);
    if (!list->line) return mk_fail(err, "no memory for the counters of %u threads", cfg->threads_max);
    if (mk_mem_cache_open(list->mem, &list->nodes, sizeof(struct hm_node), _Alignof(struct hm_node), err)) {
        list->nodes.alloc = NULL;
        return -1;
    }
    if (mk_reclaim_here.create(&list->smr, list->mem, cfg, err)) {
        list->smr = NULL;
        return -1;
    }
    return 0;
}

static int hm_create(struct mk_list **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_list *list = mk_mem_zalloc(mem, NULL, sizeof *list, _Alignof(struct mk_list));
    if (!list) return mk_fail(err, "no memory for the list");
    list->mem = mem;
    list->threads_max = cfg->threads_max;
    list->how = (struct mk_retire){.cache = &list->nodes, .bytes = sizeof(struct hm_node)};
    if (hm_fill(list, cfg, err)) {
        hm_destroy(list);
        return -1;
    }
    *out = list;
    return 0;
}

static int hm_thread_enter(struct mk_list *list, struct mk_thread *me) {
    return mk_reclaim_here.thread_enter(list->smr, me);
}

static void hm_thread_exit(struct mk_list *list, struct mk_thread *me) {
    mk_reclaim_here.thread_exit(list->smr, me);
}

static void hm_flush(struct mk_list *list, struct mk_thread *me) {
    mk_reclaim_here.flush(list->smr, me);
}

static void hm_walk(struct mk_list *list, mk_visit_fn *visit, void *arg) {
    MK_ATOMIC(mk_link) *at = &list->head;
    bool gone;
    for (const struct hm_node *node; (node = hm_next(&at, &gone));) {
        if (!gone) visit(arg, node->key, 0);
    }
}

static void hm_count_one(void *arg, uint64_t key, uint64_t tag) {
    (void)key, (void)tag;
    ++*(uint64_t *)arg;
}

static uint64_t hm_count(struct mk_list *list) {
    uint64_t count = 0;
    hm_walk(list, hm_count_one, &count);
    return count;
}

static size_t hm_stats(struct mk_list *list, struct mk_stat *out, size_t room) {
    uint64_t failures = 0, restarts = 0;
    for (uint32_t i = 0; i < list->threads_max; i++) {
        /* (10) relaxed-load: statistics */
        failures += atomic_load_explicit(&list->line[i].cas_failures, memory_order_relaxed);
        /* (11) relaxed-load: statistics */
        restarts += atomic_load_explicit(&list->line[i].restarts, memory_order_relaxed);
    }
    const struct mk_stat stats[] = {{"cas_failures", failures}, {"restarts", restarts}};
    size_t n = sizeof stats / sizeof *stats, fits = room < n ? room : n;
    memcpy(out, stats, fits * sizeof *stats);
    return n + mk_reclaim_here.stats(list->smr, out + fits, room - fits);
}

static void hm_hold(struct mk_list *list, struct mk_thread *me) {
    mk_enter(list->smr, me);
}

static void hm_unhold(struct mk_list *list, struct mk_thread *me) {
    mk_leave(list->smr, me);
}

MK_LIST(harris_michael, .summary = "lock-free: marked, then unlinked, by one CAS each",
        .caps = MK_CONCURRENT | MK_GROWS | MK_DEFAULT,
        .progress = {.contains = MK_LOCK_FREE, .insert = MK_LOCK_FREE, .remove = MK_LOCK_FREE}, .create = hm_create,
        .destroy = hm_destroy, .thread_enter = hm_thread_enter, .thread_exit = hm_thread_exit, .flush = hm_flush,
        .count = hm_count, .walk = hm_walk, .stats = hm_stats, .hold = hm_hold, .unhold = hm_unhold,
        .contains = hm_contains, .insert = hm_insert, .remove = hm_remove);
