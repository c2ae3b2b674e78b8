/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

/* Not installed. Whether @value, of something that is read, is in the file: an id, or a still PNG or JPEG that is not to be turned.
 * FALSE with UNSUPPORTED. Any thread. */
gboolean hysac_svg_reference_check(const char *value, GError **error);

/* Not installed. The same of each url(...) in @value, of any attribute or style sheet, also of what nobody draws: it may be fetched. */
gboolean hysac_svg_urls_check(const char *value, GError **error);

G_END_DECLS
