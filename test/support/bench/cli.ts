import { parseArgs } from 'node:util';
import { labProblem } from '../lab/available.ts';
import { benchDaemon } from './daemon.ts';
import { benchFleet } from './fleet.ts';
import { benchForeign } from './foreign.ts';
import { benchFreeze } from './freeze.ts';
import { describeMachine } from './machine.ts';
import { benchPlain } from './plain.ts';
import { Report } from './report.ts';
import { benchRetention } from './retention.ts';
import { benchRollback } from './rollback.ts';
import { benchScale } from './scale.ts';
import { benchStart } from './start.ts';

const HELP = `scripts/bench: how fast, next to what one would do by hand (needs root; makes throw-away hosts)

  scripts/bench freeze   [--rounds 50] [--burst 50]
      How long an agent with three isolated volumes stands still, writing --burst MB/s:
      \`cowherd snapshot\` and the script "docker pause; btrfs subvolume snapshot -r (three times);
      docker unpause" by turns. Both are timed from outside, by a process that does nothing but read
      the state of the container's freezer. Fails when Cowherd's median is more than 0.35 of the
      script's, or its 90th percentile more than 0.5.
  scripts/bench rollback [--rounds 7] [--files 20000] [--mib 2048]
      How long the swap of a rollback takes with 1 MB and with --mib in --files files, and how long
      the whole command takes next to \`restic restore\` of the same data. Fails when the swap of the
      large one takes more than twice as long as that of the small one (medians).
  scripts/bench zfs      [--rounds 5] [--burst 5] [--files 1000] [--mib 1024]
      Both on OpenZFS, here or in the machine of scripts/lab zfs: the script is "docker pause; zfs
      snapshot (of all three at once); docker unpause", Cowherd's median at most 0.75 of it and its
      90th percentile no more than it; the rollback is not held next to restic. And how long
      \`cowherd snapshots\` takes, less \`cowherd --version\`, among 5,000 snapshots of another tool:
      at most 1.5 of one \`zfs list -Hpt snapshot\`. --only freeze, rollback or listing: that part alone.
  scripts/bench fleet    [--rounds 5] [--agents 50]
      \`cowherd snapshot\` of all of --agents agents with three isolated volumes each next to \`btrbk
      snapshot\` of the same subvolumes, by turns. Fails when Cowherd's median is more than btrbk's, or
      when an agent among all stands still for more than 1.5 of what it does alone (medians).
  scripts/bench scale    [--rounds 5]
      How a snapshot grows with 1 to 50 volumes of an agent, and a listing with 100 to 2,000 restore
      points. Fails when each further item costs on the way to the largest size more than 1.5 of what
      it does on the way to the one before.
  scripts/bench start    [--rounds 25] [--points 2000]
      How long the built program takes to start: \`cowherd --version\` at most 2.5 of \`node -e 0\`,
      \`cowherd snapshots\` with a Docker and no restore point at most 5. And time and
      peak memory of \`cowherd snapshots\` with a quarter, half and all of --points restore points:
      twice as many take at most 2.5 times as much, beyond what none take.
  scripts/bench daemon   [--agents 200] [--points 10000] [--seconds 600] [--rounds 5]
      What \`cowherd daemon\` takes while nothing is due: at most 1% of a core, over --seconds; its
      resident memory (goal: 120 MiB); and how long \`status\` and \`snapshots\` take (goal: 1 s).
  scripts/bench plain    [--rounds 3] [--files 2000] [--mib 1024]
      An agent on ext4 whose data compresses 3:1, with its copy in place: \`cowherd snapshot\` of everything
      at least 0.9 as fast as \`tar | zstd -T0 -3 | sha256sum\`; frozen, with 1% changed, at most 0.1 of
      what \`docker pause\` around that takes; restored at least 0.85 as fast as \`zstd -d | tar\`; memory
      with ten times --mib at most 1.25 of that with --mib. Beside all of it, restic.
  scripts/bench retention [--rounds 15]
      How long 100,000 restore points take to be planned (goal: 150 ms), in three time zones; no host
      is made. Fails when it takes more than 6 times as long as sorting them by time (medians).
  scripts/bench all      the first two

Absolute figures are printed with the machine they are from, and never fail.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    burst: { type: 'string' },
    agents: { type: 'string' },
    files: { type: 'string' },
    mib: { type: 'string' },
    points: { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const STANDARD = {
  btrfs: { freezes: 50, burst: 50, rollbacks: 7, files: 20_000, mib: 2048 },
  zfs: { freezes: 5, burst: 5, rollbacks: 5, files: 1_000, mib: 1024 },
} as const;

const SIZES = { volumes: [1, 5, 10, 25, 50], points: [100, 500, 1000, 2000] } as const;

type Count = 'rounds' | 'burst' | 'files' | 'mib' | 'agents' | 'points' | 'seconds';

function given(name: Count, standard: number): number {
  const text = values[name] ?? String(standard);
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name} wants a number, not ${text}`);
  return value;
}

const BENCHES: Readonly<Record<string, readonly string[]>> = {
  freeze: ['freeze'],
  rollback: ['rollback'],
  fleet: ['fleet'],
  scale: ['scale'],
  start: ['start'],
  daemon: ['daemon'],
  plain: ['plain'],
  retention: ['retention'],
  all: ['freeze', 'rollback'],
  zfs: ['freeze', 'rollback', 'listing'],
};

function partsOf(bench: string): readonly string[] {
  const parts = BENCHES[bench];
  if (parts === undefined) throw new Error(`no such bench: ${bench}`);
  const { only } = values;
  if (only === undefined) return parts;
  if (!parts.includes(only)) throw new Error(`--only wants one of ${parts.join(', ')}`);
  return [only];
}

async function main(): Promise<number> {
  const [what] = positionals;
  if (values.help || what === undefined) {
    process.stdout.write(HELP);
    return values.help ? 0 : 2;
  }
  const parts = partsOf(what);
  const filesystem = what === 'zfs' ? 'zfs' : 'btrfs';
  process.env['COWHERD_LAB_FS'] = filesystem;
  const problem = labProblem();
  if (problem !== undefined) throw new Error(problem);
  const report = new Report();
  report.line(`on ${await describeMachine(filesystem)}`);
  const standard = STANDARD[filesystem];
  if (parts.includes('freeze')) {
    const rounds = given('rounds', standard.freezes);
    await benchFreeze(report, { rounds, burst: given('burst', standard.burst) });
  }
  if (parts.includes('rollback')) {
    const [files, mib] = [given('files', standard.files), given('mib', standard.mib)];
    const rounds = given('rounds', standard.rollbacks);
    await benchRollback(report, { rounds, files, mib, restic: filesystem === 'btrfs' });
  }
  if (parts.includes('listing')) {
    const rounds = given('rounds', standard.rollbacks);
    await benchForeign(report, { rounds, datasets: 50, each: 100 });
  }
  if (parts.includes('fleet'))
    await benchFleet(report, { rounds: given('rounds', 5), agents: given('agents', 50) });
  if (parts.includes('daemon'))
    await benchDaemon(report, {
      agents: given('agents', 200),
      points: given('points', 10_000),
      rounds: given('rounds', 5),
      idleSeconds: given('seconds', 600),
    });
  if (parts.includes('plain'))
    await benchPlain(report, {
      rounds: given('rounds', 3),
      files: given('files', 2_000),
      mib: given('mib', 1_024),
    });
  if (parts.includes('retention')) benchRetention(report, { rounds: given('rounds', 15) });
  if (parts.includes('scale')) await benchScale(report, { rounds: given('rounds', 5), ...SIZES });
  if (parts.includes('start'))
    await benchStart(report, { rounds: given('rounds', 25), points: given('points', 2000) });
  return report.failed ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
