/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the disk has of the watched folder, in a folder beside it: see the head of fault-disk.c for what that means. A file is known by its
 * inode; of what was written since its last flush there is a byte per page. In the shadow it has the name that is on the disk, or "#number"
 * while it has none.
 *
 * Rejected: a log of what each write replaced (a flush that fails leaves what no undoing gives back), the shadow in memory (the next process
 * could not lose what this one did not flush). */
#undef _FILE_OFFSET_BITS
#include "fault-disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE_BYTES 4096
#define SECTOR_BYTES 512
#define MAX_FILES 64

/* A file of the fault_folder, whatever its name is now. */
typedef struct {
  bool used;
  ino_t inode;
  char name[NAME_MAX + 1];   /* in the folder when last seen there */
  char shadow[NAME_MAX + 1]; /* in the shadow */
  uint8_t *dirty;            /* a byte per page */
  size_t n_pages;
} File;

char fault_folder[PATH_MAX];
const char *fault_shadow;
static unsigned n_shadows;
static File files[MAX_FILES];

/* ---- what does not come back here ---- */

int
fault_open (const char *path, int flags)
{
  return (int) syscall (SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0640);
}

void
fault_close (int fd)
{
  syscall (SYS_close, fd);
}

void
fault_die (const char *what)
{
  char text[256];
  int n = snprintf (text, sizeof text, "fault-disk: %s: %s\n", what, strerror (errno));

  syscall (SYS_write, 2, text, n);
  syscall (SYS_kill, syscall (SYS_getpid), SIGABRT);
  for (;;)
    ;
}

/* ---- files and their shadows ---- */

/* Memory mapped, or not for keeping: no shadow. */
static bool
is_passing (const char *name)
{
  size_t length = strlen (name);

  return strcmp (name, "lock") == 0 || (length > 4 && strcmp (name + length - 4, "-shm") == 0);
}

static int
open_in (const char *parent, const char *name, int flags)
{
  char path[PATH_MAX + NAME_MAX + 2];

  snprintf (path, sizeof path, "%s/%s", parent, name);
  return fault_open (path, flags);
}

static File *
find_file (ino_t inode)
{
  for (int i = 0; i < MAX_FILES; i++)
    if (files[i].used && files[i].inode == inode)
      return &files[i];
  return NULL;
}

static void
touch (File *file, off_t from, off_t to)
{
  size_t n = (size_t) (to + PAGE_BYTES - 1) / PAGE_BYTES;

  if (n > file->n_pages)
    {
      file->dirty = realloc (file->dirty, n);
      if (file->dirty == NULL)
        fault_die ("memory");
      memset (file->dirty + file->n_pages, 0, n - file->n_pages);
      file->n_pages = n;
    }
  for (size_t page = (size_t) from / PAGE_BYTES; page < n; page++)
    file->dirty[page] = 1;
}

/* One that was not there: nothing of it is on the disk. */
static File *
add_file (ino_t inode, const char *name)
{
  File *file = NULL;
  int fd;

  for (int i = 0; i < MAX_FILES && file == NULL; i++)
    if (!files[i].used)
      file = &files[i];
  if (file == NULL)
    fault_die ("too many files");
  *file = (File) { .used = true, .inode = inode };
  snprintf (file->name, sizeof file->name, "%s", name);
  snprintf (file->shadow, sizeof file->shadow, "#%u", n_shadows++);
  fd = open_in (fault_shadow, file->shadow, O_WRONLY | O_CREAT | O_TRUNC);
  if (fd < 0)
    fault_die (file->shadow);
  fault_close (fd);
  return file;
}

static void
copy_range (int from, int to, off_t at, size_t n_bytes)
{
  char bytes[PAGE_BYTES];
  ssize_t n = syscall (SYS_pread64, from, bytes, n_bytes, at);

  if (n < 0 || (n > 0 && syscall (SYS_pwrite64, to, bytes, n, at) != n))
    fault_die ("shadow");
}

static uint64_t
next_random (unsigned long *state)
{
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* @seed: all of it; otherwise the sectors that it says. */
static void
flush_file (File *file, unsigned long *seed)
{
  int from = open_in (fault_folder, file->name, O_RDONLY), to = open_in (fault_shadow, file->shadow, O_WRONLY);
  struct stat now, before;
  off_t size;

  if (from < 0 || to < 0 || fstat (from, &now) != 0 || fstat (to, &before) != 0)
    fault_die (file->name);
  if (now.st_ino != file->inode)
    fault_die ("a file that was removed is flushed");
  for (size_t page = 0; page < file->n_pages; page++)
    {
      uint64_t sectors = seed != NULL ? next_random (seed) : 0;

      if (!file->dirty[page] || (seed != NULL && (sectors & 0x300) == 0x100))
        continue;
      for (unsigned i = 0; i < PAGE_BYTES / SECTOR_BYTES; i++)
        if (seed == NULL || (sectors & 0x300) == 0 || (sectors >> i & 1) != 0)
          copy_range (from, to, (off_t) page * PAGE_BYTES + i * SECTOR_BYTES, SECTOR_BYTES);
      if (seed == NULL)
        file->dirty[page] = 0;
    }
  size = seed == NULL || (next_random (seed) & 1) != 0 ? now.st_size : before.st_size;
  if (seed == NULL || now.st_size < before.st_size)
    if (syscall (SYS_ftruncate, to, size) != 0)
      fault_die ("shadow");
  fault_close (from);
  fault_close (to);
}

static void
rename_shadow (File *file, const char *name)
{
  char from[PATH_MAX + NAME_MAX + 2], to[PATH_MAX + NAME_MAX + 2];

  snprintf (from, sizeof from, "%s/%s", fault_shadow, file->shadow);
  snprintf (to, sizeof to, "%s/%s", fault_shadow, name);
  if (syscall (SYS_renameat, AT_FDCWD, from, AT_FDCWD, to) != 0)
    fault_die (file->shadow);
  snprintf (file->shadow, sizeof file->shadow, "%s", name);
}

static void
remove_in (const char *parent, const char *name)
{
  char path[PATH_MAX + NAME_MAX + 2];

  snprintf (path, sizeof path, "%s/%s", parent, name);
  syscall (SYS_unlinkat, AT_FDCWD, path, 0);
}

typedef void (*EntryFunc) (const char *name);

static void
each_entry (const char *path, EntryFunc func)
{
  DIR *dir = opendir (path);
  struct dirent *entry;

  if (dir == NULL)
    fault_die (path);
  while ((entry = readdir (dir)) != NULL)
    if (entry->d_name[0] != '.')
      func (entry->d_name);
  closedir (dir);
}

static File *named; /* for the functions below, one at a time */

static void
see_entry (const char *name)
{
  char path[PATH_MAX + NAME_MAX + 2];
  struct stat now;

  snprintf (path, sizeof path, "%s/%s", fault_folder, name);
  if (!is_passing (name) && stat (path, &now) == 0 && (named = find_file (now.st_ino)) != NULL)
    snprintf (named->name, sizeof named->name, "%s", name);
  else
    named = NULL;
}

static bool seen[MAX_FILES];

static void
mark_entry (const char *name)
{
  see_entry (name);
  if (named != NULL)
    seen[named - files] = true;
}

/* The names as they are now are on the disk. */
static void
flush_folder (void)
{
  char name[32];

  memset (seen, 0, sizeof seen);
  each_entry (fault_folder, mark_entry);
  for (int i = 0; i < MAX_FILES; i++)
    if (files[i].used)
      {
        snprintf (name, sizeof name, "#%u", n_shadows++);
        rename_shadow (&files[i], name);
      }
  for (int i = 0; i < MAX_FILES; i++)
    if (files[i].used && !seen[i])
      {
        remove_in (fault_shadow, files[i].shadow);
        free (files[i].dirty);
        files[i].used = false;
      }
    else if (files[i].used)
      rename_shadow (&files[i], files[i].name);
}

/* At the start: what another process left. */
static void
find_entry (const char *name)
{
  int live = open_in (fault_folder, name, O_RDONLY), shadow;
  struct stat now;
  char a[PAGE_BYTES], b[PAGE_BYTES];
  File *file;

  if (live < 0 || fstat (live, &now) != 0)
    fault_die (name);
  if (!is_passing (name))
    {
      shadow = open_in (fault_shadow, name, O_RDONLY);
      file = add_file (now.st_ino, name);
      if (shadow >= 0)
        {
          remove_in (fault_shadow, file->shadow);
          snprintf (file->shadow, sizeof file->shadow, "%s", name);
        }
      for (off_t at = 0; at < now.st_size; at += PAGE_BYTES)
        {
          ssize_t n = syscall (SYS_pread64, live, a, sizeof a, at), m = shadow >= 0 ? syscall (SYS_pread64, shadow, b, sizeof b, at) : 0;

          if (n != m || memcmp (a, b, (size_t) n) != 0)
            touch (file, at, at + n);
        }
      if (shadow >= 0)
        fault_close (shadow);
    }
  fault_close (live);
}

static void
forget_unnamed (const char *name)
{
  if (name[0] == '#')
    remove_in (fault_shadow, name);
}

/* What is on the disk and not in the folder: removed, but not for good before the next flush of the folder. */
static void
find_removed (const char *name)
{
  File *file = NULL;

  for (int i = 0; i < MAX_FILES; i++)
    if (files[i].used && strcmp (files[i].shadow, name) == 0)
      return;
    else if (!files[i].used && file == NULL)
      file = &files[i];
  if (file == NULL)
    fault_die ("too many files");
  *file = (File) { .used = true };
  snprintf (file->shadow, sizeof file->shadow, "%s", name);
}

/* ---- what is noted ---- */

void
fault_note_made (const struct stat *now)
{
  File *file = find_file (now->st_ino);

  if (file != NULL)
    file->inode = 0; /* was removed, and its number is given again; its name may still be on the disk */
}

void
fault_note_change (const char *name, const struct stat *now, off_t from, off_t to)
{
  File *file;

  if (fault_shadow == NULL || is_passing (name))
    return;
  file = find_file (now->st_ino);
  if (file == NULL)
    file = add_file (now->st_ino, name);
  touch (file, from, to);
}

void
fault_note_names (void)
{
  if (fault_shadow != NULL)
    each_entry (fault_folder, see_entry);
}

/* A flush that fails: the kernel has given the pages up, and the next flush has nothing of them to write. */
void
fault_note_sync (const char *name, const struct stat *now, bool done)
{
  File *file = fault_shadow != NULL && !is_passing (name) ? find_file (now->st_ino) : NULL;

  if (fault_shadow != NULL && done && strcmp (name, ".") == 0)
    flush_folder ();
  else if (file != NULL && done && now->st_nlink > 0)
    flush_file (file, NULL);
  else if (file != NULL && !done && file->n_pages > 0)
    memset (file->dirty, 0, file->n_pages);
}

void
fault_shadow_begin (void)
{
  if (fault_shadow == NULL)
    return;
  each_entry (fault_shadow, forget_unnamed);
  each_entry (fault_folder, find_entry);
  each_entry (fault_shadow, find_removed);
}

/* ---- the end ---- */

void
fault_end_process (void)
{
  syscall (SYS_kill, syscall (SYS_getpid), SIGKILL);
  for (;;)
    pause ();
}

static void
remove_entry (const char *name)
{
  if (!is_passing (name))
    remove_in (fault_folder, name);
}

static void
restore_entry (const char *name)
{
  int from = open_in (fault_shadow, name, O_RDONLY), to;
  struct stat now;

  if (name[0] == '#')
    {
      fault_close (from);
      return;
    }
  to = open_in (fault_folder, name, O_WRONLY | O_CREAT | O_TRUNC);
  if (from < 0 || to < 0 || fstat (from, &now) != 0 || syscall (SYS_ftruncate, to, now.st_size) != 0)
    fault_die (name);
  for (off_t at = 0; at < now.st_size; at += PAGE_BYTES)
    copy_range (from, to, at, PAGE_BYTES);
  fault_close (from);
  fault_close (to);
}

void
fault_cut_power (unsigned long seed)
{
  if (fault_shadow == NULL)
    fault_die ("power: there is no shadow");
  if (seed != 0)
    {
      if ((next_random (&seed) & 1) != 0)
        flush_folder ();
      memset (seen, 0, sizeof seen);
      each_entry (fault_folder, mark_entry);
      for (int i = 0; i < MAX_FILES; i++)
        if (files[i].used && seen[i])
          flush_file (&files[i], &seed);
    }
  each_entry (fault_folder, remove_entry);
  each_entry (fault_shadow, restore_entry);
  fault_end_process ();
}
