import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { overseers } from '../../../src/model/usage.ts';
import { toVolume } from '../../../src/model/listed-volume.ts';
import {
  compose,
  container,
  dataOf,
  group,
  shape,
  trinity,
  volume,
} from '../../support/fixtures/host.ts';

test('an agent is what a label names, then a compose project, then a volume', () => {
  const containers = [
    container('agent-a', ['a-ws', 'a-pub'], { ...trinity('a'), ...compose('platform') }),
    container('shop-db-1', ['shop_db'], compose('shop')),
    container('plain', ['data']),
  ];
  const volumes = ['a-ws', 'a-pub', 'shop_db', 'data'].map((name) => volume(name));
  assert.equal(shape(containers, volumes), {
    a: ['a-pub', 'a-ws', '[agent-a]'],
    data: ['data', '[plain]'],
    shop: ['shop_db', '[shop-db-1]'],
  });
});

test('one label of the config groups alone, and what lacks it goes by volume', () => {
  const containers = [
    container('one', ['x', 'y'], { team: 'red', ...trinity('a') }),
    container('two', ['z'], trinity('a')),
  ];
  const volumes = [volume('x'), volume('y'), volume('z', trinity('a'))];
  assert.equal(shape(containers, volumes, { groupBy: { label: 'team' } }), {
    red: ['x', 'y', '[one]'],
    z: ['z', '[two]'],
  });
});

test('volumes without containers are agents by their own labels, anonymous ones too', () => {
  const hex = 'a'.repeat(64);
  const volumes = [volume('ws', trinity('a')), volume('shop_db', compose('shop')), volume(hex)];
  assert.equal(shape([], volumes), { a: ['ws'], [hex]: [hex], shop: ['shop_db'] });
});

test('containers without labels take part in the agent that the labels of their volumes name', () => {
  const volumes = [volume('ws', trinity('a')), volume('pub', trinity('a'))];
  assert.equal(shape([container('c', ['ws', 'pub'])], volumes), { a: ['pub', 'ws', '[c]'] });
});

test('a helper without labels beside the agent is a user and no part of it', () => {
  const containers = [container('agent-a', ['ws'], trinity('a')), container('helper', ['ws:ro'])];
  const { agents } = group(containers, [volume('ws', trinity('a'))]);
  assert.equal(
    agents[0]?.containers.map((each) => each.name),
    ['agent-a'],
  );
  assert.equal(agents[0]?.volumes[0]?.users, ['agent-a', 'helper']);
});

test('stopped containers count', () => {
  const stopped = { ...container('agent-a', ['ws'], trinity('new')), state: 'exited' as const };
  assert.equal(shape([stopped], [volume('ws', trinity('old'))]), { new: ['ws', '[agent-a]'] });
});

test('containers of an agent without volumes belong to it, but make none alone', () => {
  const containers = [
    container('shop-db-1', ['shop_db'], compose('shop')),
    container('shop-web-1', [], compose('shop')),
    container('lonely', [], trinity('lonely')),
  ];
  assert.equal(shape(containers, [volume('shop_db')]), {
    shop: ['shop_db', '[shop-db-1]', '[shop-web-1]'],
  });
});

test('an anonymous volume goes with its container, named or nameless', () => {
  const one = '1'.repeat(64);
  const two = '2'.repeat(64);
  const containers = [
    container('shop-db-1', ['shop_db', one], compose('shop')),
    container('plain', ['data', two]),
  ];
  const volumes = [volume('shop_db'), volume('data'), volume(one), volume(two)];
  assert.equal(shape(containers, volumes), {
    data: [two, 'data', '[plain]'],
    shop: [one, 'shop_db', '[shop-db-1]'],
  });
});

test('a bind at or below the data makes a user, one above it does not', () => {
  const containers = [
    container('below', [`${dataOf('v')}/sub:ro`]),
    container('monitor', ['/:ro']),
    container('console', ['/var/lib/docker']),
    container('neighbour', [`${dataOf('v')}2`]),
  ];
  const { agents } = group(containers, [volume('v')]);
  assert.equal(agents[0]?.volumes[0]?.users, ['below']);
});

test('who could write through a bind of a directory above is known', () => {
  const containers = [container('monitor', ['/:ro']), container('console', ['/var/lib/docker'])];
  assert.equal(overseers(containers, toVolume(volume('v'))), ['console']);
});

test('a bind-type volume lies at its device path, also for who binds that', () => {
  const listed = volume('b', {}, { type: 'none', o: 'bind,rw', device: '/srv/x/' });
  const { agents, containers } = group(
    [container('c', ['b']), container('d', ['/srv/x/sub'])],
    [listed],
  );
  assert.equal(agents[0]?.volumes[0]?.mountpoint, '/srv/x');
  assert.equal(agents[0]?.volumes[0]?.users, ['c', 'd']);
  assert.is(containers[0]?.mounts[0]?.source, '/srv/x');
});

test('what is no lasting directory of this host is unsupported, with the reason', () => {
  const foreign = { ...volume('f'), driver: 'rclone' };
  const volumes = [
    volume('n', {}, { type: 'nfs', device: ':/x' }),
    volume('t', {}, { type: 'tmpfs' }),
    foreign,
    volume('ok', {}, { size: '1G' }),
  ];
  const { agents } = group([], volumes);
  const reasons = Object.fromEntries(
    agents.map((agent) => [agent.name, agent.volumes[0]?.unsupported]),
  );
  assert.match(reasons['n'] ?? '', 'nfs');
  assert.match(reasons['t'] ?? '', 'tmpfs');
  assert.match(reasons['f'] ?? '', 'rclone');
  assert.is(reasons['ok'], null);
});

test('roles come from the platform label, from compose, or are the name', () => {
  const volumes = [
    volume('x', { ...trinity('a'), 'trinity.platform': 'agent-workspace' }),
    volume('p_db', { ...compose('p'), 'com.docker.compose.volume': 'db' }),
    volume('z'),
  ];
  const roles = group([], volumes).agents.flatMap((agent) =>
    agent.volumes.map((each) => each.role),
  );
  assert.equal(roles, ['workspace', 'db', 'z']);
});

test('listed paths join the agent of that name, or make one with the containers that bind them', () => {
  const containers = [
    container('agent-a', ['ws', '/srv/a/in'], trinity('a')),
    container('tp-backend-1', ['/srv/data'], compose('tp')),
  ];
  const paths = [
    { agent: 'a', path: '/srv/a' },
    { agent: 'trinity-platform', path: '/srv/data' },
  ];
  const { agents } = group(containers, [volume('ws')], { paths });
  assert.equal(
    agents.map((agent) => [
      agent.name,
      agent.volumes.map(({ name, kind, users }) => [name, kind, users]),
    ]),
    [
      [
        'a',
        [
          ['/srv/a', 'path', ['agent-a']],
          ['ws', 'docker', ['agent-a']],
        ],
      ],
      ['trinity-platform', [['/srv/data', 'path', ['tp-backend-1']]]],
    ],
  );
  assert.equal(
    agents[1]?.containers.map((each) => each.name),
    ['tp-backend-1'],
  );
});

test('two kinds of source with one name are reported, and are not one agent', () => {
  const containers = [
    container('c', ['x'], trinity('shop')),
    container('d', ['y'], compose('shop')),
  ];
  const { agents, ambiguous, warnings } = group(containers, [
    volume('x'),
    volume('y'),
    volume('shop'),
  ]);
  assert.equal(
    agents.map((agent) => agent.volumes.map((each) => each.name)),
    [['x']],
  );
  assert.equal(ambiguous, [
    { name: 'shop', sources: ['label "shop"', 'compose project "shop"', 'volume "shop"'] },
  ]);
  assert.is(warnings.length, 1);
});

test('include and exclude filter agents by name', () => {
  const volumes = ['web-1', 'web-2', 'db'].map((name) => volume(name));
  assert.equal(Object.keys(shape([], volumes, { include: ['web-*'], exclude: ['*-2'] })), [
    'web-1',
  ]);
});

test('hostile labels become names that are safe in a path', () => {
  const hostile = ['../../etc/x@y', 'a\nb', 'x'.repeat(300), '..', '*', "'; rm -rf /"];
  const volumes = hostile.map((label, index) => volume(`v${index}`, trinity(label)));
  const { agents } = group([], volumes);
  assert.is(agents.length, hostile.length);
  for (const { name } of agents) {
    assert.match(name, /^[A-Za-z0-9_.%~-]{1,128}$/);
    assert.not.match(name, /^\.\.?$/);
  }
});

test.run();
