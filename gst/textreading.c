/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/textreading.h"

#include <string.h>

#include "core/error.h"
#include "gst/textentities.h"

/* ---- markup ---- */

#define MAX_WAYS 32 /* the last stands for all further ones */
#define FEW_WAYS 3  /* of so many every choice is a reading */

/* Ways of showing something that may hide it: an element's attributes and their values. */
typedef struct {
  GString *visible, *aside; /* readings 1 and 3 */
  GArray *runs;             /* of Run: all of @visible */
  GPtrArray *ways;          /* of char *: their attributes and values */
  GArray *open;             /* of guint32: of each open element, the ways of it and of all around it, as bits */
  gboolean foreign;         /* elements that are none of Pango's: another renderer's */
} Markup;

typedef struct {
  guint32 ways;
  gsize start, size;
} Run;

/* Whatever is not known to leave text as readable as it was. */
static gboolean
may_hide(const char *attribute)
{
  static const char *const harmless[] = {
      "weight",   "font_weight",    "style",    "font_style",     "underline",    "underline_color",
      "overline", "overline_color", "lang",     "allow_breaks",   "insert_hyphens", NULL};
  return !g_strv_contains(harmless, attribute);
}

static guint32
way_of(Markup *self, const char *element, const char **names, const char **values)
{
  static const char *const elements[] = {"small", "sub", "sup", NULL};
  g_autoptr(GString) way = g_string_new(g_strv_contains(elements, element) ? element : "");
  for (; *names; names++, values++)
    if (may_hide(*names))
      g_string_append_printf(way, "%s=%s\n", *names, *values);
  if (way->len == 0)
    return 0;
  guint i = 0;
  while (i < self->ways->len && strcmp(g_ptr_array_index(self->ways, i), way->str) != 0)
    i++;
  if (i == self->ways->len && i < MAX_WAYS)
    g_ptr_array_add(self->ways, g_strdup(way->str));
  return 1u << MIN(i, MAX_WAYS - 1);
}

static guint32
ways_here(const Markup *self)
{
  return self->open->len > 0 ? g_array_index(self->open, guint32, self->open->len - 1) : 0;
}

static void
on_start(GMarkupParseContext *context, const char *element, const char **names, const char **values,
         gpointer user_data, GError **error)
{
  Markup *self = user_data;
  static const char *const known[] = {"markup", "b", "big", "i", "s", "span", "sub", "sup", "small", "tt", "u", NULL};
  const guint32 ways = ways_here(self) | way_of(self, element, names, values);
  self->foreign |= !g_strv_contains(known, element);
  g_array_append_val(self->open, ways);
}

static void
on_end(GMarkupParseContext *context, const char *element, gpointer user_data, GError **error)
{
  Markup *self = user_data;
  g_array_set_size(self->open, self->open->len - 1);
}

static void
on_text(GMarkupParseContext *context, const char *text, gsize size, gpointer user_data, GError **error)
{
  Markup *self = user_data;
  const Run run = {ways_here(self), self->visible->len, size};
  g_string_append_len(self->visible, text, (gssize)size);
  g_array_append_val(self->runs, run);
}

static void
on_aside(GMarkupParseContext *context, const char *text, gsize size, gpointer user_data, GError **error)
{
  static const char *const around[][2] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}, {"<!", ">"}};
  Markup *self = user_data;
  for (guint i = 0; i < G_N_ELEMENTS(around); i++) {
    const gsize before = strlen(around[i][0]), behind = strlen(around[i][1]);
    if (size < before + behind || strncmp(text, around[i][0], before) != 0)
      continue;
    text += before;
    size -= before + behind;
    break;
  }
  g_string_append_len(self->aside, text, (gssize)size);
}

/* Pango puts an element around everything, and so do we: its parser is GLib's. */
static gboolean
parse_markup(const char *text, gsize size, Markup *self, GError **error)
{
  static const GMarkupParser parser = {on_start, on_end, on_text, on_aside, NULL};
  g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(&parser, 0, self, NULL);
  g_autoptr(GError) local = NULL;
  if (g_markup_parse_context_parse(context, "<markup>", -1, &local) &&
      g_markup_parse_context_parse(context, text, (gssize)size, &local) &&
      g_markup_parse_context_parse(context, "</markup>", -1, &local) &&
      g_markup_parse_context_end_parse(context, &local))
    return TRUE;
  /* GLib's message may quote the text. */
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "the markup is not well-formed (error %d)",
              local ? local->code : -1);
  return FALSE;
}

/* ---- what looks like tags and entities ---- */

#define ROUNDS 3        /* "&amp;amp;shy;" */
#define OPEN_QUOTES 64  /* so many tags whose quotes never end are looked for */
#define LONGEST_NAME 10 /* of the tags that break a line or a block */

/* Which tags are a space when they are taken out: renderers differ in what they break at. */
typedef enum {
  APART_NONE,
  APART_LINES, /* that end a line, in all that know them; MicroDVD's '|' too, as for those below */
  APART_BLOCKS,
  APART_ALL,
  N_APART
} Apart;

/* What is taken for a tag. */
typedef struct {
  gboolean wide;                   /* whatever some renderer takes for one */
  const char *tags, *asides, *braces; /* the last '>', "-->" and '}': nothing is looked for behind them */
  guint open_quotes;
} Reader;

static void
reader_init(Reader *self, const char *text, gboolean wide)
{
  *self = (Reader){wide, strrchr(text, '>'), g_strrstr(text, "-->"), strrchr(text, '}'), 0};
}

/* "<i>", "</font>", "<!-- -->", WebVTT's "<00:01.000>", ended by the next bracket; "{\\an8}" of SSA and "{y:i}" of
 * MicroDVD. Where it ends; NULL where it is none. */
static const char *
narrow_end(const char *text)
{
  const char *end = NULL;
  if (text[0] == '<' && text[1] && (g_ascii_isalnum(text[1]) || strchr("/!?", text[1])))
    end = strpbrk(text + 1, "<>");
  else if (text[0] == '{' && (text[1] == '\\' || (g_ascii_isalpha(text[1]) && text[2] == ':')))
    end = strpbrk(text + 1, "{}");
  return end && (*end == '>' || *end == '}') ? end : NULL;
}

/* Of a tag of HTML: a '>' in quotes ends none. NULL where quotes are not ended. */
static const char *
quoted_end(const char *text)
{
  char quote = '\0';
  for (; *text; text++) {
    if (quote)
      quote = *text == quote ? '\0' : quote;
    else if (*text == '"' || *text == '\'')
      quote = *text;
    else if (*text == '>')
      return text;
  }
  return NULL;
}

/* Whatever stands between brackets, or braces. */
static const char *
wide_end(Reader *self, const char *text)
{
  const char *end;
  if (text[0] == '{')
    return self->braces && text < self->braces ? strchr(text, '}') : NULL;
  if (!self->tags || text > self->tags)
    return NULL;
  if (self->asides && text < self->asides && g_str_has_prefix(text, "<!--"))
    return strstr(text, "-->") + 2;
  if (self->open_quotes < OPEN_QUOTES) {
    if ((end = quoted_end(text)) != NULL)
      return end;
    self->open_quotes++;
  }
  return strchr(text, '>');
}

static gsize
tag(Reader *self, const char *text)
{
  if (*text != '<' && *text != '{')
    return 0;
  const char *end = self->wide ? wide_end(self, text) : narrow_end(text);
  return end ? (gsize)(end - text) + 1 : 0;
}

/* SSA's line breaks and spaces. */
static gboolean
is_break(const char *text)
{
  return text[0] == '\\' && (text[1] == 'N' || text[1] == 'n' || text[1] == 'h');
}

/* The name of a tag of HTML or TTML ("<tt:br/>") in lower case; "" where it has none, or one that is longer. */
static void
tag_name(const char *text, char out[LONGEST_NAME + 1])
{
  gsize n = 0;
  text++;
  while (g_ascii_isspace(*text) || *text == '/')
    text++;
  for (; g_ascii_isalnum(*text) || *text == ':'; text++) {
    if (*text == ':')
      n = 0;
    else if (n <= LONGEST_NAME)
      out[n++] = g_ascii_tolower(*text);
  }
  out[n <= LONGEST_NAME ? n : 0] = '\0';
}

static gboolean
is_space_tag(const char *text, Apart apart)
{
  static const char *const lines[] = {"br", "hr", NULL};
  static const char *const blocks[] = {
      "address", "article",  "aside",  "blockquote", "body",     "caption", "center",  "dd",     "details",  "dialog",
      "dir",     "div",      "dl",     "dt",         "fieldset", "figcaption", "figure", "footer", "form",   "h1",
      "h2",      "h3",       "h4",     "h5",         "h6",       "head",    "header",  "hgroup", "html",     "legend",
      "li",      "listing",  "main",   "menu",       "nav",      "ol",      "optgroup", "option", "p",       "plaintext",
      "pre",     "search",   "section", "summary",   "sync",     "table",   "tbody",   "td",     "tfoot",    "th",
      "thead",   "title",    "tr",     "ul",         "xmp",      NULL};
  char name[LONGEST_NAME + 1];
  if (apart == APART_NONE || text[0] != '<' || text[1] == '!' || text[1] == '?')
    return FALSE; /* what stands in braces, and comments, break nothing anywhere */
  if (apart == APART_ALL)
    return TRUE;
  tag_name(text, name);
  return g_strv_contains(lines, name) || (apart == APART_BLOCKS && g_strv_contains(blocks, name));
}

/* @c, where @apart behind a space, if there is none: equal readings cost nothing. */
static void
append(GString *out, gunichar c, gboolean *apart)
{
  if (*apart && out->len > 0 && !g_ascii_isspace(out->str[out->len - 1]) && !(c < 0x80 && g_ascii_isspace((char)c)))
    g_string_append_c(out, ' ');
  *apart = FALSE;
  g_string_append_unichar(out, c);
}

static char *
without_tags(const char *text, gboolean wide, Apart apart)
{
  GString *out = g_string_sized_new(strlen(text));
  gboolean space = FALSE;
  Reader reader;
  reader_init(&reader, text, wide);
  while (*text) {
    gunichar c = 0;
    gsize n = tag(&reader, text);
    if (n > 0) {
      space |= is_space_tag(text, apart);
    } else if (*text == '&' && (n = gst_hysac_text_entity(text, &c)) > 0) {
      if (c != 0)
        append(out, c, &space);
    } else if ((wide || apart != APART_NONE) && is_break(text)) {
      append(out, ' ', &space);
      n = 2;
    } else if (apart != APART_NONE && *text == '|') {
      space = TRUE;
      n = 1;
    } else {
      append(out, g_utf8_get_char(text), &space);
      n = (gsize)(g_utf8_next_char(text) - text);
    }
    text += n;
  }
  return g_string_free(out, FALSE);
}

/* ---- what is not seen ---- */

/* Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties), and controls but for white space. */
static gboolean
is_unseen(gunichar c)
{
  static const struct {
    gunichar first, last;
  } ranges[] = {{0x00, 0x08},     {0x0e, 0x1f},     {0x7f, 0x84},     {0x86, 0x9f},     {0xad, 0xad},
                {0x34f, 0x34f},   {0x61c, 0x61c},   {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},
                {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164}, {0xfe00, 0xfe0f},
                {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3},
                {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};
  for (guint i = 0; i < G_N_ELEMENTS(ranges); i++)
    if (c >= ranges[i].first && c <= ranges[i].last)
      return TRUE;
  return FALSE;
}

#define PIECE 32
#define MOST_PIECE 256

/*
 * GLib sorts runs of marks by bubbles and moves all that follows for each composition: quadratic in the text. So it gets
 * pieces: cut before what takes no part in what is before it, and where there is none for long (no language has so many
 * marks on a letter) anywhere, as the tokenizer does.
 */
static gboolean
begins_piece(gunichar c)
{
  const gboolean jamo = c >= 0x1160 && c <= 0x11ff, wide_mark = c == 0xff9e || c == 0xff9f;
  return !g_unichar_ismark(c) && !jamo && !wide_mark;
}

static char *
normalize(const char *text, GNormalizeMode mode)
{
  GString *out = g_string_sized_new(strlen(text));
  while (*text) {
    const char *p = text;
    for (guint n = 0; *p && n < MOST_PIECE && (n < PIECE || !begins_piece(g_utf8_get_char(p))); n++)
      p = g_utf8_next_char(p);
    g_autofree char *piece = g_utf8_normalize(text, p - text, mode);
    if (piece)
      g_string_append(out, piece);
    else
      g_string_append_len(out, text, p - text);
    text = p;
  }
  return g_string_free(out, FALSE);
}

static gboolean
takes_marks(gunichar c)
{
  const GUnicodeScript script = g_unichar_get_script(c);
  return script == G_UNICODE_SCRIPT_LATIN || script == G_UNICODE_SCRIPT_GREEK ||
         script == G_UNICODE_SCRIPT_CYRILLIC;
}

static char *
fold(const char *text)
{
  g_autofree char *apart = normalize(text, G_NORMALIZE_ALL);
  GString *out = g_string_sized_new(strlen(text));
  gboolean bare = FALSE; /* marks of the last letter go */
  for (const char *p = apart; *p; p = g_utf8_next_char(p)) {
    const gunichar c = g_utf8_get_char(p);
    if (is_unseen(c))
      continue;
    if (g_unichar_ismark(c)) {
      if (!bare)
        g_string_append_unichar(out, c);
      continue;
    }
    bare = takes_marks(c);
    g_string_append_unichar(out, c);
  }
  g_autofree char *loose = g_string_free(out, FALSE);
  return normalize(loose, G_NORMALIZE_NFC);
}

static gboolean
is_blank(const char *text)
{
  for (; *text; text = g_utf8_next_char(text)) {
    const gunichar c = g_utf8_get_char(text);
    if (!g_unichar_isspace(c) && !is_unseen(c))
      return FALSE;
  }
  return TRUE;
}

/* ---- readings ---- */

static void
add(GPtrArray *readings, const char *text)
{
  if (!is_blank(text) && !g_ptr_array_find_with_equal_func(readings, text, g_str_equal, NULL))
    g_ptr_array_add(readings, g_strdup(text));
}

/* What is left of @text when tags and entities are taken as such, and what of that looks like some again. */
static void
add_bare(GPtrArray *readings, const char *text, gboolean wide, Apart apart)
{
  g_autofree char *left = g_strdup(text);
  for (guint round = 0; round < ROUNDS; round++) {
    g_autofree char *bare = without_tags(left, wide, apart);
    if (strcmp(bare, left) == 0)
      return;
    g_autofree char *both = fold(bare);
    if (round == 0)
      add(readings, bare);
    add(readings, both);
    g_free(left);
    left = g_steal_pointer(&bare);
  }
}

static void
add_all(GPtrArray *readings, const char *text)
{
  g_autofree char *seen = fold(text);
  add(readings, text);
  g_autofree char *composed = normalize(text, G_NORMALIZE_NFC);
  /* The tokenizer composes by itself: such a difference is none. */
  if (strcmp(seen, composed) != 0)
    add(readings, seen);
  for (Apart apart = APART_NONE; apart < N_APART; apart++) {
    add_bare(readings, text, FALSE, apart);
    add_bare(readings, text, TRUE, apart);
  }
}

/* Without what is shown in one of @dropped ways. */
static void
add_without(GPtrArray *readings, const Markup *markup, guint32 dropped)
{
  g_autoptr(GString) text = g_string_new(NULL);
  for (guint i = 0; i < markup->runs->len; i++) {
    const Run *run = &g_array_index(markup->runs, Run, i);
    if ((run->ways & dropped) == 0)
      g_string_append_len(text, markup->visible->str + run->start, (gssize)run->size);
  }
  add_all(readings, text->str);
}

static void
add_shown(GPtrArray *readings, const Markup *markup)
{
  const guint n = markup->ways->len;
  const guint32 all = n < 32 ? (1u << n) - 1 : G_MAXUINT32;
  add_without(readings, markup, all);
  if (n <= FEW_WAYS) {
    for (guint32 dropped = 1; dropped < all; dropped++)
      add_without(readings, markup, dropped);
    return;
  }
  for (guint i = 0; i < n; i++) {
    add_without(readings, markup, 1u << i);
    add_without(readings, markup, all & ~(1u << i));
  }
}

/* White space at the ends: also what is no white space to C. */
static char *
trim(const char *text)
{
  const char *end = text + strlen(text);
  while (*text && g_unichar_isspace(g_utf8_get_char(text)))
    text = g_utf8_next_char(text);
  while (end > text) {
    const char *last = g_utf8_prev_char(end);
    if (!g_unichar_isspace(g_utf8_get_char(last)))
      break;
    end = last;
  }
  return g_strndup(text, (gsize)(end - text));
}

gboolean
gst_hysac_text_read(const char *bytes, gsize size, gboolean markup, GstHysacTextReading *out, GError **error)
{
  *out = (GstHysacTextReading){0};
  while (size > 0 && bytes[size - 1] == '\0') /* some count the end of a C string */
    size--;
  if (size == 0) /* of an empty buffer there may be no bytes at all */
    bytes = "";
  if (memchr(bytes, '\0', size)) {
    g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "a NUL inside the text");
    return FALSE;
  }
  if (!g_utf8_validate_len(bytes, size, NULL)) {
    g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "the text is not UTF-8");
    return FALSE;
  }
  g_autoptr(GPtrArray) readings = g_ptr_array_new_with_free_func(g_free);
  if (markup) {
    Markup parsed = {g_string_new(NULL), g_string_new(NULL), g_array_new(FALSE, FALSE, sizeof(Run)),
                     g_ptr_array_new_with_free_func(g_free), g_array_new(FALSE, FALSE, sizeof(guint32)), FALSE};
    const gboolean ok = parse_markup(bytes, size, &parsed, error);
    if (ok) {
      out->visible = g_strdup(parsed.visible->str);
      add_all(readings, parsed.visible->str);
      add_shown(readings, &parsed);
      add_all(readings, parsed.aside->str);
      g_autofree char *raw = g_strndup(bytes, size);
      if (parsed.foreign) {
        add_all(readings, raw);
        out->joined = g_steal_pointer(&raw);
      } else { /* some parsers of subtitles make <b> of <br> */
        add_bare(readings, raw, FALSE, APART_ALL);
      }
    }
    g_string_free(parsed.visible, TRUE);
    g_string_free(parsed.aside, TRUE);
    g_array_unref(parsed.runs);
    g_ptr_array_unref(parsed.ways);
    g_array_unref(parsed.open);
    if (!ok)
      return FALSE;
  } else {
    out->visible = g_strndup(bytes, size);
    add_all(readings, out->visible);
  }
  g_autofree char *bare = out->joined ? g_steal_pointer(&out->joined) : g_strdup(out->visible);
  for (guint round = 0; round < ROUNDS; round++) {
    char *next = without_tags(bare, FALSE, APART_BLOCKS);
    g_free(bare);
    bare = next;
  }
  g_autofree char *folded = fold(bare);
  out->joined = trim(folded);
  out->readings = g_steal_pointer(&readings);
  return TRUE;
}

void
gst_hysac_text_reading_clear(GstHysacTextReading *self)
{
  g_clear_pointer(&self->readings, g_ptr_array_unref);
  g_clear_pointer(&self->visible, g_free);
  g_clear_pointer(&self->joined, g_free);
}

/* ---- what is put in its place, and joined ---- */

char *
gst_hysac_text_mask(const char *visible)
{
  GString *out = g_string_new(NULL);
  gboolean word = FALSE;
  for (const char *p = visible ? visible : "?"; *p; p = g_utf8_next_char(p)) {
    const gunichar c = g_utf8_get_char(p);
    if (c == '\n') {
      g_string_append_c(out, '\n');
      word = FALSE;
    } else if (g_unichar_isspace(c)) {
      word = FALSE;
    } else if (!word) {
      if (out->len > 0 && out->str[out->len - 1] == '*')
        g_string_append_c(out, ' ');
      g_string_append(out, "***");
      word = TRUE;
    }
  }
  return g_string_free(out, FALSE);
}

char *
gst_hysac_text_tail(const char *text, gsize bytes)
{
  const gsize n = strlen(text);
  const char *from = n > bytes ? text + (n - bytes) : text;
  while ((*from & 0xc0) == 0x80)
    from++;
  return g_strdup(from);
}

char *
gst_hysac_text_head(const char *text, gsize bytes)
{
  gsize n = MIN(strlen(text), bytes);
  while (n > 0 && (text[n] & 0xc0) == 0x80)
    n--;
  return g_strndup(text, n);
}
