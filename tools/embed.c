/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac embed: pictures -> features, points and distances, one JSON object a line. */

#include "tool.h"

#include <stdio.h>

typedef struct {
  char **paths;
  gboolean failed;
} Output;

static void
append_floats(GString *line, const char *key, const float *values, guint n)
{
  g_string_append_printf(line, ",\"%s\":", key);
  if (values == NULL) {
    g_string_append(line, "null");
    return;
  }
  for (guint i = 0; i < n; i++) {
    g_string_append_c(line, i ? ',' : '[');
    tool_append_number(line, (double) values[i]);
  }
  g_string_append_c(line, ']');
}

static void
print_picture(guint index, const HysacEmbedding *embedding, const GError *error, gpointer user_data)
{
  Output *output = user_data;
  if (error != NULL) {
    tool_error("%s", error->message);
    output->failed = TRUE;
    return;
  }
  g_autofree char *name = g_filename_to_utf8(output->paths[index], -1, NULL, NULL, NULL);
  GString *line = g_string_new("{\"input\":");
  hysac_json_append_string(line, name ? name : output->paths[index]);
  g_string_append(line, ",\"distance\":");
  tool_append_number(line, embedding->distance);
  append_floats(line, "features", embedding->feature, embedding->dim);
  append_floats(line, "point", embedding->point, embedding->dim);
  g_string_append_c(line, '}');
  puts(line->str);
  g_string_free(line, TRUE);
}

int
tool_embed(int argc, char **argv)
{
  ToolSession session = { 0 };
  Output output = { 0 };
  g_auto(GStrv) paths = NULL;
  g_auto(GStrv) texts = NULL;
  const GOptionEntry entries[] = {
    TOOL_SESSION_OPTIONS(&session),
    { "text", 't', G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING_ARRAY, &texts, NULL, NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &paths, NULL, "IMAGE…" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_summary(
      context, "Prints one JSON object a line for each picture: input, distance to the root,\n"
               "features (before alpha) and point (after alpha and the exponential map). Distance\n"
               "and point are null for a plain CLIP model. Alpha is dropped, a camera's orientation\n"
               "mark is not followed, 16 bits a channel become 8.");
  g_option_context_set_description(
      context, "Examples:\n"
               "  hysac embed --model demo picture.png\n"
               "  hysac embed --model ~/models/hysac --device 1 *.jpg > points.jsonl\n"
               "\n"
               "A picture that cannot be read is one line on stderr; the others are still printed,\n"
               "and the exit code is 1.");
  int code = TOOL_USAGE;
  if (!tool_parse(context, &argc, &argv, &code)) {
    tool_session_clear(&session);
    return code;
  }
  if (texts != NULL) {
    tool_error("text encoding is not built yet in this version");
    code = TOOL_FAILED;
  } else if (paths == NULL) {
    tool_error("embed needs at least one picture; see hysac help embed");
    code = TOOL_USAGE;
  } else {
    code = tool_session_open(&session, "embed");
  }
  if (code == TOOL_OK) {
    g_autoptr(GError) error = NULL;
    output.paths = paths;
    if (!tool_embed_pictures(session.engine, paths, print_picture, &output, &error)) {
      tool_error("%s", error->message);
      output.failed = TRUE;
    }
    code = tool_finish_output(output.failed ? TOOL_FAILED : TOOL_OK);
  }
  tool_session_clear(&session);
  return code;
}
