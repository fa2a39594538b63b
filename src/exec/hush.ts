/** So long a start waits at most: whoever needs a process while something is frozen gets it. */
const LONGEST_MS = 25;

let hushed = 0;
let waiting: (() => void)[] = [];

/** From now until what it returns is called no process is started that can wait a moment. */
export function hush(): () => void {
  hushed += 1;
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    hushed -= 1;
    if (hushed > 0) return;
    const all = waiting;
    waiting = [];
    for (const go of all) go();
  };
}

/**
 * Starting a process blocks our event loop for milliseconds, until its program is loaded. While containers are frozen they would wait for
 * that: so it waits for them, 25 ms at most.
 */
export async function untilQuiet(): Promise<void> {
  if (hushed === 0) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, LONGEST_MS);
    waiting.push(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
