import { must } from './lab/run.ts';

const MAKE = String.raw`
my ($root, $depth) = @ARGV;
chdir $root or die "$root: $!";
$( = $) = '1000 1000'; $< = $> = 1000;
for (1 .. $depth) { my $next = 'd' x 255; mkdir $next; chdir $next or die "$next: $!" }
open(my $file, '>', 'file') or die $!;
print $file "deep\n";
`;

/** Makes directories of 255 bytes inside each other as the user of an agent, and a file in the last: no path may be as long. */
export async function deepTree(root: string, depth: number): Promise<void> {
  await must(['perl', '-e', MAKE, root, String(depth)]);
}
