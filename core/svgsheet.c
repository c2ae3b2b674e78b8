/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/svgsheet.h"

#include "core/svgreference.h"
#include "core/svgvalue.h"

#include <string.h>

gboolean
hysac_svg_style_check(const char *style, GError **error)
{
  static const char *const words[] = { "@", "\\", "animation", "transition", ":hover", ":active", ":focus", ":target", "image-set(", "image(",
                                       "src(", "cross-fade(", "element(" };
  g_autofree char *lower = g_ascii_strdown(style, -1);
  for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
    if (strstr(lower, words[i]) != NULL)
      return hysac_svg_refuse(error, words[i], " in its style");
  }
  return hysac_svg_urls_check(style, error);
}

/* Whether all at @selectors is one that librsvg knows: names, .classes, #ids, [id="…"], :first-child, and , > between them. */
static gboolean
check_selectors(const char *selectors, GError **error)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.#*,>-_ \t\r\n";
  static const char *const pseudos[] = { ":first-child", ":last-child", "[id=\"", "[class=\"" };
  for (const char *at = selectors + strspn(selectors, plain); *at != '\0'; at += strspn(at, plain)) {
    guint i = 0;
    while (i < G_N_ELEMENTS(pseudos) && !g_str_has_prefix(at, pseudos[i]))
      i++;
    if (i == G_N_ELEMENTS(pseudos))
      return hysac_svg_refuse(error, "a selector in its style: ", at);
    at += strlen(pseudos[i]);
    if (i < 2 && !g_ascii_isalnum(*at) && (*at == '\0' || strchr("-_(", *at) == NULL))
      continue;
    const gsize n = i < 2 ? 0 : strcspn(at, "\"\\\n");
    if (i < 2 || !g_str_has_prefix(at + n, "\"]"))
      return hysac_svg_refuse(error, "a selector in its style: ", at);
    at += n + 2;
  }
  return TRUE;
}

/* Whether @selectors are of classes only. */
static gboolean
is_of_classes(const char *selectors)
{
  for (const char *at = selectors; *at != '\0'; at++) {
    if (!g_ascii_isspace(*at) && *at != ',' && *at != '.' && (at == selectors || g_ascii_isspace(at[-1]) || at[-1] == ','))
      return FALSE;
    if (strchr("#*>[:", *at) != NULL)
      return FALSE;
  }
  return TRUE;
}

/* Whether @selectors ask for more than an element itself: that may not be where it is drawn. */
static gboolean
is_related(const char *selectors)
{
  g_auto(GStrv) parts = g_strsplit(selectors, ",", -1);
  for (guint i = 0; parts[i] != NULL; i++) {
    if (strpbrk(g_strstrip(parts[i]), " \t\r\n>:") != NULL)
      return TRUE;
  }
  return FALSE;
}

/* Without comments; what looks like one in a text is none. (transfer full) */
static char *
strip_comments(const char *sheet)
{
  GString *text = g_string_new(NULL);
  char quote = '\0';
  for (const char *at = sheet; *at != '\0'; at++) {
    if (quote == '\0' && g_str_has_prefix(at, "/*")) {
      const char *end = strstr(at + 2, "*/");
      g_string_append_c(text, ' ');
      if (end == NULL)
        break;
      at = end + 1;
      continue;
    }
    if (quote != '\0' && (*at == quote || *at == '\n' || *at == '\r' || *at == '\f'))
      quote = '\0';
    else if (quote == '\0' && (*at == '"' || *at == '\''))
      quote = *at;
    g_string_append_c(text, *at);
  }
  return g_string_free(text, FALSE);
}

static void
clear_rule(gpointer data)
{
  HysacSvgRule *rule = data;
  g_free(rule->selectors);
  g_free(rule->declarations);
}

GArray *
hysac_svg_sheet_parse(const char *sheet, GError **error)
{
  g_autofree char *text = strip_comments(sheet);
  g_autoptr(GArray) rules = g_array_new(FALSE, FALSE, sizeof(HysacSvgRule));
  g_array_set_clear_func(rules, clear_rule);
  for (const char *at = text; *at != '\0';) {
    const gsize n = strcspn(at, "{");
    g_autofree char *selectors = g_strndup(at, n);
    if (!check_selectors(selectors, error))
      return NULL;
    if (at[n] == '\0')
      break;
    const gsize length = strcspn(at + n + 1, "{}");
    if (at[n + 1 + length] != '}') {
      hysac_svg_refuse(error, "rules inside each other in its style", "");
      return NULL;
    }
    HysacSvgRule rule = { .of_classes = is_of_classes(selectors), .related = is_related(selectors) };
    rule.selectors = g_steal_pointer(&selectors);
    rule.declarations = g_strndup(at + n + 1, length);
    g_array_append_val(rules, rule);
    at += n + length + 2;
  }
  return g_steal_pointer(&rules);
}
