/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The properties of hysactext: names, units, ranges, defaults, when they may change; and the policy file, whose keys
 * are some of them. */
#include "gst/gsthysactextprivate.h"

#define DEFAULT_ACTION GST_HYSAC_TEXT_ACTION_MASK
#define DEFAULT_REPLACEMENT "[removed]"
#define DEFAULT_MAX_TEXT (64 * 1024)
#define MAX_MAX_TEXT (16 * 1024 * 1024)
#define DEFAULT_REQUEST_TIMEOUT (30 * GST_SECOND)
#define MAX_MARGIN 1000.0
#define MAX_BOUND 1000.0
#define MAX_N 64

enum {
  PROP_0,
  PROP_MODEL,
  PROP_DEVICE,
  PROP_PRECISION,
  PROP_ACTION,
  PROP_ON_FAILURE,
  PROP_REPLACEMENT,
  PROP_BOUND,
  PROP_CONFIRM_K,
  PROP_CONFIRM_N,
  PROP_ENTER_MARGIN,
  PROP_LEAVE_MARGIN,
  PROP_MIN_DURATION,
  PROP_POST_ROLL,
  PROP_JOIN_BUFFERS,
  PROP_JOIN_GAP,
  PROP_MAX_TEXT,
  PROP_REQUEST_BUDGET,
  PROP_REQUEST_TIMEOUT,
  PROP_VERDICT_LOG,
  PROP_LOG_TEXT,
  PROP_AUDIT_LOG,
  PROP_SEGMENTS_VTT,
  PROP_POLICY,
  PROP_STATS,
};

GType
gst_hysac_text_action_get_type(void)
{
  static gsize type;
  static const GEnumValue values[] = {
      {GST_HYSAC_TEXT_ACTION_TAG, "Attach the verdict, change no letter (since 0.1)", "tag"},
      {GST_HYSAC_TEXT_ACTION_MASK, "Three asterisks for each word (since 0.1)", "mask"},
      {GST_HYSAC_TEXT_ACTION_REPLACE, "The text of the property replacement (since 0.1)", "replace"},
      {GST_HYSAC_TEXT_ACTION_DROP, "A gap event instead of the text (since 0.1)", "drop"},
      {0, NULL, NULL}};
  if (g_once_init_enter(&type))
    g_once_init_leave(&type, g_enum_register_static("GstHysacTextAction", values));
  return type;
}

void
gst_hysac_text_settings_init(GstHysacTextSettings *s)
{
  *s = (GstHysacTextSettings){.replacement = g_strdup(DEFAULT_REPLACEMENT),
                              .precision = HYSAC_PRECISION_AUTO,
                              .action = DEFAULT_ACTION,
                              .on_failure = GST_HYSAC_ON_FAILURE_REDACT,
                              .leave = MAX_MARGIN,
                              .k = 1,
                              .n = 1,
                              .join_buffers = GST_HYSAC_TEXT_JOIN_BUFFERS,
                              .join_gap = GST_HYSAC_TEXT_JOIN_GAP,
                              .max_text = DEFAULT_MAX_TEXT,
                              .request_timeout = DEFAULT_REQUEST_TIMEOUT};
}

void
gst_hysac_text_settings_clear(GstHysacTextSettings *s)
{
  g_clear_pointer(&s->model, g_free);
  g_clear_pointer(&s->device, g_free);
  g_clear_pointer(&s->verdict_log, g_free);
  g_clear_pointer(&s->audit_log, g_free);
  g_clear_pointer(&s->segments_vtt, g_free);
  g_clear_pointer(&s->policy, g_free);
  g_clear_pointer(&s->replacement, g_free);
}

void
gst_hysac_text_settings_copy(GstHysacTextSettings *to, const GstHysacTextSettings *from)
{
  *to = *from;
  to->model = g_strdup(from->model);
  to->device = g_strdup(from->device);
  to->verdict_log = g_strdup(from->verdict_log);
  to->audit_log = g_strdup(from->audit_log);
  to->segments_vtt = g_strdup(from->segments_vtt);
  to->policy = g_strdup(from->policy);
  to->replacement = g_strdup(from->replacement);
}

static void
take_string(char **to, const GValue *value)
{
  g_free(*to);
  *to = g_value_dup_string(value);
}

/* Object lock held. */
static void
store(GstHysacTextSettings *s, const GValue *value, GParamSpec *pspec)
{
  switch (pspec->param_id) {
  case PROP_MODEL:
    take_string(&s->model, value);
    break;
  case PROP_DEVICE:
    take_string(&s->device, value);
    break;
  case PROP_PRECISION:
    s->precision = g_value_get_enum(value);
    break;
  case PROP_ACTION:
    s->action = g_value_get_enum(value);
    break;
  case PROP_ON_FAILURE:
    s->on_failure = g_value_get_enum(value);
    break;
  case PROP_REPLACEMENT:
    take_string(&s->replacement, value);
    break;
  case PROP_BOUND:
    s->bound = g_value_get_double(value);
    break;
  case PROP_CONFIRM_K:
    s->k = g_value_get_uint(value);
    break;
  case PROP_CONFIRM_N:
    s->n = g_value_get_uint(value);
    break;
  case PROP_ENTER_MARGIN:
    s->enter = g_value_get_double(value);
    break;
  case PROP_LEAVE_MARGIN:
    s->leave = g_value_get_double(value);
    break;
  case PROP_MIN_DURATION:
    s->min_duration = g_value_get_uint64(value);
    break;
  case PROP_POST_ROLL:
    s->post_roll = g_value_get_uint64(value);
    break;
  case PROP_JOIN_BUFFERS:
    s->join_buffers = g_value_get_uint(value);
    break;
  case PROP_JOIN_GAP:
    s->join_gap = g_value_get_uint64(value);
    break;
  case PROP_MAX_TEXT:
    s->max_text = g_value_get_uint(value);
    break;
  case PROP_REQUEST_BUDGET:
    s->request_budget = g_value_get_uint64(value);
    break;
  case PROP_REQUEST_TIMEOUT:
    s->request_timeout = g_value_get_uint64(value);
    break;
  case PROP_VERDICT_LOG:
    take_string(&s->verdict_log, value);
    break;
  case PROP_LOG_TEXT:
    s->log_text = g_value_get_boolean(value);
    break;
  case PROP_AUDIT_LOG:
    take_string(&s->audit_log, value);
    break;
  case PROP_SEGMENTS_VTT:
    take_string(&s->segments_vtt, value);
    break;
  case PROP_POLICY:
    take_string(&s->policy, value);
    break;
  default:
    break;
  }
}

/* Object lock held. */
static void
read_setting(const GstHysacTextSettings *s, guint id, GValue *value)
{
  switch (id) {
  case PROP_MODEL:
    g_value_set_string(value, s->model);
    break;
  case PROP_DEVICE:
    g_value_set_string(value, s->device);
    break;
  case PROP_PRECISION:
    g_value_set_enum(value, (gint)s->precision);
    break;
  case PROP_ACTION:
    g_value_set_enum(value, s->action);
    break;
  case PROP_ON_FAILURE:
    g_value_set_enum(value, s->on_failure);
    break;
  case PROP_REPLACEMENT:
    g_value_set_string(value, s->replacement);
    break;
  case PROP_BOUND:
    g_value_set_double(value, s->bound);
    break;
  case PROP_CONFIRM_K:
    g_value_set_uint(value, s->k);
    break;
  case PROP_CONFIRM_N:
    g_value_set_uint(value, s->n);
    break;
  case PROP_ENTER_MARGIN:
    g_value_set_double(value, s->enter);
    break;
  case PROP_LEAVE_MARGIN:
    g_value_set_double(value, s->leave);
    break;
  case PROP_MIN_DURATION:
    g_value_set_uint64(value, s->min_duration);
    break;
  case PROP_POST_ROLL:
    g_value_set_uint64(value, s->post_roll);
    break;
  case PROP_JOIN_BUFFERS:
    g_value_set_uint(value, s->join_buffers);
    break;
  case PROP_JOIN_GAP:
    g_value_set_uint64(value, s->join_gap);
    break;
  case PROP_MAX_TEXT:
    g_value_set_uint(value, s->max_text);
    break;
  case PROP_REQUEST_BUDGET:
    g_value_set_uint64(value, s->request_budget);
    break;
  case PROP_REQUEST_TIMEOUT:
    g_value_set_uint64(value, s->request_timeout);
    break;
  case PROP_VERDICT_LOG:
    g_value_set_string(value, s->verdict_log);
    break;
  case PROP_LOG_TEXT:
    g_value_set_boolean(value, s->log_text);
    break;
  case PROP_AUDIT_LOG:
    g_value_set_string(value, s->audit_log);
    break;
  case PROP_SEGMENTS_VTT:
    g_value_set_string(value, s->segments_vtt);
    break;
  case PROP_POLICY:
    g_value_set_string(value, s->policy);
    break;
  default:
    break;
  }
}

static void
set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstHysacText *self = GST_HYSAC_TEXT(object);
  const gboolean mutable = (pspec->flags & GST_PARAM_MUTABLE_PLAYING) != 0;
  g_auto(GValue) before = G_VALUE_INIT;
  g_value_init(&before, pspec->value_type);
  GST_OBJECT_LOCK(self);
  read_setting(&self->settings, id, &before);
  store(&self->settings, value, pspec);
  self->settings.chosen |= G_GUINT64_CONSTANT(1) << id; /* stronger than a policy file */
  const gboolean late = !mutable && GST_STATE(self) > GST_STATE_READY;
  GST_OBJECT_UNLOCK(self);
  if (late)
    GST_WARNING_OBJECT(self, "%s takes effect at the next start", pspec->name);
  const gboolean in_force = id == PROP_BOUND ? gst_hysac_text_take_bound(self) : id != PROP_MODEL;
  if (mutable)
    gst_hysac_text_report_property(self, pspec, &before, value, in_force);
  if (id == PROP_MODEL)
    gst_hysac_swap_begin(&self->swap, TRUE);
}

static void
get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstHysacText *self = GST_HYSAC_TEXT(object);
  if (id == PROP_STATS) {
    g_value_take_boxed(value, gst_hysac_text_stats(self));
    return;
  }
  GST_OBJECT_LOCK(self);
  read_setting(&self->settings, id, value);
  GST_OBJECT_UNLOCK(self);
}

static void
store_of_policy(gpointer element, const GValue *value, GParamSpec *pspec)
{
  store(&GST_HYSAC_TEXT(element)->settings, value, pspec);
}

gboolean
gst_hysac_text_read_policy(GstHysacText *self, GError **error)
{
  static const char *const keys[] = {"action",       "on-failure",   "bound",     "confirm-k",    "confirm-n", "enter-margin",
                                     "leave-margin", "min-duration", "post-roll", "join-buffers", "join-gap"};
  const GstHysacPolicyUser user = {.element = GST_ELEMENT(self),
                                   .path = &self->settings.policy,
                                   .chosen = &self->settings.chosen,
                                   .from_policy = &self->settings.from_policy,
                                   .rules = &self->rules,
                                   .lock = &self->lock,
                                   .store = store_of_policy};
  return gst_hysac_policy_read(&user, keys, G_N_ELEMENTS(keys), error);
}

#define READY (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY)
#define PLAYING (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING)

void
gst_hysac_text_install_properties(GObjectClass *klass)
{
  klass->set_property = set_property;
  klass->get_property = get_property;

#define ADD(id, spec) g_object_class_install_property(klass, id, spec)
  ADD(PROP_MODEL,
      g_param_spec_string("model", "Model",
                          "Model folder with a text tower, or \"demo\", which knows plain captions of drawn scenes only; there is no "
                          "default (since 0.1)",
                          NULL, PLAYING));
  ADD(PROP_DEVICE,
      g_param_spec_string("device", "Device",
                          "OpenCL device: index, part of its name, or \"auto\"; NULL is auto (since 0.1)",
                          NULL, READY));
  ADD(PROP_PRECISION,
      g_param_spec_enum("precision", "Precision",
                        "Arithmetic of the text encoder, which knows fp32 only; auto is that (since 0.1)",
                        gst_hysac_precision_get_type(), HYSAC_PRECISION_AUTO, READY));
  ADD(PROP_ACTION,
      g_param_spec_enum("action", "Action", "What is done to unsafe texts (since 0.1)",
                        gst_hysac_text_action_get_type(), DEFAULT_ACTION, PLAYING));
  ADD(PROP_ON_FAILURE,
      g_param_spec_enum("on-failure", "On failure",
                        "What is done to texts that could not be checked (since 0.1)",
                        gst_hysac_on_failure_get_type(), GST_HYSAC_ON_FAILURE_REDACT, PLAYING));
  ADD(PROP_REPLACEMENT,
      g_param_spec_string("replacement", "Replacement",
                          "What action=replace shows, plain text; NULL is no letter (since 0.1)",
                          DEFAULT_REPLACEMENT, PLAYING));
  ADD(PROP_BOUND,
      g_param_spec_double("bound", "Bound",
                          "Distance beyond which a text is unsafe; 0 = the model's of safe texts "
                          "(distance; since 0.1)",
                          0.0, MAX_BOUND, 0.0, PLAYING));
  ADD(PROP_CONFIRM_K,
      g_param_spec_uint("confirm-k", "Confirm k",
                        "Texts above enter-margin, of confirm-n in a row, that are redacted; above 1, fewer pass "
                        "(texts; since 0.1)",
                        1, MAX_N, 1, READY));
  ADD(PROP_CONFIRM_N,
      g_param_spec_uint("confirm-n", "Confirm n", "See confirm-k; at least confirm-k (texts; since 0.1)", 1, MAX_N, 1,
                        READY));
  ADD(PROP_ENTER_MARGIN,
      g_param_spec_double("enter-margin", "Enter margin",
                          "A text is unsafe farther than this above the bound (distance; since 0.1)",
                          -MAX_MARGIN, MAX_MARGIN, 0.0, PLAYING));
  ADD(PROP_LEAVE_MARGIN,
      g_param_spec_double("leave-margin", "Leave margin",
                          "A stretch that is unsafe goes on while texts lie farther than this above the bound; the default, as all "
                          "that is above enter-margin, means enter-margin itself (distance; since 0.1)",
                          -MAX_MARGIN, MAX_MARGIN, MAX_MARGIN, PLAYING));
  gst_hysac_add_time(klass, PROP_MIN_DURATION, "min-duration", "Minimum duration",
                     "Shortest stretch, from its first text (ns; since 0.1)", 0, 0, PLAYING);
  gst_hysac_add_time(klass, PROP_POST_ROLL, "post-roll", "Post-roll",
                     "Redact texts that begin so long after a stretch (ns; since 0.1)", 0, 0, PLAYING);
  ADD(PROP_JOIN_BUFFERS,
      g_param_spec_uint("join-buffers", "Join buffers",
                        "So many buffers in a row are also scored as one text; 1 = each by itself "
                        "(buffers; since 0.1)",
                        1, GST_HYSAC_TEXT_MAX_JOIN_BUFFERS, GST_HYSAC_TEXT_JOIN_BUFFERS, PLAYING));
  gst_hysac_add_time(klass, PROP_JOIN_GAP, "join-gap", "Join gap",
                     "Texts that begin longer apart than this are not joined (ns; since 0.1)", 0,
                     GST_HYSAC_TEXT_JOIN_GAP, PLAYING);
  ADD(PROP_MAX_TEXT,
      g_param_spec_uint("max-text", "Maximum text",
                        "A buffer of more bytes is not scored, it has failed (bytes; since 0.1)", 1,
                        MAX_MAX_TEXT, DEFAULT_MAX_TEXT, PLAYING));
  gst_hysac_add_time(klass, PROP_REQUEST_BUDGET, "request-budget", "Request budget",
                     "Live: time that one text may take, the latency (ns, 0 = as measured at start; since 0.1)",
                     0, 0, READY);
  gst_hysac_add_time(klass, PROP_REQUEST_TIMEOUT, "request-timeout", "Request timeout",
                     "A text that takes longer has failed, live or not (ns; since 0.1)", GST_MSECOND,
                     DEFAULT_REQUEST_TIMEOUT, READY);
  ADD(PROP_VERDICT_LOG,
      g_param_spec_string("verdict-log", "Verdict log",
                          "File that a JSON line for each text is appended to; NULL is none (since 0.1)",
                          NULL, READY));
  ADD(PROP_LOG_TEXT,
      g_param_spec_boolean("log-text", "Log text",
                           "Whether the verdict log and the audit log hold the texts themselves (since 0.1)", FALSE,
                           PLAYING));
  ADD(PROP_AUDIT_LOG,
      g_param_spec_string("audit-log", "Audit log",
                          "File that a chain of hashed records of what was decided is appended to; "
                          "`hysac verify` checks it; NULL is none (since 0.1)",
                          NULL, READY));
  ADD(PROP_SEGMENTS_VTT,
      g_param_spec_string("segments-vtt", "Segments (WebVTT)",
                          "File of segments as WebVTT cues, begun anew at each start; NULL is none (since 0.1)",
                          NULL, READY));
  ADD(PROP_POLICY,
      g_param_spec_string("policy", "Policy file",
                          "JSON file with settings (docs/policy.md), read at start; properties that were "
                          "set are stronger; NULL is none (since 0.1)",
                          NULL, READY));
  ADD(PROP_STATS,
      g_param_spec_boxed("stats", "Statistics", "Counters and bounds, see docs/text-element.md (since 0.1)",
                         GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
#undef ADD
}
