/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policyoptions.h"

#include <string.h>

#define HOUR (3600 * G_GUINT64_CONSTANT(1000000000))
#define SECOND G_GINT64_CONSTANT(1000000000)

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

static gboolean
read_file(ToolPolicy *self, const char *path, GError **error)
{
  HysacPolicyValue values[G_N_ELEMENTS(keys)] = { 0 };
  g_autofree char *title = NULL;
  if (!hysac_policy_file_load_rules(path, keys, G_N_ELEMENTS(keys), values, &title, &self->rules, error))
    return FALSE;
  HysacPolicyConfig *config = &self->config;
  if (values[INTERVAL].set)
    self->interval = (gint64) values[INTERVAL].whole;
  if (values[K].set)
    config->k = (guint) values[K].whole;
  if (values[N].set)
    config->n = (guint) values[N].whole;
  self->bound = values[BOUND].number;
  config->enter_margin = values[ENTER].number;
  config->leave_margin = values[LEAVE].number;
  config->min_duration = (gint64) values[MIN_DURATION].whole;
  config->pre_roll = (gint64) values[PRE_ROLL].whole;
  config->post_roll = (gint64) values[POST_ROLL].whole;
  return TRUE;
}

static gboolean
take_time(const char *text, gint64 *to, GError **error)
{
  guint64 ns = 0;
  if (text == NULL)
    return TRUE;
  if (strcmp(text, "0") != 0 && (!hysac_policy_parse_time(text, &ns) || ns > HOUR)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "a time is 0 or a number with its unit, at most 1h: 200ms, 1.5s; not \"%s\"", text);
    return FALSE;
  }
  *to = (gint64) ns;
  return TRUE;
}

static gboolean
is_given(double value)
{
  return value != TOOL_NOT_GIVEN;
}

static void
take_numbers(const ToolPolicyOptions *options, ToolPolicy *self)
{
  HysacPolicyConfig *config = &self->config;
  if (options->k != 0 || options->n != 0) {
    config->k = (guint) (options->k ? options->k : (int) config->k);
    config->n = (guint) (options->n ? options->n : MAX(options->k, (int) config->n));
  }
  if (is_given(options->enter))
    config->enter_margin = options->enter;
  if (is_given(options->leave))
    config->leave_margin = options->leave;
  else if (is_given(options->enter))
    config->leave_margin = MIN(config->leave_margin, options->enter);
  if (is_given(options->bound))
    self->bound = options->bound;
}

gboolean
tool_policy_take(const ToolPolicyOptions *options, ToolPolicy *out, GError **error)
{
  *out = (ToolPolicy) { .interval = SECOND, .config = { .k = 1, .n = 1 } };
  if (options->file != NULL && !read_file(out, options->file, error))
    return FALSE;
  if (!take_time(options->interval, &out->interval, error) ||
      !take_time(options->min_duration, &out->config.min_duration, error) ||
      !take_time(options->pre_roll, &out->config.pre_roll, error) ||
      !take_time(options->post_roll, &out->config.post_roll, error))
    return FALSE;
  take_numbers(options, out);
  if (!(out->bound >= 0 && out->bound <= 1000)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "--bound is a distance from 0 to 1000; 0 is the model's");
    return FALSE;
  }
  g_autoptr(HysacPolicy) policy = hysac_policy_new(&out->config, error);
  return policy != NULL;
}

void
tool_policy_clear(ToolPolicy *self)
{
  hysac_policy_rules_clear(&self->rules);
}

gboolean
tool_policy_options_any(const ToolPolicyOptions *options)
{
  return options->file != NULL || options->interval != NULL || options->min_duration != NULL ||
         options->pre_roll != NULL || options->post_roll != NULL || options->k != 0 || options->n != 0 ||
         is_given(options->enter) || is_given(options->leave) || is_given(options->bound);
}

void
tool_policy_options_clear(ToolPolicyOptions *options)
{
  g_clear_pointer(&options->file, g_free);
  g_clear_pointer(&options->interval, g_free);
  g_clear_pointer(&options->min_duration, g_free);
  g_clear_pointer(&options->pre_roll, g_free);
  g_clear_pointer(&options->post_roll, g_free);
}
