/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gst/gsthysaccommon.h"

/*
 * An element's model, and another put in its place while it plays: a thread loads it and warms it up while the old one
 * goes on, and it takes over between two frames or texts. What was handed to a model is answered by it, so nothing
 * waits for the change.
 *
 * The lock is the element's. The object lock may be taken inside it.
 */

G_BEGIN_DECLS

/* What differs from element to element. A scorer is of the element's own kind. */
typedef struct {
  /* (transfer full), or NULL with @error. No lock held. */
  gpointer (*load)(gpointer element, const char *model, GError **error);
  /* @scorer of @model is in force from the next frame or text on, and calls gst_hysac_swap_take_bound(). Returns the
   * old one; NULL with @error where it is left in force. @act: (out) (transfer full): gst_hysac_model_act(). @latency:
   * (out): the element's has changed. Lock held. */
  gpointer (*exchange)(gpointer element, gpointer scorer, const char *model, GstStructure **act, gboolean *latency,
                       GError **error);
  void (*await)(gpointer element, gpointer old); /* until nothing needs it; lock held, dropped meanwhile */
  void (*free)(gpointer scorer);                 /* no lock held */
  const char *(*weights)(gpointer scorer);       /* (nullable): their SHA-256 */
} GstHysacSwapClass;

typedef struct {
  /* Constant. */
  const GstHysacSwapClass *klass;
  GstHysacLogs *logs;
  char **model_set, **model; /* the property, object lock; what is in force, lock */
  double *bound_set, *bound; /* the same */
  /* Lock. */
  gboolean open;    /* there is a model that another one may take the place of */
  char *next;       /* that is to be loaded; NULL: none */
  guint wish;       /* counts what was asked for, and the stops */
  guint loading;    /* the wish that is being loaded, or 0 */
  gboolean running; /* the thread is there */
  gboolean bound_is_next; /* the property "bound" was set for the next one */
} GstHysacSwap;

/* The first model: it posts its errors. (transfer full), or NULL. No lock held. */
gpointer gst_hysac_swap_first(GstHysacSwap *self);
/* The property "model" was set: begins to load it, if that is another than the one in force or @again. No lock held. */
void gst_hysac_swap_begin(GstHysacSwap *self, gboolean again);
/* The property "bound" was set. TRUE: it is the next model's. Lock held. */
gboolean gst_hysac_swap_defers_bound(GstHysacSwap *self);
/* For exchange(). */
void gst_hysac_swap_take_bound(GstHysacSwap *self);
/* The element stops: what is being loaded comes to nothing. Lock held. */
void gst_hysac_swap_close(GstHysacSwap *self);

/* What is said where another model takes over while it plays: from frame or text (@unit) @number on. */
GstStructure *gst_hysac_model_act(const char *old, const char *new, const HysacRegion *before, const HysacRegion *now,
                                  const char *device, const char *precision, const char *weights_sha256,
                                  const char *unit, guint64 number);
/* A HysacProgressFunc; @element: the element. No lock held. */
void gst_hysac_warm_up_progress(guint done, guint total, const char *what, gpointer element);

G_END_DECLS
