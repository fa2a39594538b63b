#!/bin/sh
# An agent of the herd: beside what /bin/agent does, each of its volumes bears a mark, `N LIFE BEFORE`: N counts all writes
# of the agent's history, LIFE is new with every start, BEFORE is the life that wrote N-1. Each N goes to the workspace
# first, then to the public volume, then to the shared one: what was cut at one moment can be told from what was not.
# At each start it says on stdout what it found: born LIFE|WORKSPACE|PUBLIC|SHARED
cd /home/developer || exit 1
mkdir -p public shared-out
life=$(cat /proc/sys/kernel/random/uuid)
line=$(cat mark 2>/dev/null)
echo "born $life|$line|$(cat public/mark 2>/dev/null)|$(cat shared-out/mark 2>/dev/null)"
set -- $line
n=${1:-0}; n=${n#"${n%%[!0]*}"}; n=${n:-0}
before=${2:-none}
if [ -n "$line" ]; then
  for file in public/mark shared-out/mark; do echo "$line" 1<>"$file"; done
fi

/bin/agent & agent=$!
trap 'kill "$agent"; wait "$agent"; exit 0' TERM INT
# Nobody writes to it: reading from it is a pause without a process.
rm -f /tmp/herd; mkfifo /tmp/herd; exec 5<>/tmp/herd
while :; do
  n=$((n + 1))
  for file in mark public/mark shared-out/mark; do
    printf '%010d %s %s\n' "$n" "$life" "$before" 1<>"$file"
  done
  before=$life
  read -r -t 0.05 _ <&5
done
