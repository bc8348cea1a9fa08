/* fuzz_main.c - drives a fuzz target (LLVMFuzzerTestOneInput, the libFuzzer convention, so that
 * clang's -fsanitize=fuzzer fits too) with what every compiler has.
 *
 *   fuzz_NAME FOLDER                every file of FOLDER once
 *   fuzz_NAME -s SECONDS FOLDER     ... and then mutations of them for that long
 *
 * What is about to be tried stands in ./fuzz-NAME.input, which stays when the target dies of it.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX (1u << 20)
#define MUTATED_MAX 65536u /* larger ones only make it slow */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    uint8_t *data;
    size_t size;
};

static struct input *corpus;
static size_t corpus_n;
static uint64_t state = 1;

static uint64_t draw(uint64_t below) {
    uint64_t x = state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (x ^ (x >> 31)) % below;
}

static void *need(void *memory) {
    if (!memory) {
        fprintf(stderr, "fuzz: no memory\n");
        exit(1);
    }
    return memory;
}

static void load(const char *path) {
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (!file || fstat(fileno(file), &status) || !S_ISREG(status.st_mode)) {
        if (file) fclose(file);
        return;
    }
    struct input input = {need(malloc(INPUT_MAX)), 0};
    input.size = fread(input.data, 1, INPUT_MAX, file);
    fclose(file);
    corpus = need(realloc(corpus, (corpus_n + 1) * sizeof *corpus));
    corpus[corpus_n++] = input;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_all(const char *folder) {
    struct dirent **entry;
    int n = scandir(folder, &entry, NULL, by_name);
    if (n < 0) {
        fprintf(stderr, "fuzz: %s: %s\n", folder, strerror(errno));
        return -1;
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
        load(path);
        free(entry[i]);
    }
    free(entry);
    return corpus_n ? 0 : -1;
}

/* Exact copies, so that the sanitizer sees a read past the end. */
static void try_it(const uint8_t *data, size_t size) {
    uint8_t *copy = need(malloc(size ? size : 1));
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

/* Overwrites, inserts, deletes or splices. Returns the new size, at most MUTATED_MAX. */
static size_t mutate(uint8_t *data, size_t size) {
    static const char telling[] = "{}[]\",:\\0123456789-+.eEtruefalsnl\x00\x7f\x80\xff\xc0 \n";
    size_t at = draw(size + 1), rest = size - at, n;
    const struct input *other;
    switch (draw(6)) {
    case 0:
        if (rest) data[at] ^= (uint8_t)(1u << draw(8));
        return size;
    case 1:
        if (rest) data[at] = (uint8_t)telling[draw(sizeof telling - 1)];
        return size;
    case 2:
        n = draw(rest + 1);
        memmove(data + at, data + at + n, rest - n);
        return size - n;
    case 3: /* a stretch of another input, or of this one, in here */
        other = &corpus[draw(corpus_n)];
        if (!other->size) return size;
        n = 1 + draw(other->size < 64 ? other->size : 64);
        if (n > other->size) n = other->size;
        if (size + n > MUTATED_MAX) return size;
        memmove(data + at + n, data + at, rest);
        memcpy(data + at, other->data + draw(other->size - n + 1), n);
        return size + n;
    case 4: /* one byte, many times */
        n = 1 + draw(200);
        if (size + n > MUTATED_MAX) return size;
        memmove(data + at + n, data + at, rest);
        memset(data + at, telling[draw(sizeof telling - 1)], n);
        return size + n;
    default: return at ? at : size; /* cut short */
    }
}

static void keep(const char *path, const uint8_t *data, size_t size) {
    FILE *file = fopen(path, "wb");
    if (!file) return;
    fwrite(data, 1, size, file);
    fclose(file);
}

static void fuzz(const char *name, long seconds) {
    static uint8_t data[MUTATED_MAX + 256];
    char path[4096];
    unsigned long tries = 0;
    time_t end = time(NULL) + seconds;
    snprintf(path, sizeof path, "fuzz-%s.input", name);
    for (; time(NULL) < end; tries++) {
        const struct input *from = &corpus[draw(corpus_n)];
        size_t size = from->size < MUTATED_MAX ? from->size : MUTATED_MAX;
        memcpy(data, from->data, size);
        for (uint64_t n = 1 + draw(8); n; n--) size = mutate(data, size);
        keep(path, data, size);
        try_it(data, size);
    }
    unlink(path);
    printf("# %lu mutations in %ld s\n", tries, seconds);
}

int main(int argc, char **argv) {
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    long seconds = 0;
    int at = 1;
    if (argc > 2 && strcmp(argv[1], "-s") == 0) {
        seconds = strtol(argv[2], NULL, 10);
        at = 3;
    }
    if (at + 1 != argc) {
        fprintf(stderr, "usage: %s [-s SECONDS] FOLDER\n", argv[0]);
        return 2;
    }
    if (load_all(argv[at])) {
        fprintf(stderr, "fuzz: %s holds no inputs\n", argv[at]);
        return 2;
    }
    for (size_t i = 0; i < corpus_n; i++) try_it(corpus[i].data, corpus[i].size);
    printf("ok %s corpus (%zu inputs)\n", name, corpus_n);
    fflush(stdout);
    if (seconds > 0) {
        fuzz(name, seconds);
        printf("ok %s mutations\n", name);
    }
    for (size_t i = 0; i < corpus_n; i++) free(corpus[i].data);
    free(corpus);
    return 0;
}
