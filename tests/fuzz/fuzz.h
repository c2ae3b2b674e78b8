/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for any input; a fuzzer takes the trap for a crash. */
#define REQUIRE(condition) \
  do { \
    if (!(condition)) \
      __builtin_trap(); \
  } while (0)

/* A failure has an error with a message that may be shown, a success has none. */
static inline void
require_error(gboolean ok, GError **error)
{
  REQUIRE(ok == (*error == NULL));
  REQUIRE(ok || ((*error)->message && *(*error)->message && g_utf8_validate((*error)->message, -1, NULL)));
  g_clear_error(error);
}

/* The path of a file in memory that holds @data, until the next call. */
static inline const char *
fuzz_file(const uint8_t *data, size_t size)
{
  static int fd = -1;
  static char path[32];

  if (fd < 0) {
    fd = memfd_create("fuzz", MFD_CLOEXEC);
    g_snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  }
  REQUIRE(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t) size);
  return path;
}
