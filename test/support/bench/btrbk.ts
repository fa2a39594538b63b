import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Lab } from '../lab/lab.ts';
import { must } from '../lab/run.ts';

/** `btrbk snapshot` of these subvolumes of a lab, each kept for ever: runs it once and gives the milliseconds. */
export function btrbkOf(lab: Lab, subvolumes: readonly string[]): () => Promise<number> {
  mkdirSync(join(lab.mnt, 'btrbk'));
  const config = join(lab.root, 'btrbk.conf');
  const sections = subvolumes.map((path, index) => {
    const name = `    snapshot_name volume-${String(index)}`;
    return `  subvolume ${relative(lab.mnt, path)}\n${name}\n`;
  });
  const options = ['timestamp_format long-iso', 'snapshot_preserve_min all', `volume ${lab.mnt}`];
  writeFileSync(config, [...options, '  snapshot_dir btrbk', ...sections].join('\n'));
  return async () => {
    const begun = performance.now();
    await must(['btrbk', '--quiet', '--config', config, 'snapshot'], { timeoutMs: 600_000 });
    return performance.now() - begun;
  };
}
