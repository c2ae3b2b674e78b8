/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gst/gsthysacprivate.h"

/*
 * A live stream over a device that takes a set time for each picture, one at a time, in order. All of
 * it on a test clock: frames, answers and deadlines happen at their times and take none of their own,
 * so that every run gives the same figures.
 */

typedef struct {
  GstHysacMode mode;
  guint64 interval; /* of samples, ns */
  guint64 max_age;
  double ratio;      /* time for a picture, in frame durations */
  guint faster_from; /* from this frame on it takes a quarter of one; 0: never */
  guint frames;
  guint8 code; /* of every frame, as the fake scorer knows it */
} SlowDevice;

typedef struct {
  gint64 latency;   /* what the element promises, ns */
  gint64 lag;       /* the longest that a frame was held */
  gint64 last_lag;  /* that of the last frame */
  gint64 age;       /* the oldest verdict under which a frame passed or was redacted */
  guint requests;   /* asked of the device */
  guint open;       /* most requests without an answer */
  guint failed;     /* frames that could not be checked */
  guint last_failed; /* the last of them */
  guint checked;    /* frames with a verdict */
  guint leaked;     /* frames that left as they came, though they failed or were unsafe */
  guint held;       /* most frames held */
  guint hold_limit;
} SlowResult;

/* Fails the test where a frame is lost, comes in another order or later than promised. */
void slow_device_run(const SlowDevice *device, SlowResult *result);
