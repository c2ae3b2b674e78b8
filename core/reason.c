/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/policy.h"

static const char *const reason_names[] = {
  [HYSAC_REASON_SAFE] = "safe",
  [HYSAC_REASON_UNCONFIRMED] = "unconfirmed",
  [HYSAC_REASON_UNSAFE] = "unsafe",
  [HYSAC_REASON_PRE_ROLL] = "pre-roll",
  [HYSAC_REASON_POST_ROLL] = "post-roll",
  [HYSAC_REASON_FLICKER] = "flicker",
  [HYSAC_REASON_HUMAN_SAFE] = "human-safe",
  [HYSAC_REASON_HUMAN_UNSAFE] = "human-unsafe",
  [HYSAC_REASON_HUMAN_HOLD] = "human-hold",
  [HYSAC_REASON_HUMAN_DUMP] = "human-dump",
  [HYSAC_REASON_FAILED_DEVICE] = "failed-device",
  [HYSAC_REASON_FAILED_MEMORY] = "failed-memory",
  [HYSAC_REASON_FAILED_BUILD] = "failed-build",
  [HYSAC_REASON_FAILED_MODEL] = "failed-model",
  [HYSAC_REASON_FAILED_NUMERIC] = "failed-numeric",
  [HYSAC_REASON_FAILED_MAP] = "failed-map",
  [HYSAC_REASON_FAILED_DEADLINE] = "failed-deadline",
  [HYSAC_REASON_FAILED_STALE] = "failed-stale",
  [HYSAC_REASON_FAILED_TIMEOUT] = "failed-timeout",
};

const char *
hysac_reason_to_string(HysacReason reason)
{
  if ((guint) reason >= G_N_ELEMENTS(reason_names))
    return "unknown";
  return reason_names[reason];
}

gboolean
hysac_reason_is_failure(HysacReason reason)
{
  return reason >= HYSAC_REASON_FAILED_DEVICE && reason <= HYSAC_REASON_FAILED_TIMEOUT;
}
