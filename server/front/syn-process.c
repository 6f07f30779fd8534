/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads /proc/self. Any thread. */
#include "syn-process.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Field 22 of /proc/self/stat, in clock ticks since the machine started. The command's name, field 2, may
 * hold anything but is in parentheses: fields are counted from the last of them. */
static double
read_started_s (void)
{
  g_autofree char *stat = NULL;
  struct timespec boot, now;
  char *field;

  if (!g_file_get_contents ("/proc/self/stat", &stat, NULL, NULL) || (field = strrchr (stat, ')')) == NULL)
    return 0;
  for (guint i = 2; field != NULL && i < 22; i++)
    field = strchr (field + 1, ' ');
  if (field == NULL || clock_gettime (CLOCK_BOOTTIME, &boot) < 0 || clock_gettime (CLOCK_REALTIME, &now) < 0)
    return 0;
  return (double) (now.tv_sec - boot.tv_sec) + (double) (now.tv_nsec - boot.tv_nsec) / 1e9
         + (double) g_ascii_strtoull (field, NULL, 10) / (double) sysconf (_SC_CLK_TCK);
}

static guint
count_descriptors (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    n++;
  return n > 0 ? n - 1 : 0; /* not the one that reads them */
}

void
syn_process_read (SynProcess *process)
{
  g_autofree char *statm = NULL;
  guint64 pages, resident;
  struct rusage usage;
  struct rlimit limit;

  memset (process, 0, sizeof *process);
  if (g_file_get_contents ("/proc/self/statm", &statm, NULL, NULL)
      && sscanf (statm, "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, &pages, &resident) == 2)
    {
      process->virtual_bytes = pages * (guint64) sysconf (_SC_PAGESIZE);
      process->rss_bytes = resident * (guint64) sysconf (_SC_PAGESIZE);
    }
  process->descriptors = count_descriptors ();
  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    process->max_descriptors = limit.rlim_cur == RLIM_INFINITY ? G_MAXUINT64 : limit.rlim_cur;
  if (getrusage (RUSAGE_SELF, &usage) == 0)
    process->cpu_s = (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
                     + (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  process->started_s = read_started_s ();
}
