/* hooks_wide.c - what the compiler inserts for atomics of 16 bytes. Outside of schedules they are made of the one
 * operation that needs no library: the compiler's own compare-and-swap. */
#if defined(__x86_64__) && defined(__clang__)
#pragma clang attribute push(__attribute__((target("cx16"))), apply_to = function)
#elif defined(__x86_64__)
#pragma GCC target("cx16")
#endif
#include "runtime.h"

#include "reset.h"

#if defined(__x86_64__) || defined(__aarch64__)

#define PC ((uintptr_t)__builtin_return_address(0))

typedef unsigned __int128 wide;

static struct mk_word word_of(wide value) {
    return (struct mk_word){(uint64_t)value, (uint64_t)(value >> 64)};
}

static wide value_of(struct mk_word word) {
    return (wide)word.high << 64 | word.low;
}

/* Returns what was there before `value` took its place. */
static wide replace(volatile wide *at, wide value) {
    wide seen = 0;
    for (wide was; (was = __sync_val_compare_and_swap(at, seen, value)) != seen;) seen = was;
    return seen;
}

wide __tsan_atomic128_load(const volatile wide *at, int order);
wide __tsan_atomic128_load(const volatile wide *at, int order) {
    if (!mk_rt.on) return __sync_val_compare_and_swap((volatile wide *)at, 0, 0);
    mk_rt.hooks++;
    return value_of(mk_memory_load((uintptr_t)at, sizeof *at, order, PC));
}

void __tsan_atomic128_store(volatile wide *at, wide value, int order);
void __tsan_atomic128_store(volatile wide *at, wide value, int order) {
    mk_reset_written((uintptr_t)at, sizeof value);
    if (!mk_rt.on) {
        replace(at, value);
        return;
    }
    mk_rt.hooks++;
    mk_memory_store((uintptr_t)at, sizeof value, word_of(value), order, PC);
}

wide __tsan_atomic128_exchange(volatile wide *at, wide value, int order);
wide __tsan_atomic128_exchange(volatile wide *at, wide value, int order) {
    mk_reset_written((uintptr_t)at, sizeof value);
    if (!mk_rt.on) return replace(at, value);
    mk_rt.hooks++;
    return value_of(mk_memory_rmw((uintptr_t)at, sizeof value, MK_RMW_EXCHANGE, word_of(value), order, PC));
}

/* Returns what was there. */
static wide compare_exchange(volatile wide *at, wide expected, wide desired, bool weak, int order, int failure,
                             uintptr_t pc, bool *done) {
    mk_reset_written((uintptr_t)at, sizeof desired);
    if (!mk_rt.on) {
        wide was = __sync_val_compare_and_swap(at, expected, desired);
        *done = was == expected;
        return was;
    }
    struct mk_word seen = word_of(expected);
    mk_rt.hooks++;
    *done = mk_memory_cas((uintptr_t)at, sizeof desired, &seen, word_of(desired), weak, order, failure, pc);
    return *done ? expected : value_of(seen);
}

#define COMPARE_EXCHANGE(NAME, WEAK)                                                                              \
    int __tsan_atomic128_compare_exchange_##NAME(volatile wide *at, wide *expected, wide desired, int order,      \
                                                 int failure);                                                    \
    int __tsan_atomic128_compare_exchange_##NAME(volatile wide *at, wide *expected, wide desired, int order,      \
                                                 int failure) {                                                   \
        bool done;                                                                                                \
        wide was = compare_exchange(at, *expected, desired, WEAK, order, failure, PC, &done);                     \
        if (!done) *expected = was;                                                                               \
        return done;                                                                                              \
    }
COMPARE_EXCHANGE(strong, false)
COMPARE_EXCHANGE(weak, true)

/* What clang calls where the result is the value. */
wide __tsan_atomic128_compare_exchange_val(volatile wide *at, wide expected, wide desired, int order, int failure);
wide __tsan_atomic128_compare_exchange_val(volatile wide *at, wide expected, wide desired, int order, int failure) {
    bool done;
    return compare_exchange(at, expected, desired, false, order, failure, PC, &done);
}

#endif

#if defined(__x86_64__) && defined(__clang__)
#pragma clang attribute pop
#endif
