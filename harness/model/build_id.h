/* build_id.h - which build this is, for tokens. */
#ifndef MK_MODEL_BUILD_ID_H
#define MK_MODEL_BUILD_ID_H

#define MK_BUILD_ID_ROOM 32

/* Returns the build ids of this program and of the plug-ins it has loaded: 12 hex digits, the first ones of the
 * GNU build id that the linker left (as `file` prints it), and where there are plug-ins a + and 12 more, which
 * stand for all of theirs in whatever order they were loaded. Of a module without a build id, its code is what
 * counts. */
const char *mk_build_id(char *out);

#endif
