/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/svggradient.h"

#include "core/svgvalue.h"

#include <math.h>
#include <string.h>

#define LEAST 1e-4 /* browsers take less for nothing; of all, or in pixels */
#define MAX_DEPTH 256

static const char *const attributes[] = { "x1", "x2", "y1", "y2", "r", "fr" };
static const char *const defaults[] = { "0", "100%", "0", "0", "50%", "0" };

typedef struct {
  gboolean radial;
  char *values[G_N_ELEMENTS(attributes)]; /* NULL: those of what it refers to */
  char *other; /* its id, or NULL */
} Gradient;

static void
free_gradient(gpointer data)
{
  Gradient *self = data;
  for (guint i = 0; i < G_N_ELEMENTS(attributes); i++)
    g_free(self->values[i]);
  g_free(self->other);
  g_free(self);
}

GHashTable *
hysac_svg_gradients_new(void)
{
  return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_gradient);
}

void
hysac_svg_gradients_note(GHashTable *gradients, const char *element, const char **names, const char **values)
{
  const gboolean radial = strcmp(element, "radialGradient") == 0;
  const char *id = NULL;
  if (!radial && strcmp(element, "linearGradient") != 0)
    return;
  Gradient *self = g_new0(Gradient, 1);
  self->radial = radial;
  for (guint i = 0; names[i] != NULL; i++) {
    if (strcmp(names[i], "id") == 0)
      id = values[i];
    if ((strcmp(names[i], "href") == 0 || g_str_has_suffix(names[i], ":href")) && self->other == NULL)
      self->other = hysac_svg_reference(values[i]);
    for (guint k = 0; k < G_N_ELEMENTS(attributes); k++) {
      if (strcmp(names[i], attributes[k]) == 0 && self->values[k] == NULL)
        self->values[k] = g_strstrip(g_strdup(values[i]));
    }
  }
  if (id != NULL)
    g_hash_table_insert(gradients, g_strdup(id), self);
  else
    free_gradient(self);
}

/* Its own, or that of the next of its kind to which it refers. */
static const char *
find_value(GHashTable *gradients, const Gradient *self, guint attribute)
{
  const gboolean radial = self->radial;
  for (guint depth = 0; depth < MAX_DEPTH && self != NULL; depth++) {
    if (self->radial == radial && self->values[attribute] != NULL)
      return self->values[attribute];
    self = self->other ? g_hash_table_lookup(gradients, self->other) : NULL;
  }
  return defaults[attribute];
}

/* How far apart two lengths are; 0 where it cannot be told. */
static double
get_span(const char *one, const char *other)
{
  const gboolean percents[] = { g_str_has_suffix(one, "%"), g_str_has_suffix(other, "%") };
  const double a = g_ascii_strtod(one, NULL) / (percents[0] ? 100 : 1), b = g_ascii_strtod(other, NULL) / (percents[1] ? 100 : 1);
  return percents[0] == percents[1] || a == 0 || b == 0 ? fabs(a - b) : 0;
}

gboolean
hysac_svg_gradients_check(GHashTable *gradients, GError **error)
{
  GHashTableIter iter;
  gpointer id, gradient;
  g_hash_table_iter_init(&iter, gradients);
  while (g_hash_table_iter_next(&iter, &id, &gradient)) {
    const char *values[G_N_ELEMENTS(attributes)];
    const Gradient *self = gradient;
    for (guint i = 0; i < G_N_ELEMENTS(attributes); i++)
      values[i] = find_value(gradients, self, i);
    const double radius = fmin(get_span(values[4], values[5]), get_span(values[4], "0"));
    if ((self->radial ? radius : hypot(get_span(values[0], values[1]), get_span(values[2], values[3]))) < LEAST)
      return hysac_svg_refuse(error, "a gradient of no length: ", id);
  }
  return TRUE;
}
