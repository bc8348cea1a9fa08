/* hooks.c - what the compiler inserts into instrumented code: the ThreadSanitizer ABI of gcc and clang, and nothing
 * else. Outside of schedules a hook does what it stands for; that a variable was written is noted there too, so that
 * the next schedule finds it as each other one does. */
#include "runtime.h"

#include <stdatomic.h>

#include "reset.h"

#define PC ((uintptr_t)__builtin_return_address(0))

void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);
void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);
void __tsan_read_range(void *address, size_t bytes);
void __tsan_write_range(void *address, size_t bytes);
void __tsan_vptr_update(void **address, void *value);
void __tsan_vptr_read(void **address);

void __tsan_init(void) {
}

/* ---- functions ------------------------------------------------------------------------------- */

void __tsan_func_entry(void *pc) {
    struct mk_logical *now = mk_rt.now;
    if (!mk_rt.on) return;
    if (now->depth < MK_RT_DEPTH) now->stack[now->depth] = (uintptr_t)pc;
    now->depth++;
}

void __tsan_func_exit(void) {
    if (mk_rt.on && mk_rt.now->depth) mk_rt.now->depth--;
}

/* ---- plain accesses -------------------------------------------------------------------------- */

#define PLAIN_MAX ((uint64_t)1 << 20) /* in a row: no program of a few operations has so many */

/* A loop that no other thread can end: a list that has become a ring, say. */
__attribute__((noreturn, cold)) static void fail_alone(void) {
    mk_rt_fail(MK_FAIL_NO_PROGRESS, 0, "a thread works for ever, and not on anything that others could change");
}

MK_RT_INLINE void plain(uintptr_t address, size_t bytes, bool write, uintptr_t pc) {
    if (write) mk_reset_written(address, bytes);
    if (!mk_rt.on) return;
    mk_rt.hooks++;
    if (MK_RT_UNLIKELY(mk_rt.hooks - mk_rt.hooks_at_point > PLAIN_MAX)) fail_alone();
    mk_heap_check(address, bytes, write, pc);
    mk_race_plain(address, bytes, write, pc);
}

#define PLAIN(NAME, BYTES, WRITE)                     \
    void __tsan_##NAME(void *address);                \
    void __tsan_##NAME(void *address) {               \
        plain((uintptr_t)address, BYTES, WRITE, PC);  \
    }
#define PLAIN_OF_SIZE(BYTES)                     \
    PLAIN(read##BYTES, BYTES, false)             \
    PLAIN(write##BYTES, BYTES, true)             \
    PLAIN(unaligned_read##BYTES, BYTES, false)   \
    PLAIN(unaligned_write##BYTES, BYTES, true)
PLAIN_OF_SIZE(1)
PLAIN_OF_SIZE(2)
PLAIN_OF_SIZE(4)
PLAIN_OF_SIZE(8)
PLAIN_OF_SIZE(16)

void __tsan_read_range(void *address, size_t bytes) {
    if (bytes) plain((uintptr_t)address, bytes, false, PC);
}

void __tsan_write_range(void *address, size_t bytes) {
    if (bytes) plain((uintptr_t)address, bytes, true, PC);
}

/* Of C++: of no interest here. */
void __tsan_vptr_update(void **address, void *value) {
    (void)address, (void)value;
}

void __tsan_vptr_read(void **address) {
    (void)address;
}

/* Volatile is no synchronisation, but those who use it for that mean a relaxed atomic: what they do is ordered by
 * nothing, and torn by nothing. The access itself stays the program's own. */
static void tell_volatile(enum mk_act_kind act, void *address, uint32_t bytes, uintptr_t pc) {
    mk_rt_tell(&(struct mk_event_info){.thread = mk_rt.now->number, .step = (uint32_t)mk_rt.steps, .act = act,
                                       .bytes = bytes, .address = (uintptr_t)address, .pc = pc});
}

#define VOLATILE(NAME, BYTES, WRITE)                                              \
    void __tsan_##NAME(void *address);                                            \
    void __tsan_##NAME(void *address) {                                           \
        if (WRITE) mk_reset_written((uintptr_t)address, BYTES);                   \
        if (!mk_rt.on) return;                                                    \
        mk_rt.hooks++;                                                            \
        mk_rt_point(WRITE ? MK_ACT_STORE : MK_ACT_LOAD, (uintptr_t)address, PC);  \
        mk_heap_check((uintptr_t)address, BYTES, WRITE, PC);                      \
        mk_race_atomic((uintptr_t)address, BYTES, WRITE, PC);                     \
        tell_volatile(WRITE ? MK_ACT_STORE : MK_ACT_LOAD, address, BYTES, PC);    \
    }
#define VOLATILE_OF_SIZE(BYTES)                             \
    VOLATILE(volatile_read##BYTES, BYTES, false)            \
    VOLATILE(volatile_write##BYTES, BYTES, true)            \
    VOLATILE(unaligned_volatile_read##BYTES, BYTES, false)  \
    VOLATILE(unaligned_volatile_write##BYTES, BYTES, true)
VOLATILE_OF_SIZE(1)
VOLATILE_OF_SIZE(2)
VOLATILE_OF_SIZE(4)
VOLATILE_OF_SIZE(8)
VOLATILE_OF_SIZE(16)

/* ---- atomic accesses ------------------------------------------------------------------------- */

MK_RT_INLINE struct mk_word word_of(unsigned __int128 value) {
    return (struct mk_word){(uint64_t)value, (uint64_t)(value >> 64)};
}

MK_RT_INLINE unsigned __int128 value_of(struct mk_word word) {
    return (unsigned __int128)word.high << 64 | word.low;
}

#define ATOMIC_RMW(BITS, TYPE, NAME, WHAT, OUTSIDE)                                                                  \
    TYPE __tsan_atomic##BITS##_##NAME(volatile TYPE *at, TYPE operand, int order);                                   \
    TYPE __tsan_atomic##BITS##_##NAME(volatile TYPE *at, TYPE operand, int order) {                                  \
        mk_reset_written((uintptr_t)at, sizeof operand);                                                             \
        if (!mk_rt.on) return OUTSIDE;                                                                               \
        mk_rt.hooks++;                                                                                               \
        return (TYPE)value_of(mk_memory_rmw((uintptr_t)at, sizeof operand, WHAT, word_of(operand), order, PC));      \
    }

#define ATOMIC_CAS(BITS, TYPE, NAME, WEAK)                                                                           \
    int __tsan_atomic##BITS##_compare_exchange_##NAME(volatile TYPE *at, TYPE *expected, TYPE desired, int order,    \
                                                      int failure);                                                  \
    int __tsan_atomic##BITS##_compare_exchange_##NAME(volatile TYPE *at, TYPE *expected, TYPE desired, int order,    \
                                                      int failure) {                                                 \
        mk_reset_written((uintptr_t)at, sizeof desired);                                                             \
        if (!mk_rt.on) {                                                                                             \
            return __atomic_compare_exchange_n(at, expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);    \
        }                                                                                                            \
        mk_rt.hooks++;                                                                                               \
        struct mk_word wanted = word_of(*expected);                                                                  \
        bool done = mk_memory_cas((uintptr_t)at, sizeof desired, &wanted, word_of(desired), WEAK, order, failure,    \
                                  PC);                                                                               \
        if (!done) *expected = (TYPE)value_of(wanted);                                                               \
        return done;                                                                                                 \
    }

#define ATOMIC(BITS, TYPE)                                                                                           \
    TYPE __tsan_atomic##BITS##_load(const volatile TYPE *at, int order);                                             \
    TYPE __tsan_atomic##BITS##_load(const volatile TYPE *at, int order) {                                            \
        if (!mk_rt.on) return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                                 \
        mk_rt.hooks++;                                                                                               \
        return (TYPE)value_of(mk_memory_load((uintptr_t)at, sizeof(TYPE), order, PC));                               \
    }                                                                                                                \
    void __tsan_atomic##BITS##_store(volatile TYPE *at, TYPE value, int order);                                      \
    void __tsan_atomic##BITS##_store(volatile TYPE *at, TYPE value, int order) {                                     \
        mk_reset_written((uintptr_t)at, sizeof value);                                                               \
        if (!mk_rt.on) {                                                                                             \
            __atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                                           \
            return;                                                                                                  \
        }                                                                                                            \
        mk_rt.hooks++;                                                                                               \
        mk_memory_store((uintptr_t)at, sizeof value, word_of(value), order, PC);                                     \
    }                                                                                                                \
    ATOMIC_RMW(BITS, TYPE, exchange, MK_RMW_EXCHANGE, __atomic_exchange_n(at, operand, __ATOMIC_SEQ_CST))            \
    ATOMIC_RMW(BITS, TYPE, fetch_add, MK_RMW_ADD, __atomic_fetch_add(at, operand, __ATOMIC_SEQ_CST))                 \
    ATOMIC_RMW(BITS, TYPE, fetch_sub, MK_RMW_SUB, __atomic_fetch_sub(at, operand, __ATOMIC_SEQ_CST))                 \
    ATOMIC_RMW(BITS, TYPE, fetch_and, MK_RMW_AND, __atomic_fetch_and(at, operand, __ATOMIC_SEQ_CST))                 \
    ATOMIC_RMW(BITS, TYPE, fetch_or, MK_RMW_OR, __atomic_fetch_or(at, operand, __ATOMIC_SEQ_CST))                    \
    ATOMIC_RMW(BITS, TYPE, fetch_xor, MK_RMW_XOR, __atomic_fetch_xor(at, operand, __ATOMIC_SEQ_CST))                 \
    ATOMIC_RMW(BITS, TYPE, fetch_nand, MK_RMW_NAND, __atomic_fetch_nand(at, operand, __ATOMIC_SEQ_CST))              \
    ATOMIC_CAS(BITS, TYPE, strong, false)                                                                            \
    ATOMIC_CAS(BITS, TYPE, weak, true)                                                                               \
    /* What clang calls where the result is the value: */                                                            \
    TYPE __tsan_atomic##BITS##_compare_exchange_val(volatile TYPE *at, TYPE expected, TYPE desired, int order,       \
                                                    int failure);                                                    \
    TYPE __tsan_atomic##BITS##_compare_exchange_val(volatile TYPE *at, TYPE expected, TYPE desired, int order,       \
                                                    int failure) {                                                   \
        mk_reset_written((uintptr_t)at, sizeof desired);                                                             \
        if (!mk_rt.on) {                                                                                             \
            __atomic_compare_exchange_n(at, &expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);          \
            return expected;                                                                                         \
        }                                                                                                            \
        mk_rt.hooks++;                                                                                               \
        struct mk_word wanted = word_of(expected);                                                                   \
        mk_memory_cas((uintptr_t)at, sizeof desired, &wanted, word_of(desired), false, order, failure, PC);          \
        return (TYPE)value_of(wanted);                                                                               \
    }
ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)
/* hooks_wide.c has those of 16 bytes. */

void __tsan_atomic_thread_fence(int order) {
    if (!mk_rt.on) {
        atomic_thread_fence(memory_order_seq_cst);
        return;
    }
    mk_rt.hooks++;
    mk_memory_fence(order, PC);
}

/* Orders the compiler alone. That it was reached, as the light half of a pair of fences, counts for coverage. */
void __tsan_atomic_signal_fence(int order) {
    (void)order;
    if (mk_rt.on) mk_site_at(PC, MK_ACT_FENCE, memory_order_relaxed, 0)->hits++;
}
