/* libc.c - bytes and strings of the C library, with what they touch. They are not points: nobody else is at work in
 * the middle of one, and what is torn natively shows as a data race. */
#include "libc.h"

#include <stdio.h>

#include "heap_parts.h"
#include "reset.h"

#define CALLER ((uintptr_t)__builtin_return_address(0))

void mk_libc_touch(const void *at, size_t bytes, bool write, uintptr_t pc) {
    uintptr_t address = (uintptr_t)at;
    if (!bytes) return;
    mk_rt.hooks++;
    mk_heap_check(address, bytes, write, pc);
    if (write) mk_reset_written(address, bytes);
    mk_race_plain(address, bytes, write, pc);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

void *mk_model_memcpy(void *to, const void *from, size_t bytes) {
    if (mk_rt.on) {
        mk_libc_touch(from, bytes, false, CALLER);
        mk_libc_touch(to, bytes, true, CALLER);
    }
    return memcpy(to, from, bytes);
}

void *mk_model_mempcpy(void *to, const void *from, size_t bytes) {
    if (mk_rt.on) {
        mk_libc_touch(from, bytes, false, CALLER);
        mk_libc_touch(to, bytes, true, CALLER);
    }
    return mempcpy(to, from, bytes);
}

void *mk_model_memmove(void *to, const void *from, size_t bytes) {
    if (mk_rt.on) {
        mk_libc_touch(from, bytes, false, CALLER);
        mk_libc_touch(to, bytes, true, CALLER);
    }
    return memmove(to, from, bytes);
}

void *mk_model_memset(void *at, int byte, size_t bytes) {
    if (mk_rt.on) mk_libc_touch(at, bytes, true, CALLER);
    return memset(at, byte, bytes);
}

void mk_model_bzero(void *at, size_t bytes) {
    if (mk_rt.on) mk_libc_touch(at, bytes, true, CALLER);
    memset(at, 0, bytes);
}

void mk_model_explicit_bzero(void *at, size_t bytes) {
    if (mk_rt.on) mk_libc_touch(at, bytes, true, CALLER);
    explicit_bzero(at, bytes);
}

/* C has them read all of both, wherever they differ. */
int mk_model_memcmp(const void *a, const void *b, size_t bytes) {
    if (mk_rt.on) {
        mk_libc_touch(a, bytes, false, CALLER);
        mk_libc_touch(b, bytes, false, CALLER);
    }
    return memcmp(a, b, bytes);
}

int mk_model_bcmp(const void *a, const void *b, size_t bytes) {
    if (mk_rt.on) {
        mk_libc_touch(a, bytes, false, CALLER);
        mk_libc_touch(b, bytes, false, CALLER);
    }
    return memcmp(a, b, bytes);
}

/* ---- what ends somewhere --------------------------------------------------------------------- */

/* Returns how many bytes from `at` on are read until `byte` is found, that one included; `most` where it is not.
 * Behind the end of a block of the checked heap that fails. */
static size_t read_until(const char *at, int byte, size_t most, uintptr_t pc) {
    size_t n = 0;
    while (n < most) {
        size_t room = mk_heap_room((uintptr_t)at + n), part = room < most - n ? room : most - n;
        const char *found = part == SIZE_MAX ? rawmemchr(at + n, byte) : memchr(at + n, byte, part);
        if (found) {
            n = (size_t)(found - at) + 1;
            break;
        }
        n += part;
        if (n < most && part == room) mk_heap_check((uintptr_t)at, n + 1, false, pc);
    }
    mk_libc_touch(at, n, false, pc);
    return n;
}

/* Returns a string's length; what it reads is what it takes to find the end, or `most` bytes. */
static size_t length_of(const char *string, size_t most, uintptr_t pc) {
    size_t n = read_until(string, '\0', most, pc);
    return n && string[n - 1] == '\0' ? n - 1 : n;
}

void *mk_model_memchr(const void *at, int byte, size_t bytes) {
    if (mk_rt.on) read_until(at, byte, bytes, CALLER);
    return (void *)(uintptr_t)memchr(at, byte, bytes);
}

size_t mk_model_strlen(const char *string) {
    return mk_rt.on ? length_of(string, SIZE_MAX, CALLER) : strlen(string);
}

size_t mk_model_strnlen(const char *string, size_t most) {
    return mk_rt.on ? length_of(string, most, CALLER) : strnlen(string, most);
}

/* Both are read as far as it takes to tell them apart. */
static void compare(const char *a, const char *b, size_t most, uintptr_t pc) {
    size_t n = 0;
    for (bool same = true; same && n < most; n++) {
        same = a[n] == b[n] && a[n];
    }
    mk_libc_touch(a, n, false, pc);
    mk_libc_touch(b, n, false, pc);
}

int mk_model_strcmp(const char *a, const char *b) {
    if (mk_rt.on) compare(a, b, SIZE_MAX, CALLER);
    return strcmp(a, b);
}

int mk_model_strncmp(const char *a, const char *b, size_t most) {
    if (mk_rt.on) compare(a, b, most, CALLER);
    return strncmp(a, b, most);
}

/* ---- copies of strings ----------------------------------------------------------------------- */

char *mk_model_strcpy(char *to, const char *from) {
    if (mk_rt.on) mk_libc_touch(to, length_of(from, SIZE_MAX, CALLER) + 1, true, CALLER);
    return strcpy(to, from);
}

char *mk_model_stpcpy(char *to, const char *from) {
    if (mk_rt.on) mk_libc_touch(to, length_of(from, SIZE_MAX, CALLER) + 1, true, CALLER);
    return stpcpy(to, from);
}

char *mk_model_strncpy(char *to, const char *from, size_t most) {
    if (mk_rt.on) {
        length_of(from, most, CALLER);
        mk_libc_touch(to, most, true, CALLER);
    }
    size_t n = strnlen(from, most);
    memcpy(to, from, n);
    memset(to + n, 0, most - n);
    return to;
}

static char *append(char *to, const char *from, size_t most, uintptr_t pc) {
    size_t n = mk_rt.on ? length_of(from, most, pc) : strnlen(from, most);
    char *end = to + (mk_rt.on ? length_of(to, SIZE_MAX, pc) : strlen(to));
    if (mk_rt.on) mk_libc_touch(end, n + 1, true, pc);
    memcpy(end, from, n);
    end[n] = '\0';
    return to;
}

char *mk_model_strcat(char *to, const char *from) {
    return append(to, from, SIZE_MAX, CALLER);
}

char *mk_model_strncat(char *to, const char *from, size_t most) {
    return append(to, from, most, CALLER);
}

static char *copy_of(const char *string, size_t most, uintptr_t pc) {
    size_t n = length_of(string, most, pc);
    char *copy = (char *)mk_heap_take(MK_HEAP_BLOCKS, n + 1, _Alignof(max_align_t), false, pc);
    if (!copy) return NULL;
    mk_libc_touch(string, n, false, pc); /* others have been at work meanwhile */
    mk_libc_touch(copy, n + 1, true, pc);
    memcpy(copy, string, n);
    copy[n] = '\0';
    return copy;
}

char *mk_model_strdup(const char *string) {
    return mk_rt.on ? copy_of(string, SIZE_MAX, CALLER) : strdup(string);
}

char *mk_model_strndup(const char *string, size_t most) {
    return mk_rt.on ? copy_of(string, most, CALLER) : strndup(string, most);
}

/* ---- searches -------------------------------------------------------------------------------- */

char *mk_model_strchr(const char *string, int byte) {
    if (mk_rt.on) length_of(string, SIZE_MAX, CALLER);
    return (char *)(uintptr_t)strchr(string, byte);
}

char *mk_model_strrchr(const char *string, int byte) {
    if (mk_rt.on) length_of(string, SIZE_MAX, CALLER);
    return (char *)(uintptr_t)strrchr(string, byte);
}

char *mk_model_strstr(const char *string, const char *wanted) {
    if (mk_rt.on) {
        length_of(string, SIZE_MAX, CALLER);
        length_of(wanted, SIZE_MAX, CALLER);
    }
    return (char *)(uintptr_t)strstr(string, wanted);
}

/* ---- texts ----------------------------------------------------------------------------------- */

static int print(char *out, size_t room, const char *format, va_list args, uintptr_t pc)
    __attribute__((format(printf, 3, 0)));
static int print(char *out, size_t room, const char *format, va_list args, uintptr_t pc) {
    int n = vsnprintf(out, room, format, args);
    if (mk_rt.on && room && n >= 0) mk_libc_touch(out, (size_t)n < room ? (size_t)n + 1 : room, true, pc);
    return n;
}

int mk_model_vsnprintf(char *out, size_t room, const char *format, va_list args) {
    return print(out, room, format, args, CALLER);
}

int mk_model_snprintf(char *out, size_t room, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = print(out, room, format, args, CALLER);
    va_end(args);
    return n;
}
