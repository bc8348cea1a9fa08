/* mk.h - what every kind of implementation shares: status words, capabilities, configuration,
 * memory handed in, operation streams, the registration record.
 *
 * An implementation is one file, impl/<kind>/<name>.c, that includes its kind's contract
 * (impl/<kind>.h), completes `struct mk_<kind>`, and ends in one registration macro. The macro
 * emits the timed loops inside that file, so that operations inline, and puts a pointer to one
 * `struct mk_impl` into the linker section `mk_impls`, which the harness walks. There is no list
 * to edit. The header compiles as C11 and as C++17.
 */
#ifndef MK_H
#define MK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if __STDC_HOSTED__
#include <stdio.h>
#include <string.h>
#endif

#ifdef __cplusplus
#define MK_EXTERN_C extern "C"
#define MK_STATIC_ASSERT(cond, text) static_assert(cond, text)
#else
#define MK_EXTERN_C extern
#define MK_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#endif

#if !__STDC_HOSTED__
/* Freestanding (-ffreestanding): of the C library these four are all that implementations get. */
MK_EXTERN_C void *memcpy(void *__restrict to, const void *__restrict from, size_t bytes);
MK_EXTERN_C void *memmove(void *to, const void *from, size_t bytes);
MK_EXTERN_C void *memset(void *at, int byte, size_t bytes);
MK_EXTERN_C int memcmp(const void *left, const void *right, size_t bytes);
#endif

/* Raised whenever a struct of the contract headers changes; a plug-in built against another is refused. */
#define MK_ABI 7u

/* Unit of coherence. Two of them where the adjacent-line prefetcher couples neighbours. */
#define MK_CACHE_LINE 64
#define MK_ALIGNED(n) __attribute__((aligned(n)))
#define MK_INLINE static inline __attribute__((always_inline, unused))
#define MK_NOINLINE __attribute__((noinline, unused))
/* Of a short operation (get, contains, at) that compilers would still call rather than inline into the timed loop. Its
 * address is taken, so this can only be demanded where they see through the definition of an implementation, and -Og
 * does not. */
#if defined(__OPTIMIZE__) && !defined(MK_DEBUG)
#define MK_TIMED MK_INLINE
#else
#define MK_TIMED static inline
#endif
#define MK_LIKELY(x) __builtin_expect(!!(x), 1)
#define MK_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* A constant that makes rare paths common in the model flavour, where every schedule counts and a few operations have
 * to reach them: MK_TUNE(64, 2) retired nodes before they are scanned, MK_TUNE(32, 1) blocks in a magazine. `normal` in
 * all other flavours. An implementation has to be correct with either. */
#ifdef MK_MODEL
#define MK_TUNE(normal, model) (model)
#else
#define MK_TUNE(normal, model) (normal)
#endif

/* ---- errors and outcomes ------------------------------------------------------------------ */

/* One human sentence about why a create failed. Owned by the caller, who passes it in. */
struct mk_err {
    char text[256];
};

/* Returns -1, so that `return mk_fail(err, ...)` reads well. err may be NULL. Where there is no C library, err says the
 * format itself. */
__attribute__((format(printf, 2, 3), unused)) static int mk_fail(struct mk_err *err, const char *format, ...) {
    if (err) {
#if __STDC_HOSTED__
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
#else
        size_t n = 0;
        while (n + 1 < sizeof err->text && format[n]) n++;
        memcpy(err->text, format, n);
        err->text[n] = '\0';
#endif
    }
    return -1;
}

/* Outcome of one operation. MISS and HIT are 0 and 1 so that outcomes can be added up. */
enum mk_status {
    MK_MISS = 0,      /* the key was absent; nothing was there to take */
    MK_HIT = 1,       /* the key was present; the operation found what it looked for */
    MK_NO_MEMORY = 2, /* the memory handed in refused; nothing changed */
    MK_REFUSED = 3,   /* an argument the contract forbids (key beyond .key_limit, foreign block) */
    MK_TORN = 4       /* step only: a value came back that nobody has written */
};

/* Progress of one operation, the field's vocabulary. 0 = not stated. */
enum mk_progress {
    MK_PROGRESS_UNSTATED = 0,
    MK_BLOCKING,
    MK_OBSTRUCTION_FREE,
    MK_LOCK_FREE,
    MK_WAIT_FREE
};

/* ---- capabilities ------------------------------------------------------------------------- */

enum mk_cap {
    MK_CONCURRENT = 1 << 0,   /* any number of registered threads may call any operation */
    MK_GROWS = 1 << 1,        /* no fixed capacity */
    MK_DEFAULT = 1 << 2,      /* what the harness takes of this kind when none is named */
    MK_FLOOR = 1 << 3,        /* does nothing: shows what the harness itself costs; never ranked */
    MK_TEST_ONLY = 1 << 4,    /* outside globs: only runs when named */
    MK_WRAPPER = 1 << 5,      /* wraps another of its kind: alloc/failing(alloc/slab) */
    MK_FIXED_SIZE = 1 << 6,   /* alloc: one object size per instance (cfg->object_bytes) */
    MK_BULK_FREE = 1 << 7,    /* alloc: free of one block gives nothing back, reset gives all */
    MK_CROSS_FREE = 1 << 8,   /* alloc: a block may be freed by another thread */
    MK_CHECKS_FREE = 1 << 9,  /* alloc: double and foreign frees are refused */
    MK_NEVER_FREES = 1 << 10, /* reclaim: retired nodes stay until destroy */
    MK_UNLINKED_OK = 1 << 11, /* reclaim: a reader may walk on from an unlinked node */
    MK_BOUNDED = 1 << 12,     /* reclaim: garbage is bounded with a stalled reader */
    MK_ORDERED = 1 << 13,     /* map: scan yields keys in ascending order */
    MK_WEAK = 1 << 14,        /* hash: spreads only keys that are spread already */
    MK_ONE_EACH = 1 << 15,    /* queue: one thread may put in while one other takes out; MK_CONCURRENT implies it */
    MK_FREES_LATER = 1 << 16, /* reclaim: a thread of its own frees; what waits depends on when that one runs */
    /* alloc: notices writes before and behind a block, and into a freed one; its stats say how many it met:
     * "damaged", "written_after_free", and "refused" frees */
    MK_GUARDS = 1 << 17,
    MK_REWINDS = 1 << 18,     /* alloc: takes back at once what was allocated since a mark */
    MK_CONSTRUCTS = 1 << 19   /* alloc: hands out blocks as cfg->construct has left them, once */
};

/* ---- parameters --------------------------------------------------------------------------- */

enum mk_param_type { MK_PARAM_NUMBER, MK_PARAM_CHOICE };

/* A declared variant of one implementation, part of its identity: map/sharded[shards=16].
 * A list ends with an entry whose name is NULL. Values arrive in cfg->params, in list order:
 * the number itself, or the index of the choice. */
struct mk_param {
    const char *name;
    enum mk_param_type type;
    const char *preset;   /* default, as text */
    uint64_t min, max;    /* NUMBER: inclusive */
    const char *choices;  /* CHOICE: all of them; NUMBER: those that [*] stands for; "a|b|c" */
    const char *help;
};

/* ---- threads and memory ------------------------------------------------------------------- */

struct mk_blocks;
struct mk_mem_cache;

/* A registered thread. `id` is dense, recycled after thread_exit, and below cfg->threads_max. */
struct mk_thread {
    uint32_t id;
    uint32_t reserved;
    struct mk_blocks *blocks; /* kind alloc: the thread's live blocks; NULL elsewhere */
};

/* Memory as a structure sees it: a door to some allocator. The calls through `alloc` and `free`
 * are the only calls through pointers that an operation may make. */
struct mk_mem {
    void *self;
    void *(*alloc)(void *self, struct mk_thread *me, size_t bytes, size_t align);
    void *(*zalloc)(void *self, struct mk_thread *me, size_t bytes, size_t align);
    void (*free)(void *self, struct mk_thread *me, void *block, size_t bytes, size_t align);
    /* Makes a typed cache in *cache (caller's storage). Returns 0, or -1 with err set. */
    int (*cache_open)(struct mk_mem *mem, struct mk_mem_cache *cache, size_t bytes, size_t align,
                      struct mk_err *err);
    void (*cache_close)(struct mk_mem *mem, struct mk_mem_cache *cache);
    uint32_t threads_max;
    /* For wrappers, as in alloc.h. NULL: the allocator below has no such call. */
    void *(*resize)(void *self, struct mk_thread *me, void *block, size_t old_bytes, size_t old_align, size_t bytes,
                    size_t align);
    size_t (*usable)(void *self, void *block, size_t bytes);
    size_t (*footprint)(void *self, void *block, size_t bytes);
};

/* Blocks of one size. Fixed-size allocators serve caches; other ones forward to their door. */
struct mk_mem_cache {
    void *self;
    void *(*alloc)(void *self, struct mk_thread *me, size_t bytes, size_t align);
    void (*free)(void *self, struct mk_thread *me, void *block, size_t bytes, size_t align);
    size_t bytes, align;
    void *owner; /* whoever opened it keeps its handle here */
};

#ifdef MK_MEM_DIRECT
/* The disassembly test builds implementations so: whatever call through a pointer is then left
 * in a batch is not memory. */
MK_EXTERN_C void *mk_direct_alloc(const void *door, struct mk_thread *me, size_t bytes, size_t align);
MK_EXTERN_C void mk_direct_free(const void *door, struct mk_thread *me, void *block, size_t bytes, size_t align);
#define MK_CALL_ALLOC(door, me, bytes, align) mk_direct_alloc(door, me, bytes, align)
#define MK_CALL_ZALLOC(door, me, bytes, align) mk_direct_alloc(door, me, bytes, align)
#define MK_CALL_FREE(door, me, block, bytes, align) mk_direct_free(door, me, block, bytes, align)
#else
#define MK_CALL_ALLOC(door, me, bytes, align) (door)->alloc((door)->self, me, bytes, align)
#define MK_CALL_ZALLOC(door, me, bytes, align) (door)->zalloc((door)->self, me, bytes, align)
#define MK_CALL_FREE(door, me, block, bytes, align) (door)->free((door)->self, me, block, bytes, align)
#endif

/* Returns a block of at least `bytes` bytes (> 0) whose address is a multiple of `align` (a power
 * of two), or NULL. Contents are undefined. `me` may be NULL before threads exist. */
MK_INLINE void *mk_mem_alloc(struct mk_mem *mem, struct mk_thread *me, size_t bytes, size_t align) {
    return MK_CALL_ALLOC(mem, me, bytes, align);
}

/* As mk_mem_alloc, filled with zero bytes. */
MK_INLINE void *mk_mem_zalloc(struct mk_mem *mem, struct mk_thread *me, size_t bytes, size_t align) {
    return MK_CALL_ZALLOC(mem, me, bytes, align);
}

/* Gives back a block of mk_mem_alloc with the very size and alignment it was asked for. */
MK_INLINE void mk_mem_free(struct mk_mem *mem, struct mk_thread *me, void *block, size_t bytes, size_t align) {
    MK_CALL_FREE(mem, me, block, bytes, align);
}

/* Returns the block, moved or not, now of `bytes` at a multiple of `align`, its first bytes kept, or NULL: the old one
 * stands. In place wherever the allocator below can. */
MK_INLINE void *mk_mem_resize(struct mk_mem *mem, struct mk_thread *me, void *block, size_t old_bytes,
                              size_t old_align, size_t bytes, size_t align) {
    if (mem->resize) return mem->resize(mem->self, me, block, old_bytes, old_align, bytes, align);
    void *moved = mk_mem_alloc(mem, me, bytes, align);
    if (!moved) return NULL;
    memcpy(moved, block, old_bytes < bytes ? old_bytes : bytes);
    mk_mem_free(mem, me, block, old_bytes, old_align);
    return moved;
}

/* Returns how many bytes of a block of mk_mem_alloc may be used, `bytes` at least. */
MK_INLINE size_t mk_mem_usable(struct mk_mem *mem, void *block, size_t bytes) {
    return mem->usable ? mem->usable(mem->self, block, bytes) : bytes;
}

/* Returns how many bytes it takes up, as far as that is known, `bytes` at least. */
MK_INLINE size_t mk_mem_footprint(struct mk_mem *mem, void *block, size_t bytes) {
    return mem->footprint ? mem->footprint(mem->self, block, bytes) : bytes;
}

MK_INLINE int mk_mem_cache_open(struct mk_mem *mem, struct mk_mem_cache *cache, size_t bytes, size_t align,
                                struct mk_err *err) {
    return mem->cache_open(mem, cache, bytes, align, err);
}

MK_INLINE void mk_mem_cache_close(struct mk_mem *mem, struct mk_mem_cache *cache) {
    mem->cache_close(mem, cache);
}

/* Returns one block of the cache's size, or NULL. */
MK_INLINE void *mk_mem_cache_alloc(struct mk_mem_cache *cache, struct mk_thread *me) {
    return MK_CALL_ALLOC(cache, me, cache->bytes, cache->align);
}

MK_INLINE void mk_mem_cache_free(struct mk_mem_cache *cache, struct mk_thread *me, void *block) {
    MK_CALL_FREE(cache, me, block, cache->bytes, cache->align);
}

/* What create is told. Fields a kind does not use are zero. */
struct mk_config {
    uint64_t capacity;      /* elements expected; 0 = unknown */
    uint64_t seed;          /* of hashes and of random choices inside the instance */
    const uint64_t *params; /* values of the declared parameters, in their order */
    uint32_t threads_max;   /* ids are below this */
    uint32_t value_bytes;   /* map: of mk_value */
    size_t object_bytes;    /* alloc, MK_FIXED_SIZE: size of every block */
    size_t object_align;    /* ... and its alignment */
    /* alloc, MK_CONSTRUCTS: brings a block into the state in which it is handed out and given back. NULL: none.
     * Called once for a block, before it is first handed out, by whichever thread needs it; again when nobody knows
     * its state any more, as after reset. Changes the block alone, so nothing has to be destructed, and calls no
     * allocator. */
    void (*construct)(void *block, size_t bytes);
};

/* ---- operations --------------------------------------------------------------------------- */

/* In a stream an operation is 8 bytes: its code in the low 4 bits, its operand above. For kinds
 * with keys the operand is the key (so streams draw keys below 2^60; step takes all of them); for
 * kind alloc it is a slot (30 bits) and a size in bytes (30 bits). */
#define MK_OPS_MAX 16
#define MK_CODE_BITS 4
#define MK_CODE_MASK 15u
#define MK_SLOT_BITS 30
#define MK_SLOT_MASK ((1u << MK_SLOT_BITS) - 1)
#define MK_PACK(code, operand) ((uint64_t)(operand) << MK_CODE_BITS | (uint64_t)(code))
#define MK_PACK_BLOCK(code, slot, bytes) MK_PACK(code, (uint64_t)(bytes) << MK_SLOT_BITS | (uint64_t)(slot))
#define MK_CODE(word) ((unsigned)((word) & MK_CODE_MASK))
#define MK_OPERAND(word) ((word) >> MK_CODE_BITS)
#define MK_SLOT(word) ((uint32_t)(MK_OPERAND(word) & MK_SLOT_MASK))
#define MK_BYTES(word) ((uint32_t)(MK_OPERAND(word) >> MK_SLOT_BITS))

/* What a batch leaves behind. Attempted operations are counted from the stream, not here. */
struct mk_tally {
    uint64_t hits[MK_OPS_MAX]; /* by code: how many returned MK_HIT */
    uint64_t failed;           /* MK_NO_MEMORY and MK_REFUSED, over all codes */
    uint64_t sum;              /* of values seen; keeps loads alive, and lets batch and step be compared */
};

/* One operation for `step`: the checked door. */
struct mk_op {
    unsigned code;
    uint64_t key;   /* map, hash, reclaim: the key; alloc: slot */
    uint64_t value; /* map: the tag that the value encodes; alloc: bytes */
    uint64_t align; /* alloc: alignment; 0 = natural (16) */
};

struct mk_result {
    enum mk_status status;
    uint64_t value;    /* map get/remove: tag of the value found; hash: the hash; alloc: the address */
    uint64_t previous; /* map put: tag of the value replaced, where status is MK_HIT */
};

enum mk_operand {
    MK_OPERAND_NONE,
    MK_OPERAND_KEY,   /* drawn from the workload's key distribution */
    MK_OPERAND_FRESH, /* the next key that was never used */
    MK_OPERAND_BLOCK  /* a slot and a size, by the block pattern */
};

/* What an operation does to the set of keys: lets the harness work out what a script implies. */
enum mk_effect { MK_EFFECT_NONE, MK_EFFECT_READ, MK_EFFECT_ADD, MK_EFFECT_ADD_IF_ABSENT, MK_EFFECT_REMOVE };

/* An operation as a workload file names it. Several names may share a code (put and insert). */
struct mk_op_desc {
    const char *name; /* NULL ends the list */
    unsigned code;    /* the word it puts into the stream ... */
    unsigned second;  /* ... and a second one behind it, same operand; MK_NO_CODE = none */
    enum mk_operand operand;
    enum mk_effect effect;
    unsigned units; /* what ns per operation is divided by, a word: records, nodes; 1 mostly */
    const char *help;
};
#define MK_NO_CODE MK_OPS_MAX

struct mk_kind {
    const char *name;
    const char *summary;
    const struct mk_op_desc *ops;
    bool dense_keys; /* keys are indices 0 .. capacity-1: streams do not scatter them */
};

/* ---- the record --------------------------------------------------------------------------- */

struct mk_stat {
    const char *name;
    uint64_t value;
};

typedef void mk_visit_fn(void *arg, uint64_t key, uint64_t value_tag);
typedef void mk_batch_fn(void *self, struct mk_thread *me, const uint64_t *stream, size_t n,
                         struct mk_tally *tally);

/* Everything the harness knows of an implementation: filled by the function that the registration
 * macro emits, never written by hand. */
struct mk_impl {
    const struct mk_kind *kind;
    const char *name;
    const char *file;   /* its __FILE__ */
    const char *parts;  /* compile-time parts, "reclaim/ebr hash/fold"; "" for none */
    const char *chosen; /* those that differ from the defaults, as in the identity: "+hash/sip13" */
    const char *summary;
    uint64_t caps;
    uint64_t needs;    /* capabilities its parts must have, or the pair is unsound */
    uint64_t provides; /* capabilities its parts do have */
    uint64_t key_limit; /* keys at or above it are refused; 0 = none */
    const char *key_limit_param; /* the parameter whose value an instance's own limit is; NULL = key_limit is */
    const struct mk_param *params;
    uint32_t value_bytes; /* map: the instantiation; 0 elsewhere */
    uint32_t offers;      /* bit per operation code */
    uint32_t must_offer;  /* those a registration may not leave out */
    bool must_count;      /* nor may it leave out count and walk */
    uint8_t progress[MK_OPS_MAX];

    int (*create)(void **self, struct mk_mem *mem, const struct mk_config *cfg, struct mk_err *err);
    void (*destroy)(void *self);
    int (*thread_enter)(void *self, struct mk_thread *me); /* 0, or -1 when no place is left */
    void (*thread_exit)(void *self, struct mk_thread *me);
    void (*flush)(void *self, struct mk_thread *me); /* at quiescence: give back all that can be */
    uint64_t (*count)(void *self);                   /* at quiescence */
    void (*walk)(void *self, mk_visit_fn *visit, void *arg);
    size_t (*stats)(void *self, struct mk_stat *out, size_t room); /* returns how many there are */
    void (*hold)(void *self, struct mk_thread *me);   /* stand in a read-side section ... */
    void (*unhold)(void *self, struct mk_thread *me); /* ... and leave it */

    mk_batch_fn *batch;                    /* any stream */
    mk_batch_fn *batch_of[MK_OPS_MAX];     /* a run of one operation; NULL = use batch */
    void (*step)(void *self, struct mk_thread *me, const struct mk_op *op, struct mk_result *result);

    /* kind alloc: opens the instance as memory for others; footprint in bytes of one live block */
    void (*as_mem)(void *self, struct mk_mem *mem);
    size_t (*footprint)(void *self, void *block, size_t bytes);
    void (*reset)(void *self);
    /* wrappers, or NULL: what is asked of the parent for a block of *bytes at *align, put in their place */
    void (*asks)(const struct mk_config *cfg, size_t *bytes, size_t *align);
};

typedef void mk_describe_fn(struct mk_impl *impl);

/* What the linker section `mk_impls` holds pointers to. */
struct mk_entry {
    uint32_t abi;
    uint32_t impl_bytes; /* sizeof(struct mk_impl): catches a forgotten MK_ABI */
    const char *name;
    const char *file;
    const char *parts;
    const char *chosen;
    mk_describe_fn *describe;
};

struct mk_scenario; /* scenario.h */

/* Where the variables of implementations lie, for the model flavour, which sets them back before each schedule; NULL
 * in all other flavours, and where there are none. */
struct mk_plugin_variables {
    unsigned char *data, *data_end; /* initialised */
    unsigned char *bss, *bss_end;   /* zero */
    const unsigned char *made, *made_end; /* a byte each object file: 1 where it has thread-local ones too */
};

/* What a plug-in exports, once, under the name `mk_plugin`. */
struct mk_plugin {
    uint32_t abi;
    uint32_t impl_bytes;
    uint64_t header_hash;
    const char *flavour;
    uint64_t optimised; /* 0 or 1 */
    const struct mk_entry *const *begin, *const *end;
    void (**point_hook)(unsigned line); /* its own mk_point_hook; NULL: compiled without points */
    const struct mk_scenario *const *scenarios, *const *scenarios_end;
    struct mk_plugin_variables variables;
};

/* Set by make from the file-top `parts:` line, and by memkit.pc for plug-ins. */
#ifndef MK_PARTS
#define MK_PARTS ""
#endif
#ifndef MK_CHOSEN
#define MK_CHOSEN ""
#endif
#ifndef MK_FLAVOUR
#define MK_FLAVOUR "release"
#endif
#ifndef MK_HEADER_HASH
#define MK_HEADER_HASH 0
#endif
#ifdef __OPTIMIZE__
#define MK_OPTIMISED 1
#else
#define MK_OPTIMISED 0
#endif

#ifdef MK_POINTS
/* Called, while it is set, around the atomic operations and locks of implementations in C (order.h), with the line of
 * the source. One for the program and one for each plug-in; changed while no thread is at work. */
MK_EXTERN_C void (*mk_point_hook)(unsigned line) __attribute__((weak, visibility("hidden")));
void (*mk_point_hook)(unsigned line) __attribute__((weak, visibility("hidden")));
#define MK_POINT_HOOK &mk_point_hook
#else
#define MK_POINT_HOOK NULL
#endif

#ifdef MK_MODEL
/* scripts/model_object puts them into sections of these names. */
#define MK_SECTION_BOUND MK_EXTERN_C unsigned char __attribute__((weak, visibility("hidden")))
MK_SECTION_BOUND __start_mk_model_data[], __stop_mk_model_data[];
MK_SECTION_BOUND __start_mk_model_bss[], __stop_mk_model_bss[];
MK_SECTION_BOUND __start_mk_model_made[], __stop_mk_model_made[];
#define MK_VARIABLES                                                                                       \
    {__start_mk_model_data, __stop_mk_model_data,  __start_mk_model_bss, __stop_mk_model_bss,              \
     __start_mk_model_made, __stop_mk_model_made}
#else
#define MK_VARIABLES {NULL, NULL, NULL, NULL, NULL, NULL}
#endif

#ifdef MK_PLUGIN
MK_EXTERN_C const struct mk_entry *const __start_mk_impls[] __attribute__((weak, visibility("hidden")));
MK_EXTERN_C const struct mk_entry *const __stop_mk_impls[] __attribute__((weak, visibility("hidden")));
MK_EXTERN_C const struct mk_scenario *const __start_mk_scenarios[] __attribute__((weak, visibility("hidden")));
MK_EXTERN_C const struct mk_scenario *const __stop_mk_scenarios[] __attribute__((weak, visibility("hidden")));
/* Weak: every file of a plug-in has it, whatever it registers. */
MK_EXTERN_C const struct mk_plugin mk_plugin __attribute__((weak, visibility("default")));
const struct mk_plugin mk_plugin = {
    MK_ABI,           (uint32_t)sizeof(struct mk_impl), MK_HEADER_HASH, MK_FLAVOUR,           MK_OPTIMISED,
    __start_mk_impls, __stop_mk_impls,                  MK_POINT_HOOK,  __start_mk_scenarios, __stop_mk_scenarios,
    MK_VARIABLES};
#endif

/* Puts a pointer to one entry where the harness looks. A pointer, because the linker and the
 * sanitizers pad records but not pointers. */
#define MK_REGISTER(NAME, DESCRIBE)                                                                     \
    static const struct mk_entry mk_entry_here = {                                                      \
        MK_ABI, (uint32_t)sizeof(struct mk_impl), NAME, __FILE__, MK_PARTS, MK_CHOSEN, DESCRIBE};       \
    static const struct mk_entry *const mk_registered __attribute__((used, section("mk_impls"))) =      \
        &mk_entry_here

/* A definition the header's loops use and the file gives at its end: a tentative definition in C,
 * an anonymous-namespace declaration in C++. Constant, so calls through it inline. */
#ifdef __cplusplus
#define MK_DEFINE_LATER(TYPE, NAME) \
    namespace {                     \
    extern const TYPE NAME;         \
    }
#define MK_DEFINE(TYPE, NAME, ...)  \
    namespace {                     \
    const TYPE NAME = {__VA_ARGS__}; \
    }
#else
#define MK_DEFINE_LATER(TYPE, NAME) static const TYPE NAME
#define MK_DEFINE(TYPE, NAME, ...) static const TYPE NAME = {__VA_ARGS__}
#endif
/* A door is called through struct mk_impl, never inlined into the harness. */
#define MK_DOOR static __attribute__((unused))

/* ---- small helpers every kind's loops use ------------------------------------------------- */

/* Returns a 64-bit mix of x, a bijection (the finaliser of splitmix64: Steele, Lea, Flood 2014). */
MK_INLINE uint64_t mk_mix64(uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

#endif
