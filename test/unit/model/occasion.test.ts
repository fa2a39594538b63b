import * as assert from 'uvu/assert';
import type { Container } from '../../../src/model/agent.ts';
import { agentsOf, withOtherImage } from '../../../src/model/occasion.ts';
import { container, group, trinity, volume } from '../../support/fixtures/host.ts';
import { test } from '../../support/suite.ts';

const VOLUMES = [volume('a-ws', trinity('a')), volume('b-ws', trinity('b'))];
const seen = (...containers: readonly Container[]) => ({
  ...{ ...group(containers, VOLUMES), containers, dataRoot: null },
});
const A = container('agent-a', ['a-ws'], trinity('a'));
const B = container('agent-b', ['b-ws', 'a-ws:ro'], trinity('b'));

test('a container that goes concerns its agent, and those whose volumes it mounted', () => {
  assert.equal(agentsOf(seen(A, B), 'id-agent-a'), ['a']);
  assert.equal(agentsOf(seen(A, B), 'id-agent-b'), ['a', 'b']);
  const helper = container('helper', ['b-ws']);
  assert.equal(agentsOf(seen(A, B, helper), 'id-helper'), ['b']);
  assert.equal(agentsOf(seen(A, B), 'id-of-nobody'), []);
});

test('an agent that comes back with an image that none of its containers had has another image', () => {
  const newer = { ...A, id: 'id-new', imageId: 'sha256:1' };
  assert.equal(withOtherImage(seen(A, B), seen(newer, B)), ['a']);
  assert.equal(withOtherImage(seen(A, B), seen({ ...A, id: 'id-new' }, B)), []);
  const second = container('agent-a-2', ['a-ws'], trinity('a'));
  assert.equal(withOtherImage(seen(A), seen(A, { ...second, imageId: 'sha256:2' })), ['a']);
  assert.equal(withOtherImage(seen(A, newer), seen(newer)), []);
});

test('an agent that is new, was without containers or is gone has none', () => {
  const newer = { ...A, imageId: 'sha256:1' };
  assert.equal(withOtherImage({ ...seen(B), agents: [] }, seen(newer)), []);
  assert.equal(withOtherImage(seen(B), seen(newer, B)), []);
  assert.equal(withOtherImage(seen(A, B), seen(B)), []);
});

test.run();
