// Opens a fence on the volume argv[2] with the runtime directory argv[3], runs `sleep` in it and waits to be killed.
import { openFence } from '../../../src/quiesce/fence.ts';

const fence = await openFence(process.argv[2] ?? '', process.argv[3] ?? '');
await fence.run({
  uid: 1000,
  gid: 1000,
  argv: ['sleep', '120'],
  input: '',
  timeoutMs: 120_000,
});
