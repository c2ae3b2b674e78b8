/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Private to opencl/: which precisions broke their accuracy budget, on disk, so that a start does not measure
 * them again: $XDG_CACHE_HOME/gst-hysac/precisions/KEY.choice. The key is of the model's files, of the device and
 * its driver, of what was forced on it, and of the sources that the number depends on. Nothing here fails
 * loudly; any thread.
 */

#include "core/model.h"
#include "opencl/device.h"

G_BEGIN_DECLS

void hysac_choice_reject(HysacModel *model, HysacDevice *device, HysacPrecision precision,
                         const HysacAccuracy *accuracy);
/* TRUE where it was rejected, and by which numbers. */
gboolean hysac_choice_was_rejected(HysacModel *model, HysacDevice *device, HysacPrecision precision,
                                   HysacAccuracy *accuracy);

G_END_DECLS
