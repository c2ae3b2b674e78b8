/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "emulated.h"

#include "opencl/cl.h"

#include <CL/cl_ext.h>
#include <glib/gstdio.h>
#include <string.h>

#define INTEL \
  "cl_intel_subgroups cl_intel_subgroups_short cl_intel_required_subgroup_size " \
  "cl_intel_subgroup_matrix_multiply_accumulate"

static const struct {
  const char *name, *header, *program, *extensions;
  gsize sizes[3], n;
} emulations[] = {
  { "intel8", "intel.h", "gemm_intel", INTEL, { 8, 16, 32 }, 3 },
  { "intel16", "intel.h", "gemm_intel", INTEL, { 16, 32 }, 2 },
  { "dot", "dot.h", "gemm_tiled", "cl_khr_integer_dot_product", { 0 }, 0 },
};

static struct {
  const char *extensions;
  const gsize *sizes;
  gsize n;
} claimed;

static char *folder, *file;

cl_int __real_clGetDeviceInfo(cl_device_id id, cl_device_info what, size_t size, void *value, size_t *needed);
cl_int __wrap_clGetDeviceInfo(cl_device_id id, cl_device_info what, size_t size, void *value, size_t *needed);

static cl_int
answer(const void *data, gsize n, size_t size, void *value, size_t *needed)
{
  if (needed != NULL)
    *needed = n;
  if (value == NULL)
    return CL_SUCCESS;
  if (size < n)
    return CL_INVALID_VALUE;
  memcpy(value, data, n);
  return CL_SUCCESS;
}

cl_int
__wrap_clGetDeviceInfo(cl_device_id id, cl_device_info what, size_t size, void *value, size_t *needed)
{
  if (claimed.extensions != NULL && what == CL_DEVICE_EXTENSIONS) {
    size_t n = 0;
    cl_int code = __real_clGetDeviceInfo(id, what, 0, NULL, &n);
    if (code != CL_SUCCESS)
      return code;
    g_autofree char *own = g_malloc0(n + 1);
    if ((code = __real_clGetDeviceInfo(id, what, n, own, NULL)) != CL_SUCCESS)
      return code;
    g_autofree char *all = g_strconcat(own, " ", claimed.extensions, NULL);
    return answer(all, strlen(all) + 1, size, value, needed);
  }
  if (claimed.n > 0 && what == CL_DEVICE_SUB_GROUP_SIZES_INTEL)
    return answer(claimed.sizes, claimed.n * sizeof *claimed.sizes, size, value, needed);
  return __real_clGetDeviceInfo(id, what, size, value, needed);
}

void
emulated_claim(const char *extensions, const gsize *sizes, gsize n)
{
  claimed.extensions = extensions;
  claimed.sizes = sizes;
  claimed.n = n;
}

static char *
embedded(const char *program)
{
  const HysacKernelSource *source = hysac_kernel_sources;
  while (source->name != NULL && strcmp(source->name, program) != 0)
    source++;
  return source->name != NULL ? g_strndup(source->source, source->length) : NULL;
}

gboolean
emulated_start(const char *name, const char *more)
{
  gsize i = 0;
  while (i < G_N_ELEMENTS(emulations) && strcmp(emulations[i].name, name) != 0)
    i++;
  if (i == G_N_ELEMENTS(emulations))
    return FALSE;
  g_autofree char *header = g_build_filename(HYSAC_EMULATED, emulations[i].header, NULL), *before = NULL,
                  *program = embedded(emulations[i].program);
  if (program == NULL || !g_file_get_contents(header, &before, NULL, NULL) ||
      (folder = g_dir_make_tmp("hysac-emulated-XXXXXX", NULL)) == NULL)
    return FALSE;
  g_autofree char *all = g_strconcat(before, more != NULL ? more : "", "\n", program, NULL);
  file = g_strdup_printf("%s/%s.cl", folder, emulations[i].program);
  if (!g_file_set_contents(file, all, -1, NULL)) {
    emulated_stop();
    return FALSE;
  }
  g_setenv("HYSAC_KERNEL_DIR", folder, TRUE);
  emulated_claim(emulations[i].extensions, emulations[i].sizes, emulations[i].n);
  return TRUE;
}

void
emulated_stop(void)
{
  if (folder == NULL)
    return;
  g_unsetenv("HYSAC_KERNEL_DIR");
  emulated_claim(NULL, NULL, 0);
  g_unlink(file);
  g_rmdir(folder);
  g_clear_pointer(&file, g_free);
  g_clear_pointer(&folder, g_free);
}
