/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Samples of /proc as events. Each table remembers the counters of its last sample; a counter that went
 * backwards (a device replaced, a number wrapped) gives no rate that time. Processes come and go while they
 * are looked at: one that vanishes is left out.
 *
 * Runs on the worker's thread: walking some thousand processes takes tens of milliseconds.
 */
#include "syn-host-sample.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "syn-builtin-fields.h"
#include "syn-error.h"
#include "syn-event-batch-private.h"
#include "syn-host-proc.h"
#include "syn-limits.h"

#define MAX_FILE_BYTES (1u << 20)
#define MAX_USERS 1024 /* names remembered */

struct _SynHostSampler
{
  const SynSourceSpec *spec;
  char *root;               /* (owned) */
  SynEventBuilder *builder; /* (owned) */
  gboolean (*sample) (SynHostSampler *self, GError **error);
  GArray *before, *now;     /* (owned) (nullable): of the table's struct */
  gint64 before_us, now_us; /* monotonic; 0: none */
  gint64 real_us;
  GHashTable *users; /* (owned): uid → name */
  glong ticks_per_s, page_bytes;
};

/* ---- reading ---- */

static char *
read_file (SynHostSampler *self, const char *name, GError **error)
{
  g_autofree char *path = g_build_filename (self->root, name, NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  gssize n = -1;

  if (fd >= 0)
    {
      char buffer[8192];

      while (text->len < MAX_FILE_BYTES && (n = read (fd, buffer, sizeof buffer)) > 0)
        g_string_append_len (text, buffer, n);
    }
  if (n < 0)
    g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s: cannot be read: %s", path, g_strerror (errno));
  if (fd >= 0)
    close (fd);
  return n < 0 ? NULL : g_string_free (g_steal_pointer (&text), FALSE);
}

/* ---- putting ---- */

static void
put_text (SynHostSampler *self, guint field, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  for (char *p = valid; *p != '\0'; p++)
    if ((guchar) *p < 0x20 || *p == 0x7f)
      *p = '?';
  syn_event_builder_put_string (self->builder, field, valid, strlen (valid));
}

static void
put_bytes (SynHostSampler *self, guint field, guint64 value)
{
  syn_event_builder_put_int64 (self->builder, field, (gint64) MIN (value, (guint64) G_MAXINT64));
}

static void
put_number (SynHostSampler *self, guint field, double value)
{
  syn_event_builder_put_double (self->builder, field, value);
}

static void
commit (SynHostSampler *self, guint time_field)
{
  syn_event_builder_put_int64 (self->builder, time_field, self->real_us);
  syn_event_builder_put_event (self->builder);
}

static double
seconds_between (SynHostSampler *self)
{
  return (double) (self->now_us - self->before_us) / 1e6;
}

/* Per second; 0 when the counter went back. */
static double
rate (SynHostSampler *self, guint64 before, guint64 now)
{
  return now < before ? 0 : (double) (now - before) / seconds_between (self);
}

/* The struct of the sample before with the same name, which each struct has first. */
static gconstpointer
find_before (SynHostSampler *self, const char *name)
{
  guint size = g_array_get_element_size (self->before);

  for (guint i = 0; i < self->before->len; i++)
    if (strcmp (self->before->data + (gsize) i * size, name) == 0)
      return self->before->data + (gsize) i * size;
  return NULL;
}

/* ---- the tables ---- */

static double
share (guint64 before, guint64 now, guint64 total)
{
  return now < before || total == 0 ? 0 : MIN (100.0, 100.0 * (double) (now - before) / (double) total);
}

static gboolean
sample_cpu (SynHostSampler *self, GError **error)
{
  g_autofree char *text = read_file (self, "stat", error);

  if (text == NULL)
    return FALSE;
  syn_host_parse_stat (text, self->now);
  for (guint i = 0; i < self->now->len; i++)
    {
      const SynHostCpu *now = &g_array_index (self->now, SynHostCpu, i),
                       *before = find_before (self, now->name);
      guint64 total;

      if (before == NULL || now->total <= before->total)
        continue;
      total = now->total - before->total;
      put_text (self, SYN_HOST_CPU_CPU, now->name);
      put_number (self, SYN_HOST_CPU_USER, share (before->user, now->user, total));
      put_number (self, SYN_HOST_CPU_SYSTEM, share (before->system, now->system, total));
      put_number (self, SYN_HOST_CPU_IOWAIT, share (before->iowait, now->iowait, total));
      put_number (self, SYN_HOST_CPU_IDLE, share (before->idle, now->idle, total));
      put_number (self, SYN_HOST_CPU_BUSY,
                  share (before->user + before->system, now->user + now->system, total));
      commit (self, SYN_HOST_CPU_TIME);
    }
  return TRUE;
}

static gboolean
sample_memory (SynHostSampler *self, GError **error)
{
  g_autofree char *text = read_file (self, "meminfo", error);
  SynHostMemory memory;

  if (text == NULL)
    return FALSE;
  if (!syn_host_parse_meminfo (text, &memory))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s/meminfo: no MemTotal in it", self->root);
      return FALSE;
    }
  put_text (self, SYN_HOST_MEMORY_NAME, "memory");
  put_bytes (self, SYN_HOST_MEMORY_TOTAL, memory.total);
  put_bytes (self, SYN_HOST_MEMORY_USED, memory.total - MIN (memory.total, memory.available));
  put_bytes (self, SYN_HOST_MEMORY_AVAILABLE, memory.available);
  put_bytes (self, SYN_HOST_MEMORY_CACHED, memory.cached);
  commit (self, SYN_HOST_MEMORY_TIME);
  put_text (self, SYN_HOST_MEMORY_NAME, "swap");
  put_bytes (self, SYN_HOST_MEMORY_TOTAL, memory.swap_total);
  put_bytes (self, SYN_HOST_MEMORY_USED, memory.swap_total - MIN (memory.swap_total, memory.swap_free));
  put_bytes (self, SYN_HOST_MEMORY_AVAILABLE, memory.swap_free);
  put_bytes (self, SYN_HOST_MEMORY_CACHED, memory.swap_cached);
  commit (self, SYN_HOST_MEMORY_TIME);
  return TRUE;
}

static gboolean
sample_disk (SynHostSampler *self, GError **error)
{
  g_autofree char *text = read_file (self, "diskstats", error);

  if (text == NULL)
    return FALSE;
  syn_host_parse_diskstats (text, self->now);
  for (guint i = 0; i < self->now->len; i++)
    {
      const SynHostDisk *now = &g_array_index (self->now, SynHostDisk, i),
                        *before = find_before (self, now->name);

      if (before == NULL)
        continue;
      put_text (self, SYN_HOST_DISK_DEVICE, now->name);
      put_bytes (self, SYN_HOST_DISK_READ_BYTES, (guint64) rate (self, before->read_bytes, now->read_bytes));
      put_bytes (self, SYN_HOST_DISK_WRITTEN_BYTES,
                 (guint64) rate (self, before->written_bytes, now->written_bytes));
      put_number (self, SYN_HOST_DISK_READS, rate (self, before->reads, now->reads));
      put_number (self, SYN_HOST_DISK_WRITES, rate (self, before->writes, now->writes));
      put_number (self, SYN_HOST_DISK_BUSY, MIN (100.0, rate (self, before->busy_ms, now->busy_ms) / 10));
      commit (self, SYN_HOST_DISK_TIME);
    }
  return TRUE;
}

static gboolean
sample_network (SynHostSampler *self, GError **error)
{
  g_autofree char *text = read_file (self, "net/dev", error);

  if (text == NULL)
    return FALSE;
  syn_host_parse_net_dev (text, self->now);
  for (guint i = 0; i < self->now->len; i++)
    {
      const SynHostInterface *now = &g_array_index (self->now, SynHostInterface, i);
      const SynHostInterface *before = find_before (self, now->name);

      if (before == NULL)
        continue;
      put_text (self, SYN_HOST_NETWORK_INTERFACE, now->name);
      put_bytes (self, SYN_HOST_NETWORK_RX_BYTES, (guint64) rate (self, before->rx_bytes, now->rx_bytes));
      put_bytes (self, SYN_HOST_NETWORK_TX_BYTES, (guint64) rate (self, before->tx_bytes, now->tx_bytes));
      put_number (self, SYN_HOST_NETWORK_RX_PACKETS, rate (self, before->rx_packets, now->rx_packets));
      put_number (self, SYN_HOST_NETWORK_TX_PACKETS, rate (self, before->tx_packets, now->tx_packets));
      put_bytes (self, SYN_HOST_NETWORK_ERRORS, now->errors);
      commit (self, SYN_HOST_NETWORK_TIME);
    }
  return TRUE;
}

static gboolean
sample_load (SynHostSampler *self, GError **error)
{
  static const char *const names[] = { "1m", "5m", "15m", "tasks", "running", "uptime" };
  g_autofree char *text = read_file (self, "loadavg", error), *uptime = NULL;
  guint64 running, tasks;
  double values[6];

  if (text == NULL || (uptime = read_file (self, "uptime", error)) == NULL)
    return FALSE;
  if (!syn_host_parse_loadavg (text, values, &running, &tasks) || !syn_host_parse_uptime (uptime, &values[5]))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s/loadavg: not in the form that proc(5) has",
                   self->root);
      return FALSE;
    }
  values[3] = (double) tasks;
  values[4] = (double) running;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      put_text (self, SYN_HOST_LOAD_NAME, names[i]);
      put_number (self, SYN_HOST_LOAD_VALUE, values[i]);
      commit (self, SYN_HOST_LOAD_TIME);
    }
  return TRUE;
}

/* ---- processes ---- */

typedef struct
{
  SynHostProcess process;
  double cpu;
} Ranked;

static int
by_pid (gconstpointer a, gconstpointer b)
{
  gint x = ((const SynHostProcess *) a)->pid, y = ((const SynHostProcess *) b)->pid;

  return (x > y) - (x < y);
}

/* The busiest first; then the largest; then the oldest number. */
static int
by_rank (gconstpointer a, gconstpointer b)
{
  const Ranked *x = a, *y = b;

  if (x->cpu != y->cpu)
    return x->cpu < y->cpu ? 1 : -1;
  if (x->process.rss_pages != y->process.rss_pages)
    return x->process.rss_pages < y->process.rss_pages ? 1 : -1;
  return by_pid (&x->process, &y->process);
}

static void
read_process (int root, const char *pid, GArray *processes)
{
  g_autofree char *name = g_strconcat (pid, "/stat", NULL);
  int fd = openat (root, name, O_RDONLY | O_CLOEXEC);
  char text[2048];
  SynHostProcess process;
  gssize n;

  if (fd < 0)
    return;
  n = read (fd, text, sizeof text - 1);
  close (fd);
  if (n <= 0)
    return;
  text[n] = '\0';
  if (syn_host_parse_pid_stat (text, &process))
    g_array_append_val (processes, process);
}

/* The name of a process's owner, or its number. */
static char *
owner_of (SynHostSampler *self, gint pid)
{
  g_autofree char *path = g_strdup_printf ("%s/%d", self->root, pid);
  char buffer[4096], *name;
  struct passwd entry, *found = NULL;
  struct stat status;

  if (stat (path, &status) != 0)
    return NULL;
  name = g_hash_table_lookup (self->users, GUINT_TO_POINTER (status.st_uid));
  if (name != NULL)
    return g_strdup (name);
  if (getpwuid_r (status.st_uid, &entry, buffer, sizeof buffer, &found) != 0 || found == NULL)
    name = g_strdup_printf ("%u", (guint) status.st_uid);
  else
    name = g_strdup (found->pw_name);
  if (g_hash_table_size (self->users) >= MAX_USERS)
    g_hash_table_remove_all (self->users);
  g_hash_table_insert (self->users, GUINT_TO_POINTER (status.st_uid), g_strdup (name));
  return name;
}

static void
put_processes (SynHostSampler *self, GArray *ranked)
{
  guint n = MAX (1, self->spec->processes);

  for (guint i = 0; i < n; i++)
    {
      const Ranked *one = i < ranked->len ? &g_array_index (ranked, Ranked, i) : NULL;
      g_autofree char *user = one != NULL ? owner_of (self, one->process.pid) : NULL;

      /* A slot without a process is there, and empty: it may have had one before. */
      put_bytes (self, SYN_HOST_PROCESS_SLOT, i + 1);
      if (one != NULL)
        {
          const char state[2] = { one->process.state, '\0' };

          put_bytes (self, SYN_HOST_PROCESS_PID, (guint64) one->process.pid);
          put_text (self, SYN_HOST_PROCESS_NAME, one->process.name);
          if (user != NULL)
            put_text (self, SYN_HOST_PROCESS_USER, user);
          put_number (self, SYN_HOST_PROCESS_CPU, one->cpu);
          put_bytes (self, SYN_HOST_PROCESS_MEMORY, one->process.rss_pages * (guint64) self->page_bytes);
          put_text (self, SYN_HOST_PROCESS_STATE, state);
        }
      commit (self, SYN_HOST_PROCESS_TIME);
    }
}

static gboolean
sample_process (SynHostSampler *self, GError **error)
{
  g_autoptr (GDir) dir = g_dir_open (self->root, 0, error);
  g_autoptr (GArray) ranked = g_array_new (FALSE, FALSE, sizeof (Ranked));
  const char *name;
  int root;

  if (dir == NULL)
    return FALSE;
  root = open (self->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s: cannot be read: %s", self->root,
                   g_strerror (errno));
      return FALSE;
    }
  while (self->now->len < SYN_MAX_HOST_PROCESSES && (name = g_dir_read_name (dir)) != NULL)
    if (g_ascii_isdigit (*name))
      read_process (root, name, self->now);
  close (root);
  g_array_sort (self->now, by_pid);
  if (self->before_us == 0)
    return TRUE;

  for (guint i = 0; i < self->now->len; i++)
    {
      const SynHostProcess *now = &g_array_index (self->now, SynHostProcess, i), *before;
      Ranked one = { *now, 0 };

      before = bsearch (now, self->before->data, self->before->len, sizeof *now, by_pid);
      /* Of one that is new, all its time is of this interval. */
      if (before == NULL || before->started != now->started)
        one.cpu = rate (self, 0, now->ticks);
      else
        one.cpu = rate (self, before->ticks, now->ticks);
      one.cpu = one.cpu * 100 / (double) self->ticks_per_s;
      g_array_append_val (ranked, one);
    }
  g_array_sort (ranked, by_rank);
  put_processes (self, ranked);
  return TRUE;
}

/* ---- the sampler ---- */

SynHostSampler *
syn_host_sampler_new (const SynSourceSpec *spec, const char *root)
{
  static const struct
  {
    const char *table;
    gboolean (*sample) (SynHostSampler *self, GError **error);
    guint size;
  } tables[] = {
    { "cpu", sample_cpu, sizeof (SynHostCpu) },
    { "memory", sample_memory, 0 },
    { "disk", sample_disk, sizeof (SynHostDisk) },
    { "network", sample_network, sizeof (SynHostInterface) },
    { "process", sample_process, sizeof (SynHostProcess) },
    { "load", sample_load, 0 },
  };
  SynHostSampler *self = g_new0 (SynHostSampler, 1);

  G_STATIC_ASSERT (G_STRUCT_OFFSET (SynHostCpu, name) == 0 && G_STRUCT_OFFSET (SynHostDisk, name) == 0
                   && G_STRUCT_OFFSET (SynHostInterface, name) == 0);
  self->spec = spec;
  self->root = g_strdup (root);
  self->builder = syn_event_builder_new (spec);
  self->users = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  self->ticks_per_s = MAX (1, sysconf (_SC_CLK_TCK));
  self->page_bytes = MAX (1, sysconf (_SC_PAGESIZE));
  for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
    if (g_strcmp0 (tables[i].table, spec->host_table) == 0)
      {
        self->sample = tables[i].sample;
        if (tables[i].size > 0)
          {
            self->before = g_array_new (FALSE, FALSE, tables[i].size);
            self->now = g_array_new (FALSE, FALSE, tables[i].size);
          }
      }
  return self;
}

void
syn_host_sampler_free (SynHostSampler *self)
{
  g_clear_pointer (&self->before, g_array_unref);
  g_clear_pointer (&self->now, g_array_unref);
  g_hash_table_unref (self->users);
  syn_event_builder_free (self->builder);
  g_free (self->root);
  g_free (self);
}

SynEventBatch *
syn_host_sampler_sample (SynHostSampler *self, gint64 monotonic_us, gint64 real_us, GError **error)
{
  GArray *swap;

  if (self->sample == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "there is no host table \"%s\"",
                   self->spec->host_table);
      return NULL;
    }
  if (self->before_us != 0 && monotonic_us <= self->before_us)
    return NULL;
  self->now_us = monotonic_us;
  self->real_us = real_us;
  if (self->now != NULL)
    g_array_set_size (self->now, 0);
  if (!self->sample (self, error))
    {
      syn_event_builder_reset (self->builder);
      return NULL;
    }
  swap = self->before;
  self->before = self->now;
  self->now = swap;
  self->before_us = monotonic_us;
  return syn_event_builder_take (self->builder);
}
