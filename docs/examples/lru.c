/* lru.c - a cache of the least recently used kind under two threads, recorded: what a program looks like that
 * brings its own traffic to memkit-bench (docs/traces.md).
 *
 *     cc -O2 -pthread lru.c $(pkg-config --cflags memkit) -o lru
 *     ./lru lru.optrace 8000
 *     memkit-bench trace info lru.optrace
 *
 * Each thread asks for pages, a few of them much more often than the others. What is not in the cache is put in,
 * and the page that was not asked for the longest goes out. The table in the middle is what is to be chosen: it is
 * told to the recorder, the list of the cache is not.
 */
#include <memkit/record.h>

#define PAGES 20000u    /* that can be asked for */
#define ROOM 2000u      /* pages in the cache */
#define TABLE 4096u     /* slots of the table: linear probing */
#define PAGE_BYTES 512u
#define NONE UINT32_MAX

struct entry {
    uint32_t page, older, newer; /* neighbours by last use: indices */
};

static struct {
    pthread_mutex_t lock;
    struct entry entry[ROOM];
    uint32_t slot[TABLE]; /* entry + 1; 0 = empty */
    uint32_t n, oldest, newest;
    mk_record_trace *trace;
    long requests; /* of each thread */
    pthread_barrier_t begun;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER, .oldest = NONE, .newest = NONE};

/* ---- the table: page to entry, the part that memkit-bench can measure others for ------------------ */

static uint32_t home(uint32_t page) {
    return page * 2654435761u % TABLE;
}

static uint32_t *find(uint32_t page) {
    uint32_t at = home(page);
    while (cache.slot[at] && cache.entry[cache.slot[at] - 1].page != page) at = (at + 1) % TABLE;
    return &cache.slot[at];
}

static uint32_t table_get(uint32_t page) {
    mk_record_map_get(cache.trace, page);
    return *find(page);
}

static void table_put(uint32_t page, uint32_t entry) {
    mk_record_map_put(cache.trace, page, PAGE_BYTES);
    *find(page) = entry + 1;
}

/* What stands behind the gap moves up, unless it is at home already. */
static void table_remove(uint32_t page) {
    uint32_t gap = (uint32_t)(find(page) - cache.slot);
    mk_record_map_remove(cache.trace, page);
    for (uint32_t at = (gap + 1) % TABLE; cache.slot[at]; at = (at + 1) % TABLE) {
        uint32_t from = home(cache.entry[cache.slot[at] - 1].page);
        if ((at + TABLE - from) % TABLE < (at + TABLE - gap) % TABLE) continue;
        cache.slot[gap] = cache.slot[at];
        gap = at;
    }
    cache.slot[gap] = 0;
}

/* ---- the order of use ------------------------------------------------------------------------------ */

static void unlink_entry(uint32_t i) {
    struct entry *e = &cache.entry[i];
    *(e->older == NONE ? &cache.oldest : &cache.entry[e->older].newer) = e->newer;
    *(e->newer == NONE ? &cache.newest : &cache.entry[e->newer].older) = e->older;
}

static void make_newest(uint32_t i) {
    cache.entry[i].older = cache.newest;
    cache.entry[i].newer = NONE;
    *(cache.newest == NONE ? &cache.oldest : &cache.entry[cache.newest].newer) = i;
    cache.newest = i;
}

static void request(uint32_t page) {
    pthread_mutex_lock(&cache.lock);
    uint32_t found = table_get(page), i = found - 1;
    if (found) {
        unlink_entry(i);
    } else {
        i = cache.n < ROOM ? cache.n++ : cache.oldest;
        if (cache.oldest == i) {
            table_remove(cache.entry[i].page);
            unlink_entry(i);
        }
        cache.entry[i].page = page;
        table_put(page, i);
    }
    make_newest(i);
    pthread_mutex_unlock(&cache.lock);
}

/* ---- two threads ----------------------------------------------------------------------------------- */

static void *run(void *arg) {
    uint64_t state = (uint64_t)(uintptr_t)arg;
    for (long i = 0; i < cache.requests; i++) {
        if (i == 1) pthread_barrier_wait(&cache.begun); /* neither is to be done before the other begins */
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint64_t u = state >> 40; /* 24 bits; its cube makes small pages likely */
        request((uint32_t)((u * u >> 24) * u * PAGES >> 48));
    }
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t other;
    cache.requests = argc > 2 ? strtol(argv[2], NULL, 10) : 8000;
    if (cache.requests < 2) cache.requests = 2;
    cache.trace = argc > 1 ? mk_record_open(argv[1]) : NULL; /* without a file it runs unrecorded */
    if (argc > 1 && !cache.trace) {
        perror(argv[1]);
        return 1;
    }
    pthread_barrier_init(&cache.begun, NULL, 2);
    if (pthread_create(&other, NULL, run, (void *)2)) return 1;
    run((void *)1);
    pthread_join(other, NULL);
    return mk_record_close(cache.trace) != 0;
}
