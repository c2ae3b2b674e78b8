/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/audio/audio.h>

/* Raw audio buffers, interleaved or planar: their samples counted, silenced, parted. */

G_BEGIN_DECLS

/* Samples a channel. */
guint64 gst_hysac_audio_samples(const GstAudioInfo *info, GstBuffer *buffer);

/* (transfer full) @buffer (transfer full) without the bytes behind its last whole sample, which no
 * silence would cover. */
GstBuffer *gst_hysac_audio_trim(const GstAudioInfo *info, GstBuffer *buffer);

/* Silences the samples [first, end) of every channel of @buffer, which is writable; its memory need
 * not be. Metadata that might tell of what was there goes. FALSE where the buffer cannot be mapped or
 * is not what @info says: it must not be passed on then. */
gboolean gst_hysac_audio_silence(const GstAudioInfo *info, GstBuffer *buffer, guint64 first,
                                 guint64 end);

/* Whether parts can be taken: planar buffers, and others that say how they lie, are kept whole. */
gboolean gst_hysac_audio_can_part(const GstAudioInfo *info, GstBuffer *buffer);

/* (transfer full) a buffer of the samples [first, end) of @buffer, with their timestamps. */
GstBuffer *gst_hysac_audio_part(const GstAudioInfo *info, GstBuffer *buffer, guint64 first,
                                guint64 end);

G_END_DECLS
