/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * hysac scan: what has been done of a file, so that a scan that was stopped goes on. A line of JSON a
 * sample, appended as it is scored, one for each point that can be taken up again, and one for the whole when it is
 * finished. A line that was cut short (power, full disk) is dropped, and all of it where the file, the model or the
 * sampling is another than then.
 */

#include "scan_advice.h"
#include "scan_point.h"
#include "scan_values.h"
#include "videotracks.h"

#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SIZE (1024 * 1024 * 1024)
#define MAX_LINE (64 * 1024 * 1024)
#define MAX_DEPTH 6

struct _ScanState {
  char *path;
  int fd;
  gsize length; /* of what is known to be whole */
  const ScanSettings *settings;
  GHashTable *samples; /* frame -> Known */
  ScanPoint *point;    /* NULL where there is none */
  char *judging;       /* of the point */
  char *done;          /* the last line of that kind, NULL where there is none that holds */
  GError *error;
};

typedef struct {
  ScanSample sample;
  HysacRating rating; /* where there is a rater */
} Known;

static gboolean
append(ScanState *self, const GString *line)
{
  if (self->error != NULL)
    return FALSE;
  for (gsize at = 0; at < line->len;) {
    const gssize n = pwrite(self->fd, line->str + at, line->len - at, (off_t) (self->length + at));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0) {
      g_set_error(&self->error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", self->path,
                  g_strerror(n < 0 ? errno : ENOSPC));
      if (ftruncate(self->fd, (off_t) self->length) != 0)
        return FALSE; /* a cut line is dropped by who reads it */
      return FALSE;
    }
    at += (gsize) n;
  }
  self->length += line->len;
  return TRUE;
}

/* json-glib recurses: no deeper than what is written here. */
static JsonObject *
parse(JsonParser *parser, const char *line)
{
  guint depth = 0;
  for (const char *at = line; *at; at++) {
    depth += *at == '{' || *at == '[';
    depth -= (*at == '}' || *at == ']') && depth > 0;
    if (depth > MAX_DEPTH)
      return NULL;
  }
  if (!json_parser_load_from_data(parser, line, -1, NULL))
    return NULL;
  JsonNode *root = json_parser_get_root(parser);
  return root && JSON_NODE_HOLDS_OBJECT(root) ? json_node_get_object(root) : NULL;
}

static gboolean
read_sample(ScanState *self, JsonObject *object)
{
  Known known = { .sample = { .time = scan_integer(object, "time"), .end = scan_integer(object, "end"),
                              .distance = scan_number(object, "distance") } };
  ScanSample *sample = &known.sample;
  const gint64 frame = scan_integer(object, "frame");
  if (frame < 0 || sample->time < 0 || sample->end < sample->time || !isfinite(sample->distance) ||
      sample->distance < 0)
    return FALSE;
  if (self->settings->rater != NULL) {
    JsonNode *advisory = json_object_get_member(object, "advisory");
    if (advisory == NULL || !JSON_NODE_HOLDS_OBJECT(advisory) ||
        !scan_rating_read(self->settings->rater, json_node_get_object(advisory), &known.rating))
      return FALSE;
  }
  sample->frame = (guint64) frame;
  g_hash_table_insert(self->samples, g_memdup2(&sample->frame, sizeof sample->frame),
                      g_memdup2(&known, sizeof known));
  return TRUE;
}

static char *
header(const ScanSettings *settings, const ScanFile *file, const GStatBuf *st)
{
  /* In another choice streams have other numbers. */
  g_autofree char *choice =
      file->choice.program >= 0        ? g_strdup_printf(",\"program\":%d,\"in_program\":%u", file->choice.program, file->choice.stream)
      : file->choice.blank_length > 0 ? g_strdup(",\"all_tracks\":true")
                                      : g_strdup("");
  return g_strdup_printf("{\"type\":\"state\",\"size\":%" G_GUINT64_FORMAT
                         ",\"modified\":%" G_GINT64_FORMAT ",\"inode\":\"%" G_GUINT64_FORMAT ":%"
                         G_GUINT64_FORMAT "\"%s,\"scoring\":\"%s\"}\n",
                         (guint64) st->st_size,
                         (gint64) st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
                         (guint64) st->st_dev, (guint64) st->st_ino, choice, settings->scoring);
}

static gboolean
read_point(ScanState *self, JsonObject *object)
{
  const char *judging = scan_text(object, "judging");
  if (judging == NULL)
    return FALSE;
  if (self->point == NULL)
    self->point = scan_point_new();
  g_free(self->judging);
  self->judging = g_strdup(judging);
  return scan_point_read(self->point, object);
}

static gboolean
is_after(gpointer frame, gpointer known, gpointer last)
{
  return *(const guint64 *) frame > *(const guint64 *) last;
}

/* No point holds, nor do samples after frame @last. */
static void
drop_points(ScanState *self, guint64 last)
{
  g_clear_pointer(&self->point, scan_point_free);
  g_hash_table_foreach_remove(self->samples, is_after, &last);
}

static gboolean
read_anew(ScanState *self, JsonObject *object)
{
  const gint64 after = scan_integer(object, "after");
  if (after >= 0)
    drop_points(self, (guint64) after);
  return after >= 0;
}

/* Takes the lines of @data that are whole and meant; returns how many bytes they are. */
static gsize
read_lines(ScanState *self, char *data, gsize size, const char *head)
{
  const gsize first = strlen(head);
  gsize at = first;
  if (size < first || memcmp(data, head, first) != 0)
    return 0;
  g_autoptr(JsonParser) parser = json_parser_new();
  while (at < size) {
    char *end = memchr(data + at, '\n', size - at);
    if (end == NULL || end - (data + at) > MAX_LINE || memchr(data + at, '\0', (gsize) (end - (data + at))))
      break;
    *end = '\0';
    JsonObject *object = parse(parser, data + at);
    const char *type = object ? scan_text(object, "type") : NULL;
    if (g_strcmp0(type, "done") == 0) {
      g_free(self->done);
      self->done = g_strdup(data + at);
    } else if (g_strcmp0(type, "point") == 0) {
      if (!read_point(self, object)) {
        g_clear_pointer(&self->point, scan_point_free); /* half of it is read */
        break;
      }
    } else if (g_strcmp0(type, "anew") == 0) {
      if (!read_anew(self, object))
        break;
    } else if (g_strcmp0(type, "sample") != 0 || !read_sample(self, object)) {
      break;
    }
    at = (gsize) (end + 1 - data);
  }
  return at;
}

ScanState *
scan_state_open(const char *folder, ScanFile *file, const ScanSettings *settings, GError **error)
{
  GStatBuf st;
  if (file->path == NULL || g_stat(file->path, &st) != 0)
    return NULL;
  g_autofree char *absolute = g_canonicalize_filename(file->path, NULL);
  g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, absolute, -1);
  g_autofree char *name = file->stream > 1 ? g_strdup_printf("%.32s-%u.jsonl", hash, file->stream)
                                           : g_strdup_printf("%.32s.jsonl", hash);
  g_autofree char *path = g_build_filename(folder, name, NULL);
  g_autofree char *head = header(settings, file, &st), *data = NULL;
  gsize size = 0;
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", path, g_strerror(errno));
    return NULL;
  }
  ScanState *self = g_new0(ScanState, 1);
  self->fd = fd;
  self->path = g_steal_pointer(&path);
  self->settings = settings;
  self->samples = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
  data = hysac_read_file(self->path, MAX_SIZE, &size, NULL);
  if (data != NULL)
    self->length = read_lines(self, data, size, head);
  if (self->length < size && ftruncate(fd, (off_t) self->length) != 0)
    g_set_error(&self->error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", self->path, g_strerror(errno));
  if (self->length == 0) {
    GString *line = g_string_new(head);
    append(self, line);
    g_string_free(line, TRUE);
  }
  return self;
}

gboolean
scan_state_lookup(ScanState *self, guint64 frame, gint64 time, double *distance, HysacRating *rating)
{
  const Known *known = g_hash_table_lookup(self->samples, &frame);
  if (known == NULL || known->sample.time != time)
    return FALSE;
  *distance = known->sample.distance;
  if (rating != NULL)
    *rating = known->rating;
  return TRUE;
}

void
scan_state_add(ScanState *self, const ScanSample *sample, const HysacRating *rating)
{
  GString *line = g_string_new(NULL);
  g_string_append_printf(line,
                         "{\"type\":\"sample\",\"frame\":%" G_GUINT64_FORMAT ",\"time\":%" G_GINT64_FORMAT
                         ",\"end\":%" G_GINT64_FORMAT ",\"distance\":",
                         sample->frame, sample->time, sample->end);
  hysac_json_append_double(line, sample->distance);
  if (rating != NULL)
    hysac_rating_append(rating, rating->marks, line);
  g_string_append(line, "}\n");
  append(self, line);
  g_string_free(line, TRUE);
}

ScanPoint *
scan_state_take_point(ScanState *self)
{
  ScanPoint *point = NULL;
  if (self->point == NULL)
    return NULL;
  if (g_strcmp0(self->judging, self->settings->judging) == 0 && self->point->marked)
    point = g_steal_pointer(&self->point);
  else
    scan_state_anew(self, G_MAXINT64);
  return point;
}

void
scan_state_add_point(ScanState *self, ScanPoint *point)
{
  GString *line = g_string_new(NULL);
  scan_point_append(point, self->settings->judging, line);
  append(self, line);
  g_string_free(line, TRUE);
}

void
scan_state_anew(ScanState *self, guint64 last)
{
  GString *line = g_string_new(NULL);
  g_string_append_printf(line, "{\"type\":\"anew\",\"after\":%" G_GUINT64_FORMAT "}\n", last);
  append(self, line);
  g_string_free(line, TRUE);
  drop_points(self, last);
}

void
scan_state_finish(ScanState *self, const ScanFile *file)
{
  /* What was not finished, or failed, is tried again. */
  if (file->status != SCAN_COMPLETE)
    return;
  GString *line = g_string_new("{\"type\":\"done\",\"judging\":");
  hysac_json_append_string(line, self->settings->judging);
  g_string_append_printf(line,
                         ",\"width\":%u,\"height\":%u,\"fps_num\":%d,\"fps_den\":%d,\"duration\":%"
                         G_GINT64_FORMAT ",\"stated\":%" G_GINT64_FORMAT ",\"frames\":%" G_GUINT64_FORMAT
                         ",\"warnings\":%u,\"videos\":%u,\"undecoded\":%u,\"seen\":%u,\"attached\":%d,\"kind\":\"%s\",\"samples\":%u,\"segments\":[",
                         file->width, file->height, file->fps_num, file->fps_den, file->duration,
                         file->stated, file->frames, file->warnings, file->videos, file->undecoded, file->seen,
                         file->attached, file->kind ? file->kind : "", file->samples->len);
  for (guint i = 0; i < file->segments->len; i++) {
    const ScanSegment *segment = &g_array_index(file->segments, ScanSegment, i);
    g_string_append(line, i ? ",{" : "{");
    scan_json_segment(line, &segment->segment);
    if (segment->thumb != NULL) {
      gsize size;
      const guint8 *bytes = g_bytes_get_data(segment->thumb, &size);
      g_autofree char *base64 = g_base64_encode(bytes, size);
      g_string_append_printf(line, ",\"thumb_time\":%" G_GINT64_FORMAT ",\"thumb\":\"%s\"",
                             segment->thumb_time, base64);
    }
    g_string_append_c(line, '}');
  }
  g_string_append(line, "],\"acts\":[");
  for (guint i = 0; i < file->acts->len; i++) {
    g_string_append(line, i ? ",{" : "{");
    scan_json_act(line, &g_array_index(file->acts, ScanAct, i));
    g_string_append_c(line, '}');
  }
  g_string_append(line, "]}\n");
  if (append(self, line))
    fsync(self->fd);
  g_string_free(line, TRUE);
}

static gboolean
read_reason(const char *name, HysacReason *reason)
{
  for (guint i = HYSAC_REASON_SAFE; i <= HYSAC_REASON_FAILED_TIMEOUT; i++) {
    if (g_strcmp0(name, hysac_reason_to_string((HysacReason) i)) == 0) {
      *reason = (HysacReason) i;
      return TRUE;
    }
  }
  return FALSE;
}

static gboolean
read_segment(JsonObject *object, ScanSegment *out)
{
  const char *verdict = scan_text(object, "verdict"), *thumb = scan_text(object, "thumb");
  const gint64 first = scan_integer(object, "first_frame"), last = scan_integer(object, "last_frame"),
               frames = scan_integer(object, "frames"), interval = scan_integer(object, "interval");
  *out = (ScanSegment) { 0 };
  HysacSegment *segment = &out->segment;
  segment->start = scan_integer(object, "start");
  segment->end = scan_integer(object, "end");
  segment->peak = scan_number(object, "peak_margin");
  segment->has_peak = isfinite(segment->peak);
  segment->action = "tag";
  segment->verdict = g_strcmp0(verdict, "unsafe") == 0 ? "unsafe" : "failed";
  if (verdict == NULL || segment->start < 0 || segment->end < segment->start || first < 0 ||
      last < first || frames < 1 || interval < 0 ||
      !read_reason(scan_text(object, "reason"), &segment->reason))
    return FALSE;
  segment->first = (guint64) first;
  segment->last = (guint64) last;
  segment->frames = (guint64) frames;
  segment->interval = (guint64) interval;
  if (thumb != NULL) {
    gsize size;
    guchar *bytes = g_base64_decode(thumb, &size);
    out->thumb = g_bytes_new_take(bytes, size);
    out->thumb_time = scan_integer(object, "thumb_time");
  }
  return TRUE;
}

static gboolean
read_act(JsonObject *object, ScanAct *out)
{
  const char *rule = scan_text(object, "rule");
  const gint64 first = scan_integer(object, "first_frame"), last = scan_integer(object, "last_frame");
  *out = (ScanAct) { .start = scan_integer(object, "start"), .end = scan_integer(object, "end") };
  if (rule == NULL || !hysac_rule_parse(rule, &out->rule) || first < 0 || last < first || out->start < 0 ||
      out->end < out->start)
    return FALSE;
  out->first = (guint64) first;
  out->last = (guint64) last;
  return TRUE;
}

static int
compare_known(gconstpointer a, gconstpointer b)
{
  const guint64 x = ((const Known *) a)->sample.frame, y = ((const Known *) b)->sample.frame;
  return (x > y) - (x < y);
}

static gboolean
read_done(JsonObject *object, ScanFile *file)
{
  JsonNode *node = json_object_get_member(object, "segments"), *acts = json_object_get_member(object, "acts");
  const gint64 frames = scan_integer(object, "frames");
  const gint64 width = scan_integer(object, "width"), height = scan_integer(object, "height");
  file->duration = scan_integer(object, "duration");
  file->stated = scan_integer(object, "stated");
  file->fps_num = (gint) CLAMP(scan_integer(object, "fps_num"), 0, G_MAXINT);
  file->fps_den = (gint) CLAMP(scan_integer(object, "fps_den"), 1, G_MAXINT);
  file->warnings = (guint) CLAMP(scan_integer(object, "warnings"), 0, G_MAXINT);
  const char *kind = scan_text(object, "kind"); /* an older program's has none: it is decoded again */
  if (kind == NULL || frames < 1 || width < 1 || height < 1 || width > 65536 || height > 65536 || file->duration < 0 ||
      node == NULL || !JSON_NODE_HOLDS_ARRAY(node) || acts == NULL || !JSON_NODE_HOLDS_ARRAY(acts))
    return FALSE;
  file->kind = tool_video_tracks_kind(kind);
  file->frames = (guint64) frames;
  file->videos = (guint) CLAMP(scan_integer(object, "videos"), 1, G_MAXINT); /* an older program's had one */
  file->undecoded = (guint) CLAMP(scan_integer(object, "undecoded"), 0, G_MAXINT);
  file->seen = scan_integer(object, "seen") > 0 ? (guint) MIN(scan_integer(object, "seen"), G_MAXINT) /* an older one's: all */
                                               : file->videos + file->undecoded;
  file->attached = scan_integer(object, "attached") == 1;
  file->width = (guint) width;
  file->height = (guint) height;
  JsonArray *array = json_node_get_array(node);
  for (guint i = 0; i < json_array_get_length(array); i++) {
    JsonNode *element = json_array_get_element(array, i);
    ScanSegment segment;
    if (!JSON_NODE_HOLDS_OBJECT(element) || !read_segment(json_node_get_object(element), &segment))
      return FALSE;
    g_array_append_val(file->segments, segment);
  }
  array = json_node_get_array(acts);
  for (guint i = 0; i < json_array_get_length(array); i++) {
    JsonNode *element = json_array_get_element(array, i);
    ScanAct act;
    if (!JSON_NODE_HOLDS_OBJECT(element) || !read_act(json_node_get_object(element), &act))
      return FALSE;
    g_array_append_val(file->acts, act);
  }
  return TRUE;
}

gboolean
scan_state_restore(ScanState *self, ScanFile *file)
{
  g_autoptr(JsonParser) parser = json_parser_new();
  JsonObject *object = self->done ? parse(parser, self->done) : NULL;
  if (object == NULL || g_strcmp0(scan_text(object, "judging"), self->settings->judging) != 0 ||
      scan_integer(object, "samples") != (gint64) g_hash_table_size(self->samples))
    return FALSE;
  if (!read_done(object, file)) {
    for (guint i = 0; i < file->segments->len; i++)
      g_clear_pointer(&g_array_index(file->segments, ScanSegment, i).thumb, g_bytes_unref);
    g_array_set_size(file->segments, 0);
    g_array_set_size(file->acts, 0);
    return FALSE;
  }
  GHashTableIter iter;
  gpointer one;
  g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(Known));
  g_hash_table_iter_init(&iter, self->samples);
  while (g_hash_table_iter_next(&iter, NULL, &one))
    g_array_append_vals(all, one, 1);
  g_array_sort(all, compare_known);
  for (guint i = 0; i < all->len; i++) {
    const Known *known = &g_array_index(all, Known, i);
    g_array_append_val(file->samples, known->sample);
    if (self->settings->rater != NULL)
      g_array_append_val(file->ratings, known->rating);
  }
  file->status = SCAN_COMPLETE;
  file->resumed = TRUE;
  file->earlier = file->duration;
  return TRUE;
}

void
scan_state_close(ScanState *self, GError **error)
{
  if (self == NULL)
    return;
  close(self->fd);
  if (self->error != NULL)
    g_propagate_error(error, self->error);
  g_hash_table_unref(self->samples);
  scan_point_free(self->point);
  g_free(self->judging);
  g_free(self->path);
  g_free(self->done);
  g_free(self);
}
