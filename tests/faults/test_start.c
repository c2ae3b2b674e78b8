/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A driver or a model that fails at the start: one error that says what, and an element that works as
 * soon as they do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacprivate.h"
#include "opencl/engine.h"
#include "tests/faults/faulty.h"

static void
expect_one_error(Rig *rig, const char *names)
{
  assert_int_equal(gst_element_set_state(rig->element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  g_autoptr(GstMessage) message = rig_message(rig, GST_MESSAGE_ERROR, NULL);
  g_autofree char *debug = NULL;
  gst_message_parse_error(message, NULL, &debug);
  if (!strstr(debug, names))
    fail_msg("\"%s\" is not in \"%s\"", names, debug);
  assert_null(rig_message_now(rig, GST_MESSAGE_ERROR, NULL));
  gst_element_set_state(rig->element, GST_STATE_NULL);
}

static void
init(Rig *rig, gint64 *patience)
{
  rig_init_bare(rig, FAKE_AT_ONCE);
  gst_hysac_moderate_set_scorer_factory(GST_HYSAC_MODERATE(rig->element),
                                        gst_hysac_engine_scorer_new, patience);
  g_object_set(rig->element, "model", "demo", NULL);
}

static void
expect_start(Rig *rig)
{
  fault_clear();
  assert_int_equal(gst_element_set_state(rig->element, GST_STATE_PLAYING),
                   GST_STATE_CHANGE_SUCCESS);
  assert_null(rig_message_now(rig, GST_MESSAGE_ERROR, NULL));
  faulty_clear(rig);
}

static void
driver_fails(void **state)
{
  const struct {
    FaultSite site;
    cl_int code;
    const char *names;
  } cases[] = {
      {FAULT_DEVICES, CL_DEVICE_NOT_FOUND, "no device"},
      {FAULT_CONTEXT, CL_OUT_OF_HOST_MEMORY, "clCreateContext"},
      {FAULT_QUEUE, CL_DEVICE_NOT_AVAILABLE, "CL_DEVICE_NOT_AVAILABLE"},
      {FAULT_BUFFER, CL_MEM_OBJECT_ALLOCATION_FAILURE, "CL_MEM_OBJECT_ALLOCATION_FAILURE"},
      {FAULT_BUILD, CL_BUILD_PROGRAM_FAILURE, "does not build"},
      {FAULT_ENQUEUE, CL_OUT_OF_RESOURCES, "CL_OUT_OF_RESOURCES"},
      {FAULT_EVENT, -9999, "clWaitForEvents"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    print_message("# %s\n", cases[i].names);
    Rig rig;
    init(&rig, NULL);
    fault_set(cases[i].site, cases[i].code);
    expect_one_error(&rig, cases[i].names);
    faulty_wait_engines(0);
    expect_start(&rig);
  }
}

static void
encoder_gives_nan(void **state)
{
  Rig rig;
  init(&rig, NULL);
  fault_nan(TRUE);
  expect_one_error(&rig, "self-test"); /* of the kernels, before a frame is seen */
  expect_start(&rig);
}

/* The start does not wait for ever, and can be repeated when the driver is back. */
static void
driver_hangs(void **state)
{
  gint64 patience = 300 * G_TIME_SPAN_MILLISECOND;
  for (guint calls = 0; calls < 2; calls++) {
    Rig rig;
    init(&rig, &patience);
    fault_hang(TRUE, calls);
    expect_one_error(&rig, "has not answered");
    assert_true(fault_wait_hanging(1));
    fault_clear();
    faulty_wait_engines(0); /* what it made at last, nobody wants */
    patience = G_TIME_SPAN_MINUTE;
    expect_start(&rig);
    patience = 300 * G_TIME_SPAN_MILLISECOND;
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(driver_fails),
      cmocka_unit_test(encoder_gives_nan),
      cmocka_unit_test(driver_hangs),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
