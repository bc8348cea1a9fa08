/* plant.h - planted defects as tests find them: what the first lines of their files say, and loading their plug-ins,
 * which stand beside the test's own program. */
#ifndef MK_TEST_PLANT_H
#define MK_TEST_PLANT_H

#include "test.h"

#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "../harness/registry.h"

/* A line " * key: value" of a file's top, and where its value goes. */
struct plant_line {
    const char *key;
    char *out;
    size_t room;
};

/* Fills in what the first lines of tests/FOLDER/FILE say. */
static inline void plant_read(const char *folder, const char *file, const struct plant_line *lines, size_t n) {
    char line[256], below[512], prefix[32];
    snprintf(below, sizeof below, "%s/%s", folder, file);
    FILE *in = fopen(mk_test_path(below), "r");
    while (in && fgets(line, sizeof line, in) && line[0] != '#') {
        for (size_t i = 0; i < n; i++) {
            int length = snprintf(prefix, sizeof prefix, " * %s: ", lines[i].key);
            if (strncmp(line, prefix, (size_t)length) != 0) continue;
            const char *value = line + length + strspn(line + length, " ");
            snprintf(lines[i].out, lines[i].room, "%.*s", (int)strcspn(value, "\n"), value);
        }
    }
    if (in) fclose(in);
}

/* Loads FOLDER/NAME.so of this build. Returns 0, or -1 with err set. */
static inline int plant_load(const char *folder, const char *name, struct mk_err *err) {
    char self[PATH_MAX], path[PATH_MAX + 192];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0) return mk_fail(err, "cannot tell where this program is");
    self[n] = '\0';
    snprintf(path, sizeof path, "%s/%s/%s.so", dirname(self), folder, name);
    return mk_registry_load(path, err);
}

#endif
