import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { EMULATED } from '../lab/emulated.ts';
import type { Lab } from '../lab/lab.ts';
import { sleep, until } from '../lab/run.ts';
import { dataOf, downMs, integrity, listed, lookInto, seqIn, startedAt, sum } from './observe.ts';
import { spawnDocker, type Story, type Told } from './story.ts';
import { wordsFor } from './words.ts';

/** An emulated one takes as long as ten. */
const SECOND_MS = EMULATED ? 10_000 : 1000;
const NOTES = 'files/notes.txt';
const ALPHA = 'agent-alpha';
const BETA = 'agent-beta';

/** The whole demo. Throws where it cannot go on. */
export async function tell(story: Story, lab: Lab): Promise<void> {
  const cowherd = async (args: string, expected?: readonly number[]): Promise<Told> =>
    story.run(`cowherd ${args}`, lab.spawnCowherd(args.split(' ')), expected);
  const scene: Scene = { story, lab, cowherd };
  await seeWhatThereIs(scene);
  await adopt(scene);
  const neighbourSince = await startedAt(lab, BETA);
  const good = await snapshotUnderLoad(scene);
  const ruin = await disaster(scene);
  const back = await rollBack(scene, good);
  await forwardAndBack(scene, { good, safety: back.safety, ruin });
  await aftermath(scene, neighbourSince);
  story.say(
    '',
    `In figures: alpha stood still for ${good.frozenMs.toFixed(1)} ms to be captured under load. To be rolled back it was`,
    `down for ${String(back.downMs)} ms, ${String(back.swapMs)} ms of them for the swap. beta was never down.`,
  );
}

interface Scene {
  readonly story: Story;
  readonly lab: Lab;
  readonly cowherd: (args: string, expected?: readonly number[]) => Promise<Told>;
}

/** The state worth going back to. */
interface Good {
  readonly id: string;
  readonly notes: string;
  /** The agent's own count at that moment. */
  readonly seq: number;
  readonly frozenMs: number;
}

async function seeWhatThereIs({ story, lab, cowherd }: Scene): Promise<void> {
  story.chapter(
    'A throw-away host',
    `${wordsFor(lab).disk} with a Docker daemon of its own on it.`,
    'Two agents live there, each a container with three volumes. They write files and commit to',
    `SQLite all the time, alpha at some ${EMULATED ? '1' : '20'} MB/s.`,
  );
  const format = 'table {{.Names}}\\t{{.Status}}\\t{{.Mounts}}';
  const ps = ['ps', '--no-trunc', '--format', format];
  await story.run(`docker ps --no-trunc --format '${format}'`, spawnDocker(lab, ps));
  story.chapter(
    'What is protected?',
    'Nothing yet, and doctor says so. (It exits 6 while something needs a person.)',
  );
  await cowherd('doctor', [0, 6]);
}

async function adopt({ story, lab, cowherd }: Scene): Promise<void> {
  const { adopted, adopting } = wordsFor(lab);
  story.chapter(`Adopt ${adopted.join(' and ')}`, ...adopting);
  await cowherd(`adopt ${adopted.join(' ')} --yes`);
  await cowherd('agents');
}

async function snapshotUnderLoad({ story, lab, cowherd }: Scene): Promise<Good> {
  story.chapter(
    'A snapshot under load',
    'alpha writes down something it will miss. Then both agents are captured while they work:',
    'databases checkpointed, containers frozen for some milliseconds, all volumes of an agent at',
    'one and the same moment.',
  );
  const words = 'the only copy of a long thought';
  await story.run(
    `docker exec ${ALPHA} sh -c 'echo ${words} > ${NOTES}'`,
    spawnDocker(lab, ['exec', ALPHA, 'sh', '-c', `echo ${words} > ${NOTES}`]),
  );
  await cowherd('snapshot --tag reason=demo');
  const [point] = await listed(lab, 'alpha');
  if (point === undefined) throw new Error('no restore point of alpha is listed');
  const { seq, publicSeq, row, notes } = await lookInto(lab, point, NOTES);
  const ahead = seq - publicSeq;
  story.say('', 'Looking into the images:');
  story.proof(
    ahead === 0 || ahead === 1,
    `workspace and public are of one moment (${String(seq)} and ${String(publicSeq)} written)`,
  );
  story.proof(
    row > 0 && row <= seq,
    `the database holds ${String(row)} transactions, none from the future`,
  );
  story.proof(
    point.frozenMs > 0 && point.frozenMs < SECOND_MS,
    `alpha stood still for ${point.frozenMs.toFixed(1)} ms`,
  );
  return { id: point.id, notes, seq, frozenMs: point.frozenMs };
}

/** What alpha's database is afterwards. */
async function disaster({ story, lab }: Scene): Promise<string> {
  story.chapter(
    'The accident',
    'alpha deletes its files and overwrites its database. It goes on running.',
  );
  const deed = 'rm -rf files/* public/* && head -c 65536 /dev/urandom > data/agent.db';
  await story.run(
    `docker exec ${ALPHA} sh -c '${deed}'`,
    spawnDocker(lab, ['exec', ALPHA, 'sh', '-c', deed]),
  );
  const said = await integrity(lab, ALPHA);
  story.proof(!said.startsWith('ok'), `the database is ruined (${said.split('\n').at(-1) ?? ''})`);
  const data = dataOf(lab, 'alpha', 'workspace');
  story.proof(sum(join(data, NOTES)) === 'missing', `${NOTES} is gone`);
  appendFileSync(join(data, 'after-the-accident'), 'written after the accident\n');
  return sum(join(data, 'after-the-accident'));
}

interface RolledBack {
  /** The id of the safety snapshot. */
  readonly safety: string;
  readonly swapMs: number;
  readonly downMs: number;
}

async function rollBack({ story, lab, cowherd }: Scene, good: Good): Promise<RolledBack> {
  story.chapter(
    'Roll back',
    'Only alpha is stopped. What is there now is kept as a safety snapshot, the new data moves in',
    'by rename, and alpha is started and watched until it is healthy.',
  );
  const { output } = await cowherd('rollback alpha --yes');
  const down = await downMs(lab, ALPHA);
  await expectGood({ story, lab, cowherd }, good);
  const [, took, unit] = /the swap took ([\d.]+) (ms|s)/.exec(output) ?? [];
  const swap = Number(took) * (unit === 's' ? 1000 : 1);
  story.proof(swap < SECOND_MS, `the swap took ${String(swap)} ms`);
  story.proof(
    down > 0 && down < 30 * SECOND_MS,
    `by Docker's clock alpha was down for ${String(down)} ms`,
  );
  const [newest] = (await listed(lab, 'alpha')).filter(({ safety }) => safety);
  if (newest === undefined) throw new Error('no safety snapshot is listed');
  return { safety: newest.id, swapMs: swap, downMs: down };
}

async function expectGood({ story, lab }: Scene, good: Good): Promise<void> {
  const data = dataOf(lab, 'alpha', 'workspace');
  story.say('');
  story.proof(sum(join(data, NOTES)) === good.notes, `${NOTES} is back, byte by byte`);
  story.proof((await integrity(lab, ALPHA)) === 'ok', 'PRAGMA integrity_check says ok');
  story.proof(
    sum(join(data, 'after-the-accident')) === 'missing',
    'nothing of the accident is left',
  );
  const goesOn = await until('alpha writes', () => seqIn(data) > good.seq + 5).catch(() => false);
  story.proof(
    goesOn,
    `alpha works on from where it was (${String(good.seq)} → ${String(seqIn(data))})`,
  );
}

interface Ways {
  readonly good: Good;
  readonly safety: string;
  readonly ruin: string;
}

async function forwardAndBack(scene: Scene, { good, safety, ruin }: Ways): Promise<void> {
  const { story, lab, cowherd } = scene;
  story.chapter(
    'Forward again, and back',
    'A rollback loses nothing: the state it replaced can be had again, here to look at the ruin.',
  );
  await cowherd(`rollback alpha --snapshot ${safety} --yes`);
  const left = sum(join(dataOf(lab, 'alpha', 'workspace'), 'after-the-accident'));
  story.say('');
  story.proof(
    left === ruin,
    'the state after the accident is there again, what came last in it too',
  );
  await cowherd(`rollback alpha --snapshot ${good.id} --yes`);
  await expectGood(scene, good);
}

async function aftermath({ story, lab, cowherd }: Scene, since: string): Promise<void> {
  story.chapter('And the neighbour?', 'beta was captured with alpha, and never stopped.');
  const before = seqIn(dataOf(lab, 'beta', 'workspace'));
  await sleep(300);
  const after = seqIn(dataOf(lab, 'beta', 'workspace'));
  story.proof((await startedAt(lab, BETA)) === since, `beta runs since ${since}, as before`);
  story.proof(after > before, `beta goes on writing (${String(before)} → ${String(after)})`);
  await cowherd('snapshots alpha');
  await cowherd('status', [0, 6]);
}
