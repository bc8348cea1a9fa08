/* list_buffers_inserts - an insertion is kept by its thread, and done when the thread does something else and has the
 * answer.
 *
 * scenario: list_store_buffering
 * says: neither
 */
#include "../../impl/list.h"

#include <pthread.h>

struct node {
    struct node *next;
    uint64_t key;
};

/* What a thread keeps. */
struct late {
    struct node *node;
} MK_ALIGNED(MK_CACHE_LINE);

struct mk_list {
    pthread_mutex_t lock;
    struct mk_mem *mem;
    struct node *first;
    struct late late[64]; /* by thread */
};

/* Returns the link that names the first node whose key is not below, or the NULL at the end. */
static struct node **find(struct mk_list *list, uint64_t key) {
    struct node **link = &list->first;
    while (*link && (*link)->key < key) link = &(*link)->next;
    return link;
}

static bool names(struct node **link, uint64_t key) {
    return *link && (*link)->key == key;
}

static void free_node(struct mk_list *list, struct mk_thread *me, struct node *node) {
    mk_mem_free(list->mem, me, node, sizeof *node, _Alignof(struct node));
}

static void drain(struct mk_list *list, struct mk_thread *me) {
    struct node *node = list->late[me->id].node;
    if (!node) return;
    list->late[me->id].node = NULL;
    pthread_mutex_lock(&list->lock);
    struct node **link = find(list, node->key);
    bool there = names(link, node->key);
    if (!there) {
        node->next = *link;
        *link = node;
    }
    pthread_mutex_unlock(&list->lock);
    if (there) free_node(list, me, node);
}

static bool early_contains(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    pthread_mutex_lock(&list->lock);
    bool found = names(find(list, key), key);
    pthread_mutex_unlock(&list->lock);
    drain(list, me);
    return found;
}

static enum mk_status late_insert(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    drain(list, me);
    if (early_contains(list, me, key)) return MK_HIT;
    struct node *node = mk_mem_alloc(list->mem, me, sizeof *node, _Alignof(struct node));
    if (!node) return MK_NO_MEMORY;
    node->key = key;
    list->late[me->id].node = node;
    return MK_MISS;
}

static enum mk_status plain_remove(struct mk_list *list, struct mk_thread *me, uint64_t key) {
    drain(list, me);
    pthread_mutex_lock(&list->lock);
    struct node **link = find(list, key), *node = names(link, key) ? *link : NULL;
    if (node) *link = node->next;
    pthread_mutex_unlock(&list->lock);
    if (!node) return MK_MISS;
    free_node(list, me, node);
    return MK_HIT;
}

static void plain_walk(struct mk_list *list, mk_visit_fn *visit, void *arg) {
    for (struct node *node = list->first; node; node = node->next) visit(arg, node->key, 0);
}

static uint64_t plain_count(struct mk_list *list) {
    uint64_t n = 0;
    for (struct node *node = list->first; node; node = node->next) n++;
    return n;
}

static void plain_destroy(struct mk_list *list) {
    for (struct node *node = list->first, *next; node; node = next) {
        next = node->next;
        free_node(list, NULL, node);
    }
    pthread_mutex_destroy(&list->lock);
    mk_mem_free(list->mem, NULL, list, sizeof *list, _Alignof(struct mk_list));
}

static int plain_create(struct mk_list **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    (void)cfg;
    if (!(*out = mk_mem_zalloc(mem, NULL, sizeof **out, _Alignof(struct mk_list))))
        return mk_fail(err, "no memory");
    (*out)->mem = mem;
    pthread_mutex_init(&(*out)->lock, NULL);
    return 0;
}

MK_LIST(list_buffers_inserts, .summary = "planted", .caps = MK_CONCURRENT | MK_GROWS, .create = plain_create,
        .destroy = plain_destroy, .thread_exit = drain, .count = plain_count, .walk = plain_walk,
        .contains = early_contains, .insert = late_insert, .remove = plain_remove);
