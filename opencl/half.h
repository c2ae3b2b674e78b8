/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Private to opencl/: fp16 numbers (IEEE 754 binary16) on the host. Thread-safe. */

G_BEGIN_DECLS

/* The first that rounds to infinity. */
#define HYSAC_HALF_LIMIT 65520.0f

/* Rounded to even; @x is finite and below HYSAC_HALF_LIMIT. */
guint16 hysac_half_from_float(float x);
float hysac_half_to_float(guint16 half);

G_END_DECLS
