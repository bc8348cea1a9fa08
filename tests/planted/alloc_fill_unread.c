/* alloc_fill_unread - looks at the first byte alone of a block that leaves quarantine.
 *
 * bug:       writes into a freed block are not noticed
 * finds:     strays
 * rule:      oracle
 * says:      after it was freed is not noticed
 * flavours:  release debug
 * pressure:  any
 * single:    fails
 */
#ifndef TWIN
#define IS_FILLED is_filled_first
#endif
#include "alloc_guarding.h"

#ifndef TWIN
static bool is_filled_first(const struct note *note) {
    return block_of(note)[0] == FILL;
}
#endif

MK_ALLOC(alloc_fill_unread, GUARDING);
