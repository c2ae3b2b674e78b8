/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Small real clips, made by GStreamer. */

#include "runner.h"

/* Runs the pipeline @format describes (its sink included) to its end, or fails the test. */
void run_pipeline(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* An H.264 MP4 of @frames frames of 64 x 48 at 25 a second, index first, so that it can be cut short;
 * @pattern as of videotestsrc. */
void make_mp4(const char *path, const char *pattern, guint frames);

/* Shots of six different pictures, @frames each, so that there are cuts. */
void make_shots(const char *path, guint frames);

/* The same as AVI and as MPEG-TS, by the name's ending. */
void make_other(const char *path, guint frames);
/* The streams of two MP4 files as those of one file, MP4 or by the name's ending Matroska, not coded again. */
void make_both(const char *path, const char *first, const char *second);
/* File @second behind @first; they are not changed. */
void make_chain(const char *path, const char *first, const char *second);
/* The first @part, 0 ... 1, of the file @from. */
void make_truncated(const char *from, const char *to, double part);
/* @from with other bytes here and there in [@begin, @end), parts of its length. */
void make_damaged(const char *from, const char *to, double begin, double end);
