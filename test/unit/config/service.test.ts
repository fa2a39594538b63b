import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { capabilities, UNIT, values } from '../../support/service/unit.ts';

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
  assert.not.match(UNIT, /^(MemoryDenyWriteExecute|RestrictSUIDSGID|User|Device\w+)=/m);
});

test('has the capabilities that its job takes, and those that would reach further not', () => {
  assert.ok(capabilities().includes('sys_admin'));
  const beyond = ['sys_module', 'sys_rawio', 'sys_boot', 'sys_time', 'net_admin', 'net_raw'];
  for (const name of [...beyond, 'bpf', 'mac_admin', 'setuid', 'mknod', 'chown'])
    assert.not.ok(capabilities().includes(name), name);
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
