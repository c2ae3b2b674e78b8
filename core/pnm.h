/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

/* Not installed. Whether @bytes (@size of them, any) begin as a PBM, PGM or PPM (P1 to P6). @whole: whether the first picture's pixels
 * are all there; @behind: whether anything but white space comes after them, which nobody reads who reads one picture. No
 * errors, no allocation; any thread. */
HYSAC_API gboolean hysac_pnm_look(const guint8 *bytes, gsize size, gboolean *whole, gboolean *behind);

G_END_DECLS
