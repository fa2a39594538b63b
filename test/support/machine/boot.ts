import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { processId, type ProcessId } from '../lab/processes.ts';
import { must, sleep } from '../lab/run.ts';
import { accelerator, QEMU, type Accelerator } from './accelerator.ts';
import type { MachineImage } from './image.ts';
import { owned } from './owned.ts';
import { readRecord, writeRecord, type MachinePaths } from './record.ts';

const POOL_BYTES = 8 * 2 ** 30;
/** Emulating AVX costs a fifth of a boot, and OpenZFS tries all that a processor has. */
const EMULATED_CPU = 'Nehalem,+aes,+pclmulqdq';
/** What udev would load, slowly under emulation, and nothing here uses. */
const NOT_LOADED = 'kvm_amd,kvm_intel,ata_piix,ata_generic,serio_raw,evdev,button,aesni_intel';
const COMMAND_LINE = `root=/dev/vda rw console=ttyS0 quiet mitigations=off modprobe.blacklist=${NOT_LOADED}`;
/**
 * What costs an emulated processor most: a clock that is read from a device, pages that are cleared before they are used or huge,
 * string instructions (REP_GOOD), waiting for grace periods of RCU, and flushes of a disk whose cache is unsafe anyhow. With them
 * `zfs snapshot` takes 0.26 s instead of 0.7 s.
 */
const EMULATED_COMMAND_LINE = [
  ...['clocksource=tsc', 'tsc=reliable', 'init_on_alloc=0', 'transparent_hugepage=never'],
  ...[
    'clearcpuid=112',
    'rcupdate.rcu_expedited=1',
    'zfs.zfs_nocacheflush=1',
    'audit=0',
    'nowatchdog',
  ],
].join(' ');

/** Starts QEMU on an overlay of the image; unless `standing`, it is killed when we end, however we do. */
export async function boot(
  image: MachineImage,
  paths: MachinePaths,
  standing: boolean,
): Promise<{ port: number; qemu: ProcessId }> {
  const overlay = ['-f', 'qcow2', '-F', 'raw', '-b', image.root, paths.system];
  await must(['qemu-img', 'create', '-q', ...overlay]);
  writeFileSync(paths.pool, '');
  truncateSync(paths.pool, POOL_BYTES);
  const kind = await accelerator(image);
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const argv = [QEMU, ...qemuOptions(image, paths, port, kind)];
    const qemu = await launch(standing ? argv : owned(argv), paths);
    if (qemu) {
      writeRecord(paths, { ...readRecord(paths), port, qemu });
      return { port, qemu };
    }
    const said = readFileSync(paths.log, 'utf8');
    if (attempt === 3 || !said.includes('forwarding rule')) throw new Error('QEMU has ended');
  }
}

function qemuOptions(
  image: MachineImage,
  paths: MachinePaths,
  port: number,
  kind: Accelerator,
): string[] {
  const machine =
    kind === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host']
      : ['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', EMULATED_CPU];
  const commandLine = kind === 'kvm' ? COMMAND_LINE : `${COMMAND_LINE} ${EMULATED_COMMAND_LINE}`;
  return [
    ...machine,
    ...['-smp', '2', '-m', '4096', '-nodefaults', '-display', 'none'],
    ...['-serial', `file:${paths.console}`],
    ...['-kernel', image.kernel, '-initrd', image.initrd, '-append', commandLine],
    ...disk(paths.system, 'qcow2', 'system'),
    ...disk(paths.checkout, 'raw', 'checkout'),
    ...disk(paths.pool, 'raw', 'pool'),
    ...['-netdev', `user,id=net,hostfwd=tcp:127.0.0.1:${String(port)}-:22`],
    ...['-device', 'virtio-net-pci,netdev=net', '-device', 'virtio-rng-pci'],
  ];
}

function disk(path: string, format: string, serial: string): string[] {
  const file = path.replaceAll(',', ',,');
  const backend = `id=${serial},file=${file},format=${format},if=none,cache=unsafe,discard=unmap`;
  return ['-drive', backend, '-device', `virtio-blk-pci,drive=${serial},serial=${serial}`];
}

async function launch(
  argv: readonly string[],
  paths: MachinePaths,
): Promise<ProcessId | undefined> {
  const log = openSync(paths.log, 'w', 0o600);
  const [file = '', ...args] = argv;
  const child = spawn(file, args, { stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  await new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  child.unref();
  await sleep(500);
  return child.pid === undefined ? undefined : processId(child.pid);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
