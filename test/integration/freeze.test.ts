import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import type { BracketRequest } from '../../src/quiesce/bracket.ts';
import { bracket } from '../../src/quiesce/bracket.ts';
import { resolveCgroup } from '../../src/quiesce/cgroup.ts';
import { createGuard, type Guard } from '../../src/quiesce/guard.ts';
import { CowherdError, type ErrorCode } from '../../src/model/errors.ts';
import { hierarchy, requireFreezer } from '../support/freeze/available.ts';
import { startPlain, type PlainContainer, type PlainOptions } from '../support/freeze/container.ts';
import { plainPort } from '../support/freeze/port.ts';
import { sleep, until } from '../support/lab/run.ts';

requireFreezer();

interface Context {
  guard: Guard;
  runtimeDir: string;
  containers: PlainContainer[];
  start: (options?: PlainOptions) => Promise<PlainContainer>;
}

for (const version of [1, 2] as const) {
  if (hierarchy(version) === null) continue;
  const freezing = suite<Context>(`freeze: cgroup version ${version}`);

  freezing.before((context) => {
    context.guard = createGuard();
    context.runtimeDir = join(mkdtempSync(join(tmpdir(), 'freeze-')), 'cowherd');
  });
  freezing.before.each((context) => {
    context.containers = [];
    context.start = async (options = {}) => {
      const container = await startPlain({ version, ...options });
      context.containers.push(container);
      return container;
    };
  });
  freezing.after.each(async (context) => {
    await Promise.all(context.containers.map((container) => container.remove()));
    assert.equal(readRecords(context), [], 'no record is left');
  });
  freezing.after((context) => {
    context.guard.close();
    rmSync(join(context.runtimeDir, '..'), { recursive: true });
  });

  freezing('all are frozen while the capture runs, and run on after it', async (context) => {
    const both = [await context.start(), await context.start()];
    const seen = await bracket({
      ...request(context),
      capture: async () => {
        const records = readRecords(context);
        const counting = await Promise.all(both.map((one) => one.counts()));
        return { frozen: both.map((one) => one.frozen()), counting, records: records.length };
      },
    });
    assert.equal(seen.value, { frozen: [true, true], counting: [false, false], records: 1 });
    assert.ok(seen.frozenMs > 50 && seen.frozenMs < 500, String(seen.frozenMs));
    for (const one of both) assert.ok(await one.counts());
  });

  freezing('the flush comes before the freeze', async (context) => {
    const one = await context.start();
    let frozenInFlush: boolean | null = null;
    await bracket({
      ...request(context),
      flush: () => {
        frozenInFlush = one.frozen();
        return Promise.resolve();
      },
    });
    assert.is(frozenInFlush, false);
  });

  freezing(
    'a process that moved into a child cgroup is frozen with its siblings',
    async (context) => {
      const one = await context.start({ escaped: true });
      const { value } = await bracket({ ...request(context), capture: () => one.counts() });
      assert.is(value, false);
      assert.ok(await one.counts());
    },
  );

  freezing('what its owner has frozen stays frozen, and has no record', async (context) => {
    const one = await context.start();
    await one.freeze();
    const capture = () => Promise.resolve(readRecords(context).length);
    const result = await bracket({ ...request(context), capture });
    assert.equal(result, { value: 0, frozenMs: 0 });
    assert.ok(one.frozen());
  });

  freezing('an owner that thaws its own freeze during the capture spoils it', async (context) => {
    const one = await context.start();
    await one.freeze();
    await rejects(bracket({ ...request(context), capture: thawing(one) }), 'CAPTURE_INVALIDATED');
  });

  freezing('a capture that hangs is cut off at maxFreeze', async (context) => {
    const one = await context.start();
    const began = Date.now();
    const settled: boolean[] = [];
    const capture = async (signal: AbortSignal) => {
      await until('stopped', () => signal.aborted, { everyMs: 5 });
      settled.push(one.frozen());
    };
    const hanging = bracket({ ...request(context), maxFreezeMs: 150, capture });
    await rejects(hanging, 'FREEZE_TIMEOUT');
    assert.equal(settled, [false], 'thawed first, and the capture has settled');
    assert.ok(Date.now() - began < 1_000);
    assert.ok(await one.counts());
  });

  freezing(
    'where we are too busy to cut it off the guard does: as late, and told so',
    async (context) => {
      const one = await context.start();
      const capture = async () => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
        return Promise.resolve(one.frozen());
      };
      await rejects(bracket({ ...request(context), maxFreezeMs: 150, capture }), 'FREEZE_TIMEOUT');
      assert.ok(await one.counts());
    },
  );

  freezing('a thaw by someone else during the capture spoils it', async (context) => {
    const one = await context.start();
    await rejects(bracket({ ...request(context), capture: thawing(one) }), 'CAPTURE_INVALIDATED');
  });

  freezing('a container that ends during the capture spoils it', async (context) => {
    const [one, other] = [await context.start(), await context.start()];
    const capture = async () => {
      one.thaw();
      await one.kill();
    };
    await rejects(bracket({ ...request(context), capture }), 'CAPTURE_INVALIDATED');
    assert.ok(await other.counts());
  });

  freezing('a capture that fails thaws and fails with its own error', async (context) => {
    const one = await context.start();
    const failing = () => Promise.reject(new CowherdError('NO_SPACE', 'full'));
    await rejects(bracket({ ...request(context), capture: failing }), 'NO_SPACE');
    assert.ok(await one.counts());
  });

  freezing('an interrupt thaws at once', async (context) => {
    const one = await context.start();
    const controller = new AbortController();
    const capture = async (signal: AbortSignal) => {
      controller.abort();
      await sleep(0);
      return signal.aborted && !one.frozen();
    };
    const interrupted = bracket({ ...request(context), capture, interrupt: controller.signal });
    await rejects(interrupted, 'INTERRUPTED');
    assert.ok(await one.counts());
  });

  freezing('an interrupt before the freeze freezes nothing', async (context) => {
    const one = await context.start();
    const interrupt = AbortSignal.abort();
    await rejects(bracket({ ...request(context), interrupt }), 'INTERRUPTED');
    assert.not.ok(one.frozen());
  });

  freezing('without freezing the capture runs at once', async (context) => {
    const one = await context.start();
    const capture = () => Promise.resolve(one.frozen());
    const result = await bracket({ ...request(context), mode: 'none', capture });
    assert.equal(result, { value: false, frozenMs: 0 });
  });

  freezing('several brackets share one guard', async (context) => {
    const all = await Promise.all([1, 2, 3].map(() => context.start()));
    const capture = () => sleep(50);
    const brackets = all.map((one) => bracket({ ...request(context, [one]), capture }));
    await Promise.all(brackets);
    for (const one of all) assert.ok(await one.counts());
  });

  freezing('a cgroup that holds a process of ours is refused', async (context) => {
    const one = await context.start();
    const protectedPids = [one.pid];
    const answer = resolveCgroup({ containerId: one.id, pid: one.pid, protectedPids });
    assert.ok('refused' in answer);
    const found = resolveCgroup({ containerId: one.id, pid: one.pid, protectedPids: [] });
    assert.equal(found, { cgroup: one.cgroup });
  });

  freezing('a container whose pause nobody could undo is not frozen', async (context) => {
    const one = await context.start();
    const stranger = { ...one, id: 'f'.repeat(64) };
    await rejects(bracket(request(context, [stranger])), 'GUARD_LOST');
    assert.not.ok(one.frozen());
  });

  freezing.run();
}

function request(context: Context, containers = context.containers): BracketRequest<unknown> {
  return {
    containers: containers.map(({ id, name }) => ({ id, name })),
    mode: 'auto',
    maxFreezeMs: 3_000,
    port: plainPort(containers),
    guard: context.guard,
    runtimeDir: context.runtimeDir,
    flush: () => Promise.resolve(),
    capture: () => Promise.resolve(),
    now: () => performance.timeOrigin + performance.now(),
  };
}

function thawing(container: PlainContainer): () => Promise<void> {
  return () => {
    container.thaw();
    return Promise.resolve();
  };
}

async function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error: unknown = await promise.then(
    () => 'nothing thrown',
    (thrown: unknown) => thrown,
  );
  assert.is(error instanceof CowherdError ? error.code : error, code);
}

function readRecords({ runtimeDir }: Context): string[] {
  const directory = join(runtimeDir, 'frozen');
  return existsSync(directory) ? readdirSync(directory) : [];
}
