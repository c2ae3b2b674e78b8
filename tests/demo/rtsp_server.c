/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An RTSP server for the recipes: serves one launch line on a free port of the loopback, which it
 * prints. It ends with its standard input.
 *
 *   rtsp_server '( videotestsrc is-live=true ! x264enc ! rtph264pay name=pay0 )' */
#include <gst/rtsp-server/rtsp-server.h>

static gboolean
on_input(GIOChannel *channel, GIOCondition condition, gpointer user_data)
{
  g_main_loop_quit(user_data);
  return G_SOURCE_REMOVE;
}

int
main(int argc, char **argv)
{
  gst_init(&argc, &argv);
  if (argc != 2) {
    g_printerr("usage: %s LAUNCH-LINE\n", argv[0]);
    return 2;
  }
  g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
  g_autoptr(GstRTSPServer) server = gst_rtsp_server_new();
  gst_rtsp_server_set_address(server, "127.0.0.1");
  gst_rtsp_server_set_service(server, "0");
  GstRTSPMediaFactory *factory = gst_rtsp_media_factory_new();
  gst_rtsp_media_factory_set_launch(factory, argv[1]);
  g_autoptr(GstRTSPMountPoints) mounts = gst_rtsp_server_get_mount_points(server);
  gst_rtsp_mount_points_add_factory(mounts, "/camera", factory);
  if (gst_rtsp_server_attach(server, NULL) == 0) {
    g_printerr("no socket\n");
    return 1;
  }
  g_print("%d\n", gst_rtsp_server_get_bound_port(server));
  g_autoptr(GIOChannel) input = g_io_channel_unix_new(0);
  g_io_add_watch(input, G_IO_IN | G_IO_HUP | G_IO_ERR, on_input, loop);
  g_main_loop_run(loop);
  return 0;
}
