import { randomInt } from 'node:crypto';

/** Numbers in [0, 1) that follow from a seed. */
export type Random = () => number;

/** Random numbers by COWHERD_SEED, or by a seed of their own; says which, so that a run can be repeated. */
export function seededRandom(what: string): Random {
  const given = process.env['COWHERD_SEED'];
  const seed = given === undefined ? randomInt(2 ** 31) : Number(given);
  console.log(`${what}: COWHERD_SEED=${String(seed)}`);
  return mulberry32(seed);
}

/** https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
function mulberry32(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of some, by chance. */
export function pick<T>(random: Random, of: readonly T[]): T {
  return of[Math.floor(random() * of.length)] as T;
}

/** True in a soak: `scripts/test --soak`. */
export const SOAK = process.env['COWHERD_SOAK'] === '1';
