/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-hysacmoderate
 *
 * Samples frames, measures by HySAC how far each sample lies from the root of hyperbolic space, and
 * tags, blurs, pixelates, blanks, replaces or drops the frames that lie beyond the bound. In gate
 * mode a frame is held until it is decided; in monitor mode it passes at once under the latest
 * verdict.
 *
 * It does not know whether the model fits the material: set the bound on benign material of your
 * own (hysac fit). A gate delays its branch: other branches need queues as long as its latency.
 *
 * |[
 * gst-launch-1.0 filesrc location=in.mp4 ! decodebin ! videoconvert ! \
 *     hysacmoderate model=demo sample-interval=0 ! videoconvert ! autovideosink
 * ]|
 */
#include "gst/gsthysaccontrol.h"

#include "gst/gsthysacmeta.h"

GST_DEBUG_CATEGORY(gst_hysac_debug);

#define CAPS GST_HYSAC_SYSTEM_CAPS "; video/x-raw(ANY), " GST_HYSAC_CAPS_FIELDS

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(CAPS));

G_DEFINE_TYPE_WITH_CODE(GstHysacModerate, gst_hysac_moderate, GST_TYPE_ELEMENT,
                        GST_DEBUG_CATEGORY_INIT(gst_hysac_debug, "hysacmoderate", 0,
                                                "moderation of video by HySAC"))
GST_ELEMENT_REGISTER_DEFINE(hysacmoderate, "hysacmoderate", GST_RANK_NONE, GST_TYPE_HYSAC_MODERATE)

static void
set_playing(GstHysacModerate *self, gboolean playing)
{
  g_mutex_lock(&self->lock);
  self->playing = playing;
  gst_hysac_moderate_cancel_timer(self);
  gst_hysac_moderate_kick(self);
  g_mutex_unlock(&self->lock);
}

static GstStateChangeReturn
gst_hysac_moderate_change_state(GstElement *element, GstStateChange transition)
{
  GstHysacModerate *self = GST_HYSAC_MODERATE(element);
  switch (transition) {
  case GST_STATE_CHANGE_READY_TO_PAUSED:
    if (!gst_hysac_moderate_start(self)) {
      gst_hysac_moderate_stop(self);
      return GST_STATE_CHANGE_FAILURE;
    }
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
      GST_ELEMENT_CLASS(gst_hysac_moderate_parent_class)->change_state(element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED && ret == GST_STATE_CHANGE_FAILURE))
    gst_hysac_moderate_stop(self);
  return ret;
}

static gboolean
gst_hysac_moderate_src_query(GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstHysacModerate *self = GST_HYSAC_MODERATE(parent);
  switch (GST_QUERY_TYPE(query)) {
  case GST_QUERY_LATENCY:
    return gst_hysac_moderate_query_latency(self, query);
  case GST_QUERY_CAPS:
    return gst_hysac_moderate_query_caps(self, pad, query);
  case GST_QUERY_ACCEPT_CAPS:
    return gst_hysac_moderate_query_accept_caps(self, pad, query);
  default:
    return gst_pad_query_default(pad, parent, query);
  }
}

void
gst_hysac_moderate_set_scorer_factory(GstHysacModerate *self, GstHysacScorerFactory factory,
                                      gpointer user_data)
{
  self->factory = factory;
  self->factory_data = user_data;
}

static void
gst_hysac_moderate_finalize(GObject *object)
{
  GstHysacModerate *self = GST_HYSAC_MODERATE(object);
  gst_hysac_settings_clear(&self->settings);
  gst_hysac_settings_clear(&self->run);
  g_array_unref(self->models.past);
  g_array_unref(self->ratings);
  hysac_policy_rules_clear(&self->rules);
  g_free(self->swap.next);
  g_mutex_clear(&self->lock);
  g_cond_clear(&self->cond);
  G_OBJECT_CLASS(gst_hysac_moderate_parent_class)->finalize(object);
}

static void
gst_hysac_moderate_init(GstHysacModerate *self)
{
  gst_hysac_settings_init(&self->settings);
  g_mutex_init(&self->lock);
  g_cond_init(&self->cond);
  self->logs = (GstHysacLogs){.element = GST_ELEMENT(self), .lock = &self->lock};
  self->segments = (GstHysacSegments){.logs = &self->logs, .maker = "hysacmoderate", .unit = "frame", .units = "frames"};
  g_queue_init(&self->requests);
  g_queue_init(&self->hold.items);
  hysac_control_init(&self->control);
  self->ratings = g_array_new(FALSE, FALSE, sizeof(HysacRating));
  gst_hysac_moderate_init_models(self);
  self->state = "none";
  self->flow = GST_FLOW_FLUSHING;
  self->flushing = TRUE;
  self->factory = gst_hysac_engine_scorer_new;

  self->sinkpad = gst_pad_new_from_static_template(&sink_template, "sink");
  gst_pad_set_chain_function(self->sinkpad, gst_hysac_moderate_chain);
  gst_pad_set_event_function(self->sinkpad, gst_hysac_moderate_sink_event);
  gst_pad_set_query_function(self->sinkpad, gst_hysac_moderate_sink_query);
  gst_pad_set_activatemode_function(self->sinkpad, gst_hysac_moderate_sink_mode);
  GST_PAD_SET_PROXY_CAPS(self->sinkpad);
  gst_element_add_pad(GST_ELEMENT(self), self->sinkpad);

  self->srcpad = gst_pad_new_from_static_template(&src_template, "src");
  gst_pad_set_query_function(self->srcpad, gst_hysac_moderate_src_query);
  gst_pad_set_activatemode_function(self->srcpad, gst_hysac_moderate_src_mode);
  GST_PAD_SET_PROXY_CAPS(self->srcpad);
  gst_element_add_pad(GST_ELEMENT(self), self->srcpad);
}

static void
gst_hysac_moderate_class_init(GstHysacModerateClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS(klass);

  object_class->finalize = gst_hysac_moderate_finalize;
  gst_hysac_install_properties(object_class);
  gst_hysac_install_control(klass);
  element_class->change_state = gst_hysac_moderate_change_state;
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(
      element_class, "HySAC moderation", "Filter/Analyzer/Effect/Video",
      "Tags, blurs, pixelates, blanks, replaces or drops frames that HySAC finds unsafe",
      "The gst-hysac authors");
  gst_type_mark_as_plugin_api(gst_hysac_mode_get_type(), 0);
  gst_type_mark_as_plugin_api(gst_hysac_action_get_type(), 0);
  gst_type_mark_as_plugin_api(gst_hysac_on_failure_get_type(), 0);
  gst_type_mark_as_plugin_api(gst_hysac_precision_get_type(), 0);
  gst_hysac_meta_register();
}
