/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by device*.c and program*.c only. */

#include "opencl/cl.h"

G_BEGIN_DECLS

struct _HysacDevice {
  guint refs; /* under the registry's lock */
  cl_platform_id platform;
  cl_device_id id;
  cl_context context;
  HysacDeviceInfo *info;
  HysacDeviceLimits limits;
  char *identity; /* what a binary depends on: device, driver, platform versions */
  gint no_std;    /* atomic: the compiler refused -cl-std=CL1.2 */
  gint compiled;  /* atomic, program.c: whether programs were compiled */
};

/* A string by clGetDeviceInfo / clGetPlatformInfo; "" where the driver has none. */
char *hysac_device_query_string(cl_device_id id, cl_device_info what);
char *hysac_platform_query_string(cl_platform_id id, cl_platform_info what);

/* device_env.c: what a driver needs of the environment, before it is loaded. */
void hysac_device_prepare_environment(void);

/* device_score.c: limits, and from them the score and why. */
void hysac_device_query_limits(cl_device_id id, const char *name, HysacDeviceLimits *limits);
gint hysac_device_score(cl_device_id id, const HysacDeviceLimits *limits, char **why);

/* program_cache.c: the disk cache of binaries. */
char *hysac_program_cache_key(const char *identity, const char *source, gsize length,
                              const char *options);
GBytes *hysac_program_cache_load(const char *key);
gboolean hysac_program_cache_store(const char *key, GBytes *binary);
void hysac_program_cache_drop(const char *key);

G_END_DECLS
