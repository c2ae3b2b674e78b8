/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as an audit log: an answer, and whatever is whole is no longer with one byte changed. */
#include "fuzz.h"

#include "core/audit.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(HysacAuditResult) result = hysac_audit_verify_data((const char *) data, size);
  REQUIRE(result->records <= result->lines && result->faults->len <= result->n_faults);
  REQUIRE(result->records == 0 || result->hash);
  for (guint i = 0; i < result->faults->len; i++) {
    const HysacAuditFault *fault = result->faults->pdata[i];
    REQUIRE(fault->what && *fault->what && fault->line <= result->lines);
  }
  if (result->n_faults > 0 || result->records == 0)
    return 0;
  g_autofree char *copy = g_memdup2(data, size);
  size_t place = g_int_hash(&(gint){(gint) size}) * 7919u % size;
  copy[place] = (char) (copy[place] ^ 4);
  g_autoptr(HysacAuditResult) changed = hysac_audit_verify_data(copy, size);
  REQUIRE(changed->n_faults > 0);
  return 0;
}
