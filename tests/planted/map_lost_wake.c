/* map_lost_wake - says that a lock is free without the mutex behind which others look before they wait.
 *
 * bug:       a wake-up is lost: a thread waits for ever for a lock that is free
 * finds:     shared | owned | stable | births | history | map_*
 * rule:      hang
 * flavours:  release debug tsan model
 * pressure:  any
 * single:    passes
 */
#define LOCK lock_waiting
#define UNLOCK unlock_waking
#include "map_striped.h"

/* A lock that waits until it is told that it may be free. */
static void lock_waiting(struct stripe *stripe) {
    pthread_mutex_lock(&stripe->mutex);
    while (atomic_exchange_explicit(&stripe->busy, 1, memory_order_acquire)) {
        pthread_cond_wait(&stripe->freed, &stripe->mutex);
    }
    pthread_mutex_unlock(&stripe->mutex);
}

static void unlock_waking(struct stripe *stripe) {
#ifdef TWIN
    pthread_mutex_lock(&stripe->mutex);
    atomic_store_explicit(&stripe->busy, 0, memory_order_release);
    pthread_mutex_unlock(&stripe->mutex);
#else
    /* between a look at busy and the wait that follows it, too, when nobody hears the signal */
    atomic_store_explicit(&stripe->busy, 0, memory_order_release);
#endif
    pthread_cond_signal(&stripe->freed);
}

MK_MAP(map_lost_wake, STRIPED);
