/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Private to opencl/: the text tower on one device. Thread-safety: none; one user at a time. */

#include "core/model.h"
#include "opencl/cl.h"

G_BEGIN_DECLS

typedef struct _HysacText HysacText;

/* One text as the tower takes it: start of text, content, end of text: at most context ids below vocab. */
typedef struct {
  const guint32 *ids;
  gsize n;
} HysacTextIds;

/* Packs the weights for the device's variants, or takes them so from the disk, allocates work space, and runs once. @max_texts: at once; together
 * they may have hysac_text_max_rows() tokens. @model has a text tower. fp32 only. */
HysacText *hysac_text_new(HysacDevice *device, HysacModel *model, guint max_texts, gsize max_rows,
                          void (*progress)(guint, guint, const char *, gpointer), gpointer user_data,
                          GError **error);
void hysac_text_free(HysacText *self); /* NULL is fine */
guint hysac_text_max_texts(HysacText *self);
gsize hysac_text_max_rows(HysacText *self); /* at least context */

/* TRUE where the weights came packed from the disk (tower_pack.h), where the first to be made has put them. */
gboolean hysac_text_was_packed(HysacText *self);

/* Runs and waits. A text's feature is what the tower makes of its last token, so what would follow the end of
 * text need not be there. @features: n * projection floats, before alpha. Each text's numbers are, bit for bit,
 * those that it has alone. ARGUMENT for what the tower cannot take, and the device's errors. */
gboolean hysac_text_run(HysacText *self, const HysacTextIds *texts, guint n, float *features, GError **error);

/* The kernel variants in use; borrowed, until the next call. */
const char *hysac_text_describe(HysacText *self);

G_END_DECLS
