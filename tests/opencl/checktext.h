/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Checks of what opencl/ops.h has for texts; each is one TAP line. */

#include "check.h"

/* Attention over @texts texts of these lengths. */
void check_causal(Check *self, const gsize *lengths, gsize texts, gsize heads, gsize head, Fill fill);
/* Rows of tables by ids, and the last rows of texts of @width. */
void check_embed_text(Check *self, gsize texts, gsize width);
/* All cases. */
void check_texts(Check *self);
