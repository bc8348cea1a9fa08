/* test_build_info.c - what the build says of itself is what make was told. */
#include "test.h"

#include "../harness/build_info.h"

TEST(build_info_is_filled_in) {
    const struct mk_build_info *info = mk_build_info();
    CHECK_STR(info->flavour, MK_FLAVOUR);
    CHECK_EQ(info->with_papi, MK_WITH_PAPI);
    CHECK(info->header_hash != 0);
    CHECK(strchr(info->version, '.') != NULL);
    CHECK(strlen(info->commit) == 40 || strcmp(info->commit, "unknown") == 0);
    CHECK(strstr(info->flags, "-std=c11") != NULL);
    CHECK(strchr(info->compiler, '.') != NULL);
    CHECK(strchr(info->hwloc_version, '.') != NULL);
    CHECK(strchr(info->cjson_version, '.') != NULL);
    CHECK((strchr(info->papi_version, '.') != NULL) == info->with_papi);
}

TEST(build_info_flags_are_portable_and_name_no_folder) {
    const char *flags = mk_build_info()->flags;
    CHECK(strstr(flags, "-march=native") == NULL);
    CHECK(strstr(flags, "prefix-map") == NULL);
}

TEST(what_is_missing_says_what_to_do) {
    const char *at = "map/x=libx-dev queue/y= stack/z_2=libz-dev";
    struct mk_missing_peer peer;
    CHECK(mk_build_next_missing(&at, &peer));
    CHECK_STR(peer.identity, "map/x");
    CHECK_STR(peer.package, "libx-dev");
    CHECK_STR(peer.reason, "install libx-dev, then make");
    CHECK(mk_build_next_missing(&at, &peer));
    CHECK_STR(peer.identity, "queue/y");
    CHECK_STR(peer.package, "");
    CHECK_STR(peer.reason, "packaged library, not instrumented: release build only");
    CHECK(mk_build_next_missing(&at, &peer));
    CHECK_STR(peer.identity, "stack/z_2");
    CHECK(!mk_build_next_missing(&at, &peer));
    at = "";
    CHECK(!mk_build_next_missing(&at, &peer));
}

TEST(only_release_is_trustworthy) {
    const char *reason = mk_build_untrustworthy();
#ifdef __OPTIMIZE__
    CHECK((reason == NULL) == (strcmp(MK_FLAVOUR, "release") == 0));
#else
    CHECK(reason != NULL);
#endif
    if (reason) CHECK(strstr(reason, "build") != NULL || strstr(reason, "built") != NULL);
}
