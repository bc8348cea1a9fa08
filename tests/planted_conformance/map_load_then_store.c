/* map_load_then_store - replaces a value by an atomic load and an atomic store right behind it, where others may do
 * the same: of two replacements at once one is lost.
 *
 * case: shared
 * says: key
 * flavours: debug asan tsan
 * pressure: points
 */
#include "map_base.h"

/* Replacements share this one; whatever changes the chains has it alone. */
static pthread_rwlock_t chains = PTHREAD_RWLOCK_INITIALIZER;

static MK_ATOMIC(uint64_t) *word_of(struct node *node) {
    return (MK_ATOMIC(uint64_t) *)&node->value.word[0];
}

static bool shared_get(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    (void)me;
    pthread_rwlock_rdlock(&chains);
    struct node *node = *base_find(map, key);
    if (node) value->word[0] = atomic_load_explicit(word_of(node), memory_order_relaxed);
    pthread_rwlock_unlock(&chains);
    return node != NULL;
}

static enum mk_status shared_put(struct mk_map *map, struct mk_thread *me, uint64_t key, const mk_value *value,
                                 mk_value *previous) {
    pthread_rwlock_rdlock(&chains);
    struct node *node = *base_find(map, key);
    if (node) {
        MK_ATOMIC(uint64_t) *word = word_of(node);
        previous->word[0] = atomic_load_explicit(word, memory_order_relaxed);
        atomic_store_explicit(word, value->word[0], memory_order_relaxed);
    }
    pthread_rwlock_unlock(&chains);
    if (node) return MK_HIT;
    pthread_rwlock_wrlock(&chains);
    enum mk_status status = base_put(map, me, key, value, previous);
    pthread_rwlock_unlock(&chains);
    return status;
}

static enum mk_status alone_remove(struct mk_map *map, struct mk_thread *me, uint64_t key, mk_value *value) {
    pthread_rwlock_wrlock(&chains);
    enum mk_status status = base_remove(map, me, key, value);
    pthread_rwlock_unlock(&chains);
    return status;
}

MK_MAP(map_load_then_store, BASE, .create = base_create, .count = base_count, .get = shared_get, .put = shared_put,
       .remove = alone_remove);
