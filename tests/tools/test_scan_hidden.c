/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac scan on videos that GStreamer's demuxers leave out without a word: each is scanned, or the file is not whole and
 * says what is missing and how it can be had. What is in common files beside a video is no such thing. */

#include "scans.h"

#include "tools/bytesource.h"
#include "tools/videopayload.h"
#include "tools/videotracks.h"

#include <glib/gstdio.h>
#include <gst/gst.h>
#include <string.h>

static char *folder, *model;
static char *tame, *wild; /* clips of one stream, of 500 and 75 frames; wild's farthest sample is farther than tame's */
static double bound;      /* between these */

#define COMMON "scan", "--model", model, "--precision", "fp32"
#define CAPS "video/x-raw,format=I420,width=64,height=48,framerate=25/1"
#define FAR "--bound=100"
#define ANY G_MAXUINT

static char *
in_folder(const char *name)
{
  return g_build_filename(folder, name, NULL);
}

static double
peak(const char *path)
{
  Run run = { 0 };
  run_hysac(&run, COMMON, "--json", path, NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  const double most = json_number(run.lines[run.n_lines - 2], "peak_distance");
  run_clear(&run);
  return most;
}

/* Scans @path with a bound that nothing is beyond. @error: NULL or something of it. */
static void
expect_scan(const char *path, const char *verdict, const char *status, const char *error, guint streams, guint frames)
{
  Run run = { 0 };
  g_autofree char *name = g_path_get_basename(path);
  run_hysac(&run, COMMON, FAR, "--json", path, NULL);
  expect_file(&run, name, verdict, status, error);
  assert_int_equal(run.code, error ? 1 : 0);
  const char *line = line_of(&run, "file", name);
  if (json_number(line, "video_streams") != streams || (frames != ANY && json_number(line, "frames") != frames))
    fail_msg("%s: not %u streams, %u frames: %s", name, streams, frames, line);
  run_clear(&run);
}

/* qtdemux takes a track that is shorter than a fifth of the movie for a preview. */
static void
a_short_track_is_scanned(void **state)
{
  static const char *const names[] = { "hide.mp4", "hide.mov" };
  g_autofree char *with_bound = bound_option(bound);
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    Run run = { 0 };
    g_autofree char *path = in_folder(names[i]), *out = in_folder("out"), *fresh = in_folder("fresh");
    make_both(path, tame, wild);
    expect_scan(path, "safe", "complete", NULL, 2, 575);
    run_hysac(&run, COMMON, with_bound, "--json", "--fail-on-unsafe", path, NULL);
    assert_int_equal(run.code, 3);
    expect_file(&run, names[i], "unsafe", "complete", NULL);
    assert_true(json_number(line_of(&run, "file", names[i]), "peak_stream") == 2);
    /* It stays so where all of it was done before. */
    run_hysac(&run, COMMON, with_bound, "--out", out, path, NULL);
    run_hysac(&run, COMMON, with_bound, "--out", out, "--fail-on-unsafe", path, NULL);
    assert_int_equal(run.code, 3);
    run_hysac(&run, COMMON, with_bound, "--out", fresh, path, NULL);
    expect_same(out, fresh);
    remove_folder(g_steal_pointer(&out));
    remove_folder(g_steal_pointer(&fresh));
    /* One that is cut short is so all the same. */
    g_autofree char *cut = g_strconcat(path, "-cut.mp4", NULL);
    make_truncated(path, cut, 0.9);
    run_hysac(&run, COMMON, FAR, "--json", cut, NULL);
    assert_int_equal(run.code, 1);
    expect_file(&run, "-cut.mp4", "failed", "partial", "");
    run_clear(&run);
  }
}

/* tsdemux shows one program. */
static void
each_program_is_scanned(void **state)
{
  g_autofree char *path = in_folder("programs.ts"), *shared = in_folder("shared.ts"), *with_bound = bound_option(bound);
  Run run = { 0 };
  run_pipeline("mpegtsmux name=m prog-map=\"program_map,sink_65=1,sink_66=2\" ! filesink location=\"%s\" "
               "filesrc location=\"%s\" ! qtdemux ! h264parse ! queue ! m.sink_65 "
               "filesrc location=\"%s\" ! qtdemux ! h264parse ! queue ! m.sink_66",
               path, tame, wild);
  expect_scan(path, "safe", "complete", NULL, 2, 575);
  run_hysac(&run, COMMON, with_bound, "--json", "--fail-on-unsafe", path, NULL);
  assert_int_equal(run.code, 3);
  expect_file(&run, "programs.ts", "unsafe", "complete", NULL);
  /* Of one program. */
  run_pipeline("mpegtsmux name=m ! filesink location=\"%s\" "
               "filesrc location=\"%s\" ! qtdemux ! h264parse ! queue ! m. "
               "filesrc location=\"%s\" ! qtdemux ! h264parse ! queue ! m.",
               shared, tame, wild);
  expect_scan(shared, "safe", "complete", NULL, 2, 575);
  run_clear(&run);
}

static gboolean
has_element(const char *name)
{
  g_autoptr(GstElementFactory) factory = gst_element_factory_find(name);
  return factory != NULL;
}

/* Of files put one behind the other the demuxers read the first, of some kinds. */
static void
what_lies_behind_a_file_is_told(void **state)
{
  static const struct {
    const char *ending, *how;
  } kinds[] = {
    { "mp4", "x264enc ! h264parse ! mp4mux" },
    { "frag.mp4", "x264enc tune=zerolatency key-int-max=10 ! h264parse ! mp4mux fragment-duration=400" },
    { "mkv", "x264enc ! h264parse ! matroskamux" },
    { "live.mkv", "x264enc ! h264parse ! matroskamux streamable=true" },
    { "avi", "jpegenc ! avimux" },
    { "flv", "x264enc ! h264parse ! flvmux" },
    { "ivf", "vp8enc deadline=1 ! avmux_ivf" },
    { "wmv", "avenc_wmv2 ! asfmux" },
    { "ts", "x264enc ! h264parse ! mpegtsmux" },
  };
  guint made = 0;
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
    g_autofree char *a = g_strconcat(folder, "/a.", kinds[i].ending, NULL), *b = g_strconcat(folder, "/b.", kinds[i].ending, NULL);
    g_autofree char *chain = g_strconcat(folder, "/chain.", kinds[i].ending, NULL);
    g_auto(GStrv) words = g_strsplit(kinds[i].how, " ! ", -1);
    g_auto(GStrv) muxer = g_strsplit(words[g_strv_length(words) - 1], " ", 2);
    if (!has_element(muxer[0])) {
      print_message("# no %s\n", muxer[0]);
      continue;
    }
    made++;
    run_pipeline("videotestsrc num-buffers=30 ! " CAPS " ! %s ! filesink location=\"%s\"", kinds[i].how, a);
    run_pipeline("videotestsrc pattern=ball num-buffers=40 ! " CAPS " ! %s ! filesink location=\"%s\"", kinds[i].how, b);
    make_chain(chain, a, b);
    expect_scan(a, "safe", "complete", NULL, 1, 30);
    if (g_str_equal(kinds[i].ending, "ts")) { /* that is read on */
      expect_scan(chain, "safe", "complete", NULL, 1, 70);
      continue;
    }
    GStatBuf st;
    assert_int_equal(g_stat(a, &st), 0);
    g_autofree char *told = g_strdup_printf("another file begins inside it, which was not looked at: take it out and scan "
                                            "that (tail -c +%" G_GUINT64_FORMAT " FILE > OTHER)",
                                            (guint64) st.st_size + 1);
    /* How much of it a demuxer takes for the first one's is its own affair. */
    expect_scan(chain, "failed", "partial", told, 1, ANY);
  }
  assert_true(made >= 6);
}

/* The bytes @from, behind the @nth mark @mark in the file, changed to @to. Muxers write random numbers: two bytes are no mark. */
static void
change(const char *name, const char *mark, gsize n_mark, guint nth, gssize behind, const char *to, gsize n_to)
{
  gsize size;
  g_autofree char *data = read_file(folder, name, &size);
  char *at = data;
  for (guint i = 0; at != NULL && i < nth; i++)
    at = memmem(at + (i > 0), size - (gsize) (at + (i > 0) - data), mark, n_mark);
  assert_non_null(at);
  memcpy(at + (gssize) n_mark + behind, to, n_to);
  write_file(folder, name, data, (gssize) size);
}

/* Tracks that share a number: the demuxers show one of them. */
static void
tracks_that_are_not_shown_are_told(void **state)
{
  static const char told[] = "it states 2 video stream(s), of which GStreamer shows 1: take each out and scan that (ffmpeg";
  static const char *const codings[] = { "m2v1", "hdv3", "xd5b", "dvcp", "FFV1", "MJPG", "AVC1", "hEv1", "none" };
  static const char *const words[] = { "tx3g", "gpmd", "mebx" };
  static const char *const more_words[] = { "dfxp", "evte", "stpp", "sbtl", "mlix", "ixse", "oksd", "svcM", "it35", "STGS", "lsr1" };
  g_autofree char *mp4 = in_folder("number.mp4"), *mkv = in_folder("number.mkv"), *kind = in_folder("kind.mp4");
  make_both(mp4, tame, wild);
  make_both(kind, tame, wild);
  make_both(mkv, tame, wild);
  change("number.mp4", "tkhd", 4, 2, 12, "\0\0\0\1", 4);
  expect_scan(mp4, "failed", "partial", told, 1, 500);
  change("kind.mp4", "hdlr\0\0\0\0\0\0\0\0vide", 16, 2, -4, "pict", 4);
  expect_scan(kind, "failed", "partial", told, 1, 500);
  change("kind.mp4", "hdlr\0\0\0\0\0\0\0\0pict", 16, 1, -4, "text", 4); /* players go by the coding */
  expect_scan(kind, "failed", "partial", told, 1, 500);
  for (guint i = 0; i < G_N_ELEMENTS(codings); i++) {
    change("kind.mp4", "stsd\0\0\0\0\0\0\0\1", 12, 2, 4, codings[i], 4);
    expect_scan(kind, "failed", "partial", told, 1, 500);
  }
  for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
    change("kind.mp4", "stsd\0\0\0\0\0\0\0\1", 12, 2, 4, words[i], 4);
    expect_scan(kind, "safe", "complete", NULL, 1, 500);
  }
  for (guint i = 0; i < G_N_ELEMENTS(more_words); i++) {
    ToolVideoTracks tracks;
    change("kind.mp4", "stsd\0\0\0\0\0\0\0\1", 12, 2, 4, more_words[i], 4);
    tool_video_tracks_read(kind, &tracks);
    if (tracks.videos != 1)
      fail_msg("%s: %u", more_words[i], tracks.videos);
  }
  change("number.mkv", "\xd7\x81\2\x83\x81\1", 6, 1, -4, "\1", 1);
  expect_scan(mkv, "failed", "partial", told, 1, 500);
}

/* ISO 13818-1, annex A. */
static guint32
checksum(const guint8 *bytes, gsize n)
{
  guint32 crc = G_MAXUINT32;
  for (gsize i = 0; i < 8 * n; i++)
    crc = crc << 1 ^ ((crc >> 31 ^ (bytes[i / 8] >> (7 - i % 8) & 1)) ? 0x04c11db7u : 0);
  return crc;
}

typedef struct {
  guint8 was, type, id; /* the type of stream, its new one; of its packets (Table 2-22), 0: as it is */
  guint8 damaged, scrambled;
} Disguise;

/* The program's table calls its @nth stream of that type another one. Returns its PID, 0 where it is not in this packet. */
static guint
disguise_table(guint8 *packet, const Disguise *how, guint nth)
{
  guint8 *section = packet + (packet[3] & 0x20 ? 5 + packet[4] : 4) + 1;
  guint pid = 0;
  if (!(packet[1] & 0x40) || !(packet[3] & 0x10) || section + 20 > packet + 188 || section[-1] != 0 || section[0] != 2)
    return 0;
  const gsize n = 3 + (gsize) ((section[1] & 0xf) << 8 | section[2]);
  if (n < 16 || section + n > packet + 188)
    return 0;
  guint8 *entry = section + 12 + ((section[10] & 0xf) << 8 | section[11]), *end = section + n - 4;
  for (guint found = 0; entry + 5 <= end; entry += 5 + ((entry[3] & 0xf) << 8 | entry[4])) {
    if (entry[0] == how->was && ++found == nth) {
      pid = (guint) tool_big_endian(entry + 1, 2) & 0x1fff;
      entry[0] = how->type;
    }
  }
  const guint32 crc = GUINT32_TO_BE(checksum(section, n - 4));
  memcpy(end, &crc, 4);
  return pid;
}

static void
disguise(const char *from, const char *to, const Disguise *how, guint nth)
{
  gsize size;
  guint pid = 0;
  g_autofree char *data = read_file(folder, from, &size);
  for (gsize at = 0; at + 188 <= size; at += 188)
    pid |= disguise_table((guint8 *) data + at, how, nth);
  if (pid == 0)
    fail_msg("%s: no stream of type %u", from, how->was);
  for (gsize at = 0; at + 188 <= size; at += 188) {
    guint8 *p = (guint8 *) data + at, *head = p + (p[3] & 0x20 ? 5 + p[4] : 4);
    if ((tool_big_endian(p + 1, 2) & 0x1fff) != pid)
      continue;
    if (how->id != 0 && p[1] & 0x40 && head + 4 <= p + 188 && tool_big_endian(head, 3) == 1)
      head[3] = how->id;
    p[1] |= how->damaged;
    p[3] |= how->scrambled;
  }
  write_file(folder, to, data, (gssize) size);
}

/* The program's second video gets another type of stream: GStreamer leaves it out, players look what is in it. */
static void
what_a_program_calls_its_video_is_nothing(void **state)
{
  static const Disguise hidden[] = {
    { 0x1b, 0x06, 0, 0, 0 },    { 0x1b, 0x06, 0xbd, 0, 0 }, { 0x1b, 0x06, 0xfd, 0, 0 },    { 0x1b, 0x05, 0xc0, 0, 0 },    { 0x1b, 0x99, 0xbd, 0, 0 },
    { 0x1b, 0x0f, 0xc0, 0, 0 }, { 0x1b, 0x04, 0xc0, 0, 0 }, { 0x1b, 0x06, 0xbd, 0x80, 0 }, { 0x1b, 0x06, 0xbd, 0, 0x80 },
  };
  static const Disguise sound = { 0x0f, 0x06, 0xbd, 0, 0 };
  g_autofree char *ts = in_folder("type.ts"), *both = in_folder("types.ts"), *heard = in_folder("heard.ts");
  run_pipeline("mpegtsmux name=m ! filesink location=\"%s\" filesrc location=\"%s\" ! qtdemux ! h264parse ! queue ! m. "
               "filesrc location=\"%s\" ! qtdemux ! h264parse ! queue ! m.", both, tame, wild);
  for (guint i = 0; i < G_N_ELEMENTS(hidden); i++) {
    disguise("types.ts", "type.ts", &hidden[i], 2);
    expect_scan(ts, "failed", "partial", "it states 2 video stream(s), of which GStreamer shows 1", 1, 500);
  }
  if (!has_element("avenc_aac"))
    return;
  run_pipeline("mpegtsmux name=m ! filesink location=\"%s\" filesrc location=\"%s\" ! qtdemux ! h264parse ! queue ! m. "
               "audiotestsrc wave=white-noise num-buffers=125 ! avenc_aac ! aacparse ! queue ! m.", both, wild);
  expect_scan(both, "safe", "complete", NULL, 1, 75);
  disguise("types.ts", "heard.ts", &sound, 1);
  expect_scan(heard, "safe", "complete", NULL, 1, 75);
}

/* What each coding's three parts look like, in sound that is none; and two of them, which are nothing. */
static void
what_is_in_packets_tells_a_video(void **state)
{
  static const char *const parts[][3] = {
    { "\0\0\1\x67\x42", "\0\0\1\x68\xce", "\0\0\1\x65\x88" }, /* H.264 */
    { "\0\0\1\x42\1", "\0\0\1\x44\1", "\0\0\1\x26\1" },       /* H.265 */
    { "\0\0\1\0\x79", "\0\0\1\0\x81", "\0\0\1\0\x39" },       /* H.266 */
    { "\0\0\1\xb3\x10", "\0\0\1\0\0", "\0\0\1\xaf\x10" },     /* MPEG-2 */
    { "\0\0\1\0\0", "\0\0\1\x20\0", "\0\0\1\xb6\x10" },       /* MPEG-4 */
    { "\0\0\1\x0f\xc0", "\0\0\1\x0e\x5c", "\0\0\1\x0d\xc0" }, /* VC-1 */
  };
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
    for (guint without = 0; without <= 3; without++) {
      ToolPayload payload = { 0 };
      gboolean is = FALSE;
      for (guint k = 0; k < 3; k++) {
        for (guint n = 0; n < 5 && k != without; n++) /* wherever packets end */
          is = tool_payload_take(&payload, (const guint8 *) parts[i][k] + n, 1);
      }
      if (is != (without == 3))
        fail_msg("coding %u, without %u", i, without);
    }
  }
}

static void
add(GByteArray *to, const char *bytes, gsize n)
{
  g_byte_array_append(to, (const guint8 *) bytes, (guint) n);
}

/* @bytes in front of what is in the file at @at, as another file. */
static void
insert(const char *name, const char *to, gsize at, const char *bytes, gsize n)
{
  gsize size;
  g_autofree char *data = read_file(folder, name, &size);
  g_autoptr(GByteArray) all = g_byte_array_new();
  assert_true(at <= size);
  add(all, data, at);
  add(all, bytes, n);
  add(all, data + at, size - at);
  write_file(folder, to, all->data, all->len);
}

/* qtdemux skips what it does not know, and typefind takes more boxes for the first one than one would think. */
static void
odd_boxes_hide_nothing(void **state)
{
  static const char told[] = "it states 2 video stream(s), of which GStreamer shows 1";
  static const char *const first[] = { "PICT", "prfl", "pnot" };
  g_autofree char *path = in_folder("boxes.mp4"), *odd = in_folder("odd.mp4"), *tagged = in_folder("tagged.mp4"), *data = NULL;
  gsize size;
  run_pipeline("mp4mux name=m ! filesink location=\"%s\" filesrc location=\"%s\" ! qtdemux ! queue ! m.video_0 "
               "filesrc location=\"%s\" ! qtdemux ! queue ! m.video_1", path, tame, wild);
  change("boxes.mp4", "tkhd", 4, 2, 12, "\0\0\0\1", 4);
  expect_scan(path, "failed", "partial", told, 1, 500);
  data = read_file(folder, "boxes.mp4", &size);
  const char *moov = memmem(data, size, "moov", 4);
  assert_non_null(moov);
  insert("boxes.mp4", "odd.mp4", (gsize) (moov - 4 - data), "\0\0\0\x0c\1\xff\2\3none", 12);
  expect_scan(odd, "failed", "partial", told, 1, 500);
  /* In a tag of music: what is inside is not looked through, and that is told. */
  insert("boxes.mp4", "tagged.mp4", 0, "ID3\4\0\0\0\0\0\x0aTIT2\0\0\0\0\0\0", 20);
  expect_scan(tagged, "failed", "partial", "no index of that was found in it", 1, 500);
  for (guint i = 0; i < G_N_ELEMENTS(first); i++) {
    insert("boxes.mp4", "odd.mp4", 0, "", 0);
    change("odd.mp4", "ftyp", 4, 1, -4, first[i], 4);
    expect_scan(odd, "failed", "partial", told, 1, 500);
  }
}

/* Players take a track that lies behind the movie. */
static void
a_track_beside_the_movie_is_told(void **state)
{
  g_autofree char *path = in_folder("beside.mp4"), *data = NULL;
  gsize size;
  run_pipeline("mp4mux name=m ! filesink location=\"%s\" filesrc location=\"%s\" ! qtdemux ! queue ! m.video_0 "
               "filesrc location=\"%s\" ! qtdemux ! queue ! m.video_1", path, tame, wild);
  data = read_file(folder, "beside.mp4", &size);
  guint8 *movie = memmem(data, size, "moov", 4), *last = NULL;
  assert_non_null(movie);
  movie -= 4;
  const gsize n = (gsize) tool_big_endian(movie, 4);
  assert_true(movie + n <= (guint8 *) data + size);
  for (gsize at = 8; at + 8 <= n; at += (gsize) tool_big_endian(movie + at, 4)) {
    assert_true(tool_big_endian(movie + at, 4) >= 8);
    if (memcmp(movie + at + 4, "trak", 4) == 0)
      last = movie + at;
  }
  assert_true(last != NULL && last + tool_big_endian(last, 4) <= movie + n);
  /* What follows the track goes in front of it. */
  const gsize track = (gsize) tool_big_endian(last, 4), rest = (gsize) (movie + n - last) - track;
  g_autofree guint8 *kept = g_memdup2(last, track);
  memmove(last, last + track, rest);
  memcpy(last + rest, kept, track);
  const guint32 length = GUINT32_TO_BE((guint32) (n - track));
  memcpy(movie, &length, 4);
  write_file(folder, "beside.mp4", data, (gssize) size);
  expect_scan(path, "failed", "partial", "it states 2 video stream(s), of which GStreamer shows 1", 1, 500);
}

/* tsdemux finds the first packet wherever it is, and goes on behind one that begins wrongly. */
static void
packets_are_found_where_gstreamer_finds_them(void **state)
{
  ToolVideoTracks tracks;
  g_autofree char *path = in_folder("packets.ts"), *junk = in_folder("junk.ts"), *bad = in_folder("bad.ts");
  g_autofree char *nothing = g_malloc0(6000), *data = NULL;
  gsize size;
  run_pipeline("mpegtsmux name=m prog-map=\"program_map,sink_65=1,sink_66=2\" ! filesink location=\"%s\" "
               "filesrc location=\"%s\" ! qtdemux ! h264parse ! queue ! m.sink_65 "
               "filesrc location=\"%s\" ! qtdemux ! h264parse ! queue ! m.sink_66",
               path, tame, wild);
  insert("packets.ts", "junk.ts", 0, nothing, 6000);
  expect_scan(junk, "safe", "complete", NULL, 2, 575);
  /* Each packet of a video that follows a table begins wrongly. */
  data = read_file(folder, "packets.ts", &size);
  for (gsize at = 188; at + 188 <= size; at += 188) {
    const guint before = (guint) tool_big_endian((const guint8 *) data + at - 187, 2) & 0x1fff;
    const guint pid = (guint) tool_big_endian((const guint8 *) data + at + 1, 2) & 0x1fff;
    if (before < 0x40 && pid >= 0x40)
      data[at] = 'X';
  }
  write_file(folder, "bad.ts", data, (gssize) size);
  tool_video_tracks_read(bad, &tracks);
  assert_true(tracks.known && tracks.videos == 2 && tracks.n_programs == 2);
  /* Further in than is looked. */
  g_autofree char *much = g_malloc0(70000);
  insert("packets.ts", "junk.ts", 0, much, 70000);
  tool_video_tracks_read(junk, &tracks);
  assert_true(!tracks.known && tracks.videos == 0);
}

/* The first @n bytes of the file. */
static void
expect_cut(const char *name, gsize n)
{
  gsize size;
  g_autofree char *data = read_file(folder, name, &size), *to = g_strconcat("cut-", name, NULL), *path = in_folder(to);
  assert_true(n < size);
  write_file(folder, to, data, (gssize) n);
  expect_scan(path, "failed", "partial", "cut short: the file ends inside its last part", 1, ANY);
}

/* IVF has a number of frames, and each its length; Ogg pages, of which the last of each stream says so. */
static void
cut_ends_are_told(void **state)
{
  g_autofree char *ivf = in_folder("end.ivf"), *ogg = in_folder("end.ogv"), *data = NULL, *pages = NULL;
  gsize size, at = 32, page = 0;
  run_pipeline("videotestsrc num-buffers=40 ! " CAPS " ! theoraenc ! oggmux max-page-delay=200000000 ! filesink location=\"%s\"", ogg);
  expect_scan(ogg, "safe", "complete", NULL, 1, 40);
  pages = read_file(folder, "end.ogv", &size);
  for (char *next = pages; (next = memmem(next + 1, size - (gsize) (next + 1 - pages), "OggS", 4)) != NULL;)
    page = (gsize) (next - pages);
  expect_cut("end.ogv", page);      /* between pages */
  expect_cut("end.ogv", page + 10); /* in the head of one */
  expect_cut("end.ogv", size - 1);
  if (!has_element("avmux_ivf"))
    return;
  run_pipeline("videotestsrc num-buffers=40 ! " CAPS " ! vp8enc deadline=1 ! avmux_ivf ! filesink location=\"%s\"", ivf);
  data = read_file(folder, "end.ivf", &size);
  memcpy(data + 24, "\x28\0\0\0", 4); /* 40 */
  write_file(folder, "end.ivf", data, (gssize) size);
  expect_scan(ivf, "safe", "complete", NULL, 1, 40);
  for (guint i = 0; i < 30; i++)
    at += 12 + (gsize) tool_little_endian((const guint8 *) data + at, 4);
  expect_cut("end.ivf", at);     /* between frames */
  expect_cut("end.ivf", at + 7); /* in the head of one */
  expect_cut("end.ivf", at + 20);
  /* The first frame's time is no part of the length: with half of the frames the last one's is at 40 here. */
  gsize half = 0, all = 32;
  for (guint i = 0; i < 40; i++) {
    guint8 *time = (guint8 *) data + all + 4;
    memset(time, 0, 8);
    time[0] = (guint8) (20 + i);
    half = i == 20 ? all : half;
    at = all;
    all += 12 + (gsize) tool_little_endian((const guint8 *) data + all, 4);
  }
  write_file(folder, "end.ivf", data, (gssize) size);
  expect_scan(ivf, "safe", "complete", NULL, 1, ANY);
  expect_cut("end.ivf", half);
  expect_cut("end.ivf", at); /* of the last frame nothing */
}

/* What a file:// address names is a file as any other. */
static void
addresses_of_files_are_looked_at(void **state)
{
  g_autofree char *odd = in_folder("an address.mp4"), *cut = in_folder("cut.avi"), *whole = in_folder("whole.avi");
  g_autofree char *odd_uri = g_filename_to_uri(odd, NULL, NULL), *cut_uri = g_filename_to_uri(cut, NULL, NULL);
  make_both(odd, tame, wild);
  change("an address.mp4", "tkhd", 4, 2, 12, "\0\0\0\1", 4);
  make_other(whole, 75);
  make_truncated(whole, cut, 0.6003);
  expect_scan(odd_uri, "failed", "partial", "it states 2 video stream(s), of which GStreamer shows 1", 1, 500);
  expect_scan(cut_uri, "failed", "partial", "cut short", 1, ANY);
  if (!has_element("pushfilesrc"))
    return;
  /* Of others there is no file that could be looked at. */
  g_autofree char *stream = g_strconcat("pushfile://", tame, NULL);
  expect_scan(stream, "safe", "complete", NULL, 1, 500);
}

/* In a folder such a file is not one without a video. */
static void
a_folder_does_not_pass_over_them(void **state)
{
  Run run = { 0 };
  g_autofree char *all = in_folder("all"), *only = g_build_filename(all, "only.mka", NULL);
  g_autofree char *odd = g_build_filename(all, "odd.bin", NULL), *sound = g_build_filename(all, "sound.mka", NULL);
  assert_int_equal(g_mkdir(all, 0700), 0);
  run_pipeline("matroskamux name=m ! filesink location=\"%s\" "
               "audiotestsrc num-buffers=100 ! vorbisenc ! queue ! m.audio_0 "
               "videotestsrc num-buffers=50 ! " CAPS " ! x264enc ! h264parse ! queue ! m.video_0", only);
  run_pipeline("videotestsrc num-buffers=50 ! " CAPS " ! x264enc ! h264parse ! matroskamux ! filesink location=\"%s\"", odd);
  run_pipeline("audiotestsrc num-buffers=100 ! vorbisenc ! matroskamux ! filesink location=\"%s\"", sound);
  write_file(all, "page.html", "<!DOCTYPE html>\n<html><head><title>a page</title></head><body>text</body></html>\n", -1);
  write_file(all, "words.vtt", "WEBVTT\n\n00:00.000 --> 00:01.000\nwords\n", -1);
  change("all/only.mka", "\xd7\x81\2\x83\x81\1", 6, 1, -4, "\1", 1);
  change("all/odd.bin", "V_MPEG4/ISO/AVC", 15, 1, -15, "V_NOBODY/KNOWS\0", 15);
  run_hysac(&run, COMMON, FAR, "--json", all, NULL);
  assert_int_equal(run.code, 1);
  expect_file(&run, "only.mka", "failed", "failed", "it states 1 video stream(s), of which GStreamer shows 0");
  expect_file(&run, "odd.bin", "failed", "failed", "");
  expect_file(&run, "sound.mka", "none", "no-video", "");
  expect_file(&run, "page.html", "none", "no-video", "no video: this is text/html");
  expect_file(&run, "words.vtt", "none", "no-video", "no video: this is application/x-subtitle-vtt");
  run_clear(&run);
}

/* What a picture's name says is no reason not to look. */
static void
a_picture_s_name_makes_no_picture(void **state)
{
  static const char *const names[] = { "holiday.jpg", "a.gif", "b.PNG", "c.ico", "d.svgz", "e.TIFF" };
  Run run = { 0 };
  gsize n, n_video;
  g_autofree char *all = in_folder("names"), *with_bound = bound_option(bound), *video = read_file(folder, "wild.mp4", &n_video);
  g_autofree char *from = data_path("reference/small/images"), *data = read_file(from, "0-320x240.png", &n);
  assert_int_equal(g_mkdir(all, 0700), 0);
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    write_file(all, names[i], video, (gssize) n_video);
  write_file(all, "true.png", data, (gssize) n);
  /* One that begins as a picture of Windows does, by the length of its first box. */
  g_autoptr(GByteArray) odd = g_byte_array_new();
  g_autofree char *nothing = g_malloc0(256);
  add(odd, "\0\0\1\0free", 8);
  add(odd, nothing, 248);
  add(odd, video, n_video);
  write_file(all, "odd.ico", odd->data, odd->len);
  run_hysac(&run, COMMON, with_bound, "--json", "--fail-on-unsafe", all, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    expect_file(&run, names[i], "unsafe", "complete", NULL);
  expect_file(&run, "true.png", "none", "no-video", "a picture");
  g_autofree char *verdict = json_text(line_of(&run, "file", "odd.ico"), "verdict");
  assert_string_not_equal(verdict, "none");
  run_clear(&run);
}

/* ------------------------------------------------------------------ the reader alone */

static void
add_riff(GByteArray *to, const char *type, guint32 unused)
{
  const guint32 length = GUINT32_TO_LE(4 + 8 + unused + unused % 2);
  const guint32 inner = GUINT32_TO_LE(unused);
  g_autofree char *nothing = g_malloc0(unused + 1);
  add(to, "RIFF", 4);
  add(to, (const char *) &length, 4);
  add(to, type, 4);
  add(to, "JUNK", 4);
  add(to, (const char *) &inner, 4);
  add(to, nothing, unused + unused % 2);
}

/* OpenDML: a long AVI is of several parts, which avidemux reads. */
static void
parts_of_an_avi_are_one_file(void **state)
{
  ToolVideoTracks tracks;
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  g_autofree char *path = in_folder("parts.avi");
  add_riff(bytes, "AVI ", 5);
  add_riff(bytes, "AVIX", 100);
  add_riff(bytes, "AVIX", 7);
  write_file(folder, "parts.avi", bytes->data, bytes->len);
  tool_video_tracks_read(path, &tracks);
  assert_true(tracks.known && tracks.next == 0 && !tracks.unfinished);
  const guint whole = bytes->len;
  add_riff(bytes, "AVI ", 7);
  write_file(folder, "parts.avi", bytes->data, bytes->len);
  tool_video_tracks_read(path, &tracks);
  assert_true(tracks.known && tracks.next == whole);
}

/* avidemux shows what the index names, players what is there. */
static void
an_index_that_leaves_pictures_out_is_told(void **state)
{
  g_autofree char *path = in_folder("index.avi"), *data = NULL;
  gsize size;
  run_pipeline("videotestsrc num-buffers=30 ! " CAPS " ! jpegenc ! avimux ! filesink location=\"%s\"", path);
  expect_scan(path, "safe", "complete", NULL, 1, 30);
  data = read_file(folder, "index.avi", &size);
  char *index = data, *next;
  while ((next = memmem(index + 4, size - (gsize) (index + 4 - data), "idx1", 4)) != NULL)
    index = next;
  assert_memory_equal(index, "idx1", 4);
  const guint32 one = GUINT32_TO_LE(16), whole = GUINT32_TO_LE((guint32) (index - data) + 24 - 8);
  memcpy(index + 4, &one, 4);
  memcpy(data + 4, &whole, 4);
  write_file(folder, "index.avi", data, index - data + 24);
  expect_scan(path, "failed", "partial", "30 pictures are in it, of which its index shows GStreamer 1", 1, 1);
}

/* An element of EBML, RFC 8794: its name, its length, what is in it. */
static void
add_element(GByteArray *to, guint32 name, const void *bytes, gsize n)
{
  guint8 head[8];
  guint k = 0;
  for (guint i = 0; i < 4; i++) {
    if (name >> (24 - 8 * i) != 0)
      head[k++] = (guint8) (name >> (24 - 8 * i));
  }
  head[k++] = 0x10 | (guint8) (n >> 24);
  for (guint i = 0; i < 3; i++)
    head[k++] = (guint8) (n >> (16 - 8 * i));
  add(to, (const char *) head, k);
  add(to, bytes, n);
}

static void
add_inner(GByteArray *to, guint32 name, GByteArray *inner)
{
  add_element(to, name, inner->data, inner->len);
  g_byte_array_set_size(inner, 0);
}

/* A WebM of the frames of an IVF of VP8, 40 ms each, that are their own alpha too. */
static void
make_alpha(const char *to, const char *from)
{
  gsize size, at = 32;
  g_autofree char *data = read_file(folder, from, &size);
  g_autoptr(GByteArray) file = g_byte_array_new(), segment = g_byte_array_new(), a = g_byte_array_new(), b = g_byte_array_new();
  g_autoptr(GByteArray) cluster = g_byte_array_new();
  add_element(a, 0x4282, "webm", 4);
  add_inner(file, 0x1a45dfa3, a);
  add_element(a, 0xb0, "\x40", 1);
  add_element(a, 0xba, "\x30", 1);
  add_element(a, 0x53c0, "\1", 1); /* alpha */
  add_element(b, 0xd7, "\1", 1);
  add_element(b, 0x73c5, "\1", 1);
  add_element(b, 0x83, "\1", 1);
  add_element(b, 0x86, "V_VP8", 5);
  add_element(b, 0x55ee, "\1", 1); /* MaxBlockAdditionID */
  add_inner(b, 0xe0, a);
  add_inner(a, 0xae, b);
  add_inner(segment, 0x1654ae6b, a);
  add_element(cluster, 0xe7, "\0", 1);
  for (guint i = 0; at + 12 <= size; i++) {
    const guint32 length = (guint32) tool_little_endian((const guint8 *) data + at, 4);
    const guint8 head[] = { 0x81, (guint8) (40 * i >> 8), (guint8) (40 * i), 0 };
    add(a, (const char *) head, sizeof head);
    add(a, data + at + 12, length);
    add_inner(b, 0xa1, a);
    add_element(a, 0xee, "\1", 1);
    add_element(a, 0xa5, data + at + 12, length);
    g_autoptr(GByteArray) additions = g_byte_array_new();
    add_inner(additions, 0xa6, a);
    add_inner(b, 0x75a1, additions);
    add_element(b, 0x9b, "\x28", 1);
    if (i > 0)
      add_element(b, 0xfb, "\xd8", 1); /* 40 ms before */
    add_inner(cluster, 0xa0, b);
    at += 12 + length;
  }
  add_inner(segment, 0x1f43b675, cluster);
  add_inner(file, 0x18538067, segment);
  write_file(folder, to, file->data, file->len);
}

/* Their decoders say that they make anything. */
static void
a_video_with_alpha_is_scanned(void **state)
{
  g_autofree char *ivf = in_folder("alpha.ivf"), *webm = in_folder("alpha.webm");
  if (!has_element("avmux_ivf") || !has_element("vp8alphadecodebin")) {
    print_message("# no avmux_ivf or vp8alphadecodebin\n");
    return;
  }
  run_pipeline("videotestsrc num-buffers=20 ! " CAPS " ! vp8enc deadline=1 ! avmux_ivf ! filesink location=\"%s\"", ivf);
  make_alpha("alpha.webm", "alpha.ivf");
  expect_scan(webm, "safe", "complete", NULL, 1, 20);
}

static guint
stated(const char *name)
{
  ToolVideoTracks tracks;
  g_autofree char *path = in_folder(name);
  tool_video_tracks_read(path, &tracks);
  assert_true(tracks.known && !tracks.unfinished);
  return tracks.videos;
}

/* AVI: whatever a stream is called, but sound, its format tells a video; of subtitles what is in them. */
static void
what_an_avi_calls_its_video_is_nothing(void **state)
{
  static const struct {
    const char *type;
    guint with_format, without;
  } types[] = { { "vids", 1, 1 }, { "iavs", 1, 1 }, { "ivas", 1, 1 }, { "none", 1, 1 }, { "mids", 1, 1 }, { "dats", 1, 0 }, { "txts", 1, 0 }, { "auds", 0, 0 } };
  g_autofree char *path = in_folder("called.avi");
  run_pipeline("videotestsrc num-buffers=10 ! " CAPS " ! jpegenc ! avimux ! filesink location=\"%s\"", path);
  insert("called.avi", "bare.avi", 0, "", 0);
  change("bare.avi", "strf", 4, 1, 4, "\0\0\0\0\0\0\0\0", 8);
  for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
    change("called.avi", "strh", 4, 1, 4, types[i].type, 4);
    change("bare.avi", "strh", 4, 1, 4, types[i].type, 4);
    if (stated("called.avi") != types[i].with_format || stated("bare.avi") != types[i].without)
      fail_msg("%s: %u, %u", types[i].type, stated("called.avi"), stated("bare.avi"));
  }
  /* XSUB: subtitles that are called a video, unless there is one in them. */
  change("bare.avi", "strh", 4, 1, 4, "vids", 4);
  change("bare.avi", "strf", 4, 1, 20, "DXSB", 4);
  assert_int_equal(stated("bare.avi"), 0);
  change("bare.avi", "strf", 4, 1, 20, "DXSA", 4);
  assert_int_equal(stated("bare.avi"), 0);
  change("bare.avi", "strf", 4, 1, 20, "MJPG", 4);
  change("bare.avi", "strh", 4, 1, 8, "DXSB", 4); /* nobody goes by that */
  assert_int_equal(stated("bare.avi"), 1);
  change("called.avi", "strh", 4, 1, 4, "mids", 4);
  expect_scan(path, "failed", "failed", "it states 1 video stream(s), of which GStreamer shows 0", 0, 0);
  if (!has_element("avenc_mpeg4"))
    return;
  run_pipeline("videotestsrc num-buffers=10 ! " CAPS " ! avenc_mpeg4 ! avimux ! filesink location=\"%s\"", path);
  change("called.avi", "strh", 4, 1, 4, "txts", 4);
  change("called.avi", "strf", 4, 1, 4, "\0\0\0\0\0\0\0\0", 8);
  assert_int_equal(stated("called.avi"), 1);
  change("called.avi", "strh", 4, 1, 4, "vids", 4);
  change("called.avi", "strf", 4, 1, 20, "DXSB", 4);
  assert_int_equal(stated("called.avi"), 1);
}

#define OGG_PAGE(flags, position, size) "OggS\0" flags position "\0\0\0\0\0\0\0" "ssss" "nnnn" "cccc" "\1" size
#define AVI_HEAD "RIFF\xff\0\0\0" "AVI LIST\4\0\0\0" "hdrl"
#define AVI_VIDEO "strh\x0c\0\0\0" "vidsFMP4\0\0\0\0"
#define AVI_XSUB "strf\x14\0\0\0" "\x28\0\0\0" "\1\0\0\0" "\1\0\0\0" "\1\0\1\0" "DXSB"
#define ASF_HEADER "\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"
#define ASF_MORE "\xb5\x03\xbf\x5f\x2e\xa9\xcf\x11\x8e\xe3\x00\xc0\x0c\x20\x53\x65"
#define ASF_STREAM "\x91\x07\xdc\xb7\xb7\xa9\xcf\x11\x8e\xe6\x00\xc0\x0c\x20\x53\x65\x28\0\0\0\0\0\0\0"
#define ASF_VIDEO "\xc0\xef\x19\xbc\x4d\x5b\xcf\x11\xa8\xfd\x00\x80\x5f\x5c\x44\x2b"
#define ASF_JFIF "\x00\xe1\x1b\xb6\x4e\x5b\xcf\x11\xa8\xfd\x00\x80\x5f\x5c\x44\x2b"
#define ASF_SOUND "\x40\x9e\x69\xf8\x4d\x5b\xcf\x11\xa8\xfd\x00\x80\x5f\x5c\x44\x2b"
#define MXF_KEY "\x06\x0e\x2b\x34"
#define MXF_HEAD MXF_KEY "\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02\x04\x00"
#define MXF_PART MXF_KEY "\x01\x02\x01\x01\x0d\x01\x03\x01"

/* Others, by their bytes alone. */
static void
other_indexes_hide_nothing(void **state)
{
  static const struct {
    const char *name, *bytes;
    gsize n;
    guint videos;
  } files[] = {
#define FILE_OF(name, bytes, videos) { name, bytes, sizeof bytes - 1, videos }
    FILE_OF("list.avi", AVI_HEAD "LIST\x18\0\0\0" "strl" AVI_VIDEO "LIST\4\0\0\0" "movi", 1),
    FILE_OF("xsub.avi", AVI_HEAD AVI_VIDEO "strf\x04\0\0\0" "MJPG" AVI_VIDEO AVI_XSUB AVI_VIDEO AVI_XSUB AVI_XSUB "LIST\4\0\0\0" "movi", 1),
    FILE_OF("again.avi", AVI_HEAD AVI_VIDEO AVI_XSUB "strf\x04\0\0\0" "MJPG" AVI_VIDEO "strf\x04\0\0\0" "MJPG" AVI_XSUB "LIST\4\0\0\0" "movi", 2),
    FILE_OF("bare.avi", AVI_HEAD AVI_VIDEO "LIST\4\0\0\0" "movi", 1),
    FILE_OF("sound.ogg", OGG_PAGE("\2", "\0", "\x08") "\1vorbisx" OGG_PAGE("\2", "\0", "\x08") "fishead\0" OGG_PAGE("\0", "\0", "\1") "x", 0),
    FILE_OF("two.ogv", OGG_PAGE("\2", "\0", "\x08") "\x80theorax" OGG_PAGE("\0", "\0", "\1") "x" OGG_PAGE("\2", "\0", "\x08") "\1Direct "
                       OGG_PAGE("\0", "\1", "\1") "x" OGG_PAGE("\2", "\0", "\x08") "\x80theorax", 2),
    FILE_OF("sound.wmv", ASF_HEADER "\x46\0\0\0\0\0\0\0\1\0\0\0\1\2" ASF_STREAM ASF_SOUND, 0),
    FILE_OF("one.wmv", ASF_HEADER "\x6e\0\0\0\0\0\0\0\2\0\0\0\1\2" ASF_STREAM ASF_SOUND ASF_STREAM ASF_VIDEO, 1),
    FILE_OF("behind.wmv", ASF_HEADER "\x46\0\0\0\0\0\0\0\2\0\0\0\1\2" ASF_STREAM ASF_SOUND ASF_STREAM ASF_VIDEO, 1),
    FILE_OF("picture.wmv", ASF_HEADER "\x6e\0\0\0\0\0\0\0\2\0\0\0\1\2" ASF_STREAM ASF_JFIF ASF_STREAM ASF_VIDEO, 2),
    FILE_OF("inside.wmv", ASF_HEADER "\x74\0\0\0\0\0\0\0\1\0\0\0\1\2" ASF_MORE "\x56\0\0\0\0\0\0\0" ASF_SOUND "\6\0\x28\0\0\0" ASF_STREAM ASF_VIDEO, 1),
    FILE_OF("one.flv", "FLV\1\1\0\0\0\x09\0\0\0\0" "\x09\0\0\2\0\0\0\0\0\0\0\x17\0" "\0\0\0\x0d", 1),
    FILE_OF("odd.flv", "FLV\1\1\0\0\0\x09\0\0\0\0" "\x0f\0\0\1\0\0\0\0\0\0\0X\0\0\0\x0c" "\x09\0\0\2\0\0\0\0\0\0\0\x17\0" "\0\0\0\x0d", 1),
    FILE_OF("tracks.flv", "FLV\1\1\0\0\0\x09\0\0\0\0" "\x09\0\0\x10\0\0\0\0\0\0\0\x96\x11" "avc1" "\0\0\0\1x" "\1\0\0\1x" "\0\0\0\x1b", 2),
    FILE_OF("codings.flv", "FLV\1\1\0\0\0\x09\0\0\0\0" "\x09\0\0\x14\0\0\0\0\0\0\0\x96\x21" "avc1\0\0\0\1x" "hvc1\1\0\0\1x" "\0\0\0\x1f", 2),
    FILE_OF("second.flv", "FLV\1\1\0\0\0\x09\0\0\0\0" "\x09\0\0\x08\0\0\0\0\0\0\0\x96\x01" "avc1" "\1x" "\0\0\0\x13", 1),
    FILE_OF("one.mxf", MXF_HEAD "\0" MXF_PART "\x15\1\5\1" "\1x" MXF_PART "\x16\1\5\1" "\1x" MXF_PART "\x15\1\5\1" "\1x", 1),
    FILE_OF("two.mxf", MXF_HEAD "\0" MXF_PART "\x15\2\5\1" "\1x" MXF_PART "\x15\2\5\2" "\1x" MXF_PART "\x18\1\5\1" "\1x", 3),
    FILE_OF("one.mpg", "\0\0\1\xba\x44\0\4\0\4\1\0\0\3\xf8" "\0\0\1\xe0\0\4\x80\0\0x" "\0\0\1\xc5\0\4\x80\0\0x" "\0\0\1\xb9", 1),
    FILE_OF("map.mpg", "\0\0\1\xba\x44\0\4\0\4\1\0\0\3\xf8" "\0\0\1\xbc\0\x1a\xe1\xff\0\0\0\x10\x1b\xe0\0\0\x24\xc5\0\0\3\xc0\0\0\x1b\x70\0\0\0\0\0\0"
                       "\0\0\1\xe0\0\4\x80\0\0x" "\0\0\1\xc5\0\4\x80\0\0x" "\0\0\1\xc0\0\4\x80\0\0x" "\0\0\1\xbd\0\4\x80\0\0\x70" "\0\0\1\xb9", 3),
#undef FILE_OF
  };
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    write_file(folder, files[i].name, files[i].bytes, (gssize) files[i].n);
    if (stated(files[i].name) != files[i].videos)
      fail_msg("%s: %u", files[i].name, stated(files[i].name));
  }
}

static void
what_cannot_be_read_says_nothing(void **state)
{
  static const ToolVideoTracks none;
  ToolVideoTracks tracks;
  g_autofree char *missing = in_folder("missing.mp4"), *text = in_folder("text.mp4"), *empty = in_folder("empty.mp4");
  const char *const paths[] = { missing, text, empty, folder, "/dev/zero" };
  write_file(folder, "text.mp4", "no video at all", -1);
  write_file(folder, "empty.mp4", "", 0);
  for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
    tool_video_tracks_read(paths[i], &tracks);
    assert_memory_equal(&tracks, &none, sizeof none);
  }
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_short_track_is_scanned),
    cmocka_unit_test(each_program_is_scanned),
    cmocka_unit_test(what_lies_behind_a_file_is_told),
    cmocka_unit_test(tracks_that_are_not_shown_are_told),
    cmocka_unit_test(odd_boxes_hide_nothing),
    cmocka_unit_test(a_track_beside_the_movie_is_told),
    cmocka_unit_test(what_a_program_calls_its_video_is_nothing),
    cmocka_unit_test(what_is_in_packets_tells_a_video),
    cmocka_unit_test(packets_are_found_where_gstreamer_finds_them),
    cmocka_unit_test(cut_ends_are_told),
    cmocka_unit_test(addresses_of_files_are_looked_at),
    cmocka_unit_test(a_folder_does_not_pass_over_them),
    cmocka_unit_test(a_picture_s_name_makes_no_picture),
    cmocka_unit_test(parts_of_an_avi_are_one_file),
    cmocka_unit_test(an_index_that_leaves_pictures_out_is_told),
    cmocka_unit_test(a_video_with_alpha_is_scanned),
    cmocka_unit_test(what_an_avi_calls_its_video_is_nothing),
    cmocka_unit_test(other_indexes_hide_nothing),
    cmocka_unit_test(what_cannot_be_read_says_nothing),
  };
  model = data_path("reference/small/model");
  folder = make_folder();
  tame = in_folder("tame.mp4");
  wild = in_folder("wild.mp4");
  make_mp4(tame, "smpte", 500);
  make_mp4(wild, "ball", 75);
  double low = peak(tame), high = peak(wild);
  if (low > high) {
    make_mp4(tame, "ball", 500);
    make_mp4(wild, "smpte", 75);
    low = peak(tame);
    high = peak(wild);
  }
  if (high - low < 1e-3)
    fail_msg("both are as far: %g, %g", low, high);
  bound = (low + high) / 2;
  const int failed = cmocka_run_group_tests_name("scan_hidden", tests, NULL, NULL);
  remove_folder(folder);
  return failed;
}
