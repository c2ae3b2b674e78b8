/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tests/faults/layer.h"
#include "tests/gst/rig.h"

/* hysacmoderate with the real engine and the demo model over a driver with faults. Every frame is a
 * sample; none of the rig's frames is unsafe. Frames are pushed one by one: each has left before the
 * next comes. */

/* As a test's setup: skips the program's tests where the loader knows no layers. */
void faulty_init(Rig *rig, GstHysacOnFailure on_failure);
void faulty_clear(Rig *rig);

/* One frame in and out: what it became. */
GstBuffer *faulty_push(Rig *rig);
/* The same, and it was checked: its distance. */
double faulty_push_good(Rig *rig);
/* The same, and it failed with @reason and looks so. */
void faulty_push_failed(Rig *rig, const char *reason, Looks looks);

/* The next warning or info, if need be after some time, that tells of the device: its reason, or
 * NULL where it is back. (transfer full) */
char *faulty_wait_lost(Rig *rig);
void faulty_wait_recovered(Rig *rig);
/* There is no such message that was not waited for. */
void faulty_assert_quiet(Rig *rig);
void faulty_wait_engines(guint n);

/* The device is gone: it refuses everything with @code. */
void faulty_lose_device(cl_int code);
