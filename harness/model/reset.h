/* reset.h - what hooks ask of reset.c on every write: whether it changes a variable of an implementation. */
#ifndef MK_MODEL_RESET_H
#define MK_MODEL_RESET_H

#include "runtime.h"
#include "../impl_api.h"

/* From the first address of the heap's arena to the last of the stacks: nothing there outlives a schedule. */
#define MK_RESET_ARENAS_BYTES 0x20000000000u

MK_RT_INLINE void mk_reset_written(uintptr_t address, size_t bytes) {
    if (MK_RT_UNLIKELY(address - MK_HEAP_BASE >= MK_RESET_ARENAS_BYTES)) mk_reset_touched(address, bytes);
}

/* Registers the variables of a plug-in that has just been loaded, and of which no schedule has begun: they will be as
 * they are now. mk_reset_open does the same for the program. */
void mk_reset_plugin(const struct mk_plugin *plugin);

#endif
