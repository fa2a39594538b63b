import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import type { Agent } from '../../../src/model/agent.ts';
import { CowherdError } from '../../../src/model/errors.ts';
import { selectAgents } from '../../../src/model/select.ts';

function agent(name: string, aliases: readonly string[] = []): Agent {
  return { name, aliases, containers: [], volumes: [] };
}

const herd = {
  agents: [agent('alpha'), agent('beta', ['gamma', 'alpha']), agent('my%20agent'), agent('shop')],
  ambiguous: [{ name: 'shop', sources: ['label "shop"', 'volume "shop"'] }],
};

function names(...patterns: string[]) {
  return selectAgents(herd, patterns).agents.map((each) => each.name);
}

function failure(...patterns: string[]): CowherdError {
  try {
    names(...patterns);
  } catch (error) {
    if (error instanceof CowherdError) return error;
  }
  throw new Error('nothing was thrown');
}

test('no pattern means all, names and globs pick each agent once', () => {
  assert.is(names().length, 4);
  assert.equal(names('beta', 'a*', 'b?ta'), ['alpha', 'beta']);
});

test('a former name finds the agent, an agent of that name comes first', () => {
  assert.equal(names('gamma'), ['beta']);
  assert.equal(names('alpha'), ['alpha']);
});

test('a name may be given as its label has it', () => {
  assert.equal(names('my agent'), ['my%20agent']);
});

test('unknown names fail together and say what was probably meant', () => {
  const error = failure('alpah', 'nobody-like-this', 'a*');
  assert.is(error.code, 'AGENT_UNKNOWN');
  assert.equal(error.details['unknown'], ['alpah', 'nobody-like-this']);
  assert.match(error.hint, 'alpha');
});

test('a name of two kinds of source is refused, a glob takes the agent', () => {
  assert.is(failure('shop').code, 'AGENT_AMBIGUOUS');
  assert.equal(names('sho*'), ['shop']);
});

test('a glob that matches nothing is a warning', () => {
  const { agents, warnings } = selectAgents(herd, ['zz*']);
  assert.equal(agents, []);
  assert.is(warnings.length, 1);
});

test.run();
