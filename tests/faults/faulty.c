/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "opencl/engine.h"
#include "tests/faults/faulty.h"

#define PATIENCE (240 * GST_SECOND) /* a sanitizer makes minutes of a kernel that is compiled */

static const GstStructure *
details_of(GstMessage *message)
{
  const GstStructure *details = NULL;
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING)
    gst_message_parse_warning_details(message, &details);
  else
    gst_message_parse_info_details(message, &details);
  assert_non_null(details);
  return details;
}

static GstMessage *
wait_message(Rig *rig, GstMessageType type, const char *event)
{
  GstMessage *message = gst_bus_timed_pop_filtered(rig->bus, PATIENCE, type);
  if (!message)
    fail_msg("no message: %s", event);
  assert_string_equal(gst_structure_get_string(details_of(message), "event"), event);
  return message;
}

void
faulty_init(Rig *rig, GstHysacOnFailure on_failure)
{
  rig_init_bare(rig, FAKE_AT_ONCE);
  gst_hysac_moderate_set_scorer_factory(GST_HYSAC_MODERATE(rig->element),
                                        gst_hysac_engine_scorer_new, NULL);
  g_object_set(rig->element, "model", "demo", "action", GST_HYSAC_ACTION_BLUR, "on-failure",
               on_failure, "sample-interval", (guint64)0, "enter-margin", 1000.0, "leave-margin",
               1000.0, "request-timeout", GST_SECOND, NULL);
  rig_play(rig, FALSE);
  gst_message_unref(wait_message(rig, GST_MESSAGE_INFO, "demo-model"));
}

void
faulty_clear(Rig *rig)
{
  fault_clear();
  gst_element_set_state(rig->element, GST_STATE_NULL);
  faulty_wait_engines(0);
  rig_clear(rig);
}

GstBuffer *
faulty_push(Rig *rig)
{
  const guint n = rig_n_buffers(rig);
  assert_int_equal(rig_push(rig, 100), GST_FLOW_OK);
  rig_wait_buffers(rig, n + 1);
  return rig_buffer(rig, n);
}

double
faulty_push_good(Rig *rig)
{
  GstBuffer *buffer = faulty_push(rig);
  double distance = -1.0;
  assert_string_equal(rig_reason(buffer), "safe");
  assert_string_equal(rig_origin(buffer), "scored");
  assert_int_equal(rig_looks(buffer), LOOKS_ORIGINAL);
  assert_true(gst_hysac_meta_get_distance(gst_buffer_get_hysac_meta(buffer), &distance));
  return distance;
}

void
faulty_push_failed(Rig *rig, const char *reason, Looks looks)
{
  GstBuffer *buffer = faulty_push(rig);
  assert_string_equal(rig_verdict(buffer), "failed");
  assert_string_equal(rig_reason(buffer), reason);
  assert_int_equal(rig_looks(buffer), looks);
}

char *
faulty_wait_lost(Rig *rig)
{
  g_autoptr(GstMessage) message = wait_message(rig, GST_MESSAGE_WARNING, "device-lost");
  assert_non_null(gst_structure_get_string(details_of(message), "device"));
  assert_true(strlen(gst_structure_get_string(details_of(message), "remedy")) > 10);
  return g_strdup(gst_structure_get_string(details_of(message), "reason"));
}

void
faulty_wait_recovered(Rig *rig)
{
  gint64 downtime = 0;
  guint attempts = 0;
  g_autoptr(GstMessage) message = wait_message(rig, GST_MESSAGE_INFO, "device-recovered");
  assert_non_null(gst_structure_get_string(details_of(message), "device"));
  assert_true(gst_structure_get_int64(details_of(message), "downtime", &downtime));
  assert_true(gst_structure_get_uint(details_of(message), "attempts", &attempts));
  assert_true(downtime > 0 && attempts > 0);
}

void
faulty_assert_quiet(Rig *rig)
{
  g_autoptr(GstMessage) message =
      gst_bus_pop_filtered(rig->bus, GST_MESSAGE_WARNING | GST_MESSAGE_INFO | GST_MESSAGE_ERROR);
  if (message)
    fail_msg("a message too many: %s", gst_message_type_get_name(GST_MESSAGE_TYPE(message)));
}

void
faulty_wait_engines(guint n)
{
  const gint64 end = g_get_monotonic_time() + PATIENCE / 1000;
  while (hysac_engine_count() != n && g_get_monotonic_time() < end)
    g_usleep(1000);
  assert_int_equal(hysac_engine_count(), n);
}

void
faulty_lose_device(cl_int code)
{
  fault_set(FAULT_CONTEXT, code);
  fault_set(FAULT_QUEUE, code);
  fault_set(FAULT_BUFFER, code);
  fault_set(FAULT_ENQUEUE, code);
}
