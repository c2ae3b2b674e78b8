/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The choice of variants, and what all launches share. */

#include "opencl/hugepages.h"
#include "opencl/ops_private.h"

#include <string.h>

gboolean
hysac_probe_avx2(const HysacDeviceLimits *limits)
{
  return limits->host_cpu && limits->avx2;
}

gboolean
hysac_probe_avx2_asm(const HysacDeviceLimits *limits)
{
  return hysac_probe_avx2(limits) && limits->inline_asm;
}

gboolean
hysac_probe_avx512f(const HysacDeviceLimits *limits)
{
  return limits->host_cpu && limits->avx512f;
}

gboolean
hysac_probe_avx512_vnni(const HysacDeviceLimits *limits)
{
  return limits->host_cpu && limits->avx512_vnni;
}

gboolean
hysac_probe_avx512_bf16(const HysacDeviceLimits *limits)
{
  return limits->host_cpu && limits->avx512_bf16;
}

gboolean
hysac_probe_amx(const HysacDeviceLimits *limits)
{
  return limits->host_cpu && limits->amx;
}

gboolean
hysac_probe_tiled(const HysacDeviceLimits *limits)
{
  return limits->local_memory >= 32 << 10 && limits->max_work_group >= 128;
}

gboolean
hysac_probe_tensor_cores(const HysacDeviceLimits *limits)
{
  return hysac_probe_tiled(limits) && limits->nvidia >= 8;
}

gboolean
hysac_probe_matrix_8(const HysacDeviceLimits *limits)
{
  return hysac_probe_tiled(limits) && limits->matrix_lanes == 8;
}

gboolean
hysac_probe_matrix_16(const HysacDeviceLimits *limits)
{
  return hysac_probe_tiled(limits) && limits->matrix_lanes == 16;
}

gboolean
hysac_probe_integer_dot(const HysacDeviceLimits *limits)
{
  return hysac_probe_tiled(limits) && limits->integer_dot;
}

const HysacStorage *
hysac_storage_find(HysacPrecision precision)
{
  static const HysacStorage storages[] = {
    { HYSAC_PRECISION_FP32, 1, 0, "-DOPERAND=0", 1e-10 },
    { HYSAC_PRECISION_BF16, 2, 0, "-DOPERAND=1", 5e-5 },
    { HYSAC_PRECISION_FP16, 2, 0, "-DOPERAND=3", 1e-6 },
    { HYSAC_PRECISION_INT8, 4, 2, "-DOPERAND=2", 5e-4 },
  };
  for (gsize i = 0; i < G_N_ELEMENTS(storages); i++) {
    if (storages[i].precision == precision)
      return &storages[i];
  }
  return NULL;
}

static gboolean
runs(const HysacVariant *variant, const HysacDeviceLimits *limits)
{
  return variant->probe == NULL || variant->probe(limits);
}

/* Whether @force is @name, or extends it: "x86-avx512-vnni" is x86-avx512 and more. */
static gboolean
extends(const char *force, const char *name)
{
  gsize n = strlen(name);
  return strncmp(force, name, n) == 0 && (force[n] == '\0' || force[n] == '-');
}

static gboolean
taken_unasked(const HysacVariant *variant, const HysacDeviceLimits *limits)
{
  return !variant->untried && (variant->only == 0 || (variant->only & limits->type) != 0);
}

const HysacVariant *
hysac_variant_pick(const HysacVariant *table, gsize n, const HysacDeviceLimits *limits,
                   HysacPrecision precision, const char *force)
{
  const HysacVariant *best = &table[0];
  for (gsize i = 1; i < n; i++) {
    if ((table[i].precisions & HYSAC_BIT(precision)) != 0 && runs(&table[i], limits) &&
        (force == NULL ? taken_unasked(&table[i], limits)
         : table[i].untried ? strcmp(force, table[i].name) == 0
                            : extends(force, table[i].name)))
      best = &table[i];
  }
  return best;
}

gboolean
hysac_ops_supports(HysacPrecision precision)
{
  return hysac_storage_find(precision) != NULL;
}

/* HYSAC_VARIANT, or NULL. */
static const char *
environment(void)
{
  const char *name = g_getenv("HYSAC_VARIANT");
  return name != NULL && name[0] != '\0' ? name : NULL;
}

static const struct {
  const HysacVariant *table;
  const gsize *n;
} families[] = {
  { hysac_gemm_variants, &hysac_n_gemm_variants },
  { hysac_layernorm_variants, &hysac_n_layernorm_variants },
  { hysac_attention_variants, &hysac_n_attention_variants },
};

char **
hysac_ops_variants(HysacDevice *device)
{
  g_autoptr(GStrvBuilder) names = g_strv_builder_new();
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  for (gsize f = 0; f < G_N_ELEMENTS(families); f++) {
    for (gsize i = 0; i < *families[f].n; i++) {
      const HysacVariant *variant = &families[f].table[i];
      if (runs(variant, hysac_device_limits(device)) &&
          g_hash_table_add(seen, (gpointer) variant->name))
        g_strv_builder_add(names, variant->name);
    }
  }
  return g_strv_builder_end(names);
}

/* Whether @name is of what has never run on its hardware, and this device is none. */
static gboolean
gives_way(HysacDevice *device, const char *name)
{
  gboolean untried = FALSE;
  for (gsize f = 0; f < G_N_ELEMENTS(families); f++) {
    for (gsize i = 0; i < *families[f].n; i++) {
      const HysacVariant *variant = &families[f].table[i];
      if (strcmp(variant->name, name) != 0)
        continue;
      if (!variant->untried || runs(variant, hysac_device_limits(device)))
        return FALSE;
      untried = TRUE;
    }
  }
  return untried;
}

gboolean
hysac_ops_native(HysacDevice *device, HysacPrecision precision)
{
  const char *force = environment();
  if (force != NULL && gives_way(device, force))
    force = NULL;
  const HysacVariant *v = hysac_variant_pick(hysac_gemm_variants, hysac_n_gemm_variants,
                                             hysac_device_limits(device), precision, force);
  return (v->native & HYSAC_BIT(precision)) != 0;
}

/* A forced name must be one that this device can run. */
static gboolean
check_forced(HysacDevice *device, const char *force, GError **error)
{
  g_auto(GStrv) names = hysac_ops_variants(device);
  if (g_strv_contains((const char *const *) names, force))
    return TRUE;
  g_autofree char *list = g_strjoinv(", ", names);
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED,
              "kernel variant \"%s\" (HYSAC_VARIANT) is not one of this device's: %s", force, list);
  return FALSE;
}

gboolean
hysac_ops_kernels(HysacOps *self, const char *program_name, const char *options, gsize count,
                  const char *const *names, cl_kernel **kernels, GError **error)
{
  cl_program program = hysac_program_build(self->device, program_name, options, error);
  if (program == NULL)
    return FALSE;
  gboolean ok = TRUE;
  for (gsize i = 0; i < count && ok; i++) {
    cl_int code;
    *kernels[i] = clCreateKernel(program, names[i], &code);
    ok = HYSAC_CL(code, "clCreateKernel", error);
    if (!ok) {
      g_prefix_error(error, "kernel \"%s\" of \"%s\": ", names[i], program_name);
      *kernels[i] = NULL;
      while (i-- > 0)
        g_clear_pointer(kernels[i], clReleaseKernel);
      break;
    }
  }
  clReleaseProgram(program); /* its kernels keep it */
  return ok;
}

gboolean
hysac_ops_check_group(HysacOps *self, const HysacVariant *variant, gsize count, cl_kernel **kernels,
                      GError **error)
{
  const HysacDeviceLimits *limits = hysac_device_limits(self->device);
  for (gsize i = 0; variant->group > 1 && i < count; i++) {
    cl_device_id id = hysac_device_id(self->device);
    size_t group = 0;
    cl_ulong local = 0;
    if (!HYSAC_CL(clGetKernelWorkGroupInfo(*kernels[i], id, CL_KERNEL_WORK_GROUP_SIZE, sizeof group, &group,
                                           NULL), "clGetKernelWorkGroupInfo", error) ||
        !HYSAC_CL(clGetKernelWorkGroupInfo(*kernels[i], id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof local, &local,
                                           NULL), "clGetKernelWorkGroupInfo", error))
      return FALSE;
    if (group < variant->group || local > limits->local_memory) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_BUILD,
                  "work-groups of %u with %" G_GUINT64_FORMAT " bytes of local memory; the device has %"
                  G_GSIZE_FORMAT " and %" G_GUINT64_FORMAT, variant->group, (guint64) local, (gsize) group,
                  limits->local_memory);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
hysac_ops_fall_back(HysacOps *self, const HysacVariant *table, const HysacVariant *variant,
                    GError **error)
{
  g_autoptr(GError) local = NULL;
  if (variant == &table[0] || (self->force != NULL && !variant->untried) ||
      (!g_error_matches(*error, HYSAC_ERROR, HYSAC_ERROR_BUILD) &&
       !g_error_matches(*error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC)))
    return FALSE;
  local = g_steal_pointer(error);
  g_warning("kernel variant %s of %s is not used: %s", variant->name, variant->program, local->message);
  return TRUE;
}

/* What a variant's program is built with, for the precision's operands. */
static char *
options_of(HysacOps *self, const HysacVariant *variant)
{
  return g_strjoin(" ", self->storage->option, variant->options, NULL);
}

static gboolean
set_up_gemm(HysacOps *self, cl_command_queue queue, const HysacVariant *variant, GError **error)
{
  static const char *const names[] = { "gemm_bias", "gemm_quick_gelu", "gemm_gelu", "gemm_residual",
                                       "gemm_quick_gelu_wide", "gemm_gelu_wide", "gemm_bias_half" };
  cl_kernel *kernels[] = { &self->gemm_kernels[HYSAC_EPILOGUE_BIAS],
                           &self->gemm_kernels[HYSAC_EPILOGUE_QUICK_GELU],
                           &self->gemm_kernels[HYSAC_EPILOGUE_GELU],
                           &self->gemm_kernels[HYSAC_EPILOGUE_RESIDUAL],
                           &self->gemm_wide_kernels[HYSAC_EPILOGUE_QUICK_GELU],
                           &self->gemm_wide_kernels[HYSAC_EPILOGUE_GELU],
                           &self->gemm_half_kernel };
  G_STATIC_ASSERT(G_N_ELEMENTS(names) == G_N_ELEMENTS(kernels));
  const gsize n = hysac_ops_operand_is_float(self) ? HYSAC_N_EPILOGUES : G_N_ELEMENTS(kernels);
  g_autofree char *options = options_of(self, variant);
  g_autoptr(GError) local = NULL;
  for (gsize i = 0; i < n; i++)
    g_clear_pointer(kernels[i], clReleaseKernel);
  self->gemm = variant;
  static const char *const split_name[] = { "split" };
  cl_kernel *split[] = { &self->split_kernel };
  const gsize n_split = variant->split && hysac_ops_operand_is_float(self) ? 1 : 0;
  g_clear_pointer(&self->split_kernel, clReleaseKernel);
  if (hysac_ops_kernels(self, variant->program, options, n, names, kernels, &local) &&
      hysac_ops_kernels(self, variant->program, options, n_split, split_name, split, &local) &&
      hysac_ops_check_group(self, variant, n, kernels, &local) &&
      hysac_ops_selftest_gemm(self, queue, &local))
    return TRUE;
  if (hysac_ops_fall_back(self, hysac_gemm_variants, variant, &local)) {
    /* For one that was only asked for, what would have been taken unasked. */
    const HysacVariant *next = hysac_variant_pick(hysac_gemm_variants, hysac_n_gemm_variants,
                                                  hysac_device_limits(self->device),
                                                  self->storage->precision, NULL);
    return set_up_gemm(self, queue, variant->untried ? next : &hysac_gemm_variants[0], error);
  }
  g_propagate_error(error, g_steal_pointer(&local));
  return FALSE;
}

static gboolean
set_up_layernorm(HysacOps *self, cl_command_queue queue, const HysacVariant *variant, GError **error)
{
  static const char *const names[] = { "layernorm", "layernorm_operand", "operand", "operand_wide" };
  cl_kernel *kernels[] = { &self->layernorm_kernel, &self->layernorm_operand_kernel,
                           &self->operand_kernel, &self->operand_wide_kernel };
  const gsize n = self->storage->precision == HYSAC_PRECISION_FP32   ? 1
                  : self->storage->precision == HYSAC_PRECISION_INT8 ? 4
                                                                     : 3;
  g_autofree char *options = options_of(self, variant);
  g_autoptr(GError) local = NULL;
  for (gsize i = 0; i < n; i++)
    g_clear_pointer(kernels[i], clReleaseKernel);
  self->layernorm = variant;
  if (hysac_ops_kernels(self, variant->program, options, n, names, kernels, &local) &&
      hysac_ops_check_group(self, variant, n, kernels, &local) &&
      hysac_ops_selftest_layernorm(self, queue, &local))
    return TRUE;
  if (hysac_ops_fall_back(self, hysac_layernorm_variants, variant, &local))
    return set_up_layernorm(self, queue, &hysac_layernorm_variants[0], error);
  g_propagate_error(error, g_steal_pointer(&local));
  return FALSE;
}

HysacOps *
hysac_ops_new(HysacDevice *device, HysacPrecision precision, const char *variant, GError **error)
{
  const HysacDeviceLimits *limits = hysac_device_limits(device);
  const HysacStorage *storage = hysac_storage_find(precision);
  if (storage == NULL) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED,
                "precision %s: this build has no kernels for it", hysac_precision_to_string(precision));
    return NULL;
  }
  if (variant == NULL || variant[0] == '\0')
    variant = environment();
  if (variant != NULL && gives_way(device, variant)) {
    g_warning("kernel variant %s (HYSAC_VARIANT) is not used: %s has not what it needs", variant,
              hysac_device_get_info(device)->name);
    variant = NULL;
  }
  if (variant != NULL && !check_forced(device, variant, error))
    return NULL;

  cl_command_queue queue = hysac_device_new_queue(device, FALSE, error);
  if (queue == NULL)
    return NULL;
  HysacOps *self = g_new0(HysacOps, 1);
  self->device = hysac_device_ref(device);
  self->force = g_strdup(variant);
  self->storage = storage;
  const HysacVariant *gemm = hysac_variant_pick(hysac_gemm_variants, hysac_n_gemm_variants, limits,
                                                precision, variant),
                     *layernorm = hysac_variant_pick(hysac_layernorm_variants,
                                                     hysac_n_layernorm_variants, limits, precision,
                                                     variant);
  static const char *const head_names[] = { "head_exp_map" },
                           *const embed_names[] = { "embed_pixels", "embed_tokens", "embed_text",
                                                 "embed_last" };
  cl_kernel *head[] = { &self->head_kernel },
            *embed[] = { &self->embed_pixels_kernel, &self->embed_tokens_kernel, &self->embed_text_kernel,
                         &self->embed_last_kernel };
  G_STATIC_ASSERT(G_N_ELEMENTS(embed_names) == G_N_ELEMENTS(embed));
  /* The product's self-test makes its operands by the other's kernels. */
  gboolean ok = set_up_layernorm(self, queue, layernorm, error) &&
                set_up_gemm(self, queue, gemm, error) &&
                hysac_ops_kernels(self, "embed_portable", storage->option, G_N_ELEMENTS(embed), embed_names, embed,
                                  error) &&
                hysac_ops_kernels(self, "head_portable", NULL, 1, head_names, head, error);
  clReleaseCommandQueue(queue);
  if (!ok)
    g_clear_pointer(&self, hysac_ops_free);
  return self;
}

void
hysac_ops_free(HysacOps *self)
{
  if (self == NULL)
    return;
  for (gsize i = 0; i < HYSAC_N_EPILOGUES; i++) {
    g_clear_pointer(&self->gemm_kernels[i], clReleaseKernel);
    g_clear_pointer(&self->gemm_wide_kernels[i], clReleaseKernel);
  }
  g_clear_pointer(&self->gemm_half_kernel, clReleaseKernel);
  g_clear_pointer(&self->layernorm_operand_kernel, clReleaseKernel);
  g_clear_pointer(&self->operand_kernel, clReleaseKernel);
  g_clear_pointer(&self->operand_wide_kernel, clReleaseKernel);
  g_clear_pointer(&self->split_kernel, clReleaseKernel);
  g_clear_pointer(&self->parts, clReleaseMemObject);
  g_clear_pointer(&self->layernorm_kernel, clReleaseKernel);
  g_clear_pointer(&self->attention_kernel, clReleaseKernel);
  g_clear_pointer(&self->attention_pack_kernel, clReleaseKernel);
  g_clear_pointer(&self->embed_pixels_kernel, clReleaseKernel);
  g_clear_pointer(&self->embed_tokens_kernel, clReleaseKernel);
  g_clear_pointer(&self->embed_text_kernel, clReleaseKernel);
  g_clear_pointer(&self->embed_last_kernel, clReleaseKernel);
  g_clear_pointer(&self->head_kernel, clReleaseKernel);
  hysac_device_unref(self->device);
  g_free(self->force);
  g_free(self->description);
  g_free(self);
}

HysacDevice *
hysac_ops_device(HysacOps *self)
{
  return self->device;
}

gsize
hysac_ops_operand_ld(HysacOps *self, gsize k)
{
  return hysac_ops_ld(hysac_storage_words(self->storage, k) + self->storage->trailer);
}

gboolean
hysac_ops_operand_is_float(HysacOps *self)
{
  return self->storage->precision == HYSAC_PRECISION_FP32;
}

const char *
hysac_ops_describe(HysacOps *self)
{
  g_free(self->description);
  self->description =
      g_strdup_printf("gemm %s, layernorm %s, attention %s", self->gemm->name, self->layernorm->name,
                      self->attention != NULL ? self->attention->name : "not set up");
  return self->description;
}

typedef struct {
  void *pages;
  gsize bytes;
} Pages;

static void CL_CALLBACK
on_destroyed(cl_mem mem, void *data)
{
  Pages *self = data;
  hysac_pages_free(self->pages, self->bytes);
  g_free(self);
}

/* On a CPU, in huge pages; NULL: as the driver does it. */
static cl_mem
large_buffer(HysacDevice *device, gsize size)
{
  void *pages = hysac_pages_new(size);
  if (pages == NULL)
    return NULL;
  cl_int code;
  cl_mem mem = clCreateBuffer(hysac_device_context(device), CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, size, pages, &code);
  if (code != CL_SUCCESS) {
    hysac_pages_free(pages, size);
    return NULL;
  }
  Pages *owned = g_new(Pages, 1);
  *owned = (Pages) { .pages = pages, .bytes = size };
  if (clSetMemObjectDestructorCallback(mem, on_destroyed, owned) == CL_SUCCESS)
    return mem;
  clReleaseMemObject(mem);
  on_destroyed(NULL, owned);
  return NULL;
}

cl_mem
hysac_ops_buffer(HysacOps *self, gsize size, const char *what, GError **error)
{
  guint64 limit = hysac_device_limits(self->device)->max_alloc;
  if (size == 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "%s: an empty buffer", what);
    return NULL;
  }
  if (size > limit) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY,
                "%s: %" G_GSIZE_FORMAT " bytes, but the device allocates at most %" G_GUINT64_FORMAT
                " at once", what, size, limit);
    return NULL;
  }
  cl_mem mem = hysac_device_limits(self->device)->host_cpu && size >= HYSAC_HUGE_PAGE
                   ? large_buffer(self->device, size)
                   : NULL;
  if (mem != NULL)
    return mem;
  cl_int code;
  mem = clCreateBuffer(hysac_device_context(self->device), CL_MEM_READ_WRITE, size, NULL, &code);
  if (!HYSAC_CL(code, "clCreateBuffer", error)) {
    g_prefix_error(error, "%s (%" G_GSIZE_FORMAT " bytes): ", what, size);
    return NULL;
  }
  return mem;
}

cl_mem
hysac_ops_buffer_floats(HysacOps *self, const float *data, gsize n, const char *what, GError **error)
{
  cl_mem mem = hysac_ops_buffer(self, n * sizeof *data, what, error);
  if (mem == NULL)
    return NULL;
  cl_command_queue queue = hysac_device_new_queue(self->device, FALSE, error);
  gboolean ok = queue != NULL &&
                HYSAC_CL(clEnqueueWriteBuffer(queue, mem, CL_TRUE, 0, n * sizeof *data, data, 0, NULL,
                                              NULL), "clEnqueueWriteBuffer", error);
  g_clear_pointer(&queue, clReleaseCommandQueue);
  if (!ok)
    g_clear_pointer(&mem, clReleaseMemObject);
  return mem;
}

gboolean
hysac_ops_launch(cl_command_queue queue, cl_kernel kernel, const HysacArg *args, gsize n_args,
                 guint dims, const gsize *global, guint group, cl_event *event, GError **error)
{
  const gsize local[3] = { group, 1, 1 };
  const gsize items[3] = { global[0] * MAX(group, 1), dims > 1 ? global[1] : 1, dims > 2 ? global[2] : 1 };
  for (gsize i = 0; i < n_args; i++) {
    if (!HYSAC_CL(clSetKernelArg(kernel, (cl_uint) i, args[i].size, args[i].value), "clSetKernelArg",
                  error))
      return FALSE;
  }
  return HYSAC_CL(clEnqueueNDRangeKernel(queue, kernel, dims, NULL, items, group > 0 ? local : NULL,
                                         0, NULL, event), "clEnqueueNDRangeKernel", error);
}

gboolean
hysac_ops_check(const char *what, const gsize *values, gsize n, GError **error)
{
  for (gsize i = 0; i < n; i++) {
    if (values[i] == 0 || values[i] > G_MAXINT32 / 2) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                  "%s: a size of %" G_GSIZE_FORMAT " cannot be", what, values[i]);
      return FALSE;
    }
  }
  return TRUE;
}
