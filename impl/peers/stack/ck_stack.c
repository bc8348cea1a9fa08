/* needs: ck | libck-dev */
/* stack/ck_stack - the stack of Concurrency Kit, ck_stack, for many pushers and poppers: a peer.
 *
 * Source:     Concurrency Kit (Samy Al Bahra): Treiber's stack with a generation beside the head, 16 bytes in one CAS.
 * Picture:    { head, generation } -> entry { next } value -> entry -> NULL
 *             line[id] -> free nodes of one thread -> ...
 * Parts:      none.
 * Progress:   lock-free, but for the allocator.
 * Ordering:   the library's.
 * Memory:     16 B a value; nodes come from malloc by the thousand, stay with the thread that popped them, and go back at
 *             destroy.
 * Limits:     a node is never freed before destroy, for a pop may still read it.
 */
#include "../../stack.h"

#include <ck_stack.h>
#include <stdlib.h>

#define CKS_NODES 1024 /* made at a time */

struct cks_node {
    ck_stack_entry_t entry;
    uint64_t value;
};

struct cks_chunk {
    struct cks_chunk *next;
    struct cks_node node[CKS_NODES];
};

struct cks_line {
    ck_stack_entry_t *free;
    struct cks_chunk *chunks;
} MK_ALIGNED(2 * MK_CACHE_LINE);

struct mk_stack {
    ck_stack_t stack MK_ALIGNED(2 * MK_CACHE_LINE);
    struct cks_line *line MK_ALIGNED(2 * MK_CACHE_LINE);
    struct mk_mem *mem;
    uint32_t threads_max;
};

static int cks_create(struct mk_stack **out, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err) {
    struct mk_stack *stack = mk_mem_zalloc(mem, NULL, sizeof *stack, _Alignof(struct mk_stack));
    if (!stack) return mk_fail(err, "no memory for the stack");
    stack->mem = mem;
    stack->threads_max = cfg->threads_max;
    stack->line = mk_mem_zalloc(mem, NULL, cfg->threads_max * sizeof *stack->line, _Alignof(struct cks_line));
    if (!stack->line) {
        mk_mem_free(mem, NULL, stack, sizeof *stack, _Alignof(struct mk_stack));
        return mk_fail(err, "no memory for %u threads", cfg->threads_max);
    }
    ck_stack_init(&stack->stack);
    *out = stack;
    return 0;
}

static void cks_destroy(struct mk_stack *stack) {
    struct mk_mem *mem = stack->mem;
    for (uint32_t i = 0; i < stack->threads_max; i++) {
        for (struct cks_chunk *chunk = stack->line[i].chunks, *next; chunk; chunk = next) {
            next = chunk->next;
            free(chunk);
        }
    }
    mk_mem_free(mem, NULL, stack->line, stack->threads_max * sizeof *stack->line, _Alignof(struct cks_line));
    mk_mem_free(mem, NULL, stack, sizeof *stack, _Alignof(struct mk_stack));
}

static MK_NOINLINE bool cks_make_nodes(struct cks_line *line) {
    struct cks_chunk *chunk = malloc(sizeof *chunk);
    if (!chunk) return false;
    chunk->next = line->chunks;
    line->chunks = chunk;
    for (unsigned i = 0; i < CKS_NODES; i++) {
        chunk->node[i].entry.next = line->free;
        line->free = &chunk->node[i].entry;
    }
    return true;
}

/* LIN push: in the library. */
MK_TIMED enum mk_status cks_push(struct mk_stack *stack, struct mk_thread *me, uint64_t value) {
    struct cks_line *line = &stack->line[me->id];
    if (MK_UNLIKELY(!line->free) && !cks_make_nodes(line)) return MK_NO_MEMORY;
    struct cks_node *node = (struct cks_node *)line->free;
    line->free = node->entry.next;
    node->value = value;
    ck_stack_push_mpmc(&stack->stack, &node->entry);
    return MK_MISS;
}

/* LIN pop: in the library. */
MK_TIMED enum mk_status cks_pop(struct mk_stack *stack, struct mk_thread *me, uint64_t *value) {
    struct cks_line *line = &stack->line[me->id];
    ck_stack_entry_t *entry = ck_stack_pop_mpmc(&stack->stack);
    if (!entry) return MK_MISS;
    *value = ((struct cks_node *)entry)->value;
    entry->next = line->free;
    line->free = entry;
    return MK_HIT;
}

static uint64_t cks_count(struct mk_stack *stack) {
    uint64_t n = 0;
    ck_stack_entry_t *entry;
    CK_STACK_FOREACH(&stack->stack, entry) n++;
    return n;
}

static void cks_walk(struct mk_stack *stack, mk_visit_fn *visit, void *arg) {
    uint64_t n = 0;
    ck_stack_entry_t *entry;
    CK_STACK_FOREACH(&stack->stack, entry) visit(arg, n++, ((struct cks_node *)entry)->value);
}

MK_STACK(ck_stack, .summary = "peer: ck_stack of Concurrency Kit, nodes from a pool of each thread",
         .caps = MK_CONCURRENT | MK_GROWS, .progress = {.push = MK_LOCK_FREE, .pop = MK_LOCK_FREE},
         .create = cks_create, .destroy = cks_destroy, .count = cks_count, .walk = cks_walk, .push = cks_push,
         .pop = cks_pop);
