import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import {
  containerCgroup,
  directoryOf,
  parseCgroupMounts,
  parseMembership,
} from '../../../src/quiesce/cgroup-path.ts';
import { parseStat } from '../../../src/quiesce/proc.ts';

const ID = 'c88d1c4324a25e7ac3d9c9338f176bb24acb5125d59075d565801eacbb7daffa';
const OUTER = ID.replace('c', '0');

const V1_MEMBER = `9:name=systemd:/docker/${ID}
7:blkio,freezer:/docker/${ID}
4:memory:/elsewhere
0::/
`;
const V2_MEMBER = `0::/system.slice/docker-${ID}.scope\n`;

const HYBRID_MOUNTS = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime shared:9 - cgroup cgroup rw,freezer
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;
const V2_MOUNTS =
  '29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n';

test('a process of version 1 is where its freezer line says, among whatever controllers', () => {
  assert.equal(parseMembership(V1_MEMBER), { 1: `/docker/${ID}`, 2: '/' });
});

test('a process of version 2 has the unified line alone', () => {
  assert.equal(parseMembership(V2_MEMBER), { 1: null, 2: `/system.slice/docker-${ID}.scope` });
});

test('a path may hold colons, and lines that are none are passed over', () => {
  const text = `6:freezer:/system.slice:docker:${ID}\nnonsense\n`;
  assert.equal(parseMembership(text), { 1: `/system.slice:docker:${ID}`, 2: null });
});

test('the mounts of both hierarchies are found on a hybrid host', () => {
  assert.equal(parseCgroupMounts(HYBRID_MOUNTS), [
    { version: 1, root: '/', mountPoint: '/sys/fs/cgroup/freezer' },
    { version: 2, root: '/', mountPoint: '/sys/fs/cgroup/unified' },
  ]);
});

test("the container's own cgroup is known by its id, however its runtime names it", () => {
  for (const path of [
    `/docker/${ID}`,
    `/${ID}`,
    `/system.slice/docker-${ID}.scope`,
    `/machine.slice/libpod-${ID}.scope`,
    `/kubepods/burstable/pod1/cri-containerd-${ID}.scope`,
    `/system.slice:docker:${ID}`,
  ]) {
    assert.is(containerCgroup(path, ID), path);
  }
});

test('a process that moved into a child is found by the ancestor with the id', () => {
  assert.is(containerCgroup(`/docker/${ID}/init`, ID), `/docker/${ID}`);
  const scope = `/system.slice/docker-${ID}.scope`;
  assert.is(containerCgroup(`${scope}/init`, ID), scope);
  assert.is(containerCgroup(`${scope}/system.slice/cron.service`, ID), scope);
  assert.is(containerCgroup(`/docker/${ID}/decoy-${ID}`, ID), `/docker/${ID}`, 'a decoy too');
});

test('a container in a container is not taken for the outer one', () => {
  const inner = `/docker/${OUTER}/docker/${ID}`;
  assert.is(containerCgroup(inner, ID), inner);
  assert.is(containerCgroup(inner, OUTER), `/docker/${OUTER}`);
});

test('no cgroup is given when none bears the id', () => {
  for (const path of ['/', '', '/user.slice', `/docker/${OUTER}`, `/docker/x${ID}`, `/${ID}x`]) {
    assert.is(containerCgroup(path, ID), null, path);
  }
});

test('a path that leaves our cgroup namespace is refused', () => {
  assert.is(containerCgroup(`/../../docker/${ID}`, ID), null);
});

test('what is no full id matches nothing', () => {
  for (const id of ['', 'init', ID.slice(0, 12), ID.toUpperCase()]) {
    assert.is(containerCgroup(`/docker/${id}/init`, id), null, id);
  }
});

test('the directory is that of the hierarchy the path belongs to', () => {
  const mounts = parseCgroupMounts(HYBRID_MOUNTS);
  assert.is(directoryOf('/docker/x', 1, mounts), '/sys/fs/cgroup/freezer/docker/x');
  assert.is(directoryOf('/docker/x', 2, mounts), '/sys/fs/cgroup/unified/docker/x');
  const unified = parseCgroupMounts(V2_MOUNTS);
  assert.is(directoryOf('/a.slice', 2, unified), '/sys/fs/cgroup/a.slice');
  assert.is(directoryOf('/a.slice', 1, unified), null);
});

test('a mount of a part of the hierarchy shows only what is below it', () => {
  const mounts = [{ version: 1, root: '/docker', mountPoint: '/mnt/cg' }] as const;
  assert.is(directoryOf('/docker/x', 1, mounts), '/mnt/cg/x');
  assert.is(directoryOf('/dockerx', 1, mounts), null);
});

test('a process is read from its stat whatever it calls itself', () => {
  const rest = '1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 11 0 987654 1 2';
  const stat = { pid: 42, state: 'S', parent: 1, startTime: 987654 };
  assert.equal(parseStat(`42 (node) S ${rest}`), stat);
  assert.equal(parseStat(`42 (a) Z 9 (b\n) S ${rest}`), stat);
  assert.is(parseStat(''), null);
});

test.run();
