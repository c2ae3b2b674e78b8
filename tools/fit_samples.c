/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac fit: files -> samples of clips. */

#include "fit.h"
#include "progress.h"

#include <math.h>
#include <string.h>

#define HOUR 3600e9 /* ns */

/* ------------------------------------------------------------ clips */

gboolean
fit_is_file_error(const GError *error)
{
  return g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_IO) ||
         g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT) ||
         g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT) ||
         g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED) ||
         error->domain != HYSAC_ERROR;
}

void
fit_clip_add(FitClip *self, const HysacEmbedding *embedding, gint64 time, gboolean boundary,
             gboolean features)
{
  const guint8 mark = boundary ? 1 : 0;
  g_array_append_val(self->distances, embedding->distance);
  g_array_append_val(self->times, time);
  g_array_append_val(self->boundaries, mark);
  if (features)
    g_array_append_vals(self->features, embedding->feature, embedding->dim);
}

HysacClip *
fit_set_view(const FitSet *self)
{
  HysacClip *views = g_new0(HysacClip, self->clips->len + 1);
  for (guint i = 0; i < self->clips->len; i++) {
    const FitClip *clip = self->clips->pdata[i];
    views[i] = (HysacClip) { .distances = (const double *) (void *) clip->distances->data,
                             .times = (const gint64 *) (void *) clip->times->data,
                             .boundaries = (const guint8 *) clip->boundaries->data,
                             .n = clip->distances->len,
                             .hours = clip->hours };
  }
  return views;
}

double *
fit_set_distances(const FitSet *self)
{
  double *all = g_new(double, self->samples + 1);
  gsize at = 0;
  for (guint i = 0; i < self->clips->len; i++) {
    const FitClip *clip = self->clips->pdata[i];
    memcpy(all + at, clip->distances->data, clip->distances->len * sizeof(double));
    at += clip->distances->len;
  }
  return all;
}

/* ------------------------------------------------------------ pictures */

typedef struct {
  FitSet *set;
  const FitSampling *sampling;
  guint first; /* of the set's items */
  gboolean broken;
} Pictures;

static void
show_progress(const FitSet *set, guint item)
{
  g_autofree char *text = g_strdup_printf("%s: %u/%u", set->what, item + 1, set->items->len);
  tool_progress((item + 1) / (double) set->items->len, text);
}

static void
say(const char *text)
{
  tool_progress_clear();
  tool_error("%s", text);
}

static void
take_picture(guint index, const HysacEmbedding *embedding, const GError *error, gpointer user_data)
{
  Pictures *self = user_data;
  FitSet *set = self->set;
  const FitItem *item = set->items->pdata[self->first + index];
  show_progress(set, self->first + index);
  if (error == NULL) {
    const guint n = item->clip->distances->len;
    const gboolean in_time = self->sampling->folder_clips && self->sampling->interval > 0;
    fit_clip_add(item->clip, embedding, n * self->sampling->interval, n == 0, self->sampling->features);
    item->clip->hours = in_time ? (n + 1) * (double) self->sampling->interval / HOUR : 0;
    g_ptr_array_add(set->used, item->path);
    return;
  }
  say(error->message);
  if (fit_is_file_error(error))
    set->unreadable++;
  else
    self->broken = TRUE;
}

/* The pictures from item @first up to the next video. */
static gboolean
encode_pictures(FitSet *set, HysacEngine *engine, const FitSampling *sampling, guint *first, GError **error)
{
  Pictures self = { set, sampling, *first, FALSE };
  g_autoptr(GPtrArray) paths = g_ptr_array_new();
  for (; *first < set->items->len; ++*first) {
    const FitItem *item = set->items->pdata[*first];
    if (item->video)
      break;
    g_ptr_array_add(paths, item->path);
  }
  g_ptr_array_add(paths, NULL);
  if (!tool_embed_pictures(engine, (char **) paths->pdata, TOOL_PICTURES_TO_FIT, take_picture, &self, error))
    return FALSE;
  if (self.broken)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_DEVICE, "the encoder failed; nothing was written");
  return !self.broken;
}

/* ------------------------------------------------------------ both */

#ifndef HYSAC_HAVE_VIDEO
gboolean
fit_sample_video(HysacEngine *engine, const char *path, const FitSampling *sampling, FitClip *clip,
                 gboolean *broken, GError **error)
{
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "this hysac was built without GStreamer: no videos");
  return FALSE;
}
#endif

static gboolean
encode_video(FitSet *set, HysacEngine *engine, const FitSampling *sampling, const FitItem *item,
             GError **error)
{
  g_autoptr(GError) local = NULL;
  gboolean broken = FALSE;
  const gboolean ok = fit_sample_video(engine, item->path, sampling, item->clip, &broken, &local);
  if (broken) {
    g_propagate_prefixed_error(error, g_steal_pointer(&local), "%s: ", item->path);
    return FALSE;
  }
  const guint n = item->clip->distances->len;
  if (!ok) {
    g_autofree char *text = g_strdup_printf("%s: %s%s", item->path, local->message,
                                            n > 0 ? "; what came before counts" : "");
    say(text);
  }
  if (n > 0)
    g_ptr_array_add(set->used, item->path);
  if (!ok)
    set->unreadable++;
  return TRUE;
}

void
fit_set_drop_empty(FitSet *set)
{
  set->samples = 0;
  for (guint i = set->clips->len; i > 0; i--) {
    const FitClip *clip = set->clips->pdata[i - 1];
    if (clip->distances->len == 0)
      g_ptr_array_remove_index(set->clips, i - 1);
    else
      set->samples += clip->distances->len;
  }
}

gboolean
fit_set_encode(FitSet *self, HysacEngine *engine, const FitSampling *sampling, GError **error)
{
  for (guint i = 0; i < self->items->len;) {
    const FitItem *item = self->items->pdata[i];
    const gboolean ok = item->video ? encode_video(self, engine, sampling, item, error)
                                    : encode_pictures(self, engine, sampling, &i, error);
    if (!ok) {
      tool_progress_clear();
      return FALSE;
    }
    if (item->video)
      show_progress(self, i++);
  }
  tool_progress_clear();
  fit_set_drop_empty(self);
  return TRUE;
}
