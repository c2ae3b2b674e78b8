/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-hysacfollow
 *
 * Does to sound and text what a hysacmoderate of the same policy-group does to the picture: the
 * samples that are heard while a redacted frame is shown are silenced, text that is shown then is
 * dropped, everything else passes. Data wait until the frames of their running time are decided. What
 * cannot be decided is muted.
 *
 * It does not listen or read: what is said while a safe picture is shown passes. Put a queue without
 * limits in front of it, as in front of every branch beside a gate.
 *
 * |[
 * gst-launch-1.0 filesrc location=in.mp4 ! decodebin name=in \
 *     in. ! queue ! videoconvert ! hysacmoderate model=demo sample-interval=0 policy-group=a ! \
 *       queue ! videoconvert ! autovideosink \
 *     in. ! queue max-size-time=0 max-size-buffers=0 max-size-bytes=0 ! audioconvert ! \
 *       hysacfollow policy-group=a ! queue ! autoaudiosink
 * ]|
 */
#include "gst/gsthysacfollowprivate.h"
#include "gst/tagpictures.h"

GST_DEBUG_CATEGORY(gst_hysac_follow_debug);

#define DEFAULT_ON GST_HYSAC_FOLLOW_REDACTED
#define DEFAULT_ON_UNDECIDED GST_HYSAC_UNDECIDED_MUTE
/* Longer than a pipeline takes from its first sound to its first picture. */
#define DEFAULT_TIMEOUT (10 * GST_SECOND)
#define MAX_TIMEOUT (3600 * GST_SECOND)
/* Live: decisions that fall at the leader's deadline are there when the sound is due. */
#define MARGIN (10 * GST_MSECOND)

#define CAPS                                                                                       \
  "audio/x-raw, format = (string) " GST_AUDIO_FORMATS_ALL ", rate = (int) [ 1, 1536000 ], "        \
  "channels = (int) [ 1, max ], layout = (string) { interleaved, non-interleaved }; "              \
  "text/x-raw, format = (string) { utf8, pango-markup }"

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(CAPS));

enum { PROP_0, PROP_POLICY_GROUP, PROP_ON, PROP_ON_UNDECIDED, PROP_TIMEOUT, PROP_STATS };

G_DEFINE_TYPE_WITH_CODE(GstHysacFollow, gst_hysac_follow, GST_TYPE_ELEMENT,
                        GST_DEBUG_CATEGORY_INIT(gst_hysac_follow_debug, "hysacfollow", 0,
                                                "sound and text that follow hysacmoderate"))
GST_ELEMENT_REGISTER_DEFINE(hysacfollow, "hysacfollow", GST_RANK_NONE, GST_TYPE_HYSAC_FOLLOW)

static GType
on_get_type(void)
{
  static gsize type;
  static const GEnumValue values[] = {
      {GST_HYSAC_FOLLOW_REDACTED, "Every frame that is redacted or dropped (since 0.1)", "redacted"},
      {GST_HYSAC_FOLLOW_UNSAFE,
       "Only those that are unsafe, not those that merely failed (since 0.1)", "unsafe"},
      {0, NULL, NULL}};
  if (g_once_init_enter(&type))
    g_once_init_leave(&type, g_enum_register_static("GstHysacFollowOn", values));
  return type;
}

static GType
on_undecided_get_type(void)
{
  static gsize type;
  static const GEnumValue values[] = {
      {GST_HYSAC_UNDECIDED_MUTE, "Silence, no text (since 0.1)", "mute"},
      {GST_HYSAC_UNDECIDED_PASS, "Let it pass (since 0.1)", "pass"},
      {0, NULL, NULL}};
  if (g_once_init_enter(&type))
    g_once_init_leave(&type, g_enum_register_static("GstHysacOnUndecided", values));
  return type;
}

static GstStructure *
stats(GstHysacFollow *self)
{
  gint64 latency = 0;
  GST_OBJECT_LOCK(self);
  const GstHysacFollowCounters n = self->counters;
  GstHysacGroup *group = self->group ? gst_hysac_group_ref(self->group) : NULL;
  GST_OBJECT_UNLOCK(self);
  if (group) {
    gst_hysac_group_lock(group);
    latency = self->latency;
    gst_hysac_group_unlock(group);
    gst_hysac_group_unref(group);
  }
  return gst_structure_new("hysac-follow-stats", "passed", G_TYPE_UINT64, n.passed, "muted",
                           G_TYPE_UINT64, n.muted, "undecided", G_TYPE_UINT64, n.undecided,
                           "latency", G_TYPE_INT64, latency, NULL);
}

static void
set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstHysacFollow *self = GST_HYSAC_FOLLOW(object);
  GST_OBJECT_LOCK(self);
  const gboolean late = id == PROP_POLICY_GROUP && GST_STATE(self) > GST_STATE_READY;
  switch (id) {
  case PROP_POLICY_GROUP:
    g_free(self->policy_group);
    self->policy_group = g_value_dup_string(value);
    break;
  case PROP_ON:
    self->on = g_value_get_enum(value);
    break;
  case PROP_ON_UNDECIDED:
    self->on_undecided = g_value_get_enum(value);
    break;
  case PROP_TIMEOUT:
    self->timeout = g_value_get_uint64(value);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    break;
  }
  GST_OBJECT_UNLOCK(self);
  if (late)
    GST_WARNING_OBJECT(self, "%s takes effect at the next start", pspec->name);
}

static void
get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstHysacFollow *self = GST_HYSAC_FOLLOW(object);
  if (id == PROP_STATS) {
    g_value_take_boxed(value, stats(self));
    return;
  }
  GST_OBJECT_LOCK(self);
  switch (id) {
  case PROP_POLICY_GROUP:
    g_value_set_string(value, self->policy_group);
    break;
  case PROP_ON:
    g_value_set_enum(value, self->on);
    break;
  case PROP_ON_UNDECIDED:
    g_value_set_enum(value, self->on_undecided);
    break;
  case PROP_TIMEOUT:
    g_value_set_uint64(value, self->timeout);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
    break;
  }
  GST_OBJECT_UNLOCK(self);
}

/* The leader's whole latency, ns; FALSE where there is none to ask. */
static gboolean
ask_leader(GstHysacGroup *group, gint64 *latency)
{
  g_autoptr(GstElement) leader = gst_hysac_group_ref_leader(group);
  g_autoptr(GstPad) pad = leader ? gst_element_get_static_pad(leader, "src") : NULL;
  g_autoptr(GstQuery) query = gst_query_new_latency();
  if (!pad || !gst_pad_query(pad, query))
    return FALSE;
  GstClockTime min;
  gst_query_parse_latency(query, NULL, &min, NULL);
  *latency = GST_CLOCK_TIME_IS_VALID(min) ? (gint64)min : 0;
  return TRUE;
}

/* What upstream answered is taken over; the element's own minimum comes back. */
static GstClockTime
take_latency(GstHysacFollow *self, GstHysacGroup *group, GstQuery *query, gboolean *changed)
{
  gboolean live;
  GstClockTime min, max;
  gint64 leader = 0;
  gst_query_parse_latency(query, &live, &min, &max);
  const gint64 upstream = GST_CLOCK_TIME_IS_VALID(min) ? (gint64)min : 0;
  const gboolean led = live && ask_leader(group, &leader);

  gst_hysac_group_lock(group);
  const gint64 latency = led ? MAX(upstream, leader + self->longest + MARGIN) : upstream;
  *changed = self->latency_known && (latency != self->latency || live != self->live);
  self->latency = latency;
  self->live = live;
  self->latency_known = TRUE;
  gst_hysac_group_wake(group);
  gst_hysac_group_unlock(group);
  return (GstClockTime)latency;
}

gboolean
gst_hysac_follow_update_latency(GstHysacFollow *self)
{
  g_autoptr(GstQuery) query = gst_query_new_latency();
  gboolean changed = FALSE;
  if (gst_pad_peer_query(self->sinkpad, query))
    take_latency(self, self->group, query, &changed);
  return changed;
}

static gboolean
src_query(GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstHysacFollow *self = GST_HYSAC_FOLLOW(parent);
  if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY)
    return gst_pad_query_default(pad, parent, query);
  if (!gst_pad_peer_query(self->sinkpad, query))
    return FALSE;
  GST_OBJECT_LOCK(self);
  GstHysacGroup *group = self->group ? gst_hysac_group_ref(self->group) : NULL;
  GST_OBJECT_UNLOCK(self);
  if (!group)
    return TRUE;
  gboolean live, changed;
  GstClockTime max;
  gst_query_parse_latency(query, &live, NULL, &max);
  const GstClockTime min = take_latency(self, group, query, &changed);
  gst_hysac_group_unref(group);
  /* What waits does so upstream, in a queue that says for itself how much it takes. */
  gst_query_set_latency(query, live, live ? min : 0, max);
  return TRUE;
}

static gboolean
take_caps(GstHysacFollow *self, GstCaps *caps)
{
  const GstStructure *s = gst_caps_get_structure(caps, 0);
  self->text = gst_structure_has_name(s, "text/x-raw");
  self->have_caps = self->text || gst_audio_info_from_caps(&self->info, caps);
  if (!self->have_caps)
    GST_ELEMENT_ERROR(self, STREAM, FORMAT, (NULL), ("unsupported caps %" GST_PTR_FORMAT, caps));
  return self->have_caps;
}

static void
flush(GstHysacFollow *self, gboolean start, guint32 seqnum, gboolean reset_time)
{
  gst_hysac_group_lock(self->group);
  self->flushing = start;
  self->alone_since = 0;
  if (reset_time)
    self->axis = (GstHysacAxis){.flush = seqnum};
  gst_hysac_group_wake(self->group);
  gst_hysac_group_unlock(self->group);
}

static gboolean
sink_event(GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstHysacFollow *self = GST_HYSAC_FOLLOW(parent);
  GstCaps *caps;
  gboolean reset;
  switch (GST_EVENT_TYPE(event)) {
  case GST_EVENT_FLUSH_START:
    flush(self, TRUE, 0, FALSE);
    break;
  case GST_EVENT_FLUSH_STOP:
    /* The stream lock is held: chain has left. */
    gst_event_parse_flush_stop(event, &reset);
    gst_segment_init(&self->segment, GST_FORMAT_TIME);
    self->have_time = FALSE;
    self->state = self->state_why = "none";
    flush(self, FALSE, gst_event_get_seqnum(event), reset);
    break;
  case GST_EVENT_CAPS:
    gst_event_parse_caps(event, &caps);
    if (!take_caps(self, caps)) {
      gst_event_unref(event);
      return FALSE;
    }
    break;
  case GST_EVENT_SEGMENT:
    gst_event_copy_segment(event, &self->segment);
    gst_hysac_group_lock(self->group);
    self->axis.segment = gst_event_get_seqnum(event);
    gst_hysac_group_unlock(self->group);
    break;
  case GST_EVENT_TAG:
  case GST_EVENT_TOC:
    event = gst_hysac_without_pictures(event);
    break;
  default:
    break;
  }
  return gst_pad_event_default(pad, parent, event);
}

static gboolean
sink_mode(GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active)
{
  GstHysacFollow *self = GST_HYSAC_FOLLOW(parent);
  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  flush(self, !active, 0, FALSE);
  return TRUE;
}

static gboolean
start(GstHysacFollow *self)
{
  GST_OBJECT_LOCK(self);
  g_autofree char *name = g_strdup(self->policy_group);
  GST_OBJECT_UNLOCK(self);
  if (!name || !*name) {
    GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, ("No policy group is set."),
                      ("set the property \"policy-group\" to that of a hysacmoderate"));
    return FALSE;
  }
  self->axis = (GstHysacAxis){0};
  self->flushing = TRUE;
  self->playing = self->live = self->latency_known = FALSE;
  self->latency = self->longest = self->alone_since = 0;
  self->have_caps = self->have_time = FALSE;
  gst_segment_init(&self->segment, GST_FORMAT_TIME);
  self->state = self->state_why = "none";
  self->reported = FALSE;
  GstHysacGroup *group = gst_hysac_group_get(name);
  GST_OBJECT_LOCK(self);
  self->counters = (GstHysacFollowCounters){0};
  self->group = group;
  GST_OBJECT_UNLOCK(self);
  return TRUE;
}

static void
stop(GstHysacFollow *self)
{
  GST_OBJECT_LOCK(self);
  GstHysacGroup *group = g_steal_pointer(&self->group);
  GST_OBJECT_UNLOCK(self);
  if (group)
    gst_hysac_group_unref(group);
}

static void
set_playing(GstHysacFollow *self, gboolean playing)
{
  gst_hysac_group_lock(self->group);
  self->playing = playing;
  gst_hysac_follow_cancel_timer(self); /* base time is another */
  gst_hysac_group_wake(self->group);
  gst_hysac_group_unlock(self->group);
}

static GstStateChangeReturn
change_state(GstElement *element, GstStateChange transition)
{
  GstHysacFollow *self = GST_HYSAC_FOLLOW(element);
  switch (transition) {
  case GST_STATE_CHANGE_READY_TO_PAUSED:
    if (!start(self))
      return GST_STATE_CHANGE_FAILURE;
    break;
  case GST_STATE_CHANGE_PAUSED_TO_PLAYING:
    set_playing(self, TRUE);
    break;
  case GST_STATE_CHANGE_PLAYING_TO_PAUSED:
    set_playing(self, FALSE);
    break;
  default:
    break;
  }
  const GstStateChangeReturn ret =
      GST_ELEMENT_CLASS(gst_hysac_follow_parent_class)->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED && ret == GST_STATE_CHANGE_FAILURE))
    stop(self);
  return ret;
}

static void
gst_hysac_follow_finalize(GObject *object)
{
  GstHysacFollow *self = GST_HYSAC_FOLLOW(object);
  g_free(self->policy_group);
  G_OBJECT_CLASS(gst_hysac_follow_parent_class)->finalize(object);
}

static void
gst_hysac_follow_init(GstHysacFollow *self)
{
  self->on = DEFAULT_ON;
  self->on_undecided = DEFAULT_ON_UNDECIDED;
  self->timeout = DEFAULT_TIMEOUT;

  self->sinkpad = gst_pad_new_from_static_template(&sink_template, "sink");
  gst_pad_set_chain_function(self->sinkpad, gst_hysac_follow_chain);
  gst_pad_set_event_function(self->sinkpad, sink_event);
  gst_pad_set_activatemode_function(self->sinkpad, sink_mode);
  GST_PAD_SET_PROXY_CAPS(self->sinkpad);
  GST_PAD_SET_PROXY_ALLOCATION(self->sinkpad);
  gst_element_add_pad(GST_ELEMENT(self), self->sinkpad);

  self->srcpad = gst_pad_new_from_static_template(&src_template, "src");
  gst_pad_set_query_function(self->srcpad, src_query);
  GST_PAD_SET_PROXY_CAPS(self->srcpad);
  gst_element_add_pad(GST_ELEMENT(self), self->srcpad);
}

static void
gst_hysac_follow_class_init(GstHysacFollowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS(klass);

  object_class->finalize = gst_hysac_follow_finalize;
  object_class->set_property = set_property;
  object_class->get_property = get_property;
  element_class->change_state = change_state;

#define ADD(id, spec) g_object_class_install_property(object_class, id, spec)
#define PLAYING (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING)
  ADD(PROP_POLICY_GROUP,
      g_param_spec_string("policy-group", "Policy group",
                          "The policy-group of the hysacmoderate to follow, in the same process and "
                          "by the same running time; there is no default (since 0.1)",
                          NULL,
                          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY));
  ADD(PROP_ON, g_param_spec_enum("on", "On", "Which frames mute sound and drop text (since 0.1)",
                                 on_get_type(), DEFAULT_ON, PLAYING));
  ADD(PROP_ON_UNDECIDED,
      g_param_spec_enum("on-undecided", "On undecided",
                        "What is done to data for whose time there is no decision (since 0.1)",
                        on_undecided_get_type(), DEFAULT_ON_UNDECIDED, PLAYING));
  ADD(PROP_TIMEOUT,
      g_param_spec_uint64("timeout", "Timeout",
                          "Not live: data wait this long for a leader in the group that has a "
                          "stream, then they are undecided; live, the latency says (ns; since "
                          "0.1)",
                          0, MAX_TIMEOUT, DEFAULT_TIMEOUT, PLAYING));
  ADD(PROP_STATS,
      g_param_spec_boxed("stats", "Statistics",
                         "Samples, or cues of text, passed, muted and undecided; latency (ns; "
                         "since 0.1)",
                         GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
#undef PLAYING
#undef ADD
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(
      element_class, "HySAC follower", "Filter/Effect/Audio",
      "Mutes sound and drops text while a hysacmoderate redacts the picture",
      "The gst-hysac authors");
  gst_type_mark_as_plugin_api(on_get_type(), 0);
  gst_type_mark_as_plugin_api(on_undecided_get_type(), 0);
}
