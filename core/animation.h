/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

typedef enum { HYSAC_ANIMATION_NONE, HYSAC_ANIMATION_GIF, HYSAC_ANIMATION_APNG } HysacAnimation;

/* Not installed. Whether @bytes (@size of them, any) begin as a GIF or an animated PNG, and how many frames it has:
 * those of a GIF are counted, an animated PNG states them. @whole (GIF only, else untouched): whether it goes on to
 * its end. No errors, no allocation; any thread. */
HYSAC_API HysacAnimation hysac_animation_count(const guint8 *bytes, gsize size, guint *frames, gboolean *whole);

G_END_DECLS
