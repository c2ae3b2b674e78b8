/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Stand-ins for the model, preprocessing and the tower, so that the engine can be driven through
 * orders of events and failures that the real ones cannot be brought to. A frame's first bytes are
 * the feature: DOUBLE_DIM floats go through the device unchanged.
 */

#include "opencl/cl.h"
#include "opencl/engine.h"

#define DOUBLE_DIM 12
#define DOUBLE_PRECISIONS (HYSAC_PRECISION_INT8 + 1)
#define DOUBLE_MAX_BATCHES 4096
#define DOUBLE_MAX_GATES 8

typedef struct {
  HysacGeometry geometry;
  gboolean has_geometry;

  cl_int fail_new;        /* what the tower's making fails with */
  cl_int fail_in[DOUBLE_PRECISIONS]; /* the same, of one precision */
  gboolean native[DOUBLE_PRECISIONS]; /* what the device multiplies faster in than in fp32 */
  gboolean bad[DOUBLE_PRECISIONS];    /* whose towers measure @accuracy; others are exact */
  HysacAccuracy accuracy;
  cl_int fail_frame;      /* what preprocessing the next frame fails with; once */
  cl_int fail_tower;      /* what enqueueing the next batch fails with; once */
  gint fail_event;        /* what events end with, while it is not 0; atomic */
  gint mute;              /* events never call back, while it is not 0; atomic */
  gulong slow_new_us;

  GMutex lock;
  GCond changed;
  /* Batches of a device wait for its gate while it is shut. */
  struct {
    HysacDevice *device; /* only compared */
    cl_event event;
  } gates[DOUBLE_MAX_GATES];
  guint n_gates;
  guint batches[DOUBLE_MAX_BATCHES]; /* sizes, in order of enqueueing */
  guint n_batches;
  guint n_asked;          /* calls back that events were asked for */
  guint n_made;           /* towers made */
  guint n_made_in[DOUBLE_PRECISIONS];
  guint n_alive;
} Double;

extern Double dbl;

/* A model that the engine takes; any number may be made, all of one key. Free with
 * hysac_model_unref(). */
HysacModel *double_model(void);

/* Batches that are enqueued on @device from now on wait until double_open_gate(), which opens all. */
void double_shut_gate(HysacDevice *device);
void double_open_gate(void);

/* The calls that were kept back while mute, at last. */
void double_speak(void);

/* A 16 x 1 RGB frame over @data. */
HysacFrame double_frame(const float data[DOUBLE_DIM]);
