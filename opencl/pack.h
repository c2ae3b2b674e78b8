/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Private to opencl/: packed weights on disk, one file a tower: $XDG_CACHE_HOME/gst-hysac/packed/KEY.pack,
 * read by every process that runs the tower, into huge pages where there are any (hugepages.h): what happens to
 * the file later is no matter. Nothing here fails loudly: without a cache every start packs again.
 *
 * A file is a header of whole pages, then the blocks, each of which begins with a page. Their sizes are
 * known beforehand, and so is every offset: what a file says of itself is only compared. A block has a
 * checksum against disks and accidents, not against an attacker, who would need to be the user.
 */

#include <glib.h>

G_BEGIN_DECLS

#define HYSAC_PACK_NOTES 64 /* bytes that go with the blocks */

/* SHA-256, hex (transfer full). @stamp: which weights (their content's hash); @layout: everything else that
 * the packed bytes depend on. */
char *hysac_pack_key(const char *stamp, const char *layout);

/* What @stamp, a file's identity, had for a hash when it was last looked at; NULL: not known. */
char *hysac_pack_recall(const char *stamp);
void hysac_pack_remember(const char *stamp, const char *hash);

typedef struct _HysacPack HysacPack;

/* NULL where there is none that is whole: @n blocks of @sizes bytes, whose checksums hold. All blocks are
 * read once, by several threads. */
HysacPack *hysac_pack_open(const char *key, const gsize *sizes, guint n, guint8 notes[HYSAC_PACK_NOTES]);
/* On a page of its own; read-only, while @self lives. */
const void *hysac_pack_block(HysacPack *self, guint i);
HysacPack *hysac_pack_ref(HysacPack *self);
void hysac_pack_unref(HysacPack *self); /* NULL is fine; any thread */

typedef struct _HysacPackWriter HysacPackWriter;

/* NULL where there is no cache, or no room for it: a warning, once. */
HysacPackWriter *hysac_pack_create(const char *key, const gsize *sizes, guint n);
/* The next block, whole. FALSE: do not go on. */
gboolean hysac_pack_write(HysacPackWriter *self, const void *data);
/* Takes @self. All blocks are written: the file is there for others. Else, or with NULL @notes: it is
 * gone. */
gboolean hysac_pack_finish(HysacPackWriter *self, const guint8 *notes);

G_END_DECLS
