/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a device can do, and how much it is worth. Vendor ids are never looked at: PoCL reports
 * 0x8086 on AMD's processors. */

#include "opencl/device_private.h"

#include <CL/cl_ext.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

/* A class outweighs any number of units: the largest sum below it is under 90000. */
#define SCORE_DISCRETE_GPU 400000
#define SCORE_INTEGRATED_GPU 300000
#define SCORE_CPU 200000
#define SCORE_OTHER 100000
#define SCORE_UNUSABLE -1

static void
query(cl_device_id id, cl_device_info what, gsize size, void *value)
{
  /* Limits start as 0 = unsupported: a query that fails leaves that. */
  if (clGetDeviceInfo(id, what, size, value, NULL) != CL_SUCCESS)
    memset(value, 0, size);
}

static gboolean
has_extension(cl_device_id id, const char *extension)
{
  g_autofree char *all = hysac_device_query_string(id, CL_DEVICE_EXTENSIONS);
  g_auto(GStrv) list = g_strsplit_set(all, " ", -1);
  return g_strv_contains((const char *const *) list, extension);
}

#if defined(__x86_64__) || defined(__i386__)
/* "AMD EPYC 9B14 96-Core Processor", "Intel(R) Xeon(R) ..." or NULL. */
static char *
host_brand(void)
{
  guint regs[12], max = __get_cpuid_max(0x80000000, NULL);
  if (max < 0x80000004)
    return NULL;
  for (guint i = 0; i < 3; i++) {
    if (!__get_cpuid(0x80000002 + i, &regs[4 * i], &regs[4 * i + 1], &regs[4 * i + 2],
                     &regs[4 * i + 3]))
      return NULL;
  }
  char brand[sizeof regs + 1];
  memcpy(brand, regs, sizeof regs);
  brand[sizeof regs] = '\0';
  g_strstrip(brand);
  return brand[0] ? g_ascii_strdown(brand, -1) : NULL;
}

/* Some compilers' __builtin_cpu_supports() does not know it. */
static gboolean
has_f16c(void)
{
  guint a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}

/*
 * PoCL 6.0 takes a call without a name in a kernel, which inline assembly is, for one of its own, and aborts the
 * process in clGetProgramInfo() or at the first launch. It does not look into functions that are not inlined:
 * kernels/outline.h. 3.1 takes it anywhere; versions between and after have not been tried, and get none.
 */
static void
find_asm(cl_device_id id, HysacDeviceLimits *limits)
{
  g_autofree char *version = hysac_device_query_string(id, CL_DEVICE_VERSION);
  g_autofree char *lower = g_ascii_strdown(version, -1);
  g_autofree char *driver = hysac_device_query_string(id, CL_DRIVER_VERSION);
  gboolean pocl = strstr(lower, "pocl") != NULL;
  /* A developer's switch of PoCL, which inlines all. */
  const char *inlines = g_getenv("POCL_LLVM_ALWAYS_INLINE");
  limits->outline_asm = pocl && g_str_has_prefix(driver, "6.0") && !g_ascii_isdigit(driver[3]) &&
                        (inlines == NULL || strcmp(inlines, "0") == 0);
  limits->inline_asm =
      !pocl || limits->outline_asm || g_ascii_strtoull(driver, NULL, 10) <= 3;
}

/* Intel's tiles, with bf16 and int8. Linux keeps their state (8 KiB a thread) only for a process that has asked. */
static gboolean
may_use_amx(void)
{
#if defined(__x86_64__) && defined(SYS_arch_prctl)
  const guint all = 1u << 22 | 1u << 24 | 1u << 25; /* AMX-BF16, AMX-TILE, AMX-INT8 */
  const long request_permission = 0x1023, tile_data = 18;
  guint a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & all) == all &&
         syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return FALSE;
#endif
}

/* A driver names a CPU by its brand string, some with a prefix ("cpu-skylake-avx512-AMD EPYC"). */
static void
find_host_cpu(cl_device_id id, const char *name, HysacDeviceLimits *limits)
{
  g_autofree char *brand = host_brand();
  g_autofree char *lower = g_ascii_strdown(name, -1);
  if (brand == NULL || strstr(lower, brand) == NULL)
    return;
  limits->host_cpu = TRUE;
  __builtin_cpu_init();
  limits->avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
  limits->avx512f = __builtin_cpu_supports("avx512f");
  limits->avx512bw = limits->avx512f && __builtin_cpu_supports("avx512bw");
  find_asm(id, limits);
  /* The kernels for these have instructions of AVX-512 DQ, BW and VL too, those for AMX of BF16. */
  const gboolean assembly = limits->inline_asm && limits->avx512bw && __builtin_cpu_supports("avx512dq") &&
                            __builtin_cpu_supports("avx512vl");
  limits->avx512_vnni = assembly && __builtin_cpu_supports("avx512vnni");
  limits->avx512_bf16 = assembly && __builtin_cpu_supports("avx512bf16");
  limits->amx = limits->avx512_bf16 && may_use_amx();
}
#else
static void
find_host_cpu(cl_device_id id, const char *name, HysacDeviceLimits *limits)
{
}
#endif

/* The fewest lanes of a sub-group, which is what the matrix instructions are for, where the device has these and all
 * else that kernels/gemm_intel.cl calls; else 0. */
static guint
find_matrix_lanes(cl_device_id id)
{
  static const char *const needed[] = { "cl_intel_subgroup_matrix_multiply_accumulate",
                                        "cl_intel_required_subgroup_size", "cl_intel_subgroups",
                                        "cl_intel_subgroups_short" };
  size_t sizes[16] = { 0 };
  guint lanes = 0;
  for (gsize i = 0; i < G_N_ELEMENTS(needed); i++) {
    if (!has_extension(id, needed[i]))
      return 0;
  }
  query(id, CL_DEVICE_SUB_GROUP_SIZES_INTEL, sizeof sizes, sizes);
  for (gsize i = 0; i < G_N_ELEMENTS(sizes) && sizes[i] != 0; i++)
    lanes = lanes == 0 || sizes[i] < lanes ? (guint) sizes[i] : lanes;
  return lanes;
}

/* Exactly one of CPU, GPU, accelerator: a simulator claims to be all of them. */
static cl_device_type
single_type(cl_device_type type)
{
  type &= CL_DEVICE_TYPE_CPU | CL_DEVICE_TYPE_GPU | CL_DEVICE_TYPE_ACCELERATOR;
  return (type & (type - 1)) == 0 ? type : 0;
}

void
hysac_device_query_limits(cl_device_id id, const char *name, HysacDeviceLimits *limits)
{
  cl_uint units, align_bits;
  cl_ulong global, alloc, local;
  cl_bool unified;
  size_t group;
  *limits = (HysacDeviceLimits) { 0 };
  query(id, CL_DEVICE_TYPE, sizeof limits->type, &limits->type);
  limits->type = single_type(limits->type);
  query(id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units);
  query(id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof global, &global);
  query(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof alloc, &alloc);
  query(id, CL_DEVICE_LOCAL_MEM_SIZE, sizeof local, &local);
  query(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof group, &group);
  query(id, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof align_bits, &align_bits);
  query(id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof unified, &unified);
  limits->compute_units = units;
  limits->global_memory = global;
  limits->max_alloc = alloc;
  limits->local_memory = local;
  limits->max_work_group = group;
  limits->mem_align = MAX(align_bits / 8, 1);
  limits->host_unified = unified;
  limits->fp16 = has_extension(id, "cl_khr_fp16");
  limits->integer_dot = has_extension(id, "cl_khr_integer_dot_product");
  if (has_extension(id, "cl_nv_device_attribute_query")) {
    cl_uint major;
    query(id, CL_DEVICE_COMPUTE_CAPABILITY_MAJOR_NV, sizeof major, &major);
    limits->nvidia = major;
  }
  limits->matrix_lanes = find_matrix_lanes(id);
  if (limits->type == CL_DEVICE_TYPE_CPU)
    find_host_cpu(id, name, limits);
}

static const char *
unusable(cl_device_id id)
{
  cl_bool available, compiler, little;
  query(id, CL_DEVICE_AVAILABLE, sizeof available, &available);
  query(id, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler);
  query(id, CL_DEVICE_ENDIAN_LITTLE, sizeof little, &little);
  g_autofree char *version = hysac_device_query_string(id, CL_DEVICE_VERSION);
  guint major = 0, minor = 0;
  if (!available)
    return "not available";
  if (!compiler)
    return "has no compiler";
  if (!little)
    return "is big-endian";
  if (sscanf(version, "OpenCL %u.%u", &major, &minor) != 2 || major * 100 + minor < 102)
    return "is older than OpenCL 1.2";
  return NULL;
}

gint
hysac_device_score(cl_device_id id, const HysacDeviceLimits *limits, char **why)
{
  const char *bad = unusable(id);
  if (bad != NULL) {
    *why = g_strdup_printf("unusable: %s", bad);
    return SCORE_UNUSABLE;
  }
  const char *kind = "other device";
  gint score = SCORE_OTHER;
  if (limits->type == CL_DEVICE_TYPE_GPU) {
    kind = limits->host_unified ? "integrated GPU" : "discrete GPU";
    score = limits->host_unified ? SCORE_INTEGRATED_GPU : SCORE_DISCRETE_GPU;
  } else if (limits->type == CL_DEVICE_TYPE_CPU) {
    kind = limits->host_cpu ? "CPU, this host's" : "CPU";
    score = SCORE_CPU;
  }
  guint64 gib = limits->global_memory >> 30;
  score += (gint) MIN(limits->compute_units, 800u) * 100 + (gint) MIN(gib, 99);
  *why = g_strdup_printf("%s, %u compute units, %.1f GiB", kind, limits->compute_units,
                         (double) limits->global_memory / (1 << 30));
  return score;
}
