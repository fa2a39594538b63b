import { suite } from '../suite.ts';
import * as assert from 'uvu/assert';
import { CowherdError, toCowherdError, type ErrorCode } from '../../../src/model/errors.ts';
import type { Manifest } from '../../../src/model/manifest.ts';
import type { TransactionRecord, Tree } from '../../../src/model/transaction.ts';
import type { Capture, Image, Placement, StageSource, Store } from '../../../src/storage/driver.ts';
import type { ContractFilesystem, DriverContract } from './filesystem.ts';

export interface Given {
  fs: ContractFilesystem;
  store: Store;
}

/** Tests whose failures tell the code: the test runner can print no error whose `details` are not a text. */
export function telling<T>(tests: ReturnType<typeof suite<T>>) {
  const test = (name: string, work: (given: T) => Promise<void>): void => {
    tests(name, async (given) => {
      await work(given).catch((error: unknown) => {
        if (!(error instanceof CowherdError)) throw error;
        const { code, message, details } = error;
        throw new Error(`${code}: ${message} ${JSON.stringify(details)}`, { cause: error });
      });
    });
  };
  return Object.assign(test, {
    run: () => {
      tests.run();
    },
  });
}

/** A suite with a filesystem of its own, removed whatever happens. */
export function contractSuite({ name, makeFilesystem }: DriverContract, topic: string) {
  const tests = suite<Given>(`${name}: ${topic}`);
  tests.before(async (given) => {
    given.fs = await makeFilesystem();
    given.store = await given.fs.open();
  });
  tests.after(async ({ fs }) => fs?.remove());
  return telling(tests);
}

const never = new AbortController().signal;

/** Captures volumes as one restore point, up to before its publication. */
export async function captured(
  store: Store,
  volumes: readonly Placement[],
  key = 'agent',
): Promise<{ readonly capture: Capture; readonly images: readonly Image[] }> {
  const capture = await store.capture([{ key, volumes }]);
  try {
    await capture.flush(true);
    await capture.take(never);
    return { capture, images: await capture.finish(key) };
  } catch (error) {
    await capture.discard(key);
    await capture.close();
    throw error;
  }
}

/** Where `stage` finds an image that is not published yet. */
export function imageSource(capture: Capture, image: Image | undefined): StageSource {
  const at = (name: string) => capture.location('agent', name);
  const nested = (image?.nested ?? []).map((inner) => ({
    path: inner.path,
    location: at(inner.image),
  }));
  return { from: 'image', location: at(image?.image ?? ''), nested };
}

/** Gives a read-only host directory of one image to `use`. */
export async function reading<T>(
  store: Store,
  location: string,
  use: (root: string) => T | Promise<T>,
): Promise<T> {
  return store.readImages([location], async ([root = '']) => use(root));
}

/** Kinds of volumes, as `isolated` says them, that can be captured. */
export function capturable({ can }: ContractFilesystem): readonly boolean[] {
  return [true, false].filter((isolated) => (isolated ? can.isolate : can.captureInside));
}

/** Takes and publishes a restore point. */
export async function published(
  store: Store,
  volumes: readonly Placement[],
  options: { id: string; safety?: boolean; pinned?: boolean },
): Promise<Manifest> {
  const { capture, images } = await captured(store, volumes, 'agent');
  const manifest = manifestOf(store, { ...options, volumes, images });
  await capture.publish('agent', manifest, options.pinned ?? false);
  await capture.discard('agent');
  await capture.close();
  return manifest;
}

export interface ManifestParts {
  readonly id: string;
  readonly volumes: readonly Placement[];
  readonly images: readonly Image[];
  readonly safety?: boolean;
}

/** The manifest of a restore point as a use-case would write it. */
export function manifestOf(store: Store, parts: ManifestParts): Manifest {
  const { id, volumes, images, safety = false } = parts;
  return {
    ...{ format: 1, id, agent: 'agent', aliases: [], host: 'here', cowherd: '0.0.0-test' },
    ...{ createdAt: '2026-11-22T11:05:03.123Z', grade: 'crash', atRest: false, frozenMs: 0 },
    ...{ safety, tags: {}, home: store.fsId, containers: [], skipped: [] },
    ...{ sqlite: [], databases: [] },
    volumes: volumes.map(({ volume, tier, fsId, isolated, mountpoint, dataset }, index) => {
      const { image = '', guid = '', sourceGuid = '', nested = [] } = images[index] ?? {};
      const about = { kind: 'docker', role: 'workspace', labels: {} } as const;
      const incarnation = { createdAt: null, sourceGuid, directory: null };
      return {
        ...{ name: volume, tier, fsId, isolated, mountpoint, dataset, image, guid, nested },
        incarnation,
        ...about,
      };
    }),
  };
}

/** The record of a transaction on one volume that has staged its new data. */
export function recordOf(
  id: string,
  { volume, fsId, pathInFs }: Placement,
  trees: { readonly old: Tree; readonly new: Tree },
): TransactionRecord {
  return {
    ...{ format: 1, id, kind: 'rollback', agent: 'agent', createdAt: '2026-11-22T11:05:03Z' },
    ...{ phase: 'swapping', snapshot: null, safety: null, start: true },
    ...{ containers: [], dependents: [] },
    volumes: [{ name: volume, fsId, pathInFs, ...trees }],
  };
}

/** Asserts that the work is refused with one of these codes; gives the error. */
export async function refused(
  work: Promise<unknown>,
  ...codes: readonly ErrorCode[]
): Promise<CowherdError> {
  const outcome = await work.then(
    () => null,
    (error: unknown) => toCowherdError(error),
  );
  assert.ok(outcome instanceof CowherdError, 'it was not refused');
  assert.ok(codes.includes(outcome.code), `${outcome.code}: ${outcome.message}`);
  return outcome;
}

/** Ids that a store lists, sorted. */
export async function idsIn(store: Store): Promise<readonly string[]> {
  return (await store.list()).map(({ manifest }) => manifest.id).sort();
}

let count = 0;

/** A name or id that no other call gets. */
export function fresh(word: string): string {
  count += 1;
  return `${word}-${String(count)}`;
}

/** A snapshot id that no other call gets. */
export function freshId(): string {
  count += 1;
  const seconds = String(count % 60).padStart(2, '0');
  const minutes = String(Math.floor(count / 60)).padStart(2, '0');
  return `agent@20261122T11${minutes}${seconds}Z`;
}
