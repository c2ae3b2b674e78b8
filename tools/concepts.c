/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac concepts: prompts -> points, kept in a file or with the model. */

#include "conceptset.h"

#include "core/file.h"

#include <stdio.h>
#include <string.h>

static void
print_concepts(ToolSession *session, HysacConcepts *concepts)
{
  const guint n = hysac_concepts_get_dimension(concepts);
  const double c = hysac_model_get_geometry(session->model)->curvature;
  for (guint i = 0; i < hysac_concepts_get_count(concepts); i++) {
    const HysacConcept *concept = hysac_concepts_get(concepts, i);
    GString *line = g_string_new("{\"name\":");
    hysac_json_append_string(line, concept->name);
    g_string_append_printf(line, ",\"category\":\"%s\",\"safe\":%s,\"eta\":",
                           hysac_category_to_string(concept->category), concept->safe ? "true" : "false");
    tool_append_number(line, concept->eta);
    g_string_append(line, ",\"prompts\":[");
    for (guint k = 0; k < concept->n_prompts; k++) {
      if (k)
        g_string_append_c(line, ',');
      hysac_json_append_string(line, concept->prompts[k]);
    }
    g_string_append(line, "],\"distances\":[");
    for (guint k = 0; k < concept->n_points; k++) {
      if (k)
        g_string_append_c(line, ',');
      tool_append_number(line, hysac_lorentz_root_distance(concept->points + (gsize) k * n, n, c));
    }
    g_string_append(line, "]}");
    puts(line->str);
    g_string_free(line, TRUE);
  }
}

static gboolean
write_file(const char *path, HysacConcepts *concepts, GError **error)
{
  g_autofree char *value = hysac_concepts_to_json(concepts);
  g_autofree char *text = g_strdup_printf("{\"version\": 1,\n \"concepts\": %s}\n", value);
  return hysac_write_file(path, text, strlen(text), error);
}

static int
run(ToolSession *session, const char *file, const char *out, gboolean save)
{
  g_autoptr(HysacConcepts) concepts = NULL;
  g_autoptr(GError) error = NULL;
  int code = tool_session_open_model(session, "concepts");
  if (code == TOOL_OK && hysac_model_get_geometry(session->model) == NULL) {
    tool_error("%s has no hysac.json: concepts have no place there; " TOOL_NO_GEOMETRY,
               hysac_model_get_path(session->model));
    code = TOOL_FAILED;
  }
  if (code == TOOL_OK && save && tool_is_demo_folder(session->model)) {
    tool_error("%s is the demo model, which comes with the program and stays as it is: take --out FILE, or a copy of the "
               "folder as the model",
               hysac_model_get_path(session->model));
    code = TOOL_FAILED;
  }
  /* Asked for anew where they are to be kept: of this model as it is, not of the one that wrote them. */
  if (code == TOOL_OK && (out || save))
    code = tool_session_open_text(session, "concepts");
  if (code == TOOL_OK)
    code = tool_load_concepts(session, "concepts", file, &concepts);
  if (code != TOOL_OK)
    return code;
  if (concepts == NULL) {
    tool_error("the model has no concepts; give some with --file (docs/concepts.md)");
    return TOOL_FAILED;
  }
  if (session->text != NULL) {
    HysacConcepts *computed = hysac_concepts_encode(concepts, session->text, &error);
    if (computed != NULL) {
      hysac_concepts_unref(concepts);
      concepts = computed;
    }
  }
  if (error != NULL || (out != NULL && !write_file(out, concepts, &error)) ||
      (save && !hysac_concepts_save(concepts, hysac_model_get_path(session->model), &error))) {
    tool_error("%s", error->message);
    return TOOL_FAILED;
  }
  print_concepts(session, concepts);
  return tool_finish_output(TOOL_OK);
}

int
tool_concepts(int argc, char **argv)
{
  ToolSession session = { 0 };
  g_autofree char *file = NULL, *out = NULL;
  gboolean save = FALSE, json;
  const GOptionEntry entries[] = {
    TOOL_MODEL_OPTIONS(&session),
    { "file", 'f', 0, G_OPTION_ARG_FILENAME, &file, "Concepts of this file instead of the model's (its hysac.json, else concepts.json in its folder)", "FILE" },
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &out, "Write them with their points to this file", "FILE" },
    { "save", 0, 0, G_OPTION_ARG_NONE, &save, "Write them with their points into the model's hysac.json (not the demo model's)", NULL },
    TOOL_JSON_ALWAYS(&json),
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_summary(
      context, "Prints one JSON object a line for each concept: name, category, safe, eta (how wide its\n"
               "cone is), prompts, and the distance of each of its points to the root. The points are\n"
               "the text tower's, in fp32. With --out or --save they are computed anew and kept, so that\n"
               "who uses the model needs no text tower. What a concepts file holds: docs/concepts.md.");
  g_option_context_set_description(
      context, "Examples:\n"
               "  hysac concepts --model ~/models/hysac\n"
               "  hysac concepts --model ~/models/hysac --file concepts.json --save\n"
               "  hysac concepts --model demo --out build/concepts.json\n"
               "\n"
               "A model's hysac.json is replaced whole or not at all; every other byte of it is kept.");
  int code = TOOL_USAGE;
  if (tool_parse(context, &argc, &argv, &code))
    code = run(&session, file, out, save);
  tool_session_clear(&session);
  return code;
}
