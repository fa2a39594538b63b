#!/usr/bin/env node
import { mkdirSync, readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { dirname } from 'node:path';

// The version is all that is known here: everything else is loaded when more is asked for.
const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string };

// A reader that went away (`cowherd snapshots | head`) is no reason to stop half way.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

/** What Node.js compiles of us is taken up again by the next start, which takes a quarter less; in memory, and root's alone. */
const COMPILED = '/run/cowherd/compiled';

const argv = process.argv.slice(2);
// Who gets to see where an error came from shall see our lines, and who does not need not wait for the maps.
if (argv.includes('--verbose')) process.setSourceMapsEnabled(true);
if (argv.length === 1 && argv[0] === '--version') {
  process.stdout.write(`${version}\n`);
} else {
  keepCompiled();
  const { main } = await import('./compose.ts');
  process.exitCode = await main(argv, version);
}

/** Where it cannot be kept, as for somebody who is not root, a start takes its time. */
function keepCompiled(): void {
  if (process.getuid?.() !== 0) return;
  try {
    mkdirSync(dirname(COMPILED), { recursive: true, mode: 0o711 });
    mkdirSync(COMPILED, { recursive: true, mode: 0o700 });
    enableCompileCache(COMPILED);
  } catch {
    // No /run, or a full one.
  }
}
