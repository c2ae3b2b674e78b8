/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac devices: what there is, what it is worth and why, and what would be taken. */

#include "tool.h"

#include <stdio.h>

/* The library takes the best score, the first of equals; negative ones never. */
static const HysacDeviceInfo *
best_of(GPtrArray *list)
{
  const HysacDeviceInfo *best = NULL;
  for (guint i = 0; i < list->len; i++) {
    const HysacDeviceInfo *info = list->pdata[i];
    if (info->score >= 0 && (best == NULL || info->score > best->score))
      best = info;
  }
  return best;
}

static void
print_text(GPtrArray *list, const HysacDeviceInfo *best)
{
  for (guint i = 0; i < list->len; i++) {
    const HysacDeviceInfo *info = list->pdata[i];
    printf("%c %u  %s\n     %s, driver %s\n     score %d: %s\n", info == best ? '*' : ' ',
           info->index, info->name, info->platform, info->driver, info->score, info->why);
  }
  if (best != NULL)
    printf("\n* is taken by default; --device N or a part of the name takes another.\n");
  else
    printf("\nNone is usable.\n");
}

static void
print_json(GPtrArray *list, const HysacDeviceInfo *best)
{
  GString *text = g_string_new("[");
  for (guint i = 0; i < list->len; i++) {
    const HysacDeviceInfo *info = list->pdata[i];
    g_string_append_printf(text, "%s\n  {\"index\":%u,\"name\":", i ? "," : "", info->index);
    hysac_json_append_string(text, info->name);
    g_string_append(text, ",\"platform\":");
    hysac_json_append_string(text, info->platform);
    g_string_append(text, ",\"driver\":");
    hysac_json_append_string(text, info->driver);
    g_string_append(text, ",\"type\":");
    hysac_json_append_string(text, info->type);
    g_string_append_printf(text, ",\"compute_units\":%u,\"memory\":%" G_GUINT64_FORMAT, info->compute_units,
                           info->memory);
    g_string_append_printf(text, ",\"score\":%d,\"why\":", info->score);
    hysac_json_append_string(text, info->why);
    g_string_append_printf(text, ",\"chosen\":%s}", info == best ? "true" : "false");
  }
  g_string_append(text, "\n]");
  puts(text->str);
  g_string_free(text, TRUE);
}

int
tool_devices(int argc, char **argv)
{
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
    { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "Print a JSON array", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_summary(context, "Lists the OpenCL devices of all platforms, each with its score and why it has that: the\n"
                                        "highest is taken unless --device names another, and none below 0.");
  g_option_context_set_description(context, "Examples:\n  hysac devices\n  hysac devices --json");
  int code;
  if (!tool_parse(context, &argc, &argv, &code))
    return code;
  if (argc > 1) {
    tool_error("devices takes no argument \"%s\"", argv[1]);
    return TOOL_USAGE;
  }
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) list = hysac_device_list(&error);
  if (list == NULL) {
    tool_error("%s", error->message); /* which names the remedy: nothing is installed */
    return TOOL_FAILED;
  }
  (json ? print_json : print_text)(list, best_of(list));
  return tool_finish_output(TOOL_OK);
}
