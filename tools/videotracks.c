/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a video file says is in it. GStreamer's demuxers leave out streams without a word: short tracks of MP4, tracks
 * that have another's number, all that follows where files were put one behind the other. Who has looked at what they
 * show must know what they do not. Parts are walked along and skipped by their lengths, a few levels deep, in loops;
 * each step goes forward, and the steps are counted.
 */

#include "videopayload.h"
#include "videotracks_private.h"

#include <string.h>

/* Ten hours of FLV have 2.5 million tags. */
#define MOST_STEPS 8000000

static gboolean
is_type(const guint8 *bytes, const char *type)
{
  return memcmp(bytes, type, 4) == 0;
}

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

/* ------------------------------------------------------------------ MP4 and QuickTime: ISO 14496-12 */

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
  return (is_type(box->type, "stsz") || is_type(box->type, "stz2")) && box->end - box->begin >= sizeof head &&
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
    if (is_type(type, codes[i]))
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
    if (is_type(box->type, names[i]))
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
  track->video |= is_type(head + 8, "vide") || is_type(head + 8, "pict");
  track->sound |= is_type(head + 8, "soun");
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
  if (is_type(box->type, "trak") || box->at >= track->end)
    end_track(movie, track);
  if (is_type(box->type, "trak"))
    track->end = box->end;
  else if (is_type(box->type, "mvhd"))
    read_clock(bytes, box, &movie->movie, &movie->duration_at, &movie->duration_length);
  else if (is_type(box->type, "mdhd"))
    read_clock(bytes, box, &track->clock, &where, &length);
  else if (is_type(box->type, "hdlr"))
    read_handler(bytes, box, track);
  else if (is_type(box->type, "stsd"))
    track->pictures |= may_have_pictures(bytes, box);
  track->samples |= has_samples(bytes, box);
  movie->fragmented |= is_type(box->type, "mvex");
  out->unfinished |= is_type(box->type, "cmov"); /* QuickTime's compressed index, of the nineties */
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
static gboolean
read_mp4(ToolBytes *bytes, ToolVideoTracks *out)
{
  Movie movie = { .shortest = G_MAXDOUBLE };
  guint64 begins = 0;
  Box box;
  for (guint64 at = 0; next_box(bytes, &at, bytes->size, &box);) {
    const gboolean is_movie = is_type(box.type, "moov");
    if (is_type(box.type, "ftyp") && out->known)
      begins = box.at;
    if (is_movie && out->known) {
      out->next = begins > 0 ? begins : box.at;
      break;
    }
    out->known |= is_movie;
    if (is_movie || is_type(box.type, "trak"))
      walk_movie(bytes, box.at, box.end, &movie, out);
  }
  if (out->known)
    conclude_movie(&movie, out);
  return out->known;
}

/* ------------------------------------------------------------------ Matroska and WebM: RFC 8794, RFC 9559 */

#define EBML 0x1a45dfa3
#define SEGMENT 0x18538067
#define TRACKS 0x1654ae6b
#define CLUSTER 0x1f43b675
#define TRACK_ENTRY 0xae
#define TRACK_TYPE 0x83

typedef struct {
  guint64 id, length;
  gboolean endless; /* of a length that is not known */
} Element;

/* A number whose first byte tells how many follow. @keep: the bit that tells it, as in names. */
static gboolean
read_ebml(ToolBytes *bytes, guint64 *at, guint most, gboolean keep, guint64 *value, gboolean *unknown)
{
  guint8 number[8];
  guint n = 1;
  if (!tool_bytes_read(bytes, *at, number, 1) || number[0] == 0)
    return FALSE;
  while (!(number[0] & 0x100 >> n))
    n++;
  if (n > most || !tool_bytes_read(bytes, *at, number, n))
    return FALSE;
  if (!keep)
    number[0] &= (guint8) ((0x100 >> n) - 1);
  *value = tool_big_endian(number, n);
  *unknown = *value == ((guint64) 1 << 7 * n) - 1;
  *at += n;
  return TRUE;
}

static gboolean
read_element(ToolBytes *bytes, guint64 *at, Element *out)
{
  gboolean unused;
  return read_ebml(bytes, at, 4, TRUE, &out->id, &unused) &&
         read_ebml(bytes, at, 8, FALSE, &out->length, &out->endless);
}

static gboolean
is_video_entry(ToolBytes *bytes, guint64 at, guint64 end)
{
  Element element;
  while (at < end && read_element(bytes, &at, &element) && element.length <= end - MIN(at, end)) {
    guint8 value[8];
    if (element.id == TRACK_TYPE && element.length > 0 && element.length <= sizeof value &&
        tool_bytes_read(bytes, at, value, (gsize) element.length) &&
        tool_big_endian(value, (guint) element.length) == 1)
      return TRUE;
    at += element.length;
  }
  return FALSE;
}

static gboolean
read_matroska(ToolBytes *bytes, ToolVideoTracks *out)
{
  Element element;
  guint64 at = 0, begins = 0;
  gboolean segment = FALSE;
  if (!read_element(bytes, &at, &element) || element.id != EBML)
    return FALSE;
  for (at = 0; at < bytes->size && read_element(bytes, &at, &element); begins = at) {
    if (begins > 0 && out->known && (element.id == EBML || (element.id == SEGMENT && segment))) {
      out->next = begins;
      break;
    }
    segment |= element.id == SEGMENT;
    out->known |= element.id == TRACKS;
    /* What is inside these follows; a cluster of an unknown length is skipped block by block. */
    if (element.id == SEGMENT || element.id == TRACKS || (element.id == CLUSTER && element.endless))
      continue;
    if (element.endless || at > bytes->size || element.length > bytes->size - at)
      break;
    if (element.id == TRACK_ENTRY)
      out->videos += is_video_entry(bytes, at, at + element.length);
    at += element.length;
  }
  return out->known;
}

/* ------------------------------------------------------------------ AVI */

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
    if (is_type(type, others[i]))
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
  return length >= 20 && tool_bytes_read(bytes, at + 16, coding, sizeof coding) && (is_type(coding, "DXSB") || is_type(coding, "DXSA"));
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
  if (is_type(head, "strh")) {
    const gboolean pictures = may_be_pictures(head + 8);
    streams->other = !pictures && !is_type(head + 8, "auds");
    streams->notes = is_type(head + 8, "mids");
    streams->subtitles |= is_type(head + 8, "txts");
    out->videos += pictures;
    streams->pictures = pictures;
    streams->formatted = streams->xsub = FALSE;
    streams->listed = streams->n < G_N_ELEMENTS(streams->others);
    if (streams->listed)
      streams->others[streams->n++] = streams->other;
  } else if (is_type(head, "strf")) {
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
    at += is_type(head, "LIST") ? 12 : 8 + length + length % 2;
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
    at += is_type(head, "LIST") ? 12 : 8 + length + length % 2;
  }
}

/* RIFF "AVI ", then RIFF "AVIX" again and again (OpenDML); their lengths are not asked, what is in them follows. */
static gboolean
read_avi(ToolBytes *bytes, ToolVideoTracks *out)
{
  Streams streams = { 0 };
  guint8 head[12];
  if (!tool_bytes_read(bytes, 0, head, sizeof head) || !is_type(head, "RIFF") || !is_type(head + 8, "AVI "))
    return FALSE;
  out->known = TRUE; /* avidemux wants its index first */
  for (guint64 at = 12; tool_bytes_read(bytes, at, head, sizeof head) && is_code(head);) {
    const guint64 length = tool_little_endian(head + 4, 4);
    if (is_type(head, "RIFF") && is_type(head + 8, "AVI ")) {
      out->next = at;
      break;
    }
    if (is_type(head, "RIFF") || (is_type(head, "LIST") && length < 4)) {
      at += 12;
      continue;
    }
    const guint64 end = MIN(at + 8 + length, bytes->size);
    take_avi_chunk(bytes, head, at, &streams, out);
    count_avi_picture(head, out);
    if (is_type(head, "LIST") && is_type(head + 8, "movi"))
      read_avi_movie(bytes, at + 12, end, &streams, out);
    else if (is_type(head, "LIST")) /* players find streams in any */
      read_avi_streams(bytes, at + 12, end, &streams, out);
    at += 8 + length + length % 2;
  }
  return TRUE;
}

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
  if (!tool_bytes_read(bytes, 0, head, 12) || !is_type(head, "DKIF"))
    return FALSE;
  out->known = TRUE;
  out->videos = 1;
  for (guint64 at = MAX(tool_little_endian(head + 6, 2), 32); tool_bytes_read(bytes, at, head, 12);) {
    if (is_type(head, "DKIF")) {
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
  for (guint64 at = 0; tool_bytes_read(bytes, at, head, sizeof head) && is_type(head, "OggS");) {
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
  { { "video/x-matroska", "audio/x-matroska", "video/webm", "audio/webm", "video/x-matroska-3d" }, read_matroska },
  { { "video/x-msvideo" }, read_avi },
  { { "video/x-ms-asf" }, read_asf },
  { { "video/x-flv" }, read_flv },
  { { "video/x-ivf" }, read_ivf },
  { { "application/mxf" }, read_mxf },
  { { "video/quicktime", "audio/x-m4a", "application/x-3gp", "video/mj2" }, read_mp4 },
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
