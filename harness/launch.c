/* launch.c - see launch.h. */
#include "launch.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "build_info.h"

char *mk_launch_path(const char *asked, const char *name, const char *sort) {
    char stamp[32];
    time_t now = time(NULL);
    struct tm utc;
    if (asked) return mk_need_text(asked);
    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    return mk_need_format("results/%s%s%s-%s.json", name && *name ? name : "workload", *sort ? "-" : "", sort, stamp);
}

int mk_launch_folder(const char *path, struct mk_err *err) {
    struct stat status;
    char *folder = mk_need_text(path), *slash = strrchr(folder, '/');
    int failed = 0;
    if (slash && slash > folder) {
        *slash = '\0';
        mkdir(folder, 0777);
        if (stat(folder, &status) || !S_ISDIR(status.st_mode)) {
            failed = mk_fail(err, "cannot write %s: there is no folder %.150s", path, folder);
        } else if (access(folder, W_OK)) {
            failed = mk_fail(err, "cannot write %s: folder %.150s is not writable", path, folder);
        }
    }
    free(folder);
    return failed;
}

int mk_launch_worker(const char *flavour, char **worker, struct mk_err *err) {
    char self[4096];
    *worker = NULL;
    if (!flavour || strcmp(flavour, mk_build_info()->flavour) == 0) return 0;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) return mk_fail(err, "cannot find this program's own path");
    self[n] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(self, '/');
        if (slash) *slash = '\0';
    }
    *worker = mk_need_format("%s/lib/memkit-bench/%s/memkit-bench", self, flavour);
    if (access(*worker, X_OK) == 0) return 0;
    free(*worker);
    *worker = mk_need_format("%s/%s/memkit-bench", self, flavour);
    if (access(*worker, X_OK) == 0) return 0;
    mk_fail(err, "there is no build of flavour %s at %.180s: make FLAVOUR=%s", flavour, *worker, flavour);
    free(*worker);
    *worker = NULL;
    return -1;
}

char *mk_launch_machine(const struct mk_topo *topo, const struct mk_env *env) {
    const struct mk_topo_machine *machine = mk_topo_machine(topo);
    const struct mk_env_fact *model = mk_env_find(env, "cpu_model");
    return mk_need_format("%s, %u core%s, %u PU%s", model && model->value ? model->value : "unknown CPU", machine->cores,
                          machine->cores == 1 ? "" : "s", machine->pus, machine->pus == 1 ? "" : "s");
}
