/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/freeze.h"

#include "gst/still.h"
#include "gst/videoframe.h"

void
gst_hysac_freeze_reset(GstHysacFreeze *self)
{
  gst_clear_buffer(&self->safe);
  gst_clear_buffer(&self->aside);
}

/* A copy and no reference: the memory of a frame that has gone out is others' to write to, and a pool's
 * to use again. The last copy's memory is taken where it fits. */
static void
copy_to(GstBuffer **still, const GstVideoInfo *info, GstBuffer *frame)
{
  GstVideoFrame mapped;
  HysacFrame checked;
  if (*still && gst_buffer_get_size(*still) != GST_VIDEO_INFO_SIZE(info))
    gst_clear_buffer(still);
  if (!*still)
    *still = gst_hysac_still_new(GST_VIDEO_INFO_SIZE(info));
  gboolean ok = FALSE;
  if (*still && gst_hysac_video_frame_map(&mapped, &checked, info, frame, NULL)) {
    ok = gst_hysac_still_copy(*still, info, &mapped);
    gst_video_frame_unmap(&mapped);
  }
  if (!ok)
    gst_clear_buffer(still);
}

void
gst_hysac_freeze_keep(GstHysacFreeze *self, const GstVideoInfo *info, GstBuffer *frame)
{
  copy_to(&self->safe, info, frame);
  gst_clear_buffer(&self->aside); /* it is older */
}

void
gst_hysac_freeze_put_aside(GstHysacFreeze *self, guint64 seq, const GstVideoInfo *info,
                           GstBuffer *frame)
{
  copy_to(&self->aside, info, frame);
  self->aside_seq = seq;
}

void
gst_hysac_freeze_confirm(GstHysacFreeze *self, guint64 seq)
{
  if (!self->aside || self->aside_seq != seq)
    return;
  GstBuffer *older = self->safe;
  self->safe = self->aside;
  self->aside = older;
  self->aside_seq = G_MAXUINT64; /* its memory waits for the next; it is no frame */
}
