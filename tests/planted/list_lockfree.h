/* list_lockfree.h - a sound list, of which list_*.c beside it break one thing each: sorted, without locks. A node
 * is gone once its link is marked; whoever's CAS takes a marked node out of the list retires it. After Harris (DISC
 * 2001) and Michael (SPAA 2002).
 *
 * RECLAIMER: the header of the reclaimer; intervals, unless the plant says otherwise. Neither lets anybody walk on
 * from a node that is no longer linked, so lookups look whether it is.
 */
#ifndef LIST_LOCKFREE_H
#define LIST_LOCKFREE_H

#define MK_PART_RECLAIM
#ifndef RECLAIMER
#define RECLAIMER "reclaim_intervals.h"
#endif
#include RECLAIMER

#include "../../impl/list.h"

#ifdef INTERVALS
MK_RECLAIM(intervals, INTERVALS);
#else
MK_RECLAIM(hazards, HAZARDS);
#endif

#define MARK ((mk_link)1)

struct node {
    MK_RECLAIM_HEADER
    MK_ATOMIC(mk_link) next;
    uint64_t key;
};

struct mk_list {
    MK_ATOMIC(mk_link) head;
    struct mk_mem *mem;
    struct mk_reclaim *smr;
    struct mk_mem_cache nodes;
    struct mk_retire how;
};

/* Where a writer's walk ended. */
struct place {
    MK_ATOMIC(mk_link) * from; /* names node; not marked when read */
    struct node *node;         /* the first one whose key is not below; NULL at the end */
    mk_link next;              /* read from node->next, if its key is the one */
};

/* What the files beside it break. */
#ifndef LOOKUP
#define LOOKUP base_lookup
#endif
#ifndef LINK
#define LINK base_link
#endif
#ifndef UNLINK
#define UNLINK base_unlink
#endif
#ifndef TAKE
#define TAKE base_take
#endif
#ifndef DROP
#define DROP base_drop
#endif
static bool LOOKUP(struct mk_list *list, struct mk_thread *me, uint64_t key);
static bool LINK(struct mk_list *list, struct node *fresh, const struct place *place);
static bool UNLINK(struct mk_list *list, struct mk_thread *me, const struct place *place, mk_link successor);
static bool TAKE(struct mk_list *list, struct mk_thread *me, uint64_t key, struct place *place);
static void DROP(struct mk_list *list, struct mk_thread *me, const struct place *place);

static struct node *node_of(mk_link link) {
    return (struct node *)(link & ~MK_LINK_FLAGS);
}

/* Returns a slot of mk_protect that is none of these. */
static unsigned spare_slot(unsigned a, unsigned b, unsigned c) {
    return (unsigned)__builtin_ctz(~(1u << a | 1u << b | 1u << c));
}

/* Goes past marked nodes only while the last link that was not marked still names the first of them: then all of
 * them are linked, and so is what the last one names. */
__attribute__((unused)) static bool base_lookup(struct mk_list *list, struct mk_thread *me, uint64_t key) {
restart:;
    MK_ATOMIC(mk_link) *from = &list->head;
    unsigned slot = 0, slot_first = 0, slot_from = 0, spare;
    mk_link first = mk_protect(list->smr, me, slot, from), next;
    for (mk_link link = first; node_of(link); link = next, slot = spare) {
        struct node *node = node_of(link);
        if (node->key > key) break;
        spare = spare_slot(slot, slot_first, slot_from);
        next = mk_protect(list->smr, me, spare, &node->next);
        if (!(next & MARK)) {
            if (node->key == key) return true;
            from = &node->next;
            first = next;
            slot_from = slot;
            slot_first = spare;
        } else if (atomic_load_explicit(from, memory_order_seq_cst) != first) {
            goto restart;
        }
    }
    return false;
}

/* Takes a marked node out of the list. False: the link before it has changed. */
__attribute__((unused)) static bool base_unlink(struct mk_list *list, struct mk_thread *me,
                                                const struct place *place, mk_link successor) {
    mk_link expected = (mk_link)place->node;
    if (!atomic_compare_exchange_strong_explicit(place->from, &expected, successor, memory_order_acq_rel,
                                                 memory_order_relaxed)) {
        return false;
    }
    mk_retire(list->smr, me, place->node, &list->how);
    return true;
}

/* Returns whether the key is there; unlinks every marked node on the way. */
static bool find(struct mk_list *list, struct mk_thread *me, uint64_t key, struct place *place) {
restart:;
    unsigned slot = 0, slot_from = 0;
    place->from = &list->head;
    mk_link link = mk_protect(list->smr, me, slot, place->from);
    while ((place->node = node_of(link)) && place->node->key <= key) {
        unsigned spare = spare_slot(slot, slot_from, slot_from);
        place->next = mk_protect(list->smr, me, spare, &place->node->next);
        if (place->next & MARK) {
            if (!UNLINK(list, me, place, place->next & ~MARK)) goto restart;
            /* what the link names now, protected while it does */
            link = mk_protect(list->smr, me, slot, place->from);
            if (link & MARK) goto restart;
            continue;
        }
        if (place->node->key == key) return true;
        place->from = &place->node->next;
        slot_from = slot;
        slot = spare;
        link = place->next;
    }
    return false;
}

/* Links a node before the place's. False: something else has come there. */
__attribute__((unused)) static bool base_link(struct mk_list *list, struct node *fresh, const struct place *place) {
    mk_link expected = (mk_link)place->node;
    (void)list;
    return atomic_compare_exchange_strong_explicit(place->from, &expected, (mk_link)fresh, memory_order_seq_cst,
                                                   memory_order_relaxed);
}

/* A node has been marked: it is unlinked when this returns, by us or by others. */
__attribute__((unused)) static void base_drop(struct mk_list *list, struct mk_thread *me,
                                              const struct place *place) {
    struct place again;
    if (!UNLINK(list, me, place, place->next)) find(list, me, place->node->key, &again);
}

/* Marks the place's node and has it unlinked. False: it has changed. */
__attribute__((unused)) static bool base_take(struct mk_list *list, struct mk_thread *me, uint64_t key,
                                              struct place *place) {
    mk_link expected = place->next;
    (void)key;
    if (!atomic_compare_exchange_strong_explicit(&place->node->next, &expected, place->next | MARK,
                                                 memory_order_seq_cst, memory_order_relaxed)) {
        return false;
    }
    DROP(list, me, place);
    return true;
}

static bool lockfree_contains(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    mk_enter(list->smr, me);
    bool found = LOOKUP(list, me, key);
    mk_leave(list->smr, me);
    return found;
}

static enum mk_status lockfree_insert(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    struct node *fresh = mk_mem_cache_alloc(&list->nodes, me);
    enum mk_status status = MK_MISS;
    struct place place;
    if (!fresh) return MK_NO_MEMORY;
    fresh->key = key;
    for (bool done = false; !done;) {
        mk_enter(list->smr, me);
        if (find(list, me, key, &place)) {
            status = MK_HIT;
            done = true;
        } else {
            mk_birth(list->smr, me, fresh);
            atomic_store_explicit(&fresh->next, (mk_link)place.node, memory_order_relaxed);
            done = LINK(list, fresh, &place);
        }
        mk_leave(list->smr, me);
    }
    if (status == MK_HIT) mk_mem_cache_free(&list->nodes, me, fresh);
    return status;
}

static enum mk_status lockfree_remove(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    enum mk_status status = MK_MISS;
    struct place place;
    for (bool done = false; !done;) {
        mk_enter(list->smr, me);
        done = !find(list, me, key, &place);
        if (!done && TAKE(list, me, key, &place)) {
            status = MK_HIT;
            done = true;
        }
        mk_leave(list->smr, me);
    }
    return status;
}

static void lockfree_walk(struct mk_list *list, mk_visit_fn *visit, void *arg) {
    mk_link link = atomic_load_explicit(&list->head, memory_order_acquire);
    for (struct node *node; (node = node_of(link));) {
        link = atomic_load_explicit(&node->next, memory_order_acquire);
        if (!(link & MARK)) visit(arg, node->key, 0);
    }
}

static void count_one(void *arg, uint64_t key, uint64_t tag) {
    (void)key, (void)tag;
    ++*(uint64_t *)arg;
}

static uint64_t lockfree_count(struct mk_list *list) {
    uint64_t count = 0;
    lockfree_walk(list, count_one, &count);
    return count;
}

static void lockfree_destroy(struct mk_list *list) {
    struct mk_mem *mem = list->mem;
    mk_reclaim_here.destroy(list->smr);
    mk_link link = atomic_load_explicit(&list->head, memory_order_relaxed);
    for (struct node *node; (node = node_of(link));) {
        link = atomic_load_explicit(&node->next, memory_order_relaxed);
        mk_mem_cache_free(&list->nodes, NULL, node);
    }
    mk_mem_cache_close(mem, &list->nodes);
    mk_mem_free(mem, NULL, list, sizeof *list, MK_CACHE_LINE);
}

static int lockfree_create(struct mk_list **out, struct mk_mem *mem, const struct mk_config *cfg,
                           struct mk_err *err) {
    struct mk_list *list = mk_mem_zalloc(mem, NULL, sizeof *list, MK_CACHE_LINE);
    if (!list) return mk_fail(err, "no memory for the list");
    list->mem = mem;
    if (mk_mem_cache_open(mem, &list->nodes, sizeof(struct node), _Alignof(struct node), err)) {
        mk_mem_free(mem, NULL, list, sizeof *list, MK_CACHE_LINE);
        return -1;
    }
    list->how = (struct mk_retire){.cache = &list->nodes, .bytes = sizeof(struct node)};
    if (mk_reclaim_here.create(&list->smr, mem, cfg, err)) {
        mk_mem_cache_close(mem, &list->nodes);
        mk_mem_free(mem, NULL, list, sizeof *list, MK_CACHE_LINE);
        return -1;
    }
    *out = list;
    return 0;
}

static int lockfree_thread_enter(struct mk_list *list, struct mk_thread *me) {
    return mk_reclaim_here.thread_enter(list->smr, me);
}

static void lockfree_thread_exit(struct mk_list *list, struct mk_thread *me) {
    mk_reclaim_here.thread_exit(list->smr, me);
}

static void lockfree_flush(struct mk_list *list, struct mk_thread *me) {
    mk_reclaim_here.flush(list->smr, me);
}

static void lockfree_hold(struct mk_list *list, struct mk_thread *me) {
    mk_enter(list->smr, me);
}

static void lockfree_unhold(struct mk_list *list, struct mk_thread *me) {
    mk_leave(list->smr, me);
}

static size_t lockfree_stats(struct mk_list *list, struct mk_stat *out, size_t room) {
    return mk_reclaim_here.stats(list->smr, out, room);
}

#define LOCKFREE                                                                                                \
    .summary = "planted", .caps = MK_CONCURRENT | MK_GROWS, .create = lockfree_create,                          \
    .destroy = lockfree_destroy, .thread_enter = lockfree_thread_enter, .thread_exit = lockfree_thread_exit,    \
    .flush = lockfree_flush, .count = lockfree_count, .walk = lockfree_walk, .stats = lockfree_stats,           \
    .hold = lockfree_hold, .unhold = lockfree_unhold, .contains = lockfree_contains, .insert = lockfree_insert, \
    .remove = lockfree_remove

#endif
