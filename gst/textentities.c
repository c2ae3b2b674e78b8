/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/textentities.h"

#include <stdlib.h>
#include <string.h>

#define BARE 0x80000000u
#define LONGEST 23
#define LONGEST_BARE 6
#define BEYOND 0x110000u /* the first number that is no character's */

typedef struct {
  const char *name;
  guint32 c;
} Entity;

static const Entity entities[] = {
#include "gst/textentities.inc"
};

static int
compare(const void *name, const void *entity)
{
  return strcmp(name, ((const Entity *) entity)->name);
}

/* 0: not known. */
static guint32
look_up(const char *text, gsize n, gboolean lower)
{
  char name[LONGEST + 1];
  for (gsize i = 0; i < n; i++)
    name[i] = lower ? g_ascii_tolower(text[i]) : text[i];
  name[n] = '\0';
  const Entity *found = bsearch(name, entities, G_N_ELEMENTS(entities), sizeof *entities, compare);
  return found ? found->c : 0;
}

static gsize
by_name(const char *text, gunichar *out)
{
  gsize n = 0;
  guint32 c = 0;
  while (n <= LONGEST && g_ascii_isalnum(text[1 + n]))
    n++;
  if (n > 0 && n <= LONGEST && text[1 + n] == ';') {
    c = look_up(text + 1, n, FALSE);
    if (c == 0) /* some take them in any case */
      c = look_up(text + 1, n, TRUE);
    if (c != 0)
      n += 1;
  }
  for (n = c == 0 ? MIN(n, LONGEST_BARE) : n; c == 0 && n >= 2; n--) {
    c = look_up(text + 1, n, FALSE);
    if ((c & BARE) != 0)
      break;
    c = 0;
  }
  if (c == 0)
    return 0;
  c &= ~BARE;
  *out = c == 0xa0 ? ' ' : c;
  return n + 1;
}

/* HTML takes the numbers of C1 controls for Windows-1252's; itself where that has nothing. */
static gunichar
from_windows_1252(guint32 c)
{
  static const guint16 table[32] = {
      0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160,  0x2039, 0x152, 0x8d,   0x17d, 0x8f,
      0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161,  0x203a, 0x153, 0x9d,   0x17e, 0x178};
  return c >= 0x80 && c <= 0x9f ? table[c - 0x80] : c;
}

static gsize
by_number(const char *text, gunichar *out)
{
  const gboolean hex = text[2] == 'x' || text[2] == 'X';
  const char *p = text + (hex ? 3 : 2), *digits = p;
  guint32 c = 0;
  for (; hex ? g_ascii_isxdigit(*p) : g_ascii_isdigit(*p); p++)
    c = MIN(c * (hex ? 16 : 10) + (guint32) g_ascii_xdigit_value(*p), BEYOND);
  if (p == digits)
    return 0;
  *out = g_unichar_validate(c) ? from_windows_1252(c) : 0;
  return (gsize) (p - text) + (*p == ';' ? 1 : 0);
}

gsize
gst_hysac_text_entity(const char *text, gunichar *out)
{
  return text[1] == '#' ? by_number(text, out) : by_name(text, out);
}
