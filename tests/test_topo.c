/* test_topo.c - placement on machines that are not here, and binding on the one that is. */
#include "test.h"

#include "../harness/topo.h"
#include "child.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

/* Writes the PUs of a placement as "0 8 4", with " over" behind them, or the error. */
static const char *placed(const char *machine, const char *policy, uint32_t threads) {
    static char text[1024];
    struct mk_err err = {""};
    struct mk_topo *topo;
    uint32_t pus[128];
    bool over = false;
    size_t used = 0;
    text[0] = '\0';
    if (mk_topo_synthetic(&topo, machine, &err)) return strcpy(text, err.text);
    if (mk_topo_place(topo, policy, threads, pus, &over, &err)) strcpy(text, err.text);
    else {
        for (uint32_t i = 0; i < threads; i++)
            used += (size_t)sprintf(text + used, pus[i] == MK_PU_NONE ? "%s-" : "%s%u", i ? " " : "", pus[i]);
        if (over) strcpy(text + used, " over");
    }
    mk_topo_free(topo);
    return text;
}

TEST(scatter_goes_as_far_apart_as_can_be) {
    CHECK_STR(placed("pack:2 numa:1 l3:2 core:2 pu:2", "scatter", 16), "0 8 4 12 2 10 6 14 1 9 5 13 3 11 7 15");
    CHECK_STR(placed("pack:2 core:2 pu:1", "scatter", 4), "0 2 1 3");
}

TEST(compact_stays_together) {
    CHECK_STR(placed("pack:2 core:2 pu:2", "compact", 8), "0 1 2 3 4 5 6 7");
    CHECK_STR(placed("pack:1 core:4 pu:2(indexes=0,4,1,5,2,6,3,7)", "compact", 8), "0 4 1 5 2 6 3 7");
}

TEST(cores_takes_one_pu_of_each_core_first) {
    CHECK_STR(placed("pack:2 core:2 pu:2", "cores", 8), "0 2 4 6 1 3 5 7");
    CHECK_STR(placed("pack:1 core:4 pu:2(indexes=0,4,1,5,2,6,3,7)", "cores", 8), "0 1 2 3 4 5 6 7");
}

TEST(numa_fills_node_by_node) {
    CHECK_STR(placed("pack:2 numa:1 core:2 pu:2", "numa", 8), "0 2 1 3 4 6 5 7");
    CHECK_STR(placed("pack:1 numa:2 core:2 pu:1", "numa", 4), "0 1 2 3");
}

TEST(a_list_is_taken_as_written) {
    CHECK_STR(placed("core:8 pu:1", "6,0,2-4", 5), "6 0 2 3 4");
    CHECK_STR(placed("core:8 pu:1", "6,0,2-4", 6), "6 0 2 3 4 6 over");
    CHECK_STR(placed("core:8 pu:1", "3,3", 2), "3 3 over");
    CHECK_STR(placed("core:8 pu:1", "3,3", 1), "3");
    CHECK_STR(placed("core:4 pu:1", "2,7", 1),
              "PU 7 is not available; this process may use 0-3 (taskset and cgroups narrow it)");
}

TEST(none_pins_nothing_and_still_counts) {
    CHECK_STR(placed("core:2 pu:1", "none", 2), "- -");
    CHECK_STR(placed("core:2 pu:1", "none", 3), "- - - over");
}

TEST(more_threads_than_pus_begin_again) {
    CHECK_STR(placed("core:2 pu:1", "compact", 5), "0 1 0 1 0 over");
    CHECK_STR(placed("core:2 pu:1", "compact", 2), "0 1");
}

TEST(nonsense_is_refused_in_a_sentence) {
    CHECK_STR(placed("core:2 pu:1", "compcat", 1),
              "\"compcat\" is no pinning policy: use compact, scatter, cores, numa, none, or a list of PUs such as "
              "0,2,4-7");
    CHECK_STR(placed("core:2 pu:1", "compact", 0), "nothing to place: a cell needs at least one thread");
    CHECK_STR(placed("six cores", "compact", 1),
              "\"six cores\" is no topology: expected something like \"pack:2 core:8 pu:2\"");
    CHECK(strstr(placed("core:2 pu:1", "0,", 1), "is no list of PUs (see \"\")"));
}

TEST(policies_are_checked_without_a_machine) {
    static const char *const good[] = {"compact", "scatter", "cores", "numa", "none", "0", "0,2,4-7", "5-5"};
    static const char *const bad[] = {"", "Compact", "0,", ",1", "3-1", "1--2", "1 2", "99999999999999", "0-",
                                      "1,x"};
    struct mk_err err;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) CHECK_EQ(mk_topo_check_policy(good[i], &err), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK_EQ(mk_topo_check_policy(bad[i], &err), -1);
    CHECK_EQ(mk_topo_check_memory("local", &err), 0);
    CHECK_EQ(mk_topo_check_memory("interleave", &err), 0);
    CHECK_EQ(mk_topo_check_memory("node:3", &err), 0);
    CHECK_EQ(mk_topo_check_memory("node:", &err), -1);
    CHECK_EQ(mk_topo_check_memory("node:3x", &err), -1);
    CHECK_EQ(mk_topo_check_memory("remote", &err), -1);
    CHECK_STR(err.text, "\"remote\" is no memory policy: use local, interleave or node:N");
}

/* For every machine and policy: each PU once, and every shorter placement is a prefix. */
TEST(placements_are_permutations_and_prefix_stable) {
    static const char *const machines[] = {"pack:2 numa:1 l3:2 core:2 pu:2", "pack:1 core:3 pu:2", "core:5 pu:1",
                                           "pack:2 numa:2 l3:1 core:3 pu:2", "pu:1"};
    static const char *const policies[] = {"compact", "scatter", "cores", "numa"};
    struct mk_err err;
    for (size_t m = 0; m < sizeof machines / sizeof *machines; m++) {
        struct mk_topo *topo;
        CHECK_EQ(mk_topo_synthetic(&topo, machines[m], &err), 0);
        uint32_t all[64], some[64], n = mk_topo_machine(topo)->pus;
        for (size_t p = 0; p < sizeof policies / sizeof *policies; p++) {
            uint64_t seen = 0;
            bool over = true;
            CHECK_EQ(mk_topo_place(topo, policies[p], n, all, &over, &err), 0);
            CHECK(!over);
            for (uint32_t i = 0; i < n; i++) seen |= (uint64_t)1 << all[i];
            CHECK_EQ(seen, ((uint64_t)1 << n) - 1);
            for (uint32_t threads = 1; threads < n; threads++) {
                CHECK_EQ(mk_topo_place(topo, policies[p], threads, some, &over, &err), 0);
                CHECK(memcmp(some, all, threads * sizeof *some) == 0);
            }
        }
        mk_topo_free(topo);
    }
}

static const char *auto_threads(const char *machine) {
    static char text[256];
    struct mk_topo *topo;
    uint64_t counts[MK_TOPO_AUTO_MAX];
    size_t used = 0;
    if (mk_topo_synthetic(&topo, machine, NULL)) return "no topology";
    uint32_t n = mk_topo_auto_threads(topo, counts);
    for (uint32_t i = 0; i < n; i++) used += (size_t)sprintf(text + used, "%s%d", i ? " " : "", (int)counts[i]);
    mk_topo_free(topo);
    return text;
}

TEST(auto_means_powers_of_two_then_cores_then_pus_then_twice) {
    CHECK_STR(auto_threads("pack:2 core:3 pu:2"), "1 2 4 6 12 24");
    CHECK_STR(auto_threads("pack:1 core:8 pu:1"), "1 2 4 8 16");
    CHECK_STR(auto_threads("core:2 pu:1"), "1 2 4");
    CHECK_STR(auto_threads("core:1 pu:1"), "1 2");
    CHECK_STR(auto_threads("core:1 pu:2"), "1 2 4");
}

TEST(machine_counts_and_caches) {
    struct mk_topo *topo;
    struct mk_err err;
    CHECK_EQ(mk_topo_synthetic(&topo, "pack:2 numa:1 l3:2(size=33554432) l2:4(size=1048576) core:1 pu:2", &err), 0);
    const struct mk_topo_machine *machine = mk_topo_machine(topo);
    CHECK_EQ(machine->packages, 2);
    CHECK_EQ(machine->numa_nodes, 2);
    CHECK_EQ(machine->cores, 16);
    CHECK_EQ(machine->pus, 32);
    CHECK_EQ(machine->machine_pus, 32);
    CHECK_EQ(machine->l3.bytes, 33554432);
    CHECK_EQ(machine->l3.count, 4);
    CHECK_EQ(machine->l3.pus, 8);
    CHECK_EQ(machine->l2.bytes, 1048576);
    CHECK_EQ(machine->l2.count, 16);
    CHECK_EQ(machine->l1d.bytes, 0);
    CHECK(!machine->thissystem);
    uint32_t n;
    const struct mk_topo_pu *pus = mk_topo_pu_list(topo, &n);
    CHECK_EQ(n, 32);
    CHECK_EQ(pus[17].os, 17);
    CHECK_EQ(pus[17].core, 8);
    CHECK_EQ(pus[17].package, 1);
    CHECK_EQ(pus[17].numa_node, 1);
    mk_topo_free(topo);
}

TEST(shared_cores_are_seen) {
    struct mk_topo *topo;
    CHECK_EQ(mk_topo_synthetic(&topo, "core:4 pu:2", NULL), 0);
    CHECK(mk_topo_shares_core(topo, (uint32_t[]){0, 2, 5, 4}, 4));
    CHECK(!mk_topo_shares_core(topo, (uint32_t[]){0, 2, 5, 7}, 4));
    CHECK(!mk_topo_shares_core(topo, (uint32_t[]){3, 3}, 2)); /* one PU twice: oversubscribed, not this */
    CHECK(!mk_topo_shares_core(topo, (uint32_t[]){MK_PU_NONE, MK_PU_NONE}, 2));
    mk_topo_free(topo);
}

TEST(a_description_describes_the_same_machine) {
    struct mk_topo *topo, *again;
    CHECK_EQ(mk_topo_load(&topo, NULL), 0);
    const char *text = mk_topo_synthetic_text(topo);
    if (!text) {
        mk_topo_free(topo);
        SKIP("this machine is too uneven for a synthetic description");
    }
    CHECK(!strstr(text, "memory="));
    CHECK_EQ(mk_topo_synthetic(&again, text, NULL), 0);
    CHECK_STR(mk_topo_synthetic_text(again), text);
    CHECK_EQ(mk_topo_machine(again)->pus, mk_topo_machine(topo)->pus);
    CHECK_EQ(mk_topo_machine(again)->l2.bytes, mk_topo_machine(topo)->l2.bytes);
    mk_topo_free(again);
    mk_topo_free(topo);
}

TEST(nothing_is_bound_to_a_synthetic_machine) {
    static const char refusal[] =
        "a synthetic topology can be planned for, but nothing can be bound to it: run without one";
    struct mk_topo *topo;
    struct mk_err err = {""};
    CHECK_EQ(mk_topo_synthetic(&topo, "core:2 pu:1", &err), 0);
    CHECK_EQ(mk_topo_pin(topo, 0, &err), -1);
    CHECK_STR(err.text, refusal);
    CHECK_EQ(mk_topo_unpin(topo, &err), -1);
    CHECK_EQ(mk_topo_bind_memory(topo, "local", &err), -1);
    CHECK_STR(err.text, refusal);
    mk_topo_free(topo);
}

/* Binds to every usable PU in turn; counts where the kernel's own view disagrees. */
static void *pin_everywhere(void *arg) {
    const struct mk_topo *topo = arg;
    uint32_t n;
    const struct mk_topo_pu *pus = mk_topo_pu_list(topo, &n);
    uintptr_t wrong = 0;
    for (uint32_t i = 0; i < n; i++) {
        cpu_set_t set;
        wrong += mk_topo_pin(topo, pus[i].os, NULL) != 0;
        wrong += sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) != 1 || !CPU_ISSET(pus[i].os, &set);
        wrong += mk_topo_here() != pus[i].os;
    }
    wrong += mk_topo_unpin(topo, NULL) != 0;
    return (void *)wrong;
}

TEST(threads_go_where_they_are_pinned_and_back) {
    cpu_set_t before, after;
    struct mk_topo *topo;
    pthread_t threads[3];
    struct mk_err err = {""};
    CHECK_EQ(sched_getaffinity(0, sizeof before, &before), 0);
    CHECK_EQ(mk_topo_load(&topo, &err), 0);
    for (int i = 0; i < 3; i++) CHECK_EQ(pthread_create(&threads[i], NULL, pin_everywhere, topo), 0);
    for (int i = 0; i < 3; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        CHECK_EQ((uintptr_t)wrong, 0);
    }
    CHECK_EQ((uintptr_t)pin_everywhere(topo), 0);
    CHECK_EQ(sched_getaffinity(0, sizeof after, &after), 0);
    CHECK(CPU_EQUAL(&before, &after));
    CHECK_EQ(mk_topo_pin(topo, 1000000, &err), -1);
    CHECK_STR(err.text, "PU 1000000 is not available to this process");
    mk_topo_free(topo);
}

/* As under taskset: only the last of the PUs. */
static void load_narrowed(FILE *out, void *arg) {
    uint32_t last = *(uint32_t *)arg, pus[2];
    char first[16];
    struct mk_err err = {""};
    struct mk_topo *topo;
    cpu_set_t set;
    bool over;
    CPU_ZERO(&set);
    CPU_SET(last, &set);
    if (sched_setaffinity(0, sizeof set, &set)) fputs("no affinity; ", out);
    if (mk_topo_load(&topo, &err)) fputs(err.text, out);
    fprintf(out, "%u of several: %s; ", mk_topo_machine(topo)->pus,
            mk_topo_machine(topo)->machine_pus > 1 ? "yes" : "no");
    int failed = mk_topo_place(topo, "compact", 2, pus, &over, &err);
    fprintf(out, "placed %d on the last %d over %d; ", failed, pus[0] == last && pus[1] == last, over);
    snprintf(first, sizeof first, "%u", last - 1);
    failed = mk_topo_place(topo, first, 1, pus, &over, &err);
    fprintf(out, "others refused %d %d; ", failed, mk_topo_pin(topo, last - 1, &err));
    failed = mk_topo_pin(topo, last, &err);
    fprintf(out, "pinned %d back %d on ", failed, mk_topo_unpin(topo, &err));
    sched_getaffinity(0, sizeof set, &set);
    fprintf(out, "%d", CPU_COUNT(&set));
    mk_topo_free(topo);
}

TEST(a_taskset_mask_is_honoured) {
    cpu_set_t set;
    uint32_t last = 0;
    CHECK_EQ(sched_getaffinity(0, sizeof set, &set), 0);
    for (uint32_t pu = 0; pu < CPU_SETSIZE; pu++)
        if (CPU_ISSET(pu, &set)) last = pu;
    if (CPU_COUNT(&set) < 2) SKIP("one PU: nothing to narrow");
    char *said = in_child(load_narrowed, &last);
    CHECK_STR(said, "1 of several: yes; placed 0 on the last 1 over 1; others refused -1 -1; pinned 0 back 0 on 1");
    free(said);
}

static void load_overridden(FILE *out, void *arg) {
    struct mk_err err = {"loaded"};
    struct mk_topo *topo;
    setenv("HWLOC_SYNTHETIC", arg, 1);
    unsetenv("HWLOC_THISSYSTEM");
    if (!mk_topo_load(&topo, &err)) {
        fprintf(out, "%u PUs, here: %d; ", mk_topo_machine(topo)->pus, mk_topo_machine(topo)->thissystem);
        mk_topo_pin(topo, 0, &err);
    }
    fputs(err.text, out);
    mk_topo_free(topo);
}

TEST(an_override_is_obeyed_or_refused_never_ignored) {
    char *said = in_child(load_overridden, "core:6 pu:1");
    CHECK_STR(said, "6 PUs, here: 0; a synthetic topology can be planned for, but nothing can be bound to it: run "
                    "without one");
    free(said);
    said = in_child(load_overridden, "bogus");
    CHECK_STR(said, "HWLOC_SYNTHETIC=bogus is nothing hwloc can use, so it would describe this machine instead: "
                    "correct it or unset it");
    free(said);
}

/* The kernel's view of this thread's memory policy; -1 where it has none. */
static int kernel_policy(void) {
    int policy = -1;
    return syscall(SYS_get_mempolicy, &policy, NULL, 0, NULL, 0) ? -1 : policy;
}

/* In a child, because a memory policy stays with the thread. */
static void bind_memory(FILE *out, void *arg) {
    struct mk_err err = {""};
    struct mk_topo *topo;
    (void)arg;
    mk_topo_load(&topo, &err);
    static const char *const policies[] = {"interleave", "local"};
    static const int wanted[] = {3, 0}; /* MPOL_INTERLEAVE, MPOL_DEFAULT */
    for (int i = 0; i < 2; i++) {
        int failed = mk_topo_bind_memory(topo, policies[i], &err);
        bool in_force = kernel_policy() == wanted[i];
        bool explained = strstr(err.text, "is not in force: ") != NULL;
        fprintf(out, "%s; ", failed ? explained ? "as asked" : err.text : in_force ? "as asked" : "not in force");
    }
    fprintf(out, "%d ", mk_topo_bind_memory(topo, "node:4095", &err));
    fputs(err.text, out);
    mk_topo_free(topo);
}

TEST(memory_goes_where_it_is_bound_or_a_reason_is_given) {
    char *said = in_child(bind_memory, NULL);
    CHECK(strstr(said, "as asked; as asked; -1 NUMA node 4095 is not available; this process may use ") == said);
    free(said);
}
