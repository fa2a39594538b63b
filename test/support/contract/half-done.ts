import { pathToFileURL } from 'node:url';
import type { Placement, Store } from '../../../src/storage/driver.ts';

// A process of its own that leaves work half done: MODULE REACH VOLUMES WHAT. It says `ready` and waits to be killed.

const [module = '', reach = '[]', volumes = '[]', what = ''] = process.argv.slice(2);
const { openStore } = (await import(pathToFileURL(module).href)) as {
  openStore: (reach: readonly string[]) => Promise<Store>;
};
const store = await openStore(JSON.parse(reach));
const placements = JSON.parse(volumes) as readonly Placement[];

if (what === 'destroy') {
  console.log('ready');
  for (const { manifest } of await store.list()) await store.destroy(manifest.id);
} else if (what === 'image') {
  const [volume] = placements;
  if (volume) await store.withImages([volume], async () => hang());
} else {
  const capture = await store.capture([{ key: 'agent', volumes: placements }]);
  await capture.take(new AbortController().signal);
  if (what === 'finished') await capture.finish('agent');
  await hang();
}

async function hang(): Promise<never> {
  console.log('ready');
  return new Promise(() => setInterval(() => undefined, 1000));
}
