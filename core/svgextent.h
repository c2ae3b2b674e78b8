/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

#define HYSAC_SVG_SIDE 16384.0 /* no viewport is larger: what "100%" is taken for */

/* Not installed. How far from 0 what @value of the attribute or property @name says lies at most, in its own units; 0 for what says of
 * no place and no size. @value has passed hysac_svg_value_check(). Any thread. */
HYSAC_API double hysac_svg_extent(const char *name, const char *value);

/* Not installed. How much the transform @value makes larger at most. Likewise. */
HYSAC_API double hysac_svg_scale(const char *value);

G_END_DECLS
