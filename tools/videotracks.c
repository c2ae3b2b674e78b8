/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a video file says is in it. GStreamer's demuxers leave out streams without a word: short tracks of MP4, tracks
 * that have another's number, all that follows where files were put one behind the other. Who has looked at what they
 * show must know what they do not. Parts are walked along and skipped by their lengths, a few levels deep, in loops;
 * each step goes forward, and the steps are counted.
 */

#include "videotracks_private.h"

#include <string.h>

/* Ten hours of FLV have 2.5 million tags. */
#define MOST_STEPS 8000000

/* ------------------------------------------------------------------ ASF: WMV */

static const guint8 asf_header[] = { 0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11,
                                     0xa6, 0xd9, 0x00, 0xaa, 0x00, 0x62, 0xce, 0x6c };
static const guint8 asf_stream[] = { 0x91, 0x07, 0xdc, 0xb7, 0xb7, 0xa9, 0xcf, 0x11,
                                     0x8e, 0xe6, 0x00, 0xc0, 0x0c, 0x20, 0x53, 0x65 };
static const guint8 asf_more[] = { 0xb5, 0x03, 0xbf, 0x5f, 0x2e, 0xa9, 0xcf, 0x11, 0x8e, 0xe3, 0x00, 0xc0, 0x0c, 0x20, 0x53, 0x65 };
/* Videos; single pictures of JFIF and of "degradable" JPEG, one after the other. */
static const guint8 asf_videos[][16] = {
  { 0xc0, 0xef, 0x19, 0xbc, 0x4d, 0x5b, 0xcf, 0x11, 0xa8, 0xfd, 0x00, 0x80, 0x5f, 0x5c, 0x44, 0x2b },
  { 0x00, 0xe1, 0x1b, 0xb6, 0x4e, 0x5b, 0xcf, 0x11, 0xa8, 0xfd, 0x00, 0x80, 0x5f, 0x5c, 0x44, 0x2b },
  { 0xe0, 0x7d, 0x90, 0x35, 0x15, 0xe4, 0xcf, 0x11, 0xa9, 0x17, 0x00, 0x80, 0x5f, 0x5c, 0x44, 0x2b },
};

static gboolean
is_asf_video(const guint8 *type)
{
  for (guint i = 0; i < G_N_ELEMENTS(asf_videos); i++) {
    if (memcmp(type, asf_videos[i], 16) == 0)
      return TRUE;
  }
  return FALSE;
}

/* Players take a stream wherever it stands in front of the data. */
static gboolean
read_asf(ToolBytes *bytes, ToolVideoTracks *out)
{
  guint8 head[40];
  guint64 at = 0;
  if (!tool_bytes_read(bytes, 0, head, 24) || memcmp(head, asf_header, 16) != 0)
    return FALSE;
  out->known = TRUE;
  while (tool_bytes_read(bytes, at, head, 24)) {
    const guint64 length = tool_little_endian(head + 16, 8);
    const gboolean more = memcmp(head, asf_more, 16) == 0;
    if (at > 0 && memcmp(head, asf_header, 16) == 0) {
      out->next = at;
      break;
    }
    if (length < 24 || length > bytes->size - at) /* a data object of no stated length goes to the end */
      break;
    if (memcmp(head, asf_stream, 16) == 0)
      out->videos += tool_bytes_read(bytes, at, head, 40) && is_asf_video(head + 24);
    at += at == 0 ? 30 : more ? 46 : length; /* what is in these follows */
  }
  return TRUE;
}

/* ------------------------------------------------------------------ FLV, IVF, MXF */

/* The tracks of a tag. Enhanced RTMP, version 2: 1 bit, kind of frame, kind of packet; of several tracks (6) again a kind
 * of them and of packets; a coding, where all have one; then each track's number and length. */
static void
take_flv_tracks(ToolBytes *bytes, guint64 at, guint64 length, gboolean *tracks)
{
  guint8 head[5];
  const guint64 end = at + length;
  if (length < 7 || !tool_bytes_read(bytes, at, head, 2) || (head[0] & 0x8f) != 0x86) {
    tracks[0] = TRUE;
    return;
  }
  const guint kind = head[1] >> 4; /* one track; several of one coding; several of several */
  const guint coding = kind == 2 ? 4 : 0;
  at += kind == 2 ? 2 : 6;
  while (at < end && end - at >= coding + 1 && tool_bytes_read(bytes, at, head, coding + 1)) {
    tracks[head[coding]] = TRUE;
    at += coding + 1;
    if (kind == 0 || end - at < 3 || !tool_bytes_read(bytes, at, head, 3))
      break;
    at += 3 + tool_big_endian(head, 3);
  }
}

static gboolean
read_flv(ToolBytes *bytes, ToolVideoTracks *out)
{
  guint8 head[16];
  gboolean tracks[256] = { FALSE };
  if (!tool_bytes_read(bytes, 0, head, 9) || memcmp(head, "FLV\1", 4) != 0)
    return FALSE;
  out->known = TRUE;
  /* A tag: kind, length, time; behind it its length again. */
  for (guint64 at = tool_big_endian(head + 5, 4) + 4; tool_bytes_read(bytes, at, head, 11);) {
    const guint kind = head[0] & 0x1f;
    if (memcmp(head, "FLV\1", 4) == 0) {
      out->next = at;
      break;
    }
    if (kind == 9)
      take_flv_tracks(bytes, at + 11, tool_big_endian(head + 1, 3), tracks);
    at += 11 + tool_big_endian(head + 1, 3) + 4;
  }
  for (guint i = 0; i < G_N_ELEMENTS(tracks); i++)
    out->videos += tracks[i];
  return TRUE;
}

static gboolean
read_ivf(ToolBytes *bytes, ToolVideoTracks *out)
{
  guint8 head[12];
  if (!tool_bytes_read(bytes, 0, head, 12) || !tool_is_code(head, "DKIF"))
    return FALSE;
  out->known = TRUE;
  out->videos = 1;
  for (guint64 at = MAX(tool_little_endian(head + 6, 2), 32); tool_bytes_read(bytes, at, head, 12);) {
    if (tool_is_code(head, "DKIF")) {
      out->next = at;
      break;
    }
    at += 12 + tool_little_endian(head, 4);
  }
  return TRUE;
}

/* SMPTE 379-1, table 1: what is of pictures, or of pictures and sound in one; which of them. */
static void
take_essence(const guint8 *key, GHashTable *tracks)
{
  static const guint8 essence[] = { 0x06, 0x0e, 0x2b, 0x34, 0x01, 0x02, 0x01 }, after[] = { 0x0d, 0x01, 0x03, 0x01 };
  static const guint8 kinds[] = { 0x05, 0x15, 0x18 };
  if (memcmp(key, essence, sizeof essence) == 0 && memcmp(key + 8, after, sizeof after) == 0 &&
      memchr(kinds, key[12], sizeof kinds) != NULL && g_hash_table_size(tracks) < 256)
    g_hash_table_add(tracks, GUINT_TO_POINTER((guint) tool_big_endian(key + 12, 4)));
}

/* SMPTE 377-1: a key of 16 bytes, a length, what it is of; of a file the first is the header's partition. */
static gboolean
read_mxf(ToolBytes *bytes, ToolVideoTracks *out)
{
  static const guint8 partition[] = { 0x06, 0x0e, 0x2b, 0x34, 0x02, 0x05, 0x01, 0x01, 0x0d, 0x01, 0x02, 0x01, 0x01, 0x02 };
  guint8 head[24];
  if (!tool_bytes_read(bytes, 0, head, 16) || memcmp(head, partition, sizeof partition) != 0)
    return FALSE;
  g_autoptr(GHashTable) tracks = g_hash_table_new(NULL, NULL);
  out->known = TRUE;
  for (guint64 at = 0; tool_bytes_read(bytes, at, head, 17) && memcmp(head, partition, 4) == 0;) {
    if (at > 0 && memcmp(head, partition, sizeof partition) == 0) {
      out->next = at;
      break;
    }
    take_essence(head, tracks);
    const guint more = head[16] & 0x80 ? head[16] & 0x7f : 0;
    guint64 length = head[16] & 0x7f;
    if (more > 8 || (more > 0 && !tool_bytes_read(bytes, at + 17, head, more)))
      break;
    if (more > 0)
      length = tool_big_endian(head, more);
    at += 17 + more;
    if (at > bytes->size || length > bytes->size - at)
      break;
    at += length;
  }
  out->videos = g_hash_table_size(tracks);
  return TRUE;
}

/* ------------------------------------------------------------------ Ogg: RFC 3533 */

/* By a stream's first packet. What nobody here knows may be a video that players do, and GStreamer may lose others over it. */
static gboolean
is_ogg_video(const guint8 *packet, gsize n)
{
  static const char others[][9] = { "\1vorbis", "Speex", "PCM     ", "\x7f" "FLAC", "fLaC", "CELT", "OpusHead", "\1audio", "\1text", "\x80kate",
                                    "fishead", "fisbone", "CMML", "Annodex", "AnxData" };
  for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
    const gsize length = strlen(others[i]);
    if (n >= length && memcmp(packet, others[i], length) == 0)
      return FALSE;
  }
  return TRUE;
}

/* Streams begin before any has more than heads; what follows those is another file's. */
static gboolean
read_ogg(ToolBytes *bytes, ToolVideoTracks *out)
{
  guint8 head[27], sizes[255], packet[8];
  for (guint64 at = 0; tool_bytes_read(bytes, at, head, sizeof head) && tool_is_code(head, "OggS");) {
    const guint64 position = tool_little_endian(head + 6, 8);
    const guint64 begin = at + sizeof head + head[26];
    guint64 length = 0;
    out->known = TRUE;
    if ((position != 0 && position != G_MAXUINT64) || !tool_bytes_read(bytes, at + sizeof head, sizes, head[26]))
      break;
    for (guint i = 0; i < head[26]; i++)
      length += sizes[i];
    const gsize n = (gsize) MIN(length, sizeof packet);
    if (head[5] & 2 && tool_bytes_read(bytes, begin, packet, n))
      out->videos += is_ogg_video(packet, n);
    at = begin + length;
  }
  return out->known;
}

/* ------------------------------------------------------------------ all of them */

typedef struct {
  const char *kinds[6]; /* what GStreamer calls it; the first is its name here */
  gboolean (*read)(ToolBytes *, ToolVideoTracks *); /* FALSE: it is no such file, or its index is not there */
} Reader;

static const Reader readers[] = {
  { { "video/x-matroska", "audio/x-matroska", "video/webm", "audio/webm", "video/x-matroska-3d" }, tool_video_tracks_read_matroska },
  { { "video/x-msvideo" }, tool_video_tracks_read_avi },
  { { "video/x-ms-asf" }, read_asf },
  { { "video/x-flv" }, read_flv },
  { { "video/x-ivf" }, read_ivf },
  { { "application/mxf" }, read_mxf },
  { { "video/quicktime", "audio/x-m4a", "application/x-3gp", "video/mj2" }, tool_video_tracks_read_mp4 },
  { { "video/ogg", "application/ogg" }, read_ogg },
  { { "video/mpegts" }, tool_video_tracks_read_ts },
  { { "video/mpeg" }, tool_video_tracks_read_ps },
};

const char *
tool_video_tracks_kind(const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS(readers); i++) {
    for (guint k = 0; k < G_N_ELEMENTS(readers[i].kinds) && readers[i].kinds[k] != NULL; k++) {
      if (strcmp(readers[i].kinds[k], name) == 0)
        return readers[i].kinds[0];
    }
  }
  return NULL;
}

void
tool_video_tracks_read_as(const char *path, const char *kind, ToolVideoTracks *out)
{
  *out = (ToolVideoTracks) { 0 };
  ToolBytes *bytes = g_new(ToolBytes, 1);
  if (tool_bytes_open(bytes, path, MOST_STEPS)) {
    for (guint i = 0; i < G_N_ELEMENTS(readers) && out->kind == NULL; i++) {
      if (kind != NULL && strcmp(kind, readers[i].kinds[0]) != 0)
        continue;
      if (readers[i].read(bytes, out))
        out->kind = readers[i].kinds[0];
      else
        *out = (ToolVideoTracks) { 0 };
    }
    out->unfinished |= bytes->steps == 0;
    tool_bytes_close(bytes);
  }
  g_free(bytes);
}

void
tool_video_tracks_read(const char *path, ToolVideoTracks *out)
{
  tool_video_tracks_read_as(path, NULL, out);
}
