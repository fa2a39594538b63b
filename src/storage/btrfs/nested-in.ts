import { run } from '../../exec/run.ts';
import { CowherdError } from '../../model/errors.ts';
import { SEARCH } from './tree-search.ts';

/** A subvolume directly inside another one. */
export interface Nested {
  readonly id: string;
  /** From that other one's top, any bytes; of a longer path its first MiB. */
  readonly path: Buffer;
}

/** Of a path that is longer, the end is left out. */
const LONGEST = 1024 * 1024;
/** After so much the others are left out: whoever deletes those that were named asks again. */
const ENOUGH_BYTES = 16 * 1024;

/** Whatever lies elsewhere on the filesystem is not looked at, nor is it held in memory how deep something lies. */
const SCRIPT =
  SEARCH +
  String.raw`
my (undef, $outer, $LONGEST, $ENOUGH) = @ARGV;
my ($ROOT_TREE, $ROOT_REF, $INODE_REF, $TOP) = (1, 156, 12, 256);

sub directory {
  my ($inode) = @_;
  my ($length, @names) = (0);
  while ($inode != $TOP) {
    my ($ref) = search($outer, [$inode, $INODE_REF, 0], [$inode, $INODE_REF, -1], 1);
    return undef if !$ref;
    push @names, substr($ref->[3], 10, unpack('S<', substr($ref->[3], 8, 2)));
    $length += 1 + length($names[-1]);
    $length -= 1 + length(shift @names) while $length > $LONGEST;
    $inode = $ref->[2];
  }
  return join('', map { "$_/" } reverse @names);
}

my ($from, $said, $looked, $directory) = (0, 0, 0, '');
while (my @items = search($ROOT_TREE, [$outer, $ROOT_REF, $from], [$outer, $ROOT_REF, -1], 4096)) {
  for (@items) {
    my ($id, $inode, $name) = ($_->[2], unpack('q<', $_->[3]), substr($_->[3], 18));
    ($looked, $directory) = ($inode, directory($inode)) if $looked != $inode;
    next if !defined $directory;
    $said += length("$id $directory$name");
    print "$id $directory$name\0";
    exit if $said > $ENOUGH;
  }
  $from = $items[-1][2] + 1;
}
`;

/**
 * Some of the subvolumes directly inside one, found by its id on the filesystem around `top`: none only when there are none.
 * Takes the memory of one path, however many there are. Throws TOOL_MISSING, TOOL_FAILED.
 */
export async function someNestedIn(top: string, id: string): Promise<readonly Nested[]> {
  const argv = ['-e', SCRIPT, '--', top, id, String(LONGEST), String(ENOUGH_BYTES)];
  const { stdout } = await run('perl', argv);
  return stdout.split('\0').slice(0, -1).map(parseNested);
}

function parseNested(record: string): Nested {
  const [, id, path] = /^(\d+) (.+)$/s.exec(record) ?? [];
  if (id === undefined || path === undefined)
    throw new CowherdError('TOOL_FAILED', 'a listing of nested subvolumes could not be read');
  return { id, path: Buffer.from(path, 'latin1') };
}
