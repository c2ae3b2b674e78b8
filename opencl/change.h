/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Private to opencl/: how far two pictures differ, counted on the device. What is compared is what the
 * tower takes in (preprocess.h: the crop's 8-bit RGB in patch layout): where no byte differs, the
 * tower's result cannot either; what preprocessing has dropped, the tower would not have seen.
 */

#include "opencl/cl.h"

G_BEGIN_DECLS

/* Pixels are counted by tiles of this side, and a tile with more than this many changed ones is a
 * changed picture, whatever the budget: any solid square of 5 x 5 pixels leaves more in one tile (cut
 * by the tiles' borders, its largest part is 3 x 3 at least), and so does whatever holds one. */
#define HYSAC_CHANGE_TILE 8
#define HYSAC_CHANGE_TILE_MOST 8

typedef struct _HysacChange HysacChange;

typedef struct {
  guint pixels; /* that differ by more than the tolerance, in all */
  guint most;   /* of them, in one tile */
} HysacChangeCount;

/* Pictures of @grid x @grid patches of @patch x @patch pixels. Builds the kernel and tries it against
 * the C reference: NULL with @error (BUILD, DEVICE, OUT_OF_MEMORY; NUMERIC where it counts wrongly). */
HysacChange *hysac_change_new(HysacDevice *device, guint grid, guint patch, GError **error);
void hysac_change_free(HysacChange *self); /* NULL is fine */

/* Entries of a result, of 4 bytes each. */
guint hysac_change_n_tiles(const HysacChange *self);

/*
 * Enqueues the comparison of the pictures that @a and @b begin with, and the reading of its result by
 * way of @result (n_tiles entries) into @tiles, which stays until *@done (transfer full) completes.
 * @stamp: 24 bits, another for each comparison: what was not counted in this one is seen. Not
 * thread-safe.
 */
gboolean hysac_change_enqueue(HysacChange *self, cl_command_queue queue, cl_mem a, cl_mem b,
                              guint8 tolerance, guint32 stamp, cl_mem result, guint32 *tiles,
                              cl_event *done, GError **error);

/* FALSE where @tiles are not the whole result of the comparison @stamp. */
gboolean hysac_change_sum(const guint32 *tiles, guint n_tiles, guint32 stamp,
                          HysacChangeCount *count);
gboolean hysac_change_is_within(const HysacChangeCount *count, guint budget);

/* The C reference of the kernel. */
void hysac_change_reference(const guint8 *a, const guint8 *b, guint grid, guint patch,
                            guint8 tolerance, guint32 stamp, guint32 *tiles);

G_END_DECLS
