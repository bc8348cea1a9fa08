/* oracles.h - everything that a structure of some kind can be put to: the cases of its model, histories, scenarios. */
#ifndef MK_ORACLES_H
#define MK_ORACLES_H

#include "model.h"

/* Returns how many there are for a kind, and in *list pointers to them, which the caller frees (the list alone). Names
 * are unique within a kind. */
size_t mk_oracles(const char *kind, const struct mk_case ***list);

/* Returns whether it draws its operations itself, as check->shape and all of check->pressure say. */
bool mk_oracle_is_shaped(const struct mk_case *oracle);

#endif
