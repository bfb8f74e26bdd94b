# Ends every part when the supervisor is gone without having ended them itself (kill -9, out of memory). It reads a pipe that
# the supervisor holds open and never writes to: the end of the file is the news. A shell and not one of our runtimes, since
# it waits all its life: under 1 MB.
#
# $1: folder of pid files, each "<pid> <start time>", see process_identity.ts; and perhaps of a file `removes`, of folders to
#     delete in the end, one a line
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
parts=
while read -r pid started; do
  [ -n "$pid" ] && [ "$(started_at "$pid")" = "$started" ] && parts="$parts $pid:$started"
done <<EOT
$(cat "$1"/*.pid 2>/dev/null)
EOT
removes=$(cat "$1/removes" 2>/dev/null)

# A part leads a process group of its own, or is of another's. What it started is of its group and may outlive it: a group's
# number is not given out while a member lives. True when nobody was left to signal.
signal_all() {
  left=0
  for part in $parts; do
    pid=${part%%:*}
    if kill -s "$1" -- "-$pid" 2>/dev/null; then
      left=1
    elif [ "$(started_at "$pid")" = "${part#*:}" ] && kill -s "$1" "$pid" 2>/dev/null; then
      left=1
    fi
  done
  return $left
}

end_all() {
  signal_all TERM && return
  for _ in 1 2 3 4 5 6 7; do
    sleep 1
    signal_all 0 && return
  done
  signal_all KILL
}
end_all
while read -r folder; do
  [ -n "$folder" ] && rm -rf -- "$folder"
done <<EOT
$removes
EOT
