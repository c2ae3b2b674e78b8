/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

#define HYSAC_AUDIT_HASH 64 /* hex digits */

/* What a writer needs to go on with a file. */
typedef struct {
  gboolean found; /* there is a record: seq and hash hold */
  guint64 seq;
  char hash[HYSAC_AUDIT_HASH + 1];
  gboolean closed; /* it is a closing one */
  char *broken;    /* the first fault since the last genesis, or NULL; owned */
} HysacAuditTail;

/* Of something that is no regular file (a pipe, a terminal): nothing found. */
gboolean hysac_audit_read_tail(const char *path, HysacAuditTail *tail, GError **error);

G_END_DECLS
