/* sanitizer_parts.h - what the files behind sanitizer.h share. Only for sanitizer*.c, suppress.c and their test. */
#ifndef MK_SANITIZER_PARTS_H
#define MK_SANITIZER_PARTS_H

#include "sanitizer.h"

/* ---- pieces of a text (sanitizer_line.c) --------------------------------------------------- */

/* A piece of somebody else's text: nothing ends it but n. */
struct mk_span {
    const char *at;
    size_t n;
};

#define MK_SPAN_TEXT_MAX 400 /* bytes of a piece that go into a sentence, a title, a name */

struct mk_span mk_span(const char *string);
bool mk_span_starts(struct mk_span span, const char *with);
bool mk_span_ends(struct mk_span span, const char *with);

/* Takes `with` from the front, or from the end; returns whether it was there. */
bool mk_span_skip(struct mk_span *span, const char *with);
bool mk_span_skip_end(struct mk_span *span, const char *with);

/* Returns where `what` first occurs, span->n being "nowhere"; or whether it does. */
size_t mk_span_find(struct mk_span span, const char *what);
bool mk_span_has(struct mk_span span, const char *what);

/* Returns what stands before, or behind, the first `what`; all of it, or nothing, where it does not occur. */
struct mk_span mk_span_before(struct mk_span span, const char *what);
struct mk_span mk_span_behind(struct mk_span span, const char *what);
struct mk_span mk_span_trim(struct mk_span span);

/* Takes a number from the front: how many digits were there. What exceeds 32 bits is UINT32_MAX. */
size_t mk_span_number(struct mk_span *span, uint32_t *number);

/* Takes the next line from the front, without its end of line. Returns false when there is none. */
bool mk_span_line(struct mk_span *rest, struct mk_span *line);

/* Returns the file named by a span, as a string that the caller frees: without ./ and the folder `root`. */
char *mk_span_file(struct mk_span span, const char *root);

/* Returns the words of a line without what differs from one run to the next: addresses, process and thread numbers
 * of the system. Without a last colon or full stop. The caller frees it. */
char *mk_span_plain(struct mk_span span, const char *root);

/* Reads "#0 f file.c:12:3 (module+0x1f) (BuildId: ...)" or "#0 0x1f in f file.c:12". Returns false where the line
 * is none; the strings of *frame are owned. */
bool mk_span_frame(struct mk_span line, const char *root, uint32_t *number, struct mk_stack_frame *frame);

/* ---- one report (sanitizer_report.c) ------------------------------------------------------- */

enum mk_sanitizer_tool { MK_TOOL_THREAD, MK_TOOL_ADDRESS, MK_TOOL_LEAK, MK_TOOL_UNDEFINED, MK_TOOLS };

/* The names the tools give themselves: "ThreadSanitizer". */
extern const char *const mk_sanitizer_tools[];

/* How a report begins. */
enum mk_sanitizer_head {
    MK_HEAD_WARNING, /* "WARNING: ThreadSanitizer: data race (pid=7)", up to a ruler */
    MK_HEAD_ERROR,  /* "==7==ERROR: AddressSanitizer: double-free on ...", up to its summary or more */
    MK_HEAD_FATAL,  /* the tool itself cannot go on: the line, and what is set in below it */
    MK_HEAD_SIGNAL, /* "AddressSanitizer:DEADLYSIGNAL": an ERROR should follow */
    MK_HEAD_LEAKS,  /* "==7==ERROR: LeakSanitizer: detected memory leaks": records should follow */
    MK_HEAD_LEAK,   /* "Direct leak of ..." */
    MK_HEAD_RUNTIME /* "file.c:3:4: runtime error: ..." */
};

struct mk_sanitizer_start {
    enum mk_sanitizer_head head;
    enum mk_sanitizer_tool tool;
    struct mk_span kind;  /* what the tool says it is */
    struct mk_span place; /* RUNTIME: file:line:column */
};

/* Makes a finding of the text of one report. */
void mk_sanitizer_tell(const struct mk_sanitizer_start *start, struct mk_span text, const char *root,
                       struct mk_finding_sample *finding);

/* What a stack of a finding is about; told by its title. They are in this order. */
enum mk_stack_role {
    MK_STACK_ACCESS, /* what was done: of most reports the first, of races and cycles of locks all that matter */
    MK_STACK_FREED,
    MK_STACK_ALLOCATED,
    MK_STACK_OTHER, /* where a mutex was made, a sleep that orders nothing */
    MK_STACK_THREAD /* where a thread was started */
};
enum mk_stack_role mk_stack_role(const struct mk_stack *stack);

/* Returns whether a frame is of the sanitizer's own code: its malloc, memcpy, pthread_create. */
bool mk_frame_of_runtime(const struct mk_stack_frame *frame);

/* ---- the kernel (sanitizer_env.c) ---------------------------------------------------------- */

/* mk_sanitizer_addresses where the kernel draws so many bits, and personality() is `set`. */
int mk_sanitizer_addresses_of(const char *flavour, long bits, int (*set)(unsigned long), struct mk_err *err);

#endif
