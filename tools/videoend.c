/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files that end too early. GStreamer's demuxers of AVI and MPEG-TS take the end of the file for that of the video, and
 * those of MP4 and Matroska say of the longest stream alone how long it should be. */

#include "videoend.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SYNC 0x47
/* RIFF chunks of at most 1 GB each, so as OpenDML wants: no file has as many. */
#define MOST_CHUNKS 100000

static gboolean
read_at(FILE *file, guint64 at, guint8 *bytes, gsize n)
{
  return at <= G_MAXINT64 && fseeko(file, (off_t) at, SEEK_SET) == 0 && fread(bytes, 1, n, file) == n;
}

/* "RIFF" size "AVI ", and after it "RIFF" size "AVIX" again and again. */
static gboolean
avi_is_cut(FILE *file, guint64 size)
{
  guint64 at = 0;
  for (guint i = 0; i < MOST_CHUNKS && at < size; i++) {
    guint8 head[12];
    if (!read_at(file, at, head, sizeof head))
      return i > 0 && size - at >= 4 && read_at(file, at, head, 4) && memcmp(head, "RIFF", 4) == 0;
    if (memcmp(head, "RIFF", 4) != 0 || memcmp(head + 8, i == 0 ? "AVI " : "AVIX", 4) != 0)
      return FALSE;
    const guint64 length = (guint64) head[4] | (guint64) head[5] << 8 | (guint64) head[6] << 16 | (guint64) head[7] << 24;
    if (length == 0 || length == G_MAXUINT32) /* written to where nothing could be corrected: unknown */
      return FALSE;
    at += 8 + length;
    if (at > size)
      return TRUE;
    at += length % 2;
  }
  return FALSE;
}

/* Packets of 188 bytes, or of 192 with four bytes in front. */
static gboolean
ts_is_cut(FILE *file, guint64 size)
{
  static const guint packets[] = { 188, 192 };
  for (guint i = 0; i < G_N_ELEMENTS(packets); i++) {
    guint8 byte = 0;
    guint found = 0;
    while (found < 8 && read_at(file, (guint64) found * packets[i] + packets[i] - 188, &byte, 1) && byte == SYNC)
      found++;
    if (found == 8)
      return size % packets[i] != 0;
  }
  return FALSE;
}

static guint64
number(const guint8 *bytes, guint n)
{
  guint64 value = 0;
  for (guint i = 0; i < n; i++)
    value = value << 8 | bytes[i];
  return value;
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
mp4_is_cut(FILE *file, guint64 size)
{
  guint8 head[16];
  for (guint64 at = 0, i = 0; i < MOST_CHUNKS && at < size && size - at >= 8; i++) {
    if (!read_at(file, at, head, 8) || !is_box(head + 4))
      return FALSE;
    guint64 length = number(head, 4);
    if (length == 1) {
      if (!read_at(file, at, head, 16))
        return TRUE;
      length = number(head + 8, 8);
    }
    if (length < 8)
      return FALSE;
    if (length > size - at)
      return TRUE;
    at += length;
  }
  return FALSE;
}

/* An EBML number at @at, and where it ends. FALSE where it is none; *unknown: all its bits are set. */
static gboolean
read_ebml(FILE *file, guint64 *at, guint64 *value, gboolean *unknown)
{
  guint8 bytes[8];
  guint n = 1;
  if (!read_at(file, *at, bytes, 1) || bytes[0] == 0)
    return FALSE;
  while (!(bytes[0] & 0x100 >> n))
    n++;
  if (!read_at(file, *at, bytes, n))
    return FALSE;
  bytes[0] &= (guint8) ((0x100 >> n) - 1);
  *value = number(bytes, n);
  *unknown = *value == ((guint64) 1 << 7 * n) - 1;
  *at += n;
  return TRUE;
}

/* Matroska and WebM: the EBML header, then a segment with all that there is. */
static gboolean
matroska_is_cut(FILE *file, guint64 size)
{
  guint8 id[4];
  guint64 at = 4, length;
  gboolean unknown;
  if (!read_ebml(file, &at, &length, &unknown) || unknown || length > size || at + length > size)
    return FALSE;
  at += length;
  if (!read_at(file, at, id, 4) || memcmp(id, "\x18\x53\x80\x67", 4) != 0)
    return FALSE;
  at += 4;
  return read_ebml(file, &at, &length, &unknown) && !unknown && length > size - at;
}

gboolean
tool_video_is_cut(const char *path)
{
  GStatBuf st;
  guint8 head[8] = { 0 };
  if (g_stat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
    return FALSE;
  FILE *file = g_fopen(path, "rb");
  if (file == NULL)
    return FALSE;
  const guint64 size = (guint64) st.st_size;
  if (!read_at(file, 0, head, sizeof head))
    memset(head, 0, sizeof head);
  const gboolean cut = memcmp(head, "RIFF", 4) == 0               ? avi_is_cut(file, size)
                       : memcmp(head, "\x1a\x45\xdf\xa3", 4) == 0 ? matroska_is_cut(file, size)
                       : is_box(head + 4)                         ? mp4_is_cut(file, size)
                                                                  : ts_is_cut(file, size);
  fclose(file);
  return cut;
}
