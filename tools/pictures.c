/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Pictures from files through the engine. Decoding is gdk-pixbuf's: grey, palettes and CMYK become RGB,
 * 16 bits a channel become 8, alpha is dropped (not blended; what is judged is also seen over black and white). Two ways: as the reference reads them (Pillow's
 * convert("RGB"): a camera's orientation mark is not followed, of an animation the first frame), and as
 * people are shown them (turned, every frame). Decoding of the next goes on while the engine works on the
 * last.
 */

#include "picturesource.h"
#include "tool.h"

#include <string.h>

#define AHEAD 16
#define AHEAD_BYTES (256 * 1024 * 1024) /* with that many waiting no further one is decoded */

typedef struct {
  GMutex *lock;
  GCond *changed;
  ToolPictureFrame frame; /* its pixbuf is ours */
  gboolean done;
  HysacEmbedding embedding; /* its arrays are ours */
  GError *error;
} Job;

static void
job_clear(Job *self)
{
  g_clear_object(&self->frame.pixbuf);
  hysac_embedding_clear(&self->embedding);
  g_clear_error(&self->error);
}

static void
on_done(const HysacEmbedding *embedding, const GError *error, gpointer user_data)
{
  Job *job = user_data;
  g_mutex_lock(job->lock);
  if (error != NULL)
    job->error = g_error_copy(error);
  if (embedding != NULL)
    job->embedding = hysac_embedding_copy(embedding);
  job->done = TRUE;
  g_cond_signal(job->changed);
  g_mutex_unlock(job->lock);
}

/* A job ends by on_done(), now or later. @shown: with what its transparency draws. FALSE where the engine takes nothing
 * any more. */
static gboolean
begin(HysacEngine *engine, Job *job, gboolean shown, GError **error)
{
  GdkPixbuf *pixbuf = job->frame.pixbuf;
  g_autoptr(GError) local = NULL;
  if (pixbuf == NULL) {
    local = g_steal_pointer(&job->frame.error);
    on_done(NULL, local, job);
    return TRUE;
  }
  const gboolean four = gdk_pixbuf_get_n_channels(pixbuf) == 4;
  HysacFrame frame = {
    .format = four ? HYSAC_FORMAT_RGBA : HYSAC_FORMAT_RGB,
    .alpha = four && shown ? HYSAC_ALPHA_STRAIGHT : HYSAC_ALPHA_NONE,
    .width = (guint) gdk_pixbuf_get_width(pixbuf),
    .height = (guint) gdk_pixbuf_get_height(pixbuf),
    .planes = { gdk_pixbuf_read_pixels(pixbuf) },
    .strides = { (gsize) gdk_pixbuf_get_rowstride(pixbuf) },
    .sizes = { gdk_pixbuf_get_byte_length(pixbuf) },
  };
  if (hysac_engine_submit_shown(engine, &frame, NULL, NULL, NULL, on_done, job, &local))
    return TRUE;
  if (g_error_matches(local, HYSAC_ERROR, HYSAC_ERROR_DEVICE_LOST)) {
    job_clear(job);
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
  }
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

/* What @job keeps of memory while it waits; two copies more where it is translucent. */
static gsize
bytes_of(const Job *job)
{
  GdkPixbuf *pixbuf = job->frame.pixbuf;
  return pixbuf ? gdk_pixbuf_get_byte_length(pixbuf) * (gdk_pixbuf_get_n_channels(pixbuf) == 4 ? 3 : 1) : 0;
}

/* Encodes what @source (taken) gives and reports it in order, on the caller's thread. */
static gboolean
embed_source(HysacEngine *engine, ToolPictureSource *source, gboolean shown, char **paths, ToolFrameFunc func,
             gpointer user_data, GError **error)
{
  GMutex lock;
  GCond changed;
  Job jobs[AHEAD] = { 0 };
  guint begun = 0;
  gsize held = 0;
  gboolean ok = TRUE, more = TRUE;

  g_mutex_init(&lock);
  g_cond_init(&changed);
  for (guint i = 0; i < AHEAD; i++) {
    jobs[i].lock = &lock;
    jobs[i].changed = &changed;
  }
  for (guint i = 0;; i++) {
    while (ok && more && begun < i + AHEAD && held < AHEAD_BYTES) {
      Job *job = &jobs[begun % AHEAD];
      job->done = FALSE;
      more = tool_picture_source_next(source, &job->frame);
      if (more)
        ok = begin(engine, job, shown, error);
      held += bytes_of(job);
      begun += ok && more;
    }
    if (i == begun)
      break;
    Job *job = &jobs[i % AHEAD];
    g_mutex_lock(&lock);
    while (!job->done)
      g_cond_wait(&changed, &lock);
    g_mutex_unlock(&lock);
    name_file(job, paths[job->frame.index]);
    func(job->frame.index, job->frame.number, job->frame.last, job->error ? NULL : &job->embedding,
         job->error, user_data);
    held -= bytes_of(job);
    job_clear(job);
  }
  tool_picture_source_free(source);
  g_mutex_clear(&lock);
  g_cond_clear(&changed);
  return ok;
}

gboolean
tool_embed_frames(HysacEngine *engine, char **paths, ToolFrameFunc func, gpointer user_data,
                  GError **error)
{
  return embed_source(engine, tool_picture_source_new(paths, TRUE, FALSE), TRUE, paths, func, user_data, error);
}

typedef struct {
  ToolPictureFunc func;
  gpointer user_data;
} Single;

static void
on_single(guint index, guint frame, gboolean last, const HysacEmbedding *embedding, const GError *error,
          gpointer user_data)
{
  const Single *single = user_data;
  single->func(index, embedding, error, single->user_data);
}

gboolean
tool_embed_pictures(HysacEngine *engine, char **paths, ToolPictures kind, ToolPictureFunc func, gpointer user_data,
                    GError **error)
{
  Single single = { func, user_data };
  return embed_source(engine, tool_picture_source_new(paths, kind == TOOL_PICTURES_AS_SHOWN, TRUE), kind == TOOL_PICTURES_TO_FIT,
                      paths, on_single, &single, error);
}
