/* test_planted_conformance.c - conformance can fail: each file of tests/planted_conformance/ has one
 * defect, built as a plug-in, and must be found by the case that its first lines name, in the words they
 * name. A sound one of each kind (`case: none`) must pass them all. `flavours` names the builds where that
 * can be shown: elsewhere a sanitizer says so first, and ends the program, or threads cannot be held up at
 * points. `pressure` names what it is tried under.
 */
#include "plant.h"

#include <dirent.h>
#include <stdlib.h>

#include "../harness/build_info.h"
#include "../harness/check/conform.h"

#define SEEDS 20 /* tried, where threads have to meet */

/* The leaks that are planted are no leaks of ours. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) {
    return 1;
}

struct plant {
    char name[64], which[32], says[128], flavours[64], pressure[32];
};

static void read_plant(struct plant *plant, const char *file) {
    struct plant_line lines[] = {{"case", plant->which, sizeof plant->which},
                                 {"says", plant->says, sizeof plant->says},
                                 {"flavours", plant->flavours, sizeof plant->flavours},
                                 {"pressure", plant->pressure, sizeof plant->pressure}};
    memset(plant, 0, sizeof *plant);
    snprintf(plant->name, sizeof plant->name, "%.*s", (int)strcspn(file, "."), file);
    plant_read("planted_conformance", file, lines, sizeof lines / sizeof *lines);
}

/* Returns whether a finding of one run says what it is to say, and puts that one (else the last one) into what; *n
 * is how many there are. */
static bool run(const struct mk_conform_unit *unit, const struct mk_case *which, uint64_t seed,
                const struct plant *plant, size_t *n, char *what, size_t room) {
    struct mk_conform_config config = {.seed = seed, .effort_percent = 25};
    if (plant->pressure[0]) config.pressure = mk_pressure_of(plant->pressure);
    struct mk_findings findings = {0};
    bool found = false;
    mk_conform_run(unit, which, &config, &findings);
    *n = findings.n;
    for (size_t i = 0; i < findings.n && !found; i++) {
        found = strstr(findings.at[i].what, plant->says) != NULL;
        snprintf(what, room, "%s", findings.at[i].what);
    }
    mk_findings_free(&findings);
    return found;
}

/* The plant's case must find it; where it names none, no case may find anything. */
static void judge(const struct plant *plant, const struct mk_conform_unit *unit) {
    bool sound = strcmp(plant->which, "none") == 0, known = sound;
    for (const struct mk_case *which = mk_conform_cases(unit->composition.impl->kind->name); which->name; which++) {
        char what[512] = "nothing";
        size_t n;
        bool found = false;
        if (!sound && strcmp(which->name, plant->which) != 0) continue;
        const char *skips = mk_conform_skips(unit, which);
        known = known || !skips;
        if (skips) continue;
        for (uint64_t seed = 1; seed <= SEEDS && !found; seed++) {
            found = run(unit, which, seed, plant, &n, what, sizeof what);
            if (sound && n) {
                mk_test_fail(__FILE__, __LINE__, "%s, which is sound, case %s finds: %s", plant->name, which->name,
                             what);
            }
            if (sound) break;
        }
        if (!sound && !found) {
            mk_test_fail(__FILE__, __LINE__, "%s: case %s does not find what it is to find (%s), but: %s",
                         plant->name, which->name, plant->says, what);
        }
        if (!sound && found) printf("# %s: %s: %s\n", plant->name, which->name, what);
    }
    if (!known) {
        mk_test_fail(__FILE__, __LINE__, "%s: there is no case %s that applies to it", plant->name, plant->which);
    }
}

static void try_plant(const struct plant *plant) {
    struct mk_conform_unit *list = NULL;
    size_t n = 0, tried = 0;
    struct mk_err err;
    char kind[32], identity[128];
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(plant->name, "_"), plant->name);
    snprintf(identity, sizeof identity, "%s/%s", kind, plant->name);
    if (plant_load("planted_conformance", plant->name, &err) || mk_conform_list(kind, &list, &n, &err)) {
        mk_test_fail(__FILE__, __LINE__, "%s: %s", plant->name, err.text);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].composition.identity, identity) != 0) continue;
        judge(plant, &list[i]);
        tried++;
    }
    if (!tried) mk_test_fail(__FILE__, __LINE__, "%s is not in the registry", identity);
    mk_conform_list_free(list, n);
}

TEST(each_planted_defect_is_found_by_its_case) {
    struct mk_err err;
    struct dirent **files;
    int n = scandir(mk_test_path("planted_conformance"), &files, NULL, alphasort);
    size_t tried = 0;
    CHECK_EQ(mk_registry_open(&err), 0);
    for (int i = 0; i < n; i++) {
        struct plant plant;
        size_t length = strlen(files[i]->d_name);
        bool source = length > 2 && strcmp(files[i]->d_name + length - 2, ".c") == 0;
        if (source) read_plant(&plant, files[i]->d_name);
        free(files[i]);
        if (!source || (plant.flavours[0] && !strstr(plant.flavours, mk_build_info()->flavour))) continue;
        if (!plant.which[0]) mk_test_fail(__FILE__, __LINE__, "%s names no case", plant.name);
        if (plant.which[0]) try_plant(&plant);
        tried++;
    }
    if (n >= 0) free(files);
    CHECK(tried > 20);
}
