/* estimate.c - what strategies want to know of a program beforehand, from one run by turns: how many points it
 * has, and which places in memory threads meet at. A run that was different each time would make schedules that
 * nobody could make again. */
#include "explore_parts.h"
#include "../record.h"

#include <stdlib.h>

#define PLACES 1024u /* that are watched; what is touched first counts */
#define SLOTS 4096u

struct place {
    uintptr_t address;
    bool written;
    uint32_t at[MK_RT_THREADS];
};

struct calibrator {
    struct mk_chooser chooser;
    uint64_t points;
    struct place place[PLACES];
    uint16_t slot[SLOTS]; /* 1 + index of a place; 0 free */
    size_t places;
};

/* Returns NULL where there is no more room. */
static struct place *place_at(struct calibrator *calibrator, uintptr_t address) {
    size_t i = (size_t)(address * 0x9e3779b97f4a7c15u >> 52) % SLOTS;
    for (; calibrator->slot[i]; i = (i + 1) % SLOTS) {
        struct place *place = &calibrator->place[calibrator->slot[i] - 1];
        if (place->address == address) return place;
    }
    if (calibrator->places == PLACES) return NULL;
    struct place *place = &calibrator->place[calibrator->places++];
    place->address = address;
    calibrator->slot[i] = (uint16_t)calibrator->places;
    return place;
}

/* Notes what the thread at its point is about to do. */
static void watch(struct calibrator *calibrator, const struct mk_logical *thread) {
    if (!thread->number || !thread->address || thread->act == MK_ACT_BLOCK) return;
    struct place *place = place_at(calibrator, thread->address);
    if (!place) return;
    place->at[thread->number]++;
    place->written |= thread->act != MK_ACT_LOAD;
}

static uint32_t by_turns(struct mk_chooser *chooser, uint32_t ready, uint32_t at, uint32_t usual) {
    struct calibrator *calibrator = (struct calibrator *)chooser;
    (void)usual;
    calibrator->points++;
    watch(calibrator, &mk_rt.thread[at]);
    return mk_rt_next(at, ready);
}

static uint32_t by_default(struct mk_chooser *chooser, enum mk_choice_kind kind, uint32_t n) {
    (void)chooser;
    (void)kind;
    (void)n;
    return 0;
}

static bool is_shared(const struct place *place) {
    uint32_t threads = 0;
    for (uint32_t i = 0; i < MK_RT_THREADS; i++) threads += place->at[i] > 0;
    return threads > 1 && place->written;
}

static void take_places(struct mk_estimate *estimate, const struct calibrator *calibrator) {
    const size_t room = sizeof estimate->address / sizeof *estimate->address;
    for (size_t i = 0; i < calibrator->places && estimate->addresses < room; i++) {
        const struct place *place = &calibrator->place[i];
        if (!is_shared(place)) continue;
        estimate->address[estimate->addresses] = place->address;
        memcpy(estimate->at[estimate->addresses++], place->at, sizeof place->at);
    }
}

bool mk_estimate_make(const struct mk_program *program, const struct mk_setting *setting,
                      struct mk_estimate *estimate) {
    struct calibrator *calibrator = mk_need(1, sizeof *calibrator);
    calibrator->chooser = (struct mk_chooser){by_turns, by_default};
    bool failed = mk_run_under(program, setting, &calibrator->chooser, NULL);
    memset(estimate, 0, sizeof *estimate);
    estimate->steps = calibrator->points;
    for (uint32_t i = 0; i < mk_rt.n; i++) estimate->of_thread[i] = mk_rt.thread[i].step;
    take_places(estimate, calibrator);
    free(calibrator);
    return failed;
}
