/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sorting row numbers by typed columns. Any thread; works in the thread's scratch.
 *
 * Each column is a series of steps, each of which gives a row 64 bits that order as the column does: whether it is null, then
 * its number (two words of a 128-bit one), or the first eight bytes of its text and then the rank of the text among those of the
 * run. A run of rows is sorted by one step (by radix, over the bytes that differ), and the runs of equal ones by the next. With a limit,
 * the limit-th smallest word is selected first, and only what is not above it is sorted. Texts beyond their eighth byte are looked at
 * once an entry of the dictionary and not once a row, by a merge sort: n rows of t bytes of different text cost n + t log n.
 *
 * A comparison sort over replica_column_compare() was rejected: a mispredicted branch, and for text a cache miss, per
 * comparison: 5,000 rows cost 1 to 2 ms, this under 0.2. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <math.h>
#include <string.h>
#include "syn-query-sort.h"
#include "syn-scratch.h"

#define SMALL_RUN 48 /* up to here by insertion */

typedef struct {
  guint64 key;
  guint32 row;
} Record;

typedef struct {
  const SynSortColumn *columns;
  guint n_columns;
  Record *spare; /* as long as the longest run */
} Sorter;

/* Where a run stands: all its rows are equal in everything before. */
typedef struct {
  guint column;
  guint part; /* 0: null or not; then the words of the value */
} Step;

static inline gboolean
is_null (const ReplicaColumn *column, guint row)
{
  return replica_column_is_null (column, row)
         || (column->type == REPLICA_TYPE_DOUBLE && !isfinite (((const double *) column->data)[row]));
}

static inline guint64
key_of_int64 (gint64 value)
{
  return (guint64) value ^ G_GUINT64_CONSTANT (0x8000000000000000);
}

static inline guint64
key_of_double (double value)
{
  guint64 bits;

  value += 0.0; /* -0.0 is 0.0 */
  memcpy (&bits, &value, sizeof bits);
  return bits >> 63 ? ~bits : bits | G_GUINT64_CONSTANT (0x8000000000000000);
}

/* The first eight bytes of the text, the first the heaviest; zeros behind its end. */
static inline guint64
key_of_text (const char *text, gsize length)
{
  guint64 word = 0;

  memcpy (&word, text, MIN (length, sizeof word));
  return GUINT64_FROM_BE (word);
}

static int
compare_entries (const ReplicaColumn *column, guint32 a, guint32 b)
{
  gsize length_a = column->dict_offsets[a + 1] - column->dict_offsets[a] - 1;
  gsize length_b = column->dict_offsets[b + 1] - column->dict_offsets[b] - 1;
  int order = memcmp (column->dict_bytes + column->dict_offsets[a], column->dict_bytes + column->dict_offsets[b],
                      MIN (length_a, length_b));

  return order != 0 ? order : (length_a > length_b) - (length_a < length_b);
}

static int
compare_codes (gconstpointer a, gconstpointer b, gpointer user_data)
{
  return compare_entries (user_data, *(const guint32 *) a, *(const guint32 *) b);
}

/* Gives each row of the run the rank of its text among those of the run; equal texts have equal ranks, whatever their codes. */
static void
take_ranks (const ReplicaColumn *column, Record *records, guint n)
{
  const guint32 unknown = G_MAXUINT32;
  const guint32 *codes = column->data;
  SynScratch *scratch = syn_scratch_get ();
  guint32 *ranks = syn_scratch_buffer (scratch, SYN_SCRATCH_MAP, (gsize) column->n_dict * sizeof *ranks);
  guint32 *used = syn_scratch_buffer (scratch, SYN_SCRATCH_MAP_START, (gsize) MIN (n, column->n_dict) * sizeof *used);
  guint n_used = 0, rank = 0;

  for (guint i = 0; i < n; i++)
    ranks[codes[records[i].row]] = unknown;
  for (guint i = 0; i < n; i++)
    {
      guint32 code = codes[records[i].row];

      if (ranks[code] != unknown)
        continue;
      ranks[code] = 0;
      used[n_used++] = code;
    }
  if (n_used > 1)
    g_qsort_with_data (used, (gint) n_used, sizeof *used, compare_codes, (gpointer) column);
  for (guint i = 0; i < n_used; i++)
    {
      if (i > 0 && compare_entries (column, used[i - 1], used[i]) != 0)
        rank++;
      ranks[used[i]] = rank;
    }
  for (guint i = 0; i < n; i++)
    records[i].key = ranks[codes[records[i].row]];
}

/* Fills in the keys of a run for @step, and moves @step on to the one after. */
static void
take_keys (Sorter *self, Step *step, Record *records, guint n)
{
  const SynSortColumn *sort = &self->columns[step->column];
  const ReplicaColumn *column = sort->column;
  guint part = step->part++;
  gboolean is_last = TRUE;

  if (part == 0)
    {
      for (guint i = 0; i < n; i++)
        records[i].key = is_null (column, records[i].row);
      return;
    }
  /* From here on a run is all null or has none. */
  if (is_null (column, records[0].row))
    {
      for (guint i = 0; i < n; i++)
        records[i].key = 0;
      *step = (Step) { step->column + 1, 0 };
      return;
    }
  switch (column->type)
    {
    case REPLICA_TYPE_BOOL:
    case REPLICA_TYPE_INT64:
    case REPLICA_TYPE_TIMESTAMP:
      for (guint i = 0; i < n; i++)
        records[i].key = key_of_int64 (replica_column_get_int64 (column, records[i].row));
      break;
    case REPLICA_TYPE_DOUBLE:
      for (guint i = 0; i < n; i++)
        records[i].key = key_of_double (((const double *) column->data)[records[i].row]);
      break;
    case REPLICA_TYPE_DECIMAL:
      /* Both halves of a wide one: the sign is in the upper. */
      is_last = column->width == 8 || part == 2;
      for (guint i = 0; i < n; i++)
        {
          ReplicaInt128 value = replica_column_get_int128 (column, records[i].row);

          if (column->width == 8)
            records[i].key = key_of_int64 ((gint64) value);
          else
            records[i].key = part == 1 ? key_of_int64 ((gint64) (value >> 64)) : (guint64) value;
        }
      break;
    case REPLICA_TYPE_STRING:
      is_last = part == 2;
      if (is_last)
        take_ranks (column, records, n);
      else
        for (guint i = 0; i < n; i++)
          {
            gsize length;
            const char *text = replica_column_get_string (column, records[i].row, &length);

            records[i].key = key_of_text (text, length);
          }
      break;
    }
  if (sort->descending)
    for (guint i = 0; i < n; i++)
      records[i].key = ~records[i].key;
  if (is_last)
    *step = (Step) { step->column + 1, 0 };
}

/* The bits in which the keys differ. */
static guint64
differing_bits (const Record *records, guint n)
{
  guint64 differing = 0;

  for (guint i = 1; i < n; i++)
    differing |= records[i].key ^ records[0].key;
  return differing;
}

static void
sort_by_insertion (Record *records, guint n)
{
  for (guint i = 1; i < n; i++)
    {
      Record record = records[i];
      guint j = i;

      for (; j > 0 && records[j - 1].key > record.key; j--)
        records[j] = records[j - 1];
      records[j] = record;
    }
}

static void sort_by_keys (Sorter *self, Record *records, guint n, guint64 differing);

/* The heaviest four of the bytes that differ. */
static guint64
heavy_bytes (guint64 differing)
{
  guint64 heavy = 0;

  for (guint shift = 64, n = 0; shift > 0 && n < 4; shift -= 8)
    if (differing >> (shift - 8) & 0xff)
      {
        heavy |= differing & (G_GUINT64_CONSTANT (0xff) << (shift - 8));
        n++;
      }
  return heavy;
}

/* From the lightest byte to the heaviest, each pass stable; bytes in which all are equal cost nothing. At first by the heaviest four only:
 * they tell nearly all apart, also of doubles, which differ in all eight; what they do not is sorted by the rest. Digits of 11
 * bits were measured too: two passes less, and no faster. */
static void
sort_by_radix (Sorter *self, Record *records, guint n, guint64 all_differing)
{
  guint64 differing = heavy_bytes (all_differing), rest = all_differing & ~differing;
  Record *from = records, *to = self->spare;

  for (guint shift = 0; shift < 64; shift += 8)
    {
      guint32 at[256] = { 0 };
      guint32 sum = 0;
      Record *swap = from;

      if (((differing >> shift) & 0xff) == 0)
        continue;
      for (guint i = 0; i < n; i++)
        at[(from[i].key >> shift) & 0xff]++;
      for (guint digit = 0; digit < 256; digit++)
        {
          guint32 count = at[digit];

          at[digit] = sum;
          sum += count;
        }
      for (guint i = 0; i < n; i++)
        to[at[(from[i].key >> shift) & 0xff]++] = from[i];
      from = to;
      to = swap;
    }
  if (from != records)
    memcpy (records, from, (gsize) n * sizeof *records);
  for (guint start = 0, end; rest != 0 && start < n; start = end)
    {
      for (end = start + 1; end < n && ((records[end].key ^ records[start].key) & differing) == 0;)
        end++;
      if (end - start > 1)
        sort_by_keys (self, records + start, end - start, rest);
    }
}

static void
sort_by_keys (Sorter *self, Record *records, guint n, guint64 differing)
{
  if (n <= SMALL_RUN)
    sort_by_insertion (records, n);
  else
    sort_by_radix (self, records, n, differing);
}

/* The key at position @k (from 0) if they were sorted: a histogram of the heaviest byte that differs, then the same among
 * those that share it. */
static guint64
select_key (const Record *records, guint n, guint k, guint64 differing)
{
  guint64 *keys = syn_scratch_buffer (syn_scratch_get (), SYN_SCRATCH_KEYS, (gsize) n * sizeof *keys);

  for (guint i = 0; i < n; i++)
    keys[i] = records[i].key;
  for (int shift = 56; shift >= 0; shift -= 8)
    {
      guint32 counts[256] = { 0 };
      guint digit = 0, kept = 0;

      if (((differing >> shift) & 0xff) == 0)
        continue;
      for (guint i = 0; i < n; i++)
        counts[(keys[i] >> shift) & 0xff]++;
      while (k >= counts[digit])
        k -= counts[digit++];
      for (guint i = 0; i < n; i++)
        if (((keys[i] >> shift) & 0xff) == digit)
          keys[kept++] = keys[i];
      n = kept;
    }
  return keys[0];
}

/* Leaves those below @key at the beginning and those equal to it behind them, in their order; drops the others. */
static void
partition (Sorter *self, Record *records, guint n, guint64 key, guint *n_below, guint *n_equal)
{
  guint below = 0, equal = 0;

  for (guint i = 0; i < n; i++)
    if (records[i].key < key)
      records[below++] = records[i];
    else if (records[i].key == key)
      self->spare[equal++] = records[i];
  memcpy (records + below, self->spare, (gsize) equal * sizeof *records);
  *n_below = below;
  *n_equal = equal;
}

/* Sorts the first @limit of a run whose rows are equal before @step. Recursion is as deep as there are steps that split. */
static void
sort_run (Sorter *self, Record *records, guint n, Step step, guint limit)
{
  guint64 differing = 0;
  guint n_below, n_equal;

  while (differing == 0)
    {
      if (n < 2 || limit == 0 || step.column == self->n_columns)
        return;
      take_keys (self, &step, records, n);
      differing = differing_bits (records, n);
    }
  if (limit < n / 2)
    {
      guint64 key = select_key (records, n, limit - 1, differing);

      partition (self, records, n, key, &n_below, &n_equal);
      sort_run (self, records + n_below, n_equal, step, limit - n_below);
      n = n_below;
      differing = differing_bits (records, n);
    }
  sort_by_keys (self, records, n, differing);
  for (guint start = 0, end; start < n && start < limit; start = end)
    {
      for (end = start + 1; end < n && records[end].key == records[start].key;)
        end++;
      if (end - start > 1)
        sort_run (self, records + start, end - start, step, MIN (end, limit) - start);
    }
}

guint
syn_sort_rows (guint32 *rows, guint n, const SynSortColumn *columns, guint n_columns, guint limit)
{
  SynScratch *scratch = syn_scratch_get ();
  Sorter self = { columns, n_columns, NULL };
  Record *records = syn_scratch_buffer (scratch, SYN_SCRATCH_RECORDS, (gsize) n * sizeof *records);

  limit = MIN (limit, n);
  self.spare = syn_scratch_buffer (scratch, SYN_SCRATCH_RECORDS_2, (gsize) n * sizeof *records);
  for (guint i = 0; i < n; i++)
    records[i].row = rows[i];
  sort_run (&self, records, n, (Step) { 0, 0 }, limit);
  for (guint i = 0; i < limit; i++)
    rows[i] = records[i].row;
  return limit;
}

int
syn_sort_compare (const SynSortColumn *columns, guint n_columns, guint32 a, guint32 b)
{
  for (guint i = 0; i < n_columns; i++)
    {
      const ReplicaColumn *column = columns[i].column;
      gboolean null_a = is_null (column, a), null_b = is_null (column, b);
      int order;

      if (null_a || null_b)
        {
          if (null_a != null_b)
            return null_a - null_b;
          continue;
        }
      if (column->type == REPLICA_TYPE_STRING && ((const guint32 *) column->data)[a] == ((const guint32 *) column->data)[b])
        continue;
      if (column->type == REPLICA_TYPE_STRING)
        order = compare_entries (column, ((const guint32 *) column->data)[a], ((const guint32 *) column->data)[b]);
      else
        order = replica_column_compare (column, a, column, b);
      if (order != 0)
        return columns[i].descending ? -order : order;
    }
  return (a > b) - (a < b);
}
