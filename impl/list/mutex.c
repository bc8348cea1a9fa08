/* list/mutex - one mutex around a sorted list: the baseline.
 *
 * Source:     the textbook's; the coarse-grained list of Herlihy and Shavit, The Art of Multiprocessor
 *             Programming, chapter 9. Differs: no sentinels, so that all keys are legal.
 * Picture:    first -> node {next, key} -> node -> NULL     one per key, ascending
 * Parts:      none.
 * Progress:   blocking, all operations.
 * Ordering:   linearizable: an operation is all that happens between one lock and its unlock.
 * Memory:     16 B * keys, each rounded by the allocator.
 * Limits:     one thread at a time, for as long as it takes to walk half of the list.
 */
#include "../list.h"

#include <pthread.h>

struct mutex_node {
    struct mutex_node *next;
    uint64_t key;
};

struct mk_list {
    pthread_mutex_t lock;
    struct mutex_node *first;
    uint64_t count;
    struct mk_mem *mem;
    struct mk_mem_cache nodes;
};

static void mutex_destroy(struct mk_list *list) {
    struct mk_mem *mem = list->mem;
    for (struct mutex_node *node = list->first, *next; node; node = next) {
        next = node->next;
        mk_mem_cache_free(&list->nodes, NULL, node);
    }
    mk_mem_cache_close(mem, &list->nodes);
    pthread_mutex_destroy(&list->lock);
    mk_mem_free(mem, NULL, list, sizeof *list, MK_CACHE_LINE);
}

static int mutex_create(struct mk_list **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_list *list = mk_mem_zalloc(mem, NULL, sizeof *list, MK_CACHE_LINE);
    (void)cfg;
    if (!list) return mk_fail(err, "no memory for the list");
    if (mk_mem_cache_open(mem, &list->nodes, sizeof(struct mutex_node), _Alignof(struct mutex_node), err)) {
        mk_mem_free(mem, NULL, list, sizeof *list, MK_CACHE_LINE);
        return -1;
    }
    list->mem = mem;
    pthread_mutex_init(&list->lock, NULL);
    *out = list;
    return 0;
}

/* Returns the link that names the first node whose key is not below `key`, or the NULL at the end. */
MK_INLINE struct mutex_node **mutex_find(struct mk_list *list, uint64_t key) {
    struct mutex_node **link = &list->first;
    while (*link && (*link)->key < key) link = &(*link)->next;
    return link;
}

MK_INLINE bool mutex_names(struct mutex_node *const *link, uint64_t key) {
    return *link && (*link)->key == key;
}

/* LIN contains hit, miss: inside the lock. */
MK_TIMED bool mutex_contains(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    (void)me;
    pthread_mutex_lock(&list->lock);
    bool found = mutex_names(mutex_find(list, key), key);
    pthread_mutex_unlock(&list->lock);
    return found;
}

/* LIN insert hit, miss: inside the lock. */
static enum mk_status mutex_insert(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    enum mk_status status = MK_HIT;
    pthread_mutex_lock(&list->lock);
    struct mutex_node **link = mutex_find(list, key), *node;
    if (!mutex_names(link, key)) {
        status = MK_NO_MEMORY;
        if ((node = mk_mem_cache_alloc(&list->nodes, me))) {
            *node = (struct mutex_node){*link, key};
            *link = node;
            list->count++;
            status = MK_MISS;
        }
    }
    pthread_mutex_unlock(&list->lock);
    return status;
}

/* LIN remove hit, miss: inside the lock. */
static enum mk_status mutex_remove(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    pthread_mutex_lock(&list->lock);
    struct mutex_node **link = mutex_find(list, key), *node = mutex_names(link, key) ? *link : NULL;
    if (node) {
        *link = node->next;
        list->count--;
    }
    pthread_mutex_unlock(&list->lock);
    if (!node) return MK_MISS;
    mk_mem_cache_free(&list->nodes, me, node);
    return MK_HIT;
}

static uint64_t mutex_count(struct mk_list *list) {
    pthread_mutex_lock(&list->lock);
    uint64_t count = list->count;
    pthread_mutex_unlock(&list->lock);
    return count;
}

static void mutex_walk(struct mk_list *list, mk_visit_fn *visit, void *arg) {
    for (const struct mutex_node *node = list->first; node; node = node->next) visit(arg, node->key, 0);
}

MK_LIST(mutex, .summary = "one mutex around a sorted list: the baseline", .caps = MK_CONCURRENT | MK_GROWS,
        .progress = {.contains = MK_BLOCKING, .insert = MK_BLOCKING, .remove = MK_BLOCKING}, .create = mutex_create,
        .destroy = mutex_destroy, .count = mutex_count, .walk = mutex_walk, .contains = mutex_contains,
        .insert = mutex_insert, .remove = mutex_remove);
