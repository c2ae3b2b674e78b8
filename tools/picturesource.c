/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "picturesource.h"

#include "apng.h"
#include "filekind.h"
#include "picturekind.h"

#include "core/animation.h"
#include "core/file.h"
#include "core/icons.h"
#include "core/orientation.h"
#include "core/picturefile.h"
#include "core/tiffpages.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_SIDE 16384
#define MAX_FRAMES 10000
#define MAX_PAGES 1000 /* the file is read again for each */
#define MAX_BYTES (256 * 1024 * 1024)

struct _ToolPictureSource {
  char **paths;
  gboolean as_shown;
  gboolean first;
  guint index;
  guint orientation; /* as the file is marked, 1 to 8; 0: gdk-pixbuf may know */
  /* Inside an animation. */
  GdkPixbufAnimation *animation;
  GdkPixbufAnimationIter *iter;
  ToolApng *apng;
  guint number, count;
  /* Of a TIFF of several pages, or an icon, its bytes. */
  char *bytes;
  gsize size;
  GArray *pages; /* HysacTiffPage */
  GArray *icons; /* HysacIconPicture */
  gint64 time; /* ms */
};

ToolPictureSource *
tool_picture_source_new(char **paths, gboolean as_shown, gboolean first)
{
  ToolPictureSource *self = g_new0(ToolPictureSource, 1);
  self->paths = paths;
  self->as_shown = as_shown;
  self->first = first;
  return self;
}

static void
leave_animation(ToolPictureSource *self)
{
  g_clear_object(&self->iter);
  g_clear_object(&self->animation);
  g_clear_pointer(&self->apng, tool_apng_free);
  g_clear_pointer(&self->bytes, g_free);
  g_clear_pointer(&self->pages, g_array_unref);
  g_clear_pointer(&self->icons, g_array_unref);
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

/* Why there is no picture: of a kind that gdk-pixbuf does not know, what it is instead. (transfer full) */
static char *
why_none(const char *path, const GError *error)
{
  const gboolean unknown = g_error_matches(error, GDK_PIXBUF_ERROR, GDK_PIXBUF_ERROR_UNKNOWN_TYPE);
  const char *what = unknown ? tool_unknown_picture(path) : NULL;
  return what != NULL ? g_strdup(what) : reason_of(path, error->message);
}

/* The header: nobody decodes a picture that is refused anyway. *format: gdk-pixbuf's name, or NULL. */
static gboolean
check_size(const char *path, char **format, GError **error)
{
  int width = 0, height = 0;
  GStatBuf st;
  /* Opening a pipe would wait for somebody to write. What is not there is told where it is read. */
  if (g_stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
    return fail(path, HYSAC_ERROR_IO, "not a regular file", error);
  GdkPixbufFormat *found = gdk_pixbuf_get_file_info(path, &width, &height);
  *format = found ? gdk_pixbuf_format_get_name(found) : NULL;
  if (found == NULL || (width <= MAX_SIDE && height <= MAX_SIDE))
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "%s: %d x %d pixels; at most %d a side", path,
              width, height, MAX_SIDE);
  return FALSE;
}

/* Of the @i-th of several @what. */
static gboolean
check_sides(const char *path, const char *what, guint i, guint32 width, guint32 height, GError **error)
{
  if (width <= MAX_SIDE && height <= MAX_SIDE)
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "%s: %s %u of %u x %u pixels; at most %d a side", path, what, i + 1, width,
              height, MAX_SIDE);
  return FALSE;
}

/* Pages: kept with the file's bytes where there are several. */
static gboolean
check_pages(ToolPictureSource *self, const char *path, char **bytes, gsize size, guint *count, GError **error)
{
  gboolean whole = TRUE;
  g_autoptr(GArray) pages = hysac_tiff_pages((const guint8 *) *bytes, size, MAX_PAGES, &whole);
  if (pages == NULL)
    return TRUE;
  if (!whole && pages->len == MAX_PAGES)
    return fail(path, HYSAC_ERROR_UNSUPPORTED, "more than 1000 pages", error);
  if (!whole)
    return fail(path, HYSAC_ERROR_IO, "damaged: its pages do not lead to an end", error);
  for (guint i = 0; i < pages->len; i++) {
    const HysacTiffPage *page = &g_array_index(pages, HysacTiffPage, i);
    if (!check_sides(path, "page", i, page->width, page->height, error))
      return FALSE;
  }
  if (pages->len < 2)
    return TRUE;
  *count = pages->len;
  self->bytes = g_steal_pointer(bytes);
  self->size = size;
  self->pages = g_steal_pointer(&pages);
  self->number = 0;
  return TRUE;
}

/* Pictures of an icon; one alone comes in the same way. */
static gboolean
check_icons(ToolPictureSource *self, const char *path, char **bytes, gsize size, guint *count, GError **error)
{
  const char *problem;
  g_autoptr(GArray) icons = hysac_icon_pictures((const guint8 *) *bytes, size, MAX_PAGES, &problem);
  if (icons == NULL)
    return TRUE;
  if (problem != NULL)
    return fail(path, HYSAC_ERROR_IO, problem, error);
  for (guint i = 0; i < icons->len; i++) {
    const HysacIconPicture *icon = &g_array_index(icons, HysacIconPicture, i);
    if (!check_sides(path, "picture", i, icon->width, icon->height, error))
      return FALSE;
  }
  if (self->first && icons->len > 1)
    return fail(path, HYSAC_ERROR_UNSUPPORTED, "several pictures: only the first could be read", error);
  *count = icons->len;
  self->bytes = g_steal_pointer(bytes);
  self->icons = g_steal_pointer(&icons);
  self->number = 0;
  return TRUE;
}

static gboolean
enter_apng(ToolPictureSource *self, const char *path, char **bytes, gsize size, guint *count, GError **error)
{
  g_autoptr(GError) local = NULL;
  self->apng = tool_apng_new(*bytes, size, &local);
  if (self->apng == NULL)
    return fail(path, HYSAC_ERROR_IO, local->message, error);
  *bytes = NULL;
  *count = self->first ? 1 : tool_apng_count(self->apng);
  self->number = 0;
  if (self->first)
    tool_apng_skip_still(self->apng);
  return TRUE;
}

/* What gdk-pixbuf would pass over in silence: a missing end, frames behind the first. *count: the frames of an
 * animation that can be played, or several pages; 0 for anything else. */
static gboolean
check_content(ToolPictureSource *self, const char *path, const char *format, guint *count, GError **error)
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
  self->orientation = hysac_picture_orientation((const guint8 *) bytes, size);
  if (kind == HYSAC_ANIMATION_APNG)
    return enter_apng(self, path, &bytes, size, count, error);
  if (kind != HYSAC_ANIMATION_GIF || *count < 2 || self->first)
    *count = 0;
  g_autoptr(GError) local = NULL;
  if (!tool_picture_kind_check(format, bytes, size, &local))
    return fail(path, local->code, local->message, error);
  if (format == NULL || strcmp(format, "ico") == 0) { /* NULL: nor does gdk-pixbuf know one with a PNG in it */
    if (!check_icons(self, path, &bytes, size, count, error) || self->icons != NULL)
      return self->icons != NULL;
  }
  return self->first || kind != HYSAC_ANIMATION_NONE || check_pages(self, path, &bytes, size, count, error);
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

/* @pixbuf (taken) as it is to be shown. */
static GdkPixbuf *
turn(ToolPictureSource *self, const char *path, GdkPixbuf *pixbuf, GError **error)
{
  if (self->orientation != 0) {
    const char value[] = { (char) ('0' + self->orientation), '\0' };
    gdk_pixbuf_remove_option(pixbuf, "orientation");
    gdk_pixbuf_set_option(pixbuf, "orientation", value);
  }
  GdkPixbuf *turned = gdk_pixbuf_apply_embedded_orientation(pixbuf);
  g_object_unref(pixbuf);
  if (turned == NULL)
    fail(path, HYSAC_ERROR_OUT_OF_MEMORY, "no memory to turn it", error);
  return turned;
}

static GdkPixbuf *
read_still(ToolPictureSource *self, const char *path, GError **error)
{
  g_autoptr(GError) local = NULL;
  GdkPixbuf *pixbuf = gdk_pixbuf_new_from_file(path, &local);
  if (pixbuf == NULL) {
    g_autofree char *why = why_none(path, local);
    fail(path, HYSAC_ERROR_IO, why, error);
    return NULL;
  }
  if (self->as_shown) {
    if (gdk_pixbuf_get_option(pixbuf, "multipage") != NULL) { /* and not counted */
      g_object_unref(pixbuf);
      fail(path, HYSAC_ERROR_UNSUPPORTED, "several pages: only the first could be read", error);
      return NULL;
    }
    pixbuf = turn(self, path, pixbuf, error);
    if (pixbuf == NULL)
      return NULL;
  }
  return check_pixbuf(path, pixbuf, error);
}

/* gdk-pixbuf reads the first page only: each becomes that in its turn. */
static GdkPixbuf *
next_page(ToolPictureSource *self, const char *path, GError **error)
{
  g_autoptr(GError) local = NULL;
  g_autoptr(GdkPixbufLoader) loader = gdk_pixbuf_loader_new_with_type("tiff", &local);
  hysac_tiff_put_first((guint8 *) self->bytes, &g_array_index(self->pages, HysacTiffPage, self->number));
  self->number++;
  gboolean ok = loader != NULL && gdk_pixbuf_loader_write(loader, (const guchar *) self->bytes, self->size, &local);
  if (loader != NULL)
    ok = gdk_pixbuf_loader_close(loader, ok ? &local : NULL) && ok;
  GdkPixbuf *read = ok ? gdk_pixbuf_loader_get_pixbuf(loader) : NULL;
  GdkPixbuf *pixbuf = read ? gdk_pixbuf_apply_embedded_orientation(read) : NULL;
  if (pixbuf == NULL) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: page %u could not be decoded: %s", path, self->number,
                local ? local->message : "no picture");
    return NULL;
  }
  return check_pixbuf(path, pixbuf, error);
}

static GdkPixbuf *
next_icon(ToolPictureSource *self, const char *path, GError **error)
{
  const HysacIconPicture *icon = &g_array_index(self->icons, HysacIconPicture, self->number);
  g_autoptr(GError) local = NULL;
  g_autoptr(GBytes) alone = hysac_icon_alone((const guint8 *) self->bytes, icon);
  g_autoptr(GdkPixbufLoader) loader = gdk_pixbuf_loader_new_with_type(icon->png ? "png" : "ico", &local);
  self->number++;
  gboolean ok = loader != NULL && gdk_pixbuf_loader_write_bytes(loader, alone, &local);
  if (loader != NULL)
    ok = gdk_pixbuf_loader_close(loader, ok ? &local : NULL) && ok;
  GdkPixbuf *pixbuf = ok ? gdk_pixbuf_loader_get_pixbuf(loader) : NULL;
  if (pixbuf == NULL) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: picture %u could not be decoded: %s", path, self->number,
                local ? local->message : "no picture");
    return NULL;
  }
  return check_pixbuf(path, g_object_ref(pixbuf), error);
}

static GdkPixbuf *
next_of_apng(ToolPictureSource *self, const char *path, GError **error)
{
  g_autoptr(GError) local = NULL;
  GdkPixbuf *pixbuf = tool_apng_next(self->apng, &local);
  self->number++;
  if (pixbuf == NULL) {
    fail(path, HYSAC_ERROR_IO, local->message, error);
    return NULL;
  }
  pixbuf = turn(self, path, pixbuf, error);
  return pixbuf ? check_pixbuf(path, pixbuf, error) : NULL;
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
  if (self->iter == NULL && self->pages == NULL && self->icons == NULL && self->apng == NULL) {
    g_autofree char *format = NULL;
    self->orientation = 0;
    if (!check_size(path, &format, &frame->error) ||
        (self->as_shown && !check_content(self, path, format, &count, &frame->error))) {
      self->index++;
      return TRUE;
    }
    self->count = count;
    if (count == 0) {
      frame->pixbuf = read_still(self, path, &frame->error);
      self->index++;
      return TRUE;
    }
    if (self->pages == NULL && self->icons == NULL && self->apng == NULL && !enter_animation(self, path, &frame->error)) {
      self->index++;
      return TRUE;
    }
  }
  frame->number = self->number;
  frame->pixbuf = self->pages   ? next_page(self, path, &frame->error)
                  : self->icons ? next_icon(self, path, &frame->error)
                  : self->apng  ? next_of_apng(self, path, &frame->error)
                                : next_of_animation(self, path, &frame->error);
  frame->last = frame->pixbuf == NULL || self->number == self->count;
  if (frame->last) {
    leave_animation(self);
    self->index++;
  }
  return TRUE;
}
