/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/gst/rigcontrol.h"

gboolean
rig_press(Rig *rig, const char *signal)
{
  gboolean ok = FALSE;
  g_signal_emit_by_name(rig->element, signal, &ok);
  return ok;
}

gboolean
rig_dump(Rig *rig, guint64 duration)
{
  gboolean ok = FALSE;
  g_signal_emit_by_name(rig->element, "dump", duration, &ok);
  return ok;
}

gboolean
rig_override(Rig *rig, const char *verdict, guint64 duration, const char *note)
{
  gboolean ok = FALSE;
  g_signal_emit_by_name(rig->element, "override", verdict, duration, note, &ok);
  return ok;
}

void
rig_run(Rig *rig, guint n, guint8 code)
{
  for (guint i = 0; i < n; i++) {
    const guint out = rig_n_buffers(rig);
    assert_int_equal(rig_push(rig, code), GST_FLOW_OK);
    rig_wait_buffers(rig, out + 1);
  }
}

void
rig_assert_control(Rig *rig, const char *expected)
{
  g_autoptr(GstStructure) control = NULL;
  g_object_get(rig->element, "control", &control, NULL);
  assert_string_equal(gst_structure_get_string(control, "state"), expected);
}

gint64
rig_control_left(Rig *rig, const char *field)
{
  g_autoptr(GstStructure) control = NULL;
  gint64 value = -1;
  g_object_get(rig->element, "control", &control, NULL);
  assert_true(gst_structure_get_int64(control, field, &value));
  return value;
}
