/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * The audit log: what was decided, by the machine and by people, as a chain of hashes. A record is
 * one JSON line,
 *
 *   {"seq":7,"prev":"<hash of record 6>","time":"2026-01-31T12:00:00.000000Z","event":"segment",
 *    "data":{...},"hash":"<SHA-256 of all bytes of the line before ,"hash">"}
 *
 * so that an edited, removed, inserted, duplicated or reordered record breaks it, and a missing end
 * leaves no closing record. The first record of a file is "genesis", with a random id and prev of 64
 * zeros; one that goes on with a file is "open"; the last one of a run is "close". What a chain without
 * a secret cannot show: that all of it was written anew, or that its end was cut off and closed anew.
 * Who keeps the last hash elsewhere sees that too.
 *
 * Hashes are made by the writer's thread as lines reach the file: a line that a full disk takes away
 * is counted in the next one ("log-overflow") and does not break the chain.
 *
 * Thread-safety: hysac_audit_write(), _get_head() and _get_error() from any thread.
 */

G_BEGIN_DECLS

typedef struct _HysacAudit HysacAudit;

/* Opens @path and goes on with its chain, all of which is read first; IO where it cannot be read and
 * written. Where the chain is broken since its last beginning (edited, or torn by a crash) another one
 * is begun behind it: what is there stays, for the verification to find. Returns once the first record is
 * in the file or could not be written, after two seconds at the latest. @settings: (nullable): JSON
 * object for the first record's data. @broken: (out) (optional) (transfer full) (nullable): the fault
 * for which another chain was begun. */
HYSAC_API HysacAudit *hysac_audit_open(const char *path, const char *settings, char **broken,
                                       GError **error);

/* @event: a short name; @data: (transfer full) (nullable): a JSON object without a newline; in
 * place of one above 64 KiB {"too_long":N} is written, N its bytes. Never blocks; FALSE where the
 * queue is full and the record was dropped. */
HYSAC_API gboolean hysac_audit_write(HysacAudit *self, const char *event, char *data);

/* As hysac_report_get_error(). */
HYSAC_API GError *hysac_audit_get_error(HysacAudit *self);

/* The chain's last hash and number of records, as they are in the file now. To be kept elsewhere.
 * @hash: (out) (optional) (transfer full) (nullable): NULL while no record of this run is in the file. */
HYSAC_API void hysac_audit_get_head(HysacAudit *self, char **hash, guint64 *count);

/* Writes what is queued and the closing record, with @totals: (transfer full) (nullable): a JSON
 * object; and frees. @hash, @count: as above. (transfer full) (nullable): an error that nobody has
 * been told. */
HYSAC_API GError *hysac_audit_close(HysacAudit *self, char *totals, char **hash, guint64 *count);

/* What is wrong at a line (from 1). */
typedef struct {
  guint64 line;
  char *what; /* a sentence */
} HysacAuditFault;

typedef struct {
  guint64 lines, records; /* records: lines that are whole, hash included */
  char *hash;             /* of the last record, or NULL */
  gboolean closed;        /* the last record is a closing one */
  guint64 unclosed;       /* runs before the last that left no closing record: no fault */
  guint64 head;           /* the record (from 1, counted as above) that has the hash asked for; or 0 */
  GPtrArray *faults;      /* of HysacAuditFault; the first 100 */
  guint64 n_faults;
} HysacAuditResult;

/* Reads all of @path. NULL with @error (IO) where it cannot be read; a broken log is a result with
 * faults. Needs little memory, whatever is in the file. @head: (nullable): a hash to look for. */
HYSAC_API HysacAuditResult *hysac_audit_verify(const char *path, const char *head, GError **error);
/* The same of a text in memory. */
HYSAC_API HysacAuditResult *hysac_audit_verify_data(const char *data, gsize size);
HYSAC_API void hysac_audit_result_free(HysacAuditResult *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacAuditResult, hysac_audit_result_free)

G_END_DECLS
