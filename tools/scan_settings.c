/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac scan: what decides on verdicts. */

#include "conceptset.h"
#include "scan_advice.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* The model's own word for its weights, else the file as it is. */
static void
append_weights(GString *text, HysacModel *model)
{
  const char *stated = hysac_model_get_weights_sha256(model);
  g_autofree char *path =
      g_build_filename(hysac_model_get_path(model), "model.safetensors", NULL);
  GStatBuf st = { 0 };
  if (g_stat(path, &st) == 0)
    g_string_append_printf(text, "%" G_GUINT64_FORMAT " %" G_GINT64_FORMAT ".%09ld ",
                           (guint64) st.st_size, (gint64) st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  g_string_append(text, stated ? stated : path);
}

static void
append_number(GString *text, double value)
{
  g_string_append_c(text, ' ');
  hysac_json_append_double(text, value);
}

static char *
hash_and_free(GString *text)
{
  char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, (gssize) text->len);
  g_string_free(text, TRUE);
  return hash;
}

/* What stands beside the region. Of the model's own concepts and without a rule it is advice only, and the scan goes
 * on where they cannot be had; a head that is broken is an error as everywhere. */
static gboolean
make_rater(ScanSettings *self, HysacModel *model, const char *device, GError **error)
{
  g_autoptr(GError) local = NULL;
  g_autoptr(HysacHead) head = NULL;
  g_autoptr(HysacConcepts) concepts = tool_take_concepts(model, device, self->rules.concepts, &local);
  self->ruled = hysac_policy_rules_any(&self->rules);
  if (local != NULL && (self->ruled || self->rules.concepts != NULL)) {
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
  }
  if (local != NULL)
    tool_error("warning: no scores of categories: %s", local->message);
  return hysac_head_load_beside(model, &head, error) &&
         hysac_rater_new(concepts, head, "head.safetensors", hysac_model_get_geometry(model)->curvature, &self->rules,
                         &self->rater, error);
}

static void
append_rules(GString *text, const ScanSettings *self)
{
  for (guint i = 0; i < HYSAC_N_RULES; i++) {
    g_autofree char *rule = scan_rule_text(self, i);
    if (rule != NULL)
      g_string_append_printf(text, " %u", i);
    if (rule == NULL || i == HYSAC_RULE_HEAD)
      continue;
    const HysacCategoryRule *own = &self->rules.categories[i];
    g_string_append_printf(text, " %d%d%d", own->has_cone, own->has_inner, own->has_lead);
    append_number(text, own->cone);
    append_number(text, own->inner);
    append_number(text, own->lead);
  }
}

gboolean
scan_settings_finish(ScanSettings *self, HysacEngine *engine, const char *device, GError **error)
{
  HysacModel *model = hysac_engine_get_model(engine);
  const HysacRegion *region = hysac_model_get_region(model);
  const HysacGeometry *geometry = hysac_model_get_geometry(model);
  HysacAccuracy accuracy;
  if (region == NULL || geometry == NULL) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s has no bound: a plain CLIP model embeds, but cannot judge", hysac_model_get_path(model));
    return FALSE;
  }
  hysac_engine_get_accuracy(engine, &accuracy);
  self->region = hysac_region_in(region, hysac_engine_get_precision(engine), accuracy.distance);
  if (self->bound > 0)
    self->region = hysac_region_at(&self->region, self->bound);
  self->precision = hysac_precision_to_string(hysac_engine_get_precision(engine));
  self->device = g_strdup(hysac_device_get_info(hysac_engine_get_device(engine))->name);
  self->model = g_path_get_basename(hysac_model_get_path(model));
  self->weights_sha256 = g_strdup(hysac_model_get_weights_sha256(model));

  if (!make_rater(self, model, device, error))
    return FALSE;
  g_autofree char *rating = self->rater ? hysac_rater_identify(self->rater) : g_strdup("-");
  GString *text = g_string_new(HYSAC_VERSION " 2 "); /* the form of what is kept */
  append_weights(text, model);
  append_number(text, geometry->curvature);
  append_number(text, geometry->visual_alpha);
  g_string_append_printf(text, " %s %" G_GINT64_FORMAT " %s", self->precision, self->interval, rating);
  self->scoring = hash_and_free(text);

  const HysacPolicyConfig *p = &self->policy;
  text = g_string_new(NULL);
  g_string_append_printf(text, "%u %u %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %d",
                         p->k, p->n, p->min_duration, p->pre_roll, p->post_roll, (int) self->thumbs);
  append_number(text, self->region.bound);
  append_number(text, p->enter_margin);
  append_number(text, p->leave_margin);
  append_rules(text, self);
  self->judging = hash_and_free(text);
  return TRUE;
}

void
scan_settings_clear(ScanSettings *self)
{
  g_clear_pointer(&self->device, g_free);
  g_clear_pointer(&self->model, g_free);
  g_clear_pointer(&self->weights_sha256, g_free);
  g_clear_pointer(&self->scoring, g_free);
  g_clear_pointer(&self->judging, g_free);
  g_clear_pointer(&self->rater, hysac_rater_unref);
  hysac_policy_rules_clear(&self->rules);
}
