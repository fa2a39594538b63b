#!/bin/sh
# The lab's agent: writes as an AI agent does, for as long as it lives.
#   LAB_TX_DELAY_MS  pause between two rounds (20)     LAB_WRITE_KB  appended per round (1)
#   LAB_BURST        MB/s of extra writes (0)          LAB_SYNC      PRAGMA synchronous (NORMAL)
# Every round: the number N goes to ~/seq, then to ~/public/seq (ten digits, one write each, no
# truncation), then into ~/data/agent.db (WAL) through one sqlite3 that lives as long as we do.
# Any consistent cut therefore has seq - public/seq in {0,1}, and max(n) <= seq.
cd /home/developer || exit 1
mkdir -p data files public shared-out

n=$(cat seq 2>/dev/null); n=${n#"${n%%[!0]*}"}; n=${n:-0}
printf '%010d\n' "$n" 1<>seq
printf '%010d\n' "$n" 1<>public/seq
[ -e shared-out/hello ] || date >shared-out/hello

ms=${LAB_TX_DELAY_MS:-20}
delay=$((ms / 1000)).$(printf %03d $((ms % 1000)))
block=$(head -c $((${LAB_WRITE_KB:-1} * 512)) /dev/zero | od -An -v -tx1 | tr -d ' \n')

rm -f /tmp/sql; mkfifo /tmp/sql; exec 3<>/tmp/sql
# Nobody writes to it: reading from it is a pause without a process.
rm -f /tmp/clock; mkfifo /tmp/clock; exec 4<>/tmp/clock
sqlite3 -batch data/agent.db </tmp/sql >/dev/null 2>>data/sqlite.err 3<&- 4<&- &
sqlite=$!
cat >&3 <<SQL
.timeout 5000
PRAGMA journal_mode=WAL;
PRAGMA synchronous=${LAB_SYNC:-NORMAL};
CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, at TEXT);
SQL

burst() {
  head -c 10485760 /dev/urandom >/tmp/blob
  i=0
  while :; do
    i=$(((i + 1) % 20))
    dd if=/tmp/blob of=files/burst-$i bs=$((LAB_BURST * 40960)) count=5 conv=notrunc 2>/dev/null
    read -r -t 0.2 _ <&4
  done
}
burst=
if [ "${LAB_BURST:-0}" -gt 0 ]; then burst & burst=$!; fi

finish() {
  date >sigterm
  [ -z "$burst" ] || kill "$burst"
  exec 3>&-
  wait "$sqlite"
  exit 0
}
trap finish TERM INT

while :; do
  n=$((n + 1))
  printf '%010d\n' "$n" 1<>seq
  printf '%010d\n' "$n" 1<>public/seq
  echo "INSERT OR IGNORE INTO t VALUES($n, strftime('%Y-%m-%dT%H:%M:%fZ','now'));" >&3
  part=files/part-$((n / 200 % 20))
  if [ $((n % 200)) -eq 0 ]; then
    true >"$part"
    date >files/note.new && mv files/note.new files/note
  fi
  printf %s "$block" >>"$part"
  read -r -t "$delay" _ <&4
done
