/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/shown.h"

#include "opencl/frame_layout.h"

#include <string.h>

#define N_OVER 2 /* black, white */

/* One request of the caller's; that of its colours and those over each background are the engine's. */
typedef struct {
  GMutex lock;
  guint left; /* the engine's requests without an answer */
  guint8 *over[N_OVER];
  HysacEmbedding farthest; /* its arrays are ours */
  GError *error;           /* the first */
  GDestroyNotify release;
  HysacEngineFunc done;
  gpointer user_data;
} Shown;

gboolean
hysac_frame_is_translucent(const HysacFrame *frame)
{
  if (frame->alpha == HYSAC_ALPHA_NONE)
    return FALSE;
  guint8 opaque[4] = { 0 };
  guint32 mask;
  opaque[hysac_format_alpha_byte(frame->format)] = 255;
  memcpy(&mask, opaque, sizeof mask);
  for (guint y = 0; y < frame->height; y++) {
    const guint8 *row = frame->planes[0] + y * frame->strides[0];
    guint32 all = mask;
    for (guint x = 0; x < frame->width; x++) {
      guint32 pixel;
      memcpy(&pixel, row + (gsize) x * 4, sizeof pixel);
      all &= pixel;
    }
    if (all != mask)
      return TRUE;
  }
  return FALSE;
}

/* The picture over a grey, opaque; rounded to the nearest. */
static void
draw_over(const HysacFrame *frame, guint grey, guint8 *out)
{
  const int a_at = hysac_format_alpha_byte(frame->format);
  for (guint y = 0; y < frame->height; y++) {
    const guint8 *in = frame->planes[0] + y * frame->strides[0];
    for (guint x = 0; x < frame->width; x++, in += 4, out += 4) {
      const guint a = in[a_at], behind = grey * (255 - a);
      for (guint i = 0; i < 4; i++) {
        const guint front = frame->alpha == HYSAC_ALPHA_PREMULTIPLIED ? in[i] * 255u : in[i] * a;
        out[i] = (guint8) MIN((front + behind + 127) / 255, 255);
      }
      out[a_at] = 255;
    }
  }
}

static void
finish(Shown *self)
{
  self->done(self->error ? NULL : &self->farthest, self->error, self->user_data);
  for (guint i = 0; i < N_OVER; i++)
    g_free(self->over[i]);
  hysac_embedding_clear(&self->farthest);
  g_clear_error(&self->error);
  g_mutex_clear(&self->lock);
  g_free(self);
}

/* Without geometry no distance is a number, and the first answer stays. */
static void
take(Shown *self, const HysacEmbedding *embedding)
{
  if (self->farthest.feature && !(embedding->distance > self->farthest.distance))
    return;
  hysac_embedding_clear(&self->farthest);
  self->farthest = hysac_embedding_copy(embedding);
}

static void
on_part(const HysacEmbedding *embedding, const GError *error, gpointer user_data)
{
  Shown *self = user_data;
  g_mutex_lock(&self->lock);
  if (embedding)
    take(self, embedding);
  else if (!self->error)
    self->error = g_error_copy(error);
  const gboolean last = --self->left == 0;
  g_mutex_unlock(&self->lock);
  if (last)
    finish(self);
}

static void
on_release(gpointer user_data)
{
  Shown *self = user_data;
  self->release(self->user_data);
}

static void
submit_over(Shown *self, HysacEngine *engine, const HysacFrame *frame, guint8 *pixels)
{
  g_autoptr(GError) error = NULL;
  HysacFrame over = *frame;
  over.alpha = HYSAC_ALPHA_NONE;
  over.planes[0] = pixels;
  over.strides[0] = (gsize) frame->width * 4;
  over.sizes[0] = over.strides[0] * frame->height;
  if (!hysac_engine_submit(engine, &over, NULL, on_part, self, &error))
    on_part(NULL, error, self);
}

static gboolean
submit_translucent(HysacEngine *engine, const HysacFrame *frame, GDestroyNotify release, HysacEngineFunc done,
                   gpointer user_data, GError **error)
{
  const gsize size = (gsize) frame->width * frame->height * 4;
  Shown *self = g_new0(Shown, 1);
  *self = (Shown) { .left = 1 + N_OVER, .release = release, .done = done, .user_data = user_data };
  g_mutex_init(&self->lock);
  gboolean ok = TRUE;
  for (guint i = 0; i < N_OVER; i++)
    ok = ok && (self->over[i] = g_try_malloc(size)) != NULL;
  if (!ok)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY, "%" G_GSIZE_FORMAT " bytes for a picture with transparency",
                size * N_OVER);
  for (guint i = 0; ok && i < N_OVER; i++)
    draw_over(frame, i ? 255 : 0, self->over[i]);
  /* Its planes may be gone, and it may be answered, when this returns: the others are there by then. */
  guint8 *const over[N_OVER] = { self->over[0], self->over[1] };
  if (ok && hysac_engine_submit(engine, frame, release ? on_release : NULL, on_part, self, error)) {
    for (guint i = 0; i < N_OVER; i++)
      submit_over(self, engine, frame, over[i]);
    return TRUE;
  }
  for (guint i = 0; i < N_OVER; i++)
    g_free(self->over[i]);
  g_mutex_clear(&self->lock);
  g_free(self);
  return FALSE;
}

gboolean
hysac_engine_submit_shown(HysacEngine *self, const HysacFrame *frame, HysacReference *reference, const HysacReuse *reuse,
                          GDestroyNotify release, HysacEngineFunc done, gpointer user_data, GError **error)
{
  if (!hysac_frame_check(frame, error))
    return FALSE;
  if (hysac_frame_is_translucent(frame))
    return submit_translucent(self, frame, release, done, user_data, error);
  return reference ? hysac_engine_submit_reusing(self, frame, reference, reuse, release, done, user_data, error)
                   : hysac_engine_submit(self, frame, release, done, user_data, error);
}
