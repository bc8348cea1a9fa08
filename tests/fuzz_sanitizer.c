/* fuzz_sanitizer.c - what a worker writes to stderr may be anything: reports of sanitizers in it, cut, mixed and
 * repeated. Whatever is read must lie in the text, in order, and be whole. */
#include <stdlib.h>

#include "../harness/sanitizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct mk_sanitizer_report *list = NULL;
    static char kinds[][24] = {"race", "race_top", "called_from_lib", "interceptor_via_fun", "leak", "undefined"};
    char glob[32];
    size_t n = 0, end = 0, letters = size < sizeof glob - 1 ? size : sizeof glob - 1;
    mk_sanitizer_read((const char *)data, size, "/build/memkit", &list, &n);
    if (letters) memcpy(glob, data + size - letters, letters);
    glob[letters] = '\0';
    for (size_t i = 0; i < n; i++) {
        const struct mk_finding_sample *finding = &list[i].finding;
        if (list[i].from < end || list[i].to <= list[i].from || list[i].to > size) abort();
        if (!finding->what || !finding->rule || !*finding->what || strchr(finding->rule, '/')[1] == '\0') abort();
        for (size_t k = 0; k < finding->stacks_n; k++) {
            if (!finding->stacks[k].title) abort();
        }
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            struct mk_suppressor suppressor = {.kind = kinds[k], .glob = glob};
            if (mk_suppressors_hide(&suppressor, 1, finding) != (suppressor.count == 1)) abort();
        }
        end = list[i].to;
    }
    mk_sanitizer_free(list, n);
    return 0;
}
