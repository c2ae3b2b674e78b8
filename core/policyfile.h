/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/concepts.h"

/*
 * A policy file: settings as one JSON object, docs/policy.md.
 *
 * Which keys there are is the caller's to say (the element makes the table from its properties, so
 * that a name, a range and a choice stand in one place). What nobody knows is refused: a misspelt
 * key would leave a setting at its default, unseen.
 *
 * Thread-safety: any thread; there is no state.
 */

G_BEGIN_DECLS

#define HYSAC_POLICY_FILE_MAX_SIZE (64 * 1024)
#define HYSAC_POLICY_FILE_MAX_NAME 128 /* bytes */

typedef enum {
  HYSAC_POLICY_TIME,   /* a string with a unit ("200ms"), or 0; ns */
  HYSAC_POLICY_COUNT,  /* an integer */
  HYSAC_POLICY_NUMBER, /* any number */
  HYSAC_POLICY_CHOICE, /* one of some strings */
} HysacPolicyKind;

typedef struct {
  const char *name;
  HysacPolicyKind kind;
  guint64 least, most;        /* TIME and COUNT, both inclusive */
  double low, high;           /* NUMBER, both inclusive */
  const char *const *choices; /* CHOICE; ends with NULL */
} HysacPolicyKey;

typedef struct {
  gboolean set;   /* the file has the key; the rest is 0 where it has not */
  guint64 whole;  /* TIME (ns), COUNT, CHOICE (index into choices) */
  double number;  /* NUMBER */
} HysacPolicyValue;

/*
 * Fills @values, one for each of @n keys, and @title (the file's "name", or NULL; (transfer full)).
 * FALSE with @error: FORMAT for what is no JSON object, MODEL for a key or value that is not meant.
 * Messages name @name, the line where it can be told, and the key.
 */
HYSAC_API gboolean hysac_policy_file_parse(const char *text, gsize size, const char *name,
                                           const HysacPolicyKey *keys, guint n,
                                           HysacPolicyValue *values, char **title,
                                           GError **error);

/* The same for a file, errors IO too. */
HYSAC_API gboolean hysac_policy_file_load(const char *path, const HysacPolicyKey *keys, guint n,
                                          HysacPolicyValue *values, char **title, GError **error);

/* What a category's scores must reach for it to act: all that are set. */
typedef struct {
  gboolean set, has_cone, has_inner, has_lead;
  double cone;  /* at most */
  double inner; /* at least */
  double lead;  /* above */
  guint action; /* index into the choices of the key "action"; G_MAXUINT: the policy's own action */
} HysacCategoryRule;

/* The head decides too: a sample is unsafe by the region or by it. */
typedef struct {
  gboolean set, has_threshold;
  double threshold; /* in (0, 1]; else the head's own */
  guint action;     /* as of a category */
} HysacHeadRule;

/* A file's "categories", "concepts" and "head". */
typedef struct {
  HysacCategoryRule categories[HYSAC_N_CATEGORIES];
  HysacHeadRule head;
  HysacConcepts *concepts; /* NULL: the model's */
} HysacPolicyRules;

HYSAC_API void hysac_policy_rules_clear(HysacPolicyRules *rules);
HYSAC_API void hysac_policy_rules_copy(HysacPolicyRules *to, const HysacPolicyRules *from); /* @to: to be cleared */
/* Whether any rule acts. */
HYSAC_API gboolean hysac_policy_rules_any(const HysacPolicyRules *rules);
/* A score that is no number, of a category that is scored, reaches everything. */
HYSAC_API gboolean hysac_category_rule_acts(const HysacCategoryRule *rule, const HysacCategoryScore *score);
/* Whether the concepts can serve the rules: a rule's category has unsafe ones, and safe ones where it asks for a
 * lead. @concepts: (nullable). FALSE and @error (MODEL). */
HYSAC_API gboolean hysac_policy_rules_check(const HysacPolicyRules *rules, HysacConcepts *concepts, GError **error);

/* hysac_policy_file_load() for who acts by categories too, which the others refuse as no key. @rules: (out): to be
 * cleared; zeroed on failure. A file may be as large as HYSAC_POLICY_FILE_MAX_SIZE in any case; concepts with points
 * belong into the model or a concepts file. */
HYSAC_API gboolean hysac_policy_file_parse_rules(const char *text, gsize size, const char *name,
                                                 const HysacPolicyKey *keys, guint n, HysacPolicyValue *values,
                                                 char **title, HysacPolicyRules *rules, GError **error);
HYSAC_API gboolean hysac_policy_file_load_rules(const char *path, const HysacPolicyKey *keys, guint n,
                                                HysacPolicyValue *values, char **title, HysacPolicyRules *rules,
                                                GError **error);

/* "200ms", "1.5s": digits with at most one point, then ns, us, ms, s, min or h, exact in ns. */
HYSAC_API gboolean hysac_policy_parse_time(const char *text, guint64 *ns);

G_END_DECLS
