/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tests/gst/rigtext.h"

/* A moderator at the element's action signals; what they return. */

gboolean rig_press(Rig *rig, const char *signal); /* hold, release */
gboolean rig_dump(Rig *rig, guint64 duration);    /* ns after what is held */
gboolean rig_override(Rig *rig, const char *verdict, guint64 duration, const char *note);

/* Frames in, each answered and out before the next. */
void rig_run(Rig *rig, guint n, guint8 code);

/* The property "control": its state is @expected; its @field (dump-left, override-left), in ns. */
void rig_assert_control(Rig *rig, const char *expected);
gint64 rig_control_left(Rig *rig, const char *field);
