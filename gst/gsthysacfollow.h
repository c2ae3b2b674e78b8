/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_HYSAC_FOLLOW (gst_hysac_follow_get_type())
G_DECLARE_FINAL_TYPE(GstHysacFollow, gst_hysac_follow, GST, HYSAC_FOLLOW, GstElement)

GST_ELEMENT_REGISTER_DECLARE(hysacfollow)

G_END_DECLS
