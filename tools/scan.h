/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* hysac scan: what its parts share. A file is scanned by one thread; when it has finished, only the
 * main thread reads the result. */

#include "tool.h"
#include "video.h"

G_BEGIN_DECLS

typedef enum { SCAN_THUMBS_NONE, SCAN_THUMBS_PIXELATED, SCAN_THUMBS_CLEAR } ScanThumbs;

typedef struct {
  gint64 interval; /* ns; 0: every frame */
  HysacPolicyConfig policy;
  double bound; /* 0: the model's */
  HysacPolicyRules rules;
  ScanThumbs thumbs;
  /* From the model and the engine, scan_settings_finish(): */
  HysacRegion region;
  HysacRater *rater; /* NULL: the model has neither concepts nor a head */
  gboolean ruled;    /* some of the rules are set */
  const char *precision;
  char *device, *model, *weights_sha256;
  gboolean demo;     /* of the session */
  char *scoring; /* a hash of all that a distance depends on, and which frames are scored */
  char *judging; /* of all that verdicts depend on beside the distances */
} ScanSettings;

/* @device: as it was chosen: concepts without points are encoded there. FALSE where a rule cannot be measured. */
gboolean scan_settings_finish(ScanSettings *self, HysacEngine *engine, const char *device, GError **error);
void scan_settings_clear(ScanSettings *self);

typedef enum {
  SCAN_WAITING,
  SCAN_COMPLETE, /* every frame was decoded, every sample scored */
  SCAN_PARTIAL,  /* some of it: damaged, cut short, a sample that failed; why is in error */
  SCAN_FAILED,   /* nothing of it */
  SCAN_OTHER,    /* found in a folder, and no video */
  SCAN_STOPPED,  /* Ctrl-C */
} ScanStatus;

typedef struct {
  guint64 frame;
  gint64 time, end; /* of the frame, ns in the programme */
  double distance;  /* NAN where scoring failed */
  HysacReason failure;
} ScanSample;

typedef struct {
  HysacSegment segment;
  GBytes *thumb; /* (nullable): PNG or JPEG */
  gint64 thumb_time;
} ScanSegment;

/* A file, and its first video stream; each further one is a ScanFile of its own in it. */
typedef struct _ScanFile ScanFile;
struct _ScanFile {
  guint index; /* from 1 */
  guint stream;     /* from 1: which of the file's video streams */
  ScanFile *of;     /* borrowed: the file; NULL where this is it */
  GPtrArray *more;  /* ScanFile: the others, in order; NULL where there are none */
  ScanStatus own_status; /* of the stream alone, where there are several */
  char *own_error;
  char *name;  /* as given or found, bytes */
  char *path;  /* of the file; NULL: an address of another kind */
  gboolean from_folder;
  guint64 size;
  ScanStatus status;
  char *error;
  gboolean resumed; /* some distances, or all of it, are of an earlier run */
  guint width, height;
  gint fps_num, fps_den;
  gint64 duration; /* decoded, ns */
  gint64 earlier;  /* what of it an earlier run decoded, ns */
  gint64 stated;   /* as the file states it; below 0: it does not */
  guint64 frames;
  guint videos;    /* video streams in it that can be decoded */
  guint undecoded; /* and that cannot */
  guint seen;      /* of both, different ones */
  const char *kind; /* as in ToolVideoInfo */
  ToolVideoChoice choice; /* which of them it is */
  gint64 movie;    /* what the file states as its length where the choice hides that from GStreamer, ns; else 0 */
  gboolean attached; /* a picture beside sound or other videos */
  guint warnings, failed_samples;
  GArray *samples;  /* ScanSample */
  GArray *ratings;  /* HysacRating, one for each of them; empty where there is no rater */
  GArray *acts;     /* ScanAct, by their first frames */
  GArray *segments; /* ScanSegment */
  gint part;        /* atomic: thousandths that are done */
  gint ended;       /* under the scan's lock */
};

ScanFile *scan_file_new(const char *name, gboolean from_folder);
void scan_file_free(gpointer file);
void scan_file_reset(ScanFile *self); /* as if it had not been begun */
/* "unsafe", "failed", "safe" or, of what was not looked at, "none". */
const char *scan_file_verdict(const ScanFile *file);
const char *scan_status_to_string(ScanStatus status);
/* The sample whose distance is largest of all streams, or NULL; *stream (nullable): whose it is, else @file. */
const ScanSample *scan_file_worst(const ScanFile *file, const ScanFile **stream);

/* ------------------------------------------------------------ streams of a file */

guint scan_file_count(const ScanFile *file); /* at least 1 */
ScanFile *scan_file_stream(const ScanFile *file, guint i); /* from 0, which is @file */
/* Whether @file, or what it is a stream of, has several. */
gboolean scan_file_has_streams(const ScanFile *file);
/* "1", or "1-2" of the second stream: unlike all others'. "file 1", or "file 1, video stream 2". (transfer full) */
char *scan_stream_id(const ScanFile *file);
char *scan_stream_name(const ScanFile *file);

/* Of all streams. */
typedef struct {
  guint samples, failed_samples, segments, warnings;
  guint64 frames;
  gint64 duration; /* the longest */
} ScanTotals;
void scan_file_sum(const ScanFile *file, ScanTotals *out);
/* What became of a sample's frame: its verdict, and why. */
const char *scan_sample_verdict(const ScanFile *file, const ScanSample *sample,
                                const ScanSettings *settings, HysacReason *reason);

/* Files, folders (with all below them, links to folders not followed, sorted) and URIs -> ScanFile. What
 * cannot be read is in the list, with its error. @except: (nullable): a folder that is left out. *links
 * counts names of files that are in the list already. */
GPtrArray *scan_collect(char **args, const char *except, guint *links);

/* The engine that all files share; a failed one is replaced. Thread-safe. */
typedef struct {
  GMutex lock;
  HysacEngine *engine;
  const char *device;
  HysacPrecision precision;
} ScanEngine;
HysacEngine *scan_engine_get(ScanEngine *self, GError **error); /* (transfer full) */

/* Results so far of one file, on disk: @folder/<hash of the name>.jsonl, a line a sample, written as they
 * come. NULL where there is no file whose identity could be told: an address. */
typedef struct _ScanState ScanState; /* @settings outlive it */
ScanState *scan_state_open(const char *folder, ScanFile *file, const ScanSettings *settings,
                           GError **error);
/* All of it was done before: @file is filled in. */
gboolean scan_state_restore(ScanState *self, ScanFile *file);
/* @rating: (nullable) on both: where there is no rater. */
gboolean scan_state_lookup(ScanState *self, guint64 frame, gint64 time, double *distance, HysacRating *rating);
void scan_state_add(ScanState *self, const ScanSample *sample, const HysacRating *rating);
/* The latest point, with the trail to it; NULL where there is none, or what was judged by is another: then it is
 * forgotten. (transfer full) */
typedef struct _ScanPoint ScanPoint;
ScanPoint *scan_state_take_point(ScanState *self);
void scan_state_add_point(ScanState *self, ScanPoint *point);
/* Forgets all points, and the samples after frame @last. */
void scan_state_anew(ScanState *self, guint64 last);
void scan_state_finish(ScanState *self, const ScanFile *file);
/* The first write error, if any: what could not be written will be scored again. NULL is fine. */
void scan_state_close(ScanState *self, GError **error);

/* Scans a file, stream after stream: fills in all but @file->ended. @states: the folder, NULL for none; @error: what could
 * not be kept there. */
void scan_streams_run(ScanFile *file, const ScanSettings *settings, ScanEngine *engine, const char *states,
                      const gint *stop, GError **error);
/* One stream of it, but for what only the whole file tells. @state is nullable. */
void scan_file_run(ScanFile *file, const ScanSettings *settings, ScanEngine *engine,
                   ScanState *state, const gint *stop);

/* Lines of JSON: what was scanned by what; a file with its samples and segments; the sums. */
void scan_json_begin(GString *out, const ScanSettings *settings);
void scan_json_file(GString *out, const ScanFile *file, const ScanSettings *settings);
void scan_json_end(GString *out, GPtrArray *files, gboolean stopped);
/* The same for people. */
void scan_text_file(GString *out, const ScanFile *file, const ScanSettings *settings);
/* The members of a segment, without braces. */
void scan_json_segment(GString *out, const HysacSegment *segment);

/* Writes scan.jsonl, report.html and segments/ into @folder, each whole or not at all. */
gboolean scan_write_report(const char *folder, GPtrArray *files, const ScanSettings *settings,
                           gboolean stopped, GError **error);
/* The page. (transfer full) */
char *scan_html(GPtrArray *files, const ScanSettings *settings, gboolean stopped);

G_END_DECLS
