/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Parsers of what /proc says, apart from reading it, so that tests can feed them text captured on other
 * machines. Written for fields to be added at the ends of lines, as kernels do. Rejected: sscanf() (a
 * command's name may hold any byte but NUL, also spaces and parentheses), libgtop (not needed for six files).
 *
 * Thread-agnostic.
 */
#include "syn-host-proc.h"

#include <string.h>

/* Calls @f for each line; the line is NUL-terminated in a copy. */
static void
each_line (const char *text, void (*f) (char *line, gpointer user_data), gpointer user_data)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    if (*lines[i] != '\0')
      f (lines[i], user_data);
}

/* Up to @max numbers, separated by spaces; how many there are. */
static guint
read_numbers (const char *text, guint64 *numbers, guint max)
{
  guint n = 0;

  while (n < max)
    {
      char *end;

      while (*text == ' ' || *text == '\t')
        text++;
      if (!g_ascii_isdigit (*text))
        break;
      numbers[n++] = g_ascii_strtoull (text, &end, 10);
      text = end;
    }
  return n;
}

static void
parse_stat_line (char *line, gpointer user_data)
{
  guint64 n[8] = { 0 }; /* user nice system idle iowait irq softirq steal */
  SynHostCpu cpu = { 0 };
  char *space = strchr (line, ' ');

  if (!g_str_has_prefix (line, "cpu") || space == NULL || read_numbers (space, n, G_N_ELEMENTS (n)) < 4)
    return;
  *space = '\0';
  g_strlcpy (cpu.name, line[3] == '\0' ? "all" : line + 3, sizeof cpu.name);
  cpu.user = n[0] + n[1];
  cpu.system = n[2] + n[5] + n[6] + n[7];
  cpu.idle = n[3];
  cpu.iowait = n[4];
  cpu.total = cpu.user + cpu.system + cpu.idle + cpu.iowait;
  g_array_append_val ((GArray *) user_data, cpu);
}

void
syn_host_parse_stat (const char *text, GArray *cpus)
{
  each_line (text, parse_stat_line, cpus);
}

typedef struct
{
  SynHostMemory *memory;
  gboolean has_total, has_available;
} MemoryLines;

static void
parse_meminfo_line (char *line, gpointer user_data)
{
  MemoryLines *lines = user_data;
  SynHostMemory *m = lines->memory;
  const struct
  {
    const char *name;
    guint64 *value;
  } names[] = { { "MemTotal", &m->total },        { "MemAvailable", &m->available },
                { "MemFree", &m->free },          { "Buffers", &m->cached },
                { "Cached", &m->cached },         { "SReclaimable", &m->cached },
                { "SwapTotal", &m->swap_total },  { "SwapFree", &m->swap_free },
                { "SwapCached", &m->swap_cached } };
  char *colon = strchr (line, ':');
  guint64 kb;

  if (colon == NULL || read_numbers (colon + 1, &kb, 1) != 1)
    return;
  *colon = '\0';
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (line, names[i].name) == 0)
      *names[i].value += kb * 1024;
  lines->has_total |= strcmp (line, "MemTotal") == 0;
  lines->has_available |= strcmp (line, "MemAvailable") == 0;
}

gboolean
syn_host_parse_meminfo (const char *text, SynHostMemory *memory)
{
  MemoryLines lines = { memory, FALSE, FALSE };

  memset (memory, 0, sizeof *memory);
  each_line (text, parse_meminfo_line, &lines);
  if (!lines.has_available) /* kernels before 3.14, some containers */
    memory->available = MIN (memory->total, memory->free + memory->cached);
  return lines.has_total;
}

/* "sda1" of "sda", "nvme0n1p2" of "nvme0n1"; but "dm-10" is none of "dm-1". */
static gboolean
is_partition (const char *name, const char *disk)
{
  gsize length = strlen (disk);
  const char *rest = name + length;

  if (!g_str_has_prefix (name, disk) || *rest == '\0')
    return FALSE;
  if (g_ascii_isdigit (disk[length - 1]) && *rest++ != 'p')
    return FALSE;
  if (*rest == '\0')
    return FALSE;
  while (g_ascii_isdigit (*rest))
    rest++;
  return *rest == '\0';
}

static void
parse_disk_line (char *line, gpointer user_data)
{
  GArray *disks = user_data;
  g_auto (GStrv) words = NULL;
  SynHostDisk disk = { 0 };
  guint64 device[2], n[10];
  char *name = line;

  if (read_numbers (line, device, 2) != 2)
    return;
  for (guint i = 0; i < 2; i++)
    {
      name += strspn (name, " ");
      name += strcspn (name, " ");
    }
  name += strspn (name, " ");
  words = g_strsplit (name, " ", 2);
  if (words[0] == NULL || words[1] == NULL
      || read_numbers (words[1], n, G_N_ELEMENTS (n)) != G_N_ELEMENTS (n))
    return;
  if (g_str_has_prefix (words[0], "loop") || g_str_has_prefix (words[0], "ram") || (n[0] == 0 && n[4] == 0))
    return;
  for (guint i = 0; i < disks->len; i++)
    if (is_partition (words[0], g_array_index (disks, SynHostDisk, i).name))
      return;
  g_strlcpy (disk.name, words[0], sizeof disk.name);
  disk.reads = n[0];
  disk.read_bytes = n[2] * 512; /* sectors of 512 bytes, whatever the device's are */
  disk.writes = n[4];
  disk.written_bytes = n[6] * 512;
  disk.busy_ms = n[9];
  g_array_append_val (disks, disk);
}

void
syn_host_parse_diskstats (const char *text, GArray *disks)
{
  each_line (text, parse_disk_line, disks);
}

static void
parse_net_line (char *line, gpointer user_data)
{
  char *colon = strrchr (line, ':'); /* an alias has one in its name */
  SynHostInterface interface = { 0 };
  guint64 n[16];

  if (colon == NULL || read_numbers (colon + 1, n, G_N_ELEMENTS (n)) != G_N_ELEMENTS (n))
    return;
  *colon = '\0';
  g_strlcpy (interface.name, g_strstrip (line), sizeof interface.name);
  interface.rx_bytes = n[0];
  interface.rx_packets = n[1];
  interface.tx_bytes = n[8];
  interface.tx_packets = n[9];
  interface.errors = n[2] + n[10];
  g_array_append_val ((GArray *) user_data, interface);
}

void
syn_host_parse_net_dev (const char *text, GArray *interfaces)
{
  each_line (text, parse_net_line, interfaces);
}

gboolean
syn_host_parse_loadavg (const char *text, double loads[3], guint64 *running, guint64 *tasks)
{
  char *end;

  for (guint i = 0; i < 3; i++)
    {
      loads[i] = g_ascii_strtod (text, &end);
      if (end == text)
        return FALSE;
      text = end;
    }
  if (read_numbers (text, running, 1) != 1 || (text = strchr (text, '/')) == NULL)
    return FALSE;
  return read_numbers (text + 1, tasks, 1) == 1;
}

gboolean
syn_host_parse_uptime (const char *text, double *seconds)
{
  char *end;

  *seconds = g_ascii_strtod (text, &end);
  return end > text;
}

gboolean
syn_host_parse_pid_stat (const char *text, SynHostProcess *process)
{
  const char *open = strchr (text, '('), *close = strrchr (text, ')'); /* the name may have both in it */
  guint64 fields[4];                                                   /* utime, stime, starttime, rss */
  guint n = 0;
  const char *p;

  memset (process, 0, sizeof *process);
  if (open == NULL || close == NULL || close < open || close[1] != ' ' || close[2] == '\0' || close[3] != ' ')
    return FALSE;
  process->pid = (gint) g_ascii_strtoll (text, NULL, 10);
  g_strlcpy (process->name, open + 1, MIN (sizeof process->name, (gsize) (close - open)));
  process->state = close[2];

  /* Fields 4 to 24, some of them negative. */
  p = close + 3;
  for (guint field = 4; field <= 24; field++)
    {
      char *end;
      gint64 value = g_ascii_strtoll (p, &end, 10);

      if (end == p)
        return FALSE;
      p = end;
      if (field == 14 || field == 15 || field == 22 || field == 24)
        fields[n++] = value > 0 ? (guint64) value : 0;
    }
  process->ticks = fields[0] + fields[1];
  process->started = fields[2];
  process->rss_pages = fields[3];
  return process->pid > 0;
}
