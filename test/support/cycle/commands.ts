import * as assert from 'uvu/assert';
import type { Failure } from '../../../src/model/errors.ts';
import type { SnapshotDocument, SnapshotReport } from '../../../src/model/snapshot.ts';
import type { ConversionReport } from '../../../src/usecases/adopt.ts';
import type { PruneDocument } from '../../../src/usecases/prune-document.ts';
import type { RollbackReport } from '../../../src/usecases/rollback.ts';
import type { CowherdResult } from '../lab/cowherd.ts';
import type { Lab, LabRunOptions } from '../lab/lab.ts';
import { capturesPlain } from '../lab/record.ts';

/** Long enough to see a container die, short enough for a test: a steady second is health enough. */
const SOON = ['--health-timeout', '1s'];

/** The document where nothing was attempted. */
export interface ErrorDocument {
  readonly error: { readonly code: string; readonly message: string; readonly hint: string };
}

/** `snapshot --json ARGS`, which must succeed wholly. */
export async function take(
  lab: Lab,
  args: readonly string[],
  options: LabRunOptions = {},
): Promise<SnapshotReport> {
  const result = await lab.cowherd<SnapshotReport>(['snapshot', '--json', ...args], options);
  assert.is(result.exitCode, 0, `${result.stdout}\n${result.stderr}`);
  return result.json;
}

/** The one restore point of a snapshot of one agent. */
export async function takeOne(
  lab: Lab,
  agent: string,
  args: readonly string[] = [],
  options: LabRunOptions = {},
): Promise<SnapshotDocument> {
  const { snapshots } = await take(lab, [agent, ...args], options);
  assert.is(snapshots.length, 1);
  return snapshots[0] as SnapshotDocument;
}

/** `rollback AGENT --json --yes ARGS`, whatever comes of it. */
export async function rollback(
  lab: Lab,
  agent: string,
  args: readonly string[] = [],
  options: LabRunOptions = {},
): Promise<CowherdResult<RollbackReport>> {
  const argv = ['rollback', agent, '--json', '--yes', ...SOON, ...args];
  return lab.cowherd<RollbackReport>(argv, options);
}

/** The same where it must succeed. */
export async function rolledBack(
  lab: Lab,
  agent: string,
  args: readonly string[] = [],
  options: LabRunOptions = {},
): Promise<RollbackReport> {
  const result = await rollback(lab, agent, args, options);
  assert.is(result.exitCode, 0, `${result.stdout}\n${result.stderr}`);
  assert.is(result.json.outcome, 'rolled-back');
  return result.json;
}

/** `adopt` or `unadopt`, with --yes, which must succeed wholly; the outcomes by agent. */
export async function convert(
  lab: Lab,
  kind: 'adopt' | 'unadopt',
  args: readonly string[],
  options: LabRunOptions = {},
): Promise<Record<string, string>> {
  const argv = [kind, '--json', '--yes', ...args];
  const result = await lab.cowherd<ConversionReport>(argv, options);
  assert.is(result.exitCode, 0, `${result.stdout}\n${result.stderr}`);
  return Object.fromEntries(result.json.results.map(({ agent, outcome }) => [agent, outcome]));
}

/** Adopts agents where their volumes could not be captured otherwise. */
export async function makeCapturable(
  lab: Lab,
  agents: readonly string[],
  options: LabRunOptions = {},
): Promise<void> {
  if (!capturesPlain(lab.filesystem)) await convert(lab, 'adopt', agents, options);
}

/** Restore points as listed, newest first. */
export async function listed(
  lab: Lab,
  agents: readonly string[] = [],
  options: LabRunOptions = {},
): Promise<readonly SnapshotDocument[]> {
  const argv = ['snapshots', '--json', ...agents];
  const { exitCode, json } = await lab.cowherd<{ snapshots: SnapshotDocument[] }>(argv, options);
  assert.is(exitCode, 0);
  return json.snapshots;
}

/** `prune --json --yes --id … ARGS`. */
export async function prune(
  lab: Lab,
  ids: readonly string[],
  args: readonly string[] = [],
): Promise<CowherdResult<PruneDocument>> {
  const named = ids.flatMap((id) => ['--id', id]);
  return lab.cowherd<PruneDocument>(['prune', '--json', '--yes', ...named, ...args]);
}

/** Codes of a document's failures. */
export function codes({ failures }: { readonly failures: readonly Failure[] }): string[] {
  return failures.map(({ code }) => code);
}

/** Runs a command that is to end before anything is attempted; its exit status and code. */
export async function refusal(
  lab: Lab,
  args: readonly string[],
  options: LabRunOptions = {},
): Promise<{ exitCode: number; code: string; hint: string }> {
  const result = await lab.cowherd<ErrorDocument>(['--json', ...args], options);
  const { code, hint } = result.json.error;
  return { exitCode: result.exitCode, code, hint };
}
