/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac tokenize: texts -> token ids, one JSON object a line. */

#include "texts.h"
#include "tool.h"

#include <stdio.h>

#define DEFAULT_CONTEXT 77

typedef struct {
  HysacTokenizer *tokenizer;
  HysacTokenizeFlags flags;
  guint context;
  gboolean failed;
} Output;

static void
print_text(Output *self, const ToolTexts *texts, guint index)
{
  g_autoptr(GError) error = NULL;
  const char *text = texts->texts[index];
  gsize n;
  g_autofree guint32 *ids =
      hysac_tokenizer_encode(self->tokenizer, text, -1, self->flags, self->context, &n, &error);
  if (ids == NULL) {
    g_autofree char *origin = tool_text_origin(texts, index);
    tool_error("%s: %s", origin, error->message);
    self->failed = TRUE;
    return;
  }
  g_autoptr(GString) line = g_string_new("{\"input\":");
  hysac_json_append_string(line, text);
  g_string_append(line, ",\"ids\":[");
  for (gsize i = 0; i < n; i++)
    g_string_append_printf(line, "%s%u", i ? "," : "", ids[i]);
  g_string_append(line, "],\"tokens\":[");
  for (gsize i = 0; i < n; i++) {
    g_string_append(line, i ? "," : "");
    hysac_json_append_string(line, hysac_tokenizer_get_token(self->tokenizer, ids[i]));
  }
  g_string_append(line, "]}");
  puts(line->str);
}

static void
print_texts(const ToolTexts *texts, gpointer user_data)
{
  for (guint i = 0; i < texts->n; i++)
    print_text(user_data, texts, i);
  fflush(stdout);
}

static int
run(Output *output, const char *model, char **texts, char **files)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = hysac_model_resolve(model, &error);
  if (path != NULL)
    output->tokenizer = hysac_tokenizer_load(path, &error);
  if (output->tokenizer == NULL) {
    tool_fail(error, hysac_error_remedy(error));
    return TOOL_FAILED;
  }
  const gboolean ok = tool_read_texts(texts, files, print_texts, NULL, output);
  hysac_tokenizer_unref(output->tokenizer);
  return tool_finish_output(ok && !output->failed ? TOOL_OK : TOOL_FAILED);
}

int
tool_tokenize(int argc, char **argv)
{
  Output output = { .context = DEFAULT_CONTEXT };
  g_autofree char *model = NULL;
  g_auto(GStrv) texts = NULL, files = NULL;
  gboolean reference = FALSE, fast = FALSE, json;
  const GOptionEntry entries[] = {
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &model, "Folder with vocab.json and merges.txt, or demo", "DIR" },
    { "texts", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files, "Texts from a file, one a line; - is standard input; may be given again",
      "FILE" },
    { "reference", 'r', 0, G_OPTION_ARG_NONE, &reference,
      "As the reference: special tokens in a text are tokens, and it is cut off at 77", NULL },
    { "no-fix", 0, 0, G_OPTION_ARG_NONE, &fast, "As newer transformers: without ftfy's repairs", NULL },
    TOOL_JSON_ALWAYS(&json),
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &texts, NULL, "[TEXT…]" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_summary(
      context, "Prints one JSON object a line for each text: input, ids, and tokens as the vocabulary\n"
               "spells them. Special tokens in a text are plain text, and nothing is cut off.");
  g_option_context_set_description(
      context, "Examples:\n"
               "  hysac tokenize --model demo \"a red ball\"\n"
               "  hysac tokenize --model ~/models/hysac --reference --texts captions.txt\n"
               "\n"
               "A text that is not UTF-8 is one line on stderr; the others are still printed, and the\n"
               "exit code is 1.");
  int code;
  if (!tool_parse(context, &argc, &argv, &code))
    return code;
  if (model == NULL) {
    tool_error("tokenize needs --model DIR (or --model demo)");
    return TOOL_USAGE;
  }
  if (texts == NULL && files == NULL) {
    tool_error("tokenize needs at least one text; see hysac help tokenize");
    return TOOL_USAGE;
  }
  if (reference)
    output.flags |= HYSAC_TOKENIZE_SPECIAL | HYSAC_TOKENIZE_TRUNCATE;
  if (fast)
    output.flags |= HYSAC_TOKENIZE_NO_FIX;
  return run(&output, model, texts, files);
}
