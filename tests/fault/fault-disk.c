/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk that fails, for a real synopticd that knows nothing of it: LD_PRELOADed, stands before the calls of libc by which SQLite and the silo
 * write into one flat folder (the data folder), counts them, and at the Nth ends the process or the power, or lets calls fail.
 *
 * Environment:
 *   FAULT_DISK_FOLDER   what is watched: files right in it, and itself. Must exist. Without it nothing is done at all.
 *   FAULT_DISK_CONTROL  a file of NAME=VALUE lines (below), looked at before each call: put there by rename(), it counts from then on.
 *   FAULT_DISK_TRACE    (optional) a file that gets a line per write point: count, kind, file, bytes.
 *   FAULT_DISK_SHADOW   (optional) an empty folder: is kept as what the disk has, so that the power can be cut. Outlives the process, so that
 *                       what one process wrote and did not flush can be lost in the life of the next.
 * Control:
 *   mode=count    nothing; or: before, after, torn (half of the bytes, then the end; kinds that have none: as before), power, fail
 *   match=LIST    which calls count: patterns of "KIND FILE" with semicolons between. Without it all but reads and opens
 *   at=N          the Nth of them since the control was read (1)
 *   calls=M       fail: so many fail; 0 (unless said): all, until the control changes
 *   errno=NAME    fail: EIO (unless said), ENOSPC, EROFS, EACCES. ENOSPC: of the first write half the bytes still find room
 *   seed=S        power: 0: all that was not flushed is lost; otherwise a subset of its sectors, and of the folder's changes all or none
 * Kinds: create (also what empties a file), open (to read), openw (to write), read, write, sync, truncate, rename, unlink. FILE is the name
 * within the folder, "." itself.
 *
 * The power. The shadow has what was flushed: of a file at its fsync() or fdatasync(), of names (made, replaced, removed) at the fsync() of the
 * folder, and not before: stricter than most file systems. A flush that fails leaves the shadow as it was, and what it should have written counts
 * as written from then on, as it does in the kernel: only what is written anew gets to the disk by a later flush. At the cut the shadow
 * replaces the folder. The call it comes at is still done, and may be lost; a flush is not.
 *
 * Not simulated: SQLite's -shm is memory mapped, and its stores are not seen (its making and growing are): it is left as it was, as is the
 * lock. SQLite makes it anew when nobody has the file open, whatever is in it. Writes through other maps, damage to what was flushed long ago,
 * folders below. Rejected: a FUSE file system or dm-flakey (want rights that a test has not), SQLite's own fault VFS (does not see what the
 * silo writes by itself, and would be in the product). */
#undef _FILE_OFFSET_BITS /* open() and open64() are to be two */
#include "fault-disk.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_FDS 65536
#define EXPORT __attribute__ ((visibility ("default")))

typedef enum { CREATE, OPEN, OPEN_WRITE, READ, WRITE, SYNC, TRUNCATE, RENAME, UNLINK } Kind;
typedef enum { COUNT, BEFORE, AFTER, TORN, POWER, FAIL } Mode;

static const char *const kinds[] = { "create", "open", "openw", "read", "write", "sync", "truncate", "rename", "unlink" };
static const char *const modes[] = { "count", "before", "after", "torn", "power", "fail" };

typedef struct {
  Mode mode;
  long at, calls;
  int error;
  unsigned long seed;
  char match[512];
} Control;

static size_t folder_length;
static dev_t device;
static const char *control_path, *trace_path;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Control control;
static struct stat control_stat;
static long n_matched, n_failed, n_points;
static bool watched[MAX_FDS]; /* may be: opened in the folder, perhaps closed since */

/* ---- control ---- */

static void
set (Control *to, const char *name, const char *value)
{
  static const struct { const char *name; int error; } errors[] = { { "EIO", EIO }, { "ENOSPC", ENOSPC }, { "EROFS", EROFS }, { "EACCES", EACCES } };

  if (strcmp (name, "mode") == 0)
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
      to->mode = strcmp (modes[i], value) == 0 ? (Mode) i : to->mode;
  else if (strcmp (name, "match") == 0)
    snprintf (to->match, sizeof to->match, "%s", value);
  else if (strcmp (name, "at") == 0)
    to->at = atol (value);
  else if (strcmp (name, "calls") == 0)
    to->calls = atol (value);
  else if (strcmp (name, "seed") == 0)
    to->seed = strtoul (value, NULL, 10);
  else if (strcmp (name, "errno") == 0)
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
      to->error = strcmp (errors[i].name, value) == 0 ? errors[i].error : to->error;
}

static void
read_control (void)
{
  struct stat now;
  char text[1024], *save = NULL;
  int fd;
  ssize_t n;

  if (control_path == NULL || stat (control_path, &now) != 0)
    return;
  if (now.st_ino == control_stat.st_ino && now.st_mtim.tv_sec == control_stat.st_mtim.tv_sec && now.st_mtim.tv_nsec == control_stat.st_mtim.tv_nsec)
    return;
  control_stat = now;
  fd = fault_open (control_path, O_RDONLY);
  n = fd >= 0 ? (ssize_t) syscall (SYS_read, fd, text, sizeof text - 1) : -1;
  if (n < 0)
    fault_die ("control");
  fault_close (fd);
  text[n] = '\0';
  control = (Control) { .mode = COUNT, .at = 1, .error = EIO };
  n_matched = n_failed = 0;
  for (char *line = strtok_r (text, "\n", &save); line != NULL; line = strtok_r (NULL, "\n", &save))
    {
      char *value = strchr (line, '=');

      if (value != NULL)
        {
          *value = '\0';
          set (&control, line, value + 1);
        }
    }
}

static bool
matches (Kind kind, const char *name)
{
  char call[NAME_MAX + 16], list[sizeof control.match], *save = NULL;

  if (control.match[0] == '\0')
    return kind != READ && kind != OPEN && kind != OPEN_WRITE;
  snprintf (call, sizeof call, "%s %s", kinds[kind], name);
  memcpy (list, control.match, sizeof list);
  for (char *pattern = strtok_r (list, ";", &save); pattern != NULL; pattern = strtok_r (NULL, ";", &save))
    if (fnmatch (pattern, call, 0) == 0)
      return true;
  return false;
}

/* ---- a call ---- */

/* What becomes of it. */
typedef enum { DO_IT, REFUSE, HALF } Verdict;

/* With the lock. Does not return when this is where it ends. @half: for writes. */
static Verdict
judge (Kind kind, const char *name, size_t n_bytes)
{
  read_control ();
  if (trace_path != NULL && kind != READ && kind != OPEN && kind != OPEN_WRITE)
    {
      char text[NAME_MAX + 64];
      int fd = fault_open (trace_path, O_WRONLY | O_CREAT | O_APPEND);
      int n = snprintf (text, sizeof text, "%ld %s %s %zu\n", ++n_points, kinds[kind], name, n_bytes);

      if (fd < 0 || syscall (SYS_write, fd, text, n) != n)
        fault_die ("trace");
      fault_close (fd);
    }
  if (control.mode == COUNT || !matches (kind, name) || ++n_matched < control.at)
    return DO_IT;
  if (control.mode == FAIL)
    {
      if (control.calls != 0 && n_failed >= control.calls)
        return DO_IT;
      n_failed++;
      return control.error == ENOSPC && kind == WRITE && n_failed == 1 && n_bytes > 1 ? HALF : REFUSE;
    }
  if (n_matched != control.at)
    return DO_IT;
  if (control.mode == BEFORE || (control.mode == TORN && kind != WRITE) || (control.mode == POWER && kind == SYNC && control.seed == 0))
    {
      if (control.mode == POWER)
        fault_cut_power (control.seed);
      fault_end_process ();
    }
  return control.mode == TORN ? HALF : DO_IT;
}

/* After it was done: this may have been the one. */
static void
finish (Kind kind, const char *name)
{
  if (n_matched != control.at || !matches (kind, name))
    return;
  if (control.mode == AFTER || control.mode == TORN)
    fault_end_process ();
  if (control.mode == POWER)
    fault_cut_power (control.seed);
}

/* Whether @fd is of the folder; its name, "." for itself. */
static bool
name_of (int fd, char *name, struct stat *now)
{
  char link[64], path[PATH_MAX];
  ssize_t n;

  if (folder_length == 0 || fd < 0 || fd >= MAX_FDS || !watched[fd] || fstat (fd, now) != 0 || now->st_dev != device)
    return false;
  snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
  n = readlink (link, path, sizeof path - 1);
  if (n < (ssize_t) folder_length || strncmp (path, fault_folder, folder_length) != 0)
    return false;
  path[n] = '\0';
  if (path[folder_length] == '\0')
    strcpy (name, ".");
  else if (path[folder_length] == '/' && strchr (path + folder_length + 1, '/') == NULL && strlen (path + folder_length + 1) <= NAME_MAX)
    strcpy (name, path + folder_length + 1);
  else
    return false;
  return true;
}

/* The same of a path that may not be there. */
static bool
name_at (int dir_fd, const char *path, char *name)
{
  char parent[PATH_MAX], real[PATH_MAX];
  const char *last = strrchr (path, '/');
  struct stat now;
  char dir_name[NAME_MAX + 1];

  if (folder_length == 0 || strlen (path) >= sizeof parent)
    return false;
  if (last == NULL)
    {
      if (dir_fd == AT_FDCWD || !name_of (dir_fd, dir_name, &now) || strcmp (dir_name, ".") != 0 || strlen (path) > NAME_MAX)
        return false;
      strcpy (name, path);
      return true;
    }
  if (path[0] != '/' && dir_fd != AT_FDCWD)
    return false;
  memcpy (parent, path, (size_t) (last - path));
  parent[last - path] = '\0';
  if (last == path || strlen (last + 1) > NAME_MAX || realpath (parent, real) == NULL)
    return false;
  if (strcmp (real, fault_folder) == 0)
    strcpy (name, last + 1);
  else if (realpath (path, real) != NULL && strcmp (real, fault_folder) == 0)
    strcpy (name, ".");
  else
    return false;
  return true;
}

/* ---- the calls ---- */

/* The next one of its name, found when it is first wanted: that may be before our constructor ran. */
#define NEXT(name)                                                                            \
  static __typeof__ (&name) next;                                                             \
  if (next == NULL)                                                                           \
    next = (__typeof__ (&name)) dlsym (RTLD_NEXT, #name)

static int
open_watched (int (*call) (int, const char *, int, ...), int dir_fd, const char *path, int flags, mode_t mode, const char *name)
{
  struct stat now;
  bool is_there, makes;
  int fd = -1, error = 0;
  Kind kind;

  pthread_mutex_lock (&lock);
  is_there = fstatat (dir_fd, path, &now, 0) == 0;
  makes = ((flags & O_CREAT) != 0 && !is_there) || ((flags & O_TRUNC) != 0 && is_there);
  kind = makes ? CREATE : (flags & O_ACCMODE) == O_RDONLY ? OPEN : OPEN_WRITE;
  if (judge (kind, name, 0) == DO_IT)
    {
      fd = call (dir_fd, path, flags, mode);
      error = errno;
      if (fd >= 0 && fd < MAX_FDS)
        {
          watched[fd] = true;
          if (makes && fstat (fd, &now) == 0)
            {
              if (!is_there)
                fault_note_made (&now);
              fault_note_change (name, &now, 0, 0);
            }
        }
      finish (kind, name);
    }
  else
    error = control.error;
  pthread_mutex_unlock (&lock);
  errno = error;
  return fd;
}

#define DEFINE_OPENAT(function)                                                                       \
  EXPORT int function (int dir_fd, const char *path, int flags, ...)                                  \
  {                                                                                                   \
    char name[NAME_MAX + 1];                                                                          \
    mode_t mode = 0;                                                                                  \
    NEXT (function);                                                                                  \
    if ((flags & (O_CREAT | O_TMPFILE)) != 0)                                                         \
      {                                                                                               \
        va_list args;                                                                                 \
        va_start (args, flags);                                                                       \
        mode = va_arg (args, mode_t);                                                                 \
        va_end (args);                                                                                \
      }                                                                                               \
    return name_at (dir_fd, path, name) ? open_watched (next, dir_fd, path, flags, mode, name) : next (dir_fd, path, flags, mode); \
  }

#define DEFINE_OPEN(function, at)                                                                     \
  EXPORT int function (const char *path, int flags, ...)                                              \
  {                                                                                                   \
    char name[NAME_MAX + 1];                                                                          \
    mode_t mode = 0;                                                                                  \
    NEXT (function);                                                                                  \
    if ((flags & (O_CREAT | O_TMPFILE)) != 0)                                                         \
      {                                                                                               \
        va_list args;                                                                                 \
        va_start (args, flags);                                                                       \
        mode = va_arg (args, mode_t);                                                                 \
        va_end (args);                                                                                \
      }                                                                                               \
    return name_at (AT_FDCWD, path, name) ? at (AT_FDCWD, path, flags, mode) : next (path, flags, mode); \
  }

DEFINE_OPENAT (openat)
DEFINE_OPENAT (openat64)
DEFINE_OPEN (open, openat)
DEFINE_OPEN (open64, openat64)

/* @at: -1: where the file is at. */
static ssize_t
write_watched (int fd, const void *bytes, size_t n_bytes, off_t at, const char *name, const struct stat *before)
{
  Verdict verdict;
  ssize_t n = -1;
  int error;

  pthread_mutex_lock (&lock);
  verdict = judge (WRITE, name, n_bytes);
  if (verdict == REFUSE)
    error = control.error;
  else
    {
      size_t n_wanted = verdict == HALF ? n_bytes / 2 : n_bytes;
      off_t from = at >= 0 ? at : (off_t) syscall (SYS_lseek, fd, 0, SEEK_CUR);

      if ((fcntl (fd, F_GETFL) & O_APPEND) != 0)
        from = before->st_size;
      n = at >= 0 ? syscall (SYS_pwrite64, fd, bytes, n_wanted, at) : syscall (SYS_write, fd, bytes, n_wanted);
      error = errno;
      if (n > 0)
        fault_note_change (name, before, from, from + n);
      finish (WRITE, name);
    }
  pthread_mutex_unlock (&lock);
  errno = error;
  return n;
}

EXPORT ssize_t
write (int fd, const void *bytes, size_t n_bytes)
{
  char name[NAME_MAX + 1];
  struct stat now;
  NEXT (write);

  return name_of (fd, name, &now) ? write_watched (fd, bytes, n_bytes, -1, name, &now) : next (fd, bytes, n_bytes);
}

#define DEFINE_PWRITE(function)                                                                       \
  EXPORT ssize_t function (int fd, const void *bytes, size_t n_bytes, off_t at)                       \
  {                                                                                                   \
    char name[NAME_MAX + 1];                                                                          \
    struct stat now;                                                                                  \
    NEXT (function);                                                                                  \
    return name_of (fd, name, &now) ? write_watched (fd, bytes, n_bytes, at, name, &now) : next (fd, bytes, n_bytes, at); \
  }

DEFINE_PWRITE (pwrite)
DEFINE_PWRITE (pwrite64)

EXPORT ssize_t
writev (int fd, const struct iovec *vectors, int n_vectors)
{
  char name[NAME_MAX + 1];
  struct stat now;
  ssize_t done = 0;
  NEXT (writev);

  if (!name_of (fd, name, &now))
    return next (fd, vectors, n_vectors);
  for (int i = 0; i < n_vectors; i++)
    {
      ssize_t n = write_watched (fd, vectors[i].iov_base, vectors[i].iov_len, -1, name, &now);

      if (n < 0)
        return done > 0 ? done : n;
      done += n;
      if ((size_t) n < vectors[i].iov_len)
        break;
    }
  return done;
}

/* What is read may fail, and is no write point. */
static bool
may_read (const char *name)
{
  Verdict verdict;

  pthread_mutex_lock (&lock);
  verdict = judge (READ, name, 0);
  errno = verdict == REFUSE ? control.error : errno;
  pthread_mutex_unlock (&lock);
  return verdict != REFUSE;
}

EXPORT ssize_t
read (int fd, void *bytes, size_t n_bytes)
{
  char name[NAME_MAX + 1];
  struct stat now;
  NEXT (read);

  return name_of (fd, name, &now) && !may_read (name) ? -1 : next (fd, bytes, n_bytes);
}

#define DEFINE_PREAD(function)                                                                        \
  EXPORT ssize_t function (int fd, void *bytes, size_t n_bytes, off_t at)                             \
  {                                                                                                   \
    char name[NAME_MAX + 1];                                                                          \
    struct stat now;                                                                                  \
    NEXT (function);                                                                                  \
    return name_of (fd, name, &now) && !may_read (name) ? -1 : next (fd, bytes, n_bytes, at);         \
  }

DEFINE_PREAD (pread)
DEFINE_PREAD (pread64)

static int
sync_watched (int (*call) (int), int fd, const char *name, const struct stat *now)
{
  int result = -1, error;

  pthread_mutex_lock (&lock);
  if (judge (SYNC, name, 0) == DO_IT)
    {
      result = call (fd);
      error = errno;
    }
  else
    error = control.error;
  if (result == 0 && control.mode == POWER && control.seed != 0 && n_matched == control.at && matches (SYNC, name))
    fault_cut_power (control.seed); /* within it: some of it is there */
  fault_note_sync (name, now, result == 0);
  finish (SYNC, name);
  pthread_mutex_unlock (&lock);
  errno = error;
  return result;
}

#define DEFINE_SYNC(function)                                                                         \
  EXPORT int function (int fd)                                                                        \
  {                                                                                                   \
    char name[NAME_MAX + 1];                                                                          \
    struct stat now;                                                                                  \
    NEXT (function);                                                                                  \
    return name_of (fd, name, &now) ? sync_watched (next, fd, name, &now) : next (fd);                \
  }

DEFINE_SYNC (fsync)
DEFINE_SYNC (fdatasync)

static int
truncate_watched (int fd, off_t size, const char *name, const struct stat *before)
{
  int result = -1, error;

  pthread_mutex_lock (&lock);
  if (judge (TRUNCATE, name, 0) == DO_IT)
    {
      result = (int) syscall (SYS_ftruncate, fd, size);
      error = errno;
      if (result == 0 && size > before->st_size)
        fault_note_change (name, before, before->st_size, size);
      finish (TRUNCATE, name);
    }
  else
    error = control.error;
  pthread_mutex_unlock (&lock);
  errno = error;
  return result;
}

#define DEFINE_FTRUNCATE(function)                                                                    \
  EXPORT int function (int fd, off_t size)                                                            \
  {                                                                                                   \
    char name[NAME_MAX + 1];                                                                          \
    struct stat now;                                                                                  \
    NEXT (function);                                                                                  \
    return name_of (fd, name, &now) ? truncate_watched (fd, size, name, &now) : next (fd, size);      \
  }

DEFINE_FTRUNCATE (ftruncate)
DEFINE_FTRUNCATE (ftruncate64)

/* @to: NULL: it is removed. */
static int
change_name (int dir_fd, const char *path, int to_fd, const char *to, const char *name)
{
  Kind kind = to != NULL ? RENAME : UNLINK;
  int result = -1, error;

  pthread_mutex_lock (&lock);
  if (judge (kind, name, 0) == DO_IT)
    {
      result = to != NULL ? (int) syscall (SYS_renameat, dir_fd, path, to_fd, to) : (int) syscall (SYS_unlinkat, dir_fd, path, 0);
      error = errno;
      if (result == 0)
        fault_note_names ();
      finish (kind, name);
    }
  else
    error = control.error;
  pthread_mutex_unlock (&lock);
  errno = error;
  return result;
}

EXPORT int
renameat (int from_fd, const char *from, int to_fd, const char *to)
{
  char name[NAME_MAX + 1];
  NEXT (renameat);

  return name_at (from_fd, from, name) ? change_name (from_fd, from, to_fd, to, name) : next (from_fd, from, to_fd, to);
}

EXPORT int
rename (const char *from, const char *to)
{
  char name[NAME_MAX + 1];
  NEXT (rename);

  return name_at (AT_FDCWD, from, name) ? change_name (AT_FDCWD, from, AT_FDCWD, to, name) : next (from, to);
}

EXPORT int
unlink (const char *path)
{
  char name[NAME_MAX + 1];
  NEXT (unlink);

  return name_at (AT_FDCWD, path, name) ? change_name (AT_FDCWD, path, 0, NULL, name) : next (path);
}

EXPORT int
unlinkat (int dir_fd, const char *path, int flags)
{
  char name[NAME_MAX + 1];
  NEXT (unlinkat);

  return flags == 0 && name_at (dir_fd, path, name) ? change_name (dir_fd, path, 0, NULL, name) : next (dir_fd, path, flags);
}

static void __attribute__ ((constructor))
begin (void)
{
  const char *path = getenv ("FAULT_DISK_FOLDER");
  struct stat now;

  if (path == NULL)
    return;
  if (realpath (path, fault_folder) == NULL || stat (fault_folder, &now) != 0)
    fault_die (path);
  device = now.st_dev;
  control_path = getenv ("FAULT_DISK_CONTROL");
  trace_path = getenv ("FAULT_DISK_TRACE");
  fault_shadow = getenv ("FAULT_DISK_SHADOW");
  fault_shadow_begin ();
  folder_length = strlen (fault_folder);
}
