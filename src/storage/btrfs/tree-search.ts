/**
 * The beginning of a Perl script that looks into the trees of the filesystem around its first argument: `search` gives items of a
 * tree as `[id, type, offset, data]` (BTRFS_IOC_TREE_SEARCH, ioctl-btrfs(2)), as many as fit into 4 KiB. Node.js has no ioctl(2).
 */
export const SEARCH = String.raw`
use strict;
my $TREE_SEARCH = 0xd0009411;
sysopen(my $fs, $ARGV[0], 0) or die "$ARGV[0]: $!\n";

sub search {
  my ($tree, $from, $to, $most) = @_;
  my @range = ($from->[0], $to->[0], $from->[2], $to->[2], 0, -1);
  my $args = pack('q7L4q4', $tree, @range, $from->[1], $to->[1], $most, 0, 0, 0, 0, 0) . "\0" x 3992;
  ioctl($fs, $TREE_SEARCH, $args) or die "BTRFS_IOC_TREE_SEARCH: $!\n";
  my $at = 104;
  return map {
    my (undef, $id, $offset, $type, $length) = unpack('q3L2', substr($args, $at, 32));
    $at += 32 + $length;
    [$id, $type, $offset, substr($args, $at - $length, $length)];
  } 1 .. unpack('L', substr($args, 64, 4));
}
`;
