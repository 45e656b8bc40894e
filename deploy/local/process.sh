# shellcheck shell=bash
# Background processes that one call starts and a later one stops. Sourced by `cluster`, which sets STATE.
#
# The system may reuse a pid, so a pid file also holds the start time of the process. No process with another start time
# is signalled. shellcheck disable=SC2153

process_log() { echo "$STATE/logs/$1.log"; }

_pid_file() { echo "$STATE/run/$1.pid"; }

# Prints the state letter and the start time (in clock ticks since boot) of a process; fails if it does not exist.
# See proc_pid_stat(5), fields 3 and 22; the name in field 2 may contain blanks and brackets.
_stat() {
  local line fields
  read -r line 2>/dev/null <"/proc/$1/stat" || return 1
  read -ra fields <<<"${line##*) }"
  echo "${fields[0]} ${fields[19]}"
}

# process_begin NAME CMD…: keeps the previous log as NAME.log.1.
process_begin() {
  local name=$1 log pid start
  shift
  log=$(process_log "$name")
  mkdir -p "$STATE/logs" "$STATE/run"
  [[ ! -e $log ]] || mv "$log" "$log.1"
  setsid "$@" >"$log" 2>&1 </dev/null 9>&- &
  pid=$!
  read -r _ start <<<"$(_stat "$pid" || echo "- ended")"
  echo "$pid $start" >"$(_pid_file "$name")"
}

process_pid() {
  local pid
  read -r pid _ 2>/dev/null <"$(_pid_file "$1")" && echo "$pid"
}

# A zombie process has ended, but its ports stay in use until all of its threads have ended.
process_is_alive() {
  local pid begun now state start threads
  read -r pid begun 2>/dev/null <"$(_pid_file "$1")" || return 1
  now=$(_stat "$pid") || return 1
  read -r state start <<<"$now"
  threads=("/proc/$pid/task/"*)
  [[ $start == "$begun" ]] && [[ $state != Z || ${#threads[@]} -gt 1 ]]
}

process_was_begun() { [[ -e $(_pid_file "$1") ]]; }

process_signal() {
  ! process_is_alive "$1" || kill "-$2" "$(process_pid "$1")" 2>/dev/null || true
}

# process_await_end NAME SECONDS: fails if the process still runs after that time.
process_await_end() {
  local deadline_s=$((SECONDS + $2))
  while process_is_alive "$1"; do
    ((SECONDS < deadline_s)) || return 1
    sleep 0.05
  done
}

process_forget() { rm -f "$(_pid_file "$1")"; }
