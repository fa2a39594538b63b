import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { ErrorCode, Failure } from '../../../src/model/errors.ts';
import { stateOf } from '../cycle/containers.ts';
import { freezeRecords, freezerOf } from '../kill/frozen.ts';
import { pick, SOAK, type Random } from '../kill/random.ts';
import type { Subject } from '../kill/subject.ts';
import { EMULATED } from '../lab/emulated.ts';
import type { Lab } from '../lab/lab.ts';
import { run, until } from '../lab/run.ts';
import { startDockerProxy, type DockerProxy, type Spoil } from './docker-proxy.ts';
import { FAULTS, type Fault } from './fault.ts';

/** A lab's Docker behind a proxy, and the configuration of who speaks to it there. */
export interface Proxied {
  readonly proxy: DockerProxy;
  readonly config: string;
}

const PROGRAM = join(import.meta.dirname, 'program.ts');
/** Far more than all of the calls that one run may wait for, one after the other. */
const BOUND_MS = EMULATED ? 1_200_000 : 120_000;
/** What an error about Docker may be called. */
const CODES: readonly ErrorCode[] = [
  ...(['DOCKER_UNREACHABLE', 'TOOL_FAILED', 'HOOK_FAILED', 'REVERTED', 'IO_ERROR'] as const),
  ...(['FREEZE_TIMEOUT', 'CAPTURE_INVALIDATED'] as const),
];

/** Puts a proxy before a lab's Docker; `keys` go on top of the lab's configuration. */
export async function proxied(
  lab: Lab,
  keys: Readonly<Record<string, unknown>> = {},
): Promise<Proxied> {
  const proxy = await startDockerProxy(lab.socket, join(lab.root, 'proxy.sock'));
  const config = lab.writeConfig('proxied', { ...keys, docker: { socket: proxy.socket } });
  return { proxy, config };
}

/** Every kind of call that a run made, with every fault or `each` by chance; which one of its kind, and for how long, is chance. */
export function spoilsOf(seen: readonly string[], random: Random, each: number): readonly Spoil[] {
  return [...new Set(seen)].flatMap((kind) => {
    const count = seen.filter((one) => one === kind).length;
    const order = [...FAULTS].sort(() => random() - 0.5);
    const faults: readonly Fault[] = SOAK ? FAULTS : order.slice(0, each);
    return faults.map((fault) => ({
      ...{ kind, fault, nth: 1 + Math.floor(random() * count) },
      lasting: pick(random, [true, false]),
    }));
  });
}

/** Runs `snapshot AGENT` or `rollback AGENT ID` to its end, and gives its failures. */
export async function failuresOf(
  config: string,
  argv: readonly string[],
): Promise<readonly Failure[]> {
  const { exitCode, stdout, stderr } = await run([process.execPath, PROGRAM, config, ...argv], {
    timeoutMs: BOUND_MS,
  });
  const said = /^failures (.*)$/m.exec(stdout)?.[1];
  if (exitCode !== 0 || said === undefined)
    throw new Error(`exit ${String(exitCode)}: ${stdout}${stderr}`);
  return JSON.parse(said) as readonly Failure[];
}

/** Coded, with a hint, and nothing that we would have to be told of as a defect. */
export function assertAboutDocker(failures: readonly Failure[]): void {
  for (const { code, message, hint } of failures) {
    assert.ok(CODES.includes(code), `${code}: ${message}`);
    assert.ok(hint !== '' || code === 'HOOK_FAILED', `no hint: ${code}: ${message}`);
  }
}

/** Thawed, and soon; the guard may have to wait for Docker's word about a pause. */
export async function assertThawed({ lab, agent }: Subject): Promise<void> {
  await until('it is not paused', async () => (await stateOf(lab, agent.container)) !== 'paused');
  if ((await stateOf(lab, agent.container)) !== 'running') return;
  const { frozen } = await freezerOf(lab, agent.container);
  await until('it is thawed', () => !frozen());
  await until('nobody holds a freeze', () => freezeRecords().length === 0);
}
