/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* hysac fit: what its parts share. One thread. */

#include "tool.h"

G_BEGIN_DECLS

/* A video, a picture, a folder of pictures, a line or a file of texts: what belongs together, and is drawn together. */
typedef struct {
  char *name;
  GArray *distances;  /* double */
  GArray *times;      /* gint64, ns; empty, as what follows, where there are none */
  GArray *boundaries; /* guint8 */
  GArray *features;   /* float, dim a sample; empty unless asked for */
  double hours;       /* 0: it has no time */
} FitClip;

typedef struct {
  char *path;
  gboolean video;
  char *id; /* tool_file_id() */
  FitClip *clip;
} FitItem;

typedef struct {
  const char *what;  /* "safe", "unsafe": for messages */
  GPtrArray *items;  /* FitItem, in the order of their paths */
  GPtrArray *clips;  /* FitClip; after fit_encode() only those with samples */
  GPtrArray *used;   /* paths of what could be read, borrowed */
  GPtrArray *sums;   /* of texts, in place of @used: SHA-256 of each file */
  GPtrArray *films;  /* files of subtitles, of fit_cues.c; NULL: none */
  guint pictures, videos;
  guint others;      /* files, or blank lines, passed over */
  guint own;         /* plots and models of this program, passed over */
  guint unreadable;  /* files, or lines */
  guint64 samples;
} FitSet;

typedef struct {
  gint64 interval; /* between samples of a video, and pictures of a folder clip, ns */
  gboolean folder_clips;
  gboolean features;
  guint join_buffers;  /* of cues, as hysactext's property; 1: each by itself */
  guint64 join_gap;    /* ns */
} FitSampling;

/* The pictures and videos that @args name, folders with all below them (by their endings, sorted, links to
 * folders not followed, without the plots that this program wrote and without models' folders). Of several names of
 * one file the first counts; pictures of one folder in time count as they are. FALSE and @error where one is missing. */
gboolean fit_set_collect(FitSet *self, const char *what, char **args, const FitSampling *sampling,
                         GError **error);
/* Encodes them. A file that cannot be read is said and left out; a failing encoder is an error: it would
 * bend the bound. */
gboolean fit_set_encode(FitSet *self, HysacEngine *engine, const FitSampling *sampling, GError **error);
void fit_set_clear(FitSet *self);
/* For what makes one by hand. */
void fit_set_init(FitSet *self, const char *what);
FitClip *fit_set_add_clip(FitSet *self, const char *name);
/* Of clips without samples. */
void fit_set_drop_empty(FitSet *self);
/* Of all that could be read: hysac_profile_hash_inputs(). (transfer full), or NULL and @error. */
char *fit_set_hash(const FitSet *self, GError **error);

/* Lines of text; "-" is standard input. Whether the files are there and may hold lines; said before anything runs. */
gboolean fit_texts_check(char **files, GError **error);
/* Takes and encodes them: a clip a line or cue, or of several files a clip a file. Blank lines are passed over; what
 * cannot be read is said and left out. */
gboolean fit_texts_encode(FitSet *self, const char *what, char **files, const FitSampling *sampling,
                          HysacTextEncoder *encoder, GError **error);

/* Of a file of subtitles, for fit_texts_encode(): a sample a cue, as hysactext scores it if all are shown; into @clip, or
 * each into its own. *@sum: (out): as FitSet.sums; NULL where it cannot be read, which is said. FALSE with @error where
 * the encoder fails. */
gboolean fit_cues_encode(FitSet *set, FitClip *clip, const char *file, const FitSampling *sampling,
                         HysacTextEncoder *encoder, char **sum, GError **error);
/* The same samples as hysactext scores them by @bound: what is itself unsafe is not joined. */
gboolean fit_cues_rejoin(FitSet *self, double bound, GError **error);

/* The clips as the core takes them; arrays are borrowed. g_free() it. */
HysacClip *fit_set_view(const FitSet *self);
/* All distances, clip by clip. g_free() it. */
double *fit_set_distances(const FitSet *self);

/* Samples of one video into @clip, for fit_set_encode(). FALSE with *@broken where the encoder failed; with
 * an error and samples the file is damaged: those before count. */
gboolean fit_sample_video(HysacEngine *engine, const char *path, const FitSampling *sampling, FitClip *clip,
                          gboolean *broken, GError **error);
void fit_clip_add(FitClip *self, const HysacEmbedding *embedding, gint64 time, gboolean boundary,
                  gboolean features);
/* Whether a failure is the file's, not the encoder's. */
gboolean fit_is_file_error(const GError *error);

/* @argv with "--safe A B C" turned into "--safe A --safe B --safe C", and the same of --unsafe, --texts and
 * --unsafe-texts, so that GOption reads it. NULL-terminated (transfer full). */
char **fit_expand_lists(int argc, char **argv);

/* Where results go: @from itself, or a new folder @to with a copy of the model, its weights as a link. The
 * copy has another name until fit_target_finish(); nothing is left of it after fit_target_abandon(). */
typedef struct {
  char *folder; /* to write into */
  char *final;  /* what it will be called; NULL: it is the model's own */
} FitTarget;
gboolean fit_target_begin(FitTarget *self, const char *from, const char *to, GError **error);
gboolean fit_target_finish(FitTarget *self, GError **error);
void fit_target_abandon(FitTarget *self); /* also frees; after finish it only frees */

/* While files are written, Ctrl-C and SIGTERM wait: fit_signals_release() lets one that came end the
 * program. */
void fit_signals_hold(void);
void fit_signals_release(void);

/* What the bound was asked to be, as a percentile of the benign samples; 0: something else. */
double fit_chosen_percentile(const HysacMeasureOptions *options);

/* What is reported of a bound, whether of distances or of a head's scores. */
typedef struct {
  const char *score; /* "distance", "score": what the bound is of */
  const char *limit; /* "bound", "threshold" */
  gboolean texts;
  const FitSet *safe, *unsafe;
  const HysacClip *safe_clips, *unsafe_clips;
  const HysacMeasures *measures;
  double bound, percentile;
  double chosen; /* the percentile that was asked for; 0: it was chosen by alarms */
} FitResult;

/* Lines for people, on stdout, and warnings of what the numbers cannot say, on stderr and as a member "warnings" with
 * a comma before it. */
void fit_print(const FitResult *result);
void fit_warn(const FitResult *result);
void fit_append_warnings(GString *json, const FitResult *result);
/* In a few words what so few samples make of a number, or NULL: of the bound, and of the recall at a rate. */
const char *fit_doubt_bound(const FitResult *result);
const char *fit_doubt_recall(const FitResult *result, double rate);
/* Of both sets; hysac_roc_free() it. */
HysacRoc *fit_make_roc(const FitResult *result);
/* The members "reliability" and "roc" with a comma before each, where there is unsafe material. */
void fit_append_curves(GString *json, const FitResult *result);

/* Whether a file is one of those plots: material it is not. */
gboolean fit_is_plot(const char *path);

/* distances.svg, and with unsafe material roc.svg and reliability.svg, into the folder @dir, which is made. */
gboolean fit_write_plots(const FitResult *result, const char *dir, GError **error);

/* What a head is of. */
typedef struct {
  HysacModel *model;
  HysacPrecision precision; /* of the features */
  guint dim;
  gboolean texts; /* its features are texts': text-head.safetensors */
} FitHeadOf;

/* Trains a head on both sets' features, writes it beside the model or its copy @out, and says so. */
gboolean fit_head(const FitHeadOf *of, const FitSet *safe, const FitSet *unsafe, const HysacMeasureOptions *options,
                  const char *out, const char *plots, gboolean json, GError **error);

G_END_DECLS
