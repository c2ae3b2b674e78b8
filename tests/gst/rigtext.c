/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "tests/gst/rigtext.h"

guint8
rig_code(char letter)
{
  return letter == 's'   ? FAKE_SAFE
         : letter == 'u' ? FAKE_UNSAFE
         : letter == 'e' ? FAKE_ERROR
         : letter == 'n' ? FAKE_NAN
         : letter == 'h' ? FAKE_HANG
                         : FAKE_REFUSE;
}

void
rig_push_text(Rig *rig, const char *text)
{
  for (; *text; text++)
    assert_int_equal(rig_push(rig, rig_code(*text)), GST_FLOW_OK);
}

char *
rig_done(Rig *rig)
{
  static const char *const actions[] = {"none", "tag", "blur", "pixelate", "blank", "slate", "freeze"};
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < rig_n_buffers(rig); i++) {
    const char *action =
        gst_hysac_meta_get_action(gst_buffer_get_hysac_meta(rig_buffer(rig, i)));
    guint a = 0;
    while (a < G_N_ELEMENTS(actions) && strcmp(action, actions[a]) != 0)
      a++;
    assert_in_range(a, 0, G_N_ELEMENTS(actions) - 1);
    g_string_append_c(text, ".tbpBSF"[a]);
  }
  return g_string_free(text, FALSE);
}

void
rig_assert_done(Rig *rig, const char *expected)
{
  g_autofree char *text = rig_done(rig);
  assert_string_equal(text, expected);
}

void
rig_assert_record(Rig *rig, const char *expected)
{
  g_autofree char *record = rig_record(rig);
  assert_string_equal(record, expected);
}

void
rig_assert_frames(Rig *rig, const char *expected)
{
  g_autofree char *frames = rig_frames(rig);
  assert_string_equal(frames, expected);
}

void
rig_assert_each_frame(Rig *rig, const char *expected)
{
  rig_assert_frames(rig, expected);
  for (guint i = 0; i < rig_n_buffers(rig); i++)
    assert_int_equal(rig_number(rig_buffer(rig, i)), i);
}

gboolean
rig_same_pixels(GstBuffer *a, GstBuffer *b)
{
  GstMapInfo x;
  gst_buffer_map(a, &x, GST_MAP_READ);
  const gboolean same = gst_buffer_get_size(b) == x.size && gst_buffer_memcmp(b, 0, x.data, x.size) == 0;
  gst_buffer_unmap(a, &x);
  return same;
}

char *
rig_slate_new(void)
{
  g_autofree char *folder = g_dir_make_tmp("hysac-slate-XXXXXX", NULL);
  g_autoptr(GdkPixbuf) picture = gdk_pixbuf_new(GDK_COLORSPACE_RGB, FALSE, 8, 30, 20);
  if (!folder || !picture)
    return NULL;
  char *path = g_build_filename(folder, "slate.png", NULL);
  gdk_pixbuf_fill(picture, 0xe0a010ff);
  if (!gdk_pixbuf_save(picture, path, "png", NULL, NULL))
    g_clear_pointer(&path, rig_slate_free);
  return path;
}

void
rig_slate_free(char *path)
{
  g_autofree char *folder = path ? g_path_get_dirname(path) : NULL;
  if (!path)
    return;
  g_unlink(path);
  g_rmdir(folder);
  g_free(path);
}
