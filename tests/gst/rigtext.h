/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tests/gst/rig.h"

/* Streams and what became of them, as text: a letter a frame. */

/* The fake's code: s safe, u unsafe, e an error, n not a number, r refused, h no answer. */
guint8 rig_code(char letter);
void rig_push_text(Rig *rig, const char *text);
/* What was done to the frames that left: . nothing, t tag, b blur, p pixelate, B blank, S slate,
 * F freeze. (transfer full) */
char *rig_done(Rig *rig);
void rig_assert_done(Rig *rig, const char *expected);
/* rig_record() and rig_frames() are @expected. */
void rig_assert_record(Rig *rig, const char *expected);
void rig_assert_frames(Rig *rig, const char *expected);
/* And no frame was lost, added or moved: the i-th that left is number i. */
void rig_assert_each_frame(Rig *rig, const char *expected);
gboolean rig_same_pixels(GstBuffer *a, GstBuffer *b);

/* A picture for a slate: a PNG file in a folder of its own, or NULL. (transfer full) */
char *rig_slate_new(void);
/* Removes it. */
void rig_slate_free(char *path);
