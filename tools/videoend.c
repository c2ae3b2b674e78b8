/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files that end too early. GStreamer's demuxers of AVI, IVF, Ogg and MPEG-TS take the end of the file for that of the video,
 * and those of MP4 and Matroska say of the longest stream alone how long it should be. */

#include "videoend.h"

#include "videotracks_private.h"

#include <string.h>

/* Frames of an IVF, pages of an Ogg: hours of them. */
#define MOST_STEPS 8000000
#define MOST_STREAMS 4096 /* of an Ogg, not yet ended */
#define PACKETS 8         /* in a row, that no other file has */

/* "RIFF" size "AVI ", and after it "RIFF" size "AVIX" again and again. */
static gboolean
avi_is_cut(ToolBytes *bytes)
{
  guint8 head[12];
  for (guint64 at = 0; at < bytes->size;) {
    if (!tool_bytes_read(bytes, at, head, sizeof head))
      return at > 0 && tool_bytes_read(bytes, at, head, 4) && memcmp(head, "RIFF", 4) == 0;
    if (memcmp(head, "RIFF", 4) != 0 || memcmp(head + 8, at == 0 ? "AVI " : "AVIX", 4) != 0)
      return FALSE;
    const guint64 length = tool_little_endian(head + 4, 4);
    if (length == 0 || length == G_MAXUINT32) /* written to where nothing could be corrected: unknown */
      return FALSE;
    at += 8 + length;
    if (at > bytes->size)
      return TRUE;
    at += length % 2;
  }
  return FALSE;
}

/* Packets of 188 bytes, or of more; what lies behind the last one's 188 may be missing, or stand in front. */
static gboolean
ts_is_cut(ToolBytes *bytes, guint64 first, guint size)
{
  guint8 byte, head[3];
  if (!tool_bytes_read(bytes, first, head, sizeof head) || memcmp(head, "GGG", 3) == 0) /* one colour of bare pictures */
    return FALSE;
  for (guint i = 0; i < PACKETS; i++) {
    if (!tool_bytes_read(bytes, first + (guint64) i * size, &byte, 1) || byte != 0x47)
      return FALSE;
  }
  const guint64 rest = (bytes->size - first) % size;
  return rest != 0 && rest != 188;
}

/* Boxes on the top level of MP4 and QuickTime; behind the last there may be anything. */
static gboolean
is_box(const guint8 *type)
{
  static const char names[] = "ftypstypmoovmoofmdatmfrafreeskipwideuuidmetasidxemsgprft";
  for (guint i = 0; i + 4 < sizeof names; i += 4) {
    if (memcmp(type, names + i, 4) == 0)
      return TRUE;
  }
  return FALSE;
}

/* ISO 14496-12, 4.2: size, type; a size of 1: it stands in 8 bytes behind that; 0: to the end. */
static gboolean
mp4_is_cut(ToolBytes *bytes)
{
  guint8 head[16];
  for (guint64 at = 0; at < bytes->size && bytes->size - at >= 8;) {
    if (!tool_bytes_read(bytes, at, head, 8))
      return FALSE;
    const gboolean known = is_box(head + 4);
    guint64 length = tool_big_endian(head, 4);
    if (length == 1) {
      if (!tool_bytes_read(bytes, at, head, 16))
        return known;
      length = tool_big_endian(head + 8, 8);
    }
    if (length < 8)
      return FALSE;
    if (length > bytes->size - at)
      return known;
    at += length;
  }
  return FALSE;
}

/* Matroska and WebM: the EBML header, then a segment with all that there is. */
static gboolean
matroska_is_cut(ToolBytes *bytes)
{
  guint8 id[4];
  guint64 at = 4, length;
  gboolean unknown;
  if (!tool_bytes_read_ebml(bytes, &at, 8, FALSE, &length, &unknown) || unknown || length > bytes->size || at + length > bytes->size)
    return FALSE;
  at += length;
  if (!tool_bytes_read(bytes, at, id, 4) || memcmp(id, "\x18\x53\x80\x67", 4) != 0)
    return FALSE;
  at += 4;
  return tool_bytes_read_ebml(bytes, &at, 8, FALSE, &length, &unknown) && !unknown && length > bytes->size - at;
}

/* A header that may say how many frames there are (0, or all bits set: it does not), or, as ffmpeg means it, how long they
 * last (libavformat/ivfenc.c: from the first on); then the frames, each with its length and time. */
static gboolean
ivf_is_cut(ToolBytes *bytes)
{
  guint8 head[32];
  guint64 frames = 0, first = 0, last = 0;
  if (!tool_bytes_read(bytes, 0, head, sizeof head))
    return TRUE;
  const guint64 stated = tool_little_endian(head + 24, 4);
  for (guint64 at = MAX(tool_little_endian(head + 6, 2), 32); at < bytes->size;) {
    if (!tool_bytes_read(bytes, at, head, 12))
      return bytes->steps > 0;
    if (memcmp(head, "DKIF", 4) == 0) /* another file */
      break;
    const guint64 size = tool_little_endian(head, 4);
    if (size > bytes->size - at - 12)
      return TRUE;
    last = tool_little_endian(head + 4, 8);
    if (frames++ == 0)
      first = last;
    at += 12 + size;
  }
  if (stated == 0 || stated == G_MAXUINT32 || frames >= stated)
    return FALSE;
  /* From the first frame's time on, whatever that is; the last frame lasts about as long as the others. */
  const guint64 length = last > first ? last - first : 0, step = length > 0 && frames > 1 ? length / (frames - 1) : 1;
  const guint64 slack = length + 1 == frames ? 0 : 1; /* none where every step is 1: frames, counted */
  return length > stated || stated - length > step + slack;
}

/* RFC 3533: pages of at most 255 parts, of streams that have numbers; the last of each says that it is that. */
static gboolean
ogg_is_cut(ToolBytes *bytes)
{
  guint8 head[27], parts[255];
  g_autoptr(GHashTable) open = g_hash_table_new(NULL, NULL);
  for (guint64 at = 0; at < bytes->size;) {
    const gsize n = (gsize) MIN(sizeof head, bytes->size - at);
    if (!tool_bytes_read(bytes, at, head, n))
      return FALSE;
    if (memcmp(head, "OggS", MIN(n, 4)) != 0) { /* damaged, or of something else */
      const guint8 *begin = memchr(head + 1, 'O', n - 1);
      at += begin != NULL ? (guint64) (begin - head) : n;
      continue;
    }
    if (n < sizeof head || (head[26] > 0 && !tool_bytes_read(bytes, at + n, parts, head[26])))
      return n < sizeof head || bytes->steps > 0;
    guint64 length = n + head[26];
    for (guint i = 0; i < head[26]; i++)
      length += parts[i];
    if (length > bytes->size - at)
      return TRUE;
    gpointer stream = GUINT_TO_POINTER((guint) tool_little_endian(head + 14, 4));
    if (head[5] & 4)
      g_hash_table_remove(open, stream);
    else if (g_hash_table_size(open) < MOST_STREAMS)
      g_hash_table_add(open, stream);
    at += length;
  }
  return g_hash_table_size(open) > 0;
}

static gboolean
is_cut(ToolBytes *bytes)
{
  guint8 head[8] = { 0 };
  guint64 first;
  guint size;
  if (!tool_bytes_read(bytes, 0, head, sizeof head))
    return FALSE;
  if (memcmp(head, "RIFF", 4) == 0)
    return avi_is_cut(bytes);
  if (memcmp(head, "\x1a\x45\xdf\xa3", 4) == 0)
    return matroska_is_cut(bytes);
  if (memcmp(head, "DKIF", 4) == 0)
    return ivf_is_cut(bytes);
  if (memcmp(head, "OggS", 4) == 0)
    return ogg_is_cut(bytes);
  if (!is_box(head + 4) && tool_video_tracks_find_packets(bytes, &first, &size))
    return ts_is_cut(bytes, first, size);
  return mp4_is_cut(bytes);
}

gboolean
tool_video_is_cut(const char *path)
{
  gboolean cut = FALSE;
  ToolBytes *bytes = g_new(ToolBytes, 1);
  if (tool_bytes_open(bytes, path, MOST_STEPS)) {
    cut = is_cut(bytes);
    tool_bytes_close(bytes);
  }
  g_free(bytes);
  return cut;
}

gboolean
tool_video_ends_short(gint64 stated, gint64 length)
{
  return stated > 0 && stated - length > MAX(1000000000, stated / 20);
}

char *
tool_video_end_error(const char *path, const ToolVideoInfo *info)
{
  if (tool_video_is_cut(path))
    return g_strdup(TOOL_VIDEO_CUT);
  if (!tool_video_ends_short(info->duration, info->position) || info->other_videos > 0 || (info->attached && info->frames == 1))
    return NULL;
  return g_strdup_printf(TOOL_VIDEO_SHORT, (double) (info->duration - info->position) / 1e9);
}
