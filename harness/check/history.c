/* history.c - see history.h. */
#include "history.h"

#include <stdlib.h>

#include "../record.h"

#define PAGE_BYTES 4096

void mk_history_open(struct mk_history *history, uint32_t threads, size_t room, const struct mk_stamps *stamps) {
    size_t bytes = (room * sizeof(struct mk_event) + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    history->threads = threads;
    history->slack = stamps->slack;
    history->thread = aligned_alloc(MK_CACHE_LINE, threads * sizeof *history->thread);
    if (!history->thread) mk_need(SIZE_MAX, 1);
    for (uint32_t t = 0; t < threads; t++) {
        struct mk_event *at = aligned_alloc(PAGE_BYTES, bytes ? bytes : PAGE_BYTES);
        if (!at) mk_need(SIZE_MAX, 1); /* says so, and ends the program */
        memset(at, 0, bytes);
        history->thread[t] = (struct mk_event_list){.at = at, .room = room};
    }
}

void mk_history_close(struct mk_history *history) {
    for (uint32_t t = 0; t < history->threads; t++) free(history->thread[t].at);
    free(history->thread);
    memset(history, 0, sizeof *history);
}

void mk_history_clear(struct mk_history *history) {
    for (uint32_t t = 0; t < history->threads; t++) history->thread[t].n = 0;
}
