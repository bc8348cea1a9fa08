/* sync_parts.h - what the files behind sync.h share. Only for sync*.c. */
#ifndef MK_MODEL_SYNC_PARTS_H
#define MK_MODEL_SYNC_PARTS_H

#include "runtime.h"
#include "sync.h"

/* The site of a call, in the function that is called. */
#define MK_SYNC_PC ((uintptr_t)__builtin_return_address(0))

/* ---- objects (sync.c) ------------------------------------------------------------------------ */

enum mk_sync_kind {
    MK_SYNC_MUTEX,
    MK_SYNC_RWLOCK,
    MK_SYNC_SPIN,
    MK_SYNC_COND,
    MK_SYNC_BARRIER,
    MK_SYNC_SEM,
    MK_SYNC_ONCE,
    MK_SYNC_FUTEX
};

/* Threads in the order they came. */
struct mk_sync_queue {
    uint32_t n;
    uint8_t at[MK_RT_THREADS];
};

struct mk_sync_object {
    uintptr_t address;
    uint8_t kind; /* enum mk_sync_kind */
    bool destroyed;
    uint32_t life;     /* counts objects that have been at this address */
    int type;          /* mutex: PTHREAD_MUTEX_*; condition variable: its clock */
    uint32_t waiters;  /* a bit for each thread that waits */
    uint32_t holder;   /* 1 + number of the thread that has it for itself; 0 nobody */
    uint32_t last;     /* 1 + number of who had it for itself last */
    uint32_t depth;    /* how often the holder locked it */
    uintptr_t held_at; /* where it did */
    uint32_t readers;  /* a bit for each thread that holds it for reading */
    uint32_t value;    /* semaphore; once: 2 when it has been carried out */
    uint32_t count, arrived;    /* barrier */
    uintptr_t mutex;            /* condition variable: what those that wait let go of */
    struct mk_sync_queue queue; /* condition variable, futex, barrier: those that nobody has let go yet */
    struct mk_view view;  /* handed over by whoever let it go; barrier: by those that have arrived */
    struct mk_view other; /* reader-writer lock: handed over by readers */
    uint16_t reads[MK_RT_THREADS];     /* how often each thread holds it for reading */
    uintptr_t reads_at[MK_RT_THREADS]; /* and since where */
};

/* "a mutex". */
const char *mk_sync_kind_words(enum mk_sync_kind kind);
/* Who is at work, as mk_rt_who has it. */
const char *mk_sync_me(void);

/* A point, then an atomic access to the object, then the object. Returns it; never NULL, and the same until the end
 * of the schedule. Memory that is no longer there, or an object that was destroyed, is a failure. */
struct mk_sync_object *mk_sync_enter(const volatile void *at, enum mk_sync_kind kind, enum mk_act_kind act,
                                     uintptr_t pc);
/* The object alone. */
struct mk_sync_object *mk_sync_at(const volatile void *at, enum mk_sync_kind kind);

/* It is initialised: a point, a write of all of it. Returns the new object; its memory is zero. */
struct mk_sync_object *mk_sync_init(void *at, enum mk_sync_kind kind, uintptr_t pc);
/* It is destroyed: a point, a write of all of it. A failure while somebody holds it or waits. */
void mk_sync_destroy(void *at, enum mk_sync_kind kind, uintptr_t pc);

/* The thread at work is about to write, or has read, memory of an implementation on behalf of a call. */
void mk_sync_writes(void *at, size_t bytes, uintptr_t pc);
void mk_sync_reads(const void *at, size_t bytes, uintptr_t pc);

/* Counts a visit of a place of the code, and tells the sink what happens there. */
void mk_sync_tell(enum mk_act_kind act, const char *text, uintptr_t address, bool failed, uintptr_t pc);
MK_RT_INLINE void mk_sync_told(enum mk_act_kind act, const char *text, uintptr_t address, bool failed,
                               uintptr_t pc) {
    if (MK_RT_UNLIKELY(mk_rt.sink != NULL)) mk_sync_tell(act, text, address, failed, pc);
}

/* The thread at work gets, or lets go of, a lock that it has for itself. What it let go last itself is known to it:
 * then there is nothing to take in, but its stores still go out. */
MK_RT_INLINE void mk_sync_take(struct mk_sync_object *lock, uintptr_t pc) {
    struct mk_logical *now = mk_rt.now;
    lock->holder = now->number + 1;
    lock->depth = 1;
    lock->held_at = pc;
    if (lock->last == now->number + 1) {
        now->flushed = now->stores;
    } else {
        mk_rt_acquire(&lock->view);
    }
    mk_sync_told(MK_ACT_LOCK, "lock", lock->address, false, pc);
}
void mk_sync_wake(struct mk_sync_object *object);
MK_RT_INLINE void mk_sync_let_go(struct mk_sync_object *lock) {
    lock->last = lock->holder;
    lock->holder = 0;
    mk_rt_release(&lock->view);
    if (MK_RT_UNLIKELY(lock->waiters)) mk_sync_wake(lock);
}

/* ---- waiting (sync.c) ------------------------------------------------------------------------ */

/* When a wait times out. */
struct mk_sync_until {
    uint64_t ns; /* virtual time */
    bool early;  /* it was chosen to: as soon as others have had a turn */
    bool over;   /* it has */
};

/* Returns when `until` is, of an absolute time by a clock, or false where that is none. */
bool mk_sync_until(struct mk_sync_until *until, clockid_t clock, const struct timespec *at, uintptr_t pc);

/* Waits until somebody wakes who waits for the object (or for nothing): the caller looks whether it can go on, and
 * waits again if not. Returns false where the time is over, after one more look. `until`: NULL = for ever. */
bool mk_sync_wait(struct mk_sync_object *object, struct mk_sync_until *until, uintptr_t pc);

/* Wakes one of those that wait for the object; mk_sync_wake: all of them. */
void mk_sync_wake_one(struct mk_sync_object *object, uint32_t number);

/* Wakes those whose time is over, and those that have waited while others spun for long. Called by who spins. */
void mk_sync_expire(void);

/* Steps that threads spin while others wait with a time limit, before that is taken to be over. */
#define MK_SYNC_PATIENCE_STEPS 1000u

/* ---- threads (sync_thread.c) ----------------------------------------------------------------- */

struct mk_sync_thread {
    uint64_t generation; /* the rest is of that schedule */
    bool created;        /* by pthread_create */
    bool ended, detached, joined;
    bool expired;                 /* woken because its time was over */
    uint32_t joiner;              /* 1 + number of who waits for its end; 0 nobody */
    uint32_t joins;               /* 1 + number of whose end it waits for; 0 nobody */
    struct mk_sync_object *waits; /* what it waits for; NULL */
    uintptr_t waits_at;
    bool waits_till;      /* it may time out: at until_ns, and it has waited since that step */
    uint64_t until_ns, since;
    uintptr_t clock_pc;   /* where it looked at a clock last, and how often in a row */
    uint32_t clock_looks;
    uint32_t depth;       /* of its stack of calls, where it begins */
    void *(*start)(void *arg);
    void *arg, *result;
    /* What follows is not cleared. */
    struct mk_view final; /* what it hands over to who joins it, once it has ended */
    jmp_buf exit;
};
struct mk_sync_thread *mk_sync_thread(uint32_t number);
MK_RT_INLINE struct mk_sync_thread *mk_sync_self(void) {
    return mk_sync_thread(mk_rt.now->number);
}

/* A schedule begins: no key is known. */
void mk_sync_keys_begin(void);

/* ---- the system (sync_system.c) -------------------------------------------------------------- */

/* Virtual time, in nanoseconds since the schedule began. */
uint64_t mk_sync_now_ns(void);
/* It is no earlier than that. */
void mk_sync_time_reaches(uint64_t ns);
/* Returns what time it is by virtual time when a clock shows *at. */
uint64_t mk_sync_time_at(clockid_t clock, const struct timespec *at);
/* A schedule begins: time and random numbers start anew. */
void mk_sync_system_begin(void);

/* The futex calls (sync_wait.c). The result is that of the system call, errno set. */
long mk_sync_futex_wait(uint32_t *word, uint32_t value, struct mk_sync_until *until, uintptr_t pc);
long mk_sync_futex_wake(uint32_t *word, uint32_t most, uintptr_t pc);

#endif
