/* threads.c - who calls: a seat for each thread that allocates, and the gate.
 *
 *     first call      takes a seat (an id of the allocator's), and sets a key whose destructor gives it back. The
 *                     destructor puts itself off until its last round, so that those of others may still allocate.
 *     seat[id].inside 1 while its thread is in the allocator, but for the paths of exports.c that change one
 *                     thread's magazine by one store
 *     lock            seats change under it; and who has no seat (left already, or there are too many) holds it
 *                     while in the allocator
 *     gate            closing = 1, then wait until nobody is inside. The light half of the fence is between
 *                     `inside` and the look at `closing`, the heavy one between `closing` and the looks at `inside`
 *
 * fork closes the gate, so the child's allocator is whole. There, seats of threads that it has not got are given
 * back for them. A thread that ended without its destructor, having taken its seat in the last round of them, is
 * noticed later by its id in the system.
 */
#include "memkit.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define GATE_SPINS 100u /* looks at a thread that is inside, before the one that waits sleeps between them */

static struct mk_memory *memory;
static struct mk_seat seats[MK_SEATS_MAX];
static pid_t tids[MK_SEATS_MAX], process; /* process: whose threads they are */
static uint32_t free_ids[MK_SEATS_MAX], free_n; /* seats that have been taken before */
static uint32_t high;                           /* seats beyond have not */
static uint32_t looked_at;                      /* for threads that are gone */
static struct mk_thread_counts counts;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key;
static bool asymmetric, has_key;
static MK_ATOMIC(uint32_t) closing;
static __thread struct mk_seat *mine;
static __thread bool left;
static __thread bool forking; /* has closed the gate, and may allocate behind it: handlers of fork do */

/* ---- seats: under the lock ---- */

static void give_seat(uint32_t id) {
    mk_memory_thread_exit(memory, &seats[id].me);
    seats[id].taken = false;
    free_ids[free_n++] = id;
    counts.now--;
}

/* Takes back the seat if its thread is gone. The calling thread has none. In a child that was not made by fork the
 * system knows none of them, and yet one is there. */
static void look_at(uint32_t id) {
    if (!seats[id].taken || getpid() != process) return;
    if (syscall(SYS_tgkill, process, tids[id], 0) && errno == ESRCH) give_seat(id);
}

/* Each new thread looks at one other, and so does each call of one that finds no seat. */
static void look_around(void) {
    if (!high) return;
    looked_at = (looked_at + 1) % high;
    look_at(looked_at);
}

static struct mk_seat *take_seat_locked(void) {
    int saved = errno;
    look_around();
    errno = saved;
    if (!free_n && high == MK_SEATS_MAX) return NULL;
    uint32_t id = free_n ? free_ids[free_n - 1] : high;
    struct mk_seat *seat = &seats[id];
    seat->me.id = id;
    if (mk_memory_thread_enter(memory, &seat->me, NULL)) return NULL;
    if (free_n) {
        free_n--;
    } else {
        high++;
    }
    seat->taken = true;
    seat->rounds = 0;
    tids[id] = gettid();
    if (++counts.now > counts.most) counts.most = counts.now;
    return seat;
}

static void leave_seat(struct mk_seat *seat) {
    mk_unseated();
    mine = NULL;
    left = true;
    pthread_mutex_lock(&lock);
    give_seat(seat->me.id);
    pthread_mutex_unlock(&lock);
}

/* Setting a key may allocate: by then there is a seat. */
static struct mk_seat *take_seat(void) {
    if (left || forking) return NULL;
    pthread_mutex_lock(&lock);
    struct mk_seat *seat = take_seat_locked();
    pthread_mutex_unlock(&lock);
    if (!seat) return NULL;
    mine = seat;
    mk_seated(seat);
    if (has_key && pthread_setspecific(key, seat)) leave_seat(seat);
    return mine;
}

static void thread_ends(void *arg) {
    struct mk_seat *seat = arg;
    if (++seat->rounds < PTHREAD_DESTRUCTOR_ITERATIONS && !pthread_setspecific(key, seat)) return;
    leave_seat(seat);
}

/* ---- the gate ---- */

static uint32_t is_inside(struct mk_seat *seat) {
    /* (1) acquire-load synchronizes-with the release-store (2): what its thread did inside */
    return atomic_load_explicit(&seat->inside, memory_order_acquire);
}

static void set_outside(struct mk_seat *seat) {
    /* (2) release-store synchronizes-with the acquire-load (1) */
    atomic_store_explicit(&seat->inside, 0, memory_order_release);
}

static void set_inside(struct mk_seat *seat) {
    for (;;) {
        /* (3) relaxed: the fence orders it before (4) */
        atomic_store_explicit(&seat->inside, 1, memory_order_relaxed);
        mk_fence_light(asymmetric);
        /* (4) acquire-load synchronizes-with the release-store (5): what was done behind the closed gate */
        if (MK_LIKELY(!atomic_load_explicit(&closing, memory_order_acquire)) || forking) return;
        set_outside(seat);
        pthread_mutex_lock(&lock);
        pthread_mutex_unlock(&lock);
    }
}

struct mk_seat *mk_enter(void) {
    struct mk_seat *seat = mine;
    if (MK_UNLIKELY(!seat)) seat = take_seat();
    if (MK_UNLIKELY(!seat)) {
        if (!forking) pthread_mutex_lock(&lock); /* else it has it */
        return NULL;
    }
    set_inside(seat);
    return seat;
}

struct mk_seat *mk_enter_id(uint32_t id) {
    set_inside(&seats[id]);
    return &seats[id];
}

void mk_leave(struct mk_seat *seat) {
    if (MK_LIKELY(seat != NULL)) {
        set_outside(seat);
    } else if (!forking) {
        pthread_mutex_unlock(&lock);
    }
    /* (6) relaxed: a flag of this thread's own signal handler, or a hint */
    if (MK_UNLIKELY(atomic_load_explicit(&mk_summary_due, memory_order_relaxed))) mk_summary_late();
}

/* A thread of lower priority may have to get the processor first, so the one that waits gives way in earnest. */
static void wait_outside(struct mk_seat *seat) {
    const struct timespec pause = {.tv_nsec = 50000};
    for (unsigned spins = 0; is_inside(seat); spins++) {
        if (spins < GATE_SPINS) {
            mk_pause();
        } else {
            nanosleep(&pause, NULL);
        }
    }
}

bool mk_close_gate(bool try) {
    struct mk_seat *seat = mine;
    if (forking || (seat && is_inside(seat))) return false;
    if (try ? pthread_mutex_trylock(&lock) : pthread_mutex_lock(&lock)) return false;
    /* (7) relaxed: the fence orders it before (1) */
    atomic_store_explicit(&closing, 1, memory_order_relaxed);
    if (counts.now > (seat != NULL)) mk_fence_heavy(asymmetric);
    for (uint32_t id = 0; id < high; id++) wait_outside(&seats[id]);
    return true;
}

void mk_open_gate(void) {
    /* (5) release-store synchronizes-with the acquire-load (4) */
    atomic_store_explicit(&closing, 0, memory_order_release);
    pthread_mutex_unlock(&lock);
}

void mk_flush_caller(void) {
    if (!mk_close_gate(false)) return;
    if (mine) mk_memory_flush(memory, &mine->me);
    mk_open_gate();
}

/* ---- fork ---- */

static void before_fork(void) {
    forking = mk_close_gate(false);
}

static void after_fork_parent(void) {
    if (!forking) return;
    counts.forks++;
    forking = false;
    mk_open_gate();
}

static void after_fork_child(void) {
    asymmetric = mk_fence_setup();
    process = getpid();
    if (!forking) return;
    for (uint32_t id = 0; id < high; id++) {
        if (seats[id].taken && &seats[id] != mine) give_seat(id);
    }
    if (mine) tids[mine->me.id] = gettid();
    counts.most = counts.now;
    counts.forks = 0;
    forking = false;
    mk_open_gate();
}

/* ---- life ---- */

void mk_threads_begin(const struct mk_choice *choice) {
    memory = choice->memory;
    process = getpid();
    asymmetric = mk_fence_setup();
    has_key = !pthread_key_create(&key, thread_ends);
    pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

struct mk_thread_counts mk_thread_counts(void) {
    return counts;
}
