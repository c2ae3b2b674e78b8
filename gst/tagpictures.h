/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* A TAG or TOC event without what tags may hold of pictures: nobody looks at them, so they would pass as they
 * are. Texts, numbers and dates stay, also in all entries of a TOC; whatever else there is (samples,
 * buffers, structures) goes. @event: (transfer full). Returns: (transfer full): @event itself where there is
 * nothing to take out, else another with its seqnum and running time offset. Any thread. */
GstEvent *gst_hysac_without_pictures(GstEvent *event);
/* The same, and without texts: numbers, dates and a language's code of two or three letters stay. */
GstEvent *gst_hysac_without_texts(GstEvent *event);

G_END_DECLS
