import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { checkCommands, type CheckName } from './checks.ts';
import { runChild, type ChildOptions } from './child.ts';
import {
  closeRunDirectory,
  openRunDirectory,
  removeDeadRuns,
  removeLeftovers,
  runEnvironment,
} from './leftovers.ts';
import { buildMachine, LABS, runInMachine, runsInMachine, SLOWER } from './machine.ts';
import type { RunnerOptions, Selection } from './options.ts';
import { Report } from './report.ts';
import { judgeCheck, judgeFile, type Verdict } from './verdict.ts';

/** What the caller's environment must not tell the tests. */
const NOT_INHERITED = {
  COWHERD_CONFIG: undefined,
  COWHERD_SOAK: undefined,
  DOCKER_CONFIG: undefined,
  DOCKER_HOST: undefined,
  FORCE_COLOR: undefined,
};

interface Run {
  readonly options: RunnerOptions;
  readonly directory: string;
  readonly report: Report;
  readonly signal: AbortSignal;
  /** What its tests see of the environment besides, and how much longer each may take. */
  readonly env?: Readonly<Record<string, string>>;
  readonly slower?: number;
}

/** Files that were named one by one share the jobs. */
function together({ jobs, selections }: RunnerOptions): readonly Selection[] {
  const isFile = ({ name, files }: Selection) => files.length === 1 && files[0] === name;
  if (jobs === 1 || !selections.every(isFile)) return selections;
  return [{ name: 'files', files: selections.flatMap(({ files }) => files) }];
}

/** Runs all that is asked for, prints the report, leaves nothing behind; returns the exit status. */
export async function runAll(options: RunnerOptions): Promise<number> {
  await removeDeadRuns();
  const interruption = new AbortController();
  let interrupted = 0;
  for (const [name, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(name, () => {
      interrupted = status;
      interruption.abort();
    });
  }
  const report = new Report();
  const run = { options, report, directory: openRunDirectory(), signal: interruption.signal };
  for (const name of options.checks) await runCheck(run, name);
  await runSelections(run, together(options));
  await look(run, 'the run');
  closeRunDirectory(run.directory);
  if (interrupted > 0) report.fail('interrupted', []);
  report.finish();
  return interrupted || (report.failed > 0 ? 1 : 0);
}

async function runCheck(run: Run, name: CheckName): Promise<void> {
  for (const [index, argv] of checkCommands(name, run.options.root).entries()) {
    if (run.signal.aborted) return;
    const result = await runChild(argv, childOptions(run, `${name}-${String(index)}`));
    const verdict = judgeCheck(result);
    const last = index === checkCommands(name, run.options.root).length - 1;
    if (last || verdict.failed > 0) run.report.add(name, verdict, result);
    if (verdict.failed > 0) return;
  }
}

/** Suites here run one after the other; one in a machine, which has enough of one processor, beside them. */
async function runSelections(run: Run, selections: readonly Selection[]): Promise<void> {
  const inMachine = selections.filter(({ name }) => runsInMachine(name));
  const here = selections.filter((selection) => !inMachine.includes(selection));
  const inTurn = async (one: Run, all: readonly Selection[]) => {
    for (const selection of all) await runSelection(one, selection);
  };
  if (inMachine.length === 0 || here.length === 0) return inTurn(run, selections);
  await buildMachine(childOptions(run, 'image'));
  const beside = { ...run, directory: openRunDirectory() };
  await Promise.all([inTurn(run, here), inTurn(beside, inMachine)]);
  await look(beside, 'the machines');
  closeRunDirectory(beside.directory);
}

async function runSelection(run: Run, selection: Selection): Promise<void> {
  const { name, files, outside = [] } = selection;
  if (files.length === 0) run.report.fail(name, ['nothing ran: no test files']);
  else if (runsInMachine(name)) await runMachineSuite(run, name, files);
  const here = name === 'zfs' ? { ...run, env: LABS, slower: SLOWER } : run;
  const width = name === 'unit' || runsInMachine(name) ? 2 : run.options.jobs;
  await runFiles(here, runsInMachine(name) ? outside : files, width);
}

async function runFiles(run: Run, files: readonly string[], width: number): Promise<void> {
  const queue = [...files];
  const work = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      if (run.signal.aborted) return;
      await runFile(run, file);
      if (width === 1) await look(run, file);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
}

async function runMachineSuite(run: Run, name: string, files: readonly string[]): Promise<void> {
  if (run.signal.aborted) return;
  const child = childOptions(run, 'machine');
  const { result, verdict } = await runInMachine(files, run.options, child);
  if (run.signal.aborted) return;
  run.report.add(name, verdict, result);
  await look(run, name);
}

async function runFile(run: Run, file: string): Promise<void> {
  const { root, ci } = run.options;
  const log = file.replaceAll(/[^A-Za-z0-9]/g, '_');
  const result = await runChild([process.execPath, join(root, file)], childOptions(run, log));
  if (run.signal.aborted) return;
  const verdict: Verdict = judgeFile(result, readFileSync(join(root, file), 'utf8'), ci);
  run.report.add(file, verdict, result);
}

async function look(run: Run, who: string): Promise<void> {
  const left = await removeLeftovers(run.directory);
  if (left.length > 0 && !run.signal.aborted) run.report.fail(`${who}: leftovers`, left);
}

function childOptions(run: Run, log: string): ChildOptions {
  const { options, directory, signal } = run;
  const binaries = join(options.root, 'node_modules/.bin');
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ...runEnvironment(directory),
    PATH: `${binaries}${delimiter}${process.env['PATH'] ?? ''}`,
    NO_COLOR: '1',
    // What tests and their support are compiled to is the same in each of them.
    NODE_COMPILE_CACHE: join(options.root, 'node_modules/.cache/compiled'),
    ...NOT_INHERITED,
    ...(options.soak ? { COWHERD_SOAK: '1' } : {}),
    ...run.env,
  };
  const file = join(directory, `${log}.log`);
  return {
    cwd: options.root,
    env,
    timeoutMs: options.timeoutMs * (run.slower ?? 1),
    log: file,
    signal,
  };
}
