/* sanitizer.h - what ThreadSanitizer and AddressSanitizer (with LeakSanitizer and UBSan) print, as findings. */
#ifndef MK_SANITIZER_H
#define MK_SANITIZER_H

#include "finding.h"
#include "impl_api.h"
#include "text.h"

/* A finding out of a report, and where in the text the report was. */
struct mk_sanitizer_report {
    struct mk_finding_sample finding; /* rule, what, detail, object, stacks; the rest is empty */
    size_t from, to;                  /* bytes of the text: of what the report takes up */
};

/* Takes the reports out of what a program has written to stderr. Appends them to *list / *n, in the order of the
 * text; a report that is cut off in the middle is taken as far as it goes. Lines that begin with "@memkit" end a
 * report and are part of none. `root`: a folder; files below it are named relative to it (NULL: as they stand). */
void mk_sanitizer_read(const char *text, size_t n, const char *root, struct mk_sanitizer_report **list,
                       size_t *list_n);
void mk_sanitizer_free(struct mk_sanitizer_report *list, size_t n);

/* Suppressions in TSan's syntax: lines "kind:pattern", # for comments. In a pattern * stands for anything, also
 * before and behind it unless ^ begins or $ ends it. Kinds of all sanitizers are known (race, race_top, deadlock,
 * mutex, thread, signal, called_from_lib, leak, interceptor_via_fun, ...); suppress.c says what each looks at. */
struct mk_suppressor {
    char *pattern; /* the line */
    char *kind, *glob;
    uint64_t count; /* what it has hidden */
};

/* Appends what is in a suppressions file to *list / *n. Returns 0, or -1 with err set ("FILE:LINE: ..."): it cannot
 * be read, there is no such kind, no pattern. */
int mk_suppressors_read(const char *path, struct mk_suppressor **list, size_t *n, struct mk_err *err);

/* Returns whether one of them hides the finding, and counts that; findings of no sanitizer are never hidden. */
bool mk_suppressors_hide(struct mk_suppressor *list, size_t n, const struct mk_finding_sample *finding);
void mk_suppressors_free(struct mk_suppressor *list, size_t n);

/* What a worker of a flavour needs to report as mk_sanitizer_read expects: sets TSAN_OPTIONS, ASAN_OPTIONS,
 * UBSAN_OPTIONS and LSAN_OPTIONS in the environment of this process; what the user has set there wins, option by
 * option. Names of functions need llvm-symbolizer in PATH where clang built the flavour. One thread. */
void mk_sanitizer_environment(const char *flavour);

/* Where the kernel randomises addresses more than this flavour's runtime can stand (vm.mmap_rnd_bits), switches
 * that off for the programs that this process and its children start. Returns 0 where nothing need be done or it
 * was, or -1 with err saying why it cannot and what to do. */
int mk_sanitizer_addresses(const char *flavour, struct mk_err *err);

/* Returns whether a shared object or program calls __tsan_atomic_thread_fence: ThreadSanitizer does not see what a
 * fence orders, and reports correct programs. False where the file cannot be read, and of a program that has the
 * runtime linked into it, as clang does: whether that calls what it defines cannot be told. */
bool mk_sanitizer_has_fences(const char *path);

#endif
