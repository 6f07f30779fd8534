/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The limits that a stranger could push against, in one place, but for those of a snapshot's own layout, which its readers need too
 * (libreplica/replica-snapshot.h). docs/operations.md says what happens past each of those that somebody outside can meet. */

/* publish */
#define SYN_MAX_BODY_BYTES (64u << 20)       /* one POST; above: TOO_LARGE; one message that publishes over a WebSocket: above, it is closed */
#define SYN_MAX_LINE_BYTES (1u << 20)        /* one event of NDJSON or CSV; above: TOO_LARGE, naming the line */
#define SYN_MAX_STRING_BYTES (64u << 10)     /* one string value */
#define SYN_MAX_EVENTS_PER_BATCH (1u << 20)  /* one POST, one publication over a WebSocket */
#define SYN_MAX_BATCHES_IN_FLIGHT 64         /* per source; above: OVERLOADED */

#define SYN_MAX_PRODUCERS 4096               /* remembered per source; past it the one that was silent for longest is forgotten */
#define SYN_MAX_PRODUCER_BYTES 128           /* its name */
#define SYN_PRODUCER_WINDOW 8                /* acknowledgements remembered of each */

/* sources */
#define SYN_MAX_FILE_THREADS 4               /* read files at the same time; more file sources take turns */
#define SYN_MAX_FILE_BATCHES 8               /* of one file source: read, but not applied yet */
#define SYN_MAX_FILE_BATCH_EVENTS 4096
#define SYN_MAX_HOST_PROCESSES 65536         /* of /proc, looked at per sample; those beyond are left out */

/* catalog */
#define SYN_MAX_CATALOG_BYTES (16u << 20)
#define SYN_MAX_FIELDS 256
#define SYN_MAX_COLUMNS 256
#define SYN_MAX_INPUTS 64                    /* sources of one projection */
#define SYN_MAX_NAME_BYTES 128
#define SYN_MAX_SOURCES 4096
#define SYN_MAX_PROJECTIONS 65536
#define SYN_MAX_SCREENS 1024
#define SYN_MAX_PANELS 64                    /* of one screen */
#define SYN_MAX_INSTRUMENTS 1000000          /* of one simulator */
#define SYN_MAX_RATE 10000000                /* events/s of one simulator */

/* expressions and queries */
#define SYN_MAX_EXPR_BYTES 4096
#define SYN_MAX_EXPR_DEPTH 64
#define SYN_MAX_EXPR_TEXT_BYTES (64u << 20)  /* all different strings that one expression makes, on its way too; those beyond are null, and counted */
#define SYN_MAX_EVALUATION_BYTES (1u << 30)  /* of what the expressions of one query compute, together; above: TOO_LARGE */
#define SYN_MAX_QUESTION_BYTES (G_GUINT64_CONSTANT (2) << 30) /* of all questions alive: their answers, and what is remembered to go on from; above: OVERLOADED */
#define SYN_MAX_REGEX_BYTES 1024             /* one pattern */
#define SYN_MAX_REGEX_STATES 512             /* of one pattern: matching takes at most this many steps a character */
#define SYN_MAX_QUERY_BYTES 8192             /* the whole path and query, decoded */
#define SYN_MAX_SORT_COLUMNS 16
#define SYN_MAX_JOINS 8                      /* projections joined by one query */

/* projections */
#define SYN_MAX_WINDOW_PANES 1440            /* every/slide of sliding windows: in so many windows is an event */
#define SYN_MAX_ROWS (8u << 20)              /* of one projection; an event that needs one more is dropped and counted */
#define SYN_MAX_DISTINCT_BYTES (256u << 20)  /* of one distinct(): values that need more are not counted, but that they were is */
#define SYN_MIN_INTERVAL_MS 1000             /* the cap, unless the catalog says otherwise */

/* checkpoints of projections with durable sources */
#define SYN_CHECKPOINT_EVENTS (4u << 20)     /* after so many, or four times as many as there are rows, one is written */
#define SYN_CHECKPOINT_MS 30000              /* or after so long, if there were any */
#define SYN_CHECKPOINT_SLICE_BYTES (1u << 20) /* about so much is copied in a turn */
#define SYN_MAX_LAST_CHECKPOINT_BYTES (64u << 20) /* larger ones are not written when the silo ends: what came since the one before is replayed */
#define SYN_LOAD_CHECKPOINT_MS 600000        /* of the activation of a projection, which gets it; past it: TIMEOUT, and again */
#define SYN_RECOVERY_RETRY_MS 1000           /* between two questions to a source that could not replay */

/* conflation */
#define SYN_MIN_TICK_MS 1
#define SYN_MAX_TICK_MS 100
#define SYN_CONFLATION_MAX_ROWS (1u << 16)   /* of a partial; then it leaves before its tick, or nothing more is taken in */
#define SYN_CONFLATION_MAX_BYTES (64u << 20) /* of batches taken into a partial: what bounds its text and aggregates */
#define SYN_CONFLATION_MAX_FLIGHTS 4         /* partials of a group that some projection has not merged yet */

/* grains */
#define SYN_MAX_MAILBOX 4096                 /* messages waiting for one activation; above: OVERLOADED */
#define SYN_MAX_LANE_MESSAGES (1u << 18)     /* messages waiting on one lane; above: OVERLOADED */
#define SYN_MAX_CONTEXT_BYTES 4096           /* names and values that travel with one call; above: TOO_LARGE */
#define SYN_MAX_FILTERS 8                    /* around the requests of one silo */
#define SYN_SLOW_TURN_MS 100                 /* a turn that takes longer is counted */
#define SYN_ACTIVATION_MS 10000              /* of one activation, unless its type says otherwise; past it: TIMEOUT */
#define SYN_MAX_ACTIVATIONS_PER_LANE (1u << 20)
#define SYN_MAX_PARKED_POLLS (1u << 16)      /* at one grain */

/* what a lane that has too much to do does: see projection/syn-stretch.c */
#define SYN_LANE_BUDGET_PERMILLE 800         /* busy for more of the time it can have than this … */
#define SYN_LANE_FULL_PERMILLE 950           /* (more than this: what comes late tells nothing of when it would come) */
#define SYN_STRETCH_AFTER_MS 2000            /* … over so long: the intervals of some snapshots are doubled … */
#define SYN_STRETCH_MAX 8                    /* … up to so many times what they should be … */
#define SYN_LANE_TARGET_PERMILLE 700         /* … so that this is left */
#define SYN_LANE_CALM_PERMILLE 600           /* below this … */
#define SYN_STRETCH_BACK_MS 5000             /* … over so long: halved again */
#define SYN_STRETCH_BACK_MAX_MS 40000        /* … which is tried later each time that it was too much, but not later than this */
#define SYN_STRETCH_WORTH_PERMILLE 100       /* when all snapshots of a lane take less of its time, nothing is stretched */

/* modules */
#define SYN_MAX_MODULE_TYPES 16              /* grain types of all modules together; above: synopticd does not start */
#define SYN_MAX_MODULE_FILTERS 4             /* of all modules together; likewise */

/* state and reminders */
#define SYN_MAX_STATE_BYTES (1u << 20)       /* one record of one grain; above: TOO_LARGE */
#define SYN_MAX_STATE_REQUESTS 256           /* of one grain, not yet answered by the store; above: OVERLOADED */
#define SYN_MAX_STORE_REQUESTS (1u << 16)    /* waiting for the store's thread; above: OVERLOADED */
#define SYN_MAX_STORE_BYTES (64u << 20)      /* in those, together; above: OVERLOADED */
#define SYN_MIN_REMINDER_MS 1000             /* the shortest period; below: INVALID */
#define SYN_MAX_REMINDER_MS G_GUINT64_CONSTANT (3155760000000) /* a hundred years: the longest; above: INVALID */
#define SYN_MAX_REMINDERS 16384              /* of one partition's grains together; above: OVERLOADED */

/* journal */
#define SYN_MAX_JOURNAL_RECORD_BYTES (64u << 20) /* one batch of events; above: TOO_LARGE */
#define SYN_MAX_JOURNAL_QUEUE_BYTES (128u << 20) /* in appends that wait for the disk, together; above: OVERLOADED */
#define SYN_MAX_JOURNAL_REQUESTS (1u << 16)      /* waiting to be written, to be read; above: OVERLOADED */
#define SYN_MAX_JOURNAL_READ_BYTES (8u << 20)    /* of one answer, unless its one record has more */
#define SYN_RETAIN_AGE_US (7 * G_GINT64_CONSTANT (86400000000)) /* of records that no reader needs, when nothing else is said */
#define SYN_RETAIN_MB 4096                       /* likewise: size of the journal's file */
#define SYN_MAX_RETAIN_MB (1 << 30)              /* that can be said */
#define SYN_MAX_CHECKPOINT_BYTES (1u << 30)      /* above: TOO_LARGE */
#define SYN_MAX_CHECKPOINT_PIECE_BYTES (512u << 10)

/* edges */
#define SYN_MAX_CHAIN 8                          /* silos above one another, this one included; an edge that would be one more does not connect */
#define SYN_MAX_CHAIN_IDS 64                     /* in a Synoptic-Chain header; above: INVALID */
#define SYN_MAX_UPSTREAM_PATHS 1000              /* that an edge follows at a time: views of its one connection; above: OVERLOADED */
#define SYN_MAX_UPSTREAM_REQUESTS 64             /* of HTTP at a time; more wait */
#define SYN_MAX_UPSTREAM_ANSWER_BYTES (64u << 20) /* of one of those; above: TOO_LARGE */
#define SYN_MAX_UPSTREAM_PIPES 8                 /* connections over which an edge passes on batches of events */
#define SYN_MAX_UPSTREAM_PUBLISH_BYTES (16u << 20) /* of batches that are out over those, together, unless one alone has more; more wait … */
#define SYN_UPSTREAM_WAIT_MS 30000               /* … for so long; then: OVERLOADED */
#define SYN_LIST_FRESH_MS 1000                   /* a list of the upstream's that is not older is given as it is */
#define SYN_LIST_REFRESH_MS 60000                /* and fetched so often, asked for or not */

/* front */
#define SYN_MAX_CONNECTIONS 100000
#define SYN_MAX_HTTP_CONNECTIONS 8192        /* that libsoup serves; those that poll plainly are the lanes', and count in SYN_MAX_CONNECTIONS */
#define SYN_MAX_PLAIN_HEAD_BYTES 4096        /* of a request that a lane answers; a longer one is libsoup's */
#define SYN_MAX_AHEAD_BYTES (20u << 10)      /* requests sent ahead on such a connection; then nothing is read until an answer is out */
#define SYN_MAX_PLAIN_TEXT_BYTES (1u << 20)  /* of a snapshot that a lane makes text of; larger ones are libsoup's */
#define SYN_MAX_TLS_HANDSHAKES 4096          /* under way, over all threads that make them; more wait in line */
#define SYN_TLS_HANDSHAKE_MS 10000           /* from the first byte of a handshake to its end; past it: closed */
#define SYN_MAX_TLS_HELLO_BYTES (32u << 10)  /* what comes for a handshake, and at any time without being data; above: closed */
#define SYN_MAX_TLS_FILE_BYTES (1u << 20)    /* a certificate with its chain, a key */
#define SYN_MAX_VIEWS_PER_CONNECTION 1024
#define SYN_MAX_PUBLISHES_PER_CONNECTION 8   /* of a WebSocket, not answered yet; then nothing is read of it until one is. At most SYN_PRODUCER_WINDOW */
#define SYN_PUBLISH_PROGRESS_BYTES (1u << 20) /* of a large message: so many at least in each SYN_STALL_MS, or the connection is closed */
#define SYN_MAX_HELD_POLLS 200000            /* per lane */
#define SYN_MAX_INITIAL_POLLS 50000          /* per lane: without a token or for what the lane has no snapshot of, and not answered yet */
#define SYN_MAX_UPLOAD_BYTES (256u << 20)    /* bodies being received, together; above: OVERLOADED */
#define SYN_MAX_BEACONS 100000               /* per lane: different questions at a time; above: OVERLOADED */
#define SYN_MAX_BASES 8                      /* older snapshots that a beacon keeps as bases of deltas */
#define SYN_MAX_BASE_BYTES (16u << 20)       /* of those, together, but for the first */
#define SYN_MAX_LANE_BASE_BYTES (128u << 20) /* of all beacons of a lane: past it the oldest goes, and its readers get full snapshots */
#define SYN_DELTA_INLINE_BYTES (1u << 20)    /* deltas of larger snapshots are made by a thread: these take half a millisecond */
#define SYN_COMPRESS_INLINE_BYTES (64u << 10) /* larger answers are compressed by a thread: these take a third of one */
#define SYN_MAX_SLOW_BYTES (256u << 20)      /* of a lane: bodies that peers have not taken yet; above: who takes the same one for longest is closed */
#define SYN_GATHER_POLLS 16                  /* so many at a look at a lane's connections, put aside with few others: the next look … */
#define SYN_GATHER_MS 1                      /* … is so much later */
#define SYN_SEND_FILE_AFTER 16               /* so many got a body from a lane: it is laid into a file, and sent from there */
#define SYN_SEND_FILE_MIN_BYTES (8u << 10)   /* shorter ones are copied as fast */
#define SYN_SEND_FILE_MAX_BYTES (8u << 20)   /* longer ones would be kept twice */
#define SYN_MAX_FORM_JOBS 64                 /* of a lane, waiting for that thread; past it: sent in full, or as they are */
#define SYN_STATUS_JOURNAL_MS 2000           /* /v1/status waits so long for what the journal has to look up, and then goes without */
#define SYN_MAX_STATUS_ENTRIES 100           /* on-demand projections that /v1/status lists; those beyond are counted */
#define SYN_MAX_CONNECTION_ENTRIES 1000      /* connections that one /v1/connections lists; those beyond are counted */
#define SYN_CONNECTION_ENTRIES 50            /* unless it asks for another number */
#define SYN_MAX_CONNECTION_LISTS 4           /* being made at a time; above: OVERLOADED */
#define SYN_RETRY_MS 1000                    /* what an OVERLOADED answer asks for, more or less */
#define SYN_RETRY_CROWD 5000                 /* so many polls refused by a lane in a second, and the next are asked for a second more */
#define SYN_RETRY_MAX_MS 10000               /* up to this, more or less */
#define SYN_HOLD_DEFAULT_MS 10000
#define SYN_HOLD_MAX_MS 30000
#define SYN_STALL_MS 60000                   /* a connection that takes no byte of a pending answer for so long (twice, at most) is closed */
#define SYN_HTTP_IDLE_MS 60000               /* a keep-alive connection without a request */
#define SYN_DRAIN_MS 3000                    /* from SIGTERM to the end, at most */
