/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The paths that an edge follows: see syn-upstream-path.h, which says which thread has what. */
#define G_LOG_DOMAIN "syn-upstream"
#include "syn-upstream-path.h"

#include <string.h>
#include "replica-hash.h"
#include "replica-wire.h"
#include "syn-silo-beacon.h"

#define LITERAL "-._~!$'()*,;:@/"

struct _SynUpstreamPaths {
  gint refs; /* atomic */
  const SynUpwardOps *ops; /* (static) */
  gpointer data;
  gint64 confirmed_ms; /* atomic */
  GMutex mutex;
  GHashTable *by_text; /* (owned): text → SynUpstreamPath (no reference): those that somebody has */
};

typedef struct {
  SynParcel parcel;
  SynUpstreamPath *path; /* (owned) */
  guint generation;
  SynUpward upward;
} Told;

SynUpstreamPaths *
syn_upstream_paths_new (const SynUpwardOps *ops, gpointer data)
{
  SynUpstreamPaths *self = g_new0 (SynUpstreamPaths, 1);

  self->refs = 1;
  self->ops = ops;
  self->data = data;
  self->confirmed_ms = -1;
  g_mutex_init (&self->mutex);
  self->by_text = g_hash_table_new (replica_hash_text, g_str_equal);
  return self;
}

SynUpstreamPaths *
syn_upstream_paths_ref (SynUpstreamPaths *self)
{
  g_atomic_int_inc (&self->refs);
  return self;
}

void
syn_upstream_paths_unref (SynUpstreamPaths *self)
{
  if (!g_atomic_int_dec_and_test (&self->refs))
    return;
  g_hash_table_unref (self->by_text);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

void
syn_upstream_paths_set_confirmed_ms (SynUpstreamPaths *self, gint64 confirmed_ms)
{
  __atomic_store_n (&self->confirmed_ms, confirmed_ms, __ATOMIC_RELAXED);
}

guint
syn_upstream_paths_count (SynUpstreamPaths *self)
{
  guint n;

  g_mutex_lock (&self->mutex);
  n = g_hash_table_size (self->by_text);
  g_mutex_unlock (&self->mutex);
  return n;
}

/* ---- one path ---- */

SynUpstreamPath *
syn_upstream_path_get (SynUpstreamPaths *paths, const char *text)
{
  SynUpstreamPath *self;

  g_mutex_lock (&paths->mutex);
  self = g_hash_table_lookup (paths->by_text, text);
  if (self != NULL)
    g_atomic_int_inc (&self->refs);
  else
    {
      self = g_new0 (SynUpstreamPath, 1);
      self->refs = 1;
      self->paths = syn_upstream_paths_ref (paths);
      self->text = g_strdup (text);
      self->confirmed_ms = -1;
      g_hash_table_insert (paths->by_text, self->text, self);
    }
  g_mutex_unlock (&paths->mutex);
  return self;
}

SynUpstreamPath *
syn_upstream_path_ref (SynUpstreamPath *self)
{
  g_atomic_int_inc (&self->refs);
  return self;
}

/* The last one lets go under the lock: nobody finds it meanwhile. */
void
syn_upstream_path_unref (SynUpstreamPath *self)
{
  SynUpstreamPaths *paths = self->paths;
  gboolean last;

  g_mutex_lock (&paths->mutex);
  last = g_atomic_int_dec_and_test (&self->refs);
  if (last)
    g_hash_table_remove (paths->by_text, self->text);
  g_mutex_unlock (&paths->mutex);
  if (!last)
    return;
  g_free (self->text);
  g_free (self);
  syn_upstream_paths_unref (paths);
}

void
syn_upstream_path_set_age (SynUpstreamPath *self, gboolean live, gint64 confirmed_ms, gint64 from_ms)
{
  __atomic_store_n (&self->confirmed_ms, confirmed_ms, __ATOMIC_RELAXED);
  __atomic_store_n (&self->from_ms, from_ms, __ATOMIC_RELAXED);
  __atomic_store_n (&self->live, live, __ATOMIC_RELEASE);
}

guint
syn_upstream_path_get_age_ms (SynUpstreamPath *self, gint64 now_ms)
{
  gboolean live = __atomic_load_n (&self->live, __ATOMIC_ACQUIRE);
  gint64 confirmed_ms = __atomic_load_n (&self->confirmed_ms, __ATOMIC_RELAXED);
  gint64 heard_ms = __atomic_load_n (&self->paths->confirmed_ms, __ATOMIC_RELAXED);

  if (live && heard_ms >= __atomic_load_n (&self->from_ms, __ATOMIC_RELAXED))
    confirmed_ms = MAX (confirmed_ms, heard_ms);
  return confirmed_ms < 0 ? 0 : (guint) CLAMP (now_ms - confirmed_ms, 0, (gint64) G_MAXUINT32);
}

void
syn_upstream_path_follow (SynUpstreamPath *self, SynLane *lane)
{
  self->paths->ops->follow (self, ++self->generation, lane, self->paths->data);
}

void
syn_upstream_path_leave (SynUpstreamPath *self)
{
  self->paths->ops->leave (self, ++self->generation, self->paths->data);
}

void
syn_upstream_path_forget (SynUpstreamPath *self)
{
  self->generation++;
  self->paths->ops->forget (self, self->paths->data);
}

void
syn_upward_clear (SynUpward *self)
{
  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
  g_clear_error (&self->error);
}

static void
run_told (SynLane *lane, SynParcel *parcel)
{
  Told *told = (Told *) parcel;

  if (told->path->beacon != NULL && told->generation == told->path->generation)
    syn_silo_beacon_told (told->path->beacon, &told->upward);
  syn_upward_clear (&told->upward);
  syn_upstream_path_unref (told->path);
  g_free (told);
}

void
syn_upstream_path_tell (SynUpstreamPath *self, guint generation, SynLane *lane, SynUpward *upward)
{
  Told *told = g_new0 (Told, 1);

  told->parcel.run = run_told;
  told->path = syn_upstream_path_ref (self);
  told->generation = generation;
  told->upward = *upward;
  memset (upward, 0, sizeof *upward);
  syn_lane_post (lane, &told->parcel);
}

/* ---- spelling ---- */

/* One character as sent, at @at: how many bytes it took; 0: no character (a wrong escape). */
static guint
read_char (const char *at, gboolean is_query, guchar *c)
{
  int high, low;

  *c = (guchar) *at;
  if (*at == '+' && is_query)
    *c = ' ';
  if (*at != '%')
    return 1;
  high = g_ascii_xdigit_value (at[1]);
  low = high >= 0 ? g_ascii_xdigit_value (at[2]) : -1;
  if (low < 0 || high + low == 0)
    return 0;
  *c = (guchar) (high << 4 | low);
  return 3;
}

static void
append_char (GString *text, guchar c, gboolean is_query)
{
  if (c == ' ' && is_query)
    g_string_append_c (text, '+');
  else if (g_ascii_isalnum (c) || (c != '\0' && strchr (LITERAL, c) != NULL) || (is_query && (c == '=' || c == '?')))
    g_string_append_c (text, (char) c);
  else
    g_string_append_printf (text, "%%%02X", c);
}

/* FALSE: it has a wrong escape. */
static gboolean
append_part (GString *text, const char *part, gboolean is_query)
{
  for (const char *at = part; *at != '\0';)
    {
      guchar c;
      guint n = read_char (at, is_query, &c);

      if (n == 0)
        return FALSE;
      append_char (text, c, is_query);
      at += n;
    }
  return TRUE;
}

static int
compare_texts (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

char *
syn_upstream_path_normalize (const char *path)
{
  g_auto (GStrv) halves = g_strsplit (path, "?", 2);
  g_autoptr (GString) text = g_string_new (NULL);
  g_auto (GStrv) params = NULL;

  if (halves[0] == NULL || !append_part (text, halves[0], FALSE))
    return g_strdup (path); /* the upstream says what is wrong with it */
  if (halves[1] != NULL)
    {
      params = g_strsplit (halves[1], "&", -1);
      for (guint i = 0; params[i] != NULL; i++)
        {
          g_autoptr (GString) param = g_string_new (NULL);

          if (!append_part (param, params[i], TRUE))
            return g_strdup (path);
          g_free (params[i]);
          params[i] = g_strdup (param->str);
        }
      qsort (params, g_strv_length (params), sizeof *params, compare_texts); /* in one spelling, that is in one order */
      for (guint i = 0; params[i] != NULL; i++)
        g_string_append_printf (text, "%c%s", i == 0 ? '?' : '&', params[i]);
    }
  return text->len <= REPLICA_WIRE_PATH_MAX ? g_string_free (g_steal_pointer (&text), FALSE) : g_strdup (path);
}
