/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tests/gst/rig.h"

/* Streams and what became of them, as text: a letter a frame. */

/* The fake's code: s safe, u unsafe, e an error, n not a number, r refused. */
guint8 rig_code(char letter);
void rig_push_text(Rig *rig, const char *text);
/* What was done to the frames that left: . nothing, t tag, b blur, p pixelate, B blank, S slate,
 * F freeze. (transfer full) */
char *rig_done(Rig *rig);
void rig_assert_done(Rig *rig, const char *expected);
gboolean rig_same_pixels(GstBuffer *a, GstBuffer *b);
