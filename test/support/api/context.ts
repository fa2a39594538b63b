import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labContext, type TestContext } from '../context.ts';

export interface Bare {
  readonly root: string;
  readonly socket: string;
  readonly context: () => Promise<TestContext>;
  remove(): void;
}

/** A host without Docker, agents or history in a directory of its own; each context is fresh. */
export async function bareHost(over: Partial<TestContext> = {}): Promise<Bare> {
  const root = mkdtempSync(join(tmpdir(), 'cowherd-api-'));
  const socket = join(root, 'api/api.sock');
  const config = join(root, 'cowherd.yaml');
  const runtimeDir = join(root, 'run');
  mkdirSync(runtimeDir);
  writeFileSync(config, `docker: none\nstate: ${root}/state\napi: { socket: ${socket} }\n`);
  return {
    ...{ root, socket },
    context: () => labContext({ config }, { runtimeDir, over }),
    remove: () => rmSync(root, { recursive: true }),
  };
}
