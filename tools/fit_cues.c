/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac fit: cues of subtitles -> samples, each scored as hysactext scores it: the farthest of its readings, and of the
 * texts that it makes with the cues before it. Which cues those are depends on the bound, since what is itself unsafe is
 * not joined: fit_cues_rejoin(). */

#include "fit.h"
#include "gst/textjoin.h"
#include "progress.h"
#include "subtitles.h"
#include "texts.h"

#include <math.h>
#include <string.h>

/* What the encoder made of a text. */
typedef struct {
  double distance; /* NAN: nothing */
  float *feature;  /* nullable */
} Scored;

/* Where a cue's sample stands. */
typedef struct {
  FitClip *clip; /* NULL: it has none */
  guint at;
} Place;

typedef struct {
  char *file;
  ToolSubtitles subtitles;
  Place *places; /* one a cue */
  GHashTable *scored; /* text (its own) -> Scored */
  HysacTextEncoder *encoder;
  GstHysacTextJoining joining;
  gboolean features;
} FitFilm;

static void
scored_free(gpointer data)
{
  Scored *scored = data;
  g_free(scored->feature);
  g_free(scored);
}

static void
film_free(gpointer data)
{
  FitFilm *self = data;
  g_free(self->file);
  tool_subtitles_clear(&self->subtitles);
  g_free(self->places);
  g_hash_table_unref(self->scored);
  hysac_text_encoder_unref(self->encoder);
  g_free(self);
}

/* ------------------------------------------------------------ the encoder */

/* At most TOOL_TEXTS_AT_ONCE texts. FALSE with @error where the encoder is to blame, not a text. */
static gboolean
score_some(FitFilm *self, const char *const *some, guint n, GError **error)
{
  HysacTextEmbedding embeddings[TOOL_TEXTS_AT_ONCE];
  GError *errors[TOOL_TEXTS_AT_ONCE];
  const ToolTexts texts = { some, n, 0, self->file, NULL };
  gboolean ok = TRUE;
  tool_embed_texts(self->encoder, &texts, HYSAC_TEXT_DEFAULT, embeddings, errors);
  for (guint i = 0; i < n; i++) {
    Scored *scored = g_new0(Scored, 1);
    scored->distance = errors[i] == NULL ? embeddings[i].distance : (double) NAN;
    if (errors[i] == NULL && self->features)
      scored->feature = g_memdup2(embeddings[i].feature, embeddings[i].dim * sizeof(float));
    g_hash_table_insert(self->scored, g_strdup(some[i]), scored);
    if (errors[i] != NULL && ok && !fit_is_file_error(errors[i])) {
      g_set_error(error, errors[i]->domain, errors[i]->code, "%s: %s; nothing was written", self->file,
                  errors[i]->message);
      ok = FALSE;
    }
    g_clear_error(&errors[i]);
    hysac_text_embedding_clear(&embeddings[i]);
  }
  return ok;
}

/* Those that are new, in runs as large as may be. @what: to show how far it is; (nullable) */
static gboolean
score_all(FitFilm *self, const GPtrArray *texts, const char *what, GError **error)
{
  const char *some[TOOL_TEXTS_AT_ONCE];
  guint n = 0;
  gboolean ok = TRUE;
  for (guint i = 0; i <= texts->len && ok; i++) {
    const gboolean end = i == texts->len;
    if (!end && !g_hash_table_contains(self->scored, texts->pdata[i]))
      some[n++] = texts->pdata[i];
    if (n == 0 || (n < TOOL_TEXTS_AT_ONCE && !end))
      continue;
    ok = score_some(self, some, n, error);
    n = 0;
    if (what != NULL) {
      g_autofree char *text = g_strdup_printf("%s: %s", what, self->file);
      tool_progress((double) i / (double) texts->len, text);
    }
  }
  if (what != NULL)
    tool_progress_clear();
  return ok;
}

/* ------------------------------------------------------------ cues */

/* The farthest of @texts; NULL where there is none, or one without a distance: who does not know all of a
 * cue knows nothing. */
static const Scored *
farthest(const FitFilm *self, const GPtrArray *texts)
{
  const Scored *best = NULL;
  for (guint i = 0; i < texts->len; i++) {
    const Scored *scored = g_hash_table_lookup(self->scored, texts->pdata[i]);
    if (scored == NULL || isnan(scored->distance))
      return NULL;
    if (best == NULL || scored->distance > best->distance)
      best = scored;
  }
  return best;
}

/* All that hysactext scores at a cue: its readings, and what it makes with those in @past. */
static GPtrArray *
list_texts(const FitFilm *self, const ToolCue *cue, const GstHysacTextPast *past)
{
  GPtrArray *texts = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < cue->readings->len; i++)
    gst_hysac_text_add_once(texts, cue->readings->pdata[i]);
  gst_hysac_text_past_join(past, cue->joined, cue->running, &self->joining, texts);
  return texts;
}

/* What most bounds ask for: every cue is shown, and joined. */
static gboolean
score_shown(FitFilm *self, const char *what, GError **error)
{
  g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
  GstHysacTextPast past = { 0 };
  for (guint i = 0; i < self->subtitles.cues->len; i++) {
    const ToolCue *cue = self->subtitles.cues->pdata[i];
    g_autoptr(GPtrArray) texts = list_texts(self, cue, &past);
    g_ptr_array_extend_and_steal(all, g_steal_pointer(&texts));
    gst_hysac_text_past_remember(&past, cue->joined, cue->running, &self->joining);
  }
  gst_hysac_text_past_forget(&past);
  return score_all(self, all, what, error);
}

/* What counts of each cue, by hysactext's verdicts with @bound. @found: one a cue, NULL where there is no distance. */
static gboolean
judge_cues(FitFilm *self, double bound, const Scored **found, GError **error)
{
  GstHysacTextPast past = { 0 };
  gboolean ok = TRUE;
  for (guint i = 0; i < self->subtitles.cues->len && ok; i++) {
    const ToolCue *cue = self->subtitles.cues->pdata[i];
    g_autoptr(GPtrArray) texts = list_texts(self, cue, &past);
    ok = score_all(self, texts, NULL, error);
    found[i] = farthest(self, texts);
    if (found[i] != NULL && !(found[i]->distance > bound)) /* else it was not shown as it came */
      gst_hysac_text_past_remember(&past, cue->joined, cue->running, &self->joining);
  }
  gst_hysac_text_past_forget(&past);
  return ok;
}

/* @clip: that all are of, or NULL: each its own. */
static void
add_samples(FitFilm *self, FitSet *set, FitClip *clip, const Scored *const *found)
{
  const guint dim = hysac_text_encoder_get_dim(self->encoder);
  for (guint i = 0; i < self->subtitles.cues->len; i++) {
    if (found[i] == NULL) {
      set->unreadable++;
      continue;
    }
    FitClip *to = clip ? clip : fit_set_add_clip(set, "");
    self->places[i] = (Place) { to, to->distances->len };
    g_array_append_val(to->distances, found[i]->distance);
    if (self->features)
      g_array_append_vals(to->features, found[i]->feature, dim);
    set->samples++;
  }
}

static FitFilm *
film_new(const char *file, const ToolSubtitles *subtitles, const FitSampling *sampling, HysacTextEncoder *encoder)
{
  FitFilm *self = g_new0(FitFilm, 1);
  self->file = g_strdup(file);
  self->subtitles = *subtitles;
  self->places = g_new0(Place, subtitles->cues->len + 1);
  self->scored = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, scored_free);
  self->encoder = hysac_text_encoder_ref(encoder);
  self->joining = (GstHysacTextJoining) { sampling->join_buffers, sampling->join_gap };
  self->features = sampling->features;
  return self;
}

gboolean
fit_cues_encode(FitSet *set, FitClip *clip, const char *file, const FitSampling *sampling, HysacTextEncoder *encoder,
                char **sum, GError **error)
{
  g_autoptr(GError) local = NULL;
  g_autofree char *data = NULL;
  ToolSubtitles subtitles;
  gsize size;
  *sum = NULL;
  if (!g_file_get_contents(file, &data, &size, &local) || !tool_subtitles_read(file, &subtitles, &local)) {
    tool_progress_clear();
    tool_error("%s", local->message);
    set->unreadable++;
    return TRUE;
  }
  FitFilm *film = film_new(file, &subtitles, sampling, encoder);
  g_autofree const Scored **found = g_new0(const Scored *, subtitles.cues->len + 1);
  if (set->films == NULL)
    set->films = g_ptr_array_new_with_free_func(film_free);
  g_ptr_array_add(set->films, film);
  if (!score_shown(film, set->what, error) || !judge_cues(film, (double) INFINITY, found, error))
    return FALSE;
  set->unreadable += subtitles.unreadable;
  add_samples(film, set, clip, found);
  *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *) data, size);
  return TRUE;
}

gboolean
fit_cues_rejoin(FitSet *self, double bound, GError **error)
{
  for (guint f = 0; self->films != NULL && f < self->films->len; f++) {
    FitFilm *film = self->films->pdata[f];
    g_autofree const Scored **found = g_new0(const Scored *, film->subtitles.cues->len + 1);
    if (!judge_cues(film, bound, found, error))
      return FALSE;
    for (guint i = 0; i < film->subtitles.cues->len; i++) {
      const Place *place = &film->places[i];
      if (place->clip != NULL && found[i] != NULL)
        g_array_index(place->clip->distances, double, place->at) = found[i]->distance;
    }
  }
  return TRUE;
}
