/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * OpenCL devices over all platforms. Nothing touches a driver before the first call.
 */

G_BEGIN_DECLS

typedef struct {
  guint index; /* over all platforms, in enumeration order: what "device=1" means */
  char *name;
  char *platform;
  char *driver;
  char *type; /* "cpu", "gpu", "accelerator", "other" */
  guint compute_units;
  guint64 memory; /* bytes */
  gint score;     /* larger is better; negative is never chosen unasked */
  char *why;      /* the score in words */
} HysacDeviceInfo;

/* All devices, as an array of HysacDeviceInfo (transfer full, free with g_ptr_array_unref). An empty
 * system gives NO_DEVICE. Thread-safe. */
HYSAC_API GPtrArray *hysac_device_list(GError **error);

typedef struct _HysacDevice HysacDevice; /* a device with its context; one per device and process */

/**
 * hysac_device_open:
 * @choice: %NULL or "auto" for the best score, an index ("0"), or a part of the name (any case)
 *
 * Contexts are shared: opening the same device twice gives the same object. Logs why the device was
 * chosen. Thread-safe.
 *
 * Returns: (transfer full): the device, or %NULL with @error (NO_DEVICE, DEVICE) set.
 */
HYSAC_API HysacDevice *hysac_device_open(const char *choice, GError **error);
HYSAC_API HysacDevice *hysac_device_ref(HysacDevice *self);
HYSAC_API void hysac_device_unref(HysacDevice *self); /* NULL is fine */
HYSAC_API const HysacDeviceInfo *hysac_device_get_info(HysacDevice *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacDevice, hysac_device_unref)

G_END_DECLS
