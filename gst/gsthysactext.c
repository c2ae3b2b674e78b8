/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-hysactext
 *
 * Measures by HySAC how far each text (subtitles, captions, chat) lies from the root of hyperbolic space, and tags,
 * masks, replaces or drops those beyond the bound. What is scored is what may be read: markup without its tags,
 * entities decoded, characters that are not seen left out; and short texts once more together with those before them.
 *
 * It does not know whether the model fits the material. Texts that could not be checked do not pass.
 *
 * |[
 * gst-launch-1.0 filesrc location=in.srt ! subparse ! hysactext model=demo ! filesink location=out.txt
 * ]|
 */
#include "gst/gsthysactextprivate.h"

#include "gst/gsthysacmoderate.h"
#include "gst/tagpictures.h"

GST_DEBUG_CATEGORY(gst_hysac_text_debug);

#define CAPS "text/x-raw, format = (string) { utf8, pango-markup }"

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(CAPS));

G_DEFINE_TYPE_WITH_CODE(GstHysacText, gst_hysac_text, GST_TYPE_ELEMENT,
                        GST_DEBUG_CATEGORY_INIT(gst_hysac_text_debug, "hysactext", 0,
                                                "moderation of texts by HySAC"))
GST_ELEMENT_REGISTER_DEFINE(hysactext, "hysactext", GST_RANK_NONE, GST_TYPE_HYSAC_TEXT)

/* ---- latency ---- */

gint64
gst_hysac_text_budget(GstHysacText *self)
{
  return (gint64)(self->run.request_budget > 0 ? self->run.request_budget
                                               : gst_hysac_text_scorer_get_budget(self->scorer));
}

/* Upstream's answer is taken over, and becomes the element's own. */
static gboolean
take_latency(GstHysacText *self, GstQuery *query)
{
  gboolean live;
  GstClockTime min, max;
  gst_query_parse_latency(query, &live, &min, &max);
  if (!GST_CLOCK_TIME_IS_VALID(min))
    min = 0;
  g_mutex_lock(&self->lock);
  const GstClockTime budget = live && self->scorer ? (GstClockTime)gst_hysac_text_budget(self) : 0;
  const gint64 latency = (gint64)(min + budget);
  const gboolean changed = self->latency_known && (live != self->live || latency != self->latency);
  self->live = live;
  self->latency = latency;
  self->latency_known = self->scorer != NULL;
  g_mutex_unlock(&self->lock);
  /* While a text is scored it is held here, and nothing else is lost by it. */
  if (GST_CLOCK_TIME_IS_VALID(max))
    max += budget;
  gst_query_set_latency(query, live, live ? min + budget : 0, max);
  return changed;
}

gboolean
gst_hysac_text_update_latency(GstHysacText *self)
{
  g_autoptr(GstQuery) query = gst_query_new_latency();
  return gst_pad_peer_query(self->sinkpad, query) && take_latency(self, query);
}

static gboolean
src_query(GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstHysacText *self = GST_HYSAC_TEXT(parent);
  if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY)
    return gst_pad_query_default(pad, parent, query);
  if (!gst_pad_peer_query(self->sinkpad, query))
    return FALSE;
  take_latency(self, query);
  return TRUE;
}

/* ---- events ---- */

static void
set_flushing(GstHysacText *self, gboolean flushing)
{
  g_mutex_lock(&self->lock);
  self->flushing = flushing;
  if (flushing && self->request)
    gst_hysac_text_scorer_cancel(self->in_use, self->request);
  g_mutex_unlock(&self->lock);
}

/* The stream lock is held. */
static void
reset(GstHysacText *self)
{
  gst_segment_init(&self->segment, GST_FORMAT_TIME);
  gst_hysac_text_forget(self);
  gst_hysac_segments_break(&self->segments);
  gst_hysac_text_policy_flush(self);
  self->next_running = 0;
}

static void
end_stretch(GstHysacText *self)
{
  gst_hysac_text_policy_end(self);
  gst_hysac_segments_break(&self->segments);
}

static gboolean
take_caps(GstHysacText *self, GstCaps *caps)
{
  const GstStructure *s = gst_caps_get_structure(caps, 0);
  const char *format = gst_structure_get_string(s, "format");
  self->markup = g_strcmp0(format, "pango-markup") == 0;
  self->have_caps = self->markup || g_strcmp0(format, "utf8") == 0;
  if (self->have_caps)
    gst_hysac_text_report_caps(self);
  return self->have_caps;
}

static gboolean
sink_event(GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstHysacText *self = GST_HYSAC_TEXT(parent);
  GstCaps *caps;
  switch (GST_EVENT_TYPE(event)) {
  case GST_EVENT_FLUSH_START:
    set_flushing(self, TRUE);
    break;
  case GST_EVENT_FLUSH_STOP:
    reset(self);
    set_flushing(self, FALSE);
    break;
  case GST_EVENT_STREAM_START:
    gst_hysac_text_forget(self);
    end_stretch(self);
    break;
  case GST_EVENT_SEGMENT_DONE:
  case GST_EVENT_EOS:
    end_stretch(self);
    break;
  case GST_EVENT_GAP:
    gst_hysac_text_record_gap(self, event);
    break;
  case GST_EVENT_CAPS:
    gst_event_parse_caps(event, &caps);
    if (!take_caps(self, caps)) {
      GST_ELEMENT_ERROR(self, STREAM, FORMAT, (NULL), ("unsupported caps %" GST_PTR_FORMAT, caps));
      gst_event_unref(event);
      return FALSE;
    }
    break;
  case GST_EVENT_SEGMENT:
    gst_hysac_segments_break(&self->segments); /* other positions in the programme; the stretch goes on */
    gst_event_copy_segment(event, &self->segment);
    break;
  case GST_EVENT_TAG:
  case GST_EVENT_TOC:
    event = gst_hysac_without_texts(event);
    break;
  default:
    break;
  }
  return gst_pad_event_default(pad, parent, event);
}

static gboolean
sink_mode(GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active)
{
  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  set_flushing(GST_HYSAC_TEXT(parent), !active);
  return TRUE;
}

/* ---- states ---- */

static gboolean
start(GstHysacText *self)
{
  g_autoptr(GError) error = NULL;
  if (!gst_hysac_text_read_policy(self, &error)) {
    gst_hysac_post_policy_error(GST_ELEMENT(self), error);
    return FALSE;
  }
  g_mutex_lock(&self->lock); /* what loads a model may not have heard of the last stop */
  GST_OBJECT_LOCK(self);
  gst_hysac_text_settings_clear(&self->run);
  gst_hysac_text_settings_copy(&self->run, &self->settings);
  self->counters = (GstHysacTextCounters){.last_distance = -1.0};
  GST_OBJECT_UNLOCK(self);
  g_mutex_unlock(&self->lock);
  if (!self->run.model || !*self->run.model) {
    GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, ("No model is set."),
                      ("set the property \"model\" to a model folder, or to \"demo\""));
    return FALSE;
  }
  g_autofree char *wrong = gst_hysac_confirm_contradiction(self->run.k, self->run.n);
  if (wrong || !gst_hysac_text_policy_start(self, &error)) {
    GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, ("The settings contradict each other."),
                      ("%s", wrong ? wrong : error->message));
    return FALSE;
  }
  GstHysacTextScorer *scorer = gst_hysac_swap_first(&self->swap);
  if (!scorer)
    return FALSE;
  if (self->run.verdict_log && *self->run.verdict_log) {
    HysacReport *report = hysac_report_open(self->run.verdict_log, &error);
    if (!report) /* does not stop moderation */
      gst_hysac_warn_open(GST_ELEMENT(self), "verdict-log", error);
    g_mutex_lock(&self->lock); /* the device may be lost by now, which is written down */
    self->logs.report = report;
    g_mutex_unlock(&self->lock);
  }
  reset(self);
  self->have_caps = self->started = self->discont_next = FALSE;
  self->number = 0;
  g_mutex_lock(&self->lock);
  self->scorer = scorer;
  self->playing = self->live = self->latency_known = FALSE;
  self->latency = 0;
  g_mutex_unlock(&self->lock);
  gst_hysac_text_open_records(self);
  g_mutex_lock(&self->lock);
  self->swap.open = TRUE;
  g_mutex_unlock(&self->lock);
  /* What was set since the settings were copied. */
  gst_hysac_text_take_bound(self);
  gst_hysac_swap_begin(&self->swap, FALSE);
  return TRUE;
}

static void
stop(GstHysacText *self)
{
  g_mutex_lock(&self->lock);
  GstHysacTextScorer *scorer = g_steal_pointer(&self->scorer);
  gst_hysac_swap_close(&self->swap);
  self->live = self->latency_known = FALSE;
  g_mutex_unlock(&self->lock);
  gst_hysac_text_policy_end(self);
  if (scorer)
    gst_hysac_text_report_end(self);
  gst_hysac_logs_close_report(&self->logs);
  gst_hysac_text_close_records(self);
  gst_hysac_text_scorer_close(scorer);
  gst_hysac_text_forget(self);
}

static void
set_playing(GstHysacText *self, gboolean playing)
{
  g_mutex_lock(&self->lock);
  self->playing = playing;
  g_mutex_unlock(&self->lock);
}

static GstStateChangeReturn
change_state(GstElement *element, GstStateChange transition)
{
  GstHysacText *self = GST_HYSAC_TEXT(element);
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
      GST_ELEMENT_CLASS(gst_hysac_text_parent_class)->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED && ret == GST_STATE_CHANGE_FAILURE))
    stop(self);
  return ret;
}

/* ---- the object ---- */

void
gst_hysac_text_set_backend_factory(GstHysacText *self, GstHysacTextBackendFactory factory,
                                   gpointer user_data)
{
  self->factory = factory;
  self->factory_data = user_data;
}

static void
gst_hysac_text_finalize(GObject *object)
{
  GstHysacText *self = GST_HYSAC_TEXT(object);
  gst_hysac_text_settings_clear(&self->settings);
  gst_hysac_text_settings_clear(&self->run);
  hysac_policy_rules_clear(&self->rules);
  hysac_policy_set_free(self->policy);
  gst_hysac_text_forget(self);
  g_free(self->swap.next);
  g_mutex_clear(&self->lock);
  g_cond_clear(&self->cond);
  G_OBJECT_CLASS(gst_hysac_text_parent_class)->finalize(object);
}

static void
gst_hysac_text_init(GstHysacText *self)
{
  gst_hysac_text_settings_init(&self->settings);
  g_mutex_init(&self->lock);
  g_cond_init(&self->cond);
  self->logs = (GstHysacLogs){.element = GST_ELEMENT(self), .lock = &self->lock};
  gst_hysac_text_init_models(self);
  self->segments = (GstHysacSegments){.logs = &self->logs, .maker = "hysactext", .unit = "text", .units = "texts"};
  self->flushing = TRUE;
  self->state = "none";
  self->factory = gst_hysac_text_backend_new;

  self->sinkpad = gst_pad_new_from_static_template(&sink_template, "sink");
  gst_pad_set_chain_function(self->sinkpad, gst_hysac_text_chain);
  gst_pad_set_event_function(self->sinkpad, sink_event);
  gst_pad_set_activatemode_function(self->sinkpad, sink_mode);
  GST_PAD_SET_PROXY_CAPS(self->sinkpad);
  gst_element_add_pad(GST_ELEMENT(self), self->sinkpad);

  self->srcpad = gst_pad_new_from_static_template(&src_template, "src");
  gst_pad_set_query_function(self->srcpad, src_query);
  GST_PAD_SET_PROXY_CAPS(self->srcpad);
  gst_element_add_pad(GST_ELEMENT(self), self->srcpad);
}

static void
gst_hysac_text_class_init(GstHysacTextClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS(klass);

  object_class->finalize = gst_hysac_text_finalize;
  gst_hysac_text_install_properties(object_class);
  element_class->change_state = change_state;
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(element_class, "HySAC moderation of texts", "Filter/Analyzer/Effect/Text",
                                        "Tags, masks, replaces or drops texts that HySAC finds unsafe",
                                        "The gst-hysac authors");
  gst_type_mark_as_plugin_api(gst_hysac_text_action_get_type(), 0);
  gst_hysac_meta_register();
  g_type_ensure(GST_TYPE_HYSAC_MODERATE); /* what both have in common logs in its category */
}
