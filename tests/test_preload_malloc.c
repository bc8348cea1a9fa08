/* test_preload_malloc.c - what libmemkit.so rests on in alloc/thread_local: the size and the alignment that it
 * finds from an address alone are right for free and resize, whatever was asked for. */
#include <stdlib.h>

#include "../impl/alloc/thread_local.c"
#include "test.h"

#define PATTERN(n) ((unsigned char)((n) * 131u + 7u))

/* ---- a parent that counts ---- */

static size_t parent_blocks;

static void *parent_alloc(void *self, struct mk_thread *me, size_t bytes, size_t align) {
    (void)self, (void)me;
    void *at = aligned_alloc(align, (bytes + align - 1) & -align);
    parent_blocks += at != NULL;
    return at;
}

static void *parent_zalloc(void *self, struct mk_thread *me, size_t bytes, size_t align) {
    void *at = parent_alloc(self, me, bytes, align);
    return at ? memset(at, 0, bytes) : NULL;
}

static void parent_free(void *self, struct mk_thread *me, void *block, size_t bytes, size_t align) {
    (void)self, (void)me, (void)bytes, (void)align;
    free(block);
    parent_blocks--;
}

static struct mk_mem parent = {
    .alloc = parent_alloc, .zalloc = parent_zalloc, .free = parent_free, .threads_max = 1};

/* ---- an allocator with one thread ---- */

struct user {
    struct mk_alloc *alloc;
    struct mk_thread me;
};

static void open_user(struct user *user) {
    struct mk_config cfg = {.threads_max = 1};
    memset(user, 0, sizeof *user);
    CHECK(!tl_create(&user->alloc, &parent, &cfg, NULL));
    CHECK(!tl_thread_enter(user->alloc, &user->me));
}

static void close_user(struct user *user) {
    CHECK_EQ(tl_count(user->alloc), 0);
    tl_thread_exit(user->alloc, &user->me);
    tl_destroy(user->alloc);
    CHECK_EQ(parent_blocks, 0);
}

/* What is found holds what was asked for, and all of it is the block's. */
static void found(struct user *user, unsigned char *block, size_t asked, size_t *bytes, size_t *align) {
    tl_find(user->alloc, block, bytes, align);
    CHECK(*bytes >= asked);
    CHECK((uintptr_t)block % *align == 0);
#ifndef MK_ASAN
    CHECK_EQ(*bytes, tl_usable(user->alloc, block, asked));
    memset(block, 0x5a, *bytes);
#endif
    bool small = *bytes <= TL_SMALL_MAX && *align <= TL_SMALL_ALIGN;
    CHECK(small == ((uintptr_t)block % TL_CHUNK_BYTES >= TL_UNIT_BYTES));
}

/* The sizes beside each bound of a class, and large ones up to some MiB. */
static size_t next_size(size_t bytes) {
    if (bytes < 300) return bytes + 1;
    if (bytes < TL_SMALL_MAX + 3) {
        size_t bound = tl_bytes_of_class(tl_class_of_bytes(bytes < TL_SMALL_MAX ? bytes : TL_SMALL_MAX));
        return bytes < bound - 1 ? bound - 1 : bytes + 1;
    }
    return bytes + bytes / 3 + 1;
}
#define SIZE_END ((size_t)3 << 20)

TEST(found_sizes_are_right_for_free) {
    struct user user;
    open_user(&user);
    for (size_t align = 1; align <= 4096; align *= 2) {
        for (size_t asked = 1; asked < SIZE_END; asked = next_size(asked)) {
            size_t bytes, its_align;
            unsigned char *block = asked % 2 ? tl_alloc(user.alloc, &user.me, asked, align)
                                             : tl_zalloc(user.alloc, &user.me, asked, align);
            CHECK(block != NULL);
            CHECK((uintptr_t)block % align == 0);
            found(&user, block, asked, &bytes, &its_align);
            CHECK(tl_free(user.alloc, &user.me, block, bytes, its_align) == MK_HIT);
        }
    }
    close_user(&user);
}

/* malloc's own callers ask for more than the contract's 4096. */
TEST(larger_alignments) {
    struct user user;
    open_user(&user);
    for (size_t align = 8192; align <= (size_t)4 << 20; align *= 2) {
        for (size_t asked = 1; asked < (size_t)1 << 20; asked = asked * 7 + 1) {
            size_t bytes, its_align;
            unsigned char *block = tl_alloc(user.alloc, &user.me, asked, align);
            CHECK(block != NULL);
            CHECK((uintptr_t)block % align == 0);
            found(&user, block, asked, &bytes, &its_align);
            tl_free(user.alloc, &user.me, block, bytes, its_align);
        }
    }
    close_user(&user);
}

static void fill(unsigned char *block, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) block[i] = PATTERN(i);
}

static void check_filled(const unsigned char *block, size_t bytes) {
    size_t same = 0;
    while (same < bytes && block[same] == PATTERN(same)) same++;
    CHECK_EQ(same, bytes);
}

/* Both ways over every bound, with sizes that were found and not remembered. */
TEST(found_sizes_are_right_for_resize) {
    struct user user;
#ifdef MK_ASAN
    SKIP("resize copies all of the size that it is told, and what was not asked for is poisoned here");
#endif
    open_user(&user);
    size_t bytes, align, asked = 1;
    unsigned char *block = tl_alloc(user.alloc, &user.me, 1, 16);
    for (size_t next = 1; next < SIZE_END; next = next_size(next)) {
        for (unsigned way = 0; way < 2; way++) {
            size_t wanted = way ? next / 2 + 1 : next;
            fill(block, asked);
            tl_find(user.alloc, block, &bytes, &align);
            unsigned char *resized = tl_resize(user.alloc, &user.me, block, bytes, align, wanted, 16);
            CHECK(resized != NULL);
            check_filled(resized, asked < wanted ? asked : wanted);
            block = resized;
            asked = wanted;
        }
    }
    tl_find(user.alloc, block, &bytes, &align);
    tl_free(user.alloc, &user.me, block, bytes, align);
    close_user(&user);
}
