/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Devices over all platforms, and the registry of those that are open. */

#include "opencl/device_private.h"

#include <errno.h>
#include <string.h>

#define REMEDY                                                                                     \
  "install an OpenCL driver: the one of your GPU's maker, or pocl-opencl-icd, which runs on any "  \
  "processor; `clinfo -l` lists what the system finds"
#define MAX_PLATFORMS 64
#define MAX_DEVICES 256

/* Open devices, none of them owned: the last unref takes a device out. The lock is never held over a
 * call into a driver, which may hang; the loader's lock is: it keeps two threads from being inside its
 * first call together, and from opening one device twice. */
static GMutex lock, loader_lock;
static GPtrArray *open_devices;

typedef struct {
  cl_platform_id platform;
  cl_device_id id;
  HysacDeviceInfo *info;
  HysacDeviceLimits limits;
} Candidate;

static void
info_free(HysacDeviceInfo *info)
{
  if (info == NULL)
    return;
  g_free(info->name);
  g_free(info->platform);
  g_free(info->driver);
  g_free(info->type);
  g_free(info->why);
  g_free(info);
}

static void
candidate_free(Candidate *self)
{
  info_free(self->info);
  g_free(self);
}

/* @n bytes of a driver's answer as valid UTF-8 without white space around it. */
static char *
clean(char *text, gsize n)
{
  text[n] = '\0';
  char *valid = g_utf8_make_valid(g_strstrip(text), -1);
  g_free(text);
  return valid;
}

char *
hysac_device_query_string(cl_device_id id, cl_device_info what)
{
  size_t n = 0;
  if (clGetDeviceInfo(id, what, 0, NULL, &n) != CL_SUCCESS || n > 1 << 20)
    n = 0;
  char *text = g_malloc0(n + 1);
  if (n == 0 || clGetDeviceInfo(id, what, n, text, NULL) != CL_SUCCESS)
    n = 0;
  return clean(text, n);
}

char *
hysac_platform_query_string(cl_platform_id id, cl_platform_info what)
{
  size_t n = 0;
  if (clGetPlatformInfo(id, what, 0, NULL, &n) != CL_SUCCESS || n > 1 << 20)
    n = 0;
  char *text = g_malloc0(n + 1);
  if (n == 0 || clGetPlatformInfo(id, what, n, text, NULL) != CL_SUCCESS)
    n = 0;
  return clean(text, n);
}

static const char *
type_name(cl_device_type type)
{
  switch (type) {
  case CL_DEVICE_TYPE_CPU:
    return "cpu";
  case CL_DEVICE_TYPE_GPU:
    return "gpu";
  case CL_DEVICE_TYPE_ACCELERATOR:
    return "accelerator";
  default:
    return "other";
  }
}

static void
add_platform(GPtrArray *all, cl_platform_id platform)
{
  g_autofree char *name = hysac_platform_query_string(platform, CL_PLATFORM_NAME);
  cl_device_id ids[MAX_DEVICES];
  cl_uint n = 0;
  cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, MAX_DEVICES, ids, &n);
  if (code == CL_DEVICE_NOT_FOUND)
    return;
  if (code != CL_SUCCESS) {
    g_warning("OpenCL platform \"%s\" is skipped: clGetDeviceIDs failed: %s (%d)", name,
              hysac_cl_strerror(code), code);
    return;
  }
  for (cl_uint i = 0; i < MIN(n, MAX_DEVICES); i++) {
    Candidate *candidate = g_new0(Candidate, 1);
    HysacDeviceInfo *info = g_new0(HysacDeviceInfo, 1);
    candidate->platform = platform;
    candidate->id = ids[i];
    candidate->info = info;
    info->index = all->len;
    info->name = hysac_device_query_string(ids[i], CL_DEVICE_NAME);
    info->platform = g_strdup(name);
    info->driver = hysac_device_query_string(ids[i], CL_DRIVER_VERSION);
    hysac_device_query_limits(ids[i], info->name, &candidate->limits);
    info->type = g_strdup(type_name(candidate->limits.type));
    info->compute_units = candidate->limits.compute_units;
    info->memory = candidate->limits.global_memory;
    info->score = hysac_device_score(ids[i], &candidate->limits, &info->why);
    g_ptr_array_add(all, candidate);
  }
}

/* Under the loader's lock. */
static GPtrArray *
enumerate(GError **error)
{
  cl_platform_id platforms[MAX_PLATFORMS];
  cl_uint n = 0;
  static gboolean prepared;
  if (!prepared)
    hysac_device_prepare_environment();
  prepared = TRUE;
  cl_int code = clGetPlatformIDs(MAX_PLATFORMS, platforms, &n);
  if (code != CL_SUCCESS || n == 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NO_DEVICE,
                "no OpenCL platform (clGetPlatformIDs: %s, %u found): " REMEDY,
                hysac_cl_strerror(code), n);
    return NULL;
  }
  g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify) candidate_free);
  for (cl_uint i = 0; i < MIN(n, MAX_PLATFORMS); i++)
    add_platform(all, platforms[i]);
  if (all->len == 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NO_DEVICE,
                "%u OpenCL platform(s), but no device: " REMEDY, n);
    return NULL;
  }
  return g_steal_pointer(&all);
}

GPtrArray *
hysac_device_list(GError **error)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&loader_lock);
  g_autoptr(GPtrArray) all = enumerate(error);
  if (all == NULL)
    return NULL;
  GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify) info_free);
  for (guint i = 0; i < all->len; i++)
    g_ptr_array_add(list, g_steal_pointer(&((Candidate *) all->pdata[i])->info));
  return list;
}

static char *
describe(GPtrArray *all)
{
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < all->len; i++) {
    Candidate *candidate = all->pdata[i];
    g_string_append_printf(text, "%s%u: %s (%s)", i ? "; " : "", candidate->info->index,
                           candidate->info->name, candidate->info->platform);
  }
  return g_string_free(text, FALSE);
}

static Candidate *
choose_best(GPtrArray *all, GError **error)
{
  Candidate *best = NULL;
  for (guint i = 0; i < all->len; i++) {
    Candidate *candidate = all->pdata[i];
    g_debug("OpenCL device %u: %s (%s): score %d, %s", candidate->info->index,
            candidate->info->name, candidate->info->platform, candidate->info->score,
            candidate->info->why);
    if (candidate->info->score >= 0 && (best == NULL || candidate->info->score > best->info->score))
      best = candidate;
  }
  if (best == NULL) {
    g_autofree char *list = describe(all);
    Candidate *first = all->pdata[0];
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NO_DEVICE,
                "no usable OpenCL device among [%s]; the first is %s", list, first->info->why);
  }
  return best;
}

static Candidate *
choose_named(GPtrArray *all, const char *choice, GError **error)
{
  g_autofree char *list = describe(all);
  char *end = NULL;
  errno = 0;
  guint64 index = g_ascii_isdigit(choice[0]) ? g_ascii_strtoull(choice, &end, 10) : 0;
  if (end != NULL && *end == '\0') {
    if (errno == 0 && index < all->len)
      return all->pdata[index];
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NO_DEVICE,
                "no OpenCL device has index %s; there are [%s]", choice, list);
    return NULL;
  }

  g_autofree char *want = g_utf8_casefold(choice, -1);
  Candidate *match = NULL, *exact = NULL;
  guint n_match = 0, n_exact = 0;
  for (guint i = 0; i < all->len; i++) {
    Candidate *candidate = all->pdata[i];
    g_autofree char *name = g_utf8_casefold(candidate->info->name, -1);
    if (strstr(name, want) != NULL) {
      match = candidate;
      n_match++;
    }
    if (strcmp(name, want) == 0) {
      exact = candidate;
      n_exact++;
    }
  }
  if (n_exact == 1)
    return exact;
  if (n_match == 1)
    return match;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NO_DEVICE,
              n_match == 0 ? "no OpenCL device is called \"%s\"; there are [%s]"
                           : "\"%s\" fits more than one OpenCL device of [%s]: give the index",
              choice, list);
  return NULL;
}

/* What a program's binary depends on, besides source and options. */
static char *
make_identity(const Candidate *candidate)
{
  g_autofree char *version = hysac_device_query_string(candidate->id, CL_DEVICE_VERSION);
  g_autofree char *vendor = hysac_device_query_string(candidate->id, CL_DEVICE_VENDOR);
  g_autofree char *platform = hysac_platform_query_string(candidate->platform, CL_PLATFORM_VERSION);
  return g_strjoin("\n", candidate->info->name, vendor, version, candidate->info->driver,
                   candidate->info->platform, platform, NULL);
}

static HysacDevice *
find_open(cl_device_id id)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
  for (guint i = 0; open_devices != NULL && i < open_devices->len; i++) {
    HysacDevice *device = open_devices->pdata[i];
    if (device->id == id) {
      device->refs++;
      return device;
    }
  }
  return NULL;
}

static HysacDevice *
open_candidate(Candidate *candidate, GError **error)
{
  cl_context_properties properties[] = { CL_CONTEXT_PLATFORM,
                                         (cl_context_properties) candidate->platform, 0 };
  cl_int code;
  cl_context context = clCreateContext(properties, 1, &candidate->id, NULL, NULL, &code);
  if (!HYSAC_CL(code, "clCreateContext", error))
    return NULL;
  HysacDevice *self = g_new0(HysacDevice, 1);
  self->refs = 1;
  self->platform = candidate->platform;
  self->id = candidate->id;
  self->context = context;
  self->limits = candidate->limits;
  self->identity = make_identity(candidate);
  self->info = g_steal_pointer(&candidate->info);
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
  if (open_devices == NULL)
    open_devices = g_ptr_array_new();
  g_ptr_array_add(open_devices, self);
  return self;
}

HysacDevice *
hysac_device_open(const char *choice, GError **error)
{
  gboolean automatic = choice == NULL || choice[0] == '\0' || g_ascii_strcasecmp(choice, "auto") == 0;
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&loader_lock);
  g_autoptr(GPtrArray) all = enumerate(error);
  if (all == NULL)
    return NULL;
  Candidate *candidate = automatic ? choose_best(all, error) : choose_named(all, choice, error);
  if (candidate == NULL)
    return NULL;
  g_info("OpenCL device %u, %s (%s, driver %s), %s: %s", candidate->info->index,
         candidate->info->name, candidate->info->platform, candidate->info->driver,
         automatic ? "chosen by score" : "asked for", candidate->info->why);

  HysacDevice *self = find_open(candidate->id);
  if (self == NULL)
    self = open_candidate(candidate, error);
  return self;
}

HysacDevice *
hysac_device_ref(HysacDevice *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
  self->refs++;
  return self;
}

/* Under the lock. */
static void
leave_registry(HysacDevice *self)
{
  if (open_devices == NULL)
    return;
  g_ptr_array_remove_fast(open_devices, self);
  if (open_devices->len == 0)
    g_clear_pointer(&open_devices, g_ptr_array_unref);
}

void
hysac_device_forget(HysacDevice *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
  leave_registry(self);
}

void
hysac_device_unref(HysacDevice *self)
{
  if (self == NULL)
    return;
  g_mutex_lock(&lock);
  gboolean last = --self->refs == 0;
  if (last)
    leave_registry(self);
  g_mutex_unlock(&lock);
  if (!last)
    return;
  clReleaseContext(self->context);
  info_free(self->info);
  g_free(self->identity);
  g_free(self);
}

const HysacDeviceInfo *
hysac_device_get_info(HysacDevice *self)
{
  return self->info;
}

cl_device_id
hysac_device_id(HysacDevice *self)
{
  return self->id;
}

cl_context
hysac_device_context(HysacDevice *self)
{
  return self->context;
}

const HysacDeviceLimits *
hysac_device_limits(HysacDevice *self)
{
  return &self->limits;
}

cl_command_queue
hysac_device_new_queue(HysacDevice *self, gboolean profiling, GError **error)
{
  cl_int code;
  cl_command_queue queue = clCreateCommandQueue(
      self->context, self->id, profiling ? CL_QUEUE_PROFILING_ENABLE : 0, &code);
  return HYSAC_CL(code, "clCreateCommandQueue", error) ? queue : NULL;
}
