/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

/* Not installed. How far from 0 all of an SVG reaches at most, by the numbers of its elements and what makes them larger: what they are
 * in, and what uses them. One is for one file, whose elements it is told of in order; not thread-safe. Values have passed
 * hysac_svg_value_check(). */
typedef struct _HysacSvgReach HysacSvgReach;

HysacSvgReach *hysac_svg_reach_new(void);
void hysac_svg_reach_free(HysacSvgReach *self);

/* An element begins, and ends. */
void hysac_svg_reach_open(HysacSvgReach *self);
void hysac_svg_reach_close(HysacSvgReach *self);

/* Of the element that began last, or of the style sheet in it: a value that it has, and an id that it refers to. */
void hysac_svg_reach_note_value(HysacSvgReach *self, const char *name, const char *value);
void hysac_svg_reach_note_reference(HysacSvgReach *self, const char *id);
/* That was all of the element that began last; @id: NULL where it has none. */
void hysac_svg_reach_note_element(HysacSvgReach *self, const char *id, const char **names, const char **values);
/* That was all of a style sheet, which may be for any element. */
void hysac_svg_reach_note_sheet(HysacSvgReach *self);

/* Whether @length, of what is in no more than two frames (where it is, and where it is used), may be drawn no longer than what Cairo
 * takes for a dot. At the end, as the following. */
gboolean hysac_svg_reach_is_dot(HysacSvgReach *self, double length);
/* Whether all is where Cairo can draw it. FALSE with UNSUPPORTED, also where something uses itself. */
gboolean hysac_svg_reach_check(HysacSvgReach *self, GError **error);

G_END_DECLS
