/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Decoded frames of picture files, one after another. One thread. */

#include "tool.h"

#include <gdk-pixbuf/gdk-pixbuf.h>

G_BEGIN_DECLS

typedef struct _ToolPictureSource ToolPictureSource;

typedef struct {
  guint index;       /* of the file */
  guint number;      /* of the frame in it, from 0 */
  gboolean last;     /* the file's last one */
  GdkPixbuf *pixbuf; /* (transfer full): 8 bits, RGB or RGBA; NULL with error */
  GError *error;     /* (transfer full): names the file; what comes of it is at an end */
} ToolPictureFrame;

/* @paths: borrowed. @as_shown: pictures are turned as they are marked, all frames of an animation and pages of a
 * TIFF or pictures of an icon come, and a file that is cut short or holds more than can be read is an error; else as the reference reads them.
 * @first: of those, one frame a file. */
ToolPictureSource *tool_picture_source_new(char **paths, gboolean as_shown, gboolean first);
void tool_picture_source_free(ToolPictureSource *self);
/* FALSE after the last. */
gboolean tool_picture_source_next(ToolPictureSource *self, ToolPictureFrame *frame);

G_END_DECLS
