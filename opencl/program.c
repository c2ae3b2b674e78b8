/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs from embedded sources, by way of the disk cache. */

#include "opencl/building.h"
#include "opencl/device_private.h"

#include <string.h>

/* Nothing that lets the compiler assume finite numbers: NaN checks must stay. */
#define BASE_OPTIONS "-cl-mad-enable -cl-denorms-are-zero"
#define STD_OPTION "-cl-std=CL1.2"
#define LOG_MAX 4000 /* characters of a build log in an error */

/* What HysacDevice.compiled holds. */
enum { COMPILED_NONE, COMPILED_STORED, COMPILED_LOST };

/* One build at a time in a process: several drivers' compilers are not thread-safe, and a build
 * that another thread just made is then a hit. */
static GMutex build_lock;

/* Replaces lines #include "NAME" by the files, as embed.py does for the embedded sources. */
static gboolean
include_file(const GMatchInfo *match, GString *result, gpointer dir)
{
  g_autofree char *name = g_match_info_fetch(match, 1);
  g_autofree char *path = g_build_filename(dir, name, NULL);
  g_autofree char *text = NULL;
  if (!g_file_get_contents(path, &text, NULL, NULL))
    g_warning("HYSAC_KERNEL_DIR: cannot read %s", path);
  g_string_append(result, text != NULL ? text : "");
  return FALSE;
}

static char *
expand_includes(const char *text, const char *dir, GError **error)
{
  g_autoptr(GRegex) regex = g_regex_new("^#include \"([\\w.]+)\"$", G_REGEX_MULTILINE, 0, error);
  return regex ? g_regex_replace_eval(regex, text, -1, 0, 0, include_file, (gpointer) dir, error) : NULL;
}

/* The source as bytes that end with a zero which the length does not count. */
static GBytes *
find_source(const char *name, GError **error)
{
  const char *dir = g_getenv("HYSAC_KERNEL_DIR");
  if (dir != NULL && dir[0] != '\0') {
    g_autofree char *path = g_strdup_printf("%s/%s.cl", dir, name);
    g_autoptr(GError) local = NULL;
    g_autofree char *text = NULL;
    if (g_file_get_contents(path, &text, NULL, &local)) {
      char *whole = expand_includes(text, dir, error);
      return whole ? g_bytes_new_take(whole, strlen(whole)) : NULL;
    }
    if (!g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_BUILD, "HYSAC_KERNEL_DIR: %s", local->message);
      return NULL;
    }
  }
  for (const HysacKernelSource *source = hysac_kernel_sources; source->name != NULL; source++) {
    if (strcmp(source->name, name) == 0)
      return g_bytes_new_static(source->source, source->length);
  }
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_BUILD, "no OpenCL source is called \"%s\"", name);
  return NULL;
}

static char *
build_log(HysacDevice *device, cl_program program)
{
  size_t n = 0;
  if (clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &n) != CL_SUCCESS ||
      n == 0 || n > 64 << 20)
    return g_strdup("(no build log)");
  g_autofree char *text = g_malloc0(n + 1);
  if (clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, n, text, NULL) != CL_SUCCESS)
    return g_strdup("(no build log)");
  char *valid = g_utf8_make_valid(g_strstrip(text), -1);
  if (strlen(valid) > LOG_MAX) {
    char *end = g_utf8_find_prev_char(valid, valid + LOG_MAX);
    if (end != NULL)
      *end = '\0';
  }
  return valid;
}

static cl_program
compile(HysacDevice *device, const char *source, gsize length, const char *options, cl_int *code)
{
  cl_program program = clCreateProgramWithSource(device->context, 1, &source, &length, code);
  if (*code != CL_SUCCESS)
    return NULL;
  *code = clBuildProgram(program, 1, &device->id, options, NULL, NULL);
  return program;
}

/* Whether the compiler knows -cl-std=CL1.2: asked only when a build with it failed, so that the
 * usual case costs nothing. */
static gboolean
std_is_refused(HysacDevice *device)
{
  const char *source = "kernel void f(global int *p) { p[0] = 1; }";
  cl_int with, without;
  cl_program a = compile(device, source, strlen(source), BASE_OPTIONS " " STD_OPTION, &with);
  g_clear_pointer(&a, clReleaseProgram);
  if (with == CL_SUCCESS)
    return FALSE;
  cl_program b = compile(device, source, strlen(source), BASE_OPTIONS, &without);
  g_clear_pointer(&b, clReleaseProgram);
  if (without != CL_SUCCESS)
    return FALSE;
  g_info("OpenCL device %s does not take " STD_OPTION, device->info->name);
  g_atomic_int_set(&device->no_std, 1);
  return TRUE;
}

static char *
all_options(HysacDevice *device, const char *options)
{
  gboolean std = !g_atomic_int_get(&device->no_std);
  const HysacDeviceLimits *limits = &device->limits;
  return g_strconcat(BASE_OPTIONS, std ? " " STD_OPTION : "", limits->inline_asm ? "" : " -DNO_ASM",
                     limits->outline_asm ? " -DOUTLINE_ASM" : "", options && *options ? " " : "", options ? options : "", NULL);
}

static cl_program
build_source(HysacDevice *device, const char *name, const char *source, gsize length,
             const char *options, GError **error)
{
  g_autofree char *all = all_options(device, options);
  cl_int code;
  cl_program program = compile(device, source, length, all, &code);
  if (code == CL_SUCCESS)
    return program;
  if (!g_atomic_int_get(&device->no_std) && std_is_refused(device)) {
    g_clear_pointer(&program, clReleaseProgram);
    g_free(all);
    all = all_options(device, options);
    program = compile(device, source, length, all, &code);
    if (code == CL_SUCCESS)
      return program;
  }
  if (program == NULL) {
    HYSAC_CL(code, "clCreateProgramWithSource", error);
  } else {
    g_autofree char *log = build_log(device, program);
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_BUILD,
                "OpenCL program \"%s\" does not build on %s: %s (%d), options %s\n%s", name,
                device->info->name, hysac_cl_strerror(code), code, all, log);
    clReleaseProgram(program);
  }
  return NULL;
}

static cl_program
load_binary(HysacDevice *device, const char *name, const char *key, const char *options)
{
  g_autoptr(GBytes) binary = hysac_program_cache_load(key);
  if (binary == NULL)
    return NULL;
  gsize n;
  const unsigned char *data = g_bytes_get_data(binary, &n);
  g_autofree char *all = all_options(device, options);
  cl_int code, status;
  cl_program program =
      clCreateProgramWithBinary(device->context, 1, &device->id, &n, &data, &status, &code);
  if (code == CL_SUCCESS && status == CL_SUCCESS)
    code = clBuildProgram(program, 1, &device->id, all, NULL, NULL);
  else if (code == CL_SUCCESS)
    code = status;
  if (code == CL_SUCCESS)
    return program;
  g_info("the driver refuses the cached OpenCL program \"%s\": %s (%d)", name,
         hysac_cl_strerror(code), code);
  g_clear_pointer(&program, clReleaseProgram);
  hysac_program_cache_drop(key);
  g_atomic_int_set(&device->compiled, COMPILED_LOST); /* what such a driver compiles is of no use to a later start */
  return NULL;
}

static gboolean
store_binary(cl_program program, const char *key)
{
  size_t n = 0;
  if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof n, &n, NULL) != CL_SUCCESS || n == 0)
    return FALSE;
  guint8 *data = g_try_malloc(n);
  if (data == NULL)
    return FALSE;
  g_autoptr(GBytes) binary = g_bytes_new_take(data, n);
  return clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof data, &data, NULL) == CL_SUCCESS &&
         hysac_program_cache_store(key, binary);
}

gboolean
hysac_device_take_compiled(HysacDevice *self)
{
  return g_atomic_int_compare_and_exchange(&self->compiled, COMPILED_STORED, COMPILED_NONE);
}

/* Build lock. It is what a first start waits for; the tools tell. */
static void
tell_building(HysacDevice *device)
{
  static gboolean told;
  if (!told)
    g_info(HYSAC_LOG_BUILDING "%s: it may take a minute, the first time", device->info->name);
  told = TRUE;
}

cl_program
hysac_program_build(HysacDevice *device, const char *name, const char *options, GError **error)
{
  g_autoptr(GBytes) source = find_source(name, error);
  if (source == NULL)
    return NULL;
  gsize length;
  const char *text = g_bytes_get_data(source, &length);
  g_autofree char *key =
      hysac_program_cache_key(device->identity, text, length, options ? options : "");

  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&build_lock);
  gint64 start = g_get_monotonic_time();
  cl_program program = load_binary(device, name, key, options);
  gboolean hit = program != NULL;
  if (!hit) {
    tell_building(device);
    program = build_source(device, name, text, length, options, error);
  }
  if (program == NULL)
    return NULL;
  if (!hit && !store_binary(program, key))
    g_atomic_int_set(&device->compiled, COMPILED_LOST);
  else if (!hit)
    g_atomic_int_compare_and_exchange(&device->compiled, COMPILED_NONE, COMPILED_STORED);
  g_debug("OpenCL program \"%s\" %s in %.0f ms, options \"%s\"", name,
          hit ? "from the cache" : "compiled",
          (double) (g_get_monotonic_time() - start) / 1e3, options ? options : "");
  return program;
}
