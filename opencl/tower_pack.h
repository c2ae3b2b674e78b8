/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Private to opencl/: a tower's weights, packed, to and from the disk (pack.h). Thread-safety: none; the tower's
 * own. No function fails loudly but where the device does.
 */

#include "opencl/tower.h"

G_BEGIN_DECLS

typedef struct _HysacTowerPacking HysacTowerPacking;

/* Before the weights are loaded: which weights they are, while that is found out in a thread of its own. @tower's
 * ops are there, its attention is set up. @layout: what the bytes depend on besides the weights, the variants and
 * the sources. NULL: nothing is cached; every function takes that. */
HysacTowerPacking *hysac_tower_packing_new(HysacTower *tower, HysacModel *model, const char *layout);
void hysac_tower_packing_free(HysacTowerPacking *self); /* before the tower; NULL is fine */

/* What there is, in the order of the file: weights of @n x @k, vectors of @n floats, and all of the tower's layers.
 * The places are remembered: read where they are stored, written where they are unpacked. */
void hysac_tower_packing_add_weights(HysacTowerPacking *self, HysacWeights **weights, gsize n, gsize k,
                                     const char *what);
void hysac_tower_packing_add_vector(HysacTowerPacking *self, cl_mem *vector, gsize n, const char *what);
void hysac_tower_packing_add_layers(HysacTowerPacking *self);

/* All of it from the cache, with the @size bytes of @notes that were stored with it. FALSE without @error: it is
 * not there. */
gboolean hysac_tower_unpack(HysacTowerPacking *self, void *notes, gsize size, GError **error);
/* A tower that works: it is written to the disk for later starts, unless it came from there. FALSE: it is not there. */
gboolean hysac_tower_store(HysacTowerPacking *self, const void *notes, gsize size);
/* It came from there: a tower that was stored has worked. */
gboolean hysac_tower_was_packed(HysacTowerPacking *self);

G_END_DECLS
