/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Private to opencl/: the vision tower on one device. */

#include "core/model.h"
#include "opencl/cl.h"

G_BEGIN_DECLS

typedef struct _HysacVision HysacVision;

/* How far the tower's features are from its own in fp32, over pictures made for the purpose. */
typedef struct {
  double cosine;   /* the smallest */
  double distance; /* the largest relative difference of lengths, and so of root distances */
} HysacVisionAccuracy;

/* Packs the weights for the device's variants and allocates work space for @max_batch images.
 * @precision: not AUTO. Other than fp32: the tower is run layer by layer in fp32 beside, once, to move
 * scales out of the way (int8) and to measure the accuracy. @progress may be NULL. */
HysacVision *hysac_vision_new(HysacDevice *device, HysacModel *model, HysacPrecision precision,
                              guint max_batch, void (*progress)(guint, guint, const char *, gpointer),
                              gpointer user_data, GError **error);
void hysac_vision_free(HysacVision *self); /* NULL is fine */

/* u8 patches of max_batch images as HysacPreprocess writes them; borrowed. Bytes an image. */
cl_mem hysac_vision_patches(HysacVision *self);
gsize hysac_vision_patch_bytes(HysacVision *self);

/* Enqueues the tower for the first @batch images in the patches buffer; the features
 * (batch * projection floats, before alpha) end in hysac_vision_features(). */
gboolean hysac_vision_enqueue(HysacVision *self, cl_command_queue queue, guint batch, GError **error);
cl_mem hysac_vision_features(HysacVision *self);

HysacVisionAccuracy hysac_vision_accuracy(HysacVision *self);

/* The kernel variants in use, e.g. "gemm x86-avx512, …"; borrowed, until the next call. */
const char *hysac_vision_describe(HysacVision *self);

G_END_DECLS
