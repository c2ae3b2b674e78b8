/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The text encoder over a driver that fails, gives nonsense or hangs (layer.c): every text is answered, by what the
 * fault is, the encoder that cannot go on leaves, and the next one works. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/model.h"
#include "opencl/textencoder_private.h"
#include "tests/faults/count.h"

static HysacModel *model;

static HysacTextEncoder *
get_encoder(void)
{
  g_autoptr(GError) error = NULL;
  HysacTextEncoder *self = hysac_text_encoder_get(model, NULL, HYSAC_PRECISION_AUTO, NULL, NULL, &error);
  if (self == NULL)
    fail_msg("%s", error->message);
  return self;
}

static double
embed(HysacTextEncoder *self)
{
  g_auto(HysacTextEmbedding) out = { 0 };
  g_autoptr(GError) error = NULL;
  if (!hysac_text_encoder_embed(self, "a red ball", -1, 0, &out, &error))
    fail_msg("%s", error->message);
  return out.distance;
}

static void
embed_fails(HysacTextEncoder *self, HysacError code)
{
  HysacTextEmbedding out;
  g_autoptr(GError) error = NULL;
  assert_false(hysac_text_encoder_embed(self, "a red ball", -1, 0, &out, &error));
  if (!g_error_matches(error, HYSAC_ERROR, (int) code))
    fail_msg("%d, not %d: %s", error->code, (int) code, error->message);
  assert_null(out.feature);
  assert_null(out.point);
}

typedef struct {
  const char *name;
  FaultSite site; /* fails with code; or, without code: */
  cl_int code;
  gboolean nan;
  HysacError error;
  gboolean lost; /* the encoder is */
} Fault;

static const Fault faults[] = {
  { .name = "NaN", .nan = TRUE, .error = HYSAC_ERROR_NUMERIC },
  { .name = "no memory for a command", .site = FAULT_ENQUEUE, .code = CL_MEM_OBJECT_ALLOCATION_FAILURE,
    .error = HYSAC_ERROR_OUT_OF_MEMORY, .lost = TRUE },
  { .name = "a command refused", .site = FAULT_ENQUEUE, .code = CL_INVALID_VALUE, .error = HYSAC_ERROR_DEVICE },
  { .name = "queue dead", .site = FAULT_ENQUEUE, .code = CL_INVALID_COMMAND_QUEUE,
    .error = HYSAC_ERROR_DEVICE_LOST, .lost = TRUE },
  { .name = "command died", .site = FAULT_EVENT, .code = -9999, .error = HYSAC_ERROR_DEVICE_LOST, .lost = TRUE },
};

static void
test_faults(void **state)
{
  for (gsize i = 0; i < G_N_ELEMENTS(faults); i++) {
    const Fault *fault = &faults[i];
    HysacTextEncoder *self = get_encoder();
    const double good = embed(self);
    print_message("# %s\n", fault->name);
    if (fault->nan)
      fault_nan(TRUE);
    else
      fault_set(fault->site, fault->code);
    embed_fails(self, fault->error);
    assert_int_equal(hysac_text_encoder_has_failed(self), fault->lost);
    if (!fault->lost) {
      fault_clear();
      assert_true(embed(self) == good);
    } else {
      embed_fails(self, fault->error);
      fault_clear();
      embed_fails(self, fault->error); /* for good */
      HysacTextEncoder *next = get_encoder();
      assert_true(next != self);
      assert_true(embed(next) == good);
      hysac_text_encoder_unref(next);
    }
    hysac_text_encoder_unref(self);
    assert_int_equal(hysac_text_encoder_count(), 0);
  }
}

/* One that refuses everything is what is wrong, not the texts. */
static void
test_refuses_everything(void **state)
{
  HysacTextEncoder *self = get_encoder();
  fault_set(FAULT_ENQUEUE, CL_INVALID_VALUE);
  for (guint i = 0; i < 8; i++) {
    assert_false(hysac_text_encoder_has_failed(self));
    embed_fails(self, HYSAC_ERROR_DEVICE);
  }
  assert_true(hysac_text_encoder_has_failed(self));
  fault_clear();
  hysac_text_encoder_unref(self);
}

static gpointer
embed_in_thread(gpointer self)
{
  embed_fails(self, HYSAC_ERROR_TIMEOUT);
  return NULL;
}

/* All who wait are told; the driver keeps what it has until it returns, and then it is freed. */
static void
test_hang(void **state)
{
  HysacTextEncoder *self = get_encoder();
  GThread *threads[3];
  const double good = embed(self);
  CountState before, after;
  count_get(&before);
  self->hang_floor = G_TIME_SPAN_SECOND / 2;
  fault_hang(TRUE, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
    threads[i] = g_thread_new("embed", embed_in_thread, self);
  for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
    g_thread_join(threads[i]);
  assert_true(hysac_text_encoder_has_failed(self));
  const gint64 start = g_get_monotonic_time();
  hysac_text_encoder_unref(self); /* does not wait */
  assert_true(g_get_monotonic_time() - start < 5 * G_TIME_SPAN_SECOND);
  assert_int_equal(hysac_text_encoder_count(), 1);
  fault_clear();
  for (guint i = 0; hysac_text_encoder_count() > 0; i++) {
    assert_true(i < 6000);
    g_usleep(10000);
  }
  count_get(&after);
  assert_true(after.buffer_bytes < before.buffer_bytes);
  HysacTextEncoder *next = get_encoder();
  assert_true(embed(next) == good);
  hysac_text_encoder_unref(next);
}

/* Each way not to be made. */
static void
test_not_made(void **state)
{
  static const struct {
    FaultSite site;
    cl_int code;
    HysacError error;
  } cases[] = {
    { FAULT_BUFFER, CL_MEM_OBJECT_ALLOCATION_FAILURE, HYSAC_ERROR_OUT_OF_MEMORY },
    { FAULT_QUEUE, CL_OUT_OF_HOST_MEMORY, HYSAC_ERROR_OUT_OF_MEMORY },
    { FAULT_ENQUEUE, CL_INVALID_VALUE, HYSAC_ERROR_DEVICE },
    { FAULT_EVENT, -9999, HYSAC_ERROR_DEVICE_LOST },
  };
  CountState before, after;
  HysacTextEncoder *self = get_encoder(); /* programs are built */
  hysac_text_encoder_unref(self);
  count_get(&before);
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    fault_set(cases[i].site, cases[i].code);
    assert_null(hysac_text_encoder_get(model, NULL, HYSAC_PRECISION_AUTO, NULL, NULL, &error));
    if (!g_error_matches(error, HYSAC_ERROR, (int) cases[i].error))
      fail_msg("%d, not %d: %s", error->code, (int) cases[i].error, error->message);
    fault_clear();
    assert_int_equal(hysac_text_encoder_count(), 0);
  }
  count_get(&after);
  assert_true(after.buffer_bytes == before.buffer_bytes);
  self = get_encoder();
  embed(self);
  hysac_text_encoder_unref(self);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_faults),
    cmocka_unit_test(test_refuses_everything),
    cmocka_unit_test(test_hang),
    cmocka_unit_test(test_not_made),
  };
  g_autofree char *path = g_build_filename(g_getenv("HYSAC_SRCDIR"), "models", "demo", NULL);
  g_autoptr(GError) error = NULL;
  model = hysac_model_load(path, &error);
  if (model == NULL) {
    print_message("Bail out! %s\n", error->message);
    return 1;
  }
  int failed = cmocka_run_group_tests_name("faults-text", tests, NULL, NULL);
  hysac_model_unref(model);
  return failed;
}
