import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { requireDemoHost, startDemoLab, removeDeadDemos } from './host.ts';
import { Story } from './story.ts';
import { tell } from './tell.ts';
import { processId } from '../lab/processes.ts';
import { asFilesystem } from '../lab/record.ts';

/** The name says whose it is, so that what a killed demo left is found; a kept one is its user's. */
function labName(keep: boolean): string {
  const self = processId(process.pid);
  return keep
    ? `kept-${randomBytes(3).toString('hex')}`
    : `demo-${String(self?.pid)}-${String(self?.startTicks)}`;
}

async function main(keep: boolean): Promise<number> {
  requireDemoHost();
  await removeDeadDemos();
  const story = new Story();
  const name = labName(keep);
  const lab = await startDemoLab(name);
  try {
    await tell(story, lab);
  } catch (error) {
    if (story.interrupted) return new Promise<never>(() => undefined);
    story.fail(error instanceof Error ? error.message : String(error));
  }
  if (!keep) await lab.stop();
  story.end(lab, keep);
  return story.failed ? 1 : 0;
}

try {
  const { values } = parseArgs({
    options: { keep: { type: 'boolean', default: false }, fs: { type: 'string' } },
  });
  if (values.fs !== undefined) process.env['COWHERD_LAB_FS'] = asFilesystem(values.fs);
  process.exitCode = await main(values.keep);
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
