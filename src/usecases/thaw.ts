import { CowherdError, toFailure, type Failure } from '../model/errors.ts';
import { thawRecorded, type ThawResult } from '../quiesce/thaw-recorded.ts';
import type { Context } from './context.ts';
import { containerPort } from './port.ts';

export interface ThawDocument {
  /** `agent` is the container's name: a thaw asks nobody whose it is. */
  readonly results: readonly { readonly agent: string; readonly outcome: ThawResult['outcome'] }[];
  readonly failures: readonly Failure[];
}

/** Unfreezes everything Cowherd has frozen, now, also under a living run, whose capture is thereby invalid. Takes no lock; works without Docker. */
export async function thaw(context: Context): Promise<ThawDocument> {
  const docker = await context.docker().catch(() => null);
  const port = docker === null ? null : containerPort(docker, context.config);
  const { results, unreadable } = await thawRecorded({
    runtimeDir: context.runtimeDir,
    liveOwners: 'too',
    port,
  });
  return {
    results: results
      .filter(({ outcome }) => outcome !== 'failed')
      .map(({ name, outcome }) => ({ agent: name, outcome })),
    failures: [
      ...results.filter(({ outcome }) => outcome === 'failed').map(({ name }) => stillFrozen(name)),
      ...unreadable.map(unreadableFreeze),
    ],
  };
}

function stillFrozen(name: string): Failure {
  const hint = `docker unpause ${name}, or write THAWED (cgroup v1) or 0 (v2) to its freezer`;
  return toFailure(
    name,
    new CowherdError('IO_ERROR', `container ${name} could not be thawed`, { hint }),
  );
}

/** Of a record that cannot be read nobody knows whom it says to be frozen. */
export function unreadableFreeze(file: string): Failure {
  const hint = 'look at it, and at docker ps; when nobody is frozen, remove it';
  return toFailure(
    null,
    new CowherdError('IO_ERROR', `the record ${file} cannot be read`, { hint }),
  );
}
