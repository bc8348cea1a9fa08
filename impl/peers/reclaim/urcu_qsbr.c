/* needs: liburcu-qsbr | liburcu-dev */
/* reclaim/urcu_qsbr - userspace RCU, flavour qsbr, off-line between sections: a peer.
 *
 * Source:     liburcu (Mathieu Desnoyers, Paul McKenney et al., IEEE TPDS 2012), quiescent states.
 * Picture:    call_rcu -> thread of the library -> ready -> retired -> ...    freed by threads that retire
 * Parts:      none.
 * Progress:   enter, leave and protect wait-free; retire waits for malloc.
 * Ordering:   the library's.
 * Memory:     48 B for each retired node, by malloc.
 * Limits:     where sections are all that is known of a thread, it has to be off-line between them, or one that idles
 *             would hold up all others: enter and leave cost the going on-line and off-line. A program that says itself
 *             when it is quiescent pays nothing for sections. Garbage is unbounded while a reader stalls.
 */
#define _LGPL_SOURCE
#include <urcu/urcu-qsbr.h>

#define RCU(name) urcu_qsbr_##name
#define RCU_ENTER() urcu_qsbr_thread_online()
#define RCU_LEAVE() urcu_qsbr_thread_offline()
#include "../rcu_flavour.h"

/* The library wants each thread registered once. */
static __thread unsigned qsbr_registered;

static int qsbr_thread_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
    if (!qsbr_registered++) {
        urcu_qsbr_register_thread();
        urcu_qsbr_thread_offline();
    }
    return 0;
}

static void qsbr_thread_exit(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
    if (!--qsbr_registered) urcu_qsbr_unregister_thread();
}

MK_RECLAIM(urcu_qsbr, .summary = "peer: liburcu, flavour qsbr, off-line between sections",
           .caps = MK_UNLINKED_OK | MK_FREES_LATER,
           .progress = {.enter = MK_WAIT_FREE, .retire = MK_BLOCKING}, .create = rcu_create, .destroy = rcu_destroy,
           .thread_enter = qsbr_thread_enter, .thread_exit = qsbr_thread_exit, .enter = rcu_enter, .leave = rcu_leave,
           .protect = rcu_protect, .reserve = rcu_reserve, .retire = rcu_retire, .flush = rcu_flush,
           .stats = rcu_stats);
