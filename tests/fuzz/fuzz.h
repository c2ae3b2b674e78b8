/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for any input; a fuzzer takes the trap for a crash. */
#define REQUIRE(condition) \
  do { \
    if (!(condition)) \
      __builtin_trap(); \
  } while (0)

/* A failure has an error with a message, a success has none. */
static inline void
require_error(gboolean ok, GError **error)
{
  REQUIRE(ok == (*error == NULL));
  REQUIRE(ok || ((*error)->message && *(*error)->message));
  g_clear_error(error);
}
