/* libc.h - what calls of the C library by implementations become (symbols.txt): NAME becomes mk_model_NAME, for
 * each of these. Where no schedule is at work, they do what they are named after. What waits is in sync.h. */
#ifndef MK_MODEL_LIBC_H
#define MK_MODEL_LIBC_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* heap_blocks.c: blocks of the checked heap. A block that was allocated while no schedule was at work is the C
 * library's, and goes back there. One of the checked heap that is freed while none is at work is gone already. */
void *mk_model_malloc(size_t bytes);
void *mk_model_calloc(size_t count, size_t bytes);
void *mk_model_realloc(void *old, size_t bytes);
void *mk_model_reallocarray(void *old, size_t count, size_t bytes);
void *mk_model_aligned_alloc(size_t align, size_t bytes);
void *mk_model_memalign(size_t align, size_t bytes);
int mk_model_posix_memalign(void **out, size_t align, size_t bytes);
void mk_model_free(void *block);
/* What was asked for: whoever uses more relies on luck. */
size_t mk_model_malloc_usable_size(void *block);

/* heap_pages.c: pages, for allocators. Anonymous private mappings only; mremap never moves or grows. */
void *mk_model_mmap(void *hint, size_t bytes, int protection, int flags, int file, off_t offset);
int mk_model_munmap(void *low, size_t bytes);
void *mk_model_mremap(void *old, size_t old_bytes, size_t bytes, int flags, ...);
int mk_model_mprotect(void *low, size_t bytes, int protection);
int mk_model_madvise(void *low, size_t bytes, int advice);
void *mk_model_sbrk(intptr_t bytes);
int mk_model_getpagesize(void);

/* libc.c: bytes and strings. They touch what they read and write, as code with hooks would. */
void *mk_model_memcpy(void *to, const void *from, size_t bytes);
void *mk_model_mempcpy(void *to, const void *from, size_t bytes);
void *mk_model_memmove(void *to, const void *from, size_t bytes);
void *mk_model_memset(void *at, int byte, size_t bytes);
void mk_model_bzero(void *at, size_t bytes);
void mk_model_explicit_bzero(void *at, size_t bytes);
int mk_model_memcmp(const void *a, const void *b, size_t bytes);
int mk_model_bcmp(const void *a, const void *b, size_t bytes);
void *mk_model_memchr(const void *at, int byte, size_t bytes);
size_t mk_model_strlen(const char *string);
size_t mk_model_strnlen(const char *string, size_t most);
int mk_model_strcmp(const char *a, const char *b);
int mk_model_strncmp(const char *a, const char *b, size_t most);
char *mk_model_strcpy(char *to, const char *from);
char *mk_model_stpcpy(char *to, const char *from);
char *mk_model_strncpy(char *to, const char *from, size_t most);
char *mk_model_strcat(char *to, const char *from);
char *mk_model_strncat(char *to, const char *from, size_t most);
char *mk_model_strdup(const char *string);
char *mk_model_strndup(const char *string, size_t most);
char *mk_model_strchr(const char *string, int byte);
char *mk_model_strrchr(const char *string, int byte);
char *mk_model_strstr(const char *string, const char *wanted);
/* Only what they write is seen, not what their arguments point at. */
int mk_model_snprintf(char *out, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));
int mk_model_vsnprintf(char *out, size_t room, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* The thread at work touches these bytes, as code with hooks would. */
void mk_libc_touch(const void *at, size_t bytes, bool write, uintptr_t pc);

/* Bytes from the address on that belong to a live block; 0 none. SIZE_MAX: it is no address of the checked heap. */
size_t mk_heap_room(uintptr_t address);

/* Returns the oldest block that has not been given back, and its bytes; 0: none. For reports of leaks. */
uintptr_t mk_heap_oldest(size_t *bytes);

#endif
