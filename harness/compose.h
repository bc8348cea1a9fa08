/* compose.h - identities of implementations and compositions: parsing, globs, canonical form.
 *
 *   kind/name[param=value,...](inner)+part/name+part/name
 *
 * A star in place of a name is a glob: of a kind, it takes every implementation with default parts
 * and parameters (not those for tests only); [*] behind it takes every declared variant; a star in
 * a part takes every part of that kind. Parts that are compiled in (reclaim, hash) pick a unit;
 * alloc parts combine at run time.
 */
#ifndef MK_COMPOSE_H
#define MK_COMPOSE_H

#include "impl_api.h"

#define MK_PARAMS_MAX 8

/* An allocator with its parameters; wrappers come before what they wrap. */
struct mk_alloc_choice {
    const struct mk_impl *impl;
    uint64_t params[MK_PARAMS_MAX];
};
#define MK_ALLOC_CHAIN_MAX 4

struct mk_composition {
    const struct mk_impl *impl;
    uint64_t params[MK_PARAMS_MAX];
    /* memory: outermost wrapper first; 0 links = the default allocator. For kind alloc it is what
     * the implementation itself takes its memory from or wraps. */
    struct mk_alloc_choice memory[MK_ALLOC_CHAIN_MAX];
    size_t memory_n;
    char *identity; /* canonical: defaults left out */
    bool exact;     /* named exactly, not matched by a glob */
    char *reason;   /* not NULL: matched, but cannot be: why (unsound parts, no such value size) */
};

/* Expands one pattern. Appends to *list / *n (owned: mk_compositions_free). Returns 0, or -1 with
 * err set: no such kind, name, part or parameter (with the nearest known word). */
int mk_compose(const char *pattern, uint32_t value_bytes, struct mk_composition **list, size_t *n,
               struct mk_err *err);

void mk_compositions_free(struct mk_composition *list, size_t n);

/* Returns the nearest of `words` (NULL-terminated) to `word`, or NULL when none is near:
 * Damerau-Levenshtein distance at most 1 + length/4. */
const char *mk_nearest(const char *word, const char *const *words);

#endif
