/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "randomaccess.h"

#include <string.h>

ToolCoding
tool_coding_from_name(const char *name)
{
  static const struct {
    const char *name;
    ToolCoding coding;
  } known[] = {
    { "video/x-h264", TOOL_CODING_H264 }, { "video/x-h265", TOOL_CODING_H265 }, { "video/x-vp8", TOOL_CODING_VP8 },
    { "video/x-vp9", TOOL_CODING_VP9 },   { "image/jpeg", TOOL_CODING_JPEG },
  };
  for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
    if (strcmp(name, known[i].name) == 0)
      return known[i].coding;
  }
  return TOOL_CODING_UNKNOWN;
}

/* What is in an access unit: kinds of NAL units, a bit each. */
typedef struct {
  ToolCoding coding;
  guint64 kinds;
} Units;

static void
note_unit(Units *self, guint8 header)
{
  self->kinds |= G_GUINT64_CONSTANT(1) << (self->coding == TOOL_CODING_H264 ? header & 0x1f : header >> 1 & 0x3f);
}

/* FALSE where the lengths do not fit. */
static gboolean
read_lengths(Units *self, guint width, const guint8 *data, gsize size)
{
  for (gsize at = 0; at < size;) {
    gsize length = 0;
    if (size - at <= width)
      return FALSE;
    for (guint i = 0; i < width; i++)
      length = length << 8 | data[at++];
    if (length == 0 || length > size - at)
      return FALSE;
    note_unit(self, data[at]);
    at += length;
  }
  return TRUE;
}

static void
read_start_codes(Units *self, const guint8 *data, gsize size)
{
  for (gsize at = 0; at + 3 < size; at++) {
    if (data[at] == 0 && data[at + 1] == 0 && data[at + 2] == 1)
      note_unit(self, data[at + 3]);
  }
}

static gboolean
is_afresh(const Units *self, gboolean has_config)
{
  const gboolean h264 = self->coding == TOOL_CODING_H264;
  /* Slices; of them those that begin afresh; parameter sets (ITU-T H.264 table 7-1, H.265 table 7-1). */
  const guint64 slices = h264 ? 0x3e : 0xffffffff;
  const guint64 fresh = h264 ? 1 << 5 : 0x3f0000;
  const guint64 sets = h264 ? 3 << 7 : G_GUINT64_CONSTANT(7) << 32;
  return (self->kinds & fresh) != 0 && (self->kinds & slices & ~fresh) == 0 &&
         (has_config || (self->kinds & sets) == sets);
}

gboolean
tool_random_access(ToolCoding coding, const guint8 *config, gsize config_size, const guint8 *data, gsize size)
{
  Units units = { .coding = coding };
  if (size == 0)
    return FALSE;
  switch (coding) {
  case TOOL_CODING_H264:
  case TOOL_CODING_H265: {
    const gsize where = coding == TOOL_CODING_H264 ? 4 : 21; /* the width of lengths, less 1 */
    if (config == NULL)
      read_start_codes(&units, data, size);
    else if (config_size <= where || !read_lengths(&units, 1 + (config[where] & 3), data, size))
      return FALSE;
    return is_afresh(&units, config != NULL);
  }
  case TOOL_CODING_VP8: /* RFC 6386, 9.1 */
    return (data[0] & 1) == 0;
  case TOOL_CODING_VP9: { /* VP9 bitstream specification, 6.2: marker, profile, show_existing_frame, frame_type */
    const guint shift = (data[0] >> 4 & 3) == 3 ? 1 : 2;
    return data[0] >> 6 == 2 && (data[0] >> shift & 3) == 0;
  }
  case TOOL_CODING_JPEG:
    return TRUE;
  default:
    return FALSE;
  }
}
