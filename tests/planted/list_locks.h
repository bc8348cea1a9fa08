/* list_locks.h - a sound list, of which list_*.c beside it break one thing each: sorted, with a lock and a mark in
 * every node. Whoever changes a link holds the lock of the node it is in, and of the one that goes, and has looked
 * whether they are linked. After Heller and others (OPODIS 2005). Nodes are freed when the list is: lookups may
 * stand anywhere.
 */
#ifndef LIST_LOCKS_H
#define LIST_LOCKS_H

#include "../../impl/list.h"

#include <pthread.h>

struct node {
    MK_ATOMIC(struct node *) next;
    uint64_t key;
    MK_ATOMIC(bool) marked;
    pthread_mutex_t lock;
    struct node *made_before; /* of all nodes that were ever made */
};

struct mk_list {
    struct node first;
    struct mk_mem *mem;
    pthread_mutex_t making;
    struct node *made;
};

/* What the files beside it break. */
#ifndef IS_LINKED
#define IS_LINKED base_is_linked
#endif
static bool IS_LINKED(struct node *before, struct node *node);

/* Under the lock of `before`: whether it is in the list and names the node. */
__attribute__((unused)) static bool base_is_linked(struct node *before, struct node *node) {
    return !atomic_load_explicit(&before->marked, memory_order_relaxed) &&
           atomic_load_explicit(&before->next, memory_order_relaxed) == node;
}

static struct node *find(struct mk_list *list, uint64_t key, struct node **before) {
    struct node *node = &list->first;
    do {
        *before = node;
        node = atomic_load_explicit(&node->next, memory_order_seq_cst);
    } while (node && node->key < key);
    return node;
}

static bool has(struct node *node, uint64_t key) {
    return node && node->key == key && !atomic_load_explicit(&node->marked, memory_order_seq_cst);
}

static struct node *make(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    struct node *node = mk_mem_zalloc(list->mem, me, sizeof *node, _Alignof(struct node));
    if (!node) return NULL;
    node->key = key;
    pthread_mutex_init(&node->lock, NULL);
    pthread_mutex_lock(&list->making);
    node->made_before = list->made;
    list->made = node;
    pthread_mutex_unlock(&list->making);
    return node;
}

static bool locks_contains(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    struct node *before;
    (void)me;
    return has(find(list, key, &before), key);
}

static enum mk_status locks_insert(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    struct node *fresh = NULL, *before;
    for (;;) {
        struct node *node = find(list, key, &before);
        if (has(node, key)) return MK_HIT;
        if (!fresh && !(fresh = make(list, me, key))) return MK_NO_MEMORY;
        pthread_mutex_lock(&before->lock);
        bool fits = IS_LINKED(before, node); /* and so, if it had the key, it would not be marked */
        if (fits) {
            atomic_store_explicit(&fresh->next, node, memory_order_relaxed);
            atomic_store_explicit(&before->next, fresh, memory_order_seq_cst);
        }
        pthread_mutex_unlock(&before->lock);
        if (fits) return MK_MISS;
    }
}

static enum mk_status locks_remove(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    struct node *before;
    (void)me;
    for (;;) {
        struct node *node = find(list, key, &before);
        if (!has(node, key)) return MK_MISS;
        pthread_mutex_lock(&before->lock);
        pthread_mutex_lock(&node->lock);
        bool fits = IS_LINKED(before, node) && !atomic_load_explicit(&node->marked, memory_order_relaxed);
        if (fits) {
            atomic_store_explicit(&node->marked, true, memory_order_seq_cst);
            atomic_store_explicit(&before->next, atomic_load_explicit(&node->next, memory_order_relaxed),
                                  memory_order_release);
        }
        pthread_mutex_unlock(&node->lock);
        pthread_mutex_unlock(&before->lock);
        if (fits) return MK_HIT;
    }
}

static void locks_walk(struct mk_list *list, mk_visit_fn *visit, void *arg) {
    struct node *node = &list->first;
    while ((node = atomic_load_explicit(&node->next, memory_order_acquire))) visit(arg, node->key, 0);
}

static uint64_t locks_count(struct mk_list *list) {
    uint64_t count = 0;
    struct node *node = &list->first;
    while ((node = atomic_load_explicit(&node->next, memory_order_acquire))) count++;
    return count;
}

static void locks_destroy(struct mk_list *list) {
    struct mk_mem *mem = list->mem;
    for (struct node *node = list->made, *next; node; node = next) {
        next = node->made_before;
        pthread_mutex_destroy(&node->lock);
        mk_mem_free(mem, NULL, node, sizeof *node, _Alignof(struct node));
    }
    pthread_mutex_destroy(&list->making);
    pthread_mutex_destroy(&list->first.lock);
    mk_mem_free(mem, NULL, list, sizeof *list, MK_CACHE_LINE);
}

static int locks_create(struct mk_list **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_list *list = mk_mem_zalloc(mem, NULL, sizeof *list, MK_CACHE_LINE);
    (void)cfg;
    if (!list) return mk_fail(err, "no memory for the list");
    list->mem = mem;
    pthread_mutex_init(&list->making, NULL);
    pthread_mutex_init(&list->first.lock, NULL);
    *out = list;
    return 0;
}

#define LOCKS                                                                                                 \
    .summary = "planted", .caps = MK_CONCURRENT | MK_GROWS, .create = locks_create, .destroy = locks_destroy, \
    .count = locks_count, .walk = locks_walk, .contains = locks_contains, .insert = locks_insert,             \
    .remove = locks_remove

#endif
