/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/gsthysacfollow.h"
#include "gst/gsthysacmoderate.h"
#include "gst/gsthysactext.h"

static gboolean
plugin_init(GstPlugin *plugin)
{
  return GST_ELEMENT_REGISTER(hysacmoderate, plugin) && GST_ELEMENT_REGISTER(hysacfollow, plugin) &&
         GST_ELEMENT_REGISTER(hysactext, plugin);
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, hysac,
                  "Moderation of video and text, and of the sound beside them, by hyperbolic safety-aware embeddings", plugin_init,
                  HYSAC_VERSION, "LGPL", "gst-hysac", "Unknown package origin")
