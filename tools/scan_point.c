/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "scan_point.h"
#include "scan_values.h"

#include <math.h>

#define MAX_FRAMES (20 * 1000 * 1000) /* 92 hours at 60 a second */

static void
clear_thumb(gpointer thumb)
{
  g_clear_pointer(&((ScanThumb *) thumb)->bytes, g_bytes_unref);
}

ScanPoint *
scan_point_new(void)
{
  ScanPoint *self = g_new0(ScanPoint, 1);
  self->times = g_array_new(FALSE, FALSE, sizeof(gint64));
  self->durations = g_array_new(FALSE, FALSE, sizeof(gint64));
  self->boundaries = g_array_new(FALSE, FALSE, sizeof(guint64));
  self->thumbs = g_array_new(FALSE, FALSE, sizeof(ScanThumb));
  g_array_set_clear_func(self->thumbs, clear_thumb);
  return self;
}

void
scan_point_free(ScanPoint *self)
{
  if (self == NULL)
    return;
  g_array_unref(self->times);
  g_array_unref(self->durations);
  g_array_unref(self->boundaries);
  g_array_unref(self->thumbs);
  tool_video_mark_clear(&self->mark);
  clear_thumb(&self->best);
  g_free(self);
}

void
scan_point_add(ScanPoint *self, const ToolVideoFrame *frame)
{
  g_array_append_val(self->times, frame->time);
  g_array_append_val(self->durations, frame->duration);
}

static gint64
at(const GArray *array, guint i)
{
  return g_array_index(array, gint64, i);
}

/* When frame @i would begin if nothing lay between it and the one before. */
static gint64
expected(const ScanPoint *self, guint i)
{
  return i == 0 ? 0 : at(self->times, i - 1) + at(self->durations, i - 1);
}

/* Runs of frames that are alike: how many, the gap before each, its duration. */
static void
append_frames(const ScanPoint *self, guint end, GString *out)
{
  for (guint i = self->frames_written, next; i < end; i = next) {
    const gint64 gap = at(self->times, i) - expected(self, i), duration = at(self->durations, i);
    for (next = i + 1; next < end; next++) {
      if (at(self->times, next) - expected(self, next) != gap || at(self->durations, next) != duration)
        break;
    }
    g_string_append_printf(out, "%s[%u,%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT "]",
                           i > self->frames_written ? "," : "", next - i, gap, duration);
  }
}

static void
append_thumb(const ScanThumb *thumb, GString *out)
{
  gsize size;
  const guint8 *bytes = g_bytes_get_data(thumb->bytes, &size);
  g_autofree char *base64 = g_base64_encode(bytes, size);
  g_string_append_printf(out, "{\"time\":%" G_GINT64_FORMAT ",\"margin\":", thumb->time);
  hysac_json_append_double(out, thumb->margin);
  g_string_append_printf(out, ",\"bytes\":\"%s\"}", base64);
}

void
scan_point_append(ScanPoint *self, const char *judging, GString *out)
{
  const ToolVideoMark *mark = &self->mark;
  const guint end = (guint) mark->number + 1;
  guint i;
  g_string_append(out, "{\"type\":\"point\",\"judging\":");
  hysac_json_append_string(out, judging);
  g_string_append_printf(out, ",\"stated\":%" G_GINT64_FORMAT ",\"caps\":", mark->stated);
  hysac_json_append_string(out, mark->caps);
  g_string_append_printf(out, ",\"checksum\":\"%s\",\"scored\":%d,\"motion\":", mark->checksum, self->scored);
  hysac_json_append_double(out, self->motion);
  g_string_append(out, ",\"frames\":[");
  append_frames(self, end, out);
  g_string_append(out, "],\"boundaries\":[");
  for (i = self->boundaries_written; i < self->boundaries->len; i++) {
    const guint64 number = g_array_index(self->boundaries, guint64, i);
    if (number >= end)
      break;
    g_string_append_printf(out, "%s%" G_GUINT64_FORMAT, i > self->boundaries_written ? "," : "", number);
  }
  self->boundaries_written = i;
  g_string_append(out, "],\"thumbs\":[");
  for (i = self->thumbs_written; i < self->thumbs->len; i++) {
    g_string_append(out, i > self->thumbs_written ? "," : "");
    append_thumb(&g_array_index(self->thumbs, ScanThumb, i), out);
  }
  g_string_append_printf(out, "],\"best_marks\":%u", self->best_marks);
  if (self->best.bytes != NULL) {
    g_string_append(out, ",\"best\":");
    append_thumb(&self->best, out);
  }
  g_string_append(out, "}\n");
  self->thumbs_written = self->thumbs->len;
  self->frames_written = end;
}

/* ------------------------------------------------------------------ back */

static JsonArray *
list(JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member(object, key);
  return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

/* Element @i of @array, which is to be a whole number. */
static gboolean
whole(JsonArray *array, guint i, gint64 *out)
{
  JsonNode *node = json_array_get_element(array, i);
  if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_INT64)
    return FALSE;
  *out = json_node_get_int(node);
  return TRUE;
}

static gboolean
read_frames(ScanPoint *self, JsonArray *runs)
{
  const gint64 limit = G_MAXINT64 / 4;
  for (guint i = 0; i < json_array_get_length(runs); i++) {
    JsonNode *node = json_array_get_element(runs, i);
    JsonArray *run = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
    gint64 count, gap, duration;
    if (run == NULL || json_array_get_length(run) != 3 || !whole(run, 0, &count) || !whole(run, 1, &gap) ||
        !whole(run, 2, &duration) || count < 1 || count > MAX_FRAMES - (gint64) self->times->len || gap < -limit ||
        gap > limit || duration < 0 || duration > limit)
      return FALSE;
    for (; count > 0; count--) {
      const guint n = self->times->len;
      const gint64 time = expected(self, n) + gap;
      if (time < 0 || time > limit || (n > 0 && time < at(self->times, n - 1)))
        return FALSE;
      g_array_append_val(self->times, time);
      g_array_append_val(self->durations, duration);
    }
  }
  return TRUE;
}

static gboolean
read_boundaries(ScanPoint *self, JsonArray *numbers)
{
  for (guint i = 0; i < json_array_get_length(numbers); i++) {
    const guint n = self->boundaries->len;
    gint64 number;
    if (!whole(numbers, i, &number) || number < 0 || number >= (gint64) self->times->len ||
        (n > 0 && (guint64) number <= g_array_index(self->boundaries, guint64, n - 1)))
      return FALSE;
    g_array_append_val(self->boundaries, number);
  }
  return TRUE;
}

static gboolean
read_thumb(JsonNode *node, ScanThumb *out)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
  const char *base64 = object ? scan_text(object, "bytes") : NULL;
  gsize size = 0;
  if (base64 == NULL || scan_integer(object, "time") < 0 || !isfinite(scan_number(object, "margin")))
    return FALSE;
  guchar *bytes = g_base64_decode(base64, &size);
  *out = (ScanThumb) { .bytes = g_bytes_new_take(bytes, size),
                       .time = scan_integer(object, "time"),
                       .margin = scan_number(object, "margin") };
  return TRUE;
}

static gboolean
read_thumbs(ScanPoint *self, JsonArray *thumbs, JsonNode *best)
{
  ScanThumb thumb;
  for (guint i = 0; i < json_array_get_length(thumbs); i++) {
    if (!read_thumb(json_array_get_element(thumbs, i), &thumb))
      return FALSE;
    g_array_append_val(self->thumbs, thumb);
  }
  clear_thumb(&self->best);
  self->best = (ScanThumb) { 0 };
  return best == NULL || read_thumb(best, &self->best);
}

gboolean
scan_point_read(ScanPoint *self, JsonObject *line)
{
  JsonArray *frames = list(line, "frames"), *boundaries = list(line, "boundaries"), *thumbs = list(line, "thumbs");
  const gint64 marks = scan_integer(line, "best_marks"), scored = scan_integer(line, "scored");
  ToolVideoMark *mark = &self->mark;
  self->marked = FALSE;
  tool_video_mark_clear(mark);
  mark->stated = scan_integer(line, "stated");
  mark->caps = g_strdup(scan_text(line, "caps"));
  mark->checksum = g_strdup(scan_text(line, "checksum"));
  self->motion = scan_number(line, "motion");
  if (frames == NULL || boundaries == NULL || thumbs == NULL || mark->caps == NULL || mark->checksum == NULL ||
      !isfinite(self->motion) || marks < 0 || marks > G_MAXUINT32 || (scored != 0 && scored != 1) ||
      !read_frames(self, frames) || !read_boundaries(self, boundaries) ||
      !read_thumbs(self, thumbs, json_object_get_member(line, "best")) || self->times->len == 0)
    return FALSE;
  self->best_marks = (guint32) marks;
  self->scored = scored == 1;
  mark->number = self->times->len - 1;
  mark->time = at(self->times, (guint) mark->number);
  mark->duration = at(self->durations, (guint) mark->number);
  self->frames_written = self->times->len;
  self->boundaries_written = self->boundaries->len;
  self->thumbs_written = self->thumbs->len;
  self->marked = TRUE;
  return TRUE;
}
