/* map_torn_value - writes a value of 64 bytes into the place of the old one, word by word.
 *
 * bug:       torn: a reader gets half of one value and half of another
 * finds:     stable | shared | history | map_*
 * rule:      oracle
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 * set:       value_bytes=64
 */
#define MK_VALUE_BYTES 64
#ifndef TWIN
#define REPLACE replace_in_place
#define READ_VALUE read_words
#endif
#include "map_lockfree.h"

#ifndef TWIN
/* The words are to be torn, and not to race as C has it. */
static MK_ATOMIC(uint64_t) *word_of(const struct node *node, unsigned i) {
    return (MK_ATOMIC(uint64_t) *)&node->value.word[i];
}

static void read_words(const struct node *node, mk_value *value) {
    for (unsigned i = 0; i < MK_VALUE_WORDS; i++) {
        value->word[i] = atomic_load_explicit(word_of(node, i), memory_order_relaxed);
    }
}

/* The new node is not needed. */
static bool replace_in_place(struct mk_map *map, struct mk_thread *me, struct node *fresh,
                             const struct place *place, mk_value *previous) {
    read_words(place->node, previous);
    for (unsigned i = 0; i < MK_VALUE_WORDS; i++) {
        atomic_store_explicit(word_of(place->node, i), fresh->value.word[i], memory_order_relaxed);
    }
    mk_mem_cache_free(&map->nodes, me, fresh);
    return true;
}
#endif

MK_MAP(map_torn_value, LOCKFREE);
