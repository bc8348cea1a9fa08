/* impl_api.h - the one place where the harness takes in what implementations are: the shared header
 * and the contracts of the kinds. Nothing of it names an implementation. */
#ifndef MK_IMPL_API_H
#define MK_IMPL_API_H

#include "../impl/mk.h"

#endif
