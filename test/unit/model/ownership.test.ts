import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { compose, container, group, shape, trinity, volume } from '../../support/fixtures/host.ts';

test('a renamed agent goes by its new name and answers to the old one', () => {
  const volumes = ['ws', 'pub'].map((name) => volume(name, trinity('old')));
  const { agents } = group([container('agent-new', ['ws', 'pub'], trinity('new'))], volumes);
  assert.equal(
    agents.map(({ name, aliases }) => ({ name, aliases })),
    [{ name: 'new', aliases: ['old'] }],
  );
});

test('a new agent of the old name does not get the volumes of the renamed one', () => {
  const containers = [
    container('agent-new', ['ws', 'pub'], trinity('new')),
    container('agent-old', ['ws2'], trinity('old')),
  ];
  const volumes = [
    volume('ws', trinity('old')),
    volume('pub', trinity('old')),
    volume('ws2', trinity('old')),
  ];
  const { agents } = group(containers, volumes);
  assert.equal(
    agents.map(({ name, aliases, volumes: own }) => [name, aliases, own.length]),
    [
      ['new', [], 2],
      ['old', [], 1],
    ],
  );
});

test('a shared volume belongs to the agent of its label, the others are users', () => {
  const containers = [
    container('agent-a', ['a-ws', 'a-shared'], trinity('a')),
    container('agent-b', ['b-ws', 'a-shared'], trinity('b')),
  ];
  const volumes = [
    volume('a-ws', trinity('a')),
    volume('a-shared', trinity('a')),
    volume('b-ws', trinity('b')),
  ];
  const { agents } = group(containers, volumes);
  assert.equal(
    agents.map((agent) => agent.volumes.map((each) => each.name)),
    [['a-shared', 'a-ws'], ['b-ws']],
  );
  assert.equal(agents[0]?.volumes[0]?.users, ['agent-a', 'agent-b']);
});

test('a shared volume of a renamed agent stays with it', () => {
  const containers = [
    container('agent-b', ['b-ws', 'shared'], trinity('b')),
    container('agent-new', ['ws', 'shared'], trinity('new')),
  ];
  const volumes = [
    volume('ws', trinity('old')),
    volume('shared', trinity('old')),
    volume('b-ws', trinity('b')),
  ];
  assert.equal(shape(containers, volumes), {
    b: ['b-ws', '[agent-b]'],
    new: ['shared', 'ws', '[agent-new]'],
  });
});

test('a neighbour does not inherit the shared volume of an agent whose container is gone', () => {
  const containers = [container('agent-b', ['b-ws', 'a-shared'], trinity('b'))];
  const volumes = [
    volume('a-ws', trinity('a')),
    volume('a-shared', trinity('a')),
    volume('b-ws', trinity('b')),
  ];
  assert.equal(shape(containers, volumes), { a: ['a-shared', 'a-ws'], b: ['b-ws', '[agent-b]'] });
});

test('without labels the only writer owns a shared volume, else the first by name', () => {
  const a = trinity('a');
  const b = trinity('b');
  const readers = [container('b1', ['s'], b), container('a1', ['s:ro'], a)];
  assert.equal(shape(readers, [volume('s')]), { b: ['s', '[b1]'] });
  const writers = [container('b1', ['s'], b), container('a1', ['s'], a)];
  assert.equal(shape(writers, [volume('s')]), { a: ['s', '[a1]'] });
});

test('labels of agents in one compose file win over the project that created the volumes', () => {
  const containers = ['a', 'b', 'c'].map((name) =>
    container(`agent-${name}`, [`p_${name}`], { ...compose('p'), ...trinity(name) }),
  );
  const volumes = ['a', 'b', 'c'].map((name) => volume(`p_${name}`, compose('p')));
  assert.equal(shape(containers, volumes), {
    a: ['p_a', '[agent-a]'],
    b: ['p_b', '[agent-b]'],
    c: ['p_c', '[agent-c]'],
  });
});

test('every volume has one owner, whatever the order of the listing', () => {
  const containers = [
    container('b1', ['s', 't'], trinity('b')),
    container('a1', ['s', 'u:ro'], trinity('a')),
    container('c1', ['t', 'u'], compose('a')),
  ];
  const volumes = [volume('s', trinity('z')), volume('t'), volume('u', compose('b'))];
  const forwards = shape(containers, volumes);
  assert.equal(shape([...containers].reverse(), [...volumes].reverse()), forwards);
});

test.run();

test.run();
