/** For a container: ends at once when it is told to, and writes nothing. */
export const IDLE = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1 & wait $!; done'];
