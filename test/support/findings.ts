import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { convert } from '../../src/usecases/adopt.ts';
import type { Finding } from '../../src/usecases/finding.ts';
import { snapshot } from '../../src/usecases/snapshot.ts';
import type { Context } from '../../src/usecases/context.ts';
import { labContext, type TestContext } from './context.ts';
import type { Lab } from './lab/lab.ts';

interface Findings {
  readonly findings: readonly Finding[];
}

/** Codes of the findings, or of those of one severity, each once, sorted. */
export function codes(document: Findings, severity?: Finding['severity']) {
  const wanted = document.findings.filter(
    (one) => severity === undefined || one.severity === severity,
  );
  return [...new Set(wanted.map(({ code }) => code))].sort();
}

/** The first finding of a code; throws where there is none. */
export function found(document: Findings, code: Finding['code']): Finding {
  const one = document.findings.find((each) => each.code === code);
  if (one === undefined) throw new Error(`no ${code} in ${JSON.stringify(document.findings)}`);
  return one;
}

/** A Context with a runtime directory of the lab's own, so that no other lab's freezes are seen. */
export async function isolatedContext(lab: Lab, config?: string): Promise<TestContext> {
  const runtimeDir = join(lab.root, 'run');
  return labContext(lab, config === undefined ? { runtimeDir } : { runtimeDir, config });
}

/** Where Docker keeps a volume's data in a lab. */
export function dataOf(lab: Pick<Lab, 'dataRoot'>, volume: string): string {
  return join(lab.dataRoot, 'volumes', volume, '_data');
}

/** Makes an agent's volumes isolated. */
export async function adopt(context: Context, agent: string): Promise<void> {
  const request = { kind: 'adopt', agents: [agent], includeUsers: false } as const;
  const { failures } = await convert(context, { ...request, despiteSnapshots: true });
  assert.equal(failures, []);
}

/** Takes a snapshot of one agent. */
export async function capture(context: Context, agent: string): Promise<void> {
  const { failures } = await snapshot(context, { agents: [agent], tags: {}, pin: false });
  assert.equal(failures, []);
}
