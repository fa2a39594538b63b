import { runKilled, type KillRequest } from './killed.ts';
import { assertRecovered, recoverBy, type Subject } from './subject.ts';

/**
 * Kills a command before its `at`-th change, then its recovery before the first change of that, the next recovery before its
 * second (or `stride` further on) … until one comes to its end. Asserts that all is well then; gives the number of killed recoveries.
 */
export async function killRecoveries(
  subject: Subject,
  request: Pick<KillRequest, 'command' | 'snapshot' | 'at'>,
  stride = 1,
): Promise<number> {
  const { lab, agent } = subject;
  const instant = { agent: agent.name, when: 'before', delayMs: 0 } as const;
  const { killed, last } = await runKilled(lab, { ...request, ...instant });
  if (!killed) throw new Error(`${request.command} was not killed: ${last}`);
  for (let kills = 0, at = 1; ; kills += 1, at += stride) {
    const recovery = await runKilled(lab, { ...instant, command: 'recover', at });
    if (recovery.killed) continue;
    await recoverBy(subject, kills);
    await assertRecovered(subject);
    return kills;
  }
}
