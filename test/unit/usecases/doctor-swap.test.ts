import { test } from '../../support/suite.ts';
import * as assert from 'uvu/assert';
import { parseSwaps, swapfileIn, swapFindings } from '../../../src/usecases/doctor-swap.ts';
import { placedAgent, placement } from '../../support/placed.ts';

const SWAPS = `Filename				Type		Size		Used		Priority
/dev/vda2                               partition	1048572		0		-2
/srv/swap\\040file                       file		8188		0		-3
/swap\\134odd\\040(deleted)               file		8188		0		-4
`;

const inWork = { path: '/x/swap', fsId: 'fs-1', dataset: '/docker/volumes/jobs/_data' };

test('swapfiles are told from partitions, odd names as they are', () => {
  assert.equal(parseSwaps(SWAPS), ['/srv/swap file', '/swap\\odd (deleted)']);
  assert.equal(parseSwaps(''), []);
});

test('a swapfile matters where it lies in what is captured', () => {
  const isolated = placement('jobs');
  assert.is(swapfileIn(isolated, [inWork]), inWork);
  assert.is(swapfileIn(isolated, [{ ...inWork, fsId: 'fs-2' }]), null);
  assert.is(swapfileIn(isolated, [{ ...inWork, dataset: '/' }]), null);
  const plain = placement('jobs', { isolated: false, dataset: '/' });
  assert.is(swapfileIn(plain, [{ ...inWork, dataset: '/' }])?.path, '/x/swap');
  const nesting = placement('jobs', { nested: [{ path: 'inner', reason: null }] });
  const inner = { ...inWork, dataset: `${isolated.pathInFs}/inner` };
  assert.is(swapfileIn(nesting, [inner]), inner);
});

test('a filesystem without a store concerns nobody', () => {
  const elsewhere = placement('jobs', { fsId: '', dataset: '' });
  assert.is(swapfileIn(elsewhere, [{ path: '/swap', fsId: '', dataset: '' }]), null);
});

test('the mend says which file', () => {
  const [finding] = swapFindings(placedAgent('alpha', [placement('jobs')]), [inWork]);
  assert.is(finding?.severity, 'error');
  assert.match(finding?.mend ?? '', 'swapoff /x/swap');
});

test.run();
