/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/tokenizer_text.h"
#include "core/tokenizer_entities.h"

#include <stdlib.h>
#include <string.h>

/*
 * The references: transformers 4.31.0, CLIPTokenizer._tokenize() with ftfy, that is
 * whitespace_clean(fix_text()).lower(), and the fast tokenizer (CLIPConverter: NFC, white space,
 * lower case). Both only look for words between white space, which need not be collapsed for that.
 */

/* ftfy repeats its repairs until nothing changes, and "&amp;amp;…" can ask for a pass every four
 * bytes; no honest text needs more than a few. */
#define MAX_PASSES 16
#define MAX_ENTITY 24 /* ftfy.fixes.HTML_ENTITY_RE: letters and digits of a name */

/* ------------------------------------------------------------ classes */

/* Unicode's White_Space, the \s of Python's regex and of onig. */
static gboolean
is_space(gunichar c)
{
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

static gboolean
is_letter(gunichar c)
{
  switch (g_unichar_type(c)) {
  case G_UNICODE_LOWERCASE_LETTER:
  case G_UNICODE_MODIFIER_LETTER:
  case G_UNICODE_OTHER_LETTER:
  case G_UNICODE_TITLECASE_LETTER:
  case G_UNICODE_UPPERCASE_LETTER:
    return TRUE;
  default:
    return FALSE;
  }
}

static gboolean
is_number(gunichar c)
{
  GUnicodeType type = g_unichar_type(c);
  return type == G_UNICODE_DECIMAL_NUMBER || type == G_UNICODE_LETTER_NUMBER ||
         type == G_UNICODE_OTHER_NUMBER;
}

static gboolean
is_mark(gunichar c)
{
  GUnicodeType type = g_unichar_type(c);
  return type == G_UNICODE_NON_SPACING_MARK || type == G_UNICODE_SPACING_MARK ||
         type == G_UNICODE_ENCLOSING_MARK;
}

/* ------------------------------------------------------------ NFC */

/*
 * GLib sorts runs of marks by bubbles and closes the gap of each composition by moving all that
 * follows: quadratic in the text. So it gets pieces: cut before a character that never composes
 * with what is before it, and, where there is none for long (no language does that), anywhere.
 */
#define PIECE 32
#define MAX_PIECE 256

static void
append_nfc(GString *out, const char *text, gsize size)
{
  const char *end = text + size;

  while (text < end) {
    const char *p = text;
    gboolean ascii = TRUE;
    for (guint n = 0; p < end && n < MAX_PIECE; n++, p = g_utf8_next_char(p)) {
      gunichar c = g_utf8_get_char(p);
      /* Beside marks, only Hangul vowels and finals compose backwards. */
      if (n >= PIECE && !is_mark(c) && !(c >= 0x1160 && c <= 0x11ff))
        break;
      ascii = ascii && c < 0x80;
    }
    if (ascii) {
      g_string_append_len(out, text, p - text);
    } else {
      g_autofree char *piece = g_utf8_normalize(text, p - text, G_NORMALIZE_DEFAULT_COMPOSE);
      g_string_append(out, piece);
    }
    text = p;
  }
}

/* ------------------------------------------------------------ ftfy's repairs */

/* What Windows-1252 has at 0x80 to 0x9f; itself where it has nothing. */
static gunichar
from_windows_1252(gunichar c)
{
  static const guint16 table[32] = {
    0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160,
    0x2039, 0x152,  0x8d,   0x17d,  0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e, 0x178};
  return c >= 0x80 && c <= 0x9f ? table[c - 0x80] : c;
}

/* A number in a reference, as Python's html.unescape() reads it; 0 for nothing at all. */
static gunichar
from_number(guint64 number)
{
  if (number >= 0x80 && number <= 0x9f)
    return from_windows_1252((gunichar) number);
  if (number == 0 || number > 0x10ffff || (number >= 0xd800 && number <= 0xdfff))
    return 0xfffd;
  if (number < 0x09 || number == 0x0b || (number >= 0x0e && number < 0x20) || number == 0x7f ||
      (number >= 0xfdd0 && number <= 0xfdef) || (number & 0xfffe) == 0xfffe)
    return 0;
  return (gunichar) number;
}

static int
compare_entity(const void *name, const void *entry)
{
  const char *other = *(const char *const *) entry;
  gsize size = strcspn(other, " ");
  int order = strncmp(name, other, size);
  return order ? order : ((const char *) name)[size] != '\0';
}

static const char *
find_entity(const char *name)
{
  const char *const *entry =
    bsearch(name, entities, G_N_ELEMENTS(entities), sizeof entities[0], compare_entity);
  return entry ? *entry + strlen(name) + 1 : NULL;
}

/* ftfy takes lower-case names in capitals too, unless they begin with one that needs no semicolon.
 * The text is in lower case in the end, so their capitals need not be found. */
static const char *
find_capitals(const char *name)
{
  static const char *const legacy[] = {"AMP", "COPY", "ETH", "GT", "LT", "QUOT", "REG", "THORN"};
  g_autofree char *lower = g_ascii_strdown(name, -1);

  for (const char *p = name; *p; p++)
    if (g_ascii_islower(*p))
      return NULL;
  for (guint i = 0; i < G_N_ELEMENTS(legacy); i++)
    if (g_str_has_prefix(name, legacy[i]))
      return NULL;
  return find_entity(lower);
}

/* The reference at @p ('&') and its text in @out; the bytes it takes, or 0 if it is none. */
static gsize
read_entity(const char *p, const char *end, char out[16])
{
  char name[MAX_ENTITY + 1];
  gboolean number = end - p > 1 && p[1] == '#';
  gsize start = number ? 2 : 1, size = 0;

  while (size < MAX_ENTITY && p + start + size < end && g_ascii_isalnum(p[start + size]))
    size++;
  if (size == 0 || p + start + size >= end || p[start + size] != ';')
    return 0;
  memcpy(name, p + start, size);
  name[size] = '\0';
  if (!number) {
    const char *text = find_entity(name);
    if (!text && !(text = find_capitals(name)))
      return 0;
    g_strlcpy(out, text, 16);
  } else {
    gboolean hex = name[0] == 'x' || name[0] == 'X';
    char *stop;
    if (hex ? !g_ascii_isxdigit(name[1]) : !g_ascii_isdigit(name[0]))
      return 0;
    gunichar c = from_number(g_ascii_strtoull(name + hex, &stop, hex ? 16 : 10));
    if (*stop || c == ';') /* ftfy wants no semicolon in what comes out */
      return 0;
    out[c ? g_unichar_to_utf8(c, out) : 0] = '\0';
  }
  return start + size + 1;
}

/* A terminal's escape sequence at @p: its bytes, or 0. Python's \d is a digit of any script. */
static gsize
read_escape(const char *p, const char *end)
{
  const char *q = p + 2;

  if (end - p < 3 || p[1] != '[')
    return 0;
  while (q < end && (*q == ';' || g_unichar_type(g_utf8_get_char(q)) == G_UNICODE_DECIMAL_NUMBER))
    q = g_utf8_next_char(q);
  return q < end && g_ascii_isalpha(*q) ? (gsize) (q + 1 - p) : 0;
}

/* ftfy.chardata.LIGATURES. */
static const char *
from_ligature(gunichar c)
{
  static const struct {
    guint16 c;
    char text[4];
  } table[] = {
    {0x132, "IJ"},  {0x133, "ij"},  {0x149, "\xca\xbcn"}, {0x1f1, "DZ"},  {0x1f2, "Dz"},
    {0x1f3, "dz"},  {0x1c4, "D\xc5\xbd"}, {0x1c5, "D\xc5\xbe"}, {0x1c6, "d\xc5\xbe"},
    {0x1c7, "LJ"},  {0x1c8, "Lj"},  {0x1c9, "lj"},  {0x1ca, "NJ"},  {0x1cb, "Nj"}, {0x1cc, "nj"},
    {0xfb00, "ff"}, {0xfb01, "fi"}, {0xfb02, "fl"}, {0xfb03, "ffi"}, {0xfb04, "ffl"},
    {0xfb05, "\xc5\xbft"}, {0xfb06, "st"}};

  for (guint i = 0; c >= 0x132 && i < G_N_ELEMENTS(table); i++)
    if (table[i].c == c)
      return table[i].text;
  return NULL;
}

static gboolean
is_dropped(gunichar c)
{
  return c < 0x09 || c == 0x0b || (c >= 0x0e && c < 0x20) || c == 0x7f ||
         (c >= 0x206a && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffc);
}

static void
append_fixed(GString *out, gunichar c)
{
  c = from_windows_1252(c);
  const char *ligature = from_ligature(c);
  if (ligature) {
    g_string_append(out, ligature);
  } else if (c >= 0xff01 && c <= 0xffef) { /* to standard width */
    char wide[8];
    g_autofree char *standard =
      g_utf8_normalize(wide, g_unichar_to_utf8(c, wide), G_NORMALIZE_ALL_COMPOSE);
    g_string_append(out, standard);
  } else if (c == 0x2bc || (c >= 0x2018 && c <= 0x201b)) {
    g_string_append_c(out, '\'');
  } else if (c >= 0x201c && c <= 0x201f) {
    g_string_append_c(out, '"');
  } else {
    g_string_append_unichar(out, c);
  }
}

/* Without escape sequences and control characters. */
static void
append_stripped(GString *out, const GString *text)
{
  const char *p = text->str, *end = p + text->len;
  gsize size;

  while (p < end) {
    if (*p == '\033' && (size = read_escape(p, end)) > 0) {
      p += size;
    } else {
      gunichar c = g_utf8_get_char(p);
      if (!is_dropped(c))
        g_string_append_unichar(out, c);
      p = g_utf8_next_char(p);
    }
  }
}

static GString *
fix_once(const GString *text, gboolean html)
{
  g_autoptr(GString) fixed = g_string_sized_new(text->len);
  const char *p = text->str, *end = p + text->len;
  char entity[16];
  gsize size;

  while (p < end) {
    if (html && *p == '&' && (size = read_entity(p, end, entity)) > 0) {
      for (const char *q = entity; *q; q = g_utf8_next_char(q))
        append_fixed(fixed, g_utf8_get_char(q));
      p += size;
    } else {
      append_fixed(fixed, g_utf8_get_char(p));
      p = g_utf8_next_char(p);
    }
  }
  /* After the rest: a sequence may end in a ligature or be of wide characters. */
  g_autoptr(GString) stripped = g_string_sized_new(fixed->len);
  append_stripped(stripped, fixed);
  GString *out = g_string_sized_new(stripped->len);
  append_nfc(out, stripped->str, stripped->len);
  return out;
}

static void
append_repaired(GString *out, const char *text, gsize size, gboolean html)
{
  g_autoptr(GString) now = g_string_new_len(text, (gssize) size);

  for (guint i = 0; i < MAX_PASSES; i++) {
    g_autoptr(GString) before = now;
    now = fix_once(before, html);
    if (g_string_equal(now, before))
      break;
  }
  g_string_append_len(out, now->str, (gssize) now->len);
}

/* ftfy.fix_text() without the repair of text decoded in a wrong encoding. References of HTML are
 * read up to the first line that has a '<', which looks like HTML meant as such. */
static void
append_fix_text(GString *out, const char *text, gsize size)
{
  const char *tag = memchr(text, '<', size);
  gsize html = size;

  if (tag)
    for (html = (gsize) (tag - text); html > 0 && text[html - 1] != '\n'; html--)
      ;
  append_repaired(out, text, html, TRUE);
  append_repaired(out, text + html, size - html, FALSE);
}

/* ------------------------------------------------------------ lower case */

/* Unicode's Cased, but for letters that are ignorable too: those are passed over first. */
static gboolean
is_cased(gunichar c)
{
  GUnicodeType type = g_unichar_type(c);
  return c == 0xaa || c == 0xba || (c >= 0x2160 && c <= 0x217f) || (c >= 0x24b6 && c <= 0x24e9) ||
         (c >= 0x1f130 && c <= 0x1f149) || (c >= 0x1f150 && c <= 0x1f169) ||
         (c >= 0x1f170 && c <= 0x1f189) || type == G_UNICODE_LOWERCASE_LETTER ||
         type == G_UNICODE_UPPERCASE_LETTER || type == G_UNICODE_TITLECASE_LETTER;
}

/* Unicode's Case_Ignorable. */
static gboolean
is_ignorable(gunichar c)
{
  static const gunichar others[] = {0x27,   0x2e,   0x3a,   0xb7,   0x387,  0x55f,
                                    0x5f4,  0x2018, 0x2019, 0x2024, 0x2027, 0xfe13,
                                    0xfe52, 0xfe55, 0xff07, 0xff0e, 0xff1a};
  GUnicodeType type = g_unichar_type(c);

  for (guint i = 0; i < G_N_ELEMENTS(others); i++)
    if (others[i] == c)
      return TRUE;
  return type == G_UNICODE_NON_SPACING_MARK || type == G_UNICODE_ENCLOSING_MARK ||
         type == G_UNICODE_FORMAT || type == G_UNICODE_MODIFIER_LETTER ||
         type == G_UNICODE_MODIFIER_SYMBOL;
}

/* A capital sigma at @p ends a word: the Final_Sigma of Unicode, as Python's lower() has it. */
static gboolean
is_final(const char *text, const char *p, const char *end)
{
  const char *q = p;
  gunichar c = 0;

  do {
    if (q == text)
      return FALSE;
    q = g_utf8_prev_char(q);
    c = g_utf8_get_char(q);
  } while (is_ignorable(c));
  if (!is_cased(c))
    return FALSE;
  for (q = g_utf8_next_char(p); q < end; q = g_utf8_next_char(q)) {
    c = g_utf8_get_char(q);
    if (!is_ignorable(c))
      return !is_cased(c);
  }
  return TRUE;
}

/* GLib knows capitals among letters only; these are numbers and symbols: Roman, and in circles. */
static gunichar
lower_character(gunichar c)
{
  if (c >= 0x2160 && c <= 0x216f)
    return c + 0x10;
  if (c >= 0x24b6 && c <= 0x24cf)
    return c + 0x1a;
  return g_unichar_tolower(c);
}

/* g_utf8_strdown() asks the locale: Turkish has another i. Rust, in the fast tokenizer, goes
 * character by character and has no final sigma. */
static char *
lower(const GString *text, gboolean sigma)
{
  GString *out = g_string_sized_new(text->len);
  const char *end = text->str + text->len;

  for (const char *p = text->str; p < end; p = g_utf8_next_char(p)) {
    gunichar c = g_utf8_get_char(p);
    if (c == 0x130)
      g_string_append(out, "i\xcc\x87"); /* the only one that becomes two */
    else if (c == 0x3a3 && sigma && is_final(text->str, p, end))
      g_string_append_unichar(out, 0x3c2);
    else
      g_string_append_unichar(out, lower_character(c));
  }
  return g_string_free(out, FALSE);
}

char *
hysac_text_clean(const char *text, gsize size, gboolean fix)
{
  g_autoptr(GString) out = g_string_sized_new(size);

  if (fix)
    append_fix_text(out, text, size);
  else
    append_nfc(out, text, size);
  return lower(out, fix);
}

/* ------------------------------------------------------------ words */

/* 's, 't, 're, 've, 'm, 'll, 'd at @p; 0 if there is none. */
static gsize
contraction(const char *p, const char *end, gboolean fold)
{
  gsize left = (gsize) (end - p);

  if (*p != '\'' || left < 2)
    return 0;
  if (strchr("stmd", p[1]))
    return 2;
  if (left >= 3 && (!memcmp(p + 1, "re", 2) || !memcmp(p + 1, "ve", 2) || !memcmp(p + 1, "ll", 2)))
    return 3;
  return fold && left >= 3 && !memcmp(p + 1, "\xc5\xbf", 2) ? 3 : 0;
}

/* Between words. To Python's regex, where case is folded, the iota below (U+0345) is neither a
 * letter, which it folds to, nor anything else: no part of the pattern takes it. */
static gboolean
is_between(gunichar c, gboolean fold)
{
  return is_space(c) || (fold && c == 0x345);
}

/* '(s|t|re|ve|m|ll|d)|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+ */
const char *
hysac_text_word(const char *p, const char *end, gboolean fold, gsize *size)
{
  while (p < end && is_between(g_utf8_get_char(p), fold))
    p = g_utf8_next_char(p);
  if (p >= end)
    return NULL;

  gunichar c = g_utf8_get_char(p);
  const char *q = g_utf8_next_char(p);
  gsize short_word = contraction(p, end, fold);
  if (short_word) {
    q = p + short_word;
  } else if (is_letter(c)) {
    while (q < end && is_letter(g_utf8_get_char(q)))
      q = g_utf8_next_char(q);
  } else if (!is_number(c)) {
    for (; q < end; q = g_utf8_next_char(q)) {
      c = g_utf8_get_char(q);
      if (is_between(c, fold) || is_letter(c) || is_number(c))
        break;
    }
  }
  *size = (gsize) (q - p);
  return p;
}
