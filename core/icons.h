/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

/* Of one picture in an icon or cursor. */
typedef struct {
  gsize entry;          /* where the directory has it */
  gsize offset, size;   /* its bytes; inside the file */
  guint32 width, height;
  gboolean png;         /* a whole PNG file; else a bitmap without its file's header */
} HysacIconPicture;

/* Not installed. The pictures of the icon or cursor (.ico, .cur) @bytes (@size of them, any). (transfer full)
 * (element-type HysacIconPicture): NULL where they are neither. @problem: NULL, or why they are not all there is to see: there are
 * more than @most, or one does not lie in the file, is cut short, or lies on another. Any thread. */
HYSAC_API GArray *hysac_icon_pictures(const guint8 *bytes, gsize size, guint most, const char **problem);

/* A file of @picture alone: a PNG, or an icon of one. (transfer full) */
HYSAC_API GBytes *hysac_icon_alone(const guint8 *bytes, const HysacIconPicture *picture);

G_END_DECLS
