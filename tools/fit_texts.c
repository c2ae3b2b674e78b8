/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac fit: lines of text -> samples. A line is a clip; where there are several files, a file is one. */

#include "fit.h"
#include "progress.h"
#include "texts.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  FitSet *set;
  HysacTextEncoder *encoder;
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

static void
take_one(Reading *self, const ToolTexts *texts, guint i, const HysacTextEmbedding *found, const GError *error)
{
  FitSet *set = self->set;
  if (error == NULL) {
    FitClip *clip = self->clip ? self->clip : fit_set_add_clip(set, "");
    g_array_append_val(clip->distances, found->distance);
    set->samples++;
    return;
  }
  g_autofree char *origin = tool_text_origin(texts, i);
  if (!fit_is_file_error(error)) {
    if (self->broken == NULL)
      self->broken = g_error_new(error->domain, error->code, "%s: %s; nothing was written", origin, error->message);
    return;
  }
  tool_progress_clear();
  tool_error("%s: %s", origin, error->message);
  set->unreadable++;
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
    take_one(self, &full, i, &embeddings[i], errors[i]);
    g_clear_error(&errors[i]);
    hysac_text_embedding_clear(&embeddings[i]);
  }
  show_progress(self);
}

gboolean
fit_texts_check(char **files, GError **error)
{
  static const char *const subtitles[] = { ".srt", ".vtt", ".ass", ".ssa", ".sub" };
  guint inputs = 0;
  for (; files != NULL && *files != NULL; files++) {
    if (strcmp(*files, "-") == 0 && inputs++ > 0) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "standard input can be read once");
      return FALSE;
    }
    g_autofree char *name = g_ascii_strdown(*files, -1);
    for (guint i = 0; i < G_N_ELEMENTS(subtitles); i++) {
      if (!g_str_has_suffix(name, subtitles[i]))
        continue;
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED,
                  "%s: subtitles, whose numbers and times would count as texts; give their texts, a line each", *files);
      return FALSE;
    }
    if (strcmp(*files, "-") != 0 && g_access(*files, R_OK) != 0) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", *files, g_strerror(errno));
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
fit_texts_encode(FitSet *self, const char *what, char **files, HysacTextEncoder *encoder, GError **error)
{
  const guint n = files != NULL ? g_strv_length(files) : 0;
  fit_set_init(self, what);
  self->sums = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < n; i++) {
    GStatBuf st;
    ToolTextFile about;
    Reading reading = { .set = self, .encoder = encoder, .file = files[i] };
    if (n > 1)
      reading.clip = fit_set_add_clip(self, files[i]);
    if (strcmp(files[i], "-") != 0 && g_stat(files[i], &st) == 0)
      reading.size = (guint64) st.st_size;
    tool_read_text_file(files[i], take_texts, &reading, &about);
    tool_progress_clear();
    self->unreadable += (guint) about.left_out;
    if (reading.broken == NULL && about.sha256 == NULL)
      g_set_error(&reading.broken, HYSAC_ERROR, HYSAC_ERROR_IO, "%s cannot be read to its end; nothing was written",
                  files[i]);
    if (reading.broken != NULL) {
      g_free(about.sha256);
      g_propagate_error(error, reading.broken);
      return FALSE;
    }
    g_ptr_array_add(self->sums, about.sha256);
  }
  if (self->others > 0)
    tool_error("%s: %u blank line(s) passed over", what, self->others);
  fit_set_drop_empty(self);
  return TRUE;
}
