/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac traverse: the way from a picture or text to the root, and what it leads past. */

#include "conceptset.h"
#include "progress.h"
#include "texts.h"
#include "traverse_svg.h"

#include "core/file.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  char *name; /* owned */
  const char *category;
  gboolean safe, unsafe;
} Candidate;

typedef struct {
  ToolSession *session;
  guint dim;
  double bound; /* 0: none */
  GArray *candidates; /* of Candidate */
  GArray *points;     /* of float, dim for each */
  float *item;
  gboolean failed;
} Way;

static void
clear_candidate(gpointer data)
{
  g_free(((Candidate *) data)->name);
}

static void
add_candidate(Way *way, const char *name, const char *category, gboolean safe, gboolean unsafe, const float *point)
{
  const Candidate candidate = { g_strdup(name), category, safe, unsafe };
  g_array_append_val(way->candidates, candidate);
  g_array_append_vals(way->points, point, way->dim);
}

static void
add_texts(const ToolTexts *texts, gpointer user_data)
{
  Way *way = user_data;
  HysacTextEmbedding embeddings[TOOL_TEXTS_AT_ONCE];
  GError *errors[TOOL_TEXTS_AT_ONCE];
  tool_embed_texts(way->session->text, texts, HYSAC_TEXT_DEFAULT, embeddings, errors);
  for (guint i = 0; i < texts->n; i++) {
    if (errors[i] == NULL) {
      add_candidate(way, texts->texts[i], NULL, FALSE, FALSE, embeddings[i].point);
    } else {
      g_autofree char *origin = tool_text_origin(texts, i);
      tool_error("%s: %s", origin, errors[i]->message);
      way->failed = TRUE;
    }
    g_clear_error(&errors[i]);
    hysac_text_embedding_clear(&embeddings[i]);
  }
}

static int
add_concepts(Way *way, const char *file)
{
  g_autoptr(HysacConcepts) concepts = NULL;
  const int code = tool_load_concepts(way->session, "traverse", file, &concepts);
  if (code != TOOL_OK)
    return code;
  if (concepts == NULL) {
    tool_error("the model has no concepts; give candidates: --candidates FILE, texts one a line or a concepts "
               "file *.json");
    return TOOL_FAILED;
  }
  for (guint i = 0; i < hysac_concepts_get_count(concepts); i++) {
    const HysacConcept *concept = hysac_concepts_get(concepts, i);
    const char *category =
        concept->category == HYSAC_CATEGORY_NONE ? NULL : hysac_category_to_string(concept->category);
    for (guint k = 0; k < concept->n_points; k++)
      add_candidate(way, concept->name, category, concept->safe, !concept->safe,
                    concept->points + (gsize) k * way->dim);
  }
  return TOOL_OK;
}

/* "concepts", a concepts file by its name's end, or texts. */
static int
read_candidates(Way *way, char *candidates)
{
  char *files[] = { candidates, NULL };
  if (candidates == NULL || strcmp(candidates, "concepts") == 0)
    return add_concepts(way, NULL);
  if (g_str_has_suffix(candidates, ".json"))
    return add_concepts(way, candidates);
  const int code = way->session->text == NULL ? tool_session_open_text(way->session, "traverse") : TOOL_OK;
  if (code != TOOL_OK)
    return code;
  return tool_read_texts(NULL, files, add_texts, NULL, way) && !way->failed ? TOOL_OK : TOOL_FAILED;
}

static void
take_picture(guint index, const HysacEmbedding *embedding, const GError *error, gpointer user_data)
{
  Way *way = user_data;
  if (error != NULL) {
    tool_error("%s", error->message);
    way->failed = TRUE;
    return;
  }
  way->item = g_memdup2(embedding->point, way->dim * sizeof(float));
}

static int
read_item(Way *way, char *path, const char *text)
{
  g_autoptr(GError) error = NULL;
  int code = TOOL_OK;
  if (text == NULL) {
    char *paths[] = { path, NULL };
    code = tool_session_open(way->session, "traverse");
    if (code == TOOL_OK && !tool_embed_pictures(way->session->engine, paths, TOOL_PICTURES_AS_SHOWN, take_picture, way, &error))
      tool_error("%s", error->message);
  } else {
    g_auto(HysacTextEmbedding) embedding = { 0 };
    code = way->session->text == NULL ? tool_session_open_text(way->session, "traverse") : TOOL_OK;
    if (code == TOOL_OK && hysac_text_encoder_embed(way->session->text, text, -1, HYSAC_TEXT_DEFAULT, &embedding, &error))
      way->item = g_memdup2(embedding.point, way->dim * sizeof(float));
    else if (code == TOOL_OK)
      tool_error("%s", error->message);
  }
  return code == TOOL_OK && way->item == NULL ? TOOL_FAILED : code;
}

/* @index: of a candidate; below 0: none. */
static TraverseName
name_of(const Way *way, gssize index)
{
  if (index < 0)
    return (TraverseName){ NULL, NULL, FALSE, FALSE };
  const Candidate *candidate = &g_array_index(way->candidates, Candidate, index);
  return (TraverseName){ candidate->name, candidate->category, candidate->safe, candidate->unsafe };
}

static TraverseStretch
stretch_of(const Way *way, const HysacTraverseStep *step, guint index)
{
  TraverseStretch s = { .first = index, .last = index, .from = step->distance, .to = step->distance,
                        .nearest = name_of(way, step->nearest) };
  /* Of the root itself nothing is near in any telling sense. */
  if (s.nearest.name == NULL && step->weight > 0.0)
    s.outside = name_of(way, step->closest);
  return s;
}

/* Steps with the same nearest, by name: several points of a concept are one. Bars meet half way between steps. */
static GArray *
find_stretches(const Way *way, const HysacTraverseStep *steps, guint n)
{
  GArray *stretches = g_array_new(FALSE, FALSE, sizeof(TraverseStretch));
  for (guint i = 0; i < n; i++) {
    const TraverseStretch now = stretch_of(way, &steps[i], i);
    TraverseStretch *last =
        stretches->len > 0 ? &g_array_index(stretches, TraverseStretch, stretches->len - 1) : NULL;
    if (last != NULL && g_strcmp0(last->nearest.name, now.nearest.name) == 0 &&
        g_strcmp0(last->outside.name, now.outside.name) == 0) {
      last->last = i;
      last->to = now.to;
    } else {
      if (last != NULL)
        last->to = (last->to + now.from) / 2.0;
      g_array_append_val(stretches, now);
      if (last != NULL) {
        TraverseStretch *pair = &g_array_index(stretches, TraverseStretch, stretches->len - 2);
        pair[1].from = pair[0].to;
      }
    }
  }
  return stretches;
}

static void
append_kind(GString *line, const TraverseName *name, double inner)
{
  g_string_append(line, "\"category\":");
  hysac_json_append_string(line, name->category);
  g_string_append_printf(line, ",\"unsafe\":%s,\"inner\":", name->unsafe ? "true" : "false");
  tool_append_number(line, inner);
}

static void
print_json(const Way *way, const char *input, const HysacTraverseStep *steps, guint n)
{
  GString *line = g_string_new("{\"input\":");
  hysac_json_append_string(line, input);
  g_string_append(line, ",\"distance\":");
  tool_append_number(line, steps[0].distance);
  g_string_append(line, ",\"bound\":");
  if (way->bound > 0.0)
    tool_append_number(line, way->bound);
  else
    g_string_append(line, "null");
  g_string_append(line, ",\"steps\":[");
  for (guint i = 0; i < n; i++) {
    const TraverseStretch s = stretch_of(way, &steps[i], i);
    g_string_append_printf(line, "%s{\"step\":%u,\"weight\":", i ? "," : "", i);
    tool_append_number(line, steps[i].weight);
    g_string_append(line, ",\"distance\":");
    tool_append_number(line, steps[i].distance);
    g_string_append(line, ",\"nearest\":");
    hysac_json_append_string(line, s.nearest.name ? s.nearest.name : "root");
    g_string_append_printf(line, ",\"root\":%s,", s.nearest.name ? "false" : "true");
    append_kind(line, &s.nearest, steps[i].inner);
    g_string_append(line, ",\"outside\":");
    if (s.outside.name != NULL) {
      g_string_append(line, "{\"nearest\":");
      hysac_json_append_string(line, s.outside.name);
      g_string_append_c(line, ',');
      append_kind(line, &s.outside, steps[i].closest_inner);
      g_string_append_c(line, '}');
    } else {
      g_string_append(line, "null");
    }
    g_string_append_c(line, '}');
  }
  g_string_append(line, "]}");
  puts(line->str);
  g_string_free(line, TRUE);
}

static void
print_name(const TraverseName *name)
{
  fputs(name->name, stdout);
  if (name->category != NULL || name->safe)
    printf(" (%s%s%s)", name->safe ? "safe" : "", name->safe && name->category ? ", " : "",
           name->category ? name->category : "");
}

static void
print_lines(const Way *way, const char *shown, const HysacTraverseStep *steps, const GArray *stretches)
{
  printf("%s: distance %.6f", shown, steps[0].distance);
  if (way->bound > 0.0)
    printf(", bound %.6f", way->bound);
  puts("");
  for (guint i = 0; i < stretches->len; i++) {
    const TraverseStretch *s = &g_array_index(stretches, TraverseStretch, i);
    printf("  steps %3u to %3u  distance %.6f to %.6f  ", s->first, s->last, steps[s->first].distance,
           steps[s->last].distance);
    if (s->nearest.name != NULL)
      print_name(&s->nearest);
    else
      fputs("root", stdout);
    if (s->outside.name != NULL) {
      fputs("; " TRAVERSE_OUTSIDE, stdout);
      print_name(&s->outside);
    }
    puts("");
  }
}

typedef struct {
  char *candidates, *svg;
  char **texts, **rest;
  int steps;
  gboolean json;
} Options;

static int
walk(Way *way, const Options *options)
{
  g_autofree HysacTraverseStep *steps = g_new0(HysacTraverseStep, (gsize) options->steps);
  g_autoptr(GError) error = NULL;
  const guint n = (guint) options->steps;
  const char *input = options->texts != NULL ? options->texts[0] : options->rest[0];
  if (!hysac_traverse(way->item, way->dim, hysac_model_get_geometry(way->session->model)->curvature,
                      (const float *) (void *) way->points->data, way->candidates->len, steps, n, &error)) {
    tool_error("%s", error->message);
    return TOOL_FAILED;
  }
  g_autoptr(GArray) stretches = find_stretches(way, steps, n);
  if (options->svg != NULL) {
    g_autofree char *name = options->texts == NULL ? g_path_get_basename(input) : g_strdup(input);
    g_autofree char *svg =
        traverse_svg(name, (TraverseStretch *) (void *) stretches->data, stretches->len, way->bound);
    if (!hysac_write_file(options->svg, svg, strlen(svg), &error)) {
      tool_error("%s", error->message);
      return TOOL_FAILED;
    }
  }
  g_autofree char *shown = (options->texts != NULL ? tool_shown_text : tool_shown_name)(input);
  if (options->json)
    print_json(way, input, steps, n);
  else
    print_lines(way, shown, steps, stretches);
  return tool_finish_output(TOOL_OK);
}

static int
run(ToolSession *session, Options *options)
{
  Way way = { .session = session };
  const guint given = (options->rest != NULL ? g_strv_length(options->rest) : 0) +
                      (options->texts != NULL ? g_strv_length(options->texts) : 0);
  if (given != 1 || options->steps < 2 || options->steps > HYSAC_TRAVERSE_MAX_STEPS) {
    tool_error("traverse takes one picture or --text TEXT, and 2 to %d steps; see hysac help traverse",
               HYSAC_TRAVERSE_MAX_STEPS);
    return TOOL_USAGE;
  }
  int code = tool_session_open_model(session, "traverse");
  if (code != TOOL_OK)
    return code;
  if (hysac_model_get_geometry(session->model) == NULL) {
    tool_error("%s has no hysac.json: there is no root to go to; " TOOL_NO_GEOMETRY, hysac_model_get_path(session->model));
    return TOOL_FAILED;
  }
  /* Texts lie nearer to the root than pictures: their bound is another. */
  const HysacRegion *region = options->texts != NULL ? hysac_model_get_text_region(session->model)
                                                    : hysac_model_get_region(session->model);
  way.bound = region != NULL ? region->bound : 0.0;
  way.dim = hysac_model_get_vision_config(session->model)->projection;
  way.candidates = g_array_new(FALSE, FALSE, sizeof(Candidate));
  g_array_set_clear_func(way.candidates, clear_candidate);
  way.points = g_array_new(FALSE, FALSE, sizeof(float));
  code = read_candidates(&way, options->candidates);
  if (code == TOOL_OK)
    code = read_item(&way, options->rest != NULL ? options->rest[0] : NULL, options->texts != NULL ? options->texts[0] : NULL);
  if (code == TOOL_OK)
    code = walk(&way, options);
  g_array_unref(way.candidates);
  g_array_unref(way.points);
  g_free(way.item);
  return code;
}

int
tool_traverse(int argc, char **argv)
{
  ToolSession session = { 0 };
  Options options = { .steps = HYSAC_TRAVERSE_STEPS };
  const GOptionEntry entries[] = {
    TOOL_SESSION_OPTIONS(&session),
    { "text", 't', 0, G_OPTION_ARG_FILENAME_ARRAY, &options.texts, "Begin at this text instead of a picture", "TEXT" },
    { "candidates", 'c', 0, G_OPTION_ARG_FILENAME, &options.candidates,
      "What may be named on the way: concepts (the default: the model's, else those of concepts.json in its folder), a "
      "concepts file *.json, or a file of texts, one a line", "FILE|concepts" },
    { "steps", 0, 0, G_OPTION_ARG_INT, &options.steps, "Points on the way, both ends included (50)", "N" },
    { "svg", 0, 0, G_OPTION_ARG_FILENAME, &options.svg, "Draw the way to this file", "FILE" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "Print one JSON object with every step", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.rest, NULL, "[IMAGE]" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_summary(
      context, "Goes from a picture or text to the root of the space in equal steps, and names for each\n"
               "point the candidate of the largest inner product whose cone holds it: how the item is\n"
               "generalised, ever more. The root holds everything; where nothing else does, the candidate\n"
               "of the largest inner product is named too, as outside its cone. Advisory: it explains, it\n"
               "decides nothing.");
  g_option_context_set_description(
      context, "Examples:\n"
               "  hysac traverse --model ~/models/hysac picture.png\n"
               "  hysac traverse --model demo --candidates captions.txt --svg way.svg picture.png\n"
               "  hysac traverse --model demo --candidates captions.txt --json --text \"a red ball\"");
  int code = TOOL_USAGE;
  if (tool_parse(context, &argc, &argv, &code))
    code = run(&session, &options);
  tool_session_clear(&session);
  g_strfreev(options.texts);
  g_free(options.candidates);
  g_free(options.svg);
  g_strfreev(options.rest);
  return code;
}
