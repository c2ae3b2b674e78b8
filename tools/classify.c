/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac classify: pictures and texts -> verdicts. */

#include "progress.h"
#include "stop.h"
#include "texts.h"
#include "tool.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  ToolSession session;
  char **names, **texts;
  char **files;
  double bound, text_bound; /* 0: the model's */
  gboolean json, fail_on_unsafe;

  HysacRegion region; /* of what is being judged: pictures, then texts */
  HysacConcepts *concepts; /* borrowed; NULL where it has none, or no points of them */
  double curvature;
  HysacHead *head; /* of features of pictures; NULL where the model has none */
  gboolean failed, unsafe;
  char *stopped_at; /* the first text that was not finished, and how far it was */

  /* The picture at hand: its worst frame so far. */
  guint frames, worst;
  double distance;
  float *point;
  HysacHeadScore head_score; /* of the frame of which the head says most, maybe another */
} Classify;

typedef struct {
  const char *input, *kind, *error;
  const char *origin; /* where the input is from; NULL: that is its name */
  guint parts, worst; /* frames or windows, and which of them counts */
  double distance;
  const float *point; /* nullable */
  const HysacHeadScore *head; /* nullable */
} Result;

static gboolean
score_concepts(const Classify *self, const Result *result, HysacCategoryScore *scores)
{
  if (self->concepts == NULL || result->point == NULL || result->error != NULL)
    return FALSE;
  g_autofree HysacConceptScore *each =
      g_new(HysacConceptScore, hysac_concepts_get_count(self->concepts));
  hysac_concepts_score(self->concepts, result->point, self->curvature, each, scores);
  return TRUE;
}

static const char *
concept_name(const Classify *self, const HysacCategoryScore *score)
{
  return hysac_concepts_get(self->concepts, (guint) score->nearest)->name;
}

/* Beside "input", which is the name already; a line of a file has none there. */
static void
append_error(GString *line, const Result *result)
{
  const char *error = result->error;
  if (error != NULL && result->origin != NULL) {
    g_autofree char *text = g_strdup_printf("%s: %s", result->origin, error);
    hysac_json_append_string(line, text);
    return;
  }
  const gsize n = strlen(result->input);
  hysac_json_append_string(line, error != NULL && strncmp(error, result->input, n) == 0 &&
                                         g_str_has_prefix(error + n, ": ")
                                     ? error + n + 2
                                     : error);
}

static void
print_json(const Classify *self, const Result *result, const HysacVerdict *verdict)
{
  HysacCategoryScore scores[HYSAC_N_CATEGORIES];
  const gboolean pictures = strcmp(result->kind, "picture") == 0;
  GString *line = g_string_new("{\"input\":");
  hysac_json_append_string(line, result->input);
  g_string_append_printf(line, ",\"kind\":\"%s\",\"verdict\":\"%s\",\"distance\":", result->kind,
                         result->error ? "failed" : verdict->unsafe ? "unsafe" : "safe");
  hysac_json_append_double(line, result->error ? (double) NAN : verdict->distance);
  g_string_append(line, ",\"bound\":");
  hysac_json_append_double(line, self->region.bound);
  g_string_append(line, ",\"margin\":");
  hysac_json_append_double(line, result->error ? (double) NAN : verdict->margin);
  g_string_append(line, ",\"score\":");
  hysac_json_append_double(line, result->error ? (double) NAN : verdict->score);
  g_string_append_printf(line, ",\"calibrated\":%s,\"%s\":%u,\"%s\":%u",
                         self->region.calibrated ? "true" : "false", pictures ? "frames" : "windows",
                         result->parts, pictures ? "frame" : "window", result->worst);
  g_string_append(line, ",\"categories\":");
  if (score_concepts(self, result, scores)) {
    gboolean any = FALSE;
    for (guint i = 0; i < HYSAC_N_CATEGORIES; i++) {
      if (scores[i].nearest < 0)
        continue;
      g_string_append_printf(line, "%s{\"category\":\"%s\",\"concept\":", any ? "," : "[",
                             hysac_category_to_string((HysacCategory) i));
      hysac_json_append_string(line, concept_name(self, &scores[i]));
      g_string_append(line, ",\"inner\":");
      hysac_json_append_double(line, scores[i].inner);
      g_string_append(line, ",\"cone\":");
      hysac_json_append_double(line, scores[i].cone);
      g_string_append(line, ",\"lead\":");
      hysac_json_append_double(line, scores[i].lead);
      g_string_append_c(line, '}');
      any = TRUE;
    }
    g_string_append(line, any ? "]" : "[]");
  } else {
    g_string_append(line, "null");
  }
  g_string_append(line, ",\"head\":");
  if (result->head != NULL && result->error == NULL) {
    g_string_append(line, "{\"label\":");
    hysac_json_append_string(line, hysac_head_get_label(self->head, result->head->index));
    g_string_append(line, ",\"score\":");
    hysac_json_append_double(line, result->head->score);
    g_string_append(line, ",\"threshold\":");
    hysac_json_append_double(line, result->head->threshold);
    g_string_append_printf(line, ",\"unsafe\":%s}", result->head->unsafe ? "true" : "false");
  } else {
    g_string_append(line, "null");
  }
  g_string_append(line, ",\"error\":");
  append_error(line, result);
  g_string_append(line, "}");
  puts(line->str);
  g_string_free(line, TRUE);
}

/* Categories in whose cone it lies, or of whose concepts one is nearer than any safe one. */
static void
print_categories(const Classify *self, const Result *result)
{
  HysacCategoryScore scores[HYSAC_N_CATEGORIES];
  const char *before = "  (";
  if (!score_concepts(self, result, scores))
    return;
  for (guint i = 0; i < HYSAC_N_CATEGORIES; i++) {
    if (scores[i].nearest < 0 || !(scores[i].cone <= 0 || scores[i].lead > 0))
      continue;
    g_autofree char *name = tool_shown_name(concept_name(self, &scores[i]));
    printf("%s%s: %s", before, hysac_category_to_string((HysacCategory) i), name);
    before = ", ";
  }
  if (before[0] == ',')
    fputs(")", stdout);
}

static void
print_text_line(const Classify *self, const Result *result, const HysacVerdict *verdict)
{
  g_autofree char *input = (strcmp(result->kind, "text") == 0 ? tool_shown_text : tool_shown_name)(result->input);
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE];
  if (result->error != NULL) {
    g_autofree char *error = tool_shown_name(result->error);
    g_autofree char *origin = tool_shown_name(result->origin ? result->origin : "");
    printf("%-7s %8s %8s  %s%s%s\n", "failed", "-", "-", origin, result->origin ? ": " : "", error);
    return;
  }
  printf("%-7s %8s %8s  %s", verdict->unsafe ? "unsafe" : "safe",
         g_ascii_formatd(a, sizeof a, "%.4f", verdict->distance),
         g_ascii_formatd(b, sizeof b, "%+.4f", verdict->margin), input);
  if (result->parts > 1)
    printf("  [%s %u of %u]", strcmp(result->kind, "picture") == 0 ? "frame" : "window",
           result->worst + 1, result->parts);
  if (result->head != NULL) {
    g_autofree char *label = tool_shown_name(hysac_head_get_label(self->head, result->head->index));
    printf("  [head: %s, %s %s]", result->head->unsafe ? "unsafe" : "safe", label,
           g_ascii_formatd(a, sizeof a, "%.3f", result->head->score));
  }
  print_categories(self, result);
  puts("");
}

static void
give(Classify *self, const Result *result)
{
  HysacVerdict verdict = { 0 };
  Result copy = *result;
  if (copy.error == NULL && !(isfinite(copy.distance) && copy.distance >= 0))
    copy.error = "its distance is no number";
  if (copy.error == NULL)
    verdict = hysac_region_judge(&self->region, copy.distance);
  self->failed |= copy.error != NULL;
  /* Beside the region, never in its place; but who asks to be told is told of both. */
  self->unsafe |= verdict.unsafe || (copy.error == NULL && copy.head != NULL && copy.head->unsafe);
  if (self->json)
    print_json(self, &copy, &verdict);
  else
    print_text_line(self, &copy, &verdict);
}

/* ---------------------------------------------------------------- pictures */

static void
take_head(Classify *self, guint frame, const HysacEmbedding *embedding)
{
  if (self->head == NULL || embedding == NULL)
    return;
  const HysacHeadScore score = hysac_head_score(self->head, embedding->feature, NULL);
  HysacHeadScore *best = &self->head_score;
  if (frame == 0 || hysac_head_score_is_worse(&score, best))
    *best = score;
}

static void
take_frame(guint index, guint frame, gboolean last, const HysacEmbedding *embedding, const GError *error,
           gpointer user_data)
{
  Classify *self = user_data;
  if (frame == 0) {
    self->frames = 0;
    self->distance = -1;
  }
  self->frames++;
  take_head(self, frame, embedding);
  /* What is not a number is worse than any. */
  if (embedding != NULL && !isnan(self->distance) && !(embedding->distance <= self->distance)) {
    self->distance = embedding->distance;
    self->worst = frame;
    g_free(self->point);
    self->point = embedding->point ? g_memdup2(embedding->point, embedding->dim * sizeof(float)) : NULL;
  }
  if (error == NULL && !last)
    return;
  /* One frame that could not be looked at, and nothing is known of the whole; unless it is unsafe already. */
  const gboolean known = error == NULL || (frame > 0 && self->distance > self->region.bound);
  const Result result = { .input = self->names[index], .kind = "picture",
                          .error = known ? NULL : error->message, .parts = self->frames,
                          .worst = self->worst, .distance = self->distance, .point = self->point,
                          .head = self->head && self->distance >= 0 ? &self->head_score : NULL };
  if (error != NULL && known) {
    tool_error("%s", error->message);
    self->failed = TRUE;
  }
  give(self, &result);
  if (error != NULL)
    self->distance = -1;
  g_clear_pointer(&self->point, g_free);
}

static gboolean
set_region(Classify *self, const HysacRegion *region, HysacPrecision precision, double accuracy,
           double bound)
{
  const HysacGeometry *geometry = hysac_model_get_geometry(self->session.model);
  HysacConcepts *concepts = hysac_model_get_concepts(self->session.model);
  if (region == NULL || geometry == NULL) {
    tool_error("%s has no bound: a plain CLIP model embeds, but cannot judge; " TOOL_NO_GEOMETRY,
               hysac_model_get_path(self->session.model));
    return FALSE;
  }
  self->region = hysac_region_in(region, precision, accuracy);
  if (bound > 0)
    self->region = hysac_region_at(&self->region, bound);
  self->curvature = geometry->curvature;
  self->concepts = concepts != NULL && hysac_concepts_is_complete(concepts) &&
                           hysac_concepts_get_count(concepts) > 0
                       ? concepts
                       : NULL;
  return TRUE;
}

static int
classify_pictures(Classify *self)
{
  g_autoptr(GError) error = NULL;
  HysacAccuracy accuracy;
  const int code = tool_session_open(&self->session, "classify");
  if (code != TOOL_OK)
    return code;
  hysac_engine_get_accuracy(self->session.engine, &accuracy);
  if (!set_region(self, hysac_model_get_region(self->session.model),
                  hysac_engine_get_precision(self->session.engine), accuracy.distance, self->bound))
    return TOOL_FAILED;
  gboolean ok = hysac_head_load_beside(self->session.model, &self->head, &error);
  if (ok) {
    tool_note_bound(&self->session, &self->region, self->bound > 0, "", "hysac fit");
    ok = tool_embed_frames(self->session.engine, self->names, take_frame, self, &error);
  }
  if (!ok)
    tool_fail(error, hysac_error_remedy(error));
  return ok ? TOOL_OK : TOOL_FAILED;
}

/* ---------------------------------------------------------------- texts */

static void
take_texts(const ToolTexts *texts, gpointer user_data)
{
  Classify *self = user_data;
  HysacTextEmbedding embeddings[TOOL_TEXTS_AT_ONCE];
  GError *errors[TOOL_TEXTS_AT_ONCE];
  tool_embed_texts(self->session.text, texts, HYSAC_TEXT_DEFAULT, embeddings, errors);
  for (guint i = 0; i < texts->n; i++) {
    g_autofree char *origin = tool_text_origin(texts, i);
    const Result result = { .input = texts->texts[i], .origin = origin, .kind = "text",
                            .error = errors[i] ? errors[i]->message : NULL,
                            .parts = (guint) embeddings[i].windows, .worst = (guint) embeddings[i].worst,
                            .distance = embeddings[i].distance, .point = embeddings[i].point };
    if (errors[i] == NULL || !g_error_matches(errors[i], HYSAC_ERROR, HYSAC_ERROR_CANCELLED))
      give(self, &result);
    else if (self->stopped_at == NULL) /* neither judged nor failed */
      self->stopped_at = g_strdup_printf("%s: %s", origin, errors[i]->message);
    g_clear_error(&errors[i]);
    hysac_text_embedding_clear(&embeddings[i]);
  }
  fflush(stdout);
}

static void
take_bad_text(const char *shown, const char *origin, const char *problem, gpointer user_data)
{
  const Result result = { .input = shown, .origin = origin, .kind = "text", .error = problem };
  give(user_data, &result);
  fflush(stdout);
}

static int
classify_texts(Classify *self)
{
  const int code = tool_session_open_text(&self->session, "classify");
  if (code != TOOL_OK)
    return code;
  const HysacRegion *own = hysac_model_get_text_region(self->session.model);
  const HysacRegion given = hysac_region_at(own, self->text_bound);
  if (own == NULL && !(self->text_bound > 0)) {
    tool_error("%s states no bound of safe texts (bounds.S.up_95) and none was fitted: give --text-bound, or hysac fit "
               "--texts",
               hysac_model_get_path(self->session.model));
    return TOOL_FAILED;
  }
  if (!set_region(self, own ? own : &given, HYSAC_PRECISION_FP32, 0, self->text_bound))
    return TOOL_FAILED;
  tool_note_bound(&self->session, &self->region, self->text_bound > 0, " of texts", "hysac fit --texts");
  tool_stop_catch();
  const gboolean ok = tool_read_texts(self->texts, self->files, take_texts, take_bad_text, self);
  if (!tool_stopped())
    return ok ? TOOL_OK : TOOL_FAILED;
  tool_progress_clear();
  tool_error("%s%swhat was judged before is printed", self->stopped_at ? self->stopped_at : "stopped",
             self->stopped_at ? "; " : ": ");
  return TOOL_STOPPED;
}

/* "--text A B" leaves B a picture. What is named like a file that is missing fails by itself. */
static gboolean
check_names(const Classify *self)
{
  for (guint i = 0; self->texts != NULL && self->names != NULL && self->names[i] != NULL; i++) {
    const gboolean like_a_file = strchr(self->names[i], '.') != NULL && strpbrk(self->names[i], " \t") == NULL;
    if (like_a_file || g_file_test(self->names[i], G_FILE_TEST_EXISTS))
      continue;
    g_autofree char *shown = tool_shown_name(self->names[i]);
    tool_error("\"%s\" is no file; what has no option before it is a picture: --text once for each text", shown);
    return FALSE;
  }
  return TRUE;
}

static int
run(Classify *self)
{
  int code = TOOL_OK;
  if (self->names == NULL && self->texts == NULL && self->files == NULL) {
    tool_error("classify needs a picture or a text; see hysac help classify");
    return TOOL_USAGE;
  }
  if (!(self->bound >= 0 && self->bound <= 1000 && self->text_bound >= 0 && self->text_bound <= 1000)) {
    tool_error("a bound is a distance from 0 to 1000; 0 is the model's");
    return TOOL_USAGE;
  }
  if (!check_names(self))
    return TOOL_USAGE;
  if (self->names != NULL)
    code = classify_pictures(self);
  if (code == TOOL_OK && (self->texts != NULL || self->files != NULL))
    code = classify_texts(self);
  if (code == TOOL_USAGE)
    return code;
  return tool_finish_output(
      code == TOOL_STOPPED ? code : tool_verdict_code(self->unsafe, self->failed || code != TOOL_OK, self->fail_on_unsafe));
}

int
tool_classify(int argc, char **argv)
{
  Classify self = { 0 };
  const GOptionEntry entries[] = {
    TOOL_SESSION_OPTIONS(&self.session),
    /* File names: texts as they are, in any locale. */
    { "text", 't', 0, G_OPTION_ARG_FILENAME_ARRAY, &self.texts, "Judge this text; may be given again", "TEXT" },
    { "texts", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self.files,
      "Judge the lines of a file; - is standard input; may be given again", "FILE" },
    { "bound", 0, 0, G_OPTION_ARG_DOUBLE, &self.bound,
      "Distance beyond which a picture is unsafe (the model's)", "D" },
    { "text-bound", 0, 0, G_OPTION_ARG_DOUBLE, &self.text_bound,
      "Distance beyond which a text is unsafe (the model's of texts)", "D" },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &self.json, "Print a JSON object a line", NULL },
    { "fail-on-unsafe", 0, 0, G_OPTION_ARG_NONE, &self.fail_on_unsafe,
      "End with exit code 3 where something is unsafe, 4 where something failed too", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self.names, NULL, "PICTURE…" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_summary(
      context, "Says of pictures and texts whether they are unsafe: verdict, distance to the root, what it\n"
               "exceeds the bound by, and, where the model has them, what its head says of pictures and which\n"
               "categories are near (advice, no verdict). Pictures are judged as people see them: turned as\n"
               "they are marked; of an animation every frame, and the farthest counts. Of a long text the\n"
               "farthest window counts.");
  g_option_context_set_description(
      context, "Examples:\n"
               "  hysac classify --model demo picture.png animation.gif\n"
               "  hysac classify --model ~/models/hysac --json *.jpg > verdicts.jsonl\n"
               "  hysac classify --model ~/models/hysac --text \"a walk in the park\" --texts chat.txt\n"
               "\n"
               "What cannot be looked at, or not wholly, has the verdict \"failed\" and its reason, and the\n"
               "others are still judged. Files of videos are for hysac scan.\n"
               "\n"
               "Exit codes: 0 all were judged, 1 something could not be, 2 wrong usage, 130 stopped by Ctrl-C:\n"
               "what was judged is printed; with --fail-on-unsafe 3 something is unsafe, 4 that, and something\n"
               "could not be judged.");
  int code;
  if (tool_parse(context, &argc, &argv, &code))
    code = run(&self);
  g_clear_pointer(&self.head, hysac_head_unref);
  tool_session_clear(&self.session);
  g_strfreev(self.names);
  g_strfreev(self.texts);
  g_strfreev(self.files);
  g_free(self.point);
  g_free(self.stopped_at);
  return code;
}
