/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is damaged in a journal becomes something that its readers go on after, and what was lost with it is named.
 *
 * Walks each log in the order of its numbers. A row whose checksum does not match, and a number that is not there, is a hole. What was in a hole is told
 * by what is around it: a source's events are numbered without gaps, so the next batch of that source says which are missing; the next epoch says how many claims there were.
 * At the end of a log nothing comes after, and what the row itself says is believed when it would fit. Each hole becomes a record: events that are
 * lost, a claim, or nothing (a tick).
 *
 * Rejected: taking out what comes after a damaged record (it is whole), a record that a server steps over by itself (what was acknowledged would be lost, and
 * nobody told). */
#include "syn-journal-editor.h"

#include <string.h>

#include "syn-disk-text.h"
#include "syn-error.h"
#include "syn-limits.h"

#define MAX_HOLES (1u << 20) /* of one log: beyond, it is no log any more */
#define MAX_JUMP 65536       /* a damaged row that is so far beyond the one before: its number is what is damaged */

typedef struct {
  gint64 id;        /* of the damaged row; 0: there is none */
  guint64 sequence;
  char *source;     /* (owned) (nullable): as the row says */
  guint64 first;    /* likewise */
  guint64 n;        /* likewise */
  SynJournalRecord mark; /* what becomes of it; its source is (owned) */
} Hole;

typedef struct {
  guint64 next;     /* sequence of the next event */
  guint64 record;   /* the last that it has */
} Known;

typedef struct {
  SynJournalEditor *editor;
  void (*tell) (const char *what, gpointer user_data);
  gpointer user_data;
  SynJournalRepaired *repaired;
  /* of the log that is walked */
  int partition;        /* -1: none yet */
  guint64 next;         /* record */
  guint64 epoch;        /* of the last whole record; 0: there was none */
  gint64 time_us;       /* likewise */
  GArray *holes;        /* (owned) */
  guint n_closed;       /* holes that a whole record came after */
  GHashTable *sources;  /* (owned): name → Known */
} Repair;

static void
hole_clear (gpointer data)
{
  Hole *hole = data;

  g_free (hole->source);
  g_free (hole->mark.source);
}

static void say (Repair *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
say (Repair *self, const char *format, ...)
{
  g_autofree char *what = NULL, *line = NULL, *shown = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  line = g_strdup_printf ("%s: partition %d: %s", syn_journal_editor_get_path (self->editor), self->partition, what);
  shown = syn_disk_text (line);
  self->tell (shown, self->user_data);
}

static gboolean
execute (Repair *self, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);

static gboolean
execute (Repair *self, GError **error, const char *format, ...)
{
  g_autofree char *sql = NULL;
  va_list args;

  va_start (args, format);
  sql = g_strdup_vprintf (format, args);
  va_end (args);
  return sqlite3_exec (syn_journal_editor_get_db (self->editor), sql, NULL, NULL, NULL) == SQLITE_OK
         || syn_journal_editor_fail (self->editor, error, "repair it");
}

/* ---- what was in holes ---- */

static void
become_lost (Hole *hole, const char *source, guint64 first, guint64 n)
{
  g_free (hole->mark.source);
  hole->mark.source = g_strdup (source);
  hole->mark.kind = SYN_RECORD_LOST;
  hole->mark.first_sequence = first;
  hole->mark.n_events = (guint) n;
}

/* Events of @source are missing before a batch. They were in holes since its last record: in the one that says it was of that source, or else in the first
 * that is not taken yet. */
static gboolean
put_lost (Repair *self, const char *source, const Known *known, guint64 upto)
{
  Hole *best = NULL;

  if (upto - known->next > G_MAXUINT)
    return FALSE;
  for (guint i = 0; i < self->holes->len; i++)
    {
      Hole *hole = &g_array_index (self->holes, Hole, i);

      if (hole->sequence <= known->record || hole->mark.kind != SYN_RECORD_TICK)
        continue;
      if (best == NULL || (g_strcmp0 (hole->source, source) == 0 && g_strcmp0 (best->source, source) != 0))
        best = hole;
    }
  if (best == NULL)
    return FALSE;
  become_lost (best, source, known->next, upto - known->next);
  return TRUE;
}

static void
note_events (Repair *self, const SynJournalRecord *record)
{
  Known *known = g_hash_table_lookup (self->sources, record->source);

  if (known == NULL)
    {
      known = g_new0 (Known, 1);
      g_hash_table_insert (self->sources, g_strdup (record->source), known);
    }
  else if (record->first_sequence > known->next && !put_lost (self, record->source, known, record->first_sequence))
    say (self, "events %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " of source \"%s\" are missing before record %" G_GUINT64_FORMAT ", and no record is: this is left as it is",
         known->next, record->first_sequence - 1, record->source, record->sequence);
  known->next = record->first_sequence + record->n_events;
  known->record = record->sequence;
}

/* Holes before a whole record: their epochs, and the claims among them. */
static void
close_holes (Repair *self, const SynJournalRecord *record)
{
  guint64 last = record->epoch - (record->kind == SYN_RECORD_CLAIM ? 1 : 0), epoch = self->epoch != 0 ? self->epoch : MAX (last, 1);

  for (guint i = self->n_closed; i < self->holes->len; i++)
    {
      Hole *hole = &g_array_index (self->holes, Hole, i);

      if (epoch < last)
        {
          epoch++;
          hole->mark.kind = SYN_RECORD_CLAIM;
        }
      hole->mark.epoch = epoch;
      hole->mark.time_us = self->time_us != 0 ? self->time_us : record->time_us;
    }
  self->n_closed = self->holes->len;
}

/* After the last whole record: what the rows say, where it would fit. */
static void
close_end (Repair *self)
{
  for (guint i = 0; i < self->holes->len; i++)
    {
      Hole *hole = &g_array_index (self->holes, Hole, i);
      Known *known = hole->source != NULL ? g_hash_table_lookup (self->sources, hole->source) : NULL;

      if (i >= self->n_closed)
        {
          hole->mark.epoch = MAX (self->epoch, 1);
          hole->mark.time_us = self->time_us;
        }
      if (hole->mark.kind != SYN_RECORD_TICK || known == NULL || hole->first != known->next || hole->n == 0 || hole->n > SYN_MAX_EVENTS_PER_BATCH)
        continue;
      become_lost (hole, hole->source, hole->first, hole->n);
      known->next += hole->n;
    }
}

static void
tell_hole (Repair *self, const Hole *hole)
{
  const char *what = hole->id != 0 ? "is damaged" : "is missing";

  self->repaired->n_records++;
  switch (hole->mark.kind)
    {
    case SYN_RECORD_LOST:
      self->repaired->n_events += hole->mark.n_events;
      say (self, "record %" G_GUINT64_FORMAT " %s: events %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " of source \"%s\" are lost", hole->sequence, what,
           hole->mark.first_sequence, hole->mark.first_sequence + hole->mark.n_events - 1, hole->mark.source);
      break;
    case SYN_RECORD_CLAIM:
      say (self, "record %" G_GUINT64_FORMAT " %s: it was the mark of an owner; nothing is lost", hole->sequence, what);
      break;
    default:
      self->repaired->n_unknown++;
      if (hole->source != NULL && hole->source[0] != '\0')
        say (self, "record %" G_GUINT64_FORMAT " %s: what it had is not known; it says: events of source \"%s\"", hole->sequence, what, hole->source);
      else
        say (self, "record %" G_GUINT64_FORMAT " %s: what it had is not known; no events of a source that others follow", hole->sequence, what);
      break;
    }
}

static gboolean
write_hole (Repair *self, Hole *hole, GError **error)
{
  sqlite3 *db = syn_journal_editor_get_db (self->editor);
  sqlite3_stmt *statement = NULL;
  gboolean done;

  if (hole->mark.source == NULL)
    hole->mark.source = g_strdup ("");
  hole->mark.sequence = hole->sequence;
  done = sqlite3_prepare_v2 (db,
                             hole->id != 0 ? "UPDATE record SET part=?1, seq=?2, epoch=?3, kind=?4, source=?5, first=?6, n=?7, time_us=?8, sum=?9, bytes=?10 WHERE id=?11"
                                           : "INSERT INTO record (" SYN_JOURNAL_RECORD_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                             -1, &statement, NULL)
         == SQLITE_OK;
  if (done)
    {
      syn_journal_format_bind_record (statement, (guint) self->partition, &hole->mark, 0);
      if (hole->id != 0)
        sqlite3_bind_int64 (statement, 11, hole->id);
      done = sqlite3_step (statement) == SQLITE_DONE;
    }
  if (!done)
    syn_journal_editor_fail (self->editor, error, "mark a record as lost");
  sqlite3_finalize (statement);
  return done;
}

static gboolean
end_log (Repair *self, GError **error)
{
  gboolean done = TRUE;

  close_end (self);
  for (guint i = 0; done && i < self->holes->len; i++)
    {
      Hole *hole = &g_array_index (self->holes, Hole, i);

      tell_hole (self, hole);
      done = write_hole (self, hole, error);
    }
  g_array_set_size (self->holes, 0);
  g_hash_table_remove_all (self->sources);
  self->n_closed = 0;
  self->epoch = 0;
  self->time_us = 0;
  return done;
}

/* ---- the walk ---- */

static gboolean
add_hole (Repair *self, guint64 sequence, sqlite3_stmt *statement, GError **error)
{
  Hole hole = { .sequence = sequence, .mark = { .kind = SYN_RECORD_TICK } };

  if (self->holes->len == MAX_HOLES)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INTERNAL,
                   "%s: partition %d: more than %u records are damaged or missing: restore a back-up", syn_journal_editor_get_path (self->editor),
                   self->partition, MAX_HOLES);
      return FALSE;
    }
  if (statement != NULL)
    {
      hole.id = sqlite3_column_int64 (statement, 10);
      hole.source = g_strdup ((const char *) sqlite3_column_text (statement, 4));
      hole.first = (guint64) sqlite3_column_int64 (statement, 5);
      hole.n = (guint64) sqlite3_column_int64 (statement, 6);
    }
  g_array_append_val (self->holes, hole);
  return TRUE;
}

static gboolean
take_row (Repair *self, sqlite3_stmt *statement, GError **error)
{
  g_autofree char *fault = NULL;
  guint64 sequence;
  guint partition;
  g_autoptr (SynJournalRecord) record = syn_journal_format_read_record (statement, &partition, &sequence, &fault);

  if (self->partition != (int) partition)
    {
      if (self->partition >= 0 && !end_log (self, error))
        return FALSE;
      self->partition = (int) partition;
      self->next = sequence;
    }
  if (record == NULL && sequence - self->next > MAX_JUMP)
    {
      say (self, "record %" G_GUINT64_FORMAT " is damaged, in its number too: it is removed", sequence);
      return execute (self, error, "DELETE FROM record WHERE id=%" G_GINT64_FORMAT, (gint64) sqlite3_column_int64 (statement, 10));
    }
  for (; self->next < sequence; self->next++)
    if (!add_hole (self, self->next, NULL, error))
      return FALSE;
  self->next = sequence + 1;
  if (record == NULL)
    return add_hole (self, sequence, statement, error);
  close_holes (self, record);
  self->epoch = record->epoch;
  self->time_us = record->time_us;
  if (record->kind == SYN_RECORD_BATCH || record->kind == SYN_RECORD_LOST)
    note_events (self, record);
  return TRUE;
}

static gboolean
walk (Repair *self, const char *sql, gboolean (*row) (Repair *self, sqlite3_stmt *statement, GError **error), GError **error)
{
  sqlite3_stmt *statement = NULL;
  int result = sqlite3_prepare_v2 (syn_journal_editor_get_db (self->editor), sql, -1, &statement, NULL);
  gboolean done = TRUE;

  while (done && result != SQLITE_DONE && (result == SQLITE_OK || result == SQLITE_ROW))
    if ((result = sqlite3_step (statement)) == SQLITE_ROW)
      done = row (self, statement, error);
  if (done && result != SQLITE_DONE)
    done = syn_journal_editor_fail (self->editor, error, "read it");
  sqlite3_finalize (statement);
  return done;
}

/* ---- the rest ---- */

static gboolean
check_checkpoint (Repair *self, sqlite3_stmt *statement, GError **error)
{
  g_autofree char *fault = NULL;
  g_autoptr (SynJournalCheckpoint) head = syn_journal_format_read_checkpoint (statement, &fault);
  g_autoptr (GBytes) bytes = NULL;
  gint64 id = sqlite3_column_int64 (statement, 0);
  sqlite3_stmt *pieces = NULL;

  if (head != NULL
      && sqlite3_prepare_v2 (syn_journal_editor_get_db (self->editor), "SELECT idx, sum, bytes FROM piece WHERE checkpoint=?1 ORDER BY idx", -1, &pieces, NULL)
           == SQLITE_OK)
    {
      sqlite3_bind_int64 (pieces, 1, id);
      bytes = syn_journal_format_read_pieces (pieces, head, &fault);
    }
  sqlite3_finalize (pieces);
  if (bytes != NULL)
    return TRUE;
  self->partition = sqlite3_column_int (statement, 1);
  self->repaired->n_checkpoints++;
  say (self, "checkpoint \"%s\" of record %" G_GINT64_FORMAT " is damaged, and is removed: %s", (const char *) sqlite3_column_text (statement, 2),
       (gint64) sqlite3_column_int64 (statement, 4), fault != NULL ? fault : "its pieces cannot be read");
  return execute (self, error, "DELETE FROM checkpoint WHERE id=%" G_GINT64_FORMAT "; DELETE FROM piece WHERE checkpoint=%" G_GINT64_FORMAT, id, id);
}

static gboolean
check_hold (Repair *self, sqlite3_stmt *statement, GError **error)
{
  guint partition = (guint) sqlite3_column_int64 (statement, 0);
  const char *name = (const char *) sqlite3_column_text (statement, 1);

  if (name == NULL || sqlite3_column_int64 (statement, 3) == (gint64) syn_journal_format_hold_sum (partition, name, (guint64) sqlite3_column_int64 (statement, 2)))
    return TRUE;
  self->partition = (int) partition;
  self->repaired->n_holds++;
  say (self, "hold \"%s\" is damaged: it holds everything from now on, until its reader says otherwise", name);
  {
    char *sql = sqlite3_mprintf ("UPDATE hold SET seq=1, sum=%u WHERE part=%u AND name=%Q", syn_journal_format_hold_sum (partition, name, 1), partition, name);
    gboolean done = sqlite3_exec (syn_journal_editor_get_db (self->editor), sql, NULL, NULL, NULL) == SQLITE_OK
                    || syn_journal_editor_fail (self->editor, error, "repair it");

    sqlite3_free (sql);
    return done;
  }
}

static gboolean
check_structure (Repair *self, sqlite3_stmt *statement, GError **error)
{
  g_autofree char *text = syn_disk_text ((const char *) sqlite3_column_text (statement, 0));

  if (strcmp (text, "ok") == 0)
    return TRUE;
  g_set_error (error, SYN_ERROR, SYN_ERROR_INTERNAL,
               "%s: SQLite's own structure is damaged, which cannot be repaired here: %s; restore a back-up",
               syn_journal_editor_get_path (self->editor), text);
  return FALSE;
}

gboolean
syn_journal_editor_repair (SynJournalEditor *editor, void (*tell) (const char *what, gpointer user_data), gpointer user_data,
                           SynJournalRepaired *repaired, GError **error)
{
  g_autoptr (GArray) holes = g_array_new (FALSE, FALSE, sizeof (Hole));
  g_autoptr (GHashTable) sources = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  Repair self = { .editor = editor, .tell = tell, .user_data = user_data, .repaired = repaired, .partition = -1, .holes = holes, .sources = sources };

  *repaired = (SynJournalRepaired){ 0 };
  g_array_set_clear_func (holes, hole_clear);
  if (!walk (&self, "PRAGMA integrity_check(1)", check_structure, error)
      || !walk (&self, "SELECT " SYN_JOURNAL_RECORD_COLUMNS ", id FROM record ORDER BY part, seq", take_row, error)
      || (self.partition >= 0 && !end_log (&self, error))
      || !walk (&self, "SELECT " SYN_JOURNAL_CHECKPOINT_COLUMNS " FROM checkpoint ORDER BY part, name, id", check_checkpoint, error)
      || !walk (&self, "SELECT part, name, seq, sum FROM hold ORDER BY part, name", check_hold, error))
    return FALSE;
  return execute (&self, error, "PRAGMA user_version=%d", SYN_JOURNAL_SCHEMA);
}
