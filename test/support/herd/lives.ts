import { describe, type Ended } from './history.ts';
import { isCut, parseMark, type Birth, type Marks } from './marks.ts';

/** Of each restore point whose images were read: what its volumes bear. */
export type Images = ReadonlyMap<string, Marks>;

/** Images and starts that are a mixture of two moments or two restore points. */
export function torn(images: Images, births: readonly Birth[]): readonly string[] {
  return [
    ...[...images].flatMap(([id, marks]) =>
      isCut(marks) ? [] : [`${id} is torn: ${shown(marks)}`],
    ),
    ...births.flatMap(({ agent, at, found }) =>
      isCut(found) ? [] : [`${agent} started at ${String(at)} on torn data: ${shown(found)}`],
    ),
  ];
}

/** Rollbacks that succeeded though the agent was not started on their restore point meanwhile. */
export function wrongRollbacks(
  history: readonly Ended[],
  images: Images,
  births: readonly Birth[],
): readonly string[] {
  return history.flatMap((one) => {
    const { said, beganAt, endedAt } = one;
    const [agent] = one.agents;
    const marks = images.get(said.snapshot ?? '');
    if (said.outcome !== 'rolled-back' || marks === undefined) return [];
    const meanwhile = births.filter(
      (birth) => birth.agent === agent && birth.at >= beganAt && birth.at <= endedAt,
    );
    if (meanwhile.some(({ found }) => shown(found) === shown(marks))) return [];
    return [
      `${describe(one)}: not on ${shown(marks)}, but on ${meanwhile.map(({ found }) => shown(found)).join(' or ')}`,
    ];
  });
}

/** Starts that do not go on with the life before them though no rollback of the agent can have been the reason. */
export function strayed(history: readonly Ended[], births: readonly Birth[]): readonly string[] {
  return births.flatMap((birth, index) => {
    const previous = births.slice(0, index).findLast(({ agent }) => agent === birth.agent);
    const life = parseMark(birth.found[0])?.life;
    if (previous === undefined || life === previous.life) return [];
    const isExplained = history.some(
      (one) =>
        one.verb === 'rollback' &&
        one.agents.includes(birth.agent) &&
        one.beganAt <= birth.at &&
        (one.killed || one.endedAt >= birth.at),
    );
    return isExplained
      ? []
      : [`${birth.agent} lost its life ${previous.life}: ${shown(birth.found)}`];
  });
}

function shown(marks: Marks): string {
  return marks.map((text) => text.trim()).join(' | ');
}
