/* compose_mem.c - see compose_mem.h.
 *
 * A door is a struct mk_mem. Doors are stacked, and each knows the one below:
 *
 *     structure                                             cache of the structure
 *     [asked: counts requested_bytes, where counted]        [asked]
 *     wrapper ... wrapper                                   wrapper ... wrapper
 *     general allocator, unless it is the leaf              [split, below wrappers] -> fixed-size allocator
 *     [taken: counts structure_bytes, where counted]  <-----'
 *     leaf
 */
#include "compose_mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "record.h"

/* Larger blocks and stricter alignments are not what fixed-size allocators are for: such caches are
 * served as mem.alloc is. */
#define CACHE_BYTES_MAX 65536
#define CACHE_ALIGN_MAX 4096
#define STATS_MAX 32

/* One allocator, opened. */
struct instance {
    const struct mk_impl *impl;
    void *self;
    struct mk_mem door;
};

/* Allocators from the inside out, each the parent of the next. */
struct stack {
    struct instance at[MK_ALLOC_CHAIN_MAX + 1];
    size_t n;
    struct stack *next;
};

struct count {
    _Atomic(uint64_t) bytes, peak_bytes, blocks, calls, refused;
};

/* A door that counts what passes. */
struct counter {
    struct mk_mem door;
    struct mk_mem *below;
    struct count *count;
    const struct instance *leaf; /* knows what a block really takes up; NULL: count what is asked */
};

/* A door to a fixed-size allocator for its blocks, and to `others` for blocks of all other sizes, since
 * a wrapper takes its own memory from the door it wraps. */
struct split {
    struct mk_mem door;
    struct mk_mem *fixed, *others;
    size_t bytes, align;
};

/* What serves blocks of one size by a fixed-size allocator. */
struct cache {
    struct stack stack; /* first: a cache is found from its stack */
    struct split split;
    struct counter asked;
    struct mk_mem *top; /* what the structure calls */
};

struct mk_memory {
    struct mk_mem mem;
    uint32_t threads_max;
    uint64_t seed;
    bool counted;
    struct mk_alloc_choice chain[MK_ALLOC_CHAIN_MAX];
    size_t wrappers;                     /* how many of the chain, its first ones */
    const struct mk_alloc_choice *fixed; /* what is behind them; NULL: caches are served as mem.alloc is */
    struct mk_mem *leaf_door;
    struct counter taken, asked;
    struct count taken_count, asked_count;
    struct split split;         /* for object_bytes */
    pthread_mutex_t lock;       /* of what follows */
    struct stack stack;         /* the leaf and what is on it; behind it, by next, those of the caches */
    struct mk_thread **entered; /* by id: registered threads, for caches yet to come */
    uint64_t strays;            /* that guards of closed caches had met */
};

/* ---- counting doors ------------------------------------------------------------------------ */

static uint64_t bytes_of(const struct counter *counter, void *block, size_t bytes) {
    if (!counter->leaf) return bytes;
    if (counter->leaf->impl->footprint) return counter->leaf->impl->footprint(counter->leaf->self, block, bytes);
    return (bytes + 8 + 15) / 16 * 16;
}

static void count_in(const struct counter *counter, void *block, size_t bytes) {
    struct count *count = counter->count;
    /* (1)-(8) relaxed: figures order nothing; who needs them exact has joined the threads */
    atomic_fetch_add_explicit(&count->calls, 1, memory_order_relaxed); /* (1) */
    if (!block) {
        atomic_fetch_add_explicit(&count->refused, 1, memory_order_relaxed); /* (2) */
        return;
    }
    uint64_t added = bytes_of(counter, block, bytes);
    uint64_t live = atomic_fetch_add_explicit(&count->bytes, added, memory_order_relaxed) + added; /* (3) */
    uint64_t peak = atomic_load_explicit(&count->peak_bytes, memory_order_relaxed);                /* (4) */
    /* (5) a failure brings the peak that somebody else has set */
    while (live > peak && !atomic_compare_exchange_weak_explicit(&count->peak_bytes, &peak, live,
                                                                 memory_order_relaxed, memory_order_relaxed)) {
    }
    atomic_fetch_add_explicit(&count->blocks, 1, memory_order_relaxed); /* (6) */
}

static void *counted_alloc(void *self, struct mk_thread *me, size_t bytes, size_t align) {
    struct counter *counter = self;
    void *block = mk_mem_alloc(counter->below, me, bytes, align);
    count_in(counter, block, bytes);
    return block;
}

static void *counted_zalloc(void *self, struct mk_thread *me, size_t bytes, size_t align) {
    struct counter *counter = self;
    void *block = mk_mem_zalloc(counter->below, me, bytes, align);
    count_in(counter, block, bytes);
    return block;
}

static void counted_free(void *self, struct mk_thread *me, void *block, size_t bytes, size_t align) {
    struct counter *counter = self;
    /* before the free, while the block can still be looked at and nobody else has got it */
    uint64_t taken = bytes_of(counter, block, bytes);
    atomic_fetch_sub_explicit(&counter->count->bytes, taken, memory_order_relaxed); /* (7) */
    atomic_fetch_sub_explicit(&counter->count->blocks, 1, memory_order_relaxed);    /* (8) */
    mk_mem_free(counter->below, me, block, bytes, align);
}

/* At its best moved in place, so nothing is live twice. */
static void *counted_resize(void *self, struct mk_thread *me, void *block, size_t old_bytes, size_t old_align,
                            size_t bytes, size_t align) {
    struct counter *counter = self;
    uint64_t taken = bytes_of(counter, block, old_bytes);
    void *resized = mk_mem_resize(counter->below, me, block, old_bytes, old_align, bytes, align);
    count_in(counter, resized, bytes);
    if (!resized) return NULL;
    atomic_fetch_sub_explicit(&counter->count->bytes, taken, memory_order_relaxed); /* (10) relaxed: as (1) */
    atomic_fetch_sub_explicit(&counter->count->blocks, 1, memory_order_relaxed);    /* (11) relaxed: as (1) */
    return resized;
}

static size_t counted_usable(void *self, void *block, size_t bytes) {
    return mk_mem_usable(((struct counter *)self)->below, block, bytes);
}

static size_t counted_footprint(void *self, void *block, size_t bytes) {
    return mk_mem_footprint(((struct counter *)self)->below, block, bytes);
}

/* ---- the split door ------------------------------------------------------------------------ */

static struct mk_mem *side(struct split *split, size_t bytes, size_t align) {
    return bytes == split->bytes && align == split->align ? split->fixed : split->others;
}

static void *split_alloc(void *self, struct mk_thread *me, size_t bytes, size_t align) {
    return mk_mem_alloc(side(self, bytes, align), me, bytes, align);
}

static void *split_zalloc(void *self, struct mk_thread *me, size_t bytes, size_t align) {
    return mk_mem_zalloc(side(self, bytes, align), me, bytes, align);
}

static void split_free(void *self, struct mk_thread *me, void *block, size_t bytes, size_t align) {
    mk_mem_free(side(self, bytes, align), me, block, bytes, align);
}

/* Within one side by that one, else by hand. */
static void *split_resize(void *self, struct mk_thread *me, void *block, size_t old_bytes, size_t old_align,
                          size_t bytes, size_t align) {
    struct mk_mem *from = side(self, old_bytes, old_align), *to = side(self, bytes, align);
    if (from == to) return mk_mem_resize(to, me, block, old_bytes, old_align, bytes, align);
    void *moved = mk_mem_alloc(to, me, bytes, align);
    if (!moved) return NULL;
    memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
    mk_mem_free(from, me, block, old_bytes, old_align);
    return moved;
}

/* ---- doors ----------------------------------------------------------------------------------- */

/* A cache that is served by the door itself. */
static int forward_cache_open(struct mk_mem *mem, struct mk_mem_cache *cache, size_t bytes, size_t align,
                              struct mk_err *err) {
    (void)err;
    cache->self = mem->self;
    cache->alloc = mem->alloc;
    cache->free = mem->free;
    cache->bytes = bytes;
    cache->align = align;
    cache->owner = NULL;
    return 0;
}

static void forward_cache_close(struct mk_mem *mem, struct mk_mem_cache *cache) {
    (void)mem, (void)cache;
}

/* What all doors inside have in common; the calls are the caller's to fill in. */
static void door_init(struct mk_mem *door, void *self, uint32_t threads_max) {
    memset(door, 0, sizeof *door);
    door->self = self;
    door->cache_open = forward_cache_open;
    door->cache_close = forward_cache_close;
    door->threads_max = threads_max;
}

static struct mk_mem *counter_open(struct counter *counter, struct mk_mem *below, struct count *count,
                                   const struct instance *leaf) {
    door_init(&counter->door, counter, below->threads_max);
    counter->door.alloc = counted_alloc;
    counter->door.zalloc = counted_zalloc;
    counter->door.free = counted_free;
    if (below->resize) counter->door.resize = counted_resize;
    if (below->usable) counter->door.usable = counted_usable;
    if (below->footprint) counter->door.footprint = counted_footprint;
    counter->below = below;
    counter->count = count;
    counter->leaf = leaf;
    return &counter->door;
}

static struct mk_mem *split_open(struct split *split, struct mk_mem *fixed, struct mk_mem *others, size_t bytes,
                                 size_t align) {
    door_init(&split->door, split, others->threads_max);
    split->door.alloc = split_alloc;
    split->door.zalloc = split_zalloc;
    split->door.free = split_free;
    split->door.resize = split_resize;
    split->fixed = fixed;
    split->others = others;
    split->bytes = bytes;
    split->align = align;
    return &split->door;
}

/* ---- stacks of allocators ------------------------------------------------------------------- */

/* Creates one more allocator on top of `parent` (NULL for the leaf). Returns its door, or NULL with err
 * set. bytes is 0 for general allocators. */
static struct mk_mem *stack_push(struct stack *stack, const struct mk_memory *memory,
                                 const struct mk_alloc_choice *choice, struct mk_mem *parent, size_t bytes,
                                 size_t align, struct mk_err *err) {
    struct instance *instance = &stack->at[stack->n];
    struct mk_err why = {{0}};
    struct mk_config cfg = {.seed = memory->seed, .params = choice->params, .threads_max = memory->threads_max};
    cfg.object_bytes = bytes;
    cfg.object_align = align;
    instance->impl = choice->impl;
    if (choice->impl->create(&instance->self, parent, &cfg, &why)) {
        mk_fail(err, "%s/%s: %s", choice->impl->kind->name, choice->impl->name, why.text);
        return NULL;
    }
    stack->n++;
    door_init(&instance->door, NULL, memory->threads_max);
    choice->impl->as_mem(instance->self, &instance->door);
    return &instance->door;
}

/* Puts what the n outermost wrappers make of blocks of that size and alignment in their place. */
static void wrappers_ask(const struct mk_memory *memory, size_t n, size_t *bytes, size_t *align) {
    for (size_t i = 0; i < n && *bytes; i++) {
        mk_alloc_asks(memory->chain[i].impl, memory->chain[i].params, bytes, align);
    }
}

/* Wraps all wrappers of the chain around `door`. Returns the outermost door, or NULL with err set. */
static struct mk_mem *stack_wrap(struct stack *stack, const struct mk_memory *memory, struct mk_mem *door,
                                 size_t bytes, size_t align, struct mk_err *err) {
    for (size_t i = memory->wrappers; i-- > 0 && door;) {
        size_t its_bytes = bytes, its_align = align;
        wrappers_ask(memory, i, &its_bytes, &its_align);
        door = stack_push(stack, memory, &memory->chain[i], door, its_bytes, its_align, err);
    }
    return door;
}

/* Destroys all but the `kept` innermost ones. */
static void stack_close(struct stack *stack, size_t kept) {
    while (stack->n > kept) {
        stack->n--;
        stack->at[stack->n].impl->destroy(stack->at[stack->n].self);
    }
}

static void stack_exit(struct stack *stack, struct mk_thread *me) {
    for (size_t i = stack->n; i-- > 0;) stack->at[i].impl->thread_exit(stack->at[i].self, me);
}

static int stack_enter(struct stack *stack, struct mk_thread *me, struct mk_err *err) {
    for (size_t i = 0; i < stack->n; i++) {
        const struct mk_impl *impl = stack->at[i].impl;
        if (!impl->thread_enter(stack->at[i].self, me)) continue;
        while (i-- > 0) stack->at[i].impl->thread_exit(stack->at[i].self, me);
        return mk_fail(err, "%s/%s has no place for thread %u", impl->kind->name, impl->name, me->id);
    }
    return 0;
}

/* From the outside in: what an outer one gives back, an inner one can pass on. */
static void stack_flush(struct stack *stack, struct mk_thread *me) {
    for (size_t i = stack->n; i-- > 0;) stack->at[i].impl->flush(stack->at[i].self, me);
}

/* What is still in quarantine is looked at first. */
uint64_t mk_guard_strays(const struct mk_impl *impl, void *self) {
    static const char *const names[] = {"damaged", "written_after_free", "refused"};
    struct mk_stat stats[STATS_MAX];
    uint64_t strays = 0;
    if (!(impl->caps & MK_GUARDS) || !impl->stats) return 0;
    impl->flush(self, NULL);
    size_t n = impl->stats(self, stats, STATS_MAX);
    for (size_t k = 0; k < n && k < STATS_MAX; k++) {
        for (size_t name = 0; name < sizeof names / sizeof *names; name++) {
            if (strcmp(stats[k].name, names[name]) == 0) strays += stats[k].value;
        }
    }
    return strays;
}

char *mk_strays_text(uint64_t strays) {
    return mk_need_format("its memory was written beside or after its blocks, or freed wrongly: %llu times",
                          (unsigned long long)strays);
}

static uint64_t stack_strays(const struct stack *stack) {
    uint64_t strays = 0;
    for (size_t i = 0; i < stack->n; i++) strays += mk_guard_strays(stack->at[i].impl, stack->at[i].self);
    return strays;
}

/* ---- caches ---------------------------------------------------------------------------------- */

/* Registers the threads that are there already. The caller holds the lock. */
static int cache_enter_all(struct mk_memory *memory, struct cache *cache, struct mk_err *err) {
    for (uint32_t id = 0; id < memory->threads_max; id++) {
        if (!memory->entered[id] || !stack_enter(&cache->stack, memory->entered[id], err)) continue;
        while (id-- > 0) {
            if (memory->entered[id]) stack_exit(&cache->stack, memory->entered[id]);
        }
        return -1;
    }
    return 0;
}

/* Returns the door to a new instance of the fixed-size allocator, with all that wraps it, or NULL. */
static struct mk_mem *cache_stack_up(struct mk_memory *memory, struct cache *cache, size_t bytes, size_t align,
                                     struct mk_err *err) {
    size_t asked_bytes = bytes, asked_align = align;
    wrappers_ask(memory, memory->wrappers, &asked_bytes, &asked_align);
    struct mk_mem *top =
        stack_push(&cache->stack, memory, memory->fixed, memory->leaf_door, asked_bytes, asked_align, err);
    if (top && memory->wrappers) {
        top = split_open(&cache->split, top, memory->leaf_door, asked_bytes, asked_align);
        top = stack_wrap(&cache->stack, memory, top, bytes, align, err);
    }
    if (top && memory->counted) top = counter_open(&cache->asked, top, &memory->asked_count, NULL);
    return top;
}

/* Returns a cache that is on the memory's list, or NULL with err set. */
static struct cache *cache_make(struct mk_memory *memory, size_t bytes, size_t align, struct mk_err *err) {
    struct cache *cache = mk_need(1, sizeof *cache);
    cache->top = cache_stack_up(memory, cache, bytes, align, err);
    pthread_mutex_lock(&memory->lock);
    bool made = cache->top && cache_enter_all(memory, cache, err) == 0;
    if (made) {
        cache->stack.next = memory->stack.next;
        memory->stack.next = &cache->stack;
    }
    pthread_mutex_unlock(&memory->lock);
    if (made) return cache;
    stack_close(&cache->stack, 0);
    free(cache);
    return NULL;
}

static void cache_drop(struct mk_memory *memory, struct cache *cache) {
    struct stack *before = &memory->stack;
    pthread_mutex_lock(&memory->lock);
    while (before->next != &cache->stack) before = before->next;
    before->next = cache->stack.next;
    for (uint32_t id = 0; id < memory->threads_max; id++) {
        if (memory->entered[id]) stack_exit(&cache->stack, memory->entered[id]);
    }
    memory->strays += stack_strays(&cache->stack);
    pthread_mutex_unlock(&memory->lock);
    stack_close(&cache->stack, 0);
    free(cache);
}

uint64_t mk_memory_strays(struct mk_memory *memory) {
    uint64_t strays = memory->strays;
    for (struct stack *stack = &memory->stack; stack; stack = stack->next) strays += stack_strays(stack);
    return strays;
}

static struct mk_memory *memory_of(struct mk_mem *mem) {
    return (struct mk_memory *)((unsigned char *)mem - offsetof(struct mk_memory, mem));
}

static int memory_cache_open(struct mk_mem *mem, struct mk_mem_cache *cache, size_t bytes, size_t align,
                             struct mk_err *err) {
    struct mk_memory *memory = memory_of(mem);
    struct cache *made = NULL;
    if (memory->fixed && bytes <= CACHE_BYTES_MAX && align <= CACHE_ALIGN_MAX) {
        made = cache_make(memory, bytes, align, err);
        if (!made) return -1;
    }
    forward_cache_open(made ? made->top : mem, cache, bytes, align, err);
    cache->owner = made;
    return 0;
}

static void memory_cache_close(struct mk_mem *mem, struct mk_mem_cache *cache) {
    if (cache->owner) cache_drop(memory_of(mem), cache->owner);
    cache->owner = NULL;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Takes the chain apart: wrappers, and behind them a fixed-size allocator (memory->fixed), the leaf with
 * parameters of its own, a general allocator to be put on the leaf (*general), or nothing. */
static int read_chain(struct mk_memory *memory, const struct mk_memory_config *config, struct mk_alloc_choice *leaf,
                      const struct mk_alloc_choice **general, struct mk_err *err) {
    if (!config->fallback) return mk_fail(err, "no allocator is the default one, and memory needs one");
    if (config->chain_n > MK_ALLOC_CHAIN_MAX) {
        return mk_fail(err, "a chain of %zu allocators: %d is the limit", config->chain_n, MK_ALLOC_CHAIN_MAX);
    }
    leaf->impl = config->fallback;
    for (size_t i = 0; i < config->chain_n; i++) {
        const struct mk_impl *impl = config->chain[i].impl;
        memory->chain[i] = config->chain[i];
        if (impl->caps & MK_FLOOR) {
            return mk_fail(err, "%s/%s keeps nothing: no structure can live in its memory", impl->kind->name,
                           impl->name);
        }
        if (impl->caps & MK_WRAPPER) {
            memory->wrappers++;
        } else if (i + 1 < config->chain_n) {
            return mk_fail(err, "%s/%s wraps nothing: it has to be the last of its chain", impl->kind->name,
                           impl->name);
        } else if (impl->caps & MK_FIXED_SIZE) {
            memory->fixed = &memory->chain[i];
        } else if (impl == config->fallback) {
            *leaf = config->chain[i];
        } else {
            *general = &memory->chain[i];
        }
    }
    return 0;
}

/* Builds everything. Returns the door for the structure, or NULL with err set. */
static struct mk_mem *build(struct mk_memory *memory, const struct mk_memory_config *config, struct mk_err *err) {
    struct mk_alloc_choice leaf = {0};
    const struct mk_alloc_choice *general = NULL;
    if (read_chain(memory, config, &leaf, &general, err)) return NULL;
    struct mk_mem *top = stack_push(&memory->stack, memory, &leaf, NULL, 0, 0, err);
    if (top && memory->counted) {
        top = counter_open(&memory->taken, top, &memory->taken_count, &memory->stack.at[0]);
    }
    memory->leaf_door = top;
    if (top && general) top = stack_push(&memory->stack, memory, general, top, 0, 0, err);
    if (top) top = stack_wrap(&memory->stack, memory, top, 0, 0, err);
    if (top && memory->counted) top = counter_open(&memory->asked, top, &memory->asked_count, NULL);
    if (top && memory->fixed && config->object_bytes) {
        struct cache *object = cache_make(memory, config->object_bytes, config->object_align, err);
        if (!object) return NULL;
        top = split_open(&memory->split, object->top, top, config->object_bytes, config->object_align);
    }
    return top;
}

void mk_alloc_asks(const struct mk_impl *impl, const uint64_t *params, size_t *bytes, size_t *align) {
    struct mk_config cfg = {.params = params};
    if (impl->asks) impl->asks(&cfg, bytes, align);
}

struct mk_memory *mk_memory_open(const struct mk_memory_config *config, struct mk_err *err) {
    struct mk_memory *memory = mk_need(1, sizeof *memory);
    memory->threads_max = config->threads_max;
    memory->seed = config->seed;
    memory->counted = config->counted;
    memory->entered = mk_need(config->threads_max + 1, sizeof *memory->entered);
    pthread_mutex_init(&memory->lock, NULL);
    struct mk_mem *top = build(memory, config, err);
    if (!top) {
        mk_memory_close(memory);
        return NULL;
    }
    memory->mem = *top;
    memory->mem.cache_open = memory_cache_open;
    memory->mem.cache_close = memory_cache_close;
    return memory;
}

struct mk_memory_figures mk_memory_close(struct mk_memory *memory) {
    while (memory->stack.next) cache_drop(memory, (struct cache *)memory->stack.next);
    stack_close(&memory->stack, 1);
    struct mk_memory_figures left = mk_memory_figures(memory);
    stack_close(&memory->stack, 0);
    pthread_mutex_destroy(&memory->lock);
    free(memory->entered);
    free(memory);
    return left;
}

void mk_memory_abandon(struct mk_memory *memory) {
    for (struct stack *stack = memory->stack.next, *next; stack; stack = next) {
        next = stack->next;
        free((struct cache *)stack);
    }
    free(memory->entered);
    free(memory);
}

struct mk_mem *mk_memory_mem(struct mk_memory *memory) {
    return &memory->mem;
}

/* Inner allocators before those that stand on them. */
int mk_memory_thread_enter(struct mk_memory *memory, struct mk_thread *me, struct mk_err *err) {
    int failed = 0;
    pthread_mutex_lock(&memory->lock);
    for (struct stack *stack = &memory->stack; stack && !failed; stack = stack->next) {
        failed = stack_enter(stack, me, err);
        for (struct stack *entered = &memory->stack; failed && entered != stack; entered = entered->next) {
            stack_exit(entered, me);
        }
    }
    if (!failed) memory->entered[me->id] = me;
    pthread_mutex_unlock(&memory->lock);
    return failed;
}

void mk_memory_thread_exit(struct mk_memory *memory, struct mk_thread *me) {
    pthread_mutex_lock(&memory->lock);
    memory->entered[me->id] = NULL;
    for (struct stack *stack = memory->stack.next; stack; stack = stack->next) stack_exit(stack, me);
    stack_exit(&memory->stack, me);
    pthread_mutex_unlock(&memory->lock);
}

void mk_memory_flush(struct mk_memory *memory, struct mk_thread *me) {
    pthread_mutex_lock(&memory->lock);
    for (struct stack *stack = memory->stack.next; stack; stack = stack->next) stack_flush(stack, me);
    stack_flush(&memory->stack, me);
    pthread_mutex_unlock(&memory->lock);
}

void mk_memory_each(struct mk_memory *memory, void (*visit)(void *arg, const struct mk_impl *impl, void *self),
                    void *arg) {
    for (size_t i = 0; i < memory->stack.n; i++) visit(arg, memory->stack.at[i].impl, memory->stack.at[i].self);
}

/* (9) relaxed: see (1) */
static uint64_t figure(_Atomic(uint64_t) *count) {
    return atomic_load_explicit(count, memory_order_relaxed);
}

struct mk_memory_figures mk_memory_figures(struct mk_memory *memory) {
    struct count *asked = &memory->asked_count, *taken = &memory->taken_count;
    struct mk_memory_figures figures = {
        .requested_bytes = figure(&asked->bytes),
        .requested_peak_bytes = figure(&asked->peak_bytes),
        .blocks = figure(&asked->blocks),
        .calls = figure(&asked->calls),
        .refused = figure(&asked->refused),
        .structure_bytes = figure(&taken->bytes),
        .structure_peak_bytes = figure(&taken->peak_bytes),
        .structure_blocks = figure(&taken->blocks),
    };
    return figures;
}
