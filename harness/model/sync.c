/* sync.c - objects that threads synchronise by, found by their address, and waiting for them.
 *
 * Objects of earlier schedules are told by their generation, so that none has to be cleared. Their own memory stays
 * as the program has it, apart from what init and destroy write: a lock that was destroyed can be seen there, and
 * what was initialised before the schedule.
 */
#include "sync_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "../record.h"
#include "reset.h"

#define OBJECTS_A_CHUNK 64u
#define TABLE_FIRST 1024u  /* a power of two */
#define DESTROYED 0xdbdbdbdbu /* what the first bytes of an object say that was destroyed */

struct place {
    uintptr_t address;
    struct mk_sync_object *object;
    uint64_t generation;
};

static struct place *table; /* open addressing; what is not of this generation is empty */
static uint32_t table_room;
static unsigned table_shift; /* 64 - log2(table_room) */
static uint32_t objects_n;   /* of this schedule */
static struct mk_sync_object **chunks;
static size_t chunks_n;
static uint64_t generation;  /* of this schedule; not that of runtime.h, so that it is never behind */
static uint32_t limited;     /* a bit for each thread that waits with a time limit */

static const struct {
    const char *words;
    size_t bytes;
} kinds[] = {
    [MK_SYNC_MUTEX] = {"a mutex", sizeof(pthread_mutex_t)},
    [MK_SYNC_RWLOCK] = {"a reader-writer lock", sizeof(pthread_rwlock_t)},
    [MK_SYNC_SPIN] = {"a spin lock", sizeof(pthread_spinlock_t)},
    [MK_SYNC_COND] = {"a condition variable", sizeof(pthread_cond_t)},
    [MK_SYNC_BARRIER] = {"a barrier", sizeof(pthread_barrier_t)},
    [MK_SYNC_SEM] = {"a semaphore", sizeof(sem_t)},
    [MK_SYNC_ONCE] = {"a pthread_once", sizeof(pthread_once_t)},
    [MK_SYNC_FUTEX] = {"a futex", sizeof(uint32_t)},
};

const char *mk_sync_kind_words(enum mk_sync_kind kind) {
    return kinds[kind].words;
}

const char *mk_sync_me(void) {
    return mk_rt_who(mk_rt.now->number);
}

/* ---- the table ------------------------------------------------------------------------------- */

void mk_sync_begin(void) {
    generation++;
    objects_n = 0;
    limited = 0;
    mk_sync_keys_begin();
    mk_sync_system_begin();
}

MK_RT_INLINE struct place *place_of(uintptr_t address) {
    uint64_t hash = (uint64_t)address * 0x9e3779b97f4a7c15u;
    for (uint32_t at = (uint32_t)(hash >> table_shift);; at++) {
        struct place *place = &table[at & (table_room - 1)];
        if (place->generation != generation || place->address == address) return place;
    }
}

static void grow_table(void) {
    struct place *old = table;
    uint32_t old_room = table_room;
    table_room = old_room ? 2 * old_room : TABLE_FIRST;
    table_shift = 64u - (unsigned)__builtin_ctz(table_room);
    table = mk_need(table_room, sizeof *table);
    for (uint32_t i = 0; i < old_room; i++) {
        if (old[i].generation == generation) *place_of(old[i].address) = old[i];
    }
    free(old);
}

/* Objects never move: threads that wait hold on to them. */
static struct mk_sync_object *new_object(void) {
    if (objects_n / OBJECTS_A_CHUNK == chunks_n) {
        struct mk_sync_object **chunk = mk_grow(&chunks, &chunks_n, sizeof *chunks);
        *chunk = mk_need(OBJECTS_A_CHUNK, sizeof **chunk);
    }
    struct mk_sync_object *object = &chunks[objects_n / OBJECTS_A_CHUNK][objects_n % OBJECTS_A_CHUNK];
    objects_n++;
    return object;
}

static struct mk_sync_object *make(uintptr_t address, enum mk_sync_kind kind) {
    if (!table || objects_n >= table_room / 2) grow_table();
    struct place *place = place_of(address);
    if (place->generation != generation) *place = (struct place){address, new_object(), generation};
    struct mk_sync_object *object = place->object;
    uint32_t life = object->life;
    memset(object, 0, sizeof *object);
    object->life = life + 1;
    object->address = address;
    object->kind = (uint8_t)kind;
    return object;
}

/* ---- objects that were not initialised in this schedule ---------------------------------------- */

static bool is_zero(const void *at, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        if (((const unsigned char *)at)[i]) return false;
    }
    return true;
}

/* What lies in the heap of the model was made in this schedule: there it is known whether it was initialised.
 * Static initializers of glibc are zero, apart from the type of mutexes (at 16) and reader-writer locks (at 48). */
static bool looks_initialised(const void *at, enum mk_sync_kind kind) {
    switch (kind) {
    case MK_SYNC_MUTEX: return is_zero(at, 0, 16) && is_zero(at, 20, sizeof(pthread_mutex_t));
    case MK_SYNC_RWLOCK: return is_zero(at, 0, 48);
    case MK_SYNC_COND: return is_zero(at, 0, sizeof(pthread_cond_t));
    case MK_SYNC_SPIN:
    case MK_SYNC_BARRIER:
    case MK_SYNC_SEM: return false;
    default: return true;
    }
}

static void take_over_state(struct mk_sync_object *object, const void *at) {
    int value = 0;
    switch (object->kind) {
    case MK_SYNC_MUTEX: object->type = ((const pthread_mutex_t *)at)->__data.__kind & 3; break;
    case MK_SYNC_BARRIER: object->count = ((const unsigned *)at)[2]; break; /* struct pthread_barrier of glibc */
    case MK_SYNC_SEM:
        if (!sem_getvalue((sem_t *)(uintptr_t)at, &value) && value > 0) object->value = (uint32_t)value;
        break;
    case MK_SYNC_ONCE: object->value = *(const int *)at & 2; break; /* __PTHREAD_ONCE_DONE */
    default: break;
    }
}

/* The object is not known: it was initialised before the schedule, statically, or not at all. */
static struct mk_sync_object *meet(const void *at, enum mk_sync_kind kind) {
    uintptr_t address = (uintptr_t)at;
    if (address - MK_HEAP_BASE < MK_HEAP_BYTES && !looks_initialised(at, kind)) {
        mk_rt_fail(MK_FAIL_MISUSE, address, "%s uses %s that was never initialised", mk_sync_me(),
                   kinds[kind].words);
    }
    struct mk_sync_object *object = make(address, kind);
    take_over_state(object, at);
    return object;
}

/* ---- finding one ----------------------------------------------------------------------------- */

static struct mk_sync_object *known(uintptr_t address) {
    if (!table) return NULL;
    struct place *place = place_of(address);
    return place->generation == generation ? place->object : NULL;
}

__attribute__((noinline)) static struct mk_sync_object *at_slow(const void *at, enum mk_sync_kind kind) {
    const struct mk_sync_object *object = known((uintptr_t)at);
    if (object && object->kind == kind && object->destroyed && *(const uint32_t *)at == DESTROYED) {
        mk_rt_fail(MK_FAIL_MISUSE, (uintptr_t)at, "%s uses %s that was destroyed at {pc 0x%zx}", mk_sync_me(),
                   kinds[kind].words, (size_t)object->held_at);
    }
    return meet(at, kind);
}

struct mk_sync_object *mk_sync_at(const volatile void *at, enum mk_sync_kind kind) {
    struct mk_sync_object *object = known((uintptr_t)at);
    if (MK_RT_LIKELY(object && object->kind == kind && !object->destroyed)) return object;
    return at_slow((const void *)at, kind);
}

struct mk_sync_object *mk_sync_enter(const volatile void *at, enum mk_sync_kind kind, enum mk_act_kind act,
                                     uintptr_t pc) {
    uintptr_t address = (uintptr_t)at;
    mk_rt_point(act, address, pc);
    mk_site_at(pc, act, 0, 0)->hits++;
    mk_heap_check(address, kinds[kind].bytes, true, pc);
    struct mk_sync_object *object = mk_sync_at(at, kind); /* first: that it was destroyed says more than a race */
    mk_race_atomic(address, 4, true, pc);
    return object;
}

void mk_sync_writes(void *at, size_t bytes, uintptr_t pc) {
    mk_heap_check((uintptr_t)at, bytes, true, pc);
    mk_reset_written((uintptr_t)at, bytes);
    mk_race_plain((uintptr_t)at, bytes, true, pc);
}

void mk_sync_reads(const void *at, size_t bytes, uintptr_t pc) {
    mk_heap_check((uintptr_t)at, bytes, false, pc);
    mk_race_plain((uintptr_t)at, bytes, false, pc);
}

static void must_not_be_waited_for(const struct mk_sync_object *object, const char *does) {
    if (!object->waiters) return;
    mk_rt_fail(MK_FAIL_MISUSE, object->address, "%s %s %s that %s waits for", mk_sync_me(), does,
               kinds[object->kind].words, mk_rt_who((uint32_t)__builtin_ctz(object->waiters)));
}

struct mk_sync_object *mk_sync_init(void *at, enum mk_sync_kind kind, uintptr_t pc) {
    mk_rt_point(MK_ACT_STORE, (uintptr_t)at, pc);
    mk_site_at(pc, MK_ACT_STORE, 0, 0)->hits++;
    mk_sync_writes(at, kinds[kind].bytes, pc);
    const struct mk_sync_object *before = known((uintptr_t)at);
    if (before && before->kind == kind && !before->destroyed) must_not_be_waited_for(before, "initialises");
    memset(at, 0, kinds[kind].bytes);
    mk_sync_told(MK_ACT_STORE, "init", (uintptr_t)at, false, pc);
    return make((uintptr_t)at, kind);
}

static void must_not_be_held(const struct mk_sync_object *object) {
    if (!object->holder && !object->readers) return;
    uint32_t who = object->holder ? object->holder - 1 : (uint32_t)__builtin_ctz(object->readers);
    mk_rt_fail(MK_FAIL_MISUSE, object->address, "%s destroys %s that %s holds since {pc 0x%zx}", mk_sync_me(),
               kinds[object->kind].words, who == mk_rt.now->number ? "it" : mk_rt_who(who),
               (size_t)(object->holder ? object->held_at : object->reads_at[who]));
}

void mk_sync_destroy(void *at, enum mk_sync_kind kind, uintptr_t pc) {
    mk_rt_point(MK_ACT_STORE, (uintptr_t)at, pc);
    mk_site_at(pc, MK_ACT_STORE, 0, 0)->hits++;
    mk_heap_check((uintptr_t)at, kinds[kind].bytes, true, pc);
    struct mk_sync_object *object = mk_sync_at(at, kind);
    must_not_be_waited_for(object, "destroys");
    must_not_be_held(object);
    mk_sync_writes(at, kinds[kind].bytes, pc);
    memset(at, 0xdb, kinds[kind].bytes);
    object->destroyed = true;
    object->held_at = pc;
    mk_sync_told(MK_ACT_STORE, "destroy", (uintptr_t)at, false, pc);
}

__attribute__((noinline, cold)) void mk_sync_tell(enum mk_act_kind act, const char *text, uintptr_t address,
                                                  bool failed, uintptr_t pc) {
    mk_rt_tell(&(struct mk_event_info){.thread = mk_rt.now->number, .step = (uint32_t)mk_rt.steps, .act = act,
                                       .failed = failed, .address = address, .pc = pc, .text = text});
}

/* ---- threads --------------------------------------------------------------------------------- */

struct mk_sync_thread *mk_sync_thread(uint32_t number) {
    static struct mk_sync_thread threads[MK_RT_THREADS];
    struct mk_sync_thread *thread = &threads[number];
    if (MK_RT_UNLIKELY(thread->generation != generation)) {
        memset(thread, 0, offsetof(struct mk_sync_thread, final));
        thread->generation = generation;
    }
    return thread;
}

/* ---- waiting --------------------------------------------------------------------------------- */

bool mk_sync_until(struct mk_sync_until *until, clockid_t clock, const struct timespec *at, uintptr_t pc) {
    mk_sync_reads(at, sizeof *at, pc);
    if (at->tv_nsec < 0 || at->tv_nsec >= 1000000000) return false;
    *until = (struct mk_sync_until){.ns = mk_sync_time_at(clock, at)};
    return true;
}

static void begin_waiting(struct mk_sync_object *object, const struct mk_sync_until *until, uintptr_t pc) {
    struct mk_sync_thread *self = mk_sync_self();
    self->waits = object;
    self->waits_at = pc;
    self->waits_till = until != NULL;
    self->until_ns = until ? until->ns : 0;
    self->since = mk_rt.steps;
    self->expired = false;
    object->waiters |= 1u << mk_rt.now->number;
    if (until) limited |= 1u << mk_rt.now->number;
    mk_sync_told(MK_ACT_BLOCK, "waits", object->address, false, pc);
}

static void end_waiting(struct mk_sync_object *object) {
    mk_sync_self()->waits = NULL;
    object->waiters &= ~(1u << mk_rt.now->number);
    limited &= ~(1u << mk_rt.now->number);
}

/* Who was woken still needs what it waited for, unless being woken was all: then it may be gone by now. */
static void must_be_there(const struct mk_sync_object *object, uint32_t life, uintptr_t pc) {
    bool needed = object->kind == MK_SYNC_MUTEX || object->kind == MK_SYNC_RWLOCK || object->kind == MK_SYNC_SPIN ||
                  object->kind == MK_SYNC_SEM;
    if (MK_RT_LIKELY(!needed || (object->life == life && !object->destroyed))) return;
    mk_rt_fail(MK_FAIL_MISUSE, object->address, "%s was destroyed while %s waited for it at {pc 0x%zx}",
               kinds[object->kind].words, mk_sync_me(), (size_t)pc);
}

bool mk_sync_wait(struct mk_sync_object *object, struct mk_sync_until *until, uintptr_t pc) {
    uint32_t life = object->life;
    if (until && (until->over || until->ns <= mk_sync_now_ns())) return false;
    begin_waiting(object, until, pc);
    if (until && until->early) {
        mk_rt_yield(pc);
        until->over = true;
    } else {
        mk_rt_block(kinds[object->kind].words, object->address);
        if (until) until->over = mk_sync_self()->expired;
    }
    end_waiting(object);
    must_be_there(object, life, pc);
    return true;
}

void mk_sync_wake_one(struct mk_sync_object *object, uint32_t number) {
    object->waiters &= ~(1u << number);
    mk_rt_wake(&mk_rt.thread[number]);
}

void mk_sync_wake(struct mk_sync_object *object) {
    while (object->waiters) mk_sync_wake_one(object, (uint32_t)__builtin_ctz(object->waiters));
}

static void expire(uint32_t number) {
    struct mk_sync_thread *thread = mk_sync_thread(number);
    limited &= ~(1u << number);
    thread->expired = true;
    mk_sync_time_reaches(thread->until_ns);
    mk_rt_wake(&mk_rt.thread[number]);
}

bool mk_sync_idle(void) {
    uint32_t first = MK_RT_THREADS;
    for (uint32_t left = limited; left; left &= left - 1) {
        uint32_t number = (uint32_t)__builtin_ctz(left);
        if (mk_rt.thread[number].state != MK_THREAD_BLOCKED) continue;
        if (first == MK_RT_THREADS || mk_sync_thread(number)->until_ns < mk_sync_thread(first)->until_ns) {
            first = number;
        }
    }
    if (first == MK_RT_THREADS) return false;
    expire(first);
    return true;
}

void mk_sync_expire(void) {
    uint64_t now = limited ? mk_sync_now_ns() : 0;
    for (uint32_t left = limited; left; left &= left - 1) {
        uint32_t number = (uint32_t)__builtin_ctz(left);
        const struct mk_sync_thread *thread = mk_sync_thread(number);
        if (mk_rt.thread[number].state != MK_THREAD_BLOCKED) continue;
        if (thread->until_ns <= now || mk_rt.steps - thread->since > MK_SYNC_PATIENCE_STEPS) expire(number);
    }
}

/* ---- who waits for what ---------------------------------------------------------------------- */

/* Appends ", which thread 1 holds since {pc ...}" for each thread of those. */
static size_t say_readers(const struct mk_sync_object *object, char *out, size_t room) {
    size_t n = 0;
    for (uint32_t left = object->readers; left && n < room; left &= left - 1) {
        uint32_t number = (uint32_t)__builtin_ctz(left);
        n += (size_t)snprintf(out + n, room - n, ", which %s holds for reading since {pc 0x%zx}",
                              mk_rt_who(number), (size_t)object->reads_at[number]);
    }
    return n;
}

static void say_state(const struct mk_sync_object *object, char *out, size_t room) {
    if (object->holder) {
        uint32_t number = object->holder - 1;
        snprintf(out, room, ", which %s %s since {pc 0x%zx}%s", mk_rt_who(number),
                 object->kind == MK_SYNC_ONCE ? "carries out" : "holds", (size_t)object->held_at,
                 mk_rt.thread[number].state == MK_THREAD_ENDED ? " and has ended" : "");
    } else if (object->readers) {
        say_readers(object, out, room);
    } else if (object->kind == MK_SYNC_BARRIER) {
        snprintf(out, room, ", where %u of %u have arrived", object->arrived, object->count);
    } else if (object->kind == MK_SYNC_COND || object->kind == MK_SYNC_FUTEX) {
        snprintf(out, room, ", and nobody wakes it");
    } else if (object->kind == MK_SYNC_SEM) {
        snprintf(out, room, ", which is at 0");
    }
}

void mk_sync_describe(uint32_t number, char *out, size_t room) {
    const struct mk_sync_thread *thread = mk_sync_thread(number);
    if (!room) return;
    out[0] = '\0';
    if (thread->joins) {
        snprintf(out, room, "waits for the end of %s at {pc 0x%zx}", mk_rt_who(thread->joins - 1),
                 (size_t)thread->waits_at);
    } else if (thread->waits) {
        int n = snprintf(out, room, "waits for %s at {pc 0x%zx}", kinds[thread->waits->kind].words,
                         (size_t)thread->waits_at);
        if ((size_t)n < room) say_state(thread->waits, out + n, room - (size_t)n);
    }
}
