/* needs: liburcu-memb | liburcu-dev */
/* reclaim/urcu_memb - userspace RCU, flavour memb: a peer.
 *
 * Source:     liburcu (Mathieu Desnoyers, Paul McKenney et al., IEEE TPDS 2012): sections announce themselves by plain
 *             stores, grace periods by membarrier.
 * Picture:    call_rcu -> thread of the library -> ready -> retired -> ...    freed by threads that retire
 * Parts:      none.
 * Progress:   enter, leave and protect wait-free; retire waits for malloc.
 * Ordering:   the library's.
 * Memory:     48 B for each retired node, by malloc.
 * Limits:     garbage is unbounded while a reader stalls.
 */
#define _LGPL_SOURCE
#include "../urcu.h"

#define RCU(name) urcu_memb_##name
#define RCU_ENTER() urcu_memb_read_lock()
#define RCU_LEAVE() urcu_memb_read_unlock()
#include "../rcu_flavour.h"

static int memb_thread_enter(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
    mk_urcu_enter();
    return 0;
}

static void memb_thread_exit(struct mk_reclaim *smr, struct mk_thread *me) {
    (void)smr, (void)me;
    mk_urcu_exit();
}

MK_RECLAIM(urcu_memb, .summary = "peer: liburcu, flavour memb", .caps = MK_UNLINKED_OK | MK_FREES_LATER,
           .progress = {.enter = MK_WAIT_FREE, .retire = MK_BLOCKING}, .create = rcu_create, .destroy = rcu_destroy,
           .thread_enter = memb_thread_enter, .thread_exit = memb_thread_exit, .enter = rcu_enter, .leave = rcu_leave,
           .protect = rcu_protect, .reserve = rcu_reserve, .retire = rcu_retire, .flush = rcu_flush,
           .stats = rcu_stats);
