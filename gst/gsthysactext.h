/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_HYSAC_TEXT (gst_hysac_text_get_type())
G_DECLARE_FINAL_TYPE(GstHysacText, gst_hysac_text, GST, HYSAC_TEXT, GstElement)

GST_ELEMENT_REGISTER_DECLARE(hysactext)

G_END_DECLS
