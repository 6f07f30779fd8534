/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include <json-glib/json-glib.h>

#include "ctl-load-server.h"
#include "ctl-load-swarm.h"

/* What a load test was asked, and what came of it; and its forms. One thread. */

G_BEGIN_DECLS

typedef enum
{
  CTL_LOAD_HOT,
  CTL_LOAD_NEW_PROJECTIONS,
  CTL_LOAD_STORM
} CtlLoadMode;

/* What was seen in the time up to @at_s. */
typedef struct
{
  double at_s, seconds; /* since the start; how long it was */
  const char *phase;    /* (static) */
  guint connected, ready, questions;
  double deliveries_per_s, bytes_per_s;
  double server_cpu, own_cpu; /* of one core */
  guint64 rss_bytes;
  gint64 age_p50_us, age_p99_us; /* of what arrived in this time; 0: nothing did */
} CtlLoadSample;

typedef struct
{
  double seconds;       /* until all views had a snapshot again; 0: not all had */
  guint64 rss_before_bytes, rss_peak_bytes, rss_after_bytes;
} CtlLoadStorm;

typedef struct
{
  CtlLoadMode mode;
  const char *server, *path; /* as asked */
  CtlSwarmConfig config;
  double duration_s, warm_up_s;
  guint64 max_growth_bytes; /* 0: no bound */

  gint64 began_us; /* since 1970 */
  gint64 clock_offset_us, clock_error_us;
  gboolean interrupted;
  const char *stopped_by; /* (static) (nullable): what ended it before its time */

  double connect_s;         /* from the start until all had their first snapshot, or it was given up */
  CtlSwarmReading connect;  /* of that time */
  CtlSwarmReading measured; /* of @measured_s after the warm-up; its errors are those of the whole run */
  double measured_s;
  double server_cpu_s, own_cpu_s; /* in that time */

  guint64 rss_before_bytes, rss_ready_bytes, rss_peak_bytes, rss_after_bytes, own_rss_bytes;
  guint questions_before, questions_peak, questions_after;
  double settle_s; /* how long it was waited for the memory to come back */
  GArray *storms;  /* (owned) CtlLoadStorm */
  double calm_s;   /* the median of how long a snapshot took to all, undisturbed; 0: not known */
  GArray *samples; /* (owned) CtlLoadSample */
} CtlLoadResult;

/* Views that did not have what they asked for at the end, and errors that no server may answer with: both 0 when all went well. */
guint64 ctl_load_result_count_failed (const CtlLoadResult *self);
/* The median of the storms; 0: one did not end. */
double ctl_load_result_storm_s (const CtlLoadResult *self);
const char *ctl_load_mode_to_string (CtlLoadMode mode);

/* Memory of the server for each view, of what it grew by. */
double ctl_load_result_bytes_per_view (const CtlLoadResult *self);

/* Runs it: fills in all but what was asked. FALSE with an error when it could not begin, or the server went away. Says how it goes on
 * standard error, unless @quiet. */
gboolean ctl_load_run (CtlLoadResult *self, guint n_storms, double settle_s, gboolean quiet, GError **error);
void ctl_load_result_clear (CtlLoadResult *self);

void ctl_load_print_text (const CtlLoadResult *self, FILE *out);
JsonNode *ctl_load_make_json (const CtlLoadResult *self); /* (transfer full) */
char *ctl_load_make_html (const CtlLoadResult *self);     /* (transfer full): a page of its own */

/* "1.23 ms", "12.3 MB", "1,234,567"; into a buffer of 32 bytes, which is returned. */
#define CTL_LOAD_NUMBER_MAX 32
const char *ctl_load_format_us (char *out, double us);
const char *ctl_load_format_bytes (char *out, double bytes);
const char *ctl_load_format_count (char *out, double count);

G_END_DECLS
