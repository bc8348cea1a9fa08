/* counter_events.c - the table of native events. Rows are tried from the top; the first that opens and
 * counts is taken, and what it really is goes into the result.
 *
 * The PAPI names are those of libpfm; where a CPU's generations differ, the newer spelling stands
 * first and an older CPU simply does not know it. What is counted as "a miss" differs between vendors
 * (AMD: requests to the next level; Intel: retired loads), so numbers compare within one vendor only.
 * perf's generic names have traps of their own: PERF_COUNT_HW_CACHE_MISSES is the last level on Intel,
 * the L2 with instruction fetches on AMD, the L1 on ARM. Hence no row "any" for it.
 */
#include "counter_events.h"

#define ANY_MODEL 0, UINT32_MAX

/* A CPU matches by vendor ("" = all), family and model, bounds included. */
static const struct row {
    const char *backend;
    enum mk_counter_id id;
    const char *vendor;
    uint32_t family_min, family_max, model_min, model_max;
    const char *event;
} rows[] = {
#define INTEL "intel", 6, UINT32_MAX, ANY_MODEL
#define ZEN1_TO_4 "amd", 0x17, 0x19, ANY_MODEL
#define ZEN1_TO_5 "amd", 0x17, 0x1a, ANY_MODEL
#define ZEN2 "amd", 0x17, 0x17, 0x30, UINT32_MAX
#define ZEN3_4 "amd", 0x19, 0x19, ANY_MODEL
#define ZEN5 "amd", 0x1a, 0x1a, ANY_MODEL
#define ARM "arm", 0, UINT32_MAX, ANY_MODEL
#define ANY "", 0, UINT32_MAX, ANY_MODEL

    {"papi", MK_COUNT_L1D_MISS, INTEL, "MEM_LOAD_RETIRED:L1_MISS"}, /* Skylake and later */
    {"papi", MK_COUNT_L1D_MISS, INTEL, "L1D:REPLACEMENT"},          /* Haswell, Broadwell */
    {"papi", MK_COUNT_L1D_MISS, ZEN1_TO_4, "REQUESTS_TO_L2_GROUP1:RD_BLK_L:RD_BLK_X:LS_RD_BLK_C_S:CHANGE_TO_X"},
    {"papi", MK_COUNT_L1D_MISS, ZEN5, "REQUESTS_TO_L2_GROUP1:RD_BLK_L:RD_BLK_X:LS_RD_BLK_C_S"},
    {"papi", MK_COUNT_L1D_MISS, ARM, "L1D_CACHE_REFILL"},
    {"papi", MK_COUNT_L1D_MISS, ANY, "PAPI_L1_DCM"},

    {"papi", MK_COUNT_L2_MISS, INTEL, "MEM_LOAD_RETIRED:L2_MISS"},
    {"papi", MK_COUNT_L2_MISS, INTEL, "L2_RQSTS:MISS"},
    {"papi", MK_COUNT_L2_MISS, ZEN1_TO_5, "CORE_TO_L2_CACHEABLE_REQUEST_ACCESS_STATUS:LS_RD_BLK_C"},
    {"papi", MK_COUNT_L2_MISS, ARM, "L2D_CACHE_REFILL"},
    {"papi", MK_COUNT_L2_MISS, ANY, "PAPI_L2_DCM"},

    {"papi", MK_COUNT_LLC_MISS, INTEL, "MEM_LOAD_RETIRED:L3_MISS"},
    {"papi", MK_COUNT_LLC_MISS, INTEL, "LONGEST_LAT_CACHE:MISS"},
    {"papi", MK_COUNT_LLC_MISS, ZEN2, "DATA_CACHE_REFILLS_FROM_SYSTEM:LS_MABRESP_LCL_DRAM:LS_MABRESP_RMT_DRAM"},
    {"papi", MK_COUNT_LLC_MISS, ZEN3_4, "DEMAND_DATA_CACHE_FILLS_FROM_SYSTEM:DRAM_IO_NEAR:DRAM_IO_FAR"}, /* 4 */
    {"papi", MK_COUNT_LLC_MISS, ZEN3_4, "DEMAND_DATA_CACHE_FILLS_FROM_SYSTEM:MEM_IO_LCL:MEM_IO_RMT"},    /* 3 */
    {"papi", MK_COUNT_LLC_MISS, ZEN5, "DEMAND_DATA_CACHE_FILLS_FROM_SYSTEM:DRAM_IO_NEAR:DRAM_IO_FAR"},
    {"papi", MK_COUNT_LLC_MISS, ARM, "LL_CACHE_MISS_RD"},
    {"papi", MK_COUNT_LLC_MISS, ARM, "L3D_CACHE_REFILL"},
    {"papi", MK_COUNT_LLC_MISS, ANY, "PAPI_L3_TCM"},

    {"papi", MK_COUNT_DTLB_MISS, INTEL, "DTLB_LOAD_MISSES:WALK_COMPLETED"},
    {"papi", MK_COUNT_DTLB_MISS, ZEN1_TO_5,
     "L1_DTLB_MISS:TLB_RELOAD_4K_L2_MISS:TLB_RELOAD_2M_L2_MISS:TLB_RELOAD_1G_L2_MISS"},
    {"papi", MK_COUNT_DTLB_MISS, ARM, "DTLB_WALK"},
    {"papi", MK_COUNT_DTLB_MISS, ARM, "L1D_TLB_REFILL"},
    {"papi", MK_COUNT_DTLB_MISS, ANY, "PAPI_TLB_DM"},

    {"papi", MK_COUNT_INSTRUCTIONS, INTEL, "INST_RETIRED:ANY_P"},
    {"papi", MK_COUNT_INSTRUCTIONS, ZEN1_TO_5, "RETIRED_INSTRUCTIONS"},
    {"papi", MK_COUNT_INSTRUCTIONS, ARM, "INST_RETIRED"},
    {"papi", MK_COUNT_INSTRUCTIONS, ANY, "PAPI_TOT_INS"},

    {"papi", MK_COUNT_CYCLES, INTEL, "CPU_CLK_UNHALTED:THREAD_P"},
    {"papi", MK_COUNT_CYCLES, ZEN1_TO_5, "CYCLES_NOT_IN_HALT"},
    {"papi", MK_COUNT_CYCLES, ARM, "CPU_CYCLES"},
    {"papi", MK_COUNT_CYCLES, ANY, "PAPI_TOT_CYC"},

    /* RAW:event and unit mask as in the vendors' manuals, where the kernel has no generic name. */
    {"perf", MK_COUNT_L1D_MISS, ANY, "HW_CACHE_L1D:READ:MISS"},
    {"perf", MK_COUNT_L2_MISS, ZEN1_TO_5, "RAW:0x0864"}, /* l2_cache_req_stat.ls_rd_blk_c */
    {"perf", MK_COUNT_L2_MISS, ARM, "RAW:0x17"},         /* L2D_CACHE_REFILL */
    {"perf", MK_COUNT_LLC_MISS, ZEN2, "RAW:0x4843"},     /* demand fills from memory, near and far */
    {"perf", MK_COUNT_LLC_MISS, ZEN3_4, "RAW:0x4843"},
    {"perf", MK_COUNT_LLC_MISS, ZEN5, "RAW:0x4843"},
    {"perf", MK_COUNT_LLC_MISS, ANY, "HW_CACHE_LL:READ:MISS"},
    {"perf", MK_COUNT_LLC_MISS, INTEL, "HW_CACHE_MISSES"},
    {"perf", MK_COUNT_DTLB_MISS, ANY, "HW_CACHE_DTLB:READ:MISS"},
    {"perf", MK_COUNT_INSTRUCTIONS, ANY, "HW_INSTRUCTIONS"},
    {"perf", MK_COUNT_CYCLES, ANY, "HW_CPU_CYCLES"},

    {"sw", MK_COUNT_PAGE_FAULTS, ANY, "ru_minflt+ru_majflt"},
    {"sw", MK_COUNT_CTX_SWITCHES, ANY, "ru_nvcsw+ru_nivcsw"},
};

static bool fits(const struct row *row, const struct mk_env_cpu *cpu) {
    return (!row->vendor[0] || strcmp(row->vendor, cpu->vendor) == 0) && cpu->family >= row->family_min &&
           cpu->family <= row->family_max && cpu->model >= row->model_min && cpu->model <= row->model_max;
}

const char *mk_counter_event(const char *backend, const struct mk_env_cpu *cpu, enum mk_counter_id id,
                             uint32_t *at) {
    while (*at < sizeof rows / sizeof *rows) {
        const struct row *row = &rows[(*at)++];
        if (row->id == id && strcmp(row->backend, backend) == 0 && fits(row, cpu)) return row->event;
    }
    return NULL;
}
