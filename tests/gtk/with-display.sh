#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs a command on an X display, a session bus and a window manager of its own, and ends them with it.
# Exit status: the command's; 77 (skipped) with a reason where something is not installed.
#   with-display.sh COMMAND [ARGUMENT...]
set -u
for tool in Xvfb dbus-daemon openbox xdotool ps; do
  command -v "$tool" >/dev/null || { echo "1..0 # SKIP $tool is not installed"; exit 77; }
done
T=$(mktemp -d "${TMPDIR:-/tmp}/synoptic-display.XXXXXX") || exit 1
PIDS=()
# All below a process: the bus starts others, which it does not take along.
below () {
  local child
  for child in $(ps -o pid= --ppid "$1"); do
    below "$child"
    echo "$child"
  done
}
cleanup () {
  local pid all=()
  for ((i = ${#PIDS[@]} - 1; i >= 0; i--)); do
    all+=($(below "${PIDS[i]}") "${PIDS[i]}")
  done
  for pid in "${all[@]}"; do kill "$pid" 2>/dev/null; done
  for pid in "${PIDS[@]}"; do wait "$pid" 2>/dev/null; done
  rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 143' TERM INT

# What the sanitizers want is meant for the command, not for these.
quietly () { exec env -u LD_PRELOAD -u ASAN_OPTIONS -u LSAN_OPTIONS "$@"; }
# -displayfd picks a free number: two at a time do not meet.
exec 7>"$T/display"
quietly Xvfb -displayfd 7 -screen 0 "${SYNOPTIC_TEST_SCREEN:-1600x1200x24}" -nolisten tcp >"$T/xvfb.log" 2>&1 & PIDS+=($!)
exec 7>&-
for _ in $(seq 100); do [ -s "$T/display" ] && break; sleep .1; done
[ -s "$T/display" ] || { echo "1..0 # SKIP Xvfb did not start: $(tail -1 "$T/xvfb.log")"; exit 77; }
DISPLAY=":$(cat "$T/display")"
export DISPLAY
export HOME="$T" XDG_RUNTIME_DIR="$T/run" XDG_CONFIG_HOME="$T/config" XDG_CACHE_HOME="$T/cache"
mkdir -m 700 "$XDG_RUNTIME_DIR" "$XDG_CONFIG_HOME" "$XDG_CACHE_HOME"
# The accessibility bus is started from this one.
quietly dbus-daemon --session --nofork --print-address=1 >"$T/bus" 2>"$T/bus.log" & PIDS+=($!)
for _ in $(seq 100); do [ -s "$T/bus" ] && break; sleep .1; done
DBUS_SESSION_BUS_ADDRESS=$(cat "$T/bus")
export DBUS_SESSION_BUS_ADDRESS
export GSETTINGS_BACKEND=memory GSK_RENDERER="${GSK_RENDERER:-cairo}" GDK_BACKEND=x11 LC_ALL=C.UTF-8
export NO_AT_BRIDGE=0 GTK_A11Y="${GTK_A11Y:-atspi}"
unset WAYLAND_DISPLAY
quietly openbox --sm-disable >"$T/wm.log" 2>&1 & PIDS+=($!)

"$@" &
COMMAND=$!
PIDS+=("$COMMAND")
wait "$COMMAND"
exit $?
