/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Checks of opencl/ops.h's attention; each is one TAP line. */

#include "check.h"

/* Over @images of @tokens each. */
void check_attention(Check *self, gsize images, gsize tokens, gsize heads, gsize head, Fill fill);
/* @rows of 3 * @heads heads, each @head wide, with zeros up to @padded numbers a head. */
float *check_pad_heads(const float *data, gsize rows, gsize heads, gsize head, gsize padded);
/* Fails where @got, rows @ld apart, is not @want but for @limit, the mean square of the relative errors
 * that q, k, v and the weights may have, or a single number is far off; @noise as @want, see
 * ref_attention(). Against the result alone a narrow head, whose values may cancel, has no limit that
 * holds. */
void check_expect_attention(Check *self, const float *got, gsize ld, const double *want, const double *noise,
                            gsize rows, gsize cols, double limit);
#define ATTENTION_LIMIT 1e-12 /* of floats: up to 5e-14 in random cases */
