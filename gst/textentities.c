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
  *out = g_unichar_validate(c) ? c : 0;
  return (gsize) (p - text) + (*p == ';' ? 1 : 0);
}

gsize
gst_hysac_text_entity(const char *text, gunichar *out)
{
  return text[1] == '#' ? by_number(text, out) : by_name(text, out);
}
