# Ends every part when the supervisor is gone without having ended them itself (kill -9, out of memory). It reads a pipe that
# the supervisor holds open and never writes to: the end of the file is the news. A shell and not one of our runtimes, since
# it waits all its life: under 1 MB.
#
#   sh watchdog.sh <folder of pid files>      each file: "<pid> <start time>", see process_identity.ts
trap '' INT TERM HUP
read -r _

# The start time of a process, field 22 of /proc/<pid>/stat counted from behind its name; as `ps` has it where there is no /proc.
started_at() {
  if [ -r /proc/self/stat ]; then
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # shellcheck disable=SC2086  # split into fields
    set -- ${stat##*) }
    [ "$1" != Z ] && echo "${20}"
  else
    ps -o lstart= -p "$1" | tr -s ' ' '_'
  fi
}

# A part leads a process group of its own, so that what it started ends with it.
signal_all() {
  left=0
  for file in "$2"/*.pid; do
    [ -r "$file" ] || continue
    read -r pid started <"$file" || continue
    [ "$(started_at "$pid")" = "$started" ] || continue
    left=1
    kill -s "$1" -- "-$pid" 2>/dev/null || kill -s "$1" "$pid" 2>/dev/null
  done
  return $left
}

signal_all TERM "$1" && exit 0
for _ in 1 2 3 4 5 6 7; do
  sleep 1
  signal_all 0 "$1" && exit 0
done
signal_all KILL "$1"
