/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Pictures from files through the engine. Decoding is gdk-pixbuf's: grey and palettes become RGB,
 * 16 bits a channel become 8, alpha is dropped (not blended) and a camera's orientation mark is not
 * followed, all as Pillow's convert("RGB") does. Decoding of the next files goes on while the engine
 * works on the last.
 */

#include "tool.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <string.h>

#define AHEAD 16
#define MAX_SIDE 16384

typedef struct {
  GMutex *lock;
  GCond *changed;
  GdkPixbuf *pixbuf;
  gboolean done;
  HysacEmbedding embedding; /* its arrays are ours */
  GError *error;
} Job;

static void
job_clear(Job *self)
{
  g_clear_object(&self->pixbuf);
  g_free((float *) self->embedding.feature);
  g_free((float *) self->embedding.point);
  g_clear_error(&self->error);
  self->embedding = (HysacEmbedding) { 0 };
}

static GdkPixbuf *
read_picture(const char *path, GError **error)
{
  int width = 0, height = 0;
  g_autoptr(GError) local = NULL;
  /* The header first: nobody decodes a picture that is refused anyway. */
  if (gdk_pixbuf_get_file_info(path, &width, &height) != NULL &&
      (width > MAX_SIDE || height > MAX_SIDE)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "%s: %d x %d pixels; at most %d a side",
                path, width, height, MAX_SIDE);
    return NULL;
  }
  GdkPixbuf *pixbuf = gdk_pixbuf_new_from_file(path, &local);
  if (pixbuf == NULL) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", path, local->message);
    return NULL;
  }
  if (gdk_pixbuf_get_bits_per_sample(pixbuf) != 8 ||
      gdk_pixbuf_get_colorspace(pixbuf) != GDK_COLORSPACE_RGB) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "%s: not 8 bits RGB", path);
    g_object_unref(pixbuf);
    return NULL;
  }
  return pixbuf;
}

static void
on_done(const HysacEmbedding *embedding, const GError *error, gpointer user_data)
{
  Job *job = user_data;
  g_mutex_lock(job->lock);
  if (error != NULL)
    job->error = g_error_copy(error);
  if (embedding != NULL) {
    gsize bytes = embedding->dim * sizeof(float);
    job->embedding = *embedding;
    job->embedding.feature = g_memdup2(embedding->feature, bytes);
    job->embedding.point = embedding->point ? g_memdup2(embedding->point, bytes) : NULL;
  }
  job->done = TRUE;
  g_cond_signal(job->changed);
  g_mutex_unlock(job->lock);
}

/* A job ends by on_done(), now or later. FALSE where the engine takes nothing any more. */
static gboolean
begin(HysacEngine *engine, Job *job, const char *path, GError **error)
{
  g_autoptr(GError) local = NULL;
  job->done = FALSE;
  job->pixbuf = read_picture(path, &local);
  if (job->pixbuf == NULL) {
    on_done(NULL, local, job);
    return TRUE;
  }
  HysacFrame frame = {
    .format = gdk_pixbuf_get_n_channels(job->pixbuf) == 4 ? HYSAC_FORMAT_RGBA : HYSAC_FORMAT_RGB,
    .width = (guint) gdk_pixbuf_get_width(job->pixbuf),
    .height = (guint) gdk_pixbuf_get_height(job->pixbuf),
    .planes = { gdk_pixbuf_read_pixels(job->pixbuf) },
    .strides = { (gsize) gdk_pixbuf_get_rowstride(job->pixbuf) },
    .sizes = { gdk_pixbuf_get_byte_length(job->pixbuf) },
  };
  if (hysac_engine_submit(engine, &frame, NULL, on_done, job, &local))
    return TRUE;
  if (g_error_matches(local, HYSAC_ERROR, HYSAC_ERROR_DEVICE_LOST)) {
    job_clear(job);
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
  }
  g_prefix_error(&local, "%s: ", path);
  on_done(NULL, local, job);
  return TRUE;
}

/* Errors of the engine do not name the file. */
static void
name_file(Job *job, const char *path)
{
  if (job->error != NULL && !g_str_has_prefix(job->error->message, path))
    g_prefix_error(&job->error, "%s: ", path);
}

gboolean
tool_embed_pictures(HysacEngine *engine, char **paths, ToolPictureFunc func, gpointer user_data,
                    GError **error)
{
  GMutex lock;
  GCond changed;
  Job jobs[AHEAD] = { 0 };
  guint n = g_strv_length(paths), begun = 0;
  gboolean ok = TRUE;

  g_mutex_init(&lock);
  g_cond_init(&changed);
  for (guint i = 0; i < AHEAD; i++) {
    jobs[i].lock = &lock;
    jobs[i].changed = &changed;
  }
  for (guint i = 0; i < n; i++) {
    for (; ok && begun < n && begun < i + AHEAD; begun += ok)
      ok = begin(engine, &jobs[begun % AHEAD], paths[begun], error);
    if (i == begun)
      break;
    Job *job = &jobs[i % AHEAD];
    g_mutex_lock(&lock);
    while (!job->done)
      g_cond_wait(&changed, &lock);
    g_mutex_unlock(&lock);
    name_file(job, paths[i]);
    func(i, job->error ? NULL : &job->embedding, job->error, user_data);
    job_clear(job);
  }
  g_mutex_clear(&lock);
  g_cond_clear(&changed);
  return ok;
}
