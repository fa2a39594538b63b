import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import {
  capabilities,
  SERVICES,
  TIMER,
  unitText,
  UNITS,
  values,
} from '../../support/service/unit.ts';

/** What gives a service a mount namespace of its own (systemd.exec(5)). */
const OWN_NAMESPACE =
  /^(Private(Tmp|Devices|Mounts|Users|IPC|Network)|Protect\w+|(ReadOnly|ReadWrite|Inaccessible|Exec|NoExec|Bind|BindReadOnly)Paths|TemporaryFileSystem|Root\w+|MountFlags|MountAPIVFS|DynamicUser|(State|Runtime|Cache|Logs)Directory\w*)=/m;

const RECOVER = 'cowherd-recover.service';
const DAEMON = 'cowherd.service';
const RUN_DUE = 'cowherd-run-due.service';

test('one recovers once, at boot, when Docker can be asked', () => {
  assert.equal(values(RECOVER, 'Service', 'Type'), ['oneshot']);
  assert.equal(values(RECOVER, 'Service', 'ExecStart'), ['cowherd recover']);
  assert.equal(values(RECOVER, 'Install', 'WantedBy'), ['multi-user.target']);
  for (const name of SERVICES)
    assert.ok(values(name, 'Unit', 'After').join(' ').split(' ').includes('docker.service'), name);
});

test('one is the daemon, which leaves nobody frozen however it ends', () => {
  assert.equal(values(DAEMON, 'Service', 'Type'), ['notify']);
  assert.equal(values(DAEMON, 'Service', 'ExecStart'), ['cowherd daemon']);
  assert.equal(values(DAEMON, 'Service', 'ExecStopPost'), ['cowherd thaw']);
  assert.equal(values(DAEMON, 'Service', 'NotifyAccess'), ['all']);
  assert.is.not(values(DAEMON, 'Service', 'WatchdogSec').join(), '');
});

test('one runs what is due, every minute, and thaws where it was killed', () => {
  assert.equal(values(RUN_DUE, 'Service', 'ExecStart'), ['cowherd run-due']);
  assert.match(values(RUN_DUE, 'Service', 'ExecStopPost').join(), /cowherd thaw/);
  assert.equal(values(TIMER, 'Timer', 'OnCalendar'), ['minutely']);
  assert.equal(values(TIMER, 'Install', 'WantedBy'), ['timers.target']);
});

test('they keep the mounts of the host, our own code and setuid files possible', () => {
  for (const name of SERVICES) {
    assert.not.match(unitText(name), OWN_NAMESPACE, name);
    assert.not.match(unitText(name), /^(MemoryDenyWriteExecute|RestrictSUIDSGID|User|Device\w+)=/m);
  }
});

test('they have the capabilities that their job takes, and those that would reach further not', () => {
  const beyond = ['sys_module', 'sys_rawio', 'sys_boot', 'sys_time', 'net_admin', 'net_raw'];
  const never = [...beyond, 'bpf', 'mac_admin', 'audit_control', 'syslog'];
  for (const service of SERVICES) {
    assert.ok(capabilities(service).includes('sys_admin'));
    for (const name of never) assert.not.ok(capabilities(service).includes(name), name);
  }
  for (const name of ['setuid', 'mknod', 'chown', 'sys_resource'])
    assert.not.ok(capabilities(RECOVER).includes(name), name);
  assert.equal(capabilities(RUN_DUE), capabilities(DAEMON));
  // Without it a copy is made all the same, without the capabilities of the programs in it (cp(1), -a).
  assert.ok(capabilities(DAEMON).includes('setfcap'));
});

/** Copies of them that name a program there is, for systemd to look at. */
function copies(directory: string): readonly string[] {
  return UNITS.map((name) => {
    const file = join(directory, name);
    writeFileSync(file, unitText(name).replaceAll(/^(Exec\w+=)cowherd\b/gm, '$1/bin/true'));
    return file;
  });
}

test('they are units to systemd, where there is one', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cowherd-unit-'));
  try {
    const { error, status, stderr } = spawnSync(
      'systemd-analyze',
      ['verify', ...copies(directory)],
      { encoding: 'utf8', env: { ...process.env, SYSTEMD_UNIT_PATH: `${directory}:` } },
    );
    if (error) assert.is((error as NodeJS.ErrnoException).code, 'ENOENT');
    else assert.equal([status, stderr], [0, '']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.run();
