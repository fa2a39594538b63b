import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const FILE = join(import.meta.dirname, '../../../config/cowherd-recover.service');
const UNIT = readFileSync(FILE, 'utf8');

/** All values of a setting, in the section it has to be in. */
function values(section: string, key: string): string[] {
  const body = UNIT.split(/^\[/m).find((part) => part.startsWith(`${section}]`)) ?? '';
  return [...body.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value);
}

/** What gives a service a mount namespace of its own (systemd.exec(5)). */
const OWN_NAMESPACE =
  /^(Private(Tmp|Devices|Mounts|Users|IPC|Network)|Protect\w+|(ReadOnly|ReadWrite|Inaccessible|Exec|NoExec|Bind|BindReadOnly)Paths|TemporaryFileSystem|Root\w+|MountFlags|MountAPIVFS|DynamicUser|(State|Runtime|Cache|Logs)Directory\w*)=/m;

test('recovers once, at boot, when Docker can be asked', () => {
  assert.equal(values('Service', 'Type'), ['oneshot']);
  assert.equal(values('Service', 'ExecStart'), ['cowherd recover']);
  assert.ok(values('Unit', 'After').join(' ').split(' ').includes('docker.service'));
  assert.equal(values('Install', 'WantedBy'), ['multi-user.target']);
});

test('keeps the mounts of the host, its own code and setuid files possible', () => {
  assert.not.match(UNIT, OWN_NAMESPACE);
  assert.not.match(UNIT, /^(MemoryDenyWriteExecute|RestrictSUIDSGID|User|CapabilityBoundingSet)=/m);
});

test('is a unit to systemd, where there is one', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cowherd-unit-'));
  try {
    const copy = join(directory, 'cowherd-recover.service');
    writeFileSync(copy, UNIT.replace('ExecStart=cowherd', 'ExecStart=/bin/true'));
    const { error, status, stderr } = spawnSync('systemd-analyze', ['verify', copy], {
      encoding: 'utf8',
    });
    if (error) assert.is((error as NodeJS.ErrnoException).code, 'ENOENT');
    else assert.equal([status, stderr], [0, '']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.run();
