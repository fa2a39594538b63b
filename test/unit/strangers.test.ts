import { test } from '../support/suite.ts';
import * as assert from 'uvu/assert';
import { strangers, type Places } from '../support/hostile/allowed.ts';

// The lab's own directory is called like the one of Docker's volumes.
const root = '/tmp/volumes/lab';
const places: Places = {
  ...{ mnt: `${root}/mnt`, dataRoot: `${root}/mnt/docker`, device: '/dev/loop7' },
  ...{ config: `${root}/cowherd.yaml`, state: `${root}/state`, socket: `${root}/docker.sock` },
};
const volumes = `${places.dataRoot}/volumes`;
const other = '/run/cowherd/fs/0a-1b/docker/volumes';

/** Those of them that are told as strangers. */
const told = (paths: readonly string[]) => strangers(places, paths);

test('a volume, the way to it, a store and what is of the system may be opened', () => {
  const way = [
    '/',
    root,
    places.mnt,
    places.dataRoot,
    volumes,
    `${volumes}/v`,
    `${volumes}/v/_data`,
  ];
  const more = [
    `${other}/v/_data`,
    `${places.mnt}/.cowherd/snapshots/x`,
    '/proc/self/stat',
    '/dev/loop7',
  ];
  assert.equal(told([...way, ...more, places.config, '/usr/bin/cat', 'mnt:[4026531840]']), []);
});

for (const base of [volumes, other]) {
  test(`nothing in a volume may, whatever it is called: ${base}`, () => {
    const inside = [
      '/v/_data/x',
      '/v/_data/volumes',
      '/v/_data/volumes/evil',
      '/v/_data/volumes/v/_data',
    ];
    const beside = ['/v/volumes', '/v/_data\n', '/v/_datax', '/v/.cowherd-new-1/volumes/v'];
    const paths = [...inside, ...beside].map((path) => base + path);
    assert.equal(told(paths), paths);
  });
}

test('what is copied is read, and nothing beside it', () => {
  const copied = [`${volumes}/v/_data/x`, `${other}/v/.cowherd-old-1-_data/x`];
  const rest = [`${volumes}/vx/_data/x`, `${other}/w/_data/x`, `${root}/outside/secret`];
  assert.equal(strangers(places, [...copied, ...rest], ['v']), rest);
});

test('nor what is elsewhere, or only begins like a place of ours', () => {
  const paths = [
    '/etc/shadow',
    '/home/volumes',
    `${places.dataRoot}/volumesx/v`,
    `${places.mnt}/volumes/v`,
    '/usrx',
    `${root}/outside/secret`,
  ];
  assert.equal(told(paths), paths);
});

test.run();
