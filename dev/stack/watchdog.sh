# Ends every part when the supervisor is gone without having ended them itself (kill -9, out of memory). It reads a pipe that
# the supervisor holds open and never writes to: the end of the file is the news. A shell and not one of our runtimes, since
# it waits all its life: under 1 MB.
#
# $1: folder of pid files, each "<pid> <start time>", see process_identity.ts
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

# The parts as they are at that moment: a next start writes files of its own, which are none of our business.
parts=$(cat "$1"/*.pid 2>/dev/null)

# A part leads a process group of its own, so that what it started ends with it. True when nobody was left to signal.
signal_all() {
  left=0
  while read -r pid started; do
    [ -n "$pid" ] && [ "$(started_at "$pid")" = "$started" ] || continue
    left=1
    kill -s "$1" -- "-$pid" 2>/dev/null || kill -s "$1" "$pid" 2>/dev/null
  done <<EOF
$parts
EOF
  return $left
}

signal_all TERM && exit 0
for _ in 1 2 3 4 5 6 7; do
  sleep 1
  signal_all 0 && exit 0
done
signal_all KILL
