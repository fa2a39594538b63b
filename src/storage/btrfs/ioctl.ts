import { startAnswering, type Answering, type AskOptions } from '../../exec/answering.ts';
import { failureOf } from '../../exec/run.ts';
import { CowherdError } from '../../model/errors.ts';

/**
 * Three requests of ioctl-btrfs(2), answered by a process that is there already: BTRFS_IOC_SNAP_CREATE_V2 (read-only),
 * BTRFS_IOC_SYNC and BTRFS_IOC_GET_SUBVOL_INFO (Linux 4.18). No last component is followed. A source is taken for a subvolume by the inode number of
 * its root, since the last of them answers for whatever lies in one.
 */
const SCRIPT = String.raw`
use strict;
use Fcntl qw(O_RDONLY O_DIRECTORY O_NOFOLLOW);
my ($SNAP_CREATE_V2, $SYNC, $GET_SUBVOL_INFO, $RDONLY, $ROOT) = (0x50009417, 0x9408, 0x81f8943c, 2, 256);
sub directory {
  my ($path) = @_;
  sysopen(my $fd, $path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) or die "$path: $!\n";
  return $fd;
}
sub subvolume {
  my ($path) = @_;
  my $fd = directory($path);
  (stat $fd)[1] == $ROOT or die "$path: not a subvolume\n";
  return $fd;
}
my %does = (
  snapshot => sub {
    my ($source, $target) = @_;
    my ($parent, $name) = $target =~ m{^(.*)/([^/]+)$}s or die "$target: no path\n";
    length $name <= 255 or die "$target: File name too long\n";
    my ($from, $into) = (subvolume($source), directory($parent));
    my $args = pack('q Q Q x32 a4040', fileno $from, 0, $RDONLY, $name);
    ioctl($into, $SNAP_CREATE_V2, $args) or die "$source: BTRFS_IOC_SNAP_CREATE_V2: $!\n";
    return '';
  },
  sync => sub {
    my ($path) = @_;
    my $fd = directory($path);
    ioctl($fd, $SYNC, 0) or die "$path: BTRFS_IOC_SYNC: $!\n";
    return '';
  },
  info => sub {
    my ($path) = @_;
    my $fd = subvolume($path);
    my $info = "\0" x 504;
    ioctl($fd, $GET_SUBVOL_INFO, $info) or die "$path: BTRFS_IOC_GET_SUBVOL_INFO: $!\n";
    return sprintf '%d %s %s %s', unpack('x288 Q H32 H32 H32', $info);
  },
);
$| = 1;
sub bytes {
  my ($count) = @_;
  my $got = read(STDIN, my $bytes, $count);
  exit unless defined $got && $got == $count;
  return $bytes;
}
while (1) {
  my ($kind, $width, @rest) = split /\0/, bytes(unpack 'N', bytes(4)), -1;
  my @answers;
  while (my @one = splice @rest, 0, $width) {
    my $told = eval { $does{$kind}->(@one) };
    push @answers, defined $told ? "1$told" : "0$@";
  }
  my $answer = join "\0", @answers;
  print pack('N', length $answer), $answer;
}
`;

/** Its paths: source and target of a snapshot, or one. Bytes where they may not be UTF-8. */
export type Paths = readonly (string | Buffer)[];
export type Request = 'snapshot' | 'sync' | 'info';

/** What was told of one request, or why it failed. */
export type Told = { readonly text: string } | { readonly error: CowherdError };

/** The process, for one who asks at a time. */
export interface Ioctls {
  /**
   * One after the other, each for itself; answers in their order. Throws TOOL_MISSING without Perl, TOOL_FAILED when the process is
   * killed: by an abort, or in the end by `timeoutMs`.
   */
  readonly ask: (
    kind: Request,
    requests: readonly Paths[],
    options?: AskOptions,
  ) => Promise<readonly Told[]>;
  /** For whoever needs one next. */
  readonly giveBack: () => void;
}

const MOST_IDLE = 8;
const idle: Answering[] = [];
const NUL = Buffer.of(0);

/** One that is idle, or a new one. */
export function ioctls(): Ioctls {
  const process = idle.pop() ?? startAnswering('perl', ['-e', SCRIPT]);
  return {
    ask: async (kind, requests, options) => ask(process, { kind, requests, options }),
    giveBack: () => {
      if (!process.alive()) return;
      if (idle.length < MOST_IDLE) idle.push(process);
      else process.end();
    },
  };
}

interface Asked {
  readonly kind: Request;
  readonly requests: readonly Paths[];
  readonly options: AskOptions | undefined;
}

async function ask(
  process: Answering,
  { kind, requests, options }: Asked,
): Promise<readonly Told[]> {
  const [first] = requests;
  if (first === undefined) return [];
  const words = [kind, String(first.length), ...requests.flat()].map((word) => Buffer.from(word));
  const joined = Buffer.concat(words.flatMap((word, at) => (at === 0 ? [word] : [NUL, word])));
  const answer = await process.ask(joined, options);
  const answers = answer.toString('latin1').split('\0');
  if (answers.length !== requests.length)
    throw new CowherdError('TOOL_FAILED', `perl did not answer every ${kind}`);
  return answers.map((one, at) => told(kind, requests[at] ?? [], one));
}

function told(kind: Request, paths: Paths, answer: string): Told {
  if (answer.startsWith('1')) return { text: answer.slice(1) };
  const args = [kind, ...paths.map(String)];
  const failure = { file: 'btrfs', args, code: undefined, timedOut: false, exitCode: 1 };
  return { error: failureOf({ ...failure, stderr: answer.slice(1) }) };
}
