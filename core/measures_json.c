/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/measures_json.h"
#include "core/json.h"
#include "core/report.h"

#include <math.h>

#define MAX_NUMBER 1e12
#define INDENT "      "

/* ------------------------------------------------------------ writing */

static void
append_number(GString *json, const char *key, double value)
{
  g_string_append_printf(json, "\"%s\": ", key);
  if (isfinite(value))
    hysac_json_append_double(json, value + 0.0); /* never -0, which comes back as 0 */
  else
    g_string_append(json, "null");
}

void
hysac_estimate_to_json(GString *json, const HysacEstimate *estimate)
{
  g_string_append_c(json, '{');
  append_number(json, "value", estimate->value);
  g_string_append(json, ", ");
  append_number(json, "low", estimate->low);
  g_string_append(json, ", ");
  append_number(json, "high", estimate->high);
  g_string_append_c(json, '}');
}

static void
append_estimate(GString *json, const char *before, const char *key, const HysacEstimate *estimate)
{
  g_string_append_printf(json, "%s\"%s\": ", before, key);
  hysac_estimate_to_json(json, estimate);
}

static void
append_alarms(GString *json, const HysacMeasures *self)
{
  const HysacPolicyConfig *policy = &self->policy;

  g_string_append_printf(json, ",\n" INDENT "\"alarms\": {\"clips\": %" G_GUINT64_FORMAT
                         ", \"count\": %" G_GUINT64_FORMAT ", ", self->timed_clips, self->alarms);
  append_number(json, "hours", self->hours);
  append_estimate(json, ",\n" INDENT "  ", "per_hour", &self->per_hour);
  append_estimate(json, ",\n" INDENT "  ", "held_out", &self->per_hour_held_out);
  g_string_append(json, ",\n" INDENT "  ");
  append_number(json, "target", self->target >= 0.0 ? self->target : (double) NAN);
  g_string_append_printf(json, ", \"sample_interval_ns\": %" G_GINT64_FORMAT
                         ", \"confirm_k\": %u, \"confirm_n\": %u, \"min_duration_ns\": %" G_GINT64_FORMAT ", ",
                         self->interval, policy->k, policy->n, policy->min_duration);
  append_number(json, "enter_margin", policy->enter_margin);
  g_string_append(json, ", ");
  append_number(json, "leave_margin", policy->leave_margin);
  g_string_append_c(json, '}');
}

static void
append_unsafe(GString *json, const HysacMeasures *self)
{
  append_estimate(json, ",\n" INDENT, "recall", &self->recall);
  append_estimate(json, ",\n" INDENT, "auc", &self->roc.auc);
  append_estimate(json, ",\n" INDENT, "recall_at_1_percent", &self->roc.at_1);
  append_estimate(json, ",\n" INDENT, "recall_at_0.1_percent", &self->roc.at_01);
  g_string_append(json, ",\n" INDENT "\"calibration\": {");
  append_number(json, "slope", self->slope);
  g_string_append(json, ", ");
  append_number(json, "intercept", self->intercept);
  g_string_append(json, ", ");
  append_number(json, "brier", self->reliability.brier);
  g_string_append(json, ", ");
  append_number(json, "brier_of_share", self->reliability.base);
  g_string_append(json, ", ");
  append_number(json, "ece", self->reliability.ece);
  g_string_append_c(json, '}');
}

void
hysac_measures_to_json(GString *json, const HysacMeasures *self)
{
  g_string_append_printf(json, "{\n" INDENT "\"clips\": {\"safe\": %" G_GUINT64_FORMAT
                         ", \"unsafe\": %" G_GUINT64_FORMAT "}", self->safe_clips, self->unsafe_clips);
  append_estimate(json, ",\n" INDENT, "false_positives", &self->false_positives);
  append_estimate(json, ",\n" INDENT, "false_positives_held_out", &self->held_out);
  if (self->timed_clips > 0)
    append_alarms(json, self);
  if (self->unsafe_clips > 0)
    append_unsafe(json, self);
  g_string_append_printf(json, ",\n" INDENT "\"bootstrap\": {\"rounds\": %u, \"seed\": %" G_GUINT64_FORMAT
                         "}\n    }", self->rounds, self->seed);
}

/* ------------------------------------------------------------ reading */

static const char *const measures_keys[] = {"clips", "false_positives", "false_positives_held_out", "alarms", "recall",
                                            "auc", "recall_at_1_percent", "recall_at_0.1_percent", "calibration",
                                            "bootstrap", NULL};
static const char *const clips_keys[] = {"safe", "unsafe", NULL};
static const char *const alarms_keys[] = {"clips", "count", "hours", "per_hour", "held_out", "target",
                                          "sample_interval_ns", "confirm_k", "confirm_n", "min_duration_ns",
                                          "enter_margin", "leave_margin", NULL};
static const char *const calibration_keys[] = {"slope", "intercept", "brier", "brier_of_share", "ece", NULL};
static const char *const bootstrap_keys[] = {"rounds", "seed", NULL};
static const char *const estimate_keys[] = {"value", "low", "high", NULL};

/* Null or absent: not known. */
static gboolean
read_number(JsonObject *object, const char *name, const char *key, double low, double high, double *out,
            GError **error)
{
  *out = (double) NAN;
  return !hysac_json_member(object, key) ||
         hysac_json_get_double(object, name, key, low, high, (double) NAN, out, error);
}

static gboolean
read_estimate(JsonObject *object, const char *name, const char *key, double high, HysacEstimate *out,
              GError **error)
{
  JsonObject *found;

  *out = (HysacEstimate){(double) NAN, (double) NAN, (double) NAN};
  if (!hysac_json_get_object(object, name, key, &found, error))
    return FALSE;
  return !found || (hysac_json_check_keys(found, name, key, estimate_keys, error) &&
                    read_number(found, name, "value", -1e-9, high, &out->value, error) &&
                    read_number(found, name, "low", -1e-9, high, &out->low, error) &&
                    read_number(found, name, "high", -1e-9, high, &out->high, error));
}

/* At most 2^63 - 2. */
static gboolean
read_count(JsonObject *object, const char *name, const char *key, guint64 *out, GError **error)
{
  JsonNode *node = hysac_json_member(object, key);

  *out = 0;
  if (!node || hysac_json_node_uint64(node, out))
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: %s is not a count", name, key);
  return FALSE;
}

static gboolean
read_time(JsonObject *object, const char *name, const char *key, gint64 *out, GError **error)
{
  guint64 value;
  const gboolean ok = read_count(object, name, key, &value, error);
  *out = ok ? (gint64) value : 0;
  return ok;
}

static gboolean
read_alarms(JsonObject *object, const char *name, HysacMeasures *self, GError **error)
{
  HysacPolicyConfig *policy = &self->policy;

  if (!hysac_json_check_keys(object, name, "alarms", alarms_keys, error) ||
      !read_count(object, name, "clips", &self->timed_clips, error) ||
      !read_count(object, name, "count", &self->alarms, error) ||
      !hysac_json_get_double(object, name, "hours", 0.0, MAX_NUMBER, (double) NAN, &self->hours, error) ||
      !read_estimate(object, name, "per_hour", MAX_NUMBER, &self->per_hour, error) ||
      !read_estimate(object, name, "held_out", MAX_NUMBER, &self->per_hour_held_out, error) ||
      !hysac_json_get_double(object, name, "target", -1e-9, MAX_NUMBER, -1.0, &self->target, error) ||
      !read_time(object, name, "sample_interval_ns", &self->interval, error) ||
      !hysac_json_get_uint(object, name, "confirm_n", 1, 64, 1, &policy->n, error) ||
      !hysac_json_get_uint(object, name, "confirm_k", 1, policy->n, 1, &policy->k, error) ||
      !read_time(object, name, "min_duration_ns", &policy->min_duration, error))
    return FALSE;
  return hysac_json_get_double(object, name, "enter_margin", -MAX_NUMBER, MAX_NUMBER, 0.0,
                               &policy->enter_margin, error) &&
         hysac_json_get_double(object, name, "leave_margin", -MAX_NUMBER, policy->enter_margin,
                               MIN(policy->enter_margin, 0.0),
                               &policy->leave_margin, error);
}

static gboolean
read_unsafe(JsonObject *object, const char *name, HysacMeasures *self, GError **error)
{
  JsonObject *calibration;

  if (!read_estimate(object, name, "recall", 1.0, &self->recall, error) ||
      !read_estimate(object, name, "auc", 1.0, &self->roc.auc, error) ||
      !read_estimate(object, name, "recall_at_1_percent", 1.0, &self->roc.at_1, error) ||
      !read_estimate(object, name, "recall_at_0.1_percent", 1.0, &self->roc.at_01, error) ||
      !hysac_json_get_object(object, name, "calibration", &calibration, error))
    return FALSE;
  self->slope = self->intercept = (double) NAN;
  self->reliability = (HysacReliability){(double) NAN, (double) NAN, (double) NAN};
  return !calibration ||
         (hysac_json_check_keys(calibration, name, "calibration", calibration_keys, error) &&
          read_number(calibration, name, "slope", -MAX_NUMBER, MAX_NUMBER, &self->slope, error) &&
          read_number(calibration, name, "intercept", -MAX_NUMBER, MAX_NUMBER, &self->intercept, error) &&
          read_number(calibration, name, "brier", -1e-9, 1.0, &self->reliability.brier, error) &&
          read_number(calibration, name, "brier_of_share", -1e-9, 1.0, &self->reliability.base, error) &&
          read_number(calibration, name, "ece", -1e-9, 1.0, &self->reliability.ece, error));
}

gboolean
hysac_measures_parse(JsonObject *object, const char *name, HysacMeasures *self, GError **error)
{
  JsonObject *clips, *alarms, *bootstrap;

  *self = (HysacMeasures){.target = -1.0, .policy = {.k = 1, .n = 1}};
  self->per_hour = self->per_hour_held_out = (HysacEstimate){(double) NAN, (double) NAN, (double) NAN};
  if (!hysac_json_check_keys(object, name, "measures", measures_keys, error) ||
      !hysac_json_get_object(object, name, "clips", &clips, error) ||
      !hysac_json_get_object(object, name, "alarms", &alarms, error) ||
      !hysac_json_get_object(object, name, "bootstrap", &bootstrap, error) ||
      !read_estimate(object, name, "false_positives", 1.0, &self->false_positives, error) ||
      !read_estimate(object, name, "false_positives_held_out", 1.0, &self->held_out, error))
    return FALSE;
  if (clips && (!hysac_json_check_keys(clips, name, "clips", clips_keys, error) ||
                !read_count(clips, name, "safe", &self->safe_clips, error) ||
                !read_count(clips, name, "unsafe", &self->unsafe_clips, error)))
    return FALSE;
  if (bootstrap && (!hysac_json_check_keys(bootstrap, name, "bootstrap", bootstrap_keys, error) ||
                    !hysac_json_get_uint(bootstrap, name, "rounds", 0, G_MAXUINT32, 0, &self->rounds, error) ||
                    !read_count(bootstrap, name, "seed", &self->seed, error)))
    return FALSE;
  return (!alarms || read_alarms(alarms, name, self, error)) &&
         (self->unsafe_clips == 0 || read_unsafe(object, name, self, error));
}
