import { openSync, readSync, writeSync } from 'node:fs';

// A process of its own that does nothing but read the state of one freezer cgroup, as often as it is told to, and
// writes how long each freeze lasted (ms, a line each): from the last look that found it thawed to the first that does
// so again, so never too little. Ends when its parent does.
//   node probe.ts FILE THAWED EVERY     FILE reads THAWED (`THAWED`, `0`) while nothing is frozen; looked at every EVERY ms

const [, , file = '', thawed = '', every = ''] = process.argv;
const parent = process.ppid;
const fd = openSync(file, 'r');
const buffer = Buffer.alloc(32);
const never = new Int32Array(new SharedArrayBuffer(4));

let lastThawed = performance.now();
let frozen = false;

writeSync(1, 'ready\n');
for (let look = 0; ; look += 1) {
  const state = buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0)).trim();
  const now = performance.now();
  if (state === thawed) {
    if (frozen) writeSync(1, `${(now - lastThawed).toFixed(3)}\n`);
    frozen = false;
    lastThawed = now;
  } else frozen = true;
  if (look % 1000 === 0 && process.ppid !== parent) break;
  Atomics.wait(never, 0, 0, Number(every));
}
