/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The properties of hysacmoderate: names, units, ranges, defaults, and when they may change. */
#include "gst/gsthysaccontrol.h"

#define DEFAULT_PRECISION HYSAC_PRECISION_AUTO
#define DEFAULT_MODE GST_HYSAC_MODE_GATE
#define DEFAULT_ACTION GST_HYSAC_ACTION_BLUR
#define DEFAULT_ON_FAILURE GST_HYSAC_ON_FAILURE_REDACT
/* Five samples a second and one on each side of a cut: a burst that stays under it inside a shot is
 * below what the eye reads, and a small device keeps up. */
#define DEFAULT_SAMPLE_INTERVAL (200 * GST_MSECOND)
#define DEFAULT_K 1
#define DEFAULT_N 1
#define DEFAULT_ENTER 0.0
#define DEFAULT_LEAVE 0.0
#define DEFAULT_MAX_AGE (1 * GST_SECOND)
#define DEFAULT_REQUEST_TIMEOUT (30 * GST_SECOND)
#define MAX_TIME (3600 * GST_SECOND)
#define MAX_MARGIN 1000.0
#define MAX_BOUND 1000.0
#define DEFAULT_BLANK_COLOR 0xff000000u
/* The encoder would be given the same bytes: nothing is lost by it. */
#define DEFAULT_CHANGE_TOLERANCE 0
#define DEFAULT_CHANGE_BUDGET 0
#define MAX_CHANGE_BUDGET 100000
#define DEFAULT_REUSE_MAX_AGE (10 * GST_SECOND)

enum {
  PROP_0,
  PROP_MODEL,
  PROP_DEVICE,
  PROP_PRECISION,
  PROP_MODE,
  PROP_ACTION,
  PROP_ON_FAILURE,
  PROP_SAMPLE_INTERVAL,
  PROP_CONFIRM_K,
  PROP_CONFIRM_N,
  PROP_ENTER_MARGIN,
  PROP_LEAVE_MARGIN,
  PROP_MIN_DURATION,
  PROP_PRE_ROLL,
  PROP_POST_ROLL,
  PROP_MAX_AGE,
  PROP_REQUEST_BUDGET,
  PROP_REQUEST_TIMEOUT,
  PROP_MAX_SIZE_BUFFERS,
  PROP_MAX_SIZE_BYTES,
  PROP_MAX_SIZE_TIME,
  PROP_VERDICT_LOG,
  PROP_STATS,
  PROP_POLICY,
  PROP_BOUND,
  PROP_AUDIT_LOG,
  PROP_SEGMENTS_VTT,
  PROP_SEGMENTS_EDL,
  PROP_CONTROL,
  PROP_POLICY_GROUP,
  PROP_SLATE,
  PROP_BLANK_COLOR,
  PROP_FORCE_KEY_UNIT,
  PROP_REUSE,
  PROP_CHANGE_TOLERANCE,
  PROP_CHANGE_BUDGET,
  PROP_REUSE_MAX_AGE,
};

#define DEFINE_ENUM(function, name, ...)                                                           \
  GType function(void)                                                                             \
  {                                                                                                \
    static gsize type;                                                                             \
    static const GEnumValue values[] = {__VA_ARGS__, {0, NULL, NULL}};                             \
    if (g_once_init_enter(&type))                                                                  \
      g_once_init_leave(&type, g_enum_register_static(name, values));                              \
    return type;                                                                                   \
  }

DEFINE_ENUM(gst_hysac_mode_get_type, "GstHysacMode",
            {GST_HYSAC_MODE_GATE, "Hold each frame until it is decided (since 0.1)", "gate"},
            {GST_HYSAC_MODE_MONITOR, "Pass at once under the latest verdict (since 0.1)",
             "monitor"})
DEFINE_ENUM(gst_hysac_action_get_type, "GstHysacAction",
            {GST_HYSAC_ACTION_TAG, "Attach the verdict, change no pixel (since 0.1)", "tag"},
            {GST_HYSAC_ACTION_BLUR, "Interpolate between 16x9 block means (since 0.1)", "blur"},
            {GST_HYSAC_ACTION_PIXELATE, "Show 16x9 block means (since 0.1)", "pixelate"},
            {GST_HYSAC_ACTION_BLANK, "blank-color (since 0.1)", "blank"},
            {GST_HYSAC_ACTION_DROP, "A gap event instead of the frame (since 0.1)", "drop"},
            {GST_HYSAC_ACTION_SLATE, "The picture of the property slate (since 0.1)", "slate"},
            {GST_HYSAC_ACTION_FREEZE, "The last frame that was found safe (since 0.1)", "freeze"})
DEFINE_ENUM(gst_hysac_on_failure_get_type, "GstHysacOnFailure",
            {GST_HYSAC_ON_FAILURE_REDACT, "Blank the frame, mask the text; where action is drop, slate or replace, that (since 0.1)",
             "redact"},
            {GST_HYSAC_ON_FAILURE_ERROR, "Stop with an error (since 0.1)", "error"},
            {GST_HYSAC_ON_FAILURE_PASS, "Pass, tagged as failed (since 0.1)", "pass"})
DEFINE_ENUM(gst_hysac_precision_get_type, "GstHysacPrecision",
            {HYSAC_PRECISION_AUTO, "The fastest within the accuracy budget (since 0.1)", "auto"},
            {HYSAC_PRECISION_FP32, "32-bit floats (since 0.1)", "fp32"},
            {HYSAC_PRECISION_BF16, "bfloat16 products (since 0.1)", "bf16"},
            {HYSAC_PRECISION_FP16, "16-bit float products (since 0.1)", "fp16"},
            {HYSAC_PRECISION_INT8, "8-bit integer products (since 0.1)", "int8"})

DEFINE_ENUM(gst_hysac_reuse_get_type, "GstHysacReuse",
            {GST_HYSAC_REUSE_AUTO, "In monitor mode (since 0.1)", "auto"},
            {GST_HYSAC_REUSE_NEVER, "Every sample is encoded (since 0.1)", "never"},
            {GST_HYSAC_REUSE_ALWAYS, "In gate mode too (since 0.1)", "always"})

gboolean
gst_hysac_settings_store(GstHysacModerate *self, const GValue *value, GParamSpec *pspec)
{
  GstHysacSettings *s = &self->settings;
  const guint id = pspec->param_id;
  gboolean apply = FALSE;
  switch (id) {
  case PROP_MODEL:
    g_free(s->model);
    s->model = g_value_dup_string(value);
    break;
  case PROP_DEVICE:
    g_free(s->device);
    s->device = g_value_dup_string(value);
    break;
  case PROP_POLICY_GROUP:
    g_free(s->policy_group);
    s->policy_group = g_value_dup_string(value);
    break;
  case PROP_PRECISION:
    s->precision = g_value_get_enum(value);
    break;
  case PROP_MODE:
    s->mode = g_value_get_enum(value);
    break;
  case PROP_ACTION:
    s->action = g_value_get_enum(value);
    apply = TRUE;
    break;
  case PROP_ON_FAILURE:
    s->on_failure = g_value_get_enum(value);
    apply = TRUE;
    break;
  case PROP_SAMPLE_INTERVAL:
    s->interval = g_value_get_uint64(value);
    break;
  case PROP_CONFIRM_K:
    s->k = g_value_get_uint(value);
    break;
  case PROP_CONFIRM_N:
    s->n = g_value_get_uint(value);
    break;
  case PROP_ENTER_MARGIN:
    s->enter = g_value_get_double(value);
    apply = TRUE;
    break;
  case PROP_LEAVE_MARGIN:
    s->leave = g_value_get_double(value);
    apply = TRUE;
    break;
  case PROP_MIN_DURATION:
    s->min_duration = g_value_get_uint64(value);
    apply = TRUE;
    break;
  case PROP_PRE_ROLL:
    s->pre_roll = g_value_get_uint64(value);
    break;
  case PROP_POST_ROLL:
    s->post_roll = g_value_get_uint64(value);
    apply = TRUE;
    break;
  case PROP_MAX_AGE:
    s->max_age = g_value_get_uint64(value);
    apply = TRUE;
    break;
  case PROP_REQUEST_BUDGET:
    s->request_budget = g_value_get_uint64(value);
    break;
  case PROP_REQUEST_TIMEOUT:
    s->request_timeout = g_value_get_uint64(value);
    break;
  case PROP_MAX_SIZE_BUFFERS:
    s->max_buffers = g_value_get_uint(value);
    break;
  case PROP_MAX_SIZE_BYTES:
    s->max_bytes = g_value_get_uint64(value);
    break;
  case PROP_MAX_SIZE_TIME:
    s->max_time = g_value_get_uint64(value);
    break;
  case PROP_VERDICT_LOG:
    g_free(s->verdict_log);
    s->verdict_log = g_value_dup_string(value);
    break;
  case PROP_POLICY:
    g_free(s->policy);
    s->policy = g_value_dup_string(value);
    break;
  case PROP_BOUND:
    s->bound = g_value_get_double(value);
    apply = TRUE;
    break;
  case PROP_AUDIT_LOG:
    g_free(s->audit_log);
    s->audit_log = g_value_dup_string(value);
    break;
  case PROP_SEGMENTS_VTT:
    g_free(s->segments_vtt);
    s->segments_vtt = g_value_dup_string(value);
    break;
  case PROP_SEGMENTS_EDL:
    g_free(s->segments_edl);
    s->segments_edl = g_value_dup_string(value);
    break;
  case PROP_SLATE:
    g_free(s->slate);
    s->slate = g_value_dup_string(value);
    break;
  case PROP_BLANK_COLOR:
    s->blank_color = g_value_get_uint(value);
    apply = TRUE;
    break;
  case PROP_FORCE_KEY_UNIT:
    s->force_key_unit = g_value_get_boolean(value);
    apply = TRUE;
    break;
  case PROP_REUSE:
    s->reuse = g_value_get_enum(value);
    apply = TRUE;
    break;
  case PROP_CHANGE_TOLERANCE:
    s->change_tolerance = g_value_get_uint(value);
    apply = TRUE;
    break;
  case PROP_CHANGE_BUDGET:
    s->change_budget = g_value_get_uint(value);
    apply = TRUE;
    break;
  case PROP_REUSE_MAX_AGE:
    s->reuse_max_age = g_value_get_uint64(value);
    apply = TRUE;
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID(self, id, pspec);
    break;
  }
  return apply;
}

static void
read_setting(const GstHysacSettings *s, guint id, GValue *value)
{
  switch (id) {
  case PROP_MODEL:
    g_value_set_string(value, s->model);
    break;
  case PROP_DEVICE:
    g_value_set_string(value, s->device);
    break;
  case PROP_POLICY_GROUP:
    g_value_set_string(value, s->policy_group);
    break;
  case PROP_PRECISION:
    g_value_set_enum(value, s->precision);
    break;
  case PROP_MODE:
    g_value_set_enum(value, s->mode);
    break;
  case PROP_ACTION:
    g_value_set_enum(value, s->action);
    break;
  case PROP_ON_FAILURE:
    g_value_set_enum(value, s->on_failure);
    break;
  case PROP_SAMPLE_INTERVAL:
    g_value_set_uint64(value, s->interval);
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
  case PROP_PRE_ROLL:
    g_value_set_uint64(value, s->pre_roll);
    break;
  case PROP_POST_ROLL:
    g_value_set_uint64(value, s->post_roll);
    break;
  case PROP_MAX_AGE:
    g_value_set_uint64(value, s->max_age);
    break;
  case PROP_REQUEST_BUDGET:
    g_value_set_uint64(value, s->request_budget);
    break;
  case PROP_REQUEST_TIMEOUT:
    g_value_set_uint64(value, s->request_timeout);
    break;
  case PROP_MAX_SIZE_BUFFERS:
    g_value_set_uint(value, s->max_buffers);
    break;
  case PROP_MAX_SIZE_BYTES:
    g_value_set_uint64(value, s->max_bytes);
    break;
  case PROP_MAX_SIZE_TIME:
    g_value_set_uint64(value, s->max_time);
    break;
  case PROP_VERDICT_LOG:
    g_value_set_string(value, s->verdict_log);
    break;
  case PROP_POLICY:
    g_value_set_string(value, s->policy);
    break;
  case PROP_BOUND:
    g_value_set_double(value, s->bound);
    break;
  case PROP_AUDIT_LOG:
    g_value_set_string(value, s->audit_log);
    break;
  case PROP_SEGMENTS_VTT:
    g_value_set_string(value, s->segments_vtt);
    break;
  case PROP_SEGMENTS_EDL:
    g_value_set_string(value, s->segments_edl);
    break;
  case PROP_SLATE:
    g_value_set_string(value, s->slate);
    break;
  case PROP_BLANK_COLOR:
    g_value_set_uint(value, s->blank_color);
    break;
  case PROP_FORCE_KEY_UNIT:
    g_value_set_boolean(value, s->force_key_unit);
    break;
  case PROP_REUSE:
    g_value_set_enum(value, s->reuse);
    break;
  case PROP_CHANGE_TOLERANCE:
    g_value_set_uint(value, s->change_tolerance);
    break;
  case PROP_CHANGE_BUDGET:
    g_value_set_uint(value, s->change_budget);
    break;
  case PROP_REUSE_MAX_AGE:
    g_value_set_uint64(value, s->reuse_max_age);
    break;
  default:
    break;
  }
}

/* The values that may change while playing are taken over at once. */
static void
set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstHysacModerate *self = GST_HYSAC_MODERATE(object);
  g_auto(GValue) before = G_VALUE_INIT;
  g_value_init(&before, pspec->value_type);
  GST_OBJECT_LOCK(self);
  read_setting(&self->settings, id, &before);
  const gboolean apply = gst_hysac_settings_store(self, value, pspec);
  self->settings.chosen |= G_GUINT64_CONSTANT(1) << id; /* stronger than a policy file */
  const gboolean late = !apply && id != PROP_MODEL && GST_STATE(self) > GST_STATE_READY;
  GST_OBJECT_UNLOCK(self);
  if (late)
    GST_WARNING_OBJECT(self, "%s takes effect at the next start", pspec->name);
  const gboolean in_force = apply && gst_hysac_moderate_apply(self);
  if (apply || id == PROP_MODEL)
    gst_hysac_moderate_report_property(self, pspec, &before, value, in_force);
  if (id == PROP_MODEL)
    gst_hysac_swap_begin(&self->swap, TRUE);
}

static void
get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstHysacModerate *self = GST_HYSAC_MODERATE(object);
  switch (id) {
  case PROP_STATS:
    g_value_take_boxed(value, gst_hysac_moderate_stats(self));
    break;
  case PROP_CONTROL:
    g_value_take_boxed(value, gst_hysac_moderate_control(self));
    break;
  default:
    GST_OBJECT_LOCK(self);
    read_setting(&self->settings, id, value);
    GST_OBJECT_UNLOCK(self);
    break;
  }
}

void
gst_hysac_settings_init(GstHysacSettings *settings)
{
  *settings = (GstHysacSettings){.precision = DEFAULT_PRECISION,
                                 .mode = DEFAULT_MODE,
                                 .action = DEFAULT_ACTION,
                                 .on_failure = DEFAULT_ON_FAILURE,
                                 .k = DEFAULT_K,
                                 .n = DEFAULT_N,
                                 .enter = DEFAULT_ENTER,
                                 .leave = DEFAULT_LEAVE,
                                 .interval = DEFAULT_SAMPLE_INTERVAL,
                                 .max_age = DEFAULT_MAX_AGE,
                                 .request_timeout = DEFAULT_REQUEST_TIMEOUT,
                                 .blank_color = DEFAULT_BLANK_COLOR,
                                 .force_key_unit = TRUE,
                                 .reuse = GST_HYSAC_REUSE_AUTO,
                                 .change_tolerance = DEFAULT_CHANGE_TOLERANCE,
                                 .change_budget = DEFAULT_CHANGE_BUDGET,
                                 .reuse_max_age = DEFAULT_REUSE_MAX_AGE};
}

/* Ready: fixed from READY to PAUSED on. Playing: takes effect with the next frame. */
#define READY (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY)
#define PLAYING (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING)

void
gst_hysac_add_time(GObjectClass *klass, guint id, const char *name, const char *nick, const char *blurb,
                   guint64 min, guint64 value, GParamFlags flags)
{
  g_object_class_install_property(
      klass, id, g_param_spec_uint64(name, nick, blurb, min, MAX_TIME, value, flags));
}

void
gst_hysac_install_properties(GObjectClass *klass)
{
  klass->set_property = set_property;
  klass->get_property = get_property;

#define ADD(id, spec) g_object_class_install_property(klass, id, spec)
  ADD(PROP_MODEL,
      g_param_spec_string("model", "Model",
                          "Model folder, or \"demo\", which knows drawn scenes only; there is no default (since 0.1)", NULL,
                          PLAYING));
  ADD(PROP_DEVICE,
      g_param_spec_string("device", "Device",
                          "OpenCL device: index, part of its name, or \"auto\"; NULL is auto "
                          "(since 0.1)",
                          NULL, READY));
  ADD(PROP_POLICY_GROUP,
      g_param_spec_string("policy-group", "Policy group",
                          "Name under which hysacfollow elements of the process follow what is "
                          "done to each frame; one leader a name; NULL is none (since 0.1)",
                          NULL, READY));
  ADD(PROP_PRECISION, g_param_spec_enum("precision", "Precision",
                                        "Arithmetic of the encoder; auto takes the fastest that holds its "
                                        "accuracy budget with the model (since 0.1)",
                                        gst_hysac_precision_get_type(), DEFAULT_PRECISION, READY));
  ADD(PROP_MODE, g_param_spec_enum("mode", "Mode",
                                   "Hold frames until they are decided, or not (since 0.1)",
                                   gst_hysac_mode_get_type(), DEFAULT_MODE, READY));
  ADD(PROP_ACTION, g_param_spec_enum("action", "Action",
                                     "What is done to unsafe frames (since 0.1)",
                                     gst_hysac_action_get_type(), DEFAULT_ACTION, PLAYING));
  ADD(PROP_ON_FAILURE,
      g_param_spec_enum("on-failure", "On failure",
                        "What is done to frames that could not be checked (since 0.1)",
                        gst_hysac_on_failure_get_type(), DEFAULT_ON_FAILURE, PLAYING));
  gst_hysac_add_time(klass, PROP_SAMPLE_INTERVAL, "sample-interval", "Sample interval",
                     "Time between scored frames (ns, 0 = every frame; since 0.1)", 0,
                     DEFAULT_SAMPLE_INTERVAL, READY);
  ADD(PROP_CONFIRM_K,
      g_param_spec_uint("confirm-k", "Confirm k",
                        "Samples above enter-margin, of confirm-n in a row, that make an interval "
                        "(samples; since 0.1)",
                        1, 64, DEFAULT_K, READY));
  ADD(PROP_CONFIRM_N,
      g_param_spec_uint("confirm-n", "Confirm n",
                        "See confirm-k; at least confirm-k (samples; since 0.1)", 1, 64, DEFAULT_N,
                        READY));
  ADD(PROP_ENTER_MARGIN,
      g_param_spec_double("enter-margin", "Enter margin",
                          "A sample is unsafe farther than this above the bound (distance; "
                          "since 0.1)",
                          -MAX_MARGIN, MAX_MARGIN, DEFAULT_ENTER, PLAYING));
  ADD(PROP_LEAVE_MARGIN,
      g_param_spec_double(
          "leave-margin", "Leave margin",
          "An interval goes on while samples lie farther than this above the bound; "
          "at most enter-margin (distance; since 0.1)",
          -MAX_MARGIN, MAX_MARGIN, DEFAULT_LEAVE, PLAYING));
  gst_hysac_add_time(klass, PROP_MIN_DURATION, "min-duration", "Minimum duration",
                     "Shortest interval, from its first sample (ns; since 0.1)", 0, 0, PLAYING);
  gst_hysac_add_time(klass, PROP_PRE_ROLL, "pre-roll", "Pre-roll",
                     "Redact this long before an interval; adds to the latency; gate mode only (ns; "
                     "since 0.1)",
                     0, 0, READY);
  gst_hysac_add_time(klass, PROP_POST_ROLL, "post-roll", "Post-roll",
                     "Redact this long after an interval (ns; since 0.1)", 0, 0, PLAYING);
  gst_hysac_add_time(klass, PROP_MAX_AGE, "max-age", "Maximum age",
                     "Monitor mode: a verdict older than this is a failure, on-failure acts (ns; "
                     "since 0.1)",
                     0, DEFAULT_MAX_AGE, PLAYING);
  gst_hysac_add_time(klass, PROP_REQUEST_BUDGET, "request-budget", "Request budget",
                     "Time that one scoring may take, part of the latency (ns, 0 = as measured at "
                     "start; since 0.1)",
                     0, 0, READY);
  gst_hysac_add_time(klass, PROP_REQUEST_TIMEOUT, "request-timeout", "Request timeout",
                     "A scoring that takes longer has failed, live or not (ns; since 0.1)", GST_MSECOND,
                     DEFAULT_REQUEST_TIMEOUT, READY);
  ADD(PROP_MAX_SIZE_BUFFERS,
      g_param_spec_uint(
          "max-size-buffers", "Max. size (buffers)",
          "Most frames held; too few is an error at start (frames, 0 = what the settings need; "
          "since 0.1)",
          0, G_MAXINT, 0, READY));
  ADD(PROP_MAX_SIZE_BYTES,
      g_param_spec_uint64(
          "max-size-bytes", "Max. size (bytes)",
          "Most bytes held; too few is an error at start (bytes, 0 = what the settings need; "
          "since 0.1)",
          0, G_MAXUINT64, 0, READY));
  gst_hysac_add_time(klass, PROP_MAX_SIZE_TIME, "max-size-time", "Max. size (time)",
                     "Most time held; too little is an error at start (ns, 0 = what the settings need; "
                     "since 0.1)",
                     0, 0, READY);
  ADD(PROP_VERDICT_LOG,
      g_param_spec_string("verdict-log", "Verdict log",
                          "File that a JSON line for each frame is appended to; NULL is none "
                          "(since 0.1)",
                          NULL, READY));
  ADD(PROP_STATS,
      g_param_spec_boxed("stats", "Statistics",
                         "Counters and bounds, see docs/element.md (since 0.1)",
                         GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  ADD(PROP_POLICY,
      g_param_spec_string("policy", "Policy file",
                          "JSON file with settings (docs/policy.md), read at start; properties "
                          "that were set are stronger; NULL is none (since 0.1)",
                          NULL, READY));
  ADD(PROP_BOUND,
      g_param_spec_double("bound", "Bound",
                          "Distance beyond which a frame is unsafe; 0 = the model's; another "
                          "counts as uncalibrated (distance; since 0.1)",
                          0.0, MAX_BOUND, 0.0, PLAYING));
  ADD(PROP_AUDIT_LOG,
      g_param_spec_string("audit-log", "Audit log",
                          "File that a chain of hashed records of what was decided is appended to; "
                          "`hysac verify` checks it; NULL is none (since 0.1)",
                          NULL, READY));
  ADD(PROP_SEGMENTS_VTT,
      g_param_spec_string("segments-vtt", "Segments (WebVTT)",
                          "File of segments as WebVTT cues, begun anew at each start; NULL is none "
                          "(since 0.1)",
                          NULL, READY));
  ADD(PROP_SEGMENTS_EDL,
      g_param_spec_string("segments-edl", "Segments (EDL)",
                          "File of segments as a CMX3600 edit decision list, begun anew at each "
                          "start; NULL is none (since 0.1)",
                          NULL, READY));
  ADD(PROP_CONTROL,
      g_param_spec_boxed("control", "Control",
                         "What a moderator has said: hold, dump, override, and what is left of "
                         "them, see docs/element.md (since 0.1)",
                         GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  ADD(PROP_SLATE,
      g_param_spec_string("slate", "Slate",
                          "PNG or JPEG file that action=slate shows, read at start; it is scaled "
                          "to fit, with bars of blank-color; NULL is none (since 0.1)",
                          NULL, READY));
  ADD(PROP_BLANK_COLOR,
      g_param_spec_uint("blank-color", "Blank color",
                        "Color of blank frames, big-endian, its alpha is not used (ARGB; "
                        "since 0.1)",
                        0, G_MAXUINT32, DEFAULT_BLANK_COLOR, PLAYING));
  ADD(PROP_FORCE_KEY_UNIT,
      g_param_spec_boolean("force-key-unit", "Force key unit",
                           "Ask for a key frame where redaction begins and ends (since 0.1)", TRUE,
                           PLAYING));
  ADD(PROP_REUSE,
      g_param_spec_enum("reuse", "Reuse",
                        "Whether a sample that has not changed takes over the verdict of the last "
                        "one that was encoded (since 0.1)",
                        gst_hysac_reuse_get_type(), GST_HYSAC_REUSE_AUTO, PLAYING));
  ADD(PROP_CHANGE_TOLERANCE,
      g_param_spec_uint("change-tolerance", "Change tolerance",
                        "A pixel of the encoder's picture has changed where a channel differs by "
                        "more grey levels (levels; since 0.1)",
                        0, HYSAC_REUSE_MAX_TOLERANCE, DEFAULT_CHANGE_TOLERANCE, PLAYING));
  ADD(PROP_CHANGE_BUDGET,
      g_param_spec_uint("change-budget", "Change budget",
                        "Changed pixels of the encoder's picture that an unchanged sample may have, "
                        "and at most 8 of each 8x8 (pixels; since 0.1)",
                        0, MAX_CHANGE_BUDGET, DEFAULT_CHANGE_BUDGET, PLAYING));
  gst_hysac_add_time(klass, PROP_REUSE_MAX_AGE, "reuse-max-age", "Maximum age of reuse",
                     "A sample this long after the one that was encoded is encoded too (ns; since "
                     "0.1)",
                     0, DEFAULT_REUSE_MAX_AGE, PLAYING);
#undef ADD
}
