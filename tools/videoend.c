/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files that end too early. GStreamer's demuxers of AVI and MPEG-TS take the end of the file for that of the video. */

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

gboolean
tool_video_is_cut(const char *path)
{
  GStatBuf st;
  guint8 head[4] = { 0 };
  if (g_stat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
    return FALSE;
  FILE *file = g_fopen(path, "rb");
  if (file == NULL)
    return FALSE;
  const guint64 size = (guint64) st.st_size;
  const gboolean riff = read_at(file, 0, head, 4) && memcmp(head, "RIFF", 4) == 0;
  const gboolean cut = riff ? avi_is_cut(file, size) : ts_is_cut(file, size);
  fclose(file);
  return cut;
}
