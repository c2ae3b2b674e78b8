/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/timecode.h"

#define NS G_GUINT64_CONSTANT(1000000000)
/* r * num stays below 2^64 where r < den * 10^9. */
#define MAX_NUM 1000000
#define MAX_DEN 10010
/* Timestamps of frames are rounded to the ms, as Matroska does, or finer. */
#define ROUNDED_NS 1000000

static guint64
gcd(guint64 a, guint64 b)
{
  while (b) {
    guint64 rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

HysacTimecodeRate
hysac_timecode_rate(gint num, gint den, gboolean drop)
{
  const HysacTimecodeRate unknown = {.num = 25, .den = 1, .base = 25};
  if (num <= 0 || den <= 0)
    return unknown;
  guint64 n = (guint64) num, d = (guint64) den;
  gboolean exact = TRUE;
  for (; n > 60 * d; d *= 2)
    exact = FALSE;
  const guint64 common = gcd(n, d), base = (n + d / 2) / d;
  n /= common;
  d /= common;
  /* 23.976 counts as 24, four seconds an hour behind the clock, as everywhere; 12.5 as nothing. */
  const guint64 off = n > base * d ? n - base * d : base * d - n;
  if (base == 0 || off * 200 > base * d || n > MAX_NUM || d > MAX_DEN)
    return unknown;
  return (HysacTimecodeRate) {
    .num = (guint) n,
    .den = (guint) d,
    .base = (guint) base,
    .drop = drop && base % 30 == 0 && n * 1001 == base * 1000 * d,
    .exact = exact,
  };
}

guint64
hysac_timecode_frame(const HysacTimecodeRate *rate, gint64 time, HysacTimecodeEdge edge)
{
  const guint64 unit = rate->den * NS, near = rate->exact ? ROUNDED_NS : 0;
  const guint64 round = edge == HYSAC_TIMECODE_OUT ? unit - 1 : 0;
  guint64 ns = (guint64) MAX(time, 0);
  if (edge == HYSAC_TIMECODE_IN)
    ns += near;
  else
    ns -= MIN(ns, near);
  return ns / unit * rate->num + (ns % unit * rate->num + round) / unit;
}

guint64
hysac_timecode_day(const HysacTimecodeRate *rate)
{
  const guint64 all = (guint64) rate->base * 86400;
  return rate->drop ? all - 24 * 54 * (rate->base / 15) : all;
}

/* The number that stands at the place of the frame, with those that are left out counted. */
static guint64
with_dropped(const HysacTimecodeRate *rate, guint64 frame)
{
  if (!rate->drop)
    return frame;
  const guint64 out = rate->base / 15; /* at each minute but every tenth */
  const guint64 minute = rate->base * 60 - out, ten = minute * 10 + out;
  const guint64 tens = frame / ten, rest = frame % ten;
  return frame + tens * 9 * out + (rest < out ? 0 : (rest - out) / minute * out);
}

void
hysac_timecode_format(const HysacTimecodeRate *rate, guint64 frame, char out[HYSAC_TIMECODE_SIZE])
{
  const guint64 number = with_dropped(rate, frame % hysac_timecode_day(rate));
  const guint seconds = (guint) (number / rate->base);
  g_snprintf(out, HYSAC_TIMECODE_SIZE, "%02u:%02u:%02u%c%02u", seconds / 3600 % 24,
             seconds / 60 % 60, seconds % 60, rate->drop ? ';' : ':',
             (guint) (number % rate->base));
}
