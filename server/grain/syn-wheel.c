/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A hierarchical timer wheel. A timer's level is the highest group of 6 bits in which its due time differs from the
 * present, its slot that group of the due time. So every slot of a level lies ahead of the present's own, everything on
 * one level is due before anything on the next, and one bit map a level finds the next slot without a search. A jump
 * of any length costs what it fires, plus at most one move a level and timer.
 *
 * Runs on whichever thread owns it. Rejected: a heap (O(log n), and an index to keep in each timer), GLib's timeouts (a
 * sorted list), one flat wheel (10 s of holds and hours of idle age do not fit one size). */
#define G_LOG_DOMAIN "syn-wheel"

#include "syn-wheel.h"

#define BITS 6
#define SLOTS (1u << BITS)
#define LEVELS 11 /* 11 × 6 bits: any 64-bit time */

struct _SynWheel {
  gint64 now_ms;    /* all that was due up to here has been taken out */
  gint64 target_ms; /* while advancing: where to; else now_ms */
  gboolean advancing;
  SynTimer *late;   /* armed when due already: fires in the next advance */
  SynTimer *firing; /* of the advance that runs now */
  guint64 occupied[LEVELS];
  SynTimer *slots[LEVELS][SLOTS];
};

static inline void
push (SynTimer **head, SynTimer *timer)
{
  timer->next = *head;
  if (timer->next != NULL)
    timer->next->pprev = &timer->next;
  timer->pprev = head;
  *head = timer;
}

/* Takes @timer out of its list; clears the bit of a slot that is empty now. */
static inline void
unlink_timer (SynWheel *self, SynTimer *timer)
{
  SynTimer **pprev = timer->pprev;
  SynTimer **slots = &self->slots[0][0];

  *pprev = timer->next;
  if (timer->next != NULL)
    timer->next->pprev = pprev;
  timer->next = NULL;
  timer->pprev = NULL;
  if (*pprev == NULL && pprev >= slots && pprev < slots + LEVELS * SLOTS)
    {
      gsize index = (gsize) (pprev - slots);
      self->occupied[index / SLOTS] &= ~(G_GUINT64_CONSTANT (1) << (index % SLOTS));
    }
}

/* Moves a whole list to the head @to, which is empty. */
static inline void
move_list (SynTimer **from, SynTimer **to)
{
  *to = *from;
  *from = NULL;
  if (*to != NULL)
    (*to)->pprev = to;
}

/* @timer is due after the present. */
static inline void
insert (SynWheel *self, SynTimer *timer)
{
  guint64 differs = (guint64) timer->due_ms ^ (guint64) self->now_ms;
  guint level = (63 - (guint) __builtin_clzll (differs)) / BITS;
  guint slot = (guint) ((guint64) timer->due_ms >> (level * BITS)) % SLOTS;

  self->occupied[level] |= G_GUINT64_CONSTANT (1) << slot;
  push (&self->slots[level][slot], timer);
}

/* The start of the next slot that holds anything, and which it is; -1: none does. */
static gint64
next_slot (SynWheel *self, guint *level_out, guint *slot_out)
{
  for (guint level = 0; level < LEVELS; level++)
    {
      guint slot;
      guint64 above;

      if (self->occupied[level] == 0)
        continue;
      slot = (guint) __builtin_ctzll (self->occupied[level]);
      above = (level + 1) * BITS >= 64 ? 0 : (guint64) self->now_ms >> ((level + 1) * BITS) << ((level + 1) * BITS);
      *level_out = level;
      *slot_out = slot;
      return (gint64) (above | (guint64) slot << (level * BITS));
    }
  return -1;
}

/**
 * syn_wheel_new:
 * @now_ms: the present, not negative
 *
 * Returns: (transfer full): a wheel without timers
 */
SynWheel *
syn_wheel_new (gint64 now_ms)
{
  SynWheel *self = g_new0 (SynWheel, 1);

  g_return_val_if_fail (now_ms >= 0, NULL);
  self->now_ms = now_ms;
  self->target_ms = now_ms;
  return self;
}

static void
disarm_list (SynWheel *self, SynTimer **head)
{
  while (*head != NULL)
    unlink_timer (self, *head);
}

void
syn_wheel_free (SynWheel *self)
{
  if (self == NULL)
    return;
  for (guint level = 0; level < LEVELS; level++)
    for (guint slot = 0; slot < SLOTS; slot++)
      disarm_list (self, &self->slots[level][slot]);
  disarm_list (self, &self->late);
  disarm_list (self, &self->firing);
  g_free (self);
}

/**
 * syn_wheel_arm:
 * @due_ms: when; what is past (also: within the span that a running advance covers) fires in the next advance, so that a
 *   callback that arms itself again cannot keep one advance going
 *
 * Timers fire in the order of their milliseconds; within one millisecond in no order.
 */
void
syn_wheel_arm (SynWheel *self, SynTimer *timer, gint64 due_ms, SynTimerFunc func, gpointer user_data)
{
  if (timer->pprev != NULL)
    unlink_timer (self, timer);
  timer->due_ms = due_ms;
  timer->func = func;
  timer->user_data = user_data;
  if (due_ms <= self->target_ms)
    push (&self->late, timer);
  else
    insert (self, timer);
}

void
syn_wheel_disarm (SynWheel *self, SynTimer *timer)
{
  if (timer->pprev != NULL)
    unlink_timer (self, timer);
}

static guint
fire (SynWheel *self)
{
  guint n = 0;

  while (self->firing != NULL)
    {
      SynTimer *timer = self->firing;

      unlink_timer (self, timer);
      n++;
      timer->func (timer, timer->user_data); /* may free it */
    }
  return n;
}

/**
 * syn_wheel_advance:
 * @now_ms: the present; what goes back is taken as standing still
 *
 * Returns: how many timers fired
 */
guint
syn_wheel_advance (SynWheel *self, gint64 now_ms)
{
  guint n = 0;
  guint level = 0, slot = 0;
  gint64 start_ms;

  g_return_val_if_fail (!self->advancing, 0);
  self->advancing = TRUE;
  self->target_ms = MAX (now_ms, self->now_ms);
  move_list (&self->late, &self->firing);
  n += fire (self);

  while ((start_ms = next_slot (self, &level, &slot)) >= 0 && start_ms <= self->target_ms)
    {
      SynTimer *moved = NULL;

      self->now_ms = start_ms;
      self->occupied[level] &= ~(G_GUINT64_CONSTANT (1) << slot);
      move_list (&self->slots[level][slot], &moved);
      while (moved != NULL)
        {
          SynTimer *timer = moved;

          unlink_timer (self, timer);
          if (timer->due_ms <= self->now_ms)
            push (&self->firing, timer);
          else
            insert (self, timer);
        }
      n += fire (self);
    }

  self->now_ms = self->target_ms;
  self->advancing = FALSE;
  return n;
}

gint64
syn_wheel_next_ms (SynWheel *self)
{
  guint level, slot;

  if (self->late != NULL || self->firing != NULL)
    return self->now_ms;
  return next_slot (self, &level, &slot);
}
