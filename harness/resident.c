/* resident.c - see resident.h. */
#include "resident.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads a file of /proc/self into `text`, which ends in a NUL byte. Returns whether there was something. */
static bool read_proc(const char *path, char *text, size_t room) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    ssize_t got = 0;
    if (fd < 0) return false;
    while (n < room - 1 && (got = read(fd, text + n, room - 1 - n)) > 0) n += (size_t)got;
    close(fd);
    text[n] = '\0';
    return n != 0;
}

/* Returns the bytes of a line "KEY   N kB", or UINT64_MAX. */
static uint64_t bytes_of(const char *path, const char *key) {
    char text[8192];
    const char *line = read_proc(path, text, sizeof text) ? strstr(text, key) : NULL;
    return line ? strtoull(line + strlen(key), NULL, 10) * 1024 : UINT64_MAX;
}

/* The second number of statm is pages. */
static uint64_t bytes_by_counters(void) {
    char text[256];
    const char *space = read_proc("/proc/self/statm", text, sizeof text) ? strchr(text, ' ') : NULL;
    uint64_t pages = space ? strtoull(space, NULL, 10) : 0;
    return pages ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : UINT64_MAX;
}

uint64_t mk_resident_bytes(void) {
    uint64_t bytes = bytes_of("/proc/self/smaps_rollup", "\nRss:");
    return bytes == UINT64_MAX ? bytes_by_counters() : bytes;
}

bool mk_resident_reset_peak(void) {
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    bool reset = fd >= 0 && write(fd, "5\n", 2) == 2;
    if (fd >= 0) close(fd);
    return reset;
}

uint64_t mk_resident_peak_bytes(void) {
    return bytes_of("/proc/self/status", "\nVmHWM:");
}
