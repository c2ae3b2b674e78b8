/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A driver that fails while frames flow: each fault has its reason, each policy its picture, and the
 * element recovers when the device does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacprivate.h"
#include "opencl/engine.h"
#include "tests/faults/faulty.h"

typedef struct {
  const char *name, *reason;
  FaultSite site; /* fails with code; or, without code: */
  cl_int code;
  gboolean everywhere, nan, hang;
  gboolean lost; /* the engine is, and one that works must be made */
} Fault;

static const Fault faults[] = {
    {.name = "NaN", .reason = "failed-numeric", .nan = TRUE},
    {.name = "no memory for a buffer",
     .reason = "failed-memory",
     .site = FAULT_BUFFER,
     .code = CL_MEM_OBJECT_ALLOCATION_FAILURE},
    {.name = "no memory for a command",
     .reason = "failed-memory",
     .site = FAULT_ENQUEUE,
     .code = CL_MEM_OBJECT_ALLOCATION_FAILURE},
    {.name = "out of resources",
     .reason = "failed-memory",
     .site = FAULT_ENQUEUE,
     .code = CL_OUT_OF_RESOURCES},
    {.name = "device gone",
     .reason = "failed-device",
     .everywhere = TRUE,
     .code = CL_DEVICE_NOT_AVAILABLE,
     .lost = TRUE},
    {.name = "queue dead",
     .reason = "failed-device",
     .site = FAULT_ENQUEUE,
     .code = CL_INVALID_COMMAND_QUEUE,
     .lost = TRUE},
    {.name = "command died",
     .reason = "failed-device",
     .site = FAULT_EVENT,
     .code = -9999,
     .lost = TRUE},
    {.name = "hang", .reason = "failed-timeout", .hang = TRUE, .lost = TRUE},
};

static void
apply(const Fault *fault)
{
  if (fault->everywhere)
    faulty_lose_device(fault->code);
  else if (fault->code)
    fault_set(fault->site, fault->code);
  fault_nan(fault->nan);
  fault_hang(fault->hang, FALSE);
}

/* The first frames of a hang run into the request's watchdog; then the engine is given up. */
static void
push_until_lost(Rig *rig, const Fault *fault, Looks looks)
{
  faulty_push_failed(rig, fault->reason, looks);
  for (guint i = 0; fault->hang && rig_stat(rig, "engine-losses") == 0; i++) {
    assert_true(i < 1000);
    faulty_push_failed(rig, fault->reason, looks);
  }
}

static void
fails_and_recovers(const Fault *fault, GstHysacOnFailure on_failure)
{
  const Looks looks = on_failure == GST_HYSAC_ON_FAILURE_PASS ? LOOKS_ORIGINAL : LOOKS_BLANK;
  Rig rig;
  faulty_init(&rig, on_failure);
  const double before = faulty_push_good(&rig);

  apply(fault);
  push_until_lost(&rig, fault, looks);
  if (fault->lost) {
    g_autofree char *reason = faulty_wait_lost(&rig);
    assert_string_equal(reason, fault->reason);
  }
  for (guint i = 0; i < 5; i++)
    faulty_push_failed(&rig, fault->reason, looks);
  if (fault->everywhere) /* it is tried again and again, and frames fail all the while */
    assert_true(fault_wait(FAULT_CONTEXT, 3));
  faulty_push_failed(&rig, fault->reason, looks);
  faulty_assert_quiet(&rig);

  fault_clear();
  if (fault->lost)
    faulty_wait_recovered(&rig);
  for (guint i = 0; i < 3; i++)
    assert_true(faulty_push_good(&rig) == before);
  faulty_assert_quiet(&rig);
  assert_int_equal(rig_stat(&rig, "engine-losses"), fault->lost);
  assert_int_equal(rig_stat(&rig, "engine-rebuilds"), fault->lost);
  faulty_clear(&rig);
}

static void
redacts_until_it_recovers(void **state)
{
  for (guint i = 0; i < G_N_ELEMENTS(faults); i++) {
    print_message("# redact, %s\n", faults[i].name);
    fails_and_recovers(&faults[i], GST_HYSAC_ON_FAILURE_REDACT);
  }
}

static void
passes_tagged_until_it_recovers(void **state)
{
  for (guint i = 0; i < G_N_ELEMENTS(faults); i++) {
    print_message("# pass, %s\n", faults[i].name);
    fails_and_recovers(&faults[i], GST_HYSAC_ON_FAILURE_PASS);
  }
}

/* READY and up again: as new, once the device is. */
static void
start_again(Rig *rig)
{
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  g_autoptr(GstCaps) caps = gst_caps_from_string(RIG_CAPS);
  g_autoptr(GstPad) sink = gst_element_get_static_pad(rig->element, "sink");
  gst_element_set_state(rig->element, GST_STATE_READY);
  assert_int_equal(gst_element_set_state(rig->element, GST_STATE_PLAYING),
                   GST_STATE_CHANGE_SUCCESS);
  assert_true(gst_pad_send_event(sink, gst_event_new_stream_start("again")));
  assert_true(gst_pad_send_event(sink, gst_event_new_caps(caps)));
  assert_true(gst_pad_send_event(sink, gst_event_new_segment(&segment)));
}

/* One error message, no frame; and the element can be used again. */
static void
stops_with_an_error(void **state)
{
  for (guint i = 0; i < G_N_ELEMENTS(faults); i++) {
    const Fault *fault = &faults[i];
    print_message("# error, %s\n", fault->name);
    Rig rig;
    faulty_init(&rig, GST_HYSAC_ON_FAILURE_ERROR);
    const double before = faulty_push_good(&rig);
    apply(fault);
    rig_push(&rig, 100);
    GstMessage *message = rig_message(&rig, GST_MESSAGE_ERROR, NULL);
    g_autofree char *debug = NULL;
    gst_message_parse_error(message, NULL, &debug);
    gst_message_unref(message);
    if (!strstr(debug, fault->reason))
      fail_msg("\"%s\" is not in \"%s\"", fault->reason, debug);
    GstFlowReturn flow = GST_FLOW_OK; /* the message comes before the flow is known */
    for (guint n = 0; n < 1000 && flow == GST_FLOW_OK; n++)
      flow = rig_push(&rig, 100);
    assert_int_equal(flow, GST_FLOW_ERROR);
    assert_null(rig_message_now(&rig, GST_MESSAGE_ERROR, NULL));
    assert_int_equal(rig_n_buffers(&rig), 1);
    fault_clear();
    start_again(&rig);
    assert_true(faulty_push_good(&rig) == before);
    faulty_clear(&rig);
  }
}

/* Two streams of one engine: each is told once, both recover, on one engine again. */
static void
two_streams_recover(void **state)
{
  Rig a, b;
  faulty_init(&a, GST_HYSAC_ON_FAILURE_REDACT);
  faulty_init(&b, GST_HYSAC_ON_FAILURE_PASS);
  faulty_push_good(&a);
  faulty_push_good(&b);
  assert_int_equal(hysac_engine_count(), 1);
  faulty_lose_device(CL_DEVICE_NOT_AVAILABLE);
  faulty_push_failed(&a, "failed-device", LOOKS_BLANK);
  faulty_push_failed(&b, "failed-device", LOOKS_ORIGINAL);
  g_free(faulty_wait_lost(&a));
  g_free(faulty_wait_lost(&b));
  fault_clear();
  faulty_wait_recovered(&a);
  faulty_wait_recovered(&b);
  faulty_push_good(&a);
  faulty_push_good(&b);
  faulty_assert_quiet(&a);
  faulty_assert_quiet(&b);
  faulty_wait_engines(1);
  gst_element_set_state(a.element, GST_STATE_NULL);
  rig_clear(&a);
  faulty_clear(&b);
}

/* Lost, back, and lost again: told each time. */
static void
lost_twice(void **state)
{
  Rig rig;
  faulty_init(&rig, GST_HYSAC_ON_FAILURE_PASS); /* nothing that could flicker */
  for (guint i = 0; i < 2; i++) {
    faulty_push_good(&rig);
    fault_set(FAULT_ENQUEUE, CL_DEVICE_NOT_AVAILABLE);
    faulty_push_failed(&rig, "failed-device", LOOKS_ORIGINAL);
    g_free(faulty_wait_lost(&rig));
    fault_clear();
    faulty_wait_recovered(&rig);
  }
  faulty_push_good(&rig);
  faulty_assert_quiet(&rig);
  assert_int_equal(rig_stat(&rig, "engine-losses"), 2);
  faulty_clear(&rig);
}

/* NULL does not wait for a driver that hangs, nor for the thread that asks it for a new engine; what
 * the driver holds is let go when it returns. */
static void
stops_under_a_hung_driver(void **state)
{
  for (guint calls = 0; calls < 2; calls++) {
    Rig rig;
    faulty_init(&rig, GST_HYSAC_ON_FAILURE_REDACT);
    faulty_push_good(&rig);
    fault_hang(TRUE, calls);
    push_until_lost(&rig, &(Fault){.reason = "failed-timeout", .hang = TRUE}, LOOKS_BLANK);
    assert_int_equal(gst_element_set_state(rig.element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
    assert_true(hysac_engine_count() > 0);
    assert_true(GST_OBJECT_REFCOUNT_VALUE(rig.element) > 1); /* the frame in the driver */
    faulty_clear(&rig);
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(redacts_until_it_recovers),
      cmocka_unit_test(passes_tagged_until_it_recovers),
      cmocka_unit_test(stops_with_an_error),
      cmocka_unit_test(two_streams_recover),
      cmocka_unit_test(lost_twice),
      cmocka_unit_test(stops_under_a_hung_driver),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
