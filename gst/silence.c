/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/silence.h"

static gboolean
is_planar(const GstAudioInfo *info)
{
  return GST_AUDIO_INFO_LAYOUT(info) != GST_AUDIO_LAYOUT_INTERLEAVED;
}

guint64
gst_hysac_audio_samples(const GstAudioInfo *info, GstBuffer *buffer)
{
  const GstAudioMeta *meta = is_planar(info) ? gst_buffer_get_audio_meta(buffer) : NULL;
  const gsize size = gst_buffer_get_size(buffer);
  /* What a meta says is checked where it is mapped; no sample is smaller than a byte. */
  return meta ? MIN(meta->samples, size) : size / (gsize)GST_AUDIO_INFO_BPF(info);
}

GstBuffer *
gst_hysac_audio_trim(const GstAudioInfo *info, GstBuffer *buffer)
{
  const gsize size = gst_buffer_get_size(buffer), odd = size % (gsize)GST_AUDIO_INFO_BPF(info);
  if (is_planar(info) || odd == 0)
    return buffer;
  buffer = gst_buffer_make_writable(buffer);
  gst_buffer_resize(buffer, 0, (gssize)(size - odd));
  return buffer;
}

static gboolean
keep_or_drop(GstBuffer *buffer, GstMeta **meta, gpointer user_data)
{
  if ((*meta)->info->api != GST_AUDIO_META_API_TYPE &&
      (*meta)->info->api != GST_REFERENCE_TIMESTAMP_META_API_TYPE)
    *meta = NULL; /* levels, captions, whatever: removed */
  return TRUE;
}

static gboolean
silence_planes(const GstAudioInfo *info, GstBuffer *buffer, guint64 first, guint64 end)
{
  GstAudioBuffer audio;
  /* Without a meta nothing tells where the channels lie. */
  if (!gst_buffer_get_audio_meta(buffer) ||
      !gst_audio_buffer_map(&audio, info, buffer, GST_MAP_READWRITE))
    return FALSE;
  const gboolean ok = audio.n_planes == GST_AUDIO_INFO_CHANNELS(info) && end <= audio.n_samples &&
                      GST_AUDIO_INFO_FORMAT(&audio.info) == GST_AUDIO_INFO_FORMAT(info);
  const gsize step = (gsize)GST_AUDIO_INFO_BPS(info);
  for (gint i = 0; ok && i < audio.n_planes; i++)
    gst_audio_format_info_fill_silence(info->finfo, (guint8 *)audio.planes[i] + first * step,
                                       (end - first) * step);
  gst_audio_buffer_unmap(&audio);
  return ok;
}

static gboolean
silence_frames(const GstAudioInfo *info, GstBuffer *buffer, guint64 first, guint64 end)
{
  GstMapInfo map;
  /* Memory that others hold is replaced by a copy. */
  if (!gst_buffer_map(buffer, &map, GST_MAP_READWRITE))
    return FALSE;
  const gsize step = (gsize)GST_AUDIO_INFO_BPF(info);
  const gboolean ok = end <= map.size / step;
  if (ok)
    gst_audio_format_info_fill_silence(info->finfo, map.data + first * step, (end - first) * step);
  gst_buffer_unmap(buffer, &map);
  return ok;
}

gboolean
gst_hysac_audio_silence(const GstAudioInfo *info, GstBuffer *buffer, guint64 first, guint64 end)
{
  gst_buffer_foreach_meta(buffer, keep_or_drop, NULL);
  return is_planar(info) ? silence_planes(info, buffer, first, end)
                         : silence_frames(info, buffer, first, end);
}

gboolean
gst_hysac_audio_can_part(const GstAudioInfo *info, GstBuffer *buffer)
{
  return !is_planar(info) && !gst_buffer_get_audio_meta(buffer);
}

GstBuffer *
gst_hysac_audio_part(const GstAudioInfo *info, GstBuffer *buffer, guint64 first, guint64 end)
{
  const gsize step = (gsize)GST_AUDIO_INFO_BPF(info);
  const guint64 rate = (guint64)GST_AUDIO_INFO_RATE(info);
  GstBuffer *part =
      gst_buffer_copy_region(buffer, GST_BUFFER_COPY_ALL, first * step, (end - first) * step);
  if (!part)
    return NULL;
  /* From the whole's start, so that rounding does not add up. */
  const GstClockTime from = gst_util_uint64_scale(first, GST_SECOND, rate);
  const GstClockTime to = gst_util_uint64_scale(end, GST_SECOND, rate);
  if (GST_BUFFER_PTS_IS_VALID(buffer))
    GST_BUFFER_PTS(part) = GST_BUFFER_PTS(buffer) + from;
  GST_BUFFER_DTS(part) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION(part) = to - from;
  if (GST_BUFFER_OFFSET_IS_VALID(buffer)) {
    GST_BUFFER_OFFSET(part) = GST_BUFFER_OFFSET(buffer) + first;
    GST_BUFFER_OFFSET_END(part) = GST_BUFFER_OFFSET(buffer) + end;
  }
  if (first > 0)
    GST_BUFFER_FLAG_UNSET(part, GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_RESYNC);
  return part;
}
