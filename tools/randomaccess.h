/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  TOOL_CODING_UNKNOWN,
  TOOL_CODING_H264,
  TOOL_CODING_H265,
  TOOL_CODING_VP8,
  TOOL_CODING_VP9,
  TOOL_CODING_JPEG,
} ToolCoding;

/* By the name of GStreamer's caps. */
ToolCoding tool_coding_from_name(const char *name);

/* Whether a decoder that begins with the coded picture @data makes of all that follows what one makes that has decoded
 * everything before it: an IDR picture of H.264, an IRAP picture of H.265 (what precedes it in order of display
 * aside), a key frame of VP8 and VP9, any JPEG. @config: the codec_data of H.264 and H.265 (avcC, hvcC), in which
 * then the parameter sets are; %NULL for a byte stream, where they must be in @data. Hostile bytes are fine; any
 * thread. */
gboolean tool_random_access(ToolCoding coding, const guint8 *config, gsize config_size, const guint8 *data, gsize size);

G_END_DECLS
