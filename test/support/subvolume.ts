import { must } from './lab/run.ts';

/** BTRFS_IOC_SUBVOL_CREATE, as any user may: btrfs(8) takes no path that is too long for a system call. */
const CREATE = String.raw`
my ($root, $depth, @names) = @ARGV;
chdir $root or die "$root: $!";
$( = $) = '1000 1000'; $< = $> = 1000;
for (1 .. $depth) { my $next = 'd' x 255; mkdir $next; chdir $next or die "$next: $!" }
sysopen(my $here, '.', 0) or die $!;
for my $name (@names) {
  ioctl($here, 0x5000940e, my $args = pack('q a4088', 0, pack('H*', $name))) or die "create: $!";
}
`;

/** Makes subvolumes as the user of an agent, `depth` directories of 255 bytes deep, with names of any bytes. */
export async function subvolumeAt(
  root: string,
  depth: number,
  ...names: readonly Buffer[]
): Promise<void> {
  const hex = names.map((name) => name.toString('hex'));
  await must(['perl', '-e', CREATE, root, String(depth), ...hex]);
}
