/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Operands (opencl/ops.h) in checks: made by the device, read as the numbers that they stand for. */

#include "check.h"

/* Rows of @k from @data, as operands @ld words apart, between guards; in fp32 as check_matrix(). */
Guarded operands_make(Check *self, const float *data, gsize rows, gsize k, gsize ld);
/* Words of a row. */
gsize operands_words(Check *self, gsize k);
/* [rows][k], of what operands are read as floats; a zero behind an odd bf16 is looked for. */
double *operands_value(Check *self, const float *words, gsize rows, gsize k, gsize ld);
/* How far a number may be from what its operand stands for: @row holds the k numbers of its row. */
double operands_tolerance(Check *self, const double *row, gsize k, double x);
/* @w [n][k] as weights hold it. */
void operands_round_weights(Check *self, float *w, gsize n, gsize k);
