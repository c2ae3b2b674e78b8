/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysactext with the real encoder over a driver that fails, and with a model whose files go away while it runs: no
 * letter of a text that was not checked gets out, unless the user said so, and it recovers when the device does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <glib/gstdio.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "tests/faults/layer.h"
#include "tests/gst/textrig.h"

#define GOOD "a red ball"
#define PATIENCE (240 * GST_SECOND) /* a busy machine, a sanitizer */
#define HANG (3 * GST_SECOND)

typedef struct {
  const char *name, *reason;
  FaultSite site; /* fails with code; or, without code: */
  cl_int code;
  gboolean nan, hang, lost;
} Fault;

static const Fault faults[] = {
    {.name = "NaN", .reason = "failed-numeric", .nan = TRUE},
    {.name = "a command refused", .reason = "failed-device", .site = FAULT_ENQUEUE, .code = CL_INVALID_VALUE},
    {.name = "no memory", .reason = "failed-memory", .site = FAULT_ENQUEUE, .code = CL_MEM_OBJECT_ALLOCATION_FAILURE, .lost = TRUE},
    {.name = "queue dead", .reason = "failed-device", .site = FAULT_ENQUEUE, .code = CL_INVALID_COMMAND_QUEUE, .lost = TRUE},
    {.name = "command died", .reason = "failed-device", .site = FAULT_EVENT, .code = -9999, .lost = TRUE},
    {.name = "hang", .reason = "failed-timeout", .hang = TRUE},
};

static GstClockTime now;

/* Of the demo model. */
static void
copy_files(const char *to)
{
  g_autofree char *from = g_build_filename(g_getenv("HYSAC_SRCDIR"), "models", "demo", NULL);
  static const char *const files[] = {"config.json",       "hysac.json", "merges.txt", "preprocessor_config.json",
                                      "model.safetensors", "vocab.json"};
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *a = g_build_filename(from, files[i], NULL), *b = g_build_filename(to, files[i], NULL), *data = NULL;
    gsize size;
    assert_true(g_file_get_contents(a, &data, &size, NULL));
    assert_true(g_file_set_contents(b, data, (gssize)size, NULL));
  }
}

static void
remove_files(const char *folder)
{
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name(dir))) {
    g_autofree char *path = g_build_filename(folder, name, NULL);
    assert_int_equal(g_unlink(path), 0);
  }
}

/* The text-rig with the encoder that the plugin has. */
static void
start(TextRig *rig, const char *model, GstHysacOnFailure on_failure, GstClockTime timeout)
{
  text_rig_bare(rig);
  gst_hysac_text_set_backend_factory(GST_HYSAC_TEXT(rig->element), gst_hysac_text_backend_new, NULL);
  g_object_set(rig->element, "model", model, "on-failure", on_failure, "join-buffers", 1, "request-timeout",
               (guint64)timeout, NULL);
  rig->h = gst_harness_new_with_element(rig->element, "sink", "src");
  gst_harness_set_live(rig->h, FALSE);
  text_rig_format(rig, "utf8");
}

static void
expect(TextRig *rig, const char *verdict, const char *reason, const char *text)
{
  GstBuffer *out = text_rig_through(rig, text_rig_buffer(GOOD, -1, now += 60000));
  assert_non_null(out);
  assert_string_equal(gst_hysac_meta_get_verdict(gst_buffer_get_hysac_meta(out)), verdict);
  if (reason)
    assert_string_equal(text_rig_reason(out), reason);
  g_autofree char *shown = text_rig_text(out);
  assert_string_equal(shown, text);
}

static void
wait_message(TextRig *rig, GstMessageType type, const char *event)
{
  const GstStructure *details = NULL;
  g_autoptr(GstMessage) message = gst_bus_timed_pop_filtered(rig->bus, PATIENCE, type);
  assert_non_null(message);
  if (type == GST_MESSAGE_WARNING)
    gst_message_parse_warning_details(message, &details);
  else
    gst_message_parse_info_details(message, &details);
  assert_string_equal(gst_structure_get_string(details, "event"), event);
  if (type == GST_MESSAGE_WARNING)
    assert_true(strlen(gst_structure_get_string(details, "remedy")) > 10);
}

static void
apply(const Fault *fault)
{
  if (fault->code)
    fault_set(fault->site, fault->code);
  fault_nan(fault->nan);
  fault_hang(fault->hang, FALSE);
}

static void
fails_and_recovers(const Fault *fault, GstHysacOnFailure on_failure)
{
  const gboolean pass = on_failure == GST_HYSAC_ON_FAILURE_PASS;
  TextRig rig;
  start(&rig, "demo", on_failure, fault->hang ? HANG : PATIENCE);
  expect(&rig, "safe", NULL, GOOD);
  apply(fault);
  for (guint i = 0; i < 3; i++)
    expect(&rig, "failed", i == 0 ? fault->reason : NULL, pass ? GOOD : "*** *** ***");
  if (fault->lost)
    wait_message(&rig, GST_MESSAGE_WARNING, "device-lost");
  fault_clear();
  if (fault->lost)
    wait_message(&rig, GST_MESSAGE_INFO, "device-recovered");
  if (!fault->hang)
    expect(&rig, "safe", NULL, GOOD);
  text_rig_clear(&rig);
}

static void
masks_until_it_recovers(void **state)
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

static void
stops_with_an_error(void **state)
{
  for (guint i = 0; i < G_N_ELEMENTS(faults); i++) {
    TextRig rig;
    print_message("# error, %s\n", faults[i].name);
    start(&rig, "demo", GST_HYSAC_ON_FAILURE_ERROR, faults[i].hang ? HANG : PATIENCE);
    expect(&rig, "safe", NULL, GOOD);
    apply(&faults[i]);
    assert_int_equal(gst_harness_push(rig.h, text_rig_buffer(GOOD, -1, now += 60000)), GST_FLOW_ERROR);
    assert_int_equal(gst_harness_buffers_in_queue(rig.h), 0);
    fault_clear();
    text_rig_clear(&rig);
  }
}

/* Its weights are mapped, so it goes on; after a device that is lost then, an encoder needs its files again: until they
 * are back every text is masked. */
static void
the_model_goes_away(void **state)
{
  g_autofree char *model = g_dir_make_tmp("hysac-text-XXXXXX", NULL);
  copy_files(model);
  TextRig rig;
  start(&rig, model, GST_HYSAC_ON_FAILURE_REDACT, PATIENCE);
  expect(&rig, "safe", NULL, GOOD);
  remove_files(model);
  expect(&rig, "safe", NULL, GOOD);
  apply(&faults[3]);
  expect(&rig, "failed", "failed-device", "*** *** ***");
  wait_message(&rig, GST_MESSAGE_WARNING, "device-lost");
  expect(&rig, "failed", NULL, "*** *** ***");
  fault_clear();
  for (guint i = 0; i < 3; i++)
    expect(&rig, "failed", NULL, "*** *** ***");
  copy_files(model);
  wait_message(&rig, GST_MESSAGE_INFO, "device-recovered");
  expect(&rig, "safe", NULL, GOOD);
  remove_files(model);
  gst_element_set_state(rig.element, GST_STATE_READY);
  assert_int_equal(gst_element_set_state(rig.element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  g_autoptr(GstMessage) refused = text_rig_message(&rig, GST_MESSAGE_ERROR, NULL);
  g_autofree char *debug = NULL;
  gst_message_parse_error(refused, NULL, &debug);
  assert_non_null(strstr(debug, "config.json"));
  assert_non_null(strstr(debug, "training/convert.py"));
  text_rig_clear(&rig);
  g_rmdir(model);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(masks_until_it_recovers),
      cmocka_unit_test(passes_tagged_until_it_recovers),
      cmocka_unit_test(stops_with_an_error),
      cmocka_unit_test(the_model_goes_away),
  };
  const int failed = cmocka_run_group_tests_name("faults-textelement", tests, NULL, NULL);
  text_rig_deinit();
  return failed;
}
