/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* MP4 and QuickTime: ISO 14496-12. */

#include "videotracks_private.h"

#include <string.h>

typedef struct {
  guint8 type[4];
  guint64 at, begin, end; /* of its header, of what is in it */
} Box;

typedef struct {
  guint64 timescale, duration;
} Clock;

typedef struct {
  guint videos, filled; /* tracks of videos; and those with pictures in the index itself */
  gboolean fragmented;
  Clock movie;
  guint64 duration_at;
  guint duration_length;
  double shortest; /* s, of the videos */
} Movie;

typedef struct {
  guint64 end;           /* 0: there is none */
  gboolean video, sound; /* by its handlers */
  gboolean pictures;     /* by its codings */
  gboolean samples;
  Clock clock;
} Track;

/* 4.2: size, type; a size of 1: it stands in 8 bytes behind that; 0: to the end. */
static gboolean
next_box(ToolBytes *bytes, guint64 *at, guint64 end, Box *out)
{
  guint8 head[16];
  if (*at >= end || end - *at < 8 || !tool_bytes_read(bytes, *at, head, 8))
    return FALSE;
  guint64 length = tool_big_endian(head, 4), header = 8;
  if (length == 1) {
    header = 16;
    if (end - *at < 16 || !tool_bytes_read(bytes, *at, head, 16))
      return FALSE;
    length = tool_big_endian(head + 8, 8);
  }
  if (length == 0 || length > end - *at)
    length = end - *at;
  if (length < header)
    return FALSE;
  memcpy(out->type, head + 4, 4);
  out->at = *at;
  out->begin = *at + header;
  out->end = *at + length;
  *at = out->end;
  return TRUE;
}

/* mvhd and mdhd, 8.2.2 and 8.4.2. *at: of the duration; *length: its bytes. */
static void
read_clock(ToolBytes *bytes, const Box *box, Clock *out, guint64 *at, guint *length)
{
  guint8 head[32] = { 0 };
  const gsize n = (gsize) MIN(box->end - box->begin, sizeof head);
  if (n < 20 || !tool_bytes_read(bytes, box->begin, head, n) || (head[0] == 1 && n < 32))
    return;
  const guint from = head[0] == 1 ? 20 : 12;
  *length = head[0] == 1 ? 8 : 4;
  *at = box->begin + from + 4;
  out->timescale = tool_big_endian(head + from, 4);
  out->duration = tool_big_endian(head + from + 4, *length);
  if (out->duration == (*length == 4 ? G_MAXUINT32 : G_MAXUINT64))
    out->duration = 0; /* unknown */
}

/* stsz and stz2, 8.7.3. */
static gboolean
has_samples(ToolBytes *bytes, const Box *box)
{
  guint8 head[12];
  return (tool_is_code(box->type, "stsz") || tool_is_code(box->type, "stz2")) && box->end - box->begin >= sizeof head &&
         tool_bytes_read(bytes, box->begin, head, sizeof head) && tool_big_endian(head + 8, 4) > 0;
}

/* What is in tracks that are no videos: words, numbers, hints, and sound. */
static gboolean
is_other_coding(const guint8 *type)
{
  static const char codes[][5] = {
    "text", "tx3g", "c608", "c708", "stpp", "wvtt", "sbtt", "stxt", "sbtl", "subp", "subt", "clcp", "enct", "wtxt", "dfxp", "STGS", "lsr1", /* words */
    "tmcd", "tc64", "mebx", "mett", "metx", "urim", "evte", "meta", "gpmd", "fdsc", "camm", "rtmd", "djmd", "dbgi", "CTMD", "encm", "mp4s",
    "mlix", "ixse", "oksd", "svcM", "it35", "encs", "priv", "data", "GPS ", "gps ", "vicn", "musi", "sprt", "twen", "qd3d", "qtvr", "pano", "obje", "url ", "odsm", "sdsm",
    "rtp ", "srtp", "rrtp", "rsrp", "prtp", "fdp ", "hint", "sdp ", "m2ts", "pm2t", "sm2t", /* hints */
    "mp4a", "enca", "ac-3", "ec-3", "ac-4", "alac", "Opus", "fLaC", "samr", "sawb", "sowt", "twos", "lpcm", "in24", "in32", "fl32",
    "ulaw", "alaw", ".mp3", "mha1", "mhm1", "ipcm", "fpcm", "apac", "dtsc", "dtse", "dtsh", "dtsl", "dtsx", "QDM2", "agsm",
  };
  for (guint i = 0; i < G_N_ELEMENTS(codes); i++) {
    if (tool_is_code(type, codes[i]))
      return TRUE;
  }
  return FALSE;
}

/* stsd, 8.5.2: one of its codings may be a video's. There are hundreds of those, and players know them in small and in
 * capital letters; so what is not known for something else is taken for one. */
static gboolean
may_have_pictures(ToolBytes *bytes, const Box *box)
{
  Box entry;
  if (box->end - box->begin < 8)
    return FALSE;
  for (guint64 at = box->begin + 8; next_box(bytes, &at, box->end, &entry);) {
    if (!is_other_coding(entry.type))
      return TRUE;
  }
  return FALSE;
}

/* Boxes of boxes that lie around and in tracks. Players look into them wherever they are. */
static gboolean
is_outer_box(const Box *box)
{
  static const char names[][5] = { "moov", "trak", "mdia", "minf", "stbl", "dinf", "edts", "tref", "udta" };
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    if (tool_is_code(box->type, names[i]))
      return TRUE;
  }
  return FALSE;
}

/* 8.4.3: "vide"; "pict" is that of HEIF and AVIF for what is shown as an animation. */
static void
read_handler(ToolBytes *bytes, const Box *box, Track *track)
{
  guint8 head[12];
  if (box->end - box->begin < sizeof head || !tool_bytes_read(bytes, box->begin, head, sizeof head))
    return;
  track->video |= tool_is_code(head + 8, "vide") || tool_is_code(head + 8, "pict");
  track->sound |= tool_is_code(head + 8, "soun");
}

/* Players go by the coding where the handler is neither a video's nor sound's. */
static void
end_track(Movie *movie, Track *track)
{
  if (track->end > 0 && (track->video || (track->pictures && !track->sound))) {
    movie->videos++;
    movie->filled += track->samples;
    if (track->samples && track->clock.timescale > 0)
      movie->shortest = MIN(movie->shortest, (double) track->clock.duration / (double) track->clock.timescale);
  }
  *track = (Track) { 0 };
}

static void
take_box(ToolBytes *bytes, const Box *box, Movie *movie, Track *track, ToolVideoTracks *out)
{
  guint64 where;
  guint length;
  if (tool_is_code(box->type, "trak") || box->at >= track->end)
    end_track(movie, track);
  if (tool_is_code(box->type, "trak"))
    track->end = box->end;
  else if (tool_is_code(box->type, "mvhd"))
    read_clock(bytes, box, &movie->movie, &movie->duration_at, &movie->duration_length);
  else if (tool_is_code(box->type, "mdhd"))
    read_clock(bytes, box, &track->clock, &where, &length);
  else if (tool_is_code(box->type, "hdlr"))
    read_handler(bytes, box, track);
  else if (tool_is_code(box->type, "stsd"))
    track->pictures |= may_have_pictures(bytes, box);
  track->samples |= has_samples(bytes, box);
  movie->fragmented |= tool_is_code(box->type, "mvex");
  out->unfinished |= tool_is_code(box->type, "cmov"); /* QuickTime's compressed index, of the nineties */
}

/* Depth first, with the ends of what it is in. */
static void
walk_movie(ToolBytes *bytes, guint64 at, guint64 end, Movie *movie, ToolVideoTracks *out)
{
  guint64 ends[12] = { end };
  guint depth = 0;
  Track track = { 0 };
  Box box;
  while (TRUE) {
    if (!next_box(bytes, &at, ends[depth], &box)) {
      if (depth == 0)
        break;
      at = ends[depth--];
      continue;
    }
    take_box(bytes, &box, movie, &track, out);
    if (!is_outer_box(&box))
      continue;
    if (depth + 1 == G_N_ELEMENTS(ends)) {
      out->unfinished = TRUE;
      continue;
    }
    ends[++depth] = box.end;
    at = box.begin;
  }
  end_track(movie, &track);
}

static void
conclude_movie(const Movie *movie, ToolVideoTracks *out)
{
  out->videos = movie->fragmented ? movie->videos : movie->filled;
  if (movie->movie.timescale == 0 || movie->movie.duration == 0)
    return;
  const double seconds = (double) movie->movie.duration / (double) movie->movie.timescale;
  /* A fifth is qtdemux's measure, taken in whole tenths. */
  if (movie->shortest < seconds / 4 && seconds < 1e9) {
    out->duration = (gint64) (seconds * 1e9);
    out->duration_at = movie->duration_at;
    out->duration_length = movie->duration_length;
  }
}

/* Any box is skipped by its length, whatever its name, as qtdemux does. A track may lie beside the movie: players take it. */
gboolean
tool_video_tracks_read_mp4(ToolBytes *bytes, ToolVideoTracks *out)
{
  Movie movie = { .shortest = G_MAXDOUBLE };
  guint64 begins = 0;
  Box box;
  for (guint64 at = 0; next_box(bytes, &at, bytes->size, &box);) {
    const gboolean is_movie = tool_is_code(box.type, "moov");
    if (tool_is_code(box.type, "ftyp") && out->known)
      begins = box.at;
    if (is_movie && out->known) {
      out->next = begins > 0 ? begins : box.at;
      break;
    }
    out->known |= is_movie;
    if (is_movie || tool_is_code(box.type, "trak"))
      walk_movie(bytes, box.at, box.end, &movie, out);
  }
  if (out->known)
    conclude_movie(&movie, out);
  return out->known;
}
