/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Codings whose parts begin with 00 00 01 and a byte that tells which part it is. One part alone may be chance; those that
 * nothing can be decoded without, all three of them, are not. */

#include "videopayload.h"

/* Of compressed sound so much looks like a video less than once in ten thousand times. */
#define MOST (16u << 20)

enum {
  H264 = 0,
  H265 = 3,
  H266 = 6,
  MPEG_2 = 9,
  MPEG_4 = 12,
  VC_1 = 15,
  CODINGS = 18,
};

/* The @part of three of a coding. */
static guint32
part(guint coding, guint n)
{
  return 1u << (coding + n);
}

/* ISO 14496-10, 7.3.1: a sequence's, a picture's parameters, a slice. */
static guint32
h264_part(guint code)
{
  const guint type = code & 0x1f;
  if (code & 0x80)
    return 0;
  return type == 7 ? part(H264, 0) : type == 8 ? part(H264, 1) : type == 1 || type == 5 ? part(H264, 2) : 0;
}

/* ISO 23008-2, 7.3.1.2, and 23090-3, 7.3.1.2: of the layer that depends on no other. */
static guint32
h265_part(guint code, guint next)
{
  const guint type = code >> 1;
  if (code & 0x81 || next >> 3 || !(next & 7))
    return 0;
  return type == 33 ? part(H265, 0) : type == 34 ? part(H265, 1) : type <= 21 ? part(H265, 2) : 0;
}

static guint32
h266_part(guint code, guint next)
{
  const guint type = next >> 3;
  if (code != 0 || !(next & 7))
    return 0;
  return type == 15 ? part(H266, 0) : type == 16 ? part(H266, 1) : type <= 10 ? part(H266, 2) : 0;
}

/* ISO 13818-2, 6.2.1: sequence, picture, slice. */
static guint32
mpeg_2_part(guint code)
{
  return code == 0xb3 ? part(MPEG_2, 0) : code == 0 ? part(MPEG_2, 1) : code <= 0xaf ? part(MPEG_2, 2) : 0;
}

/* ISO 14496-2, 6.2.1: object, layer, picture. */
static guint32
mpeg_4_part(guint code)
{
  return code <= 0x1f ? part(MPEG_4, 0) : code <= 0x2f ? part(MPEG_4, 1) : code == 0xb6 ? part(MPEG_4, 2) : 0;
}

/* SMPTE 421M, annex E: frame, entry point, sequence. */
static guint32
vc_1_part(guint code)
{
  return code >= 0x0d && code <= 0x0f ? part(VC_1, code - 0x0d) : 0;
}

static guint32
parts_of(guint code, guint next)
{
  return h264_part(code) | h265_part(code, next) | h266_part(code, next) | mpeg_2_part(code) | mpeg_4_part(code) | vc_1_part(code);
}

gboolean
tool_payload_take(ToolPayload *self, const guint8 *bytes, gsize n)
{
  for (gsize i = 0; i < n && self->looked < MOST; i++, self->looked++) {
    /* 00 00 01, the code, and what follows */
    const guint32 before = self->window;
    self->window = self->window << 8 | bytes[i];
    if ((before & 0xffffff00) == 0x100)
      self->parts |= parts_of(before & 0xff, bytes[i]);
  }
  for (guint coding = 0; coding < CODINGS; coding += 3) {
    if ((self->parts >> coding & 7) == 7)
      return TRUE;
  }
  return FALSE;
}
