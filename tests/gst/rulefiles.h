/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <gst/gst.h>

#include "core/head.h"
#include "core/safetensors_write.h"

/* What rules are tried by, of frames and of texts: points and features of one number. */

#define CONCEPTS                                                                                   \
  "\"concepts\": [{\"name\": \"knife\", \"category\": \"violence\", \"points\": [[0.4]]},"            \
  " {\"name\": \"meadow\", \"safe\": true, \"points\": [[0.1]]}]"
/* Within 0.01 of the concept: the inner product is -cosh of the distance. */
#define NEAR "{\"inner\": -1.00005"

/* @path: of a file beside which one may be written. */
static inline HysacHead *
make_head(const char *path)
{
  /* 0.39 and beyond: at least a half. */
  const float weight[] = {100.0f}, bias[] = {-39.0f}, threshold[] = {0.5f};
  const HysacFloats tensors[] = {{"weight", weight, 2, {1, 1}}, {"bias", bias, 1, {1}}, {"threshold", threshold, 1, {1}}};
  g_autofree char *file = g_strconcat(path, ".head", NULL);
  assert_true(hysac_safetensors_write(file, tensors, 3, NULL, NULL));
  HysacHead *head = hysac_head_load(file, NULL);
  assert_non_null(head);
  g_unlink(file);
  return head;
}

/* The nested structure @name of @s, or NULL. */
static inline const GstStructure *
nested(const GstStructure *s, const char *name)
{
  const GValue *value = s ? gst_structure_get_value(s, name) : NULL;
  return value ? gst_value_get_structure(value) : NULL;
}
