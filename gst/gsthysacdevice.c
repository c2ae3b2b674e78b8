/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the element says of a device that it has lost, or has back: one bus message and one line in
 * the log each. The frames speak for themselves. */
#include "gst/gsthysacprivate.h"

#include "core/remedy.h"

static const char *
remedy(const GError *error)
{
  if (gst_hysac_failure_reason(error) == HYSAC_REASON_FAILED_MODEL)
    return "put the model's files back, then restart the element";
  if (gst_hysac_failure_reason(error) == HYSAC_REASON_FAILED_TIMEOUT)
    return "the driver hangs: if it does not recover, reset the device or restart the process; "
           "a larger request-timeout if the device is only slow";
  const char *common = hysac_error_remedy(error);
  return common ? common : "look at the system's log for the device and its driver";
}

static void
post_lost(GstElement *element, const GstHysacScorerEvent *event, const char *what)
{
  const HysacReason code = gst_hysac_failure_reason(event->error);
  const char *reason = hysac_reason_to_string(code);
  GST_ELEMENT_WARNING_WITH_DETAILS(
      element, RESOURCE, FAILED, ("The OpenCL device was lost: %s are not checked.", what),
      ("%s, %s: %s; %s are treated by on-failure until it is back; %s", event->device, reason,
       event->error->message, what, remedy(event->error)),
      ("event", G_TYPE_STRING, "device-lost", "reason", G_TYPE_STRING, reason, "device",
       G_TYPE_STRING, event->device, "remedy", G_TYPE_STRING, remedy(event->error), NULL));
}

static void
post_recovered(GstElement *element, const GstHysacScorerEvent *event, const char *what)
{
  GST_ELEMENT_INFO_WITH_DETAILS(
      element, RESOURCE, FAILED, ("The OpenCL device is back: %s are checked again.", what),
      ("%s, after %.1f s and %u attempts", event->device, (double)event->downtime / 1e9,
       event->attempts),
      ("event", G_TYPE_STRING, "device-recovered", "device", G_TYPE_STRING, event->device,
       "downtime", G_TYPE_INT64, event->downtime, "attempts", G_TYPE_UINT, event->attempts, NULL));
}

void
gst_hysac_post_device(GstElement *element, const GstHysacScorerEvent *event, const char *what)
{
  if (event->lost)
    post_lost(element, event, what);
  else
    post_recovered(element, event, what);
}

void
gst_hysac_moderate_on_scorer(GstElement *element, const GstHysacScorerEvent *event)
{
  GstHysacModerate *self = GST_HYSAC_MODERATE(element);
  gst_hysac_logs_device(&self->logs, event);
  gst_hysac_post_device(element, event, "frames");
}
