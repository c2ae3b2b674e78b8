/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* MPEG transport and program streams, ISO 13818-1: which videos are in them is known when all of them has been seen. A
 * table of programs may be another at any place, and a recording of one program may name all of its channel's; so what
 * counts is what is named and there. */

#include "videopayload.h"
#include "videotracks_private.h"

#include <string.h>

#define SYNC 0x47
#define PACKET 188
#define PIDS 8192
#define SECTION 1024 /* no longer are those of programs, 2.4.4.4 and 2.4.4.9 */
#define MOST_PAIRS 4096

typedef struct {
  gboolean begun;
  gsize n;
  guint8 bytes[SECTION + 2 * PACKET];
} Section;

typedef struct {
  guint16 program, pid;
} Pair;

typedef struct {
  GHashTable *sections; /* PID -> Section: of the table of programs, and of each */
  gboolean named[PIDS], there[PIDS]; /* by a program as a video; as packets */
  gboolean pictures[PIDS];           /* its packets say that they are a video's */
  gboolean damaged[PIDS];            /* as packets that say that they are damaged: players take them */
  gboolean begun[PIDS];              /* there, or damaged, and not scrambled */
  gboolean told[PIDS], untold[PIDS]; /* what it is: to players too; so that they look for themselves */
  gboolean coded[PIDS];              /* what is in it is a video */
  ToolPayload payloads[PIDS];
  GArray *pairs;        /* Pair: which program has which video */
  gboolean any;         /* program */
  gboolean unfinished;
} Transport;

/* ------------------------------------------------------------------ tables */

/* Descriptors, 2.6; one that registers @format. */
static gboolean
is_registered(const guint8 *bytes, gsize n, const char *format)
{
  for (gsize at = 0; at + 2 <= n && at + 2 + bytes[at + 1] <= n; at += 2 + (gsize) bytes[at + 1]) {
    if (bytes[at] == 5 && bytes[at + 1] >= 4 && memcmp(bytes + at + 2, format, 4) == 0)
      return TRUE;
  }
  return FALSE;
}

/* Table 2-34, and what others have registered. Layers that depend on another video are none of their own. */
static gboolean
is_video(guint type, const guint8 *bytes, gsize n, gboolean blu_ray)
{
  static const guint8 types[] = { 0x01, 0x02, 0x10, 0x1b, 0x21, 0x24, 0x33, 0x42, 0xd1, 0xd2, 0xd4, 0xea };
  static const char *const formats[] = { "AV01", "drac", "VC-1", "HEVC", "VVC " };
  if (type == 0x80) /* MPEG-2 on cable; sound on Blu-ray */
    return !blu_ray;
  if (memchr(types, (int) type, sizeof types) != NULL)
    return TRUE;
  for (guint i = 0; type == 0x06 && i < G_N_ELEMENTS(formats); i++) {
    if (is_registered(bytes, n, formats[i]))
      return TRUE;
  }
  return FALSE;
}

/* Other descriptors: sound, subtitles, teletext. */
static gboolean
is_described(const guint8 *bytes, gsize n)
{
  static const guint8 tags[] = { 0x56, 0x59, 0x6a, 0x7a, 0x7b };
  static const char *const formats[] = { "AC-3", "EAC3", "DTS1", "DTS2", "DTS3", "Opus", "BSSD", "KLVA", "ID3 ", "CUEI" };
  for (gsize at = 0; at + 2 <= n; at += 2 + (gsize) bytes[at + 1]) {
    if (memchr(tags, bytes[at], sizeof tags) != NULL)
      return TRUE;
  }
  for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
    if (is_registered(bytes, n, formats[i]))
      return TRUE;
  }
  return FALSE;
}

/* Something that is no video, and that players take for what it is called. Of the rest they look what is in it: of what is
 * private, of numbers that nobody has given, and of some sound, which is often called wrongly. */
static gboolean
is_told(guint type, const guint8 *bytes, gsize n, gboolean blu_ray)
{
  static const guint8 types[] = { 0x03, 0x11, 0x1c, 0x81, 0x8a };
  static const guint8 discs[] = { 0x80, 0x82, 0x83, 0x84, 0x85, 0x86, 0x90, 0x91, 0x92, 0xa1, 0xa2 };
  return memchr(types, (int) type, sizeof types) != NULL || (blu_ray && memchr(discs, (int) type, sizeof discs) != NULL) ||
         ((type == 0x06 || type == 0x15) && is_described(bytes, n));
}

static void
add_pair(Transport *self, guint16 program, guint16 pid)
{
  for (guint i = 0; i < self->pairs->len; i++) {
    const Pair *pair = &g_array_index(self->pairs, Pair, i);
    if (pair->program == program && pair->pid == pid)
      return;
  }
  const Pair pair = { program, pid };
  if (self->pairs->len < MOST_PAIRS)
    g_array_append_val(self->pairs, pair);
  else
    self->unfinished = TRUE;
}

/* 2.4.4.8: of a program. */
static void
take_program(Transport *self, const guint8 *bytes, gsize n)
{
  const guint16 program = (guint16) tool_big_endian(bytes + 3, 2);
  if (n < 16)
    return;
  self->any = TRUE;
  gsize at = 12 + (gsize) (tool_big_endian(bytes + 10, 2) & 0xfff);
  n -= 4; /* its checksum */
  const gboolean blu_ray = at <= n && is_registered(bytes + 12, at - 12, "HDMV");
  while (at + 5 <= n) {
    const guint16 pid = (guint16) (tool_big_endian(bytes + at + 1, 2) & 0x1fff);
    const gsize length = (gsize) (tool_big_endian(bytes + at + 3, 2) & 0xfff);
    if (length > n - at - 5)
      return;
    if (is_video(bytes[at], bytes + at + 5, length, blu_ray)) {
      self->named[pid] = TRUE;
      add_pair(self, program, pid);
    } else if (is_told(bytes[at], bytes + at + 5, length, blu_ray)) {
      self->told[pid] = TRUE;
    } else {
      self->untold[pid] = TRUE;
    }
    at += 5 + length;
  }
}

static void
watch(Transport *self, guint16 pid)
{
  if (!g_hash_table_contains(self->sections, GUINT_TO_POINTER(pid)))
    g_hash_table_insert(self->sections, GUINT_TO_POINTER(pid), g_new0(Section, 1));
}

static void
take_section(Transport *self, guint16 pid, const guint8 *bytes, gsize n)
{
  if (n < 12 || !(bytes[5] & 1)) /* not yet in force */
    return;
  if (pid != 0 && bytes[0] == 2)
    take_program(self, bytes, n);
  if (pid != 0 || bytes[0] != 0)
    return;
  for (gsize at = 8; at + 4 <= n - 4; at += 4) { /* 2.4.4.3: the table of programs */
    if (tool_big_endian(bytes + at, 2) != 0)
      watch(self, (guint16) (tool_big_endian(bytes + at + 2, 2) & 0x1fff));
  }
}

static void
append(Transport *self, guint16 pid, Section *section, const guint8 *bytes, gsize n)
{
  if (!section->begun)
    return;
  memcpy(section->bytes + section->n, bytes, n);
  section->n += n;
  while (section->n >= 3) {
    const gsize length = 3 + (gsize) (tool_big_endian(section->bytes + 1, 2) & 0xfff);
    if (section->bytes[0] == 0xff || length > SECTION) { /* only filling, or none of ours */
      section->begun = FALSE;
      return;
    }
    if (section->n < length)
      return;
    take_section(self, pid, section->bytes, length);
    section->n -= length;
    memmove(section->bytes, section->bytes + length, section->n);
  }
}

/* ------------------------------------------------------------------ transport streams */

typedef struct {
  guint16 pid;
  const guint8 *bytes; /* what it carries */
  gsize n;
  gboolean begins; /* something */
  gboolean scrambled, damaged;
} Packet;

static void
take_table(Transport *self, const Packet *packet)
{
  Section *section = g_hash_table_lookup(self->sections, GUINT_TO_POINTER(packet->pid));
  const guint8 *bytes = packet->bytes;
  gsize n = packet->n;
  if (section == NULL)
    return;
  if (packet->begins) { /* its first byte tells where the next one begins */
    const gsize rest = bytes[0];
    if (1 + rest > n) {
      section->begun = FALSE;
      return;
    }
    append(self, packet->pid, section, bytes + 1, rest);
    section->begun = TRUE;
    section->n = 0;
    bytes += 1 + rest;
    n -= 1 + rest;
  }
  append(self, packet->pid, section, bytes, n);
}

/* 2.4.3.6: what packets of a stream say, and what is in them. Some say wrongly that they are scrambled. */
static void
take_stream(Transport *self, const Packet *packet)
{
  const guint16 pid = packet->pid;
  const guint8 *bytes = packet->bytes;
  const gboolean head = packet->begins && packet->n >= 4 && tool_big_endian(bytes, 3) == 1;
  gsize from = 0;
  if (head) {
    from = packet->n > 9 && (bytes[6] & 0xc0) == 0x80 && 9 + (gsize) bytes[8] <= packet->n ? 9 + (gsize) bytes[8] : 4;
    self->begun[pid] = TRUE;
    self->damaged[pid] |= packet->damaged;
  }
  if (!packet->damaged && (head || packet->scrambled)) {
    self->there[pid] = TRUE;
    /* Table 2-22, whatever programs say of it, or do not */
    self->pictures[pid] |= !packet->scrambled && (bytes[3] & 0xf0) == 0xe0;
  }
  if (self->begun[pid] && !self->coded[pid])
    self->coded[pid] = tool_payload_take(&self->payloads[pid], bytes + from, packet->n - from);
}

/* 2.4.3.2. */
static void
take_packet(Transport *self, const guint8 *bytes)
{
  const gsize at = bytes[3] & 0x20 ? 5 + (gsize) bytes[4] : 4;
  if (!(bytes[3] & 0x10) || at >= PACKET) /* nothing in it */
    return;
  const Packet packet = { .pid = (guint16) (tool_big_endian(bytes + 1, 2) & 0x1fff),
                          .bytes = bytes + at,
                          .n = PACKET - at,
                          .begins = bytes[1] & 0x40,
                          .scrambled = bytes[3] & 0xc0,
                          .damaged = bytes[1] & 0x80 };
  take_stream(self, &packet);
  if (!packet.scrambled && !packet.damaged)
    take_table(self, &packet);
}

/* @n packets of @size from @at on begin as packets do, or as many as there are up to the end. */
static gboolean
in_step(ToolBytes *bytes, guint64 at, guint size, guint n)
{
  gsize available;
  const gsize span = (gsize) MIN((guint64) (n - 1) * size + 1, bytes->size - at);
  const guint8 *p = tool_bytes_peek(bytes, at, span, &available);
  for (gsize i = 0; p != NULL && i < span; i += size) {
    if (p[i] != SYNC)
      return FALSE;
  }
  return p != NULL;
}

gboolean
tool_video_tracks_find_packets(ToolBytes *bytes, guint64 *first, guint *size)
{
  static const guint sizes[] = { 188, 192, 204, 208 };
  for (guint64 at = 0; at < TOOL_VIDEO_JUNK && at < bytes->size; at++) {
    for (guint i = 0; i < G_N_ELEMENTS(sizes) && in_step(bytes, at, sizes[i], 1); i++) {
      if (bytes->size - at > 3 * sizes[i] && in_step(bytes, at, sizes[i], 4)) {
        *first = at;
        *size = sizes[i];
        return TRUE;
      }
    }
  }
  return FALSE;
}

/* As tsdemux: what follows a packet is one if it begins so; where it does not, three in a row are looked for. */
static void
take_packets(Transport *self, ToolBytes *bytes, guint64 at, guint size)
{
  const guint8 *packet;
  gboolean synced = TRUE;
  gsize n;
  while ((packet = tool_bytes_peek(bytes, at, PACKET, &n)) != NULL) {
    if (packet[0] != SYNC) {
      const guint8 *sync = memchr(packet, SYNC, n);
      at += sync != NULL ? (guint64) (sync - packet) : n;
      synced = FALSE;
    } else if (synced || in_step(bytes, at, size, 3)) {
      packet = tool_bytes_peek(bytes, at, PACKET, &n);
      if (packet == NULL)
        return;
      take_packet(self, packet);
      at += size;
      synced = TRUE;
    } else {
      at++;
    }
  }
}

static void
conclude(Transport *self, ToolVideoTracks *out)
{
  g_autofree gboolean *taken = g_new0(gboolean, PIDS);
  for (guint pid = 0; pid < PIDS; pid++)
    out->videos += (self->there[pid] && (self->named[pid] || self->pictures[pid])) || (self->damaged[pid] && self->named[pid]) ||
                   (self->coded[pid] && (self->untold[pid] || !self->told[pid]));
  /* Of programs that share a video the first one has it. */
  for (guint i = 0; i < self->pairs->len; i++) {
    const Pair *pair = &g_array_index(self->pairs, Pair, i);
    if (!self->there[pair->pid] || taken[pair->pid])
      continue;
    taken[pair->pid] = TRUE;
    gboolean known = FALSE;
    for (guint k = 0; k < out->n_programs; k++)
      known |= out->programs[k] == pair->program;
    if (known)
      continue;
    if (out->n_programs == TOOL_VIDEO_PROGRAMS) {
      self->unfinished = TRUE;
      break;
    }
    out->programs[out->n_programs++] = pair->program;
  }
  if (out->n_programs < 2)
    out->n_programs = 0;
  out->unfinished |= self->unfinished;
}

gboolean
tool_video_tracks_read_ts(ToolBytes *bytes, ToolVideoTracks *out)
{
  guint64 at = 0;
  guint size = PACKET;
  if (!tool_video_tracks_find_packets(bytes, &at, &size))
    return FALSE;
  Transport *self = g_new0(Transport, 1);
  self->sections = g_hash_table_new_full(NULL, NULL, NULL, g_free);
  self->pairs = g_array_new(FALSE, FALSE, sizeof(Pair));
  watch(self, 0);
  take_packets(self, bytes, at, size);
  out->known = self->any;
  if (out->known)
    conclude(self, out);
  g_hash_table_unref(self->sections);
  g_array_unref(self->pairs);
  g_free(self);
  return out->known;
}

/* ------------------------------------------------------------------ program streams */

/* 2.5.4.1, the map of a program: of which numbers it says that they are videos', besides those that always are. Such a number
 * may be one of sound, or of those inside private packets. */
static void
take_map(ToolBytes *bytes, guint64 at, gboolean *named)
{
  guint8 head[1024];
  if (!tool_bytes_read(bytes, at, head, 10))
    return;
  const gsize n = 6 + (gsize) tool_big_endian(head + 4, 2);
  if (n > sizeof head || !tool_bytes_read(bytes, at, head, n))
    return;
  for (gsize i = 12 + (gsize) tool_big_endian(head + 8, 2); i + 8 <= n; i += 4 + (gsize) tool_big_endian(head + i + 2, 2))
    named[head[i + 1]] |= is_video(head[i], NULL, 0, TRUE);
}

/* 2.5.3.3: a pack's header, or a packet of one stream, whose number is its start code. */
gboolean
tool_video_tracks_read_ps(ToolBytes *bytes, ToolVideoTracks *out)
{
  gboolean there[256] = { FALSE }, named[256] = { FALSE };
  guint64 at = 0;
  gsize n;
  const guint8 *p = NULL;
  while (at < TOOL_VIDEO_JUNK && (p = tool_bytes_peek(bytes, at, 14, &n)) != NULL && tool_big_endian(p, 4) != 0x1ba)
    at++;
  if (at == TOOL_VIDEO_JUNK || p == NULL)
    return FALSE;
  while ((p = tool_bytes_peek(bytes, at, 14, &n)) != NULL) {
    if (tool_big_endian(p, 3) != 1 || p[3] < 0xb9) { /* filling, or damaged */
      const guint8 *one = memchr(p + 3, 1, n - 3);
      at += one != NULL ? (guint64) (one - p - 2) : n - 2;
    } else if (p[3] == 0xb9) { /* the end, behind which there may be more */
      at += 4;
    } else if (p[3] == 0xba) {
      at += p[4] >> 6 == 1 ? 14 + (guint64) (p[13] & 7) : 12; /* else MPEG-1's */
    } else {
      const guint64 length = 6 + tool_big_endian(p + 4, 2);
      there[p[3]] = TRUE;
      if (p[3] == 0xbc)
        take_map(bytes, at, named);
      at += length;
    }
  }
  out->known = TRUE;
  for (guint id = 0xe0; id <= 0xef; id++)
    out->videos += there[id];
  for (guint id = 0; id <= 0xdf; id++)
    out->videos += named[id] && there[id >= 0xc0 ? id : 0xbd];
  out->videos += there[0xfd]; /* VC-1 and others, 2.4.3.7 */
  return TRUE;
}
