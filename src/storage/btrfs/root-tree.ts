import { records } from '../../exec/records.ts';
import { CowherdError } from '../../model/errors.ts';
import { SEARCH } from './tree-search.ts';

/** A subvolume as the kernel's tree of roots has it. */
export interface Root {
  readonly id: string;
  /** The subvolume it lies in; the filesystem's top is 5. */
  readonly parentId: string;
  readonly guid: string;
  /** What it is a snapshot of, or null. */
  readonly parentGuid: string | null;
  /** From the filesystem's top, any bytes. */
  readonly path: Buffer;
  /** False where the path is too long: then it has `…` for what was left out of it. */
  readonly reachable: boolean;
}

/** What system calls take (PATH_MAX). */
export const LONGEST_PATH = 4_095;

/**
 * What `btrfs subvolume list` reads (BTRFS_IOC_TREE_SEARCH, ioctl-btrfs(2)), in a form that names cannot forge, and path by
 * path: that command gives up as a whole for one path of more than 4,080 bytes. A directory is followed up to `LONGEST` bytes;
 * `\xe2\x80\xa6` is the `…` of what is longer.
 */
const SCRIPT =
  SEARCH +
  String.raw`
my (undef, $LONGEST) = @ARGV;
my ($ROOT_ITEM, $ROOT_BACKREF, $INODE_REF) = (132, 144, 12);
my ($ROOT_TREE, $FS_TREE, $FIRST_FREE, $LAST_FREE) = (1, 5, 256, -256);

my (%uuids, %inside);
my $next = [$FIRST_FREE, 0, 0];
while (my @items = search($ROOT_TREE, $next, [$LAST_FREE, 255, -1], 4096)) {
  for (@items) {
    my ($id, $type, $offset, $data) = @$_;
    $uuids{$id} = [map { unpack('H32', substr($data, $_, 16)) } 247, 263]
      if $type == $ROOT_ITEM && length($data) >= 279;
    $inside{$id} = [$offset, unpack('q<', $data), substr($data, 18)] if $type == $ROOT_BACKREF;
  }
  my ($id, $type, $offset) = @{$items[-1]};
  $next = [$id, $type, $offset + 1];
}

my %directories;
sub directory {
  my ($tree, $inode) = @_;
  my $key = "$tree $inode";
  return $directories{$key} if exists $directories{$key};
  my ($path, $at) = ('', $inode);
  while ($at != $FIRST_FREE && defined $path) {
    my ($ref) = search($tree, [$at, $INODE_REF, 0], [$at, $INODE_REF, -1], 1);
    $path = $ref && substr($ref->[3], 10, unpack('S<', substr($ref->[3], 8, 2))) . "/$path";
    $path = undef if $ref && length($path) > $LONGEST;
    $at = $ref ? $ref->[2] : $FIRST_FREE;
  }
  return $directories{$key} = $path;
}

my %places = ($FS_TREE => [1, '']);
sub place {
  my ($id) = @_;
  my @chain;
  while (!$places{$id}) {
    push @chain, $id;
    $id = $inside{$id} ? $inside{$id}[0] : $FS_TREE;
  }
  my $place = $places{$id};
  for my $each (reverse @chain) {
    my ($tree, $inode, $name) = @{$inside{$each} || [$FS_TREE, $FIRST_FREE, '?']};
    my $directory = $place->[0] ? directory($tree, $inode) : undef;
    my $path = defined $directory ? "$place->[1]/$directory$name" : '';
    my $fits = defined $directory && length($path) <= $LONGEST;
    my $about = $place->[0] ? "$place->[1]/\xe2\x80\xa6/$name" : $place->[1];
    $place = $places{$each} = $fits ? [1, $path] : [0, $about];
  }
  return $place;
}

for my $id (sort { $a <=> $b } keys %inside) {
  my ($reachable, $path) = @{place($id)};
  printf "%s %s %s %s %d %s\0", $id, $inside{$id}[0], @{$uuids{$id} || ['-', '-']}, $reachable, $path;
}
`;

/**
 * The wanted ones of the subvolumes of the filesystem around a path, by id; of the others nothing is kept. Throws TOOL_MISSING,
 * TOOL_FAILED.
 */
export async function readRoots(
  path: string,
  isWanted: (root: Root) => boolean,
): Promise<readonly Root[]> {
  const found: Root[] = [];
  const argv = ['-e', SCRIPT, '--', path, String(LONGEST_PATH)];
  for await (const record of records('perl', argv)) {
    const root = parseRoot(record);
    if (isWanted(root)) found.push(root);
  }
  return found;
}

/** Parses one record of what the script says. Throws TOOL_FAILED for anything else. */
export function parseRoot(record: Buffer): Root {
  const [, id, parentId, guid, parentGuid, reachable, path] =
    RECORD.exec(record.toString('latin1')) ?? [];
  if (id === undefined || parentId === undefined || path === undefined)
    throw new CowherdError('TOOL_FAILED', 'a listing of subvolumes could not be read');
  return {
    ...{ id, parentId, guid: guidOfHex(guid) ?? '', parentGuid: guidOfHex(parentGuid) },
    path: Buffer.from(path, 'latin1'),
    reachable: reachable === '1',
  };
}

const RECORD = /^(\d+) (\d+) (\S+) (\S+) ([01]) (\/.*)$/s;

/** A UUID of 32 hex digits with its dashes; null where all are zero. */
export function guidOfHex(hex: string | undefined): string | null {
  const [, ...parts] = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/.exec(hex ?? '') ?? [];
  return parts.length === 0 || /^0*$/.test(hex ?? '') ? null : parts.join('-');
}
