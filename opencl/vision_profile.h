/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Private to opencl/vision*.c: which operation belongs to which stage, while one run is profiled. */

#include "opencl/vision.h"

G_BEGIN_DECLS

typedef struct _HysacVisionProfile HysacVisionProfile;

HysacVisionProfile *hysac_vision_profile_new(guint layers);
void hysac_vision_profile_free(HysacVisionProfile *self); /* NULL is fine */

/* Where the next operation, of @stage, puts its event. */
cl_event *hysac_vision_profile_mark(HysacVisionProfile *self, HysacStage stage);

/* After all has run. @before: the event of what came before the first. */
gboolean hysac_vision_profile_read(HysacVisionProfile *self, cl_event before, double ms[HYSAC_N_STAGES],
                                   GError **error);

G_END_DECLS
