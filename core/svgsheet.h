/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

/* Not installed. A rule of a style sheet. */
typedef struct {
  char *selectors, *declarations; /* the latter "name: value; …" */
  gboolean of_classes;            /* all selectors are of classes only */
  gboolean related;               /* one asks for more than an element itself: that may not be where it is drawn */
} HysacSvgRule;

/* Not installed. Whether @style, a sheet or an attribute, moves nothing, waits for nothing and reads nothing. FALSE with UNSUPPORTED. Any
 * thread, as the following. */
gboolean hysac_svg_style_check(const char *style, GError **error);

/* Not installed. The rules of @sheet, which has passed hysac_svg_style_check(), as HysacSvgRule (transfer full); NULL with UNSUPPORTED
 * where some are inside others, or of selectors that not all know. */
GArray *hysac_svg_sheet_parse(const char *sheet, GError **error);

G_END_DECLS
