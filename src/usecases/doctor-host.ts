import type { Config } from '../config/schema.ts';
import { missingTools } from '../exec/installed.ts';
import type { Ambiguity } from '../model/agent.ts';
import { finding, type Finding } from './finding.ts';

/** Of filesystems that cannot snapshot; whether files can share data there decides which are used. */
const PLAIN = [
  ...['blkid', 'mount', 'sync', 'cp', 'lsattr', 'chattr', 'getfattr', 'setfattr', 'du', 'rm'],
  ...['perl', 'tar', 'zstd', 'sha256sum', 'tee', 'sort', 'head', 'mkfifo', 'setpriv'],
  ...['unshare', 'nsenter', 'prlimit', 'cat'],
];
const ON: Readonly<Record<string, readonly (keyof typeof TOOLS)[]>> = {
  btrfs: ['btrfs'],
  zfs: ['zfs'],
  xfs: ['xfs', 'plain'],
  ext2: ['plain'],
  ext3: ['plain'],
  ext4: ['plain'],
};

/** Host tools by what needs them; the programs that src/ runs. */
export const TOOLS = {
  always: ['env', 'flock', 'find', 'xargs'],
  sqlite: ['unshare', 'nsenter', 'setpriv', 'prlimit', 'mount', 'cat', 'sqlite3'],
  btrfs: [
    'btrfs',
    'perl',
    'mount',
    'sync',
    'cp',
    'lsattr',
    'chattr',
    'getfattr',
    'du',
    'rm',
    'touch',
  ],
  zfs: [
    'zfs',
    'zpool',
    'mount',
    'umount',
    'cp',
    'lsattr',
    'chattr',
    'getfattr',
    'du',
    'rm',
    'perl',
  ],
  xfs: ['xfs_info'],
  plain: PLAIN,
} as const;

/** Tools that are not installed; without those of SQLite snapshots are taken, but not `checkpointed`. */
export async function toolFindings(
  config: Config,
  filesystems: ReadonlySet<string>,
): Promise<readonly Finding[]> {
  const drivers = [...filesystems].flatMap((name) => ON[name] ?? []);
  const needed = [...new Set([...TOOLS.always, ...drivers.flatMap((name) => TOOLS[name])])];
  const patched = config.policies.some(({ quiesce }) => quiesce.sqlite?.enabled === true);
  const wanted = config.quiesce.sqlite.enabled || patched ? TOOLS.sqlite : [];
  const extra = wanted.filter((tool) => !needed.includes(tool));
  const [missing, desirable] = await Promise.all([missingTools(needed), missingTools(extra)]);
  return [
    ...missing.map(({ message, hint }) =>
      finding('TOOL_MISSING', 'error', { message, mend: hint }),
    ),
    ...desirable.map(({ message, hint }) =>
      finding('TOOL_MISSING', 'warn', {
        message: `${message}: SQLite databases get no checkpoint before a snapshot`,
        mend: hint,
      }),
    ),
  ];
}

/** Snapshots, mounts and freezers are root's. */
export function permissionFindings(uid: number): readonly Finding[] {
  if (uid === 0) return [];
  const message = `cowherd runs as user ${uid} and may neither snapshot, mount nor freeze`;
  return [finding('PERMISSION', 'error', { message, mend: 'run cowherd as root' })];
}

/** Names that two kinds of source share. */
export function ambiguityFindings(ambiguous: readonly Ambiguity[]): readonly Finding[] {
  return ambiguous.map(({ name, sources: [kept = '', ...others] }) =>
    finding('AMBIGUOUS', 'warn', {
      agent: name,
      message: `${[kept, ...others].join(' and ')} are all called ${name}: only ${kept} is the agent, the rest is not protected`,
      mend: 'rename one of them, or set agents.groupBy in the config so that the names differ',
    }),
  );
}
