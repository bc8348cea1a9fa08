/* main.c - a program without a C library: takes the map that is linked to it, gives it memory from a static array, and
 * uses it. Its exit status is 0, or the line of what went wrong (modulo 255, plus 1).
 */
#include "../../impl/mk.h"

#include "../../impl/map.h"

#define ARENA_BYTES (64u << 20)
#define KEYS 5000

extern const struct mk_entry *const __start_mk_impls[] __attribute__((visibility("hidden")));
extern const struct mk_entry *const __stop_mk_impls[] __attribute__((visibility("hidden")));

static unsigned char arena[ARENA_BYTES] MK_ALIGNED(4096);
static size_t used;
static uint64_t blocks; /* given out and not yet back */

/* ---- what implementations may have of the C library ------------------------------------------ */

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    unsigned char *at = to;
    for (size_t i = 0; i < bytes; i++) at[i] = ((const unsigned char *)from)[i];
    return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
    unsigned char *at = to;
    const unsigned char *source = from;
    if (at < source) return memcpy(to, from, bytes);
    while (bytes--) at[bytes] = source[bytes];
    return to;
}

void *memset(void *at, int byte, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) ((unsigned char *)at)[i] = (unsigned char)byte;
    return at;
}

int memcmp(const void *left, const void *right, size_t bytes) {
    const unsigned char *a = left, *b = right;
    for (size_t i = 0; i < bytes; i++) {
        if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    }
    return 0;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void *take(void *self, struct mk_thread *me, size_t bytes, size_t align) {
    size_t at = (used + align - 1) & ~(align - 1);
    (void)self, (void)me;
    if (at + bytes > ARENA_BYTES) return NULL;
    used = at + bytes;
    blocks++;
    return arena + at;
}

static void give(void *self, struct mk_thread *me, void *block, size_t bytes, size_t align) {
    (void)self, (void)me, (void)block, (void)bytes, (void)align;
    blocks--;
}

static int open_cache(struct mk_mem *mem, struct mk_mem_cache *cache, size_t bytes, size_t align,
                      struct mk_err *err) {
    (void)err;
    *cache = (struct mk_mem_cache){mem->self, take, give, bytes, align, NULL};
    return 0;
}

static void close_cache(struct mk_mem *mem, struct mk_mem_cache *cache) {
    (void)mem, (void)cache;
}

/* ---- the map --------------------------------------------------------------------------------- */

#define MUST(WHAT)                                  \
    do {                                            \
        if (!(WHAT)) return __LINE__ % 255 + 1;     \
    } while (0)

static bool same(const char *a, const char *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i]) return false;
    }
    return b[n] == '\0' || b[n] == '|';
}

/* The value that is used where none is given: a number, or which of the choices it is. */
static uint64_t preset_of(const struct mk_param *param) {
    size_t n = 0;
    uint64_t value = 0;
    while (param->preset[n]) n++;
    if (param->type == MK_PARAM_NUMBER) {
        for (size_t i = 0; i < n; i++) value = value * 10 + (uint64_t)(param->preset[i] - '0');
        return value;
    }
    for (const char *at = param->choices; !same(param->preset, at, n); value++) {
        while (*at++ != '|') continue;
    }
    return value;
}

static struct mk_result act(const struct mk_impl *impl, void *map, struct mk_thread *me, unsigned code, uint64_t key) {
    struct mk_op op = {.code = code, .key = key * 0x9e3779b97f4a7c15u, .value = key + 7};
    struct mk_result result;
    impl->step(map, me, &op, &result);
    return result;
}

/* Puts, gets and removes; what is there at last is what was not removed. */
static int use(const struct mk_impl *impl, void *map, struct mk_thread *me) {
    for (uint64_t key = 0; key < KEYS; key++) MUST(act(impl, map, me, MK_MAP_PUT, key).status == MK_MISS);
    for (uint64_t key = 0; key < KEYS; key++) MUST(act(impl, map, me, MK_MAP_PUT, key).previous == key + 7);
    for (uint64_t key = 0; key < KEYS; key += 2) MUST(act(impl, map, me, MK_MAP_REMOVE, key).value == key + 7);
    for (uint64_t key = 0; key < 2 * KEYS; key++) {
        struct mk_result got = act(impl, map, me, MK_MAP_GET, key);
        bool there = key < KEYS && key % 2;
        MUST(got.status == (there ? MK_HIT : MK_MISS));
        MUST(!there || got.value == key + 7);
    }
    MUST(impl->count(map) == KEYS / 2);
    return 0;
}

static int run(void) {
    struct mk_impl impl = {0};
    struct mk_mem mem = {.alloc = take, .zalloc = take, .free = give, .cache_open = open_cache,
                         .cache_close = close_cache, .threads_max = 1}; /* the array is zero */
    struct mk_thread me = {0};
    struct mk_err err = {{0}};
    uint64_t params[8] = {0};
    struct mk_config cfg = {.seed = 3, .params = params, .threads_max = 1, .value_bytes = 8};
    void *map = NULL;
    MUST(__stop_mk_impls - __start_mk_impls == 1);
    __start_mk_impls[0]->describe(&impl);
    for (size_t i = 0; impl.params && impl.params[i].name; i++) params[i] = preset_of(&impl.params[i]);
    MUST(impl.create(&map, &mem, &cfg, &err) == 0);
    MUST(impl.thread_enter(map, &me) == 0);
    int failed = use(&impl, map, &me);
    if (failed) return failed;
    impl.thread_exit(map, &me);
    impl.destroy(map);
    MUST(blocks == 0);
    mem.alloc = mem.zalloc = NULL;
    MUST(mk_fail(&err, "no %s", "more") == -1 && err.text[0] == 'n' && err.text[4] == 's');
    return 0;
}

/* ---- the system ------------------------------------------------------------------------------ */

void _start(void);

__attribute__((noreturn, force_align_arg_pointer)) void _start(void) {
    long status = run();
    for (;;) __asm__ volatile("syscall" : : "a"(231L), "D"(status) : "rcx", "r11", "memory"); /* exit_group */
}
