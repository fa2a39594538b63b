import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startLab } from './lab.ts';
import { isAlive } from './processes.ts';
import {
  asFilesystem,
  labFilesystem,
  labNames,
  labPaths,
  readRecord,
  type LabLayout,
} from './record.ts';
import { stopLab } from './stop.ts';

const HELP = `scripts/lab: a throw-away file system with a private dockerd and agents on it (needs root)

  scripts/lab start NAME [--layout top|subvol] [--fs btrfs|ext4|xfs|zfs] [--size 4G]
                         [--agents alpha,beta | --no-agents]
  scripts/lab stop NAME | --all
  scripts/lab list
  scripts/lab env NAME          prints lines for: eval "$(scripts/lab env NAME)"
  scripts/lab zfs --help        a machine with OpenZFS instead

Labs are in \${COWHERD_LAB_DIR:-\${TMPDIR:-/tmp}/cowherd-lab}/NAME. Without --agents: alpha and beta.
Without --fs: what COWHERD_LAB_FS says, else btrfs; zfs makes a pool on a file, and needs OpenZFS.
`;

class UsageError extends Error {}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    layout: { type: 'string', default: 'top' },
    fs: { type: 'string' },
    size: { type: 'string', default: '4G' },
    agents: { type: 'string', default: 'alpha,beta' },
    'no-agents': { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

async function main(): Promise<void> {
  const [command = 'help', name] = positionals;
  if (values.help || command === 'help') process.stdout.write(HELP);
  else if (command === 'start') await start(required(name));
  else if (command === 'stop') await stop(name);
  else if (command === 'list') list();
  else if (command === 'env') process.stdout.write(environment(required(name)));
  else throw new UsageError(`no such command: ${command}`);
}

async function start(name: string): Promise<void> {
  const lab = await startLab({
    name,
    layout: oneOf<LabLayout>(['top', 'subvol'], values.layout),
    fs: values.fs === undefined ? labFilesystem() : asFilesystem(values.fs),
    size: values.size,
    agents: values['no-agents'] ? [] : values.agents.split(',').filter(Boolean),
    keep: true,
  });
  process.stdout.write(`lab ${name} is up at ${lab.root}; eval "$(scripts/lab env ${name})"\n`);
}

async function stop(name: string | undefined): Promise<void> {
  const names = values.all ? labNames() : [required(name)];
  for (const each of names) {
    if (!existsSync(labPaths(each).root)) throw new Error(`no lab ${each}`);
    await stopLab(each);
    process.stdout.write(`lab ${each} is gone\n`);
  }
}

function list(): void {
  for (const name of labNames()) {
    const record = readRecord(labPaths(name));
    const state = record?.dockerd && isAlive(record.dockerd) ? 'up' : 'broken';
    const what = record
      ? `${record.filesystem}/${record.layout}\t${record.createdAt}`
      : 'half-made';
    process.stdout.write(`${name}\t${state}\t${what}\n`);
  }
}

function environment(name: string): string {
  const { root, socket, config, dockerConfig } = labPaths(name);
  if (!existsSync(root)) throw new Error(`no lab ${name}`);
  const variables = {
    DOCKER_HOST: `unix://${socket}`,
    DOCKER_CONFIG: dockerConfig,
    COWHERD_CONFIG: config,
  };
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  return Object.entries(variables)
    .map(([key, value]) => `export ${key}=${quote(value)}\n`)
    .join('');
}

function required(name: string | undefined): string {
  if (name === undefined) throw new UsageError('which lab? give its NAME');
  return name;
}

function oneOf<T extends string>(allowed: readonly T[], given: string): T {
  const found = allowed.find((value) => value === given);
  if (found === undefined) throw new UsageError(`${given} is none of ${allowed.join(', ')}`);
  return found;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`lab: ${error instanceof Error ? error.message : String(error)}\n`);
  if (error instanceof UsageError) process.stderr.write(HELP);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
