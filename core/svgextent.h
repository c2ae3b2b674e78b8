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

/* Not installed. How much smaller the transform @value makes anything at most: 1 for as large as before. Likewise. */
HYSAC_API double hysac_svg_shrink(const char *value);

/* The length, about, of the shortest part of a path: of those that are drawn, and of all, also where nothing follows "M0 0"; of its
 * shortest step. Whether a part is closed; whether there is an arc that is flat,
 * or in a part that is no longer than a dot. */
typedef struct {
  double drawn, any, step;
  gboolean closed, odd_arc;
} HysacSvgLeast;

/* Not installed. That of @path, the points of a polyline or polygon, or where @element is "path", its d. Likewise. */
HYSAC_API HysacSvgLeast hysac_svg_least(const char *element, const char *path);

G_END_DECLS
