/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * At most three toggles of redaction reach the screen in any second (photosensitivity). Redaction is
 * never delayed, only held on: the picture comes back only when coming back, and a redaction right
 * after it, still keep within three toggles in the last second.
 */

G_BEGIN_DECLS

typedef struct {
  gboolean redacting;
  gint64 toggles[3]; /* times of the last toggles, newest first; G_MININT64 where none */
} HysacFlicker;

HYSAC_API void hysac_flicker_init(HysacFlicker *self);
/* @redact: what the policy wants of the frame at @time (ns, not decreasing). Returns what is done. */
HYSAC_API gboolean hysac_flicker_filter(HysacFlicker *self, gint64 time, gboolean redact);

G_END_DECLS
