/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Private to opencl/: planes of a frame -> the crop's 8-bit RGB in patch layout, on the device. */

#include "core/model.h"
#include "opencl/cl.h"
#include "opencl/frame.h"

G_BEGIN_DECLS

typedef struct _HysacPreprocess HysacPreprocess;

/*
 * @config's resize and crop; @patch: the patch size P. The output of one frame is a u8 matrix of
 * G*G rows (patches in reading order, G = crop_size / P) of 3*P*P bytes in the order of the patch
 * convolution's weights: [channel][y][x]. Values are the pixels after Pillow's two rounded passes:
 * scaling to [0,1], mean and std are folded into the patch weights by the tower.
 * Coefficient tables are made on the host per frame size and kept for the last few sizes.
 */
HysacPreprocess *hysac_preprocess_new(HysacDevice *device, const HysacPreprocessConfig *config,
                                      guint patch, GError **error);
void hysac_preprocess_free(HysacPreprocess *self); /* NULL is fine */
/* Names of the variants that @device can run, portable first, NULL-terminated (transfer full).
 * HYSAC_VARIANT forces one, as in ops.h. */
char **hysac_preprocess_variants(HysacDevice *device);

/* Enqueues everything for @frame on @queue (planes by host pointer or upload, then kernels), writing
 * at byte offset @offset of @patches. @frame's planes must stay readable until the queue has run so
 * far; *event (nullable, transfer full) completes when they are no longer needed. On failure they are
 * no longer needed at once. Not thread-safe; all calls name one queue, in order (work space is kept
 * from frame to frame). */
gboolean hysac_preprocess_enqueue(HysacPreprocess *self, cl_command_queue queue,
                                  const HysacFrame *frame, cl_mem patches, gsize offset,
                                  cl_event *event, GError **error);

/* For tests: never point at host memory; short work-items in groups, as on a GPU; bands of about
 * @band_bytes (0: as it is). */
void hysac_preprocess_set_path(HysacPreprocess *self, gboolean upload, gboolean gpu,
                               gsize band_bytes);

/* The C reference of the same, bit for bit: @rgb receives crop_size * crop_size * 3 bytes, interleaved. */
gboolean hysac_preprocess_reference(const HysacPreprocessConfig *config, const HysacFrame *frame,
                                    guint8 *rgb, GError **error);

G_END_DECLS
