/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Checks of opencl/ops.h's products in one shape; each is one TAP line. */

#include "check.h"

/* @whole: all columns of the panels. */
void check_gemm(Check *self, HysacEpilogue epilogue, gsize m, gsize n, gsize k, Fill fill, gboolean whole);
/* Activations as operands for the next product. */
void check_gemm_operand(Check *self, HysacEpilogue epilogue, gsize m, gsize n, gsize k);
/* Sums as fp16 numbers; nothing in fp32. */
void check_gemm_half(Check *self, gsize m, gsize n, gsize k);
/* Operands of floats and of a LayerNorm. */
void check_operand(Check *self, gsize m, gsize n, Fill fill);
