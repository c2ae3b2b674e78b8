/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac scan: what decides on verdicts. */

#include "scan.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#define HOUR (3600 * G_GUINT64_CONSTANT(1000000000))

enum { INTERVAL, K, N, BOUND, ENTER, LEAVE, MIN_DURATION, PRE_ROLL, POST_ROLL, USED };

static const char *const modes[] = { "gate", "monitor", NULL };
static const char *const actions[] = { "tag",  "blur",  "pixelate", "blank",
                                       "drop", "slate", "freeze",   NULL };
static const char *const failures[] = { "redact", "error", "pass", NULL };
static const char *const reuses[] = { "auto", "never", "always", NULL };

/* A policy is written for the element (docs/policy.md). What it says of pictures that go out means
 * nothing here, but belongs into such a file. */
static const HysacPolicyKey keys[] = {
  [INTERVAL] = { "sample-interval", HYSAC_POLICY_TIME, .most = HOUR },
  [K] = { "confirm-k", HYSAC_POLICY_COUNT, .least = 1, .most = 64 },
  [N] = { "confirm-n", HYSAC_POLICY_COUNT, .least = 1, .most = 64 },
  [BOUND] = { "bound", HYSAC_POLICY_NUMBER, .low = 0, .high = 1000 },
  [ENTER] = { "enter-margin", HYSAC_POLICY_NUMBER, .low = -1000, .high = 1000 },
  [LEAVE] = { "leave-margin", HYSAC_POLICY_NUMBER, .low = -1000, .high = 1000 },
  [MIN_DURATION] = { "min-duration", HYSAC_POLICY_TIME, .most = HOUR },
  [PRE_ROLL] = { "pre-roll", HYSAC_POLICY_TIME, .most = HOUR },
  [POST_ROLL] = { "post-roll", HYSAC_POLICY_TIME, .most = HOUR },
  { "mode", HYSAC_POLICY_CHOICE, .choices = modes },
  { "action", HYSAC_POLICY_CHOICE, .choices = actions },
  { "on-failure", HYSAC_POLICY_CHOICE, .choices = failures },
  { "max-age", HYSAC_POLICY_TIME, .most = HOUR },
  { "blank-color", HYSAC_POLICY_COUNT, .most = G_MAXUINT32 },
  { "reuse", HYSAC_POLICY_CHOICE, .choices = reuses },
  { "change-tolerance", HYSAC_POLICY_COUNT, .most = HYSAC_REUSE_MAX_TOLERANCE },
  { "change-budget", HYSAC_POLICY_COUNT, .most = 100000 },
  { "reuse-max-age", HYSAC_POLICY_TIME, .most = HOUR },
};

gboolean
scan_settings_read_policy(ScanSettings *self, const char *policy_file, GError **error)
{
  HysacPolicyValue values[G_N_ELEMENTS(keys)] = { 0 };
  g_autofree char *title = NULL;
  if (!hysac_policy_file_load(policy_file, keys, G_N_ELEMENTS(keys), values, &title, error))
    return FALSE;
  HysacPolicyConfig *policy = &self->policy;
  if (values[INTERVAL].set)
    self->interval = (gint64) values[INTERVAL].whole;
  if (values[K].set)
    policy->k = (guint) values[K].whole;
  if (values[N].set)
    policy->n = (guint) values[N].whole;
  if (values[BOUND].set)
    self->bound = values[BOUND].number;
  policy->enter_margin = values[ENTER].number;
  policy->leave_margin = values[LEAVE].number;
  policy->min_duration = (gint64) values[MIN_DURATION].whole;
  policy->pre_roll = (gint64) values[PRE_ROLL].whole;
  policy->post_roll = (gint64) values[POST_ROLL].whole;
  return TRUE;
}

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

static gboolean
is_demo(HysacModel *model)
{
  g_autofree char *path = hysac_model_resolve("demo", NULL);
  g_autoptr(HysacModel) demo = path ? hysac_model_load(path, NULL) : NULL;
  const char *a = demo ? hysac_model_get_weights_sha256(demo) : NULL;
  return a != NULL && g_strcmp0(a, hysac_model_get_weights_sha256(model)) == 0;
}

gboolean
scan_settings_finish(ScanSettings *self, HysacEngine *engine, GError **error)
{
  HysacModel *model = hysac_engine_get_model(engine);
  const HysacRegion *region = hysac_model_get_region(model);
  const HysacGeometry *geometry = hysac_model_get_geometry(model);
  HysacAccuracy accuracy;
  if (region == NULL || geometry == NULL) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s has no bound: a plain CLIP model embeds, but cannot judge",
                hysac_model_get_path(model));
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
  self->demo = is_demo(model);

  GString *text = g_string_new(HYSAC_VERSION " 1 ");
  append_weights(text, model);
  append_number(text, geometry->curvature);
  append_number(text, geometry->visual_alpha);
  g_string_append_printf(text, " %s %" G_GINT64_FORMAT, self->precision, self->interval);
  self->scoring = hash_and_free(text);

  const HysacPolicyConfig *p = &self->policy;
  text = g_string_new(NULL);
  g_string_append_printf(text, "%u %u %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %d",
                         p->k, p->n, p->min_duration, p->pre_roll, p->post_roll, (int) self->thumbs);
  append_number(text, self->region.bound);
  append_number(text, p->enter_margin);
  append_number(text, p->leave_margin);
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
}
