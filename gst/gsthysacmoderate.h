/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_HYSAC_MODERATE (gst_hysac_moderate_get_type())
G_DECLARE_FINAL_TYPE(GstHysacModerate, gst_hysac_moderate, GST, HYSAC_MODERATE, GstElement)

GST_ELEMENT_REGISTER_DECLARE(hysacmoderate)

G_END_DECLS
