/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The property "policy": a file's keys are the element's properties, with their ranges. Only these
 * keys: who writes a policy says what is shown, not which model runs or which file is written. */
#include "gst/gsthysacprivate.h"

#include "core/policyfile.h"
#include "core/remedy.h"

static const char *const keys_of_frames[] = {
    "mode",        "action",        "on-failure",   "sample-interval", "confirm-k", "confirm-n",
    "bound",       "enter-margin",  "leave-margin", "min-duration",    "pre-roll",  "post-roll",
    "max-age",     "blank-color",   "reuse",        "change-tolerance", "change-budget", "reuse-max-age",
};

static const char **
choices_of(GParamSpec *pspec)
{
  const GEnumClass *klass = G_PARAM_SPEC_ENUM(pspec)->enum_class;
  const char **nicks = g_new0(const char *, klass->n_values + 1);
  for (guint i = 0; i < klass->n_values; i++)
    nicks[i] = klass->values[i].value_nick;
  return nicks;
}

static HysacPolicyKey
key_of(GParamSpec *pspec)
{
  HysacPolicyKey key = {.name = pspec->name};
  if (G_IS_PARAM_SPEC_ENUM(pspec)) {
    key.kind = HYSAC_POLICY_CHOICE;
    key.choices = choices_of(pspec);
  } else if (G_IS_PARAM_SPEC_UINT64(pspec)) {
    key.kind = HYSAC_POLICY_TIME;
    key.least = G_PARAM_SPEC_UINT64(pspec)->minimum;
    key.most = G_PARAM_SPEC_UINT64(pspec)->maximum;
  } else if (G_IS_PARAM_SPEC_UINT(pspec)) {
    key.kind = HYSAC_POLICY_COUNT;
    key.least = G_PARAM_SPEC_UINT(pspec)->minimum;
    key.most = G_PARAM_SPEC_UINT(pspec)->maximum;
  } else {
    key.kind = HYSAC_POLICY_NUMBER;
    key.low = G_PARAM_SPEC_DOUBLE(pspec)->minimum;
    key.high = G_PARAM_SPEC_DOUBLE(pspec)->maximum;
  }
  return key;
}

/* The file's value, or the property's default. */
static void
fill(GValue *out, GParamSpec *pspec, const HysacPolicyValue *value)
{
  g_value_init(out, pspec->value_type);
  if (!value->set)
    g_param_value_set_default(pspec, out);
  else if (G_IS_PARAM_SPEC_ENUM(pspec))
    g_value_set_enum(out, G_PARAM_SPEC_ENUM(pspec)->enum_class->values[value->whole].value);
  else if (G_IS_PARAM_SPEC_UINT64(pspec))
    g_value_set_uint64(out, value->whole);
  else if (G_IS_PARAM_SPEC_UINT(pspec))
    g_value_set_uint(out, (guint)value->whole);
  else
    g_value_set_double(out, value->number);
}

/* The values of @n properties by the file; those that it has not, and all where @path is NULL, are the defaults.
 * @out: (out caller-allocates): zeroed, set on success. */
static gboolean
read_values(GParamSpec *const *pspecs, guint n, const char *path, GValue *out, char **title, HysacPolicyRules *rules,
            GError **error)
{
  g_autofree HysacPolicyKey *keys = g_new(HysacPolicyKey, n);
  g_autofree HysacPolicyValue *values = g_new0(HysacPolicyValue, n);
  gboolean ok = TRUE;
  for (guint i = 0; i < n; i++)
    keys[i] = key_of(pspecs[i]);
  if (path)
    ok = hysac_policy_file_load_rules(path, keys, n, values, title, rules, error);
  for (guint i = 0; i < n; i++)
    g_free((gpointer)keys[i].choices);
  for (guint i = 0; ok && i < n; i++)
    fill(&out[i], pspecs[i], &values[i]);
  return ok;
}

gboolean
gst_hysac_policy_read(const GstHysacPolicyUser *user, const char *const *names, guint n, GError **error)
{
  GstElement *element = user->element;
  GObjectClass *klass = G_OBJECT_GET_CLASS(element);
  g_autofree GParamSpec **pspecs = g_new(GParamSpec *, n);
  g_autofree GValue *values = g_new0(GValue, n);
  HysacPolicyRules rules = {0};
  g_autofree char *title = NULL;

  GST_OBJECT_LOCK(element);
  g_autofree char *path = g_strdup(*user->path);
  const gboolean before = *user->from_policy;
  GST_OBJECT_UNLOCK(element);
  const gboolean now = path && *path;
  if (!now && !before)
    return TRUE; /* and no rules */
  for (guint i = 0; i < n; i++)
    pspecs[i] = g_object_class_find_property(klass, names[i]);
  if (!read_values(pspecs, n, now ? path : NULL, values, &title, &rules, error))
    return FALSE;

  g_mutex_lock(user->lock);
  hysac_policy_rules_clear(user->rules);
  *user->rules = rules;
  g_mutex_unlock(user->lock);
  /* Into the properties themselves: reading one tells what is in force. */
  GST_OBJECT_LOCK(element);
  for (guint i = 0; i < n; i++) {
    if (!(*user->chosen >> pspecs[i]->param_id & 1))
      user->store(element, &values[i], pspecs[i]);
    g_value_unset(&values[i]);
  }
  *user->from_policy = now;
  GST_OBJECT_UNLOCK(element);

  g_object_freeze_notify(G_OBJECT(element));
  for (guint i = 0; i < n; i++)
    g_object_notify_by_pspec(G_OBJECT(element), pspecs[i]);
  g_object_thaw_notify(G_OBJECT(element));
  if (now)
    GST_INFO_OBJECT(element, "policy %s (%s)", title ? title : "without a name", path);
  return TRUE;
}

static void
store(gpointer element, const GValue *value, GParamSpec *pspec)
{
  gst_hysac_settings_store(element, value, pspec);
}

gboolean
gst_hysac_moderate_read_policy(GstHysacModerate *self, GError **error)
{
  const GstHysacPolicyUser user = {.element = GST_ELEMENT(self),
                                   .path = &self->settings.policy,
                                   .chosen = &self->settings.chosen,
                                   .from_policy = &self->settings.from_policy,
                                   .rules = &self->rules,
                                   .lock = &self->lock,
                                   .store = store};
  return gst_hysac_policy_read(&user, keys_of_frames, G_N_ELEMENTS(keys_of_frames), error);
}

void
gst_hysac_post_policy_error(GstElement *self, const GError *error)
{
  const char *remedy = hysac_policy_remedy(error);
  g_autofree char *why = gst_hysac_shown(error->message);
  GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, ("The policy cannot be used."),
                    ("policy: %s%s%s", why, remedy ? "; " : "", remedy ? remedy : ""));
}
