import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { retentionSchema } from '../../src/usecases/document-schema.ts';
import type { SimulationDocument } from '../../src/usecases/simulate.ts';
import type { ErrorDocument } from '../support/cycle/commands.ts';
import { runCowherd } from '../support/lab/cowherd.ts';

const directory = mkdtempSync(join(tmpdir(), 'cowherd-retention-'));
const config = join(directory, 'cowherd.yaml');
// There is no such Docker, and nothing asks for it.
writeFileSync(
  config,
  `timezone: Pacific/Auckland\ndocker: { socket: ${join(directory, 'none.sock')} }\n`,
);

test.after(() => {
  rmSync(directory, { recursive: true });
});

const TIMES = ['2026-11-22T11:30:00Z', '2026-11-22T10:30:00Z', '2026-11-22T10:30:00Z'];
const NOW = ['--now', '2026-11-22T12:00:00Z'];

async function retention(args: readonly string[], input = `${TIMES.join('\n')}\n`) {
  return runCowherd<SimulationDocument>(config, ['retention', '--json', ...args], { input });
}

test('says what the policy alone keeps of the times on stdin', async () => {
  const { exitCode, json, stderr } = await retention([
    '--policy',
    'daily=2',
    '--tz',
    'UTC',
    ...NOW,
  ]);
  assert.equal([exitCode, stderr], [0, '']);
  assert.ok(retentionSchema.safeParse(json).success);
  assert.equal(json, {
    keep: [
      {
        id: TIMES[0] ?? '',
        time: '2026-11-22T11:30:00.000Z',
        reasons: ['daily'],
      },
      {
        id: TIMES[1] ?? '',
        time: '2026-11-22T10:30:00.000Z',
        reasons: ['oldest-daily'],
        until: '2026-11-23T00:00:00.000Z',
      },
    ],
    destroy: [{ id: TIMES[1] ?? '', time: '2026-11-22T10:30:00.000Z' }],
    failures: [],
  });
});

test('in the time zone of the config, where none is given', async () => {
  const { json } = await retention(['--policy', 'daily=2', ...NOW]);
  assert.equal(
    json.keep.map(({ reasons }) => reasons),
    [['daily'], ['daily']],
  );
});

test('what is from the future stays', async () => {
  const { json } = await retention(['--policy', 'last=1', '--now', '2026-11-22T11:00:00Z']);
  assert.equal(
    json.keep.map(({ id, reasons }) => [id, reasons]),
    [
      [TIMES[0], ['future']],
      [TIMES[1], ['last']],
    ],
  );
});

test('a person reads a line for each', async () => {
  const args = ['retention', '--policy', 'last=1', ...NOW];
  const { exitCode, stdout } = await runCowherd(config, args, { input: TIMES.join('\n') });
  assert.is(exitCode, 0);
  assert.is(stdout.split('\n').filter((line) => /^(keep|destroy) /.test(line)).length, 3);
});

test('misuse: 2 with a code and a hint', async () => {
  const wrong: readonly (readonly [code: string, args: readonly string[], input?: string])[] = [
    ['USAGE', []],
    ['USAGE', ['--policy', 'dayly=3']],
    ['USAGE', ['--policy', 'last=1', '--now', 'yesterday']],
    ['USAGE', ['--policy', 'last=1', '--tz', 'Mars/Olympus']],
    ['USAGE', ['--policy', 'last=1'], '2026-02-30T00:00:00Z'],
    ['POLICY_EMPTY', ['--policy', '']],
    ['POLICY_EMPTY', ['--policy', 'last=0']],
  ];
  for (const [code, args, input] of wrong) {
    const argv = ['retention', '--json', ...args];
    const { exitCode, json } = await runCowherd<ErrorDocument>(config, argv, {
      input: input ?? '',
    });
    assert.equal([exitCode, json.error.code], [2, code], args.join(' '));
    assert.is.not(json.error.hint, '');
  }
  writeFileSync(config, 'timezone: Mars/Olympus\n');
  const bad = await runCowherd<ErrorDocument>(config, [
    'retention',
    '--json',
    '--policy',
    'last=1',
  ]);
  assert.equal([bad.exitCode, bad.json.error.code], [2, 'CONFIG_INVALID']);
});

test.run();
