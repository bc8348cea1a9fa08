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

/* Appends what addr2line says of one address, indented; nothing when it cannot be run. */
static void add_line(struct mk_text *out, const char *program, size_t program_length, const char *offset) {
    char line[512];
    char *command = mk_need_format("addr2line -f -p -i -e '%.*s' %s 2>/dev/null", (int)program_length, program, offset);
    FILE *pipe = memchr(program, '\'', program_length) ? NULL : popen(command, "r");
    free(command);
    while (pipe && fgets(line, sizeof line, pipe)) {
        if (!strstr(line, "??")) mk_text_printf(out, "    %s", line);
    }
    if (pipe) pclose(pipe);
}

char *mk_stacks_name(const char *text) {
    struct mk_text out = {0};
    while (*text) {
        size_t length = strcspn(text, "\n");
        const char *open = memchr(text, '(', length), *close = memchr(text, ')', length);
        mk_text_add(&out, text, length);
        mk_text_putc(&out, '\n');
        if (open && close && open[1] == '+' && close - open < 30) {
            char offset[32];
            snprintf(offset, sizeof offset, "%.*s", (int)(close - open - 2), open + 2);
            add_line(&out, text, (size_t)(open - text), offset);
        }
        text += length + (text[length] == '\n');
    }
    return mk_text_take(&out);
}
