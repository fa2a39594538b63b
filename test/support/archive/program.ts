// Archives (`write`) or restores (`extract`) as the JSON in argv[2] says, and is killed meanwhile.
import { extractArchive } from '../../../src/storage/archive/extract-archive.ts';
import { writeArchive } from '../../../src/storage/archive/write-archive.ts';

const { write, extract } = JSON.parse(process.argv[2] ?? '{}') as {
  write?: Parameters<typeof writeArchive>[0];
  extract?: Parameters<typeof extractArchive>[0];
};
if (write !== undefined) await writeArchive(write);
if (extract !== undefined) await extractArchive(extract);
