import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { dockerEnvironment } from './daemon.ts';
import type { LabPaths } from './record.ts';
import { must } from './run.ts';

/** The image of every lab's agents. */
export const AGENT_IMAGE = 'cowherd-lab/agent:latest';
/** The user that owns an agent's volumes. */
export const AGENT_UID = 1000;

/** Makes the agents' image from this machine's busybox and sqlite3 and imports it; no registry. */
export async function importAgentImage(paths: LabPaths): Promise<void> {
  const tree = join(paths.root, 'image');
  const archive = join(paths.root, 'image.tar');
  await fillTree(tree);
  await must(['tar', '-C', tree, '--numeric-owner', '-cf', archive, '.']);
  const changes = ['USER 1000:1000', 'WORKDIR /home/developer', 'CMD ["/bin/agent"]'];
  const options = changes.flatMap((change) => ['--change', change]);
  const env = dockerEnvironment(paths);
  await must(['docker', 'import', ...options, archive, AGENT_IMAGE], { env });
  rmSync(tree, { recursive: true });
  rmSync(archive);
}

async function fillTree(tree: string): Promise<void> {
  for (const directory of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp', 'home/developer']) {
    mkdirSync(join(tree, directory), { recursive: true });
  }
  chmodSync(join(tree, 'tmp'), 0o1777);
  for (const directory of ['', 'public', 'shared-out', 'shared-in']) {
    const path = join(tree, 'home/developer', directory);
    mkdirSync(path, { recursive: true });
    chownSync(path, AGENT_UID, AGENT_UID);
  }
  const user = `developer:x:${String(AGENT_UID)}:${String(AGENT_UID)}::/home/developer:/bin/sh\n`;
  writeFileSync(join(tree, 'etc/passwd'), `root:x:0:0::/:/bin/sh\n${user}`);
  writeFileSync(join(tree, 'etc/group'), `root:x:0:\ndeveloper:x:${String(AGENT_UID)}:\n`);
  await copyPrograms(tree);
}

async function copyPrograms(tree: string): Promise<void> {
  const busybox = await which('busybox');
  const sqlite = await which('sqlite3');
  copyFileSync(busybox, join(tree, 'bin/busybox'));
  copyFileSync(sqlite, join(tree, 'bin/sqlite3'));
  copyFileSync(join(import.meta.dirname, 'agent.sh'), join(tree, 'bin/agent'));
  for (const name of ['busybox', 'sqlite3', 'agent']) chmodSync(join(tree, 'bin', name), 0o755);
  for (const applet of (await must([busybox, '--list'])).split('\n')) {
    if (applet !== 'busybox' && applet !== 'sqlite3')
      symlinkSync('busybox', join(tree, 'bin', applet));
  }
  for (const library of await librariesOf(sqlite)) {
    mkdirSync(join(tree, dirname(library)), { recursive: true });
    copyFileSync(library, join(tree, library));
    chmodSync(join(tree, library), 0o755);
  }
}

/** The shared objects that ldd(1) names, by the paths the loader looks at. */
async function librariesOf(program: string): Promise<string[]> {
  const lines = (await must(['ldd', program])).split('\n');
  return lines.flatMap((line) => /(?:=>\s+|^\s+)(\/\S+)\s+\(0x/.exec(line)?.[1] ?? []);
}

function which(program: string): Promise<string> {
  return must(['busybox', 'which', program]);
}
