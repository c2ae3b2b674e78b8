/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* AVI: RIFF, and what OpenDML adds. */

#include "videopayload.h"
#include "videotracks_private.h"

#include <string.h>

/* Of a four-character code: what is none ends a walk. */
static gboolean
is_code(const guint8 *bytes)
{
  for (guint i = 0; i < 4; i++) {
    if ((bytes[i] < ' ' || bytes[i] > '~') && bytes[i] != 0xa9)
      return FALSE;
  }
  return TRUE;
}

typedef struct {
  guint n; /* streams */
  gboolean other, notes; /* what the last one is called: neither pictures nor sound; "mids" */
  gboolean subtitles;
  gboolean pictures, formatted, xsub; /* the last one: called so; of a format that is not XSUB's; so far of no other */
  gboolean listed;                    /* the last one: below */
  gboolean others[100]; /* neither pictures nor sound, by what they are called */
  ToolPayload payloads[100];
} Streams;

/* Of a stream's header what it is: sound and subtitles are known; a number that nobody has given is taken for a video's. */
static gboolean
may_be_pictures(const guint8 *type)
{
  static const char others[][5] = { "auds", "txts", "mids", "dats", "pads" };
  for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
    if (tool_is_code(type, others[i]))
      return FALSE;
  }
  return TRUE;
}

/* BITMAPINFOHEADER: its length, a width. Of "mids" nobody asks. */
static gboolean
is_bitmap(ToolBytes *bytes, guint64 at, guint64 length, gboolean notes)
{
  guint8 head[8];
  return length >= 40 && tool_bytes_read(bytes, at, head, sizeof head) &&
         (notes || (tool_little_endian(head, 4) >= 40 && tool_little_endian(head + 4, 4) > 0));
}

/* DivX's subtitles, which are called a video: players know them by the coding in BITMAPINFOHEADER. */
static gboolean
is_xsub(ToolBytes *bytes, guint64 at, guint64 length)
{
  guint8 coding[4];
  return length >= 20 && tool_bytes_read(bytes, at + 16, coding, sizeof coding) && (tool_is_code(coding, "DXSB") || tool_is_code(coding, "DXSA"));
}

static void
set_other(Streams *streams, gboolean other)
{
  if (streams->listed)
    streams->others[streams->n - 1] = other;
}

/* Of a stream that is called a video. One of no format but XSUB's is none; what is in it is looked at. */
static void
take_avi_format(Streams *streams, gboolean xsub, ToolVideoTracks *out)
{
  if (xsub && !streams->formatted && !streams->xsub) {
    streams->xsub = streams->subtitles = TRUE;
    set_other(streams, TRUE);
    out->videos--;
  } else if (!xsub && streams->xsub) {
    streams->xsub = FALSE;
    set_other(streams, FALSE);
    out->videos++;
  }
  streams->formatted |= !xsub;
}

/* Players go by the format where the stream is not called sound. */
static void
take_avi_chunk(ToolBytes *bytes, const guint8 *head, guint64 at, Streams *streams, ToolVideoTracks *out)
{
  if (tool_is_code(head, "strh")) {
    const gboolean pictures = may_be_pictures(head + 8);
    streams->other = !pictures && !tool_is_code(head + 8, "auds");
    streams->notes = tool_is_code(head + 8, "mids");
    streams->subtitles |= tool_is_code(head + 8, "txts");
    out->videos += pictures;
    streams->pictures = pictures;
    streams->formatted = streams->xsub = FALSE;
    streams->listed = streams->n < G_N_ELEMENTS(streams->others);
    if (streams->listed)
      streams->others[streams->n++] = streams->other;
  } else if (tool_is_code(head, "strf")) {
    const guint64 length = tool_little_endian(head + 4, 4);
    const gboolean xsub = is_xsub(bytes, at + 8, length);
    if (streams->pictures) {
      take_avi_format(streams, xsub, out);
    } else if (streams->other && !xsub && is_bitmap(bytes, at + 8, length, streams->notes)) {
      streams->other = FALSE;
      set_other(streams, FALSE);
      out->videos++;
    }
  }
}

static void
read_avi_streams(ToolBytes *bytes, guint64 at, guint64 end, Streams *streams, ToolVideoTracks *out)
{
  guint8 head[12];
  while (at < end && end - at >= sizeof head && tool_bytes_read(bytes, at, head, sizeof head)) {
    const guint64 length = tool_little_endian(head + 4, 4);
    take_avi_chunk(bytes, head, at, streams, out);
    /* What is inside a list follows. */
    at += tool_is_code(head, "LIST") ? 12 : 8 + length + length % 2;
  }
}

/* A chunk of a video, "00dc" or "00db", whether an index names it or not. One of a few bytes says that a picture is left out, or
 * came with the one before. */
static void
count_avi_picture(const guint8 *head, ToolVideoTracks *out)
{
  const gboolean numbered = g_ascii_isdigit(head[0]) && g_ascii_isdigit(head[1]);
  out->pictures += numbered && head[2] == 'd' && (head[3] == 'c' || head[3] == 'b') && tool_little_endian(head + 4, 4) >= 16;
}

/* What is in the streams: of subtitles players look at it. */
static void
read_avi_movie(ToolBytes *bytes, guint64 at, guint64 end, Streams *streams, ToolVideoTracks *out)
{
  guint8 head[12];
  while (at < end && end - at >= sizeof head && tool_bytes_read(bytes, at, head, sizeof head) && is_code(head)) {
    const guint64 length = tool_little_endian(head + 4, 4);
    count_avi_picture(head, out);
    const guint stream = g_ascii_isdigit(head[0]) && g_ascii_isdigit(head[1]) ? 10u * (head[0] - '0') + head[1] - '0' : streams->n;
    const gsize most = (gsize) MIN(length, 4096);
    gsize n;
    const guint8 *payload = streams->subtitles && stream < streams->n && streams->others[stream] ? tool_bytes_peek(bytes, at + 8, most, &n) : NULL;
    if (payload != NULL && tool_payload_take(&streams->payloads[stream], payload, most)) {
      streams->others[stream] = FALSE;
      out->videos++;
    }
    at += tool_is_code(head, "LIST") ? 12 : 8 + length + length % 2;
  }
}

/* RIFF "AVI ", then RIFF "AVIX" again and again (OpenDML); their lengths are not asked, what is in them follows. */
gboolean
tool_video_tracks_read_avi(ToolBytes *bytes, ToolVideoTracks *out)
{
  Streams streams = { 0 };
  guint8 head[12];
  if (!tool_bytes_read(bytes, 0, head, sizeof head) || !tool_is_code(head, "RIFF") || !tool_is_code(head + 8, "AVI "))
    return FALSE;
  out->known = TRUE; /* avidemux wants its index first */
  for (guint64 at = 12; tool_bytes_read(bytes, at, head, sizeof head) && is_code(head);) {
    const guint64 length = tool_little_endian(head + 4, 4);
    if (tool_is_code(head, "RIFF") && tool_is_code(head + 8, "AVI ")) {
      out->next = at;
      break;
    }
    if (tool_is_code(head, "RIFF") || (tool_is_code(head, "LIST") && length < 4)) {
      at += 12;
      continue;
    }
    const guint64 end = MIN(at + 8 + length, bytes->size);
    take_avi_chunk(bytes, head, at, &streams, out);
    count_avi_picture(head, out);
    if (tool_is_code(head, "LIST") && tool_is_code(head + 8, "movi"))
      read_avi_movie(bytes, at + 12, end, &streams, out);
    else if (tool_is_code(head, "LIST")) /* players find streams in any */
      read_avi_streams(bytes, at + 12, end, &streams, out);
    at += 8 + length + length % 2;
  }
  return TRUE;
}
