/* cells.h - what is known of each 8 bytes of memory in the schedule at work: who touched them last (race.c), and which
 * atomic location lies there (memory.c). Cells of earlier schedules are told by their generation, so that none has to
 * be cleared. */
#ifndef MK_MODEL_CELLS_H
#define MK_MODEL_CELLS_H

#include "runtime.h"

#define MK_CELL_BYTES 8
#define MK_CELL_SLOTS 4
#define MK_CELLS_A_PAGE 512

/* One access. 16 bytes. */
struct mk_access {
    uint32_t epoch; /* of the thread */
    uint32_t step;  /* of the schedule */
    uint64_t who;   /* pc << 16 | how << 12 | thread << 8 | mask of bytes */
};
enum { MK_HOW_WRITE = 1, MK_HOW_ATOMIC = 2, MK_HOW_FREE = 4 };

struct mk_cell {
    uint32_t generation;
    uint32_t location; /* of the atomic locations that begin here the first: memory.c; 0 none */
    struct mk_access slot[MK_CELL_SLOTS]; /* in use are those with an epoch, from the first on */
};

struct mk_cell_page {
    uintptr_t number; /* address / 4096; UINTPTR_MAX: none */
    struct mk_cell *cells;
};
extern struct mk_cell_page mk_cell_recent[64];

/* Returns the page's cells, made when they are new; NULL where there is no more room. */
struct mk_cell *mk_cell_page_slow(uintptr_t number);

/* Returns the cell of an address as it was left, perhaps by an earlier schedule, or NULL where there is no room. */
MK_RT_INLINE struct mk_cell *mk_cell_raw(uintptr_t address) {
    uintptr_t number = address / (MK_CELL_BYTES * MK_CELLS_A_PAGE);
    struct mk_cell_page *recent = &mk_cell_recent[number % 64];
    struct mk_cell *cells = MK_RT_LIKELY(recent->number == number) ? recent->cells : mk_cell_page_slow(number);
    return MK_RT_LIKELY(cells != NULL) ? &cells[address / MK_CELL_BYTES % MK_CELLS_A_PAGE] : NULL;
}

/* Returns the cell if something was touched there in the schedule at work, else NULL. Makes none. */
struct mk_cell *mk_cell_page_known(uintptr_t number);
MK_RT_INLINE struct mk_cell *mk_cell_touched(uintptr_t address) {
    uintptr_t number = address / (MK_CELL_BYTES * MK_CELLS_A_PAGE);
    struct mk_cell_page *recent = &mk_cell_recent[number % 64];
    struct mk_cell *cells = MK_RT_LIKELY(recent->number == number) ? recent->cells : mk_cell_page_known(number);
    struct mk_cell *cell = cells ? &cells[address / MK_CELL_BYTES % MK_CELLS_A_PAGE] : NULL;
    return cell && cell->generation == mk_rt.generation ? cell : NULL;
}

MK_RT_INLINE void mk_cell_clear(struct mk_cell *cell) {
    cell->generation = mk_rt.generation;
    cell->location = 0;
    for (unsigned i = 0; i < MK_CELL_SLOTS; i++) cell->slot[i].epoch = 0;
}

/* Returns the cell of an address, or NULL where there is no room. */
MK_RT_INLINE struct mk_cell *mk_cell_at(uintptr_t address) {
    struct mk_cell *cell = mk_cell_raw(address);
    if (MK_RT_LIKELY(cell != NULL) && cell->generation != mk_rt.generation) mk_cell_clear(cell);
    return cell;
}

/* One access that lies in one cell: compared with those before, and kept. */
void mk_race_in_cell(struct mk_cell *cell, uintptr_t address, size_t bytes, unsigned how, uintptr_t pc);

/* These bytes, which lie in the cell, are no atomic locations any more. Of a cell whose location is not 0. */
void mk_memory_forget(struct mk_cell *cell, uintptr_t address, size_t bytes);

#endif
