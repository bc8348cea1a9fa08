/* stacks.c - see stacks.h. */
#include "stacks.h"

#include <dirent.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "build_info.h"
#include "record.h"
#include "text.h"

#define STACKS_SIGNAL SIGUSR2
#define FRAMES_MAX 40

static void write_text(const char *text) {
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

/* Decimal without stdio, which a signal handler may not use. */
static void write_number(unsigned long n) {
    char digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    write_text(digits + at);
}

static void write_stack(void) {
    void *frames[FRAMES_MAX];
    int n = backtrace(frames, FRAMES_MAX);
    write_text("stack of thread ");
    write_number((unsigned long)syscall(SYS_gettid));
    write_text(":\n");
    backtrace_symbols_fd(frames, n, STDERR_FILENO);
}

static void on_fatal(int signal_number) {
    write_text("\nfatal signal ");
    write_number((unsigned long)signal_number);
    write_text(", ");
    write_stack();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void on_asked(int signal_number) {
    (void)signal_number;
    write_stack();
}

void mk_stacks_install(void) {
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    const char *flavour = mk_build_info()->flavour;
    bool sanitized = strcmp(flavour, "tsan") == 0 || strcmp(flavour, "asan") == 0;
    void *frames[2];
    struct sigaction action;
    backtrace(frames, 2); /* loads what it needs now: a handler must not */
    memset(&action, 0, sizeof action);
    action.sa_handler = on_asked;
    action.sa_flags = SA_RESTART;
    sigaction(STACKS_SIGNAL, &action, NULL);
    action.sa_handler = on_fatal;
    action.sa_flags = SA_RESETHAND | SA_NODEFER;
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal && !sanitized; i++) sigaction(fatal[i], &action, NULL);
}

void mk_stacks_ask(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
    DIR *tasks = opendir(path);
    struct dirent *entry;
    while (tasks && (entry = readdir(tasks))) {
        long tid = strtol(entry->d_name, NULL, 10);
        if (tid <= 0) continue;
        syscall(SYS_tgkill, pid, tid, STACKS_SIGNAL);
        usleep(20000); /* one after the other, so that their lines do not mix */
    }
    if (tasks) closedir(tasks);
}

/* What addr2line has said of an address: threads of one program mostly share most of their stacks. */
struct named {
    char *place; /* "program(+0x12" */
    char *lines;
};

/* Returns what addr2line says of one address, indented; "" when it cannot be run. */
static char *ask_line(const char *program, size_t program_length, const char *offset) {
    char line[512];
    struct mk_text out = {0};
    char *command = mk_need_format("addr2line -f -p -i -e '%.*s' %s 2>/dev/null", (int)program_length, program, offset);
    FILE *pipe = memchr(program, '\'', program_length) ? NULL : popen(command, "r");
    free(command);
    while (pipe && fgets(line, sizeof line, pipe)) {
        if (!strstr(line, "??")) mk_text_printf(&out, "    %s", line);
    }
    if (pipe) pclose(pipe);
    return mk_text_take(&out);
}

/* Appends that, asking but once for each address. */
static void add_line(struct mk_text *out, struct named **named, size_t *n, const char *frame, size_t length) {
    const char *open = memchr(frame, '(', length), *close = memchr(frame, ')', length);
    if (!open || !close || open[1] != '+' || close - open >= 30) return;
    char *place = mk_need_format("%.*s", (int)(close - frame), frame);
    size_t at = 0;
    while (at < *n && strcmp((*named)[at].place, place) != 0) at++;
    if (at == *n) {
        struct named *new = mk_grow(named, n, sizeof *new);
        new->place = place;
        new->lines = ask_line(frame, (size_t)(open - frame), place + (open + 2 - frame));
    } else {
        free(place);
    }
    mk_text_puts(out, (*named)[at].lines);
}

char *mk_stacks_name(const char *text) {
    struct mk_text out = {0};
    struct named *named = NULL;
    size_t named_n = 0;
    while (*text) {
        size_t length = strcspn(text, "\n");
        mk_text_add(&out, text, length);
        mk_text_putc(&out, '\n');
        add_line(&out, &named, &named_n, text, length);
        text += length + (text[length] == '\n');
    }
    for (size_t i = 0; i < named_n; i++) {
        free(named[i].place);
        free(named[i].lines);
    }
    free(named);
    return mk_text_take(&out);
}

/* Appends the frame of a line "    function at file:line". */
static void read_frame(struct mk_stack *stack, const char *line, size_t length) {
    static const char inlined[] = "(inlined by) ";
    struct mk_stack_frame frame = {0};
    char text[512];
    while (length && *line == ' ') line++, length--;
    snprintf(text, sizeof text, "%.*s", (int)length, line);
    char *function = strncmp(text, inlined, sizeof inlined - 1) == 0 ? text + sizeof inlined - 1 : text;
    char *at = strstr(function, " at "), *colon = at ? strrchr(at, ':') : NULL;
    if (!colon) return;
    *at = *colon = '\0';
    at += strncmp(at + 4, "./", 2) == 0 ? 6 : 4;
    frame.function = mk_need_text(function);
    frame.file = mk_need_text(at);
    frame.line = (uint32_t)strtoul(colon + 1, NULL, 10);
    *(struct mk_stack_frame *)mk_grow(&stack->frames, &stack->frames_n, sizeof frame) = frame;
}

static void drop_frames(struct mk_stack *stack, size_t n) {
    struct mk_stack gone = {.frames = mk_need(n, sizeof *gone.frames), .frames_n = n};
    memcpy(gone.frames, stack->frames, n * sizeof *gone.frames);
    mk_record_free(&mk_stack_record, &gone);
    memmove(stack->frames, stack->frames + n, (stack->frames_n - n) * sizeof *stack->frames);
    stack->frames_n -= n;
}

/* What the handler of the signal has put onto the stack says nothing of the program. */
static void drop_handler(struct mk_stack *stack) {
    for (size_t i = 0; i < stack->frames_n; i++) {
        if (strcmp(stack->frames[i].function, "__restore_rt") != 0) continue;
        drop_frames(stack, i + 1);
        return;
    }
}

static bool same_frames(const struct mk_stack *a, const struct mk_stack *b) {
    bool same = a->frames_n == b->frames_n && a->frames_n;
    for (size_t i = 0; i < a->frames_n && same; i++) {
        same = mk_record_equal(&mk_stack_frame_record, &a->frames[i], &b->frames[i]);
    }
    return same;
}

/* Threads that stand at the same place are shown once. */
static void fold_stacks(struct mk_stack *list, size_t *n) {
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        size_t like = 0;
        while (like < kept && !same_frames(&list[like], &list[i])) like++;
        if (like == kept) {
            struct mk_stack moved = list[i];
            list[i] = (struct mk_stack){0};
            list[kept++] = moved;
            continue;
        }
        char *title = mk_need_format("%s, %s", list[like].title, strrchr(list[i].title, ' ') + 1);
        free(list[like].title);
        list[like].title = title;
        mk_record_free(&mk_stack_record, &list[i]);
    }
    *n = kept;
}

struct mk_stack *mk_stacks_read(const char *text, size_t *n) {
    struct mk_stack *list = NULL;
    *n = 0;
    while (*text) {
        size_t length = strcspn(text, "\n");
        char line[256];
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        if (strstr(line, "stack of thread ")) {
            struct mk_stack *stack = mk_grow(&list, n, sizeof *stack);
            stack->title = mk_need_format("%.*s", (int)strcspn(line, ":"), line);
        } else if (*n && strncmp(line, "    ", 4) == 0) {
            read_frame(&list[*n - 1], text, length);
        }
        text += length + (text[length] == '\n');
    }
    for (size_t i = 0; i < *n; i++) drop_handler(&list[i]);
    fold_stacks(list, n);
    return list;
}
