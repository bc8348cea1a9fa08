/* alloc_back_canary_only - looks at the canary behind a block, not at the one before it.
 *
 * bug:       writes before a block are not noticed
 * finds:     strays
 * rule:      oracle
 * says:      a byte written before a block
 * flavours:  release debug
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define IS_WHOLE is_whole_behind
#endif
#include "alloc_guarding.h"

#ifndef TWIN
static bool is_whole_behind(const struct note *note) {
    uint64_t back;
    memcpy(&back, block_of(note) + note->bytes, 8);
    return back == CANARY;
}
#endif

MK_ALLOC(alloc_back_canary_only, GUARDING);
