/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "opencl/engine.h"

G_BEGIN_DECLS

/* Whether a pixel of the picture is not wholly opaque, by its fourth byte where HysacFrame.alpha says that this means
 * something. The frame has passed hysac_frame_check(). Thread-safe. */
HYSAC_API gboolean hysac_frame_is_translucent(const HysacFrame *frame);

/**
 * hysac_engine_submit_shown:
 * @reference: (nullable): as in hysac_engine_submit_reusing(), with @reuse
 *
 * As hysac_engine_submit() or hysac_engine_submit_reusing(), for who judges what people may be shown. Of a frame that
 * has translucent pixels nobody knows what will lie behind it: its colours as they are (what alpha hides), the
 * picture over black and over white (what alpha draws) are all encoded, and @done is given the one that lies farthest
 * from the root. It is never reused, and costs three runs, two copies and a pass over its pixels on the calling thread;
 * an opaque frame that may have such pixels costs the pass. Further errors: OUT_OF_MEMORY, where the copies cannot be
 * had.
 */
HYSAC_API gboolean hysac_engine_submit_shown(HysacEngine *self, const HysacFrame *frame, HysacReference *reference,
                                             const HysacReuse *reuse, GDestroyNotify release, HysacEngineFunc done,
                                             gpointer user_data, GError **error);

G_END_DECLS
