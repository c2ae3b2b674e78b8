/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac embed: pictures or texts -> features, points and distances, one JSON object a line. */

#include "stop.h"
#include "texts.h"
#include "tool.h"

#include <stdio.h>

typedef struct {
  char **paths;
  HysacTextEncoder *text;
  HysacTextFlags flags;
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

static void
print_text(Output *output, const char *text, const HysacTextEmbedding *embedding)
{
  GString *line = g_string_new("{\"input\":");
  hysac_json_append_string(line, text);
  g_string_append(line, ",\"distance\":");
  tool_append_number(line, embedding->distance);
  g_string_append_printf(line, ",\"tokens\":%" G_GSIZE_FORMAT ",\"windows\":%" G_GSIZE_FORMAT
                         ",\"window\":%" G_GSIZE_FORMAT, embedding->tokens, embedding->windows,
                         embedding->worst);
  append_floats(line, "features", embedding->feature, embedding->dim);
  append_floats(line, "point", embedding->point, embedding->dim);
  g_string_append_c(line, '}');
  puts(line->str);
  g_string_free(line, TRUE);
}

static void
print_texts(const ToolTexts *texts, gpointer user_data)
{
  Output *output = user_data;
  HysacTextEmbedding embeddings[TOOL_TEXTS_AT_ONCE];
  GError *errors[TOOL_TEXTS_AT_ONCE];
  tool_embed_texts(output->text, texts, output->flags, embeddings, errors);
  for (guint i = 0; i < texts->n; i++) {
    if (errors[i] == NULL) {
      print_text(output, texts->texts[i], &embeddings[i]);
    } else if (!g_error_matches(errors[i], HYSAC_ERROR, HYSAC_ERROR_CANCELLED)) {
      g_autofree char *origin = tool_text_origin(texts, i);
      tool_error("%s: %s", origin, errors[i]->message);
      output->failed = TRUE;
    }
    g_clear_error(&errors[i]);
    hysac_text_embedding_clear(&embeddings[i]);
  }
  fflush(stdout);
}

static int
embed_texts(ToolSession *session, Output *output, char **texts, char **files)
{
  const int code = tool_session_open_text(session, "embed");
  if (code != TOOL_OK)
    return code;
  output->text = session->text;
  tool_stop_catch();
  const gboolean ok = tool_read_texts(texts, files, print_texts, NULL, output);
  if (tool_stopped())
    tool_error("stopped: what was encoded before is printed");
  return tool_finish_output(tool_stopped() ? TOOL_STOPPED : ok && !output->failed ? TOOL_OK : TOOL_FAILED);
}

static int
embed_pictures(ToolSession *session, Output *output, char **paths)
{
  g_autoptr(GError) error = NULL;
  const int code = tool_session_open(session, "embed");
  if (code != TOOL_OK)
    return code;
  output->paths = paths;
  if (!tool_embed_pictures(session->engine, paths, TOOL_PICTURES_AS_REFERENCE, print_picture, output, &error)) {
    tool_error("%s", error->message);
    output->failed = TRUE;
  }
  return tool_finish_output(output->failed ? TOOL_FAILED : TOOL_OK);
}

/* The texts of --text, then what else stands on the line: --text A B C are three. */
static char **
join(char **texts, char **rest)
{
  g_autoptr(GStrvBuilder) all = g_strv_builder_new();
  g_strv_builder_addv(all, (const char **) texts);
  if (rest != NULL)
    g_strv_builder_addv(all, (const char **) rest);
  return g_strv_builder_end(all);
}

int
tool_embed(int argc, char **argv)
{
  ToolSession session = { 0 };
  Output output = { 0 };
  g_auto(GStrv) rest = NULL, texts = NULL, files = NULL;
  gboolean reference = FALSE, fast = FALSE, json;
  const GOptionEntry entries[] = {
    TOOL_SESSION_OPTIONS(&session),
    /* File names: texts as they are, in any locale. */
    { "text", 't', 0, G_OPTION_ARG_FILENAME_ARRAY, &texts, "Embed this text; what else is given is texts too",
      "TEXT" },
    { "texts", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files, "Texts from a file, one a line; - is standard input; may be given again",
      "FILE" },
    { "reference", 0, 0, G_OPTION_ARG_NONE, &reference,
      "Texts as the reference: special tokens in them are tokens, cut off at 77", NULL },
    { "no-fix", 0, 0, G_OPTION_ARG_NONE, &fast, "Texts as newer transformers: without ftfy's repairs", NULL },
    TOOL_JSON_ALWAYS(&json),
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &rest, NULL, "IMAGE…|TEXT…" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_summary(
      context, "Prints one JSON object a line for each picture or text: input, distance to the root,\n"
               "features (before alpha) and point (after alpha and the exponential map). Distance\n"
               "and point are null for a plain CLIP model. Alpha is dropped, a camera's orientation\n"
               "mark is not followed, 16 bits a channel become 8. A text's line has its number of\n"
               "tokens, of windows, and which window is the farthest from the root: its numbers count.");
  g_option_context_set_description(
      context, "Examples:\n"
               "  hysac embed --model demo picture.png\n"
               "  hysac embed --model ~/models/hysac --device 1 *.jpg > points.jsonl\n"
               "  hysac embed --model demo --text \"a red ball\" \"a blue box\"\n"
               "  hysac embed --model ~/models/hysac --texts captions.txt > points.jsonl\n"
               "\n"
               "A picture that cannot be read, or a text that is not UTF-8, is one line on stderr; the\n"
               "others are still printed, and the exit code is 1. Texts are encoded in fp32.");
  int code = TOOL_USAGE;
  if (!tool_parse(context, &argc, &argv, &code)) {
    tool_session_clear(&session);
    return code;
  }
  if (reference)
    output.flags |= HYSAC_TEXT_REFERENCE;
  if (fast)
    output.flags |= HYSAC_TEXT_NO_FIX;
  if (texts != NULL) {
    g_auto(GStrv) all = join(texts, rest);
    code = embed_texts(&session, &output, all, files);
  } else if (files != NULL) {
    code = embed_texts(&session, &output, rest, files);
  } else if (rest == NULL) {
    tool_error("embed needs at least one picture or text; see hysac help embed");
    code = TOOL_USAGE;
  } else {
    code = embed_pictures(&session, &output, rest);
  }
  tool_session_clear(&session);
  return code;
}
