#!/usr/bin/env node
import { readFileSync } from 'node:fs';

// The version is all that is known here: everything else is loaded when more is asked for.
const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string };

// A reader that went away (`cowherd snapshots | head`) is no reason to stop half way.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const argv = process.argv.slice(2);
// Who gets to see where an error came from shall see our lines, and who does not need not wait for the maps.
if (argv.includes('--verbose')) process.setSourceMapsEnabled(true);
if (argv.length === 1 && argv[0] === '--version') {
  process.stdout.write(`${version}\n`);
} else {
  const { main } = await import('./compose.ts');
  process.exitCode = await main(argv, version);
}
