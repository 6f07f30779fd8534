/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

void
answer_clear (Answer *self)
{
  g_clear_pointer (&self->text, g_free);
  g_clear_pointer (&self->reminders, g_ptr_array_unref);
  g_clear_error (&self->error);
}

SynSilo *
store_silo_new (SynStore *store)
{
  g_autoptr (GError) error = NULL;
  SynSilo *silo = syn_silo_new_stepped (2, NULL, &error);

  g_assert_no_error (error);
  syn_silo_set_store (silo, store);
  g_assert_true (syn_silo_start (silo, NULL, &error));
  syn_silo_settle (silo); /* it reads its reminders */
  return silo;
}

static void
answered (SynStoreRequest *request, gpointer user_data)
{
  Answer *answer = user_data;

  answer->etag = request->etag;
  answer->reminders = g_steal_pointer (&request->reminders);
  answer->error = g_steal_pointer (&request->error);
  if (request->bytes != NULL)
    {
      gconstpointer bytes = g_bytes_get_data (request->bytes, &answer->size);

      answer->text = g_malloc0 (answer->size + 1);
      if (answer->size > 0)
        memcpy (answer->text, bytes, answer->size);
    }
}

void
store_ask (SynSilo *silo, Answer *answer, SynStoreVerb verb, const char *key, const char *name, const char *text, guint64 etag)
{
  SynStoreRequest *request = syn_store_request_new (syn_silo_get_front_lane (silo), verb, "t", key, name, answered, answer);

  request->etag = etag;
  request->bytes = text != NULL ? g_bytes_new (text, strlen (text)) : NULL;
  syn_store_submit (syn_silo_get_store (silo), request);
}

guint64
store_write (SynSilo *silo, const char *key, const char *name, const char *text, guint64 etag)
{
  g_auto (Answer) answer = { 0 };

  store_ask (silo, &answer, SYN_STORE_WRITE, key, name, text, etag);
  syn_silo_settle (silo);
  g_assert_no_error (answer.error);
  g_assert_cmpuint (answer.etag, !=, 0);
  return answer.etag;
}

Answer
store_read (SynSilo *silo, const char *key, const char *name)
{
  Answer answer = { .etag = 99999 };

  store_ask (silo, &answer, SYN_STORE_READ, key, name, NULL, 0);
  syn_silo_settle (silo);
  return answer;
}

static gint
compare_reminders (gconstpointer a, gconstpointer b)
{
  const SynStoreReminder *x = *(gpointer *) a, *y = *(gpointer *) b;

  return strcmp (x->name, y->name);
}

Answer
store_list (SynSilo *silo, guint partition)
{
  Answer answer = { 0 };

  syn_store_submit (syn_silo_get_store (silo),
                    syn_store_request_new_list (syn_silo_get_front_lane (silo), partition, answered, &answer));
  syn_silo_settle (silo);
  g_assert_no_error (answer.error);
  g_ptr_array_sort (answer.reminders, compare_reminders);
  return answer;
}

void
store_set_reminder (SynSilo *silo, const char *key, const char *name, gint64 due_ms, guint64 period_ms)
{
  g_auto (Answer) answer = { 0 };
  SynStoreRequest *request
    = syn_store_request_new (syn_silo_get_front_lane (silo), SYN_STORE_SET_REMINDER, "t", key, name, answered, &answer);

  request->due_ms = due_ms;
  request->period_ms = period_ms;
  syn_store_submit (syn_silo_get_store (silo), request);
  syn_silo_settle (silo);
  g_assert_no_error (answer.error);
}

/* ---- folders ---- */

char *
store_folder_new (void)
{
  char *folder = g_dir_make_tmp ("syn-store-XXXXXX", NULL);

  g_assert_nonnull (folder);
  return folder;
}

void
store_folder_remove (char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_unlink (path);
    }
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  g_free (folder);
}

/* ---- the broken VFS ---- */

typedef struct {
  sqlite3_file base;
  gboolean is_log;
  sqlite3_file *real; /* follows */
} BrokenFile;

BrokenVfs broken_vfs;
static sqlite3_vfs *usual;

#define REAL(file) (((BrokenFile *) (file))->real)
#define CALL(file, method, ...) (REAL (file)->pMethods->method (REAL (file), ##__VA_ARGS__))

static int
broken_close (sqlite3_file *file)
{
  return CALL (file, xClose);
}

static int
broken_read (sqlite3_file *file, void *buffer, int n, sqlite3_int64 offset)
{
  if (broken_vfs.read_result != SQLITE_OK && !((BrokenFile *) file)->is_log && broken_vfs.n_reads_left-- == 0)
    {
      broken_vfs.n_reads_left = 0;
      return broken_vfs.read_result;
    }
  return CALL (file, xRead, buffer, n, offset);
}

static int
broken_write (sqlite3_file *file, const void *buffer, int n, sqlite3_int64 offset)
{
  if (broken_vfs.write_result != SQLITE_OK && broken_vfs.n_writes_left == 0)
    return broken_vfs.write_result;
  if (broken_vfs.n_writes_left > 0)
    broken_vfs.n_writes_left--;
  if (((BrokenFile *) file)->is_log)
    g_atomic_int_inc (&broken_vfs.unsynced);
  return CALL (file, xWrite, buffer, n, offset);
}

static int
broken_truncate (sqlite3_file *file, sqlite3_int64 size)
{
  return CALL (file, xTruncate, size);
}

static int
broken_sync (sqlite3_file *file, int flags)
{
  if (broken_vfs.sync_result != SQLITE_OK)
    return broken_vfs.sync_result;
  if (((BrokenFile *) file)->is_log)
    g_atomic_int_set (&broken_vfs.unsynced, 0);
  return CALL (file, xSync, flags);
}

static int
broken_size (sqlite3_file *file, sqlite3_int64 *size)
{
  return CALL (file, xFileSize, size);
}

static int
broken_lock (sqlite3_file *file, int lock)
{
  return CALL (file, xLock, lock);
}

static int
broken_unlock (sqlite3_file *file, int lock)
{
  return CALL (file, xUnlock, lock);
}

static int
broken_reserved (sqlite3_file *file, int *result)
{
  return CALL (file, xCheckReservedLock, result);
}

static int
broken_control (sqlite3_file *file, int op, void *argument)
{
  if (op == SQLITE_FCNTL_LAST_ERRNO && broken_vfs.last_errno != 0)
    {
      *(int *) argument = broken_vfs.last_errno;
      return SQLITE_OK;
    }
  return CALL (file, xFileControl, op, argument);
}

static int
broken_sector (sqlite3_file *file)
{
  return CALL (file, xSectorSize);
}

static int
broken_device (sqlite3_file *file)
{
  return CALL (file, xDeviceCharacteristics);
}

static int
broken_shm_map (sqlite3_file *file, int page, int size, int extend, void volatile **map)
{
  return CALL (file, xShmMap, page, size, extend, map);
}

static int
broken_shm_lock (sqlite3_file *file, int offset, int n, int flags)
{
  return CALL (file, xShmLock, offset, n, flags);
}

static void
broken_shm_barrier (sqlite3_file *file)
{
  CALL (file, xShmBarrier);
}

static int
broken_shm_unmap (sqlite3_file *file, int remove)
{
  return CALL (file, xShmUnmap, remove);
}

static const sqlite3_io_methods broken_methods = {
  2, broken_close, broken_read, broken_write, broken_truncate, broken_sync, broken_size, broken_lock, broken_unlock, broken_reserved,
  broken_control, broken_sector, broken_device, broken_shm_map, broken_shm_lock, broken_shm_barrier, broken_shm_unmap,
};

static int
broken_open (sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
  BrokenFile *self = (BrokenFile *) file;
  int result;

  self->real = (sqlite3_file *) (self + 1);
  self->is_log = (flags & SQLITE_OPEN_WAL) != 0;
  self->base.pMethods = NULL;
  if (broken_vfs.read_only)
    {
      if ((flags & SQLITE_OPEN_MAIN_DB) == 0)
        return SQLITE_CANTOPEN;
      flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    }
  result = usual->xOpen (usual, name, self->real, flags, out_flags);
  if (result == SQLITE_OK)
    self->base.pMethods = &broken_methods;
  return result;
}

void
broken_vfs_register (void)
{
  static sqlite3_vfs vfs;

  usual = sqlite3_vfs_find (NULL);
  vfs = *usual;
  vfs.pNext = NULL;
  vfs.zName = BROKEN_VFS;
  vfs.szOsFile = (int) sizeof (BrokenFile) + usual->szOsFile;
  vfs.xOpen = broken_open;
  g_assert_cmpint (sqlite3_vfs_register (&vfs, FALSE), ==, SQLITE_OK);
}

/* ---- warnings ---- */

char *last_warning;
GString *all_warnings;

static GLogWriterOutput
catch_warning (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if ((level & G_LOG_LEVEL_MASK) != G_LOG_LEVEL_WARNING)
    return g_log_writer_default (level, fields, n_fields, user_data);
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      {
        g_free (last_warning);
        last_warning = g_strdup (fields[i].value);
        g_string_append_printf (all_warnings, "%s\n", last_warning);
      }
  return G_LOG_WRITER_HANDLED;
}

void
store_catch_warnings (void)
{
  if (all_warnings == NULL)
    all_warnings = g_string_new (NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  g_log_set_writer_func (catch_warning, NULL, NULL);
}

void
store_forget_warnings (void)
{
  g_clear_pointer (&last_warning, g_free);
  if (all_warnings != NULL)
    g_string_truncate (all_warnings, 0);
}
