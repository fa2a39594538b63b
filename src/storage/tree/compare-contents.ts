import { run } from '../../exec/run.ts';

const READ_TIMEOUT_MS = 6 * 60 * 60_000;

/**
 * Reads the regular files of two trees side by side and prints the path of the first that differs. Where both have a hole
 * nothing is read (lseek(2), SEEK_DATA, which Node.js does not have): one of 8 EiB costs no time. No link is followed, no other
 * filesystem entered.
 */
const SCRIPT = String.raw`
use strict;
my ($left, $right) = @ARGV;
my ($SEEK_SET, $SEEK_DATA, $NO_DATA) = (0, 3, 6);
my ($TYPE, $DIRECTORY, $FILE) = (0170000, 0040000, 0100000);

sub data_from {
  my ($file, $from) = @_;
  my $at = sysseek($file, $from, $SEEK_DATA);
  die "lseek: $!\n" unless defined $at || $! + 0 == $NO_DATA;
  return defined $at ? $at + 0 : undef;
}
sub part {
  my ($file, $from) = @_;
  sysseek($file, $from, $SEEK_SET) // die "lseek: $!\n";
  my $read = sysread($file, my $bytes, 1048576) // die "read: $!\n";
  return $bytes;
}
sub same {
  my ($path) = @_;
  sysopen(my $one, "$left/$path", 0) or die "$left/$path: $!\n";
  sysopen(my $other, "$right/$path", 0) or return 0;
  return 0 if -s $one != -s $other;
  my $at = 0;
  while (1) {
    my ($from) = sort { $a <=> $b } grep { defined } data_from($one, $at), data_from($other, $at);
    return 1 unless defined $from;
    my $bytes = part($one, $from);
    return 0 if $bytes ne part($other, $from);
    return 1 if $bytes eq '';
    $at = $from + length $bytes;
  }
}

my $device = (lstat $left)[0];
my @directories = ('.');
while (defined(my $directory = pop @directories)) {
  opendir(my $entries, "$left/$directory") or die "$left/$directory: $!\n";
  while (defined(my $name = readdir $entries)) {
    next if $name eq '.' || $name eq '..';
    my $path = "$directory/$name";
    my ($on, undef, $mode) = lstat "$left/$path" or die "$left/$path: $!\n";
    next if $on != $device;
    push @directories, $path if ($mode & $TYPE) == $DIRECTORY;
    next if ($mode & $TYPE) != $FILE || same($path);
    print $path;
    exit;
  }
}
`;

/** The first file of a tree, relative to it, whose contents are not the same in a copy; null where all are. Throws TOOL_FAILED. */
export async function differingFile(
  source: string,
  target: string,
  signal?: AbortSignal,
): Promise<string | null> {
  // What was written just now has its holes only when it is on the disk.
  await run('sync', ['-f', '--', target]);
  const { stdout } = await run('perl', ['-e', SCRIPT, '--', source, target], {
    timeoutMs: READ_TIMEOUT_MS,
    diesWithUs: true,
    ...(signal === undefined ? {} : { signal }),
  });
  return stdout === '' ? null : Buffer.from(stdout, 'latin1').toString('utf8');
}
