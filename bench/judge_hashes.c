/* judge_hashes.c - prints docs/hashes.md: how good each hash is. */
#include "../tests/hash_quality.h"

int main(void) {
    struct mk_err err;
    if (mk_registry_open(&err) || quality_page(stdout, &err)) {
        fprintf(stderr, "judge_hashes: %s\n", err.text);
        return 1;
    }
    return 0;
}
