/* worker.h - a worker process: says what it is, takes a plan and an order, and sends what it measures. */
#ifndef MK_WORKER_H
#define MK_WORKER_H

#include <stdint.h>

/* A worker's main: speaks frames on the two descriptors until the order is done. Returns the exit
 * status. */
int mk_worker_main(int in_fd, int out_fd);

/* Returns the digest of the build that conductor and worker compare. */
uint64_t mk_worker_build_id(void);

#endif
