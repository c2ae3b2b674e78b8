/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac fit: lines of text, and cues of subtitles -> samples. Each is a clip; where there are several files, a file
 * is one. */

#include "fileid.h"
#include "fit.h"
#include "filekind.h"
#include "progress.h"
#include "texts.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  FitSet *set;
  HysacTextEncoder *encoder;
  gboolean features;
  const char *file;
  FitClip *clip; /* the file's; NULL: each line is one */
  guint64 bytes, size; /* of the file: what has been taken, and all of it; 0: not known */
  GError *broken;
} Reading;

static gboolean
is_blank(const char *text)
{
  return text[strspn(text, " \t\v\f\r")] == '\0';
}

static void
show_progress(const Reading *self)
{
  const FitSet *set = self->set;
  g_autofree char *text = g_strdup_printf("%s: %" G_GUINT64_FORMAT " texts", set->what, set->samples);
  tool_progress(self->size > 0 ? MIN((double) self->bytes / (double) self->size, 1) : 0, text);
}

/* @feature: where features are kept. */
static void
add_sample(Reading *self, double distance, const float *feature)
{
  FitClip *clip = self->clip ? self->clip : fit_set_add_clip(self->set, "");
  g_array_append_val(clip->distances, distance);
  if (self->features)
    g_array_append_vals(clip->features, feature, hysac_text_encoder_get_dim(self->encoder));
  self->set->samples++;
}

/* The text's, or the encoder's, which ends it all. */
static void
take_error(Reading *self, const char *origin, const GError *error)
{
  if (!fit_is_file_error(error)) {
    if (self->broken == NULL)
      self->broken = g_error_new(error->domain, error->code, "%s: %s; nothing was written", origin, error->message);
    return;
  }
  tool_progress_clear();
  tool_error("%s: %s", origin, error->message);
  self->set->unreadable++;
}

static void
take_texts(const ToolTexts *texts, gpointer user_data)
{
  Reading *self = user_data;
  HysacTextEmbedding embeddings[TOOL_TEXTS_AT_ONCE];
  GError *errors[TOOL_TEXTS_AT_ONCE];
  const char *some[TOOL_TEXTS_AT_ONCE];
  guint64 lines[TOOL_TEXTS_AT_ONCE];
  ToolTexts full = { some, 0, 0, texts->file, lines };
  for (guint i = 0; i < texts->n; i++) {
    self->bytes += strlen(texts->texts[i]) + 1;
    if (is_blank(texts->texts[i])) { /* nobody scores them */
      self->set->others++;
      continue;
    }
    some[full.n] = texts->texts[i];
    lines[full.n++] = texts->lines[i];
  }
  if (full.n == 0 || self->broken != NULL)
    return;
  tool_embed_texts(self->encoder, &full, HYSAC_TEXT_DEFAULT, embeddings, errors);
  for (guint i = 0; i < full.n; i++) {
    g_autofree char *origin = tool_text_origin(&full, i);
    if (errors[i] == NULL)
      add_sample(self, embeddings[i].distance, embeddings[i].feature);
    else
      take_error(self, origin, errors[i]);
    g_clear_error(&errors[i]);
    hysac_text_embedding_clear(&embeddings[i]);
  }
  show_progress(self);
}

/* ------------------------------------------------------------ subtitles */

#ifndef HYSAC_HAVE_VIDEO
gboolean
fit_cues_encode(FitSet *set, FitClip *clip, const char *file, const FitSampling *sampling, HysacTextEncoder *encoder,
                char **sum, GError **error)
{
  *sum = NULL; /* fit_texts_check() has refused it */
  return TRUE;
}

gboolean
fit_cues_rejoin(FitSet *self, double bound, GError **error)
{
  return TRUE;
}
#endif

/* Why a file of subtitles is not even tried, or NULL. */
static const char *
refuse_subtitles(const char *path)
{
  if (!tool_is_subtitles(path))
    return NULL;
#ifdef HYSAC_HAVE_VIDEO
  g_autofree char *name = g_ascii_strdown(path, -1);
  return g_str_has_suffix(name, ".ass") || g_str_has_suffix(name, ".ssa")
             ? "GStreamer's subparse does not read this kind of subtitles; convert it to SubRip or WebVTT"
             : NULL;
#else
  return "subtitles, whose numbers and times would count as texts; this hysac was built without GStreamer";
#endif
}

/* ------------------------------------------------------------ files */

gboolean
fit_texts_check(char **files, GError **error)
{
  guint inputs = 0;
  for (; files != NULL && *files != NULL; files++) {
    if (strcmp(*files, "-") == 0 && inputs++ > 0) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "standard input can be read once");
      return FALSE;
    }
    const char *problem = refuse_subtitles(*files);
    if (problem != NULL) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "%s: %s", *files, problem);
      return FALSE;
    }
    if (strcmp(*files, "-") != 0 && g_access(*files, R_OK) != 0) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", *files, g_strerror(errno));
      return FALSE;
    }
  }
  return TRUE;
}

/* The SHA-256 of a file of lines, which is read to its end or ends it all. */
static char *
take_lines(Reading *self)
{
  ToolTextFile about;
  GStatBuf st;
  if (strcmp(self->file, "-") != 0 && g_stat(self->file, &st) == 0)
    self->size = (guint64) st.st_size;
  tool_read_text_file(self->file, take_texts, self, &about);
  self->set->unreadable += (guint) about.left_out;
  if (self->broken == NULL && about.sha256 == NULL)
    g_set_error(&self->broken, HYSAC_ERROR, HYSAC_ERROR_IO, "%s cannot be read to its end; nothing was written",
                self->file);
  return about.sha256;
}

/* Of several names of one file the first. Each pipe is another. */
static GPtrArray *
list_files(const char *what, char **files)
{
  GPtrArray *list = g_ptr_array_new();
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  guint links = 0;
  for (; files != NULL && *files != NULL; files++) {
    GStatBuf st;
    if (strcmp(*files, "-") != 0 && g_stat(*files, &st) == 0 && S_ISREG(st.st_mode) &&
        !g_hash_table_add(seen, tool_file_id(&st)))
      links++;
    else
      g_ptr_array_add(list, *files);
  }
  if (links > 0)
    tool_error("note: %s: %u name(s) are of files that are in the list already", what, links);
  return list;
}

gboolean
fit_texts_encode(FitSet *self, const char *what, char **files, const FitSampling *sampling,
                 HysacTextEncoder *encoder, GError **error)
{
  g_autoptr(GPtrArray) list = list_files(what, files);
  const guint n = list->len;
  fit_set_init(self, what);
  self->sums = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < n; i++) {
    const char *file = list->pdata[i];
    Reading reading = { .set = self, .encoder = encoder, .features = sampling->features, .file = file };
    if (n > 1)
      reading.clip = fit_set_add_clip(self, file);
    char *sum = NULL;
    if (!tool_is_subtitles(file))
      sum = take_lines(&reading);
    else if (!fit_cues_encode(self, reading.clip, file, sampling, encoder, &sum, error))
      return FALSE;
    tool_progress_clear();
    if (sum != NULL)
      g_ptr_array_add(self->sums, sum);
    if (reading.broken != NULL) {
      g_propagate_error(error, reading.broken);
      return FALSE;
    }
  }
  if (self->others > 0)
    tool_error("%s: %u blank line(s) passed over", what, self->others);
  fit_set_drop_empty(self);
  return TRUE;
}
