/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as an audit log: an answer, the same from a file, and whatever is whole is no longer with
 * one byte changed. Once more with each line's hash made right, which mutations alone never do. */
/* Covers: core/audit_verify.c */
#include "fuzz.h"

#include "core/audit.h"
#include "core/audit_private.h"

#include <string.h>

#define HASH_AT (HYSAC_AUDIT_HASH + 2) /* from the end: the digits, "} */
#define SUFFIX ",\"hash\":\""

static void
check(const HysacAuditResult *result)
{
  REQUIRE(result->records <= result->lines && result->faults->len <= result->n_faults);
  REQUIRE(result->records == 0 || result->hash);
  for (guint i = 0; i < result->faults->len; i++) {
    const HysacAuditFault *fault = result->faults->pdata[i];
    REQUIRE(fault->what && *fault->what && fault->line <= result->lines);
  }
}

static void
check_file(const uint8_t *data, size_t size, const HysacAuditResult *expected)
{
  const char *path = fuzz_file(data, size);
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacAuditResult) result = hysac_audit_verify(path, expected->hash, &error);
  HysacAuditTail tail;

  require_error(result != NULL, &error);
  REQUIRE(result->lines == expected->lines && result->records == expected->records);
  REQUIRE(result->n_faults == expected->n_faults && g_strcmp0(result->hash, expected->hash) == 0);
  REQUIRE(result->head <= result->records);
  require_error(hysac_audit_read_tail(path, &tail, &error), &error);
  REQUIRE(tail.found == (result->hash != NULL));
  REQUIRE(!tail.found || (strcmp(tail.hash, result->hash) == 0 && tail.closed == result->closed));
  REQUIRE(!tail.broken || result->n_faults > 0);
  g_free(tail.broken);
}

static void
seal_line(char *line, size_t size)
{
  const size_t suffix = strlen(SUFFIX);
  if (size < suffix + HASH_AT || memcmp(line + size - HASH_AT - suffix, SUFFIX, suffix) != 0)
    return;
  g_autofree char *hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *) line,
                                                      size - HASH_AT - suffix);
  memcpy(line + size - HASH_AT, hash, HYSAC_AUDIT_HASH);
}

static char *
sealed(const uint8_t *data, size_t size)
{
  char *copy = g_memdup2(data, size);
  for (char *line = copy, *end = copy + size; line < end;) {
    char *newline = memchr(line, '\n', (size_t) (end - line));
    seal_line(line, (size_t) ((newline ? newline : end) - line));
    line = newline ? newline + 1 : end;
  }
  return copy;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(HysacAuditResult) result = hysac_audit_verify_data((const char *) data, size);
  check(result);
  check_file(data, size, result);
  if (size == 0)
    return 0;

  g_autofree char *copy = sealed(data, size);
  g_autoptr(HysacAuditResult) whole = hysac_audit_verify_data(copy, size);
  check(whole);
  REQUIRE(whole->records >= result->records);
  if (whole->n_faults > 0 || whole->records == 0)
    return 0;
  size_t place = g_int_hash(&(gint){(gint) size}) * 7919u % size;
  copy[place] = (char) (copy[place] ^ 4);
  g_autoptr(HysacAuditResult) changed = hysac_audit_verify_data(copy, size);
  REQUIRE(changed->n_faults > 0);
  return 0;
}
