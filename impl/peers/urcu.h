/* urcu.h - userspace RCU for peers: which threads are registered. The library wants each thread registered once; here a
 * thread may have entered several structures, or walk one without having entered any. */
#ifndef MK_PEERS_URCU_H
#define MK_PEERS_URCU_H

#include <urcu/urcu-memb.h>

/* Weak: one for all peers of the program. A thread-local, since the library's registration is one. */
extern __thread unsigned mk_urcu_registered __attribute__((weak));
__thread unsigned mk_urcu_registered __attribute__((weak));

static inline void mk_urcu_enter(void) {
    if (!mk_urcu_registered++) urcu_memb_register_thread();
}

static inline void mk_urcu_exit(void) {
    if (!--mk_urcu_registered) urcu_memb_unregister_thread();
}

#endif
