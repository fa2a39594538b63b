import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Bounds } from '../../../src/daemon/channels.ts';
import { openNotifier, type Notifier, type NotifierOptions } from '../../../src/daemon/notify.ts';
import type { Failure } from '../../../src/model/errors.ts';
import { SECRET } from './receiver.ts';

export type Notify = NotifierOptions['config']['notify'];

export interface Trial {
  readonly notifier: Notifier;
  readonly state: string;
  readonly told: readonly string[];
  readonly abort: () => void;
  /** A pass in which the schedule `often` ran and failed for these agents. */
  readonly failing: (...agents: string[]) => void;
  /** Makes the time that a channel rests pass. */
  readonly rested: () => void;
}

export interface TrialOptions {
  readonly notify: Partial<Notify>;
  readonly state?: string;
  readonly bounds?: Partial<Bounds>;
}

/** Enough for a busy machine; a test that waits for an end asks for less. */
const SHORT: Partial<Bounds> = { requestMs: 2_000, commandMs: 1_000, pausesMs: [20, 40, 60] };

let trials: Trial[] = [];

/** A real notifier with a state directory of its own and a clock of ticks that only a test moves. */
export async function trying({ notify, bounds, ...given }: TrialOptions): Promise<Trial> {
  const state = given.state ?? join(mkdtempSync(join(tmpdir(), 'cowherd-notify-')), 'state');
  const interrupt = new AbortController();
  const told: string[] = [];
  let ticks = 0;
  const none = { webhook: null, command: null, heartbeat: null };
  const notifier = await openNotifier({
    config: { host: 'box1', state, notify: { ...none, ...notify } },
    tell: (line) => told.push(line),
    now: () => new Date(),
    ticks: () => ticks,
    signal: interrupt.signal,
    bounds: { ...SHORT, ...bounds },
  });
  const trial: Trial = {
    ...{ notifier, state, told },
    abort: () => {
      interrupt.abort();
    },
    failing: (...agents) => {
      const failures = agents.map((agent): Failure => ({
        ...{ agent, code: 'HOOK_FAILED', message: 'it broke', hint: 'mend it' },
      }));
      const outcome = agents.length === 0 ? 'done' : 'failed';
      const occurrence = '2026-11-22T12:00:00.000Z';
      notifier.passed({
        runs: [{ schedule: 'often', occurrence, outcome, snapshots: [], destroyed: 0, failures }],
        findings: null,
        schedules: ['often'],
      });
    },
    rested: () => (ticks += 3_600_000),
  };
  trials.push(trial);
  return trial;
}

/** After each test: ends them all, and looks whether one has told a secret. */
export async function endTrials(): Promise<void> {
  for (const trial of trials) {
    trial.abort();
    await trial.notifier.settled();
    assert.not.match(trial.told.join('\n'), SECRET);
    rmSync(dirname(trial.state), { recursive: true, force: true });
  }
  trials = [];
}
