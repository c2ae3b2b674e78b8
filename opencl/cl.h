/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Private to opencl/: the device's OpenCL objects, programs, and one error path for driver calls. */

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include "opencl/device.h"

G_BEGIN_DECLS

typedef struct {
  cl_device_type type;
  guint compute_units;
  guint64 global_memory, max_alloc, local_memory;
  gsize max_work_group;
  guint mem_align;       /* bytes */
  gboolean host_unified; /* shares memory with the host: CL_MEM_USE_HOST_PTR costs no copy */
  gboolean host_cpu;     /* a CPU device that is this very host: its CPUID is ours */
  gboolean avx512f, avx512bw, avx512_bf16, avx512_vnni, avx2; /* of the host; FALSE unless host_cpu */
  gboolean amx;          /* likewise: tiles of bf16 and int8, and the kernel lets this process use them */
  gboolean inline_asm;   /* host_cpu, and the driver compiles inline assembly; else no avx512_bf16 or vnni */
  gboolean outline_asm;  /* where it does so only in functions that kernels call */
  gboolean fp16;         /* cl_khr_fp16 */
  gboolean integer_dot;  /* cl_khr_integer_dot_product */
  guint nvidia;          /* major compute capability, by cl_nv_device_attribute_query; else 0 */
  guint matrix_lanes;    /* of the sub-groups that cl_intel_subgroup_matrix_multiply_accumulate is for; else 0 */
} HysacDeviceLimits;

cl_device_id hysac_device_id(HysacDevice *self);
cl_context hysac_device_context(HysacDevice *self);
const HysacDeviceLimits *hysac_device_limits(HysacDevice *self);
/* The device is lost: the next who opens it gets a new context. Those who hold @self keep it. */
void hysac_device_forget(HysacDevice *self);
/* A new in-order queue (transfer full); profiling for the benchmark harness. */
cl_command_queue hysac_device_new_queue(HysacDevice *self, gboolean profiling, GError **error);

/* Sets @error (DEVICE, DEVICE_LOST or OUT_OF_MEMORY by the code) naming call, file, line and the
 * code's text, and returns FALSE unless @code is CL_SUCCESS. */
#define HYSAC_CL(code, call, error) hysac_cl_check((code), (call), __FILE__, __LINE__, (error))
gboolean hysac_cl_check(cl_int code, const char *call, const char *file, int line, GError **error);
const char *hysac_cl_strerror(cl_int code);

/*
 * Builds (or takes from the disk cache) the embedded source @name, e.g. "gemm_portable", with
 * @options such as "-DK=80" (integers only). Cache: $XDG_CACHE_HOME/gst-hysac/cl, 0700, key SHA-256
 * of source, options, device, driver and platform version; an unusable cache is one warning, a
 * corrupt entry a miss. HYSAC_KERNEL_DIR (developers) reads sources from disk instead.
 * (transfer full); NULL and BUILD with the build log. Thread-safe.
 */
cl_program hysac_program_build(HysacDevice *device, const char *name, const char *options,
                               GError **error);

/* Whether programs were compiled for @self since it was opened, or since this was TRUE, all of which the disk cache has
 * now. Such a context keeps what the driver's compiler has made along with them. Thread-safe. */
gboolean hysac_device_take_compiled(HysacDevice *self);

/* Embedded sources, made by opencl/kernels/embed.py from the list in opencl/meson.build. */
typedef struct {
  const char *name;
  const char *source;
  gsize length;
} HysacKernelSource;
extern const HysacKernelSource hysac_kernel_sources[]; /* ends with a NULL name */

G_END_DECLS
