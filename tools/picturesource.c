/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "picturesource.h"

#include "core/animation.h"
#include "core/file.h"
#include "core/picturefile.h"

#include <string.h>

#define MAX_SIDE 16384
#define MAX_FRAMES 10000
#define MAX_BYTES (256 * 1024 * 1024)

struct _ToolPictureSource {
  char **paths;
  gboolean as_shown;
  guint index;
  /* Inside an animation. */
  GdkPixbufAnimation *animation;
  GdkPixbufAnimationIter *iter;
  guint number, count;
  gint64 time; /* ms */
};

ToolPictureSource *
tool_picture_source_new(char **paths, gboolean as_shown)
{
  ToolPictureSource *self = g_new0(ToolPictureSource, 1);
  self->paths = paths;
  self->as_shown = as_shown;
  return self;
}

static void
leave_animation(ToolPictureSource *self)
{
  g_clear_object(&self->iter);
  g_clear_object(&self->animation);
}

void
tool_picture_source_free(ToolPictureSource *self)
{
  leave_animation(self);
  g_free(self);
}

static gboolean
fail(const char *path, HysacError code, const char *why, GError **error)
{
  g_set_error(error, HYSAC_ERROR, code, "%s: %s", path, why);
  return FALSE;
}

/* gdk-pixbuf's word for it, without the name that it puts into some. (transfer full) */
static char *
reason_of(const char *path, const char *message)
{
  g_autofree char *shown = g_filename_display_name(path);
  g_autofree char *before = g_strdup_printf("Failed to load image “%s”: ", shown);
  g_autofree char *after = g_strdup_printf(" for file “%s”", shown);
  const char *start = g_str_has_prefix(message, before) ? message + strlen(before) : message;
  const gsize n = strlen(start) - (g_str_has_suffix(start, after) ? strlen(after) : 0);
  return g_strndup(start, n);
}

/* The header: nobody decodes a picture that is refused anyway. */
static gboolean
check_size(const char *path, GError **error)
{
  int width = 0, height = 0;
  if (gdk_pixbuf_get_file_info(path, &width, &height) == NULL ||
      (width <= MAX_SIDE && height <= MAX_SIDE))
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "%s: %d x %d pixels; at most %d a side", path,
              width, height, MAX_SIDE);
  return FALSE;
}

/* What gdk-pixbuf would pass over in silence: a missing end, frames behind the first. *count: the frames of an
 * animation that can be played, 0 for anything else. */
static gboolean
check_content(const char *path, guint *count, GError **error)
{
  gsize size;
  gboolean whole = TRUE;
  g_autofree char *bytes = hysac_read_file(path, MAX_BYTES, &size, error);
  *count = 0;
  if (bytes == NULL)
    return FALSE;
  if (size == 0)
    return fail(path, HYSAC_ERROR_IO, "an empty file", error);
  const char *type = hysac_picture_file_type((const guint8 *) bytes, size, &whole);
  const HysacAnimation kind = hysac_animation_count((const guint8 *) bytes, size, count, &whole);
  if (!whole && (type != NULL || kind != HYSAC_ANIMATION_NONE))
    return fail(path, HYSAC_ERROR_IO, "cut short: the file has no end", error);
  if (*count > MAX_FRAMES)
    return fail(path, HYSAC_ERROR_UNSUPPORTED, "more than 10000 frames", error);
  if (kind == HYSAC_ANIMATION_APNG && *count > 1)
    return fail(path, HYSAC_ERROR_UNSUPPORTED,
                "an animated PNG: only its first frame could be read", error);
  if (kind != HYSAC_ANIMATION_GIF || *count < 2)
    *count = 0;
  return TRUE;
}

static GdkPixbuf *
check_pixbuf(const char *path, GdkPixbuf *pixbuf, GError **error)
{
  if (gdk_pixbuf_get_bits_per_sample(pixbuf) == 8 &&
      gdk_pixbuf_get_colorspace(pixbuf) == GDK_COLORSPACE_RGB)
    return pixbuf;
  fail(path, HYSAC_ERROR_UNSUPPORTED, "not 8 bits RGB", error);
  g_object_unref(pixbuf);
  return NULL;
}

static GdkPixbuf *
read_still(ToolPictureSource *self, const char *path, GError **error)
{
  g_autoptr(GError) local = NULL;
  GdkPixbuf *pixbuf = gdk_pixbuf_new_from_file(path, &local);
  if (pixbuf == NULL) {
    g_autofree char *why = reason_of(path, local->message);
    fail(path, HYSAC_ERROR_IO, why, error);
    return NULL;
  }
  if (self->as_shown) {
    if (gdk_pixbuf_get_option(pixbuf, "multipage") != NULL) {
      g_object_unref(pixbuf);
      fail(path, HYSAC_ERROR_UNSUPPORTED, "several pages: only the first could be read", error);
      return NULL;
    }
    GdkPixbuf *turned = gdk_pixbuf_apply_embedded_orientation(pixbuf);
    g_object_unref(pixbuf);
    pixbuf = turned;
    if (pixbuf == NULL) {
      fail(path, HYSAC_ERROR_OUT_OF_MEMORY, "no memory to turn it", error);
      return NULL;
    }
  }
  return check_pixbuf(path, pixbuf, error);
}

/* gdk-pixbuf's iterators take the time of day. */
G_GNUC_BEGIN_IGNORE_DEPRECATIONS
static gboolean
enter_animation(ToolPictureSource *self, const char *path, GError **error)
{
  const GTimeVal start = { 0, 0 };
  g_autoptr(GError) local = NULL;
  self->animation = gdk_pixbuf_animation_new_from_file(path, &local);
  if (self->animation == NULL) {
    g_autofree char *why = reason_of(path, local->message);
    return fail(path, HYSAC_ERROR_IO, why, error);
  }
  self->iter = gdk_pixbuf_animation_get_iter(self->animation, &start);
  self->number = 0;
  self->time = 0;
  return TRUE;
}

/* The iterator draws into one picture: a copy. Then on to the next frame's time. */
static GdkPixbuf *
next_of_animation(ToolPictureSource *self, const char *path, GError **error)
{
  GdkPixbuf *shown = gdk_pixbuf_animation_iter_get_pixbuf(self->iter);
  GdkPixbuf *pixbuf = shown ? gdk_pixbuf_copy(shown) : NULL;
  if (pixbuf == NULL) {
    fail(path, HYSAC_ERROR_IO, "a frame could not be decoded", error);
    return NULL;
  }
  const int delay = gdk_pixbuf_animation_iter_get_delay_time(self->iter);
  self->number++;
  if (self->number < self->count && delay < 0) {
    g_object_unref(pixbuf);
    fail(path, HYSAC_ERROR_IO, "a frame could not be decoded", error);
    return NULL;
  }
  self->time += delay;
  const GTimeVal now = { (glong) (self->time / 1000), (glong) (self->time % 1000 * 1000) };
  if (self->number < self->count)
    gdk_pixbuf_animation_iter_advance(self->iter, &now);
  return check_pixbuf(path, pixbuf, error);
}
G_GNUC_END_IGNORE_DEPRECATIONS

gboolean
tool_picture_source_next(ToolPictureSource *self, ToolPictureFrame *frame)
{
  const char *path = self->paths[self->index];
  guint count = 0;
  *frame = (ToolPictureFrame) { .index = self->index, .last = TRUE };
  if (path == NULL)
    return FALSE;
  if (self->iter == NULL) {
    if (!check_size(path, &frame->error) ||
        (self->as_shown && !check_content(path, &count, &frame->error))) {
      self->index++;
      return TRUE;
    }
    self->count = count;
    if (count == 0) {
      frame->pixbuf = read_still(self, path, &frame->error);
      self->index++;
      return TRUE;
    }
    if (!enter_animation(self, path, &frame->error)) {
      self->index++;
      return TRUE;
    }
  }
  frame->number = self->number;
  frame->pixbuf = next_of_animation(self, path, &frame->error);
  frame->last = frame->pixbuf == NULL || self->number == self->count;
  if (frame->last) {
    leave_animation(self);
    self->index++;
  }
  return TRUE;
}
