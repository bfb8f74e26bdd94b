# Runs a command and ends it, with all that it started, when our input ends: whoever holds the other end of that pipe ended,
# was killed, or closed it on purpose. A pipe and not a signal, since it reaches through sudo, where a signal from the user
# who asked would be refused.
#
# $@: the command. Exits with its code.
trap : INT TERM HUP # these end us by way of the one who holds the pipe, in order; ignored ones the command would inherit
exec 3<&0 </dev/null
if command -v setsid >/dev/null; then setsid "$@" 3<&- & else "$@" 3<&- & fi
command=$!

# A group of its own where there is setsid.
signal_command() {
  kill -s "$1" -- "-$command" 2>/dev/null || kill -s "$1" "$command" 2>/dev/null
}

(
  read -r _ <&3
  signal_command TERM || exit
  for _ in 1 2 3 4 5; do
    sleep 1
    signal_command 0 || exit
  done
  signal_command KILL
) >/dev/null 2>&1 &
guard=$!

while :; do
  wait "$command" # a signal interrupts it
  code=$?
  kill -s 0 "$command" 2>/dev/null || break
done
exec 3<&-
signal_command KILL
kill -s KILL "$guard" 2>/dev/null
exit "$code"
